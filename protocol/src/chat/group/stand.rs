//! M3: the one test that decides whether an event stands, for every rank and every kind.

use super::act::Act;
use super::graph::{At, Graph, UserNo};
use super::rules::Rules;
use crate::id::{EventId, HomeId};

/// An event to be judged: one of the graph, one of another lane, or one that is only thought of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deed<'a> {
    pub(crate) user: UserNo,
    pub(crate) home: HomeId,
    pub(crate) lane: u8,
    pub(crate) seq: u64,
    pub(crate) id: EventId,
    pub(crate) past: Past<'a>,
}

/// Where the past of a deed begins (M1).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Past<'a> {
    /// An event of the graph.
    Of(At),
    /// What another event names in `ctl`.
    From(&'a [At]),
}

impl Deed<'_> {
    /// An event of the graph as a deed.
    pub(crate) fn of(graph: &Graph, at: At) -> Self {
        let node = graph.node(at);
        Self {
            user: node.user,
            home: node.home,
            lane: 0,
            seq: node.seq,
            id: node.id,
            past: Past::Of(at),
        }
    }

    /// Whether `x` is in its past.
    pub(crate) fn knows(&self, graph: &Graph, x: At) -> bool {
        match self.past {
            Past::Of(at) => graph.in_past(x, at),
            Past::From(links) => links.iter().any(|l| graph.sees(*l, x)),
        }
    }

    /// Whether it is in the past of `x`.
    pub(crate) fn is_known_to(&self, graph: &Graph, x: At) -> bool {
        match self.past {
            Past::Of(at) => graph.in_past(at, x),
            Past::From(_) => false,
        }
    }
}

/// What one user's events stand on and end by: G and R of M3, and the retires of the user's homes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    pub(crate) grants: Vec<At>,
    /// The grants by which leaves and retires join.
    joining: Vec<At>,
    /// R without leaves.
    pub(crate) revocations: Vec<At>,
    /// Leaves that joined.
    pub(crate) leaves: Vec<At>,
    /// Retires that joined.
    pub(crate) retires: Vec<At>,
    /// L7: of each forked control feed the last event of the branch that cuts have picked.
    tips: Vec<(HomeId, At)>,
    /// The same, by revocations alone.
    joining_tips: Vec<(HomeId, At)>,
}

impl Standing {
    /// With leaves and retires set aside. `picks` are further cuts that pick branches (L7).
    pub(crate) fn set_aside(
        graph: &Graph,
        rules: Rules,
        user: UserNo,
        grants: Vec<At>,
        revocations: Vec<At>,
        picks: &[At],
    ) -> Self {
        let cuts: Vec<At> = revocations.iter().chain(picks).copied().collect();
        let tips = tips(graph, rules, user, &cuts);
        Self {
            grants,
            revocations,
            joining_tips: tips.clone(),
            tips,
            ..Self::default()
        }
    }

    /// M3: a leave or retire joins only if it itself stands with leaves and retires set aside; else a
    /// removed admin voids its own old adds from a fresh home.
    pub(crate) fn join(&mut self, graph: &Graph, rules: Rules, user: UserNo, picks: &[At]) {
        self.joining = self.grants.clone();
        let own = graph.mentions(user);
        let joins = |at: &&At| {
            let leave = matches!(graph.node(**at).act, Act::Leave(_));
            !rules.joins_if_it_stands
                || self.would_join(graph, rules, &Deed::of(graph, **at), leave)
        };
        // M2: the owner's leave is void.
        let leaves = own
            .leaves
            .iter()
            .filter(|_| user != 0 || !rules.owner_stays);
        let leaves = leaves.filter(joins).copied().collect();
        let retires = own.retires.iter().filter(joins).copied().collect();
        self.leaves = leaves;
        if rules.retires_end_homes {
            self.retires = retires;
        }
        if !self.retires.is_empty() && graph.forked_homes(user).next().is_some() {
            let cuts = self.revocations.iter().chain(picks).chain(&self.retires);
            self.tips = tips(graph, rules, user, &cuts.copied().collect::<Vec<_>>());
        }
    }

    /// Whether a leave or retire of the user stands with leaves and retires set aside. A fork that no
    /// cut has settled does not undo a leave (L7): else who left could come back by forking.
    pub(crate) fn would_join(
        &self,
        graph: &Graph,
        rules: Rules,
        deed: &Deed<'_>,
        leave: bool,
    ) -> bool {
        let settled = self.joining_tips.iter().any(|(home, _)| *home == deed.home);
        ((leave && !settled && rules.leaves_outlast_forks)
            || on_branch(graph, rules, deed, &self.joining_tips))
            && self
                .joining
                .iter()
                .any(|g| deed.knows(graph, *g) && holds(graph, rules, deed, *g, &self.revocations))
    }

