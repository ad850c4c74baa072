//! Transactions as rows in tables: the one way into redb. Tables are opened when first used and kept
//! open until the transaction ends, so a turn of a thousand inputs opens each once.

use std::cell::RefCell;
use std::ops::Bound;

use chater_protocol::codec;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::file::Spoilt;
use crate::tables::{META, ROWS, Table, Tree};
use crate::{Result, StoreError, key};

/// Called with key and value; false ends the scan.
pub type Visit<'f> = dyn FnMut(&[u8], &[u8]) -> bool + 'f;

/// Reading rows, in a snapshot or in the writer's own transaction.
pub trait Rows {
    /// The value of a key.
    ///
    /// # Errors
    /// Storage errors.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Visits rows from `from` (included) up to `to` (excluded; none = the end), or downwards.
    ///
    /// # Errors
    /// Storage errors.
    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: Option<&[u8]>,
        down: bool,
        visit: &mut Visit<'_>,
    ) -> Result<()>;

    /// Visits the rows whose key begins with `prefix`, upwards.
    ///
    /// # Errors
    /// Storage errors.
    fn each(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<()> {
        self.scan(table, prefix, key::after(prefix).as_deref(), false, visit)
    }

    /// The CBOR row of a key.
    ///
    /// # Errors
    /// Storage errors, and a row that does not decode.
    fn row<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>> {
        self.get(table, key)?
            .map(|bytes| decode_row(table, &bytes))
            .transpose()
    }
}

/// Decodes a CBOR row of our own.
///
/// # Errors
/// A damaged row.
pub(crate) fn decode_row<T: DeserializeOwned>(table: Table, bytes: &[u8]) -> Result<T> {
    codec::decode(bytes, usize::MAX).map_err(|_| damaged(table))
}

/// A row that does not have its shape.
pub(crate) fn damaged(table: Table) -> StoreError {
    StoreError::Damaged(format!("a row of {table:?}"))
}

type Bytes = &'static [u8];

/// The key in the tree: the table's number, then the key.
fn full(table: Table, key: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(key.len() + 1);
    if table != Table::Meta {
        full.push(table.number());
    }
    full.extend_from_slice(key);
    full
}

/// Both ends of a scan in the tree, and how many bytes of a key are the table's number.
fn bounds(table: Table, from: &[u8], to: Option<&[u8]>) -> (Vec<u8>, Option<Vec<u8>>, usize) {
    let from = full(table, from);
    if table == Table::Meta {
        return (from, to.map(<[u8]>::to_vec), 0);
    }
    let end = to.map_or_else(|| vec![table.number() + 1], |to| full(table, to));
    (from, Some(end), 1)
}

/// Opens a tree when it is first used.
fn tree_of(table: Table) -> Tree {
    if table == Table::Meta { META } else { ROWS }
}

/// A read snapshot.
pub struct Read {
    txn: ReadTransaction,
    spoilt: Spoilt,
    meta: RefCell<Option<ReadOnlyTable<Bytes, Bytes>>>,
    rows: RefCell<Option<ReadOnlyTable<Bytes, Bytes>>>,
}

impl Read {
    pub(crate) fn new(txn: ReadTransaction, spoilt: Spoilt) -> Self {
        Self {
            txn,
            spoilt,
            meta: RefCell::default(),
            rows: RefCell::default(),
        }
    }

    fn with<T>(
        &self,
        table: Table,
        empty: T,
        f: impl FnOnce(&ReadOnlyTable<Bytes, Bytes>) -> Result<T>,
    ) -> Result<T> {
        let slot = if table == Table::Meta {
            &self.meta
        } else {
            &self.rows
        };
        self.spoilt.reading(|| {
            if slot.borrow().is_none() {
                match self.txn.open_table(tree_of(table)) {
                    Ok(opened) => slot.replace(Some(opened)),
                    Err(redb::TableError::TableDoesNotExist(_)) => return Ok(empty),
                    Err(error) => return Err(error.into()),
                };
            }
            // Shared: the closure may read this very tree again.
            slot.borrow().as_ref().map_or(Ok(empty), f)
        })
    }
}

impl Rows for Read {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.with(table, None, |t| {
            Ok(t.get(&full(table, key)[..])?.map(|v| v.value().to_vec()))
        })
    }

    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: Option<&[u8]>,
        down: bool,
        visit: &mut Visit<'_>,
    ) -> Result<()> {
        let (from, to, skip) = bounds(table, from, to);
        self.with(table, (), |t| {
            scan(t, &from, to.as_deref(), skip, down, visit)
        })
    }
}

/// A row as it was before a change: table, key in the tree, value.
type Before = (Table, Vec<u8>, Option<Vec<u8>>);

/// The write transaction of a turn.
pub struct Write<'txn> {
    txn: &'txn WriteTransaction,
    spoilt: Spoilt,
    /// What was there before, newest last; none = not kept.
    undo: RefCell<Option<Vec<Before>>>,
    meta: RefCell<Option<redb::Table<'txn, Bytes, Bytes>>>,
    rows: RefCell<Option<redb::Table<'txn, Bytes, Bytes>>>,
}

impl<'txn> Write<'txn> {
    pub(crate) fn new(txn: &'txn WriteTransaction, spoilt: Spoilt) -> Self {
        Self {
            txn,
            spoilt,
            undo: RefCell::default(),
            meta: RefCell::default(),
            rows: RefCell::default(),
        }
    }

