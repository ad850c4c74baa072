//! Rows in tables, for readers and for the writer's turn: both see the trees of redb with the changes
//! over them that are kept in the journal and not yet in the trees ([`crate::overlay`]).

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use chater_protocol::codec;
use chater_protocol::id::UserId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::file::Spoilt;
use crate::overlay::{Base, Changes, Span, full, get, merge};
use crate::tables::Table;
use crate::{Result, StoreError, key};

/// Called with key and value; false ends the scan.
pub type Visit<'f> = dyn FnMut(&[u8], &[u8]) -> bool + 'f;

/// Reading rows, in a snapshot or in the writer's own transaction.
pub trait Rows {
    /// The turns of the writer that are surely in what is seen here, counted since the start. What is
    /// remembered of rows is as old as this.
    fn turn(&self) -> u64;

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

/// A read snapshot: the trees as they were last brought up to date, and over them what has changed since.
#[derive(Clone)]
pub struct Read {
    pub(crate) base: Arc<Base>,
    pub(crate) overlay: Arc<Changes>,
    pub(crate) turn: u64,
}

impl Read {
    /// The trees alone.
    pub(crate) fn of(txn: &redb::ReadTransaction, spoilt: Spoilt) -> Result<Self> {
        Ok(Self {
            base: Arc::new(Base::of(txn, spoilt)?),
            overlay: Arc::default(),
            turn: 0,
        })
    }
}

impl Rows for Read {
    fn turn(&self) -> u64 {
        self.turn
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        get(&self.base, &[&self.overlay], table, key)
    }

    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: Option<&[u8]>,
        down: bool,
        visit: &mut Visit<'_>,
    ) -> Result<()> {
        let span = Span::of(table, from, to);
        merge(&self.base, &[&self.overlay], &span, down, visit)
    }
}

/// What a turn of the writer reads and changes: a snapshot, and over it the turn's own changes, which
/// nobody else sees before they are kept.
pub struct Write<'s> {
    before: &'s Read,
    changes: RefCell<Changes>,
    /// What the changes held before, newest last; none = not kept.
    undo: RefCell<Option<Vec<Replaced>>>,
    /// Chat and author of feeds that were looked up: neither ever changes.
    whose: RefCell<HashMap<u32, (u32, UserId)>>,
}

/// A key, and what the turn had changed of it before.
type Replaced = (Vec<u8>, Option<Option<Vec<u8>>>);

impl<'s> Write<'s> {
    pub(crate) fn new(before: &'s Read) -> Self {
        Self {
            before,
            changes: RefCell::default(),
            undo: RefCell::default(),
            whose: RefCell::default(),
        }
    }

    /// Chat and author of a feed; `look` finds what is not remembered.
    pub(crate) fn whose(
        &self,
        feed_no: u32,
        look: impl FnOnce() -> Result<(u32, UserId)>,
    ) -> Result<(u32, UserId)> {
        if let Some(known) = self.whose.borrow().get(&feed_no) {
            return Ok(*known);
        }
        let found = look()?;
        self.whose.borrow_mut().insert(feed_no, found);
        Ok(found)
    }

    /// Whether the file still serves: a row that does not decode leaves it so, a failure of the disk or
    /// damage that redb met does not, and nothing of this turn can be kept.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.before.base.is_whole()
    }

    /// From here on [`Write::undo`] can take changes back.
    pub fn begin(&self) {
        match &mut *self.undo.borrow_mut() {
            Some(undo) => undo.clear(),
            none => *none = Some(Vec::new()),
        }
    }

    /// Takes back all changes since [`Write::begin`]: one part of a turn fails without the others.
    pub fn undo(&self) {
        let mut changes = self.changes.borrow_mut();
        // The number of a feed that is taken back may be given to another.
        self.whose.borrow_mut().clear();
        let replaced = self.undo.take().unwrap_or_default();
        for (key, old) in replaced.into_iter().rev() {
            match old {
                Some(old) => changes.insert(key, old),
                None => changes.remove(&key),
            };
        }
    }

    fn change(&self, key: Vec<u8>, value: Option<Vec<u8>>) {
        let mut changes = self.changes.borrow_mut();
        match &mut *self.undo.borrow_mut() {
            Some(undo) => {
                let old = changes.insert(key.clone(), value);
                undo.push((key, old));
            }
            None => {
                changes.insert(key, value);
            }
        }
    }

    pub(crate) fn into_changes(self) -> Changes {
        self.changes.into_inner()
    }

    /// Writes a row.
    ///
    /// # Errors
    /// Storage errors.
    pub fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.change(full(table, key), Some(value.to_vec()));
        Ok(())
    }

    /// Writes a CBOR row.
    ///
    /// # Errors
    /// Storage errors.
    pub fn put_row<T: Serialize>(&self, table: Table, key: &[u8], row: &T) -> Result<()> {
        self.change(full(table, key), Some(codec::encode(row)));
        Ok(())
    }

    /// Takes a row away; whether it was there.
    ///
    /// # Errors
    /// Storage errors.
    pub fn remove(&self, table: Table, key: &[u8]) -> Result<bool> {
        let was = self.get(table, key)?.is_some();
        if was {
            self.change(full(table, key), None);
        }
        Ok(was)
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
    fn turn(&self) -> u64 {
        self.before.turn + 1
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let changes = self.changes.borrow();
        get(
            &self.before.base,
            &[&changes, &self.before.overlay],
            table,
            key,
        )
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
        let (mut from, mut to) = (from.to_vec(), to.map(<[u8]>::to_vec));
        loop {
            let mut piece: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
            {
                let changes = self.changes.borrow();
                let span = Span::of(table, &from, to.as_deref());
                let layers: [&Changes; 2] = [&changes, &self.before.overlay];
                merge(&self.before.base, &layers, &span, down, &mut |k, v| {
                    piece.push((k.to_vec(), v.to_vec()));
                    piece.len() < size
                })?;
            }
            for (k, v) in &piece {
                if !visit(k, v) {
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
