//! The pages: every route here works with links and forms alone; scripts only improve them.

mod actions;
mod auth;
mod chat;
mod emoji;
mod find;
mod forward;
pub(crate) mod fragment;
mod host;
mod list;
mod markup;
mod network;
mod path;
mod plain;
mod search;
mod settings;
mod shell;
#[cfg(test)]
mod texts;
mod time;
mod timeline;
mod words;
mod write;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};

use crate::app::App;
use crate::i18n::Look;

/// The routes of all pages.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/", get(list::show))
        .route("/login", get(auth::login).post(auth::log_in))
        .route("/register", get(auth::registration).post(auth::register))
        .route("/setup", get(auth::setup))
        .route("/logout", post(auth::log_out))
        .route("/c/{chat}", get(chat::show))
        .route("/c/{chat}/path/{message}", get(path::show))
        .route("/c/{chat}/m/{message}", get(actions::show))
        .route("/c/{chat}/m/{message}/react", post(actions::react))
        .route("/c/{chat}/m/{message}/edit", post(actions::edit))
        .route("/c/{chat}/m/{message}/delete", post(actions::delete))
        .route(
            "/c/{chat}/m/{message}/forward",
            get(forward::show).post(forward::send),
        )
        .route("/c/{chat}/search", get(find::show))
        .route(
            "/c/{chat}/delete",
            get(actions::ask_chat).post(actions::delete_chat),
        )
        .route("/c/{chat}/messages", post(write::send))
        .route("/c/{chat}/read", post(write::read))
        .route("/c/{chat}/draft", post(write::draft))
        .route("/search", get(search::show))
        .route("/start/{address}", get(search::confirm).post(search::start))
        .route("/groups/new", get(plain::new_group))
        .route("/help/keys", get(plain::keys))
        .route("/settings", get(settings::profile))
        .route(
            "/settings/profile",
            get(settings::profile).post(settings::save_profile),
        )
        .route("/settings/look", get(settings::look))
        .route("/look", post(settings::save_look))
        .route("/network", get(network::show))
        .route("/network/add", post(network::add))
        .route("/network/forget", post(network::forget))
}

/// A page that says why there is no other.
#[must_use]
pub(crate) fn error_page(look: &Look, status: StatusCode, text: &str) -> Response {
    plain::error(look, status, text)
}
