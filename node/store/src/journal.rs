//! How a turn is kept. A message changes some nine rows all over the tree; written there at once they
//! are sixteen pages to write and to wait for. So a small turn is kept as **one** record at the end of
//! the journal, a file of fixed size beside the store: one write, one sync, no change of any file's
//! length. Its rows stay in the overlay that every reader sees. When the journal is full, with every
//! turn too large for it, and at a checkpoint the overlay goes into the trees in the order of its keys,
//! and the journal begins anew in that same commit. What a crash leaves is laid over the trees at the
//! next start, which therefore writes nothing.
//!
//! A record begins on a page of its own, so that no later write can tear an earlier one:
//!
//! | bytes | what |
//! |---|---|
//! | 16 | token: records count only while the trees name the same one |
//! | 4 | number of the record since the token, from 0 |
//! | 4 | length of the body |
//! | 16 | BLAKE3 of all that stands before this and of the body, cut |
//! | body | rows: length of the key u16, length of the value u32 or all ones = taken away, key, value |

use std::io;

use redb::{StorageBackend, WriteTransaction};

use crate::overlay::{Changes, full, in_tree};
use crate::rows::{Read, Rows};
use crate::tables::{META, ROWS, Table};
use crate::{Result, StoreError};

/// Bytes of the journal.
const SIZE: usize = 512 * 1024;
/// A record begins at a multiple of this.
const PAGE: usize = 4096;
/// Bytes before the body.
const HEAD: usize = 40;
/// Bytes of lazy changes that may wait for a record.
const WAITING: usize = SIZE / 2;
/// Length of a value that says the row is taken away.
const REMOVED: u32 = u32::MAX;
/// Where the trees keep the token.
const TOKEN: &[u8] = b"journal";

/// Which records count.
pub(crate) type Token = [u8; 16];

/// What the writer knows of the journal.
#[derive(Debug)]
pub(crate) struct Journal {
    file: Box<dyn StorageBackend>,
    token: Token,
    /// Number and place of the next record.
    next: u32,
    at: usize,
    /// Changes of lazy turns that no record holds yet, encoded.
    unwritten: Vec<u8>,
    /// A write failed: nobody knows what the file holds, and only a new token makes it good again.
    broken: bool,
}

impl Journal {
    /// Reads what a crash left; none = these trees have never had a journal.
    ///
    /// # Errors
    /// The file is not the one of these trees, or damaged where something durable stood.
    pub(crate) fn open(
        file: Box<dyn StorageBackend>,
        token: Option<Token>,
    ) -> Result<(Self, Changes)> {
        let damaged = |what: &str| StoreError::Damaged(format!("the journal: {what}"));
        let len = file.len().map_err(io_error)?;
        let (mut left, mut at, mut next) = (Changes::new(), 0, 0);
        if let Some(token) = token {
            // Made whole before its first token, and of one size ever since.
            if len != SIZE as u64 {
                return Err(damaged("it is missing or cut; it belongs to the store"));
            }
            let mut bytes = vec![0; SIZE];
            file.read(0, &mut bytes).map_err(io_error)?;
            while let Some((number, body)) = record_at(&bytes, at, &token)
                && number == next
            {
                decode(body, &mut left).ok_or_else(|| damaged("a record does not read"))?;
                (at, next) = (at + pages(body.len()), next + 1);
            }
            // The end is where a write was cut off. Records are synced one by one: one that is whole
            // behind the end means that the one at the end was whole too, once.
            let behind = (at..SIZE).step_by(PAGE);
            if behind
                .filter_map(|at| record_at(&bytes, at, &token))
                .any(|(number, _)| number >= next)
            {
                return Err(damaged("a record is damaged"));
            }
        } else {
            file.set_len(0).map_err(io_error)?;
            file.set_len(SIZE as u64).map_err(io_error)?;
            // Zeros that are really there: a write into a hole would change the file's map as well.
            file.write(0, &vec![0; SIZE]).map_err(io_error)?;
            file.sync_data().map_err(io_error)?;
        }
        let journal = Self {
            file,
            token: token.unwrap_or_default(),
            // What stands here was never promised, if anything does: it is written over.
            next,
            at,
            unwritten: Vec::new(),
            // Until the trees name its token.
            broken: token.is_none(),
        };
        Ok((journal, left))
    }

    /// Keeps changes in memory, for the next record; false when too many wait.
    pub(crate) fn later(&mut self, changes: &Changes) -> bool {
        let before = self.unwritten.len();
        encode(changes, &mut self.unwritten);
        let fits = self.unwritten.len() <= WAITING;
        if !fits {
            self.unwritten.truncate(before);
        }
        fits
    }

