//! Fixed people and values, shared by the vectors and the property tests.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test material; each test uses its part"
)]

use std::convert::Infallible;

use chater_protocol::chat::direct;
use chater_protocol::chat::group::Group;
use chater_protocol::chat::order;
use chater_protocol::community::{BlockList, Channel, Community};
use chater_protocol::event::{Feed, Kind, Position, VerifiedEvent};
use chater_protocol::heads::{HeadRow, digest, digest_from};
use chater_protocol::id::{Bytes, ChatId, EventId, NodeId, UserId, hex};
use chater_protocol::identity::{
    HomeRecord, KemCard, NodeCard, ProfileCard, Signed, safety_number,
};
use chater_protocol::invite::{Invite, answer_proof, token_hash};
use chater_protocol::key::SigningKey;
use chater_protocol::mail::{Bundle, Letter, MailAnswer, MailRequest, Part, Receipt, ReceiptRow};
use chater_protocol::name;
use chater_protocol::payload::{
    Add, Create, CutRow, KeyShare, Leave, Msg, Payload, Policy, Remove, Retire, Role, RoleChange,
};
use chater_protocol::seal::{BoxFor, EphNote, Ephemeral, EpochSecret, KemSecret, seal_message};
use chater_protocol::time::Timestamp;
use chater_protocol::wire::{
    Hello, Identities, LogAnswer, LogRequest, Message, PeopleQuery, Push, Range, SummaryRow,
    chat_topic,
};
use serde_bytes::ByteBuf;
use serde_json::{Value, json};

/// "Randomness" that counts: 0, 1, 2 ... so that vectors can be made again.
pub struct Counting(pub u8);

impl rand_core::TryRng for Counting {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        for b in dst {
            *b = self.0;
            self.0 = self.0.wrapping_add(1);
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Counting {}

/// A user with one home on one node.
pub struct Person {
    pub root: SigningKey,
    pub home: SigningKey,
    pub node: SigningKey,
    pub record: HomeRecord,
    pub signed: Signed,
}

impl Person {
    /// Root, home and node keys of seeds that repeat `n`, `n + 1`, `n + 2`.
    pub fn new(n: u8) -> Self {
        let root = SigningKey::from_seed(&[n; 32]);
        let home = SigningKey::from_seed(&[n + 1; 32]);
        let node = SigningKey::from_seed(&[n + 2; 32]);
        let record = HomeRecord {
            v: 1,
            user: UserId(root.public().0),
            sign_pk: home.public(),
            node_id: NodeId(node.public().0),
            state: 0,
            ts: 1_790_000_000_000,
        };
        let signed = record.sign(&root);
        Self {
            root,
            home,
            node,
            record,
            signed,
        }
    }

    pub fn user(&self) -> UserId {
        self.record.user
    }

    pub fn profile(&self) -> ProfileCard {
        ProfileCard {
            v: 1,
            user: self.user(),
            home: self.record.id(),
            n: 1,
            nick: "Сова".to_owned(),
            display_name: "Анна".to_owned(),
            about: "живу в дупле\nлюблю тишину".to_owned(),
            avatar: None,
            discoverable: 2,
            ts: 1_790_000_000_001,
        }
    }

    pub fn node_card(&self) -> NodeCard {
        NodeCard {
            v: 1,
            node: self.record.node_id,
            name: "дупло".to_owned(),
            addrs: vec!["/ip4/192.0.2.7/tcp/5001".to_owned()],
            mailboxes: vec![],
            caps: 0,
            ts: 1_790_000_000_002,
        }
    }

