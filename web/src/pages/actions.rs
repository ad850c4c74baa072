//! What can be done with one message: a page of forms, and what the forms (and the script of the conversation) send. The
//! same for deleting a chat.

use askama::Template;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chater_engine::Error;
use chater_engine::id::{ChatId, EventId};
use chater_engine::view::Message;
use serde::Deserialize;
use serde_json::json;

use super::ask::Ask;
use super::chat::{chat_id, event};
use super::emoji::REACTIONS;
use super::fragment::{self, MessageItem};
use super::shell::{Shell, page_with, see_other};
use super::time;
use super::write::{refused, wants_json, words};
use crate::app::App;
use crate::error::{PageError, PageResult};
use crate::i18n::Look;
use crate::session::{CheckedForm, Session};

/// Own messages can be changed for 48 hours; the engine holds to it, the page only offers it no longer.
const EDIT_MS: i64 = 48 * 60 * 60 * 1000;

#[derive(Template)]
#[template(path = "pages/actions.html")]
struct ActionsPage<'a> {
    look: &'a Look,
    shell: Shell,
    m: &'a Message,
    item: MessageItem<'a>,
    reactions: [&'static str; 6],
    can_edit: bool,
    /// A text that was not taken.
    kept: Option<String>,
    error: Option<String>,
}

impl ActionsPage<'_> {
    fn is_given(&self, emoji: &str) -> bool {
        self.m.reactions.iter().any(|r| r.mine && r.emoji == emoji)
    }

    fn text(&self) -> &str {
        let typed = self.kept.as_deref().or(self.m.text.as_deref());
        typed.unwrap_or_default()
    }
}

/// `/c/{chat}/m/{message}`.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path((chat, message)): Path<(String, String)>,
) -> PageResult {
    let (chat, message) = (chat_id(&chat)?, event(&message)?);
    render(&app, &session, &look, (chat, message), None, StatusCode::OK).await
}

async fn render(
    app: &App,
    session: &Session,
    look: &Look,
    (chat, id): (ChatId, EventId),
    kept: Option<(String, String)>,
    status: StatusCode,
) -> Result<Response, PageError> {
    let message = session.user.message(chat, id)?;
    let shell = Shell::new(app, session, look.t("message-actions"))
        .await
        .section("chats");
    let (kept, error) = kept.unzip();
    Ok(page_with(
        status,
        &ActionsPage {
            look,
            shell,
            item: MessageItem::new(&message, look),
            reactions: REACTIONS,
            can_edit: message.own
                && message.text.is_some()
                && time::now_ms().saturating_sub(message.sent_at_ms) < EDIT_MS,
            m: &message,
            kept,
            error,
        },
    ))
}

/// Scripts get the message drawn anew; a form leads back to it.
fn changed(headers: &HeaderMap, look: &Look, message: &Message) -> Response {
    if wants_json(headers) {
        let body = json!({
            "id": message.id.to_string(),
            "html": fragment::message(message, look),
        });
        return Json(body).into_response();
    }
    let (chat, id) = (message.chat_id, message.id);
    see_other(&format!("/c/{chat}?at={id}#m-{id}"))
}

fn ids(chat: &str, message: &str) -> Result<(ChatId, EventId), Error> {
    Ok((chat_id(chat)?, event(message)?))
}

/// A reaction to give or to take back.
#[derive(Deserialize)]
pub(crate) struct ReactForm {
    add: Option<String>,
    drop: Option<String>,
}

/// Gives or takes back a reaction.
pub(crate) async fn react(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path((chat, message)): Path<(String, String)>,
    headers: HeaderMap,
    CheckedForm(form): CheckedForm<ReactForm>,
) -> PageResult {
    let (at, on) = (ids(&chat, &message)?, form.add.is_some());
    let emoji = form.add.or(form.drop).unwrap_or_default();
    let done = session
        .user
        .react(at.0, at.1, emoji.trim().to_owned(), on)
        .await;
    answer(&app, &session, &look, &headers, at, done, None).await
}

/// A changed text.
#[derive(Deserialize)]
pub(crate) struct EditForm {
    #[serde(default)]
    text: String,
}

