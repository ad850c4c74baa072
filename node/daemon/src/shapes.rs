//! What commands ask of a running node and what it answers: JSON, over the control socket.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a command asks of the running node.
#[derive(Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// How it is.
    Status,
    /// What it found out about itself, in words.
    Checks {
        /// `ru` or `en`.
        language: String,
    },
    /// Open the pages to the home network or close them; without `on` only tell.
    Home {
        /// Which.
        on: Option<bool>,
    },
    /// Link to an address.
    AddPeer {
        /// Multiaddr.
        address: String,
    },
    /// A code for one registration.
    InviteUser,
    /// Who lives here.
    Users,
    /// A new password for somebody.
    SetPassword {
        /// Who.
        nick: String,
        /// The new one.
        password: String,
    },
    /// How much somebody may fill.
    SetQuota {
        /// Who.
        nick: String,
        /// MiB.
        mib: u64,
    },
    /// Close an account, or open it again.
    SetClosed {
        /// Whose.
        nick: String,
        /// Close it.
        closed: bool,
    },
    /// Mailboxes, both ways; with `act`, something about them is changed first.
    Mail {
        /// What.
        act: Option<MailAct>,
    },
    /// Let others be reached through this node, or not; without `on` only tell.
    Relay {
        /// Which.
        on: Option<bool>,
    },
    /// The node's name and who may register; what is named is set first, unless that is done from outside.
    Settings {
        /// The name.
        name: Option<String>,
        /// `open`, `invite`, `closed`.
        registration: Option<String>,
    },
    /// For how many days pictures that nobody uses are kept; with `days`, that is set first.
    Pictures {
        /// 1 to 365; 0 = for good.
        days: Option<u16>,
    },
    /// Backups in the data folder; with `make`, another one is made first.
    Backups {
        /// Make one.
        make: bool,
    },
    /// A link by which somebody sets a new password.
    PasswordLink {
        /// Who.
        nick: String,
    },
    /// What happened lately, in words.
    Log {
        /// `ru` or `en`.
        language: String,
    },
    /// A consistent copy of the store, in the folder `backups`.
    CopyStore,
    /// Everything one user can read, in the folder `backups`.
    Export {
        /// Who.
        nick: String,
        /// The account's password: owning the machine is not enough to read.
        password: String,
    },
    /// The communities, who waits, who is blocked.
    Circle,
    /// Found a community.
    Found {
        /// Its name.
        name: String,
    },
    /// Leave a community.
    Leave {
        /// Its name, or its id.
        community: String,
    },
    /// Take part in the community `open`, or not.
    Open {
        /// Which.
        on: bool,
    },
    /// A link into a community.
    InviteNode {
        /// Its name, or its id.
        community: String,
        /// For so many nodes.
        uses: u32,
        /// For so many days.
        days: u32,
    },
    /// Come into a community by a link.
    Enter {
        /// `chater:community/...`
        link: String,
    },
    /// The list of nodes to be linked; with `only`, whether it alone counts is set first.
    Allowed {
        /// Which.
        only: Option<bool>,
    },
    /// Link a node that waits or was cut off, cut one off, block or unblock it, list it or not.
    Decide {
        /// Its name, its id, a link that leads to it, or the first digits of its fingerprint.
        node: String,
        /// What to do.
        what: Decision,
    },
}

/// The answer to `Settings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnSettings {
    /// What the node is called.
    pub name: String,
    /// That is set from outside.
    pub name_fixed: bool,
    /// `open`, `invite`, `closed`.
    pub registration: String,
    /// That is set from outside.
    pub registration_fixed: bool,
}

/// The answer to `Backups`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupList {
    /// The folder that they are in.
    pub folder: PathBuf,
    /// Name and bytes, newest first.
    pub files: Vec<(String, u64)>,
}

/// What the owner changes about mailboxes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailAct {
    /// Whether mail is kept for others, in how much room, for how long; none = as it is.
    Rules {
        /// It is kept.
        offers: Option<bool>,
        /// MiB for all of them.
        room_mib: Option<u64>,
        /// Days.
        days: Option<u16>,
    },
    /// A node shall keep this one's mail.
    Choose(String),
    /// It shall no longer.
    Leave(String),
    /// The mail of a node is thrown away, and none kept for it.
    Evict(String),
    /// It is kept again.
    Readmit(String),
}

