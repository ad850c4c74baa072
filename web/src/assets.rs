//! The files of `web/static` inside the binary, under addresses that carry a checksum of them all.
//!
//! One prefix for every file (`/static/<hash>/js/app.js`): so `import "./time.js"` inside a module finds its neighbour.

use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::RustEmbed;

use crate::app::App;
use crate::i18n::{Arg, Lang, find_text};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/static"]
struct Files;

/// Keys of the texts that scripts use (Q39). A key ending in `-count` has plural forms.
pub(crate) const SCRIPT_KEYS: &[&str] = &[
    "js-yesterday",
    "js-again",
    "js-back-online",
    "js-close",
    "js-copied",
    "js-day-today",
    "js-day-yesterday",
    "js-ended",
    "js-ended-title",
    "js-failed",
    "js-found-none",
    "js-found-of",
    "js-left-count",
    "js-log-in",
    "js-new-count",
    "js-not-sent",
    "js-now",
    "js-offline",
    "js-reload",
    "js-remove",
    "js-search-found-count",
    "js-search-answered-count",
    "js-search-waiting",
    "js-search-chats",
    "js-search-ms",
    "js-search-silent",
    "js-silent",
    "js-state-delivered",
    "js-state-delivered-to",
    "js-state-failed",
    "js-state-read",
    "js-state-sending",
    "js-state-stored",
    "js-state-stored-for",
    "js-too-large",
    "js-try-in",
    "js-typing-many",
    "js-typing-one",
    "js-typing-two",
    "js-updated",
    "js-saved",
    "js-photo-large",
    "js-not-saved",
    "js-notify-ready",
    "js-notify-works",
    "js-notify-denied",
    "js-notify-insecure",
    "js-ask",
    "js-ask-yes",
    "js-ask-no",
    "js-open",
    "js-notify-new",
    "js-notify-test",
    "js-undo",
    "js-deleted",
    "js-archived",
    "js-names",
    "js-picker-drop",
    "js-above-count",
];

static RU: LazyLock<String> = LazyLock::new(|| texts(Lang::Ru));
static EN: LazyLock<String> = LazyLock::new(|| texts(Lang::En));
static PREFIX: LazyLock<String> = LazyLock::new(|| {
    // FNV-1a is enough: this names a build, it protects nothing.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    for path in Files::iter() {
        add(path.as_bytes());
        if let Some(file) = Files::get(&path) {
            add(&file.metadata.sha256_hash());
        }
    }
    add(RU.as_bytes());
    add(EN.as_bytes());
    format!("{hash:016x}")
});

/// The address of a static file, such as `css/base.css`.
#[must_use]
pub(crate) fn asset(path: &str) -> String {
    format!("/static/{}/{path}", *PREFIX)
}

/// Names this build of the static files.
#[must_use]
pub(crate) fn build() -> &'static str {
    &PREFIX
}

/// The addresses of what a browser keeps for the time without the node: styles, scripts, texts, icons.
#[must_use]
pub(crate) fn kept() -> Vec<String> {
    let page = |path: &str| !matches!(path, "js/sw.js") && !path.ends_with("512.png");
    let files = Files::iter().filter(|path| page(path));
    files
        .map(|path| asset(&path))
        .chain(["js/texts.ru.js", "js/texts.en.js"].map(asset))
        .collect()
}

/// A static file as it is served; empty when there is none of that name.
pub(crate) fn text(path: &str) -> String {
    let file = Files::get(path).map_or_else(Vec::new, |file| file.data.into_owned());
    String::from_utf8_lossy(&slim(path, file)).into_owned()
}

/// The route of all static files.
pub(crate) fn router() -> Router<App> {
    Router::new().route("/static/{hash}/{*path}", get(serve))
}

