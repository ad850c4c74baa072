//! What this node remembers: one redb file with a journal in front of it, its tables and the functions over them.
//!
//! Synchronous; knows no network, no async, no clock (times are arguments). All keys are big-endian
//! bytes glued together, so byte order is the order wanted. Start with [`tables`], then [`events`].
//! One writer at a time: the engine's thread; any number of readers. How a turn is kept:
//! `journal`.

pub mod accounts;
pub mod allowed;
pub mod blobs;
pub mod chats;
pub mod communities;
pub mod diary;
pub mod events;
mod file;
pub mod forks;
pub mod groups;
pub mod hidden;
pub mod homes;
mod journal;
pub mod key;
pub mod mail;
mod migrate;
pub mod nodes;
mod order;
pub mod outbox;
mod overlay;
pub mod quotas;
pub mod refused;
mod rows;
pub mod tables;
pub mod tickets;
pub mod users;
pub mod void;

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use file::{OpenFile, Parts};
use redb::backends::{FileBackend, InMemoryBackend};
use tables::Table;

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
    /// As `Commit`, with all rows in their trees, and a start after a crash need not walk the file (redb
    /// quick-repair; two syncs).
    Checkpoint,
}

/// The open store. Share it by `Arc`.
pub struct Store {
    file: OpenFile,
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

/// Bytes free where that folder is; none when the system does not say.
#[must_use]
pub fn free_space(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

impl Store {
    /// Opens or makes the file and its journal beside it, brings the layout up to date.
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
            let again = {
                let path = path.to_owned();
                // Not `create`: a file that is gone must not come back empty.
                move || {
                    let db = redb::Builder::new().set_cache_size(CACHE).open(&path)?;
                    with_journal(db, &path)
                }
            };
            let file = OpenFile::new(with_journal(db, path)?, Some(Box::new(again)), Some(path))?;
            Self::ready(file)
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
            .create_with_backend(InMemoryBackend::new())?;
        Self::ready(OpenFile::new(
            (db, Box::new(InMemoryBackend::new())),
            None,
            None,
        )?)
    }

    /// A store and its journal on storage of the caller's making, that can be opened again: how tests
    /// cut the power and make a disk fail.
    ///
    /// # Errors
    /// Those of [`Store::open`].
    pub fn on_backends<B: redb::StorageBackend>(
        open: impl Fn() -> (B, B) + Send + Sync + 'static,
    ) -> Result<Self> {
        let again = move || -> Result<Parts> {
            let (trees, journal) = open();
            let db = redb::Builder::new()
                .set_cache_size(CACHE)
                .create_with_backend(trees)?;
            Ok((db, Box::new(journal)))
        };
        Self::ready(OpenFile::new(again()?, Some(Box::new(again)), None)?)
    }

    /// Whether the file is open and nothing has failed in it. If not, the next write opens it anew, and
    /// so does a read that comes first.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.file.is_whole()
    }

    fn ready(file: OpenFile) -> Result<Self> {
        let store = Self { file };
        migrate::run(&store)?;
        Ok(store)
    }

    /// Runs `f` as one turn and keeps its changes; an error from `f` keeps nothing.
    ///
    /// # Errors
    /// Those of `f` and of the commit.
    pub fn write<T, E: From<StoreError>>(
        &self,
        durability: Durability,
        f: impl FnOnce(&mut Write<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.transact(|tx| Ok((f(tx)?, durability)))
    }

    /// Whether the disk has so little room left that nothing new is written.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.file.room().is_err()
    }

    /// Runs `f` as one turn whose durability `f` decides at its end: a turn of the engine learns only
    /// from its inputs whether anything in it must be on disk. Readers see the changes when it returns.
    ///
    /// # Errors
    /// Those of `f` and of the commit; [`StoreError::Full`] before `f` runs while the disk has hardly any
    /// room left.
    pub fn turn<T, E: From<StoreError>>(
        &self,
        f: impl FnOnce(&mut Write<'_>) -> std::result::Result<(T, Durability), E>,
    ) -> std::result::Result<T, E> {
        self.file.room()?;
        self.transact(f)
    }

    fn transact<T, E: From<StoreError>>(
        &self,
        f: impl FnOnce(&mut Write<'_>) -> std::result::Result<(T, Durability), E>,
    ) -> std::result::Result<T, E> {
        let mut journal = self.file.begin_write()?;
        let before = self.file.shown()?;
        let mut tx = Write::new(&before);
        let (out, durability) = f(&mut tx)?;
        if !tx.is_whole() {
            return Err(StoreError::Io("a part of the turn failed".to_owned()).into());
        }
        let changes = tx.into_changes();
        // Nobody else may hold the overlay when it grows, or it is copied.
        drop(before);
        self.file.keep(&mut journal, changes, durability)?;
        Ok(out)
    }

    /// A snapshot; it never waits for the writer.
    ///
    /// # Errors
    /// Storage errors.
    pub fn read(&self) -> Result<Read> {
        self.file.begin_read()
    }

    /// Turns kept since the start; a snapshot taken now has at least this [`Rows::turn`].
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.file.turns()
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
        let db = redb::Builder::new().set_cache_size(CACHE).create(path)?;
        // One transaction: a copy that was cut short holds nothing rather than a part.
        let txn = db.begin_write()?;
        let mut rows = 0;
        for table in Table::ALL {
            rows += journal::fill(&txn, &from, *table)?;
        }
        txn.commit()?;
        Ok(rows)
    }
}

/// Opens or makes the journal of a store.
fn with_journal(db: redb::Database, path: &Path) -> Result<Parts> {
    let journal = path.with_extension("journal");
    let is_new = !journal.exists();
    let open = || {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&journal)?;
        // Its name is on the disk before any promise depends on it.
        if is_new && let Some(folder) = journal.parent() {
            let here = Path::new(".");
            let folder = if folder.as_os_str().is_empty() {
                here
            } else {
                folder
            };
            File::open(folder)?.sync_all()?;
        }
        Ok(file)
    };
    let file = open().map_err(redb::StorageError::Io)?;
    Ok((db, Box::new(FileBackend::new(file)?)))
}
