//! A hand-made node that keeps no rule.

use std::sync::Mutex;

use chater_network::{Listen, Network, NetworkEvent, Protocol, Pushes, Topic};
use chater_protocol::blob::{BlobAnswer, BlobRequest, Piece};
use chater_protocol::chat::direct;
use chater_protocol::community::Community;
use chater_protocol::event::{Feed, Kind, Lane, Position, VerifiedEvent};
use chater_protocol::gossip::{self, GroupFrame};
use chater_protocol::heads::HeadRow;
use chater_protocol::id::{Bytes, Hash, HomeId, NodeId, UserId};
use chater_protocol::identity::{HomeRecord, KemCard, NodeCard, ProfileCard};
use chater_protocol::invite::{CommunityAnswer, Welcome};
use chater_protocol::key::SigningKey;
use chater_protocol::payload::{Delete, KeyShare, Msg, Payload, React};
use chater_protocol::seal::{self, BoxFor, EpochSecret, KemSecret};
use chater_protocol::time::Timestamp;
use chater_protocol::wire::{
    Ack, ChatRef, Hello, Identities, KeyAnswer, LogAnswer, LogRequest, Message as _, PeopleReply,
    PeopleRequest, Push, chat_topic,
};
use serde_bytes::ByteBuf;

use super::*;
use crate::actor::now_ms;
use crate::shared::{SystemRandom, lock};

/// What it answers to a push: one ack for each event.
pub(super) type Takes = Box<dyn Fn(&VerifiedEvent) -> Ack + Send>;
type Serves = Box<dyn Fn(u64) -> BlobAnswer + Send>;

/// Who it says to be.
#[derive(Default)]
pub(super) struct Claims {
    /// It proves the community of all nodes: its people are no strangers.
    pub(super) fellow: bool,
    /// The node that its user's home names, if not its own.
    pub(super) node: Option<NodeId>,
    /// Other records that it gives besides.
    pub(super) others: Identities,
    /// The picture that its user's card names.
    pub(super) avatar: Option<Hash>,
    /// Every chat differs there, and what it has of one it does not tell.
    pub(super) differs: bool,
}

pub(super) struct Hostile {
    network: Network,
    pub(super) node: NodeId,
    pub(super) root: SigningKey,
    pub(super) record: HomeRecord,
    /// What it answers to pushes; none = an answer that says nothing.
    pub(super) takes: Arc<Mutex<Option<Takes>>>,
    pub(super) to: NodeId,
    pub(super) user: UserId,
    pub(super) home: HomeId,
    pub(super) key: SigningKey,
    pub(super) kem: KemSecret,
    /// What it answers to `KeyRequest`.
    pub(super) gives: Arc<Mutex<Option<(EpochSecret, KemCard)>>>,
    pub(super) asked: Arc<AtomicU32>,
    /// What it answers to `Heads`.
    pub(super) heads: Arc<Mutex<Vec<HeadRow>>>,
    /// How often it was asked for heads.
    pub(super) compared: Arc<AtomicU32>,
    /// What it answers to who wants a file from that byte on.
    pub(super) serves: Arc<Mutex<Option<Serves>>>,
    /// What it answers to who comes by a link.
    pub(super) welcomes: Arc<Mutex<Option<Welcome>>>,
    /// Who has answered its queries, and with how many bytes.
    pub(super) told: Arc<Mutex<Vec<(NodeId, usize)>>>,
}

/// Answers pushes as it was told to; without that it says nothing of what was pushed.
async fn acks(mut stream: Pushes, takes: Arc<Mutex<Option<Takes>>>) {
    while let Some(pushed) = stream.next().await {
        let LogRequest::Push(push) = LogRequest::decode(&pushed.body).unwrap() else {
            return;
        };
        let acks: Vec<u8> = {
            let takes = takes.lock().unwrap();
            let ack = |wire: &ByteBuf| {
                let event = VerifiedEvent::from_store(wire).unwrap();
                takes.as_ref().map(|takes| takes(&event) as u8)
            };
            push.events.iter().filter_map(ack).collect()
        };
        stream
            .answer(&LogAnswer::Acks(ByteBuf::from(acks)).encode())
            .await;
    }
}

impl Hostile {
    pub(super) async fn at(engine: &Engine, seed: u8) -> Self {
        let fellow = Claims {
            fellow: true,
            ..Claims::default()
        };
        Self::claiming(engine, seed, fellow).await
    }

