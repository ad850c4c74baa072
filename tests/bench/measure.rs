//! What is measured, in the order of the table "Numbers".

use std::time::{Duration, Instant};

use chater_tests::{Person, TestNode, linked, within};

use crate::Scale;
use crate::floor::{self, Floor, ms, quantile};
use crate::load::{cpu_seconds, flood, memory_mib, open};
use crate::report::Better::{Higher, Lower};
use crate::report::{CAME, Figure, Report};
use crate::{crowd, groups, hostile, large, mailbox, meeting, people};

/// Unanswered messages of one socket; a node stops reading at 256 (Q45).
pub(crate) const WINDOW: usize = 200;

/// Two linked nodes and two people who have spoken.
pub(crate) struct Pair {
    pub(crate) nodes: [TestNode; 2],
    pub(crate) people: [Person; 2],
    pub(crate) chat: String,
}

impl Pair {
    pub(crate) async fn start() -> Self {
        let mut dom = TestNode::named("dom").without_limits();
        dom.up().await;
        let mut dacha = TestNode::named("dacha")
            .without_limits()
            .with(&["--peer", &dom.p2p()]);
        dacha.up().await;
        let (alice, bob) = (dom.registers("alice").await, dacha.registers("bob").await);
        linked(&alice, &bob).await;
        let chat = alice.opens(&bob).await;
        let first = alice.sends(&chat, "hello").await;
        bob.sees("hello").await;
        alice.sees_state(&chat, &first, "delivered").await;
        Self {
            nodes: [dom, dacha],
            people: [alice, bob],
            chat,
        }
    }

