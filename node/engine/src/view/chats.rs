//! Chats and groups, their members and what happened to them.

use chater_protocol::id::{ChatId, EventId, Hash};

use super::{Message, Person};

/// How much of a chat is here, as far as the nodes of its members say (S10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completeness {
    /// Events known to exist but not here.
    pub missing: u32,
    /// Names of those whose feeds have holes, three at most; of what others only name the author is not known.
    pub of: Vec<String>,
    /// Nodes of other members.
    pub nodes: u32,
    /// Those of them that are connected and were asked.
    pub asked: u32,
    /// Those that have the same.
    pub equal: u32,
    /// Nothing is known to lack, and enough nodes have the same.
    pub complete: bool,
}

/// Which older messages a newcomer of a group may read (K6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// All.
    All,
    /// Those of so many days before.
    Days(u16),
    /// None.
    SinceJoin,
}

/// What the owner of a group allows (K6, M2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupRules {
    /// Every member may add people, not only admins.
    pub everyone_adds: bool,
    /// What newcomers may read.
    pub history: History,
    /// Whether members see what others have read.
    pub read_marks: bool,
}

/// An invitation link of a group, as it is kept: without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupLink {
    /// Names it here.
    pub id: Hash,
    /// How many may still come by it.
    pub left: u32,
    /// How many have come.
    pub came: u32,
    /// Until when it counts.
    pub expires_at_ms: i64,
}

/// What happened to a group, or to the homes of somebody in the chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// It was founded.
    Founded,
    /// People were brought in: some by name, and how many more.
    Added(Vec<Person>, u32),
    /// The author came by an invitation link.
    Joined,
    /// Somebody was taken out.
    Removed(Person),
    /// The author left.
    Left,
    /// Somebody became an admin, or is none any more.
    Role(Person, bool),
    /// The rules of the group were changed.
    Rules,
    /// It has another title.
    Renamed(String),
    /// It has another picture.
    Pictured,
    /// The author has a new home, on a node of that name (I11).
    Home(String),
    /// A home of the author has ended, on a node of that name (I11).
    HomeEnded(String),
}

/// A line between the messages of a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The event, or the first of several that are one line; none = it is no event of the chat.
    pub id: Option<EventId>,
    /// Arrival number; 0 = none.
    pub n: u64,
    /// The message of the page below it; none = it stands at the end.
    pub before: Option<EventId>,
    /// When, by the order of the chat.
    pub at_ms: i64,
    /// Who did it.
    pub by: Person,
    /// Whether the viewer did it.
    pub own: bool,
    /// What.
    pub what: Happened,
}

/// Direct chat or group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatKind {
    /// Exactly two users.
    Direct,
    /// A chat with changing membership.
    Group,
}

/// How a chat stands for one user (Q26).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatState {
    /// In the list.
    Open,
    /// A stranger's first message, not yet accepted.
    Request,
    /// Declined request.
    Declined,
    /// The other person is blocked.
    Blocked,
    /// A group left.
    Left,
}

impl ChatState {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Request => "request",
            Self::Declined => "declined",
            Self::Blocked => "blocked",
            Self::Left => "left",
        }
    }
}

/// One chat as one user sees it: a card of the list and the head of the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    /// The chat.
    pub id: ChatId,
    /// Direct or group.
    pub kind: ChatKind,
    /// What is bold: the other person's display name, or the group's title.
    pub title: String,
    /// The other person of a direct chat.
    pub with: Option<Person>,
    /// BLAKE3 of the picture of a group, hex; none = it has none, or it is not here yet.
    pub picture: Option<String>,
    /// How many members.
    pub members: u32,
    /// What the owner of a group allows; none in a direct chat.
    pub rules: Option<GroupRules>,
    /// The newest message.
    pub last: Option<Message>,
    /// Unread messages of others, at most 100.
    pub unread: u32,
    /// The viewer is named in one of them.
    pub mentioned: bool,
    /// Arrival number of the newest message read.
    pub read_n: u64,
    /// Open, request, ...
    pub state: ChatState,
    /// Kept on top of the list.
    pub pinned: bool,
    /// Silent until then.
    pub muted_until_ms: Option<i64>,
    /// Out of the main list.
    pub archived: bool,
    /// The unsent text.
    pub draft: Option<String>,
    /// When anything last happened; the list is sorted by it.
    pub active_at_ms: i64,
    /// Whether the other person's node is connected now (always true for people here).
    pub node_online: bool,
    /// Whether the other person is there: of somebody here a page or program is open, of somebody elsewhere their
    /// node is connected. None = nothing may be said: one of the two does not show it, or it is a group.
    pub online: Option<bool>,
    /// When that was last so, if it is known.
    pub seen_ms: Option<i64>,
    /// When that node was last connected, if ever.
    pub node_seen_ms: Option<i64>,
    /// Since when the oldest own message waits for the other node.
    pub waiting_since_ms: Option<i64>,
    /// Events known to exist but not here yet, and how many nodes are asked for them.
    pub missing: u32,
    /// See `missing`.
    pub asking: u32,
}

/// What a member of a group may do (Q9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberRole {
    /// Writes.
    Member,
    /// Also adds and removes members, and takes back what they wrote.
    Admin,
    /// Founded the group; also gives and takes the rank of an admin.
    Owner,
}

impl MemberRole {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

/// Somebody in a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub person: Person,
    /// As what; in a direct chat both are members.
    pub role: MemberRole,
    /// What the invitation to the group still waits for, as far as this node can tell.
    pub waiting: Option<Waiting>,
}

/// What an invitation to a group waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// The member's node has it; nobody there has said yes.
    Answer,
    /// The member's node, which has not been there since.
    Node,
}

impl Waiting {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Node => "node",
        }
    }
}

/// One page of chats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatPage {
    /// Pinned first, then by last activity.
    pub chats: Vec<Chat>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// The numbers on the filters of the chat list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Chats of the list with unread messages.
    pub unread: u32,
    /// First messages that wait for an answer.
    pub requests: u32,
    /// Chats in the archive.
    pub archived: u32,
}
