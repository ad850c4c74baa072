//! The owner's list of nodes. While it alone counts, any other node is to this one like a blocked one (C5): not let in, not
//! dialled, not answered, and its people are not found. Whatever the owner links by hand meanwhile goes onto the list.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use chater_protocol::id::NodeId;
use chater_store::{Rows, StoreError, allowed, mail};

use crate::Engine;
use crate::actor::From;
use crate::blocks::name_of;
use crate::error::{Error, Reason};
use crate::person::node_label;
use crate::pump;
use crate::shared::{Shared, lock};
use crate::turn::Turn;
use crate::user::UserHandle;
use crate::view::{self, Happening};

#[derive(Default)]
struct State {
    /// The list alone counts.
    only: bool,
    nodes: BTreeSet<NodeId>,
}

/// The list, as it counts now.
#[derive(Default)]
pub(crate) struct Allow(Mutex<State>);

impl Allow {
    pub(crate) fn load(rows: &impl Rows) -> Result<Self, StoreError> {
        Ok(Self(Mutex::new(read(rows)?)))
    }

    /// Whether the list alone counts.
    pub(crate) fn only(&self) -> bool {
        lock(&self.0).only
    }

    /// Whether a node is on the list.
    pub(crate) fn lists(&self, node: NodeId) -> bool {
        lock(&self.0).nodes.contains(&node)
    }

    /// Whether a node is left out because the list alone counts.
    fn leaves_out(&self, node: NodeId) -> bool {
        let state = lock(&self.0);
        state.only && !state.nodes.contains(&node)
    }
}

fn read(rows: &impl Rows) -> Result<State, StoreError> {
    Ok(State {
        only: allowed::only(rows)?,
        nodes: allowed::all(rows)?.into_iter().collect(),
    })
}

impl Shared {
    /// Whether nothing is to be had with a node: it is blocked, or not on the list while that alone counts. A node that the
    /// owner enters through is let in for that.
    pub(crate) fn refuses(&self, node: NodeId) -> bool {
        self.blocks.has(node) || self.leaves_out(node)
    }

    /// The second half of [`Shared::refuses`].
    pub(crate) fn leaves_out(&self, node: NodeId) -> bool {
        node != self.node_id && self.allow.leaves_out(node) && !lock(&self.entering).contains(&node)
    }
}

/// Tells the network who is let in: the nodes on the list and those being entered through, or everybody.
pub(crate) fn tell(shared: &Shared) {
    let listed: Option<Vec<NodeId>> = {
        let state = lock(&shared.allow.0);
        state.only.then(|| state.nodes.iter().copied().collect())
    };
    let entering = lock(&shared.entering).clone();
    let guests = listed.map(|listed| listed.into_iter().chain(entering).collect());
    shared.network.admit_only(guests);
}

/// The list has changed: the network follows, and who may be linked again is wanted.
fn reload(shared: &Arc<Shared>) -> Result<(), Error> {
    let rows = shared.store.read()?;
    *lock(&shared.allow.0) = read(&rows)?;
    tell(shared);
    pump::want_nodes(shared, &rows)?;
    shared.network_changed.notify_one();
    Ok(())
}

/// What the owner links by hand is let in while the list alone counts: it goes onto the list.
pub(crate) fn let_in(turn: &Turn<'_, '_>, node: NodeId) -> Result<(), StoreError> {
    if turn.shared.allow.leaves_out(node) {
        allowed::put(turn.tx, node, turn.now_ms)?;
    }
    Ok(())
}

/// After a turn with [`let_in`].
pub(crate) fn follow(shared: &Arc<Shared>) -> Result<(), Error> {
    if shared.allow.only() {
        reload(shared)?;
    }
    Ok(())
}

/// The node that a text names: its id, an address that ends in it, or a link that leads to it.
#[must_use]
pub fn named(text: &str) -> Option<NodeId> {
    let text = text.trim();
    let linked = crate::invites::invited_by(text).map(|(_, node, _)| node);
    linked
        .or_else(|| crate::ticket::told_by(text).map(|(_, node)| node))
        .or_else(|| {
            let bare = text.strip_prefix("chater:").unwrap_or(text);
            let bare = bare.split('?').next().unwrap_or(bare);
            let id = bare.rsplit('/').next().unwrap_or(bare);
            NodeId::from_peer_id(id).ok()
        })
}

