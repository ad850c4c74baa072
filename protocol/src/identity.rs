//! Users, homes and what they claim about themselves (I1-I11).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha512};

use crate::array_struct;
use crate::codec::{self, Malformed};
use crate::id::{Bytes, ChatId, EventId, Hash, HomeId, NodeId, UserId};
use crate::key::{BadSignature, Domain, Sig, SigningKey, VerifyingKey};
use crate::limits;
use crate::payload::{Cut, Retire};

/// A record is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    /// Not of the form.
    #[error("malformed: {0}")]
    Malformed(#[from] Malformed),
    /// A version this node does not know.
    #[error("unknown version")]
    Version,
    /// Not signed by the key it must be signed by.
    #[error("bad signature")]
    Signature,
    /// A value breaks a rule: weak key, bad nick, text too long.
    #[error("breaks a rule")]
    Rule,
}

impl From<BadSignature> for BadRecord {
    fn from(_: BadSignature) -> Self {
        Self::Signature
    }
}

array_struct! {
    /// A signed record as it travels: `[body, sig]`; kept and passed on exactly as received.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Signed {
        /// CBOR of the record.
        pub body: serde_bytes::ByteBuf,
        /// Over domain and body.
        pub sig: Sig,
    }
}

impl Signed {
    /// Encodes `[body, sig]`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Decodes `[body, sig]`; nothing is verified yet.
    ///
    /// # Errors
    /// Other shapes, and more than [`limits::CARD`] bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        codec::decode_canonical(bytes, limits::CARD)
    }

    pub(crate) fn make<T: serde::Serialize>(domain: Domain, body: &T, key: &SigningKey) -> Self {
        let body = codec::encode(body);
        let sig = key.sign(domain, &body);
        Self {
            body: serde_bytes::ByteBuf::from(body),
            sig,
        }
    }

    pub(crate) fn read<T: serde::Serialize + serde::de::DeserializeOwned>(
        &self,
    ) -> Result<T, BadRecord> {
        Ok(codec::decode_canonical(&self.body, limits::CARD)?)
    }

    pub(crate) fn check(&self, domain: Domain, key: VerifyingKey) -> Result<(), BadRecord> {
        Ok(key.verify(domain, &self.body, &self.sig)?)
    }
}

/// Whether a home may still write (I2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HomeState {
    /// In use.
    Live,
    /// Ended; wins over any live record.
    Retired,
}

array_struct! {
    /// A home: one signing key of a user on one node, admitted by the root (I2).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct HomeRecord {
        /// 1.
        pub v: u8,
        /// The user; its key signs this record.
        pub user: UserId,
        /// The home's own key; it signs events and cards.
        pub sign_pk: VerifyingKey,
        /// The node.
        pub node_id: NodeId,
        /// 0 = live, 1 = retired.
        pub state: u8,
        /// When, Unix ms.
        pub ts: u64,
    }
}

impl HomeRecord {
    /// The home's name: a hash of what it is, so two restores never take the same one (I2).
    #[must_use]
    pub fn id(&self) -> HomeId {
        let material = [&self.user.0[..], &self.sign_pk.0, &self.node_id.0].concat();
        let hash = blake3::derive_key("chater home v1", &material);
        HomeId(*hash.first_chunk::<16>().unwrap_or(&[0; 16]))
    }

    /// Live or retired.
    #[must_use]
    pub fn state(&self) -> HomeState {
        if self.state == 0 {
            HomeState::Live
        } else {
            HomeState::Retired
        }
    }

    /// Signs with the root key.
    #[must_use]
    pub fn sign(&self, root: &SigningKey) -> Signed {
        Signed::make(Domain::Identity, self, root)
    }

    /// Reads a record that this node verified before it stored it; the signature is not checked again.
    ///
    /// # Errors
    /// A damaged row.
    pub fn from_store(signed: &Signed) -> Result<Self, BadRecord> {
        signed.read()
    }

    /// Verifies and reads.
    ///
    /// # Errors
    /// Malformed, unknown version, weak keys (E5), not signed by the user's root.
    pub fn open(signed: &Signed) -> Result<Self, BadRecord> {
        let record: Self = signed.read()?;
        if record.v != 1 || record.state > 1 {
            return Err(BadRecord::Version);
        }
        let root = VerifyingKey::from(record.user);
        if root.is_weak() || record.sign_pk.is_weak() {
            return Err(BadRecord::Rule);
        }
        signed.check(Domain::Identity, root)?;
        Ok(record)
    }
}

