//! Blocking over the API, between two real nodes: nothing goes in either direction, nobody is told, and what was
//! written meanwhile comes once the block is taken back (K10).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first wrong thing"
)]

use std::time::Duration;

use chater_tests::{Person, TestNode, linked, story};
use serde_json::{Value, json};

async fn answers(person: &Person, chat: &str, answer: &str) -> u16 {
    let path = format!("/chats/{chat}/request");
    person
        .api
        .post(&path, &json!({"answer": answer}))
        .await
        .status
}

async fn texts(person: &Person, chat: &str) -> Vec<String> {
    let messages = person.newest(chat).await;
    let text = |message: &Value| message["text"].as_str().unwrap_or_default().to_owned();
    messages.iter().map(text).collect()
}

#[test]
fn a_block_stops_both_directions_and_can_be_taken_back() {
    story(90, async {
        let dom = TestNode::start("dom").await;
        let far = TestNode::start_linked("far", &dom).await;
        let (ann, bob) = (dom.registers("ann").await, far.registers("bob").await);
        linked(&ann, &bob).await;
        let chat = ann.opens(&bob).await;
        ann.sends(&chat, "hello").await;
        bob.sees("hello").await;

        assert_eq!(answers(&bob, &chat, "block").await, 204);
        assert_eq!(bob.chats().await, Vec::<Value>::new());
        let blocked = bob
            .api
            .get("/chats?filter=blocked")
            .await
            .expect(200)
            .json();
        assert_eq!(blocked["chats"][0]["id"], chat.as_str());
        assert_eq!(blocked["chats"][0]["state"], "blocked");
        let refused = bob.tries_to_send(&chat, &json!({"text": "no"})).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (403, "forbidden")
        );
        // Ann is not told: her message waits as for a node that is away.
        let waiting = ann.sends(&chat, "still there?").await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(texts(&bob, &chat).await, ["hello"]);
        let now = ann.newest(&chat).await.pop().unwrap();
        assert_eq!(
            (&now["id"], &now["state"]),
            (&waiting["id"], &json!("stored"))
        );

        // Wrong words, foreign chats and unknown ones change nothing.
        assert_eq!(answers(&bob, &chat, "ignore").await, 422);
        assert_eq!(answers(&bob, &"0".repeat(64), "accept").await, 404);
        let eve = far.registers("eve").await;
        assert_eq!(answers(&eve, &chat, "accept").await, 404);

        assert_eq!(answers(&bob, &chat, "accept").await, 204);
        bob.sends(&chat, "back").await;
        ann.sees("back").await;
        bob.sees("still there?").await;
        ann.sees_state(&chat, &waiting, "delivered").await;
    });
}
