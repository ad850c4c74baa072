//! Who may be connected: nobody who is blocked, and while a list of guests counts, nobody who is not on it.
//!
//! One state, shared by the behaviour, which refuses connections, and the dialler, which does not try.

use std::collections::HashSet;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::task::{Context, Poll};

use libp2p::PeerId;
use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandlerInEvent, THandlerOutEvent,
    ToSwarm, dummy,
};

#[derive(Debug, Default)]
struct State {
    blocked: HashSet<PeerId>,
    guests: Option<HashSet<PeerId>>,
}

/// Who may be connected.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doors(Arc<RwLock<State>>);

/// A peer that may not be connected.
#[derive(Debug)]
pub(crate) struct Shut(PeerId);

impl fmt::Display for Shut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer {} is not let in", self.0)
    }
}

impl std::error::Error for Shut {}

impl Doors {
    fn state(&self) -> RwLockReadGuard<'_, State> {
        // No critical section can leave the sets half changed.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether that peer is to stay outside.
    pub(crate) fn shuts_out(&self, peer: &PeerId) -> bool {
        let state = self.state();
        let unlisted = |guests: &HashSet<PeerId>| !guests.contains(peer);
        state.blocked.contains(peer) || state.guests.as_ref().is_some_and(unlisted)
    }

    pub(crate) fn block(&self, peer: PeerId) {
        self.change(|state| {
            state.blocked.insert(peer);
        });
    }

    pub(crate) fn unblock(&self, peer: &PeerId) {
        self.change(|state| {
            state.blocked.remove(peer);
        });
    }

    /// Lets in these alone; none = everybody who is not blocked.
    pub(crate) fn admit_only(&self, guests: Option<HashSet<PeerId>>) {
        self.change(|state| state.guests = guests);
    }

    fn enforce(&self, peer: PeerId) -> Result<(), ConnectionDenied> {
        if self.shuts_out(&peer) {
            return Err(ConnectionDenied::new(Shut(peer)));
        }
        Ok(())
    }
}

impl NetworkBehaviour for Doors {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<dummy::ConnectionHandler, ConnectionDenied> {
        self.enforce(peer).map(|()| dummy::ConnectionHandler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        peer.map_or(Ok(()), |peer| self.enforce(peer))?;
        Ok(Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<dummy::ConnectionHandler, ConnectionDenied> {
        self.enforce(peer).map(|()| dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}
