//! One order that every node computes alike (L5). The store keeps it up step by step; the pure
//! function here says what it must come to.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::event::Header;
use crate::id::{EventId, HomeId, UserId};
use crate::limits::AHEAD_MS;
use crate::time::Timestamp;

/// Where an event stands: sorted by effective time, then author, home, lane, seq (L5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Effective time.
    pub eff: Timestamp,
    /// The author.
    pub author: UserId,
    /// The home.
    pub home: HomeId,
    /// The lane.
    pub lane: u8,
    /// Place in the feed.
    pub seq: u64,
}

impl Place {
    /// The place of an event with that effective time.
    #[must_use]
    pub fn of(header: &Header, eff: Timestamp) -> Self {
        Self {
            eff,
            author: header.author,
            home: header.home,
            lane: header.lane,
            seq: header.seq,
        }
    }
}

/// Times above this (the year 6429) count as this, so that `1 +` always has room: else an answer to
/// an event of 2^64 - 1 would stand beside it, not below.
const CEILING: Timestamp = Timestamp(1 << 63);

/// L5: `eff(e) = max(min(ts, cap), 1 + max eff of prev and deps)`. The `1 +` keeps an answer below
/// its question when both are capped.
#[must_use]
pub fn effective(
    ts: Timestamp,
    cap: Option<Timestamp>,
    newest_past: Option<Timestamp>,
) -> Timestamp {
    let own = cap.map_or(ts, |cap| ts.min(cap)).min(CEILING);
    newest_past.map_or(own, |past| own.max(past.next()))
}

/// L5: the cap that event `d` of another author puts on an event with time `ts` that it answers;
/// none when `d` says nothing about it.
#[must_use]
pub fn cap_by(d: Timestamp, ts: Timestamp) -> Option<Timestamp> {
    let cap = d.plus_ms(AHEAD_MS);
    (cap < ts).then_some(cap)
}

/// The order of a whole set of live events: the reference that the store is tested against. Past
/// events that are not in the set do not count.
///
/// An event is answered by an event of another author that names it in deps, and by whatever answers
/// a later event of its own author that names it: else only the last of several messages from a
/// wrong clock were capped, and those below would hold it, and all that follows, in the future.
#[must_use]
pub fn order(events: &[(EventId, Header)]) -> Vec<(Place, EventId)> {
    let by_id: HashMap<EventId, &Header> = events.iter().map(|(id, h)| (*id, h)).collect();
    let sorted = questions_first(events, &by_id);
    // Earliest answer of each event, taken from the newest event down.
    let mut answered: HashMap<EventId, Timestamp> = HashMap::new();
    for (id, d) in sorted.iter().rev() {
        for past in d.past() {
            let answer = match by_id.get(past) {
                Some(e) if e.author == d.author => answered.get(id).copied(),
                Some(_) if d.deps.contains(past) => Some(d.ts),
                _ => None,
            };
            if let Some(answer) = answer {
                let slot = answered.entry(*past).or_insert(answer);
                *slot = (*slot).min(answer);
            }
        }
    }
    let mut effs: HashMap<EventId, Timestamp> = HashMap::new();
    let mut places = BTreeSet::new();
    for (id, header) in &sorted {
        let past = header.past().filter_map(|p| effs.get(p)).max().copied();
        let cap = answered.get(id).and_then(|d| cap_by(*d, header.ts));
        let eff = effective(header.ts, cap, past);
        effs.insert(*id, eff);
        places.insert((Place::of(header, eff), *id));
    }
    places.into_iter().collect()
}

/// Every event after its past. Depth first without recursion: feeds may be a million events long.
fn questions_first<'a>(
    events: &'a [(EventId, Header)],
    by_id: &HashMap<EventId, &'a Header>,
) -> Vec<(EventId, &'a Header)> {
    let mut sorted = Vec::with_capacity(events.len());
    let (mut opened, mut done) = (HashSet::new(), HashSet::new());
    for (id, _) in events {
        let mut stack = vec![*id];
        while let Some(top) = stack.last().copied() {
            let Some(header) = by_id.get(&top).filter(|_| !done.contains(&top)) else {
                stack.pop();
                continue;
            };
            if opened.insert(top) {
                stack.extend(header.past().filter(|p| !opened.contains(*p)));
            } else {
                stack.pop();
                done.insert(top);
                sorted.push((top, *header));
            }
        }
    }
    sorted
}
