//! What stands before every handler: the Host list (against DNS rebinding), the Origin check
//! (against cross-site requests) and the headers that keep a page in its place.

use std::panic::AssertUnwindSafe;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;

use crate::app::App;
use crate::error::{self, Problem, Shape};
use crate::hosts::{Hosts, Place};
use crate::upload;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not a name of this node.
    Host,
    /// Sent by a page that is not ours.
    Origin,
}

/// The outermost layer: checks, runs the handlers, words their errors, adds the headers.
pub(crate) async fn watch(State(app): State<App>, request: Request, next: Next) -> Response {
    let asked = error::Asked::of(&request);
    let called = called(
        request.uri().authority().map(|a| a.as_str()),
        request.headers(),
    );
    let (head, body) = request.into_parts();
    let outcome = check(&app.hosts, called.as_ref(), &head);
    let answer = match outcome {
        // A body that says it is too large is refused before one byte of it is waited for.
        Ok(()) if announced(&head.headers) > body_limit(head.uri.path()) as u64 => {
            Problem::new(413, "too_large").shown_as(Shape::Page)
        }
        Ok(()) => {
            let answer = next.run(Request::from_parts(head, body));
            // A panic costs one request and shows its code, instead of a connection that just ends.
            match AssertUnwindSafe(answer).catch_unwind().await {
                Ok(answer) => answer,
                Err(_) => Problem::internal("a handler panicked").shown_as(Shape::Page),
            }
        }
        Err(refusal) => refusal.into_response(),
    };
    let mut answer = error::in_words(answer, asked, &app).await;
    let sources = called
        .filter(|place| app.hosts.allows(place))
        .map(|p| app.hosts.socket_source(&p));
    add_headers(answer.headers_mut(), sources.as_deref());
    answer
}

/// The largest body that a path is sent.
fn body_limit(path: &str) -> usize {
    if upload::takes_files(path) {
        upload::UPLOAD_LIMIT
    } else {
        crate::BODY_LIMIT
    }
}

/// How long the body says it is; 0 when it does not say.
fn announced(headers: &HeaderMap) -> u64 {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    length.map_or(0, |text| text.trim().parse().unwrap_or(u64::MAX))
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        // Q17: no page for a name that is not ours; a rebound name must learn nothing.
        match self {
            Self::Host => Problem::new(403, "bad_host").shown_as(Shape::Line),
            Self::Origin => Problem::new(403, "bad_origin").shown_as(Shape::Line),
        }
    }
}

/// The host a request is for: the authority of an absolute URI, else its only Host header.
pub(crate) fn called(authority: Option<&str>, headers: &HeaderMap) -> Option<Place> {
    let mut lines = headers.get_all(header::HOST).iter();
    let host = lines.next().and_then(|line| line.to_str().ok());
    if lines.next().is_some() {
        return None;
    }
    match (authority, host) {
        // Two different hosts in one request: somebody hopes that we look at the wrong one.
        (Some(authority), Some(host)) if authority != host => None,
        (Some(place), _) | (None, Some(place)) => Place::parse(place),
        (None, None) => None,
    }
}

/// The whole rule; `/live` asks for an Origin in any case, the API has no cookies to ride on.
pub(crate) fn check(
    hosts: &Hosts,
    called: Option<&Place>,
    head: &request::Parts,
) -> Result<(), Refusal> {
    let Some(called) = called.filter(|place| hosts.allows(place)) else {
        return Err(Refusal::Host);
    };
    let upgrade = head.headers.contains_key(header::UPGRADE);
    if !upgrade && matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let word = |name: HeaderName| {
        head.headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    let site = word(SEC_FETCH_SITE);
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Err(Refusal::Origin);
    }
    if let Some(origin) = word(header::ORIGIN) {
        return if hosts.same_origin(called, origin) {
            Ok(())
        } else {
            Err(Refusal::Origin)
        };
    }
    let path = head.uri.path();
    if path.starts_with("/api/") {
        return Ok(());
    }
    // Browsers of the last years send an Origin with every POST; text browsers send a Referer.
    let by_referer =
        || word(header::REFERER).is_some_and(|page| referred_by_us(hosts, called, page));
    if !upgrade && (site.is_some() || by_referer()) {
        Ok(())
    } else {
        Err(Refusal::Origin)
    }
}

fn referred_by_us(hosts: &Hosts, called: &Place, page: &str) -> bool {
    let Ok(uri) = page.parse::<axum::http::Uri>() else {
        return false;
    };
    match (uri.scheme_str(), uri.authority()) {
        (Some(scheme), Some(authority)) => {
            hosts.same_origin(called, &format!("{scheme}://{authority}"))
        }
        _ => false,
    }
}

