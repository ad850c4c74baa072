//! The way of one own message: every node with its time.

use askama::Template;
use axum::extract::{Path, Query, State};
use chater_engine::view;
use serde::Deserialize;

use super::chat::{chat_id, event};
use super::shell::{Shell, page};
use super::time::{self, Stamp};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::Look;
use crate::session::Session;

/// Whether only the middle of the page is wanted, for the dialog.
#[derive(Deserialize)]
pub(crate) struct Asked {
    part: Option<String>,
}

/// One line of «Путь сообщения».
struct Step {
    text: String,
    done: bool,
    at: Option<Stamp>,
    next: Option<Stamp>,
    /// Mailboxes in which it waits for that node: a text and since when.
    lies: Vec<(String, Stamp)>,
}

#[derive(Template)]
#[template(path = "partials/path.html")]
struct PathPart<'a> {
    look: &'a Look,
    steps: Vec<Step>,
}

#[derive(Template)]
#[template(path = "pages/path.html")]
struct PathPage<'a> {
    look: &'a Look,
    shell: Shell,
    chat: String,
    message: String,
    part: PathPart<'a>,
}

/// `/c/{chat}/path/{message}`: a page, or only its middle for the dialog.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path((chat, message)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> PageResult {
    let (id, message_id) = (chat_id(&chat)?, event(&message)?);
    let way = session.user.path(id, message_id).await?;
    let with = session
        .user
        .chat(id)?
        .with
        .map(|person| person.display_name);
    let part = PathPart {
        steps: steps(&way, with.as_deref(), &look),
        look: &look,
    };
    if asked.part.is_some() {
        return Ok(page(&part));
    }
    let shell = Shell::new(&app, &session, look.t("path")).await;
    Ok(page(&PathPage {
        look: &look,
        shell,
        chat,
        message,
        part,
    }))
}

fn steps(way: &view::Path, with: Option<&str>, look: &Look) -> Vec<Step> {
    let stamp = |ms: Option<i64>| ms.map(|ms| time::moment(look, ms));
    let mut steps = vec![Step {
        text: look.t("path-sent"),
        done: true,
        at: stamp(Some(way.sent_at_ms)),
        next: None,
        lies: Vec::new(),
    }];
    steps.extend(way.hops.iter().map(|hop| {
        Step {
            text: look.a(if hop.here { "path-here" } else { "path-there" }, &hop.node),
            done: hop.at_ms.is_some(),
            at: stamp(hop.at_ms),
            next: stamp(hop.next_try_ms.filter(|_| hop.at_ms.is_none())),
            lies: hop
                .lies_in
                .iter()
                .map(|(node, at)| (look.a("path-mailbox", node), time::moment(look, *at)))
                .collect(),
        }
    }));
    let step = |text, done, at| Step {
        text,
        done,
        at: stamp(at),
        next: None,
        lies: Vec::new(),
    };
    match with {
        // Who reads is not shown.
        _ if way.people == 0 => {}
        Some(name) => {
            let at = way.readers.first().and_then(|reader| reader.at_ms);
            let key = if way.read {
                "path-read"
            } else {
                "path-read-wait"
            };
            steps.push(step(look.a(key, name), way.read, at));
        }
        // In a group each who has read it, and how many have not.
        None => {
            let readers = way.readers.iter();
            steps.extend(readers.map(|it| step(look.a("path-read", &it.name), true, it.at_ms)));
            let lacks = way.people.saturating_sub(number(way.readers.len()));
            if lacks > 0 {
                steps.push(step(look.n("path-read-lacks", lacks), false, None));
            }
        }
    }
    steps
}

fn number(many: usize) -> u32 {
    u32::try_from(many).unwrap_or(u32::MAX)
}
