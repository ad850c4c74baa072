//! Members of a group who lie: forks, acts beyond their rank, cuts, keys, sizes. Two nodes get the lies in different
//! orders and must end alike, with nobody's messages lost to somebody who may not take them.

use chater_protocol::event::{Kind, Lane, VerifiedEvent};
use chater_protocol::id::UserId;
use chater_protocol::payload::{
    Add, Cut, CutRow, Delete, GroupProfile, Payload as _, Policy, Remove, Role, RoleChange,
};
use chater_protocol::seal;
use chater_protocol::wire::Ack;

use super::hostile::Hostile;
use super::outsiders::{Foe, group, seats};
use super::*;
use crate::shared::SystemRandom;
use crate::view::{ChatState, MemberRole};

/// Two linked nodes with vic, who owns the group, on one and wes on the other, and a hand-made member whose peer is
/// linked to both.
pub(super) struct Scene {
    pub(super) dirs: [Folder; 2],
    pub(super) here: Engine,
    pub(super) there: Engine,
    pub(super) vic: UserHandle,
    pub(super) wes: UserHandle,
    pub(super) foe: Foe,
    /// The same peer, as the other node knows it.
    pub(super) twin: Hostile,
    pub(super) chat: ChatId,
}

impl Scene {
    pub(super) async fn set() -> Self {
        let dirs = [Folder::new(), Folder::new()];
        let (here, there) = (
            start(&dirs[0], "here").await,
            start(&dirs[1], "there").await,
        );
        let (vic, wes) = (user(&here, "vic").await, user(&there, "wes").await);
        link(&here, &there).await;
        let (wes_id, foe) = (
            vic.find("wes@there").await.unwrap().user_id,
            Foe::at(&here, 60).await,
        );
        wes.find("vic@here").await.unwrap();
        let twin = Hostile::at(&there, 60).await;
        *twin.takes.lock().unwrap() = Some(Box::new(|_| Ack::Committed));
        let chat = group(&vic, &[wes_id, foe.bad.user]).await;
        until("wes is in", || wes.chat(chat).is_ok_and(|c| c.members == 3)).await;
        let mut scene = Self {
            dirs,
            here,
            there,
            vic,
            wes,
            foe,
            twin,
            chat,
        };
        scene.foe.has_seen(&scene.here, chat);
        scene
    }

    /// What the member writes to one node and to the other.
    pub(super) async fn told(&self, here: &[VerifiedEvent], there: &[VerifiedEvent]) {
        assert_eq!(
            self.foe.push(here).await,
            vec![Ack::Committed; here.len()],
            "here"
        );
        let acks = self.twin.push(&self.foe.chat, there).await;
        assert_eq!(acks, vec![Ack::Committed; there.len()], "there");
    }

    /// The nodes lose each other, and compare what they have when they meet again.
    pub(super) async fn meet_again(&self) {
        cut(&self.here, &self.there).await;
        heal(&self.here, &self.there).await;
    }

