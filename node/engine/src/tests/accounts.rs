//! Accounts: words, passwords, a home that was rolled back, what is switched off.

use super::nodes::pair;
use super::*;
use crate::error::{Error, Reason};
use crate::view::{MessageState, Preferences, WhoWrites};
use crate::{Login, NewSession, Recovered, Recovery};

fn login(nick: &str, password: &str) -> Login {
    Login {
        nick: nick.to_owned(),
        password: password.to_owned(),
        device: "test".to_owned(),
        from: [127, 0, 0, 1].into(),
        kind: SessionKind::Browser,
        time_zone: None,
    }
}

fn recovery(words: &[String], password: &str) -> Recovery {
    Recovery {
        words: words.join(" "),
        password: password.to_owned(),
        device: String::new(),
        from: [127, 0, 0, 1].into(),
    }
}

/// The words of somebody of this node.
async fn recovers(engine: &Engine, words: &[String], password: &str) -> NewSession {
    match engine.recover(recovery(words, password)).await.unwrap() {
        Recovered::Back(session) => session,
        Recovered::Stranger(_) => panic!("nobody here"),
    }
}

fn draft(text: &str) -> Draft {
    Draft {
        text: text.to_owned(),
        ..Draft::default()
    }
}

/// Bob's node with an old disk, which has noticed it; what was lost: "lost" of bob, "answer" of ann.
async fn rolled_back(a: &Folder, b: &Folder) -> (Engine, Engine, UserHandle, UserHandle, ChatId) {
    let (left, right, ann, bob, chat) = pair(a, b).await;
    say(&ann, chat, "first").await;
    sees(&bob, chat, "first").await;
    let kept = say(&bob, chat, "kept").await;
    sees(&ann, chat, "kept").await;
    until("delivered", || {
        one(&bob, chat, kept.id).state == MessageState::Delivered
    })
    .await;
    stop(right).await;
    let bob_id = bob.id();
    drop(bob);
    b.keep("old");
    let right = start(b, "right").await;
    link(&left, &right).await;
    let bob = right.handle(bob_id, None);
    bob.set_profile("Robert".to_owned(), String::new())
        .await
        .unwrap();
    say(&bob, chat, "lost").await;
    sees(&ann, chat, "lost").await;
    say(&ann, chat, "answer").await;
    sees(&bob, chat, "answer").await;
    stop(right).await;
    drop(bob);
    b.restore("old");
    let right = start(b, "right").await;
    let bob = right.handle(bob_id, None);
    link(&left, &right).await;
    until("the home stops", || bob.me().unwrap().stopped).await;
    assert_eq!(
        bob.send(chat, draft("x")).await.err(),
        Some(Error::HomeStopped)
    );
    (left, right, ann, bob, chat)
}

