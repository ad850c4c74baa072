//! Users, homes and control events for the tests of groups. Headers are not signed here: signatures are
//! checked before the rules, and histories come in thousands.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test material; each test uses its part"
)]

use std::collections::BTreeMap;

use chater_protocol::chat::group::{Group, Outcome};
use chater_protocol::codec;
use chater_protocol::event::{Header, Kind};
use chater_protocol::id::{Bytes, ChatId, EventId, Hash, HomeId, NodeId, UserId};
use chater_protocol::identity::{HomeRecord, Signed};
use chater_protocol::key::SigningKey;
use chater_protocol::payload::{
    Add, Create, Cut, CutRow, Leave, Payload, Policy, Remove, Retire, Role, RoleChange,
};
use chater_protocol::time::Timestamp;

pub const NOW: u64 = 1_790_000_000_000;

/// A small generator whose whole state is its seed.
#[derive(Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// True so many times of a hundred.
    pub fn percent(&mut self, n: u64) -> bool {
        self.next() % 100 < n
    }

    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.below(list.len()))
    }

    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i + 1));
        }
    }
}

/// A home of a user, by small numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At(pub u8, pub u8);

/// What an event says, in the words of the tests.
#[derive(Debug, Clone, PartialEq)]
pub enum Say {
    Create(Policy),
    Add(u8, Role),
    Remove(u8, Cut),
    Leave(Cut),
    Role(u8, Role, Cut),
    Policy(Policy),
    /// Retires that home of the author; signed by the root or not.
    Retire(u8, Cut, bool),
    /// A kind and a payload as they come.
    Raw(Kind, Vec<u8>),
}

#[derive(Debug, Clone)]
pub struct Event {
    pub id: EventId,
    pub by: At,
    pub header: Header,
    pub payload: Vec<u8>,
    pub say: Say,
}

impl Event {
    pub fn row(&self) -> CutRow {
        CutRow {
            home: self.header.home,
            lane: self.header.lane,
            seq: self.header.seq,
            id: self.id,
        }
    }
}

pub fn policy(who_adds: u8) -> Policy {
    Policy {
        who_adds,
        history: 2,
        days: 0,
        read_marks: true,
    }
}

/// Users and their homes; made once, since keys and signatures cost time.
pub struct People {
    roots: Vec<SigningKey>,
    homes: BTreeMap<At, (HomeId, Signed)>,
    by_user: BTreeMap<UserId, u8>,
}

impl People {
    pub fn new(users: u8, homes: u8) -> Self {
        let roots: Vec<SigningKey> = (0..users)
            .map(|n| SigningKey::from_seed(&[n + 1; 32]))
            .collect();
        let mut all = BTreeMap::new();
        for (n, root) in roots.iter().enumerate() {
            for home in 0..homes {
                let mut record = HomeRecord {
                    v: 1,
                    user: UserId(root.public().0),
                    sign_pk: root.public(),
                    node_id: NodeId([home; 32]),
                    state: 0,
                    ts: NOW,
                };
                let id = record.id();
                record.state = 1;
                all.insert(At(n as u8, home), (id, record.sign(root)));
            }
        }
        let by_user = (0..users).map(|n| (UserId(roots[n as usize].public().0), n));
        Self {
            by_user: by_user.collect(),
            homes: all,
            roots,
        }
    }

    pub fn user(&self, n: u8) -> UserId {
        UserId(self.roots[n as usize].public().0)
    }

    pub fn name(&self, user: &UserId) -> u8 {
        self.by_user.get(user).copied().unwrap_or(u8::MAX)
    }

    pub fn home(&self, at: At) -> HomeId {
        self.homes[&at].0
    }

    pub fn homes_of(&self, user: u8) -> Vec<At> {
        self.homes
            .keys()
            .filter(|at| at.0 == user)
            .copied()
            .collect()
    }

    pub fn is_root_signed(say: &Say) -> bool {
        matches!(say, Say::Retire(_, _, true))
    }

