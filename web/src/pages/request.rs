//! First messages of people who may not write straight into the list: taken, put aside or kept out (Q50).

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use chater_engine::id::ChatId;
use chater_engine::{Reason, RequestAnswer};
use serde::Deserialize;

use super::arrange::back_to;
use super::shell::see_other;
use super::write::wants_json;
use crate::error::{PageResult, Problem};
use crate::session::{CheckedForm, Session};

/// What is to become of it.
#[derive(Deserialize)]
pub(crate) struct AnswerForm {
    #[serde(default)]
    answer: String,
    /// `info` = back to the details of the chat, `privacy` = to the list of the blocked.
    #[serde(default)]
    back: String,
}

/// Answers a request; an accepted one is open, the others leave the list.
pub(crate) async fn answer(
    session: Session,
    Path(chat): Path<String>,
    headers: HeaderMap,
    CheckedForm(form): CheckedForm<AnswerForm>,
) -> PageResult {
    let id: ChatId = chat.parse().map_err(|_| Problem::new(404, "not_found"))?;
    let (answer, to) = match form.answer.as_str() {
        "accept" => (RequestAnswer::Accept, format!("/c/{id}")),
        "decline" => (RequestAnswer::Decline, "/".to_owned()),
        "block" => (RequestAnswer::Block, "/".to_owned()),
        _ => return Err(Problem::invalid("answer", Reason::Malformed).into()),
    };
    session.user.answer_request(id, answer).await?;
    if wants_json(&headers) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    if form.back.is_empty() {
        return Ok(see_other(&to));
    }
    if form.back == "privacy" {
        return Ok(see_other("/settings/privacy?saved=1#blocked"));
    }
    Ok(see_other(&back_to(&form.back, &chat)))
}
