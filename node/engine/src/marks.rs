//! What is passing: read marks and typing, shown to those who live here and told to other nodes by sealed notes
//! (L9).

use chater_protocol::id::{ChatId, EventId, UserId};
use chater_protocol::seal::{EphNote, Ephemeral};
use chater_protocol::time::Timestamp;
use chater_store::chats::{self};
use chater_store::groups;

use crate::error::Error;
use crate::local::own_chat;
use crate::preferences;
use crate::read::{Reader, rules};
use crate::turn::{Fail, Turn};
use crate::update::News;
use crate::view::MessageState;

/// Everything up to that message is read; the other side is told (L9).
pub(crate) fn read(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    id: EventId,
) -> Result<Vec<Note>, Fail> {
    let (no, mut inbox) = own_chat(turn, user, chat)?;
    let stored = turn.in_chat(no, id)?.ok_or(Error::NotFound)?;
    if stored.n <= inbox.read_n
        && chats::mark(turn.tx, no, user)?.is_some_and(|(_, _, eff)| eff >= stored.eff)
    {
        return Ok(Vec::new());
    }
    inbox.read_n = inbox.read_n.max(stored.n);
    chats::put_inbox(turn.tx, user, no, &inbox)?;
    turn.card_changed(user, no);
    let old = chats::mark(turn.tx, no, user)?;
    // Strangers and blocked people are not told, and nobody is when the reader does not want it.
    if inbox.state != 0
        || !preferences::of(turn.tx, user)?.read_marks
        || !groups::group(turn.tx, no)?.is_none_or(|group| rules(group.policy.as_ref()).read_marks)
        || old.is_some_and(|(_, _, eff)| eff >= stored.eff)
    {
        return Ok(Vec::new());
    }
    let counter = Timestamp::for_event(turn.now_ms, old.map(|(counter, ..)| counter));
    mark_read(turn, no, user, counter, id, stored.eff)?;
    note(turn, user, no, counter, &EphNote::Read(id))
}

/// Keeps a member's read mark and shows it to the authors who live here.
pub(crate) fn mark_read(
    turn: &mut Turn<'_, '_>,
    no: u32,
    reader: UserId,
    counter: Timestamp,
    id: EventId,
    eff: Timestamp,
) -> Result<(), Fail> {
    let old = chats::mark(turn.tx, no, reader)?.map_or(Timestamp(0), |(_, _, eff)| eff);
    if eff < old || !chats::put_mark(turn.tx, no, reader, counter, id, eff)? {
        return Ok(());
    }
    let (chat, locals): (ChatId, Vec<UserId>) = turn.context(no, |_, c| {
        Ok((c.chat.chat, c.locals().filter(|u| *u != reader).collect()))
    })?;
    let is_group = turn.row(no)?.users.is_none();
    for author in locals {
        if turn.shared.hub.listens(author) && preferences::of(turn.tx, author)?.read_marks {
            let reader = Reader::new(turn.shared, turn.tx, author);
            let mut ids = reader.own_between(no, old, eff)?;
            if is_group {
                // Read is what the last member has read.
                let rest = reader.keep_those(chat, &mut ids, MessageState::Read)?;
                if let Some(news) = reader.told_reach(chat, &rest)? {
                    turn.tell(author, news);
                }
            }
            if !ids.is_empty() {
                turn.tell(
                    author,
                    News::State {
                        chat_id: chat,
                        ids,
                        state: MessageState::Read,
                    },
                );
                turn.card_changed(author, no);
            }
        }
    }
    Ok(())
}

/// A sealed note and the nodes it goes to.
pub(crate) struct Note {
    pub(crate) node: chater_protocol::id::NodeId,
    pub(crate) chat: chater_protocol::wire::ChatRef,
    pub(crate) note: Ephemeral,
}

/// Seals a mark or typing note for the other nodes of a chat (L9). Without a key there is nobody to tell.
pub(crate) fn note(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    no: u32,
    counter: Timestamp,
    what: &EphNote,
) -> Result<Vec<Note>, Fail> {
    let writer = match turn.writer(user) {
        Ok(writer) => writer,
        // I7: a stopped home signs nothing more, and reading goes on.
        Err(Fail::Refused(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    turn.context(no, |turn, context| {
        let newest = context
            .keys
            .iter()
            .filter(|k| k.usable)
            .max_by_key(|k| k.first_ms)
            .map(|k| k.id);
        let Some(secret) = newest.and_then(|id| context.secrets.get(&id)) else {
            return Ok(Vec::new());
        };
        if context.routes.is_empty() {
            return Ok(Vec::new());
        }
        let chat = context.chat.chat;
        let note = Ephemeral::make(
            chat,
            (user, writer.home),
            counter,
            what,
            secret,
            &writer.key,
            turn.rng,
        );
        let to = |(node, _): &(chater_protocol::id::NodeId, u32)| Note {
            node: *node,
            chat: context.chat.clone(),
            note: note.clone(),
        };
        Ok(context.routes.iter().map(to).collect())
    })
}

/// Typing: told to local members here, to others by a note.
pub(crate) fn typing(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    on: bool,
) -> Result<Vec<Note>, Fail> {
    let (no, inbox) = own_chat(turn, user, chat)?;
    if inbox.state != 0 || !preferences::of(turn.tx, user)?.typing {
        return Ok(Vec::new());
    }
    show_typing(turn, no, user, on)?;
    let counter = Timestamp::from_ms(turn.now_ms);
    note(turn, user, no, counter, &EphNote::Typing(on))
}

/// Shows typing to the local members of a chat.
pub(crate) fn show_typing(
    turn: &mut Turn<'_, '_>,
    no: u32,
    who: UserId,
    on: bool,
) -> Result<(), Fail> {
    let (chat_id, locals): (ChatId, Vec<UserId>) = turn.context(no, |_, c| {
        Ok((c.chat.chat, c.locals().filter(|u| *u != who).collect()))
    })?;
    let name = crate::person::person(turn.shared, turn.tx, who)?
        .display_name
        .clone();
    for local in locals {
        if !preferences::of(turn.tx, local)?.typing {
            continue;
        }
        turn.tell(
            local,
            News::Typing {
                chat_id,
                user_id: who,
                name: name.clone(),
                on,
            },
        );
    }
    Ok(())
}
