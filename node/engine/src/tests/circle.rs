use chater_protocol::community::Community;
use chater_protocol::id::{Bytes, Hash, NodeId};
use chater_protocol::invite::{Invite, Welcome};
use chater_store::communities::{self, CommunityRow};

use super::hostile::Hostile;
use super::*;
use crate::actor::From;
use crate::error::{Error, Reason};
use crate::shared::lock;
use crate::view::LinkState;

fn id(engine: &Engine) -> NodeId {
    engine.shared().node_id
}

fn bad(reason: Reason) -> Error {
    Error::invalid("link", reason)
}

/// No address counts as near: as if the nodes met over the Internet.
fn far(engines: &[&Engine]) {
    for engine in engines {
        engine.shared().far.store(true, Ordering::Relaxed);
    }
}

fn common(a: &Engine, b: &Engine) -> Vec<Hash> {
    let presence = lock(&a.shared().presence);
    let link = presence.links.get(&id(b));
    link.map(|link| link.common.clone()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_brings_a_node_into_a_community_and_search_goes_by_it() {
    let (a, b, c) = (Folder::new(), Folder::new(), Folder::new());
    let (dom, port, lab) = (
        start(&a, "dom").await,
        start(&b, "port").await,
        start(&c, "lab").await,
    );
    far(&[&dom, &port, &lab]);
    let (ann, bob) = (user(&dom, "ann").await, user(&port, "bob").await);
    user(&lab, "bobby").await;
    for engine in [&dom, &port, &lab] {
        engine.set_open(false).await.unwrap();
    }
    let yard = ann.found_community(" Двор ").await.unwrap();
    let link = ann.invite_node(yard, 1, 1).await.unwrap();
    assert_eq!(bob.enter_community(&link).await, Ok(yard));
    until("linked with the community in common", || {
        common(&dom, &port) == [yard] && common(&port, &dom) == [yard]
    })
    .await;
    let own = port.communities().unwrap();
    assert_eq!((own.open, own.own.len()), (false, 1));
    assert_eq!((&*own.own[0].name, own.own[0].founder), ("Двор", false));
    // The lab is typed by its owner's neighbour and linked, and is in no community: it is not asked and sees nothing.
    link_typed(&dom, &lab).await;
    let began = Instant::now();
    while found(&ann, "bob").await != ["bob@port"] {
        assert!(began.elapsed() < PATIENCE, "nobody was found");
    }
    // The same link again uses nothing up, another node comes too late.
    assert_eq!(bob.enter_community(&link).await, Ok(yard));
    assert_eq!(lab.enter_community(&link).await, Err(bad(Reason::Used)));
    // Out: the link loses the community on both sides, and nobody is found any more.
    port.leave_community(yard).await.unwrap();
    until("nothing in common", || {
        common(&dom, &port).is_empty() && common(&port, &dom).is_empty()
    })
    .await;
    assert_eq!(found(&bob, "ann").await, Vec::<String>::new());
    assert_eq!(port.leave_community(yard).await, Err(Error::NotFound));
    for engine in [dom, port, lab] {
        stop(engine).await;
    }
}

/// Both owners want it: one types the address, the other says yes when it waits.
async fn link_typed(a: &Engine, b: &Engine) {
    let address = a.node().addresses.first().unwrap().clone();
    b.add_peer(&address).await.unwrap();
    until("it waits", || {
        a.waiting().iter().any(|w| w.node_id == id(b))
    })
    .await;
    assert!(!a.shared().is_linked(id(b)));
    a.link_node(id(b)).await.unwrap();
    until("linked", || {
        a.shared().is_linked(id(b)) && b.shared().is_linked(id(a))
    })
    .await;
    assert!(a.waiting().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_count_no_more_say_why() {
    let (a, b, c) = (Folder::new(), Folder::new(), Folder::new());
    let (dom, port, lab) = (
        start(&a, "dom").await,
        start(&b, "port").await,
        start(&c, "lab").await,
    );
    far(&[&dom, &port, &lab]);
    let yard = dom.found_community("yard").await.unwrap();
    for wrong in ["", "   ", "a\u{202e}b", &"x".repeat(65)] {
        assert!(dom.found_community(wrong).await.is_err(), "{wrong:?}");
    }
    for (uses, days) in [(0, 1), (1_001, 1), (1, 0), (1, 366)] {
        assert!(dom.invite_node(yard, uses, days).await.is_err());
    }
    assert_eq!(
        dom.invite_node(Hash([1; 32]), 1, 1).await,
        Err(Error::NotFound)
    );
    let revoked = dom.invite_node(yard, 5, 1).await.unwrap();
    let shown = dom.communities().unwrap().own[0].invites.clone();
    assert_eq!((shown[0].left, shown[0].came), (5, 0));
    dom.revoke_invite(yard, shown[0].id).await.unwrap();
    assert!(dom.communities().unwrap().own[0].invites.is_empty());
    assert_eq!(
        port.enter_community(&revoked).await,
        Err(bad(Reason::Revoked))
    );
    let expired = dom.invite_node(yard, 5, 1).await.unwrap();
    dom.shared()
        .skew_ms
        .store(25 * 60 * 60 * 1000, Ordering::Relaxed);
    assert_eq!(
        port.enter_community(&expired).await,
        Err(bad(Reason::Expired))
    );
    dom.shared().skew_ms.store(0, Ordering::Relaxed);
    assert_eq!(
        port.enter_community("chater:community/xyz").await,
        Err(bad(Reason::Malformed))
    );
    // A made-up secret, nobody there, somebody else there.
    let mut made_up = Invite::parse(&expired).unwrap();
    made_up.token.0[0] ^= 1;
    assert_eq!(
        port.enter_community(&made_up.to_text()).await,
        Err(bad(Reason::Wrong))
    );
    let nobody = Invite {
        addrs: vec!["/ip4/127.0.0.1/tcp/1".into()],
        ..made_up.clone()
    };
    assert_eq!(
        lab.enter_community(&nobody.to_text()).await,
        Err(bad(Reason::Unreachable))
    );
    let elsewhere = Invite {
        node: NodeId(
            chater_protocol::key::SigningKey::from_seed(&[9; 32])
                .public()
                .0,
        ),
        ..made_up.clone()
    };
    assert_eq!(
        lab.enter_community(&elsewhere.to_text()).await,
        Err(bad(Reason::Other))
    );
    // Guesses are bounded.
    let mut last = Ok(yard);
    for _ in 0..12 {
        last = port.enter_community(&made_up.to_text()).await;
    }
    assert!(matches!(last, Err(Error::TooMany { .. })), "{last:?}");
    // None of them came in, and all they got was a greeting.
    assert!(port.communities().unwrap().own.is_empty());
    assert!(!dom.shared().is_linked(id(&port)));
    for engine in [dom, port, lab] {
        stop(engine).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_come_by_the_last_use_are_one_too_many() {
    let folders: Vec<Folder> = (0..4).map(|_| Folder::new()).collect();
    let dom = start(&folders[0], "dom").await;
    let yard = dom.found_community("yard").await.unwrap();
    let link = dom.invite_node(yard, 1, 1).await.unwrap();
    let mut guests = Vec::new();
    for (at, folder) in folders.iter().enumerate().skip(1) {
        guests.push(start(folder, &format!("guest{at}")).await);
    }
    let come = guests.iter().map(|guest| guest.enter_community(&link));
    let came = futures_join(come).await;
    let good = came.iter().filter(|it| it.is_ok()).count();
    assert_eq!(good, 1, "{came:?}");
    assert!(
        came.iter()
            .filter(|it| it.is_err())
            .all(|it| *it == Err(bad(Reason::Used)))
    );
    for engine in guests.into_iter().chain([dom]) {
        stop(engine).await;
    }
}

async fn futures_join<F: Future>(all: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.into_iter().map(|it| (Box::pin(it), None)).collect();
    std::future::poll_fn(|cx| {
        for (future, output) in &mut all {
            if output.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(cx)
            {
                *output = Some(value);
            }
        }
        if all.iter().all(|(_, output)| output.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    all.into_iter().filter_map(|(_, output)| output).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_a_community_learn_of_each_other() {
    let folders: Vec<Folder> = (0..4).map(|_| Folder::new()).collect();
    let mut engines = Vec::new();
    for (at, folder) in folders.iter().enumerate() {
        engines.push(start(folder, &format!("node{at}")).await);
    }
    far(&engines.iter().collect::<Vec<_>>());
    let yard = engines[0].found_community("yard").await.unwrap();
    let link = engines[0].invite_node(yard, 10, 1).await.unwrap();
    for engine in &engines[1..] {
        engine.enter_community(&link).await.unwrap();
    }
    until("everybody is linked with everybody", || {
        engines.iter().all(|a| {
            let others = engines.iter().filter(|b| id(b) != id(a));
            others.clone().count() == 3 && others.clone().all(|b| common(a, b).contains(&yard))
        })
    })
    .await;
    // The one that invited is gone: the others are still together.
    stop(engines.remove(0)).await;
    let (ann, _) = (
        user(&engines[0], "ann").await,
        user(&engines[1], "zoe").await,
    );
    let began = Instant::now();
    while found(&ann, "zoe").await != ["zoe@node2"] {
        assert!(began.elapsed() < PATIENCE, "nobody was found");
    }
    for engine in engines {
        stop(engine).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_node_waits_and_gets_nothing_but_a_greeting() {
    let (a, b) = (Folder::new(), Folder::new());
    let (dom, port) = (start(&a, "dom").await, start(&b, "port").await);
    far(&[&dom, &port]);
    let (ann, bob) = (user(&dom, "ann").await, user(&port, "bob").await);
    let address = dom.node().addresses.first().unwrap().clone();
    port.add_peer(&address).await.unwrap();
    until("it waits", || !dom.waiting().is_empty()).await;
    let waits = dom.waiting();
    assert_eq!((&*waits[0].name, waits[0].node_id), ("port", id(&port)));
    until("the other side knows", || {
        port.node()
            .peers
            .iter()
            .any(|p| p.state == LinkState::Waiting)
    })
    .await;
    assert!(found(&bob, "ann").await.is_empty());
    assert!(dom.node().peers.is_empty());
    // Only the owner decides.
    let eve = user(&dom, "eve").await;
    assert_eq!(eve.link_node(id(&port)).await, Err(Error::Forbidden));
    assert_eq!(eve.waiting().err(), Some(Error::Forbidden));
    assert_eq!(ann.link_node(NodeId([3; 32])).await, Err(Error::NotFound));
    ann.link_node(id(&port)).await.unwrap();
    until("linked", || {
        dom.shared().is_linked(id(&port)) && port.shared().is_linked(id(&dom))
    })
    .await;
    assert!(dom.waiting().is_empty());
    // Cut off, it waits like an unknown one, however often it dials, until the owner links it again.
    ann.cut_off(id(&port)).await.unwrap();
    until("cut off", || !dom.shared().is_linked(id(&port))).await;
    until("it waits again", || !dom.waiting().is_empty()).await;
    assert!(!dom.shared().is_linked(id(&port)));
    assert!(dom.node().peers.iter().any(|p| p.off));
    stop(dom).await;
    drop((ann, eve));
    // Also after a restart.
    let dom = start(&a, "dom").await;
    far(&[&dom]);
    let address = dom.node().addresses.first().unwrap().clone();
    port.add_peer(&address).await.unwrap();
    until("it waits still", || !dom.waiting().is_empty()).await;
    assert!(!dom.shared().is_linked(id(&port)));
    dom.link_node(id(&port)).await.unwrap();
    until("linked again", || dom.shared().is_linked(id(&port))).await;
    stop(dom).await;
    stop(port).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_nodes_are_bounded() {
    let a = Folder::new();
    let dom = start(&a, "dom").await;
    for at in 0..100u8 {
        let key = chater_protocol::key::SigningKey::from_seed(&[at; 32]);
        let card = chater_protocol::identity::NodeCard {
            v: 1,
            node: NodeId(key.public().0),
            name: format!("n{at}"),
            addrs: Vec::new(),
            mailboxes: Vec::new(),
            caps: 0,
            ts: 1,
        };
        let met = crate::greet::Met {
            signed: card.sign(&key),
            card: card.clone(),
            common: Vec::new(),
            proofs: Vec::new(),
            held: false,
        };
        let way = crate::greet::Way {
            address: "/ip4/203.0.113.1/tcp/1".into(),
            dialled: false,
            found: 2,
        };
        crate::links::waits(dom.shared(), card.node, &met, &way);
    }
    let waiting = dom.waiting();
    assert_eq!(waiting.len(), 64);
    assert_eq!((&*waiting[0].name, &*waiting[63].name), ("n99", "n36"));
    stop(dom).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_node_meets_silence_and_it_can_be_undone() {
    let (a, b, c) = (Folder::new(), Folder::new(), Folder::new());
    let (dom, port, lab) = (
        start(&a, "dom").await,
        start(&b, "port").await,
        start(&c, "lab").await,
    );
    let (ann, bob) = (user(&dom, "ann").await, user(&port, "bob").await);
    link(&dom, &port).await;
    link(&dom, &lab).await;
    link(&port, &lab).await;
    let chat = ann
        .start(ann.find("bob@port").await.unwrap().user_id)
        .await
        .unwrap()
        .0
        .id;
    say(&ann, chat, "before").await;
    sees(&bob, chat, "before").await;
    assert_eq!(
        ann.block_node(id(&dom)).await,
        Err(Error::invalid("node", Reason::Own))
    );
    ann.block_node(id(&port)).await.unwrap();
    until("closed", || !dom.shared().is_linked(id(&port))).await;
    assert!(dom.node().peers.iter().all(|p| p.node_id != id(&port)));
    let blocked = ann.blocked().unwrap();
    assert_eq!((&*blocked[0].name, blocked[0].by_owner), ("port", true));
    // Its query comes by a third node, and is not answered; its people are not found here either.
    let mut answers = bob.search("ann").await.unwrap();
    let mut from = Vec::new();
    while let Some(answer) = answers.recv().await {
        from.extend(answer.from);
    }
    assert_eq!(from, ["lab"]);
    assert!(found(&ann, "bob").await.is_empty());
    // Neither way anything new comes through.
    say(&ann, chat, "to nobody").await;
    say(&bob, chat, "from nobody").await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(!texts(&bob, chat).contains(&"to nobody".to_owned()));
    assert!(!texts(&ann, chat).contains(&"from nobody".to_owned()));
    assert!(!dom.shared().is_linked(id(&port)));
    // Undone, what waited comes.
    ann.unblock_node(id(&port)).await.unwrap();
    sees(&bob, chat, "to nobody").await;
    sees(&ann, chat, "from nobody").await;
    assert_eq!(ann.unblock_node(id(&port)).await, Err(Error::NotFound));
    for engine in [dom, port, lab] {
        stop(engine).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_the_founder_blocks_for_those_who_follow_it() {
    let folders: Vec<Folder> = (0..4).map(|_| Folder::new()).collect();
    let mut engines = Vec::new();
    for (folder, name) in folders.iter().zip(["dom", "port", "lab", "spam"]) {
        engines.push(start(folder, name).await);
    }
    let [dom, port, lab, spam] = &engines[..] else {
        panic!("four");
    };
    let yard = dom.found_community("yard").await.unwrap();
    let invite = dom.invite_node(yard, 10, 1).await.unwrap();
    port.enter_community(&invite).await.unwrap();
    for other in [dom, port] {
        link(other, spam).await;
    }
    assert_eq!(port.publish_list(yard).await, Err(Error::Forbidden));
    dom.block_node(id(spam)).await.unwrap();
    dom.publish_list(yard).await.unwrap();
    let list = |engine: &Engine| engine.communities().unwrap().own[0].list.clone();
    until("the list has come", || list(port).nodes.len() == 1).await;
    // Off by default.
    assert!(!list(port).follow && port.shared().is_linked(id(spam)));
    port.follow_list(yard, true).await.unwrap();
    until("blocked by the list", || !port.shared().is_linked(id(spam))).await;
    let blocked = port.blocked().unwrap();
    assert_eq!(
        (blocked[0].by_owner, &blocked[0].lists[..]),
        (false, &["yard".to_owned()][..])
    );
    // Whoever comes later gets it, too.
    lab.enter_community(&invite).await.unwrap();
    until("the list has come to a newcomer", || {
        list(lab).nodes.len() == 1
    })
    .await;
    // The founder takes it back; a newer list replaces the older.
    dom.unblock_node(id(spam)).await.unwrap();
    dom.publish_list(yard).await.unwrap();
    until("blocked no more", || port.blocked().unwrap().is_empty()).await;
    link(port, spam).await;
    port.follow_list(yard, false).await.unwrap();
    for engine in engines {
        stop(engine).await;
    }
}

/// C1: whoever invites hands over secret and founder; with a founder of their own it is not the community of the link, neither
/// when a node comes in nor in what it has kept.
#[tokio::test(flavor = "multi_thread")]
async fn who_invites_cannot_name_another_founder() {
    let dir = Folder::new();
    let dom = start(&dir, "dom").await;
    let inviter = Hostile::at(&dom, 60).await;
    let (secret, founder) = ([7; 32], NodeId([8; 32]));
    let yard = Community::founded(secret, founder).id();
    let invite = Invite {
        v: 1,
        community: yard,
        name: "yard".into(),
        node: inviter.node,
        addrs: vec!["/ip4/127.0.0.1/tcp/1".into()],
        token: Bytes([1; 16]),
        expires: u64::MAX,
    };
    let welcome = |founder| Welcome {
        name: "yard".into(),
        secret: Bytes(secret),
        founder,
    };
    for wrong in [inviter.node, id(&dom), NodeId([9; 32])] {
        *inviter.welcomes.lock().unwrap() = Some(welcome(wrong));
        let entered = dom.enter_community(&invite.to_text()).await;
        assert_eq!(entered, Err(bad(Reason::Other)));
        assert!(dom.communities().unwrap().own.is_empty());
    }
    *inviter.welcomes.lock().unwrap() = Some(welcome(founder));
    assert_eq!(dom.enter_community(&invite.to_text()).await, Ok(yard));
    assert_eq!(dom.communities().unwrap().own.len(), 1);
    let shared = dom.shared();
    let changed = shared.inputs.run(From::Local, move |turn| {
        let row = communities::community(turn.tx, yard)?.unwrap();
        let row = CommunityRow {
            founder: NodeId([9; 32]),
            ..row
        };
        Ok(communities::put(turn.tx, yard, &row)?)
    });
    changed.await.unwrap();
    crate::community::reload(shared).unwrap();
    assert!(dom.communities().unwrap().own.is_empty());
    stop(dom).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_found_by_nobody_or_by_contacts_only() {
    let (a, b) = (Folder::new(), Folder::new());
    let (dom, port) = (start(&a, "dom").await, start(&b, "port").await);
    let (ann, bob) = (user(&dom, "ann").await, user(&port, "bob").await);
    let zoe = user(&dom, "zoe").await;
    link(&dom, &port).await;
    let finds = async |who: &UserHandle, text: &str| !found(who, text).await.is_empty();
    assert!(finds(&ann, "bob").await);
    bob.set_found_by(crate::view::FoundBy::Contacts)
        .await
        .unwrap();
    until("the card has come", || {
        let rows = dom.shared().store.read().unwrap();
        let card = chater_store::homes::card(&rows, bob.id()).unwrap();
        card.is_some_and(|(card, _)| card.discoverable == 1)
    })
    .await;
    assert!(!finds(&ann, "bob").await && !finds(&zoe, "bob").await);
    // The exact address is answered still.
    let chat = ann
        .start(ann.find("bob@port").await.unwrap().user_id)
        .await
        .unwrap()
        .0
        .id;
    say(&ann, chat, "hi").await;
    sees(&bob, chat, "hi").await;
    assert!(finds(&ann, "bob").await, "they share a chat");
    assert!(!finds(&zoe, "bob").await, "she does not");
    bob.set_found_by(crate::view::FoundBy::Nobody)
        .await
        .unwrap();
    assert_eq!(bob.me().unwrap().found_by, crate::view::FoundBy::Nobody);
    until("found by nobody", || {
        let rows = dom.shared().store.read().unwrap();
        chater_store::homes::find(&rows, "bob", 20, |_, _| Ok(true))
            .unwrap()
            .is_empty()
    })
    .await;
    assert!(!finds(&ann, "bob").await);
    bob.set_found_by(crate::view::FoundBy::Communities)
        .await
        .unwrap();
    until("the card has come again", || {
        let rows = dom.shared().store.read().unwrap();
        !chater_store::homes::find(&rows, "bob", 20, |_, _| Ok(true))
            .unwrap()
            .is_empty()
    })
    .await;
    assert!(finds(&zoe, "bob").await);
    stop(dom).await;
    stop(port).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_a_search_from_afar_is_let_in_for_that_alone() {
    let (a, b, c) = (Folder::new(), Folder::new(), Folder::new());
    let (dom, mid, port) = (
        start(&a, "dom").await,
        start(&b, "mid").await,
        start(&c, "port").await,
    );
    let (ann, _) = (user(&dom, "ann").await, user(&port, "bob").await);
    link(&dom, &mid).await;
    link(&mid, &port).await;
    far(&[&dom, &port]);
    let began = Instant::now();
    while found(&ann, "bob").await != ["bob@port"] {
        assert!(began.elapsed() < PATIENCE, "nobody was found");
    }
    let row = |engine: &Engine| {
        let rows = engine.shared().store.read().unwrap();
        let row = chater_store::nodes::node(&rows, id(&port)).unwrap();
        row.map(|row| row.found)
    };
    assert_eq!(row(&dom), Some(3));
    // Greeting again, as for another name, makes no more of it.
    port.shared().greet.notify_one();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(row(&dom), Some(3));
    // Gone and back without a search that is open, it waits like any other.
    dom.shared().network.unwant(id(&port));
    port.shared().network.unwant(id(&dom));
    dom.shared().network.close(id(&port));
    until("apart", || !dom.shared().is_linked(id(&port))).await;
    let address = dom.node().addresses;
    assert!(port.shared().network.reach(id(&dom), address).await);
    until("it waits", || {
        dom.waiting().iter().any(|w| w.node_id == id(&port))
    })
    .await;
    assert!(!dom.shared().is_linked(id(&port)));
    for engine in [dom, mid, port] {
        stop(engine).await;
    }
}

/// A node is in so many communities, that of all among them, and in no more.
#[tokio::test(flavor = "multi_thread")]
async fn communities_of_a_node_are_bounded() {
    let (a, b) = (Folder::new(), Folder::new());
    let (dom, port) = (start(&a, "dom").await, start(&b, "port").await);
    let most = chater_protocol::limits::COMMUNITIES;
    let mut last = Hash([0; 32]);
    for n in 1..most {
        last = dom.found_community(&format!("yard {n}")).await.unwrap();
    }
    let more = Err(Error::invalid("community", Reason::Many));
    assert_eq!(dom.found_community("one more").await, more);
    let theirs = port.found_community("theirs").await.unwrap();
    let link = port.invite_node(theirs, 5, 1).await.unwrap();
    assert_eq!(dom.enter_community(&link).await, more);
    dom.leave_community(last).await.unwrap();
    assert_eq!(dom.enter_community(&link).await, Ok(theirs));
    assert_eq!(dom.communities().unwrap().own.len(), most - 1);
    stop(dom).await;
    stop(port).await;
}
