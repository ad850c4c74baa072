//! The pages: every route here works with links and forms alone; scripts only improve them.

mod actions;
mod allow;
pub(crate) mod arrange;
mod ask;
mod auth;
pub(crate) mod avatar;
mod chat;
mod circle;
mod emoji;
mod find;
mod forward;
pub(crate) mod fragment;
pub(crate) mod groups;
mod host;
mod info;
mod install;
mod join;
mod list;
mod mail;
mod markup;
mod members;
mod named;
mod netmap;
mod netnode;
mod network;
mod note;
mod path;
mod picture;
mod plain;
mod qr;
pub(crate) mod reach;
mod recover;
mod refused;
mod request;
mod search;
mod settings;
mod shell;
#[cfg(test)]
mod texts;
pub(crate) mod time;
mod timeline;
mod waits;
mod welcome;
mod words;
mod write;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};

use crate::app::App;
use crate::form::Stale;
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
        .route("/c/{chat}/info", get(info::show))
        .route("/c/{chat}/members", get(members::show))
        .route("/c/{chat}/path/{message}", get(path::show))
        .route("/c/{chat}/m/{message}", get(actions::show))
        .route("/c/{chat}/m/{message}/react", post(actions::react))
        .route("/c/{chat}/m/{message}/edit", post(actions::edit))
        .route("/c/{chat}/m/{message}/delete", post(actions::delete))
        .route("/c/{chat}/m/{message}/restore", post(actions::restore))
        .route(
            "/c/{chat}/m/{message}/forward",
            get(forward::show).post(forward::send),
        )
        .route("/c/{chat}/search", get(find::show))
        .route(
            "/c/{chat}/delete",
            get(actions::ask_chat).post(actions::delete_chat),
        )
        .route("/c/{chat}/menu", get(arrange::menu))
        .route("/c/{chat}/pin", post(arrange::pin))
        .route("/c/{chat}/mute", post(arrange::mute))
        .route("/c/{chat}/archive", post(arrange::archive))
        .route("/c/{chat}/unread", post(arrange::unread))
        .route("/c/{chat}/messages", post(write::send))
        .route("/c/{chat}/read", post(write::read))
        .route("/c/{chat}/draft", post(write::draft))
        .route("/c/{chat}/request", post(request::answer))
        .route("/search", get(search::show))
        .route("/start/{address}", get(search::confirm).post(search::start))
        .route("/groups/new", get(groups::show).post(groups::create))
        .route("/c/{chat}/add", get(groups::show_add).post(groups::add))
        .route("/c/{chat}/members/{user}", post(groups::member))
        .route("/c/{chat}/title", post(groups::rename))
        .route(
            "/c/{chat}/picture",
            get(picture::show)
                .post(picture::choose)
                .layer(DefaultBodyLimit::max(crate::upload::UPLOAD_LIMIT)),
        )
        .route("/c/{chat}/picture/remove", post(picture::remove))
        .route("/c/{chat}/rules", post(groups::rules))
        .route("/c/{chat}/links", post(join::make))
        .route("/c/{chat}/links/{link}", post(join::end))
        .route("/join", get(join::show).post(join::join))
        .route("/c/{chat}/members/{user}/remove", get(groups::ask_remove))
        .route(
            "/c/{chat}/leave",
            get(groups::ask_leave).post(groups::leave),
        )
        .route("/help/keys", get(plain::keys))
        .route("/help/https", get(plain::https))
        .route("/unread", get(list::unread))
        .route("/manifest.webmanifest", get(install::manifest))
        .route("/sw.js", get(install::worker))
        .route("/offline", get(install::offline))
        .merge(settings_router())
        .merge(network_router())
}

