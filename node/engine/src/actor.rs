//! The one writer. A thread takes what waits (local users first), runs all of it in **one** write
//! transaction, commits, and only then replies, publishes and hands work to the network. Many waiting
//! inputs share one commit, so truth costs one sync and throughput is bounded by the work itself.
//!
//! The only clock of the engine is read here.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chater_store::{Durability, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;
use crate::shared::Shared;
use crate::turn::{Cache, Effects, Fail, Turn};
use crate::view::Happening;

/// Local inputs that may wait (Q45).
const LOCAL: usize = 4_096;
/// Other inputs that may wait (Q45).
const OTHERS: usize = 1_024;
/// Inputs and time of one turn (Q45).
const TURN_INPUTS: usize = 1_024;
const TURN_TIME: Duration = Duration::from_millis(8);
/// After so many local inputs the others have their turn (Q45).
const LOCAL_RUN: usize = 256;
/// How long a caller waits for room in the queue (Q45).
const PATIENCE: Duration = Duration::from_secs(2);
/// After so long without work, lazy writes are made durable.
const SETTLE: Duration = Duration::from_secs(1);
/// After so long without work, a checkpoint makes the next start quick.
const CHECKPOINT: Duration = Duration::from_secs(4);

/// After a failure of the disk the writer rests so long: what comes meanwhile shares one more try.
const REST: Duration = Duration::from_millis(250);
/// Without work the store is looked at this often: a read may have found the disk failing.
const LOOK: Duration = Duration::from_secs(5);

/// Unix milliseconds: the one place that reads the clock.
#[allow(clippy::disallowed_methods, reason = "the one allowed call")]
pub(crate) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// Told after the commit whether the turn was kept.
type Done = Box<dyn FnOnce(Result<(), Error>) + Send>;
/// One input: runs in the turn; a storage error ends the whole turn. Without a turn (the store gives
/// no transaction) it only tells its caller why.
type Job =
    Box<dyn FnOnce(Result<&mut Turn<'_, '_>, &StoreError>) -> Result<Done, StoreError> + Send>;

struct Queued {
    job: Job,
    /// Given back when the input has been carried out.
    _room: OwnedSemaphorePermit,
}

#[derive(Default)]
struct Queues {
    local: VecDeque<Queued>,
    others: VecDeque<Queued>,
    stopping: bool,
}

/// The queues in front of the writer.
pub(crate) struct Inputs {
    queues: Mutex<Queues>,
    wake: Condvar,
    local_room: Arc<Semaphore>,
    others_room: Arc<Semaphore>,
}

/// Whose input it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// A user of this node.
    Local,
    /// A peer, a timer.
    Others,
}

impl Inputs {
    pub(crate) fn new() -> Self {
        Self {
            queues: Mutex::new(Queues::default()),
            wake: Condvar::new(),
            local_room: Arc::new(Semaphore::new(LOCAL)),
            others_room: Arc::new(Semaphore::new(OTHERS)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `f` in a turn of the writer and gives its result **after the commit**. An `Error` from `f`
    /// must come before it wrote anything.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        from: From,
        f: impl FnOnce(&mut Turn<'_, '_>) -> Result<T, Fail> + Send + 'static,
    ) -> Result<T, Error> {
        let semaphore = match from {
            From::Local => &self.local_room,
            From::Others => &self.others_room,
        };
        let room = match semaphore.clone().try_acquire_owned() {
            Ok(room) => room,
            Err(_) => tokio::time::timeout(PATIENCE, semaphore.clone().acquire_owned())
                .await
                .map_err(|_| Error::Busy)?
                .map_err(|_| Error::Stopping)?,
        };
        let (reply, answer) = tokio::sync::oneshot::channel();
        let job: Job = Box::new(move |turn| {
            let turn = match turn {
                Ok(turn) => turn,
                Err(error) => {
                    let _ = reply.send(Err(Error::from(error)));
                    return Ok(Box::new(|_| {}));
                }
            };
            let out = match f(turn) {
                Ok(value) => Ok(value),
                Err(Fail::Refused(error)) => Err(error),
                Err(Fail::Store(error)) => {
                    let _ = reply.send(Err(Error::from(&error)));
                    return Err(error);
                }
            };
            Ok(Box::new(move |kept: Result<(), Error>| {
                let _ = reply.send(kept.and(out));
            }))
        });
        {
            let mut queues = self.lock();
            if queues.stopping {
                return Err(Error::Stopping);
            }
            let queued = Queued { job, _room: room };
            match from {
                From::Local => queues.local.push_back(queued),
                From::Others => queues.others.push_back(queued),
            }
        }
        self.wake.notify_one();
        // Not answered: the node stops, or the input ended in a panic, which is in the log.
        match answer.await {
            Ok(answer) => answer,
            Err(_) if self.lock().stopping => Err(Error::Stopping),
            Err(_) => Err(Error::Internal),
        }
    }

    /// No more inputs; what waits is still carried out.
    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
        self.wake.notify_one();
    }

    /// Waits for work. None = the wait timed out; an empty batch = stopping and nothing left.
    fn take(&self, timeout: Duration) -> Option<Vec<Queued>> {
        let mut queues = self.lock();
        loop {
            if !queues.local.is_empty() || !queues.others.is_empty() {
                break;
            }
            if queues.stopping {
                return Some(Vec::new());
            }
            let (guard, result) = self
                .wake
                .wait_timeout(queues, timeout)
                .unwrap_or_else(PoisonError::into_inner);
            queues = guard;
            if result.timed_out()
                && queues.local.is_empty()
                && queues.others.is_empty()
                && !queues.stopping
            {
                return None;
            }
        }
        let mut batch = Vec::new();
        while batch.len() < TURN_INPUTS {
            let run = LOCAL_RUN.min(queues.local.len());
            batch.extend(queues.local.drain(..run));
            match queues.others.pop_front() {
                Some(other) => batch.push(other),
                None if run == 0 => break,
                None => {}
            }
        }
        Some(batch)
    }

    /// Puts back what a turn had no time for, in front.
    fn put_back(&self, rest: VecDeque<Queued>) {
        let mut queues = self.lock();
        for queued in rest.into_iter().rev() {
            queues.local.push_front(queued);
        }
    }
}

/// The writer thread's loop; ends when stopped and all inputs are carried out.
pub(crate) fn work(shared: &Shared) {
    let mut cache = Cache::default();
    // Committed without a sync; committed since the last checkpoint.
    let (mut lazy, mut unchecked) = (false, true);
    let mut failing = false;
    loop {
        let timeout = if !shared.store.is_whole() {
            REST
        } else if lazy {
            SETTLE
        } else if unchecked {
            CHECKPOINT
        } else {
            LOOK
        };
        let result = match shared.inputs.take(timeout) {
            Some(batch) if batch.is_empty() => break,
            Some(batch) => turn(shared, &mut cache, batch),
            None => {
                let durability = if lazy || !shared.store.is_whole() {
                    Durability::Commit
                } else if unchecked {
                    Durability::Checkpoint
                } else {
                    continue;
                };
                let synced = shared.store.write(durability, |_| Ok::<_, StoreError>(()));
                synced.map(|()| durability)
            }
        };
        match result {
            Ok(durability) => {
                if std::mem::take(&mut failing) {
                    tracing::info!("the store works again");
                    shared.note(Happening::DiskWorks);
                }
                match durability {
                    Durability::Lazy => lazy = true,
                    Durability::Commit => (lazy, unchecked) = (false, true),
                    Durability::Checkpoint => (lazy, unchecked) = (false, false),
                }
            }
            Err(error) => {
                cache = Cache::default();
                lazy = false;
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(%error, "the store does not work; it is tried again");
                    shared.note(match error {
                        StoreError::Full => Happening::DiskFull,
                        _ => Happening::DiskFailed,
                    });
                }
                std::thread::sleep(REST);
            }
        }
    }
    if let Err(error) = shared
        .store
        .write::<(), StoreError>(Durability::Checkpoint, |_| Ok(()))
    {
        tracing::error!(%error, "the last commit failed");
    }
}

