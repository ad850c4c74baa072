//! Chats: open one, list them, mark them read.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use chater_engine::id::{ChatId, UserId};
use chater_engine::{Arrange, Filter, Reason, RequestAnswer};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::{Answer, Asked, At, Body, Id, answer, id};
use super::shapes::Chat;
use crate::error::{ApiError, ErrorAnswer, Problem};
use crate::pages::arrange::silence;
use crate::session::Bearer;

/// Q28.
const PAGE: usize = 40;

/// A direct chat (`with`) or a group (`title` and `members`).
#[derive(Deserialize, ToSchema)]
pub(super) struct NewChat {
    /// `nick@node`, a nick of this node, or a user id.
    with: Option<String>,
    /// A group's title.
    title: Option<String>,
    /// A group's first members.
    members: Option<Vec<String>>,
}

/// Which page of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct List {
    /// 40 if left out, 100 at most.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `all`, `unread`, `groups`, `requests`, `blocked` or `archive`.
    filter: Option<String>,
}

/// One page of the list.
#[derive(Serialize, ToSchema)]
pub(super) struct ChatList<'a> {
    /// Pinned first, then by last activity.
    chats: Vec<Chat<'a>>,
    /// Where the next page begins; null = this is the last.
    next: Option<&'a str>,
}

/// How far a chat is read.
#[derive(Deserialize, ToSchema)]
pub(super) struct ReadMark {
    /// The newest message read.
    message_id: String,
}

/// What becomes of somebody who asks to talk.
#[derive(Deserialize, ToSchema)]
pub(super) struct Verdict {
    /// `accept`, `decline` or `block`. Any direct chat can be blocked; `accept` takes it back.
    answer: String,
}

/// Whom these addresses, nicks or ids name.
pub(super) async fn people(
    bearer: &Bearer,
    named: &[String],
) -> Result<BTreeSet<UserId>, ApiError> {
    if named.len() > 200 {
        return Err(Problem::invalid("members", Reason::Long).into());
    }
    let mut people = BTreeSet::new();
    for name in named {
        people.insert(bearer.user.find(name).await?.user_id);
    }
    Ok(people)
}

