//! What the node says over a socket (Q33, Q37), written once per update and straight from the
//! engine's views.

#![allow(
    clippy::large_enum_variant,
    reason = "each shape is written once and never moved again"
)]

use axum::extract::ws::Utf8Bytes;
use chater_engine::id::{ChatId, EventId, UserId};
use chater_engine::view;
use chater_engine::{News, Update};
use serde::Serialize;
use serde_json::value::RawValue;

use super::Reader;
use super::frames::FrameId;
use super::work::Done;
use crate::api::shapes::{Chat, Message, Person, Text, time};
use crate::error::{ErrorBody, Problem};
use crate::pages::fragment;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Frame<'a> {
    Hello {
        seq: u64,
        version: &'a str,
        full: bool,
        /// Of the header, for pages.
        #[serde(skip_serializing_if = "Option::is_none")]
        pill: Option<String>,
    },
    Disk {
        full: bool,
    },
    Message {
        seq: Option<u64>,
        chat_id: Text<ChatId>,
        #[serde(flatten)]
        message: MessagePart<'a>,
    },
    State {
        seq: Option<u64>,
        chat_id: Text<ChatId>,
        ids: Vec<Text<EventId>>,
        state: &'a str,
    },
    Chat {
        seq: Option<u64>,
        #[serde(flatten)]
        chat: ChatPart<'a>,
    },
    Gone {
        seq: Option<u64>,
        chat_id: Text<ChatId>,
        id: Option<Text<EventId>>,
    },
    Notes {
        seq: Option<u64>,
        chat_id: Text<ChatId>,
    },
    Network {
        links: usize,
        connecting: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        pill: Option<String>,
    },
    Typing {
        chat_id: Text<ChatId>,
        user_id: Text<UserId>,
        name: &'a str,
        on: bool,
    },
    Presence {
        seq: Option<u64>,
        user_id: Text<UserId>,
        online: bool,
        seen_at: Option<String>,
    },
    Reach {
        seq: Option<u64>,
        chat_id: Text<ChatId>,
        id: Text<EventId>,
        nodes: u32,
        of_nodes: u32,
        readers: u32,
        people: u32,
        /// That in words.
        text: String,
    },
    Present {
        seq: Option<u64>,
        chat_id: Text<ChatId>,
        there: u32,
        /// That in words.
        text: String,
    },
    People {
        id: &'a RawValue,
        from: &'a str,
        /// How long the answer took.
        ms: u64,
        rows: Vec<Row<'a>>,
        asked: u32,
        answered: u32,
        done: bool,
    },
    Reply {
        id: &'a RawValue,
        #[serde(flatten)]
        sent: Option<Sent<'a>>,
    },
    Error {
        id: &'a RawValue,
        error: ErrorBody,
    },
    Reload,
}

/// A message as data, or as HTML with what scripts need to place it.
#[derive(Serialize)]
#[serde(untagged)]
enum MessagePart<'a> {
    Data {
        message: Message<'a>,
    },
    Html {
        id: Text<EventId>,
        n: u64,
        client_id: Option<&'a str>,
        own: bool,
        state: &'a str,
        author_id: Text<UserId>,
        author: &'a str,
        html: String,
    },
}

/// A chat, likewise.
#[derive(Serialize)]
#[serde(untagged)]
enum ChatPart<'a> {
    Data {
        chat: Chat<'a>,
    },
    Html {
        chat_id: Text<ChatId>,
        title: &'a str,
        unread: u32,
        read_n: u64,
        pinned: bool,
        archived: bool,
        /// Unix ms; 0 = heard. The page looks at its own clock.
        muted_until: i64,
        active_at: String,
        state: &'a str,
        /// How many are in a group, in words.
        #[serde(skip_serializing_if = "Option::is_none")]
        members: Option<String>,
        html: String,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Row<'a> {
    Data(Person<'a>),
    Html {
        user_id: Text<UserId>,
        here: bool,
        html: String,
    },
}

/// What a reply to `send` adds.
#[derive(Serialize)]
struct Sent<'a> {
    /// Newly stored, not an earlier message with the same `client_id`.
    created: bool,
    #[serde(flatten)]
    message: SentPart<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum SentPart<'a> {
    Data {
        message: Message<'a>,
    },
    Short {
        chat_id: Text<ChatId>,
        message_id: Text<EventId>,
        client_id: Option<&'a str>,
        n: u64,
        state: &'a str,
        sent_at: String,
    },
}

