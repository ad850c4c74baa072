//! Peers that are connected: who they are, whether they are admitted, and how they end.

use std::time::{Duration, Instant};

use chater_protocol::id::NodeId;
use futures::StreamExt;
use libp2p::core::ConnectedPoint;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};

use super::Actor;
use super::requests::{Held, Lanes};
use crate::event::NetworkEvent;
use crate::rate::Bucket;
use crate::{Found, address, limits};

const CONNECTIONS: &str = "chater_connections";

/// The row of a connection: few fixed words.
fn meter(remote: &Multiaddr, relayed: bool, dialled: bool) -> &'static str {
    match (relayed, address::is_quic(remote), dialled) {
        (true, _, true) => "transport=\"relay\",direction=\"out\"",
        (true, _, false) => "transport=\"relay\",direction=\"in\"",
        (false, true, true) => "transport=\"quic\",direction=\"out\"",
        (false, true, false) => "transport=\"quic\",direction=\"in\"",
        (false, false, true) => "transport=\"tcp\",direction=\"out\"",
        (false, false, false) => "transport=\"tcp\",direction=\"in\"",
    }
}

/// One connection to a peer.
#[derive(Debug)]
struct Link {
    id: ConnectionId,
    remote: Multiaddr,
    dialled: bool,
    since: Instant,
    /// Carried the gossip hello, which the crate sends once per peer.
    first: bool,
    /// The node between.
    relay: Option<NodeId>,
    /// Made to try an address, and gone in a moment.
    passing: bool,
    /// Its row among the meters.
    meter: &'static str,
}

/// A connected peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) node: NodeId,
    session: u64,
    since: Instant,
    links: Vec<Link>,
    pub(super) admitted: bool,
    /// Requests that came before admission.
    pub(super) held: Vec<Held>,
    /// Requests of this peer that are not answered yet.
    pub(super) unanswered: usize,
    pub(super) lanes: Lanes,
    pub(super) pushes: super::pushes::Streams,
    pub(super) gossip: Bucket,
    news: Bucket,
    /// What identify said last, cleaned.
    said: Vec<Multiaddr>,
    /// Offers to be a relay.
    pub(super) relays: bool,
    /// Dialled by Kademlia alone: nobody has been told of it.
    silent: bool,
    /// How it is reached, as told.
    path: Option<NodeId>,
    /// The program it says it runs.
    agent: String,
}

impl Peer {
    /// The connection to open streams over: a direct one if there is, of those the one that has lasted longest.
    pub(super) fn first_link(&self) -> Option<ConnectionId> {
        let lasting = || self.links.iter().filter(|link| !link.passing);
        let direct = lasting().find(|link| link.relay.is_none());
        direct.or_else(|| lasting().next()).map(|link| link.id)
    }

    /// Whether some connection goes through no other node.
    pub(super) fn is_direct(&self) -> bool {
        let direct = |link: &Link| link.relay.is_none() && !link.passing;
        self.links.iter().any(direct)
    }

    /// Connections made to try an address.
    pub(super) fn passing(&self) -> Vec<ConnectionId> {
        let passing = self.links.iter().filter(|link| link.passing);
        passing.map(|link| link.id).collect()
    }

    /// Where it may be reached directly: as we dialled it, then as it says.
    pub(super) fn direct_places(&self) -> impl Iterator<Item = &Multiaddr> {
        let dialled = self.links.iter().filter(|link| link.dialled);
        let places = dialled.map(|link| &link.remote).chain(&self.said);
        places.filter(|place| !address::is_relayed(place))
    }

    /// Whether this peer is reached at that address.
    pub(super) fn is_at(&self, place: &Multiaddr) -> bool {
        let links = self.links.iter().map(|link| &link.remote);
        links.chain(&self.said).any(|address| address == place)
    }
}

