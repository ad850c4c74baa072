//! The logins of a user: which there are, ending them, changing the password they came by.

use chater_protocol::id::{Hash, UserId};
use chater_store::{StoreError, users};
use zeroize::Zeroizing;

use crate::account::{SESSION_MS, check_password};
use crate::actor::now_ms;
use crate::error::{Error, Reason};
use crate::root;
use crate::shared::{Shared, lock};
use crate::turn::{Fail, Turn};
use crate::user::UserHandle;
use crate::view::Device;

/// Whether the password is that of the user; only failed tries are charged (Q20). `field` names the
/// field of the form that is wrong.
pub(crate) async fn prove(
    shared: &Shared,
    user: UserId,
    password: Zeroizing<String>,
    field: &'static str,
) -> Result<users::UserRow, Error> {
    let row = users::user(&shared.store.read()?, user)?.ok_or(Error::NotFound)?;
    let name = chater_protocol::name::check_nick(&row.nick).unwrap_or_else(|_| row.nick.clone());
    let now = now_ms();
    let wait = lock(&shared.rates).logins_by_nick.wait_s(&name, now);
    if wait > 0 {
        return Err(Error::TooMany {
            retry_after_s: wait,
        });
    }
    if password.is_empty() {
        return Err(Error::invalid(field, Reason::Empty));
    }
    let good = password.len() <= 1_024
        && shared
            .hasher
            .check(password, Some(row.password.clone()))
            .await?
            .good;
    if good {
        return Ok(row);
    }
    lock(&shared.rates).logins_by_nick.charge(&name, now);
    Err(Error::invalid(field, Reason::Wrong))
}

/// Ends the sessions of a user but one; gives those that ended.
pub(crate) fn end_others(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    keep: Option<Hash>,
) -> Result<Vec<Hash>, StoreError> {
    let mut ended = users::sessions_of(turn.tx, user)?;
    ended.retain(|session| Some(*session) != keep);
    for session in &ended {
        turn.durable();
        users::end_session(turn.tx, *session)?;
    }
    Ok(ended)
}

impl UserHandle {
    /// The open logins, this one first, then by last use.
    ///
    /// # Errors
    /// Storage errors.
    pub fn sessions(&self) -> Result<Vec<Device>, Error> {
        let rows = self.shared().store.read()?;
        let now = now_ms();
        let mut found = Vec::new();
        for id in users::sessions_of(&rows, self.id())? {
            let Some(row) = users::session(&rows, id)? else {
                continue;
            };
            if now.saturating_sub(row.seen_ms) <= SESSION_MS {
                found.push(Device {
                    id,
                    device: row.device,
                    token: row.kind == 1,
                    created_ms: i64::try_from(row.created_ms).unwrap_or(i64::MAX),
                    seen_ms: i64::try_from(row.seen_ms).unwrap_or(i64::MAX),
                    current: self.session() == Some(id),
                });
            }
        }
        found.sort_by_key(|device| (!device.current, std::cmp::Reverse(device.seen_ms)));
        Ok(found)
    }

    /// Ends one login of this user; its sockets end with it.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for a login of somebody else.
    pub async fn end_session(&self, id: Hash) -> Result<(), Error> {
        let user = self.id();
        self.run(move |turn| {
            if users::session(turn.tx, id)?.is_none_or(|row| row.user != user) {
                return Err(Error::NotFound.into());
            }
            turn.durable();
            Ok(users::end_session(turn.tx, id)?)
        })
        .await?;
        self.shared().hub.end_session(user, id);
        Ok(())
    }

    /// Ends all logins but this one; gives how many.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn end_other_sessions(&self) -> Result<usize, Error> {
        let (user, keep) = (self.id(), self.session());
        let ended = self
            .run(move |turn| Ok(end_others(turn, user, keep)?))
            .await?;
        for session in &ended {
            self.shared().hub.end_session(user, *session);
        }
        Ok(ended.len())
    }

    /// Changes the password and ends all other logins. The root is sealed anew where the old password
    /// opens it; `false` = it stays under an older one, and only the words bring it back (Q21).
    ///
    /// # Errors
    /// [`Error::Invalid`] with `old` or `password`, [`Error::TooMany`].
    pub async fn change_password(&self, old: String, new: String) -> Result<bool, Error> {
        let (old, new) = (Zeroizing::new(old), Zeroizing::new(new));
        check_password(&new)?;
        let shared = self.shared();
        let user = self.id();
        let row = prove(shared, user, old.clone(), "old").await?;
        let root = root::open(shared, user, &row, old).await?;
        let sealed = root::seal(shared, user, root.as_ref(), new).await?;
        let (was, keep, opened) = (row.password, self.session(), root.is_some());
        let ended = self
            .run(move |turn| {
                let mut row = users::user(turn.tx, user)?.ok_or(Error::NotFound)?;
                if row.password != was {
                    // Changed elsewhere in the meantime.
                    return Err(Fail::Refused(Error::invalid("old", Reason::Wrong)));
                }
                turn.durable();
                sealed.put(&mut row);
                users::put_user(turn.tx, user, &row)?;
                Ok(end_others(turn, user, keep)?)
            })
            .await?;
        for session in ended {
            shared.hub.end_session(user, session);
        }
        Ok(opened)
    }
}
