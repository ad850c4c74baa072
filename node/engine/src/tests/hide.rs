//! Deleting for oneself, and searching what is left.

use super::*;
use crate::error::Error;
use crate::view::Found;
use crate::{Filter, News};

async fn two(folder: &Folder) -> (Engine, UserHandle, UserHandle, ChatId) {
    let node = start(folder, "node").await;
    let (ann, bob) = (user(&node, "ann").await, user(&node, "bob").await);
    let chat = ann.start(bob.id()).await.unwrap().0.id;
    bob.start(ann.id()).await.unwrap();
    (node, ann, bob, chat)
}

async fn found(of: &UserHandle, chat: ChatId, q: &str) -> Vec<String> {
    let Found { messages, next } = of.find_in_chat(chat, q, None).await.unwrap();
    assert_eq!(next, None);
    messages.into_iter().filter_map(|m| m.text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_deletes_for_oneself_the_other_keeps() {
    let folder = Folder::new();
    let (node, ann, bob, chat) = two(&folder).await;
    let first = say(&ann, chat, "one").await;
    let second = say(&bob, chat, "two").await;
    let answer = Draft {
        text: "three".to_owned(),
        reply_to: Some(second.id),
        ..Draft::default()
    };
    let third = ann.send(chat, answer).await.unwrap().0;
    let mut news = ann.updates(None).await.unwrap();

    ann.hide(chat, second.id).await.unwrap();
    ann.hide(chat, second.id).await.unwrap();
    assert_eq!(texts(&ann, chat), ["one", "three"]);
    assert_eq!(texts(&bob, chat), ["one", "two", "three"]);
    assert_eq!(ann.message(chat, second.id), Err(Error::NotFound));
    let quote = one(&ann, chat, third.id).reply_to.unwrap();
    assert_eq!(quote.text, None, "what is hidden is not quoted either");
    let told = news.next().await.unwrap();
    assert!(
        matches!(told.news, News::Gone { chat_id, id } if chat_id == chat && id == Some(second.id))
    );
    // A change of what is hidden does not bring it back.
    bob.edit(chat, second.id, "two again".to_owned())
        .await
        .unwrap();
    assert_eq!(texts(&ann, chat), ["one", "three"]);

    // The newest one hidden: the card shows the one before.
    ann.hide(chat, third.id).await.unwrap();
    let card = ann.chat(chat).unwrap();
    assert_eq!(card.last.map(|m| m.id), Some(first.id));
    assert_eq!(bob.chat(chat).unwrap().last.map(|m| m.id), Some(third.id));

    // It stays so after a restart, and nobody hides what is not theirs to see.
    let eve = user(&node, "eve").await;
    assert_eq!(eve.hide(chat, first.id).await, Err(Error::NotFound));
    assert_eq!(ann.hide(chat, EventId([9; 32])).await, Err(Error::NotFound));
    drop((ann, bob, eve, news));
    stop(node).await;
    let node = start(&folder, "node").await;
    let login = crate::Login {
        nick: "ann".to_owned(),
        password: PASSWORD.to_owned(),
        device: String::new(),
        from: [127, 0, 0, 1].into(),
        kind: SessionKind::Token,
        time_zone: None,
    };
    let ann = node.log_in(login).await.unwrap().user;
    assert_eq!(texts(&ann, chat), ["one"]);
    drop(ann);
    stop(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_chat_comes_back_empty_with_the_next_message() {
    let folder = Folder::new();
    let (node, ann, bob, chat) = two(&folder).await;
    for n in 0..3 {
        say(&bob, chat, &format!("old {n}")).await;
    }
    ann.save_draft(chat, "unsent".to_owned()).await.unwrap();
    assert_eq!(ann.chat(chat).unwrap().unread, 3);
    ann.delete_chat(chat).await.unwrap();
    ann.delete_chat(chat).await.unwrap();
    let list = |of: &UserHandle| of.chats(Filter::All, 50, None).unwrap().chats;
    assert!(list(&ann).is_empty());
    assert_eq!(ann.unread_chats().unwrap(), 0);
    assert_eq!(list(&bob).len(), 1);
    assert_eq!(texts(&bob, chat).len(), 3);

    say(&bob, chat, "new").await;
    let card = list(&ann).pop().unwrap();
    assert_eq!((card.unread, card.draft), (1, None));
    assert_eq!(texts(&ann, chat), ["new"]);
    assert_eq!(found(&ann, chat, "o").await, Vec::<String>::new());
    assert_eq!(found(&bob, chat, "OLD").await.len(), 3);

    // Writing oneself brings it back, too.
    ann.delete_chat(chat).await.unwrap();
    say(&ann, chat, "again").await;
    assert_eq!(texts(&ann, chat), ["again"]);
    assert_eq!(list(&ann).len(), 1);
    stop(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_reads_texts_as_they_are_now() {
    let folder = Folder::new();
    let (node, ann, bob, chat) = two(&folder).await;
    say(&ann, chat, "Ещё одна лодка").await;
    let edited = say(&ann, chat, "катер").await;
    let gone = say(&bob, chat, "лодка дырявая").await;
    let hidden = say(&bob, chat, "ЛОДКА чужая").await;
    ann.edit(chat, edited.id, "лодка, не катер".to_owned())
        .await
        .unwrap();
    bob.delete(chat, gone.id).await.unwrap();
    ann.hide(chat, hidden.id).await.unwrap();
    assert_eq!(
        found(&ann, chat, " лодка ").await,
        ["лодка, не катер", "Ещё одна лодка"]
    );
    assert_eq!(found(&bob, chat, "лодка").await.len(), 3);
    assert_eq!(found(&bob, chat, "еще").await.len(), 1);

    // More than one answer holds: the next goes on where the first ended, and nothing comes twice.
    for n in 0..130 {
        say(&ann, chat, &format!("весло {n}")).await;
    }
    let first = ann.find_in_chat(chat, "весло", None).await.unwrap();
    assert_eq!(first.messages.len(), 100);
    let rest = ann.find_in_chat(chat, "весло", first.next).await.unwrap();
    assert_eq!((rest.messages.len(), rest.next), (30, None));
    assert_eq!(rest.messages[0].text.as_deref(), Some("весло 29"));

    let eve = user(&node, "eve").await;
    assert_eq!(
        eve.find_in_chat(chat, "лодка", None).await,
        Err(Error::NotFound)
    );
    for bad in ["", "  ", &"x".repeat(201)] {
        assert!(matches!(
            ann.find_in_chat(chat, bad, None).await,
            Err(Error::Invalid { field: "q", .. })
        ));
    }
    stop(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_goes_through_all_chats_from_the_newest_message_down() {
    let folder = Folder::new();
    let (node, ann, bob, first) = two(&folder).await;
    let cid = user(&node, "cid").await;
    let second = ann.start(cid.id()).await.unwrap().0.id;
    cid.start(ann.id()).await.unwrap();
    let between = bob.start(cid.id()).await.unwrap().0.id;
    say(&bob, between, "лодка не для Ани").await;
    let mut told = Vec::new();
    for n in 0..130 {
        let chat = if n % 3 == 0 { second } else { first };
        told.push(say(&ann, chat, &format!("Лодка {n}")).await.id);
        say(&ann, chat, "весло").await;
    }
    told.reverse();
    let away = vec![crate::Arrange::Archive(true)];
    ann.arrange(second, away).await.unwrap();

    // Two searches find all, in one order, nothing twice and nothing of others.
    let one = ann.find_in_chats("лодка", None).await.unwrap();
    assert_eq!(one.messages.len(), 100);
    let two = ann.find_in_chats("лодка", one.next).await.unwrap();
    assert_eq!(two.next, None);
    let all: Vec<_> = one.messages.iter().chain(&two.messages).collect();
    let ids: Vec<_> = all.iter().map(|hit| hit.message.id).collect();
    assert_eq!(ids, told);
    for hit in &all {
        let other = if hit.message.chat_id == second {
            "cid"
        } else {
            "bob"
        };
        assert_eq!(hit.chat, other);
    }
    assert_eq!(
        bob.find_in_chats("Ани", None).await.unwrap().messages.len(),
        1
    );
    assert_eq!(ann.find_in_chats("Ани", None).await.unwrap().messages, []);

    // A chat deleted for oneself is not found in any more.
    ann.delete_chat(second).await.unwrap();
    let left = ann.find_in_chats("лодка", None).await.unwrap().messages;
    assert_eq!(left.len(), 86);
    assert!(matches!(
        ann.find_in_chats(" ", None).await,
        Err(Error::Invalid { field: "q", .. })
    ));
    stop(node).await;
}
