//! Listening: ports that are taken, and the own addresses shown to others.

use std::sync::PoisonError;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use libp2p::Multiaddr;
use libp2p::swarm::SwarmEvent;

use super::Actor;
use crate::event::NetworkEvent;
use crate::{Listen, StartError, address, limits, transport};

/// A process that is just ending may still have the port: asked this often, a moment apart.
const PORT_CHECKS: u32 = 4;

impl Actor {
    /// Listens everywhere asked for; returns when each listener has named an address.
    pub(crate) async fn listen(&mut self, wanted: &[Listen]) -> Result<(), StartError> {
        for listen in wanted {
            self.open(listen).await?;
        }
        let all_up = async {
            while !self.starting.is_empty() {
                let event = self.swarm.select_next_some().await;
                if let SwarmEvent::ListenerClosed {
                    listener_id,
                    reason: Err(error),
                    ..
                } = &event
                    && let Some(text) = self.starting.remove(listener_id)
                {
                    return Err(StartError::Listen(text, error.to_string()));
                }
                self.handle_swarm_event(event);
            }
            Ok(())
        };
        match tokio::time::timeout(limits::LISTENING, all_up).await {
            Ok(result) => result?,
            // A wildcard listener names nothing when no interface has such an address.
            Err(_) => tracing::warn!(listeners = ?self.starting.values(), "no address there yet"),
        }
        // A wildcard names its addresses one by one.
        while let Some(event) = self.swarm.select_next_some().now_or_never() {
            self.handle_swarm_event(event);
        }
        Ok(())
    }

    async fn open(&mut self, listen: &Listen) -> Result<(), StartError> {
        let text = &listen.address;
        let wanted: Multiaddr = text
            .parse()
            .map_err(|_| StartError::Address(text.clone()))?;
        let mut place = wanted.clone();
        if is_taken(&place).await {
            if !listen.fallback {
                return Err(StartError::Listen(
                    text.clone(),
                    "the port is in use".to_owned(),
                ));
            }
            place = address::any_port(&place);
            tracing::info!(
                address = text,
                "the port is in use, listening on any free port instead"
            );
        }
        match self.swarm.listen_on(place) {
            Ok(id) => {
                self.starting.insert(id, text.clone());
                Ok(())
            }
            Err(error) if listen.fallback => {
                tracing::info!(
                    address = text,
                    error = innermost(&error),
                    "not listening there"
                );
                Ok(())
            }
            Err(error) => Err(StartError::Listen(text.clone(), innermost(&error))),
        }
    }

    pub(super) fn listening(&mut self, place: Multiaddr) {
        // At a relay our own id stands at the end.
        let (place, _) = address::split(place);
        if !address::is_shown(&place) || self.listened.contains(&place) || !self.is_fit(&place) {
            return;
        }
        self.listens_at(&place);
        tracing::debug!(address = %place, "listening");
        let address = address::with_peer(&place, self.own);
        self.listened.push(place);
        self.show();
        self.outlet.must(NetworkEvent::Listening { address });
    }

    pub(super) fn not_listening(&mut self, gone: &[Multiaddr]) {
        let gone: Vec<Multiaddr> = gone
            .iter()
            .map(|place| address::split(place.clone()).0)
            .collect();
        self.listened.retain(|address| !gone.contains(address));
        for place in gone.iter().filter(|place| !address::is_relayed(place)) {
            self.swarm.remove_external_address(place);
        }
        self.show();
    }

    pub(super) fn show(&mut self) {
        address::sort(&mut self.listened);
        // The owner's and confirmed ones behind those of the LAN, before this machine.
        let mut shown = self.listened.clone();
        for place in self.reach.external() {
            if !shown.contains(place) {
                shown.push(place.clone());
            }
        }
        address::sort(&mut shown);
        let mut before = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        if *before != shown {
            *before = shown;
            drop(before);
            self.outlet.offer(NetworkEvent::Standing);
        }
    }
}

async fn is_taken(place: &Multiaddr) -> bool {
    for _ in 1..PORT_CHECKS {
        if !transport::taken(place) {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    transport::taken(place)
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
