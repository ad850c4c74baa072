//! Several nodes with people who know each other, and the groups they make.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::node::{TestNode, linked};
use crate::person::Person;

/// Nodes that all know each other, two people on each: `one0`, `one1`, `two0` ...
///
/// # Panics
/// A node does not start.
pub async fn village(names: &[&str]) -> (Vec<TestNode>, Vec<Person>) {
    let (mut nodes, mut people): (Vec<TestNode>, Vec<Person>) = (Vec::new(), Vec::new());
    for name in names {
        let mut node = TestNode::named(name).without_limits();
        for other in &nodes {
            node = node.with(&["--peer", &other.p2p()]);
        }
        node.up().await;
        for n in 0..2 {
            people.push(node.registers(&format!("{name}{n}")).await);
        }
        for one in people.iter().step_by(2).take(nodes.len()) {
            linked(one, people.last().expect("a person")).await;
        }
        nodes.push(node);
    }
    (nodes, people)
}

/// Makes a group; gives its id.
///
/// # Panics
/// It is refused.
pub async fn founds(owner: &Person, title: &str, members: &[&Person]) -> String {
    // The owner must know whom the group names.
    let named: Vec<&str> = members.iter().map(|one| one.address.as_str()).collect();
    let body = json!({"title": title, "members": named});
    let made = owner.api.post("/chats", &body).await.expect(201).json();
    made["id"].as_str().expect("an id").to_owned()
}

/// Texts of a whole chat as somebody has them, oldest first; empty while the chat is not there.
pub async fn texts(of: &Person, chat: &str) -> Vec<String> {
    let answer = of.api.get(&format!("/chats/{chat}/messages?limit=1")).await;
    if answer.status != 200 {
        return Vec::new();
    }
    let text = |message: &Value| message["text"].as_str().map(str::to_owned);
    of.history(chat).await.iter().filter_map(text).collect()
}

/// Members of a group and their roles as somebody sees them; empty while the group is not there.
///
/// # Panics
/// The answer has another form.
pub async fn members(of: &Person, chat: &str) -> BTreeSet<(String, String)> {
    let answer = of.api.get(&format!("/chats/{chat}/members")).await;
    if answer.status != 200 {
        return BTreeSet::new();
    }
    let all = answer.json()["members"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let row = |member: &Value| {
        let text = |key: &str| member[key].as_str().expect("a text").to_owned();
        (text("user_id"), text("role"))
    };
    all.iter().map(row).collect()
}
