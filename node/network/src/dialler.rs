//! Which peers we want, and when to dial them: a state machine that is told the time and does no I/O.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use libp2p::{Multiaddr, PeerId};

use crate::doors::Doors;
use crate::{Found, address, limits};

/// First redial after a healthy connection was lost.
const REDIAL: Duration = Duration::from_millis(200);
/// How long a connection must have lasted, admitted, to be dialled again at once.
const HEALTHY: Duration = Duration::from_secs(1);
/// The larger peer id leaves LAN peers to the smaller one, and steps in after this.
const FALLBACK: Duration = Duration::from_secs(3);
/// Longest time between two dials.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// How long to wait after the given number of failures: 1 s doubling, up to 5 min, a quarter more or less.
///
/// The scatter comes from who dials whom: the same for each run, different for each pair.
pub(crate) fn back_off(own: &PeerId, target: impl Hash, tries: u32) -> Duration {
    let doubled = Duration::from_secs(1 << tries.saturating_sub(1).min(9));
    let mut hasher = DefaultHasher::new();
    (own, target, tries).hash(&mut hasher);
    let scatter = 750 + u32::try_from(hasher.finish() % 500).unwrap_or(250);
    (doubled.min(LONGEST) * scatter / 1_000).min(LONGEST)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No address known.
    Idle,
    Waiting(Instant),
    Dialling,
    Connected,
}

#[derive(Debug)]
struct Wanted {
    found: Found,
    /// The one that answered last.
    good: Option<Multiaddr>,
    /// From our engine, from mDNS or typed.
    given: Vec<Multiaddr>,
    /// From the peer itself.
    learned: Vec<Multiaddr>,
    tries: u32,
    state: State,
}

impl Wanted {
    fn addresses(&self) -> Vec<Multiaddr> {
        address::unique(
            self.good
                .iter()
                .chain(&self.given)
                .chain(&self.learned)
                .cloned(),
        )
    }
}

/// The wanted peers.
#[derive(Debug)]
pub(crate) struct Dialler {
    own: PeerId,
    wanted: HashMap<PeerId, Wanted>,
    queue: BTreeSet<(Instant, PeerId)>,
    doors: Doors,
    dialling: usize,
}

impl Dialler {
    pub(crate) fn new(own: PeerId) -> Self {
        Self {
            own,
            wanted: HashMap::new(),
            queue: BTreeSet::new(),
            doors: Doors::default(),
            dialling: 0,
        }
    }

    /// Wants a peer; `connected` tells whether it is there already. False when there is no room.
    pub(crate) fn want(
        &mut self,
        peer: PeerId,
        addresses: Vec<Multiaddr>,
        found: Found,
        connected: bool,
        now: Instant,
    ) -> bool {
        if peer == self.own {
            return false;
        }
        // LAN peers are found by both sides at the same moment: only the smaller id dials at once.
        let first = if found == Found::Lan && self.own > peer {
            now + FALLBACK
        } else {
            now
        };
        if let Some(wanted) = self.wanted.get_mut(&peer) {
            wanted.found = stronger(wanted.found, found);
            let news = addresses
                .iter()
                .any(|address| !wanted.given.contains(address));
            let given = std::mem::take(&mut wanted.given);
            wanted.given = address::unique(addresses.into_iter().chain(given));
            match wanted.state {
                State::Idle if news => self.schedule(peer, first),
                // A new address is news; being seen on the LAN is a sign of life even at the old one.
                State::Waiting(at) if (news || found == Found::Lan) && first < at => {
                    wanted.tries = 0;
                    self.schedule(peer, first);
                }
                _ => {}
            }
            return true;
        }
        if !self.has_room(found) {
            return false;
        }
        let state = if connected {
            State::Connected
        } else {
            State::Idle
        };
        let given = address::unique(addresses);
        let dialable = !connected && !given.is_empty();
        let wanted = Wanted {
            found,
            good: None,
            given,
            learned: Vec::new(),
            tries: 0,
            state,
        };
        self.wanted.insert(peer, wanted);
        if dialable {
            self.schedule(peer, first);
        }
        true
    }