/// The wire form. Shapes of strings and numbers always have one; if not, the reader is told to load
/// its page again rather than left without news.
fn written(frame: &Frame<'_>) -> Utf8Bytes {
    // Room for a short message with its author: a text that grows is copied each time it does.
    let mut text = Vec::with_capacity(1_024);
    serde_json::to_writer(&mut text, frame)
        .ok()
        .and_then(|()| Utf8Bytes::try_from(text).ok())
        .unwrap_or_else(|| Utf8Bytes::from_static(r#"{"type":"reload"}"#))
}

/// Hands the id of a frame back exactly as it was written.
fn with_raw<T>(id: &FrameId, write: impl FnOnce(&RawValue) -> T) -> T {
    match serde_json::from_str::<&RawValue>(&id.0) {
        Ok(raw) => write(raw),
        Err(_) => write(RawValue::NULL),
    }
}

/// Said now and then: a page that hears nothing at all takes the line for dead.
pub(super) fn tick() -> Utf8Bytes {
    Utf8Bytes::from_static(r#"{"type":"tick"}"#)
}

/// The first frame of a socket.
pub(super) fn hello(seq: u64, full: bool, pill: Option<String>) -> Utf8Bytes {
    written(&Frame::Hello {
        seq,
        version: env!("CARGO_PKG_VERSION"),
        full,
        pill,
    })
}

/// What the header says of this node; pages alone have one.
pub(super) fn pill(
    reader: &Reader,
    name: &str,
    (links, connecting): (usize, bool),
) -> Option<String> {
    reader
        .html
        .then(|| fragment::pill(&reader.look, name, links, connecting))
}

/// The disk of this node has no room for anything new, or has it again.
pub(super) fn disk(full: bool) -> Utf8Bytes {
    written(&Frame::Disk { full })
}

/// The frame of one update.
pub(super) fn update(update: &Update, reader: &Reader) -> Utf8Bytes {
    let seq = update.seq;
    written(&match &update.news {
        News::Message(message) => Frame::Message {
            seq,
            chat_id: Text(message.chat_id),
            message: message_part(message, reader),
        },
        News::State {
            chat_id,
            ids,
            state,
        } => Frame::State {
            seq,
            chat_id: Text(*chat_id),
            ids: ids.iter().copied().map(Text).collect(),
            state: state.as_str(),
        },
        News::Chat(chat) => Frame::Chat {
            seq,
            chat: chat_part(chat, reader),
        },
        News::Gone { chat_id, id } => Frame::Gone {
            seq,
            chat_id: Text(*chat_id),
            id: id.map(Text),
        },
        News::Notes { chat_id } => Frame::Notes {
            seq,
            chat_id: Text(*chat_id),
        },
        News::Typing {
            chat_id,
            user_id,
            name,
            on,
        } => Frame::Typing {
            chat_id: Text(*chat_id),
            user_id: Text(*user_id),
            name,
            on: *on,
        },
        News::Presence {
            user_id,
            online,
            seen_at_ms,
        } => Frame::Presence {
            seq,
            user_id: Text(*user_id),
            online: *online,
            seen_at: seen_at_ms.map(time),
        },
        News::Reach { chat_id, id, reach } => Frame::Reach {
            seq,
            chat_id: Text(*chat_id),
            id: Text(*id),
            nodes: reach.nodes,
            of_nodes: reach.of_nodes,
            readers: reach.readers,
            people: reach.people,
            text: fragment::reach_words(&reader.look, reach)
                .unwrap_or_else(|| reader.look.t("js-state-stored")),
        },
        News::Present { chat_id, there } => Frame::Present {
            seq,
            chat_id: Text(*chat_id),
            there: *there,
            text: reader.look.n("present", *there),
        },
        News::Network {
            name,
            links,
            connecting,
        } => Frame::Network {
            links: *links,
            connecting: *connecting,
            pill: pill(reader, name, (*links, *connecting)),
        },
        News::Reload => Frame::Reload,
    })
}

fn message_part<'a>(message: &'a view::Message, reader: &Reader) -> MessagePart<'a> {
    if !reader.html {
        return MessagePart::Data {
            message: message.into(),
        };
    }
    MessagePart::Html {
        id: Text(message.id),
        n: message.n,
        client_id: message.client_id.as_deref(),
        own: message.own,
        state: message.state.as_str(),
        author_id: Text(message.author.user_id),
        author: &message.author.display_name,
        html: fragment::message(message, &reader.look),
    }
}

fn chat_part<'a>(chat: &'a view::Chat, reader: &Reader) -> ChatPart<'a> {
    if !reader.html {
        return ChatPart::Data { chat: chat.into() };
    }
    ChatPart::Html {
        chat_id: Text(chat.id),
        title: &chat.title,
        unread: chat.unread,
        read_n: chat.read_n,
        pinned: chat.pinned,
        archived: chat.archived,
        muted_until: chat.muted_until_ms.unwrap_or_default(),
        active_at: time(chat.active_at_ms),
        state: chat.state.as_str(),
        members: (chat.kind == view::ChatKind::Group)
            .then(|| reader.look.n("members", chat.members)),
        // Which chat is open is known to the page alone; its script marks the card.
        html: fragment::card(chat, &reader.look, false, "all"),
    }
}

