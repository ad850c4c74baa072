//! What the owner of the node may do: its name, who may register, who lives here, what lies on the disk.

use chater_protocol::id::{Hash, UserId, hex};
use chater_protocol::name;
use chater_store::accounts::{self, ResetRow, SavedSettings};
use chater_store::{blobs, mail, users};
use rand_core::Rng;
use zeroize::Zeroizing;

use crate::Engine;
use crate::account::{NewSession, SessionKind, check_password, device, new_secret, secret_hash};
use crate::actor::{From, now_ms};
use crate::config::Registration;
use crate::error::{Error, Reason};
use crate::person::person;
use crate::root;
use crate::sessions::end_others;
use crate::shared::{Shared, SystemRandom, lock};
use crate::turn::Turn;
use crate::user::UserHandle;
use crate::view::{Happening, NodeSettings, Resident, Storage};

/// A link for a new password lives this long, ms.
const RESET_MS: u64 = 24 * 60 * 60 * 1000;
/// When the owner said nothing about pictures that nobody uses.
pub(crate) const KEEP_DAYS: u16 = 30;

impl Shared {
    /// The name of this node: set from outside, else saved by the owner, else the usual (Q11).
    pub(crate) fn name(&self) -> String {
        if !self.config.name_fixed
            && let Some(name) = &lock(&self.saved).name
        {
            return name.clone();
        }
        self.config.name.clone()
    }

    /// Who may register: set from outside, else saved by the owner, else the usual (Q11, Q15).
    pub(crate) fn registration(&self) -> Registration {
        if !self.config.registration_fixed {
            match lock(&self.saved).registration {
                Some(0) => return Registration::Open,
                Some(1) => return Registration::Invite,
                Some(_) => return Registration::Closed,
                None => {}
            }
            // Q15: open as long as only this computer sees the pages.
            if self.config.registration == Registration::Open && *self.home.borrow() {
                return Registration::Invite;
            }
        }
        self.config.registration
    }

    /// The code asked of the first user (Q15), who sits at this computer or not.
    pub(crate) fn set_up_code(&self, here: bool) -> Option<&str> {
        let asked = self.config.setup_code_here || !here;
        self.config.setup_code.as_deref().filter(|_| asked)
    }
}

pub(crate) fn owner_only(turn: &Turn<'_, '_>, user: UserId) -> Result<(), crate::turn::Fail> {
    if users::owner(turn.tx)? == Some(user) {
        Ok(())
    } else {
        Err(Error::Forbidden.into())
    }
}

