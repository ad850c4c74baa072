//! Bringing a peer what it lacks. One task per connected peer: first both sides compare what they have
//! (S5), then everything own that the peer has not acknowledged is pushed, then fresh events as they
//! come. What a peer still needs follows from its acks (Q40), so nothing here has to survive a crash.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chater_network::{Protocol, PushStream, RequestError};
use chater_protocol::event::Kind;
use chater_protocol::heads::{digest, digest_from};
use chater_protocol::id::{ChatId, EventId, NodeId, UserId};
use chater_protocol::limits;
use chater_protocol::wire::{
    Ack, ChatRef, LogAnswer, LogRequest, Message, Push, SummaryRow, chat_topic,
};
use chater_store::{Rows, StoreError, chats, events, homes, nodes, outbox, refused, users};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::actor::From;
use crate::backlog;
use crate::fetch;
use crate::needs::chats_with;
use crate::needs::needs;
use crate::remote::{self, Acked, Verdict};
use crate::shared::{Shared, lock};

/// Fresh events that wait for one peer; beyond it they are read back from the store.
const HOT: usize = 4_096;
/// Tries after a failure, from and to.
const RETRY: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(300);
/// A chat whose peer says "waits" (it has asked for something that is on its way) or "later" is left
/// alone for so long, then twice as long, up to [`RETRY_MAX`].
const WAITS: Duration = Duration::from_millis(150);
const LATER: Duration = Duration::from_secs(1);
/// Refused events of a feed that are remembered, to see when one is taken after all.
const REFUSED: usize = 4_096;
/// How often a peer that lacks much is asked how much still.
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// After so many failed comparisons what the acks say must do.
const COMPARES: u32 = 3;
/// What could not be compared is compared after this, then after twice as long: nobody waits for the next round because one
/// request of the first went wrong.
const LEFT: Duration = Duration::from_secs(1);

/// An event of this node that a peer has not been offered yet.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    pub(crate) chat: ChatRef,
    pub(crate) feed_no: u32,
    pub(crate) seq: u64,
    pub(crate) id: EventId,
    pub(crate) author: UserId,
    pub(crate) kind: Kind,
    pub(crate) wire: Arc<[u8]>,
}

/// Fresh events of one peer, in order.
#[derive(Debug, Default)]
pub(crate) struct Hot {
    queue: VecDeque<Fresh>,
    /// Some were dropped: the store must be looked through.
    overflow: bool,
    /// Some chat is left alone for a while.
    paused: bool,
    /// The peer showed a sign of life meanwhile (S8).
    alive: bool,
    /// Everything was compared with the peer since it is linked.
    compared: bool,
    /// Chats are common now that were not when all was compared.
    anew: bool,
}

impl Hot {
    pub(crate) fn push(&mut self, fresh: Fresh) {
        if self.queue.len() >= HOT {
            self.queue.clear();
            self.overflow = true;
        }
        if !self.overflow {
            self.queue.push_back(fresh);
        }
    }

    /// The peer lacks more than what is fresh.
    pub(crate) fn look(&mut self) {
        self.queue.clear();
        self.overflow = true;
    }

    /// What differs now came later, and is no longer found by comparing at the beginning.
    pub(crate) fn is_compared(&self) -> bool {
        self.compared
    }

    /// Somebody lives there now who did not (I7): their chats are to be compared and brought.
    pub(crate) fn compare_anew(&mut self) {
        self.anew = true;
        self.look();
    }

    /// The peer brought something: whether its delivery should be woken, since it pauses (S8).
    pub(crate) fn sign_of_life(&mut self) -> bool {
        self.alive = self.paused;
        self.paused
    }

    /// The next events of one chat; none = look through the store.
    fn take(&mut self) -> Option<Vec<Fresh>> {
        if std::mem::take(&mut self.overflow) {
            return None;
        }
        let mut batch: Vec<Fresh> = Vec::new();
        let mut bytes = 0;
        while let Some(next) = self.queue.front() {
            bytes += next.wire.len() + 8;
            let fits = batch.len() < limits::PUSH_EVENTS
                && (bytes < limits::RANGE_BYTES || batch.is_empty());
            if !fits || batch.first().is_some_and(|first| first.chat != next.chat) {
                break;
            }
            batch.extend(self.queue.pop_front());
        }
        Some(batch)
    }
}

/// Why a delivery paused.
enum Pause {
    /// The connection is gone or the request failed.
    Failed,
    /// The peer does not take it now.
    Later,
    /// The peer waits for something it asked for.
    Waits,
}

