//! Accounts and tokens.

use axum::extract::State;
use axum::http::StatusCode;
use chater_engine::{Login, NewSession, NewUser, SessionKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Answer, Body, answer};
use super::shapes::Me;
use crate::app::App;
use crate::caller::Caller;
use crate::error::ErrorAnswer;
use crate::session::Bearer;

/// A new account.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewUser)]
pub(super) struct Registration {
    /// 2-32 letters of one script, digits, `. _ -`.
    nick: String,
    /// 10 characters to 1,024 bytes.
    password: String,
    /// An invite code, or the set-up code for the first user.
    invite: Option<String>,
}

/// Nick and password.
#[derive(Deserialize, ToSchema)]
pub(super) struct Credentials {
    nick: String,
    password: String,
}

/// A token and whose it is.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenAnswer<'a> {
    /// For `Authorization: Bearer`; shown once. Ends 30 days after its last use.
    token: &'a str,
    #[schema(inline = false)]
    user: Me<'a>,
}

fn created(session: &NewSession) -> Answer {
    let me = session.user.me()?;
    answer(
        StatusCode::CREATED,
        &TokenAnswer {
            token: &session.secret,
            user: (&me).into(),
        },
    )
}

/// Makes an account.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", security(()), request_body = Registration,
    responses((status = 201, body = TokenAnswer), (status = 403, body = ErrorAnswer),
        (status = 409, body = ErrorAnswer), (status = 422, body = ErrorAnswer), (status = 429, body = ErrorAnswer)))]
pub(super) async fn register(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<Registration>,
) -> Answer {
    let new = NewUser {
        nick: body.nick,
        password: body.password,
        invite: body.invite,
        device: caller.device,
        from: caller.ip,
        here: caller.is_local,
        language: None,
        time_zone: None,
    };
    created(&app.engine.register(new, SessionKind::Token).await?)
}

/// Makes a token.
#[utoipa::path(post, path = "/api/v1/sessions", tag = "users", security(()), request_body = Credentials,
    responses((status = 201, body = TokenAnswer), (status = 401, body = ErrorAnswer),
        (status = 429, body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub(super) async fn log_in(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<Credentials>,
) -> Answer {
    let login = Login {
        nick: body.nick,
        password: body.password,
        device: caller.device,
        from: caller.ip,
        kind: SessionKind::Token,
        time_zone: None,
    };
    created(&app.engine.log_in(login).await?)
}

/// Ends the token of this call; its sockets end, too.
#[utoipa::path(delete, path = "/api/v1/sessions/current", tag = "users",
    responses((status = 204), (status = 401, body = ErrorAnswer)))]
pub(super) async fn log_out(State(app): State<App>, bearer: Bearer) -> StatusCode {
    app.engine.log_out(&bearer.secret).await;
    StatusCode::NO_CONTENT
}

/// Whose token this is.
#[utoipa::path(get, path = "/api/v1/me", tag = "users",
    responses((status = 200, body = Me), (status = 401, body = ErrorAnswer)))]
pub(super) async fn me(bearer: Bearer) -> Answer {
    answer(StatusCode::OK, &Me::from(&bearer.user.me()?))
}

/// Everything the user can read, as one file: chats, messages, pictures. It ends with `"complete":true`; a
/// file without that was cut short.
#[utoipa::path(get, path = "/api/v1/me/export", tag = "users",
    responses((status = 200, content_type = "application/json"), (status = 401, body = ErrorAnswer)))]
pub(super) async fn export(bearer: Bearer) -> Answer {
    Ok(crate::pages::exported(bearer.user)?)
}