    pub(super) async fn alike(&self, wanted: &[&str]) {
        let began = Instant::now();
        loop {
            let (vic, wes) = (texts(&self.vic, self.chat), texts(&self.wes, self.chat));
            let seated = seats(&self.vic, self.chat) == seats(&self.wes, self.chat);
            if vic == wanted && wes == wanted && seated {
                return;
            }
            let late = began.elapsed() > PATIENCE;
            assert!(
                !late,
                "wanted {wanted:?}, vic {vic:?}, wes {wes:?}, {seated}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Both go on talking, whatever was done to them.
    pub(super) async fn goes_on(&self, mut so_far: Vec<&str>) {
        say(&self.vic, self.chat, "дальше").await;
        sees(&self.wes, self.chat, "дальше").await;
        say(&self.wes, self.chat, "идём").await;
        so_far.extend(["дальше", "идём"]);
        self.alike(&so_far).await;
        assert!(self.here.healthy().await && self.there.healthy().await);
    }

    pub(super) async fn stop(self) {
        stop(self.here).await;
        stop(self.there).await;
        drop(self.dirs);
    }
}

pub(super) fn remove(user: UserId, cut: Cut) -> Vec<u8> {
    Remove { user, cut }.encode()
}

fn role(user: UserId, role: Role) -> Vec<u8> {
    let cut = Cut::new();
    RoleChange { user, role, cut }.encode()
}

fn add(user: UserId) -> Vec<u8> {
    let role = Role::Member;
    Add {
        user,
        role,
        by_link: false,
    }
    .encode()
}

/// A member passes on what others wrote, without what they wrote. That looks like a message somebody took back, and is none:
/// it is not called delivered by what is shown, and its text comes with the next who has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_without_its_text_is_not_a_deleted_one() {
    let scene = Scene::set().await;
    cut(&scene.here, &scene.there).await;
    let said = say(&scene.vic, scene.chat, "по-настоящему").await;
    let bare = {
        let rows = scene.here.shared().store.read().unwrap();
        let (_, event) = chater_store::events::by_id(&rows, said.id)
            .unwrap()
            .unwrap();
        let no = chater_store::chats::number(&rows, scene.chat)
            .unwrap()
            .unwrap();
        let feeds = chater_store::events::feeds(&rows, no).unwrap();
        let (keys, _) = feeds.iter().find(|(_, feed)| feed.lane == 1).unwrap();
        let key = chater_store::events::event(&rows, *keys, 0, 0)
            .unwrap()
            .unwrap();
        [key, event.without_payload()]
    };
    let acks = scene.twin.push(&scene.foe.chat, &bare).await;
    assert_eq!(acks, [Ack::Committed, Ack::Committed]);
    let shown = one(&scene.wes, scene.chat, said.id);
    assert_eq!((shown.deleted, shown.text), (false, None));
    heal(&scene.here, &scene.there).await;
    scene.alike(&["по-настоящему"]).await;
    // A true delete takes the text, and nothing lacks.
    scene.vic.delete(scene.chat, said.id).await.unwrap();
    until("it is gone there", || {
        one(&scene.wes, scene.chat, said.id).deleted
    })
    .await;
    until("nothing lacks", || {
        let rows = scene.there.shared().store.read().unwrap();
        let no = chater_store::chats::number(&rows, scene.chat)
            .unwrap()
            .unwrap();
        chater_store::events::missing_ids(&rows, no, 1)
            .unwrap()
            .is_empty()
    })
    .await;
    scene.goes_on(vec![]).await;
    scene.stop().await;
}

/// B10: a member writes two different second messages and sends one to each node, and goes on above one of them.
/// Both nodes keep both, and show the same in the same order.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_of_a_member_looks_the_same_on_both_nodes() {
    let mut scene = Scene::set().await;
    let key = (scene.foe).shares(&scene.here, &[scene.vic.id(), scene.wes.id()]);
    let first = scene.foe.says("начало");
    let branch = scene.foe.next[2];
    let left = [scene.foe.says("налево"), scene.foe.says("ещё левее")];
    scene.foe.next[2] = branch;
    let right = scene.foe.says("направо");
    scene
        .told(
            &[key.clone(), first.clone(), left[0].clone(), left[1].clone()],
            &[key, first, right],
        )
        .await;
    scene.meet_again().await;
    until("both have both branches", || {
        texts(&scene.vic, scene.chat).len() == 4
    })
    .await;
    let shown = texts(&scene.vic, scene.chat);
    for text in ["начало", "налево", "ещё левее", "направо"] {
        assert!(shown.iter().any(|shown| shown == text), "{text}");
    }
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    scene.alike(&shown).await;
    scene.goes_on(shown).await;
    scene.stop().await;
}

/// B10, L7: one node hears both first acts of an admin, the other only one of them and what follows it. The one that knows
/// of the fork has everything that the other one tells, and its own heads end below the fork: it must tell of the branch,
/// or the other node believes the first act for good.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_that_one_node_knows_is_told_to_the_other() {
    let mut scene = Scene::set().await;
    let gus = user(&scene.here, "gus").await;
    let (chat, foe) = (scene.chat, scene.foe.bad.user);
    scene.vic.set_role(chat, foe, true).await.unwrap();
    say(&scene.vic, chat, "все тут").await;
    sees(&scene.wes, chat, "все тут").await;
    scene.foe.has_seen(&scene.here, chat);
    let before = seats(&scene.vic, chat);
    until("the same", || seats(&scene.wes, chat) == before).await;
    cut(&scene.here, &scene.there).await;
    let adds = scene.foe.act(Kind::ADD, add(gus.id()));
    let goes_on = scene
        .foe
        .act(Kind::ROLE, role(scene.wes.id(), Role::Member));
    scene.foe.next[0] = (0, EventId::default());
    let other = scene
        .foe
        .act(Kind::ROLE, role(scene.vic.id(), Role::Member));
    scene.told(&[adds.clone(), goes_on], &[adds, other]).await;
    assert_eq!(seats(&scene.vic, chat).len(), 4);
    assert_eq!(seats(&scene.wes, chat), before);
    heal(&scene.here, &scene.there).await;
    until("the fork is known here", || {
        seats(&scene.vic, chat) == before
    })
    .await;
    assert_eq!(gus.chat(chat).unwrap().state, ChatState::Left);
    scene.goes_on(vec!["все тут"]).await;
    scene.stop().await;
}

