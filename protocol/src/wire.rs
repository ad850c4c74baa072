//! What travels between two nodes: hello, the log protocol, people (S6).
//! Every decoder takes its limit first; nothing is decoded beyond it.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::codec::{self, Malformed};
use crate::heads::HeadRow;
use crate::id::{Bytes, ChatId, EventId, Hash, HomeId, KeyId, UserId};
use crate::identity::Signed;
use crate::limits;
use crate::payload::KeyBox;
use crate::seal::Ephemeral;
use crate::ticket::Join;
use crate::{array_struct, tagged_enum};

array_struct! {
    /// First message on every connection, both ways (`/chater/hello/1`).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Hello {
        /// Wire versions spoken, newest first; 1 for now. In an answer 0 alone: not now, the owner decides (C4).
        pub versions: Vec<u8>,
        /// The node card, signed.
        pub card: Signed,
        /// One proof per community, padded with random ones to a multiple of 8.
        pub proofs: Vec<Bytes<32>>,
    }
}

tagged_enum! {
    /// A request of `/chater/log/1`.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum LogRequest {
        /// New events for the other node.
        1 => Push(Push),
        /// Digests of chats that both may have (S5).
        2 => Summary(Vec<SummaryRow>),
        /// The heads of one chat.
        3 => Heads(ChatRef),
        /// Part of one feed.
        4 => Range(Range),
        /// Events by id.
        5 => Get(Get),
        /// Home records, KEM cards and profile cards of users.
        6 => Identity(Vec<UserId>),
        /// Boxes for the asking home (K7).
        7 => KeyRequest(KeyRequest),
        /// Marks and typing (L9). Best effort.
        8 => Eph(EphBatch),
        /// Into a group by a link (M9).
        9 => Join(Join),
        /// People whose home on the asking node is new (I7): whoever knows them asks for their identities.
        10 => Lives(Vec<UserId>),
    }
}

tagged_enum! {
    /// The answer to a [`LogRequest`] of the same number.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum LogAnswer {
        /// One [`Ack`] per event, in order.
        1 => Acks(ByteBuf),
        /// Topics whose digest differs, or that the answerer does not have.
        2 => Differ(Vec<Bytes<16>>),
        /// What the answerer has without holes.
        3 => Heads(Vec<HeadRow>),
        /// Wire events; of Range and Get.
        4 => Events(Vec<ByteBuf>),
        /// See [`Identities`].
        6 => Identities(Identities),
        /// Boxes made for the asker.
        7 => Keys(Vec<KeyAnswer>),
        /// Nothing to say; to a join: yes.
        8 => Done(u8),
        /// Not for this peer, or not now.
        9 => Refused(u8),
    }
}

/// What became of a pushed event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Ack {
    /// Durable here.
    Committed = 0,
    /// Something it needs is not here yet; push again.
    Waits = 1,
    /// Over a bound or unwanted, push again later; the two look the same (K10).
    Later = 2,
    /// Refused for good.
    Refused = 3,
}

impl From<u8> for Ack {
    fn from(value: u8) -> Self {
        match value {
            0 => Self::Committed,
            1 => Self::Waits,
            3 => Self::Refused,
            _ => Self::Later,
        }
    }
}

array_struct! {
    /// A chat, with its two users when it is direct: the id is then checked, not searched for (K10).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct ChatRef {
        /// The chat.
        pub chat: ChatId,
        /// Both users of a direct chat, lower id first.
        pub users: Option<(UserId, UserId)>,
    }
}

array_struct! {
    /// New events (S6).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Push {
        /// Their chat.
        pub chat: ChatRef,
        /// At most 64 wire events, in the order of their feeds.
        pub events: Vec<ByteBuf>,
    }
}

array_struct! {
    /// One chat in a summary.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct SummaryRow {
        /// Topic of the chat (S1): does not tell the id to one who does not know it.
        pub topic: Bytes<16>,
        /// Digest bound to the sender (S5).
        pub digest: Hash,
    }
}

array_struct! {
    /// Part of one feed, both ends included.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Range {
        /// The chat.
        pub chat: ChatRef,
        /// The feed's user.
        pub author: UserId,
        /// The feed's home.
        pub home: HomeId,
        /// The feed's lane.
        pub lane: u8,
        /// First seq wanted.
        pub from: u64,
        /// Last seq wanted.
        pub to: u64,
    }
}

array_struct! {
    /// Events by id.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Get {
        /// The chat.
        pub chat: ChatRef,
        /// At most 64.
        pub ids: Vec<EventId>,
    }
}

array_struct! {
    /// All that is known of some users, each record signed and as received.
    #[derive(Debug, Clone, PartialEq, Eq, Default)]
    pub struct Identities {
        /// Home records.
        pub homes: Vec<Signed>,
        /// KEM cards.
        pub kems: Vec<Signed>,
        /// Profile cards.
        pub profiles: Vec<Signed>,
    }
}

