//! Asking a peer for what lacks here: identities, parts of feeds, keys (S6, K7). Everything fetched
//! goes in by the same door as what is pushed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chater_network::{Protocol, RequestError};
use chater_protocol::chat::direct;
use chater_protocol::event::{Feed, Lane, VerifiedEvent, WireEvent};
use chater_protocol::heads::{HeadRow, lacking};
use chater_protocol::id::{ChatId, EventId, HomeId, KeyId, NodeId, UserId};
use chater_protocol::identity::{HomeRecord, KemCard, ProfileCard};
use chater_protocol::limits;
use chater_protocol::wire::{
    Ack, ChatRef, Get, Identities, KeyRequest, LogAnswer, LogRequest, Message, Range,
};
use chater_store::{Rows as _, StoreError, chats, events, groups, homes, users};

use crate::actor::{From, now_ms};
use crate::backlog;
use crate::fills::{self, Filling};
use crate::needs::chats_with;
use crate::remote::{self, Taken, Verified};
use crate::shared::{Shared, lock};

/// Fewer events than this are verified on the spot; more go to the blocking threads.
const FEW: usize = 4;

/// People found by searches whose cards are asked for anew when their node is met.
const REMEMBERED: usize = 256;
/// Unknown authors of one batch that are asked for.
const WRITERS: usize = 1_024;
/// Rounds of asking for events by id in one comparison: a branch that something names may be so long, and comes from its
/// end down.
const ROUNDS: usize = 64;
/// The newest events of a long feed that come before the others: a page and some changes.
const NEWEST: u64 = 63;
/// A chat whose gap was not closed is left alone for so long, then twice as long, up to the last.
const AGAIN_MS: u64 = 500;
const AGAIN_MAX_MS: u64 = 5 * 60 * 1000;
/// Chats and peers of which that is remembered.
const SYNCS: usize = 4_096;

/// One chat with one peer.
#[derive(Default)]
struct Sync {
    running: bool,
    /// Wanted again while it ran.
    again: bool,
    next_ms: u64,
    pause_ms: u64,
}

/// Comparisons that gaps asked for: one at a time, and ever more rarely when it does not help. An event
/// may name what does not exist (threats B19).
#[derive(Default)]
pub(crate) struct Syncs(HashMap<(NodeId, ChatId), Sync>);

/// Closes a gap of a chat by asking the peer that showed it.
pub(crate) fn close_gap(shared: &Arc<Shared>, node: NodeId, chat: ChatRef) {
    let key = (node, chat.chat);
    {
        let mut syncs = lock(&shared.syncs);
        if syncs.0.len() >= SYNCS && !syncs.0.contains_key(&key) {
            syncs.0.retain(|_, sync| sync.running);
        }
        let sync = syncs.0.entry(key).or_default();
        if sync.running {
            sync.again = true;
            return;
        }
        if now_ms() < sync.next_ms {
            return;
        }
        sync.running = true;
    }
    let shared = shared.clone();
    tokio::spawn(async move {
        loop {
            let _ = sync_chat(&shared, node, &chat).await;
            let gap = has_gap(&shared, &chat);
            let mut syncs = lock(&shared.syncs);
            if !gap {
                syncs.0.remove(&key);
                return;
            }
            let Some(sync) = syncs.0.get_mut(&key) else {
                return;
            };
            sync.pause_ms = (sync.pause_ms * 2).clamp(AGAIN_MS, AGAIN_MAX_MS);
            sync.next_ms = now_ms().saturating_add(sync.pause_ms);
            if !std::mem::take(&mut sync.again) || sync.pause_ms > AGAIN_MS * 2 {
                sync.running = false;
                return;
            }
        }
    });
}

fn has_gap(shared: &Shared, chat: &ChatRef) -> bool {
    let look = || {
        let rows = shared.store.read()?;
        let Some(no) = chats::number(&rows, chat.chat)? else {
            return Ok(false);
        };
        Ok::<_, StoreError>(
            !events::missing_ids(&rows, no, 1)?.is_empty()
                || chats::keys(&rows, no)?
                    .iter()
                    .any(|(_, k)| k.sealed.is_none()),
        )
    };
    look().unwrap_or(false)
}

