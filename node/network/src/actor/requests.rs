//! Requests: those we send, a few at once per peer, and those that peers send us.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use chater_protocol::id::NodeId;
use libp2p::PeerId;
use libp2p::request_response::{
    Event, InboundRequestId, Message, OutboundFailure, OutboundRequestId, ResponseChannel,
};
use tokio::sync::oneshot;

use super::Actor;
use crate::codec::{Answer, TooLarge, is_too_large};
use crate::event::{NetworkEvent, Reply};
use crate::meters::BYTES;
use crate::{Protocol, RequestError, address, limits};

type Asker = oneshot::Sender<Result<Vec<u8>, RequestError>>;

/// A request of ours that waits for a place.
#[derive(Debug)]
struct Waiting {
    body: Vec<u8>,
    reply: Asker,
    since: Instant,
}

/// Our requests to one peer in one protocol.
#[derive(Debug, Default)]
struct Lane {
    in_flight: usize,
    waiting: VecDeque<Waiting>,
}

/// Our requests to one peer. Dropped with the peer: what waits gets `NotConnected`.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    hello: Lane,
    log: Lane,
    people: Lane,
    blob: Lane,
    mail: Lane,
    community: Lane,
}

impl Lanes {
    fn of(&mut self, protocol: Protocol) -> &mut Lane {
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

/// A request of a peer on its way to the engine.
#[derive(Debug)]
pub(super) struct Held {
    protocol: Protocol,
    body: Vec<u8>,
    reply: Reply,
}

/// What is under way, both directions.
#[derive(Debug, Default)]
pub(super) struct Requests {
    asked: HashMap<(Protocol, OutboundRequestId), (PeerId, Asker)>,
    /// Requests of peers without an answer: whose, and how large.
    unanswered: HashMap<(Protocol, InboundRequestId), (PeerId, usize)>,
    unanswered_bytes: usize,
}

impl Actor {
    pub(super) fn send_request(
        &mut self,
        to: NodeId,
        protocol: Protocol,
        body: Vec<u8>,
        reply: Asker,
    ) {
        let peer_id = address::peer_id(to);
        let found = peer_id.and_then(|id| self.peers.get_mut(&id).map(|peer| (id, peer)));
        // An asker that gave up is no error, here and below.
        let Some((peer_id, peer)) = found else {
            let _ = reply.send(Err(RequestError::NotConnected));
            return;
        };
        if !peer.admitted && !protocol.is_for_strangers() {
            let _ = reply.send(Err(RequestError::Failed("not admitted".to_owned())));
            return;
        }
        let lane = peer.lanes.of(protocol);
        if lane.waiting.len() >= limits::QUEUE_PER_PEER {
            let _ = reply.send(Err(RequestError::Busy));
            return;
        }
        lane.waiting.push_back(Waiting {
            body,
            reply,
            since: Instant::now(),
        });
        self.send_waiting(peer_id, protocol);
    }

    fn send_waiting(&mut self, peer_id: PeerId, protocol: Protocol) {
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        let lane = peer.lanes.of(protocol);
        let requests = self.swarm.behaviour_mut().requests(protocol);
        while lane.in_flight < protocol.in_flight() {
            let Some(Waiting { body, reply, since }) = lane.waiting.pop_front() else {
                return;
            };
            if reply.is_closed() {
                continue;
            }
            if since.elapsed() > protocol.timeout() {
                let _ = reply.send(Err(RequestError::Timeout));
            } else if !requests.is_connected(&peer_id) {
                // Just closed, and the event is on its way. Sending would dial.
                let _ = reply.send(Err(RequestError::NotConnected));
            } else {
                self.meters.add(BYTES, protocol.meter(true), body.len());
                let id = requests.send_request(&peer_id, Ok(body));
                self.requests.asked.insert((protocol, id), (peer_id, reply));
                lane.in_flight += 1;
            }
        }
    }

    pub(super) fn handle_requests(
        &mut self,
        protocol: Protocol,
        event: Event<Result<Vec<u8>, TooLarge>, Answer>,
    ) {
        match event {
            Event::Message { peer, message, .. } => match message {
                Message::Request {
                    request_id,
                    request,
                    channel,
                } => match request {
                    Ok(body) => self.asked_by(peer, protocol, request_id, body, channel),
                    // Dropping the channel refuses it.
                    Err(error) => {
                        tracing::debug!(peer = address::short(&peer), ?protocol, %error, "a request too large");
                        self.fault(&peer);
                    }
                },
                Message::Response {
                    request_id,
                    response: Answer::Here(body),
                } if !body.is_empty() => {
                    self.answered(protocol, request_id, Ok(body));
                }
                Message::Response { request_id, .. } => {
                    let refused = RequestError::Failed("by the peer".to_owned());
                    self.answered(protocol, request_id, Err(refused));
                }
            },
            Event::OutboundFailure {
                request_id, error, ..
            } => {
                self.answered(protocol, request_id, Err(failure(error)));
            }
            Event::InboundFailure {
                request_id,
                error,
                peer,
                ..
            } => {
                tracing::debug!(peer = address::short(&peer), ?protocol, %error, "answer not sent");
                self.settled(protocol, request_id);
            }
            Event::ResponseSent { request_id, .. } => self.settled(protocol, request_id),
        }
    }

    fn answered(
        &mut self,
        protocol: Protocol,
        id: OutboundRequestId,
        result: Result<Vec<u8>, RequestError>,
    ) {
        let Some((peer_id, reply)) = self.requests.asked.remove(&(protocol, id)) else {
            return;
        };
        if let Ok(body) = &result {
            self.meters.add(BYTES, protocol.meter(false), body.len());
        }
        let _ = reply.send(result);
        if let Some(peer) = self.peers.get_mut(&peer_id) {
            let lane = peer.lanes.of(protocol);
            lane.in_flight = lane.in_flight.saturating_sub(1);
        }
        self.send_waiting(peer_id, protocol);
    }

    fn asked_by(
        &mut self,
        peer_id: PeerId,
        protocol: Protocol,
        id: InboundRequestId,
        body: Vec<u8>,
        channel: ResponseChannel<Answer>,
    ) {
        // The answer goes from the engine straight to the connection's task; dropping `sender` refuses.
        let (sender, answer) = oneshot::channel();
        let requests = self.swarm.behaviour_mut().requests(protocol);
        if requests
            .send_response(channel, Answer::Later(answer))
            .is_err()
        {
            return;
        }
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        self.meters.add(BYTES, protocol.meter(false), body.len());
        let bytes = self.requests.unanswered_bytes + body.len();
        if peer.unanswered >= limits::INBOUND_PER_PEER || bytes > limits::INBOUND_BYTES {
            tracing::debug!(
                peer = peer.node.short(),
                ?protocol,
                "too many requests, refused"
            );
            self.meters
                .one("chater_refused_total", "reason=\"too_many_requests\"");
            return;
        }
        peer.unanswered += 1;
        self.requests.unanswered_bytes = bytes;
        self.requests
            .unanswered
            .insert((protocol, id), (peer_id, body.len()));
        let held = Held {
            protocol,
            body,
            reply: Reply {
                sender,
                protocol,
                meters: self.meters.clone(),
            },
        };
        if peer.admitted || protocol.is_for_strangers() {
            self.deliver(peer_id, held);
            return;
        }
        // The engine may have admitted it a moment ago.
        self.catch_up();
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        if peer.admitted {
            self.deliver(peer_id, held);
        } else if peer.held.len() < limits::HELD_PER_PEER {
            // It has admitted us, and our engine may be about to admit it.
            peer.held.push(held);
        } else {
            self.meters
                .one("chater_refused_total", "reason=\"not_admitted\"");
        }
    }

    /// Hands a request to the engine; when it does not keep up, the request is refused.
    pub(super) fn deliver(&mut self, peer_id: PeerId, held: Held) {
        let Some(peer) = self.peers.get(&peer_id) else {
            return;
        };
        let Held {
            protocol,
            body,
            reply,
        } = held;
        let node = peer.node;
        if !self.outlet.offer(NetworkEvent::Request {
            peer: node,
            protocol,
            body,
            reply,
        }) {
            tracing::debug!(
                peer = node.short(),
                ?protocol,
                "the engine is behind, request refused"
            );
            self.meters.one("chater_refused_total", "reason=\"busy\"");
        }
    }

    fn settled(&mut self, protocol: Protocol, id: InboundRequestId) {
        let Some((peer_id, bytes)) = self.requests.unanswered.remove(&(protocol, id)) else {
            return;
        };
        self.requests.unanswered_bytes = self.requests.unanswered_bytes.saturating_sub(bytes);
        if let Some(peer) = self.peers.get_mut(&peer_id) {
            peer.unanswered = peer.unanswered.saturating_sub(1);
        }
    }
}

fn failure(error: OutboundFailure) -> RequestError {
    match error {
        OutboundFailure::DialFailure | OutboundFailure::ConnectionClosed => {
            RequestError::NotConnected
        }
        OutboundFailure::Timeout => RequestError::Timeout,
        OutboundFailure::UnsupportedProtocols => {
            RequestError::Failed("protocol not supported".to_owned())
        }
        OutboundFailure::Io(error) if is_too_large(&error) => RequestError::TooLarge,
        OutboundFailure::Io(error) => RequestError::Failed(error.to_string()),
    }
}
