//! What the owner of a node grants and keeps.

use chater_protocol::id::Hash;
use chater_protocol::payload::{Msg, Payload as _};
use chater_store::{Durability, StoreError, blobs, quotas};

use super::accounts::png;
use super::*;
use crate::error::{Error, Reason};
use crate::view::Happening;

const MIB: u64 = 1024 * 1024;

/// Has a user fill exactly so many bytes, without writing them.
fn fill(engine: &Engine, user: &UserHandle, bytes: u64) {
    let (store, id) = (&engine.shared().store, user.id());
    let others = user.room().unwrap().used - quotas::written(&store.read().unwrap(), id).unwrap();
    store
        .write::<_, StoreError>(Durability::Commit, |tx| {
            // A user who wrote nothing yet has no row.
            quotas::wrote(tx, id, 0, 0)?;
            let now = quotas::written(tx, id)?;
            quotas::wrote(tx, id, bytes - others, now)
        })
        .unwrap();
    assert_eq!(user.room().unwrap().used, bytes);
}

fn draft(text: &str) -> Draft {
    Draft {
        text: text.to_owned(),
        ..Draft::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_holds_at_and_above_it() {
    let a = Folder::new();
    let engine = start(&a, "left").await;
    let (ann, bob) = (user(&engine, "ann").await, user(&engine, "bob").await);
    let chat = ann.start(bob.id()).await.unwrap().0.id;
    say(&ann, chat, "counted").await;
    let used = ann.room().unwrap().used;
    assert!((100..20_000).contains(&used), "{used}");
    assert_eq!(
        bob.room().unwrap().used,
        0,
        "what others write does not count"
    );

    // Only the owner says how much, within bounds.
    assert_eq!(
        bob.set_quota(bob.id(), MIB).await.err(),
        Some(Error::Forbidden)
    );
    for bad in [0, MIB - 1, 1024 * 1024 * MIB + 1] {
        let refused = ann.set_quota(bob.id(), bad).await.err();
        assert_eq!(
            refused,
            Some(Error::invalid("room", Reason::Malformed)),
            "{bad}"
        );
    }
    ann.set_quota(bob.id(), MIB).await.unwrap();
    assert_eq!(bob.room().unwrap().quota, MIB);

    // At the quota: what fits to the byte is taken, one byte more is not.
    let body = Msg {
        text: "a".repeat(100),
        reply_to: None,
        attachments: Vec::new(),
    };
    let inside = body.encode().len() as u64;
    fill(&engine, &bob, MIB - inside + 1);
    let over = bob.send(chat, draft(&body.text)).await;
    assert_eq!(over.err(), Some(Error::Quota));
    fill(&engine, &bob, MIB - inside);
    let fits = bob.send(chat, draft(&body.text)).await.unwrap().0;
    fill(&engine, &bob, MIB);
    assert_eq!(bob.send(chat, draft("b")).await.err(), Some(Error::Quota));
    assert_eq!(
        bob.edit(chat, fits.id, "c".to_owned()).await.err(),
        Some(Error::Quota)
    );
    let picture = bob.set_avatar(png(200, 300)).await;
    assert_eq!(picture.err(), Some(Error::Quota));
    assert_eq!(texts(&bob, chat).len(), 2, "reading goes on");
    assert!(ann.diary().unwrap().iter().any(|it| it.what
        == Happening::QuotaReached {
            nick: "bob".to_owned()
        }));

    // Taking back works, and makes room.
    bob.delete(chat, fits.id).await.unwrap();
    fill(&engine, &bob, MIB - 200);
    bob.send(chat, draft("again")).await.unwrap();

    // Less than is filled only stops what would come; more lets it go on.
    fill(&engine, &bob, 3 * MIB);
    assert_eq!(bob.send(chat, draft("d")).await.err(), Some(Error::Quota));
    ann.set_quota(bob.id(), 4 * MIB).await.unwrap();
    bob.send(chat, draft("e")).await.unwrap();
    drop((ann, bob));
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_before_anybody_counted_is_counted_once() {
    let a = Folder::new();
    let engine = start(&a, "left").await;
    let (ann, bob) = (user(&engine, "ann").await, user(&engine, "bob").await);
    let chat = ann.start(bob.id()).await.unwrap().0.id;
    for n in 0..20 {
        say(&ann, chat, &format!("{n} {}", "x".repeat(500))).await;
    }
    let kept = ann.room().unwrap().used;
    assert!(kept > 20 * 500, "{kept}");
    // As a store of an older program: no row.
    let id = ann.id();
    let forget = |tx: &mut chater_store::Write<'_>| {
        tx.remove(chater_store::tables::Table::Written, &id.0)
            .map(|_| ())
    };
    engine
        .shared()
        .store
        .write::<_, StoreError>(Durability::Commit, forget)
        .unwrap();
    assert_eq!(ann.room().unwrap().used, kept);
    say(&ann, chat, "one more").await;
    let now = ann.room().unwrap().used;
    assert!(now > kept && now < kept + 2_000, "{kept} {now}");
    drop((ann, bob));
    stop(engine).await;
}

/// Pictures of people whom nobody here talks with go after the days that the owner chose; those of the others stay.
#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_nobody_uses_go_and_come_back() {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right) = (start(&a, "left").await, start(&b, "right").await);
    let (ann, bob) = (user(&left, "ann").await, user(&right, "bob").await);
    let dan = user(&right, "dan").await;
    let shown = |me: crate::view::Me| -> Hash { me.person.avatar.unwrap().parse().unwrap() };
    let of_bob = shown(bob.set_avatar(png(200, 300)).await.unwrap());
    let of_dan = shown(dan.set_avatar(png(90, 200)).await.unwrap());
    link(&left, &right).await;
    let came = |hash: Hash| ann.picture(hash, 128).is_some();
    let look = async |nick: &str| ann.find(&format!("{nick}@right")).await.unwrap();
    for nick in ["bob", "dan"] {
        look(nick).await;
    }
    until("both came", || came(of_bob) && came(of_dan)).await;
    let found = look("bob").await;
    ann.start(found.user_id).await.unwrap();

    assert_eq!(bob.set_keep_days(1).await.err(), None, "of the own node");
    assert_eq!(dan.set_keep_days(1).await.err(), Some(Error::Forbidden));
    assert_eq!(
        ann.set_keep_days(366).await.err(),
        Some(Error::invalid("picture_days", Reason::Malformed))
    );
    let aged = |days: u64| {
        let store = &left.shared().store;
        store
            .write::<_, StoreError>(Durability::Commit, |tx| {
                for (hash, row) in blobs::all(tx)? {
                    let came_ms = crate::actor::now_ms() - days * 24 * 60 * 60 * 1000 - 60_000;
                    blobs::put(tx, hash, &blobs::BlobRow { came_ms, ..row })?;
                }
                Ok(())
            })
            .unwrap();
    };
    aged(6);
    ann.set_keep_days(7).await.unwrap();
    assert!(came(of_bob) && came(of_dan), "not old enough");
    aged(7);
    ann.set_keep_days(0).await.unwrap();
    assert!(came(of_dan), "for good");
    ann.set_keep_days(7).await.unwrap();
    assert!(came(of_bob), "there is a chat with him");
    assert!(!came(of_dan));
    assert_eq!(ann.storage().unwrap().keep_days, 7);
    assert_eq!(ann.storage().unwrap().picture_count, 1);
    look("dan").await;
    until("fetched again", || came(of_dan)).await;
    drop((ann, bob, dan));
    stop(left).await;
    stop(right).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_backups_are_kept_and_only_by_the_password() {
    let a = Folder::new();
    let engine = start(&a, "left").await;
    let (ann, bob) = (user(&engine, "ann").await, user(&engine, "bob").await);
    let wrong = ann.make_backup("another password".to_owned()).await.err();
    assert_eq!(wrong, Some(Error::invalid("password", Reason::Wrong)));
    let not_his = bob.make_backup(PASSWORD.to_owned()).await.err();
    assert_eq!(not_his, Some(Error::Forbidden));
    std::fs::write(a.0.join("node.key"), [1; 32]).unwrap();
    let made = ann.make_backup(PASSWORD.to_owned()).await.unwrap();
    let (folder, kept) = ann.backups().unwrap();
    assert_eq!(kept, vec![made.clone()]);
    let left: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "no copy of the store is left beside it");
    let into = Folder::new();
    let mut file = std::fs::File::open(folder.join(&made.name)).unwrap();
    let names = crate::archive::read(&mut file, &into.0);
    assert!(names.is_ok_and(|names| names.contains(&"chater.redb".to_owned())));
    assert_eq!(ann.storage().unwrap().backups, made.size);
    let noted = ann.diary().unwrap();
    let name = made.name.clone();
    assert!(
        noted
            .iter()
            .any(|it| it.what == Happening::BackupMade { file: name.clone() })
    );
    drop((ann, bob));
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_outlives_a_restart_and_stays_bounded() {
    let dir = Folder::new();
    let engine = start(&dir, "dom").await;
    let ann = user(&engine, "ann").await;
    for n in 0..300 {
        let (name, node) = (format!("yard {n}"), "port".to_owned());
        engine.shared().note(match n % 5 {
            0 => Happening::Founded { name },
            1 => Happening::Joined { name },
            2 => Happening::Left { name },
            3 => Happening::NodeCame { name, node },
            _ => Happening::Relay { on: n % 2 == 0 },
        });
    }
    let rows = |engine: &Engine| {
        let rows = engine.shared().store.read().unwrap();
        chater_store::diary::all(&rows).unwrap().len()
    };
    // Kept soon, without a stop.
    until("kept", || rows(&engine) == 200).await;
    engine.shared().note(Happening::DiskWorks);
    let (before, id) = (ann.diary().unwrap(), ann.id());
    assert_eq!(before.len(), 200);
    stop(engine).await;
    drop(ann);

    let engine = start(&dir, "dom").await;
    let after = engine.handle(id, None).diary().unwrap();
    assert!(matches!(after[0].what, Happening::Started { .. }));
    assert_eq!(after[1..], before[..199]);
    until("kept", || rows(&engine) == 200).await;
    // What another version has written is passed over, and goes.
    let unknown = chater_store::diary::DiaryRow {
        v: 1,
        at_ms: 1,
        code: "landed".to_owned(),
        words: Vec::new(),
        times: 1,
    };
    let written = engine
        .shared()
        .inputs
        .run(crate::actor::From::Others, move |turn| {
            turn.durable();
            Ok(chater_store::diary::put(turn.tx, u64::MAX / 2, &unknown)?)
        });
    written.await.unwrap();
    stop(engine).await;
    let engine = start(&dir, "dom").await;
    assert_eq!(engine.handle(id, None).diary().unwrap().len(), 200);
    until("kept", || rows(&engine) == 200).await;
    stop(engine).await;
}
