//! The network page: this node, the others, who waits, the communities. `netnode.rs` has what is done with one node,
//! `circle.rs` what is done with a community.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use chater_engine::view::{
    Allowed, BlockedNode, Communities, Community, CommunityInvite, LinkState, Node, Peer,
    WaitingNode, Way,
};
use chater_engine::{Error, id::NodeId};
use serde::Deserialize;

use super::auth::invalid;
use super::netmap;
use super::shell::{Shell, page_with, see_other};
use super::time::{self, Stamp};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::{Arg, Look, text_with};
use crate::session::{CheckedForm, Session};

/// A node in the table.
struct Row {
    peer: Peer,
    id: String,
    state: String,
    dot: &'static str,
    way: String,
    since: Option<Stamp>,
}

/// A node that wants something of the owner: it waits, or lies on the LAN and is not linked.
struct Caller {
    id: String,
    name: String,
    place: String,
    fingerprint: String,
}

/// A community with the times of its links.
struct Circle {
    own: Community,
    invites: Vec<(CommunityInvite, Stamp)>,
}

/// What the parts of the page show.
struct Parts {
    summary: String,
    map: String,
    more: usize,
    rows: Vec<Row>,
    waiting: Vec<Caller>,
    nearby: Vec<Caller>,
    communities: Option<Communities>,
    circles: Vec<Circle>,
    blocked: Vec<(BlockedNode, String)>,
    /// The list of nodes to be linked; none = not for this reader.
    allowed: Option<Allowed>,
}

#[derive(Template)]
#[template(path = "pages/network.html")]
struct NetworkPage<'a> {
    look: &'a Look,
    shell: Shell,
    node: &'a Node,
    id: String,
    parts: Parts,
    owner: bool,
    /// The address others would use, for the command.
    invite: Option<String>,
    typed: String,
    error: Option<String>,
    /// What is wrong with the name of a community.
    name_error: Option<String>,
    name: String,
    /// What is wrong with a node for the list.
    guest_error: Option<String>,
    guest: String,
}

/// The parts alone, when something has changed.
#[derive(Template)]
#[template(path = "partials/network.html")]
struct NetworkParts<'a> {
    look: &'a Look,
    shell: Shell,
    node: &'a Node,
    parts: Parts,
    owner: bool,
}

/// Which part of the page.
#[derive(Deserialize, Default)]
pub(crate) struct Part {
    part: Option<String>,
}

/// `/network`; with `part` what changes on it.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Query(asked): Query<Part>,
) -> PageResult {
    if asked.part.is_none() {
        return render(&app, &session, &look, Typed::default()).await;
    }
    let shell = Shell::new(&app, &session, look.t("network")).await;
    let node = app.engine.node();
    let owner = session.user.me()?.owner;
    let shown = NetworkParts {
        look: &look,
        parts: parts(&session, &look, &node, shell.links, owner)?,
        shell,
        node: &node,
        owner,
    };
    Ok(page_with(StatusCode::OK, &shown))
}

/// What was typed, and what is wrong with it.
#[derive(Default)]
pub(crate) struct Typed {
    address: String,
    address_error: Option<String>,
    name: String,
    name_error: Option<String>,
    guest: String,
    guest_error: Option<String>,
}

impl Typed {
    /// A name of a community that does not fit.
    pub(crate) fn name(name: String, error: String) -> Self {
        Self {
            name,
            name_error: Some(error),
            ..Self::default()
        }
    }

    /// A text that names no node for the list.
    pub(crate) fn guest(guest: String, error: String) -> Self {
        Self {
            guest,
            guest_error: Some(error),
            ..Self::default()
        }
    }

    fn is_wrong(&self) -> bool {
        let errors = [&self.address_error, &self.name_error, &self.guest_error];
        errors.iter().any(|error| error.is_some())
    }
}

pub(crate) async fn render(app: &App, session: &Session, look: &Look, typed: Typed) -> PageResult {
    let shell = Shell::new(app, session, look.t("network"))
        .await
        .section("network");
    let node = app.engine.node();
    let status = if typed.is_wrong() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let owner = session.user.me()?.owner;
    let shown = NetworkPage {
        look,
        id: node.node_id.to_peer_id(),
        parts: parts(session, look, &node, shell.links, owner)?,
        owner,
        invite: node.addresses.first().cloned(),
        node: &node,
        shell,
        typed: typed.address,
        error: typed.address_error,
        name: typed.name,
        name_error: typed.name_error,
        guest: typed.guest,
        guest_error: typed.guest_error,
    };
    Ok(page_with(status, &shown))
}

