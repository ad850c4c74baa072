//! Who is asking: the login cookie of browsers, the token of programs.
//!
//! The two do not mix. A cookie rides along by itself, so it is good for pages only, where Origin and
//! `_csrf` are checked; a token is good for the API only.

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, request};
use axum::response::{IntoResponse, Response};
use chater_engine::{Error, SessionKind, UserHandle};

use crate::app::App;
use crate::cookie;
use crate::error::{ApiError, PageError, Problem};

pub(crate) use crate::caller::Caller;
pub(crate) use crate::form::CheckedForm;

/// A signed-in browser.
#[derive(Clone)]
pub(crate) struct Session {
    /// Who it is.
    pub(crate) user: UserHandle,
    /// The token of this session's forms (Q38).
    pub(crate) csrf: String,
    /// The cookie's value, for ending the session.
    pub(crate) secret: String,
}

/// A browser, signed in or not.
#[derive(Clone)]
pub(crate) struct MaybeSession(pub(crate) Option<Session>);

/// What a cookie gave, kept while its request is handled.
#[derive(Clone)]
struct Found(Result<Option<Session>, Error>);

/// A program with a token.
#[derive(Clone)]
pub(crate) struct Bearer {
    /// Who it is.
    pub(crate) user: UserHandle,
    /// The token, for ending the session.
    pub(crate) secret: String,
}

impl FromRequestParts<App> for MaybeSession {
    type Rejection = std::convert::Infallible;

    fn from_request_parts(
        parts: &mut request::Parts,
        app: &App,
    ) -> impl Future<Output = Result<Self, Self::Rejection>> + Send {
        // While the store does not work nobody is known to be signed in; see `Session` for who must be.
        let found = Self(found(parts, app).ok().flatten());
        std::future::ready(Ok(found))
    }
}

/// One handler asks several times: for the session, the language, the form.
fn found(parts: &mut request::Parts, app: &App) -> Result<Option<Session>, Error> {
    if let Some(Found(found)) = parts.extensions.get() {
        return found.clone();
    }
    let found = of_cookie(app, &parts.headers);
    parts.extensions.insert(Found(found.clone()));
    found
}

fn of_cookie(app: &App, headers: &HeaderMap) -> Result<Option<Session>, Error> {
    let secret = cookie::find(headers, &app.session_cookie).filter(|secret| is_secret(secret));
    let Some(secret) = secret else {
        return Ok(None);
    };
    let open = app.engine.session(secret)?;
    Ok(open
        .filter(|open| open.kind == SessionKind::Browser)
        .map(|open| Session {
            user: open.user,
            csrf: open.csrf,
            secret: secret.to_owned(),
        }))
}

/// Cheap refusal of what no session of ours looks like, before anything is hashed.
fn is_secret(text: &str) -> bool {
    (16..=200).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

impl FromRequestParts<App> for Session {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut request::Parts, app: &App) -> Result<Self, Response> {
        match found(parts, app) {
            Ok(Some(session)) => Ok(session),
            Ok(None) => Err(sign_in_first(parts, app.engine.is_new())),
            // Nobody is led to the login because a disk does not answer.
            Err(error) => Err(PageError::from(error).into_response()),
        }
    }
}

/// Pages lead to the login, or to the set-up while nobody is here; scripts get 401.
fn sign_in_first(parts: &request::Parts, is_new: bool) -> Response {
    let mode = parts.headers.get(HeaderName::from_static("sec-fetch-mode"));
    let is_page = mode.is_none_or(|mode| mode == "navigate");
    if !is_page {
        return PageError::from(Problem::new(401, "unauthorized")).into_response();
    }
    if is_new {
        return see_other("/setup");
    }
    let back = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    if parts.method == Method::GET && back != "/" {
        return see_other(&format!("/login?next={}", in_query(back)));
    }
    see_other("/login")
}

impl FromRequestParts<App> for Bearer {
    type Rejection = ApiError;

    fn from_request_parts(
        parts: &mut request::Parts,
        app: &App,
    ) -> impl Future<Output = Result<Self, ApiError>> + Send {
        std::future::ready(of_token(app, &parts.headers))
    }
}

