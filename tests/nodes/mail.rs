//! Mailboxes over the API, with real processes: two nodes that are never on together, a mailbox that is
//! killed in between, and what it knows of what it keeps (S11).

use std::path::Path;

use chater_tests::{Person, TestNode, story, until};
use serde_json::{Value, json};

async fn mail(person: &Person) -> Value {
    person.api.get("/node/mail").await.expect(200).json()
}

/// The owner lets the mailbox keep the node's mail, and it agrees.
async fn chooses(owner: &Person, mailbox: &TestNode) {
    let path = format!("/node/mail/mailboxes/{}", mailbox.node_id());
    until("the offer is known", || async {
        let offers = mail(owner).await["offers"].as_array().unwrap().len();
        (offers > 0).then_some(())
    })
    .await;
    owner.api.call("PUT", &path, None).await.expect(204);
    until("it keeps our mail", || async {
        (mail(owner).await["mailboxes"][0]["state"] == "keeps").then_some(())
    })
    .await;
}

/// The message lies in the mailbox: shown so, and never as delivered.
async fn lies_in(person: &Person, chat: &str, message: &Value, mailbox: &str) {
    let id = message["id"].as_str().unwrap();
    let path = format!("/chats/{chat}/messages/{id}/path");
    until("it lies in the mailbox", || async {
        let way = person.api.get(&path).await.expect(200).json();
        let hops = way["hops"].as_array().unwrap().clone();
        let lies = hops
            .iter()
            .flat_map(|hop| hop["mailboxes"].as_array().unwrap().clone())
            .any(|lies| lies["node"] == mailbox && lies["at"].is_string());
        lies.then_some(())
    })
    .await;
    let newest = person.newest(chat).await;
    let shown = newest.iter().find(|m| m["id"] == id).unwrap();
    assert_eq!(shown["state"], "stored");
}

fn texts(messages: &[Value]) -> Vec<String> {
    let text = |message: &Value| message["text"].as_str().unwrap_or_default().to_owned();
    messages.iter().map(text).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap())
        .collect()
}

/// Whether these bytes stand in any file of a folder.
fn stands_in(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return stands_in(&path, bytes);
        }
        let Ok(file) = std::fs::read(&path) else {
            return false;
        };
        file.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[test]