pub(crate) async fn ask(
    shared: &Shared,
    node: NodeId,
    request: &LogRequest,
) -> Result<LogAnswer, RequestError> {
    let answer = shared
        .network
        .request(node, Protocol::Log, request.encode())
        .await?;
    LogAnswer::decode(&answer).map_err(|e| RequestError::Failed(e.to_string()))
}

/// Checks every signature of records a peer gave; those that fail are dropped and counted.
pub(crate) fn verify_identities(shared: &Shared, given: &Identities) -> Verified {
    let mut verified = Verified::default();
    for signed in given.homes.iter().take(limits::IDS * 8) {
        match HomeRecord::open(signed) {
            Ok(record) => verified.homes.push((record, signed.clone())),
            Err(reason) => tracing::debug!(%reason, "home record refused"),
        }
    }
    let home_of = |verified: &Verified, user: UserId, home: HomeId| {
        let given = verified
            .homes
            .iter()
            .find(|(r, _)| r.user == user && r.id() == home)
            .map(|(r, _)| r.clone());
        given.or_else(|| known_home(shared, user, home).map(|r| HomeRecord::clone(&r)))
    };
    for signed in given.kems.iter().take(limits::IDS * 8) {
        let Ok(claim) = KemCard::from_store(signed) else {
            continue;
        };
        if let Some(home) = home_of(&verified, claim.user, claim.home)
            && let Ok(card) = KemCard::open(signed, &home)
        {
            verified.kems.push((card, signed.clone()));
        }
    }
    for signed in given.profiles.iter().take(limits::IDS) {
        let Ok(claim) = ProfileCard::from_store(signed) else {
            continue;
        };
        if let Some(home) = home_of(&verified, claim.user, claim.home)
            && let Ok(card) = ProfileCard::open(signed, &home)
        {
            verified.profiles.push((card, signed.clone()));
        }
    }
    verified
}

/// The record of a home, from memory or the store.
pub(crate) fn known_home(shared: &Shared, user: UserId, home: HomeId) -> Option<Arc<HomeRecord>> {
    if let Some(record) = lock(&shared.homes).get(&home).filter(|r| r.user == user) {
        return Some(record);
    }
    let rows = shared.store.read().ok()?;
    let record = Arc::new(homes::home(&rows, user, home).ok().flatten()?);
    lock(&shared.homes).keep(rows.turn(), home, record.clone());
    Some(record)
}

/// Asks a peer for all it knows of some users and keeps what verifies. `vouched`: a group names them.
pub(crate) async fn identities(
    shared: &Arc<Shared>,
    node: NodeId,
    users: Vec<UserId>,
    vouched: bool,
) -> bool {
    let request = LogRequest::Identity(users);
    let Ok(LogAnswer::Identities(mut given)) = ask(shared, node, &request).await else {
        return false;
    };
    let LogRequest::Identity(users) = request else {
        return false;
    };
    only(&mut given, &users.into_iter().collect());
    keep_identities(shared, node, given, vouched)
        .await
        .is_some()
}

/// Leaves out whoever was not asked for: a peer could fill the disk with people nobody knows.
pub(crate) fn only(given: &mut Identities, users: &BTreeSet<UserId>) {
    given.homes.retain(|signed| {
        HomeRecord::from_store(signed).is_ok_and(|record| users.contains(&record.user))
    });
    given
        .kems
        .retain(|signed| KemCard::from_store(signed).is_ok_and(|card| users.contains(&card.user)));
    given.profiles.retain(|signed| {
        ProfileCard::from_store(signed).is_ok_and(|card| users.contains(&card.user))
    });
}

/// Verifies off the async threads what `node` gave and keeps it; gives what verified.
pub(crate) async fn keep_identities(
    shared: &Arc<Shared>,
    node: NodeId,
    given: Identities,
    vouched: bool,
) -> Option<Verified> {
    let mut verified = {
        let shared = shared.clone();
        tokio::task::spawn_blocking(move || verify_identities(&shared, &given))
            .await
            .ok()?
    };
    verified.vouched = vouched;
    let out = verified.clone();
    shared
        .inputs
        .run(From::Others, move |turn| {
            if remote::learn(turn, node, &verified)? {
                turn.durable();
            }
            Ok(())
        })
        .await
        .ok()?;
    Some(out)
}

/// One event on its way in.
enum Checked {
    Good(Box<VerifiedEvent>),
    /// Its home is not known here.
    Unknown(UserId),
    Bad,
}

