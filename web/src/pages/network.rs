//! The network page: this node, the others, and how to link one more.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use chater_engine::Error;
use chater_engine::view::{LinkState, Node, Peer};
use serde::Deserialize;

use super::auth::invalid;
use super::shell::{Shell, page_with, see_other};
use super::time::{self, Stamp};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::{Arg, Look, text_with};
use crate::session::{CheckedForm, Session};

struct Row {
    peer: Peer,
    state: String,
    dot: &'static str,
    found: String,
    since: Option<Stamp>,
}

#[derive(Template)]
#[template(path = "pages/network.html")]
struct NetworkPage<'a> {
    look: &'a Look,
    shell: Shell,
    node: &'a Node,
    id: String,
    rows: Vec<Row>,
    summary: String,
    owner: bool,
    /// The address others would use, for the command.
    invite: Option<String>,
    typed: String,
    error: Option<String>,
}

/// `/network`.
pub(crate) async fn show(State(app): State<App>, session: Session, look: Look) -> PageResult {
    render(&app, &session, &look, String::new(), None).await
}

async fn render(
    app: &App,
    session: &Session,
    look: &Look,
    typed: String,
    error: Option<String>,
) -> PageResult {
    let shell = Shell::new(app, session, look.t("network"))
        .await
        .section("network");
    let node = app.engine.node();
    let status = if error.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let people: u32 = node
        .peers
        .iter()
        .filter(|peer| peer.state == LinkState::Connected)
        .fold(node.users, |sum, peer| sum.saturating_add(peer.people));
    let nodes = look.n("network-nodes", shell.links);
    let summary = text_with(
        look.lang,
        "network-summary",
        &[
            ("nodes", Arg::from(nodes)),
            ("people", Arg::from(look.n("people", people))),
        ],
    );
    let shown = NetworkPage {
        look,
        id: node.node_id.to_peer_id(),
        rows: node.peers.iter().map(|peer| row(look, peer)).collect(),
        summary,
        owner: session.user.me()?.owner,
        invite: node.addresses.first().cloned(),
        node: &node,
        shell,
        typed,
        error,
    };
    Ok(page_with(status, &shown))
}

fn row(look: &Look, peer: &Peer) -> Row {
    let (dot, state) = match peer.state {
        LinkState::Connected => ("", look.t("link-connected")),
        LinkState::Connecting => ("wait", look.t("link-connecting")),
        LinkState::Away => ("off", look.t("link-away")),
    };
    let found = match peer.found {
        "lan" => look.t("found-lan"),
        "manual" => look.t("found-manual"),
        _ => look.t("found-gossip"),
    };
    let since = peer.since_ms.map(|ms| time::card(look, ms, time::now_ms()));
    Row {
        peer: peer.clone(),
        state,
        dot,
        found,
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
    let typed = form.address.trim().to_owned();
    match session.user.add_peer(&typed).await {
        Ok(()) => Ok(see_other("/network")),
        Err(Error::Invalid { field, reason }) => {
            let text = invalid(&look, field, reason.as_str());
            render(&app, &session, &look, typed, Some(text)).await
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
