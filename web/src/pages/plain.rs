//! Pages without data: errors, keys, help.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::shell::{Shell, page, page_with};
use crate::app::App;
use crate::error::PageResult;
use crate::form::Stale;
use crate::i18n::Look;
use crate::session::Session;

#[derive(Template)]
#[template(path = "pages/error.html")]
struct ErrorPage<'a> {
    look: &'a Look,
    status: u16,
    text: String,
    /// Waiting may help, so the page offers to try again.
    again: bool,
    /// A form to be sent again.
    stale: Option<&'a Stale>,
}

/// See `pages::error_page`.
pub(crate) fn error(
    look: &Look,
    status: StatusCode,
    text: &str,
    stale: Option<&Stale>,
) -> Response {
    let page = ErrorPage {
        look,
        status: status.as_u16(),
        text: text.to_owned(),
        again: status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error(),
        stale,
    };
    page_with(status, &page)
}

#[derive(Template)]
#[template(path = "pages/keys.html")]
struct KeysPage<'a> {
    look: &'a Look,
    shell: Shell,
}

#[derive(Template)]
#[template(path = "pages/https.html")]
struct HttpsPage<'a> {
    look: &'a Look,
    shell: Shell,
    /// Where the pages are now, for the examples.
    port: u16,
    public_url: Option<&'a str>,
}

/// `/help/https`: a proxy before the node, and what browsers allow then.
pub(crate) async fn https(State(app): State<App>, session: Session, look: Look) -> PageResult {
    let shell = Shell::new(&app, &session, look.t("notify-https")).await;
    Ok(page(&HttpsPage {
        look: &look,
        shell: shell.section("settings"),
        port: app.config.listen.first().map_or(5000, |at| at.port()),
        public_url: app.config.public_url.as_deref(),
    }))
}

#[derive(Template)]
#[template(path = "partials/keys.html")]
struct KeysTable<'a> {
    look: &'a Look,
}

/// Whether only the table is wanted, for a dialog.
#[derive(Deserialize)]
pub(crate) struct Asked {
    part: Option<String>,
}

/// `/help/keys`.
pub(crate) async fn keys(
    State(app): State<App>,
    session: Session,
    look: Look,
    Query(asked): Query<Asked>,
) -> PageResult {
    if asked.part.is_some() {
        return Ok(page(&KeysTable { look: &look }));
    }
    let shell = Shell::new(&app, &session, look.t("keys")).await;
    Ok(page(&KeysPage { look: &look, shell }))
}
