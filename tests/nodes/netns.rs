//! Nodes on networks as they are: homes behind routers, segments with multicast of their own, relays that die, laptops
//! that move. Real processes in network namespaces (root, `ip`, `nft`); without them each story is listed as skipped,
//! and `CHATER_REQUIRE_NETNS=1` makes that a failure. What takes minutes is in `netns_long.rs`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chater_tests::{Person, TestNode, World, linked, story, within};
use serde_json::Value;

/// How long nodes may take to find a way to each other.
const WAY: Duration = Duration::from_secs(60);

/// A public address for nodes, and the options of a node that has it.
fn public(ip: &str) -> (String, [String; 2]) {
    let address = format!("/ip4/{ip}/tcp/5001");
    (address.clone(), ["--external".into(), address])
}

async fn relay(world: &mut World, internet: &str, name: &str, ip: &str) -> TestNode {
    let host = world.host(name);
    world.plug(&host, internet, &format!("{ip}/24"));
    let (_, external) = public(ip);
    let mut node = TestNode::named(name).inside(&host).with(&[
        "--relay",
        "--no-upnp",
        &external[0],
        &external[1],
    ]);
    node.up().await;
    node
}

/// The peer as a person's node sees it.
async fn peer(person: &Person, other: &str) -> Option<Value> {
    let node = person.api.get("/node").await.expect(200).json();
    let peers = node["peers"].as_array()?.clone();
    peers.into_iter().find(|peer| peer["node_id"] == other)
}

/// Waits until somebody's node can be reached through so many relays.
async fn has_places(person: &Person, many: usize) {
    within(
        WAY,
        &format!("{} is reachable through {many} relays", person.nick),
        || async {
            let node = person.api.get("/node").await.expect(200).json();
            let addresses = node["addresses"].as_array()?.clone();
            let relays: BTreeSet<&str> = addresses
                .iter()
                .filter_map(|address| address.as_str()?.split_once("/p2p-circuit"))
                .filter_map(|(relay, _)| relay.rsplit('/').next())
                .collect();
            (relays.len() >= many).then_some(())
        },
    )
    .await;
}

/// The owner links nodes that wait: unknown ones from public addresses do (Q53).
async fn lets_in(owner: &Person, others: &[&TestNode]) {
    for other in others {
        let path = format!("/peers/{}", other.node_id());
        let body = serde_json::json!({ "action": "link" });
        within(Duration::from_secs(60), "the node waits", || async {
            let answer = owner.api.post(&path, &body).await;
            (answer.status == 204).then_some(())
        })
        .await;
    }
}

/// The addresses of a node that others dial.
fn address_of(node: &TestNode, ip: &str) -> String {
    format!("/ip4/{ip}/tcp/5001/p2p/{}", node.node_id())
}

#[test]
fn each_segment_finds_its_own() {
    let Some(mut world) = World::or_skip("each_segment_finds_its_own") else {
        return;
    };
    story(90, async {
        let mut nodes = Vec::new();
        for lan in ["one", "two"] {
            let segment = world.segment(lan);
            for n in 1..=2 {
                let host = world.host(&format!("{lan}{n}"));
                let cable = world.plug(&host, &segment, &format!("10.77.0.{n}/24"));
                world.does(&host, &format!("route add default dev {cable}"));
                let mut node = TestNode::named(&format!("{lan}{n}"))
                    .inside(&host)
                    .with(&["--no-upnp"]);
                node.up().await;
                nodes.push(node);
            }
        }
        for (node, other) in [(0, 1), (1, 0), (2, 3), (3, 2)] {
            let (node, other) = (&nodes[node], &nodes[other]);
            let what = format!("{} finds {}", node.name, other.name);
            within(Duration::from_secs(30), &what, || async {
                let peers = node.asks(&["peers"]).await.out;
                peers
                    .lines()
                    .any(|l| l.contains(&other.name) && l.contains("connected"))
                    .then_some(())
            })
            .await;
        }
        for node in &nodes {
            let peers = node.asks(&["peers"]).await.out;
            let linked = peers.lines().filter(|l| l.contains("connected"));
            assert_eq!(linked.count(), 1, "{peers}");
        }
        for node in &mut nodes {
            assert_eq!(node.down().await.code, Some(0));
        }
    });
}