    /// Whether nothing waits for a record.
    pub(crate) fn is_written(&self) -> bool {
        self.unwritten.is_empty()
    }

    /// Writes and syncs a record of what waited and of these changes; false when it does not fit.
    ///
    /// # Errors
    /// Reading or writing failed; nothing more is taken until the rows are in the trees.
    pub(crate) fn write(&mut self, changes: &Changes) -> Result<bool> {
        if self.broken {
            return Ok(false);
        }
        let mut record = vec![0; HEAD];
        record.extend_from_slice(&self.unwritten);
        encode(changes, &mut record);
        let len = record.len() - HEAD;
        if self.at + pages(len) > SIZE {
            return Ok(false);
        }
        let Ok(short) = u32::try_from(len) else {
            return Ok(false);
        };
        let body = record.split_off(HEAD);
        record = head(&self.token, self.next, short, &body).to_vec();
        record.extend_from_slice(&body);
        record.resize(pages(len), 0);
        let written = self
            .file
            .write(self.at as u64, &record)
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            self.broken = true;
            return Err(io_error(error));
        }
        self.at += record.len();
        self.next += 1;
        self.unwritten.clear();
        Ok(true)
    }

    /// The rows are on their way into the trees: until [`Journal::begin`] nothing is written here, for
    /// nobody knows which token the trees will name if that fails.
    pub(crate) fn end(&mut self) {
        self.broken = true;
    }

    /// All rows are in the trees, and the trees name this token.
    pub(crate) fn begin(&mut self, token: Token) {
        self.token = token;
        (self.next, self.at) = (0, 0);
        self.unwritten.clear();
        self.broken = false;
    }
}

/// A token that no record has.
pub(crate) fn new_token() -> Result<Token> {
    let mut token = Token::default();
    getrandom::fill(&mut token).map_err(|error| StoreError::Io(error.to_string()))?;
    Ok(token)
}

/// The token that the trees name.
pub(crate) fn token_of(rows: &impl Rows) -> Result<Option<Token>> {
    let token = rows.get(Table::Meta, TOKEN)?;
    Ok(token.and_then(|token| token.try_into().ok()))
}

/// Brings the rows of both layers into the trees and names a new token, in one transaction.
pub(crate) fn apply(
    txn: &WriteTransaction,
    overlay: &Changes,
    changes: &Changes,
    token: &Token,
) -> Result<()> {
    let (mut meta, mut rows) = (txn.open_table(META)?, txn.open_table(ROWS)?);
    let under = overlay
        .iter()
        .filter(|(key, _)| !changes.contains_key(*key));
    for (key, value) in under.chain(changes) {
        let (table, key) = in_tree(key);
        let tree = if table == Table::Meta {
            &mut meta
        } else {
            &mut rows
        };
        match value {
            Some(value) => tree.insert(key, &value[..])?,
            None => tree.remove(key)?,
        };
    }
    meta.insert(TOKEN, &token[..])?;
    Ok(())
}

/// Copies a table of a snapshot into trees that have none of it; how many rows.
pub(crate) fn fill(txn: &WriteTransaction, from: &Read, table: Table) -> Result<u64> {
    let (mut meta, mut rows) = (txn.open_table(META)?, txn.open_table(ROWS)?);
    let (mut count, mut failed) = (0, None);
    from.scan(table, &[], None, false, &mut |key, value| {
        failed = match table {
            // The copy has no journal yet.
            Table::Meta if key == TOKEN => return true,
            Table::Meta => meta.insert(key, value).err(),
            _ => rows.insert(&full(table, key)[..], value).err(),
        };
        count += 1;
        failed.is_none()
    })?;
    failed.map_or(Ok(count), |error| Err(error.into()))
}

fn io_error(error: io::Error) -> StoreError {
    redb::StorageError::Io(error).into()
}

/// Bytes that a record with such a body takes.
fn pages(body: usize) -> usize {
    (HEAD + body).next_multiple_of(PAGE)
}

fn head(token: &Token, number: u32, len: u32, body: &[u8]) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let (front, sum) = head.split_at_mut(HEAD - 16);
    front.copy_from_slice(&[&token[..], &number.to_be_bytes(), &len.to_be_bytes()].concat());
    let mut hasher = blake3::Hasher::new();
    hasher.update(front).update(body);
    hasher.finalize_xof().fill(sum);
    head
}

