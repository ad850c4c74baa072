//! Greetings: what is said first on every connection, and again when a name, a card or a community has changed.

use std::sync::Arc;
use std::time::Duration;

use chater_network::Protocol;
use chater_protocol::id::{Bytes, Hash, NodeId};
use chater_protocol::identity::{NodeCard, Signed};
use chater_protocol::invite::answer_proof;
use chater_protocol::wire::{Hello, Message};
use rand_core::Rng;

use crate::actor::now_ms;
use crate::links::{self, Verdict};
use crate::pump::linked;
use crate::shared::{Shared, SystemRandom, lock};

/// Changes within this time are one greeting.
const TOGETHER: Duration = Duration::from_millis(500);

/// What a greeting said.
pub(crate) struct Met {
    pub(crate) card: NodeCard,
    /// The card as it came.
    pub(crate) signed: Signed,
    /// Communities of this node that it proves.
    pub(crate) common: Vec<Hash>,
    pub(crate) proofs: Vec<Bytes<32>>,
    /// Its owner has not decided yet (C4).
    pub(crate) held: bool,
}

/// How a peer is met.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    /// Where it is, or seems to be.
    pub(crate) address: String,
    /// This node dialled: the address can be dialled again.
    pub(crate) dialled: bool,
    /// As in its row.
    pub(crate) found: u8,
}

impl Way {
    /// A node that the owner asked for.
    pub(crate) fn asked(address: String) -> Self {
        Self {
            address,
            dialled: true,
            found: 1,
        }
    }
}

fn written(
    shared: &Shared,
    peer: NodeId,
    versions: Vec<u8>,
    mut proofs: Vec<Bytes<32>>,
) -> Vec<u8> {
    while proofs.is_empty() || !proofs.len().is_multiple_of(8) {
        let mut random = [0u8; 32];
        SystemRandom.fill_bytes(&mut random);
        proofs.push(Bytes(random));
    }
    let place = lock(&shared.presence).places.get(&peer).cloned();
    Hello {
        versions,
        card: shared.card(now_ms(), place.as_deref()),
        proofs,
    }
    .encode()
}

/// Our hello for one peer: node card and proofs of communities, padded with random ones.
pub(crate) fn hello(shared: &Shared, peer: NodeId) -> Vec<u8> {
    let known = shared.communities.all();
    let own = known
        .iter()
        .map(|known| Bytes(known.community.proof(shared.node_id, peer)));
    let answer = lock(&shared.answering).get(&peer).copied();
    let answer = answer.map(|query| Bytes(answer_proof(&query, shared.node_id, peer)));
    written(shared, peer, vec![1], own.chain(answer).collect())
}

/// The answer to a node that waits for the owner (C4): it proves nothing and lets nothing through.
pub(crate) fn not_now(shared: &Shared, peer: NodeId) -> Vec<u8> {
    written(shared, peer, vec![0], Vec::new())
}

/// Reads a greeting; none = a wrong one. An answer may say that the other side has not decided yet.
pub(crate) fn read(shared: &Shared, peer: NodeId, body: &[u8], is_answer: bool) -> Option<Met> {
    let hello = Hello::decode(body).ok()?;
    let card = NodeCard::open(&hello.card).ok()?;
    let held = is_answer && hello.versions == [0];
    if card.node != peer || !(held || hello.versions.contains(&1)) {
        return None;
    }
    let known = shared.communities.all();
    let proven = known.iter().filter(|known| {
        let proof = Bytes(known.community.proof(peer, shared.node_id));
        hello.proofs.contains(&proof)
    });
    Some(Met {
        common: proven.map(|known| known.id).collect(),
        card,
        signed: hello.card,
        proofs: hello.proofs,
        held,
    })
}

/// Whoever dialled speaks first.
pub(crate) async fn first(shared: Arc<Shared>, peer: NodeId, way: Way) {
    if way.dialled {
        again(&shared, peer, way).await;
    }
}

/// Greets a peer and takes its answer.
pub(crate) async fn again(shared: &Arc<Shared>, peer: NodeId, way: Way) {
    // A node that the owner cut off is not greeted: it would believe itself linked.
    if shared.links.is_off(peer) {
        shared.network.close(peer);
        return;
    }
    let body = hello(shared, peer);
    match shared.network.request(peer, Protocol::Hello, body).await {
        Ok(body) => match read(shared, peer, &body, true) {
            Some(met) if met.held => links::held(shared, peer, &met, &way).await,
            Some(met) => match links::judge(shared, peer, &met, &way) {
                Verdict::Link(found) => linked(shared, peer, met, Way { found, ..way }).await,
                Verdict::Wait | Verdict::Silent => shared.network.close(peer),
            },
            None => shared.network.close(peer),
        },
        Err(error) => tracing::debug!(%error, peer = %peer.short(), "hello"),
    }
}

/// Runs until the node stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        shared.greet.notified().await;
        tokio::time::sleep(TOGETHER).await;
        let linked: Vec<(NodeId, String)> = {
            let presence = lock(&shared.presence);
            let links = presence.links.iter();
            links
                .map(|(id, link)| (*id, link.address.clone()))
                .collect()
        };
        for (node, address) in linked {
            let shared = shared.clone();
            // A node that misses it learns of the change when it greets next.
            let way = Way {
                address,
                dialled: false,
                found: 2,
            };
            tokio::spawn(async move { again(&shared, node, way).await });
        }
    }
}

/// Closes the links: they are made again at once, and everything is compared anew.
pub(crate) fn meet_anew(shared: &Shared) {
    let linked: Vec<NodeId> = lock(&shared.presence).links.keys().copied().collect();
    for node in linked {
        shared.network.close(node);
    }
}
