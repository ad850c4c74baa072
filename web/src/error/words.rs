//! Words a problem on the way out, in the language of whoever asked.

use axum::extract::{FromRequestParts, Request};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{Uri, request};
use axum::response::Response;

use super::{Shape, Unworded};
use crate::app::App;
use crate::i18n::Look;

/// What of a request is kept until its error is worded: enough to know the caller's language.
pub(crate) struct Asked(request::Parts);

impl Asked {
    /// Remembers who asked.
    pub(crate) fn of(request: &Request) -> Self {
        let (mut parts, ()) = axum::http::Request::new(()).into_parts();
        parts.uri = request.uri().clone();
        parts.headers = request.headers().clone();
        Self(parts)
    }
}

/// Words the problem of a response, if it has one.
pub(crate) async fn in_words(mut response: Response, asked: Asked, app: &App) -> Response {
    let Some(Unworded(problem, shape)) = response.extensions_mut().remove::<Unworded>() else {
        return response;
    };
    let Asked(mut parts) = asked;
    // What belongs to the API answers as the API does, also when it failed before a handler.
    let shape = if is_api(&parts.uri) {
        Shape::Json
    } else {
        shape
    };
    let Ok(look) = Look::from_request_parts(&mut parts, app).await;
    let (worded, body) = problem.worded(shape, &look).into_parts();
    let (mut head, _) = response.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    for (name, value) in &worded.headers {
        head.headers.insert(name, value.clone());
    }
    Response::from_parts(head, body)
}

fn is_api(uri: &Uri) -> bool {
    uri.path().starts_with("/api/")
}
