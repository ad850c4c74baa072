//! Forks (L7): which branches of a feed are shown, which are not, and which count for nothing because a cut has picked
//! another.

use std::collections::HashMap;

use chater_protocol::array_struct;
use chater_protocol::chat::group::{Branches, FeedEvent};
use chater_protocol::event::{Header, VerifiedEvent};
use chater_protocol::heads::HeadRow;
use chater_protocol::id::{EventId, HomeId};

use crate::events::{self, FeedRow, Stored};
use crate::homes::must;
use crate::key::join;
use crate::order::Order;
use crate::rows::{Rows, Write, damaged};
use crate::tables::Table;
use crate::{Result, groups};

array_struct! {
    /// A feed that forks.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct ForkRow {
        /// 1.
        pub v: u8,
        /// The feed.
        pub feed_no: u32,
        /// Lowest seq with two branches: events that are dead to their end are none (M6).
        pub at: u64,
        /// The event up to which a cut has picked a branch; none = no cut has.
        pub tip: Option<(u64, EventId)>,
    }
}

/// What is wrong with an event of a feed that forks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// A cut has picked another branch: it counts for nothing.
    Lost,
    /// Not of the two branches of lowest id: not shown.
    Hidden,
}

fn key(chat_no: u32, home: HomeId, lane: u8) -> Vec<u8> {
    join(&[&chat_no.to_be_bytes(), &home.0, &[lane]])
}

/// The fork of a feed, if it has one.
///
/// # Errors
/// Storage errors.
pub fn fork(rows: &impl Rows, chat_no: u32, home: HomeId, lane: u8) -> Result<Option<ForkRow>> {
    rows.row(Table::Forks, &key(chat_no, home, lane))
}

/// All forks of a chat, by home and lane.
///
/// # Errors
/// Storage errors.
pub fn forks(rows: &impl Rows, chat_no: u32) -> Result<Vec<(HomeId, u8, ForkRow)>> {
    let mut found = Vec::new();
    let mut bad = false;
    rows.each(Table::Forks, &chat_no.to_be_bytes(), &mut |key, row| {
        let home = key.get(4..20).and_then(|home| HomeId::try_from(home).ok());
        let row = chater_protocol::codec::decode::<ForkRow>(row, usize::MAX);
        match (home, key.last(), row) {
            (Some(home), Some(lane), Ok(row)) => found.push((home, *lane, row)),
            _ => bad = true,
        }
        !bad
    })?;
    if bad {
        Err(damaged(Table::Forks))
    } else {
        Ok(found)
    }
}

/// The two branches of lowest id of each feed whose fork no cut has settled, by their first events: heads end below a fork
/// (S5), so that whoever knows one branch alone would never hear of the other (L7).
///
/// # Errors
/// Storage errors; an event that does not read.
pub fn branches(rows: &impl Rows, chat_no: u32) -> Result<Vec<HeadRow>> {
    let mut found = Vec::new();
    for (home, lane, fork) in forks(rows, chat_no)? {
        if fork.tip.is_some() {
            continue;
        }
        let Some(feed) = events::feed(rows, fork.feed_no)? else {
            continue;
        };
        let here = events::branches(rows, fork.feed_no, fork.at)?;
        let mut ids: Vec<EventId> = here.iter().map(VerifiedEvent::id).collect();
        ids.sort_unstable();
        found.extend(ids.into_iter().take(2).map(|id| HeadRow {
            author: feed.author,
            home,
            lane,
            seq: fork.at,
            id,
        }));
    }
    Ok(found)
}

/// S5: the head of a feed with several events at one place: where a cut has picked a branch, up to there, else below the fork;
/// the outer none of one that has none, or of lane 0 below its fork, where all are of one line.
pub(crate) fn head(
    rows: &impl Rows,
    feed_no: u32,
    feed: &FeedRow,
) -> Result<Option<Option<HeadRow>>> {
    if feed.forked_at.is_none() {
        return Ok(None);
    }
    let row = |seq, id| HeadRow {
        author: feed.author,
        home: feed.home,
        lane: feed.lane,
        seq,
        id,
    };
    let fork = fork(rows, feed.chat_no, feed.home, feed.lane)?.filter(|f| feed.whole >= f.at);
    if let Some((seq, id)) = fork.as_ref().and_then(|fork| fork.tip) {
        return Ok(Some(Some(row(seq, id))));
    }
    if feed.lane == 0 {
        return Ok(None);
    }
    let mut last = feed.whole_id;
    if let Some(fork) = fork {
        last = EventId::default();
        for event in events::branches(rows, feed_no, fork.at)? {
            let stored = must(events::find(rows, event.id())?, Table::EventIds)?;
            if !stored.void {
                last = event.header().prev;
            }
        }
    }
    // What is dead on top of the line is nothing to others.
    while let Some((stored, event)) = events::by_id(rows, last)? {
        if !stored.void {
            return Ok(Some(Some(row(stored.seq, last))));
        }
        last = event.header().prev;
    }
    Ok(Some(None))
}

