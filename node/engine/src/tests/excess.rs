//! Members of a group who send too much or what does not fit: keys under wrong names, heads beyond number, parts over
//! their sizes. It is refused or bounded, and the group goes on.

use chater_protocol::codec;
use chater_protocol::event::{Header, Kind, Lane, VerifiedEvent};
use chater_protocol::heads::HeadRow;
use chater_protocol::id::{Hash, HomeId, UserId};
use chater_protocol::key::Domain;
use chater_protocol::limits;
use chater_protocol::payload::{CutRow, KeyShare, Payload as _};
use chater_protocol::seal::{BoxFor, EpochSecret};
use chater_protocol::wire::{Ack, LogRequest, Message as _, Push};
use chater_store::chats;
use serde_bytes::ByteBuf;

use super::hostile::kem_of;
use super::liars::{Scene, remove};
use super::outsiders::seats;
use super::wire::rows_kept;
use super::*;
use crate::shared::SystemRandom;

/// B34, K1: a member names its messages' key by an id that nobody has, shares a secret under the name of another,
/// puts rubbish into boxes, and shares its own secret under the name of the key that the group uses. What cannot be
/// opened is not shown; the others' key stays theirs, and they go on.
#[tokio::test(flavor = "multi_thread")]
async fn keys_under_wrong_names_open_nothing_and_stop_nobody() {
    let mut scene = Scene::set().await;
    let (chat, vic, wes) = (scene.chat, scene.vic.id(), scene.wes.id());
    say(&scene.vic, chat, "ключ есть").await;
    sees(&scene.wes, chat, "ключ есть").await;
    let used = {
        let rows = scene.here.shared().store.read().unwrap();
        let no = chats::number(&rows, chat).unwrap().unwrap();
        chats::keys(&rows, no).unwrap().remove(0).0
    };
    // Of nobody's key.
    let unknown = scene.foe.says("не прочесть");
    let boxes = |foe: &super::outsiders::Foe, secret: &EpochSecret| {
        let seal = |(engine, user): (&Engine, UserId)| {
            let card = kem_of(engine, user);
            let who = BoxFor {
                group: chat,
                author: foe.bad.user,
                author_home: foe.bad.home,
                user,
                home: card.home,
                n: card.n,
            };
            who.seal(secret, &card.kem_pk, &mut SystemRandom).unwrap()
        };
        [(&scene.here, vic), (&scene.there, wes)].map(seal).to_vec()
    };
    let other = EpochSecret::generate(&mut SystemRandom);
    let mut broken = boxes(&scene.foe, &scene.foe.secret);
    for sealed in &mut broken {
        sealed.enc.0[0] ^= 1;
    }
    let shares = [
        // Another secret under the name of the message's key; rubbish; its own under the name of the one in use.
        (scene.foe.secret.id(), boxes(&scene.foe, &other)),
        (scene.foe.secret.id(), broken),
        (used, boxes(&scene.foe, &scene.foe.secret)),
        (used, Vec::new()),
    ];
    let mut batch: Vec<VerifiedEvent> = Vec::new();
    for (key_id, boxes) in shares {
        let share = KeyShare { key_id, boxes };
        batch.push(scene.foe.event(Lane::Keys, Kind::KEY, share.encode()));
    }
    batch.push(unknown);
    scene.told(&batch, &batch).await;
    for who in [&scene.vic, &scene.wes] {
        assert_eq!(texts(who, chat), ["ключ есть"]);
    }
    scene.goes_on(vec!["ключ есть"]).await;
    // Asked for in vain, and not without end.
    let asked = scene.foe.bad.asked.load(Ordering::Relaxed);
    assert!(asked < 40, "{asked} requests");
    scene.stop().await;
}

/// B21: a peer answers with more heads than an answer may have, or with as many as it may, all of feeds that nobody
/// has and up to the last number there is. The first is refused whole; the second costs bounded asking. Others'
/// messages pass meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn heads_beyond_number_cost_no_more_than_a_few_requests() {
    let scene = Scene::set().await;
    let chat = scene.chat;
    let row = |n: usize| {
        let mut id = [7; 32];
        id[..8].copy_from_slice(&(n as u64).to_be_bytes());
        HeadRow {
            author: UserId(id),
            home: HomeId([7; 16]),
            lane: (n % 4) as u8,
            seq: u64::MAX,
            id: EventId(id),
        }
    };
    let before = rows_kept(&scene.here);
    for count in [limits::HEAD_ROWS + 1, 200] {
        *scene.foe.bad.heads.lock().unwrap() = (0..count).map(row).collect();
        let asked = scene.foe.bad.asked.load(Ordering::Relaxed);
        // A link to what is not here makes the node ask this very peer.
        let mut lost = scene
            .foe
            .bad
            .place(chat, Lane::Messages, 0, EventId::default());
        lost.ctl = vec![EventId([count as u8; 32])];
        let lost = VerifiedEvent::sign(lost, Kind::MSG, vec![1], &scene.foe.bad.key);
        assert_eq!(scene.foe.push(&[lost]).await, [Ack::Waits]);
        let text = format!("при {count}");
        say(&scene.vic, chat, &text).await;
        sees(&scene.wes, chat, &text).await;
        // The pause after a comparison in vain.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let asked = scene.foe.bad.asked.load(Ordering::Relaxed) - asked;
        let most = if count > limits::HEAD_ROWS {
            20
        } else {
            3 * count as u32
        };
        assert!(asked <= most, "{asked} requests for {count} heads");
    }
    let own = 10;
    assert!(
        rows_kept(&scene.here) <= before + own,
        "nothing of it is kept"
    );
    scene.goes_on(vec!["при 8193", "при 200"]).await;
    scene.stop().await;
}

