//! One other node: what is known of it, and what the owner decides about it.

use askama::Template;
use axum::extract::{Path, State};
use chater_engine::Error;
use chater_engine::id::NodeId;
use chater_engine::view::Peer;

use super::auth::Empty;
use super::network::{state, way};
use super::shell::{Shell, page, see_other};
use super::time::{self, Stamp};
use crate::app::App;
use crate::error::{PageResult, Problem};
use crate::i18n::Look;
use crate::session::{CheckedForm, Session};

pub(crate) fn node_id(text: &str) -> Result<NodeId, Problem> {
    NodeId::from_peer_id(text).map_err(|_| Problem::new(404, "not_found"))
}

#[derive(Template)]
#[template(path = "pages/netnode.html")]
struct NodePage<'a> {
    look: &'a Look,
    shell: Shell,
    id: &'a str,
    peer: Peer,
    state: String,
    dot: &'static str,
    way: String,
    found: String,
    since: Option<Stamp>,
    connected: bool,
    owner: bool,
}

/// `/network/node/{id}`: all that is known of a node.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(id): Path<String>,
) -> PageResult {
    let node = node_id(&id)?;
    let known = app.engine.node().peers.into_iter();
    let peer = known
        .into_iter()
        .find(|peer| peer.node_id == node)
        .ok_or(Error::NotFound)?;
    let shell = Shell::new(&app, &session, peer.name.clone()).await;
    let (dot, state) = state(&look, &peer);
    Ok(page(&NodePage {
        look: &look,
        shell: shell.section("network"),
        id: &id,
        state,
        dot,
        way: way(&look, &peer),
        found: match peer.found {
            "lan" => look.t("found-lan"),
            "manual" => look.t("found-manual"),
            "search" => look.t("found-search"),
            _ => look.t("found-gossip"),
        },
        since: peer.since_ms.map(|ms| time::moment(&look, ms)),
        connected: peer.state == chater_engine::view::LinkState::Connected,
        owner: session.user.me()?.owner,
        peer,
    }))
}

/// Links a node that waits, was cut off, or lies on the LAN.
pub(crate) async fn link(
    session: Session,
    Path(id): Path<String>,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    session.user.link_node(node_id(&id)?).await?;
    Ok(see_other("/network"))
}

/// Cuts a node off.
pub(crate) async fn off(
    session: Session,
    Path(id): Path<String>,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    session.user.cut_off(node_id(&id)?).await?;
    Ok(see_other("/network"))
}

/// Lets a node that waits wait no longer.
pub(crate) async fn dismiss(
    session: Session,
    Path(id): Path<String>,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    session.user.dismiss_node(node_id(&id)?)?;
    Ok(see_other("/network"))
}

#[derive(Template)]
#[template(path = "pages/block_node.html")]
struct BlockPage<'a> {
    look: &'a Look,
    shell: Shell,
    id: &'a str,
    name: String,
    fingerprint: String,
}

/// Asks before a node is blocked.
pub(crate) async fn ask_block(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(id): Path<String>,
) -> PageResult {
    let node = node_id(&id)?;
    let waiting = session.user.waiting()?.into_iter();
    let known = app.engine.node().peers.into_iter();
    let name = known
        .map(|peer| (peer.node_id, peer.name))
        .chain(waiting.map(|waits| (waits.node_id, waits.name)))
        .find(|(other, _)| *other == node)
        .map_or_else(|| node.fingerprint(), |(_, name)| name);
    let shell = Shell::new(&app, &session, look.t("node-block")).await;
    Ok(page(&BlockPage {
        look: &look,
        shell: shell.section("network"),
        id: &id,
        name,
        fingerprint: node.fingerprint(),
    }))
}

/// Blocks a node.
pub(crate) async fn block(
    session: Session,
    Path(id): Path<String>,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    session.user.block_node(node_id(&id)?).await?;
    Ok(see_other("/network#blocked"))
}

/// Takes a block back.
pub(crate) async fn unblock(
    session: Session,
    Path(id): Path<String>,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    session.user.unblock_node(node_id(&id)?).await?;
    Ok(see_other("/network"))
}