/// `often`: it may well be here already.
fn check(shared: &Shared, wire: &[u8], often: bool) -> Checked {
    let event = match WireEvent::decode(wire) {
        Ok(event) => event,
        Err(reason) => {
            tracing::debug!(%reason, "event refused");
            return Checked::Bad;
        }
    };
    if often
        && is_stored(shared, event.id(), wire)
        && let Ok(event) = VerifiedEvent::from_store(wire)
    {
        return Checked::Good(Box::new(event));
    }
    let (author, home) = (event.header().author, event.header().home);
    let Some(home) = known_home(shared, author, home) else {
        return Checked::Unknown(author);
    };
    match event.verify(&home) {
        Ok(event) => Checked::Good(Box::new(event)),
        Err(reason) => {
            tracing::debug!(%reason, "event refused");
            Checked::Bad
        }
    }
}

/// Whether an event is here already, byte for byte: it was checked when it came.
fn is_stored(shared: &Shared, id: EventId, wire: &[u8]) -> bool {
    let look = || {
        let rows = shared.store.read()?;
        let Some(at) = events::find(&rows, id)? else {
            return Ok(false);
        };
        let stored = events::wire(&rows, at.feed_no, at.seq, at.branch)?;
        Ok::<_, StoreError>(stored.is_some_and(|stored| stored == wire))
    };
    look().unwrap_or(false)
}

async fn check_all(
    shared: &Arc<Shared>,
    wires: Arc<Vec<serde_bytes::ByteBuf>>,
    often: bool,
) -> Vec<Checked> {
    if wires.len() <= FEW {
        return wires
            .iter()
            .map(|wire| check(shared, wire, often))
            .collect();
    }
    // On all cores: signatures are the most of it.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let each = wires.len().div_ceil(cores).max(FEW);
    let parts = (0..wires.len()).step_by(each).map(|from| {
        let (shared, wires) = (shared.clone(), wires.clone());
        tokio::task::spawn_blocking(move || {
            let part = wires.iter().skip(from).take(each);
            part.map(|wire| check(&shared, wire, often))
                .collect::<Vec<_>>()
        })
    });
    let mut checked = Vec::with_capacity(wires.len());
    for part in futures::future::join_all(parts).await {
        checked.extend(part.unwrap_or_default());
    }
    checked
}

/// Takes events of a chat in, whatever way they came: decodes, verifies, asks for identities that lack,
/// commits. The answer has one ack per event, in order. Whatever they name that is not here is fetched.
pub(crate) async fn take_in(
    shared: &Arc<Shared>,
    node: NodeId,
    chat: ChatRef,
    wires: Vec<serde_bytes::ByteBuf>,
) -> Taken {
    let fetched = match wires.first() {
        Some(first) => fills::wait(shared, first).await,
        None => false,
    };
    let taken = take_in_once(shared, node, &chat, wires, Came::Pushed { fetched }).await;
    let unknown_here = chat.users.is_none() && !is_here(shared, &chat);
    // A group that is not here is asked for as seldom as strangers may begin a chat.
    let may_ask = !unknown_here || lock(&shared.rates).strangers.take(&node, now_ms()).is_ok();
    if taken.gap && may_ask {
        close_gap(shared, node, chat);
    }
    taken
}

fn is_here(shared: &Shared, chat: &ChatRef) -> bool {
    let known = |rows| chats::number(&rows, chat.chat);
    matches!(shared.store.read().and_then(known), Ok(Some(_)))
}

/// How events came.
#[derive(Clone, Copy)]
enum Came {
    /// Nobody here asked for them, so they count towards their author's rate. `fetched`: their feed was being fetched.
    Pushed { fetched: bool },
    /// They were asked for.
    Asked,
}

impl Came {
    fn is_pushed(self) -> bool {
        matches!(self, Self::Pushed { .. })
    }

    /// Whether much of it may be here: several members bring the same to whoever comes late. What is pushed is new as a
    /// rule, and a look into the store for each would cost a tenth of it.
    fn often(self) -> bool {
        !matches!(self, Self::Pushed { fetched: false })
    }
}

/// As [`take_in`], without looking for gaps: for those who are closing them.
async fn take_in_once(
    shared: &Arc<Shared>,
    node: NodeId,
    chat: &ChatRef,
    wires: Vec<serde_bytes::ByteBuf>,
    came: Came,
) -> Taken {
    let batch = verified(shared, node, chat, wires, came).await;
    keep(shared, node, chat, batch).await
}

