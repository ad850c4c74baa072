//! How soon two nodes that have never met can be used together: on one network with no settings, and by a link.

use std::time::{Duration, Instant};

use chater_tests::{Person, TestNode, World};
use serde_json::{Value, json};

use crate::Scale;
use crate::floor::{ms, quantile};
use crate::load::{Ear, Mouth, open};
use crate::report::Better::Lower;
use crate::report::{Figure, Report};

/// See [`on_the_lan`].
pub(crate) const LAN: &str = "fresh nodes on a LAN: first message p50";
const LINK: &str = "joined by a link: first search answer p50";
/// Both must be done in two seconds.
const MUST: f64 = 2_000.0;
/// A search that nobody has answered is typed again after this.
const AGAIN: Duration = Duration::from_millis(250);
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) async fn all(scale: Scale, report: &mut Report) {
    on_the_lan(scale, report).await;
    by_a_link(scale, report).await;
}

/// Asks again and again until the answer shows that person.
async fn seek(mouth: &mut Mouth, ear: &mut Ear, person: &str) {
    let began = Instant::now();
    for n in 0.. {
        assert!(began.elapsed() < LIMIT, "{person} is not found");
        let id = format!("seek{n}");
        let wish = json!({"type": "search", "id": id, "q": person});
        mouth.say(&wish.to_string()).await;
        let shown = async {
            loop {
                let frame: Value = serde_json::from_str(&ear.next().await).expect("JSON");
                let rows = frame["rows"].as_array().cloned().unwrap_or_default();
                if rows.iter().any(|row| row["nick"] == person) {
                    return;
                }
            }
        };
        if tokio::time::timeout(AGAIN, shown).await.is_ok() {
            return;
        }
    }
}

/// One node runs; a second one is started on the same network, with no settings. The clock goes from that start to the
/// moment its new user sees the first message: start, registration, mDNS, greeting, search, message.
async fn on_the_lan(scale: Scale, report: &mut Report) {
    let Some(mut world) = World::or_skip(LAN) else {
        report.skip(LAN);
        return;
    };
    let mut times = Vec::new();
    for round in 0..scale.meetings {
        let lan = world.segment(&format!("s{round}"));
        let mut hosts = Vec::new();
        for n in 1..=2 {
            let host = world.host(&format!("h{round}{n}"));
            let cable = world.plug(&host, &lan, &format!("10.77.0.{n}/24"));
            world.does(&host, &format!("route add default dev {cable}"));
            hosts.push(host);
        }
        let node = |name, host| TestNode::named(name).without_limits().inside(host);
        let mut one = node("one", &hosts[0]);
        one.up().await;
        let alice = one.registers("alice").await;
        let (mut mouth, mut ear) = open(alice.api.address, alice.token(), "").await;
        let started = Instant::now();
        let mut other = node("other", &hosts[1]);
        other.up().await;
        let bob = other.registers("bob").await;
        let (_quiet, mut heard) = open(bob.api.address, bob.token(), "").await;
        seek(&mut mouth, &mut ear, "bob").await;
        let chat = alice.opens_with(&bob.user_id).await;
        alice.sends(&chat, "hello").await;
        while !heard.next().await.contains("\"hello\"") {}
        times.push(ms(started.elapsed()));
    }
    report.add(Figure::new(LAN, quantile(&mut times, 0.5), "ms", Lower).must(MUST));
}

/// Nobody knows the node that comes; the clock goes from pasting the link to the first person of the community.
async fn by_a_link(scale: Scale, report: &mut Report) {
    let (_dom, founder) = closed("dom", "founder").await;
    let made = founder
        .api
        .post("/communities", &json!({"name": "Yard"}))
        .await;
    let yard = made.expect(201).json()["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = format!("/communities/{yard}/invites");
    let body = json!({"uses": 100, "days": 1});
    let made = founder.api.post(&path, &body).await.expect(201).json();
    let mut times = Vec::new();
    for round in 0..scale.meetings {
        let (_node, guest) = closed(&format!("guest{round}"), "guest").await;
        let (mut mouth, mut ear) = open(guest.api.address, guest.token(), "").await;
        let started = Instant::now();
        let link = json!({"link": made["link"]});
        guest.api.post("/communities/join", &link).await.expect(200);
        seek(&mut mouth, &mut ear, "founder").await;
        times.push(ms(started.elapsed()));
    }
    report.add(Figure::new(LINK, quantile(&mut times, 0.5), "ms", Lower).must(MUST));
}

/// A node that takes part in no community of all, and its owner.
async fn closed(name: &str, nick: &str) -> (TestNode, Person) {
    let mut node = TestNode::named(name).without_limits();
    node.up().await;
    let owner = node.registers(nick).await;
    let body = json!({"open": false});
    let answer = owner.api.call("PATCH", "/communities", Some(&body)).await;
    answer.expect(204);
    (node, owner)
}
