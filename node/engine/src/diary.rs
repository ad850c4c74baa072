//! What happened to the node lately, for its owner: the last 200 events, also over a restart. No text of a message, nothing
//! that anybody searched for, and no nick but those of people who live here.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chater_protocol::id::NodeId;
use chater_store::diary::{self, DiaryRow};
use chater_store::{Rows, StoreError};
use tokio::sync::Notify;

use crate::actor::{From, now_ms};
use crate::error::Error;
use crate::person::node_label;
use crate::shared::{Shared, lock};
use crate::user::UserHandle;
use crate::view::{Happening, LogEntry};

/// Events kept; of more the oldest goes.
const KEPT: usize = 200;
/// Of one kind: a node that comes and goes all day does not push out what happens once a year.
const ALIKE: usize = 60;
/// Events within this time are written together.
const TOGETHER: Duration = Duration::from_secs(1);

#[derive(Default)]
struct State {
    /// Oldest first, each with its number.
    kept: VecDeque<(u64, LogEntry)>,
    next: u64,
    /// Numbers below may have a row.
    stored: u64,
    /// Numbers whose row is not as it should be: at most those kept and those that have a row.
    changed: BTreeSet<u64>,
}

/// The events.
#[derive(Default)]
pub(crate) struct Diary {
    state: Mutex<State>,
    written: Notify,
}

impl State {
    fn remove(&mut self, at: usize) {
        if let Some((n, _)) = self.kept.remove(at) {
            if n < self.stored {
                self.changed.insert(n);
            } else {
                self.changed.remove(&n);
            }
        }
    }
}

impl Diary {
    pub(crate) fn load(rows: &impl Rows) -> Result<Self, StoreError> {
        let mut state = State::default();
        for (n, row) in diary::all(rows)? {
            state.next = n + 1;
            match row.and_then(|row| read(&row)) {
                Some(entry) => state.kept.push_back((n, entry)),
                // Of another version, or damaged: it goes with the next event.
                None => {
                    state.changed.insert(n);
                }
            }
        }
        state.stored = state.next;
        Ok(Self {
            state: Mutex::new(state),
            written: Notify::new(),
        })
    }

    fn note(&self, what: Happening, at_ms: i64) {
        let mut state = lock(&self.state);
        if let Some((n, last)) = state.kept.back_mut()
            && last.what == what
        {
            last.times = last.times.saturating_add(1);
            last.at_ms = at_ms;
            let n = *n;
            state.changed.insert(n);
        } else {
            let alike = |(_, other): &(u64, LogEntry)| other.what.code() == what.code();
            if state.kept.iter().filter(|other| alike(other)).count() >= ALIKE
                && let Some(oldest) = state.kept.iter().position(alike)
            {
                state.remove(oldest);
            }
            if state.kept.len() >= KEPT {
                state.remove(0);
            }
            let n = state.next;
            state.next += 1;
            state.changed.insert(n);
            state.kept.push_back((
                n,
                LogEntry {
                    at_ms,
                    what,
                    times: 1,
                },
            ));
        }
        drop(state);
        self.written.notify_one();
    }

    fn newest_first(&self) -> Vec<LogEntry> {
        let state = lock(&self.state);
        let kept = state.kept.iter().rev();
        kept.map(|(_, entry)| entry.clone()).collect()
    }

    /// What has to be written, none = removed.
    fn take(&self) -> Vec<(u64, Option<DiaryRow>)> {
        let mut state = lock(&self.state);
        state.stored = state.next;
        let changed = std::mem::take(&mut state.changed);
        let entry = |n| state.kept.iter().find(|(other, _)| *other == n);
        let rows = changed.into_iter();
        rows.map(|n| (n, entry(n).map(|(_, entry)| row(entry))))
            .collect()
    }
}

fn row(entry: &LogEntry) -> DiaryRow {
    DiaryRow {
        v: 1,
        at_ms: u64::try_from(entry.at_ms).unwrap_or(0),
        code: entry.what.code().to_owned(),
        words: entry.what.words(),
        times: entry.times,
    }
}

fn read(row: &DiaryRow) -> Option<LogEntry> {
    Some(LogEntry {
        at_ms: i64::try_from(row.at_ms).ok()?,
        what: Happening::read(&row.code, &row.words)?,
        times: row.times,
    })
}

