//! Control events whose past is not whole yet (M1): held for a while, within bounds, or fetched again.

use std::collections::{BTreeMap, HashMap};

use super::act::Act;
use crate::event::Header;
use crate::id::{EventId, HomeId, UserId};
use crate::limits;

#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) header: Header,
    pub(crate) act: Act,
    /// Has its place in any case (L7).
    pub(crate) named: bool,
}

impl Held {
    fn weight(&self) -> usize {
        self.act.weight() + 512
    }

    /// What it names of lane 0.
    pub(crate) fn links(&self) -> impl Iterator<Item = &EventId> {
        self.header.ctl.iter().chain([&self.header.prev])
    }
}

/// Whoever floods it crowds out only what came of the same user.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    held: HashMap<EventId, Held>,
    /// Missing event -> those that wait for it.
    by_missing: HashMap<EventId, Vec<EventId>>,
    /// What those that wait name, and how often.
    named: HashMap<EventId, usize>,
    homes: HashMap<(UserId, HomeId), usize>,
    /// Per user: events and their bytes.
    users: BTreeMap<UserId, Vec<EventId>>,
    bytes: usize,
}

impl Waiting {
    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn holds(&self, id: &EventId) -> bool {
        self.held.contains_key(id)
    }

    /// Whether an event that is held names this one.
    pub(crate) fn wants(&self, id: &EventId) -> bool {
        self.named.contains_key(id)
    }

    /// What is missing, in order.
    pub(crate) fn missing(&self) -> Vec<EventId> {
        let mut missing: Vec<EventId> = self
            .by_missing
            .keys()
            .filter(|id| !self.holds(id))
            .copied()
            .collect();
        missing.sort_unstable();
        missing
    }

    /// Holds an event until `missing` is here; false when there is no room for it.
    pub(crate) fn hold(&mut self, id: EventId, held: Held, missing: EventId) -> bool {
        let (user, home) = (held.header.author, held.header.home);
        let weight = held.weight();
        if self.homes.get(&(user, home)).copied().unwrap_or(0) >= limits::WAITING_HOME {
            return false;
        }
        while self.held.len() >= limits::WAITING_GROUP
            || self.bytes.saturating_add(weight) > limits::WAITING_BYTES
        {
            // The user with the most gives up one; without this one user with many homes keeps all
            // others from waiting.
            let own = self.users.get(&user).map_or(0, Vec::len);
            let most = self.users.iter().max_by_key(|(_, ids)| ids.len());
            let Some(last) = most
                .filter(|(_, ids)| ids.len() > own)
                .and_then(|(_, ids)| ids.last().copied())
            else {
                return false;
            };
            self.take(&last);
        }
        self.bytes += weight;
        *self.homes.entry((user, home)).or_default() += 1;
        self.users.entry(user).or_default().push(id);
        self.by_missing.entry(missing).or_default().push(id);
        for link in held.links() {
            *self.named.entry(*link).or_default() += 1;
        }
        self.held.insert(id, held);
        true
    }

    /// Gives back all that waited for this event.
    pub(crate) fn release(&mut self, id: &EventId) -> Vec<(EventId, Held)> {
        self.by_missing
            .remove(id)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|waiter| self.take(&waiter).map(|held| (waiter, held)))
            .collect()
    }

    fn take(&mut self, id: &EventId) -> Option<Held> {
        let held = self.held.remove(id)?;
        self.bytes = self.bytes.saturating_sub(held.weight());
        let (user, home) = (held.header.author, held.header.home);
        if let Some(count) = self.homes.get_mut(&(user, home)) {
            *count -= 1;
            if *count == 0 {
                self.homes.remove(&(user, home));
            }
        }
        if let Some(ids) = self.users.get_mut(&user) {
            ids.retain(|own| own != id);
            if ids.is_empty() {
                self.users.remove(&user);
            }
        }
        for link in held.links() {
            if let Some(waiters) = self.by_missing.get_mut(link) {
                waiters.retain(|own| own != id);
                if waiters.is_empty() {
                    self.by_missing.remove(link);
                }
            }
            if let Some(count) = self.named.get_mut(link) {
                *count -= 1;
                if *count == 0 {
                    self.named.remove(link);
                }
            }
        }
        Some(held)
    }
}
