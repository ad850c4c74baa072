//! Being reachable: addresses of the Internet that are ours, relays when there are none, and finding nodes that moved.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Instant;

use libp2p::core::transport::ListenerId;
use libp2p::kad::{self, QueryId};
use libp2p::multiaddr::Protocol as Part;
use libp2p::{Multiaddr, PeerId, autonat, dcutr, relay, upnp};

use super::Actor;
use crate::behaviour::relay_status;
use crate::dialler::back_off;
use crate::event::NetworkEvent;
use crate::{Config, Reachable, Router, Standing, StartError, address, limits};

/// A place at a relay, asked for or given.
#[derive(Debug)]
struct Reservation {
    relay: PeerId,
    given: bool,
}

/// What is known of our own reachability, and what is done about it.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Given by the owner.
    fixed: Vec<Multiaddr>,
    /// Confirmed by others or opened by the router.
    confirmed: Vec<Multiaddr>,
    /// Tried by others in vain.
    in_vain: bool,
    reservations: HashMap<ListenerId, Reservation>,
    /// Relays that failed: how often, and when they are asked again.
    failed: HashMap<PeerId, (u32, Instant)>,
    /// When relays are to be looked at again.
    again: Option<Instant>,
    lookups: HashMap<QueryId, PeerId>,
    looked_up: HashMap<PeerId, Instant>,
}

impl Reach {
    pub(super) fn next(&self) -> Option<Instant> {
        self.again
    }

    fn is_public(&self) -> bool {
        !self.fixed.is_empty() || !self.confirmed.is_empty()
    }

    fn reachable(&self) -> Reachable {
        if self.is_public() {
            Reachable::Yes
        } else if self.in_vain {
            Reachable::No
        } else {
            Reachable::Unknown
        }
    }

    /// Own addresses beside those that are listened on.
    pub(super) fn external(&self) -> impl Iterator<Item = &Multiaddr> {
        self.fixed.iter().chain(&self.confirmed)
    }
}

impl Actor {
    /// Takes the owner's addresses and switches.
    pub(super) fn begin_reach(&mut self, config: &Config) -> Result<(), StartError> {
        for text in &config.external {
            let (place, _) = address::parse(text).map_err(|_| StartError::Address(text.clone()))?;
            if self.reach.fixed.len() < limits::EXTERNAL {
                self.swarm.add_external_address(place.clone());
                self.reach.fixed.push(place);
            }
        }
        let mdns = self.swarm.behaviour().mdns.is_enabled();
        let router = if config.asks_router() {
            Router::Asked
        } else {
            Router::Off
        };
        self.stand(|standing| {
            standing.mdns = mdns;
            standing.router = router;
            standing.relaying = config.relay;
        });
        self.tell_reach();
        Ok(())
    }

    /// Changes what is told about us; a change is news.
    fn stand(&mut self, change: impl FnOnce(&mut Standing)) {
        let mut standing = self
            .standing
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let before = standing.clone();
        change(&mut standing);
        let changed = *standing != before;
        drop(standing);
        if changed {
            self.outlet.offer(NetworkEvent::Standing);
        }
    }

    fn tell_reach(&mut self) {
        let reachable = self.reach.reachable();
        let external = self.reach.external().map(ToString::to_string).collect();
        let given = self.reach.reservations.values().filter(|r| r.given);
        let mut relays: Vec<_> = given.filter_map(|r| address::node_id(&r.relay)).collect();
        relays.sort_unstable();
        relays.dedup();
        self.stand(|standing| {
            standing.reachable = reachable;
            standing.external = external;
            standing.relays = relays;
        });
        self.show();
    }

    pub(super) fn set_relay(&mut self, on: bool) {
        let status = relay_status(on);
        self.swarm.behaviour_mut().relay.set_status(Some(status));
        self.stand(|standing| standing.relaying = on);
    }

    /// Somebody could reach us there, or the router opened it, or a relay gave us a place.
    pub(super) fn confirmed(&mut self, place: Multiaddr) {
        let (place, _) = address::split(place);
        // Places at relays are known by their listeners; what is private proves nothing.
        let counts = address::is_outside(&place) && !address::is_relayed(&place);
        if !counts || self.reach.external().any(|known| *known == place) {
            return;
        }
        tracing::info!(address = %place, "this node can be reached from the Internet");
        self.reach.confirmed.insert(0, place);
        while self.reach.confirmed.len() > limits::EXTERNAL {
            if let Some(oldest) = self.reach.confirmed.pop() {
                self.swarm.remove_external_address(&oldest);
            }
        }
        self.tell_reach();
        self.leave_relays();
    }

