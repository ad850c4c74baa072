//! The node itself: what it is, whom it knows, whether it is well.

use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, request};
use axum::response::{IntoResponse, Response};
use chater_engine::view::{self, LinkState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Answer, Body, answer};
use super::shapes::{Text, peer_id, time};
use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, ErrorAnswer, Problem};
use crate::session::Bearer;

/// How long one health check answers for all who ask.
const HEALTH_AGE: Duration = Duration::from_secs(1);

/// This node.
#[derive(Serialize, ToSchema)]
pub(super) struct Node<'a> {
    /// Its name.
    name: &'a str,
    /// Its peer id.
    #[schema(value_type = String)]
    node_id: Text<std::sync::Arc<str>>,
    /// Multiaddrs that others can dial, best first.
    addresses: &'a [String],
    /// Known nodes, connected first.
    peers: Vec<Peer<'a>>,
    /// How it stands in the network.
    standing: Standing<'a>,
    /// Program version.
    version: &'a str,
}

/// How the node stands in the network.
#[derive(Serialize, ToSchema)]
pub(super) struct Standing<'a> {
    /// Whether nodes of the Internet can reach it directly: `yes`, `no`, `unknown`.
    reachable: &'static str,
    /// Its addresses of the Internet, as far as known to work.
    external: &'a [String],
    /// Peer ids of nodes through which it can be reached.
    #[schema(value_type = Vec<String>)]
    relays: Vec<Text<std::sync::Arc<str>>>,
    /// What the router said to the request for an open port: `off`, `asked`, `opened`, `silent`, `inside`.
    router: &'static str,
    /// Whether it listens to multicast on the LAN.
    mdns: bool,
    /// Whether others may be reached through it.
    relaying: bool,
    /// How the last attempt to open a direct connection to a node behind a router ended; null = none was made.
    punched: Option<bool>,
}

impl<'a> From<&'a view::Standing> for Standing<'a> {
    fn from(standing: &'a view::Standing) -> Self {
        Self {
            reachable: match standing.reachable {
                view::Reachable::Yes => "yes",
                view::Reachable::No => "no",
                view::Reachable::Unknown => "unknown",
            },
            external: &standing.external,
            relays: standing
                .relays
                .iter()
                .map(|relay| Text(peer_id(*relay)))
                .collect(),
            router: match standing.router {
                view::Router::Off => "off",
                view::Router::Asked => "asked",
                view::Router::Opened => "opened",
                view::Router::Silent => "silent",
                view::Router::Inside => "inside",
            },
            mdns: standing.mdns,
            relaying: standing.relaying,
            punched: standing.punched,
        }
    }
}

/// Another node, seen from here.
#[derive(Serialize, ToSchema)]
pub(super) struct Peer<'a> {
    /// Its peer id.
    #[schema(value_type = String)]
    node_id: Text<std::sync::Arc<str>>,
    /// Its name as shown here.
    name: &'a str,
    /// `connected`, `connecting`, `waiting` (its owner has not let this node in), `away`.
    state: &'a str,
    /// Addresses known, the connected one first.
    addresses: &'a [String],
    /// Own events that wait for it.
    waiting: u64,
    /// Connected since, or last seen.
    since: Option<String>,
    /// Last ping.
    rtt_ms: Option<u32>,
    /// How it was found: `lan`, `manual`, `gossip`, `search`.
    found: &'a str,
    /// Names of the communities in common.
    communities: &'a [String],
    /// The program it says it runs.
    agent: Option<&'a str>,
    /// The owner has cut it off.
    off: bool,
    /// How it is reached: `direct`, `relay`; null = not connected.
    path: Option<&'static str>,
    /// The peer id of the node it is reached through.
    #[schema(value_type = Option<String>)]
    relay: Option<Text<std::sync::Arc<str>>>,
}

