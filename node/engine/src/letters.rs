//! What a letter for a node that is away holds: the events it lacks with the people they name, as much as fits,
//! and the receipt for what came from there.

use std::collections::{BTreeMap, BTreeSet};

use chater_protocol::event::VerifiedEvent;
use chater_protocol::id::{ChatId, NodeId, UserId};
use chater_protocol::limits;
use chater_protocol::mail::{Bundle, Letter, Part, Receipt, ReceiptRow};
use chater_protocol::wire::{ChatRef, Identities, Push};
use chater_store::mail::{self};
use chater_store::{Rows, StoreError, chats, events, homes, nodes, outbox, users};
use serde_bytes::ByteBuf;

use crate::mail::{Address, addresses};
use crate::needs::{Need, needs};
use crate::post::Due;
use crate::serve::identities_of;
use crate::shared::{Shared, SystemRandom, lock};

/// Events in one letter, and their bytes: with records and padding they fit the greatest.
pub(crate) const EVENTS: usize = 256;
pub(crate) const BYTES: usize = limits::LETTER - 96 * 1024;
/// Records of authors in one letter, bytes.
const RECORDS: usize = 64 * 1024;
/// Feeds remembered of one node; with more all are looked through.
pub(crate) const FEEDS: usize = 1_024;
/// Chats of which a receipt waits for one node.
pub(crate) const RECEIPTS: usize = 256;

/// A letter ready to be left.
pub(crate) struct Written {
    pub(crate) bundle: Bundle,
    /// Of each feed in it, up to where it lies there then.
    pub(crate) marks: Vec<(u32, u64)>,
    /// The chat of which it tells what has come.
    pub(crate) receipt: Option<ChatRef>,
}

/// The next letter for a node at one of its mailboxes, or until when what is due lies there already; none = nothing does.
pub(crate) fn write(
    shared: &Shared,
    node: NodeId,
    mailbox: NodeId,
    due: &Due,
    most: usize,
) -> Result<Result<Written, Option<u64>>, StoreError> {
    let rows = shared.store.read()?;
    let (Some(to), Some(there)) = (nodes::node(&rows, node)?, nodes::node(&rows, mailbox)?) else {
        return Ok(Err(None));
    };
    let mut until_ms = None;
    for address in addresses(&rows, node)? {
        match write_to(shared, &rows, (node, to.no), there.no, &address, due, most)? {
            Ok(written) => return Ok(Ok(written)),
            Err(until) => until_ms = until_ms.into_iter().chain(until).min(),
        }
    }
    Ok(Err(until_ms))
}

/// As [`write`], sealed to one home.
fn write_to(
    shared: &Shared,
    rows: &impl Rows,
    (node, node_no): (NodeId, u32),
    mailbox_no: u32,
    to: &Address,
    due: &Due,
    most: usize,
) -> Result<Result<Written, Option<u64>>, StoreError> {
    let now = shared.now_ms();
    let mut until_ms: Option<u64> = None;
    let (mut parts, mut marks, mut authors) = (Vec::new(), Vec::new(), BTreeSet::new());
    let (mut count, mut bytes) = (0, 0);
    let for_them = |need: &Need| match (to.only, need.chat.users) {
        (None, _) => true,
        (Some(only), Some((a, b))) => only == a || only == b,
        (Some(_), None) => false,
    };
    let wanted = wanted(rows, node, node_no, due)?;
    for need in wanted.into_iter().filter(for_them) {
        let acked = outbox::acked(rows, need.feed_no, node_no)?;
        let lies = mail::deposit(rows, need.feed_no, node_no, mailbox_no)?
            .filter(|row| row.until_ms > now && Some(row.up_to) > acked);
        until_ms = until_ms
            .into_iter()
            .chain(lies.map(|row| row.until_ms))
            .min();
        let lies = lies.map(|row| row.up_to);
        let new = acked.is_none() && lies.is_none();
        let mut next = acked.max(lies).map_or(0, |seq| seq + 1);
        while next < need.whole
            && count < most
            && bytes < BYTES
            && parts.len() < limits::LETTER_PARTS - 1
        {
            let room = limits::PUSH_EVENTS.min(most - count);
            let wires = events::range(
                rows,
                need.feed_no,
                next,
                need.whole - 1,
                room,
                BYTES - bytes,
            )?;
            let size: usize = wires.iter().map(|wire| wire.len() + 8).sum();
            let last = wires
                .last()
                .and_then(|wire| VerifiedEvent::from_store(wire).ok());
            let Some(last) = last.map(|event| event.header().seq) else {
                break;
            };
            // `range` gives at least one, however large.
            if bytes + size > BYTES && !parts.is_empty() {
                bytes = BYTES;
                break;
            }
            count += wires.len();
            bytes += size;
            next = last + 1;
            marks.retain(|(feed_no, _)| *feed_no != need.feed_no);
            marks.push((need.feed_no, last));
            if new {
                authors.insert(need.author);
            }
            parts.push(Part::Events(Push {
                chat: need.chat.clone(),
                events: wires.into_iter().map(ByteBuf::from).collect(),
            }));
        }
    }
    // Whoever has written to us has told of its people.
    let receipt = match to.only {
        None => receipt(shared, rows, node)?,
        Some(_) => None,
    };
    let told = receipt.as_ref().map(|receipt| receipt.chat.clone());
    parts.extend(receipt.into_iter().map(Part::Receipt));
    if parts.is_empty() {
        return Ok(Err(until_ms));
    }
    let authors: Vec<UserId> = authors.into_iter().collect();
    let identities = if authors.is_empty() {
        Identities::default()
    } else {
        identities_of(shared, &authors, RECORDS)?
    };
    let letter = Letter {
        v: 1,
        from: shared.node_id,
        to: node,
        ts: now,
        identities,
        parts,
    };
    let sealed = letter.seal(&shared.node_key, to.home, &to.kem, &mut SystemRandom);
    let bundle = sealed.map_err(|_| StoreError::Damaged("a letter".to_owned()))?;
    Ok(Ok(Written {
        bundle,
        marks,
        receipt: told,
    }))
}

