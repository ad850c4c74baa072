//! Who is linked, who waits for the owner, who was cut off (C4, Q53).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use chater_protocol::id::NodeId;
use chater_store::nodes::NodeRow;
use chater_store::{Rows, StoreError, communities, nodes};

use crate::Engine;
use crate::actor::{From, now_ms};
use crate::allow;
use crate::error::Error;
use crate::greet::{self, Met, Way};
use crate::needs::chats_with;
use crate::shared::{Shared, lock};
use crate::user::UserHandle;
use crate::view;

/// Unknown nodes that wait for the owner; of more the oldest goes.
const WAITING: usize = 64;
/// Nodes remembered whose owner has not let us in.
const HELD: usize = 256;

/// An unknown node that waits for the owner.
#[derive(Debug, Clone)]
struct Waiter {
    node: NodeId,
    name: String,
    /// Where it called from.
    from: String,
    /// Where it says it can be dialled, as far as that is believed.
    addresses: Vec<String>,
    since_ms: u64,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiter>,
    /// Nodes that answered: not yet.
    held: BTreeMap<NodeId, u64>,
    off: BTreeSet<NodeId>,
    /// Linked nodes that were let in to leave mail and for nothing else.
    postmen: BTreeSet<NodeId>,
}

/// What the owner has to decide, and has decided.
#[derive(Default)]
pub(crate) struct Links(Mutex<State>);

/// What becomes of a node that greets.
pub(crate) enum Verdict {
    /// Linked; how it is kept in its row.
    Link(u8),
    /// The owner decides.
    Wait,
    /// No word.
    Silent,
}

impl Links {
    /// How many nodes wait for the owner.
    pub(crate) fn asking(&self) -> usize {
        lock(&self.0).waiting.len()
    }

    pub(crate) fn load(rows: &impl Rows) -> Result<Self, StoreError> {
        let off = communities::off(rows)?.into_iter().collect();
        Ok(Self(Mutex::new(State {
            off,
            ..State::default()
        })))
    }

    /// The owner has cut it off.
    pub(crate) fn is_off(&self, node: NodeId) -> bool {
        lock(&self.0).off.contains(&node)
    }

    /// Whether a node stays cut off: not while the owner enters through it.
    pub(crate) fn keeps_off(&self, shared: &Shared, node: NodeId) -> bool {
        self.is_off(node) && !lock(&shared.entering).contains(&node)
    }

    /// Its owner has not let this node in.
    pub(crate) fn is_held(&self, node: NodeId) -> bool {
        lock(&self.0).held.contains_key(&node)
    }

    pub(crate) fn forget_off(&self, node: NodeId) {
        lock(&self.0).off.remove(&node);
    }

    /// It was let in because this node keeps mail: what else it asks is not answered, until its owner is known here
    /// by more than that.
    pub(crate) fn brings_mail_alone(&self, shared: &Shared, node: NodeId) -> bool {
        if !lock(&self.0).postmen.contains(&node) {
            return false;
        }
        // Whoever has written to its people since takes their answers.
        let chats = shared.store.read().and_then(|rows| chats_with(&rows, node));
        chats.is_ok_and(|chats| chats.is_empty())
    }

    /// Its connection has ended.
    pub(crate) fn left(&self, node: NodeId) {
        lock(&self.0).postmen.remove(&node);
    }

    /// It is linked, or blocked: nothing is to be decided.
    pub(crate) fn settled(&self, node: NodeId) {
        let mut state = lock(&self.0);
        state.waiting.retain(|waiter| waiter.node != node);
        state.held.remove(&node);
    }

    /// Whether it is a postman from now on.
    fn set_postman(&self, node: NodeId, is: bool) {
        let mut state = lock(&self.0);
        if is {
            state.postmen.insert(node);
        } else {
            state.postmen.remove(&node);
        }
    }

    /// Whether it is new among those that wait.
    fn wait(&self, waiter: Waiter) -> bool {
        let mut state = lock(&self.0);
        if let Some(old) = state.waiting.iter_mut().find(|w| w.node == waiter.node) {
            let since_ms = old.since_ms;
            *old = Waiter { since_ms, ..waiter };
            return false;
        }
        if state.waiting.len() >= WAITING {
            state.waiting.pop_front();
        }
        state.waiting.push_back(waiter);
        true
    }
}

