//! Groups: membership, roles and liveness as a pure function of signed events (M1-M8, I8, L7).
//!
//! A [`Group`] holds the control events of one group. They may come in any order and from anybody;
//! two nodes that hold the same events come to the same state. `graph` knows what is in whose past,
//! `stand` is the one test of M3, `fold` draws all conclusions, [`Seat`] says what a home may do.

mod act;
mod branch;
mod clock;
mod fold;
mod graph;
mod judge;
mod rules;
mod seat;
mod stand;
mod waiting;

use std::collections::HashSet;
use std::sync::OnceLock;

use crate::event::{Header, Kind, Rejected, VerifiedEvent};
use crate::id::{ChatId, EventId, UserId};
use crate::payload::Policy;

use act::Act;
use fold::{CREATE, Fold, OWNER};
use graph::Graph;
use waiting::{Held, Waiting};

pub use branch::{Branches, FeedEvent, Part};
pub use judge::Judgement;
#[doc(hidden)]
pub use rules::Rules;
pub use seat::Seat;

/// What a member is (M2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// May write.
    Member,
    /// May also add and remove members, and delete what members wrote.
    Admin,
    /// The creator, for good.
    Owner,
}

/// What became of a control event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// In the graph, with all that had waited for it, in the order taken.
    Added(Vec<EventId>),
    /// Was there already, or waits already.
    Known,
    /// Held until these are here (M1). Not committed: no ack.
    Waits(Vec<EventId>),
    /// No room to hold it now; it comes again.
    Later,
    /// Refused for good.
    Refused(Rejected),
}

/// One `add`, `role` or `create` that named a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddedBy {
    /// The event.
    pub event: EventId,
    /// Its author.
    pub by: UserId,
    /// Whom it names.
    pub user: UserId,
    /// Whether it has effect: an add of a removed admin that the owner had not seen has none (M8).
    pub valid: bool,
}

/// The control events of one group, and what follows from them.
#[derive(Debug)]
pub struct Group {
    graph: Graph,
    waiting: Waiting,
    rules: Rules,
    /// Drawn when it is first asked for after a change.
    fold: OnceLock<Fold>,
}

impl Group {
    /// A group of which nothing is known but its id: the id of its `create`.
    #[must_use]
    pub fn new(id: ChatId) -> Self {
        Self::with_rules(id, Rules::ALL)
    }

    /// For simulations: with some rules off.
    #[doc(hidden)]
    #[must_use]
    pub fn with_rules(id: ChatId, rules: Rules) -> Self {
        Self {
            graph: Graph::new(id),
            waiting: Waiting::default(),
            rules,
            fold: OnceLock::new(),
        }
    }

    /// Takes a control event of this group, in any order.
    pub fn insert(&mut self, event: &VerifiedEvent) -> Outcome {
        self.insert_parts(event.id(), event.header(), event.payload())
    }

    /// The same for an event that one of another lane names, or that was taken before: it has its place however many
    /// branches stand there (L7).
    pub fn insert_named(&mut self, event: &VerifiedEvent) -> Outcome {
        self.insert_as(event.id(), event.header(), event.payload(), true)
    }

    /// The same for a header that was verified elsewhere; the payload must be the one signed for.
    #[doc(hidden)]
    pub fn insert_parts(
        &mut self,
        id: EventId,
        header: &Header,
        payload: Option<&[u8]>,
    ) -> Outcome {
        self.insert_as(id, header, payload, false)
    }

    fn insert_as(
        &mut self,
        id: EventId,
        header: &Header,
        payload: Option<&[u8]>,
        named: bool,
    ) -> Outcome {
        if header.lane != 0 || !self.graph.is_of_this_group(&id, header) {
            return Outcome::Refused(Rejected::NotAllowed);
        }
        if self.graph.at(&id).is_some() || self.waiting.holds(&id) {
            return Outcome::Known;
        }
        // E6: counts as missing until its payload is here.
        let Some(payload) = payload else {
            return Outcome::Waits(vec![id]);
        };
        let root_signs = self.rules.root_signs_retires;
        let act = Act::read(self.graph.group, header, payload, root_signs);
        match self.try_insert(id, header, act, named) {
            Outcome::Added(_) => Outcome::Added(self.release(id)),
            other => other,
        }
    }

    fn try_insert(&mut self, id: EventId, header: &Header, act: Act, named: bool) -> Outcome {
        let links = match self.graph.links(header) {
            Ok(links) => links,
            Err(missing) if self.rules.past_is_whole => {
                let held = Held {
                    header: header.clone(),
                    act,
                    named,
                };
                let first = missing.first().copied().unwrap_or_default();
                return if self.waiting.hold(id, held, first) {
                    Outcome::Waits(missing)
                } else {
                    Outcome::Later
                };
            }
            Err(_) => {
                let ids = std::iter::once(&header.prev).chain(&header.ctl);
                ids.filter_map(|id| self.graph.at(id)).collect()
            }
        };
        if let Err(why) = self.graph.check_place(header) {
            return Outcome::Refused(why);
        }
        if header.kind == Kind::CREATE {
            // A group without a policy is none.
            if !matches!(act, Act::Create(_)) {
                return Outcome::Refused(Rejected::Payload);
            }
        } else if self.graph.len() == 0
            || (self.rules.strangers_are_refused && !self.graph.knows_of(&links, header.author))
        {
            return Outcome::Refused(Rejected::NotAllowed);
        }
        if !named && !self.waiting.wants(&id) && self.graph.is_full(&id, header) {
            return Outcome::Later;
        }
        self.graph.insert(id, header, links, act);
        self.fold = OnceLock::new();
        Outcome::Added(vec![id])
    }

