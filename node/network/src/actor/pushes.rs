//! Streams for pushes: those we open, and those that peers open to us.

use std::collections::VecDeque;

use chater_protocol::id::NodeId;
use libp2p::PeerId;
use libp2p::swarm::Stream;
use tokio::sync::oneshot;

use super::Actor;
use crate::event::NetworkEvent;
use crate::lasting::{PushStream, Pushes};
use crate::push::Event;
use crate::{RequestError, address, limits};

type Asker = oneshot::Sender<Result<PushStream, RequestError>>;

/// Streams of one peer that are on their way. Dropped with the peer: whoever waits gets `NotConnected`.
#[derive(Debug, Default)]
pub(super) struct Streams {
    asked: VecDeque<Asker>,
    /// It came before the peer was admitted here: it may have admitted us a moment earlier.
    pub(super) came: Option<Stream>,
}

impl Actor {
    pub(super) fn open_pushes(&mut self, node: NodeId, reply: Asker) {
        let found = address::peer_id(node).and_then(|id| {
            let peer = self.peers.get_mut(&id)?;
            Some((id, peer.first_link()?, peer))
        });
        // An asker that gave up is no error, here and below.
        let Some((peer_id, connection, peer)) = found else {
            let _ = reply.send(Err(RequestError::NotConnected));
            return;
        };
        if !peer.admitted {
            let _ = reply.send(Err(RequestError::Failed("not admitted".to_owned())));
        } else if peer.pushes.asked.len() >= limits::QUEUE_PER_PEER {
            let _ = reply.send(Err(RequestError::Busy));
        } else {
            peer.pushes.asked.push_back(reply);
            self.swarm.behaviour_mut().push.open(peer_id, connection);
        }
    }

    pub(super) fn handle_pushes(&mut self, event: Event) {
        match event {
            Event::Opened(peer_id, stream) => {
                let meters = self.meters.clone();
                meters.one("chater_streams_total", "direction=\"out\"");
                self.opened(peer_id, Ok(PushStream { stream, meters }));
            }
            Event::Failed(peer_id, why) => self.opened(peer_id, Err(RequestError::Failed(why))),
            Event::Came(peer_id, stream) => {
                // The engine may have admitted it a moment ago.
                self.catch_up();
                match self.peers.get_mut(&peer_id) {
                    Some(peer) if peer.admitted => self.give_pushes(peer_id, stream),
                    Some(peer) => peer.pushes.came = Some(stream),
                    None => {}
                }
            }
        }
    }

    fn opened(&mut self, peer_id: PeerId, result: Result<PushStream, RequestError>) {
        let waiting = self.peers.get_mut(&peer_id);
        if let Some(asker) = waiting.and_then(|peer| peer.pushes.asked.pop_front()) {
            let _ = asker.send(result);
        }
    }

    /// Hands a stream to the engine; one that does not keep up drops it, and the peer opens another.
    pub(super) fn give_pushes(&mut self, peer_id: PeerId, stream: Stream) {
        let Some(peer) = self.peers.get(&peer_id) else {
            return;
        };
        self.meters.one("chater_streams_total", "direction=\"in\"");
        let pushes = Pushes {
            excess: false,
            peer: peer.node,
            stream,
            room: self.push_room.clone(),
            meters: self.meters.clone(),
        };
        if !self.outlet.offer(NetworkEvent::Pushes(pushes)) {
            tracing::debug!(
                peer = address::short(&peer_id),
                "the engine is behind, a stream is dropped"
            );
        }
    }
}
