//! Messages: read, send, change.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use chater_engine::id::{ChatId, EventId};
use chater_engine::view::{self, Anchor};
use chater_engine::{Draft, Reason};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::{Answer, Asked, At, Body, Id, answer, id_if_any};
use super::shapes::{Message, Note, Text, time};
use crate::error::{ErrorAnswer, Problem};
use crate::session::Bearer;

/// Q28.
const PAGE: usize = 50;

/// Which page of messages.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// The page that ends just above this message.
    before: Option<String>,
    /// The page that begins just below this message.
    after: Option<String>,
    /// 50 if left out, 200 at most.
    limit: Option<usize>,
}

/// What to look for in a chat.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// 1-200 characters.
    q: String,
    /// `next` of the answer before.
    before: Option<String>,
}

/// A node on the way of a message.
#[derive(Serialize, ToSchema)]
pub(super) struct Hop<'a> {
    /// Its name.
    node: &'a str,
    /// Whether it is this node.
    here: bool,
    /// When it had the message on disk; null = not yet.
    at: Option<String>,
    /// When it is tried next, if it waits.
    next_try: Option<String>,
    /// Mailboxes of that node in which it lies sealed until the node comes; it is not delivered.
    mailboxes: Vec<InMailbox<'a>>,
}

/// A mailbox in which a message waits.
#[derive(Serialize, ToSchema)]
pub(super) struct InMailbox<'a> {
    /// The node that keeps it.
    node: &'a str,
    /// Since when.
    at: String,
}

/// The way of a message.
#[derive(Serialize, ToSchema)]
pub(super) struct Way<'a> {
    /// When it was written.
    sent_at: String,
    /// The nodes, this one first.
    hops: Vec<Hop<'a>>,
    /// Whether it was read.
    read: bool,
}

/// One page of messages.
#[derive(Serialize, ToSchema)]
pub(super) struct MessageList<'a> {
    /// Oldest first.
    messages: Vec<Message<'a>>,
    /// What happened to a group between them, oldest first.
    notes: Vec<Note<'a>>,
    /// To go on in the same direction: `before`, or `after` if that was asked. Null = the end.
    #[schema(value_type = Option<String>)]
    next: Option<Text<EventId>>,
}

/// A message to send.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewMessage {
    /// 1-8,000 characters.
    text: String,
    /// Makes a repeated send harmless; 1-64 of `A-Za-z0-9_-`.
    client_id: Option<String>,
    /// The message answered.
    reply_to: Option<String>,
}

/// A changed text.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewText {
    text: String,
}

/// One message.
#[derive(Serialize, ToSchema)]
pub(super) struct OneMessage<'a> {
    message: Message<'a>,
}

fn one(status: StatusCode, message: &view::Message) -> Answer {
    answer(
        status,
        &OneMessage {
            message: message.into(),
        },
    )
}

type OfMessage = At<(Id<ChatId>, Id<EventId>)>;

/// Reads messages; without an anchor the newest.
#[utoipa::path(get, path = "/api/v1/chats/{chat_id}/messages", tag = "messages",
    params(("chat_id" = String, Path), Page),
    responses((status = 200, body = MessageList), (status = 401, body = ErrorAnswer), (status = 404, body = ErrorAnswer)))]
pub(super) async fn list(
    bearer: Bearer,
    At(Id(chat)): At<Id<ChatId>>,
    Asked(asked): Asked<Page>,
) -> Answer {
    let before = id_if_any(asked.before.as_deref())?;
    let after = id_if_any(asked.after.as_deref())?;
    let anchor = match (before, after) {
        (None, None) => Anchor::Newest,
        (Some(id), None) => Anchor::Before(id),
        (None, Some(id)) => Anchor::After(id),
        (Some(_), Some(_)) => return Err(Problem::invalid("after", Reason::Malformed).into()),
    };
    let limit = asked.limit.unwrap_or(PAGE).clamp(1, 200);
    let page = bearer.user.messages(chat, anchor, limit)?;
    let next = if after.is_some() {
        page.newer
    } else {
        page.older
    };
    let list = MessageList {
        messages: page.messages.iter().map(Into::into).collect(),
        notes: page.notes.iter().map(Into::into).collect(),
        next: next.map(Text),
    };
    answer(StatusCode::OK, &list)
}

/// Sends a message; answers after the commit. The same `client_id` again: 200 and the first message.
#[utoipa::path(post, path = "/api/v1/chats/{chat_id}/messages", tag = "messages", request_body = NewMessage,
    params(("chat_id" = String, Path)),
    responses((status = 201, body = OneMessage), (status = 200, body = OneMessage), (status = 401, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 422, body = ErrorAnswer), (status = 429, body = ErrorAnswer),
        (status = 503, body = ErrorAnswer)))]
pub(super) async fn send(
    bearer: Bearer,
    At(Id(chat)): At<Id<ChatId>>,
    Body(body): Body<NewMessage>,
) -> Answer {
    let reply_to = id_if_any(body.reply_to.as_deref())?;
    let draft = Draft {
        text: body.text,
        client_id: body.client_id,
        reply_to,
    };
    let (message, is_new) = bearer.user.send(chat, draft).await?;
    one(
        if is_new {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        },
        &message,
    )
}

