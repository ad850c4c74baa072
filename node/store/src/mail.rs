//! Mailboxes (S11): cards of other nodes, who keeps mail for this one, whose mail is kept here, and what
//! this node has left elsewhere.

use chater_protocol::array_struct;
use chater_protocol::id::{Bytes, NodeId};
use chater_protocol::identity::{NodeCard, Signed};
use serde_bytes::ByteBuf;

use crate::Result;
use crate::key::{Parts, join};
use crate::rows::{Rows, Write, damaged, decode_row};
use crate::tables::Table;

array_struct! {
    /// Whether and how this node keeps mail for others, as its owner saved it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct RulesRow {
        /// 1.
        pub v: u8,
        /// It does.
        pub offers: bool,
        /// Bytes for all.
        pub bytes: u64,
        /// Days that a letter is kept.
        pub days: u16,
    }
}

array_struct! {
    /// A node that keeps mail for this one.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct MailboxRow {
        /// 1.
        pub v: u8,
        /// 0 asked, 1 it does, 2 it refused.
        pub state: u8,
        /// Chosen, Unix ms.
        pub since_ms: u64,
        /// Bytes that it grants.
        pub bytes: u64,
        /// Days that it keeps a letter.
        pub days: u16,
        /// Last asked for mail with success, Unix ms; 0 = never.
        pub collected_ms: u64,
        /// Letters that came from there.
        pub letters: u64,
    }
}

array_struct! {
    /// What one node has left for another.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Depositor {
        /// Who.
        pub node: NodeId,
        /// Bytes that lie here.
        pub bytes: u64,
        /// Letters that lie here.
        pub letters: u64,
        /// Beginning of the hash of its last letter: a request that comes again is known by it.
        pub last: Bytes<16>,
        /// Until when that one is kept, Unix ms.
        pub until_ms: u64,
    }
}

array_struct! {
    /// A node whose mail is kept here.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct ClientRow {
        /// 1.
        pub v: u8,
        /// Since when, Unix ms; of one that is evicted: when it was.
        pub since_ms: u64,
        /// The owner does not want it: nothing is kept until that is taken back.
        pub evicted: bool,
        /// Number of its next letter.
        pub next: u64,
        /// It last asked for its mail, Unix ms; 0 = never.
        pub collected_ms: u64,
        /// Who has left what.
        pub depositors: Vec<Depositor>,
    }
}

impl ClientRow {
    /// Bytes that lie here for it.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.depositors.iter().map(|d| d.bytes).sum()
    }

    /// Letters that lie here for it.
    #[must_use]
    pub fn letters(&self) -> u64 {
        self.depositors.iter().map(|d| d.letters).sum()
    }
}

array_struct! {
    /// A letter kept for another node.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct LetterRow {
        /// 1.
        pub v: u8,
        /// Who left it.
        pub from: NodeId,
        /// When, Unix ms.
        pub at_ms: u64,
        /// Until when it is kept, Unix ms.
        pub until_ms: u64,
        /// Bytes that count.
        pub size: u64,
        /// The bundle, as it travels.
        pub bundle: ByteBuf,
    }
}

array_struct! {
    /// Up to where a feed of this node lies in a mailbox of another.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct DepositRow {
        /// 1.
        pub v: u8,
        /// The last number, of all up to it that the other had not acknowledged.
        pub up_to: u64,
        /// When it was left there, Unix ms.
        pub at_ms: u64,
        /// Until when it is kept, Unix ms.
        pub until_ms: u64,
    }
}

/// The card of a node as received, if one is kept.
///
/// # Errors
/// Storage errors, a damaged row.
pub fn card(rows: &impl Rows, node: NodeId) -> Result<Option<(NodeCard, Signed)>> {
    let Some(signed) = rows.row::<Signed>(Table::NodeCards, &node.0)? else {
        return Ok(None);
    };
    let card = NodeCard::from_store(&signed).map_err(|_| damaged(Table::NodeCards))?;
    Ok(Some((card, signed)))
}

