//! skeleton: the public surface of the network crate
#![allow(unused, missing_docs, clippy::all)]
use std::time::Duration;
use chater_protocol::id::NodeId;
use tokio::sync::{mpsc, oneshot};

/// How to start.
pub struct Config {
    /// Ed25519 secret seed; the node id is its public key.
    pub seed: [u8; 32],
    /// Multiaddrs to listen on, in order. Failing to bind one of `required` is an error.
    pub listen: Vec<Listen>,
    pub mdns: bool,
    /// Shown in identify.
    pub agent: String,
}
/// One address to listen on. When `fallback` and taken, port 0 is used instead.
pub struct Listen { pub address: String, pub fallback: bool }

/// The request-response protocols; each has its own bounds (bytes, seconds, in flight per peer).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol { /** /chater/hello/1: 8 KiB */ Hello, /** /chater/log/1: 1 MiB + 64 KiB, 30 s, 8 in flight per peer */ Log, /** /chater/people/1: 64 KiB, 10 s */ People }

#[derive(Debug, thiserror::Error)]
pub enum StartError { #[error("cannot listen on {0}: {1}")] Listen(String, String), #[error("not a multiaddr: {0}")] Address(String), #[error("{0}")] Other(String) }

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError { #[error("not connected")] NotConnected, #[error("timeout")] Timeout, #[error("busy")] Busy, #[error("too large")] TooLarge, #[error("refused: {0}")] Failed(String) }

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError { #[error("not a multiaddr")] Malformed, #[error("no transport for it")] Unsupported, #[error("own address")] Own }

/// Where a peer was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found { Lan, Manual, Remembered, Inbound }

/// What the network tells its one listener. Bounded channel; the swarm never waits on it (see Actor).
pub enum NetworkEvent {
    /// A new own address others may dial, with /p2p/<id>.
    Listening { address: String },
    /// First connection to this peer. Not admitted yet: only Hello requests pass. Closed after 10 s unless `admit`ted.
    Connected { peer: NodeId, address: String, dialled: bool, found: Found },
    /// The last connection closed.
    Disconnected { peer: NodeId },
    /// A request; answer through `reply` (dropping it = refusal). Only admitted peers get other protocols than Hello through.
    Request { peer: NodeId, protocol: Protocol, body: Vec<u8>, reply: Reply },
    /// A gossip frame that passed size and rate; exactly one verdict must be given through `verdict` (dropping it = Ignore).
    Gossip { peer: NodeId, topic: Topic, frame: Vec<u8>, verdict: Verdict },
    /// A peer subscribed to one of our topics (a sign that frames will reach it).
    Subscribed { peer: NodeId, topic: Topic },
    /// mDNS found a peer not connected yet (already wanted by the network).
    FoundLan { peer: NodeId, addresses: Vec<String> },
    /// An address typed by hand answered or failed.
    Dialled { address: String, result: Result<NodeId, String> },
    /// Round trip of a ping.
    Ping { peer: NodeId, rtt: Duration },
    /// A sign of life: the peer's verified listen addresses by identify, cleaned.
    Addresses { peer: NodeId, addresses: Vec<String> },
}

/// A gossip topic: 16 bytes, shown as hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(pub [u8; 16]);
pub struct Reply; impl Reply { pub fn send(self, body: Vec<u8>) {} }
pub struct Verdict; impl Verdict { pub fn accept(self) {} pub fn ignore(self) {} pub fn reject(self) {} }

/// Handle; cheap to clone.
#[derive(Clone)] pub struct Network {}
impl Network {
    pub async fn start(config: Config) -> Result<(Network, mpsc::Receiver<NetworkEvent>), StartError> { todo!() }
    pub fn node_id(&self) -> NodeId { todo!() }
    /// Own addresses others may dial, with /p2p/<id>; LAN before loopback, TCP before QUIC.
    pub fn addresses(&self) -> Vec<String> { todo!() }
    /// Sends a request to a CONNECTED peer (never dials). Hello needs no admission.
    pub async fn request(&self, peer: NodeId, protocol: Protocol, body: Vec<u8>) -> Result<Vec<u8>, RequestError> { todo!() }
    /// The peer greeted properly: everything may pass, gossip included.
    pub fn admit(&self, peer: NodeId) { }
    /// Closes all connections to the peer.
    pub fn close(&self, peer: NodeId) { }
    /// Closes and refuses from now on / takes back.
    pub fn block(&self, peer: NodeId) { } pub fn unblock(&self, peer: NodeId) { }
    /// Keeps a connection to that peer: last-good addresses first, dialled with back-off (1 s doubling, jitter, at most 5 min).
    pub fn want(&self, peer: NodeId, addresses: Vec<String>) { }
    pub fn unwant(&self, peer: NodeId) { }
    /// Any sign of life: clears the back-off and dials at once.
    pub fn nudge(&self, peer: NodeId) { }
    /// Dials a typed address (with or without /p2p/<id>) until it answers; `Dialled` events tell. Then it is wanted like any other.
    pub fn want_address(&self, address: &str) -> Result<(), AddressError> { todo!() }
    pub fn forget_address(&self, address: &str) { }
    /// Dials once to one of these addresses, no retry (a hit of a people query answers an asker it has no connection to).
    pub async fn reach(&self, peer: NodeId, addresses: Vec<String>) -> bool { todo!() }
    pub fn subscribe(&self, topic: Topic) { } pub fn unsubscribe(&self, topic: Topic) { }
    /// Best effort; having no neighbours is normal.
    pub fn publish(&self, topic: Topic, frame: Vec<u8>) { }
    /// Closes everything; returns when the swarm has ended.
    pub async fn stop(&self) { }
}
/// Checks a multiaddr typed by a person: gives it back normalised.
pub fn check_address(text: &str) -> Result<String, AddressError> { todo!() }
