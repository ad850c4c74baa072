//! skeleton of the public surface
#![allow(unused, missing_docs, clippy::all, clippy::pedantic)]
mod error;
mod update;
mod user;
pub mod view;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use chater_protocol::id::UserId;

pub use chater_protocol::id;
pub use error::{Error, Reason};
pub use update::{Ended, News, Subscription, Update};
pub use user::{Draft, Filter, UserHandle};

/// Who may make an account here (Q15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration { Open, Invite, Closed }

/// Rates (Q22); 0 = off.
#[derive(Debug, Clone, Copy)]
pub struct Limits { pub messages_per_s: u32, pub messages_burst: u32, pub searches_per_s: u32, pub registrations_per_h: u32 }
impl Default for Limits { fn default() -> Self { Self { messages_per_s: 30, messages_burst: 300, searches_per_s: 5, registrations_per_h: 60 } } }

/// How to start a node's engine.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data folder; exists, is locked by the caller.
    pub data_dir: PathBuf,
    /// 32 secret bytes of `node.key` (P1); the node's libp2p identity and KEK derive from it.
    pub node_key: NodeKey,
    /// The node's name, checked and folded (Q5).
    pub name: String,
    /// Multiaddrs to listen on (port 0 works).
    pub p2p_listen: Vec<String>,
    /// If set, a taken port is not replaced by a free one (Q14).
    pub p2p_listen_explicit: bool,
    /// Multiaddrs to dial.
    pub peers: Vec<String>,
    pub mdns: bool,
    /// The registration policy in force (`auto` is decided by the daemon).
    pub registration: Registration,
    /// Asked of the first user when set (Q15).
    pub setup_code: Option<String>,
    pub limits: Limits,
    /// `ru` or `en`, for sentences of the terminal only.
    pub language: String,
}

/// The secret of `node.key`. Debug shows nothing; zeroized on drop.
#[derive(Clone)]
pub struct NodeKey(pub(crate) [u8; 32]);
impl NodeKey { pub fn new(bytes: [u8; 32]) -> Self { Self(bytes) } }
impl std::fmt::Debug for NodeKey { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("NodeKey") } }

/// Why the engine did not start; one clear sentence each.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the data in {0} was written by a newer Chater")]
    NewerData(String),
    #[error("the data file {0} cannot be opened: {1}")]
    Store(String, String),
    #[error("cannot listen on {0}: {1}")]
    Listen(String, String),
    #[error("{0}")]
    Other(String),
}

/// The words of a registration form.
#[derive(Debug, Clone)]
pub struct NewUser { pub nick: String, pub password: String, pub invite: Option<String>, pub device: String, pub from: IpAddr, pub language: Option<String>, pub time_zone: Option<String> }

/// The words of a login form.
#[derive(Debug, Clone)]
pub struct Login { pub nick: String, pub password: String, pub device: String, pub from: IpAddr, pub kind: SessionKind, pub time_zone: Option<String> }

/// Browser session or API token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKind { Browser, Token }

/// A fresh session. The secret is shown once; only its hash is stored. Tokens begin with `cht_`.
pub struct NewSession { pub secret: String, pub user: UserHandle }

/// An open session.
#[derive(Clone)]
pub struct OpenSession { pub user: UserHandle, pub kind: SessionKind, /** for forms: a token made from the session (Q38) */ pub csrf: String }

/// The node's core. Cheap to clone.
#[derive(Clone)]
pub struct Engine { pub(crate) inner: Arc<()> }

impl Engine {
    /// Opens the store, starts the network, the writer thread and the timers.
    pub async fn start(config: Config) -> Result<Engine, StartError> { todo!() }
    /// Finishes what waits, commits, closes the network; 5 s at most.
    pub async fn stop(&self) { todo!() }
    /// The node itself.
    pub fn node(&self) -> view::Node { todo!() }
    /// First 8 hex digits of the node's key: suffix of cookie names (Q18).
    pub fn cookie_suffix(&self) -> String { todo!() }
    /// Name of this node.
    pub fn name(&self) -> String { todo!() }
    /// No user exists yet: the first one becomes the owner.
    pub fn is_new(&self) -> bool { todo!() }
    pub fn registration(&self) -> Registration { todo!() }
    /// Whether a registration form needs a code now (invite policy, or set-up code for the first user).
    pub fn needs_code(&self) -> bool { todo!() }
    /// Makes an account and a session.
    pub async fn register(&self, new: NewUser, kind: SessionKind) -> Result<NewSession, Error> { todo!() }
    /// Checks a password (off the async threads, two at once) and opens a session.
    pub async fn log_in(&self, login: Login) -> Result<NewSession, Error> { todo!() }
    /// The session behind a secret; none = ended or unknown. A cheap read.
    pub fn session(&self, secret: &str) -> Option<OpenSession> { todo!() }
    /// Ends it; open sockets of it end.
    pub async fn log_out(&self, secret: &str) { todo!() }
    /// `true` when the store can commit: a durable commit is made (healthz).
    pub async fn healthy(&self) -> bool { todo!() }
    /// Prometheus text.
    pub fn metrics(&self) -> String { todo!() }
    // --- for the control socket (who can reach it owns the machine) ---
    /// As the owner's page does.
    pub async fn add_peer(&self, address: &str) -> Result<(), Error> { todo!() }
    /// Users: nick, display name, whether owner.
    pub fn users(&self) -> Vec<(String, String, bool)> { todo!() }
    /// A new password for a user (Q21).
    pub async fn set_password(&self, nick: &str, password: String) -> Result<(), Error> { todo!() }
    /// A one-time code for one registration, valid 7 days.
    pub async fn invite_user(&self) -> Result<String, Error> { todo!() }
    /// Writes a consistent copy of the store to a new file.
    pub async fn backup(&self, to: PathBuf) -> Result<u64, Error> { todo!() }
}
