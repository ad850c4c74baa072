//! Members of groups. Groups are not built yet: an own chat answers 501, any other 404.

use chater_engine::Error;
use chater_engine::id::{ChatId, UserId};

use super::body::{Answer, At, Id};
use crate::error::ErrorAnswer;
use crate::session::Bearer;

fn not_yet(bearer: &Bearer, chat: ChatId) -> Answer {
    bearer.user.chat(chat)?;
    Err(Error::NotYet.into())
}

/// Lists the members of a group.
#[utoipa::path(get, path = "/api/v1/chats/{chat_id}/members", tag = "members", params(("chat_id" = String, Path)),
    responses((status = 404, body = ErrorAnswer), (status = 501, body = ErrorAnswer)))]
pub(super) async fn list(bearer: Bearer, At(Id(chat)): At<Id<ChatId>>) -> Answer {
    not_yet(&bearer, chat)
}

/// Adds members to a group.
#[utoipa::path(post, path = "/api/v1/chats/{chat_id}/members", tag = "members", params(("chat_id" = String, Path)),
    responses((status = 404, body = ErrorAnswer), (status = 501, body = ErrorAnswer)))]
pub(super) async fn add(bearer: Bearer, At(Id(chat)): At<Id<ChatId>>) -> Answer {
    not_yet(&bearer, chat)
}

/// Takes a member out of a group.
#[utoipa::path(delete, path = "/api/v1/chats/{chat_id}/members/{user_id}", tag = "members",
    params(("chat_id" = String, Path), ("user_id" = String, Path)),
    responses((status = 404, body = ErrorAnswer), (status = 501, body = ErrorAnswer)))]
pub(super) async fn remove(
    bearer: Bearer,
    At((Id(chat), Id(_user))): At<(Id<ChatId>, Id<UserId>)>,
) -> Answer {
    not_yet(&bearer, chat)
}
