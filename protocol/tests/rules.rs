//! Rules that must not depend on the order in which things are known (L5, I2, K3-K5).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first wrong thing"
)]

mod common;

use std::collections::BTreeSet;

use chater_protocol::chat::keys::{Choice, KnownKey, choose};
use chater_protocol::chat::order::order;
use chater_protocol::event::{Header, Kind};
use chater_protocol::id::{ChatId, EventId, Hash, HomeId, KeyId, NodeId, UserId};
use chater_protocol::identity::{HomeRecord, HomeState, live_homes};
use chater_protocol::key::SigningKey;
use chater_protocol::limits::{AHEAD_MS, HOMES};
use chater_protocol::time::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;

const NOW: u64 = 1_790_000_000_000;

/// Headers of up to three authors with acyclic links; ids stand for hashes.
fn histories() -> impl Strategy<Value = Vec<(EventId, Header)>> {
    let one = (
        0..3u8,
        1..3u8,
        any::<u64>(),
        0..5u8,
        prop::collection::vec(any::<Index>(), 0..4),
    );
    prop::collection::vec(one, 1..40).prop_map(|list| {
        let mut feeds = std::collections::BTreeMap::new();
        let mut all: Vec<(EventId, Header)> = Vec::new();
        for (i, (author, lane, wild, clock, deps)) in list.into_iter().enumerate() {
            let (seq, prev) = *feeds
                .get(&(author, lane))
                .unwrap_or(&(0u64, EventId::default()));
            let mut id = EventId([author; 32]);
            id.0[..4].copy_from_slice(&(i as u32 + 1).to_be_bytes());
            let deps: BTreeSet<EventId> = deps
                .iter()
                .filter(|_| !all.is_empty())
                .map(|d| d.get(&all).0)
                .filter(|d| *d != prev)
                .collect();
            let ts = match clock {
                0 => Timestamp(wild),
                1 => Timestamp(u64::MAX),
                _ => Timestamp::from_ms(NOW + i as u64 * 60_000),
            };
            let header = Header {
                v: 1,
                group: ChatId::default(),
                author: UserId([author; 32]),
                home: HomeId([author; 16]),
                lane,
                seq,
                prev,
                ctl: vec![],
                deps: deps.into_iter().collect(),
                ts,
                kind: Kind::MSG,
                payload_len: 0,
                payload_hash: Hash::default(),
            };
            feeds.insert((author, lane), (seq + 1, id));
            all.push((id, header));
        }
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// L5: the order is a function of the set, has every event once, and no answer above its question.
    #[test]
    fn the_order_is_one(events in histories(), turn in any::<Index>()) {
        let ordered = order(&events);
        let mut other = events.clone();
        other.rotate_left(turn.index(events.len()));
        other.reverse();
        prop_assert_eq!(&order(&other), &ordered);
        prop_assert_eq!(ordered.len(), events.len());
        let at = |id: &EventId| ordered.iter().position(|(_, o)| o == id);
        for (id, header) in &events {
            for past in header.past() {
                prop_assert!(at(past) < at(id));
            }
        }
    }

    /// B16: whatever clocks say, once a sane event of another author has seen everything, nothing
    /// stands later than it and five minutes (and a step per event).
    #[test]
    fn no_clock_pins_the_bottom_once_answered(mut events in histories()) {
        // All wild events are of author 0; the others are sane.
        for (i, (_, header)) in events.iter_mut().enumerate() {
            if header.author != UserId([0; 32]) {
                header.ts = Timestamp::from_ms(NOW + i as u64 * 60_000);
            }
        }
        let now = Timestamp::from_ms(NOW + 86_400_000);
        let named: BTreeSet<EventId> = events.iter().flat_map(|(_, h)| h.past().copied().collect::<Vec<_>>()).collect();
        let heads = events.iter().map(|(id, _)| *id).filter(|id| !named.contains(id)).collect();
        let mut answer = events[0].1.clone();
        (answer.author, answer.home, answer.ts) = (UserId([9; 32]), HomeId([9; 16]), now);
        (answer.seq, answer.prev, answer.deps) = (0, EventId::default(), heads);
        let count = events.len() as u64;
        events.push((EventId([9; 32]), answer));
        let ordered = order(&events);
        prop_assert_eq!(ordered.last().unwrap().1, EventId([9; 32]));
        for (place, _) in ordered {
            prop_assert!(place.eff.0 <= now.plus_ms(AHEAD_MS).0 + count);
        }
    }

    /// I2: a function of the set.
    #[test]
    fn live_homes_do_not_depend_on_order(
        list in prop::collection::vec((0..14u8, 0..2u8, 0..4u64), 0..30),
        turn in any::<usize>(),
    ) {
        let pk = SigningKey::from_seed(&[1; 32]).public();
        let mut records: Vec<HomeRecord> = list.into_iter().map(|(n, state, ts)| HomeRecord {
            v: 1,
            user: UserId([1; 32]),
            sign_pk: pk,
            node_id: NodeId([n; 32]),
            state,
            ts,
        }).collect();
        let live = live_homes(&records);
        if !records.is_empty() {
            let at = turn % records.len();
            records.rotate_left(at);
        }
        records.reverse();
        prop_assert_eq!(&live_homes(&records), &live);
        prop_assert!(live.len() <= HOMES);
        for (id, home) in &live {
            prop_assert_eq!(home.state(), HomeState::Live);
            prop_assert!(!records.iter().any(|r| r.id() == *id && r.state() == HomeState::Retired));
            prop_assert!(!records.iter().any(|r| r.id() == *id && r.ts > home.ts));
        }
    }

    /// K3-K5, K8: only a clean, usable, unworn key is ever chosen, and all who lack it are named.
    #[test]
    fn only_clean_keys_are_chosen(
        keys in prop::collection::vec((0..8u8, prop::collection::btree_set(0..6u8, 0..5), 0..20u64, 0..6_000u64, any::<bool>()), 0..8),
        live in prop::collection::btree_set(0..5u8, 1..5),
        now_days in 0..20u64,
    ) {
        let holder = |n: u8| (UserId([n; 32]), HomeId([n; 16]));
        let live: BTreeSet<_> = live.into_iter().map(holder).collect();
        let day = 86_400_000;
        let mut keys: Vec<KnownKey> = keys.into_iter().map(|(id, holders, first, sealed, usable)| KnownKey {
            id: KeyId([id; 32]),
            holders: holders.into_iter().map(holder).collect(),
            first_ms: first * day,
            sealed,
            usable,
        }).collect();
        keys.sort_by_key(|k| k.id);
        keys.dedup_by_key(|k| k.id);
        let choice = choose(&keys, &live, now_days * day);
        if let Choice::Use { key, share_with } = &choice {
            let key = keys.iter().find(|k| k.id == *key).unwrap();
            prop_assert!(key.usable && key.holders.is_subset(&live) && key.sealed < 5_000);
            prop_assert!(now_days * day <= key.first_ms + 7 * day);
            let all: BTreeSet<_> = key.holders.iter().chain(share_with).copied().collect();
            prop_assert_eq!(all, live.clone());
        }
        keys.reverse();
        prop_assert_eq!(choose(&keys, &live, now_days * day), choice);
    }
}
