//! What can be done with a chat in the list: a page of buttons, which the script opens as a menu, and what they send (Q38).

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chater_engine::view::{Anchor, Chat};
use chater_engine::{Arrange, Error, Reason, Silence};
use serde::Deserialize;

use super::chat::chat_id;
use super::shell::{Shell, page, see_other};
use super::time;
use super::write::{refused, wants_json};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::Look;
use crate::session::{CheckedForm, Session};

/// Newest messages among which one of the other person is looked for.
const BACK: usize = 50;
const HOUR_MS: u64 = 60 * 60 * 1000;

/// Whether only the menu is wanted, for the script.
#[derive(Deserialize)]
pub(crate) struct Asked {
    part: Option<String>,
}

#[derive(Template)]
#[template(path = "partials/chat_menu.html")]
struct Menu<'a> {
    look: &'a Look,
    csrf: &'a str,
    chat: &'a Chat,
    muted: bool,
    /// Somebody else wrote, so that something can be unread.
    heard: bool,
}

#[derive(Template)]
#[template(path = "pages/chat_menu.html")]
struct MenuPage<'a> {
    look: &'a Look,
    shell: Shell,
    title: &'a str,
    menu: Menu<'a>,
}

/// `/c/{chat}/menu`.
pub(crate) async fn menu(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(chat): Path<String>,
    Query(asked): Query<Asked>,
) -> PageResult {
    let id = chat_id(&chat)?;
    let chat = session.user.chat(id)?;
    let newest = session.user.messages(id, Anchor::Newest, BACK)?;
    let menu = Menu {
        look: &look,
        csrf: &session.csrf,
        muted: is_muted(&chat, time::now_ms()),
        heard: newest.messages.iter().any(|message| !message.own),
        chat: &chat,
    };
    if asked.part.is_some() {
        return Ok(page(&menu));
    }
    let shell = Shell::new(&app, &session, look.t("chat-menu")).await;
    Ok(page(&MenuPage {
        look: &look,
        shell: shell.section("chats"),
        title: &chat.title,
        menu,
    }))
}

/// Whether a chat is silent now.
pub(crate) fn is_muted(chat: &Chat, now_ms: i64) -> bool {
    chat.muted_until_ms.is_some_and(|until| until > now_ms)
}

/// What a button says: `1` or `0`; of the silence `1h`, `8h`, `ever` or `off`.
#[derive(Deserialize)]
pub(crate) struct ArrangeForm {
    #[serde(default)]
    on: String,
    /// `info` = back to the details of the chat, else to the list.
    #[serde(default)]
    back: String,
}

/// Where a form leads back to.
pub(super) fn back_to(back: &str, chat: &str) -> String {
    match back {
        "info" => format!("/c/{chat}/info"),
        _ => "/".to_owned(),
    }
}

fn is_on(field: &'static str, on: &str) -> Result<bool, Error> {
    match on {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err(Error::invalid(field, Reason::Malformed)),
    }
}

/// For how long, in the words of forms and of the API.
pub(crate) fn silence(on: &str) -> Result<Silence, Error> {
    match on {
        "off" => Ok(Silence::Off),
        "1h" => Ok(Silence::For(HOUR_MS)),
        "8h" => Ok(Silence::For(8 * HOUR_MS)),
        "ever" => Ok(Silence::Ever),
        _ => Err(Error::invalid("mute", Reason::Malformed)),
    }
}

async fn change(
    session: Session,
    look: Look,
    chat: &str,
    headers: &HeaderMap,
    back: &str,
    change: Result<Arrange, Error>,
) -> Result<Response, crate::error::PageError> {
    let done = match (chat_id(chat), change) {
        (Ok(id), Ok(change)) => session.user.arrange(id, vec![change]).await,
        (Err(error), _) | (_, Err(error)) => Err(error),
    };
    match done {
        Ok(()) if wants_json(headers) => Ok(StatusCode::NO_CONTENT.into_response()),
        Ok(()) => Ok(see_other(&back_to(back, chat))),
        Err(error) if wants_json(headers) => Ok(refused(&look, &error)),
        Err(error) => Err(error.into()),
    }
}

macro_rules! changes {
    ($($(#[$doc:meta])* $name:ident = $change:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) async fn $name(
            session: Session,
            look: Look,
            Path(chat): Path<String>,
            headers: HeaderMap,
            CheckedForm(form): CheckedForm<ArrangeForm>,
        ) -> PageResult {
            let wanted: fn(&str) -> Result<Arrange, Error> = $change;
            change(session, look, &chat, &headers, &form.back, wanted(&form.on)).await
        }
    )*};
}

changes! {
    /// On top of the list, or not.
    pin = |on| is_on("pin", on).map(Arrange::Pin);
    /// Into the archive, or back.
    archive = |on| is_on("archive", on).map(Arrange::Archive);
    /// Silent, for a time or for good, or heard again.
    mute = |on| silence(on).map(Arrange::Mute);
    /// Counts as unread, or as read.
    unread = |on| Ok(if is_on("unread", on)? { Arrange::Unread } else { Arrange::Read });
}
