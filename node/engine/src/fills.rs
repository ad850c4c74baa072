//! Feeds of which a long part is being fetched. What is pushed of one meanwhile is mostly part of that: it waits a
//! moment, and is then here already, instead of being verified twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chater_protocol::event::{Feed, WireEvent};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::shared::{Shared, lock};

/// How long a push waits for the end of a fetch. Its sender then sees by our heads how far that is.
const PATIENCE: Duration = Duration::from_secs(1);

/// The feeds, and how many fetches each has.
#[derive(Default)]
pub(crate) struct Fills {
    running: Mutex<HashMap<Feed, usize>>,
    ended: Notify,
}

impl Fills {
    fn has(&self, feed: &Feed) -> bool {
        lock(&self.running).contains_key(feed)
    }
}

/// One fetch, until it is dropped.
pub(crate) struct Filling {
    shared: Arc<Shared>,
    feed: Feed,
}

impl Filling {
    pub(crate) fn of(shared: &Arc<Shared>, feed: Feed) -> Self {
        *lock(&shared.fills.running).entry(feed).or_default() += 1;
        let shared = shared.clone();
        Self { shared, feed }
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        let fills = &self.shared.fills;
        {
            let mut running = lock(&fills.running);
            if let Some(count) = running.get_mut(&self.feed) {
                *count -= 1;
                if *count == 0 {
                    running.remove(&self.feed);
                }
            }
        }
        fills.ended.notify_waiters();
    }
}

/// Waits while a pushed event's feed is being fetched, for a bounded time; whether it was.
pub(crate) async fn wait(shared: &Shared, pushed: &[u8]) -> bool {
    let fills = &shared.fills;
    if lock(&fills.running).is_empty() {
        return false;
    }
    let Ok(event) = WireEvent::decode(pushed) else {
        return false;
    };
    let feed = event.header().feed();
    if !fills.has(&feed) {
        return false;
    }
    let end = Instant::now() + PATIENCE;
    loop {
        let ended = fills.ended.notified();
        tokio::pin!(ended);
        // Before the look, or an end between the two would be missed.
        ended.as_mut().enable();
        if !fills.has(&feed) || timeout_at(end, ended).await.is_err() {
            return true;
        }
    }
}
