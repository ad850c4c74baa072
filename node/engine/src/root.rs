//! The root of a user: sealed under the password, written down as 24 words (I6), and the one key that
//! can open a new home (I7).

use bip39::{Language, Mnemonic};
use chater_protocol::id::{Hash, HomeId, UserId};
use chater_protocol::identity::{HomeRecord, KemCard, ProfileCard, SUITE_X25519, Signed};
use chater_protocol::key::SigningKey;
use chater_protocol::seal::KemSecret;
use chater_protocol::secret::SecretKey;
use chater_store::users::{OldKemsRow, SessionRow, UserRow};
use chater_store::{StoreError, homes, users};
use serde_bytes::ByteBuf;
use zeroize::Zeroizing;

use crate::actor::From;
use crate::error::{Error, Reason};
use crate::greet::meet_anew;
use crate::mailbox;
use crate::remote::show_changes;
use crate::sessions::prove;
use crate::shared::{Shared, SystemRandom};
use crate::turn::{Fail, Turn, secret_aad};
use crate::user::UserHandle;

/// Words of a root: 256 bits and a checksum.
const WORDS: usize = 24;
/// A letter waits in a mailbox for so long at most.
const MAIL_MS: u64 = mailbox::DAYS_MOST as u64 * 24 * 60 * 60 * 1000;

/// The root of a row, if this password opens it.
pub(crate) async fn open(
    shared: &Shared,
    user: UserId,
    row: &UserRow,
    password: Zeroizing<String>,
) -> Result<Option<SigningKey>, Error> {
    let sealed = row.root_sealed.to_vec();
    let opened = shared
        .hasher
        .unseal(
            password,
            row.root_salt.to_vec(),
            row.password.clone(),
            move |key| {
                let seed = SecretKey::new(*key)
                    .open(&secret_aad(b"root", user, 1), &sealed)
                    .ok()?;
                seed.as_slice().try_into().ok().map(SigningKey::from_seed)
            },
        )
        .await?;
    Ok(opened.filter(|root| root.public().0 == user.0))
}

/// A password's hash, and the root sealed under it.
#[derive(Clone)]
pub(crate) struct Sealed {
    hash: String,
    /// None = the root stays as it was.
    root: Option<(Vec<u8>, [u8; 16])>,
}

impl Sealed {
    /// Puts both into the user's row.
    pub(crate) fn put(self, row: &mut UserRow) {
        row.password = self.hash;
        if let Some((sealed, salt)) = self.root {
            row.root_sealed = ByteBuf::from(sealed);
            row.root_salt = ByteBuf::from(salt.to_vec());
        }
    }
}

/// Hashes a new password and seals the root under it, where it is at hand.
pub(crate) async fn seal(
    shared: &Shared,
    user: UserId,
    root: Option<&SigningKey>,
    password: Zeroizing<String>,
) -> Result<Sealed, Error> {
    let (hash, salt, key) = shared.hasher.make(password).await?;
    let root = root.map(|root| {
        let aad = secret_aad(b"root", user, 1);
        let sealed = SecretKey::new(*key).seal(&aad, &root.seed()[..], &mut SystemRandom);
        (sealed, salt)
    });
    Ok(Sealed { hash, root })
}

/// A home just opened on this node: its id and keys, and as the user's row keeps them.
pub(crate) struct Opened {
    pub(crate) home: HomeId,
    pub(crate) key: SigningKey,
    pub(crate) key_sealed: ByteBuf,
    pub(crate) kems: Vec<(u32, ByteBuf, u64)>,
}

