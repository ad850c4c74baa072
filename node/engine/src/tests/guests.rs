//! A node that offers a mailbox lets in nodes it does not know, to leave mail; by that they read nothing and find nobody.

use chater_network::Protocol;
use chater_protocol::blob::{BlobAnswer, BlobRequest, Piece};
use chater_protocol::chat::direct;
use chater_protocol::id::{Bytes, Hash, NodeId};
use chater_protocol::mail::{Bundle, Deposit, MailAnswer, MailRequest, No};
use chater_protocol::wire::{
    Identities, LogAnswer, LogRequest, Message, PeopleReply, PeopleRequest,
};
use serde_bytes::ByteBuf;

use super::*;
use crate::MailRules;
use crate::error::Error;

/// What one node asks another over one protocol; none = no answer.
async fn asks<M: Message>(from: &Engine, to: NodeId, how: Protocol, body: Vec<u8>) -> Option<M> {
    let answer = from.shared().network.request(to, how, body).await;
    answer.ok().and_then(|body| M::decode(&body).ok())
}

async fn found(who: &UserHandle, text: &str) -> Vec<String> {
    let mut answers = who.search(text).await.unwrap();
    let mut names = Vec::new();
    while let Some(answer) = answers.recv().await {
        names.extend(answer.rows.into_iter().map(|p| p.address));
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_let_in_to_leave_mail_reads_nothing_and_finds_nobody() {
    let folders: Vec<Folder> = (0..3).map(|_| Folder::new()).collect();
    let dom = start(&folders[0], "dom").await;
    let left = start(&folders[1], "left").await;
    let port = start(&folders[2], "port").await;
    let (ann, leo) = (user(&dom, "annushka").await, user(&left, "leo").await);
    let bob = user(&port, "bob").await;
    let rules = MailRules {
        offers: true,
        bytes: 16 * 1024 * 1024,
        days: 14,
    };
    ann.set_mail_rules(rules).await.unwrap();
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
    assert_eq!(bob.find("annushka@dom").await.err(), Some(Error::NotFound));
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
