//! The one task that owns the swarm: takes commands, takes swarm events, keeps time. It waits for nobody else.

mod connections;
mod dials;
mod gossip;
mod listeners;
mod outlet;
mod pushes;
mod reach;
mod requests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use chater_protocol::id::NodeId;
use futures::StreamExt;
use libp2p::core::transport::ListenerId;
use libp2p::gossipsub::{MessageAcceptance, MessageId};
use libp2p::identity::Keypair;
use libp2p::swarm::{self, ConnectionId, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, identify, mdns, ping, relay};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::behaviour::{Node, NodeEvent};
use crate::dialler::Dialler;
use crate::event::NetworkEvent;
use crate::meters::Meters;
use crate::typed::TypedAddresses;
use crate::{
    Config, Protocol, PushStream, RequestError, Standing, StartError, Topic, Unreached, address,
    lasting, limits, transport,
};
use connections::Peer;
use dials::Dial;
use outlet::Outlet;
use reach::Reach;
use requests::Requests;

/// What a handle asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Request {
        peer: NodeId,
        protocol: Protocol,
        body: Vec<u8>,
        reply: oneshot::Sender<Result<Vec<u8>, RequestError>>,
    },
    OpenPushes {
        peer: NodeId,
        reply: oneshot::Sender<Result<PushStream, RequestError>>,
    },
    Admit(NodeId),
    Close(NodeId),
    Block(NodeId),
    Unblock(NodeId),
    AdmitOnly(Option<Vec<NodeId>>),
    Want {
        peer: NodeId,
        addresses: Vec<String>,
    },
    Unwant(NodeId),
    Nudge(NodeId),
    WantAddress {
        text: String,
        place: Multiaddr,
        peer: Option<PeerId>,
    },
    ForgetAddress(String),
    Reach {
        peer: NodeId,
        addresses: Vec<String>,
        reply: oneshot::Sender<Result<(), Unreached>>,
    },
    NextDial {
        peer: NodeId,
        reply: oneshot::Sender<Option<std::time::Duration>>,
    },
    Subscribe(Topic),
    Unsubscribe(Topic),
    Publish {
        topic: Topic,
        frame: Vec<u8>,
    },
    Verdict {
        id: MessageId,
        source: PeerId,
        acceptance: MessageAcceptance,
    },
    SetRelay(bool),
    OffersRelay {
        peer: NodeId,
        on: bool,
    },
    Stop(oneshot::Sender<()>),
}

impl Command {
    /// What a command with a body of that size takes of the queue.
    pub(crate) fn cost(bytes: usize) -> usize {
        bytes + 1_024
    }

    fn own_cost(&self) -> usize {
        match self {
            Self::Request { body, .. } => Self::cost(body.len()),
            Self::Publish { frame, .. } => Self::cost(frame.len()),
            _ => 0,
        }
    }
}

/// The ends of the handle's channels.
pub(crate) struct Channels {
    pub(crate) commands: mpsc::UnboundedReceiver<Command>,
    /// For verdicts; weak, so that the last handle dropped ends the actor.
    pub(crate) sender: mpsc::WeakUnboundedSender<Command>,
    pub(crate) queued: Arc<AtomicUsize>,
    pub(crate) addresses: Arc<RwLock<Vec<Multiaddr>>>,
    pub(crate) standing: Arc<RwLock<Standing>>,
    pub(crate) meters: Meters,
    pub(crate) events: mpsc::Sender<NetworkEvent>,
}

/// The worker behind [`crate::Network`].
pub(crate) struct Actor {
    swarm: Swarm<Node>,
    own: PeerId,
    node: NodeId,
    admission: Duration,
    commands: mpsc::UnboundedReceiver<Command>,
    sender: mpsc::WeakUnboundedSender<Command>,
    queued: Arc<AtomicUsize>,
    shown: Arc<RwLock<Vec<Multiaddr>>>,
    standing: Arc<RwLock<Standing>>,
    meters: Meters,
    reach: Reach,
    listened: Vec<Multiaddr>,
    /// Listeners that have not named an address yet.
    starting: HashMap<ListenerId, String>,
    outlet: Outlet,
    peers: HashMap<PeerId, Peer>,
    sessions: u64,
    /// When strangers are closed, in order; the number is the session.
    deadlines: VecDeque<(Instant, PeerId, u64)>,
    /// Relayed connections beside a direct one, and when they go.
    beside: VecDeque<(Instant, PeerId, ConnectionId)>,
    dialler: Dialler,
    typed: TypedAddresses,
    dials: HashMap<ConnectionId, Dial>,
    requests: Requests,
    /// Room for what peers push over streams, see [`lasting`].
    push_room: Arc<Semaphore>,
    topics: HashSet<Topic>,
    stopping: Option<oneshot::Sender<()>>,
}

