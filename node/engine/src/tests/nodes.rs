use super::hostile::{Claims, Hostile};
use super::*;
use crate::error::Error;
use crate::shared::lock;
use crate::view::MessageState;

/// Two linked nodes, ann on one, bob on the other, and their chat.
pub(super) async fn pair(
    a: &Folder,
    b: &Folder,
) -> (Engine, Engine, UserHandle, UserHandle, ChatId) {
    let (left, right) = (start(a, "left").await, start(b, "right").await);
    let (ann, bob) = (user(&left, "ann").await, user(&right, "bob").await);
    link(&left, &right).await;
    let found = ann.find("bob@right").await.unwrap();
    let chat = ann.start(found.user_id).await.unwrap().0.id;
    (left, right, ann, bob, chat)
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_both_ways_and_nobody_else_sees_them() {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right, ann, bob, chat) = pair(&a, &b).await;
    let eve = user(&left, "eve").await;
    let first = say(&ann, chat, "one").await;
    assert_eq!(first.state, MessageState::Stored);
    sees(&bob, chat, "one").await;
    until("delivered", || {
        one(&ann, chat, first.id).state == MessageState::Delivered
    })
    .await;
    assert_eq!(bob.chat(chat).unwrap().unread, 1);
    bob.read(chat, first.id).await.unwrap();
    until("read", || {
        one(&ann, chat, first.id).state == MessageState::Read
    })
    .await;
    assert_eq!(bob.chat(chat).unwrap().unread, 0);
    let answer = Draft {
        text: "two".to_owned(),
        client_id: Some("c1".to_owned()),
        reply_to: Some(first.id),
    };
    let (second, new) = bob.send(chat, answer.clone()).await.unwrap();
    let (same, newer) = bob.send(chat, answer).await.unwrap();
    assert!(new && !newer && second.id == same.id);
    sees(&ann, chat, "two").await;
    let quote = one(&ann, chat, second.id).reply_to.unwrap();
    assert_eq!(quote.text.as_deref(), Some("one"));
    assert_eq!(one(&ann, chat, second.id).client_id, None);

    // Others of the same node do not have the chat at all.
    assert_eq!(eve.messages(chat, Anchor::Newest, 50), Err(Error::NotFound));
    assert_eq!(eve.message(chat, first.id), Err(Error::NotFound));
    assert_eq!(
        eve.send(
            chat,
            Draft {
                text: "x".into(),
                ..Draft::default()
            }
        )
        .await
        .err(),
        Some(Error::NotFound)
    );
    assert_eq!(eve.read(chat, first.id).await, Err(Error::NotFound));
    // An answer to, or a page around, a message of another chat.
    let own = eve.start(ann.id()).await.unwrap().0.id;
    let stray = Draft {
        text: "x".to_owned(),
        reply_to: Some(first.id),
        ..Draft::default()
    };
    assert!(matches!(
        eve.send(own, stray).await,
        Err(Error::Invalid {
            field: "reply_to",
            ..
        })
    ));
    assert!(eve.messages(own, Anchor::Around(first.id), 50).is_err());
    assert!(
        eve.react(own, first.id, "👍".to_owned(), true)
            .await
            .is_err()
    );

    // Changes, and who may make them.
    assert_eq!(
        bob.edit(chat, first.id, "no".into()).await.err(),
        Some(Error::Forbidden)
    );
    assert_eq!(
        bob.delete(chat, first.id).await.err(),
        Some(Error::Forbidden)
    );
    ann.edit(chat, first.id, "uno".to_owned()).await.unwrap();
    bob.react(chat, first.id, "👍".to_owned(), true)
        .await
        .unwrap();
    until("edited", || {
        one(&bob, chat, first.id).text.as_deref() == Some("uno") && one(&bob, chat, first.id).edited
    })
    .await;
    until("reacted", || one(&ann, chat, first.id).reactions.len() == 1).await;
    bob.delete(chat, second.id).await.unwrap();
    until("deleted", || one(&ann, chat, second.id).deleted).await;
    assert_eq!(one(&ann, chat, second.id).text, None);
    stop(left).await;
    stop(right).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_while_the_other_was_away_arrives() {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right, ann, bob, chat) = pair(&a, &b).await;
    say(&ann, chat, "before").await;
    sees(&bob, chat, "before").await;
    let zoe = user(&right, "zoe").await;
    let known = ann.find("zoe@right").await.unwrap();
    let heard = ann.updates(None).await.unwrap().seq;
    stop(right).await;
    drop((bob.clone(), zoe.clone()));
    let (bob_id, zoe_id) = (bob, zoe);
    let drop_engine = |handle: &UserHandle| handle.id();
    let ids = (drop_engine(&bob_id), drop_engine(&zoe_id));
    drop((bob_id, zoe_id));
    let new = ann.start(known.user_id).await.unwrap().0.id;
    let waits = say(&ann, new, "to zoe").await;
    say(&ann, chat, "meanwhile").await;
    assert_eq!(one(&ann, new, waits.id).state, MessageState::Stored);
    assert!(ann.chat(new).unwrap().waiting_since_ms.is_some());
    let right = start(&b, "right").await;
    let (bob, zoe) = (right.handle(ids.0, None), right.handle(ids.1, None));
    link(&left, &right).await;
    sees(&zoe, new, "to zoe").await;
    sees(&bob, chat, "meanwhile").await;
    // A read mark made while its author's node is away is told when it comes.
    let last = all(&bob, chat).pop().unwrap();
    stop(left).await;
    let ann_id = ann.id();
    drop(ann);
    bob.read(chat, last.id).await.unwrap();
    let left = start(&a, "left").await;
    let ann = left.handle(ann_id, None);
    link(&left, &right).await;
    until("read", || {
        one(&ann, chat, last.id).state == MessageState::Read
    })
    .await;
    assert!(ann.updates(None).await.unwrap().seq > heard);
    stop(left).await;
    stop(right).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_rolled_back_gets_all_again_or_writes_no_more() {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right, ann, bob, chat) = pair(&a, &b).await;
    say(&ann, chat, "first").await;
    sees(&bob, chat, "first").await;
    stop(right).await;
    let (ann_id, bob_id) = (ann.id(), bob.id());
    drop(bob);
    b.keep("old");
    let right = start(&b, "right").await;
    link(&left, &right).await;
    let bob = right.handle(bob_id, None);
    for n in 0..20 {
        say(&ann, chat, &format!("lost {n}")).await;
    }
    sees(&bob, chat, "lost 19").await;
    say(&bob, chat, "mine").await;
    sees(&ann, chat, "mine").await;
    stop(right).await;
    drop(bob);
    b.restore("old");
    let right = start(&b, "right").await;
    let bob = right.handle(bob_id, None);
    assert_eq!(texts(&bob, chat), ["first"]);
    // It writes before it learns: a fork of its own feed. That too must be found out.
    let lost = say(&bob, chat, "unlucky").await;
    link(&left, &right).await;
    // The receiver gets everything again ...
    sees(&bob, chat, "lost 19").await;
    assert_eq!(
        all(&bob, chat)
            .iter()
            .filter(|m| m.author.user_id == ann_id)
            .count(),
        21
    );
    // ... and the sender stops (I7), while reading goes on.
    let began = Instant::now();
    loop {
        let sent = bob
            .send(
                chat,
                Draft {
                    text: "x".into(),
                    ..Draft::default()
                },
            )
            .await;
        if sent.err() == Some(Error::HomeStopped) {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "the home does not stop");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bob.read(chat, lost.id).await.unwrap();
    // The password opens a new home: Bob writes again, and what he wrote on either branch is there.
    let login = crate::Login {
        nick: "bob".to_owned(),
        password: PASSWORD.to_owned(),
        device: String::new(),
        from: [127, 0, 0, 1].into(),
        kind: SessionKind::Browser,
        time_zone: None,
    };
    right.log_in(login).await.unwrap();
    say(&bob, chat, "back").await;
    for who in [&ann, &bob] {
        for text in ["mine", "unlucky", "back"] {
            sees(who, chat, text).await;
        }
    }
    stop(left).await;
    stop(right).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocked_means_later_and_nothing_is_stored() {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right, ann, bob, chat) = pair(&a, &b).await;
    let pat = user(&right, "pat").await;
    let other = ann
        .start(ann.find("pat@right").await.unwrap().user_id)
        .await
        .unwrap()
        .0
        .id;
    say(&ann, chat, "hello").await;
    sees(&bob, chat, "hello").await;
    bob.answer_request(chat, crate::RequestAnswer::Block)
        .await
        .unwrap();
    let sent = say(&ann, chat, "again").await;
    // One chat that is not taken does not hold up another.
    for n in 0..10 {
        say(&ann, other, &format!("p{n}")).await;
    }
    sees(&pat, other, "p9").await;
    assert_eq!(texts(&bob, chat), ["hello"]);
    assert_eq!(one(&ann, chat, sent.id).state, MessageState::Stored);
    bob.answer_request(chat, crate::RequestAnswer::Accept)
        .await
        .unwrap();
    sees(&bob, chat, "again").await;
    stop(left).await;
    stop(right).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_reaches_the_end_of_a_chain() {
    let (a, b, c) = (Folder::new(), Folder::new(), Folder::new());
    let (left, mid, right) = (
        start(&a, "left").await,
        start(&b, "mid").await,
        start(&c, "right").await,
    );
    let ann = user(&left, "ann").await;
    let far = user(&right, "faraway").await;
    link(&left, &mid).await;
    link(&mid, &right).await;
    let began = Instant::now();
    let found = 'search: loop {
        let mut answers = ann.search("fara").await.unwrap();
        while let Some(answer) = answers.recv().await {
            if let Some(row) = answer.rows.first() {
                break 'search row.clone();
            }
            if answer.done {
                break;
            }
        }
        assert!(began.elapsed() < PATIENCE * 2, "nobody found");
    };
    assert_eq!(found.user_id, far.id());
    let chat = ann.start(found.user_id).await.unwrap().0.id;
    say(&ann, chat, "found you").await;
    sees(&far, chat, "found you").await;
    for engine in [left, mid, right] {
        stop(engine).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_loses_nothing_that_was_answered() {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right, ann, bob, chat) = pair(&a, &b).await;
    let sends: Vec<_> = (0..8)
        .map(|task| {
            let ann = ann.clone();
            tokio::spawn(async move {
                let mut kept = Vec::new();
                for n in 0.. {
                    let draft = Draft {
                        text: format!("{task}-{n}"),
                        ..Draft::default()
                    };
                    match ann.send(chat, draft).await {
                        Ok((message, _)) => kept.push(message.id),
                        Err(_) => break,
                    }
                }
                kept
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop(left).await;
    let mut kept = Vec::new();
    for send in sends {
        kept.extend(send.await.unwrap());
    }
    assert!(kept.len() > 20);
    let ann_id = ann.id();
    drop(ann);
    let left = start(&a, "left").await;
    let ann = left.handle(ann_id, None);
    for id in &kept {
        one(&ann, chat, *id);
    }
    link(&left, &right).await;
    until("all delivered", || {
        kept.iter().all(|id| bob.message(chat, *id).is_ok())
    })
    .await;
    stop(left).await;
    stop(right).await;
}

/// S6: comparing one chat fails (the peer has no time, a request gets lost). It is done again within seconds, not with the
/// next round a minute later.
#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_could_not_be_compared_is_compared_again_soon() {
    let dir = Folder::new();
    let engine = start(&dir, "here").await;
    let ann = user(&engine, "ann").await;
    let claims = Claims {
        fellow: true,
        differs: true,
        ..Claims::default()
    };
    let busy = Hostile::claiming(&engine, 60, claims).await;
    assert!(crate::fetch::identities(engine.shared(), busy.node, vec![busy.user], true).await);
    ann.find(&busy.user.to_string()).await.unwrap();
    ann.start(busy.user).await.unwrap();
    {
        let presence = lock(&engine.shared().presence);
        let link = presence.links.get(&busy.node).unwrap();
        lock(&link.hot).compare_anew();
        link.delivery.notify_one();
    }
    until("it is asked three times", || {
        busy.compared.load(Ordering::Relaxed) >= 3
    })
    .await;
    stop(engine).await;
}