    /// Makes room among LAN peers by forgetting one that never answers.
    fn has_room(&mut self, found: Found) -> bool {
        if found == Found::Lan {
            let lan = self
                .wanted
                .iter()
                .filter(|(_, wanted)| wanted.found == Found::Lan);
            let (count, silent) = lan.fold((0, None), |(count, silent), (peer, wanted)| {
                let tries = if wanted.state == State::Connected {
                    0
                } else {
                    wanted.tries
                };
                (count + 1, silent.max((tries > 0).then_some((tries, *peer))))
            });
            if count >= limits::WANTED_LAN {
                match silent {
                    Some((_, peer)) => self.unwant(&peer),
                    None => return false,
                }
            }
        }
        self.wanted.len() < limits::WANTED
    }

    pub(crate) fn unwant(&mut self, peer: &PeerId) {
        self.unschedule(peer);
        self.wanted.remove(peer);
    }

    /// mDNS no longer sees the peer: forgotten unless it is connected or wanted for another reason.
    pub(crate) fn expired(&mut self, peer: &PeerId) {
        let gone = |wanted: &Wanted| wanted.found == Found::Lan && wanted.state != State::Connected;
        if self.wanted.get(peer).is_some_and(gone) {
            self.unwant(peer);
        }
    }

    pub(crate) fn block(&mut self, peer: PeerId) {
        self.doors.block(peer);
        self.rest(&peer);
    }

    /// Dials guests alone; none = everybody who is not blocked.
    pub(crate) fn admit_only(&mut self, guests: Option<HashSet<PeerId>>, now: Instant) {
        let wanted = self.wanted.keys();
        let before: Vec<(PeerId, bool)> = wanted
            .map(|peer| (*peer, self.doors.shuts_out(peer)))
            .collect();
        self.doors.admit_only(guests);
        for (peer, was_shut) in before {
            match self.doors.shuts_out(&peer) {
                true => self.rest(&peer),
                false if was_shut => self.nudge(&peer, now),
                false => {}
            }
        }
    }

    /// Who may be connected.
    pub(crate) fn doors(&self) -> Doors {
        self.doors.clone()
    }

    /// Is not dialled for now.
    fn rest(&mut self, peer: &PeerId) {
        let wanted = self.wanted.get(peer);
        if wanted.is_some_and(|wanted| matches!(wanted.state, State::Waiting(_))) {
            self.settle(peer, State::Idle);
        }
    }

    pub(crate) fn unblock(&mut self, peer: &PeerId, now: Instant) {
        self.doors.unblock(peer);
        self.nudge(peer, now);
    }

    /// A sign of life: dial now, forget earlier failures.
    pub(crate) fn nudge(&mut self, peer: &PeerId, now: Instant) {
        let Some(wanted) = self.wanted.get_mut(peer) else {
            return;
        };
        wanted.tries = 0;
        if matches!(wanted.state, State::Idle | State::Waiting(_)) {
            self.schedule(*peer, now);
        }
    }

    /// What the peer says about its own addresses.
    pub(crate) fn learned(&mut self, peer: &PeerId, addresses: Vec<Multiaddr>) {
        if let Some(wanted) = self.wanted.get_mut(peer) {
            wanted.learned = address::unique(addresses);
        }
    }

    /// Connected; `dialled` is the address that answered.
    pub(crate) fn connected(&mut self, peer: &PeerId, dialled: Option<Multiaddr>) {
        self.settle(peer, State::Connected);
        if let (Some(wanted), Some(address)) = (self.wanted.get_mut(peer), dialled) {
            wanted.good = Some(address);
        }
    }

    /// The peer greeted properly. Only this ends the back-off: else a peer that never does would be dialled for ever.
    pub(crate) fn admitted(&mut self, peer: &PeerId) {
        if let Some(wanted) = self.wanted.get_mut(peer) {
            wanted.tries = 0;
        }
    }

