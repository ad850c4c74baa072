//! The log comes to the same order, heads and counts on every node, whatever way events arrive.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first wrong thing"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use chater_protocol::chat::order::{Place, effective, order};
use chater_protocol::event::{Kind, VerifiedEvent};
use chater_protocol::heads::{HeadRow, digest};
use chater_protocol::id::EventId;
use chater_protocol::limits::AHEAD_MS;
use chater_protocol::time::Timestamp;
use chater_store::events::{self, Appended};
use chater_store::{Durability, StoreError, groups};
use common::{Home, Log, chat_of, event, homes, pair};
use proptest::prelude::*;
use proptest::sample::Index;

/// A moment of sane clocks, Unix ms.
const NOW: u64 = 1_790_000_000_000;
/// An arrival so late that nothing is from the future.
const LATE: u64 = (1 << 48) - 1;

/// How one event of a random history is made.
#[derive(Debug, Clone)]
struct Plan {
    home: usize,
    lane: u8,
    kind: u8,
    clock: u8,
    skew: u32,
    deps: Vec<Index>,
}

fn plan() -> impl Strategy<Value = Plan> {
    (
        0..4usize,
        1..3u8,
        0..4u8,
        0..10u8,
        any::<u32>(),
        prop::collection::vec(any::<Index>(), 0..4),
    )
        .prop_map(|(home, lane, kind, clock, skew, deps)| Plan {
            home,
            lane,
            kind,
            clock,
            skew,
            deps,
        })
}

/// Sane clocks tick a minute an event; the others are wild in both directions.
fn clock(plan: &Plan, i: usize) -> Timestamp {
    let sane = NOW + i as u64 * 60_000;
    let skew = u64::from(plan.skew);
    match plan.clock {
        0 => Timestamp(u64::MAX - skew % 3),
        1 => Timestamp(skew),
        2 => Timestamp::from_ms(sane + skew * 60_000),
        3 => Timestamp::from_ms(sane + skew % (20 * 60_000)),
        4 => Timestamp::from_ms(sane - skew % (20 * 60_000)),
        5 => Timestamp::from_ms(sane - skew),
        6 => Timestamp((1 << 63) - 2 + skew % 5),
        _ => Timestamp::from_ms(sane),
    }
}

/// Events without forks, every one after what it names.
fn history(plans: &[Plan], homes: &[Home; 4]) -> Vec<VerifiedEvent> {
    let group = chat_of(homes);
    let mut feeds: BTreeMap<(usize, u8), (u64, EventId)> = BTreeMap::new();
    let mut all: Vec<VerifiedEvent> = Vec::new();
    for (i, plan) in plans.iter().enumerate() {
        let place = feeds
            .entry((plan.home, plan.lane))
            .or_insert((0, EventId::default()));
        let mut deps: Vec<EventId> = plan
            .deps
            .iter()
            .filter(|_| !all.is_empty())
            .map(|at| {
                // Near ones mostly, as in a conversation.
                let back = at.index(all.len().min(6));
                all[all.len() - 1 - back].id()
            })
            .filter(|id| *id != place.1)
            .collect();
        deps.sort();
        deps.dedup();
        let kind = match (plan.lane, plan.kind) {
            (1, _) => Kind::KEY,
            (_, 0) => Kind::REACT,
            (_, 1) => Kind(999),
            _ => Kind::MSG,
        };
        let made = event(
            &homes[plan.home],
            group,
            (kind, plan.lane),
            *place,
            deps,
            clock(plan, i),
            &[i as u8],
        );
        *place = (place.0 + 1, made.id());
        all.push(made);
    }
    all
}

