//! The event: one immutable signed fact, the unit of storage and sync (E1-E6).

use serde::{Deserialize, Serialize};

use crate::array_struct;
use crate::codec::{self, Malformed};
use crate::id::{ChatId, EventId, Hash, HomeId, UserId};
use crate::identity::HomeRecord;
use crate::key::{BadSignature, Domain, Sig, SigningKey};
use crate::limits;
use crate::time::Timestamp;

/// Three lanes a feed can be on (L1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Lane {
    /// Membership; kept for ever.
    Control = 0,
    /// Keys.
    Keys = 1,
    /// Messages and what changes them.
    Messages = 2,
}

impl Lane {
    /// All lanes, in the order a late node takes them (S7).
    pub const ALL: [Self; 3] = [Self::Control, Self::Keys, Self::Messages];
}

impl TryFrom<u8> for Lane {
    type Error = Malformed;
    fn try_from(value: u8) -> Result<Self, Malformed> {
        match value {
            0 => Ok(Self::Control),
            1 => Ok(Self::Keys),
            2 => Ok(Self::Messages),
            _ => Err(Malformed::Form),
        }
    }
}

/// What an event says. Unknown numbers are stored and passed on, not shown (E4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(pub u16);

impl Kind {
    /// Founds a group (M).
    pub const CREATE: Self = Self(1);
    /// Adds a member (M).
    pub const ADD: Self = Self(2);
    /// Removes a member (M).
    pub const REMOVE: Self = Self(3);
    /// Leaves (M).
    pub const LEAVE: Self = Self(4);
    /// Changes a role (M).
    pub const ROLE: Self = Self(5);
    /// Sets the policy (M).
    pub const POLICY: Self = Self(6);
    /// Ends a retired home (I8).
    pub const RETIRE: Self = Self(7);
    /// Shares an epoch secret (K2).
    pub const KEY: Self = Self(16);
    /// A message (L8).
    pub const MSG: Self = Self(32);
    /// Changes a message's text (L8).
    pub const EDIT: Self = Self(33);
    /// Takes a message back (L8).
    pub const DELETE: Self = Self(34);
    /// Adds or takes away a reaction (L8).
    pub const REACT: Self = Self(35);
    /// Title and picture of a group (L8).
    pub const PROFILE: Self = Self(36);

    /// The lane the kind belongs on; none for unknown kinds. A kind on another lane is void (E4).
    #[must_use]
    pub fn lane(self) -> Option<Lane> {
        match self.0 {
            1..=7 => Some(Lane::Control),
            16 => Some(Lane::Keys),
            32..=36 => Some(Lane::Messages),
            _ => None,
        }
    }
}

array_struct! {
    /// The signed part of an event (E2). Names the home that signed it and its place in the feed.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Header {
        /// 1.
        pub v: u8,
        /// The chat; zero in `create`.
        pub group: ChatId,
        /// Who.
        pub author: UserId,
        /// Which of the author's homes; its key signed.
        pub home: HomeId,
        /// The lane, 0-2.
        pub lane: u8,
        /// Place in the feed, from 0.
        pub seq: u64,
        /// Id of seq - 1; zero at 0.
        pub prev: EventId,
        /// Heads of the control graph known to the author (L2).
        pub ctl: Vec<EventId>,
        /// Heads of lanes 1 and 2 other than prev, newest first (L2).
        pub deps: Vec<EventId>,
        /// When, by the hybrid clock (L4).
        pub ts: Timestamp,
        /// What the payload says.
        pub kind: Kind,
        /// Bytes of the payload.
        pub payload_len: u32,
        /// BLAKE3 of the payload.
        pub payload_hash: Hash,
    }
}

/// One feed: what one home of one user wrote in one chat on one lane (L1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Feed {
    /// The chat.
    pub group: ChatId,
    /// The user.
    pub author: UserId,
    /// The home.
    pub home: HomeId,
    /// The lane.
    pub lane: u8,
}

impl Header {
    /// The feed this event stands in.
    #[must_use]
    pub fn feed(&self) -> Feed {
        Feed {
            group: self.group,
            author: self.author,
            home: self.home,
            lane: self.lane,
        }
    }

