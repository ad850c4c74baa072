//! Counters: what this node does in the network.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of bodies, by protocol and direction; what lies below (Noise, Yamux) is not in it.
pub(crate) const BYTES: &str = "chater_bytes_total";

/// The value of one counter or gauge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meter {
    /// The metric.
    pub name: &'static str,
    /// Its labels as Prometheus writes them, without braces; may be empty.
    pub labels: &'static str,
    /// The value.
    pub value: u64,
}

/// All of them. Labels are fixed words: neither a peer nor a person can add a row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meters(Arc<Mutex<BTreeMap<(&'static str, &'static str), u64>>>);

impl Meters {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<(&'static str, &'static str), u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, name: &'static str, labels: &'static str, value: usize) {
        let value = u64::try_from(value).unwrap_or(u64::MAX);
        let mut rows = self.rows();
        let row = rows.entry((name, labels)).or_default();
        *row = row.saturating_add(value);
    }

    pub(crate) fn one(&self, name: &'static str, labels: &'static str) {
        self.add(name, labels, 1);
    }

    /// For gauges.
    pub(crate) fn less(&self, name: &'static str, labels: &'static str) {
        if let Some(row) = self.rows().get_mut(&(name, labels)) {
            *row = row.saturating_sub(1);
        }
    }

    pub(crate) fn get(&self, name: &'static str, labels: &'static str) -> u64 {
        self.rows().get(&(name, labels)).copied().unwrap_or(0)
    }

    pub(crate) fn read(&self) -> Vec<Meter> {
        let rows = self.rows();
        rows.iter()
            .map(|((name, labels), value)| Meter {
                name,
                labels,
                value: *value,
            })
            .collect()
    }
}