/// Adds what a handler has not set itself.
fn add_headers(headers: &mut HeaderMap, sockets: Option<&str>) {
    let mut add = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    add(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(header::X_FRAME_OPTIONS, "DENY");
    // Not `no-referrer`: with it, browsers send `Origin: null` with our own forms.
    add(header::REFERRER_POLICY, "same-origin");
    add(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    add(
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    );
    add(header::CACHE_CONTROL, "no-store");
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
             font-src 'self'; connect-src 'self' {}; manifest-src 'self'; worker-src 'self'; \
             form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            sockets.unwrap_or_default()
        );
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(method: &str, path: &str, headers: &[(&str, &str)]) -> Result<(), Refusal> {
        let listen = ["127.0.0.1:5000".parse().expect("an address")];
        let hosts = Hosts::new(Some("https://chat.example.org"), &listen, "kite");
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).expect("a request").into_parts();
        let place = called(head.uri.authority().map(|a| a.as_str()), &head.headers);
        check(&hosts, place.as_ref(), &head)
    }

    #[test]
    fn only_our_names_are_answered() {
        let host = |host| outcome("GET", "/", &[("host", host)]);
        assert_eq!(host("localhost:5000"), Ok(()));
        assert_eq!(host("chat.example.org"), Ok(()));
        assert_eq!(host("evil.example"), Err(Refusal::Host));
        assert_eq!(outcome("GET", "/", &[]), Err(Refusal::Host));
        let twice = [("host", "localhost"), ("host", "evil.example")];
        assert_eq!(outcome("GET", "/", &twice), Err(Refusal::Host));
        assert_eq!(
            outcome("GET", "http://evil.example/", &[("host", "localhost")]),
            Err(Refusal::Host)
        );
        assert_eq!(
            outcome("GET", "http://localhost/", &[("host", "localhost")]),
            Ok(())
        );
    }

    type Case<'a> = (
        &'a str,
        &'a str,
        &'a [(&'a str, &'a str)],
        Result<(), Refusal>,
    );

    #[test]
    fn changing_requests_come_from_our_pages() {
        let no = Err(Refusal::Origin);
        let table: [Case; 17] = [
            ("GET", "/c/1", &[("sec-fetch-site", "cross-site")], Ok(())),
            (
                "POST",
                "/login",
                &[("origin", "http://localhost:5000")],
                Ok(()),
            ),
            (
                "POST",
                "/login",
                &[("origin", "https://chat.example.org")],
                Ok(()),
            ),
            ("POST", "/login", &[("origin", "http://localhost:3000")], no),
            ("POST", "/login", &[("origin", "null")], no),
            (
                "POST",
                "/login",
                &[("origin", "null"), ("sec-fetch-site", "same-origin")],
                no,
            ),
            (
                "POST",
                "/login",
                &[("sec-fetch-site", "same-origin")],
                Ok(()),
            ),
            ("POST", "/login", &[("sec-fetch-site", "same-site")], no),
            (
                "POST",
                "/login",
                &[
                    ("origin", "http://localhost:5000"),
                    ("sec-fetch-site", "cross-site"),
                ],
                no,
            ),
            ("POST", "/login", &[], no),
            (
                "POST",
                "/login",
                &[("referer", "http://localhost:5000/login?next=%2F")],
                Ok(()),
            ),
            (
                "POST",
                "/login",
                &[("referer", "http://evil.example/login")],
                no,
            ),
            ("POST", "/api/v1/users", &[], Ok(())),
            (
                "DELETE",
                "/api/v1/sessions/current",
                &[("origin", "http://evil.example")],
                no,
            ),
            ("GET", "/live", &[("upgrade", "websocket")], no),
            (
                "GET",
                "/live",
                &[
                    ("upgrade", "websocket"),
                    ("origin", "http://localhost:5000"),
                ],
                Ok(()),
            ),
            ("GET", "/api/v1/socket", &[("upgrade", "websocket")], Ok(())),
        ];
        for (method, path, headers, expected) in table {
            let mut all = vec![("host", "localhost:5000")];
            all.extend_from_slice(headers);
            assert_eq!(
                outcome(method, path, &all),
                expected,
                "{method} {path} {headers:?}"
            );
        }
    }

    #[test]
    fn headers_are_added_once() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=1"));
        add_headers(&mut headers, Some("ws://localhost:5000"));
        assert_eq!(
            headers.get(header::CACHE_CONTROL),
            Some(&HeaderValue::from_static("max-age=1"))
        );
        let policy = headers
            .get(header::CONTENT_SECURITY_POLICY)
            .and_then(|p| p.to_str().ok())
            .unwrap_or("");
        assert!(
            policy.contains("connect-src 'self' ws://localhost:5000;"),
            "{policy}"
        );
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
    }
}
