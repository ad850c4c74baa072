//! One conversation.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{Html, IntoResponse as _, Response};
use chater_engine::Error;
use chater_engine::id::{ChatId, EventId};
use chater_engine::view::{Anchor, Chat, ChatState, Person};
use serde::Deserialize;

use super::emoji::{PICKER, REACTIONS};
use super::fragment::{self, Avatar};
use super::list::{List, Part};
use super::shell::{Shell, page, page_with};
use super::time::{self, Stamp};
use super::timeline::Timeline;
use super::waits;
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::Look;
use crate::session::Session;

/// Messages of one page.
const MESSAGES: usize = 50;
/// `at` of the newest page, also where more is unread than it shows.
const END: &str = "end";
/// `at` of the oldest page.
const START: &str = "start";

/// What the menu of a message offers.
const MENU: [(&str, &str, &str); 6] = [
    ("reply", "i-reply", "reply"),
    ("copy", "i-copy", "copy"),
    ("edit", "i-edit", "edit"),
    ("forward", "i-forward", "forward"),
    ("path", "i-route", "path"),
    ("delete", "i-trash", "delete"),
];

/// Which messages, and what is being answered.
#[derive(Deserialize, Default)]
pub(crate) struct Place {
    before: Option<String>,
    after: Option<String>,
    at: Option<String>,
    reply: Option<String>,
    /// A message that was deleted for oneself just now, without scripts.
    undo: Option<String>,
    /// Only the list items, for the script.
    part: Option<String>,
    /// The filter of the list beside it.
    list: Option<String>,
}

impl Place {
    /// The same page with a message being answered.
    pub(crate) fn answering(reply: Option<String>) -> Self {
        Self {
            reply,
            ..Self::default()
        }
    }

    fn anchor(&self) -> Result<Anchor, Error> {
        Ok(match (&self.before, &self.after, &self.at) {
            (Some(id), _, _) => Anchor::Before(event(id)?),
            (_, Some(id), _) => Anchor::After(event(id)?),
            (_, _, Some(id)) if id == START => Anchor::Oldest,
            (_, _, Some(id)) if id == END => Anchor::Newest,
            (_, _, Some(id)) => Anchor::Around(event(id)?),
            _ => Anchor::Unread,
        })
    }
}

/// A chat id from a path; any other text is not found (Q1).
pub(crate) fn chat_id(text: &str) -> Result<ChatId, Error> {
    text.parse().map_err(|_| Error::NotFound)
}

/// A message id; any other text is not found.
pub(crate) fn event(text: &str) -> Result<EventId, Error> {
    text.parse().map_err(|_| Error::NotFound)
}

/// The message being answered, above the field.
struct Answered {
    id: String,
    author: String,
    line: String,
}

