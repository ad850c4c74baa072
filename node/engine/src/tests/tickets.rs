//! Invitation links in the hands of a peer that keeps no rule (M9).

use chater_protocol::id::{Bytes, UserId};
use chater_protocol::ticket::{Join, Ticket};
use chater_protocol::wire::{LogAnswer, LogRequest, Message as _};

use super::hostile::Hostile;
use super::outsiders::{group, seats};
use super::*;

async fn brings(peer: &Hostile, ticket: &Ticket, user: UserId) -> Option<LogAnswer> {
    let join = Join {
        group: ticket.group,
        token: ticket.token,
        user,
    };
    peer.asks(LogRequest::Join(join).encode()).await
}

/// B34, B35: a link edited, for another group, for somebody of another node, used up, expired, taken back, or brought by
/// somebody who was removed lets nobody in; brought twice it uses nothing up.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_lets_in_as_it_says_and_nobody_else() {
    let dir = Folder::new();
    let engine = start(&dir, "door").await;
    let (vic, wes) = (user(&engine, "vic").await, user(&engine, "wes").await);
    let (chat, closed) = (group(&vic, &[]).await, group(&vic, &[]).await);
    let one = Hostile::at(&engine, 60).await;
    let two = Hostile::at(&engine, 70).await;
    let refused = Some(LogAnswer::Refused(0));
    let make = async |uses| {
        let text = vic.make_link(chat, uses, 1).await.unwrap();
        Ticket::parse(&text).unwrap()
    };
    let ticket = make(1).await;
    let before = seats(&vic, chat);
    let mut edited = ticket.clone();
    edited.token = Bytes(edited.token.0.map(|byte| byte ^ 1));
    assert_eq!(brings(&one, &edited, one.user).await, refused);
    let mut other = ticket.clone();
    other.group = closed;
    assert_eq!(brings(&one, &other, one.user).await, refused);
    assert_eq!(
        brings(&one, &ticket, wes.id()).await,
        refused,
        "of another node"
    );
    assert_eq!(
        brings(&one, &ticket, two.user).await,
        refused,
        "of another node"
    );
    assert_eq!(seats(&vic, chat), before);

    let in_now = Some(LogAnswer::Done(0));
    assert_eq!(brings(&one, &ticket, one.user).await, in_now);
    assert_eq!(brings(&two, &ticket, two.user).await, refused, "used up");
    let many = make(3).await;
    for _ in 0..3 {
        assert_eq!(brings(&one, &many, one.user).await, in_now, "is in");
    }
    assert_eq!(vic.links(chat).await.unwrap()[0].left, 3);

    vic.remove_member(chat, one.user).await.unwrap();
    assert_eq!(brings(&one, &many, one.user).await, refused, "removed");
    let shared = engine.shared();
    shared.skew_ms.store(2 * 86_400_000, Ordering::Relaxed);
    assert_eq!(brings(&two, &many, two.user).await, refused, "expired");
    shared.skew_ms.store(0, Ordering::Relaxed);
    let id = vic.links(chat).await.unwrap()[0].id;
    vic.end_link(chat, id).await.unwrap();
    assert_eq!(brings(&two, &many, two.user).await, refused, "taken back");
    assert_eq!(seats(&vic, chat), before);
    // By hand a member who was removed comes back.
    vic.add_members(chat, [one.user].into()).await.unwrap();
    assert_eq!(seats(&vic, chat).len(), 2);
    stop(engine).await;
}