/// Makes a home of a user on this node: its record, signed by the root, and its first sealing key (I2, K1).
pub(crate) fn open_home(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    root: &SigningKey,
) -> Result<Opened, StoreError> {
    let now = turn.now_ms;
    let key = SigningKey::generate(turn.rng);
    let record = HomeRecord {
        v: 1,
        user,
        sign_pk: key.public(),
        node_id: turn.shared.node_id,
        state: 0,
        ts: now,
    };
    let home = record.id();
    let first = homes::home_records(turn.tx, user)?.is_empty();
    homes::put_home(turn.tx, &record, &record.sign(root))?;
    if !first {
        homes::put_news(turn.tx, &record, now)?;
    }
    let (kem_secret, kem_pk) = KemSecret::generate(turn.rng);
    let kem = KemCard {
        v: 1,
        user,
        home,
        n: 0,
        suite: SUITE_X25519,
        kem_pk,
        ts: now,
    };
    homes::put_kem(turn.tx, &kem, &kem.sign(&key))?;
    let kek = &turn.shared.kek;
    let key_sealed =
        ByteBuf::from(kek.seal(&secret_aad(b"home", user, 1), &key.seed()[..], turn.rng));
    let kem_sealed =
        ByteBuf::from(kek.seal(&secret_aad(b"kem", user, 1), kem_secret.bytes(), turn.rng));
    Ok(Opened {
        home,
        key,
        key_sealed,
        kems: vec![(0, kem_sealed, now)],
    })
}

/// Ends a home of the user whose root this is, for good (I2); gives the retired record.
pub(crate) fn retire(
    turn: &Turn<'_, '_>,
    home: &HomeRecord,
    root: &SigningKey,
) -> Result<Signed, StoreError> {
    let retired = HomeRecord {
        state: 1,
        ts: turn.now_ms,
        ..home.clone()
    };
    let signed = retired.sign(root);
    if homes::put_home(turn.tx, &retired, &signed)? {
        homes::put_news(turn.tx, &retired, turn.now_ms)?;
    }
    Ok(signed)
}

/// I7: the number of the next card, where the last one known may be an old one: above all that were given since.
/// Seconds of the clock rise faster than anybody changes a name.
pub(crate) fn number_above(card: &ProfileCard, now_ms: u64) -> u32 {
    let seconds = u32::try_from(now_ms / 1000).unwrap_or(u32::MAX);
    card.n.saturating_add(1).max(seconds)
}

/// Opens a new home on this node and retires the old one (I7): its feeds begin at 0, so nothing that was
/// written before can be written twice. What the old home wrote stays valid, and what is lacking of it
/// comes back from others, since it is an own home no longer.
pub(crate) fn new_home(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    root: &SigningKey,
) -> Result<(), Fail> {
    let mut row = users::user(turn.tx, user)?.ok_or(Error::NotFound)?;
    let (card, _) = homes::card(turn.tx, user)?.ok_or(Error::NotFound)?;
    turn.durable();
    let now = turn.now_ms;
    if let Some(old) = homes::home(turn.tx, user, row.home)? {
        retire(turn, &old, root)?;
    }
    let opened = open_home(turn, user, root)?;
    let card = ProfileCard {
        n: number_above(&card, now),
        home: opened.home,
        ts: now,
        ..card
    };
    homes::put_card(turn.tx, &card, &card.sign(&opened.key), now)?;
    // What was sealed to the old home may lie in a mailbox still, and nobody would seal it anew.
    let old = OldKemsRow {
        v: 1,
        until_ms: now.saturating_add(MAIL_MS),
        kems: std::mem::take(&mut row.kems),
    };
    users::put_old_kems(turn.tx, user, row.home, &old)?;
    (row.home, row.home_sealed, row.kems) = (opened.home, opened.key_sealed, opened.kems);
    row.stopped = false;
    users::put_user(turn.tx, user, &row)?;
    turn.identities_changed();
    show_changes(turn, user)?;
    tracing::info!(user = %user.short(), "a new home: this user writes again");
    Ok(())
}

/// Gives a stopped home back with the password that was just proven. Quietly does nothing when the
/// root does not open under it: writing then says what is needed.
pub(crate) async fn renew_stopped(
    shared: &Shared,
    user: UserId,
    row: &UserRow,
    password: Zeroizing<String>,
) -> Result<bool, Error> {
    if !row.stopped {
        return Ok(true);
    }
    let Some(root) = open(shared, user, row, password).await? else {
        return Ok(false);
    };
    shared
        .inputs
        .run(From::Local, move |turn| {
            // Somebody else may have been quicker.
            if users::user(turn.tx, user)?.is_some_and(|row| row.stopped) {
                new_home(turn, user, &root)?;
            }
            Ok(())
        })
        .await?;
    meet_anew(shared);
    Ok(true)
}

