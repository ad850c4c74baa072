//! Other nodes: names, addresses, what is known of them.

use std::collections::BTreeSet;

use chater_protocol::array_struct;
use chater_protocol::id::NodeId;
use chater_protocol::name::skeleton;

use crate::Result;
use crate::key::{Parts, join};
use crate::rows::{Rows, Write};
use crate::tables::Table;

array_struct! {
    /// Another node.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct NodeRow {
        /// 1.
        pub v: u8,
        /// Its number in this store.
        pub no: u32,
        /// The name it says it has (checked, folded); empty = never greeted.
        pub name: String,
        /// Addresses with the last success (Unix ms, 0 = never), best first, at most 8.
        pub addresses: Vec<(String, u64)>,
        /// The owner does not want it.
        pub blocked: bool,
        /// First known, Unix ms.
        pub since_ms: u64,
        /// Last connected, Unix ms; 0 = never.
        pub seen_ms: u64,
        /// 0 = lan, 1 = manual, 2 = gossip; 3 = it answered a search: let in for that, and asked about again next time.
        pub found: u8,
    }
}

/// Most addresses kept of one node.
const ADDRESSES: usize = 8;

/// What is known of a node.
///
/// # Errors
/// Storage errors.
pub fn node(rows: &impl Rows, node: NodeId) -> Result<Option<NodeRow>> {
    rows.row(Table::Nodes, &node.0)
}

/// The row of a node, made when it is new.
///
/// # Errors
/// Storage errors.
pub fn ensure(tx: &Write<'_>, id: NodeId, found: u8, now_ms: u64) -> Result<NodeRow> {
    if let Some(row) = node(tx, id)? {
        return Ok(row);
    }
    let no = tx.next_number("next_node")?;
    let row = NodeRow {
        v: 1,
        no,
        name: String::new(),
        addresses: Vec::new(),
        blocked: false,
        since_ms: now_ms,
        seen_ms: 0,
        found,
    };
    tx.put(Table::NodeNos, &no.to_be_bytes(), &id.0)?;
    tx.put_row(Table::Nodes, &id.0, &row)?;
    Ok(row)
}

/// Writes a node's row; keeps the index of names.
///
/// # Errors
/// Storage errors.
pub fn put(tx: &Write<'_>, id: NodeId, row: &NodeRow) -> Result<()> {
    if let Some(old) = node(tx, id)?
        && old.name != row.name
        && !old.name.is_empty()
    {
        tx.remove(Table::NodeNames, &name_key(&old.name, old.since_ms, id))?;
    }
    if !row.name.is_empty() {
        tx.put(
            Table::NodeNames,
            &name_key(&row.name, row.since_ms, id),
            &[],
        )?;
    }
    tx.put_row(Table::Nodes, &id.0, row)
}

/// Forgets a node: its row, its name and which number it had. That number is never given again.
///
/// # Errors
/// Storage errors.
pub fn remove(tx: &Write<'_>, id: NodeId) -> Result<()> {
    let Some(row) = node(tx, id)? else {
        return Ok(());
    };
    if !row.name.is_empty() {
        tx.remove(Table::NodeNames, &name_key(&row.name, row.since_ms, id))?;
    }
    tx.remove(Table::NodeNos, &row.no.to_be_bytes())?;
    tx.remove(Table::Nodes, &id.0).map(|_| ())
}

/// Of these numbers of nodes, those that an ack, a refusal or a deposit names. Walks whole tables: for once a day.
///
/// # Errors
/// Storage errors.
pub fn named(rows: &impl Rows, numbers: &BTreeSet<u32>) -> Result<BTreeSet<u32>> {
    let mut found = BTreeSet::new();
    let mut note = |no: Option<u32>| found.extend(no.filter(|no| numbers.contains(no)));
    rows.each(Table::Acks, &[], &mut |key, _| {
        let mut parts = Parts(key);
        note(parts.u32().and(parts.u32()));
        true
    })?;
    rows.each(Table::Refused, &[], &mut |key, _| {
        let mut parts = Parts(key);
        note(parts.u32().and(parts.u64()).and(parts.u32()));
        true
    })?;
    rows.each(Table::Deposits, &[], &mut |key, _| {
        let mut parts = Parts(key);
        note(parts.u32().and(parts.u32()));
        note(parts.u32());
        true
    })?;
    Ok(found)
}

/// Names are kept by skeleton: a look-alike of a known name counts as the same name (Q6).
fn name_key(name: &str, since_ms: u64, id: NodeId) -> Vec<u8> {
    join(&[
        skeleton(name).as_bytes(),
        &[0],
        &since_ms.to_be_bytes(),
        &id.0,
    ])
}

