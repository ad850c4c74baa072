//! Who listens for news, and what was told to them lately (Q35, Q36).

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chater_protocol::id::{Hash, UserId};
use tokio::sync::mpsc;

use crate::update::{Ended, News, Update};

/// Updates kept for a browser that comes back (Q35).
const REMEMBERED: usize = 1_000;
/// Updates that may wait for a slow reader (Q36).
const WAITING: usize = 4_096;
/// How long a user without a listener is remembered, ms.
const AWAY_MS: u64 = 10 * 60 * 1000;

const OPEN: u8 = 0;
const STOPPING: u8 = 1;
const SESSION: u8 = 2;
const SLOW: u8 = 3;

struct Listener {
    session: Option<Hash>,
    to: mpsc::Sender<Arc<Update>>,
    end: Arc<AtomicU8>,
}

struct Stream {
    /// Updates up to this one are not in `recent`.
    base: u64,
    recent: VecDeque<Arc<Update>>,
    listeners: Vec<Listener>,
    left_ms: u64,
}

struct State {
    last: u64,
    users: HashMap<UserId, Stream>,
}

/// All listeners of this node.
pub(crate) struct Hub {
    state: Mutex<State>,
}

/// One browser's stream of news.
pub struct Subscription {
    /// The stream begins after this update; the `hello` frame carries it.
    pub seq: u64,
    replay: VecDeque<Arc<Update>>,
    from: mpsc::Receiver<Arc<Update>>,
    end: Arc<AtomicU8>,
    told_slow: bool,
}

impl Subscription {
    /// The next piece of news; none when the node stops or the session ended. A reader that was too
    /// slow gets [`News::Reload`] once, then the stream ends (Q36).
    pub async fn next(&mut self) -> Option<Arc<Update>> {
        match self.end.load(Ordering::Acquire) {
            OPEN => {}
            SLOW if !self.told_slow => {
                self.told_slow = true;
                return Some(Arc::new(Update {
                    seq: None,
                    news: News::Reload,
                }));
            }
            _ => return None,
        }
        if let Some(update) = self.replay.pop_front() {
            return Some(update);
        }
        match self.from.recv().await {
            Some(update) => Some(update),
            None if self.end.load(Ordering::Acquire) == SLOW && !self.told_slow => {
                self.told_slow = true;
                Some(Arc::new(Update {
                    seq: None,
                    news: News::Reload,
                }))
            }
            None => None,
        }
    }

    /// What is here already, without waiting.
    pub fn try_next(&mut self) -> Option<Arc<Update>> {
        if self.end.load(Ordering::Acquire) != OPEN {
            return None;
        }
        self.replay
            .pop_front()
            .or_else(|| self.from.try_recv().ok())
    }

    /// Why the stream ended, once `next` gave none.
    #[must_use]
    pub fn ended(&self) -> Ended {
        match self.end.load(Ordering::Acquire) {
            SESSION => Ended::Session,
            SLOW => Ended::Slow,
            _ => Ended::Stopping,
        }
    }
}