impl std::convert::From<StoreError> for Pause {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "delivery cannot read the store");
        Self::Failed
    }
}

impl std::convert::From<RequestError> for Pause {
    fn from(error: RequestError) -> Self {
        tracing::debug!(%error, "push");
        Self::Failed
    }
}

/// Serves one connected peer until the task is ended.
pub(crate) async fn run(
    shared: Arc<Shared>,
    node: NodeId,
    wake: Arc<Notify>,
    hot: Arc<Mutex<Hot>>,
) {
    let mut delivery = Delivery {
        shared,
        node,
        stream: None,
        cursors: HashMap::new(),
        refused: HashSet::new(),
        held: HashMap::new(),
        counts: HashMap::new(),
    };
    let mut look = true;
    let mut compared = false;
    let mut compares: u32 = 0;
    let mut left = LEFT;
    let mut again = Instant::now();
    let mut retry = RETRY;
    loop {
        {
            let mut hot = lock(&hot);
            let alive = std::mem::take(&mut hot.alive);
            look |= delivery.release(alive);
            hot.paused = delivery.next_release().is_some();
            if std::mem::take(&mut hot.anew) {
                again = Instant::now();
            }
        }
        let step = if !compared || Instant::now() >= again {
            compares = compares.saturating_add(1);
            let step = delivery.compare().await;
            compared |= step.is_ok() || compares >= COMPARES;
            lock(&hot).compared = compared;
            let usual = delivery.shared.compares_again();
            let pause = match step {
                Ok(true) => {
                    left = LEFT;
                    usual
                }
                _ => {
                    left = (left * 2).min(usual);
                    left / 2
                }
            };
            again = Instant::now() + pause;
            step.map(|_| ())
        } else if look {
            delivery.look_through().await.map(|()| look = false)
        } else {
            let taken = lock(&hot).take();
            match taken {
                None => {
                    look = true;
                    Ok(())
                }
                Some(batch) if batch.is_empty() => {
                    retry = RETRY;
                    let next = delivery.next_release().map_or(again, |at| at.min(again));
                    let _ = tokio::time::timeout_at(next, wake.notified()).await;
                    Ok(())
                }
                Some(batch) => delivery.push_fresh(&batch, &mut look).await,
            }
        };
        match step {
            Ok(()) => {}
            Err(_) => {
                look = true;
                lock(&hot).paused = true;
                // Any sign of life (a fresh event too) ends the pause.
                let _ = tokio::time::timeout(retry, wake.notified()).await;
                retry = (retry * 2).min(RETRY_MAX);
            }
        }
    }
}

struct Delivery {
    shared: Arc<Shared>,
    node: NodeId,
    stream: Option<PushStream>,
    /// Per feed the next seq the peer lacks.
    cursors: HashMap<u32, u64>,
    /// Events (feed, seq) that the peer refused for good: acks pass over them, their authors see it.
    refused: HashSet<(u32, u64)>,
    /// Chats that the peer does not take now. One of them never holds up the others.
    held: HashMap<ChatId, Held>,
    /// How many events each chat had when it was last compared.
    counts: HashMap<u32, u64>,
}

/// A chat left alone for a while.
struct Held {
    since: Instant,
    /// None = it may be tried again; the pause is remembered until something is taken.
    until: Option<Instant>,
    pause: Duration,
}

impl Delivery {
    fn hold(&mut self, chat: ChatId, first: Duration) {
        let now = Instant::now();
        let pause = self
            .held
            .get(&chat)
            .map_or(first, |held| (held.pause * 2).min(RETRY_MAX));
        self.held.insert(
            chat,
            Held {
                since: now,
                until: Some(now + pause),
                pause,
            },
        );
    }

    fn is_held(&self, chat: ChatId) -> bool {
        self.held
            .get(&chat)
            .is_some_and(|held| held.until.is_some())
    }

    /// Ends pauses that are over, and after a sign of life those that lasted a while. Whether any ended.
    fn release(&mut self, alive: bool) -> bool {
        if self.held.is_empty() {
            return false;
        }
        let now = Instant::now();
        let mut any = false;
        for held in self.held.values_mut() {
            let over = held.until.is_some_and(|until| until <= now);
            if over || (alive && held.until.is_some() && now - held.since >= LATER) {
                held.until = None;
                any = true;
            }
        }
        any
    }

    fn next_release(&self) -> Option<Instant> {
        self.held.values().filter_map(|held| held.until).min()
    }

