//! What this node remembers: one redb file, its tables and the functions over them.
//!
//! Synchronous; knows no network, no async, no clock (times are arguments). All keys are big-endian
//! bytes glued together, so byte order is the order wanted. Start with [`tables`], then [`events`].
//! One writer: [`Store::write`] is called by the engine's thread alone; any number of readers.

pub mod chats;
pub mod events;
pub mod hidden;
pub mod homes;
pub mod key;
mod migrate;
pub mod nodes;
mod order;
pub mod outbox;
mod rows;
pub mod tables;
pub mod users;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::ReadableDatabase as _;

pub use rows::{Read, Rows, Visit, Write};

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No room on the disk; nothing of the transaction was kept.
    #[error("no room on the disk")]
    Full,
    /// Written by a newer Chater; nothing was touched.
    #[error("the data has layout {found}, this program knows up to {known}")]
    Newer {
        /// Layout of the file.
        found: u32,
        /// Newest layout known here.
        known: u32,
    },
    /// The file is damaged, or no store.
    #[error("damaged: {0}")]
    Damaged(String),
    /// Reading or writing failed.
    #[error("{0}")]
    Io(String),
}

impl From<redb::StorageError> for StoreError {
    fn from(error: redb::StorageError) -> Self {
        match error {
            redb::StorageError::Io(e) if e.kind() == std::io::ErrorKind::StorageFull => Self::Full,
            redb::StorageError::Io(e) if e.kind() == std::io::ErrorKind::InvalidData => {
                Self::Damaged(e.to_string())
            }
            redb::StorageError::Corrupted(what) => Self::Damaged(what),
            other => Self::Io(other.to_string()),
        }
    }
}

macro_rules! from_redb {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                match error {
                    redb::$error::Storage(e) => e.into(),
                    other => Self::Damaged(other.to_string()),
                }
            }
        }
    )*};
}
from_redb!(TableError, TransactionError, CommitError);

impl From<redb::DatabaseError> for StoreError {
    fn from(error: redb::DatabaseError) -> Self {
        match error {
            redb::DatabaseError::Storage(e) => e.into(),
            // Nothing is wrong with the file: another process has it open.
            redb::DatabaseError::DatabaseAlreadyOpen => Self::Io(error.to_string()),
            other => Self::Damaged(other.to_string()),
        }
    }
}

/// What a store function gives.
pub type Result<T> = std::result::Result<T, StoreError>;

/// When a write transaction has reached the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Before `write` returns: one fdatasync.
    Commit,
    /// With the next durable one. For what may be lost: delivery marks (they come again), read marks.
    Lazy,
    /// As `Commit`, and a start after a crash need not walk the file (redb quick-repair; two syncs).
    Checkpoint,
}

/// The open store. Share it by `Arc`.
pub struct Store {
    db: redb::Database,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

/// Cache of the file, bytes. The crate's default is 1 GiB.
const CACHE: usize = 16 * 1024 * 1024;
/// Files up to this size, bytes, are checked whole at every start: a flipped byte is then refused,
/// not shown. Larger ones would make the start slow.
const CHECKED: u64 = 32 * 1024 * 1024;

impl Store {
    /// Opens or makes the file, brings its layout up to date.
    ///
    /// # Errors
    /// A newer layout (nothing is touched), a damaged file, no room, no permission.
    pub fn open(path: &Path) -> Result<Self> {
        // redb would make a new store of it, and a cut file must not pass for an empty one.
        if path.metadata().is_ok_and(|file| file.len() == 0) {
            return Err(StoreError::Damaged("the file is empty".to_owned()));
        }
        // redb trusts a file that was closed well and panics on some damage in it.
        catch_unwind(AssertUnwindSafe(|| {
            migrate::refuse_newer(path)?;
            let mut db = redb::Builder::new().set_cache_size(CACHE).create(path)?;
            if path.metadata().is_ok_and(|file| file.len() <= CHECKED) {
                db.check_integrity()?;
            }
            Self::ready(db)
        }))
        .unwrap_or_else(|_| Err(StoreError::Damaged("it cannot be read".to_owned())))
    }

