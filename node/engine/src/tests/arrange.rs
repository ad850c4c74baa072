//! The own list: pinned, silent, archived, read and unread; and a list of thousands of chats.

use std::time::Instant;

use chater_protocol::id::{ChatId, UserId};
use chater_store::chats::{self, ChatRow, InboxRow};

use super::{Folder, say, start, stop, user};
use crate::view::{ChatState, Counts};
use crate::{Arrange, Engine, Error, Filter, News, RequestAnswer, Silence, UserHandle};

async fn two(folder: &Folder) -> (Engine, UserHandle, UserHandle, ChatId) {
    let node = start(folder, "dom").await;
    let ann = user(&node, "ann").await;
    let bob = user(&node, "bob").await;
    let chat = ann.start(bob.id()).await.unwrap().0.id;
    // Whoever is written to gets the chat by the first message; here both want it from the start.
    bob.start(ann.id()).await.unwrap();
    (node, ann, bob, chat)
}

fn listed(user: &UserHandle, filter: Filter) -> Vec<ChatId> {
    let page = user.chats(filter, 100, None).unwrap();
    page.chats.into_iter().map(|chat| chat.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_arranged_for_oneself_and_told_to_all_tabs() {
    let folder = Folder::new();
    let (node, ann, bob, chat) = two(&folder).await;
    let eve = user(&node, "eve").await;
    let other = ann.start(eve.id()).await.unwrap().0.id;
    eve.start(ann.id()).await.unwrap();
    say(&bob, chat, "one").await;
    say(&eve, other, "later").await;
    assert_eq!(listed(&ann, Filter::All), [other, chat]);

    let mut news = ann.updates(None).await.unwrap();
    ann.arrange(chat, vec![Arrange::Pin(true)]).await.unwrap();
    ann.arrange(chat, vec![Arrange::Pin(true)]).await.unwrap();
    assert_eq!(listed(&ann, Filter::All), [chat, other], "pinned first");
    assert!(!bob.chat(chat).unwrap().pinned, "for oneself");
    let told = loop {
        if let News::Chat(card) = &news.next().await.unwrap().news {
            break card.clone();
        }
    };
    assert!(told.id == chat && told.pinned);

    // Silent: for a time, for good, not any more.
    for (silence, muted) in [
        (Silence::For(3_600_000), true),
        (Silence::Ever, true),
        (Silence::For(0), false),
        (Silence::For(u64::MAX), true),
        (Silence::Off, false),
    ] {
        ann.arrange(chat, vec![Arrange::Mute(silence)])
            .await
            .unwrap();
        let until = ann.chat(chat).unwrap().muted_until_ms.unwrap_or(0);
        let now = i64::try_from(crate::actor::now_ms()).unwrap();
        assert_eq!(until > now, muted, "{silence:?} gave {until}");
        assert!(until <= i64::try_from(crate::arrange::FOREVER_MS).unwrap());
    }

    // Nobody arranges what is not theirs, and a request is answered before it is arranged.
    assert_eq!(
        eve.arrange(chat, vec![Arrange::Pin(true)]).await,
        Err(Error::NotFound)
    );
    ann.answer_request(other, RequestAnswer::Decline)
        .await
        .unwrap();
    assert_eq!(
        ann.arrange(other, vec![Arrange::Pin(true)]).await,
        Err(Error::Forbidden)
    );

    // It stays so after a restart.
    let id = ann.id();
    drop((ann, bob, eve, news));
    stop(node).await;
    let node = start(&folder, "dom").await;
    let ann = node.handle(id, None);
    assert!(ann.chat(chat).unwrap().pinned);
    stop(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_gives_back_what_is_written_to_unless_it_is_silent() {
    let folder = Folder::new();
    let (node, ann, bob, chat) = two(&folder).await;
    say(&bob, chat, "one").await;
    ann.arrange(chat, vec![Arrange::Pin(true), Arrange::Archive(true)])
        .await
        .unwrap();
    assert!(listed(&ann, Filter::All).is_empty() && listed(&ann, Filter::Unread).is_empty());
    assert_eq!(listed(&ann, Filter::Archive), [chat]);
    assert!(!ann.chat(chat).unwrap().pinned);
    let counts = Counts {
        archived: 1,
        ..Counts::default()
    };
    assert_eq!(ann.counts(), Ok(counts));

    say(&ann, chat, "an own one moves nothing").await;
    assert_eq!(listed(&ann, Filter::Archive), [chat]);
    ann.arrange(chat, vec![Arrange::Mute(Silence::Ever)])
        .await
        .unwrap();
    say(&bob, chat, "two").await;
    assert_eq!(listed(&ann, Filter::Archive), [chat], "silent: it stays");
    ann.arrange(chat, vec![Arrange::Mute(Silence::Off)])
        .await
        .unwrap();
    say(&bob, chat, "three").await;
    assert_eq!(listed(&ann, Filter::All), [chat]);
    assert!(listed(&ann, Filter::Archive).is_empty());
    stop(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn read_and_unread_by_hand() {
    let folder = Folder::new();
    let (node, ann, bob, chat) = two(&folder).await;
    let own = say(&ann, chat, "hello").await;
    let unread = |user: &UserHandle| user.chat(chat).unwrap().unread;
    assert!(
        matches!(
            ann.arrange(chat, vec![Arrange::Pin(true), Arrange::Unread])
                .await,
            Err(Error::Invalid {
                field: "unread",
                ..
            })
        ),
        "nobody else wrote"
    );
    assert!(!ann.chat(chat).unwrap().pinned, "all of it or nothing");
    for text in ["one", "two", "three"] {
        say(&bob, chat, text).await;
    }
    assert_eq!(unread(&ann), 3);
    ann.arrange(chat, vec![Arrange::Read]).await.unwrap();
    assert_eq!((unread(&ann), ann.unread_chats()), (0, Ok(0)));
    let seen = bob.messages(chat, crate::view::Anchor::Newest, 1).unwrap();
    assert_eq!(
        seen.messages[0].state,
        crate::view::MessageState::Read,
        "the other side is told"
    );
    ann.arrange(chat, vec![Arrange::Unread]).await.unwrap();
    ann.arrange(chat, vec![Arrange::Unread]).await.unwrap();
    assert_eq!((unread(&ann), ann.unread_chats()), (1, Ok(1)));
    assert_eq!(listed(&ann, Filter::Unread), [chat]);
    assert_eq!(
        bob.messages(chat, crate::view::Anchor::Newest, 1).unwrap(),
        seen,
        "a mark is not taken back"
    );
    assert!(own.own);
    stop(node).await;
}

/// `n` chats with people nobody knows, as if their first messages had been read long ago.
fn fill(engine: &Engine, viewer: UserId, n: u32) {
    engine
        .shared()
        .store
        .clone()
        .write::<_, chater_store::StoreError>(chater_store::Durability::Commit, |tx| {
            for no in 0..n {
                let mut id = [9; 32];
                id[..4].copy_from_slice(&no.to_be_bytes());
                let row = ChatRow {
                    v: 1,
                    id: ChatId(id),
                    users: Some((viewer, UserId(id))),
                    active_ms: 1_000_000 + u64::from(no % 977) * 1000,
                    newest: None,
                    count: 1,
                    heads: vec![(
                        chater_protocol::id::EventId(id),
                        chater_protocol::time::Timestamp(1),
                    )],
                };
                chats::put(tx, 1_000_000 + no, &row)?;
                let inbox = InboxRow {
                    read_n: 1,
                    pinned: no % 1000 == 0,
                    ..InboxRow::default()
                };
                chats::put_inbox(tx, viewer, 1_000_000 + no, &inbox)?;
            }
            Ok(())
        })
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_chats_come_in_pages_each_once_and_fast() {
    const CHATS: u32 = 5_000;
    let folder = Folder::new();
    let (node, ann, bob, chat) = two(&folder).await;
    fill(&node, ann.id(), CHATS);
    say(&bob, chat, "now").await;
    let mut best = std::time::Duration::MAX;
    for _ in 0..5 {
        let began = Instant::now();
        let (page, counts) = ann.list(Filter::All, 40, None).unwrap();
        best = best.min(began.elapsed());
        assert_eq!((page.chats.len(), counts.unread), (40, 1));
        assert_eq!(page.chats[5].id, chat, "below the five pinned ones");
    }
    // Without optimisation it is 60 ms on two cores.
    assert!(best.as_millis() < 400, "{best:?}");

    let (mut all, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = ann.chats(Filter::All, 100, cursor.as_deref()).unwrap();
        all.extend(page.chats.iter().map(|c| (c.pinned, c.active_at_ms, c.id)));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(all.len(), CHATS as usize + 1);
    let order = all.iter().map(|(pinned, at, _)| (*pinned, *at));
    assert!(order.clone().zip(order.skip(1)).all(|(a, b)| a >= b));
    let ids: std::collections::BTreeSet<_> = all.iter().map(|(.., id)| *id).collect();
    assert_eq!(ids.len(), all.len(), "each once");
    for bad in ["", "2.1.1", "1.x.1", "0.1", &"9".repeat(99)] {
        assert!(matches!(
            ann.chats(Filter::All, 40, Some(bad)),
            Err(Error::Invalid {
                field: "cursor",
                ..
            })
        ));
    }
    assert_eq!(ann.chat(chat).unwrap().state, ChatState::Open);
    stop(node).await;
}
