//! Groups that talk: many people on two nodes, and one on each of many nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chater_tests::{Person, TestNode, linked, until};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::Scale;
use crate::floor::{Floor, ms, quantile};
use crate::load::{Ear, Mouth, cpu_seconds, open};
use crate::measure::count;
use crate::report::Better::{Higher, Lower};
use crate::report::{Figure, Report};

/// How long the last member may wait, before a run counts as hanging.
const LIMIT: Duration = Duration::from_secs(60);
/// Begins every message of these groups.
const TAG: &str = "group";

/// A group over nodes that all know each other.
pub(crate) struct Crowd {
    pub(crate) nodes: Vec<TestNode>,
    pub(crate) people: Vec<Person>,
    pub(crate) chat: String,
}

/// Nodes that are linked, each to all others, with so many people on each.
pub(crate) async fn village(nodes: usize, each: usize) -> (Vec<TestNode>, Vec<Person>) {
    let (mut all, mut people): (Vec<TestNode>, Vec<Person>) = (Vec::new(), Vec::new());
    for at in 0..nodes {
        let mut node = TestNode::named(&format!("isle{at}")).without_limits();
        for other in &all {
            node = node.with(&["--peer", &other.p2p()]);
        }
        node.up().await;
        for n in 0..each {
            people.push(node.registers(&format!("isle{at}x{n}")).await);
        }
        let newest = &people[at * each];
        for one in people.iter().step_by(each).take(at) {
            linked(one, newest).await;
        }
        all.push(node);
    }
    (all, people)
}

/// The first of these people makes a group of all; waits until everybody has it.
pub(crate) async fn founded(people: &[Person]) -> String {
    let named: Vec<&str> = people[1..].iter().map(|p| p.address.as_str()).collect();
    let body = json!({"title": "Crew", "members": named});
    let made = people[0].api.post("/chats", &body).await.expect(201).json();
    let chat = made["id"].as_str().expect("an id").to_owned();
    for person in people {
        has_members(person, &chat, people.len()).await;
    }
    // The first message makes sure that everybody can read.
    people[0].sends(&chat, "hello").await;
    for person in people {
        until("everybody reads the first message", || async {
            let page = person.newest(&chat).await;
            page.iter().any(|m| m["text"] == "hello").then_some(())
        })
        .await;
    }
    chat
}

/// Waits until somebody's node shows a group with so many members.
async fn has_members(person: &Person, chat: &str, many: usize) {
    let path = format!("/chats/{chat}/members");
    until(&format!("{} has the group", person.nick), || async {
        let answer = person.api.get(&path).await.json();
        (answer["members"].as_array()?.len() == many).then_some(())
    })
    .await;
}

impl Crowd {
    async fn of(nodes: usize, each: usize) -> Self {
        let (nodes, people) = village(nodes, each).await;
        let chat = founded(&people).await;
        Self {
            nodes,
            people,
            chat,
        }
    }

    fn cpu(&self) -> f64 {
        self.nodes.iter().map(|node| cpu_seconds(node.pid())).sum()
    }

    /// The first person's socket, and those of all others, who listen.
    async fn listens(&self) -> Hall {
        let heard = Arc::new(Heard::default());
        let mut ears = Vec::new();
        for person in &self.people[1..] {
            let (mouth, ear) = open(person.api.address, person.token(), &self.chat).await;
            ears.push(tokio::spawn(listen(mouth, ear, heard.clone())));
        }
        let first = &self.people[0];
        let (mouth, mut own) = open(first.api.address, first.token(), &self.chat).await;
        // Replies are read beside, so that they never wait in a buffer.
        ears.push(tokio::spawn(async move { own.drain().await }));
        Hall {
            mouth,
            heard,
            others: self.people.len() - 1,
            ears,
        }
    }
}

/// Messages heard by all listeners together.
#[derive(Default)]
struct Heard {
    count: AtomicUsize,
    wanted: AtomicUsize,
    all: Notify,
}

