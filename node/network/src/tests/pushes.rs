use std::time::Duration;

use super::*;
use crate::{Pushes, RequestError};

impl Node {
    async fn sees_pushes(&mut self) -> Pushes {
        self.sees(|event| match event {
            NetworkEvent::Pushes(pushes) => Some(pushes),
            _ => None,
        })
        .await
    }
}

/// Answers each frame with the same bytes until the stream ends; gives how many there were.
async fn echo(mut pushes: Pushes) -> usize {
    let mut count = 0;
    while let Some(pushed) = pushes.next().await {
        count += 1;
        if !pushes.answer(&pushed.body).await {
            break;
        }
    }
    count
}

#[tokio::test]
async fn frames_follow_one_another_on_one_stream() {
    let (alice, mut bob) = pair().await;
    let mut stream = alice.network.open_pushes(bob.id()).await.unwrap();
    // The other side hears of a stream by its first frame.
    let echoed = tokio::spawn(async move { echo(bob.sees_pushes().await).await });
    let most = vec![7; Protocol::Log.limit()];
    for body in [&[1][..], &most, &[2, 3]] {
        assert!(
            stream
                .request(body)
                .await
                .is_ok_and(|answer| answer == body)
        );
    }
    let too_much = stream.request(&vec![7; Protocol::Log.limit() + 1]).await;
    assert_eq!(too_much, Err(RequestError::TooLarge));
    drop(stream);
    assert_eq!(timeout(PATIENCE, echoed).await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn strangers_open_no_stream() {
    let (mut alice, mut bob) = (Node::start(1).await, Node::start(2).await);
    let opened = alice.network.open_pushes(bob.id()).await;
    assert!(matches!(opened, Err(RequestError::NotConnected)));
    alice.network.want(bob.id(), bob.network.addresses());
    alice.sees_connected(bob.id()).await;
    bob.sees_connected(alice.id()).await;
    let opened = alice.network.open_pushes(bob.id()).await;
    assert!(matches!(opened, Err(RequestError::Failed(_))));
    // Alice has admitted Bob, Bob has not yet: what she pushes waits for that.
    alice.network.admit(bob.id());
    let mut stream = alice.network.open_pushes(bob.id()).await.unwrap();
    let asked = tokio::spawn(async move { stream.request(&[5]).await });
    let early = bob.rest(Duration::from_millis(200)).await;
    assert!(!early.iter().any(|e| matches!(e, NetworkEvent::Pushes(_))));
    bob.network.admit(alice.id());
    let echoed = tokio::spawn(echo(bob.sees_pushes().await));
    assert_eq!(asked.await.unwrap(), Ok(vec![5]));
    assert_eq!(echoed.await.unwrap(), 1);
}

#[tokio::test]
async fn a_stream_ends_with_its_connection_or_its_other_end() {
    let (alice, mut bob) = pair().await;
    let mut stream = alice.network.open_pushes(bob.id()).await.unwrap();
    let dropped = async { drop(bob.sees_pushes().await) };
    let (asked, ()) = tokio::join!(stream.request(&[1]), dropped);
    // An end without an answer is a refusal; of a stream that is gone there is no more to be had.
    assert!(asked.is_err(), "dropped by the engine");
    assert!(stream.request(&[1]).await.is_err());

    let mut stream = alice.network.open_pushes(bob.id()).await.unwrap();
    let closed = async {
        let pushes = bob.sees_pushes().await;
        bob.network.close(alice.id());
        pushes
    };
    let (asked, pushes) = tokio::join!(timeout(PATIENCE, stream.request(&[1])), closed);
    assert!(asked.unwrap().is_err(), "closed by the other side");
    timeout(PATIENCE, echo(pushes)).await.unwrap();
}

#[tokio::test]
async fn all_peers_share_the_room_for_frames() {
    let (alice, mut bob) = pair().await;
    let mut stream = alice.network.open_pushes(bob.id()).await.unwrap();
    let asked = tokio::spawn(async move { stream.request(&[1; 5_000]).await });
    let mut pushes = bob.sees_pushes().await;
    let room = pushes.room.clone();
    let all = room.acquire_many(u32::try_from(room.available_permits()).unwrap());
    let taken = all.await.unwrap();
    {
        let mut next = std::pin::pin!(pushes.next());
        assert!(
            timeout(Duration::from_millis(200), &mut next)
                .await
                .is_err(),
            "without room the frame waits at its sender"
        );
        drop(taken);
        let pushed = timeout(PATIENCE, next).await.unwrap().unwrap();
        assert_eq!(pushed.body.len(), 5_000);
    }
    assert!(pushes.answer(&[9]).await);
    assert_eq!(asked.await.unwrap(), Ok(vec![9]));
}
