//! Searches among many: whoever is looked for is found, whoever else is remembered here.

use chater_protocol::community::{Channel, Community};
use chater_protocol::id::{Bytes, NodeId, UserId};
use chater_protocol::identity::{HomeRecord, NodeCard, ProfileCard};
use chater_protocol::key::SigningKey;
use chater_protocol::wire::{Identities, Message as _, PeopleAnswer, PeopleQuery};
use chater_store::homes;

use super::hostile::Hostile;
use super::*;
use crate::Error;
use crate::actor::{From, now_ms};
use crate::people::{Judged, judge};
use crate::shared::SystemRandom;
use crate::view::FoundBy;

/// What other nodes answer, by address; without what is remembered here.
async fn told(who: &UserHandle, text: &str) -> Vec<String> {
    let mut answers = who.search(text).await.unwrap();
    let mut names = Vec::new();
    while let Some(answer) = answers.recv().await {
        if answer.from.is_some() {
            names.extend(answer.rows.into_iter().map(|p| p.address));
        }
    }
    names
}

/// Somebody of another node as a node remembers them.
async fn remember(engine: &Engine, n: u8, nick: &str, node: NodeId, discoverable: u8) -> UserId {
    let (root, key) = (
        SigningKey::from_seed(&[n; 32]),
        SigningKey::from_seed(&[n ^ 128; 32]),
    );
    let record = HomeRecord {
        v: 1,
        user: UserId(root.public().0),
        sign_pk: key.public(),
        node_id: node,
        state: 0,
        ts: 1,
    };
    let card = ProfileCard {
        v: 1,
        user: record.user,
        home: record.id(),
        n: 0,
        nick: nick.to_owned(),
        display_name: String::new(),
        about: String::new(),
        avatar: None,
        discoverable,
        ts: 1,
    };
    let user = record.user;
    let kept = engine.shared().inputs.run(From::Others, move |turn| {
        homes::put_home(turn.tx, &record, &record.sign(&root))?;
        homes::confirm(turn.tx, &record)?;
        homes::put_card(turn.tx, &card, &card.sign(&key), turn.now_ms)?;
        Ok(())
    });
    kept.await.unwrap();
    user
}

/// People of elsewhere who are remembered here, and whom the asker must not find, take no places.
#[tokio::test(flavor = "multi_thread")]
async fn who_lives_here_is_found_among_many_remembered() {
    let (a, b) = (Folder::new(), Folder::new());
    let (dom, port) = (start(&a, "dom").await, start(&b, "port").await);
    let (ann, bob) = (user(&dom, "ann").await, user(&port, "bob").await);
    let zoya = user(&dom, "zoya").await;
    for n in 0..100 {
        remember(&dom, n, &format!("zo{n:03}"), NodeId([9; 32]), 1).await;
    }
    link(&dom, &port).await;
    assert_eq!(found(&ann, "zo").await, ["zoya@dom"]);
    assert_eq!(found(&bob, "zo").await, ["zoya@dom"]);
    assert_eq!(found(&zoya, "zo").await, Vec::<String>::new());
    stop(dom).await;
    stop(port).await;
}

/// "Shares a chat" ends with the home: the node that somebody has left finds nobody by them.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_a_contact_has_left_finds_nobody_by_them() {
    let (a, b) = (Folder::new(), Folder::new());
    let (dom, port) = (start(&a, "dom").await, start(&b, "port").await);
    let (ann, bob) = (user(&dom, "ann").await, user(&port, "bob").await);
    link(&dom, &port).await;
    ann.set_found_by(FoundBy::Contacts).await.unwrap();
    let person = ann.find("bob@port").await.unwrap();
    let chat = ann.start(person.user_id).await.unwrap().0.id;
    say(&ann, chat, "hi").await;
    sees(&bob, chat, "hi").await;
    assert_eq!(told(&bob, "ann").await, ["ann@dom"]);
    // His home there is retired, as after a move.
    let (bob_id, port_id) = (bob.id(), port.shared().node_id);
    let retired = dom.shared().inputs.run(From::Others, move |turn| {
        let live = homes::live(turn.tx, bob_id)?;
        let (_, record) = live
            .into_iter()
            .find(|(_, home)| home.node_id == port_id)
            .unwrap();
        let gone = HomeRecord { state: 1, ..record };
        // What is stored was verified when it came.
        homes::put_home(turn.tx, &gone, &gone.sign(&SigningKey::from_seed(&[1; 32])))?;
        turn.identities_changed();
        Ok(())
    });
    retired.await.unwrap();
    assert_eq!(told(&bob, "ann").await, Vec::<String>::new());
    stop(dom).await;
    stop(port).await;
}

