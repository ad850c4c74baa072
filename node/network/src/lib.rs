//! Network: talks to peers over libp2p.
//!
//! It knows peers, topics and opaque bytes; no chats, no users, no CBOR, no store. One task owns the swarm (`actor.rs`) and
//! never waits for anyone; everybody else holds a [`Network`] handle, and one listener reads [`NetworkEvent`]s.
//!
//! A connected peer is a stranger until [`Network::admit`]: until then only [`Protocol::Hello`] and [`Protocol::Community`] pass, gossip from it is
//! ignored, and after ten seconds it is closed. Peers that are *wanted* are dialled again for ever, ever more rarely.
//!
//! Where to start: `actor.rs` for the loop, `actor/` for what it does, `dialler.rs` for who is dialled when,
//! `behaviour.rs` for the settings of libp2p, `limits.rs` for every bound. Types of libp2p appear in no signature here.

mod actor;
mod address;
mod behaviour;
mod codec;
mod config;
mod dialler;
mod doors;
mod event;
mod home;
mod keep;
mod lasting;
mod limits;
mod meters;
mod multicast;
mod outside;
mod protocol;
mod push;
mod rate;
mod standing;
mod transport;
mod typed;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chater_protocol::id::{NodeId, hex};
use libp2p::Multiaddr;
use tokio::sync::{mpsc, oneshot};

use actor::{Actor, Command};
pub use config::{Config, Listen, StartError};
pub use event::{NetworkEvent, Reply, Verdict};
pub use home::home_addresses;
pub use lasting::{PushStream, Pushed, Pushes};
pub use meters::Meter;
use meters::Meters;
pub use multicast::multicast_returns;
pub use protocol::{Protocol, RequestError};
pub use standing::{Reachable, Router, Standing};

/// What is wrong with a typed address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a multiaddr at all.
    #[error("not a multiaddr")]
    Malformed,
    /// A multiaddr that this node cannot dial.
    #[error("no transport for it")]
    Unsupported,
    /// It is this very node.
    #[error("own address")]
    Own,
}

/// Why a node was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreached {
    /// Nobody answers there.
    #[error("nobody answers")]
    Nobody,
    /// Somebody else answers there.
    #[error("another node answers")]
    Other,
}

/// Where a peer was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// By mDNS.
    Lan,
    /// At an address typed by hand.
    Manual,
    /// Wanted by the engine.
    Remembered,
    /// It came by itself.
    Inbound,
}

/// A gossip topic: 16 bytes, shown as hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(pub [u8; 16]);

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic({})", hex(self.0.get(..4).unwrap_or_default()))
    }
}

/// Handle; cheap to clone. When the last one is dropped the network stops.
#[derive(Clone)]
pub struct Network {
    id: NodeId,
    commands: mpsc::UnboundedSender<Command>,
    /// Bytes in `commands`: what is unbounded there are only small words of our own engine.
    queued: Arc<AtomicUsize>,
    addresses: Arc<RwLock<Vec<Multiaddr>>>,
    standing: Arc<RwLock<Standing>>,
    meters: Meters,
}

impl Network {
    /// Starts listening and returns when every listener is up. Needs a tokio runtime.
    ///
    /// # Errors
    /// An address that is none, or cannot be listened on.
    pub async fn start(config: Config) -> Result<(Self, mpsc::Receiver<NetworkEvent>), StartError> {
        Self::start_with(config, limits::Bounds::default()).await
    }

    /// As `start`, within other bounds.
    pub(crate) async fn start_with(
        config: Config,
        bounds: limits::Bounds,
    ) -> Result<(Self, mpsc::Receiver<NetworkEvent>), StartError> {
        let (commands, received) = mpsc::unbounded_channel();
        let (events, listener) = mpsc::channel(limits::EVENTS);
        let queued = Arc::new(AtomicUsize::new(0));
        let addresses = Arc::new(RwLock::new(Vec::new()));
        let standing = Arc::new(RwLock::new(Standing::default()));
        let meters = Meters::default();
        let channels = actor::Channels {
            commands: received,
            sender: commands.downgrade(),
            queued: Arc::clone(&queued),
            addresses: Arc::clone(&addresses),
            standing: Arc::clone(&standing),
            meters: meters.clone(),
            events,
        };
        let mut actor = Actor::new(&config, bounds, channels)?;
        let id = actor.node_id();
        actor.listen(&config.listen).await?;
        tokio::spawn(actor.run());
        Ok((
            Self {
                id,
                commands,
                queued,
                addresses,
                standing,
                meters,
            },
            listener,
        ))
    }