/// Counts the messages of one socket. The other half is held, or the socket would close.
async fn listen(_mouth: Mouth, mut ear: Ear, heard: Arc<Heard>) {
    let words = format!(r#""text":"{TAG}"#);
    loop {
        let frame = ear.next().await;
        // Cheaper than a look at every frame for errors: on two cores the client's work is the nodes' loss.
        if frame.starts_with(r#"{"type":"message""#) && frame.contains(&words) {
            let count = heard.count.fetch_add(1, Ordering::AcqRel) + 1;
            if count == heard.wanted.load(Ordering::Acquire) {
                heard.all.notify_one();
            }
        }
    }
}

/// One who speaks and all who listen.
struct Hall {
    mouth: Mouth,
    heard: Arc<Heard>,
    others: usize,
    ears: Vec<JoinHandle<()>>,
}

impl Hall {
    /// Sends so many messages at once; how long until the last listener has the last of them.
    async fn says(&mut self, tag: &str, from: usize, many: usize) -> Duration {
        self.heard.count.store(0, Ordering::Release);
        let wanted = self.others * many;
        self.heard.wanted.store(wanted, Ordering::Release);
        let started = Instant::now();
        for n in from..from + many {
            self.mouth.feed(tag, n).await;
        }
        self.mouth.flush().await;
        let all = tokio::time::timeout(LIMIT, self.heard.all.notified()).await;
        let took = started.elapsed();
        let count = self.heard.count.load(Ordering::Acquire);
        assert!(all.is_ok(), "{count} of {wanted} came");
        took
    }

    /// One message after the other; each waits until the last listener has the one before. In milliseconds.
    async fn says_in_turn(&mut self, many: usize) -> Vec<f64> {
        let mut times = Vec::new();
        // The first ones warm up.
        let warm = many / 10 + 1;
        for n in 0..many + warm {
            let took = self.says(&format!("{TAG}turn"), n, 1).await;
            if n >= warm {
                times.push(ms(took));
            }
        }
        times
    }
}

impl Drop for Hall {
    fn drop(&mut self) {
        for ear in &self.ears {
            ear.abort();
        }
    }
}

/// Everything about groups that talk.
pub(crate) async fn all(scale: Scale, floor: Floor, report: &mut Report) {
    fifty(scale, floor, report).await;
    ten(scale, floor, report).await;
}

/// 25 and 25 people on two nodes: everybody but the sender has a socket open.
async fn fifty(scale: Scale, floor: Floor, report: &mut Report) {
    let crowd = Crowd::of(2, scale.each).await;
    let mut hall = crowd.listens().await;
    let mut times = hall.says_in_turn(scale.turns).await;
    let (mut rates, mut costs, mut own) = (Vec::new(), Vec::new(), Vec::new());
    let deliveries = count(hall.others * scale.burst);
    for round in 0..scale.bursts {
        let (before, own_before) = (crowd.cpu(), cpu_seconds(std::process::id()));
        let took = hall.says(&format!("{TAG}{round}"), 0, scale.burst).await;
        rates.push(deliveries / took.as_secs_f64());
        // What follows the last frame (cards of the chat, marks) belongs to it, too.
        tokio::time::sleep(Duration::from_millis(200)).await;
        costs.push((crowd.cpu() - before) / deliveries * 1_000.0);
        own.push((cpu_seconds(std::process::id()) - own_before) / deliveries * 1_000.0);
    }
    report.add(
        Figure::new(
            "group of 50, two nodes: deliveries",
            quantile(&mut rates, 0.5),
            "msg/s",
            Higher,
        )
        .goal(30_000.0, 50_000.0),
    );
    for (name, costs) in [
        ("group of 50: nodes' CPU per 1,000 deliveries", &mut costs),
        ("group of 50: client's CPU for the same", &mut own),
    ] {
        report.add(Figure::new(name, quantile(costs, 0.5), "s", Lower));
    }
    report.add(
        Figure::new(
            "group of 50, one message to the last p50",
            quantile(&mut times, 0.5),
            "ms",
            Lower,
        )
        .floor(floor.commit_ms + floor.round_trip_ms)
        .goal(3.0 + floor.commit_ms, 1.5 + floor.commit_ms),
    );
}

/// One person on each of ten nodes.
async fn ten(scale: Scale, floor: Floor, report: &mut Report) {
    let crowd = Crowd::of(scale.nodes, 1).await;
    let mut hall = crowd.listens().await;
    let mut times = hall.says_in_turn(scale.turns).await;
    report.add(
        Figure::new(
            "group over 10 nodes, to the last p50",
            quantile(&mut times, 0.5),
            "ms",
            Lower,
        )
        .floor(2.0 * floor.commit_ms + floor.round_trip_ms)
        .must(10.0),
    );
}
