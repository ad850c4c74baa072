//! Random histories of a group: honest ones, and those of members who back-date, fork and lie.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test material"
)]

use std::collections::{BTreeMap, BTreeSet};

use chater_protocol::event::{Header, Kind};
use chater_protocol::id::{ChatId, EventId};
use chater_protocol::payload::{Cut, CutRow, Role};

use super::groups::{At, Event, NOW, People, Rng, Say, policy};

pub const USERS: u8 = 6;
pub const HOMES: u8 = 3;

/// How a history is made.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    pub events: usize,
    /// Of a hundred events so many name a past of their author's choice, wrong cuts, or fork.
    pub hostile: u64,
    /// Whether ordinary members may add.
    pub open: bool,
    /// Events of lanes 1 and 2 for each control event.
    pub notes: usize,
}

pub struct History {
    pub group: ChatId,
    pub events: Vec<Event>,
    pub notes: Vec<Note>,
}

/// A key or message; a header is enough.
#[derive(Clone)]
pub struct Note {
    pub id: EventId,
    pub by: At,
    pub header: Header,
}

struct Maker<'a> {
    people: &'a People,
    rng: Rng,
    manner: Manner,
    group: ChatId,
    events: Vec<Event>,
    past: Vec<BTreeSet<usize>>,
    feeds: BTreeMap<At, Vec<usize>>,
    notes: Vec<Note>,
}

/// A history of that seed.
pub fn history(people: &People, seed: u64, manner: Manner) -> History {
    let create = Say::Create(policy(u8::from(manner.open)));
    let create = people.event(ChatId::default(), At(0, 0), None, vec![], NOW, create);
    let mut maker = Maker {
        people,
        rng: Rng(seed),
        manner,
        group: ChatId(create.id.0),
        events: vec![],
        past: vec![],
        feeds: BTreeMap::new(),
        notes: vec![],
    };
    maker.push(create);
    // Two admins and two members to begin with.
    for (n, role) in [
        (1, Role::Admin),
        (2, Role::Admin),
        (3, Role::Member),
        (4, Role::Member),
    ] {
        if maker.rng.percent(85) {
            maker.write(At(0, 0), false, Say::Add(n, role));
        }
    }
    while maker.events.len() < manner.events {
        maker.step();
        for _ in 0..manner.notes {
            maker.note();
        }
    }
    History {
        group: maker.group,
        events: maker.events,
        notes: maker.notes,
    }
}