    pub(super) async fn claiming(engine: &Engine, seed: u8, claims: Claims) -> Self {
        let node_key = SigningKey::from_seed(&[seed; 32]);
        let node = NodeId(node_key.public().0);
        let (network, mut events) = Network::start(chater_network::Config {
            seed: [seed; 32],
            listen: vec![Listen {
                address: "/ip4/127.0.0.1/tcp/0".into(),
                fallback: false,
            }],
            mdns: false,
            agent: "hostile".into(),
            relay: false,
            upnp: false,
            external: Vec::new(),
        })
        .await
        .unwrap();
        let root = SigningKey::from_seed(&[seed + 1; 32]);
        let key = SigningKey::from_seed(&[seed + 2; 32]);
        let user = UserId(root.public().0);
        let record = HomeRecord {
            v: 1,
            user,
            sign_pk: key.public(),
            node_id: claims.node.unwrap_or(node),
            state: 0,
            ts: 1,
        };
        let home = record.id();
        let (kem, kem_pk) = KemSecret::generate(&mut SystemRandom);
        let card = KemCard {
            v: 1,
            user,
            home,
            n: 0,
            suite: 1,
            kem_pk,
            ts: 1,
        };
        let profile = ProfileCard {
            v: 1,
            user,
            home,
            n: 0,
            nick: "mallory".into(),
            display_name: String::new(),
            about: String::new(),
            avatar: claims.avatar,
            discoverable: 2,
            ts: 1,
        };
        let mut identities = Identities {
            homes: vec![record.sign(&root)],
            kems: vec![card.sign(&key)],
            profiles: vec![profile.sign(&key)],
        };
        identities.homes.extend(claims.others.homes);
        identities.kems.extend(claims.others.kems);
        identities.profiles.extend(claims.others.profiles);
        let to = engine.shared().node_id;
        network
            .want_address(engine.node().addresses.first().unwrap())
            .unwrap();
        let gives: Arc<Mutex<Option<(EpochSecret, KemCard)>>> = Arc::default();
        let asked = Arc::new(AtomicU32::new(0));
        let takes: Arc<Mutex<Option<Takes>>> = Arc::default();
        let met = Arc::new(AtomicU32::new(0));
        let heads: Arc<Mutex<Vec<HeadRow>>> = Arc::default();
        let compared = Arc::new(AtomicU32::new(0));
        let serves: Arc<Mutex<Option<Serves>>> = Arc::default();
        let welcomes: Arc<Mutex<Option<Welcome>>> = Arc::default();
        let told: Arc<Mutex<Vec<(NodeId, usize)>>> = Arc::default();
        let hello = Hello {
            versions: vec![1],
            card: NodeCard {
                v: 1,
                node,
                name: "hostile".into(),
                addrs: Vec::new(),
                mailboxes: Vec::new(),
                caps: 0,
                ts: 1,
            }
            .sign(&node_key),
            proofs: if claims.fellow {
                vec![Bytes(Community::open().proof(node, to))]
            } else {
                Vec::new()
            },
        };
        tokio::spawn({
            let (network, gives, asked) = (network.clone(), gives.clone(), asked.clone());
            let (takes, met, heads) = (takes.clone(), met.clone(), heads.clone());
            let (serves, welcomes, told) = (serves.clone(), welcomes.clone(), told.clone());
            let compared = compared.clone();
            async move {
                while let Some(event) = events.recv().await {
                    match event {
                        NetworkEvent::Connected { peer, .. } => {
                            let (network, hello) = (network.clone(), hello.encode());
                            let met = met.clone();
                            tokio::spawn(async move {
                                network.request(peer, Protocol::Hello, hello).await.unwrap();
                                network.admit(peer);
                                met.store(1, Ordering::Release);
                            });
                        }
                        NetworkEvent::Pushes(stream) => {
                            asked.fetch_add(1, Ordering::Relaxed);
                            tokio::spawn(acks(stream, takes.clone()));
                        }
                        NetworkEvent::Request {
                            protocol: Protocol::Log,
                            body,
                            reply,
                            ..
                        } => {
                            asked.fetch_add(1, Ordering::Relaxed);
                            let answer = match LogRequest::decode(&body).unwrap() {
                                LogRequest::Identity(_) => {
                                    LogAnswer::Identities(identities.clone())
                                }
                                LogRequest::Summary(rows) if claims.differs => {
                                    LogAnswer::Differ(rows.iter().map(|row| row.topic).collect())
                                }
                                LogRequest::Heads(_) => {
                                    compared.fetch_add(1, Ordering::Relaxed);
                                    if claims.differs {
                                        LogAnswer::Events(Vec::new())
                                    } else {
                                        LogAnswer::Heads(heads.lock().unwrap().clone())
                                    }
                                }
                                LogRequest::KeyRequest(request) => {
                                    let given = gives.lock().unwrap().clone();
                                    let keys = given.map(|(secret, card)| {
                                        let who = BoxFor {
                                            group: request.chat.chat,
                                            author: user,
                                            author_home: home,
                                            user: request.user,
                                            home: request.home,
                                            n: card.n,
                                        };
                                        KeyAnswer {
                                            key_id: secret.id(),
                                            author: user,
                                            author_home: home,
                                            sealed: who
                                                .seal(&secret, &card.kem_pk, &mut SystemRandom)
                                                .unwrap(),
                                        }
                                    });
                                    LogAnswer::Keys(keys.into_iter().collect())
                                }
                                _ => LogAnswer::Events(Vec::new()),
                            };
                            reply.send(answer.encode());
                        }
                        NetworkEvent::Request {
                            protocol: Protocol::Blob,
                            body,
                            reply,
                            ..
                        } => {
                            let BlobRequest::Piece(piece) = BlobRequest::decode(&body).unwrap();
                            let answer = serves.lock().unwrap().as_ref().map(|it| it(piece.from));
                            reply.send(answer.unwrap_or(BlobAnswer::Refused(0)).encode());
                        }
                        NetworkEvent::Request {
                            protocol: Protocol::People,
                            peer,
                            body,
                            reply,
                        } => {
                            if let Ok(PeopleRequest::Answer(_)) = PeopleRequest::decode(&body) {
                                told.lock().unwrap().push((peer, body.len()));
                                reply.send(PeopleReply::Taken(0).encode());
                            }
                        }
                        NetworkEvent::Request {
                            protocol: Protocol::Community,
                            reply,
                            ..
                        } => {
                            let welcome = welcomes.lock().unwrap().clone();
                            let answer = welcome.map(CommunityAnswer::Welcome);
                            reply.send(answer.unwrap_or(CommunityAnswer::Refused(0)).encode());
                        }
                        _ => {}
                    }
                }
            }
        });
        until("the hostile node is linked", || {
            met.load(Ordering::Acquire) == 1
                && lock(&engine.shared().presence).links.contains_key(&node)
        })
        .await;
        Self {
            network,
            node,
            root,
            record,
            takes,
            to,
            user,
            home,
            key,
            kem,
            gives,
            asked,
            heads,
            compared,
            serves,
            welcomes,
            told,
        }
    }

