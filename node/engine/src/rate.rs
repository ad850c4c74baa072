//! Token buckets: how often somebody may do something. Bounded in memory.

use std::collections::HashMap;
use std::hash::Hash;

/// Most keys remembered at once; beyond it full buckets are forgotten first.
const KEYS: usize = 8_192;

/// Buckets of one kind: `per_minute` tokens flow in, `burst` fit.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    per_minute: f64,
    burst: f64,
    buckets: HashMap<K, (f64, u64)>,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    /// No limit when `per_minute` is 0.
    pub(crate) fn new(per_minute: f64, burst: f64) -> Self {
        Self {
            per_minute,
            burst,
            buckets: HashMap::new(),
        }
    }

    fn level(&self, key: &K, now_ms: u64) -> f64 {
        self.buckets.get(key).map_or(self.burst, |(level, at)| {
            let minutes = now_ms.saturating_sub(*at) as f64 / 60_000.0;
            (level + minutes * self.per_minute).min(self.burst)
        })
    }

    /// Seconds to wait until a token is there; 0 = one is there now.
    pub(crate) fn wait_s(&self, key: &K, now_ms: u64) -> u32 {
        let level = self.level(key, now_ms);
        if self.per_minute == 0.0 || level >= 1.0 {
            0
        } else {
            (((1.0 - level) * 60.0 / self.per_minute).ceil() as u32).max(1)
        }
    }

    /// Whether more than half of what may be taken at once is gone.
    pub(crate) fn is_low(&self, key: &K, now_ms: u64) -> bool {
        self.per_minute != 0.0 && self.level(key, now_ms) < self.burst / 2.0
    }

    /// Takes a token, or says how many seconds to wait.
    pub(crate) fn take(&mut self, key: &K, now_ms: u64) -> Result<(), u32> {
        match self.wait_s(key, now_ms) {
            0 => {
                self.charge(key, now_ms);
                Ok(())
            }
            wait => Err(wait),
        }
    }

    /// Takes a token whether or not one is there.
    pub(crate) fn charge(&mut self, key: &K, now_ms: u64) {
        if self.per_minute == 0.0 {
            return;
        }
        let level = self.level(key, now_ms);
        if self.buckets.len() >= KEYS && !self.buckets.contains_key(key) {
            let (rate, burst) = (self.per_minute, self.burst);
            self.buckets.retain(|_, (level, at)| {
                *level + now_ms.saturating_sub(*at) as f64 / 60_000.0 * rate < burst
            });
            if self.buckets.len() >= KEYS {
                self.buckets.clear();
            }
        }
        self.buckets
            .insert(key.clone(), ((level - 1.0).max(0.0), now_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let mut b = Buckets::new(60.0, 3.0);
        for _ in 0..3 {
            assert_eq!(b.take(&1, 1_000), Ok(()));
        }
        assert_eq!(b.take(&1, 1_000), Err(1));
        assert_eq!(b.take(&2, 1_000), Ok(()));
        assert_eq!(b.take(&1, 2_000), Ok(()));
        assert_eq!(b.take(&1, 2_000), Err(1));
    }

    #[test]
    fn zero_is_off() {
        let mut b = Buckets::new(0.0, 0.0);
        assert!((0..1_000).all(|_| b.take(&1, 0).is_ok()));
    }
}