#[test]
fn two_homes_behind_routers_talk_through_a_relay_and_again_after_its_death() {
    let name = "two_homes_behind_routers_talk_through_a_relay_and_again_after_its_death";
    let Some(mut world) = World::or_skip(name) else {
        return;
    };
    story(240, async {
        let internet = world.segment("net");
        let mut middle = relay(&mut world, &internet, "middle", "203.0.113.10").await;
        let at = address_of(&middle, "203.0.113.10");
        let one = world.home("one", &internet, "192.168.1", "203.0.113.21", false);
        let two = world.home("two", &internet, "192.168.2", "203.0.113.22", false);
        let options = ["--no-upnp", "--peer", &at];
        let mut dom = TestNode::named("dom").inside(&one).with(&options);
        let mut dacha = TestNode::named("dacha").inside(&two).with(&options);
        dom.up().await;
        dacha.up().await;
        let owner = middle.registers("owner").await;
        lets_in(&owner, &[&dom, &dacha]).await;
        let (alice, bob) = (dom.registers("alice").await, dacha.registers("bob").await);
        let started = Instant::now();
        has_places(&alice, 1).await;
        has_places(&bob, 1).await;
        println!("places at the relay after {:?}", started.elapsed());

        let chat = alice.opens(&bob).await;
        linked(&alice, &bob).await;
        let message = alice.sends(&chat, "through two routers").await;
        bob.sees("through two routers").await;
        alice.sees_state(&chat, &message, "delivered").await;
        let way = peer(&alice, &bob.node_id).await.expect("a peer");
        println!("path: {}, relay: {}", way["path"], way["relay"]);

        // Hole punching is tried and reported, not required.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let status = alice.api.get("/node").await.expect(200).json();
        println!("hole punching: {}", status["standing"]["punched"]);

        // The relay dies in the middle: nothing is lost.
        middle.kill9().await;
        let mut sent = Vec::new();
        for n in 0..10 {
            sent.push(alice.sends(&chat, &format!("while it was dead {n}")).await);
        }
        middle.up().await;
        for message in &sent {
            alice
                .sees_state_within(Duration::from_secs(90), &chat, message, "delivered")
                .await;
        }
        let there = bob
            .newest(bob.chats().await[0]["id"].as_str().unwrap())
            .await;
        let texts: Vec<&str> = there.iter().filter_map(|m| m["text"].as_str()).collect();
        assert_eq!(
            texts.iter().filter(|t| t.starts_with("while")).count(),
            10,
            "{texts:?}"
        );
        for node in [&mut dom, &mut dacha, &mut middle] {
            assert_eq!(node.down().await.code, Some(0));
        }
    });
}

#[test]
fn a_second_relay_takes_over() {
    let Some(mut world) = World::or_skip("a_second_relay_takes_over") else {
        return;
    };
    story(240, async {
        let internet = world.segment("net");
        let mut first = relay(&mut world, &internet, "first", "203.0.113.10").await;
        let mut second = relay(&mut world, &internet, "second", "203.0.113.11").await;
        let one = world.home("one", &internet, "192.168.1", "203.0.113.21", true);
        let two = world.home("two", &internet, "192.168.2", "203.0.113.22", true);
        let (a, b) = (
            address_of(&first, "203.0.113.10"),
            address_of(&second, "203.0.113.11"),
        );
        let options = ["--no-upnp", "--peer", &a, "--peer", &b];
        let mut dom = TestNode::named("dom").inside(&one).with(&options);
        let mut dacha = TestNode::named("dacha").inside(&two).with(&options);
        dom.up().await;
        dacha.up().await;
        for relay in [&first, &second] {
            let owner = relay.registers("owner").await;
            lets_in(&owner, &[&dom, &dacha]).await;
        }
        let (alice, bob) = (dom.registers("alice").await, dacha.registers("bob").await);
        has_places(&alice, 2).await;
        has_places(&bob, 2).await;
        let chat = alice.opens(&bob).await;
        linked(&alice, &bob).await;
        let before = alice.sends(&chat, "before").await;
        alice.sees_state(&chat, &before, "delivered").await;
        // These routers let no direct way be opened: everything goes through a relay.
        let way = peer(&alice, &bob.node_id).await.expect("a peer");
        assert_eq!(way["path"], "relay", "{way}");
        println!("path: {}, relay: {}", way["path"], way["relay"]);
        let at_first = way["relay"] == first.node_id().as_str();
        let dies = if at_first { &mut first } else { &mut second };
        dies.kill9().await;
        let after = alice.sends(&chat, "after").await;
        alice
            .sees_state_within(Duration::from_secs(90), &chat, &after, "delivered")
            .await;
        bob.sees("after").await;
    });
}

