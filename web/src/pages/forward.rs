//! Passing a message on: it is sent to another chat as a quote that names its author.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use chater_engine::id::ChatId;
use chater_engine::view::{Chat, ChatState, Message};
use chater_engine::{Draft, Error, Filter};
use serde::Deserialize;

use super::chat::{self, chat_id, event};
use super::fragment::{self, Avatar};
use super::shell::{Shell, page, page_with, see_other};
use super::write::words;
use crate::app::App;
use crate::error::{PageError, PageResult};
use crate::i18n::Look;
use crate::session::{CheckedForm, Session};

/// Chats shown at once: the latest ones, or those that a filter leaves; it looks at all of them.
const CHATS: usize = 100;

/// A chat to choose.
struct Choice {
    id: String,
    title: String,
    beside: String,
    avatar: Avatar,
}

#[derive(Template)]
#[template(path = "partials/forward.html")]
struct ForwardPart<'a> {
    look: &'a Look,
    q: String,
    csrf: &'a str,
    chat: String,
    message: String,
    client_id: String,
    choices: Vec<Choice>,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/forward.html")]
struct ForwardPage<'a> {
    look: &'a Look,
    shell: Shell,
    chat: String,
    message: String,
    part: ForwardPart<'a>,
}

/// Part of a name or an address, and whether only the middle of the page is wanted, for the dialog.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    part: Option<String>,
}

/// `/c/{chat}/m/{message}/forward`: which chat.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(at): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> PageResult {
    let _ = passed_on(&session, &at)?;
    let part = part(&session, &look, &at, &asked.q, None)?;
    if asked.part.is_some() {
        return Ok(page(&part));
    }
    Ok(whole(&app, &session, &look, at, part, StatusCode::OK).await)
}

/// A message that has words to pass on.
fn passed_on(session: &Session, (chat, message): &(String, String)) -> Result<Message, Error> {
    let found = session.user.message(chat_id(chat)?, event(message)?)?;
    if found.text.is_none() {
        return Err(Error::NotFound);
    }
    Ok(found)
}

fn part<'a>(
    session: &'a Session,
    look: &'a Look,
    (chat, message): &(String, String),
    q: &str,
    error: Option<String>,
) -> Result<ForwardPart<'a>, PageError> {
    let q = q.trim();
    let chats = if q.is_empty() {
        session.user.chats(Filter::All, CHATS, None)?.chats
    } else {
        session.user.find_chats(q, CHATS)?
    };
    let choice = |chat: &Chat| Choice {
        id: chat.id.to_string(),
        title: chat.title.clone(),
        beside: chat.with.as_ref().map(fragment::beside).unwrap_or_default(),
        avatar: Avatar::chat(chat, "m"),
    };
    Ok(ForwardPart {
        look,
        q: q.to_owned(),
        csrf: &session.csrf,
        chat: chat.clone(),
        message: message.clone(),
        client_id: chat::fresh_client_id(),
        choices: chats
            .iter()
            .filter(|chat| chat.state == ChatState::Open)
            .map(choice)
            .collect(),
        error,
    })
}

async fn whole(
    app: &App,
    session: &Session,
    look: &Look,
    (chat, message): (String, String),
    part: ForwardPart<'_>,
    status: StatusCode,
) -> Response {
    let shell = Shell::new(app, session, look.t("forward")).await;
    page_with(
        status,
        &ForwardPage {
            look,
            shell,
            chat,
            message,
            part,
        },
    )
}

/// Where to.
#[derive(Deserialize)]
pub(crate) struct ForwardForm {
    #[serde(default)]
    to: String,
    #[serde(default)]
    client_id: String,
}

/// Sends the message on and leads to the chat it went to.
pub(crate) async fn send(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(at): Path<(String, String)>,
    CheckedForm(form): CheckedForm<ForwardForm>,
) -> PageResult {
    let message = passed_on(&session, &at)?;
    let to: ChatId = chat_id(&form.to)?;
    let draft = Draft {
        text: quoted(&message),
        client_id: Some(form.client_id).filter(|id| !id.is_empty()),
        reply_to: None,
    };
    match session.user.send(to, draft).await {
        Ok(_) => Ok(see_other(&format!("/c/{to}"))),
        Err(error @ (Error::Invalid { .. } | Error::TooMany { .. } | Error::Busy)) => {
            let (status, _, reason) = words(&look, &error);
            let part = part(&session, &look, &at, "", Some(reason))?;
            Ok(whole(&app, &session, &look, at, part, status).await)
        }
        Err(error) => Err(error.into()),
    }
}

/// The words of a message as a quote below the name of whoever wrote them. What was passed on before keeps its first author.
fn quoted(message: &Message) -> String {
    let text = message.text.as_deref().unwrap_or_default();
    if text.starts_with("> *") && text.lines().all(|line| line.starts_with('>')) {
        return text.to_owned();
    }
    let name = message.author.display_name.replace('*', "");
    let mut out = format!("> *{}*", name.trim());
    for line in text.lines() {
        out.push_str("\n> ");
        out.push_str(line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::quoted;
    use crate::api::shapes::tests::message;

    #[test]
    fn words_passed_on_name_their_author() {
        let mut passed = message();
        passed.author.display_name = "Со*ва".into();
        passed.text = Some("раз\n\n> два".into());
        let once = quoted(&passed);
        assert_eq!(once, "> *Сова*\n> раз\n> \n> > два");
        passed.author.display_name = "Клён".into();
        passed.text = Some(once.clone());
        assert_eq!(quoted(&passed), once);
    }
}
