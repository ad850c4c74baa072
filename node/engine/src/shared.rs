//! What all parts of the running engine hold together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chater_network::Network;
use chater_protocol::id::{Bytes, ChatId, Hash, HomeId, NodeId, UserId};
use chater_protocol::identity::{HomeRecord, NodeCard, Signed};
use chater_protocol::key::SigningKey;
use chater_protocol::secret::SecretKey;
use chater_store::Store;
use chater_store::accounts::SavedSettings;
use rand_core::{Infallible, Rng as _, TryCryptoRng, TryRng};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use crate::actor::Inputs;
use crate::allow::Allow;
use crate::avatars::Avatars;
use crate::blocks::Blocks;
use crate::community::Communities;
use crate::config::Config;
use crate::deliver::{Fresh, Hot};
use crate::faults::Faults;
use crate::fetch::Syncs;
use crate::fills::Fills;
use crate::gossip::{self, Topics};
use crate::hub::Hub;
use crate::links::Links;
use crate::mail::Mail;
use crate::mailbox::Mailbox;
use crate::neighbours::Neighbours;
use crate::password::Hasher;
use crate::people::{Searches, Seen};
use crate::post::Post;
use crate::rate::Buckets;
use crate::remembered::Remembered;
use crate::turn::Effects;
use crate::view::Person;

/// The operating system's randomness as an argument.
pub(crate) struct SystemRandom;

impl TryRng for SystemRandom {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut b = [0; 4];
        self.try_fill_bytes(&mut b)?;
        Ok(u32::from_le_bytes(b))
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut b = [0; 8];
        self.try_fill_bytes(&mut b)?;
        Ok(u64::from_le_bytes(b))
    }
    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        // Without randomness nothing may go on: keys and nonces would repeat.
        getrandom::fill(to).expect("the operating system gives randomness");
        Ok(())
    }
}

impl TryCryptoRng for SystemRandom {}

/// A connected peer as the engine sees it.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    /// The address it is connected by.
    pub(crate) address: String,
    /// Since when, Unix ms.
    pub(crate) since_ms: u64,
    /// Last ping.
    pub(crate) rtt_ms: Option<u32>,
    /// How far its clock is ahead of ours, as it said in its greeting.
    pub(crate) skew_ms: i64,
    /// Wakes its delivery.
    pub(crate) delivery: Arc<Notify>,
    /// Fresh events for it, so that they need not be read back from the store.
    pub(crate) hot: Arc<Mutex<Hot>>,
    /// Communities of this node that it has proven: its people are no strangers (K10).
    pub(crate) common: Vec<Hash>,
    /// Its card as it came, for the community (C3).
    pub(crate) card: Signed,
    /// The program it says it runs.
    pub(crate) agent: Option<String>,
    /// Its delivery, ended with the link.
    pub(crate) tasks: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Link {
    /// Ends what serves this link.
    pub(crate) fn end(&self) {
        for task in lock(&self.tasks).drain(..) {
            task.abort();
        }
    }
}

/// What changes while the node runs and is not in the store.
#[derive(Default)]
pub(crate) struct Presence {
    /// Connected and greeted.
    pub(crate) links: BTreeMap<NodeId, Link>,
    /// Connected, greeted or not.
    pub(crate) connected: BTreeSet<NodeId>,
    /// Where they are, greeted or not.
    pub(crate) places: BTreeMap<NodeId, String>,
    /// What they say they run.
    pub(crate) agents: BTreeMap<NodeId, String>,
    /// Typed addresses being dialled, with the last error.
    pub(crate) dialling: BTreeMap<String, Option<String>>,
    /// Nodes found on the LAN in this run.
    pub(crate) lan: BTreeSet<NodeId>,
    /// Connected nodes that are reached through another one, and that one.
    pub(crate) relayed: BTreeMap<NodeId, NodeId>,
}

impl Presence {
    /// How many nodes are connected, and whether any is being dialled.
    pub(crate) fn links(&self) -> (usize, bool) {
        let dials = !self.dialling.is_empty() || self.connected.len() > self.links.len();
        (self.links.len(), dials)
    }
}

/// Rates of people (Q20, Q22).
pub(crate) struct Rates {
    pub(crate) messages: Buckets<UserId>,
    pub(crate) searches: Buckets<UserId>,
    pub(crate) registrations: Buckets<IpAddr>,
    pub(crate) logins_by_nick: Buckets<String>,
    pub(crate) logins_by_address: Buckets<IpAddr>,
    pub(crate) typing: Buckets<UserId>,
    /// Queries of other nodes that are answered.
    pub(crate) queries: Buckets<NodeId>,
    /// Nicks that other nodes ask for.
    pub(crate) finds: Buckets<NodeId>,
    /// Chats that people of another node begin (K10).
    pub(crate) strangers: Buckets<NodeId>,
    /// People whom a node brings by invitation links (M9).
    pub(crate) joins: Buckets<NodeId>,
    /// Keys asked for (K7).
    pub(crate) keys: Buckets<ChatId>,
    /// Events of an author that other nodes push (S4).
    pub(crate) authors: Buckets<UserId>,
    /// Pieces of files that other nodes are given.
    pub(crate) pieces: Buckets<NodeId>,
    /// Letters that a node leaves here for others.
    pub(crate) letters: Buckets<NodeId>,
    /// Tries to come into a community.
    pub(crate) enters: Buckets<NodeId>,
    /// Frames with node cards or lists that a neighbour brings.
    pub(crate) cards: Buckets<NodeId>,
}

