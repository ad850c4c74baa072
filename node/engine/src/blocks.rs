//! Blocked nodes: by the owner, and by lists of founders that the owner follows (C5). To a blocked node this one is
//! silent: nothing is taken from it, sent to it, answered or fetched.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chater_network::Verdict;
use chater_protocol::community::{BlockList, Channel, Community};
use chater_protocol::id::{Hash, NodeId};
use chater_protocol::identity::Signed;
use chater_protocol::limits;
use chater_store::communities::{self, ListRow};
use chater_store::{Rows, StoreError, nodes};

use crate::Engine;
use crate::actor::{From, now_ms};
use crate::community::Known;
use crate::error::{Error, Reason};
use crate::person::node_label;
use crate::shared::{Shared, SystemRandom, lock};
use crate::user::UserHandle;
use crate::view;

/// Why a node is blocked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// The owner of this node.
    Owner,
    /// The list of a community.
    List(Hash),
}

/// Blocked nodes, and why.
#[derive(Default)]
pub(crate) struct Blocks(Mutex<BTreeMap<NodeId, Vec<Source>>>);

impl Blocks {
    pub(crate) fn load(rows: &impl Rows) -> Result<Self, StoreError> {
        Ok(Self(Mutex::new(read(rows)?)))
    }

    /// Whether a node is blocked.
    pub(crate) fn has(&self, node: NodeId) -> bool {
        lock(&self.0).contains_key(&node)
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<NodeId> {
        lock(&self.0).keys().copied().collect()
    }
}

/// The list of a row, which was verified when it was kept.
fn list_of(id: Hash, founder: NodeId, row: &ListRow) -> Option<BlockList> {
    BlockList::open(row.signed.as_ref()?, id, founder).ok()
}

fn read(rows: &impl Rows) -> Result<BTreeMap<NodeId, Vec<Source>>, StoreError> {
    let mut found: BTreeMap<NodeId, Vec<Source>> = BTreeMap::new();
    for (id, row) in nodes::all(rows)? {
        if row.blocked {
            found.entry(id).or_default().push(Source::Owner);
        }
    }
    for (id, known) in communities::all(rows)? {
        let row = communities::list(rows, id)?;
        if !row.follow {
            continue;
        }
        for node in list_of(id, known.founder, &row)
            .into_iter()
            .flat_map(|l| l.nodes)
        {
            found.entry(node).or_default().push(Source::List(id));
        }
    }
    Ok(found)
}

/// Blocks or lists have changed: the network follows.
pub(crate) fn reload(shared: &Shared) -> Result<(), Error> {
    let rows = shared.store.read()?;
    let mut new = read(&rows)?;
    // A list cannot silence the node that follows it.
    new.remove(&shared.node_id);
    let old = std::mem::replace(&mut *lock(&shared.blocks.0), new.clone());
    for node in new.keys().filter(|node| !old.contains_key(node)) {
        shared.links.settled(*node);
        shared.network.block(*node);
    }
    for node in old.keys().filter(|node| !new.contains_key(node)) {
        shared.network.unblock(*node);
        if let Some(row) = nodes::node(&rows, *node)?
            && !shared.links.is_off(*node)
        {
            shared.network.want(*node, row.texts());
        }
    }
    shared.network_changed.notify_one();
    Ok(())
}

/// The list of a community, for its page.
pub(crate) fn list_view(
    shared: &Shared,
    rows: &impl Rows,
    known: &Known,
) -> Result<view::CommunityList, StoreError> {
    let row = communities::list(rows, known.id)?;
    let list = list_of(known.id, known.founder, &row);
    let own = known.founder == shared.node_id;
    let nodes = list.as_ref().map_or(&[][..], |list| &list.nodes);
    Ok(view::CommunityList {
        follow: row.follow,
        published: own && list.is_some(),
        nodes: nodes
            .iter()
            .map(|node| Ok((*node, name_of(shared, rows, *node)?)))
            .collect::<Result<_, StoreError>>()?,
    })
}

/// What a node is called here; of an unknown one nothing.
pub(crate) fn name_of(
    shared: &Shared,
    rows: &impl Rows,
    node: NodeId,
) -> Result<String, StoreError> {
    match nodes::node(rows, node)? {
        Some(row) if !row.name.is_empty() => node_label(shared, rows, node),
        _ => Ok(String::new()),
    }
}

/// A list came by gossip: kept and passed on if its founder has signed it and it is newer.
pub(crate) async fn heard(shared: Arc<Shared>, id: Hash, frame: Vec<u8>, verdict: Verdict) {
    let known = shared.communities.all();
    let Some(known) = known.iter().find(|known| known.id == id) else {
        return verdict.ignore();
    };
    let signed = known
        .community
        .open_frame(Channel::Lists, &frame)
        .ok()
        .and_then(|plain| Signed::from_bytes(&plain).ok());
    let Some(signed) = signed else {
        return verdict.reject();
    };
    let Ok(list) = BlockList::open(&signed, id, known.founder) else {
        return verdict.reject();
    };
    match take(&shared, known, &list, signed).await {
        Ok(true) => verdict.accept(),
        Ok(false) | Err(_) => verdict.ignore(),
    }
}

/// Keeps a verified list if it is newer than the one known.
async fn take(
    shared: &Arc<Shared>,
    known: &Known,
    list: &BlockList,
    signed: Signed,
) -> Result<bool, Error> {
    let (id, founder, n) = (known.id, known.founder, list.n);
    let is_new = shared
        .inputs
        .run(From::Others, move |turn| {
            let old = communities::list(turn.tx, id)?;
            let newer = list_of(id, founder, &old).is_none_or(|old| n > old.n);
            // Left meanwhile: nothing of it is kept.
            if !newer || communities::community(turn.tx, id)?.is_none() {
                return Ok(false);
            }
            turn.durable();
            let row = ListRow {
                signed: Some(signed),
                ..old
            };
            communities::put_list(turn.tx, id, &row)?;
            Ok(true)
        })
        .await?;
    if is_new {
        reload(shared)?;
    }
    Ok(is_new)
}

/// The list of a community as a frame, for whoever has come.
pub(crate) fn frame(shared: &Shared, known: &Known) -> Option<Vec<u8>> {
    let rows = shared.store.read().ok()?;
    let signed = communities::list(&rows, known.id).ok()?.signed?;
    let plain = signed.to_bytes();
    Some(
        known
            .community
            .seal(Channel::Lists, &plain, &mut SystemRandom),
    )
}

impl Engine {
    /// Blocks a node: closed and refused; its people's messages stop in both directions, its queries get no answer,
    /// nothing of it is fetched. Others see no difference to a node that is silent. In groups what others' nodes
    /// pass on still comes, or their history would have holes. For the owner's page and the control socket.
    ///
    /// # Errors
    /// [`Error::Invalid`] for this very node.
    pub async fn block_node(&self, node: NodeId) -> Result<(), Error> {
        if node == self.shared().node_id {
            return Err(Error::invalid("node", Reason::Own));
        }
        self.set_blocked(node, true).await
    }

