//! Every ordered pair of control acts on one user, with the outcome written down by hand (M2-M6).
//!
//! A letter is what the user x is afterwards: `-` not a member, `m` member, `A` admin. The tables were
//! filled in from the text of the rules, not from the code.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first wrong thing"
)]

#[path = "common/groups.rs"]
mod groups;
#[path = "common/story.rs"]
mod story;

use chater_protocol::chat::group::{Group, Rank};
use chater_protocol::payload::Role;

use groups::{At, Rng, Say, insert};
use story::{ADMIN, ADMIN_2, MEMBER, OWNER, REMOVED, Story, X};

/// Acts that have effect, by those who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
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

const ACTS: [Act; 8] = [
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
const AFTER: [(char, &str); 3] = [
    ('-', "m m - - A m - -"),
    ('m', "m m - - A m - m"),
    ('A', "A A - A A m - A"),
];

/// Neither has seen the other. Columns as above, one row per act; symmetric.
/// x was a member once and was removed by the owner: both acts have seen that.
const APART_OUT: [&str; 8] = [
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
const APART_MEMBER: [&str; 8] = [
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
const APART_ADMIN: [&str; 8] = [
    /* AddO   */ "A A - A A m - A",
    /* AddA   */ "A A - A A m - A",
    /* RemO   */ "- - - - - - - -",
    /* RemA   */ "A A - A A m - A",
    /* Grant  */ "A A - A A m - A",
    /* Revoke */ "m m - m m m - m",
    /* Leave  */ "- - - - - - - -",
    /* Retire */ "A A - A A m - A",
];

impl Story {
    fn say(&self, act: Act) -> Say {
        match act {
            Act::AddO | Act::AddA => Say::Add(X, Role::Member),
            Act::RemO | Act::RemA => Say::Remove(X, self.cut(X)),
            Act::Grant => Say::Role(X, Role::Admin, vec![]),
            Act::Revoke => Say::Role(X, Role::Member, self.cut(X)),
            Act::Leave => Say::Leave(self.cut(X)),
            Act::Retire => Say::Retire(2, vec![], true),
        }
    }

    /// What x is, the same in any order of arrival.
    fn x(&self) -> char {
        let mut events = self.events.clone();
        let mut rng = Rng(events.len() as u64);
        let mut seen = None;
        for turn in 0..4 {
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
            // Nobody else is ever touched.
            let others = [OWNER, ADMIN, ADMIN_2, MEMBER, REMOVED];
            let others = others.map(|n| group.rank(&self.people.user(n)));
            let (owner, admin, member) = (Some(Rank::Owner), Some(Rank::Admin), Some(Rank::Member));
            assert_eq!(others, [owner, admin, admin, member, None]);
            rng.shuffle(&mut events);
        }
        seen.unwrap()
    }
}

/// Who writes an act; `second` says that it is the later or the other one.
fn writers(act: Act, second: bool) -> Vec<At> {
    match act {
        // From one home, or from the owner's two homes.
        Act::AddO | Act::RemO | Act::Grant | Act::Revoke => {
            vec![At(OWNER, u8::from(second)), At(OWNER, 0)]
        }
        Act::AddA | Act::RemA if second => vec![At(ADMIN_2, 0), At(ADMIN, 1), At(ADMIN, 0)],
        Act::AddA | Act::RemA => vec![At(ADMIN, 0)],
        Act::Leave | Act::Retire => vec![At(X, u8::from(second)), At(X, 0)],
    }
}

fn column(row: &str, act: Act) -> char {
    let at = ACTS.iter().position(|a| *a == act).unwrap();
    row.split(' ').nth(at).unwrap().chars().next().unwrap()
}

fn after(x: char, act: Act) -> char {
    column(AFTER.iter().find(|(from, _)| *from == x).unwrap().1, act)
}

#[test]
fn one_act() {
    for (x, _) in AFTER {
        assert_eq!(Story::new(x).x(), x);
        for act in ACTS {
            let mut story = Story::new(x);
            let say = story.say(act);
            story.then(writers(act, false)[0], say);
            assert_eq!(story.x(), after(x, act), "{x} {act:?}");
        }
    }
}

#[test]
fn one_act_after_another() {
    for (x, _) in AFTER {
        for (first, second) in ACTS.into_iter().flat_map(|a| ACTS.map(|b| (a, b))) {
            for by in writers(second, true) {
                let mut story = Story::new(x);
                let say = story.say(first);
                story.then(writers(first, false)[0], say);
                let say = story.say(second);
                story.then(by, say);
                let expected = after(after(x, first), second);
                assert_eq!(
                    story.x(),
                    expected,
                    "{x} {first:?} then {second:?} by {by:?}"
                );
            }
        }
    }
}

#[test]
fn two_acts_that_have_not_seen_each_other() {
    let tables = [('-', APART_OUT), ('m', APART_MEMBER), ('A', APART_ADMIN)];
    for (x, table) in tables {
        for (i, (first, row)) in ACTS.into_iter().zip(table).enumerate() {
            for (second, mirror) in ACTS.into_iter().zip(table) {
                let expected = column(row, second);
                let mirrored = mirror.split(' ').nth(i).unwrap().starts_with(expected);
                assert!(
                    mirrored,
                    "the table of {x} is symmetric at {first:?}, {second:?}"
                );
                for by in writers(second, true) {
                    let mut story = Story::new(x);
                    let (one, other) = (story.say(first), story.say(second));
                    let heads = story.heads();
                    let first_by = writers(first, false)[0];
                    // Two events of one home have always seen each other.
                    if by == first_by {
                        continue;
                    }
                    story.write(first_by, heads.clone(), one);
                    story.write(by, heads, other);
                    let told = format!("{x} {first:?} beside {second:?} by {by:?}");
                    assert_eq!(story.x(), expected, "{told}");
                }
            }
        }
    }
}

/// M2: acts of those who may not change nothing, whatever stands beside, before or after them.
#[test]
fn void_acts_do_nothing() {
    type Idle = (At, fn(&Story) -> Say);
    let void: [Idle; 12] = [
        // An admin cannot give or take admin.
        (At(ADMIN, 0), |_| Say::Role(X, Role::Admin, vec![])),
        (At(ADMIN, 0), |_| Say::Role(X, Role::Member, vec![])),
        (At(ADMIN, 0), |_| Say::Add(X, Role::Admin)),
        // A member can do nothing to others.
        (At(MEMBER, 0), |_| Say::Add(X, Role::Member)),
        (At(MEMBER, 0), |s| Say::Remove(X, s.cut(X))),
        (At(MEMBER, 0), |_| Say::Role(X, Role::Admin, vec![])),
        // A removed admin neither, from the old home or a fresh one.
        (At(REMOVED, 0), |_| Say::Add(X, Role::Member)),
        (At(REMOVED, 1), |_| Say::Remove(X, vec![])),
        (At(REMOVED, 1), |_| Say::Role(X, Role::Admin, vec![])),
        // x on itself.
        (At(X, 1), |_| Say::Add(X, Role::Admin)),
        (At(X, 1), |_| Say::Role(X, Role::Admin, vec![])),
        (At(X, 1), |s| Say::Remove(X, s.cut(X))),
    ];
    for (x, _) in AFTER {
        for (n, (by, say)) in void.into_iter().enumerate() {
            for act in ACTS {
                for order in ["before", "after", "beside"] {
                    let mut story = Story::new(x);
                    let heads = story.heads();
                    let (idle, real) = (say(&story), story.say(act));
                    let writer = writers(act, false)[0];
                    match order {
                        "before" => {
                            story.then(by, idle);
                            story.then(writer, real);
                        }
                        "after" => {
                            story.then(writer, real);
                            story.then(by, idle);
                        }
                        _ => {
                            story.write(writer, heads.clone(), real);
                            story.write(by, heads, idle);
                        }
                    }
                    assert_eq!(story.x(), after(x, act), "{x}: void {n} {order} {act:?}");
                }
            }
        }
    }
}