/// Nodes with this (folded) name or one that looks like it, the one known first in front (Q6).
///
/// # Errors
/// Storage errors.
pub fn by_name(rows: &impl Rows, name: &str) -> Result<Vec<NodeId>> {
    let mut nodes = Vec::new();
    rows.each(
        Table::NodeNames,
        &join(&[skeleton(name).as_bytes(), &[0]]),
        &mut |key, _| {
            nodes.extend(
                key.len()
                    .checked_sub(32)
                    .and_then(|at| key.get(at..))
                    .and_then(|b| NodeId::try_from(b).ok()),
            );
            nodes.len() < 64
        },
    )?;
    Ok(nodes)
}

/// The node with that number.
///
/// # Errors
/// Storage errors.
pub fn by_no(rows: &impl Rows, no: u32) -> Result<Option<NodeId>> {
    Ok(rows
        .get(Table::NodeNos, &no.to_be_bytes())?
        .and_then(|b| NodeId::try_from(&b[..]).ok()))
}

/// All known nodes.
///
/// # Errors
/// Storage errors.
pub fn all(rows: &impl Rows) -> Result<Vec<(NodeId, NodeRow)>> {
    let mut nodes = Vec::new();
    rows.each(Table::Nodes, &[], &mut |key, value| {
        let row = chater_protocol::codec::decode::<NodeRow>(value, usize::MAX);
        if let (Ok(id), Ok(row)) = (NodeId::try_from(key), row) {
            nodes.push((id, row));
        }
        true
    })?;
    Ok(nodes)
}

impl NodeRow {
    /// An address answered: it moves to the front.
    pub fn worked(&mut self, address: &str, now_ms: u64) {
        self.addresses.retain(|(a, _)| a != address);
        self.addresses.insert(0, (address.to_owned(), now_ms));
        self.addresses.truncate(ADDRESSES);
    }

    /// The node says it listens there; known ones keep their place.
    pub fn learn(&mut self, address: &str) {
        if !self.addresses.iter().any(|(a, _)| a == address) {
            self.addresses.push((address.to_owned(), 0));
            // The oldest that never worked goes first.
            if self.addresses.len() > ADDRESSES {
                let at = self
                    .addresses
                    .iter()
                    .position(|(_, ok)| *ok == 0)
                    .unwrap_or(0);
                self.addresses.remove(at);
            }
        }
    }

    /// Its addresses, best first.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.addresses.iter().map(|(a, _)| a.clone()).collect()
    }
}

/// Whether the owner lets others be reached through this node; none = nothing was chosen.
///
/// # Errors
/// Storage errors.
pub fn relay_switch(rows: &impl Rows) -> Result<Option<bool>> {
    let row = rows.get(Table::Meta, b"relay")?;
    Ok(row.and_then(|row| row.first().map(|on| *on != 0)))
}

/// Saves the owner's choice.
///
/// # Errors
/// Storage errors.
pub fn put_relay_switch(tx: &Write<'_>, on: bool) -> Result<()> {
    tx.put(Table::Meta, b"relay", &[u8::from(on)])
}

/// Whether the owner opened the pages to the home network; none = nothing was chosen.
///
/// # Errors
/// Storage errors.
pub fn home_switch(rows: &impl Rows) -> Result<Option<bool>> {
    let row = rows.get(Table::Meta, b"home")?;
    Ok(row.and_then(|row| row.first().map(|on| *on != 0)))
}

/// Saves the owner's choice.
///
/// # Errors
/// Storage errors.
pub fn put_home_switch(tx: &Write<'_>, on: bool) -> Result<()> {
    tx.put(Table::Meta, b"home", &[u8::from(on)])
}

/// Remembers an address typed by the owner.
///
/// # Errors
/// Storage errors.
pub fn put_typed(tx: &Write<'_>, address: &str, now_ms: u64) -> Result<()> {
    tx.put(
        Table::TypedAddresses,
        address.as_bytes(),
        &now_ms.to_be_bytes(),
    )
}

/// Forgets an address typed by the owner.
///
/// # Errors
/// Storage errors.
pub fn remove_typed(tx: &Write<'_>, address: &str) -> Result<()> {
    tx.remove(Table::TypedAddresses, address.as_bytes())
        .map(|_| ())
}

/// Addresses typed by the owner that have not answered yet.
///
/// # Errors
/// Storage errors.
pub fn typed(rows: &impl Rows) -> Result<Vec<String>> {
    let mut found = Vec::new();
    rows.each(Table::TypedAddresses, &[], &mut |key, _| {
        found.extend(String::from_utf8(key.to_vec()));
        found.len() < 64
    })?;
    Ok(found)
}

/// Reads a number of a node from a key part.
#[must_use]
pub fn no_of(key: &[u8]) -> Option<u32> {
    Parts(key).u32()
}