impl Actor {
    pub(super) fn established(
        &mut self,
        peer_id: PeerId,
        id: ConnectionId,
        endpoint: &ConnectedPoint,
    ) {
        let Some(node) = address::node_id(&peer_id) else {
            // Noise and TLS accept Ed25519 only as we build them; a stranger with another key has no node id.
            self.disconnect(peer_id);
            return;
        };
        let now = Instant::now();
        let (remote, _) = address::split(endpoint.get_remote_address().clone());
        let dialled = endpoint.is_dialer().then(|| remote.clone());
        let relay = address::relay(endpoint);
        let behaviour = self.swarm.behaviour();
        // A dial back, by us or by whom we have asked for one.
        let passing = if dialled.is_some() {
            behaviour.try_back.has_dialled(id)
        } else {
            behaviour.probe.has_asked(&peer_id, now) && self.peers.contains_key(&peer_id)
        };
        let silent = behaviour.lookups.has_dialled(id) && self.dialler.found(&peer_id).is_none();
        let meter = meter(&remote, relay.is_some(), dialled.is_some());
        self.meters.one(CONNECTIONS, meter);
        if !passing {
            self.dial_answered(id, peer_id, node, dialled.clone(), now);
            self.dialler.connected(&peer_id, dialled.clone());
        }
        let link = |first| Link {
            id,
            remote: remote.clone(),
            dialled: dialled.is_some(),
            since: now,
            first,
            relay,
            passing,
            meter,
        };
        if let Some(peer) = self.peers.get_mut(&peer_id) {
            // What comes directly beside a relayed connection was opened by hole punching.
            let better = relay.is_none() && !peer.is_direct();
            let stale = !passing
                && !better
                && peer
                    .links
                    .iter()
                    .all(|link| now - link.since > limits::STALE);
            peer.links.push(link(false));
            if peer.silent && !silent {
                peer.silent = false;
                self.tell_connected(peer_id, &remote, dialled.is_some(), relay);
                return;
            }
            if passing {
                return;
            }
            if stale && dialled.is_none() {
                // It would not dial us if it still had the old one: it restarted, or its network changed. Gossip
                // greets a peer only once, so the new connection alone would leave it without our topics.
                tracing::debug!(
                    peer = node.short(),
                    "dialled by a connected peer, starting over"
                );
                self.disconnect(peer_id);
            } else {
                if peer.admitted {
                    self.swarm.behaviour_mut().keep.keep(peer_id, id);
                }
                self.path_changed(peer_id, now);
            }
            return;
        }
        self.sessions += 1;
        let session = self.sessions;
        self.peers.insert(
            peer_id,
            Peer {
                node,
                session,
                since: now,
                links: vec![link(true)],
                admitted: false,
                held: Vec::new(),
                unanswered: 0,
                lanes: Lanes::default(),
                pushes: super::pushes::Streams::default(),
                gossip: Bucket::new(limits::GOSSIP_RATE, limits::GOSSIP_BURST, now),
                news: Bucket::new(limits::NEWS_RATE, limits::NEWS_BURST, now),
                said: Vec::new(),
                relays: false,
                silent,
                path: relay,
                agent: String::new(),
            },
        );
        self.deadlines
            .push_back((now + self.admission, peer_id, session));
        if !silent {
            self.tell_connected(peer_id, &remote, dialled.is_some(), relay);
        }
    }

    /// The beginning of a connection is told once.
    fn tell_connected(
        &mut self,
        peer_id: PeerId,
        remote: &Multiaddr,
        dialled: bool,
        relay: Option<NodeId>,
    ) {
        let Some(node) = address::node_id(&peer_id) else {
            return;
        };
        let found = match self.dialler.found(&peer_id) {
            Some(found) => found,
            None if dialled => Found::Remembered,
            None => Found::Inbound,
        };
        tracing::debug!(peer = node.short(), %remote, dialled, ?found, "connected");
        self.outlet.must(NetworkEvent::Connected {
            peer: node,
            address: address::with_peer(remote, peer_id),
            dialled,
            found,
            relay,
        });
    }

    /// Somebody wants a peer that Kademlia alone had dialled: now it counts.
    pub(super) fn wanted_now(&mut self, peer_id: PeerId) {
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        if !std::mem::replace(&mut peer.silent, false) {
            return;
        }
        let Some(link) = peer.links.first() else {
            return;
        };
        let (remote, relay, dialled) = (link.remote.clone(), link.relay, link.dialled);
        self.tell_connected(peer_id, &remote, dialled, relay);
    }

