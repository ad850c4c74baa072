//! The file: newer layouts, copies, damage.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops at the first wrong thing"
)]

mod common;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use chater_protocol::event::Kind;
use chater_protocol::id::EventId;
use chater_protocol::time::Timestamp;
use chater_store::tables::Table;
use chater_store::{Durability, Rows, Store, StoreError, chats, events};
use common::{chat_of, dump, event, homes};

/// A closed store file with a chat of 40 messages.
fn make(path: &Path) {
    let homes = homes();
    let group = chat_of(&homes);
    let store = Store::open(path).unwrap();
    let mut prev = EventId::default();
    for seq in 0..40u64 {
        let ts = Timestamp::from_ms(1_790_000_000_000 + seq);
        let e = event(
            &homes[0],
            group,
            (Kind::MSG, 2),
            (seq, prev),
            vec![],
            ts,
            b"text",
        );
        prev = e.id();
        store
            .write::<_, StoreError>(Durability::Commit, |tx| {
                let (no, mut chat) =
                    chats::ensure_direct(tx, group, homes[0].user(), homes[2].user(), 1)?;
                events::append(tx, no, &mut chat, &e, None, u64::MAX >> 17)?;
                chats::put(tx, no, &chat)
            })
            .unwrap();
    }
}

#[test]
fn a_newer_layout_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    make(&path);
    let store = Store::open(&path).unwrap();
    store
        .write::<_, StoreError>(Durability::Checkpoint, |tx| {
            tx.put(Table::Meta, b"schema", &3u32.to_be_bytes())
        })
        .unwrap();
    drop(store);
    let before = fs::read(&path).unwrap();
    for _ in 0..2 {
        assert!(matches!(
            Store::open(&path),
            Err(StoreError::Newer { found: 3, known: 2 })
        ));
    }
    assert!(fs::read(&path).unwrap() == before, "the file is untouched");
}

/// The journal belongs to the store: what stands in it is as durable as the rest.
#[test]
fn a_store_without_its_journal_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    make(&path);
    let whole = dump(&Store::open(&path).unwrap().read().unwrap());
    let journal = path.with_extension("journal");
    let bytes = fs::read(&journal).unwrap();
    for broken in [&[][..], &bytes[..4096]] {
        fs::write(&journal, broken).unwrap();
        assert!(matches!(Store::open(&path), Err(StoreError::Damaged(_))));
    }
    fs::write(&journal, &bytes).unwrap();
    assert_eq!(dump(&Store::open(&path).unwrap().read().unwrap()), whole);
}

#[test]
fn a_copy_is_equal_and_never_overwrites() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("store"), dir.path().join("copy"));
    make(&path);
    let store = Store::open(&path).unwrap();
    let rows = store.copy_to(&copy).unwrap();
    let ours = dump(&store.read().unwrap());
    assert_eq!(rows, ours.len() as u64);
    let copied = Store::open(&copy).unwrap();
    assert_eq!(dump(&copied.read().unwrap()), ours);
    assert!(store.copy_to(&copy).is_err());
}

/// D10, D15: what is no store of ours is refused with its reason, and left as it is.
#[test]
fn other_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    // Another program's redb file.
    let db = redb::Database::create(&path).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(redb::TableDefinition::<u64, u64>::new("theirs"))
        .unwrap()
        .insert(1, 2)
        .unwrap();
    txn.commit().unwrap();
    drop(db);
    assert!(matches!(Store::open(&path), Err(StoreError::Damaged(_))));
    // Text, nothing at all, a folder.
    fs::write(&path, b"hello, this is a letter to my aunt").unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Damaged(_))));
    fs::write(&path, b"").unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Damaged(_))));
    assert!(Store::open(dir.path()).is_err());
    assert!(Store::open(&dir.path().join("none/store")).is_err());
    // Open in another place: not damaged.
    fs::remove_file(&path).unwrap();
    let _open = Store::open(&path).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Io(_))));
}

/// What an opened, possibly damaged file shows.
#[derive(Debug, PartialEq, Clone, Copy)]
enum Shows {
    All,
    Refused,
    Other,
    Empty,
    Panicked,
}

fn open(path: &Path, whole: &[(String, Vec<u8>, Vec<u8>)]) -> Shows {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let store = Store::open(path)?;
        let read = store.read()?;
        let mut all = Vec::new();
        for table in Table::ALL {
            read.each(*table, &[], &mut |k, v| {
                // Changes with every start.
                if k != b"journal" {
                    all.push((format!("{table:?}"), k.to_vec(), v.to_vec()));
                }
                true
            })?;
        }
        Ok::<_, StoreError>(all)
    }));
    match outcome {
        Err(_) => Shows::Panicked,
        Ok(Err(_)) => Shows::Refused,
        Ok(Ok(all)) if all == whole => Shows::All,
        Ok(Ok(all)) if all.len() <= 1 => Shows::Empty,
        Ok(Ok(_)) => Shows::Other,
    }
}

/// D08: a file cut anywhere.
#[test]
fn a_cut_file_is_never_empty() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    make(&path);
    let whole = dump(&Store::open(&path).unwrap().read().unwrap());
    let bytes = fs::read(&path).unwrap();
    let len = bytes.len();
    let mut cuts = vec![
        0,
        1,
        9,
        63,
        320,
        511,
        4_095,
        4_096,
        len / 2,
        len - 4_096,
        len - 1,
    ];
    cuts.extend((0..20).map(|i| i * len / 20));
    for cut in cuts {
        fs::write(&path, &bytes[..cut]).unwrap();
        let shows = open(&path, &whole);
        assert!(
            matches!(shows, Shows::All | Shows::Refused),
            "cut to {cut}: {shows:?}"
        );
    }
}

/// D09: bytes flipped one at a time, every one of the header and some of the rest.
#[test]
fn a_flipped_byte_never_empties_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    make(&path);
    let whole = dump(&Store::open(&path).unwrap().read().unwrap());
    let bytes = fs::read(&path).unwrap();
    let used: Vec<usize> = (512..bytes.len()).filter(|i| bytes[*i] != 0).collect();
    let mut places: Vec<usize> = (0..320).collect();
    places.extend((0..400).map(|i| used[i * 7_919 % used.len()]));
    let mut counts = std::collections::BTreeMap::new();
    for at in places {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&path, &flipped).unwrap();
        let shows = open(&path, &whole);
        *counts.entry(format!("{shows:?}")).or_insert(0) += 1;
        assert!(
            matches!(shows, Shows::All | Shows::Refused),
            "flip at {at}: {shows:?}"
        );
    }
    // Most flips hit something that counts, and some hit nothing.
    assert!(counts.len() == 2, "{counts:?}");
}

#[test]
#[ignore = "a measurement: how long the check of a whole file takes"]
fn opening_a_large_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = Store::open(&path).unwrap();
    for turn in 0..100u64 {
        store
            .write::<_, StoreError>(Durability::Commit, |tx| {
                for i in 0..1000u64 {
                    let key = [turn.to_be_bytes(), i.to_be_bytes()].concat();
                    tx.put(Table::Events, &key, &[7; 700])?;
                }
                Ok(())
            })
            .unwrap();
    }
    drop(store);
    let begun = std::time::Instant::now();
    drop(Store::open(&path).unwrap());
    let size = fs::metadata(&path).unwrap().len() >> 20;
    eprintln!("{size} MiB opened in {:?}", begun.elapsed());
}
