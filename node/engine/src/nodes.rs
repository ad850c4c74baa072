//! This node and its neighbours, for the network page and the control socket.

use chater_protocol::id::NodeId;
use chater_store::nodes::NodeRow;
use chater_store::{Rows, StoreError, events, homes, nodes, outbox, users};

use crate::needs::chats_with;
use crate::person::node_label;
use crate::shared::{Link, Shared, lock};
use crate::view::{Dialling, LinkState, Node, Peer, Way};

fn ms(value: u64) -> Option<i64> {
    (value > 0).then(|| i64::try_from(value).unwrap_or(i64::MAX))
}

/// The whole picture.
pub(crate) fn node(shared: &Shared) -> Result<Node, StoreError> {
    let rows = shared.store.read()?;
    let mut peers = Vec::new();
    for (id, row) in nodes::all(&rows)? {
        let (link, lan) = {
            let presence = lock(&shared.presence);
            (presence.links.get(&id).cloned(), presence.lan.contains(&id))
        };
        // Somebody only heard of, never greeted and not being reached, is not a neighbour; blocked ones have their list.
        let heard = link.is_none() && (row.name.is_empty() || row.found == 3) && !lan;
        if heard || shared.blocks.has(id) {
            continue;
        }
        peers.push(peer(shared, &rows, id, &row, link, lan)?);
    }
    peers.sort_by_key(|p| (p.state != LinkState::Connected, p.name.clone()));
    let dialling = lock(&shared.presence)
        .dialling
        .iter()
        .map(|(address, error)| Dialling {
            address: address.clone(),
            error: error.clone(),
        })
        .collect();
    Ok(Node {
        name: shared.name(),
        node_id: shared.node_id,
        addresses: shared.network.addresses(),
        standing: shared.network.standing().into(),
        peers,
        dialling,
        version: env!("CARGO_PKG_VERSION"),
        users: u32::try_from(users::all(&rows)?.len()).unwrap_or(u32::MAX),
    })
}

fn peer(
    shared: &Shared,
    rows: &impl Rows,
    id: NodeId,
    row: &NodeRow,
    link: Option<Link>,
    lan: bool,
) -> Result<Peer, StoreError> {
    let mut addresses = row.texts();
    if let Some(link) = &link {
        addresses.retain(|a| *a != link.address);
        addresses.insert(0, link.address.clone());
    }
    let (held, off) = (shared.links.is_held(id), shared.links.is_off(id));
    let state = match &link {
        Some(_) => LinkState::Connected,
        None if off || shared.leaves_out(id) => LinkState::Away,
        None if held => LinkState::Waiting,
        None if addresses.is_empty() => LinkState::Away,
        None => LinkState::Connecting,
    };
    let people = homes::users_on(rows, id)?;
    let known = shared.communities.all();
    let common = link.as_ref().map_or(&[][..], |link| &link.common);
    let common = known.iter().filter(|k| !k.open && common.contains(&k.id));
    let relay = lock(&shared.presence).relayed.get(&id).copied();
    Ok(Peer {
        common: common.map(|known| known.name.clone()).collect(),
        agent: link.as_ref().and_then(|link| link.agent.clone()),
        held,
        off,
        listed: shared.allow.lists(id),
        left_out: shared.leaves_out(id),
        node_id: id,
        name: node_label(shared, rows, id)?,
        // Known nodes are dialled for ever, ever more rarely: after a day that is called away.
        state: if state == LinkState::Connecting
            && crate::actor::now_ms().saturating_sub(row.seen_ms) > 60_000
        {
            LinkState::Away
        } else {
            state
        },
        addresses,
        people: u32::try_from(people.len()).unwrap_or(u32::MAX),
        waiting: waiting(rows, id, row.no)?,
        since_ms: link
            .as_ref()
            .map_or_else(|| ms(row.seen_ms), |link| ms(link.since_ms)),
        path: match (&link, relay) {
            (None, _) => None,
            (Some(_), None) => Some(Way::Direct),
            (Some(_), Some(relay)) => Some(Way::Relay {
                node_id: relay,
                name: node_label(shared, rows, relay)?,
            }),
        },
        rtt_ms: link.and_then(|link| link.rtt_ms),
        found: if lan {
            "lan"
        } else {
            match row.found {
                0 => "lan",
                1 => "manual",
                3 => "search",
                _ => "gossip",
            }
        },
    })
}

/// Own events that a node has not acknowledged.
fn waiting(rows: &impl Rows, node: NodeId, node_no: u32) -> Result<u64, StoreError> {
    let mut waiting = 0;
    for (no, _) in chats_with(rows, node)? {
        for (feed_no, feed) in events::feeds(rows, no)? {
            if users::lives_here(rows, feed.author)? {
                let has = outbox::acked(rows, feed_no, node_no)?.map_or(0, |seq| seq + 1);
                waiting += feed.whole.saturating_sub(has);
            }
        }
    }
    Ok(waiting)
}
