//! The route list of the API; the OpenAPI document is made from it, so the two cannot differ.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    chats, communities, home, links, mail, members, messages, node, owner, people, pictures, users,
};
use crate::app::App;

#[derive(OpenApi)]
#[openapi(
    info(title = "Chater", description = "One Chater node: people, chats, messages, live updates."),
    modifiers(&Token),
    security(("token" = []))
)]
struct Document;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("token", scheme);
    }
}

/// Every call of the API, and the document that describes them.
pub(crate) fn routes() -> (Router<App>, Arc<str>) {
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(users::register))
        .routes(routes!(users::log_in))
        .routes(routes!(users::log_out))
        .routes(routes!(users::me))
        .routes(routes!(users::export))
        .routes(routes!(people::search))
        .routes(routes!(chats::open, chats::list))
        .routes(routes!(chats::delete, chats::arrange))
        .routes(routes!(chats::read))
        .routes(routes!(chats::request))
        .routes(routes!(messages::send, messages::list))
        .routes(routes!(messages::edit, messages::delete))
        .routes(routes!(messages::react, messages::unreact))
        .routes(routes!(messages::hide))
        .routes(routes!(messages::path))
        .routes(routes!(messages::find))
        .routes(routes!(members::list, members::add))
        .routes(routes!(members::remove, members::role))
        .routes(routes!(members::rename))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(pictures::set, pictures::remove))
                .layer(DefaultBodyLimit::max(crate::upload::UPLOAD_LIMIT)),
        )
        .routes(routes!(members::rules))
        .routes(routes!(members::completeness))
        .routes(routes!(links::make, links::list))
        .routes(routes!(links::end))
        .routes(routes!(links::join))
        .routes(routes!(node::node))
        .routes(routes!(home::read, home::switch))
        .routes(routes!(owner::log))
        .routes(routes!(owner::storage, owner::keep))
        .routes(routes!(owner::backups, owner::back_up))
        .routes(routes!(owner::people))
        .routes(routes!(owner::change))
        .routes(routes!(mail::read))
        .routes(routes!(mail::rules))
        .routes(routes!(mail::choose, mail::leave))
        .routes(routes!(mail::evict, mail::readmit))
        .routes(routes!(
            node::add_peer,
            communities::decisions,
            communities::only
        ))
        .routes(routes!(communities::decide))
        .routes(routes!(
            communities::list,
            communities::found,
            communities::switch
        ))
        .routes(routes!(communities::join))
        .routes(routes!(communities::leave))
        .routes(routes!(communities::invite))
        .routes(routes!(communities::revoke))
        .routes(routes!(communities::follow, communities::publish))
        .routes(routes!(node::socket))
        .split_for_parts();
    // Plain data of our own; a document that cannot be written is a mistake tests would show.
    (router, document.to_json().unwrap_or_default().into())
}

