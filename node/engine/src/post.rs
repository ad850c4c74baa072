//! Leaving mail for nodes that are away (S11): what a delivery would push, sealed, at the mailboxes that
//! the other node has named. It never counts as delivered; the acks alone move on what a node has. What
//! already lies in a mailbox is noted durably, so that it is not left there twice.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chater_protocol::id::{ChatId, NodeId};
use chater_protocol::identity::NodeCard;
use chater_protocol::limits;
use chater_protocol::mail::{Deposit, MailAnswer, MailRequest, No};
use chater_protocol::wire::ChatRef;
use chater_store::mail::{self, DepositRow};
use chater_store::{Rows, StoreError, nodes, outbox};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use crate::actor::From;
use crate::deliver::Fresh;
use crate::letters::{EVENTS, FEEDS, RECEIPTS, write};
use crate::mail::{ask, ask_cards};
use crate::needs::needs;
use crate::shared::{Shared, lock};

/// A node that has gone is waited for so long: it may only be starting anew.
const AWAY: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 3_000 });
/// Tries after a failure, from and to.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(300);
/// A mailbox that is full is left alone for so long.
const FULL: Duration = Duration::from_millis(if cfg!(test) { 2_500 } else { 300_000 });
/// A letter lies for so long at least, whatever its mailbox says: else it would be left there again and again.
const LIES_MS: u64 = if cfg!(test) { 1_000 } else { 60 * 60 * 1000 };
/// Nobody sleeps longer than this before looking whether what was left has run out.
const LOOK: Duration = Duration::from_secs(24 * 60 * 60);
/// Nodes for which mail is left at once.
const AT_ONCE: usize = 8;

/// What is to be left for one node, besides what tells it what has come.
#[derive(Debug, Default, Clone)]
pub(crate) struct Due {
    /// Everything that it lacks.
    pub(crate) all: bool,
    /// These feeds.
    pub(crate) feeds: BTreeSet<u32>,
}

impl Due {
    pub(crate) fn is_nothing(&self) -> bool {
        !self.all && self.feeds.is_empty()
    }
}

/// What is held in memory of it.
pub(crate) struct Post {
    /// Mailboxes that other nodes have named.
    boxes: Mutex<HashMap<NodeId, Vec<NodeId>>>,
    due: Mutex<BTreeMap<NodeId, Due>>,
    /// Nodes that something waits for, and of which no mailbox is known.
    strangers: Mutex<BTreeSet<NodeId>>,
    /// When mailboxes were last asked for those.
    asked: Mutex<HashMap<NodeId, Instant>>,
    busy: Mutex<BTreeSet<NodeId>>,
    /// When nodes went; of others it counts from the start.
    gone: Mutex<HashMap<NodeId, Instant>>,
    started: Instant,
    /// Chats of which a node that is away does not know yet what has come of it.
    pub(crate) receipts: Mutex<BTreeMap<NodeId, BTreeMap<ChatId, ChatRef>>>,
    /// A mailbox said no for a node: it is left alone until then.
    shut: Mutex<HashMap<(NodeId, NodeId), Instant>>,
    pauses: Mutex<HashMap<NodeId, Duration>>,
    /// When something is to be left for a node again: after a failure, when a mailbox is no longer shut, when a letter ran out.
    again: Mutex<BTreeMap<NodeId, Instant>>,
    room: Arc<Semaphore>,
    wake: Notify,
}

impl Post {
    pub(crate) fn load(rows: &impl Rows) -> Result<Self, StoreError> {
        let mut boxes = HashMap::new();
        let mut due = BTreeMap::new();
        for card in mail::cards(rows)? {
            if !card.mailboxes.is_empty() {
                due.insert(
                    card.node,
                    Due {
                        all: true,
                        feeds: BTreeSet::new(),
                    },
                );
                boxes.insert(card.node, card.mailboxes);
            }
        }
        Ok(Self {
            boxes: Mutex::new(boxes),
            due: Mutex::new(due),
            strangers: Mutex::default(),
            asked: Mutex::default(),
            busy: Mutex::default(),
            gone: Mutex::default(),
            started: Instant::now(),
            receipts: Mutex::default(),
            shut: Mutex::default(),
            pauses: Mutex::default(),
            again: Mutex::default(),
            room: Arc::new(Semaphore::new(AT_ONCE)),
            wake: Notify::new(),
        })
    }

