//! What events carry. Control payloads are readable by members' nodes; those of lane 2 are sealed
//! (K9) and this is their inside.

use serde::de::{Error as _, IgnoredAny, SeqAccess, Visitor};
use serde::ser::SerializeTuple as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::array_struct;
use crate::codec::{self, Malformed};
use crate::id::{Bytes, EventId, Hash, HomeId, KeyId, UserId};
use crate::identity::Signed;
use crate::key::Sig;
use crate::limits;

array_struct! {
    /// `msg`: text, what it answers, attachments (L8).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Msg {
        /// 1-8,000 characters (Q30); may be empty beside an attachment.
        pub text: String,
        /// The message answered.
        pub reply_to: Option<EventId>,
        /// Files and pictures.
        pub attachments: Vec<Attachment>,
    }
}

array_struct! {
    /// A file outside the log: its own key and BLAKE3 root (K9).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Attachment {
        /// BLAKE3 root of the sealed file.
        pub root: Hash,
        /// Its own random key.
        pub key: Bytes<32>,
        /// Bytes of the plain file.
        pub size: u64,
        /// Name as chosen by the sender; never a path.
        pub name: String,
        /// Media type claimed by the sender.
        pub media: String,
    }
}

array_struct! {
    /// `edit`: a new text for an own message (L8).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Edit {
        /// The message.
        pub target: EventId,
        /// Its new text.
        pub text: String,
    }
}

array_struct! {
    /// `delete`: the payload of the target is dropped, its header kept (L8).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Delete {
        /// The message.
        pub target: EventId,
    }
}

array_struct! {
    /// `react`: per user, target and emoji the last one counts (L8).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct React {
        /// The message.
        pub target: EventId,
        /// One emoji.
        pub emoji: String,
        /// Given or taken away.
        pub on: bool,
    }
}

array_struct! {
    /// `profile` of a group (L8).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct GroupProfile {
        /// 1-64 characters.
        pub title: String,
        /// BLAKE3 root of the picture.
        pub picture: Option<Hash>,
    }
}

array_struct! {
    /// One box of a `key` event: the secret sealed to one home (K2).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct KeyBox {
        /// Whose home.
        pub user: UserId,
        /// The home.
        pub home: HomeId,
        /// n of the KEM card it was sealed to.
        pub n: u32,
        /// HPKE encapsulated key.
        pub enc: Bytes<32>,
        /// HPKE ciphertext of the 32-byte secret.
        pub ct: Bytes<48>,
    }
}

array_struct! {
    /// `key`: an epoch secret shared with homes (K2). Not sealed as a whole.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct KeyShare {
        /// Names the secret (K1).
        pub key_id: KeyId,
        /// One per home.
        pub boxes: Vec<KeyBox>,
    }
}

array_struct! {
    /// Where a feed ends, as the remover or the root knows it (M7, I8).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct CutRow {
        /// The home.
        pub home: HomeId,
        /// The lane.
        pub lane: u8,
        /// The last seq that counts.
        pub seq: u64,
        /// Its id.
        pub id: EventId,
    }
}

/// List of last events that count; a feed not listed counts not at all (M7).
pub type Cut = Vec<CutRow>;

array_struct! {
    /// `retire`: ends a home in this chat (I8).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Retire {
        /// The retired home record, signed by the root.
        pub record: Signed,
        /// Where its feeds end.
        pub cut: Cut,
        /// Root signature over `group || home || cut`.
        pub root_sig: Sig,
    }
}

/// Role of a member (Q9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Role {
    /// May write.
    Member,
    /// May also add, remove and delete.
    Admin,
}

impl From<Role> for u8 {
    fn from(role: Role) -> u8 {
        match role {
            Role::Member => 0,
            Role::Admin => 1,
        }
    }
}

impl TryFrom<u8> for Role {
    type Error = &'static str;
    fn try_from(value: u8) -> Result<Self, &'static str> {
        match value {
            0 => Ok(Self::Member),
            1 => Ok(Self::Admin),
            _ => Err("no such role"),
        }
    }
}

array_struct! {
    /// What the owner allows in a group (K6, M).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Policy {
        /// 0 = admins add, 1 = every member.
        pub who_adds: u8,
        /// 0 = all history, 1 = `days`, 2 = since join.
        pub history: u8,
        /// Days, when `history` is 1.
        pub days: u16,
        /// Whether read marks are shared.
        pub read_marks: bool,
    }
}

array_struct! {
    /// `create`: founds a group; its id is the group's id.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Create {
        /// Makes the id unique.
        pub nonce: Bytes<16>,
        /// The first policy.
        pub policy: Policy,
    }
}

/// `add`: `[user, role]`, and a third item `true` for who came by a link (M9), which changes nothing but what is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Add {
    /// Who.
    pub user: UserId,
    /// As what.
    pub role: Role,
    /// By an invitation link.
    pub by_link: bool,
}

impl Serialize for Add {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut out = s.serialize_tuple(if self.by_link { 3 } else { 2 })?;
        out.serialize_element(&self.user)?;
        out.serialize_element(&self.role)?;
        if self.by_link {
            out.serialize_element(&true)?;
        }
        out.end()
    }
}

impl<'de> Deserialize<'de> for Add {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Items;
        impl<'de> Visitor<'de> for Items {
            type Value = Add;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the array of Add")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Add, A::Error> {
                let lacks = |what| A::Error::custom(what);
                let user = seq.next_element()?.ok_or_else(|| lacks("no user"))?;
                let role = seq.next_element()?.ok_or_else(|| lacks("no role"))?;
                // `false` there would be another form of the same: refused as not canonical.
                let by_link = seq.next_element()?.unwrap_or_default();
                if seq.next_element::<IgnoredAny>()?.is_some() {
                    return Err(lacks("too many items"));
                }
                Ok(Add {
                    user,
                    role,
                    by_link,
                })
            }
        }
        d.deserialize_seq(Items)
    }
}

array_struct! {
    /// `remove`.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Remove {
        /// Who.
        pub user: UserId,
        /// Where their feeds end.
        pub cut: Cut,
    }
}

array_struct! {
    /// `leave`.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Leave {
        /// Where one's own other feeds end.
        pub cut: Cut,
    }
}

array_struct! {
    /// `role`.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct RoleChange {
        /// Who.
        pub user: UserId,
        /// From now on.
        pub role: Role,
        /// Where their deeds in the old role end.
        pub cut: Cut,
    }
}

/// A payload with its limit and canonical form.
pub trait Payload: Serialize + serde::de::DeserializeOwned {
    /// Decodes; only the canonical form is accepted.
    ///
    /// # Errors
    /// Anything else.
    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        codec::decode_canonical(bytes, limits::KEY_PAYLOAD)
    }

    /// Encodes.
    fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }
}

impl Payload for Msg {}
impl Payload for Edit {}
impl Payload for Delete {}
impl Payload for React {}
impl Payload for GroupProfile {}
impl Payload for KeyShare {}
impl Payload for Retire {}
impl Payload for Create {}
impl Payload for Add {}
impl Payload for Remove {}
impl Payload for Leave {}
impl Payload for RoleChange {}
impl Payload for Policy {}