/// Events on their way in, verified.
struct Batch {
    /// In the order they came; none = not to be taken.
    events: Vec<Option<VerifiedEvent>>,
    /// Those that are to be offered again.
    waits: Vec<bool>,
    /// Some were malformed or forged.
    forged: bool,
}

/// Decodes and verifies what came, and asks for identities that lack.
async fn verified(
    shared: &Arc<Shared>,
    node: NodeId,
    chat: &ChatRef,
    mut wires: Vec<serde_bytes::ByteBuf>,
    came: Came,
) -> Batch {
    if came.is_pushed() {
        wires.truncate(limits::RANGE_EVENTS);
    }
    let count = wires.len();
    let wires = Arc::new(wires);
    let mut checked = check_all(shared, wires.clone(), came.often()).await;
    let unknown: BTreeSet<UserId> = checked
        .iter()
        .filter_map(|c| {
            if let Checked::Unknown(user) = c {
                Some(*user)
            } else {
                None
            }
        })
        .collect();
    let mut waits = vec![false; count];
    let users = welcome(shared, chat, unknown);
    if !users.is_empty() {
        // I3: the sender is asked; the event waits with the sender, who pushes it again.
        for part in users.chunks(limits::IDS) {
            identities(shared, node, part.to_vec(), chat.users.is_none()).await;
        }
        checked = check_all(shared, wires, came.often()).await;
        for (wait, c) in waits.iter_mut().zip(&checked) {
            *wait = matches!(c, Checked::Unknown(_));
        }
    }
    let forged = checked.iter().any(|c| matches!(c, Checked::Bad));
    if came.is_pushed() {
        over_rate(shared, &mut checked, &mut waits);
    }
    let events = checked.into_iter().map(|c| match c {
        Checked::Good(event) => Some(*event),
        Checked::Unknown(_) | Checked::Bad => None,
    });
    Batch {
        events: events.collect(),
        waits,
        forged,
    }
}

/// Commits what was verified: the one door for events.
async fn keep(shared: &Arc<Shared>, node: NodeId, chat: &ChatRef, batch: Batch) -> Taken {
    let Batch {
        events,
        waits,
        forged,
    } = batch;
    let named = chat.clone();
    let count = events.len();
    let taken = shared
        .inputs
        .run(From::Others, move |turn| {
            remote::accept(turn, node, &named, &events)
        })
        .await;
    let mut taken = taken.unwrap_or(Taken {
        acks: vec![Ack::Later; count],
        ..Taken::default()
    });
    taken.forged = forged;
    if !taken.unknown.is_empty() {
        // Members whose homes are not known here could be sealed nothing to.
        identities(shared, node, std::mem::take(&mut taken.unknown), true).await;
    }
    for (ack, wait) in taken.acks.iter_mut().zip(waits) {
        if wait {
            *ack = Ack::Waits;
        }
    }
    taken
}

/// S4: after the signature, or a forger would spend it, an author's rate. What is over it waits with its
/// sender, and so does all that follows in the batch: the order of a feed is kept. Whoever plays old events back spends
/// half of it at most: from there on what is known is not counted, which costs a look into the store.
fn over_rate(shared: &Shared, checked: &mut [Checked], waits: &mut [bool]) {
    let now = now_ms();
    let mut rates = lock(&shared.rates);
    for (c, wait) in checked.iter_mut().zip(waits) {
        let Checked::Good(event) = c else { continue };
        let author = event.header().author;
        if rates.authors.is_low(&author, now) && is_kept(shared, event.id()) {
            continue;
        }
        if rates.authors.take(&author, now).is_err() {
            *c = Checked::Unknown(author);
            *wait = true;
        }
    }
}

/// A feed's events from one number to another, both included, as a peer has them.
async fn range(
    shared: &Arc<Shared>,
    node: NodeId,
    chat: &ChatRef,
    feed: &Feed,
    from: u64,
    to: u64,
) -> Result<Vec<serde_bytes::ByteBuf>, ()> {
    let request = LogRequest::Range(Range {
        chat: chat.clone(),
        author: feed.author,
        home: feed.home,
        lane: feed.lane,
        from,
        to,
    });
    match ask(shared, node, &request).await {
        Ok(LogAnswer::Events(wires)) => Ok(wires),
        _ => Err(()),
    }
}

