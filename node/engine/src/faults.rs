//! Linked nodes that send what no honest one does: bytes that are no request, events and frames that are forged. After some of
//! it in a minute such a node is closed and stays outside for a while, longer each time.
//!
//! Being busy is no fault: what is over a rate waits or is dropped, and nobody is closed for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chater_protocol::id::NodeId;

use crate::actor::now_ms;
use crate::rate::Buckets;
use crate::shared::{Shared, lock};
use crate::view::Happening;

/// Faults at once, and so many more a minute. One alone may be a bit that flipped on the way to a disk.
const FAULTS: f64 = 30.0;
/// How long a node stays outside the first time; twice as long each time after, up to [`LONGEST_MS`].
const OUTSIDE_MS: u64 = 5 * 60 * 1000;
const LONGEST_MS: u64 = 4 * 60 * 60 * 1000;
/// Whoever has kept the rules for so long begins anew.
const FORGIVEN_MS: u64 = 24 * 60 * 60 * 1000;
/// Nodes remembered; of more the one that came back first goes.
const NODES: usize = 1_024;

/// A node that was closed.
struct Closed {
    times: u32,
    /// It may come back then.
    until_ms: u64,
}

struct State {
    lately: Buckets<NodeId>,
    closed: HashMap<NodeId, Closed>,
}

impl State {
    /// One more fault. How long the node is to stay outside, if that was one too many.
    fn count(&mut self, node: NodeId, now_ms: u64) -> Option<u64> {
        if self.lately.take(&node, now_ms).is_ok() {
            return None;
        }
        let old = self.closed.get(&node);
        // It is being closed, and what it sent before still comes in.
        if old.is_some_and(|old| now_ms < old.until_ms) {
            return None;
        }
        let lately = |old: &&Closed| now_ms.saturating_sub(old.until_ms) < FORGIVEN_MS;
        let times = old.filter(lately).map_or(0, |old| old.times);
        let outside = OUTSIDE_MS
            .saturating_mul(1 << times.min(16))
            .min(LONGEST_MS);
        if self.closed.len() >= NODES {
            let first = self.closed.iter().min_by_key(|(_, closed)| closed.until_ms);
            if let Some(node) = first.map(|(node, _)| *node) {
                self.closed.remove(&node);
            }
        }
        let closed = Closed {
            times: times.saturating_add(1),
            until_ms: now_ms.saturating_add(outside),
        };
        self.closed.insert(node, closed);
        Some(outside)
    }
}

/// Faults of other nodes.
pub(crate) struct Faults {
    state: Mutex<State>,
    /// Faults, and nodes closed for them.
    counted: [AtomicU64; 2],
    /// Tests of single bad inputs send more of them than this lets pass.
    #[cfg(test)]
    pub(crate) counts: std::sync::atomic::AtomicBool,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                lately: Buckets::new(FAULTS, FAULTS),
                closed: HashMap::new(),
            }),
            counted: Default::default(),
            #[cfg(test)]
            counts: std::sync::atomic::AtomicBool::new(false),
        }
    }
}

impl Faults {
    /// For `/metrics`: faults, and nodes closed for them.
    pub(crate) fn counted(&self) -> [u64; 2] {
        self.counted.each_ref().map(|n| n.load(Ordering::Relaxed))
    }
}

impl Shared {
    /// A linked node has sent what no honest one does.
    pub(crate) fn fault(self: &Arc<Self>, node: NodeId) {
        self.faults.counted[0].fetch_add(1, Ordering::Relaxed);
        #[cfg(test)]
        if !self.faults.counts.load(Ordering::Relaxed) {
            return;
        }
        // Whoever is not linked gets no answer anyway, and makes as many keys as it likes.
        if node == self.node_id || !self.is_linked(node) {
            return;
        }
        let Some(outside) = lock(&self.faults.state).count(node, now_ms()) else {
            return;
        };
        self.faults.counted[1].fetch_add(1, Ordering::Relaxed);
        tracing::warn!(peer = %node.short(), seconds = outside / 1_000, "closed: what it sends is forged or malformed");
        self.note_of(node, |node| Happening::Misbehaved { node });
        self.network.block(node);
        let shared = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(outside)).await;
            // The owner, or a list, may want it silent meanwhile.
            if !shared.blocks.has(node) {
                shared.network.unblock(node);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(state: &mut State, node: NodeId, faults: u32, now_ms: u64) -> Vec<u64> {
        let counted = (0..faults).filter_map(|_| state.count(node, now_ms));
        counted.collect()
    }

    #[test]
    fn some_in_a_minute_close_a_node_for_longer_each_time() {
        let mut state = State {
            lately: Buckets::new(FAULTS, FAULTS),
            closed: HashMap::new(),
        };
        let (bad, odd) = (NodeId([1; 32]), NodeId([2; 32]));
        let none: Vec<u64> = Vec::new();
        // At the bound nothing happens, one above it closes, and what still comes in counts no more.
        assert_eq!(many(&mut state, bad, 30, 0), none);
        assert_eq!(many(&mut state, bad, 100, 0), [OUTSIDE_MS]);
        // Half as often as is let pass: never, a whole day long.
        for minute in 0..24 * 60 {
            assert_eq!(many(&mut state, odd, 15, minute * 60_000), none);
        }
        let mut now = 0;
        let mut last = OUTSIDE_MS;
        for _ in 0..10 {
            now += last + 60_000;
            let outside = many(&mut state, bad, 31, now);
            assert_eq!(outside, [(last * 2).min(LONGEST_MS)]);
            last = outside.first().copied().unwrap_or_default();
        }
        assert_eq!(last, LONGEST_MS);
        now += last + FORGIVEN_MS;
        assert_eq!(many(&mut state, bad, 31, now), [OUTSIDE_MS]);
        // Keys that cost nothing do not fill the memory.
        for n in 0..2 * NODES as u64 {
            let mut id = [3; 32];
            id[..8].copy_from_slice(&n.to_be_bytes());
            assert_eq!(many(&mut state, NodeId(id), 31, now), [OUTSIDE_MS]);
        }
        assert!(state.closed.len() <= NODES);
    }
}