/// B10: a member sends a different second message to each of two nodes that cannot reach each other, and is removed
/// on one of them. That remove says where the feed ends, and so which of the two counts (L7): on both nodes the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_remove_settles_a_fork_in_the_same_way_on_both_nodes() {
    let mut scene = Scene::set().await;
    let key = (scene.foe).shares(&scene.here, &[scene.vic.id(), scene.wes.id()]);
    cut(&scene.here, &scene.there).await;
    let first = scene.foe.says("начало");
    let branch = scene.foe.next[2];
    let left = scene.foe.says("налево");
    scene.foe.next[2] = branch;
    let right = scene.foe.says("направо");
    scene
        .told(&[key.clone(), first.clone(), left], &[key, first, right])
        .await;
    let foe = scene.foe.bad.user;
    scene.vic.remove_member(scene.chat, foe).await.unwrap();
    assert_eq!(texts(&scene.wes, scene.chat), ["начало", "направо"]);
    heal(&scene.here, &scene.there).await;
    scene.goes_on(vec!["начало", "налево"]).await;
    scene.stop().await;
}

/// B10, B36: an admin writes two different first acts, one for each node. From the fork on its acts are void (L7),
/// so whoever one node had taken out on its word is in again, and whoever the other had taken in is out.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_of_an_admins_acts_undoes_both() {
    let mut scene = Scene::set().await;
    let gus = user(&scene.here, "gus").await;
    let (chat, foe) = (scene.chat, scene.foe.bad.user);
    scene.vic.set_role(chat, foe, true).await.unwrap();
    say(&scene.vic, chat, "все тут").await;
    sees(&scene.wes, chat, "все тут").await;
    scene.foe.has_seen(&scene.here, chat);
    let before = seats(&scene.vic, chat);
    until("the same", || seats(&scene.wes, chat) == before).await;
    let adds = scene.foe.act(Kind::ADD, add(gus.id()));
    scene.foe.next[0] = (0, EventId::default());
    let removes = scene
        .foe
        .act(Kind::REMOVE, remove(scene.wes.id(), Vec::new()));
    scene.told(&[adds], &[removes]).await;
    assert_eq!(seats(&scene.vic, chat).len(), 4);
    assert_eq!(scene.wes.chat(chat).unwrap().state, ChatState::Left);
    scene.meet_again().await;
    until("both are undone", || {
        seats(&scene.vic, chat) == before
            && scene.wes.chat(chat).unwrap().state == ChatState::Open
            && seats(&scene.wes, chat) == before
    })
    .await;
    assert_eq!(gus.chat(chat).unwrap().state, ChatState::Left);
    scene.goes_on(vec!["все тут"]).await;
    scene.stop().await;
}

