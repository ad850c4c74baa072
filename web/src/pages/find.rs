//! Searching what was written, in one chat or in all, and chats by their names: pages of what was found; of one chat also
//! the ids, for the script.

use askama::Template;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use chater_engine::view::{Found, Message};
use serde::Deserialize;
use serde_json::json;

use super::chat::{chat_id, event};
use super::search::{SearchPage, Within};
use super::shell::{Shell, page_with};
use super::time::{self, Stamp};
use super::words::matching;
use super::write::{refused, wants_json, words};
use super::{fragment, markup};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::Look;
use crate::session::{Session, in_query};

/// Chats on one page of those found by name.
const CHATS: usize = 100;

/// What is looked for.
#[derive(Deserialize, Default)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    /// Go on below this message.
    before: Option<String>,
}

/// One message found.
#[derive(Template)]
#[template(path = "partials/hit.html")]
struct Hit {
    chat: String,
    id: String,
    author: String,
    /// Which chat it is in, where that is not the author's and not the page's own.
    place: Option<String>,
    /// Around the words: before, match, after.
    line: (String, String, String),
    at: Stamp,
}

impl Hit {
    fn new(look: &Look, message: &Message, q: &str, title: &str) -> Self {
        let line = around(message.text.as_deref().unwrap_or_default(), q);
        let (before, hit, after) = matching(&line, q);
        let author = message.author.display_name.clone();
        Self {
            chat: message.chat_id.to_string(),
            id: message.id.to_string(),
            place: (!title.is_empty() && title != author).then(|| look.a("search-hit-in", title)),
            author,
            line: (before.to_owned(), hit.to_owned(), after.to_owned()),
            at: time::card(look, message.sent_at_ms, time::now_ms()),
        }
    }
}

#[derive(Template)]
#[template(path = "pages/find.html")]
struct FindPage<'a> {
    look: &'a Look,
    shell: Shell,
    chat: String,
    title: String,
    q: String,
    q_in_link: String,
    hits: Vec<Hit>,
    next: Option<String>,
    error: Option<String>,
}

/// `/c/{chat}/search?q=`.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(chat): Path<String>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> PageResult {
    let json = wants_json(&headers);
    let id = chat_id(&chat)?;
    let title = session.user.chat(id)?.title;
    let before = asked.before.as_deref().map(event).transpose()?;
    let found = if asked.q.trim().is_empty() && !json {
        None
    } else {
        Some(session.user.find_in_chat(id, &asked.q, before).await)
    };
    if json {
        return Ok(match found {
            Some(Ok(found)) => Json(ids(&found)).into_response(),
            Some(Err(error)) => refused(&look, &error),
            None => StatusCode::NO_CONTENT.into_response(),
        });
    }
    let (status, found, error) = match found {
        None => (StatusCode::OK, None, None),
        Some(Ok(found)) => (StatusCode::OK, Some(found), None),
        Some(Err(error)) => {
            let (status, _, reason) = words(&look, &error);
            (status, None, Some(reason))
        }
    };
    let shell = Shell::new(&app, &session, look.t("chat-search")).await;
    let shown = FindPage {
        hits: found
            .iter()
            .flat_map(|found| &found.messages)
            .map(|message| Hit::new(&look, message, &asked.q, ""))
            .collect(),
        next: found
            .as_ref()
            .and_then(|found| found.next)
            .map(|id| id.to_string()),
        look: &look,
        shell,
        chat,
        title,
        q_in_link: in_query(&asked.q),
        q: asked.q,
        error,
    };
    Ok(page_with(status, &shown))
}

/// What the page of a search shows besides people: chats by name, or messages of all chats.
#[derive(Template)]
#[template(path = "partials/found.html")]
struct FoundPanel<'a> {
    look: &'a Look,
    q: &'a str,
    q_in_link: String,
    within: Within,
    rows: Vec<String>,
    next: Option<u64>,
    error: Option<String>,
}

impl FoundPanel<'_> {
    fn label(&self) -> String {
        self.look.t(match self.within {
            Within::Messages => "search-words",
            Within::Chats | Within::People => "search-label",
        })
    }
}

/// `/search?in=chats`, `/search?in=messages`.
pub(super) async fn elsewhere(
    app: &App,
    session: &Session,
    look: &Look,
    q: &str,
    within: Within,
    below: Option<u64>,
) -> PageResult {
    let mut status = StatusCode::OK;
    let mut panel = FoundPanel {
        look,
        q,
        q_in_link: in_query(q),
        within,
        rows: Vec::new(),
        next: None,
        error: None,
    };
    if within == Within::Chats {
        let chats = session.user.find_chats(q, CHATS)?;
        panel
            .rows
            .extend(chats.iter().map(|chat| fragment::found_chat(chat, q, look)));
    } else if !q.is_empty() {
        match session.user.find_in_chats(q, below).await {
            Ok(found) => {
                panel.next = found.next;
                for hit in &found.messages {
                    panel.rows.push(
                        Hit::new(look, &hit.message, q, &hit.chat)
                            .render()
                            .unwrap_or_default(),
                    );
                }
            }
            Err(error) => {
                let (refused, _, reason) = words(look, &error);
                (status, panel.error) = (refused, Some(reason));
            }
        }
    }
    let shell = Shell::new(app, session, super::search::title(look, q))
        .await
        .section("search");
    Ok(page_with(status, &SearchPage { look, shell, panel }))
}

fn ids(found: &Found) -> serde_json::Value {
    let hits: Vec<String> = found.messages.iter().map(|m| m.id.to_string()).collect();
    json!({"ids": hits, "next": found.next.map(|id| id.to_string())})
}

/// One line of a text with the match near its beginning.
fn around(text: &str, q: &str) -> String {
    const BEFORE: usize = 40;
    let shown = markup::plain(text);
    let line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let (before, hit, after) = matching(&line, q);
    let skipped = before.chars().count().saturating_sub(BEFORE);
    if hit.is_empty() || skipped == 0 {
        return fragment::cut(&line);
    }
    let near: String = before.chars().skip(skipped).collect();
    format!("…{}", fragment::cut(&format!("{near}{hit}{after}")))
}

#[cfg(test)]
mod tests {
    use super::around;

    #[test]
    fn the_match_stands_near_the_beginning_of_its_line() {
        let long = format!("{}лодка у причала", "слово ".repeat(50));
        let line = around(&long, "лодка");
        assert!(line.starts_with('…') && line.contains("лодка у причала"));
        assert!(line.chars().count() < 60);
        assert_eq!(around("лодка\nздесь", "лодка"), "лодка здесь");
    }
}
