//! Many whole nodes in one process, for the benchmark: each is linked with eight others, and somebody of each is looked for.
//!
//! `crowd NODES SEARCHES`: prints lines of a name and a number. Everything is real but the distance: the engines meet over
//! loopback. Bytes are those of its loopback interface, so they are its own alone in a network namespace.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a tool of tests stops at the first surprise"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chater_engine::{Config, Engine, NewUser, NodeKey, SessionKind, UserHandle};

/// Who is dialled by the node at a place: those so far behind it. With those that dial it, that makes eight.
const STEPS: [usize; 4] = [1, 7, 31, 83];
/// Longer than this nothing may take.
const LIMIT: Duration = Duration::from_secs(240);
/// Gossip has made its mesh by then.
const SETTLE: Duration = Duration::from_secs(5);
/// Between two searches: what the last one has begun is over.
const QUIET: Duration = Duration::from_secs(3);

fn main() {
    let words: Vec<usize> = std::env::args()
        .skip(1)
        .flat_map(|word| word.parse())
        .collect();
    let [nodes, searches] = words[..] else {
        println!("crowd NODES SEARCHES");
        std::process::exit(1);
    };
    let folder = std::env::temp_dir().join(format!("chater-crowd-{}", std::process::id()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let told = runtime.block_on(async {
        let life = run(&folder, nodes, searches);
        tokio::time::timeout(LIMIT, life).await
    });
    runtime.shutdown_background();
    let _ = std::fs::remove_dir_all(&folder);
    assert!(told.is_ok(), "not within {LIMIT:?}");
}

async fn start(folder: &std::path::Path, at: usize) -> (Engine, UserHandle) {
    let name = format!("n{at}");
    let data_dir: PathBuf = folder.join(&name);
    std::fs::create_dir_all(&data_dir).unwrap();
    let mut key = [9; 32];
    for (to, from) in key.iter_mut().zip(at.to_be_bytes()) {
        *to = from;
    }
    let engine = Engine::start(Config::alone(data_dir, NodeKey::new(key), &name))
        .await
        .unwrap();
    let new = NewUser {
        nick: format!("person{at}"),
        password: "correct horse battery".to_owned(),
        invite: None,
        device: String::new(),
        here: true,
        from: [127, 0, 0, 1].into(),
        language: None,
        time_zone: None,
    };
    let user = engine.register(new, SessionKind::Token).await.unwrap().user;
    (engine, user)
}

async fn run(folder: &std::path::Path, nodes: usize, searches: usize) {
    let began = Instant::now();
    let mut crowd = Vec::new();
    for at in 0..nodes {
        crowd.push(start(folder, at).await);
    }
    let steps: BTreeSet<usize> = STEPS.iter().map(|step| step % nodes).collect();
    for (at, (engine, _)) in crowd.iter().enumerate() {
        for step in steps.iter().filter(|step| **step > 0) {
            let other = crowd.iter().cycle().nth(at + step).unwrap();
            let address = other.0.node().addresses.first().unwrap().clone();
            engine.add_peer(&address).await.unwrap();
        }
    }
    while crowd.iter().any(|(engine, _)| engine.links().1) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("started_s {}", began.elapsed().as_secs_f64());
    let links: usize = crowd.iter().map(|(engine, _)| engine.links().0).sum();
    println!("links {}", links / nodes);
    tokio::time::sleep(SETTLE).await;

    // What goes on without any search.
    let before = bytes();
    tokio::time::sleep(QUIET).await;
    let idle = (bytes() - before) / QUIET.as_secs_f64();
    println!("idle_bytes_per_s_and_node {}", idle / count(nodes));
    for round in 0..searches {
        // Each time somebody else, whom most of the others are no neighbours of.
        let (engine, asker) = crowd.get(round * 17 % nodes).unwrap();
        let (from, started) = (bytes(), Instant::now());
        let mut answers = asker.search("person").await.unwrap();
        let (mut answered, mut last) = (BTreeSet::new(), Duration::ZERO);
        while let Some(answer) = answers.recv().await {
            if let Some(node) = answer.from
                && !answer.rows.is_empty()
                && answered.insert(node)
            {
                last = started.elapsed();
            }
            if answer.done {
                break;
            }
        }
        tokio::time::sleep(QUIET).await;
        let spent = (bytes() - from - idle * started.elapsed().as_secs_f64()).max(0.0);
        // Of those that answered too late for the search some have come all the same.
        println!("asker_links {}", engine.links().0);
        println!("last_ms {}", last.as_secs_f64() * 1_000.0);
        println!("share {}", count(answered.len()) / count(nodes - 1) * 100.0);
        println!("bytes_per_node {}", spent / count(nodes));
    }
    for (engine, _) in &crowd {
        engine.stop().await;
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn count(many: usize) -> f64 {
    many as f64
}

/// What the loopback interface has carried.
fn bytes() -> f64 {
    let all = std::fs::read_to_string("/proc/net/dev").unwrap();
    let own = all.lines().find_map(|line| line.trim().strip_prefix("lo:"));
    let first = own.and_then(|line| line.split_whitespace().next());
    first.and_then(|bytes| bytes.parse().ok()).unwrap_or(0.0)
}
