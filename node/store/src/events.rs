//! The log: appending events, their order (L5), gaps, arrival numbers. One way in: [`append`].

use std::collections::BTreeSet;

use chater_protocol::array_struct;
use chater_protocol::chat::order::Place;
use chater_protocol::event::{Feed, Header, Kind, Lane, VerifiedEvent};
use chater_protocol::id::{ChatId, EventId, HomeId, UserId};
use chater_protocol::limits;
use chater_protocol::time::Timestamp;

use crate::Result;
use crate::chats::ChatRow;
use crate::homes::must;
use crate::key::{self, Parts, after, join};
use crate::order::{Moving, Order, is_ahead};
use crate::rows::{Rows, Write, damaged};
use crate::tables::Table;
use crate::{chats, forks, groups, void};

pub use crate::order::{release_ahead, weigh};

array_struct! {
    /// A feed (L1).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct FeedRow {
        /// 1.
        pub v: u8,
        /// Its chat.
        pub chat_no: u32,
        /// The user.
        pub author: UserId,
        /// The home.
        pub home: HomeId,
        /// The lane.
        pub lane: u8,
        /// Everything below this seq is here: the next one lacking.
        pub whole: u64,
        /// Id at `whole - 1`; zero when nothing is whole.
        pub whole_id: EventId,
        /// Time of that event.
        pub whole_ts: Timestamp,
        /// Greatest seq that is here or was named.
        pub top: u64,
        /// Lowest seq with two valid headers, whether or not both count: where it forks is in [`forks::ForkRow`] (L7).
        pub forked_at: Option<u64>,
    }
}

/// Where an event stands in this store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its feed.
    pub feed_no: u32,
    /// Place in the feed.
    pub seq: u64,
    /// 0, or the number of a fork's branch, in the order they came.
    pub branch: u32,
    /// Its number among the first 256 branches in the order of their ids: what is shown must not depend on which came first.
    /// Those after them are there for what names them alone, and keep the number they have.
    pub rank: u32,
    /// Arrival number in the chat.
    pub n: u64,
    /// Effective time (L5).
    pub eff: Timestamp,
    /// Cap on its time, if anyone answered it (L5); it may lie above its time and then does nothing.
    pub cap: Option<Timestamp>,
    /// Whether it stands no later than its arrival, since it comes from the future (L6).
    pub provisional: bool,
    /// Whether it does not count (M6): then no other's place follows from it. Nodes that never took it must show the
    /// same order.
    pub void: bool,
}

impl Stored {
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut p = Parts(bytes);
        let (feed_no, seq, branch) = (p.u32()?, p.u64()?, p.u8()?);
        let (n, eff, cap, flags) = (p.u64()?, p.u64()?, p.u64()?, p.u8()?);
        // Rows of before end here.
        let rank = p.u8().unwrap_or(branch);
        let high = p.u32();
        Some(Self {
            feed_no,
            seq,
            branch: high.unwrap_or(branch.into()),
            n,
            eff: Timestamp(eff),
            cap: (cap != u64::MAX).then_some(Timestamp(cap)),
            provisional: flags & 1 != 0,
            void: flags & 2 != 0,
            rank: high.unwrap_or(rank.into()),
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        join(&[
            &self.feed_no.to_be_bytes(),
            &self.seq.to_be_bytes(),
            &[low(self.branch)],
            &self.n.to_be_bytes(),
            &self.eff.0.to_be_bytes(),
            &self.cap.map_or(u64::MAX, |c| c.0).to_be_bytes(),
            &[u8::from(self.provisional) | u8::from(self.void) << 1],
            &[low(self.rank)],
            &high(self.branch),
        ])
    }
}

/// The number of a branch in a row that had a byte for it: that byte, and at the end of the row, where it does not say all,
/// the whole number.
fn low(branch: u32) -> u8 {
    u8::try_from(branch).unwrap_or(u8::MAX)
}

fn high(branch: u32) -> Vec<u8> {
    match u8::try_from(branch) {
        Ok(_) => Vec::new(),
        Err(_) => branch.to_be_bytes().to_vec(),
    }
}

/// What became of an event given to [`append`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It was here already.
    Known(Stored),
    /// It is here now.
    New(Stored),
    /// Another event stands at its place; it is kept as a branch (L7).
    Fork(Stored),
    /// All places of branches that nothing names are taken; refused (L7).
    TooManyForks,
}

/// Heads kept of a chat; beyond it the oldest is dropped (only costs a link, never an event).
const HEADS: usize = 64;

