//! The open file, and how it is opened anew. After one failed read or write redb refuses everything
//! until the file is opened again: what it holds in memory may not be what is on the disk. That is done
//! here, inside the process: what was promised is in the file, what was not is gone, and nobody has to
//! start the node by hand because a disk was full for a minute.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, TryLockError};

use redb::{Database, ReadableDatabase as _, StorageBackend};

use crate::journal::{self, Journal};
use crate::overlay::Changes;
use crate::rows::Read;
use crate::{Durability, Result, StoreError, migrate};

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

/// A database and its journal's file, just opened.
pub(crate) type Parts = (Database, Box<dyn StorageBackend>);

/// Opens the same files again; none for stores that are gone once closed.
type Again = Box<dyn Fn() -> Result<Parts> + Send + Sync>;

/// One opening.
struct Opening {
    db: Database,
    spoilt: Spoilt,
    /// What readers see.
    shown: Mutex<Read>,
}

impl Opening {
    fn of((db, file): Parts) -> Result<(Self, Journal)> {
        let spoilt = Spoilt::default();
        let trees = Read::of(&db.begin_read()?, spoilt.clone())?;
        migrate::check(&trees)?;
        let (journal, left) = Journal::open(file, journal::token_of(&trees)?)?;
        let opening = Self {
            db,
            spoilt,
            shown: Mutex::new(Read {
                overlay: Arc::new(left),
                ..trees
            }),
        };
        Ok((opening, journal))
    }

    /// Lays changes over what readers see.
    fn show(&self, changes: Changes) {
        Arc::make_mut(&mut lock(&self.shown).overlay).extend(changes);
    }
}

/// The files of a store.
pub(crate) struct OpenFile {
    /// None after an opening that failed.
    opening: RwLock<Option<Opening>>,
    /// Held by the one who writes, and by whoever opens the files anew: never both. None as above.
    writing: Mutex<Option<Journal>>,
    /// Turns kept since the start.
    turns: AtomicU64,
    again: Option<Again>,
    path: Option<PathBuf>,
}

impl OpenFile {
    pub(crate) fn new(parts: Parts, again: Option<Again>, path: Option<&Path>) -> Result<Self> {
        let (opening, journal) = Opening::of(parts)?;
        Ok(Self {
            opening: RwLock::new(Some(opening)),
            writing: Mutex::new(Some(journal)),
            turns: AtomicU64::new(0),
            again,
            path: path.map(Path::to_owned),
        })
    }

    fn opening(&self) -> RwLockReadGuard<'_, Option<Opening>> {
        self.opening.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing has failed since the files were opened last.
    pub(crate) fn is_whole(&self) -> bool {
        self.opening().as_ref().is_some_and(|o| !o.spoilt.is_set())
    }

    /// A snapshot. The first to find the files spoilt opens them anew, unless somebody is writing: then
    /// the writer does. What could not be opened is tried again by the writer alone.
    pub(crate) fn begin_read(&self) -> Result<Read> {
        let failed = self.opening().as_ref().is_some_and(|o| o.spoilt.is_set());
        if failed {
            match self.writing.try_lock() {
                Ok(mut writing) => self.reopen(&mut writing)?,
                Err(TryLockError::Poisoned(writing)) => self.reopen(&mut writing.into_inner())?,
                Err(TryLockError::WouldBlock) => {}
            }
        }
        self.shown()
    }

    /// What readers see now.
    pub(crate) fn shown(&self) -> Result<Read> {
        let opening = self.opening();
        let opening = opening.as_ref().ok_or_else(closed)?;
        // Counted first: what is seen may be newer than its number says, never older.
        let turn = self.turns();
        Ok(Read {
            turn,
            ..lock(&opening.shown).clone()
        })
    }

    /// Turns kept since the start; readers who begin now see all of them.
    pub(crate) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Acquire)
    }

    /// The journal, and with it the right to write. A turn that ended in a panic of its user has
    /// changed nothing here: its changes were its own.
    pub(crate) fn begin_write(&self) -> Result<MutexGuard<'_, Option<Journal>>> {
        let mut writing = lock(&self.writing);
        if !self.is_whole() {
            self.reopen(&mut writing)?;
        }
        Ok(writing)
    }

    /// Whether any table is there.
    pub(crate) fn has_tables(&self) -> Result<bool> {
        let opening = self.opening();
        let db = &opening.as_ref().ok_or_else(closed)?.db;
        Ok(db.begin_read()?.list_tables()?.next().is_some())
    }

    /// Keeps the changes of a turn as its durability asks, shows them, and counts the turn.
    pub(crate) fn keep(
        &self,
        journal: &mut Option<Journal>,
        changes: Changes,
        durability: Durability,
    ) -> Result<()> {
        self.keep_uncounted(journal, changes, durability)?;
        self.turns.fetch_add(1, Ordering::Release);
        Ok(())
    }

    fn keep_uncounted(
        &self,
        journal: &mut Option<Journal>,
        changes: Changes,
        durability: Durability,
    ) -> Result<()> {
        let opening = self.opening();
        let (Some(opening), Some(journal)) = (opening.as_ref(), journal) else {
            return Err(closed());
        };
        let spoilt = &opening.spoilt;
        let kept = match durability {
            Durability::Lazy if journal.later(&changes) => true,
            Durability::Commit if changes.is_empty() && journal.is_written() => true,
            Durability::Checkpoint => false,
            _ => spoilt.changing(|| journal.write(&changes))?,
        };
        if kept {
            opening.show(changes);
            return Ok(());
        }
        let token = journal::new_token()?;
        spoilt.changing(|| {
            let mut txn = opening.db.begin_write()?;
            txn.set_quick_repair(durability == Durability::Checkpoint);
            let overlay = lock(&opening.shown).overlay.clone();
            journal::apply(&txn, &overlay, &changes, &token)?;
            journal.end();
            Ok(txn.commit()?)
        })?;
        journal.begin(token);
        match spoilt.reading(|| Read::of(&opening.db.begin_read()?, spoilt.clone())) {
            Ok(read) => *lock(&opening.shown) = read,
            // The older trees with all that changed over them are the same state.
            Err(_) => opening.show(changes),
        }
        Ok(())
    }

    /// Closes the files and opens them again. Whoever still reads in an old snapshot gets an error. What
    /// was promised is in the journal or in the trees; lazy changes since then are gone.
    fn reopen(&self, journal: &mut Option<Journal>) -> Result<()> {
        let mut opening = self.opening.write().unwrap_or_else(PoisonError::into_inner);
        if opening.as_ref().is_some_and(|o| !o.spoilt.is_set()) {
            return Ok(());
        }
        let Some(again) = &self.again else {
            return Err(closed());
        };
        let old = (opening.take(), journal.take());
        // Closing writes nothing after a failure; over damage it may panic.
        let _ = contained(|| {
            drop(old);
            Ok(())
        });
        let (fresh, its_journal) = contained(|| Opening::of(again()?))?;
        (*opening, *journal) = (Some(fresh), Some(its_journal));
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

/// What a lock guards here is whole at any time: a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn closed() -> StoreError {
    StoreError::Io("the file failed and is not open".to_owned())
}
