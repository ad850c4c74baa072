//! What an event has seen of the control graph (M1): of each chain how many events, counted from its start.
//!
//! Clocks share what they have in common, so one more event costs a few hundred bytes however many
//! feeds a group has, and joining two clocks looks only at what differs.

use std::sync::Arc;

const FAN: usize = 16;
const BITS: u32 = 4;

#[derive(Debug)]
enum Page {
    Leaf([u32; FAN]),
    Branch([Option<Arc<Page>>; FAN]),
}

/// Chain number -> how many of its events were seen. A chain is a run of one feed without a fork
/// inside, so the number says exactly which events: those of other branches are in other chains.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock {
    root: Option<Arc<Page>>,
    /// Levels of branches above the leaves.
    height: u32,
}

fn slot(chain: u32, level: u32) -> usize {
    (chain >> (BITS * level)) as usize & (FAN - 1)
}

fn holds(height: u32, chain: u32) -> bool {
    BITS * (height + 1) >= u32::BITS || chain >> (BITS * (height + 1)) == 0
}

impl Clock {
    /// How many events of that chain were seen.
    pub(crate) fn get(&self, chain: u32) -> u32 {
        if !holds(self.height, chain) {
            return 0;
        }
        let (mut page, mut level) = (self.root.as_deref(), self.height);
        loop {
            match page {
                None => return 0,
                Some(Page::Leaf(counts)) => {
                    return counts.get(slot(chain, 0)).copied().unwrap_or(0);
                }
                Some(Page::Branch(pages)) => {
                    page = pages.get(slot(chain, level)).and_then(Option::as_deref);
                    level = level.saturating_sub(1);
                }
            }
        }
    }

    /// The same clock, with `count` events of that chain seen.
    pub(crate) fn raised(mut self, chain: u32, count: u32) -> Self {
        while !holds(self.height, chain) {
            self.grow();
        }
        self.root = Some(raise(self.root.as_ref(), self.height, chain, count));
        self
    }

    /// What either has seen.
    pub(crate) fn joined(mut self, other: &Self) -> Self {
        let mut other = other.clone();
        while self.height < other.height {
            self.grow();
        }
        while other.height < self.height {
            other.grow();
        }
        self.root = join(self.root.as_ref(), other.root.as_ref());
        self
    }

    fn grow(&mut self) {
        if let Some(root) = self.root.take() {
            let mut pages: [Option<Arc<Page>>; FAN] = Default::default();
            if let Some(first) = pages.first_mut() {
                *first = Some(root);
            }
            self.root = Some(Arc::new(Page::Branch(pages)));
        }
        self.height += 1;
    }
}

fn raise(page: Option<&Arc<Page>>, level: u32, chain: u32, count: u32) -> Arc<Page> {
    let at = slot(chain, level);
    if level == 0 {
        let mut counts = match page.map(Arc::as_ref) {
            Some(Page::Leaf(counts)) => *counts,
            _ => [0; FAN],
        };
        if let Some(own) = counts.get_mut(at) {
            *own = count.max(*own);
        }
        return Arc::new(Page::Leaf(counts));
    }
    let mut pages = match page.map(Arc::as_ref) {
        Some(Page::Branch(pages)) => pages.clone(),
        _ => Default::default(),
    };
    if let Some(own) = pages.get_mut(at) {
        *own = Some(raise(own.as_ref(), level - 1, chain, count));
    }
    Arc::new(Page::Branch(pages))
}

/// Gives back one of the two pages where it already says it all, so that equal pasts stay shared.
fn join(a: Option<&Arc<Page>>, b: Option<&Arc<Page>>) -> Option<Arc<Page>> {
    let (Some(a), Some(b)) = (a, b) else {
        return a.or(b).cloned();
    };
    if Arc::ptr_eq(a, b) {
        return Some(a.clone());
    }
    match (a.as_ref(), b.as_ref()) {
        (Page::Leaf(x), Page::Leaf(y)) => {
            let mut both = *x;
            both.iter_mut()
                .zip(y)
                .for_each(|(own, y)| *own = (*own).max(*y));
            Some(if both == *x {
                a.clone()
            } else if both == *y {
                b.clone()
            } else {
                Arc::new(Page::Leaf(both))
            })
        }
        (Page::Branch(x), Page::Branch(y)) => {
            let mut both: [Option<Arc<Page>>; FAN] = Default::default();
            let (mut is_a, mut is_b) = (true, true);
            for ((own, x), y) in both.iter_mut().zip(x).zip(y) {
                *own = join(x.as_ref(), y.as_ref());
                is_a &= same(own.as_ref(), x.as_ref());
                is_b &= same(own.as_ref(), y.as_ref());
            }
            Some(if is_a {
                a.clone()
            } else if is_b {
                b.clone()
            } else {
                Arc::new(Page::Branch(both))
            })
        }
        // Pages of one level are of one kind.
        _ => Some(a.clone()),
    }
}

fn same(a: Option<&Arc<Page>>, b: Option<&Arc<Page>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (a, b) => a.is_none() && b.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn clock(of: &BTreeMap<u32, u32>) -> Clock {
        of.iter()
            .fold(Clock::default(), |clock, (c, n)| clock.raised(*c, *n))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_clock_is_a_map_and_joining_takes_the_greater(
            a in prop::collection::btree_map(prop_oneof![0..40u32, any::<u32>()], 1..9u32, 0..30),
            b in prop::collection::btree_map(prop_oneof![0..40u32, any::<u32>()], 1..9u32, 0..30),
        ) {
            let both = clock(&a).joined(&clock(&b));
            for chain in a.keys().chain(b.keys()).copied().chain(0..40) {
                let (x, y) = (a.get(&chain).copied(), b.get(&chain).copied());
                prop_assert_eq!(clock(&a).get(chain), x.unwrap_or(0));
                prop_assert_eq!(both.get(chain), x.max(y).unwrap_or(0));
            }
        }
    }

    #[test]
    fn what_is_joined_to_its_own_past_stays_shared() {
        let a = clock(&[(1, 1), (400, 2)].into());
        let b = a.clone().raised(1, 2);
        let both = a.joined(&b);
        assert!(same(both.root.as_ref(), b.root.as_ref()));
    }
}
