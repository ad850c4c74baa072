//! A laptop that is shut and opened again (N16): its process stands still while others write, and goes on.

use std::time::{Duration, Instant};

use chater_tests::{TestNode, linked, story, texts, until};

/// Seconds of sleep: `CHATER_SLEEP`, else eight. From about 25 on the others count it as gone.
fn nap() -> u64 {
    let asked = std::env::var("CHATER_SLEEP").ok();
    asked.and_then(|n| n.parse().ok()).unwrap_or(8)
}

#[test]
fn a_node_that_stood_still_has_all_and_held_up_nobody() {
    story(120 + nap(), async {
        let dom = TestNode::start("dom").await;
        let laptop = TestNode::start_linked("laptop", &dom).await;
        let port = TestNode::start_linked("port", &dom).await;
        let (ann, bob, cid) = (
            dom.registers("ann").await,
            laptop.registers("bob").await,
            port.registers("cid").await,
        );
        linked(&ann, &bob).await;
        linked(&ann, &cid).await;
        let (asleep, awake) = (ann.opens(&bob).await, ann.opens(&cid).await);
        let first = ann.sends(&asleep, "good night").await;
        ann.sees_state(&asleep, &first, "delivered").await;
        bob.sees("good night").await;

        laptop.freezes();
        let began = Instant::now();
        let (mut wanted, mut slowest) = (vec!["good night".to_owned()], Duration::ZERO);
        let mut last = first;
        while began.elapsed() < Duration::from_secs(nap()) {
            let n = wanted.len();
            let text = format!("while you sleep {n}");
            let started = Instant::now();
            last = ann.sends(&asleep, &text).await;
            wanted.push(text);
            // Whoever is awake waits for nothing.
            let told = ann.sends(&awake, &format!("to the other {n}")).await;
            ann.sees_state(&awake, &told, "delivered").await;
            slowest = slowest.max(started.elapsed());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let shown = ann.newest(&asleep).await;
        assert_eq!(shown.last().unwrap()["state"], "stored", "nobody has it");
        laptop.thaws();
        let woke = Instant::now();
        ann.sees_state(&asleep, &last, "delivered").await;
        println!(
            "{} messages, the slowest of others {slowest:?}; delivered {:?} after it woke",
            wanted.len(),
            woke.elapsed()
        );
        assert!(slowest < Duration::from_secs(5), "{slowest:?}");
        until("all, once, in their order", || async {
            (texts(&bob, &asleep).await == wanted).then_some(())
        })
        .await;
        let answer = bob.sends(&asleep, "good morning").await;
        bob.sees_state(&asleep, &answer, "delivered").await;
        ann.sees("good morning").await;
        drop((dom, laptop, port));
    });
}

/// An hour that passes for everybody while one stands still; its monotonic clock stands as well, as that of a laptop does.
#[test]
fn after_an_hour_of_sleep_all_is_there_and_nothing_is_late() {
    let node = |name| TestNode::named(name).with_clock("after_an_hour_of_sleep");
    let (Some(mut dom), Some(laptop)) = (node("dom"), node("laptop")) else {
        return;
    };
    story(120, async {
        dom.up().await;
        let mut laptop = laptop.with(&["--peer", &dom.p2p()]);
        laptop.up().await;
        let (ann, bob) = (dom.registers("ann").await, laptop.registers("bob").await);
        linked(&ann, &bob).await;
        let chat = ann.opens(&bob).await;
        let first = ann.sends(&chat, "good night").await;
        ann.sees_state(&chat, &first, "delivered").await;
        laptop.freezes();
        for node in [&dom, &laptop] {
            node.sets_clock(60 * 60);
        }
        let last = ann.sends(&chat, "an hour later").await;
        assert_eq!(last["state"], "stored");
        laptop.thaws();
        ann.sees_state(&chat, &last, "delivered").await;
        bob.sees("an hour later").await;
        let answer = bob.sends(&chat, "good morning").await;
        bob.sees_state(&chat, &answer, "delivered").await;
        let wanted = ["good night", "an hour later", "good morning"];
        until("the same for both", || async {
            let (here, there) = (texts(&ann, &chat).await, texts(&bob, &chat).await);
            (here == wanted && there == wanted).then_some(())
        })
        .await;
        for person in [&ann, &bob] {
            for message in person.newest(&chat).await {
                assert_eq!(message["late"], false, "{message}");
            }
        }
        drop((dom, laptop));
    });
}
