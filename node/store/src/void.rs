//! Events of a group that do not count (M6) and are kept all the same: what follows them is nothing to anybody, but an
//! event that counts names them, and whoever lacks what is named must say so (S10).

use chater_protocol::event::VerifiedEvent;
use chater_protocol::id::EventId;

use crate::chats::ChatRow;
use crate::events::{self, Appended, FeedRow, How};
use crate::key::{Parts, join};
use crate::order::Order;
use crate::rows::{Rows, Write};
use crate::tables::Table;
use crate::{Result, groups};

/// Events looked at above one place in search of one that counts.
const ABOVE: usize = 64;

/// Whether an event that does not count is kept: something here that counts names it, or stands above it in its
/// feed, which has a hole without it (M6).
///
/// # Errors
/// Storage errors.
pub fn is_wanted(tx: &Write<'_>, chat_no: u32, event: &VerifiedEvent) -> Result<bool> {
    let lacking = join(&[&chat_no.to_be_bytes(), &event.id().0]);
    if tx.get(Table::ChatLacking, &lacking)?.is_some() {
        return Ok(true);
    }
    let Some(feed_no) = events::feed_no(tx, chat_no, &event.header().feed())? else {
        return Ok(false);
    };
    // Where something stands already there is no hole.
    let here = join(&[&feed_no.to_be_bytes(), &event.header().seq.to_be_bytes()]);
    let mut filled = false;
    tx.each(Table::Events, &here, &mut |_, _| {
        filled = true;
        false
    })?;
    if filled {
        return Ok(false);
    }
    let (from, to) = (
        join(&[&feed_no.to_be_bytes(), &event.header().seq.to_be_bytes()]),
        crate::key::after(&feed_no.to_be_bytes()),
    );
    let (mut above, mut looked) = (Vec::new(), 0);
    tx.scan(
        Table::Events,
        &from,
        to.as_deref(),
        true,
        &mut |key, wire| {
            looked += 1;
            let seq = key.get(4..).and_then(|key| Parts(key).u64());
            if seq.is_some_and(|seq| seq > event.header().seq) {
                above.extend(VerifiedEvent::from_store(wire).map(|event| event.id()));
            }
            looked < ABOVE
        },
    )?;
    for id in above {
        if events::find(tx, id)?.is_some_and(|stored| !stored.void) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Appends an event that does not count. It is shown nowhere, places nothing, and nothing that it names lacks for its sake
/// but what its own feed needs below an event that counts.
///
/// # Errors
/// Storage errors.
pub fn append(
    tx: &Write<'_>,
    chat_no: u32,
    chat: &mut ChatRow,
    event: &VerifiedEvent,
    now_ms: u64,
) -> Result<Appended> {
    let appended = events::append_as(tx, chat_no, chat, event, None, now_ms, How::Void)?;
    if let Appended::New(stored) | Appended::Fork(stored) = appended {
        let header = event.header();
        let place = (header.home, header.lane, header.seq);
        groups::set_void(tx, chat_no, place, stored.branch, true)?;
        relist(tx, chat_no, event, now_ms)?;
    }
    Ok(appended)
}

/// What an event names that is not here lacks while somebody needs it, and not otherwise.
///
/// # Errors
/// Storage errors.
pub(crate) fn relist(
    tx: &Write<'_>,
    chat_no: u32,
    event: &VerifiedEvent,
    now_ms: u64,
) -> Result<()> {
    let order = Order {
        tx,
        chat_no,
        now_ms,
    };
    for past in event.header().past() {
        if order.find(*past)?.is_some() {
            continue;
        }
        let key = join(&[&chat_no.to_be_bytes(), &past.0]);
        if is_needed(&order, *past)? {
            tx.put(Table::ChatLacking, &key, &[])?;
        } else {
            tx.remove(Table::ChatLacking, &key)?;
        }
    }
    Ok(())
}

/// Whether an event that is not here is named by one that counts, or by one below which a feed would have a hole.
fn is_needed(order: &Order<'_, '_>, id: EventId) -> Result<bool> {
    let prefix = order.child_key(id, EventId::default());
    let prefix = prefix.get(..36).unwrap_or_default();
    let mut named_by = Vec::new();
    order.tx.each(Table::Children, prefix, &mut |key, value| {
        let child = key.get(36..).and_then(|b| EventId::try_from(b).ok());
        let dep = value.last() == Some(&1);
        named_by.extend(child.map(|child| (child, dep)));
        true
    })?;
    for (child, dep) in named_by {
        let Some(stored) = order.find(child)? else {
            continue;
        };
        let followed = || order.followers(stored.feed_no, stored.seq, child);
        if !stored.void || (!dep && !followed()?.is_empty()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The number of events of a feed up to the last one that counts, of the first `end`: what others are told of, and
/// have, of it (S5).
///
/// # Errors
/// Storage errors.
pub fn live_end(rows: &impl Rows, feed_no: u32, feed: &FeedRow, end: u64) -> Result<u64> {
    let mut end = end;
    if feed.lane == 0 {
        return Ok(end);
    }
    while let Some(seq) = end.checked_sub(1) {
        let place = (feed.home, feed.lane, seq);
        if !groups::is_void_at(rows, feed.chat_no, place, 0)? {
            break;
        }
        // A profile of somebody who may not write one has no effect and counts in the order: all have it.
        let event = events::event(rows, feed_no, seq, 0)?;
        let stored = event.map(|event| events::find(rows, event.id()));
        if stored.transpose()?.flatten().is_none_or(|s| !s.void) {
            break;
        }
        end = seq;
    }
    Ok(end)
}