/// One row of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineRow {
    /// Key without the chat number: eff, author, home, lane, seq, rank.
    pub key: Vec<u8>,
    /// Where it stands.
    pub place: Place,
    /// Branch of a fork.
    pub branch: u32,
    /// Arrival number.
    pub n: u64,
    /// What it is.
    pub kind: Kind,
    /// Its feed.
    pub feed_no: u32,
    /// The client id its local author gave it.
    pub client_id: Option<String>,
}

impl TimelineRow {
    fn decode(key: &[u8], value: &[u8]) -> Option<Self> {
        let mut k = Parts(key.get(4..)?);
        let place = Place {
            eff: Timestamp(k.u64()?),
            author: UserId(k.take()?),
            home: HomeId(k.take()?),
            lane: k.u8()?,
            seq: k.u64()?,
        };
        let rank = k.branch()?;
        let mut v = Parts(value);
        let (n, kind, feed_no) = (v.u64()?, Kind(v.u16()?), v.u32()?);
        let (branch, client_id) = match v.rest() {
            [0, branch, rest @ ..] => (u32::from(*branch), rest),
            rest => (rank, rest),
        };
        let client_id = String::from_utf8(client_id.to_vec())
            .ok()
            .filter(|c| !c.is_empty());
        Some(Self {
            key: key.get(4..)?.to_vec(),
            place,
            branch,
            n,
            kind,
            feed_no,
            client_id,
        })
    }
}

pub(crate) fn timeline_key(place: &Place, rank: u32) -> Vec<u8> {
    join(&[
        &place.eff.0.to_be_bytes(),
        &place.author.0,
        &place.home.0,
        &[place.lane],
        &place.seq.to_be_bytes(),
        &key::branch(rank),
    ])
}

/// The branch is written where it is not the rank, after a zero, which no client id begins with.
fn timeline_value(stored: &Stored, kind: Kind, client_id: Option<&str>) -> Vec<u8> {
    let other = [0, low(stored.branch)];
    let branch: &[u8] = if stored.branch == stored.rank {
        &[]
    } else {
        &other
    };
    join(&[
        &stored.n.to_be_bytes(),
        &kind.0.to_be_bytes(),
        &stored.feed_no.to_be_bytes(),
        branch,
        client_id.unwrap_or_default().as_bytes(),
    ])
}

fn event_key(feed_no: u32, seq: u64, branch: u32) -> Vec<u8> {
    let branch = key::branch(branch);
    join(&[&feed_no.to_be_bytes(), &seq.to_be_bytes(), &branch])
}

/// Where an event stands, if it is here.
///
/// # Errors
/// Storage errors.
pub fn find(rows: &impl Rows, id: EventId) -> Result<Option<Stored>> {
    match rows.get(Table::EventIds, &id.0)? {
        Some(bytes) => Stored::decode(&bytes)
            .map(Some)
            .ok_or_else(|| damaged(Table::EventIds)),
        None => Ok(None),
    }
}

/// The wire bytes at a place.
///
/// # Errors
/// Storage errors.
pub fn wire(rows: &impl Rows, feed_no: u32, seq: u64, branch: u32) -> Result<Option<Vec<u8>>> {
    rows.get(Table::Events, &event_key(feed_no, seq, branch))
}

/// The event at a place. A row that does not read is reported as damaged, not passed over silently.
///
/// # Errors
/// Storage errors, a damaged row.
pub fn event(
    rows: &impl Rows,
    feed_no: u32,
    seq: u64,
    branch: u32,
) -> Result<Option<VerifiedEvent>> {
    match wire(rows, feed_no, seq, branch)? {
        Some(bytes) => VerifiedEvent::from_store(&bytes)
            .map(Some)
            .map_err(|_| damaged(Table::Events)),
        None => Ok(None),
    }
}

/// The event with that id.
///
/// # Errors
/// Storage errors, a damaged row.
pub fn by_id(rows: &impl Rows, id: EventId) -> Result<Option<(Stored, VerifiedEvent)>> {
    let Some(stored) = find(rows, id)? else {
        return Ok(None);
    };
    let event = event(rows, stored.feed_no, stored.seq, stored.branch)?;
    Ok(event.map(|event| (stored, event)))
}

/// A feed by its number.
///
/// # Errors
/// Storage errors.
pub fn feed(rows: &impl Rows, feed_no: u32) -> Result<Option<FeedRow>> {
    rows.row(Table::Feeds, &feed_no.to_be_bytes())
}

