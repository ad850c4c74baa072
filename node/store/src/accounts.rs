//! What belongs to an account beside its row: preferences, whether the owner closed it, links for a
//! new password; and what the owner saved of the node.

use chater_protocol::array_struct;
use chater_protocol::id::{Hash, UserId};

use crate::Result;
use crate::rows::{Rows, Write};
use crate::tables::Table;

array_struct! {
    /// What a user switched on and off.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct PreferencesRow {
        /// 1.
        pub v: u8,
        /// Size of the text, percent.
        pub text_size: u16,
        /// Enter sends; else Ctrl Enter does.
        pub enter_sends: bool,
        /// The upper arrow in an empty field edits the last message.
        pub up_edits: bool,
        /// Is shown whose node is there.
        pub presence: bool,
        /// Tells, and is told, what was read.
        pub read_marks: bool,
        /// Tells, and is told, who types.
        pub typing: bool,
        /// Who may write first: 0 everyone, 1 the own communities, 2 nobody.
        pub first: u8,
        /// A sound with a notification.
        pub sound: bool,
        /// Notifications show the text.
        pub preview: bool,
    }
}

impl Default for PreferencesRow {
    fn default() -> Self {
        Self {
            v: 1,
            text_size: 100,
            enter_sends: true,
            up_edits: true,
            presence: true,
            read_marks: true,
            typing: true,
            first: 1,
            sound: false,
            preview: true,
        }
    }
}

array_struct! {
    /// A link for a new password.
    #[derive(Debug, Clone)]
    pub struct ResetRow {
        /// 1.
        pub v: u8,
        /// Whose password.
        pub user: UserId,
        /// Unix ms.
        pub expires_ms: u64,
    }
}

array_struct! {
    /// Somebody whose words made a home here (I7).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct MovedRow {
        /// 1.
        pub v: u8,
        /// When, Unix ms.
        pub since_ms: u64,
        /// The nodes they lived on before are gone: homes there end as soon as they are known and the root is at hand.
        pub gone: bool,
    }
}

array_struct! {
    /// What the owner saved on a page; what is set from outside comes before it (Q11).
    #[derive(Debug, Clone, Default, PartialEq, Eq)]
    pub struct SavedSettings {
        /// 1.
        pub v: u8,
        /// The node's name, folded (Q5).
        pub name: Option<String>,
        /// Who may register: 0 everybody, 1 whoever has a code, 2 nobody.
        pub registration: Option<u8>,
    }
}

/// What a user switched on and off; the usual when nothing was touched.
///
/// # Errors
/// Storage errors.
pub fn preferences(rows: &impl Rows, user: UserId) -> Result<PreferencesRow> {
    Ok(rows.row(Table::Preferences, &user.0)?.unwrap_or_default())
}

/// Writes what a user switched on and off.
///
/// # Errors
/// Storage errors.
pub fn put_preferences(tx: &Write<'_>, user: UserId, row: &PreferencesRow) -> Result<()> {
    tx.put_row(Table::Preferences, &user.0, row)
}

/// Whether the owner closed this account.
///
/// # Errors
/// Storage errors.
pub fn is_closed(rows: &impl Rows, user: UserId) -> Result<bool> {
    Ok(rows.get(Table::Closed, &user.0)?.is_some())
}

/// Closes an account, or opens it again.
///
/// # Errors
/// Storage errors.
pub fn set_closed(tx: &Write<'_>, user: UserId, closed: bool, now_ms: u64) -> Result<()> {
    if closed {
        tx.put(Table::Closed, &user.0, &now_ms.to_be_bytes())
    } else {
        tx.remove(Table::Closed, &user.0).map(|_| ())
    }
}

/// Makes a link for a new password usable; those made before for the same user are not any more.
///
/// # Errors
/// Storage errors.
pub fn put_reset(tx: &Write<'_>, hash: Hash, row: &ResetRow) -> Result<()> {
    forget_resets(tx, row.user)?;
    tx.put_row(Table::Resets, &hash.0, row)
}

/// The user of a link for a new password that still counts.
///
/// # Errors
/// Storage errors.
pub fn reset(rows: &impl Rows, hash: Hash, now_ms: u64) -> Result<Option<UserId>> {
    Ok(rows
        .row::<ResetRow>(Table::Resets, &hash.0)?
        .filter(|row| row.expires_ms >= now_ms)
        .map(|row| row.user))
}

/// Takes away the links for a new password of a user.
///
/// # Errors
/// Storage errors.
pub fn forget_resets(tx: &Write<'_>, user: UserId) -> Result<()> {
    let mut old = Vec::new();
    tx.each(Table::Resets, &[], &mut |key, row| {
        if chater_protocol::codec::decode::<ResetRow>(row, usize::MAX).is_ok_and(|r| r.user == user)
        {
            old.push(key.to_vec());
        }
        true
    })?;
    for key in old {
        tx.remove(Table::Resets, &key)?;
    }
    Ok(())
}

/// Notes that the words of that user made a home here.
///
/// # Errors
/// Storage errors.
pub fn put_moved(tx: &Write<'_>, user: UserId, row: &MovedRow) -> Result<()> {
    tx.put_row(Table::Moved, &user.0, row)
}

/// How that user came here by the words; none = the account was made here.
///
/// # Errors
/// Storage errors.
pub fn moved(rows: &impl Rows, user: UserId) -> Result<Option<MovedRow>> {
    rows.row(Table::Moved, &user.0)
}

/// Whose words made a home here.
///
/// # Errors
/// Storage errors.
pub fn all_moved(rows: &impl Rows) -> Result<Vec<UserId>> {
    let mut found = Vec::new();
    rows.each(Table::Moved, &[], &mut |key, _| {
        found.extend(UserId::try_from(key).ok());
        true
    })?;
    Ok(found)
}

/// What the owner saved of the node.
///
/// # Errors
/// Storage errors.
pub fn saved_settings(rows: &impl Rows) -> Result<SavedSettings> {
    let row = rows.row(Table::Meta, b"settings")?;
    Ok(row.unwrap_or(SavedSettings {
        v: 1,
        ..SavedSettings::default()
    }))
}

/// Saves settings of the node.
///
/// # Errors
/// Storage errors.
pub fn save_settings(tx: &Write<'_>, row: &SavedSettings) -> Result<()> {
    tx.put_row(Table::Meta, b"settings", row)
}
