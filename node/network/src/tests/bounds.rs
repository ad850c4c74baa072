//! What one peer may have of this node, at its bound and one above it.

use std::time::Duration;

use super::raw::{Raw, framed, subscribes, wants};
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

/// Address lists and names of a peer: five at once, then one every five seconds.
#[tokio::test]
async fn what_a_peer_says_of_itself_is_heard_five_times_at_once() {
    fn is_news(event: NetworkEvent) -> Option<()> {
        let news = matches!(
            event,
            NetworkEvent::Agent { .. } | NetworkEvent::Addresses { .. }
        );
        news.then_some(())
    }
    let mut alice = Node::start(1).await;
    let raw = Raw::placed(&mut alice, 7, &["/ip4/203.0.113.255/tcp/5001"]).await;
    alice.network.admit(raw.id);
    // Who it is, and where.
    alice.sees(is_news).await;
    alice.sees(is_news).await;
    let began = std::time::Instant::now();
    let push = async |moves: u32| {
        let place = format!("/ip4/203.0.113.{moves}/tcp/5001");
        raw.pushes_places(moves * 2 - 1, 7, &[&place]).await;
    };
    for moves in 1..=20 {
        push(moves).await;
    }
    let heard = alice.rest(MOMENT * 2).await;
    let heard = heard.into_iter().filter_map(is_news).count();
    assert_eq!(heard, 3, "of 20 at once");
    assert!(began.elapsed() < Duration::from_secs(4), "too slow to tell");
    // Of those that it does not stop sending, one is heard after its time.
    let mut next = None;
    for moves in 21..100 {
        push(moves).await;
        let told = alice.rest(MOMENT).await;
        if told.into_iter().any(|event| is_news(event).is_some()) {
            next = Some(began.elapsed());
            break;
        }
    }
    let next = next.expect("one more");
    let pause = Duration::from_secs_f64(1.0 / limits::NEWS_RATE);
    let early = pause.checked_sub(MOMENT * 2).unwrap();
    assert!((early..pause * 2).contains(&next), "{next:?}");
}

/// One byte more than a protocol has room for ends the request and is told of as a fault; the limit itself is none.
#[tokio::test]
async fn a_request_over_its_bound_is_a_fault() {
    let protocol = Protocol::People;
    for (above, faults) in [(0, 0), (1, 1)] {
        let mut alice = Node::start(1).await;
        let raw = Raw::at(&mut alice, 7, None).await;
        alice.network.admit(raw.id);
        raw.opens(1, protocol.name()).await;
        let length = u32::try_from(protocol.limit() + above).unwrap();
        raw.data(1, &length.to_be_bytes()).await;
        for part in vec![7; protocol.limit() + above].chunks(16_384) {
            raw.data(1, part).await;
        }
        let told = alice.rest(MOMENT).await;
        let of_raw = |event: &&NetworkEvent| matches!(event, NetworkEvent::Fault { peer } if *peer == raw.id);
        assert_eq!(told.iter().filter(of_raw).count(), faults, "{above} above");
        let read = told
            .iter()
            .any(|event| matches!(event, NetworkEvent::Request { .. }));
        assert_eq!(read, above == 0);
    }
}

/// The same for a push, on the stream that stays open.
#[tokio::test]
async fn a_push_over_its_bound_is_told_apart() {
    for (above, large) in [(0, false), (1, true)] {
        let mut alice = Node::start(1).await;
        let raw = Raw::at(&mut alice, 7, None).await;
        alice.network.admit(raw.id);
        raw.opens(1, "/chater/push/1").await;
        let length = u32::try_from(Protocol::Log.limit() + above).unwrap();
        raw.data(1, &length.to_be_bytes()).await;
        let mut stream = alice
            .sees(|event| match event {
                NetworkEvent::Pushes(stream) => Some(stream),
                _ => None,
            })
            .await;
        // At the limit it goes on, and the stream ends in the middle.
        raw.leaves().await;
        assert!(stream.next().await.is_none());
        assert_eq!(stream.was_too_large(), large);
    }
}

/// One message of gossip: at its bound it is heard, one byte above it that peer's stream ends, and what follows is not heard.
#[tokio::test]
async fn a_message_of_gossip_has_a_bound() {
    let topic = |n: u8| Topic([n; 16]);
    let told = async |above: usize| {
        let mut alice = Node::start(1).await;
        alice.network.subscribe(topic(1));
        let raw = Raw::at(&mut alice, 7, None).await;
        alice.network.admit(raw.id);
        raw.opens(1, "/meshsub/1.1.0").await;
        // Filled up by the id of a message that nobody has.
        let hello = subscribes(&topic(1).to_string());
        let most = limits::RPC + above - 3;
        let room = most - hello.len();
        let filled = (0..20).map(|less| wants(&vec![1; room - 4 - less], 1));
        let filled = filled.into_iter().find(|body| body.len() == room).unwrap();
        let rpc = framed(&[hello, filled].concat());
        assert_eq!(rpc.len(), limits::RPC + above);
        for part in rpc.chunks(16_384) {
            raw.data(1, part).await;
        }
        let told = alice.rest(MOMENT).await;
        told.iter()
            .any(|event| matches!(event, NetworkEvent::Subscribed { .. }))
    };
    assert!(told(0).await, "at the bound");
    assert!(!told(1).await, "above it");
}

/// The library reads up to 8 KiB beyond a message and counts them with it: a frame of full size with another right behind it
/// does not end the stream.
#[tokio::test]
async fn a_full_frame_may_be_followed_at_once() {
    let mut alice = Node::start(1).await;
    let topic = Topic([1; 16]);
    alice.network.subscribe(topic);
    let raw = Raw::at(&mut alice, 7, None).await;
    alice.network.admit(raw.id);
    raw.opens(1, "/meshsub/1.1.0").await;
    // As large as a frame with what is around it, then more than fits what is read with its end.
    let large = framed(&wants(&vec![1; limits::FRAME + 300], 1));
    let next = framed(&wants(&[2; 9_000], 1));
    let last = framed(&subscribes(&topic.to_string()));
    for part in [large, next, last].concat().chunks(8_192) {
        raw.data(1, part).await;
    }
    alice
        .sees(|event| matches!(event, NetworkEvent::Subscribed { .. }).then_some(()))
        .await;
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
