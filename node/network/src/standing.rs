//! How this node stands in the network: what a person is told when nobody is seen.

use chater_protocol::id::NodeId;

/// Whether nodes of the Internet can reach this one directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reachable {
    /// Nobody has tried yet.
    #[default]
    Unknown,
    /// Another node has, or the owner says so.
    Yes,
    /// Others have tried in vain: a router or a firewall stands between.
    No,
}

/// What the router at home says to a request for an open port (UPnP).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Router {
    /// Not asked.
    #[default]
    Off,
    /// Asked, no answer yet.
    Asked,
    /// It opened a port.
    Opened,
    /// There is none that opens ports.
    Silent,
    /// It has no address of the Internet itself.
    Inside,
}

/// How this node stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Whether it can be reached from the Internet.
    pub reachable: Reachable,
    /// Addresses of the Internet that are its own: given by the owner, opened by the router or tried by another node.
    pub external: Vec<String>,
    /// Nodes through which it can be reached.
    pub relays: Vec<NodeId>,
    /// The router.
    pub router: Router,
    /// Whether multicast on the LAN is listened to.
    pub mdns: bool,
    /// Whether it passes on connections of others.
    pub relaying: bool,
    /// Nodes that can be reached through this one.
    pub reservations: u64,
    /// Connections it passes on now.
    pub circuits: u64,
    /// Nodes found on the LAN since the start.
    pub found_lan: u64,
    /// The last attempt to open a direct connection to a node behind a router; none = none was made.
    pub punched: Option<bool>,
}
