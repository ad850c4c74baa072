//! The rules of groups against a naive model written from their text, over random histories (M, I8, L7).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first wrong thing"
)]

#[path = "common/groups.rs"]
mod groups;
#[path = "common/history.rs"]
mod history;
#[path = "common/naive.rs"]
mod naive;

use chater_protocol::chat::group::{Group, Rules};
use chater_protocol::id::EventId;

use groups::{Event, People, Rng, Seen, insert, seen};
use history::{HOMES, Manner, USERS, history};
use naive::Naive;

fn fold(
    people: &People,
    group: chater_protocol::id::ChatId,
    events: &[Event],
    rules: Rules,
) -> Seen {
    let mut state = Group::with_rules(group, rules);
    for event in events {
        insert(&mut state, event);
    }
    seen(people, &state)
}

fn manner(seed: u64) -> Manner {
    Manner {
        events: 12 + (seed as usize * 7) % 37,
        hostile: [0, 30, 60, 90][(seed / 2) as usize % 4],
        open: seed % 2 == 0,
    }
}

fn count(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(default)
}

/// Equal state in any order of arrival, and the state that the text of the rules gives.
#[test]
fn random_histories_come_to_what_the_rules_say() {
    let people = People::new(USERS, HOMES);
    let (from, seeds) = (count("CHATER_SEED", 0), count("CHATER_SEEDS", 400));
    for seed in from..from + seeds {
        let mut all = history(&people, seed, manner(seed));
        let group = all.group;
        let expected = Naive::new(&people, EventId(group.0), &all.events).seen(USERS);
        let mut rng = Rng(seed);
        for turn in 0..3 {
            let got = fold(&people, group, &all.events, Rules::ALL);
            assert_eq!(
                got, expected,
                "seed {seed}, order {turn}; CHATER_SEED={seed} CHATER_SEEDS=1 repeats it"
            );
            rng.shuffle(&mut all.events);
        }
    }
}

/// Every switch matters: with it off some history comes to another state.
#[test]
fn each_rule_decides_some_history() {
    let people = People::new(USERS, HOMES);
    let mut missing: Vec<(&str, Rules)> = Rules::each_without();
    for seed in 0..count("CHATER_SEEDS", 600) {
        let mut all = history(&people, seed, manner(seed));
        Rng(seed).shuffle(&mut all.events);
        let right = fold(&people, all.group, &all.events, Rules::ALL);
        missing.retain(|(_, rules)| fold(&people, all.group, &all.events, *rules) == right);
    }
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    assert!(names.is_empty(), "never decided anything: {names:?}");
}
