//! Many nodes in memory over the rules of groups and keys: delays, duplicates, partitions, hostile members.
//!
//! Everything that is sent reaches every node, also those of former members: what they cannot read, they
//! cannot read for lack of a key. A run is a function of its seed.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::struct_excessive_bools,
    reason = "test material"
)]

use std::collections::{BTreeMap, BTreeSet};

use chater_protocol::chat::group::{AddedBy, Group, Judgement, Rules};
use chater_protocol::chat::keys::{Choice, Holder, KnownKey, choose};
use chater_protocol::chat::order::order;
use chater_protocol::event::{Header, Kind};
use chater_protocol::heads::{HeadRow, digest};
use chater_protocol::id::{ChatId, EventId, KeyId, UserId};
use chater_protocol::limits::KEY_AGE_MS;
use chater_protocol::payload::{Cut, CutRow, Policy, Role};

use super::groups::{At, Event, NOW, People, Rng, Say, insert, seen};
use super::naive::Naive;

const USERS: u8 = 6;
/// Homes with a node of their own; the third home of each user is fresh, for hostile use.
const NODES: [At; 8] = [
    At(0, 0),
    At(0, 1),
    At(1, 0),
    At(1, 1),
    At(2, 0),
    At(3, 0),
    At(4, 0),
    At(5, 0),
];
const HOSTILE: [u8; 2] = [2, 4];
const STEP_MS: u64 = 5 * 60 * 60 * 1000;

/// Which rules hold in a run.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    pub group: Rules,
    /// K3: only clean keys are used.
    pub clean: bool,
    /// K3: the maker of a key had seen every remove that is known.
    pub fresh: bool,
    /// K3: the event that made a key is known.
    pub made: bool,
    /// K5: a key is shared with whoever lacks it before the message.
    pub share: bool,
    /// K6: older keys are shared as the policy says.
    pub history: bool,
    /// K8: worn keys are left.
    pub worn: bool,
    /// L5: the order is that of the rule, not of arrival.
    pub order: bool,
    /// M6: dead events are not shown.
    pub live: bool,
}

impl Held {
    pub const ALL: Self = Self {
        group: Rules::ALL,
        clean: true,
        fresh: true,
        made: true,
        share: true,
        history: true,
        worn: true,
        order: true,
        live: true,
    };

    /// Each rule by name, switched off.
    pub fn each_without() -> Vec<(&'static str, Self)> {
        let all = Self::ALL;
        let groups = Rules::each_without().into_iter();
        let mut each: Vec<(&str, Self)> = groups
            .map(|(name, group)| (name, Self { group, ..all }))
            .collect();
        each.extend([
            (
                "K3 clean keys",
                Self {
                    clean: false,
                    ..all
                },
            ),
            (
                "K3 fresh keys",
                Self {
                    fresh: false,
                    ..all
                },
            ),
            ("K3 made by a known event", Self { made: false, ..all }),
            (
                "K5 share first",
                Self {
                    share: false,
                    ..all
                },
            ),
            (
                "K6 history",
                Self {
                    history: false,
                    ..all
                },
            ),
            ("K8 worn keys", Self { worn: false, ..all }),
            (
                "L5 one order",
                Self {
                    order: false,
                    ..all
                },
            ),
            ("M6 dead is dead", Self { live: false, ..all }),
        ]);
        each
    }
}

/// A key or a message.
struct Note {
    id: EventId,
    header: Header,
    by: At,
    key: u32,
    /// K2; empty in a message.
    boxes: BTreeSet<At>,
    honest: bool,
    /// How many control events there were when it was written.
    age: usize,
    /// The members as its author saw them.
    members: BTreeSet<UserId>,
    /// The notes that its author had.
    heard: BTreeSet<usize>,
    /// Those of them with a live home.
    served: BTreeSet<UserId>,
}

impl Note {
    fn is_key(&self) -> bool {
        self.header.lane == 1
    }
}

#[derive(Clone, Copy)]
enum Packet {
    Control(usize),
    Note(usize),
}

struct Node {
    at: At,
    group: Group,
    notes: Vec<usize>,
    sealed: BTreeMap<u32, u64>,
}

struct World<'a> {
    people: &'a People,
    held: Held,
    rng: Rng,
    now: u64,
    group: ChatId,
    controls: Vec<Event>,
    notes: Vec<Note>,
    nodes: Vec<Node>,
    /// Delivery time, node, packet.
    queue: Vec<(u64, usize, Packet)>,
    /// Nodes on the far side of a split, and when it ends.
    split: (BTreeSet<usize>, u64),
    keys: u32,
    history: u8,
    /// Nobody is hostile; people come, go and talk.
    calm: bool,
    red: Option<String>,
}