#[test]
fn a_laptop_changes_its_address_while_talking() {
    let Some(mut world) = World::or_skip("a_laptop_changes_its_address_while_talking") else {
        return;
    };
    story(180, async {
        let internet = world.segment("net");
        let stays = world.host("stays");
        world.plug(&stays, &internet, "203.0.113.30/24");
        let moves = world.host("moves");
        let cable = world.plug(&moves, &internet, "203.0.113.31/24");
        let mut dom = TestNode::named("dom")
            .inside(&stays)
            .with(&["--no-upnp", "--no-mdns"]);
        dom.up().await;
        let at = address_of(&dom, "203.0.113.30");
        let mut laptop = TestNode::named("laptop").inside(&moves).with(&[
            "--no-upnp",
            "--no-mdns",
            "--peer",
            &at,
        ]);
        laptop.up().await;
        let (alice, bob) = (dom.registers("alice").await, laptop.registers("bob").await);
        lets_in(&alice, &[&laptop]).await;
        let chat = alice.opens(&bob).await;
        let first = alice.sends(&chat, "at home").await;
        alice.sees_state(&chat, &first, "delivered").await;

        world.does(&moves, &format!("addr del 203.0.113.31/24 dev {cable}"));
        world.does(&moves, &format!("addr add 203.0.113.77/24 dev {cable}"));
        let moved = Instant::now();
        let second = alice.sends(&chat, "on the way").await;
        alice
            .sees_state_within(Duration::from_secs(120), &chat, &second, "delivered")
            .await;
        println!("delivered {:?} after the address changed", moved.elapsed());
        bob.sees("on the way").await;
    });
}

#[test]
fn a_node_that_moved_is_found_through_others() {
    let Some(mut world) = World::or_skip("a_node_that_moved_is_found_through_others") else {
        return;
    };
    story(180, async {
        let internet = world.segment("net");
        let mut hub = relay(&mut world, &internet, "hub", "203.0.113.10").await;
        let at = address_of(&hub, "203.0.113.10");
        let stays = world.host("stays");
        world.plug(&stays, &internet, "203.0.113.30/24");
        let moves = world.host("moves");
        let cable = world.plug(&moves, &internet, "203.0.113.31/24");
        let options = ["--no-upnp", "--no-mdns", "--peer", &at];
        let mut dom = TestNode::named("dom").inside(&stays).with(&options);
        let mut laptop = TestNode::named("laptop").inside(&moves).with(&options);
        dom.up().await;
        laptop.up().await;
        let owner = hub.registers("owner").await;
        lets_in(&owner, &[&dom, &laptop]).await;
        let (alice, bob) = (dom.registers("alice").await, laptop.registers("bob").await);
        let chat = alice.opens(&bob).await;
        linked(&alice, &bob).await;
        // Who has a chat with somebody there is no stranger, wherever it calls from (Q53).
        let known = alice.sends(&chat, "hello").await;
        alice.sees_state(&chat, &known, "delivered").await;
        assert_eq!(laptop.down().await.code, Some(0));
        // It comes back elsewhere and knows the hub alone: its memory of others is gone in this story, as its address is
        // in theirs.
        world.does(&moves, &format!("addr del 203.0.113.31/24 dev {cable}"));
        world.does(&moves, &format!("addr add 203.0.113.77/24 dev {cable}"));
        world.rules(
            &stays,
            "ip saddr 203.0.113.77 tcp dport 5001 ct state new drop; ip saddr 203.0.113.77 udp dport 5001 ct state new drop;",
        );
        laptop.up().await;
        let looked = Instant::now();
        // The one that stays dials at the old address in vain, asks the hub, and finds the new one.
        within(Duration::from_secs(120), "dom finds the laptop", || async {
            let way = peer(&alice, &bob.node_id).await?;
            (way["state"] == "connected").then_some(())
        })
        .await;
        println!("found at its new address after {:?}", looked.elapsed());
        assert_eq!(hub.down().await.code, Some(0));
    });
}