/// The feeds that are due, in the order of delivery.
fn wanted(
    rows: &impl Rows,
    node: NodeId,
    node_no: u32,
    due: &Due,
) -> Result<Vec<Need>, StoreError> {
    if due.is_nothing() {
        return Ok(Vec::new());
    }
    let mut wanted = needs(rows, node)?;
    if !due.all {
        wanted.retain(|need| due.feeds.contains(&need.feed_no));
    }
    let own: BTreeSet<ChatId> = wanted
        .iter()
        .filter(|need| need.chat.users.is_none())
        .map(|need| need.chat.chat)
        .collect();
    for chat in own {
        let theirs = control_of_others(rows, node_no, chat, &wanted)?;
        wanted.extend(theirs);
    }
    wanted.sort_by_key(|need| (need.chat.chat, need.lane));
    Ok(wanted)
}

/// Control events that others wrote in a group of which the node has acknowledged nothing yet: without
/// them it could not tell who is in (M1), and there may be nobody else to bring them.
fn control_of_others(
    rows: &impl Rows,
    node_no: u32,
    chat: ChatId,
    own: &[Need],
) -> Result<Vec<Need>, StoreError> {
    for need in own.iter().filter(|need| need.chat.chat == chat) {
        if outbox::acked(rows, need.feed_no, node_no)?.is_some() {
            return Ok(Vec::new());
        }
    }
    let Some(no) = chats::number(rows, chat)? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for (feed_no, feed) in events::feeds(rows, no)? {
        if feed.lane == 0 && !users::lives_here(rows, feed.author)? {
            found.push(Need {
                chat: ChatRef { chat, users: None },
                feed_no,
                author: feed.author,
                lane: 0,
                whole: feed.whole,
            });
        }
    }
    Ok(found)
}

/// What has come of a node's people in one chat.
pub(crate) fn receipt(
    shared: &Shared,
    rows: &impl Rows,
    node: NodeId,
) -> Result<Option<Receipt>, StoreError> {
    // Taken out before it is looked at: what comes from now on is told by another.
    let chat = {
        let mut receipts = lock(&shared.post.receipts);
        receipts.get_mut(&node).and_then(BTreeMap::pop_first)
    };
    let Some((_, chat)) = chat else {
        return Ok(None);
    };
    let mut found = Vec::new();
    if let Some(no) = chats::number(rows, chat.chat)? {
        for (_, feed) in events::feeds(rows, no)? {
            let theirs =
                homes::home(rows, feed.author, feed.home)?.is_some_and(|home| home.node_id == node);
            if theirs
                && found.len() < limits::IDS
                && let Some(up_to) = feed.whole.checked_sub(1)
            {
                found.push(ReceiptRow {
                    author: feed.author,
                    home: feed.home,
                    lane: feed.lane,
                    up_to,
                });
            }
        }
    }
    Ok(Some(Receipt { chat, rows: found }))
}
