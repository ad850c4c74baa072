//! One honest neighbour among ten (N17), and one message that comes by three ways (N19).

use std::collections::BTreeSet;

use chater_network::{Protocol, Topic};
use chater_protocol::community::{Channel, Community};
use chater_protocol::gossip::{self, GroupFrame};
use chater_protocol::wire::{LogRequest, Message as _, Push, chat_topic};
use serde_bytes::ByteBuf;

use super::groups::Three;
use super::hostile::Hostile;
use super::outsiders::group_ref;
use super::*;
use crate::News;
use crate::shared::SystemRandom;
use crate::view::MessageState;

/// What a person may wait for, however few of the neighbours are honest.
const WAIT: Duration = Duration::from_secs(60);

/// The first person that a search shows.
async fn finds(who: &UserHandle, text: &str) -> chater_protocol::id::UserId {
    let began = Instant::now();
    loop {
        let mut answers = who.search(text).await.unwrap();
        while let Some(answer) = answers.recv().await {
            if let Some(row) = answer.rows.first() {
                return row.user_id;
            }
        }
        assert!(began.elapsed() < WAIT, "{text} is not found");
    }
}

/// N17: nine neighbours take everything and pass on nothing; whoever is behind the tenth is found and written to, first
/// directly, then, when there is no way but through the tenth, by its gossip.
#[tokio::test(flavor = "multi_thread")]
async fn one_honest_neighbour_among_ten_is_enough() {
    let folders: Vec<Folder> = (0..3).map(|_| Folder::new()).collect();
    let victim = start(&folders[0], "victim").await;
    let vic = user(&victim, "vic").await;
    let people = Topic(Community::open().topic(Channel::People));
    let mut foes = Vec::new();
    for n in 0..9 {
        let foe = Hostile::at(&victim, 100 + n * 4).await;
        foe.joins(people);
        foes.push(foe);
    }
    // They are there first: gossip has its mesh of them.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let (tenth, far) = (
        start(&folders[1], "tenth").await,
        start(&folders[2], "far").await,
    );
    let (ten, fay) = (user(&tenth, "ten").await, user(&far, "faraway").await);
    link(&tenth, &far).await;
    link(&victim, &tenth).await;
    let began = Instant::now();
    assert_eq!(finds(&vic, "fara").await, fay.id());
    let chat = vic.start(fay.id()).await.unwrap().0.id;
    let hello = say(&vic, chat, "found among foes").await;
    sees(&fay, chat, "found among foes").await;
    until("delivered", || {
        one(&vic, chat, hello.id).state == MessageState::Delivered
    })
    .await;
    assert!(began.elapsed() < WAIT, "{:?}", began.elapsed());
    vic.find("ten@tenth").await.unwrap();
    fay.find("ten@tenth").await.unwrap();

    let members = BTreeSet::from([ten.id(), fay.id()]);
    let group = vic
        .create_group("Boat".to_owned(), members)
        .await
        .unwrap()
        .id;
    for person in [&ten, &fay] {
        until("in the group", || person.chat(group).is_ok()).await;
    }
    say(&vic, group, "all aboard").await;
    for person in [&ten, &fay] {
        sees(person, group, "all aboard").await;
    }
    for foe in &foes {
        foe.listens(group);
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    cut(&victim, &far).await;
    let began = Instant::now();
    for n in 0..5 {
        let (there, back) = (format!("there {n}"), format!("back {n}"));
        say(&vic, group, &there).await;
        sees(&fay, group, &there).await;
        say(&fay, group, &back).await;
        sees(&vic, group, &back).await;
    }
    assert!(began.elapsed() < WAIT, "{:?}", began.elapsed());
    assert!(!victim.shared().is_linked(far.shared().node_id));
    for engine in [victim, tenth, far] {
        stop(engine).await;
    }
}

/// N19: by gossip of a third node, pushed by it, gossiped again under another seal, and pushed by its author's node: it is
/// shown once, told once, counted once.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_by_three_ways_is_shown_once() {
    let three = Three::start().await;
    let [ann, bob, cat] = &three.people[..] else {
        panic!("three")
    };
    let chat = three.group(&[1, 2]).await;
    for person in [bob, cat] {
        until("in the group", || person.chat(chat).is_ok()).await;
    }
    say(ann, chat, "first").await;
    sees(bob, chat, "first").await;
    sees(cat, chat, "first").await;
    let [first, two, third] = &three.engines[..] else {
        panic!("three")
    };
    cut(first, two).await;
    let mut updates = bob.updates(None).await.unwrap();
    let said = say(ann, chat, "by three ways").await;
    sees(cat, chat, "by three ways").await;
    sees(bob, chat, "by three ways").await;
    let wire = {
        let rows = third.shared().store.read().unwrap();
        let stored = chater_store::events::find(&rows, said.id).unwrap().unwrap();
        let (feed, seq, branch) = (stored.feed_no, stored.seq, stored.branch);
        let wire = chater_store::events::wire(&rows, feed, seq, branch).unwrap();
        ByteBuf::from(wire.unwrap())
    };
    let (network, to) = (&third.shared().network, two.shared().node_id);
    for _ in 0..3 {
        let push = Push {
            chat: group_ref(chat),
            events: vec![wire.clone(); 2],
        };
        let body = LogRequest::Push(push).encode();
        network.request(to, Protocol::Log, body).await.unwrap();
        let frame = GroupFrame::Event(wire.clone());
        let sealed = gossip::seal(chat, &frame, &mut SystemRandom);
        network.publish(Topic(chat_topic(chat).0), sealed);
    }
    heal(first, two).await;
    until("delivered", || {
        one(ann, chat, said.id).state == MessageState::Delivered
    })
    .await;
    say(ann, chat, "last").await;
    sees(bob, chat, "last").await;
    assert_eq!(texts(bob, chat), ["first", "by three ways", "last"]);
    assert_eq!(bob.chat(chat).unwrap().unread, 3);
    let mut told = 0;
    while let Ok(Some(update)) =
        tokio::time::timeout(Duration::from_millis(300), updates.next()).await
    {
        if let News::Message(message) = &update.news {
            told += usize::from(message.id == said.id);
        }
    }
    assert_eq!(told, 1);
    three.stop().await;
}
