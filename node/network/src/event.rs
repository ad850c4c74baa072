//! What the network tells its one listener, and the two ways back: a reply to a request, a verdict on gossip.

use std::fmt;
use std::time::Duration;

use chater_protocol::id::NodeId;
use libp2p::PeerId;
use libp2p::gossipsub::{MessageAcceptance, MessageId};
use tokio::sync::{mpsc, oneshot};

use crate::actor::Command;
use crate::meters::{BYTES, Meters};
use crate::{Found, Protocol, Pushes, Topic};

/// What the network tells its one listener. Bounded channel; the swarm never waits on it: when it is full, requests are
/// refused, gossip is ignored and small news dropped. `Connected`, `Disconnected` and `Listening` are never lost.
#[derive(Debug)]
pub enum NetworkEvent {
    /// A new own address others may dial, with `/p2p/<id>`.
    Listening {
        /// The address.
        address: String,
    },
    /// A linked or connected peer has sent what no honest one does: a frame that was rejected, or more than a protocol lets
    /// pass.
    Fault {
        /// The peer.
        peer: NodeId,
    },
    /// Own addresses have changed, or how this node stands: see [`crate::Network::standing`].
    Standing,
    /// First connection to this peer. Not admitted yet: only Hello requests pass. Closed after 10 s unless `admit`ted.
    Connected {
        /// The peer, proven by Noise or TLS.
        peer: NodeId,
        /// Where it is; of a peer that dialled us with the port it dialled from.
        address: String,
        /// Whether we dialled.
        dialled: bool,
        /// How we know it.
        found: Found,
        /// The node between; none = directly.
        relay: Option<NodeId>,
    },
    /// A connected peer is reached in another way than before.
    Path {
        /// The peer.
        peer: NodeId,
        /// The node between; none = directly.
        relay: Option<NodeId>,
        /// Where it is now.
        address: String,
    },
    /// The last connection closed.
    Disconnected {
        /// The peer.
        peer: NodeId,
    },
    /// A request; answer through `reply` (dropping it = refusal). Only admitted peers get other protocols than Hello through.
    Request {
        /// Who asks.
        peer: NodeId,
        /// Which protocol.
        protocol: Protocol,
        /// At most the protocol's limit.
        body: Vec<u8>,
        /// The way back.
        reply: Reply,
    },
    /// An admitted peer opened a stream for pushes. A new one takes the place of the one before.
    Pushes(Pushes),
    /// A gossip frame that passed size and rate; exactly one verdict must be given through `verdict` (dropping it = Ignore).
    Gossip {
        /// The neighbour that handed it over, not its author.
        peer: NodeId,
        /// The node that published it: its signature was verified.
        author: NodeId,
        /// The topic.
        topic: Topic,
        /// At most 64 KiB.
        frame: Vec<u8>,
        /// Whether it travels on.
        verdict: Verdict,
    },
    /// An admitted peer takes part in one of our topics (a sign that frames will reach it).
    Subscribed {
        /// The peer.
        peer: NodeId,
        /// The topic.
        topic: Topic,
    },
    /// mDNS found a peer not connected yet (already wanted by the network).
    FoundLan {
        /// The peer; unproven until connected.
        peer: NodeId,
        /// Its addresses, with `/p2p/<id>`.
        addresses: Vec<String>,
    },
    /// An address typed by hand answered or failed.
    Dialled {
        /// As it was typed.
        address: String,
        /// Who answered, or why nobody did; after a failure dialling goes on.
        result: Result<NodeId, String>,
    },
    /// What program a peer says it runs: printable ASCII, at most 64 characters.
    Agent {
        /// The peer.
        peer: NodeId,
        /// As `chater/1.0.0`.
        agent: String,
    },
    /// Round trip of a ping.
    Ping {
        /// The peer.
        peer: NodeId,
        /// The round trip.
        rtt: Duration,
    },
    /// A sign of life: the peer's verified listen addresses by identify, cleaned.
    Addresses {
        /// The peer.
        peer: NodeId,
        /// At most eight, with `/p2p/<id>`.
        addresses: Vec<String>,
    },
}

/// The way back of one request. Dropping it refuses.
pub struct Reply {
    pub(crate) sender: oneshot::Sender<Vec<u8>>,
    pub(crate) protocol: Protocol,
    pub(crate) meters: Meters,
}

impl Reply {
    /// Answers. An empty body or one over the protocol's limit is a refusal.
    pub fn send(self, body: Vec<u8>) {
        if body.len() > self.protocol.limit() {
            tracing::warn!(protocol = ?self.protocol, bytes = body.len(), "answer too large, refused");
            return;
        }
        self.meters
            .add(BYTES, self.protocol.meter(true), body.len());
        // Fails when the peer has gone or waited too long.
        let _ = self.sender.send(body);
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({:?})", self.protocol)
    }
}

/// The verdict on one gossip frame, to be given within ten seconds. Dropping it ignores the frame.
pub struct Verdict {
    pub(crate) commands: mpsc::UnboundedSender<Command>,
    /// Taken when the verdict is given.
    pub(crate) frame: Option<(MessageId, PeerId)>,
}

impl Verdict {
    /// Good: it travels on to our neighbours.
    pub fn accept(mut self) {
        self.give(MessageAcceptance::Accept);
    }

    /// Not for us, or not understood yet: it ends here.
    pub fn ignore(mut self) {
        self.give(MessageAcceptance::Ignore);
    }

    /// Provably bad: it ends here, and its sender is to blame.
    pub fn reject(mut self) {
        self.give(MessageAcceptance::Reject);
    }

    fn give(&mut self, acceptance: MessageAcceptance) {
        if let Some((id, source)) = self.frame.take() {
            // Fails only after `stop`.
            let _ = self.commands.send(Command::Verdict {
                id,
                source,
                acceptance,
            });
        }
    }
}

impl Drop for Verdict {
    fn drop(&mut self) {
        self.give(MessageAcceptance::Ignore);
    }
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verdict")
    }
}
