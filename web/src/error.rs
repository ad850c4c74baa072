//! What went wrong, for the caller: the one place with status codes (Q31).
//!
//! A handler does not know its caller's language. So an error leaves it as a [`Problem`] inside an
//! otherwise empty response, and [`in_words`] words it on the way out, as JSON, a page or one line.

mod reasons;
mod words;

use std::future::{Ready, ready};
use std::hash::{BuildHasher, Hasher, RandomState};

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chater_engine::{Error, Reason};
use serde::Serialize;
use utoipa::ToSchema;

use crate::form::Stale;
use crate::i18n::{Arg, Lang, Look, text_with};
use crate::pages;

pub(crate) use reasons::reason_key;
pub(crate) use words::{Asked, in_words};

/// What went wrong, in no language yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// English for ever, for programs (Q19).
    pub(crate) code: &'static str,
    /// The field of the request that is wrong.
    pub(crate) field: Option<Box<str>>,
    /// Key of the text for people.
    pub(crate) key: Box<str>,
    /// What the text names.
    pub(crate) args: Vec<(&'static str, String)>,
    /// Addresses that may be meant (Q6).
    pub(crate) candidates: Vec<String>,
    /// When to come again.
    pub(crate) retry_after_s: Option<u32>,
    /// What a form held that is to be sent again.
    pub(crate) stale: Option<Box<Stale>>,
}

/// How a problem is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `{error: {...}}`.
    Json,
    /// A page of ours.
    Page,
    /// One line of text.
    Line,
}

/// The problem of a response that has no body yet.
#[derive(Clone)]
struct Unworded(Box<Problem>, Shape);

/// A problem of an API call: becomes JSON.
#[derive(Debug)]
pub(crate) struct ApiError(pub(crate) Box<Problem>);

/// A problem of a page: becomes a page.
#[derive(Debug)]
pub(crate) struct PageError(pub(crate) Box<Problem>);

/// The form of every error of the API (Q31).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorAnswer {
    /// What went wrong.
    error: ErrorBody,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct ErrorBody {
    /// For programs: English, never changes.
    #[schema(value_type = String)]
    code: &'static str,
    /// For people, in the caller's language.
    message: String,
    /// The field of the request that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    field: Option<Box<str>>,
    /// Addresses that may be meant, with `ambiguous`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<String>,
}

