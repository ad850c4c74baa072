//! A node that offers a mailbox lets in nodes it does not know, to leave mail; by that they read nothing and find nobody.

use chater_network::Protocol;
use chater_protocol::blob::{BlobAnswer, BlobRequest, Piece};
use chater_protocol::chat::direct;
use chater_protocol::id::{Bytes, Hash, NodeId, UserId};
use chater_protocol::identity::{HomeRecord, NodeCard};
use chater_protocol::key::SigningKey;
use chater_protocol::mail::{Bundle, Deposit, MailAnswer, MailRequest, No};
use chater_protocol::wire::{
    Identities, LogAnswer, LogRequest, Message, PeopleReply, PeopleRequest,
};
use chater_store::nodes;
use serde_bytes::ByteBuf;

use super::*;
use crate::MailRules;
use crate::actor::From;
use crate::error::Error;

/// What one node asks another over one protocol; none = no answer.
async fn asks<M: Message>(from: &Engine, to: NodeId, how: Protocol, body: Vec<u8>) -> Option<M> {
    let answer = from.shared().network.request(to, how, body).await;
    answer.ok().and_then(|body| M::decode(&body).ok())
}

const RULES: MailRules = MailRules {
    offers: true,
    bytes: 16 * 1024 * 1024,
    days: 14,
};

