//! How to start, and why that fails.

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
