//! Answering peers: what each may have (S9), from a snapshot; pushes go to the writer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chater_network::Pushes;
use chater_protocol::chat::direct;
use chater_protocol::event::Feed;
use chater_protocol::heads::{digest, digest_from};
use chater_protocol::id::{NodeId, UserId};
use chater_protocol::identity::{Signed, live_homes};
use chater_protocol::limits;
use chater_protocol::seal::BoxFor;
use chater_protocol::wire::{
    ChatRef, EphBatch, Get, Identities, KeyAnswer, KeyRequest, LogAnswer, LogRequest, Message,
    Push, Range, SummaryRow, chat_topic,
};
use chater_store::{Rows, StoreError, chats, events, forks, groups, homes};
use serde_bytes::ByteBuf;

use crate::actor::From;
use crate::fetch::{close_gap, known_home, take_in};
use crate::group;
use crate::moved;
use crate::needs::chats_with;
use crate::remote;
use crate::shared::{Shared, lock};
use crate::ticket;
use crate::turn::Fail;

/// Notes in one batch.
const NOTES: usize = 16;

pub(crate) const REFUSED: LogAnswer = LogAnswer::Refused(0);
/// The same request may be answered later.
pub(crate) const NOT_NOW: LogAnswer = LogAnswer::Refused(1);

/// Answers one request of `/chater/log/1`.
pub(crate) async fn log(shared: &Arc<Shared>, peer: NodeId, request: LogRequest) -> LogAnswer {
    if shared.links.brings_mail_alone(shared, peer) {
        return NOT_NOW;
    }
    let answer = match request {
        LogRequest::Push(push) => return self::push(shared, peer, push).await,
        LogRequest::Eph(batch) => {
            notes(shared, batch).await;
            return LogAnswer::Done(0);
        }
        LogRequest::Lives(people) => {
            moved::told(shared, peer, people).await;
            return LogAnswer::Done(0);
        }
        LogRequest::Join(join) => return ticket::joined(shared, peer, join).await,
        LogRequest::KeyRequest(request) => return keys(shared, peer, request).await,
        LogRequest::Summary(rows) => summary(shared, peer, &rows),
        LogRequest::Heads(chat) => heads(shared, peer, &chat),
        LogRequest::Range(range) => self::range(shared, peer, &range),
        LogRequest::Get(get) => self::get(shared, peer, &get),
        LogRequest::Identity(users) => identities_of(
            shared,
            users
                .get(..limits::IDS.min(users.len()))
                .unwrap_or_default(),
            limits::RANGE_BYTES,
        )
        .map(LogAnswer::Identities),
    };
    answer.unwrap_or_else(|error| {
        tracing::error!(%error, "a peer's request cannot be answered");
        REFUSED
    })
}

/// Events that a peer brings: one ack each, after the commit.
async fn push(shared: &Arc<Shared>, peer: NodeId, push: Push) -> LogAnswer {
    if push.events.len() > limits::PUSH_EVENTS {
        return REFUSED;
    }
    let taken = take_in(shared, peer, push.chat, push.events).await;
    if taken.forged {
        // Whoever keeps the rules has verified it before it was passed on.
        shared.fault(peer);
    }
    if let Some(link) = lock(&shared.presence).links.get(&peer)
        && lock(&link.hot).sign_of_life()
    {
        link.delivery.notify_one();
    }
    let acks: Vec<u8> = taken.acks.into_iter().map(|ack| ack as u8).collect();
    LogAnswer::Acks(ByteBuf::from(acks))
}

/// Serves the stream over which a peer pushes, one frame after the other: while one is carried out the
/// rest waits at the peer. Nothing but pushes comes this way.
pub(crate) async fn pushes(shared: Arc<Shared>, mut stream: Pushes) {
    let peer = stream.peer();
    while let Some(pushed) = stream.next().await {
        let answer = match LogRequest::decode(&pushed.body) {
            Ok(_) if shared.links.brings_mail_alone(&shared, peer) => NOT_NOW,
            Ok(LogRequest::Push(push)) => self::push(&shared, peer, push).await,
            Ok(_) => REFUSED,
            Err(reason) => {
                // Whatever follows would not be in step.
                tracing::debug!(%reason, peer = %peer.short(), "a push that is none");
                shared.fault(peer);
                return;
            }
        };
        if !stream.answer(&answer.encode()).await {
            return;
        }
    }
    if stream.was_too_large() {
        shared.fault(peer);
    }
}

