//! The two sockets (Q32): `/api/v1/socket` for programs with a token, `/live` for pages. Same frames;
//! a page gets the HTML of its own partials instead of data.
//!
//! `frames` reads what a browser says, `work` carries it out, `news` writes what the engine says,
//! `talk` is the loop between them.

mod frames;
mod news;
mod talk;
mod work;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{FromRequestParts, Query, State, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use chater_engine::{Engine, UserHandle};
use serde::Deserialize;

use crate::app::App;
use crate::error::{ApiError, Problem};
use crate::i18n::Look;
use crate::serve::Stopping;
use crate::session::MaybeSession;

/// Largest message and frame from a browser (Q36); axum's defaults are 64 and 16 MiB.
const FRAME_BYTES: usize = 64 * 1024;
/// Read buffer of a socket. Each read fills it with zeros first, so a big one costs time as well.
const READ_BUFFER: usize = 16 * 1024;
/// Frames are gathered up to this size before they are written.
const WRITE_BUFFER: usize = 64 * 1024;
/// Beyond this the socket is broken; a page of search results with long names stays far below.
const MOST_WRITE_BUFFER: usize = 4 * 1024 * 1024;

/// For whom frames are written.
pub(crate) struct Reader {
    look: Look,
    html: bool,
}

impl Reader {
    /// A program: data.
    pub(crate) fn json(look: Look) -> Self {
        Self { look, html: false }
    }

    /// A page: fragments.
    fn page(look: Look) -> Self {
        Self { look, html: true }
    }
}

/// A request to become a socket.
pub(crate) struct Upgrade {
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    after: Option<u64>,
    stopping: Option<Stopping>,
}

#[derive(Deserialize)]
struct After {
    after: Option<String>,
}

impl FromRequestParts<App> for Upgrade {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let after = Query::<After>::try_from_uri(&parts.uri)
            .ok()
            .and_then(|asked| asked.0.after);
        Ok(Self {
            // A number nobody knows is as good as one forgotten: the answer is `reload` (Q35).
            after: after.map(|seq| seq.parse().unwrap_or(0)),
            stopping: parts.extensions.get::<Stopping>().cloned(),
            upgrade: WebSocketUpgrade::from_request_parts(parts, app).await,
        })
    }
}

/// `GET /live`: the socket of a page. The guard has checked its Origin.
pub(crate) async fn live(
    State(app): State<App>,
    session: MaybeSession,
    look: Look,
    upgrade: Upgrade,
) -> Result<Response, ApiError> {
    let MaybeSession(Some(session)) = session else {
        return Err(Problem::new(401, "unauthorized").into());
    };
    open(app.engine, session.user, Reader::page(look), upgrade).await
}

/// Subscribes, then becomes a socket. What the engine refuses is still an HTTP answer.
pub(crate) async fn open(
    engine: Engine,
    user: UserHandle,
    reader: Reader,
    asked: Upgrade,
) -> Result<Response, ApiError> {
    let upgrade = match asked.upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) if rejection.status() == 405 => {
            return Err(Problem::new(405, "method_not_allowed").into());
        }
        Err(_) => return Err(Problem::new(426, "upgrade_required").into()),
    };
    let news = user.updates(asked.after).await?;
    let bounded = upgrade
        .max_message_size(FRAME_BYTES)
        .max_frame_size(FRAME_BYTES)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(MOST_WRITE_BUFFER);
    let talk = move |socket| talk::run(socket, engine, user, news, reader, asked.stopping);
    Ok(bounded.on_upgrade(talk).into_response())
}
