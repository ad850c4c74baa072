//! Every number a stranger, or our own haste, could abuse; each with what happens without it.

use std::time::Duration;

/// Events waiting for the engine. Without it a slow engine would let memory grow.
pub(crate) const EVENTS: usize = if cfg!(test) { 256 } else { 1_024 };
/// Bytes of requests and frames handed over by our engine and not yet taken by the actor.
pub(crate) const COMMAND_BYTES: usize = 64 * 1_024 * 1_024;
/// Bytes of requests from peers that the engine has not answered yet. Without it many peers fill memory together.
pub(crate) const INBOUND_BYTES: usize = 64 * 1_024 * 1_024;
/// Requests of one peer that the engine has not answered yet: the rest is refused.
pub(crate) const INBOUND_PER_PEER: usize = 16;
/// Requests of a peer kept until it is admitted: the other side may have admitted us a moment earlier.
pub(crate) const HELD_PER_PEER: usize = 8;
/// Requests to one peer that wait for a place among those in flight; one more is `Busy`.
pub(crate) const QUEUE_PER_PEER: usize = 64;
/// Streams of one request protocol on one connection, both directions.
pub(crate) const STREAMS_PER_PROTOCOL: usize = 32;
/// Yamux streams on one connection: each may hold a receive window.
pub(crate) const STREAMS_PER_CONNECTION: usize = 128;

/// A peer that was not admitted by then is closed. Without it strangers hold connections for nothing.
pub(crate) const ADMISSION: Duration = Duration::from_secs(10);
/// Connections in all, from outside, and at once while they shake hands.
pub(crate) const CONNECTIONS: u32 = 512;
/// A part is left to our own dials, so strangers cannot take every place.
pub(crate) const CONNECTIONS_INCOMING: u32 = 384;
/// Handshakes at once, each direction.
pub(crate) const CONNECTIONS_PENDING: u32 = 128;
/// Never 1: simultaneous dials need a second one, and each side may close a different one.
pub(crate) const CONNECTIONS_PER_PEER: u32 = 4;
/// Connections nobody needs are closed after this; admitted ones are kept.
pub(crate) const IDLE: Duration = if cfg!(test) {
    Duration::from_millis(700)
} else {
    Duration::from_secs(120)
};
/// TCP or QUIC connect, Noise and Yamux together.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a name server may take, and how often it is asked again. Together less than a handshake, or a dead one could not be
/// told from a dead host.
pub(crate) const NAME_SERVER: (Duration, usize) = (Duration::from_secs(2), 1);
/// A peer that dials us although our connection is older than this has lost that one.
pub(crate) const STALE: Duration = if cfg!(test) {
    Duration::from_millis(700)
} else {
    Duration::from_secs(5)
};
/// How long `stop` waits for the other sides.
pub(crate) const CLOSING: Duration = Duration::from_secs(1);
/// How long `start` waits for a listener to name its address.
pub(crate) const LISTENING: Duration = Duration::from_secs(1);

/// Peers we keep connections to.
pub(crate) const WANTED: usize = 4_096;
/// Of those, found by mDNS only: anyone on the LAN can invent peers.
pub(crate) const WANTED_LAN: usize = 256;
/// Addresses kept of one peer, from us and from the peer each.
pub(crate) const ADDRESSES: usize = 8;
/// Addresses typed by hand.
pub(crate) const TYPED: usize = 64;
/// Dials at once by the dialler; more would only time out together.
pub(crate) const DIALS: usize = 32;
/// Single dials at once (`reach`).
pub(crate) const REACHES: usize = 64;
/// Longest address text looked at.
pub(crate) const ADDRESS_TEXT: usize = 512;

/// Characters kept of the name of a peer's program.
pub(crate) const AGENT: usize = 64;

