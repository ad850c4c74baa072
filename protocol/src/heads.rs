//! What I have, what you lack: the arithmetic of backfill (S5, S6).

use crate::array_struct;
use crate::id::{EventId, Hash, HomeId, NodeId, UserId};

array_struct! {
    /// The last event of a feed up to which it has no hole.
    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
    pub struct HeadRow {
        /// The user.
        pub author: UserId,
        /// The home.
        pub home: HomeId,
        /// The lane.
        pub lane: u8,
        /// The last seq without a hole below.
        pub seq: u64,
        /// Its id.
        pub id: EventId,
    }
}

/// S5: BLAKE3 over the sorted rows. Equal digests mean equal logs.
#[must_use]
pub fn digest(rows: &[HeadRow]) -> Hash {
    let mut sorted: Vec<&HeadRow> = rows.iter().collect();
    sorted.sort();
    let mut hash = blake3::Hasher::new();
    for row in sorted {
        hash.update(&row.author.0);
        hash.update(&row.home.0);
        hash.update(&[row.lane]);
        hash.update(&row.seq.to_be_bytes());
        hash.update(&row.id.0);
    }
    Hash(*hash.finalize().as_bytes())
}

/// S5: the form sent, bound to the sender, so that it cannot be echoed by one who has nothing.
#[must_use]
pub fn digest_from(digest: Hash, sender: NodeId) -> Hash {
    Hash(*blake3::hash(&[&digest.0[..], &sender.0].concat()).as_bytes())
}

/// What to ask for when another node has `theirs` of a feed and I have everything below `mine`
/// (the next seq I lack): `from..=to`, at most `limit` events at once. Never loops over the gap, so
/// an announced seq of 2^64 - 1 costs nothing (B21).
#[must_use]
pub fn lacking(mine: u64, theirs: u64, limit: u64) -> Option<(u64, u64)> {
    if theirs < mine || limit == 0 {
        return None;
    }
    Some((mine, theirs.min(mine.saturating_add(limit - 1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_does_not_depend_on_the_order_of_rows() {
        let row = |n: u8| HeadRow {
            author: UserId([n; 32]),
            home: HomeId([n; 16]),
            lane: 2,
            seq: 5,
            id: EventId([n; 32]),
        };
        let (a, b) = (row(1), row(2));
        assert_eq!(
            digest(&[a.clone(), b.clone()]),
            digest(&[b.clone(), a.clone()])
        );
        assert_ne!(digest(std::slice::from_ref(&a)), digest(&[a, b]));
    }

    #[test]
    fn a_gap_of_any_size_is_asked_for_piece_by_piece() {
        assert_eq!(lacking(3, 2, 256), None);
        assert_eq!(lacking(3, 3, 256), Some((3, 3)));
        assert_eq!(lacking(0, u64::MAX, 256), Some((0, 255)));
        assert_eq!(lacking(u64::MAX, u64::MAX, 256), Some((u64::MAX, u64::MAX)));
    }
}