/// I2: of all records of one user, the live homes that are sealed to and served: those without a
/// retired record, the 8 newest by ts, then lower id. A function of the set, not of its order.
#[must_use]
pub fn live_homes(records: &[HomeRecord]) -> Vec<(HomeId, HomeRecord)> {
    let mut retired = BTreeSet::new();
    let mut newest: BTreeMap<HomeId, &HomeRecord> = BTreeMap::new();
    for record in records {
        match record.state() {
            HomeState::Retired => {
                retired.insert(record.id());
            }
            HomeState::Live => {
                // Of several live records of one home the newest counts.
                let slot = newest.entry(record.id()).or_insert(record);
                if slot.ts < record.ts {
                    *slot = record;
                }
            }
        }
    }
    let mut live: Vec<(HomeId, HomeRecord)> = newest
        .into_iter()
        .filter(|(id, _)| !retired.contains(id))
        .map(|(id, record)| (id, record.clone()))
        .collect();
    live.sort_by(|a, b| b.1.ts.cmp(&a.1.ts).then(a.0.cmp(&b.0)));
    live.truncate(limits::HOMES);
    live
}

array_struct! {
    /// Where keys are sealed to a home (I5).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct KemCard {
        /// 1.
        pub v: u8,
        /// The user.
        pub user: UserId,
        /// The home; its key signs this card.
        pub home: HomeId,
        /// Rises with each new card.
        pub n: u32,
        /// 1 = DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
        pub suite: u8,
        /// The public key.
        pub kem_pk: Bytes<32>,
        /// When, Unix ms.
        pub ts: u64,
    }
}

/// The one suite of [`KemCard::suite`] so far.
pub const SUITE_X25519: u8 = 1;

impl KemCard {
    /// Reads a card that this node verified before it stored it.
    ///
    /// # Errors
    /// A damaged row.
    pub fn from_store(signed: &Signed) -> Result<Self, BadRecord> {
        signed.read()
    }

    /// Signs with the home's key.
    #[must_use]
    pub fn sign(&self, home: &SigningKey) -> Signed {
        Signed::make(Domain::Kem, self, home)
    }

    /// Verifies against the home it names.
    ///
    /// # Errors
    /// Malformed, unknown version or suite, another home, bad signature.
    pub fn open(signed: &Signed, home: &HomeRecord) -> Result<Self, BadRecord> {
        let card: Self = signed.read()?;
        if card.v != 1 || card.suite != SUITE_X25519 {
            return Err(BadRecord::Version);
        }
        if card.user != home.user || card.home != home.id() {
            return Err(BadRecord::Rule);
        }
        signed.check(Domain::Kem, home.sign_pk)?;
        Ok(card)
    }

    /// Whether this card replaces `other`: highest n, then the lower public key, then the newer (I5).
    #[must_use]
    pub fn replaces(&self, other: &Self) -> bool {
        let rank = |card: &Self| (card.n, Reverse(card.kem_pk.0), card.ts);
        rank(self) > rank(other)
    }
}

array_struct! {
    /// What a user says about themselves (I10). A claim, never a key (I9).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct ProfileCard {
        /// 1.
        pub v: u8,
        /// The user.
        pub user: UserId,
        /// The live home that signed.
        pub home: HomeId,
        /// Rises with each change.
        pub n: u32,
        /// The nick (I9).
        pub nick: String,
        /// Up to 64 characters; empty = the nick.
        pub display_name: String,
        /// Up to 500 characters.
        pub about: String,
        /// BLAKE3 of the picture.
        pub avatar: Option<Hash>,
        /// 0 = nobody finds me, 1 = who shares a chat with me, 2 = my communities.
        pub discoverable: u8,
        /// When, Unix ms.
        pub ts: u64,
    }
}

impl ProfileCard {
    /// Reads a card that this node verified before it stored it.
    ///
    /// # Errors
    /// A damaged row.
    pub fn from_store(signed: &Signed) -> Result<Self, BadRecord> {
        signed.read()
    }

    /// Signs with the home's key.
    #[must_use]
    pub fn sign(&self, home: &SigningKey) -> Signed {
        Signed::make(Domain::Profile, self, home)
    }

    /// Verifies against the home it names; texts keep the rules of local ones (B37).
    ///
    /// # Errors
    /// Malformed, unknown version, another home, bad signature, texts that break a rule.
    pub fn open(signed: &Signed, home: &HomeRecord) -> Result<Self, BadRecord> {
        let card: Self = signed.read()?;
        if card.v != 1 {
            return Err(BadRecord::Version);
        }
        let texts = crate::name::check_nick(&card.nick).is_ok()
            && crate::text::check_line(&card.display_name, limits::NAME_CHARS).is_ok()
            && crate::text::check_block(&card.about, limits::ABOUT_CHARS).is_ok();
        if card.user != home.user || card.home != home.id() || card.discoverable > 2 || !texts {
            return Err(BadRecord::Rule);
        }
        signed.check(Domain::Profile, home.sign_pk)?;
        Ok(card)
    }

