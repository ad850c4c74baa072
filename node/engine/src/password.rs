//! Passwords: Argon2id off the async threads, at most two at once (P4, Q20).

use argon2::{Algorithm, Argon2, Params, Version};
use chater_protocol::id::hex;
use rand_core::Rng;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::shared::SystemRandom;

/// Two at once: each needs 64 MiB.
const AT_ONCE: usize = 2;
/// Waiting beyond those (Q20).
const WAITING: usize = 16;

/// Memory in KiB and passes.
const LARGE: (u32, u32) = (64 * 1024, 3);
/// On machines with less than 1 GiB.
const SMALL: (u32, u32) = (19 * 1024, 2);

/// Memory in KiB and passes: 64 MiB and 3, on small machines 19 MiB and 2 (P4).
fn cost() -> (u32, u32) {
    let small = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .is_some_and(|text| {
            let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
            let kib = total.and_then(|rest| {
                rest.trim()
                    .trim_end_matches("kB")
                    .trim()
                    .parse::<u64>()
                    .ok()
            });
            kib.is_some_and(|kib| kib < 1024 * 1024)
        });
    if small { SMALL } else { LARGE }
}

/// Hashes and checks passwords.
pub(crate) struct Hasher {
    at_once: Semaphore,
    places: Semaphore,
    cost: (u32, u32),
}

fn stretch(password: &[u8], salt: &[u8], (m, t): (u32, u32)) -> Result<Zeroizing<[u8; 32]>, Error> {
    let params = Params::new(m, t, 1, Some(32)).map_err(|_| Error::Internal)?;
    let mut out = Zeroizing::new([0u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password, salt, &mut *out)
        .map_err(|_| Error::Internal)?;
    Ok(out)
}

/// A stored hash: `argon2id$m$t$salt$hash`, salt and hash in hex.
struct Stored {
    cost: (u32, u32),
    salt: [u8; 16],
    hash: [u8; 32],
}

impl Stored {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('$');
        if parts.next()? != "argon2id" {
            return None;
        }
        let cost = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let salt = chater_protocol::id::unhex(parts.next()?).ok()?;
        let hash = chater_protocol::id::unhex(parts.next()?).ok()?;
        Some(Self { cost, salt, hash })
    }
}

/// What a check says.
pub(crate) struct Checked {
    pub(crate) good: bool,
    /// The parameters have risen since: hash anew.
    pub(crate) outdated: bool,
}

impl Hasher {
    pub(crate) fn new() -> Self {
        Self {
            at_once: Semaphore::new(AT_ONCE),
            places: Semaphore::new(AT_ONCE + WAITING),
            cost: cost(),
        }
    }

    async fn work<T: Send + 'static>(
        &self,
        f: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let _place = self.places.try_acquire().map_err(|_| Error::Busy)?;
        let _turn = self.at_once.acquire().await.map_err(|_| Error::Stopping)?;
        tokio::task::spawn_blocking(f)
            .await
            .map_err(|_| Error::Internal)?
    }

    /// A hash to store and, from another salt, the key that seals the root (I6).
    pub(crate) async fn make(
        &self,
        password: Zeroizing<String>,
    ) -> Result<(String, [u8; 16], Zeroizing<[u8; 32]>), Error> {
        let (mut salt, mut root_salt) = ([0u8; 16], [0u8; 16]);
        SystemRandom.fill_bytes(&mut salt);
        SystemRandom.fill_bytes(&mut root_salt);
        let cost = self.cost;
        self.work(move || {
            let hash = stretch(password.as_bytes(), &salt, cost)?;
            let key = stretch(password.as_bytes(), &root_salt, cost)?;
            let text = format!(
                "argon2id${}${}${}${}",
                cost.0,
                cost.1,
                hex(&salt),
                hex(&hash[..])
            );
            Ok((text, root_salt, key))
        })
        .await
    }

    /// Opens what was sealed under a key from the password: `open` is given one key after the other, for
    /// each cost that may have been in use when it was sealed, until it gives something. The row does
    /// not say which cost it was, and the hash beside it may have been made anew since (P4).
    pub(crate) async fn unseal<T: Send + 'static>(
        &self,
        password: Zeroizing<String>,
        salt: Vec<u8>,
        stored: String,
        open: impl Fn(Zeroizing<[u8; 32]>) -> Option<T> + Send + 'static,
    ) -> Result<Option<T>, Error> {
        let mut costs = vec![self.cost];
        costs.extend(Stored::parse(&stored).map(|stored| stored.cost));
        costs.extend([LARGE, SMALL]);
        self.work(move || {
            let mut tried = Vec::new();
            for cost in costs {
                if !tried.contains(&cost) {
                    tried.push(cost);
                    if let Some(found) = open(stretch(password.as_bytes(), &salt, cost)?) {
                        return Ok(Some(found));
                    }
                }
            }
            Ok(None)
        })
        .await
    }

    /// Whether the password fits. Without a stored hash the same work is done and the answer is no, so
    /// that unknown nicks take as long as known ones.
    pub(crate) async fn check(
        &self,
        password: Zeroizing<String>,
        stored: Option<String>,
    ) -> Result<Checked, Error> {
        let now = self.cost;
        self.work(move || {
            let parsed = stored.as_deref().and_then(Stored::parse);
            let known = parsed.is_some();
            let stored = parsed.unwrap_or(Stored {
                cost: now,
                salt: [0; 16],
                hash: [0; 32],
            });
            let hash = stretch(password.as_bytes(), &stored.salt, stored.cost)?;
            // Hashes of hashes: blake3 compares in constant time.
            let equal = blake3::hash(&hash[..]) == blake3::hash(&stored.hash);
            Ok(Checked {
                good: known && equal,
                outdated: stored.cost != now,
            })
        })
        .await
    }
}
