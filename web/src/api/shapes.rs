//! The JSON forms of people, chats and messages (Q23-Q26), for calls and sockets alike. They borrow
//! from the engine's views: one is written for every update of every socket.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

use chater_engine::id::{ChatId, EventId, NodeId, UserId};
use chater_engine::view;
use chrono::{DateTime, SecondsFormat};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// Something whose text form is its JSON form.
#[derive(Debug)]
pub(crate) struct Text<T>(pub(crate) T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// RFC 3339, UTC, with milliseconds (Q24).
pub(crate) fn time(ms: i64) -> String {
    // Out of the calendar only by a broken clock: the beginning of time is as good as any.
    DateTime::from_timestamp_millis(ms)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The peer id of a node. Base 58 costs more than the rest of a message's JSON, and a node sees the
/// same few ids all day.
pub(crate) fn peer_id(node: NodeId) -> Arc<str> {
    const MOST: usize = 256;
    thread_local! {
        static KNOWN: RefCell<HashMap<NodeId, Arc<str>>> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| {
        if let Some(text) = known.get(&node) {
            return Arc::clone(text);
        }
        if known.len() >= MOST {
            known.clear();
        }
        let text: Arc<str> = node.to_peer_id().into();
        known.insert(node, Arc::clone(&text));
        text
    })
}

/// A person (Q23).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Person<'a> {
    /// The person, 64 hex digits.
    #[schema(value_type = String)]
    user_id: Text<UserId>,
    /// The nick, unique on its node.
    nick: &'a str,
    /// `nick@node` as it may be typed here.
    address: &'a str,
    /// What is shown.
    display_name: &'a str,
    /// The node's name.
    node: &'a str,
    /// The node's peer id.
    #[schema(value_type = String)]
    node_id: Text<Arc<str>>,
    /// Path of the picture, if one was chosen.
    avatar: Option<String>,
}

impl<'a> From<&'a view::Person> for Person<'a> {
    fn from(person: &'a view::Person) -> Self {
        Self {
            user_id: Text(person.user_id),
            nick: &person.nick,
            address: &person.address,
            display_name: &person.display_name,
            node: &person.node,
            node_id: Text(peer_id(person.node_id)),
            avatar: person
                .avatar
                .as_ref()
                .map(|hash| format!("/avatar/{hash}/128.webp")),
        }
    }
}

/// The signed-in user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct Me<'a> {
    #[serde(flatten)]
    person: Person<'a>,
    /// A line about oneself.
    about: &'a str,
    /// Whether the user owns this node.
    owner: bool,
    /// `ru` or `en`; null = the node's.
    language: Option<&'a str>,
    /// `light` or `dark`; null = the system's.
    theme: Option<&'a str>,
    /// IANA name of the zone of the last login.
    time_zone: Option<&'a str>,
}

impl<'a> From<&'a view::Me> for Me<'a> {
    fn from(me: &'a view::Me) -> Self {
        Self {
            person: (&me.person).into(),
            about: &me.person.about,
            owner: me.owner,
            language: me.settings.language.as_deref(),
            theme: me.settings.theme.as_deref(),
            time_zone: me.settings.time_zone.as_deref(),
        }
    }
}

/// The message that a message answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Quote<'a> {
    /// Display name of its author.
    author: &'a str,
    /// One line of it; null when it is deleted or not here.
    text: Option<&'a str>,
}

/// One kind of reaction.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reaction<'a> {
    /// The emoji.
    emoji: &'a str,
    /// Display names.
    names: &'a [String],
    /// Whether the caller is among them.
    mine: bool,
}

/// A message (Q24).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Message<'a> {
    /// The event id, 64 hex digits.
    #[schema(value_type = String)]
    id: Text<EventId>,
    /// The chat.
    #[schema(value_type = String)]
    chat_id: Text<ChatId>,
    /// Arrival number in this chat on this node; gaps are normal.
    n: u64,
    /// The author's own key; null for everybody else.
    client_id: Option<&'a str>,
    /// Who wrote it.
    author: Person<'a>,
    /// The text; null when deleted or when its key is not here yet.
    text: Option<&'a str>,
    /// When it was sent, RFC 3339 UTC.
    sent_at: String,
    /// When it came to this node.
    received_at: String,
    /// `stored`, `delivered`, `read`, `failed`; of others `received`.
    state: &'a str,
    /// It came more than an hour after its place in the chat, and below what had long been here.
    late: bool,
    /// Its author has written something else in the same place for other nodes: neither can be relied on.
    forked: bool,
    /// The message answered.
    #[schema(value_type = Option<String>)]
    reply_to: Option<Text<EventId>>,
    /// What that message says.
    quote: Option<Quote<'a>>,
    /// Whether it was taken back.
    deleted: bool,
    /// Whether its text was changed.
    edited: bool,
    /// Reactions in the order they appeared.
    reactions: Vec<Reaction<'a>>,
}