    /// Whether this card replaces `other`: greatest (n, ts, home, bytes) wins (I10). The bytes decide
    /// between two cards that a home made for one n, or nodes would keep the one that came first.
    #[must_use]
    pub fn replaces(&self, other: &Self) -> bool {
        let rank = |card: &Self| (card.n, card.ts, card.home);
        rank(self)
            .cmp(&rank(other))
            .then_with(|| codec::encode(self).cmp(&codec::encode(other)))
            .is_gt()
    }

    /// What is shown in bold.
    #[must_use]
    pub fn shown(&self) -> &str {
        if self.display_name.is_empty() {
            &self.nick
        } else {
            &self.display_name
        }
    }
}

array_struct! {
    /// What a node says about itself, carried in hello and people queries.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct NodeCard {
        /// 1.
        pub v: u8,
        /// The node; its key signs.
        pub node: NodeId,
        /// Its name (Q5).
        pub name: String,
        /// At most 8 multiaddrs.
        pub addrs: Vec<String>,
        /// At most 4 mailboxes (S11).
        pub mailboxes: Vec<NodeId>,
        /// Bit set of what it offers; unknown bits are ignored.
        pub caps: u32,
        /// When, Unix ms.
        pub ts: u64,
    }
}

impl NodeCard {
    /// A bit of `caps`: nodes that cannot be reached may be reached through this one.
    pub const RELAY: u32 = 2;

    /// Reads a card that this node verified before it stored it.
    ///
    /// # Errors
    /// A damaged row.
    pub fn from_store(signed: &Signed) -> Result<Self, BadRecord> {
        signed.read()
    }

    /// Signs with the node's key.
    #[must_use]
    pub fn sign(&self, node: &SigningKey) -> Signed {
        Signed::make(Domain::Node, self, node)
    }

    /// Verifies against the node it names.
    ///
    /// # Errors
    /// Malformed, unknown version, over the limits, bad name, bad signature.
    pub fn open(signed: &Signed) -> Result<Self, BadRecord> {
        let card: Self = signed.read()?;
        if card.v != 1 {
            return Err(BadRecord::Version);
        }
        let fits = card.addrs.len() <= limits::CARD_ADDRESSES
            && card.addrs.iter().all(|a| a.len() <= limits::ADDRESS)
            && card.mailboxes.len() <= limits::MAILBOXES
            && crate::name::check_node_name(&card.name).as_deref() == Ok(card.name.as_str());
        if !fits {
            return Err(BadRecord::Rule);
        }
        signed.check(Domain::Node, VerifyingKey::from(card.node))?;
        Ok(card)
    }
}

/// I8: what the root signs to end a home in one chat.
fn retire_body(group: ChatId, home: HomeId, cut: &Cut) -> Vec<u8> {
    [&group.0[..], &home.0, &codec::encode(cut)].concat()
}

impl Retire {
    /// Makes the payload of a `retire` event; `record` is the retired home record.
    #[must_use]
    pub fn sign(group: ChatId, record: Signed, home: HomeId, cut: Cut, root: &SigningKey) -> Self {
        let root_sig = root.sign(Domain::Retire, &retire_body(group, home, &cut));
        Self {
            record,
            cut,
            root_sig,
        }
    }

    /// Verifies record and cut by the root of `user`; gives the retired home.
    ///
    /// # Errors
    /// A record of another user or not retired, a cut of another home, bad signatures.
    pub fn check(&self, group: ChatId, user: UserId) -> Result<HomeRecord, BadRecord> {
        let record = HomeRecord::open(&self.record)?;
        let home = record.id();
        if record.user != user
            || record.state() != HomeState::Retired
            || self.cut.iter().any(|row| row.home != home || row.lane > 2)
        {
            return Err(BadRecord::Rule);
        }
        VerifyingKey::from(user).verify(
            Domain::Retire,
            &retire_body(group, home, &self.cut),
            &self.root_sig,
        )?;
        Ok(record)
    }

    /// The last seq of a lane that still counts, with its id; none = nothing of that lane counts.
    #[must_use]
    pub fn end_of(&self, lane: u8) -> Option<(u64, EventId)> {
        self.cut
            .iter()
            .find(|row| row.lane == lane)
            .map(|row| (row.seq, row.id))
    }
}

/// I11: 60 digits that two people compare; each half from 5,200 rounds of SHA-512, lower id first.
#[must_use]
pub fn safety_number(a: UserId, b: UserId) -> String {
    let half = |user: UserId| {
        let mut hash = Sha512::digest([&[0u8, 1][..], &user.0].concat());
        for _ in 1..5_200 {
            let mut next = Sha512::new();
            next.update(hash);
            next.update(user.0);
            hash = next.finalize();
        }
        // Six groups of five digits, each from five bytes.
        hash.chunks(5)
            .take(6)
            .map(|five| {
                let n = five.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
                format!("{:05}", n % 100_000)
            })
            .collect::<String>()
    };
    half(a.min(b)) + &half(a.max(b))
}
