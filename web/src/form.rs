//! Form bodies: bounded, real UTF-8, and sent by a page of this session (Q38).

use axum::body::{Body, Bytes};
use axum::extract::{Form, FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use chater_engine::Reason;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::error::{PageError, Problem};
use crate::session::MaybeSession;

/// Forms that exist before a session does; for them Origin and Sec-Fetch-Site speak alone.
const WITHOUT_TOKEN: [&str; 6] = [
    "/login",
    "/register",
    "/setup",
    "/recover",
    "/recover/here",
    "/look",
];

fn is_without_token(path: &str) -> bool {
    // A link for a new password is opened by whoever has it, whoever is logged in here.
    WITHOUT_TOKEN.contains(&path) || path.starts_with("/reset/")
}

/// A form body that was checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CheckedForm<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for CheckedForm<T> {
    type Rejection = PageError;

    async fn from_request(request: Request, app: &App) -> Result<Self, PageError> {
        let (mut parts, body) = request.into_parts();
        let Ok(MaybeSession(session)) = MaybeSession::from_request_parts(&mut parts, app).await;
        let csrf = session
            .filter(|_| !is_without_token(parts.uri.path()))
            .map(|s| s.csrf);
        let request = Request::from_parts(parts, body);
        checked(request, csrf.as_deref())
            .await
            .map(Self)
            .map_err(PageError::from)
    }
}

/// Reads a form; `csrf` is the token it must carry.
async fn checked<T: DeserializeOwned>(request: Request, csrf: Option<&str>) -> Result<T, Problem> {
    if !is_form(request.headers()) {
        return Err(Problem::new(415, "unsupported_media_type"));
    }
    let (parts, body) = request.into_parts();
    let whole = Request::from_parts(parts.clone(), body);
    let bytes = Bytes::from_request(whole, &())
        .await
        .map_err(|rejection| unreadable(rejection.status()))?;
    let sent = field(&bytes, "_csrf").map_err(|NotText| Problem::new(400, "bad_form"))?;
    if let Some(csrf) = csrf
        && !sent.is_some_and(|sent| equal(sent.as_bytes(), csrf.as_bytes()))
    {
        return Err(Problem {
            stale: Stale::of(parts.uri.path(), csrf, &bytes).map(Box::new),
            ..Problem::new(403, "bad_csrf")
        });
    }
    let form = Form::<T>::from_request(Request::from_parts(parts, Body::from(bytes)), &()).await;
    match form {
        Ok(Form(form)) => Ok(form),
        Err(rejection) => Err(misfit(&rejection.body_text())),
    }
}

/// A form of an older session of this browser, to be sent again by whoever typed it: nothing that was written is lost with a
/// page that stood open. It came from a page of ours (`guard.rs`), or it would not have been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stale {
    /// Where it goes.
    pub(crate) action: String,
    /// The token of the session.
    pub(crate) csrf: String,
    /// What it holds, without tokens.
    pub(crate) fields: Vec<(String, String)>,
}

impl Stale {
    /// None where a field is a secret, which no page repeats, or there is nothing to keep.
    fn of(path: &str, csrf: &str, form: &[u8]) -> Option<Self> {
        const FIELDS: usize = 256;
        let mut fields = Vec::new();
        for pair in form.split(|b| *b == b'&').take(FIELDS) {
            let mut halves = pair.splitn(2, |b| *b == b'=');
            let name = decoded(halves.next()?).ok()?;
            let value = decoded(halves.next().unwrap_or_default()).ok()?;
            if ["password", "words", "code"]
                .iter()
                .any(|secret| name.contains(secret))
            {
                return None;
            }
            if name != "_csrf" && !name.is_empty() {
                fields.push((name, value));
            }
        }
        (!fields.is_empty()).then(|| Self {
            action: path.to_owned(),
            csrf: csrf.to_owned(),
            fields,
        })
    }
}

/// The problem of a body that could not be read.
pub(crate) fn unreadable(status: StatusCode) -> Problem {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::new(413, "too_large")
    } else {
        // Broken off, or slower than the body timer allows.
        Problem::new(400, "bad_body")
    }
}

