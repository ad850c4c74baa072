//! A linked node that keeps sending what no honest one does is closed and stays outside for a while; a busy one is not.

use chater_network::Topic;
use chater_protocol::chat::direct;
use chater_protocol::community::{Channel, Community};
use chater_protocol::wire::{LogRequest, Message as _, Push};
use serde_bytes::ByteBuf;

use super::hostile::Hostile;
use super::*;
use crate::view::Happening;

fn is_linked(engine: &Engine, bad: &Hostile) -> bool {
    engine.shared().is_linked(bad.node)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_sends_garbage_is_closed_and_stays_outside() {
    let dir = Folder::new();
    let engine = start(&dir, "strict").await;
    engine.shared().faults.counts.store(true, Ordering::Relaxed);
    let vic = user(&engine, "vic").await;
    let bad = Hostile::at(&engine, 60).await;
    let forger = Hostile::at(&engine, 70).await;
    let chat = direct::chat_ref(vic.id(), forger.user);
    // As much as is let pass, of two kinds: refused, and no more than that.
    for _ in 0..30 {
        assert!(bad.asks(vec![0xff; 40]).await.is_none());
        forger.push_bytes(&chat, vec![vec![0xff; 40]]).await;
    }
    assert!(is_linked(&engine, &bad) && is_linked(&engine, &forger));
    // One more each.
    assert!(bad.asks(vec![0xff; 40]).await.is_none());
    let _ = forger
        .asks(
            LogRequest::Push(Push {
                chat,
                events: vec![ByteBuf::from(vec![0xff; 40])],
            })
            .encode(),
        )
        .await;
    until("closed", || {
        !is_linked(&engine, &bad) && !is_linked(&engine, &forger)
    })
    .await;
    // It dials again at once, in vain.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!is_linked(&engine, &bad));
    let noted = vic.diary().unwrap();
    let closed = |what: &Happening| matches!(what, Happening::Misbehaved { .. });
    assert_eq!(noted.iter().filter(|it| closed(&it.what)).count(), 2);
    assert_eq!(engine.shared().faults.counted(), [62, 2]);
    let metrics = engine.metrics();
    assert!(
        metrics.contains("\nchater_nodes_misbehaved_total 2\n"),
        "{metrics}"
    );
    stop(engine).await;
}

/// Frames of gossip that do not open are rejected, and so are faults of whoever brings them; who searches beside it has none.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_gossips_garbage_is_closed_and_its_neighbours_are_not() {
    let (a, b) = (Folder::new(), Folder::new());
    let (dom, port) = (start(&a, "dom").await, start(&b, "port").await);
    let (ann, bob) = (user(&dom, "ann").await, user(&port, "bob").await);
    link(&dom, &port).await;
    for engine in [&dom, &port] {
        engine.shared().faults.counts.store(true, Ordering::Relaxed);
    }
    assert_eq!(found(&bob, "ann").await, ["ann@dom"]);
    let bad = Hostile::at(&dom, 60).await;
    let topic = Topic(Community::open().topic(Channel::People));
    bad.joins(topic);
    let faults = || dom.shared().faults.counted();
    let mut frames = 0_u8;
    let mut garbage = || {
        frames += 1;
        bad.publishes(topic, vec![frames; 100]);
    };
    let began = Instant::now();
    while faults()[0] == 0 {
        assert!(began.elapsed() < PATIENCE, "never heard");
        garbage();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut heard = faults()[0];
    while heard < 30 {
        garbage();
        heard += 1;
        until("rejected", || faults()[0] == heard).await;
    }
    assert!(is_linked(&dom, &bad));
    // One more, or a few if this took so long that some are forgiven.
    while is_linked(&dom, &bad) {
        assert!(heard < 40, "not closed");
        garbage();
        heard += 1;
        until("rejected", || faults()[0] == heard).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(faults()[1], 1);
    assert_eq!(found(&bob, "ann").await, ["ann@dom"]);
    assert_eq!(found(&ann, "bob").await, ["bob@port"]);
    assert_eq!(port.shared().faults.counted(), [0, 0]);
    assert!(dom.shared().is_linked(port.shared().node_id));
    for engine in [dom, port] {
        stop(engine).await;
    }
}

/// What is over a rate, comes twice or cannot be taken is no fault.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_node_is_not_closed() {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right, ann, bob, chat) = nodes::pair(&a, &b).await;
    for engine in [&left, &right] {
        engine.shared().faults.counts.store(true, Ordering::Relaxed);
    }
    say(&ann, chat, "first").await;
    sees(&bob, chat, "first").await;
    let mut last = None;
    for n in 0..400 {
        last = Some(say(&ann, chat, &format!("m{n}")).await);
        say(&bob, chat, &format!("n{n}")).await;
    }
    sees(&bob, chat, "m399").await;
    bob.answer_request(chat, crate::RequestAnswer::Block)
        .await
        .unwrap();
    for n in 0..60 {
        say(&ann, chat, &format!("in vain {n}")).await;
    }
    let _ = ann.edit(chat, last.unwrap().id, "edited".to_owned()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    for engine in [&left, &right] {
        assert_eq!(engine.shared().faults.counted(), [0, 0]);
    }
    assert!(left.shared().is_linked(right.shared().node_id));
    stop(left).await;
    stop(right).await;
}