/// Keeps what happened, until the node stops. Lazily: what a crash takes is not worth a commit.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        shared.diary.written.notified().await;
        tokio::time::sleep(TOGETHER).await;
        keep(&shared).await;
    }
}

/// Keeps what is not kept yet.
pub(crate) async fn keep(shared: &Arc<Shared>) {
    let rows = shared.diary.take();
    if rows.is_empty() {
        return;
    }
    let numbers: Vec<u64> = rows.iter().map(|(n, _)| *n).collect();
    let kept = shared
        .inputs
        .run(From::Others, move |turn| {
            for (n, row) in &rows {
                match row {
                    Some(row) => diary::put(turn.tx, *n, row)?,
                    None => diary::remove(turn.tx, *n)?,
                }
            }
            Ok(())
        })
        .await;
    if let Err(error) = kept {
        tracing::debug!(%error, "the log is kept later");
        lock(&shared.diary.state).changed.extend(numbers);
    }
}

impl Shared {
    /// Notes what happened; pages that show it follow.
    pub(crate) fn note(&self, what: Happening) {
        let at_ms = i64::try_from(now_ms()).unwrap_or(i64::MAX);
        self.diary.note(what, at_ms);
        self.network_changed.notify_one();
    }

    /// The same, of another node by its name here.
    pub(crate) fn note_of(&self, node: NodeId, what: impl FnOnce(String) -> Happening) {
        let label = self
            .store
            .read()
            .and_then(|rows| node_label(self, &rows, node));
        self.note(what(label.unwrap_or_else(|_| node.fingerprint())));
    }
}

impl UserHandle {
    /// Owner only: what happened to the node lately, newest first.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn diary(&self) -> Result<Vec<LogEntry>, Error> {
        Ok(self.owner()?.shared().diary.newest_first())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> String {
        name.to_owned()
    }

    #[test]
    fn the_same_again_is_counted_and_the_oldest_goes() {
        let diary = Diary::default();
        for at in 0..5 {
            diary.note(Happening::DiskFailed, at);
        }
        let kept = diary.newest_first();
        assert_eq!(kept.len(), 1);
        assert_eq!(kept.first().map(|it| (it.times, it.at_ms)), Some((5, 4)));
        for at in 0..1_000 {
            diary.note(Happening::Linked { node: node("a") }, at);
            diary.note(Happening::Lost { node: node("a") }, at);
        }
        let kept = diary.newest_first();
        assert_eq!(kept.len(), 2 * ALIKE + 1, "what is rare stays");
        assert_eq!(kept.last().map(|it| &it.what), Some(&Happening::DiskFailed));
        for number in 0..ALIKE {
            let name = number.to_string();
            diary.note(Happening::Founded { name: name.clone() }, 0);
            diary.note(Happening::Left { name }, 0);
        }
        let kept = diary.newest_first();
        assert_eq!(kept.len(), KEPT);
        assert!(kept.iter().all(|it| it.what != Happening::DiskFailed));
    }

    #[test]
    fn what_is_written_reads_back_and_is_bounded() {
        let diary = Diary::default();
        let all = [
            Happening::DiskFull,
            Happening::Relay { on: true },
            Happening::HomeNetwork { on: false },
            Happening::Started {
                version: "1.2.3".to_owned(),
            },
            Happening::NodeCame {
                name: "yard".to_owned(),
                node: "port".to_owned(),
            },
        ];
        for what in all.clone() {
            diary.note(what, 7);
        }
        let rows = diary.take();
        let back = rows.iter().filter_map(|(_, row)| read(row.as_ref()?));
        assert_eq!(back.map(|entry| entry.what).collect::<Vec<_>>(), all);
        assert!(diary.take().is_empty(), "written once");
        // A word too many, one too few, one that is none.
        for words in [vec![], vec!["maybe"], vec!["on", "on"]] {
            let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
            assert_eq!(Happening::read("relay", &words), None);
        }
        // While the disk does not write, what waits for it does not grow.
        for number in 0..10_000 {
            let name = number.to_string();
            diary.note(Happening::Founded { name: name.clone() }, 0);
            diary.note(Happening::Left { name }, 0);
        }
        assert!(diary.take().len() <= KEPT + all.len());
    }
}
