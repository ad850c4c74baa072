//! Mailboxes: two nodes that are never on together, and mailboxes that lie.

use std::sync::Mutex;

use chater_network::{Listen, Network, NetworkEvent, Protocol};
use chater_protocol::community::Community;
use chater_protocol::id::{Bytes, NodeId, UserId};
use chater_protocol::identity::{HomeRecord, KemCard, NodeCard};
use chater_protocol::key::SigningKey;
use chater_protocol::mail::{Bundle, Deposit, Kept, Letters, MailAnswer, MailRequest, No, Terms};
use chater_protocol::seal::KemSecret;
use chater_protocol::wire::{Hello, LogAnswer, Message as _};
use chater_store::mail::ClientRow;
use serde_bytes::ByteBuf;

use super::nodes::pair;
use super::*;
use crate::actor::{From, now_ms};
use crate::shared::SystemRandom;
use crate::view::{MailboxState, MessageState};
use crate::{MailRules, RequestAnswer};

const OFFER: MailRules = MailRules {
    offers: true,
    bytes: 16 * 1024 * 1024,
    days: 14,
};

/// A node that keeps mail, with its owner.
async fn keeper(folder: &Folder) -> (Engine, UserHandle) {
    let engine = start(folder, "box").await;
    let owner = user(&engine, "keeper").await;
    owner.set_mail_rules(OFFER).await.unwrap();
    (engine, owner)
}

async fn choose(owner: &UserHandle, mailbox: &Engine) {
    let id = mailbox.shared().node_id;
    until("the offer is known", || {
        owner.mail().unwrap().offers.iter().any(|o| o.node_id == id)
    })
    .await;
    owner.choose_mailbox(id).await.unwrap();
    until("it keeps our mail", || {
        let mine = owner.mail().unwrap().mine;
        mine.first()
            .is_some_and(|own| own.state == MailboxState::Keeps)
    })
    .await;
}

/// `engine` has heard where mail for `node` is left.
async fn knows_boxes(engine: &Engine, node: NodeId) {
    until("the mailboxes of the other are known", || {
        let rows = engine.shared().store.read().unwrap();
        let card = chater_store::mail::card(&rows, node).unwrap();
        card.is_some_and(|(card, _)| !card.mailboxes.is_empty())
    })
    .await;
}

