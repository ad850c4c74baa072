//! Every ordered pair of control acts on one user where the first one forks (L7): two branches stand at one
//! number, nothing or a cut settles them, and the second act had seen either, both or neither.
//!
//! What follows was filled in from the text of the rules, not from the code: which acts of a forked feed
//! count. What x is then is in the tables of `common/acts.rs`, as if acts that do not count were not there.

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

use chater_protocol::chat::group::Group;
use chater_protocol::event::Kind;
use chater_protocol::payload::{Cut, Role};

use acts::{ACTS, APART, Act, after, apart};
use groups::{At, Event, Say, insert};
use story::{ADMIN, OWNER, Story, X};

/// What became of a fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// No cut names a branch.
    Open,
    /// A cut names the act, or what stands beside it.
    For,
    Against,
    /// One cut names the act, another an event above what stands beside it: the act has the lower id, or
    /// the higher.
    Lower,
    Higher,
}

const FATES: [Fate; 5] = [
    Fate::Open,
    Fate::For,
    Fate::Against,
    Fate::Lower,
    Fate::Higher,
];

/// Whose cut it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cutter {
    /// A `retire` of the home, signed by the root.
    Root,
    /// The owner takes admin from whoever forked.
    Owner,
}

/// Whether an act counts whose home forked it, by fate: Open For Against Lower Higher. Acts on others are void
/// from an open fork on, and count on the branch picked. A `leave` is not undone by a fork (L7) or a retire
/// (I8). A `retire` joins with all retires set aside (M3), so that none settles the fork below it.
const COUNTS: [(Act, &str); 8] = [
    (Act::AddO, "- + - + -"),
    (Act::AddA, "- + - + -"),
    (Act::RemO, "- + - + -"),
    (Act::RemA, "- + - + -"),
    (Act::Grant, "- + - + -"),
    (Act::Revoke, "- + - + -"),
    (Act::Leave, "+ + + + +"),
    (Act::Retire, "- - - - -"),
];

fn counts(act: Act, fate: Fate) -> bool {
    let row = COUNTS.iter().find(|(own, _)| *own == act).unwrap().1;
    let at = FATES.iter().position(|own| *own == fate).unwrap();
    row.split(' ').nth(at) == Some("+")
}

/// What the second act had seen of the fork; of both it names one, if it has a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Saw {
    Neither,
    Act,
    Other,
    BothNamesAct,
    BothNamesOther,
}

/// With the fates that are worth a look beside each.
const SAW: [(Saw, &[Fate]); 5] = [
    (Saw::Neither, &FATES),
    (Saw::Act, &FATES),
    (Saw::Other, &[Fate::Open, Fate::For, Fate::Against]),
    (Saw::BothNamesAct, &[Fate::Open, Fate::For]),
    (Saw::BothNamesOther, &[Fate::Open, Fate::Against]),
];

/// What x is. The first act forks; the second is from another home.
fn expected(x: char, first: Act, fate: Fate, second: Act, saw: Saw) -> char {
    // M4, L7: the owner's revocation picks the branch on which x did not leave. A remove would pick it
    // too, and takes x out itself; an admin's of an admin is void and picks nothing.
    if (first, second, saw) == (Act::Leave, Act::Revoke, Saw::Other) {
        return after(x, second);
    }
    match saw {
        _ if !counts(first, fate) => after(x, second),
        Saw::Neither | Saw::Other => apart(x, first, second),
        _ => after(after(x, first), second),
    }
}

/// Whether the first act, a `retire` of x that forks, is valid: if a cut names it that is no retire, and x
/// was in. An admin's remove of an admin has no cut, since it is void.
fn retires(x: char, second: Act, saw: Saw) -> bool {
    let cuts = match x {
        '-' => &[][..],
        'm' => &[Act::RemO, Act::RemA, Act::Revoke],
        _ => &[Act::RemO, Act::Revoke],
    };
    cuts.contains(&second) && [Saw::Act, Saw::BothNamesAct].contains(&saw)
}

/// By whom the fork of that home can be settled, but for x: x is what the tables are about.
fn cutters(by: At, fate: Fate) -> &'static [Cutter] {
    if by.0 == ADMIN && fate != Fate::Open {
        &[Cutter::Root, Cutter::Owner]
    } else {
        &[Cutter::Root]
    }
}