/// Number and body of the record at a place, if a whole one of this token stands there.
fn record_at<'a>(bytes: &'a [u8], at: usize, token: &Token) -> Option<(u32, &'a [u8])> {
    let bytes = bytes.get(at..)?;
    let (given, rest) = bytes.split_at_checked(HEAD)?;
    let (its_token, numbers) = given.split_first_chunk()?;
    let (number, len) = numbers.split_first_chunk()?;
    let (len, _) = len.split_first_chunk()?;
    let (number, len) = (u32::from_be_bytes(*number), u32::from_be_bytes(*len));
    if its_token != token {
        return None;
    }
    let body = rest.get(..usize::try_from(len).ok()?)?;
    (head(token, number, len, body) == *given).then_some((number, body))
}

fn encode(changes: &Changes, record: &mut Vec<u8>) {
    for (key, value) in changes {
        let bytes = value.as_deref().unwrap_or_default();
        // Keys are some 300 bytes at most and values below 1 MiB: both always fit.
        let key_len = u16::try_from(key.len()).unwrap_or(u16::MAX);
        let len = u32::try_from(bytes.len()).unwrap_or(REMOVED);
        record.extend_from_slice(&key_len.to_be_bytes());
        record.extend_from_slice(&value.as_ref().map_or(REMOVED, |_| len).to_be_bytes());
        record.extend_from_slice(key);
        record.extend_from_slice(bytes);
    }
}

fn decode(record: &[u8], changes: &mut Changes) -> Option<()> {
    let mut rest = record;
    while !rest.is_empty() {
        let (key_len, after) = rest.split_first_chunk()?;
        let (len, after) = after.split_first_chunk()?;
        let (key, after) = after.split_at_checked(u16::from_be_bytes(*key_len).into())?;
        let value = match u32::from_be_bytes(*len) {
            REMOVED => None,
            len => Some(usize::try_from(len).ok()?),
        };
        let (bytes, after) = after.split_at_checked(value.unwrap_or(0))?;
        changes.insert(key.to_vec(), value.map(|_| bytes.to_vec()));
        rest = after;
    }
    Some(())
}

#[cfg(test)]
#[allow(
    clippy::indexing_slicing,
    reason = "a test stops at the first wrong thing"
)]
mod tests {
    use super::*;

    fn changes(seed: u8) -> Changes {
        [
            (vec![1, seed], Some(vec![2, 3])),
            (vec![4, 5], None),
            (vec![6], Some(Vec::new())),
            (vec![7, seed], Some(vec![seed; 5_000])),
        ]
        .into()
    }

    #[test]
    fn records_come_back_as_they_were() {
        let mut record = Vec::new();
        encode(&changes(1), &mut record);
        let mut back = Changes::new();
        assert_eq!(decode(&record, &mut back), Some(()));
        assert_eq!(back, changes(1));
        for cut in 1..record.len() {
            // A cut record is refused, unless the cut is between rows.
            let mut part = Changes::new();
            if decode(record.get(..cut).unwrap_or_default(), &mut part).is_some() {
                assert!(part.len() < back.len());
            }
        }
    }

    /// The bytes of a journal with three records.
    fn written(token: Token) -> Vec<u8> {
        let mut bytes = vec![0; SIZE];
        let mut at = 0;
        for number in 0..3 {
            let mut body = Vec::new();
            encode(&changes(number), &mut body);
            let head = head(&token, number.into(), body.len() as u32, &body);
            let record = [&head[..], &body].concat();
            bytes[at..at + record.len()].copy_from_slice(&record);
            at += pages(body.len());
        }
        bytes
    }

    fn opened(bytes: &[u8], token: Token) -> Result<Changes> {
        let file = redb::backends::InMemoryBackend::new();
        file.set_len(bytes.len() as u64).expect("memory");
        file.write(0, bytes).expect("memory");
        Journal::open(Box::new(file), Some(token)).map(|(_, left)| left)
    }

    #[test]
    fn only_the_end_may_be_torn() {
        let (token, mut all) = ([9; 16], Changes::new());
        (0..3).for_each(|seed| all.extend(changes(seed)));
        let bytes = written(token);
        assert_eq!(opened(&bytes, token).ok(), Some(all));
        assert_eq!(
            opened(&bytes, [8; 16]).ok(),
            Some(Changes::new()),
            "records of another token are old"
        );
        // Each record takes two pages. A byte wrong in the last one: it was being written. In an
        // earlier one: something durable is gone, and that is said.
        for (place, is_end) in [(0, false), (5_000, false), (8_200, false), (16_390, true)] {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1;
            let left = opened(&bytes, token);
            assert_eq!(left.is_ok(), is_end, "byte {place}");
            assert!(left.is_err() || left.is_ok_and(|left| left.contains_key(&vec![7, 1])));
        }
        assert!(opened(&bytes[..SIZE - 1], token).is_err(), "a cut file");
        assert!(opened(&[], token).is_err(), "a file that is gone");
    }
}
