//! Two nodes with one key (N06): a copy is started while its original runs, and both are written on.

use std::collections::BTreeSet;
use std::time::Duration;

use chater_tests::{Api, PASSWORD, Person, TestNode, linked, story, texts, until, within};
use serde_json::json;

async fn all(of: &Person, chat: &str) -> BTreeSet<String> {
    texts(of, chat).await.into_iter().collect()
}

/// Each says something; gives who was refused because there is another.
async fn both_write(
    both: [&Person; 2],
    chat: &str,
    round: usize,
    said: &mut BTreeSet<String>,
) -> Option<&'static str> {
    let mut stopped = None;
    for (name, person) in ["original", "copy"].into_iter().zip(both) {
        let text = format!("{name} {round}");
        let answer = person.tries_to_send(chat, &json!({"text": text})).await;
        match answer.status {
            201 => _ = said.insert(text),
            409 => {
                assert_eq!(answer.code(), "home_stopped");
                stopped = stopped.or(Some(name));
            }
            other => panic!("{other}: {}", answer.text()),
        }
    }
    stopped
}

#[test]
fn a_copy_beside_its_original_is_found_out_and_nothing_is_lost() {
    story(240, async {
        let mut far = TestNode::start("far").await;
        let mut dom = TestNode::start_linked("dom", &far).await;
        let (ann, bob) = (dom.registers("ann").await, far.registers("bob").await);
        linked(&ann, &bob).await;
        let chat = ann.opens(&bob).await;
        let first = ann.sends(&chat, "before the copy").await;
        ann.sees_state(&chat, &first, "delivered").await;
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("copy").to_str().unwrap().to_owned();
        assert_eq!(dom.asks(&["backup", &file]).await.code, Some(0));
        let mut twin = TestNode::named("dom").with(&["--peer", &far.p2p()]);
        assert_eq!(twin.asks(&["restore", &file]).await.code, Some(0));
        twin.up().await;
        assert_eq!(twin.node_id(), dom.node_id());
        // Her session is in the copy, too.
        let other = Person {
            api: Api {
                address: twin.web(),
                token: ann.api.token.clone(),
            },
            ..ann.clone()
        };

        // Both write. To the other node they are one: it may take both without a word, and shows that somebody says
        // different things at one place. When it meets them anew, at the latest, one of them is told.
        let mut said = BTreeSet::from(["before the copy".to_owned()]);
        let mut stopped = None;
        for round in 0..10 {
            stopped = stopped.or(both_write([&ann, &other], &chat, round, &mut said).await);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        far.restart().await;
        for round in 10..100 {
            if stopped.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            stopped = both_write([&ann, &other], &chat, round, &mut said).await;
        }
        let stopped = stopped.expect("one of them is told");
        println!("the {stopped} was told after {} messages", said.len() - 1);
        // What either has promised is told to the other side, stopped or not.
        within(
            Duration::from_secs(60),
            "all is at the other node",
            || async { said.is_subset(&all(&bob, &chat).await).then_some(()) },
        )
        .await;
        assert_eq!(all(&bob, &chat).await, said, "and nothing else");

        // One of them goes; the other is the home again after the password, with what the copy had written. It learns of that
        // when it meets the others anew: until then they think that it has what its twin has brought.
        assert_eq!(twin.down().await.code, Some(0));
        dom.restart().await;
        let login = json!({"nick": "ann", "password": PASSWORD});
        let ann = within(Duration::from_secs(60), "the original has all", || async {
            let answer = dom.api().post("/sessions", &login).await.expect(201);
            let ann = Person::new(&dom, "ann", &answer.json());
            (all(&ann, &chat).await == said).then_some(ann)
        })
        .await;
        let back = ann.sends(&chat, "one again").await;
        ann.sees_state(&chat, &back, "delivered").await;
        bob.sends(&chat, "welcome").await;
        ann.sees("welcome").await;
        said.extend(["one again".to_owned(), "welcome".to_owned()]);
        until("one history on both sides", || async {
            let (here, there) = (texts(&ann, &chat).await, texts(&bob, &chat).await);
            (here == there && here.len() == said.len()).then_some(())
        })
        .await;
        assert_eq!(dom.down().await.code, Some(0));
    });
}