impl Hub {
    /// `boot` is how often this store was opened: numbers of an earlier run are never used again.
    pub(crate) fn new(boot: u64) -> Self {
        let last = (boot & 0x1f_ffff) << 32;
        Self {
            state: Mutex::new(State {
                last,
                users: HashMap::new(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anybody may be told: building a view for nobody is work for nothing.
    pub(crate) fn listens(&self, user: UserId) -> bool {
        self.lock().users.contains_key(&user)
    }

    /// Those who have a stream open now.
    pub(crate) fn listening(&self) -> Vec<UserId> {
        let state = self.lock();
        let open = |stream: &Stream| stream.listeners.iter().any(|l| !l.to.is_closed());
        let users = state.users.iter().filter(|(_, stream)| open(stream));
        users.map(|(user, _)| *user).collect()
    }

    /// Tells one user. News with a place in the sequence are remembered.
    pub(crate) fn tell(&self, user: UserId, news: News) {
        let mut state = self.lock();
        let State { last, users } = &mut *state;
        let Some(stream) = users.get_mut(&user) else {
            return;
        };
        // What a page shows must follow from the page and what came after it. Who types is soon over, and a socket begins with
        // how the node is linked.
        let counted = !matches!(news, News::Typing { .. } | News::Network { .. });
        if counted {
            *last += 1;
        }
        let update = Arc::new(Update {
            seq: counted.then_some(*last),
            news,
        });
        if counted {
            stream.recent.push_back(update.clone());
            if stream.recent.len() > REMEMBERED
                && let Some(old) = stream.recent.pop_front()
            {
                stream.base = old.seq.unwrap_or(stream.base);
            }
        }
        stream
            .listeners
            .retain(|listener| match listener.to.try_send(update.clone()) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    listener.end.store(SLOW, Ordering::Release);
                    false
                }
                Err(mpsc::error::TrySendError::Closed(_)) => false,
            });
    }

    /// A new listener. `after` = the last update it saw: what came since is told again, or, when that
    /// is no longer remembered, [`News::Reload`].
    pub(crate) fn listen(
        &self,
        user: UserId,
        session: Option<Hash>,
        after: Option<u64>,
        now_ms: u64,
    ) -> Subscription {
        let mut state = self.lock();
        state.users.retain(|_, s| {
            // Whoever listened until now has left only now.
            if !s.listeners.is_empty() {
                s.left_ms = now_ms;
            }
            s.listeners.retain(|l| !l.to.is_closed());
            now_ms.saturating_sub(s.left_ms) < AWAY_MS
        });
        let last = state.last;
        let stream = state.users.entry(user).or_insert_with(|| Stream {
            base: last,
            recent: VecDeque::new(),
            listeners: Vec::new(),
            left_ms: now_ms,
        });
        stream.left_ms = now_ms;
        let mut replay = VecDeque::new();
        let mut seq = last;
        if let Some(after) = after {
            if after < stream.base || after > last {
                replay.push_back(Arc::new(Update {
                    seq: Some(last),
                    news: News::Reload,
                }));
            } else {
                seq = after;
                replay.extend(
                    stream
                        .recent
                        .iter()
                        .filter(|u| u.seq > Some(after))
                        .cloned(),
                );
            }
        }
        let (to, from) = mpsc::channel(WAITING);
        let end = Arc::new(AtomicU8::new(OPEN));
        stream.listeners.push(Listener {
            session,
            to,
            end: end.clone(),
        });
        Subscription {
            seq,
            replay,
            from,
            end,
            told_slow: false,
        }
    }

    /// Ends the streams of one session.
    pub(crate) fn end_session(&self, user: UserId, session: Hash) {
        if let Some(stream) = self.lock().users.get_mut(&user) {
            stream.listeners.retain(|l| {
                let ended = l.session == Some(session);
                if ended {
                    l.end.store(SESSION, Ordering::Release);
                }
                !ended
            });
        }
    }

    /// Ends all streams.
    pub(crate) fn stop(&self) {
        for stream in self.lock().users.values_mut() {
            for listener in stream.listeners.drain(..) {
                listener.end.store(STOPPING, Ordering::Release);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use chater_protocol::id::{ChatId, UserId};

    use super::Hub;
    use crate::update::News;

    #[tokio::test]
    async fn what_changes_between_a_page_and_its_socket_is_told() {
        let (hub, reader) = (Hub::new(1), UserId([1; 32]));
        let page = hub.listen(reader, None, None, 0).seq;
        let gone = News::Presence {
            user_id: UserId([2; 32]),
            online: false,
            seen_at_ms: None,
        };
        hub.tell(reader, gone);
        let chat_id = ChatId([3; 32]);
        hub.tell(reader, News::Present { chat_id, there: 2 });
        let typing = News::Typing {
            chat_id,
            user_id: UserId([2; 32]),
            name: String::new(),
            on: true,
        };
        hub.tell(reader, typing);
        let mut socket = hub.listen(reader, None, Some(page), 0);
        let told = [socket.next().await.unwrap(), socket.next().await.unwrap()];
        assert!(matches!(told[0].news, News::Presence { online: false, .. }));
        assert!(matches!(told[1].news, News::Present { there: 2, .. }));
        assert!(socket.try_next().is_none(), "who typed has stopped by now");
    }
}
