//! A search over many nodes in one process (tool `crowd` of the engine): what it costs each, who answers, and when the last.

use std::process::{Command, Stdio};

use chater_tests::World;

use crate::Scale;
use crate::floor::quantile;
use crate::large::example;
use crate::report::Better::{Higher, Lower};
use crate::report::{Figure, Report};

const BYTES: &str = "200 nodes: bytes per search and node";
const SHARE: &str = "200 nodes: share that answers";
const LAST: &str = "200 nodes: last answer p99";

pub(crate) async fn all(scale: Scale, report: &mut Report) {
    // A loopback of its own, where that can be had: what others send over it is not counted then.
    let mut world = World::new().ok();
    let host = world.as_mut().map(|world| world.host("crowd"));
    let mut command = match &host {
        Some(host) => {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", host]).arg(example("crowd"));
            command
        }
        None => Command::new(example("crowd")),
    };
    command.args([scale.crowd.to_string(), scale.asked.to_string()]);
    // It ends by itself, after its own limit at the latest.
    let run = tokio::task::spawn_blocking(move || {
        command
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
    });
    let output = run.await.expect("no panic").expect("the example crowd");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    let of = |name: &str| -> Vec<f64> {
        let rows = said.lines().filter_map(|line| line.split_once(' '));
        rows.filter(|(row, _)| *row == name)
            .filter_map(|(_, value)| value.parse().ok())
            .collect()
    };
    println!(
        "  crowd: {} nodes, {} searches, {:?} links each, started in {:?} s",
        scale.crowd,
        scale.asked,
        of("links"),
        of("started_s")
    );
    let (mut bytes, mut share, mut last) = (of("bytes_per_node"), of("share"), of("last_ms"));
    report.add(Figure::new(BYTES, quantile(&mut bytes, 0.5), "B", Lower).must(40_000.0));
    report.add(Figure::new(SHARE, quantile(&mut share, 0.0), "%", Higher).must(95.0));
    report.add(Figure::new(LAST, quantile(&mut last, 0.99), "ms", Lower).must(4_000.0));
}
