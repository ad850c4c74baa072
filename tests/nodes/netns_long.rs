//! What takes minutes on networks as they are: many nodes at once, a network cut in two, a slow line. Run by
//! `scripts/netns`; rights as for `netns.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops at the first surprise and says which"
)]

use std::time::{Duration, Instant};

use chater_tests::{Person, TestNode, World, linked, story, within};
use serde_json::Value;

/// Nodes that join at once: `CHATER_NODES`, else forty.
fn crowd() -> usize {
    let asked = std::env::var("CHATER_NODES").ok();
    asked.and_then(|n| n.parse().ok()).unwrap_or(40)
}

#[test]
fn forty_nodes_join_within_a_second() {
    let Some(mut world) = World::or_skip("forty_nodes_join_within_a_second") else {
        return;
    };
    story(600, async {
        let lan = world.segment("net");
        let first = world.host("first");
        world.plug(&first, &lan, "10.1.0.1/16");
        let mut hub = TestNode::named("hub")
            .inside(&first)
            .with(&["--no-upnp", "--no-mdns"]);
        hub.up().await;
        let at = format!("/ip4/10.1.0.1/tcp/5001/p2p/{}", hub.node_id());
        let mut nodes = Vec::new();
        for n in 0..crowd() {
            let host = world.host(&format!("n{n}"));
            world.plug(&host, &lan, &format!("10.1.1.{}/16", n + 1));
            let node = TestNode::named(&format!("n{n}")).inside(&host);
            nodes.push(node.with(&["--no-upnp", "--no-mdns", "--peer", &at]));
        }
        let began = Instant::now();
        // Every process is started within a second; that each answers takes as long as the machine needs.
        let mut ups: Vec<_> = nodes
            .into_iter()
            .map(|mut node| {
                tokio::spawn(async move {
                    node.up().await;
                    node
                })
            })
            .collect();
        println!("{} nodes begun within {:?}", ups.len(), began.elapsed());
        let mut running = Vec::new();
        for up in ups.drain(..) {
            running.push(up.await.expect("a node"));
        }
        println!("all answer after {:?}", began.elapsed());
        within(
            Duration::from_secs(300),
            "the first node is linked with all",
            || async {
                let peers = hub.asks(&["peers"]).await.out;
                let linked = peers
                    .lines()
                    .filter(|line| line.contains("connected"))
                    .count();
                (linked == running.len()).then_some(())
            },
        )
        .await;
        println!("all linked after {:?}", began.elapsed());
        for node in &mut running {
            assert_eq!(node.down().await.code, Some(0));
        }
    });
}

/// Everybody sees the same texts in the same order.
async fn alike(people: &[&Person], chat: &str, count: usize) {
    within(Duration::from_secs(180), "all see the same", || async {
        let mut seen: Vec<Vec<Value>> = Vec::new();
        for person in people {
            let there = person.newest(chat).await;
            let texts = there.iter().filter(|m| m["author"].is_object());
            seen.push(texts.map(|m| m["id"].clone()).collect());
        }
        let first = seen.first()?;
        (first.len() == count && seen.iter().all(|other| other == first)).then_some(())
    })
    .await;
}