/// A second valid header stands at `seq`; whether it counts, and so makes a fork as far as is known yet.
pub(crate) fn note(
    tx: &Write<'_>,
    feed_no: u32,
    feed: &mut FeedRow,
    seq: u64,
    counts: bool,
) -> Result<()> {
    feed.forked_at = Some(feed.forked_at.map_or(seq, |at| at.min(seq)));
    if !counts {
        return Ok(());
    }
    let key = key(feed.chat_no, feed.home, feed.lane);
    let old: Option<ForkRow> = tx.row(Table::Forks, &key)?;
    let row = ForkRow {
        v: 1,
        feed_no,
        at: old.as_ref().map_or(seq, |old| old.at.min(seq)),
        tip: old.and_then(|old| old.tip),
    };
    tx.put_row(Table::Forks, &key, &row)
}

/// Notes up to which event cuts have picked a branch; none = no cut has.
///
/// # Errors
/// Storage errors.
pub fn set_tip(
    tx: &Write<'_>,
    chat_no: u32,
    (home, lane): (HomeId, u8),
    tip: Option<(u64, EventId)>,
) -> Result<()> {
    match fork(tx, chat_no, home, lane)? {
        Some(row) if row.tip != tip => {
            let row = ForkRow { tip, ..row };
            tx.put_row(Table::Forks, &key(chat_no, home, lane), &row)
        }
        _ => Ok(()),
    }
}

/// What is wrong with each event from the fork of a feed on, as the cuts in `picks` say and who is `live` (M6); keeps where the
/// fork is, which may be nowhere, and which branch they picked. Of what is not joined to the feed yet nothing is said.
///
/// # Errors
/// Storage errors; an event that does not read.
pub fn flaws(
    tx: &Write<'_>,
    chat_no: u32,
    feed_no: u32,
    picks: &[(u64, EventId)],
    live: &dyn Fn(&VerifiedEvent) -> bool,
) -> Result<HashMap<EventId, Flaw>> {
    let mut flaws = HashMap::new();
    let mut feed = must(events::feed(tx, feed_no)?, Table::Feeds)?;
    let Some(from) = feed.forked_at else {
        return Ok(flaws);
    };
    let key = key(chat_no, feed.home, feed.lane);
    let mut all = Vec::new();
    for wire in events::range(tx, feed_no, from, u64::MAX, usize::MAX, usize::MAX)? {
        let event = VerifiedEvent::from_store(&wire).map_err(|_| damaged(Table::Events))?;
        all.push(FeedEvent {
            seq: event.header().seq,
            id: event.id(),
            prev: event.header().prev,
            live: live(&event),
        });
    }
    let branches = Branches::of(all.iter().copied(), picks);
    all.retain(|event| branches.holds(&event.id));
    let Some(at) = branches.fork() else {
        tx.remove(Table::Forks, &key)?;
        follow(&mut feed, from, &all);
        if let Some((_, last)) = events::by_id(tx, feed.whole_id)? {
            feed.whole_ts = last.header().ts;
        }
        tx.put_row(Table::Feeds, &feed_no.to_be_bytes(), &feed)?;
        return Ok(flaws);
    };
    let by_id: HashMap<EventId, &FeedEvent> = all.iter().map(|event| (event.id, event)).collect();
    // The branch picked, if it is whole down to the fork.
    let mut path = HashMap::new();
    let mut next = branches.tip().and_then(|tip| by_id.get(&tip));
    while let Some(event) = next {
        path.insert(event.seq, event.id);
        next = by_id.get(&event.prev);
    }
    let tip = branches
        .tip()
        .and_then(|tip| by_id.get(&tip))
        .filter(|_| path.contains_key(&at))
        .map(|tip| (tip.seq, tip.id));
    let mut firsts: Vec<EventId> = all
        .iter()
        .filter(|event| event.seq == at)
        .map(|event| event.id)
        .collect();
    firsts.sort_unstable();
    firsts.truncate(2);
    // Where each is rooted, and whether it follows the tip.
    let mut roots: HashMap<EventId, (EventId, bool)> = HashMap::new();
    for event in all.iter().filter(|event| event.seq >= at) {
        let below = roots.get(&event.prev).copied();
        let Some((root, above)) = (if event.seq == at {
            Some((event.id, false))
        } else {
            below
        }) else {
            continue;
        };
        let above = above || tip.is_some_and(|(_, tip)| event.prev == tip);
        roots.insert(event.id, (root, above));
        let flaw = match tip {
            Some(_) if above || path.get(&event.seq) == Some(&event.id) => None,
            Some(_) => Some(Flaw::Lost),
            None if firsts.contains(&root) => None,
            None => Some(Flaw::Hidden),
        };
        if let Some(flaw) = flaw {
            flaws.insert(event.id, flaw);
        }
    }
    let row = ForkRow {
        v: 1,
        feed_no,
        at,
        tip,
    };
    tx.put_row(Table::Forks, &key, &row)?;
    Ok(flaws)
}