async fn lies(user: &UserHandle, chat: ChatId, id: EventId, name: &str) {
    let began = Instant::now();
    loop {
        let path = user.path(chat, id).await.unwrap();
        let mut lies = path.hops.iter().flat_map(|hop| &hop.lies_in);
        if lies.any(|(mailbox, _)| mailbox == name) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "not left in the mailbox");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_are_never_on_together_talk_through_a_third() {
    let (a, b, c) = (Folder::new(), Folder::new(), Folder::new());
    let (mailbox, keeper) = keeper(&c).await;
    let (left, right, ann, bob, chat) = pair(&a, &b).await;
    let (left_id, right_id) = (left.shared().node_id, right.shared().node_id);
    link(&left, &mailbox).await;
    link(&right, &mailbox).await;
    choose(&ann, &mailbox).await;
    choose(&bob, &mailbox).await;
    knows_boxes(&left, right_id).await;
    knows_boxes(&right, left_id).await;
    say(&ann, chat, "together").await;
    sees(&bob, chat, "together").await;

    // The right one goes; what is written now is left in its mailbox, once.
    let bob_id = bob.id();
    drop(bob);
    stop(right).await;
    let mut said = Vec::new();
    for n in 0..70 {
        said.push(
            say(&ann, chat, &format!("while you were away {n}"))
                .await
                .id,
        );
    }
    let last = *said.last().unwrap();
    lies(&ann, chat, last, "box").await;
    assert_eq!(one(&ann, chat, last).state, MessageState::Stored);
    let kept = keeper.mail().unwrap().kept;
    let for_right = kept.iter().find(|kept| kept.node_id == right_id).unwrap();
    assert!(for_right.letters > 0 && for_right.bytes > 0);
    let letters = for_right.letters;
    let ann_id = ann.id();
    drop(ann);
    stop(left).await;

    // Nothing is left twice by a node that starts anew.
    let left = start(&a, "left").await;
    link(&left, &mailbox).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let again = keeper.mail().unwrap().kept;
    let again = again.iter().find(|kept| kept.node_id == right_id).unwrap();
    assert_eq!(again.letters, letters);
    stop(left).await;

    // They never meet: the right one finds everything, and answers the same way.
    let right = start(&b, "right").await;
    let bob = right.handle(bob_id, None);
    link(&right, &mailbox).await;
    sees(&bob, chat, "while you were away 69").await;
    until("all, each once", || texts(&bob, chat).len() == 71).await;
    assert!(!right.shared().is_linked(left_id));
    until("the mailbox is empty", || {
        let kept = keeper.mail().unwrap().kept;
        kept.iter().all(|k| k.node_id != right_id || k.letters == 0)
    })
    .await;
    let answer = say(&bob, chat, "read it all").await;
    lies(&bob, chat, answer.id, "box").await;
    drop(bob);
    stop(right).await;

    let left = start(&a, "left").await;
    let ann = left.handle(ann_id, None);
    link(&left, &mailbox).await;
    sees(&ann, chat, "read it all").await;
    // What the other has is known by its own word, brought by the mailbox.
    until("delivered", || {
        said.iter()
            .all(|id| one(&ann, chat, *id).state == MessageState::Delivered)
    })
    .await;
    let path = ann.path(chat, last).await.unwrap();
    assert!(path.hops.iter().all(|hop| hop.lies_in.is_empty()));

    // The mailbox knows neither people nor chats.
    let rows = mailbox.shared().store.read().unwrap();
    for person in [ann_id, bob_id] {
        assert!(
            chater_store::homes::home_records(&rows, person)
                .unwrap()
                .is_empty()
        );
    }
    assert!(chater_store::chats::number(&rows, chat).unwrap().is_none());
    drop(rows);
    stop(left).await;
    stop(mailbox).await;
}

/// Two who know of each other by a group alone, and whose nodes have never met: the mailbox says where it is.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_never_met_writes_by_the_mailbox_of_the_other() {
    let (a, b, c) = (Folder::new(), Folder::new(), Folder::new());
    let (mailbox, keeper) = keeper(&c).await;
    let right = start(&b, "right").await;
    let bob = user(&right, "bob").await;
    link(&right, &mailbox).await;
    choose(&bob, &mailbox).await;
    let known = keeper.find("bob@right").await.unwrap();
    knows_boxes(&mailbox, right.shared().node_id).await;
    let right_id = right.shared().node_id;
    drop(bob);
    stop(right).await;
    let left = start(&a, "left").await;
    let ann = user(&left, "ann").await;
    // Somebody else says to live there, and comes first in the order of ids: nothing is sealed to them.
    let root = (0..250u8)
        .map(|n| SigningKey::from_seed(&[n; 32]))
        .min_by_key(|root| root.public().0)
        .unwrap();
    let claimed = left.shared().inputs.run(From::Others, move |turn| {
        let record = HomeRecord {
            v: 1,
            user: UserId(root.public().0),
            sign_pk: root.public(),
            node_id: right_id,
            state: 0,
            ts: 1,
        };
        let card = KemCard {
            v: 1,
            user: record.user,
            home: record.id(),
            n: 0,
            suite: 1,
            kem_pk: KemSecret::generate(&mut SystemRandom).1,
            ts: 1,
        };
        chater_store::homes::put_home(turn.tx, &record, &record.sign(&root))?;
        chater_store::homes::put_kem(turn.tx, &card, &card.sign(&root))?;
        Ok(())
    });
    claimed.await.unwrap();
    link(&left, &mailbox).await;
    let other = keeper.find("ann@left").await.unwrap();
    let members = [known.user_id, other.user_id].into();
    let group = keeper.create_group("Boat".to_owned(), members).await;
    let group = group.unwrap().id;
    until("ann is in", || {
        ann.members(group).is_ok_and(|members| members.len() == 3)
    })
    .await;
    let began = Instant::now();
    let chat = loop {
        // Who the others of the group are is asked for after the group has come.
        match ann.start(known.user_id).await {
            Ok((chat, _)) => break chat.id,
            Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let said = say(&ann, chat, "nice to meet you").await;
    // The mailbox says that it keeps mail for the node of the other.
    lies(&ann, chat, said.id, "box").await;
    let left_id = left.shared().node_id;
    drop(ann);
    stop(left).await;
    let right = start(&b, "right").await;
    let bob = right.handle(known.user_id, None);
    link(&right, &mailbox).await;
    sees(&bob, chat, "nice to meet you").await;
    assert!(!right.shared().is_linked(left_id));
    stop(right).await;
    stop(mailbox).await;
}

/// What the hand-made mailbox answers.
type Answers = Arc<Mutex<Box<dyn FnMut(NodeId, MailRequest) -> Option<MailAnswer> + Send>>>;

/// A hand-made node that speaks of mail as it likes.
struct Foe {
    network: Network,
    node: NodeId,
    answers: Answers,
}

impl Foe {
    async fn at(engines: &[&Engine], seed: u8, mailboxes: Vec<NodeId>) -> Self {
        let key = SigningKey::from_seed(&[seed; 32]);
        let node = NodeId(key.public().0);
        let (network, mut events) = Network::start(chater_network::Config {
            seed: [seed; 32],
            listen: vec![Listen {
                address: "/ip4/127.0.0.1/tcp/0".into(),
                fallback: false,
            }],
            mdns: false,
            agent: "foe".into(),
            relay: false,
            upnp: false,
            external: Vec::new(),
        })
        .await
        .unwrap();
        let answers: Answers = Arc::new(Mutex::new(Box::new(|_, _| None)));
        let card = NodeCard {
            v: 1,
            node,
            name: "foe".into(),
            addrs: network.addresses(),
            mailboxes,
            caps: NodeCard::MAILBOX,
            ts: 1,
        }
        .sign(&key);
        let met = Arc::new(AtomicU32::new(0));
        tokio::spawn({
            let (network, answers, met) = (network.clone(), answers.clone(), met.clone());
            async move {
                while let Some(event) = events.recv().await {
                    match event {
                        NetworkEvent::Connected { peer, .. } => {
                            let hello = Hello {
                                versions: vec![1],
                                card: card.clone(),
                                proofs: vec![Bytes(Community::open().proof(node, peer))],
                            }
                            .encode();
                            let (network, met) = (network.clone(), met.clone());
                            tokio::spawn(async move {
                                let _ = network.request(peer, Protocol::Hello, hello).await;
                                network.admit(peer);
                                met.fetch_add(1, Ordering::Release);
                            });
                        }
                        NetworkEvent::Request {
                            peer,
                            protocol: Protocol::Mail,
                            body,
                            reply,
                        } => {
                            let request = MailRequest::decode(&body).unwrap();
                            if let Some(answer) = answers.lock().unwrap()(peer, request) {
                                reply.send(answer.encode());
                            }
                        }
                        NetworkEvent::Request {
                            protocol: Protocol::Log,
                            reply,
                            ..
                        } => reply.send(LogAnswer::Refused(0).encode()),
                        _ => {}
                    }
                }
            }
        });
        for (at, engine) in (1..).zip(engines) {
            let address = engine.node().addresses.first().unwrap().clone();
            network.want_address(&address).unwrap();
            // Each side is done with the greeting at its own moment.
            until("the foe is linked", || {
                engine.shared().is_linked(node) && met.load(Ordering::Acquire) >= at
            })
            .await;
        }
        Self {
            network,
            node,
            answers,
        }
    }

    async fn asks(&self, to: &Engine, request: MailRequest) -> MailAnswer {
        let body = request.encode();
        let node = to.shared().node_id;
        let answer = self.network.request(node, Protocol::Mail, body).await;
        MailAnswer::decode(&answer.unwrap()).unwrap()
    }
}

fn bundle(n: u8, size: usize) -> Bundle {
    Bundle {
        enc: Bytes([n; 32]),
        ct: ByteBuf::from(vec![n; size]),
    }
}

fn no(why: No) -> MailAnswer {
    MailAnswer::Refused(why as u8)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_keeps_to_its_shares_and_to_whom_it_serves() {
    let (a, c) = (Folder::new(), Folder::new());
    let (mailbox, owner) = keeper(&c).await;
    let left = start(&a, "left").await;
    let ann = user(&left, "ann").await;
    link(&left, &mailbox).await;
    let to = left.shared().node_id;
    let foe = Foe::at(&[&mailbox], 60, Vec::new()).await;
    let leave = |to, bundle| MailRequest::Deposit(Deposit { to, bundle });

    // For nobody who has not asked for it; and nobody else's mail is given out.
    assert_eq!(
        foe.asks(&mailbox, leave(to, bundle(1, 1_040))).await,
        no(No::Unwanted)
    );
    assert_eq!(
        foe.asks(&mailbox, MailRequest::Collect(0)).await,
        no(No::Unwanted)
    );
    choose(&ann, &mailbox).await;
    // The left one must not take it away.
    cut(&left, &mailbox).await;
    assert_eq!(
        foe.asks(&mailbox, MailRequest::Collect(0)).await,
        no(No::Unwanted)
    );

    // An eighth of a quarter of 16 MiB: 512 KiB. The same again is the same.
    let big = 128 * 1024;
    for n in 0..3 {
        let kept = foe.asks(&mailbox, leave(to, bundle(n, big))).await;
        assert!(matches!(kept, MailAnswer::Kept(_)), "{kept:?}");
        let again = foe.asks(&mailbox, leave(to, bundle(n, big))).await;
        assert_eq!(again, kept);
    }
    assert_eq!(
        foe.asks(&mailbox, leave(to, bundle(9, big * 2))).await,
        no(No::Full)
    );
    let held = || owner.mail().unwrap().kept.first().cloned().unwrap();
    assert_eq!((held().letters, held().bytes), (3, 3 * (big as u64 + 32)));

    // What others cannot do to it: acknowledge, or be served when evicted.
    foe.asks(&mailbox, MailRequest::Ack(vec![1, 2, 3])).await;
    assert_eq!(held().letters, 3);
    assert_eq!(ann.evict_mail(to, true).await, Err(crate::Error::NotFound));
    owner.evict_mail(to, true).await.unwrap();
    assert_eq!((held().letters, held().evicted), (0, true));
    assert_eq!(
        foe.asks(&mailbox, leave(to, bundle(4, big))).await,
        no(No::Unwanted)
    );
    heal(&left, &mailbox).await;
    until("the left one is told", || {
        ann.mail().unwrap().mine.first().unwrap().state == MailboxState::Refused
    })
    .await;
    assert!(left.shared().mail.own().is_empty());
    owner.evict_mail(to, false).await.unwrap();

    // Registration is bounded to who is wanted; switched off, nothing new comes in.
    assert!(matches!(
        foe.asks(&mailbox, MailRequest::Register(1)).await,
        MailAnswer::Registered(Terms { days: 14, .. })
    ));
    let off = MailRules {
        offers: false,
        ..OFFER
    };
    owner.set_mail_rules(off).await.unwrap();
    assert_eq!(
        foe.asks(&mailbox, leave(foe.node, bundle(1, 1_040))).await,
        no(No::Unwanted)
    );
    assert!(
        owner
            .set_mail_rules(MailRules { bytes: 1, ..OFFER })
            .await
            .is_err()
    );
    assert!(
        owner
            .set_mail_rules(MailRules { days: 0, ..OFFER })
            .await
            .is_err()
    );
    stop(left).await;
    stop(mailbox).await;
}

/// Whom the owner evicted takes no place, and is forgotten like others who have not come for long.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_evicted_takes_no_place_and_is_forgotten() {
    let c = Folder::new();
    let (mailbox, owner) = keeper(&c).await;
    let evicted = mailbox.shared().inputs.run(From::Others, |turn| {
        for n in 0..64 {
            let row = ClientRow {
                v: 1,
                since_ms: turn.now_ms,
                evicted: true,
                next: 1,
                collected_ms: 0,
                depositors: Vec::new(),
            };
            chater_store::mail::put_client(turn.tx, NodeId([n; 32]), &row)?;
        }
        Ok(())
    });
    evicted.await.unwrap();
    let foe = Foe::at(&[&mailbox], 60, Vec::new()).await;
    let answer = foe.asks(&mailbox, MailRequest::Register(1)).await;
    assert!(matches!(answer, MailAnswer::Registered(_)), "{answer:?}");
    assert_eq!(owner.mail().unwrap().kept.len(), 65);
    crate::mailbox::sweep(mailbox.shared()).await;
    assert_eq!(owner.mail().unwrap().kept.len(), 65);
    // Evicted anew it counts from then on.
    let skew = &mailbox.shared().skew_ms;
    skew.store(40 * 86_400_000, Ordering::Relaxed);
    owner.evict_mail(foe.node, true).await.unwrap();
    skew.store(61 * 86_400_000, Ordering::Relaxed);
    crate::mailbox::sweep(mailbox.shared()).await;
    let kept = owner.mail().unwrap().kept;
    assert_eq!(kept.len(), 1);
    assert!(kept[0].evicted && kept[0].node_id == foe.node);
    stop(mailbox).await;
}

/// N14: a mailbox gives nothing, garbage, the same twice, or what was long taken. Nothing breaks, and what
/// it kept to itself comes directly when the two meet.
#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_lies_loses_nothing() {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right, ann, bob, chat) = pair(&a, &b).await;
    let (left_id, right_id) = (left.shared().node_id, right.shared().node_id);
    say(&ann, chat, "before").await;
    sees(&bob, chat, "before").await;
    let foe = Foe::at(&[&left, &right], 70, Vec::new()).await;
    let held: Arc<Mutex<Vec<Bundle>>> = Arc::default();
    let collected = Arc::new(AtomicU32::new(0));
    let acked = Arc::new(AtomicU32::new(0));
    *foe.answers.lock().unwrap() = Box::new({
        let (held, collected, acked) = (held.clone(), collected.clone(), acked.clone());
        move |_, request| {
            Some(match request {
                MailRequest::Register(_) => MailAnswer::Registered(Terms {
                    bytes: 1 << 20,
                    days: 14,
                }),
                MailRequest::Deposit(deposit) => {
                    held.lock().unwrap().push(deposit.bundle);
                    MailAnswer::Kept(u64::MAX)
                }
                MailRequest::Ack(numbers) => {
                    acked.fetch_add(u32::try_from(numbers.len()).unwrap(), Ordering::Relaxed);
                    MailAnswer::Done(0)
                }
                MailRequest::Collect(_) => {
                    // Garbage, each letter three times, numbers that go nowhere, more without end.
                    let round = collected.fetch_add(1, Ordering::Relaxed);
                    if round == 0 {
                        return Some(MailAnswer::Letters(Letters {
                            letters: Vec::new(),
                            more: true,
                        }));
                    }
                    let mut letters = vec![Kept {
                        n: 7,
                        from: NodeId([9; 32]),
                        at: 0,
                        bundle: bundle(3, 2_064),
                    }];
                    for bundle in held.lock().unwrap().iter().take(1) {
                        for _ in 0..3 {
                            letters.push(Kept {
                                n: 7,
                                from: NodeId([8; 32]),
                                at: u64::MAX,
                                bundle: bundle.clone(),
                            });
                        }
                    }
                    MailAnswer::Letters(Letters {
                        letters,
                        more: true,
                    })
                }
                _ => no(No::Later),
            })
        }
    });
    until("the offer", || !bob.mail().unwrap().offers.is_empty()).await;
    bob.choose_mailbox(foe.node).await.unwrap();
    knows_boxes(&left, right_id).await;
    cut(&left, &right).await;
    let first = say(&ann, chat, "one").await;
    lies(&ann, chat, first.id, "foe").await;
    let second = say(&ann, chat, "two").await;
    lies(&ann, chat, second.id, "foe").await;
    // It gives the first letter alone, over and over.
    for _ in 0..3 {
        foe.asks(&right, MailRequest::Notice(1)).await;
    }
    sees(&bob, chat, "one").await;
    until("garbage is passed over", || {
        acked.load(Ordering::Relaxed) > 1
    })
    .await;
    for _ in 0..3 {
        foe.asks(&right, MailRequest::Notice(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(texts(&bob, chat), ["before", "one"]);
    assert_eq!(one(&ann, chat, second.id).state, MessageState::Stored);
    // An answer without end ends: a number that does not rise.
    assert!(collected.load(Ordering::Relaxed) < 40);
    heal(&left, &right).await;
    sees(&bob, chat, "two").await;
    assert_eq!(texts(&bob, chat), ["before", "one", "two"]);
    until("delivered", || {
        one(&ann, chat, second.id).state == MessageState::Delivered
    })
    .await;
    assert!(left.shared().is_linked(right_id) && right.shared().is_linked(left_id));
    stop(left).await;
    stop(right).await;
}

/// I7: what was sealed to a home that has been replaced is opened, once its mailbox gives it out.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_home_opens_the_mail_of_the_old_one() {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right, ann, bob, chat) = pair(&a, &b).await;
    say(&ann, chat, "before").await;
    sees(&bob, chat, "before").await;
    let foe = Foe::at(&[&left, &right], 70, Vec::new()).await;
    let held: Arc<Mutex<Vec<Bundle>>> = Arc::default();
    let gives = Arc::new(AtomicU32::new(0));
    *foe.answers.lock().unwrap() = Box::new({
        let (held, gives) = (held.clone(), gives.clone());
        move |_, request| {
            Some(match request {
                MailRequest::Register(_) => MailAnswer::Registered(Terms {
                    bytes: 1 << 20,
                    days: 14,
                }),
                MailRequest::Deposit(deposit) => {
                    held.lock().unwrap().push(deposit.bundle);
                    MailAnswer::Kept(u64::MAX)
                }
                MailRequest::Collect(after) => {
                    let held = held.lock().unwrap();
                    let all = (1..).zip(held.iter()).filter(|(n, _)| *n > after);
                    let letters = all.map(|(n, bundle)| Kept {
                        n,
                        from: NodeId([9; 32]),
                        at: 0,
                        bundle: bundle.clone(),
                    });
                    let gives = gives.load(Ordering::Relaxed) > 0;
                    MailAnswer::Letters(Letters {
                        letters: letters.filter(|_| gives).collect(),
                        more: false,
                    })
                }
                _ => MailAnswer::Done(0),
            })
        }
    });
    until("the offer", || !bob.mail().unwrap().offers.is_empty()).await;
    bob.choose_mailbox(foe.node).await.unwrap();
    knows_boxes(&left, right.shared().node_id).await;
    cut(&left, &right).await;
    let said = say(&ann, chat, "to the old home").await;
    lies(&ann, chat, said.id, "foe").await;
    let bob_id = bob.id();
    let stopped = right.shared().inputs.run(From::Others, move |turn| {
        let mut row = chater_store::users::user(turn.tx, bob_id)?.unwrap();
        row.stopped = true;
        chater_store::users::put_user(turn.tx, bob_id, &row)?;
        turn.identities_changed();
        Ok(row.home)
    });
    let old = stopped.await.unwrap();
    // It gives its letters out only to the new home: the links are made anew.
    gives.store(1, Ordering::Relaxed);
    bob.renew_home(PASSWORD.to_owned()).await.unwrap();
    let homes = |engine: &Engine| {
        let rows = engine.shared().store.read().unwrap();
        chater_store::users::old_homes(&rows, bob_id).unwrap()
    };
    assert_eq!(homes(&right), [old]);
    sees(&bob, chat, "to the old home").await;
    // Its keys are erased when no mailbox can hold a letter to them any more.
    let over = right.shared().inputs.run(From::Others, move |turn| {
        let mut row = chater_store::users::old_kems(turn.tx, bob_id, old)?.unwrap();
        row.until_ms = turn.now_ms - 1;
        chater_store::users::put_old_kems(turn.tx, bob_id, old, &row)?;
        Ok(())
    });
    over.await.unwrap();
    crate::daily::once(right.shared()).await;
    assert!(homes(&right).is_empty());
    stop(left).await;
    stop(right).await;
}

/// K10: what somebody blocked writes does not stay in the mailbox, and its author is told nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_blocked_writes_does_not_fill_the_mailbox() {
    let (a, b, c) = (Folder::new(), Folder::new(), Folder::new());
    let (mailbox, keeper) = keeper(&c).await;
    let (left, right, ann, bob, chat) = pair(&a, &b).await;
    let right_id = right.shared().node_id;
    say(&ann, chat, "before").await;
    sees(&bob, chat, "before").await;
    link(&left, &mailbox).await;
    link(&right, &mailbox).await;
    choose(&bob, &mailbox).await;
    knows_boxes(&left, right_id).await;
    cut(&left, &right).await;
    bob.answer_request(chat, RequestAnswer::Block)
        .await
        .unwrap();
    let said = say(&ann, chat, "listen to me").await;
    lies(&ann, chat, said.id, "box").await;
    until("the mailbox is empty", || {
        let kept = keeper.mail().unwrap().kept;
        kept.iter().all(|k| k.node_id != right_id || k.letters == 0)
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(one(&ann, chat, said.id).state, MessageState::Stored);
    assert_eq!(texts(&bob, chat), ["before"]);
    for engine in [left, right, mailbox] {
        stop(engine).await;
    }
}

/// A mailbox that was full, and one whose letter ran out while both stay linked with it, get the letter again.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_mailbox_could_not_keep_is_left_there_again() {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right, ann, bob, chat) = pair(&a, &b).await;
    say(&ann, chat, "before").await;
    sees(&bob, chat, "before").await;
    let foe = Foe::at(&[&left, &right], 70, Vec::new()).await;
    let left_there = Arc::new(AtomicU32::new(0));
    *foe.answers.lock().unwrap() = Box::new({
        let left_there = left_there.clone();
        move |_, request| {
            Some(match request {
                MailRequest::Register(_) => MailAnswer::Registered(Terms {
                    bytes: 1 << 20,
                    days: 14,
                }),
                // The first time it is full, of events of any number; then it keeps the letter for a second.
                MailRequest::Deposit(_) => match left_there.fetch_add(1, Ordering::Relaxed) {
                    0..5 => no(No::Full),
                    _ => MailAnswer::Kept(now_ms() + 1_000),
                },
                MailRequest::Collect(_) => MailAnswer::Letters(Letters {
                    letters: Vec::new(),
                    more: false,
                }),
                _ => MailAnswer::Done(0),
            })
        }
    });
    until("the offer", || !bob.mail().unwrap().offers.is_empty()).await;
    bob.choose_mailbox(foe.node).await.unwrap();
    knows_boxes(&left, right.shared().node_id).await;
    cut(&left, &right).await;
    left_there.store(0, Ordering::Relaxed);
    let said = say(&ann, chat, "one").await;
    lies(&ann, chat, said.id, "foe").await;
    // Nothing else happens from here on.
    let before = left_there.load(Ordering::Relaxed);
    until("left there again", || {
        left_there.load(Ordering::Relaxed) > before
    })
    .await;
    stop(left).await;
    stop(right).await;
}
