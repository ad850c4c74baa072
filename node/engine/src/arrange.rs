//! How a user arranges their own list: chats on top, silent, in the archive, read or not. Nothing of it leaves
//! this node, but for the read mark that goes with "read".

use chater_protocol::id::{ChatId, UserId};
use chater_store::chats::{self, InboxRow};

use crate::error::{Error, Reason};
use crate::marks::{self, Note};
use crate::pump::send_notes;
use crate::read::Reader;
use crate::turn::{Fail, Turn};
use crate::user::UserHandle;

/// Silent for good: the last second of the year 9999, Unix ms, so that it is a time like any other.
pub(crate) const FOREVER_MS: u64 = 253_402_300_799_000;
/// Messages looked through for one of somebody else.
const BACK: usize = 200;

/// For how long a chat is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// It is heard again.
    Off,
    /// From now on, ms.
    For(u64),
    /// Until it is taken back.
    Ever,
}

/// One change of how a chat stands in its user's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrange {
    /// On top of the list, or not.
    Pin(bool),
    /// Out of the list, or back in it. What goes to the archive is on top no more.
    Archive(bool),
    /// No notifications, and a quiet badge.
    Mute(Silence),
    /// Everything that is here is read; the other side is told as by reading (L9).
    Read,
    /// The newest message of somebody else counts as unread again; the other side keeps its mark.
    Unread,
}

/// Whether a chat is silent at a time.
pub(crate) fn is_muted(inbox: &InboxRow, now_ms: u64) -> bool {
    inbox.muted_until_ms.is_some_and(|until| until > now_ms)
}

impl UserHandle {
    /// Changes how a chat stands in the own list, all of it or nothing. Twice is once.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] for what is no open chat; [`Error::Invalid`] when there is
    /// no message of somebody else to count as unread; [`Error::TooMany`].
    pub async fn arrange(&self, chat: ChatId, changes: Vec<Arrange>) -> Result<(), Error> {
        self.charge_message()?;
        let user = self.id();
        let notes = self
            .run(move |turn| arrange(turn, user, chat, &changes))
            .await?;
        send_notes(self.shared(), notes);
        Ok(())
    }
}

fn arrange(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    changes: &[Arrange],
) -> Result<Vec<Note>, Fail> {
    let no = turn.number(chat)?.ok_or(Error::NotFound)?;
    let mut inbox = chats::inbox(turn.tx, user, no)?.ok_or(Error::NotFound)?;
    if inbox.state != 0 {
        return Err(Error::Forbidden.into());
    }
    // Before anything is written: what is refused changes nothing.
    let newest = newest_of_others(turn, user, no)?;
    if changes.contains(&Arrange::Unread) && newest.is_none() {
        return Err(Error::invalid("unread", Reason::Empty).into());
    }
    let mut notes = Vec::new();
    for change in changes {
        match *change {
            Arrange::Pin(on) => inbox.pinned = on,
            Arrange::Archive(on) => {
                inbox.archived = on;
                inbox.pinned &= !on;
            }
            Arrange::Mute(silence) => {
                inbox.muted_until_ms = match silence {
                    Silence::Off => None,
                    Silence::For(ms) => Some(turn.now_ms.saturating_add(ms).min(FOREVER_MS)),
                    Silence::Ever => Some(FOREVER_MS),
                }
            }
            Arrange::Read => {
                inbox.read_n = turn.row(no)?.count;
                if let Some((_, id)) = &newest {
                    notes = marks::read(turn, user, chat, *id)?;
                }
            }
            Arrange::Unread => {
                let before = newest.map_or(0, |(n, _)| n.saturating_sub(1));
                inbox.read_n = inbox.read_n.min(before);
            }
        }
    }
    turn.durable();
    chats::put_inbox(turn.tx, user, no, &inbox)?;
    turn.card_changed(user, no);
    Ok(notes)
}

/// Arrival number and id of the newest message of somebody else that the user may see.
fn newest_of_others(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    no: u32,
) -> Result<Option<(u64, chater_protocol::id::EventId)>, Fail> {
    let reader = Reader::new(turn.shared, turn.tx, user);
    let newest = reader.walk(no, None, true, BACK)?;
    let Some(row) = newest.into_iter().find(|row| row.place.author != user) else {
        return Ok(None);
    };
    let event = chater_store::events::event(turn.tx, row.feed_no, row.place.seq, row.branch)?;
    Ok(event.map(|event| (row.n, event.id())))
}