    /// A push that was not taken: its chat is left alone, or the connection is at fault.
    fn put_off(&mut self, chat: ChatId, pause: Pause) -> Result<(), Pause> {
        match pause {
            Pause::Failed => return Err(Pause::Failed),
            Pause::Later => self.hold(chat, LATER),
            Pause::Waits => self.hold(chat, WAITS),
        }
        Ok(())
    }

    fn cursor(&mut self, rows: &impl Rows, feed_no: u32) -> Result<u64, StoreError> {
        if let Some(next) = self.cursors.get(&feed_no) {
            return Ok(*next);
        }
        let acked = match nodes::node(rows, self.node)? {
            Some(row) => {
                let refused = refused::by_node(rows, feed_no, row.no, REFUSED)?;
                self.refused
                    .extend(refused.into_iter().map(|seq| (feed_no, seq)));
                outbox::acked(rows, feed_no, row.no)?
            }
            None => None,
        };
        let next = acked.map_or(0, |seq| seq + 1);
        self.cursors.insert(feed_no, next);
        Ok(next)
    }

    /// Everything own that the peer has not acknowledged, from the store.
    async fn look_through(&mut self) -> Result<(), Pause> {
        let needs = needs(&self.shared.store.read()?, self.node)?;
        for need in needs {
            let mut asked: Option<Instant> = None;
            while !self.is_held(need.chat.chat) {
                let next = self.cursor(&self.shared.store.read()?, need.feed_no)?;
                if need.whole.saturating_sub(next) > backlog::LONG
                    && asked.is_none_or(|at| at.elapsed() >= ASK_AGAIN)
                {
                    asked = Some(Instant::now());
                    if let Some(acked) = backlog::taken(&self.shared, self.node, &need, next).await
                    {
                        self.cursors.insert(need.feed_no, acked.up_to + 1);
                        keep_marks(&self.shared, self.node, Vec::new(), vec![acked]);
                        continue;
                    }
                }
                let batch = {
                    let rows = self.shared.store.read()?;
                    let next = self.cursor(&rows, need.feed_no)?;
                    if next >= need.whole {
                        break;
                    }
                    let to = need.whole - 1;
                    let (count, bytes) = (limits::PUSH_EVENTS, limits::RANGE_BYTES / 2);
                    let mut batch = Vec::new();
                    for wire in events::range(&rows, need.feed_no, next, to, count, bytes)? {
                        let Ok(event) = chater_protocol::event::VerifiedEvent::from_store(&wire)
                        else {
                            tracing::error!(feed = need.feed_no, "a stored event does not read");
                            continue;
                        };
                        batch.push(Fresh {
                            chat: need.chat.clone(),
                            feed_no: need.feed_no,
                            seq: event.header().seq,
                            id: event.id(),
                            author: need.author,
                            kind: event.header().kind,
                            wire: wire.into(),
                        });
                    }
                    batch
                };
                if batch.is_empty() {
                    break;
                }
                if let Err(pause) = self.push(&batch).await {
                    self.put_off(need.chat.chat, pause)?;
                }
            }
        }
        Ok(())
    }

    /// Fresh events as they come, if they follow what the peer has.
    async fn push_fresh(&mut self, batch: &[Fresh], look: &mut bool) -> Result<(), Pause> {
        let Some(chat) = batch.first().map(|fresh| fresh.chat.chat) else {
            return Ok(());
        };
        if self.is_held(chat) {
            // It is in the store, and looked for there when the pause is over.
            return Ok(());
        }
        let mut next: HashMap<u32, u64> = HashMap::new();
        let mut follow = Vec::with_capacity(batch.len());
        {
            let rows = if batch.iter().all(|f| self.cursors.contains_key(&f.feed_no)) {
                None
            } else {
                Some(self.shared.store.read()?)
            };
            for fresh in batch {
                let expected = match (next.get(&fresh.feed_no), &rows) {
                    (Some(next), _) => *next,
                    (None, Some(rows)) => self.cursor(rows, fresh.feed_no)?,
                    (None, None) => self.cursors.get(&fresh.feed_no).copied().unwrap_or(0),
                };
                if fresh.seq == expected {
                    next.insert(fresh.feed_no, expected + 1);
                    follow.push(fresh.clone());
                } else if fresh.seq > expected {
                    *look = true;
                }
            }
        }
        match self.push(&follow).await {
            Ok(()) => Ok(()),
            Err(pause) => self.put_off(chat, pause),
        }
    }

