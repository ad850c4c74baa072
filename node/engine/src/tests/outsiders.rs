//! Who is not in a group, or no longer, against a node that holds it: nothing of theirs counts, and they are told
//! nothing. A hand-made peer keeps no rule.

use std::collections::BTreeSet;

use chater_protocol::event::{Kind, Lane, VerifiedEvent};
use chater_protocol::id::{Bytes, Hash, UserId};
use chater_protocol::payload::{Add, Create, KeyShare, Leave, Payload as _, Policy, Role};
use chater_protocol::seal::{self, BoxFor, EpochSecret};
use chater_protocol::time::Timestamp;
use chater_protocol::wire::{
    Ack, ChatRef, Get, KeyRequest, LogAnswer, LogRequest, Message as _, Range, SummaryRow,
    chat_topic,
};
use chater_store::{chats, events, groups};

use super::hostile::{Claims, Hostile, kem_of, msg};
use super::wire::rows_kept;
use super::*;
use crate::shared::SystemRandom;
use crate::view::{ChatState, MemberRole};

/// A hand-made peer and what its user writes in one group.
pub(super) struct Foe {
    pub(super) bad: Hostile,
    pub(super) chat: ChatRef,
    /// Seq and prev of the next event of each lane.
    pub(super) next: [(u64, EventId); 3],
    /// What it says to know of the group.
    pub(super) ctl: Vec<EventId>,
    pub(super) secret: EpochSecret,
    /// Taken from the time of what it writes.
    pub(super) earlier_ms: u64,
}

/// The control events of a group as a node has them.
pub(super) fn control(engine: &Engine, chat: ChatId) -> Vec<EventId> {
    let rows = engine.shared().store.read().unwrap();
    let no = chats::number(&rows, chat).unwrap().unwrap();
    let lane = groups::lane(&rows, no, Lane::Control as u8).unwrap();
    lane.iter().map(VerifiedEvent::id).collect()
}

pub(super) fn group_ref(chat: ChatId) -> ChatRef {
    ChatRef { chat, users: None }
}

impl Foe {
    /// Known to that node, so that its people can add the user.
    pub(super) async fn at(engine: &Engine, seed: u8) -> Self {
        Self::of(engine, Hostile::at(engine, seed).await).await
    }

    async fn of(engine: &Engine, bad: Hostile) -> Self {
        *bad.takes.lock().unwrap() = Some(Box::new(|_| Ack::Committed));
        assert!(crate::fetch::identities(engine.shared(), bad.node, vec![bad.user], true).await);
        Self {
            bad,
            chat: group_ref(ChatId::default()),
            next: Default::default(),
            ctl: Vec::new(),
            secret: EpochSecret::generate(&mut SystemRandom),
            earlier_ms: 0,
        }
    }

    /// It has seen all control events that a node has.
    pub(super) fn has_seen(&mut self, engine: &Engine, chat: ChatId) {
        self.chat = group_ref(chat);
        let all = control(engine, chat);
        let from = all.len().saturating_sub(8);
        self.ctl = all[from..].to_vec();
    }

    pub(super) fn event(&mut self, lane: Lane, kind: Kind, payload: Vec<u8>) -> VerifiedEvent {
        let (seq, prev) = self.next[lane as usize];
        let mut at = self.bad.place(self.chat.chat, lane, seq, prev);
        at.ctl.clone_from(&self.ctl);
        at.ts = Timestamp::from_ms(at.ts.ms().saturating_sub(self.earlier_ms));
        let event = VerifiedEvent::sign(at, kind, payload, &self.bad.key);
        self.next[lane as usize] = (seq + 1, event.id());
        event
    }

    pub(super) fn act(&mut self, kind: Kind, payload: Vec<u8>) -> VerifiedEvent {
        self.event(Lane::Control, kind, payload)
    }