/// Chat and author of a feed.
///
/// # Errors
/// Storage errors.
pub fn whose(tx: &Write<'_>, feed_no: u32) -> Result<(u32, UserId)> {
    tx.whose(feed_no, || {
        let feed = must(feed(tx, feed_no)?, Table::Feeds)?;
        Ok((feed.chat_no, feed.author))
    })
}

/// The number of a feed.
///
/// # Errors
/// Storage errors.
pub fn feed_no(rows: &impl Rows, chat_no: u32, feed: &Feed) -> Result<Option<u32>> {
    Ok(rows
        .get(Table::FeedIds, &feed_key(chat_no, feed))?
        .and_then(|b| Parts(&b).u32()))
}

fn feed_key(chat_no: u32, feed: &Feed) -> Vec<u8> {
    join(&[
        &chat_no.to_be_bytes(),
        &feed.author.0,
        &feed.home.0,
        &[feed.lane],
    ])
}

/// All feeds of a chat.
///
/// # Errors
/// Storage errors.
pub fn feeds(rows: &impl Rows, chat_no: u32) -> Result<Vec<(u32, FeedRow)>> {
    let mut numbers = Vec::new();
    rows.each(Table::FeedIds, &chat_no.to_be_bytes(), &mut |_, value| {
        numbers.extend(Parts(value).u32());
        true
    })?;
    let mut found = Vec::with_capacity(numbers.len());
    for no in numbers {
        found.push((no, must(feed(rows, no)?, Table::Feeds)?));
    }
    Ok(found)
}

/// Appends an event to its feed and chat (L3). `chat` is read and changed; the caller writes it once
/// per turn. The same event again changes nothing.
///
/// # Errors
/// Storage errors.
pub fn append(
    tx: &Write<'_>,
    chat_no: u32,
    chat: &mut ChatRow,
    event: &VerifiedEvent,
    client_id: Option<&str>,
    now_ms: u64,
) -> Result<Appended> {
    append_as(tx, chat_no, chat, event, client_id, now_ms, How::Plain)
}

/// Appends an event that a cut names: it has its place whatever stands there (L7).
///
/// # Errors
/// Storage errors.
pub fn append_named(
    tx: &Write<'_>,
    chat_no: u32,
    chat: &mut ChatRow,
    event: &VerifiedEvent,
    now_ms: u64,
) -> Result<Appended> {
    append_as(tx, chat_no, chat, event, None, now_ms, How::Named)
}

/// How an event is appended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// For itself: where many branches stand it may find no place, unless something here names it (L7).
    Plain,
    /// A cut names it.
    Named,
    /// It does not count (M6), and is here for what names it.
    Void,
}

