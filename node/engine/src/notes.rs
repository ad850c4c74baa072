//! What is told between the messages of a chat. Of a group: who founded it, who came and went, what it was called. Of everybody
//! but the reader: homes that appeared or ended (I11), since whoever has somebody's words can open one and go on in their name.

use chater_protocol::event::{Kind, VerifiedEvent};
use chater_protocol::id::{EventId, UserId};
use chater_protocol::identity::HomeState;
use chater_protocol::payload::{Add, GroupProfile, Payload, Remove, Role, RoleChange};
use chater_protocol::time::Timestamp;
use chater_protocol::{limits, text};
use chater_store::chats::ChatRow;
use chater_store::events::{self, TimelineRow};
use chater_store::{Rows, StoreError, homes};

use crate::person::{node_label, person};
use crate::read::Reader;
use crate::view::{Happened, Note, Person};

/// People named in one note; the others are counted.
const NAMED: usize = 5;
/// Notes of one page; older ones give way.
const NOTES: usize = 200;

/// The part of the timeline that a page shows: keys, both excluded; none = to the end.
pub(crate) struct Span {
    pub(crate) from: Option<Vec<u8>>,
    pub(crate) to: Option<Vec<u8>>,
}

/// Kinds that are told.
fn is_told(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::CREATE
            | Kind::ADD
            | Kind::REMOVE
            | Kind::LEAVE
            | Kind::ROLE
            | Kind::POLICY
            | Kind::PROFILE
    )
}

