//! Users who live here: accounts, nicks, sessions, registration codes.

use chater_protocol::array_struct;
use chater_protocol::id::{Hash, HomeId, UserId};

use crate::Result;
use crate::key::join;
use crate::rows::{Rows, Write};
use crate::tables::Table;

array_struct! {
    /// A user of this node. Secrets in it are sealed (P2).
    #[derive(Debug, Clone)]
    pub struct UserRow {
        /// 1.
        pub v: u8,
        /// As typed (Q4).
        pub nick: String,
        /// Argon2id PHC string (P4).
        pub password: String,
        /// Root seed under a key from the password (I6).
        pub root_sealed: serde_bytes::ByteBuf,
        /// Salt of that key.
        pub root_salt: serde_bytes::ByteBuf,
        /// The home on this node.
        pub home: HomeId,
        /// Its signing seed under the node's key.
        pub home_sealed: serde_bytes::ByteBuf,
        /// KEM secrets under the node's key, newest first: n, sealed, made at.
        pub kems: Vec<(u32, serde_bytes::ByteBuf, u64)>,
        /// Language, theme, zone as chosen.
        pub language: Option<String>,
        /// `light` or `dark`.
        pub theme: Option<String>,
        /// IANA zone of the browser at the last login.
        pub time_zone: Option<String>,
        /// When the account was made, Unix ms.
        pub created_ms: u64,
        /// Set when an event of this home came from elsewhere that is not here (I7): it writes no more.
        pub stopped: bool,
    }
}

array_struct! {
    /// The sealing keys of a home on this node that was replaced: letters to it may still wait in mailboxes.
    #[derive(Debug, Clone)]
    pub struct OldKemsRow {
        /// 1.
        pub v: u8,
        /// Until when they are kept, Unix ms.
        pub until_ms: u64,
        /// As in [`UserRow`].
        pub kems: Vec<(u32, serde_bytes::ByteBuf, u64)>,
    }
}

array_struct! {
    /// A login.
    #[derive(Debug, Clone)]
    pub struct SessionRow {
        /// 1.
        pub v: u8,
        /// Whose.
        pub user: UserId,
        /// 0 = browser, 1 = token.
        pub kind: u8,
        /// What the browser said it is.
        pub device: String,
        /// Unix ms.
        pub created_ms: u64,
        /// Last use, Unix ms; kept to the hour.
        pub seen_ms: u64,
    }
}

array_struct! {
    /// A registration code.
    #[derive(Debug, Clone)]
    pub struct InviteRow {
        /// 1.
        pub v: u8,
        /// Registrations left.
        pub left: u32,
        /// Unix ms.
        pub expires_ms: u64,
    }
}

/// The row of a user who lives here.
///
/// # Errors
/// Storage errors.
pub fn user(rows: &impl Rows, user: UserId) -> Result<Option<UserRow>> {
    rows.row(Table::Users, &user.0)
}

/// Whether a user lives here.
///
/// # Errors
/// Storage errors.
pub fn lives_here(rows: &impl Rows, user: UserId) -> Result<bool> {
    Ok(rows.get(Table::Users, &user.0)?.is_some())
}

/// Writes a user's row.
///
/// # Errors
/// Storage errors.
pub fn put_user(tx: &Write<'_>, user: UserId, row: &UserRow) -> Result<()> {
    tx.put_row(Table::Users, &user.0, row)
}

/// Keeps the sealing keys of a home that was replaced.
///
/// # Errors
/// Storage errors.
pub fn put_old_kems(tx: &Write<'_>, user: UserId, home: HomeId, row: &OldKemsRow) -> Result<()> {
    tx.put_row(Table::OldKems, &join(&[&user.0, &home.0]), row)
}

/// The sealing keys of one home that was replaced, while they are kept.
///
/// # Errors
/// Storage errors, a damaged row.
pub fn old_kems(rows: &impl Rows, user: UserId, home: HomeId) -> Result<Option<OldKemsRow>> {
    rows.row(Table::OldKems, &join(&[&user.0, &home.0]))
}

/// The homes of a user that were replaced and whose sealing keys are kept.
///
/// # Errors
/// Storage errors.
pub fn old_homes(rows: &impl Rows, user: UserId) -> Result<Vec<HomeId>> {
    let mut found = Vec::new();
    rows.each(Table::OldKems, &user.0, &mut |key, _| {
        found.extend(key.get(32..).and_then(|home| HomeId::try_from(home).ok()));
        true
    })?;
    Ok(found)
}