async fn serve(Path((hash, path)): Path<(String, String)>) -> Response {
    let body = match path.as_str() {
        "js/texts.ru.js" => Body::from(RU.as_str()),
        "js/texts.en.js" => Body::from(EN.as_str()),
        path => match Files::get(path) {
            Some(file) => Body::from(slim(path, file.data.into_owned())),
            None => return StatusCode::NOT_FOUND.into_response(),
        },
    };
    // In debug builds files are read from disk and may change under one address.
    let lasting = hash == *PREFIX && !cfg!(debug_assertions);
    let caching = if lasting {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(content_type(&path)),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// A script or style without indentation and lines of comment, a style also without the blanks between
/// its rules: they are for us, not for browsers. Line numbers of scripts stay. No line of a script of ours is in
/// the middle of a text, and no text of a style has a mark between its rules (a test looks).
fn slim(path: &str, file: Vec<u8>) -> Vec<u8> {
    let (script, style) = (path.ends_with(".js"), path.ends_with(".css"));
    if !script && !style {
        return file;
    }
    let mut slim = Vec::with_capacity(file.len());
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii();
        let comment = script && text.starts_with(b"//")
            || style && text.starts_with(b"/*") && text.ends_with(b"*/");
        if style && !comment {
            let text = String::from_utf8_lossy(text);
            let text = text.replace(" { ", "{").replace("; }", "}");
            let text = text
                .replace(" }", "}")
                .replace("; ", ";")
                .replace(": ", ":")
                .replace(", ", ",")
                .replace("} ", "}")
                .replace(" > ", ">");
            slim.extend_from_slice(text.as_bytes());
        } else if !comment {
            slim.extend_from_slice(without_note(text));
        }
        // A style has no lines that anybody reads as served; a script's keep their numbers.
        if script || !(comment || text.is_empty() || text.ends_with(b"}") || text.ends_with(b";")) {
            slim.push(b'\n');
        }
    }
    slim
}

/// A line of a script without the note at its end. Where a quote follows, the mark may stand in a text.
fn without_note(line: &[u8]) -> &[u8] {
    let mark = line.windows(4).rposition(|four| four == b" // ");
    match mark.map(|at| line.split_at(at)) {
        Some((code, note)) if !note.iter().any(|byte| b"'\"`".contains(byte)) => {
            code.trim_ascii_end()
        }
        _ => line,
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

/// The module of script texts in one language. Values keep `{a}`-like places; plurals are objects by CLDR class.
fn texts(lang: Lang) -> String {
    let places = || {
        vec![
            ("a", Arg::from("{a}")),
            ("b", Arg::from("{b}")),
            ("s", Arg::from("{s}")),
            ("m", Arg::from("{m}")),
        ]
    };
    let mut all = serde_json::Map::new();
    for key in SCRIPT_KEYS {
        let value = if key.ends_with("-count") {
            // One sample number of each class; its digits become the place of the number.
            let mut forms = serde_json::Map::new();
            for (class, sample) in [("one", 1_i64), ("few", 2), ("many", 5), ("other", 5)] {
                let mut args = places();
                args.push(("n", Arg::Number(sample)));
                let form = find_text(lang, key, &args).unwrap_or_default();
                forms.insert(
                    class.to_owned(),
                    form.replacen(&sample.to_string(), "{n}", 1).into(),
                );
            }
            serde_json::Value::Object(forms)
        } else {
            find_text(lang, key, &places()).unwrap_or_default().into()
        };
        all.insert((*key).to_owned(), value);
    }
    format!("export default {};\n", serde_json::Value::Object(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_texts_keep_places_and_plurals() {
        assert!(texts(Lang::Ru).contains("{a} печатает"));
        assert!(texts(Lang::En).contains("\"one\":\"{n} new message\""));
        assert!(texts(Lang::Ru).contains("\"few\":\"{n} новых сообщения\""));
    }

    #[test]
    fn what_is_kept_is_there_and_is_no_page() {
        let kept = kept();
        assert!(kept.len() > 30);
        for path in kept {
            let name = path.strip_prefix(&asset("")).expect("a static file");
            let made = name.starts_with("js/texts.");
            assert!(made || Files::get(name).is_some(), "{path}");
            assert_ne!(name, "js/sw.js", "a worker that keeps itself never changes");
        }
    }

    #[test]
    fn slim_files_say_the_same() {
        let file = b"/* a */\na { b: c; d: e; }\n@media (f) { g { h: i } }\n".to_vec();
        assert_eq!(slim("x.css", file), b"a{b:c;d:e}@media (f){g{h:i}}");
        let file = b"  // why\n  let a = '// no'; // end\n".to_vec();
        assert_eq!(slim("x.js", file), b"\nlet a = '// no';\n");
        let file = b"let a = 'x // y'; f(\"a // b\"); // it's\n".to_vec();
        assert_eq!(slim("x.js", file.clone()), file);
        assert_eq!(slim("x.svg", b"  <a/>".to_vec()), b"  <a/>");
        for path in Files::iter().filter(|path| path.ends_with(".css")) {
            for text in between(&text(&path), "content: \"", '"') {
                assert!(!text.contains([';', '{', '}', ':', ',']), "{path}: {text}");
            }
        }
        for path in Files::iter().filter(|path| path.ends_with(".js")) {
            let file = Files::get(&path).map_or_else(Vec::new, |file| file.data.into_owned());
            for (at, line) in file.split(|byte| *byte == b'\n').enumerate() {
                let ticks = line.iter().filter(|byte| **byte == b'`').count();
                assert!(
                    ticks.is_multiple_of(2),
                    "{path}:{} opens a text over lines",
                    at + 1
                );
            }
        }
    }

    /// What stands between two marks, everywhere in a text.
    fn between<'a>(text: &'a str, from: &'a str, to: char) -> impl Iterator<Item = &'a str> {
        let parts = text.split(from).skip(1);
        parts.filter_map(move |rest| rest.split(to).next())
    }

    /// The scripts that a page loads before it works: those it names and all that they import.
    fn scripts_of(page: &str) -> std::collections::BTreeSet<String> {
        let mut found = std::collections::BTreeSet::new();
        let mut open: Vec<String> = ["layout.html", "signed.html", page]
            .iter()
            .flat_map(|name| {
                let path = format!("{}/templates/{name}", env!("CARGO_MANIFEST_DIR"));
                let text = std::fs::read_to_string(path).expect("a template");
                let named = between(&text, "asset(\"js/", '"').map(|name| format!("js/{name}"));
                named.collect::<Vec<_>>()
            })
            .collect();
        while let Some(path) = open.pop() {
            let script = text(&path);
            open.extend(between(&script, "from \"./", '"').map(|name| format!("js/{name}")));
            found.insert(path);
        }
        found
    }

    #[test]
    fn budgets_of_scripts_and_styles_hold() {
        // What every page loads; the network pages have a sheet of their own.
        let layout = include_str!("../templates/layout.html");
        let mut css = 0;
        for path in Files::iter() {
            let size = served_size(&path);
            // A module that can be read at a sitting, comments and all.
            let raw = Files::get(&path).map_or(0, |file| file.data.len());
            assert!(
                !path.ends_with(".js") || raw < 12 * 1024,
                "{path} has {raw} bytes"
            );
            if path.ends_with(".css") && layout.contains(&*path) {
                css += size;
            } else {
                assert!(!path.ends_with(".css") || size < 4 * 1024, "{path}: {size}");
            }
        }
        assert!(css < 30 * 1024, "styles have {css} bytes");
        for page in ["chat", "chats", "search", "settings", "network", "login"] {
            let scripts = scripts_of(&format!("pages/{page}.html"));
            assert!(page == "login" || scripts.len() > 4, "{page}: {scripts:?}");
            let size: usize = scripts.iter().map(|path| served_size(path)).sum();
            assert!(size < 60 * 1024, "the scripts of {page} have {size} bytes");
        }
    }

    fn served_size(path: &str) -> usize {
        Files::get(path).map_or(0, |file| slim(path, file.data.into_owned()).len())
    }
}