/// B36: an admin removes somebody with a cut that is no cut: it names places beyond all numbers, lanes that do not
/// exist, feeds of the owner, one lane twice. Both nodes draw the same from it, the owner loses nothing, and
/// whoever was removed gets nothing of what follows.
#[tokio::test(flavor = "multi_thread")]
async fn a_cut_that_lies_is_read_alike_and_harms_nobody_else() {
    let mut scene = Scene::set().await;
    let (chat, foe, wes) = (scene.chat, scene.foe.bad.user, scene.wes.id());
    let gus = user(&scene.there, "gus").await;
    scene.vic.find("gus@there").await.unwrap();
    scene
        .vic
        .add_members(chat, [gus.id()].into())
        .await
        .unwrap();
    scene.vic.set_role(chat, foe, true).await.unwrap();
    until("gus is in", || gus.chat(chat).is_ok()).await;
    say(&scene.vic, chat, "от хозяйки").await;
    sees(&scene.wes, chat, "от хозяйки").await;
    say(&scene.wes, chat, "от уэса").await;
    sees(&scene.vic, chat, "от уэса").await;
    until("the same", || {
        seats(&scene.vic, chat) == seats(&scene.wes, chat)
    })
    .await;
    scene.foe.has_seen(&scene.here, chat);
    let row = |home, lane, seq, id| CutRow {
        home,
        lane,
        seq,
        id: EventId([id; 32]),
    };
    let (own, owner) = (
        super::hostile::kem_of(&scene.there, wes).home,
        super::hostile::kem_of(&scene.here, scene.vic.id()).home,
    );
    let lies = vec![
        row(owner, 2, 0, 1),
        row(owner, 0, 0, 2),
        row(own, 2, u64::MAX, 3),
        row(own, 2, 0, 4),
        row(own, 200, 7, 5),
        row(own, 0, u64::MAX, 6),
    ];
    let removes = scene.foe.act(Kind::REMOVE, remove(wes, lies));
    scene
        .told(
            std::slice::from_ref(&removes),
            std::slice::from_ref(&removes),
        )
        .await;
    for who in [&scene.vic, &gus] {
        let out = |list: Vec<(UserId, MemberRole)>| list.iter().all(|(user, _)| *user != wes);
        assert!(out(seats(who, chat)));
        assert_eq!(texts(who, chat), ["от хозяйки", "от уэса"]);
    }
    say(&scene.vic, chat, "дальше").await;
    sees(&gus, chat, "дальше").await;
    say(&gus, chat, "идём").await;
    sees(&scene.vic, chat, "идём").await;
    assert_eq!(texts(&scene.vic, chat), texts(&gus, chat));
    assert_eq!(texts(&scene.wes, chat), ["от хозяйки", "от уэса"]);
    scene.stop().await;
}