/// What a run came to.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    pub controls: usize,
    pub keys: usize,
    pub messages: usize,
    pub dead: usize,
}

/// One run. The error says which promise was broken first.
pub fn run(people: &People, seed: u64, held: Held) -> Result<Counts, String> {
    let mut rng = Rng(seed);
    let policy = Policy {
        who_adds: u8::from(rng.percent(40)),
        history: if rng.percent(50) { 0 } else { 2 },
        days: 0,
        read_marks: true,
    };
    let history = policy.history;
    let create = people.event(
        ChatId::default(),
        At(0, 0),
        None,
        vec![],
        NOW,
        Say::Create(policy),
    );
    let group = ChatId(create.id.0);
    let node = |at| Node {
        at,
        group: Group::with_rules(group, held.group),
        notes: vec![],
        sealed: BTreeMap::new(),
    };
    let mut world = World {
        people,
        held,
        rng,
        now: NOW,
        group,
        controls: vec![],
        notes: vec![],
        nodes: NODES.into_iter().map(node).collect(),
        queue: vec![],
        split: (BTreeSet::new(), 0),
        keys: 0,
        history,
        calm: !seed.is_multiple_of(2),
        red: None,
    };
    world.publish(0, create);
    for (user, role) in [
        (1, Role::Admin),
        (2, Role::Admin),
        (3, Role::Member),
        (4, Role::Member),
    ] {
        world.control(0, Say::Add(user, role));
    }
    for _ in 0..70 {
        world.step();
    }
    let hostile = NODES.iter().position(|at| at.0 == HOSTILE[0]).unwrap();
    match seed % 4 {
        0 => world.cut_both(hostile),
        2 => world.remove_demoted(hostile),
        _ => {}
    }
    world.settle();
    world.check()?;
    Ok(Counts {
        controls: world.controls.len(),
        keys: world.notes.iter().filter(|n| n.is_key()).count(),
        messages: world.notes.iter().filter(|n| !n.is_key()).count(),
        dead: world.notes.iter().filter(|n| !world.is_live(0, n)).count(),
    })
}