    pub(super) fn no_longer(&mut self, place: &Multiaddr) {
        let (place, _) = address::split(place.clone());
        let before = self.reach.confirmed.len();
        self.reach.confirmed.retain(|known| *known != place);
        if self.reach.confirmed.len() != before {
            self.tell_reach();
            self.reach.again = Some(Instant::now());
        }
    }

    /// An interface lost its address: what others confirmed was true of the old place.
    pub(super) fn moved(&mut self) {
        for place in std::mem::take(&mut self.reach.confirmed) {
            self.swarm.remove_external_address(&place);
        }
        self.reach.in_vain = false;
        self.tell_reach();
        self.reach.again = Some(Instant::now());
    }

    pub(super) fn probed(&mut self, event: &autonat::v2::client::Event) {
        tracing::debug!(address = %event.tested_addr, result = ?event.result, "reachability tried");
        if event.result.is_err() {
            self.reach.in_vain = true;
            self.tell_reach();
            self.reach.again = Some(Instant::now());
        }
    }

    /// Another node asked us to try an address of its: the connection has served.
    pub(super) fn tried_back(&mut self, event: &autonat::v2::server::Event) {
        self.meters.one(
            "chater_dial_backs_total",
            if event.result.is_ok() {
                "result=\"reached\""
            } else {
                "result=\"not_reached\""
            },
        );
        if let Some(peer) = self.peers.get(&event.client) {
            for id in peer.passing() {
                self.swarm.close_connection(id);
            }
        }
    }

    pub(super) fn punched(&mut self, event: &dcutr::Event) {
        let well = event.result.is_ok();
        tracing::info!(
            peer = address::short(&event.remote_peer_id),
            well,
            "tried to open a direct connection"
        );
        self.meters.one(
            "chater_hole_punches_total",
            if well {
                "result=\"opened\""
            } else {
                "result=\"failed\""
            },
        );
        self.stand(|standing| standing.punched = Some(well));
    }

    pub(super) fn router_says(&mut self, event: &upnp::Event) {
        let router = match event {
            upnp::Event::NewExternalAddr { external_addr, .. } => {
                tracing::info!(address = %external_addr, "the router opened a port");
                Router::Opened
            }
            upnp::Event::ExpiredExternalAddr { .. } | upnp::Event::GatewayNotFound => {
                Router::Silent
            }
            upnp::Event::NonRoutableGateway => Router::Inside,
        };
        self.stand(|standing| standing.router = router);
    }

    // --- relays ----------------------------------------------------------------------------

    pub(super) fn offers_relay(&mut self, peer_id: PeerId, on: bool, now: Instant) {
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        peer.relays = on;
        if on {
            self.reach.again = Some(now);
        }
    }

    /// Whether this node is seen on this machine alone.
    pub(super) fn is_only_here(&self) -> bool {
        let near = |place: &Multiaddr| address::is_relayed(place) || is_loopback(place);
        self.listened.iter().all(near)
    }

    /// A place where it listens is its own on the Internet as well, as far as it can know: a relay tells it to those it
    /// gives a place.
    pub(super) fn listens_at(&mut self, place: &Multiaddr) {
        if !address::is_relayed(place) && (address::is_outside(place) || is_loopback(place)) {
            self.swarm.add_external_address(place.clone());
        }
    }

    /// Whether an address of ours at a relay is one that others may believe: the relay may say what it likes.
    pub(super) fn is_fit(&self, place: &Multiaddr) -> bool {
        let fits = address::is_outside(place) || (is_loopback(place) && self.is_only_here());
        let relayed = self.listened.iter().filter(|p| address::is_relayed(p));
        !address::is_relayed(place) || (fits && relayed.count() < limits::ADDRESSES)
    }

    /// A linked node said where it is: if it is a relay, that may be what was lacking.
    pub(super) fn relay_said(&mut self, peer_id: PeerId) {
        if self.peers.get(&peer_id).is_some_and(|peer| peer.relays) {
            self.reach.again = Some(Instant::now());
        }
    }

