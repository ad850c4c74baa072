//! The way to the one listener: bounded, never waited for, and yet the beginning and end of each connection get through.

use std::collections::VecDeque;

use chater_protocol::id::NodeId;
use tokio::sync::mpsc;

use crate::event::NetworkEvent;

/// The sending end of the events.
pub(crate) struct Outlet {
    events: mpsc::Sender<NetworkEvent>,
    /// What must not be lost and found the channel full. Bounded: at most an end and a beginning per peer, see `must`.
    waiting: VecDeque<NetworkEvent>,
}

impl Outlet {
    pub(crate) fn new(events: mpsc::Sender<NetworkEvent>) -> Self {
        Self {
            events,
            waiting: VecDeque::new(),
        }
    }

    /// Sends news that may be lost: dropping it refuses a request or ignores a frame. True when it went through.
    pub(crate) fn offer(&mut self, event: NetworkEvent) -> bool {
        self.waiting.is_empty() && self.events.try_send(event).is_ok()
    }

    /// Sends news that must arrive, in order.
    pub(crate) fn must(&mut self, event: NetworkEvent) {
        if let NetworkEvent::Disconnected { peer } = &event
            && self.forget_beginning(*peer)
        {
            return;
        }
        if !self.waiting.is_empty() {
            self.waiting.push_back(event);
        } else if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
            tracing::debug!("the event channel is full");
            self.waiting.push_back(event);
        }
    }

    /// A connection whose beginning was never told needs no end either.
    fn forget_beginning(&mut self, gone: NodeId) -> bool {
        let begins = |event: &NetworkEvent| matches!(event, NetworkEvent::Connected { peer, .. } if *peer == gone);
        match self.waiting.iter().rposition(begins) {
            Some(index) => self.waiting.remove(index).is_some(),
            None => false,
        }
    }

    pub(crate) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Sends one waiting event when there is room. Losing the race in a `select` loses nothing.
    pub(crate) async fn flush(&mut self) {
        match self.events.reserve().await {
            Ok(room) => {
                if let Some(event) = self.waiting.pop_front() {
                    room.send(event);
                }
            }
            // Nobody listens any more.
            Err(_) => self.waiting.clear(),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;
    use crate::Found;

    fn connected(n: u8) -> NetworkEvent {
        NetworkEvent::Connected {
            peer: NodeId([n; 32]),
            address: String::new(),
            dialled: false,
            found: Found::Inbound,
            relay: None,
        }
    }

    fn disconnected(n: u8) -> NetworkEvent {
        NetworkEvent::Disconnected {
            peer: NodeId([n; 32]),
        }
    }

    #[tokio::test]
    async fn beginnings_and_ends_survive_a_full_channel() {
        let (sender, mut events) = mpsc::channel(1);
        let mut outlet = Outlet::new(sender);
        outlet.must(connected(1));
        assert!(!outlet.offer(NetworkEvent::Listening {
            address: String::new()
        }));
        for _ in 0..1_000 {
            outlet.must(disconnected(1));
            outlet.must(connected(1));
            outlet.must(connected(2));
            outlet.must(disconnected(2));
        }
        assert_eq!(outlet.waiting.len(), 2);
        let mut told = Vec::new();
        while outlet.waits() {
            told.push(events.recv().await.unwrap());
            outlet.flush().await;
        }
        told.push(events.recv().await.unwrap());
        let kinds: Vec<_> = told
            .iter()
            .map(|event| matches!(event, NetworkEvent::Connected { .. }))
            .collect();
        assert_eq!(kinds, [true, false, true]);
        assert!(outlet.offer(disconnected(1)));
    }
}
