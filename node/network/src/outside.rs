//! Keeps a behaviour of libp2p that dials by itself to addresses of the Internet.
//!
//! AutoNAT, hole punching and Kademlia dial where peers tell them to. A peer must not aim them at this machine or at
//! hosts of its local network, so what is private never gets into them, and never out of them.

use std::collections::{HashMap, HashSet};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::behaviour::{ConnectionClosed, DialFailure};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{PeerId, swarm};

use crate::rate::Bucket;
use crate::{address, limits};

/// How long after a question a peer may still dial back.
const DIAL_BACK: Duration = Duration::from_secs(30);

/// A behaviour that reaches out only.
pub(crate) struct Outside<B> {
    inner: B,
    /// Connections that the behaviour asked for and that are not over.
    dials: HashSet<ConnectionId>,
    /// Peers it sent something, and when.
    asked: HashMap<PeerId, Instant>,
    /// If set, only for these peers is anything dialled.
    only: Option<HashMap<PeerId, Bucket>>,
}

/// The dial leads where peers must not lead us.
#[derive(Debug, thiserror::Error)]
#[error("not an address of the Internet, or not for this peer")]
struct Inside;

impl<B> Outside<B> {
    pub(crate) fn new(inner: B) -> Self {
        Self {
            inner,
            dials: HashSet::new(),
            asked: HashMap::new(),
            only: None,
        }
    }

    /// As `new`; nothing is dialled for peers that were not allowed, and not often for those that were.
    pub(crate) fn for_some(inner: B) -> Self {
        Self {
            only: Some(HashMap::new()),
            ..Self::new(inner)
        }
    }

    pub(crate) fn inner(&mut self) -> &mut B {
        &mut self.inner
    }

    /// Whether the behaviour itself has dialled this connection.
    pub(crate) fn has_dialled(&self, id: ConnectionId) -> bool {
        self.dials.contains(&id)
    }

    /// Whether the peer was sent something a moment ago.
    pub(crate) fn has_asked(&self, peer: &PeerId, now: Instant) -> bool {
        let at = self.asked.get(peer);
        at.is_some_and(|at| now.saturating_duration_since(*at) < DIAL_BACK)
    }

    pub(crate) fn allow(&mut self, peer: PeerId) {
        if let Some(only) = &mut self.only {
            only.entry(peer).or_insert_with(|| {
                Bucket::new(
                    limits::DIAL_BACK_RATE,
                    limits::DIAL_BACK_BURST,
                    Instant::now(),
                )
            });
        }
    }

    pub(crate) fn forget(&mut self, peer: &PeerId) {
        self.asked.remove(peer);
        if let Some(only) = &mut self.only {
            only.remove(peer);
        }
    }

