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

/// One connection to a peer.
#[derive(Debug)]
struct Link {
    id: ConnectionId,
    remote: Multiaddr,
    since: Instant,
    /// Carried the gossip hello, which the crate sends once per peer.
    first: bool,
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
    /// The program it says it runs.
    agent: String,
}

impl Peer {
    /// The connection that has lasted longest.
    pub(super) fn first_link(&self) -> Option<ConnectionId> {
        self.links.first().map(|link| link.id)
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
        self.dial_answered(id, peer_id, node, dialled.clone(), now);
        self.dialler.connected(&peer_id, dialled.clone());
        let link = |first| Link {
            id,
            remote: remote.clone(),
            since: now,
            first,
        };
        if let Some(peer) = self.peers.get_mut(&peer_id) {
            let stale = peer
                .links
                .iter()
                .all(|link| now - link.since > limits::STALE);
            peer.links.push(link(false));
            if stale && dialled.is_none() {
                // It would not dial us if it still had the old one: it restarted, or its network changed. Gossip
                // greets a peer only once, so the new connection alone would leave it without our topics.
                tracing::debug!(
                    peer = node.short(),
                    "dialled by a connected peer, starting over"
                );
                self.disconnect(peer_id);
            } else if peer.admitted {
                self.swarm.behaviour_mut().keep.keep(peer_id, id);
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
                agent: String::new(),
            },
        );
        self.deadlines
            .push_back((now + self.admission, peer_id, session));
        let found = match self.dialler.found(&peer_id) {
            Some(found) => found,
            None if dialled.is_some() => Found::Remembered,
            None => Found::Inbound,
        };
        tracing::debug!(peer = node.short(), %remote, dialled = dialled.is_some(), ?found, "connected");
        self.outlet.must(NetworkEvent::Connected {
            peer: node,
            address: address::with_peer(&remote, peer_id),
            dialled: dialled.is_some(),
            found,
            relay: address::relay(endpoint),
        });
    }

    pub(super) fn closed(&mut self, peer_id: PeerId, id: ConnectionId) {
        let now = Instant::now();
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        let Some(index) = peer.links.iter().position(|link| link.id == id) else {
            return;
        };
        let link = peer.links.swap_remove(index);
        if !peer.links.is_empty() {
            if link.first && now - link.since < limits::STALE {
                // The loser of a race of dials, and our gossip hello went with it.
                tracing::debug!(
                    peer = peer.node.short(),
                    "lost the first connection, starting over"
                );
                self.disconnect(peer_id);
            }
            return;
        }
        let lasted = peer.admitted.then(|| now - peer.since);
        let node = peer.node;
        // Dropping the peer refuses what it asked and ends what waits for it.
        self.peers.remove(&peer_id);
        self.dialler.disconnected(&peer_id, lasted, now);
        tracing::debug!(peer = node.short(), "disconnected");
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
        for link in &peer.links {
            self.swarm.behaviour_mut().keep.keep(peer_id, link.id);
        }
        self.dialler.admitted(&peer_id);
        for held in held {
            self.deliver(peer_id, held);
        }
        if let Some(stream) = pushes {
            self.give_pushes(peer_id, stream);
        }
        self.tell_topics_of(peer_id);
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
        let believed = address::believed(claimed, peer_id, &link.remote);
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
        self.dialler.learned(&peer_id, believed);
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