#[test]
fn a_network_cut_two_and_three_heals() {
    let Some(mut world) = World::or_skip("a_network_cut_two_and_three_heals") else {
        return;
    };
    story(600, async {
        let lan = world.segment("net");
        let (mut nodes, mut hosts) = (Vec::new(), Vec::new());
        for n in 1..=5 {
            let host = world.host(&format!("n{n}"));
            world.plug(&host, &lan, &format!("10.3.0.{n}/24"));
            let mut node = TestNode::named(&format!("n{n}"))
                .inside(&host)
                .with(&["--no-upnp", "--no-mdns"]);
            for before in &nodes {
                let before: &TestNode = before;
                let number = before.name.trim_start_matches('n');
                node = node.with(&[
                    "--peer",
                    &format!("/ip4/10.3.0.{number}/tcp/5001/p2p/{}", before.node_id()),
                ]);
            }
            node.up().await;
            nodes.push(node);
            hosts.push(host);
        }
        let mut people = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            people.push(
                node.registers(["anna", "boris", "vera", "gleb", "dasha"][at])
                    .await,
            );
        }
        let people: Vec<&Person> = people.iter().collect();
        for other in &people[1..] {
            linked(people[0], other).await;
            people[0].finds(other).await;
        }
        let ids: Vec<&str> = people[1..].iter().map(|p| p.user_id.as_str()).collect();
        let made = people[0]
            .api
            .post(
                "/chats",
                &serde_json::json!({"title": "all", "members": ids}),
            )
            .await
            .expect(201)
            .json();
        let chat = made["id"].as_str().expect("an id").to_owned();
        for person in &people {
            within(Duration::from_secs(60), "the group", || async {
                person
                    .chats()
                    .await
                    .iter()
                    .any(|c| c["id"] == chat.as_str())
                    .then_some(())
            })
            .await;
            let accepted = person
                .api
                .post(
                    &format!("/chats/{chat}/request"),
                    &serde_json::json!({"answer": "accept"}),
                )
                .await;
            println!("{}: invitation {}", person.nick, accepted.status);
        }
        let before = people[0]
            .newest(&chat)
            .await
            .iter()
            .filter(|m| m["author"].is_object())
            .count();
        // 2 | 3
        let others = |from: usize, to: usize| {
            (from..=to)
                .map(|n| format!("10.3.0.{n}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        for (at, host) in hosts.iter().enumerate() {
            let far = if at < 2 { others(3, 5) } else { others(1, 2) };
            world.rules(host, &format!("ip saddr {{ {far} }} drop;"));
        }
        for round in 0..10 {
            for person in &people {
                person
                    .sends(&chat, &format!("{} {round}", person.nick))
                    .await;
            }
        }
        tokio::time::sleep(Duration::from_secs(45)).await;
        for host in &hosts {
            world.rules(host, "");
        }
        let healed = Instant::now();
        alike(&people, &chat, before + 50).await;
        println!("all alike {:?} after the heal", healed.elapsed());
    });
}

#[test]
fn a_line_of_256_kbit_is_enough() {
    let Some(mut world) = World::or_skip("a_line_of_256_kbit_is_enough") else {
        return;
    };
    story(300, async {
        let net = world.segment("net");
        let (one, two) = (world.host("one"), world.host("two"));
        let here = world.plug(&one, &net, "10.3.0.1/24");
        let there = world.plug(&two, &net, "10.3.0.2/24");
        if !(world.slow(&one, &here, "256kbit") && world.slow(&two, &there, "256kbit")) {
            assert!(
                std::env::var_os("CHATER_REQUIRE_NETNS").is_none(),
                "no tc tbf here"
            );
            println!("SKIPPED a_line_of_256_kbit_is_enough: this kernel has no tbf queue");
            return;
        }
        let mut a = TestNode::named("odin")
            .inside(&one)
            .with(&["--no-upnp", "--no-mdns"]);
        a.up().await;
        let at = format!("/ip4/10.3.0.1/tcp/5001/p2p/{}", a.node_id());
        let mut b =
            TestNode::named("dva")
                .inside(&two)
                .with(&["--no-upnp", "--no-mdns", "--peer", &at]);
        b.up().await;
        let (alice, bob) = (a.registers("alice").await, b.registers("bob").await);
        let chat = alice.opens(&bob).await;
        let began = Instant::now();
        let mut last = Value::Null;
        for n in 0..100 {
            last = alice
                .sends(&chat, &format!("slow {n} {}", "x".repeat(500)))
                .await;
        }
        alice
            .sees_state_within(Duration::from_secs(200), &chat, &last, "delivered")
            .await;
        println!(
            "100 messages of 500 letters over 256 kbit/s in {:?}",
            began.elapsed()
        );
    });
}
