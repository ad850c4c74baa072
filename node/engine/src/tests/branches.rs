//! Members whose feeds fork, and what is named, taken back or dead on a branch (L7, M6, L8). Two nodes get the branches in
//! different orders and must end alike.

use chater_protocol::event::{Kind, Lane, VerifiedEvent};
use chater_protocol::id::{EventId, UserId};
use chater_protocol::limits;
use chater_protocol::payload::{Add, Delete, Payload as _, Role};
use chater_protocol::seal;
use chater_protocol::wire::Ack;
use chater_store::{chats, forks};

use super::hostile::Hostile;
use super::liars::Scene;
use super::outsiders::{Foe, seats};
use super::*;
use crate::shared::SystemRandom;

impl Scene {
    /// The nodes end with the same members and heads, and nothing lacks.
    async fn agree(&self) {
        let began = Instant::now();
        loop {
            let seated = seats(&self.vic, self.chat) == seats(&self.wes, self.chat);
            let said = self.vic.completeness(self.chat).await.unwrap();
            let back = self.wes.completeness(self.chat).await.unwrap();
            if seated && said.equal > 0 && back.equal > 0 && said.missing + back.missing == 0 {
                return;
            }
            let late = began.elapsed() > PATIENCE;
            assert!(!late, "{seated}, {said:?}, {back:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Texts that are shown with the warning that their author says something else elsewhere.
    fn forked(&self) -> [Vec<String>; 2] {
        [&self.vic, &self.wes].map(|who| {
            let all = all(who, self.chat).into_iter().filter(|m| m.forked);
            let mut texts: Vec<String> = all.filter_map(|m| m.text).collect();
            texts.sort();
            texts
        })
    }
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

/// B10, L7: an admin forks its first act hundreds of times. One node has met one branch alone, and somebody there wrote having
/// seen it; the other has met all others, and no place is left. What was written comes there with the branch that it names, and when
/// the owner's cut picks that branch, both nodes have the same members.
#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_somebody_has_seen_comes_where_there_is_no_room() {
    let mut scene = Scene::set().await;
    let chat = scene.chat;
    let gus = user(&scene.here, "gus").await;
    let foe = scene.foe.bad.user;
    scene.vic.set_role(chat, foe, true).await.unwrap();
    let mut friend = Foe::at(&scene.here, 70).await;
    let _twin = Hostile::at(&scene.there, 70).await;
    let added = scene.vic.add_members(chat, [friend.bad.user].into()).await;
    added.unwrap();
    until("both know", || {
        seats(&scene.wes, chat) == seats(&scene.vic, chat) && seats(&scene.wes, chat).len() == 4
    })
    .await;
    scene.foe.has_seen(&scene.here, chat);
    let count = limits::BRANCHES as u64 + 60;
    let mut branch = |n: u64, user| {
        scene.foe.next[0] = (0, EventId::default());
        scene.foe.earlier_ms = n;
        scene.foe.act(Kind::ADD, add(user))
    };
    // Of a high id, so that no node tells of it as one of the two lowest.
    let first = (0..9).map(|n| branch(n, gus.id()));
    let first = first.max_by_key(VerifiedEvent::id).unwrap();
    let others: Vec<_> = (9..count).map(|n| branch(n, scene.wes.id())).collect();

    cut(&scene.here, &scene.there).await;
    let acks = scene.foe.push(std::slice::from_ref(&first)).await;
    assert_eq!(acks, [Ack::Committed]);
    friend.has_seen(&scene.here, chat);
    assert!(friend.ctl.contains(&first.id()));
    let key = friend.shares(&scene.here, &[scene.vic.id(), scene.wes.id()]);
    let says = friend.says("его позвал админ");
    // What members who are no admins add has no effect, and says what they have seen.
    let adds = friend.act(Kind::ADD, add(gus.id()));
    assert_eq!(friend.push(&[adds, key, says]).await, [Ack::Committed; 3]);
    let (mut here, mut there) = (Vec::new(), Vec::new());
    for part in others.chunks(60) {
        here.extend(scene.foe.push(part).await);
        there.extend(scene.twin.push(&scene.foe.chat, part).await);
    }
    for acks in [here, there] {
        assert!(acks.contains(&Ack::Later), "there is no room for all");
    }
    heal(&scene.here, &scene.there).await;
    scene.alike(&["его позвал админ"]).await;
    assert_eq!(seats(&scene.vic, chat).len(), 4, "a fork adds nobody");

    // Most have seen that branch: the cut names it.
    scene.vic.remove_member(chat, foe).await.unwrap();
    let in_there = |who: &UserHandle| seats(who, chat).iter().any(|(user, _)| *user == gus.id());
    until("gus is in", || in_there(&scene.vic) && in_there(&scene.wes)).await;
    scene.agree().await;
    scene.goes_on(vec!["его позвал админ"]).await;
    // Nor does it depend on what was in memory.
    let Scene {
        dirs,
        here,
        there,
        wes,
        ..
    } = scene;
    let before = seats(&wes, chat);
    let id = wes.id();
    drop(wes);
    stop(there).await;
    let there = start(&dirs[1], "there").await;
    let wes = there.handle(id, None);
    assert_eq!(seats(&wes, chat), before);
    link(&here, &there).await;
    say(&wes, chat, "я вернулся").await;
    assert_eq!(seats(&wes, chat), before);
    stop(here).await;
    stop(there).await;
}

/// L7, M6: a member's messages fork, and it is removed with a cut below the fork: nothing of either branch counts. Taken back in,
/// it goes on from where the cut was: that is no fork, on no node, and nobody is warned of it. Another one is.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_dead_makes_no_fork() {
    let mut scene = Scene::set().await;
    let (chat, foe) = (scene.chat, scene.foe.bad.user);
    let locals = [scene.vic.id(), scene.wes.id()];
    let key = scene.foe.shares(&scene.here, &locals);
    let first = scene.foe.says("начало");
    let start = [key, first.clone()];
    scene.told(&start, &start).await;
    let place = scene.foe.next[2];
    let left = [scene.foe.says("налево"), scene.foe.says("левее")];
    scene.foe.next[2] = place;
    let right = [scene.foe.says("направо")];
    scene.told(&left, &right).await;
    scene.told(&right, &left).await;
    let begin = |texts: &Vec<String>| {
        ["налево", "направо"]
            .iter()
            .all(|t| texts.contains(&(*t).to_owned()))
    };
    until("both are warned", || scene.forked().iter().all(begin)).await;

    scene.vic.remove_member(chat, foe).await.unwrap();
    until("it is out", || {
        let out = |who| texts(who, chat) == ["начало"];
        out(&scene.vic) && out(&scene.wes)
    })
    .await;
    scene.agree().await;
    scene.vic.add_members(chat, [foe].into()).await.unwrap();
    until("it is in", || scene.wes.chat(chat).unwrap().members == 3).await;
    scene.foe.has_seen(&scene.here, chat);
    scene.foe.secret = seal::EpochSecret::generate(&mut SystemRandom);
    let key = scene.foe.shares(&scene.here, &locals);
    scene.foe.next[2] = place;
    let back = [key, scene.foe.says("снова"), scene.foe.says("здесь")];
    scene.told(&back, &back).await;
    scene.alike(&["начало", "снова", "здесь"]).await;
    scene.agree().await;
    assert_eq!(scene.forked(), [Vec::<String>::new(), Vec::new()]);
    for engine in [&scene.here, &scene.there] {
        let rows = engine.shared().store.read().unwrap();
        let no = chats::number(&rows, chat).unwrap().unwrap();
        assert_eq!(forks::forks(&rows, no).unwrap(), []);
    }

    // It says two things once more: that is one, from there on.
    let place = scene.foe.next[2];
    let one = scene.foe.says("так");
    scene.foe.next[2] = place;
    let other = scene.foe.says("не так");
    let (one, other) = ([one], [other]);
    scene.told(&one, &other).await;
    scene.told(&other, &one).await;
    let forked = || vec!["не так".to_owned(), "так".to_owned()];
    until("both are warned of these alone", || {
        scene.forked() == [forked(), forked()]
    })
    .await;
    scene.agree().await;
    scene.stop().await;
}

/// L8, M4: an admin takes back what somebody wrote, and another node had not heard of it when the owner put the admin out, or took
/// the role away: the delete is void. The text that was dropped for it comes back from who still has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_was_taken_back_by_a_void_delete_comes_back() {
    for stays in [false, true] {
        let mut scene = Scene::set().await;
        let (chat, foe) = (scene.chat, scene.foe.bad.user);
        scene.vic.set_role(chat, foe, true).await.unwrap();
        let said = say(&scene.wes, chat, "важное").await;
        sees(&scene.vic, chat, "важное").await;
        until("both know", || {
            seats(&scene.wes, chat) == seats(&scene.vic, chat)
        })
        .await;
        scene.foe.has_seen(&scene.here, chat);
        let key = (scene.foe).shares(&scene.here, &[scene.vic.id(), scene.wes.id()]);
        let seq = scene.foe.next[2].0;
        let sealed = seal::seal_message(
            &scene.foe.secret,
            &scene.foe.bad.feed(chat, Lane::Messages),
            seq,
            Kind::DELETE,
            &Delete { target: said.id }.encode(),
            &mut SystemRandom,
        );
        let delete = (scene.foe).event(Lane::Messages, Kind::DELETE, sealed.unwrap());
        cut(&scene.here, &scene.there).await;
        let acks = scene.twin.push(&scene.foe.chat, &[key, delete]).await;
        assert_eq!(acks, [Ack::Committed; 2]);
        assert!(one(&scene.wes, chat, said.id).deleted);
        match stays {
            true => scene.vic.set_role(chat, foe, false).await.unwrap(),
            false => scene.vic.remove_member(chat, foe).await.unwrap(),
        }
        heal(&scene.here, &scene.there).await;
        scene.alike(&["важное"]).await;
        assert!(!one(&scene.wes, chat, said.id).deleted);
        scene.agree().await;
        scene.goes_on(vec!["важное"]).await;
        scene.stop().await;
    }
}
