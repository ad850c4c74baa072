//! Simulates groups on many nodes in memory: `scripts/simulate --help`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool for people: it prints, and --hours needs a clock"
)]

#[path = "../tests/common/groups.rs"]
mod groups;
#[path = "../tests/common/naive.rs"]
mod naive;
#[path = "../tests/common/simulation.rs"]
mod simulation;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use simulation::{Counts, Held, people, run};

fn main() -> ExitCode {
    let (mut seeds, mut from, mut without, mut hours) = (100u64, 0u64, false, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || {
            words
                .next()
                .and_then(|n| n.parse::<f64>().ok())
                .unwrap_or(1.0)
        };
        match word.as_str() {
            "--seeds" => seeds = number() as u64,
            "--seed" => (from, seeds) = (number() as u64, 1),
            "--hours" => hours = Some(Duration::from_secs_f64(number() * 3600.0)),
            "--without-rules" => without = true,
            _ => {
                println!("unknown option {word}");
                return ExitCode::FAILURE;
            }
        }
    }
    if without {
        return without_rules(from, seeds);
    }
    let people = people();
    let start = Instant::now();
    let mut all = Counts::default();
    let mut seed = from;
    while hours.map_or(seed < from + seeds, |hours| start.elapsed() < hours) {
        match run(&people, seed, Held::ALL) {
            Ok(one) => {
                all.controls += one.controls;
                all.keys += one.keys;
                all.messages += one.messages;
                all.dead += one.dead;
            }
            Err(why) => {
                println!("RED: seed {seed}: {why}. scripts/simulate --seed {seed} repeats it");
                return ExitCode::FAILURE;
            }
        }
        seed += 1;
    }
    println!(
        "green: {} histories, {} control events, {} keys, {} messages ({} of keys and messages dead)",
        seed - from,
        all.controls,
        all.keys,
        all.messages,
        all.dead
    );
    ExitCode::SUCCESS
}

/// Each rule off in turn must turn some run red.
fn without_rules(from: u64, seeds: u64) -> ExitCode {
    let people = people();
    let mut idle = 0;
    for (name, held) in Held::each_without() {
        let found =
            (from..from + seeds).find_map(|seed| Some((seed, run(&people, seed, held).err()?)));
        if let Some((seed, why)) = found {
            let why = why.lines().next().unwrap_or_default();
            println!("red   without {name}: seed {seed}: {why}");
        } else {
            idle += 1;
            println!("GREEN without {name}: {seeds} seeds did not notice");
        }
    }
    if idle == 0 {
        println!("every rule is needed");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
