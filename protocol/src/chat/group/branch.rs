//! Branches of one feed (L7), and how far it counts for the digest (S5).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::Group;
use super::stand::pick;
use crate::event::Feed;
use crate::heads::HeadRow;
use crate::id::EventId;

/// One event of a feed as a node holds it; a header is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedEvent {
    /// Place in the feed.
    pub seq: u64,
    /// Its id.
    pub id: EventId,
    /// Id of seq - 1.
    pub prev: EventId,
    /// Whether it is live (M6).
    pub live: bool,
}

/// Which part of a feed an event is in (L7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Below any fork, or on the branch that a cut has picked: counts in full.
    Whole,
    /// From an unsettled fork on, one of the two branches of lowest id: a message is shown with a
    /// warning, a key is not clean, a control event is void.
    Doubtful,
    /// Another branch of an unsettled fork: not shown.
    Hidden,
    /// Not on the branch that a cut has picked, not joined to the feed, or dead to its end: nothing.
    Lost,
}

/// The branches of one feed.
#[derive(Debug)]
pub struct Branches {
    events: HashMap<EventId, FeedEvent>,
    places: BTreeMap<u64, Vec<EventId>>,
    fork: Option<u64>,
    /// The branch picked, from the fork up.
    path: BTreeSet<EventId>,
    tip: Option<EventId>,
}

impl Branches {
    /// Of the events of one feed of lane 1 or 2, in any order, and the places that cuts name ([`Group::picks`]).
    ///
    /// M6: a dead event with no live one above it is nothing: others refused it, and would see no fork.
    #[must_use]
    pub fn of(events: impl IntoIterator<Item = FeedEvent>, picks: &[(u64, EventId)]) -> Self {
        let mut events: HashMap<EventId, FeedEvent> =
            events.into_iter().map(|e| (e.id, e)).collect();
        let mut held = HashSet::new();
        for event in events.values().filter(|event| event.live) {
            let mut next = Some(event);
            while let Some(event) = next.filter(|event| held.insert(event.id)) {
                next = events.get(&event.prev);
            }
        }
        events.retain(|id, _| held.contains(id));
        Self::of_all(events, picks)
    }

    /// The same of lane 0, where dead events are kept by all (M6) and so fork a feed like any other.
    fn of_all(events: HashMap<EventId, FeedEvent>, picks: &[(u64, EventId)]) -> Self {
        let mut places: BTreeMap<u64, Vec<EventId>> = BTreeMap::new();
        for event in events.values() {
            places.entry(event.seq).or_default().push(event.id);
        }
        places.values_mut().for_each(|ids| ids.sort_unstable());
        let fork = places.iter().find(|(_, ids)| ids.len() > 1);
        let fork = fork.map(|(seq, _)| *seq);
        let mut branches = Self {
            events,
            places,
            fork,
            path: BTreeSet::new(),
            tip: None,
        };
        if let Some(fork) = fork {
            branches.settle(fork, picks);
        }
        branches
    }

    fn settle(&mut self, fork: u64, picks: &[(u64, EventId)]) {
        let named: Vec<EventId> = picks
            .iter()
            .filter(|(seq, id)| self.events.get(id).is_some_and(|e| e.seq == *seq))
            .map(|(_, id)| *id)
            .collect();
        let paths: HashMap<EventId, BTreeSet<EventId>> = named
            .iter()
            .map(|id| (*id, self.path_to(*id, fork)))
            .collect();
        let is_below = |x: EventId, tip: EventId| {
            let low = self.events.get(&x).is_some_and(|e| e.seq < fork);
            low || paths.get(&tip).is_some_and(|path| path.contains(&x))
        };
        self.tip = pick(named.clone(), |id| id, is_below);
        if let Some(path) = self.tip.and_then(|tip| paths.get(&tip)) {
            self.path = path.clone();
        }
    }

    /// The event and those below it down to `floor`.
    fn path_to(&self, id: EventId, floor: u64) -> BTreeSet<EventId> {
        let mut path = BTreeSet::new();
        let mut next = self.events.get(&id);
        while let Some(event) = next.filter(|event| event.seq >= floor) {
            path.insert(event.id);
            let below = self.events.get(&event.prev);
            next = below.filter(|below| below.seq.checked_add(1) == Some(event.seq));
        }
        path
    }

    /// The event up to which cuts have picked a branch.
    #[must_use]
    pub fn tip(&self) -> Option<EventId> {
        self.tip
    }

    /// Whether the event is part of the feed at all: not a dead end (M6).
    #[must_use]
    pub fn holds(&self, id: &EventId) -> bool {
        self.events.contains_key(id)
    }

    /// The lowest seq with two events.
    #[must_use]
    pub fn fork(&self) -> Option<u64> {
        self.fork
    }

    /// Which part of the feed the event is in.
    #[must_use]
    pub fn part(&self, id: &EventId) -> Part {
        let Some(event) = self.events.get(id) else {
            return Part::Lost;
        };
        let Some(fork) = self.fork.filter(|fork| event.seq >= *fork) else {
            return Part::Whole;
        };
        if self.path.contains(id) {
            return Part::Whole;
        }
        let path = self.path_to(*id, fork);
        let first = self.places.get(&fork).map_or(&[][..], Vec::as_slice);
        let above = self.tip.is_some_and(|tip| path.contains(&tip));
        match first.iter().position(|branch| path.contains(branch)) {
            // Above the cut on the branch that it picked: as if nothing had picked.
            _ if above => Part::Doubtful,
            _ if !self.path.is_empty() => Part::Lost,
            Some(0 | 1) => Part::Doubtful,
            Some(_) => Part::Hidden,
            None => Part::Lost,
        }
    }

    /// S5: the last live event up to which the feed has no hole and no fork that no cut has settled.
    #[must_use]
    pub fn row(&self, feed: &Feed) -> Option<HeadRow> {
        let (mut prev, mut last) = (EventId::default(), None);
        for seq in 0.. {
            let here = self.places.get(&seq).map_or(&[][..], Vec::as_slice);
            let next = here
                .iter()
                .filter_map(|id| self.events.get(id))
                .find(|event| event.prev == prev && self.part(&event.id) == Part::Whole);
            let Some(event) = next else {
                break;
            };
            prev = event.id;
            if event.live {
                last = Some(event);
            }
        }
        last.map(|event| HeadRow {
            author: feed.author,
            home: feed.home,
            lane: feed.lane,
            seq: event.seq,
            id: event.id,
        })
    }
}

impl Group {
    /// S5: the rows of lane 0.
    #[must_use]
    pub fn control_rows(&self) -> Vec<HeadRow> {
        let mut feeds: BTreeMap<Feed, HashMap<EventId, FeedEvent>> = BTreeMap::new();
        for (at, node) in self.graph.nodes() {
            let feed = Feed {
                group: self.graph.group,
                author: self.graph.user(node.user),
                home: node.home,
                lane: 0,
            };
            let event = FeedEvent {
                seq: node.seq,
                id: node.id,
                prev: node.prev,
                live: self.fold().live.get(at) == Some(&true),
            };
            feeds.entry(feed).or_default().insert(node.id, event);
        }
        let row = |(feed, events): (Feed, HashMap<EventId, FeedEvent>)| {
            let picks = self.picks(&feed.author, feed.home, 0);
            Branches::of_all(events, &picks).row(&feed)
        };
        feeds.into_iter().filter_map(row).collect()
    }
}
