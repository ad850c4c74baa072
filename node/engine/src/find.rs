//! Searching the messages of one chat. Texts are sealed on disk, so there is no index: they are opened one by
//! one from the newest, a bounded number at a time.

use chater_protocol::event::Kind;
use chater_protocol::id::{ChatId, EventId};
use chater_protocol::payload::{Edit, Msg};
use chater_protocol::text;
use chater_store::events::{self, TimelineRow};
use chater_store::{Rows, StoreError};

use crate::actor::now_ms;
use crate::error::{Error, Reason};
use crate::read::Reader;
use crate::shared::lock;
use crate::user::UserHandle;
use crate::view::Found;

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
        let user = self.clone();
        // Opening thousands of texts is work: not on the threads that serve everybody.
        tokio::task::spawn_blocking(move || user.look(|reader| reader.find(chat, &wanted, before)))
            .await
            .map_err(|_| Error::Internal)?
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
            let Some(event) = events::event(self.rows(), row.feed_no, row.place.seq, row.branch)?
            else {
                continue;
            };
            last = Some(event.id());
            let Some(body) = self.inside::<Msg>(no, &event)? else {
                continue;
            };
            if !self.says(no, &row, event.id(), &body, wanted)? {
                continue;
            }
            found
                .messages
                .push(self.compose(no, &chat, &row, &event, Some(body))?);
        }
        found.next = last.filter(|_| more);
        Ok(found)
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