impl Story {
    /// Another event at the place of that one, with the same links.
    fn fork(&mut self, of: &Event, say: Say) -> Event {
        let at = self.events.iter().position(|e| e.id == of.id).unwrap();
        let prev = self.events.iter().find(|e| e.id == of.header.prev);
        let (ctl, ts) = (of.header.ctl.clone(), of.header.ts.ms() + 1);
        let other = self.people.event(self.group, of.by, prev, ctl, ts, say);
        assert_eq!(other.header.seq, of.header.seq);
        // Before it, so that what the home writes next stands above the first.
        self.events.insert(at, other.clone());
        other
    }

    /// An event above that one whose id is greater, or not, than that of `than`.
    fn above(&mut self, below: &Event, than: &Event, greater: bool) -> Event {
        let at = self.events.iter().position(|e| e.id == below.id).unwrap();
        let ctl = below.header.ctl.clone();
        let made = (1..).map(|n| {
            let (say, ts) = (nothing(), below.header.ts.ms() + n);
            let people = self.people;
            people.event(self.group, below.by, Some(below), ctl.clone(), ts, say)
        });
        let above = made.into_iter().find(|e| (e.id > than.id) == greater);
        self.events.insert(at + 1, above.clone().unwrap());
        above.unwrap()
    }

    /// The fork comes to that fate. Whoever cuts has seen all.
    fn settle(&mut self, fate: Fate, cutter: Cutter, act: &Event, other: &Event) {
        let ends = match fate {
            Fate::Open => vec![],
            Fate::For => vec![act.clone()],
            Fate::Against => vec![other.clone()],
            Fate::Lower | Fate::Higher => {
                let above = self.above(other, act, fate == Fate::Lower);
                vec![act.clone(), above]
            }
        };
        for end in ends {
            let At(user, home) = end.by;
            match cutter {
                Cutter::Root => {
                    let say = Say::Retire(home, vec![end.row()], true);
                    self.then(At(user, 2), say);
                }
                Cutter::Owner => {
                    let mut cut = self.cut(user);
                    cut.retain(|row| row.home != end.header.home);
                    cut.push(end.row());
                    self.then(At(OWNER, 2), Say::Role(user, Role::Member, cut));
                }
            }
        }
    }

    /// In one order, another for each story: there are thousands.
    fn x_after(&self, cutter: Cutter) -> char {
        self.x_in(1, (cutter == Cutter::Owner).then_some(ADMIN))
    }
}

/// A kind of a later version: void, but it has its place (M6).
fn nothing() -> Say {
    Say::Raw(Kind(99), vec![1])
}

fn pairs() -> impl Iterator<Item = (char, Act, Act)> {
    let pairs = ACTS.into_iter().flat_map(|a| ACTS.map(|b| (a, b)));
    pairs.flat_map(|(a, b)| APART.map(|(x, _)| (x, a, b)))
}

/// The first act stands beside an event that says nothing. `Saw::Act` with `Fate::Against` is the event
/// that named the losing branch: only its past grew.
#[test]
fn the_first_forks_and_the_second_is_from_another_home() {
    for (x, first, second) in pairs() {
        let forker = first.writers(false)[0];
        for by in second.writers(true).into_iter().filter(|by| *by != forker) {
            for (saw, fates) in SAW {
                let mut story = Story::new(x);
                let (heads, mut cut) = (story.heads(), story.cut(X));
                let act = story.write(forker, heads.clone(), story.say(first));
                let other = story.fork(&act, nothing());
                let (ctl, named) = match saw {
                    Saw::Neither => (heads, None),
                    Saw::Act => (vec![act.id], Some(&act)),
                    Saw::Other => (vec![other.id], Some(&other)),
                    Saw::BothNamesAct => (vec![act.id, other.id], Some(&act)),
                    Saw::BothNamesOther => (vec![act.id, other.id], Some(&other)),
                };
                if let Some(named) = named.filter(|_| forker.0 == X) {
                    cut.retain(|row| row.home != named.header.home);
                    cut.push(named.row());
                }
                story.write(by, ctl, second.say(cut));
                let written = story.events.clone();
                for fate in fates.iter().copied() {
                    for cutter in cutters(forker, fate) {
                        story.events.clone_from(&written);
                        story.settle(fate, *cutter, &act, &other);
                        let told = format!(
                            "{x} {first:?} forks, {second:?} by {by:?} saw {saw:?}; {fate:?} by {cutter:?}"
                        );
                        let is = expected(x, first, fate, second, saw);
                        assert_eq!(story.x_after(*cutter), is, "{told}");
                        if first == Act::Retire {
                            let mut group = Group::new(story.group);
                            story
                                .events
                                .iter()
                                .for_each(|e| drop(insert(&mut group, e)));
                            let retires = retires(x, second, saw);
                            assert_eq!(group.is_valid(&act.id), Some(retires), "{told}");
                        }
                    }
                }
            }
        }
    }
}

