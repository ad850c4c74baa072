//! Frames of a group's gossip (S1, S2): who knows the group's id can read them, and nobody else can tell what they are.

use rand_core::CryptoRng;
use serde_bytes::ByteBuf;

use crate::id::ChatId;
use crate::secret::{BadSeal, SecretKey};
use crate::wire::{Message, chat_topic};
use crate::{limits, tagged_enum};

tagged_enum! {
    /// What members tell each other by gossip. It is news and no delivery (S3).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum GroupFrame {
        /// A wire event.
        1 => Event(ByteBuf),
    }
}

impl Message for GroupFrame {
    const LIMIT: usize = limits::GROUP_FRAME;
}

fn frame_key(group: ChatId) -> SecretKey {
    SecretKey::derive("chater wire v1", &group.0)
}

/// Seals a frame for a group; its topic is bound.
pub fn seal(group: ChatId, frame: &GroupFrame, rng: &mut dyn CryptoRng) -> Vec<u8> {
    frame_key(group).seal(&chat_topic(group).0, &frame.encode(), rng)
}

/// Opens a frame.
///
/// # Errors
/// A frame of another group, or changed bytes.
pub fn open(group: ChatId, sealed: &[u8]) -> Result<Vec<u8>, BadSeal> {
    frame_key(group)
        .open(&chat_topic(group).0, sealed)
        .map(|plain| plain.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);
    impl rand_core::TryRng for Fixed {
        type Error = rand_core::Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(u32::from(self.0))
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(u64::from(self.0))
        }
        fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Self::Error> {
            to.fill(self.0);
            Ok(())
        }
    }
    impl rand_core::TryCryptoRng for Fixed {}

    #[test]
    fn only_the_same_group_opens_a_frame() {
        let (one, two) = (ChatId([1; 32]), ChatId([2; 32]));
        let frame = GroupFrame::Event(ByteBuf::from(vec![7; 40]));
        let sealed = seal(one, &frame, &mut Fixed(3));
        let plain = open(one, &sealed).expect("its own frame");
        assert_eq!(GroupFrame::decode(&plain).ok(), Some(frame));
        assert!(open(two, &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed.iter_mut().skip(at).take(1).for_each(|b| *b ^= 1);
            assert!(open(one, &changed).is_err(), "byte {at}");
        }
    }
}