#[derive(Template)]
#[template(path = "pages/chat.html")]
struct ChatPage<'a> {
    look: &'a Look,
    shell: Shell,
    list: List,
    chat: &'a Chat,
    avatar: Avatar,
    address: String,
    status: String,
    /// How many of a group are there.
    there: Option<String>,
    /// What the script writes there when it changes.
    statuses: Option<[String; 2]>,
    seen: Option<Stamp>,
    timeline: Timeline<'a>,
    /// The newest message of others, to be marked as read without scripts.
    newest: Option<String>,
    /// That own messages wait for other nodes, drawn.
    waits: String,
    undo: Option<EventId>,
    answered: Option<Answered>,
    client_id: String,
    text: String,
    error: Option<String>,
    closed: Option<String>,
    /// I7: writing waits for the password.
    stopped: bool,
    /// The reactions offered first.
    reactions: [&'static str; 6],
    /// What the picker offers.
    picker: &'static str,
    /// The menu of a message: what, icon, key of its text. The script hides what one message does not allow.
    menu: [(&'static str, &'static str, &'static str); 6],
}

/// The conversation.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(chat): Path<String>,
    Query(place): Query<Place>,
) -> PageResult {
    let id = chat_id(&chat)?;
    if place.part.as_deref() == Some("waits") {
        let chat = session.user.chat(id)?;
        let found = session.user.messages(id, Anchor::Newest, MESSAGES)?;
        let line = waits::drawn(&session, &look, &chat, &found.messages).await?;
        return Ok(([(CACHE_CONTROL, "no-store")], Html(line)).into_response());
    }
    if place.part.is_some() {
        let chat = session.user.chat(id)?;
        let found = session.user.messages(id, place.anchor()?, MESSAGES)?;
        return Ok(page(&Timeline::new(&look, &chat, &found, None)));
    }
    render(&app, &session, &look, id, &place, None, StatusCode::OK).await
}

/// Draws the whole page; `kept` is a text that was not sent, with the reason.
pub(crate) async fn render(
    app: &App,
    session: &Session,
    look: &Look,
    id: ChatId,
    place: &Place,
    kept: Option<(String, String)>,
    status: StatusCode,
) -> Result<Response, crate::error::PageError> {
    let shell = Shell::new(app, session, String::new())
        .await
        .kind("app is-chat")
        .section("chats");
    let chat = session.user.chat(id)?;
    let shell = Shell {
        title: chat.title.clone(),
        ..shell
    };
    let found = session.user.messages(id, place.anchor()?, MESSAGES)?;
    let list = List::read(
        &session.user,
        look,
        &Part::first(place.list.as_deref()),
        Some(&chat),
    )?;
    let answered = match &place.reply {
        Some(reply) => session
            .user
            .message(id, event(reply)?)
            .ok()
            .map(|message| Answered {
                id: message.id.to_string(),
                author: message.author.display_name,
                line: message
                    .text
                    .as_deref()
                    .map(fragment::one_line)
                    .unwrap_or_default(),
            }),
        None => None,
    };
    let waits = match found.newer {
        None => waits::drawn(session, look, &chat, &found.messages).await?,
        Some(_) => String::new(),
    };
    let (text, error) = match kept {
        Some((text, error)) => (text, Some(error)),
        None => (chat.draft.clone().unwrap_or_default(), None),
    };
    let (state, seen) = presence(&chat, look);
    let there = match chat.with {
        Some(_) => None,
        None => session.user.present(id)?,
    };
    let shown = ChatPage {
        avatar: Avatar::chat(&chat, "m"),
        address: chat
            .with
            .as_ref()
            .map(|person| person.address.clone())
            .unwrap_or_default(),
        status: state,
        there: there.map(|there| look.n("present", there)),
        statuses: chat
            .with
            .as_ref()
            .filter(|_| chat.online.is_some())
            .map(|person| presence_words(person, look)),
        seen,
        timeline: Timeline::new(look, &chat, &found, place.at.as_deref()),
        newest: found
            .messages
            .iter()
            .rev()
            .find(|m| !m.own)
            .filter(|_| chat.unread > 0)
            .map(|m| m.id.to_string()),
        waits,
        undo: place.undo.as_deref().and_then(|id| id.parse().ok()),
        answered,
        client_id: fresh_client_id(),
        text,
        error,
        closed: closed(&chat, look),
        stopped: session.user.me()?.stopped,
        reactions: REACTIONS,
        picker: PICKER,
        menu: MENU,
        look,
        shell,
        list,
        chat: &chat,
    };
    Ok(page_with(status, &shown))
}

/// What may be said of the other person: here whether a page is open, elsewhere of their node, never more.
pub(super) fn presence(chat: &Chat, look: &Look) -> (String, Option<Stamp>) {
    let Some(person) = &chat.with else {
        return (look.n("members", chat.members), None);
    };
    let [there, away] = presence_words(person, look);
    match chat.online {
        None => (String::new(), None),
        Some(true) => (there, None),
        Some(false) => {
            let seen = chat
                .seen_ms
                .map(|seen| time::card(look, seen, time::now_ms()));
            (away, seen)
        }
    }
}

/// There, and not there.
fn presence_words(person: &Person, look: &Look) -> [String; 2] {
    let keys = if person.here {
        ["presence-here", "presence-gone"]
    } else {
        ["presence-linked", "presence-away"]
    };
    keys.map(|key| look.t(key))
}

fn closed(chat: &Chat, look: &Look) -> Option<String> {
    match chat.state {
        ChatState::Open | ChatState::Request => None,
        ChatState::Declined => Some(look.t("closed-declined")),
        ChatState::Blocked => Some(look.t("closed-blocked")),
        ChatState::Left => Some(look.t("closed-left")),
    }
}

/// A new id for a form, so that sending it twice makes one message. It must differ, not be secret.
pub(super) fn fresh_client_id() -> String {
    use std::hash::{BuildHasher, RandomState};
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = time::now_ms();
    let one = RandomState::new().hash_one((now, count));
    let other = RandomState::new().hash_one((one, now));
    format!("f-{one:016x}{other:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_ids_differ_and_keep_the_rule() {
        let (one, other) = (fresh_client_id(), fresh_client_id());
        assert_ne!(one, other);
        assert!(one.len() <= 64 && one.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    }

    #[test]
    fn only_full_lower_case_ids_are_found() {
        assert!(chat_id(&"ab".repeat(32)).is_ok());
        assert!(chat_id(&"AB".repeat(32)).is_err());
        assert!(event("ab").is_err());
    }
}
