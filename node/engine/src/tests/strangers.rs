//! People nobody here knows: requests, blocks, refusals, claims about where somebody lives (K10, I12).

use chater_protocol::chat::direct;
use chater_protocol::event::{Kind, Lane, VerifiedEvent};
use chater_protocol::id::EventId;
use chater_protocol::identity::{HomeRecord, ProfileCard};
use chater_protocol::key::SigningKey;
use chater_protocol::limits;
use chater_protocol::seal::EpochSecret;
use chater_protocol::wire::{Ack, Identities};
use chater_store::homes;

use super::hostile::{Claims, Hostile, msg};
use super::*;
use crate::error::Error;
use crate::shared::SystemRandom;
use crate::update::{News, Update};
use crate::view::{ChatState, MessageState};
use crate::{Filter, RequestAnswer, Subscription};

/// So many messages of the stranger, in order.
fn messages(
    bad: &Hostile,
    chat: ChatId,
    secret: &EpochSecret,
    from: u64,
    to: u64,
) -> Vec<VerifiedEvent> {
    let mut prev = EventId::default();
    let mut made = Vec::new();
    for seq in 0..to {
        let at = bad.place(chat, Lane::Messages, seq, prev);
        let event = bad.sealed(at, Kind::MSG, secret, &msg(&format!("m{seq}")));
        prev = event.id();
        if seq >= from {
            made.push(event);
        }
    }
    made
}

/// News that came so far.
async fn heard(updates: &mut Subscription) -> Vec<Arc<Update>> {
    let mut heard = Vec::new();
    while let Ok(Some(update)) =
        tokio::time::timeout(Duration::from_millis(300), updates.next()).await
    {
        heard.push(update);
    }
    heard
}

