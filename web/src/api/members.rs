//! Members of chats. Those of a direct chat can be listed and nothing else.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use chater_engine::id::{ChatId, UserId};
use chater_engine::{Reason, view};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Answer, At, Body, Id, answer};
use super::shapes::{Chat, Person};
use crate::error::{ErrorAnswer, Problem};
use crate::session::Bearer;

/// Somebody in a chat.
#[derive(Serialize, ToSchema)]
pub(super) struct Member<'a> {
    #[serde(flatten)]
    person: Person<'a>,
    /// `owner`, `admin` or `member`.
    role: &'a str,
    /// What the invitation still waits for: `answer`, `node` (which has not been there since); null = nothing, or this
    /// node cannot tell.
    waiting: Option<&'a str>,
}

/// Everybody in a chat.
#[derive(Serialize, ToSchema)]
pub(super) struct Members<'a> {
    /// The owner first, then admins.
    members: Vec<Member<'a>>,
}

/// Who is to come in.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewMembers {
    /// `nick@node`, a nick of this node, or a user id; 200 at most.
    members: Vec<String>,
}

/// What a member is from now on.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewRole {
    /// `admin` or `member`.
    role: String,
}

/// A new title.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewTitle {
    /// 1-64 characters.
    title: String,
}

fn listed(members: &[view::Member]) -> Answer {
    let members = members.iter().map(|member| Member {
        person: (&member.person).into(),
        role: member.role.as_str(),
        waiting: member.waiting.map(view::Waiting::as_str),
    });
    answer(
        StatusCode::OK,
        &Members {
            members: members.collect(),
        },
    )
}

/// Lists who is in a chat.
#[utoipa::path(get, path = "/api/v1/chats/{chat_id}/members", tag = "members", params(("chat_id" = String, Path)),
    responses((status = 200, body = Members), (status = 401, body = ErrorAnswer), (status = 404, body = ErrorAnswer)))]
pub(super) async fn list(bearer: Bearer, At(Id(chat)): At<Id<ChatId>>) -> Answer {
    listed(&bearer.user.members(chat)?)
}

/// Adds members to a group.
#[utoipa::path(post, path = "/api/v1/chats/{chat_id}/members", tag = "members", request_body = NewMembers,
    params(("chat_id" = String, Path)),
    responses((status = 200, body = Members), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 409, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(super) async fn add(
    bearer: Bearer,
    At(Id(chat)): At<Id<ChatId>>,
    Body(body): Body<NewMembers>,
) -> Answer {
    // Foreign chats are not found, whoever is named.
    bearer.user.chat(chat)?;
    let members = super::chats::people(&bearer, &body.members).await?;
    if members.is_empty() {
        return Err(Problem::invalid("members", Reason::Empty).into());
    }
    bearer.user.add_members(chat, members).await?;
    listed(&bearer.user.members(chat)?)
}

/// Takes a member out of a group; oneself: leaves it.
#[utoipa::path(delete, path = "/api/v1/chats/{chat_id}/members/{user_id}", tag = "members",
    params(("chat_id" = String, Path), ("user_id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(super) async fn remove(
    bearer: Bearer,
    At((Id(chat), Id(user))): At<(Id<ChatId>, Id<UserId>)>,
) -> Answer {
    bearer.user.remove_member(chat, user).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Makes a member an admin, or takes that back; for the owner.
#[utoipa::path(patch, path = "/api/v1/chats/{chat_id}/members/{user_id}", tag = "members", request_body = NewRole,
    params(("chat_id" = String, Path), ("user_id" = String, Path)),
    responses((status = 200, body = Members), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(super) async fn role(
    bearer: Bearer,
    At((Id(chat), Id(user))): At<(Id<ChatId>, Id<UserId>)>,
    Body(body): Body<NewRole>,
) -> Answer {
    let admin = match body.role.as_str() {
        "admin" => true,
        "member" => false,
        _ => return Err(Problem::invalid("role", Reason::Malformed).into()),
    };
    bearer.user.set_role(chat, user, admin).await?;
    listed(&bearer.user.members(chat)?)
}

/// Gives a group another title.
#[utoipa::path(put, path = "/api/v1/chats/{chat_id}/title", tag = "members", request_body = NewTitle,
    params(("chat_id" = String, Path)),
    responses((status = 200, body = Chat), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(super) async fn rename(
    bearer: Bearer,
    At(Id(chat)): At<Id<ChatId>>,
    Body(body): Body<NewTitle>,
) -> Answer {
    let renamed = bearer.user.rename_group(chat, body.title).await?;
    answer(StatusCode::OK, &Chat::from(&renamed))
}

/// Other rules of a group.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewRules {
    /// Every member may add people, not only admins.
    everyone_adds: bool,
    /// What newcomers may read: `all`, `days`, `since_join`.
    history: String,
    /// How many days, where `history` is `days`.
    days: Option<u16>,
    /// Whether members see what others have read.
    read_marks: bool,
}

/// Changes what the owner of a group allows; for the owner.
#[utoipa::path(put, path = "/api/v1/chats/{chat_id}/rules", tag = "members", request_body = NewRules,
    params(("chat_id" = String, Path)),
    responses((status = 200, body = Chat), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(super) async fn rules(
    bearer: Bearer,
    At(Id(chat)): At<Id<ChatId>>,
    Body(body): Body<NewRules>,
) -> Answer {
    let rules = view::GroupRules {
        everyone_adds: body.everyone_adds,
        history: history(&body.history, body.days)?,
        read_marks: body.read_marks,
    };
    let changed = bearer.user.set_rules(chat, rules).await?;
    answer(StatusCode::OK, &Chat::from(&changed))
}

/// What newcomers may read, in the words of forms and of the API.
pub(crate) fn history(
    word: &str,
    days: Option<u16>,
) -> Result<view::History, chater_engine::Error> {
    match word {
        "all" => Ok(view::History::All),
        "days" => Ok(view::History::Days(days.unwrap_or_default())),
        "since_join" => Ok(view::History::SinceJoin),
        _ => Err(chater_engine::Error::invalid("history", Reason::Malformed)),
    }
}

/// How much of a chat is here, as far as the nodes of its members say.
#[derive(Serialize, ToSchema)]
pub(super) struct Completeness {
    /// Messages and other events known to exist but not here.
    missing: u32,
    /// Names of those whose messages lack, three at most, as far as that is known.
    of: Vec<String>,
    /// Nodes of other members.
    nodes: u32,
    /// Those of them that are connected and were asked just now.
    asked: u32,
    /// Those that have the same.
    equal: u32,
    /// Nothing is known to lack, and at least three nodes, or all there are, have the same.
    complete: bool,
}

/// Compares a chat with the nodes of its members, now.
#[utoipa::path(get, path = "/api/v1/chats/{chat_id}/completeness", tag = "members", params(("chat_id" = String, Path)),
    responses((status = 200, body = Completeness), (status = 401, body = ErrorAnswer), (status = 404, body = ErrorAnswer)))]
pub(super) async fn completeness(bearer: Bearer, At(Id(chat)): At<Id<ChatId>>) -> Answer {
    let found = bearer.user.completeness(chat).await?;
    answer(
        StatusCode::OK,
        &Completeness {
            missing: found.missing,
            of: found.of,
            nodes: found.nodes,
            asked: found.asked,
            equal: found.equal,
            complete: found.complete,
        },
    )
}
