//! What peers send, inside a turn. One function takes events in, whatever way they came (push, range,
//! get): a check that one way forgot would be a door. Events that break a rule are refused and
//! counted; nothing of them is kept.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chater_protocol::chat::direct;
use chater_protocol::event::{Kind, Lane, VerifiedEvent};
use chater_protocol::id::{EventId, HomeId, KeyId, NodeId, UserId};
use chater_protocol::identity::{HomeRecord, KemCard, ProfileCard, Signed};
use chater_protocol::limits;
use chater_protocol::payload::{
    Delete, Edit, GroupProfile, KeyBox, KeyShare, Msg, Payload, React, Retire,
};
use chater_protocol::seal::{BoxFor, EphNote, Ephemeral, EpochSecret, KemSecret};
use chater_protocol::text;
use chater_protocol::time::Timestamp;
use chater_protocol::wire::{Ack, ChatRef, KeyAnswer, KeyRequest};
use chater_store::chats::{self, InboxRow, KeyRow};
use chater_store::events::{self, Appended, Stored};
use chater_store::nodes::NodeRow;
use chater_store::{StoreError, groups, homes, nodes, outbox, quotas, refused, users};

use crate::branches;
use crate::group;
use crate::local::{amended, open_for};
use crate::marks::{mark_read, show_typing};
use crate::membership;
use crate::read::Reader;
use crate::shared::lock;
use crate::turn::{Fail, Turn, key_aad, known_key, secret_aad};
use crate::update::News;
use crate::view::MessageState;

/// Records of users whose signatures have been checked, homes first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verified {
    pub(crate) homes: Vec<(HomeRecord, Signed)>,
    pub(crate) kems: Vec<(KemCard, Signed)>,
    pub(crate) profiles: Vec<(ProfileCard, Signed)>,
    /// A group that is here names these users: their records are kept whoever brings them (I12).
    pub(crate) vouched: bool,
}

/// Keeps verified records that `from` gave; whether anything was new.
///
/// I12: a record is signed by its user alone, who may name any node in it. So somebody becomes known
/// here only by a record that its own node gave; further homes of a known user are kept as they come, and
/// shown once their node has given them.
pub(crate) fn learn(
    turn: &mut Turn<'_, '_>,
    from: NodeId,
    records: &Verified,
) -> Result<bool, StoreError> {
    let mut new = false;
    let mut named = BTreeSet::new();
    let given = |user: UserId| {
        let own = |(record, _): &&(HomeRecord, Signed)| {
            record.user == user && record.node_id == from && record.state == 0
        };
        records.homes.iter().any(|pair| own(&pair))
    };
    // Homes of somebody who is new here are no news; the first one that comes would make the others look so.
    let mut known = BTreeSet::new();
    for (record, _) in &records.homes {
        if !homes::home_records(turn.tx, record.user)?.is_empty() {
            known.insert(record.user);
        }
    }
    for (record, signed) in &records.homes {
        // Who lives here is known here best: else anybody could pass for a person of this node. A
        // retired record is always taken, and so are other homes of local users: the root has signed them.
        if record.node_id == turn.shared.node_id
            && record.state == 0
            && !is_own_home(turn, record.user, record.id())?
        {
            continue;
        }
        if !records.vouched
            && !given(record.user)
            && homes::home_records(turn.tx, record.user)?.is_empty()
        {
            continue;
        }
        if homes::put_home(turn.tx, record, signed)? {
            new = true;
            if known.contains(&record.user) {
                homes::put_news(turn.tx, record, turn.now_ms)?;
                named.insert(record.user);
            }
        }
        ended(turn, record)?;
        if record.node_id == from && homes::confirm(turn.tx, record)? {
            new = true;
            named.insert(record.user);
        }
    }
    for (card, signed) in &records.kems {
        if homes::home(turn.tx, card.user, card.home)?.is_some() {
            new |= homes::put_kem(turn.tx, card, signed)?;
        }
    }
    for (card, signed) in &records.profiles {
        if homes::home(turn.tx, card.user, card.home)?.is_some() {
            if homes::put_card(turn.tx, card, signed, turn.now_ms)? {
                new = true;
                named.insert(card.user);
            }
            // I10: it stands as long as its own node says so.
            if homes::lives_on(turn.tx, card.user, from)? {
                homes::heard_again(turn.tx, card.user, signed, turn.now_ms)?;
            }
        }
    }
    if new {
        turn.identities_changed();
    }
    for user in named {
        show_changes(turn, user)?;
    }
    Ok(new)
}

/// Chats whose open pages are told of a change of somebody in them.
const SHOWN: usize = 64;