    pub(super) fn says(&mut self, text: &str) -> VerifiedEvent {
        let feed = self.bad.feed(self.chat.chat, Lane::Messages);
        let seq = self.next[2].0;
        let inside = msg(text);
        let sealed = seal::seal_message(
            &self.secret,
            &feed,
            seq,
            Kind::MSG,
            &inside,
            &mut SystemRandom,
        );
        self.event(Lane::Messages, Kind::MSG, sealed.unwrap())
    }

    /// Its key with boxes for local users.
    pub(super) fn shares(&mut self, engine: &Engine, with: &[UserId]) -> VerifiedEvent {
        let mut boxes = Vec::new();
        for user in with {
            let card = kem_of(engine, *user);
            let who = BoxFor {
                group: self.chat.chat,
                author: self.bad.user,
                author_home: self.bad.home,
                user: *user,
                home: card.home,
                n: card.n,
            };
            let sealed = who.seal(&self.secret, &card.kem_pk, &mut SystemRandom);
            boxes.push(sealed.unwrap());
        }
        let key_id = self.secret.id();
        self.event(Lane::Keys, Kind::KEY, KeyShare { key_id, boxes }.encode())
    }

    pub(super) async fn push(&self, events: &[VerifiedEvent]) -> Vec<Ack> {
        self.bad.push(&self.chat, events).await
    }

    /// Whatever a peer can ask about a group; how many events, heads and keys came back.
    async fn learns(&self, engine: &Engine, chat: ChatId) -> usize {
        let named = group_ref(chat);
        let mut ids = control(engine, chat);
        let (feeds, keys) = {
            let rows = engine.shared().store.read().unwrap();
            let no = chats::number(&rows, chat).unwrap().unwrap();
            ids.extend(events::heads(&rows, no).unwrap().iter().map(|head| head.id));
            (
                events::feeds(&rows, no).unwrap(),
                chats::keys(&rows, no).unwrap(),
            )
        };
        let mut asked = vec![
            LogRequest::Heads(named.clone()),
            LogRequest::Get(Get {
                chat: named.clone(),
                ids,
            }),
            LogRequest::KeyRequest(KeyRequest {
                chat: named.clone(),
                user: self.bad.user,
                home: self.bad.home,
                key_ids: keys.into_iter().map(|(id, _)| id).collect(),
            }),
        ];
        for (_, feed) in feeds {
            asked.push(LogRequest::Range(Range {
                chat: named.clone(),
                author: feed.author,
                home: feed.home,
                lane: feed.lane,
                from: 0,
                to: u64::MAX,
            }));
        }
        let mut learned = 0;
        for request in asked {
            learned += match self.bad.asks(request.encode()).await {
                Some(LogAnswer::Heads(rows)) => rows.len(),
                Some(LogAnswer::Events(wires)) => wires.len(),
                Some(LogAnswer::Keys(keys)) => keys.len(),
                Some(LogAnswer::Refused(_)) | None => 0,
                other => panic!("{other:?}"),
            };
        }
        // Nor whether it is there at all: it differs like one that is not.
        let row = |chat| SummaryRow {
            topic: chat_topic(chat),
            digest: Hash([0; 32]),
        };
        let both = vec![row(chat), row(ChatId([77; 32]))];
        match self.bad.asks(LogRequest::Summary(both).encode()).await {
            Some(LogAnswer::Differ(topics)) => assert_eq!(topics.len(), 2),
            other => panic!("{other:?}"),
        }
        learned
    }
}

pub(super) async fn group(of: &UserHandle, members: &[UserId]) -> ChatId {
    let members: BTreeSet<UserId> = members.iter().copied().collect();
    let made = of.create_group("Лодка".to_owned(), members).await;
    made.unwrap().id
}

/// Members and ranks as somebody sees them.
pub(super) fn seats(of: &UserHandle, chat: ChatId) -> Vec<(UserId, MemberRole)> {
    let members = of.members(chat).unwrap();
    let mut seats: Vec<_> = members
        .into_iter()
        .map(|member| (member.person.user_id, member.role))
        .collect();
    seats.sort_by_key(|(user, _)| *user);
    seats
}

fn policy() -> Policy {
    Policy {
        who_adds: 1,
        history: 0,
        days: 0,
        read_marks: true,
    }
}

