//! How a turn is kept. A message changes some nine rows all over the tree: written there at once, each
//! costs a page or two, and the disk's answer is waited for with all of them (0.35 ms more a commit
//! than one record alone). So a small turn is kept as **one** record at the end of the journal, and
//! its rows stay in the overlay that every reader sees; now and then, and with every large turn, the
//! overlay goes into the trees in the order of its keys, and the journal ends in the same commit. What
//! a crash leaves in the journal goes into the trees at the next start.

use redb::{ReadTransaction, ReadableTable as _, TableDefinition, WriteTransaction};

use crate::overlay::{Changes, full, in_tree};
use crate::rows::{Read, Rows as _};
use crate::tables::{META, ROWS, Table};
use crate::{Result, StoreError};

/// Record number -> changed rows, in the order of their writing.
const JOURNAL: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("journal_v1");

/// Bytes of journal after which its rows go into the trees.
const FULL: usize = 256 * 1024;

/// What the writer knows of the journal.
#[derive(Default)]
pub(crate) struct Journal {
    /// Number of the next record.
    next: u64,
    /// Bytes of its records.
    bytes: usize,
    /// Changes of lazy turns that no record holds yet, encoded.
    unwritten: Vec<u8>,
}

/// Length of a value that says the row is taken away.
const REMOVED: u32 = u32::MAX;

impl Journal {
    /// Keeps changes in memory, for the next record; false when too many wait.
    pub(crate) fn later(&mut self, changes: &Changes) -> bool {
        let before = self.unwritten.len();
        encode(changes, &mut self.unwritten);
        let fits = self.unwritten.len() <= FULL;
        if !fits {
            self.unwritten.truncate(before);
        }
        fits
    }

    /// Whether nothing waits for a record.
    pub(crate) fn is_written(&self) -> bool {
        self.unwritten.is_empty()
    }

    /// The next record: what waited, then these changes. None when the journal would be full.
    pub(crate) fn record(&self, changes: &Changes) -> Option<Vec<u8>> {
        let mut record = self.unwritten.clone();
        encode(changes, &mut record);
        (self.bytes + record.len() <= FULL).then_some(record)
    }

    /// Writes a record in a transaction; counted by [`Journal::wrote`] once that is committed.
    pub(crate) fn write(&self, txn: &WriteTransaction, record: &[u8]) -> Result<()> {
        txn.open_table(JOURNAL)?.insert(self.next, record)?;
        Ok(())
    }

    /// The record is committed.
    pub(crate) fn wrote(&mut self, record: &[u8]) {
        self.next += 1;
        self.bytes += record.len();
        self.unwritten.clear();
    }

    /// All rows are in the trees now.
    pub(crate) fn ended(&mut self) {
        *self = Self::default();
    }
}

/// Brings the rows of both layers into the trees and ends the journal, in one transaction.
pub(crate) fn apply(txn: &WriteTransaction, overlay: &Changes, changes: &Changes) -> Result<()> {
    let (mut meta, mut rows) = (txn.open_table(META)?, txn.open_table(ROWS)?);
    let under = overlay
        .iter()
        .filter(|(key, _)| !changes.contains_key(*key));
    for (key, value) in under.chain(changes) {
        let (table, key) = in_tree(key);
        let tree = if table == Table::Meta {
            &mut meta
        } else {
            &mut rows
        };
        match value {
            Some(value) => tree.insert(key, &value[..])?,
            None => tree.remove(key)?,
        };
    }
    txn.delete_table(JOURNAL)?;
    Ok(())
}

/// Copies a table of a snapshot into trees that have none of it; how many rows.
pub(crate) fn fill(txn: &WriteTransaction, from: &Read, table: Table) -> Result<u64> {
    let (mut meta, mut rows) = (txn.open_table(META)?, txn.open_table(ROWS)?);
    let (mut count, mut failed) = (0, None);
    from.scan(table, &[], None, false, &mut |key, value| {
        count += 1;
        failed = if table == Table::Meta {
            meta.insert(key, value).err()
        } else {
            rows.insert(&full(table, key)[..], value).err()
        };
        failed.is_none()
    })?;
    failed.map_or(Ok(count), |error| Err(error.into()))
}

/// The changes that a crash left in the journal.
pub(crate) fn left(txn: &ReadTransaction) -> Result<Changes> {
    let mut changes = Changes::new();
    let journal = match txn.open_table(JOURNAL) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(changes),
        opened => opened?,
    };
    for record in journal.iter()? {
        decode(record?.1.value(), &mut changes)
            .ok_or_else(|| StoreError::Damaged("a record of the journal".to_owned()))?;
    }
    Ok(changes)
}

/// Each row: length of the key u16, length of the value u32, key, value.
fn encode(changes: &Changes, record: &mut Vec<u8>) {
    for (key, value) in changes {
        let bytes = value.as_deref().unwrap_or_default();
        // Keys are some 300 bytes at most and values below 1 MiB: both always fit.
        let key_len = u16::try_from(key.len()).unwrap_or(u16::MAX);
        let len = u32::try_from(bytes.len()).unwrap_or(REMOVED);
        record.extend_from_slice(&key_len.to_be_bytes());
        record.extend_from_slice(&value.as_ref().map_or(REMOVED, |_| len).to_be_bytes());
        record.extend_from_slice(key);
        record.extend_from_slice(bytes);
    }
}

fn decode(record: &[u8], changes: &mut Changes) -> Option<()> {
    let mut rest = record;
    while !rest.is_empty() {
        let (key_len, after) = rest.split_first_chunk()?;
        let (len, after) = after.split_first_chunk()?;
        let (key, after) = after.split_at_checked(u16::from_be_bytes(*key_len).into())?;
        let value = match u32::from_be_bytes(*len) {
            REMOVED => None,
            len => Some(usize::try_from(len).ok()?),
        };
        let (bytes, after) = after.split_at_checked(value.unwrap_or(0))?;
        changes.insert(key.to_vec(), value.map(|_| bytes.to_vec()));
        rest = after;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were() {
        let changes: Changes = [
            (vec![1], Some(vec![2, 3])),
            (vec![4, 5], None),
            (vec![6], Some(Vec::new())),
        ]
        .into();
        let mut record = Vec::new();
        encode(&changes, &mut record);
        let mut back = Changes::new();
        assert_eq!(decode(&record, &mut back), Some(()));
        assert_eq!(back, changes);
        for cut in 1..record.len() {
            // A cut record is refused, unless the cut is between rows.
            let mut part = Changes::new();
            if decode(record.get(..cut).unwrap_or_default(), &mut part).is_some() {
                assert!(part.len() < changes.len());
            }
        }
    }
}
