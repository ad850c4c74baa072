//! A disk that fails while the store is open: errors, no room, damage. The store says so, keeps what it promised and
//! goes on in the same process once the disk does (D05, D06).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first wrong thing"
)]

use std::io;
use std::sync::{Arc, Mutex};

use chater_store::tables::Table;
use chater_store::{Durability, Rows, Store, StoreError};

/// What the disk does wrong, and when.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// This one operation fails.
    Once(u64, io::ErrorKind),
    /// Every change of the file fails from this operation on, until mended.
    From(u64, io::ErrorKind),
    /// Reads bring wrong bytes from this operation on, until mended.
    Lies(u64),
}

#[derive(Debug, Default)]
struct Disk {
    /// The trees and the journal.
    files: [Vec<u8>; 2],
    ops: u64,
    fault: Option<Fault>,
    met: u64,
}

impl Disk {
    /// One operation; `change` = it changes the file or syncs it.
    fn step(&mut self, change: bool) -> io::Result<()> {
        self.ops += 1;
        match self.fault {
            Some(Fault::Once(at, kind)) if at == self.ops => {
                self.met += 1;
                Err(kind.into())
            }
            Some(Fault::From(at, kind)) if self.ops >= at && change => {
                self.met += 1;
                Err(kind.into())
            }
            _ => Ok(()),
        }
    }
}

#[derive(Debug, Clone)]
struct Backend(Arc<Mutex<Disk>>, usize);

impl redb::StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        let mut disk = self.0.lock().unwrap();
        disk.step(false)?;
        Ok(disk.files[self.1].len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.step(false)?;
        let at = offset as usize;
        let from = disk.files[self.1]
            .get(at..at + out.len())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(from);
        if let Some(Fault::Lies(at)) = disk.fault
            && disk.ops >= at
        {
            disk.met += 1;
            let place = (disk.ops as usize * 7_919) % out.len().max(1);
            for byte in out.iter_mut().skip(place).take(64) {
                *byte ^= 0x5a;
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.step(true)?;
        disk.files[self.1].resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.lock().unwrap().step(true)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.step(true)?;
        let (at, end) = (offset as usize, offset as usize + data.len());
        let bytes = &mut disk.files[self.1];
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[at..end].copy_from_slice(data);
        Ok(())
    }
}

fn open() -> (Arc<Mutex<Disk>>, Store) {
    let disk = Arc::new(Mutex::new(Disk::default()));
    let store = on(&disk);
    (disk, store)
}

fn on(disk: &Arc<Mutex<Disk>>) -> Store {
    let disk = disk.clone();
    Store::on_backends(move || (Backend(disk.clone(), 0), Backend(disk.clone(), 1))).unwrap()
}

/// Writes one row of a few pages, into the journal or with all there is into the trees.
fn put(store: &Store, n: u64) -> Result<(), StoreError> {
    let value = vec![n as u8; 3_000];
    let durability = if n % 4 == 3 {
        Durability::Checkpoint
    } else {
        Durability::Commit
    };
    store.turn(|tx| {
        tx.put(Table::Events, &n.to_be_bytes(), &value)?;
        Ok(((), durability))
    })
}

fn count(store: &Store) -> Result<Vec<u64>, StoreError> {
    let mut found = Vec::new();
    store.read()?.each(Table::Events, &[], &mut |key, value| {
        let n = u64::from_be_bytes(key.try_into().unwrap());
        assert!(value.len() == 3_000 && value.iter().all(|byte| *byte == n as u8));
        found.push(n);
        true
    })?;
    Ok(found)
}

#[test]
fn one_failed_operation_costs_one_transaction() {
    let (mut failed, mut seen_full) = (0, 0);
    for at in 1..=200 {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
            let (disk, store) = open();
            {
                let mut disk = disk.lock().unwrap();
                disk.fault = Some(Fault::Once(disk.ops + at, kind));
            }
            let mut kept = Vec::new();
            for n in 0..40 {
                match put(&store, n) {
                    Ok(()) => kept.push(n),
                    Err(StoreError::Full) if kind == io::ErrorKind::StorageFull => {
                        failed += 1;
                        seen_full += 1;
                    }
                    Err(StoreError::Io(_)) => failed += 1,
                    Err(other) => panic!("operation {at}: {other}"),
                }
            }
            // A transaction whose sync failed may be there or not: nobody was told that it is.
            let found = count(&store).unwrap();
            assert!(
                kept.iter().all(|n| found.contains(n)),
                "operation {at}, {kind:?}: {kept:?} promised, {found:?} found"
            );
            assert!(kept.len() >= 39, "operation {at}: {} kept", kept.len());
            assert!(store.is_whole());
        }
    }
    assert!(
        failed > 200 && seen_full > 100,
        "{failed} failures, {seen_full} full"
    );
}

