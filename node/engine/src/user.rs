//! `UserHandle`: everything one user may do or see. The only door to a user's chats, so no route can
//! forget to ask whose they are.

use std::collections::BTreeSet;
use std::sync::Arc;

use chater_protocol::id::{ChatId, EventId, Hash, UserId};
use chater_protocol::payload::Role;
use chater_store::{chats, users};
use tokio::sync::mpsc;

use crate::Engine;
use crate::account;
use crate::actor::{From, now_ms};
use crate::error::{Error, Reason};
use crate::group;
use crate::hub::Subscription;
use crate::local::{self, Change};
use crate::marks;
use crate::people;
use crate::person::person;
use crate::pump::send_notes;
use crate::read::Reader;
use crate::shared::lock;
use crate::turn::{Fail, Turn};
use crate::view::{
    Anchor, Chat, ChatPage, GroupRules, Me, Member, Message, MessagePage, Path, PeopleAnswer,
    Person, Settings,
};

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
    /// First messages that wait for an answer (Q50).
    Requests,
    /// People who are blocked.
    Blocked,
    /// The archive.
    Archive,
}

/// What one signed-in user may do. Cheap to clone.
#[derive(Clone)]
pub struct UserHandle {
    engine: Engine,
    user: UserId,
    session: Option<Hash>,
}

impl Engine {
    /// The door to one user's chats. Only an open session or a fresh one gives it out.
    pub(crate) fn handle(&self, user: UserId, session: Option<Hash>) -> UserHandle {
        UserHandle {
            engine: self.clone(),
            user,
            session,
        }
    }

    /// What the owner of the node may do, for the control socket: whoever can open it owns the machine.
    ///
    /// # Errors
    /// [`Error::NotFound`] while nobody has registered.
    pub fn as_owner(&self) -> Result<UserHandle, Error> {
        let owner = users::owner(&self.shared().store.read()?)?;
        Ok(self.handle(owner.ok_or(Error::NotFound)?, None))
    }
}

impl UserHandle {
    pub(crate) fn shared(&self) -> &Arc<crate::shared::Shared> {
        self.engine.shared()
    }

    /// The login by which this handle was given out.
    pub(crate) fn session(&self) -> Option<Hash> {
        self.session
    }

