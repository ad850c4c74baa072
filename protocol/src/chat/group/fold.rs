//! The state that a set of control events comes to (M2-M6): a pure function of the set.

use std::collections::BTreeMap;

use super::act::Act;
use super::graph::{At, Graph, UserNo};
use super::rules::Rules;
use super::stand::{Deed, Standing};
use crate::id::UserId;
use crate::payload::Role;

/// The owner's number: author of `create`, the first event of every graph (M2).
pub(crate) const OWNER: UserNo = 0;
/// The `create` event.
pub(crate) const CREATE: At = 0;

#[derive(Debug)]
pub(crate) struct Fold {
    pub(crate) rules: Rules,
    /// Per event: it has the effect its words say.
    pub(crate) valid: Vec<bool>,
    /// Per event: it counts for heads and digests (M6, S5).
    pub(crate) live: Vec<bool>,
    /// Per user: the owner's grants against the owner's revocations (M4).
    pub(crate) ranks: Vec<Standing>,
    /// Per user: valid adds against valid removes (M6).
    pub(crate) stays: Vec<Standing>,
    /// Per user (M5).
    pub(crate) places: Vec<Place>,
    pub(crate) members: BTreeMap<UserId, UserNo>,
    /// Policies that stand, and whether one of them lets members add.
    policies: Vec<At>,
    opens: bool,
    /// The policy in force.
    pub(crate) policy: Option<At>,
    /// Live events that no other live one has in its past.
    pub(crate) heads: Vec<At>,
}

/// What a user is in the group (M5).
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    /// The adds by which the user is a member; none = not a member.
    pub(crate) adds: Vec<At>,
    /// The grants by which the user, if a member, is admin.
    pub(crate) grants: Vec<At>,
}

impl Fold {
    pub(crate) fn of(graph: &Graph, rules: Rules) -> Self {
        let mut fold = Self {
            rules,
            valid: vec![false; graph.len()],
            live: vec![false; graph.len()],
            ranks: vec![Standing::default(); graph.users()],
            stays: vec![Standing::default(); graph.users()],
            places: vec![Place::default(); graph.users()],
            members: BTreeMap::new(),
            policies: Vec::new(),
            opens: false,
            policy: None,
            heads: Vec::new(),
        };
        if graph.len() > 0 {
            fold.owner(graph);
            fold.ranks(graph);
            fold.stays(graph);
            fold.places(graph);
            fold.heads(graph);
        }
        fold
    }

    pub(crate) fn rank(&self, user: UserNo) -> &Standing {
        self.ranks.get(user).expect("one per user")
    }

    pub(crate) fn stay(&self, user: UserNo) -> &Standing {
        self.stays.get(user).expect("one per user")
    }

    /// The owner's events stand up to the retires of its homes (M3).
    fn owner(&mut self, graph: &Graph) {
        let mut own = Standing::set_aside(graph, self.rules, OWNER, vec![CREATE], vec![], &[]);
        own.join(graph, self.rules, OWNER, &[]);
        put(&mut self.ranks, OWNER, own);
        let stands = |p: &&At| **p == CREATE || self.acts(graph, &Deed::of(graph, **p));
        self.policies = graph.policies.iter().filter(stands).copied().collect();
        self.opens = self.policies.iter().any(|p| adds_are_open(graph, *p));
        self.policy = self.in_force(graph, &self.policies);
    }

    /// M4: who has admin from the owner, and up to where.
    fn ranks(&mut self, graph: &Graph) {
        let (grants, revocations) = self.role_acts(graph, |by| by == OWNER);
        self.set_ranks(graph, grants, revocations.clone());
        if !self.rules.owner_grants {
            let (grants, _) = self.role_acts(graph, |_| true);
            self.set_ranks(graph, grants, revocations);
        }
    }

    /// Per user the grants and revocations that stand, by these actors.
    fn role_acts(
        &self,
        graph: &Graph,
        by: impl Fn(UserNo) -> bool,
    ) -> (Vec<Vec<At>>, Vec<Vec<At>>) {
        let mut grants = vec![Vec::new(); graph.users()];
        let mut revocations = grants.clone();
        for (at, node) in graph.nodes().filter(|(_, node)| by(node.user)) {
            let list = match &node.act {
                Act::Add(_, Role::Admin) | Act::Role(_, Role::Admin, _) => &mut grants,
                Act::Remove(..) | Act::Role(_, Role::Member, _) => &mut revocations,
                _ => continue,
            };
            if let Some(list) = node.target.and_then(|target| list.get_mut(target))
                && self.is_of_lower_rank(node.user, node.target)
                && self.acts(graph, &Deed::of(graph, at))
            {
                list.push(at);
            }
        }
        (grants, revocations)
    }

