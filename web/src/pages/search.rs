//! Finding people, and the question before the first message.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use chater_engine::id::UserId;
use chater_engine::view::{ChatKind, Person};
use chater_engine::{Error, UserHandle};
use serde::Deserialize;

use super::auth::Empty;
use super::fragment::{self, Avatar};
use super::shell::{Shell, page, page_with, see_other};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::{Arg, Look, text_with};
use crate::session::{CheckedForm, Session, in_query};

/// How long a page without scripts waits for other nodes (Q30, Q37).
const WAIT: Duration = Duration::from_millis(1_500);
/// Rows of existing chats.
const CHATS: usize = 8;

/// What is looked for.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    part: Option<String>,
    #[serde(default, rename = "in")]
    within: Within,
    /// Where a search in messages goes on.
    below: Option<u64>,
}

/// Where is looked.
#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Within {
    /// People of all nodes, chats with them first.
    #[default]
    People,
    /// Own chats, by name.
    Chats,
    /// What was written in own chats.
    Messages,
}

impl Within {
    /// As it stands in the address.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Chats => "chats",
            Self::Messages => "messages",
        }
    }

    /// All places with their names for people's languages, and whether it is this one.
    pub(super) fn choices(self, look: &Look) -> [(&'static str, String, bool); 3] {
        [
            (Self::People, "search-in-people"),
            (Self::Chats, "search-in-chats"),
            (Self::Messages, "search-in-messages"),
        ]
        .map(|(place, text)| (place.name(), look.t(text), place == self))
    }
}

/// What a search found.
#[derive(Default)]
struct Found {
    here: Vec<String>,
    there: Vec<String>,
    asked: u32,
    answered: u32,
    done: bool,
    /// Addresses that may be meant (Q6).
    candidates: Vec<String>,
    /// A node nobody here knows.
    unknown_node: Option<String>,
    /// The node of an address, which does not answer.
    silent_node: Option<String>,
    slow: bool,
    /// Those asked, and those away.
    nodes: Vec<Asking>,
    /// People that have a row already.
    seen: BTreeSet<UserId>,
}

/// A node in the course of a search.
struct Asking {
    name: String,
    linked: bool,
    /// How long its answer took; none = it has not come.
    ms: Option<u64>,
}

#[derive(Template)]
#[template(path = "pages/search.html")]
pub(super) struct SearchPage<'a, P: Template> {
    pub(super) look: &'a Look,
    pub(super) shell: Shell,
    pub(super) panel: P,
}

/// The title of a search.
pub(super) fn title(look: &Look, q: &str) -> String {
    if q.is_empty() {
        look.t("search")
    } else {
        look.a("search-title", q)
    }
}

/// The field and what was found: on its page, and as a dialog over any other.
#[derive(Template)]
#[template(path = "partials/search_box.html")]
struct SearchBox<'a> {
    look: &'a Look,
    q: &'a str,
    q_in_link: String,
    within: Within,
    searched: bool,
    quick: bool,
    chats: Vec<String>,
    found: Found,
}

/// What the script asks for while the socket asks the nodes: existing chats, and whom a whole address names.
#[derive(Template)]
#[template(path = "partials/known.html")]
struct Known<'a> {
    look: &'a Look,
    chats: Vec<String>,
    found: Found,
}

impl SearchBox<'_> {
    fn answers(&self) -> String {
        let args = [
            ("n", Arg::from(self.found.answered)),
            ("m", Arg::from(self.found.asked)),
        ];
        text_with(self.look.lang, "js-search-answered-count", &args)
    }

    fn nothing(&self) -> bool {
        let found = &self.found;
        self.chats.is_empty()
            && found.here.is_empty()
            && found.there.is_empty()
            && found.candidates.is_empty()
            && found.unknown_node.is_none()
            && found.silent_node.is_none()
            && !found.slow
    }
}