fn of_token(app: &App, headers: &HeaderMap) -> Result<Bearer, ApiError> {
    let unknown = || ApiError::from(Problem::new(401, "unauthorized"));
    let token = token(headers).ok_or_else(unknown)?;
    let open = app
        .engine
        .session(token)?
        .filter(|open| open.kind == SessionKind::Token)
        .ok_or_else(unknown)?;
    Ok(Bearer {
        user: open.user,
        secret: token.to_owned(),
    })
}

/// The token of an `Authorization: Bearer` header.
fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && is_secret(token)).then_some(token)
}

/// Leads on to `to` with a fresh session cookie.
pub(crate) fn signed_in(app: &App, secret: &str, to: &str) -> Response {
    with_cookie(app, secret, cookie::LONGEST_S, to)
}

/// Leads on to `to` and takes the session cookie away.
pub(crate) fn signed_out(app: &App, to: &str) -> Response {
    with_cookie(app, "", 0, to)
}

fn with_cookie(app: &App, value: &str, age_s: u32, to: &str) -> Response {
    let mut response = see_other(local_path(to));
    if let Some(line) = cookie::set(&app.session_cookie, value, age_s, true, app.is_secure()) {
        response.headers_mut().append(SET_COOKIE, line);
    }
    response
}

/// 303 to a path of this node.
pub(crate) fn see_other(to: &str) -> Response {
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()
}

/// A path of this node, or `/`: `next` comes from a link that anybody may write.
pub(crate) fn local_path(path: &str) -> &str {
    let mut bytes = path.bytes();
    let local = bytes.next() == Some(b'/')
        && !matches!(bytes.next(), Some(b'/' | b'\\'))
        && path.len() <= 2_000
        && path
            .bytes()
            .all(|b| (0x21..0x7f).contains(&b) && b != b'\\');
    if local { path } else { "/" }
}

/// A text as a value in a query string.
pub(crate) fn in_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_paths_are_led_to() {
        for path in ["/", "/c/ab?at=cd", "/search?q=%D1%81"] {
            assert_eq!(local_path(path), path);
        }
        let bad = [
            "",
            "//evil",
            "/\\evil",
            "https://evil",
            "evil",
            "/a\r\nb",
            "/a b",
            "/\t/evil",
            "/ё",
        ];
        for path in bad {
            assert_eq!(local_path(path), "/", "{path:?}");
        }
    }

    #[test]
    fn a_token_is_read_from_its_header() {
        let long = format!("cht_{}", "a".repeat(64));
        let table = [
            (format!("Bearer {long}"), true),
            (format!("bearer  {long}"), true),
            (format!("Basic {long}"), false),
            (long.clone(), false),
            ("Bearer ".into(), false),
            ("Bearer short".into(), false),
            (format!("Bearer {}", "a".repeat(201)), false),
            (format!("Bearer {long};"), false),
        ];
        for (line, expected) in table {
            let headers = HeaderMap::from_iter([(
                AUTHORIZATION,
                HeaderValue::from_str(&line).expect("a header"),
            )]);
            assert_eq!(token(&headers).is_some(), expected, "{line}");
        }
    }

    #[test]
    fn a_page_leads_to_the_login_and_back() {
        let parts = |method: &str, uri: &str, mode: Option<&str>| {
            let mut request = axum::http::Request::builder().method(method).uri(uri);
            if let Some(mode) = mode {
                request = request.header("sec-fetch-mode", mode);
            }
            request.body(()).expect("a request").into_parts().0
        };
        let to = |response: Response| {
            response
                .headers()
                .get(LOCATION)
                .and_then(|to| to.to_str().ok())
                .map(str::to_owned)
        };
        let page = parts("GET", "/c/ab?at=1&x=2", None);
        let login = to(sign_in_first(&page, false));
        assert_eq!(login.as_deref(), Some("/login?next=/c/ab%3Fat%3D1%26x%3D2"));
        assert_eq!(to(sign_in_first(&page, true)).as_deref(), Some("/setup"));
        let root = parts("GET", "/", Some("navigate"));
        assert_eq!(to(sign_in_first(&root, false)).as_deref(), Some("/login"));
        let script = parts("POST", "/c/ab/messages", Some("cors"));
        assert_eq!(sign_in_first(&script, false).status(), 401);
    }
}
