//! The hybrid clock of L4: milliseconds and a counter. Always an argument, never read here.

use serde::{Deserialize, Serialize};

use crate::limits::AHEAD_MS;

/// Unix milliseconds << 16 | counter (L4).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The first moment of a millisecond.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms.saturating_mul(1 << 16))
    }

    /// The Unix milliseconds in it.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0 >> 16
    }

    /// The same moment, `ms` later; stays at the greatest value.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1 << 16)))
    }

    /// The next smallest moment.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// L4: the time of a new event. `seen` is the greatest time of its prev and deps; it counts at
    /// most now + 5 min, so a clock that was wrong once does not stay wrong.
    #[must_use]
    pub fn for_event(now_ms: u64, seen: Option<Timestamp>) -> Self {
        let now = Self::from_ms(now_ms);
        let floor = seen.map_or(Self(0), |seen| seen.min(now.plus_ms(AHEAD_MS)).next());
        now.max(floor)
    }

    /// L6: more than 5 minutes ahead of this clock.
    #[must_use]
    pub fn is_ahead(self, now_ms: u64) -> bool {
        self > Self::from_ms(now_ms).plus_ms(AHEAD_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_event_is_later_than_what_it_answers() {
        let seen = Timestamp::from_ms(2_000);
        assert_eq!(Timestamp::for_event(1_000, Some(seen)), seen.next());
        assert_eq!(
            Timestamp::for_event(3_000, Some(seen)),
            Timestamp::from_ms(3_000)
        );
    }

    #[test]
    fn a_wild_clock_counts_five_minutes_at_most() {
        let wild = Timestamp(u64::MAX);
        let ts = Timestamp::for_event(1_000, Some(wild));
        assert_eq!(ts, Timestamp::from_ms(1_000).plus_ms(AHEAD_MS).next());
    }
}