impl World<'_> {
    fn red(&mut self, why: String) {
        self.red.get_or_insert(why);
    }

    // --- the network ---------------------------------------------------------------------------

    fn send(&mut self, from: Option<usize>, packet: Packet) {
        for to in 0..self.nodes.len() {
            if Some(to) == from {
                continue;
            }
            let mut copies = 1;
            while copies > 0 {
                copies -= 1;
                let delay = [1, 1, 2, 8, 16][self.rng.below(5)] * STEP_MS / 2;
                let mut at = self.now + self.rng.next() % delay;
                // S9: who is no member is served later, by others.
                let user = self.people.user(self.nodes[to].at.0);
                let is_member = |from: usize| self.nodes[from].group.rank(&user).is_some();
                if matches!(packet, Packet::Note(_)) && !from.is_none_or(is_member) {
                    at += self.rng.next() % (24 * STEP_MS);
                }
                let (far, end) = &self.split;
                if from.is_some_and(|from| far.contains(&from) != far.contains(&to)) && at < *end {
                    at = *end + self.rng.next() % STEP_MS;
                }
                self.queue.push((at, to, packet));
                copies += usize::from(copies == 0 && self.rng.percent(10));
            }
        }
    }

    fn deliver(&mut self, to: usize, packet: Packet) {
        let node = &mut self.nodes[to];
        match packet {
            Packet::Control(n) => drop(insert(&mut node.group, &self.controls[n])),
            Packet::Note(n) if !node.notes.contains(&n) => node.notes.push(n),
            Packet::Note(_) => {}
        }
    }

    fn arrive(&mut self) {
        let now = self.now;
        let mut due: Vec<_> = self
            .queue
            .iter()
            .filter(|(at, ..)| *at <= now)
            .copied()
            .collect();
        self.queue.retain(|(at, ..)| *at > now);
        due.sort_by_key(|(at, ..)| *at);
        for (_, to, packet) in due {
            self.deliver(to, packet);
        }
    }

    fn settle(&mut self) {
        self.now = u64::MAX;
        self.arrive();
    }

    // --- what nodes do -------------------------------------------------------------------------

    fn step(&mut self) {
        self.now += self.rng.next() % STEP_MS;
        if self.calm && self.rng.percent(4) {
            self.now += 2 * 24 * 60 * 60 * 1000;
        }
        self.arrive();
        if self.now >= self.split.1 && self.rng.percent(8) {
            let far = (0..self.nodes.len())
                .filter(|_| self.rng.percent(50))
                .collect();
            self.split = (far, self.now + 8 * STEP_MS);
        }
        let mut n = self.rng.below(self.nodes.len());
        // Who was just added has something to say.
        if let Some(Say::Add(user, _)) = self.controls.last().map(|e| &e.say)
            && self.rng.percent(40)
        {
            n = NODES.iter().position(|at| at.0 == *user).unwrap_or(n);
        }
        if self.calm {
            return self.calm_step(n);
        }
        let hostile = HOSTILE.contains(&self.nodes[n].at.0) && self.rng.percent(60);
        let other = self.rng.below(USERS as usize) as u8;
        let target = self.people.user(other);
        match self.rng.below(20) {
            _ if hostile => self.attack(n),
            0..=2 => self.control(n, Say::Add(other, Role::Member)),
            3 | 4 if self.nodes[n].group.rank(&target).is_some() => {
                let cut = self.cut(n, other);
                self.control(n, Say::Remove(other, cut));
            }
            5 | 6 => {
                let role = if self.rng.percent(50) {
                    Role::Admin
                } else {
                    Role::Member
                };
                let cut = self.cut(n, other);
                self.control(self.rng.clone().below(2), Say::Role(other, role, cut));
            }
            7 if self.rng.percent(40) => {
                let cut = self.cut(n, self.nodes[n].at.0);
                self.control(n, Say::Leave(cut));
            }
            8 if self.rng.percent(40) => {
                // The user's other home is given up, or the only one: then the user is silent.
                let at = self.nodes[n].at;
                let mut cut = self.cut(n, at.0);
                let home = self.rng.below(2) as u8;
                let id = self.people.home(At(at.0, home));
                cut.retain(|row| row.home == id);
                if at.0 != 0 || home != 0 {
                    self.control(n, Say::Retire(home, cut, true));
                }
            }
            9 => {
                let policy = Policy {
                    who_adds: self.rng.below(2) as u8,
                    history: self.history,
                    days: self.rng.below(90) as u16,
                    read_marks: true,
                };
                self.control(self.rng.clone().below(2), Say::Policy(policy));
            }
            _ => self.say(n),
        }
    }

    /// Somebody comes and goes while others talk, and control events are fast.
    fn visit(&mut self, host: usize, user: u8) {
        self.control(host, Say::Add(user, Role::Member));
        self.hurry();
        let other = self.rng.below(self.nodes.len());
        self.say(other);
        let cut = self.cut(host, user);
        self.control(host, Say::Remove(user, cut));
        self.say(host);
    }

    /// Control events that are on their way arrive now.
    fn hurry(&mut self) {
        let (now, rest) = std::mem::take(&mut self.queue)
            .into_iter()
            .partition(|(.., packet)| matches!(packet, Packet::Control(_)));
        self.queue = rest;
        let now: Vec<(u64, usize, Packet)> = now;
        for (_, to, packet) in now {
            self.deliver(to, packet);
        }
    }

    fn calm_step(&mut self, n: usize) {
        let other = 3 + self.rng.below(3) as u8;
        let present = self.nodes[n].group.rank(&self.people.user(other));
        if present.is_none() && self.rng.percent(10) {
            return self.visit(n, other);
        }
        match (self.rng.below(12), present) {
            (0 | 1, None) => self.control(n, Say::Add(other, Role::Member)),
            (0 | 1, Some(_)) => {
                let cut = self.cut(n, other);
                self.control(n, Say::Remove(other, cut));
            }
            _ => self.say(n),
        }
    }

    fn own(&self, by: At, lane: u8) -> Option<&Note> {
        self.notes
            .iter()
            .rev()
            .find(|n| n.by == by && n.header.lane == lane)
    }

    /// M7: the feeds of a user as this node knows them.
    fn cut(&self, n: usize, user: u8) -> Cut {
        let node = &self.nodes[n];
        let mut heads: BTreeMap<(At, u8), HeadRow> = BTreeMap::new();
        for note in node
            .notes
            .iter()
            .map(|i| &self.notes[*i])
            .filter(|x| x.by.0 == user)
        {
            let row = HeadRow {
                author: note.header.author,
                home: note.header.home,
                lane: note.header.lane,
                seq: note.header.seq,
                id: note.id,
            };
            let slot = heads
                .entry((note.by, row.lane))
                .or_insert_with(|| row.clone());
            if slot.seq < row.seq {
                *slot = row;
            }
        }
        let heads: Vec<HeadRow> = heads.into_values().collect();
        node.group.cut(&self.people.user(user), &heads)
    }

    /// A control act, if the node's own rules allow it. It must then be valid.
    fn control(&mut self, n: usize, say: Say) {
        let node = &self.nodes[n];
        let (at, user) = (node.at, |u: &u8| self.people.user(*u));
        let seat = node.group.seat(&user(&at.0), self.people.home(at));
        let may = match &say {
            Say::Add(u, role) => seat.may_add(&user(u), *role),
            Say::Remove(u, _) => seat.may_remove(&user(u)),
            Say::Role(u, role, _) => seat.may_set_role(&user(u), *role),
            Say::Leave(_) => seat.may_leave() && node.group.rank(&user(&at.0)).is_some(),
            Say::Policy(policy) => seat.may_set_policy(policy),
            Say::Retire(home, ..) => seat.may_retire(self.people.home(At(at.0, *home))),
            _ => false,
        };
        if !may {
            return;
        }
        let ctl = seat.ctl();
        let own = self.controls.iter().filter(|e| e.by == at);
        let prev = own.max_by_key(|e| e.header.seq).cloned();
        let added = match say {
            Say::Add(user, _) => Some(user),
            _ => None,
        };
        let event = self
            .people
            .event(self.group, at, prev.as_ref(), ctl, self.now, say);
        let id = event.id;
        if self.controls.iter().any(|e| e.id == id) {
            return;
        }
        self.publish(n, event);
        if self.nodes[n].group.is_valid(&id) != Some(true) && !HOSTILE.contains(&at.0) {
            self.red(format!(
                "an act that was allowed is void: {:?}",
                self.controls.last().map(|e| &e.say)
            ));
        }
        // K6: who adds a member shares the older keys that the policy allows.
        if let Some(user) = added {
            self.share_history(n, user);
        }
    }

    fn publish(&mut self, n: usize, event: Event) {
        self.controls.push(event);
        let packet = Packet::Control(self.controls.len() - 1);
        self.deliver(n, packet);
        self.send(Some(n), packet);
    }

    fn holder(&self, at: At) -> Holder {
        (self.people.user(at.0), self.people.home(at))
    }

    fn at(&self, holder: &Holder) -> At {
        let user = self.people.name(&holder.0);
        let homes = self.people.homes_of(user).into_iter();
        homes
            .into_iter()
            .find(|at| self.people.home(*at) == holder.1)
            .unwrap()
    }

    /// K3: live homes of present members; nodes are all the homes that records name.
    fn live_homes(&self, n: usize) -> BTreeSet<Holder> {
        let mut homes: BTreeMap<UserId, Vec<_>> = BTreeMap::new();
        for at in NODES {
            let (user, home) = self.holder(at);
            homes.entry(user).or_default().push(home);
        }
        self.nodes[n].group.holders(&homes)
    }

    fn is_live(&self, n: usize, note: &Note) -> bool {
        self.nodes[n].group.judge(note.id, &note.header) == Judgement::Live
    }

    /// Keys as a node knows them, each with its first event.
    fn known(&self, n: usize, live: &BTreeSet<Holder>) -> Vec<(KnownKey, usize)> {
        let node = &self.nodes[n];
        let mut keys: BTreeMap<u32, (KnownKey, Option<usize>)> = BTreeMap::new();
        for i in &node.notes {
            let note = &self.notes[*i];
            if !note.is_key() {
                continue;
            }
            // The event that made the key has a box for its author's own home (K3).
            let made = note.boxes.contains(&note.by) || !self.held.made;
            let (key, first) = keys.entry(note.key).or_insert_with(|| {
                let known = KnownKey {
                    id: key_id(note.key),
                    holders: BTreeSet::new(),
                    first_ms: u64::MAX,
                    sealed: node.sealed.get(&note.key).copied().unwrap_or(0),
                    usable: false,
                };
                (known, None)
            });
            let mine = note.by == node.at || note.boxes.contains(&node.at);
            key.holders.insert(self.holder(note.by));
            key.holders
                .extend(note.boxes.iter().map(|at| self.holder(*at)));
            key.usable |= self.is_live(n, note);
            if mine {
                key.holders.insert(self.holder(node.at));
            }
            if made && note.header.ts.ms() < key.first_ms {
                (key.first_ms, *first) = (note.header.ts.ms(), Some(*i));
            }
        }
        // Without the event that made it a key is for reading only.
        let mut keys: Vec<(KnownKey, usize)> = keys
            .into_values()
            .filter_map(|(key, first)| Some((key, first?)))
            .collect();
        let me = self.holder(node.at);
        for (key, first) in &mut keys {
            key.usable &= key.holders.contains(&me);
            // K6: a key that a member must not have is not for the group any more.
            if self.held.history {
                let header = &self.notes[*first].header;
                let lack = live.difference(&key.holders);
                key.usable &= lack
                    .into_iter()
                    .all(|(user, _)| node.group.may_share(header, key.first_ms, user));
            }
            if self.held.fresh {
                key.usable &= node.group.is_fresh(&self.notes[*first].header);
            }
            if !self.held.clean {
                key.holders = key.holders.intersection(live).copied().collect();
            }
            if !self.held.worn {
                key.first_ms = key.first_ms.max(self.now.saturating_sub(KEY_AGE_MS / 2));
            }
        }
        keys
    }

    /// K4, K5, K8: a message, after its key.
    fn say(&mut self, n: usize) {
        let at = self.nodes[n].at;
        let (user, home) = self.holder(at);
        if !self.nodes[n].group.seat(&user, home).may_write() {
            return;
        }
        let live = self.live_homes(n);
        if !live.contains(&(user, home)) {
            return;
        }
        let known = self.known(n, &live);
        let keys: Vec<KnownKey> = known.iter().map(|(key, _)| key.clone()).collect();
        let key = match choose(&keys, &live, self.now) {
            Choice::Use { key, share_with } => {
                let number = u32::from_be_bytes(key.0[..4].try_into().unwrap());
                if !share_with.is_empty() && self.held.share {
                    let boxes = share_with.iter().map(|h| self.at(h)).collect();
                    self.note(n, Kind::KEY, number, boxes, None);
                }
                number
            }
            Choice::Make => {
                self.keys += 1;
                let boxes = live.iter().map(|h| self.at(h)).collect();
                self.note(n, Kind::KEY, self.keys, boxes, None);
                self.keys
            }
        };
        let first = self.nodes[n].notes.iter().map(|i| &self.notes[*i]);
        let first = first
            .filter(|x| x.is_key() && x.key == key)
            .map(|x| x.header.ts.ms())
            .min();
        if first.is_none_or(|first| self.now - first > KEY_AGE_MS + STEP_MS) {
            self.red("K8: a worn key was used".to_owned());
        }
        self.note(n, Kind::MSG, key, BTreeSet::new(), None);
        *self.nodes[n].sealed.entry(key).or_default() += 1;
    }

    fn share_history(&mut self, n: usize, user: u8) {
        let target = self.people.user(user);
        if self.nodes[n].group.rank(&target).is_none() {
            return;
        }
        let live = self.live_homes(n);
        let new: BTreeSet<At> = live
            .iter()
            .filter(|h| h.0 == target)
            .map(|h| self.at(h))
            .collect();
        let me = self.holder(self.nodes[n].at);
        for (key, first) in self.known(n, &live) {
            let header = &self.notes[first].header;
            let may =
                !self.held.history || self.nodes[n].group.may_share(header, key.first_ms, &target);
            let lack: BTreeSet<At> = new
                .iter()
                .filter(|at| !key.holders.contains(&self.holder(**at)))
                .copied()
                .collect();
            if may && !lack.is_empty() && key.holders.contains(&me) {
                let number = u32::from_be_bytes(key.id.0[..4].try_into().unwrap());
                self.note(n, Kind::KEY, number, lack, None);
            }
        }
    }

    /// Writes a key or message. `back` = names this past instead of the heads.
    fn note(
        &mut self,
        n: usize,
        kind: Kind,
        key: u32,
        boxes: BTreeSet<At>,
        back: Option<(At, Vec<EventId>)>,
    ) {
        let honest = back.is_none();
        let node = &self.nodes[n];
        let (user, home) = self.holder(node.at);
        let seat = node.group.seat(&user, home);
        let (at, ctl) = back.unwrap_or_else(|| (node.at, seat.ctl()));
        let lane = kind.lane().unwrap() as u8;
        let (seq, prev) = self
            .own(at, lane)
            .map_or((0, EventId::default()), |own| (own.header.seq + 1, own.id));
        let deps: Vec<EventId> = node
            .notes
            .iter()
            .rev()
            .map(|i| self.notes[*i].id)
            .filter(|id| *id != prev)
            .take(3)
            .collect();
        let (_, mut header) =
            self.people
                .message(self.group, at, (lane, kind), (seq, prev), ctl, self.now);
        header.deps = deps;
        let note = Note {
            id: super::groups::id_of(&header),
            header,
            by: at,
            key,
            boxes,
            honest,
            age: self.controls.len(),
            members: node.group.members().map(|(user, _)| user).collect(),
            heard: node.notes.iter().copied().collect(),
            served: self.live_homes(n).into_iter().map(|home| home.0).collect(),
        };
        self.notes.push(note);
        let packet = Packet::Note(self.notes.len() - 1);
        self.deliver(n, packet);
        self.send(Some(n), packet);
    }

    /// At the end a hostile user forks, and the owner's two homes cut different branches, one of them higher up (L7).
    fn cut_both(&mut self, n: usize) {
        let at = self.nodes[n].at;
        let (user, home) = self.holder(at);
        let ctl = self.nodes[n].group.seat(&user, home).ctl();
        let own = self.controls.iter().filter(|e| e.by == at);
        let last = own.max_by_key(|e| e.header.seq).cloned();
        let mut branches = Vec::new();
        for other in [5, 3] {
            let (prev, say) = (last.as_ref(), Say::Add(other, Role::Member));
            let ctl = ctl.clone();
            branches.push(self.people.event(self.group, at, prev, ctl, self.now, say));
        }
        let (prev, say) = (branches.last(), Say::Add(5, Role::Member));
        branches.push(self.people.event(self.group, at, prev, ctl, self.now, say));
        let rows = [0, 2].map(|n: usize| branches[n].row());
        for event in branches {
            self.publish(n, event);
        }
        for (home, row) in rows.into_iter().enumerate() {
            self.control(home, Say::Role(at.0, Role::Member, vec![row]));
        }
    }

    /// At the end one who may not ask its own rules removes an admin from whom the owner has just taken that (M4).
    fn remove_demoted(&mut self, n: usize) {
        let cut = self.cut(0, 1);
        self.control(0, Say::Role(1, Role::Member, cut.clone()));
        self.hurry();
        let at = self.nodes[n].at;
        let (user, home) = self.holder(at);
        let ctl = self.nodes[n].group.seat(&user, home).ctl();
        let own = self.controls.iter().filter(|e| e.by == at);
        let last = own.max_by_key(|e| e.header.seq).cloned();
        let (prev, say) = (last.as_ref(), Say::Remove(1, cut));
        let event = self.people.event(self.group, at, prev, ctl, self.now, say);
        self.publish(n, event);
    }

    /// A hostile member or former member: back-dated, forked, with wrong cuts, from any of its homes.
    fn attack(&mut self, n: usize) {
        let user = self.nodes[n].at.0;
        let by = At(user, [0, 0, 1, 2][self.rng.below(4)]);
        let brought = self.controls.iter().filter(|e| match &e.say {
            Say::Add(u, _) | Say::Role(u, ..) => *u == user,
            _ => false,
        });
        let brought: Vec<EventId> = brought.map(|e| e.id).collect();
        let mut ctl: Vec<EventId> = self.rng.pick(&brought).copied().into_iter().collect();
        for _ in 0..self.rng.below(3) {
            ctl.extend(self.rng.pick(&self.controls).map(|e| e.id));
        }
        if self.rng.percent(30) {
            // With the newest heads, so that only what is said is hostile.
            let (user, home) = self.holder(self.nodes[n].at);
            ctl = self.nodes[n].group.seat(&user, home).ctl();
        } else if self.rng.percent(10) {
            // As a stranger: of its own coming in it names nothing.
            ctl = self.controls.iter().take(1).map(|e| e.id).collect();
        }
        if self.rng.percent(35) {
            let key = self.rng.next() as u32 % self.keys.max(1) + 1;
            let home = self.nodes[n].at;
            let has = |x: &Note| x.is_key() && x.key == key && x.boxes.contains(&home);
            let to = NODES[self.rng.below(NODES.len())];
            // Not to itself: that would pass for the event that made the key (K3), and who can make it
            // pass can as well pass on the text.
            let other = to.0 != user;
            if other && self.rng.percent(50) && self.notes.iter().any(has) {
                self.note(n, Kind::KEY, key, [to].into(), Some((by, ctl)));
            } else {
                self.note(n, Kind::MSG, key, BTreeSet::new(), Some((by, ctl)));
            }
            return;
        }
        let own: Vec<Event> = self
            .controls
            .iter()
            .filter(|e| e.by == by)
            .cloned()
            .collect();
        let prev = if self.rng.percent(25) {
            self.rng
                .pick(&own)
                .cloned()
                .filter(|_| self.rng.clone().percent(70))
        } else {
            own.last().cloned()
        };
        let other = self.rng.below(USERS as usize) as u8;
        let mut cut = self.cut(n, other);
        cut.retain(|_| self.rng.percent(50));
        for row in &mut cut {
            if self.rng.percent(30) {
                row.seq = self.rng.below(3) as u64;
            }
        }
        let own_cut: Vec<CutRow> = cut.clone();
        let admin = if self.rng.percent(50) {
            Role::Admin
        } else {
            Role::Member
        };
        let home = self.rng.below(2) as u8;
        let say = match self.rng.below(9) {
            0 | 1 => Say::Add(other, admin),
            2 | 3 => {
                // Of whom the owner took admin from, if there is one.
                let taken = self.controls.iter().filter_map(|e| match e.say {
                    Say::Role(user, Role::Member, _) if e.by.0 == 0 => Some(user),
                    _ => None,
                });
                let taken: Vec<u8> = taken.collect();
                let who = self.rng.pick(&taken).copied().filter(|_| cut.len() < 2);
                Say::Remove(who.unwrap_or(other), cut)
            }
            4 => Say::Role(other, admin, cut),
            5 | 6 => Say::Leave(own_cut),
            7 => {
                let mut cut = self.cut(n, user);
                let id = self.people.home(At(user, home));
                cut.retain(|row| row.home == id);
                Say::Retire(home, cut, self.rng.percent(50))
            }
            _ => Say::Policy(super::groups::policy(1)),
        };
        let event = self
            .people
            .event(self.group, by, prev.as_ref(), ctl, self.now, say);
        if self.controls.iter().all(|e| e.id != event.id) {
            self.publish(n, event);
        }
    }

    // --- what must hold ------------------------------------------------------------------------

    fn check(&mut self) -> Result<(), String> {
        if let Some(red) = self.red.take() {
            return Err(red);
        }
        self.check_one_state()?;
        self.check_removed_do_nothing()?;
        self.check_who_reads()?;
        self.check_the_text()
    }

    /// Members, roles, live set, digests and order are the same everywhere.
    fn check_one_state(&self) -> Result<(), String> {
        let views: Vec<_> = (0..self.nodes.len())
            .map(|n| {
                let node = &self.nodes[n];
                let mut live: Vec<&Note> = node.notes.iter().map(|i| &self.notes[*i]).collect();
                live.retain(|note| self.is_live(n, note));
                let pairs: Vec<_> = live.iter().map(|x| (x.id, x.header.clone())).collect();
                let order: Vec<EventId> = if self.held.order {
                    order(&pairs).into_iter().map(|(_, id)| id).collect()
                } else {
                    pairs.into_iter().map(|(id, _)| id).collect()
                };
                (
                    seen(self.people, &node.group),
                    digest(&node.group.control_rows()),
                    order,
                )
            })
            .collect();
        let same = |other: &_| views.first() == Some(other);
        if views.iter().all(same) {
            Ok(())
        } else {
            Err("nodes disagree".to_owned())
        }
    }

    /// What a user wrote after the owner removed it has no effect, but for a later add in its past.
    fn check_removed_do_nothing(&self) -> Result<(), String> {
        let group = &self.nodes[0].group;
        let naive = Naive::new(self.people, EventId(self.group.0), &self.controls);
        for (n, remove) in self.controls.iter().enumerate() {
            let Say::Remove(user, _) = remove.say else {
                continue;
            };
            if remove.by.0 != 0 || group.is_valid(&remove.id) != Some(true) {
                continue;
            }
            let again = |ctl: &[EventId]| {
                naive.past_of(ctl).is_some_and(|past| {
                    self.controls.iter().any(|e| {
                        let brings =
                            matches!(&e.say, Say::Add(u, _) | Say::Role(u, ..) if *u == user);
                        let after = naive
                            .past_of(&[e.id])
                            .is_some_and(|p| p.contains(&remove.id));
                        brings && after && past.contains(&e.id)
                    })
                })
            };
            for late in self.controls[n + 1..].iter().filter(|e| e.by.0 == user) {
                let links: Vec<EventId> = late
                    .header
                    .ctl
                    .iter()
                    .copied()
                    .chain([late.header.prev])
                    .filter(|id| !id.is_zero())
                    .collect();
                if group.is_live(&late.id) == Some(true) && !again(&links) {
                    return Err(format!("a removed user still acts: {:?}", late.say));
                }
            }
            for late in self.notes.iter().filter(|x| x.by.0 == user && x.age > n) {
                let shown = self.is_live(0, late) || !self.held.live;
                if shown && !again(&late.header.ctl) {
                    return Err("a removed user's message is shown".to_owned());
                }
            }
        }
        Ok(())
    }

    /// Users with the key of a message. A hostile member can give a key away unseen, so what such a one
    /// shared counts as far as the sender had heard of it.
    fn holders_of(&self, message: &Note) -> BTreeSet<u8> {
        let counts = |(n, x): &(usize, &Note)| x.honest || message.heard.contains(n);
        let notes = self.notes.iter().enumerate().filter(counts).map(|(_, x)| x);
        let keys = notes.filter(|x| x.is_key() && x.key == message.key);
        keys.flat_map(|x| x.boxes.iter().map(|at| at.0).chain([x.by.0]))
            .collect()
    }

    /// All that matters for who reads a message, to look into a failure.
    fn tell(&self, message: &Note, past: &BTreeSet<EventId>) -> String {
        let short = |ids: &[EventId]| ids.iter().map(EventId::short).collect::<Vec<_>>();
        let mut told = format!("message {} by {:?}\n", message.id.short(), message.by);
        for (n, e) in self.controls.iter().enumerate() {
            let valid = self.nodes[0].group.is_valid(&e.id);
            let seen = past.contains(&e.id);
            let say: String = format!("{:?}", e.say).chars().take(40).collect();
            let (id, ctl) = (e.id.short(), short(&e.header.ctl));
            told += &format!(
                "{n} {id} {:?} {say} valid {valid:?} seen {seen} ctl {ctl:?}\n",
                e.by
            );
        }
        for x in self.notes.iter().filter(|x| x.key == message.key) {
            let members: Vec<u8> = x.members.iter().map(|u| self.people.name(u)).collect();
            let (id, ctl) = (x.id.short(), short(&x.header.ctl));
            told += &format!(
                "{id} {:?} boxes {:?} after {} sees {members:?} ctl {ctl:?}\n",
                x.by, x.boxes, x.age
            );
        }
        told
    }

    /// K: no outsider of the sender's view reads, every member reads what they may.
    fn check_who_reads(&self) -> Result<(), String> {
        let naive = Naive::new(self.people, EventId(self.group.0), &self.controls);
        let group = &self.nodes[0].group;
        // A hostile admin may undo its own adds and removes by leaving or forking, and again by other
        // means: what rests on its word alone flickers. Promised is what honest removes promise.
        let hostile = |a: &AddedBy| !self.calm && HOSTILE.contains(&self.people.name(&a.by));
        let adds: Vec<AddedBy> = group
            .adds()
            .into_iter()
            .filter(|a| a.valid || hostile(a))
            .collect();
        // A retire of the owner's home that cuts below a demotion brings back the removes of who was
        // demoted: until then, they were void for those who had seen the demotion.
        let undone = self.controls.iter().any(|e| {
            let by_owner = e.by.0 == 0 && matches!(e.say, Say::Role(..) | Say::Remove(..));
            by_owner && group.is_valid(&e.id) == Some(false)
        });
        for message in self.notes.iter().filter(|x| x.honest && !x.is_key()) {
            let holders = self.holders_of(message);
            let past = naive.past_of(&message.header.ctl).unwrap_or_default();
            for user in 0..USERS {
                let id = self.people.user(user);
                let reads = holders.contains(&user);
                // Whoever was brought in after the message may be given its key, if history is open.
                let later = self.controls.iter().any(|e| {
                    let brings = matches!(&e.say, Say::Add(u, _) | Say::Role(u, ..) if *u == user);
                    brings && !past.contains(&e.id)
                });
                let current = group.added_by(&id);
                let stayed = current.iter().any(|add| past.contains(&add.event));
                let told = message.members.contains(&id);
                // Whom the sender took for removed by a remove that is void now (its author turned out to be
                // no admin) may be given the key, and asks for it (K7).
                let seen_in = adds
                    .iter()
                    .filter(|a| a.user == id && past.contains(&a.event))
                    .any(|a| {
                        let before = naive.past_of(&[a.event]).unwrap_or_default();
                        !self.controls.iter().any(|e| {
                            let ends = matches!(&e.say, Say::Remove(u, _) if *u == user)
                                || (matches!(e.say, Say::Leave(_)) && e.by.0 == user);
                            // A hostile admin can fork its feed and so undo its own remove for a while.
                            let holds = group.is_valid(&e.id) == Some(true)
                                && (self.calm || !HOSTILE.contains(&e.by.0));
                            ends && holds && past.contains(&e.id) && !before.contains(&e.id)
                        })
                    });
                let may_read = told || seen_in || undone || (self.history == 0 && later);
                if reads && !may_read {
                    let told = self.tell(message, &past);
                    return Err(format!("user {user} reads what was not for it\n{told}"));
                }
                // Who forks the feed that retired a home flickers by its own doing (K7 heals it).
                let honest = self.calm || !HOSTILE.contains(&user);
                let served = message.served.contains(&id);
                if honest && served && stayed && self.is_live(0, message) && !reads {
                    let homes = self.live_homes(0);
                    if homes.iter().any(|h| h.0 == id) {
                        let told = self.tell(message, &past);
                        return Err(format!("member {user} cannot read\n{told}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// The state is the one that the text of the rules gives.
    fn check_the_text(&self) -> Result<(), String> {
        let naive = Naive::new(self.people, EventId(self.group.0), &self.controls);
        let stored: BTreeSet<EventId> = self.nodes[0].group.events().collect();
        if stored != naive.taken().into_iter().collect() {
            Err("what is stored is not what the rules say".to_owned())
        } else if seen(self.people, &self.nodes[0].group) == naive.seen(USERS) {
            Ok(())
        } else {
            Err("the state is not what the rules say".to_owned())
        }
    }
}

fn key_id(number: u32) -> KeyId {
    let mut id = [0; 32];
    id[..4].copy_from_slice(&number.to_be_bytes());
    KeyId(id)
}

pub fn people() -> People {
    People::new(USERS, 3)
}
