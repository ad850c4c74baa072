//! What people of this node fill of its disk, and how much they may.

use chater_protocol::id::UserId;

use crate::Result;
use crate::key::{Parts, join};
use crate::rows::{Rows, Write, damaged};
use crate::tables::Table;
use crate::{chats, key};

fn number(rows: &impl Rows, table: Table, user: UserId) -> Result<Option<u64>> {
    let Some(row) = rows.get(table, &user.0)? else {
        return Ok(None);
    };
    Parts(&row).u64().map(Some).ok_or_else(|| damaged(table))
}

/// Bytes of the events that a user wrote here. Where they were never counted, they are now.
///
/// # Errors
/// Storage errors.
pub fn written(rows: &impl Rows, user: UserId) -> Result<u64> {
    match number(rows, Table::Written, user)? {
        Some(bytes) => Ok(bytes),
        None => count(rows, user),
    }
}

/// A user has written so many bytes more, or so many are gone.
///
/// # Errors
/// Storage errors.
pub fn wrote(tx: &Write<'_>, user: UserId, more: u64, gone: u64) -> Result<()> {
    let now = match number(tx, Table::Written, user)? {
        Some(bytes) => bytes.saturating_add(more).saturating_sub(gone),
        // Counted for the first time: what was just written is among it, what is gone is not.
        None => count(tx, user)?,
    };
    tx.put(Table::Written, &user.0, &now.to_be_bytes())
}

/// Looks through all that a user wrote: once for a user of an older store.
fn count(rows: &impl Rows, user: UserId) -> Result<u64> {
    let mut feeds = Vec::new();
    for chat in chats::of_user(rows, user)? {
        let prefix = join(&[&chat.to_be_bytes(), &user.0]);
        rows.each(Table::FeedIds, &prefix, &mut |_, row| {
            feeds.extend(Parts(row).take::<4>());
            true
        })?;
    }
    let mut bytes = 0u64;
    for feed in feeds {
        let end = key::after(&feed);
        rows.scan(
            Table::Events,
            &feed,
            end.as_deref(),
            false,
            &mut |_, wire| {
                bytes = bytes.saturating_add(wire.len() as u64);
                true
            },
        )?;
    }
    Ok(bytes)
}

/// How much a user may fill; none = what is usual.
///
/// # Errors
/// Storage errors.
pub fn quota(rows: &impl Rows, user: UserId) -> Result<Option<u64>> {
    number(rows, Table::Quotas, user)
}

/// Sets it.
///
/// # Errors
/// Storage errors.
pub fn set_quota(tx: &Write<'_>, user: UserId, bytes: u64) -> Result<()> {
    tx.put(Table::Quotas, &user.0, &bytes.to_be_bytes())
}
