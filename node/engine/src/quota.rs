//! How much of the disk the people of this node may fill with what they write and with their picture. What others write to
//! them does not count. Taking back, leaving and reading always work.

use chater_protocol::id::UserId;
use chater_store::{Rows, StoreError, blobs, homes, quotas, users};

use crate::error::{Error, Reason};
use crate::owner::owner_only;
use crate::turn::{Fail, Turn};
use crate::user::UserHandle;
use crate::view::{Happening, Room};

/// When the owner said nothing: more than anybody types in a life.
const USUAL: u64 = 1024 * 1024 * 1024;
/// What an owner may choose: at least some messages and a picture.
const LEAST: u64 = 1024 * 1024;
const MOST: u64 = 1024 * 1024 * 1024 * 1024;
/// No picture of a person, in all its sizes, is larger.
const PICTURE: u64 = 8 * 1024 * 1024;

/// What a user has filled, and may fill.
pub(crate) fn room(rows: &impl Rows, user: UserId) -> Result<Room, StoreError> {
    Ok(Room {
        used: quotas::written(rows, user)?.saturating_add(picture(rows, user)?),
        quota: quotas::quota(rows, user)?.unwrap_or(USUAL),
    })
}

fn picture(rows: &impl Rows, user: UserId) -> Result<u64, StoreError> {
    let card = homes::card(rows, user)?;
    let Some(hash) = card.and_then(|(card, _)| card.avatar) else {
        return Ok(0);
    };
    Ok(blobs::blob(rows, hash)?.map_or(0, |row| row.size))
}

/// Refuses so many bytes more when they do not fit.
pub(crate) fn check(turn: &Turn<'_, '_>, user: UserId, more: u64) -> Result<(), Fail> {
    // Far from it, as nearly always: a message does not look for the picture.
    let quota = quotas::quota(turn.tx, user)?.unwrap_or(USUAL);
    let most = quotas::written(turn.tx, user)?.saturating_add(more);
    if most.saturating_add(PICTURE) <= quota {
        return Ok(());
    }
    let room = room(turn.tx, user)?;
    refuse(turn, user, room.used.saturating_add(more), room.quota)
}

/// Refuses a picture of so many bytes in place of the one there is, when it does not fit.
pub(crate) fn check_picture(turn: &Turn<'_, '_>, user: UserId, size: u64) -> Result<(), Fail> {
    let room = room(turn.tx, user)?;
    let others = room.used.saturating_sub(picture(turn.tx, user)?);
    refuse(turn, user, others.saturating_add(size), room.quota)
}

fn refuse(turn: &Turn<'_, '_>, user: UserId, used: u64, quota: u64) -> Result<(), Fail> {
    if used <= quota {
        return Ok(());
    }
    if let Some(row) = users::user(turn.tx, user)? {
        turn.shared.note(Happening::QuotaReached { nick: row.nick });
    }
    Err(Error::Quota.into())
}

impl UserHandle {
    /// How much of the disk this user fills, and may.
    ///
    /// # Errors
    /// Storage errors.
    pub fn room(&self) -> Result<Room, Error> {
        Ok(room(&self.shared().store.read()?, self.id())?)
    }

    /// Owner only: how much somebody here may fill, 1 MiB to 1 TiB. Less than is filled already only stops what would come.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::Invalid`] with `room`.
    pub async fn set_quota(&self, other: UserId, bytes: u64) -> Result<(), Error> {
        let user = self.id();
        self.owner()?;
        if !(LEAST..=MOST).contains(&bytes) {
            return Err(Error::invalid("room", Reason::Malformed));
        }
        self.run(move |turn| {
            owner_only(turn, user)?;
            if !users::lives_here(turn.tx, other)? {
                return Err(Error::NotFound.into());
            }
            turn.durable();
            Ok(quotas::set_quota(turn.tx, other, bytes)?)
        })
        .await
    }
}