/// Whether the owner has linked that node, or it was linked here before.
pub(crate) fn is_known(row: &NodeRow) -> bool {
    row.found == 1 || (row.seen_ms > 0 && row.found != 3)
}

/// Q53: nodes nearby, those the owner typed or entered by, those of a common community or chat and those known are
/// linked at once; what answers an open search is let in for that; anybody else waits.
pub(crate) fn judge(shared: &Shared, peer: NodeId, met: &Met, way: &Way) -> Verdict {
    let verdict = acquaintance(shared, peer, met, way);
    // Whoever keeps mail for others lets in those who bring some: they may be nobody's acquaintance.
    let postman = matches!(verdict, Verdict::Wait)
        && shared.mailbox.rules().offers
        && !shared.links.is_off(peer);
    shared.links.set_postman(peer, postman);
    if postman { Verdict::Link(3) } else { verdict }
}

/// What this node knows of a peer without thinking of mail.
fn acquaintance(shared: &Shared, peer: NodeId, met: &Met, way: &Way) -> Verdict {
    if shared.refuses(peer) {
        return Verdict::Silent;
    }
    if lock(&shared.entering).contains(&peer) {
        return Verdict::Link(1);
    }
    if shared.links.is_off(peer) {
        return Verdict::Wait;
    }
    let near = way.found < 2 || shared.is_near(&way.address);
    let known = shared.communities.all();
    let fellow = known.iter().any(|k| !k.open && met.common.contains(&k.id));
    if near || fellow {
        return Verdict::Link(way.found);
    }
    // Greeting again does not make more of a node that was let in for an answer.
    if shared.is_linked(peer) && !lock(&shared.links.0).postmen.contains(&peer) {
        return Verdict::Link(3);
    }
    let known = shared.store.read().and_then(|rows| {
        let row = nodes::node(&rows, peer)?;
        Ok(row.is_some_and(|row| is_known(&row)) || !chats_with(&rows, peer)?.is_empty())
    });
    if known.unwrap_or(false) {
        return Verdict::Link(way.found);
    }
    let answers = lock(&shared.answering).contains_key(&peer)
        || shared
            .searches
            .is_answered_by(shared.node_id, peer, &met.proofs);
    if answers {
        return Verdict::Link(3);
    }
    Verdict::Wait
}

/// A node waits for the owner.
pub(crate) fn waits(shared: &Shared, peer: NodeId, met: &Met, way: &Way) {
    let new = shared.links.wait(Waiter {
        node: peer,
        name: met.card.name.clone(),
        from: way.address.clone(),
        addresses: chater_network::believed(&met.card.addrs, peer, &way.address),
        since_ms: now_ms(),
    });
    tracing::info!(peer = %peer.short(), "an unknown node waits for the owner");
    if new {
        let node = met.card.name.clone();
        shared.note(view::Happening::Waits { node });
    }
    shared.network_changed.notify_one();
}

/// The other side has not decided: the connection ends, and is tried again ever more rarely.
pub(crate) async fn held(shared: &Arc<Shared>, peer: NodeId, met: &Met, way: &Way) {
    if lock(&shared.entering).contains(&peer) {
        return;
    }
    // Nobody asked for it but a search: it is left alone.
    let guest = shared.store.read().and_then(|rows| {
        let row = nodes::node(&rows, peer)?;
        Ok(row.is_some_and(|row| row.found == 3) && chats_with(&rows, peer)?.is_empty())
    });
    if guest.unwrap_or(false) || lock(&shared.answering).contains_key(&peer) {
        shared.network.unwant(peer);
        shared.network.close(peer);
        return;
    }
    {
        let mut state = lock(&shared.links.0);
        if state.held.len() >= HELD {
            state.held.pop_first();
        }
        state.held.insert(peer, now_ms());
    }
    if way.found == 1 {
        // Typed by the owner: shown by its name until it is linked.
        let (name, address) = (met.card.name.clone(), way.address.clone());
        let _ = shared
            .inputs
            .run(From::Others, move |turn| {
                let mut row = nodes::ensure(turn.tx, peer, 1, turn.now_ms)?;
                row.found = row.found.min(1);
                row.name = name;
                row.learn(&address);
                turn.durable();
                Ok(nodes::put(turn.tx, peer, &row)?)
            })
            .await;
    }
    shared.network_changed.notify_one();
    shared.network.close(peer);
}

