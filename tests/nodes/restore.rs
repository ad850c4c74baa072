//! A node is gone with its disk and comes back elsewhere from a copy that was made while it ran: what came after the
//! copy is brought by those who have it, and everybody reaches everybody again.

use std::collections::BTreeSet;
use std::time::Duration;

use chater_tests::{
    PASSWORD, Person, TestNode, founds, linked, members, story, texts, until, within,
};
use serde_json::json;

/// Somebody's node has come back: they log in until their own later words are there. The first login may be too early, since
/// nothing is known of them until another node is met (I7).
async fn comes_back(node: &TestNode, nick: &str, chat: &str, own: &str) -> Person {
    let login = json!({"nick": nick, "password": PASSWORD});
    let what = format!("{nick} has {own:?} again");
    within(Duration::from_secs(60), &what, || async {
        let answer = node.api().post("/sessions", &login).await.expect(201);
        let person = Person::new(node, nick, &answer.json());
        let there = texts(&person, chat).await;
        there.iter().any(|text| text == own).then_some(person)
    })
    .await
}

/// All of them have exactly these messages, in one order.
async fn alike(people: &[&Person], chat: &str, wanted: &[&str]) {
    let wanted: BTreeSet<&str> = wanted.iter().copied().collect();
    until(&format!("all have {wanted:?}"), || async {
        let mut orders = Vec::new();
        for person in people {
            orders.push(texts(person, chat).await);
        }
        let first = orders.first()?;
        let there: BTreeSet<&str> = first.iter().map(String::as_str).collect();
        let same = orders.iter().all(|order| order == first);
        (same && first.len() == wanted.len() && there == wanted).then_some(())
    })
    .await;
}

async fn title(of: &Person, chat: &str) -> String {
    let chats = of.chats().await;
    let row = chats.iter().find(|row| row["id"] == chat);
    let title = row.and_then(|row| row["title"].as_str());
    title.unwrap_or_default().to_owned()
}

