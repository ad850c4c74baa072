//! What the rules cost in a large group: `cargo test --release -p chater-protocol --test groups_speed -- --ignored --nocapture`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it measures and prints"
)]

#[path = "common/groups.rs"]
mod groups;

use std::hint::black_box;
use std::time::Instant;

use chater_protocol::chat::group::Group;
use chater_protocol::event::Kind;
use chater_protocol::id::{ChatId, EventId};
use chater_protocol::payload::Role;

use groups::{At, Event, NOW, People, Say, insert, policy};

const MEMBERS: u8 = 250;

/// 1,000 members would need 1,000 keys of `People`: users beyond 250 are raw ids.
fn large(people: &People, open: bool) -> (ChatId, Vec<Event>) {
    let create = Say::Create(policy(u8::from(open)));
    let create = people.event(ChatId::default(), At(0, 0), None, vec![], NOW, create);
    let group = ChatId(create.id.0);
    let mut all = vec![create];
    let mut last: std::collections::BTreeMap<At, usize> = [(At(0, 0), 0)].into();
    let mut write = |by: At, say: Say, apart: usize| {
        let prev = last.get(&by).map(|i| all[*i].clone());
        let ctl: Vec<EventId> = all.iter().rev().skip(apart).take(2).map(|e| e.id).collect();
        let event = people.event(group, by, prev.as_ref(), ctl, NOW + all.len() as u64, say);
        last.insert(by, all.len());
        all.push(event);
    };
    for n in 1..=10 {
        write(At(0, 0), Say::Add(n, Role::Admin), 0);
    }
    for i in 0..1_000u64 {
        let mut user = [0xee; 32];
        user[..8].copy_from_slice(&i.to_be_bytes());
        let add = chater_protocol::payload::Add {
            user: chater_protocol::id::UserId(user),
            role: Role::Member,
            by_link: false,
        };
        let add = chater_protocol::payload::Payload::encode(&add);
        write(
            At(1 + (i % 10) as u8, 0),
            Say::Raw(Kind::ADD, add),
            (i % 3) as usize,
        );
    }
    for n in 11..MEMBERS {
        write(At(1 + n % 10, 0), Say::Add(n, Role::Member), 0);
        write(At(n, 0), Say::Leave(vec![]), 0);
        write(At(1 + n % 10, 0), Say::Add(n, Role::Member), 1);
        write(At(1 + n % 10, 0), Say::Remove(n, vec![]), 0);
    }
    (group, all)
}

#[test]
#[ignore = "a measurement"]
fn speed_of_a_large_group() {
    let people = People::new(MEMBERS, 2);
    for open in [false, true] {
        let (id, all) = large(&people, open);
        let (first, rest) = all.split_at(all.len() - 100);
        let mut group = Group::new(id);
        let start = Instant::now();
        first.iter().for_each(|e| drop(insert(&mut group, e)));
        let loaded = start.elapsed() / u32::try_from(first.len()).unwrap();
        black_box(group.members().count());
        let start = Instant::now();
        for event in rest {
            insert(&mut group, event);
            black_box(group.rank(&people.user(200)));
        }
        let one = start.elapsed() / 100;
        let members = group.members().count();
        let ctl = group.seat(&people.user(1), people.home(At(1, 0))).ctl();
        let messages: Vec<_> = (0..1_000)
            .map(|seq| {
                people.message(
                    id,
                    At(1, 0),
                    (2, Kind::MSG),
                    (seq, EventId::default()),
                    ctl.clone(),
                    NOW,
                )
            })
            .collect();
        let start = Instant::now();
        for (id, header) in &messages {
            black_box(group.judge(*id, header));
        }
        let judged = start.elapsed() / 1_000;
        let start = Instant::now();
        black_box(group.seat(&people.user(1), people.home(At(1, 0))).ctl());
        let seat = start.elapsed();
        let start = Instant::now();
        black_box(group.control_rows());
        let rows = start.elapsed();
        println!(
            "members may add: {open}; {} events, {members} members: load {loaded:?} an event, insert and read {one:?}, judge {judged:?}, seat {seat:?}, rows {rows:?}",
            all.len()
        );
    }
}

/// One hostile member who leaves 1,000 times, from three homes; and one who forks 256 times.
#[test]
#[ignore = "a measurement"]
fn speed_under_attack() {
    let people = People::new(3, 3);
    let create = people.event(
        ChatId::default(),
        At(0, 0),
        None,
        vec![],
        NOW,
        Say::Create(policy(1)),
    );
    let group = ChatId(create.id.0);
    let add = people.event(
        group,
        At(0, 0),
        Some(&create),
        vec![create.id],
        NOW,
        Say::Add(1, Role::Admin),
    );
    let mut all = vec![create, add.clone()];
    for n in 0..3_000u64 {
        let by = At(1, (n % 3) as u8);
        let prev = all.iter().rev().find(|e| e.by == by).cloned();
        let say = if n % 2 == 0 {
            Say::Leave(vec![])
        } else {
            Say::Add(2, Role::Member)
        };
        all.push(people.event(group, by, prev.as_ref(), vec![add.id], NOW + n, say));
    }
    for n in 0..256u64 {
        all.push(people.event(
            group,
            At(1, 0),
            None,
            vec![add.id],
            NOW + 9_000 + n,
            Say::Add(2, Role::Member),
        ));
    }
    let mut state = Group::new(group);
    all.iter().for_each(|e| drop(insert(&mut state, e)));
    let start = Instant::now();
    black_box(state.members().count());
    let folded = start.elapsed();
    let (id, header) = people.message(
        group,
        At(1, 0),
        (2, Kind::MSG),
        (0, EventId::default()),
        vec![add.id],
        NOW,
    );
    let start = Instant::now();
    black_box(state.judge(id, &header));
    println!(
        "{} events of one hostile admin: fold {folded:?}, judge {:?}",
        all.len(),
        start.elapsed()
    );
}
