//! Streams that stay open for pushes (`/chater/push/1`): one each way and peer, opened once, so that a message need not
//! wait for a stream of its own to be made and named.
//!
//! Unlike `libp2p-stream` it never dials, and forgets a connection with its end.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::handler::{
    ConnectionEvent, ConnectionHandler, ConnectionHandlerEvent, DialUpgradeError,
    FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, Stream,
    StreamUpgradeError, SubstreamProtocol, ToSwarm,
};
use libp2p::{PeerId, StreamProtocol, swarm};

const PROTOCOL: StreamProtocol = StreamProtocol::new("/chater/push/1");
/// What one connection tells at once; a stream that comes beyond it is dropped, which closes it.
const WAITING: usize = 4;

type Upgrade = ReadyUpgrade<StreamProtocol>;

/// What happened to a stream.
#[derive(Debug)]
pub(crate) enum Event {
    /// The one asked for is open.
    Opened(PeerId, Stream),
    /// It could not be opened, and why.
    Failed(PeerId, String),
    /// The peer opened one.
    Came(PeerId, Stream),
}

/// Opens streams on connections that exist, and takes those of others.
#[derive(Debug, Default)]
pub(crate) struct Behaviour {
    asked: VecDeque<(PeerId, ConnectionId)>,
    news: VecDeque<Event>,
}

impl Behaviour {
    /// Opens a stream on this connection; the event tells how it went, unless the connection ends.
    pub(crate) fn open(&mut self, peer: PeerId, connection: ConnectionId) {
        self.asked.push_back((peer, connection));
    }
}

/// One connection: streams to open, news to tell.
#[derive(Debug, Default)]
pub(crate) struct Handler {
    asked: usize,
    news: VecDeque<HandlerEvent>,
}

/// A stream is to be opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open;

/// What a connection tells the behaviour.
#[derive(Debug)]
pub(crate) enum HandlerEvent {
    /// See [`Event::Opened`].
    Opened(Stream),
    /// See [`Event::Failed`].
    Failed(String),
    /// See [`Event::Came`].
    Came(Stream),
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        _: ConnectionId,
        event: swarm::THandlerOutEvent<Self>,
    ) {
        self.news.push_back(match event {
            HandlerEvent::Opened(stream) => Event::Opened(peer, stream),
            HandlerEvent::Failed(why) => Event::Failed(peer, why),
            HandlerEvent::Came(stream) => Event::Came(peer, stream),
        });
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Event, Open>> {
        if let Some(event) = self.news.pop_front() {
            return Poll::Ready(ToSwarm::GenerateEvent(event));
        }
        match self.asked.pop_front() {
            Some((peer_id, connection)) => Poll::Ready(ToSwarm::NotifyHandler {
                peer_id,
                handler: NotifyHandler::One(connection),
                event: Open,
            }),
            None => Poll::Pending,
        }
    }
}

impl Handler {
    fn tell(&mut self, event: HandlerEvent) {
        if self.news.len() < WAITING {
            self.news.push_back(event);
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Open;
    type ToBehaviour = HandlerEvent;
    type InboundProtocol = Upgrade;
    type OutboundProtocol = Upgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Upgrade> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Upgrade, (), HandlerEvent>> {
        if let Some(event) = self.news.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(event));
        }
        if self.asked > 0 {
            self.asked -= 1;
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ()),
            });
        }
        // What fills these queues is done by the connection's own task, which polls again afterwards.
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, _: Open) {
        self.asked += 1;
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Upgrade, Upgrade>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: stream,
                ..
            }) => self.tell(HandlerEvent::Came(stream)),
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: stream,
                ..
            }) => self.tell(HandlerEvent::Opened(stream)),
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, .. }) => {
                let why = match error {
                    StreamUpgradeError::Timeout => "timeout".to_owned(),
                    StreamUpgradeError::NegotiationFailed => "protocol not supported".to_owned(),
                    StreamUpgradeError::Io(error) => error.to_string(),
                    StreamUpgradeError::Apply(never) => match never {},
                };
                self.tell(HandlerEvent::Failed(why));
            }
            _ => {}
        }
    }
}
