//! Dialling: wanted peers, typed addresses, single attempts, and peers found on the LAN.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

use chater_protocol::id::NodeId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError};
use libp2p::{Multiaddr, PeerId};
use tokio::sync::oneshot;

use super::Actor;
use crate::event::NetworkEvent;
use crate::{Found, Unreached, address, limits};

/// Why a dial is under way.
#[derive(Debug)]
enum Purpose {
    Wanted(PeerId),
    Typed(String),
    Reach(PeerId, oneshot::Sender<Result<(), Unreached>>),
    /// A peer reached through a relay was seen on the LAN.
    Nearer(PeerId),
}

/// A dial under way.
#[derive(Debug)]
pub(super) struct Dial {
    purpose: Purpose,
    /// Addresses of the other transport, for when these fail.
    ///
    /// Not all at once: a peer with TCP and QUIC would get two connections, one of which is closed again at once.
    later: Vec<Multiaddr>,
}

impl Actor {
    pub(super) fn want(&mut self, peer: PeerId, addresses: &[String], now: Instant) {
        let addresses = address::parse_all(addresses, peer);
        let connected = self.peers.contains_key(&peer);
        if !self
            .dialler
            .want(peer, addresses, Found::Remembered, connected, now)
        {
            tracing::debug!(
                peer = address::short(&peer),
                "no room for another wanted peer"
            );
        }
        self.wanted_now(peer);
    }

    pub(super) fn want_address(
        &mut self,
        text: String,
        place: Multiaddr,
        named: Option<PeerId>,
        now: Instant,
    ) {
        // Who is there may be known already; a second connection to the same peer helps nobody.
        let at = || {
            self.peers
                .iter()
                .find(|(_, peer)| peer.is_at(&place))
                .map(|(id, _)| *id)
        };
        let peer = named.or_else(|| self.typed.peer(&text)).or_else(at);
        if !self.typed.add(text.clone(), place.clone(), peer, now) {
            let result = Err(format!("more than {} typed addresses", limits::TYPED));
            self.outlet.offer(NetworkEvent::Dialled {
                address: text,
                result,
            });
            return;
        }
        let Some(peer_id) = peer else { return };
        let connected = self.peers.get(&peer_id).map(|peer| peer.node);
        self.dialler.want(
            peer_id,
            vec![place],
            Found::Manual,
            connected.is_some(),
            now,
        );
        if let Some(node) = connected {
            self.typed.answered(&text, peer_id);
            self.outlet.offer(NetworkEvent::Dialled {
                address: text,
                result: Ok(node),
            });
        } else {
            self.dialler.nudge(&peer_id, now);
        }
    }

    pub(super) fn reach(
        &mut self,
        node: NodeId,
        addresses: &[String],
        reply: oneshot::Sender<Result<(), Unreached>>,
    ) {
        // A reply that nobody waits for any more is no error, here and below.
        let Some(peer) = address::peer_id(node) else {
            return;
        };
        if self.peers.contains_key(&peer) {
            self.wanted_now(peer);
            let _ = reply.send(Ok(()));
            return;
        }
        let under_way = |dial: &&Dial| matches!(dial.purpose, Purpose::Reach(..));
        if self.dials.values().filter(under_way).count() >= limits::REACHES {
            let _ = reply.send(Err(Unreached::Nobody));
            return;
        }
        // An asker far away must not have us knock at this machine.
        let only_here = self.listened.iter().all(is_loopback);
        let mut addresses = address::parse_all(addresses, peer);
        addresses.retain(|place| only_here || !is_loopback(place));
        self.dial(Purpose::Reach(peer, reply), addresses, Instant::now());
    }

    /// Dials whoever is due.
    pub(super) fn dial_due(&mut self, now: Instant) {
        while let Some((peer, addresses)) = self.dialler.due(now) {
            self.dial(Purpose::Wanted(peer), addresses, now);
        }
        while let Some((text, place)) = self.typed.due(now) {
            self.dial(Purpose::Typed(text), vec![place], now);
        }
    }