fn listed(of: &UserHandle, filter: Filter) -> Vec<ChatId> {
    let page = of.chats(filter, 100, None).unwrap();
    page.chats.iter().map(|chat| chat.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_asks_and_is_bounded() {
    let dir = Folder::new();
    let engine = start(&dir, "asked").await;
    let vic = user(&engine, "vic").await;
    let bad = Hostile::claiming(&engine, 60, Claims::default()).await;
    let chat = direct::chat_ref(vic.id(), bad.user);
    let id = chat.chat;
    let secret = EpochSecret::generate(&mut SystemRandom);
    let mut updates = vic.updates(None).await.unwrap();
    let key = bad.shares(&engine, id, vic.id(), &secret);
    assert_eq!(bad.push(&chat, &[key]).await, [Ack::Committed]);
    // A key alone asks nothing yet.
    assert!(listed(&vic, Filter::Requests).is_empty());

    // The key was one of the 20 events; what is beyond is not held, and not acknowledged.
    let all = messages(&bad, id, &secret, 0, 30);
    let acks = bad.push(&chat, &all).await;
    let held = acks.iter().filter(|ack| **ack == Ack::Committed).count() as u64;
    assert_eq!(held, limits::STRANGER_EVENTS - 1);
    assert!(acks.iter().skip(19).all(|ack| *ack == Ack::Later));
    assert_eq!(listed(&vic, Filter::Requests), [id]);
    assert!(listed(&vic, Filter::All).is_empty());
    assert_eq!(vic.chat(id).unwrap().state, ChatState::Request);
    assert_eq!(texts(&vic, id).len(), 19);
    // No message was news, only the card was.
    let mut cards = 0;
    for update in heard(&mut updates).await {
        assert!(!matches!(update.news, News::Message(_)), "no notification");
        cards += usize::from(matches!(update.news, News::Chat(_)));
    }
    assert!(cards > 0);

    // Declined and blocked look the same from outside.
    for answer in [RequestAnswer::Decline, RequestAnswer::Block] {
        vic.answer_request(id, answer).await.unwrap();
        let acks = bad.push(&chat, &all[19..21]).await;
        assert_eq!(acks, [Ack::Later; 2]);
        assert!(listed(&vic, Filter::Requests).is_empty());
    }
    assert_eq!(vic.chat(id).unwrap().state, ChatState::Blocked);
    assert_eq!(listed(&vic, Filter::Blocked), [id]);
    let draft = || Draft {
        text: "no".to_owned(),
        ..Draft::default()
    };
    assert_eq!(vic.send(id, draft()).await.err(), Some(Error::Forbidden));
    // Starting the chat again does not take the block back by accident.
    assert_eq!(
        vic.start(bad.user).await.unwrap().0.state,
        ChatState::Blocked
    );

    vic.answer_request(id, RequestAnswer::Accept).await.unwrap();
    let acks = bad.push(&chat, &all[19..]).await;
    assert!(acks.iter().all(|ack| *ack == Ack::Committed));
    assert_eq!(texts(&vic, id).len(), 30);
    assert_eq!(listed(&vic, Filter::All), [id]);
    stop(engine).await;
}

/// K10: of a stranger so many bytes are held and no more, however few the events.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_has_so_many_bytes_held() {
    let dir = Folder::new();
    let engine = start(&dir, "victim").await;
    let vic = user(&engine, "vic").await;
    let bad = Hostile::claiming(&engine, 50, Claims::default()).await;
    let chat = direct::chat_ref(vic.id(), bad.user);
    let secret = EpochSecret::generate(&mut SystemRandom);
    let (mut prev, mut held) = (EventId::default(), 0);
    for seq in 0..10 {
        let at = bad.place(chat.chat, Lane::Messages, seq, prev);
        let event = bad.sealed(at, Kind::MSG, &secret, &msg(&"x".repeat(7_900)));
        let size = event.to_wire().len() as u64;
        let acks = bad.push(&chat, std::slice::from_ref(&event)).await;
        if held + size > limits::STRANGER_BYTES {
            assert_eq!(acks, [Ack::Later], "{seq}: {held} and {size} bytes");
            assert!(seq > 2);
            stop(engine).await;
            return;
        }
        assert_eq!(acks, [Ack::Committed], "{seq}: {held} and {size} bytes");
        held += size;
        prev = event.id();
    }
    panic!("{held} bytes of a stranger are held");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_write_first_is_for_each_to_choose() {
    use crate::view::WhoWrites;
    let dir = Folder::new();
    let engine = start(&dir, "asked").await;
    let secret = EpochSecret::generate(&mut SystemRandom);
    // A node of no community of ours, and somebody of this very node.
    let table = [
        (WhoWrites::Everyone, ChatState::Open, ChatState::Open),
        (WhoWrites::Communities, ChatState::Request, ChatState::Open),
        (WhoWrites::Nobody, ChatState::Request, ChatState::Request),
    ];
    for (at, (first, of_strangers, of_fellows)) in (0u8..).zip(table) {
        let vic = user(&engine, &format!("vic{at}")).await;
        let mut wanted = vic.me().unwrap().preferences;
        wanted.first = first;
        vic.set_preferences(wanted).await.unwrap();

        let far = Hostile::claiming(&engine, 70 + at, Claims::default()).await;
        let chat = direct::chat_ref(vic.id(), far.user);
        let key = far.shares(&engine, chat.chat, vic.id(), &secret);
        assert_eq!(far.push(&chat, &[key]).await, [Ack::Committed]);
        let hello = messages(&far, chat.chat, &secret, 0, 1);
        assert_eq!(far.push(&chat, &hello).await, [Ack::Committed]);
        assert_eq!(
            vic.chat(chat.chat).unwrap().state,
            of_strangers,
            "{first:?}"
        );

        let near = user(&engine, &format!("near{at}")).await;
        let chat = near.start(vic.id()).await.unwrap().0.id;
        say(&near, chat, "hello").await;
        assert_eq!(vic.chat(chat).unwrap().state, of_fellows, "{first:?}");
        // Whoever writes first oneself has let the other in.
        let second = user(&engine, &format!("second{at}")).await;
        let chat = vic.start(second.id()).await.unwrap().0.id;
        say(&vic, chat, "hello").await;
        say(&second, chat, "hello yourself").await;
        assert_eq!(vic.chat(chat).unwrap().state, ChatState::Open);
    }
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_strangers_ask_one_user() {
    let dir = Folder::new();
    let engine = start(&dir, "crowded").await;
    let vic = user(&engine, "vic").await;
    // As if 199 had asked before.
    let store = engine.shared().store.clone();
    let waiting = u32::try_from(limits::STRANGERS).unwrap() - 1;
    store
        .write::<_, chater_store::StoreError>(chater_store::Durability::Commit, |tx| {
            for no in 0..waiting {
                let inbox = chater_store::chats::InboxRow {
                    state: 1,
                    ..Default::default()
                };
                chater_store::chats::put_inbox(tx, vic.id(), 1_000_000 + no, &inbox)?;
            }
            Ok(())
        })
        .unwrap();
    let secret = EpochSecret::generate(&mut SystemRandom);
    let mut acks = Vec::new();
    for seed in [60, 70, 80] {
        let bad = Hostile::claiming(&engine, seed, Claims::default()).await;
        let chat = direct::chat_ref(vic.id(), bad.user);
        let first = messages(&bad, chat.chat, &secret, 0, 1);
        acks.extend(bad.push(&chat, &first).await);
    }
    assert_eq!(acks, [Ack::Committed, Ack::Later, Ack::Later]);
    // People of a node that shares the community are no strangers.
    let good = Hostile::at(&engine, 90).await;
    let chat = direct::chat_ref(vic.id(), good.user);
    let first = messages(&good, chat.chat, &secret, 0, 1);
    assert_eq!(good.push(&chat, &first).await, [Ack::Committed]);
    assert_eq!(vic.chat(chat.chat).unwrap().state, ChatState::Open);
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_for_good_is_failed() {
    let dir = Folder::new();
    let engine = start(&dir, "refused").await;
    let vic = user(&engine, "vic").await;
    let bad = Hostile::at(&engine, 60).await;
    let chat = direct::chat_ref(vic.id(), bad.user).chat;
    // The chat is known here once the other has written.
    let secret = EpochSecret::generate(&mut SystemRandom);
    let hello = messages(&bad, chat, &secret, 0, 1);
    bad.push(&direct::chat_ref(vic.id(), bad.user), &hello)
        .await;
    // Keys are taken, the second message is not.
    *bad.takes.lock().unwrap() = Some(Box::new(|event| {
        if event.header().kind == Kind::MSG && event.header().seq == 1 {
            Ack::Refused
        } else {
            Ack::Committed
        }
    }));
    let mut updates = vic.updates(None).await.unwrap();
    let mut sent = Vec::new();
    for n in 0..4 {
        sent.push(say(&vic, chat, &format!("{n}")).await.id);
    }
    let states = |of: &UserHandle| -> Vec<MessageState> {
        sent.iter().map(|id| one(of, chat, *id).state).collect()
    };
    use MessageState::{Delivered, Failed};
    let wanted = [Delivered, Failed, Delivered, Delivered];
    until("judged", || states(&vic) == wanted).await;
    let told = heard(&mut updates).await.into_iter().any(|update| {
        matches!(&update.news, News::State { ids, state: Failed, .. } if ids[..] == [sent[1]])
    });
    assert!(told);
    assert!(
        vic.path(chat, sent[1]).await.unwrap().hops[1]
            .at_ms
            .is_none()
    );

    // It is so after a restart.
    let id = vic.id();
    stop(engine).await;
    drop((vic, updates));
    let engine = start(&dir, "refused").await;
    let vic = engine.handle(id, None);
    assert_eq!(states(&vic), wanted);
    stop(engine).await;
}

/// A profile that a home signs.
fn profile(
    user: chater_protocol::id::UserId,
    home: chater_protocol::id::HomeId,
    nick: &str,
) -> ProfileCard {
    ProfileCard {
        v: 1,
        user,
        home,
        n: 0,
        nick: nick.into(),
        display_name: String::new(),
        about: String::new(),
        avatar: None,
        discoverable: 2,
        ts: 1,
    }
}

/// I12, B12: `nick@other` is shown only of whom the node "other" has confirmed itself.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_poses_as_a_person_of_another_node() {
    let (a, b) = (Folder::new(), Folder::new());
    let (engine, other) = (start(&a, "victim").await, start(&b, "other").await);
    let vic = user(&engine, "vic").await;
    let ann = user(&other, "ann").await;
    link(&engine, &other).await;
    let (here, there) = (engine.shared().node_id, other.shared().node_id);
    let secret = EpochSecret::generate(&mut SystemRandom);

    // A home that names the other node, or this very one, brought by a third: its events wait for ever.
    for (seed, node) in [(60, there), (70, here)] {
        let claims = Claims {
            fellow: true,
            node: Some(node),
            ..Claims::default()
        };
        let bad = Hostile::claiming(&engine, seed, claims).await;
        let chat = direct::chat_ref(vic.id(), bad.user);
        let first = messages(&bad, chat.chat, &secret, 0, 1);
        assert_eq!(bad.push(&chat, &first).await, [Ack::Waits]);
        assert_eq!(vic.chat_with(bad.user).unwrap(), None);
        let rows = engine.shared().store.read().unwrap();
        assert!(homes::card(&rows, bad.user).unwrap().is_none());
        let found = homes::find(&rows, "mallory", 20, |_, _| Ok(true));
        assert!(found.unwrap().is_empty());
    }
    assert_eq!(vic.find("mallory@other").await.err(), Some(Error::NotFound));
    assert_eq!(
        vic.find("mallory@victim").await.err(),
        Some(Error::NotFound)
    );

    // Somebody who is known may sign further homes, also such; they are shown where they were confirmed.
    let bad = Hostile::at(&engine, 80).await;
    let chat = direct::chat_ref(vic.id(), bad.user);
    let first = messages(&bad, chat.chat, &secret, 0, 1);
    assert_eq!(bad.push(&chat, &first).await, [Ack::Committed]);
    let far = SigningKey::from_seed(&[99; 32]);
    let record = HomeRecord {
        sign_pk: far.public(),
        node_id: there,
        ts: 9_000_000_000_000,
        ..bad.record.clone()
    };
    let mut card = profile(bad.user, record.id(), "ann");
    card.n = 7;
    let more = Identities {
        homes: vec![record.sign(&bad.root)],
        kems: Vec::new(),
        profiles: vec![card.sign(&far)],
    };
    crate::fetch::keep_identities(engine.shared(), bad.node, more, false)
        .await
        .unwrap();
    let shown = vic.find(&bad.user.to_string()).await.unwrap();
    assert_eq!(shown.nick, "ann");
    assert!(shown.node.starts_with("hostile"), "{}", shown.address);
    assert_eq!(vic.find("ann@other").await.unwrap().user_id, ann.id());
    // Also while the real node is away.
    stop(other).await;
    until("away", || !engine.shared().is_linked(there)).await;
    assert_eq!(vic.find("ann@other").await.unwrap().user_id, ann.id());
    assert_eq!(shown.node_id, bad.node);
    stop(engine).await;
}

/// S4, Q48: what an author has written over the rate waits; nothing is lost and others are not held up.
#[tokio::test(flavor = "multi_thread")]
async fn an_author_over_the_rate_waits() {
    let dir = Folder::new();
    let engine = start(&dir, "flooded").await;
    let vic = user(&engine, "vic").await;
    let bad = Hostile::at(&engine, 60).await;
    let chat = direct::chat_ref(vic.id(), bad.user);
    let secret = EpochSecret::generate(&mut SystemRandom);
    let mut all = messages(&bad, chat.chat, &secret, 0, 43);
    let later = all.split_off(40);
    crate::shared::lock(&engine.shared().rates).authors =
        crate::rate::Buckets::new(20.0 * 60.0, 8.0);
    let acks = bad.push(&chat, &all[..20]).await;
    let taken = acks
        .iter()
        .take_while(|ack| **ack == Ack::Committed)
        .count();
    assert!((8..12).contains(&taken), "{acks:?}");
    assert!(acks[taken..].iter().all(|ack| *ack == Ack::Waits));
    // Somebody else is served.
    let good = Hostile::at(&engine, 70).await;
    let other = direct::chat_ref(vic.id(), good.user);
    let first = messages(&good, other.chat, &secret, 0, 4);
    assert_eq!(good.push(&other, &first).await, [Ack::Committed; 4]);
    // The rest comes as the rate allows.
    let mut next = taken;
    let began = Instant::now();
    while next < all.len() {
        assert!(began.elapsed() < PATIENCE, "{next} of {}", all.len());
        let acks = bad.push(&chat, &all[next..all.len().min(next + 8)]).await;
        next += acks
            .iter()
            .take_while(|ack| **ack == Ack::Committed)
            .count();
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert!(began.elapsed() > Duration::from_millis(900));
    assert_eq!(all_count(&engine, chat.chat), 40);
    // S4, B15: what is here already is known before it is counted, so whoever plays it back does not silence its author.
    crate::shared::lock(&engine.shared().rates).authors = crate::rate::Buckets::new(1.0, 8.0);
    assert_eq!(bad.push(&chat, &all).await, [Ack::Committed; 40]);
    assert_eq!(bad.push(&chat, &later).await, [Ack::Committed; 3]);
    stop(engine).await;
}

fn all_count(engine: &Engine, chat: ChatId) -> u64 {
    let rows = engine.shared().store.read().unwrap();
    let no = chater_store::chats::number(&rows, chat).unwrap().unwrap();
    chater_store::chats::chat(&rows, no).unwrap().unwrap().count
}
