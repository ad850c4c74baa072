//! Which epoch secret a sender uses, and whom it must share it with first (K3-K5, K8).

use std::collections::BTreeSet;

use crate::id::{HomeId, KeyId, UserId};
use crate::limits::{KEY_AGE_MS, KEY_MESSAGES};

/// A home of a user, as keys are held by it.
pub type Holder = (UserId, HomeId);

/// One epoch secret as this node knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// Its name.
    pub id: KeyId,
    /// K3: homes that wrote or got a box in any `key` event for it.
    pub holders: BTreeSet<Holder>,
    /// min(ts, arrival) of its first `key` event, Unix ms (K4).
    pub first_ms: u64,
    /// Messages sealed with it by this home.
    pub sealed: u64,
    /// Whether the secret is here and one of its `key` events is live (M6). In a group also: the event
    /// that made it is here, fresh (`Group::is_fresh`, K3) and may be shared with every member who
    /// lacks it (`Group::may_share`, K6).
    pub usable: bool,
}

/// What to do before a message is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Use this key; first share it with those homes, if any (K5).
    Use {
        /// The key.
        key: KeyId,
        /// Live homes of present members without a box.
        share_with: Vec<Holder>,
    },
    /// Make a new secret for all (K4, K8).
    Make,
}

/// K4: the newest clean key that is not worn; newest by first event, then lowest id. `live` are the
/// live homes of all present members. Nodes need not agree on the choice: every clean key is safe.
#[must_use]
pub fn choose(keys: &[KnownKey], live: &BTreeSet<Holder>, now_ms: u64) -> Choice {
    let newest = keys
        .iter()
        // K3: clean = every holder is still a live home of a member, and the secret is here.
        .filter(|key| key.usable && key.holders.is_subset(live))
        .max_by(|a, b| a.first_ms.cmp(&b.first_ms).then_with(|| b.id.cmp(&a.id)));
    match newest {
        Some(key) if !is_worn(key, now_ms) => Choice::Use {
            key: key.id,
            share_with: live.difference(&key.holders).copied().collect(),
        },
        _ => Choice::Make,
    }
}

/// K8: over 7 days old or 5,000 messages.
fn is_worn(key: &KnownKey, now_ms: u64) -> bool {
    now_ms.saturating_sub(key.first_ms) > KEY_AGE_MS || key.sealed >= KEY_MESSAGES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(n: u8) -> Holder {
        (UserId([n; 32]), HomeId([n; 16]))
    }

    fn key(n: u8, first_ms: u64, holders: &[Holder]) -> KnownKey {
        KnownKey {
            id: KeyId([n; 32]),
            holders: holders.iter().copied().collect(),
            first_ms,
            sealed: 0,
            usable: true,
        }
    }

    #[test]
    fn the_newest_clean_key_is_used() {
        let live: BTreeSet<_> = [home(1), home(2)].into();
        let keys = [
            key(1, 10, &[home(1), home(2)]),
            key(2, 20, &[home(1), home(2)]),
        ];
        assert_eq!(
            choose(&keys, &live, 30),
            Choice::Use {
                key: KeyId([2; 32]),
                share_with: vec![]
            }
        );
        // Equal times: the lower id.
        let keys = [
            key(5, 10, &[home(1), home(2)]),
            key(4, 10, &[home(1), home(2)]),
        ];
        assert_eq!(
            choose(&keys, &live, 30),
            Choice::Use {
                key: KeyId([4; 32]),
                share_with: vec![]
            }
        );
    }

    #[test]
    fn a_key_held_by_a_retired_home_is_not_clean() {
        let live: BTreeSet<_> = [home(1), home(2)].into();
        assert_eq!(
            choose(&[key(1, 10, &[home(1), home(2), home(3)])], &live, 30),
            Choice::Make
        );
    }

    #[test]
    fn a_new_home_gets_the_key_before_the_message() {
        let live: BTreeSet<_> = [home(1), home(2), home(3)].into();
        let choice = choose(&[key(1, 10, &[home(1), home(2)])], &live, 30);
        assert_eq!(
            choice,
            Choice::Use {
                key: KeyId([1; 32]),
                share_with: vec![home(3)]
            }
        );
    }

    #[test]
    fn worn_and_unusable_keys_are_left() {
        let live: BTreeSet<_> = [home(1)].into();
        let mut old = key(1, 10, &[home(1)]);
        let used = |choice| matches!(choice, Choice::Use { .. });
        assert!(used(choose(&[old.clone()], &live, 10 + KEY_AGE_MS)));
        assert_eq!(choose(&[old.clone()], &live, 11 + KEY_AGE_MS), Choice::Make);
        old.sealed = KEY_MESSAGES - 1;
        assert!(used(choose(&[old.clone()], &live, 30)));
        old.sealed = KEY_MESSAGES;
        assert_eq!(choose(&[old.clone()], &live, 30), Choice::Make);
        old.sealed = 0;
        old.usable = false;
        assert_eq!(choose(&[old], &live, 30), Choice::Make);
    }
}
