//! Communities of this node, links that let others in, block lists of their founders (C1-C5).

use chater_protocol::array_struct;
use chater_protocol::id::{Hash, NodeId};
use chater_protocol::identity::Signed;

use crate::Result;
use crate::key::join;
use crate::rows::{Rows, Write, decode_row};
use crate::tables::Table;

array_struct! {
    /// A community.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct CommunityRow {
        /// 1.
        pub v: u8,
        /// Its name, as the founder gave it.
        pub name: String,
        /// Its secret, sealed (P2); empty for the open one.
        pub sealed: serde_bytes::ByteBuf,
        /// The node of the founder.
        pub founder: NodeId,
        /// Unix ms.
        pub joined_ms: u64,
        /// Taken part in; only the open one is ever off.
        pub on: bool,
    }
}

array_struct! {
    /// A link that lets nodes in. Of its secret only a hash is kept.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct InviteRow {
        /// 1.
        pub v: u8,
        /// How many may still come.
        pub left: u32,
        /// Who has come, each once: a node that asks again uses nothing up.
        pub came: Vec<NodeId>,
        /// Unix ms.
        pub made_ms: u64,
        /// Unix ms.
        pub expires_ms: u64,
        /// Taken back.
        pub revoked: bool,
    }
}

array_struct! {
    /// The block list of a community.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct ListRow {
        /// 1.
        pub v: u8,
        /// As it was received and verified; none = none was seen yet.
        pub signed: Option<Signed>,
        /// The owner follows it.
        pub follow: bool,
    }
}

/// Rows of a table whose key is `prefix` and one more id.
fn rows_under<T: serde::de::DeserializeOwned>(
    rows: &impl Rows,
    table: Table,
    prefix: &[u8],
) -> Result<Vec<(Hash, T)>> {
    let mut found = Vec::new();
    let mut failed = None;
    rows.each(table, prefix, &mut |key, row| {
        let id = key
            .get(prefix.len()..)
            .and_then(|id| Hash::try_from(id).ok());
        match (id, decode_row(table, row)) {
            (Some(id), Ok(row)) => found.push((id, row)),
            (None, _) => {}
            (_, Err(error)) => failed = Some(error),
        }
        failed.is_none()
    })?;
    failed.map_or(Ok(found), Err)
}

/// All communities, that of `open` only when it was switched off.
///
/// # Errors
/// Storage errors; a damaged row.
pub fn all(rows: &impl Rows) -> Result<Vec<(Hash, CommunityRow)>> {
    rows_under(rows, Table::Communities, &[])
}

/// A community.
///
/// # Errors
/// Storage errors.
pub fn community(rows: &impl Rows, id: Hash) -> Result<Option<CommunityRow>> {
    rows.row(Table::Communities, &id.0)
}

/// Writes a community.
///
/// # Errors
/// Storage errors.
pub fn put(tx: &Write<'_>, id: Hash, row: &CommunityRow) -> Result<()> {
    tx.put_row(Table::Communities, &id.0, row)
}

/// Forgets a community with its links and its list.
///
/// # Errors
/// Storage errors.
pub fn remove(tx: &Write<'_>, id: Hash) -> Result<()> {
    for (hash, _) in invites(tx, id)? {
        remove_invite(tx, id, hash)?;
    }
    tx.remove(Table::BlockLists, &id.0)?;
    tx.remove(Table::Communities, &id.0).map(|_| ())
}

/// Links of a community.
///
/// # Errors
/// Storage errors; a damaged row.
pub fn invites(rows: &impl Rows, id: Hash) -> Result<Vec<(Hash, InviteRow)>> {
    rows_under(rows, Table::CommunityInvites, &id.0)
}

/// A link by the hash of its secret.
///
/// # Errors
/// Storage errors.
pub fn invite(rows: &impl Rows, id: Hash, hash: Hash) -> Result<Option<InviteRow>> {
    rows.row(Table::CommunityInvites, &join(&[&id.0, &hash.0]))
}

/// Writes a link.
///
/// # Errors
/// Storage errors.
pub fn put_invite(tx: &Write<'_>, id: Hash, hash: Hash, row: &InviteRow) -> Result<()> {
    tx.put_row(Table::CommunityInvites, &join(&[&id.0, &hash.0]), row)
}

/// Forgets a link.
///
/// # Errors
/// Storage errors.
pub fn remove_invite(tx: &Write<'_>, id: Hash, hash: Hash) -> Result<bool> {
    tx.remove(Table::CommunityInvites, &join(&[&id.0, &hash.0]))
}

/// The block list of a community.
///
/// # Errors
/// Storage errors.
pub fn list(rows: &impl Rows, id: Hash) -> Result<ListRow> {
    Ok(rows.row(Table::BlockLists, &id.0)?.unwrap_or(ListRow {
        v: 1,
        signed: None,
        follow: false,
    }))
}

/// Writes the block list of a community.
///
/// # Errors
/// Storage errors.
pub fn put_list(tx: &Write<'_>, id: Hash, row: &ListRow) -> Result<()> {
    tx.put_row(Table::BlockLists, &id.0, row)
}

/// Nodes that the owner has cut off.
///
/// # Errors
/// Storage errors.
pub fn off(rows: &impl Rows) -> Result<Vec<NodeId>> {
    let mut found = Vec::new();
    rows.each(Table::NodesOff, &[], &mut |key, _| {
        found.extend(NodeId::try_from(key).ok());
        true
    })?;
    Ok(found)
}

/// Cuts a node off, or takes that back.
///
/// # Errors
/// Storage errors.
pub fn set_off(tx: &Write<'_>, node: NodeId, off: bool, now_ms: u64) -> Result<()> {
    if off {
        tx.put(Table::NodesOff, &node.0, &now_ms.to_be_bytes())
    } else {
        tx.remove(Table::NodesOff, &node.0).map(|_| ())
    }
}
