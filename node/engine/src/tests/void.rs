//! Events that do not count and that something names which does: no node may say for ever that they lack.

use chater_protocol::event::{Kind, Lane, VerifiedEvent};
use chater_protocol::seal;
use chater_protocol::wire::Ack;

use super::hostile::{Hostile, msg};
use super::liars::Scene;
use super::outsiders::Foe;
use super::*;
use crate::shared::SystemRandom;

/// A message that names what its author has seen besides its own last one (L2).
fn answer(foe: &mut Foe, text: &str, deps: Vec<EventId>) -> VerifiedEvent {
    let feed = foe.bad.feed(foe.chat.chat, Lane::Messages);
    let (seq, prev) = foe.next[2];
    let sealed = seal::seal_message(
        &foe.secret,
        &feed,
        seq,
        Kind::MSG,
        &msg(text),
        &mut SystemRandom,
    );
    let mut at = foe.bad.place(foe.chat.chat, Lane::Messages, seq, prev);
    at.ctl.clone_from(&foe.ctl);
    at.deps = deps;
    let event = VerifiedEvent::sign(at, Kind::MSG, sealed.unwrap(), &foe.bad.key);
    foe.next[2] = (seq + 1, event.id());
    event
}

fn missing(of: &UserHandle, chat: ChatId) -> u32 {
    of.chat(chat).unwrap().missing
}

/// S10, M6: somebody who was removed writes on, and a member answers that. Both nodes refused it when it came; now that
/// a message which counts names it they take it in, show it nowhere, and neither says that anything lacks.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_message_that_counts_names_does_not_lack_for_ever() {
    let mut scene = Scene::set().await;
    let chat = scene.chat;
    let mut friend = Foe::at(&scene.here, 70).await;
    let twin = Hostile::at(&scene.there, 70).await;
    let added = scene.vic.add_members(chat, [friend.bad.user].into()).await;
    added.unwrap();
    until("wes knows", || scene.wes.chat(chat).unwrap().members == 4).await;
    let locals = [scene.vic.id(), scene.wes.id()];
    scene.foe.has_seen(&scene.here, chat);
    let key = scene.foe.shares(&scene.here, &locals[..1]);
    let first = scene.foe.says("пока внутри");
    scene
        .told(&[key.clone(), first.clone()], &[key, first])
        .await;
    let foe = scene.foe.bad.user;
    scene.vic.remove_member(chat, foe).await.unwrap();
    until("it is out there too", || {
        scene.wes.chat(chat).unwrap().members == 3
    })
    .await;

    let late = scene.foe.says("уже снаружи");
    assert_eq!(
        scene.foe.push(std::slice::from_ref(&late)).await,
        [Ack::Refused]
    );
    friend.has_seen(&scene.here, chat);
    let key = friend.shares(&scene.here, &locals[..1]);
    let says = answer(&mut friend, "вижу тебя", vec![late.id()]);
    assert_eq!(
        friend.push(std::slice::from_ref(&key)).await,
        [Ack::Committed]
    );
    assert_eq!(
        friend.push(std::slice::from_ref(&says)).await,
        [Ack::Committed]
    );
    assert_eq!(missing(&scene.vic, chat), 1);
    assert_eq!(
        scene.foe.push(std::slice::from_ref(&late)).await,
        [Ack::Committed]
    );
    assert_eq!(missing(&scene.vic, chat), 0);
    assert_eq!(texts(&scene.vic, chat), ["пока внутри", "вижу тебя"]);
    assert_eq!(scene.vic.chat(chat).unwrap().unread, 2);

    // The other node hears of it from this one.
    let acks = twin.push(&friend.chat, &[key, says]).await;
    assert_eq!(acks, [Ack::Committed; 2]);
    scene.meet_again().await;
    until("nothing lacks there", || missing(&scene.wes, chat) == 0).await;
    let began = Instant::now();
    while scene.vic.completeness(chat).await.unwrap().equal == 0 {
        assert!(began.elapsed() < PATIENCE, "the nodes never say the same");
    }

    // Back in, it goes on above what does not count: without that its feed would have a hole.
    let dead = [late, scene.foe.says("и это"), scene.foe.says("и это тоже")];
    scene.vic.add_members(chat, [foe].into()).await.unwrap();
    scene.foe.has_seen(&scene.here, chat);
    scene.foe.secret = seal::EpochSecret::generate(&mut SystemRandom);
    let key = scene.foe.shares(&scene.here, &locals[..1]);
    let back = scene.foe.says("снова здесь");
    assert_eq!(
        scene.foe.push(&[key, back.clone()]).await,
        [Ack::Committed; 2]
    );
    assert_eq!(missing(&scene.vic, chat), 1);
    assert_eq!(scene.foe.push(&dead).await, [Ack::Committed; 3]);
    assert_eq!(missing(&scene.vic, chat), 0);
    scene.meet_again().await;
    until("its feed has no hole there either", || {
        missing(&scene.wes, chat) == 0 && {
            let rows = scene.there.shared().store.read().unwrap();
            chater_store::events::find(&rows, back.id())
                .unwrap()
                .is_some()
        }
    })
    .await;
    let shown = ["пока внутри", "вижу тебя", "снова здесь"];
    assert_eq!(texts(&scene.vic, chat), shown);
    scene.stop().await;
}
