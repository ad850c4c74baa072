//! Forks of keys and messages (L7, lanes 1 and 2) against a naive model, over random histories whose cuts name
//! what was written there.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first wrong thing"
)]

#[path = "common/groups.rs"]
mod groups;
#[path = "common/history.rs"]
mod history;
#[path = "common/lanes.rs"]
mod lanes;
#[path = "common/naive.rs"]
mod naive;

use std::collections::{BTreeMap, BTreeSet};

use chater_protocol::chat::group::{Branches, FeedEvent, Group, Judgement, Part};
use chater_protocol::event::Feed;
use chater_protocol::id::EventId;

use groups::{At, Event, People, Rng, insert};
use history::{HOMES, Manner, Note, USERS, history};
use lanes::Lane;
use naive::Naive;

fn manner(seed: u64) -> Manner {
    Manner {
        events: 12 + (seed as usize * 7) % 25,
        hostile: [30, 60, 90][seed as usize % 3],
        open: seed.is_multiple_of(2),
        notes: 4,
    }
}

fn count(name: &str, default: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// M6, L7, S5: who is live, which part of its feed each event is in, and where the feed ends. What is dead to its
/// end is refused by those who know that already: with it or without, all see the same.
#[test]
fn forks_of_keys_and_messages_come_to_what_the_rules_say() {
    let people = People::new(USERS, HOMES);
    let (from, seeds) = (count("CHATER_SEED", 0), count("CHATER_SEEDS", 200));
    let mut met: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in from..from + seeds {
        let told = format!("CHATER_SEED={seed} CHATER_SEEDS=1 repeats it");
        let mut rng = Rng(seed);
        let all = history(&people, seed, manner(seed));
        let naive = Naive::new(&people, EventId(all.group.0), &all.events);
        let mut group = Group::new(all.group);
        all.events.iter().for_each(|e| drop(insert(&mut group, e)));
        let taken: BTreeSet<EventId> = naive.taken().into_iter().collect();
        let valid = all.events.iter();
        let valid = valid.filter(|e| taken.contains(&e.id) && naive.valid(e.id));
        let valid: Vec<&Event> = valid.collect();
        let mut feeds: BTreeMap<(At, u8), Vec<Note>> = BTreeMap::new();
        for note in all.notes {
            let waits = note.header.ctl.iter().any(|id| !taken.contains(id));
            let judged = group.judge(note.id, &note.header);
            assert_eq!(matches!(judged, Judgement::Waits(_)), waits, "{told}");
            // What waits, or follows it, is not here; nor is what nobody keeps (M1).
            let feed = feeds.entry((note.by, note.header.lane)).or_default();
            let below = note.header.prev;
            let joined = below.is_zero() || feed.iter().any(|n| n.id == below);
            if !waits && joined && judged != Judgement::Refused {
                feed.push(note);
            }
        }
        for (at, mut notes) in feeds {
            let (by, lane) = at;
            rng.shuffle(&mut notes);
            let of = Lane::new(&people, &naive, &valid, at, notes.iter());
            let (user, home) = (people.user(by.0), people.home(by));
            let picks = group.picks(&user, home, lane);
            let held: Vec<FeedEvent> = notes.iter().map(|n| held(&group, n)).collect();
            let feed = Feed {
                group: all.group,
                author: user,
                home,
                lane,
            };
            let branches = Branches::of(held.iter().copied(), &picks);
            let row = branches.row(&feed);
            assert_eq!(row.as_ref().map(|row| row.id), of.row(), "{told}");
            for note in &notes {
                let live = held.iter().any(|e| e.id == note.id && e.live);
                assert_eq!(live, lanes::is_live(&naive, note), "{told}");
                let part = branches.part(&note.id);
                assert_eq!(part, of.part(note.id), "{told}");
                let name = match part {
                    Part::Whole if branches.fork().is_some_and(|at| note.header.seq >= at) => {
                        "picked"
                    }
                    Part::Whole => "whole",
                    Part::Doubtful if branches.tip().is_some() => "above a cut",
                    Part::Doubtful => "doubtful",
                    Part::Hidden => "hidden",
                    Part::Lost if live => "lost",
                    Part::Lost => "dead",
                };
                *met.entry(name).or_default() += 1;
            }
            let kept = held.iter().copied().filter(|e| of.holds(e.id));
            let without = Branches::of(kept.clone(), &picks);
            assert_eq!(without.row(&feed), row, "{told}");
            for event in kept {
                assert_eq!(without.part(&event.id), branches.part(&event.id), "{told}");
            }
        }
    }
    // Every part is met often.
    assert!(
        seeds < 100 || (met.len() == 7 && met.values().all(|n| *n > 20)),
        "{met:?}"
    );
}

fn held(group: &Group, note: &Note) -> FeedEvent {
    FeedEvent {
        seq: note.header.seq,
        id: note.id,
        prev: note.header.prev,
        live: group.judge(note.id, &note.header) == Judgement::Live,
    }
}
