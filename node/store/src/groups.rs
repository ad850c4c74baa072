//! Groups: what follows from their control events, kept so that a page need not fold them; who is a
//! member where; which events count for nothing (M6).

use std::collections::BTreeSet;

use chater_protocol::array_struct;
use chater_protocol::chat::order::Place;
use chater_protocol::event::VerifiedEvent;
use chater_protocol::id::{ChatId, Hash, HomeId, UserId};
use chater_protocol::payload::Policy;

use crate::chats::{self, ChatRow};
use crate::forks::Flaw;
use crate::key::{Parts, join};
use crate::rows::{Rows, Write};
use crate::tables::Table;
use crate::{Result, events};

array_struct! {
    /// A group as its control events and profiles say it is.
    #[derive(Debug, Clone, PartialEq, Eq, Default)]
    pub struct GroupRow {
        /// 1.
        pub v: u8,
        /// Its title; empty = none that can be read here yet.
        pub title: String,
        /// Present members and what they are: 0 = member, 1 = admin, 2 = owner.
        pub members: Vec<(UserId, u8)>,
        /// What its owner allows, as the control events say.
        pub policy: Option<Policy>,
        /// Its picture, as the profiles say.
        pub picture: Option<Hash>,
    }
}

/// What is kept of a group.
///
/// # Errors
/// Storage errors.
pub fn group(rows: &impl Rows, no: u32) -> Result<Option<GroupRow>> {
    rows.row(Table::Groups, &no.to_be_bytes())
}

/// Writes what is kept of a group.
///
/// # Errors
/// Storage errors.
pub fn put(tx: &Write<'_>, no: u32, row: &GroupRow) -> Result<()> {
    tx.put_row(Table::Groups, &no.to_be_bytes(), row)
}

/// The pictures of all groups.
///
/// # Errors
/// Storage errors.
pub fn pictures(rows: &impl Rows) -> Result<BTreeSet<Hash>> {
    let mut found = BTreeSet::new();
    rows.each(Table::Groups, &[], &mut |_, row| {
        if let Ok(row) = chater_protocol::codec::decode::<GroupRow>(row, usize::MAX) {
            found.extend(row.picture);
        }
        true
    })?;
    Ok(found)
}

/// The chat of a group, made when it is new.
///
/// # Errors
/// Storage errors.
pub fn ensure(tx: &Write<'_>, id: ChatId, now_ms: u64) -> Result<(u32, ChatRow)> {
    if let Some(no) = chats::number(tx, id)?
        && let Some(row) = chats::chat(tx, no)?
    {
        return Ok((no, row));
    }
    let no = tx.next_number("next_chat")?;
    let row = ChatRow {
        v: 1,
        id,
        users: None,
        active_ms: now_ms,
        newest: None,
        count: 0,
        heads: Vec::new(),
    };
    tx.put(Table::ChatIds, &id.0, &no.to_be_bytes())?;
    chats::put(tx, no, &row)?;
    Ok((no, row))
}

/// The user is a member, or was one: what former members may have is their control events (S9).
///
/// # Errors
/// Storage errors.
pub fn seat(tx: &Write<'_>, user: UserId, no: u32, present: bool) -> Result<()> {
    let value: &[u8] = if present { &[] } else { &[1] };
    tx.put(Table::Members, &join(&[&user.0, &no.to_be_bytes()]), value)
}

/// Whether the user was a member and is none now.
///
/// # Errors
/// Storage errors.
pub fn is_former(rows: &impl Rows, user: UserId, no: u32) -> Result<bool> {
    let value = rows.get(Table::Members, &join(&[&user.0, &no.to_be_bytes()]))?;
    Ok(value.is_some_and(|value| !value.is_empty()))
}

/// Somebody is out of a group: of what comes after `n` nothing is theirs; none = back in.
///
/// # Errors
/// Storage errors.
pub fn set_left(tx: &Write<'_>, user: UserId, no: u32, n: Option<u64>) -> Result<()> {
    let key = join(&[&user.0, &no.to_be_bytes()]);
    match n {
        Some(n) => tx.put(Table::Left, &key, &n.to_be_bytes()).map(drop),
        None => tx.remove(Table::Left, &key).map(drop),
    }
}

