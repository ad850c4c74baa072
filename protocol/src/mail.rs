//! Mailboxes (`/chater/mail/1`, S11): a node keeps sealed letters for another that is away.
//!
//! A letter says what a push or its acks would have said. It is signed by the node that wrote it, so that
//! it counts as if it had come over a connection of that node, and sealed to a home of the other node:
//! the mailbox sees who left it, for which node, when, and its padded size.

use rand_core::CryptoRng;
use serde_bytes::ByteBuf;
use zeroize::Zeroizing;

use crate::codec::{self, Malformed};
use crate::id::{Bytes, HomeId, NodeId, UserId};
use crate::identity::Signed;
use crate::key::{Domain, Sig, SigningKey, VerifyingKey};
use crate::limits;
use crate::seal::{self, KemSecret};
use crate::secret::BadSeal;
use crate::wire::{ChatRef, Identities, Message, Push};
use crate::{array_struct, tagged_enum};

/// Bit of [`crate::identity::NodeCard::caps`]: the node keeps mail for others.
pub const CAP_MAILBOX: u32 = 1;

/// Why a mailbox says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum No {
    /// Not now.
    Later = 0,
    /// The node keeps no mail, or not for that node.
    Unwanted = 1,
    /// The share of the recipient, of the depositor, or all there is, is used up.
    Full = 2,
}

impl From<u8> for No {
    fn from(value: u8) -> Self {
        match value {
            1 => Self::Unwanted,
            2 => Self::Full,
            _ => Self::Later,
        }
    }
}

array_struct! {
    /// How far the writer of a letter has committed a feed, without holes.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct ReceiptRow {
        /// The feed's user.
        pub author: UserId,
        /// The feed's home.
        pub home: HomeId,
        /// The feed's lane.
        pub lane: u8,
        /// The last number it has, of all up to it.
        pub up_to: u64,
    }
}

array_struct! {
    /// What the writer of a letter has committed of one chat: it counts like acks (S3).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Receipt {
        /// The chat.
        pub chat: ChatRef,
        /// At most 64.
        pub rows: Vec<ReceiptRow>,
    }
}

tagged_enum! {
    /// A part of a letter.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Part {
        /// Events, as they would be pushed.
        1 => Events(Push),
        /// What has come.
        2 => Receipt(Receipt),
    }
}

array_struct! {
    /// What one node writes to another that is away.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Letter {
        /// 1.
        pub v: u8,
        /// The node that wrote and signed it.
        pub from: NodeId,
        /// The node it is for.
        pub to: NodeId,
        /// When, Unix ms.
        pub ts: u64,
        /// Records of authors that the other node may not know (I3).
        pub identities: Identities,
        /// At most 16.
        pub parts: Vec<Part>,
    }
}

array_struct! {
    /// A letter with the signature of its node, as it is sealed.
    #[derive(Debug, Clone, PartialEq, Eq)]
    struct SignedLetter {
        body: ByteBuf,
        sig: Sig,
    }
}

array_struct! {
    /// A sealed letter: HPKE base mode (RFC 9180) to the KEM card of a home on the other node. Which home
    /// is not told: the node tries its own.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Bundle {
        /// The encapsulated key.
        pub enc: Bytes<32>,
        /// Ciphertext and tag of the padded letter.
        pub ct: ByteBuf,
    }
}

/// A letter is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLetter {
    /// It does not open: for another node or home, or changed.
    #[error("does not open")]
    Sealed,
    /// Opened, and not of the form, or over a limit.
    #[error("malformed: {0}")]
    Malformed(#[from] Malformed),
    /// A version this node does not know.
    #[error("unknown version")]
    Version,
    /// For another node, or not signed by the node it names.
    #[error("bad signature")]
    Signature,
}

/// The HPKE info of a letter.
fn info(to: NodeId) -> Vec<u8> {
    [&b"chater/mail/v1\0"[..], &to.0].concat()
}

/// Pads with 0x80 and zeros to the next power of two of at least [`limits::LETTER_LEAST`].
fn pad(plain: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let size = (plain.len() + 1)
        .next_power_of_two()
        .max(limits::LETTER_LEAST);
    if size > limits::LETTER {
        return None;
    }
    let mut out = Zeroizing::new(Vec::with_capacity(size));
    out.extend_from_slice(plain);
    out.push(0x80);
    out.resize(size, 0);
    Some(out)
}

fn unpad(padded: &[u8]) -> Option<&[u8]> {
    let fits = padded.len().is_power_of_two()
        && (limits::LETTER_LEAST..=limits::LETTER).contains(&padded.len());
    let end = padded.iter().rposition(|b| *b != 0)?;
    (fits && padded.get(end) == Some(&0x80)).then(|| padded.get(..end))?
}

impl Letter {
    /// Signs with the node's key and seals to a home of the other node.
    ///
    /// # Errors
    /// A letter over the greatest size, a KEM key that is no point.
    pub fn seal(
        &self,
        node: &SigningKey,
        home: HomeId,
        kem_pk: &Bytes<32>,
        rng: &mut dyn CryptoRng,
    ) -> Result<Bundle, BadSeal> {
        let body = codec::encode(self);
        let sig = node.sign(Domain::Letter, &body);
        let signed = Zeroizing::new(codec::encode(&SignedLetter {
            body: ByteBuf::from(body),
            sig,
        }));
        let padded = pad(&signed).ok_or(BadSeal)?;
        let (enc, ct) = seal::seal_to(kem_pk, &info(self.to), &home.0, &padded, rng)?;
        Ok(Bundle {
            enc,
            ct: ByteBuf::from(ct),
        })
    }

