//! Relays: a node that nobody can dial is reached through another one, and comes back after it.

use super::*;
use crate::Reachable;

/// A node that passes on, at a port that can be asked for again.
async fn relay(seed: u8, listen: &str) -> Node {
    let mut config = config(seed, listen);
    config.relay = true;
    let (network, events) = Network::start(config).await.unwrap();
    Node { network, events }
}

/// Links to the relay, hears that it is one, and waits for a place there.
async fn takes_a_place(node: &mut Node, relay: &mut Node) -> String {
    link(node, relay).await;
    node.network.offers_relay(relay.id(), true);
    node.has_a_place(relay.id()).await
}

impl Node {
    async fn has_a_place(&mut self, relay: NodeId) -> String {
        let through = |address: &String| crate::is_relayed(address);
        let found = timeout(PATIENCE, async {
            loop {
                let addresses = self.network.addresses();
                let standing = self.network.standing();
                if let Some(address) = addresses.into_iter().find(through)
                    && standing.relays == [relay]
                {
                    return address;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        found
            .await
            .unwrap_or_else(|_| panic!("no place at a relay: {:?}", self.network.standing()))
    }

    async fn sees_path(&mut self, other: NodeId) -> Option<NodeId> {
        self.sees(|event| match event {
            NetworkEvent::Connected { peer, relay, .. } if peer == other => Some(relay),
            NetworkEvent::Path { peer, relay, .. } if peer == other => Some(relay),
            _ => None,
        })
        .await
    }
}

#[tokio::test]
async fn two_nodes_meet_through_a_relay_and_the_path_is_told() {
    let mut middle = relay(9, "/ip4/127.0.0.1/tcp/0").await;
    let mut bob = Node::start(2).await;
    let place = takes_a_place(&mut bob, &mut middle).await;
    assert!(
        place.ends_with(&format!("/p2p-circuit/p2p/{}", bob.id().to_peer_id())),
        "{place}"
    );
    assert_eq!(bob.network.standing().reachable, Reachable::Unknown);
    assert_eq!(middle.network.standing().reservations, 1);

    let mut alice = Node::start(1).await;
    link(&mut alice, &mut middle).await;
    // The circuit alone: what a node of the Internet knows of one behind a router.
    alice.network.want(bob.id(), vec![place]);
    assert_eq!(alice.sees_path(bob.id()).await, Some(middle.id()));
    assert_eq!(bob.sees_path(alice.id()).await, Some(middle.id()));
    alice.network.admit(bob.id());
    bob.network.admit(alice.id());
    let bob_id = bob.id();
    let bob = bob.echoes_for_ever();
    let answer = alice
        .network
        .request(bob_id, Protocol::Log, b"through".to_vec());
    assert_eq!(answer.await, Ok(b"through".to_vec()));
    assert_eq!(middle.network.standing().circuits, 1);
    bob.stop().await;
}

#[tokio::test]
async fn a_node_takes_a_place_again_when_the_relay_comes_back() {
    let mut middle = relay(9, "/ip4/127.0.0.1/tcp/0").await;
    let at = middle.address();
    let listen = at.split("/p2p/").next().unwrap().to_owned();
    let mut bob = Node::start(2).await;
    takes_a_place(&mut bob, &mut middle).await;
    let middle_id = middle.id();
    middle.network.stop().await;
    bob.sees_disconnected(middle_id).await;
    timeout(PATIENCE, async {
        while bob.network.addresses().iter().any(|a| crate::is_relayed(a)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    assert!(bob.network.standing().relays.is_empty());

    let mut middle = relay(9, &listen).await;
    bob.sees_connected(middle_id).await;
    middle.sees_connected(bob.id()).await;
    bob.network.admit(middle_id);
    middle.network.admit(bob.id());
    bob.network.offers_relay(middle_id, true);
    bob.has_a_place(middle_id).await;
}

#[tokio::test]
async fn who_is_no_relay_gives_no_place_and_the_switch_counts_at_once() {
    let mut middle = Node::start(9).await;
    let mut bob = Node::start(2).await;
    link(&mut bob, &mut middle).await;
    bob.network.offers_relay(middle.id(), true);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(bob.network.standing().relays.is_empty());
    assert_eq!(middle.network.standing().reservations, 0);
    middle.network.set_relay(true);
    assert!(
        timeout(PATIENCE, bob.has_a_place(middle.id()))
            .await
            .is_ok()
    );
    assert!(middle.network.standing().relaying);
}

#[tokio::test]
async fn a_stranger_loses_its_place_with_its_connection() {
    let mut middle = {
        let mut config = config(9, "/ip4/127.0.0.1/tcp/0");
        config.relay = true;
        let bounds = limits::Bounds {
            admission: Duration::from_millis(600),
            ..limits::Bounds::default()
        };
        let (network, events) = Network::start_with(config, bounds).await.unwrap();
        Node { network, events }
    };
    let mut bob = Node::start(2).await;
    bob.network.want(middle.id(), middle.network.addresses());
    bob.sees_connected(middle.id()).await;
    middle.sees_connected(bob.id()).await;
    // Only one side thinks that they are linked.
    bob.network.admit(middle.id());
    bob.network.offers_relay(middle.id(), true);
    bob.sees_disconnected(middle.id()).await;
    timeout(PATIENCE, async {
        while middle.network.standing().reservations != 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_owner_names_an_address_of_the_internet() {
    let mut config = config(3, "/ip4/127.0.0.1/tcp/0");
    config.external = vec![
        "/ip4/203.0.113.5/tcp/5001".to_owned(),
        "/dns/home.example/tcp/5001".to_owned(),
    ];
    let (network, _events) = Network::start(config).await.unwrap();
    assert_eq!(network.standing().reachable, Reachable::Yes);
    let far = network.addresses_for(Some("/ip4/198.51.100.1/tcp/9"));
    assert_eq!(far.len(), 2, "{far:?}");
    assert!(far.iter().all(|address| !address.contains("127.0.0.1")));
    let mut bad = super::config(4, "/ip4/127.0.0.1/tcp/0");
    bad.external = vec!["203.0.113.5:5001".to_owned()];
    assert!(Network::start(bad).await.is_err());
}
