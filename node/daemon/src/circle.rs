//! Communities and blocks, as commands ask for them: names are typed, ids are meant.

use chater_engine::{Engine, Error, id};

use crate::shapes::{Allowed, Circle, CommunityLine, Decision};

/// The communities of a node, who waits and who is blocked.
///
/// # Errors
/// Storage errors.
pub(crate) fn circle(engine: &Engine) -> Result<Circle, Error> {
    let all = engine.communities()?;
    Ok(Circle {
        open: all.open,
        communities: all
            .own
            .into_iter()
            .map(|own| CommunityLine {
                id: own.id.to_string(),
                name: own.name,
                founder: own.founder,
                linked: own.linked,
            })
            .collect(),
        waiting: engine
            .waiting()
            .into_iter()
            .map(|waits| {
                let id = waits.node_id;
                (waits.name, id.to_peer_id(), id.fingerprint(), waits.address)
            })
            .collect(),
        blocked: engine
            .blocked()?
            .into_iter()
            .map(|node| (node.name, node.node_id.to_peer_id(), node.lists))
            .collect(),
    })
}

/// The owner's list of nodes to be linked.
///
/// # Errors
/// Storage errors.
pub(crate) fn allowed(engine: &Engine) -> Result<Allowed, Error> {
    let list = engine.allowed()?;
    let nodes = list.nodes.into_iter();
    Ok(Allowed {
        only: list.only,
        nodes: nodes
            .map(|node| (node.name, node.node_id.to_peer_id(), node.linked))
            .collect(),
        mailboxes: list.mailboxes,
    })
}

/// The community of a name or an id.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Ambiguous`] with the ids when several have the name.
pub(crate) fn community(engine: &Engine, typed: &str) -> Result<id::Hash, Error> {
    let own = engine.communities()?.own;
    let typed = typed.trim();
    if let Some(found) = own.iter().find(|own| own.id.to_string() == typed) {
        return Ok(found.id);
    }
    let named: Vec<_> = own.iter().filter(|own| own.name == typed).collect();
    match named.as_slice() {
        [] => Err(Error::NotFound),
        [one] => Ok(one.id),
        several => Err(Error::Ambiguous(
            several.iter().map(|own| own.id.to_string()).collect(),
        )),
    }
}

/// The node of a name, an id or the first digits of a fingerprint, among those that are known, wait or are blocked.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Ambiguous`] with the ids when several fit.
pub(crate) fn node(engine: &Engine, typed: &str) -> Result<id::NodeId, Error> {
    let typed = typed.trim();
    if let Some(id) = chater_engine::named(typed) {
        return Ok(id);
    }
    let mut all: Vec<(String, id::NodeId)> = Vec::new();
    all.extend(engine.node().peers.into_iter().map(|p| (p.name, p.node_id)));
    all.extend(engine.waiting().into_iter().map(|w| (w.name, w.node_id)));
    all.extend(engine.blocked()?.into_iter().map(|b| (b.name, b.node_id)));
    let digits: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    let is_print = digits.len() >= 4 && digits.chars().all(|c| c.is_ascii_hexdigit());
    let mut found: Vec<id::NodeId> = all
        .into_iter()
        .filter(|(name, id)| name == typed || (is_print && id.to_string().starts_with(&digits)))
        .map(|(_, id)| id)
        .collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [] => Err(Error::NotFound),
        [one] => Ok(*one),
        several => Err(Error::Ambiguous(
            several.iter().map(id::NodeId::to_peer_id).collect(),
        )),
    }
}

/// Carries a decision of the owner out.
///
/// # Errors
/// As [`node`], and what the engine says.
pub(crate) async fn decide(engine: &Engine, typed: &str, what: Decision) -> Result<(), Error> {
    let node = node(engine, typed)?;
    match what {
        Decision::Link => engine.link_node(node).await,
        Decision::Off => engine.cut_off(node).await,
        Decision::Allow => engine.allow_node(node, true).await,
        Decision::Disallow => engine.allow_node(node, false).await,
        Decision::Block => engine.block_node(node).await,
        Decision::Unblock => engine.unblock_node(node).await,
    }
}