impl Actor {
    pub(crate) fn new(
        config: &Config,
        bounds: limits::Bounds,
        channels: Channels,
    ) -> Result<Self, StartError> {
        let key = Keypair::ed25519_from_bytes(config.seed)
            .map_err(|error| StartError::Other(error.to_string()))?;
        let own = key.public().to_peer_id();
        let node = address::node_id(&own)
            .ok_or_else(|| StartError::Other("the node key is not an Ed25519 key".to_owned()))?;
        let (through, client) = relay::client::new(own);
        let transport =
            transport::build(&key, through).map_err(|e| StartError::Other(e.to_string()))?;
        let dialler = Dialler::new(own);
        let behaviour = Node::new(&key, config, client, dialler.doors(), bounds.relaying)
            .map_err(StartError::Other)?;
        let settings = swarm::Config::with_tokio_executor()
            .with_idle_connection_timeout(limits::IDLE)
            // The request follows its protocol name at once instead of waiting a round trip.
            .with_substream_upgrade_protocol_override(libp2p::core::upgrade::Version::V1Lazy)
            // Addresses of one peer are tried a moment apart: together, the losers flash up at the other side.
            .with_smart_dial();
        let mut actor = Self {
            swarm: Swarm::new(transport, behaviour, own, settings),
            own,
            node,
            admission: bounds.admission,
            commands: channels.commands,
            sender: channels.sender,
            queued: channels.queued,
            shown: channels.addresses,
            standing: channels.standing,
            meters: channels.meters,
            reach: Reach::default(),
            listened: Vec::new(),
            starting: HashMap::new(),
            outlet: Outlet::new(channels.events),
            peers: HashMap::new(),
            sessions: 0,
            deadlines: VecDeque::new(),
            beside: VecDeque::new(),
            dialler,
            typed: TypedAddresses::new(own),
            dials: HashMap::new(),
            requests: Requests::default(),
            push_room: lasting::room(),
            topics: HashSet::new(),
            stopping: None,
        };
        actor.begin_reach(config)?;
        Ok(actor)
    }

    pub(crate) fn node_id(&self) -> NodeId {
        self.node
    }

