//! Every ordered pair of control acts on one user, with the outcome written down by hand (M2-M6).
//!
//! The tables are in `common/acts.rs`; what forks do to them is in `groups_forks.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first wrong thing"
)]

#[path = "common/acts.rs"]
mod acts;
#[path = "common/groups.rs"]
mod groups;
#[path = "common/story.rs"]
mod story;

use chater_protocol::payload::Role;

use acts::{ACTS, AFTER, APART, after, apart};
use groups::{At, Say};
use story::{ADMIN, MEMBER, REMOVED, Story, X};

#[test]
fn one_act() {
    for (x, _) in AFTER {
        assert_eq!(Story::new(x).x(), x);
        for act in ACTS {
            let mut story = Story::new(x);
            let say = story.say(act);
            story.then(act.writers(false)[0], say);
            assert_eq!(story.x(), after(x, act), "{x} {act:?}");
        }
    }
}

#[test]
fn one_act_after_another() {
    for (x, _) in AFTER {
        for (first, second) in ACTS.into_iter().flat_map(|a| ACTS.map(|b| (a, b))) {
            for by in second.writers(true) {
                let mut story = Story::new(x);
                let say = story.say(first);
                story.then(first.writers(false)[0], say);
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
    for (x, _) in APART {
        for (first, second) in ACTS.into_iter().flat_map(|a| ACTS.map(|b| (a, b))) {
            let expected = apart(x, first, second);
            assert_eq!(
                expected,
                apart(x, second, first),
                "the table of {x} is symmetric at {first:?}, {second:?}"
            );
            for by in second.writers(true) {
                let mut story = Story::new(x);
                let (one, other) = (story.say(first), story.say(second));
                let heads = story.heads();
                let first_by = first.writers(false)[0];
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
                    let writer = act.writers(false)[0];
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
