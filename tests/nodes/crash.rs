//! Kill -9 in the middle of a flood, again and again: what was acknowledged is there on both sides, once.
//! `CHATER_KILLS` and `CHATER_SEED` change how often and where.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use chater_tests::{Frame, Person, TestNode, linked, story, within};
use serde_json::{Value, json};

/// What one side tried and what it was told.
#[derive(Default)]
struct Ledger {
    attempted: BTreeSet<String>,
    /// Text to event id.
    acknowledged: BTreeMap<String, String>,
}

/// The next number of a small generator: the same seed kills at the same places.
fn next(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// Sends until the socket breaks or enough is acknowledged; everything goes into the ledger.
async fn flood(
    who: Person,
    chat: String,
    prefix: String,
    enough: usize,
    mut ledger: Ledger,
) -> Ledger {
    const IN_FLIGHT: usize = 64;
    let Ok(mut socket) = chater_tests::Socket::open(who.api.address, who.token(), None).await
    else {
        return ledger;
    };
    let (mut sent, mut done) = (0usize, 0usize);
    while done < enough {
        while sent < done + IN_FLIGHT {
            let text = format!("{prefix}-{sent}");
            ledger.attempted.insert(text.clone());
            // The client id is the text: a later repeat of the same words is the same message.
            if socket
                .speaker
                .feed_message(&chat, &text, &text)
                .await
                .is_err()
            {
                return ledger;
            }
            sent += 1;
        }
        if socket.speaker.flush().await.is_err() {
            return ledger;
        }
        match socket.listener.next().await {
            Frame::Reply { id, message } => {
                let (text, id) = (
                    id.as_str().unwrap_or_default().to_owned(),
                    message["id"].as_str().unwrap_or_default().to_owned(),
                );
                assert!(!id.is_empty(), "a reply to send carries the message");
                ledger.acknowledged.insert(text, id);
                done += 1;
            }
            Frame::Error { error, .. } => assert!(
                matches!(error["code"].as_str(), Some("busy" | "stopping")),
                "{error}"
            ),
            Frame::Closed(_) => return ledger,
            _ => {}
        }
    }
    ledger
}

/// Text to id of a whole history; a text that stands twice was doubled.
fn by_text(history: &[Value]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for message in history {
        let text = message["text"].as_str().expect("an open text").to_owned();
        let id = message["id"].as_str().unwrap().to_owned();
        assert!(
            found.insert(text.clone(), id).is_none(),
            "{text} stands twice"
        );
    }
    found
}

fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

#[test]
fn twenty_kills_in_a_flood_lose_double_and_invent_nothing() {
    let kills = from_env("CHATER_KILLS", 20);
    let seed = from_env("CHATER_SEED", u64::from(std::process::id()));
    println!("CHATER_SEED={seed} CHATER_KILLS={kills}");
    story(120 + 15 * kills, async move {
        let mut state = seed;
        let mut nodes = [
            TestNode::named("dom").without_limits(),
            TestNode::named("dacha").without_limits(),
        ];
        nodes[0].up().await;
        let peer = nodes[0].p2p();
        let second = std::mem::replace(&mut nodes[1], TestNode::named("unused"));
        nodes[1] = second.with(&["--peer", &peer]);
        nodes[1].up().await;
        let people = [
            nodes[0].registers("alice").await,
            nodes[1].registers("bob").await,
        ];
        linked(&people[0], &people[1]).await;
        let chat = people[0].opens(&people[1]).await;
        people[0].sends(&chat, "hello").await;
        people[1].sees("hello").await;

        let mut ledgers = [Ledger::default(), Ledger::default()];
        for round in 0..kills {
            let victim = usize::try_from(round % 2).unwrap();
            let enough = usize::try_from(20 + next(&mut state) % 200).unwrap();
            let floods: Vec<_> = (0..2)
                .map(|side| {
                    let ledger = std::mem::take(&mut ledgers[side]);
                    let prefix = format!("{}-{round}", people[side].nick);
                    // The victim would go on for ever; the other one ends by itself.
                    let enough = if side == victim {
                        usize::MAX / 2
                    } else {
                        enough
                    };
                    tokio::spawn(flood(
                        people[side].clone(),
                        chat.clone(),
                        prefix,
                        enough,
                        ledger,
                    ))
                })
                .collect();
            // A moment somewhere in the flood, told by time: the place in a commit is what is random here.
            let moment = Duration::from_micros(20_000 + next(&mut state) % 300_000);
            tokio::time::sleep(moment).await;
            nodes[victim].kill9().await;
            for (side, flood) in floods.into_iter().enumerate() {
                ledgers[side] = flood.await.unwrap();
            }
            let started = Instant::now();
            nodes[victim].up().await;
            // What was attempted last and never answered is asked again: it may be there already, but never twice.
            let ledger = &mut ledgers[victim];
            let unanswered: Vec<String> = ledger
                .attempted
                .iter()
                .filter(|text| !ledger.acknowledged.contains_key(*text))
                .cloned()
                .collect();
            for text in unanswered.iter().rev().take(2) {
                let answer = people[victim]
                    .tries_to_send(&chat, &json!({"text": text, "client_id": text}))
                    .await;
                assert!([200, 201].contains(&answer.status), "{}", answer.text());
                let id = answer.json()["message"]["id"].as_str().unwrap().to_owned();
                ledger.acknowledged.insert(text.clone(), id);
            }
            println!(
                "kill {round}: side {victim} after {moment:?}, up again in {:?}",
                started.elapsed()
            );
        }

        let all = within(
            Duration::from_secs(60),
            "both sides hold the same",
            || async {
                let here = by_text(&people[0].history(&chat).await);
                let there = by_text(&people[1].history(&chat).await);
                (here == there).then_some(here)
            },
        )
        .await;
        let (mut attempted, mut acknowledged) = (1, 1);
        for ledger in &ledgers {
            attempted += ledger.attempted.len();
            acknowledged += ledger.acknowledged.len();
            for (text, id) in &ledger.acknowledged {
                assert_eq!(
                    all.get(text),
                    Some(id),
                    "acknowledged, but not there: {text}"
                );
            }
        }
        for text in all.keys().filter(|text| *text != "hello") {
            assert!(
                ledgers.iter().any(|ledger| ledger.attempted.contains(text)),
                "invented: {text}"
            );
        }
        println!(
            "attempted {attempted}, acknowledged {acknowledged}, read on both sides {}",
            all.len()
        );
        assert!(
            acknowledged > usize::try_from(kills).unwrap() * 10,
            "the flood was no flood"
        );
    });
}

#[test]
fn a_node_killed_while_it_starts_starts_again() {
    story(120, async {
        let mut node = TestNode::start("dom").await;
        let alice = node.registers("alice").await;
        let bob = node.registers("bob").await;
        let chat = alice.opens(&bob).await;
        alice.sends(&chat, "still here").await;
        for round in 0..10u64 {
            node.kill9().await;
            let mut child = node
                .command()
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap();
            tokio::time::sleep(Duration::from_millis(round * 7)).await;
            child.kill().unwrap();
            child.wait().unwrap();
            node.up().await;
        }
        bob.sees("still here").await;
    });
}
