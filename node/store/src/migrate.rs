//! The layout of the file and its numbered steps.

use crate::tables::Table;
use crate::{Durability, Result, Rows, Store, StoreError};

/// The layout this program writes.
const SCHEMA: u32 = 1;

/// Checks the layout before anything is written; makes the tables of a new file; counts the start.
pub(crate) fn run(store: &Store) -> Result<()> {
    let found = store.read()?.get(Table::Meta, b"schema")?;
    let found = found
        .and_then(|b| b.try_into().ok())
        .map(u32::from_be_bytes);
    match found {
        Some(found) if found > SCHEMA => Err(StoreError::Newer {
            found,
            known: SCHEMA,
        }),
        Some(_) => Ok(()),
        None => store.write(Durability::Commit, |tx| {
            tx.put(Table::Meta, b"schema", &SCHEMA.to_be_bytes())?;
            for table in Table::ALL {
                tx.get(*table, &[])?;
            }
            Ok(())
        }),
    }
}
