//! A group told event by event: the owner, two admins, a member, a removed admin and x.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test material; each test uses its part"
)]

use std::sync::OnceLock;

use chater_protocol::id::{ChatId, EventId};
use chater_protocol::payload::{Cut, Role};

use super::groups::{At, Event, NOW, People, Say, policy};

pub const OWNER: u8 = 0;
pub const ADMIN: u8 = 1;
pub const ADMIN_2: u8 = 2;
pub const MEMBER: u8 = 3;
/// Was admin, was removed.
pub const REMOVED: u8 = 4;
pub const X: u8 = 5;

/// A group while it is written: all events, and the last of each home.
pub struct Story {
    pub people: &'static People,
    pub group: ChatId,
    pub events: Vec<Event>,
}

impl Story {
    /// The owner, two admins, a member, a removed admin, and x as the letter says.
    pub fn new(x: char) -> Self {
        static PEOPLE: OnceLock<People> = OnceLock::new();
        let people = PEOPLE.get_or_init(|| People::new(6, 3));
        let create = Say::Create(policy(0));
        let create = people.event(ChatId::default(), At(OWNER, 0), None, vec![], NOW, create);
        let mut story = Self {
            people,
            group: ChatId(create.id.0),
            events: vec![create],
        };
        for n in [ADMIN, ADMIN_2, REMOVED] {
            story.then(At(OWNER, 0), Say::Add(n, Role::Admin));
        }
        story.then(At(OWNER, 0), Say::Add(MEMBER, Role::Member));
        story.then(At(OWNER, 0), Say::Add(X, Role::Member));
        match x {
            'A' => drop(story.then(At(OWNER, 0), Say::Role(X, Role::Admin, vec![]))),
            '-' => drop(story.then(At(OWNER, 0), Say::Remove(X, vec![]))),
            _ => {}
        }
        let cut = story.cut(REMOVED);
        story.then(At(OWNER, 0), Say::Remove(REMOVED, cut));
        story
    }

    pub fn heads(&self) -> Vec<EventId> {
        let named = |id: &EventId| {
            let links = |e: &Event| e.header.prev == *id || e.header.ctl.contains(id);
            self.events.iter().any(links)
        };
        self.events
            .iter()
            .map(|e| e.id)
            .filter(|id| !named(id))
            .collect()
    }

    pub fn last(&self, by: At) -> Option<Event> {
        self.events.iter().rev().find(|e| e.by == by).cloned()
    }

    /// Written with those heads of the graph in view.
    pub fn write(&mut self, by: At, ctl: Vec<EventId>, say: Say) -> Event {
        let ts = NOW + self.events.len() as u64 * 1000;
        let last = self.last(by);
        let event = self
            .people
            .event(self.group, by, last.as_ref(), ctl, ts, say);
        self.events.push(event.clone());
        event
    }

    pub fn then(&mut self, by: At, say: Say) -> Event {
        let heads = self.heads();
        self.write(by, heads, say)
    }

    /// The ends of all control feeds of a user.
    pub fn cut(&self, user: u8) -> Cut {
        let homes = self.people.homes_of(user).into_iter();
        homes.filter_map(|at| Some(self.last(at)?.row())).collect()
    }
}