    /// Takes a block by the owner back; one by a followed list stays.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn unblock_node(&self, node: NodeId) -> Result<(), Error> {
        self.set_blocked(node, false).await
    }

    async fn set_blocked(&self, node: NodeId, blocked: bool) -> Result<(), Error> {
        let shared = self.shared();
        let waits = self.waiting().into_iter().find(|w| w.node_id == node);
        shared
            .inputs
            .run(From::Local, move |turn| {
                let known = nodes::node(turn.tx, node)?;
                if !blocked && !known.is_some_and(|row| row.blocked) {
                    return Err(Error::NotFound.into());
                }
                turn.durable();
                let mut row = nodes::ensure(turn.tx, node, 2, turn.now_ms)?;
                row.blocked = blocked;
                if let Some(waits) = waits.filter(|_| row.name.is_empty()) {
                    row.name = waits.name;
                }
                turn.effects.people_changed = true;
                Ok(nodes::put(turn.tx, node, &row)?)
            })
            .await?;
        shared.note_of(node, |node| match blocked {
            true => view::Happening::Blocked { node },
            false => view::Happening::Unblocked { node },
        });
        reload(shared)
    }

    /// Blocked nodes, and by whom.
    ///
    /// # Errors
    /// Storage errors.
    pub fn blocked(&self) -> Result<Vec<view::BlockedNode>, Error> {
        let shared = self.shared();
        let rows = shared.store.read()?;
        let names: BTreeMap<Hash, String> = shared
            .communities
            .all()
            .iter()
            .map(|known| (known.id, known.name.clone()))
            .collect();
        let all = lock(&shared.blocks.0).clone();
        let mut found = Vec::new();
        for (node_id, sources) in all {
            let lists = sources.iter().filter_map(|source| match source {
                Source::Owner => None,
                Source::List(id) => names.get(id).cloned(),
            });
            found.push(view::BlockedNode {
                node_id,
                name: name_of(shared, &rows, node_id)?,
                by_owner: sources.contains(&Source::Owner),
                lists: lists.collect(),
            });
        }
        Ok(found)
    }

