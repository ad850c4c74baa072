//! Floods of one peer, which must not hold up others.

use chater_protocol::chat::direct;
use chater_protocol::event::{Kind, Lane, VerifiedEvent};
use chater_protocol::id::{EventId, UserId};
use chater_protocol::identity::HomeRecord;
use chater_protocol::key::SigningKey;
use chater_protocol::seal::EpochSecret;
use chater_protocol::wire::{Ack, ChatRef, Identities};

use super::hostile::{Claims, Hostile, msg};
use super::wire::rows_kept;
use super::*;
use crate::shared::SystemRandom;

/// B25, B26, B27: a flood of one peer, many fresh people of one peer, chats out of nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_one_peer_does_not_hold_up_others() {
    let (a, b) = (Folder::new(), Folder::new());
    let (engine, other) = (start(&a, "flooded").await, start(&b, "other").await);
    let (vic, bob) = (user(&engine, "vic").await, user(&other, "bob").await);
    link(&engine, &other).await;
    let found = vic.find("bob@other").await.unwrap();
    let talk = vic.start(found.user_id).await.unwrap().0.id;
    say(&vic, talk, "hello").await;
    sees(&bob, talk, "hello").await;
    // Fresh people of one peer, each with a first message.
    let people: Vec<(SigningKey, SigningKey)> = (0..60u8)
        .map(|n| {
            let seed = |kind| {
                SigningKey::from_seed(
                    &[[n, kind], [n, kind]]
                        .concat()
                        .repeat(8)
                        .try_into()
                        .unwrap(),
                )
            };
            (seed(1), seed(2))
        })
        .collect();
    let node = chater_protocol::id::NodeId(SigningKey::from_seed(&[60; 32]).public().0);
    let record = |(root, key): &(SigningKey, SigningKey)| HomeRecord {
        v: 1,
        user: UserId(root.public().0),
        sign_pk: key.public(),
        node_id: node,
        state: 0,
        ts: 1,
    };
    let others = Identities {
        homes: people
            .iter()
            .map(|pair| record(pair).sign(&pair.0))
            .collect(),
        ..Identities::default()
    };
    let claims = Claims {
        fellow: true,
        others,
        ..Claims::default()
    };
    let bad = Arc::new(Hostile::claiming(&engine, 60, claims).await);
    crate::shared::lock(&engine.shared().rates).strangers =
        crate::rate::Buckets::new(30.0 / (24.0 * 60.0), 30.0);
    let secret = EpochSecret::generate(&mut SystemRandom);
    let mut acks = Vec::new();
    for pair in &people {
        let record = record(pair);
        let chat = direct::chat_ref(vic.id(), record.user);
        let mut at = bad.place(chat.chat, Lane::Messages, 0, EventId::default());
        (at.feed.author, at.feed.home) = (record.user, record.id());
        let payload = chater_protocol::seal::seal_message(
            &secret,
            &at.feed,
            0,
            Kind::MSG,
            &msg("hi"),
            &mut SystemRandom,
        )
        .unwrap();
        let event = VerifiedEvent::sign(at, Kind::MSG, payload, &pair.1);
        acks.extend(bad.push(&chat, &[event]).await);
    }
    let begun = acks.iter().filter(|ack| **ack == Ack::Committed).count();
    assert_eq!(begun, 30, "new people of one node in a day");
    assert!(acks[30..].iter().all(|ack| *ack == Ack::Later));

    // Chats that name nobody here, or whose users do not make their id.
    let before = rows_kept(&engine);
    for n in 0..500u32 {
        let mut group = [0; 32];
        group[..4].copy_from_slice(&n.to_be_bytes());
        let users = (n % 2 == 0).then_some((UserId([1; 32]), UserId([2; 32])));
        let chat = ChatRef {
            chat: ChatId(group),
            users,
        };
        let at = bad.place(chat.chat, Lane::Messages, 0, EventId::default());
        let event = bad.sealed(at, Kind::MSG, &secret, &msg("x"));
        let acks = bad.push(&chat, &[event]).await;
        assert_ne!(acks, [Ack::Committed]);
    }
    assert_eq!(rows_kept(&engine), before);

    // 5,000 valid events as fast as they go, while two others talk.
    let id = direct::chat_ref(vic.id(), bad.user);
    let flood = tokio::spawn({
        let (bad, chat, secret) = (bad.clone(), id.clone(), secret.clone());
        async move {
            let mut prev = EventId::default();
            let mut seq = 0;
            while seq < 5_000 {
                let mut wires = Vec::new();
                for _ in 0..64 {
                    let at = bad.place(chat.chat, Lane::Messages, seq, prev);
                    let event = bad.sealed(at, Kind::MSG, &secret, &msg("flood"));
                    prev = event.id();
                    seq += 1;
                    wires.push(event.to_wire());
                }
                bad.push_bytes(&chat, wires).await;
            }
        }
    });
    let mut worst = Duration::ZERO;
    let mut n = 0;
    while !flood.is_finished() {
        let text = format!("through {n}");
        let began = Instant::now();
        say(&bob, talk, &text).await;
        sees(&vic, talk, &text).await;
        worst = worst.max(began.elapsed());
        n += 1;
    }
    flood.await.unwrap();
    assert!(n > 3, "{n} messages while the flood ran");
    assert!(worst < Duration::from_secs(2), "{worst:?}");
    stop(engine).await;
    stop(other).await;
}
