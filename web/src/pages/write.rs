//! What a conversation's forms and its script send: messages, read marks, drafts.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chater_engine::{Draft, Error};
use serde::Deserialize;
use serde_json::json;

use super::auth::{invalid, with_retry};
use super::chat::{self, Place, chat_id, event};
use super::fragment;
use super::shell::see_other;
use crate::app::App;
use crate::error::{PageResult, Problem};
use crate::i18n::Look;
use crate::session::{CheckedForm, Session};

/// A message.
#[derive(Deserialize)]
pub(crate) struct SendForm {
    #[serde(default)]
    text: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    reply_to: String,
}

pub(super) fn wants_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .is_some_and(|accept| accept.as_bytes().starts_with(b"application/json"))
}

fn filled(value: String) -> Option<String> {
    Some(value).filter(|value| !value.is_empty())
}

/// Sends a message: a form goes back to the chat, the script gets the id and the drawn message.
pub(crate) async fn send(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(chat): Path<String>,
    headers: HeaderMap,
    CheckedForm(form): CheckedForm<SendForm>,
) -> PageResult {
    let json = wants_json(&headers);
    let id = match chat_id(&chat) {
        Ok(id) => id,
        Err(error) if json => return Ok(refused(&look, &error)),
        Err(error) => return Err(error.into()),
    };
    if !json && form.text.trim().is_empty() {
        return Ok(see_other(&format!("/c/{id}")));
    }
    let reply_to = filled(form.reply_to);
    let answered = reply_to.as_deref().map(event).transpose();
    let sent = match answered {
        Ok(reply_to) => {
            let draft = Draft {
                text: form.text.clone(),
                client_id: filled(form.client_id.clone()),
                reply_to,
            };
            session.user.send(id, draft).await
        }
        Err(error) => Err(error),
    };
    match sent {
        Ok((message, fresh)) if json => {
            let status = if fresh {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            };
            let body = json!({
                "id": message.id.to_string(),
                "client_id": message.client_id,
                "html": fragment::message(&message, &look),
            });
            Ok((status, Json(body)).into_response())
        }
        Ok(_) => {
            if session.user.chat(id).is_ok_and(|chat| chat.draft.is_some()) {
                session.user.save_draft(id, String::new()).await?;
            }
            Ok(see_other(&format!("/c/{id}")))
        }
        Err(error) if json => Ok(refused(&look, &error)),
        // The text is not lost: the page comes again with it and the reason.
        Err(
            error @ (Error::Invalid { .. }
            | Error::TooMany { .. }
            | Error::Busy
            | Error::Quota
            | Error::StorageFull
            | Error::StorageFailed),
        ) => {
            let (status, _, reason) = words(&look, &error);
            let place = Place::answering(reply_to);
            let shown = chat::render(
                &app,
                &session,
                &look,
                id,
                &place,
                Some((form.text, reason)),
                status,
            )
            .await?;
            Ok(with_retry(shown, &error))
        }
        Err(error) => Err(error.into()),
    }
}

/// Status, code for scripts and sentence of an error.
pub(super) fn words(look: &Look, error: &Error) -> (StatusCode, &'static str, String) {
    match error {
        Error::NotFound => (StatusCode::NOT_FOUND, "not_found", look.t("error-404")),
        Error::Forbidden => (StatusCode::FORBIDDEN, "forbidden", look.t("error-403")),
        Error::Invalid { field, reason } => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            invalid(look, field, reason.as_str()),
        ),
        Error::TooMany { retry_after_s } => (
            StatusCode::TOO_MANY_REQUESTS,
            "too_many",
            look.n("error-429-wait", *retry_after_s),
        ),
        Error::Quota => (StatusCode::FORBIDDEN, "quota", look.t("api-quota")),
        Error::StorageFull => (
            StatusCode::SERVICE_UNAVAILABLE,
            "storage_full",
            look.t("error-storage"),
        ),
        Error::StorageFailed => (
            StatusCode::SERVICE_UNAVAILABLE,
            "storage_failed",
            look.t("error-storage-failed"),
        ),
        Error::Busy | Error::Stopping => (
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            look.t("error-busy"),
        ),
        _ => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            // With the code that the log has, too.
            Problem::from(error.clone()).page_text(look),
        ),
    }
}

pub(super) fn refused(look: &Look, error: &Error) -> Response {
    let (status, code, message) = words(look, error);
    with_retry(
        (
            status,
            Json(json!({"error": {"code": code, "message": message}})),
        )
            .into_response(),
        error,
    )
}

/// The newest message read.
#[derive(Deserialize)]
pub(crate) struct ReadForm {
    #[serde(default)]
    message_id: String,
}

/// Everything up to a message is read.
pub(crate) async fn read(
    session: Session,
    Path(chat): Path<String>,
    headers: HeaderMap,
    CheckedForm(form): CheckedForm<ReadForm>,
) -> PageResult {
    let id = chat_id(&chat)?;
    session.user.read(id, event(&form.message_id)?).await?;
    Ok(done(&headers, &chat))
}

/// The unsent text.
#[derive(Deserialize)]
pub(crate) struct DraftForm {
    #[serde(default)]
    text: String,
}

/// Keeps the unsent text.
pub(crate) async fn draft(
    session: Session,
    Path(chat): Path<String>,
    headers: HeaderMap,
    CheckedForm(form): CheckedForm<DraftForm>,
) -> PageResult {
    let id = chat_id(&chat)?;
    session.user.save_draft(id, form.text).await?;
    Ok(done(&headers, &chat))
}

fn done(headers: &HeaderMap, chat: &str) -> Response {
    if wants_json(headers) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        see_other(&format!("/c/{chat}"))
    }
}
