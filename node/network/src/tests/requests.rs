use std::time::Duration;

use super::*;
use crate::{RequestError, Topic};

#[tokio::test]
async fn exactly_the_limit_passes() {
    let (alice, mut bob) = pair().await;
    for protocol in Protocol::ALL {
        let most = vec![5; protocol.limit()];
        let asked = alice.network.request(bob.id(), protocol, most.clone());
        let (answer, ()) = tokio::join!(asked, bob.echoes(protocol));
        assert_eq!(
            answer.map(|answer| answer == most),
            Ok(true),
            "{protocol:?}"
        );

        let one_more = vec![5; protocol.limit() + 1];
        let asked = alice
            .network
            .request(bob.id(), protocol, one_more.clone())
            .await;
        assert_eq!(asked, Err(RequestError::TooLarge), "{protocol:?}");

        let asked = alice.network.request(bob.id(), protocol, vec![1]);
        let too_much = async {
            let reply = bob.sees(|event| match event {
                NetworkEvent::Request { reply, .. } => Some(reply),
                _ => None,
            });
            reply.await.send(one_more);
        };
        let (answer, ()) = tokio::join!(asked, too_much);
        assert!(
            matches!(answer, Err(RequestError::Failed(_))),
            "{protocol:?}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_dropped_reply_is_a_refusal() {
    let (alice, mut bob) = pair().await;
    let asked = alice.network.request(bob.id(), Protocol::People, vec![1]);
    let dropped = bob.sees(|event| matches!(event, NetworkEvent::Request { .. }).then_some(()));
    let (answer, ()) = tokio::join!(asked, dropped);
    assert!(matches!(answer, Err(RequestError::Failed(_))));
}

#[tokio::test]
async fn a_few_at_once_more_wait_and_then_it_is_busy() {
    let (alice, mut bob) = pair().await;
    let total = 8 + limits::QUEUE_PER_PEER + 5;
    let mut asked = Vec::new();
    for n in 0..total {
        let (network, bob) = (alice.network.clone(), bob.id());
        let body = u32::try_from(n).unwrap().to_be_bytes().to_vec();
        asked.push(tokio::spawn(async move {
            network.request(bob, Protocol::Log, body).await
        }));
        tokio::task::yield_now().await;
    }
    let held = bob.rest(Duration::from_millis(300)).await;
    let mut replies: Vec<_> = held
        .into_iter()
        .filter_map(|event| match event {
            NetworkEvent::Request { body, reply, .. } => Some((body, reply)),
            _ => None,
        })
        .collect();
    assert_eq!(replies.len(), 8);
    let bob = bob.echoes_for_ever();
    for (body, reply) in replies.drain(..) {
        reply.send(body);
    }
    let mut results = Vec::new();
    for asked in asked {
        results.push(asked.await.unwrap());
    }
    let busy = results
        .iter()
        .filter(|result| **result == Err(RequestError::Busy))
        .count();
    assert_eq!(
        (busy, results.iter().filter(|result| result.is_ok()).count()),
        (5, total - 5)
    );
    drop(bob);
}

#[tokio::test]
async fn nobody_there() {
    let alice = Node::start(1).await;
    let asked = alice
        .network
        .request(NodeId([9; 32]), Protocol::Log, vec![1])
        .await;
    assert_eq!(asked, Err(RequestError::NotConnected));
}

#[tokio::test]
async fn a_connection_lost_ends_what_waits() {
    let (alice, mut bob) = pair().await;
    let asked = alice.network.request(bob.id(), Protocol::Log, vec![1]);
    let lost = async {
        let request = bob.sees(|event| match event {
            NetworkEvent::Request { reply, .. } => Some(reply),
            _ => None,
        });
        let reply = request.await;
        bob.network.stop().await;
        reply
    };
    let (answer, _reply) = tokio::join!(asked, lost);
    assert_eq!(answer, Err(RequestError::NotConnected));
}

#[tokio::test]
async fn an_engine_that_does_not_read_refuses_and_still_hears_the_end() {
    let topic = Topic([1; 16]);
    let mut bob = Node::start(1).await;
    bob.network.subscribe(topic);
    let mut others = Vec::new();
    for seed in 2..6 {
        let mut other = Node::start(seed).await;
        other.network.subscribe(topic);
        link(&mut other, &mut bob).await;
        let told = other.sees(|event| match event {
            NetworkEvent::Subscribed { topic, .. } => Some(topic),
            _ => None,
        });
        assert_eq!(told.await, topic);
        others.push(other);
    }
    // Each may send a hundred at once, and nobody reads: the channel is full.
    for (author, other) in others.iter().enumerate() {
        for n in 0..100 {
            other
                .network
                .publish(topic, format!("{author} {n}").into_bytes());
        }
    }
    let carol = others.pop().unwrap();
    let alice = others.first().unwrap();
    loop {
        let asked = alice.network.request(bob.id(), Protocol::Log, vec![1]);
        match timeout(Duration::from_millis(100), asked).await {
            Ok(refused) => break assert!(matches!(refused, Err(RequestError::Failed(_)))),
            // It went into the channel, which was not full yet.
            Err(_) => continue,
        }
    }
    let gone = carol.id();
    carol.network.stop().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    bob.sees_disconnected(gone).await;
    let asked = alice.network.request(bob.id(), Protocol::Log, vec![1]);
    assert_eq!(
        tokio::join!(asked, bob.echoes(Protocol::Log)).0,
        Ok(vec![1])
    );
}