impl Engine {
    /// Unknown nodes that wait for the owner, the newest first.
    #[must_use]
    pub fn waiting(&self) -> Vec<view::WaitingNode> {
        let state = lock(&self.shared().links.0);
        let shown = state.waiting.iter().rev().map(|waiter| view::WaitingNode {
            node_id: waiter.node,
            name: waiter.name.clone(),
            address: waiter.from.clone(),
            since_ms: i64::try_from(waiter.since_ms).unwrap_or(i64::MAX),
        });
        shown.collect()
    }

    /// Links a node that waits, was cut off, or was found on the LAN. For the owner's page and the control socket.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a node nothing is known of, [`Error::Forbidden`] for a blocked one.
    pub async fn link_node(&self, node: NodeId) -> Result<(), Error> {
        let shared = self.shared();
        if shared.blocks.has(node) {
            return Err(Error::Forbidden);
        }
        let waiter = {
            let state = lock(&shared.links.0);
            let found = state.waiting.iter().find(|w| w.node == node);
            found.cloned()
        };
        let known = waiter.clone();
        let addresses = shared
            .inputs
            .run(From::Local, move |turn| {
                if known.is_none() && nodes::node(turn.tx, node)?.is_none() {
                    return Err(Error::NotFound.into());
                }
                turn.durable();
                let mut row = nodes::ensure(turn.tx, node, 1, turn.now_ms)?;
                row.found = 1;
                for address in known.iter().flat_map(|known| &known.addresses) {
                    row.learn(address);
                }
                nodes::put(turn.tx, node, &row)?;
                communities::set_off(turn.tx, node, false, turn.now_ms)?;
                allow::let_in(turn, node)?;
                Ok(row.texts())
            })
            .await?;
        shared.links.forget_off(node);
        allow::follow(shared)?;
        shared.links.settled(node);
        shared.note_of(node, |node| view::Happening::LetIn { node });
        shared.links.left(node);
        shared.network.want(node, addresses);
        shared.network.nudge(node);
        // It may be connected already and wait for a word.
        let place = lock(&shared.presence).places.get(&node).cloned();
        if let Some(place) = place
            && !shared.is_linked(node)
        {
            let shared = shared.clone();
            let way = Way {
                dialled: false,
                ..Way::asked(place)
            };
            tokio::spawn(async move { greet::again(&shared, node, way).await });
        }
        shared.network_changed.notify_one();
        Ok(())
    }

    /// Does not wait for the owner's answer any more.
    pub fn dismiss_node(&self, node: NodeId) {
        self.shared().links.settled(node);
        self.shared().network_changed.notify_one();
    }

    /// Cuts a node off: closed, not dialled, and when it dials it waits like an unknown one until the owner links it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn cut_off(&self, node: NodeId) -> Result<(), Error> {
        let shared = self.shared();
        shared
            .inputs
            .run(From::Local, move |turn| {
                if nodes::node(turn.tx, node)?.is_none() {
                    return Err(Error::NotFound.into());
                }
                turn.durable();
                Ok(communities::set_off(turn.tx, node, true, turn.now_ms)?)
            })
            .await?;
        lock(&shared.links.0).off.insert(node);
        shared.note_of(node, |node| view::Happening::CutOff { node });
        shared.network.unwant(node);
        shared.network.close(node);
        shared.network_changed.notify_one();
        Ok(())
    }
}

impl UserHandle {
    /// Owner only: see [`Engine::link_node`].
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`].
    pub async fn link_node(&self, node: NodeId) -> Result<(), Error> {
        self.owner()?.link_node(node).await
    }

    /// Owner only: see [`Engine::cut_off`].
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`].
    pub async fn cut_off(&self, node: NodeId) -> Result<(), Error> {
        self.owner()?.cut_off(node).await
    }

    /// Owner only: see [`Engine::dismiss_node`].
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn dismiss_node(&self, node: NodeId) -> Result<(), Error> {
        self.owner()?.dismiss_node(node);
        Ok(())
    }

    /// Owner only: unknown nodes that wait.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn waiting(&self) -> Result<Vec<view::WaitingNode>, Error> {
        Ok(self.owner()?.waiting())
    }
}