    /// Takes places at relays while nobody can reach us directly.
    pub(super) fn seek_relays(&mut self, now: Instant) {
        if self.reach.again.is_none_or(|again| again > now) {
            return;
        }
        self.reach.again = None;
        // Listening at an address of the Internet is good enough until somebody tried in vain. One at a relay is the relay's.
        let own = |place: &&Multiaddr| !address::is_relayed(place) && address::is_outside(place);
        let listens_outside = !self.reach.in_vain && self.listened.iter().any(|place| own(&place));
        if self.reach.is_public() || listens_outside {
            return;
        }
        let only_here = self.is_only_here();
        let mut offers: Vec<(PeerId, Multiaddr)> = Vec::new();
        for (peer_id, peer) in &self.peers {
            let taken = self.reach.reservations.values();
            if !peer.relays || !peer.admitted || taken.into_iter().any(|r| r.relay == *peer_id) {
                continue;
            }
            if let Some((_, at)) = self.reach.failed.get(peer_id)
                && *at > now
            {
                self.reach.again = Some(self.reach.again.map_or(*at, |again| again.min(*at)));
                continue;
            }
            // One on the same LAN brings nobody nearer; one on this machine does if we are seen nowhere else.
            let place = peer
                .direct_places()
                .find(|place| address::is_outside(place) || (only_here && is_loopback(place)));
            if let Some(place) = place {
                offers.push((*peer_id, place.clone()));
            }
        }
        offers.sort_by_key(|(peer, _)| back_off(&self.own, peer, 1));
        for (relay, place) in offers {
            if self.reach.reservations.len() >= limits::RELAYS {
                return;
            }
            let at = place.with(Part::P2p(relay)).with(Part::P2pCircuit);
            match self.swarm.listen_on(at) {
                Ok(id) => {
                    let given = false;
                    let reservation = Reservation { relay, given };
                    self.reach.reservations.insert(id, reservation);
                }
                Err(error) => {
                    tracing::debug!(%error, peer = address::short(&relay), "no place at a relay");
                    self.relay_failed(relay, now);
                }
            }
        }
    }

    fn relay_failed(&mut self, relay: PeerId, now: Instant) {
        let (tries, at) = self.reach.failed.entry(relay).or_insert((0, now));
        *tries = tries.saturating_add(1);
        *at = now + back_off(&self.own, relay, *tries);
        self.reach.again = Some(self.reach.again.map_or(*at, |again| again.min(*at)));
    }

    /// Reachable by ourselves: places at relays are for others.
    fn leave_relays(&mut self) {
        for id in self.reach.reservations.keys().copied().collect::<Vec<_>>() {
            self.swarm.remove_listener(id);
        }
    }

    /// A listener at a relay closed: the relay died, ended the reservation, or we left. False for other listeners.
    pub(super) fn reservation_ended(&mut self, id: ListenerId) -> bool {
        let Some(Reservation { relay, given }) = self.reach.reservations.remove(&id) else {
            return false;
        };
        tracing::debug!(
            peer = address::short(&relay),
            given,
            "a place at a relay ended"
        );
        let now = Instant::now();
        if given {
            self.reach.failed.remove(&relay);
        }
        self.relay_failed(relay, now);
        // Another may have room at once.
        self.reach.again = Some(now);
        self.tell_reach();
        true
    }

    pub(super) fn handle_through(&mut self, event: relay::client::Event) {
        match event {
            relay::client::Event::ReservationReqAccepted {
                relay_peer_id,
                renewal,
                ..
            } => {
                self.reach.failed.remove(&relay_peer_id);
                for reservation in self.reach.reservations.values_mut() {
                    reservation.given |= reservation.relay == relay_peer_id;
                }
                if !renewal {
                    tracing::info!(
                        relay = address::short(&relay_peer_id),
                        "reachable through a relay"
                    );
                    self.tell_reach();
                }
            }
            relay::client::Event::OutboundCircuitEstablished { relay_peer_id, .. } => {
                tracing::debug!(
                    relay = address::short(&relay_peer_id),
                    "connected through a relay"
                );
            }
            relay::client::Event::InboundCircuitEstablished { src_peer_id, .. } => {
                tracing::debug!(peer = address::short(&src_peer_id), "came through a relay");
            }
        }
    }

