//! Addresses typed by hand: who is there is known only after the first answer. Told the time, does no I/O.

use std::collections::BTreeMap;
use std::time::Instant;

use libp2p::{Multiaddr, PeerId};

use crate::dialler::back_off;
use crate::limits;

#[derive(Debug)]
struct Typed {
    address: Multiaddr,
    /// Named by the address, or who answered there.
    peer: Option<PeerId>,
    answered: bool,
    tries: u32,
    /// When to dial; nothing while dialled, and when the peer is known and so the dialler's.
    next: Option<Instant>,
}

/// The typed addresses by their text.
#[derive(Debug)]
pub(crate) struct TypedAddresses {
    own: PeerId,
    entries: BTreeMap<String, Typed>,
}

impl TypedAddresses {
    pub(crate) fn new(own: PeerId) -> Self {
        Self {
            own,
            entries: BTreeMap::new(),
        }
    }

    /// Remembers an address; without a peer it is dialled from here. False when there is no room.
    pub(crate) fn add(
        &mut self,
        text: String,
        address: Multiaddr,
        peer: Option<PeerId>,
        now: Instant,
    ) -> bool {
        if !self.entries.contains_key(&text) && self.entries.len() >= limits::TYPED {
            return false;
        }
        let next = peer.is_none().then_some(now);
        self.entries.insert(
            text,
            Typed {
                address,
                peer,
                answered: false,
                tries: 0,
                next,
            },
        );
        true
    }

    pub(crate) fn forget(&mut self, text: &str) {
        self.entries.remove(text);
    }

    /// The peer known to be behind this text.
    pub(crate) fn peer(&self, text: &str) -> Option<PeerId> {
        self.entries.get(text).and_then(|typed| typed.peer)
    }

    /// The next address to dial now.
    pub(crate) fn due(&mut self, now: Instant) -> Option<(String, Multiaddr)> {
        let due = |typed: &Typed| typed.next.is_some_and(|next| next <= now);
        let (text, typed) = self.entries.iter_mut().find(|(_, typed)| due(typed))?;
        typed.next = None;
        Some((text.clone(), typed.address.clone()))
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.entries.values().filter_map(|typed| typed.next).min()
    }

    pub(crate) fn failed(&mut self, text: &str, now: Instant) {
        if let Some(typed) = self.entries.get_mut(text) {
            typed.tries = typed.tries.saturating_add(1);
            typed.next = Some(now + back_off(&self.own, text, typed.tries));
        }
    }

    /// Somebody answered there. Gives the address, unless it was forgotten meanwhile.
    pub(crate) fn answered(&mut self, text: &str, peer: PeerId) -> Option<Multiaddr> {
        let typed = self.entries.get_mut(text)?;
        typed.peer = Some(peer);
        typed.answered = true;
        typed.next = None;
        Some(typed.address.clone())
    }

    /// The texts that name this peer and are not answered yet.
    pub(crate) fn unanswered(&self, peer: &PeerId) -> Vec<String> {
        let open = |typed: &Typed| typed.peer.as_ref() == Some(peer) && !typed.answered;
        self.entries
            .iter()
            .filter(|(_, typed)| open(typed))
            .map(|(text, _)| text.clone())
            .collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use std::time::Duration;

    use chater_protocol::id::NodeId;

    use super::*;
    use crate::address;

    #[test]
    fn dialled_until_somebody_answers() {
        let own = address::peer_id(NodeId([1; 32])).unwrap();
        let other = address::peer_id(NodeId([2; 32])).unwrap();
        let place: Multiaddr = "/ip4/192.0.2.1/tcp/1".parse().unwrap();
        let now = Instant::now();
        let mut typed = TypedAddresses::new(own);
        assert!(typed.add("here".to_owned(), place.clone(), None, now));
        assert_eq!(typed.due(now), Some(("here".to_owned(), place.clone())));
        assert_eq!(typed.next(), None);
        typed.failed("here", now);
        assert!(typed.due(now).is_none());
        assert!(typed.due(now + Duration::from_secs(2)).is_some());
        assert_eq!(typed.answered("here", other), Some(place.clone()));
        assert_eq!(typed.next(), None);
        assert_eq!(typed.peer("here"), Some(other));

        typed.add("named".to_owned(), place.clone(), Some(other), now);
        assert_eq!(typed.unanswered(&other), ["named"]);
        assert_eq!(typed.next(), None);

        for n in 0..100 {
            typed.add(n.to_string(), place.clone(), None, now);
        }
        assert_eq!(typed.entries.len(), limits::TYPED);
    }
}