/// One gossip frame.
pub(crate) const FRAME: usize = 64 * 1_024;
/// Topic, author, number and signature around a frame, and up to 8 KiB of the next one: the library counts what it has read
/// along with the first. Without that, two large frames in a row end the stream.
pub(crate) const FRAME_ROOM: usize = 12 * 1_024;
/// Topics of one peer. The crate's 100 makes the 101st silently break all of them.
pub(crate) const TOPICS: usize = 1_000;
/// One message of gossip: a frame, or what peers tell each other about topics and frames (1,000 topics are 38 KiB).
pub(crate) const RPC: usize = FRAME + FRAME_ROOM;
/// Gossip frames of one peer: a second, and at once. More are ignored without penalty.
pub(crate) const GOSSIP_RATE: f64 = 20.0;
/// See `GOSSIP_RATE`.
pub(crate) const GOSSIP_BURST: f64 = 100.0;
/// Address lists of one peer: one every five seconds, five at once. Identify pushes cost the sender nothing.
pub(crate) const NEWS_RATE: f64 = 0.2;
/// See `NEWS_RATE`.
pub(crate) const NEWS_BURST: f64 = 5.0;
/// Dials back that a linked peer may ask for (AutoNAT): a second, and at once. Without it a peer could have us knock at
/// doors of others without end.
pub(crate) const DIAL_BACK_RATE: f64 = 0.2;
/// See `DIAL_BACK_RATE`.
pub(crate) const DIAL_BACK_BURST: f64 = 20.0;

/// What a relay gives, in all and to each: a value, since hours and hundreds of nodes are more than a test has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Relaying {
    /// See [`RESERVATIONS`].
    pub(crate) reservations: usize,
    /// See [`RESERVATION`].
    pub(crate) reservation: Duration,
    /// See [`CIRCUITS`].
    pub(crate) circuits: usize,
    /// See [`CIRCUITS_PER_PEER`].
    pub(crate) circuits_per_peer: usize,
    /// See [`CIRCUIT_TIME`].
    pub(crate) circuit_time: Duration,
    /// See [`CIRCUIT_BYTES`].
    pub(crate) circuit_bytes: u64,
}

impl Default for Relaying {
    fn default() -> Self {
        Self {
            reservations: RESERVATIONS,
            reservation: RESERVATION,
            circuits: CIRCUITS,
            circuits_per_peer: CIRCUITS_PER_PEER,
            circuit_time: CIRCUIT_TIME,
            circuit_bytes: CIRCUIT_BYTES,
        }
    }
}

/// Bounds of a network that its tests may lower.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// See [`ADMISSION`].
    pub(crate) admission: Duration,
    /// As a relay.
    pub(crate) relaying: Relaying,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            admission: ADMISSION,
            relaying: Relaying::default(),
        }
    }
}

/// Nodes that may be reached through this one, if its owner lets it relay.
pub(crate) const RESERVATIONS: usize = 256;
/// Connections passed on at once, in all (Q52).
pub(crate) const CIRCUITS: usize = 256;
/// Of those, with one node at either end when it asks for another. Q52 said 4, which a node behind a router uses up with four friends.
pub(crate) const CIRCUITS_PER_PEER: usize = 32;
/// One passed-on connection lasts so long at most (Q52). The crate's two minutes end a talk.
pub(crate) const CIRCUIT_TIME: Duration = Duration::from_secs(24 * 60 * 60);
/// And carries so many bytes (Q52).
pub(crate) const CIRCUIT_BYTES: u64 = 1 << 30;
/// How long a reservation lasts; it is renewed before.
pub(crate) const RESERVATION: Duration = Duration::from_secs(60 * 60);
/// Relays through which a node keeps itself reachable: one may die.
pub(crate) const RELAYS: usize = 2;
/// How long a relayed connection stays beside a direct one. Longer than `STALE`: what gossip has said over it counts by then.
pub(crate) const BESIDE: Duration = Duration::from_secs(6);
/// Addresses of the Internet believed to be our own.
pub(crate) const EXTERNAL: usize = 4;
/// Names (DNS) believed of one peer, only in its signed card: each costs a question to a name server when it is dialled.
pub(crate) const NAMES: usize = 1;
/// Searches for the address of a node at once.
pub(crate) const LOOKUPS: usize = 4;
/// The same node is searched for again after this.
pub(crate) const LOOKUP_AGAIN: Duration = Duration::from_secs(30);
/// One search.
pub(crate) const LOOKUP: Duration = Duration::from_secs(20);
/// One packet of Kademlia.
pub(crate) const KAD_PACKET: usize = 16 * 1_024;