    #[expect(
        deprecated,
        reason = "the match names what is only logged by libp2p itself from its next version on"
    )]
    pub(super) fn handle_relay(&mut self, event: relay::Event) {
        const RESERVATIONS: &str = "chater_relay_reservations";
        const CIRCUITS: &str = "chater_relay_circuits";
        match event {
            relay::Event::ReservationReqAccepted { renewed: false, .. } => {
                self.meters.one(RESERVATIONS, "");
            }
            relay::Event::ReservationClosed { .. } | relay::Event::ReservationTimedOut { .. } => {
                self.meters.less(RESERVATIONS, "");
            }
            relay::Event::CircuitReqAccepted { .. } => {
                self.meters.one(CIRCUITS, "");
                self.meters.one("chater_relay_circuits_total", "");
            }
            relay::Event::CircuitClosed { .. } => self.meters.less(CIRCUITS, ""),
            relay::Event::ReservationReqDenied { .. } | relay::Event::CircuitReqDenied { .. } => {
                self.meters.one("chater_refused_total", "reason=\"relay\"");
            }
            relay::Event::ReservationReqAccepted { .. }
            | relay::Event::ReservationReqAcceptFailed { .. }
            | relay::Event::ReservationReqDenyFailed { .. }
            | relay::Event::CircuitReqDenyFailed { .. }
            | relay::Event::CircuitReqOutboundConnectFailed { .. }
            | relay::Event::CircuitReqAcceptFailed { .. }
            | relay::Event::StatusChanged { .. } => {}
        }
    }

    // --- where nodes are -------------------------------------------------------------------

    /// A linked node is where it says it is: others may ask us for that.
    pub(super) fn remember_place(&mut self, peer: PeerId, places: &[Multiaddr]) {
        let lookups = self.swarm.behaviour_mut().lookups.inner();
        // Anew each time: addresses that are no longer said must not add up.
        lookups.remove_peer(&peer);
        let outside = places.iter().filter(|place| address::is_outside(place));
        for place in outside.take(limits::ADDRESSES) {
            lookups.add_address(&peer, place.clone());
        }
    }

    /// Nobody answers at the addresses that are known of a wanted node: asks linked nodes where it is now.
    pub(super) fn look_up(&mut self, peer: PeerId, now: Instant) {
        let reach = &mut self.reach;
        if reach.lookups.len() >= limits::LOOKUPS || self.peers.is_empty() {
            return;
        }
        reach
            .looked_up
            .retain(|_, at| now.saturating_duration_since(*at) < limits::LOOKUP_AGAIN);
        if reach.looked_up.contains_key(&peer) {
            return;
        }
        reach.looked_up.insert(peer, now);
        let lookups = self.swarm.behaviour_mut().lookups.inner();
        // Where we believe it to be is wrong: the search would dial there first, fail, and not look at better answers.
        lookups.remove_peer(&peer);
        let id = lookups.get_closest_peers(peer);
        self.reach.lookups.insert(id, peer);
        self.meters.one("chater_lookups_total", "");
    }

    pub(super) fn handle_lookups(&mut self, event: kad::Event) {
        let kad::Event::OutboundQueryProgressed {
            id, result, step, ..
        } = event
        else {
            return;
        };
        if step.last {
            self.end_visits();
        }
        let Some(wanted) = self.reach.lookups.get(&id).copied() else {
            return;
        };
        if step.last {
            self.reach.lookups.remove(&id);
        }
        let found = match result {
            kad::QueryResult::GetClosestPeers(Ok(found)) => found.peers,
            kad::QueryResult::GetClosestPeers(Err(kad::GetClosestPeersError::Timeout {
                peers,
                ..
            })) => peers,
            _ => return,
        };
        let places = found
            .into_iter()
            .filter(|info| info.peer_id == wanted)
            .flat_map(|info| info.addrs)
            .map(|place| address::split(place).0)
            .filter(address::is_outside);
        let places = address::unique(places);
        if places.is_empty() {
            return;
        }
        tracing::debug!(peer = address::short(&wanted), ?places, "found where it is");
        let now = Instant::now();
        self.dialler.learned(&wanted, places);
        if !self.peers.contains_key(&wanted) {
            self.dialler.nudge(&wanted, now);
        }
    }
}

fn is_loopback(place: &Multiaddr) -> bool {
    address::reach(place) == address::Reach::Loopback
}