#[test]
fn ipv6_alone_is_enough() {
    let Some(mut world) = World::or_skip("ipv6_alone_is_enough") else {
        return;
    };
    story(90, async {
        let internet = world.segment("net");
        let (one, two) = (world.host("one"), world.host("two"));
        world.plug(&one, &internet, "2001:db8::1/64");
        world.plug(&two, &internet, "2001:db8::2/64");
        let mut a = TestNode::named("odin")
            .inside(&one)
            .with(&["--no-upnp", "--no-mdns"]);
        a.up().await;
        let at = format!("/ip6/2001:db8::1/tcp/5001/p2p/{}", a.node_id());
        // A bootstrap node that is dead keeps nobody.
        let dead = "/ip6/2001:db8::dead/tcp/5001";
        let mut b = TestNode::named("dva").inside(&two).with(&[
            "--no-upnp",
            "--no-mdns",
            "--peer",
            dead,
            "--peer",
            &at,
        ]);
        b.up().await;
        let (alice, bob) = (a.registers("alice").await, b.registers("bob").await);
        lets_in(&alice, &[&b]).await;
        let chat = alice.opens(&bob).await;
        let message = alice.sends(&chat, "six").await;
        alice.sees_state(&chat, &message, "delivered").await;
        bob.sees("six").await;
    });
}

/// N10: the bootstrap node has a name, and no name server answers. The node starts at once, works on its LAN, and says so.
#[test]
fn without_names_the_lan_works_and_it_is_said() {
    let Some(mut world) = World::or_skip("without_names_the_lan_works_and_it_is_said") else {
        return;
    };
    story(120, async {
        let lan = world.segment("lan");
        let (one, two) = (world.host("one"), world.host("two"));
        world.plug(&one, &lan, "192.168.9.1/24");
        world.plug(&two, &lan, "192.168.9.2/24");
        // One takes every question and answers none, one is not there at all.
        world.asks_for_names(&one, "192.168.9.2");
        world.rules(&two, "udp dport 53 drop; tcp dport 53 drop;");
        world.asks_for_names(&two, "192.168.9.53");
        let bootstrap = "/dns4/bootstrap.example/tcp/5001";
        let mut nodes = [("odin", &one), ("dva", &two)].map(|(name, host)| {
            TestNode::named(name)
                .inside(host)
                .with(&["--no-upnp", "--peer", bootstrap])
        });
        for node in &mut nodes {
            let took = node.up().await;
            assert!(took < Duration::from_secs(10), "{took:?}");
        }
        let [a, b] = &nodes;
        let (alice, bob) = (a.registers("alice").await, b.registers("bob").await);
        linked(&alice, &bob).await;
        let chat = alice.opens(&bob).await;
        let message = alice.sends(&chat, "without names").await;
        alice.sees_state(&chat, &message, "delivered").await;
        bob.sees("without names").await;
        for node in &nodes {
            let line = format!("{bootstrap}: the name is not found");
            within(WAY, "doctor says that the name is not found", || async {
                let said = node.asks(&["doctor"]).await;
                said.out.contains(&line).then_some(())
            })
            .await;
        }
    });
}

#[test]
fn a_third_of_all_packets_may_be_lost() {
    let Some(mut world) = World::or_skip("a_third_of_all_packets_may_be_lost") else {
        return;
    };
    story(180, async {
        let internet = world.segment("net");
        let (one, two) = (world.host("one"), world.host("two"));
        world.plug(&one, &internet, "203.0.113.1/24");
        world.plug(&two, &internet, "203.0.113.2/24");
        let mut a = TestNode::named("odin")
            .inside(&one)
            .with(&["--no-upnp", "--no-mdns"]);
        a.up().await;
        let at = address_of(&a, "203.0.113.1");
        let mut b =
            TestNode::named("dva")
                .inside(&two)
                .with(&["--no-upnp", "--no-mdns", "--peer", &at]);
        b.up().await;
        let (alice, bob) = (a.registers("alice").await, b.registers("bob").await);
        lets_in(&alice, &[&b]).await;
        let chat = alice.opens(&bob).await;
        let lossy = "iifname \"eth*\" numgen random mod 100 < 30 drop;";
        world.rules(&one, lossy);
        world.rules(&two, lossy);
        let started = Instant::now();
        let mut last = Value::Null;
        for n in 0..20 {
            last = alice.sends(&chat, &format!("lost {n}")).await;
        }
        alice
            .sees_state_within(Duration::from_secs(120), &chat, &last, "delivered")
            .await;
        println!("20 messages with 30 % loss after {:?}", started.elapsed());
        world.rules(&one, "");
        world.rules(&two, "");
        let id = bob.chats().await[0]["id"].as_str().unwrap().to_owned();
        let there = bob.history(&id).await;
        assert_eq!(
            there
                .iter()
                .filter(|m| m["text"].as_str().is_some_and(|t| t.starts_with("lost")))
                .count(),
            20
        );
    });
}

