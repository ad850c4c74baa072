//! The names of things: 32-byte ids (16 for a home), their text form and their short form for logs.

use core::fmt;
use core::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text is not the one accepted form of an id (Q1: lower-case hex of the full length).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct BadId;

/// Visits a CBOR byte string of exactly `N` bytes.
struct ExactBytes<const N: usize>;

impl<'de, const N: usize> Visitor<'de> for ExactBytes<N> {
    type Value = [u8; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a byte string of {N} bytes")
    }

    fn visit_bytes<E: serde::de::Error>(self, v: &[u8]) -> Result<[u8; N], E> {
        v.try_into().map_err(|_| E::invalid_length(v.len(), &self))
    }
}

/// Defines a fixed-size id: a byte string in CBOR (E2), lower-case hex as text.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// How many bytes the id has.
            pub const LEN: usize = $len;

            /// The raw bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// The first four bytes as hex, for logs.
            #[must_use]
            pub fn short(&self) -> String {
                hex(self.0.get(..4).unwrap_or_default())
            }

            /// Whether every byte is zero (used by `prev` of a feed's first event).
            #[must_use]
            pub fn is_zero(&self) -> bool {
                self.0.iter().all(|b| *b == 0)
            }
        }

        impl From<[u8; $len]> for $name {
            fn from(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = BadId;
            fn try_from(bytes: &[u8]) -> Result<Self, BadId> {
                bytes.try_into().map(Self).map_err(|_| BadId)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // Ids are in every line that a browser is sent: no allocation for each.
                let mut digits = [0; 2 * $len];
                for (two, byte) in digits.chunks_exact_mut(2).zip(self.0) {
                    two.copy_from_slice(&two_digits(byte));
                }
                f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.short())
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                unhex::<$len>(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_bytes(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                d.deserialize_bytes(ExactBytes::<$len>).map(Self)
            }
        }
    };
}

id!(
    /// A user: the root Ed25519 public key, for ever (I1).
    UserId,
    32
);
id!(
    /// One signing key of a user on one node (I2).
    HomeId,
    16
);
id!(
    /// A chat, called `group` in headers: of a direct chat computed from both users (K10),
    /// of a group the id of its `create` event.
    ChatId,
    32
);
id!(
    /// BLAKE3 of a header, with a context of its own (E3).
    EventId,
    32
);
id!(
    /// Names an epoch secret without telling it (K1).
    KeyId,
    32
);
id!(
    /// A BLAKE3 hash of content: payloads, blobs, digests.
    Hash,
    32
);
id!(
    /// A node: the Ed25519 public key that its peer id carries (Q2).
    NodeId,
    32
);

/// The bytes before the key in a libp2p peer id: identity multihash of a protobuf Ed25519 key.
const PEER_ID_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

impl NodeId {
    /// The peer id as multiaddrs carry it: `12D3KooW...` (Q2).
    #[must_use]
    pub fn to_peer_id(&self) -> String {
        let mut bytes = PEER_ID_PREFIX.to_vec();
        bytes.extend_from_slice(&self.0);
        bs58::encode(bytes).into_string()
    }

    /// Reads the text form of a peer id.
    ///
    /// # Errors
    /// Anything that is not the peer id of an Ed25519 key.
    pub fn from_peer_id(text: &str) -> Result<Self, BadId> {
        if text.len() > 64 {
            return Err(BadId);
        }
        let bytes = bs58::decode(text).into_vec().map_err(|_| BadId)?;
        let key = bytes.strip_prefix(&PEER_ID_PREFIX).ok_or(BadId)?;
        Self::try_from(key)
    }

    /// The first 24 hex digits of the key in six groups of four, for people to compare (Q2).
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let text = hex(self.0.get(..12).unwrap_or_default());
        let mut out = String::with_capacity(29);
        for (i, c) in text.chars().enumerate() {
            if i > 0 && i % 4 == 0 {
                out.push(' ');
            }
            out.push(c);
        }
        out
    }
}

/// Lower-case hex of any bytes.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    out.extend(bytes.iter().copied().flat_map(two_digits).map(char::from));
    out
}

fn two_digits(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|n| if n < 10 { b'0' + n } else { b'a' + (n - 10) })
}

/// Reads lower-case hex of exactly `N` bytes; capitals and other lengths are refused (Q1).
///
/// # Errors
/// Any other text.
pub fn unhex<const N: usize>(text: &str) -> Result<[u8; N], BadId> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return Err(BadId);
    }
    let value = |c: u8| match c {
        b'0'..=b'9' => Ok(c - b'0'),
        b'a'..=b'f' => Ok(c - b'a' + 10),
        _ => Err(BadId),
    };
    let mut out = [0u8; N];
    for (slot, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        if let [high, low] = pair {
            *slot = value(*high)? << 4 | value(*low)?;
        }
    }
    Ok(out)
}

/// A byte string of exactly `N` bytes that is no id: a signature, a nonce.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bytes<const N: usize>(pub [u8; N]);

impl<const N: usize> fmt::Debug for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes<{N}>")
    }
}

impl<const N: usize> Serialize for Bytes<N> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Bytes<N> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_bytes(ExactBytes::<N>).map(Self)
    }
}

impl<const N: usize> TryFrom<&[u8]> for Bytes<N> {
    type Error = BadId;
    fn try_from(bytes: &[u8]) -> Result<Self, BadId> {
        bytes.try_into().map(Self).map_err(|_| BadId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_full_lower_case_form_is_an_id() {
        let id = UserId([0xab; 32]);
        assert_eq!(id.to_string().parse::<UserId>(), Ok(id));
        assert!(id.to_string().to_uppercase().parse::<UserId>().is_err());
        assert!("abab".parse::<UserId>().is_err());
    }

    #[test]
    fn a_peer_id_goes_there_and_back() {
        let node = NodeId([7; 32]);
        let text = node.to_peer_id();
        assert!(text.starts_with("12D3KooW"), "{text}");
        assert_eq!(NodeId::from_peer_id(&text), Ok(node));
        assert!(NodeId::from_peer_id("12D3KooWx").is_err());
    }
}
