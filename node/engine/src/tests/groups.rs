//! Groups over whole nodes in one process.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use chater_protocol::gossip::{self, GroupFrame};
use chater_protocol::wire::chat_topic;
use chater_store::events;

use super::*;
use crate::Error;
use crate::shared::SystemRandom;
use crate::update::News;
use crate::view::{ChatState, GroupRules, History, MemberRole, MessageState, Reach};

/// Three linked nodes with one person each; they know each other.
pub(super) struct Three {
    folders: [Folder; 3],
    pub(super) engines: Vec<Engine>,
    pub(super) people: Vec<UserHandle>,
}

const NAMES: [&str; 3] = ["one", "two", "three"];
const NICKS: [&str; 3] = ["ann", "bob", "cat"];

impl Three {
    pub(super) async fn start() -> Self {
        let folders = [Folder::new(), Folder::new(), Folder::new()];
        let (mut engines, mut people) = (Vec::new(), Vec::new());
        for ((folder, name), nick) in folders.iter().zip(NAMES).zip(NICKS) {
            let engine = start(folder, name).await;
            people.push(user(&engine, nick).await);
            engines.push(engine);
        }
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            link(&engines[a], &engines[b]).await;
        }
        for person in &people {
            for (nick, name) in NICKS.iter().zip(NAMES) {
                person.find(&format!("{nick}@{name}")).await.unwrap();
            }
        }
        Self {
            folders,
            engines,
            people,
        }
    }

    pub(super) async fn group(&self, members: &[usize]) -> ChatId {
        let members: BTreeSet<_> = members.iter().map(|n| self.people[*n].id()).collect();
        let made = self.people[0]
            .create_group("Лодка".to_owned(), members)
            .await;
        made.unwrap().id
    }

    pub(super) async fn stop(self) {
        for engine in self.engines {
            stop(engine).await;
        }
        drop(self.folders);
    }
}

fn texts(of: &UserHandle, chat: ChatId) -> Vec<String> {
    let page = of.messages(chat, Anchor::Newest, 200);
    let messages = page.map(|page| page.messages).unwrap_or_default();
    messages.into_iter().filter_map(|m| m.text).collect()
}