    /// One frame over the stream for pushes, which is opened when there is none.
    async fn exchange(&mut self, body: &[u8]) -> Result<Vec<u8>, RequestError> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.shared.network.open_pushes(self.node).await?,
        };
        let answer = stream.request(body).await?;
        // One that failed is dropped: its answers would no longer be in step.
        self.stream = Some(stream);
        Ok(answer)
    }

    /// One `Push` of events of one chat; moves the cursors by its acks.
    async fn push(&mut self, batch: &[Fresh]) -> Result<(), Pause> {
        let Some(first) = batch.first() else {
            return Ok(());
        };
        let request = LogRequest::Push(Push {
            chat: first.chat.clone(),
            events: batch
                .iter()
                .map(|f| serde_bytes::ByteBuf::from(f.wire.to_vec()))
                .collect(),
        });
        let answer = self.exchange(&request.encode()).await?;
        let Ok(LogAnswer::Acks(acks)) = LogAnswer::decode(&answer) else {
            return Err(Pause::Later);
        };
        // An answer that leaves some out says nothing of them, and would be asked for without end.
        if acks.len() != batch.len() {
            return Err(Pause::Later);
        }
        let takes = acks.iter().any(|ack| Ack::from(*ack) == Ack::Committed);
        let mut progress = false;
        let mut moved: Vec<Acked> = Vec::new();
        let mut verdicts: Vec<Verdict> = Vec::new();
        let mut pause = None;
        for (fresh, ack) in batch.iter().zip(acks.iter()) {
            match Ack::from(*ack) {
                Ack::Committed => {
                    if !self.refused.is_empty() && self.refused.remove(&(fresh.feed_no, fresh.seq))
                    {
                        verdicts.push(Verdict::of(fresh, false));
                    }
                }
                Ack::Waits => {
                    pause.get_or_insert(Pause::Waits);
                    continue;
                }
                Ack::Later => {
                    pause.get_or_insert(Pause::Later);
                    continue;
                }
                Ack::Refused => {
                    // One event refused for good does not block those behind it. A peer that refuses
                    // all there is does not want the chat: it is asked again, ever more rarely.
                    if self.refused.insert((fresh.feed_no, fresh.seq)) {
                        tracing::warn!(id = %fresh.id.short(), peer = %self.node.short(), "refused by the other node for good");
                        verdicts.push(Verdict::of(fresh, true));
                    }
                    if !takes {
                        continue;
                    }
                }
            }
            // Acks count without holes: what follows one that was not taken is offered again.
            let cursor = self.cursors.entry(fresh.feed_no).or_insert(fresh.seq);
            if *cursor != fresh.seq {
                continue;
            }
            *cursor += 1;
            progress = true;
            let taken = Ack::from(*ack) == Ack::Committed;
            let message = (taken && fresh.kind == Kind::MSG).then_some(fresh.id);
            match moved.iter_mut().find(|a| a.feed_no == fresh.feed_no) {
                Some(acked) => {
                    acked.up_to = fresh.seq;
                    acked.messages.extend(message);
                }
                None => moved.push(Acked {
                    chat: fresh.chat.clone(),
                    feed_no: fresh.feed_no,
                    up_to: fresh.seq,
                    author: fresh.author,
                    messages: message.into_iter().collect(),
                    before: 0,
                }),
            }
        }
        if !moved.is_empty() || !verdicts.is_empty() {
            keep_marks(&self.shared, self.node, verdicts, moved);
        }
        if progress {
            // Something was taken: a pause for the rest begins small again.
            self.held.remove(&first.chat.chat);
        }
        if let Some(pause) = pause {
            return Err(pause);
        }
        if !progress {
            return Err(Pause::Later);
        }
        Ok(())
    }

    /// S5, S6: digests of the chats both may have; where they differ, heads are compared, what lacks
    /// here is fetched, and what the peer lost (a restored disk) is pushed again. Of what was compared already only
    /// what has changed since: an author whose node is gone for good brought it to some, and these must bring it on (S2).
    /// Whether every chat could be compared.
    async fn compare(&mut self) -> Result<bool, Pause> {
        let mut all = true;
        let mut counts = HashMap::new();
        let mut changed: Vec<(u32, ChatRef)> = Vec::new();
        {
            let rows = self.shared.store.read()?;
            for (no, chat) in chats_with(&rows, self.node)? {
                let count = chats::chat(&rows, no)?.map_or(0, |row| row.count);
                if self.counts.get(&no) != Some(&count) {
                    counts.insert(no, count);
                    changed.push((no, chat));
                }
            }
        }
        for part in changed.chunks(limits::SUMMARY_ROWS) {
            let summary = {
                let rows = self.shared.store.read()?;
                let mut summary = Vec::with_capacity(part.len());
                for (no, chat) in part {
                    let digest =
                        digest_from(digest(&events::heads(&rows, *no)?), self.shared.node_id);
                    summary.push(SummaryRow {
                        topic: chat_topic(chat.chat),
                        digest,
                    });
                }
                summary
            };
            let request = LogRequest::Summary(summary).encode();
            let answer = self
                .shared
                .network
                .request(self.node, Protocol::Log, request)
                .await?;
            let Ok(LogAnswer::Differ(topics)) = LogAnswer::decode(&answer) else {
                return Err(Pause::Later);
            };
            for (no, chat) in part {
                // What does not count is in no digest, and may lack all the same.
                let lacks =
                    || Ok(!events::missing_ids(&self.shared.store.read()?, *no, 1)?.is_empty());
                if !topics.contains(&chat_topic(chat.chat))
                    && !lacks().map_err(|e: StoreError| Pause::from(e))?
                {
                    continue;
                }
                // One chat that cannot be compared does not hold up the others: what is own is
                // pushed by its acks, what is theirs they push.
                let Ok(heads) = fetch::sync_chat(&self.shared, self.node, chat).await else {
                    counts.remove(no);
                    all = false;
                    continue;
                };
                if heads.is_empty() {
                    self.name_chat(*no, chat).await?;
                }
                let rows = self.shared.store.read()?;
                for (feed_no, feed) in events::feeds(&rows, *no)? {
                    let theirs = heads
                        .iter()
                        .find(|h| (h.author, h.home, h.lane) == (feed.author, feed.home, feed.lane))
                        .map_or(0, |h| h.seq.saturating_add(1));
                    if users::lives_here(&rows, feed.author)?
                        && theirs < self.cursor(&rows, feed_no)?
                    {
                        self.cursors.insert(feed_no, theirs);
                    }
                }
            }
        }
        self.counts.extend(counts);
        Ok(all)
    }
}