    /// Opens a letter for `to` with the KEM secret of a home there, and verifies who wrote it.
    ///
    /// # Errors
    /// See [`BadLetter`]; [`BadLetter::Sealed`] also when it is for another home.
    pub fn open(
        bundle: &Bundle,
        to: NodeId,
        home: HomeId,
        kem: &KemSecret,
    ) -> Result<Self, BadLetter> {
        let padded = seal::open_from(kem, &bundle.enc, &info(to), &home.0, &bundle.ct)
            .map_err(|_| BadLetter::Sealed)?;
        let plain = unpad(&padded).ok_or(BadLetter::Malformed(Malformed::NotCanonical))?;
        let signed: SignedLetter = codec::decode_canonical(plain, limits::LETTER)?;
        let letter: Self = codec::decode_canonical(&signed.body, limits::LETTER)?;
        if letter.v != 1 {
            return Err(BadLetter::Version);
        }
        if letter.parts.len() > limits::LETTER_PARTS || !letter.parts.iter().all(Part::fits) {
            return Err(Malformed::TooLarge.into());
        }
        if letter.to != to {
            return Err(BadLetter::Signature);
        }
        VerifyingKey::from(letter.from)
            .verify(Domain::Letter, &signed.body, &signed.sig)
            .map_err(|_| BadLetter::Signature)?;
        Ok(letter)
    }
}

impl Part {
    fn fits(&self) -> bool {
        match self {
            Self::Events(push) => push.events.len() <= limits::PUSH_EVENTS,
            Self::Receipt(receipt) => receipt.rows.len() <= limits::IDS,
        }
    }
}

impl Bundle {
    /// Names a bundle: one that comes again after a lost answer is known by it.
    #[must_use]
    pub fn id(&self) -> Bytes<16> {
        let hash = blake3::derive_key("chater bundle id v1", &[&self.enc.0[..], &self.ct].concat());
        Bytes(*hash.first_chunk().unwrap_or(&[0; 16]))
    }

    /// Bytes that a mailbox counts.
    #[must_use]
    pub fn size(&self) -> usize {
        self.ct.len() + 32
    }

    fn fits(&self) -> bool {
        self.ct.len() <= limits::LETTER + 16
    }
}

array_struct! {
    /// A letter to be kept for a node that is away.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Deposit {
        /// For which node.
        pub to: NodeId,
        /// The letter.
        pub bundle: Bundle,
    }
}

array_struct! {
    /// A letter as its mailbox gives it out.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Kept {
        /// Its number at that mailbox, rising.
        pub n: u64,
        /// Who left it there.
        pub from: NodeId,
        /// When, Unix ms.
        pub at: u64,
        /// The letter.
        pub bundle: Bundle,
    }
}

array_struct! {
    /// Letters that wait.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Letters {
        /// As many as fit, in order.
        pub letters: Vec<Kept>,
        /// Whether more follow.
        pub more: bool,
    }
}

array_struct! {
    /// What a mailbox grants.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Terms {
        /// Bytes it keeps for that node at most.
        pub bytes: u64,
        /// Days it keeps a letter.
        pub days: u16,
    }
}

tagged_enum! {
    /// A request of `/chater/mail/1`. The asker is whom Noise has proven.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum MailRequest {
        /// 1 = keep mail for me, 0 = no more.
        1 => Register(u8),
        /// Keep this for another node.
        2 => Deposit(Deposit),
        /// My letters with a number above this one.
        3 => Collect(u64),
        /// These numbers have been taken in: forget them. At most 256.
        4 => Ack(Vec<u64>),
        /// From the mailbox: so many letters wait.
        5 => Notice(u32),
        /// The cards of these nodes, as far as the asked one keeps their mail or has its own kept by
        /// them. At most 16.
        6 => Cards(Vec<NodeId>),
    }
}

tagged_enum! {
    /// The answer to a [`MailRequest`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum MailAnswer {
        /// Mail is kept for the asker.
        1 => Registered(Terms),
        /// The letter is on disk, and kept until then (Unix ms).
        2 => Kept(u64),
        /// Letters of the asker.
        3 => Letters(Letters),
        /// Nothing to say.
        4 => Done(u8),
        /// Node cards, signed.
        6 => Cards(Vec<Signed>),
        /// See [`No`].
        9 => Refused(u8),
    }
}

impl Message for MailRequest {
    const LIMIT: usize = limits::MAIL;

    fn fits(&self) -> bool {
        match self {
            Self::Deposit(deposit) => deposit.bundle.fits(),
            Self::Ack(numbers) => numbers.len() <= limits::LETTERS,
            Self::Cards(nodes) => nodes.len() <= limits::MAIL_CARDS,
            Self::Register(_) | Self::Collect(_) | Self::Notice(_) => true,
        }
    }
}

impl Message for MailAnswer {
    const LIMIT: usize = limits::MAIL;

    fn fits(&self) -> bool {
        match self {
            Self::Letters(letters) => {
                letters.letters.len() <= limits::LETTERS
                    && letters.letters.iter().all(|kept| kept.bundle.fits())
            }
            Self::Cards(cards) => cards.len() <= limits::MAIL_CARDS,
            Self::Registered(_) | Self::Kept(_) | Self::Done(_) | Self::Refused(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_hides_the_length_and_comes_off_again() {
        for len in [0, 1, 1_022, 1_023, 1_024, 5_000, limits::LETTER - 1] {
            let plain = vec![0x80u8; len];
            let padded = pad(&plain).expect("fits");
            assert!(padded.len() >= limits::LETTER_LEAST && padded.len().is_power_of_two());
            assert_eq!(unpad(&padded), Some(&plain[..]));
        }
        assert!(pad(&vec![0; limits::LETTER]).is_none());
        assert!(unpad(&[0; 1_024]).is_none());
        assert!(unpad(&[0x80; 1_000]).is_none());
        assert!(unpad(&[0x80; 512]).is_none());
    }
}
