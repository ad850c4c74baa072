//! Looking for people over many nodes, and looking for them again.

use std::time::Instant;

use serde_json::{Value, json};

use crate::Scale;
use crate::floor::{ms, quantile};
use crate::groups::village;
use crate::load::{Ear, open};
use crate::report::Better::Lower;
use crate::report::{Figure, Report};

/// When the first person of another node was shown, when those of all nodes, in ms.
struct Times {
    first: f64,
    all: f64,
}

/// Somebody of every node is looked for, under names that nobody has asked for before; then the same once more.
pub(crate) async fn all(scale: Scale, report: &mut Report) {
    let (nodes, people) = village(scale.islands, 1).await;
    let (mut first, mut every, mut again) = (Vec::new(), Vec::new(), Vec::new());
    let me = &people[0];
    // No chat is open: the frames of a search are all that comes.
    let (mut mouth, mut ear) = open(me.api.address, me.token(), "").await;
    for round in 0..scale.searches {
        let name = format!("round{round}x");
        for (at, node) in nodes.iter().enumerate() {
            node.registers(&format!("{name}{at}")).await;
        }
        let started = Instant::now();
        mouth.say(&wish("search", &name)).await;
        let times = found(&mut ear, &name, started, nodes.len()).await;
        first.push(times.first);
        every.push(times.all);
        // What was found is here now: the first frame shows all of it.
        let started = Instant::now();
        mouth.say(&wish("search", &name)).await;
        loop {
            let rows = answer(&mut ear, &name).await;
            if rows["from"] == "here" {
                assert_eq!(many(&rows), nodes.len(), "all are remembered");
                break;
            }
        }
        again.push(ms(started.elapsed()));
        mouth.say(&wish("stop", &name)).await;
    }
    for (name, times, must) in [
        ("people over 20 nodes: first answer p50", &mut first, 15.0),
        ("people over 20 nodes: all answers p50", &mut every, 50.0),
        ("people over 20 nodes: asked again p50", &mut again, 2.0),
    ] {
        report.add(Figure::new(name, quantile(times, 0.5), "ms", Lower).must(must));
    }
}

fn wish(kind: &str, name: &str) -> String {
    json!({"type": kind, "id": name, "q": name}).to_string()
}

/// The next frame of this search.
async fn answer(ear: &mut Ear, name: &str) -> Value {
    loop {
        let frame: Value = serde_json::from_str(&ear.next().await).expect("JSON");
        assert_ne!(frame["type"], "error", "refused: {frame}");
        if frame["type"] == "people" && frame["id"] == name {
            return frame;
        }
    }
}

fn many(frame: &Value) -> usize {
    frame["rows"].as_array().map_or(0, Vec::len)
}

/// Hears the answers until one of each node has come.
async fn found(ear: &mut Ear, name: &str, started: Instant, nodes: usize) -> Times {
    let (mut first, mut heard) = (None, 0);
    loop {
        let frame = answer(ear, name).await;
        heard += many(&frame);
        if frame["from"] != "here" && many(&frame) > 0 {
            first.get_or_insert_with(|| ms(started.elapsed()));
        }
        if let Some(first) = first
            && heard >= nodes
        {
            let all = ms(started.elapsed());
            return Times { first, all };
        }
    }
}