/// The feed that a head is of.
fn feed_of(chat: &ChatRef, head: &HeadRow) -> Feed {
    Feed {
        group: chat.chat,
        author: head.author,
        home: head.home,
        lane: head.lane,
    }
}

/// Compares the heads of one chat with a peer and fetches what lacks here; gives the peer's heads.
pub(crate) async fn sync_chat(
    shared: &Arc<Shared>,
    node: NodeId,
    chat: &ChatRef,
) -> Result<Vec<HeadRow>, ()> {
    let direct = direct::is_direct(chat);
    if direct.is_none() && chat.users.is_some() {
        return Err(());
    }
    let Ok(LogAnswer::Heads(mut heads)) = ask(shared, node, &LogRequest::Heads(chat.clone())).await
    else {
        return Err(());
    };
    // Feeds of others are refused anyway.
    heads.retain(|head| {
        head.lane <= 2 && direct.is_none_or(|(a, b)| head.author == a || head.author == b)
    });
    let branches = take_branches(&mut heads);
    // Control, keys, messages (S7). Of those first what the peer's own people wrote: when several members are
    // asked at once, each gives another part.
    heads.sort_by_cached_key(|head| {
        let home = known_home(shared, head.author, head.home);
        (head.lane, home.is_none_or(|home| home.node_id != node))
    });
    let mut held = Held::default();
    if direct.is_none() {
        let wires = control(shared, node, chat, &heads).await?;
        held.offer(shared, node, chat, wires).await;
    }
    let mut newest_asked = false;
    for head in &heads {
        if head.lane == Lane::Messages as u8 && !std::mem::replace(&mut newest_asked, true) {
            newest(shared, node, chat, &heads).await?;
        }
        let feed = feed_of(chat, head);
        fill(shared, node, chat, head).await?;
        // I7: a peer that has events of an own feed above a fork does not tell so by its head.
        if let Some((from, to)) = own_beyond(shared, chat, head)
            && let Ok(wires) = range(shared, node, chat, &feed, from, to).await
            && !wires.is_empty()
        {
            take_in_once(shared, node, chat, wires, Came::Asked).await;
        }
    }
    // A feed that forks at its very beginning has no head at all.
    for feed in replaced(shared, chat) {
        if heads
            .iter()
            .any(|head| (head.home, head.lane) == (feed.home, feed.lane))
        {
            continue;
        }
        let to = limits::RANGE_EVENTS as u64 - 1;
        if let Ok(wires) = range(shared, node, chat, &feed, 0, to).await
            && !wires.is_empty()
        {
            take_in_once(shared, node, chat, wires, Came::Asked).await;
        }
    }
    // S5: heads of one seq with another id are a fork, as are branches told of; what is named and not here lacks. All by
    // `Get`.
    let mut named: Vec<EventId> = heads.iter().map(|head| head.id).collect();
    named.extend(branches);
    let (mut before, mut waited) = (Vec::new(), !held.lacks.is_empty());
    for _ in 0..ROUNDS {
        let ids = lacking_ids(shared, chat, &held.lacks, &named);
        if ids.is_empty() || ids == before {
            break;
        }
        let request = LogRequest::Get(Get {
            chat: chat.clone(),
            ids: ids.clone(),
        });
        let Ok(LogAnswer::Events(wires)) = ask(shared, node, &request).await else {
            return Err(());
        };
        if wires.is_empty() {
            break;
        }
        held.offer(shared, node, chat, wires).await;
        waited |= !held.lacks.is_empty();
        before = ids;
    }
    if waited {
        // What had waited besides those may be had now.
        for head in &heads {
            fill(shared, node, chat, head).await?;
        }
    }
    ask_keys(shared, node, chat).await;
    Ok(heads)
}

/// Events of a peer that wait for control events which it had not sent with them: kept until these are here as well.
#[derive(Default)]
struct Held {
    wires: Vec<serde_bytes::ByteBuf>,
    lacks: Vec<EventId>,
}

