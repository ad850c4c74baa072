//! The derived behaviour of the swarm and the settings of its parts.

use std::time::Duration;

use libp2p::identity::Keypair;
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{
    PeerId, StreamProtocol, allow_block_list, connection_limits, gossipsub, identify, mdns, ping,
};
use sha2::{Digest, Sha256};

use crate::codec::Bytes;
use crate::{Protocol, keep, limits, push};

type Filter = gossipsub::MaxCountSubscriptionFilter<gossipsub::AllowAllSubscriptionFilter>;

/// Gossip as this node speaks it.
pub(crate) type Gossip = gossipsub::Behaviour<gossipsub::IdentityTransform, Filter>;
/// One request protocol.
pub(crate) type Requests = request_response::Behaviour<Bytes>;

/// What the swarm runs. Those that refuse connections come first.
#[derive(NetworkBehaviour)]
#[behaviour(prelude = "libp2p::swarm::derive_prelude")]
pub(crate) struct Node {
    pub(crate) blocked: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    limits: connection_limits::Behaviour,
    pub(crate) keep: keep::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    hello: Requests,
    log: Requests,
    people: Requests,
    blob: Requests,
    community: Requests,
    pub(crate) push: push::Behaviour,
    pub(crate) gossip: Gossip,
    mdns: Toggle<mdns::tokio::Behaviour>,
}

impl Node {
    pub(crate) fn new(key: &Keypair, agent: &str, mdns: bool) -> Result<Self, String> {
        let own = key.public().to_peer_id();
        Ok(Self {
            blocked: allow_block_list::Behaviour::default(),
            limits: connection_limits::Behaviour::new(connection_limits()),
            keep: keep::Behaviour::default(),
            identify: identify::Behaviour::new(
                identify::Config::new("/chater/id/1".to_owned(), key.public())
                    .with_agent_version(agent.to_owned())
                    .with_push_listen_addr_updates(true)
                    .with_cache_size(0),
            ),
            ping: ping::Behaviour::new(
                ping::Config::new()
                    .with_interval(Duration::from_secs(15))
                    .with_timeout(Duration::from_secs(10)),
            ),
            hello: requests(Protocol::Hello),
            log: requests(Protocol::Log),
            people: requests(Protocol::People),
            blob: requests(Protocol::Blob),
            community: requests(Protocol::Community),
            push: push::Behaviour::default(),
            gossip: gossip(key)?,
            mdns: Toggle::from(if mdns { lan(own) } else { None }),
        })
    }

    /// The behaviour of one request protocol.
    pub(crate) fn requests(&mut self, protocol: Protocol) -> &mut Requests {
        match protocol {
            Protocol::Hello => &mut self.hello,
            Protocol::Log => &mut self.log,
            Protocol::People => &mut self.people,
            Protocol::Blob => &mut self.blob,
            Protocol::Community => &mut self.community,
        }
    }
}

fn connection_limits() -> connection_limits::ConnectionLimits {
    connection_limits::ConnectionLimits::default()
        .with_max_established(Some(limits::CONNECTIONS))
        .with_max_established_incoming(Some(limits::CONNECTIONS_INCOMING))
        .with_max_established_per_peer(Some(limits::CONNECTIONS_PER_PEER))
        .with_max_pending_incoming(Some(limits::CONNECTIONS_PENDING))
        .with_max_pending_outgoing(Some(limits::CONNECTIONS_PENDING))
}

fn requests(protocol: Protocol) -> Requests {
    Requests::with_codec(
        Bytes {
            limit: protocol.limit(),
        },
        [(StreamProtocol::new(protocol.name()), ProtocolSupport::Full)],
        request_response::Config::default()
            .with_request_timeout(protocol.timeout())
            .with_max_concurrent_streams(limits::STREAMS_PER_PROTOCOL),
    )
}

fn gossip(key: &Keypair) -> Result<Gossip, String> {
    let mut config = gossipsub::ConfigBuilder::default();
    config
        .heartbeat_interval(Duration::from_secs(1))
        .heartbeat_initial_delay(Duration::from_millis(300))
        .validation_mode(gossipsub::ValidationMode::Strict)
        .validate_messages()
        .message_id_fn(|message| {
            gossipsub::MessageId::new(Sha256::digest(&message.data).as_slice())
        })
        .max_transmit_size(limits::FRAME + limits::FRAME_ROOM)
        .max_control_message_size(limits::CONTROL)
        .flood_publish(true)
        .duplicate_cache_time(Duration::from_secs(5 * 60))
        // Ten heartbeats: the engine has that long for its verdict.
        .history_length(10)
        .history_gossip(3)
        .connection_handler_queue_len(1_024);
    let filter = Filter {
        filter: gossipsub::AllowAllSubscriptionFilter {},
        max_subscribed_topics: limits::TOPICS,
        max_subscriptions_per_request: limits::TOPICS,
    };
    // No peer score: its defaults empty the mesh when nodes share one address.
    Gossip::new_with_subscription_filter(
        gossipsub::MessageAuthenticity::Signed(key.clone()),
        config.build().map_err(|error| error.to_string())?,
        filter,
    )
    .map_err(str::to_owned)
}

/// Finding peers on the LAN is a comfort: without it the node starts all the same.
fn lan(own: PeerId) -> Option<mdns::tokio::Behaviour> {
    mdns::tokio::Behaviour::new(mdns::Config::default(), own)
        .inspect_err(|error| tracing::warn!(%error, "mDNS is off: peers on the LAN are not found"))
        .ok()
}
