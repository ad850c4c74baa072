//! What users of this node ask for, inside a turn: check first, then write. Nothing here reads a clock
//! or awaits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chater_protocol::chat::keys::{self, Choice, Holder};
use chater_protocol::event::{Feed, Kind, Lane, Position, VerifiedEvent};
use chater_protocol::id::{ChatId, EventId, KeyId, UserId};
use chater_protocol::payload::{Delete, Edit, KeyShare, Msg, Payload, React};
use chater_protocol::seal::{self, BoxFor, EphNote, Ephemeral, EpochSecret};
use chater_protocol::text;
use chater_protocol::time::Timestamp;
use chater_store::chats::{self, InboxRow, KeyRow};
use chater_store::events::{self, Appended, Stored};
use chater_store::tables::Table;
use chater_store::{Rows as _, StoreError, groups, homes, quotas};

use crate::arrange::is_muted;
use crate::boxes;
use crate::deliver::Fresh;
use crate::error::{Error, Reason};
use crate::group;
use crate::hide::DELETED;
use crate::preferences;
use crate::quota;
use crate::read::{Reader, draft_aad, rules};
use crate::turn::{ChatContext, Fail, Turn, Writer, key_aad};
use crate::update::News;
use crate::user::Draft;
use crate::view::{Chat, Message, MessageState};

/// Own messages may be changed for 48 hours.
const EDIT_MS: u64 = 48 * 60 * 60 * 1000;
/// Boxes in one `key` event: 256 KiB hold them (E6).
const BOXES: usize = 1_000;
/// Changes of one message up to which each is shown at once.
const SHOWN: usize = 256;

/// The viewer's own chat: number and how it stands; others' chats do not exist for them.
pub(crate) fn own_chat(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
) -> Result<(u32, InboxRow), Fail> {
    let no = turn.number(chat)?.ok_or(Error::NotFound)?;
    let inbox = chats::inbox(turn.tx, user, no)?.ok_or(Error::NotFound)?;
    Ok((no, inbox))
}

/// A text as it will be stored (Q30).
pub(crate) fn check_text(text: &str) -> Result<String, Error> {
    text::message_text(text).map_err(|bad| {
        Error::invalid(
            "text",
            match bad {
                text::BadText::Empty => Reason::Empty,
                text::BadText::Long => Reason::Long,
                text::BadText::Control => Reason::Control,
            },
        )
    })
}