/// Counters for `/metrics`.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) sent: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) delivered: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) blamed: AtomicU64,
    pub(crate) searches: AtomicU64,
    pub(crate) queries_answered: AtomicU64,
    pub(crate) logins_failed: AtomicU64,
    /// Letters for other nodes: kept, refused, and collected by those they are for.
    pub(crate) letters: [AtomicU64; 3],
    /// Durable turns.
    pub(crate) commits: crate::metrics::Times,
}

/// The running engine.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) store: Arc<Store>,
    pub(crate) network: Network,
    pub(crate) node_id: NodeId,
    /// Signs the node card.
    pub(crate) node_key: SigningKey,
    /// P1: seals every secret of the store.
    pub(crate) kek: SecretKey,
    pub(crate) communities: Communities,
    /// Blocked nodes.
    pub(crate) blocks: Blocks,
    /// The owner's list of nodes to be linked.
    pub(crate) allow: Allow,
    /// What linked nodes have sent that no honest one does.
    pub(crate) faults: Faults,
    /// What the owner has to decide about nodes, and has decided.
    pub(crate) links: Links,
    /// Nodes of communities that were heard of.
    pub(crate) neighbours: Neighbours,
    /// Nodes whose link is being followed.
    pub(crate) entering: Mutex<BTreeSet<NodeId>>,
    /// Nodes that are dialled to answer their query.
    pub(crate) answering: Mutex<HashMap<NodeId, Bytes<16>>>,
    /// Cards of nodes are to be told.
    pub(crate) tell_nodes: Notify,
    /// Somebody was heard of.
    pub(crate) choose_nodes: Notify,
    /// Something that the network page shows has changed.
    pub(crate) network_changed: Notify,
    pub(crate) inputs: Inputs,
    pub(crate) hub: Hub,
    pub(crate) hasher: Hasher,
    pub(crate) searches: Searches,
    /// Queries of other nodes seen lately.
    pub(crate) seen: Mutex<Seen>,
    pub(crate) counters: Counters,
    pub(crate) presence: Mutex<Presence>,
    pub(crate) rates: Mutex<Rates>,
    /// People as shown, read often and changed seldom; emptied when any card or name changes.
    pub(crate) people: Mutex<Remembered<UserId, Person>>,
    /// Home records by which events are verified.
    pub(crate) homes: Mutex<Remembered<HomeId, HomeRecord>>,
    /// What the owner saved on a page (Q11).
    pub(crate) saved: Mutex<SavedSettings>,
    /// A backup is being made.
    pub(crate) packing: tokio::sync::Mutex<()>,
    /// What happened lately.
    pub(crate) diary: crate::diary::Diary,
    /// Whether the pages are open to the home network.
    pub(crate) home: watch::Sender<bool>,
    /// Who of this node's people has a page open.
    pub(crate) here: Mutex<crate::here::Here>,
    /// Where people are named in what they have not read.
    pub(crate) mentions: Mutex<HashMap<(UserId, u32), crate::mention::Looked>>,
    /// A name or a card of this node changed: linked nodes are greeted again.
    pub(crate) greet: Notify,
    /// Pictures of people that are being fetched.
    pub(crate) avatars: Avatars,
    /// Chats whose card changed, per user that listens; told a moment later, so a flood costs little.
    /// Groups whose gossip is followed.
    pub(crate) topics: Topics,
    pub(crate) changed_cards: Mutex<BTreeSet<(UserId, u32)>>,
    pub(crate) card_changed: Notify,
    /// A node was linked.
    pub(crate) link_changed: Notify,
    /// The node stops.
    pub(crate) stopping: Stop,
    /// Mail kept here for other nodes.
    pub(crate) mailbox: Mailbox,
    /// Mail that others keep for this node.
    pub(crate) mail: Mail,
    /// Mail left for others.
    pub(crate) post: Post,
    /// Chats being compared with peers.
    pub(crate) syncs: Mutex<Syncs>,
    /// Feeds of which a long part is being fetched.
    pub(crate) fills: Fills,
    /// Who has typed their words and still has to say how they come in (I7).
    pub(crate) arrivals: Mutex<crate::recover::Arrivals>,
    /// How far the clock of this node is wrong, for simulations.
    #[cfg(test)]
    pub(crate) skew_ms: std::sync::atomic::AtomicI64,
    /// No address counts as near, for tests of unknown nodes.
    #[cfg(test)]
    pub(crate) far: std::sync::atomic::AtomicBool,
}