    /// The id of this node.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        self.id
    }

    /// Own addresses others may dial, with `/p2p/<id>`; LAN before loopback, TCP before QUIC.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let own = self.own();
        own.iter().map(|place| self.with_id(place)).collect()
    }

    /// The own addresses to tell a node that was met at this address; without one, those that may travel far. At most eight:
    /// loopback goes to this machine only, private ones only to who was met at a private one.
    #[must_use]
    pub fn addresses_for(&self, met_at: Option<&str>) -> Vec<String> {
        let place = met_at.and_then(|text| text.parse::<Multiaddr>().ok());
        let place = place.map(|place| address::split(place).0);
        let told = address::told(&self.own(), place.as_ref());
        told.iter().map(|place| self.with_id(place)).collect()
    }

    fn own(&self) -> Vec<Multiaddr> {
        let own = self.addresses.read();
        own.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn with_id(&self, place: &Multiaddr) -> String {
        match address::peer_id(self.id) {
            Some(own) => address::with_peer(place, own),
            None => place.to_string(),
        }
    }

    /// How this node stands in the network.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let standing = self.standing.read();
        let mut standing = standing.unwrap_or_else(PoisonError::into_inner).clone();
        standing.reservations = self.meters.get("chater_relay_reservations", "");
        standing.circuits = self.meters.get("chater_relay_circuits", "");
        standing.found_lan = self.meters.get("chater_lan_found_total", "");
        standing
    }

    /// What this node did so far, in the order of names.
    #[must_use]
    pub fn meters(&self) -> Vec<Meter> {
        self.meters.read()
    }

    /// Whether others may be reached through this node; at once, and connections passed on already stay.
    pub fn set_relay(&self, on: bool) {
        self.tell(Command::SetRelay(on));
    }

    /// A linked node offers to be a relay, or no longer does.
    pub fn offers_relay(&self, peer: NodeId, on: bool) {
        self.tell(Command::OffersRelay { peer, on });
    }

    /// Sends a request to a CONNECTED peer (never dials). Hello needs no admission.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn request(
        &self,
        peer: NodeId,
        protocol: Protocol,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, RequestError> {
        if body.len() > protocol.limit() {
            return Err(RequestError::TooLarge);
        }
        if !self.reserve(body.len()) {
            return Err(RequestError::Busy);
        }
        let (reply, answer) = oneshot::channel();
        self.tell(Command::Request {
            peer,
            protocol,
            body,
            reply,
        });
        answer.await.unwrap_or(Err(RequestError::NotConnected))
    }

    /// Opens a stream for pushes to an admitted peer that is connected (never dials).
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn open_pushes(&self, peer: NodeId) -> Result<PushStream, RequestError> {
        let (reply, opened) = oneshot::channel();
        self.tell(Command::OpenPushes { peer, reply });
        opened.await.unwrap_or(Err(RequestError::NotConnected))
    }

    /// The peer greeted properly: everything may pass, gossip included.
    pub fn admit(&self, peer: NodeId) {
        self.tell(Command::Admit(peer));
    }

    /// Closes all connections to the peer. A wanted peer is dialled again later.
    pub fn close(&self, peer: NodeId) {
        self.tell(Command::Close(peer));
    }

    /// Closes and refuses from now on.
    pub fn block(&self, peer: NodeId) {
        self.tell(Command::Block(peer));
    }

    /// Takes `block` back.
    pub fn unblock(&self, peer: NodeId) {
        self.tell(Command::Unblock(peer));
    }

    /// Lets in and dials these peers alone, blocked ones not even then; none = everybody else, too. Whoever is connected
    /// and not among them is closed.
    pub fn admit_only(&self, guests: Option<Vec<NodeId>>) {
        self.tell(Command::AdmitOnly(guests));
    }

    /// Keeps a connection to that peer: last-good addresses first, dialled with back-off (1 s doubling, jitter, at most 5 min).
    /// Addresses that cannot be dialled are left out, and at most eight are kept.
    pub fn want(&self, peer: NodeId, addresses: Vec<String>) {
        self.tell(Command::Want { peer, addresses });
    }

    /// Takes `want` back; an open connection stays.
    pub fn unwant(&self, peer: NodeId) {
        self.tell(Command::Unwant(peer));
    }

    /// Any sign of life: clears the back-off and dials at once.
    pub fn nudge(&self, peer: NodeId) {
        self.tell(Command::Nudge(peer));
    }

    /// Dials a typed address (with or without `/p2p/<id>`) until it answers; `Dialled` events tell. Then it is wanted like any other.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn want_address(&self, address: &str) -> Result<(), AddressError> {
        let (place, peer) = address::parse(address)?;
        let bare = place.to_string();
        let own = |listened: &Multiaddr| listened.to_string() == bare;
        let named_own = peer.as_ref().and_then(address::node_id) == Some(self.id);
        if named_own || self.own().iter().any(own) {
            return Err(AddressError::Own);
        }
        self.tell(Command::WantAddress {
            text: address.to_owned(),
            place,
            peer,
        });
        Ok(())
    }

    /// Stops dialling a typed address, given as it was typed. A peer that answered there stays wanted.
    pub fn forget_address(&self, address: &str) {
        self.tell(Command::ForgetAddress(address.to_owned()));
    }

    /// Dials once to one of these addresses, no retry (a hit of a people query answers an asker it has no connection to).
    /// True when the peer is connected.
    pub async fn reach(&self, peer: NodeId, addresses: Vec<String>) -> bool {
        self.try_reach(peer, addresses).await.is_ok()
    }

    /// As [`Network::reach`], and tells why not.
    ///
    /// # Errors
    /// See [`Unreached`].
    pub async fn try_reach(&self, peer: NodeId, addresses: Vec<String>) -> Result<(), Unreached> {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::Reach {
            peer,
            addresses,
            reply,
        });
        answer.await.unwrap_or(Err(Unreached::Nobody))
    }

    /// How long until a wanted node that is away is dialled again; none = it is connected or not dialled.
    pub async fn next_dial(&self, peer: NodeId) -> Option<Duration> {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::NextDial { peer, reply });
        answer.await.ok().flatten()
    }

    /// Takes part in a topic: frames of it arrive as events.
    pub fn subscribe(&self, topic: Topic) {
        self.tell(Command::Subscribe(topic));
    }

    /// Leaves a topic.
    pub fn unsubscribe(&self, topic: Topic) {
        self.tell(Command::Unsubscribe(topic));
    }

    /// Best effort; having no neighbours is normal. Frames over 64 KiB are dropped.
    pub fn publish(&self, topic: Topic, frame: Vec<u8>) {
        if frame.len() > limits::FRAME {
            tracing::warn!(
                ?topic,
                bytes = frame.len(),
                "gossip frame too large, dropped"
            );
        } else if self.reserve(frame.len()) {
            self.tell(Command::Publish { topic, frame });
        } else {
            tracing::debug!(?topic, "too much waits to be sent, gossip frame dropped");
        }
    }

    /// Closes everything; returns when the swarm has ended.
    pub async fn stop(&self) {
        let (done, ended) = oneshot::channel();
        self.tell(Command::Stop(done));
        // An error means that it had ended before.
        let _ = ended.await;
    }

    fn tell(&self, command: Command) {
        // Fails only after `stop`, when nothing is to be done any more.
        let _ = self.commands.send(command);
    }

    fn reserve(&self, bytes: usize) -> bool {
        let cost = Command::cost(bytes);
        let before = self.queued.fetch_add(cost, Ordering::Relaxed);
        if before.saturating_add(cost) > limits::COMMAND_BYTES {
            self.queued.fetch_sub(cost, Ordering::Relaxed);
            return false;
        }
        true
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Network({})", self.id.short())
    }
}