    /// A fresh event for a node that is not connected.
    pub(crate) fn fresh(&self, node: NodeId, fresh: &Fresh) {
        if !lock(&self.boxes).contains_key(&node) {
            let mut strangers = lock(&self.strangers);
            if strangers.len() < limits::MAIL_CARDS {
                strangers.insert(node);
                self.wake.notify_one();
            }
            return;
        }
        let mut due = lock(&self.due);
        let due = due.entry(node).or_default();
        if due.feeds.len() >= FEEDS {
            due.all = true;
        } else if !due.all {
            due.feeds.insert(fresh.feed_no);
        }
        self.wake.notify_one();
    }

    /// A card of another node tells of its mailboxes.
    pub(crate) fn learned(&self, card: &NodeCard) {
        let changed = {
            let mut boxes = lock(&self.boxes);
            let before = boxes.get(&card.node);
            let changed = before.map_or(&[][..], Vec::as_slice) != card.mailboxes.as_slice();
            if card.mailboxes.is_empty() {
                boxes.remove(&card.node);
            } else {
                boxes.insert(card.node, card.mailboxes.clone());
            }
            changed
        };
        if changed {
            lock(&self.shut).retain(|(node, _), _| *node != card.node);
            self.all(card.node);
        }
    }

    /// A node is known no more.
    pub(crate) fn forgotten(&self, node: NodeId) {
        lock(&self.boxes).remove(&node);
        lock(&self.due).remove(&node);
        lock(&self.again).remove(&node);
        lock(&self.gone).remove(&node);
        lock(&self.receipts).remove(&node);
    }

    /// Whether mail for anybody is left at that node.
    pub(crate) fn leaves_at(&self, mailbox: NodeId) -> bool {
        lock(&self.boxes)
            .values()
            .any(|boxes| boxes.contains(&mailbox))
    }

    fn all(&self, node: NodeId) {
        if lock(&self.boxes).contains_key(&node) {
            lock(&self.due).entry(node).or_default().all = true;
            self.wake.notify_one();
        }
    }

    /// Something is to be left for that node at that time, if not before.
    fn later(&self, node: NodeId, at: Instant) {
        let mut again = lock(&self.again);
        let next = again.entry(node).or_insert(at);
        *next = (*next).min(at);
        drop(again);
        self.wake.notify_one();
    }

    /// Everything is due for the nodes whose time has come; gives when that of the next one comes.
    fn come(&self) -> Option<Instant> {
        let now = Instant::now();
        let come: Vec<NodeId> = {
            let again = lock(&self.again);
            let come = again.iter().filter(|(_, at)| **at <= now);
            come.map(|(node, _)| *node).collect()
        };
        for node in come {
            lock(&self.again).remove(&node);
            self.all(node);
        }
        lock(&self.again).values().min().copied()
    }

    /// A node came. As a mailbox it takes what waits for others.
    pub(crate) fn met(&self, shared: &Shared, peer: NodeId) {
        lock(&self.gone).remove(&peer);
        lock(&self.shut).retain(|(_, mailbox), _| *mailbox != peer);
        let served: Vec<NodeId> = lock(&self.boxes)
            .iter()
            .filter(|(node, boxes)| boxes.contains(&peer) && !shared.is_linked(**node))
            .map(|(node, _)| *node)
            .collect();
        for node in served {
            lock(&self.pauses).remove(&node);
            self.all(node);
        }
    }

    /// A node went.
    pub(crate) fn left(&self, peer: NodeId) {
        lock(&self.gone).insert(peer, Instant::now());
        self.all(peer);
    }

    /// Something of that node has been taken in: it is told so by a letter, unless it comes itself.
    pub(crate) fn receipt(&self, node: NodeId, chat: ChatRef) {
        if !lock(&self.boxes).contains_key(&node) {
            return;
        }
        self.owe(node, chat);
        lock(&self.due).entry(node).or_default();
        self.wake.notify_one();
    }

    fn owe(&self, node: NodeId, chat: ChatRef) {
        let mut receipts = lock(&self.receipts);
        let chats = receipts.entry(node).or_default();
        if chats.len() < RECEIPTS {
            chats.insert(chat.chat, chat);
        }
    }