impl Held {
    /// Takes in what has come, together with all that waits.
    async fn offer(
        &mut self,
        shared: &Arc<Shared>,
        node: NodeId,
        chat: &ChatRef,
        mut wires: Vec<serde_bytes::ByteBuf>,
    ) {
        wires.append(&mut self.wires);
        if wires.is_empty() {
            return;
        }
        let taken = take_in_once(shared, node, chat, wires.clone(), Came::Asked).await;
        self.lacks = taken.lacks;
        if !self.lacks.is_empty() {
            let waits = wires.into_iter().zip(taken.acks);
            let waits = waits.filter(|(_, ack)| *ack == Ack::Waits);
            self.wires.extend(waits.map(|(wire, _)| wire));
            self.wires.truncate(limits::WAITING_HOME);
        }
    }
}

/// Takes the first events of branches out of the heads of a peer. It tells those of a fork beside the head that ends below
/// it: several rows of one feed, of which the lowest is the head if it stands alone.
fn take_branches(heads: &mut Vec<HeadRow>) -> Vec<EventId> {
    heads.sort_unstable();
    let (mut plain, mut branches) = (Vec::with_capacity(heads.len()), Vec::new());
    for feed in heads.chunk_by(|a, b| (a.author, a.home, a.lane) == (b.author, b.home, b.lane)) {
        let is_head = |at: &HeadRow| feed.iter().filter(|row| row.seq == at.seq).count() == 1;
        let head = feed.first().filter(|first| is_head(first));
        plain.extend(head.cloned());
        let rest = feed.iter().skip(usize::from(head.is_some()));
        branches.extend(rest.map(|row| row.id));
    }
    *heads = plain;
    branches
}

/// A part of a feed as a peer has it, verified.
async fn fetched(
    shared: &Arc<Shared>,
    node: NodeId,
    chat: &ChatRef,
    feed: &Feed,
    (from, to): (u64, u64),
) -> Result<Batch, ()> {
    let wires = range(shared, node, chat, feed, from, to).await?;
    Ok(verified(shared, node, chat, wires, Came::Asked).await)
}

/// Takes in all that lacks of a feed. The next part is asked for and verified while one is kept: the writer has one
/// thread, and signatures are as much work as all it does.
async fn fill(
    shared: &Arc<Shared>,
    node: NodeId,
    chat: &ChatRef,
    head: &HeadRow,
) -> Result<(), ()> {
    let feed = feed_of(chat, head);
    let (mut ahead, mut from_top) = (None, false);
    // A peer that pushes what is fetched here already brings it twice.
    let far =
        what_lacks(shared, chat, head).is_some_and(|(from, _)| head.seq - from >= backlog::LONG);
    let _filling = far.then(|| Filling::of(shared, feed));
    while let Some((from, to)) = what_lacks(shared, chat, head) {
        let batch = match ahead.take() {
            Some((at, batch)) if at == from => batch,
            _ => fetched(shared, node, chat, &feed, (from, to)).await,
        }?;
        if batch.events.is_empty() {
            break;
        }
        let next = from.saturating_add(batch.events.len() as u64);
        let next = lacking(next, head.seq, limits::RANGE_EVENTS as u64);
        let coming = async {
            let next = next?;
            Some((next.0, fetched(shared, node, chat, &feed, next).await))
        };
        let kept = keep(shared, node, chat, batch);
        (_, ahead) = futures::join!(kept, coming);
        // A server that gives nothing new is not asked for ever. What does not count is kept once what counts
        // above it is here (M6).
        if what_lacks(shared, chat, head).is_some_and(|(next, _)| next == from) {
            if std::mem::replace(&mut from_top, true) || is_kept(shared, head.id) {
                break;
            }
            let top = head.seq.saturating_sub(NEWEST).max(from);
            let wires = range(shared, node, chat, &feed, top, head.seq).await?;
            take_in_once(shared, node, chat, wires, Came::Asked).await;
            ahead = None;
        }
    }
    Ok(())
}

/// S7: of feeds that are long the newest events before all others, enough for a page: whoever comes late reads
/// what is said now while the rest still comes.
async fn newest(
    shared: &Arc<Shared>,
    node: NodeId,
    chat: &ChatRef,
    heads: &[HeadRow],
) -> Result<(), ()> {
    for head in heads
        .iter()
        .filter(|head| head.lane == Lane::Messages as u8)
    {
        let Some((from, _)) = what_lacks(shared, chat, head) else {
            continue;
        };
        // What two answers hold is here soon anyway, and a tail that is here need not come again.
        let far = head.seq.saturating_sub(from) > 2 * limits::RANGE_EVENTS as u64;
        if !far || is_kept(shared, head.id) {
            continue;
        }
        let feed = feed_of(chat, head);
        let wires = range(shared, node, chat, &feed, head.seq - NEWEST, head.seq).await?;
        take_in_once(shared, node, chat, wires, Came::Asked).await;
    }
    Ok(())
}

