//! What one home may do in a group now, and what it must write to do so (L2, M4, M7).
//!
//! Every answer asks the very rule that will judge the event, with the links that the event will
//! carry: what is allowed here is valid once written, and what is forbidden would be void.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::act::Act;
use super::fold::Place;
use super::graph::{At, Graph, UserNo};
use super::stand::{Deed, Past};
use super::{Group, Rank};
use crate::heads::HeadRow;
use crate::id::{EventId, HomeId, UserId};
use crate::limits;
use crate::payload::{Cut, CutRow, Policy, Role};

/// One home of one user in a group.
#[derive(Debug)]
pub struct Seat<'a> {
    group: &'a Group,
    user: Option<UserNo>,
    home: HomeId,
    links: Vec<At>,
    /// Last event of the home's own control feed: looked for when it is first asked for, since a message has no use for it and
    /// an owner's feed is long.
    last: OnceLock<Option<At>>,
}

impl Group {
    /// The seat of a home; also of one that may do nothing.
    #[must_use]
    pub fn seat(&self, user: &UserId, home: HomeId) -> Seat<'_> {
        let no = self.graph.user_no(user);
        Seat {
            group: self,
            user: no,
            home,
            links: self.links(no),
            last: OnceLock::new(),
        }
    }

    /// L2: heads of the control graph, at most 8: one above the author's own grant and one above its add, then the
    /// owner's, then one of each user before the second of any, by rank. Else who has many homes, or has left and
    /// forks, pushes out what others have done.
    fn links(&self, user: Option<UserNo>) -> Vec<At> {
        let fold = self.fold();
        let place = user.and_then(|no| fold.places.get(no)).cloned();
        let Place { adds, grants } = place.unwrap_or_default();
        let above = |head: At, list: &[At]| list.iter().any(|x| self.graph.sees(head, *x));
        let mut heads = fold.heads.clone();
        heads.sort_by_cached_key(|head| {
            let node = self.graph.node(*head);
            let own = (above(*head, &grants), above(*head, &adds));
            std::cmp::Reverse((own, node.ts, node.id))
        });
        if heads.len() <= limits::LINKS {
            return heads;
        }
        let first = |list: &[At]| heads.iter().copied().find(|head| above(*head, list));
        let own = [first(&grants), first(&adds)];
        let mut turns: HashMap<UserNo, usize> = HashMap::new();
        let mut by_turn: Vec<_> = heads
            .iter()
            .map(|head| {
                let by = self.graph.node(*head).user;
                let rank = self.rank(&self.graph.user(by));
                let turn = turns.entry(by).or_default();
                *turn += usize::from(rank != Some(Rank::Owner));
                let key = (!own.contains(&Some(*head)), *turn, std::cmp::Reverse(rank));
                (key, *head)
            })
            .collect();
        by_turn.sort_by_key(|(key, _)| *key);
        by_turn.truncate(limits::LINKS);
        by_turn.into_iter().map(|(_, head)| head).collect()
    }

    /// M7: where the feeds of a user end as known here. `heads` are those of lanes 1 and 2; lane 0 is
    /// taken from the graph. Of a forked control feed it names the branch that most events of others
    /// have seen, so that who forks an old feed undoes nothing.
    #[must_use]
    pub fn cut(&self, user: &UserId, heads: &[HeadRow]) -> Cut {
        let own = heads.iter().filter(|row| row.author == *user);
        let mut cut: Cut = own
            .filter(|row| row.lane == 1 || row.lane == 2)
            .map(|row| CutRow {
                home: row.home,
                lane: row.lane,
                seq: row.seq,
                id: row.id,
            })
            .collect();
        if let Some(no) = self.graph.user_no(user) {
            let homes = self.graph.homes(no).into_iter();
            cut.extend(homes.filter_map(|home| {
                let last = self.graph.node(last_of(&self.graph, no, home)?);
                Some(CutRow {
                    home,
                    lane: 0,
                    seq: last.seq,
                    id: last.id,
                })
            }));
        }
        cut.sort_by_key(|row| (row.lane, row.home, row.seq));
        cut.dedup_by_key(|row| (row.lane, row.home));
        cut.truncate(limits::CUT_ROWS);
        cut
    }
}

