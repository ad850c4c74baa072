//! Communities: a name and a secret; topics and frame keys derive from it (C1-C5).

use std::collections::BTreeSet;

use rand_core::CryptoRng;

use crate::id::{Hash, NodeId};
use crate::identity::{BadRecord, Signed};
use crate::key::{Domain, SigningKey, VerifyingKey};
use crate::secret::{BadSeal, SecretKey};
use crate::wire::Message;
use crate::{array_struct, limits, tagged_enum};

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

/// A community: its secret, and what everything of it derives from. It keeps strangers out of search and is no access control.
#[derive(Debug, Clone)]
pub struct Community {
    secret: SecretKey,
    root: SecretKey,
}

impl Community {
    /// The well-known community without a secret that every linked node is in (Q49).
    #[must_use]
    pub fn open() -> Self {
        let root = SecretKey::derive("chater community open v1", b"open");
        Self {
            secret: root.clone(),
            root,
        }
    }

    /// A community with a secret of its own.
    ///
    /// C1: the node of its founder is part of all that derives from it. Whoever invites hands over both, and could else name
    /// a founder of their own, whose block lists would count and the true ones be taken for forged.
    #[must_use]
    pub fn founded(secret: [u8; 32], founder: NodeId) -> Self {
        let both = [&secret[..], &founder.0].concat();
        Self {
            secret: SecretKey::new(secret),
            root: SecretKey::derive("chater community root v1", &both),
        }
    }

    /// Names the community to those who are in it, without telling the secret.
    #[must_use]
    pub fn id(&self) -> Hash {
        Hash(blake3::derive_key(
            "chater community id v1",
            self.root.bytes(),
        ))
    }

    /// The secret, for whoever is let in.
    #[must_use]
    pub fn secret(&self) -> &[u8; 32] {
        self.secret.bytes()
    }

    /// The gossip topic of a channel.
    #[must_use]
    pub fn topic(&self, channel: Channel) -> [u8; 16] {
        let hash = blake3::derive_key(
            "chater community topic v1",
            &[&self.root.bytes()[..], channel.word()].concat(),
        );
        *hash.first_chunk().unwrap_or(&[0; 16])
    }

    fn frame_key(&self, channel: Channel) -> SecretKey {
        SecretKey::derive(
            "chater community wire v1",
            &[&self.root.bytes()[..], channel.word()].concat(),
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
        let key = blake3::derive_key("chater community proof v1", self.root.bytes());
        *blake3::keyed_hash(&key, &[&me.0[..], &you.0].concat()).as_bytes()
    }
}

tagged_enum! {
    /// What nodes of a community tell each other on its topic `nodes` (C3).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum NodesFrame {
        /// Signed node cards, [`limits::NODE_CARDS`] at most.
        1 => Cards(Vec<Signed>),
    }
}

impl Message for NodesFrame {
    const LIMIT: usize = limits::FRAME;

    fn fits(&self) -> bool {
        let Self::Cards(cards) = self;
        cards.len() <= limits::NODE_CARDS
    }
}

array_struct! {
    /// The nodes that the founder of a community advises to block (C5). Nobody has to follow it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct BlockList {
        /// 1.
        pub v: u8,
        /// [`Community::id`].
        pub community: Hash,
        /// The higher number replaces the lower.
        pub n: u64,
        /// In order, each once, [`limits::BLOCK_LIST`] at most.
        pub nodes: Vec<NodeId>,
        /// When, Unix ms.
        pub ts: u64,
    }
}

impl BlockList {
    /// Signs with the key of the founder's node.
    #[must_use]
    pub fn sign(&self, founder: &SigningKey) -> Signed {
        Signed::make(Domain::BlockList, self, founder)
    }

    /// Verifies a list of that community against the node of its founder.
    ///
    /// # Errors
    /// Malformed, unknown version, of another community, too long, not in order, bad signature.
    pub fn open(signed: &Signed, community: Hash, founder: NodeId) -> Result<Self, BadRecord> {
        let list: Self = signed.read()?;
        if list.v != 1 {
            return Err(BadRecord::Version);
        }
        let order: BTreeSet<NodeId> = list.nodes.iter().copied().collect();
        let fits = list.community == community
            && list.nodes.len() <= limits::BLOCK_LIST
            && order.iter().eq(&list.nodes);
        if !fits {
            return Err(BadRecord::Rule);
        }
        signed.check(Domain::BlockList, VerifyingKey::from(founder))?;
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_counts_only_from_its_founder_and_for_its_community() {
        let founder = SigningKey::from_seed(&[1; 32]);
        let id = NodeId(founder.public().0);
        let community = Community::founded([2; 32], id).id();
        let list = |nodes: Vec<NodeId>| BlockList {
            v: 1,
            community,
            n: 3,
            nodes,
            ts: 4,
        };
        let two = list(vec![NodeId([5; 32]), NodeId([6; 32])]);
        assert_eq!(BlockList::open(&two.sign(&founder), community, id), Ok(two));
        let signed = list(vec![NodeId([5; 32])]).sign(&founder);
        let other = Community::founded([3; 32], id).id();
        assert_eq!(BlockList::open(&signed, other, id), Err(BadRecord::Rule));
        let stranger = NodeId(SigningKey::from_seed(&[9; 32]).public().0);
        assert_eq!(
            BlockList::open(&signed, community, stranger),
            Err(BadRecord::Signature)
        );
        for nodes in [
            vec![NodeId([6; 32]), NodeId([5; 32])],
            vec![NodeId([5; 32]), NodeId([5; 32])],
        ] {
            let signed = list(nodes).sign(&founder);
            assert_eq!(
                BlockList::open(&signed, community, id),
                Err(BadRecord::Rule)
            );
        }
        let many = |count: usize| {
            let nodes = (0..count).map(|at| {
                let mut id = [0; 32];
                id.iter_mut()
                    .zip((at as u32).to_be_bytes())
                    .for_each(|(to, from)| *to = from);
                NodeId(id)
            });
            BlockList::open(&list(nodes.collect()).sign(&founder), community, id)
        };
        assert!(many(limits::BLOCK_LIST).is_ok());
        assert!(many(limits::BLOCK_LIST + 1).is_err());
    }

    /// C1: the same secret under another founder is another community in all that is seen of it.
    #[test]
    fn the_founder_is_part_of_a_community() {
        let [yard, other] = [4, 5].map(|n| Community::founded([2; 32], NodeId([n; 32])));
        let (me, you) = (NodeId([6; 32]), NodeId([7; 32]));
        assert_eq!(yard.secret(), other.secret());
        assert_ne!(yard.id(), other.id());
        assert_ne!(yard.proof(me, you), other.proof(me, you));
        for channel in [Channel::People, Channel::Nodes, Channel::Lists] {
            assert_ne!(yard.topic(channel), other.topic(channel));
            assert_ne!(
                yard.frame_key(channel).bytes(),
                other.frame_key(channel).bytes()
            );
        }
    }

    #[test]
    fn cards_of_a_frame_are_bounded() {
        let card = Signed {
            body: serde_bytes::ByteBuf::from(vec![1]),
            sig: crate::id::Bytes([2; 64]),
        };
        let frame = |count: usize| NodesFrame::Cards(vec![card.clone(); count]).encode();
        assert!(NodesFrame::decode(&frame(limits::NODE_CARDS)).is_ok());
        assert!(NodesFrame::decode(&frame(limits::NODE_CARDS + 1)).is_err());
    }
}
