//! Nodes of a community learn of each other (C3): cards of linked nodes go round on its topic, sealed, and each node
//! links to a few it has heard of, so that a newcomer is not tied to the one that invited it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chater_network::{Topic, Verdict};
use chater_protocol::community::{Channel, NodesFrame};
use chater_protocol::id::{Hash, NodeId};
use chater_protocol::identity::{NodeCard, Signed};
use chater_protocol::limits;
use chater_protocol::wire::Message as _;
use rand_core::Rng;

use crate::actor::now_ms;
use crate::blocks;
use crate::community::Known;
use crate::shared::{Shared, SystemRandom, lock};

/// Links that a node makes by itself in one community.
const LINKED: usize = 8;
/// Nodes remembered of one community; of more the card that is oldest goes.
const HEARD: usize = 256;
/// A card is told and believed for so long.
const FRESH_MS: u64 = 24 * 60 * 60 * 1000;
/// A card that is not newer by this much is no news.
const NEWS_MS: u64 = 60 * 1000;
/// Nodes that come together are one telling.
const TOGETHER: Duration = Duration::from_millis(700);
/// Cards are told again so often.
const AGAIN: Duration = Duration::from_secs(10 * 60);
/// A node that did not answer is left alone so long.
const TRIED_MS: u64 = 2 * 60 * 1000;

/// A node heard of.
struct Heard {
    signed: Signed,
    ts: u64,
    /// Where it may be dialled, as far as that is believed.
    addresses: Vec<String>,
    tried_ms: u64,
}

/// Nodes heard of, by community.
#[derive(Default)]
pub(crate) struct Neighbours(Mutex<HashMap<Hash, BTreeMap<NodeId, Heard>>>);

impl Neighbours {
    /// Whether a community tells of that node.
    pub(crate) fn has(&self, node: NodeId) -> bool {
        let all = lock(&self.0);
        all.values().any(|here| here.contains_key(&node))
    }
}

/// Cards came by gossip: what is news is kept, and passed on.
pub(crate) fn heard(shared: &Shared, from: NodeId, known: &Known, frame: &[u8], verdict: Verdict) {
    let frame = known
        .community
        .open_frame(Channel::Nodes, frame)
        .ok()
        .and_then(|plain| NodesFrame::decode(&plain).ok());
    let Some(NodesFrame::Cards(cards)) = frame else {
        return verdict.reject();
    };
    let now = now_ms();
    if lock(&shared.rates).cards.take(&from, now).is_err() {
        return verdict.ignore();
    }
    let place = {
        let presence = lock(&shared.presence);
        presence.links.get(&from).map(|link| link.address.clone())
    };
    let Some(place) = place else {
        return verdict.ignore();
    };
    let mut opened = Vec::with_capacity(cards.len());
    for signed in cards {
        match NodeCard::open(&signed) {
            Ok(card) => opened.push((card, signed)),
            Err(_) => return verdict.reject(),
        }
    }
    let mut news = false;
    {
        let mut all = lock(&shared.neighbours.0);
        let here = all.entry(known.id).or_default();
        for (card, signed) in opened {
            let stale = now.abs_diff(card.ts) > FRESH_MS;
            if card.node == shared.node_id || stale || shared.refuses(card.node) {
                continue;
            }
            let old = here.get(&card.node);
            if old.is_some_and(|old| card.ts < old.ts.saturating_add(NEWS_MS)) {
                continue;
            }
            news = true;
            let heard = Heard {
                signed,
                ts: card.ts,
                addresses: chater_network::believed(&card.addrs, card.node, &place),
                tried_ms: old.map_or(0, |old| old.tried_ms),
            };
            here.insert(card.node, heard);
        }
        here.retain(|_, heard| now.abs_diff(heard.ts) <= FRESH_MS);
        while here.len() > HEARD {
            let oldest = here.iter().min_by_key(|(_, heard)| heard.ts);
            let Some(oldest) = oldest.map(|(node, _)| *node) else {
                break;
            };
            here.remove(&oldest);
        }
    }
    if news {
        verdict.accept();
        shared.choose_nodes.notify_one();
    } else {
        verdict.ignore();
    }
}