impl Delivery {
    /// I7: a chat of somebody there of which nothing is there. Nobody can ask for what they have never heard of, and own events
    /// alone would make strangers of those who talk with each other: so an event of theirs names it, in a group a control event.
    async fn name_chat(&mut self, no: u32, chat: &ChatRef) -> Result<(), Pause> {
        let Some(wire) = naming(&self.shared.store.read()?, self.node, no, chat)? else {
            return Ok(());
        };
        let request = LogRequest::Push(Push {
            chat: chat.clone(),
            events: vec![serde_bytes::ByteBuf::from(wire)],
        });
        // The answer says nothing: what is below it lacks there, and is asked for.
        self.exchange(&request.encode()).await?;
        Ok(())
    }
}

/// The event that names a chat to a node which does not know it; none = nothing must, or can.
fn naming(
    rows: &impl Rows,
    node: NodeId,
    no: u32,
    chat: &ChatRef,
) -> Result<Option<Vec<u8>>, StoreError> {
    let theirs = homes::living_on(rows, node)?;
    for user in chat.users.iter().flat_map(|(a, b)| [*a, *b]) {
        // Whoever has blocked them brings them nothing.
        if chats::inbox(rows, user, no)?.is_some_and(|inbox| inbox.state == 3) {
            return Ok(None);
        }
    }
    let wanted = if chat.users.is_some() { 2 } else { 0 };
    let mut feeds = events::feeds(rows, no)?;
    feeds.retain(|(_, feed)| {
        feed.lane == wanted
            && feed.whole > 0
            && (chat.users.is_none() || theirs.contains(&feed.author))
    });
    let Some((feed_no, feed)) = feeds.into_iter().max_by_key(|(_, feed)| feed.whole_ts) else {
        return Ok(None);
    };
    events::wire(rows, feed_no, feed.whole - 1, 0)
}

/// Not awaited: the next push need not wait until the marks are kept.
fn keep_marks(shared: &Arc<Shared>, node: NodeId, verdicts: Vec<Verdict>, moved: Vec<Acked>) {
    let shared = shared.clone();
    tokio::spawn(async move {
        let _ = shared
            .inputs
            .run(From::Others, move |turn| {
                remote::judged(turn, node, &verdicts)?;
                remote::acked(turn, node, &moved)
            })
            .await;
    });
}
