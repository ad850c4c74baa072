//! Gossip: which frames get through, and what happens to them after the verdict.

use std::time::Instant;

use chater_protocol::id::NodeId;
use libp2p::PeerId;
use libp2p::gossipsub::{
    Event, IdentTopic, Message, MessageAcceptance, MessageId, PublishError, TopicHash,
};

use super::Actor;
use crate::event::{NetworkEvent, Verdict};
use crate::meters::BYTES;
use crate::{Topic, address, limits};

fn name(topic: Topic) -> IdentTopic {
    IdentTopic::new(topic.to_string())
}

fn topic(hash: &TopicHash) -> Option<Topic> {
    let text = hash.as_str();
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    let mut topic = [0; 16];
    for (byte, digits) in topic.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(Topic(topic))
}

impl Actor {
    pub(super) fn subscribe(&mut self, topic: Topic) {
        if !self.topics.contains(&topic) && self.topics.len() >= limits::TOPICS {
            // Others would not take more from us, and would drop all of them.
            tracing::warn!("more than {} topics, not subscribed", limits::TOPICS);
            return;
        }
        match self.swarm.behaviour_mut().gossip.subscribe(&name(topic)) {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(?topic, %error, "not subscribed");
                return;
            }
        }
        self.topics.insert(topic);
        let hash = name(topic).hash();
        let has =
            |(peer, topics): (&PeerId, Vec<&TopicHash>)| topics.contains(&&hash).then_some(*peer);
        let there: Vec<PeerId> = self
            .swarm
            .behaviour()
            .gossip
            .all_peers()
            .filter_map(has)
            .collect();
        for peer in there {
            self.tell_topic(peer, topic);
        }
    }

    pub(super) fn unsubscribe(&mut self, topic: Topic) {
        self.topics.remove(&topic);
        self.swarm.behaviour_mut().gossip.unsubscribe(&name(topic));
    }

    pub(super) fn publish(&mut self, topic: Topic, frame: Vec<u8>) {
        self.meters
            .add(BYTES, "protocol=\"gossip\",direction=\"out\"", frame.len());
        match self
            .swarm
            .behaviour_mut()
            .gossip
            .publish(name(topic), frame)
        {
            Ok(_) => {}
            // Lonely nodes and repeats are normal; what must arrive is sent by sync.
            Err(PublishError::NoPeersSubscribedToTopic | PublishError::Duplicate) => {
                tracing::trace!(?topic, "frame had nowhere to go");
            }
            Err(error) => tracing::debug!(?topic, %error, "frame not sent"),
        }
    }

    pub(super) fn judge(&mut self, id: &MessageId, source: &PeerId, acceptance: MessageAcceptance) {
        let verdict = match acceptance {
            MessageAcceptance::Accept => "verdict=\"accepted\"",
            MessageAcceptance::Ignore => "verdict=\"ignored\"",
            MessageAcceptance::Reject => {
                self.fault(source);
                "verdict=\"rejected\""
            }
        };
        self.meters.one("chater_gossip_frames_total", verdict);
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        if !gossip.report_message_validation_result(id, source, acceptance) {
            tracing::debug!(peer = address::short(source), "a verdict came too late");
        }
    }

    pub(super) fn handle_gossip(&mut self, event: Event) {
        match event {
            Event::Message {
                propagation_source,
                message_id,
                message,
            } => {
                if !self.pass(propagation_source, &message_id, message) {
                    self.judge(&message_id, &propagation_source, MessageAcceptance::Ignore);
                }
            }
            Event::Subscribed {
                peer_id,
                topic: hash,
            } => {
                if let Some(topic) = topic(&hash)
                    && self.topics.contains(&topic)
                {
                    self.tell_topic(peer_id, topic);
                }
            }
            Event::SlowPeer { peer_id, .. } => {
                tracing::debug!(
                    peer = address::short(&peer_id),
                    "gossip queue of a slow peer is full"
                );
            }
            Event::Unsubscribed { .. } | Event::GossipsubNotSupported { .. } => {}
        }
    }

    /// Hands a frame to the engine, which then owes the verdict. False when the verdict is ours.
    fn pass(&mut self, source: PeerId, id: &MessageId, message: Message) -> bool {
        let Some(peer) = self.peers.get_mut(&source) else {
            return false;
        };
        let fits = message.data.len() <= limits::FRAME;
        self.meters.add(
            BYTES,
            "protocol=\"gossip\",direction=\"in\"",
            message.data.len(),
        );
        if !peer.admitted || !fits || !peer.gossip.take(Instant::now()) {
            self.meters.one("chater_refused_total", "reason=\"gossip\"");
            return false;
        }
        // Strict validation lets no frame through that its source has not signed.
        let Some(author) = message.source.as_ref().and_then(address::node_id) else {
            return false;
        };
        let known = topic(&message.topic).filter(|topic| self.topics.contains(topic));
        let (Some(topic), Some(commands)) = (known, self.sender.upgrade()) else {
            return false;
        };
        let verdict = Verdict {
            commands,
            frame: Some((id.clone(), source)),
        };
        let frame = message.data;
        // When the channel is full it is dropped here, which is a verdict too.
        self.outlet.offer(NetworkEvent::Gossip {
            peer: peer.node,
            author,
            topic,
            frame,
            verdict,
        });
        true
    }

    /// Tells which of our topics a newly admitted peer takes part in.
    pub(super) fn tell_topics_of(&mut self, peer: PeerId) {
        let all = self
            .swarm
            .behaviour()
            .gossip
            .all_peers()
            .find(|(id, _)| **id == peer);
        let topics: Vec<Topic> = all
            .into_iter()
            .flat_map(|(_, hashes)| hashes)
            .filter_map(topic)
            .collect();
        for topic in topics {
            if self.topics.contains(&topic) {
                self.tell_topic(peer, topic);
            }
        }
    }

    fn tell_topic(&mut self, peer: PeerId, topic: Topic) {
        let admitted: Option<NodeId> = self
            .peers
            .get(&peer)
            .filter(|peer| peer.admitted)
            .map(|peer| peer.node);
        if let Some(peer) = admitted {
            self.outlet.offer(NetworkEvent::Subscribed { peer, topic });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_hex() {
        let own = Topic(*b"0123456789abcdef");
        assert_eq!(topic(&name(own).hash()), Some(own));
        for bad in [
            "",
            "zz",
            "жжжжжжжжжжжжжжжж",
            "+123456789abcdef0123456789abcdef",
        ] {
            let hash = TopicHash::from_raw(bad);
            assert!(topic(&hash).is_none_or(|topic| name(topic).hash() != hash));
        }
    }
}