    fn dial(&mut self, purpose: Purpose, addresses: Vec<Multiaddr>, now: Instant) {
        let (first, later) = by_transport(addresses);
        let opts = match (&purpose, first.first()) {
            // TCP from a new port: from the listening one, two nodes that dial each other at the same moment would
            // open one connection together, each as its dialler, and Noise fails.
            (Purpose::Wanted(peer), _) => DialOpts::peer_id(*peer)
                .condition(PeerCondition::DisconnectedAndNotDialing)
                .addresses(first)
                .allocate_new_port()
                .build(),
            (Purpose::Reach(peer, _), _) => DialOpts::peer_id(*peer)
                .condition(PeerCondition::Disconnected)
                .addresses(first)
                .allocate_new_port()
                .build(),
            (Purpose::Nearer(peer), _) => DialOpts::peer_id(*peer)
                .condition(PeerCondition::NotDialing)
                .addresses(first)
                .allocate_new_port()
                .build(),
            (Purpose::Typed(_), Some(place)) => DialOpts::unknown_peer_id()
                .address(place.clone())
                .allocate_new_port()
                .build(),
            (Purpose::Typed(_), None) => return,
        };
        let id = opts.connection_id();
        match self.swarm.dial(opts) {
            Ok(()) => {
                self.meters.one("chater_dials_total", "");
                self.dials.insert(id, Dial { purpose, later });
            }
            Err(DialError::DialPeerConditionFalse(_)) => match purpose {
                Purpose::Wanted(peer) if !self.peers.contains_key(&peer) => {
                    self.dialler.later(&peer, now)
                }
                Purpose::Wanted(_) | Purpose::Typed(_) | Purpose::Nearer(_) => {}
                Purpose::Reach(peer, reply) => {
                    let here = self.peers.contains_key(&peer);
                    let _ = reply.send(here.then_some(()).ok_or(Unreached::Nobody));
                }
            },
            Err(error) => self.gave_up(Dial { purpose, later }, &error, now),
        }
    }

    pub(super) fn dial_failed(&mut self, id: ConnectionId, error: &DialError) {
        if let Some(dial) = self.dials.remove(&id) {
            self.gave_up(dial, error, Instant::now());
        }
    }

    fn gave_up(&mut self, dial: Dial, error: &DialError, now: Instant) {
        tracing::debug!(purpose = ?dial.purpose, error = reason(error), "dial failed");
        self.meters
            .one("chater_dial_failures_total", failure(error));
        if !dial.later.is_empty() && !matches!(error, DialError::Denied { .. }) {
            self.dial(dial.purpose, dial.later, now);
            return;
        }
        match dial.purpose {
            // It may have dialled us meanwhile.
            Purpose::Wanted(peer) if self.peers.contains_key(&peer) => {}
            Purpose::Wanted(peer) => {
                self.dialler.failed(&peer, now);
                self.look_up(peer, now);
                for address in self.typed.unanswered(&peer) {
                    let result = Err(reason(error));
                    self.outlet.offer(NetworkEvent::Dialled { address, result });
                }
            }
            Purpose::Typed(address) => {
                if matches!(error, DialError::LocalPeerId { .. }) {
                    self.typed.forget(&address);
                } else {
                    self.typed.failed(&address, now);
                }
                let result = Err(reason(error));
                self.outlet.offer(NetworkEvent::Dialled { address, result });
            }
            Purpose::Reach(peer, reply) => {
                let why = match error {
                    DialError::WrongPeerId { .. } | DialError::LocalPeerId { .. } => {
                        Unreached::Other
                    }
                    _ => Unreached::Nobody,
                };
                let here = self.peers.contains_key(&peer);
                let _ = reply.send(here.then_some(()).ok_or(why));
            }
            Purpose::Nearer(_) => {}
        }
    }

    /// A connection came up: tells everyone who waited for that peer or that address.
    pub(super) fn dial_answered(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        node: NodeId,
        dialled: Option<Multiaddr>,
        now: Instant,
    ) {
        let own = self.dials.remove(&id);
        if let Some(Dial {
            purpose: Purpose::Typed(text),
            ..
        }) = own
        {
            if let (Some(_), Some(place)) = (self.typed.answered(&text, peer), dialled) {
                self.dialler
                    .want(peer, vec![place], Found::Manual, false, now);
                self.outlet.offer(NetworkEvent::Dialled {
                    address: text,
                    result: Ok(node),
                });
            }
        } else if let Some(Dial {
            purpose: Purpose::Reach(_, reply),
            ..
        }) = own
        {
            let _ = reply.send(Ok(()));
        }
        let waits = |dial: &Dial| matches!(&dial.purpose, Purpose::Reach(to, _) if *to == peer);
        for (_, dial) in self.dials.extract_if(|_, dial| waits(dial)) {
            if let Purpose::Reach(_, reply) = dial.purpose {
                let _ = reply.send(Ok(()));
            }
        }
        for text in self.typed.unanswered(&peer) {
            self.typed.answered(&text, peer);
            self.outlet.offer(NetworkEvent::Dialled {
                address: text,
                result: Ok(node),
            });
        }
    }

