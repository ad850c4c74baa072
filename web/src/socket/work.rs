//! Carries out what a socket asked for. Every wish is one future of one type, so that a socket task
//! holds hundreds of them without a task each.

use chater_engine::view::{Message, PeopleAnswer};
use chater_engine::{Error, UserHandle};
use std::sync::Arc;
use tokio::sync::mpsc;

use super::frames::{FrameId, Wish};

/// A wish that was carried out, or not.
pub(super) enum Done {
    /// Sent, after the commit; `bool` = newly stored.
    Sent(FrameId, Arc<Message>, bool),
    /// Done; nothing more to say.
    Plain(FrameId),
    /// A search begins; the number tells whether it is still the latest.
    Searching(FrameId, u64, String, mpsc::Receiver<PeopleAnswer>),
    /// Refused.
    Refused(FrameId, Error),
}

/// Carries one wish out. `search` numbers the searches of a socket.
pub(super) async fn carry_out(user: UserHandle, id: FrameId, wish: Wish, search: u64) -> Done {
    let outcome = match wish {
        Wish::Send(chat, draft) => match user.send(chat, draft).await {
            Ok((message, is_new)) => return Done::Sent(id, message, is_new),
            Err(error) => Err(error),
        },
        Wish::Read(chat, message) => user.read(chat, message).await,
        Wish::Search(q) => match user.search(&q).await {
            Ok(answers) => return Done::Searching(id, search, q, answers),
            Err(error) => Err(error),
        },
        Wish::Typing(chat, on) => {
            user.typing(chat, on);
            Ok(())
        }
        Wish::Stop => Ok(()),
    };
    match outcome {
        Ok(()) => Done::Plain(id),
        Err(error) => Done::Refused(id, error),
    }
}
