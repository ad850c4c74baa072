//! The layout of the file and its numbered steps.

use std::path::Path;

use redb::ReadableDatabase as _;

use crate::file::Spoilt;
use crate::tables::Table;
use crate::{Durability, Read, Result, Rows, Store, StoreError};

/// The layout this program writes.
const SCHEMA: u32 = 2;

/// Looks at the layout without writing: opening for writing changes the file even when nothing is
/// committed. A file that needs a repair first is left to [`run`].
pub(crate) fn refuse_newer(path: &Path) -> Result<()> {
    if let Ok(db) = redb::ReadOnlyDatabase::open(path)
        && let Ok(txn) = db.begin_read()
    {
        check(&Read::of(&txn, Spoilt::default())?)?;
    }
    Ok(())
}

fn found(rows: &impl Rows) -> Result<Option<u32>> {
    let found = rows.get(Table::Meta, b"schema")?;
    Ok(found
        .and_then(|b| b.try_into().ok())
        .map(u32::from_be_bytes))
}

/// Refuses a layout that this program does not know; gives the one there is.
pub(crate) fn check(rows: &Read) -> Result<Option<u32>> {
    match found(rows)? {
        Some(found) if found > SCHEMA => Err(StoreError::Newer {
            found,
            known: SCHEMA,
        }),
        found => Ok(found),
    }
}

/// Checks the layout before anything is written; makes the trees of a new file.
pub(crate) fn run(store: &Store) -> Result<()> {
    match check(&store.read()?)? {
        // 1 -> 2: the journal. A program that knows only 1 would not look into it.
        Some(found) if found < SCHEMA => {}
        Some(_) => return Ok(()),
        // Tables but no layout: another program's file, or a damaged one. Only a file without any
        // table is new.
        None if store.file.has_tables()? => {
            return Err(StoreError::Damaged(
                "it is not a store of Chater".to_owned(),
            ));
        }
        None => {}
    }
    // In the trees at once, for it is looked at before the journal.
    store.write(Durability::Checkpoint, |tx| {
        tx.put(Table::Meta, b"schema", &SCHEMA.to_be_bytes())
    })
}
