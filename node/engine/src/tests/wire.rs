//! Bad inputs over the wire, from a hand-made peer: each is refused or bounded, nothing of it is kept, and the node
//! goes on serving others. The numbers are those of tests/README.md.

use chater_protocol::chat::direct;
use chater_protocol::event::{Kind, Lane, VerifiedEvent};
use chater_protocol::id::{EventId, HomeId};
use chater_protocol::identity::ProfileCard;
use chater_protocol::seal::EpochSecret;
use chater_protocol::time::Timestamp;
use chater_protocol::wire::{Ack, ChatRef, Identities, LogAnswer, LogRequest, Message as _, Push};
use chater_store::tables::Table;
use chater_store::{Durability, Rows as _, StoreError, chats, events, homes};
use serde_bytes::ByteBuf;

use super::hostile::{Hostile, msg};
use super::*;
use crate::shared::SystemRandom;

/// Rows of the tables that events of peers could fill.
pub(super) fn rows_kept(engine: &Engine) -> usize {
    let rows = engine.shared().store.read().unwrap();
    let mut kept = 0;
    for table in [
        Table::Chats,
        Table::Events,
        Table::Keys,
        Table::Children,
        Table::ChatLacking,
    ] {
        rows.each(table, &[], &mut |_, _| {
            kept += 1;
            true
        })
        .unwrap();
    }
    kept
}

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_request_change_nothing() {
    let dir = Folder::new();
    let engine = start(&dir, "frames").await;
    let vic = user(&engine, "vic").await;
    let bad = Hostile::at(&engine, 60).await;
    let chat = direct::chat_ref(vic.id(), bad.user);
    let secret = EpochSecret::generate(&mut SystemRandom);
    let at = bad.place(chat.chat, Lane::Messages, 0, EventId::default());
    let good = bad.sealed(at, Kind::MSG, &secret, &msg("hello"));
    let whole = LogRequest::Push(Push {
        chat: chat.clone(),
        events: vec![ByteBuf::from(good.to_wire())],
    })
    .encode();
    let before = rows_kept(&engine);

    let mut frames: Vec<Vec<u8>> = vec![
        // B01 nothing; B03, B08 lengths of 2^63 and 2^32; B06 without an end; B07 10,000 levels deep.
        Vec::new(),
        vec![0x5b, 0x80, 0, 0, 0, 0, 0, 0, 0],
        vec![0x9a, 0xff, 0xff, 0xff, 0xff, 1],
        vec![0x82, 1, 0x9f, 0xff],
        [vec![0x81; 10_000], vec![0]].concat(),
        // B05 more behind it; B17 a tag that nobody knows.
        [&whole[..], &[0]].concat(),
        vec![0x82, 0x18, 99, 0],
    ];
    // B04 cut anywhere; B02 random.
    frames.extend(
        (1..whole.len())
            .step_by(17)
            .map(|end| whole[..end].to_vec()),
    );
    let mut state = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..64 {
        let len = random(&mut state) % 400;
        frames.push((0..len).map(|_| random(&mut state) as u8).collect());
    }
    for frame in frames {
        let shown = frame.len();
        assert!(
            bad.asks(frame).await.is_none(),
            "{shown} bytes were answered"
        );
    }
    assert_eq!(rows_kept(&engine), before);

    // The same for what should be an event: each is refused alone, and the right one among them is taken.
    let wire = good.to_wire();
    let mut broken = wire.clone();
    *broken.last_mut().unwrap() ^= 1;
    let events = vec![
        Vec::new(),
        vec![0xff; 40],
        wire[..wire.len() / 2].to_vec(),
        [&wire[..], &[0]].concat(),
        broken,
        wire.clone(),
    ];
    let acks = bad.push_bytes(&chat, events).await;
    assert_eq!(acks[..5], [Ack::Refused; 5]);
    assert_eq!(acks[5], Ack::Committed);

    // B15: played back 10,000 times it is there once, and costs no commit.
    for _ in 0..157 {
        let acks = bad.push_bytes(&chat, vec![wire.clone(); 64]).await;
        assert_eq!(acks, [Ack::Committed; 64]);
    }
    let no = number(&engine, &chat);
    let rows = engine.shared().store.read().unwrap();
    assert_eq!(chats::chat(&rows, no).unwrap().unwrap().count, 1);
    // More events than a push may have are not looked at (S6).
    let many = vec![wire; 65];
    let push = Push {
        chat: chat.clone(),
        events: many.into_iter().map(ByteBuf::from).collect(),
    };
    let answer = bad.asks(LogRequest::Push(push).encode()).await;
    assert!(!matches!(answer, Some(LogAnswer::Acks(_))));
    assert!(engine.healthy().await);
    stop(engine).await;
}

