//! Login, registration and the way out.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use chater_engine::{Error, Login, NewUser, Registration, SessionKind};
use serde::Deserialize;

use super::shell::{local_path, page, page_with, see_other};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::{Arg, Look, find_text, text_with};
use crate::session::{Caller, CheckedForm, MaybeSession, Session, signed_in, signed_out};

/// Where to go after login.
#[derive(Deserialize)]
pub(crate) struct Next {
    next: Option<String>,
    code: Option<String>,
}

#[derive(Default, Template)]
#[template(path = "pages/login.html")]
struct LoginPage {
    look: Look,
    node: String,
    next: String,
    nick: String,
    error: Option<String>,
}

#[derive(Default, Template)]
#[template(path = "pages/register.html")]
struct RegisterPage {
    look: Look,
    node: String,
    /// The first user becomes the owner.
    owner: bool,
    closed: bool,
    /// Whether a code is asked for.
    coded: bool,
    /// Who invites.
    invited: Option<String>,
    nick: String,
    code: String,
    nick_error: Option<String>,
    password_error: Option<String>,
    code_error: Option<String>,
    /// An error of no field.
    error: Option<String>,
}

/// The login form.
pub(crate) async fn login(
    State(app): State<App>,
    MaybeSession(session): MaybeSession,
    look: Look,
    Query(query): Query<Next>,
) -> PageResult {
    let next = local_path(query.next.as_deref()).to_owned();
    if session.is_some() {
        return Ok(see_other(&next));
    }
    if app.engine.is_new() {
        return Ok(see_other("/setup"));
    }
    Ok(page(&LoginPage {
        node: app.engine.name(),
        look,
        next,
        ..LoginPage::default()
    }))
}

/// What the login form sends.
#[derive(Deserialize)]
pub(crate) struct LoginForm {
    #[serde(default)]
    nick: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: Option<String>,
    #[serde(default)]
    zone: Option<String>,
}

/// Checks nick and password. A wrong pair is one text for both.
pub(crate) async fn log_in(
    State(app): State<App>,
    caller: Caller,
    look: Look,
    CheckedForm(form): CheckedForm<LoginForm>,
) -> PageResult {
    let login = Login {
        nick: form.nick.clone(),
        password: form.password,
        device: caller.device,
        from: caller.ip,
        kind: SessionKind::Browser,
        time_zone: form.zone.filter(|zone| known_zone(zone)),
    };
    let next = local_path(form.next.as_deref()).to_owned();
    let error = match app.engine.log_in(login).await {
        Ok(session) => return Ok(signed_in(&app, &session.secret, &next)),
        Err(error) => error,
    };
    let (status, text) = match error {
        Error::BadLogin | Error::Invalid { .. } | Error::NotFound => {
            (StatusCode::UNAUTHORIZED, look.t("login-bad"))
        }
        Error::TooMany { retry_after_s } => (
            StatusCode::TOO_MANY_REQUESTS,
            look.n("login-slow", retry_after_s),
        ),
        Error::Closed => (StatusCode::FORBIDDEN, look.t("api-closed")),
        other => return Err(other.into()),
    };
    let shown = LoginPage {
        node: app.engine.name(),
        look,
        next,
        nick: form.nick,
        error: Some(text),
    };
    Ok(with_retry(page_with(status, &shown), &error))
}

/// The registration form.
pub(crate) async fn registration(
    State(app): State<App>,
    caller: Caller,
    MaybeSession(session): MaybeSession,
    look: Look,
    Query(query): Query<Next>,
) -> PageResult {
    if session.is_some() {
        return Ok(see_other("/"));
    }
    if app.engine.is_new() {
        return Ok(see_other("/setup"));
    }
    let mut shown = blank(&app, &caller, look);
    if let Some(code) = query.code.filter(|code| !code.is_empty()) {
        match app.engine.registration_invited_by(&code)? {
            Some(name) => {
                let args = [("name", Arg::from(name)), ("node", Arg::from(&*shown.node))];
                let text = text_with(shown.look.lang, "register-invited", &args);
                shown.invited = Some(text);
            }
            None if shown.coded => shown.code_error = Some(shown.look.t("register-code-bad")),
            None => {}
        }
        shown.code = code;
    }
    Ok(page(&shown))
}