/// See [`append`].
pub(crate) fn append_as(
    tx: &Write<'_>,
    chat_no: u32,
    chat: &mut ChatRow,
    event: &VerifiedEvent,
    client_id: Option<&str>,
    now_ms: u64,
    how: How,
) -> Result<Appended> {
    let (id, void) = (event.id(), how == How::Void);
    if let Some(stored) = find(tx, id)? {
        return Ok(Appended::Known(stored));
    }
    let header = event.header();
    let (feed_no, mut feed) = ensure_feed(tx, chat_no, header)?;
    // Above everything that is here no place can be taken, and nobody here can follow it in its feed.
    let on_top = feed.whole == 0 && feed.top == 0 || header.seq > feed.top;
    let branch = if on_top {
        Some(0)
    } else {
        let lacking = join(&[&chat_no.to_be_bytes(), &id.0]);
        // Of a group the control graph has said already that it has a place.
        let kept = how != How::Plain
            || header.lane == 0 && chat.users.is_none()
            || tx.get(Table::ChatLacking, &lacking)?.is_some();
        free_branch(tx, feed_no, header.seq, (!kept).then_some(id))?
    };
    let Some(branch) = branch else {
        return Ok(Appended::TooManyForks);
    };
    let order = Order {
        tx,
        chat_no,
        now_ms,
    };
    let past = order.past(header)?;
    order.name_past(id, header, feed_no, &past)?;
    let (cap, named) = order.named_before(id, header, feed_no, on_top)?;
    chat.count += 1;
    let mut stored = Stored {
        feed_no,
        seq: header.seq,
        branch,
        rank: branch,
        n: chat.count,
        eff: Timestamp::default(),
        cap,
        provisional: is_ahead(header, cap, now_ms),
        void,
    };
    stored.eff = order.effective(&stored, header.ts, &past)?;

    tx.put(
        Table::Events,
        &event_key(feed_no, header.seq, branch),
        &event.to_wire(),
    )?;
    tx.put(Table::EventIds, &id.0, &stored.encode())?;
    tx.put(
        Table::Arrivals,
        &join(&[&chat_no.to_be_bytes(), &stored.n.to_be_bytes()]),
        &join(&[
            &feed_no.to_be_bytes(),
            &header.seq.to_be_bytes(),
            &[low(branch)],
            &header.kind.0.to_be_bytes(),
            &header.author.0,
            &now_ms.to_be_bytes(),
            &high(branch),
        ]),
    )?;
    let key = timeline_key(&Place::of(header, stored.eff), stored.rank);
    tx.put(
        Table::Timeline,
        &join(&[&chat_no.to_be_bytes(), &key]),
        &timeline_value(&stored, header.kind, client_id),
    )?;
    if stored.provisional {
        order.wait_for(id, header, cap)?;
    }
    advance(tx, feed_no, &mut feed, event, branch, void)?;
    tx.put_row(Table::Feeds, &feed_no.to_be_bytes(), &feed)?;
    if header.lane != 0 && !void {
        chat.heads
            .retain(|(head, _)| !header.past().any(|past| past == head));
        if !named {
            chat.heads.push((id, header.ts));
        }
        if chat.heads.len() > HEADS {
            chat.heads.remove(0);
        }
    }
    if header.kind == Kind::MSG && !void {
        chat.active_ms = chat.active_ms.max(stored.eff.ms().min(now_ms));
        if chat
            .newest
            .as_ref()
            .is_none_or(|newest| key[..] > newest[..])
        {
            chat.newest = Some(serde_bytes::ByteBuf::from(key));
        }
    }
    if branch != 0 {
        if (branch as usize) < limits::BRANCHES {
            rank_branches(tx, chat_no, feed_no, header.seq)?;
        }
        stored = must(find(tx, id)?, Table::EventIds)?;
        chat.newest = newest_message(tx, chat_no)?.map(|row| serde_bytes::ByteBuf::from(row.key));
    }
    if named {
        tx.remove(Table::ChatLacking, &join(&[&chat_no.to_be_bytes(), &id.0]))?;
    }
    if event.payload().is_none() && header.lane == Lane::Messages as u8 && !void {
        tx.put(
            Table::ChatLacking,
            &join(&[&chat_no.to_be_bytes(), &id.0]),
            BARE,
        )?;
    }
    // What does not count places nothing.
    let mut moving = Moving::new();
    if !void {
        moving = order.answer(header, cap, &past)?;
        if named {
            moving.extend(order.children(id)?);
        }
    }
    if order.settle(chat, moving)? {
        // What it answers may have moved, and it with that.
        stored = must(find(tx, id)?, Table::EventIds)?;
    }
    Ok(if branch == 0 {
        Appended::New(stored)
    } else {
        Appended::Fork(stored)
    })
}

fn ensure_feed(tx: &Write<'_>, chat_no: u32, header: &Header) -> Result<(u32, FeedRow)> {
    let key = feed_key(chat_no, &header.feed());
    if let Some(no) = tx.get(Table::FeedIds, &key)?.and_then(|b| Parts(&b).u32()) {
        return Ok((no, must(feed(tx, no)?, Table::Feeds)?));
    }
    let no = tx.next_number("next_feed")?;
    tx.put(Table::FeedIds, &key, &no.to_be_bytes())?;
    let row = FeedRow {
        v: 1,
        chat_no,
        author: header.author,
        home: header.home,
        lane: header.lane,
        whole: 0,
        whole_id: EventId::default(),
        whole_ts: Timestamp::default(),
        top: 0,
        forked_at: None,
    };
    Ok((no, row))
}

/// The first free branch at a place, 0 where nothing stands. One that nothing names, `unnamed`, finds none where many
/// stand: above the first ones there is room for the two of lowest id alone, which nodes tell each other of (L7).
fn free_branch(
    tx: &Write<'_>,
    feed_no: u32,
    seq: u64,
    unnamed: Option<EventId>,
) -> Result<Option<u32>> {
    let prefix = join(&[&feed_no.to_be_bytes(), &seq.to_be_bytes()]);
    let mut last = None;
    tx.scan(
        Table::Events,
        &prefix,
        after(&prefix).as_deref(),
        true,
        &mut |key, _| {
            last = key.get(prefix.len()..).and_then(|key| Parts(key).branch());
            false
        },
    )?;
    let Some(next) = last.map_or(Some(0), |last: u32| last.checked_add(1)) else {
        return Ok(None);
    };
    let (Some(id), count) = (unnamed, next as usize) else {
        return Ok(Some(next));
    };
    if count < limits::BRANCHES_ANY {
        return Ok(Some(next));
    }
    if count >= limits::BRANCHES {
        return Ok(None);
    }
    let here = branches(tx, feed_no, seq)?;
    let lower = here.iter().filter(|event| event.id() < id).count();
    Ok((lower < 2).then_some(next))
}