#[test]
fn a_disk_that_fails_for_a_while_is_used_again_after_it() {
    for at in [1, 2, 3, 5, 8, 13, 21, 34, 55, 89] {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
            let (disk, store) = open();
            for n in 0..5 {
                put(&store, n).unwrap();
            }
            {
                let mut disk = disk.lock().unwrap();
                disk.fault = Some(Fault::From(disk.ops + at, kind));
            }
            let mut kept: Vec<u64> = (0..5).collect();
            for n in 5..60 {
                if put(&store, n).is_ok() {
                    kept.push(n);
                }
            }
            assert!(kept.len() < 40 && disk.lock().unwrap().met > 0);
            disk.lock().unwrap().fault = None;
            put(&store, 60).unwrap();
            kept.push(60);
            let found = count(&store).unwrap();
            assert!(kept.iter().all(|n| found.contains(n)), "{at} {kind:?}");
            assert!(store.is_whole());
            // And on the disk itself.
            drop(store);
            let again = on(&disk);
            assert_eq!(count(&again).unwrap(), found);
        }
    }
}

#[test]
fn a_read_opens_the_file_anew() {
    let (disk, store) = open();
    for n in 0..20 {
        put(&store, n).unwrap();
    }
    {
        let mut disk = disk.lock().unwrap();
        disk.fault = Some(Fault::Once(disk.ops + 1, io::ErrorKind::Other));
    }
    assert!(put(&store, 20).is_err() && !store.is_whole());
    assert!(count(&store).unwrap().len() >= 20);
    assert!(store.is_whole());
}

/// More rows than the cache of the store holds, so that reads reach the disk.
const MANY: u64 = 9_000;

#[test]
fn damage_met_while_running_is_an_error_and_no_panic() {
    let image = {
        let (disk, store) = open();
        store
            .write::<_, StoreError>(Durability::Commit, |tx| {
                for n in 0..MANY {
                    tx.put(Table::Events, &n.to_be_bytes(), &[n as u8; 3_000])?;
                }
                Ok(())
            })
            .unwrap();
        drop(store);
        std::mem::take(&mut disk.lock().unwrap().files)
    };
    let (mut met, mut errors) = (0, 0);
    for at in 1..=12 {
        let (disk, opened) = {
            let disk = Arc::new(Mutex::new(Disk {
                files: image.clone(),
                ..Disk::default()
            }));
            let opened = on(&disk);
            (disk, opened)
        };
        {
            let mut disk = disk.lock().unwrap();
            disk.fault = Some(Fault::Lies(disk.ops + at));
        }
        for n in (0..MANY).step_by(61) {
            let read = opened
                .read()
                .and_then(|rows| rows.get(Table::Events, &n.to_be_bytes()));
            let written = opened.turn::<_, StoreError>(|tx| {
                tx.remove(Table::Events, &(n / 2).to_be_bytes())?;
                // Nothing is committed over damage that this test makes up.
                Err::<((), Durability), _>(StoreError::Full)
            });
            errors += u64::from(read.is_err());
            errors += u64::from(!matches!(written, Err(StoreError::Full)));
        }
        let mut disk = disk.lock().unwrap();
        met += disk.met;
        disk.fault = None;
        drop(disk);
        // The file itself is right: a fresh opening has it all.
        drop(opened);
    }
    assert!(
        met > 100 && errors > 20,
        "{met} wrong reads, {errors} errors"
    );
}

#[test]
fn a_panic_inside_a_transaction_keeps_nothing_of_it() {
    let (_disk, store) = open();
    put(&store, 0).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.turn::<(), StoreError>(|tx| {
            tx.put(Table::Events, &1u64.to_be_bytes(), b"half")?;
            panic!("on purpose");
        })
    }));
    assert!(panicked.is_err());
    put(&store, 2).unwrap();
    assert_eq!(count(&store).unwrap(), [0, 2]);
}

#[test]
fn a_part_of_a_transaction_can_be_taken_back() {
    let (_disk, store) = open();
    put(&store, 0).unwrap();
    let old = vec![0u8; 3_000];
    store
        .turn::<_, StoreError>(|tx| {
            tx.put(Table::Meta, b"kept", b"1")?;
            tx.begin();
            tx.put(Table::Meta, b"kept", b"2")?;
            tx.put(Table::Meta, b"kept", b"3")?;
            tx.put(Table::Meta, b"new", b"4")?;
            assert!(tx.remove(Table::Events, &0u64.to_be_bytes())?);
            tx.undo();
            assert_eq!(tx.get(Table::Meta, b"kept")?.as_deref(), Some(&b"1"[..]));
            assert_eq!(tx.get(Table::Meta, b"new")?, None);
            let back = tx.get(Table::Events, &0u64.to_be_bytes())?;
            assert_eq!(back, Some(old));
            assert!(tx.is_whole());
            Ok(((), Durability::Commit))
        })
        .unwrap();
    let rows = store.read().unwrap();
    assert_eq!(
        rows.get(Table::Meta, b"kept").unwrap().as_deref(),
        Some(&b"1"[..])
    );
    assert_eq!(count(&store).unwrap(), [0]);
}
