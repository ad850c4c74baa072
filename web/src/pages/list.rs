//! The chat list, alone and as the left pane of a conversation.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use chater_engine::view::Counts;
use chater_engine::{Error, Filter, UserHandle};
use serde::Deserialize;

use super::fragment;
use super::shell::{Shell, page};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::Look;
use crate::session::Session;

/// Cards of one page.
const CARDS: usize = 40;

/// Which part of the list.
#[derive(Deserialize, Default)]
pub(crate) struct Part {
    #[serde(default)]
    filter: String,
    cursor: Option<String>,
    /// For the script: only the cards, or (`counts`) only the filters with their numbers.
    part: Option<String>,
}

/// The left pane.
#[derive(Template)]
#[template(path = "partials/list.html")]
pub(crate) struct List {
    look: Look,
    filter: &'static str,
    counts: Counts,
    cards: Vec<String>,
    next: Option<String>,
    first_page: bool,
}

#[derive(Template)]
#[template(path = "partials/filters.html")]
struct Filters<'a> {
    look: &'a Look,
    filter: &'static str,
    counts: Counts,
}

#[derive(Template)]
#[template(path = "partials/cards.html")]
struct Cards<'a> {
    look: &'a Look,
    filter: &'static str,
    cards: &'a [String],
    next: &'a Option<String>,
}

#[derive(Template)]
#[template(path = "pages/chats.html")]
struct ChatsPage {
    look: Look,
    shell: Shell,
    list: List,
    /// No chat at all yet.
    empty: bool,
}

fn filter(name: &str) -> (Filter, &'static str) {
    match name {
        "unread" => (Filter::Unread, "unread"),
        "groups" => (Filter::Groups, "groups"),
        "archive" => (Filter::Archive, "archive"),
        "requests" => (Filter::Requests, "requests"),
        _ => (Filter::All, "all"),
    }
}

impl List {
    /// Reads the list of a user. `selected` is the open chat, hex.
    pub(crate) fn read(
        user: &UserHandle,
        look: &Look,
        query: &Part,
        selected: Option<&str>,
    ) -> Result<Self, Error> {
        let (wanted, name) = filter(&query.filter);
        let (found, counts) = user.list(wanted, CARDS, query.cursor.as_deref())?;
        let cards = found
            .chats
            .iter()
            .map(|chat| {
                fragment::card(
                    chat,
                    look,
                    selected.is_some_and(|id| id == chat.id.to_string()),
                )
            })
            .collect();
        Ok(Self {
            look: look.clone(),
            filter: name,
            counts,
            cards,
            next: found.next,
            first_page: query.cursor.is_none(),
        })
    }

    fn is_blank(&self) -> bool {
        self.filter == "all" && self.first_page && self.cards.is_empty()
    }
}

/// `/unread`: how many chats have unread messages, a number as text, for the title of a page without the list.
pub(crate) async fn unread(session: Session) -> PageResult {
    Ok(session.user.unread_chats()?.to_string().into_response())
}

/// `/`: the list, and beside it what to do next.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Query(query): Query<Part>,
) -> PageResult {
    if query.part.as_deref() == Some("counts") {
        return Ok(page(&Filters {
            look: &look,
            filter: filter(&query.filter).1,
            counts: session.user.counts()?,
        }));
    }
    if query.part.is_some() {
        let list = List::read(&session.user, &look, &query, None)?;
        return Ok(page(&Cards {
            look: &look,
            filter: list.filter,
            cards: &list.cards,
            next: &list.next,
        }));
    }
    let shell = Shell::new(&app, &session, look.t("chats"))
        .await
        .kind("app is-list")
        .section("chats");
    let list = List::read(&session.user, &look, &query, None)?;
    let empty = list.is_blank();
    Ok(page(&ChatsPage {
        look,
        shell,
        list,
        empty,
    }))
}