impl<'a> From<&'a view::Message> for Message<'a> {
    fn from(message: &'a view::Message) -> Self {
        let quote = message.reply_to.as_ref();
        Self {
            id: Text(message.id),
            chat_id: Text(message.chat_id),
            n: message.n,
            client_id: message.client_id.as_deref(),
            author: (&message.author).into(),
            text: message.text.as_deref(),
            sent_at: time(message.sent_at_ms),
            received_at: time(message.received_at_ms),
            state: message.state.as_str(),
            late: message.late,
            forked: message.forked,
            reply_to: quote.map(|quote| Text(quote.id)),
            quote: quote.map(|quote| Quote {
                author: &quote.author,
                text: quote.text.as_deref(),
            }),
            deleted: message.deleted,
            edited: message.edited,
            reactions: message.reactions.iter().map(Into::into).collect(),
        }
    }
}

impl<'a> From<&'a view::Reaction> for Reaction<'a> {
    fn from(reaction: &'a view::Reaction) -> Self {
        Self {
            emoji: &reaction.emoji,
            names: &reaction.names,
            mine: reaction.mine,
        }
    }
}

/// A line between the messages of a chat.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Note<'a> {
    /// The event, 64 hex digits; of several that are one line the first; null for homes.
    #[schema(value_type = Option<String>)]
    id: Option<Text<EventId>>,
    /// Arrival number in this chat on this node; 0 for homes.
    n: u64,
    /// The message of this page below it; null = it stands at the end.
    #[schema(value_type = Option<String>)]
    before: Option<Text<EventId>>,
    /// When it happened, RFC 3339 UTC.
    at: String,
    /// Who did it.
    by: Person<'a>,
    /// `founded`, `added`, `joined`, `removed`, `left`, `admin`, `member`, `rules`, `renamed`, `pictured`;
    /// `home`, `home_ended`: a home of that person appeared or ended.
    what: &'a str,
    /// Whom it happened to.
    people: Vec<Person<'a>>,
    /// How many more of them.
    more: u32,
    /// The new title.
    title: Option<&'a str>,
    /// The node of the home.
    node: Option<&'a str>,
}

impl<'a> From<&'a view::Note> for Note<'a> {
    fn from(note: &'a view::Note) -> Self {
        use view::Happened;
        let (what, people, more, title) = match &note.what {
            Happened::Founded => ("founded", &[][..], 0, None),
            Happened::Added(people, more) => ("added", &people[..], *more, None),
            Happened::Joined => ("joined", &[][..], 0, None),
            Happened::Removed(person) => ("removed", std::slice::from_ref(person), 0, None),
            Happened::Left => ("left", &[][..], 0, None),
            Happened::Role(person, true) => ("admin", std::slice::from_ref(person), 0, None),
            Happened::Role(person, false) => ("member", std::slice::from_ref(person), 0, None),
            Happened::Rules => ("rules", &[][..], 0, None),
            Happened::Renamed(title) => ("renamed", &[][..], 0, Some(title.as_str())),
            Happened::Pictured => ("pictured", &[][..], 0, None),
            Happened::Home(_) => ("home", &[][..], 0, None),
            Happened::HomeEnded(_) => ("home_ended", &[][..], 0, None),
        };
        let node = match &note.what {
            Happened::Home(node) | Happened::HomeEnded(node) => Some(node.as_str()),
            _ => None,
        };
        Self {
            id: note.id.map(Text),
            n: note.n,
            before: note.before.map(Text),
            at: time(note.at_ms),
            by: (&note.by).into(),
            what,
            people: people.iter().map(Into::into).collect(),
            more,
            title,
            node,
        }
    }
}

/// What the owner of a group allows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rules {
    /// Every member may add people, not only admins.
    everyone_adds: bool,
    /// What newcomers may read: `all`, `days`, `since_join`.
    history: &'static str,
    /// How many days, where `history` is `days`.
    days: Option<u16>,
    /// Whether members see what others have read.
    read_marks: bool,
}

impl From<&view::GroupRules> for Rules {
    fn from(rules: &view::GroupRules) -> Self {
        let (history, days) = match rules.history {
            view::History::All => ("all", None),
            view::History::Days(days) => ("days", Some(days)),
            view::History::SinceJoin => ("since_join", None),
        };
        Self {
            everyone_adds: rules.everyone_adds,
            history,
            days,
            read_marks: rules.read_marks,
        }
    }
}