/// Reads 24 words as a root.
pub(crate) fn read_words(text: &str) -> Result<SigningKey, Error> {
    let bad = |reason| Error::invalid("words", reason);
    if text.len() > 4_096 {
        return Err(bad(Reason::Long));
    }
    let lower = Zeroizing::new(text.to_lowercase());
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
        .collect();
    match words.len() {
        0 => return Err(bad(Reason::Empty)),
        WORDS => {}
        n => {
            return Err(bad(if n < WORDS {
                Reason::Short
            } else {
                Reason::Long
            }));
        }
    }
    let joined = Zeroizing::new(words.join(" "));
    let mnemonic = Mnemonic::parse_in_normalized(Language::English, &joined).map_err(|error| {
        bad(match error {
            bip39::Error::UnknownWord(_) => Reason::Characters,
            _ => Reason::Malformed,
        })
    })?;
    let seed = Zeroizing::new(mnemonic.to_entropy());
    let seed = seed
        .as_slice()
        .try_into()
        .map_err(|_| bad(Reason::Malformed))?;
    Ok(SigningKey::from_seed(seed))
}

/// Opens a browser's session inside a turn.
pub(crate) fn put_session(
    turn: &mut Turn<'_, '_>,
    session: Hash,
    user: UserId,
    device: String,
) -> Result<(), Fail> {
    let row = SessionRow {
        v: 1,
        user,
        kind: 0,
        device,
        created_ms: turn.now_ms,
        seen_ms: turn.now_ms,
    };
    Ok(users::put_session(turn.tx, session, &row)?)
}

impl UserHandle {
    /// The 24 words of the root, after the password was typed (I6). Whoever has them is this user.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong password, [`Error::RootLocked`], [`Error::TooMany`].
    pub async fn recovery_words(&self, password: String) -> Result<Vec<String>, Error> {
        let password = Zeroizing::new(password);
        let shared = self.shared();
        let row = prove(shared, self.id(), password.clone(), "password").await?;
        let root = open(shared, self.id(), &row, password)
            .await?
            .ok_or(Error::RootLocked)?;
        let words = Mnemonic::from_entropy(&root.seed()[..]).map_err(|_| Error::Internal)?;
        Ok(words.words().map(str::to_owned).collect())
    }

    /// Opens a new home when this one was stopped (I7), so that the user can write again.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong password, [`Error::RootLocked`], [`Error::TooMany`].
    pub async fn renew_home(&self, password: String) -> Result<(), Error> {
        let password = Zeroizing::new(password);
        let shared = self.shared();
        let row = prove(shared, self.id(), password.clone(), "password").await?;
        if renew_stopped(shared, self.id(), &row, password).await? {
            Ok(())
        } else {
            Err(Error::RootLocked)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_people_write_them() {
        let root = SigningKey::from_seed(&[7; 32]);
        let words = Mnemonic::from_entropy(&root.seed()[..])
            .unwrap()
            .to_string();
        assert_eq!(words.split(' ').count(), WORDS);
        let numbered: String = words
            .split(' ')
            .enumerate()
            .map(|(n, word)| format!("{}. {}\r\n", n + 1, word.to_uppercase()))
            .collect();
        for text in [&words, &numbered] {
            assert_eq!(read_words(text).unwrap().public(), root.public());
        }
        let reason = |text: &str| match read_words(text).err() {
            Some(Error::Invalid { reason, .. }) => Some(reason),
            _ => None,
        };
        assert_eq!(reason(""), Some(Reason::Empty));
        assert_eq!(reason("abandon abandon"), Some(Reason::Short));
        assert_eq!(reason(&format!("{words} zoo")), Some(Reason::Long));
        assert_eq!(reason(&"слово ".repeat(24)), Some(Reason::Characters));
        // All words are of the list, and the checksum is not theirs.
        assert_eq!(reason(&"zoo ".repeat(24)), Some(Reason::Malformed));
        assert_eq!(reason(&"a".repeat(5_000)), Some(Reason::Long));
    }
}
