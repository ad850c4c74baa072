//! What the owner of a node sees and decides.

use super::Person;

/// Settings of the node, for its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSettings {
    /// Its name.
    pub name: String,
    /// Set from outside: pages show it and do not change it (Q11).
    pub name_fixed: bool,
    /// Who may register.
    pub registration: crate::Registration,
    /// Set from outside.
    pub registration_fixed: bool,
}

/// A user of this node, for its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resident {
    /// As others see them.
    pub person: Person,
    /// Owns the node.
    pub owner: bool,
    /// The owner closed this account.
    pub closed: bool,
    /// Registered, Unix ms.
    pub since_ms: i64,
    /// Last use of any login, Unix ms.
    pub seen_ms: Option<i64>,
    /// How much of the disk they fill, and may.
    pub room: Room,
}

/// How much of the disk a user fills, and may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes of what they wrote and of their picture.
    pub used: u64,
    /// Bytes they may fill.
    pub quota: u64,
}

/// A backup in the folder `backups`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The file's name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was made, Unix ms.
    pub made_ms: i64,
}

/// What lies on the disk, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    /// People, chats and messages.
    pub messages: u64,
    /// Pictures of people and groups, all sizes.
    pub pictures: u64,
    /// How many pictures.
    pub picture_count: u32,
    /// Mail kept for other nodes.
    pub mail: u64,
    /// The newest records, before they are sorted in; of a fixed size.
    pub journal: u64,
    /// Backups made here.
    pub backups: u64,
    /// Free on the disk; none = the system does not say.
    pub free: Option<u64>,
    /// Days that pictures of people elsewhere are kept with whom nobody here has a chat; 0 = for good.
    pub keep_days: u16,
}

/// Something that happened to the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// The node started; its version.
    Started {
        /// Which.
        version: &'static str,
    },
    /// Another node was linked.
    Linked {
        /// Its name here.
        node: String,
    },
    /// A linked node went away.
    Lost {
        /// Its name here.
        node: String,
    },
    /// An unknown node waits for the owner.
    Waits {
        /// Its name here.
        node: String,
    },
    /// The owner linked a node.
    LetIn {
        /// Its name here.
        node: String,
    },
    /// The owner cut a node off.
    CutOff {
        /// Its name here.
        node: String,
    },
    /// The owner blocked a node.
    Blocked {
        /// Its name here.
        node: String,
    },
    /// The owner took that back.
    Unblocked {
        /// Its name here.
        node: String,
    },
    /// The owner put a node on the list of those to be linked.
    Allowed {
        /// Its name here.
        node: String,
    },
    /// The owner took it off.
    Disallowed {
        /// Its name here.
        node: String,
    },
    /// Nodes on the list alone are linked, or all again.
    OnlyListed {
        /// The list alone counts.
        on: bool,
    },
    /// A code for one registration was made.
    PersonInvited,
    /// The first one registered, and owns the node.
    Owned {
        /// Whose.
        nick: String,
    },
    /// Somebody registered.
    Registered {
        /// Whose.
        nick: String,
    },
    /// Somebody registered by a code.
    CameInvited {
        /// Whose.
        nick: String,
    },
    /// The owner closed an account.
    Closed {
        /// Whose.
        nick: String,
    },
    /// The owner opened it again.
    Opened {
        /// Whose.
        nick: String,
    },
    /// The owner made a link for a new password.
    PasswordLink {
        /// Whose.
        nick: String,
    },
    /// Somebody got a new password by that link, or by the command.
    PasswordSet {
        /// Whose.
        nick: String,
    },
    /// Too many failed logins: those of an address, or of a nick, have to wait.
    LoginsStopped {
        /// An address of the network, or a nick of this node.
        from: String,
    },
    /// A backup was made.
    BackupMade {
        /// Its name.
        file: String,
    },
    /// The disk does not read or write.
    DiskFailed,
    /// The disk has no room.
    DiskFull,
    /// It works again.
    DiskWorks,
    /// A community was founded.
    Founded {
        /// The community's name.
        name: String,
    },
    /// A community was entered.
    Joined {
        /// The community's name.
        name: String,
    },
    /// A community was left.
    Left {
        /// The community's name.
        name: String,
    },
    /// A link into a community was made.
    NodeInvited {
        /// The community's name.
        name: String,
    },
    /// A node came into a community by a link.
    NodeCame {
        /// The community's name.
        name: String,
        /// Its name here.
        node: String,
    },
    /// Mail is kept for a node from now on.
    MailAdmitted {
        /// Its name here.
        node: String,
    },
    /// The owner threw the mail of a node out.
    MailEvicted {
        /// Its name here.
        node: String,
    },
    /// A node was chosen to keep our mail.
    MailChosen {
        /// Its name here.
        node: String,
    },
    /// The pages were opened to the home network, or closed.
    HomeNetwork {
        /// On, or off.
        on: bool,
    },
    /// The relay was switched.
    Relay {
        /// On, or off.
        on: bool,
    },
    /// Name of the node or registration were saved.
    SettingsSaved,
    /// Somebody has used up their room.
    QuotaReached {
        /// Whose.
        nick: String,
    },
}

impl Happening {
    /// A word for programs, which never changes.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Linked { .. } => "linked",
            Self::Lost { .. } => "lost",
            Self::Waits { .. } => "waits",
            Self::LetIn { .. } => "let-in",
            Self::CutOff { .. } => "cut-off",
            Self::Blocked { .. } => "blocked",
            Self::Unblocked { .. } => "unblocked",
            Self::Allowed { .. } => "allowed",
            Self::Disallowed { .. } => "disallowed",
            Self::OnlyListed { .. } => "only-listed",
            Self::PersonInvited => "person-invited",
            Self::Owned { .. } => "owned",
            Self::Registered { .. } => "registered",
            Self::CameInvited { .. } => "came-invited",
            Self::Closed { .. } => "closed",
            Self::Opened { .. } => "opened",
            Self::PasswordLink { .. } => "password-link",
            Self::PasswordSet { .. } => "password-set",
            Self::LoginsStopped { .. } => "logins-stopped",
            Self::BackupMade { .. } => "backup-made",
            Self::DiskFailed => "disk-failed",
            Self::DiskFull => "disk-full",
            Self::DiskWorks => "disk-works",
            Self::Founded { .. } => "founded",
            Self::Joined { .. } => "joined",
            Self::Left { .. } => "left",
            Self::NodeInvited { .. } => "node-invited",
            Self::NodeCame { .. } => "node-came",
            Self::MailAdmitted { .. } => "mail-admitted",
            Self::MailEvicted { .. } => "mail-evicted",
            Self::MailChosen { .. } => "mail-chosen",
            Self::HomeNetwork { .. } => "home-network",
            Self::Relay { .. } => "relay",
            Self::SettingsSaved => "settings-saved",
            Self::QuotaReached { .. } => "quota-reached",
        }
    }
}

/// When something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Unix ms; of several in a row, the last.
    pub at_ms: i64,
    /// What.
    pub what: Happening,
    /// How often in a row.
    pub times: u32,
}