array_struct! {
    /// Asks for epoch secrets (K7).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct KeyRequest {
        /// The chat.
        pub chat: ChatRef,
        /// For whom.
        pub user: UserId,
        /// Which of the user's homes; must be on the asking node.
        pub home: HomeId,
        /// At most 64.
        pub key_ids: Vec<KeyId>,
    }
}

array_struct! {
    /// One secret sealed to the asker; author and author's home are the answerer's (K2, K7).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct KeyAnswer {
        /// Which secret.
        pub key_id: KeyId,
        /// The member who shares it.
        pub author: UserId,
        /// Its home.
        pub author_home: HomeId,
        /// The box.
        pub sealed: KeyBox,
    }
}

array_struct! {
    /// Marks of one chat.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct EphBatch {
        /// The chat.
        pub chat: ChatRef,
        /// At most 16.
        pub notes: Vec<Ephemeral>,
    }
}

tagged_enum! {
    /// A request of `/chater/people/1`.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum PeopleRequest {
        /// Answers a gossiped query.
        1 => Answer(PeopleAnswer),
        /// Asks for exactly one nick of this node (Q7).
        2 => Find(String),
    }
}

tagged_enum! {
    /// The answer to a [`PeopleRequest`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum PeopleReply {
        /// Taken.
        1 => Taken(u8),
        /// Cards of the person, or nothing.
        2 => Found(Identities),
    }
}

array_struct! {
    /// Rows for a query, or "none".
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct PeopleAnswer {
        /// Which query.
        pub query: Bytes<16>,
        /// The answering node.
        pub node: Signed,
        /// Cards of at most 20 people.
        pub people: Identities,
    }
}

array_struct! {
    /// A people query, gossiped sealed on a community's `people` topic.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct PeopleQuery {
        /// Random.
        pub id: Bytes<16>,
        /// 2 letters or more, folded.
        pub text: String,
        /// The asker's node card: only it is dialled (else a query could aim all nodes at a victim).
        pub asker: Signed,
        /// When, Unix ms; old ones are not answered.
        pub ts: u64,
    }
}

/// Something that is sent whole, with its limit.
pub trait Message: Serialize + for<'de> Deserialize<'de> {
    /// Bytes at most.
    const LIMIT: usize;

    /// Encodes.
    fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Whether its lists keep their limits; the bytes of the whole are not enough of a bound where
    /// each entry costs a look-up.
    fn fits(&self) -> bool {
        true
    }

    /// Decodes.
    ///
    /// # Errors
    /// Over a limit, another shape, not canonical, bytes left over.
    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let message: Self = codec::decode_canonical(bytes, Self::LIMIT)?;
        if message.fits() {
            Ok(message)
        } else {
            Err(Malformed::TooLarge)
        }
    }
}

impl Message for Hello {
    const LIMIT: usize = limits::HELLO;

    fn fits(&self) -> bool {
        self.versions.len() <= 16 && self.proofs.len() <= limits::PROOFS
    }
}
impl Message for LogRequest {
    const LIMIT: usize = limits::LOG;

    fn fits(&self) -> bool {
        match self {
            Self::Push(push) => push.events.len() <= limits::PUSH_EVENTS,
            Self::Summary(rows) => rows.len() <= limits::SUMMARY_ROWS,
            Self::Get(get) => get.ids.len() <= limits::IDS,
            Self::Identity(users) | Self::Lives(users) => users.len() <= limits::IDS,
            Self::KeyRequest(keys) => keys.key_ids.len() <= limits::IDS,
            Self::Eph(batch) => batch.notes.len() <= limits::NOTES,
            Self::Heads(_) | Self::Range(_) | Self::Join(_) => true,
        }
    }
}
impl Message for LogAnswer {
    const LIMIT: usize = limits::LOG;

    fn fits(&self) -> bool {
        match self {
            Self::Acks(acks) => acks.len() <= limits::PUSH_EVENTS,
            Self::Differ(topics) => topics.len() <= limits::SUMMARY_ROWS,
            Self::Heads(rows) => rows.len() <= limits::HEAD_ROWS,
            Self::Events(events) => events.len() <= limits::RANGE_EVENTS,
            Self::Keys(keys) => keys.len() <= limits::IDS,
            Self::Identities(_) | Self::Done(_) | Self::Refused(_) => true,
        }
    }
}
impl Message for PeopleRequest {
    const LIMIT: usize = limits::PEOPLE;

    fn fits(&self) -> bool {
        match self {
            Self::Answer(answer) => answer.people.profiles.len() <= limits::PEOPLE_ROWS,
            Self::Find(_) => true,
        }
    }
}
impl Message for PeopleReply {
    const LIMIT: usize = limits::PEOPLE;
}
impl Message for PeopleQuery {
    const LIMIT: usize = limits::HELLO;
}

/// S1: names a chat on the wire without telling its id.
#[must_use]
pub fn chat_topic(chat: ChatId) -> Bytes<16> {
    let hash = blake3::derive_key("chater topic v1", &chat.0);
    Bytes(*hash.first_chunk().unwrap_or(&[0; 16]))
}