/// Keeps a verified card if it is newer than the one known; whether it was.
///
/// # Errors
/// Storage errors.
pub fn put_card(tx: &Write<'_>, new: &NodeCard, signed: &Signed) -> Result<bool> {
    if card(tx, new.node)?.is_some_and(|(old, _)| old.ts >= new.ts) {
        return Ok(false);
    }
    tx.put_row(Table::NodeCards, &new.node.0, signed)?;
    Ok(true)
}

/// Forgets the card of a node.
///
/// # Errors
/// Storage errors.
pub fn remove_card(tx: &Write<'_>, node: NodeId) -> Result<()> {
    tx.remove(Table::NodeCards, &node.0).map(|_| ())
}

/// All cards kept.
///
/// # Errors
/// Storage errors; a row that does not read is passed over.
pub fn cards(rows: &impl Rows) -> Result<Vec<NodeCard>> {
    let mut found = Vec::new();
    rows.each(Table::NodeCards, &[], &mut |_, row| {
        let signed = decode_row::<Signed>(Table::NodeCards, row).ok();
        found.extend(signed.and_then(|signed| NodeCard::from_store(&signed).ok()));
        true
    })?;
    Ok(found)
}

/// What the owner saved of keeping mail for others.
///
/// # Errors
/// Storage errors.
pub fn rules(rows: &impl Rows) -> Result<Option<RulesRow>> {
    rows.row(Table::Meta, b"mail")
}

/// Saves it.
///
/// # Errors
/// Storage errors.
pub fn put_rules(tx: &Write<'_>, row: &RulesRow) -> Result<()> {
    tx.put_row(Table::Meta, b"mail", row)
}

fn nodes<T: serde::de::DeserializeOwned>(
    rows: &impl Rows,
    table: Table,
) -> Result<Vec<(NodeId, T)>> {
    let mut found = Vec::new();
    let mut failed = None;
    rows.each(table, &[], &mut |key, row| {
        match (NodeId::try_from(key), decode_row(table, row)) {
            (Ok(node), Ok(row)) => found.push((node, row)),
            (_, Err(error)) => failed = Some(error),
            (Err(_), _) => failed = Some(damaged(table)),
        }
        true
    })?;
    failed.map_or(Ok(found), Err)
}

/// The mailboxes of this node.
///
/// # Errors
/// Storage errors, a damaged row.
pub fn mailboxes(rows: &impl Rows) -> Result<Vec<(NodeId, MailboxRow)>> {
    nodes(rows, Table::Mailboxes)
}

/// One mailbox of this node.
///
/// # Errors
/// Storage errors, a damaged row.
pub fn mailbox(rows: &impl Rows, node: NodeId) -> Result<Option<MailboxRow>> {
    rows.row(Table::Mailboxes, &node.0)
}

/// Writes a mailbox of this node.
///
/// # Errors
/// Storage errors.
pub fn put_mailbox(tx: &Write<'_>, node: NodeId, row: &MailboxRow) -> Result<()> {
    tx.put_row(Table::Mailboxes, &node.0, row)
}

/// It is no mailbox of this node any more; whether it was.
///
/// # Errors
/// Storage errors.
pub fn remove_mailbox(tx: &Write<'_>, node: NodeId) -> Result<bool> {
    tx.remove(Table::Mailboxes, &node.0)
}

/// Whose mail is kept here.
///
/// # Errors
/// Storage errors, a damaged row.
pub fn clients(rows: &impl Rows) -> Result<Vec<(NodeId, ClientRow)>> {
    nodes(rows, Table::MailClients)
}

/// One of them.
///
/// # Errors
/// Storage errors, a damaged row.
pub fn client(rows: &impl Rows, node: NodeId) -> Result<Option<ClientRow>> {
    rows.row(Table::MailClients, &node.0)
}

/// Writes one of them.
///
/// # Errors
/// Storage errors.
pub fn put_client(tx: &Write<'_>, node: NodeId, row: &ClientRow) -> Result<()> {
    tx.put_row(Table::MailClients, &node.0, row)
}

/// Forgets one with all its letters.
///
/// # Errors
/// Storage errors.
pub fn remove_client(tx: &Write<'_>, node: NodeId) -> Result<()> {
    drop_letters(tx, node)?;
    tx.remove(Table::MailClients, &node.0).map(|_| ())
}