/// A flag that is set once, for ever, and that tasks can wait for.
pub(crate) struct Stop(watch::Sender<bool>);

impl Stop {
    pub(crate) fn new() -> Self {
        Self(watch::channel(false).0)
    }

    pub(crate) fn set(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn wait(&self) {
        let mut seen = self.0.subscribe();
        let _ = seen.wait_for(|set| *set).await;
    }
}

/// A mutex never stays poisoned here: every critical section leaves the value whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// The time that events, arrivals and all other inputs of a turn are given, Unix ms.
    pub(crate) fn now_ms(&self) -> u64 {
        let now = crate::actor::now_ms();
        #[cfg(test)]
        let now =
            now.saturating_add_signed(self.skew_ms.load(std::sync::atomic::Ordering::Relaxed));
        now
    }

    /// When what changed is compared with a peer again: a third more or less than the setting, so that nodes which were
    /// linked together do not ask together for ever; more rarely with many links, as all of them ask (S2).
    pub(crate) fn compares_again(&self) -> Duration {
        let links = lock(&self.presence).links.len() as u64;
        let every = self
            .config
            .compare_every
            .max(Duration::from_secs(links) / 4);
        let spread = every * 2 / 3;
        let ms = u64::try_from(spread.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut random = [0; 8];
        SystemRandom.fill_bytes(&mut random);
        spread + Duration::from_millis(u64::from_le_bytes(random) % ms)
    }

    /// Whether an address is on this machine or in a private network.
    pub(crate) fn is_near(&self, address: &str) -> bool {
        #[cfg(test)]
        if self.far.load(std::sync::atomic::Ordering::Relaxed) {
            return false;
        }
        chater_network::is_near(address)
    }

    /// Whether that node is connected and greeted.
    pub(crate) fn is_linked(&self, node: NodeId) -> bool {
        node == self.node_id || lock(&self.presence).links.contains_key(&node)
    }

    /// Whether that node is linked and shares a community with this one.
    pub(crate) fn is_fellow(&self, node: NodeId) -> bool {
        let presence = lock(&self.presence);
        let common = presence.links.get(&node).map(|link| &link.common);
        common.is_some_and(|common| !common.is_empty())
    }

    /// This node's signed card, with the addresses that serve a node met at `place`; none = those that may travel far.
    pub(crate) fn card(&self, now_ms: u64, place: Option<&str>) -> Signed {
        let mut addrs = self.network.addresses_for(place);
        addrs.retain(|address| address.len() <= chater_protocol::limits::ADDRESS);
        addrs.truncate(chater_protocol::limits::CARD_ADDRESSES);
        let mut caps = 0;
        if self.network.standing().relaying {
            caps |= NodeCard::RELAY;
        }
        if self.mailbox.rules().offers {
            caps |= NodeCard::MAILBOX;
        }
        NodeCard {
            v: 1,
            node: self.node_id,
            name: self.name(),
            addrs,
            mailboxes: self.mail.own(),
            caps,
            ts: now_ms,
        }
        .sign(&self.node_key)
    }

    /// After a commit: news to browsers, work to the network.
    pub(crate) fn carry_out(&self, effects: Effects) {
        // Before anybody hears of it: a page that is told of a change asks at once.
        if effects.people_changed {
            let turns = self.store.turns();
            lock(&self.people).forget(turns);
            lock(&self.homes).forget(turns);
        }
        // Then the network: what leaves has the longest way.
        if !effects.due.is_empty() {
            let mut unreached: Vec<Fresh> = Vec::new();
            {
                let presence = lock(&self.presence);
                for (node, fresh) in effects.due {
                    if let Some(link) = presence.links.get(&node) {
                        lock(&link.hot).push(fresh);
                        link.delivery.notify_one();
                    } else {
                        self.post.fresh(node, &fresh);
                        if unreached.last().is_none_or(|last| last.id != fresh.id) {
                            unreached.push(fresh);
                        }
                    }
                }
            }
            for fresh in &unreached {
                gossip::tell(self, fresh);
            }
        }
        for no in effects.groups {
            gossip::follow(self, no);
        }
        if !effects.lacking.is_empty() {
            let presence = lock(&self.presence);
            for link in effects.lacking.iter().filter_map(|n| presence.links.get(n)) {
                lock(&link.hot).look();
                link.delivery.notify_one();
            }
        }
        if !effects.asked.is_empty() {
            let presence = lock(&self.presence);
            for link in effects.asked.iter().filter_map(|n| presence.links.get(n)) {
                lock(&link.hot).compare_anew();
                link.delivery.notify_one();
            }
        }
        for (user, news) in effects.news {
            self.hub.tell(user, news);
        }
        if !effects.cards.is_empty() {
            let mut cards = lock(&self.changed_cards);
            for (user, chat_no) in effects.cards {
                if self.hub.listens(user) {
                    cards.insert((user, chat_no));
                }
            }
            if !cards.is_empty() {
                self.card_changed.notify_one();
            }
        }
        for wanted in effects.wanted {
            self.network.want(wanted.0, wanted.1);
        }
    }
}