/// The first branches at a place: all that are there for themselves.
///
/// # Errors
/// Storage errors; an event that does not read.
pub fn branches(rows: &impl Rows, feed_no: u32, seq: u64) -> Result<Vec<VerifiedEvent>> {
    let wires = range(rows, feed_no, seq, seq, limits::BRANCHES, usize::MAX)?;
    let events = wires.iter().map(|wire| VerifiedEvent::from_store(wire));
    events
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| damaged(Table::Events))
}

/// Gives the branches at a place their ranks, and moves their rows of the timeline.
fn rank_branches(tx: &Write<'_>, chat_no: u32, feed_no: u32, seq: u64) -> Result<()> {
    let mut branches = branches(tx, feed_no, seq)?;
    branches.sort_by_key(VerifiedEvent::id);
    let key = |event: &VerifiedEvent, stored: &Stored| {
        let key = timeline_key(&Place::of(event.header(), stored.eff), stored.rank);
        join(&[&chat_no.to_be_bytes(), &key])
    };
    let mut moved = Vec::new();
    for (rank, event) in (0..).zip(&branches) {
        let stored = must(find(tx, event.id())?, Table::EventIds)?;
        if stored.rank == rank {
            continue;
        }
        let old = key(event, &stored);
        let row = tx.get(Table::Timeline, &old)?;
        let row = row.and_then(|value| TimelineRow::decode(&old, &value));
        let row = must(row, Table::Timeline)?;
        // All leave their places before any takes another's.
        tx.remove(Table::Timeline, &old)?;
        moved.push((event, Stored { rank, ..stored }, row.client_id));
    }
    for (event, stored, client_id) in moved {
        tx.put(Table::EventIds, &event.id().0, &stored.encode())?;
        let value = timeline_value(&stored, event.header().kind, client_id.as_deref());
        tx.put(Table::Timeline, &key(event, &stored), &value)?;
    }
    Ok(())
}

/// Moves the head of a feed over what is whole now.
fn advance(
    tx: &Write<'_>,
    feed_no: u32,
    feed: &mut FeedRow,
    event: &VerifiedEvent,
    branch: u32,
    void: bool,
) -> Result<()> {
    let header = event.header();
    feed.top = feed.top.max(header.seq);
    if branch != 0 {
        // Nodes that refused what does not count know of no fork, and their heads are to be equal.
        forks::note(tx, feed_no, feed, header.seq, !void)?;
    }
    // Beside the one line of what counts something dead may stand, and have come first.
    let beside =
        feed.forked_at.is_some() && forks::fork(tx, feed.chat_no, feed.home, feed.lane)?.is_none();
    let next = header.seq == feed.whole
        && match beside {
            true => header.prev == feed.whole_id,
            false => branch == 0,
        };
    if !next {
        return Ok(());
    }
    (feed.whole, feed.whole_id, feed.whole_ts) = (header.seq + 1, event.id(), header.ts);
    // What waited above the gap is whole now as well.
    while feed.whole <= feed.top {
        let next = match beside {
            true => {
                let mut here = branches(tx, feed_no, feed.whole)?;
                here.retain(|event| event.header().prev == feed.whole_id);
                here.pop()
            }
            false => self::event(tx, feed_no, feed.whole, 0)?,
        };
        let Some(next) = next else {
            break;
        };
        (feed.whole, feed.whole_id, feed.whole_ts) = (feed.whole + 1, next.id(), next.header().ts);
    }
    Ok(())
}

/// What stands in the list of what lacks, of an event that is here without its payload.
const BARE: &[u8] = &[1];

/// Drops the payload of an event: what a `delete` leaves (L8). It lacks no more.
///
/// # Errors
/// Storage errors.
pub fn drop_payload(tx: &Write<'_>, stored: &Stored, event: VerifiedEvent) -> Result<()> {
    put_wire(tx, stored, &event.without_payload())
}

