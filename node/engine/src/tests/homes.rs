//! Homes: words typed into another node (I7), a home that somebody else has the keys of (I8).

use std::collections::BTreeSet;

use chater_store::homes;

use super::nodes::pair;
use super::*;
use crate::view::{Happened, MessageState};
use crate::{Error, Login, MoveIn, NewSession, Reason, Recovered, Recovery};

fn recovery(words: &[String]) -> Recovery {
    Recovery {
        words: words.join(" "),
        password: PASSWORD.to_owned(),
        device: String::new(),
        from: [127, 0, 0, 1].into(),
    }
}

/// The words are typed into a node that does not know them; gives the ticket.
async fn typed(words: &[String], into: &Engine) -> String {
    match into.recover(recovery(words)).await.unwrap() {
        Recovered::Stranger(ticket) => ticket,
        Recovered::Back(_) => panic!("they live here"),
    }
}

fn under(ticket: &str, nick: &str) -> MoveIn {
    MoveIn {
        ticket: ticket.to_owned(),
        nick: nick.to_owned(),
        invite: None,
        gone: true,
        device: String::new(),
        from: [127, 0, 0, 1].into(),
        here: true,
        time_zone: None,
    }
}

async fn moves(words: &[String], to: &Engine, nick: &str) -> UserHandle {
    let ticket = typed(words, to).await;
    let came: NewSession = to.move_in(under(&ticket, nick)).await.unwrap();
    came.user
}

/// The nodes on which a user lives, as this node knows.
fn lives_on(
    engine: &Engine,
    user: chater_protocol::id::UserId,
) -> BTreeSet<chater_protocol::id::NodeId> {
    let live = homes::live(&engine.shared().store.read().unwrap(), user).unwrap();
    live.into_iter().map(|(_, home)| home.node_id).collect()
}

async fn has(of: &UserHandle, chat: ChatId, wanted: &[&str]) {
    until(&format!("{wanted:?}"), || texts(of, chat) == wanted).await;
}

/// Ann and bob with a chat in which both wrote, one in which bob alone wrote (with zoe of ann's node), one group of ann's and one of
/// bob's, in which nobody else wrote.
struct Before {
    left: Engine,
    ann: UserHandle,
    zoe: UserHandle,
    bob_id: chater_protocol::id::UserId,
    words: Vec<String>,
    chat: ChatId,
    with_zoe: ChatId,
    boat: ChatId,
    garden: ChatId,
}

async fn before(a: &Folder, b: &Folder) -> (Before, Engine) {
    let (left, right, ann, bob, chat) = pair(a, b).await;
    let zoe = user(&left, "zoe").await;
    say(&ann, chat, "ann before").await;
    sees(&bob, chat, "ann before").await;
    say(&bob, chat, "bob before").await;
    sees(&ann, chat, "bob before").await;
    let found = bob.find("zoe@left").await.unwrap();
    let with_zoe = bob.start(found.user_id).await.unwrap().0.id;
    say(&bob, with_zoe, "bob to zoe").await;
    sees(&zoe, with_zoe, "bob to zoe").await;
    let members = |of: &UserHandle| BTreeSet::from([of.id()]);
    let boat = ann.create_group("Boat".to_owned(), members(&bob)).await;
    let garden = bob.create_group("Garden".to_owned(), members(&ann)).await;
    let (boat, garden) = (boat.unwrap().id, garden.unwrap().id);
    say(&ann, boat, "in the boat").await;
    sees(&bob, boat, "in the boat").await;
    say(&bob, garden, "in the garden").await;
    sees(&ann, garden, "in the garden").await;
    let words = bob.recovery_words(PASSWORD.to_owned()).await.unwrap();
    let before = Before {
        left,
        ann,
        zoe,
        bob_id: bob.id(),
        words,
        chat,
        with_zoe,
        boat,
        garden,
    };
    (before, right)
}