fn parts(
    session: &Session,
    look: &Look,
    node: &Node,
    links: usize,
    owner: bool,
) -> Result<Parts, Error> {
    let people: u32 = node
        .peers
        .iter()
        .filter(|peer| peer.state == LinkState::Connected)
        .fold(node.users, |sum, peer| sum.saturating_add(peer.people));
    let nodes = look.n("network-nodes", links);
    let summary = text_with(
        look.lang,
        "network-summary",
        &[
            ("nodes", Arg::from(nodes)),
            ("people", Arg::from(look.n("people", people))),
        ],
    );
    let caller = |id: NodeId, name: String, place: &str| Caller {
        id: id.to_peer_id(),
        name,
        place: host(place).to_owned(),
        fingerprint: id.fingerprint(),
    };
    let waits = |waits: WaitingNode| caller(waits.node_id, waits.name, &waits.address);
    let near = |peer: &&Peer| peer.found == "lan" && peer.state != LinkState::Connected;
    let drawn = netmap::picture(look, &node.name, &node.peers);
    let (mut waiting, mut communities, mut blocked) = (Vec::new(), None, Vec::new());
    let (mut circles, mut allowed) = (Vec::new(), None);
    if owner {
        allowed = Some(session.user.allowed()?);
        waiting = session.user.waiting()?.into_iter().map(waits).collect();
        let all = session.user.communities()?;
        circles = all.own.iter().map(|own| circle(look, own)).collect();
        communities = Some(all);
        let all = session.user.blocked()?.into_iter();
        blocked = all
            .map(|node| (node.clone(), node.node_id.to_peer_id()))
            .collect();
    }
    Ok(Parts {
        summary,
        map: drawn.svg,
        more: drawn.more,
        rows: node.peers.iter().map(|peer| row(look, peer)).collect(),
        waiting,
        nearby: node
            .peers
            .iter()
            .filter(near)
            .map(|peer| {
                let place = peer.addresses.first().map_or("", String::as_str);
                caller(peer.node_id, peer.name.clone(), place)
            })
            .collect(),
        communities,
        circles,
        blocked,
        allowed,
    })
}

fn circle(look: &Look, own: &Community) -> Circle {
    let timed = |invite: &CommunityInvite| {
        let until = time::moment(look, invite.expires_at_ms);
        (invite.clone(), until)
    };
    Circle {
        invites: own.invites.iter().map(timed).collect(),
        own: own.clone(),
    }
}

/// The host of a multiaddr, for people.
pub(crate) fn host(address: &str) -> &str {
    address.split('/').nth(2).unwrap_or_default()
}

/// The word and the dot for how a node is linked.
pub(crate) fn state(look: &Look, peer: &Peer) -> (&'static str, String) {
    match peer.state {
        LinkState::Connected => ("", look.t("link-connected")),
        LinkState::Connecting => ("wait", look.t("link-connecting")),
        LinkState::Waiting => ("wait", look.t("link-waiting")),
        LinkState::Away if peer.left_out => ("off", look.t("link-left-out")),
        LinkState::Away if peer.off => ("off", look.t("link-off")),
        LinkState::Away => ("off", look.t("link-away")),
    }
}

/// The way of the connection.
pub(crate) fn way(look: &Look, peer: &Peer) -> String {
    match &peer.path {
        Some(Way::Relay { name, .. }) => look.a("way-through", name),
        Some(Way::Direct) => look.t("way-direct"),
        None => "–".to_owned(),
    }
}

fn row(look: &Look, peer: &Peer) -> Row {
    let (dot, state) = state(look, peer);
    let since = peer.since_ms.map(|ms| time::card(look, ms, time::now_ms()));
    Row {
        id: peer.node_id.to_peer_id(),
        peer: peer.clone(),
        state,
        dot,
        way: way(look, peer),
        since,
    }
}

/// An address to link to, or to forget.
#[derive(Deserialize)]
pub(crate) struct AddressForm {
    #[serde(default)]
    address: String,
}

/// Adds an address (owner only; the engine checks).
pub(crate) async fn add(
    State(app): State<App>,
    session: Session,
    look: Look,
    CheckedForm(form): CheckedForm<AddressForm>,
) -> PageResult {
    let address = form.address.trim().to_owned();
    match session.user.add_peer(&address).await {
        Ok(()) => Ok(see_other("/network")),
        Err(Error::Invalid { field, reason }) => {
            let typed = Typed {
                address,
                address_error: Some(invalid(&look, field, reason.as_str())),
                ..Typed::default()
            };
            render(&app, &session, &look, typed).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Stops dialling an address.
pub(crate) async fn forget(
    session: Session,
    CheckedForm(form): CheckedForm<AddressForm>,
) -> PageResult {
    session.user.forget_address(&form.address).await?;
    Ok(see_other("/network"))
}
