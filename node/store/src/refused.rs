//! What other nodes refused for good. An ack says "everything up to here is settled there"; these rows
//! say what of it was settled by a no.

use crate::Result;
use crate::key::{Parts, join};
use crate::rows::{Rows, Write};
use crate::tables::Table;

/// The node refused the event at `seq` of a feed for good.
///
/// # Errors
/// Storage errors.
pub fn put(tx: &Write<'_>, feed_no: u32, seq: u64, node_no: u32, now_ms: u64) -> Result<()> {
    tx.put(
        Table::Refused,
        &key(feed_no, seq, node_no),
        &now_ms.to_be_bytes(),
    )
}

/// The node has taken it after all. Whether it had been refused.
///
/// # Errors
/// Storage errors.
pub fn remove(tx: &Write<'_>, feed_no: u32, seq: u64, node_no: u32) -> Result<bool> {
    tx.remove(Table::Refused, &key(feed_no, seq, node_no))
}

/// Whether any node has refused the event at `seq`.
///
/// # Errors
/// Storage errors.
pub fn any(rows: &impl Rows, feed_no: u32, seq: u64) -> Result<bool> {
    let mut found = false;
    let prefix = join(&[&feed_no.to_be_bytes(), &seq.to_be_bytes()]);
    rows.each(Table::Refused, &prefix, &mut |_, _| {
        found = true;
        false
    })?;
    Ok(found)
}

/// What a node has refused of a feed, at most so many.
///
/// # Errors
/// Storage errors.
pub fn by_node(rows: &impl Rows, feed_no: u32, node_no: u32, limit: usize) -> Result<Vec<u64>> {
    let mut found = Vec::new();
    rows.each(Table::Refused, &feed_no.to_be_bytes(), &mut |key, _| {
        let mut parts = Parts(key);
        if let (Some(_), Some(seq), Some(node)) = (parts.u32(), parts.u64(), parts.u32())
            && node == node_no
        {
            found.push(seq);
        }
        found.len() < limit
    })?;
    Ok(found)
}

fn key(feed_no: u32, seq: u64, node_no: u32) -> Vec<u8> {
    join(&[
        &feed_no.to_be_bytes(),
        &seq.to_be_bytes(),
        &node_no.to_be_bytes(),
    ])
}
