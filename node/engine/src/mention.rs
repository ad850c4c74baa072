//! Who is meant by `@nick` or `@nick@node` in a message, and whether a user is meant in what they have not read yet.
//! Texts stay as they were typed; only members of the chat can be meant.

use std::sync::Arc;

use chater_protocol::event::Kind;
use chater_protocol::id::{ChatId, UserId};
use chater_protocol::name;
use chater_protocol::payload::Msg;
use chater_store::chats;
use chater_store::events::{self, Arrival};
use chater_store::{Rows, StoreError};

use crate::error::Error;
use crate::read::Reader;
use crate::shared::lock;
use crate::user::UserHandle;
use crate::view::{Mention, Person};

/// Unread messages looked through in one go; the badge counts no further either.
const LOOKED: usize = 100;
/// Chats remembered at most.
const REMEMBERED: usize = 8_192;

/// How far the messages of a chat were looked through for one user, and where they are meant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Looked {
    up_to: u64,
    at: Vec<Arrival>,
}

impl UserHandle {
    /// The members of a chat, oneself among them: who can be meant in it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign chats alike.
    pub fn people_of(&self, chat: ChatId) -> Result<Vec<Person>, Error> {
        self.look(|reader| {
            let (no, ..) = reader.own_chat(chat)?;
            let people = reader.people_of(no)?;
            Ok(people.iter().map(|one| Person::clone(one)).collect())
        })
    }
}