/// Removes all letters of one; its row is the caller's to mend.
///
/// # Errors
/// Storage errors.
pub fn drop_letters(tx: &Write<'_>, node: NodeId) -> Result<()> {
    let mut keys = Vec::new();
    tx.each(Table::Letters, &node.0, &mut |key, _| {
        keys.push(key.to_vec());
        true
    })?;
    for key in keys {
        tx.remove(Table::Letters, &key)?;
    }
    Ok(())
}

fn letter_key(node: NodeId, n: u64) -> Vec<u8> {
    join(&[&node.0, &n.to_be_bytes()])
}

/// Writes a letter.
///
/// # Errors
/// Storage errors.
pub fn put_letter(tx: &Write<'_>, node: NodeId, n: u64, row: &LetterRow) -> Result<()> {
    tx.put_row(Table::Letters, &letter_key(node, n), row)
}

/// Removes a letter; gives what it was.
///
/// # Errors
/// Storage errors, a damaged row.
pub fn take_letter(tx: &Write<'_>, node: NodeId, n: u64) -> Result<Option<LetterRow>> {
    let key = letter_key(node, n);
    let row = tx.row(Table::Letters, &key)?;
    if row.is_some() {
        tx.remove(Table::Letters, &key)?;
    }
    Ok(row)
}

/// Letters of a node with a number above `after`, in order, while `visit` says so. What does not read is
/// passed over.
///
/// # Errors
/// Storage errors.
pub fn letters(
    rows: &impl Rows,
    node: NodeId,
    after: u64,
    visit: &mut dyn FnMut(u64, LetterRow) -> bool,
) -> Result<()> {
    let Some(from) = after.checked_add(1) else {
        return Ok(());
    };
    let end = crate::key::after(&node.0);
    rows.scan(
        Table::Letters,
        &letter_key(node, from),
        end.as_deref(),
        false,
        &mut |key, row| {
            let mut parts = Parts(key);
            let n = parts.take::<32>().and(parts.u64());
            match (n, decode_row::<LetterRow>(Table::Letters, row)) {
                (Some(n), Ok(row)) => visit(n, row),
                _ => true,
            }
        },
    )
}

fn deposit_key(feed_no: u32, node_no: u32, mailbox_no: u32) -> Vec<u8> {
    join(&[
        &feed_no.to_be_bytes(),
        &node_no.to_be_bytes(),
        &mailbox_no.to_be_bytes(),
    ])
}

/// Up to where a feed lies for a node in one of its mailboxes.
///
/// # Errors
/// Storage errors, a damaged row.
pub fn deposit(
    rows: &impl Rows,
    feed_no: u32,
    node_no: u32,
    mailbox_no: u32,
) -> Result<Option<DepositRow>> {
    rows.row(Table::Deposits, &deposit_key(feed_no, node_no, mailbox_no))
}

/// In which mailboxes (by number) a feed lies for a node, and up to where.
///
/// # Errors
/// Storage errors.
pub fn deposits(rows: &impl Rows, feed_no: u32, node_no: u32) -> Result<Vec<(u32, DepositRow)>> {
    let mut found = Vec::new();
    let prefix = join(&[&feed_no.to_be_bytes(), &node_no.to_be_bytes()]);
    rows.each(Table::Deposits, &prefix, &mut |key, row| {
        let mut parts = Parts(key);
        let no = parts.u32().and(parts.u32()).and(parts.u32());
        if let (Some(no), Ok(row)) = (no, decode_row(Table::Deposits, row)) {
            found.push((no, row));
        }
        true
    })?;
    Ok(found)
}

/// Notes that a feed lies there up to `row.up_to`.
///
/// # Errors
/// Storage errors.
pub fn put_deposit(
    tx: &Write<'_>,
    feed_no: u32,
    node_no: u32,
    mailbox_no: u32,
    row: &DepositRow,
) -> Result<()> {
    tx.put_row(
        Table::Deposits,
        &deposit_key(feed_no, node_no, mailbox_no),
        row,
    )
}