/// The first start: registration with the note for the owner.
pub(crate) async fn setup(State(app): State<App>, caller: Caller, look: Look) -> PageResult {
    if !app.engine.is_new() {
        return Ok(see_other("/"));
    }
    Ok(page(&blank(&app, &caller, look)))
}

fn blank(app: &App, caller: &Caller, look: Look) -> RegisterPage {
    let owner = app.engine.is_new();
    RegisterPage {
        node: app.engine.name(),
        look,
        owner,
        closed: !owner && app.engine.registration() == Registration::Closed,
        coded: app.engine.needs_code(caller.is_local),
        ..RegisterPage::default()
    }
}

/// What the registration form sends.
#[derive(Deserialize)]
pub(crate) struct RegisterForm {
    #[serde(default)]
    nick: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    zone: Option<String>,
}

/// Makes an account and a session; the password is asked again after an error, the rest is kept.
pub(crate) async fn register(
    State(app): State<App>,
    caller: Caller,
    look: Look,
    CheckedForm(form): CheckedForm<RegisterForm>,
) -> PageResult {
    let code = form
        .code
        .map(|code| code.trim().to_owned())
        .filter(|code| !code.is_empty());
    let new = NewUser {
        nick: form.nick.trim().to_owned(),
        password: form.password,
        invite: code.clone(),
        device: caller.device.clone(),
        from: caller.ip,
        here: caller.is_local,
        language: None,
        time_zone: form.zone.filter(|zone| known_zone(zone)),
    };
    let error = match app.engine.register(new, SessionKind::Browser).await {
        Ok(session) => {
            // The first one owns the node and is shown around.
            let owner = session.user.me().is_ok_and(|me| me.owner);
            let to = if owner { "/welcome" } else { "/" };
            return Ok(signed_in(&app, &session.secret, to));
        }
        Err(error) => error,
    };
    let mut shown = blank(&app, &caller, look);
    shown.nick = form.nick;
    let wrong_code = if code.is_some() {
        "register-code-bad"
    } else {
        "register-code-needed"
    };
    shown.code = code.unwrap_or_default();
    let look = &shown.look;
    let status = match &error {
        Error::Taken => {
            shown.nick_error = Some(look.a("register-taken", &shown.node));
            StatusCode::CONFLICT
        }
        Error::InviteNeeded => {
            shown.code_error = Some(look.t(wrong_code));
            shown.coded = true;
            StatusCode::FORBIDDEN
        }
        Error::RegistrationClosed => {
            shown.closed = true;
            StatusCode::FORBIDDEN
        }
        Error::TooMany { retry_after_s } => {
            shown.error = Some(look.n("login-slow", *retry_after_s));
            StatusCode::TOO_MANY_REQUESTS
        }
        Error::Invalid { field, reason } => {
            let text = invalid(look, field, reason.as_str());
            match *field {
                "nick" => shown.nick_error = Some(text),
                "password" => shown.password_error = Some(text),
                "invite" => {
                    shown.code_error = Some(text);
                    shown.coded = true;
                }
                _ => shown.error = Some(text),
            }
            StatusCode::UNPROCESSABLE_ENTITY
        }
        _ => return Err(error.into()),
    };
    Ok(with_retry(page_with(status, &shown), &error))
}

/// Ends the session.
pub(crate) async fn log_out(
    State(app): State<App>,
    session: Session,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    app.engine.log_out(&session.secret).await;
    Ok(signed_out(&app, "/login"))
}

/// A form of nothing but its token.
#[derive(Deserialize)]
pub(crate) struct Empty {}

/// The text for a value that breaks a rule: `error-<field>-<reason>`, else `error-<reason>`.
pub(crate) fn invalid(look: &Look, field: &str, reason: &str) -> String {
    find_text(look.lang, &format!("error-{field}-{reason}"), &[])
        .or_else(|| find_text(look.lang, &format!("error-{reason}"), &[]))
        .unwrap_or_else(|| look.t("error-malformed"))
}

/// Adds `Retry-After` to an answer about too many tries.
pub(crate) fn with_retry(mut response: Response, error: &Error) -> Response {
    if let Error::TooMany { retry_after_s } = error {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(*retry_after_s));
    }
    response
}

pub(crate) fn known_zone(zone: &str) -> bool {
    zone.parse::<chrono_tz::Tz>().is_ok()
}