    /// The last connection closed; `lasted` is how long the peer was there, if it was admitted.
    pub(crate) fn disconnected(&mut self, peer: &PeerId, lasted: Option<Duration>, now: Instant) {
        if lasted.is_some_and(|lasted| lasted >= HEALTHY) {
            // The smaller id first, so that both sides seldom dial at the same moment.
            let delay = if self.own < *peer { REDIAL } else { REDIAL * 2 };
            self.schedule(*peer, now + delay);
        } else {
            self.failed(peer, now);
        }
    }

    /// The dial failed.
    pub(crate) fn failed(&mut self, peer: &PeerId, now: Instant) {
        let Some(wanted) = self.wanted.get_mut(peer) else {
            return;
        };
        wanted.tries = wanted.tries.saturating_add(1);
        let delay = back_off(&self.own, peer, wanted.tries);
        self.schedule(*peer, now + delay);
    }

    /// The dial could not begin: another is under way.
    pub(crate) fn later(&mut self, peer: &PeerId, now: Instant) {
        self.schedule(*peer, now + Duration::from_secs(1));
    }

    /// The next peer to dial now; it counts as being dialled from here on.
    pub(crate) fn due(&mut self, now: Instant) -> Option<(PeerId, Vec<Multiaddr>)> {
        if self.next()? > now {
            return None;
        }
        let (_, peer) = *self.queue.first()?;
        self.settle(&peer, State::Dialling);
        let addresses = self.wanted.get(&peer)?.addresses();
        Some((peer, addresses))
    }

    /// When `due` should be asked again.
    pub(crate) fn next(&self) -> Option<Instant> {
        let (at, _) = self.queue.first()?;
        (self.dialling < limits::DIALS).then_some(*at)
    }

    /// How long until a wanted peer that is not connected is dialled; none = it is not going to be.
    pub(crate) fn waits(&self, peer: &PeerId, now: Instant) -> Option<Duration> {
        match self.wanted.get(peer)?.state {
            State::Waiting(at) => Some(at.saturating_duration_since(now)),
            State::Dialling => Some(Duration::ZERO),
            State::Idle | State::Connected => None,
        }
    }

    /// Where a wanted peer may be, the best first.
    pub(crate) fn places(&self, peer: &PeerId) -> Vec<Multiaddr> {
        let wanted = self.wanted.get(peer);
        wanted.map(Wanted::addresses).unwrap_or_default()
    }

    pub(crate) fn found(&self, peer: &PeerId) -> Option<Found> {
        self.wanted.get(peer).map(|wanted| wanted.found)
    }

    fn schedule(&mut self, peer: PeerId, at: Instant) {
        let Some(wanted) = self.wanted.get(&peer) else {
            return;
        };
        let idle = self.doors.shuts_out(&peer) || wanted.addresses().is_empty();
        self.settle(
            &peer,
            if idle {
                State::Idle
            } else {
                State::Waiting(at)
            },
        );
    }

    fn unschedule(&mut self, peer: &PeerId) {
        self.settle(peer, State::Idle);
    }

    /// The only place where the state changes: keeps the queue and the count in step.
    fn settle(&mut self, peer: &PeerId, state: State) {
        let Some(wanted) = self.wanted.get_mut(peer) else {
            return;
        };
        match std::mem::replace(&mut wanted.state, state) {
            State::Waiting(at) => {
                self.queue.remove(&(at, *peer));
            }
            State::Dialling => self.dialling = self.dialling.saturating_sub(1),
            State::Idle | State::Connected => {}
        }
        match state {
            State::Waiting(at) => {
                self.queue.insert((at, *peer));
            }
            State::Dialling => self.dialling += 1,
            State::Idle | State::Connected => {}
        }
    }
}

/// Typed by hand beats the LAN, and the LAN beats memory: who is near now tells more than who was known once.
fn stronger(one: Found, other: Found) -> Found {
    let rank = |found| match found {
        Found::Inbound => 0,
        Found::Remembered => 1,
        Found::Lan => 2,
        Found::Manual => 3,
    };
    if rank(other) > rank(one) { other } else { one }
}

#[cfg(test)]
#[path = "dialler_tests.rs"]
mod tests;