/// The second act is the next one of the home that forks. Above an open fork, and above a cut, nothing counts
/// but a `leave`; a cut that names the second act has both count.
#[test]
fn the_second_stands_above_the_fork() {
    for (x, first, second) in pairs() {
        let forker = first.writers(false)[0];
        if second.writers(false)[0] != forker {
            continue;
        }
        for fate in [Fate::Open, Fate::For, Fate::Against] {
            for (cutter, both) in cutters(forker, fate)
                .iter()
                .flat_map(|c| [(c, false), (c, true)])
            {
                if both && fate != Fate::For {
                    continue;
                }
                let mut story = Story::new(x);
                let act = story.then(forker, story.say(first));
                let other = story.fork(&act, nothing());
                let next = story.write(forker, vec![act.id], story.say(second));
                let named = if both { &next } else { &act };
                story.settle(fate, *cutter, named, &other);
                let mut is = x;
                if counts(first, fate) {
                    is = after(is, first);
                }
                if counts(second, fate) && (both || second == Act::Leave) {
                    is = after(is, second);
                }
                let told = format!("{x} {first:?} forks below {second:?}; {fate:?} by {cutter:?}");
                assert_eq!(story.x_after(*cutter), is, "{told}, both {both}");
            }
        }
    }
}

/// The two acts are the branches: of an open fork neither counts, else the one that was picked, if no other cut ends
/// it; a `leave` counts anyhow.
#[test]
fn the_two_acts_stand_at_one_number() {
    for (x, first, second) in pairs() {
        let forker = first.writers(false)[0];
        if second.writers(false)[0] != forker {
            continue;
        }
        for fate in FATES {
            for cutter in cutters(forker, fate) {
                let mut story = Story::new(x);
                let (one, two) = (story.say(first), story.say(second));
                let act = story.then(forker, one);
                let other = story.fork(&act, two);
                story.settle(fate, *cutter, &act, &other);
                let beside = match fate {
                    Fate::Against => Fate::For,
                    Fate::Open => Fate::Open,
                    // Every cut holds (M3): one that names another event at this number ends the other branch below it.
                    Fate::For | Fate::Lower | Fate::Higher => Fate::Against,
                };
                let mut is = x;
                for (act, fate) in [(first, fate), (second, beside)] {
                    if counts(act, fate) {
                        is = after(is, act);
                    }
                }
                let told = format!("{x} {first:?} beside {second:?}; {fate:?} by {cutter:?}");
                assert_eq!(story.x_after(*cutter), is, "{told}");
            }
        }
    }
}

/// The owner's cut settles a fork of x itself, beside everything else: up to where it names, x acted.
#[test]
fn a_leave_that_forks_is_where_the_cut_says() {
    let cut = |event: &Event| -> Cut { vec![event.row()] };
    for (named, is) in [(true, None), (false, Some('m'))] {
        let mut story = Story::new('m');
        let heads = story.heads();
        let leave = story.write(At(X, 0), heads.clone(), Act::Leave.say(vec![]));
        let other = story.fork(&leave, nothing());
        // A grant is no cut: the fork is open, and it had not seen the leave.
        story.write(
            At(OWNER, 1),
            vec![other.id],
            Say::Role(X, Role::Admin, cut(&other)),
        );
        assert_eq!(story.x(), '-');
        let end = if named { &leave } else { &other };
        story.write(
            At(OWNER, 1),
            vec![other.id],
            Say::Role(X, Role::Member, cut(end)),
        );
        assert_eq!(story.x(), is.unwrap_or('-'));
    }
}
