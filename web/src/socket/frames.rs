//! What a browser or program says over a socket (Q34), and how often it may talk nonsense (Q36).

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use chater_engine::id::{ChatId, EventId};
use chater_engine::{Draft, Reason};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::api::body::{id, id_if_any};
use crate::error::Problem;

/// An id of a frame is given back with its reply; longer ones are no ids but freight.
const ID_BYTES: usize = 64;

/// The id that a frame carries, as it was written: a JSON string or number, or `null`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FrameId(pub(super) Box<str>);

/// What is wanted.
#[derive(Debug, Clone)]
pub(super) enum Wish {
    /// Send a message.
    Send(ChatId, Draft),
    /// Everything up to this message is read.
    Read(ChatId, EventId),
    /// The user types, or stopped.
    Typing(ChatId, bool),
    /// Search for people; ends an earlier search.
    Search(String),
    /// End the search.
    Stop,
}

/// A frame that is not carried out.
#[derive(Debug)]
pub(super) struct BadFrame {
    /// Its id, as far as it has one.
    pub(super) id: FrameId,
    /// What is wrong.
    pub(super) problem: Box<Problem>,
    /// Whether it is nonsense rather than a wrong value.
    pub(super) counts: bool,
}

/// One flat shape for all types: serde's tagged enums copy a frame before they read it.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    chat_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    reply_to: Option<Cow<'a, str>>,
    text: Option<String>,
    client_id: Option<String>,
    q: Option<String>,
    on: Option<bool>,
}

impl FrameId {
    fn none() -> Self {
        Self("null".into())
    }

    fn read(raw: Option<&RawValue>) -> Option<Self> {
        let Some(raw) = raw else {
            return Some(Self::none());
        };
        let text = raw.get();
        let scalar = text.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit())
            || text == "null";
        (scalar && text.len() <= ID_BYTES).then(|| Self(text.into()))
    }
}

/// Reads a frame.
pub(super) fn read(text: &str) -> Result<(FrameId, Wish), BadFrame> {
    let bad = |id, code, counts| {
        let problem = Box::new(Problem::new(400, code));
        BadFrame {
            id,
            problem,
            counts,
        }
    };
    // serde would take an array for a struct.
    let is_object = text.trim_ascii_start().starts_with('{');
    let Some(frame) = serde_json::from_str::<Frame<'_>>(text)
        .ok()
        .filter(|_| is_object)
    else {
        let id = if is_object { id_alone(text) } else { None };
        return Err(bad(id.unwrap_or_else(FrameId::none), "bad_frame", true));
    };
    let Some(id) = FrameId::read(frame.id) else {
        return Err(bad(FrameId::none(), "bad_frame", true));
    };
    match wish(frame) {
        Ok(Some(wish)) => Ok((id, wish)),
        // A newer page may ask for more than this node knows.
        Ok(None) => Err(bad(id, "unknown_type", false)),
        Err(problem) => Err(BadFrame {
            id,
            problem: Box::new(problem),
            counts: false,
        }),
    }
}