/// Changes the text of an own message.
pub(crate) async fn edit(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path((chat, message)): Path<(String, String)>,
    headers: HeaderMap,
    CheckedForm(form): CheckedForm<EditForm>,
) -> PageResult {
    let at = ids(&chat, &message)?;
    let done = session.user.edit(at.0, at.1, form.text.clone()).await;
    answer(&app, &session, &look, &headers, at, done, Some(form.text)).await
}

/// The message as it is now, or what went wrong: on the page of its actions, with what was typed.
async fn answer(
    app: &App,
    session: &Session,
    look: &Look,
    headers: &HeaderMap,
    at: (ChatId, EventId),
    done: Result<std::sync::Arc<Message>, Error>,
    typed: Option<String>,
) -> PageResult {
    match done {
        Ok(message) => Ok(changed(headers, look, &message)),
        Err(error) if wants_json(headers) => Ok(refused(look, &error)),
        Err(error @ (Error::Invalid { .. } | Error::TooMany { .. } | Error::Busy)) => {
            let (status, _, reason) = words(look, &error);
            let text = match typed {
                Some(text) => text,
                None => session.user.message(at.0, at.1)?.text.unwrap_or_default(),
            };
            render(app, session, look, at, Some((text, reason)), status).await
        }
        Err(error) => Err(error.into()),
    }
}

/// For whom a message is deleted.
#[derive(Deserialize)]
pub(crate) struct DeleteForm {
    #[serde(default)]
    scope: String,
}

/// Deletes a message, for oneself (`me`) or, an own one, for all (`all`).
pub(crate) async fn delete(
    session: Session,
    look: Look,
    Path((chat, message)): Path<(String, String)>,
    headers: HeaderMap,
    CheckedForm(form): CheckedForm<DeleteForm>,
) -> PageResult {
    let json = wants_json(&headers);
    let done = match (ids(&chat, &message), form.scope.as_str()) {
        (Ok((chat, id)), "me") => session.user.hide(chat, id).await.map(|()| None),
        (Ok((chat, id)), "all") => session.user.delete(chat, id).await.map(Some),
        (Ok(_), _) => Err(Error::NotFound),
        (Err(error), _) => Err(error),
    };
    match done {
        Ok(Some(message)) => Ok(changed(&headers, &look, &message)),
        Ok(None) if json => Ok(StatusCode::NO_CONTENT.into_response()),
        // Without scripts the page offers to take it back; with them a toast does.
        Ok(None) => Ok(see_other(&format!("/c/{chat}?undo={message}"))),
        Err(error) if json => Ok(refused(&look, &error)),
        Err(error) => Err(error.into()),
    }
}

/// Takes back that a message was deleted for oneself.
pub(crate) async fn restore(
    session: Session,
    look: Look,
    Path((chat, message)): Path<(String, String)>,
    headers: HeaderMap,
    CheckedForm(NoFields {}): CheckedForm<NoFields>,
) -> PageResult {
    let done = match ids(&chat, &message) {
        Ok((chat, id)) => session.user.unhide(chat, id).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(message) => Ok(changed(&headers, &look, &message)),
        Err(error) if wants_json(&headers) => Ok(refused(&look, &error)),
        Err(error) => Err(error.into()),
    }
}

/// Asks before a chat is deleted for oneself.
pub(crate) async fn ask_chat(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(chat): Path<String>,
) -> PageResult {
    let title = session.user.chat(chat_id(&chat)?)?.title;
    let shell = Shell::new(&app, &session, look.t("chat-delete")).await;
    Ok(page_with(
        StatusCode::OK,
        &Ask {
            look: &look,
            shell,
            title: look.a("chat-delete-ask", title),
            hint: look.t("chat-delete-hint"),
            action: format!("/c/{chat}/delete"),
            act: "",
            verb: look.t("chat-delete"),
            back: format!("/c/{chat}"),
        },
    ))
}

/// Nothing but the form's token.
#[derive(Deserialize)]
pub(crate) struct NoFields {}

/// Deletes a chat for oneself.
pub(crate) async fn delete_chat(
    session: Session,
    Path(chat): Path<String>,
    CheckedForm(NoFields {}): CheckedForm<NoFields>,
) -> PageResult {
    session.user.delete_chat(chat_id(&chat)?).await?;
    Ok(see_other("/"))
}