fn check_client_id(id: &str) -> Result<(), Error> {
    let ok = (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if ok {
        Ok(())
    } else {
        Err(Error::invalid("client_id", Reason::Malformed))
    }
}

/// Sends a message. `bool` = newly stored; false = the same `client_id` again (Q27).
pub(crate) fn send(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    draft: Draft,
) -> Result<(Arc<Message>, bool), Fail> {
    let text = check_text(&draft.text)?;
    if let Some(id) = &draft.client_id {
        check_client_id(id)?;
    }
    let (no, mut inbox) = own_chat(turn, user, chat)?;
    if let Some(client_id) = &draft.client_id
        && let Some(id) = chats::by_client_id(turn.tx, user, no, client_id)?
    {
        return Ok((Arc::new(message(turn, user, no, id)?), false));
    }
    if inbox.state == 3 {
        return Err(Error::Forbidden.into());
    }
    if let Some(answered) = draft.reply_to {
        turn.in_chat(no, answered)?
            .ok_or(Error::invalid("reply_to", Reason::Malformed))?;
    }
    let body = Msg {
        text,
        reply_to: draft.reply_to,
        attachments: Vec::new(),
    };
    let (event, stored) = write_message(
        turn,
        user,
        no,
        Kind::MSG,
        &body.encode(),
        draft.client_id.as_deref(),
    )?;
    if let Some(client_id) = &draft.client_id {
        chats::put_client_id(turn.tx, user, no, client_id, event.id(), turn.now_ms)?;
    }
    // Writing is reading, accepting a request, and the end of the draft.
    inbox.read_n = stored.n;
    inbox.state = 0;
    inbox.draft = None;
    chats::put_inbox(turn.tx, user, no, &inbox)?;
    turn.shared
        .counters
        .sent
        .fetch_add(1, std::sync::atomic::Ordering::Relaxed);

    let mut own = None;
    let (locals, everybody_here) = turn.context(no, |_, context| {
        let locals: Vec<UserId> = context.locals().collect();
        let all = locals.len() == context.members.len() && locals.len() > 1;
        Ok((locals, all))
    })?;
    for local in &locals {
        let reader = Reader::new(turn.shared, turn.tx, *local);
        let mut view = reader.fresh(
            no,
            &event,
            &stored,
            body.clone(),
            draft.client_id.clone(),
            turn.now_ms,
        )?;
        if view.own && everybody_here {
            view.state = MessageState::Delivered;
        }
        let view = Arc::new(view);
        if *local == user {
            own = Some(view.clone());
        } else {
            open_for(turn, *local, no)?;
        }
        if turn.shared.hub.listens(*local) {
            turn.tell(*local, News::Message(view));
            turn.card_changed(*local, no);
        }
    }
    let own = own.ok_or(Error::Internal)?;
    Ok((own, true))
}

/// The chat is in that user's list from now on.
pub(crate) fn open_for(turn: &mut Turn<'_, '_>, user: UserId, no: u32) -> Result<(), StoreError> {
    let row = match chats::inbox(turn.tx, user, no)? {
        None => InboxRow {
            state: preferences::first_state(turn.tx, user)?,
            ..InboxRow::default()
        },
        // Deleted for oneself: a new message brings the chat back, without what was in it.
        Some(row) if row.state == DELETED => InboxRow { state: 0, ..row },
        // So does a chat in the archive, unless it is silent.
        Some(row) if row.archived && !is_muted(&row, turn.now_ms) => InboxRow {
            archived: false,
            ..row
        },
        Some(_) => return Ok(()),
    };
    chats::put_inbox(turn.tx, user, no, &row)?;
    turn.card_changed(user, no);
    Ok(())
}

fn message(turn: &mut Turn<'_, '_>, user: UserId, no: u32, id: EventId) -> Result<Message, Fail> {
    let row = turn.row(no)?.clone();
    let (stored, event) = events::by_id(turn.tx, id)?.ok_or(Error::NotFound)?;
    let reader = Reader::new(turn.shared, turn.tx, user);
    Ok(reader
        .at(no, &row, &stored, &event)?
        .ok_or(Error::NotFound)?)
}

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

/// Edits, deletes and reactions: an event of its own that names its target (L8).
pub(crate) enum Change {
    Edit(String),
    Delete,
    React(String, bool),
}

/// Changes a message; gives it as it is now.
pub(crate) fn change(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    target: EventId,
    change: &Change,
) -> Result<Arc<Message>, Fail> {
    let (no, inbox) = own_chat(turn, user, chat)?;
    let now = message(turn, user, no, target)?;
    if inbox.state == 3 {
        return Err(Error::Forbidden.into());
    }
    let (kind, inside) = match change {
        Change::Edit(_) if !now.own => return Err(Error::Forbidden.into()),
        // M4: in a group, whoever leads it may take back what members wrote.
        Change::Delete if !now.own && !group::may_delete(turn, no, user, now.author.user_id)? => {
            return Err(Error::Forbidden.into());
        }
        _ if now.deleted => return Err(Error::NotFound.into()),
        Change::Edit(text) => {
            if turn
                .now_ms
                .saturating_sub(u64::try_from(now.sent_at_ms).unwrap_or(0))
                > EDIT_MS
            {
                return Err(Error::Forbidden.into());
            }
            let text = check_text(text)?;
            if now.text.as_deref() == Some(&text[..]) {
                return Ok(Arc::new(now));
            }
            (Kind::EDIT, Edit { target, text }.encode())
        }
        Change::Delete => (Kind::DELETE, Delete { target }.encode()),
        Change::React(emoji, on) => {
            text::check_emoji(emoji).map_err(|_| Error::invalid("emoji", Reason::Malformed))?;
            let given = now.reactions.iter().any(|r| r.emoji == *emoji && r.mine);
            if given == *on {
                return Ok(Arc::new(now));
            }
            (
                Kind::REACT,
                React {
                    target,
                    emoji: emoji.clone(),
                    on: *on,
                }
                .encode(),
            )
        }
    };
    let (event, stored) = write_message(turn, user, no, kind, &inside, None)?;
    amended(turn, no, target, &event, &stored)?;
    Ok(Arc::new(message(turn, user, no, target)?))
}

/// Notes what an event changes and shows it to every local member. Also for events of peers.
pub(crate) fn amended(
    turn: &mut Turn<'_, '_>,
    no: u32,
    target: EventId,
    event: &VerifiedEvent,
    stored: &Stored,
) -> Result<(), Fail> {
    let header = event.header();
    // A target in another chat is void (L8). One that is not here yet is looked at again on reading.
    if events::find(turn.tx, target)?.is_some() && turn.in_chat(no, target)?.is_none() {
        return Ok(());
    }
    events::amend(turn.tx, target, header, stored)?;
    if header.kind == Kind::DELETE
        && let Some((at, victim)) = events::by_id(turn.tx, target)?
        && group::deletes(turn, no, event, victim.header().author)?
        && victim.header().kind == Kind::MSG
        && victim.header().group == header.group
    {
        let (author, gone) = (
            victim.header().author,
            victim.payload().map_or(0, <[u8]>::len),
        );
        events::drop_payload(turn.tx, &at, victim)?;
        if turn.is_local(author)? {
            quotas::wrote(turn.tx, author, 0, gone as u64)?;
        }
    }
    // Each view reads all changes of the message: one that a peer has changed hundreds of times is not
    // worked out anew for each of them, pages load it.
    let mut changes = 0;
    turn.tx.each(Table::Amends, &target.0, &mut |_, _| {
        changes += 1;
        changes <= SHOWN
    })?;
    let locals: Vec<UserId> = turn.context(no, |_, context| Ok(context.locals().collect()))?;
    for local in locals {
        if changes > SHOWN {
            turn.card_changed(local, no);
        } else if turn.shared.hub.listens(local)
            && let Ok(view) = message(turn, local, no, target)
        {
            turn.tell(local, News::Message(Arc::new(view)));
            turn.card_changed(local, no);
        }
    }
    Ok(())
}

/// Everything up to that message is read; the other side is told (L9).
pub(crate) fn read(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    id: EventId,
) -> Result<Vec<Note>, Fail> {
    let (no, mut inbox) = own_chat(turn, user, chat)?;
    let stored = turn.in_chat(no, id)?.ok_or(Error::NotFound)?;
    if stored.n <= inbox.read_n
        && chats::mark(turn.tx, no, user)?.is_some_and(|(_, _, eff)| eff >= stored.eff)
    {
        return Ok(Vec::new());
    }
    inbox.read_n = inbox.read_n.max(stored.n);
    chats::put_inbox(turn.tx, user, no, &inbox)?;
    turn.card_changed(user, no);
    let old = chats::mark(turn.tx, no, user)?;
    // Strangers and blocked people are not told, and nobody is when the reader does not want it.
    if inbox.state != 0
        || !preferences::of(turn.tx, user)?.read_marks
        || !groups::group(turn.tx, no)?.is_none_or(|group| rules(group.policy.as_ref()).read_marks)
        || old.is_some_and(|(_, _, eff)| eff >= stored.eff)
    {
        return Ok(Vec::new());
    }
    let counter = Timestamp::for_event(turn.now_ms, old.map(|(counter, ..)| counter));
    mark_read(turn, no, user, counter, id, stored.eff)?;
    note(turn, user, no, counter, &EphNote::Read(id))
}

/// Keeps a member's read mark and shows it to the authors who live here.
pub(crate) fn mark_read(
    turn: &mut Turn<'_, '_>,
    no: u32,
    reader: UserId,
    counter: Timestamp,
    id: EventId,
    eff: Timestamp,
) -> Result<(), Fail> {
    let old = chats::mark(turn.tx, no, reader)?.map_or(Timestamp(0), |(_, _, eff)| eff);
    if eff < old || !chats::put_mark(turn.tx, no, reader, counter, id, eff)? {
        return Ok(());
    }
    let (chat, locals): (ChatId, Vec<UserId>) = turn.context(no, |_, c| {
        Ok((c.chat.chat, c.locals().filter(|u| *u != reader).collect()))
    })?;
    let is_group = turn.row(no)?.users.is_none();
    for author in locals {
        if turn.shared.hub.listens(author) && preferences::of(turn.tx, author)?.read_marks {
            let reader = Reader::new(turn.shared, turn.tx, author);
            let mut ids = reader.own_between(no, old, eff)?;
            if is_group {
                // Read is what the last member has read.
                let rest = reader.keep_those(chat, &mut ids, MessageState::Read)?;
                if let Some(news) = reader.told_reach(chat, &rest)? {
                    turn.tell(author, news);
                }
            }
            if !ids.is_empty() {
                turn.tell(
                    author,
                    News::State {
                        chat_id: chat,
                        ids,
                        state: MessageState::Read,
                    },
                );
                turn.card_changed(author, no);
            }
        }
    }
    Ok(())
}

/// A sealed note and the nodes it goes to.
pub(crate) struct Note {
    pub(crate) node: chater_protocol::id::NodeId,
    pub(crate) chat: chater_protocol::wire::ChatRef,
    pub(crate) note: Ephemeral,
}

/// Seals a mark or typing note for the other nodes of a chat (L9). Without a key there is nobody to tell.
pub(crate) fn note(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    no: u32,
    counter: Timestamp,
    what: &EphNote,
) -> Result<Vec<Note>, Fail> {
    let writer = match turn.writer(user) {
        Ok(writer) => writer,
        // I7: a stopped home signs nothing more, and reading goes on.
        Err(Fail::Refused(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    turn.context(no, |turn, context| {
        let newest = context
            .keys
            .iter()
            .filter(|k| k.usable)
            .max_by_key(|k| k.first_ms)
            .map(|k| k.id);
        let Some(secret) = newest.and_then(|id| context.secrets.get(&id)) else {
            return Ok(Vec::new());
        };
        if context.routes.is_empty() {
            return Ok(Vec::new());
        }
        let chat = context.chat.chat;
        let note = Ephemeral::make(
            chat,
            (user, writer.home),
            counter,
            what,
            secret,
            &writer.key,
            turn.rng,
        );
        let to = |(node, _): &(chater_protocol::id::NodeId, u32)| Note {
            node: *node,
            chat: context.chat.clone(),
            note: note.clone(),
        };
        Ok(context.routes.iter().map(to).collect())
    })
}

/// Typing: told to local members here, to others by a note.
pub(crate) fn typing(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    on: bool,
) -> Result<Vec<Note>, Fail> {
    let (no, inbox) = own_chat(turn, user, chat)?;
    if inbox.state != 0 || !preferences::of(turn.tx, user)?.typing {
        return Ok(Vec::new());
    }
    show_typing(turn, no, user, on)?;
    let counter = Timestamp::from_ms(turn.now_ms);
    note(turn, user, no, counter, &EphNote::Typing(on))
}

/// Shows typing to the local members of a chat.
pub(crate) fn show_typing(
    turn: &mut Turn<'_, '_>,
    no: u32,
    who: UserId,
    on: bool,
) -> Result<(), Fail> {
    let (chat_id, locals): (ChatId, Vec<UserId>) = turn.context(no, |_, c| {
        Ok((c.chat.chat, c.locals().filter(|u| *u != who).collect()))
    })?;
    let name = crate::person::person(turn.shared, turn.tx, who)?
        .display_name
        .clone();
    for local in locals {
        if !preferences::of(turn.tx, local)?.typing {
            continue;
        }
        turn.tell(
            local,
            News::Typing {
                chat_id,
                user_id: who,
                name: name.clone(),
                on,
            },
        );
    }
    Ok(())
}

/// Saves the unsent text, sealed (Q: it follows the user, so it is on the node).
pub(crate) fn save_draft(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    text: &str,
) -> Result<(), Fail> {
    let (no, mut inbox) = own_chat(turn, user, chat)?;
    if text.len() > chater_protocol::limits::TEXT_BYTES {
        return Err(Error::invalid("text", Reason::Long).into());
    }
    inbox.draft = (!text.trim().is_empty()).then(|| {
        serde_bytes::ByteBuf::from(turn.shared.kek.seal(
            &draft_aad(user, chat),
            text.as_bytes(),
            turn.rng,
        ))
    });
    chats::put_inbox(turn.tx, user, no, &inbox)?;
    turn.card_changed(user, no);
    Ok(())
}

/// Opens the direct chat with a known person; `bool` = newly in the list.
pub(crate) fn start(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    other: UserId,
) -> Result<(Chat, bool), Fail> {
    if other == user {
        return Err(Error::OneselfChat.into());
    }
    if homes::live(turn.tx, other)?.is_empty() {
        return Err(Error::NotFound.into());
    }
    turn.durable();
    let chat = chater_protocol::chat::direct::chat_id(user, other);
    let no = turn.ensure_direct(chat, user, other)?;
    let old = chats::inbox(turn.tx, user, no)?;
    let inbox = match &old {
        // Whoever is blocked stays so until that is taken back in so many words.
        Some(inbox) if matches!(inbox.state, 0 | 3) => inbox.clone(),
        // Starting a chat with somebody accepts their request.
        Some(inbox) => InboxRow {
            state: 0,
            ..inbox.clone()
        },
        None => InboxRow::default(),
    };
    chats::put_inbox(turn.tx, user, no, &inbox)?;
    turn.card_changed(user, no);
    want_nodes(turn, other)?;
    let row = turn.row(no)?.clone();
    let view = Reader::new(turn.shared, turn.tx, user).chat(no, &row, &inbox)?;
    Ok((view, old.is_none()))
}

/// Keeps a connection to the nodes of somebody we have a chat with.
pub(crate) fn want_nodes(turn: &mut Turn<'_, '_>, user: UserId) -> Result<(), StoreError> {
    let mut wanted: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for (_, home) in homes::live(turn.tx, user)? {
        if home.node_id != turn.shared.node_id {
            let row = chater_store::nodes::ensure(turn.tx, home.node_id, 2, turn.now_ms)?;
            wanted.insert(home.node_id, row.texts());
        }
    }
    turn.effects.wanted.extend(wanted);
    Ok(())
}