/// S5: the feed is one line again above the place where something dead stands beside it: its head is the end of that line.
/// `line` is what counts from there on, lowest first.
fn follow(feed: &mut FeedRow, from: u64, line: &[FeedEvent]) {
    if feed.whole < from {
        return;
    }
    let mut end = None;
    for event in line {
        let follows = match end {
            Some((next, id)) => event.prev == id && event.seq == next,
            None => event.seq == from,
        };
        let Some(next) = event.seq.checked_add(1).filter(|_| follows) else {
            break;
        };
        end = Some((next, event.id));
    }
    if let Some(end) = end {
        (feed.whole, feed.whole_id) = end;
    }
}

/// What is wrong with an event that has just come, by the one before it; the outer none when only [`flaws`] can tell: it is
/// a branch at the fork itself, or the branch that a cut picked is not whole yet.
///
/// # Errors
/// Storage errors.
pub fn flaw_of(
    tx: &Write<'_>,
    chat_no: u32,
    header: &Header,
    cuts: bool,
) -> Result<Option<Option<Flaw>>> {
    let Some(row) = fork(tx, chat_no, header.home, header.lane)? else {
        return Ok(Some(None));
    };
    if header.seq < row.at {
        return Ok(Some(None));
    }
    let Some((seq, tip)) = row.tip else {
        if header.seq == row.at || cuts {
            return Ok(None);
        }
        return by_prev(tx, chat_no, header).map(Some);
    };
    if header.seq == row.at {
        return Ok(None);
    }
    // The picked branch is whole: whatever else stands there is of another.
    if header.seq <= seq {
        return Ok(Some(Some(Flaw::Lost)));
    }
    if header.prev == tip {
        return Ok(Some(None));
    }
    by_prev(tx, chat_no, header).map(Some)
}

/// An event shares the lot of the one it follows; nothing is said of one that follows nothing here.
fn by_prev(tx: &Write<'_>, chat_no: u32, header: &Header) -> Result<Option<Flaw>> {
    let Some(before) = events::find(tx, header.prev)? else {
        return Ok(None);
    };
    let place = (header.home, header.lane, before.seq);
    groups::flaw_at(tx, chat_no, place, before.branch)
}

/// The event itself and all that follow it in its feed.
///
/// # Errors
/// Storage errors.
pub fn with_followers(
    tx: &Write<'_>,
    chat_no: u32,
    id: EventId,
    stored: Stored,
) -> Result<Vec<(EventId, Stored)>> {
    let order = Order {
        tx,
        chat_no,
        now_ms: 0,
    };
    let (mut found, mut at) = (vec![(id, stored)], 0);
    while let Some((id, stored)) = found.get(at).copied() {
        at += 1;
        for next in order.followers(stored.feed_no, stored.seq, id)? {
            found.extend(order.find(next)?.map(|stored| (next, stored)));
        }
    }
    Ok(found)
}