/// The answer to `Mail`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailBook {
    /// Mail is kept for others.
    pub offers: bool,
    /// MiB for all of them.
    pub room_mib: u64,
    /// Days that a letter is kept.
    pub days: u16,
    /// That is set from outside.
    pub fixed: bool,
    /// Nodes that keep this one's mail: name; `asked`, `refused`, `keeps`, `away`.
    pub mailboxes: Vec<(String, String)>,
    /// Nodes that could.
    pub could: Vec<String>,
    /// Whose mail is kept here: name, letters, bytes, thrown out.
    pub kept: Vec<(String, u64, u64, bool)>,
}

/// What the owner says to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Link it.
    Link,
    /// Cut it off.
    Off,
    /// Silence.
    Block,
    /// Silence no more.
    Unblock,
    /// Onto the list of nodes to be linked.
    Allow,
    /// Off that list.
    Disallow,
}

/// The answer to `Circle`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circle {
    /// Takes part in `open`.
    pub open: bool,
    /// Communities with a secret.
    pub communities: Vec<CommunityLine>,
    /// Nodes that wait for the owner: name, id, fingerprint, where they called from.
    pub waiting: Vec<(String, String, String, String)>,
    /// Blocked nodes: name, id, names of the lists that block them.
    pub blocked: Vec<(String, String, Vec<String>)>,
}

/// The answer to `Allowed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// The list alone counts.
    pub only: bool,
    /// Its nodes: name, id, connected now.
    pub nodes: Vec<(String, String, bool)>,
    /// Nodes that keep this one's mail and are not on it while it alone counts.
    pub mailboxes: Vec<String>,
}

/// One community, in `Circle`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommunityLine {
    /// 64 hex digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Founded by this node.
    pub founder: bool,
    /// Its nodes that are linked now.
    pub linked: u32,
}

/// What the node answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Done; what was asked for.
    Ok(serde_json::Value),
    /// Not done.
    Error {
        /// A word that does not change.
        code: String,
        /// Details in English.
        message: String,
    },
}

/// The answer to `Status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Process id.
    pub pid: u32,
    /// Program version.
    pub version: String,
    /// Its name.
    pub name: String,
    /// Its id.
    pub node_id: String,
    /// For people to compare.
    pub fingerprint: String,
    /// Whether it can store messages now.
    pub healthy: bool,
    /// Addresses of the pages.
    pub web: Vec<String>,
    /// Addresses for other nodes.
    pub addresses: Vec<String>,
    /// People here.
    pub users: u32,
    /// Other nodes.
    pub peers: Vec<PeerStatus>,
    /// Addresses typed that have not answered, with the last error.
    pub dialling: Vec<(String, Option<String>)>,
    /// Mailboxes, both ways; none = the store cannot be read.
    #[serde(default)]
    pub mail: Option<MailStatus>,
}

/// The answer to `Home`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeStatus {
    /// The pages are open to it.
    pub on: bool,
    /// Set at the start: the switch did nothing.
    pub fixed: bool,
    /// Where to open them.
    pub urls: Vec<String>,
    /// Addresses that could not be opened, and why.
    pub faults: Vec<(String, String)>,
    /// What the first user types there; none = there is an owner already.
    pub set_up_code: Option<String>,
}

/// Mailboxes, in `Status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailStatus {
    /// Mail is kept for others.
    pub keeps: bool,
    /// For how many nodes.
    pub kept_for: usize,
    /// Bytes of it.
    pub kept_bytes: u64,
    /// Nodes that keep mail for this one.
    pub mailboxes: Vec<String>,
}

/// One line of the answer to `Checks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckLine {
    /// 0 fine, 1 works but, 2 does not work.
    pub verdict: u8,
    /// What was found and what to do.
    pub text: String,
}

/// Another node, in `Status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Its name.
    pub name: String,
    /// Its id.
    pub node_id: String,
    /// `connected`, `connecting`, `waiting`, `away`.
    pub state: String,
    /// Where it is.
    pub addresses: Vec<String>,
    /// People of it known here.
    pub people: u32,
    /// Events that wait for it.
    pub waiting: u64,
    /// Last ping.
    pub rtt_ms: Option<u32>,
    /// The node it is reached through; none = directly, or not connected.
    #[serde(default)]
    pub relay: Option<String>,
}

/// One user, in the answer to `Users`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserLine {
    /// Nick.
    pub nick: String,
    /// Display name.
    pub display_name: String,
    /// Whether they own the node.
    pub owner: bool,
    /// The account is closed.
    #[serde(default)]
    pub closed: bool,
    /// Bytes that they fill.
    #[serde(default)]
    pub used: u64,
    /// MiB that they may fill.
    #[serde(default)]
    pub quota_mib: u64,
}