fn number(engine: &Engine, chat: &ChatRef) -> u32 {
    let rows = engine.shared().store.read().unwrap();
    chats::number(&rows, chat.chat).unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn forks_gaps_and_times_of_a_peer() {
    let dir = Folder::new();
    let engine = start(&dir, "positions").await;
    let vic = user(&engine, "vic").await;
    let bad = Hostile::at(&engine, 60).await;
    let chat = direct::chat_ref(vic.id(), bad.user);
    let id = chat.chat;
    let secret = EpochSecret::generate(&mut SystemRandom);
    let none = EventId::default();
    let key = bad.shares(&engine, id, vic.id(), &secret);
    let sealed = |seq, prev, ts, text: &str| {
        let mut at = bad.place(id, Lane::Messages, seq, prev);
        at.ts = ts;
        bad.sealed(at, Kind::MSG, &secret, &msg(text))
    };
    let now = Timestamp::from_ms(crate::actor::now_ms());

    // B10: two events of one author with one number: both are kept and shown, the head ends below.
    let first = sealed(0, none, now, "first");
    let (left, right) = (
        sealed(1, first.id(), now, "left"),
        sealed(1, first.id(), now, "right"),
    );
    let acks = bad
        .push(&chat, &[key, first.clone(), left.clone(), right])
        .await;
    assert_eq!(acks, [Ack::Committed; 4]);
    let mut shown = texts(&vic, id);
    shown.sort();
    assert_eq!(shown, ["first", "left", "right"]);
    let no = number(&engine, &chat);
    let heads = {
        let rows = engine.shared().store.read().unwrap();
        events::heads(&rows, no).unwrap()
    };
    let head = heads.iter().find(|head| head.lane == 2).unwrap();
    assert_eq!((head.seq, head.id), (0, first.id()));

    // B16: from year 0 and from the end of time; B21: number 2^64 - 1. Nothing wraps, nothing loops.
    let began = Instant::now();
    let old = sealed(2, left.id(), Timestamp(0), "old");
    let far = sealed(3, old.id(), Timestamp(u64::MAX), "far");
    let last = sealed(u64::MAX, far.id(), now, "last");
    let acks = bad.push(&chat, &[old, far.clone(), last]).await;
    assert_eq!(acks, [Ack::Committed; 3]);
    say(&vic, id, "below").await;
    assert_eq!(texts(&vic, id).last().unwrap(), "below");

    // B19: parents that do not exist, 10,000 of them: what is asked for them is bounded.
    let asked = bad.asked.load(Ordering::Relaxed);
    let mut prev = far.id();
    for batch in 0..20u64 {
        let mut wires = Vec::new();
        for n in 0..64u64 {
            let seq = 4 + batch * 64 + n;
            let mut at = bad.place(id, Lane::Messages, seq, prev);
            at.deps = (0..8u64)
                .map(|dep| {
                    let mut lacking = [7; 32];
                    lacking[..8].copy_from_slice(&(seq * 8 + dep).to_be_bytes());
                    EventId(lacking)
                })
                .collect();
            let event = bad.sealed(at, Kind::MSG, &secret, &msg("gap"));
            prev = event.id();
            wires.push(event.to_wire());
        }
        let acks = bad.push_bytes(&chat, wires).await;
        assert!(acks.iter().all(|ack| *ack == Ack::Committed));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let asked = bad.asked.load(Ordering::Relaxed) - asked;
    assert!(asked < 60, "{asked} requests");
    assert!(began.elapsed() < Duration::from_secs(60));
    assert!(engine.healthy().await);
    stop(engine).await;
}

/// B31: rows that do not read leave pages, the list, search and the next start alone.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_do_not_read_take_nothing_with_them() {
    let dir = Folder::new();
    let engine = start(&dir, "poison").await;
    let (ann, bob) = (user(&engine, "ann").await, user(&engine, "bob").await);
    let chat = ann.start(bob.id()).await.unwrap().0.id;
    for n in 0..10 {
        say(&ann, chat, &format!("m{n}")).await;
    }
    let store = engine.shared().store.clone();
    let mut keys = Vec::new();
    store
        .read()
        .unwrap()
        .each(Table::Events, &[], &mut |key, value| {
            let event = VerifiedEvent::from_store(value).unwrap();
            if event.header().kind == Kind::MSG {
                keys.push(key.to_vec());
            }
            true
        })
        .unwrap();
    // One in the middle, and the newest.
    store
        .write::<_, StoreError>(Durability::Commit, |tx| {
            tx.put(Table::Events, &keys[4], b"poison")?;
            tx.put(Table::Events, &keys[9], &[0x83, 0x40])
        })
        .unwrap();
    let left = ["m0", "m1", "m2", "m3", "m5", "m6", "m7", "m8"];
    assert_eq!(texts(&bob, chat), left);
    assert_eq!(
        bob.chats(crate::Filter::All, 40, None).unwrap().chats.len(),
        1
    );
    assert_eq!(ann.find("bob").await.unwrap().user_id, bob.id());
    say(&bob, chat, "after").await;
    assert_eq!(texts(&ann, chat).last().unwrap(), "after");
    let id = bob.id();
    stop(engine).await;
    drop((ann, bob, store));
    let engine = start(&dir, "poison").await;
    let bob = engine.handle(id, None);
    assert_eq!(texts(&bob, chat).len(), left.len() + 1);
    stop(engine).await;
}

/// B37: names and texts of a peer keep the rules of ours.
#[tokio::test(flavor = "multi_thread")]
async fn names_and_texts_of_a_peer_keep_the_rules() {
    let dir = Folder::new();
    let engine = start(&dir, "names").await;
    let vic = user(&engine, "vic").await;
    let bad = Hostile::at(&engine, 60).await;
    let chat = direct::chat_ref(vic.id(), bad.user);
    let id = chat.chat;
    let secret = EpochSecret::generate(&mut SystemRandom);
    let key = bad.shares(&engine, id, vic.id(), &secret);
    let mut prev = EventId::default();
    let mut made = vec![key];
    let long = "x".repeat(8_001);
    for (seq, text) in ["right", "bell \u{7}", "", " \n ", &long]
        .iter()
        .enumerate()
    {
        let at = bad.place(id, Lane::Messages, seq as u64, prev);
        let event = bad.sealed(at, Kind::MSG, &secret, &msg(text));
        prev = event.id();
        made.push(event);
    }
    let acks = bad.push(&chat, &made).await;
    assert_eq!(acks, [Ack::Committed; 6]);
    assert_eq!(texts(&vic, id), ["right"]);

    let card = |nick: &str, shown: &str, n| ProfileCard {
        v: 1,
        user: bad.user,
        home: bad.home,
        n,
        nick: nick.to_owned(),
        display_name: shown.to_owned(),
        about: String::new(),
        avatar: None,
        discoverable: 2,
        ts: 1,
    };
    let long = "y".repeat(65);
    let names = [
        ("mal\u{202e}lory", ""),
        ("m", ""),
        ("malлory", ""),
        ("admin", ""),
        ("mallory", "evil\u{202e}gpj"),
        ("mallory", "bell\u{7}"),
        ("mallory", &long),
    ];
    for (n, (nick, shown)) in (1..).zip(names) {
        let given = Identities {
            profiles: vec![card(nick, shown, n).sign(&bad.key)],
            ..Identities::default()
        };
        crate::fetch::keep_identities(engine.shared(), bad.node, given, false).await;
        let rows = engine.shared().store.read().unwrap();
        let (kept, _) = homes::card(&rows, bad.user).unwrap().unwrap();
        assert_eq!(
            (kept.n, &kept.nick[..]),
            (0, "mallory"),
            "{nick:?} {shown:?}"
        );
    }
    // A right one replaces it.
    let given = Identities {
        profiles: vec![card("mallory", "Mallory M.", 20).sign(&bad.key)],
        ..Identities::default()
    };
    crate::fetch::keep_identities(engine.shared(), bad.node, given, false).await;
    let shown = vic.find(&bad.user.to_string()).await.unwrap();
    assert_eq!(shown.display_name, "Mallory M.");
    assert_ne!(bad.home, HomeId::default());
    stop(engine).await;
}
