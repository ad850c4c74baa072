//! Feeds that fork (L7), inside a turn: which branches are shown when an event comes, and which count for nothing.

use std::collections::HashMap;

use chater_protocol::chat::group::Group;
use chater_protocol::event::{Header, Kind, Lane, VerifiedEvent};
use chater_protocol::id::EventId;
use chater_store::events::{self, Stored};
use chater_store::forks::{self, Flaw};
use chater_store::{StoreError, groups};

use crate::membership::{is_live, shown_anew};
use crate::turn::{Fail, Turn};

/// L7: a cut has picked a branch on which this is not.
pub(crate) fn is_lost(
    turn: &Turn<'_, '_>,
    no: u32,
    event: &VerifiedEvent,
) -> Result<bool, StoreError> {
    let header = event.header();
    let fork = forks::fork(turn.tx, no, header.home, header.lane)?;
    Ok(fork.is_some_and(|fork| {
        let below = |(seq, _): &(u64, EventId)| header.seq >= fork.at && header.seq <= *seq;
        fork.tip.as_ref().is_some_and(below)
    }))
}

/// L7: a cut names this very event of a feed that forks.
pub(crate) fn is_picked(
    turn: &mut Turn<'_, '_>,
    no: u32,
    event: &VerifiedEvent,
) -> Result<bool, Fail> {
    let header = event.header();
    if forks::fork(turn.tx, no, header.home, header.lane)?.is_none() {
        return Ok(false);
    }
    Ok(picks(turn, no, header)?.contains(&(header.seq, event.id())))
}

/// The events of that feed which valid cuts name.
fn picks(turn: &mut Turn<'_, '_>, no: u32, header: &Header) -> Result<Vec<(u64, EventId)>, Fail> {
    turn.context(no, |_, context| {
        let group = context.group.as_ref();
        Ok(group.map_or_else(Vec::new, |group| {
            group.picks(&header.author, header.home, header.lane)
        }))
    })
}

/// M6: whether an event follows one that does not count by the group itself: that is a branch now, if another stands beside it.
fn follows_dead(turn: &mut Turn<'_, '_>, no: u32, header: &Header) -> Result<bool, Fail> {
    // Of nearly every event one look says no.
    let Some(stored) = events::find(turn.tx, header.prev)?.filter(|before| before.void) else {
        return Ok(false);
    };
    let forked = events::feed(turn.tx, stored.feed_no)?.and_then(|feed| feed.forked_at);
    let before = events::event(turn.tx, stored.feed_no, stored.seq, stored.branch)?;
    let (Some(_), Some(before)) = (forked, before) else {
        return Ok(false);
    };
    turn.context(no, |_, context| {
        let group = context.group.as_ref();
        Ok(group.is_some_and(|group| !is_live(group, &before)))
    })
}

/// S5: of each control feed that forks how far it counts on the branch that cuts have picked. Others are told of that head, and
/// so of the branch.
pub(crate) fn settle_control(
    turn: &mut Turn<'_, '_>,
    no: u32,
    group: &Group,
) -> Result<(), StoreError> {
    let mut forked = forks::forks(turn.tx, no)?;
    forked.retain(|(_, lane, _)| *lane == Lane::Control as u8);
    if forked.is_empty() {
        return Ok(());
    }
    let heads = group.control_rows();
    for (home, lane, fork) in forked {
        let head = heads.iter().find(|head| head.home == home);
        let tip = head.filter(|head| head.seq >= fork.at);
        forks::set_tip(turn.tx, no, (home, lane), tip.map(|tip| (tip.seq, tip.id)))?;
    }
    Ok(())
}

/// L7: a new event may fork its feed, or stand above a fork. Whether it is shown; what else is not shown any more by it, is
/// marked.
pub(crate) fn settle(
    turn: &mut Turn<'_, '_>,
    no: u32,
    event: &VerifiedEvent,
    stored: &Stored,
) -> Result<bool, Fail> {
    let header = event.header();
    if header.lane == Lane::Control as u8 {
        return Ok(true);
    }
    let revives = follows_dead(turn, no, header)?;
    if !revives && forks::fork(turn.tx, no, header.home, header.lane)?.is_none() {
        return Ok(true);
    }
    let picks = picks(turn, no, header)?;
    let known = match revives {
        true => None,
        false => forks::flaw_of(turn.tx, no, header, !picks.is_empty())?,
    };
    if let Some(flaw) = known {
        let Some(flaw) = flaw else {
            return Ok(true);
        };
        // What had come before it, and follows it, was joined to nothing.
        let mut turned = Vec::new();
        for (id, at) in forks::with_followers(turn.tx, no, event.id(), *stored)? {
            let place = (header.home, header.lane, at.seq);
            match flaw {
                Flaw::Lost => {
                    groups::set_void(turn.tx, no, place, at.branch, true)?;
                    turned.push((id, true));
                }
                Flaw::Hidden => {
                    groups::set_hidden(turn.tx, no, place, at.branch, true)?;
                }
            }
        }
        if !turned.is_empty() {
            turn.weigh(no, &turned)?;
        }
        return Ok(false);
    }
    let flaws = compare(turn, no, stored.feed_no, header, &picks)?;
    Ok(!flaws.contains_key(&event.id()))
}

/// M6: something dead has come beside what counts, since something that counts follows it: that is a branch, too.
pub(crate) fn revived(
    turn: &mut Turn<'_, '_>,
    no: u32,
    event: &VerifiedEvent,
    stored: &Stored,
) -> Result<(), Fail> {
    let header = event.header();
    let picks = picks(turn, no, header)?;
    compare(turn, no, stored.feed_no, header, &picks).map(drop)
}

/// Marks what is not shown, and what counts for nothing, of a feed with several events at one place.
fn compare(
    turn: &mut Turn<'_, '_>,
    no: u32,
    feed_no: u32,
    header: &Header,
    picks: &[(u64, EventId)],
) -> Result<HashMap<EventId, Flaw>, Fail> {
    let flaws = turn.context(no, |turn, context| {
        let group = context.group.as_ref();
        let live = |event: &VerifiedEvent| group.is_none_or(|group| is_live(group, event));
        Ok(forks::flaws(turn.tx, no, feed_no, picks, &live)?)
    })?;
    let Some(fork) = forks::fork(turn.tx, no, header.home, header.lane)? else {
        return Ok(flaws);
    };
    let (mut turned, mut changed) = (Vec::new(), false);
    for wire in events::range(
        turn.tx,
        fork.feed_no,
        fork.at,
        u64::MAX,
        usize::MAX,
        usize::MAX,
    )? {
        let Ok(other) = VerifiedEvent::from_store(&wire) else {
            continue;
        };
        let Some(at) = events::find(turn.tx, other.id())? else {
            continue;
        };
        let place = (header.home, header.lane, at.seq);
        let flaw = flaws.get(&other.id()).copied();
        let hidden = flaw == Some(Flaw::Hidden);
        let mut moved = groups::set_hidden(turn.tx, no, place, at.branch, hidden)?;
        if flaw == Some(Flaw::Lost) && groups::set_void(turn.tx, no, place, at.branch, true)? {
            turned.push((other.id(), true));
            moved = true;
        }
        if moved && other.header().kind == Kind::DELETE {
            turn.deletes.push((no, other.id()));
        }
        changed |= moved;
    }
    if !turned.is_empty() {
        turn.weigh(no, &turned)?;
    }
    if changed {
        shown_anew(turn, no)?;
    }
    Ok(flaws)
}
