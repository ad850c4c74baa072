//! The layout of the file and its numbered steps.

use std::path::Path;

use redb::ReadableDatabase as _;

use crate::file::Spoilt;
use crate::tables::Table;
use crate::{Durability, Read, Result, Rows, Store, StoreError};

/// The layout this program writes.
const SCHEMA: u32 = 1;

/// Looks at the layout without writing: opening for writing changes the file even when nothing is
/// committed. A file that needs a repair first is left to [`run`].
pub(crate) fn refuse_newer(path: &Path) -> Result<()> {
    if let Ok(db) = redb::ReadOnlyDatabase::open(path)
        && let Ok(txn) = db.begin_read()
    {
        check(found(&Read::new(txn, Spoilt::default()))?)?;
    }
    Ok(())
}

fn found(rows: &impl Rows) -> Result<Option<u32>> {
    let found = rows.get(Table::Meta, b"schema")?;
    Ok(found
        .and_then(|b| b.try_into().ok())
        .map(u32::from_be_bytes))
}

fn check(found: Option<u32>) -> Result<()> {
    match found {
        Some(found) if found > SCHEMA => Err(StoreError::Newer {
            found,
            known: SCHEMA,
        }),
        _ => Ok(()),
    }
}

/// Checks the layout before anything is written; makes the tables of a new file.
pub(crate) fn run(store: &Store) -> Result<()> {
    let found = found(&store.read()?)?;
    check(found)?;
    match found {
        Some(_) => Ok(()),
        // Tables but no layout: another program's file, or a damaged one. Only a file without any
        // table is new.
        None if store.has_tables()? => Err(StoreError::Damaged(
            "it is not a store of Chater".to_owned(),
        )),
        None => store.write(Durability::Commit, |tx| {
            tx.put(Table::Meta, b"schema", &SCHEMA.to_be_bytes())?;
            for table in Table::ALL {
                tx.get(*table, &[])?;
            }
            Ok(())
        }),
    }
}