/// S9: served to the node of a live home of a present member (of a or b in a direct chat).
fn may_have(rows: &impl Rows, peer: NodeId, chat: &ChatRef) -> Result<Option<u32>, StoreError> {
    if chat.users.is_none() {
        let Some(no) = chats::number(rows, chat.chat)? else {
            return Ok(None);
        };
        let members = groups::group(rows, no)?.unwrap_or_default().members;
        for (user, _) in members {
            if homes::live(rows, user)?
                .iter()
                .any(|(_, home)| home.node_id == peer)
            {
                return Ok(Some(no));
            }
        }
        return Ok(None);
    }
    let Some((a, b)) = direct::is_direct(chat) else {
        return Ok(None);
    };
    for user in [a, b] {
        if homes::live(rows, user)?
            .iter()
            .any(|(_, home)| home.node_id == peer)
        {
            return chats::number(rows, chat.chat);
        }
    }
    Ok(None)
}

/// S5, S6: which of these chats differ here. What differs although both had compared all is fetched: the one who asks
/// fetches what lacks there, and only this side knows what lacks here.
fn summary(
    shared: &Arc<Shared>,
    peer: NodeId,
    theirs: &[SummaryRow],
) -> Result<LogAnswer, StoreError> {
    let theirs = theirs.get(..limits::SUMMARY_ROWS).unwrap_or(theirs);
    let asked: BTreeSet<_> = theirs.iter().map(|row| row.topic.0).collect();
    let rows = shared.store.read()?;
    let mut mine = BTreeMap::new();
    for (no, chat) in chats_with(&rows, peer)? {
        let topic = chat_topic(chat.chat).0;
        if asked.contains(&topic) {
            let digest = digest_from(digest(&events::heads(&rows, no)?), peer);
            mine.insert(topic, (digest, chat));
        }
    }
    let later = lock(&shared.presence)
        .links
        .get(&peer)
        .is_some_and(|link| lock(&link.hot).is_compared());
    let mut differ = Vec::new();
    for row in theirs {
        match mine.get(&row.topic.0) {
            Some((digest, _)) if *digest == row.digest => continue,
            Some((_, chat)) if later => close_gap(shared, peer, chat.clone()),
            _ => {}
        }
        differ.push(row.topic);
    }
    Ok(LogAnswer::Differ(differ))
}

fn heads(shared: &Shared, peer: NodeId, chat: &ChatRef) -> Result<LogAnswer, StoreError> {
    let rows = shared.store.read()?;
    let mut heads = match may_have(&rows, peer, chat)? {
        Some(no) => {
            let mut heads = events::heads(&rows, no)?;
            heads.extend(forks::branches(&rows, no)?);
            heads
        }
        // Unknown and foreign look the same: nothing is here.
        None => Vec::new(),
    };
    heads.truncate(limits::HEAD_ROWS);
    Ok(LogAnswer::Heads(heads))
}

fn range(shared: &Shared, peer: NodeId, range: &Range) -> Result<LogAnswer, StoreError> {
    let rows = shared.store.read()?;
    let feed = Feed {
        group: range.chat.chat,
        author: range.author,
        home: range.home,
        lane: range.lane,
    };
    let feed_no = match may_have(&rows, peer, &range.chat)? {
        Some(no) => events::feed_no(&rows, no, &feed)?,
        None => None,
    };
    let wires = match feed_no {
        Some(no) => events::range(
            &rows,
            no,
            range.from,
            range.to,
            limits::RANGE_EVENTS,
            limits::RANGE_BYTES,
        )?,
        None => Vec::new(),
    };
    Ok(LogAnswer::Events(
        wires.into_iter().map(ByteBuf::from).collect(),
    ))
}

fn get(shared: &Shared, peer: NodeId, get: &Get) -> Result<LogAnswer, StoreError> {
    let rows = shared.store.read()?;
    let mut wires = Vec::new();
    if let Some(no) = may_have(&rows, peer, &get.chat)? {
        let mut bytes = 0;
        for id in get.ids.iter().take(limits::IDS) {
            let Some(stored) = events::find(&rows, *id)? else {
                continue;
            };
            // Each id is checked: it must be of this very chat (S9).
            if events::feed(&rows, stored.feed_no)?.is_none_or(|feed| feed.chat_no != no) {
                continue;
            }
            if let Some(wire) = events::wire(&rows, stored.feed_no, stored.seq, stored.branch)? {
                bytes += wire.len() + 8;
                if bytes > limits::RANGE_BYTES {
                    break;
                }
                wires.push(ByteBuf::from(wire));
            }
        }
    }
    Ok(LogAnswer::Events(wires))
}