/// What the store must say of a whole set of events.
fn check_whole(log: &Log, all: &[VerifiedEvent]) {
    let pairs: Vec<_> = all.iter().map(pair).collect();
    let expected = order(&pairs);
    let ids: Vec<EventId> = expected.iter().map(|(_, id)| *id).collect();
    assert_eq!(log.timeline(), ids, "the timeline is the reference order");
    let read = log.store.read().unwrap();
    for (place, id) in &expected {
        let stored = events::find(&read, *id).unwrap().unwrap();
        assert_eq!(stored.eff, place.eff);
        assert!(!stored.provisional);
    }
    assert_eq!(events::missing(&read, log.no).unwrap(), 0);
    // The newest message is the last of the order.
    let newest = all
        .iter()
        .filter(|e| e.header().kind == Kind::MSG)
        .max_by_key(|e| ids.iter().position(|id| *id == e.id()));
    let row = log.chat_row();
    let found = row
        .newest
        .as_ref()
        .map(|key| events::timeline_at(&read, log.no, key).unwrap().unwrap())
        .map(|row| {
            events::event(&read, row.feed_no, row.place.seq, 0)
                .unwrap()
                .unwrap()
                .id()
        });
    assert_eq!(found, newest.map(VerifiedEvent::id));
    // Arrival numbers are 1..=n.
    let mut numbers = Vec::new();
    events::arrivals(&read, log.no, 0, &mut |a| {
        numbers.push(a.n);
        true
    })
    .unwrap();
    assert_eq!(numbers, (1..=all.len() as u64).collect::<Vec<_>>());
    assert_eq!(row.count, all.len() as u64);
    // Heads: the last of each feed.
    let mut last: BTreeMap<_, HeadRow> = BTreeMap::new();
    for e in all {
        let h = e.header();
        last.insert(
            h.feed(),
            HeadRow {
                author: h.author,
                home: h.home,
                lane: h.lane,
                seq: h.seq,
                id: e.id(),
            },
        );
    }
    let mut heads = events::heads(&read, log.no).unwrap();
    heads.sort();
    let mut expected: Vec<_> = last.into_values().collect();
    expected.sort();
    assert_eq!(heads, expected);
    assert_eq!(digest(&heads), digest(&expected));
    // What no later event names (L2).
    let mut open: Vec<EventId> = all
        .iter()
        .map(VerifiedEvent::id)
        .filter(|id| !all.iter().any(|e| e.header().past().any(|p| p == id)))
        .collect();
    open.sort();
    let mut kept: Vec<EventId> = row.heads.iter().map(|(id, _)| *id).collect();
    kept.sort();
    assert_eq!(kept, open);
}

