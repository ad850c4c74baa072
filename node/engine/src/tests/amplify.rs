#![allow(clippy::print_stdout, reason = "a test tells what it measured")]
//! What one query costs others: every node answers it once, to who has asked, with little more than was asked; asked again it
//! costs nothing, and who asks without end is heard so many times a second.

use std::collections::BTreeSet;

use chater_network::Topic;
use chater_protocol::community::{Channel, Community};
use chater_protocol::id::{Bytes, NodeId};
use chater_protocol::identity::NodeCard;
use chater_protocol::key::SigningKey;
use chater_protocol::limits;
use chater_protocol::wire::{Message as _, PeopleQuery};

use super::hostile::Hostile;
use super::*;
use crate::actor::now_ms;
use crate::shared::SystemRandom;

const NODES: usize = 4;
/// Answer over query, of one node that finds one person.
const TIMES: usize = 10;
/// Queries of one node that are answered at once, and a second.
const BURST: usize = 25;
const RATE: f64 = 5.0;

fn topic() -> Topic {
    Topic(Community::open().topic(Channel::People))
}

/// The seed of the node that asks.
const SEED: u8 = 60;

fn query(asker: &Hostile, id: [u8; 16]) -> Vec<u8> {
    let card = NodeCard {
        v: 1,
        node: asker.node,
        name: "asker".into(),
        addrs: asker.addresses(),
        mailboxes: Vec::new(),
        caps: 0,
        ts: 1,
    };
    let query = PeopleQuery {
        id: Bytes(id),
        text: "person".into(),
        asker: card.sign(&SigningKey::from_seed(&[SEED; 32])),
        ts: now_ms(),
    };
    Community::open().seal(Channel::People, &query.encode(), &mut SystemRandom)
}

/// Frames of gossip that a node has passed on.
fn passed(engine: &Engine) -> u64 {
    let meters = engine.shared().network.meters().into_iter();
    let mut rows = meters.filter(|row| row.name == "chater_gossip_frames_total");
    let row = rows.find(|row| row.labels.contains("accepted"));
    row.map_or(0, |row| row.value)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_costs_others_one_answer_each() {
    let folders: Vec<Folder> = (0..NODES).map(|_| Folder::new()).collect();
    let mut engines = Vec::new();
    for (n, folder) in folders.iter().enumerate() {
        let engine = start(folder, &format!("n{n}")).await;
        user(&engine, &format!("person{n}")).await;
        for other in &engines {
            link(&engine, other).await;
        }
        engines.push(engine);
    }
    let asker = Hostile::at(&engines[0], SEED).await;
    asker.joins(topic());
    let told = || asker.told.lock().unwrap().clone();
    // The first ones may come before its neighbour has heard that it takes part.
    let began = Instant::now();
    let mut tries = 0_u8;
    while told().is_empty() {
        assert!(began.elapsed() < PATIENCE, "nobody answers");
        tries += 1;
        asker.publishes(topic(), query(&asker, [tries; 16]));
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    // All of them can be reached by now.
    until("all have answered", || {
        let all: BTreeSet<NodeId> = told().into_iter().map(|(node, _)| node).collect();
        all.len() == NODES
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;

    asker.told.lock().unwrap().clear();
    let before: Vec<u64> = engines.iter().map(passed).collect();
    let frame = query(&asker, [200; 16]);
    asker.publishes(topic(), frame.clone());
    until("answered once more", || told().len() >= NODES).await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    let answers = told();
    let nodes: BTreeSet<NodeId> = answers.iter().map(|(node, _)| *node).collect();
    assert_eq!((answers.len(), nodes.len()), (NODES, NODES), "one each");
    let most = answers.iter().map(|(_, bytes)| *bytes).max().unwrap();
    println!("asked by {} bytes, answered by {most} at most", frame.len());
    assert!(most <= frame.len() * TIMES && most <= limits::PEOPLE);
    let after: Vec<u64> = engines.iter().map(passed).collect();
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(after - before, 1, "passed on once by each");
    }

    // The same under other seals is neither answered nor passed on.
    for _ in 0..40 {
        asker.publishes(topic(), query(&asker, [200; 16]));
    }
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(told().len(), NODES);
    assert_eq!(after, engines.iter().map(passed).collect::<Vec<_>>());

    // Without end: so many at once and a second, whoever they would be answered by.
    asker.told.lock().unwrap().clear();
    let began = Instant::now();
    for n in 0..=u8::MAX {
        let mut id = [201; 16];
        id[0] = n;
        asker.publishes(topic(), query(&asker, id));
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few seconds"
    )]
    let heard = BURST + (began.elapsed().as_secs_f64() * RATE) as usize + 1;
    let answers = told().len();
    println!("256 queries: {answers} answers of {NODES} nodes");
    assert!((NODES..=heard * NODES).contains(&answers), "{answers}");
    for (before, engine) in after.iter().zip(&engines) {
        assert!(passed(engine) - before <= heard as u64);
    }
    for engine in engines {
        stop(engine).await;
    }
}
