//! The control graph of one group: lane 0 events whose past is whole (M1), and what is in whose past.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::act::Act;
use super::clock::Clock;
use crate::event::{Header, Kind, Rejected};
use crate::id::{ChatId, EventId, HomeId, UserId};
use crate::limits;
use crate::time::Timestamp;

/// An event in the graph; a smaller number never has a greater one in its past.
pub(crate) type At = usize;
/// A user of the graph; 0 is the owner once `create` is here.
pub(crate) type UserNo = usize;
type FeedNo = usize;

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: EventId,
    pub(crate) user: UserNo,
    pub(crate) home: HomeId,
    feed: FeedNo,
    pub(crate) seq: u64,
    pub(crate) prev: EventId,
    pub(crate) ts: Timestamp,
    chain: u32,
    /// Place in the chain, from 1.
    pos: u32,
    /// The event and its whole past.
    seen: Clock,
    /// `prev` and `ctl`.
    pub(crate) links: Vec<At>,
    pub(crate) act: Act,
    pub(crate) target: Option<UserNo>,
}

#[derive(Debug)]
struct Feed {
    /// All events at each seq; more than one is a fork (L7).
    places: BTreeMap<u64, Vec<At>>,
}

/// A run of one feed without a fork inside. A second event after one `prev` starts a chain of its own,
/// so "how many of this chain" stays exact whatever forks (M1).
#[derive(Debug)]
struct Chain {
    parent: Option<(u32, u32)>,
    len: u32,
}

/// What names a user in the graph, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Mentions {
    /// `create`, `add` and `role` of the user, by anybody.
    pub(crate) brought_in: Vec<At>,
    /// `remove` of the user, by anybody.
    pub(crate) removes: Vec<At>,
    /// Leaves by the user.
    pub(crate) leaves: Vec<At>,
    /// Retires of a home of the user.
    pub(crate) retires: Vec<At>,
}

#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) group: ChatId,
    nodes: Vec<Node>,
    by_id: HashMap<EventId, At>,
    users: Vec<UserId>,
    user_no: HashMap<UserId, UserNo>,
    mentions: Vec<Mentions>,
    feeds: Vec<Feed>,
    feed_no: HashMap<(UserNo, HomeId), FeedNo>,
    chains: Vec<Chain>,
    /// L7: the lowest seq with two events, of each control feed that has one.
    forks: BTreeMap<(UserNo, HomeId), u64>,
    /// Named by a cut: such an event is always taken.
    named: HashSet<EventId>,
    /// The owner's `create` and `policy` events.
    pub(crate) policies: Vec<At>,
}

