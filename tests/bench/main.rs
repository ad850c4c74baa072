//! The benchmark: two real release nodes on loopback, driven over the public API and sockets, beside the floor that the
//! same machine allows in the same run. `scripts/bench` builds and starts it.
//!
//! `--quick`: fewer messages. `--smoke`: just enough to see that every figure is measured and nothing is lost; no speed is
//! asked for. `--groups`: the figures of groups alone. `--json FILE`: the figures as a list of `{name, value, unit, better, must, aim}`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement stops at the first surprise and says which"
)]

mod crowd;
mod floor;
mod groups;
mod hostile;
mod large;
mod load;
mod mailbox;
mod measure;
mod meeting;
mod people;
mod report;

use report::Report;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Messages one by one.
    pub sequential: usize,
    /// Messages at once.
    pub pipelined: usize,
    /// Messages of a store that is started.
    pub stored: usize,
    /// Messages of a node that was away.
    pub away: usize,
    /// Messages of the short and of the long chat.
    pub short: usize,
    /// See `short`.
    pub long: usize,
    /// Nodes of which all are asked for people.
    pub islands: usize,
    /// How often.
    pub searches: usize,
    /// How often two nodes meet that have never met.
    pub meetings: usize,
    /// Nodes of one process.
    pub crowd: usize,
    /// Searches over all of them.
    pub asked: usize,
    /// Seconds of a flood.
    pub hostile: u64,
    /// How often the newest page is opened.
    pub pages: usize,
    /// Starts of each kind.
    pub starts: usize,
    /// Seconds of idling.
    pub idle: u64,
    /// Whether chats of two people are measured at all.
    pub conversations: bool,
    /// People on each of the two nodes of a group.
    pub each: usize,
    /// Messages one by one in a group.
    pub turns: usize,
    /// Messages at once in a group.
    pub burst: usize,
    /// How often.
    pub bursts: usize,
    /// Nodes of a group with one person on each.
    pub nodes: usize,
    /// Members of the largest group.
    pub members: usize,
    /// How often somebody comes into it and goes.
    pub acts: usize,
    /// Messages that a node which comes late has to take.
    pub history: usize,
    /// Groups of one node, to see its memory.
    pub groups: usize,
    /// Messages in them.
    pub grouped: usize,
}

const FULL: Scale = Scale {
    sequential: 2_000,
    pipelined: 5_000,
    stored: 100_000,
    away: 2_000,
    short: 1_000,
    long: 1_000_000,
    islands: 20,
    searches: 20,
    meetings: 5,
    crowd: 200,
    asked: 6,
    hostile: 20,
    pages: 200,
    starts: 5,
    idle: 20,
    conversations: true,
    each: 25,
    turns: 300,
    burst: 200,
    bursts: 5,
    nodes: 10,
    members: 1_000,
    acts: 20,
    history: 100_000,
    groups: 1_000,
    grouped: 1_000_000,
};
const QUICK: Scale = Scale {
    sequential: 500,
    pipelined: 5_000,
    stored: 20_000,
    away: 2_000,
    short: 1_000,
    long: 50_000,
    islands: 20,
    searches: 10,
    meetings: 3,
    crowd: 200,
    asked: 3,
    hostile: 10,
    pages: 200,
    starts: 5,
    idle: 20,
    conversations: true,
    each: 25,
    turns: 100,
    burst: 200,
    bursts: 5,
    nodes: 10,
    members: 1_000,
    acts: 10,
    history: 20_000,
    groups: 200,
    grouped: 50_000,
};

const SMOKE: Scale = Scale {
    sequential: 20,
    pipelined: 200,
    stored: 300,
    away: 200,
    short: 100,
    long: 300,
    islands: 3,
    searches: 2,
    meetings: 1,
    crowd: 6,
    asked: 1,
    hostile: 2,
    pages: 20,
    starts: 2,
    idle: 1,
    conversations: true,
    each: 2,
    turns: 5,
    burst: 20,
    bursts: 1,
    nodes: 3,
    members: 40,
    acts: 2,
    history: 450,
    groups: 5,
    grouped: 300,
};

fn main() {
    let mut scale = FULL;
    let (mut smoke, mut groups) = (false, false);
    let mut json = None;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--quick" => scale = QUICK,
            "--smoke" => (scale, smoke) = (SMOKE, true),
            "--groups" => groups = true,
            "--json" => json = Some(words.next().expect("--json FILE")),
            other => {
                println!(
                    "unknown option {other}; there are --quick, --smoke, --groups and --json FILE"
                );
                std::process::exit(1);
            }
        }
    }
    scale.conversations = !groups;
    if cfg!(debug_assertions) {
        println!("note: this is a debug build, its figures mean nothing");
    }
    println!(
        "limits of messages, searches and registrations are switched off on both nodes; {scale:?}"
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let report = runtime.block_on(async {
        let mut report = Report::default();
        measure::all(scale, &mut report).await;
        report
    });
    print!("{}", report.table());
    if let Some(path) = json {
        std::fs::write(&path, report.json()).unwrap_or_else(|error| panic!("{path}: {error}"));
        println!("figures written to {path}");
    }
    runtime.shutdown_background();
    if smoke && !groups {
        // A message that was lost has ended the run before: what is left is that nothing was left out.
        let wrong = report.wrong();
        assert!(wrong.is_empty(), "not measured: {}", wrong.join(", "));
        println!("smoke: every figure is there, nothing was lost");
    }
}