/// Whoever was let in to leave mail is not dialled when it has gone: it comes when it has some.
#[tokio::test(flavor = "multi_thread")]
async fn who_came_to_leave_mail_is_not_dialled() {
    let (a, b) = (Folder::new(), Folder::new());
    let (dom, port) = (start(&a, "dom").await, start(&b, "port").await);
    let ann = user(&dom, "ann").await;
    ann.set_mail_rules(RULES).await.unwrap();
    dom.shared().far.store(true, Ordering::Relaxed);
    let port_id = port.shared().node_id;
    let address = dom.node().addresses.first().unwrap().clone();
    port.add_peer(&address).await.unwrap();
    until("let in", || dom.shared().is_linked(port_id)).await;
    // Its card is kept, and it is wanted while it is there.
    until("known", || {
        let rows = dom.shared().store.read().unwrap();
        chater_store::mail::card(&rows, port_id).unwrap().is_some()
    })
    .await;
    stop(port).await;
    until("gone", || !dom.shared().is_linked(port_id)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(dom.shared().network.next_dial(port_id).await, None);
    stop(dom).await;
}

/// A node of which nothing but its row is left is forgotten after a month; whatever names it keeps it.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_nothing_names_are_forgotten() {
    let dir = Folder::new();
    let dom = start(&dir, "dom").await;
    let node = |n: u8| NodeId(SigningKey::from_seed(&[n; 32]).public().0);
    let made = dom.shared().inputs.run(From::Others, move |turn| {
        for n in 1..=7u8 {
            let mut row = nodes::ensure(turn.tx, node(n), 2, turn.now_ms)?;
            row.name = format!("node{n}");
            match n {
                // Heard of; let in for a search or to leave mail.
                1 => {}
                2 => (row.found, row.seen_ms) = (3, turn.now_ms),
                // Blocked, linked once, typed by the owner.
                3 => row.blocked = true,
                4 => row.seen_ms = turn.now_ms,
                5 => row.found = 1,
                // With an ack; with a person.
                6 => chater_store::outbox::ack(turn.tx, 7, row.no, 0, turn.now_ms)?,
                _ => {
                    let root = SigningKey::from_seed(&[99; 32]);
                    let record = HomeRecord {
                        v: 1,
                        user: UserId(root.public().0),
                        sign_pk: root.public(),
                        node_id: node(n),
                        state: 0,
                        ts: 1,
                    };
                    chater_store::homes::put_home(turn.tx, &record, &record.sign(&root))?;
                }
            }
            nodes::put(turn.tx, node(n), &row)?;
        }
        let key = SigningKey::from_seed(&[2; 32]);
        let card = NodeCard {
            v: 1,
            node: node(2),
            name: "node2".into(),
            addrs: Vec::new(),
            mailboxes: vec![node(1)],
            caps: 0,
            ts: 1,
        };
        chater_store::mail::put_card(turn.tx, &card, &card.sign(&key))?;
        Ok(())
    });
    made.await.unwrap();
    let left = || {
        let rows = dom.shared().store.read().unwrap();
        let all = (1..=7u8).filter(|n| nodes::node(&rows, node(*n)).unwrap().is_some());
        all.collect::<Vec<u8>>()
    };
    let skew = &dom.shared().skew_ms;
    skew.store(29 * 86_400_000, Ordering::Relaxed);
    crate::daily::once(dom.shared()).await;
    assert_eq!(left(), [1, 2, 3, 4, 5, 6, 7]);
    skew.store(31 * 86_400_000, Ordering::Relaxed);
    crate::daily::once(dom.shared()).await;
    assert_eq!(left(), [3, 4, 5, 6, 7]);
    let rows = dom.shared().store.read().unwrap();
    assert!(nodes::by_name(&rows, "node2").unwrap().is_empty());
    assert!(chater_store::mail::card(&rows, node(2)).unwrap().is_none());
    drop(rows);
    stop(dom).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_let_in_to_leave_mail_reads_nothing_and_finds_nobody() {
    let folders: Vec<Folder> = (0..3).map(|_| Folder::new()).collect();
    let dom = start(&folders[0], "dom").await;
    let left = start(&folders[1], "left").await;
    let port = start(&folders[2], "port").await;
    let (ann, leo) = (user(&dom, "annushka").await, user(&left, "leo").await);
    let bob = user(&port, "bob").await;
    ann.set_mail_rules(RULES).await.unwrap();
    link(&left, &dom).await;
    let (dom_id, left_id) = (dom.shared().node_id, left.shared().node_id);
    until("the offer is known", || {
        !leo.mail().unwrap().offers.is_empty()
    })
    .await;
    leo.choose_mailbox(dom_id).await.unwrap();
    until("it keeps mail for the left one", || {
        let kept = ann.mail().unwrap().kept;
        kept.iter().any(|kept| kept.node_id == left_id)
    })
    .await;
    let talk = leo.find("annushka@dom").await.unwrap();
    let talk = leo.start(talk.user_id).await.unwrap().0.id;
    say(&leo, talk, "between us").await;
    sees(&ann, talk, "between us").await;

    // From now on nobody is near: the port is a stranger, and in the community of all, as everybody is.
    dom.shared().far.store(true, Ordering::Relaxed);
    let address = dom.node().addresses.first().unwrap().clone();
    port.add_peer(&address).await.unwrap();
    until("let in", || {
        port.shared().is_linked(dom_id) && dom.shared().is_linked(port.shared().node_id)
    })
    .await;

    // By name, by a search, by raw requests.
    assert_eq!(found(&bob, "annu").await, Vec::<String>::new());
    let silent = Error::NodeSilent("dom".to_owned());
    assert_eq!(bob.find("annushka@dom").await.err(), Some(silent));
    let find = PeopleRequest::Find("annushka".to_owned()).encode();
    let answer: Option<PeopleReply> = asks(&port, dom_id, Protocol::People, find).await;
    let nobody = PeopleReply::Found(Identities::default());
    assert!(matches!(answer, None | Some(PeopleReply::Taken(_))) || answer == Some(nobody));
    let chat = direct::chat_ref(ann.id(), leo.id());
    for request in [
        LogRequest::Identity(vec![ann.id(), leo.id()]),
        LogRequest::Heads(chat.clone()),
    ] {
        let answer: Option<LogAnswer> = asks(&port, dom_id, Protocol::Log, request.encode()).await;
        assert_eq!(answer, Some(LogAnswer::Refused(1)));
    }
    let piece = BlobRequest::Piece(Piece {
        hash: Hash([1; 32]),
        from: 0,
    });
    let answer: Option<BlobAnswer> = asks(&port, dom_id, Protocol::Blob, piece.encode()).await;
    assert_eq!(answer, Some(BlobAnswer::Refused(0)));
    let collect = MailRequest::Collect(0).encode();
    let answer: Option<MailAnswer> = asks(&port, dom_id, Protocol::Mail, collect).await;
    assert!(matches!(answer, Some(MailAnswer::Refused(_))), "{answer:?}");
    // Nor is its own mail kept: strangers would take all places.
    let keep = MailRequest::Register(1).encode();
    let answer: Option<MailAnswer> = asks(&port, dom_id, Protocol::Mail, keep).await;
    assert_eq!(answer, Some(MailAnswer::Refused(No::Unwanted as u8)));
    assert_eq!(ann.mail().unwrap().kept.len(), 1);

    // Mail it may leave, before and after all of this.
    let bundle = Bundle {
        enc: Bytes([5; 32]),
        ct: ByteBuf::from(vec![5; 1_040]),
    };
    let leave = MailRequest::Deposit(Deposit {
        to: left_id,
        bundle,
    });
    let answer: Option<MailAnswer> = asks(&port, dom_id, Protocol::Mail, leave.encode()).await;
    assert!(matches!(answer, Some(MailAnswer::Kept(_))), "{answer:?}");

    // Greeting again makes no more of it; the owner's word does.
    port.shared().greet.notify_one();
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    assert_eq!(found(&bob, "annu").await, Vec::<String>::new());
    ann.link_node(port.shared().node_id).await.unwrap();
    let began = Instant::now();
    while found(&bob, "annu").await != ["annushka@dom"] {
        assert!(began.elapsed() < PATIENCE, "not found though linked");
    }
    for engine in [dom, left, port] {
        stop(engine).await;
    }
}
