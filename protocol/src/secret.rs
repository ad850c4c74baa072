//! Secrets at rest: each one its own XChaCha20-Poly1305 record (P1, P2).

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// The record does not open: another key, another place, or changed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed record does not open")]
pub struct BadSeal;

/// A 32-byte symmetric key. Debug shows nothing; erased on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(Zeroizing<[u8; 32]>);

impl core::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SecretKey")
    }
}

impl SecretKey {
    /// Takes the bytes as the key.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A key for one purpose, derived from secret material (BLAKE3 `derive_key`).
    #[must_use]
    pub fn derive(context: &'static str, material: &[u8]) -> Self {
        Self::new(blake3::derive_key(context, material))
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals: a random nonce and the ciphertext. The same `aad` opens it again.
    pub fn seal(&self, aad: &[u8], plain: &[u8], rng: &mut dyn CryptoRng) -> Vec<u8> {
        let mut nonce = [0u8; 24];
        rng.fill_bytes(&mut nonce);
        let mut out = nonce.to_vec();
        out.extend_from_slice(&self.seal_with(&nonce, aad, plain));
        out
    }

    /// Opens what [`SecretKey::seal`] made.
    ///
    /// # Errors
    /// Another key or `aad`, or any changed byte.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, BadSeal> {
        let (nonce, ct) = sealed.split_first_chunk::<24>().ok_or(BadSeal)?;
        self.open_with(nonce, aad, ct)
    }

    /// Seals under a nonce that the caller carries.
    #[must_use]
    pub fn seal_with(&self, nonce: &[u8; 24], aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let cipher = XChaCha20Poly1305::new(&Key::from(*self.0));
        // Fails only for more than 256 GiB of plaintext.
        cipher
            .encrypt(&XNonce::from(*nonce), Payload { msg: plain, aad })
            .unwrap_or_default()
    }

    /// Opens what [`SecretKey::seal_with`] made.
    ///
    /// # Errors
    /// Another key, nonce or `aad`, or any changed byte.
    pub fn open_with(
        &self,
        nonce: &[u8; 24],
        aad: &[u8],
        ct: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, BadSeal> {
        let cipher = XChaCha20Poly1305::new(&Key::from(*self.0));
        cipher
            .decrypt(&XNonce::from(*nonce), Payload { msg: ct, aad })
            .map(Zeroizing::new)
            .map_err(|_| BadSeal)
    }
}