fn roles(of: &UserHandle, chat: ChatId) -> Vec<(String, MemberRole)> {
    let members = of.members(chat).unwrap_or_default();
    let named = members.into_iter().map(|m| (m.person.nick, m.role));
    named.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_over_three_nodes_talks_and_ends_alike() {
    let three = Three::start().await;
    let (ann, bob, cat) = (&three.people[0], &three.people[1], &three.people[2]);
    let chat = three.group(&[1, 2]).await;
    for who in [bob, cat] {
        until("the group is there", || {
            who.chat(chat)
                .is_ok_and(|c| c.title == "Лодка" && c.members == 3)
        })
        .await;
    }
    let first = say(ann, chat, "плывём").await;
    for who in [bob, cat] {
        until("heard", || texts(who, chat) == ["плывём"]).await;
    }
    // Delivered is what every node has.
    until("delivered", || {
        one(ann, chat, first.id).state == MessageState::Delivered
    })
    .await;
    say(bob, chat, "куда").await;
    say(cat, chat, "туда").await;
    for who in [ann, bob, cat] {
        until("all have all", || texts(who, chat).len() == 3).await;
    }
    assert_eq!(texts(ann, chat), texts(bob, chat));
    assert_eq!(texts(ann, chat), texts(cat, chat));
    for who in [bob, cat] {
        who.read(chat, first.id).await.unwrap();
    }
    until("read by all", || {
        one(ann, chat, first.id).state == MessageState::Read
    })
    .await;
    let path = ann.path(chat, first.id).await.unwrap();
    assert_eq!(path.hops.len(), 3);
    let wanted = [
        ("ann".to_owned(), MemberRole::Owner),
        ("bob".to_owned(), MemberRole::Member),
        ("cat".to_owned(), MemberRole::Member),
    ];
    assert_eq!(roles(cat, chat), wanted);
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_removed_reads_nothing_more_and_says_nothing() {
    let three = Three::start().await;
    let (ann, bob, cat) = (&three.people[0], &three.people[1], &three.people[2]);
    let chat = three.group(&[1, 2]).await;
    say(ann, chat, "все тут").await;
    for who in [bob, cat] {
        until("heard", || texts(who, chat) == ["все тут"]).await;
    }
    // Members remove nobody, and nobody else's rank is theirs to give.
    assert_eq!(
        bob.remove_member(chat, cat.id()).await,
        Err(Error::Forbidden)
    );
    assert_eq!(
        bob.set_role(chat, bob.id(), true).await,
        Err(Error::Forbidden)
    );
    ann.remove_member(chat, cat.id()).await.unwrap();
    until("cat is told", || {
        cat.chat(chat).is_ok_and(|c| c.state == ChatState::Left)
    })
    .await;
    until("bob knows", || roles(bob, chat).len() == 2).await;
    for n in 0..20 {
        say(ann, chat, &format!("без неё {n}")).await;
        say(bob, chat, &format!("да {n}")).await;
    }
    until("bob has all", || texts(bob, chat).len() == 41).await;
    until("ann has all", || texts(ann, chat).len() == 41).await;
    assert_eq!(texts(cat, chat), ["все тут"]);
    let draft = Draft {
        text: "а я".to_owned(),
        ..Draft::default()
    };
    assert!(matches!(cat.send(chat, draft).await, Err(Error::Forbidden)));
    // Back in, she reads on.
    ann.add_members(chat, [cat.id()].into()).await.unwrap();
    say(ann, chat, "с возвращением").await;
    until("cat reads all of it", || texts(cat, chat).len() == 42).await;
    say(cat, chat, "спасибо").await;
    until("bob hears her", || texts(bob, chat).len() == 43).await;
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_added_late_reads_what_came_before_and_roles_hold() {
    let three = Three::start().await;
    let (ann, bob, cat) = (&three.people[0], &three.people[1], &three.people[2]);
    let chat = three.group(&[1]).await;
    for n in 0..30 {
        say(ann, chat, &format!("{n}")).await;
    }
    until("bob has them", || texts(bob, chat).len() == 30).await;
    ann.set_role(chat, bob.id(), true).await.unwrap();
    until("bob leads", || {
        roles(bob, chat)
            .iter()
            .any(|(n, r)| n == "bob" && *r == MemberRole::Admin)
    })
    .await;
    // Bob adds Cat: she gets what Ann wrote from whoever has it.
    bob.add_members(chat, [cat.id()].into()).await.unwrap();
    until("cat has the history", || texts(cat, chat).len() == 30).await;
    assert_eq!(cat.chat(chat).unwrap().title, "Лодка");
    let hers = say(cat, chat, "я тут").await;
    until("ann hears her", || texts(ann, chat).len() == 31).await;
    // An admin takes back what a member wrote; a member nobody else's.
    cat.delete(chat, hers.id).await.unwrap();
    let again = say(cat, chat, "ещё").await;
    until("bob hears her", || bob.message(chat, again.id).is_ok()).await;
    bob.delete(chat, again.id).await.unwrap();
    until("gone everywhere", || {
        one(cat, chat, again.id).deleted && one(ann, chat, again.id).deleted
    })
    .await;
    let ann_first = ann.messages(chat, Anchor::Newest, 200).unwrap().messages[0].id;
    assert!(matches!(
        cat.delete(chat, ann_first).await,
        Err(Error::Forbidden)
    ));
    bob.rename_group(chat, "Катер".to_owned()).await.unwrap();
    for who in [ann, cat] {
        until("renamed", || {
            who.chat(chat).is_ok_and(|c| c.title == "Катер")
        })
        .await;
    }
    cat.remove_member(chat, cat.id()).await.unwrap();
    until("she left", || roles(ann, chat).len() == 2).await;
    assert_eq!(
        ann.remove_member(chat, ann.id()).await,
        Err(Error::Forbidden)
    );
    three.stop().await;
}

/// Longer than what comes in two answers: the newest events come before the others, over a gap.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_ends_whole_and_in_one_order_though_its_end_comes_first() {
    let three = Three::start().await;
    let (ann, bob, cat) = (&three.people[0], &three.people[1], &three.people[2]);
    let chat = three.group(&[1]).await;
    until("bob is in", || bob.chat(chat).is_ok()).await;
    for n in 0..1_300 {
        // The shorter feed is taken from its beginning, the longer one from its end.
        say(if n % 10 == 0 { bob } else { ann }, chat, &format!("{n}")).await;
    }
    ann.add_members(chat, [cat.id()].into()).await.unwrap();
    let whole = |of: &UserHandle| {
        let (mut ids, mut anchor) = (Vec::new(), Anchor::Newest);
        while let Ok(page) = of.messages(chat, anchor, 200) {
            ids.extend(page.messages.iter().rev().map(|m| (m.id, m.text.clone())));
            match page.older {
                Some(older) => anchor = Anchor::Before(older),
                None => break,
            }
        }
        ids
    };
    until("cat has all", || whole(cat).len() == 1_300).await;
    for who in [ann, bob] {
        until("all have all", || whole(who).len() == 1_300).await;
    }
    let hers = whole(cat);
    assert!(hers.iter().all(|(_, text)| text.is_some()));
    assert_eq!(hers, whole(ann));
    assert_eq!(hers, whole(bob));
    assert_eq!(cat.chat(chat).unwrap().missing, 0);
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_while_a_node_was_away_comes_with_all_changes() {
    let mut three = Three::start().await;
    let chat = three.group(&[1, 2]).await;
    until("cat is in", || three.people[2].chat(chat).is_ok()).await;
    stop(three.engines.pop().unwrap()).await;
    let (ann, bob) = (three.people[0].clone(), three.people[1].clone());
    let cat = three.people.pop().unwrap().id();
    for n in 0..40 {
        say(if n % 2 == 0 { &ann } else { &bob }, chat, &format!("{n}")).await;
    }
    ann.rename_group(chat, "Плот".to_owned()).await.unwrap();
    ann.set_role(chat, bob.id(), true).await.unwrap();
    until("both have all", || {
        texts(&ann, chat).len() == 40 && texts(&bob, chat).len() == 40
    })
    .await;
    // Ann's node is gone when Cat comes back: Bob's has everything.
    stop(three.engines.remove(0)).await;
    let engine = start(&three.folders[2], NAMES[2]).await;
    link(&three.engines[0], &engine).await;
    let cat = engine.handle(cat, None);
    until("cat has all", || texts(&cat, chat).len() == 40).await;
    assert_eq!(texts(&cat, chat), texts(&bob, chat));
    until("and the rest", || {
        cat.chat(chat).is_ok_and(|c| c.title == "Плот")
            && roles(&cat, chat)
                .iter()
                .any(|(n, r)| n == "bob" && *r == MemberRole::Admin)
    })
    .await;
    say(&cat, chat, "я снова тут").await;
    until("bob hears her", || texts(&bob, chat).len() == 41).await;
    stop(engine).await;
    stop(three.engines.remove(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_of_a_group_are_checked() {
    let dir = Folder::new();
    let engine = start(&dir, "alone").await;
    let (ann, bob) = (user(&engine, "ann").await, user(&engine, "bob").await);
    for title in ["", "  ", &"я".repeat(65), "a\u{202e}b"] {
        let made = ann.create_group(title.to_owned(), BTreeSet::new()).await;
        assert!(
            matches!(made, Err(Error::Invalid { field: "title", .. })),
            "{title}"
        );
    }
    let nobody = [chater_protocol::id::UserId([9; 32])].into();
    assert_eq!(
        ann.create_group("x".into(), nobody).await,
        Err(Error::NotFound)
    );
    let (direct, _) = ann.start(bob.id()).await.unwrap();
    let added = ann.add_members(direct.id, [bob.id()].into()).await;
    assert_eq!(added, Err(Error::NotAGroup));
    let group = ann
        .create_group("Дом".into(), BTreeSet::new())
        .await
        .unwrap();
    assert_eq!((group.members, group.title.as_str()), (1, "Дом"));
    // Foreign and unknown look the same.
    assert_eq!(bob.members(group.id), Err(Error::NotFound));
    assert_eq!(
        bob.add_members(group.id, [bob.id()].into()).await,
        Err(Error::NotFound)
    );
    ann.add_members(group.id, [bob.id()].into()).await.unwrap();
    assert_eq!(roles(&bob, group.id).len(), 2);
    say(&bob, group.id, "привет").await;
    assert_eq!(texts(&ann, group.id), ["привет"]);
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_between_two_passes_on_what_they_cannot_tell_each_other() {
    // Behind routers: neither listens, so only the one in the middle can be dialled.
    let folders = [Folder::new(), Folder::new(), Folder::new()];
    let deaf = |folder: &Folder, name: &str| Config {
        p2p_listen: Vec::new(),
        ..config(&folder.0, name)
    };
    let left = Engine::start(deaf(&folders[0], "left")).await.unwrap();
    let middle = start(&folders[1], "middle").await;
    let right = Engine::start(deaf(&folders[2], "right")).await.unwrap();
    let (ann, bob, cat) = (
        user(&left, "ann").await,
        user(&middle, "bob").await,
        user(&right, "cat").await,
    );
    link(&left, &middle).await;
    link(&right, &middle).await;
    for address in ["ann@left", "cat@right"] {
        bob.find(address).await.unwrap();
    }
    for (from, to) in [(&ann, "bob@middle"), (&cat, "bob@middle")] {
        let to = from.find(to).await.unwrap();
        let chat = from.start(to.user_id).await.unwrap().0.id;
        say(from, chat, "hello").await;
    }
    let members = BTreeSet::from([ann.id(), cat.id()]);
    let chat = bob.create_group("Лодка".to_owned(), members).await;
    let chat = chat.unwrap().id;
    for person in [&ann, &cat] {
        until("in the group", || person.chat(chat).is_ok()).await;
        if person.chat(chat).unwrap().state == ChatState::Request {
            person
                .answer_request(chat, crate::RequestAnswer::Accept)
                .await
                .unwrap();
        }
    }
    say(&bob, chat, "from the middle").await;
    sees(&ann, chat, "from the middle").await;
    sees(&cat, chat, "from the middle").await;
    for n in 0..5 {
        say(&ann, chat, &format!("from the left {n}")).await;
        sees(&cat, chat, &format!("from the left {n}")).await;
        say(&cat, chat, &format!("from the right {n}")).await;
        sees(&ann, chat, &format!("from the right {n}")).await;
    }
    assert!(!left.shared().is_linked(right.shared().node_id));
    // Gossip is no delivery: nobody has acknowledged it to its author.
    let message = all(&ann, chat).into_iter().rfind(|m| m.own).unwrap();
    assert_eq!(message.state, MessageState::Stored);

    // B15: sealed anew, what is known is a new frame to gossip. A minute later nobody passes it on.
    let ignored = || {
        let meters = middle.shared().network.meters();
        let mut frames = meters
            .iter()
            .filter(|m| m.name == "chater_gossip_frames_total");
        frames
            .find(|m| m.labels.contains("ignore"))
            .map_or(0, |m| m.value)
    };
    let before = ignored();
    middle.shared().skew_ms.store(61_000, Ordering::Relaxed);
    let frame = {
        let rows = left.shared().store.read().unwrap();
        let (_, event) = events::by_id(&rows, message.id).unwrap().unwrap();
        let frame = GroupFrame::Event(event.to_wire().into());
        gossip::seal(chat, &frame, &mut SystemRandom)
    };
    let topic = chater_network::Topic(chat_topic(chat).0);
    left.shared().network.publish(topic, frame);
    until("it is not passed on", || ignored() > before).await;
    for engine in [left, middle, right] {
        stop(engine).await;
    }
    drop(folders);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_brings_in_as_many_as_it_says_from_any_node() {
    let three = Three::start().await;
    let [ann, bob, cat] = [&three.people[0], &three.people[1], &three.people[2]];
    let chat = three.group(&[1]).await;
    say(ann, chat, "before").await;
    until("bob is in", || bob.chat(chat).is_ok()).await;
    assert_eq!(
        bob.make_link(chat, 1, 7).await.unwrap_err(),
        Error::Forbidden,
        "members add nobody here"
    );
    let wrong = |error: Error| {
        matches!(
            error,
            Error::Invalid {
                field: "code" | "uses",
                ..
            }
        )
    };
    assert!(wrong(ann.make_link(chat, 0, 7).await.unwrap_err()));
    let link = ann.make_link(chat, 2, 7).await.unwrap();
    assert_eq!(crate::told_by(&link).unwrap().0, "Лодка");

    // A node that has never met any other, and whose person nobody has looked for.
    let folder = Folder::new();
    let four = start(&folder, "four").await;
    let dan = user(&four, "dan").await;
    let joined = dan.join(&link).await.unwrap();
    assert_eq!((joined.id, joined.state), (chat, ChatState::Open));
    sees(&dan, chat, "before").await;
    say(&dan, chat, "by a link").await;
    for person in [ann, bob] {
        sees(person, chat, "by a link").await;
    }
    // Again: nothing is used up. The second place goes to somebody of another node, and then it is full.
    dan.join(&link).await.unwrap();
    let [left] = &ann.links(chat).await.unwrap()[..] else {
        panic!("one link");
    };
    assert_eq!((left.left, left.came), (1, 1));
    cat.join(&link).await.unwrap();
    let eve = user(&four, "eve").await;
    assert!(wrong(eve.join(&link).await.unwrap_err()));
    assert!(ann.links(chat).await.unwrap().is_empty());

    // Taken back, it counts no more; nor does a secret of another group.
    let link = ann.make_link(chat, 5, 7).await.unwrap();
    let id = ann.links(chat).await.unwrap()[0].id;
    ann.end_link(chat, id).await.unwrap();
    assert!(wrong(eve.join(&link).await.unwrap_err()));
    assert!(wrong(eve.join("chater:join/abc").await.unwrap_err()));
    assert!(eve.chat(chat).is_err());
    stop(four).await;
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_author_sees_on_how_many_nodes_a_message_is_and_who_has_read_it() {
    let mut three = Three::start().await;
    let chat = three.group(&[1, 2]).await;
    until("cat is in", || three.people[2].chat(chat).is_ok()).await;
    let (ann, bob) = (three.people[0].clone(), three.people[1].clone());
    assert_eq!(ann.present(chat), Ok(Some(3)), "both nodes are linked");
    stop(three.engines.pop().unwrap()).await;
    until("one has gone", || ann.present(chat) == Ok(Some(2))).await;
    let mut news = ann.updates(None).await.unwrap();
    say(&ann, chat, "кто слышит").await;
    let last = || {
        ann.messages(chat, Anchor::Newest, 1)
            .unwrap()
            .messages
            .pop()
            .unwrap()
    };
    let reach = |nodes, readers| Reach {
        nodes,
        of_nodes: 2,
        readers,
        people: 2,
    };
    until("bob's node has it", || last().reach == Some(reach(1, 0))).await;
    assert_eq!(last().state, MessageState::Stored);
    let id = last().id;
    until("bob has it", || texts(&bob, chat).len() == 1).await;
    bob.read(chat, id).await.unwrap();
    until("bob has read it", || last().reach == Some(reach(1, 1))).await;
    // An open page is told of both.
    let mut told = Vec::new();
    while told.len() < 2 {
        if let News::Reach { id: of, reach, .. } = &news.next().await.unwrap().news {
            told.push((*of, *reach));
        }
    }
    assert_eq!(told, [(id, reach(1, 0)), (id, reach(1, 1))]);
    let path = ann.path(chat, id).await.unwrap();
    let away: Vec<bool> = path.hops.iter().map(|hop| hop.away).collect();
    assert_eq!((away.len(), path.people, path.read), (3, 2, false));
    assert_eq!(away.iter().filter(|away| **away).count(), 1);
    let readers: Vec<_> = path.readers.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(readers, ["bob"]);
    assert!(
        path.readers.iter().all(|it| it.at_ms.is_some()),
        "the mark stands at it"
    );
    // Where the owner shows no read marks nobody counts them.
    let rules = GroupRules {
        everyone_adds: false,
        history: History::All,
        read_marks: false,
    };
    ann.set_rules(chat, rules).await.unwrap();
    assert_eq!(last().reach, Some(reach(1, 0)));
    let path = ann.path(chat, id).await.unwrap();
    assert_eq!((path.people, path.readers.len()), (0, 0));
    for engine in three.engines {
        stop(engine).await;
    }
}