/// All that is known of some users, as received, as far as it fits into `room` bytes: whole users, of
/// each the live homes first.
pub(crate) fn identities_of(
    shared: &Shared,
    users: &[UserId],
    room: usize,
) -> Result<Identities, StoreError> {
    // A record is two byte strings, body and signature.
    let size = |signed: &Signed| signed.to_bytes().len() + 4;
    let rows = shared.store.read()?;
    let mut found = Identities::default();
    let mut used = 0;
    for user in users {
        let records = homes::home_records(&rows, *user)?;
        let all: Vec<_> = records.iter().map(|(record, _)| record.clone()).collect();
        let live: BTreeSet<_> = live_homes(&all).into_iter().map(|(id, _)| id).collect();
        let mut one = Identities::default();
        let mut bytes = 0;
        if let Some((_, card)) = homes::card(&rows, *user)? {
            bytes += size(&card);
            one.profiles.push(card);
        }
        let (first, rest): (Vec<_>, Vec<_>) = records
            .into_iter()
            .partition(|(record, _)| live.contains(&record.id()));
        for (record, signed) in first.into_iter().chain(rest) {
            let kem = homes::kem(&rows, *user, record.id())?
                .map(|(_, kem)| kem)
                .filter(|_| live.contains(&record.id()));
            bytes += size(&signed) + kem.as_ref().map_or(0, size);
            if used + bytes > room {
                break;
            }
            one.homes.push(signed);
            one.kems.extend(kem);
        }
        if one.homes.is_empty() && bytes > 0 && !found.homes.is_empty() {
            break;
        }
        used += bytes;
        found.homes.append(&mut one.homes);
        found.kems.append(&mut one.kems);
        found.profiles.append(&mut one.profiles);
        if used > room {
            break;
        }
    }
    Ok(found)
}

/// K7: boxes for a home on the asking node, made by a member who lives here.
async fn keys(shared: &Arc<Shared>, peer: NodeId, request: KeyRequest) -> LogAnswer {
    let answer = shared
        .inputs
        .run(From::Others, move |turn| {
            let Some(no) = turn.number(request.chat.chat)? else {
                return Ok(Vec::new());
            };
            let (members, local) = turn.context(no, |_, context| {
                Ok((context.members.clone(), context.locals().next()))
            })?;
            let home = homes::live(turn.tx, request.user)?
                .into_iter()
                .find(|(id, _)| *id == request.home);
            let theirs = home.is_some_and(|(_, record)| record.node_id == peer);
            if !theirs || !members.contains(&request.user) {
                return Ok(Vec::new());
            }
            let Some((card, _)) = homes::kem(turn.tx, request.user, request.home)? else {
                return Ok(Vec::new());
            };
            let Some(author) = local else {
                return Ok(Vec::new());
            };
            let writer = turn.writer(author)?;
            turn.context(no, |turn, context| {
                let who = BoxFor {
                    group: request.chat.chat,
                    author,
                    author_home: writer.home,
                    user: request.user,
                    home: request.home,
                    n: card.n,
                };
                let mut answers = Vec::new();
                for key_id in request.key_ids.iter().take(limits::IDS) {
                    // K7: one whom the history policy of the group allows it, or a holder already.
                    let asking = [(request.user, request.home)];
                    if !group::may_all_have(turn, no, context, *key_id, &asking)?
                        && !group::was_given(turn, no, context, *key_id, request.user)?
                    {
                        continue;
                    }
                    if let Some(secret) = context.secrets.get(key_id)
                        && let Ok(sealed) = who.seal(secret, &card.kem_pk, turn.rng)
                    {
                        answers.push(KeyAnswer {
                            key_id: *key_id,
                            author,
                            author_home: writer.home,
                            sealed,
                        });
                    }
                }
                Ok::<_, Fail>(answers)
            })
        })
        .await;
    answer.map_or(REFUSED, LogAnswer::Keys)
}

/// L9: notes are verified against their home, then shown; best effort.
async fn notes(shared: &Arc<Shared>, batch: EphBatch) {
    let mut good = Vec::new();
    for note in batch.notes.into_iter().take(NOTES) {
        if let Some(home) = known_home(shared, note.author, note.home)
            && note.verify(batch.chat.chat, &home).is_ok()
        {
            good.push(note);
        }
    }
    if !good.is_empty() {
        let chat = batch.chat;
        let _ = shared
            .inputs
            .run(From::Others, move |turn| {
                for note in &good {
                    remote::noted(turn, &chat, note)?;
                }
                Ok(())
            })
            .await;
    }
}
