//! Searching the messages of one chat, or of all. Texts are sealed on disk, so there is no index: they are opened one by
//! one from the newest, a bounded number at a time.

use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};

use chater_protocol::event::Kind;
use chater_protocol::id::{ChatId, EventId};
use chater_protocol::payload::{Edit, Msg};
use chater_protocol::text;
use chater_protocol::time::Timestamp;
use chater_store::chats::ChatRow;
use chater_store::events::{self, TimelineRow};
use chater_store::{Rows, StoreError};

use crate::actor::now_ms;
use crate::error::{Error, Reason};
use crate::read::Reader;
use crate::shared::lock;
use crate::user::UserHandle;
use crate::view::{Found, FoundIn, FoundInChats, Message};

/// Messages opened by one search; the next one goes on below.
const LOOKED: usize = 5_000;
/// Messages found by one search.
const FOUND: usize = 100;
/// Characters of a query.
const QUERY: usize = 200;

impl UserHandle {
    /// Messages of a chat whose text holds `q`, capitals and `ё` alike, newest first. `before` goes on below
    /// a message, as [`Found::next`] names it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign chats and anchors, [`Error::Invalid`] for an empty or
    /// overlong query, [`Error::TooMany`].
    pub async fn find_in_chat(
        &self,
        chat: ChatId,
        q: &str,
        before: Option<EventId>,
    ) -> Result<Found, Error> {
        let wanted = self.asked(q)?;
        let user = self.clone();
        // Opening thousands of texts is work: not on the threads that serve everybody.
        tokio::task::spawn_blocking(move || user.look(|reader| reader.find(chat, &wanted, before)))
            .await
            .map_err(|_| Error::Internal)?
    }

    /// Messages of all chats, the archive too, whose text holds `q`, compared like [`Self::find_in_chat`], newest first.
    /// `below` goes on from [`FoundInChats::next`].
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty or overlong query, [`Error::TooMany`].
    pub async fn find_in_chats(&self, q: &str, below: Option<u64>) -> Result<FoundInChats, Error> {
        let wanted = self.asked(q)?;
        let user = self.clone();
        tokio::task::spawn_blocking(move || {
            user.look(|reader| reader.find_all(&wanted, below.map(Timestamp)))
        })
        .await
        .map_err(|_| Error::Internal)?
    }

    /// The words as they are compared, if they may be asked for now.
    fn asked(&self, q: &str) -> Result<String, Error> {
        let wanted = folded(q.trim());
        if wanted.is_empty() {
            return Err(Error::invalid("q", Reason::Empty));
        }
        if q.chars().count() > QUERY {
            return Err(Error::invalid("q", Reason::Long));
        }
        lock(&self.shared().rates)
            .searches
            .take(&self.id(), now_ms())
            .map_err(|retry_after_s| Error::TooMany { retry_after_s })?;
        Ok(wanted)
    }
}

/// A chat on the way down its messages.
struct Descent {
    no: u32,
    chat: ChatRow,
    /// Read already, nearest first.
    rows: VecDeque<TimelineRow>,
    /// Where reading goes on; none = from the newest.
    from: Option<Vec<u8>>,
    /// How many are read at once: few at first, for most chats are never looked into.
    step: usize,
}

impl Descent {
    /// The effective time of its next message; none = there is none below.
    fn next<R: Rows>(&mut self, reader: &Reader<'_, R>) -> Result<Option<Timestamp>, StoreError> {
        if self.rows.is_empty() {
            self.rows = reader
                .walk(self.no, self.from.as_deref(), true, self.step)?
                .into();
            self.from = self.rows.back().map(|row| row.key.clone());
            self.step = (self.step * 8).min(512);
        }
        Ok(self.rows.front().map(|row| row.place.eff))
    }
}

/// A text as it is compared.
fn folded(text: &str) -> String {
    text.to_lowercase().replace('ё', "е")
}

