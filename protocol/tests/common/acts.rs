//! Control acts on one user x by those who may, and the tables of what x is after two of them (M2-M6).
//!
//! A letter is what the user x is afterwards: `-` not a member, `m` member, `A` admin. The tables were
//! filled in from the text of the rules, not from the code.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test material; each test uses its part"
)]

use chater_protocol::chat::group::{Group, Rank};
use chater_protocol::payload::{Cut, Role};

use super::groups::{At, Rng, Say, insert};
use super::story::{ADMIN, ADMIN_2, MEMBER, OWNER, REMOVED, Story, X};

/// Acts that have effect, by those who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// `add` by the owner; by an admin.
    AddO,
    AddA,
    /// `remove` by the owner; by an admin.
    RemO,
    RemA,
    /// `role` admin and `role` member by the owner.
    Grant,
    Revoke,
    /// By x itself: `leave`, and `retire` of its third home.
    Leave,
    Retire,
}

pub const ACTS: [Act; 8] = [
    Act::AddO,
    Act::AddA,
    Act::RemO,
    Act::RemA,
    Act::Grant,
    Act::Revoke,
    Act::Leave,
    Act::Retire,
];

/// The second act has seen the first. Rows: x before. Columns: AddO AddA RemO RemA Grant Revoke Leave
/// Retire. An `add` of an admin takes nothing away; an admin's remove of an admin is void (M4); an
/// owner's `role` counts as an add (M5); who is out cannot leave or retire (M3).
pub const AFTER: [(char, &str); 3] = [
    ('-', "m m - - A m - -"),
    ('m', "m m - - A m - m"),
    ('A', "A A - A A m - A"),
];

/// Neither has seen the other. Columns as above, one row per act; symmetric.
/// x was a member once and was removed by the owner: both acts have seen that.
pub const APART_OUT: [&str; 8] = [
    /* AddO   */ "m m - - A m m m",
    /* AddA   */ "m m - - A m m m",
    /* RemO   */ "- - - - - - - -",
    /* RemA   */ "- - - - A - - -",
    /* Grant  */ "A A - A A m A A",
    /* Revoke */ "m m - - m m m m",
    /* Leave  */ "m m - - A m - -",
    /* Retire */ "m m - - A m - -",
];
/// x is a member. Remove wins over every add, but an admin's remove is void against the owner's
/// concurrent grant (M4).
pub const APART_MEMBER: [&str; 8] = [
    /* AddO   */ "m m - - A m - m",
    /* AddA   */ "m m - - A m - m",
    /* RemO   */ "- - - - - - - -",
    /* RemA   */ "- - - - A - - -",
    /* Grant  */ "A A - A A m - A",
    /* Revoke */ "m m - - m m - m",
    /* Leave  */ "- - - - - - - -",
    /* Retire */ "m m - - A m - m",
];
/// x is admin: an admin's remove is void unless it had seen the owner take admin, or x leave.
pub const APART_ADMIN: [&str; 8] = [
    /* AddO   */ "A A - A A m - A",
    /* AddA   */ "A A - A A m - A",
    /* RemO   */ "- - - - - - - -",
    /* RemA   */ "A A - A A m - A",
    /* Grant  */ "A A - A A m - A",
    /* Revoke */ "m m - m m m - m",
    /* Leave  */ "- - - - - - - -",
    /* Retire */ "A A - A A m - A",
];

/// What x is at first, with its table of acts that have not seen each other.
pub const APART: [(char, [&str; 8]); 3] =
    [('-', APART_OUT), ('m', APART_MEMBER), ('A', APART_ADMIN)];

pub fn column(row: &str, act: Act) -> char {
    let at = ACTS.iter().position(|a| *a == act).unwrap();
    row.split(' ').nth(at).unwrap().chars().next().unwrap()
}

pub fn after(x: char, act: Act) -> char {
    column(AFTER.iter().find(|(from, _)| *from == x).unwrap().1, act)
}

pub fn apart(x: char, first: Act, second: Act) -> char {
    let table = APART.iter().find(|(from, _)| *from == x).unwrap().1;
    let row = ACTS.iter().position(|act| *act == first).unwrap();
    column(table[row], second)
}

impl Act {
    /// Who writes it; `second` says that it is the later or the other one.
    pub fn writers(self, second: bool) -> Vec<At> {
        match self {
            // From one home, or from the owner's two homes.
            Self::AddO | Self::RemO | Self::Grant | Self::Revoke => {
                vec![At(OWNER, u8::from(second)), At(OWNER, 0)]
            }
            Self::AddA | Self::RemA if second => vec![At(ADMIN_2, 0), At(ADMIN, 1), At(ADMIN, 0)],
            Self::AddA | Self::RemA => vec![At(ADMIN, 0)],
            Self::Leave | Self::Retire => vec![At(X, u8::from(second)), At(X, 0)],
        }
    }

    /// Its words; `cut` is where x's feeds end for whoever says it.
    pub fn say(self, cut: Cut) -> Say {
        match self {
            Self::AddO | Self::AddA => Say::Add(X, Role::Member),
            Self::RemO | Self::RemA => Say::Remove(X, cut),
            Self::Grant => Say::Role(X, Role::Admin, vec![]),
            Self::Revoke => Say::Role(X, Role::Member, cut),
            Self::Leave => Say::Leave(cut),
            Self::Retire => Say::Retire(2, vec![], true),
        }
    }
}

impl Story {
    pub fn say(&self, act: Act) -> Say {
        act.say(self.cut(X))
    }

    /// What x is, the same in so many orders of arrival. Nobody else is ever touched but this one, by the test itself.
    pub fn x_in(&self, orders: u8, touched: Option<u8>) -> char {
        let mut events = self.events.clone();
        let mut rng = Rng(events.iter().map(|e| u64::from(e.id.0[0])).sum());
        let mut seen = None;
        for turn in 0..orders {
            rng.shuffle(&mut events);
            let mut group = Group::new(self.group);
            for event in &events {
                insert(&mut group, event);
            }
            let x = match group.rank(&self.people.user(X)) {
                None => '-',
                Some(Rank::Member) => 'm',
                Some(Rank::Admin) => 'A',
                Some(Rank::Owner) => 'o',
            };
            assert_eq!(*seen.get_or_insert(x), x, "order {turn}");
            for (n, rank) in [
                (OWNER, Some(Rank::Owner)),
                (ADMIN, Some(Rank::Admin)),
                (ADMIN_2, Some(Rank::Admin)),
                (MEMBER, Some(Rank::Member)),
                (REMOVED, None),
            ] {
                assert!(touched == Some(n) || group.rank(&self.people.user(n)) == rank);
            }
        }
        seen.unwrap()
    }

    pub fn x(&self) -> char {
        self.x_in(4, None)
    }
}
