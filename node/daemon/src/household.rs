//! What the owner's pages do with people and mail, as commands ask for it: names are typed, ids are meant. Whoever can open the
//! control socket owns the machine, so the owner's password is not asked for.

use chater_engine::{Engine, Error, MailRules, Reason, Registration, id, view};

use crate::circle;
use crate::shapes::{BackupList, MailAct, MailBook, OwnSettings, UserLine};

const MIB: u64 = 1024 * 1024;

/// Who lives here, with what they fill and may fill. Without an owner nobody does.
///
/// # Errors
/// Storage errors.
pub(crate) fn users(engine: &Engine) -> Result<Vec<UserLine>, Error> {
    let owner = match engine.as_owner() {
        Err(Error::NotFound) => return Ok(Vec::new()),
        owner => owner?,
    };
    let line = |resident: view::Resident| UserLine {
        nick: resident.person.nick,
        display_name: resident.person.display_name,
        owner: resident.owner,
        closed: resident.closed,
        used: resident.room.used,
        quota_mib: resident.room.quota / MIB,
    };
    Ok(owner.residents()?.into_iter().map(line).collect())
}

/// The user of a nick, typed in whatever case.
fn user(engine: &Engine, nick: &str) -> Result<id::UserId, Error> {
    let folded = nick.trim().to_lowercase();
    let all = engine.as_owner()?.residents()?.into_iter();
    let mut named = all.filter(|resident| resident.person.nick.to_lowercase() == folded);
    let found = named.next().ok_or(Error::NotFound)?;
    Ok(found.person.user_id)
}

/// How much somebody may fill.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] outside 1 MiB to 1 TiB.
pub(crate) async fn set_quota(engine: &Engine, nick: &str, mib: u64) -> Result<(), Error> {
    let user = user(engine, nick)?;
    let bytes = mib.saturating_mul(MIB);
    engine.as_owner()?.set_quota(user, bytes).await
}

/// Closes an account, or opens it again.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] for the owner's own.
pub(crate) async fn set_closed(engine: &Engine, nick: &str, closed: bool) -> Result<(), Error> {
    let user = user(engine, nick)?;
    let done = engine.as_owner()?.set_closed(user, closed).await;
    done.map_err(|error| match error {
        Error::Forbidden => Error::invalid("nick", Reason::Own),
        other => other,
    })
}

/// The code of a link by which somebody sets a new password.
///
/// # Errors
/// [`Error::NotFound`].
pub(crate) async fn password_code(engine: &Engine, nick: &str) -> Result<String, Error> {
    let user = user(engine, nick)?;
    engine.as_owner()?.password_link(user).await
}

/// The node's name and who may register; what is given is saved first, and what is set from outside stays as it is.
///
/// # Errors
/// [`Error::NotFound`] while nobody has registered; [`Error::Invalid`] for a name that is none.
pub(crate) async fn settings(
    engine: &Engine,
    name: Option<String>,
    registration: Option<String>,
) -> Result<OwnSettings, Error> {
    let owner = engine.as_owner()?;
    let policy = match registration.as_deref() {
        None => None,
        Some("open") => Some(Registration::Open),
        Some("invite") => Some(Registration::Invite),
        Some("closed") => Some(Registration::Closed),
        Some(_) => return Err(Error::invalid("registration", Reason::Malformed)),
    };
    let now = owner.node_settings()?;
    let (name, policy) = (
        name.filter(|_| !now.name_fixed),
        policy.filter(|_| !now.registration_fixed),
    );
    if name.is_some() || policy.is_some() {
        owner.save_node_settings(name, policy).await?;
    }
    let now = owner.node_settings()?;
    Ok(OwnSettings {
        name: now.name,
        name_fixed: now.name_fixed,
        registration: match now.registration {
            Registration::Open => "open",
            Registration::Invite => "invite",
            Registration::Closed => "closed",
        }
        .into(),
        registration_fixed: now.registration_fixed,
    })
}

/// For how many days pictures that nobody uses are kept.
///
/// # Errors
/// [`Error::NotFound`] while nobody has registered; [`Error::Invalid`] beyond 365.
pub(crate) async fn pictures(engine: &Engine, days: Option<u16>) -> Result<u16, Error> {
    let owner = engine.as_owner()?;
    if let Some(days) = days {
        owner.set_keep_days(days).await?;
    }
    Ok(owner.storage()?.keep_days)
}

/// Backups in the data folder.
///
/// # Errors
/// [`Error::Busy`] while another is made; no room, storage errors.
pub(crate) async fn backups(engine: &Engine, make: bool) -> Result<BackupList, Error> {
    if make {
        engine.make_backup().await?;
    }
    let (folder, found) = engine.backups()?;
    let files = found.into_iter().map(|backup| (backup.name, backup.size));
    Ok(BackupList {
        folder,
        files: files.collect(),
    })
}

/// Mailboxes, both ways.
///
/// # Errors
/// Storage errors.
pub(crate) fn mail(engine: &Engine) -> Result<MailBook, Error> {
    let mail = engine.mail()?;
    let state = |own: &view::Mailbox| match (own.state, own.linked) {
        (view::MailboxState::Asked, _) => "asked",
        (view::MailboxState::Refused, _) => "refused",
        (view::MailboxState::Keeps, true) => "keeps",
        (view::MailboxState::Keeps, false) => "away",
    };
    let mine = mail.mine.iter();
    let kept = mail.kept.iter();
    Ok(MailBook {
        offers: mail.rules.offers,
        room_mib: mail.rules.bytes / MIB,
        days: mail.rules.days,
        fixed: mail.fixed,
        mailboxes: mine
            .map(|own| (own.name.clone(), state(own).to_owned()))
            .collect(),
        could: mail.offers.iter().map(|offer| offer.name.clone()).collect(),
        kept: kept
            .map(|kept| (kept.name.clone(), kept.letters, kept.bytes, kept.evicted))
            .collect(),
    })
}

/// Changes something about mailboxes.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Ambiguous`]; [`Error::Invalid`] for what is out of bounds, or set at the start.
pub(crate) async fn change_mail(engine: &Engine, act: MailAct) -> Result<(), Error> {
    let owner = engine.as_owner()?;
    match act {
        MailAct::Rules {
            offers,
            room_mib,
            days,
        } => {
            let now = engine.mail()?;
            if now.fixed {
                return Err(Error::invalid("mail", Reason::Reserved));
            }
            let room = room_mib.map(|mib| mib.saturating_mul(MIB));
            let rules = MailRules {
                offers: offers.unwrap_or(now.rules.offers),
                bytes: room.unwrap_or(now.rules.bytes),
                days: days.unwrap_or(now.rules.days),
            };
            owner.set_mail_rules(rules).await
        }
        MailAct::Choose(node) => owner.choose_mailbox(circle::node(engine, &node)?).await,
        MailAct::Leave(node) => owner.leave_mailbox(circle::node(engine, &node)?).await,
        MailAct::Evict(node) => owner.evict_mail(circle::node(engine, &node)?, true).await,
        MailAct::Readmit(node) => owner.evict_mail(circle::node(engine, &node)?, false).await,
    }
}