    fn payload(&self, group: ChatId, by: At, say: &Say) -> (Kind, Vec<u8>) {
        let user = |n: &u8| self.user(*n);
        match say {
            Say::Create(policy) => {
                let policy = policy.clone();
                let nonce = Bytes([7; 16]);
                (Kind::CREATE, Create { nonce, policy }.encode())
            }
            Say::Add(n, role) => {
                let (user, role) = (user(n), *role);
                (
                    Kind::ADD,
                    Add {
                        user,
                        role,
                        by_link: false,
                    }
                    .encode(),
                )
            }
            Say::Remove(n, cut) => {
                let (user, cut) = (user(n), cut.clone());
                (Kind::REMOVE, Remove { user, cut }.encode())
            }
            Say::Leave(cut) => (Kind::LEAVE, Leave { cut: cut.clone() }.encode()),
            Say::Role(n, role, cut) => {
                let (user, role, cut) = (user(n), *role, cut.clone());
                (Kind::ROLE, RoleChange { user, role, cut }.encode())
            }
            Say::Policy(policy) => (Kind::POLICY, policy.encode()),
            Say::Retire(home, cut, by_root) => {
                let (home, record) = self.homes[&At(by.0, *home)].clone();
                let stranger = SigningKey::from_seed(&[99; 32]);
                let root = if *by_root {
                    &self.roots[by.0 as usize]
                } else {
                    &stranger
                };
                let retire = Retire::sign(group, record, home, cut.clone(), root);
                (Kind::RETIRE, retire.encode())
            }
            Say::Raw(kind, payload) => (*kind, payload.clone()),
        }
    }

    /// Makes a control event. A `create` names its group by itself.
    pub fn event(
        &self,
        group: ChatId,
        by: At,
        prev: Option<&Event>,
        ctl: Vec<EventId>,
        ts: u64,
        say: Say,
    ) -> Event {
        let (kind, payload) = self.payload(group, by, &say);
        let create = kind == Kind::CREATE;
        let header = Header {
            v: 1,
            group: if create { ChatId::default() } else { group },
            author: self.user(by.0),
            home: self.home(by),
            lane: 0,
            seq: prev.map_or(0, |prev| prev.header.seq + 1),
            prev: prev.map_or(EventId::default(), |prev| prev.id),
            ctl: if create { vec![] } else { ctl },
            deps: vec![],
            ts: Timestamp::from_ms(ts),
            kind,
            payload_len: payload.len() as u32,
            payload_hash: Hash(*blake3::hash(&payload).as_bytes()),
        };
        Event {
            id: id_of(&header),
            by,
            header,
            payload,
            say,
        }
    }

    /// A header of lane 1 or 2.
    pub fn message(
        &self,
        group: ChatId,
        by: At,
        (lane, kind): (u8, Kind),
        (seq, prev): (u64, EventId),
        ctl: Vec<EventId>,
        ts: u64,
    ) -> (EventId, Header) {
        let header = Header {
            v: 1,
            group,
            author: self.user(by.0),
            home: self.home(by),
            lane,
            seq,
            prev,
            ctl,
            deps: vec![],
            ts: Timestamp::from_ms(ts),
            kind,
            payload_len: 0,
            payload_hash: Hash::default(),
        };
        (id_of(&header), header)
    }
}

pub fn id_of(header: &Header) -> EventId {
    EventId(blake3::derive_key(
        "chater event id v1",
        &codec::encode(header),
    ))
}

pub fn insert(group: &mut Group, event: &Event) -> Outcome {
    group.insert_parts(event.id, &event.header, Some(&event.payload))
}

/// All that can be asked of a group, to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub members: Vec<(u8, &'static str)>,
    pub policy: Option<Policy>,
    /// Events that are valid, and those that are live.
    pub valid: Vec<EventId>,
    pub live: Vec<EventId>,
}

pub fn seen(people: &People, group: &Group) -> Seen {
    use chater_protocol::chat::group::Rank;
    let rank = |rank| match rank {
        Rank::Owner => "owner",
        Rank::Admin => "admin",
        Rank::Member => "member",
    };
    let mut members: Vec<(u8, &'static str)> = group
        .members()
        .map(|(user, r)| (people.name(&user), rank(r)))
        .collect();
    members.sort_unstable();
    let mut all: Vec<EventId> = group.events().collect();
    all.sort_unstable();
    Seen {
        members,
        policy: group.policy().cloned(),
        valid: all
            .iter()
            .copied()
            .filter(|id| group.is_valid(id) == Some(true))
            .collect(),
        live: all
            .iter()
            .copied()
            .filter(|id| group.is_live(id) == Some(true))
            .collect(),
    }
}