/// B12, B27, B36: a stranger who has learnt a group's id and all its control events writes into every lane, adds
/// itself, closes the group for others; nothing is taken. It asks for everything and is told nothing (S9).
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_writes_nothing_into_a_group_and_is_told_nothing() {
    let dir = Folder::new();
    let engine = start(&dir, "victim").await;
    let (vic, wes) = (user(&engine, "vic").await, user(&engine, "wes").await);
    let chat = group(&vic, &[wes.id()]).await;
    say(&vic, chat, "между нами").await;
    let mut out = Foe::at(&engine, 60).await;
    out.has_seen(&engine, chat);
    let (before, sat) = (rows_kept(&engine), seats(&vic, chat));

    let add = Add {
        user: out.bad.user,
        role: Role::Admin,
        by_link: false,
    };
    let leave = Leave { cut: Vec::new() };
    let create = Create {
        nonce: Bytes([1; 16]),
        policy: policy(),
    };
    let tries = [
        out.says("это я"),
        out.shares(&engine, &[vic.id(), wes.id()]),
        out.act(Kind::ADD, add.encode()),
    ];
    assert_eq!(out.push(&tries).await, [Ack::Refused; 3]);
    for (kind, payload) in [
        (Kind::POLICY, policy().encode()),
        (Kind::LEAVE, leave.encode()),
        (Kind(9), vec![1]),
    ] {
        out.next[0] = (0, EventId::default());
        let event = out.act(kind, payload);
        assert_eq!(out.push(&[event]).await, [Ack::Refused], "{kind:?}");
    }
    // The beginning of another group is none of this one's events.
    let mut at = out
        .bad
        .place(ChatId::default(), Lane::Control, 0, EventId::default());
    at.ctl.clear();
    let event = VerifiedEvent::sign(at, Kind::CREATE, create.encode(), &out.bad.key);
    assert_eq!(out.push(&[event]).await, [Ack::Refused]);
    // With a past that does not exist it waits with its sender; without any it is refused.
    out.next[0] = (0, EventId::default());
    out.ctl = vec![EventId([5; 32])];
    let waits = out.act(Kind::ADD, add.encode());
    assert_eq!(out.push(&[waits]).await, [Ack::Waits]);
    out.next[0] = (0, EventId::default());
    out.ctl.clear();
    let rootless = out.act(Kind::ADD, add.encode());
    assert_eq!(out.push(&[rootless]).await, [Ack::Refused]);

    assert_eq!(rows_kept(&engine), before);
    assert_eq!(seats(&vic, chat), sat);
    assert_eq!(out.learns(&engine, chat).await, 0);
    assert_eq!(texts(&wes, chat), ["между нами"]);
    stop(engine).await;
}

/// M9, K10: somebody whose node shares no community adds a person here to groups of their own. Each asks first, and there
/// are as many as a node may begin chats; what is beyond is not kept.
#[tokio::test(flavor = "multi_thread")]
async fn groups_of_a_stranger_ask_first_and_are_few() {
    let dir = Folder::new();
    let engine = start(&dir, "victim").await;
    let vic = user(&engine, "vic").await;
    let stranger = Hostile::claiming(&engine, 60, Claims::default()).await;
    let mut foe = Foe::of(&engine, stranger).await;
    crate::shared::lock(&engine.shared().rates).strangers = crate::rate::Buckets::new(0.01, 5.0);
    let mut taken = 0;
    for n in 0..9 {
        let at = foe
            .bad
            .place(ChatId::default(), Lane::Control, 0, EventId::default());
        let create = Create {
            nonce: Bytes([n; 16]),
            policy: policy(),
        };
        let made = VerifiedEvent::sign(at, Kind::CREATE, create.encode(), &foe.bad.key);
        let chat = ChatId(made.id().0);
        foe.chat = group_ref(chat);
        foe.next[0] = (1, made.id());
        let add = Add {
            user: vic.id(),
            role: Role::Member,
            by_link: false,
        };
        let add = foe.act(Kind::ADD, add.encode());
        match foe.push(&[made, add]).await[..] {
            [Ack::Committed, Ack::Committed] => {
                taken += 1;
                assert_eq!(vic.chat(chat).unwrap().state, ChatState::Request);
            }
            [Ack::Later, Ack::Later] => assert!(vic.chat(chat).is_err()),
            ref other => panic!("{other:?}"),
        }
    }
    assert_eq!(taken, 5);
    stop(engine).await;
}

