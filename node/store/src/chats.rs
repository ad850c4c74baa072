//! Chats: the row every node keeps, and how a chat stands for each user who lives here.

use chater_protocol::array_struct;
use chater_protocol::id::{ChatId, EventId, HomeId, KeyId, UserId};
use chater_protocol::time::Timestamp;

use crate::Result;
use crate::key::{Parts, join};
use crate::rows::{Rows, Write};
use crate::tables::Table;

array_struct! {
    /// A chat.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct ChatRow {
        /// 1.
        pub v: u8,
        /// Its id.
        pub id: ChatId,
        /// Both users of a direct chat, lower id first; none = a group.
        pub users: Option<(UserId, UserId)>,
        /// When the last shown thing happened, Unix ms; the list is sorted by it.
        pub active_ms: u64,
        /// Timeline key of the newest message, without the chat number.
        pub newest: Option<serde_bytes::ByteBuf>,
        /// Events that came so far; the next one gets this number plus one (Q24).
        pub count: u64,
        /// Events of lanes 1 and 2 that no later one names (L2), newest last.
        pub heads: Vec<(EventId, Timestamp)>,
    }
}

array_struct! {
    /// A chat as it stands for one user who lives here.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct InboxRow {
        /// 1.
        pub v: u8,
        /// 0 = open, 1 = request, 2 = declined, 3 = blocked, 4 = left, 5 = deleted until the next message.
        pub state: u8,
        /// Arrival number of the newest message read.
        pub read_n: u64,
        /// On top of the list.
        pub pinned: bool,
        /// Silent until, Unix ms.
        pub muted_until_ms: Option<u64>,
        /// Out of the main list.
        pub archived: bool,
        /// Unsent text, sealed.
        pub draft: Option<serde_bytes::ByteBuf>,
        /// Events and bytes held of a sender not accepted yet (K10).
        pub held: (u64, u64),
    }
}

impl Default for InboxRow {
    fn default() -> Self {
        Self {
            v: 1,
            state: 0,
            read_n: 0,
            pinned: false,
            muted_until_ms: None,
            archived: false,
            draft: None,
            held: (0, 0),
        }
    }
}

array_struct! {
    /// An epoch secret of a chat.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct KeyRow {
        /// 1.
        pub v: u8,
        /// The secret under the node's key; none = only heard of.
        pub sealed: Option<serde_bytes::ByteBuf>,
        /// K3: homes that wrote or got a box in any `key` event for it.
        pub holders: Vec<(UserId, HomeId)>,
        /// min(ts, arrival) of its first `key` event, Unix ms.
        pub first_ms: u64,
        /// Own feeds that seal with it: home, the feed's seq when it first did.
        pub since: Vec<(HomeId, u64)>,
    }
}

/// The local number of a chat.
///
/// # Errors
/// Storage errors.
pub fn number(rows: &impl Rows, id: ChatId) -> Result<Option<u32>> {
    Ok(rows
        .get(Table::ChatIds, &id.0)?
        .and_then(|b| Parts(&b).u32()))
}

/// A chat by its local number.
///
/// # Errors
/// Storage errors.
pub fn chat(rows: &impl Rows, no: u32) -> Result<Option<ChatRow>> {
    rows.row(Table::Chats, &no.to_be_bytes())
}

/// Writes a chat.
///
/// # Errors
/// Storage errors.
pub fn put(tx: &Write<'_>, no: u32, row: &ChatRow) -> Result<()> {
    tx.put_row(Table::Chats, &no.to_be_bytes(), row)
}

/// The direct chat of two users, made when it is new.
///
/// # Errors
/// Storage errors.
pub fn ensure_direct(
    tx: &Write<'_>,
    id: ChatId,
    a: UserId,
    b: UserId,
    now_ms: u64,
) -> Result<(u32, ChatRow)> {
    if let Some(no) = number(tx, id)?
        && let Some(row) = chat(tx, no)?
    {
        return Ok((no, row));
    }
    let no = tx.next_number("next_chat")?;
    let row = ChatRow {
        v: 1,
        id,
        users: Some((a.min(b), a.max(b))),
        active_ms: now_ms,
        newest: None,
        count: 0,
        heads: Vec::new(),
    };
    tx.put(Table::ChatIds, &id.0, &no.to_be_bytes())?;
    put(tx, no, &row)?;
    for user in [a, b] {
        tx.put(Table::Members, &join(&[&user.0, &no.to_be_bytes()]), &[])?;
    }
    Ok((no, row))
}

/// Chats that a user, here or elsewhere, is in.
///
/// # Errors
/// Storage errors.
pub fn of_user(rows: &impl Rows, user: UserId) -> Result<Vec<u32>> {
    let mut chats = Vec::new();
    rows.each(Table::Members, &user.0, &mut |key, _| {
        chats.extend(key.get(32..).and_then(|b| Parts(b).u32()));
        true
    })?;
    Ok(chats)
}

/// Whether somebody is in a chat now.
///
/// # Errors
/// Storage errors.
pub fn is_member(rows: &impl Rows, user: UserId, no: u32) -> Result<bool> {
    let row = rows.get(Table::Members, &join(&[&user.0, &no.to_be_bytes()]))?;
    Ok(row.is_some_and(|former| former.is_empty()))
}

/// How a chat stands for a user; none = not in their list.
///
/// # Errors
/// Storage errors.
pub fn inbox(rows: &impl Rows, user: UserId, no: u32) -> Result<Option<InboxRow>> {
    rows.row(Table::Inbox, &join(&[&user.0, &no.to_be_bytes()]))
}

