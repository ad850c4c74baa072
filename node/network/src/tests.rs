#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod bounds;
mod connections;
mod crowds;
mod gossip;
mod lookups;
mod pushes;
mod raw;
mod relaying;
mod relays;
mod requests;
mod told;

use std::time::Duration;

use chater_protocol::id::NodeId;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::{Config, Listen, Network, NetworkEvent, Protocol, limits};

const PATIENCE: Duration = Duration::from_secs(5);

/// A node on loopback, and what it was told.
struct Node {
    network: Network,
    events: mpsc::Receiver<NetworkEvent>,
}

fn config(seed: u8, listen: &str) -> Config {
    Config {
        seed: [seed; 32],
        listen: vec![Listen {
            address: listen.to_owned(),
            fallback: false,
        }],
        mdns: false,
        agent: "test".to_owned(),
        relay: false,
        upnp: false,
        external: Vec::new(),
    }
}

impl Node {
    async fn start(seed: u8) -> Self {
        Self::listen(seed, "/ip4/127.0.0.1/tcp/0").await
    }

    async fn listen(seed: u8, listen: &str) -> Self {
        Self::with_admission(seed, listen, limits::ADMISSION).await
    }

    async fn with_admission(seed: u8, listen: &str, admission: Duration) -> Self {
        let bounds = limits::Bounds {
            admission,
            ..limits::Bounds::default()
        };
        let (network, events) = Network::start_with(config(seed, listen), bounds)
            .await
            .unwrap();
        Self { network, events }
    }

    fn id(&self) -> NodeId {
        self.network.node_id()
    }

    fn address(&self) -> String {
        self.network.addresses().first().unwrap().clone()
    }

    /// The next event that is asked for; others are dropped.
    async fn sees<T>(&mut self, wanted: impl Fn(NetworkEvent) -> Option<T>) -> T {
        timeout(PATIENCE, async {
            loop {
                if let Some(found) = wanted(self.events.recv().await.unwrap()) {
                    return found;
                }
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{:?} waited in vain", self.network))
    }

    async fn sees_connected(&mut self, other: NodeId) {
        self.sees(|event| match event {
            NetworkEvent::Connected { peer, .. } => (peer == other).then_some(()),
            _ => None,
        })
        .await;
    }

    async fn sees_disconnected(&mut self, other: NodeId) {
        self.sees(|event| match event {
            NetworkEvent::Disconnected { peer } => (peer == other).then_some(()),
            _ => None,
        })
        .await;
    }

    /// The events that are there, and those of the next moment.
    async fn rest(&mut self, moment: Duration) -> Vec<NetworkEvent> {
        let mut rest = Vec::new();
        let _ = timeout(moment, async {
            while let Some(event) = self.events.recv().await {
                rest.push(event);
            }
        })
        .await;
        rest
    }

    /// Answers the next request of that protocol with the same bytes.
    async fn echoes(&mut self, wanted: Protocol) {
        let (body, reply) = self
            .sees(|event| match event {
                NetworkEvent::Request {
                    protocol,
                    body,
                    reply,
                    ..
                } => (protocol == wanted).then_some((body, reply)),
                _ => None,
            })
            .await;
        reply.send(body);
    }

    /// Answers everything from now on.
    fn echoes_for_ever(mut self) -> Network {
        let network = self.network.clone();
        tokio::spawn(async move {
            while let Some(event) = self.events.recv().await {
                if let NetworkEvent::Request { body, reply, .. } = event {
                    reply.send(body);
                }
            }
        });
        network
    }
}

/// The first dials the second, and both admit.
async fn link(one: &mut Node, two: &mut Node) {
    one.network.want(two.id(), two.network.addresses());
    one.sees_connected(two.id()).await;
    two.sees_connected(one.id()).await;
    one.network.admit(two.id());
    two.network.admit(one.id());
}

async fn pair() -> (Node, Node) {
    let (mut alice, mut bob) = (Node::start(1).await, Node::start(2).await);
    link(&mut alice, &mut bob).await;
    (alice, bob)
}
