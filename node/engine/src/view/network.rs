//! Other nodes, communities, and how this node stands among them.

use chater_protocol::id::{Hash, NodeId};

/// The state of a link to another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// Connected and greeted.
    Connected,
    /// Being dialled.
    Connecting,
    /// Known, not connected.
    Away,
    /// One of the two owners has to decide.
    Waiting,
}

/// Another node, seen from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its id.
    pub node_id: NodeId,
    /// Its name as shown here (Q6).
    pub name: String,
    /// Connected or not.
    pub state: LinkState,
    /// Addresses known, the connected one first.
    pub addresses: Vec<String>,
    /// People of that node known here.
    pub people: u32,
    /// Own events that wait for it.
    pub waiting: u64,
    /// Connected since, or last seen.
    pub since_ms: Option<i64>,
    /// Last ping, milliseconds.
    pub rtt_ms: Option<u32>,
    /// How it was found: `lan`, `manual`, `gossip`, `search`.
    pub found: &'static str,
    /// How it is reached now; none = not connected.
    pub path: Option<Way>,
    /// Names of the communities in common, without `open`.
    pub common: Vec<String>,
    /// The program it says it runs, as `chater/1.0.0`.
    pub agent: Option<String>,
    /// Its owner has not let this node in yet.
    pub held: bool,
    /// The owner of this node has cut it off.
    pub off: bool,
    /// It is on the list of nodes to be linked.
    pub listed: bool,
    /// It is not, and that list alone counts.
    pub left_out: bool,
}

/// An unknown node that waits for the owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingNode {
    /// Its id.
    pub node_id: NodeId,
    /// The name it says it has.
    pub name: String,
    /// Where it called from.
    pub address: String,
    /// Since when, Unix ms.
    pub since_ms: i64,
}

/// A blocked node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockedNode {
    /// Its id.
    pub node_id: NodeId,
    /// Its name as it was known here; may be empty.
    pub name: String,
    /// The owner has blocked it.
    pub by_owner: bool,
    /// Names of the communities whose list blocks it.
    pub lists: Vec<String>,
}

/// The owner's list of nodes to be linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// It alone counts: nobody else is linked.
    pub only: bool,
    /// The nodes on it.
    pub nodes: Vec<AllowedNode>,
    /// Names of nodes that keep this one's mail and cannot be reached because they are not on it.
    pub mailboxes: Vec<String>,
}

/// A node on that list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedNode {
    /// Its id.
    pub node_id: NodeId,
    /// Its name as it was known here; may be empty.
    pub name: String,
    /// Connected now.
    pub linked: bool,
}

/// The communities of this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Communities {
    /// Whether it takes part in `open`.
    pub open: bool,
    /// Those with a secret, the oldest first.
    pub own: Vec<Community>,
    /// Addresses of this node lead nowhere from outside: links work in this network only.
    pub only_near: bool,
}

/// A community with a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Community {
    /// Names it without telling the secret.
    pub id: Hash,
    /// Its name.
    pub name: String,
    /// This node founded it.
    pub founder: bool,
    /// Unix ms.
    pub joined_at_ms: i64,
    /// How many of its nodes are linked now.
    pub linked: u32,
    /// Links that count, the newest first.
    pub invites: Vec<CommunityInvite>,
    /// The block list of its founder.
    pub list: CommunityList,
}

/// A link into a community.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommunityInvite {
    /// The hash of its secret: names it, and opens nothing.
    pub id: Hash,
    /// How many nodes may still come by it.
    pub left: u32,
    /// How many have come.
    pub came: u32,
    /// Until when it counts, Unix ms.
    pub expires_at_ms: i64,
}

/// The block list of a community.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommunityList {
    /// Its nodes are blocked here.
    pub follow: bool,
    /// This node founded the community and has published a list.
    pub published: bool,
    /// The nodes on it, with their names as far as they are known here.
    pub nodes: Vec<(NodeId, String)>,
}

/// How a connected node is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Without anybody between.
    Direct,
    /// Through another node, which sees sizes and times and nothing else.
    Relay {
        /// That node.
        node_id: NodeId,
        /// Its name as shown here.
        name: String,
    },
}

/// An address typed by the owner that has not answered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialling {
    /// The address as typed.
    pub address: String,
    /// The last error, if any, in English.
    pub error: Option<String>,
}

/// Whether nodes of the Internet can reach this one directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reachable {
    /// Nobody has tried.
    Unknown,
    /// They can.
    Yes,
    /// Others have tried in vain.
    No,
}

/// What the router said to the request for an open port (UPnP).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Router {
    /// Not asked.
    Off,
    /// No answer yet.
    Asked,
    /// It opened a port.
    Opened,
    /// None opens ports.
    Silent,
    /// It has no address of the Internet itself.
    Inside,
}

/// How this node stands in the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whether it can be reached from the Internet.
    pub reachable: Reachable,
    /// Its addresses of the Internet, as far as known to work.
    pub external: Vec<String>,
    /// Nodes through which it can be reached.
    pub relays: Vec<NodeId>,
    /// The router.
    pub router: Router,
    /// Whether multicast on the LAN is listened to.
    pub mdns: bool,
    /// Nodes found on the LAN since the start.
    pub found_lan: u64,
    /// Whether others may be reached through this node.
    pub relaying: bool,
    /// Nodes reached through this one.
    pub reservations: u64,
    /// Connections passed on now.
    pub circuits: u64,
    /// The last attempt to open a direct connection to a node behind a router; none = none was made.
    pub punched: Option<bool>,
}

impl From<chater_network::Standing> for Standing {
    fn from(standing: chater_network::Standing) -> Self {
        Self {
            reachable: match standing.reachable {
                chater_network::Reachable::Unknown => Reachable::Unknown,
                chater_network::Reachable::Yes => Reachable::Yes,
                chater_network::Reachable::No => Reachable::No,
            },
            external: standing.external,
            relays: standing.relays,
            router: match standing.router {
                chater_network::Router::Off => Router::Off,
                chater_network::Router::Asked => Router::Asked,
                chater_network::Router::Opened => Router::Opened,
                chater_network::Router::Silent => Router::Silent,
                chater_network::Router::Inside => Router::Inside,
            },
            mdns: standing.mdns,
            found_lan: standing.found_lan,
            relaying: standing.relaying,
            reservations: standing.reservations,
            circuits: standing.circuits,
            punched: standing.punched,
        }
    }
}

/// How one thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Fine.
    Good,
    /// Works, but.
    Warning,
    /// Does not work.
    Bad,
}

/// One line of «Why nobody is seen».
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// How it stands.
    pub verdict: Verdict,
    /// What was found; the words for it are with the pages, as `check-<code>`.
    pub code: &'static str,
    /// Names and numbers for the words.
    pub values: Vec<(&'static str, String)>,
}

/// This node, for the network page and `GET /api/v1/node`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its id.
    pub node_id: NodeId,
    /// Multiaddrs with `/p2p/<id>`, best first, that others can dial.
    pub addresses: Vec<String>,
    /// How it stands in the network.
    pub standing: Standing,
    /// Known nodes, connected first.
    pub peers: Vec<Peer>,
    /// Addresses typed that have not answered yet.
    pub dialling: Vec<Dialling>,
    /// Program version.
    pub version: &'static str,
    /// How many users live here.
    pub users: u32,
}
