//! The layout of the file and its numbered steps.

use crate::tables::Table;
use crate::{Durability, Read, Result, Rows, Store, StoreError};

/// The layout this program writes.
const SCHEMA: u32 = 1;

/// The layout of a file; none = a new file.
///
/// # Errors
/// A newer layout than this program knows.
pub(crate) fn check(rows: &Read) -> Result<Option<u32>> {
    let found = rows.get(Table::Meta, b"schema")?;
    let found = found.and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
    match found {
        Some(found) if found > SCHEMA => Err(StoreError::Newer { found, known: SCHEMA }),
        found => Ok(found),
    }
}

/// Checks the layout before anything is written; makes the tables of a new file.
pub(crate) fn run(store: &Store) -> Result<()> {
    if check(&store.read()?)?.is_some() {
        return Ok(());
    }
    store.write(Durability::Commit, |tx| {
        tx.put(Table::Meta, b"schema", &SCHEMA.to_be_bytes())?;
        for table in Table::ALL {
            tx.get(*table, &[])?;
        }
        Ok(())
    })
}
