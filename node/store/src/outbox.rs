//! What other nodes have, and so what they still need (Q40). No row per message and node: the need
//! is a feed's head minus its last ack row.

use crate::Result;
use crate::key::{Parts, after, join};
use crate::rows::{Rows, Write};
use crate::tables::Table;

/// The node has committed everything of the feed up to `seq`.
///
/// # Errors
/// Storage errors.
pub fn ack(tx: &Write<'_>, feed_no: u32, node_no: u32, seq: u64, now_ms: u64) -> Result<()> {
    let prefix = join(&[&feed_no.to_be_bytes(), &node_no.to_be_bytes()]);
    tx.put(
        Table::Acks,
        &join(&[&prefix, &seq.to_be_bytes()]),
        &now_ms.to_be_bytes(),
    )
}

/// Up to which seq the node has committed the feed; none = nothing yet.
///
/// # Errors
/// Storage errors.
pub fn acked(rows: &impl Rows, feed_no: u32, node_no: u32) -> Result<Option<u64>> {
    let prefix = join(&[&feed_no.to_be_bytes(), &node_no.to_be_bytes()]);
    let mut last = None;
    rows.scan(
        Table::Acks,
        &prefix,
        after(&prefix).as_deref(),
        true,
        &mut |key, _| {
            let mut parts = Parts(key);
            last = parts.u32().and(parts.u32()).and(parts.u64());
            false
        },
    )?;
    Ok(last)
}

/// When the node committed the event at `seq`: the time of the first ack row that covers it.
///
/// # Errors
/// Storage errors.
pub fn acked_at(rows: &impl Rows, feed_no: u32, node_no: u32, seq: u64) -> Result<Option<u64>> {
    let prefix = join(&[&feed_no.to_be_bytes(), &node_no.to_be_bytes()]);
    let from = join(&[&prefix, &seq.to_be_bytes()]);
    let mut at = None;
    rows.scan(
        Table::Acks,
        &from,
        after(&prefix).as_deref(),
        false,
        &mut |_, value| {
            at = Parts(value).u64();
            false
        },
    )?;
    Ok(at)
}
