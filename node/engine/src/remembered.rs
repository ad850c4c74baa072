//! What was read of rows and is remembered until they change. A reader's snapshot may be older than the
//! change: what it read is not remembered then.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Entries remembered at most, in one of these; then it begins anew.
const ENTRIES: usize = 8_192;

/// Values read of rows, by key.
pub(crate) struct Remembered<K, V> {
    /// The turns of the writer that whoever remembers something must have seen.
    since: u64,
    entries: HashMap<K, Arc<V>>,
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self {
            since: 0,
            entries: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash, V> Remembered<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<Arc<V>> {
        self.entries.get(key).cloned()
    }

    /// Remembers what was read of rows that show `turn` turns.
    pub(crate) fn keep(&mut self, turn: u64, key: K, value: Arc<V>) {
        if turn < self.since {
            return;
        }
        if self.entries.len() >= ENTRIES {
            self.entries.clear();
        }
        self.entries.insert(key, value);
    }

    /// The rows changed in the last of `turns` turns.
    pub(crate) fn forget(&mut self, turns: u64) {
        self.since = turns;
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Remembered;

    #[test]
    fn what_was_read_before_a_change_is_not_remembered_after_it() {
        let mut names = Remembered::default();
        names.keep(6, 1, Arc::new("34cdd002"));
        assert_eq!(names.get(&1).as_deref(), Some(&"34cdd002"));
        names.forget(7);
        assert_eq!(names.get(&1), None);
        // A page that was being made of the state before the seventh turn.
        names.keep(6, 1, Arc::new("34cdd002"));
        assert_eq!(names.get(&1), None);
        names.keep(7, 1, Arc::new("klen"));
        assert_eq!(names.get(&1).as_deref(), Some(&"klen"));
    }
}
