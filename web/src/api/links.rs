//! Invitation links of groups (M9).

use axum::http::StatusCode;
use axum::response::IntoResponse;
use chater_engine::id::{ChatId, Hash};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Answer, At, Body, Id, answer};
use super::shapes::{Chat, Text, time};
use crate::error::ErrorAnswer;
use crate::session::Bearer;

/// For how many and how long.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewLink {
    /// People, 1-1,000.
    uses: u32,
    /// Days, 1-365.
    days: u32,
}

/// A new link; its secret is kept nowhere else.
#[derive(Serialize, ToSchema)]
pub(super) struct MadeLink {
    /// `chater:join/...`
    link: String,
}

/// A link as it is kept.
#[derive(Serialize, ToSchema)]
pub(super) struct Link {
    /// 64 hex digits.
    #[schema(value_type = String)]
    id: Text<Hash>,
    /// How many may still come by it.
    left: u32,
    /// How many have come.
    came: u32,
    /// Until when it counts.
    expires_at: String,
}

/// Links that still count.
#[derive(Serialize, ToSchema)]
pub(super) struct Links {
    links: Vec<Link>,
}

/// A link that was given to the caller.
#[derive(Deserialize, ToSchema)]
pub(super) struct GivenLink {
    /// `chater:join/...`
    link: String,
}

/// Makes an invitation link of a group; for who may add people.
#[utoipa::path(post, path = "/api/v1/chats/{chat_id}/links", tag = "members", request_body = NewLink,
    params(("chat_id" = String, Path)),
    responses((status = 201, body = MadeLink), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(super) async fn make(
    bearer: Bearer,
    At(Id(chat)): At<Id<ChatId>>,
    Body(body): Body<NewLink>,
) -> Answer {
    let link = bearer.user.make_link(chat, body.uses, body.days).await?;
    answer(StatusCode::CREATED, &MadeLink { link })
}

/// Lists the links that still count; for who may add people.
#[utoipa::path(get, path = "/api/v1/chats/{chat_id}/links", tag = "members", params(("chat_id" = String, Path)),
    responses((status = 200, body = Links), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer)))]
pub(super) async fn list(bearer: Bearer, At(Id(chat)): At<Id<ChatId>>) -> Answer {
    let links = bearer.user.links(chat).await?.into_iter().map(|link| Link {
        id: Text(link.id),
        left: link.left,
        came: link.came,
        expires_at: time(link.expires_at_ms),
    });
    answer(
        StatusCode::OK,
        &Links {
            links: links.collect(),
        },
    )
}

/// Takes a link back.
#[utoipa::path(delete, path = "/api/v1/chats/{chat_id}/links/{link_id}", tag = "members",
    params(("chat_id" = String, Path), ("link_id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer)))]
pub(super) async fn end(
    bearer: Bearer,
    At((Id(chat), Id(link))): At<(Id<ChatId>, Id<Hash>)>,
) -> Answer {
    bearer.user.end_link(chat, link).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Comes into a group by a link, wherever the node that made it is.
#[utoipa::path(post, path = "/api/v1/join", tag = "members", request_body = GivenLink,
    responses((status = 200, body = Chat), (status = 401, body = ErrorAnswer), (status = 422, body = ErrorAnswer),
        (status = 429, body = ErrorAnswer)))]
pub(super) async fn join(bearer: Bearer, Body(body): Body<GivenLink>) -> Answer {
    let chat = bearer.user.join(&body.link).await?;
    answer(StatusCode::OK, &Chat::from(&chat))
}