/// The network: other nodes and communities.
fn network_router() -> Router<App> {
    Router::new()
        .route("/network", get(network::show))
        .route("/network/help", get(reach::show))
        .route("/network/mail", get(mail::show).post(mail::save))
        .route("/network/mail/choose", post(mail::choose))
        .route(
            "/network/mail/leave/{node}",
            get(mail::ask_leave).post(mail::leave),
        )
        .route(
            "/network/mail/evict/{node}",
            get(mail::ask_evict).post(mail::evict),
        )
        .route("/network/mail/readmit/{node}", post(mail::readmit))
        .route("/network/add", post(network::add))
        .route("/network/forget", post(network::forget))
        .route("/network/node/{id}", get(netnode::show))
        .route("/network/node/{id}/link", post(netnode::link))
        .route("/network/node/{id}/off", post(netnode::off))
        .route("/network/node/{id}/dismiss", post(netnode::dismiss))
        .route(
            "/network/node/{id}/block",
            get(netnode::ask_block).post(netnode::block),
        )
        .route("/network/node/{id}/unblock", post(netnode::unblock))
        .route("/network/only", get(allow::ask_only).post(allow::only))
        .route("/network/allow", post(allow::add))
        .route("/network/node/{id}/allow", post(allow::allow))
        .route("/network/node/{id}/disallow", post(allow::disallow))
        .route("/network/open", post(circle::open))
        .route("/network/c", post(circle::found))
        .route(
            "/network/c/{id}/leave",
            get(circle::ask_leave).post(circle::leave),
        )
        .route("/network/c/{id}/invite", post(circle::invite))
        .route(
            "/network/c/{id}/invites/{invite}/revoke",
            post(circle::revoke),
        )
        .route("/network/c/{id}/follow", post(circle::follow))
        .route("/network/c/{id}/publish", post(circle::publish))
}

/// Settings, and the ways back into an account.
fn settings_router() -> Router<App> {
    use settings::{
        home, homes, house, log, look, node, notify, privacy, profile, room, sessions, storage,
        words,
    };
    Router::new()
        .route("/settings", get(profile::show))
        .route("/settings/profile", get(profile::show).post(profile::save))
        .route("/settings/export", post(profile::export))
        .route("/settings/look", get(look::show).post(look::save))
        .route("/settings/zone", post(look::save_zone))
        .route("/look", post(look::save_anywhere))
        .route("/settings/notify", get(notify::show).post(notify::save))
        .route("/settings/privacy", get(privacy::show).post(privacy::save))
        .route("/settings/sessions", get(sessions::show))
        .route("/settings/sessions/end", post(sessions::end))
        .route("/settings/sessions/others", post(sessions::end_others))
        .route(
            "/settings/sessions/password",
            post(sessions::change_password),
        )
        .route("/settings/words", get(words::show).post(words::reveal))
        .route("/settings/home", get(home::show).post(home::renew))
        .route("/settings/homes", get(homes::show).post(homes::end))
        .route("/settings/node", get(node::show).post(node::save))
        .route("/settings/node/log", get(log::show))
        .route("/settings/node/keep", post(storage::keep))
        .route(
            "/settings/node/backup",
            get(storage::show).post(storage::make),
        )
        .route(
            "/settings/node/{user}/room",
            get(room::show).post(room::save),
        )
        .route("/settings/node/home/on", post(house::on))
        .route("/settings/node/home/off", post(house::off))
        .route("/settings/node/relay/on", post(reach::relay_on))
        .route("/settings/node/relay/off", post(reach::relay_off))
        .route("/settings/node/invite", post(node::invite))
        .route("/settings/node/{user}/password", post(node::password_link))
        .route("/settings/node/{user}/close", post(node::close))
        .route("/settings/node/{user}/open", post(node::reopen))
        .route(
            "/settings/avatar",
            post(avatar::choose).layer(DefaultBodyLimit::max(crate::upload::UPLOAD_LIMIT)),
        )
        .route("/settings/avatar/remove", post(avatar::remove))
        .route("/avatar/{hash}/{file}", get(avatar::show))
        .route("/recover", get(recover::show).post(recover::recover))
        .route("/recover/here", get(recover::begin).post(recover::arrive))
        .route(
            "/reset/{code}",
            get(recover::show_reset).post(recover::reset),
        )
        .route("/invite/{code}", get(recover::invited))
        .route("/welcome", get(welcome::person).post(welcome::save_person))
        .route("/welcome/node", get(welcome::node).post(welcome::save_node))
        .route(
            "/welcome/invite",
            get(welcome::invite).post(welcome::make_invite),
        )
}

pub(crate) use settings::log::words as happened;
pub(crate) use settings::profile::exported;

/// A page that says why there is no other.
#[must_use]
pub(crate) fn error_page(
    look: &Look,
    status: StatusCode,
    text: &str,
    stale: Option<&Stale>,
) -> Response {
    plain::error(look, status, text, stale)
}