/// The id of a frame whose other fields cannot be read.
fn id_alone(text: &str) -> Option<FrameId> {
    #[derive(Deserialize)]
    struct Id<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    FrameId::read(serde_json::from_str::<Id<'_>>(text).ok()?.id)
}

fn wish(frame: Frame<'_>) -> Result<Option<Wish>, Problem> {
    let chat = || id::<ChatId>(needed(frame.chat_id.as_deref(), "chat_id")?);
    Ok(Some(match &*frame.kind {
        "send" => {
            let chat = chat()?;
            let reply_to = id_if_any(frame.reply_to.as_deref())?;
            let text = needed(frame.text, "text")?;
            Wish::Send(
                chat,
                Draft {
                    text,
                    client_id: frame.client_id,
                    reply_to,
                },
            )
        }
        "read" => Wish::Read(
            chat()?,
            id(needed(frame.message_id.as_deref(), "message_id")?)?,
        ),
        "typing" => Wish::Typing(chat()?, needed(frame.on, "on")?),
        "search" => Wish::Search(needed(frame.q, "q")?),
        "stop" => Wish::Stop,
        _ => return Ok(None),
    }))
}

fn needed<T>(value: Option<T>, field: &str) -> Result<T, Problem> {
    value.ok_or_else(|| Problem::invalid(field, Reason::Empty))
}

/// Counts nonsense: 10 in a minute are enough.
#[derive(Debug, Default)]
pub(super) struct Nonsense(VecDeque<Instant>);

impl Nonsense {
    const MOST: usize = 10;
    const WITHIN: Duration = Duration::from_secs(60);

    /// One more; true = too many.
    pub(super) fn is_too_much(&mut self, now: Instant) -> bool {
        while self
            .0
            .front()
            .is_some_and(|at| now.duration_since(*at) >= Self::WITHIN)
        {
            self.0.pop_front();
        }
        self.0.push_back(now);
        self.0.len() >= Self::MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat() -> String {
        "ab".repeat(32)
    }

    #[test]
    fn frames_are_read() {
        let send = format!(
            r#"{{"type":"send","id":"a1","chat_id":"{}","text":"h\ni","client_id":"c"}}"#,
            chat()
        );
        let Ok((id, Wish::Send(to, draft))) = read(&send) else {
            unreachable!("not a send")
        };
        assert_eq!(&*id.0, "\"a1\"");
        assert_eq!(to, ChatId([0xab; 32]));
        assert_eq!(
            (draft.text.as_str(), draft.client_id.as_deref()),
            ("h\ni", Some("c"))
        );
        let typing = format!(r#"{{"on":true,"chat_id":"{}","type":"typing"}}"#, chat());
        assert!(matches!(read(&typing), Ok((id, Wish::Typing(_, true))) if id == FrameId::none()));
        assert!(matches!(read(r#"{"type":"stop","id":7}"#), Ok((id, Wish::Stop)) if &*id.0 == "7"));
        assert!(
            matches!(read(r#"{"type":"search","id":7,"q":"со"}"#), Ok((_, Wish::Search(q))) if q == "со")
        );
    }

    #[test]
    fn bad_frames_have_a_code_and_keep_their_id() {
        let nobody = "AB".repeat(32);
        let table: [(String, &str, &str, bool); 13] = [
            ("".into(), "null", "bad_frame", true),
            ("hello".into(), "null", "bad_frame", true),
            ("[1]".into(), "null", "bad_frame", true),
            (r#"{"id":1}"#.into(), "1", "bad_frame", true),
            (
                r#"["stop",1,null,null,null,null,null,null,null]"#.into(),
                "null",
                "bad_frame",
                true,
            ),
            (r#"{"type":5,"id":1}"#.into(), "1", "bad_frame", true),
            (
                r#"{"type":"stop","id":{}}"#.into(),
                "null",
                "bad_frame",
                true,
            ),
            (
                format!(r#"{{"type":"stop","id":"{}"}}"#, "x".repeat(63)),
                "null",
                "bad_frame",
                true,
            ),
            (
                format!("{}1{}", "[".repeat(9_000), "]".repeat(9_000)),
                "null",
                "bad_frame",
                true,
            ),
            (
                r#"{"type":"dance","id":1}"#.into(),
                "1",
                "unknown_type",
                false,
            ),
            (r#"{"type":"send","id":1}"#.into(), "1", "invalid", false),
            (
                format!(r#"{{"type":"send","id":1,"chat_id":"{}"}}"#, chat()),
                "1",
                "invalid",
                false,
            ),
            (
                format!(r#"{{"type":"send","id":1,"chat_id":"{nobody}","text":"a"}}"#),
                "1",
                "not_found",
                false,
            ),
        ];
        for (text, id, code, counts) in table {
            let bad = read(&text).expect_err("a bad frame");
            assert_eq!(
                (&*bad.id.0, bad.problem.code, bad.counts),
                (id, code, counts),
                "{text:.80}"
            );
        }
    }

    #[test]
    fn ten_times_nonsense_in_a_minute_is_enough() {
        let start = Instant::now();
        let mut nonsense = Nonsense::default();
        let slow = (0..100).any(|i| nonsense.is_too_much(start + Duration::from_secs(7 * i)));
        assert!(!slow, "one in seven seconds goes on for ever");
        let mut nonsense = Nonsense::default();
        let verdicts: Vec<bool> = (0..10).map(|_| nonsense.is_too_much(start)).collect();
        assert_eq!(verdicts.iter().position(|verdict| *verdict), Some(9));
    }
}
