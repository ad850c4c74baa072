//! What is known of users and nodes does not depend on the order in which it came.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first wrong thing"
)]

mod common;

use chater_protocol::id::{Bytes, NodeId, UserId};
use chater_protocol::identity::{HomeRecord, HomeState, KemCard, ProfileCard};
use chater_protocol::key::SigningKey;
use chater_protocol::limits::{HOME_RECORDS, HOMES};
use chater_protocol::name;
use chater_store::{Durability, Store, StoreError, Write, homes, outbox};
use common::Home;
use proptest::prelude::*;

fn write<T>(store: &Store, f: impl FnOnce(&Write<'_>) -> chater_store::Result<T>) -> T {
    store
        .write::<_, StoreError>(Durability::Lazy, |tx| f(tx))
        .unwrap()
}

fn card(home: &Home, n: u32, nick: &str, display_name: &str, ts: u64) -> ProfileCard {
    ProfileCard {
        v: 1,
        user: home.user(),
        home: home.id(),
        n,
        nick: nick.to_owned(),
        display_name: display_name.to_owned(),
        about: String::new(),
        avatar: None,
        discoverable: 2,
        ts,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// I2, I5, I10: sets that grow, whatever order they grow in.
    #[test]
    fn records_do_not_depend_on_their_order(
        records in prop::collection::vec((0..12u8, 0..2u8, 0..5u64), 1..20),
        kems in prop::collection::vec((0..3u32, 0..3u8, 0..3u64), 1..8),
        cards in prop::collection::vec((0..2usize, 0..3u32, 0..3u64, 0..3usize), 1..8),
        turn in any::<usize>(),
    ) {
        let root = SigningKey::from_seed(&[1; 32]);
        let user = UserId(root.public().0);
        let both = [Home::new(1, 1), Home::new(1, 2)];
        let fill = |rotate: usize, back: bool| {
            let store = Store::in_memory().unwrap();
            write(&store, |tx| {
                let mut list = records.clone();
                let mut kem_list = kems.clone();
                let mut card_list = cards.clone();
                for _ in 0..1 {
                    let at = rotate % list.len();
                    list.rotate_left(at);
                    let at = rotate % kem_list.len();
                    kem_list.rotate_left(at);
                    let at = rotate % card_list.len();
                    card_list.rotate_left(at);
                }
                if back {
                    list.reverse();
                    kem_list.reverse();
                    card_list.reverse();
                }
                for (n, state, ts) in list {
                    let record = HomeRecord {
                        v: 1,
                        user,
                        sign_pk: SigningKey::from_seed(&[50 + n; 32]).public(),
                        node_id: NodeId([n; 32]),
                        state,
                        ts,
                    };
                    homes::put_home(tx, &record, &record.sign(&root))?;
                }
                for (n, pk, ts) in kem_list {
                    let card = KemCard {
                        v: 1,
                        user,
                        home: both[0].id(),
                        n,
                        suite: 1,
                        kem_pk: Bytes([pk; 32]),
                        ts,
                    };
                    homes::put_kem(tx, &card, &card.sign(&both[0].key))?;
                }
                for (home, n, ts, nick) in card_list {
                    let nick = ["sova", "klen", "yak"][nick];
                    let card = card(&both[home], n, nick, "", ts);
                    homes::put_card(tx, &card, &card.sign(&both[home].key), 0)?;
                }
                Ok(())
            });
            let read = store.read().unwrap();
            let mut rows = common::dump(&read);
            rows.retain(|(table, _, _)| table != "Meta");
            let live = homes::live(&read, user).unwrap();
            (rows, live)
        };
        let (rows, live) = fill(0, false);
        for (rotate, back) in [(0, true), (turn, false), (turn, true)] {
            let again = fill(rotate, back);
            prop_assert_eq!(&again.0, &rows);
            prop_assert_eq!(&again.1, &live);
        }
        // Live = a live record and no retired one, 8 at most, newest first.
        prop_assert!(live.len() <= HOMES);
        prop_assert!(live.windows(2).all(|w| w[0].1.ts >= w[1].1.ts));
        for (_, home) in &live {
            prop_assert_eq!(home.state(), HomeState::Live);
            let retired = records.iter().any(|(n, state, _)| *state == 1 && NodeId([*n; 32]) == home.node_id);
            prop_assert!(!retired);
        }
    }
}

/// One root key cannot fill the disk with homes; a known home can still be retired.
#[test]
fn home_records_are_bounded() {
    let root = SigningKey::from_seed(&[1; 32]);
    let store = Store::in_memory().unwrap();
    let record = |n: u64, state| {
        let mut node = [0u8; 32];
        node[..8].copy_from_slice(&n.to_be_bytes());
        HomeRecord {
            v: 1,
            user: UserId(root.public().0),
            sign_pk: root.public(),
            node_id: NodeId(node),
            state,
            ts: n,
        }
    };
    write(&store, |tx| {
        for n in 0..HOME_RECORDS as u64 {
            let r = record(n, 0);
            assert!(homes::put_home(tx, &r, &r.sign(&root))?);
        }
        let r = record(9_999, 0);
        assert!(!homes::put_home(tx, &r, &r.sign(&root))?);
        let r = record(3, 1);
        assert!(homes::put_home(tx, &r, &r.sign(&root))?);
        Ok(())
    });
    let read = store.read().unwrap();
    let user = UserId(root.public().0);
    assert_eq!(
        homes::home_records(&read, user).unwrap().len(),
        HOME_RECORDS + 1
    );
    assert_eq!(homes::live(&read, user).unwrap().len(), HOMES);
}

#[test]
fn people_are_found_by_the_beginning_of_a_word() {
    let store = Store::in_memory().unwrap();
    let people = [
        (Home::new(1, 1), "Сова", "Анна Полярная"),
        (Home::new(2, 1), "сокол", "Борис"),
        (Home::new(3, 1), "klen", "Совушка"),
    ];
    write(&store, |tx| {
        for (home, nick, shown) in &people {
            let card = card(home, 1, nick, shown, 1);
            homes::put_card(tx, &card, &card.sign(&home.key), 0)?;
        }
        // Whoever does not want to be found is not.
        let hidden = Home::new(4, 1);
        let mut card = card(&hidden, 1, "совёнок", "", 1);
        card.discoverable = 1;
        homes::put_card(tx, &card, &card.sign(&hidden.key), 0)?;
        Ok(())
    });
    let find = |text: &str, limit| {
        let read = store.read().unwrap();
        let open = |_, contacts: bool| Ok(!contacts);
        let mut found = homes::find(&read, &name::fold_query(text), limit, open).unwrap();
        found.sort();
        found
    };
    let read = store.read().unwrap();
    let marked = homes::find(&read, "совёнок", 20, |_, contacts| Ok(contacts)).unwrap();
    assert_eq!(marked, [Home::new(4, 1).user()]);
    // Whoever does not fit takes nobody's place.
    let last = people[2].0.user();
    let one = homes::find(&read, "со", 1, |user, _| Ok(user == last)).unwrap();
    assert_eq!(one, [last]);
    drop(read);
    let users = |list: &[usize]| {
        let mut users: Vec<UserId> = list.iter().map(|i| people[*i].0.user()).collect();
        users.sort();
        users
    };
    assert_eq!(find("СОВ", 20), users(&[0, 2]));
    assert_eq!(find("со", 20), users(&[0, 1, 2]));
    assert_eq!(find(" Поляр", 20), users(&[0]));
    assert_eq!(find("анна полярная", 20), users(&[0]));
    assert_eq!(find("совёнок", 20), users(&[]));
    assert_eq!(find("ова", 20), users(&[]));
    assert_eq!(find("со", 1).len(), 1);
    // A new card takes the old words away.
    write(&store, |tx| {
        let card = card(&people[0].0, 2, "ворона", "", 2);
        homes::put_card(tx, &card, &card.sign(&people[0].0.key), 0)
    });
    assert_eq!(find("сова", 20), users(&[]));
    assert_eq!(find("вор", 20), users(&[0]));
}

#[test]
fn acks_say_how_far_and_when() {
    let store = Store::in_memory().unwrap();
    write(&store, |tx| {
        outbox::ack(tx, 7, 1, 3, 100)?;
        outbox::ack(tx, 7, 1, 9, 200)?;
        outbox::ack(tx, 7, 2, 1, 300)?;
        outbox::ack(tx, 8, 1, 50, 400)
    });
    let read = store.read().unwrap();
    let acked = |feed, node| outbox::acked(&read, feed, node).unwrap();
    assert_eq!(
        (acked(7, 1), acked(7, 2), acked(7, 3), acked(8, 1)),
        (Some(9), Some(1), None, Some(50))
    );
    let at = |seq| outbox::acked_at(&read, 7, 1, seq).unwrap();
    assert_eq!(
        (at(0), at(3), at(4), at(9), at(10)),
        (Some(100), Some(100), Some(200), Some(200), None)
    );
}