impl Problem {
    /// A problem whose text is `api-<code>`.
    pub(crate) fn new(status: u16, code: &'static str) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code,
            field: None,
            key: format!("api-{code}").into(),
            args: Vec::new(),
            candidates: Vec::new(),
            retry_after_s: None,
            stale: None,
        }
    }

    /// A wrong value.
    pub(crate) fn invalid(field: &str, reason: Reason) -> Self {
        let mut problem = Self::new(422, "invalid").of_field(field);
        problem.key = reason_key(field, reason).into();
        problem
    }

    /// Names the field that is wrong.
    pub(crate) fn of_field(mut self, field: &str) -> Self {
        self.field = Some(field.chars().take(64).collect());
        self
    }

    /// Our own fault: the cause goes to the log, its code to the caller.
    pub(crate) fn internal(cause: &str) -> Self {
        let number = RandomState::new().build_hasher().finish() & 0xffff_ffff;
        let trace = format!("{number:08x}");
        tracing::error!(code = %trace, "{cause}");
        let mut problem = Self::new(500, "internal");
        problem.args.push(("code", trace));
        problem
    }

    /// Finds the cause of an internal error in the log.
    fn trace(&self) -> Option<&str> {
        self.args
            .iter()
            .find(|(name, _)| *name == "code")
            .map(|(_, code)| code.as_str())
    }

    fn again_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds.max(1));
        self.args.push(("seconds", seconds.max(1).to_string()));
        self
    }

    fn text(&self, lang: Lang) -> String {
        let args: Vec<(&'static str, Arg<'_>)> = self
            .args
            .iter()
            .map(|(name, value)| (*name, Arg::from(value.as_str())))
            .collect();
        text_with(lang, &self.key, &args)
    }

    /// What a page says: 404 and 500 have sentences of their own there.
    pub(crate) fn page_text(&self, look: &Look) -> String {
        match (self.status.as_u16(), self.trace()) {
            (404, _) if &*self.key == "api-not_found" => look.t("error-404"),
            (500, Some(code)) => look.a("error-500", code),
            _ => self.text(look.lang),
        }
    }

    /// The problem in words, for JSON.
    pub(crate) fn body(&self, lang: Lang) -> ErrorBody {
        ErrorBody {
            code: self.code,
            message: self.text(lang),
            field: self.field.clone(),
            candidates: self.candidates.clone(),
        }
    }

    /// A response that [`in_words`] completes.
    pub(crate) fn shown_as(self, shape: Shape) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after_s {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED && shape == Shape::Json {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
            .extensions_mut()
            .insert(Unworded(Box::new(self), shape));
        response
    }

    fn worded(&self, shape: Shape, look: &Look) -> Response {
        match shape {
            Shape::Json => Json(ErrorAnswer {
                error: self.body(look.lang),
            })
            .into_response(),
            Shape::Line => format!("{}\n", self.text(look.lang)).into_response(),
            Shape::Page => {
                let text = self.page_text(look);
                pages::error_page(look, self.status, &text, self.stale.as_deref())
            }
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::new(404, "not_found"),
            Error::Forbidden => Self::new(403, "forbidden"),
            Error::Invalid { field, reason } => Self::invalid(field, reason),
            Error::Taken => Self::new(409, "taken").of_field("nick"),
            Error::Ambiguous(candidates) => Self {
                candidates,
                ..Self::new(409, "ambiguous").of_field("with")
            },
            Error::UnknownNode(node) => Self {
                args: vec![("node", node)],
                ..Self::new(404, "unknown_node").of_field("with")
            },
            Error::NodeSilent(node) => Self {
                args: vec![("node", node)],
                ..Self::new(503, "node_silent")
                    .of_field("with")
                    .again_after(5)
            },
            Error::OneselfChat => Self::new(422, "self").of_field("with"),
            Error::HomeStopped => Self::new(409, "home_stopped"),
            Error::RootLocked => Self::new(409, "root_locked"),
            Error::Closed => Self::new(403, "closed"),
            Error::BadLogin => Self::new(401, "bad_login"),
            Error::InviteNeeded => Self::new(403, "invite_needed").of_field("invite"),
            Error::RegistrationClosed => Self::new(403, "registration_closed"),
            Error::TooMany { retry_after_s } => {
                Self::new(429, "too_many").again_after(retry_after_s)
            }
            Error::NotAGroup => Self::new(422, "not_a_group"),
            Error::Quota => Self::new(403, "quota"),
            Error::Busy => Self::new(503, "busy").again_after(1),
            Error::StorageFull => Self::new(503, "storage_full").again_after(5),
            Error::StorageFailed => Self::new(503, "storage_failed").again_after(5),
            Error::Stopping => Self::new(503, "stopping").again_after(5),
            Error::Internal => Self::internal("the engine could not carry out a request"),
        }
    }
}

macro_rules! outcome {
    ($name:ident, $shape:expr) => {
        impl From<Problem> for $name {
            fn from(problem: Problem) -> Self {
                Self(Box::new(problem))
            }
        }
        impl From<Error> for $name {
            fn from(error: Error) -> Self {
                Problem::from(error).into()
            }
        }
        impl IntoResponse for $name {
            fn into_response(self) -> Response {
                self.0.shown_as($shape)
            }
        }
    };
}
/// What a page handler gives.
pub(crate) type PageResult = Result<Response, PageError>;

outcome!(ApiError, Shape::Json);
outcome!(PageError, Shape::Page);

