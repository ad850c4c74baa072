//! How a node's engine is started.

use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

/// How often what changed is compared with a linked node again, about (S2).
pub const COMPARE_EVERY: Duration = Duration::from_secs(60);

/// Who may make an account here (Q15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Everybody who reaches the page.
    Open,
    /// Whoever has a code.
    Invite,
    /// Nobody.
    Closed,
}

/// Rates (Q22); 0 = off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Messages a user may send a second.
    pub messages_per_s: u32,
    /// Messages a user may send at once.
    pub messages_burst: u32,
    /// Searches a second.
    pub searches_per_s: u32,
    /// Registrations an hour from one address.
    pub registrations_per_h: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            messages_per_s: 30,
            messages_burst: 300,
            searches_per_s: 5,
            registrations_per_h: 60,
        }
    }
}

/// How to start a node's engine.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data folder; it exists and is locked by the caller.
    pub data_dir: PathBuf,
    /// The secret of `node.key` (P1).
    pub node_key: NodeKey,
    /// The node's name, checked and folded (Q5).
    pub name: String,
    /// The name is set from outside: what the owner saved does not count (Q11).
    pub name_fixed: bool,
    /// Multiaddrs to listen on (port 0 works).
    pub p2p_listen: Vec<String>,
    /// If set, a taken port is not replaced by a free one (Q14).
    pub p2p_listen_explicit: bool,
    /// Multiaddrs to dial.
    pub peers: Vec<String>,
    /// Whether to look for nodes on the LAN.
    pub mdns: bool,
    /// Whether others may be reached through this node.
    pub relay: bool,
    /// That is set from outside: what the owner saved does not count (Q11).
    pub relay_fixed: bool,
    /// Whether to ask the router for an open port (UPnP).
    pub upnp: bool,
    /// Multiaddrs of the Internet at which the owner says this node is.
    pub external: Vec<String>,
    /// The policy in force (`auto` is decided by the daemon).
    pub registration: Registration,
    /// The policy is set from outside: what the owner saved does not count (Q11).
    pub registration_fixed: bool,
    /// Asked of the first user when set (Q15): of whoever comes from another machine.
    pub setup_code: Option<String>,
    /// Asked of whoever sits at this computer, too: behind a proxy everybody seems to.
    pub setup_code_here: bool,
    /// Whether the pages are open to the home network.
    pub home: bool,
    /// That is set from outside: what the owner saved does not count (Q11).
    pub home_fixed: bool,
    /// Rates.
    pub limits: Limits,
    /// How often what changed is compared with a linked node again, about (S2): [`COMPARE_EVERY`], less in tests.
    pub compare_every: Duration,
    /// Keeping mail for others, set from outside: what the owner saved does not count (Q11).
    pub mail: Option<crate::MailRules>,
    /// `ru` or `en`.
    pub language: String,
}

impl Config {
    /// A node that listens on this machine alone and looks for nobody, without limits: for tools and tests.
    #[must_use]
    pub fn alone(data_dir: PathBuf, node_key: NodeKey, name: &str) -> Self {
        Self {
            data_dir,
            node_key,
            name: name.to_owned(),
            name_fixed: false,
            p2p_listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()],
            p2p_listen_explicit: true,
            peers: Vec::new(),
            mdns: false,
            relay: false,
            relay_fixed: false,
            upnp: false,
            external: Vec::new(),
            registration: Registration::Open,
            registration_fixed: false,
            setup_code: None,
            setup_code_here: false,
            home: false,
            home_fixed: false,
            limits: Limits {
                messages_per_s: 0,
                messages_burst: 0,
                searches_per_s: 0,
                registrations_per_h: 0,
            },
            compare_every: COMPARE_EVERY,
            mail: None,
            language: "en".to_owned(),
        }
    }
}

/// The 32 secret bytes of `node.key`. Debug shows nothing; erased on drop (P2).
#[derive(Clone)]
pub struct NodeKey(Zeroizing<[u8; 32]>);

impl NodeKey {
    /// Takes the bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NodeKey")
    }
}

/// Why the engine did not start; one clear sentence each.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store has a layout this program does not know; nothing was touched.
    #[error("the data in {0} was written by a newer Chater")]
    NewerData(String),
    /// The store does not open.
    #[error("the data file {0} cannot be opened: {1}")]
    Store(String, String),
    /// A p2p address that was asked for cannot be used.
    #[error("cannot listen on {0}: {1}")]
    Listen(String, String),
    /// An address in the settings is none.
    #[error("not an address for nodes: {0}")]
    Address(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}