impl<R: Rows> Reader<'_, R> {
    /// The members of a chat.
    pub(crate) fn people_of(&self, no: u32) -> Result<Vec<Arc<Person>>, StoreError> {
        let users = chats::chat(self.rows(), no)?.and_then(|row| row.users);
        let users = match users {
            Some((a, b)) => vec![a, b],
            None => self
                .group(no)?
                .members
                .iter()
                .map(|(user, _)| *user)
                .collect(),
        };
        users.into_iter().map(|user| self.person(user)).collect()
    }

    /// Whom a text of a chat means.
    pub(crate) fn mentions(&self, no: u32, text: Option<&str>) -> Result<Vec<Mention>, StoreError> {
        match text {
            Some(text) if text.contains('@') => {
                Ok(mentions(text, &self.people_of(no)?, self.viewer()))
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Whether the viewer is meant in a message after `read_n`. What was looked through is remembered, so that a
    /// card that changes with each message opens that message alone.
    pub(crate) fn is_mentioned(&self, no: u32, read_n: u64) -> Result<bool, StoreError> {
        let key = (self.viewer(), no);
        let mut known = lock(&self.shared().mentions)
            .get(&key)
            .cloned()
            .unwrap_or_default();
        let from = known.up_to.max(read_n);
        let mut fresh = Vec::new();
        let mut up_to = from;
        events::arrivals(self.rows(), no, from, &mut |row| {
            up_to = row.n;
            if row.kind == Kind::MSG && row.author != self.viewer() {
                fresh.push(row);
            }
            fresh.len() < LOOKED
        })?;
        known.at.retain(|row| row.n > read_n);
        if up_to > known.up_to {
            for row in fresh {
                if self.means_viewer(no, &row)? {
                    known.at.push(row);
                }
            }
            known.up_to = up_to;
            let mut all = lock(&self.shared().mentions);
            if all.len() >= REMEMBERED {
                all.clear();
            }
            all.insert(key, known.clone());
        }
        for row in &known.at {
            // Taken back or put away since.
            if !self.is_hidden(no, row.n)? && self.means_viewer(no, row)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// B31: a row that does not read means nobody, and takes no list with it.
    fn means_viewer(&self, no: u32, row: &Arrival) -> Result<bool, StoreError> {
        match self.whole_means_viewer(no, row) {
            Err(StoreError::Damaged(_)) => Ok(false),
            other => other,
        }
    }

    fn whole_means_viewer(&self, no: u32, row: &Arrival) -> Result<bool, StoreError> {
        let Some(event) = events::event(self.rows(), row.feed_no, row.seq, row.branch)? else {
            return Ok(false);
        };
        let body: Option<Msg> = self.inside(no, &event)?;
        let meant = self.mentions(no, body.as_ref().map(|body| body.text.as_str()))?;
        Ok(meant.iter().any(|mention| mention.own))
    }
}

/// Whether a letter can stand in a nick or in the name of a node.
fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// The name at the beginning of a text.
fn name_at(text: &str) -> &str {
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// The same without its last piece, so that `@сова-то` and `@сова.` mean `сова`.
fn shorter(name: &str) -> Option<&str> {
    let cut = name.rfind(['.', '_', '-'])?;
    name.get(..cut).filter(|rest| !rest.is_empty())
}

/// The mentions of a text in their order.
pub(crate) fn mentions(text: &str, people: &[Arc<Person>], viewer: UserId) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(offset) = text.get(at..).and_then(|rest| rest.find('@')) {
        let sign = at + offset;
        at = sign + 1;
        let before = text.get(..sign).and_then(|t| t.chars().next_back());
        // An address or a mail address is no mention.
        if before.is_some_and(|c| is_name(c) || c == '@') {
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        if let Some((length, users)) = meant(rest, people) {
            found.push(Mention {
                from: sign,
                to: at + length,
                own: users.contains(&viewer),
                users,
            });
            at += length;
        }
    }
    found
}

/// Whom the name at the beginning of a text means, and how long it is as typed.
fn meant(text: &str, people: &[Arc<Person>]) -> Option<(usize, Vec<UserId>)> {
    let mut nick = name_at(text);
    if nick.is_empty() {
        return None;
    }
    // With a node it means exactly one, if that node is known by this name.
    if let Some(after) = text
        .get(nick.len()..)
        .and_then(|rest| rest.strip_prefix('@'))
    {
        let mut node = Some(name_at(after)).filter(|node| !node.is_empty());
        while let Some(name) = node {
            let users = named(people, nick, |person| stem(&person.node) == folded(name));
            if !users.is_empty() {
                return Some((nick.len() + 1 + name.len(), users));
            }
            node = shorter(name);
        }
    }
    loop {
        let users = named(people, nick, |_| true);
        if !users.is_empty() {
            return Some((nick.len(), users));
        }
        nick = shorter(nick)?;
    }
}

fn named(people: &[Arc<Person>], nick: &str, fits: impl Fn(&Person) -> bool) -> Vec<UserId> {
    let nick = folded(nick);
    let all = people.iter();
    all.filter(|person| folded(&person.nick) == nick && fits(person))
        .map(|person| person.user_id)
        .collect()
}

fn folded(nick: &str) -> String {
    name::check_nick(nick).unwrap_or_else(|_| nick.to_lowercase())
}

/// The name of a node without the part of its key that tells it from a namesake (Q6): the writer's node may know
/// them in another order.
fn stem(node: &str) -> &str {
    node.split_once('~').map_or(node, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chater_protocol::id::NodeId;

    fn person(id: u8, nick: &str, node: &str) -> Arc<Person> {
        Arc::new(Person {
            user_id: UserId([id; 32]),
            nick: nick.into(),
            address: format!("{nick}@{node}"),
            display_name: nick.to_uppercase(),
            about: String::new(),
            node: node.into(),
            node_id: NodeId([id; 32]),
            avatar: None,
            here: true,
        })
    }

    #[test]
    fn members_are_meant_by_nick_or_address() {
        let people = [
            person(1, "Сова", "dom"),
            person(2, "rys.a", "dacha~4f2a"),
            person(3, "rys", "port"),
            person(4, "rys", "dom"),
        ];
        let drawn = |text: &str| -> Vec<(String, Vec<u8>)> {
            mentions(text, &people, UserId([1; 32]))
                .into_iter()
                .map(|m| {
                    let who: Vec<u8> = m.users.iter().map(|user| user.0[0]).collect();
                    assert_eq!(m.own, who.contains(&1));
                    (text[m.from..m.to].to_owned(), who)
                })
                .collect()
        };
        let one = |text: &str, who: &[u8]| vec![(text.to_owned(), who.to_vec())];
        for (text, found) in [
            ("@сова, смотри", one("@сова", &[1])),
            ("(@СОВА)", one("@СОВА", &[1])),
            ("@сова-то", one("@сова", &[1])),
            ("@сова.", one("@сова", &[1])),
            ("@сова@dom.", one("@сова@dom", &[1])),
            ("@сова@elsewhere", one("@сова", &[1])),
            ("@rys.a@dacha", one("@rys.a@dacha", &[2])),
            ("@rys.b", one("@rys", &[3, 4])),
            ("@rys@port", one("@rys@port", &[3])),
            ("сова@dom", vec![]),
            ("mail me@сова", vec![]),
            ("@@сова", vec![]),
            ("@совам @ @никто", vec![]),
            ("@", vec![]),
        ] {
            assert_eq!(drawn(text), found, "{text}");
        }
        assert_eq!(drawn("@сова @rys@dom").len(), 2);
    }
}