/// The last event of a control feed, at each fork along the branch that more events of other users
/// have in their past, then the lower id.
fn last_of(graph: &Graph, user: UserNo, home: HomeId) -> Option<At> {
    let seen_by_others = |at: At| {
        let others = graph.nodes().filter(|(_, node)| node.user != user);
        others.filter(|(other, _)| graph.sees(*other, at)).count()
    };
    let best = |branches: &[At]| match branches {
        [] | [_] => branches.first().copied(),
        several => several
            .iter()
            .copied()
            .max_by_key(|at| (seen_by_others(*at), std::cmp::Reverse(graph.node(*at).id))),
    };
    let mut last = None;
    for seq in 0.. {
        let here = graph.events_at(user, home, seq).iter().copied();
        let next: Vec<At> = match last {
            None => here.collect(),
            Some(last) => here.filter(|at| graph.is_below(last, *at)).collect(),
        };
        let Some(next) = best(&next) else {
            break;
        };
        last = Some(next);
    }
    last
}

impl Seat<'_> {
    fn last(&self) -> Option<At> {
        let find = || last_of(&self.group.graph, self.user?, self.home);
        *self.last.get_or_init(find)
    }

    /// L2: the `ctl` of the next event of this home.
    #[must_use]
    pub fn ctl(&self) -> Vec<EventId> {
        let graph = &self.group.graph;
        self.links.iter().map(|at| graph.node(*at).id).collect()
    }

    /// Place of the next control event of this home: seq and prev.
    #[must_use]
    pub fn next(&self) -> (u64, EventId) {
        self.last().map_or((0, EventId::default()), |last| {
            let last = self.group.graph.node(last);
            (last.seq.saturating_add(1), last.id)
        })
    }

    /// Whether a control event of this home with these words would be valid.
    fn may(&self, act: &Act, target: Option<&UserId>) -> bool {
        let graph = &self.group.graph;
        let target = target.map(|user| graph.user_no(user));
        // A user that the graph does not know has no rank yet.
        let links: Vec<At> = self.links.iter().copied().chain(self.last()).collect();
        let Some(user) = self.user else {
            return false;
        };
        let deed = Deed {
            user,
            home: self.home,
            lane: 0,
            seq: self.next().0,
            id: EventId::default(),
            past: Past::From(&links),
        };
        let fold = self.group.fold();
        fold.is_valid(graph, &deed, act, target.flatten())
    }

    fn message(&self) -> Option<Deed<'_>> {
        // Beyond every cut: only what nothing has ended yet allows it.
        Some(Deed {
            user: self.user?,
            home: self.home,
            lane: 2,
            seq: u64::MAX,
            id: EventId::default(),
            past: Past::From(&self.links),
        })
    }

    /// Messages and keys (M6).
    #[must_use]
    pub fn may_write(&self) -> bool {
        self.message().is_some_and(|deed| self.group.stands(&deed))
    }

    /// M4. Adding a member again is allowed and changes little.
    #[must_use]
    pub fn may_add(&self, user: &UserId, role: Role) -> bool {
        self.may(&Act::Add(*user, role), Some(user))
    }

    /// M4.
    #[must_use]
    pub fn may_remove(&self, user: &UserId) -> bool {
        self.may(&Act::Remove(*user, Cut::new()), Some(user))
    }

    /// M2.
    #[must_use]
    pub fn may_set_role(&self, user: &UserId, role: Role) -> bool {
        self.may(&Act::Role(*user, role, Cut::new()), Some(user))
    }

    /// M2.
    #[must_use]
    pub fn may_set_policy(&self, policy: &Policy) -> bool {
        policy.who_adds <= 1 && policy.history <= 2 && self.may(&Act::Policy(policy.clone()), None)
    }

    /// M2: everybody but the owner.
    #[must_use]
    pub fn may_leave(&self) -> bool {
        self.may(&Act::Leave(Cut::new()), None)
    }

    /// I8: a retire of another home of this user.
    #[must_use]
    pub fn may_retire(&self, home: HomeId) -> bool {
        self.may(&Act::Retire(home, Cut::new()), None)
    }

    /// M4: title and picture.
    #[must_use]
    pub fn may_profile(&self) -> bool {
        self.message().is_some_and(|deed| {
            self.group.stands(&deed) && self.group.fold().acts(&self.group.graph, &deed)
        })
    }

    /// M4, L8: a message of that author.
    #[must_use]
    pub fn may_delete_of(&self, author: &UserId) -> bool {
        self.message()
            .is_some_and(|deed| self.group.deletes(&deed, author))
    }
}