/// B36: a plain member removes, adds, promotes itself, demotes the owner, opens the group, renames it and deletes
/// what others wrote. Each act is signed well and stands in its place; none has an effect.
#[tokio::test(flavor = "multi_thread")]
async fn acts_of_somebody_without_the_role_have_no_effect() {
    let mut scene = Scene::set().await;
    let gus = user(&scene.here, "gus").await;
    let chat = scene.chat;
    let mine = say(&scene.vic, chat, "останется").await;
    sees(&scene.wes, chat, "останется").await;
    let before = seats(&scene.vic, chat);
    let policy = Policy {
        who_adds: 1,
        history: 2,
        days: 0,
        read_marks: false,
    };
    let (vic, wes, own) = (scene.vic.id(), scene.wes.id(), scene.foe.bad.user);
    let acts: Vec<VerifiedEvent> = [
        (Kind::ROLE, role(own, Role::Admin)),
        (Kind::ADD, add(gus.id())),
        (Kind::REMOVE, remove(wes, Vec::new())),
        (Kind::REMOVE, remove(vic, Vec::new())),
        (Kind::ROLE, role(vic, Role::Member)),
        (Kind::POLICY, policy.encode()),
        (Kind(9), vec![1, 2, 3]),
        (Kind::ADD, vec![0xff; 30]),
        (Kind::ADD, add(gus.id())),
    ]
    .into_iter()
    .map(|(kind, payload)| scene.foe.act(kind, payload))
    .collect();
    let mut other = acts.clone();
    other.reverse();
    scene.told(&acts, &other).await;

    let key = scene.foe.shares(&scene.here, &[vic]);
    let seal = |foe: &mut Foe, kind, inside: &[u8]| {
        let feed = foe.bad.feed(chat, Lane::Messages);
        let (seq, secret) = (foe.next[2].0, &foe.secret);
        let sealed = seal::seal_message(secret, &feed, seq, kind, inside, &mut SystemRandom);
        foe.event(Lane::Messages, kind, sealed.unwrap())
    };
    let title = GroupProfile {
        title: "Захвачено".to_owned(),
        picture: None,
    };
    let renames = seal(&mut scene.foe, Kind::PROFILE, &title.encode());
    let target = Delete { target: mine.id };
    let deletes = seal(&mut scene.foe, Kind::DELETE, &target.encode());
    let batch = [key, renames, deletes];
    scene.told(&batch, &batch).await;
    scene.meet_again().await;
    for who in [&scene.vic, &scene.wes] {
        assert_eq!(seats(who, chat), before);
        assert_eq!(who.chat(chat).unwrap().title, "Лодка");
    }
    assert_eq!(gus.chat(chat).err(), Some(crate::Error::NotFound));
    assert!(matches!(
        scene.wes.add_members(chat, [gus.id()].into()).await,
        Err(crate::Error::Forbidden | crate::Error::NotFound)
    ));
    scene.goes_on(vec!["останется"]).await;
    scene.stop().await;
}

/// B36: two admins sign removals of each other, neither having seen the other's. Admins do not remove admins, in
/// whatever order a node hears of it: both stay, and both still act.
#[tokio::test(flavor = "multi_thread")]
async fn two_admins_who_remove_each_other_both_stay() {
    let mut scene = Scene::set().await;
    let mut second = Foe::at(&scene.here, 70).await;
    let (chat, one, two) = (scene.chat, scene.foe.bad.user, second.bad.user);
    scene.vic.add_members(chat, [two].into()).await.unwrap();
    for admin in [one, two] {
        scene.vic.set_role(chat, admin, true).await.unwrap();
    }
    let before = seats(&scene.vic, chat);
    until("the same", || seats(&scene.wes, chat) == before).await;
    for foe in [&mut scene.foe, &mut second] {
        foe.has_seen(&scene.here, chat);
    }
    // The cuts leave nothing of the other; one lies about where it ends besides.
    let end = CutRow {
        home: second.bad.home,
        lane: 0,
        seq: u64::MAX,
        id: EventId([3; 32]),
    };
    let first = scene.foe.act(Kind::REMOVE, remove(two, vec![end]));
    let other = second.act(Kind::REMOVE, remove(one, Vec::new()));
    // The other node knows the second one's record from this one.
    let twin = Hostile::at(&scene.there, 70).await;
    scene.told(std::slice::from_ref(&first), &[]).await;
    assert_eq!(
        second.push(std::slice::from_ref(&other)).await,
        [Ack::Committed]
    );
    assert_eq!(twin.push(&second.chat, &[other]).await, [Ack::Committed]);
    scene.told(&[], &[first]).await;
    for who in [&scene.vic, &scene.wes] {
        assert_eq!(seats(who, chat), before);
        let admins = seats(who, chat)
            .into_iter()
            .filter(|(_, role)| *role == MemberRole::Admin);
        assert_eq!(admins.count(), 2);
    }
    let gus = user(&scene.here, "gus").await;
    second.has_seen(&scene.here, chat);
    let adds = second.act(Kind::ADD, add(gus.id()));
    assert_eq!(second.push(&[adds]).await, [Ack::Committed]);
    assert_eq!(seats(&scene.vic, chat).len(), 5);
    scene.meet_again().await;
    scene.goes_on(Vec::new()).await;
    scene.stop().await;
}

