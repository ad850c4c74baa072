//! Messages, who wrote them, how far they came, and people who are found.

use chater_protocol::id::{ChatId, EventId, NodeId, UserId};

use super::Note;

/// A person as others see them (Q8, Q23).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The person; decides the colour of the default avatar (first byte mod 8).
    pub user_id: UserId,
    /// The nick, unique on its node.
    pub nick: String,
    /// `nick@node` as it may be typed here (Q6).
    pub address: String,
    /// What is shown in bold; the nick when nothing else was chosen.
    pub display_name: String,
    /// A line about oneself; may be empty.
    pub about: String,
    /// The node's name as shown here.
    pub node: String,
    /// The node the person lives on.
    pub node_id: NodeId,
    /// BLAKE3 of the chosen picture, hex; none = the default avatar.
    pub avatar: Option<String>,
    /// Whether the person lives on this node.
    pub here: bool,
}

/// How far a message has come (Q25).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageState {
    /// Own: committed on this node, waiting for the other one.
    Stored,
    /// Own: the other person's node has committed it.
    Delivered,
    /// Own: the other person has read it.
    Read,
    /// Own: refused for good.
    Failed,
    /// Somebody else's.
    Received,
}

impl MessageState {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
            Self::Received => "received",
        }
    }
}

/// What a message answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The message answered.
    pub id: EventId,
    /// Its author's display name.
    pub author: String,
    /// One line of it; none when it is deleted or not here.
    pub text: Option<String>,
}

/// One kind of reaction under a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// Who reacted, display names, the viewer first when among them.
    pub names: Vec<String>,
    /// Whether the viewer is among them.
    pub mine: bool,
}

/// Members of the chat that a text names: bytes `from..to` of it, the `@` among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// Where it begins.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// Who is meant; several when a bare nick fits members of several nodes.
    pub users: Vec<UserId>,
    /// Whether the viewer is among them.
    pub own: bool,
}

/// One message as one user sees it (Q24).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The event id.
    pub id: EventId,
    /// Its chat.
    pub chat_id: ChatId,
    /// Arrival number in this chat on this node; gaps are normal.
    pub n: u64,
    /// The author's own key for repeated sends; only for the author.
    pub client_id: Option<String>,
    /// Who wrote it.
    pub author: Person,
    /// Whether the viewer wrote it.
    pub own: bool,
    /// The text; none when deleted or when no key for it is here yet.
    pub text: Option<String>,
    /// Whom it names.
    pub mentions: Vec<Mention>,
    /// Whether the author or an admin took it back.
    pub deleted: bool,
    /// Whether the text was changed.
    pub edited: bool,
    /// When the author sent it, by the order of the chat.
    pub sent_at_ms: i64,
    /// When it came to this node.
    pub received_at_ms: i64,
    /// Whether its chat is a group: then it shows who wrote it.
    pub in_group: bool,
    /// How far it has come.
    pub state: MessageState,
    /// Own messages of a group: how far exactly, while that is not everywhere.
    pub reach: Option<Reach>,
    /// It came more than an hour after its place in the chat, and below what had long been here (L6).
    pub late: bool,
    /// Its author has written something else in the same place for other nodes (L7).
    pub forked: bool,
    /// What it answers.
    pub reply_to: Option<Quote>,
    /// Reactions in the order they appeared.
    pub reactions: Vec<Reaction>,
}

/// How far an own message of a group has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Other nodes that have it.
    pub nodes: u32,
    /// Other nodes with members.
    pub of_nodes: u32,
    /// Other members who have read it, where that is shown.
    pub readers: u32,
    /// Other members.
    pub people: u32,
}

/// Somebody who has read a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Display name.
    pub name: String,
    /// When, Unix ms, if their mark stands at this very message.
    pub at_ms: Option<i64>,
}

/// One page of messages, oldest first (Q28).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePage {
    /// The messages, oldest first.
    pub messages: Vec<Message>,
    /// What happened between them, oldest first; nothing in a direct chat.
    pub notes: Vec<Note>,
    /// Anchor for `before` of the page above; none = the beginning.
    pub older: Option<EventId>,
    /// Anchor for `after` of the page below; none = the end.
    pub newer: Option<EventId>,
}

/// Messages of one chat that hold what was searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Newest first.
    pub messages: Vec<Message>,
    /// The oldest message looked at, to go on from; none = the whole chat was searched.
    pub next: Option<EventId>,
}

/// Messages of all chats that hold what was searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundInChats {
    /// Newest first.
    pub messages: Vec<FoundIn>,
    /// Where to go on from, an effective time (L5); none = all chats were searched.
    pub next: Option<u64>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundIn {
    /// Title of its chat.
    pub chat: String,
    /// The message.
    pub message: Message,
}

/// Which page of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The newest page.
    Newest,
    /// The newest page, or, if what the viewer has not read begins above it, the page around its first message.
    Unread,
    /// The oldest page.
    Oldest,
    /// The page that ends just above this message.
    Before(EventId),
    /// The page that begins just below this message.
    After(EventId),
    /// The page with this message in the middle.
    Around(EventId),
}

/// One step of a message on its way («Путь сообщения»).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The node is not connected.
    pub away: bool,
    /// The node.
    pub node_id: NodeId,
    /// The node's name.
    pub node: String,
    /// Whether it is this node.
    pub here: bool,
    /// When it committed the message; none = not yet.
    pub at_ms: Option<i64>,
    /// When it is tried next, if it waits.
    pub next_try_ms: Option<i64>,
    /// Mailboxes of that node in which it lies sealed, with the time; empty once the node has it.
    pub lies_in: Vec<(String, i64)>,
}

/// The whole way of one own message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// When it was written.
    pub sent_at_ms: i64,
    /// The nodes, this one first.
    pub hops: Vec<Hop>,
    /// Whether it was read, in a group by all.
    pub read: bool,
    /// Who has read it.
    pub readers: Vec<Reading>,
    /// Other members; 0 = who reads is not shown in this chat.
    pub people: u32,
}

/// Answers of one source to a people search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeopleAnswer {
    /// Name of the node that answered, none = this node (and what it remembers).
    pub from: Option<String>,
    /// Those found, best first. A person may come again from another source.
    pub rows: Vec<Person>,
    /// Those of them who are in a chat that the asker takes part in.
    pub known: Vec<UserId>,
    /// Nodes asked so far.
    pub asked: u32,
    /// Nodes that answered so far.
    pub answered: u32,
    /// No more answers will come.
    pub done: bool,
}