/// `/search?q=`: this node at once, other nodes as far as they answer in time.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Query(asked): Query<Asked>,
) -> PageResult {
    let q = asked.q.trim();
    if asked.within != Within::People {
        return super::find::elsewhere(&app, &session, &look, q, asked.within, asked.below).await;
    }
    let searched = q.chars().count() >= 2;
    let mut found = Found::default();
    // Before there is a question the newest chats stand here.
    let known = session
        .user
        .find_chats(if searched { q } else { "" }, CHATS)?;
    let chats = known
        .iter()
        .map(|chat| fragment::found_chat(chat, q, &look))
        .collect();
    // Who has a row among the chats needs no second one.
    let with = known.iter().filter_map(|chat| chat.with.as_ref());
    found.seen.extend(with.map(|person| person.user_id));
    if searched && !q.contains('@') {
        let nodes = app.engine.neighbours()?.into_iter();
        found.nodes = nodes
            .map(|(name, linked)| Asking {
                name,
                linked,
                ms: None,
            })
            .collect();
    }
    match asked.part.as_deref() {
        Some("quick") => {
            return Ok(page(&SearchBox {
                look: &look,
                q,
                q_in_link: in_query(q),
                within: asked.within,
                searched,
                quick: true,
                chats,
                found,
            }));
        }
        Some(_) => {
            if q.contains('@') {
                found = people(&session.user, q, &look, found).await?;
            }
            return Ok(page(&Known {
                look: &look,
                chats,
                found,
            }));
        }
        None => {}
    }
    let shell = Shell::new(&app, &session, title(&look, q))
        .await
        .section("search");
    if searched {
        found = people(&session.user, q, &look, found).await?;
    }
    Ok(page(&SearchPage {
        look: &look,
        shell,
        panel: SearchBox {
            look: &look,
            q,
            q_in_link: in_query(q),
            within: asked.within,
            searched,
            quick: false,
            chats,
            found,
        },
    }))
}

async fn people(user: &UserHandle, q: &str, look: &Look, mut found: Found) -> Result<Found, Error> {
    let began = Instant::now();
    if q.contains('@') {
        found.asked = 1;
        match user.find(q).await {
            Ok(person) => {
                let known = user.shares_chat_with(person.user_id)?;
                found.add(&person, known, q, look);
            }
            Err(Error::Ambiguous(candidates)) => found.candidates = candidates,
            Err(Error::UnknownNode(node)) => found.unknown_node = Some(node),
            Err(Error::NodeSilent(node)) => found.silent_node = Some(node),
            Err(Error::NotFound | Error::Invalid { .. } | Error::OneselfChat) => {}
            Err(Error::TooMany { .. }) => found.slow = true,
            Err(other) => return Err(other),
        }
        found.answered = 1;
        found.done = true;
        return Ok(found);
    }
    let mut answers = match user.search(q).await {
        Ok(answers) => answers,
        Err(Error::TooMany { .. }) => {
            found.slow = true;
            return Ok(found);
        }
        Err(other) => return Err(other),
    };
    let gather = async {
        while let Some(answer) = answers.recv().await {
            for person in &answer.rows {
                found.add(person, answer.known.contains(&person.user_id), q, look);
            }
            if let Some(from) = &answer.from {
                found.answered_by(from, began);
            }
            found.asked = answer.asked;
            found.answered = answer.answered;
            found.done = answer.done;
        }
    };
    // Too late is no error: the page offers to ask again.
    let _late = tokio::time::timeout(WAIT, gather).await;
    Ok(found)
}

/// Whom a search finds within that time, this node and those that answer.
pub(super) async fn found_people(
    user: &UserHandle,
    q: &str,
    wait: Duration,
) -> Result<Vec<Person>, Error> {
    let mut answers = user.search(q).await?;
    let mut found = Vec::new();
    let gather = async {
        while let Some(answer) = answers.recv().await {
            found.extend(answer.rows);
        }
    };
    // Too late is no error: the page offers to ask again.
    let _late = tokio::time::timeout(wait, gather).await;
    Ok(found)
}

