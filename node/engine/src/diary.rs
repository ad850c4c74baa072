//! What happened to the node lately, for its owner: the last 200 events, in memory. No text of a message, nothing that
//! anybody searched for, and no nick but those of people who live here.

use std::collections::VecDeque;
use std::sync::Mutex;

use chater_protocol::id::NodeId;

use crate::actor::now_ms;
use crate::error::Error;
use crate::person::node_label;
use crate::shared::{Shared, lock};
use crate::user::UserHandle;
use crate::view::{Happening, LogEntry};

/// Events kept; of more the oldest goes.
const KEPT: usize = 200;
/// Of one kind: a node that comes and goes all day does not push out what happens once a year.
const ALIKE: usize = 60;

/// The events, oldest first.
#[derive(Default)]
pub(crate) struct Diary(Mutex<VecDeque<LogEntry>>);

impl Diary {
    fn note(&self, what: Happening, at_ms: i64) {
        let mut kept = lock(&self.0);
        if let Some(last) = kept.back_mut()
            && last.what == what
        {
            last.times = last.times.saturating_add(1);
            last.at_ms = at_ms;
            return;
        }
        let alike = |other: &LogEntry| other.what.code() == what.code();
        if kept.iter().filter(|other| alike(other)).count() >= ALIKE
            && let Some(oldest) = kept.iter().position(alike)
        {
            kept.remove(oldest);
        }
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(LogEntry {
            at_ms,
            what,
            times: 1,
        });
    }

    fn newest_first(&self) -> Vec<LogEntry> {
        lock(&self.0).iter().rev().cloned().collect()
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
}
