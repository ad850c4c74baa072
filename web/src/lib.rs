//! Pages, JSON API and sockets of a Chater node: everything a browser or a program sees of it.
//!
//! This crate knows the engine and nothing below it: no store, no network, no signatures. A request
//! goes `serve` (sockets, timers, caps) -> `guard` (Host, Origin, headers) -> `session` (who) ->
//! `pages` or `api` (what) -> `chater_engine::UserHandle`; a failure comes back through `error`,
//! the one place with status codes. Start reading at [`router`], the whole route table.

mod api;
mod app;
mod assets;
mod caller;
mod cookie;
mod error;
mod export;
mod form;
mod guard;
mod hosts;
mod house;
mod i18n;
mod pages;
mod serve;
mod session;
mod socket;
mod upload;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get};
use chater_engine::Engine;

pub use app::{App, WebConfig};
pub use export::{ExportError, export};
pub use house::{Fault, Home, House};
pub use serve::{Caps, Doors, Server, Stopping};

/// The largest JSON or form body (Q30); without it one request fills the memory.
pub(crate) const BODY_LIMIT: usize = 64 * 1024;

/// What a check found, in words: Russian, or English for `en`.
#[must_use]
pub fn check_words(language: &str, check: &chater_engine::view::Check) -> String {
    pages::reach::words(i18n::Lang::parse(language).unwrap_or(i18n::Lang::Ru), check)
}

/// What happened to the node, in words, with its time (UTC): Russian, or English for `en`.
#[must_use]
pub fn log_line(language: &str, event: &chater_engine::view::LogEntry) -> String {
    let lang = i18n::Lang::parse(language).unwrap_or(i18n::Lang::Ru);
    let words = pages::happened(lang, &event.what);
    let times = match event.times {
        0 | 1 => String::new(),
        many => format!("  ×{many}"),
    };
    format!("{}  {words}{times}", api::shapes::time(event.at_ms))
}

/// Everything this node answers over HTTP.
pub fn router(engine: Engine, config: WebConfig, house: Arc<House>) -> Router {
    let app = App::new(engine, config, house);
    let (api, document) = api::routes();
    Router::new()
        .merge(api)
        .route(
            "/api/v1/openapi.json",
            get(move || api::document_answer(document.clone())),
        )
        .route("/live", any(socket::live))
        .route("/healthz", get(api::healthz))
        .route("/metrics", get(api::metrics))
        .merge(pages::router())
        .merge(assets::router())
        .fallback(error::unknown_path)
        .method_not_allowed_fallback(error::wrong_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        // The last layer is the outermost: it sees every request first and every answer last.
        .layer(from_fn_with_state(app.clone(), guard::watch))
        .with_state(app)
}
