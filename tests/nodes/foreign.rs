//! A node of another make: js-libp2p connects, identifies and pings, is refused what it may not have, and its garbage on
//! every protocol costs only itself. Needs node and `npm ci` in `tests/foreign`; without them it is listed as skipped.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use chater_tests::{TestNode, linked, story};
use serde_json::Value;

#[test]
fn another_implementation_is_met_and_its_garbage_costs_only_itself() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign");
    if !folder.join("node_modules").is_dir() {
        println!(
            "SKIPPED another_implementation_is_met_and_its_garbage_costs_only_itself: no npm ci in tests/foreign"
        );
        return;
    }
    story(240, async {
        let dom = TestNode::start("dom").await;
        let dacha = TestNode::start_linked("dacha", &dom).await;
        let (alice, bob) = (dom.registers("alice").await, dacha.registers("bob").await);
        let chat = alice.opens(&bob).await;
        linked(&alice, &bob).await;

        // Each of its steps has a time limit of its own, so it ends.
        let stranger = std::process::Command::new("node")
            .arg("peer.mjs")
            .arg(dom.p2p())
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("node");
        let stranger = tokio::task::spawn_blocking(move || stranger.wait_with_output());
        // Meanwhile others talk.
        let (mut slowest, mut sent) = (Duration::ZERO, 0);
        while !stranger.is_finished() {
            let began = Instant::now();
            let text = format!("undisturbed {sent}");
            let message = alice.sends(&chat, &text).await;
            alice.sees_state(&chat, &message, "delivered").await;
            slowest = slowest.max(began.elapsed());
            sent += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let output = stranger.await.expect("no panic").expect("an end");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let report: Value = serde_json::from_str(&text).unwrap_or_else(|_| {
            panic!(
                "no report: {text}\n{}",
                String::from_utf8_lossy(&output.stderr)
            )
        });
        println!("{sent} messages meanwhile, the slowest {slowest:?}\n{report:#}");

        let agent = report["agent"].as_str().expect("identify");
        assert!(agent.starts_with("chater/"), "{agent}");
        assert!(report["ping"].as_f64().is_some(), "{report}");
        for (protocol, end) in report["refused"].as_object().expect("refusals") {
            let end = end.as_str().expect("an end");
            assert!(!end.ends_with("bytes"), "{protocol}: {end}");
        }
        // No relay unless its owner says so.
        assert!(
            report["hop"]
                .as_str()
                .expect("an end")
                .starts_with("no stream"),
            "{report}"
        );
        let closed = report["closedAfterMs"]
            .as_u64()
            .expect("a silent stranger is closed");
        assert!(closed < 14_000, "{closed}");
        let garbage = report["garbage"].as_object().expect("garbage");
        for protocol in [
            "/chater/hello/1",
            "/chater/log/1",
            "/chater/people/1",
            "/chater/blob/1",
            "/chater/push/1",
            "/chater/kad/1",
        ] {
            let ends = garbage
                .get(protocol)
                .unwrap_or_else(|| panic!("{protocol} is not offered"));
            assert!(ends["error"].is_null(), "{protocol}: {ends}");
            for (kind, end) in ends.as_object().expect("ends") {
                // The empty frame is the refusal itself.
                let end = end.as_str().expect("an end");
                assert!(
                    protocol == "/chater/kad/1" || !end.ends_with("bytes"),
                    "{protocol}, {kind}: {end}"
                );
            }
        }
        assert!(
            slowest < Duration::from_secs(5),
            "others waited {slowest:?}"
        );
        assert!(dom.api().get("/node").await.status == 401);
        // A length that no request may have is a fault of who sends it, once for each of these protocols at least, and of nobody
        // else: the one that is linked has none, and is linked still.
        let faults = async |node: &TestNode| {
            let answer = node.api().request("GET", "/metrics", &[], b"").await;
            let text = answer.expect("an answer").expect(200).text();
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("chater_node_faults_total "));
            line.expect("a line").parse::<u64>().expect("a number")
        };
        assert!(faults(&dom).await >= 4, "{}", faults(&dom).await);
        assert_eq!(faults(&dacha).await, 0);
        let last = alice.sends(&chat, "still here").await;
        alice.sees_state(&chat, &last, "delivered").await;
    });
}