/// More nodes answer than the page has read: some people are not shown, and the search ends all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_ends_however_many_answer_at_once() {
    let dir = Folder::new();
    let dom = start(&dir, "dom").await;
    let ann = user(&dom, "ann").await;
    // Of the same community, and says nothing: the search goes on for its whole time.
    let _mute = Hostile::at(&dom, 60).await;
    let mut answers = ann.search("zo").await.unwrap();
    let query = dom.shared().searches.ids()[0];
    for n in 0..300u16 {
        let mut seed = [7; 32];
        seed[..2].copy_from_slice(&n.to_be_bytes());
        let key = SigningKey::from_seed(&seed);
        let node = NodeId(key.public().0);
        let card = NodeCard {
            v: 1,
            node,
            name: "many".into(),
            addrs: Vec::new(),
            mailboxes: Vec::new(),
            caps: 0,
            ts: 1,
        };
        let answer = PeopleAnswer {
            query: Bytes(query),
            node: card.sign(&key),
            people: Identities::default(),
        };
        crate::people::answered(dom.shared(), node, answer).await;
    }
    let (mut ended, mut answered) = (false, 0);
    while let Some(answer) = answers.recv().await {
        (ended, answered) = (answer.done, answer.answered);
    }
    assert!(ended && answered > 256, "{ended}, {answered}");
    stop(dom).await;
}

/// A query counts if the node of its card has signed the frame: anybody who has seen a card could ask under it.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_asks_under_the_card_of_another() {
    let dir = Folder::new();
    let dom = start(&dir, "dom").await;
    let key = SigningKey::from_seed(&[5; 32]);
    let asker = NodeId(key.public().0);
    let card = NodeCard {
        v: 1,
        node: asker,
        name: "asker".into(),
        addrs: Vec::new(),
        mailboxes: Vec::new(),
        caps: 0,
        ts: 1,
    };
    let query = PeopleQuery {
        id: Bytes([1; 16]),
        text: "zo".into(),
        asker: card.sign(&key),
        ts: now_ms(),
    };
    let open = Community::open();
    let frame = open.seal(Channel::People, &query.encode(), &mut SystemRandom);
    let (foe, neighbour) = (NodeId([8; 32]), NodeId([9; 32]));
    let all = dom.shared().communities.all();
    let known = all.first().unwrap();
    let judged = |from, author| judge(dom.shared(), known, (from, author), &frame);
    // Who hands it over is at fault for what it has signed itself alone.
    assert!(matches!(judged(foe, foe), Judged::Blame));
    assert!(matches!(judged(neighbour, foe), Judged::PassOver));
    assert!(matches!(judged(asker, foe), Judged::PassOver));
    // None of that has used it up.
    let forward = judged(neighbour, asker);
    assert!(matches!(forward, Judged::Forward(Some(asked)) if asked.1.node == asker));
    assert!(matches!(judged(foe, asker), Judged::PassOver), "again");
    stop(dom).await;
}

/// I10: a card that its node gives no more is found no more, except by whoever talks with that person.
#[tokio::test(flavor = "multi_thread")]
async fn cards_that_are_not_heard_again_are_found_no_more() {
    let (a, b) = (Folder::new(), Folder::new());
    let (dom, port) = (start(&a, "dom").await, start(&b, "port").await);
    let (ann, zed) = (user(&dom, "ann").await, user(&port, "zoltan").await);
    let (eve, zoya) = (user(&dom, "eve").await, user(&dom, "zoya").await);
    link(&dom, &port).await;
    let person = ann.find("zoltan@port").await.unwrap();
    let chat = ann.start(person.user_id).await.unwrap().0.id;
    say(&ann, chat, "hi").await;
    sees(&zed, chat, "hi").await;
    drop(zed);
    stop(port).await;
    let both = ["zoltan@port", "zoya@dom"];
    assert_eq!(found(&eve, "zo").await, both);
    let skew = &dom.shared().skew_ms;
    skew.store(29 * 86_400_000, Ordering::Relaxed);
    assert_eq!(found(&eve, "zo").await, both);
    skew.store(31 * 86_400_000, Ordering::Relaxed);
    assert_eq!(found(&eve, "zo").await, ["zoya@dom"]);
    assert_eq!(found(&ann, "zo").await, both);
    assert_eq!(found(&zoya, "zol").await, Vec::<String>::new());
    // Its node comes and gives the same card again.
    let port = start(&b, "port").await;
    link(&dom, &port).await;
    let began = Instant::now();
    while found(&eve, "zo").await != both {
        assert!(began.elapsed() < PATIENCE, "not heard again");
    }
    let at = homes::heard_ms(&dom.shared().store.read().unwrap(), person.user_id);
    let now = dom.shared().now_ms();
    assert!(at.unwrap().is_some_and(|at| now - at < 86_400_000));
    stop(dom).await;
    stop(port).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_node_that_is_away_nobody_knows_who_lives_there() {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right, ann, bob, _) = super::nodes::pair(&a, &b).await;
    assert_eq!(
        ann.find("nobody@right").await.err(),
        Some(Error::NotFound),
        "the node says so itself"
    );
    let silent = Error::NodeSilent("right".to_owned());
    let id = right.shared().node_id;
    stop(right).await;
    until("away", || !left.shared().is_linked(id)).await;
    assert_eq!(ann.find("nobody@right").await.err(), Some(silent));
    assert_eq!(
        ann.find("bob@right").await.map(|it| it.user_id),
        Ok(bob.id())
    );
    stop(left).await;
}