#[test]
fn what_came_after_the_copy_is_brought_by_the_others() {
    story(240, async {
        let far = TestNode::start("far").await;
        let sea = TestNode::start_linked("sea", &far).await;
        let peers = ["--peer", &far.p2p(), "--peer", &sea.p2p()];
        let mut dom = TestNode::named("dom").with(&peers);
        dom.up().await;
        let (ann, eve) = (dom.registers("ann").await, dom.registers("eve").await);
        let (bob, cid) = (far.registers("bob").await, sea.registers("cid").await);
        for (one, other) in [(&ann, &bob), (&ann, &cid), (&bob, &cid)] {
            linked(one, other).await;
            other.finds(one).await;
        }
        let (with_bob, with_cid) = (ann.opens(&bob).await, ann.opens(&cid).await);
        let at_home = ann.opens_with(&eve.user_id).await;
        let boat = founds(&ann, "Boat", &[&eve, &bob, &cid]).await;
        let garden = founds(&bob, "Garden", &[&ann, &cid]).await;
        let all = [&ann, &eve, &bob, &cid];
        for (writer, chat, text) in [
            (&ann, &with_bob, "ann to bob before"),
            (&ann, &with_cid, "ann to cid before"),
            (&ann, &at_home, "at home before"),
            (&ann, &boat, "ann in the boat before"),
            (&bob, &garden, "bob in the garden before"),
        ] {
            writer.sends(chat, text).await;
        }
        alike(&all, &boat, &["ann in the boat before"]).await;
        alike(&[&ann, &cid], &garden, &["bob in the garden before"]).await;
        cid.sees("ann to cid before").await;

        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("copy").to_str().unwrap().to_owned();
        assert_eq!(dom.asks(&["backup", &file]).await.code, Some(0));

        // It goes on: old chats, a member more, a chat and a group that the copy knows nothing of.
        let dan = far.registers("dan").await;
        let new = dan.opens(&ann).await;
        ann.finds(&dan).await;
        let late = founds(&cid, "Late", &[&ann, &bob]).await;
        until("ann is in the late group", || async {
            (members(&ann, &late).await.len() == 3).then_some(())
        })
        .await;
        let path = format!("/chats/{boat}/members");
        let added = ann
            .api
            .post(&path, &json!({"members": [dan.address]}))
            .await;
        assert_eq!(added.status, 200, "{}", added.text());
        dan.sends(&new, "dan to ann after").await;
        ann.sees("dan to ann after").await;
        for (writer, chat, text) in [
            (&ann, &with_bob, "ann to bob after"),
            (&ann, &with_cid, "ann to cid after"),
            (&ann, &at_home, "at home after"),
            (&ann, &boat, "ann in the boat after"),
            (&eve, &boat, "eve in the boat after"),
            (&ann, &garden, "ann in the garden after"),
            (&ann, &new, "ann to dan after"),
            (&ann, &late, "ann in the late group"),
        ] {
            let message = writer.sends(chat, text).await;
            if *chat != at_home {
                writer.sees_state(chat, &message, "delivered").await;
            }
        }
        dan.sees("eve in the boat after").await;
        cid.sees("ann in the garden after").await;
        bob.sees("ann in the late group").await;
        // The disk is gone with all that was on it.
        dom.kill9().await;
        let id = dom.node_id();
        drop(dom);
        let waits = bob.sends(&with_bob, "bob while she was gone").await;
        cid.sends(&boat, "cid while she was gone").await;
        bob.sends(&garden, "bob while she was gone, in the garden")
            .await;

        // Elsewhere, with no word about where the others are: the copy knows.
        let mut again = TestNode::named("dom");
        assert_eq!(again.asks(&["restore", &file]).await.code, Some(0));
        again.up().await;
        assert_eq!(again.node_id(), id);
        let ann = comes_back(&again, "ann", &with_bob, "ann to bob after").await;
        let eve = comes_back(&again, "eve", &boat, "eve in the boat after").await;
        bob.sees_state(&with_bob, &waits, "delivered").await;
        linked(&ann, &cid).await;

        let mut in_boat = vec![
            "ann in the boat before",
            "ann in the boat after",
            "eve in the boat after",
            "cid while she was gone",
        ];
        let mut in_garden = vec![
            "bob in the garden before",
            "ann in the garden after",
            "bob while she was gone, in the garden",
        ];
        alike(
            &[&ann, &bob],
            &with_bob,
            &[
                "ann to bob before",
                "ann to bob after",
                "bob while she was gone",
            ],
        )
        .await;
        alike(
            &[&ann, &cid],
            &with_cid,
            &["ann to cid before", "ann to cid after"],
        )
        .await;
        alike(
            &[&ann, &dan],
            &new,
            &["dan to ann after", "ann to dan after"],
        )
        .await;
        alike(&[&ann, &eve, &bob, &cid], &boat, &in_boat).await;
        alike(&[&ann, &bob, &cid], &garden, &in_garden).await;
        alike(&[&ann, &bob, &cid], &late, &["ann in the late group"]).await;
        // Between two people of the lost node nobody else has anything: what the copy had is there.
        alike(&[&ann, &eve], &at_home, &["at home before"]).await;
        // Who came into the group after the copy is in it.
        let there = members(&bob, &boat).await;
        assert_eq!(there.len(), 5);
        until("one list of members", || async {
            (members(&ann, &boat).await == there).then_some(())
        })
        .await;

        // Everybody reaches everybody, the owner of a group is its owner still.
        for (writer, chat, text, others) in [
            (&ann, &with_bob, "ann is back", &[&bob][..]),
            (&dan, &new, "dan reaches ann", &[&ann]),
            (&cid, &with_cid, "cid reaches ann", &[&ann]),
            (
                &ann,
                &boat,
                "ann is back in the boat",
                &[&eve, &bob, &cid, &dan],
            ),
            (
                &eve,
                &boat,
                "eve is back in the boat",
                &[&ann, &bob, &cid, &dan],
            ),
            (&bob, &garden, "bob reaches the garden", &[&ann, &cid]),
            (&ann, &garden, "ann is back in the garden", &[&bob, &cid]),
        ] {
            let message = writer.sends(chat, text).await;
            for other in others {
                other.sees(text).await;
            }
            writer.sees_state(chat, &message, "delivered").await;
        }
        let path = format!("/chats/{boat}/title");
        let renamed = ann
            .api
            .call("PUT", &path, Some(&json!({"title": "Ship"})))
            .await;
        assert_eq!(renamed.status, 200, "{}", renamed.text());
        for person in [&ann, &eve, &bob, &cid, &dan] {
            until(&format!("{} sees the new title", person.nick), || async {
                (title(person, &boat).await == "Ship").then_some(())
            })
            .await;
        }
        in_boat.extend(["ann is back in the boat", "eve is back in the boat"]);
        in_garden.extend(["bob reaches the garden", "ann is back in the garden"]);
        // A restart changes nothing of it.
        again.restart().await;
        let login = json!({"nick": "ann", "password": PASSWORD});
        let answer = again.api().post("/sessions", &login).await.expect(201);
        let ann = Person::new(&again, "ann", &answer.json());
        alike(&[&ann, &bob, &cid], &boat, &in_boat).await;
        alike(&[&ann, &bob, &cid], &garden, &in_garden).await;
        ann.sends(&boat, "after a restart").await;
        cid.sees("after a restart").await;
    });
}