fn two_laptops_never_on_together_talk_through_a_third_node() {
    story(240, async {
        let mut mailbox = TestNode::named("box").with_settings("[mail]\noffer = true\n");
        mailbox.up().await;
        let keeper = mailbox.registers("keeper").await;
        let mut left = TestNode::start_linked("left", &mailbox).await;
        let mut right = TestNode::start_linked("right", &mailbox).await;
        let (ann, bob) = (
            left.registers("anneliese").await,
            right.registers("bobek").await,
        );
        chooses(&ann, &mailbox).await;
        chooses(&bob, &mailbox).await;
        // They meet once.
        let chat = ann.opens(&bob).await;
        let first = ann.sends(&chat, "together").await;
        bob.sees("together").await;
        ann.sees_state(&chat, &first, "delivered").await;
        let members = json!({"title": "Two of us", "members": [bob.user_id]});
        let group = ann.api.post("/chats", &members).await.expect(201).json();
        let group = group["id"].as_str().unwrap().to_owned();
        ann.sends(&group, "in the group").await;
        bob.sees("in the group").await;

        right.down().await;
        let one = ann.sends(&chat, "zebra-in-the-mailbox one").await;
        let two = ann.sends(&group, "zebra-in-the-mailbox two").await;
        lies_in(&ann, &chat, &one, "box").await;
        lies_in(&ann, &group, &two, "box").await;
        // What was kept is kept: it is on the disk of the mailbox before the sender is told.
        mailbox.kill9().await;
        mailbox.up().await;
        let three = ann.sends(&chat, "zebra-in-the-mailbox three").await;
        lies_in(&ann, &chat, &three, "box").await;
        let kept = mail(&keeper).await["kept"].clone();
        let right_id = right.node_id();
        let kept = kept.as_array().unwrap().iter();
        let for_right = kept.into_iter().find(|k| k["node_id"] == right_id.as_str());
        let for_right = for_right.unwrap();
        assert!(
            for_right["letters"].as_u64().unwrap() >= 2
                && for_right["bytes"].as_u64().unwrap() > 2_000
        );
        let status = mailbox.asks(&["status"]).await;
        assert!(
            status.out.contains("Mail") && status.out.contains("nodes I keep for: 2"),
            "{status:?}"
        );
        left.down().await;

        right.up().await;
        bob.sees("zebra-in-the-mailbox one").await;
        bob.sees("zebra-in-the-mailbox two").await;
        bob.sees("zebra-in-the-mailbox three").await;
        let wanted = [
            "together",
            "zebra-in-the-mailbox one",
            "zebra-in-the-mailbox three",
        ];
        assert_eq!(texts(&bob.newest(&chat).await), wanted);
        until("the mailbox is empty", || async {
            let kept = mail(&keeper).await["kept"].clone();
            let mut kept = kept.as_array().unwrap().clone();
            kept.retain(|k| k["node_id"] == right_id.as_str());
            (kept[0]["letters"] == 0 && kept[0]["bytes"] == 0).then_some(())
        })
        .await;
        let answer = bob.sends(&chat, "zebra-comes-back").await;
        lies_in(&bob, &chat, &answer, "box").await;
        right.down().await;

        left.up().await;
        ann.sees("zebra-comes-back").await;
        for message in [&one, &three] {
            ann.sees_state(&chat, message, "delivered").await;
        }

        // Names, texts, people and chats: nothing of them is in the mailbox's folder, which has its log.
        mailbox.down().await;
        let ids = [&ann.user_id, &bob.user_id, &chat, &group];
        for id in ids {
            assert!(!stands_in(mailbox.folder(), id.as_bytes()), "{id}");
            assert!(!stands_in(mailbox.folder(), &unhex(id)), "{id}");
            assert!(!mailbox.log().contains(id.as_str()));
        }
        for word in ["zebra", "anneliese", "bobek", "Two of us", "together"] {
            assert!(!stands_in(mailbox.folder(), word.as_bytes()), "{word}");
            assert!(!mailbox.log().contains(word), "{word}");
        }
        // The same look finds them where they are.
        assert!(stands_in(left.folder(), &unhex(&bob.user_id)));
        assert!(stands_in(left.folder(), &unhex(&chat)));
        assert!(stands_in(left.folder(), b"anneliese"));
    });
}

#[test]
fn switches_are_the_owners_and_bad_values_change_nothing() {
    story(120, async {
        let node = TestNode::start("box").await;
        let (owner, guest) = (
            node.registers("keeper").await,
            node.registers("guest").await,
        );
        let rules =
            |offers, quota, days| json!({"offers": offers, "quota_mib": quota, "days": days});
        let path = "/node/mail/rules";
        guest
            .api
            .call("PUT", path, Some(&rules(true, 200, 14)))
            .await
            .expect(403);
        for bad in [
            rules(true, 9, 14),
            rules(true, 200, 0),
            rules(true, 200, 91),
        ] {
            owner.api.call("PUT", path, Some(&bad)).await.expect(422);
        }
        assert_eq!(mail(&guest).await["rules"], rules(false, 200, 14));
        owner
            .api
            .call("PUT", path, Some(&rules(true, 10, 90)))
            .await
            .expect(200);
        assert_eq!(mail(&guest).await["rules"], rules(true, 10, 90));
        let unknown = format!("/node/mail/mailboxes/{}", node.node_id());
        owner.api.call("PUT", &unknown, None).await.expect(404);
        owner.api.call("DELETE", &unknown, None).await.expect(404);
        owner
            .api
            .call("PUT", "/node/mail/mailboxes/nobody", None)
            .await
            .expect(404);
        let kept = format!("/node/mail/kept/{}", node.node_id());
        owner.api.call("DELETE", &kept, None).await.expect(404);
        guest.api.call("DELETE", &kept, None).await.expect(403);

        // What the file says is not changed on a page.
        let mut fixed = TestNode::named("fixed")
            .with_settings("[mail]\noffer = true\nquota_mib = 50\ndays = 3\n");
        fixed.up().await;
        let owner = fixed.registers("keeper").await;
        let now = mail(&owner).await;
        assert_eq!(
            (&now["rules"], &now["fixed"]),
            (&rules(true, 50, 3), &json!(true))
        );
        owner
            .api
            .call("PUT", path, Some(&rules(false, 50, 3)))
            .await
            .expect(403);
    });
}