impl Engine {
    /// Puts a node on the list of those to be linked, or takes it off. For the owner's page and the control socket.
    ///
    /// # Errors
    /// [`Error::Invalid`] for this very node, [`Error::NotFound`] for one to be taken off that is not there.
    pub async fn allow_node(&self, node: NodeId, on: bool) -> Result<(), Error> {
        let shared = self.shared();
        if node == shared.node_id {
            return Err(Error::invalid("node", Reason::Own));
        }
        shared
            .inputs
            .run(From::Local, move |turn| {
                if !on {
                    turn.durable();
                    let was = allowed::remove(turn.tx, node)?;
                    return if was {
                        Ok(())
                    } else {
                        Err(Error::NotFound.into())
                    };
                }
                if !allowed::has(turn.tx, node)? {
                    turn.durable();
                    allowed::put(turn.tx, node, turn.now_ms)?;
                }
                Ok(())
            })
            .await?;
        shared.note_of(node, |node| match on {
            true => Happening::Allowed { node },
            false => Happening::Disallowed { node },
        });
        reload(shared)
    }

    /// Links nodes on the list alone: all others are closed, and nothing is known of them until this is taken back. The list
    /// itself stays as it is.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn allow_only(&self, on: bool) -> Result<(), Error> {
        let shared = self.shared();
        shared
            .inputs
            .run(From::Local, move |turn| {
                turn.durable();
                turn.effects.people_changed = true;
                Ok(allowed::put_only(turn.tx, on)?)
            })
            .await?;
        shared.note(Happening::OnlyListed { on });
        reload(shared)
    }

    /// The list, whether it alone counts, and what is missed by that.
    ///
    /// # Errors
    /// Storage errors.
    pub fn allowed(&self) -> Result<view::Allowed, Error> {
        let shared = self.shared();
        let rows = shared.store.read()?;
        let (only, listed) = {
            let state = lock(&shared.allow.0);
            (state.only, state.nodes.clone())
        };
        let mut nodes = Vec::new();
        for node_id in listed {
            nodes.push(view::AllowedNode {
                node_id,
                name: name_of(shared, &rows, node_id)?,
                linked: shared.is_linked(node_id),
            });
        }
        nodes.sort_by_key(|node| (node.name.is_empty(), node.name.clone()));
        let mut mailboxes = Vec::new();
        for (node, _) in mail::mailboxes(&rows)? {
            if shared.leaves_out(node) {
                mailboxes.push(node_label(shared, &rows, node)?);
            }
        }
        Ok(view::Allowed {
            only,
            nodes,
            mailboxes,
        })
    }
}

impl UserHandle {
    /// Owner only: see [`Engine::allow_node`].
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Invalid`], [`Error::NotFound`].
    pub async fn allow_node(&self, node: NodeId, on: bool) -> Result<(), Error> {
        self.owner()?.allow_node(node, on).await
    }

    /// Owner only: see [`Engine::allow_only`].
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub async fn allow_only(&self, on: bool) -> Result<(), Error> {
        self.owner()?.allow_only(on).await
    }

    /// Owner only: see [`Engine::allowed`].
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn allowed(&self) -> Result<view::Allowed, Error> {
        self.owner()?.allowed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_named_by_its_id_an_address_or_a_link() {
        let key = chater_protocol::key::SigningKey::from_seed(&[3; 32]);
        let node = NodeId(key.public().0);
        let id = node.to_peer_id();
        for text in [
            id.clone(),
            format!("  {id}\n"),
            format!("/ip4/192.168.1.5/tcp/5001/p2p/{id}"),
            format!("/ip4/203.0.113.5/tcp/5001/p2p/12D3/p2p-circuit/p2p/{id}"),
            format!("chater:{id}?addr=/ip4/203.0.113.5/tcp/5001"),
        ] {
            assert_eq!(named(&text), Some(node), "{text}");
        }
        for text in [
            "",
            "dom",
            "/ip4/192.168.1.5/tcp/5001",
            &format!("/p2p/{id}/p2p-circuit"),
            "chater:community/xyz",
        ] {
            assert_eq!(named(text), None, "{text}");
        }
    }
}
