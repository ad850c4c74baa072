//! Direct chats: exactly two users, for ever (K10).

use crate::event::{Header, Kind, Lane, Rejected};
use crate::id::{ChatId, UserId};
use crate::wire::ChatRef;

/// K10: the id both sides compute alike.
#[must_use]
pub fn chat_id(a: UserId, b: UserId) -> ChatId {
    ChatId(blake3::derive_key(
        "chater dm v1",
        &[a.min(b).0, a.max(b).0].concat(),
    ))
}

/// How a direct chat is named on the wire: id and both users, lower id first.
#[must_use]
pub fn chat_ref(a: UserId, b: UserId) -> ChatRef {
    ChatRef {
        chat: chat_id(a, b),
        users: Some((a.min(b), a.max(b))),
    }
}

/// Whether the users that a peer names really make that chat id.
#[must_use]
pub fn is_direct(chat: &ChatRef) -> Option<(UserId, UserId)> {
    let (a, b) = chat.users?;
    (a < b && chat_id(a, b) == chat.chat).then_some((a, b))
}

/// K10: whether this event may stand in the direct chat of `a` and `b`. Any other author is refused,
/// whoever brings it; `retire` is the one kind on lane 0, and only it may stand in `ctl`.
///
/// # Errors
/// [`Rejected::NotAllowed`].
pub fn check(header: &Header, a: UserId, b: UserId) -> Result<(), Rejected> {
    let member = header.author == a || header.author == b;
    let lane_0 = header.lane != Lane::Control as u8 || header.kind == Kind::RETIRE;
    // Unknown kinds are stored and passed on (E4), except on lane 0, which is closed.
    let kind = header.kind != Kind::PROFILE;
    if header.group == chat_id(a, b) && member && lane_0 && kind {
        Ok(())
    } else {
        Err(Rejected::NotAllowed)
    }
}
