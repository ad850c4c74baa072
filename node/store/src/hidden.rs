//! What a user of this node put away for themselves: single messages, and all of a chat up to an arrival
//! number. Nobody else is told, and the events stay: others still need them.

use std::collections::BTreeSet;

use chater_protocol::id::UserId;

use crate::Result;
use crate::key::{Parts, join};
use crate::rows::{Rows, Write};
use crate::tables::Table;

/// What one user does not want to see of one chat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Everything that came up to this arrival number; 0 = nothing.
    up_to: u64,
    /// Single messages above it.
    single: BTreeSet<u64>,
}

impl Hidden {
    /// Whether the event with this arrival number is hidden.
    #[must_use]
    pub fn has(&self, n: u64) -> bool {
        n <= self.up_to || self.single.contains(&n)
    }
}

fn prefix(user: UserId, chat_no: u32) -> Vec<u8> {
    join(&[&user.0, &chat_no.to_be_bytes()])
}

/// What a user hid of a chat.
///
/// # Errors
/// Storage errors.
pub fn of(rows: &impl Rows, user: UserId, chat_no: u32) -> Result<Hidden> {
    let mut hidden = Hidden::default();
    rows.each(Table::Hidden, &prefix(user, chat_no), &mut |key, value| {
        match (key.get(36..).and_then(|b| Parts(b).u64()), value) {
            (Some(n), [1]) => hidden.up_to = hidden.up_to.max(n),
            (Some(n), _) => {
                hidden.single.insert(n);
            }
            (None, _) => {}
        }
        true
    })?;
    Ok(hidden)
}

/// Hides one message by its arrival number.
///
/// # Errors
/// Storage errors.
pub fn hide(tx: &Write<'_>, user: UserId, chat_no: u32, n: u64) -> Result<()> {
    let key = join(&[&prefix(user, chat_no), &n.to_be_bytes()]);
    // A mark that hides everything up to here already says more.
    if tx.get(Table::Hidden, &key)?.is_some() {
        return Ok(());
    }
    tx.put(Table::Hidden, &key, &[0])
}

/// Shows a single message again; what everything up to it hides stays hidden.
///
/// # Errors
/// Storage errors.
pub fn show(tx: &Write<'_>, user: UserId, chat_no: u32, n: u64) -> Result<()> {
    let key = join(&[&prefix(user, chat_no), &n.to_be_bytes()]);
    if tx.get(Table::Hidden, &key)?.as_deref() == Some(&[0][..]) {
        tx.remove(Table::Hidden, &key)?;
    }
    Ok(())
}

/// Hides everything that came up to an arrival number; what was hidden before is one row from then on.
///
/// # Errors
/// Storage errors.
pub fn clear(tx: &Write<'_>, user: UserId, chat_no: u32, up_to: u64) -> Result<()> {
    let prefix = prefix(user, chat_no);
    let mut old = Vec::new();
    tx.each(Table::Hidden, &prefix, &mut |key, _| {
        old.push(key.to_vec());
        true
    })?;
    for key in old {
        tx.remove(Table::Hidden, &key)?;
    }
    tx.put(Table::Hidden, &join(&[&prefix, &up_to.to_be_bytes()]), &[1])
}