/// Changes an own message.
#[utoipa::path(patch, path = "/api/v1/chats/{chat_id}/messages/{message_id}", tag = "messages", request_body = NewText,
    params(("chat_id" = String, Path), ("message_id" = String, Path)),
    responses((status = 200, body = OneMessage), (status = 403, body = ErrorAnswer), (status = 404, body = ErrorAnswer),
        (status = 422, body = ErrorAnswer), (status = 501, body = ErrorAnswer)))]
pub(super) async fn edit(
    bearer: Bearer,
    At((Id(chat), Id(id))): OfMessage,
    Body(body): Body<NewText>,
) -> Answer {
    one(
        StatusCode::OK,
        &*bearer.user.edit(chat, id, body.text).await?,
    )
}

/// Takes an own message back.
#[utoipa::path(delete, path = "/api/v1/chats/{chat_id}/messages/{message_id}", tag = "messages",
    params(("chat_id" = String, Path), ("message_id" = String, Path)),
    responses((status = 200, body = OneMessage), (status = 403, body = ErrorAnswer), (status = 404, body = ErrorAnswer),
        (status = 501, body = ErrorAnswer)))]
pub(super) async fn delete(bearer: Bearer, At((Id(chat), Id(id))): OfMessage) -> Answer {
    one(StatusCode::OK, &*bearer.user.delete(chat, id).await?)
}

/// Adds a reaction.
#[utoipa::path(put, path = "/api/v1/chats/{chat_id}/messages/{message_id}/reactions/{emoji}", tag = "messages",
    params(("chat_id" = String, Path), ("message_id" = String, Path), ("emoji" = String, Path)),
    responses((status = 200, body = OneMessage), (status = 404, body = ErrorAnswer), (status = 422, body = ErrorAnswer),
        (status = 501, body = ErrorAnswer)))]
pub(super) async fn react(bearer: Bearer, at: OfReaction) -> Answer {
    reaction(bearer, at, true).await
}

/// Takes a reaction away.
#[utoipa::path(delete, path = "/api/v1/chats/{chat_id}/messages/{message_id}/reactions/{emoji}", tag = "messages",
    params(("chat_id" = String, Path), ("message_id" = String, Path), ("emoji" = String, Path)),
    responses((status = 200, body = OneMessage), (status = 404, body = ErrorAnswer), (status = 501, body = ErrorAnswer)))]
pub(super) async fn unreact(bearer: Bearer, at: OfReaction) -> Answer {
    reaction(bearer, at, false).await
}

/// Deletes a message, of anybody, for the caller alone; nobody else is told.
#[utoipa::path(post, path = "/api/v1/chats/{chat_id}/messages/{message_id}/hide", tag = "messages",
    params(("chat_id" = String, Path), ("message_id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorAnswer), (status = 404, body = ErrorAnswer),
        (status = 429, body = ErrorAnswer)))]
pub(super) async fn hide(bearer: Bearer, At((Id(chat), Id(id))): OfMessage) -> Answer {
    bearer.user.hide(chat, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The way of an own message: every node with its time.
#[utoipa::path(get, path = "/api/v1/chats/{chat_id}/messages/{message_id}/path", tag = "messages",
    params(("chat_id" = String, Path), ("message_id" = String, Path)),
    responses((status = 200, body = Way), (status = 401, body = ErrorAnswer), (status = 404, body = ErrorAnswer)))]
pub(super) async fn path(bearer: Bearer, At((Id(chat), Id(id))): OfMessage) -> Answer {
    let way = bearer.user.path(chat, id).await?;
    let hops = way.hops.iter().map(|hop| Hop {
        node: &hop.node,
        here: hop.here,
        at: hop.at_ms.map(time),
        next_try: hop.next_try_ms.map(time),
        mailboxes: hop
            .lies_in
            .iter()
            .map(|(node, at)| InMailbox {
                node,
                at: time(*at),
            })
            .collect(),
    });
    let shape = Way {
        sent_at: time(way.sent_at_ms),
        hops: hops.collect(),
        read: way.read,
    };
    answer(StatusCode::OK, &shape)
}

/// Searches the texts of one chat as they are now, newest first.
#[utoipa::path(get, path = "/api/v1/chats/{chat_id}/search", tag = "messages",
    params(("chat_id" = String, Path), Wanted),
    responses((status = 200, body = MessageList), (status = 401, body = ErrorAnswer), (status = 404, body = ErrorAnswer),
        (status = 422, body = ErrorAnswer), (status = 429, body = ErrorAnswer)))]
pub(super) async fn find(
    bearer: Bearer,
    At(Id(chat)): At<Id<ChatId>>,
    Asked(asked): Asked<Wanted>,
) -> Answer {
    let before = id_if_any(asked.before.as_deref())?;
    let found = bearer.user.find_in_chat(chat, &asked.q, before).await?;
    let list = MessageList {
        messages: found.messages.iter().map(Into::into).collect(),
        notes: Vec::new(),
        next: found.next.map(Text),
    };
    answer(StatusCode::OK, &list)
}

type OfReaction = At<(Id<ChatId>, Id<EventId>, String)>;

async fn reaction(bearer: Bearer, At((Id(chat), Id(id), emoji)): OfReaction, on: bool) -> Answer {
    one(
        StatusCode::OK,
        &*bearer.user.react(chat, id, emoji, on).await?,
    )
}