/// The answer to a path that does not exist.
pub(crate) fn unknown_path() -> Ready<Response> {
    let mut problem = Problem::new(404, "not_found");
    // On a page: no such page, which is something else than no such chat.
    problem.key = "error-404-page".into();
    ready(problem.shown_as(Shape::Page))
}

/// The answer to a method that a path does not have. axum adds `Allow`.
pub(crate) fn wrong_method() -> Ready<Response> {
    ready(Problem::new(405, "method_not_allowed").shown_as(Shape::Page))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(super) fn is_text(key: &str) -> bool {
        let named = ["node", "seconds", "code"].map(|name| (name, Arg::from("1")));
        [Lang::Ru, Lang::En]
            .iter()
            .all(|lang| crate::i18n::find_text(*lang, key, &named).is_some())
    }

    #[test]
    fn statuses_are_those_of_q31() {
        let table = [
            (Error::NotFound, 404, "not_found"),
            (Error::Forbidden, 403, "forbidden"),
            (Error::invalid("nick", Reason::Short), 422, "invalid"),
            (Error::Taken, 409, "taken"),
            (Error::Ambiguous(vec!["a@b~4f2a".into()]), 409, "ambiguous"),
            (Error::UnknownNode("far".into()), 404, "unknown_node"),
            (Error::NodeSilent("far".into()), 503, "node_silent"),
            (Error::OneselfChat, 422, "self"),
            (Error::BadLogin, 401, "bad_login"),
            (Error::InviteNeeded, 403, "invite_needed"),
            (Error::RegistrationClosed, 403, "registration_closed"),
            (Error::TooMany { retry_after_s: 7 }, 429, "too_many"),
            (Error::NotAGroup, 422, "not_a_group"),
            (Error::Quota, 403, "quota"),
            (Error::Busy, 503, "busy"),
            (Error::StorageFull, 503, "storage_full"),
            (Error::StorageFailed, 503, "storage_failed"),
            (Error::Stopping, 503, "stopping"),
            (Error::Internal, 500, "internal"),
        ];
        for (error, status, code) in table {
            let problem = Problem::from(error);
            assert_eq!((problem.status.as_u16(), problem.code), (status, code));
            assert!(is_text(&problem.key), "no text for {}", problem.key);
        }
    }

    #[test]
    fn every_code_of_the_web_side_has_a_text() {
        let codes = [
            "bad_body",
            "bad_csrf",
            "bad_form",
            "bad_frame",
            "bad_host",
            "bad_json",
            "bad_origin",
            "invalid_body",
            "method_not_allowed",
            "not_found",
            "too_large",
            "unauthorized",
            "unknown_type",
            "unsupported_media_type",
            "upgrade_required",
        ];
        for code in codes {
            let key = Problem::new(400, code).key;
            assert!(is_text(&key), "no text for {key}");
        }
    }

    #[test]
    fn a_json_error_says_what_a_program_needs() {
        let problem = Problem::from(Error::Ambiguous(vec!["a@b".into(), "a@b~4f2a".into()]));
        let answer = ErrorAnswer {
            error: problem.body(Lang::En),
        };
        let json = serde_json::to_value(answer).expect("plain data");
        let error = json.get("error").expect("an error");
        assert_eq!(error.get("code"), Some(&"ambiguous".into()));
        assert_eq!(error.get("field"), Some(&"with".into()));
        assert_eq!(error.pointer("/candidates/1"), Some(&"a@b~4f2a".into()));
    }

    #[test]
    fn retry_after_is_in_the_header() {
        let response = ApiError::from(Error::TooMany { retry_after_s: 7 }).into_response();
        assert_eq!(
            response.headers().get(RETRY_AFTER),
            Some(&HeaderValue::from(7))
        );
        let response = ApiError::from(Problem::new(401, "unauthorized")).into_response();
        assert_eq!(
            response.headers().get(WWW_AUTHENTICATE),
            Some(&HeaderValue::from_static("Bearer"))
        );
    }
}