    fn with<T>(
        &self,
        table: Table,
        f: impl FnOnce(&mut redb::Table<'txn, Bytes, Bytes>) -> Result<T>,
    ) -> Result<T> {
        let slot = if table == Table::Meta {
            &self.meta
        } else {
            &self.rows
        };
        self.spoilt.changing(|| {
            let mut open = slot.borrow_mut();
            if open.is_none() {
                *open = Some(self.txn.open_table(tree_of(table))?);
            }
            open.as_mut().map_or_else(|| Err(damaged(table)), f)
        })
    }

    /// Whether the file still serves: a row that does not decode leaves it so, a failure of the disk or
    /// damage that redb met does not, and nothing of this transaction can be kept.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.spoilt.is_set()
    }

    /// From here on [`Write::undo`] can take changes back.
    pub fn begin(&self) {
        match &mut *self.undo.borrow_mut() {
            Some(undo) => undo.clear(),
            none => *none = Some(Vec::new()),
        }
    }

    /// Takes back all changes since [`Write::begin`], the newest first: one part of a transaction fails
    /// without the others.
    ///
    /// # Errors
    /// Storage errors; then nothing of the transaction can be kept.
    pub fn undo(&self) -> Result<()> {
        let changes = self.undo.take().unwrap_or_default();
        for (table, key, value) in changes.into_iter().rev() {
            self.with(table, |t| {
                match &value {
                    Some(value) => t.insert(&key[..], &value[..])?,
                    None => t.remove(&key[..])?,
                };
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Changes one row and remembers what it was.
    fn change(&self, table: Table, key: &[u8], value: Option<&[u8]>) -> Result<bool> {
        let key = full(table, key);
        let mut undo = self.undo.borrow_mut();
        let (was, before) = self.with(table, |t| {
            let old = match value {
                Some(value) => t.insert(&key[..], value)?,
                None => t.remove(&key[..])?,
            };
            let before = old.as_ref().filter(|_| undo.is_some());
            Ok((old.is_some(), before.map(|v| v.value().to_vec())))
        })?;
        if let Some(undo) = &mut *undo {
            undo.push((table, key, before));
        }
        Ok(was)
    }

    /// Writes a row.
    ///
    /// # Errors
    /// Storage errors.
    pub fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.change(table, key, Some(value)).map(|_| ())
    }

    /// Writes a CBOR row.
    ///
    /// # Errors
    /// Storage errors.
    pub fn put_row<T: Serialize>(&self, table: Table, key: &[u8], row: &T) -> Result<()> {
        self.put(table, key, &codec::encode(row))
    }

    /// Takes a row away; whether it was there.
    ///
    /// # Errors
    /// Storage errors.
    pub fn remove(&self, table: Table, key: &[u8]) -> Result<bool> {
        self.change(table, key, None)
    }

    /// The next number of a counter kept in `meta`, from 1.
    ///
    /// # Errors
    /// Storage errors; more than 2^32 - 1 numbers given.
    pub fn next_number(&self, counter: &str) -> Result<u32> {
        let last = self.get(Table::Meta, counter.as_bytes())?;
        let last = last
            .and_then(|b| b.try_into().ok())
            .map_or(0, u32::from_be_bytes);
        let next = last
            .checked_add(1)
            .ok_or_else(|| StoreError::Damaged(format!("counter {counter}")))?;
        self.put(Table::Meta, counter.as_bytes(), &next.to_be_bytes())?;
        Ok(next)
    }
}

impl Rows for Write<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.with(table, |t| {
            Ok(t.get(&full(table, key)[..])?.map(|v| v.value().to_vec()))
        })
    }

    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: Option<&[u8]>,
        down: bool,
        visit: &mut Visit<'_>,
    ) -> Result<()> {
        // Rows are taken in pieces, so that the closure may read other tables, or write this one.
        // Most callers want one row or a few: the pieces begin small.
        const PIECE: usize = 64;
        let mut size = 4;
        let (mut from, mut to, skip) = bounds(table, from, to);
        loop {
            let mut piece: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
            self.with(table, |t| {
                scan(t, &from, to.as_deref(), 0, down, &mut |k, v| {
                    piece.push((k.to_vec(), v.to_vec()));
                    piece.len() < size
                })
            })?;
            for (k, v) in &piece {
                if !visit(k.get(skip..).unwrap_or_default(), v) {
                    return Ok(());
                }
            }
            match piece.pop() {
                Some((last, _)) if piece.len() + 1 == size => {
                    size = (size * 4).min(PIECE);
                    if down {
                        to = Some(last);
                    } else {
                        from = last;
                        from.push(0);
                    }
                }
                _ => return Ok(()),
            }
        }
    }
}

fn scan(
    table: &impl ReadableTable<Bytes, Bytes>,
    from: &[u8],
    to: Option<&[u8]>,
    skip: usize,
    down: bool,
    visit: &mut Visit<'_>,
) -> Result<()> {
    if to.is_some_and(|to| to <= from) {
        return Ok(());
    }
    let upper = to.map_or(Bound::Unbounded, Bound::Excluded);
    let mut range = table.range::<&[u8]>((Bound::Included(from), upper))?;
    while let Some(next) = if down {
        range.next_back()
    } else {
        range.next()
    } {
        let (k, v) = next?;
        if !visit(k.value().get(skip..).unwrap_or_default(), v.value()) {
            break;
        }
    }
    Ok(())
}