    /// A search is over: whom it alone had dialled is left, or both sides would take the other for a stranger and wait.
    pub(super) fn end_visits(&mut self) {
        let silent = self.peers.iter().filter(|(_, peer)| peer.silent);
        for peer_id in silent.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.disconnect(peer_id);
        }
    }

    /// After a connection came or went: which way is told, and a relayed one goes soon when there is a direct one.
    fn path_changed(&mut self, peer_id: PeerId, now: Instant) {
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        let direct = peer.is_direct();
        if direct {
            let relayed = peer.links.iter().filter(|link| link.relay.is_some());
            for link in relayed {
                let at = now.max(link.since) + limits::BESIDE;
                self.beside.push_back((at, peer_id, link.id));
            }
        }
        let lasting = peer.links.iter().filter(|link| !link.passing);
        let Some(link) = lasting.min_by_key(|link| link.relay.is_some()) else {
            return;
        };
        if link.relay == peer.path {
            return;
        }
        peer.path = link.relay;
        let offers = direct && peer.relays;
        if !peer.silent {
            let address = address::with_peer(&link.remote, peer_id);
            self.outlet.must(NetworkEvent::Path {
                peer: peer.node,
                relay: link.relay,
                address,
            });
        }
        if offers {
            // Through a relay nobody takes a place at another: now one can be had here.
            self.offers_relay(peer_id, true, now);
        }
    }

    /// Ends relayed connections beside a direct one: what goes over a relay costs it.
    pub(super) fn close_beside(&mut self, now: Instant) {
        while let Some((at, peer_id, id)) = self.beside.front().copied() {
            if at > now {
                break;
            }
            self.beside.pop_front();
            if self.peers.get(&peer_id).is_some_and(Peer::is_direct) {
                self.swarm.close_connection(id);
            }
        }
    }

    pub(super) fn closed(&mut self, peer_id: PeerId, id: ConnectionId) {
        let now = Instant::now();
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        let Some(index) = peer.links.iter().position(|link| link.id == id) else {
            return;
        };
        let link = peer.links.remove(index);
        self.meters.less(CONNECTIONS, link.meter);
        if !peer.links.is_empty() {
            if link.first && now - link.since < limits::STALE {
                // The loser of a race of dials, and our gossip hello went with it.
                tracing::debug!(
                    peer = peer.node.short(),
                    "lost the first connection, starting over"
                );
                self.disconnect(peer_id);
            } else if peer.links.iter().all(|link| link.passing) {
                // What was to try an address carries nothing: the peer is dialled anew.
                self.disconnect(peer_id);
            } else {
                self.path_changed(peer_id, now);
            }
            return;
        }
        let silent = peer.silent;
        let lasted = peer.admitted.then(|| now - peer.since);
        let node = peer.node;
        // Dropping the peer refuses what it asked and ends what waits for it.
        self.peers.remove(&peer_id);
        let behaviour = self.swarm.behaviour_mut();
        behaviour.try_back.forget(&peer_id);
        behaviour.probe.forget(&peer_id);
        self.dialler.disconnected(&peer_id, lasted, now);
        tracing::debug!(peer = node.short(), "disconnected");
        if silent {
            return;
        }
        self.outlet.must(NetworkEvent::Disconnected { peer: node });
    }

    pub(super) fn admit(&mut self, peer_id: PeerId) {
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        if std::mem::replace(&mut peer.admitted, true) {
            return;
        }
        let held = std::mem::take(&mut peer.held);
        let pushes = peer.pushes.came.take();
        let said = peer.said.clone();
        let lasting = peer.links.iter().filter(|link| !link.passing);
        let behaviour = self.swarm.behaviour_mut();
        for link in lasting {
            behaviour.keep.keep(peer_id, link.id);
        }
        behaviour.try_back.allow(peer_id);
        self.remember_place(peer_id, &said);
        self.dialler.admitted(&peer_id);
        for held in held {
            self.deliver(peer_id, held);
        }
        if let Some(stream) = pushes {
            self.give_pushes(peer_id, stream);
        }
        self.tell_topics_of(peer_id);
        self.straighten(peer_id);
    }

    /// Closes peers that were not admitted in time.
    pub(super) fn close_strangers(&mut self, now: Instant) {
        while let Some((at, peer_id, session)) = self.deadlines.front().copied() {
            if at > now {
                break;
            }
            self.deadlines.pop_front();
            let stranger = |peer: &Peer| peer.session == session && !peer.admitted;
            if self.peers.get(&peer_id).is_some_and(stranger) {
                tracing::debug!(
                    peer = address::short(&peer_id),
                    "no greeting in time, closing"
                );
                self.disconnect(peer_id);
            }
        }
    }

    /// Tells of a peer that sent what no honest one does.
    pub(super) fn fault(&mut self, peer_id: &PeerId) {
        if let Some(peer) = self.peers.get(peer_id) {
            let peer = peer.node;
            self.outlet.offer(NetworkEvent::Fault { peer });
        }
    }

    /// Lets in the guests alone, and closes whoever is here and is none.
    pub(super) fn admit_only(&mut self, guests: Option<Vec<NodeId>>, now: Instant) {
        let guests = guests.map(|guests| guests.into_iter().filter_map(address::peer_id).collect());
        self.dialler.admit_only(guests, now);
        let doors = self.dialler.doors();
        let connected: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in connected.into_iter().filter(|peer| doors.shuts_out(peer)) {
            self.disconnect(peer);
        }
    }

    pub(super) fn disconnect(&mut self, peer: PeerId) {
        // An error means that there is no connection.
        let _ = self.swarm.disconnect_peer_id(peer);
    }

    /// What program a peer says it runs.
    pub(super) fn agent(&mut self, peer_id: PeerId, mut agent: String) {
        agent.retain(|c| c.is_ascii_graphic());
        agent.truncate(limits::AGENT);
        if let Some(peer) = self.peers.get_mut(&peer_id)
            && peer.agent != agent
            && peer.news.take(Instant::now())
        {
            peer.agent.clone_from(&agent);
            let peer = peer.node;
            self.outlet.offer(NetworkEvent::Agent { peer, agent });
        }
    }

    pub(super) fn identified(
        &mut self,
        peer_id: PeerId,
        connection: ConnectionId,
        claimed: Vec<Multiaddr>,
    ) {
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        let Some(link) = peer.links.iter().find(|link| link.id == connection) else {
            return;
        };
        let believed = address::believed(claimed, peer_id, &link.remote, 0);
        if believed.is_empty() || believed == peer.said || !peer.news.take(Instant::now()) {
            return;
        }
        peer.said.clone_from(&believed);
        let addresses = believed
            .iter()
            .map(|a| address::with_peer(a, peer_id))
            .collect();
        self.outlet.offer(NetworkEvent::Addresses {
            peer: peer.node,
            addresses,
        });
        let admitted = peer.admitted;
        if admitted {
            self.remember_place(peer_id, &believed);
        }
        self.dialler.learned(&peer_id, believed);
        // A relay is often known better by what it says than by where it came from.
        self.relay_said(peer_id);
    }

    /// Closes everything so that the other sides notice at once.
    pub(super) async fn close_all(&mut self) {
        self.commands.close();
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            self.disconnect(peer);
        }
        let farewell = async {
            while self.swarm.network_info().num_peers() > 0 {
                let event = self.swarm.select_next_some().await;
                if let libp2p::swarm::SwarmEvent::ConnectionClosed {
                    peer_id,
                    connection_id,
                    ..
                } = event
                {
                    self.closed(peer_id, connection_id);
                }
            }
            // QUIC says goodbye from a task of its own.
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        if tokio::time::timeout(limits::CLOSING, farewell)
            .await
            .is_err()
        {
            tracing::debug!("some peers did not answer the farewell");
        }
    }
}
