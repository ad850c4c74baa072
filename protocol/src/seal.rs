//! Sealing of what chats say: epoch secrets, boxes for homes, messages, marks (K1, K2, K9, L9).

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::array_struct;
use crate::codec;
use crate::event::{Feed, Header, Kind};
use crate::id::{Bytes, ChatId, HomeId, KeyId, UserId};
use crate::identity::HomeRecord;
use crate::key::{Domain, Sig, SigningKey};
use crate::limits;
use crate::payload::KeyBox;
use crate::secret::{BadSeal, SecretKey};
use crate::time::Timestamp;

/// The secret of one epoch of a chat: S of K1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochSecret(SecretKey);

impl EpochSecret {
    /// A new one.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut bytes = [0u8; 32];
        rng.fill_bytes(&mut bytes);
        Self(SecretKey::new(bytes))
    }

    /// Takes the bytes as the secret.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(SecretKey::new(bytes))
    }

    /// The bytes, to be sealed at once.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        self.0.bytes()
    }

    /// K1: names the secret. Checked after opening, since the AEAD alone does not commit to the key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(blake3::derive_key("chater key-id v1", self.bytes()))
    }

    fn for_author(&self, context: &'static str, author: UserId, home: HomeId) -> SecretKey {
        SecretKey::derive(context, &[&self.bytes()[..], &author.0, &home.0].concat())
    }
}

array_struct! {
    /// A sealed payload: `[key_id, nonce, ct]` (K9).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct SealedPayload {
        /// Which epoch secret.
        pub key_id: KeyId,
        /// Random, never from seq.
        pub nonce: Bytes<24>,
        /// Ciphertext and tag.
        pub ct: serde_bytes::ByteBuf,
    }
}

/// Sizes that plaintexts are padded to (K9). The last one is what still fits a payload of 64 KiB.
const SIZES: [usize; 6] = [64, 256, 1024, 4096, 16 * 1024, 65_408];

/// Pads with 0x80 and zeros to the next size, so that the length of a message is not told.
fn pad(plain: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let size = SIZES.into_iter().find(|size| *size > plain.len())?;
    let mut out = Zeroizing::new(Vec::with_capacity(size));
    out.extend_from_slice(plain);
    out.push(0x80);
    out.resize(size, 0);
    Some(out)
}

fn unpad(padded: &[u8]) -> Option<&[u8]> {
    let end = padded.iter().rposition(|b| *b != 0)?;
    if padded.get(end) == Some(&0x80) && SIZES.contains(&padded.len()) {
        padded.get(..end)
    } else {
        None
    }
}

fn message_aad(feed: &Feed, seq: u64, kind: Kind) -> Vec<u8> {
    let mut aad = Vec::with_capacity(96);
    aad.extend_from_slice(&feed.group.0);
    aad.extend_from_slice(&feed.author.0);
    aad.extend_from_slice(&feed.home.0);
    aad.push(feed.lane);
    aad.extend_from_slice(&seq.to_be_bytes());
    aad.extend_from_slice(&kind.0.to_be_bytes());
    aad
}

/// K9: seals the inside of a lane 2 event; gives the payload.
///
/// # Errors
/// A plaintext over the greatest size.
pub fn seal_message(
    secret: &EpochSecret,
    feed: &Feed,
    seq: u64,
    kind: Kind,
    plain: &[u8],
    rng: &mut dyn CryptoRng,
) -> Result<Vec<u8>, BadSeal> {
    let padded = pad(plain).ok_or(BadSeal)?;
    let key = secret.for_author("chater msg v1", feed.author, feed.home);
    let mut nonce = [0u8; 24];
    rng.fill_bytes(&mut nonce);
    let ct = key.seal_with(&nonce, &message_aad(feed, seq, kind), &padded);
    Ok(codec::encode(&SealedPayload {
        key_id: secret.id(),
        nonce: Bytes(nonce),
        ct: serde_bytes::ByteBuf::from(ct),
    }))
}

/// Which epoch secret a payload needs.
///
/// # Errors
/// Not a sealed payload.
pub fn key_of_message(payload: &[u8]) -> Result<KeyId, BadSeal> {
    codec::decode_canonical::<SealedPayload>(payload, limits::PAYLOAD)
        .map(|p| p.key_id)
        .map_err(|_| BadSeal)
}