/// Somebody's name is known, or another one (an event may have named them before their card was here), or their homes changed.
pub(crate) fn show_changes(turn: &mut Turn<'_, '_>, user: UserId) -> Result<(), StoreError> {
    for no in chats::of_user(turn.tx, user)?.into_iter().take(SHOWN) {
        let Some(chat) = chats::chat(turn.tx, no)? else {
            continue;
        };
        let members = match chat.users {
            Some((a, b)) => vec![a, b],
            None => {
                let group = groups::group(turn.tx, no)?.unwrap_or_default();
                group
                    .members
                    .into_iter()
                    .map(|(member, _)| member)
                    .collect()
            }
        };
        for local in members {
            if !turn.shared.hub.listens(local) {
                continue;
            }
            turn.card_changed(local, no);
            turn.tell(local, News::Notes { chat_id: chat.id });
        }
    }
    Ok(())
}

/// What became of a batch of events.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) acks: Vec<Ack>,
    /// Control events that those of it which wait name, and that are neither here nor in the batch.
    pub(crate) lacks: Vec<EventId>,
    /// Something that they name, or the key of one, is not here: it should be fetched.
    pub(crate) gap: bool,
    /// Members of whom nothing is known here.
    pub(crate) unknown: Vec<UserId>,
    /// Some of it was malformed or forged: whoever passes that on is to blame (S4).
    pub(crate) forged: bool,
    /// K10 has put some of it off: as long as nobody changes their mind, nothing becomes of it however often it comes.
    pub(crate) put_off: bool,
}

/// Keys remembered of one chat without their secret; a member could otherwise name new ones for ever. One that comes
/// with its secret is never passed over for those: the next message may be sealed with it.
const KEYS: usize = 1_024;
/// Keys of one chat in all, for a member who makes new ones for ever.
const KEYS_OPEN: usize = 65_536;
/// Of those, such that are only known to lack.
const KEYS_WANTED: usize = limits::IDS;

/// Takes verified events of one chat in. Durable before the acks leave.
pub(crate) fn accept(
    turn: &mut Turn<'_, '_>,
    from: NodeId,
    chat: &ChatRef,
    batch: &[Option<VerifiedEvent>],
) -> Result<Taken, Fail> {
    let refuse = |ack: Ack| Taken {
        acks: vec![ack; batch.len()],
        ..Taken::default()
    };
    if chat.users.is_none() {
        turn.from = Some(from);
        let taken = membership::accept(turn, from, chat, batch);
        turn.from = None;
        return taken;
    }
    // A direct chat must name the two users that make its id (K10).
    let Some((a, b)) = direct::is_direct(chat) else {
        return Ok(refuse(Ack::Later));
    };
    let (a_here, b_here) = (turn.is_local(a)?, turn.is_local(b)?);
    if !a_here && !b_here {
        return Ok(refuse(Ack::Refused));
    }
    let mut no = turn.number(chat.chat)?;
    let mut acks = Vec::with_capacity(batch.len());
    let mut put_off = false;
    let mut unknown = Vec::new();
    for event in batch {
        // What did not verify is not there any more; its place in the answer is kept.
        let Some(event) = event else {
            acks.push(Ack::Refused);
            continue;
        };
        let header = event.header();
        if let Err(reason) = direct::check(header, a, b) {
            tracing::debug!(%reason, id = %event.id().short(), "refused");
            turn.shared
                .counters
                .rejected
                .fetch_add(1, Ordering::Relaxed);
            acks.push(Ack::Refused);
            continue;
        }
        let author_here = if header.author == a { a_here } else { b_here };
        if author_here && unknown.is_empty() {
            // To whom somebody here wrote from another home (I7): nothing could be sealed to them, nor their keys be taken.
            let other = if header.author == a { b } else { a };
            if homes::home_records(turn.tx, other)?.is_empty() {
                unknown.push(other);
            }
        }
        if let Some(no) = no
            && let Some(stored) = turn.in_chat(no, event.id())?
        {
            // Known: committed durably long ago, or earlier in this very turn. Costs no sync, or
            // whoever plays old events back would have one for each.
            if is_accepted(turn, no)? {
                fill(turn, no, event, &stored)?;
            }
            acks.push(Ack::Committed);
            continue;
        }
        if author_here && is_own_home(turn, header.author, header.home)? {
            stop_home(turn, header.author)?;
            acks.push(Ack::Refused);
            continue;
        }
        if is_bare(event) {
            acks.push(Ack::Waits);
            continue;
        }
        // K10: whoever is not accepted yet is bounded; blocked and over the bound look the same.
        let (size, mut held) = (event.payload().map_or(0, <[u8]>::len) as u64, Vec::new());
        if !author_here
            && !may_hold(
                turn,
                from,
                no,
                if header.author == a { b } else { a },
                size,
                &mut held,
            )?
        {
            put_off = true;
            acks.push(Ack::Later);
            continue;
        }
        let chat_no = match no {
            Some(no) => no,
            None => turn.ensure_direct(chat.chat, a, b)?,
        };
        no = Some(chat_no);
        turn.durable();
        for (user, inbox) in held {
            chats::put_inbox(turn.tx, user, chat_no, &inbox)?;
            turn.card_changed(user, chat_no);
        }
        match turn.append(chat_no, event, None)? {
            Appended::Known(_) => {}
            Appended::TooManyForks => {
                acks.push(Ack::Refused);
                continue;
            }
            Appended::New(stored) | Appended::Fork(stored) => {
                turn.shared
                    .counters
                    .received
                    .fetch_add(1, Ordering::Relaxed);
                if branches::settle(turn, chat_no, event, &stored)? {
                    took(turn, chat_no, event, &stored)?;
                }
                if author_here && header.lane == Lane::Messages as u8 {
                    takes_part(turn, header.author, chat_no)?;
                }
            }
        }
        acks.push(Ack::Committed);
    }
    // Of a fork what is not shown any more takes nothing back.
    membership::revive(turn)?;
    let gap = match no {
        Some(no) => {
            !events::missing_ids(turn.tx, no, 1)?.is_empty()
                || turn.context(no, |_, context| Ok(context.lacks_keys()))?
        }
        None => false,
    };
    Ok(Taken {
        acks,
        gap,
        unknown,
        put_off,
        ..Taken::default()
    })
}