    /// A store that is gone when dropped, for tests.
    ///
    /// # Errors
    /// None in practice.
    pub fn in_memory() -> Result<Self> {
        let db = redb::Builder::new()
            .set_cache_size(CACHE)
            .create_with_backend(redb::backends::InMemoryBackend::new())?;
        Self::ready(db)
    }

    /// A store on storage of the caller's making: how tests cut the power.
    ///
    /// # Errors
    /// Those of [`Store::open`].
    pub fn on_backend(backend: impl redb::StorageBackend) -> Result<Self> {
        let db = redb::Builder::new()
            .set_cache_size(CACHE)
            .create_with_backend(backend)?;
        Self::ready(db)
    }

    fn has_tables(&self) -> Result<bool> {
        Ok(self.db.begin_read()?.list_tables()?.next().is_some())
    }

    fn ready(db: redb::Database) -> Result<Self> {
        let store = Self { db };
        migrate::run(&store)?;
        Ok(store)
    }

    /// Runs `f` in one write transaction and commits; an error from `f` keeps nothing.
    ///
    /// # Errors
    /// Those of `f` and of the commit.
    pub fn write<T, E: From<StoreError>>(
        &self,
        durability: Durability,
        f: impl FnOnce(&mut Write<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let mut txn = self.db.begin_write().map_err(StoreError::from)?;
        match durability {
            Durability::Commit => {}
            Durability::Lazy => txn
                .set_durability(redb::Durability::None)
                .map_err(|e| StoreError::Io(e.to_string()))?,
            Durability::Checkpoint => txn.set_quick_repair(true),
        }
        let out = {
            let mut tx = Write::new(&txn);
            f(&mut tx)?
        };
        txn.commit().map_err(StoreError::from)?;
        Ok(out)
    }

    /// Runs `f` in a write transaction whose durability `f` decides at its end: a turn of the engine
    /// learns only from its inputs whether anything in it must be on disk.
    ///
    /// # Errors
    /// Those of `f` and of the commit.
    pub fn turn<T, E: From<StoreError>>(
        &self,
        f: impl FnOnce(&mut Write<'_>) -> std::result::Result<(T, Durability), E>,
    ) -> std::result::Result<T, E> {
        let mut txn = self.db.begin_write().map_err(StoreError::from)?;
        let (out, durability) = {
            let mut tx = Write::new(&txn);
            f(&mut tx)?
        };
        match durability {
            Durability::Commit => {}
            Durability::Lazy => txn
                .set_durability(redb::Durability::None)
                .map_err(|e| StoreError::Io(e.to_string()))?,
            Durability::Checkpoint => txn.set_quick_repair(true),
        }
        txn.commit().map_err(StoreError::from)?;
        Ok(out)
    }

    /// A snapshot; it never waits for the writer.
    ///
    /// # Errors
    /// Storage errors.
    pub fn read(&self) -> Result<Read> {
        Ok(Read::new(self.db.begin_read()?))
    }

    /// Copies a consistent snapshot into a new store at `path`.
    ///
    /// # Errors
    /// The file exists, no room, storage errors. Gives the number of rows copied.
    pub fn copy_to(&self, path: &Path) -> Result<u64> {
        if path.exists() {
            return Err(StoreError::Io("the file exists already".to_owned()));
        }
        let from = self.read()?;
        let to = Self {
            db: redb::Builder::new().set_cache_size(CACHE).create(path)?,
        };
        // One transaction: a copy that was cut short holds nothing rather than a part.
        to.write(Durability::Commit, |tx| {
            let mut rows = 0;
            for table in tables::Table::ALL {
                tx.get(*table, &[])?;
                let mut failed = None;
                from.scan(*table, &[], None, false, &mut |k, v| {
                    rows += 1;
                    failed = tx.put(*table, k, v).err();
                    failed.is_none()
                })?;
                failed.map_or(Ok(()), Err)?;
            }
            Ok(rows)
        })
    }
}