    /// Nodes that are away, for which something waits, and of which no mailbox is known.
    pub(crate) fn without_boxes(&self, shared: &Shared) -> Result<Vec<NodeId>, StoreError> {
        let rows = shared.store.read()?;
        let mut found = Vec::new();
        for (node, row) in nodes::all(&rows)? {
            let known = shared.is_linked(node) || lock(&self.boxes).contains_key(&node);
            if known || shared.refuses(node) {
                continue;
            }
            for need in needs(&rows, node)? {
                let acked = outbox::acked(&rows, need.feed_no, row.no)?;
                if acked.map_or(0, |seq| seq + 1) < need.whole {
                    found.push(node);
                    break;
                }
            }
            if found.len() >= limits::MAIL_CARDS * 4 {
                break;
            }
        }
        Ok(found)
    }

    fn away_for(&self, node: NodeId) -> Duration {
        let since = lock(&self.gone).get(&node).copied();
        since.unwrap_or(self.started).elapsed()
    }
}

/// Leaves mail until the node stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    // Those who are there will have come by then.
    tokio::time::sleep(AWAY).await;
    loop {
        let next = shared.post.come();
        let ready: Vec<(NodeId, Due)> = {
            let (mut due, mut busy) = (lock(&shared.post.due), lock(&shared.post.busy));
            let ready: Vec<NodeId> = due
                .keys()
                .filter(|node| !busy.contains(*node))
                .copied()
                .collect();
            ready
                .into_iter()
                .filter_map(|node| {
                    let due = due.remove(&node)?;
                    busy.insert(node);
                    Some((node, due))
                })
                .collect()
        };
        for (node, due) in ready {
            let shared = shared.clone();
            tokio::spawn(async move {
                one(&shared, node, due).await;
                lock(&shared.post.busy).remove(&node);
                shared.post.wake.notify_one();
            });
        }
        ask_around(&shared);
        let woken = shared.post.wake.notified();
        match next {
            Some(next) => {
                let _ = tokio::time::timeout_at(next, woken).await;
            }
            None => woken.await,
        }
    }
}

/// Asks the connected mailboxes whether they serve nodes that something waits for.
fn ask_around(shared: &Arc<Shared>) {
    let mut strangers = std::mem::take(&mut *lock(&shared.post.strangers));
    {
        let mut asked = lock(&shared.post.asked);
        asked.retain(|_, at| at.elapsed() < RETRY_MAX);
        strangers.retain(|node| !asked.contains_key(node));
        asked.extend(strangers.iter().map(|node| (*node, Instant::now())));
    }
    if strangers.is_empty() {
        return;
    }
    let shared = shared.clone();
    tokio::spawn(async move {
        let strangers: Vec<NodeId> = strangers.into_iter().collect();
        let cards = shared.store.read().and_then(|rows| mail::cards(&rows));
        for card in cards.unwrap_or_default() {
            if card.caps & NodeCard::MAILBOX != 0 && shared.is_linked(card.node) {
                ask_cards(&shared, card.node, strangers.clone()).await;
            }
        }
    });
}

/// Everything due for one node; what fails is tried again.
async fn one(shared: &Arc<Shared>, node: NodeId, due: Due) {
    // To a node that is shut out nothing is said, in whatever way.
    if shared.refuses(node) {
        return;
    }
    let waits = AWAY.saturating_sub(shared.post.away_for(node));
    if stops_within(shared, waits).await {
        return;
    }
    if shared.is_linked(node) {
        // It is brought directly.
        lock(&shared.post.receipts).remove(&node);
        return;
    }
    let left = {
        let Ok(_room) = shared.post.room.clone().acquire_owned().await else {
            return;
        };
        leave(shared, node, &due).await
    };
    let again = match left {
        Ok(again) => {
            lock(&shared.post.pauses).remove(&node);
            again
        }
        Err(reason) => {
            tracing::debug!(%reason, node = %node.short(), "mail was not left");
            let mut pauses = lock(&shared.post.pauses);
            let pause = pauses.entry(node).or_insert(RETRY / 2);
            *pause = (*pause * 2).min(RETRY_MAX);
            Some(Instant::now() + *pause)
        }
    };
    if let Some(again) = again {
        shared.post.later(node, again);
    }
}

/// Waits; whether the node stopped meanwhile.
async fn stops_within(shared: &Shared, pause: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(pause) => false,
        () = shared.stopping.wait() => true,
    }
}