/// An event signed well whose header says what the home's own program would never let it say.
fn signed(foe: &super::outsiders::Foe, change: impl Fn(&mut Header), payload: &[u8]) -> Vec<u8> {
    let at = foe
        .bad
        .place(foe.chat.chat, Lane::Control, 0, EventId::default());
    let mut header = Header {
        v: 1,
        group: at.feed.group,
        author: at.feed.author,
        home: at.feed.home,
        lane: 0,
        seq: 0,
        prev: EventId::default(),
        ctl: foe.ctl.clone(),
        deps: Vec::new(),
        ts: at.ts,
        kind: Kind::REMOVE,
        payload_len: u32::try_from(payload.len()).unwrap(),
        payload_hash: Hash(*blake3::hash(payload).as_bytes()),
    };
    change(&mut header);
    let header = codec::encode(&header);
    let sig = foe.bad.key.sign(Domain::Event, &header);
    let parts = (ByteBuf::from(header), sig, Some(ByteBuf::from(payload)));
    codec::encode(&parts)
}

/// B18: an admin's events with more links than eight, with payloads over their sizes, with a cut of thousands of
/// rows, and a push of more events than one may have: refused, nothing kept. A cut as long as a node may write is
/// taken.
#[tokio::test(flavor = "multi_thread")]
async fn parts_over_their_sizes_are_refused() {
    let mut scene = Scene::set().await;
    let (chat, wes) = (scene.chat, scene.wes.id());
    let foe = scene.foe.bad.user;
    scene.vic.set_role(chat, foe, true).await.unwrap();
    scene.foe.has_seen(&scene.here, chat);
    let (before, sat) = (rows_kept(&scene.here), seats(&scene.vic, chat));
    let rows = |count: u32| {
        let row = |n: u32| {
            let mut home = [9; 16];
            home[..4].copy_from_slice(&n.to_be_bytes());
            CutRow {
                home: HomeId(home),
                lane: 0,
                seq: 1,
                id: EventId([1; 32]),
            }
        };
        (0..count).map(row).collect()
    };
    let links = |count: u8| (0..count).map(|n| EventId([n + 1; 32])).collect::<Vec<_>>();
    let good = remove(wes, Vec::new());
    let bad = [
        signed(&scene.foe, |header| header.ctl = links(9), &good),
        signed(&scene.foe, |header| header.ctl = links(200), &good),
        signed(&scene.foe, |header| header.deps = links(1), &good),
        signed(&scene.foe, |header| header.lane = 3, &good),
        signed(&scene.foe, |header| header.lane = 2, &good),
        signed(&scene.foe, |header| header.v = 2, &good),
        signed(&scene.foe, |header| header.payload_len = 1, &good),
        signed(&scene.foe, |_| {}, &vec![0; limits::PAYLOAD + 1]),
        signed(&scene.foe, |_| {}, &remove(wes, rows(5_000))),
    ];
    let acks = scene
        .foe
        .bad
        .push_bytes(&scene.foe.chat, bad.to_vec())
        .await;
    assert_eq!(acks, vec![Ack::Refused; bad.len()]);
    let many = LogRequest::Push(Push {
        chat: scene.foe.chat.clone(),
        events: vec![ByteBuf::from(bad[0].clone()); limits::PUSH_EVENTS + 1],
    });
    assert_eq!(scene.foe.bad.asks(many.encode()).await, None);
    assert_eq!(rows_kept(&scene.here), before);
    assert_eq!(seats(&scene.vic, chat), sat);
    scene.goes_on(Vec::new()).await;

    let longest = signed(&scene.foe, |_| {}, &remove(wes, rows(1_000)));
    let acks = scene
        .foe
        .bad
        .push_bytes(&scene.foe.chat, vec![longest])
        .await;
    assert_eq!(acks, [Ack::Committed]);
    assert_eq!(seats(&scene.vic, chat).len(), sat.len() - 1);
    scene.stop().await;
}
