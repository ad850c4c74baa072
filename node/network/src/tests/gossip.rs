use std::time::Duration;

use super::*;
use crate::{Topic, Verdict};

const TOPIC: Topic = Topic([9; 16]);

fn gossip(event: NetworkEvent) -> Option<(NodeId, Topic, Vec<u8>, Verdict)> {
    match event {
        NetworkEvent::Gossip {
            peer,
            topic,
            frame,
            verdict,
            ..
        } => Some((peer, topic, frame, verdict)),
        _ => None,
    }
}

async fn sees_subscribed(node: &mut Node, other: NodeId, wanted: Topic) {
    node.sees(|event| match event {
        NetworkEvent::Subscribed { peer, topic } => {
            (peer == other && topic == wanted).then_some(())
        }
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn along_a_chain_only_what_is_accepted() {
    let (mut alice, mut bob, mut carol) = (
        Node::start(1).await,
        Node::start(2).await,
        Node::start(3).await,
    );
    for node in [&alice, &bob, &carol] {
        node.network.subscribe(TOPIC);
    }
    link(&mut alice, &mut bob).await;
    sees_subscribed(&mut alice, bob.id(), TOPIC).await;
    sees_subscribed(&mut bob, alice.id(), TOPIC).await;
    link(&mut carol, &mut bob).await;
    sees_subscribed(&mut carol, bob.id(), TOPIC).await;
    sees_subscribed(&mut bob, carol.id(), TOPIC).await;

    alice.network.publish(TOPIC, b"ignored".to_vec());
    bob.sees(gossip).await.3.ignore();
    alice.network.publish(TOPIC, b"dropped".to_vec());
    drop(bob.sees(gossip).await.3);
    alice.network.publish(TOPIC, b"rejected".to_vec());
    bob.sees(gossip).await.3.reject();
    alice.network.publish(TOPIC, b"accepted".to_vec());
    let (from, topic, frame, verdict) = bob.sees(gossip).await;
    assert_eq!(
        (from, topic, frame.as_slice()),
        (alice.id(), TOPIC, &b"accepted"[..])
    );
    verdict.accept();

    // Whoever handed it over, it is alice's.
    let (from, author, frame, verdict) = carol
        .sees(|event| match event {
            NetworkEvent::Gossip {
                peer,
                author,
                frame,
                verdict,
                ..
            } => Some((peer, author, frame, verdict)),
            _ => None,
        })
        .await;
    assert_eq!(
        (from, author, frame.as_slice()),
        (bob.id(), alice.id(), &b"accepted"[..])
    );
    verdict.accept();
    let more = carol.rest(Duration::from_millis(100)).await;
    assert_eq!(more.into_iter().filter_map(gossip).count(), 0);

    alice.network.publish(TOPIC, vec![1; limits::FRAME]);
    assert_eq!(bob.sees(gossip).await.2.len(), limits::FRAME);
    alice.network.publish(TOPIC, vec![1; limits::FRAME + 1]);
    alice.network.publish(TOPIC, b"next".to_vec());
    assert_eq!(bob.sees(gossip).await.2, b"next");
}

#[tokio::test]
async fn strangers_are_not_heard() {
    let (mut alice, mut bob) = (Node::start(1).await, Node::start(2).await);
    alice.network.subscribe(TOPIC);
    bob.network.subscribe(TOPIC);
    alice.network.want(bob.id(), bob.network.addresses());
    alice.sees_connected(bob.id()).await;
    bob.sees_connected(alice.id()).await;
    alice.network.admit(bob.id());
    sees_subscribed(&mut alice, bob.id(), TOPIC).await;
    alice.network.publish(TOPIC, b"too early".to_vec());
    let told = bob.rest(Duration::from_millis(100)).await;
    assert!(!told.iter().any(|event| {
        matches!(
            event,
            NetworkEvent::Gossip { .. } | NetworkEvent::Subscribed { .. }
        )
    }));
    bob.network.admit(alice.id());
    sees_subscribed(&mut bob, alice.id(), TOPIC).await;
    alice.network.publish(TOPIC, b"now".to_vec());
    assert_eq!(bob.sees(gossip).await.2, b"now");
}

#[tokio::test]
async fn a_flood_is_cut() {
    let (mut alice, mut bob) = pair().await;
    alice.network.subscribe(TOPIC);
    bob.network.subscribe(TOPIC);
    sees_subscribed(&mut alice, bob.id(), TOPIC).await;
    for n in 0..300_u32 {
        alice.network.publish(TOPIC, n.to_be_bytes().to_vec());
    }
    let heard = bob
        .rest(Duration::from_millis(500))
        .await
        .into_iter()
        .filter_map(gossip)
        .count();
    assert!((100..150).contains(&heard), "{heard}");
}

#[tokio::test]
async fn a_hundred_and_fifty_topics() {
    let topic = |n: u8| Topic([n; 16]);
    let (mut alice, mut bob) = (Node::start(1).await, Node::start(2).await);
    for n in 0..150 {
        alice.network.subscribe(topic(n));
        bob.network.subscribe(topic(n));
    }
    link(&mut alice, &mut bob).await;
    for n in 0..150 {
        // In any order: wait for all of them before the first frame.
        let _ = n;
        alice
            .sees(|e| matches!(e, NetworkEvent::Subscribed { .. }).then_some(()))
            .await;
    }
    // Below the burst, which also holds for topics 100 and up.
    for n in [0, 99, 100, 101, 149] {
        alice.network.publish(topic(n), vec![n; 10]);
        let (_, on, frame, _) = bob.sees(gossip).await;
        assert_eq!((on, frame), (topic(n), vec![n; 10]));
    }
    // A topic joined late is told as well.
    alice.network.subscribe(topic(200));
    bob.network.subscribe(topic(200));
    sees_subscribed(&mut alice, bob.id(), topic(200)).await;
    sees_subscribed(&mut bob, alice.id(), topic(200)).await;
}

#[tokio::test]
async fn heard_again_after_a_restart() {
    let (mut alice, bob) = pair().await;
    alice.network.subscribe(TOPIC);
    bob.network.subscribe(TOPIC);
    sees_subscribed(&mut alice, bob.id(), TOPIC).await;
    let place = bob.address().split("/p2p/").next().unwrap().to_owned();
    bob.network.stop().await;
    let mut bob = Node::listen(2, &place).await;
    bob.network.subscribe(TOPIC);
    bob.network.want(alice.id(), alice.network.addresses());
    alice.sees_connected(bob.id()).await;
    bob.sees_connected(alice.id()).await;
    alice.network.admit(bob.id());
    bob.network.admit(alice.id());
    sees_subscribed(&mut alice, bob.id(), TOPIC).await;
    alice.network.publish(TOPIC, b"again".to_vec());
    assert_eq!(bob.sees(gossip).await.2, b"again");
}