/// K9: opens the payload of a lane 2 event.
///
/// # Errors
/// Another secret, place or kind; changed bytes; bad padding.
pub fn open_message(
    secret: &EpochSecret,
    feed: &Feed,
    seq: u64,
    kind: Kind,
    payload: &[u8],
) -> Result<Zeroizing<Vec<u8>>, BadSeal> {
    let sealed: SealedPayload =
        codec::decode_canonical(payload, limits::PAYLOAD).map_err(|_| BadSeal)?;
    if sealed.key_id != secret.id() {
        return Err(BadSeal);
    }
    let key = secret.for_author("chater msg v1", feed.author, feed.home);
    let padded = key.open_with(&sealed.nonce.0, &message_aad(feed, seq, kind), &sealed.ct)?;
    unpad(&padded)
        .map(|plain| Zeroizing::new(plain.to_vec()))
        .ok_or(BadSeal)
}

/// The secret half of a KEM card. Debug shows nothing; erased on drop.
#[derive(Clone)]
pub struct KemSecret(Zeroizing<[u8; 32]>);

impl core::fmt::Debug for KemSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("KemSecret")
    }
}

impl KemSecret {
    /// A new pair: secret and public key (DHKEM X25519, RFC 9180).
    pub fn generate(rng: &mut dyn CryptoRng) -> (Self, Bytes<32>) {
        let mut rng = rng;
        let (secret, public) = X25519HkdfSha256::gen_keypair_with_rng(&mut rng);
        let mut bytes = [0u8; 32];
        bytes.copy_from_slice(&secret.to_bytes());
        let mut pk = [0u8; 32];
        pk.copy_from_slice(&public.to_bytes());
        (Self(Zeroizing::new(bytes)), Bytes(pk))
    }

    /// Takes stored bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, to be sealed and stored.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// HPKE base mode (RFC 9180) to a public key: the encapsulated key, and ciphertext with tag.
pub(crate) fn seal_to(
    kem_pk: &Bytes<32>,
    info: &[u8],
    aad: &[u8],
    plain: &[u8],
    rng: &mut dyn CryptoRng,
) -> Result<(Bytes<32>, Vec<u8>), BadSeal> {
    type Public = <X25519HkdfSha256 as Kem>::PublicKey;
    let mut rng = rng;
    let public = Public::from_bytes(&kem_pk.0).map_err(|_| BadSeal)?;
    let (enc, ct) =
        hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &public,
            info,
            plain,
            aad,
            &mut rng,
        )
        .map_err(|_| BadSeal)?;
    let enc = Bytes::try_from(enc.to_bytes().as_slice()).map_err(|_| BadSeal)?;
    Ok((enc, ct))
}

/// Opens what [`seal_to`] made.
pub(crate) fn open_from(
    kem: &KemSecret,
    enc: &Bytes<32>,
    info: &[u8],
    aad: &[u8],
    ct: &[u8],
) -> Result<Zeroizing<Vec<u8>>, BadSeal> {
    type Private = <X25519HkdfSha256 as Kem>::PrivateKey;
    type Encapped = <X25519HkdfSha256 as Kem>::EncappedKey;
    let private = Private::from_bytes(kem.bytes()).map_err(|_| BadSeal)?;
    let enc = Encapped::from_bytes(&enc.0).map_err(|_| BadSeal)?;
    hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &private,
        &enc,
        info,
        ct,
        aad,
    )
    .map(Zeroizing::new)
    .map_err(|_| BadSeal)
}

/// Who shares a key with whom: what a box is bound to (K2).
#[derive(Debug, Clone, Copy)]
pub struct BoxFor {
    /// The chat.
    pub group: ChatId,
    /// Author of the `key` event.
    pub author: UserId,
    /// Its home.
    pub author_home: HomeId,
    /// Receiver.
    pub user: UserId,
    /// Its home.
    pub home: HomeId,
    /// n of the receiver's KEM card.
    pub n: u32,
}

impl BoxFor {
    /// What a box of a `key` event is bound to.
    #[must_use]
    pub fn of(event: &Header, sealed: &KeyBox) -> Self {
        Self {
            group: event.group,
            author: event.author,
            author_home: event.home,
            user: sealed.user,
            home: sealed.home,
            n: sealed.n,
        }
    }

    fn info(&self, key_id: KeyId) -> Vec<u8> {
        [&b"chater/key/v1\0"[..], &self.group.0, &key_id.0].concat()
    }

    fn aad(&self) -> Vec<u8> {
        [
            &self.author.0[..],
            &self.author_home.0,
            &self.user.0,
            &self.home.0,
            &self.n.to_be_bytes(),
        ]
        .concat()
    }

    /// Seals an epoch secret to one home: HPKE base mode (K2).
    ///
    /// # Errors
    /// A KEM key that is no point.
    pub fn seal(
        &self,
        secret: &EpochSecret,
        kem_pk: &Bytes<32>,
        rng: &mut dyn CryptoRng,
    ) -> Result<KeyBox, BadSeal> {
        let (enc, ct) = seal_to(
            kem_pk,
            &self.info(secret.id()),
            &self.aad(),
            secret.bytes(),
            rng,
        )?;
        Ok(KeyBox {
            user: self.user,
            home: self.home,
            n: self.n,
            enc,
            ct: Bytes::try_from(ct.as_slice()).map_err(|_| BadSeal)?,
        })
    }