/// The cards this node tells a community: its own, and those of its members it is linked with.
fn cards(shared: &Shared, known: &Known) -> Vec<Signed> {
    let now = now_ms();
    let mut linked: Vec<(NodeId, Signed)> = {
        let presence = lock(&shared.presence);
        let links = presence.links.iter();
        let fellows = links.filter(|(_, link)| link.common.contains(&known.id));
        fellows
            .map(|(node, link)| (*node, link.card.clone()))
            .collect()
    };
    {
        let all = lock(&shared.neighbours.0);
        if let Some(here) = all.get(&known.id) {
            for (node, signed) in &mut linked {
                if let Some(heard) = here.get(node) {
                    signed.clone_from(&heard.signed);
                }
            }
        }
    }
    // Of many some at random, other ones each time.
    let keep = limits::NODE_CARDS - 1;
    while linked.len() > keep {
        let at = SystemRandom.next_u32() as usize % linked.len();
        linked.swap_remove(at);
    }
    let mut cards = vec![shared.card(now, None)];
    cards.extend(linked.into_iter().map(|(_, signed)| signed));
    cards
}

fn tell(shared: &Shared, known: &Known) {
    let frame = NodesFrame::Cards(cards(shared, known)).encode();
    let sealed = known
        .community
        .seal(Channel::Nodes, &frame, &mut SystemRandom);
    shared
        .network
        .publish(Topic(known.community.topic(Channel::Nodes)), sealed);
    if let Some(list) = blocks::frame(shared, known) {
        shared
            .network
            .publish(Topic(known.community.topic(Channel::Lists)), list);
    }
}

/// Tells cards when somebody has come, and again from time to time.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        let _ = tokio::time::timeout(AGAIN, shared.tell_nodes.notified()).await;
        tokio::time::sleep(TOGETHER).await;
        let known = shared.communities.all();
        for known in known.iter().filter(|known| !known.open) {
            tell(&shared, known);
        }
    }
}

/// Links to nodes heard of while there are fewer links than wanted.
pub(crate) async fn choose(shared: Arc<Shared>) {
    loop {
        let again = Duration::from_millis(TRIED_MS);
        let _ = tokio::time::timeout(again, shared.choose_nodes.notified()).await;
        let known = shared.communities.all();
        for known in known.iter().filter(|known| !known.open) {
            for (node, addresses) in wanted(&shared, known) {
                let shared = shared.clone();
                // The greeting proves the community, and the link stays.
                tokio::spawn(async move { shared.network.reach(node, addresses).await });
            }
        }
    }
}

/// Who is dialled now. Each node has an order of its own, so that not all link to the same.
fn wanted(shared: &Shared, known: &Known) -> Vec<(NodeId, Vec<String>)> {
    let now = now_ms();
    let linked: Vec<NodeId> = {
        let presence = lock(&shared.presence);
        let links = presence.links.iter();
        let fellows = links.filter(|(_, link)| link.common.contains(&known.id));
        fellows.map(|(node, _)| *node).collect()
    };
    let lacking = LINKED.saturating_sub(linked.len());
    let mut all = lock(&shared.neighbours.0);
    let Some(here) = all.get_mut(&known.id) else {
        return Vec::new();
    };
    let mut open: Vec<([u8; 32], NodeId)> = here
        .iter()
        .filter(|(node, heard)| {
            !heard.addresses.is_empty()
                && !linked.contains(node)
                && now.saturating_sub(heard.tried_ms) > TRIED_MS
                && !shared.refuses(**node)
                && !shared.links.is_off(**node)
        })
        .map(|(node, _)| {
            let place = blake3::hash(&[&shared.node_id.0[..], &node.0].concat());
            (*place.as_bytes(), *node)
        })
        .collect();
    open.sort_unstable();
    let mut found = Vec::new();
    for (_, node) in open.into_iter().take(lacking) {
        if let Some(heard) = here.get_mut(&node) {
            heard.tried_ms = now;
            found.push((node, heard.addresses.clone()));
        }
    }
    found
}

/// Forgets what was heard in communities that were left.
pub(crate) fn forget_left(shared: &Shared) {
    let known = shared.communities.all();
    lock(&shared.neighbours.0).retain(|id, _| known.iter().any(|known| known.id == *id));
}
