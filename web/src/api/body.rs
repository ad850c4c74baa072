//! What a call carries (a JSON body, a query, ids in the path) and what it gives back. Each way of
//! being wrong has its own answer (Q31).

use std::str::FromStr;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::{DeserializeOwned, Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{ApiError, Problem};
use crate::form::{misfit, unreadable};

/// A JSON body.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(Problem::new(415, "unsupported_media_type").into());
        }
        match Bytes::from_request(request, state).await {
            Ok(bytes) => object(&bytes).map(Self).map_err(ApiError::from),
            Err(rejection) => Err(unreadable(rejection.status()).into()),
        }
    }
}

/// Reads an object. serde would take an array for a struct, and may find a wrong value before it
/// finds that the rest is no JSON.
fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let read = Json::<T>::from_bytes(bytes);
    if bytes.trim_ascii_start().first() == Some(&b'{')
        && let Ok(Json(body)) = read
    {
        return Ok(body);
    }
    if serde_json::from_slice::<IgnoredAny>(bytes).is_err() {
        return Err(Problem::new(400, "bad_json"));
    }
    match read {
        Err(JsonRejection::JsonDataError(error)) => Err(misfit(&error.body_text())),
        Err(_) => Err(Problem::new(400, "bad_json")),
        Ok(_) => Err(Problem::new(422, "invalid_body")),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// A query string.
#[derive(Debug)]
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    fn from_request_parts(
        parts: &mut Parts,
        _state: &S,
    ) -> impl Future<Output = Result<Self, ApiError>> + Send {
        let asked = Query::<T>::try_from_uri(&parts.uri).map(|Query(asked)| Self(asked));
        let problem = |rejection: QueryRejection| misfit(&rejection.body_text()).into();
        std::future::ready(asked.map_err(problem))
    }
}

/// The variables of a path. Whatever cannot be read names nothing: 404.
#[derive(Debug)]
pub(super) struct At<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(at)) => Ok(Self(at)),
            Err(_) => Err(not_found()),
        }
    }
}

/// An id in the one form that is accepted (Q1).
#[derive(Debug, Clone, Copy)]
pub(super) struct Id<T>(pub(super) T);

impl<'de, T: FromStr> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map(Self)
            .map_err(|_| D::Error::custom("not an id"))
    }
}

/// Reads an id that stands in a body or query: other forms name nothing (Q1).
pub(crate) fn id<T: FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::new(404, "not_found"))
}

/// [`id`] for a field that may be left out.
pub(crate) fn id_if_any<T: FromStr>(text: Option<&str>) -> Result<Option<T>, Problem> {
    text.map(id).transpose()
}

/// What a call gives back.
pub(super) type Answer = Result<Response, ApiError>;

/// A JSON answer. Shapes borrow from views that end with the handler, so it is written at once.
pub(super) fn answer(status: StatusCode, value: &impl Serialize) -> Answer {
    let json = serde_json::to_vec(value).map_err(|error| Problem::internal(&error.to_string()))?;
    Ok((status, [(CONTENT_TYPE, "application/json")], json).into_response())
}

fn not_found() -> ApiError {
    Problem::new(404, "not_found").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::extract::DefaultBodyLimit;
    use axum::routing::{get, post};
    use chater_engine::id::{ChatId, EventId};
    use tower::ServiceExt;

    #[derive(Deserialize)]
    struct Letter {
        #[serde(rename = "text")]
        _text: String,
    }

    #[derive(Deserialize)]
    struct Page {
        #[serde(rename = "limit")]
        _limit: Option<usize>,
    }

    fn router() -> Router {
        Router::new()
            .route("/letters", post(|_: Body<Letter>| async { "ok" }))
            .route("/letters", get(|_: Asked<Page>| async { "ok" }))
            .route(
                "/chats/{chat}/messages/{id}",
                get(|_: At<(Id<ChatId>, Id<EventId>)>| async { "ok" }),
            )
            .layer(DefaultBodyLimit::max(crate::BODY_LIMIT))
    }

    async fn ask(request: Request) -> StatusCode {
        let response: Response = router().oneshot(request).await.expect("an answer");
        response.status()
    }

    async fn sent(kind: &str, body: impl Into<axum::body::Body>) -> u16 {
        let request = Request::builder()
            .method("POST")
            .uri("/letters")
            .header("content-type", kind);
        ask(request.body(body.into()).expect("a request"))
            .await
            .as_u16()
    }

    #[tokio::test]
    async fn bad_bodies_have_their_own_answers() {
        let json = "application/json";
        assert_eq!(sent(json, r#"{"text":"hi"}"#).await, 200);
        assert_eq!(
            sent(
                "application/json; charset=utf-8",
                r#"{"text":"hi","more":1}"#
            )
            .await,
            200
        );
        assert_eq!(sent("text/plain", r#"{"text":"hi"}"#).await, 415);
        assert_eq!(
            sent("application/x-www-form-urlencoded", "text=hi").await,
            415
        );
        for bad in [
            "",
            "{",
            "{\"text\":\"hi\"} x",
            "{\"text\":5",
            "[[[",
            "{\"text\":\"\\ud800\"}",
        ] {
            assert_eq!(sent(json, bad).await, 400, "{bad}");
        }
        assert_eq!(sent(json, vec![b'{', b'"', 0xff, b'"', b'}']).await, 400);
        assert_eq!(sent(json, "[".repeat(10_000)).await, 400);
        for bad in [
            "{}",
            "[]",
            r#"["hi"]"#,
            "5",
            "null",
            r#"{"text":5}"#,
            r#"{"text":"a","text":"b"}"#,
        ] {
            assert_eq!(sent(json, bad).await, 422, "{bad}");
        }
        let big = |size: usize| format!("{{\"text\":\"{}\"}}", "a".repeat(size));
        assert_eq!(sent(json, big(crate::BODY_LIMIT - 11)).await, 200);
        assert_eq!(sent(json, big(crate::BODY_LIMIT - 10)).await, 413);
    }

    #[tokio::test]
    async fn only_canonical_ids_name_something() {
        let get = |uri: String| {
            Request::builder()
                .uri(uri)
                .body(axum::body::Body::empty())
                .expect("a request")
        };
        let (id, other) = ("ab".repeat(32), "AB".repeat(32));
        assert_eq!(ask(get(format!("/chats/{id}/messages/{id}"))).await, 200);
        for bad in [other.as_str(), "ab", "%ff", "..", &id[1..]] {
            assert_eq!(
                ask(get(format!("/chats/{bad}/messages/{id}"))).await,
                404,
                "{bad}"
            );
            assert_eq!(
                ask(get(format!("/chats/{id}/messages/{bad}"))).await,
                404,
                "{bad}"
            );
        }
        assert_eq!(ask(get("/letters?limit=5".into())).await, 200);
        assert_eq!(ask(get("/letters?limit=-5".into())).await, 422);
    }
}