    /// Any bytes as a request of the log; what came back, if anything did.
    pub(super) async fn asks(&self, body: Vec<u8>) -> Option<LogAnswer> {
        let answer = self.network.request(self.to, Protocol::Log, body).await;
        answer.ok().and_then(|body| LogAnswer::decode(&body).ok())
    }

    /// Where it can be dialled.
    pub(super) fn addresses(&self) -> Vec<String> {
        self.network.addresses()
    }

    /// Gossips any bytes.
    pub(super) fn publishes(&self, topic: Topic, frame: Vec<u8>) {
        self.network.publish(topic, frame);
    }

    /// Takes part in some gossip, and passes nothing on.
    pub(super) fn joins(&self, topic: Topic) {
        self.network.subscribe(topic);
    }

    /// Takes part in the gossip of a group.
    pub(super) fn listens(&self, chat: ChatId) {
        self.joins(Topic(chat_topic(chat).0));
    }

    /// Bytes as an event in a frame of a group's gossip.
    pub(super) fn gossips(&self, chat: ChatId, wire: Vec<u8>) {
        let frame = GroupFrame::Event(ByteBuf::from(wire));
        let sealed = gossip::seal(chat, &frame, &mut SystemRandom);
        self.network.publish(Topic(chat_topic(chat).0), sealed);
    }

    /// Asks for the beginning of a file.
    pub(super) async fn fetches(&self, hash: Hash) -> BlobAnswer {
        let piece = BlobRequest::Piece(Piece { hash, from: 0 });
        let asked = self
            .network
            .request(self.to, Protocol::Blob, piece.encode());
        BlobAnswer::decode(&asked.await.unwrap()).unwrap()
    }

