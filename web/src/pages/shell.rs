//! What every page has around its own content: title, header, the place in the stream of news.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::session::Session;

/// The frame of a signed-in page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shell {
    /// `<title>` without the program's name.
    pub(crate) title: String,
    /// Class of the outer element: `app is-list`, `app is-chat` or `flow`.
    pub(crate) kind: &'static str,
    /// Which menu entry is the current one.
    pub(crate) section: &'static str,
    /// The token of forms.
    pub(crate) csrf: String,
    /// The user, hex.
    pub(crate) user: String,
    /// This node's name.
    pub(crate) node: String,
    /// How many nodes are connected.
    pub(crate) links: usize,
    /// Whether any is being dialled.
    pub(crate) connecting: bool,
    /// News begin after this one; none = begin now.
    pub(crate) seq: Option<u64>,
    /// How many chats have unread messages.
    pub(crate) unread: u32,
    /// The disk of this node has no room: nothing new can be written, and every page says so.
    pub(crate) full: bool,
    /// The user owns the node and can make room.
    pub(crate) owner: bool,
    /// Program version, so that a page notices a newer node.
    pub(crate) version: &'static str,
}

impl Shell {
    /// Takes the place in the news first: what comes while the page is made is then sent by the socket.
    pub(crate) async fn new(app: &App, session: &Session, title: String) -> Self {
        let seq = session.user.updates(None).await.ok().map(|news| news.seq);
        let (links, connecting) = app.engine.links();
        let full = app.engine.is_full();
        Self {
            title,
            kind: "flow",
            section: "",
            csrf: session.csrf.clone(),
            user: session.user.id().to_string(),
            node: app.engine.name(),
            links,
            connecting,
            seq,
            unread: session.user.unread_chats().unwrap_or_default(),
            full,
            owner: session.user.me().is_ok_and(|me| me.owner),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// The title with `(3)` before it when chats have unread messages.
    pub(crate) fn titled(&self) -> String {
        match self.unread {
            0 => self.title.clone(),
            n => format!("({n}) {}", self.title),
        }
    }

    /// The same with another outer class.
    pub(crate) fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// The same with a menu entry marked.
    pub(crate) fn section(mut self, section: &'static str) -> Self {
        self.section = section;
        self
    }
}

/// A page with status 200.
pub(crate) fn page(template: &impl Template) -> Response {
    page_with(StatusCode::OK, template)
}

/// A page with any status. Pages are private and change: nobody keeps them.
pub(crate) fn page_with(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (
            status,
            [
                (header::CONTENT_TYPE, "text/html; charset=utf-8"),
                (header::CACHE_CONTROL, "no-store"),
            ],
            html,
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "a template failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// See other: the answer to a form.
pub(crate) fn see_other(to: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    // Only addresses made of ids or checked by `local_path` come here; anything else goes home.
    let place = HeaderValue::from_str(to).unwrap_or_else(|_| HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, place);
    response
}

/// A path of this site, or `/`: `//host` and `/\host` lead elsewhere in a browser.
pub(crate) fn local_path(to: Option<&str>) -> &str {
    match to {
        Some(to)
            if to.starts_with('/')
                && !to.starts_with("//")
                && !to.contains('\\')
                && to.bytes().all(|byte| byte.is_ascii_graphic())
                && to.len() <= 1024 =>
        {
            to
        }
        _ => "/",
    }
}

#[cfg(test)]
mod tests {
    use super::local_path;

    #[test]
    fn only_own_paths_are_followed() {
        assert_eq!(local_path(Some("/c/ab?at=1")), "/c/ab?at=1");
        for bad in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "",
            "/a\r\nb",
            "javascript:1",
        ] {
            assert_eq!(local_path(Some(bad)), "/", "{bad}");
        }
        assert_eq!(local_path(None), "/");
    }
}
