//! Members who are named in a message, who is here, and what was deleted for oneself and taken back.

use std::time::Duration;

use super::{Folder, all, link, say, sees, start, stop, texts, until, user};
use crate::{Arrange, Error, News};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_named_sees_it_until_it_is_read() {
    let folder = Folder::new();
    let node = start(&folder, "dom").await;
    let (ann, bob) = (user(&node, "Ann").await, user(&node, "bob").await);
    let chat = ann.start(bob.id()).await.unwrap().0.id;
    bob.start(ann.id()).await.unwrap();
    say(&bob, chat, "nobody is named").await;
    assert!(!ann.chat(chat).unwrap().mentioned);
    let named = say(&bob, chat, "well, @ann, and @eve, and bob@ann").await;
    let card = ann.chat(chat).unwrap();
    assert!(card.mentioned && card.unread == 2);
    assert!(
        !bob.chat(chat).unwrap().mentioned,
        "one's own words are not news"
    );
    let seen = all(&ann, chat).pop().unwrap();
    assert_eq!(seen.mentions.len(), 1, "members alone");
    assert!(seen.mentions[0].own && seen.mentions[0].users == [ann.id()]);
    assert!(!all(&bob, chat).pop().unwrap().mentions[0].own);
    let people = ann.people_of(chat).unwrap();
    assert_eq!(people.len(), 2);

    // Put away, it names nobody any more; back again, it does.
    ann.hide(chat, named.id).await.unwrap();
    assert!(!ann.chat(chat).unwrap().mentioned);
    ann.unhide(chat, named.id).await.unwrap();
    ann.arrange(chat, vec![Arrange::Unread]).await.unwrap();
    assert!(ann.chat(chat).unwrap().mentioned);
    // Taken back by its author, likewise.
    bob.delete(chat, named.id).await.unwrap();
    assert!(!ann.chat(chat).unwrap().mentioned);
    say(&bob, chat, "@ANN@dom!").await;
    assert!(ann.chat(chat).unwrap().mentioned);
    ann.arrange(chat, vec![Arrange::Read]).await.unwrap();
    assert!(!ann.chat(chat).unwrap().mentioned);
    stop(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elsewhere_is_named_alike() {
    let (one, two) = (Folder::new(), Folder::new());
    let (dom, port) = (start(&one, "dom").await, start(&two, "port").await);
    link(&dom, &port).await;
    let (ann, eve) = (user(&dom, "ann").await, user(&port, "eve").await);
    let person = ann.find("eve@port").await.unwrap();
    let chat = ann.start(person.user_id).await.unwrap().0.id;
    say(&ann, chat, "come here, @eve@port").await;
    sees(&eve, chat, "come here, @eve@port").await;
    assert!(eve.chat(chat).unwrap().mentioned);
    assert_eq!(ann.safety_number(eve.id()), eve.safety_number(ann.id()));
    assert_eq!(ann.safety_number(eve.id()).len(), 60);
    // Of somebody elsewhere the node is known, whatever they show; not to those who hide themselves.
    assert_eq!(ann.chat(chat).unwrap().online, Some(true));
    let mut hidden = ann.me().unwrap().preferences;
    hidden.presence = false;
    ann.set_preferences(hidden).await.unwrap();
    assert_eq!(ann.chat(chat).unwrap().online, None);
    assert_eq!(eve.chat(chat).unwrap().online, Some(true));
    stop(dom).await;
    stop(port).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_for_oneself_comes_back() {
    let folder = Folder::new();
    let node = start(&folder, "dom").await;
    let (ann, bob) = (user(&node, "ann").await, user(&node, "bob").await);
    let eve = user(&node, "eve").await;
    let chat = ann.start(bob.id()).await.unwrap().0.id;
    bob.start(ann.id()).await.unwrap();
    let one = say(&ann, chat, "one").await;
    say(&bob, chat, "two").await;
    ann.hide(chat, one.id).await.unwrap();
    assert_eq!(texts(&ann, chat), ["two"]);
    let mut news = ann.updates(None).await.unwrap();
    assert_eq!(
        ann.unhide(chat, one.id).await.unwrap().text.as_deref(),
        Some("one")
    );
    let told = loop {
        if let News::Message(message) = &news.next().await.unwrap().news {
            break message.id;
        }
    };
    assert_eq!(told, one.id, "other pages show it again");
    assert_eq!(texts(&ann, chat), ["one", "two"]);
    // Twice is once, and only one's own chats are looked into.
    ann.unhide(chat, one.id).await.unwrap();
    assert_eq!(eve.unhide(chat, one.id).await, Err(Error::NotFound));
    // A deleted chat stays deleted.
    ann.delete_chat(chat).await.unwrap();
    assert_eq!(ann.unhide(chat, one.id).await, Err(Error::NotFound));
    assert!(texts(&ann, chat).is_empty());
    stop(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_one_node_see_each_other_unless_one_hides() {
    let folder = Folder::new();
    let node = start(&folder, "dom").await;
    let (ann, bob) = (user(&node, "ann").await, user(&node, "bob").await);
    let chat = ann.start(bob.id()).await.unwrap().0.id;
    bob.start(ann.id()).await.unwrap();
    let online = |of: &crate::UserHandle| of.chat(chat).unwrap().online;
    assert_eq!(online(&ann), Some(false));
    let mut watching = ann.updates(None).await.unwrap();
    let open = bob.updates(None).await.unwrap();
    until("bob is here", || online(&ann) == Some(true)).await;
    let told = loop {
        if let News::Presence {
            user_id, online, ..
        } = watching.next().await.unwrap().news
        {
            break (user_id, online);
        }
    };
    assert_eq!(told, (bob.id(), true));

    // Who hides is not seen and sees nobody.
    let show = |on| {
        let bob = bob.clone();
        async move {
            let mut wanted = bob.me().unwrap().preferences;
            wanted.presence = on;
            bob.set_preferences(wanted).await.unwrap();
        }
    };
    show(false).await;
    assert_eq!((online(&ann), online(&bob)), (None, None));
    show(true).await;
    until("both again", || {
        online(&ann) == Some(true) && online(&bob) == Some(true)
    })
    .await;

    // From one page to the next nobody is gone; later somebody is, and since when is known.
    drop(open);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(online(&ann), Some(true));
    until("bob has gone", || online(&ann) == Some(false)).await;
    assert!(ann.chat(chat).unwrap().seen_ms.is_some());
    stop(node).await;
}
