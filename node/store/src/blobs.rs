//! Which files of the folder `blobs` belong to this node. The files themselves are the engine's
//! business: they are on the disk before a row names them, so a row never names what is not there.

use chater_protocol::array_struct;
use chater_protocol::id::Hash;

use crate::Result;
use crate::rows::{Rows, Write};
use crate::tables::Table;

array_struct! {
    /// A file.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct BlobRow {
        /// 1.
        pub v: u8,
        /// Bytes on the disk, of all its sizes.
        pub size: u64,
        /// 0 = a picture of a person, 1 = of a group: for its members alone.
        pub kind: u8,
        /// When it came, Unix ms.
        pub came_ms: u64,
    }
}

/// A file by the hash of its bytes.
///
/// # Errors
/// Storage errors.
pub fn blob(rows: &impl Rows, hash: Hash) -> Result<Option<BlobRow>> {
    rows.row(Table::Blobs, &hash.0)
}

/// Names a file.
///
/// # Errors
/// Storage errors.
pub fn put(tx: &Write<'_>, hash: Hash, row: &BlobRow) -> Result<()> {
    tx.put_row(Table::Blobs, &hash.0, row)
}

/// Names a file no longer.
///
/// # Errors
/// Storage errors.
pub fn forget(tx: &Write<'_>, hash: Hash) -> Result<()> {
    tx.remove(Table::Blobs, &hash.0).map(|_| ())
}

/// Every file.
///
/// # Errors
/// Storage errors.
pub fn all(rows: &impl Rows) -> Result<Vec<(Hash, BlobRow)>> {
    let mut found = Vec::new();
    rows.each(Table::Blobs, &[], &mut |key, row| {
        if let (Ok(hash), Ok(row)) = (
            Hash::try_from(key),
            chater_protocol::codec::decode::<BlobRow>(row, usize::MAX),
        ) {
            found.push((hash, row));
        }
        true
    })?;
    Ok(found)
}

/// How many days pictures that nobody here uses are kept; none = nothing was chosen.
///
/// # Errors
/// Storage errors.
pub fn keep_days(rows: &impl Rows) -> Result<Option<u16>> {
    let row = rows.get(Table::Meta, b"keep_days")?;
    Ok(row
        .and_then(|row| row.try_into().ok())
        .map(u16::from_be_bytes))
}

/// Saves the owner's choice.
///
/// # Errors
/// Storage errors.
pub fn set_keep_days(tx: &Write<'_>, days: u16) -> Result<()> {
    tx.put(Table::Meta, b"keep_days", &days.to_be_bytes())
}