/// B10, L7: of many branches at one place the two of lowest id are shown, with a warning, and no others, whichever came
/// first; what stands above a branch shares its lot. A remove that names one of the others makes that one count in
/// full, and the rest nothing. Both nodes agree each time, also that nothing lacks.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_branches_two_are_shown_until_a_cut_picks_one() {
    let mut scene = Scene::set().await;
    let chat = scene.chat;
    let key = (scene.foe).shares(&scene.here, &[scene.vic.id(), scene.wes.id()]);
    let first = scene.foe.says("начало");
    let place = scene.foe.next[2];
    let mut branches = Vec::new();
    for n in 0..5 {
        scene.foe.next[2] = place;
        let root = scene.foe.says(&format!("ветвь {n}"));
        let above = scene.foe.says(&format!("выше {n}"));
        branches.push((root.id(), n, vec![root, above]));
    }
    branches.sort_by_key(|(id, ..)| *id);
    let of = |n: usize| -> Vec<String> {
        let (_, n, _) = &branches[n];
        vec![format!("ветвь {n}"), format!("выше {n}")]
    };
    // Highest ids first on one node, lowest first on the other.
    let all: Vec<VerifiedEvent> = branches.iter().flat_map(|(.., b)| b.clone()).collect();
    let mut turned: Vec<VerifiedEvent> = Vec::new();
    for (.., branch) in branches.iter().rev() {
        turned.extend(branch.iter().cloned());
    }
    let start = [key, first];
    scene.told(&start, &start).await;
    scene.told(&all, &turned).await;
    let shown = |who: &UserHandle| -> std::collections::BTreeSet<String> {
        let all = super::all(who, chat);
        let forked = all
            .iter()
            .filter(|m| m.forked)
            .filter_map(|m| m.text.clone());
        forked.collect()
    };
    let wanted: std::collections::BTreeSet<String> = of(0).into_iter().chain(of(1)).collect();
    for who in [&scene.vic, &scene.wes] {
        assert_eq!(shown(who), wanted);
        assert_eq!(texts(who, chat).len(), 5, "and what was said before");
    }
    assert_eq!(texts(&scene.vic, chat), texts(&scene.wes, chat));

    // The owner takes the member out; its cut names the head below the fork or a branch, as the owner's node has it. A
    // hand-made cut names the highest branch.
    let mut boss = Foe::at(&scene.here, 70).await;
    let twin = Hostile::at(&scene.there, 70).await;
    let id = boss.bad.user;
    scene.vic.add_members(chat, [id].into()).await.unwrap();
    scene.vic.set_role(chat, id, true).await.unwrap();
    until("wes knows", || {
        seats(&scene.wes, chat) == seats(&scene.vic, chat)
    })
    .await;
    boss.has_seen(&scene.here, chat);
    let (_, _, last) = &branches[4];
    let cut = vec![CutRow {
        home: scene.foe.bad.home,
        lane: 2,
        seq: last[1].header().seq,
        id: last[1].id(),
    }];
    let removes = boss.act(Kind::REMOVE, remove(scene.foe.bad.user, cut));
    let acks = boss.push(std::slice::from_ref(&removes)).await;
    assert_eq!(acks, [Ack::Committed]);
    assert_eq!(twin.push(&boss.chat, &[removes]).await, [Ack::Committed]);
    let mut settled = vec!["начало".to_owned()];
    settled.extend(of(4));
    for who in [&scene.vic, &scene.wes] {
        assert_eq!(texts(who, chat), settled);
        assert_eq!(shown(who).len(), 0);
    }
    // One more branch of somebody who is out, below the cut: refused.
    scene.foe.next[2] = place;
    let other = scene.foe.says("ещё одна");
    assert_eq!(scene.foe.push(&[other]).await, [Ack::Refused]);
    scene.meet_again().await;
    let settled: Vec<&str> = settled.iter().map(String::as_str).collect();
    scene.goes_on(settled).await;
    let began = Instant::now();
    while scene.vic.completeness(chat).await.unwrap().equal == 0 {
        assert!(began.elapsed() < PATIENCE, "the nodes never say the same");
    }
    scene.stop().await;
}