/// Everything is back, and everybody reaches everybody.
async fn all_is_back(before: &Before, bob: &UserHandle) {
    let Before {
        ann,
        zoe,
        chat,
        with_zoe,
        boat,
        garden,
        ..
    } = before;
    has(bob, *chat, &["ann before", "bob before"]).await;
    has(bob, *with_zoe, &["bob to zoe"]).await;
    has(bob, *boat, &["in the boat"]).await;
    has(bob, *garden, &["in the garden"]).await;
    assert!(all(bob, *with_zoe).iter().all(|message| message.own));
    for (group, title) in [(boat, "Boat"), (garden, "Garden")] {
        until("the group", || {
            bob.chat(*group)
                .is_ok_and(|chat| chat.title == title && chat.members == 2)
        })
        .await;
    }
    for (other, chat) in [(ann, chat), (zoe, with_zoe), (ann, boat), (ann, garden)] {
        let sent = say(bob, *chat, "from the new home").await;
        sees(other, *chat, "from the new home").await;
        until("delivered", || {
            one(bob, *chat, sent.id).state == MessageState::Delivered
        })
        .await;
        say(other, *chat, "to the new home").await;
        sees(bob, *chat, "to the new home").await;
    }
    // The founder of a group is its founder still.
    bob.rename_group(*garden, "Park".to_owned()).await.unwrap();
    until("the new title", || {
        ann.chat(*garden).is_ok_and(|chat| chat.title == "Park")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_alone_bring_a_person_back_on_a_node_that_knows_nobody() {
    let (a, b, c) = (Folder::new(), Folder::new(), Folder::new());
    let (before, right) = before(&a, &b).await;
    let old = right.shared().node_id;
    // The node of bob is gone with its disk.
    stop(right).await;
    let third = start(&c, "third").await;
    let ticket = typed(&before.words, &third).await;
    // It is linked with nobody who could know the words.
    assert_eq!(third.arriving(&ticket).unwrap().nick, None);
    let bob = third.move_in(under(&ticket, "robert")).await.unwrap().user;
    assert_eq!(bob.id(), before.bob_id);
    assert!(bob.me().unwrap().owner, "the first of a node owns it");
    assert_eq!(
        third.move_in(under(&ticket, "robert")).await.err(),
        Some(Error::NotFound),
        "a ticket counts once"
    );
    link(&third, &before.left).await;
    all_is_back(&before, &bob).await;
    // The old home was not known when the root was at hand: the next login ends it.
    let new = third.shared().node_id;
    assert_eq!(
        lives_on(&before.left, before.bob_id),
        BTreeSet::from([old, new])
    );
    let login = Login {
        nick: "robert".to_owned(),
        password: PASSWORD.to_owned(),
        device: "test".to_owned(),
        from: [127, 0, 0, 1].into(),
        kind: crate::SessionKind::Browser,
        time_zone: None,
    };
    third.log_in(login).await.unwrap();
    until("the old home has ended", || {
        lives_on(&before.left, before.bob_id) == BTreeSet::from([new])
    })
    .await;
    until("shown where they live", || {
        let with = before.ann.chat(before.chat).unwrap().with.unwrap();
        with.address == "robert@third"
    })
    .await;
    say(&before.ann, before.chat, "after all").await;
    sees(&bob, before.chat, "after all").await;
    stop(before.left).await;
    stop(third).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linked_node_says_who_it_is_and_which_homes_end() {
    let (a, b, c) = (Folder::new(), Folder::new(), Folder::new());
    let (before, right) = before(&a, &b).await;
    stop(right).await;
    let third = start(&c, "third").await;
    user(&third, "rob").await;
    link(&third, &before.left).await;
    let ticket = typed(&before.words, &third).await;
    assert_eq!(
        third.arriving(&ticket).unwrap().nick.as_deref(),
        Some("bob")
    );
    // The nick must be free, and fit the rules, as of anybody who comes.
    for (nick, refused) in [
        ("rob", Error::Taken),
        ("r", Error::invalid("nick", Reason::Short)),
        ("admin", Error::invalid("nick", Reason::Reserved)),
    ] {
        let came = third.move_in(under(&ticket, nick)).await;
        assert_eq!(came.err(), Some(refused));
    }
    let bob = third.move_in(under(&ticket, "bob")).await.unwrap().user;
    assert!(!bob.me().unwrap().owner);
    let new = third.shared().node_id;
    until("the old home has ended", || {
        lives_on(&before.left, before.bob_id) == BTreeSet::from([new])
    })
    .await;
    all_is_back(&before, &bob).await;
    stop(before.left).await;
    stop(third).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_takes_a_person_in_who_has_lost_their_node() {
    let (a, b) = (Folder::new(), Folder::new());
    let (before, right) = before(&a, &b).await;
    stop(right).await;
    let bob = moves(&before.words, &before.left, "bob").await;
    let here = before.left.shared().node_id;
    assert_eq!(
        lives_on(&before.left, before.bob_id),
        BTreeSet::from([here])
    );
    all_is_back(&before, &bob).await;
    stop(before.left).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_home_lives_beside_the_first() {
    let (a, b, c) = (Folder::new(), Folder::new(), Folder::new());
    let (before, right) = before(&a, &b).await;
    let first = right.handle(before.bob_id, None);
    let third = start(&c, "third").await;
    let ticket = typed(&before.words, &third).await;
    let form = MoveIn {
        gone: false,
        ..under(&ticket, "bob")
    };
    let second = third.move_in(form).await.unwrap().user;
    link(&third, &before.left).await;
    link(&third, &right).await;
    all_is_back(&before, &second).await;
    sees(&first, before.chat, "from the new home").await;
    say(&first, before.chat, "from the first").await;
    sees(&before.ann, before.chat, "from the first").await;
    sees(&second, before.chat, "from the first").await;
    let both = BTreeSet::from([right.shared().node_id, third.shared().node_id]);
    assert_eq!(lives_on(&before.left, before.bob_id), both);
    stop(before.left).await;
    stop(right).await;
    stop(third).await;
}

/// What the lines between the messages of a chat tell of homes, and whether each stands below a message.
fn homes_told(of: &UserHandle, chat: ChatId) -> Vec<(Happened, bool)> {
    let page = of.messages(chat, Anchor::Newest, 200).unwrap();
    let first = page.messages.first().map(|message| message.id);
    let notes = page.notes.into_iter();
    let of_homes = |what: &Happened| matches!(what, Happened::Home(_) | Happened::HomeEnded(_));
    let told = notes.filter(|note| of_homes(&note.what));
    told.map(|note| (note.what, note.before != first)).collect()
}

/// I11: whoever has the words can go on in somebody's name, so each chat with that person says that there are new keys.
#[tokio::test(flavor = "multi_thread")]
async fn a_chat_tells_of_homes_that_appear_and_end() {
    let (a, b, c) = (Folder::new(), Folder::new(), Folder::new());
    let (before, right) = before(&a, &b).await;
    let (ann, zoe) = (&before.ann, &before.zoe);
    let chats = [
        (ann, before.chat),
        (zoe, before.with_zoe),
        (ann, before.boat),
        (ann, before.garden),
    ];
    for (of, chat) in chats {
        assert_eq!(homes_told(of, chat), [], "a first home is no news");
    }
    let old = right.handle(before.bob_id, None);
    let third = start(&c, "third").await;
    let ticket = typed(&before.words, &third).await;
    let form = MoveIn {
        gone: false,
        ..under(&ticket, "bob")
    };
    let bob = third.move_in(form).await.unwrap().user;
    link(&third, &before.left).await;
    let new = (Happened::Home("third".to_owned()), true);
    for (of, chat) in chats {
        until("the new home is told", || {
            homes_told(of, chat) == [new.clone()]
        })
        .await;
    }
    // Of one's own homes the settings tell; whoever comes later has nothing new to hear.
    has(&bob, before.chat, &["ann before", "bob before"]).await;
    assert_eq!(homes_told(&bob, before.chat), []);
    assert_eq!(homes_told(&old, before.chat), []);
    let home = bob.homes().unwrap()[1].id;
    bob.end_home(home, true, PASSWORD.to_owned()).await.unwrap();
    let ended = (Happened::HomeEnded("right".to_owned()), true);
    for (of, chat) in chats {
        until("the end is told", || {
            homes_told(of, chat) == [new.clone(), ended.clone()]
        })
        .await;
    }
    // It stands where it was heard, between what was written before and after.
    say(ann, before.chat, "after").await;
    let page = ann.messages(before.chat, Anchor::Newest, 200).unwrap();
    let last = page.messages.last().map(|message| message.id);
    assert!(page.notes.iter().all(|note| note.before == last));
    stop(before.left).await;
    stop(right).await;
    stop(third).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_thief_wrote_counts_no_more() {
    let (a, b, c) = (Folder::new(), Folder::new(), Folder::new());
    let (before, right) = before(&a, &b).await;
    let thief = right.handle(before.bob_id, None);
    let third = start(&c, "third").await;
    let ticket = typed(&before.words, &third).await;
    let form = MoveIn {
        gone: false,
        ..under(&ticket, "bob")
    };
    let bob = third.move_in(form).await.unwrap().user;
    link(&third, &before.left).await;
    let (ann, chat, garden) = (&before.ann, before.chat, before.garden);
    has(&bob, chat, &["ann before", "bob before"]).await;
    has(&bob, garden, &["in the garden"]).await;
    let first = all(ann, chat).into_iter().find(|m| !m.own).unwrap();
    ann.read(chat, first.id).await.unwrap();
    // Somebody has the old home, and writes from it what the honest one has never seen.
    cut(&third, &before.left).await;
    for place in [chat, garden] {
        say(&thief, place, "from the thief").await;
        sees(ann, place, "from the thief").await;
    }
    assert_eq!(ann.chat(chat).unwrap().unread, 1);
    let homes = bob.homes().unwrap();
    assert_eq!(homes.len(), 2);
    assert!(homes[0].current && homes[0].ended_ms.is_none() && homes[0].node == "third");
    assert!(!homes[1].current && homes[1].ended_ms.is_none());
    let old = homes[1].id;
    let wrong = bob.end_home(old, true, "wrong password".to_owned()).await;
    assert_eq!(wrong.err(), Some(Error::invalid("password", Reason::Wrong)));
    let unknown = bob.end_home(Default::default(), true, PASSWORD.to_owned());
    assert_eq!(unknown.await.err(), Some(Error::NotFound));
    bob.end_home(old, true, PASSWORD.to_owned()).await.unwrap();
    assert!(bob.homes().unwrap()[1].ended_ms.is_some());
    heal(&third, &before.left).await;
    // What came before stays, what the thief wrote does not.
    for (place, left) in [
        (chat, &["ann before", "bob before"][..]),
        (garden, &["in the garden"]),
    ] {
        has(ann, place, left).await;
        has(&bob, place, left).await;
    }
    assert_eq!(ann.chat(chat).unwrap().unread, 0);
    let new = third.shared().node_id;
    assert_eq!(lives_on(&before.left, before.bob_id), BTreeSet::from([new]));
    // The honest home goes on, and nothing more reaches the other.
    all_is_back(&before, &bob).await;
    assert!(!texts(ann, chat).contains(&"from the thief".to_owned()));
    assert!(!texts(&thief, chat).contains(&"from the new home".to_owned()));
    stop(before.left).await;
    stop(right).await;
    stop(third).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_home_is_replaced_and_ended() {
    let (a, b) = (Folder::new(), Folder::new());
    let (before, right) = before(&a, &b).await;
    let bob = right.handle(before.bob_id, None);
    let old = bob.homes().unwrap()[0].id;
    let gone = bob.end_home(old, false, PASSWORD.to_owned()).await;
    assert_eq!(gone.err(), Some(Error::Forbidden));
    bob.end_home(old, true, PASSWORD.to_owned()).await.unwrap();
    let homes = bob.homes().unwrap();
    assert_eq!(homes.len(), 2);
    assert!(homes[0].current && homes[0].id != old);
    assert!(homes[1].ended_ms.is_some() && homes[1].id == old);
    all_is_back(&before, &bob).await;
    stop(before.left).await;
    stop(right).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_by_the_words_is_let_in_like_anybody() {
    let (a, b) = (Folder::new(), Folder::new());
    let (left, right) = (start(&a, "left").await, start(&b, "right").await);
    let bob = user(&right, "bob").await;
    let words = bob.recovery_words(PASSWORD.to_owned()).await.unwrap();
    let ann = user(&left, "ann").await;
    ann.save_node_settings(None, Some(Registration::Closed))
        .await
        .unwrap();
    assert_eq!(
        left.recover(recovery(&words)).await.err(),
        Some(Error::RegistrationClosed)
    );
    ann.save_node_settings(None, Some(Registration::Invite))
        .await
        .unwrap();
    let ticket = typed(&words, &left).await;
    let needed = left.move_in(under(&ticket, "bob")).await;
    assert_eq!(needed.err(), Some(Error::InviteNeeded));
    let form = MoveIn {
        invite: Some(left.invite_user().await.unwrap()),
        ..under(&ticket, "bob")
    };
    // The code is not used up by a nick that is taken.
    let taken = MoveIn {
        nick: "ann".to_owned(),
        ..form.clone()
    };
    assert_eq!(left.move_in(taken).await.err(), Some(Error::Taken));
    let here = left.move_in(form.clone()).await.unwrap().user;
    assert_eq!(here.id(), bob.id());
    assert_eq!(left.move_in(form).await.err(), Some(Error::NotFound));
    // From now on the words are those of somebody here.
    let again = left.recover(recovery(&words)).await.unwrap();
    assert!(matches!(again, Recovered::Back(_)));
    stop(left).await;
    stop(right).await;
}