    fn may_dial(&mut self, peer: Option<PeerId>, addresses: &[Multiaddr]) -> bool {
        let outside = |place: &Multiaddr| address::is_outside(&address::split(place.clone()).0);
        if !addresses.iter().all(outside) {
            return false;
        }
        match &mut self.only {
            None => true,
            Some(only) => peer
                .and_then(|peer| only.get_mut(&peer))
                .is_some_and(|bucket| bucket.take(Instant::now())),
        }
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for Outside<B> {
    type ConnectionHandler = B::ConnectionHandler;
    type ToSwarm = B::ToSwarm;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner
            .handle_pending_inbound_connection(id, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner
            .handle_established_inbound_connection(id, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if self.dials.contains(&id) && !self.may_dial(peer, addresses) {
            return Err(ConnectionDenied::new(Inside));
        }
        let mut more = self
            .inner
            .handle_pending_outbound_connection(id, peer, addresses, role)?;
        more.retain(|place| address::is_outside(&address::split(place.clone()).0));
        more.truncate(limits::ADDRESSES);
        Ok(more)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        place: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner
            .handle_established_outbound_connection(id, peer, place, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match &event {
            // Where a peer sees us is worth a test only if the world could see us there too.
            FromSwarm::NewExternalAddrCandidate(candidate)
                if !address::is_outside(candidate.addr) =>
            {
                return;
            }
            FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. })
            | FromSwarm::DialFailure(DialFailure { connection_id, .. }) => {
                self.dials.remove(connection_id);
            }
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        id: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.inner.on_connection_handler_event(peer, id, event);
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<swarm::ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        let next = self.inner.poll(cx);
        match &next {
            Poll::Ready(ToSwarm::Dial { opts }) => {
                self.dials.insert(opts.connection_id());
            }
            Poll::Ready(ToSwarm::NotifyHandler { peer_id, .. }) => {
                self.asked.insert(*peer_id, Instant::now());
            }
            _ => {}
        }
        next
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use libp2p::swarm::NewExternalAddrCandidate;
    use libp2p::swarm::dial_opts::DialOpts;
    use libp2p::swarm::dummy;

    use super::*;

    /// Dials what it is told to, and remembers where it may be seen.
    #[derive(Default)]
    struct Puppet {
        dial: Option<DialOpts>,
        knows: Vec<Multiaddr>,
        seen_at: Vec<Multiaddr>,
    }

    impl NetworkBehaviour for Puppet {
        type ConnectionHandler = dummy::ConnectionHandler;
        type ToSwarm = ();

        fn handle_pending_outbound_connection(
            &mut self,
            _: ConnectionId,
            _: Option<PeerId>,
            _: &[Multiaddr],
            _: Endpoint,
        ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
            Ok(self.knows.clone())
        }

        fn handle_established_inbound_connection(
            &mut self,
            _: ConnectionId,
            _: PeerId,
            _: &Multiaddr,
            _: &Multiaddr,
        ) -> Result<THandler<Self>, ConnectionDenied> {
            Ok(dummy::ConnectionHandler)
        }

        fn handle_established_outbound_connection(
            &mut self,
            _: ConnectionId,
            _: PeerId,
            _: &Multiaddr,
            _: Endpoint,
            _: PortUse,
        ) -> Result<THandler<Self>, ConnectionDenied> {
            Ok(dummy::ConnectionHandler)
        }

        fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
            if let FromSwarm::NewExternalAddrCandidate(NewExternalAddrCandidate { addr }) = event {
                self.seen_at.push(addr.clone());
            }
        }

        fn on_connection_handler_event(
            &mut self,
            _: PeerId,
            _: ConnectionId,
            _: THandlerOutEvent<Self>,
        ) {
        }

        fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<(), THandlerInEvent<Self>>> {
            match self.dial.take() {
                Some(opts) => Poll::Ready(ToSwarm::Dial { opts }),
                None => Poll::Pending,
            }
        }
    }

    fn place(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    fn peer() -> PeerId {
        address::peer_id(chater_protocol::id::NodeId([7; 32])).unwrap()
    }

    /// What becomes of a dial that the inner behaviour asks for.
    fn dials(outside: &mut Outside<Puppet>, text: &str) -> bool {
        let opts: DialOpts = DialOpts::peer_id(peer()).build();
        let id = opts.connection_id();
        outside.inner.dial = Some(opts);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(outside.poll(&mut cx).is_ready());
        let places = [place(text)];
        outside
            .handle_pending_outbound_connection(id, Some(peer()), &places, Endpoint::Dialer)
            .is_ok()
    }

    #[test]
    fn peers_cannot_aim_a_dial_at_private_places() {
        let mut outside = Outside::new(Puppet::default());
        for text in [
            "/ip4/127.0.0.1/tcp/22",
            "/ip4/192.168.1.1/tcp/80",
            "/ip4/10.0.0.1/udp/53/quic-v1",
            "/ip4/169.254.169.254/tcp/80",
            "/ip6/::1/tcp/22",
            "/ip6/fd00::1/tcp/22",
            "/ip6/::ffff:127.0.0.1/tcp/22",
            "/dns/victim.example/tcp/80",
        ] {
            assert!(!dials(&mut outside, text), "{text}");
        }
        assert!(dials(&mut outside, "/ip4/203.0.113.9/tcp/5001"));
        // A dial of our own is none of its business.
        let own = DialOpts::peer_id(peer()).build();
        let near = [place("/ip4/192.168.1.1/tcp/80")];
        let id = own.connection_id();
        assert!(
            outside
                .handle_pending_outbound_connection(id, Some(peer()), &near, Endpoint::Dialer)
                .is_ok()
        );
    }

    #[test]
    fn only_linked_peers_are_dialled_back_and_not_for_ever() {
        let mut outside = Outside::for_some(Puppet::default());
        assert!(!dials(&mut outside, "/ip4/203.0.113.9/tcp/5001"));
        outside.allow(peer());
        let at_once = (0..100)
            .filter(|_| dials(&mut outside, "/ip4/203.0.113.9/tcp/5001"))
            .count();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small"
        )]
        let most = limits::DIAL_BACK_BURST as usize;
        assert_eq!(at_once, most);
        outside.forget(&peer());
        assert!(!dials(&mut outside, "/ip4/203.0.113.9/tcp/5001"));
    }

    #[test]
    fn what_is_private_goes_neither_in_nor_out() {
        let mut outside = Outside::new(Puppet {
            knows: vec![
                place("/ip4/192.168.1.1/tcp/80"),
                place("/ip4/203.0.113.9/tcp/5001"),
            ],
            ..Puppet::default()
        });
        for text in ["/ip4/192.168.1.5/tcp/5001", "/ip4/203.0.113.7/tcp/5001"] {
            let addr = place(text);
            outside.on_swarm_event(FromSwarm::NewExternalAddrCandidate(
                NewExternalAddrCandidate { addr: &addr },
            ));
        }
        assert_eq!(outside.inner.seen_at, [place("/ip4/203.0.113.7/tcp/5001")]);
        let id = ConnectionId::new_unchecked(7);
        let more = outside
            .handle_pending_outbound_connection(id, Some(peer()), &[], Endpoint::Dialer)
            .unwrap();
        assert_eq!(more, [place("/ip4/203.0.113.9/tcp/5001")]);
    }
}