    /// Runs something of this user in a turn of the writer; done when it is committed.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Turn<'_, '_>) -> Result<T, Fail> + Send + 'static,
    ) -> Result<T, Error> {
        self.shared().inputs.run(From::Local, f).await
    }

    pub(crate) fn look<T>(
        &self,
        f: impl FnOnce(Reader<'_, chater_store::Read>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let rows = self.shared().store.read()?;
        f(Reader::new(self.shared(), &rows, self.user))
    }

    /// Who this is.
    #[must_use]
    pub fn id(&self) -> UserId {
        self.user
    }

    /// The signed-in user with settings.
    ///
    /// # Errors
    /// Storage errors.
    pub fn me(&self) -> Result<Me, Error> {
        let rows = self.shared().store.read()?;
        let row = users::user(&rows, self.user)?.ok_or(Error::NotFound)?;
        Ok(Me {
            person: Person::clone(&*person(self.shared(), &rows, self.user)?),
            settings: Settings {
                language: row.language,
                theme: row.theme,
                time_zone: row.time_zone,
            },
            preferences: crate::preferences::of(&rows, self.user)?,
            found_by: account::found_by(&rows, self.user)?,
            owner: users::owner(&rows)? == Some(self.user),
            stopped: row.stopped,
        })
    }

    /// One page of the chat list; `limit` is cut to 100, `cursor` is the `next` of an earlier page.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor that is none.
    pub fn chats(
        &self,
        filter: Filter,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<ChatPage, Error> {
        Ok(self.list(filter, limit, cursor)?.0)
    }

    /// How many chats have unread messages (the title counts chats).
    ///
    /// # Errors
    /// Storage errors.
    pub fn unread_chats(&self) -> Result<u32, Error> {
        Ok(self.counts()?.unread)
    }

    /// One chat.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign ones alike.
    pub fn chat(&self, chat: ChatId) -> Result<Chat, Error> {
        self.look(|reader| {
            let (no, row, inbox) = reader.own_chat(chat)?;
            Ok(reader.chat(no, &row, &inbox)?)
        })
    }

    /// One page of messages; `limit` is cut to 200 (Q28).
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign chats and anchors.
    pub fn messages(
        &self,
        chat: ChatId,
        anchor: Anchor,
        limit: usize,
    ) -> Result<MessagePage, Error> {
        self.look(|reader| reader.messages(chat, anchor, limit.clamp(1, 200)))
    }

    /// One message.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn message(&self, chat: ChatId, id: EventId) -> Result<Message, Error> {
        self.look(|reader| reader.by_id(chat, id))
    }

    /// The way of one own message, with the time of the next dial to nodes that are away.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for messages of others.
    pub async fn path(&self, chat: ChatId, id: EventId) -> Result<Path, Error> {
        let mut path = self.look(|reader| reader.path(chat, id))?;
        for hop in path.hops.iter_mut().filter(|hop| hop.at_ms.is_none()) {
            let wait = self.shared().network.next_dial(hop.node_id).await;
            hop.next_try_ms = wait.and_then(|wait| {
                let at = u128::from(now_ms()) + wait.as_millis();
                i64::try_from(at).ok()
            });
        }
        Ok(path)
    }

    /// Sends; returns after the durable commit. `bool` = newly stored (201), false = the same
    /// `client_id` again (200). The message waits in the queue from the first poll on, so sends are
    /// carried out in the order in which they were first polled.
    ///
    /// # Errors
    /// See [`Error`]; nothing was stored.
    pub async fn send(&self, chat: ChatId, draft: Draft) -> Result<(Arc<Message>, bool), Error> {
        self.charge_message()?;
        let user = self.user;
        self.shared()
            .inputs
            .run(From::Local, move |turn| {
                local::send(turn, user, chat, draft)
            })
            .await
    }

    pub(crate) fn charge_message(&self) -> Result<(), Error> {
        lock(&self.shared().rates)
            .messages
            .take(&self.user, now_ms())
            .map_err(|retry_after_s| Error::TooMany { retry_after_s })
    }

    async fn change(
        &self,
        chat: ChatId,
        id: EventId,
        change: Change,
    ) -> Result<Arc<Message>, Error> {
        self.charge_message()?;
        let user = self.user;
        self.shared()
            .inputs
            .run(From::Local, move |turn| {
                local::change(turn, user, chat, id, &change)
            })
            .await
    }

    /// Changes the text of an own message, for 48 hours.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn edit(
        &self,
        chat: ChatId,
        id: EventId,
        text: String,
    ) -> Result<Arc<Message>, Error> {
        self.change(chat, id, Change::Edit(text)).await
    }

    /// Takes an own message back, for all. Other nodes are asked; this cannot be verified.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete(&self, chat: ChatId, id: EventId) -> Result<Arc<Message>, Error> {
        self.change(chat, id, Change::Delete).await
    }

    /// Adds or takes away a reaction.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn react(
        &self,
        chat: ChatId,
        id: EventId,
        emoji: String,
        on: bool,
    ) -> Result<Arc<Message>, Error> {
        self.change(chat, id, Change::React(emoji, on)).await
    }

    /// Everything up to this message is read.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn read(&self, chat: ChatId, id: EventId) -> Result<(), Error> {
        let user = self.user;
        let notes = self
            .shared()
            .inputs
            .run(From::Local, move |turn| marks::read(turn, user, chat, id))
            .await?;
        send_notes(self.shared(), notes);
        Ok(())
    }

    /// The user types, or stopped. Best effort, never waits.
    pub fn typing(&self, chat: ChatId, on: bool) {
        if on
            && lock(&self.shared().rates)
                .typing
                .take(&self.user, now_ms())
                .is_err()
        {
            return;
        }
        let (engine, user) = (self.engine.clone(), self.user);
        tokio::spawn(async move {
            let shared = engine.shared();
            let notes = shared
                .inputs
                .run(From::Others, move |turn| {
                    marks::typing(turn, user, chat, on)
                })
                .await;
            if let Ok(notes) = notes {
                send_notes(shared, notes);
            }
        });
    }

    /// Saves the unsent text (empty = none).
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] for a text over the limit.
    pub async fn save_draft(&self, chat: ChatId, text: String) -> Result<(), Error> {
        let user = self.user;
        self.shared()
            .inputs
            .run(From::Local, move |turn| {
                local::save_draft(turn, user, chat, &text)
            })
            .await
    }

    /// The person that an address, nick of this node or 64-hex user id names (Q7, Q29). Asks the other
    /// node if need be.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::UnknownNode`], [`Error::Ambiguous`].
    pub async fn find(&self, with: &str) -> Result<Person, Error> {
        people::find(self.shared(), with).await
    }

    /// The direct chat with that person, if it is in the list already.
    ///
    /// # Errors
    /// Storage errors.
    pub fn chat_with(&self, other: UserId) -> Result<Option<Chat>, Error> {
        let id = chater_protocol::chat::direct::chat_id(self.user, other);
        match self.chat(id) {
            Ok(chat) => Ok(Some(chat)),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens the direct chat with a person found before. `bool` = newly in the list.
    ///
    /// # Errors
    /// [`Error::NotFound`] for somebody unknown here, [`Error::OneselfChat`].
    pub async fn start(&self, other: UserId) -> Result<(Chat, bool), Error> {
        let user = self.user;
        self.shared()
            .inputs
            .run(From::Local, move |turn| local::start(turn, user, other))
            .await
    }

    /// Founds a group with these members; its creator owns it.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`] for somebody unknown here.
    pub async fn create_group(
        &self,
        title: String,
        members: BTreeSet<UserId>,
    ) -> Result<Chat, Error> {
        self.charge_message()?;
        let user = self.user;
        let chat = self
            .run(move |turn| group::create(turn, user, &title, &members))
            .await?;
        self.chat(chat)
    }

    /// The members of a chat: of a group those who are in it now, the owner first.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn members(&self, chat: ChatId) -> Result<Vec<Member>, Error> {
        self.look(|reader| reader.members(chat))
    }

    /// Adds members to a group.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotAGroup`], [`Error::NotFound`].
    pub async fn add_members(&self, chat: ChatId, members: BTreeSet<UserId>) -> Result<(), Error> {
        self.charge_message()?;
        let user = self.user;
        self.run(move |turn| group::add(turn, user, chat, &members, false))
            .await
    }

    /// Takes a member out of a group; oneself = leaves.
    ///
    /// # Errors
    /// As [`UserHandle::add_members`].
    pub async fn remove_member(&self, chat: ChatId, member: UserId) -> Result<(), Error> {
        self.charge_message()?;
        let user = self.user;
        self.run(move |turn| {
            if member == user {
                group::leave(turn, user, chat)
            } else {
                group::remove(turn, user, chat, member)
            }
        })
        .await
    }

    /// Makes a member an admin, or takes that back; for the owner.
    ///
    /// # Errors
    /// As [`UserHandle::add_members`].
    pub async fn set_role(&self, chat: ChatId, member: UserId, admin: bool) -> Result<(), Error> {
        self.charge_message()?;
        let (user, role) = (self.user, if admin { Role::Admin } else { Role::Member });
        self.run(move |turn| group::set_role(turn, user, chat, member, role))
            .await
    }

    /// Gives a group another title.
    ///
    /// # Errors
    /// As [`UserHandle::add_members`], [`Error::Invalid`].
    pub async fn rename_group(&self, chat: ChatId, title: String) -> Result<Chat, Error> {
        self.charge_message()?;
        let user = self.user;
        self.run(move |turn| group::rename(turn, user, chat, &title))
            .await?;
        self.chat(chat)
    }

    /// Changes what the owner of a group allows.
    ///
    /// # Errors
    /// As [`UserHandle::add_members`]; [`Error::Invalid`] for no days.
    pub async fn set_rules(&self, chat: ChatId, rules: GroupRules) -> Result<Chat, Error> {
        self.charge_message()?;
        let user = self.user;
        self.run(move |turn| group::set_rules(turn, user, chat, rules))
            .await?;
        self.chat(chat)
    }

    /// Live people search: this node at once, others as they answer; the channel ends after `done`.
    /// Dropping the receiver ends the search. Under 2 letters gives one empty `done` answer.
    ///
    /// # Errors
    /// [`Error::TooMany`], [`Error::Invalid`] for an overlong text.
    #[allow(
        clippy::unused_async,
        reason = "the callers' contract: it may wait one day"
    )]
    pub async fn search(&self, q: &str) -> Result<mpsc::Receiver<PeopleAnswer>, Error> {
        people::search(self.shared(), self.user, q)
    }

    /// Display name (up to 64 characters; empty = the nick) and about (500).
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn set_profile(&self, display_name: String, about: String) -> Result<Me, Error> {
        let user = self.user;
        self.shared()
            .inputs
            .run(From::Local, move |turn| {
                account::set_profile(turn, user, &display_name, &about)
            })
            .await?;
        self.shared().greet.notify_one();
        self.me()
    }

    /// Language, theme, zone.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn set_settings(&self, settings: Settings) -> Result<Me, Error> {
        let user = self.user;
        self.shared()
            .inputs
            .run(From::Local, move |turn| {
                account::set_settings(turn, user, settings)
            })
            .await?;
        self.me()
    }

    /// News for one browser: `after` tells again what came since that update, or says reload (Q35).
    ///
    /// # Errors
    /// None so far.
    #[allow(
        clippy::unused_async,
        reason = "the callers' contract: it may wait one day"
    )]
    pub async fn updates(&self, after: Option<u64>) -> Result<Subscription, Error> {
        Ok(self
            .shared()
            .hub
            .listen(self.user, self.session, after, now_ms()))
    }

    /// What only the owner of the node may do.
    pub(crate) fn owner(&self) -> Result<&Engine, Error> {
        let rows = self.shared().store.read()?;
        if users::owner(&rows)? == Some(self.user) {
            Ok(&self.engine)
        } else {
            Err(Error::Forbidden)
        }
    }

    /// Owner only: an address to link to; dialled until it answers or is forgotten.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Invalid`].
    pub async fn add_peer(&self, address: &str) -> Result<(), Error> {
        self.owner()?;
        self.engine.add_peer(address).await
    }

    /// Owner only: forgets an address that was typed.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub async fn forget_address(&self, address: &str) -> Result<(), Error> {
        self.owner()?;
        self.engine.forget_address(address).await
    }

    /// Accepts or declines a request (K10), or blocks the other person of any direct chat: then nothing
    /// more is taken from them or sent to them, and they are not told. Accepting takes a block back.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn answer_request(&self, chat: ChatId, answer: RequestAnswer) -> Result<(), Error> {
        let user = self.user;
        self.shared()
            .inputs
            .run(From::Local, move |turn| {
                let no = turn.number(chat)?.ok_or(Error::NotFound)?;
                let mut inbox = chats::inbox(turn.tx, user, no)?.ok_or(Error::NotFound)?;
                turn.durable();
                inbox.state = match answer {
                    RequestAnswer::Accept => 0,
                    RequestAnswer::Decline => 2,
                    RequestAnswer::Block => 3,
                };
                inbox.held = (0, 0);
                chats::put_inbox(turn.tx, user, no, &inbox)?;
                turn.card_changed(user, no);
                turn.effects.groups.insert(no);
                Ok(())
            })
            .await
    }
}

/// What somebody does with a stranger's first message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestAnswer {
    /// Into the list.
    Accept,
    /// Out of sight.
    Decline,
    /// Nothing more is taken from them.
    Block,
}

/// Checks an address typed by a person.
pub(crate) fn typed_address(text: &str) -> Result<String, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::invalid("address", Reason::Empty));
    }
    if text.len() > chater_protocol::limits::ADDRESS {
        return Err(Error::invalid("address", Reason::Long));
    }
    chater_network::check_address(text).map_err(|_| Error::invalid("address", Reason::Malformed))
}