    /// As the founder: publishes the nodes that are blocked here as the list of a community, signed by this node.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Forbidden`] for who did not found it, [`Error::Invalid`] for more than 100.
    pub async fn publish_list(&self, id: Hash) -> Result<(), Error> {
        let shared = self.shared();
        let known = shared.communities.all();
        let known = known
            .iter()
            .find(|known| known.id == id && !known.open)
            .ok_or(Error::NotFound)?;
        if known.founder != shared.node_id {
            return Err(Error::Forbidden);
        }
        let nodes: Vec<NodeId> = {
            let all = lock(&shared.blocks.0);
            let own = all.iter().filter(|(_, by)| by.contains(&Source::Owner));
            own.map(|(node, _)| *node).collect()
        };
        if nodes.len() > limits::BLOCK_LIST {
            return Err(Error::invalid("community", Reason::Many));
        }
        let old = list_of(
            id,
            known.founder,
            &communities::list(&shared.store.read()?, id)?,
        );
        let now = now_ms();
        let list = BlockList {
            v: 1,
            community: id,
            // After a disk that was rolled back numbers given out since are unknown: the clock is above them.
            n: old.map_or(0, |old| old.n + 1).max(now / 1000),
            nodes,
            ts: now,
        };
        let signed = list.sign(&shared.node_key);
        take(shared, known, &list, signed).await?;
        shared.tell_nodes.notify_one();
        Ok(())
    }

    /// Follows the list of a community, or no longer: its nodes are then blocked here.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn follow_list(&self, id: Hash, follow: bool) -> Result<(), Error> {
        let shared = self.shared();
        shared
            .inputs
            .run(From::Local, move |turn| {
                let known = communities::community(turn.tx, id)?;
                if known.is_none() || id == Community::open().id() {
                    return Err(Error::NotFound.into());
                }
                turn.durable();
                let row = ListRow {
                    follow,
                    ..communities::list(turn.tx, id)?
                };
                Ok(communities::put_list(turn.tx, id, &row)?)
            })
            .await?;
        reload(shared)
    }
}

impl UserHandle {
    /// Owner only: see [`Engine::block_node`].
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Invalid`].
    pub async fn block_node(&self, node: NodeId) -> Result<(), Error> {
        self.owner()?.block_node(node).await
    }

    /// Owner only: see [`Engine::unblock_node`].
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`].
    pub async fn unblock_node(&self, node: NodeId) -> Result<(), Error> {
        self.owner()?.unblock_node(node).await
    }

    /// Owner only: see [`Engine::blocked`].
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn blocked(&self) -> Result<Vec<view::BlockedNode>, Error> {
        self.owner()?.blocked()
    }

    /// Owner only: see [`Engine::publish_list`].
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::Invalid`].
    pub async fn publish_list(&self, id: Hash) -> Result<(), Error> {
        self.owner()?.publish_list(id).await
    }

    /// Owner only: see [`Engine::follow_list`].
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`].
    pub async fn follow_list(&self, id: Hash, follow: bool) -> Result<(), Error> {
        self.owner()?.follow_list(id, follow).await
    }
}
