//! Invitation links of groups: made and taken back by who may add people, followed by those who were given one.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use chater_engine::Error;
use chater_engine::id::Hash;
use chater_engine::view::GroupLink;
use chater_engine::{invited_by, is_invite, told_by};
use serde::Deserialize;

use super::auth::Empty;
use super::chat::chat_id;
use super::info;
use super::qr;
use super::refused::{Refused, Typed};
use super::shell::{Shell, page, page_with, see_other};
use super::time::{self, Stamp};
use crate::app::App;
use crate::error::{PageError, PageResult, Problem};
use crate::i18n::Look;
use crate::session::{CheckedForm, Session};

/// A link in the list.
pub(crate) struct LinkRow {
    pub(crate) link: GroupLink,
    pub(crate) until: Stamp,
}

impl LinkRow {
    pub(crate) fn of(link: GroupLink, look: &Look) -> Self {
        Self {
            until: time::moment(look, link.expires_at_ms),
            link,
        }
    }
}

#[derive(Template)]
#[template(path = "pages/link.html")]
struct LinkPage<'a> {
    look: &'a Look,
    shell: Shell,
    chat: String,
    title: String,
    link: String,
    picture: String,
}

/// How long a new link counts, and for how many.
#[derive(Deserialize)]
pub(crate) struct LinkForm {
    #[serde(default)]
    uses: String,
    #[serde(default)]
    days: String,
}

/// Makes a link and shows it, once.
pub(crate) async fn make(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(chat): Path<String>,
    CheckedForm(form): CheckedForm<LinkForm>,
) -> PageResult {
    let id = chat_id(&chat)?;
    let number = |text: &str| text.trim().parse().unwrap_or(0);
    let made = session
        .user
        .make_link(id, number(&form.uses), number(&form.days))
        .await;
    let link = match made {
        Ok(link) => link,
        Err(error) => {
            let typed = Typed::Link(form.uses, form.days);
            let refused = Refused::new(&look, error, "uses", typed)?;
            return info::draw(&app, &session, &look, id, false, &refused).await;
        }
    };
    let shell = Shell::new(&app, &session, look.t("link-made")).await;
    Ok(page(&LinkPage {
        look: &look,
        shell: shell.section("chats"),
        chat,
        title: session.user.chat(id)?.title,
        picture: qr::picture(&link).unwrap_or_default(),
        link,
    }))
}

/// Takes a link back.
pub(crate) async fn end(
    session: Session,
    Path((chat, link)): Path<(String, String)>,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    let id = chat_id(&chat)?;
    let link: Hash = link.parse().map_err(|_| Error::NotFound)?;
    session.user.end_link(id, link).await?;
    Ok(see_other(&format!("/c/{chat}/info#links")))
}

#[derive(Template)]
#[template(path = "pages/join.html")]
struct JoinPage<'a> {
    look: &'a Look,
    shell: Shell,
    code: &'a str,
    /// What the link says, once it was read.
    asked: Option<Asked>,
    error: Option<String>,
}

struct Asked {
    title: String,
    node: String,
    /// The link leads into a community: the owner brings the whole node in.
    community: bool,
}

/// A link that was typed, and whether it was looked at already.
#[derive(Deserialize, Default)]
pub(crate) struct JoinForm {
    #[serde(default)]
    code: String,
    #[serde(default)]
    yes: String,
}

async fn render(
    app: &App,
    session: &Session,
    look: &Look,
    code: &str,
    error: Option<&Error>,
) -> Result<Response, PageError> {
    let problem = error.map(|error| Problem::from(error.clone()));
    let asked = told_by(code).map(|(title, node)| Asked {
        title,
        node: node.fingerprint(),
        community: false,
    });
    let asked = asked.or_else(|| {
        invited_by(code).map(|(title, node, _)| Asked {
            title,
            node: node.fingerprint(),
            community: true,
        })
    });
    let unread = !code.is_empty() && asked.is_none();
    let shell = Shell::new(app, session, look.t("join")).await;
    Ok(page_with(
        problem.as_ref().map_or(StatusCode::OK, |p| p.status),
        &JoinPage {
            look,
            shell: shell.section("group"),
            code,
            asked,
            error: problem
                .map(|problem| problem.page_text(look))
                .or_else(|| unread.then(|| look.t("error-code-malformed"))),
        },
    ))
}

/// `/join`, with the link in `code` if there is one already.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Query(form): Query<JoinForm>,
) -> PageResult {
    render(&app, &session, &look, form.code.trim(), None).await
}

/// Shows where a link leads, and follows it after a yes.
pub(crate) async fn join(
    State(app): State<App>,
    session: Session,
    look: Look,
    CheckedForm(form): CheckedForm<JoinForm>,
) -> PageResult {
    let code = form.code.trim();
    if form.yes.is_empty() && (told_by(code).is_some() || invited_by(code).is_some()) {
        return render(&app, &session, &look, code, None).await;
    }
    if is_invite(code) {
        return match session.user.enter_community(code).await {
            Ok(id) => Ok(see_other(&format!("/network#c-{id}"))),
            Err(error) => render(&app, &session, &look, code, Some(&error)).await,
        };
    }
    match session.user.join(code).await {
        Ok(chat) => Ok(see_other(&format!("/c/{}", chat.id))),
        Err(error) => render(&app, &session, &look, code, Some(&error)).await,
    }
}
