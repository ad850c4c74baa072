//! Communities: a name and a secret; topics and frame keys derive from it.

use rand_core::CryptoRng;

use crate::id::NodeId;
use crate::secret::{BadSeal, SecretKey};

/// The topics of one community.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// People queries.
    People,
    /// Node cards.
    Nodes,
    /// Block lists.
    Lists,
}

impl Channel {
    fn word(self) -> &'static [u8] {
        match self {
            Self::People => b"people",
            Self::Nodes => b"nodes",
            Self::Lists => b"lists",
        }
    }
}

/// The secret of a community. It keeps strangers out of search and is no access control.
#[derive(Debug, Clone)]
pub struct Community(SecretKey);

impl Community {
    /// The well-known community without a secret that every linked node is in (Q49).
    #[must_use]
    pub fn open() -> Self {
        Self(SecretKey::derive("chater community open v1", b"open"))
    }

    /// A community with a secret of its own.
    #[must_use]
    pub fn with_secret(secret: [u8; 32]) -> Self {
        Self(SecretKey::new(secret))
    }

    /// The gossip topic of a channel.
    #[must_use]
    pub fn topic(&self, channel: Channel) -> [u8; 16] {
        let hash = blake3::derive_key(
            "chater community topic v1",
            &[&self.0.bytes()[..], channel.word()].concat(),
        );
        *hash.first_chunk().unwrap_or(&[0; 16])
    }

    fn frame_key(&self, channel: Channel) -> SecretKey {
        SecretKey::derive(
            "chater community wire v1",
            &[&self.0.bytes()[..], channel.word()].concat(),
        )
    }

    /// Seals a gossip frame; the topic is bound.
    pub fn seal(&self, channel: Channel, plain: &[u8], rng: &mut dyn CryptoRng) -> Vec<u8> {
        self.frame_key(channel)
            .seal(&self.topic(channel), plain, rng)
    }

    /// Opens a gossip frame.
    ///
    /// # Errors
    /// A frame of another community or channel, or changed bytes.
    pub fn open_frame(&self, channel: Channel, frame: &[u8]) -> Result<Vec<u8>, BadSeal> {
        self.frame_key(channel)
            .open(&self.topic(channel), frame)
            .map(|plain| plain.to_vec())
    }

    /// Proof of membership in a hello from `me` to `you`. Noise has proven both ids, so it cannot be
    /// relayed and needs no nonce.
    #[must_use]
    pub fn proof(&self, me: NodeId, you: NodeId) -> [u8; 32] {
        let key = blake3::derive_key("chater community proof v1", self.0.bytes());
        *blake3::keyed_hash(&key, &[&me.0[..], &you.0].concat()).as_bytes()
    }
}
