//! The chat list of a user (Q41): the inbox is read once, joined with the chats, sorted and cut; the numbers on its
//! filters come from the same pass.

use std::cmp::Reverse;

use chater_store::chats::{self, ChatRow, InboxRow};
use chater_store::events;
use chater_store::{Rows, StoreError};

use crate::error::{Error, Reason};
use crate::read::Reader;
use crate::user::{Filter, UserHandle};
use crate::view::{ChatPage, Counts};

/// Pinned, last activity, local number: the list is sorted by it, downwards.
type Key = (bool, u64, u32);
/// A chat of the list: its place, the chat, how it stands for the user.
type Row = (Key, ChatRow, InboxRow);

impl UserHandle {
    /// One page of the chat list and the numbers on its filters; `limit` is cut to 100, `cursor` is the `next`
    /// of an earlier page.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor that is none.
    pub fn list(
        &self,
        filter: Filter,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<(ChatPage, Counts), Error> {
        self.look(|reader| reader.list(filter, limit.clamp(1, 100), cursor))
    }

    /// The numbers on the filters of the list.
    ///
    /// # Errors
    /// Storage errors.
    pub fn counts(&self) -> Result<Counts, Error> {
        self.look(|reader| Ok(reader.rows_of_list(Filter::All, |_| false)?.1))
    }
}

impl<R: Rows> Reader<'_, R> {
    /// Goes through the inbox once: the rows that a filter wants and a place allows, and the numbers.
    fn rows_of_list(
        &self,
        filter: Filter,
        wants: impl Fn(&Key) -> bool,
    ) -> Result<(Vec<Row>, Counts), StoreError> {
        let mut counts = Counts::default();
        let mut rows = Vec::new();
        for (no, inbox) in chats::inbox_of(self.rows(), self.viewer())? {
            // A number without its chat is a row that does not belong: the list goes on without it (B31).
            let Some(row) = chats::chat(self.rows(), no)? else {
                continue;
            };
            let open = inbox.state == 0 && !inbox.archived;
            let unread = open
                && inbox.read_n < row.count
                && events::unread(self.rows(), no, self.viewer(), inbox.read_n)? > 0;
            // Of a group nothing is here before the answer but who is in it (M9).
            let asks = inbox.state == 1 && (row.newest.is_some() || row.users.is_none());
            counts.unread += u32::from(unread);
            counts.requests += u32::from(asks);
            counts.archived += u32::from(inbox.archived && inbox.state == 0);
            let wanted = match filter {
                Filter::All => open,
                Filter::Unread => unread,
                Filter::Groups => open && row.users.is_none(),
                // Keys alone ask nothing yet.
                Filter::Requests => asks,
                Filter::Blocked => inbox.state == 3,
                Filter::Archive => inbox.archived && inbox.state == 0,
            };
            let key = (inbox.pinned, row.active_ms, no);
            if wanted && wants(&key) {
                rows.push((key, row, inbox));
            }
        }
        Ok((rows, counts))
    }

    /// All open chats, those of the archive among them, in no order.
    pub(crate) fn open_chats(&self) -> Result<Vec<Row>, StoreError> {
        let mut rows = self.rows_of_list(Filter::All, |_| true)?.0;
        rows.extend(self.rows_of_list(Filter::Archive, |_| true)?.0);
        Ok(rows)
    }

    /// One page of the chat list with the numbers on its filters.
    pub(crate) fn list(
        &self,
        filter: Filter,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<(ChatPage, Counts), Error> {
        let after = cursor
            .map(|text| parse_cursor(text).ok_or(Error::invalid("cursor", Reason::Malformed)))
            .transpose()?;
        let (mut rows, counts) =
            self.rows_of_list(filter, |key| after.is_none_or(|after| *key < after))?;
        rows.sort_unstable_by_key(|(key, ..)| Reverse(*key));
        let more = rows.len() > limit;
        rows.truncate(limit);
        let mut chats = Vec::with_capacity(rows.len());
        for (key, row, inbox) in &rows {
            chats.push(self.chat(key.2, row, inbox)?);
        }
        let next = rows
            .last()
            .filter(|_| more)
            .map(|((pinned, at, no), ..)| format!("{}.{at}.{no}", u8::from(*pinned)));
        Ok((ChatPage { chats, next }, counts))
    }
}

fn parse_cursor(text: &str) -> Option<Key> {
    let mut parts = text.splitn(3, '.');
    let pinned = match parts.next()? {
        "0" => false,
        "1" => true,
        _ => return None,
    };
    Some((
        pinned,
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
    ))
}
