//! The own chat list over the API: arranged for oneself alone, and nothing of it by others or by bad values.

use chater_tests::{Person, TestNode, story};
use serde_json::{Value, json};

async fn arranges(person: &Person, chat: &str, body: &Value) -> (u16, Value) {
    let path = format!("/chats/{chat}");
    let answer = person.api.call("PATCH", &path, Some(body)).await;
    (answer.status, answer.json())
}

#[test]
fn a_list_is_arranged_for_oneself() {
    story(60, async {
        let node = TestNode::start("dom").await;
        let (alice, bob) = (node.registers("alice").await, node.registers("bob").await);
        let chat = alice.opens(&bob).await;
        bob.opens(&alice).await;
        bob.sends(&chat, "first").await;

        let all = json!({"pinned": true, "mute": "ever", "unread": false});
        let (status, card) = arranges(&alice, &chat, &all).await;
        assert_eq!(
            (status, &card["pinned"], &card["unread"]),
            (200, &json!(true), &json!(0))
        );
        assert_eq!(card["muted_until"], "9999-12-31T23:59:59.000Z");
        let (_, card) = arranges(&alice, &chat, &json!({"unread": true, "mute": "off"})).await;
        assert_eq!(
            (&card["unread"], &card["muted_until"]),
            (&json!(1), &Value::Null)
        );
        assert_eq!(card["pinned"], true, "what is left out stays");
        let (_, card) = arranges(&alice, &chat, &json!({"mute": "1h"})).await;
        assert!(card["muted_until"].as_str().unwrap() < "9999");
        let (_, card) = arranges(&alice, &chat, &json!({"archived": true, "mute": "off"})).await;
        assert_eq!(
            (&card["archived"], &card["pinned"]),
            (&json!(true), &json!(false))
        );
        assert!(alice.chats().await.is_empty());
        let archive = alice
            .api
            .get("/chats?filter=archive")
            .await
            .expect(200)
            .json();
        assert_eq!(archive["chats"].as_array().unwrap().len(), 1);
        let theirs = &bob.chats().await[0];
        assert_eq!(
            (
                &theirs["pinned"],
                &theirs["archived"],
                &theirs["muted_until"]
            ),
            (&json!(false), &json!(false), &Value::Null),
            "for oneself"
        );
        bob.sends(&chat, "second").await;
        assert_eq!(alice.chats().await.len(), 1, "a new message brings it back");

        // Bad values and other people change nothing.
        let before = alice.chats().await;
        for bad in [
            json!({"mute": "2h"}),
            json!({"mute": ""}),
            json!({"pinned": true, "mute": "for ever and ever"}),
        ] {
            let (status, answer) = arranges(&alice, &chat, &bad).await;
            assert_eq!(
                (status, &answer["error"]["field"]),
                (422, &json!("mute")),
                "{bad}"
            );
        }
        for bad in [
            json!({"pinned": "yes"}),
            json!({"mute": 3600}),
            json!([true]),
        ] {
            let (status, _) = arranges(&alice, &chat, &bad).await;
            assert!((400..=422).contains(&status), "{bad}: {status}");
        }
        let eve = node.registers("eve").await;
        for whose in [&eve, &bob] {
            let stranger = if whose.nick == "eve" {
                chat.clone()
            } else {
                "ab".repeat(32)
            };
            let (status, _) = arranges(whose, &stranger, &json!({"pinned": true})).await;
            assert_eq!(status, 404);
        }
        let none = bob.opens(&eve).await;
        let (status, answer) =
            arranges(&bob, &none, &json!({"pinned": true, "unread": true})).await;
        assert_eq!((status, &answer["error"]["field"]), (422, &json!("unread")));
        assert_eq!(alice.chats().await, before);
        let own = bob.chats().await;
        assert!(own.iter().all(|chat| chat["pinned"] == false));
    });
}
