//! What one peer may have of this node, at its bound and one above it.

use std::time::Duration;

use super::raw::Raw;
use super::*;
use crate::{RequestError, Topic};

const MOMENT: Duration = Duration::from_millis(300);

/// Asks for something and lets the answer be waited for beside.
fn asks(
    from: &Node,
    to: NodeId,
    protocol: Protocol,
) -> tokio::task::JoinHandle<Result<Vec<u8>, RequestError>> {
    let network = from.network.clone();
    tokio::spawn(async move { network.request(to, protocol, vec![1]).await })
}

fn requests(events: Vec<NetworkEvent>) -> Vec<crate::Reply> {
    let reply = |event| match event {
        NetworkEvent::Request { reply, .. } => Some(reply),
        _ => None,
    };
    events.into_iter().filter_map(reply).collect()
}

#[tokio::test]
async fn sixteen_requests_of_a_peer_wait_and_one_more_is_refused() {
    let (alice, mut bob) = pair().await;
    let mut asked = Vec::new();
    for protocol in [Protocol::Log, Protocol::People] {
        for _ in 0..limits::INBOUND_PER_PEER / 2 {
            asked.push(asks(&alice, bob.id(), protocol));
        }
    }
    let held = requests(bob.rest(MOMENT).await);
    assert_eq!(held.len(), limits::INBOUND_PER_PEER);
    let more = asks(&alice, bob.id(), Protocol::Blob).await.unwrap();
    assert!(matches!(more, Err(RequestError::Failed(_))), "{more:?}");
    for reply in held {
        reply.send(vec![2]);
    }
    for asked in asked {
        assert_eq!(asked.await.unwrap(), Ok(vec![2]));
    }
    // An answer makes room.
    let more = asks(&alice, bob.id(), Protocol::Blob);
    bob.echoes(Protocol::Blob).await;
    assert_eq!(more.await.unwrap(), Ok(vec![1]));
}

#[tokio::test]
async fn eight_requests_are_kept_until_a_peer_is_admitted() {
    let (mut alice, mut bob) = (Node::start(1).await, Node::start(2).await);
    alice.network.want(bob.id(), bob.network.addresses());
    alice.sees_connected(bob.id()).await;
    bob.sees_connected(alice.id()).await;
    alice.network.admit(bob.id());
    let kept: Vec<_> = (0..limits::HELD_PER_PEER)
        .map(|_| asks(&alice, bob.id(), Protocol::Log))
        .collect();
    tokio::time::sleep(MOMENT).await;
    let more = asks(&alice, bob.id(), Protocol::People).await.unwrap();
    assert!(matches!(more, Err(RequestError::Failed(_))), "{more:?}");
    bob.network.admit(alice.id());
    let held = requests(bob.rest(MOMENT).await);
    assert_eq!(held.len(), limits::HELD_PER_PEER);
    for reply in held {
        reply.send(vec![2]);
    }
    for kept in kept {
        assert_eq!(kept.await.unwrap(), Ok(vec![2]));
    }
}

/// Four connections of one peer; the fifth ends, and the others stay.
#[tokio::test]
async fn a_peer_has_four_connections_and_no_fifth() {
    let mut alice = Node::start(1).await;
    let mut raw = vec![Raw::at(&mut alice, 7, None).await];
    alice.network.admit(raw.first().unwrap().id);
    for _ in 1..limits::CONNECTIONS_PER_PEER {
        raw.push(Raw::again(&alice, 7, None).await);
    }
    let fifth = Raw::again(&alice, 7, None).await;
    fifth.is_ended("the fifth").await;
    for one in &raw {
        assert!(!one.has_ended());
    }
}

#[tokio::test]
async fn the_name_of_a_program_is_cut() {
    for length in [limits::AGENT, limits::AGENT + 1, 2_000] {
        let mut alice = Node::start(1).await;
        let mut config = config(2, "/ip4/127.0.0.1/tcp/0");
        config.agent = "x".repeat(length);
        let (network, events) = Network::start(config).await.unwrap();
        let mut bob = Node { network, events };
        link(&mut alice, &mut bob).await;
        let told = alice.sees(|event| match event {
            NetworkEvent::Agent { agent, .. } => Some(agent),
            _ => None,
        });
        assert_eq!(told.await, "x".repeat(limits::AGENT));
    }
}

#[tokio::test]
async fn addresses_of_the_owner_are_four() {
    let named = |many: usize| async move {
        let mut config = config(3, "/ip4/127.0.0.1/tcp/0");
        let address = |n| format!("/ip4/203.0.113.{n}/tcp/5001");
        config.external = (1..=many).map(address).collect();
        let (network, _events) = Network::start(config).await.unwrap();
        network.addresses_for(Some("/ip4/198.51.100.1/tcp/9")).len()
    };
    assert_eq!(named(limits::EXTERNAL).await, limits::EXTERNAL);
    assert_eq!(named(limits::EXTERNAL + 1).await, limits::EXTERNAL);
}

#[tokio::test]
async fn a_long_address_is_none() {
    let alice = Node::start(1).await;
    let address = |length: usize| {
        let (start, end) = ("/dns/", ".example/tcp/5001");
        format!(
            "{start}{}{end}",
            "a".repeat(length - start.len() - end.len())
        )
    };
    assert!(
        alice
            .network
            .want_address(&address(limits::ADDRESS_TEXT))
            .is_ok()
    );
    let long = alice
        .network
        .want_address(&address(limits::ADDRESS_TEXT + 1));
    assert_eq!(long, Err(crate::AddressError::Malformed));
}

/// 64 MiB of requests and frames wait for the network; what is above it is refused to our own engine.
#[tokio::test]
async fn what_waits_for_the_network_is_bounded() {
    let alice = Node::start(1).await;
    assert!(!alice.network.reserve(limits::COMMAND_BYTES + 1));
    assert!(alice.network.reserve(limits::COMMAND_BYTES / 2));
    assert!(!alice.network.reserve(limits::COMMAND_BYTES / 2 + 1));
}

/// A thousand topics, and the next one is not taken.
#[tokio::test]
async fn a_node_has_a_thousand_topics() {
    let topic = |n: usize| Topic(u128::try_from(n).unwrap().to_be_bytes());
    let (mut alice, mut bob) = (Node::start(1).await, Node::start(2).await);
    for n in 0..limits::TOPICS {
        alice.network.subscribe(topic(n));
    }
    // Of the last two only the first is within Alice's bound.
    for n in [limits::TOPICS - 1, limits::TOPICS] {
        alice.network.subscribe(topic(n));
        bob.network.subscribe(topic(n));
    }
    link(&mut alice, &mut bob).await;
    let mut told = Vec::new();
    for event in bob.rest(Duration::from_secs(2)).await {
        if let NetworkEvent::Subscribed { topic, .. } = event {
            told.push(topic);
        }
    }
    assert_eq!(told, [topic(limits::TOPICS - 1)]);
}