impl<R: Rows> Reader<'_, R> {
    /// What happened in that part of a chat's timeline. `shown` are the messages of the page with their
    /// places, oldest first: each note says before which of them it stands.
    pub(crate) fn notes(
        &self,
        no: u32,
        chat: &ChatRow,
        span: &Span,
        shown: &[(Vec<u8>, EventId)],
    ) -> Result<Vec<Note>, StoreError> {
        let mut notes = match chat.users {
            Some(_) => Vec::new(),
            None => self.group_notes(no, chat, span, shown)?,
        };
        for user in self.others(no, chat)? {
            notes.extend(self.home_notes(user, span, shown)?);
        }
        let place = |note: &(Vec<u8>, Note)| note.0.clone();
        notes.sort_by_cached_key(place);
        let many = notes.len().saturating_sub(NOTES);
        Ok(notes.into_iter().skip(many).map(|(_, note)| note).collect())
    }

    /// Homes of one person, at the time when this node heard of them. What was before the first message is no news of the chat.
    fn home_notes(
        &self,
        user: UserId,
        span: &Span,
        shown: &[(Vec<u8>, EventId)],
    ) -> Result<Vec<(Vec<u8>, Note)>, StoreError> {
        let mut notes = Vec::new();
        for (heard_ms, record) in homes::news(self.rows(), user)? {
            // Keys of a timeline begin with the time. Of what was heard at once the new home is told before the end of the old one.
            let at = Timestamp::from_ms(heard_ms).0.to_be_bytes();
            let key = [&at[..], &[record.state]].concat();
            let next = shown.partition_point(|(other, _)| *other <= key);
            if span.from.as_ref().map_or(next == 0, |from| key <= *from)
                || span.to.as_ref().is_some_and(|to| key >= *to)
            {
                continue;
            }
            let node = node_label(self.shared(), self.rows(), record.node_id)?;
            let note = Note {
                id: None,
                n: 0,
                before: shown.get(next).map(|(_, id)| *id),
                at_ms: i64::try_from(heard_ms).unwrap_or(i64::MAX),
                by: self.named(user)?,
                own: false,
                what: match record.state() {
                    HomeState::Live => Happened::Home(node),
                    HomeState::Retired => Happened::HomeEnded(node),
                },
            };
            notes.push((key, note));
        }
        Ok(notes)
    }

    fn group_notes(
        &self,
        no: u32,
        chat: &ChatRow,
        span: &Span,
        shown: &[(Vec<u8>, EventId)],
    ) -> Result<Vec<(Vec<u8>, Note)>, StoreError> {
        let mut rows: Vec<TimelineRow> = Vec::new();
        events::timeline(self.rows(), no, span.from.as_deref(), false, &mut |row| {
            let inside = span.to.as_ref().is_none_or(|to| row.key < *to);
            if inside && is_told(row.kind) {
                rows.push(row);
            }
            inside
        })?;
        let mut notes: Vec<(Vec<u8>, Note)> = Vec::new();
        for row in rows {
            if self.is_void(no, &row.place, row.branch)? || self.is_hidden(no, row.n)? {
                continue;
            }
            let next = shown.partition_point(|(key, _)| *key <= row.key);
            let before = shown.get(next).map(|(_, id)| *id);
            let Some(event) = events::event(self.rows(), row.feed_no, row.place.seq, row.branch)?
            else {
                continue;
            };
            let Some(what) = self.happened(no, chat, &event)? else {
                continue;
            };
            let mut by = row.place.author;
            if matches!(what, Happened::Joined)
                && let Ok(add) = Add::decode(event.payload().unwrap_or_default())
            {
                // By a link one comes oneself, whoever's node signs it.
                by = add.user;
            }
            // Several people brought in one after another are one line.
            if let Some((_, last)) = notes.last_mut()
                && last.before == before
                && last.by.user_id == row.place.author
                && let (Happened::Added(people, more), Happened::Added(one, _)) =
                    (&mut last.what, &what)
            {
                if people.len() < NAMED {
                    people.extend(one.iter().cloned());
                } else {
                    *more += 1;
                }
                continue;
            }
            let note = Note {
                id: Some(event.id()),
                n: row.n,
                before,
                at_ms: i64::try_from(row.place.eff.ms()).unwrap_or(i64::MAX),
                by: self.named(by)?,
                own: by == self.viewer(),
                what,
            };
            notes.push((row.key, note));
        }
        Ok(notes)
    }

    fn named(&self, user: UserId) -> Result<Person, StoreError> {
        Ok(Person::clone(&*person(self.shared(), self.rows(), user)?))
    }

    /// What one event says; none for what is not worth a line, or cannot be read here.
    fn happened(
        &self,
        no: u32,
        chat: &ChatRow,
        event: &VerifiedEvent,
    ) -> Result<Option<Happened>, StoreError> {
        let payload = event.payload().unwrap_or_default();
        Ok(match event.header().kind {
            Kind::CREATE => Some(Happened::Founded),
            Kind::LEAVE => Some(Happened::Left),
            Kind::POLICY => Some(Happened::Rules),
            Kind::ADD => match Add::decode(payload) {
                Ok(add) if add.by_link => Some(Happened::Joined),
                Ok(add) => Some(Happened::Added(vec![self.named(add.user)?], 0)),
                Err(_) => None,
            },
            Kind::REMOVE => match Remove::decode(payload) {
                Ok(remove) => Some(Happened::Removed(self.named(remove.user)?)),
                Err(_) => None,
            },
            Kind::ROLE => match RoleChange::decode(payload) {
                Ok(change) => Some(Happened::Role(
                    self.named(change.user)?,
                    change.role == Role::Admin,
                )),
                Err(_) => None,
            },
            Kind::PROFILE => self.profiled(no, chat, event)?,
            _ => None,
        })
    }

    /// A profile tells what differs from the one before it; the first one is part of the founding.
    fn profiled(
        &self,
        no: u32,
        chat: &ChatRow,
        event: &VerifiedEvent,
    ) -> Result<Option<Happened>, StoreError> {
        let mut before: Option<GroupProfile> = None;
        for amend in self.amends(no, EventId(chat.id.0))? {
            if self.is_void(no, &amend.place, amend.branch)? {
                continue;
            }
            let Some(other) =
                events::event(self.rows(), amend.feed_no, amend.place.seq, amend.branch)?
            else {
                continue;
            };
            let profile: Option<GroupProfile> = self.inside(no, &other)?;
            if other.id() != event.id() {
                before = profile.or(before);
                continue;
            }
            let (Some(old), Some(new)) = (before, profile) else {
                return Ok(None);
            };
            let fits = text::check_line(&new.title, limits::NAME_CHARS).is_ok();
            return Ok(if old.title != new.title && fits {
                Some(Happened::Renamed(new.title))
            } else if old.picture != new.picture {
                Some(Happened::Pictured)
            } else {
                None
            });
        }
        Ok(None)
    }
}
