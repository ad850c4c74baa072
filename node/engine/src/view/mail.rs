//! Mail kept for others, and by others.

use chater_protocol::id::NodeId;

/// What a node that keeps our mail has said to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailboxState {
    /// It has not answered yet.
    Asked,
    /// It keeps our mail.
    Keeps,
    /// It does not.
    Refused,
}

/// A node that keeps mail for this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Its id.
    pub node_id: NodeId,
    /// Its name as shown here.
    pub name: String,
    /// Connected now.
    pub linked: bool,
    /// What it said.
    pub state: MailboxState,
    /// Bytes that it grants.
    pub bytes: u64,
    /// Days that it keeps a letter.
    pub days: u16,
    /// Last collected.
    pub collected_ms: Option<i64>,
    /// Letters that came from there.
    pub letters: u64,
}

/// A node that offers to keep mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailOffer {
    /// Its id.
    pub node_id: NodeId,
    /// Its name as shown here.
    pub name: String,
    /// Connected now.
    pub linked: bool,
}

/// A node whose mail is kept here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFor {
    /// Its id.
    pub node_id: NodeId,
    /// Its name as shown here.
    pub name: String,
    /// Connected now.
    pub linked: bool,
    /// Bytes that lie here.
    pub bytes: u64,
    /// Letters that lie here.
    pub letters: u64,
    /// When the oldest of them came.
    pub oldest_ms: Option<i64>,
    /// When it last asked for them.
    pub collected_ms: Option<i64>,
    /// Since when.
    pub since_ms: i64,
    /// The owner threw its mail away and keeps none for it.
    pub evicted: bool,
}

/// Mailboxes, both ways (S11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// How mail is kept here for others.
    pub rules: crate::MailRules,
    /// That is set from outside.
    pub fixed: bool,
    /// Who keeps ours.
    pub mine: Vec<Mailbox>,
    /// Who could.
    pub offers: Vec<MailOffer>,
    /// Whose is kept here.
    pub kept: Vec<KeptFor>,
}