/// Leaves what is due at every mailbox of the node that is connected; gives when it is to be looked at again.
async fn leave(shared: &Arc<Shared>, node: NodeId, due: &Due) -> Result<Option<Instant>, String> {
    let boxes = lock(&shared.post.boxes)
        .get(&node)
        .cloned()
        .unwrap_or_default();
    let (mut failed, mut again) = (None, None);
    for mailbox in boxes {
        // What this node itself keeps for others it has in its own log.
        if mailbox == shared.node_id || !shared.is_linked(mailbox) {
            continue;
        }
        let shut = lock(&shared.post.shut).get(&(node, mailbox)).copied();
        let next = match shut.filter(|until| *until > Instant::now()) {
            Some(until) => Ok(Some(until)),
            None => leave_at(shared, node, mailbox, due).await,
        };
        match next {
            Ok(next) => again = again.into_iter().chain(next).min(),
            Err(reason) => failed = Some(reason),
        }
    }
    failed.map_or(Ok(again), Err)
}

/// Leaves what is due at one mailbox; gives when something can be left there again, or has to be since it ran out.
async fn leave_at(
    shared: &Arc<Shared>,
    node: NodeId,
    mailbox: NodeId,
    due: &Due,
) -> Result<Option<Instant>, String> {
    let mut most = EVENTS;
    while !shared.is_linked(node) {
        let written = {
            let (shared, due) = (shared.clone(), due.clone());
            tokio::task::spawn_blocking(move || write(&shared, node, mailbox, &due, most))
                .await
                .map_err(|error| error.to_string())?
                .map_err(|error| error.to_string())?
        };
        let written = match written {
            Ok(written) => written,
            Err(until_ms) => return Ok(until_ms.map(|until_ms| over(shared, until_ms))),
        };
        let request = MailRequest::Deposit(Deposit {
            to: node,
            bundle: written.bundle,
        });
        let answer = ask(shared, mailbox, &request).await;
        if !matches!(answer, Ok(MailAnswer::Kept(_)))
            && let Some(chat) = written.receipt
        {
            shared.post.owe(node, chat);
        }
        match answer? {
            MailAnswer::Kept(until) => note(shared, node, mailbox, written.marks, until).await?,
            MailAnswer::Refused(why) => match No::from(why) {
                // A smaller letter may fit.
                No::Full if most > 1 => most /= 4,
                No::Full => return Ok(Some(shut(shared, node, mailbox, FULL))),
                // Until it comes again, or the other node names it anew.
                No::Unwanted => return Ok(Some(shut(shared, node, mailbox, RETRY_MAX * 12))),
                No::Later => return Err("not now".to_owned()),
            },
            _ => return Err("another answer".to_owned()),
        }
    }
    Ok(None)
}

/// A mailbox is left alone for that node; gives until when.
fn shut(shared: &Shared, node: NodeId, mailbox: NodeId, pause: Duration) -> Instant {
    let until = Instant::now() + pause;
    lock(&shared.post.shut).insert((node, mailbox), until);
    until
}

/// When a letter that is kept until then is looked after: a second past its end.
fn over(shared: &Shared, until_ms: u64) -> Instant {
    let left = until_ms.saturating_sub(shared.now_ms());
    Instant::now() + Duration::from_millis(left.saturating_add(1_000)).min(LOOK)
}

/// Notes durably what lies there now.
async fn note(
    shared: &Arc<Shared>,
    node: NodeId,
    mailbox: NodeId,
    marks: Vec<(u32, u64)>,
    until_ms: u64,
) -> Result<(), String> {
    shared
        .inputs
        .run(From::Others, move |turn| {
            let node_no = nodes::ensure(turn.tx, node, 2, turn.now_ms)?.no;
            let mailbox_no = nodes::ensure(turn.tx, mailbox, 2, turn.now_ms)?.no;
            let until_ms = until_ms.max(turn.now_ms.saturating_add(LIES_MS));
            turn.durable();
            for (feed_no, up_to) in marks {
                let row = DepositRow {
                    v: 1,
                    up_to,
                    at_ms: turn.now_ms,
                    until_ms,
                };
                mail::put_deposit(turn.tx, feed_no, node_no, mailbox_no, &row)?;
            }
            Ok(())
        })
        .await
        .map_err(|error| error.to_string())
}
