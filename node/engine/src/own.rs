//! Events of our own homes, inside a turn: where the next one stands, sealed, signed and appended, and the key
//! that a message is sealed with.

use std::collections::BTreeSet;
use std::sync::Arc;

use chater_protocol::chat::keys::{self, Choice, Holder};
use chater_protocol::event::{Feed, Kind, Lane, Position, VerifiedEvent};
use chater_protocol::id::{EventId, KeyId, UserId};
use chater_protocol::payload::{KeyShare, Payload};
use chater_protocol::seal::{self, BoxFor, EpochSecret};
use chater_protocol::time::Timestamp;
use chater_store::chats::{self, KeyRow};
use chater_store::events::{self, Appended, Stored};
use chater_store::{StoreError, homes, quotas};

use crate::boxes;
use crate::deliver::Fresh;
use crate::error::{Error, Reason};
use crate::group;
use crate::quota;
use crate::turn::{ChatContext, Fail, Turn, Writer, key_aad};

/// Boxes in one `key` event: 256 KiB hold them (E6).
const BOXES: usize = 1_000;

/// Seals, signs and appends an event of lane 2, with the keys it needs before it (L3, K4, K5, K9).
pub(crate) fn write_message(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    no: u32,
    kind: Kind,
    inside: &[u8],
    client_id: Option<&str>,
) -> Result<(VerifiedEvent, Stored), Fail> {
    let writer = turn.writer(user)?;
    if kind != Kind::DELETE {
        quota::check(turn, user, inside.len() as u64)?;
    }
    turn.context(no, |turn, context| {
        if let Some(group) = &context.group {
            let seat = group.seat(&user, writer.home);
            if !seat.may_write() || (kind == Kind::PROFILE && !seat.may_profile()) {
                return Err(Error::Forbidden.into());
            }
        }
        let feed = Feed {
            group: context.chat.chat,
            author: user,
            home: writer.home,
            lane: Lane::Messages as u8,
        };
        let mut position = position(turn, no, feed, context)?;
        let known = turn.row(no)?.count;
        let key_id = ready_key(turn, no, context, user, &writer, position.seq)?;
        let secret = context.secrets.get(&key_id).ok_or(Error::Internal)?;
        if turn.row(no)?.count != known {
            // A key event was appended and is a head now: the place is worked out anew.
            position = self::position(turn, no, feed, context)?;
        }
        let payload = seal::seal_message(secret, &feed, position.seq, kind, inside, turn.rng)
            .map_err(|_| Error::invalid("text", Reason::Long))?;
        let event = VerifiedEvent::sign(position, kind, payload, &writer.key);
        let stored = append_own(turn, no, context, &event, client_id)?;
        Ok((event, stored))
    })
}

/// Where the next event of an own feed stands (L1, L2, L4).
pub(crate) fn position(
    turn: &mut Turn<'_, '_>,
    no: u32,
    feed: Feed,
    context: &ChatContext,
) -> Result<Position, StoreError> {
    let row = match events::feed_no(turn.tx, no, &feed)? {
        Some(feed_no) => events::feed(turn.tx, feed_no)?,
        None => None,
    };
    let (seq, prev, prev_ts) = row.map_or((0, EventId::default(), None), |r| {
        (r.whole, r.whole_id, Some(r.whole_ts))
    });
    let now_ms = turn.now_ms;
    let chat = turn.row(no)?;
    let mut deps: Vec<(EventId, Timestamp)> = chat
        .heads
        .iter()
        // Lane 0 is closed in itself (L2).
        .filter(|(id, _)| *id != prev && feed.lane != Lane::Control as u8)
        .copied()
        .collect();
    deps.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    deps.truncate(chater_protocol::limits::LINKS);
    let seen = deps
        .iter()
        .map(|(_, ts)| *ts)
        .chain(prev_ts.filter(|_| seq > 0))
        .max();
    Ok(Position {
        feed,
        seq,
        prev: if seq == 0 { EventId::default() } else { prev },
        ctl: context.ctl(feed.author, feed.home),
        deps: deps.into_iter().map(|(id, _)| id).collect(),
        ts: Timestamp::for_event(now_ms, seen),
    })
}

/// Appends an event of one of our own homes: durable before anybody hears of it (L3), then due to
/// every other node of the chat.
pub(crate) fn append_own(
    turn: &mut Turn<'_, '_>,
    no: u32,
    context: &ChatContext,
    event: &VerifiedEvent,
    client_id: Option<&str>,
) -> Result<Stored, Fail> {
    turn.durable();
    let stored = match turn.append(no, event, client_id)? {
        Appended::New(stored) => stored,
        // Our own next place was free: anything else means that the rows contradict each other.
        _ => return Err(StoreError::Damaged("an own feed".to_owned()).into()),
    };
    let wire: Arc<[u8]> = event.to_wire().into();
    let header = event.header();
    quotas::wrote(turn.tx, header.author, wire.len() as u64, 0)?;
    if !context.routes.is_empty() {
        for (node, _) in &context.routes {
            let fresh = Fresh {
                chat: context.chat.clone(),
                feed_no: stored.feed_no,
                seq: header.seq,
                id: event.id(),
                author: header.author,
                kind: header.kind,
                wire: wire.clone(),
            };
            turn.effects.due.push((*node, fresh));
        }
    }
    Ok(stored)
}