    /// Any bytes as events of a push.
    pub(super) async fn push_bytes(&self, chat: &ChatRef, events: Vec<Vec<u8>>) -> Vec<Ack> {
        let push = Push {
            chat: chat.clone(),
            events: events.into_iter().map(ByteBuf::from).collect(),
        };
        match self.asks(LogRequest::Push(push).encode()).await {
            Some(LogAnswer::Acks(acks)) => acks.iter().map(|ack| Ack::from(*ack)).collect(),
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn push(&self, chat: &ChatRef, events: &[VerifiedEvent]) -> Vec<Ack> {
        let push = Push {
            chat: chat.clone(),
            events: events.iter().map(|e| ByteBuf::from(e.to_wire())).collect(),
        };
        let body = LogRequest::Push(push).encode();
        let answer = self
            .network
            .request(self.to, Protocol::Log, body)
            .await
            .unwrap();
        match LogAnswer::decode(&answer).unwrap() {
            LogAnswer::Acks(acks) => acks.iter().map(|ack| Ack::from(*ack)).collect(),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn feed(&self, chat: ChatId, lane: Lane) -> Feed {
        Feed {
            group: chat,
            author: self.user,
            home: self.home,
            lane: lane as u8,
        }
    }

    pub(super) fn place(&self, chat: ChatId, lane: Lane, seq: u64, prev: EventId) -> Position {
        Position {
            feed: self.feed(chat, lane),
            seq,
            prev,
            ctl: Vec::new(),
            deps: Vec::new(),
            ts: Timestamp::from_ms(now_ms()),
        }
    }

    /// An event of lane 2, sealed.
    pub(super) fn sealed(
        &self,
        at: Position,
        kind: Kind,
        secret: &EpochSecret,
        inside: &[u8],
    ) -> VerifiedEvent {
        let payload =
            seal::seal_message(secret, &at.feed, at.seq, kind, inside, &mut SystemRandom).unwrap();
        VerifiedEvent::sign(at, kind, payload, &self.key)
    }

    /// A key event with a box for a local user.
    pub(super) fn shares(
        &self,
        engine: &Engine,
        chat: ChatId,
        with: UserId,
        secret: &EpochSecret,
    ) -> VerifiedEvent {
        let card = kem_of(engine, with);
        let who = BoxFor {
            group: chat,
            author: self.user,
            author_home: self.home,
            user: with,
            home: card.home,
            n: card.n,
        };
        let share = KeyShare {
            key_id: secret.id(),
            boxes: vec![who.seal(secret, &card.kem_pk, &mut SystemRandom).unwrap()],
        };
        let at = self.place(chat, Lane::Keys, 0, EventId::default());
        VerifiedEvent::sign(at, Kind::KEY, share.encode(), &self.key)
    }
}

pub(super) fn kem_of(engine: &Engine, user: UserId) -> KemCard {
    let rows = engine.shared().store.read().unwrap();
    let (home, _) = chater_store::homes::live(&rows, user).unwrap().remove(0);
    chater_store::homes::kem(&rows, user, home)
        .unwrap()
        .unwrap()
        .0
}

pub(super) fn msg(text: &str) -> Vec<u8> {
    Msg {
        text: text.to_owned(),
        reply_to: None,
        attachments: Vec::new(),
    }
    .encode()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_node_changes_nothing_it_may_not() {
    let dir = Folder::new();
    let engine = start(&dir, "victim").await;
    let (vic, wes) = (user(&engine, "vic").await, user(&engine, "wes").await);
    let private = vic.start(wes.id()).await.unwrap().0.id;
    let secret_message = say(&vic, private, "private").await;
    let bad = Hostile::at(&engine, 50).await;
    let chat = direct::chat_ref(vic.id(), bad.user);
    let id = chat.chat;
    let secret = EpochSecret::generate(&mut SystemRandom);

    // Into a chat of others, and as somebody else.
    let foreign = direct::chat_ref(vic.id(), wes.id());
    let at = |seq, prev| bad.place(id, Lane::Messages, seq, prev);
    let none = EventId::default();
    let mut elsewhere = at(0, none);
    elsewhere.feed.group = private;
    let stray = bad.sealed(elsewhere, Kind::MSG, &secret, &msg("stray"));
    assert_eq!(
        bad.push(&foreign, std::slice::from_ref(&stray)).await,
        [Ack::Refused]
    );
    assert_eq!(bad.push(&chat, &[stray]).await, [Ack::Refused]);
    let mut as_vic = at(0, none);
    as_vic.feed.author = vic.id();
    let forged = bad.sealed(as_vic.clone(), Kind::MSG, &secret, &msg("forged"));
    // A home of that user that nobody knows: it may come yet (I3).
    assert_eq!(bad.push(&chat, &[forged]).await, [Ack::Waits]);
    as_vic.feed.home = kem_of(&engine, vic.id()).home;
    let forged = bad.sealed(as_vic, Kind::MSG, &secret, &msg("forged"));
    assert_eq!(bad.push(&chat, &[forged]).await, [Ack::Refused]);
    let wrong = VerifiedEvent::sign(
        at(0, none),
        Kind::MSG,
        vec![1],
        &SigningKey::from_seed(&[9; 32]),
    );
    assert_eq!(bad.push(&chat, &[wrong]).await, [Ack::Refused]);
    assert_eq!(vic.chat_with(bad.user).unwrap(), None);

    // What is right is taken, once.
    let key = bad.shares(&engine, id, vic.id(), &secret);
    let first = bad.sealed(at(0, none), Kind::MSG, &secret, &msg("hello"));
    assert_eq!(
        bad.push(&chat, &[key, first.clone()]).await,
        [Ack::Committed; 2]
    );
    for _ in 0..16 {
        let acks = bad.push(&chat, &vec![first.clone(); 64]).await;
        assert_eq!(acks, [Ack::Committed; 64]);
    }
    assert_eq!(texts(&vic, id), ["hello"]);

    // Unknown kinds are kept and not shown; wishes about messages of others and of other chats are void.
    let unknown = VerifiedEvent::sign(at(1, first.id()), Kind(99), vec![1, 2, 3], &bad.key);
    let mine = say(&vic, id, "mine").await;
    let kill = |seq, prev, target| {
        bad.sealed(
            at(seq, prev),
            Kind::DELETE,
            &secret,
            &Delete { target }.encode(),
        )
    };
    let kill_mine = kill(2, unknown.id(), mine.id);
    let kill_other = kill(3, kill_mine.id(), secret_message.id);
    let react = React {
        target: secret_message.id,
        emoji: "👍".into(),
        on: true,
    }
    .encode();
    let react = bad.sealed(at(4, kill_other.id()), Kind::REACT, &secret, &react);
    // Written with the name of the other chat's key: a page of that chat must not fail over it.
    let rows = engine.shared().store.read().unwrap();
    let no = chater_store::chats::number(&rows, private)
        .unwrap()
        .unwrap();
    let other_key = chater_store::chats::keys(&rows, no).unwrap().remove(0).0;
    drop(rows);
    let mut poison: seal::SealedPayload =
        chater_protocol::codec::decode(react.payload().unwrap(), usize::MAX).unwrap();
    poison.key_id = other_key;
    let poison = chater_protocol::codec::encode(&poison);
    let poison = VerifiedEvent::sign(at(5, react.id()), Kind::REACT, poison, &bad.key);
    // From a clock a year ahead.
    let mut ahead = at(6, poison.id());
    ahead.ts = ahead.ts.plus_ms(365 * 24 * 3_600_000);
    let ahead = bad.sealed(ahead, Kind::MSG, &secret, &msg("future"));
    let batch = [unknown, kill_mine, kill_other, react, poison, ahead];
    assert_eq!(bad.push(&chat, &batch).await, [Ack::Committed; 6]);
    assert_eq!(one(&vic, id, mine.id).text.as_deref(), Some("mine"));
    let kept = one(&wes, private, secret_message.id);
    assert_eq!(kept.text.as_deref(), Some("private"));
    assert!(kept.reactions.is_empty());
    let now = i64::try_from(now_ms()).unwrap();
    assert!(all(&vic, id).iter().all(|m| m.sent_at_ms < now + 400_000));
    say(&vic, id, "below").await;
    assert_eq!(texts(&vic, id).last().unwrap(), "below");

    // Naming what does not exist, and answering pushes with nothing, costs a few requests, not a storm.
    let [.., last] = &batch;
    let mut prev = last.id();
    for seq in 7..57 {
        let mut gap = at(seq, prev);
        gap.deps = vec![EventId([u8::try_from(seq).unwrap(); 32])];
        let gap = bad.sealed(gap, Kind::MSG, &secret, &msg("gap"));
        assert_eq!(
            bad.push(&chat, std::slice::from_ref(&gap)).await,
            [Ack::Committed]
        );
        prev = gap.id();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let asked = bad.asked.load(Ordering::Relaxed);
    assert!(asked < 40, "{asked} requests");
    assert!(engine.healthy().await);
    stop(engine).await;
}