fn is_kept(shared: &Shared, id: EventId) -> bool {
    let look = |rows| events::find(&rows, id);
    shared
        .store
        .read()
        .and_then(look)
        .is_ok_and(|found| found.is_some())
}

/// Control events of one group that are taken in at once.
const CONTROL: usize = 20_000;

/// S7: the control events of a group first and together, whatever feed they stand in: each waits for its
/// past, and those of a group that is not here yet prove only together that somebody here is in it. Gives what there is.
async fn control(
    shared: &Arc<Shared>,
    node: NodeId,
    chat: &ChatRef,
    heads: &[HeadRow],
) -> Result<Vec<serde_bytes::ByteBuf>, ()> {
    let mut wires = Vec::new();
    for head in heads.iter().filter(|head| head.lane == 0) {
        let mut next = what_lacks(shared, chat, head).map(|(from, _)| from);
        while let Some(from) = next {
            let Some((from, to)) = lacking(from, head.seq, limits::RANGE_EVENTS as u64) else {
                break;
            };
            let feed = feed_of(chat, head);
            let part = range(shared, node, chat, &feed, from, to).await?;
            if part.is_empty() || wires.len() + part.len() > CONTROL {
                break;
            }
            // Branches of a fork come beside each other: no more than were asked for may lack.
            next = Some(to.saturating_add(1));
            wires.extend(part);
        }
    }
    Ok(wires)
}

/// Events to ask for by id, at most as many as one request may name: those that others wait for, what lacks, what is named.
fn lacking_ids(
    shared: &Shared,
    chat: &ChatRef,
    waited_for: &[EventId],
    named: &[EventId],
) -> Vec<EventId> {
    let look = || {
        let rows = shared.store.read()?;
        let Some(no) = chats::number(&rows, chat.chat)? else {
            return Ok(Vec::new());
        };
        let mut ids = waited_for.to_vec();
        ids.extend(events::missing_ids(&rows, no, limits::IDS)?);
        for id in named {
            if ids.len() < limits::IDS && events::find(&rows, *id)?.is_none() {
                ids.push(*id);
            }
        }
        ids.truncate(limits::IDS);
        Ok::<_, StoreError>(ids)
    };
    look().unwrap_or_default()
}

/// Feeds of a chat that homes wrote here which were replaced since (I7).
fn replaced(shared: &Shared, chat: &ChatRef) -> Vec<Feed> {
    let look = || {
        let rows = shared.store.read()?;
        let mut found = Vec::new();
        if let Some(no) = chats::number(&rows, chat.chat)? {
            for (_, feed) in events::feeds(&rows, no)? {
                if users::user(&rows, feed.author)?.is_some_and(|user| user.home != feed.home) {
                    found.push(events::as_feed(chat.chat, &feed));
                }
            }
        }
        Ok::<_, StoreError>(found)
    };
    look().unwrap_or_default()
}

/// The part of an own feed above the peer's head: empty there, unless this disk was rolled back. Asked
/// for by the home in use, to notice it, and for one that was replaced, to have its other branch back.
fn own_beyond(shared: &Shared, chat: &ChatRef, head: &HeadRow) -> Option<(u64, u64)> {
    let rows = shared.store.read().ok()?;
    users::user(&rows, head.author)
        .ok()?
        .filter(|user| user.home != head.home || !user.stopped)?;
    let no = chats::number(&rows, chat.chat).ok()??;
    let feed = feed_of(chat, head);
    let feed_no = events::feed_no(&rows, no, &feed).ok()??;
    let last = events::feed(&rows, feed_no).ok()??.whole.checked_sub(1)?;
    lacking(head.seq.checked_add(1)?, last, limits::RANGE_EVENTS as u64)
}