/// The document; made once, at start.
pub(crate) fn document_answer(document: Arc<str>) -> std::future::Ready<Response> {
    std::future::ready(([(CONTENT_TYPE, "application/json")], document.to_string()).into_response())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_document_has_every_call_of_the_design() {
        let (_, document) = super::routes();
        let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
        let message = "/api/v1/chats/{chat_id}/messages/{message_id}";
        let reaction = format!("{message}/reactions/{{emoji}}");
        let (hide, path) = (format!("{message}/hide"), format!("{message}/path"));
        let calls = [
            ("post", "/api/v1/users"),
            ("post", "/api/v1/sessions"),
            ("get", "/api/v1/me"),
            ("get", "/api/v1/me/export"),
            ("delete", "/api/v1/sessions/current"),
            ("get", "/api/v1/people"),
            ("post", "/api/v1/chats"),
            ("get", "/api/v1/chats"),
            ("get", "/api/v1/chats/{chat_id}/messages"),
            ("post", "/api/v1/chats/{chat_id}/messages"),
            ("patch", message),
            ("delete", message),
            ("post", &hide),
            ("get", &path),
            ("get", "/api/v1/chats/{chat_id}/search"),
            ("delete", "/api/v1/chats/{chat_id}"),
            ("patch", "/api/v1/chats/{chat_id}"),
            ("put", &reaction),
            ("delete", &reaction),
            ("get", "/api/v1/chats/{chat_id}/members"),
            ("post", "/api/v1/chats/{chat_id}/members"),
            ("delete", "/api/v1/chats/{chat_id}/members/{user_id}"),
            ("patch", "/api/v1/chats/{chat_id}/members/{user_id}"),
            ("put", "/api/v1/chats/{chat_id}/title"),
            ("put", "/api/v1/chats/{chat_id}/picture"),
            ("delete", "/api/v1/chats/{chat_id}/picture"),
            ("put", "/api/v1/chats/{chat_id}/rules"),
            ("get", "/api/v1/chats/{chat_id}/completeness"),
            ("post", "/api/v1/chats/{chat_id}/links"),
            ("get", "/api/v1/chats/{chat_id}/links"),
            ("delete", "/api/v1/chats/{chat_id}/links/{link_id}"),
            ("post", "/api/v1/join"),
            ("post", "/api/v1/chats/{chat_id}/read"),
            ("post", "/api/v1/chats/{chat_id}/request"),
            ("get", "/api/v1/node"),
            ("post", "/api/v1/peers"),
            ("get", "/api/v1/node/home"),
            ("put", "/api/v1/node/home"),
            ("get", "/api/v1/node/log"),
            ("get", "/api/v1/node/storage"),
            ("put", "/api/v1/node/storage"),
            ("get", "/api/v1/node/backups"),
            ("post", "/api/v1/node/backups"),
            ("get", "/api/v1/node/people"),
            ("patch", "/api/v1/node/people/{user_id}"),
            ("get", "/api/v1/node/mail"),
            ("put", "/api/v1/node/mail/rules"),
            ("put", "/api/v1/node/mail/mailboxes/{node_id}"),
            ("delete", "/api/v1/node/mail/mailboxes/{node_id}"),
            ("delete", "/api/v1/node/mail/kept/{node_id}"),
            ("put", "/api/v1/node/mail/kept/{node_id}"),
            ("get", "/api/v1/peers"),
            ("patch", "/api/v1/peers"),
            ("post", "/api/v1/peers/{node_id}"),
            ("get", "/api/v1/communities"),
            ("post", "/api/v1/communities"),
            ("patch", "/api/v1/communities"),
            ("post", "/api/v1/communities/join"),
            ("delete", "/api/v1/communities/{community_id}"),
            ("post", "/api/v1/communities/{community_id}/invites"),
            (
                "delete",
                "/api/v1/communities/{community_id}/invites/{invite_id}",
            ),
            ("put", "/api/v1/communities/{community_id}/list"),
            ("post", "/api/v1/communities/{community_id}/list"),
            ("get", "/api/v1/socket"),
        ];
        let paths = document
            .get("paths")
            .and_then(|paths| paths.as_object())
            .expect("paths");
        for (method, path) in calls {
            assert!(
                paths.get(path).and_then(|item| item.get(method)).is_some(),
                "{method} {path}"
            );
        }
        let operations: usize = paths
            .values()
            .filter_map(|item| item.as_object())
            .map(|item| item.len())
            .sum();
        assert_eq!(
            operations,
            calls.len(),
            "a call that the design does not have"
        );
    }

    #[test]
    fn the_document_refers_to_nothing_that_is_missing() {
        let (_, document) = super::routes();
        let json: serde_json::Value = serde_json::from_str(&document).expect("JSON");
        for part in document.split("\"$ref\":\"#").skip(1) {
            let pointer = part.split('"').next().unwrap_or_default();
            assert!(json.pointer(pointer).is_some(), "{pointer} is missing");
        }
        assert!(json.pointer("/components/securitySchemes/token").is_some());
    }
}