/// Opens the direct chat with a person (the second time it is the same chat), or founds a group.
#[utoipa::path(post, path = "/api/v1/chats", tag = "chats", request_body = NewChat,
    responses((status = 201, body = Chat), (status = 200, body = Chat), (status = 401, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 409, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(super) async fn open(bearer: Bearer, Body(body): Body<NewChat>) -> Answer {
    if body.title.is_some() || body.members.is_some() {
        if body.with.is_some() {
            return Err(Problem::invalid("with", Reason::Malformed).into());
        }
        let members = people(&bearer, &body.members.unwrap_or_default()).await?;
        let title = body.title.unwrap_or_default();
        let chat = bearer.user.create_group(title, members).await?;
        return answer(StatusCode::CREATED, &Chat::from(&chat));
    }
    let Some(with) = body.with else {
        return Err(Problem::invalid("with", Reason::Empty).into());
    };
    let person = bearer.user.find(&with).await?;
    let (chat, is_new) = bearer.user.start(person.user_id).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    answer(status, &Chat::from(&chat))
}

/// Lists the chats.
#[utoipa::path(get, path = "/api/v1/chats", tag = "chats", params(List),
    responses((status = 200, body = ChatList), (status = 401, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(super) async fn list(bearer: Bearer, Asked(asked): Asked<List>) -> Answer {
    let filter = match asked.filter.as_deref() {
        None | Some("all") => Filter::All,
        Some("unread") => Filter::Unread,
        Some("groups") => Filter::Groups,
        Some("requests") => Filter::Requests,
        Some("blocked") => Filter::Blocked,
        Some("archive") => Filter::Archive,
        Some(_) => return Err(Problem::invalid("filter", Reason::Malformed).into()),
    };
    let limit = asked.limit.unwrap_or(PAGE).clamp(1, 100);
    let page = bearer.user.chats(filter, limit, asked.cursor.as_deref())?;
    let list = ChatList {
        chats: page.chats.iter().map(Into::into).collect(),
        next: page.next.as_deref(),
    };
    answer(StatusCode::OK, &list)
}

/// How a chat stands in the caller's list. What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
pub(super) struct Arrangement {
    /// On top of the list.
    pinned: Option<bool>,
    /// Out of the list, until somebody writes; what is silent stays there.
    archived: Option<bool>,
    /// `1h`, `8h`, `ever`, or `off`.
    mute: Option<String>,
    /// Counts as unread (the newest message of somebody else), or everything counts as read.
    unread: Option<bool>,
}

/// Pins, mutes, archives, marks read or unread: for the caller alone.
#[utoipa::path(patch, path = "/api/v1/chats/{chat_id}", tag = "chats", request_body = Arrangement,
    params(("chat_id" = String, Path)),
    responses((status = 200, body = Chat), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 422, body = ErrorAnswer), (status = 429, body = ErrorAnswer)))]
pub(super) async fn arrange(
    bearer: Bearer,
    At(Id(chat)): At<Id<ChatId>>,
    Body(body): Body<Arrangement>,
) -> Answer {
    let silence = body.mute.as_deref().map(silence).transpose()?;
    let mut changes = Vec::new();
    changes.extend(body.pinned.map(Arrange::Pin));
    changes.extend(body.archived.map(Arrange::Archive));
    changes.extend(silence.map(Arrange::Mute));
    changes.extend(
        body.unread
            .map(|on| if on { Arrange::Unread } else { Arrange::Read }),
    );
    bearer.user.arrange(chat, changes).await?;
    answer(StatusCode::OK, &Chat::from(&bearer.user.chat(chat)?))
}

/// Deletes a chat for the caller alone: out of the list, its messages not shown again. A new message brings it
/// back empty.
#[utoipa::path(delete, path = "/api/v1/chats/{chat_id}", tag = "chats",
    params(("chat_id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorAnswer), (status = 404, body = ErrorAnswer),
        (status = 429, body = ErrorAnswer)))]
pub(super) async fn delete(bearer: Bearer, At(Id(chat)): At<Id<ChatId>>) -> Answer {
    bearer.user.delete_chat(chat).await?;
    Ok(axum::response::IntoResponse::into_response(
        StatusCode::NO_CONTENT,
    ))
}

/// Marks everything up to a message as read.
#[utoipa::path(post, path = "/api/v1/chats/{chat_id}/read", tag = "chats", request_body = ReadMark,
    params(("chat_id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorAnswer), (status = 404, body = ErrorAnswer)))]
pub(super) async fn read(
    bearer: Bearer,
    At(Id(chat)): At<Id<ChatId>>,
    Body(body): Body<ReadMark>,
) -> Answer {
    bearer.user.read(chat, id(&body.message_id)?).await?;
    Ok(axum::response::IntoResponse::into_response(
        StatusCode::NO_CONTENT,
    ))
}

/// Accepts or declines a stranger's request, or blocks the other person. They are not told.
#[utoipa::path(post, path = "/api/v1/chats/{chat_id}/request", tag = "chats", request_body = Verdict,
    params(("chat_id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorAnswer), (status = 404, body = ErrorAnswer),
        (status = 422, body = ErrorAnswer)))]
pub(super) async fn request(
    bearer: Bearer,
    At(Id(chat)): At<Id<ChatId>>,
    Body(body): Body<Verdict>,
) -> Answer {
    let answer = match body.answer.as_str() {
        "accept" => RequestAnswer::Accept,
        "decline" => RequestAnswer::Decline,
        "block" => RequestAnswer::Block,
        _ => return Err(Problem::invalid("answer", Reason::Malformed).into()),
    };
    bearer.user.answer_request(chat, answer).await?;
    Ok(axum::response::IntoResponse::into_response(
        StatusCode::NO_CONTENT,
    ))
}
