//! How to start, and why that fails.

use crate::address;

/// How to start.
#[derive(Clone)]
pub struct Config {
    /// Ed25519 secret seed; the node id is its public key.
    pub seed: [u8; 32],
    /// Multiaddrs to listen on, in order.
    pub listen: Vec<Listen>,
    /// Whether to find peers on the LAN by multicast.
    pub mdns: bool,
    /// Shown in identify.
    pub agent: String,
    /// Whether nodes that cannot be reached may be reached through this one.
    pub relay: bool,
    /// Whether to ask the router at home for an open port (UPnP).
    pub upnp: bool,
    /// Addresses of the Internet at which the owner says this node is, without a peer id.
    pub external: Vec<String>,
}

impl Config {
    /// A router is asked only for what listens beyond this machine.
    pub(crate) fn asks_router(&self) -> bool {
        let beyond = |listen: &Listen| {
            let place = listen.address.parse();
            place.is_ok_and(|place| address::reach(&place) != address::Reach::Loopback)
        };
        self.upnp && self.listen.iter().any(beyond)
    }
}

/// One address to listen on.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The multiaddr, without a peer id.
    pub address: String,
    /// When the port is taken, any free port is used instead; when this machine does not have the address (no IPv6),
    /// it is left out. Without it both are an error.
    pub fallback: bool,
}

/// Why the network did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on; the second text says why.
    #[error("cannot listen on {0}: {1}")]
    Listen(String, String),
    /// Not an address to listen on.
    #[error("not a multiaddr: {0}")]
    Address(String),
    /// Something else.
    #[error("{0}")]
    Other(String),
}