impl Maker<'_> {
    fn push(&mut self, event: Event) {
        let mut past = BTreeSet::new();
        for (i, other) in self.events.iter().enumerate() {
            if other.id == event.header.prev || event.header.ctl.contains(&other.id) {
                past.insert(i);
                past.extend(&self.past[i]);
            }
        }
        self.feeds
            .entry(event.by)
            .or_default()
            .push(self.events.len());
        self.past.push(past);
        self.events.push(event);
    }

    /// What an honest home that has not heard the last few events names.
    fn heads(&mut self, by: At) -> Vec<EventId> {
        let own = self
            .feeds
            .get(&by)
            .and_then(|f| f.last())
            .map_or(0, |last| last + 1);
        let lag = [0, 0, 1, 3, 8][self.rng.below(5)];
        let known = self.events.len().saturating_sub(lag).max(own).max(1);
        let covered: BTreeSet<usize> = (0..known).flat_map(|i| self.past[i].clone()).collect();
        let heads = (0..known).filter(|i| !covered.contains(i));
        heads.map(|i| self.events[i].id).take(8).collect()
    }

    /// What an event names. Back-dated: any few events, often no later than those that brought the author in.
    fn links(&mut self, by: At, hostile: bool) -> Vec<EventId> {
        let heads = self.heads(by);
        if !hostile || !self.rng.percent(70) {
            return heads;
        }
        let brought = self
            .events
            .iter()
            .enumerate()
            .filter(|(_, e)| match &e.say {
                Say::Add(n, _) | Say::Role(n, ..) => *n == by.0,
                _ => false,
            });
        let brought: Vec<usize> = brought.map(|(i, _)| i).collect();
        let mut some: Vec<usize> = self.rng.pick(&brought).copied().into_iter().collect();
        for _ in 0..self.rng.below(3) {
            some.push(self.rng.below(self.events.len()));
        }
        some.iter().map(|i| self.events[*i].id).collect()
    }

    fn write(&mut self, by: At, hostile: bool, say: Say) {
        let feed = self.feeds.get(&by).cloned().unwrap_or_default();
        let mut prev = feed.last().copied();
        let ctl = self.links(by, hostile);
        // A fork: not after the last event but after an earlier one, or after none.
        if hostile && self.rng.percent(35) {
            prev = self.rng.pick(&feed).copied();
            if by != At(0, 0) && self.rng.percent(30) {
                prev = None;
            }
        }
        self.put(by, prev, ctl, say);
    }

    /// After that event of the feed.
    fn put(&mut self, by: At, prev: Option<usize>, ctl: Vec<EventId>, say: Say) {
        let ts = NOW + self.events.len() as u64 * 1000;
        let prev = prev.map(|i| self.events[i].clone());
        let event = self
            .people
            .event(self.group, by, prev.as_ref(), ctl, ts, say);
        if self.events.iter().all(|e| e.id != event.id) {
            self.push(event);
        }
    }

    /// Two cuts that name different branches of a fork (L7), one of them higher up.
    fn cut_both(&mut self) {
        let forks = self.feeds.iter().flat_map(|(by, feed)| {
            let seq = |i: &usize| self.events[*i].header.seq;
            let pairs = feed.iter().flat_map(|a| feed.iter().map(move |b| (*a, *b)));
            let pairs = pairs.filter(move |(a, b)| a < b && seq(a) == seq(b));
            pairs.map(|(a, b)| (*by, a, b))
        });
        let forks: Vec<(At, usize, usize)> = forks.filter(|(by, ..)| by.0 != 0).collect();
        let Some((by, a, b)) = self.rng.pick(&forks).copied() else {
            return;
        };
        let (short, long) = if self.rng.percent(50) { (a, b) } else { (b, a) };
        let ctl = self.heads(by);
        let say = Say::Add(self.rng.below(USERS as usize) as u8, Role::Member);
        self.put(by, Some(long), ctl, say);
        for (home, end) in [(0, short), (1, self.events.len() - 1)] {
            let cut = vec![self.events[end].row()];
            self.write(At(0, home), false, Say::Role(by.0, Role::Member, cut));
        }
    }

    /// A key or message, above the last one of its feed or a fork of it.
    fn note(&mut self) {
        // Few feeds, so that there is something in each.
        let by = At(1 + self.rng.below(4) as u8, u8::from(self.rng.percent(10)));
        let kind = [Kind::KEY, Kind::MSG, Kind::MSG][self.rng.below(3)];
        let lane = kind.lane().unwrap() as u8;
        let hostile = self.rng.percent(self.manner.hostile);
        let ctl = self.links(by, hostile);
        let feed = self
            .notes
            .iter()
            .filter(|n| n.by == by && n.header.lane == lane);
        let feed: Vec<Note> = feed.cloned().collect();
        let mut prev = feed.last();
        if hostile && self.rng.percent(50) {
            prev = self
                .rng
                .pick(&feed)
                .filter(|_| self.rng.clone().percent(80));
        }
        let place = prev.map_or((0, EventId::default()), |prev| {
            (prev.header.seq + 1, prev.id)
        });
        let ts = NOW + self.notes.len() as u64 * 1000;
        let (id, header) = self
            .people
            .message(self.group, by, (lane, kind), place, ctl, ts);
        self.notes.push(Note { id, by, header });
    }

    /// Where a cut ends the keys and messages of a home: most often at the last one.
    fn note_rows(&mut self, at: At, hostile: bool) -> Cut {
        let mut cut = Cut::new();
        for lane in [1, 2] {
            let feed = self.notes.iter();
            let feed = feed.filter(|n| n.by == at && n.header.lane == lane);
            let feed: Vec<Note> = feed.cloned().collect();
            let any = self.rng.percent(if hostile { 60 } else { 15 });
            let end = if any {
                self.rng.pick(&feed)
            } else {
                feed.last()
            };
            cut.extend(end.map(|end| CutRow {
                home: end.header.home,
                lane,
                seq: end.header.seq,
                id: end.id,
            }));
        }
        cut
    }

    /// The ends of a user's feeds; of a fork any branch.
    fn cut(&mut self, user: u8, hostile: bool) -> Cut {
        let mut cut = Cut::new();
        for at in self.people.homes_of(user) {
            if self.manner.notes > 0 {
                cut.extend(self.note_rows(at, hostile));
            }
            let Some(feed) = self.feeds.get(&at).cloned() else {
                continue;
            };
            let end = if self.rng.percent(if hostile { 60 } else { 15 }) {
                if self.rng.percent(30) {
                    continue;
                }
                *self.rng.pick(&feed).unwrap()
            } else {
                *feed.last().unwrap()
            };
            let mut row = self.events[end].row();
            if hostile && self.rng.percent(15) {
                row.seq = self.rng.below(4) as u64;
            }
            cut.push(row);
            if self.rng.percent(20) {
                let home = row_home(&cut);
                cut.push(CutRow {
                    home,
                    lane: 2,
                    seq: self.rng.below(5) as u64,
                    id: EventId([9; 32]),
                });
            }
        }
        cut
    }

    fn step(&mut self) {
        let hostile = self.rng.percent(self.manner.hostile);
        let user = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5][self.rng.below(13)];
        let by = At(user, self.rng.below(HOMES as usize) as u8);
        let other = self.rng.below(USERS as usize) as u8;
        let role = if self.rng.percent(35) {
            Role::Admin
        } else {
            Role::Member
        };
        let say = match self.rng.below(27) {
            0..=7 => Say::Add(
                other,
                if user == 0 || hostile {
                    role
                } else {
                    Role::Member
                },
            ),
            8..=12 => Say::Remove(other, self.cut(other, hostile)),
            13..=16 if user == 0 || hostile => Say::Role(other, role, self.cut(other, hostile)),
            17 | 18 => Say::Leave(self.cut(user, hostile)),
            19 | 20 => {
                let home = self.rng.below(HOMES as usize) as u8;
                let id = self.people.home(At(user, home));
                let mut cut = self.cut(user, hostile);
                cut.retain(|row| row.home == id);
                Say::Retire(home, cut, !(hostile && self.rng.percent(30)))
            }
            21..=24 if user == 0 || hostile => {
                let mut policy = policy(u8::from(self.manner.open && self.rng.percent(60)));
                policy.days = self.rng.below(50) as u16;
                Say::Policy(policy)
            }
            25 if hostile => Say::Raw(Kind([2, 3, 5, 7, 99][self.rng.below(5)]), vec![1, 2, 3]),
            26 if hostile => return self.cut_both(),
            _ => Say::Add(other, Role::Member),
        };
        self.write(by, hostile, say);
    }
}

fn row_home(cut: &Cut) -> chater_protocol::id::HomeId {
    cut.last().unwrap().home
}
