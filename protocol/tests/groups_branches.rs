//! Hundreds of branches at one place of lane 0 (L7): which have a place, and that this depends on nothing but what names them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first wrong thing"
)]

#[path = "common/groups.rs"]
mod groups;
#[path = "common/story.rs"]
mod story;

use chater_protocol::chat::group::{Group, Outcome, Rank};
use chater_protocol::limits;
use chater_protocol::payload::Role;

use groups::{At, Event, NOW, Rng, Say, insert};
use story::{ADMIN, ADMIN_2, MEMBER, OWNER, Story, X};

/// So many first control events of one home, lowest id first.
fn branches(story: &Story, by: At, say: &Say, count: u64) -> Vec<Event> {
    let heads = story.heads();
    let event = |n| {
        let (ctl, ts) = (heads.clone(), NOW + 100_000 + n);
        story
            .people
            .event(story.group, by, None, ctl, ts, say.clone())
    };
    let mut all: Vec<Event> = (0..count).map(event).collect();
    all.sort_by_key(|event| event.id);
    all
}

/// Gives all to a group in this order; what it puts off comes again for as long as that helps.
fn take(group: &mut Group, events: &[Event]) -> usize {
    let mut left: Vec<&Event> = events.iter().collect();
    loop {
        let before = left.len();
        left.retain(|event| matches!(insert(group, event), Outcome::Later));
        if left.is_empty() || left.len() == before {
            return left.len();
        }
    }
}

/// L7: of branches that nothing names 240 have a place, and above that those of the two lowest ids, 256 in all.
#[test]
fn branches_that_nothing_names_are_bounded() {
    let story = Story::new('m');
    let all = branches(&story, At(X, 0), &Say::Leave(vec![]), 400);
    let kept = |order: &[Event]| {
        let mut group = Group::new(story.group);
        take(&mut group, &story.events);
        let put_off = take(&mut group, order);
        let kept = |event: &&Event| group.contains(&event.id);
        let kept: Vec<_> = all.iter().filter(kept).map(|event| event.id).collect();
        assert_eq!(kept.len() + put_off, all.len());
        kept
    };
    assert_eq!(kept(&all).len(), limits::BRANCHES_ANY);
    // Each is lower than all before it.
    let downwards: Vec<Event> = all.iter().rev().cloned().collect();
    assert_eq!(kept(&downwards).len(), limits::BRANCHES);
    for seed in 0..4 {
        let mut order = all.clone();
        Rng(seed).shuffle(&mut order);
        let kept = kept(&order);
        assert!((limits::BRANCHES_ANY..limits::BRANCHES).contains(&kept.len()));
        assert_eq!(
            kept[..2],
            [all[0].id, all[1].id],
            "nodes tell each other of these"
        );
    }
}

/// L7: an admin forks its first act hundreds of times. Another admin has seen one of the branches, and acts on; the owner's
/// cut picks another, and somebody who was brought in by that one has written since. Whatever came first, all of this
/// counts everywhere.
#[test]
fn a_branch_that_an_event_names_has_its_place() {
    let mut story = Story::new('-');
    let say = Say::Add(X, Role::Member);
    let all = branches(&story, At(ADMIN, 0), &say, 300);
    let (seen, picked) = (&all[298], &all[299]);
    let heads = story.heads();
    let add = Say::Add(MEMBER, Role::Member);
    story.write(At(ADMIN_2, 0), [&heads[..], &[seen.id]].concat(), add);
    let leave = Say::Leave(vec![]);
    story.write(At(X, 0), [&heads[..], &[picked.id]].concat(), leave);
    let heads = story.heads();
    let cut = vec![picked.row()];
    story.write(At(OWNER, 0), heads, Say::Remove(ADMIN, cut));
    let named = story.events.split_off(story.events.len() - 3);

    let upwards = all.clone();
    let downwards: Vec<Event> = all.iter().rev().cloned().collect();
    let (first, last) = ([&named[..], &all].concat(), [&upwards[..], &named].concat());
    let mut orders = vec![first, last, [&downwards[..], &named].concat()];
    for seed in 0..5 {
        let mut order = [&all[..], &named].concat();
        Rng(seed).shuffle(&mut order);
        orders.push(order);
    }
    let mut states = Vec::new();
    for (n, order) in orders.iter().enumerate() {
        let mut group = Group::new(story.group);
        take(&mut group, &story.events);
        take(&mut group, order);
        for event in named.iter().chain([seen, picked]) {
            assert!(group.contains(&event.id), "order {n}");
        }
        assert_eq!(group.is_valid(&picked.id), Some(true), "order {n}");
        assert_eq!(group.rank(&story.people.user(ADMIN)), None);
        assert_eq!(group.rank(&story.people.user(X)), None, "it left");
        assert_eq!(
            group.rank(&story.people.user(ADMIN_2)),
            Some(Rank::Admin),
            "order {n}"
        );
        states.push((groups::seen(story.people, &group), group.control_rows()));
    }
    assert!(states.iter().all(|state| *state == states[0]));
}
