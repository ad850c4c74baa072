//! Groups that are large: a thousand members, a long history for somebody who comes late, a thousand groups.

use std::io::{Read as _, Seek as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chater_tests::{PASSWORD, Person, TestNode, binary, linked, within};
use serde_json::{Value, json};

use crate::Scale;
use crate::floor::{ms, quantile};
use crate::groups::{founded, village};
use crate::load::{flood, memory_mib, open};
use crate::measure::{WINDOW, count};
use crate::report::Better::{Higher, Lower};
use crate::report::{Figure, Report};

/// A million messages are filled in minutes; whatever takes longer hangs.
const LIMIT: Duration = Duration::from_secs(900);
/// Members that one call may add.
const AT_ONCE: usize = 200;
/// Messages of a page of the API.
const PAGE: usize = 50;

/// Everything about large groups.
pub(crate) async fn all(scale: Scale, report: &mut Report) {
    thousand(scale, report).await;
    late(scale, report).await;
    memory(scale, report).await;
}

/// Where a tool of the engine is, which is built beside the program.
pub(crate) fn example(name: &str) -> PathBuf {
    let mut tool = binary().to_owned();
    tool.pop();
    tool.push("examples");
    tool.push(name);
    tool
}

/// Fills the folder of a stopped node with the tool `seed`, which is built beside the program; gives the lines it
/// prints.
async fn seed(node: &TestNode, words: &[&str]) -> Vec<String> {
    let tool = example("seed");
    // A file, because a pipe that nobody reads yet holds 64 KiB.
    let mut said = tempfile::tempfile().expect("a temporary file");
    let mut child = Command::new(&tool)
        .arg(node.folder())
        .args(words)
        .stdin(Stdio::null())
        .stdout(said.try_clone().expect("a file"))
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", tool.display()));
    let end = Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a process") {
            break status;
        }
        if Instant::now() > end {
            let _ = child.kill();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(status.success(), "seed {words:?}: {status}");
    said.rewind().expect("a file");
    let mut text = String::new();
    said.read_to_string(&mut text).expect("text");
    text.lines().map(str::to_owned).collect()
}

/// A group of 1,000 members on 20 nodes, of which one is real: the others are known here by their members' homes,
/// cards and keys alone, since nothing is measured there. Measured are the calls of its owner.
async fn thousand(scale: Scale, report: &mut Report) {
    let mut node = TestNode::named("club").without_limits();
    node.up().await;
    let owner = node.registers("owner").await;
    node.down().await;
    let others = (scale.members - 1).to_string();
    let ids = seed(&node, &["people", &others, "19"]).await;
    let (first, moving) = ids.split_at(ids.len() - scale.acts);
    node.up().await;
    let chat = club(&owner, first).await;
    let path = format!("/chats/{chat}/members");
    let mut took: [Vec<f64>; 3] = Default::default();
    for id in moving {
        let started = Instant::now();
        let added = owner.api.post(&path, &json!({"members": [id]})).await;
        took[0].push(ms(started.elapsed()));
        added.expect(200);
    }
    let listed = owner.api.get(&path).await.expect(200).json();
    let listed = listed["members"].as_array().map_or(0, Vec::len);
    assert_eq!(listed, scale.members, "a full group");
    for (at, id) in moving.iter().enumerate() {
        let started = Instant::now();
        let gone = format!("{path}/{id}");
        owner.api.call("DELETE", &gone, None).await.expect(204);
        let removed = Instant::now();
        owner.sends(&chat, &format!("without one {at}")).await;
        took[1].push(ms(removed - started));
        took[2].push(ms(removed.elapsed()));
    }
    let [mut add, mut remove, mut send] = took;
    for (name, times) in [
        ("group of 1,000: add one, over HTTP", &mut add),
        ("group of 1,000: remove one, over HTTP", &mut remove),
        ("group of 1,000: send, over HTTP", &mut send),
    ] {
        report.add(Figure::new(name, quantile(times, 0.5), "ms", Lower));
    }
    // Another group: a newcomer gets a box for every key that a removal has left behind.
    let chat = club(&owner, first).await;
    node.down().await;
    let mut words = vec!["acts", &owner.nick, PASSWORD, &chat];
    words.extend(moving.iter().map(String::as_str));
    let engine: Vec<f64> = seed(&node, &words)
        .await
        .iter()
        .map(|line| line.parse().expect("milliseconds"))
        .collect();
    for (name, took, must) in [
        ("group of 1,000: add one, in the engine", engine[0], 5.0),
        (
            "group of 1,000: remove one, in the engine",
            engine[1],
            150.0,
        ),
        ("group of 1,000: send, in the engine", engine[2], 2.0),
    ] {
        report.add(Figure::new(name, took, "ms", Lower).must(must));
    }
    report.add(Figure::new(
        "group of 1,000: members",
        count(scale.members),
        "",
        Higher,
    ));
}

/// A group of its owner and these people, made with as many calls as it needs.
async fn club(owner: &Person, members: &[String]) -> String {
    let mut parts = members.chunks(AT_ONCE);
    let body = json!({"title": "Club", "members": parts.next().unwrap_or_default()});
    let made = owner.api.post("/chats", &body).await.expect(201).json();
    let chat = made["id"].as_str().expect("an id").to_owned();
    let path = format!("/chats/{chat}/members");
    for part in parts {
        let body = json!({"members": part});
        owner.api.post(&path, &body).await.expect(200);
    }
    chat
}

/// Events of other nodes that a node has kept since its start.
async fn received(of: &Person) -> usize {
    let path = "/metrics";
    let answer = of.api.request("GET", path, &[], &[]).await;
    let text = answer.expect("an answer").expect(200).text();
    text.lines()
        .find_map(|line| line.strip_prefix("chater_events_received_total "))
        .and_then(|number| number.parse().ok())
        .expect("a counter")
}

/// Three members on three nodes have written a long history. A fourth node, linked with theirs, comes in.
async fn late(scale: Scale, report: &mut Report) {
    let (nodes, people) = village(3, 1).await;
    let chat = founded(&people).await;
    let each = scale.history / people.len();
    let before: Vec<usize> = futures::future::join_all(people.iter().map(received)).await;
    let writers = people.iter().enumerate().map(|(at, person)| {
        let chat = &chat;
        async move {
            let (mut mouth, mut own) = open(person.api.address, person.token(), chat).await;
            flood(&mut mouth, &mut own, &format!("late{at}"), each, WINDOW).await;
        }
    });
    futures::future::join_all(writers).await;
    for (person, before) in people.iter().zip(before) {
        let wanted = before + each * (people.len() - 1);
        within(LIMIT, "every member has everything", || async {
            (received(person).await >= wanted).then_some(())
        })
        .await;
    }
    let mut node = TestNode::named("late").without_limits();
    for other in &nodes {
        node = node.with(&["--peer", &other.p2p()]);
    }
    node.up().await;
    let dora = node.registers("dora").await;
    for person in &people {
        linked(person, &dora).await;
    }
    let owner = &people[0];
    let newest = owner.newest(&chat).await.pop().expect("a message")["id"].clone();
    let path = format!("/chats/{chat}/messages?limit={PAGE}");
    let (before, wanted) = (received(&dora).await, each * people.len());
    let started = Instant::now();
    let body = json!({"members": [dora.address]});
    let members = format!("/chats/{chat}/members");
    owner.api.post(&members, &body).await.expect(200);
    let first = within(LIMIT, "the newest page", || async {
        let page = dora.api.get(&path).await.json();
        let shown = page["messages"].as_array()?;
        let read = |m: &Value| m["text"].is_string();
        (shown.len() == PAGE && shown.last()?["id"] == newest && shown.iter().all(read))
            .then(|| started.elapsed())
    })
    .await;
    let all = within(LIMIT, "the whole history", || async {
        (received(&dora).await - before >= wanted).then(|| started.elapsed())
    })
    .await;
    // The counter is one turn ahead of what can be read, and counts a few keys, too. Nothing may lack in the end.
    let ours = |m: &&Value| m["text"].as_str().is_some_and(|t| t.starts_with("late"));
    within(LIMIT, "every message to be read", || async {
        let came = dora.history(&chat).await;
        (came.iter().filter(ours).count() == wanted).then_some(())
    })
    .await;
    report.add(
        Figure::new(
            "late node: history taken from members",
            count(wanted) / all.as_secs_f64(),
            "msg/s",
            Higher,
        )
        .must(15_000.0),
    );
    report.add(
        Figure::new(
            "late node: newest page after",
            first.as_secs_f64(),
            "s",
            Lower,
        )
        .must(0.5),
    );
    report.add(Figure::new(
        "late node: messages",
        count(wanted),
        "msg",
        Higher,
    ));
}

/// A node with very many groups, each with somebody else here and people of other nodes (which are not there).
async fn memory(scale: Scale, report: &mut Report) {
    let mut node = TestNode::named("hall").without_limits();
    node.up().await;
    let (alice, bob) = (node.registers("alice").await, node.registers("bob").await);
    node.down().await;
    let mut members = seed(&node, &["people", "5", "5"]).await;
    members.push(bob.user_id.clone());
    let (many, messages) = (scale.groups.to_string(), scale.grouped.to_string());
    let mut words = vec!["groups", &alice.nick, PASSWORD, &many, &messages];
    words.extend(members.iter().map(String::as_str));
    let groups = seed(&node, &words).await;
    assert_eq!(groups.len(), scale.groups);
    node.up().await;
    let started = memory_mib(node.pid());
    let mut cursor = Some(String::new());
    let mut listed = 0;
    while let Some(at) = cursor {
        let path = format!("/chats?limit=100{at}");
        let page = bob.api.get(&path).await.expect(200).json();
        listed += page["chats"].as_array().map_or(0, Vec::len);
        cursor = page["next"].as_str().map(|next| format!("&cursor={next}"));
    }
    assert_eq!(listed, scale.groups, "every group is in the list");
    let full = scale.grouped / scale.groups;
    for group in &groups {
        let page = bob.newest(group).await;
        assert!(page.len() >= full.min(200), "a full page");
    }
    let pages = memory_mib(node.pid());
    // The writer, too, has now met every group.
    for group in &groups {
        alice.sends(group, "one more").await;
    }
    let written = memory_mib(node.pid());
    report.add(Figure::new(
        "many groups: memory after the start",
        started,
        "MiB",
        Lower,
    ));
    report.add(Figure::new(
        "many groups: memory after all pages",
        pages,
        "MiB",
        Lower,
    ));
    report.add(
        Figure::new(
            "many groups: memory after a message in each",
            written,
            "MiB",
            Lower,
        )
        .must(80.0),
    );
    report.add(Figure::new(
        "many groups: groups",
        count(scale.groups),
        "",
        Higher,
    ));
    report.add(Figure::new(
        "many groups: messages",
        count(scale.grouped),
        "msg",
        Higher,
    ));
}