    /// Runs until `stop`, or until the last handle is gone.
    pub(crate) async fn run(mut self) {
        while self.stopping.is_none() {
            let now = Instant::now();
            let next = self.next_deadline();
            if next.is_some_and(|next| next <= now) {
                self.tick(now);
            }
            let next = self
                .next_deadline()
                .unwrap_or(now + Duration::from_secs(3_600));
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.handle_command(command),
                    None => break,
                },
                event = self.swarm.select_next_some() => self.handle_swarm_event(event),
                () = self.outlet.flush(), if self.outlet.waits() => {}
                () = tokio::time::sleep_until(next.into()) => {}
            }
        }
        let stopping = self.stopping.take();
        self.close_all().await;
        if let Some(stopping) = stopping {
            // Fails when nobody waits for the end.
            let _ = stopping.send(());
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let admission = self.deadlines.front().map(|(at, ..)| *at);
        let beside = self.beside.front().map(|(at, ..)| *at);
        let relays = self.reach.next();
        [
            admission,
            beside,
            relays,
            self.dialler.next(),
            self.typed.next(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn tick(&mut self, now: Instant) {
        self.close_strangers(now);
        self.close_beside(now);
        self.seek_relays(now);
        self.dial_due(now);
    }

    fn handle_command(&mut self, command: Command) {
        self.queued.fetch_sub(command.own_cost(), Ordering::Relaxed);
        let now = Instant::now();
        match command {
            Command::Request {
                peer,
                protocol,
                body,
                reply,
            } => {
                self.send_request(peer, protocol, body, reply);
            }
            Command::OpenPushes { peer, reply } => self.open_pushes(peer, reply),
            Command::Admit(peer) => self.with(peer, Self::admit),
            Command::Close(peer) => self.with(peer, |actor, peer| actor.disconnect(peer)),
            Command::Block(peer) => self.with(peer, |actor, peer| {
                actor.dialler.block(peer);
                actor.disconnect(peer);
            }),
            Command::Unblock(peer) => {
                self.with(peer, |actor, peer| actor.dialler.unblock(&peer, now));
            }
            Command::AdmitOnly(guests) => self.admit_only(guests, now),
            Command::Want { peer, addresses } => {
                self.with(peer, |actor, peer| actor.want(peer, &addresses, now));
            }
            Command::Unwant(peer) => self.with(peer, |actor, peer| actor.dialler.unwant(&peer)),
            Command::Nudge(peer) => self.with(peer, |actor, peer| actor.dialler.nudge(&peer, now)),
            Command::WantAddress { text, place, peer } => self.want_address(text, place, peer, now),
            Command::ForgetAddress(text) => self.typed.forget(&text),
            Command::Reach {
                peer,
                addresses,
                reply,
            } => self.reach(peer, &addresses, reply),
            Command::NextDial { peer, reply } => self.with(peer, |actor, peer| {
                // Whoever asked may have gone: then nobody needs the answer.
                let _ = reply.send(actor.dialler.waits(&peer, now));
            }),
            Command::Subscribe(topic) => self.subscribe(topic),
            Command::Unsubscribe(topic) => self.unsubscribe(topic),
            Command::Publish { topic, frame } => self.publish(topic, frame),
            Command::Verdict {
                id,
                source,
                acceptance,
            } => self.judge(&id, &source, acceptance),
            Command::SetRelay(on) => self.set_relay(on),
            Command::OffersRelay { peer, on } => {
                self.with(peer, |actor, peer| actor.offers_relay(peer, on, now));
            }
            Command::Stop(done) => self.stopping = Some(done),
        }
    }

    /// Handles what was sent before now: an `admit` given just before a reply must count before what the reply causes.
    fn catch_up(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            self.handle_command(command);
        }
    }

    fn with(&mut self, node: NodeId, act: impl FnOnce(&mut Self, PeerId)) {
        if let Some(peer) = address::peer_id(node) {
            act(self, peer);
        }
    }

    fn handle_swarm_event(&mut self, event: SwarmEvent<NodeEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.handle_behaviour_event(event),
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => {
                self.established(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                connection_id,
                cause,
                ..
            } => {
                tracing::debug!(peer = address::short(&peer_id), ?cause, "connection closed");
                self.closed(peer_id, connection_id);
            }
            SwarmEvent::OutgoingConnectionError {
                connection_id,
                error,
                ..
            } => {
                self.dial_failed(connection_id, &error);
            }
            SwarmEvent::IncomingConnectionError { error, .. } => {
                self.meters
                    .one("chater_refused_total", "reason=\"handshake\"");
                tracing::debug!(%error, "incoming connection failed");
            }
            SwarmEvent::NewListenAddr {
                listener_id,
                address,
            } => {
                self.starting.remove(&listener_id);
                self.listening(address);
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.not_listening(&[address]);
                self.moved();
            }
            SwarmEvent::ListenerClosed {
                listener_id,
                addresses,
                reason,
            } => {
                if !self.reservation_ended(listener_id) {
                    tracing::warn!(?addresses, ?reason, "listener closed");
                }
                self.not_listening(&addresses);
            }
            SwarmEvent::ExternalAddrConfirmed { address } => self.confirmed(address),
            SwarmEvent::ExternalAddrExpired { address } => self.no_longer(&address),
            SwarmEvent::ListenerError { error, .. } => tracing::debug!(%error, "listener error"),
            _ => {}
        }
    }

    fn handle_behaviour_event(&mut self, event: NodeEvent) {
        match event {
            NodeEvent::Hello(event) => self.handle_requests(Protocol::Hello, event),
            NodeEvent::Log(event) => self.handle_requests(Protocol::Log, event),
            NodeEvent::People(event) => self.handle_requests(Protocol::People, event),
            NodeEvent::Blob(event) => self.handle_requests(Protocol::Blob, event),
            NodeEvent::Mail(event) => self.handle_requests(Protocol::Mail, event),
            NodeEvent::Community(event) => self.handle_requests(Protocol::Community, event),
            NodeEvent::Push(event) => self.handle_pushes(event),
            NodeEvent::Gossip(event) => self.handle_gossip(event),
            NodeEvent::Ping(event) => self.pinged(event.peer, event.connection, event.result),
            NodeEvent::Identify(identify::Event::Received {
                connection_id,
                peer_id,
                info,
            }) => {
                self.agent(peer_id, info.agent_version);
                self.identified(peer_id, connection_id, info.listen_addrs);
            }
            NodeEvent::Identify(_) => {}
            NodeEvent::Mdns(mdns::Event::Discovered(found)) => self.found_lan(found),
            NodeEvent::Mdns(mdns::Event::Expired(gone)) => self.gone_lan(&gone),
            NodeEvent::Through(event) => self.handle_through(event),
            NodeEvent::Relay(event) => self.handle_relay(event),
            NodeEvent::Punch(event) => self.punched(&event),
            NodeEvent::Probe(event) => self.probed(&event),
            NodeEvent::TryBack(event) => self.tried_back(&event),
            NodeEvent::Upnp(event) => self.router_says(&event),
            NodeEvent::Lookups(event) => self.handle_lookups(event),
            NodeEvent::Doors(never) | NodeEvent::Limits(never) | NodeEvent::Keep(never) => {
                match never {}
            }
        }
    }

    fn pinged(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        result: Result<Duration, ping::Failure>,
    ) {
        match result {
            Ok(rtt) => {
                if let Some(peer) = address::node_id(&peer) {
                    self.outlet.offer(NetworkEvent::Ping { peer, rtt });
                }
            }
            Err(ping::Failure::Unsupported) => {}
            // A dead connection says nothing by itself: a laptop asleep, a cable pulled.
            Err(error) => {
                tracing::debug!(peer = address::short(&peer), %error, "no answer to a ping, closing");
                self.swarm.close_connection(connection);
            }
        }
    }
}
