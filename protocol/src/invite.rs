//! Invitations to a community (C2): a link names the node that lets one in, and a secret for it.

use crate::id::{Bytes, Hash, NodeId};
use crate::wire::Message;
use crate::{array_struct, codec, limits, tagged_enum, text};

/// What a link begins with.
const SCHEME: &str = "chater:community/";
/// Addresses in one link: it has to fit into a message and a QR code.
pub const ADDRESSES: usize = 3;
/// Bytes of a link.
const SIZE: usize = 2_048;

array_struct! {
    /// What a link says.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Invite {
        /// 1.
        pub v: u8,
        /// [`crate::community::Community::id`].
        pub community: Hash,
        /// Its name when the link was made, for people; up to 64 characters.
        pub name: String,
        /// The node that lets one in.
        pub node: NodeId,
        /// Where that node was then: multiaddrs, 3 at most.
        pub addrs: Vec<String>,
        /// The secret of the link.
        pub token: Bytes<16>,
        /// Until when it counts, Unix ms, as it was made; the inviting node decides.
        pub expires: u64,
    }
}

array_struct! {
    /// The wish to come into a community by a link.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Enter {
        /// [`crate::community::Community::id`].
        pub community: Hash,
        /// The secret of the link.
        pub token: Bytes<16>,
    }
}

array_struct! {
    /// What whoever is let in gets.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Welcome {
        /// The name of the community.
        pub name: String,
        /// Its secret.
        pub secret: Bytes<32>,
        /// The node of its founder, whose block lists count.
        pub founder: NodeId,
    }
}

tagged_enum! {
    /// A request of `/chater/community/1`.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum CommunityRequest {
        /// Into a community.
        1 => Enter(Enter),
    }
}

tagged_enum! {
    /// The answer to a [`CommunityRequest`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum CommunityAnswer {
        /// Let in.
        1 => Welcome(Welcome),
        /// Not: a [`No`].
        9 => Refused(u8),
    }
}

/// Why somebody is not let in. Whoever holds the secret of a link may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum No {
    /// No such link, or not now.
    Unknown = 0,
    /// Its time is over.
    Expired = 1,
    /// As many have come as may.
    UsedUp = 2,
    /// It was taken back.
    Revoked = 3,
    /// Too many tries.
    Often = 4,
}

impl From<u8> for No {
    fn from(value: u8) -> Self {
        match value {
            1 => Self::Expired,
            2 => Self::UsedUp,
            3 => Self::Revoked,
            4 => Self::Often,
            _ => Self::Unknown,
        }
    }
}

impl Message for CommunityRequest {
    const LIMIT: usize = limits::COMMUNITY;
}

impl Message for CommunityAnswer {
    const LIMIT: usize = limits::COMMUNITY;

    fn fits(&self) -> bool {
        match self {
            Self::Welcome(welcome) => text::check_line(&welcome.name, limits::NAME_CHARS).is_ok(),
            Self::Refused(_) => true,
        }
    }
}

/// What is kept of the secret of a link.
#[must_use]
pub fn token_hash(token: &Bytes<16>) -> Hash {
    Hash(blake3::derive_key("chater invite token v1", &token.0))
}

/// C4: the proof in a hello from `me` to `you` that one has seen an open query of `you` and answers it.
#[must_use]
pub fn answer_proof(query: &Bytes<16>, me: NodeId, you: NodeId) -> [u8; 32] {
    let key = blake3::derive_key("chater answer proof v1", &query.0);
    *blake3::keyed_hash(&key, &[&me.0[..], &you.0].concat()).as_bytes()
}

impl Invite {
    /// The link as text: `chater:community/` and base 58.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!(
            "{SCHEME}{}",
            bs58::encode(codec::encode(self)).into_string()
        )
    }

    /// Whether a text says to be such a link, well made or not.
    #[must_use]
    pub fn is_meant(link: &str) -> bool {
        link.trim().starts_with(SCHEME)
    }

    /// Reads a link; none for whatever is none.
    #[must_use]
    pub fn parse(link: &str) -> Option<Self> {
        let link = link.trim();
        if link.len() > SIZE {
            return None;
        }
        let bytes = bs58::decode(link.strip_prefix(SCHEME)?).into_vec().ok()?;
        let invite: Self = codec::decode_canonical(&bytes, SIZE).ok()?;
        let fits = invite.v == 1
            && invite.addrs.len() <= ADDRESSES
            && invite.addrs.iter().all(|a| a.len() <= limits::ADDRESS)
            && text::check_line(&invite.name, limits::NAME_CHARS).is_ok();
        fits.then_some(invite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite() -> Invite {
        Invite {
            v: 1,
            community: Hash([1; 32]),
            name: "Двор".into(),
            node: NodeId([2; 32]),
            addrs: vec!["/ip4/192.0.2.1/tcp/5001".into()],
            token: Bytes([3; 16]),
            expires: 4,
        }
    }

    #[test]
    fn a_link_comes_back_as_it_was_and_others_are_none() {
        let link = invite().to_text();
        assert_eq!(Invite::parse(&format!(" {link}\n")), Some(invite()));
        for cut in 0..link.len() {
            assert_eq!(Invite::parse(link.get(..cut).unwrap_or_default()), None);
        }
        for bad in [
            Invite {
                addrs: vec!["a".into(); ADDRESSES + 1],
                ..invite()
            },
            Invite {
                addrs: vec!["a".repeat(limits::ADDRESS + 1)],
                ..invite()
            },
            Invite {
                name: "a\u{202e}b".into(),
                ..invite()
            },
            Invite { v: 2, ..invite() },
        ] {
            assert_eq!(Invite::parse(&bad.to_text()), None);
        }
        assert_eq!(Invite::parse("chater:join/abc"), None);
    }

    #[test]
    fn a_proof_is_of_one_query_and_one_pair() {
        let (a, b) = (NodeId([1; 32]), NodeId([2; 32]));
        let made = answer_proof(&Bytes([3; 16]), a, b);
        assert_ne!(made, answer_proof(&Bytes([4; 16]), a, b));
        assert_ne!(made, answer_proof(&Bytes([3; 16]), b, a));
    }

    #[test]
    fn messages_are_bounded_and_exact() {
        let enter = CommunityRequest::Enter(Enter {
            community: Hash([1; 32]),
            token: Bytes([2; 16]),
        });
        assert_eq!(CommunityRequest::decode(&enter.encode()), Ok(enter.clone()));
        let mut longer = enter.encode();
        longer.push(0);
        assert!(CommunityRequest::decode(&longer).is_err());
        let welcome = |name: &str| {
            CommunityAnswer::Welcome(Welcome {
                name: name.to_owned(),
                secret: Bytes([3; 32]),
                founder: NodeId([4; 32]),
            })
            .encode()
        };
        assert!(CommunityAnswer::decode(&welcome("Двор")).is_ok());
        assert!(CommunityAnswer::decode(&welcome("a\u{202e}b")).is_err());
        assert!(CommunityAnswer::decode(&welcome(&"x".repeat(65))).is_err());
    }
}