/// E6: whether an event came without a payload that no `delete` takes away: it counts as missing until that is here.
pub(crate) fn is_bare(event: &VerifiedEvent) -> bool {
    let header = event.header();
    let deletable = header.lane == Lane::Messages as u8
        && ![Kind::EDIT, Kind::DELETE, Kind::REACT, Kind::PROFILE].contains(&header.kind);
    event.payload().is_none() && !deletable
}

/// The payload of a message that first came without: now it has come.
pub(crate) fn fill(
    turn: &mut Turn<'_, '_>,
    no: u32,
    event: &VerifiedEvent,
    stored: &Stored,
) -> Result<(), Fail> {
    if event.payload().is_none() || !events::lacks_payload(turn.tx, no, event.id())? {
        return Ok(());
    }
    turn.durable();
    events::fill(turn.tx, stored, event)?;
    let (author, size) = (
        event.header().author,
        event.payload().map_or(0, <[u8]>::len),
    );
    if turn.is_local(author)? {
        quotas::wrote(turn.tx, author, size as u64, 0)?;
    }
    took(turn, no, event, stored)
}

/// Who wrote in a chat from another home of theirs has the chat here, too, and has answered whoever wrote in it (I7).
pub(crate) fn takes_part(turn: &mut Turn<'_, '_>, user: UserId, no: u32) -> Result<(), StoreError> {
    let inbox = match chats::inbox(turn.tx, user, no)? {
        None => InboxRow::default(),
        Some(row) if matches!(row.state, 1 | 2) => InboxRow { state: 0, ..row },
        Some(_) => return Ok(()),
    };
    chats::put_inbox(turn.tx, user, no, &inbox)?;
    turn.card_changed(user, no);
    Ok(())
}