/// What a peer that was met at an address says about its own ones, cleaned: loopback only from loopback, private ones only
/// from near, no relays of relays, one name at most, eight in all.
#[must_use]
pub fn believed(claimed: &[String], peer: NodeId, met_at: &str) -> Vec<String> {
    let (Some(peer), Ok(met)) = (address::peer_id(peer), met_at.parse::<Multiaddr>()) else {
        return Vec::new();
    };
    let claimed = address::parse_all(claimed, peer);
    let kept = address::believed(claimed, peer, &address::split(met).0, limits::NAMES);
    kept.iter()
        .map(|place| address::with_peer(place, peer))
        .collect()
}

/// Whether an address leads through a relay.
#[must_use]
pub fn is_relayed(text: &str) -> bool {
    text.split('/').any(|part| part == "p2p-circuit")
}

/// Checks a multiaddr typed by a person: gives it back normalised.
///
/// # Errors
/// See [`AddressError`]; `Own` only comes from [`Network::want_address`].
pub fn check_address(text: &str) -> Result<String, AddressError> {
    let (address, peer) = address::parse(text)?;
    Ok(peer.map_or_else(
        || address.to_string(),
        |peer| address::with_peer(&address, peer),
    ))
}

/// Whether an address is on this machine or in a private network; anything else, and what is no address, is not.
#[must_use]
pub fn is_near(address: &str) -> bool {
    address
        .parse()
        .is_ok_and(|address| address::is_near(&address))
}
