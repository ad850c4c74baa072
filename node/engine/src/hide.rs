//! Deleting for oneself: a message, or a chat. Nothing leaves this node, and nobody is told.

use std::sync::Arc;

use chater_protocol::id::{ChatId, EventId, UserId};
use chater_store::{chats, hidden};

use crate::actor::From;
use crate::error::Error;
use crate::read::Reader;
use crate::turn::{Fail, Turn};
use crate::update::News;
use crate::user::UserHandle;
use crate::view::Message;

/// The state of a chat that its user deleted: out of every list until the next message.
pub(crate) const DELETED: u8 = 5;

impl UserHandle {
    /// Deletes a message, of anybody, for this user alone. Twice is once.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::TooMany`].
    pub async fn hide(&self, chat: ChatId, id: EventId) -> Result<(), Error> {
        self.charge_message()?;
        let user = self.id();
        self.shared()
            .inputs
            .run(From::Local, move |turn| hide(turn, user, chat, id))
            .await
    }

    /// Takes back that a message was deleted for oneself. What was cleared together with the whole chat stays so.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::TooMany`].
    pub async fn unhide(&self, chat: ChatId, id: EventId) -> Result<Message, Error> {
        self.charge_message()?;
        let user = self.id();
        self.shared()
            .inputs
            .run(From::Local, move |turn| unhide(turn, user, chat, id))
            .await?;
        self.message(chat, id)
    }

    /// Deletes a chat for this user alone: it leaves the list, and what was in it is not shown again. A new
    /// message brings it back empty. Twice is once.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::TooMany`].
    pub async fn delete_chat(&self, chat: ChatId) -> Result<(), Error> {
        self.charge_message()?;
        let user = self.id();
        self.shared()
            .inputs
            .run(From::Local, move |turn| delete_chat(turn, user, chat))
            .await
    }
}

fn hide(turn: &mut Turn<'_, '_>, user: UserId, chat: ChatId, id: EventId) -> Result<(), Fail> {
    let no = turn.number(chat)?.ok_or(Error::NotFound)?;
    let mut inbox = chats::inbox(turn.tx, user, no)?.ok_or(Error::NotFound)?;
    let stored = turn.in_chat(no, id)?.ok_or(Error::NotFound)?;
    turn.durable();
    hidden::hide(turn.tx, user, no, stored.n)?;
    // What somebody deletes they have seen: it must not stay unread for ever where nothing shows it.
    if stored.n > inbox.read_n {
        inbox.read_n = stored.n;
        chats::put_inbox(turn.tx, user, no, &inbox)?;
    }
    let gone = News::Gone {
        chat_id: chat,
        id: Some(id),
    };
    turn.tell(user, gone);
    turn.card_changed(user, no);
    Ok(())
}

fn unhide(turn: &mut Turn<'_, '_>, user: UserId, chat: ChatId, id: EventId) -> Result<(), Fail> {
    let no = turn.number(chat)?.ok_or(Error::NotFound)?;
    chats::inbox(turn.tx, user, no)?.ok_or(Error::NotFound)?;
    let stored = turn.in_chat(no, id)?.ok_or(Error::NotFound)?;
    turn.durable();
    hidden::show(turn.tx, user, no, stored.n)?;
    // Other pages of this user show it again.
    let row = turn.row(no)?.clone();
    let event = chater_store::events::event(turn.tx, stored.feed_no, stored.seq, stored.branch)?;
    let reader = Reader::new(turn.shared, turn.tx, user);
    let shown = event
        .map(|event| reader.at(no, &row, &stored, &event))
        .transpose()?
        .flatten();
    if let Some(message) = shown {
        turn.tell(user, News::Message(Arc::new(message)));
    }
    turn.card_changed(user, no);
    Ok(())
}

fn delete_chat(turn: &mut Turn<'_, '_>, user: UserId, chat: ChatId) -> Result<(), Fail> {
    let no = turn.number(chat)?.ok_or(Error::NotFound)?;
    let mut inbox = chats::inbox(turn.tx, user, no)?.ok_or(Error::NotFound)?;
    let count = turn.row(no)?.count;
    turn.durable();
    hidden::clear(turn.tx, user, no, count)?;
    // A request, a refusal or a block outlives what was written.
    if inbox.state == 0 {
        inbox.state = DELETED;
    }
    inbox.read_n = count;
    inbox.pinned = false;
    inbox.archived = false;
    inbox.draft = None;
    chats::put_inbox(turn.tx, user, no, &inbox)?;
    let gone = News::Gone {
        chat_id: chat,
        id: None,
    };
    turn.tell(user, gone);
    Ok(())
}