/// The key to seal with (K4), shared with whoever lacks it (K5), or a new one for all (K8).
pub(crate) fn ready_key(
    turn: &mut Turn<'_, '_>,
    no: u32,
    context: &mut ChatContext,
    user: UserId,
    writer: &Writer,
    seq: u64,
) -> Result<KeyId, Fail> {
    for known in &mut context.keys {
        let since = context
            .since
            .get(&(known.id, writer.home))
            .copied()
            .unwrap_or(seq);
        known.sealed = seq.saturating_sub(since);
    }
    let clean = group::safe_keys(turn, no, context)?;
    let (key_id, share_with, secret) = match keys::choose(
        clean.as_deref().unwrap_or(&context.keys),
        &context.live,
        turn.now_ms,
    ) {
        Choice::Use { key, share_with } if share_with.is_empty() => {
            note_first_use(turn, no, context, key, writer, seq)?;
            return Ok(key);
        }
        // K6: where the newcomer may not read what was sealed before, a new key is made.
        Choice::Use { key, share_with }
            if group::may_all_have(turn, no, context, key, &share_with)? =>
        {
            let secret = context.secrets.get(&key).cloned().ok_or(Error::Internal)?;
            (key, share_with, secret)
        }
        Choice::Use { .. } | Choice::Make => {
            let secret = EpochSecret::generate(turn.rng);
            context.fresh.insert(secret.id(), true);
            (secret.id(), context.live.iter().copied().collect(), secret)
        }
    };
    let mut wanted = Vec::new();
    for (to, home) in share_with {
        // A home whose card is not here yet gets its box with a later message (K5).
        let Some((card, _)) = homes::kem(turn.tx, to, home)? else {
            continue;
        };
        let who = BoxFor {
            group: context.chat.chat,
            author: user,
            author_home: writer.home,
            user: to,
            home,
            n: card.n,
        };
        wanted.push((who, card.kem_pk));
    }
    let mut boxes = boxes::seal_all(&secret, &wanted);
    let mut holders: Vec<Holder> = vec![(user, writer.home)];
    holders.extend(boxes.iter().map(|sealed| (sealed.user, sealed.home)));
    // E6: one key may need several events.
    while !boxes.is_empty() {
        let rest = boxes.split_off(boxes.len().min(BOXES));
        let share = KeyShare {
            key_id,
            boxes: std::mem::replace(&mut boxes, rest),
        };
        write_key(turn, no, context, user, writer, &share)?;
    }
    let mut row = chats::key(turn.tx, no, key_id)?.unwrap_or(KeyRow {
        v: 1,
        sealed: None,
        holders: Vec::new(),
        first_ms: turn.now_ms,
        since: Vec::new(),
    });
    if row.sealed.is_none() {
        let aad = key_aad(context.chat.chat, key_id);
        row.sealed = Some(serde_bytes::ByteBuf::from(turn.shared.kek.seal(
            &aad,
            secret.bytes(),
            turn.rng,
        )));
    }
    let mut held: BTreeSet<Holder> = row.holders.iter().copied().collect();
    row.holders
        .extend(holders.into_iter().filter(|new| held.insert(*new)));
    chats::put_key(turn.tx, no, key_id, &row)?;
    context.secrets.insert(key_id, secret);
    context.keys.retain(|known| known.id != key_id);
    context.keys.push(keys::KnownKey {
        id: key_id,
        holders: row.holders.iter().copied().collect(),
        first_ms: row.first_ms,
        sealed: 0,
        usable: true,
    });
    note_first_use(turn, no, context, key_id, writer, seq)?;
    Ok(key_id)
}

/// Appends a `key` event of an own home (K2).
pub(crate) fn write_key(
    turn: &mut Turn<'_, '_>,
    no: u32,
    context: &ChatContext,
    user: UserId,
    writer: &Writer,
    share: &KeyShare,
) -> Result<(), Fail> {
    let feed = Feed {
        group: context.chat.chat,
        author: user,
        home: writer.home,
        lane: Lane::Keys as u8,
    };
    let position = position(turn, no, feed, context)?;
    let event = VerifiedEvent::sign(position, Kind::KEY, share.encode(), &writer.key);
    append_own(turn, no, context, &event, None)?;
    Ok(())
}

/// K8 counts messages from here.
fn note_first_use(
    turn: &mut Turn<'_, '_>,
    no: u32,
    context: &mut ChatContext,
    key: KeyId,
    writer: &Writer,
    seq: u64,
) -> Result<(), StoreError> {
    if let std::collections::hash_map::Entry::Vacant(slot) = context.since.entry((key, writer.home))
    {
        slot.insert(seq);
        if let Some(mut row) = chats::key(turn.tx, no, key)? {
            row.since.push((writer.home, seq));
            chats::put_key(turn.tx, no, key, &row)?;
        }
    }
    Ok(())
}
