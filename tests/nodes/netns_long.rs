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

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chater_tests::{Person, TestNode, World, linked, story, within};
use serde_json::Value;

fn asked(name: &str, usual: usize) -> usize {
    let asked = std::env::var(name).ok();
    asked.and_then(|n| n.parse().ok()).unwrap_or(usual)
}

/// Nodes that join at once: `CHATER_NODES`, else forty.
fn crowd() -> usize {
    asked("CHATER_NODES", 40)
}

/// How often a line fails, five seconds up and five down: `CHATER_FLAPS`, else six times (a minute).
fn flaps() -> usize {
    asked("CHATER_FLAPS", 6)
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

/// Two linked nodes at 10.3.0.1 and 10.3.0.2, and the chat of their people.
async fn two(world: &mut World) -> ([String; 2], [TestNode; 2], [Person; 2], String) {
    let net = world.segment("net");
    let hosts = [world.host("one"), world.host("two")];
    world.plug(&hosts[0], &net, "10.3.0.1/24");
    world.plug(&hosts[1], &net, "10.3.0.2/24");
    let mut a = TestNode::named("odin")
        .inside(&hosts[0])
        .with(&["--no-upnp", "--no-mdns"]);
    a.up().await;
    let at = format!("/ip4/10.3.0.1/tcp/5001/p2p/{}", a.node_id());
    let mut b =
        TestNode::named("dva")
            .inside(&hosts[1])
            .with(&["--no-upnp", "--no-mdns", "--peer", &at]);
    b.up().await;
    let people = [a.registers("alice").await, b.registers("bob").await];
    linked(&people[0], &people[1]).await;
    let chat = people[0].opens(&people[1]).await;
    let first = people[0].sends(&chat, "hello").await;
    people[0].sees_state(&chat, &first, "delivered").await;
    (hosts, [a, b], people, chat)
}

/// All is delivered, and both have it once and in one order.
async fn one_history(people: &[Person; 2], chat: &str, count: usize) {
    within(Duration::from_secs(120), "both have all, once", || async {
        let (mut orders, mut waits) = (Vec::new(), 0);
        for person in people {
            let there = person.history(chat).await;
            let stored = there.iter().filter(|m| m["state"] == "stored");
            waits += stored.count();
            orders.push(there.iter().map(|m| m["id"].clone()).collect::<Vec<_>>());
        }
        (waits == 0 && orders[0].len() == count && orders[0] == orders[1]).then_some(())
    })
    .await;
}

/// N02: a line that fails again and again while both write.
#[test]
fn a_line_that_comes_and_goes_loses_nothing() {
    let Some(mut world) = World::or_skip("a_line_that_comes_and_goes_loses_nothing") else {
        return;
    };
    let flaps = flaps();
    story(240 + 12 * flaps as u64, async {
        let (hosts, mut nodes, people, chat) = two(&mut world).await;
        let mut count = 1;
        for flap in 0..flaps {
            for (rules, state) in [("ip saddr 10.3.0.0/24 drop;", "down"), ("", "up")] {
                for host in &hosts {
                    world.rules(host, rules);
                }
                let began = Instant::now();
                while began.elapsed() < Duration::from_secs(5) {
                    for person in &people {
                        let text = format!("{} {flap} {state} {count}", person.nick);
                        person.sends(&chat, &text).await;
                        count += 1;
                    }
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        }
        let healed = Instant::now();
        one_history(&people, &chat, count).await;
        println!(
            "{count} messages over {flaps} failures, all there {:?} after the last",
            healed.elapsed()
        );
        for node in &mut nodes {
            assert_eq!(node.down().await.code, Some(0));
        }
    });
}

/// N03: one side hears nothing, the other hears all of it. Nobody is told that anything was delivered which was not, both see
/// that they are apart, and all comes when the line is whole again.
#[test]
fn a_line_that_is_deaf_one_way_promises_nothing() {
    let Some(mut world) = World::or_skip("a_line_that_is_deaf_one_way_promises_nothing") else {
        return;
    };
    story(300, async {
        let (hosts, mut nodes, people, chat) = two(&mut world).await;
        let [alice, bob] = &people;
        world.rules(&hosts[0], "ip saddr 10.3.0.2 drop;");
        let mut sent = Vec::new();
        for n in 0..10 {
            bob.sends(&chat, &format!("unheard {n}")).await;
            sent.push(alice.sends(&chat, &format!("no answer {n}")).await);
        }
        let began = Instant::now();
        for (from, to) in [(alice, bob), (bob, alice)] {
            let what = format!("{} sees that they are apart", from.nick);
            within(Duration::from_secs(90), &what, || async {
                let node = from.api.get("/node").await.expect(200).json();
                let peers = node["peers"].as_array()?;
                let there = |peer: &&Value| peer["node_id"] == to.node_id.as_str();
                let linked = peers.iter().find(there);
                linked
                    .is_none_or(|peer| peer["state"] != "connected")
                    .then_some(())
            })
            .await;
        }
        println!("both know after {:?}", began.elapsed());
        let shown = alice.newest(&chat).await;
        assert!(
            !shown
                .iter()
                .any(|m| m["text"].as_str().is_some_and(|t| t.starts_with("unheard"))),
            "nothing can have come"
        );
        let waits = |m: &Value| sent.iter().any(|s| s["id"] == m["id"]) && m["state"] == "stored";
        assert_eq!(shown.iter().filter(|m| waits(m)).count(), 10);
        world.rules(&hosts[0], "");
        let healed = Instant::now();
        one_history(&people, &chat, 21).await;
        println!("all there {:?} after the line was whole", healed.elapsed());
        for node in &mut nodes {
            assert_eq!(node.down().await.code, Some(0));
        }
    });
}

/// A program beside the nodes, ended with the story.
struct Beside(Child);

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// UPnP: the router at home opens the port when the node asks for it, and from the Internet the node is met there. Needs
/// miniupnpd (Debian: miniupnpd-nftables), or its path in `CHATER_MINIUPNPD`.
#[test]
fn a_router_opens_the_port_and_the_node_is_met_there() {
    let name = "a_router_opens_the_port_and_the_node_is_met_there";
    let program = std::env::var("CHATER_MINIUPNPD");
    let program = program.unwrap_or_else(|_| "/usr/sbin/miniupnpd".to_owned());
    if !Path::new(&program).exists() {
        println!("SKIPPED {name}: no miniupnpd");
        return;
    }
    let Some(mut world) = World::or_skip(name) else {
        return;
    };
    story(120, async {
        let (internet, lan) = (world.segment("net"), world.segment("lan"));
        let (router, home, far) = (world.host("router"), world.host("home"), world.host("far"));
        let inside = world.plug(&router, &lan, "192.168.1.1/24");
        // Of no range that is kept for documents: a router that is itself behind another opens nothing.
        let outside = world.plug(&router, &internet, "5.5.5.21/24");
        world.plug(&home, &lan, "192.168.1.2/24");
        world.does(&home, "route add default via 192.168.1.1");
        world.plug(&far, &internet, "5.5.5.30/24");
        world.forwards(&router);
        let rules = format!(
            "table inet filter {{ chain miniupnpd {{ }} chain prerouting_miniupnpd {{ }} chain postrouting_miniupnpd {{ }} \
             chain forwarded {{ type filter hook forward priority 0; policy accept; iifname \"{outside}\" jump miniupnpd; \
             iifname \"{outside}\" ct state established,related accept; iifname \"{outside}\" drop; }} \
             chain entering {{ type nat hook prerouting priority -100; jump prerouting_miniupnpd; }} \
             chain leaving {{ type nat hook postrouting priority 100; oifname \"{outside}\" masquerade; }} }}"
        );
        world.tables(&router, &rules);
        let base = tempfile::tempdir().expect("a folder");
        let file = base.path().join("miniupnpd.conf");
        let settings = format!(
            "ext_ifname={outside}\nlistening_ip={inside}\nenable_natpmp=no\nenable_upnp=yes\nsecure_mode=yes\n\
             uuid=00000000-0000-0000-0000-000000000001\nallow 1024-65535 192.168.1.0/24 1024-65535\n\
             deny 0-65535 0.0.0.0/0 0-65535\n"
        );
        std::fs::write(&file, settings).expect("a file");
        let mut daemon = Command::new("ip");
        daemon.args(["netns", "exec", &router, &program, "-d", "-f"]);
        daemon.arg(&file).arg("-P").arg(base.path().join("pid"));
        daemon
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let _daemon = Beside(daemon.spawn().expect("miniupnpd"));

        let mut dom = TestNode::named("dom").inside(&home).with(&["--no-mdns"]);
        dom.up().await;
        let alice = dom.registers("alice").await;
        let began = Instant::now();
        within(
            Duration::from_secs(60),
            "the router opens the port",
            || async {
                let node = alice.api.get("/node").await.expect(200).json();
                let standing = &node["standing"];
                (standing["router"] == "opened").then_some(())
            },
        )
        .await;
        println!(
            "the router opened the port {:?} after the start",
            began.elapsed()
        );
        let at = format!("/ip4/5.5.5.21/tcp/5001/p2p/{}", dom.node_id());
        let mut dacha =
            TestNode::named("dacha")
                .inside(&far)
                .with(&["--no-upnp", "--no-mdns", "--peer", &at]);
        dacha.up().await;
        let bob = dacha.registers("bob").await;
        let path = format!("/peers/{}", dacha.node_id());
        let body = serde_json::json!({ "action": "link" });
        within(Duration::from_secs(60), "the node waits", || async {
            let answer = alice.api.post(&path, &body).await;
            (answer.status == 204).then_some(())
        })
        .await;
        linked(&alice, &bob).await;
        let chat = bob.opens(&alice).await;
        let message = bob.sends(&chat, "through the door").await;
        alice.sees("through the door").await;
        bob.sees_state(&chat, &message, "delivered").await;
        assert_eq!(dom.down().await.code, Some(0));
    });
}
