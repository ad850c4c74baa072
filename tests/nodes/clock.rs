//! Clocks that are days wrong, and jump while the node runs (N11); links that end by the clock of whoever made them.

use chater_tests::{Person, TestNode, founds, linked, members, story, texts, until};
use serde_json::json;

const DAY: i64 = 24 * 60 * 60;

/// Says something, and all others have it.
async fn tells(writer: &Person, chat: &str, text: &str, others: &[&Person]) {
    let message = writer.sends(chat, text).await;
    for other in others {
        other.sees(text).await;
    }
    // In a group of nodes that are not all linked gossip brings it, which is no delivery.
    if let [_] = others {
        writer.sees_state(chat, &message, "delivered").await;
    }
}

/// What was said last stands last for all of them, and all have the same order.
async fn ends_with(people: [&Person; 3], chat: &str, text: &str) {
    until(&format!("{text:?} stands last for all"), || async {
        let first = texts(people[0], chat).await;
        for person in people {
            if texts(person, chat).await != first {
                return None;
            }
        }
        (first.last()? == text).then_some(())
    })
    .await;
}

#[test]
fn clocks_days_wrong_hold_nothing_up_and_pin_nothing_to_the_bottom() {
    let node = |name| TestNode::named(name).with_clock("clocks_days_wrong_hold_nothing_up");
    let (Some(early), Some(late)) = (node("early"), node("late")) else {
        return;
    };
    story(150, async {
        let dom = TestNode::start("dom").await;
        let (mut early, mut late) = (
            early.with(&["--peer", &dom.p2p()]),
            late.with(&["--peer", &dom.p2p()]),
        );
        early.sets_clock(2 * DAY);
        late.sets_clock(-2 * DAY);
        early.up().await;
        late.up().await;
        let (ann, eva, leo) = (
            dom.registers("ann").await,
            early.registers("eva").await,
            late.registers("leo").await,
        );
        linked(&ann, &eva).await;
        linked(&ann, &leo).await;
        // Days apart no search is answered: it might be an old one played back. A whole address is.
        let with_eva = eva.opens_with("ann@dom").await;
        let with_leo = leo.opens_with("ann@dom").await;
        tells(&eva, &with_eva, "from the day after tomorrow", &[&ann]).await;
        tells(&ann, &with_eva, "from today", &[&eva]).await;
        tells(&leo, &with_leo, "from the day before yesterday", &[&ann]).await;
        tells(&ann, &with_leo, "still today", &[&leo]).await;
        let chat = founds(&ann, "Clocks", &[&eva, &leo]).await;
        for person in [&eva, &leo] {
            until("the group is there", || async {
                (members(person, &chat).await.len() == 3).then_some(())
            })
            .await;
        }
        let all = [&ann, &eva, &leo];
        for round in 0..3 {
            for (at, person) in all.into_iter().enumerate() {
                let text = format!("{} {round}", person.nick);
                let others = [all[(at + 1) % 3], all[(at + 2) % 3]];
                tells(person, &chat, &text, &others).await;
            }
        }
        tells(&ann, &chat, "answered", &[&eva, &leo]).await;
        ends_with(all, &chat, "answered").await;
        // Whoever asks what is wrong is told.
        for (node, word) in [(&early, "ahead"), (&late, "behind")] {
            let said = node.asks(&["doctor"]).await;
            assert!(said.out.contains(word), "{said:?}");
        }

        // They jump while they run: right, and wrong the other way.
        for (seconds, text) in [(0, "right at last"), (-2 * DAY, "back and back again")] {
            early.sets_clock(seconds);
            late.sets_clock(-seconds);
            tells(&eva, &chat, text, &[&ann, &leo]).await;
            tells(&leo, &chat, &format!("{text}, too"), &[&ann, &eva]).await;
        }
        tells(&ann, &chat, "goodbye", &[&eva, &leo]).await;
        ends_with(all, &chat, "goodbye").await;
        let before = texts(&ann, &chat).await;
        assert_eq!(before.len(), 9 + 1 + 4 + 1);
        early.sets_clock(0);
        late.sets_clock(0);
        early.restart().await;
        late.restart().await;
        linked(&ann, &eva).await;
        linked(&ann, &leo).await;
        // Right again, a search finds them.
        eva.finds(&ann).await;
        tells(&eva, &chat, "after a restart", &[&ann, &leo]).await;
        ends_with(all, &chat, "after a restart").await;
        assert_eq!(texts(&ann, &chat).await.len(), before.len() + 1);
    });
}

#[test]
fn a_link_into_a_community_ends_by_the_clock_of_its_maker() {
    let Some(mut dom) = TestNode::named("dom").with_clock("a_link_into_a_community_ends") else {
        return;
    };
    story(90, async {
        dom.up().await;
        let (port, lab) = (TestNode::start("port").await, TestNode::start("lab").await);
        let ann = dom.registers("ann").await;
        let (bob, cid) = (port.registers("bob").await, lab.registers("cid").await);
        let made = ann.api.post("/communities", &json!({"name": "Yard"})).await;
        let yard = made.expect(201).json()["id"].as_str().unwrap().to_owned();
        let path = format!("/communities/{yard}/invites");
        let body = json!({"uses": 5, "days": 7});
        let link = ann.api.post(&path, &body).await.expect(201).json()["link"].clone();
        let join = json!({"link": link});
        dom.sets_clock(6 * DAY);
        bob.api.post("/communities/join", &join).await.expect(200);
        dom.sets_clock(8 * DAY);
        let late = cid.api.post("/communities/join", &join).await.expect(422);
        assert_eq!(late.field(), "link");
        assert!(late.text().contains("expired"), "{}", late.text());
        let command = lab.asks(&["join", link.as_str().unwrap()]).await;
        assert_eq!(command.code, Some(1));
        assert!(command.err.contains("expired"), "{}", command.err);
        let own = cid.api.get("/communities").await.expect(200).json();
        assert_eq!(own["communities"], json!([]), "nothing came in");
        // Who came in time is in.
        let own = bob.api.get("/communities").await.expect(200).json();
        assert_eq!(own["communities"][0]["name"], "Yard");
    });
}
