//! The rules of groups straight from their text: explicit sets of what is in whose past, nothing kept,
//! nothing shared with the code under test.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test material"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use chater_protocol::id::{EventId, HomeId};
use chater_protocol::payload::{Cut, Policy, Role};

use super::groups::{Event, People, Say, Seen};

type Id = EventId;
type Ids = BTreeSet<Id>;

/// Where an event stands, as far as cuts go.
#[derive(Clone, Copy)]
pub struct Where<'a> {
    pub user: u8,
    pub home: HomeId,
    pub lane: u8,
    pub seq: u64,
    pub id: Id,
    pub past: &'a Ids,
}

pub struct Naive<'a> {
    people: &'a People,
    events: BTreeMap<Id, &'a Event>,
    past: BTreeMap<Id, Ids>,
    create: Option<Id>,
    memo: RefCell<BTreeMap<(u8, Id), bool>>,
}

impl<'a> Naive<'a> {
    pub fn new(people: &'a People, group: Id, all: &'a [Event]) -> Self {
        let mut this = Self {
            people,
            events: BTreeMap::new(),
            past: BTreeMap::new(),
            create: None,
            memo: RefCell::default(),
        };
        loop {
            let next = all.iter().find(|e| this.takes(group, e));
            let Some(e) = next else { return this };
            let mut past = Ids::new();
            for link in links(e) {
                past.insert(link);
                past.extend(&this.past[&link]);
            }
            this.past.insert(e.id, past);
            this.events.insert(e.id, e);
            if matches!(e.say, Say::Create(_)) {
                this.create = Some(e.id);
            }
        }
    }

    /// M1.
    fn takes(&self, group: Id, e: &Event) -> bool {
        if self.events.contains_key(&e.id) {
            return false;
        }
        if matches!(e.say, Say::Create(_)) {
            return e.id == group;
        }
        let links = links(e);
        if links.iter().any(|l| !self.events.contains_key(l)) {
            return false;
        }
        if let Some(prev) = self.events.get(&e.header.prev) {
            let follows = prev.by == e.by && prev.header.seq + 1 == e.header.seq;
            if !follows {
                return false;
            }
        }
        let mut past = Ids::new();
        for l in links {
            past.insert(l);
            past.extend(&self.past[&l]);
        }
        self.knows_of(e.by.0, &past)
    }

    /// M1: a `create`, `add` or `role` of the user in that past.
    pub fn knows_of(&self, user: u8, past: &Ids) -> bool {
        past.iter().any(|p| match &self.events[p].say {
            Say::Create(_) => self.events[p].by.0 == user,
            Say::Add(n, _) | Say::Role(n, ..) => *n == user,
            _ => false,
        })
    }

    /// Users who may be asked about, and every event taken.
    pub fn taken(&self) -> Vec<Id> {
        self.ids()
    }

    pub fn past_of(&self, links: &[Id]) -> Option<Ids> {
        let mut past = Ids::new();
        for l in links {
            past.insert(*l);
            past.extend(self.past.get(l)?);
        }
        Some(past)
    }

