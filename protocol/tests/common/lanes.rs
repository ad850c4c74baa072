//! L7 for lanes 1 and 2 straight from its text, beside [`super::naive`]: what a fork and cuts make of a feed.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test material"
)]

use std::collections::{BTreeMap, BTreeSet};

use chater_protocol::chat::group::Part;
use chater_protocol::id::EventId;
use chater_protocol::payload::{Cut, Role};

use super::groups::{At, Event, People, Say};
use super::history::Note;
use super::naive::{Naive, Where};

/// One feed of lane 1 or 2.
pub struct Lane<'a> {
    notes: BTreeMap<EventId, &'a Note>,
    live: BTreeSet<EventId>,
    named: BTreeSet<EventId>,
}

/// M6, of an event whose past is here.
pub fn is_live(naive: &Naive<'_>, note: &Note) -> bool {
    let past = naive.past_of(&note.header.ctl).unwrap();
    let deed = Where {
        user: note.by.0,
        home: note.header.home,
        lane: note.header.lane,
        seq: note.header.seq,
        id: note.id,
        past: &past,
    };
    naive.knows_of(note.by.0, &past) && naive.lives(deed)
}

impl<'a> Lane<'a> {
    /// All notes of one feed; `valid` are the control events that have effect.
    pub fn new(
        people: &People,
        naive: &Naive<'_>,
        valid: &[&Event],
        (by, lane): (At, u8),
        notes: impl Iterator<Item = &'a Note>,
    ) -> Self {
        let notes: BTreeMap<EventId, &Note> = notes.map(|n| (n.id, n)).collect();
        let live = notes.values().filter(|n| is_live(naive, n));
        // L7: a valid remove of the user, revocation by the owner, or retire by the user.
        let cut_of = |e: &Event| -> Option<Cut> {
            match &e.say {
                Say::Remove(user, cut) | Say::Role(user, Role::Member, cut) if *user == by.0 => {
                    Some(cut.clone())
                }
                Say::Retire(_, cut, true) if e.by.0 == by.0 => Some(cut.clone()),
                _ => None,
            }
        };
        // Of two rows for one lane the first counts (I8).
        let rows = valid.iter().filter_map(|e| cut_of(e)).filter_map(|cut| {
            let mut rows = cut.into_iter();
            rows.find(|row| row.home == people.home(by) && row.lane == lane)
        });
        let here = |seq: u64, id: &EventId| notes.get(id).is_some_and(|n| n.header.seq == seq);
        let named = rows.filter(|row| here(row.seq, &row.id)).map(|row| row.id);
        let mut this = Self {
            named: named.collect(),
            live: live.map(|n| n.id).collect(),
            notes: notes.clone(),
        };
        this.notes.retain(|id, _| {
            let live = &this.live;
            live.iter().any(|above| line(&notes, *above).contains(id))
        });
        this.named.retain(|id| this.notes.contains_key(id));
        this
    }

    fn seq(&self, id: EventId) -> u64 {
        self.notes[&id].header.seq
    }

    fn fork(&self) -> Option<u64> {
        let mut seqs: Vec<u64> = self.notes.values().map(|n| n.header.seq).collect();
        seqs.sort_unstable();
        seqs.windows(2)
            .find(|two| two[0] == two[1])
            .map(|two| two[0])
    }

    /// L7: the lowest id of those named, then the lowest of those above it, and so on.
    fn tip(&self, fork: u64) -> Option<EventId> {
        let (mut named, mut tip) = (self.named.clone(), None);
        while let Some(lowest) = named.pop_first() {
            tip = Some(lowest);
            named.retain(|id| line(&self.notes, *id).contains(&lowest));
        }
        // One that is named below the fork picks nothing.
        tip.filter(|tip| self.seq(*tip) >= fork)
    }

    /// Whether it, or one above it, is live: only such are kept by all (M6).
    pub fn holds(&self, id: EventId) -> bool {
        self.notes.contains_key(&id)
    }

    pub fn part(&self, id: EventId) -> Part {
        if !self.holds(id) {
            return Part::Lost;
        }
        let Some(fork) = self.fork().filter(|fork| self.seq(id) >= *fork) else {
            return Part::Whole;
        };
        let own = line(&self.notes, id);
        if let Some(tip) = self.tip(fork) {
            return if line(&self.notes, tip).contains(&id) {
                Part::Whole
            } else if own.contains(&tip) {
                Part::Doubtful
            } else {
                Part::Lost
            };
        }
        // A branch is called by its event at the fork.
        let first = |id: &&EventId| self.seq(**id) == fork;
        let branches: Vec<&EventId> = self.notes.keys().filter(first).collect();
        let branch = branches.iter().position(|first| own.contains(*first));
        if branch.unwrap() < 2 {
            Part::Doubtful
        } else {
            Part::Hidden
        }
    }

    /// S5: the last live event up to which there is no fork, or a cut has settled it.
    pub fn row(&self) -> Option<EventId> {
        let whole = |id: &EventId| self.part(*id) == Part::Whole;
        let live = self.live.iter().copied().filter(whole);
        live.max_by_key(|id| self.seq(*id))
    }
}

/// The event and what is below it in its feed.
fn line(notes: &BTreeMap<EventId, &Note>, id: EventId) -> BTreeSet<EventId> {
    let mut line = BTreeSet::new();
    let mut next = notes.get(&id);
    while let Some(note) = next {
        line.insert(note.id);
        next = notes.get(&note.header.prev);
    }
    line
}