/// Two linked nodes on one segment, who have spoken.
struct Pair {
    world: World,
    hosts: [String; 2],
    nodes: [TestNode; 2],
    people: [Person; 2],
    chat: String,
}

impl Pair {
    async fn new(mut world: World, mtu: Option<u32>) -> Self {
        let net = world.segment("net");
        let hosts = [world.host("one"), world.host("two")];
        for (host, last) in hosts.iter().zip(1..) {
            let cable = world.plug(host, &net, &format!("10.5.0.{last}/24"));
            if let Some(mtu) = mtu {
                world.does(host, &format!("link set {cable} mtu {mtu}"));
            }
        }
        let mut dom = TestNode::named("dom")
            .inside(&hosts[0])
            .with(&["--no-upnp", "--no-mdns"]);
        dom.up().await;
        let at = address_of(&dom, "10.5.0.1");
        let mut dacha = TestNode::named("dacha").inside(&hosts[1]).with(&[
            "--no-upnp",
            "--no-mdns",
            "--peer",
            &at,
        ]);
        dacha.up().await;
        let people = [dom.registers("alice").await, dacha.registers("bob").await];
        linked(&people[0], &people[1]).await;
        let chat = people[0].opens(&people[1]).await;
        let first = people[0].sends(&chat, "hello").await;
        people[0].sees_state(&chat, &first, "delivered").await;
        Self {
            world,
            hosts,
            nodes: [dom, dacha],
            people,
            chat,
        }
    }
}

/// N12: packets of 576 bytes, too small for QUIC.
#[test]
fn packets_of_576_bytes_are_enough() {
    let Some(world) = World::or_skip("packets_of_576_bytes_are_enough") else {
        return;
    };
    story(120, async {
        let pair = Pair::new(world, Some(576)).await;
        let [alice, bob] = &pair.people;
        let long = "x".repeat(7_900);
        let began = Instant::now();
        for n in 0..5 {
            let text = format!("{n} {long}");
            let message = alice.sends(&pair.chat, &text).await;
            bob.sees(&text).await;
            alice.sees_state(&pair.chat, &message, "delivered").await;
            let answer = bob.sends(&pair.chat, &format!("back {text}")).await;
            bob.sees_state(&pair.chat, &answer, "delivered").await;
        }
        println!(
            "10 long messages with an MTU of 576 in {:?}",
            began.elapsed()
        );
    });
}

/// N07: a node dies and nothing of its end gets through; the other side still thinks it is there when it comes again.
#[test]
fn a_connection_whose_end_was_never_told_is_replaced() {
    let Some(world) = World::or_skip("a_connection_whose_end_was_never_told_is_replaced") else {
        return;
    };
    story(120, async {
        let mut pair = Pair::new(world, None).await;
        let [alice, bob] = &pair.people;
        // Older than a race of dials would be.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let silent = "iifname \"eth*\" tcp flags & (fin | rst) != 0 drop; iifname \"eth*\" meta l4proto icmp drop;";
        pair.world.rules(&pair.hosts[0], silent);
        pair.nodes[1].kill9().await;
        let message = alice.sends(&pair.chat, "into a dead connection").await;
        let way = peer(alice, &bob.node_id).await.expect("a peer");
        assert_eq!(way["state"], "connected", "half open: {way}");
        pair.nodes[1].up().await;
        let began = Instant::now();
        alice
            .sees_state_within(WAY, &pair.chat, &message, "delivered")
            .await;
        println!("delivered {:?} after it was back", began.elapsed());
        bob.sees("into a dead connection").await;
        let answer = bob.sends(&pair.chat, "alive").await;
        bob.sees_state(&pair.chat, &answer, "delivered").await;
        let there = bob.newest(&pair.chat).await;
        assert_eq!(there.len(), 3, "each once: {there:?}");
    });
}