    fn at(&self, id: Id) -> Where<'_> {
        let e = self.events[&id];
        Where {
            user: e.by.0,
            home: e.header.home,
            lane: 0,
            seq: e.header.seq,
            id,
            past: &self.past[&id],
        }
    }

    fn owner(&self) -> u8 {
        self.events[&self.create.unwrap()].by.0
    }

    fn ids(&self) -> Vec<Id> {
        self.events.keys().copied().collect()
    }

    fn cut(&self, r: Id) -> Cut {
        match &self.events[&r].say {
            Say::Remove(_, cut)
            | Say::Role(_, _, cut)
            | Say::Leave(cut)
            | Say::Retire(_, cut, _) => cut.clone(),
            _ => vec![],
        }
    }

    /// M7: at or below the cut of `r`; a leave's own feed ends with it.
    fn within(&self, r: Id, e: Where<'_>) -> bool {
        let leave = self.events[&r];
        let mut end = self
            .cut(r)
            .into_iter()
            .find(|row| row.home == e.home && row.lane == e.lane)
            .map(|row| (row.seq, row.id));
        if matches!(leave.say, Say::Leave(_)) && e.lane == 0 && e.home == leave.header.home {
            end = Some((leave.header.seq, leave.id));
        }
        match end {
            Some((seq, id)) => e.seq < seq || (e.seq == seq && e.id == id),
            None => false,
        }
    }

    /// The event and what is below it by prev.
    fn line(&self, id: Id) -> Ids {
        let mut line = Ids::new();
        let mut next = Some(id);
        while let Some(id) = next.filter(|id| self.events.contains_key(id)) {
            line.insert(id);
            next = Some(self.events[&id].header.prev);
        }
        line
    }

    /// L7: whether a control event counts, by these cuts.
    fn on_branch(&self, e: Where<'_>, cuts: &[Id], unsettled: bool) -> bool {
        if e.lane != 0 {
            return true;
        }
        let feed: Vec<&&Event> = self
            .events
            .values()
            .filter(|o| o.header.home == e.home && o.by.0 == e.user)
            .collect();
        let fork = feed
            .iter()
            .map(|o| o.header.seq)
            .filter(|s| feed.iter().filter(|o| o.header.seq == *s).count() > 1)
            .min();
        let Some(fork) = fork else { return true };
        if e.seq < fork {
            return true;
        }
        // Every event of the feed that a cut names.
        let mut named: Ids = cuts
            .iter()
            .flat_map(|c| {
                let row = self.cut(*c).into_iter();
                row.filter(|row| row.home == e.home && row.lane == 0)
                    .take(1)
            })
            .filter(|row| {
                feed.iter()
                    .any(|o| o.id == row.id && o.header.seq == row.seq)
            })
            .map(|row| row.id)
            .collect();
        // The lowest id, then the lowest of those above it, and so on.
        let mut picked = None;
        while let Some(lowest) = named.pop_first() {
            picked = Some(lowest);
            named.retain(|n| self.line(*n).contains(&lowest));
        }
        picked.map_or(unsettled, |tip| self.line(tip).contains(&e.id))
    }

    /// M3, the plain part: no leaves, no retires.
    fn stands_on(&self, e: Where<'_>, grants: &[Id], revocations: &[Id], cuts: &[Id]) -> bool {
        self.on_branch(e, cuts, false) && self.granted(e, grants, revocations)
    }

    fn granted(&self, e: Where<'_>, grants: &[Id], revocations: &[Id]) -> bool {
        grants.iter().any(|g| {
            e.past.contains(g)
                && revocations
                    .iter()
                    .all(|r| self.past[g].contains(r) || self.within(*r, e))
        })
    }

    /// M3 whole. `joining` are the grants by which leaves and retires join.
    fn stands(
        &self,
        e: Where<'_>,
        grants: &[Id],
        joining: &[Id],
        revocations: &[Id],
        picks: &[Id],
    ) -> bool {
        let (leaves, retires) = self.joined(e.user, joining, revocations, picks);
        let cuts: Vec<Id> = [revocations, picks, &retires].concat();
        let ends: Vec<Id> = [revocations, &leaves].concat();
        self.stands_on(e, grants, &ends, &cuts)
            && retires.iter().all(|r| {
                let Say::Retire(home, ..) = self.events[r].say else {
                    unreachable!("a retire")
                };
                let home = self.people.home(super::groups::At(e.user, home));
                home != e.home || self.within(*r, e)
            })
    }

    fn joined(
        &self,
        user: u8,
        joining: &[Id],
        revocations: &[Id],
        picks: &[Id],
    ) -> (Vec<Id>, Vec<Id>) {
        let cuts: Vec<Id> = [revocations, picks].concat();
        let own = self.ids().into_iter().filter(|id| {
            self.events[id].by.0 == user && self.joins(*id, joining, revocations, &cuts)
        });
        let (mut leaves, mut retires) = (vec![], vec![]);
        for id in own {
            match &self.events[&id].say {
                Say::Leave(_) if user != self.owner() => leaves.push(id),
                Say::Retire(_, _, true) => retires.push(id),
                _ => {}
            }
        }
        (leaves, retires)
    }

    /// L7: a fork that no cut has settled does not undo a leave.
    fn joins(&self, id: Id, joining: &[Id], revocations: &[Id], cuts: &[Id]) -> bool {
        let leave = matches!(self.events[&id].say, Say::Leave(_));
        let e = self.at(id);
        self.on_branch(e, cuts, leave) && self.granted(e, joining, revocations)
    }

    fn remember(&self, what: u8, id: Id, f: impl FnOnce() -> bool) -> bool {
        if let Some(known) = self.memo.borrow().get(&(what, id)) {
            return *known;
        }
        let value = f();
        self.memo.borrow_mut().insert((what, id), value);
        value
    }

    fn owner_stands(&self, id: Id) -> bool {
        self.remember(0, id, || {
            let create = self.create.unwrap();
            id == create || self.stands(self.at(id), &[create], &[create], &[], &[])
        })
    }

    fn owners(&self, f: impl Fn(&Say) -> bool) -> Vec<Id> {
        self.ids()
            .into_iter()
            .filter(|id| {
                let e = self.events[id];
                e.by.0 == self.owner() && f(&e.say) && self.owner_stands(*id)
            })
            .collect()
    }

    pub fn grants(&self, u: u8) -> Vec<Id> {
        if u == self.owner() {
            return vec![];
        }
        self.owners(|say| match say {
            Say::Add(n, role) | Say::Role(n, role, _) => *n == u && *role == Role::Admin,
            _ => false,
        })
    }

    pub fn revocations(&self, u: u8) -> Vec<Id> {
        if u == self.owner() {
            return vec![];
        }
        self.owners(|say| match say {
            Say::Remove(n, _) => *n == u,
            Say::Role(n, role, _) => *n == u && *role == Role::Member,
            _ => false,
        })
    }

    fn rank_leaves(&self, u: u8) -> Vec<Id> {
        let (g, r) = (self.grants(u), self.revocations(u));
        self.joined(u, &g, &r, &[]).0
    }

    /// M4: an act that needs admin.
    pub fn acts(&self, e: Where<'_>) -> bool {
        if e.user == self.owner() {
            let create = self.create.unwrap();
            return e.id == create || self.stands(e, &[create], &[create], &[], &[]);
        }
        let (g, r) = (self.grants(e.user), self.revocations(e.user));
        self.stands(e, &g, &g, &r, &[])
    }

    /// M4, L8: a `delete` of what `author` wrote. Anybody's own; of others by an admin, but nothing of the owner's,
    /// nor of who was admin as far as the deleter knew.
    pub fn deletes(&self, e: Where<'_>, author: u8) -> bool {
        if !self.lives(e) || author == e.user {
            return self.lives(e);
        }
        let takers = [self.revocations(author), self.rank_leaves(author)].concat();
        let was_admin = self.grants(author).iter().any(|g| {
            let unseen = |r: &&Id| !self.past[g].contains(*r) && e.past.contains(*r);
            e.past.contains(g) && !takers.iter().any(|r| unseen(&r))
        });
        let above = e.user == self.owner() || !was_admin;
        author != self.owner() && above && self.acts(e)
    }

    fn admin_act(&self, id: Id) -> bool {
        self.remember(1, id, || {
            let e = self.events[&id];
            let owner = e.by.0 == self.owner();
            let on_other = |n: u8| n != self.owner() && n != e.by.0;
            match &e.say {
                Say::Create(_) => true,
                Say::Policy(_) => owner && self.acts(self.at(id)),
                Say::Role(n, ..) => owner && on_other(*n) && self.acts(self.at(id)),
                Say::Add(n, role) => {
                    (owner || *role == Role::Member) && on_other(*n) && self.acts(self.at(id))
                }
                Say::Remove(n, _) => {
                    on_other(*n) && self.acts(self.at(id)) && (owner || self.removable(*n, id))
                }
                _ => false,
            }
        })
    }

    /// M4: admins do not remove admins.
    fn removable(&self, u: u8, remove: Id) -> bool {
        let takers: Vec<Id> = [self.revocations(u), self.rank_leaves(u)].concat();
        self.grants(u).iter().all(|g| {
            self.past[g].contains(&remove)
                || takers
                    .iter()
                    .any(|r| !self.past[g].contains(r) && self.past[&remove].contains(r))
        })
    }

    pub fn removes(&self, u: u8) -> Vec<Id> {
        let named = |id: &Id| matches!(&self.events[id].say, Say::Remove(n, _) if *n == u);
        let ids = self.ids().into_iter().filter(named);
        ids.filter(|id| self.admin_act(*id)).collect()
    }

    fn brings(&self, id: Id, u: u8) -> bool {
        match &self.events[&id].say {
            Say::Create(_) => self.events[&id].by.0 == u,
            Say::Add(n, _) | Say::Role(n, ..) => *n == u,
            _ => false,
        }
    }

    /// Valid adds; with leaves and retires set aside all the way down, or not.
    fn adds(&self, u: u8, aside: bool) -> Vec<Id> {
        let ids = self.ids().into_iter().filter(|id| self.brings(*id, u));
        ids.filter(|id| self.admin_act(*id) || self.member_add(*id, aside))
            .collect()
    }

    /// Those adds of the author that the event can stand on: others lie outside its past.
    fn adds_before(&self, u: u8, past: &Ids, aside: bool) -> Vec<Id> {
        let ids = past.iter().copied().filter(|id| self.brings(*id, u));
        ids.filter(|id| self.admin_act(*id) || self.member_add(*id, aside))
            .collect()
    }

    fn member_add(&self, id: Id, aside: bool) -> bool {
        self.remember(if aside { 2 } else { 3 }, id, || {
            let e = self.events[&id];
            let Say::Add(n, Role::Member) = e.say else {
                return false;
            };
            let by = e.by.0;
            if n == by || n == self.owner() || by == self.owner() {
                return false;
            }
            let at = self.at(id);
            if self.removes(n).iter().any(|r| at.past.contains(r)) || !self.open(id) {
                return false;
            }
            let (removes, picks) = (self.removes(by), self.revocations(by));
            let grants = self.adds_before(by, at.past, aside);
            if aside {
                self.stands_on(at, &grants, &removes, &[&removes[..], &picks].concat())
            } else {
                self.stands(at, &grants, &self.adds(by, true), &removes, &picks)
            }
        })
    }

    fn standing_policies(&self) -> Vec<Id> {
        self.owners(|say| matches!(say, Say::Create(_) | Say::Policy(_)))
    }

    fn words(&self, id: Id) -> Policy {
        match &self.events[&id].say {
            Say::Create(p) | Say::Policy(p) => p.clone(),
            _ => unreachable!("a policy"),
        }
    }

    fn in_force(&self, among: &[Id]) -> Option<Id> {
        let last = |p: &&Id| !among.iter().any(|q| self.past[q].contains(*p));
        among.iter().filter(last).min().copied()
    }

    fn open(&self, id: Id) -> bool {
        let all = self.standing_policies();
        let (known, unknown): (Vec<Id>, Vec<Id>) =
            all.iter().partition(|p| self.past[&id].contains(p));
        let open = self.in_force(&known).map(|p| self.words(p).who_adds == 1);
        open == Some(true)
            && unknown
                .iter()
                .all(|p| self.words(*p).who_adds == 1 || self.past[p].contains(&id))
    }

    /// M6.
    pub fn lives(&self, e: Where<'_>) -> bool {
        if self.create == Some(e.id) {
            return true;
        }
        self.stands(
            e,
            &self.adds(e.user, false),
            &self.adds(e.user, true),
            &self.removes(e.user),
            &self.revocations(e.user),
        )
    }

    pub fn valid(&self, id: Id) -> bool {
        let e = self.events[&id];
        let u = e.by.0;
        match &e.say {
            Say::Leave(_) if u == self.owner() => false,
            Say::Leave(_) | Say::Retire(_, _, true) => {
                let removes = self.removes(u);
                let cuts = [&removes[..], &self.revocations(u)].concat();
                self.joins(id, &self.adds(u, true), &removes, &cuts)
            }
            _ => self.admin_act(id) || self.member_add(id, false),
        }
    }

    /// M5.
    pub fn rank(&self, u: u8) -> Option<&'static str> {
        let ends = |leaves: Vec<Id>, others: Vec<Id>| [leaves, others].concat();
        let removes = self.removes(u);
        let leaves = self
            .joined(u, &self.adds(u, true), &removes, &self.revocations(u))
            .0;
        let stays = ends(leaves, removes);
        let member = self
            .adds(u, false)
            .iter()
            .any(|a| stays.iter().all(|r| self.past[a].contains(r)));
        let taken = ends(self.rank_leaves(u), self.revocations(u));
        let admin = self
            .grants(u)
            .iter()
            .any(|g| taken.iter().all(|r| self.past[g].contains(r)));
        match (member, admin) {
            (false, _) => None,
            _ if u == self.owner() => Some("owner"),
            (true, true) => Some("admin"),
            (true, false) => Some("member"),
        }
    }

    pub fn seen(&self, users: u8) -> Seen {
        if self.create.is_none() {
            return Seen {
                members: vec![],
                policy: None,
                valid: vec![],
                live: vec![],
            };
        }
        let members = (0..users).filter_map(|u| Some((u, self.rank(u)?)));
        let ids = self.ids();
        Seen {
            members: members.collect(),
            policy: self
                .in_force(&self.standing_policies())
                .map(|p| self.words(p)),
            valid: ids.iter().copied().filter(|id| self.valid(*id)).collect(),
            live: ids
                .iter()
                .copied()
                .filter(|id| self.valid(*id) || self.lives(self.at(*id)))
                .collect(),
        }
    }
}

fn links(e: &Event) -> Vec<Id> {
    let prev = Some(e.header.prev).filter(|p| !p.is_zero());
    prev.into_iter()
        .chain(e.header.ctl.iter().copied())
        .collect()
}
