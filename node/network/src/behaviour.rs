//! The derived behaviour of the swarm and the settings of its parts.

use std::num::NonZeroU32;
use std::time::Duration;

use libp2p::identity::Keypair;
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{
    PeerId, StreamProtocol, autonat, connection_limits, dcutr, gossipsub, identify, kad, mdns,
    ping, relay, upnp,
};
use sha2::{Digest, Sha256};

use crate::codec::Bytes;
use crate::doors::Doors;
use crate::outside::Outside;
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
    doors: Doors,
    limits: connection_limits::Behaviour,
    pub(crate) keep: keep::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    hello: Requests,
    log: Requests,
    people: Requests,
    blob: Requests,
    mail: Requests,
    community: Requests,
    pub(crate) push: push::Behaviour,
    pub(crate) gossip: Gossip,
    pub(crate) mdns: Toggle<mdns::tokio::Behaviour>,
    /// Connections through relays, and being reachable through them.
    through: relay::client::Behaviour,
    /// Being a relay.
    pub(crate) relay: relay::Behaviour,
    /// Direct connections in place of relayed ones.
    punch: Outside<dcutr::Behaviour>,
    /// Asks others whether an address of ours can be reached (AutoNAT v2).
    pub(crate) probe: Outside<autonat::v2::client::Behaviour>,
    /// Tries addresses of linked nodes for them.
    pub(crate) try_back: Outside<autonat::v2::server::Behaviour>,
    upnp: Toggle<upnp::tokio::Behaviour>,
    /// Where nodes are, when nothing else helps.
    pub(crate) lookups: Outside<Lookups>,
}

/// Kademlia as this node speaks it: it holds no records, only where nodes are.
pub(crate) type Lookups = kad::Behaviour<kad::store::MemoryStore>;

impl Node {
    pub(crate) fn new(
        key: &Keypair,
        config: &crate::Config,
        through: relay::client::Behaviour,
        doors: Doors,
        relaying: limits::Relaying,
    ) -> Result<Self, String> {
        let own = key.public().to_peer_id();
        let (agent, mdns) = (&config.agent, config.mdns);
        Ok(Self {
            doors,
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
            mail: requests(Protocol::Mail),
            community: requests(Protocol::Community),
            push: push::Behaviour::default(),
            gossip: gossip(key)?,
            mdns: Toggle::from(if mdns { lan(own) } else { None }),
            through,
            relay: relay(own, config.relay, relaying),
            punch: Outside::new(dcutr::Behaviour::new(own)),
            probe: Outside::new(autonat::v2::client::Behaviour::default()),
            try_back: Outside::for_some(autonat::v2::server::Behaviour::default()),
            upnp: Toggle::from(config.asks_router().then(upnp::tokio::Behaviour::default)),
            lookups: Outside::new(lookups(own)),
        })
    }

    /// The behaviour of one request protocol.
    pub(crate) fn requests(&mut self, protocol: Protocol) -> &mut Requests {
        match protocol {
            Protocol::Hello => &mut self.hello,
            Protocol::Log => &mut self.log,
            Protocol::People => &mut self.people,
            Protocol::Blob => &mut self.blob,
            Protocol::Mail => &mut self.mail,
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
        // With its author, or whoever is quicker could publish the frame of another as its own, and that one's would pass for
        // a repeat.
        .message_id_fn(|message| {
            let author = message.source.map(|peer| peer.to_bytes());
            let digest = Sha256::new()
                .chain_update(author.unwrap_or_default())
                .chain_update(&message.data);
            gossipsub::MessageId::new(digest.finalize().as_slice())
        })
        .max_transmit_size(limits::RPC)
        .max_control_message_size(limits::RPC)
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

fn relay(own: PeerId, on: bool, bounds: limits::Relaying) -> relay::Behaviour {
    let config = relay::Config {
        max_reservations: bounds.reservations,
        reservation_duration: bounds.reservation,
        max_circuits: bounds.circuits,
        // The crate refuses only above it.
        max_circuits_per_peer: bounds.circuits_per_peer.saturating_sub(1),
        max_circuit_duration: bounds.circuit_time,
        max_circuit_bytes: bounds.circuit_bytes,
        reservation_rate_limiters: Vec::new(),
        circuit_src_rate_limiters: Vec::new(),
        ..relay::Config::default()
    };
    // A token comes back after the interval; so many are there at the start.
    let mut relay = relay::Behaviour::new(
        own,
        config
            .reservation_rate_per_peer(
                const { NonZeroU32::new(20).unwrap() },
                Duration::from_secs(30),
            )
            .reservation_rate_per_ip(
                const { NonZeroU32::new(120).unwrap() },
                Duration::from_secs(5),
            )
            .circuit_src_per_peer(
                const { NonZeroU32::new(60).unwrap() },
                Duration::from_secs(5),
            )
            .circuit_src_per_ip(
                const { NonZeroU32::new(240).unwrap() },
                Duration::from_secs(1),
            ),
    );
    relay.set_status(Some(relay_status(on)));
    relay
}

/// The owner decides, and not whether an address was found to be reachable.
pub(crate) fn relay_status(on: bool) -> relay::Status {
    if on {
        relay::Status::Enable
    } else {
        relay::Status::Disable
    }
}

fn lookups(own: PeerId) -> Lookups {
    // A name of its own: the public network is another one, and larger than we can trust.
    let mut config = kad::Config::new(StreamProtocol::new("/chater/kad/1"));
    config
        .set_query_timeout(limits::LOOKUP)
        .set_substreams_timeout(limits::HANDSHAKE)
        .set_max_packet_size(limits::KAD_PACKET)
        // Who is in the table is our decision: nodes that are linked, at addresses that we believe.
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        // Records and providers of others are not kept.
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_caching(kad::Caching::Disabled)
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_publication_interval(None)
        .set_periodic_bootstrap_interval(None);
    let store = kad::store::MemoryStore::with_config(
        own,
        kad::store::MemoryStoreConfig {
            max_records: 0,
            max_value_bytes: 0,
            max_providers_per_key: 0,
            max_provided_keys: 0,
        },
    );
    let mut lookups = kad::Behaviour::with_config(own, store, config);
    // Without a confirmed address it would answer nobody, on a LAN as well.
    lookups.set_mode(Some(kad::Mode::Server));
    lookups
}

/// Finding peers on the LAN is a comfort: without it the node starts all the same.
fn lan(own: PeerId) -> Option<mdns::tokio::Behaviour> {
    mdns::tokio::Behaviour::new(mdns::Config::default(), own)
        .inspect_err(|error| tracing::warn!(%error, "mDNS is off: peers on the LAN are not found"))
        .ok()
}