/// A chat (Q26).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Chat<'a> {
    /// The chat, 64 hex digits.
    #[schema(value_type = String)]
    id: Text<ChatId>,
    /// `direct` or `group`.
    kind: &'a str,
    /// The other person's display name, or the group's title.
    title: &'a str,
    /// The other person of a direct chat.
    with: Option<Person<'a>>,
    /// Path of the picture of a group, once it is here; null without one.
    picture: Option<String>,
    /// How many members.
    members: u32,
    /// What the owner of a group allows; null in a direct chat.
    rules: Option<Rules>,
    /// The newest message.
    last: Option<Message<'a>>,
    /// Unread messages of others, at most 100.
    unread: u32,
    /// The caller is named in one of them.
    mentioned: bool,
    /// Arrival number of the newest message read.
    read_n: u64,
    /// `open`, `request`, `declined`, `blocked`, `left`.
    state: &'a str,
    /// Kept on top of the list.
    pinned: bool,
    /// Silent until then.
    muted_until: Option<String>,
    /// Out of the main list.
    archived: bool,
    /// The unsent text.
    draft: Option<&'a str>,
    /// When anything last happened.
    active_at: String,
    /// Whether the other person's node is connected.
    node_online: bool,
    /// When that node was last connected.
    node_seen_at: Option<String>,
    /// Whether the other person is there: here by an open page or program, elsewhere by their node. Null where one
    /// of the two does not show it.
    online: Option<bool>,
    /// When that was last so.
    seen_at: Option<String>,
    /// Since when the oldest own message waits for that node.
    waiting_since: Option<String>,
    /// Messages known to exist that are not here yet.
    missing: u32,
}

impl<'a> From<&'a view::Chat> for Chat<'a> {
    fn from(chat: &'a view::Chat) -> Self {
        Self {
            id: Text(chat.id),
            kind: match chat.kind {
                view::ChatKind::Direct => "direct",
                view::ChatKind::Group => "group",
            },
            title: &chat.title,
            with: chat.with.as_ref().map(Into::into),
            picture: chat
                .picture
                .as_deref()
                .map(|hash| format!("/avatar/{hash}/128.webp")),
            members: chat.members,
            rules: chat.rules.as_ref().map(Into::into),
            last: chat.last.as_ref().map(Into::into),
            unread: chat.unread,
            mentioned: chat.mentioned,
            read_n: chat.read_n,
            state: chat.state.as_str(),
            pinned: chat.pinned,
            muted_until: chat.muted_until_ms.map(time),
            archived: chat.archived,
            draft: chat.draft.as_deref(),
            active_at: time(chat.active_at_ms),
            node_online: chat.node_online,
            node_seen_at: chat.node_seen_ms.map(time),
            online: chat.online,
            seen_at: chat.seen_ms.map(time),
            waiting_since: chat.waiting_since_ms.map(time),
            missing: chat.missing,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A message made up for tests.
    pub(crate) fn message() -> view::Message {
        let author = view::Person {
            user_id: UserId([1; 32]),
            nick: "сова".into(),
            address: "сова@dom".into(),
            display_name: "Сова".into(),
            about: "private".into(),
            node: "dom".into(),
            node_id: NodeId([2; 32]),
            avatar: Some("ab".repeat(32)),
            here: true,
        };
        view::Message {
            id: EventId([3; 32]),
            chat_id: ChatId([4; 32]),
            n: 7,
            client_id: None,
            author,
            own: false,
            text: Some("a \"b\" <c>\n".into()),
            mentions: Vec::new(),
            deleted: false,
            edited: false,
            sent_at_ms: 1_700_000_000_123,
            received_at_ms: 1_700_000_000_456,
            in_group: false,
            state: view::MessageState::Received,
            reach: None,
            late: false,
            forked: false,
            reply_to: Some(view::Quote {
                id: EventId([5; 32]),
                author: "Кот".into(),
                text: None,
            }),
            reactions: Vec::new(),
        }
    }

    #[test]
    fn a_message_has_the_form_of_q24() {
        let view = message();
        let json = serde_json::to_value(Message::from(&view)).expect("plain data");
        let at = |path: &str| json.pointer(path).cloned().unwrap_or_default();
        assert_eq!(at("/id"), "03".repeat(32));
        assert_eq!(at("/chat_id"), "04".repeat(32));
        assert_eq!(at("/n"), 7);
        assert_eq!(at("/client_id"), serde_json::Value::Null);
        assert_eq!(at("/sent_at"), "2023-11-14T22:13:20.123Z");
        assert_eq!(at("/state"), "received");
        assert_eq!(at("/reply_to"), "05".repeat(32));
        assert_eq!(at("/author/user_id"), "01".repeat(32));
        assert_eq!(
            at("/author/avatar"),
            format!("/avatar/{}/128.webp", "ab".repeat(32))
        );
        assert_eq!(at("/author/node_id"), NodeId([2; 32]).to_peer_id());
        let author = json
            .get("author")
            .and_then(|author| author.as_object())
            .expect("a person");
        let keys: Vec<&str> = author.keys().map(String::as_str).collect();
        let expected = [
            "address",
            "avatar",
            "display_name",
            "nick",
            "node",
            "node_id",
            "user_id",
        ];
        assert_eq!(
            keys.iter()
                .copied()
                .collect::<std::collections::BTreeSet<_>>(),
            expected.into()
        );
    }

    #[test]
    fn no_time_breaks_the_answer() {
        assert_eq!(time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(i64::MIN), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(i64::MAX), "1970-01-01T00:00:00.000Z");
    }
}
