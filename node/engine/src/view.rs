//! Plain structs made for a page or an API answer. Times are Unix milliseconds, UTC.

use chater_protocol::id::{ChatId, EventId, Hash, NodeId, UserId};

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

/// How much of a chat is here, as far as the nodes of its members say (S10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completeness {
    /// Events known to exist but not here.
    pub missing: u32,
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

/// What happened to a group.
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
}

/// A line between the messages of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The event, or the first of several that are one line.
    pub id: EventId,
    /// Arrival number.
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

/// Which page of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The newest page.
    Newest,
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
    /// Nodes asked so far.
    pub asked: u32,
    /// Nodes that answered so far.
    pub answered: u32,
    /// No more answers will come.
    pub done: bool,
}

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

/// What a user chose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// `ru` or `en`; none = the node's.
    pub language: Option<String>,
    /// `light` or `dark`; none = the system's.
    pub theme: Option<String>,
    /// IANA name of the browser's zone at the last login.
    pub time_zone: Option<String>,
}

/// Whose first message goes straight into the list (Q50).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhoWrites {
    /// Everybody's.
    Everyone,
    /// That of people in the own communities.
    #[default]
    Communities,
    /// Nobody's: new chats wait among the requests.
    Nobody,
}

/// Who finds somebody by a search; whoever knows the exact address does in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FoundBy {
    /// Nobody.
    Nobody,
    /// People with a chat in common.
    Contacts,
    /// Everybody of the communities of the node.
    #[default]
    Communities,
}

/// What a user switched on and off. Presence, read marks and typing work both ways; that a node is there, its
/// neighbours see in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preferences {
    /// Size of the text, percent: 87, 100, 115 or 130.
    pub text_size: u16,
    /// Enter sends; else Ctrl Enter does.
    pub enter_sends: bool,
    /// The upper arrow in an empty field edits the last message.
    pub up_edits: bool,
    /// Shows people of this node that they are here, and is shown who is there.
    pub presence: bool,
    /// Tells, and is told, what was read.
    pub read_marks: bool,
    /// Tells, and is told, who types.
    pub typing: bool,
    /// Who may write first.
    pub first: WhoWrites,
    /// A sound with a notification.
    pub sound: bool,
    /// Notifications show the text.
    pub preview: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        chater_store::accounts::PreferencesRow::default().into()
    }
}

/// An open login of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The hash of its secret: names it, and opens nothing.
    pub id: Hash,
    /// What the browser said it is.
    pub device: String,
    /// A program with a token, not a browser.
    pub token: bool,
    /// Since when, Unix ms.
    pub created_ms: i64,
    /// Last use, Unix ms; kept to the hour.
    pub seen_ms: i64,
    /// The one that asks.
    pub current: bool,
}

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

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    /// As others see them.
    pub person: Person,
    /// What they chose.
    pub settings: Settings,
    /// What they switched on and off.
    pub preferences: Preferences,
    /// Who finds them.
    pub found_by: FoundBy,
    /// Whether they own the node.
    pub owner: bool,
    /// The data here was rolled back (I7): nothing can be written before the password is typed.
    pub stopped: bool,
}

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
