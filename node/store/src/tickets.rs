//! Invitation links of groups that people of this node have made (M9). Of the secret only a hash is kept.

use chater_protocol::array_struct;
use chater_protocol::id::{Hash, UserId};

use crate::Result;
use crate::key::join;
use crate::rows::{Rows, Write, decode_row};
use crate::tables::Table;

array_struct! {
    /// A link.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct TicketRow {
        /// 1.
        pub v: u8,
        /// Who made it, and brings people in by it.
        pub user: UserId,
        /// How many may still come.
        pub left: u32,
        /// How many have come.
        pub came: u32,
        /// Unix ms.
        pub made_ms: u64,
        /// Unix ms.
        pub expires_ms: u64,
    }
}

fn key(no: u32, hash: Hash) -> Vec<u8> {
    join(&[&no.to_be_bytes(), &hash.0])
}

/// A link of a chat by the hash of its secret.
///
/// # Errors
/// Storage errors.
pub fn ticket(rows: &impl Rows, no: u32, hash: Hash) -> Result<Option<TicketRow>> {
    rows.row(Table::Tickets, &key(no, hash))
}

/// Writes a link.
///
/// # Errors
/// Storage errors.
pub fn put(tx: &Write<'_>, no: u32, hash: Hash, row: &TicketRow) -> Result<()> {
    tx.put_row(Table::Tickets, &key(no, hash), row)
}

/// Takes a link back; whether it was there.
///
/// # Errors
/// Storage errors.
pub fn remove(tx: &Write<'_>, no: u32, hash: Hash) -> Result<bool> {
    tx.remove(Table::Tickets, &key(no, hash))
}

/// All links of a chat.
///
/// # Errors
/// Storage errors; a damaged row.
pub fn of_chat(rows: &impl Rows, no: u32) -> Result<Vec<(Hash, TicketRow)>> {
    let mut found = Vec::new();
    let mut failed = None;
    rows.each(Table::Tickets, &no.to_be_bytes(), &mut |key, row| {
        let hash = key.get(4..).and_then(|hash| Hash::try_from(hash).ok());
        match (hash, decode_row(Table::Tickets, row)) {
            (Some(hash), Ok(row)) => found.push((hash, row)),
            (None, _) => {}
            (_, Err(error)) => failed = Some(error),
        }
        failed.is_none()
    })?;
    failed.map_or(Ok(found), Err)
}