/// See [`set_left`].
///
/// # Errors
/// Storage errors.
pub fn left(rows: &impl Rows, user: UserId, no: u32) -> Result<Option<u64>> {
    let value = rows.get(Table::Left, &join(&[&user.0, &no.to_be_bytes()]))?;
    Ok(value.and_then(|value| Parts(&value).u64()))
}

fn void_key(no: u32, home: HomeId, lane: u8, seq: u64, branch: u32) -> Vec<u8> {
    let mut key = join(&[&no.to_be_bytes(), &home.0, &[lane], &seq.to_be_bytes()]);
    // Of a fork one branch may count and another not.
    if branch != 0 {
        key.extend(crate::key::branch(branch));
    }
    key
}

/// An event does not count (M6), or counts again. Whether that changed.
///
/// # Errors
/// Storage errors.
pub fn set_void(
    tx: &Write<'_>,
    no: u32,
    (home, lane, seq): (HomeId, u8, u64),
    branch: u32,
    void: bool,
) -> Result<bool> {
    let key = void_key(no, home, lane, seq, branch);
    let was = tx
        .get(Table::Void, &key)?
        .is_some_and(|mark| mark.is_empty());
    if void && !was {
        tx.put(Table::Void, &key, &[])?;
    } else if was && !void {
        tx.remove(Table::Void, &key)?;
    }
    Ok(was != void)
}

/// An event is of a branch that is not shown (L7), or shown again; one that does not count stays so.
///
/// # Errors
/// Storage errors.
pub fn set_hidden(
    tx: &Write<'_>,
    no: u32,
    (home, lane, seq): (HomeId, u8, u64),
    branch: u32,
    hidden: bool,
) -> Result<bool> {
    let key = void_key(no, home, lane, seq, branch);
    let mark = tx.get(Table::Void, &key)?;
    match (mark.as_deref(), hidden) {
        (None, true) => tx.put(Table::Void, &key, &[1]).map(|_| true),
        (Some([1]), false) => tx.remove(Table::Void, &key).map(|_| true),
        _ => Ok(false),
    }
}

/// What [`set_void`] or [`set_hidden`] has noted of a place.
///
/// # Errors
/// Storage errors.
pub fn flaw_at(
    rows: &impl Rows,
    no: u32,
    (home, lane, seq): (HomeId, u8, u64),
    branch: u32,
) -> Result<Option<Flaw>> {
    let mark = rows.get(Table::Void, &void_key(no, home, lane, seq, branch))?;
    Ok(mark.map(|mark| match mark.as_slice() {
        [1] => Flaw::Hidden,
        _ => Flaw::Lost,
    }))
}

/// Whether the event at that place does not count or is not shown.
///
/// # Errors
/// Storage errors.
pub fn is_void(rows: &impl Rows, no: u32, place: &Place, branch: u32) -> Result<bool> {
    let key = void_key(no, place.home, place.lane, place.seq, branch);
    Ok(rows.get(Table::Void, &key)?.is_some())
}

/// The same by home, lane and seq.
///
/// # Errors
/// Storage errors.
pub fn is_void_at(
    rows: &impl Rows,
    no: u32,
    (home, lane, seq): (HomeId, u8, u64),
    branch: u32,
) -> Result<bool> {
    let key = void_key(no, home, lane, seq, branch);
    Ok(rows.get(Table::Void, &key)?.is_some())
}

/// Whether anything in a chat does not count.
///
/// # Errors
/// Storage errors.
pub fn has_void(rows: &impl Rows, no: u32) -> Result<bool> {
    let mut any = false;
    rows.each(Table::Void, &no.to_be_bytes(), &mut |_, _| {
        any = true;
        false
    })?;
    Ok(any)
}

/// All events of one lane of a chat, feed by feed. For lanes 0 and 1, which stay small.
///
/// # Errors
/// Storage errors; an event that does not read.
pub fn lane(rows: &impl Rows, no: u32, lane: u8) -> Result<Vec<VerifiedEvent>> {
    let mut found = Vec::new();
    for (feed_no, feed) in events::feeds(rows, no)? {
        if feed.lane != lane {
            continue;
        }
        for wire in events::range(rows, feed_no, 0, u64::MAX, usize::MAX, usize::MAX)? {
            let event = VerifiedEvent::from_store(&wire)
                .map_err(|_| crate::StoreError::Damaged("an event".to_owned()))?;
            found.push(event);
        }
    }
    Ok(found)
}