/// Whether a message came without its payload, and no `delete` says that this is right: whoever passed it on may have
/// dropped what was not theirs to drop.
///
/// # Errors
/// Storage errors.
pub fn lacks_payload(rows: &impl Rows, chat_no: u32, id: EventId) -> Result<bool> {
    let key = join(&[&chat_no.to_be_bytes(), &id.0]);
    Ok(rows.get(Table::ChatLacking, &key)?.as_deref() == Some(BARE))
}

/// The payload of a message was dropped for a `delete` that does not count: it lacks.
///
/// # Errors
/// Storage errors.
pub fn want_payload(tx: &Write<'_>, chat_no: u32, id: EventId) -> Result<()> {
    let key = join(&[&chat_no.to_be_bytes(), &id.0]);
    tx.put(Table::ChatLacking, &key, BARE)
}

/// Keeps the payload of a message that came without.
///
/// # Errors
/// Storage errors.
pub fn fill(tx: &Write<'_>, stored: &Stored, event: &VerifiedEvent) -> Result<()> {
    put_wire(tx, stored, event)
}

/// The wire form of an event that is here, with its payload or as a `delete` leaves it.
fn put_wire(tx: &Write<'_>, stored: &Stored, event: &VerifiedEvent) -> Result<()> {
    let (chat_no, _) = whose(tx, stored.feed_no)?;
    tx.remove(
        Table::ChatLacking,
        &join(&[&chat_no.to_be_bytes(), &event.id().0]),
    )?;
    tx.put(
        Table::Events,
        &event_key(stored.feed_no, stored.seq, stored.branch),
        &event.to_wire(),
    )
}

/// The newest message of a chat in its order.
///
/// # Errors
/// Storage errors.
pub fn newest_message(rows: &impl Rows, chat_no: u32) -> Result<Option<TimelineRow>> {
    let mut found = None;
    timeline(rows, chat_no, None, true, &mut |row| {
        if row.kind == Kind::MSG {
            found = Some(row);
        }
        found.is_none()
    })?;
    Ok(found)
}

/// Walks the timeline from a key (excluded), or from an end, down or up.
///
/// # Errors
/// Storage errors.
pub fn timeline(
    rows: &impl Rows,
    chat_no: u32,
    from: Option<&[u8]>,
    down: bool,
    visit: &mut dyn FnMut(TimelineRow) -> bool,
) -> Result<()> {
    let no = chat_no.to_be_bytes();
    let (mut start, mut end) = (no.to_vec(), after(&no));
    if let Some(from) = from {
        let mut key = join(&[&no, from]);
        if down {
            end = Some(key);
        } else {
            key.push(0);
            start = key;
        }
    }
    rows.scan(
        Table::Timeline,
        &start,
        end.as_deref(),
        down,
        &mut |key, value| TimelineRow::decode(key, value).is_none_or(&mut *visit),
    )
}

/// The key of a stored event in the timeline, as of [`TimelineRow::key`].
#[must_use]
pub fn key_of(header: &Header, stored: &Stored) -> Vec<u8> {
    timeline_key(&Place::of(header, stored.eff), stored.rank)
}

/// The timeline row of one stored event.
///
/// # Errors
/// Storage errors.
pub fn timeline_row(
    rows: &impl Rows,
    chat_no: u32,
    stored: &Stored,
    header: &Header,
) -> Result<Option<TimelineRow>> {
    let key = join(&[
        &chat_no.to_be_bytes(),
        &timeline_key(&Place::of(header, stored.eff), stored.rank),
    ]);
    Ok(rows
        .get(Table::Timeline, &key)?
        .and_then(|value| TimelineRow::decode(&key, &value)))
}

/// One row of the timeline by its key without the chat number.
///
/// # Errors
/// Storage errors.
pub fn timeline_at(rows: &impl Rows, chat_no: u32, key: &[u8]) -> Result<Option<TimelineRow>> {
    let key = join(&[&chat_no.to_be_bytes(), key]);
    Ok(rows
        .get(Table::Timeline, &key)?
        .and_then(|value| TimelineRow::decode(&key, &value)))
}

/// What came, in the order it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Arrival number.
    pub n: u64,
    /// Its feed.
    pub feed_no: u32,
    /// Place in it.
    pub seq: u64,
    /// Branch of a fork.
    pub branch: u32,
    /// What it is.
    pub kind: Kind,
    /// Who wrote it.
    pub author: UserId,
    /// When it came, Unix ms.
    pub at_ms: u64,
}