    fn cpu(&self) -> f64 {
        self.nodes.iter().map(|node| cpu_seconds(node.pid())).sum()
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub(crate) fn count(many: usize) -> f64 {
    many as f64
}

/// Everything.
pub(crate) async fn all(scale: Scale, report: &mut Report) {
    let floor = tokio::task::spawn_blocking(floor::measure)
        .await
        .expect("the floor");
    report.add(Figure::new(
        "floor: durable commit p50",
        floor.commit_ms,
        "ms",
        Lower,
    ));
    report.add(Figure::new(
        "floor: loopback round trip p50",
        floor.round_trip_ms,
        "ms",
        Lower,
    ));
    report.add(Figure::new(
        "floor: 1,000 messages signed and checked",
        floor.signatures_s,
        "s",
        Lower,
    ));

    if scale.conversations {
        conversations(scale, floor, report).await;
        people::all(scale, report).await;
        meeting::all(scale, report).await;
        crowd::all(scale, report).await;
        hostile::all(scale, report).await;
    }
    groups::all(scale, floor, report).await;
    large::all(scale, report).await;
}

/// Chats of two people.
async fn conversations(scale: Scale, floor: Floor, report: &mut Report) {
    let mut pair = Pair::start().await;
    idle(&pair, scale, report).await;
    across(&pair, scale, floor, report).await;
    same_node(&pair, scale, floor, report).await;
    pipelined(&pair, scale, floor, report).await;
    away(&mut pair, scale, report).await;
    drop(pair);
    mailbox::all(scale, report).await;
    starts(scale, report).await;
    long_chat(scale, report).await;
}

async fn idle(pair: &Pair, scale: Scale, report: &mut Report) {
    let before = pair.cpu();
    tokio::time::sleep(Duration::from_secs(scale.idle)).await;
    let share = (pair.cpu() - before) / Duration::from_secs(scale.idle).as_secs_f64() * 100.0;
    report
        .add(Figure::new("idle CPU of two connected nodes", share, "% core", Lower).goal(0.5, 0.1));
    let memory = pair
        .nodes
        .iter()
        .map(|node| memory_mib(node.pid()))
        .fold(0.0, f64::max);
    report.add(Figure::new("memory idle (larger node)", memory, "MiB", Lower).goal(30.0, 20.0));
}

async fn across(pair: &Pair, scale: Scale, floor: Floor, report: &mut Report) {
    let [alice, bob] = &pair.people;
    let (mut mouth, mut own) = open(alice.api.address, alice.token(), &pair.chat).await;
    let (_quiet, mut ear) = open(bob.api.address, bob.token(), &pair.chat).await;
    // Replies and marks of the sender are read beside, so that they never wait in a buffer.
    let drain = tokio::spawn(async move {
        loop {
            own.next().await;
        }
    });
    let mut times = Vec::new();
    for n in 0..scale.sequential + 50 {
        let started = Instant::now();
        mouth.send("seq", n).await;
        ear.hears("message", &format!("seq:{n:08} ")).await;
        if n >= 50 {
            times.push(ms(started.elapsed()));
        }
    }
    drain.abort();
    let commits = 2.0 * floor.commit_ms;
    let p50 = quantile(&mut times, 0.5);
    report.add(
        Figure::new("message across two nodes p50", p50, "ms", Lower)
            .floor(commits + floor.round_trip_ms)
            .goal(0.6 + commits, 0.3 + commits),
    );
    report.add(Figure::new(
        "message across two nodes p99",
        quantile(&mut times, 0.99),
        "ms",
        Lower,
    ));
}

async fn same_node(pair: &Pair, scale: Scale, floor: Floor, report: &mut Report) {
    let alice = &pair.people[0];
    let anna = pair.nodes[0].registers("anna").await;
    let chat = alice.opens_with("anna").await;
    let (mut mouth, mut own) = open(alice.api.address, alice.token(), &chat).await;
    let (_quiet, mut ear) = open(anna.api.address, anna.token(), &chat).await;
    let drain = tokio::spawn(async move {
        loop {
            own.next().await;
        }
    });
    let mut times = Vec::new();
    for n in 0..scale.sequential + 50 {
        let started = Instant::now();
        mouth.send("here", n).await;
        ear.hears("message", &format!("here:{n:08} ")).await;
        if n >= 50 {
            times.push(ms(started.elapsed()));
        }
    }
    drain.abort();
    let commit = floor.commit_ms;
    let p50 = quantile(&mut times, 0.5);
    report.add(
        Figure::new("message on one node p50", p50, "ms", Lower)
            .floor(commit + floor.round_trip_ms)
            .goal(0.3 + commit, 0.15 + commit),
    );
}

async fn pipelined(pair: &Pair, scale: Scale, floor: Floor, report: &mut Report) {
    let [alice, bob] = &pair.people;
    let mut rates = Vec::new();
    let mut costs = Vec::new();
    for round in 0..3 {
        let tag = format!("pipe{round}");
        let (mut mouth, mut own) = open(alice.api.address, alice.token(), &pair.chat).await;
        let (_quiet, mut ear) = open(bob.api.address, bob.token(), &pair.chat).await;
        let (many, words) = (scale.pipelined, format!(r#""{tag}:"#));
        let before = pair.cpu();
        let started = Instant::now();
        let heard = tokio::spawn(async move {
            ear.hears_many("message", &words, many).await;
            Instant::now()
        });
        flood(&mut mouth, &mut own, &tag, many, WINDOW).await;
        let ended = heard.await.expect("every message on the other socket");
        rates.push(count(many) / (ended - started).as_secs_f64());
        costs.push((pair.cpu() - before) / count(many) * 1_000.0);
    }
    report.add(
        Figure::new(
            "pipelined across two nodes",
            quantile(&mut rates, 0.5),
            "msg/s",
            Higher,
        )
        .goal(8_000.0, 15_000.0),
    );
    report.add(
        Figure::new(
            "CPU of both nodes per 1,000 messages",
            quantile(&mut costs, 0.5),
            "s",
            Lower,
        )
        .floor(floor.signatures_s)
        .goal(0.18, 0.10),
    );
    let memory = pair
        .nodes
        .iter()
        .map(|node| memory_mib(node.pid()))
        .fold(0.0, f64::max);
    report
        .add(Figure::new("memory after load (larger node)", memory, "MiB", Lower).goal(60.0, 35.0));
}

async fn away(pair: &mut Pair, scale: Scale, report: &mut Report) {
    let [alice, bob] = &pair.people;
    assert_eq!(pair.nodes[1].down().await.code, Some(0));
    let (mut mouth, mut own) = open(alice.api.address, alice.token(), &pair.chat).await;
    flood(&mut mouth, &mut own, "away", scale.away, WINDOW).await;
    let before = pair.people[0].history(&pair.chat).await.len();
    let started = Instant::now();
    pair.nodes[1].up().await;
    // The newest come first: only when all are there is the node back.
    let came = async || {
        let newest = bob.newest_of(&pair.chat, scale.away).await;
        let texts = newest.iter().filter_map(|message| message["text"].as_str());
        texts.filter(|text| text.starts_with("away:")).count()
    };
    within(
        Duration::from_secs(120),
        "all messages on the other node",
        || async { (came().await == scale.away).then_some(()) },
    )
    .await;
    let took = started.elapsed();
    let there = bob.history(&pair.chat).await;
    let came = came().await;
    report.add(
        Figure::new(
            "node was away: all 2,000 there after start",
            took.as_secs_f64(),
            "s",
            Lower,
        )
        .goal(1.0, 0.4),
    );
    report.add(
        Figure::new(CAME, count(came) / count(scale.away) * 100.0, "%", Higher).goal(100.0, 100.0),
    );
    assert_eq!(there.len(), before, "both nodes hold the same");
}

/// A node with one chat of so many messages between two of its people.
async fn filled(name: &str, many: usize) -> (TestNode, Person, String) {
    let mut node = TestNode::named(name).without_limits();
    node.up().await;
    let (alice, bob) = (node.registers("alice").await, node.registers("bob").await);
    let chat = alice.opens(&bob).await;
    let (mut mouth, mut own) = open(alice.api.address, alice.token(), &chat).await;
    flood(&mut mouth, &mut own, "fill", many, WINDOW).await;
    (node, bob, chat)
}

async fn starts(scale: Scale, report: &mut Report) {
    let (mut node, _bob, _chat) = filled("store", scale.stored).await;
    let mut clean = Vec::new();
    let mut killed = Vec::new();
    for _ in 0..scale.starts {
        node.down().await;
        clean.push(node.up().await.as_secs_f64());
        node.kill9().await;
        killed.push(node.up().await.as_secs_f64());
    }
    report.add(
        Figure::new(
            "start to ready, clean",
            quantile(&mut clean, 0.5),
            "s",
            Lower,
        )
        .goal(0.3, 0.1),
    );
    report.add(
        Figure::new(
            "start to ready after kill -9",
            quantile(&mut killed, 0.5),
            "s",
            Lower,
        )
        .goal(1.0, 0.2),
    );
    report.add(Figure::new(
        "start: messages in the store",
        count(scale.stored),
        "msg",
        Higher,
    ));
}

async fn long_chat(scale: Scale, report: &mut Report) {
    let mut times = Vec::new();
    for (name, many) in [("short", scale.short), ("long", scale.long)] {
        let (mut node, bob, chat) = filled(name, many).await;
        // As after a start: nothing of it is in the node's own memory.
        node.restart().await;
        let mut opened = Vec::new();
        for n in 0..scale.pages + 20 {
            let started = Instant::now();
            let page = bob
                .api
                .get(&format!("/chats/{chat}/messages"))
                .await
                .expect(200);
            if n >= 20 {
                opened.push(ms(started.elapsed()));
            }
            assert!(page.body.len() > 1_000, "a full page");
        }
        times.push(quantile(&mut opened, 0.5));
    }
    report.add(Figure::new(
        "newest page of a chat of 1,000 p50",
        times[0],
        "ms",
        Lower,
    ));
    report.add(Figure::new(
        "newest page of the long chat p50",
        times[1],
        "ms",
        Lower,
    ));
    report.add(
        Figure::new(
            "long chat opens like a short one",
            times[1] / times[0],
            "x",
            Lower,
        )
        .goal(1.5, 1.1),
    );
    report.add(Figure::new(
        "long chat: messages",
        count(scale.long),
        "msg",
        Higher,
    ));
}
