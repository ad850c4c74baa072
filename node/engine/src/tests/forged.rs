//! What a neighbour brings by the gossip of a group (S4).

use chater_protocol::wire::Ack;

use super::liars::Scene;
use super::*;

/// S4: forged and malformed events make whoever brings them pay; what only breaks a rule, or is good, does not. None of
/// the former is stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_neighbour_pays_for_forged_gossip_and_for_nothing_else() {
    let mut scene = Scene::set().await;
    let chat = scene.chat;
    let blamed = |scene: &Scene| scene.here.shared().counters.blamed.load(Ordering::Relaxed);
    scene.foe.bad.listens(chat);
    let key = (scene.foe).shares(&scene.here, &[scene.vic.id()]);
    assert_eq!(scene.foe.push(&[key]).await, [Ack::Committed]);

    let good = scene.foe.says("правда");
    let began = Instant::now();
    // Nobody listens at first: it is said until it is heard.
    while texts(&scene.vic, chat) != ["правда"] {
        assert!(began.elapsed() < PATIENCE, "gossip is not heard");
        scene.foe.bad.gossips(chat, good.to_wire());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(blamed(&scene), 0);

    let mut forged = scene.foe.says("ложь").to_wire();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    scene.foe.bad.gossips(chat, forged);
    until("forged", || blamed(&scene) == 1).await;
    scene.foe.bad.gossips(chat, vec![7; 40]);
    until("malformed", || blamed(&scene) == 2).await;

    let foe = scene.foe.bad.user;
    scene.vic.remove_member(chat, foe).await.unwrap();
    scene.foe.next[2] = (1, good.id());
    let rejected = || {
        scene
            .here
            .shared()
            .counters
            .rejected
            .load(Ordering::Relaxed)
    };
    let before = rejected();
    let late = scene.foe.says("уже снаружи");
    scene.foe.bad.gossips(chat, late.to_wire());
    until("refused", || rejected() > before).await;
    assert_eq!(blamed(&scene), 2);
    assert_eq!(texts(&scene.vic, chat), ["правда"]);
    scene.stop().await;
}

/// M9: a node that brings more people than it may at once is told to come again; the link still counts then.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_joins_at_once_do_not_read_like_a_link_that_ended() {
    let dirs = [Folder::new(), Folder::new()];
    let here = start(&dirs[0], "here").await;
    let there = start(&dirs[1], "there").await;
    link(&here, &there).await;
    let (vic, wes) = (user(&here, "vic").await, user(&there, "wes").await);
    let chat = super::outsiders::group(&vic, &[]).await;
    let text = vic.make_link(chat, 5, 1).await.unwrap();
    let node = there.shared().node_id;
    let spend = || {
        let mut rates = crate::shared::lock(&here.shared().rates);
        while rates.joins.take(&node, crate::actor::now_ms()).is_ok() {}
    };
    spend();
    let later = crate::Error::invalid("code", crate::Reason::Later);
    assert_eq!(wes.join(&text).await.err(), Some(later));
    crate::shared::lock(&here.shared().rates).joins =
        crate::rate::Buckets::new(crate::JOINS, crate::JOINS_AT_ONCE);
    assert!(wes.join(&text).await.is_ok());
    vic.end_link(chat, vic.links(chat).await.unwrap()[0].id)
        .await
        .unwrap();
    let eve = user(&there, "eve").await;
    let wrong = crate::Error::invalid("code", crate::Reason::Wrong);
    assert_eq!(eve.join(&text).await.err(), Some(wrong));
    stop(here).await;
    stop(there).await;
}
