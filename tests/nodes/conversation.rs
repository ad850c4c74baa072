//! Two and three nodes, told as stories: find each other, talk, go away, come back.

use std::time::{Duration, Instant};

use chater_tests::{Frame, Person, TestNode, linked, story, within};

/// Two linked nodes with one person each.
async fn two_nodes() -> (TestNode, TestNode, Person, Person) {
    let mut dom = TestNode::named("dom").without_limits();
    dom.up().await;
    let mut dacha = TestNode::named("dacha")
        .without_limits()
        .with(&["--peer", &dom.p2p()]);
    dacha.up().await;
    let (alice, bob) = (dom.registers("alice").await, dacha.registers("bob").await);
    linked(&alice, &bob).await;
    (dom, dacha, alice, bob)
}

#[test]
fn people_of_two_nodes_find_each_other_and_talk() {
    story(120, async {
        let (dom, dacha, alice, bob) = two_nodes().await;
        let row = alice.finds(&bob).await;
        assert_eq!(row["address"], "bob@dacha");
        assert_eq!(row["node_id"], dacha.node_id());

        let chat = alice.opens(&bob).await;
        let (mut at_alice, mut at_bob) = (alice.listens().await, bob.listens().await);
        let hi = at_alice.sends(&chat, "Привет, сосед 👋", "first").await;
        assert_eq!(hi["state"], "stored");
        let heard = at_bob.hears("Привет, сосед 👋").await;
        assert_eq!(heard["state"], "received");
        assert_eq!(heard["id"], hi["id"]);
        assert_eq!(heard["author"]["user_id"], alice.user_id.as_str());
        assert!(
            heard["client_id"].is_null(),
            "the author's own key is nobody else's business"
        );
        at_alice
            .hears_state(hi["id"].as_str().unwrap(), "delivered")
            .await;

        // Both sides compute the same chat id (K10).
        assert_eq!(heard["chat_id"], chat.as_str());
        let chats = bob.chats().await;
        assert_eq!(chats.len(), 1);
        assert_eq!(
            (&chats[0]["id"], &chats[0]["unread"]),
            (&chat.as_str().into(), &1.into())
        );
        assert_eq!(chats[0]["with"]["address"], "alice@dom");

        bob.reads(&chat, &heard).await;
        at_alice
            .hears_state(hi["id"].as_str().unwrap(), "read")
            .await;
        let answer = at_bob.sends(&chat, "и тебе", "first").await;
        let heard = at_alice.hears("и тебе").await;
        assert_eq!(heard["id"], answer["id"]);
        at_bob
            .hears_state(answer["id"].as_str().unwrap(), "delivered")
            .await;
        assert_eq!(alice.history(&chat).await.len(), 2);
        assert_eq!(bob.history(&chat).await.len(), 2);
        drop((dom, dacha));
    });
}