    /// What the event depends on in lanes 1 and 2: prev and deps.
    pub fn past(&self) -> impl Iterator<Item = &EventId> {
        Some(&self.prev)
            .into_iter()
            .filter(|id| !id.is_zero())
            .chain(&self.deps)
    }

    fn check(&self) -> Result<(), Rejected> {
        if self.v != 1 {
            return Err(Rejected::Version);
        }
        let lane = Lane::try_from(self.lane).map_err(|_| Rejected::Lane)?;
        if self.kind.lane().is_some_and(|own| own != lane) {
            return Err(Rejected::Lane);
        }
        if self.ctl.len() > limits::LINKS || self.deps.len() > limits::LINKS {
            return Err(Rejected::TooLarge);
        }
        if (self.seq == 0) != self.prev.is_zero()
            || (lane == Lane::Control && !self.deps.is_empty())
        {
            return Err(Rejected::Position);
        }
        if self.kind == Kind::CREATE
            && (self.seq != 0 || !self.group.is_zero() || !self.ctl.is_empty())
        {
            return Err(Rejected::Position);
        }
        let payload_limit = if lane == Lane::Keys {
            limits::KEY_PAYLOAD
        } else {
            limits::PAYLOAD
        };
        if self.payload_len as usize > payload_limit {
            return Err(Rejected::TooLarge);
        }
        Ok(())
    }
}

/// Why an event is refused. Refused events are counted and logged, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Not an event at all.
    #[error("malformed: {0}")]
    Malformed(#[from] Malformed),
    /// A version this node does not know.
    #[error("unknown version")]
    Version,
    /// No such lane, or a kind on a lane that is not its own (E4).
    #[error("wrong lane")]
    Lane,
    /// Over a limit of E6.
    #[error("too large")]
    TooLarge,
    /// seq, prev, ctl or deps contradict each other.
    #[error("impossible position")]
    Position,
    /// Not signed by the home it names (I3, E5).
    #[error("bad signature")]
    Signature,
    /// The payload is not the one signed for.
    #[error("payload does not match")]
    Payload,
    /// The author may not write here, or not this.
    #[error("not allowed here")]
    NotAllowed,
}

impl From<BadSignature> for Rejected {
    fn from(_: BadSignature) -> Self {
        Self::Signature
    }
}

/// An event as it travels (E1): decoded, limits checked, signature **not** checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireEvent {
    header: Header,
    header_bytes: Vec<u8>,
    sig: Sig,
    payload: Option<Vec<u8>>,
}

type WireParts<'a> = (
    &'a serde_bytes::Bytes,
    &'a Sig,
    Option<&'a serde_bytes::Bytes>,
);
type WirePartsOwned = (serde_bytes::ByteBuf, Sig, Option<serde_bytes::ByteBuf>);

impl WireEvent {
    /// Decodes `[header, sig, payload]`, canonical CBOR within the limits; the header bytes as
    /// received are what is verified, hashed and stored.
    ///
    /// # Errors
    /// Malformed or oversized bytes, impossible headers, a payload that is not the one signed for.
    pub fn decode(bytes: &[u8]) -> Result<Self, Rejected> {
        let (header_bytes, sig, payload): WirePartsOwned = codec::decode(bytes, limits::EVENT)?;
        let header: Header = codec::decode_canonical(&header_bytes, limits::HEADER)?;
        header.check()?;
        if let Some(payload) = &payload
            && (payload.len() != header.payload_len as usize
                || *blake3::hash(payload).as_bytes() != header.payload_hash.0)
        {
            return Err(Rejected::Payload);
        }
        let event = Self {
            header,
            header_bytes: header_bytes.into_vec(),
            sig,
            payload: payload.map(serde_bytes::ByteBuf::into_vec),
        };
        // The envelope is not signed, but one event has one wire form (B06, B09).
        if event.to_wire() != bytes {
            return Err(Malformed::NotCanonical.into());
        }
        Ok(event)
    }