fn shuffled(all: &[VerifiedEvent], keys: &[u32]) -> Vec<VerifiedEvent> {
    let mut mixed: Vec<(u32, usize)> = (0..all.len())
        .map(|i| (keys[i % keys.len()].rotate_left(i as u32), i))
        .collect();
    mixed.sort_unstable();
    mixed.into_iter().map(|(_, i)| all[i].clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    /// L5, S5: any arrival order, with holes and events brought twice, ends alike.
    #[test]
    fn any_arrival_order_ends_in_the_reference_order(
        plans in prop::collection::vec(plan(), 1..36),
        keys in prop::collection::vec(any::<u32>(), 8),
        again in prop::collection::vec(any::<Index>(), 0..6),
        cut in any::<Index>(),
    ) {
        let homes = homes();
        let all = history(&plans, &homes);
        let log = Log::new(&homes);
        let mixed = shuffled(&all, &keys);
        let (first, rest) = mixed.split_at(cut.index(mixed.len()));
        log.take(first, LATE);
        // A part of the set has the order of that part.
        let pairs: Vec<_> = first.iter().map(pair).collect();
        let expected: Vec<EventId> = order(&pairs).into_iter().map(|(_, id)| id).collect();
        prop_assert_eq!(log.timeline(), expected);
        log.take(rest, LATE);
        for at in again {
            let result = log.take([at.get(&all)], LATE);
            prop_assert!(matches!(result[0], Appended::Known(_)));
        }
        check_whole(&log, &all);
    }

    /// M6: events that do not count place no others, whether they came first or were judged later; when they count again
    /// everything stands as if they always had.
    #[test]
    fn events_that_do_not_count_place_nobody(
        plans in prop::collection::vec(plan(), 1..36),
        keys in prop::collection::vec(any::<u32>(), 8),
        void in prop::collection::vec(any::<bool>(), 36),
        cut in any::<Index>(),
    ) {
        let homes = homes();
        let all = history(&plans, &homes);
        let log = Log::new(&homes);
        let mixed = shuffled(&all, &keys);
        let (first, rest) = mixed.split_at(cut.index(mixed.len()));
        let turned = first.iter().zip(&void).filter(|(_, void)| **void);
        let turned: Vec<&VerifiedEvent> = turned.map(|(event, _)| event).collect();
        let dead: Vec<EventId> = turned.iter().map(|event| event.id()).collect();
        let turn = |void: bool| {
            log.write(|tx, chat| {
                for event in &turned {
                    let header = event.header();
                    let place = (header.home, header.lane, header.seq);
                    groups::set_void(tx, log.no, place, 0, void).unwrap();
                }
                let turned: Vec<_> = dead.iter().map(|id| (*id, void)).collect();
                events::weigh(tx, log.no, chat, &turned, LATE).unwrap();
            });
        };
        log.take(first, LATE);
        turn(true);
        log.take(rest, LATE);
        let live = |event: &&VerifiedEvent| !dead.contains(&event.id());
        let pairs: Vec<_> = all.iter().filter(live).map(pair).collect();
        let expected: Vec<EventId> = order(&pairs).into_iter().map(|(_, id)| id).collect();
        let mut shown = log.timeline();
        shown.retain(|id| !dead.contains(id));
        prop_assert_eq!(shown, expected);
        turn(false);
        check_whole(&log, &all);
    }

    /// L6: events from the future stand at their arrival, and settle when they are answered or due.
    #[test]
    fn events_from_the_future_settle(
        plans in prop::collection::vec(plan(), 1..30),
        keys in prop::collection::vec(any::<u32>(), 8),
        steps in prop::collection::vec(0..120u64, 30),
    ) {
        let homes = homes();
        let all = history(&plans, &homes);
        let log = Log::new(&homes);
        let mut now = NOW;
        for (e, step) in shuffled(&all, &keys).iter().zip(steps) {
            now += step * 60_000;
            let Appended::New(stored) = log.take([e], now)[0] else { panic!("new") };
            if stored.provisional {
                prop_assert!(e.header().ts.is_ahead(now));
            }
            // What append says is what stands.
            let found = events::find(&log.store.read().unwrap(), e.id()).unwrap();
            prop_assert_eq!(found, Some(stored));
            // It may move what was just appended, too.
            if step % 7 == 0 {
                log.store.write::<_, StoreError>(Durability::Lazy, |tx| events::release_ahead(tx, now)).unwrap();
            }
        }
        log.store.write::<_, StoreError>(Durability::Lazy, |tx| events::release_ahead(tx, LATE)).unwrap();
        check_whole(&log, &all);
    }
}

/// B16: a clock a year ahead (or at 2^64 - 1) writes its key and three messages before anyone
/// answers; from the answer on it holds nothing at the bottom.
#[test]
fn a_wild_clock_never_pins_once_answered() {
    let year = 365 * 24 * 3_600_000;
    for wild in [Timestamp::from_ms(NOW + year), Timestamp(u64::MAX)] {
        let homes = homes();
        let group = chat_of(&homes);
        let none = EventId::default();
        let key = event(
            &homes[0],
            group,
            (Kind::KEY, 1),
            (0, none),
            vec![],
            wild,
            b"k",
        );
        let mut sent = vec![key.clone()];
        let mut prev = none;
        for seq in 0..3 {
            let deps = if seq == 0 { vec![key.id()] } else { vec![] };
            let m = event(
                &homes[0],
                group,
                (Kind::MSG, 2),
                (seq, prev),
                deps,
                wild.next(),
                b"m",
            );
            prev = m.id();
            sent.push(m);
        }
        let answer = event(
            &homes[2],
            group,
            (Kind::MSG, 2),
            (0, none),
            vec![prev],
            Timestamp::from_ms(NOW),
            b"a",
        );
        // An hour later somebody writes who has seen none of it.
        let later = event(
            &homes[3],
            group,
            (Kind::MSG, 2),
            (0, none),
            vec![],
            Timestamp::from_ms(NOW + 3_600_000),
            b"l",
        );
        sent.extend([answer, later]);
        let expected: Vec<EventId> = sent.iter().map(VerifiedEvent::id).collect();
        let pairs: Vec<_> = sent.iter().map(pair).collect();
        let ids: Vec<EventId> = order(&pairs).into_iter().map(|(_, id)| id).collect();
        assert_eq!(ids, expected);
        let log = Log::new(&homes);
        log.take(sent.iter().rev(), LATE);
        assert_eq!(log.timeline(), expected);
        // At their arrival they stand there at once.
        let log = Log::new(&homes);
        log.take(&sent[..5], NOW);
        log.take(&sent[5..], NOW + 3_600_000);
        assert_eq!(log.timeline(), expected);
    }
}

/// A peer names, in a chat of its own, an event of another chat: that names nothing. (It once made
/// the store call itself damaged.)
#[test]
fn an_event_of_another_chat_is_not_touched() {
    let homes = homes();
    let other = [
        Home::new(1, 1),
        Home::new(1, 2),
        Home::new(3, 5),
        Home::new(3, 6),
    ];
    let mine = event(
        &homes[0],
        chat_of(&homes),
        (Kind::MSG, 2),
        (0, EventId::default()),
        vec![],
        Timestamp::from_ms(NOW),
        b"m",
    );
    let theirs = event(
        &other[2],
        chat_of(&other),
        (Kind::MSG, 2),
        (0, EventId::default()),
        vec![mine.id()],
        Timestamp(0),
        b"x",
    );
    for mine_first in [true, false] {
        let log = Log::new(&homes);
        let no = Log::chat(&log.store, other[0].user(), other[2].user());
        let take_theirs = || {
            log.store
                .write::<_, StoreError>(Durability::Lazy, |tx| {
                    let mut chat = chater_store::chats::chat(tx, no)?.unwrap();
                    events::append(tx, no, &mut chat, &theirs, None, NOW)?;
                    chater_store::chats::put(tx, no, &chat)
                })
                .unwrap();
        };
        if mine_first {
            log.take([&mine], NOW);
            take_theirs();
        } else {
            take_theirs();
            log.take([&mine], NOW);
        }
        let read = log.store.read().unwrap();
        let stored = events::find(&read, mine.id()).unwrap().unwrap();
        assert_eq!((stored.eff, stored.cap), (mine.header().ts, None));
        assert_eq!(events::missing(&read, log.no).unwrap(), 0);
        assert_eq!(events::missing(&read, no).unwrap(), 1);
    }
}

/// L7, S5: branches are kept; heads end below the fork, so they are equal on nodes that met the
/// branches in another order.
#[test]
fn forks_are_kept_as_branches() {
    let homes = homes();
    let group = chat_of(&homes);
    let make = |place, payload: &[u8]| {
        event(
            &homes[0],
            group,
            (Kind::MSG, 2),
            place,
            vec![],
            Timestamp::from_ms(NOW),
            payload,
        )
    };
    let root = make((0, EventId::default()), b"0");
    let (a, b) = (make((1, root.id()), b"a"), make((1, root.id()), b"b"));
    let next = make((2, a.id()), b"2");
    let c = make((1, root.id()), b"c");
    let (mut all_heads, mut orders) = (Vec::new(), Vec::new());
    for set in [
        [&root, &a, &b, &c, &next],
        [&next, &c, &b, &a, &root],
        [&b, &root, &c, &next, &a],
    ] {
        let log = Log::new(&homes);
        let results = log.take(set, NOW);
        assert_eq!(
            results
                .iter()
                .filter(|r| matches!(r, Appended::Fork(_)))
                .count(),
            2
        );
        let read = log.store.read().unwrap();
        let (no, feed) = events::feeds(&read, log.no).unwrap().remove(0);
        assert_eq!(feed.forked_at, Some(1));
        // All of one time: their ids say which comes first, not their arrival.
        let mut order = Vec::new();
        events::timeline(&read, log.no, None, false, &mut |row| {
            order.push((row.place.seq, row.branch));
            true
        })
        .unwrap();
        let ids: Vec<EventId> = order
            .into_iter()
            .map(|(seq, branch)| events::event(&read, no, seq, branch).unwrap().unwrap().id())
            .collect();
        assert!(ids.get(1..4).unwrap().is_sorted());
        let newest = events::newest_message(&read, log.no).unwrap().unwrap();
        assert_eq!(log.chat_row().newest.unwrap(), newest.key);
        orders.push(ids);
        let both = events::range(&read, no, 1, 1, 10, 10_000).unwrap();
        assert_eq!(both.len(), 3);
        assert!(both.contains(&a.to_wire()) && both.contains(&b.to_wire()));
        all_heads.push(events::heads(&read, log.no).unwrap());
    }
    assert!(all_heads.iter().all(|heads| *heads == all_heads[0]));
    assert!(orders.iter().all(|order| *order == orders[0]));
    assert_eq!((all_heads[0][0].seq, all_heads[0][0].id), (0, root.id()));
}

/// L7: of branches that nothing names 240 are kept, and above that those that are one of the two of lowest id, up to 256. What an
/// event here names is kept besides, and found again by every way that leads to it.
#[test]
fn a_named_branch_is_kept_beside_any_number_of_others() {
    let homes = homes();
    let make = |home: usize, place, deps, payload: &[u8]| {
        event(
            &homes[home],
            chat_of(&homes),
            (Kind::MSG, 2),
            place,
            deps,
            Timestamp::from_ms(NOW),
            payload,
        )
    };
    let log = Log::new(&homes);
    let root = make(0, (0, EventId::default()), vec![], b"0");
    log.take([&root], NOW);
    let branch = |i: u16| make(0, (1, root.id()), vec![], &i.to_be_bytes());
    let (mut here, mut refused) = (BTreeSet::new(), Vec::new());
    for event in (0..400).map(branch) {
        let lower = here.range(..event.id()).count();
        let room = here.len() < 240 || (here.len() < 256 && lower < 2);
        let taken = log.take([&event], NOW);
        assert_eq!(taken == [Appended::TooManyForks], !room);
        if room {
            here.insert(event.id());
        } else {
            refused.push(event);
        }
    }
    let named: Vec<_> = refused.iter().take(40).collect();
    let (mut seq, mut prev) = (0, EventId::default());
    for some in named.chunks(8) {
        let deps = some.iter().map(|event| event.id()).collect();
        let answer = make(1, (seq, prev), deps, b"seen");
        log.take([&answer], NOW);
        (seq, prev) = (seq + 1, answer.id());
    }
    let taken = log.take(named.iter().copied(), NOW);
    assert!(taken.iter().all(|one| matches!(one, Appended::Fork(_))));
    here.extend(named.iter().map(|event| event.id()));

    let read = log.store.read().unwrap();
    assert_eq!(events::missing(&read, log.no).unwrap(), 0);
    let (mut shown, mut came) = (Vec::new(), Vec::new());
    let id = |feed_no, seq, branch| {
        let event = events::event(&read, feed_no, seq, branch).unwrap();
        event.unwrap().id()
    };
    events::timeline(&read, log.no, None, false, &mut |row| {
        shown.push(id(row.feed_no, row.place.seq, row.branch));
        true
    })
    .unwrap();
    events::arrivals(&read, log.no, 0, &mut |row| {
        came.push(id(row.feed_no, row.seq, row.branch));
        assert_eq!(row.at_ms, NOW);
        true
    })
    .unwrap();
    let all: BTreeSet<EventId> = shown.iter().copied().collect();
    assert_eq!(all, came.iter().copied().collect());
    assert_eq!((shown.len(), came.len()), (all.len(), all.len()));
    assert_eq!(all.len() as u64, log.chat_row().count);
    assert!(here.is_subset(&all));
    for event in named {
        let (stored, found) = events::by_id(&read, event.id()).unwrap().unwrap();
        assert_eq!(found.id(), event.id());
        assert_eq!(
            events::arrived_ms(&read, log.no, stored.n).unwrap(),
            Some(NOW)
        );
    }
}

/// B21: a gap of any size costs nothing.
#[test]
fn a_gap_to_the_end_of_numbers() {
    let homes = homes();
    let log = Log::new(&homes);
    let far = event(
        &homes[0],
        chat_of(&homes),
        (Kind::MSG, 2),
        (u64::MAX, EventId([9; 32])),
        vec![],
        Timestamp::from_ms(NOW),
        b"m",
    );
    log.take([&far], NOW);
    let read = log.store.read().unwrap();
    assert!(events::heads(&read, log.no).unwrap().is_empty());
    assert_eq!(
        events::missing_ids(&read, log.no, 9).unwrap(),
        [EventId([9; 32])]
    );
    let (no, feed) = events::feeds(&read, log.no).unwrap().remove(0);
    assert_eq!((feed.whole, feed.top), (0, u64::MAX));
    assert_eq!(
        events::range(&read, no, 0, u64::MAX, 256, 1 << 20)
            .unwrap()
            .len(),
        1
    );
}

/// A feed of `count` messages.
fn feed(home: &Home, group: chater_protocol::id::ChatId, count: u64) -> Vec<VerifiedEvent> {
    let mut prev = EventId::default();
    (0..count)
        .map(|seq| {
            let ts = Timestamp::from_ms(NOW + seq);
            let e = event(
                home,
                group,
                (Kind::MSG, 2),
                (seq, prev),
                vec![],
                ts,
                b"text",
            );
            prev = e.id();
            e
        })
        .collect()
}

#[test]
fn ranges_keep_their_bounds() {
    let homes = homes();
    let log = Log::new(&homes);
    let all = feed(&homes[0], chat_of(&homes), 20);
    log.take(&all, NOW);
    let read = log.store.read().unwrap();
    let wires: Vec<_> = all.iter().map(VerifiedEvent::to_wire).collect();
    let get = |from, to, count, bytes| events::range(&read, 1, from, to, count, bytes).unwrap();
    assert_eq!(get(0, u64::MAX, 100, 1 << 20), wires);
    assert_eq!(get(3, 5, 100, 1 << 20), wires[3..=5]);
    assert_eq!(get(3, 19, 4, 1 << 20), wires[3..7]);
    assert_eq!(get(19, 19, 4, 1 << 20), wires[19..]);
    assert!(get(20, 30, 4, 1 << 20).is_empty());
    assert!(get(5, 4, 4, 1 << 20).is_empty());
    // One event always goes, however small the bound; never more bytes than asked.
    assert_eq!(get(0, 19, 100, 1).len(), 1);
    let size = wires[0].len() + 8;
    assert_eq!(get(0, 19, 100, size * 3 + 7).len(), 3);
}

#[test]
fn unread_counts_messages_of_others_after_the_mark() {
    let homes = homes();
    let log = Log::new(&homes);
    let group = chat_of(&homes);
    log.take(&feed(&homes[0], group, 5), NOW);
    log.take(&feed(&homes[2], group, 130), NOW);
    let read = log.store.read().unwrap();
    let unread = |user, n| events::unread(&read, log.no, user, n).unwrap();
    let (a, b) = (homes[0].user(), homes[2].user());
    assert_eq!(unread(a, 0), 100);
    assert_eq!(unread(a, 125), 10);
    assert_eq!(unread(a, 135), 0);
    assert_eq!(unread(a, u64::MAX), 0);
    assert_eq!(unread(b, 0), 5);
    assert_eq!(unread(b, 3), 2);
    assert_eq!(events::arrived_ms(&read, log.no, 3).unwrap(), Some(NOW));
}

/// L8: changes stand in the order of now, though an event moved after it was noted.
#[test]
fn amends_follow_events_that_move() {
    let homes = homes();
    let group = chat_of(&homes);
    let none = EventId::default();
    let log = Log::new(&homes);
    let at = |ms| Timestamp::from_ms(NOW + ms);
    let target = event(
        &homes[0],
        group,
        (Kind::MSG, 2),
        (0, none),
        vec![],
        at(0),
        b"m",
    );
    // An edit from a clock an hour ahead, one from a sane clock, and an answer to the first.
    let wild = event(
        &homes[0],
        group,
        (Kind::EDIT, 2),
        (1, target.id()),
        vec![],
        at(3_600_000),
        b"w",
    );
    let sane = event(
        &homes[1],
        group,
        (Kind::EDIT, 2),
        (0, none),
        vec![target.id()],
        at(900_000),
        b"s",
    );
    let answer = event(
        &homes[2],
        group,
        (Kind::MSG, 2),
        (0, none),
        vec![wild.id()],
        at(1_000),
        b"a",
    );
    let kinds = |log: &Log| -> Vec<chater_protocol::id::HomeId> {
        let read = log.store.read().unwrap();
        events::amends(&read, target.id())
            .unwrap()
            .iter()
            .map(|a| a.place.home)
            .collect()
    };
    log.take([&target], LATE);
    for e in [&wild, &sane] {
        log.write(|tx, chat| {
            let Appended::New(stored) = events::append(tx, log.no, chat, e, None, LATE).unwrap()
            else {
                panic!("new")
            };
            events::amend(tx, target.id(), e.header(), &stored).unwrap();
        });
    }
    assert_eq!(kinds(&log), [homes[1].id(), homes[0].id()]);
    log.take([&answer], LATE);
    assert_eq!(kinds(&log), [homes[0].id(), homes[1].id()]);
    let read = log.store.read().unwrap();
    let first = events::amends(&read, target.id()).unwrap()[0];
    assert_eq!(first.kind, Kind::EDIT);
    let eff = effective(
        at(3_600_000),
        Some(at(1_000).plus_ms(AHEAD_MS)),
        Some(at(0)),
    );
    assert_eq!(first.place, Place::of(wild.header(), eff));
}

#[test]
fn a_dropped_payload_leaves_the_event() {
    let homes = homes();
    let log = Log::new(&homes);
    let all = feed(&homes[0], chat_of(&homes), 3);
    log.take(&all, NOW);
    log.write(|tx, _| {
        let (stored, event) = events::by_id(tx, all[1].id()).unwrap().unwrap();
        events::drop_payload(tx, &stored, event).unwrap();
    });
    let read = log.store.read().unwrap();
    let (_, left) = events::by_id(&read, all[1].id()).unwrap().unwrap();
    assert_eq!((left.id(), left.payload()), (all[1].id(), None));
    assert_eq!(log.timeline().len(), 3);
}

/// A hostile member cannot make one event cost the whole log: 3,000 events, then backdated answers
/// to the newest ones, stay far under a second each.
#[test]
fn backdated_answers_are_cheap() {
    let homes = homes();
    let group = chat_of(&homes);
    let log = Log::new(&homes);
    let mine = feed(&homes[0], group, 3_000);
    log.take(&mine, LATE);
    let begun = std::time::Instant::now();
    let mut prev = EventId::default();
    for seq in 0..20u64 {
        let deps = vec![mine[2_980 + seq as usize].id()];
        let ts = Timestamp::from_ms(NOW - 86_400_000 + seq);
        let e = event(
            &homes[2],
            group,
            (Kind::MSG, 2),
            (seq, prev),
            deps,
            ts,
            b"x",
        );
        prev = e.id();
        log.take([&e], LATE);
    }
    let took = begun.elapsed();
    assert!(took.as_secs() < 15, "{took:?}");
}