    fn set_ranks(&mut self, graph: &Graph, grants: Vec<Vec<At>>, revocations: Vec<Vec<At>>) {
        let lists = grants.into_iter().zip(revocations).enumerate().skip(1);
        for (user, (grants, revocations)) in lists {
            if grants.is_empty() && revocations.is_empty() {
                continue;
            }
            let mut rank = Standing::set_aside(graph, self.rules, user, grants, revocations, &[]);
            rank.join(graph, self.rules, user, &[]);
            put(&mut self.ranks, user, rank);
        }
    }

    /// M6: what each user's events stand on. Admins' acts depend on the owner alone, so they come
    /// first; adds by ordinary members depend on earlier adds, with leaves and retires set aside all
    /// the way down until it is known which of those join.
    fn stays(&mut self, graph: &Graph) {
        let mut adds = vec![Vec::new(); graph.users()];
        let mut removes = adds.clone();
        for (at, node) in graph.nodes() {
            if !self.admin_act(graph, &Deed::of(graph, at), &node.act, node.target) {
                continue;
            }
            put(&mut self.valid, at, true);
            let list = match &node.act {
                Act::Remove(..) => &mut removes,
                Act::Role(..) if !self.rules.role_adds => continue,
                Act::Create(_) | Act::Add(..) | Act::Role(..) => &mut adds,
                _ => continue,
            };
            if let Some(list) = node.target.and_then(|target| list.get_mut(target)) {
                list.push(at);
            }
        }
        for (user, (adds, removes)) in adds.iter().zip(removes).enumerate() {
            let picks = &self.rank(user).revocations;
            let stay = Standing::set_aside(graph, self.rules, user, adds.clone(), removes, picks);
            put(&mut self.stays, user, stay);
        }
        self.member_adds(graph);
        for user in 0..graph.users() {
            let picks = self.rank(user).revocations.clone();
            if let Some(stay) = self.stays.get_mut(user) {
                stay.join(graph, self.rules, user, &picks);
            }
        }
        if self.opens {
            for (stay, adds) in self.stays.iter_mut().zip(adds) {
                stay.grants = adds;
            }
            for at in self.member_adds(graph) {
                put(&mut self.valid, at, true);
            }
        }
        for (at, node) in graph.nodes() {
            let deed = Deed::of(graph, at);
            if matches!(node.act, Act::Leave(_) | Act::Retire(..)) {
                let valid = self.is_valid(graph, &deed, &node.act, node.target);
                put(&mut self.valid, at, valid);
            }
            let valid = self.valid.get(at) == Some(&true);
            let live = (valid && self.rules.valid_is_live)
                || self.stay(node.user).stands(graph, self.rules, &deed);
            put(&mut self.live, at, live);
        }
    }

    /// Adds by ordinary members that stand, each given to its target as a grant. In the order of the
    /// graph, so all that an add can stand on has been judged before it.
    fn member_adds(&mut self, graph: &Graph) -> Vec<At> {
        let mut all = Vec::new();
        if !self.opens {
            return all;
        }
        for (at, node) in graph.nodes() {
            let valid = self.valid.get(at) == Some(&true);
            if !valid && self.member_add(graph, &Deed::of(graph, at), &node.act, node.target) {
                all.push(at);
                if let Some(stay) = node.target.and_then(|target| self.stays.get_mut(target)) {
                    stay.grants.push(at);
                }
            }
        }
        all
    }

    /// Whether the event has the effect its words say.
    pub(crate) fn is_valid(
        &self,
        graph: &Graph,
        deed: &Deed<'_>,
        act: &Act,
        target: Option<UserNo>,
    ) -> bool {
        match act {
            // M2: the owner's leave is void.
            Act::Leave(_) if deed.user == OWNER && self.rules.owner_stays => false,
            Act::Leave(_) | Act::Retire(..) => {
                let leave = matches!(act, Act::Leave(_));
                let stay = self.stay(deed.user);
                stay.would_join(graph, self.rules, deed, leave)
            }
            act => {
                self.admin_act(graph, deed, act, target)
                    || self.member_add(graph, deed, act, target)
            }
        }
    }

    /// M4: stands on the owner's grants against the owner's revocations and the user's own leaves.
    pub(crate) fn acts(&self, graph: &Graph, deed: &Deed<'_>) -> bool {
        self.rank(deed.user).stands(graph, self.rules, deed) || !self.rules.acts_need_a_grant
    }

    /// M2: one acts on others only, and nobody on the owner.
    fn is_of_lower_rank(&self, by: UserNo, target: Option<UserNo>) -> bool {
        (target != Some(OWNER) || !self.rules.owner_stays)
            && (target != Some(by) || !self.rules.on_others)
    }

