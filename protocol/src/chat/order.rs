//! One order that every node computes alike (L5). The store keeps it up step by step; the pure
//! function here says what it must come to.

use std::collections::{BTreeMap, HashMap};

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

/// L5: `eff(e) = max(min(ts, cap), 1 + max eff of prev and deps)`. The `1 +` keeps an answer below
/// its question when both are capped.
#[must_use]
pub fn effective(
    ts: Timestamp,
    cap: Option<Timestamp>,
    newest_past: Option<Timestamp>,
) -> Timestamp {
    let own = cap.map_or(ts, |cap| ts.min(cap));
    newest_past.map_or(own, |past| own.max(past.next()))
}

/// L5: the cap that event `d` of another author puts on an event with time `ts` that it names in
/// deps; none when `d` says nothing about it.
#[must_use]
pub fn cap_by(d: Timestamp, ts: Timestamp) -> Option<Timestamp> {
    let cap = d.plus_ms(AHEAD_MS);
    (cap < ts).then_some(cap)
}

/// The order of a whole set of live events: the reference that the store is tested against. Past
/// events that are not in the set do not count.
#[must_use]
pub fn order(events: &[(EventId, Header)]) -> Vec<(Place, EventId)> {
    let by_id: HashMap<EventId, &Header> = events.iter().map(|(id, h)| (*id, h)).collect();
    let mut caps: HashMap<EventId, Timestamp> = HashMap::new();
    for (_, d) in events {
        for dep in &d.deps {
            if let Some(e) = by_id.get(dep)
                && e.author != d.author
                && let Some(cap) = cap_by(d.ts, e.ts)
            {
                let slot = caps.entry(*dep).or_insert(cap);
                *slot = (*slot).min(cap);
            }
        }
    }
    let mut effs: HashMap<EventId, Timestamp> = HashMap::new();
    for (id, _) in events {
        // Depth first without recursion: feeds may be a million events long.
        let mut stack = vec![*id];
        while let Some(top) = stack.last().copied() {
            let Some(header) = by_id.get(&top) else {
                stack.pop();
                continue;
            };
            if effs.contains_key(&top) {
                stack.pop();
                continue;
            }
            let open: Vec<EventId> = header
                .past()
                .copied()
                .filter(|p| by_id.contains_key(p) && !effs.contains_key(p))
                .collect();
            if open.is_empty() {
                let past = header.past().filter_map(|p| effs.get(p)).max().copied();
                effs.insert(top, effective(header.ts, caps.get(&top).copied(), past));
                stack.pop();
            } else {
                stack.extend(open);
            }
        }
    }
    let sorted: BTreeMap<(Place, EventId), ()> = events
        .iter()
        .filter_map(|(id, h)| effs.get(id).map(|eff| ((Place::of(h, *eff), *id), ())))
        .collect();
    sorted.into_keys().collect()
}
