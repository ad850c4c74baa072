//! Judging events of lanes 1 and 2 by the control graph: M1, M4, M6 and K6.

use std::collections::{BTreeMap, BTreeSet};

use super::Group;
use super::fold::OWNER;
use super::graph::At;
use super::stand::{Deed, Past};
use crate::chat::keys::Holder;
use crate::event::Header;
use crate::id::{EventId, HomeId, UserId};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// What the control graph says about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// These control events are not here yet (M1).
    Waits(Vec<EventId>),
    /// Of another chat, or its author was never brought in: not stored (M1).
    Refused,
    /// Not live now: not shown, no effect (M6). A later view may make it live.
    Dead,
    /// Counts, as far as the branches of its feed allow (L7, [`super::Branches`]).
    Live,
}

impl Group {
    /// M1 and M6 for an event of any lane. A live event of lanes 1 and 2 may still be on a branch
    /// that does not count.
    #[must_use]
    pub fn judge(&self, id: EventId, header: &Header) -> Judgement {
        if header.lane == 0 {
            return match self.graph.at(&id) {
                Some(at) if self.fold().live.get(at) == Some(&true) => Judgement::Live,
                Some(_) => Judgement::Dead,
                None => match self.graph.links(header) {
                    Err(missing) => Judgement::Waits(missing),
                    Ok(_) => Judgement::Refused,
                },
            };
        }
        if header.group != self.graph.group {
            return Judgement::Refused;
        }
        let links = match self.graph.links(header) {
            Ok(links) => links,
            Err(missing) => return Judgement::Waits(missing),
        };
        if !self.graph.knows_of(&links, header.author) {
            return Judgement::Refused;
        }
        match self.deed(id, header, &links) {
            Some(deed) if self.stands(&deed) => Judgement::Live,
            _ => Judgement::Dead,
        }
    }

    /// M4 for `profile`: live, and its author acts as owner or admin.
    #[must_use]
    pub fn acts_as_admin(&self, id: EventId, header: &Header) -> bool {
        let Ok(links) = self.graph.links(header) else {
            return false;
        };
        self.deed(id, header, &links)
            .is_some_and(|deed| self.stands(&deed) && self.fold().acts(&self.graph, &deed))
    }

    /// M4, L8 for a `delete` of a message by `author`: anybody's own; the owner's by nobody else; an
    /// admin's, as far as the deleter knew, by the owner alone.
    #[must_use]
    pub fn may_delete(&self, id: EventId, header: &Header, author: &UserId) -> bool {
        let Ok(links) = self.graph.links(header) else {
            return false;
        };
        self.deed(id, header, &links)
            .is_some_and(|deed| self.deletes(&deed, author))
    }

    /// K6: whether an older key may be shared with that member. `first` is the key's first event,
    /// `first_ms` min(its ts, its arrival).
    #[must_use]
    pub fn may_share(&self, first: &Header, first_ms: u64, user: &UserId) -> bool {
        let Some(no) = self.fold().members.get(user) else {
            return false;
        };
        let Ok(links) = self.graph.links(first) else {
            return false;
        };
        let adds = self.fold().places.get(*no).map_or(&[][..], |p| &p.adds);
        if adds
            .iter()
            .any(|add| links.iter().any(|l| self.graph.sees(*l, *add)))
        {
            return true;
        }
        // The earliest: a further add of a member must not take history away.
        let joined = adds.iter().map(|add| self.graph.node(*add).ts.ms()).min();
        match (self.policy(), joined) {
            (Some(policy), _) if policy.history == 0 => true,
            (Some(policy), Some(joined)) if policy.history == 1 => {
                first_ms.saturating_add(u64::from(policy.days) * DAY_MS) >= joined
            }
            _ => false,
        }
    }

    /// K3: the live homes of present members, out of the homes that identity records call live. A home
    /// retired in this group is none, also where its record is not here yet.
    #[must_use]
    pub fn holders(&self, homes: &BTreeMap<UserId, Vec<HomeId>>) -> BTreeSet<Holder> {
        let members = self.fold().members.iter();
        members
            .filter_map(|(user, no)| Some((user, self.fold().stay(*no), homes.get(user)?)))
            .flat_map(|(user, stay, homes)| {
                let live = homes
                    .iter()
                    .filter(|home| !stay.is_retired(&self.graph, **home));
                live.map(|home| (*user, *home))
            })
            .collect()
    }

    /// K3: whether whoever made a key had seen all that is known here to take somebody out: every valid
    /// remove, leave, retire, `role` member and closing policy. `first` is the event that made the key.
    /// Holders alone do not tell: somebody who has not seen a remove, or whose add is undone here, may
    /// be sharing an older key with that user right now.
    #[must_use]
    pub fn is_fresh(&self, first: &Header) -> bool {
        let Ok(links) = self.graph.links(first) else {
            return false;
        };
        let valid = &self.fold().valid;
        self.graph
            .nodes()
            .filter(|(at, node)| node.act.takes_out() && valid.get(*at) == Some(&true))
            .all(|(at, _)| links.iter().any(|l| self.graph.sees(*l, at)))
    }

    /// L7: the places that valid cuts name in a feed, by which [`super::Branches`] settles forks.
    #[must_use]
    pub fn picks(&self, user: &UserId, home: HomeId, lane: u8) -> Vec<(u64, EventId)> {
        let Some(no) = self.graph.user_no(user).filter(|_| self.rules.cuts_pick) else {
            return Vec::new();
        };
        let (rank, stay) = (self.fold().rank(no), self.fold().stay(no));
        let cuts = rank.revocations.iter().chain(&stay.revocations);
        let mut picks: Vec<(u64, EventId)> = cuts
            .chain(&stay.retires)
            .filter_map(|cut| self.graph.node(*cut).act.end_of(home, lane))
            .collect();
        picks.sort_unstable();
        picks.dedup();
        picks
    }

    pub(crate) fn stands(&self, deed: &Deed<'_>) -> bool {
        let stay = self.fold().stay(deed.user);
        stay.stands(&self.graph, self.rules, deed)
    }

    pub(crate) fn deletes(&self, deed: &Deed<'_>, author: &UserId) -> bool {
        if !self.stands(deed) {
            return false;
        }
        match self.graph.user_no(author) {
            Some(no) if no == deed.user => true,
            Some(OWNER) => false,
            no => {
                let protected = deed.user != OWNER
                    && no.is_some_and(|no| self.fold().was_admin(&self.graph, deed, no));
                self.fold().acts(&self.graph, deed) && !protected
            }
        }
    }

    fn deed<'a>(&self, id: EventId, header: &Header, links: &'a [At]) -> Option<Deed<'a>> {
        Some(Deed {
            user: self.graph.user_no(&header.author)?,
            home: header.home,
            lane: header.lane,
            seq: header.seq,
            id,
            past: Past::From(links),
        })
    }
}
