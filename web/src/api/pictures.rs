//! The picture of a group. The body is the file itself; everything about it is judged by its bytes.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use chater_engine::Reason;
use chater_engine::id::ChatId;

use super::body::{Answer, At, Id, answer};
use super::shapes::Chat;
use crate::error::{ErrorAnswer, Problem};
use crate::form::unreadable;
use crate::session::Bearer;

/// Gives a group a picture: PNG, JPEG or WebP of 5 MB at most, cut square; for its owner and admins.
#[utoipa::path(put, path = "/api/v1/chats/{chat_id}/picture", tag = "members",
    request_body(content = Vec<u8>, content_type = "image/*"), params(("chat_id" = String, Path)),
    responses((status = 200, body = Chat), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 413, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(super) async fn set(
    bearer: Bearer,
    At(Id(chat)): At<Id<ChatId>>,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let bytes = body.map_err(|rejection| unreadable(rejection.status()))?;
    if bytes.is_empty() {
        return Err(Problem::invalid("photo", Reason::Empty).into());
    }
    let changed = bearer.user.set_group_picture(chat, bytes.to_vec()).await?;
    answer(StatusCode::OK, &Chat::from(&changed))
}

/// Takes the picture of a group away; for its owner and admins.
#[utoipa::path(delete, path = "/api/v1/chats/{chat_id}/picture", tag = "members", params(("chat_id" = String, Path)),
    responses((status = 200, body = Chat), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(super) async fn remove(bearer: Bearer, At(Id(chat)): At<Id<ChatId>>) -> Answer {
    let changed = bearer.user.remove_group_picture(chat).await?;
    answer(StatusCode::OK, &Chat::from(&changed))
}
