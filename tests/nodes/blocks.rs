//! Strangers and blocking over the API, between two real nodes (K10): who shares no community asks first and is bounded;
//! a block stops both directions, nobody is told, and what was written meanwhile comes once it is taken back.

use std::time::Duration;

use chater_tests::{Person, TestNode, linked, story, until};
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

async fn requests(person: &Person) -> Vec<Value> {
    let path = "/chats?filter=requests";
    let answer = person.api.get(path).await.expect(200).json();
    answer["chats"].as_array().unwrap().clone()
}

#[test]
fn a_stranger_asks_first_and_is_answered() {
    story(90, async {
        let dom = TestNode::start("dom").await;
        let ann = dom.registers("ann").await;
        let alone = json!({"open": false});
        let answer = ann.api.call("PATCH", "/communities", Some(&alone)).await;
        answer.expect(204);
        let far = TestNode::start_linked("far", &dom).await;
        let (bob, cid) = (far.registers("bob").await, far.registers("cid").await);

        // A whole address finds her; her list and her unread stay as they were, she is asked.
        let chat = bob.opens_with("ann@dom").await;
        for n in 0..25 {
            bob.sends(&chat, &format!("письмо {n}")).await;
        }
        until("she is asked", || async {
            (!requests(&ann).await.is_empty()).then_some(())
        })
        .await;
        assert_eq!(ann.chats().await, Vec::<Value>::new());
        let asked = requests(&ann).await;
        assert_eq!((asked.len(), &asked[0]["state"]), (1, &json!("request")));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let held = texts(&ann, &chat).await.len();
        assert!(
            (1..20).contains(&held),
            "{held} messages of a stranger held"
        );

        // She says yes: the rest comes, and she can answer.
        assert_eq!(answers(&ann, &chat, "accept").await, 204);
        until("all are there", || async {
            (texts(&ann, &chat).await.len() == 25).then_some(())
        })
        .await;
        ann.sends(&chat, "здравствуйте").await;
        bob.sees("здравствуйте").await;

        // Another one is turned away: nothing of him is held, and he is not told.
        let other = cid.opens_with("ann@dom").await;
        cid.sends(&other, "и мне").await;
        until("she is asked again", || async {
            (!requests(&ann).await.is_empty()).then_some(())
        })
        .await;
        assert_eq!(answers(&ann, &other, "decline").await, 204);
        let after = cid.sends(&other, "ещё раз").await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(requests(&ann).await, Vec::<Value>::new());
        let now = cid.newest(&other).await.pop().unwrap();
        assert_eq!(
            (&now["id"], &now["state"]),
            (&after["id"], &json!("stored"))
        );
        bob.sends(&chat, "а мы говорим").await;
        ann.sees("а мы говорим").await;
    });
}