    /// M3: some grant is in its past, and every revocation that the grant had not seen, and every
    /// retire of its home, comes later in its feed.
    pub(crate) fn stands(&self, graph: &Graph, rules: Rules, deed: &Deed<'_>) -> bool {
        let retired = |r: &At| {
            matches!(&graph.node(*r).act, Act::Retire(home, _) if *home == deed.home)
                && !within(graph, rules, *r, deed)
        };
        on_branch(graph, rules, deed, &self.tips)
            && !self.retires.iter().any(retired)
            && self.grants.iter().any(|g| {
                deed.knows(graph, *g)
                    && holds(graph, rules, deed, *g, &self.revocations)
                    && holds(graph, rules, deed, *g, &self.leaves)
            })
    }

    /// Whether the home is retired here, however far its feeds count.
    pub(crate) fn is_retired(&self, graph: &Graph, home: HomeId) -> bool {
        self.retires
            .iter()
            .any(|r| matches!(&graph.node(*r).act, Act::Retire(own, _) if *own == home))
    }

    /// M5: the grants that have every revocation and leave in their past.
    pub(crate) fn current(&self, graph: &Graph, rules: Rules) -> Vec<At> {
        let ends = || self.revocations.iter().chain(&self.leaves);
        let wins = |g: &&At| {
            if rules.remove_wins {
                ends().all(|r| graph.in_past(*r, **g))
            } else {
                !ends().any(|r| graph.in_past(**g, *r))
            }
        };
        self.grants.iter().filter(wins).copied().collect()
    }
}

/// Every one of these revocations that the grant had not seen ends the feed later than the deed.
fn holds(graph: &Graph, rules: Rules, deed: &Deed<'_>, grant: At, revocations: &[At]) -> bool {
    !rules.cuts_end_feeds
        || revocations
            .iter()
            .all(|r| graph.in_past(*r, grant) || within(graph, rules, *r, deed))
}

/// M7: whether the deed is at or below the cut of `r`. At the last seq the id must be the one named.
fn within(graph: &Graph, rules: Rules, r: At, deed: &Deed<'_>) -> bool {
    let node = graph.node(r);
    let own_feed = deed.lane == 0 && deed.home == node.home;
    let end = if matches!(node.act, Act::Leave(_)) && own_feed && rules.leave_ends_its_feed {
        Some((node.seq, node.id))
    } else {
        node.act.end_of(deed.home, deed.lane)
    };
    let named = |id| deed.id == id || !rules.cuts_name_ids;
    end.is_some_and(|(seq, id)| deed.seq < seq || (deed.seq == seq && named(id)))
}

/// L7: from a fork on control events are void, but for the branch that cuts have picked.
fn on_branch(graph: &Graph, rules: Rules, deed: &Deed<'_>, tips: &[(HomeId, At)]) -> bool {
    if deed.lane != 0 || !rules.forks_are_void {
        return true;
    }
    let Some(fork) = graph.fork(deed.user, deed.home) else {
        return true;
    };
    if deed.seq < fork {
        return true;
    }
    let tip = tips.iter().find(|(home, _)| *home == deed.home);
    match (tip, deed.past) {
        (Some((_, tip)), Past::Of(at)) => graph.is_below(at, *tip),
        _ => false,
    }
}

/// L7: of each forked control feed of the user the last event that counts, by these cuts.
fn tips(graph: &Graph, rules: Rules, user: UserNo, cuts: &[At]) -> Vec<(HomeId, At)> {
    if !rules.cuts_pick {
        return Vec::new();
    }
    let tip = |home: HomeId| {
        let named = cuts.iter().filter_map(|cut| {
            let (seq, id) = graph.node(*cut).act.end_of(home, 0)?;
            let here = graph.events_at(user, home, seq);
            here.iter().copied().find(|at| graph.node(*at).id == id)
        });
        pick(
            named.collect(),
            |at| match rules.lowest_cut_picks {
                true => (graph.node(at).id, 0),
                false => (EventId::default(), at),
            },
            |x, tip| graph.is_below(x, tip),
        )
        .map(|tip| (home, tip))
    };
    graph.forked_homes(user).filter_map(tip).collect()
}

/// L7: of the events that cuts name the lowest `id` picks its branch; of those above it again the lowest
/// one, so that the branch counts as far up as cuts that agree with it go.
pub(crate) fn pick<T: Copy + PartialEq, Id: Ord>(
    mut named: Vec<T>,
    id: impl Fn(T) -> Id,
    is_below: impl Fn(T, T) -> bool,
) -> Option<T> {
    let mut tip = None;
    while let Some(lowest) = named.iter().copied().min_by_key(|at| id(*at)) {
        tip = Some(lowest);
        named.retain(|at| *at != lowest && is_below(lowest, *at));
    }
    tip
}