impl<R: Rows> Reader<'_, R> {
    fn find(&self, id: ChatId, wanted: &str, before: Option<EventId>) -> Result<Found, Error> {
        let (no, chat, _) = self.own_chat(id)?;
        let from = before.map(|id| self.place(no, id)).transpose()?;
        let from = from.as_ref().map(|row| row.key.as_slice());
        let rows = self.walk(no, from, true, LOOKED + 1)?;
        let more = rows.len() > LOOKED;
        let mut found = Found {
            messages: Vec::new(),
            next: None,
        };
        let mut last = None;
        for row in rows.into_iter().take(LOOKED) {
            if found.messages.len() == FOUND {
                found.next = last;
                return Ok(found);
            }
            let (id, hit) = self.hit(no, &chat, &row, wanted)?;
            last = id.or(last);
            found.messages.extend(hit);
        }
        found.next = last.filter(|_| more);
        Ok(found)
    }

    /// All chats at once: always the newest message of those not yet looked at, whichever chat it stands in.
    fn find_all(&self, wanted: &str, below: Option<Timestamp>) -> Result<FoundInChats, Error> {
        // Keys begin with the effective time: what is shorter stands before all of that time.
        let from = below.map(|time| time.0.to_be_bytes().to_vec());
        let mut chats = Vec::new();
        let mut newest = BinaryHeap::new();
        let rows = self.open_chats()?;
        for (key, chat, _) in &rows {
            let mut chat = Descent {
                no: key.2,
                chat: chat.clone(),
                rows: VecDeque::new(),
                from: from.clone(),
                step: 1,
            };
            if let Some(time) = chat.next(self)? {
                newest.push((time, chats.len()));
                chats.push(chat);
            }
        }
        let mut found = FoundInChats {
            messages: Vec::new(),
            next: None,
        };
        let (mut looked, mut last) = (0, None);
        while let Some((time, at)) = newest.pop() {
            // What has one time is never parted: the next search begins below it.
            if (looked >= LOOKED || found.messages.len() >= FOUND) && last != Some(time) {
                found.next = last.map(|time| time.0);
                break;
            }
            (looked, last) = (looked + 1, Some(time));
            let Some(chat) = chats.get_mut(at) else {
                continue;
            };
            if let Some(row) = chat.rows.pop_front()
                && let (_, Some(message)) = self.hit(chat.no, &chat.chat, &row, wanted)?
            {
                found.messages.push(FoundIn {
                    chat: String::new(),
                    message,
                });
            }
            if let Some(time) = chat.next(self)? {
                newest.push((time, at));
            }
        }
        // Only chats in which something was found need a name.
        let wanted: HashSet<_> = found
            .messages
            .iter()
            .map(|hit| hit.message.chat_id)
            .collect();
        let mut titles = HashMap::new();
        for (key, chat, inbox) in rows.iter().filter(|(_, chat, _)| wanted.contains(&chat.id)) {
            titles.insert(chat.id, self.chat(key.2, chat, inbox)?.title);
        }
        for hit in &mut found.messages {
            hit.chat = titles
                .get(&hit.message.chat_id)
                .cloned()
                .unwrap_or_default();
        }
        Ok(found)
    }

    /// Whether a message holds the words: its id, and itself if it does.
    fn hit(
        &self,
        no: u32,
        chat: &ChatRow,
        row: &TimelineRow,
        wanted: &str,
    ) -> Result<(Option<EventId>, Option<Message>), Error> {
        let Some(event) = events::event(self.rows(), row.feed_no, row.place.seq, row.branch)?
        else {
            return Ok((None, None));
        };
        let id = event.id();
        let Some(body) = self.inside::<Msg>(no, &event)? else {
            return Ok((Some(id), None));
        };
        if !self.says(no, row, id, &body, wanted)? {
            return Ok((Some(id), None));
        }
        let message = self.compose(no, chat, row, &event, Some(body))?;
        Ok((Some(id), Some(message)))
    }

    /// Whether a message as it reads now holds the words.
    fn says(
        &self,
        no: u32,
        row: &TimelineRow,
        id: EventId,
        body: &Msg,
        wanted: &str,
    ) -> Result<bool, StoreError> {
        let mut now = text::check_message(&body.text)
            .is_ok()
            .then(|| body.text.clone());
        for amend in self.amends(no, id)? {
            if amend.place.author != row.place.author {
                continue;
            }
            if amend.kind == Kind::DELETE {
                return Ok(false);
            }
            if amend.kind == Kind::EDIT
                && let Some(event) =
                    events::event(self.rows(), amend.feed_no, amend.place.seq, amend.branch)?
                && let Some(edit) = self.inside::<Edit>(no, &event)?
                && text::check_message(&edit.text).is_ok()
            {
                now = Some(edit.text);
            }
        }
        Ok(now.is_some_and(|text| folded(&text).contains(wanted)))
    }
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn capitals_and_yo_are_alike() {
        assert!(folded("Ещё ВОДА").contains(&folded("еще вода")));
        assert!(!folded("вода").contains(&folded("вид")));
    }
}