impl UserHandle {
    /// Owner only: the settings of the node, and which of them are set from outside.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn node_settings(&self) -> Result<NodeSettings, Error> {
        self.owner()?;
        let shared = self.shared();
        Ok(NodeSettings {
            name: shared.name(),
            name_fixed: shared.config.name_fixed,
            registration: shared.registration(),
            registration_fixed: shared.config.registration_fixed,
        })
    }

    /// Owner only: saves the node's name and who may register; it counts at once. What is set from
    /// outside stays as it is.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Invalid`] with `name`.
    pub async fn save_node_settings(
        &self,
        name: Option<String>,
        registration: Option<Registration>,
    ) -> Result<(), Error> {
        let (shared, user) = (self.shared().clone(), self.id());
        let name = name
            .filter(|_| !shared.config.name_fixed)
            .map(|name| {
                name::check_node_name(name.trim()).map_err(|bad| {
                    Error::invalid(
                        "name",
                        match bad {
                            name::BadName::Short => Reason::Empty,
                            name::BadName::Long => Reason::Long,
                            name::BadName::Characters => Reason::Characters,
                            name::BadName::Mixed => Reason::Mixed,
                            name::BadName::Reserved => Reason::Reserved,
                        },
                    )
                })
            })
            .transpose()?;
        let registration = registration.filter(|_| !shared.config.registration_fixed);
        let renamed = name.as_ref().is_some_and(|name| *name != shared.name());
        let saved = self
            .run(move |turn| {
                owner_only(turn, user)?;
                let old = accounts::saved_settings(turn.tx)?;
                let row = SavedSettings {
                    v: 1,
                    name: name.or_else(|| old.name.clone()),
                    registration: registration
                        .map(|policy| match policy {
                            Registration::Open => 0,
                            Registration::Invite => 1,
                            Registration::Closed => 2,
                        })
                        .or(old.registration),
                };
                if row != old {
                    turn.durable();
                    accounts::save_settings(turn.tx, &row)?;
                    turn.effects.people_changed = true;
                }
                Ok(row)
            })
            .await?;
        *lock(&shared.saved) = saved;
        shared.note(Happening::SettingsSaved);
        lock(&shared.people).forget(shared.store.turns());
        if renamed {
            // Neighbours learn a name from the greeting.
            shared.greet.notify_one();
        }
        Ok(())
    }

    /// Owner only: whether others may be reached through this node, and whether that is set from outside.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn relay(&self) -> Result<(bool, bool), Error> {
        self.owner()?;
        let shared = self.shared();
        Ok((
            shared.network.standing().relaying,
            shared.config.relay_fixed,
        ))
    }

    /// Owner only: lets others be reached through this node, or no longer; it counts at once. What is set from outside
    /// stays as it is.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub async fn set_relay(&self, on: bool) -> Result<(), Error> {
        let (shared, user) = (self.shared().clone(), self.id());
        if shared.config.relay_fixed {
            self.owner()?;
            return Ok(());
        }
        self.run(move |turn| {
            owner_only(turn, user)?;
            turn.durable();
            chater_store::nodes::put_relay_switch(turn.tx, on)?;
            Ok(())
        })
        .await?;
        // Linked nodes learn of it by the greeting that follows.
        shared.network.set_relay(on);
        shared.note(Happening::Relay { on });
        Ok(())
    }

    /// Owner only: who lives here, in order of registration.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn residents(&self) -> Result<Vec<Resident>, Error> {
        self.owner()?;
        let rows = self.shared().store.read()?;
        let owner = users::owner(&rows)?;
        let mut found = Vec::new();
        for user in users::all(&rows)? {
            let Some(row) = users::user(&rows, user)? else {
                continue;
            };
            let mut seen = None;
            for session in users::sessions_of(&rows, user)? {
                seen = seen.max(users::session(&rows, session)?.map(|row| row.seen_ms));
            }
            found.push(Resident {
                person: crate::view::Person::clone(&*person(self.shared(), &rows, user)?),
                owner: owner == Some(user),
                closed: accounts::is_closed(&rows, user)?,
                since_ms: i64::try_from(row.created_ms).unwrap_or(i64::MAX),
                seen_ms: seen.and_then(|ms| i64::try_from(ms).ok()),
                room: crate::quota::room(&rows, user)?,
            });
        }
        found.sort_by_key(|resident| (resident.since_ms, resident.person.user_id));
        Ok(found)
    }

    /// Owner only: closes an account (nobody can log in to it, its logins end; its chats stay and go on
    /// receiving) or opens it again. The owner's own account stays open.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`].
    pub async fn set_closed(&self, other: UserId, closed: bool) -> Result<(), Error> {
        let user = self.id();
        let (nick, ended) = self
            .run(move |turn| {
                owner_only(turn, user)?;
                if other == user {
                    return Err(Error::Forbidden.into());
                }
                let nick = users::user(turn.tx, other)?.ok_or(Error::NotFound)?.nick;
                turn.durable();
                accounts::set_closed(turn.tx, other, closed, turn.now_ms)?;
                if !closed {
                    return Ok((nick, Vec::new()));
                }
                accounts::forget_resets(turn.tx, other)?;
                Ok((nick, end_others(turn, other, None)?))
            })
            .await?;
        self.shared().note(if closed {
            Happening::Closed { nick }
        } else {
            Happening::Opened { nick }
        });
        for session in ended {
            self.shared().hub.end_session(other, session);
        }
        Ok(())
    }

    /// Owner only: the code of a link by which somebody here sets a new password, once, within a day.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`].
    pub async fn password_link(&self, other: UserId) -> Result<String, Error> {
        let user = self.id();
        let mut bytes = [0u8; 20];
        SystemRandom.fill_bytes(&mut bytes);
        let code = hex(&bytes);
        let hash = secret_hash(&code);
        let done = self.run(move |turn| {
            owner_only(turn, user)?;
            let nick = users::user(turn.tx, other)?.ok_or(Error::NotFound)?.nick;
            turn.durable();
            let row = ResetRow {
                v: 1,
                user: other,
                expires_ms: turn.now_ms + RESET_MS,
            };
            accounts::put_reset(turn.tx, hash, &row)?;
            Ok(nick)
        });
        let nick = done.await?;
        self.shared().note(Happening::PasswordLink { nick });
        Ok(code)
    }

    /// Owner only: a code for one registration, valid 7 days.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub async fn invite_user(&self) -> Result<String, Error> {
        self.owner()?;
        crate::account::invite_user(self.shared()).await
    }

    /// Owner only: what lies on the disk, by kind.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn storage(&self) -> Result<Storage, Error> {
        self.owner()?;
        let shared = self.shared();
        let folder = &shared.config.data_dir;
        let size = |name: &str| std::fs::metadata(folder.join(name)).map_or(0, |file| file.len());
        let rows = shared.store.read()?;
        let pictures = blobs::all(&rows)?;
        let clients = mail::clients(&rows)?;
        let mail: u64 = clients.iter().map(|(_, row)| row.bytes()).sum();
        let made = crate::backups::list(folder).unwrap_or_default();
        Ok(Storage {
            // Letters lie in the same file.
            messages: size("chater.redb").saturating_sub(mail),
            pictures: pictures.iter().map(|(_, row)| row.size).sum(),
            picture_count: u32::try_from(pictures.len()).unwrap_or(u32::MAX),
            mail,
            journal: size("chater.journal"),
            backups: made.iter().map(|backup| backup.size).sum(),
            free: chater_store::free_space(folder),
            keep_days: blobs::keep_days(&rows)?.unwrap_or(KEEP_DAYS),
        })
    }

    /// Owner only: how many days pictures of people elsewhere are kept with whom nobody here has a chat, 1 to 365; 0 = for
    /// good. Somebody who is shown again has theirs fetched again.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Invalid`] with `picture_days`.
    pub async fn set_keep_days(&self, days: u16) -> Result<(), Error> {
        let user = self.id();
        self.owner()?;
        if days > 365 {
            return Err(Error::invalid("picture_days", Reason::Malformed));
        }
        self.run(move |turn| {
            owner_only(turn, user)?;
            turn.durable();
            Ok(blobs::set_keep_days(turn.tx, days)?)
        })
        .await?;
        // It shows at once.
        crate::avatars::sweep(self.shared()).await;
        Ok(())
    }
}

