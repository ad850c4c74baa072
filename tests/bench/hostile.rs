//! Nodes that mean no good, beside two people who talk.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Scale;
use crate::floor::{ms, quantile};
use crate::large::example;
use crate::load::{memory_mib, open};
use crate::measure::Pair;
use crate::report::Better::Lower;
use crate::report::{Figure, Report};

/// Between two messages of somebody who types.
const PAUSE: Duration = Duration::from_millis(50);
/// Hostile nodes.
const PEERS: &str = "10";

/// How long an honest message takes, and how much memory the node needs, while ten nodes send it what they can.
pub(crate) async fn all(scale: Scale, report: &mut Report) {
    let pair = Pair::start().await;
    let [alice, bob] = &pair.people;
    let (mut mouth, mut own) = open(alice.api.address, alice.token(), &pair.chat).await;
    let (_quiet, mut ear) = open(bob.api.address, bob.token(), &pair.chat).await;
    let drain = tokio::spawn(async move { own.drain().await });
    let pid = pair.nodes[0].pid();
    let before = memory_mib(pid);
    // It ends by itself after its seconds.
    let mut flood = Command::new(example("flood"))
        .args([PEERS, &scale.hostile.to_string(), &pair.nodes[0].p2p()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the example flood");
    let (mut times, mut memory): (Vec<f64>, f64) = (Vec::new(), before);
    let mut n = 0;
    while flood.try_wait().expect("a process").is_none() {
        let started = Instant::now();
        mouth.send("calm", n).await;
        ear.hears("message", &format!("calm:{n:08} ")).await;
        times.push(ms(started.elapsed()));
        memory = memory.max(memory_mib(pid));
        n += 1;
        tokio::time::sleep(PAUSE).await;
    }
    let said = flood.wait_with_output().expect("its last line");
    println!("  flood: {}", String::from_utf8_lossy(&said.stdout).trim());
    drain.abort();
    report.add(
        Figure::new(
            "ten hostile nodes: honest message p99",
            quantile(&mut times, 0.99),
            "ms",
            Lower,
        )
        .must(2_000.0),
    );
    report.add(
        Figure::new(
            "ten hostile nodes: memory grows by",
            memory - before,
            "MiB",
            Lower,
        )
        .must(128.0),
    );
}
