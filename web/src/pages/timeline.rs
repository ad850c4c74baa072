//! The list items of a conversation: messages in runs, date chips, the line above what is new, what happened meanwhile.

use askama::Template;
use chater_engine::id::UserId;
use chater_engine::view::{Chat, MessagePage};

use super::fragment::{self, MessageItem};
use super::note::NoteItem;
use super::time::{self, Stamp};
use crate::i18n::Look;

/// Messages of one author closer than this are one run.
const RUN_MS: i64 = 5 * 60 * 1000;

/// A list item.
pub(crate) enum Item<'a> {
    /// The first message of a day stands below its date.
    Day(Stamp),
    /// «Новые сообщения».
    New,
    /// What happened to the group, or to somebody's homes.
    Note(NoteItem),
    /// A message.
    Message(Box<MessageItem<'a>>),
}

/// The items of one page of messages and the links to its neighbours.
#[derive(Template)]
#[template(path = "partials/timeline.html")]
pub(crate) struct Timeline<'a> {
    look: &'a Look,
    chat: String,
    direct: bool,
    older: Option<String>,
    newer: Option<String>,
    items: Vec<Item<'a>>,
}

/// The message above what happened is the last of its run.
fn ends_run(items: &mut [Item<'_>]) {
    let last = items.iter_mut().rev().find_map(|item| match item {
        Item::Message(message) => Some(message),
        _ => None,
    });
    if let Some(message) = last {
        message.last = true;
    }
}

impl<'a> Timeline<'a> {
    /// Lays out a page. `at` is the message a link led to.
    pub(crate) fn new(
        look: &'a Look,
        chat: &Chat,
        page: &'a MessagePage,
        at: Option<&str>,
    ) -> Self {
        let now_ms = time::now_ms();
        let mut items = Vec::with_capacity(page.messages.len() + 8);
        let mut line_due = chat.unread > 0;
        let mut neighbours = page.messages.iter().peekable();
        let mut before: Option<(Option<UserId>, i64)> = None;
        let mut notes = page.notes.iter().peekable();
        while let Some(message) = neighbours.next() {
            let mut after_note = false;
            while let Some(note) = notes.next_if(|note| note.before == Some(message.id)) {
                if before.is_none_or(|(_, at)| !time::same_day(look, at, note.at_ms)) {
                    items.push(Item::Day(time::day(look, note.at_ms, now_ms)));
                }
                before = Some((None, note.at_ms));
                after_note = true;
                items.push(Item::Note(NoteItem::of(note, look)));
            }
            if after_note {
                ends_run(&mut items);
            }
            let after = neighbours.peek().copied();
            let new_day =
                before.is_none_or(|(_, sent)| !time::same_day(look, sent, message.sent_at_ms));
            if new_day {
                items.push(Item::Day(time::day(look, message.sent_at_ms, now_ms)));
            }
            let line = line_due && !message.own && message.n > chat.read_n;
            if line {
                line_due = false;
                items.push(Item::New);
            }
            let mut item = MessageItem::new(message, look);
            item.state = fragment::state_words(
                look,
                message.state,
                message.reach.as_ref(),
                chat.with.as_ref(),
            );
            item.first = new_day
                || line
                || before.is_none_or(|(author, sent)| {
                    author != Some(message.author.user_id) || message.sent_at_ms - sent > RUN_MS
                });
            item.last = after.is_none_or(|next| {
                next.author.user_id != message.author.user_id
                    || next.sent_at_ms - message.sent_at_ms > RUN_MS
                    || !time::same_day(look, message.sent_at_ms, next.sent_at_ms)
                    || (line_due && !next.own && next.n > chat.read_n)
            });
            item.at = at.is_some_and(|at| at == message.id.to_string());
            items.push(Item::Message(Box::new(item)));
            before = Some((Some(message.author.user_id), message.sent_at_ms));
        }
        for note in notes {
            if before.is_none_or(|(_, at)| !time::same_day(look, at, note.at_ms)) {
                items.push(Item::Day(time::day(look, note.at_ms, now_ms)));
            }
            before = Some((None, note.at_ms));
            items.push(Item::Note(NoteItem::of(note, look)));
        }
        Self {
            look,
            chat: chat.id.to_string(),
            direct: chat.with.is_some(),
            older: page.older.map(|id| id.to_string()),
            newer: page.newer.map(|id| id.to_string()),
            items,
        }
    }

    /// Whether nothing has been written yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether the newest messages are further down.
    pub(crate) fn has_newer(&self) -> bool {
        self.newer.is_some()
    }
}
