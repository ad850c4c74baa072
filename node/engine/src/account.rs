//! Accounts and sessions: registration, login, profile, what a user chose.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use chater_protocol::id::{Hash, HomeId, UserId, hex};
use chater_protocol::identity::ProfileCard;
use chater_protocol::key::SigningKey;
use chater_protocol::limits;
use chater_protocol::name::{self, BadName};
use chater_protocol::text;
use chater_store::users::{InviteRow, SessionRow, UserRow};
use chater_store::{Rows, StoreError, accounts, homes, users};
use zeroize::Zeroizing;

use crate::Engine;
use crate::actor::{From, now_ms};
use crate::config::Registration;
use crate::error::{Error, Reason};
use crate::moved;
use crate::person::person;
use crate::root::{self, Sealed};
use crate::shared::{Shared, SystemRandom, lock};
use crate::turn::{Fail, Turn};
use crate::user::UserHandle;
use crate::view::{FoundBy, Happening, Settings};

/// Sessions and tokens live this long after their last use, ms (Q18).
pub(crate) const SESSION_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// The last use is written down this often, ms.
const SEEN_MS: u64 = 60 * 60 * 1000;
/// Sessions of one user at most; the oldest ends.
const SESSIONS: usize = 64;
/// A registration code lives this long, ms.
const INVITE_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// The words of a registration form.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The nick (I9).
    pub nick: String,
    /// 10 characters to 1,024 bytes.
    pub password: String,
    /// The invite code, or the set-up code of the first user.
    pub invite: Option<String>,
    /// What the browser says it is.
    pub device: String,
    /// Where the request comes from.
    pub from: IpAddr,
    /// Whether that surely is this computer.
    pub here: bool,
    /// `ru` or `en`, if chosen before.
    pub language: Option<String>,
    /// The browser's zone.
    pub time_zone: Option<String>,
}

/// The words of a login form.
#[derive(Debug, Clone)]
pub struct Login {
    /// The nick.
    pub nick: String,
    /// The password.
    pub password: String,
    /// What the browser says it is.
    pub device: String,
    /// Where the request comes from.
    pub from: IpAddr,
    /// Browser session or API token.
    pub kind: SessionKind,
    /// The browser's zone.
    pub time_zone: Option<String>,
}

/// Browser session or API token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKind {
    /// A cookie.
    Browser,
    /// `cht_...`, sent as a bearer token.
    Token,
}

/// A fresh session.
pub struct NewSession {
    /// Shown once; only its hash is kept. Tokens begin with `cht_`.
    pub secret: String,
    /// Whose it is.
    pub user: UserHandle,
}

/// An open session.
#[derive(Clone)]
pub struct OpenSession {
    /// Whose it is.
    pub user: UserHandle,
    /// Browser or token.
    pub kind: SessionKind,
    /// For forms: a token made from the session (Q38).
    pub csrf: String,
}

pub(crate) fn secret_hash(secret: &str) -> Hash {
    Hash(*blake3::hash(secret.as_bytes()).as_bytes())
}

pub(crate) fn new_secret(kind: SessionKind) -> String {
    use rand_core::Rng;
    let mut bytes = [0u8; 32];
    SystemRandom.fill_bytes(&mut bytes);
    match kind {
        SessionKind::Browser => hex(&bytes),
        SessionKind::Token => format!("cht_{}", hex(&bytes)),
    }
}

fn nick_error(bad: BadName) -> Error {
    Error::invalid(
        "nick",
        match bad {
            BadName::Short => Reason::Short,
            BadName::Long => Reason::Long,
            BadName::Characters => Reason::Characters,
            BadName::Mixed => Reason::Mixed,
            BadName::Reserved => Reason::Reserved,
        },
    )
}

pub(crate) fn check_password(password: &str) -> Result<(), Error> {
    if password.chars().count() < 10 {
        return Err(Error::invalid("password", Reason::Short));
    }
    if password.len() > 1_024 {
        return Err(Error::invalid("password", Reason::Long));
    }
    Ok(())
}

