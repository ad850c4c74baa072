//! The chat list, alone and as the left pane of a conversation.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use chater_engine::view::{Chat, ChatKind, ChatState, Counts};
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

/// Pages of cards that are looked through for the open chat.
const MORE: usize = 5;

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

/// Whether a chat stands in a filtered list whatever else is read or written.
fn belongs(filter: Filter, chat: &Chat) -> bool {
    let open = chat.state == ChatState::Open;
    match filter {
        Filter::All => open && !chat.archived,
        Filter::Groups => open && !chat.archived && chat.kind == ChatKind::Group,
        Filter::Archive => open && chat.archived,
        Filter::Requests => chat.state == ChatState::Request,
        Filter::Unread | Filter::Blocked => false,
    }
}

impl Part {
    /// The first part of a filtered list.
    pub(crate) fn first(filter: Option<&str>) -> Self {
        Self {
            filter: filter.unwrap_or_default().to_owned(),
            ..Self::default()
        }
    }
}

impl List {
    /// Reads the list of a user. `selected` is the open chat.
    pub(crate) fn read(
        user: &UserHandle,
        look: &Look,
        query: &Part,
        selected: Option<&Chat>,
    ) -> Result<Self, Error> {
        let (wanted, name) = filter(&query.filter);
        let (mut found, counts) = user.list(wanted, CARDS, query.cursor.as_deref())?;
        let is_open = |chat: &Chat| selected.is_some_and(|open| open.id == chat.id);
        // The open chat is among its neighbours, or the keys that lead from one to the next would end there.
        let belongs = selected.is_some_and(|open| belongs(wanted, open));
        while belongs
            && found.chats.len() < CARDS * MORE
            && !found.chats.iter().any(is_open)
            && let Some(cursor) = found.next.take()
        {
            let (next, _) = user.list(wanted, CARDS, Some(&cursor))?;
            found.chats.extend(next.chats);
            found.next = next.next;
        }
        let cards = found
            .chats
            .iter()
            .map(|chat| fragment::card(chat, look, is_open(chat), name))
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
