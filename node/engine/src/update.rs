//! Unsigned news for browsers. They may be lost; a page that lost some loads again.

use std::sync::Arc;

use chater_protocol::id::{ChatId, EventId, UserId};

use crate::view::{Chat, Message, MessageState, Reach};

/// One piece of news for one user.
#[derive(Debug, Clone)]
pub struct Update {
    /// Place in the user's sequence (Q35); none for typing and how the node is linked.
    pub seq: Option<u64>,
    /// What happened.
    pub news: News,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum News {
    /// A message came, or one shown before changed (same id: edit, delete, reaction).
    Message(Arc<Message>),
    /// Own messages came further.
    State {
        /// The chat.
        chat_id: ChatId,
        /// At most 256.
        ids: Vec<EventId>,
        /// How far.
        state: MessageState,
    },
    /// A chat is new or its card changed.
    Chat(Arc<Chat>),
    /// The user deleted something for themselves, here or in another browser.
    Gone {
        /// The chat.
        chat_id: ChatId,
        /// The message; none = the whole chat.
        id: Option<EventId>,
    },
    /// Something happened to a group that is told between its messages: who came or went, its title.
    Notes {
        /// The chat.
        chat_id: ChatId,
    },
    /// Somebody types, or stopped.
    Typing {
        /// The chat.
        chat_id: ChatId,
        /// Who.
        user_id: UserId,
        /// Display name.
        name: String,
        /// Whether they type.
        on: bool,
    },
    /// A person came or went.
    Presence {
        /// Who.
        user_id: UserId,
        /// Whether they are there: a page open here, or their node connected.
        online: bool,
        /// Last seen, Unix ms.
        seen_at_ms: Option<i64>,
    },
    /// How far the newest own message of a group has come, before it is everywhere.
    Reach {
        /// The chat.
        chat_id: ChatId,
        /// The message.
        id: EventId,
        /// How far.
        reach: Reach,
    },
    /// How many members of a group are there now.
    Present {
        /// The chat.
        chat_id: ChatId,
        /// The reader among them.
        there: u32,
    },
    /// Something that the network page or the header shows has changed.
    Network {
        /// This node's name.
        name: String,
        /// How many nodes are connected.
        links: usize,
        /// Whether any is being dialled.
        connecting: bool,
    },
    /// What was asked for is no longer remembered, or the reader was too slow: load the page again.
    Reload,
}

/// Why a stream of news ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The node stops (close 1001).
    Stopping,
    /// The session ended (close 4401).
    Session,
    /// Too slow (close 1013, after `reload`).
    Slow,
}