/// One node's answer to a search.
pub(super) fn people(
    id: &FrameId,
    q: &str,
    after: std::time::Duration,
    answer: &view::PeopleAnswer,
    reader: &Reader,
) -> Utf8Bytes {
    with_raw(id, |id| {
        written(&Frame::People {
            id,
            from: answer.from.as_deref().unwrap_or("here"),
            ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
            rows: answer
                .rows
                .iter()
                .map(|person| row(person, answer.known.contains(&person.user_id), q, reader))
                .collect(),
            asked: answer.asked,
            answered: answer.answered,
            done: answer.done,
        })
    })
}

fn row<'a>(person: &'a view::Person, known: bool, q: &str, reader: &Reader) -> Row<'a> {
    if !reader.html {
        return Row::Data(person.into());
    }
    let html = fragment::person(person, known, q, &reader.look);
    Row::Html {
        user_id: Text(person.user_id),
        here: person.here,
        html,
    }
}

/// The reply to a wish.
pub(super) fn reply(done: &Done, reader: &Reader) -> Utf8Bytes {
    match done {
        Done::Sent(id, message, created) => {
            let sent = Sent {
                created: *created,
                message: sent_part(message, reader),
            };
            with_raw(id, |id| {
                written(&Frame::Reply {
                    id,
                    sent: Some(sent),
                })
            })
        }
        Done::Plain(id) | Done::Searching(id, ..) => {
            with_raw(id, |id| written(&Frame::Reply { id, sent: None }))
        }
        Done::Refused(id, error) => refusal(id, &Problem::from(error.clone()), reader),
    }
}

fn sent_part<'a>(message: &'a view::Message, reader: &Reader) -> SentPart<'a> {
    if !reader.html {
        return SentPart::Data {
            message: message.into(),
        };
    }
    SentPart::Short {
        chat_id: Text(message.chat_id),
        message_id: Text(message.id),
        client_id: message.client_id.as_deref(),
        n: message.n,
        state: message.state.as_str(),
        sent_at: time(message.sent_at_ms),
    }
}

/// A frame that says why another one was not carried out.
pub(super) fn refusal(id: &FrameId, problem: &Problem, reader: &Reader) -> Utf8Bytes {
    with_raw(id, |id| {
        written(&Frame::Error {
            id,
            error: problem.body(reader.look.lang),
        })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::api::shapes::tests::message;
    use crate::i18n::tests::look;

    fn json(text: &Utf8Bytes) -> serde_json::Value {
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn updates_have_the_form_of_q33() {
        let news = Update {
            seq: Some(9),
            news: News::Message(Arc::new(message())),
        };
        let frame = json(&update(&news, &Reader::json(look())));
        assert_eq!(frame.get("type"), Some(&"message".into()));
        assert_eq!(frame.get("seq"), Some(&9.into()));
        assert_eq!(frame.pointer("/message/id"), Some(&"03".repeat(32).into()));
        let frame = json(&update(&news, &Reader::page(look())));
        assert!(frame.get("message").is_none());
        assert_eq!(frame.get("id"), Some(&"03".repeat(32).into()));
        assert!(frame.get("html").is_some_and(serde_json::Value::is_string));
        assert_eq!(
            &*hello(5, false, None),
            format!(
                r#"{{"type":"hello","seq":5,"version":"{}","full":false}}"#,
                env!("CARGO_PKG_VERSION")
            )
        );
        let reload = Update {
            seq: None,
            news: News::Reload,
        };
        assert_eq!(
            &*update(&reload, &Reader::json(look())),
            r#"{"type":"reload"}"#
        );
    }

    #[test]
    fn replies_carry_the_id_of_their_frame() {
        let reader = Reader::json(look());
        for id in ["\"a\\u0041\"", "17", "null"] {
            let text = reply(&Done::Plain(FrameId(id.into())), &reader);
            assert_eq!(&*text, format!(r#"{{"type":"reply","id":{id}}}"#));
        }
        let sent = Done::Sent(FrameId("1".into()), Arc::new(message()), true);
        let frame = json(&reply(&sent, &reader));
        assert_eq!(frame.pointer("/message/n"), Some(&7.into()));
        assert_eq!(frame.get("created"), Some(&true.into()));
        let frame = json(&reply(&sent, &Reader::page(look())));
        assert_eq!(frame.get("message_id"), Some(&"03".repeat(32).into()));
        let refused = Done::Refused(FrameId("1".into()), chater_engine::Error::NotFound);
        assert_eq!(
            json(&reply(&refused, &reader)).pointer("/error/code"),
            Some(&"not_found".into())
        );
    }
}