/// K7: asks for the keys that are named here and lack, 10 times an hour and chat at most.
async fn ask_keys(shared: &Arc<Shared>, node: NodeId, chat: &ChatRef) {
    let wanted = || {
        let rows = shared.store.read()?;
        let Some(no) = chats::number(&rows, chat.chat)? else {
            return Ok(None);
        };
        let mut key_ids: Vec<KeyId> = Vec::new();
        for (id, row) in chats::keys(&rows, no)? {
            if row.sealed.is_none() && key_ids.len() < limits::IDS {
                key_ids.push(id);
            }
        }
        let members: Vec<UserId> = match chat.users {
            Some((a, b)) => vec![a, b],
            None => {
                let row = groups::group(&rows, no)?.unwrap_or_default();
                row.members.into_iter().map(|(user, _)| user).collect()
            }
        };
        let mut own = None;
        for user in members {
            own = own.or(users::user(&rows, user)?.map(|row| (user, row.home)));
        }
        Ok::<_, StoreError>(
            own.filter(|_| !key_ids.is_empty())
                .map(|own| (own, key_ids)),
        )
    };
    let Ok(Some(((user, home), key_ids))) = wanted() else {
        return;
    };
    if lock(&shared.rates).keys.take(&chat.chat, now_ms()).is_err() {
        return;
    }
    let asked = KeyRequest {
        chat: chat.clone(),
        user,
        home,
        key_ids,
    };
    let request = LogRequest::KeyRequest(asked.clone());
    if let Ok(LogAnswer::Keys(answers)) = ask(shared, node, &request).await
        && !answers.is_empty()
    {
        let _ = shared
            .inputs
            .run(From::Others, move |turn| {
                remote::took_answers(turn, node, &asked, &answers)
            })
            .await;
    }
}

/// Of unknown authors those worth asking for: members of a direct chat with somebody here, and whoever
/// wrote in a group (its control events say who that may be).
fn welcome(shared: &Shared, chat: &ChatRef, unknown: BTreeSet<UserId>) -> Vec<UserId> {
    if unknown.is_empty() {
        return Vec::new();
    }
    if chat.users.is_none() {
        return unknown.into_iter().take(WRITERS).collect();
    }
    let Some((a, b)) = direct::is_direct(chat) else {
        return Vec::new();
    };
    let here = shared
        .store
        .read()
        .and_then(|rows| Ok(users::lives_here(&rows, a)? || users::lives_here(&rows, b)?))
        .unwrap_or(false);
    unknown
        .into_iter()
        .filter(|user| here && (*user == a || *user == b))
        .collect()
}

/// What is known of the people on a node with whom somebody here has a chat is asked for anew: new
/// KEM cards (I5), new names. A few requests when it comes, and once a day.
pub(crate) async fn refresh(shared: &Arc<Shared>, node: NodeId) {
    let known = || {
        let rows = shared.store.read()?;
        let mut people = BTreeSet::new();
        for (no, chat) in chats_with(&rows, node)? {
            let members: Vec<UserId> = match chat.users {
                Some((a, b)) => vec![a, b],
                None => {
                    let row = groups::group(&rows, no)?.unwrap_or_default();
                    row.members.into_iter().map(|(user, _)| user).collect()
                }
            };
            for user in members {
                if !users::lives_here(&rows, user)? {
                    people.insert(user);
                }
            }
        }
        // Cards kept of a search must not outlive the consent: of those people, too.
        for user in homes::users_on(&rows, node)?.into_iter().take(REMEMBERED) {
            if !users::lives_here(&rows, user)? {
                people.insert(user);
            }
        }
        Ok::<_, StoreError>(people)
    };
    let people: Vec<UserId> = known().unwrap_or_default().into_iter().collect();
    for part in people.chunks(limits::IDS) {
        if !identities(shared, node, part.to_vec(), false).await {
            return;
        }
    }
}

/// The part of a feed to ask for next.
fn what_lacks(shared: &Shared, chat: &ChatRef, head: &HeadRow) -> Option<(u64, u64)> {
    let rows = shared.store.read().ok()?;
    let feed = chater_protocol::event::Feed {
        group: chat.chat,
        author: head.author,
        home: head.home,
        lane: head.lane,
    };
    let whole = match chater_store::chats::number(&rows, chat.chat).ok()? {
        Some(no) => match events::feed_no(&rows, no, &feed).ok()? {
            Some(feed_no) => events::feed(&rows, feed_no).ok()??.whole,
            None => 0,
        },
        None => 0,
    };
    lacking(whole, head.seq, limits::RANGE_EVENTS as u64)
}