    /// Opens a box and checks that it holds the secret it claims (K1).
    ///
    /// # Errors
    /// Another home, binding or secret; changed bytes.
    pub fn open(
        &self,
        key_id: KeyId,
        sealed: &KeyBox,
        kem: &KemSecret,
    ) -> Result<EpochSecret, BadSeal> {
        let plain = open_from(
            kem,
            &sealed.enc,
            &self.info(key_id),
            &self.aad(),
            &sealed.ct.0,
        )?;
        let secret = EpochSecret::new(plain.as_slice().try_into().map_err(|_| BadSeal)?);
        if secret.id() == key_id {
            Ok(secret)
        } else {
            Err(BadSeal)
        }
    }
}

array_struct! {
    /// A mark or note outside the log, as it travels: signed by the home, sealed inside (L9).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Ephemeral {
        /// Who.
        pub author: UserId,
        /// Which home signed.
        pub home: HomeId,
        /// Time of the note; the newest of a home is kept.
        pub counter: Timestamp,
        /// `[key_id, nonce, ct]` of an [`EphNote`].
        pub sealed: SealedPayload,
        /// Over `group || counter || sealed`: members share S, so a seal alone would let one fake
        /// another's mark.
        pub sig: Sig,
    }
}

crate::tagged_enum! {
    /// What a note says.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum EphNote {
        /// Read up to this message.
        1 => Read(crate::id::EventId),
        /// Types now, or stopped.
        2 => Typing(bool),
    }
}

impl Ephemeral {
    fn signed_body(group: ChatId, counter: Timestamp, sealed: &SealedPayload) -> Vec<u8> {
        [
            &group.0[..],
            &counter.0.to_be_bytes(),
            &codec::encode(sealed),
        ]
        .concat()
    }

    fn aad(group: ChatId, author: UserId, home: HomeId) -> Vec<u8> {
        [&group.0[..], &author.0, &home.0].concat()
    }

    /// Seals and signs a note.
    #[must_use]
    pub fn make(
        group: ChatId,
        (author, home): (UserId, HomeId),
        counter: Timestamp,
        note: &EphNote,
        secret: &EpochSecret,
        key: &SigningKey,
        rng: &mut dyn CryptoRng,
    ) -> Self {
        let mut nonce = [0u8; 24];
        rng.fill_bytes(&mut nonce);
        let ct = secret.for_author("chater eph v1", author, home).seal_with(
            &nonce,
            &Self::aad(group, author, home),
            &codec::encode(note),
        );
        let sealed = SealedPayload {
            key_id: secret.id(),
            nonce: Bytes(nonce),
            ct: serde_bytes::ByteBuf::from(ct),
        };
        let sig = key.sign(
            Domain::Ephemeral,
            &Self::signed_body(group, counter, &sealed),
        );
        Self {
            author,
            home,
            counter,
            sealed,
            sig,
        }
    }

    /// Verifies the home's signature.
    ///
    /// # Errors
    /// Another home, or a signature that is not valid.
    pub fn verify(&self, group: ChatId, home: &HomeRecord) -> Result<(), BadSeal> {
        if home.user != self.author || home.id() != self.home {
            return Err(BadSeal);
        }
        home.sign_pk
            .verify(
                Domain::Ephemeral,
                &Self::signed_body(group, self.counter, &self.sealed),
                &self.sig,
            )
            .map_err(|_| BadSeal)
    }

    /// Opens the note.
    ///
    /// # Errors
    /// Another secret, changed bytes, an unknown note.
    pub fn open(&self, group: ChatId, secret: &EpochSecret) -> Result<EphNote, BadSeal> {
        if self.sealed.key_id != secret.id() {
            return Err(BadSeal);
        }
        let plain = secret
            .for_author("chater eph v1", self.author, self.home)
            .open_with(
                &self.sealed.nonce.0,
                &Self::aad(group, self.author, self.home),
                &self.sealed.ct,
            )?;
        codec::decode_canonical(&plain, 64).map_err(|_| BadSeal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_hides_the_length_and_comes_off_again() {
        for len in [0, 1, 63, 64, 255, 256, 32_010, 65_407] {
            let plain = vec![0x80u8; len];
            let padded = pad(&plain).expect("fits");
            assert!(SIZES.contains(&padded.len()));
            assert_eq!(unpad(&padded), Some(&plain[..]));
        }
        assert!(pad(&vec![0; 65_408]).is_none());
        assert!(unpad(&[0; 64]).is_none());
    }
}