    /// Takes what waited for this event, and what waited for that. No recursion: chains may be long.
    fn release(&mut self, id: EventId) -> Vec<EventId> {
        let mut added = vec![id];
        let mut next = 0;
        while let Some(here) = added.get(next).copied() {
            next += 1;
            let released = self.waiting.release(&here);
            // None of them waits any more, and still one may name another.
            let named: HashSet<EventId> = released
                .iter()
                .flat_map(|(_, held)| held.links())
                .copied()
                .collect();
            for (id, held) in released {
                let named = held.named || named.contains(&id);
                if let Outcome::Added(_) = self.try_insert(id, &held.header, held.act, named) {
                    added.push(id);
                }
            }
        }
        added
    }

    fn fold(&self) -> &Fold {
        self.fold.get_or_init(|| Fold::of(&self.graph, self.rules))
    }

    /// The group's id.
    #[must_use]
    pub fn id(&self) -> ChatId {
        self.graph.group
    }

    /// Whether the event is in the graph.
    #[must_use]
    pub fn contains(&self, id: &EventId) -> bool {
        self.graph.at(id).is_some()
    }

    /// Events that others wait for and that are to be fetched.
    #[must_use]
    pub fn missing(&self) -> Vec<EventId> {
        self.waiting.missing()
    }

    /// How many events wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// All events of the graph, each after its past: what a late node is given (S7).
    pub fn events(&self) -> impl Iterator<Item = EventId> + '_ {
        self.graph.nodes().map(|(_, node)| node.id)
    }

    /// The owner; none until `create` is here.
    #[must_use]
    pub fn owner(&self) -> Option<UserId> {
        (self.graph.len() > 0).then(|| self.graph.user(OWNER))
    }

    /// What the user is; none for who is no member (M5).
    #[must_use]
    pub fn rank(&self, user: &UserId) -> Option<Rank> {
        let no = *self.fold().members.get(user)?;
        let place = self.fold().places.get(no)?;
        Some(if no == OWNER {
            Rank::Owner
        } else if place.grants.is_empty() {
            Rank::Member
        } else {
            Rank::Admin
        })
    }

    /// All members and what they are.
    pub fn members(&self) -> impl Iterator<Item = (UserId, Rank)> + '_ {
        let members = self.fold().members.keys();
        members.filter_map(|user| Some((*user, self.rank(user)?)))
    }

    /// The policy in force; none until `create` is here.
    #[must_use]
    pub fn policy(&self) -> Option<&Policy> {
        match &self.graph.node(self.fold().policy?).act {
            Act::Create(policy) | Act::Policy(policy) => Some(policy),
            _ => None,
        }
    }

    /// By whom the member is one now: the adds that no remove or leave has ended.
    #[must_use]
    pub fn added_by(&self, user: &UserId) -> Vec<AddedBy> {
        let no = self.fold().members.get(user);
        let place = no.and_then(|no| self.fold().places.get(*no));
        let adds = place.map_or(&[][..], |place| &place.adds);
        adds.iter().map(|at| self.added(*at, *user)).collect()
    }

    /// Whether somebody was ever taken out by others: such a user comes in again only by the hand of who may add (M9).
    #[must_use]
    pub fn was_removed(&self, user: &UserId) -> bool {
        let no = self.graph.user_no(user);
        no.is_some_and(|no| !self.fold().stay(no).revocations.is_empty())
    }

    /// Every event that ever claimed to bring somebody in, valid or not: what a remove of an admin
    /// undoes is seen by asking before and after (M8).
    #[must_use]
    pub fn adds(&self) -> Vec<AddedBy> {
        let nodes = self.graph.nodes().filter(|(_, node)| node.act.brings_in());
        nodes
            .filter_map(|(at, node)| Some(self.added(at, self.graph.user(node.target?))))
            .collect()
    }

    fn added(&self, at: graph::At, user: UserId) -> AddedBy {
        let node = self.graph.node(at);
        AddedBy {
            event: node.id,
            by: self.graph.user(node.user),
            user,
            valid: self.fold().valid.get(at) == Some(&true),
        }
    }

    /// Whether a control event has the effect its words say; none if it is not in the graph.
    #[must_use]
    pub fn is_valid(&self, id: &EventId) -> Option<bool> {
        let at = self.graph.at(id)?;
        Some(at == CREATE || self.fold().valid.get(at) == Some(&true))
    }

    /// Whether a control event counts for heads and digests: valid, or its author's events up to there
    /// are live (M6). A dead one is kept only while a live one of another author names it.
    #[must_use]
    pub fn is_live(&self, id: &EventId) -> Option<bool> {
        let at = self.graph.at(id)?;
        Some(self.fold().live.get(at) == Some(&true))
    }
}