    /// M2, M4: acts of the owner and of admins.
    fn admin_act(&self, graph: &Graph, deed: &Deed<'_>, act: &Act, target: Option<UserNo>) -> bool {
        let owner = deed.user == OWNER;
        match act {
            Act::Create(_) => true,
            Act::Policy(_) => owner && self.acts(graph, deed),
            Act::Role(..) | Act::Add(_, Role::Admin) if !owner && self.rules.owner_grants => false,
            Act::Role(..) | Act::Add(..) => {
                self.is_of_lower_rank(deed.user, target) && self.acts(graph, deed)
            }
            Act::Remove(..) => {
                self.is_of_lower_rank(deed.user, target)
                    && self.acts(graph, deed)
                    && (owner
                        || target.is_none_or(|target| self.may_be_removed(graph, deed, target)))
            }
            Act::Leave(_) | Act::Retire(..) | Act::Void => false,
        }
    }

    /// M4: admins do not remove admins. A grant that does not have the remove in its past protects,
    /// unless the remove has a revocation or leave in its past that the grant had not seen.
    fn may_be_removed(&self, graph: &Graph, deed: &Deed<'_>, target: UserNo) -> bool {
        let rank = self.rank(target);
        let taken = |g: At| {
            self.rules.revocation_opens
                && rank
                    .revocations
                    .iter()
                    .chain(&rank.leaves)
                    .any(|r| !graph.in_past(*r, g) && deed.knows(graph, *r))
        };
        !self.rules.admins_keep_admins
            || rank
                .grants
                .iter()
                .all(|g| deed.is_known_to(graph, *g) || taken(*g))
    }

    /// M4: whether that user was admin as far as the deed knows; such a user's messages are not for
    /// other admins to delete.
    pub(crate) fn was_admin(&self, graph: &Graph, deed: &Deed<'_>, user: UserNo) -> bool {
        let rank = self.rank(user);
        rank.grants.iter().any(|g| {
            deed.knows(graph, *g)
                && rank
                    .revocations
                    .iter()
                    .chain(&rank.leaves)
                    .all(|r| graph.in_past(*r, *g) || !deed.knows(graph, *r))
        })
    }

    /// M4: an add by an ordinary member, where the policy lets members add.
    fn member_add(
        &self,
        graph: &Graph,
        deed: &Deed<'_>,
        act: &Act,
        target: Option<UserNo>,
    ) -> bool {
        let Act::Add(_, Role::Member) = act else {
            return false;
        };
        let was_removed = |target: UserNo| {
            let mut removes = self.stay(target).revocations.iter();
            self.rules.removed_stay_out && removes.any(|r| deed.knows(graph, *r))
        };
        self.opens
            && deed.user != OWNER
            && self.is_of_lower_rank(deed.user, target)
            && !target.is_some_and(was_removed)
            && self.is_open_to(graph, deed)
            && self.stay(deed.user).stands(graph, self.rules, deed)
    }

    /// M4: the policy in force in the deed's past lets members add, and no policy that closes the group
    /// comes to it unseen: there is no cut, so such a policy undoes what it had not seen.
    fn is_open_to(&self, graph: &Graph, deed: &Deed<'_>) -> bool {
        let known = |p: &&At| deed.knows(graph, **p);
        let seen: Vec<At> = self.policies.iter().filter(known).copied().collect();
        let closes = |p: &At| {
            !adds_are_open(graph, *p) && !deed.knows(graph, *p) && !deed.is_known_to(graph, *p)
        };
        self.in_force(graph, &seen)
            .is_some_and(|p| adds_are_open(graph, p))
            && !(self.rules.closing_closes && self.policies.iter().any(closes))
    }

    /// M5: of these policies one that is in no other's past; of several the lowest id.
    fn in_force(&self, graph: &Graph, policies: &[At]) -> Option<At> {
        let last = |p: &&At| !policies.iter().any(|q| graph.in_past(**p, *q));
        let mut last = policies.iter().filter(last).copied();
        if self.rules.lowest_policy {
            last.min_by_key(|p| graph.node(*p).id)
        } else {
            last.next_back()
        }
    }

    fn places(&mut self, graph: &Graph) {
        for user in 0..graph.users() {
            let place = Place {
                adds: self.stay(user).current(graph, self.rules),
                grants: self.rank(user).current(graph, self.rules),
            };
            if !place.adds.is_empty() {
                self.members.insert(graph.user(user), user);
            }
            put(&mut self.places, user, place);
        }
    }

    /// L2: dead events are no heads, or who was removed could push all true ones out.
    fn heads(&mut self, graph: &Graph) {
        let mut covered = vec![false; graph.len()];
        for (at, node) in graph.nodes().rev() {
            let live = self.live.get(at) == Some(&true);
            let under = covered.get(at) == Some(&true);
            if live || under {
                node.links.iter().for_each(|l| put(&mut covered, *l, true));
            }
            if live && !under {
                self.heads.push(at);
            }
        }
    }
}

fn put<T>(list: &mut [T], at: usize, value: T) {
    if let Some(slot) = list.get_mut(at) {
        *slot = value;
    }
}

fn adds_are_open(graph: &Graph, policy: At) -> bool {
    matches!(&graph.node(policy).act, Act::Create(p) | Act::Policy(p) if p.who_adds == 1)
}
