//! A short run of the simulation; `scripts/simulate` runs the long one.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first wrong thing"
)]

#[path = "common/groups.rs"]
mod groups;
#[path = "common/naive.rs"]
mod naive;
#[path = "common/simulation.rs"]
mod simulation;

use simulation::{Held, people, run};

#[test]
fn nodes_agree_and_nobody_reads_too_much() {
    let people = people();
    for seed in 0..25 {
        let ran = run(&people, seed, Held::ALL);
        assert!(
            ran.is_ok(),
            "seed {seed}: {ran:?}; scripts/simulate --seed {seed} repeats it"
        );
    }
}