    /// A peer that came through a relay may stand at an address of the Internet: then it is dialled there. Punching does
    /// not help when this side alone is behind a strict router, and no place at a relay is taken through a relay.
    pub(super) fn straighten(&mut self, peer_id: PeerId) {
        let far = |peer: &super::connections::Peer| peer.admitted && !peer.is_direct();
        if !self.peers.get(&peer_id).is_some_and(far) {
            return;
        }
        let mut places = self.dialler.places(&peer_id);
        places.retain(|place| !address::is_relayed(place) && address::is_outside(place));
        if !places.is_empty() {
            self.dial(Purpose::Nearer(peer_id), places, Instant::now());
        }
    }

    /// mDNS names each address by itself; a peer is dialled once, with all of them.
    pub(super) fn found_lan(&mut self, found: Vec<(PeerId, Multiaddr)>) {
        let now = Instant::now();
        let mut by_peer: BTreeMap<PeerId, Vec<Multiaddr>> = BTreeMap::new();
        for (peer, place) in found {
            by_peer
                .entry(peer)
                .or_default()
                .push(address::split(place).0);
        }
        for (peer_id, places) in by_peer {
            let places = address::unique(places.into_iter().filter(address::is_shown));
            let connected = self.peers.contains_key(&peer_id);
            if !connected {
                self.meters.one("chater_lan_found_total", "");
            }
            // The smaller id dials, as for all that both sides see at the same moment.
            let far = self
                .peers
                .get(&peer_id)
                .is_some_and(|peer| !peer.is_direct());
            if far && self.own < peer_id && !places.is_empty() {
                self.dial(Purpose::Nearer(peer_id), places.clone(), now);
            }
            let addresses = places
                .iter()
                .map(|place| address::with_peer(place, peer_id))
                .collect();
            if places.is_empty()
                || !self
                    .dialler
                    .want(peer_id, places, Found::Lan, connected, now)
            {
                continue;
            }
            if let (false, Some(peer)) = (connected, address::node_id(&peer_id)) {
                tracing::debug!(peer = peer.short(), "found on the LAN");
                self.outlet
                    .offer(NetworkEvent::FoundLan { peer, addresses });
            }
        }
    }

    pub(super) fn gone_lan(&mut self, gone: &[(PeerId, Multiaddr)]) {
        for (peer, _) in gone {
            self.dialler.expired(peer);
        }
    }
}

fn is_loopback(place: &Multiaddr) -> bool {
    address::reach(place) == address::Reach::Loopback
}

/// Splits by transport: TCP first, which notices a killed peer at once, unless QUIC is what is asked for or answered last.
/// Relays come at the end, unless one is where the peer answered last: the direct ways are tried from there.
fn by_transport(addresses: Vec<Multiaddr>) -> (Vec<Multiaddr>, Vec<Multiaddr>) {
    let relayed_first = addresses.first().is_some_and(address::is_relayed);
    let (relayed, addresses): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(address::is_relayed);
    if relayed_first || addresses.is_empty() {
        return (relayed, addresses);
    }
    let quic_first = addresses.first().is_some_and(address::is_quic);
    let (first, mut later): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address::is_quic(address) == quic_first);
    later.extend(relayed);
    (first, later)
}

/// The row of a failed dial: few fixed words.
fn failure(error: &DialError) -> &'static str {
    match error {
        DialError::LocalPeerId { .. } => "reason=\"own\"",
        DialError::NoAddresses => "reason=\"no_address\"",
        DialError::WrongPeerId { .. } => "reason=\"another_node\"",
        DialError::Denied { .. } => "reason=\"denied\"",
        DialError::Transport(_) => "reason=\"no_answer\"",
        DialError::Aborted | DialError::DialPeerConditionFalse(_) => "reason=\"other\"",
    }
}

/// A few words for a person.
fn reason(error: &DialError) -> String {
    match error {
        DialError::LocalPeerId { .. } => "this node itself".to_owned(),
        DialError::NoAddresses => "no address".to_owned(),
        DialError::WrongPeerId { obtained, .. } => {
            format!("another node answers there: {obtained}")
        }
        DialError::Denied { .. } => "not let in here, or too many connections".to_owned(),
        DialError::Transport(errors) => {
            let Some((_, error)) = errors.first() else {
                return error.to_string();
            };
            let mut innermost: &dyn Error = error;
            while let Some(source) = innermost.source() {
                innermost = source;
            }
            innermost.to_string()
        }
        other => other.to_string(),
    }
}
