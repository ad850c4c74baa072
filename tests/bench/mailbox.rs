//! Mail left in a mailbox for a node that is away, and collected when it comes.

use std::time::{Duration, Instant};

use chater_tests::{Person, TestNode, linked, within};
use serde_json::Value;

use crate::Scale;
use crate::load::{flood, open};
use crate::measure::WINDOW;
use crate::report::Better::Lower;
use crate::report::{Figure, Report};

const LIMIT: Duration = Duration::from_secs(120);
const SETTINGS: &str = "[limits]\nmessages_per_s = 0\nmessages_burst = 0\nsearches_per_s = 0\nregistrations_per_h = 0\n[mail]\noffer = true\n";

/// The sender and the mailbox run; the other node is off while all is written, and the sender is off when
/// it comes. The clock stops between the two.
pub(crate) async fn all(scale: Scale, report: &mut Report) {
    let mut mailbox = TestNode::named("box").with_settings(SETTINGS);
    mailbox.up().await;
    let peer = mailbox.p2p();
    let node = |name| {
        TestNode::named(name)
            .without_limits()
            .with(&["--peer", &peer])
    };
    let (mut left, mut right) = (node("left"), node("right"));
    left.up().await;
    right.up().await;
    let (alice, bob) = (left.registers("alice").await, right.registers("bob").await);
    // The answer to a search is what brings them together.
    alice.finds(&bob).await;
    linked(&alice, &bob).await;
    let id = mailbox.node_id();
    within(LIMIT, "a mailbox", || async {
        let path = format!("/node/mail/mailboxes/{id}");
        bob.api.call("PUT", &path, None).await;
        let mail = bob.api.get("/node/mail").await.expect(200).json();
        (mail["mailboxes"][0]["state"] == "keeps").then_some(())
    })
    .await;
    let chat = alice.opens(&bob).await;
    let first = alice.sends(&chat, "hello").await;
    alice.sees_state(&chat, &first, "delivered").await;
    assert_eq!(right.down().await.code, Some(0));
    // A node that has just gone is waited for: not part of the figure.
    let probe = alice.sends(&chat, "are you there").await;
    lies(&alice, &chat, &probe).await;

    let (mut mouth, mut own) = open(alice.api.address, alice.token(), &chat).await;
    let started = Instant::now();
    flood(&mut mouth, &mut own, "mail", scale.away, WINDOW).await;
    let last = alice.newest(&chat).await.pop().expect("a message");
    lies(&alice, &chat, &last).await;
    let left_there = started.elapsed();
    assert_eq!(left.down().await.code, Some(0));

    let started = Instant::now();
    right.up().await;
    let last = format!("mail:{:08} ", scale.away - 1);
    let is = |message: &Value, start: &str| {
        let text = message["text"].as_str();
        text.is_some_and(|text| text.starts_with(start))
    };
    within(LIMIT, "the last message from the mailbox", || async {
        let newest = bob.newest(&chat).await;
        newest
            .iter()
            .any(|message| is(message, &last))
            .then_some(())
    })
    .await;
    let collected = started.elapsed();
    let there = bob.history(&chat).await;
    let came = there.iter().filter(|message| is(message, "mail:")).count();
    assert_eq!(came, scale.away, "all, each once");
    let name = "mailbox: 2,000 messages left there and collected";
    let both = left_there + collected;
    report.add(Figure::new(name, both.as_secs_f64(), "s", Lower).must(2.0));
    let name = "mailbox: of that until all lie there";
    report.add(Figure::new(name, left_there.as_secs_f64(), "s", Lower));
}

/// Waits until a message lies in a mailbox.
async fn lies(of: &Person, chat: &str, message: &Value) {
    let id = message["id"].as_str().expect("an id");
    let path = format!("/chats/{chat}/messages/{id}/path");
    within(LIMIT, "it lies in the mailbox", || async {
        let way = of.api.get(&path).await.expect(200).json();
        let mut hops = way["hops"].as_array().expect("hops").iter();
        hops.any(|hop| hop["mailboxes"][0]["node"].is_string())
            .then_some(())
    })
    .await;
}
