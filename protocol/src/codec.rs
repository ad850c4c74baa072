//! Canonical CBOR. The only file that names ciborium.
//!
//! ciborium accepts trailing bytes, long integer forms and indefinite lengths (E4). So sizes are
//! checked before decoding, leftovers are refused, and whatever is signed is encoded again and
//! compared: two byte strings never decode to one accepted value.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The bytes are not one value of the expected form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Over the limit; nothing was decoded.
    #[error("too large")]
    TooLarge,
    /// Not CBOR, another shape, or bytes left over.
    #[error("malformed")]
    Form,
    /// Decodes, but is not the canonical encoding.
    #[error("not canonical")]
    NotCanonical,
}

/// How deep values may nest; ours need six.
const DEPTH: usize = 12;

/// Encodes a value. Our own types cannot fail to encode into memory.
#[must_use]
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    let written = ciborium::into_writer(value, &mut out);
    debug_assert!(written.is_ok(), "our own types encode");
    out
}

/// Decodes exactly one value from at most `limit` bytes.
///
/// # Errors
/// Larger input (before any decoding), another shape, bytes left over.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, Malformed> {
    if bytes.len() > limit {
        return Err(Malformed::TooLarge);
    }
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH)
        .map_err(|_| Malformed::Form)?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(Malformed::Form)
    }
}

/// Decodes, then refuses any encoding but the one [`encode`] makes (B05-B09).
///
/// # Errors
/// Those of [`decode`], and [`Malformed::NotCanonical`].
pub fn decode_canonical<T: DeserializeOwned + Serialize>(
    bytes: &[u8],
    limit: usize,
) -> Result<T, Malformed> {
    let value: T = decode(bytes, limit)?;
    if encode(&value) == bytes {
        Ok(value)
    } else {
        Err(Malformed::NotCanonical)
    }
}

/// Defines a struct that is a CBOR array of its fields, in order.
#[macro_export]
macro_rules! array_struct {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$fmeta:meta])* $fvis:vis $field:ident : $type:ty),* $(,)? }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$fmeta])* $fvis $field: $type),* }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, s: S) -> ::core::result::Result<S::Ok, S::Error> {
                use ::serde::ser::SerializeTuple;
                let fields = [$(stringify!($field)),*].len();
                let mut out = s.serialize_tuple(fields)?;
                $(out.serialize_element(&self.$field)?;)*
                out.end()
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(d: D) -> ::core::result::Result<Self, D::Error> {
                struct Fields;
                impl<'de> ::serde::de::Visitor<'de> for Fields {
                    type Value = $name;
                    fn expecting(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                        f.write_str(concat!("the array of ", stringify!($name)))
                    }
                    fn visit_seq<A: ::serde::de::SeqAccess<'de>>(self, mut seq: A) -> ::core::result::Result<$name, A::Error> {
                        $(let $field: $type = seq
                            .next_element()?
                            .ok_or_else(|| <A::Error as ::serde::de::Error>::custom(concat!("no ", stringify!($field))))?;)*
                        if seq.next_element::<::serde::de::IgnoredAny>()?.is_some() {
                            return Err(<A::Error as ::serde::de::Error>::custom("too many items"));
                        }
                        Ok($name { $($field),* })
                    }
                }
                d.deserialize_tuple([$(stringify!($field)),*].len(), Fields)
            }
        }
    };
}

/// Defines an enum that is the CBOR array `[tag, body]`.
#[macro_export]
macro_rules! tagged_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$vmeta:meta])* $tag:literal => $variant:ident($type:ty)),* $(,)? }) => {
        $(#[$meta])*
        $vis enum $name { $($(#[$vmeta])* $variant($type)),* }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, s: S) -> ::core::result::Result<S::Ok, S::Error> {
                match self { $(Self::$variant(body) => (($tag as u8), body).serialize(s)),* }
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(d: D) -> ::core::result::Result<Self, D::Error> {
                struct Tagged;
                impl<'de> ::serde::de::Visitor<'de> for Tagged {
                    type Value = $name;
                    fn expecting(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                        f.write_str("[tag, body]")
                    }
                    fn visit_seq<A: ::serde::de::SeqAccess<'de>>(self, mut seq: A) -> ::core::result::Result<$name, A::Error> {
                        use ::serde::de::Error as _;
                        let tag: u8 = seq.next_element()?.ok_or_else(|| A::Error::custom("no tag"))?;
                        let value = match tag {
                            $($tag => $name::$variant(seq.next_element::<$type>()?.ok_or_else(|| A::Error::custom("no body"))?),)*
                            _ => return Err(A::Error::custom("unknown tag")),
                        };
                        if seq.next_element::<::serde::de::IgnoredAny>()?.is_some() {
                            return Err(A::Error::custom("too many items"));
                        }
                        Ok(value)
                    }
                }
                d.deserialize_tuple(2, Tagged)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_bytes_and_long_forms_are_refused() {
        assert_eq!(decode_canonical::<(u8, u8)>(&[0x82, 1, 2], 16), Ok((1, 2)));
        assert_eq!(
            decode::<(u8, u8)>(&[0x82, 1, 2, 0], 16),
            Err(Malformed::Form)
        );
        // 1 written in two bytes, and an array of indefinite length.
        assert_eq!(
            decode_canonical::<(u8, u8)>(&[0x82, 0x18, 1, 2], 16),
            Err(Malformed::NotCanonical)
        );
        assert!(decode_canonical::<(u8, u8)>(&[0x9f, 1, 2, 0xff], 16).is_err());
        // An array that announces three items and ends after two.
        assert!(decode_canonical::<(u8, u8)>(&[0x83, 1, 2], 16).is_err());
        assert_eq!(
            decode::<(u8, u8)>(&[0x82, 1, 2], 2),
            Err(Malformed::TooLarge)
        );
    }

    #[test]
    fn deep_nesting_and_huge_announcements_are_refused() {
        let deep = vec![0x81u8; 10_000];
        assert!(decode::<Vec<serde::de::IgnoredAny>>(&deep, 20_000).is_err());
        // An array that announces 2^32 entries in nine bytes.
        let huge = [0x9b, 0, 0, 0, 1, 0, 0, 0, 0];
        assert!(decode::<Vec<u64>>(&huge, 64).is_err());
    }
}
