//! The store against a plain map: whatever mixture of small, large, lazy and failed turns, of restarts
//! and of ways to read, both say the same.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first wrong thing"
)]

use std::collections::BTreeMap;
use std::ops::Bound;

use chater_store::tables::Table;
use chater_store::{Durability, Rows, Store, StoreError};
use proptest::collection::vec;
use proptest::prelude::*;

/// The first and the last table, one between them, and the one with a tree of its own.
const TABLES: [Table; 4] = [Table::Meta, Table::Homes, Table::Events, Table::ClientIds];

type Model = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

#[derive(Debug, Clone)]
enum Step {
    /// Rows put (with the size of the value) or removed; how durable; whether it fails at its end.
    Turn(Vec<(usize, Vec<u8>, Option<usize>)>, u8, bool),
    /// The store is closed and opened again.
    Restart,
    /// A table read from a key to another, upwards or down.
    Scan(usize, Vec<u8>, Option<Vec<u8>>, bool),
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    // Few different keys, so that they meet; bytes at the ends of the range.
    vec(prop_oneof![Just(0u8), Just(7), Just(255)], 0..3).prop_map(|mut key| {
        key.push(1);
        key
    })
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![8 => Just(3usize), 1 => Just(0), 1 => Just(300_000)];
    let row = (
        0..TABLES.len(),
        key(),
        proptest::option::weighted(0.7, size),
    );
    prop_oneof![
        6 => (vec(row, 0..6), 0u8..4, proptest::bool::weighted(0.1))
            .prop_map(|(rows, durability, fails)| Step::Turn(rows, durability, fails)),
        1 => Just(Step::Restart),
        4 => (0..TABLES.len(), key(), proptest::option::of(key()), any::<bool>())
            .prop_map(|(table, from, to, down)| Step::Scan(table, from, to, down)),
    ]
}

fn of_model(
    model: &Model,
    table: Table,
    from: &[u8],
    to: Option<&[u8]>,
    down: bool,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rows = model
        .range((
            Bound::Included((table as u8, from.to_vec())),
            Bound::Unbounded,
        ))
        .take_while(|((t, _), _)| *t == table as u8)
        .filter(|((_, key), _)| to.is_none_or(|to| &key[..] < to))
        .map(|((_, key), value)| (key.clone(), value.clone()));
    let mut rows: Vec<_> = rows.collect();
    if down {
        rows.reverse();
    }
    rows
}

fn of_rows(
    rows: &impl Rows,
    table: Table,
    from: &[u8],
    to: Option<&[u8]>,
    down: bool,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    rows.scan(table, from, to, down, &mut |key, value| {
        found.push((key.to_vec(), value.to_vec()));
        true
    })
    .unwrap();
    // Two rows are the store's own.
    found.retain(|(key, _)| key != b"schema" && key != b"journal");
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_store_is_a_map(steps in vec(step(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let mut store = Store::open(&path).unwrap();
        let mut model = Model::new();
        // What a restart may show: the last durable state, or that after any lazy turn since.
        let mut possible = vec![Model::new()];
        for step in steps {
            match step {
                Step::Turn(rows, durability, fails) => {
                    let mut changed = model.clone();
                    let kept = store.turn::<(), StoreError>(|tx| {
                        for (table, key, size) in &rows {
                            let table = TABLES[*table];
                            let place = (table as u8, key.clone());
                            match size {
                                Some(size) => {
                                    let value = vec![key.len() as u8; *size];
                                    tx.put(table, key, &value)?;
                                    changed.insert(place, value);
                                }
                                None => {
                                    let was = tx.remove(table, key)?;
                                    assert_eq!(was, changed.remove(&place).is_some());
                                }
                            }
                            // The turn sees its own changes over all that was before.
                            let all = of_rows(tx, table, &[], None, true);
                            assert_eq!(all, of_model(&changed, table, &[], None, true));
                        }
                        if fails {
                            return Err(StoreError::Full);
                        }
                        Ok(((), match durability {
                            0 => Durability::Lazy,
                            1 => Durability::Checkpoint,
                            _ => Durability::Commit,
                        }))
                    });
                    prop_assert_eq!(kept.is_err(), fails);
                    if !fails {
                        model = changed;
                        if durability != 0 {
                            possible.clear();
                        }
                        possible.push(model.clone());
                    }
                }
                Step::Restart => {
                    drop(store);
                    store = Store::open(&path).unwrap();
                    let read = store.read().unwrap();
                    let here: Vec<_> = TABLES.iter().flat_map(|t| of_rows(&read, *t, &[], None, false)).collect();
                    let all = |m: &Model| -> Vec<_> {
                        TABLES.iter().flat_map(|t| of_model(m, *t, &[], None, false)).collect()
                    };
                    // Everything durable; of lazy turns the first so many, never a part of one.
                    let shown = possible.iter().rfind(|state| all(state) == here).cloned();
                    prop_assert!(shown.is_some());
                    model = shown.unwrap();
                    possible = vec![model.clone()];
                }
                Step::Scan(table, from, to, down) => {
                    let (read, table) = (store.read().unwrap(), TABLES[table]);
                    let found = of_rows(&read, table, &from, to.as_deref(), down);
                    prop_assert_eq!(found, of_model(&model, table, &from, to.as_deref(), down));
                }
            }
        }
    }
}

#[test]
fn a_reader_keeps_what_it_saw() {
    let store = Store::in_memory().unwrap();
    let put = |value: &[u8], durability| {
        store
            .write::<_, StoreError>(durability, |tx| tx.put(Table::Events, b"k", value))
            .unwrap();
    };
    put(b"old", Durability::Commit);
    let read = store.read().unwrap();
    put(b"new", Durability::Commit);
    put(b"newest", Durability::Checkpoint);
    assert_eq!(read.get(Table::Events, b"k").unwrap().unwrap(), b"old");
    let read = store.read().unwrap();
    assert_eq!(read.get(Table::Events, b"k").unwrap().unwrap(), b"newest");
}