/// B34: a member writes, is removed, and goes on from a clock set back and with the past it had then: nothing of
/// that counts, on any lane; what it wrote before stays, however often it is played back. It asks again as when it
/// was in and is told nothing (S9).
#[tokio::test(flavor = "multi_thread")]
async fn what_a_former_member_dates_back_is_void_and_it_is_told_nothing() {
    let dir = Folder::new();
    let engine = start(&dir, "victim").await;
    let (vic, wes) = (user(&engine, "vic").await, user(&engine, "wes").await);
    let mut foe = Foe::at(&engine, 60).await;
    let chat = group(&vic, &[wes.id(), foe.bad.user]).await;
    foe.has_seen(&engine, chat);
    let key = foe.shares(&engine, &[vic.id(), wes.id()]);
    let old = [foe.says("раз"), foe.says("два")];
    assert_eq!(foe.push(std::slice::from_ref(&key)).await, [Ack::Committed]);
    assert_eq!(foe.push(&old).await, [Ack::Committed; 2]);
    until("read", || texts(&wes, chat) == ["раз", "два"]).await;
    // As long as it is in it may have everything.
    assert!(foe.learns(&engine, chat).await > 4);

    vic.remove_member(chat, foe.bad.user).await.unwrap();
    let sat = seats(&vic, chat);
    say(&vic, chat, "без неё").await;
    foe.earlier_ms = 24 * 3_600_000;
    let add = |user| Add {
        user,
        role: Role::Member,
        by_link: false,
    };
    let (friend, own) = (add(UserId([8; 32])), add(foe.bad.user));
    let late = [
        foe.says("будто раньше"),
        foe.shares(&engine, &[vic.id(), wes.id()]),
    ];
    assert_eq!(foe.push(&late).await, [Ack::Refused; 2]);
    // Control events keep their place in the graph and have no effect.
    for payload in [own.encode(), friend.encode()] {
        let event = foe.act(Kind::ADD, payload);
        foe.push(&[event]).await;
    }
    // A message where one of its own stands already: the cut names which of the two counts (L7).
    foe.next[2] = (1, old[0].id());
    let other = foe.says("другое второе");
    foe.push(&[other]).await;
    for _ in 0..3 {
        assert_eq!(foe.push(&old).await, [Ack::Committed; 2]);
        assert_eq!(foe.push(std::slice::from_ref(&key)).await, [Ack::Committed]);
    }
    for who in [&vic, &wes] {
        assert_eq!(texts(who, chat), ["раз", "два", "без неё"]);
        assert_eq!(seats(who, chat), sat);
    }
    assert_eq!(foe.learns(&engine, chat).await, 0);

    // The key that it once made is known to somebody who is out: the members use another.
    let rows = engine.shared().store.read().unwrap();
    let no = chats::number(&rows, chat).unwrap().unwrap();
    let newest = all(&vic, chat).pop().unwrap().id;
    let stored = events::find(&rows, newest).unwrap().unwrap();
    let wire = events::wire(&rows, stored.feed_no, stored.seq, stored.branch).unwrap();
    let event = VerifiedEvent::from_store(&wire.unwrap()).unwrap();
    let sealed: seal::SealedPayload =
        chater_protocol::codec::decode(event.payload().unwrap(), usize::MAX).unwrap();
    assert_ne!(sealed.key_id, foe.secret.id());
    let used = chats::key(&rows, no, sealed.key_id).unwrap().unwrap();
    assert!(used.holders.iter().all(|(user, _)| *user != foe.bad.user));
    drop(rows);
    stop(engine).await;
}
