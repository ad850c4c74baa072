//! Ways back into an account without its password: 24 words, or a link of the owner (Q21).

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chater_engine::{Error, Recovery};
use serde::Deserialize;

use super::auth::with_retry;
use super::settings::Faults;
use super::shell::{page_with, see_other};
use crate::app::App;
use crate::error::{PageResult, Problem};
use crate::i18n::Look;
use crate::session::{Caller, CheckedForm, signed_in};

#[derive(Template)]
#[template(path = "pages/recover.html")]
struct RecoverPage {
    look: Look,
    node: String,
    faults: Faults,
}

/// `/recover`.
pub(crate) async fn show(State(app): State<App>, look: Look) -> PageResult {
    if app.engine.is_new() {
        return Ok(see_other("/setup"));
    }
    Ok(render(&app, look, Faults::default()))
}

fn render(app: &App, look: Look, faults: Faults) -> axum::response::Response {
    page_with(
        faults.status(),
        &RecoverPage {
            node: app.engine.name(),
            look,
            faults,
        },
    )
}

/// The words and a new password. Neither comes back in the page: both are secrets.
#[derive(Deserialize)]
pub(crate) struct WordsForm {
    #[serde(default)]
    words: String,
    #[serde(default)]
    password: String,
}

/// Gives the account back.
pub(crate) async fn recover(
    State(app): State<App>,
    caller: Caller,
    look: Look,
    CheckedForm(form): CheckedForm<WordsForm>,
) -> PageResult {
    let form = Recovery {
        words: form.words,
        password: form.password,
        device: caller.device,
        from: caller.ip,
    };
    match app.engine.recover(form).await {
        Ok(session) => Ok(signed_in(&app, &session.secret, "/")),
        Err(Error::Closed) => {
            let faults = Faults::one("words", look.t("api-closed"));
            Ok(render(&app, look, faults))
        }
        Err(error) => {
            let faults = Faults::from_engine(&look, error.clone(), "words")?;
            Ok(with_retry(render(&app, look, faults), &error))
        }
    }
}

#[derive(Template)]
#[template(path = "pages/reset.html")]
struct ResetPage {
    look: Look,
    node: String,
    nick: String,
    code: String,
    faults: Faults,
}

fn gone() -> Problem {
    let mut problem = Problem::new(404, "not_found");
    problem.key = "reset-gone".into();
    problem
}

/// `/reset/{code}`: the link of the owner.
pub(crate) async fn show_reset(
    State(app): State<App>,
    look: Look,
    Path(code): Path<String>,
) -> PageResult {
    render_reset(&app, look, code, Faults::default())
}

fn render_reset(app: &App, look: Look, code: String, faults: Faults) -> PageResult {
    let nick = app.engine.reset_nick(&code).ok_or_else(gone)?;
    Ok(page_with(
        faults.status(),
        &ResetPage {
            look,
            node: app.engine.name(),
            nick,
            code,
            faults,
        },
    ))
}

/// The new password.
#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    #[serde(default)]
    password: String,
}

/// Sets it, once.
pub(crate) async fn reset(
    State(app): State<App>,
    caller: Caller,
    look: Look,
    Path(code): Path<String>,
    CheckedForm(form): CheckedForm<PasswordForm>,
) -> PageResult {
    match app
        .engine
        .reset_password(&code, form.password, &caller.device)
        .await
    {
        Ok(session) => Ok(signed_in(&app, &session.secret, "/")),
        Err(Error::NotFound) => Err(gone().into()),
        Err(error) => {
            let faults = Faults::from_engine(&look, error, "password")?;
            render_reset(&app, look, code, faults)
        }
    }
}

/// `/invite/{code}`: to the registration with the code filled in.
pub(crate) async fn invited(Path(code): Path<String>) -> PageResult {
    if code.len() > 64 || !code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(Problem {
            status: StatusCode::NOT_FOUND,
            ..Problem::new(404, "not_found")
        }
        .into());
    }
    Ok(see_other(&format!("/register?code={code}")))
}