impl Found {
    fn add(&mut self, person: &Person, known: bool, q: &str, look: &Look) {
        if !self.seen.insert(person.user_id) {
            return;
        }
        let row = fragment::person(person, known, q, look);
        if person.here {
            self.here.push(row)
        } else {
            self.there.push(row)
        }
    }
}

impl Found {
    fn answered_by(&mut self, name: &str, began: Instant) {
        let ms = u64::try_from(began.elapsed().as_millis()).ok();
        match self.nodes.iter_mut().find(|node| node.name == name) {
            Some(node) => (node.linked, node.ms) = (true, ms),
            // Nodes behind the neighbours answer, too.
            None => self.nodes.push(Asking {
                name: name.to_owned(),
                linked: true,
                ms,
            }),
        }
    }
}

#[derive(Template)]
#[template(path = "partials/confirm.html")]
struct Confirm<'a> {
    look: &'a Look,
    csrf: &'a str,
    person: Person,
    avatar: Avatar,
}

#[derive(Template)]
#[template(path = "pages/start.html")]
struct StartPage<'a> {
    look: &'a Look,
    shell: Shell,
    /// The person, or why there is none.
    confirm: Option<Confirm<'a>>,
    candidates: Vec<String>,
    reason: Option<String>,
}

/// `/start/{address}`: who this is and what their node will learn; an existing chat opens at once.
pub(crate) async fn confirm(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(address): Path<String>,
    Query(asked): Query<Asked>,
) -> PageResult {
    match session.user.find(&address).await {
        Ok(person) => {
            if let Some(chat) = session.user.chat_with(person.user_id)?
                && chat.kind == ChatKind::Direct
            {
                return Ok(see_other(&format!("/c/{}", chat.id)));
            }
            let avatar = Avatar::person(&person, "xl", false);
            let title = look.t("start-do");
            let confirm = Confirm {
                look: &look,
                csrf: &session.csrf,
                person,
                avatar,
            };
            if asked.part.is_some() {
                return Ok(page(&confirm));
            }
            let shell = Shell::new(&app, &session, title).await;
            Ok(page(&StartPage {
                look: &look,
                shell,
                confirm: Some(confirm),
                candidates: Vec::new(),
                reason: None,
            }))
        }
        Err(error) => refused(&app, &session, &look, error).await,
    }
}

/// Starts the chat and opens it.
pub(crate) async fn start(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(address): Path<String>,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    let started = match session.user.find(&address).await {
        Ok(person) => session.user.start(person.user_id).await,
        Err(error) => Err(error),
    };
    match started {
        Ok((chat, _)) => Ok(see_other(&format!("/c/{}", chat.id))),
        Err(error) => refused(&app, &session, &look, error).await,
    }
}

async fn refused(app: &App, session: &Session, look: &Look, error: Error) -> PageResult {
    let (status, reason, candidates) = match error {
        Error::Ambiguous(candidates) => {
            (StatusCode::CONFLICT, look.t("search-ambiguous"), candidates)
        }
        Error::UnknownNode(node) => (
            StatusCode::NOT_FOUND,
            look.a("search-unknown-node", node),
            Vec::new(),
        ),
        Error::NodeSilent(node) => (
            StatusCode::SERVICE_UNAVAILABLE,
            look.a("search-silent-node", node),
            Vec::new(),
        ),
        Error::OneselfChat => (
            StatusCode::UNPROCESSABLE_ENTITY,
            look.t("start-self"),
            Vec::new(),
        ),
        Error::NotFound | Error::Invalid { .. } => {
            (StatusCode::NOT_FOUND, look.t("search-none"), Vec::new())
        }
        other => return Err(other.into()),
    };
    let shell = Shell::new(app, session, look.t("search")).await;
    let shown = StartPage {
        look,
        shell,
        confirm: None,
        candidates,
        reason: Some(reason),
    };
    Ok(page_with(status, &shown))
}