    fn to_wire(&self) -> Vec<u8> {
        let parts: WireParts<'_> = (
            serde_bytes::Bytes::new(&self.header_bytes),
            &self.sig,
            self.payload.as_deref().map(serde_bytes::Bytes::new),
        );
        codec::encode(&parts)
    }

    /// The header, not yet verified.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The id: a hash of the header bytes (E3).
    #[must_use]
    pub fn id(&self) -> EventId {
        event_id(&self.header_bytes)
    }

    /// Verifies against the record of the home that the header names (I3, E5).
    ///
    /// # Errors
    /// Another home, or a signature that is not strictly valid.
    pub fn verify(self, home: &HomeRecord) -> Result<VerifiedEvent, Rejected> {
        if home.user != self.header.author || home.id() != self.header.home {
            return Err(Rejected::Signature);
        }
        home.sign_pk
            .verify(Domain::Event, &self.header_bytes, &self.sig)?;
        let id = self.id();
        Ok(VerifiedEvent { id, event: self })
    }
}

/// An event whose signature was checked, or that was signed here. Only [`WireEvent::verify`],
/// [`VerifiedEvent::sign`] and [`VerifiedEvent::from_store`] make one, so `append` need not ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedEvent {
    id: EventId,
    event: WireEvent,
}

/// What the author decides about a new event; the rest follows from the payload.
#[derive(Debug, Clone)]
pub struct Position {
    /// The feed.
    pub feed: Feed,
    /// Place in it.
    pub seq: u64,
    /// Id of seq - 1; zero at 0.
    pub prev: EventId,
    /// See [`Header::ctl`].
    pub ctl: Vec<EventId>,
    /// See [`Header::deps`].
    pub deps: Vec<EventId>,
    /// See [`Header::ts`].
    pub ts: Timestamp,
}

impl VerifiedEvent {
    /// Composes and signs an event from local fields only: nothing another node wrote is ever signed.
    #[must_use]
    pub fn sign(at: Position, kind: Kind, payload: Vec<u8>, key: &SigningKey) -> Self {
        let header = Header {
            v: 1,
            group: at.feed.group,
            author: at.feed.author,
            home: at.feed.home,
            lane: at.feed.lane,
            seq: at.seq,
            prev: at.prev,
            ctl: at.ctl,
            deps: at.deps,
            ts: at.ts,
            kind,
            payload_len: u32::try_from(payload.len()).unwrap_or(u32::MAX),
            payload_hash: Hash(*blake3::hash(&payload).as_bytes()),
        };
        debug_assert_eq!(
            header.check(),
            Ok(()),
            "an event of our own keeps the rules"
        );
        let header_bytes = codec::encode(&header);
        let sig = key.sign(Domain::Event, &header_bytes);
        let id = event_id(&header_bytes);
        Self {
            id,
            event: WireEvent {
                header,
                header_bytes,
                sig,
                payload: Some(payload),
            },
        }
    }

    /// Reads back what this node verified before it stored it. Limits and hashes are checked again,
    /// the signature is not.
    ///
    /// # Errors
    /// A damaged row.
    pub fn from_store(bytes: &[u8]) -> Result<Self, Rejected> {
        let event = WireEvent::decode(bytes)?;
        Ok(Self {
            id: event.id(),
            event,
        })
    }

    /// The id (E3).
    #[must_use]
    pub fn id(&self) -> EventId {
        self.id
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.event.header
    }

    /// The payload; none when it was dropped by a `delete` (L8).
    #[must_use]
    pub fn payload(&self) -> Option<&[u8]> {
        self.event.payload.as_deref()
    }

    /// The same event with its payload dropped: what is left of a deleted message (L8).
    #[must_use]
    pub fn without_payload(mut self) -> Self {
        self.event.payload = None;
        self
    }

    /// The wire form (E1), with the header bytes exactly as received.
    #[must_use]
    pub fn to_wire(&self) -> Vec<u8> {
        self.event.to_wire()
    }
}

/// E3: the id is a hash of the exact header bytes, so it is one-to-one with what was signed.
fn event_id(header_bytes: &[u8]) -> EventId {
    EventId(blake3::derive_key("chater event id v1", header_bytes))
}