/// Walks arrivals after `n`, upwards.
///
/// # Errors
/// Storage errors.
pub fn arrivals(
    rows: &impl Rows,
    chat_no: u32,
    after_n: u64,
    visit: &mut dyn FnMut(Arrival) -> bool,
) -> Result<()> {
    let no = chat_no.to_be_bytes();
    let start = join(&[&no, &after_n.saturating_add(1).to_be_bytes()]);
    rows.scan(
        Table::Arrivals,
        &start,
        after(&no).as_deref(),
        false,
        &mut |key, value| {
            let decoded = (|| {
                let n = Parts(key.get(4..)?).u64()?;
                let mut p = Parts(value);
                let mut arrival = Arrival {
                    n,
                    feed_no: p.u32()?,
                    seq: p.u64()?,
                    branch: p.u8()?.into(),
                    kind: Kind(p.u16()?),
                    author: UserId(p.take()?),
                    at_ms: p.u64()?,
                };
                arrival.branch = p.u32().unwrap_or(arrival.branch);
                Some(arrival)
            })();
            decoded.is_none_or(&mut *visit)
        },
    )
}

/// When the event with arrival number `n` came, Unix ms.
///
/// # Errors
/// Storage errors.
pub fn arrived_ms(rows: &impl Rows, chat_no: u32, n: u64) -> Result<Option<u64>> {
    let value = rows.get(
        Table::Arrivals,
        &join(&[&chat_no.to_be_bytes(), &n.to_be_bytes()]),
    )?;
    // After the place, the kind and the author.
    Ok(value.and_then(|v| Parts(v.get(47..)?).u64()))
}

/// Q42: messages of others with n > `read_n`, counted up to 100, looking at 1,000 rows at most.
///
/// # Errors
/// Storage errors.
pub fn unread(rows: &impl Rows, chat_no: u32, user: UserId, read_n: u64) -> Result<u32> {
    let (mut count, mut looked) = (0u32, 0u32);
    let cuts = chats::cuts(rows, chat_no)?;
    let some_void = !cuts.is_empty() || groups::has_void(rows, chat_no)?;
    let mut failed = None;
    arrivals(rows, chat_no, read_n, &mut |row| {
        looked += 1;
        if row.kind == Kind::MSG && row.author != user {
            let void = || is_void(rows, chat_no, &row, &cuts);
            match some_void.then(void).transpose() {
                Ok(void) => count += u32::from(void != Some(true)),
                Err(error) => failed = Some(error),
            }
        }
        count < 100 && looked < 1000 && failed.is_none()
    })?;
    failed.map_or(Ok(count), Err)
}

/// Whether what came does not count (I8, M6).
fn is_void(
    rows: &impl Rows,
    chat_no: u32,
    row: &Arrival,
    cuts: &[(HomeId, u8, u64)],
) -> Result<bool> {
    let feed = must(feed(rows, row.feed_no)?, Table::Feeds)?;
    let cut = |(home, lane, end): &(HomeId, u8, u64)| {
        *home == feed.home && *lane == feed.lane && row.seq >= *end
    };
    if cuts.iter().any(cut) {
        return Ok(true);
    }
    groups::is_void_at(rows, chat_no, (feed.home, feed.lane, row.seq), row.branch)
}

/// How many named events are not here, counted up to 1,000.
///
/// # Errors
/// Storage errors.
pub fn missing(rows: &impl Rows, chat_no: u32) -> Result<u32> {
    let mut count = 0;
    rows.each(Table::ChatLacking, &chat_no.to_be_bytes(), &mut |_, _| {
        count += 1;
        count < 1000
    })?;
    Ok(count)
}

/// Ids that the chat lacks, at most `limit`.
///
/// # Errors
/// Storage errors.
pub fn missing_ids(rows: &impl Rows, chat_no: u32, limit: usize) -> Result<Vec<EventId>> {
    let mut ids = Vec::new();
    rows.each(Table::ChatLacking, &chat_no.to_be_bytes(), &mut |key, _| {
        ids.extend(key.get(4..).and_then(|b| EventId::try_from(b).ok()));
        ids.len() < limit
    })?;
    Ok(ids)
}

/// One change of a message (L8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amend {
    /// Place of the change.
    pub place: Place,
    /// Its feed.
    pub feed_no: u32,
    /// Branch of a fork.
    pub branch: u32,
    /// Edit, delete or react.
    pub kind: Kind,
}

