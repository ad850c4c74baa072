//! The open file, and how it is opened anew. After one failed read or write redb refuses everything
//! until the file is opened again: what it holds in memory may not be what is on the disk. That is done
//! here, inside the process: what was promised is in the file, what was not is gone, and nobody has to
//! start the node by hand because a disk was full for a minute.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};

use redb::{Database, ReadTransaction, ReadableDatabase as _, WriteTransaction};

use crate::{Result, StoreError};

/// Room left to a repair and to the last commits, bytes: a turn that would begin with less is refused
/// before it touches the file. On small disks an eighth of all.
const RESERVE: u64 = 8 * 1024 * 1024;

/// Set when an open file can no longer be used. One per opening: a snapshot of an earlier one that
/// fails late says nothing of the present one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spoilt(Arc<AtomicBool>);

impl Spoilt {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Runs something that changes the file: whatever fails in it, also by a panic of redb over damage,
    /// spoils this opening.
    pub(crate) fn changing<T>(&self, f: impl FnOnce() -> Result<T>) -> Result<T> {
        let out = contained(f);
        if out.is_err() {
            self.set();
        }
        out
    }

    /// Runs something that only reads: damage in one place leaves the rest readable, a failed disk does
    /// not.
    pub(crate) fn reading<T>(&self, f: impl FnOnce() -> Result<T>) -> Result<T> {
        let out = contained(f);
        if matches!(out, Err(StoreError::Full | StoreError::Io(_))) {
            self.set();
        }
        out
    }
}

/// redb panics on some damage; here that is an error like others.
fn contained<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(f))
        .unwrap_or_else(|_| Err(StoreError::Damaged("it cannot be read".to_owned())))
}

/// The database of one opening; none after an opening that failed.
struct Opening {
    db: Option<Database>,
    spoilt: Spoilt,
}

/// Opens the same file again; none for stores that are gone once closed.
type Again = Box<dyn Fn() -> Result<Database> + Send + Sync>;

/// The file of a store.
pub(crate) struct OpenFile {
    opening: RwLock<Opening>,
    /// Held by the one who writes, and by whoever opens the file anew: never both.
    writing: Mutex<()>,
    again: Option<Again>,
    path: Option<PathBuf>,
}

impl OpenFile {
    pub(crate) fn new(db: Database, again: Option<Again>, path: Option<&Path>) -> Self {
        Self {
            opening: RwLock::new(Opening {
                db: Some(db),
                spoilt: Spoilt::default(),
            }),
            writing: Mutex::new(()),
            again,
            path: path.map(Path::to_owned),
        }
    }

    /// Nothing has failed since the file was opened last.
    pub(crate) fn is_whole(&self) -> bool {
        let opening = self.opening.read().unwrap_or_else(PoisonError::into_inner);
        opening.db.is_some() && !opening.spoilt.is_set()
    }

    /// A snapshot. The first to find the file spoilt opens it anew, unless somebody is writing: then the
    /// writer does. What could not be opened is tried again by the writer alone.
    pub(crate) fn begin_read(&self) -> Result<(ReadTransaction, Spoilt)> {
        let failed = {
            let opening = self.opening.read().unwrap_or_else(PoisonError::into_inner);
            opening.db.is_some() && opening.spoilt.is_set()
        };
        if failed {
            match self.writing.try_lock() {
                Ok(_writing) => self.reopen()?,
                Err(TryLockError::Poisoned(writing)) => {
                    let _writing = writing.into_inner();
                    self.reopen()?;
                }
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let opening = self.opening.read().unwrap_or_else(PoisonError::into_inner);
        let db = opening.db.as_ref().ok_or_else(closed)?;
        let spoilt = opening.spoilt.clone();
        let txn = spoilt.reading(|| Ok(db.begin_read()?))?;
        Ok((txn, spoilt))
    }

    /// A write transaction, and what keeps others from opening the file anew meanwhile.
    pub(crate) fn begin_write(&self) -> Result<(MutexGuard<'_, ()>, WriteTransaction, Spoilt)> {
        let writing = self.writing.lock().unwrap_or_else(|poisoned| {
            // A transaction ended in a panic of its user: redb's memory is not to be trusted.
            self.writing.clear_poison();
            self.spoil();
            poisoned.into_inner()
        });
        if !self.is_whole() {
            self.reopen()?;
        }
        let opening = self.opening.read().unwrap_or_else(PoisonError::into_inner);
        let db = opening.db.as_ref().ok_or_else(closed)?;
        let spoilt = opening.spoilt.clone();
        let txn = spoilt.changing(|| Ok(db.begin_write()?))?;
        Ok((writing, txn, spoilt))
    }

    fn spoil(&self) {
        let opening = self.opening.read().unwrap_or_else(PoisonError::into_inner);
        opening.spoilt.set();
    }

    /// Closes the file and opens it again. Whoever still reads in an old snapshot gets an error.
    fn reopen(&self) -> Result<()> {
        let mut opening = self.opening.write().unwrap_or_else(PoisonError::into_inner);
        if opening.db.is_some() && !opening.spoilt.is_set() {
            return Ok(());
        }
        let Some(again) = &self.again else {
            return Err(closed());
        };
        let old = opening.db.take();
        // Closing writes nothing after a failure; over damage it may panic.
        let _ = contained(|| {
            drop(old);
            Ok(())
        });
        let db = contained(again)?;
        *opening = Opening {
            db: Some(db),
            spoilt: Spoilt::default(),
        };
        Ok(())
    }

    /// Refuses while the disk has too little room left.
    pub(crate) fn room(&self) -> Result<()> {
        let Some(disk) = self
            .path
            .as_deref()
            .and_then(|p| rustix::fs::statvfs(p).ok())
        else {
            return Ok(());
        };
        let (free, all) = (
            disk.f_bavail.saturating_mul(disk.f_frsize),
            disk.f_blocks.saturating_mul(disk.f_frsize),
        );
        if all > 0 && free < RESERVE.min(all / 8) {
            return Err(StoreError::Full);
        }
        Ok(())
    }
}

fn closed() -> StoreError {
    StoreError::Io("the file failed and is not open".to_owned())
}