/// Who has this folded nick here.
///
/// # Errors
/// Storage errors.
pub fn by_nick(rows: &impl Rows, folded: &str) -> Result<Option<UserId>> {
    Ok(rows
        .get(Table::Nicks, folded.as_bytes())?
        .and_then(|b| UserId::try_from(&b[..]).ok()))
}

/// Who has a nick that looks like this one.
///
/// # Errors
/// Storage errors.
pub fn by_skeleton(rows: &impl Rows, skeleton: &str) -> Result<Option<UserId>> {
    Ok(rows
        .get(Table::Skeletons, skeleton.as_bytes())?
        .and_then(|b| UserId::try_from(&b[..]).ok()))
}

/// Claims a nick and what it looks like.
///
/// # Errors
/// Storage errors.
pub fn claim_nick(tx: &Write<'_>, folded: &str, skeletons: &[String], user: UserId) -> Result<()> {
    for skeleton in skeletons {
        tx.put(Table::Skeletons, skeleton.as_bytes(), &user.0)?;
    }
    tx.put(Table::Nicks, folded.as_bytes(), &user.0)
}

/// All users who live here.
///
/// # Errors
/// Storage errors.
pub fn all(rows: &impl Rows) -> Result<Vec<UserId>> {
    let mut users = Vec::new();
    rows.each(Table::Users, &[], &mut |key, _| {
        users.extend(UserId::try_from(key));
        true
    })?;
    Ok(users)
}

/// The owner of the node.
///
/// # Errors
/// Storage errors.
pub fn owner(rows: &impl Rows) -> Result<Option<UserId>> {
    Ok(rows
        .get(Table::Meta, b"owner")?
        .and_then(|b| UserId::try_from(&b[..]).ok()))
}

/// Sets the owner of the node.
///
/// # Errors
/// Storage errors.
pub fn set_owner(tx: &Write<'_>, user: UserId) -> Result<()> {
    tx.put(Table::Meta, b"owner", &user.0)
}

/// The session of a hashed secret.
///
/// # Errors
/// Storage errors.
pub fn session(rows: &impl Rows, hash: Hash) -> Result<Option<SessionRow>> {
    rows.row(Table::Sessions, &hash.0)
}

/// Opens a session, or writes it anew.
///
/// # Errors
/// Storage errors.
pub fn put_session(tx: &Write<'_>, hash: Hash, row: &SessionRow) -> Result<()> {
    tx.put_row(Table::Sessions, &hash.0, row)?;
    tx.put(Table::UserSessions, &join(&[&row.user.0, &hash.0]), &[])
}

/// Ends a session.
///
/// # Errors
/// Storage errors.
pub fn end_session(tx: &Write<'_>, hash: Hash) -> Result<()> {
    if let Some(row) = session(tx, hash)? {
        tx.remove(Table::Sessions, &hash.0)?;
        tx.remove(Table::UserSessions, &join(&[&row.user.0, &hash.0]))?;
    }
    Ok(())
}

/// Hashes of a user's sessions.
///
/// # Errors
/// Storage errors.
pub fn sessions_of(rows: &impl Rows, user: UserId) -> Result<Vec<Hash>> {
    let mut found = Vec::new();
    rows.each(Table::UserSessions, &user.0, &mut |key, _| {
        found.extend(key.get(32..).and_then(|b| Hash::try_from(b).ok()));
        true
    })?;
    Ok(found)
}

/// An invitation to register.
///
/// # Errors
/// Storage errors.
pub fn invite(rows: &impl Rows, hash: Hash) -> Result<Option<InviteRow>> {
    rows.row(Table::Invites, &hash.0)
}

/// Makes a registration code usable.
///
/// # Errors
/// Storage errors.
pub fn put_invite(tx: &Write<'_>, hash: Hash, row: &InviteRow) -> Result<()> {
    tx.put_row(Table::Invites, &hash.0, row)
}

/// Uses a registration code once; whether it was good.
///
/// # Errors
/// Storage errors.
pub fn use_invite(tx: &Write<'_>, hash: Hash, now_ms: u64) -> Result<bool> {
    let Some(mut row) = tx.row::<InviteRow>(Table::Invites, &hash.0)? else {
        return Ok(false);
    };
    if row.left == 0 || row.expires_ms < now_ms {
        return Ok(false);
    }
    row.left -= 1;
    if row.left == 0 {
        tx.remove(Table::Invites, &hash.0)?;
    } else {
        put_invite(tx, hash, &row)?;
    }
    Ok(true)
}
