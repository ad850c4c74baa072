use chater_protocol::chat::direct;
use chater_protocol::event::{Kind, Lane};
use chater_protocol::seal::EpochSecret;
use chater_protocol::wire::Ack;
use chater_store::users;

use super::hostile::{Hostile, kem_of, msg};
use super::*;
use crate::actor::{From, now_ms};
use crate::shared::SystemRandom;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_came_before_its_key_is_asked_for_and_shown() {
    let dir = Folder::new();
    let engine = start(&dir, "home").await;
    let ann = user(&engine, "ann").await;
    let peer = Hostile::at(&engine, 90).await;
    let chat = direct::chat_ref(ann.id(), peer.user);
    let secret = EpochSecret::generate(&mut SystemRandom);
    // An answer that holds another secret than it names is no answer (K1).
    let wrong = EpochSecret::generate(&mut SystemRandom);
    *peer.gives.lock().unwrap() = Some((wrong, kem_of(&engine, ann.id())));
    let at = peer.place(chat.chat, Lane::Messages, 0, EventId::default());
    let first = peer.sealed(at, Kind::MSG, &secret, &msg("sealed"));
    assert_eq!(
        peer.push(&chat, std::slice::from_ref(&first)).await,
        [Ack::Committed]
    );
    assert_eq!(one(&ann, chat.chat, first.id()).text, None);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(one(&ann, chat.chat, first.id()).text, None);
    *peer.gives.lock().unwrap() = Some((secret.clone(), kem_of(&engine, ann.id())));
    let at = peer.place(chat.chat, Lane::Messages, 1, first.id());
    let second = peer.sealed(at, Kind::MSG, &secret, &msg("too"));
    assert_eq!(peer.push(&chat, &[second]).await, [Ack::Committed]);
    sees(&ann, chat.chat, "sealed").await;
    sees(&ann, chat.chat, "too").await;
    let _ = (&peer.kem, peer.to);
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sealing_keys_are_renewed_and_old_rows_removed() {
    let dir = Folder::new();
    let engine = start(&dir, "home").await;
    let ann = user(&engine, "ann").await;
    let bob = user(&engine, "bob").await;
    let chat = ann.start(bob.id()).await.unwrap().0.id;
    let draft = |id: &str| Draft {
        text: "x".to_owned(),
        client_id: Some(id.to_owned()),
        reply_to: None,
    };
    let (old, _) = ann.send(chat, draft("old")).await.unwrap();
    let (new, _) = ann.send(chat, draft("new")).await.unwrap();
    const DAY: u64 = 24 * 3_600_000;
    let (user, id) = (ann.id(), old.id);
    engine
        .shared()
        .inputs
        .run(From::Local, move |turn| {
            let mut row = users::user(turn.tx, user)?.unwrap();
            row.kems[0].2 -= 31 * DAY;
            // Replaced 70 days ago.
            row.kems[0].2 -= 39 * DAY;
            let mut ancient = row.kems[0].clone();
            ancient.0 = 0;
            row.kems[0].0 = 1;
            row.kems.push(ancient);
            users::put_user(turn.tx, user, &row)?;
            let no = turn.number(chat)?.unwrap();
            let then = now_ms() - 31 * DAY;
            Ok(chater_store::chats::put_client_id(
                turn.tx, user, no, "old", id, then,
            )?)
        })
        .await
        .unwrap();
    crate::daily::once(engine.shared()).await;
    let row = users::user(&engine.shared().store.read().unwrap(), user)
        .unwrap()
        .unwrap();
    let numbers: Vec<u32> = row.kems.iter().map(|(n, ..)| *n).collect();
    assert_eq!(numbers, [2, 1]);
    assert_eq!(kem_of(&engine, user).n, 2);
    assert_ne!(ann.send(chat, draft("old")).await.unwrap().0.id, old.id);
    assert_eq!(ann.send(chat, draft("new")).await.unwrap().0.id, new.id);
    stop(engine).await;
}
