//! Inputs that fail, alone and with the store under them.

use chater_store::tables::Table;
use chater_store::{Durability, Rows as _, StoreError, chats};

use super::*;
use crate::actor::From;
use crate::error::Error;
use crate::turn::Fail;

/// Holds the writer for a moment, so that what is asked meanwhile shares one turn.
fn hold(engine: &Engine) -> tokio::task::JoinHandle<()> {
    let shared = engine.shared().clone();
    tokio::spawn(async move {
        let held = shared.inputs.run(From::Local, |_| {
            std::thread::sleep(Duration::from_millis(60));
            Ok(())
        });
        held.await.unwrap();
    })
}

fn draft(text: &str) -> Draft {
    Draft {
        text: text.to_owned(),
        ..Draft::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_does_not_decode_fails_one_input_of_a_turn() {
    let dir = Folder::new();
    let engine = start(&dir, "damaged").await;
    let (ann, bob, eve) = (
        user(&engine, "ann").await,
        user(&engine, "bob").await,
        user(&engine, "eve").await,
    );
    let (good, bad) = (
        ann.start(bob.id()).await.unwrap().0.id,
        ann.start(eve.id()).await.unwrap().0.id,
    );
    say(&ann, good, "before").await;
    say(&ann, bad, "before").await;
    let store = engine.shared().store.clone();
    let no = chats::number(&store.read().unwrap(), bad).unwrap().unwrap();
    // The feed of the bad chat: met only after the inbox and the chat's row were read.
    let (feed_no, _) = chater_store::events::feeds(&store.read().unwrap(), no)
        .unwrap()
        .into_iter()
        .find(|(_, feed)| feed.lane == 2)
        .unwrap();
    let key = feed_no.to_be_bytes();
    let whole = store
        .read()
        .unwrap()
        .get(Table::Feeds, &key)
        .unwrap()
        .unwrap();
    store
        .write::<_, StoreError>(Durability::Commit, |tx| tx.put(Table::Feeds, &key, b"junk"))
        .unwrap();

    let held = hold(&engine);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let (first, broken, second) = tokio::join!(
        ann.send(good, draft("one")),
        ann.send(bad, draft("lost")),
        bob.send(good, draft("two")),
    );
    held.await.unwrap();
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(broken.err(), Some(Error::Internal));
    assert_eq!(texts(&bob, good), ["before", "one", "two"]);

    // Mended, the chat goes on where it was.
    store
        .write::<_, StoreError>(Durability::Commit, |tx| tx.put(Table::Feeds, &key, &whole))
        .unwrap();
    say(&ann, bad, "after").await;
    assert_eq!(texts(&eve, bad), ["before", "after"]);
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_one_input_is_its_own() {
    let dir = Folder::new();
    let engine = start(&dir, "panic").await;
    let (ann, bob) = (user(&engine, "ann").await, user(&engine, "bob").await);
    let chat = ann.start(bob.id()).await.unwrap().0.id;
    say(&ann, chat, "before").await;
    let shared = engine.shared().clone();
    let no = chats::number(&shared.store.read().unwrap(), chat)
        .unwrap()
        .unwrap();
    let held = hold(&engine);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let (first, panicked, failed, second) = tokio::join!(
        ann.send(chat, draft("one")),
        shared.inputs.run::<()>(From::Local, move |turn| {
            turn.tx.put(Table::Meta, b"half", b"1")?;
            turn.row(no)?.count += 1_000;
            turn.context(no, |_, context| {
                context.keys.clear();
                Ok(())
            })?;
            panic!("on purpose");
        }),
        shared.inputs.run::<()>(From::Local, move |turn| {
            turn.tx.put(Table::Meta, b"half", b"2")?;
            turn.row(no)?.count += 1_000;
            turn.flush()?;
            Err(Fail::Store(StoreError::Damaged("on purpose".to_owned())))
        }),
        bob.send(chat, draft("two")),
    );
    held.await.unwrap();
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(panicked, Err(Error::Internal));
    assert_eq!(failed, Err(Error::Internal));
    let rows = shared.store.read().unwrap();
    assert_eq!(rows.get(Table::Meta, b"half").unwrap(), None);
    assert!(chats::chat(&rows, no).unwrap().unwrap().count < 100);
    drop(rows);
    assert_eq!(texts(&bob, chat), ["before", "one", "two"]);
    assert!(engine.healthy().await);

    stop(engine).await;
}
