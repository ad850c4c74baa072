//! `UserHandle`: everything one user may do or see. The only door to a user's chats.

use std::sync::Arc;

use chater_protocol::id::{ChatId, EventId, UserId};
use tokio::sync::mpsc;

use crate::error::Error;
use crate::update::Subscription;
use crate::view::{Anchor, Chat, ChatPage, Me, Message, MessagePage, Path, PeopleAnswer, Person, Settings};
use crate::Engine;

/// A message to send.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// 1-8,000 characters (Q30).
    pub text: String,
    /// Makes a repeated send harmless (Q27); 1-64 of `A-Za-z0-9_-`.
    pub client_id: Option<String>,
    /// The message answered.
    pub reply_to: Option<EventId>,
}

/// Which chats of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Filter {
    /// Everything not archived.
    #[default]
    All,
    /// With unread messages.
    Unread,
    /// Groups only.
    Groups,
    /// The archive.
    Archive,
}

/// What one signed-in user may do. Cheap to clone.
#[derive(Clone)]
pub struct UserHandle {
    pub(crate) engine: Engine,
    pub(crate) user: UserId,
}

impl UserHandle {
    /// Who this is.
    pub fn id(&self) -> UserId { todo!() }
    /// The signed-in user with settings.
    pub fn me(&self) -> Result<Me, Error> { todo!() }
    /// One page of the chat list; `limit` is cut to 100, `cursor` is a `next` of an earlier page.
    pub fn chats(&self, filter: Filter, limit: usize, cursor: Option<&str>) -> Result<ChatPage, Error> { todo!() }
    /// How many chats have unread messages (the title counts chats).
    pub fn unread_chats(&self) -> Result<u32, Error> { todo!() }
    /// One chat.
    pub fn chat(&self, chat: ChatId) -> Result<Chat, Error> { todo!() }
    /// One page of messages; `limit` is cut to 200.
    pub fn messages(&self, chat: ChatId, anchor: Anchor, limit: usize) -> Result<MessagePage, Error> { todo!() }
    /// One message.
    pub fn message(&self, chat: ChatId, id: EventId) -> Result<Message, Error> { todo!() }
    /// The way of one own message.
    pub fn path(&self, chat: ChatId, id: EventId) -> Result<Path, Error> { todo!() }
    /// Sends; returns after the durable commit. `bool` = newly stored (201), false = the same `client_id` again (200).
    pub async fn send(&self, chat: ChatId, draft: Draft) -> Result<(Arc<Message>, bool), Error> { todo!() }
    /// Changes the text of an own message.
    pub async fn edit(&self, chat: ChatId, id: EventId, text: String) -> Result<Arc<Message>, Error> { todo!() }
    /// Takes an own message back, for all.
    pub async fn delete(&self, chat: ChatId, id: EventId) -> Result<Arc<Message>, Error> { todo!() }
    /// Adds or takes away a reaction.
    pub async fn react(&self, chat: ChatId, id: EventId, emoji: String, on: bool) -> Result<Arc<Message>, Error> { todo!() }
    /// Everything up to this message is read.
    pub async fn read(&self, chat: ChatId, id: EventId) -> Result<(), Error> { todo!() }
    /// The user types, or stopped. Best effort, never waits.
    pub fn typing(&self, chat: ChatId, on: bool) { todo!() }
    /// Saves the unsent text (empty = none).
    pub async fn save_draft(&self, chat: ChatId, text: String) -> Result<(), Error> { todo!() }
    /// The person an address, nick of this node or 64-hex user id names (Q7, Q29). Asks the other node if need be.
    pub async fn find(&self, with: &str) -> Result<Person, Error> { todo!() }
    /// The direct chat with that person, if it exists already.
    pub fn chat_with(&self, other: UserId) -> Result<Option<Chat>, Error> { todo!() }
    /// Opens (creates) the direct chat with a person found before. `bool` = newly made.
    pub async fn start(&self, other: UserId) -> Result<(Chat, bool), Error> { todo!() }
    /// Live people search: this node at once, others as they answer; the channel ends after `done`.
    /// Dropping the receiver ends the search. `q` of under 2 letters gives one empty `done` answer.
    pub async fn search(&self, q: &str) -> Result<mpsc::Receiver<PeopleAnswer>, Error> { todo!() }
    /// Display name (1-64 characters; empty = the nick) and about (500).
    pub async fn set_profile(&self, display_name: String, about: String) -> Result<Me, Error> { todo!() }
    /// Language, theme, zone.
    pub async fn set_settings(&self, settings: Settings) -> Result<Me, Error> { todo!() }
    /// News for one browser: `after` replays what came since that update, or says reload (Q35).
    pub async fn updates(&self, after: Option<u64>) -> Result<Subscription, Error> { todo!() }
    /// Owner only: an address to link to; dialled until it answers or is forgotten.
    pub async fn add_peer(&self, address: &str) -> Result<(), Error> { todo!() }
    /// Owner only: forgets an address that was typed.
    pub async fn forget_address(&self, address: &str) -> Result<(), Error> { todo!() }
}
