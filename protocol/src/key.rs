//! Signing and verifying. The only file that names ed25519-dalek.

use ed25519_dalek::{Signature, Signer};
use rand_core::CryptoRng;
use zeroize::Zeroize;

use crate::id::{Bytes, NodeId, UserId};

/// What a signature is for. Each has its own prefix, so that no signed thing can pass for another
/// (E3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// An event header (E3).
    Event,
    /// A home record, signed by the root (I2).
    Identity,
    /// A KEM card, signed by the home (I5).
    Kem,
    /// A profile card, signed by a home (I10).
    Profile,
    /// A mark or typing note, signed by the home (L9).
    Ephemeral,
    /// The end of a retired home, signed by the root (I8).
    Retire,
    /// A node card, signed by the node.
    Node,
    /// A letter left in a mailbox, signed by the node that wrote it (S11).
    Letter,
    /// A block list of a community, signed by its founder's node (C5).
    BlockList,
}

impl Domain {
    fn prefix(self) -> &'static [u8] {
        match self {
            Self::Event => b"chater/event/v1\0",
            Self::Identity => b"chater/identity/v1\0",
            Self::Kem => b"chater/kem/v1\0",
            Self::Profile => b"chater/profile/v1\0",
            Self::Ephemeral => b"chater/eph/v1\0",
            Self::Retire => b"chater/retire/v1\0",
            Self::Node => b"chater/node/v1\0",
            Self::Letter => b"chater/letter/v1\0",
            Self::BlockList => b"chater/blocklist/v1\0",
        }
    }

    fn message(self, body: &[u8]) -> Vec<u8> {
        [self.prefix(), body].concat()
    }
}

/// An Ed25519 signature.
pub type Sig = Bytes<64>;

/// The signature does not verify, or the key is not one we accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("bad signature or key")]
pub struct BadSignature;

/// A secret signing key: a user's root, a home or a node. Debug shows nothing; erased on drop (P2).
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl core::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    /// A new key.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut seed = [0u8; 32];
        rng.fill_bytes(&mut seed);
        let key = Self::from_seed(&seed);
        seed.zeroize();
        key
    }

    /// The key of a 32-byte seed (RFC 8032 secret key).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The 32-byte seed, to be sealed and stored.
    #[must_use]
    pub fn seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.0.to_bytes())
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `prefix(domain) || body`.
    #[must_use]
    pub fn sign(&self, domain: Domain, body: &[u8]) -> Sig {
        Bytes(self.0.sign(&domain.message(body)).to_bytes())
    }
}

/// A public key as carried in records.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct VerifyingKey(#[serde(with = "crate::key::bytes32")] pub [u8; 32]);

impl core::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "VerifyingKey({})",
            crate::id::hex(self.0.get(..4).unwrap_or_default())
        )
    }
}

impl VerifyingKey {
    /// Verifies by `verify_strict` only (E5): the plain form accepts made-up signatures under weak
    /// keys, and nodes would differ.
    ///
    /// # Errors
    /// Anything but a strictly valid signature.
    pub fn verify(&self, domain: Domain, body: &[u8], sig: &Sig) -> Result<(), BadSignature> {
        let key = self.point()?;
        key.verify_strict(&domain.message(body), &Signature::from_bytes(&sig.0))
            .map_err(|_| BadSignature)
    }

    /// The key as a point. Finding it costs a fifth of a verification and events come in runs of one
    /// home, so each thread keeps the last few: a matter of speed alone.
    fn point(&self) -> Result<ed25519_dalek::VerifyingKey, BadSignature> {
        const KEPT: usize = 16;
        thread_local! {
            static POINTS: std::cell::RefCell<Vec<ed25519_dalek::VerifyingKey>> = const { std::cell::RefCell::new(Vec::new()) };
        }
        POINTS.with_borrow_mut(|points| {
            if let Some(at) = points.iter().position(|point| *point.as_bytes() == self.0) {
                return Ok(points.swap_remove(at)).inspect(|point| points.push(*point));
            }
            let point =
                ed25519_dalek::VerifyingKey::from_bytes(&self.0).map_err(|_| BadSignature)?;
            if points.len() >= KEPT {
                points.remove(0);
            }
            points.push(point);
            Ok(point)
        })
    }

    /// Whether the key is not a point or of small order; such keys are refused in records (E5).
    #[must_use]
    pub fn is_weak(&self) -> bool {
        ed25519_dalek::VerifyingKey::from_bytes(&self.0).map_or(true, |key| key.is_weak())
    }
}

impl From<UserId> for VerifyingKey {
    fn from(user: UserId) -> Self {
        Self(user.0)
    }
}

impl From<NodeId> for VerifyingKey {
    fn from(node: NodeId) -> Self {
        Self(node.0)
    }
}

/// Serde form of a 32-byte array as a byte string.
pub(crate) mod bytes32 {
    use crate::id::Bytes;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(v: &[u8; 32], s: S) -> Result<S::Ok, S::Error> {
        Bytes(*v).serialize(s)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<[u8; 32], D::Error> {
        Bytes::<32>::deserialize(d).map(|b| b.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_domain_and_bytes_only() {
        let key = SigningKey::from_seed(&[1; 32]);
        let sig = key.sign(Domain::Event, b"header");
        assert!(key.public().verify(Domain::Event, b"header", &sig).is_ok());
        assert!(key.public().verify(Domain::Kem, b"header", &sig).is_err());
        assert!(key.public().verify(Domain::Event, b"Header", &sig).is_err());
    }

    #[test]
    fn small_order_keys_and_high_s_are_refused() {
        // B14: the identity point, and a signature whose s has the group order added.
        let mut identity = [0u8; 32];
        identity[0] = 1;
        assert!(VerifyingKey(identity).is_weak());
        let key = SigningKey::from_seed(&[2; 32]);
        let mut sig = key.sign(Domain::Event, b"x");
        const L: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9,
            0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let mut carry = 0u16;
        for (s, l) in sig.0.iter_mut().skip(32).zip(L) {
            let sum = u16::from(*s) + u16::from(l) + carry;
            *s = (sum & 0xff) as u8;
            carry = sum >> 8;
        }
        assert!(key.public().verify(Domain::Event, b"x", &sig).is_err());
    }
}