/// Whose password a link sets, while it counts.
pub(crate) fn reset_nick(shared: &Shared, code: &str) -> Option<String> {
    let rows = shared.store.read().ok()?;
    let user = accounts::reset(&rows, reset_hash(code)?, now_ms()).ok()??;
    Some(users::user(&rows, user).ok()??.nick)
}

/// Codes of another form name nothing.
fn reset_hash(code: &str) -> Option<Hash> {
    (code.len() == 40 && code.bytes().all(|b| b.is_ascii_hexdigit())).then(|| secret_hash(code))
}

/// Sets a new password by a link (Q21) and logs in. The root stays sealed under the old password until
/// the words are typed; all other logins end.
pub(crate) async fn reset_password(
    engine: &Engine,
    code: &str,
    password: String,
    from_device: &str,
) -> Result<NewSession, Error> {
    let shared = engine.shared();
    let password = Zeroizing::new(password);
    check_password(&password)?;
    let hash = reset_hash(code).ok_or(Error::NotFound)?;
    if accounts::reset(&shared.store.read()?, hash, now_ms())?.is_none() {
        return Err(Error::NotFound);
    }
    let (new, ..) = shared.hasher.make(password).await?;
    let secret = new_secret(SessionKind::Browser);
    let session = secret_hash(&secret);
    let device = device(from_device);
    let (user, nick, ended) = shared
        .inputs
        .run(From::Local, move |turn| {
            // Used meanwhile, or the account was closed.
            let user = accounts::reset(turn.tx, hash, turn.now_ms)?.ok_or(Error::NotFound)?;
            let mut row = users::user(turn.tx, user)?.ok_or(Error::NotFound)?;
            if accounts::is_closed(turn.tx, user)? {
                return Err(Error::Closed.into());
            }
            turn.durable();
            row.password = new;
            users::put_user(turn.tx, user, &row)?;
            accounts::forget_resets(turn.tx, user)?;
            let ended = end_others(turn, user, None)?;
            root::put_session(turn, session, user, device)?;
            Ok((user, row.nick, ended))
        })
        .await?;
    shared.note(Happening::PasswordSet { nick });
    for old in ended {
        shared.hub.end_session(user, old);
    }
    Ok(NewSession {
        secret,
        user: engine.handle(user, Some(session)),
    })
}