/// One turn.
fn turn(shared: &Shared, cache: &mut Cache, batch: Vec<Queued>) -> Result<Durability, StoreError> {
    let began = Instant::now();
    let mut done: Vec<(Done, OwnedSemaphorePermit)> = Vec::with_capacity(batch.len());
    // Kept outside the transaction: what a failed turn did not come to is carried out in the next one.
    let mut waiting = VecDeque::from(batch);
    let given = waiting.len();
    let run = || {
        shared.store.turn::<Effects, StoreError>(|tx| {
            let mut rng = crate::shared::SystemRandom;
            let mut turn = Turn::new(shared, tx, cache, shared.now_ms(), &mut rng);
            while let Some(queued) = waiting.pop_front() {
                turn.begin();
                if let Some(answer) = carry_out(&mut turn, queued.job)? {
                    done.push((answer, queued._room));
                }
                if began.elapsed() > TURN_TIME {
                    break;
                }
            }
            turn.finish()
        })
    };
    // A panic outside the inputs: the turn is dropped, and the store opens its file anew.
    let result = catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(StoreError::Damaged("a turn ended in a panic".to_owned())));
    match &result {
        // The store gave no transaction at all: trying the same again and again would only burn.
        Err(error) if waiting.len() == given => {
            for queued in waiting {
                let _ = (queued.job)(Err(error));
            }
        }
        _ => shared.inputs.put_back(waiting),
    }
    match result {
        Ok(effects) => {
            let durability = effects.durability;
            if durability != Durability::Lazy {
                shared.counters.commits.took(began.elapsed());
            }
            // First the network and what is remembered of people, then the answers: whoever is
            // answered sees the change, and a message leaves as early as it may.
            shared.carry_out(effects);
            for (done, _room) in done {
                done(Ok(()));
            }
            Ok(durability)
        }
        Err(error) => {
            for (done, _room) in done {
                done(Err(Error::from(&error)));
            }
            Err(error)
        }
    }
}

/// One input. A row that does not decode, or a panic, fails this input alone: what it wrote is taken
/// back. An error is one of the file: nothing of the turn can be kept.
fn carry_out(turn: &mut Turn<'_, '_>, job: Job) -> Result<Option<Done>, StoreError> {
    let error = match catch_unwind(AssertUnwindSafe(|| job(Ok(&mut *turn)))) {
        Ok(Ok(done)) => return Ok(Some(done)),
        Ok(Err(error)) => error,
        Err(_) => StoreError::Damaged("an input ended in a panic".to_owned()),
    };
    if !turn.tx.is_whole() {
        return Err(error);
    }
    tracing::error!(%error, "an input was not carried out");
    turn.undo()?;
    Ok(None)
}