/// Whether somebody here takes part in the chat: what waits for an answer is bounded by what came (K10, M9).
pub(crate) fn is_accepted(turn: &mut Turn<'_, '_>, no: u32) -> Result<bool, Fail> {
    let locals: Vec<UserId> = turn.context(no, |_, context| Ok(context.locals().collect()))?;
    for local in locals {
        if chats::inbox(turn.tx, local, no)?.is_some_and(|inbox| inbox.state == 0) {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(crate) fn is_own_home(
    turn: &Turn<'_, '_>,
    user: UserId,
    home: HomeId,
) -> Result<bool, StoreError> {
    Ok(users::user(turn.tx, user)?.is_some_and(|row| row.home == home))
}

/// I7: an event of our own home that is not here means that this disk was rolled back. Writing on
/// would fork the feed, so the home stops.
pub(crate) fn stop_home(turn: &mut Turn<'_, '_>, user: UserId) -> Result<(), StoreError> {
    if let Some(mut row) = users::user(turn.tx, user)?
        && !row.stopped
    {
        tracing::error!(user = %user.short(), "another node has events of this user that are not here: this data is older than what was sent; the user writes no more from here");
        row.stopped = true;
        users::put_user(turn.tx, user, &row)?;
        turn.durable();
        turn.identities_changed();
    }
    Ok(())
}

/// K10 for the local member that a remote author writes to; fills what must be counted.
fn may_hold(
    turn: &mut Turn<'_, '_>,
    from: NodeId,
    no: Option<u32>,
    to: UserId,
    size: u64,
    held: &mut Vec<(UserId, InboxRow)>,
) -> Result<bool, StoreError> {
    let inbox = match no {
        Some(no) => chats::inbox(turn.tx, to, no)?,
        None => None,
    };
    let Some(mut inbox) = inbox else {
        // Not in the list of anybody: keys and unknown kinds alone must not fill the disk.
        let count = match no {
            Some(no) => turn.row(no)?.count,
            None => 0,
        };
        if count >= limits::STRANGER_EVENTS || size > limits::STRANGER_BYTES {
            return Ok(false);
        }
        let rate = |turn: &Turn<'_, '_>| {
            lock(&turn.shared.rates)
                .strangers
                .take(&from, turn.now_ms)
                .is_ok()
        };
        // People of a node that shares a community go straight into the list (Q50).
        if turn.shared.is_fellow(from) {
            return Ok(count > 0 || rate(turn));
        }
        if requests(turn, to)? >= limits::STRANGERS || !rate(turn) {
            return Ok(false);
        }
        held.push((
            to,
            InboxRow {
                state: crate::preferences::stranger_state(turn.tx, to)?,
                held: (1, size),
                ..InboxRow::default()
            },
        ));
        return Ok(true);
    };
    match inbox.state {
        2 | 3 => Ok(false),
        1 => {
            inbox.held = (inbox.held.0 + 1, inbox.held.1.saturating_add(size));
            let fits =
                inbox.held.0 <= limits::STRANGER_EVENTS && inbox.held.1 <= limits::STRANGER_BYTES;
            held.push((to, inbox));
            Ok(fits)
        }
        _ => Ok(true),
    }
}

/// Requests that wait for an answer of that user.
pub(crate) fn requests(turn: &Turn<'_, '_>, user: UserId) -> Result<u64, StoreError> {
    let all = chats::inbox_of(turn.tx, user)?;
    Ok(all.iter().filter(|(_, inbox)| inbox.state == 1).count() as u64)
}

/// What follows from a new event of a peer.
pub(crate) fn took(
    turn: &mut Turn<'_, '_>,
    no: u32,
    event: &VerifiedEvent,
    stored: &Stored,
) -> Result<(), Fail> {
    match event.header().kind {
        Kind::KEY => took_key(turn, no, event),
        Kind::MSG => took_message(turn, no, event, stored),
        Kind::EDIT | Kind::DELETE | Kind::REACT => took_change(turn, no, event, stored),
        Kind::RETIRE => took_retire(turn, no, event),
        Kind::PROFILE => {
            opened_or_lacking::<GroupProfile>(turn, no, event)?;
            membership::took_profile(turn, no, event, stored)
        }
        // Unknown kinds are kept and passed on, not shown (E4).
        _ => Ok(()),
    }
}

/// The inside of a sealed event by a secret the chat's context has.
pub(crate) fn inside<T: Payload>(
    turn: &mut Turn<'_, '_>,
    no: u32,
    event: &VerifiedEvent,
) -> Result<Option<T>, Fail> {
    let header = event.header();
    let Some(payload) = event.payload() else {
        return Ok(None);
    };
    let Ok(key) = chater_protocol::seal::key_of_message(payload) else {
        return Ok(None);
    };
    turn.context(no, |_, context| {
        let Some(secret) = context.secrets.get(&key) else {
            return Ok(None);
        };
        let plain = chater_protocol::seal::open_message(
            secret,
            &header.feed(),
            header.seq,
            header.kind,
            payload,
        );
        Ok(plain.ok().and_then(|plain| T::decode(&plain).ok()))
    })
}

fn took_message(
    turn: &mut Turn<'_, '_>,
    no: u32,
    event: &VerifiedEvent,
    stored: &Stored,
) -> Result<(), Fail> {
    let body: Option<Msg> = opened_or_lacking(turn, no, event)?;
    let body = body.filter(|body| text::check_message(&body.text).is_ok());
    let author = event.header().author;
    let amends = events::amends(turn.tx, event.id())?;
    if was_deleted(turn, no, author, &amends)? {
        // The delete came first: the payload goes all the same (L8).
        events::drop_payload(turn.tx, stored, event.clone())?;
    }
    let locals: Vec<UserId> = turn.context(no, |_, context| Ok(context.locals().collect()))?;
    for local in locals {
        if local != author {
            open_for(turn, local, no)?;
        }
        if !turn.shared.hub.listens(local) {
            continue;
        }
        turn.card_changed(local, no);
        // A stranger's message is no news: the card alone tells that somebody asks (K10).
        if chats::inbox(turn.tx, local, no)?.is_some_and(|inbox| inbox.state != 0) {
            continue;
        }
        let row = turn.row(no)?.clone();
        let reader = Reader::new(turn.shared, turn.tx, local);
        let view = match &body {
            // An edit that came before its message must show: only then is anything read.
            Some(body) if amends.is_empty() => {
                Some(reader.fresh(no, event, stored, body.clone(), None, turn.now_ms)?)
            }
            _ => reader.at(no, &row, stored, event)?,
        };
        if let Some(view) = view {
            turn.tell(local, News::Message(Arc::new(view)));
        }
    }
    Ok(())
}

fn took_change(
    turn: &mut Turn<'_, '_>,
    no: u32,
    event: &VerifiedEvent,
    stored: &Stored,
) -> Result<(), Fail> {
    let target = match event.header().kind {
        _ if event.payload().is_none() => None,
        Kind::EDIT => opened_or_lacking::<Edit>(turn, no, event)?.map(|edit| edit.target),
        Kind::DELETE => opened_or_lacking::<Delete>(turn, no, event)?.map(|delete| delete.target),
        _ => opened_or_lacking::<React>(turn, no, event)?.map(|react| react.target),
    };
    match target {
        Some(target) => amended(turn, no, target, event, stored),
        None => Ok(()),
    }
}

/// Whether a delete among these changes takes back a message of that author. One that was written in
/// another chat is void (L8), as is one that does not count itself.
pub(crate) fn was_deleted(
    turn: &mut Turn<'_, '_>,
    no: u32,
    author: UserId,
    amends: &[events::Amend],
) -> Result<bool, Fail> {
    for amend in amends.iter().filter(|amend| amend.kind == Kind::DELETE) {
        let here = events::feed(turn.tx, amend.feed_no)?.is_some_and(|feed| feed.chat_no == no);
        let void = groups::is_void(turn.tx, no, &amend.place, amend.branch)?;
        if here
            && !void
            && let Some(event) =
                events::event(turn.tx, amend.feed_no, amend.place.seq, amend.branch)?
            && group::deletes(turn, no, &event, author)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A sealed event whose key is not here: the key is remembered as lacking, and asked for (K7).
fn note_lacking(turn: &mut Turn<'_, '_>, no: u32, event: &VerifiedEvent) -> Result<(), Fail> {
    let key = event
        .payload()
        .map(chater_protocol::seal::key_of_message)
        .and_then(Result::ok);
    let Some(key) = key else { return Ok(()) };
    turn.context(no, |turn, context| {
        let wanted = context.keys.iter().filter(|k| !k.usable).count();
        if context.keys.iter().any(|known| known.id == key)
            || context.keys.len() >= KEYS_OPEN
            || wanted >= KEYS_WANTED
        {
            return Ok(());
        }
        let row = KeyRow {
            v: 1,
            sealed: None,
            holders: Vec::new(),
            // Lowered by its first key event.
            first_ms: u64::MAX,
            since: Vec::new(),
        };
        chats::put_key(turn.tx, no, key, &row)?;
        context.keys.push(known_key(key, &row));
        Ok(())
    })
}

/// What sealed events say is open here, or their key is noted as lacking.
fn opened_or_lacking<T: Payload>(
    turn: &mut Turn<'_, '_>,
    no: u32,
    event: &VerifiedEvent,
) -> Result<Option<T>, Fail> {
    let inside = inside(turn, no, event)?;
    if inside.is_none() {
        note_lacking(turn, no, event)?;
    }
    Ok(inside)
}

/// K2, K3: who holds the key now; our own box is opened and the secret kept.
fn took_key(turn: &mut Turn<'_, '_>, no: u32, event: &VerifiedEvent) -> Result<(), Fail> {
    let header = event.header();
    let Some(share) = event.payload().and_then(|p| KeyShare::decode(p).ok()) else {
        return Ok(());
    };
    let known = chats::key(turn.tx, no, share.key_id)?;
    let is_new = known.is_none();
    // Without such a row nothing here waits for the secret.
    let waited = known.as_ref().is_some_and(|row| row.sealed.is_none());
    let mut row = known.unwrap_or(KeyRow {
        v: 1,
        sealed: None,
        holders: Vec::new(),
        first_ms: header.ts.ms().min(turn.now_ms),
        since: Vec::new(),
    });
    row.first_ms = row.first_ms.min(header.ts.ms()).min(turn.now_ms);
    let mut holders = vec![(header.author, header.home)];
    holders.extend(share.boxes.iter().map(|b| (b.user, b.home)));
    for holder in holders {
        if !row.holders.contains(&holder) && row.holders.len() < 1_024 {
            row.holders.push(holder);
        }
    }
    let mut opened = None;
    for sealed in &share.boxes {
        if row.sealed.is_some() {
            break;
        }
        let who = BoxFor::of(header, sealed);
        if let Some(epoch) = open_box(turn, &who, share.key_id, sealed)? {
            let aad = key_aad(header.group, share.key_id);
            let stored = turn.shared.kek.seal(&aad, epoch.bytes(), turn.rng);
            row.sealed = Some(serde_bytes::ByteBuf::from(stored));
            opened = Some(epoch);
        }
    }
    let here = opened.is_some();
    if is_new {
        let full = turn.context(no, |_, context| {
            let closed = context.keys.iter().filter(|key| !key.usable).count();
            Ok(context.keys.len() >= KEYS_OPEN || (!here && closed >= KEYS))
        })?;
        if full {
            tracing::debug!(chat = %header.group.short(), "too many keys");
            return Ok(());
        }
    }
    chats::put_key(turn.tx, no, share.key_id, &row)?;
    keep_key(turn, no, share.key_id, &row, opened)?;
    if here && waited {
        settle_sealed(turn, no, share.key_id)?;
    }
    Ok(())
}

/// Opens a box made for a home of this node (K2).
pub(crate) fn open_box(
    turn: &Turn<'_, '_>,
    who: &BoxFor,
    key: KeyId,
    sealed: &KeyBox,
) -> Result<Option<EpochSecret>, StoreError> {
    let Some(user) = users::user(turn.tx, sealed.user)? else {
        return Ok(None);
    };
    let kems = if user.home == sealed.home {
        user.kems
    } else {
        // Of a home that was replaced, in mail that waited.
        let old = users::old_kems(turn.tx, sealed.user, sealed.home)?;
        old.map_or_else(Vec::new, |old| old.kems)
    };
    let Some((_, secret, _)) = kems.iter().find(|(n, ..)| *n == sealed.n) else {
        return Ok(None);
    };
    let kem = turn
        .shared
        .kek
        .open(&secret_aad(b"kem", sealed.user, 1), secret)
        .ok()
        .and_then(|plain| plain.as_slice().try_into().ok().map(KemSecret::new));
    Ok(kem.and_then(|kem| who.open(key, sealed, &kem).ok()))
}

/// The chat's context learns of a key as it is now in the store.
fn keep_key(
    turn: &mut Turn<'_, '_>,
    no: u32,
    key: KeyId,
    row: &KeyRow,
    opened: Option<EpochSecret>,
) -> Result<(), Fail> {
    turn.context(no, |_, context| {
        if let Some(secret) = opened {
            context.secrets.insert(key, secret);
        }
        context.fresh.remove(&key);
        context.keys.retain(|known| known.id != key);
        context.keys.push(known_key(key, row));
        Ok(())
    })
}

/// K7: boxes that another node made for a home here. Each must come from a member's live home on that
/// node, be sealed to us, and hold the secret it names (K1).
pub(crate) fn took_answers(
    turn: &mut Turn<'_, '_>,
    node: NodeId,
    asked: &KeyRequest,
    answers: &[KeyAnswer],
) -> Result<(), Fail> {
    let Some(no) = turn.number(asked.chat.chat)? else {
        return Ok(());
    };
    let members = turn.context(no, |_, context| Ok(context.members.clone()))?;
    for answer in answers {
        let fits = asked.key_ids.contains(&answer.key_id)
            && members.contains(&answer.author)
            && (answer.sealed.user, answer.sealed.home) == (asked.user, asked.home)
            && homes::live(turn.tx, answer.author)?
                .iter()
                .any(|(id, home)| *id == answer.author_home && home.node_id == node);
        let row = chats::key(turn.tx, no, answer.key_id)?.filter(|row| row.sealed.is_none());
        let (true, Some(mut row)) = (fits, row) else {
            continue;
        };
        let who = BoxFor {
            group: asked.chat.chat,
            author: answer.author,
            author_home: answer.author_home,
            user: asked.user,
            home: asked.home,
            n: answer.sealed.n,
        };
        let Some(secret) = open_box(turn, &who, answer.key_id, &answer.sealed)? else {
            continue;
        };
        let aad = key_aad(asked.chat.chat, answer.key_id);
        let sealed = turn.shared.kek.seal(&aad, secret.bytes(), turn.rng);
        row.sealed = Some(serde_bytes::ByteBuf::from(sealed));
        if !row.holders.contains(&(asked.user, asked.home)) {
            row.holders.push((asked.user, asked.home));
        }
        turn.durable();
        chats::put_key(turn.tx, no, answer.key_id, &row)?;
        keep_key(turn, no, answer.key_id, &row, Some(secret))?;
        settle_sealed(turn, no, answer.key_id)?;
    }
    Ok(())
}

/// Events looked through when a key comes after what was sealed with it.
const SETTLED: usize = 4_096;

/// A key came after events sealed with it: changes among them find their targets now, pages load anew.
fn settle_sealed(turn: &mut Turn<'_, '_>, no: u32, key: KeyId) -> Result<(), Fail> {
    let mut waiting = Vec::new();
    let mut looked = 0;
    events::timeline(turn.tx, no, None, true, &mut |row| {
        looked += 1;
        if matches!(
            row.kind,
            Kind::EDIT | Kind::DELETE | Kind::REACT | Kind::PROFILE
        ) {
            waiting.push(row);
        }
        looked < SETTLED
    })?;
    for row in waiting {
        let Some(event) = events::event(turn.tx, row.feed_no, row.place.seq, row.branch)? else {
            continue;
        };
        let named = event.payload().map(chater_protocol::seal::key_of_message);
        if !matches!(named, Some(Ok(named)) if named == key) {
            continue;
        }
        if let Some(stored) = events::find(turn.tx, event.id())? {
            took(turn, no, &event, &stored)?;
        }
    }
    let locals: Vec<UserId> = turn.context(no, |_, context| Ok(context.locals().collect()))?;
    for local in locals {
        turn.tell(local, News::Reload);
        turn.card_changed(local, no);
    }
    Ok(())
}

/// I8: the root has ended a home; events beyond the cut are void.
fn took_retire(turn: &mut Turn<'_, '_>, no: u32, event: &VerifiedEvent) -> Result<(), Fail> {
    let header = event.header();
    let Some(retire) = event.payload().and_then(|p| Retire::decode(p).ok()) else {
        return Ok(());
    };
    let Ok(record) = retire.check(header.group, header.author) else {
        return Ok(());
    };
    if homes::put_home(turn.tx, &record, &retire.record)? {
        homes::put_news(turn.tx, &record, turn.now_ms)?;
    }
    ended(turn, &record)?;
    turn.identities_changed();
    let locals: Vec<UserId> = turn.context(no, |_, context| Ok(context.locals().collect()))?;
    end_in_chat(turn, no, record.id(), &retire, &locals)
}

/// What a home wrote in a direct chat beyond the cut is not shown any more.
pub(crate) fn end_in_chat(
    turn: &mut Turn<'_, '_>,
    no: u32,
    home: HomeId,
    retire: &Retire,
    locals: &[UserId],
) -> Result<(), Fail> {
    for lane in 0..=2 {
        let last = retire.end_of(lane).map(|(seq, _)| seq);
        chats::put_cut(turn.tx, no, home, lane, last)?;
    }
    for local in locals {
        turn.tell(*local, News::Reload);
        turn.card_changed(*local, no);
    }
    Ok(())
}

/// I2: the root has ended the home in use here from another node: it writes no more, and others would not take what it
/// writes for its user's.
pub(crate) fn ended(turn: &mut Turn<'_, '_>, record: &HomeRecord) -> Result<(), StoreError> {
    if record.state == 1
        && is_own_home(turn, record.user, record.id())?
        && let Some(mut row) = users::user(turn.tx, record.user)?
        && !row.stopped
    {
        tracing::warn!(user = %record.user.short(), "this home was ended from another node; the user writes no more from here");
        row.stopped = true;
        users::put_user(turn.tx, record.user, &row)?;
        turn.durable();
        turn.identities_changed();
    }
    Ok(())
}

/// What a node has committed of one feed.
pub(crate) struct Acked {
    pub(crate) chat: ChatRef,
    pub(crate) feed_no: u32,
    /// Everything up to this seq.
    pub(crate) up_to: u64,
    /// The author, if a local user.
    pub(crate) author: UserId,
    /// Messages newly covered.
    pub(crate) messages: Vec<EventId>,
    /// How many more stand before those and are not named.
    pub(crate) before: u64,
}

/// Keeps acks and shows them. Lazy: an ack that is lost in a crash comes again.
pub(crate) fn acked(turn: &mut Turn<'_, '_>, node: NodeId, acks: &[Acked]) -> Result<(), Fail> {
    let node_no = nodes::ensure(turn.tx, node, 2, turn.now_ms)?.no;
    for ack in acks {
        outbox::ack(turn.tx, ack.feed_no, node_no, ack.up_to, turn.now_ms)?;
        turn.shared
            .counters
            .delivered
            .fetch_add(ack.messages.len() as u64 + ack.before, Ordering::Relaxed);
        if ack.messages.is_empty() || !turn.shared.hub.listens(ack.author) {
            continue;
        }
        for ids in ack.messages.chunks(256) {
            let mut ids = ids.to_vec();
            if ack.chat.users.is_none() {
                // In a group it is delivered when the last node has it (Q25).
                let reader = Reader::new(turn.shared, turn.tx, ack.author);
                let chat = ack.chat.chat;
                let rest = reader.keep_those(chat, &mut ids, MessageState::Delivered)?;
                if let Some(news) = reader.told_reach(chat, &rest)? {
                    turn.tell(ack.author, news);
                }
            }
            if !ids.is_empty() {
                let news = News::State {
                    chat_id: ack.chat.chat,
                    ids,
                    state: MessageState::Delivered,
                };
                turn.tell(ack.author, news);
            }
        }
        if let Some(no) = turn.number(ack.chat.chat)? {
            turn.card_changed(ack.author, no);
        }
    }
    Ok(())
}

/// What a node said of one event of ours: refused for good, or taken after it had been refused.
pub(crate) struct Verdict {
    pub(crate) chat: ChatRef,
    pub(crate) feed_no: u32,
    pub(crate) seq: u64,
    pub(crate) author: UserId,
    /// The event, if it is a message.
    pub(crate) message: Option<EventId>,
    pub(crate) refused: bool,
}

impl Verdict {
    pub(crate) fn of(fresh: &crate::deliver::Fresh, refused: bool) -> Self {
        Self {
            chat: fresh.chat.clone(),
            feed_no: fresh.feed_no,
            seq: fresh.seq,
            author: fresh.author,
            message: (fresh.kind == Kind::MSG).then_some(fresh.id),
            refused,
        }
    }
}

/// Keeps refusals and shows them to the author (Q25): durable, since nothing brings them again soon.
pub(crate) fn judged(
    turn: &mut Turn<'_, '_>,
    node: NodeId,
    verdicts: &[Verdict],
) -> Result<(), Fail> {
    if verdicts.is_empty() {
        return Ok(());
    }
    let node_no = nodes::ensure(turn.tx, node, 2, turn.now_ms)?.no;
    turn.durable();
    for verdict in verdicts {
        let (feed_no, seq) = (verdict.feed_no, verdict.seq);
        if verdict.refused {
            refused::put(turn.tx, feed_no, seq, node_no, turn.now_ms)?;
        } else {
            refused::remove(turn.tx, feed_no, seq, node_no)?;
        }
        let (Some(id), true) = (verdict.message, turn.shared.hub.listens(verdict.author)) else {
            continue;
        };
        if verdict.refused {
            let news = News::State {
                chat_id: verdict.chat.chat,
                ids: vec![id],
                state: MessageState::Failed,
            };
            turn.tell(verdict.author, news);
        }
        if let Some(no) = turn.number(verdict.chat.chat)? {
            turn.card_changed(verdict.author, no);
        }
    }
    Ok(())
}

/// A verified note of a peer (L9). Best effort: what does not fit is dropped.
pub(crate) fn noted(turn: &mut Turn<'_, '_>, chat: &ChatRef, note: &Ephemeral) -> Result<(), Fail> {
    let Some(no) = turn.number(chat.chat)? else {
        return Ok(());
    };
    let what = turn.context(no, |_, context| {
        if !context.members.contains(&note.author) {
            return Ok(None);
        }
        let secret = context.secrets.get(&note.sealed.key_id);
        Ok(secret.and_then(|secret| note.open(chat.chat, secret).ok()))
    })?;
    // What strangers and blocked people read or type is nobody's business (K10).
    if let Some((a, b)) = chat.users {
        let other = if note.author == a { b } else { a };
        if turn.is_local(other)? && chats::inbox(turn.tx, other, no)?.is_none_or(|i| i.state != 0) {
            return Ok(());
        }
    }
    match what {
        Some(EphNote::Read(id)) => {
            if let Some(stored) = turn.in_chat(no, id)? {
                // A counter from the future would shut out all later marks (L6).
                let newest = Timestamp::from_ms(turn.now_ms).plus_ms(limits::AHEAD_MS);
                mark_read(
                    turn,
                    no,
                    note.author,
                    note.counter.min(newest),
                    id,
                    stored.eff,
                )?;
            }
            Ok(())
        }
        Some(EphNote::Typing(on)) => show_typing(turn, no, note.author, on),
        None => Ok(()),
    }
}

/// A peer greeted: its name and the address it was reached by.
pub(crate) fn greeted(
    turn: &mut Turn<'_, '_>,
    node: NodeId,
    name: &str,
    address: Option<&str>,
    listens: &[String],
    found: u8,
) -> Result<NodeRow, StoreError> {
    let mut row = nodes::ensure(turn.tx, node, found, turn.now_ms)?;
    let renamed = row.name != name;
    name.clone_into(&mut row.name);
    if let Some(address) = address {
        row.worked(address, turn.now_ms);
    }
    for address in listens {
        row.learn(address);
    }
    // Let in for a search alone: the owner has not agreed to more.
    if found == 3 && row.seen_ms == 0 && row.found == 2 {
        row.found = 3;
    }
    row.seen_ms = turn.now_ms;
    if found < row.found {
        row.found = found;
    }
    nodes::put(turn.tx, node, &row)?;
    if renamed {
        turn.effects.people_changed = true;
    }
    Ok(row)
}

/// A connection ended: when the node was last seen.
pub(crate) fn left(turn: &mut Turn<'_, '_>, node: NodeId) -> Result<(), StoreError> {
    if let Some(mut row) = nodes::node(turn.tx, node)? {
        row.seen_ms = turn.now_ms;
        nodes::put(turn.tx, node, &row)?;
    }
    Ok(())
}
