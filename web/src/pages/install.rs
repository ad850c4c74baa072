//! What makes the pages an installed program: the manifest, the worker, and the page for when the node is silent.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::shell::page;
use crate::app::App;
use crate::assets;
use crate::i18n::{Lang, Look, Theme};

/// The first lines of the manifest's picture of a page, before its styles have come: `--bg` and `--surface`, light.
const GROUND: &str = "#f4f1ea";
const HEADER: &str = "#fffdf9";

/// `/manifest.webmanifest` (W3C Web Application Manifest). It is fetched without cookies, so its page says the language.
pub(crate) async fn manifest(State(app): State<App>, Query(wish): Query<Wish>) -> Response {
    let look = wish.look();
    let icon = |name: &str, side: u16, purpose: &str| {
        serde_json::json!({
            "src": assets::asset(&format!("icons/{name}.png")),
            "sizes": format!("{side}x{side}"),
            "type": "image/png",
            "purpose": purpose,
        })
    };
    let text = serde_json::json!({
        "id": "/",
        "start_url": "/",
        "scope": "/",
        // Several nodes may be installed side by side.
        "name": format!("chater · {}", app.engine.name()),
        "short_name": "chater",
        "description": look.t("manifest-about"),
        "lang": look.lang.code(),
        "dir": "ltr",
        "display": "standalone",
        "categories": ["social"],
        "background_color": GROUND,
        "theme_color": HEADER,
        "icons": [
            icon("icon-192", 192, "any"),
            icon("icon-512", 512, "any"),
            icon("maskable-512", 512, "maskable"),
        ],
        "shortcuts": [{ "name": look.t("find"), "url": "/search" }],
    });
    let kind = [
        (header::CONTENT_TYPE, "application/manifest+json"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (kind, text.to_string()).into_response()
}

/// `/sw.js`: stands at the root, because a worker serves the pages below its own address.
pub(crate) async fn worker() -> Response {
    let kind = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("service-worker-allowed"), "/"),
    ];
    let files = serde_json::Value::from(assets::kept());
    let script = assets::text("js/sw.js");
    let build = assets::build();
    let text = format!("const BUILD = \"{build}\";\nconst FILES = {files};\n{script}");
    (kind, text).into_response()
}

/// How the kept page has to look: the worker cannot send the choice of later.
#[derive(Deserialize, Default)]
pub(crate) struct Wish {
    lang: Option<String>,
    theme: Option<String>,
}

impl Wish {
    fn look(&self) -> Look {
        Look {
            lang: self
                .lang
                .as_deref()
                .and_then(Lang::parse)
                .unwrap_or_default(),
            theme: self.theme.as_deref().and_then(Theme::parse),
            ..Look::default()
        }
    }
}

#[derive(Template)]
#[template(path = "pages/offline.html")]
struct OfflinePage {
    look: Look,
}

/// `/offline`: kept by the worker and shown in place of a page that did not come. Says nothing of anybody.
pub(crate) async fn offline(look: Look, Query(wish): Query<Wish>) -> Response {
    let chosen = wish.lang.is_some();
    page(&OfflinePage {
        look: if chosen { wish.look() } else { look },
    })
}