impl<'a> From<&'a view::Peer> for Peer<'a> {
    fn from(peer: &'a view::Peer) -> Self {
        Self {
            node_id: Text(peer_id(peer.node_id)),
            name: &peer.name,
            state: match peer.state {
                LinkState::Connected => "connected",
                LinkState::Connecting => "connecting",
                LinkState::Waiting => "waiting",
                LinkState::Away => "away",
            },
            addresses: &peer.addresses,
            waiting: peer.waiting,
            since: peer.since_ms.map(time),
            rtt_ms: peer.rtt_ms,
            found: peer.found,
            communities: &peer.common,
            agent: peer.agent.as_deref(),
            off: peer.off,
            path: peer.path.as_ref().map(|path| match path {
                view::Way::Direct => "direct",
                view::Way::Relay { .. } => "relay",
            }),
            relay: match &peer.path {
                Some(view::Way::Relay { node_id, .. }) => Some(Text(peer_id(*node_id))),
                _ => None,
            },
        }
    }
}

/// An address to link to.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct NewPeer {
    /// A multiaddr, as `/ip4/192.168.1.7/tcp/5001`.
    address: String,
}

/// What this node is and whom it knows.
#[utoipa::path(get, path = "/api/v1/node", tag = "node",
    responses((status = 200, body = Node), (status = 401, body = ErrorAnswer)))]
pub(super) async fn node(State(app): State<App>, _bearer: Bearer) -> Answer {
    let node = app.engine.node();
    let shape = Node {
        name: &node.name,
        node_id: Text(peer_id(node.node_id)),
        addresses: &node.addresses,
        peers: node.peers.iter().map(Into::into).collect(),
        standing: (&node.standing).into(),
        version: node.version,
    };
    answer(StatusCode::OK, &shape)
}

/// Links to another node; the owner's right. Dialled until it answers.
#[utoipa::path(post, path = "/api/v1/peers", tag = "node", request_body = NewPeer,
    responses((status = 202, body = NewPeer), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 422, body = ErrorAnswer)))]
pub(super) async fn add_peer(bearer: Bearer, Body(body): Body<NewPeer>) -> Answer {
    bearer.user.add_peer(&body.address).await?;
    answer(StatusCode::ACCEPTED, &body)
}

/// Updates, sending, reading, typing and live search over a WebSocket. `?after=seq` replays what came
/// since, or says `reload`.
#[utoipa::path(get, path = "/api/v1/socket", tag = "socket",
    params(("after" = Option<u64>, Query, description = "the last `seq` seen")),
    responses((status = 101, description = "frames as ARCHITECTURE.md lists them (Q32-Q36)"),
        (status = 401, body = ErrorAnswer), (status = 426, body = ErrorAnswer)))]
pub(super) async fn socket(
    State(app): State<App>,
    bearer: Bearer,
    look: crate::i18n::Look,
    request: crate::socket::Upgrade,
) -> Result<Response, ApiError> {
    let reader = crate::socket::Reader::json(look);
    crate::socket::open(app.engine, bearer.user, reader, request).await
}

/// `GET /healthz`: 200 when the node can commit.
pub(crate) async fn healthz(State(app): State<App>) -> Response {
    // Held while asking, so that a crowd makes one commit.
    let mut last = app.health.lock().await;
    let well = match *last {
        Some((at, well)) if at.elapsed() < HEALTH_AGE => well,
        _ => {
            let well = app.engine.healthy().await;
            *last = Some((Instant::now(), well));
            well
        }
    };
    drop(last);
    let (status, word) = if well {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "failing")
    };
    (
        status,
        [(CONTENT_TYPE, "application/json")],
        format!("{{\"status\":\"{word}\"}}"),
    )
        .into_response()
}

/// Who may read the metrics: programs of this machine, or any token.
pub(crate) struct MayMeasure;

impl FromRequestParts<App> for MayMeasure {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut request::Parts, app: &App) -> Result<Self, ApiError> {
        let Ok(caller) = Caller::from_request_parts(parts, app).await;
        if caller.is_local || Bearer::from_request_parts(parts, app).await.is_ok() {
            return Ok(Self);
        }
        Err(Problem::new(403, "forbidden").into())
    }
}

/// `GET /metrics`: Prometheus text.
pub(crate) async fn metrics(_may: MayMeasure, State(app): State<App>) -> Response {
    let text = app.engine.metrics();
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}
