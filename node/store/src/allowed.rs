//! Nodes that the owner has put on the list of those to be linked, and whether it alone counts.

use chater_protocol::id::NodeId;

use crate::Result;
use crate::rows::{Rows, Write};
use crate::tables::Table;

/// The nodes on the list.
///
/// # Errors
/// Storage errors.
pub fn all(rows: &impl Rows) -> Result<Vec<NodeId>> {
    let mut found = Vec::new();
    rows.each(Table::AllowedNodes, &[], &mut |key, _| {
        found.extend(NodeId::try_from(key).ok());
        true
    })?;
    Ok(found)
}

/// Whether a node is on the list.
///
/// # Errors
/// Storage errors.
pub fn has(rows: &impl Rows, node: NodeId) -> Result<bool> {
    Ok(rows.get(Table::AllowedNodes, &node.0)?.is_some())
}

/// Puts a node on the list.
///
/// # Errors
/// Storage errors.
pub fn put(tx: &Write<'_>, node: NodeId, now_ms: u64) -> Result<()> {
    tx.put(Table::AllowedNodes, &node.0, &now_ms.to_be_bytes())
}

/// Takes it off; whether it was there.
///
/// # Errors
/// Storage errors.
pub fn remove(tx: &Write<'_>, node: NodeId) -> Result<bool> {
    tx.remove(Table::AllowedNodes, &node.0)
}

/// Whether nodes on the list alone are linked.
///
/// # Errors
/// Storage errors.
pub fn only(rows: &impl Rows) -> Result<bool> {
    let row = rows.get(Table::Meta, b"only_listed")?;
    Ok(row.is_some_and(|row| row.first() == Some(&1)))
}

/// Saves the owner's choice.
///
/// # Errors
/// Storage errors.
pub fn put_only(tx: &Write<'_>, on: bool) -> Result<()> {
    tx.put(Table::Meta, b"only_listed", &[u8::from(on)])
}
