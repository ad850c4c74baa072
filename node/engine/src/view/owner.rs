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