impl Graph {
    pub(crate) fn new(group: ChatId) -> Self {
        Self {
            group,
            nodes: Vec::new(),
            by_id: HashMap::new(),
            users: Vec::new(),
            user_no: HashMap::new(),
            mentions: Vec::new(),
            feeds: Vec::new(),
            feed_no: HashMap::new(),
            chains: Vec::new(),
            forks: BTreeMap::new(),
            named: HashSet::new(),
            policies: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn node(&self, at: At) -> &Node {
        self.nodes.get(at).expect("only insert makes an At")
    }

    pub(crate) fn nodes(&self) -> impl DoubleEndedIterator<Item = (At, &Node)> + ExactSizeIterator {
        self.nodes.iter().enumerate()
    }

    pub(crate) fn at(&self, id: &EventId) -> Option<At> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn users(&self) -> usize {
        self.users.len()
    }

    pub(crate) fn user(&self, no: UserNo) -> UserId {
        *self.users.get(no).expect("only the graph numbers users")
    }

    pub(crate) fn user_no(&self, user: &UserId) -> Option<UserNo> {
        self.user_no.get(user).copied()
    }

    pub(crate) fn mentions(&self, user: UserNo) -> &Mentions {
        self.mentions
            .get(user)
            .expect("only the graph numbers users")
    }

    /// Whether `x` is `e` or in its past.
    pub(crate) fn sees(&self, e: At, x: At) -> bool {
        let x = self.node(x);
        self.node(e).seen.get(x.chain) >= x.pos
    }

    /// Whether `x` is in the past of `e` (M1).
    pub(crate) fn in_past(&self, x: At, e: At) -> bool {
        x != e && self.sees(e, x)
    }

    /// The events that `prev` (of lane 0) and `ctl` name; else those that are not here.
    pub(crate) fn links(&self, header: &Header) -> Result<Vec<At>, Vec<EventId>> {
        let prev = (header.lane == 0 && !header.prev.is_zero()).then_some(&header.prev);
        let (mut links, mut missing) = (Vec::new(), Vec::new());
        for id in prev.into_iter().chain(&header.ctl) {
            match self.at(id) {
                Some(at) => links.push(at),
                None => missing.push(*id),
            }
        }
        if missing.is_empty() {
            Ok(links)
        } else {
            Err(missing)
        }
    }

    /// M1: whether anything in that past claims to bring the user in.
    pub(crate) fn knows_of(&self, links: &[At], user: UserId) -> bool {
        self.user_no(&user).is_some_and(|no| {
            self.mentions(no)
                .brought_in
                .iter()
                .any(|x| links.iter().any(|l| self.sees(*l, *x)))
        })
    }

    /// Where in the feed: `prev` must be the event before it in the same feed.
    pub(crate) fn check_place(&self, header: &Header) -> Result<(), Rejected> {
        let Some(prev) = self.at(&header.prev) else {
            return Ok(());
        };
        let prev = self.node(prev);
        let follows = self.user(prev.user) == header.author
            && prev.home == header.home
            && prev.seq.checked_add(1) == Some(header.seq);
        if follows {
            Ok(())
        } else {
            Err(Rejected::Position)
        }
    }

    /// L7: whether the place has all the branches that are kept, and nothing asks for this one.
    pub(crate) fn is_full(&self, id: &EventId, header: &Header) -> bool {
        let user = self.user_no(&header.author);
        let here = user.map_or(&[][..], |user| {
            self.events_at(user, header.home, header.seq)
        });
        if here.len() < limits::BRANCHES_ANY || self.named.contains(id) {
            return false;
        }
        let lower = here.iter().filter(|at| self.node(**at).id < *id).count();
        here.len() >= limits::BRANCHES || lower >= 2
    }

    /// Takes an event whose links are here and whose place was checked.
    pub(crate) fn insert(&mut self, id: EventId, header: &Header, links: Vec<At>, act: Act) -> At {
        let at = self.nodes.len();
        let user = self.number(header.author);
        let target = act.target(header.author).map(|user| self.number(user));
        let (feed, chain, pos) = self.place(at, user, header);
        let past = links
            .iter()
            .fold(Clock::default(), |seen, l| seen.joined(&self.node(*l).seen));
        let seen = past.raised(chain, pos);
        if let Some(named) = target.and_then(|no| self.mentions.get_mut(no)) {
            match &act {
                act if act.brings_in() => named.brought_in.push(at),
                _ => named.removes.push(at),
            }
        }
        if let Some(own) = self.mentions.get_mut(user) {
            match &act {
                Act::Leave(_) => own.leaves.push(at),
                Act::Retire(..) => own.retires.push(at),
                _ => {}
            }
        }
        if user == 0 && matches!(act, Act::Create(_) | Act::Policy(_)) {
            self.policies.push(at);
        }
        self.named.extend(act.named());
        self.by_id.insert(id, at);
        self.nodes.push(Node {
            id,
            user,
            home: header.home,
            feed,
            seq: header.seq,
            prev: header.prev,
            ts: header.ts,
            chain,
            pos,
            seen,
            links,
            act,
            target,
        });
        at
    }

    fn number(&mut self, user: UserId) -> UserNo {
        let next = self.users.len();
        let no = *self.user_no.entry(user).or_insert(next);
        if no == next {
            self.users.push(user);
            self.mentions.push(Mentions::default());
        }
        no
    }

    fn place(&mut self, at: At, user: UserNo, header: &Header) -> (FeedNo, u32, u32) {
        let next = self.feeds.len();
        let no = *self.feed_no.entry((user, header.home)).or_insert(next);
        if no == next {
            self.feeds.push(Feed {
                places: BTreeMap::new(),
            });
        }
        if let Some(feed) = self.feeds.get_mut(no) {
            let here = feed.places.entry(header.seq).or_default();
            here.push(at);
            if here.len() > 1 {
                let lowest = self.forks.entry((user, header.home)).or_insert(header.seq);
                *lowest = header.seq.min(*lowest);
            }
        }
        let prev = self.at(&header.prev).map(|prev| self.node(prev));
        let parent = prev.map(|prev| (prev.chain, prev.pos));
        if let Some((chain, pos)) = parent
            && let Some(own) = self.chains.get_mut(chain as usize)
            && own.len == pos
        {
            own.len += 1;
            return (no, chain, own.len);
        }
        let chain = u32::try_from(self.chains.len()).unwrap_or(u32::MAX);
        self.chains.push(Chain { parent, len: 1 });
        (no, chain, 1)
    }

    fn feed_of(&self, user: UserNo, home: HomeId) -> Option<&Feed> {
        self.feed_no
            .get(&(user, home))
            .and_then(|no| self.feeds.get(*no))
    }

    /// L7: the lowest seq at which that control feed forks.
    pub(crate) fn fork(&self, user: UserNo, home: HomeId) -> Option<u64> {
        self.forks.get(&(user, home)).copied()
    }

    /// The homes of a user whose control feeds fork.
    pub(crate) fn forked_homes(&self, user: UserNo) -> impl Iterator<Item = HomeId> {
        let all = (user, HomeId([0; 16]))..=(user, HomeId([0xff; 16]));
        self.forks.range(all).map(|((_, home), _)| *home)
    }

    /// All events at that place of a control feed.
    pub(crate) fn events_at(&self, user: UserNo, home: HomeId, seq: u64) -> &[At] {
        self.feed_of(user, home)
            .and_then(|feed| feed.places.get(&seq))
            .map_or(&[], Vec::as_slice)
    }

    /// The homes of a user that wrote here.
    pub(crate) fn homes(&self, user: UserNo) -> Vec<HomeId> {
        let mut homes: Vec<HomeId> = self
            .feed_no
            .keys()
            .filter(|(own, _)| *own == user)
            .map(|(_, home)| *home)
            .collect();
        homes.sort_unstable();
        homes
    }

    /// Whether `x` is `tip` or below it in its feed, going by `prev` alone (L7).
    pub(crate) fn is_below(&self, x: At, tip: At) -> bool {
        let (x, tip) = (self.node(x), self.node(tip));
        if x.feed != tip.feed {
            return false;
        }
        let mut place = Some((tip.chain, tip.pos));
        while let Some((chain, pos)) = place {
            if chain == x.chain {
                return x.pos <= pos;
            }
            place = self
                .chains
                .get(chain as usize)
                .and_then(|chain| chain.parent);
        }
        false
    }

    /// The event that a new event with these words would name; a `create` names itself.
    pub(crate) fn is_of_this_group(&self, id: &EventId, header: &Header) -> bool {
        if header.kind == Kind::CREATE {
            id.0 == self.group.0
        } else {
            header.group == self.group
        }
    }
}