/// Writes how a chat stands for a user.
///
/// # Errors
/// Storage errors.
pub fn put_inbox(tx: &Write<'_>, user: UserId, no: u32, row: &InboxRow) -> Result<()> {
    tx.put_row(Table::Inbox, &join(&[&user.0, &no.to_be_bytes()]), row)
}

/// All chats in a user's list.
///
/// # Errors
/// Storage errors.
pub fn inbox_of(rows: &impl Rows, user: UserId) -> Result<Vec<(u32, InboxRow)>> {
    let mut found = Vec::new();
    rows.each(Table::Inbox, &user.0, &mut |key, value| {
        let no = key.get(32..).and_then(|b| Parts(b).u32());
        let row = chater_protocol::codec::decode(value, usize::MAX);
        if let (Some(no), Ok(row)) = (no, row) {
            found.push((no, row));
        }
        true
    })?;
    Ok(found)
}

/// Sets a member's read mark if it is newer than the one kept (L9). Whether it was.
///
/// # Errors
/// Storage errors.
pub fn put_mark(
    tx: &Write<'_>,
    no: u32,
    user: UserId,
    counter: Timestamp,
    message: EventId,
    eff: Timestamp,
) -> Result<bool> {
    let key = join(&[&no.to_be_bytes(), &user.0]);
    if let Some(old) = tx.get(Table::Marks, &key)?
        && Parts(&old).u64().is_some_and(|old| old >= counter.0)
    {
        return Ok(false);
    }
    tx.put(
        Table::Marks,
        &key,
        &join(&[&counter.0.to_be_bytes(), &message.0, &eff.0.to_be_bytes()]),
    )?;
    Ok(true)
}

/// A member's read mark: counter, message, its place in time.
///
/// # Errors
/// Storage errors.
pub fn mark(
    rows: &impl Rows,
    no: u32,
    user: UserId,
) -> Result<Option<(Timestamp, EventId, Timestamp)>> {
    let row = rows.get(Table::Marks, &join(&[&no.to_be_bytes(), &user.0]))?;
    Ok(row.and_then(|bytes| {
        let mut parts = Parts(&bytes);
        Some((
            Timestamp(parts.u64()?),
            EventId(parts.take()?),
            Timestamp(parts.u64()?),
        ))
    }))
}

/// One epoch secret.
///
/// # Errors
/// Storage errors.
pub fn key(rows: &impl Rows, no: u32, id: KeyId) -> Result<Option<KeyRow>> {
    rows.row(Table::Keys, &join(&[&no.to_be_bytes(), &id.0]))
}

/// Writes an epoch secret.
///
/// # Errors
/// Storage errors.
pub fn put_key(tx: &Write<'_>, no: u32, id: KeyId, row: &KeyRow) -> Result<()> {
    tx.put_row(Table::Keys, &join(&[&no.to_be_bytes(), &id.0]), row)
}

/// All epoch secrets of a chat.
///
/// # Errors
/// Storage errors.
pub fn keys(rows: &impl Rows, no: u32) -> Result<Vec<(KeyId, KeyRow)>> {
    let mut found = Vec::new();
    rows.each(Table::Keys, &no.to_be_bytes(), &mut |key, value| {
        let id = key.get(4..).and_then(|b| KeyId::try_from(b).ok());
        let row = chater_protocol::codec::decode(value, usize::MAX);
        if let (Some(id), Ok(row)) = (id, row) {
            found.push((id, row));
        }
        true
    })?;
    Ok(found)
}

/// The message a user sent with that client id before, if remembered.
///
/// # Errors
/// Storage errors.
pub fn by_client_id(
    rows: &impl Rows,
    user: UserId,
    no: u32,
    client_id: &str,
) -> Result<Option<EventId>> {
    let row = rows.get(
        Table::ClientIds,
        &join(&[&user.0, &no.to_be_bytes(), client_id.as_bytes()]),
    )?;
    Ok(row.and_then(|bytes| Parts(&bytes).take().map(EventId)))
}

/// Remembers a client id (Q27).
///
/// # Errors
/// Storage errors.
pub fn put_client_id(
    tx: &Write<'_>,
    user: UserId,
    no: u32,
    client_id: &str,
    id: EventId,
    now_ms: u64,
) -> Result<()> {
    tx.put(
        Table::ClientIds,
        &join(&[&user.0, &no.to_be_bytes(), client_id.as_bytes()]),
        &join(&[&id.0, &now_ms.to_be_bytes()]),
    )
}

/// Ends a retired home in a chat: on each lane the last seq that counts, none = nothing counts (I8).
/// Of several cuts the lowest holds.
///
/// # Errors
/// Storage errors.
pub fn put_cut(tx: &Write<'_>, no: u32, home: HomeId, lane: u8, last: Option<u64>) -> Result<()> {
    // Stored as the first seq that does not count, so that none is 0 and the lower one wins.
    let end = last.map_or(0, |seq| seq.saturating_add(1));
    let key = join(&[&no.to_be_bytes(), &home.0, &[lane]]);
    let old = tx.get(Table::Cuts, &key)?.and_then(|b| Parts(&b).u64());
    if old.is_none_or(|old| end < old) {
        tx.put(Table::Cuts, &key, &end.to_be_bytes())?;
    }
    Ok(())
}

/// The cuts of a chat: home, lane, first seq that does not count any more.
///
/// # Errors
/// Storage errors.
pub fn cuts(rows: &impl Rows, no: u32) -> Result<Vec<(HomeId, u8, u64)>> {
    let mut found = Vec::new();
    rows.each(Table::Cuts, &no.to_be_bytes(), &mut |key, value| {
        let mut k = Parts(key);
        let row = (|| {
            k.u32()?;
            Some((HomeId(k.take()?), k.u8()?, Parts(value).u64()?))
        })();
        found.extend(row);
        true
    })?;
    Ok(found)
}