/// Both write and read again, in every direction, and nothing is lost or double.
async fn talk_again(ann: &UserHandle, bob: &UserHandle, chat: ChatId) {
    let new = say(bob, chat, "from the new home").await;
    sees(ann, chat, "from the new home").await;
    until("delivered", || {
        one(bob, chat, new.id).state == MessageState::Delivered
    })
    .await;
    say(ann, chat, "to the new home").await;
    sees(bob, chat, "to the new home").await;
    // What the old home had written comes back from where it was read.
    sees(bob, chat, "lost").await;
    let wanted = [
        "first",
        "kept",
        "lost",
        "answer",
        "from the new home",
        "to the new home",
    ];
    until("one history", || {
        texts(ann, chat) == wanted && texts(bob, chat) == wanted
    })
    .await;
    assert!(
        all(bob, chat)
            .iter()
            .all(|m| { m.own == (m.author.user_id == bob.id()) })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolled_back_home_is_replaced_by_a_login() {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right, ann, bob, chat) = rolled_back(&a, &b).await;
    assert_eq!(
        bob.renew_home("wrong password".to_owned()).await.err(),
        Some(Error::invalid("password", Reason::Wrong))
    );
    assert!(bob.me().unwrap().stopped);
    right.log_in(login("bob", PASSWORD)).await.unwrap();
    assert!(!bob.me().unwrap().stopped);
    talk_again(&ann, &bob, chat).await;
    // Others follow the card, although more cards were given out than this disk remembered.
    bob.set_profile("Bobby".to_owned(), String::new())
        .await
        .unwrap();
    crate::greet::meet_anew(left.shared());
    until("the new name is seen", || {
        ann.chat(chat).unwrap().with.unwrap().display_name == "Bobby"
    })
    .await;
    // It survives a start, and a second login changes nothing more.
    let before = bob.me().unwrap();
    right.log_in(login("bob", PASSWORD)).await.unwrap();
    assert_eq!(bob.me().unwrap(), before);
    let bob_id = bob.id();
    drop(bob);
    stop(right).await;
    let right = start(&b, "right").await;
    link(&left, &right).await;
    let bob = right.handle(bob_id, None);
    say(&bob, chat, "still here").await;
    sees(&ann, chat, "still here").await;
    stop(left).await;
    stop(right).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolled_back_home_is_replaced_by_the_words() {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right, ann, bob, chat) = rolled_back(&a, &b).await;
    let words = bob.recovery_words(PASSWORD.to_owned()).await.unwrap();
    // The password was set by the owner of the machine: it does not open the root.
    right
        .set_password("bob", "set by the owner".to_owned())
        .await
        .unwrap();
    right
        .log_in(login("bob", "set by the owner"))
        .await
        .unwrap();
    assert!(bob.me().unwrap().stopped);
    assert_eq!(
        bob.renew_home("set by the owner".to_owned()).await.err(),
        Some(Error::RootLocked)
    );
    assert_eq!(
        bob.recovery_words("set by the owner".to_owned())
            .await
            .err(),
        Some(Error::RootLocked)
    );
    let session = recovers(&right, &words, "a third password").await;
    assert_eq!(session.user.id(), bob.id());
    assert!(!bob.me().unwrap().stopped);
    talk_again(&ann, &bob, chat).await;
    // The root is sealed under the new password now.
    assert_eq!(
        bob.recovery_words("a third password".to_owned())
            .await
            .unwrap(),
        words
    );
    stop(left).await;
    stop(right).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_and_passwords_give_an_account_back() {
    let a = Folder::new();
    let engine = start(&a, "left").await;
    let first = engine
        .register(
            NewUser {
                nick: "ann".to_owned(),
                password: PASSWORD.to_owned(),
                invite: None,
                device: "one".to_owned(),
                from: [127, 0, 0, 1].into(),
                here: true,
                language: None,
                time_zone: None,
            },
            SessionKind::Browser,
        )
        .await
        .unwrap();
    let ann = first.user.clone();
    let wrong = |field| Some(Error::invalid(field, Reason::Wrong));
    assert_eq!(
        ann.recovery_words("nonsense".to_owned()).await.err(),
        wrong("password")
    );
    let words = ann.recovery_words(PASSWORD.to_owned()).await.unwrap();
    assert_eq!(words.len(), 24);

    // A changed password ends the other logins and seals the root anew.
    let second = engine.log_in(login("ann", PASSWORD)).await.unwrap();
    assert_eq!(ann.sessions().unwrap().len(), 2);
    assert_eq!(
        ann.change_password("nonsense".to_owned(), "another password".to_owned())
            .await
            .err(),
        wrong("old")
    );
    assert_eq!(
        ann.change_password(PASSWORD.to_owned(), "short".to_owned())
            .await
            .err(),
        Some(Error::invalid("password", Reason::Short))
    );
    assert_eq!(
        ann.change_password(PASSWORD.to_owned(), "another password".to_owned())
            .await,
        Ok(true)
    );
    assert!(engine.session(&first.secret).unwrap().is_some());
    assert!(engine.session(&second.secret).unwrap().is_none());
    assert_eq!(
        engine.log_in(login("ann", PASSWORD)).await.err(),
        Some(Error::BadLogin)
    );
    assert_eq!(
        ann.recovery_words("another password".to_owned())
            .await
            .unwrap(),
        words
    );

    // Words of nobody here, words in another order, and the right ones.
    let mut mixed = words.clone();
    mixed.swap(0, 1);
    if mixed != words {
        assert!(engine.recover(recovery(&mixed, PASSWORD)).await.is_err());
    }
    let nobody: Vec<String> = bip39::Mnemonic::from_entropy(&[9; 32])
        .unwrap()
        .words()
        .map(str::to_owned)
        .collect();
    let stranger = engine.recover(recovery(&nobody, PASSWORD)).await.unwrap();
    assert!(matches!(stranger, Recovered::Stranger(_)));
    assert_eq!(
        engine.recover(recovery(&words, "short")).await.err(),
        Some(Error::invalid("password", Reason::Short))
    );
    let back = recovers(&engine, &words, "a third password").await;
    assert_eq!(back.user.id(), ann.id());
    assert!(
        engine.session(&first.secret).unwrap().is_none(),
        "all logins end"
    );
    assert!(engine.session(&back.secret).unwrap().is_some());
    engine
        .log_in(login("ann", "a third password"))
        .await
        .unwrap();
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_ones_own() {
    let a = Folder::new();
    let engine = start(&a, "left").await;
    user(&engine, "ann").await;
    user(&engine, "eve").await;
    let one = engine.log_in(login("ann", PASSWORD)).await.unwrap();
    let two = engine.log_in(login("ann", PASSWORD)).await.unwrap();
    let eve = engine.log_in(login("eve", PASSWORD)).await.unwrap();
    let open = one.user.sessions().unwrap();
    // The token of the registration is the third.
    assert_eq!(open.len(), 3);
    assert!(open.first().unwrap().current);
    assert_eq!(open.iter().filter(|device| device.token).count(), 1);
    let id = two.user.sessions().unwrap().first().unwrap().id;
    assert_eq!(eve.user.end_session(id).await, Err(Error::NotFound));
    assert!(engine.session(&two.secret).unwrap().is_some());
    one.user.end_session(id).await.unwrap();
    assert!(engine.session(&two.secret).unwrap().is_none());
    assert_eq!(one.user.end_session(id).await, Err(Error::NotFound));
    assert_eq!(one.user.end_other_sessions().await, Ok(1));
    assert!(engine.session(&one.secret).unwrap().is_some());
    assert!(engine.session(&eve.secret).unwrap().is_some());
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_is_hidden_both_ways() {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right, ann, bob, chat) = pair(&a, &b).await;
    let quiet = Preferences {
        read_marks: false,
        typing: false,
        presence: false,
        ..Preferences::default()
    };
    assert!(
        bob.set_preferences(Preferences {
            text_size: 1_000,
            ..quiet
        })
        .await
        .is_err()
    );
    bob.set_preferences(quiet).await.unwrap();
    let first = say(&ann, chat, "one").await;
    sees(&bob, chat, "one").await;
    assert_eq!(bob.chat(chat).unwrap().online, None);
    until("delivered", || {
        one(&ann, chat, first.id).state == MessageState::Delivered
    })
    .await;
    // Bob reads and types, and Ann hears of neither: what she is told next is his answer.
    let mut heard = ann.updates(None).await.unwrap();
    bob.read(chat, first.id).await.unwrap();
    bob.typing(chat, true);
    assert_eq!(bob.chat(chat).unwrap().unread, 0);
    let second = say(&bob, chat, "two").await;
    sees(&ann, chat, "two").await;
    ann.read(chat, second.id).await.unwrap();
    // A mark is repeated when nodes meet; this one is not.
    crate::greet::meet_anew(left.shared());
    until("linked again", || {
        left.shared().is_linked(right.shared().node_id)
    })
    .await;
    say(&bob, chat, "three").await;
    sees(&ann, chat, "three").await;
    assert_eq!(one(&ann, chat, first.id).state, MessageState::Delivered);
    // Ann's mark came, and Bob is not shown it.
    until("bob's is delivered", || {
        one(&bob, chat, second.id).state == MessageState::Delivered
    })
    .await;
    while let Some(update) = heard.try_next() {
        let told = matches!(
            update.news,
            crate::News::Typing { .. }
                | crate::News::State {
                    state: MessageState::Read,
                    ..
                }
        );
        assert!(!told, "{:?}", update.news);
    }
    // Switched on again, both ways work.
    bob.set_preferences(Preferences::default()).await.unwrap();
    // Her mark may have gone with the link; it is repeated over the next one.
    until("ann's mark is shown", || {
        one(&bob, chat, second.id).state == MessageState::Read
    })
    .await;
    let last = all(&bob, chat).into_iter().rfind(|m| !m.own).unwrap();
    bob.read(chat, last.id).await.unwrap();
    let again = say(&ann, chat, "four").await;
    sees(&bob, chat, "four").await;
    bob.read(chat, again.id).await.unwrap();
    until("read", || {
        one(&ann, chat, again.id).state == MessageState::Read
    })
    .await;
    stop(left).await;
    stop(right).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_wants_no_first_messages_gets_requests() {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right, ann, bob, _) = pair(&a, &b).await;
    let zoe = user(&right, "zoe").await;
    zoe.set_preferences(Preferences {
        first: WhoWrites::Nobody,
        ..Preferences::default()
    })
    .await
    .unwrap();
    let found = ann.find("zoe@right").await.unwrap();
    let chat = ann.start(found.user_id).await.unwrap().0.id;
    say(&ann, chat, "hello").await;
    sees(&zoe, chat, "hello").await;
    let ids = |filter| -> Vec<ChatId> {
        let page = zoe.chats(filter, 10, None).unwrap();
        page.chats.iter().map(|chat| chat.id).collect()
    };
    assert_eq!(ids(crate::Filter::All), []);
    assert_eq!(ids(crate::Filter::Requests), [chat]);
    assert_eq!(zoe.unread_chats(), Ok(0), "requests do not call");
    // Writing back accepts.
    say(&zoe, chat, "who is there?").await;
    assert_eq!(ids(crate::Filter::All), [chat]);
    assert_eq!(ids(crate::Filter::Requests), []);
    drop(bob);
    stop(left).await;
    stop(right).await;
}

/// A PNG of one colour.
pub(super) fn png(red: u8, side: u32) -> Vec<u8> {
    let image = image::RgbImage::from_pixel(side, side, image::Rgb([red, 40, 40]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::DynamicImage::ImageRgb8(image)
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_go_to_other_nodes_and_change_with_the_card() {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right, ann, bob, chat) = pair(&a, &b).await;
    assert_eq!(bob.me().unwrap().person.avatar, None);
    for (bytes, reason) in [
        (Vec::new(), Reason::Empty),
        (b"<svg/>".to_vec(), Reason::Characters),
        (vec![1; 6 * 1024 * 1024], Reason::Long),
    ] {
        assert_eq!(
            bob.set_avatar(bytes).await.err(),
            Some(Error::invalid("photo", reason))
        );
    }
    let first = bob.set_avatar(png(200, 300)).await.unwrap();
    let hash: chater_protocol::id::Hash = first.person.avatar.clone().unwrap().parse().unwrap();
    for side in [128, 512] {
        let shown = bob.picture(hash, side).unwrap();
        assert_eq!(image::load_from_memory(&shown).unwrap().width(), side);
    }
    assert_eq!(bob.picture(hash, 64), None, "no other size");
    let seen = |ann: &UserHandle| ann.chat(chat).unwrap().with.unwrap().avatar;
    until("the picture came", || seen(&ann) == first.person.avatar).await;
    assert!(ann.picture(hash, 128).is_some());

    // Another picture: the card changes, and the old one is forgotten in time.
    let second = bob.set_avatar(png(20, 700)).await.unwrap();
    assert_ne!(second.person.avatar, first.person.avatar);
    until("the new picture came", || {
        seen(&ann) == second.person.avatar
    })
    .await;
    for engine in [&left, &right] {
        crate::avatars::sweep(engine.shared()).await;
    }
    for who in [&ann, &bob] {
        assert_eq!(who.picture(hash, 128), None);
    }
    // A file that fell off the disk is served no more, and no page shows a broken picture for long.
    let now: chater_protocol::id::Hash = second.person.avatar.unwrap().parse().unwrap();
    assert!(ann.picture(now, 512).is_some());
    assert_eq!(bob.remove_avatar().await.unwrap().person.avatar, None);
    until("no picture any more", || seen(&ann).is_none()).await;
    stop(left).await;
    stop(right).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_cannot_pass_off_what_is_no_picture() {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right, ann, bob, chat) = pair(&a, &b).await;
    // Bob's node keeps a page of HTML as his picture, and one far too large: both named by his card.
    let html = b"<script>alert(1)</script>".repeat(100);
    let large = vec![9; chater_protocol::limits::AVATAR + 1];
    let bob_id = bob.id();
    let mut wanted = Vec::new();
    for bytes in [html, large] {
        let hash = crate::blobs::hash_of(&bytes);
        crate::blobs::write(&b.0, hash, &bytes).unwrap();
        right
            .shared()
            .inputs
            .run(crate::actor::From::Local, move |turn| {
                crate::account::set_avatar(turn, bob_id, Some(hash))?;
                let row = chater_store::blobs::BlobRow {
                    v: 1,
                    size: 1,
                    kind: 0,
                    came_ms: 0,
                };
                chater_store::blobs::put(turn.tx, hash, &row)?;
                Ok(())
            })
            .await
            .unwrap();
        crate::greet::meet_anew(left.shared());
        let named = || {
            let rows = left.shared().store.read().unwrap();
            chater_store::homes::card(&rows, bob_id)
                .unwrap()
                .and_then(|(card, _)| card.avatar)
        };
        until("the card came", || named() == Some(hash)).await;
        assert_eq!(ann.chat(chat).unwrap().with.unwrap().avatar, None);
        wanted.push(hash);
    }
    // A good one after them comes all the same, so the bad ones were asked for and refused.
    let good = bob.set_avatar(png(90, 64)).await.unwrap();
    crate::greet::meet_anew(left.shared());
    until("the good one came", || {
        ann.chat(chat).unwrap().with.unwrap().avatar == good.person.avatar
    })
    .await;
    for hash in wanted {
        assert_eq!(ann.picture(hash, 128), None);
        assert!(crate::blobs::read(&a.0, hash).is_none());
    }
    stop(left).await;
    stop(right).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_keeps_the_house() {
    let a = Folder::new();
    let engine = start(&a, "left").await;
    let (ann, eve) = (user(&engine, "ann").await, user(&engine, "eve").await);
    // Ann came first: she owns the node, and Eve may do nothing of this.
    assert_eq!(eve.node_settings().err(), Some(Error::Forbidden));
    assert_eq!(eve.residents().err(), Some(Error::Forbidden));
    assert_eq!(eve.storage().err(), Some(Error::Forbidden));
    assert_eq!(eve.invite_user().await.err(), Some(Error::Forbidden));
    assert_eq!(eve.set_closed(ann.id(), true).await, Err(Error::Forbidden));
    assert_eq!(
        eve.password_link(ann.id()).await.err(),
        Some(Error::Forbidden)
    );
    assert_eq!(
        eve.save_node_settings(Some("mine".to_owned()), None).await,
        Err(Error::Forbidden)
    );
    assert_eq!(
        ann.set_closed(ann.id(), true).await,
        Err(Error::Forbidden),
        "the owner stays"
    );

    // Closed: no login, no session, and open again.
    let session = engine.log_in(login("eve", PASSWORD)).await.unwrap();
    ann.set_closed(eve.id(), true).await.unwrap();
    assert!(engine.session(&session.secret).unwrap().is_none());
    assert_eq!(
        engine.log_in(login("eve", PASSWORD)).await.err(),
        Some(Error::Closed)
    );
    assert_eq!(
        engine.log_in(login("eve", "nonsense")).await.err(),
        Some(Error::BadLogin),
        "whoever has no password learns nothing"
    );
    assert!(ann.residents().unwrap().iter().any(|r| r.closed));
    ann.set_closed(eve.id(), false).await.unwrap();
    engine.log_in(login("eve", PASSWORD)).await.unwrap();

    // A link for a new password works once; a newer one ends the older.
    let old = ann.password_link(eve.id()).await.unwrap();
    let code = ann.password_link(eve.id()).await.unwrap();
    assert_eq!(engine.reset_nick(&old), None);
    assert_eq!(engine.reset_nick(&code).as_deref(), Some("eve"));
    let reset = |code: String, password: &'static str| {
        let engine = engine.clone();
        async move {
            engine
                .reset_password(&code, password.to_owned(), "")
                .await
                .map(|session| session.user.id())
        }
    };
    assert_eq!(
        reset(code.clone(), "short").await,
        Err(Error::invalid("password", Reason::Short))
    );
    assert_eq!(
        reset(code.clone(), "brand new password").await,
        Ok(eve.id())
    );
    assert_eq!(
        reset(code, "brand new password").await,
        Err(Error::NotFound)
    );
    assert_eq!(
        reset("../../etc".to_owned(), "brand new password").await,
        Err(Error::NotFound)
    );
    engine
        .log_in(login("eve", "brand new password"))
        .await
        .unwrap();

    // Saved settings count at once and after a start; bad ones change nothing.
    for (name, reason) in [
        ("", Reason::Empty),
        ("a b", Reason::Characters),
        (&"n".repeat(33), Reason::Long),
    ] {
        assert_eq!(
            ann.save_node_settings(Some(name.to_owned()), None).await,
            Err(Error::invalid("name", reason)),
            "{name}"
        );
    }
    ann.save_node_settings(Some("Harbour".to_owned()), Some(Registration::Closed))
        .await
        .unwrap();
    assert_eq!(engine.name(), "harbour");
    assert_eq!(ann.me().unwrap().person.address, "ann@harbour");
    assert_eq!(engine.registration(), Registration::Closed);
    let new = NewUser {
        nick: "zoe".to_owned(),
        password: PASSWORD.to_owned(),
        invite: None,
        device: String::new(),
        from: [127, 0, 0, 1].into(),
        here: true,
        language: None,
        time_zone: None,
    };
    assert_eq!(
        engine.register(new, SessionKind::Token).await.err(),
        Some(Error::RegistrationClosed)
    );
    assert!(ann.storage().unwrap().messages > 0);
    let ann_id = ann.id();
    drop((ann, eve, session, reset));
    stop(engine).await;
    let engine = start(&a, "left").await;
    assert_eq!(engine.name(), "harbour");
    assert_eq!(
        engine
            .handle(ann_id, None)
            .node_settings()
            .unwrap()
            .registration,
        Registration::Closed
    );
    stop(engine).await;
}
