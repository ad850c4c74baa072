//! Two states seen as one: the trees of redb, and over them layers of changes that are not in the
//! trees yet. A lookup asks the layers from the newest down, then the tree; a scan merges all of them.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::ops::Bound;

use redb::{ReadOnlyTable, ReadTransaction};

use crate::Result;
use crate::file::Spoilt;
use crate::rows::Visit;
use crate::tables::{META, ROWS, Table};

/// Changed rows by full key (the table's number, then the key); none = taken away.
pub(crate) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

type Bytes = &'static [u8];

/// The trees at one moment. They stay readable as long as this lives.
pub(crate) struct Base {
    spoilt: Spoilt,
    meta: Option<ReadOnlyTable<Bytes, Bytes>>,
    rows: Option<ReadOnlyTable<Bytes, Bytes>>,
}

impl Base {
    pub(crate) fn of(txn: &ReadTransaction, spoilt: Spoilt) -> Result<Self> {
        let open = |tree| match txn.open_table(tree) {
            Ok(opened) => Ok(Some(opened)),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error),
        };
        Ok(Self {
            meta: open(META)?,
            rows: open(ROWS)?,
            spoilt,
        })
    }

    /// Whether nothing has failed since these trees were opened.
    pub(crate) fn is_whole(&self) -> bool {
        !self.spoilt.is_set()
    }

    fn tree(&self, table: Table) -> Option<&ReadOnlyTable<Bytes, Bytes>> {
        if table == Table::Meta {
            self.meta.as_ref()
        } else {
            self.rows.as_ref()
        }
    }
}

/// The full key of a row.
pub(crate) fn full(table: Table, key: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(key.len() + 1);
    full.push(table.number());
    full.extend_from_slice(key);
    full
}

/// The part of a full key by which the tree of its table knows the row: `meta` has a tree of its own.
pub(crate) fn in_tree(full: &[u8]) -> (Table, &[u8]) {
    match full.split_first() {
        Some((0, key)) => (Table::Meta, key),
        _ => (Table::Homes, full),
    }
}

/// The rows of a scan: full keys, the end is excluded.
pub(crate) struct Span {
    table: Table,
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Span {
    pub(crate) fn of(table: Table, from: &[u8], to: Option<&[u8]>) -> Self {
        Self {
            table,
            from: full(table, from),
            to: to.map_or_else(|| vec![table.number() + 1], |to| full(table, to)),
        }
    }
}

/// The value of a key: the newest layer that knows it has the word, and the tree after all layers.
pub(crate) fn get(
    base: &Base,
    layers: &[&Changes],
    table: Table,
    key: &[u8],
) -> Result<Option<Vec<u8>>> {
    let full = full(table, key);
    for layer in layers {
        if let Some(value) = layer.get(&full) {
            return Ok(value.clone());
        }
    }
    let Some(tree) = base.tree(table) else {
        return Ok(None);
    };
    base.spoilt.reading(|| {
        let value = tree.get(in_tree(&full).1)?;
        Ok(value.map(|value| value.value().to_vec()))
    })
}

/// A layer's rows of a scan with the next one in front.
struct Layer<'a> {
    rows: btree_map::Range<'a, Vec<u8>, Option<Vec<u8>>>,
    head: Option<(&'a Vec<u8>, &'a Option<Vec<u8>>)>,
}

impl Layer<'_> {
    fn step(&mut self, down: bool) {
        self.head = if down {
            self.rows.next_back()
        } else {
            self.rows.next()
        };
    }

    /// Key without the table's number.
    fn key(&self) -> Option<&[u8]> {
        self.head.and_then(|(key, _)| key.get(1..))
    }
}

/// Visits the rows of a span, upwards or down; `layers` from the newest to the oldest.
pub(crate) fn merge(
    base: &Base,
    layers: &[&Changes],
    span: &Span,
    down: bool,
    visit: &mut Visit<'_>,
) -> Result<()> {
    if span.to <= span.from {
        return Ok(());
    }
    base.spoilt
        .reading(|| merged(base, layers, span, down, visit))
}

fn merged(
    base: &Base,
    layers: &[&Changes],
    span: &Span,
    down: bool,
    visit: &mut Visit<'_>,
) -> Result<()> {
    let bounds = (
        Bound::Included(&span.from[..]),
        Bound::Excluded(&span.to[..]),
    );
    let mut layers: Vec<Layer<'_>> = layers
        .iter()
        .map(|layer| Layer {
            rows: layer.range::<[u8], _>(bounds),
            head: None,
        })
        .collect();
    for layer in &mut layers {
        layer.step(down);
    }
    // In the tree of `meta` keys stand without a number, and the end of the table is that of the tree.
    let skip = usize::from(span.table != Table::Meta);
    let from = span.from.get(1 - skip..).unwrap_or_default();
    let to = match span.to.get(1 - skip..).unwrap_or_default() {
        [] => Bound::Unbounded,
        to => Bound::Excluded(to),
    };
    let mut tree = base
        .tree(span.table)
        .map(|tree| tree.range::<&[u8]>((Bound::Included(from), to)))
        .transpose()?;
    let mut next = || -> Result<_> {
        let Some(rows) = tree.as_mut() else {
            return Ok(None);
        };
        let row = if down { rows.next_back() } else { rows.next() };
        Ok(row.transpose()?)
    };
    let mut row = next()?;
    loop {
        let in_layers = layers.iter().filter_map(Layer::key);
        let first = if down {
            in_layers.max()
        } else {
            in_layers.min()
        };
        let of_tree = row
            .as_ref()
            .map(|(key, _)| key.value().get(skip..).unwrap_or_default());
        let order = match (of_tree, first) {
            (None, None) => return Ok(()),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(tree), Some(layer)) if down => layer.cmp(tree),
            (Some(tree), Some(layer)) => tree.cmp(layer),
        };
        if order.is_lt() {
            if let Some((key, value)) = &row
                && !visit(key.value().get(skip..).unwrap_or_default(), value.value())
            {
                return Ok(());
            }
            row = next()?;
            continue;
        }
        if order.is_eq() {
            row = next()?;
        }
        let first = first.map(<[u8]>::to_vec);
        let mut value = None;
        for layer in &mut layers {
            if layer.key() == first.as_deref() {
                value = value.or(layer.head.map(|(_, value)| value));
                layer.step(down);
            }
        }
        if let (Some(key), Some(Some(value))) = (first, value)
            && !visit(&key, value)
        {
            return Ok(());
        }
    }
}
