//! Ways back into an account without its password: 24 words, or a link of the owner (Q21). Words of nobody here lead on
//! to a new home on this node (I7).

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chater_engine::{Error, MoveIn, Recovered, Recovery};
use serde::Deserialize;

use super::auth::{known_zone, with_retry};
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
        Ok(Recovered::Back(session)) => Ok(signed_in(&app, &session.secret, "/")),
        Ok(Recovered::Stranger(ticket)) => {
            let form = ArriveForm {
                ticket,
                ..ArriveForm::default()
            };
            render_arrival(&app, caller.is_local, look, form, Faults::default())
        }
        Err(Error::Closed) => {
            let faults = Faults::one("words", look.t("api-closed"));
            Ok(render(&app, look, faults))
        }
        Err(Error::RegistrationClosed) => {
            let said = [look.t("error-words-wrong"), look.t("register-closed")];
            let faults = Faults::one("words", said.join(". "));
            Ok(render(&app, look, faults))
        }
        Err(error) => {
            let faults = Faults::from_engine(&look, error.clone(), "words")?;
            Ok(with_retry(render(&app, look, faults), &error))
        }
    }
}

#[derive(Template)]
#[template(path = "pages/arrive.html")]
struct ArrivePage {
    look: Look,
    node: String,
    ticket: String,
    /// The first user becomes the owner.
    owner: bool,
    /// Whether a code is asked for.
    coded: bool,
    /// What other nodes say of whoever has typed the words.
    said: String,
    /// They say nothing.
    unknown: bool,
    nick: String,
    code: String,
    old: &'static str,
    faults: Faults,
}

/// The rest of what is asked of who comes here by the words.
#[derive(Deserialize, Default)]
pub(crate) struct ArriveForm {
    #[serde(default)]
    ticket: String,
    #[serde(default)]
    nick: Option<String>,
    #[serde(default)]
    code: Option<String>,
    /// `stays`, else the node before this one is gone.
    #[serde(default)]
    old: Option<String>,
    #[serde(default)]
    zone: Option<String>,
}

impl ArriveForm {
    fn stays(&self) -> bool {
        self.old.as_deref() == Some("stays")
    }

    fn code(&self) -> Option<String> {
        let code = self.code.as_deref().map(str::trim);
        code.filter(|code| !code.is_empty()).map(str::to_owned)
    }
}

fn render_arrival(
    app: &App,
    is_local: bool,
    look: Look,
    form: ArriveForm,
    faults: Faults,
) -> PageResult {
    // Too late: the words are typed again.
    let Some(arriving) = app.engine.arriving(&form.ticket) else {
        let faults = Faults::one("words", look.t("arrive-late"));
        return Ok(render(app, look, faults));
    };
    let said = match &arriving.nick {
        Some(nick) => look.a("arrive-known", nick),
        None => look.t("arrive-unknown"),
    };
    Ok(page_with(
        faults.status(),
        &ArrivePage {
            node: app.engine.name(),
            owner: app.engine.is_new(),
            coded: app.engine.needs_code(is_local) || faults.of("code").is_some(),
            said,
            unknown: arriving.nick.is_none(),
            old: if form.stays() { "stays" } else { "gone" },
            code: form.code().unwrap_or_default(),
            nick: form.nick.or(arriving.nick).unwrap_or_default(),
            ticket: form.ticket,
            look,
            faults,
        },
    ))
}

/// `/recover/here`, opened by itself: the words come first.
pub(crate) async fn begin() -> PageResult {
    Ok(see_other("/recover"))
}

/// Makes the new home.
pub(crate) async fn arrive(
    State(app): State<App>,
    caller: Caller,
    look: Look,
    CheckedForm(form): CheckedForm<ArriveForm>,
) -> PageResult {
    let code = form.code();
    let new = MoveIn {
        ticket: form.ticket.clone(),
        nick: form.nick.clone().unwrap_or_default().trim().to_owned(),
        invite: code.clone(),
        gone: !form.stays(),
        device: caller.device,
        from: caller.ip,
        here: caller.is_local,
        time_zone: form.zone.clone().filter(|zone| known_zone(zone)),
    };
    let error = match app.engine.move_in(new).await {
        Ok(session) => {
            let owner = session.user.me().is_ok_and(|me| me.owner);
            let to = if owner { "/welcome" } else { "/" };
            return Ok(signed_in(&app, &session.secret, to));
        }
        Err(error) => error,
    };
    let faults = match &error {
        Error::NotFound => Faults::default(),
        Error::Taken => Faults::one("nick", look.a("register-taken", app.engine.name())),
        Error::InviteNeeded => {
            let key = if code.is_some() {
                "register-code-bad"
            } else {
                "register-code-needed"
            };
            Faults::one("code", look.t(key))
        }
        Error::RegistrationClosed => Faults::one("nick", look.t("register-closed")),
        _ => Faults::from_engine(&look, error.clone(), "nick")?,
    };
    let page = render_arrival(&app, caller.is_local, look, form, faults)?;
    Ok(with_retry(page, &error))
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
