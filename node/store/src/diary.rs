//! What happened to the node lately, for its owner.

use chater_protocol::array_struct;

use crate::Result;
use crate::key::Parts;
use crate::rows::{Rows, Write, decode_row};
use crate::tables::Table;

array_struct! {
    /// Something that happened.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct DiaryRow {
        /// 1.
        pub v: u8,
        /// Unix ms; of several in a row, the last.
        pub at_ms: u64,
        /// What, for programs.
        pub code: String,
        /// What it names: nodes, nicks of this node, files.
        pub words: Vec<String>,
        /// How often in a row.
        pub times: u32,
    }
}

/// All of it by number, oldest first; none = a row that does not read.
///
/// # Errors
/// Storage errors.
pub fn all(rows: &impl Rows) -> Result<Vec<(u64, Option<DiaryRow>)>> {
    let mut found = Vec::new();
    rows.each(Table::Diary, &[], &mut |key, row| {
        if let Some(n) = Parts(key).u64() {
            found.push((n, decode_row(Table::Diary, row).ok()));
        }
        true
    })?;
    Ok(found)
}

/// Writes a row.
///
/// # Errors
/// Storage errors.
pub fn put(tx: &Write<'_>, n: u64, row: &DiaryRow) -> Result<()> {
    tx.put_row(Table::Diary, &n.to_be_bytes(), row)
}

/// Removes a row, if it is there.
///
/// # Errors
/// Storage errors.
pub fn remove(tx: &Write<'_>, n: u64) -> Result<()> {
    tx.remove(Table::Diary, &n.to_be_bytes()).map(|_| ())
}