pub(crate) fn device(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// A zone is kept only if it looks like one: it comes from the browser.
pub(crate) fn zone(zone: Option<String>) -> Option<String> {
    zone.filter(|z| {
        (1..=64).contains(&z.len())
            && z.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'))
    })
}

/// Makes an account and its first session.
pub(crate) async fn register(
    engine: &Engine,
    new: NewUser,
    kind: SessionKind,
) -> Result<NewSession, Error> {
    let shared = engine.shared();
    let nick = Nick::read(&new.nick)?;
    check_password(&new.password)?;
    let now = now_ms();
    lock(&shared.rates)
        .registrations
        .take(&new.from, now)
        .map_err(|retry_after_s| Error::TooMany { retry_after_s })?;
    // Cheap looks first; the turn checks again, where it counts.
    {
        let rows = shared.store.read()?;
        if nick.is_taken(&rows)? {
            return Err(Error::Taken);
        }
        if engine.needs_code(new.here)
            && new
                .invite
                .as_deref()
                .is_none_or(|code| code.trim().is_empty())
        {
            return Err(Error::InviteNeeded);
        }
    }
    let root = SigningKey::generate(&mut SystemRandom);
    let user = UserId(root.public().0);
    let password = Zeroizing::new(new.password);
    let sealed = root::seal(shared, user, Some(&root), password).await?;
    let secret = new_secret(kind);
    let session = secret_hash(&secret);
    let way = shared
        .inputs
        .run(From::Local, {
            let (invite, device) = (new.invite, device(&new.device));
            let (language, time_zone, here) = (new.language, zone(new.time_zone), new.here);
            move |turn| {
                let newcomer = Newcomer {
                    nick,
                    sealed,
                    language,
                    time_zone,
                };
                let card = blank_card(user);
                let way = move_in(turn, &root, newcomer, card, (invite.as_deref(), here))?;
                let row = SessionRow {
                    v: 1,
                    user,
                    kind: u8::from(kind == SessionKind::Token),
                    device,
                    created_ms: turn.now_ms,
                    seen_ms: turn.now_ms,
                };
                users::put_session(turn.tx, session, &row)?;
                Ok(way)
            }
        })
        .await?;
    shared.note(way.told(new.nick));
    Ok(NewSession {
        secret,
        user: engine.handle(user, Some(session)),
    })
}

/// Whether somebody may register now (Q15). The first user becomes the owner.
fn admit(turn: &mut Turn<'_, '_>, invite: Option<&str>, here: bool) -> Result<(), Fail> {
    let code = invite.map(str::trim).unwrap_or_default();
    if users::owner(turn.tx)?.is_none() {
        return match turn.shared.set_up_code(here) {
            Some(setup) if setup_hash(setup) != setup_hash(code) => Err(Error::InviteNeeded.into()),
            _ => Ok(()),
        };
    }
    match turn.shared.registration() {
        Registration::Open => Ok(()),
        Registration::Closed => Err(Error::RegistrationClosed.into()),
        Registration::Invite => {
            let now = turn.now_ms;
            let row = users::invite(turn.tx, secret_hash(code))?;
            if row.is_some_and(|row| row.left > 0 && row.expires_ms > now) {
                Ok(())
            } else {
                Err(Error::InviteNeeded.into())
            }
        }
    }
}

fn setup_hash(code: &str) -> blake3::Hash {
    // Compared as hashes: in constant time.
    blake3::hash(code.trim().as_bytes())
}

/// A nick as it was typed and as it is compared (I9).
#[derive(Clone)]
pub(crate) struct Nick {
    pub(crate) typed: String,
    folded: String,
    skeletons: [String; 2],
}

impl Nick {
    pub(crate) fn read(typed: &str) -> Result<Self, Error> {
        let folded = name::check_nick(typed).map_err(nick_error)?;
        Ok(Self {
            typed: typed.to_owned(),
            // The nick is shown as typed: «paypaI» with a capital I must not pass for «paypal» either, so both
            // forms are claimed.
            skeletons: [name::skeleton(&folded), name::skeleton(typed)],
            folded,
        })
    }

    /// Whether somebody here has it, or one that looks like it.
    pub(crate) fn is_taken(&self, rows: &impl Rows) -> Result<bool, StoreError> {
        if users::by_nick(rows, &self.folded)?.is_some() {
            return Ok(true);
        }
        for skeleton in &self.skeletons {
            if users::by_skeleton(rows, skeleton)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Somebody who begins to live here.
pub(crate) struct Newcomer {
    pub(crate) nick: Nick,
    pub(crate) sealed: Sealed,
    pub(crate) language: Option<String>,
    pub(crate) time_zone: Option<String>,
}

/// How somebody was let in.
pub(crate) enum Way {
    First,
    Invited,
    Open,
}

impl Way {
    /// As the owner's log tells it.
    pub(crate) fn told(self, nick: String) -> Happening {
        match self {
            Self::First => Happening::Owned { nick },
            Self::Invited => Happening::CameInvited { nick },
            Self::Open => Happening::Registered { nick },
        }
    }
}

/// The card of somebody of whom nothing is known yet.
pub(crate) fn blank_card(user: UserId) -> ProfileCard {
    ProfileCard {
        v: 1,
        user,
        home: HomeId::default(),
        n: 0,
        nick: String::new(),
        display_name: String::new(),
        about: String::new(),
        avatar: None,
        discoverable: 2,
        ts: 0,
    }
}

/// Lets the user of a root in: a home on this node, its cards, the account (I2-I6, I10). `card` says the rest of what
/// others see; `asked` are the code and whether whoever asks sits at this computer (Q15).
pub(crate) fn move_in(
    turn: &mut Turn<'_, '_>,
    root: &SigningKey,
    newcomer: Newcomer,
    card: ProfileCard,
    (code, here): (Option<&str>, bool),
) -> Result<Way, Fail> {
    let (user, now) = (UserId(root.public().0), turn.now_ms);
    let first = users::owner(turn.tx)?.is_none();
    admit(turn, code, here)?;
    if newcomer.nick.is_taken(turn.tx)? {
        return Err(Error::Taken.into());
    }
    turn.durable();
    let opened = root::open_home(turn, user, root)?;
    let Nick {
        typed,
        folded,
        skeletons,
    } = newcomer.nick;
    let card = ProfileCard {
        home: opened.home,
        nick: typed.clone(),
        ts: now,
        ..card
    };
    homes::put_card(turn.tx, &card, &card.sign(&opened.key), now)?;
    users::claim_nick(turn.tx, &folded, &skeletons, user)?;
    let mut row = UserRow {
        v: 1,
        nick: typed,
        password: String::new(),
        root_sealed: serde_bytes::ByteBuf::new(),
        root_salt: serde_bytes::ByteBuf::new(),
        home: opened.home,
        home_sealed: opened.key_sealed,
        kems: opened.kems,
        language: newcomer.language,
        theme: None,
        time_zone: newcomer.time_zone,
        created_ms: now,
        stopped: false,
    };
    newcomer.sealed.put(&mut row);
    users::put_user(turn.tx, user, &row)?;
    turn.identities_changed();
    if first {
        users::set_owner(turn.tx, user)?;
        return Ok(Way::First);
    }
    if turn.shared.registration() != Registration::Invite {
        return Ok(Way::Open);
    }
    // The code is used up only now that the nick turned out to be free.
    let code = secret_hash(code.unwrap_or_default().trim());
    users::use_invite(turn.tx, code, now)?;
    Ok(Way::Invited)
}

/// Checks a password and opens a session. Only failed tries are charged (Q20).
pub(crate) async fn log_in(engine: &Engine, login: Login) -> Result<NewSession, Error> {
    let shared = engine.shared();
    let folded =
        name::check_nick(&login.nick).unwrap_or_else(|_| login.nick.chars().take(64).collect());
    let now = now_ms();
    {
        let rates = lock(&shared.rates);
        let wait = rates
            .logins_by_nick
            .wait_s(&folded, now)
            .max(rates.logins_by_address.wait_s(&login.from, now));
        if wait > 0 {
            // An address, not what was typed as a nick: that may be a password.
            shared.note(Happening::LoginsStopped {
                from: login.from.to_canonical().to_string(),
            });
            return Err(Error::TooMany {
                retry_after_s: wait,
            });
        }
    }
    let found = {
        let rows = shared.store.read()?;
        match users::by_nick(&rows, &folded)? {
            Some(user) => users::user(&rows, user)?.map(|row| (user, row)),
            None => None,
        }
    };
    if login.password.len() > 1_024 {
        return Err(Error::BadLogin);
    }
    let password = Zeroizing::new(login.password);
    let stored = found.as_ref().map(|(_, row)| row.password.clone());
    let checked = shared.hasher.check(password.clone(), stored).await?;
    let Some((user, row)) = found.filter(|_| checked.good) else {
        let mut rates = lock(&shared.rates);
        rates.logins_by_nick.charge(&folded, now);
        rates.logins_by_address.charge(&login.from, now);
        shared
            .counters
            .logins_failed
            .fetch_add(1, Ordering::Relaxed);
        return Err(Error::BadLogin);
    };
    if accounts::is_closed(&shared.store.read()?, user)? {
        return Err(Error::Closed);
    }
    // I7: the password opens the root, and the root a new home.
    root::renew_stopped(shared, user, &row, password.clone()).await?;
    moved::end_left(shared, user, &row, password.clone()).await?;
    // P4: hashed anew when the parameters have risen. The root keeps its own seal.
    let rehashed = if checked.outdated {
        Some(shared.hasher.make(password).await?.0)
    } else {
        None
    };
    let (kind, device, time_zone) = (login.kind, device(&login.device), zone(login.time_zone));
    let secret = new_secret(kind);
    let session = secret_hash(&secret);
    shared
        .inputs
        .run(From::Local, move |turn| {
            turn.durable();
            let row = SessionRow {
                v: 1,
                user,
                kind: u8::from(kind == SessionKind::Token),
                device,
                created_ms: turn.now_ms,
                seen_ms: turn.now_ms,
            };
            end_oldest(turn, user)?;
            users::put_session(turn.tx, session, &row)?;
            if let Some(mut row) = users::user(turn.tx, user)?
                && (rehashed.is_some() || (time_zone.is_some() && row.time_zone != time_zone))
            {
                row.password = rehashed.unwrap_or(row.password);
                row.time_zone = time_zone.or(row.time_zone);
                users::put_user(turn.tx, user, &row)?;
            }
            Ok(())
        })
        .await?;
    Ok(NewSession {
        secret,
        user: engine.handle(user, Some(session)),
    })
}

fn end_oldest(turn: &mut Turn<'_, '_>, user: UserId) -> Result<(), Fail> {
    let mut open = Vec::new();
    for hash in users::sessions_of(turn.tx, user)? {
        if let Some(row) = users::session(turn.tx, hash)? {
            open.push((row.seen_ms, hash));
        }
    }
    open.sort();
    let over = (open.len() + 1).saturating_sub(SESSIONS);
    for (_, hash) in open.into_iter().take(over) {
        users::end_session(turn.tx, hash)?;
        turn.shared.hub.end_session(user, hash);
    }
    Ok(())
}

/// The session behind a secret; a cheap read.
pub(crate) fn session(engine: &Engine, secret: &str) -> Result<Option<OpenSession>, Error> {
    if secret.len() > 80 {
        return Ok(None);
    }
    let shared = engine.shared();
    let hash = secret_hash(secret);
    let rows = shared.store.read()?;
    let Some(row) = users::session(&rows, hash)? else {
        return Ok(None);
    };
    let now = now_ms();
    if now.saturating_sub(row.seen_ms) > SESSION_MS {
        return Ok(None);
    }
    if now.saturating_sub(row.seen_ms) > SEEN_MS {
        touch(engine, hash);
    }
    let kind = if row.kind == 1 {
        SessionKind::Token
    } else {
        SessionKind::Browser
    };
    let csrf = hex(&blake3::derive_key("chater csrf v1", secret.as_bytes())[..16]);
    Ok(Some(OpenSession {
        user: engine.handle(row.user, Some(hash)),
        kind,
        csrf,
    }))
}

fn touch(engine: &Engine, hash: Hash) {
    let engine = engine.clone();
    tokio::spawn(async move {
        let _ = engine
            .shared()
            .inputs
            .run(From::Others, move |turn| {
                if let Some(mut row) = users::session(turn.tx, hash)? {
                    row.seen_ms = turn.now_ms;
                    users::put_session(turn.tx, hash, &row)?;
                }
                Ok(())
            })
            .await;
    });
}

/// Ends a session; its sockets end with it.
pub(crate) async fn log_out(engine: &Engine, secret: &str) {
    let hash = secret_hash(secret);
    let shared = engine.shared();
    let ended = shared
        .inputs
        .run(From::Local, move |turn| {
            turn.durable();
            let row = users::session(turn.tx, hash)?;
            users::end_session(turn.tx, hash)?;
            Ok(row)
        })
        .await;
    if let Ok(Some(row)) = ended {
        shared.hub.end_session(row.user, hash);
    }
}

/// Signs a new profile card (I10).
pub(crate) fn set_profile(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    display_name: &str,
    about: &str,
) -> Result<(), Fail> {
    let display_name = display_name.trim();
    let about = about.replace("\r\n", "\n");
    let about = about.trim();
    let reason = |bad: text::BadText| match bad {
        text::BadText::Empty => Reason::Empty,
        text::BadText::Long => Reason::Long,
        text::BadText::Control => Reason::Control,
    };
    text::check_line(display_name, limits::NAME_CHARS)
        .map_err(|b| Error::invalid("display_name", reason(b)))?;
    text::check_block(about, limits::ABOUT_CHARS)
        .map_err(|b| Error::invalid("about", reason(b)))?;
    change_card(turn, user, |card| {
        display_name.clone_into(&mut card.display_name);
        about.clone_into(&mut card.about);
    })
}

/// Signs a new profile card that names another picture, or none (I10).
pub(crate) fn set_avatar(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    avatar: Option<Hash>,
) -> Result<(), Fail> {
    change_card(turn, user, |card| card.avatar = avatar)
}

/// Who finds a user by a search.
pub(crate) fn found_by(rows: &impl Rows, user: UserId) -> Result<FoundBy, StoreError> {
    let card = homes::card(rows, user)?;
    Ok(match card.map_or(2, |(card, _)| card.discoverable) {
        0 => FoundBy::Nobody,
        1 => FoundBy::Contacts,
        _ => FoundBy::Communities,
    })
}

impl UserHandle {
    /// Who finds this user by a search from now on: told by a new card (I10).
    ///
    /// # Errors
    /// [`Error::HomeStopped`].
    pub async fn set_found_by(&self, by: FoundBy) -> Result<(), Error> {
        let user = self.id();
        self.run(move |turn| {
            change_card(turn, user, |card| {
                card.discoverable = match by {
                    FoundBy::Nobody => 0,
                    FoundBy::Contacts => 1,
                    FoundBy::Communities => 2,
                };
            })
        })
        .await?;
        // Neighbours ask anew for the cards of people they know.
        self.shared().greet.notify_one();
        Ok(())
    }
}

/// A card with the next number, if anything of it changes.
fn change_card(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    change: impl FnOnce(&mut ProfileCard),
) -> Result<(), Fail> {
    let writer = turn.writer(user)?;
    let (old, _) = homes::card(turn.tx, user)?.ok_or(Error::NotFound)?;
    let mut card = old.clone();
    change(&mut card);
    if card == old {
        return Ok(());
    }
    turn.durable();
    card.n = old.n.saturating_add(1);
    card.home = writer.home;
    card.ts = turn.now_ms;
    homes::put_card(turn.tx, &card, &card.sign(&writer.key), turn.now_ms)?;
    turn.identities_changed();
    Ok(())
}

/// Keeps what a user chose.
pub(crate) fn set_settings(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    settings: Settings,
) -> Result<(), Fail> {
    let mut row = users::user(turn.tx, user)?.ok_or(Error::NotFound)?;
    let one_of = |value: &Option<String>, field: &'static str, words: [&str; 2]| match value {
        Some(v) if !words.contains(&&v[..]) => Err(Error::invalid(field, Reason::Malformed)),
        _ => Ok(()),
    };
    one_of(&settings.language, "language", ["ru", "en"])?;
    one_of(&settings.theme, "theme", ["light", "dark"])?;
    turn.durable();
    row.language = settings.language;
    row.theme = settings.theme;
    row.time_zone = zone(settings.time_zone);
    users::put_user(turn.tx, user, &row)?;
    Ok(())
}

/// Who invites by a code: the name of the owner, who alone makes them. None = it is not valid any more, or never was.
pub(crate) fn invited_by(shared: &Shared, code: &str) -> Result<Option<String>, Error> {
    let rows = shared.store.read()?;
    let row = users::invite(&rows, secret_hash(code.trim()))?;
    if row.is_none_or(|row| row.left == 0 || row.expires_ms <= shared.now_ms()) {
        return Ok(None);
    }
    let Some(owner) = users::owner(&rows)? else {
        return Ok(None);
    };
    Ok(Some(person(shared, &rows, owner)?.display_name.clone()))
}

/// A code for one registration, valid 7 days.
pub(crate) async fn invite_user(shared: &Shared) -> Result<String, Error> {
    use rand_core::Rng;
    let mut bytes = [0u8; 10];
    SystemRandom.fill_bytes(&mut bytes);
    let code = hex(&bytes);
    let hash = secret_hash(&code);
    shared
        .inputs
        .run(From::Local, move |turn| {
            turn.durable();
            let row = InviteRow {
                v: 1,
                left: 1,
                expires_ms: turn.now_ms + INVITE_MS,
            };
            users::put_invite(turn.tx, hash, &row)?;
            Ok(())
        })
        .await?;
    shared.note(Happening::PersonInvited);
    Ok(code)
}

/// A new password set by whoever owns the machine (Q21). The root stays sealed under the old one until
/// the recovery words are typed; all sessions end.
pub(crate) async fn set_password(
    shared: &Shared,
    nick: &str,
    password: String,
) -> Result<(), Error> {
    check_password(&password)?;
    let folded = name::check_nick(nick).map_err(nick_error)?;
    let user = users::by_nick(&shared.store.read()?, &folded)?.ok_or(Error::NotFound)?;
    let (hash, ..) = shared.hasher.make(Zeroizing::new(password)).await?;
    let ended = shared
        .inputs
        .run(From::Local, move |turn| {
            turn.durable();
            let mut row = users::user(turn.tx, user)?.ok_or(Error::NotFound)?;
            row.password = hash;
            users::put_user(turn.tx, user, &row)?;
            let sessions = users::sessions_of(turn.tx, user)?;
            for session in &sessions {
                users::end_session(turn.tx, *session)?;
            }
            Ok(sessions)
        })
        .await?;
    shared.note(Happening::PasswordSet {
        nick: nick.to_owned(),
    });
    for session in ended {
        shared.hub.end_session(user, session);
    }
    Ok(())
}
