//! How many connections are open, in all and per remote address. Without caps, one host takes every
//! file descriptor of the node.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many connections may be open at once.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    /// In all.
    pub total: usize,
    /// From one remote address; for IPv6 from one /64, which one host owns.
    pub per_address: usize,
    /// From this machine: browsers with many tabs, proxies, test programs.
    pub per_loopback: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            total: 1_024,
            per_address: 128,
            per_loopback: 512,
        }
    }
}

/// The connections that are open.
#[derive(Debug)]
pub(super) struct Slots {
    caps: Caps,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One open connection; given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    address: IpAddr,
}

impl Slots {
    pub(super) fn new(caps: Caps) -> Arc<Self> {
        Arc::new(Self {
            caps,
            open: Mutex::default(),
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Counters stay true even if a holder of the lock panicked.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slot for a connection, if there is one. The map has no more entries than connections.
    pub(super) fn take(self: &Arc<Self>, ip: IpAddr) -> Option<Slot> {
        let address = counted(ip);
        let cap = if address.is_loopback() {
            self.caps.per_loopback
        } else {
            self.caps.per_address
        };
        let mut open = self.open();
        if open.total >= self.caps.total {
            return None;
        }
        let of_address = open.by_address.get(&address).copied().unwrap_or(0);
        if of_address >= cap {
            return None;
        }
        open.by_address.insert(address, of_address + 1);
        open.total += 1;
        drop(open);
        Some(Slot {
            slots: Arc::clone(self),
            address,
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.slots.open();
        open.total = open.total.saturating_sub(1);
        match open.by_address.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// What is counted as one address.
fn counted(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_counted_and_given_back() {
        let slots = Slots::new(Caps {
            total: 4,
            per_address: 2,
            per_loopback: 3,
        });
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let first = slots.take(ip("2001:db8::1"));
        assert!(first.is_some());
        let second = slots.take(ip("2001:db8::ffff"));
        assert!(second.is_some());
        assert!(
            slots.take(ip("2001:db8::2")).is_none(),
            "one /64 is one address"
        );
        let _third = slots.take(ip("::ffff:127.0.0.1")).expect("free");
        let _fourth = slots.take(ip("127.0.0.1")).expect("free");
        assert!(
            slots.take(ip("127.0.0.1")).is_none(),
            "the total is reached"
        );
        drop((first, second));
        assert!(slots.take(ip("2001:db8::2")).is_some());
        assert_eq!(slots.open().by_address.len(), 1);
    }
}