/// The problem of a body that is well-formed but is not what was asked for. axum says where, in
/// words: `...: path: reason` or ``...: missing field `name` at ...``.
pub(crate) fn misfit(words: &str) -> Problem {
    let missing = words
        .split_once("missing field `")
        .and_then(|(_, rest)| rest.split_once('`'));
    if let Some((field, _)) = missing {
        return Problem::invalid(field, Reason::Empty);
    }
    let path = words.split(": ").nth(1).unwrap_or_default();
    let is_name = |text: &str| {
        !text.is_empty()
            && text.len() <= 64
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_[].".contains(&b))
    };
    match path.trim_start_matches('.') {
        path if is_name(path) => Problem::invalid(path, Reason::Malformed),
        _ => Problem::new(422, "invalid_body"),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The form holds bytes that are no UTF-8. Decoders put � in their place, and a password or a message
/// would silently become another one.
struct NotText;

/// The value of a field; the whole form is looked at, so that bad bytes are found wherever they are.
fn field(form: &[u8], name: &str) -> Result<Option<String>, NotText> {
    let mut found = None;
    for pair in form.split(|b| *b == b'&') {
        let mut halves = pair.splitn(2, |b| *b == b'=');
        let key = decoded(halves.next().unwrap_or_default())?;
        let value = decoded(halves.next().unwrap_or_default())?;
        if key == name && found.is_none() {
            found = Some(value);
        }
    }
    Ok(found)
}

fn decoded(text: &[u8]) -> Result<String, NotText> {
    let digit = |b: u8| {
        char::from(b)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] => break,
            [b'%', high, low, after @ ..] if digit(*high).is_some() && digit(*low).is_some() => {
                out.push(digit(*high).unwrap_or(0) << 4 | digit(*low).unwrap_or(0));
                after
            }
            [b'+', after @ ..] => {
                out.push(b' ');
                after
            }
            [byte, after @ ..] => {
                out.push(*byte);
                after
            }
        };
    }
    String::from_utf8(out).map_err(|_| NotText)
}

/// Equality that takes as long for a near miss as for a far one.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .fold(0, |differing, (a, b)| differing | (a ^ b))
            == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Letter {
        text: String,
        n: Option<u32>,
    }

    async fn read(
        kind: &str,
        body: impl Into<Body>,
        csrf: Option<&str>,
    ) -> Result<Letter, (u16, &'static str)> {
        let mut request = Request::builder()
            .method("POST")
            .header("content-type", kind)
            .body(body.into())
            .expect("a request");
        request.extensions_mut().insert(());
        checked(request, csrf)
            .await
            .map_err(|problem| (problem.status.as_u16(), problem.code))
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    #[tokio::test]
    async fn a_form_carries_the_token_of_its_session() {
        let hi = || {
            Ok(Letter {
                text: "h i".into(),
                n: None,
            })
        };
        assert_eq!(read(FORM, "text=h+i&_csrf=abc", Some("abc")).await, hi());
        assert_eq!(read(FORM, "text=h+i&_csrf=%61bc", Some("abc")).await, hi());
        assert_eq!(read(FORM, "text=h+i", None).await, hi());
        for body in [
            "text=h+i",
            "text=h+i&_csrf=",
            "text=h+i&_csrf=abd",
            "text=h+i&_csrf=abcd",
        ] {
            assert_eq!(
                read(FORM, body, Some("abc")).await,
                Err((403, "bad_csrf")),
                "{body}"
            );
        }
        assert_eq!(
            read(FORM, "text=1&_csrf=x&_csrf=abc", Some("abc")).await,
            Err((403, "bad_csrf"))
        );
    }

    #[tokio::test]
    async fn bad_forms_are_named() {
        assert_eq!(read(FORM, "text=%FF", None).await, Err((400, "bad_form")));
        assert_eq!(
            read(FORM, "text=a&x=%C3%28", None).await,
            Err((400, "bad_form"))
        );
        assert_eq!(
            read(FORM, "text=%F", None).await,
            Ok(Letter {
                text: "%F".into(),
                n: None
            })
        );
        assert_eq!(
            read("application/json", "{}", None).await,
            Err((415, "unsupported_media_type"))
        );
        assert_eq!(
            read("text/plain", "text=a", None).await,
            Err((415, "unsupported_media_type"))
        );
        assert_eq!(read(FORM, "n=1", None).await, Err((422, "invalid")));
        assert_eq!(read(FORM, "text=a&n=x", None).await, Err((422, "invalid")));
        let full = read(
            "application/x-www-form-urlencoded; charset=utf-8",
            "text=%D0%BC&n=7",
            None,
        )
        .await;
        assert_eq!(
            full,
            Ok(Letter {
                text: "м".into(),
                n: Some(7)
            })
        );
    }

    #[test]
    fn the_wrong_field_is_found() {
        let field = |words: &str| misfit(words).field.map(String::from);
        let lead = "Failed to deserialize the JSON body into the target type: ";
        assert_eq!(
            field(&format!(
                "{lead}nick: invalid type: integer `5`, expected a string"
            )),
            Some("nick".into())
        );
        assert_eq!(
            field(&format!("{lead}missing field `nick` at line 1 column 2")),
            Some("nick".into())
        );
        assert_eq!(
            field(&format!("{lead}invalid type: sequence, expected struct X")),
            None
        );
    }
}