#[test]
fn a_chat_survives_the_restart_of_either_node() {
    story(120, async {
        let (mut dom, mut dacha, alice, bob) = two_nodes().await;
        let chat = alice.opens(&bob).await;
        let one = alice.sends(&chat, "one").await;
        bob.sees("one").await;
        alice.sees_state(&chat, &one, "delivered").await;

        dom.restart().await;
        let two = alice.sends(&chat, "two").await;
        bob.sees("two").await;
        alice.sees_state(&chat, &two, "delivered").await;

        dacha.restart().await;
        let three = bob.sends(&chat, "three").await;
        alice.sees("three").await;
        bob.sees_state(&chat, &three, "delivered").await;
        let texts = |history: Vec<serde_json::Value>| {
            history
                .iter()
                .map(|message| message["text"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(texts(alice.history(&chat).await), ["one", "two", "three"]);
        assert_eq!(texts(bob.history(&chat).await), ["one", "two", "three"]);
    });
}

#[test]
fn nothing_claims_delivery_while_the_other_node_is_away() {
    story(120, async {
        let (dom, mut dacha, alice, bob) = two_nodes().await;
        let chat = alice.opens(&bob).await;
        let first = alice.sends(&chat, "first").await;
        alice.sees_state(&chat, &first, "delivered").await;
        dacha.down().await;
        let waiting = alice.sends(&chat, "are you there?").await;
        assert_eq!(waiting["state"], "stored");
        // The other node's absence is known, and so is what waits for it.
        within(
            Duration::from_secs(20),
            "the chat says since when it waits",
            || async {
                let chats = alice.chats().await;
                (chats[0]["node_online"] == false && chats[0]["waiting_since"].is_string())
                    .then_some(())
            },
        )
        .await;
        let now = alice
            .newest(&chat)
            .await
            .into_iter()
            .find(|message| message["id"] == waiting["id"])
            .unwrap();
        assert_eq!(now["state"], "stored");
        dacha.up().await;
        bob.sees("are you there?").await;
        alice.sees_state(&chat, &waiting, "delivered").await;
        drop(dom);
    });
}

#[test]
fn a_node_that_was_away_gets_all_of_2_000_messages() {
    story(240, async {
        const MANY: usize = 2_000;
        let (dom, mut dacha, alice, bob) = two_nodes().await;
        let chat = alice.opens(&bob).await;
        alice.sends(&chat, "before").await;
        bob.sees("before").await;
        dacha.down().await;

        let texts: Vec<String> = (0..MANY).map(|n| format!("away {n}")).collect();
        alice.listens().await.floods(&chat, &texts, 200).await;

        let started = Instant::now();
        dacha.up().await;
        let last = format!("away {}", MANY - 1);
        within(Duration::from_secs(60), "the last of them", || async {
            bob.newest(&chat)
                .await
                .iter()
                .any(|message| message["text"] == last.as_str())
                .then_some(())
        })
        .await;
        let history = within(Duration::from_secs(60), "all of them", || async {
            let history = bob.history(&chat).await;
            (history.len() == MANY + 1).then_some(history)
        })
        .await;
        println!(
            "{MANY} messages after the start of the other node: {:.0} ms",
            started.elapsed().as_secs_f64() * 1000.0
        );
        for (n, message) in history.iter().skip(1).enumerate() {
            assert_eq!(
                message["text"],
                format!("away {n}").as_str(),
                "in order, each once"
            );
        }
        drop(dom);
    });
}

#[test]
fn in_a_chain_people_of_the_ends_find_each_other() {
    story(180, async {
        // anna - boris - clara: the ends know each other only through the middle.
        let mut b = TestNode::named("middle");
        b.up().await;
        let mut a = TestNode::named("left").with(&["--peer", &b.p2p()]);
        a.up().await;
        let mut c = TestNode::named("right").with(&["--peer", &b.p2p()]);
        c.up().await;
        let (anna, boris, clara) = (
            a.registers("anna").await,
            b.registers("boris").await,
            c.registers("clara").await,
        );
        linked(&anna, &boris).await;
        linked(&clara, &boris).await;

        let row = anna.finds(&clara).await;
        assert_eq!(row["address"], "clara@right");
        let chat = anna.opens(&clara).await;
        let hi = anna.sends(&chat, "from end to end").await;
        clara.sees("from end to end").await;
        anna.sees_state(&chat, &hi, "delivered").await;
        clara.sends(&chat, "and back").await;
        anna.sees("and back").await;
        // The middle carried the search and saw nothing of the chat.
        assert!(boris.chats().await.is_empty());
    });
}

#[test]
fn the_stream_goes_on_where_it_was_left() {
    story(120, async {
        let (_dom, _dacha, alice, bob) = two_nodes().await;
        let chat = alice.opens(&bob).await;
        alice.sends(&chat, "seen").await;
        bob.sees("seen").await;
        let mut socket = bob.listens().await;
        let Frame::Hello { seq } = socket.listener.next().await else {
            panic!("hello comes first")
        };
        drop(socket);
        alice.sends(&chat, "missed").await;
        bob.sees("missed").await;
        let mut again = bob.listens_after(Some(seq)).await;
        again.hears("missed").await;
        // A number nobody can know any more: load everything again.
        let mut stale = bob.listens_after(Some(1)).await;
        let mut frames = Vec::new();
        for _ in 0..2 {
            frames.push(stale.listener.next().await);
        }
        assert!(
            frames.iter().any(|frame| matches!(frame, Frame::Reload)),
            "{frames:?}"
        );
    });
}

#[test]
fn typing_reaches_the_other_node_and_search_is_live() {
    story(120, async {
        let (_dom, _dacha, alice, bob) = two_nodes().await;
        let chat = alice.opens(&bob).await;
        alice.sends(&chat, "hello").await;
        bob.sees("hello").await;
        let (mut at_alice, mut at_bob) = (alice.listens().await, bob.listens().await);
        at_alice
            .speaker
            .say(&serde_json::json!({"type": "typing", "chat_id": chat, "on": true}))
            .await
            .unwrap();
        loop {
            if let Frame::Typing {
                user_id, on: true, ..
            } = at_bob.listener.next().await
            {
                assert_eq!(user_id, alice.user_id);
                break;
            }
        }
        at_alice
            .speaker
            .say(&serde_json::json!({"type": "search", "id": 1, "q": "bo"}))
            .await
            .unwrap();
        let mut found = false;
        loop {
            if let Frame::People { rows, done, .. } = at_alice.listener.next().await {
                found |= rows
                    .iter()
                    .any(|row| row["user_id"] == bob.user_id.as_str());
                if done {
                    break;
                }
            }
        }
        assert!(found);
    });
}