/// Notes that an event changes `target`. It may come before its target does.
///
/// # Errors
/// Storage errors.
pub fn amend(tx: &Write<'_>, target: EventId, header: &Header, stored: &Stored) -> Result<()> {
    let place = Place::of(header, stored.eff);
    // The branch closes the key and is needed in the value.
    let key = timeline_key(&place, stored.branch);
    tx.put(
        Table::Amends,
        &join(&[&target.0, &key]),
        &join(&[
            &stored.feed_no.to_be_bytes(),
            &[low(stored.branch)],
            &header.kind.0.to_be_bytes(),
            &high(stored.branch),
        ]),
    )
}

/// Changes of a message in the order of L5. An event may have moved since it was noted, so places are
/// those of now, and one noted twice counts once.
///
/// # Errors
/// Storage errors.
pub fn amends(rows: &impl Rows, target: EventId) -> Result<Vec<Amend>> {
    let mut noted = BTreeSet::new();
    rows.each(Table::Amends, &target.0, &mut |key, value| {
        noted.extend((|| {
            // After the target, the time and the feed.
            let seq = Parts(key.get(89..)?).u64()?;
            let mut v = Parts(value);
            let (feed_no, branch, _kind) = (v.u32()?, v.u8()?, v.u16()?);
            Some((feed_no, seq, v.u32().unwrap_or(branch.into())))
        })());
        noted.len() < 4096
    })?;
    let mut found = Vec::with_capacity(noted.len());
    for (feed_no, seq, branch) in noted {
        let Some(event) = event(rows, feed_no, seq, branch)? else {
            continue;
        };
        let stored = must(find(rows, event.id())?, Table::EventIds)?;
        let amend = Amend {
            place: Place::of(event.header(), stored.eff),
            feed_no,
            branch,
            kind: event.header().kind,
        };
        found.push((stored.rank, amend));
    }
    found.sort_by_key(|(rank, amend)| (amend.place, *rank));
    Ok(found.into_iter().map(|(_, amend)| amend).collect())
}

/// Heads of a chat without holes, below any fork and below what does not count (S5), for digests and for what another node
/// lacks. Above a fork nodes may hold other branches, and their digests would never be equal.
///
/// # Errors
/// Storage errors.
pub fn heads(rows: &impl Rows, chat_no: u32) -> Result<Vec<chater_protocol::heads::HeadRow>> {
    let mut heads = Vec::new();
    for (no, feed) in feeds(rows, chat_no)? {
        if let Some(head) = forks::head(rows, no, &feed)? {
            heads.extend(head);
            continue;
        }
        let end = feed.forked_at.map_or(feed.whole, |at| at.min(feed.whole));
        let end = void::live_end(rows, no, &feed, end)?;
        let Some(seq) = end.checked_sub(1) else {
            continue;
        };
        let id = if end == feed.whole {
            feed.whole_id
        } else {
            must(event(rows, no, seq, 0)?, Table::Events)?.id()
        };
        heads.push(chater_protocol::heads::HeadRow {
            author: feed.author,
            home: feed.home,
            lane: feed.lane,
            seq,
            id,
        });
    }
    Ok(heads)
}

/// Wire events of a feed from seq `from` to `to`, all branches, at most `count` and `bytes`.
///
/// # Errors
/// Storage errors.
pub fn range(
    rows: &impl Rows,
    feed_no: u32,
    from: u64,
    to: u64,
    count: usize,
    bytes: usize,
) -> Result<Vec<Vec<u8>>> {
    let start = join(&[&feed_no.to_be_bytes(), &from.to_be_bytes()]);
    let end = match to.checked_add(1) {
        Some(next) => Some(join(&[&feed_no.to_be_bytes(), &next.to_be_bytes()])),
        None => after(&feed_no.to_be_bytes()),
    };
    let (mut found, mut size) = (Vec::new(), 0);
    rows.scan(
        Table::Events,
        &start,
        end.as_deref(),
        false,
        &mut |_, value| {
            size += value.len() + 8;
            if size > bytes && !found.is_empty() {
                return false;
            }
            found.push(value.to_vec());
            found.len() < count && size < bytes
        },
    )?;
    Ok(found)
}

/// The feeds of a chat as ids, to name one on the wire.
#[must_use]
pub fn as_feed(group: ChatId, row: &FeedRow) -> Feed {
    Feed {
        group,
        author: row.author,
        home: row.home,
        lane: row.lane,
    }
}

/// For callers that met a row which must exist.
///
/// # Errors
/// Always [`crate::StoreError::Damaged`] for none.
pub fn present<T>(value: Option<T>, table: Table) -> Result<T> {
    must(value, table)
}