    pub fn feed(&self, other: UserId, lane: u8) -> Feed {
        Feed {
            group: direct::chat_id(self.user(), other),
            author: self.user(),
            home: self.record.id(),
            lane,
        }
    }
}

pub fn event(
    by: &Person,
    other: UserId,
    (kind, lane): (Kind, u8),
    (seq, prev): (u64, EventId),
    deps: Vec<EventId>,
    ts: Timestamp,
    payload: Vec<u8>,
) -> VerifiedEvent {
    let at = Position {
        feed: by.feed(other, lane),
        seq,
        prev,
        ctl: vec![],
        deps,
        ts,
    };
    VerifiedEvent::sign(at, kind, payload, &by.home)
}

/// The events of a first conversation: a key, a message sealed under it, a retire.
pub struct Conversation {
    pub a: Person,
    pub b: Person,
    pub kem: KemSecret,
    pub kem_card: KemCard,
    pub secret: EpochSecret,
    pub key: VerifiedEvent,
    pub msg: VerifiedEvent,
    pub retire: VerifiedEvent,
}

pub fn conversation() -> Conversation {
    let (a, b) = (Person::new(1), Person::new(11));
    let (kem, kem_pk) = KemSecret::generate(&mut Counting(0));
    let kem_card = KemCard {
        v: 1,
        user: b.user(),
        home: b.record.id(),
        n: 1,
        suite: 1,
        kem_pk,
        ts: 1_790_000_000_000,
    };
    let secret = EpochSecret::new([42; 32]);
    let ts = Timestamp::from_ms(1_790_000_000_100);
    let none = EventId::default();
    let share = KeyShare {
        key_id: secret.id(),
        boxes: vec![
            box_for(&a, &b)
                .seal(&secret, &kem_card.kem_pk, &mut Counting(7))
                .unwrap(),
        ],
    };
    let key = event(
        &a,
        b.user(),
        (Kind::KEY, 1),
        (0, none),
        vec![],
        ts,
        share.encode(),
    );
    let plain = Msg {
        text: "привет".to_owned(),
        reply_to: None,
        attachments: vec![],
    };
    let feed = a.feed(b.user(), 2);
    let payload = seal_message(
        &secret,
        &feed,
        0,
        Kind::MSG,
        &plain.encode(),
        &mut Counting(9),
    )
    .unwrap();
    let msg = event(
        &a,
        b.user(),
        (Kind::MSG, 2),
        (0, none),
        vec![key.id()],
        ts.next(),
        payload,
    );
    let mut retired = a.record.clone();
    retired.state = 1;
    let cut = vec![CutRow {
        home: a.record.id(),
        lane: 2,
        seq: 0,
        id: msg.id(),
    }];
    let retire = Retire::sign(
        feed.group,
        retired.sign(&a.root),
        a.record.id(),
        cut,
        &a.root,
    );
    // b's feed only carries it here; the vector is of the payload.
    let retire = event(
        &b,
        a.user(),
        (Kind::RETIRE, 0),
        (0, none),
        vec![],
        ts,
        retire.encode(),
    );
    Conversation {
        a,
        b,
        kem,
        kem_card,
        secret,
        key,
        msg,
        retire,
    }
}

pub fn box_for(a: &Person, b: &Person) -> BoxFor {
    BoxFor {
        group: direct::chat_id(a.user(), b.user()),
        author: a.user(),
        author_home: a.record.id(),
        user: b.user(),
        home: b.record.id(),
        n: 1,
    }
}

pub fn note(c: &Conversation) -> Ephemeral {
    Ephemeral::make(
        direct::chat_id(c.a.user(), c.b.user()),
        (c.a.user(), c.a.record.id()),
        Timestamp::from_ms(1_790_000_000_200),
        &EphNote::Read(c.msg.id()),
        &c.secret,
        &c.a.home,
        &mut Counting(3),
    )
}

/// One of each message of the connections, encoded.
pub fn messages(c: &Conversation) -> Vec<(&'static str, Vec<u8>)> {
    let chat = direct::chat_ref(c.a.user(), c.b.user());
    vec![
        (
            "hello",
            Hello {
                versions: vec![1],
                card: c.a.node_card().sign(&c.a.node),
                proofs: vec![],
            }
            .encode(),
        ),
        (
            "push",
            LogRequest::Push(Push {
                chat: chat.clone(),
                events: vec![ByteBuf::from(c.key.to_wire())],
            })
            .encode(),
        ),
        (
            "acks",
            LogAnswer::Acks(ByteBuf::from(vec![0, 1, 2, 3])).encode(),
        ),
        (
            "summary",
            LogRequest::Summary(vec![SummaryRow {
                topic: chat_topic(chat.chat),
                digest: digest_from(digest(&head_rows(c)), c.a.record.node_id),
            }])
            .encode(),
        ),
        ("heads_request", LogRequest::Heads(chat.clone()).encode()),
        ("heads", LogAnswer::Heads(head_rows(c)).encode()),
        (
            "range",
            LogRequest::Range(Range {
                chat,
                author: c.a.user(),
                home: c.a.record.id(),
                lane: 2,
                from: 0,
                to: 255,
            })
            .encode(),
        ),
        ("identity", LogRequest::Identity(vec![c.a.user()]).encode()),
        (
            "people_query",
            PeopleQuery {
                id: chat_topic(c.key.header().group),
                text: "сов".to_owned(),
                asker: c.a.node_card().sign(&c.a.node),
                ts: 1_790_000_000_000,
            }
            .encode(),
        ),
    ]
}

pub fn head_rows(c: &Conversation) -> Vec<HeadRow> {
    [&c.key, &c.msg]
        .into_iter()
        .map(|e| HeadRow {
            author: e.header().author,
            home: e.header().home,
            lane: e.header().lane,
            seq: e.header().seq,
            id: e.id(),
        })
        .collect()
}

/// L5: two messages of a clock a day ahead, the answer, and one written without seeing them.
pub fn order_example() -> Vec<(&'static str, VerifiedEvent)> {
    let (a, b) = (Person::new(1), Person::new(11));
    let now = Timestamp::from_ms(1_790_000_000_000);
    let wild = now.plus_ms(86_400_000);
    let none = EventId::default();
    let m = (Kind::MSG, 2);
    let first = event(&a, b.user(), m, (0, none), vec![], wild, vec![1]);
    let second = event(
        &a,
        b.user(),
        m,
        (1, first.id()),
        vec![],
        wild.next(),
        vec![2],
    );
    let answer = event(&b, a.user(), m, (0, none), vec![second.id()], now, vec![3]);
    let later = now.plus_ms(600_000);
    let last = event(&b, a.user(), m, (1, answer.id()), vec![], later, vec![4]);
    vec![
        ("first, a day ahead", first),
        ("second, a day ahead", second),
        ("answer", answer),
        ("last", last),
    ]
}

/// A control event of a group, signed.
fn control(
    group: Option<&VerifiedEvent>,
    by: &Person,
    prev: Option<&VerifiedEvent>,
    ctl: &[&VerifiedEvent],
    (kind, payload): (Kind, Vec<u8>),
) -> VerifiedEvent {
    let at = Position {
        feed: Feed {
            group: group.map_or(ChatId::default(), |create| ChatId(create.id().0)),
            author: by.user(),
            home: by.record.id(),
            lane: 0,
        },
        seq: prev.map_or(0, |prev| prev.header().seq + 1),
        prev: prev.map_or(EventId::default(), VerifiedEvent::id),
        ctl: ctl.iter().map(|event| event.id()).collect(),
        deps: vec![],
        ts: Timestamp::from_ms(1_790_000_000_300),
    };
    VerifiedEvent::sign(at, kind, payload, &by.home)
}

/// M: a makes a group and b admin; b adds c and is removed up to that; b then forks its feed. d, whom b
/// added too late, is not a member. c gives up a home and stays; the policy of a closes it.
pub fn group_events() -> Vec<(&'static str, VerifiedEvent)> {
    let [a, b, c, d] = [1, 11, 21, 31].map(Person::new);
    let row = |event: &VerifiedEvent| CutRow {
        home: event.header().home,
        lane: 0,
        seq: event.header().seq,
        id: event.id(),
    };
    let policy = |days| Policy {
        who_adds: 0,
        history: 1,
        days,
        read_marks: true,
    };
    let add = |user, role| {
        (
            Kind::ADD,
            Add {
                user,
                role,
                by_link: false,
            }
            .encode(),
        )
    };
    let nonce = Bytes([5; 16]);
    let create = Create {
        nonce,
        policy: policy(7),
    };
    let create = control(None, &a, None, &[], (Kind::CREATE, create.encode()));
    let group = Some(&create);
    let add_b = control(
        group,
        &a,
        Some(&create),
        &[&create],
        add(b.user(), Role::Admin),
    );
    let add_c = control(group, &b, None, &[&add_b], add(c.user(), Role::Member));
    let cut = vec![row(&add_c)];
    let role_b = RoleChange {
        user: b.user(),
        role: Role::Member,
        cut: cut.clone(),
    };
    let role_b = control(
        group,
        &a,
        Some(&add_b),
        &[&add_c],
        (Kind::ROLE, role_b.encode()),
    );
    let late = control(
        group,
        &b,
        Some(&add_c),
        &[&add_c],
        add(d.user(), Role::Member),
    );
    let fork = control(group, &b, None, &[&add_b], add(d.user(), Role::Member));
    let remove_b = Remove {
        user: b.user(),
        cut,
    };
    let remove_b = (Kind::REMOVE, remove_b.encode());
    let remove_b = control(group, &a, Some(&role_b), &[&role_b, &late], remove_b);
    let set = (Kind::POLICY, policy(30).encode());
    let set = control(group, &a, Some(&remove_b), &[&remove_b], set);
    let mut old = Person::new(21).record;
    (old.node_id, old.state) = (NodeId([9; 32]), 1);
    let retire = Retire::sign(
        ChatId(create.id().0),
        old.sign(&c.root),
        old.id(),
        vec![],
        &c.root,
    );
    let retire = control(group, &c, None, &[&set], (Kind::RETIRE, retire.encode()));
    let leave = (Kind::LEAVE, Leave { cut: vec![] }.encode());
    let leave = control(group, &c, Some(&retire), &[&retire], leave);
    vec![
        ("create, by a", create),
        ("a adds b as admin", add_b),
        ("b adds c", add_c),
        ("a takes admin from b, up to that add", role_b),
        ("b adds d, not knowing", late),
        ("b forks its feed", fork),
        ("a removes b", remove_b),
        ("a sets 30 days of history", set),
        ("c retires another home", retire),
        ("c leaves", leave),
    ]
}

/// The events, whether each is valid once all are here, and the members before the last one.
pub fn invite(by: &Person) -> Invite {
    Invite {
        v: 1,
        community: yard(by).id(),
        name: "Двор".into(),
        node: by.record.node_id,
        addrs: vec!["/ip4/192.0.2.1/tcp/5001".into()],
        token: Bytes([2; 16]),
        expires: 1_788_000_000_000,
    }
}

/// A community founded by the node of somebody.
fn yard(founder: &Person) -> Community {
    Community::founded([1; 32], founder.record.node_id)
}

/// The node of somebody, blocked by the node of a founder.
pub fn block_list(of: &Person, founder: &Person) -> BlockList {
    BlockList {
        v: 1,
        community: yard(founder).id(),
        n: 1,
        nodes: vec![of.record.node_id],
        ts: 1_788_000_000_000,
    }
}

fn group_vectors() -> Value {
    let events = group_events();
    let id = ChatId(events[0].1.id().0);
    let mut group = Group::new(id);
    let (last, before) = events.split_last().unwrap();
    for (_, event) in before {
        group.insert(event);
    }
    let members: Vec<Value> = group
        .members()
        .map(|(user, rank)| json!({ "user": user.to_string(), "rank": format!("{rank:?}") }))
        .collect();
    group.insert(&last.1);
    let events: Vec<Value> = events
        .iter()
        .map(|(what, e)| {
            json!({
                "what": what,
                "id": e.id().to_string(),
                "wire": hex(&e.to_wire()),
                "valid": group.is_valid(&e.id()),
            })
        })
        .collect();
    json!({
        "id": id.to_string(),
        "topic": hex(&chat_topic(id).0),
        "events": events,
        "members_before_the_last": members,
        "control_digest": digest(&group.control_rows()).to_string(),
    })
}

/// All vectors of version 1.
/// A letter of `a`'s node to `b`'s: a message, and what has come.
pub fn letter(c: &Conversation) -> Letter {
    let chat = direct::chat_ref(c.a.user(), c.b.user());
    Letter {
        v: 1,
        from: c.a.record.node_id,
        to: c.b.record.node_id,
        ts: 1_790_000_000_100,
        identities: Identities {
            homes: vec![c.a.signed.clone()],
            kems: vec![],
            profiles: vec![c.a.profile().sign(&c.a.home)],
        },
        parts: vec![
            Part::Events(Push {
                chat: chat.clone(),
                events: vec![
                    ByteBuf::from(c.key.to_wire()),
                    ByteBuf::from(c.msg.to_wire()),
                ],
            }),
            Part::Receipt(Receipt {
                chat,
                rows: vec![ReceiptRow {
                    author: c.b.user(),
                    home: c.b.record.id(),
                    lane: 2,
                    up_to: 7,
                }],
            }),
        ],
    }
}

/// The same, sealed.
pub fn letter_sealed(c: &Conversation) -> Bundle {
    letter(c)
        .seal(
            &c.a.node,
            c.b.record.id(),
            &c.kem_card.kem_pk,
            &mut Counting(40),
        )
        .unwrap()
}

fn mail_vectors(c: &Conversation) -> Value {
    let bundle = letter_sealed(c);
    let deposit = MailRequest::Deposit(chater_protocol::mail::Deposit {
        to: c.b.record.node_id,
        bundle: bundle.clone(),
    });
    let letters = MailAnswer::Letters(chater_protocol::mail::Letters {
        letters: vec![chater_protocol::mail::Kept {
            n: 3,
            from: c.a.record.node_id,
            at: 1_790_000_000_200,
            bundle,
        }],
        more: false,
    });
    json!({
        "letter": hex(&chater_protocol::codec::encode(&letter(c))),
        "deposit": hex(&deposit.encode()),
        "letters": hex(&letters.encode()),
        "register": hex(&MailRequest::Register(1).encode()),
        "collect": hex(&MailRequest::Collect(2).encode()),
        "ack": hex(&MailRequest::Ack(vec![3]).encode()),
        "refused": hex(&MailAnswer::Refused(2).encode()),
    })
}

pub fn vectors() -> Value {
    let c = conversation();
    let (a, b) = (&c.a, &c.b);
    let person = |p: &Person, n: u8| {
        json!({
            "root_seed": hex(&[n; 32]),
            "home_seed": hex(&[n + 1; 32]),
            "node_seed": hex(&[n + 2; 32]),
            "user": p.user().to_string(),
            "node": p.record.node_id.to_string(),
            "peer_id": p.record.node_id.to_peer_id(),
            "fingerprint": p.record.node_id.fingerprint(),
            "home": p.record.id().to_string(),
            "home_record": hex(&p.signed.body),
            "home_record_sig": hex(&p.signed.sig.0),
        })
    };
    let wire = |e: &VerifiedEvent| {
        json!({
            "id": e.id().to_string(),
            "payload": hex(e.payload().unwrap_or_default()),
            "wire": hex(&e.to_wire()),
        })
    };
    let proof = Community::open().proof(a.record.node_id, b.record.node_id);
    let ordered = order_example();
    let pairs: Vec<_> = ordered
        .iter()
        .map(|(_, e)| (e.id(), e.header().clone()))
        .collect();
    let places: Vec<Value> = order::order(&pairs)
        .into_iter()
        .map(|(place, id)| {
            let name = ordered.iter().find(|(_, e)| e.id() == id).map(|(n, _)| *n);
            json!({ "event": name, "ts": pairs.iter().find(|(i, _)| *i == id).map(|(_, h)| h.ts.0.to_string()), "eff": place.eff.0.to_string() })
        })
        .collect();
    let nicks: Vec<Value> = ["Сова", "Klen-2", "ＫＬＥＮ", "Ёлка", "a.b_c"]
        .into_iter()
        .map(|nick| {
            let folded = name::check_nick(nick).unwrap();
            json!({ "nick": nick, "folded": folded, "skeleton": name::skeleton(&folded) })
        })
        .collect();
    json!({
        "people": { "a": person(a, 1), "b": person(b, 11) },
        "kem": {
            "card": hex(&c.kem_card.sign(&b.home).to_bytes()),
            "secret": hex(c.kem.bytes()),
        },
        "profile_card": hex(&a.profile().sign(&a.home).to_bytes()),
        "node_card": hex(&a.node_card().sign(&a.node).to_bytes()),
        "direct_chat": {
            "id": direct::chat_id(a.user(), b.user()).to_string(),
            "topic": hex(&chat_topic(direct::chat_id(a.user(), b.user())).0),
        },
        "epoch": { "secret": hex(c.secret.bytes()), "key_id": c.secret.id().to_string() },
        "key_event": wire(&c.key),
        "message_event": wire(&c.msg),
        "message_text": "привет",
        "retire_event": wire(&c.retire),
        "ephemeral": hex(&chater_protocol::codec::encode(&note(&c))),
        "digest": {
            "plain": digest(&head_rows(&c)).to_string(),
            "from_a": digest_from(digest(&head_rows(&c)), a.record.node_id).to_string(),
        },
        "community": {
            "open_people_topic": hex(&Community::open().topic(Channel::People)),
            "open_nodes_topic": hex(&Community::open().topic(Channel::Nodes)),
            "open_proof_a_to_b": hex(&proof),
            "secret_01_of_a_people_topic": hex(&yard(a).topic(Channel::People)),
            "secret_01_of_a_id": yard(a).id().to_string(),
            "token_02_hash": token_hash(&Bytes([2; 16])).to_string(),
            "query_03_answer_proof_a_to_b": hex(&answer_proof(&Bytes([3; 16]), a.record.node_id, b.record.node_id)),
            "link": invite(a).to_text(),
            "block_list": hex(&block_list(b, a).sign(&a.node).to_bytes()),
            "frame_of_hello": hex(&Community::open().seal(Channel::People, b"hello", &mut Counting(0))),
        },
        "safety_number": safety_number(a.user(), b.user()),
        "messages": messages(&c).into_iter().map(|(n, m)| (n.to_owned(), Value::from(hex(&m)))).collect::<serde_json::Map<_, _>>(),
        "nicks": nicks,
        "bad_nicks": ["a", "cова", "a b", "-ab", "Admin", "a\u{202e}b"],
        "order": places,
        "group": group_vectors(),
        "mail": mail_vectors(&c),
    })
}
