//! The async side: what the network tells becomes inputs, and each connected peer gets its tasks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chater_network::{Found, NetworkEvent, Protocol, Reply, Topic, Verdict as Travels};
use chater_protocol::blob::BlobRequest;
use chater_protocol::community::Channel;
use chater_protocol::id::{NodeId, UserId};
use chater_protocol::identity::NodeCard;
use chater_protocol::invite::CommunityRequest;
use chater_protocol::mail::MailRequest;
use chater_protocol::seal::EphNote;
use chater_protocol::wire::{EphBatch, LogRequest, Message, PeopleRequest};
use chater_store::{Rows, StoreError, chats, communities, homes, nodes};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinHandle;

use crate::actor::{From, now_ms};
use crate::allow;
use crate::blocks;
use crate::community::Known;
use crate::deliver;
use crate::gossip;
use crate::greet::{self, Met, Way};
use crate::here;
use crate::invites;
use crate::links::{self, Verdict};
use crate::marks::{self, Note};
use crate::needs::chats_with;
use crate::neighbours;
use crate::people::{self, Judged};
use crate::remote;
use crate::serve;
use crate::shared::{Link, Shared, lock};
use crate::update::News;
use crate::view::Happening;

/// Requests of peers carried out at once, all together.
const AT_ONCE: usize = 256;
/// People queries answered at once: each may wait for a connection, and must not keep requests waiting.
const ANSWERS: usize = 64;
/// Frames of groups taken in at once; others come when the nodes meet.
const FRAMES: usize = 64;
/// Chats whose marks are repeated in one turn.
const MARKS: usize = 64;
/// Chat cards are told this long after they changed: a flood of messages is one change.
const CARDS: Duration = Duration::from_millis(120);
/// Pages of the network are told at most this often.
const NETWORK: Duration = Duration::from_millis(500);
/// Events from the future are looked at this often (L6).
const AHEAD: Duration = Duration::from_secs(60);

/// Runs until the node stops.
pub(crate) async fn run(shared: Arc<Shared>, mut events: mpsc::Receiver<NetworkEvent>) {
    let mut pump = Pump {
        shared: shared.clone(),
        met: HashMap::new(),
        room: Arc::new(Semaphore::new(AT_ONCE)),
        answers: Arc::new(Semaphore::new(ANSWERS)),
        frames: Arc::new(Semaphore::new(FRAMES)),
    };
    let daily = tokio::spawn(crate::daily::run(shared.clone()));
    let cards = tokio::spawn(tell_cards(shared.clone()));
    let ahead = tokio::spawn(release_ahead(shared.clone()));
    let greet = tokio::spawn(greet::run(shared.clone()));
    let told = tokio::spawn(neighbours::run(shared.clone()));
    let chosen = tokio::spawn(neighbours::choose(shared.clone()));
    let changed = tokio::spawn(tell_network(shared.clone()));
    let avatars = tokio::spawn(crate::avatars::run(shared.clone()));
    let here = tokio::spawn(crate::here::run(shared.clone()));
    let mail = tokio::spawn(crate::mail::run(shared.clone()));
    let post = tokio::spawn(crate::post::run(shared.clone()));
    let diary = tokio::spawn(crate::diary::run(shared.clone()));
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => pump.handle(event),
                None => break,
            },
            () = shared.stopping.wait() => break,
        }
    }
    daily.abort();
    cards.abort();
    ahead.abort();
    avatars.abort();
    greet.abort();
    told.abort();
    chosen.abort();
    changed.abort();
    here.abort();
    mail.abort();
    post.abort();
    diary.abort();
    for (_, met) in pump.met {
        met.end();
    }
}

/// A connected peer, greeted or not.
struct Connected {
    way: Way,
    tasks: Vec<JoinHandle<()>>,
    /// Serves the stream that the peer pushes over.
    pushes: Option<JoinHandle<()>>,
}

impl Connected {
    fn end(self) {
        for task in self.tasks.into_iter().chain(self.pushes) {
            task.abort();
        }
    }
}

struct Pump {
    shared: Arc<Shared>,
    met: HashMap<NodeId, Connected>,
    room: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    frames: Arc<Semaphore>,
}

impl Pump {
    fn handle(&mut self, event: NetworkEvent) {
        match event {
            NetworkEvent::Connected {
                peer,
                address,
                dialled,
                found,
                relay,
            } => {
                self.reached(peer, relay);
                let found = match found {
                    Found::Lan => 0,
                    Found::Manual => 1,
                    Found::Remembered | Found::Inbound => 2,
                };
                if found == 0 {
                    lock(&self.shared.presence).lan.insert(peer);
                }
                {
                    let mut presence = lock(&self.shared.presence);
                    presence.connected.insert(peer);
                    presence.places.insert(peer, address.clone());
                }
                self.shared.network_changed.notify_one();
                let way = Way {
                    address,
                    dialled,
                    found,
                };
                let greeting = tokio::spawn(greet::first(self.shared.clone(), peer, way.clone()));
                let met = Connected {
                    way,
                    tasks: vec![greeting],
                    pushes: None,
                };
                if let Some(old) = self.met.insert(peer, met) {
                    old.end();
                }
            }
            NetworkEvent::Path {
                peer,
                relay,
                address,
            } => {
                self.reached(peer, relay);
                if let Some(link) = lock(&self.shared.presence).links.get_mut(&peer) {
                    link.address = address;
                }
            }
            NetworkEvent::Disconnected { peer } => {
                if let Some(met) = self.met.remove(&peer) {
                    met.end();
                }
                let link = {
                    let mut presence = lock(&self.shared.presence);
                    presence.connected.remove(&peer);
                    presence.places.remove(&peer);
                    presence.agents.remove(&peer);
                    presence.relayed.remove(&peer);
                    presence.links.remove(&peer)
                };
                // It came to leave mail, and comes again when it has some: whoever makes keys must not fill what is dialled.
                if self.shared.links.brings_mail_alone(&self.shared, peer)
                    && !crate::mail::is_needed(&self.shared, peer)
                {
                    self.shared.network.unwant(peer);
                }
                self.shared.links.left(peer);
                self.shared.network_changed.notify_one();
                if let Some(link) = link {
                    link.end();
                    self.shared.post.left(peer);
                    self.shared.choose_nodes.notify_one();
                    tracing::info!(peer = %peer.short(), "a node went away");
                    self.shared.note_of(peer, |node| Happening::Lost { node });
                    tokio::spawn(went(self.shared.clone(), peer));
                }
            }
            NetworkEvent::Request {
                peer,
                protocol,
                body,
                reply,
            } => self.serve(peer, protocol, body, reply),
            NetworkEvent::Pushes(pushes) => {
                let peer = pushes.peer();
                let task = tokio::spawn(serve::pushes(self.shared.clone(), pushes));
                // One stream a peer: whoever opens another has given up the one before.
                if let Some(met) = self.met.get_mut(&peer)
                    && let Some(old) = met.pushes.replace(task)
                {
                    old.abort();
                }
            }
            NetworkEvent::Gossip {
                peer,
                author,
                topic,
                frame,
                verdict,
            } => {
                if self.shared.links.brings_mail_alone(&self.shared, peer) {
                    return verdict.ignore();
                }
                if let Some(chat) = self.shared.topics.group(topic) {
                    let Ok(room) = self.frames.clone().try_acquire_owned() else {
                        return verdict.ignore();
                    };
                    let shared = self.shared.clone();
                    tokio::spawn(async move {
                        gossip::heard(shared, peer, chat, frame, verdict).await;
                        drop(room);
                    });
                    return;
                }
                self.of_community((peer, author), topic, frame, verdict);
            }
            NetworkEvent::FoundLan { peer, addresses } => {
                lock(&self.shared.presence).lan.insert(peer);
                self.remember(peer, addresses, 0);
            }
            NetworkEvent::Addresses { peer, addresses } => {
                // Only of peers we keep: identify of a passer-by is not written down.
                if self.shared.is_linked(peer) {
                    self.remember(peer, addresses, 2);
                }
            }
            NetworkEvent::Dialled { address, result } => {
                let mut presence = lock(&self.shared.presence);
                match result {
                    Ok(node) => {
                        presence.dialling.remove(&address);
                        drop(presence);
                        // The owner has asked for it: it is not cut off any more.
                        self.shared.links.forget_off(node);
                        let shared = self.shared.clone();
                        tokio::spawn(async move {
                            let _ = shared
                                .inputs
                                .run(From::Others, move |turn| {
                                    communities::set_off(turn.tx, node, false, turn.now_ms)?;
                                    Ok(nodes::remove_typed(turn.tx, &address)?)
                                })
                                .await;
                        });
                    }
                    Err(error) => {
                        if let Some(slot) = presence.dialling.get_mut(&address) {
                            *slot = Some(error);
                        }
                    }
                }
            }
            NetworkEvent::Fault { peer } => self.shared.fault(peer),
            NetworkEvent::Ping { peer, rtt } => {
                if let Some(link) = lock(&self.shared.presence).links.get_mut(&peer) {
                    link.rtt_ms = u32::try_from(rtt.as_millis()).ok();
                }
            }
            // Linked nodes learn new addresses from the greeting.
            NetworkEvent::Listening { .. } | NetworkEvent::Standing => {
                self.shared.greet.notify_one();
                self.shared.network_changed.notify_one();
            }
            NetworkEvent::Agent { peer, agent } => {
                let mut presence = lock(&self.shared.presence);
                if let Some(link) = presence.links.get_mut(&peer) {
                    link.agent = Some(agent.clone());
                }
                if presence.connected.contains(&peer) {
                    presence.agents.insert(peer, agent);
                }
            }
            NetworkEvent::Subscribed { topic, .. } => {
                let all = self.shared.communities.all();
                let of_nodes = |known: &Known| known.channel(topic) == Some(Channel::Nodes);
                if all.iter().any(of_nodes) {
                    self.shared.tell_nodes.notify_one();
                }
            }
        }
    }

    /// A frame of a community that a neighbour handed over, and whose author signed it: a query, cards of nodes, or a block list.
    fn of_community(&self, by: (NodeId, NodeId), topic: Topic, frame: Vec<u8>, verdict: Travels) {
        let peer = by.0;
        let all = self.shared.communities.all();
        let found = all
            .iter()
            .find_map(|known| Some((known, known.channel(topic)?)));
        match found {
            None => verdict.ignore(),
            Some((known, Channel::People)) => {
                match people::judge(&self.shared, known, by, &frame) {
                    Judged::Forward(query) => {
                        verdict.accept();
                        if let Some(query) = query
                            && let Ok(room) = self.answers.clone().try_acquire_owned()
                        {
                            let shared = self.shared.clone();
                            tokio::spawn(async move {
                                people::answer(shared, *query).await;
                                drop(room);
                            });
                        }
                    }
                    Judged::PassOver => verdict.ignore(),
                    Judged::Blame => verdict.reject(),
                }
            }
            Some((known, Channel::Nodes)) => {
                neighbours::heard(&self.shared, peer, known, &frame, verdict);
            }
            Some((known, Channel::Lists)) => {
                let within = lock(&self.shared.rates).cards.take(&peer, now_ms());
                let Ok(room) = self.frames.clone().try_acquire_owned() else {
                    return verdict.ignore();
                };
                if within.is_err() {
                    return verdict.ignore();
                }
                let (shared, id) = (self.shared.clone(), known.id);
                tokio::spawn(async move {
                    blocks::heard(shared, id, frame, verdict).await;
                    drop(room);
                });
            }
        }
    }

    fn reached(&self, peer: NodeId, relay: Option<NodeId>) {
        let relayed = &mut lock(&self.shared.presence).relayed;
        match relay {
            Some(relay) => relayed.insert(peer, relay),
            None => relayed.remove(&peer),
        };
    }

    /// Addresses at which a node may be found again.
    fn remember(&self, peer: NodeId, addresses: Vec<String>, found: u8) {
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let _ = shared
                .inputs
                .run(From::Others, move |turn| {
                    let mut row = nodes::ensure(turn.tx, peer, found, turn.now_ms)?;
                    for address in &addresses {
                        row.learn(address);
                    }
                    Ok(nodes::put(turn.tx, peer, &row)?)
                })
                .await;
        });
    }

    fn serve(&mut self, peer: NodeId, protocol: Protocol, body: Vec<u8>, reply: Reply) {
        // Beyond the bound the request is refused: the peer comes again.
        let Ok(room) = self.room.clone().try_acquire_owned() else {
            return;
        };
        let shared = self.shared.clone();
        if protocol == Protocol::Hello {
            let way = self.met.get(&peer).map(|met| met.way.clone());
            tokio::spawn(async move {
                if let Some(way) = way {
                    greeted(&shared, peer, &body, reply, way).await;
                }
                drop(room);
            });
            return;
        }
        tokio::spawn(async move {
            match protocol {
                Protocol::Log => match LogRequest::decode(&body) {
                    Ok(request) => reply.send(serve::log(&shared, peer, request).await.encode()),
                    Err(reason) => {
                        tracing::debug!(%reason, peer = %peer.short(), "log request refused");
                        shared.fault(peer);
                    }
                },
                Protocol::People => match PeopleRequest::decode(&body) {
                    Ok(request) => reply.send(people::serve(&shared, peer, request).await.encode()),
                    Err(reason) => {
                        tracing::debug!(%reason, peer = %peer.short(), "people request refused");
                        shared.fault(peer);
                    }
                },
                Protocol::Blob => match BlobRequest::decode(&body) {
                    Ok(request) => {
                        reply.send(crate::avatars::serve(&shared, peer, request).await.encode());
                    }
                    Err(reason) => {
                        tracing::debug!(%reason, peer = %peer.short(), "blob request refused");
                        shared.fault(peer);
                    }
                },
                Protocol::Mail => match MailRequest::decode(&body) {
                    Ok(request) => {
                        reply.send(crate::mailbox::serve(&shared, peer, request).await.encode());
                    }
                    Err(reason) => {
                        tracing::debug!(%reason, peer = %peer.short(), "mail request refused");
                        shared.fault(peer);
                    }
                },
                Protocol::Community => match CommunityRequest::decode(&body) {
                    Ok(request) => {
                        reply.send(invites::serve(&shared, peer, request).await.encode());
                    }
                    Err(reason) => {
                        tracing::debug!(%reason, peer = %peer.short(), "community request refused");
                        shared.fault(peer);
                    }
                },
                Protocol::Hello => {}
            }
            drop(room);
        });
    }
}

/// A peer greets: it is answered as its way and what it proves deserve.
async fn greeted(shared: &Arc<Shared>, peer: NodeId, body: &[u8], reply: Reply, way: Way) {
    let Some(met) = greet::read(shared, peer, body, false) else {
        shared.network.close(peer);
        return;
    };
    match links::judge(shared, peer, &met, &way) {
        Verdict::Link(found) => {
            reply.send(greet::hello(shared, peer));
            // Where an inbound connection comes from is no address to dial.
            let way = Way {
                found,
                dialled: false,
                ..way
            };
            linked(shared, peer, met, way).await;
        }
        Verdict::Wait => {
            reply.send(greet::not_now(shared, peer));
            links::waits(shared, peer, &met, &way);
        }
        Verdict::Silent => shared.network.close(peer),
    }
}

/// A peer has greeted: from now on it is part of us.
pub(crate) async fn linked(shared: &Arc<Shared>, peer: NodeId, met: Met, way: Way) {
    let (name, told, signed) = (met.card.name.clone(), met.card.clone(), met.signed.clone());
    // Signed for this greeting, a moment ago.
    let skew_ms = i64::try_from(met.card.ts)
        .unwrap_or(i64::MAX)
        .saturating_sub(i64::try_from(now_ms()).unwrap_or(i64::MAX));
    let relays = met.card.caps & NodeCard::RELAY != 0;
    let Way {
        address,
        dialled,
        found,
    } = way;
    // Where an inbound connection comes from is no address to dial, and what it says is believed as far as it can be.
    let good = dialled.then(|| address.clone());
    let listens = chater_network::believed(&met.card.addrs, peer, &address);
    let kept = shared
        .inputs
        .run(From::Others, move |turn| {
            let row =
                remote::greeted(turn, peer, &met.card.name, good.as_deref(), &listens, found)?;
            // A known node must be found again after a crash.
            turn.durable();
            Ok(row)
        })
        .await;
    let Ok(row) = kept else { return };
    if shared.refuses(peer) || shared.links.keeps_off(shared, peer) {
        shared.network.close(peer);
        return;
    }
    shared.links.settled(peer);
    shared.network.admit(peer);
    shared.network.offers_relay(peer, relays);
    shared.network.want(peer, row.texts());
    let link = Link {
        address,
        since_ms: now_ms(),
        rtt_ms: None,
        skew_ms,
        delivery: Arc::new(Notify::new()),
        hot: Arc::default(),
        common: met.common,
        card: met.signed,
        agent: lock(&shared.presence).agents.get(&peer).cloned(),
        tasks: Arc::default(),
    };
    let delivery = deliver::run(
        shared.clone(),
        peer,
        link.delivery.clone(),
        link.hot.clone(),
    );
    let again = {
        let mut presence = lock(&shared.presence);
        let again = presence.links.contains_key(&peer);
        if !again && !presence.connected.contains(&peer) {
            // It is gone again already.
            return;
        }
        // Both greeted at once: one link is enough.
        if let Some(old) = presence.links.get_mut(&peer) {
            old.common = link.common;
            old.card = link.card;
        } else {
            let task = tokio::spawn(delivery);
            lock(&link.tasks).push(task.abort_handle());
            presence.links.insert(peer, link);
        }
        again
    };
    shared.network_changed.notify_one();
    shared.choose_nodes.notify_one();
    if again {
        // Something of it has changed: its people are asked for anew, as often as it may ask us.
        if lock(&shared.rates).finds.take(&peer, now_ms()).is_ok() {
            crate::mail::met(shared, peer, told, signed).await;
            crate::fetch::refresh(shared, peer).await;
        }
        return;
    }
    tracing::info!(peer = %peer.short(), %name, "linked");
    shared.note_of(peer, |node| Happening::Linked { node });
    shared.link_changed.notify_waiters();
    let _ = tell_presence(shared, peer, true);
    crate::moved::tell(shared, peer).await;
    crate::fetch::refresh(shared, peer).await;
    shared.avatars.came(peer);
    crate::mail::met(shared, peer, told, signed).await;
    repeat_marks(shared, peer).await;
}

async fn went(shared: Arc<Shared>, peer: NodeId) {
    let _ = shared
        .inputs
        .run(From::Others, move |turn| Ok(remote::left(turn, peer)?))
        .await;
    let _ = tell_presence(&shared, peer, false);
}

/// Local users who talk with people of that node see them come and go.
fn tell_presence(shared: &Shared, peer: NodeId, online: bool) -> Result<(), StoreError> {
    let rows = shared.store.read()?;
    let seen = crate::read::seen_ms(&rows, peer)?;
    let people = homes::users_on(&rows, peer)?.into_iter();
    let moved: Vec<here::Moved> = people.map(|user| (user, online, seen)).collect();
    here::tell(shared, &rows, &moved)
}

/// L9: read marks are repeated when a peer comes, so they survive an offline sender.
async fn repeat_marks(shared: &Arc<Shared>, peer: NodeId) {
    let chats = shared.store.read().and_then(|rows| chats_with(&rows, peer));
    let chats: Vec<u32> = chats.unwrap_or_default().into_iter().map(|c| c.0).collect();
    for part in chats.chunks(MARKS) {
        let part = part.to_vec();
        let notes = shared
            .inputs
            .run(From::Others, move |turn| {
                let mut notes = Vec::new();
                for no in part {
                    let locals: Vec<UserId> =
                        turn.context(no, |_, context| Ok(context.locals().collect()))?;
                    for user in locals {
                        let open = chats::inbox(turn.tx, user, no)?.is_some_and(|i| i.state == 0);
                        if open
                            && crate::preferences::of(turn.tx, user)?.read_marks
                            && let Some((counter, id, _)) = chats::mark(turn.tx, no, user)?
                            && let Ok(made) =
                                marks::note(turn, user, no, counter, &EphNote::Read(id))
                        {
                            notes.extend(made.into_iter().filter(|note| note.node == peer));
                        }
                    }
                }
                Ok(notes)
            })
            .await;
        // One after the other: they must not keep messages waiting.
        for note in notes.unwrap_or_default() {
            if !shared.is_linked(peer) {
                return;
            }
            send_note(shared, note).await;
        }
    }
}

async fn send_note(shared: &Shared, note: Note) {
    let body = LogRequest::Eph(EphBatch {
        chat: note.chat,
        notes: vec![note.note],
    })
    .encode();
    let _ = shared.network.request(note.node, Protocol::Log, body).await;
}

/// Sends marks and typing, best effort.
pub(crate) fn send_notes(shared: &Arc<Shared>, notes: Vec<Note>) {
    for note in notes {
        if !shared.is_linked(note.node) {
            continue;
        }
        let shared = shared.clone();
        tokio::spawn(async move { send_note(&shared, note).await });
    }
}

/// Pages of the network are told a moment after something changed there.
async fn tell_network(shared: Arc<Shared>) {
    loop {
        shared.network_changed.notified().await;
        tokio::time::sleep(CARDS).await;
        let (links, connecting) = lock(&shared.presence).links();
        for user in shared.hub.listening() {
            let name = shared.name();
            shared.hub.tell(
                user,
                News::Network {
                    name,
                    links,
                    connecting,
                },
            );
        }
        tokio::time::sleep(NETWORK).await;
    }
}

/// Tells changed chat cards a moment after they changed, from a snapshot.
async fn tell_cards(shared: Arc<Shared>) {
    loop {
        shared.card_changed.notified().await;
        tokio::time::sleep(CARDS).await;
        let changed = std::mem::take(&mut *lock(&shared.changed_cards));
        let told = shared.store.read().and_then(|rows| {
            for (user, no) in changed {
                let (Some(row), Some(inbox)) =
                    (chats::chat(&rows, no)?, chats::inbox(&rows, user, no)?)
                else {
                    continue;
                };
                let view = crate::read::Reader::new(&shared, &rows, user).chat(no, &row, &inbox)?;
                shared.hub.tell(user, News::Chat(Arc::new(view)));
            }
            Ok(())
        });
        if let Err(error) = told {
            tracing::error!(%error, "chat cards cannot be read");
        }
    }
}

/// L6: events from the future stand at their own time once it has come.
async fn release_ahead(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(AHEAD).await;
        let any = shared.store.read().is_ok_and(|rows| {
            let mut any = false;
            let _ = rows.each(chater_store::tables::Table::Ahead, &[], &mut |_, _| {
                any = true;
                false
            });
            any
        });
        if any {
            let _ = shared
                .inputs
                .run(From::Others, |turn| {
                    // It reads and writes chat rows past those of this turn.
                    turn.flush()?;
                    for no in chater_store::events::release_ahead(turn.tx, turn.now_ms)? {
                        let locals: Vec<UserId> =
                            turn.context(no, |_, context| Ok(context.locals().collect()))?;
                        for local in locals {
                            turn.tell(local, News::Reload);
                            turn.card_changed(local, no);
                        }
                    }
                    Ok(())
                })
                .await;
        }
    }
}

/// Known nodes are dialled at once.
pub(crate) fn want_nodes(shared: &Shared, rows: &impl Rows) -> Result<(), StoreError> {
    for (id, row) in nodes::all(rows)? {
        // Who was let in for a search alone is asked about again: it is dialled if there is a chat with its people.
        let guest = row.found == 3 && chats_with(rows, id)?.is_empty();
        let left_alone = guest || shared.refuses(id) || shared.links.is_off(id);
        if !left_alone && !row.addresses.is_empty() && id != shared.node_id {
            shared.network.want(id, row.texts());
        }
    }
    Ok(())
}

/// Known nodes and typed addresses are dialled at once after a start.
pub(crate) fn want_known(shared: &Shared) -> Result<(), StoreError> {
    let rows = shared.store.read()?;
    allow::tell(shared);
    want_nodes(shared, &rows)?;
    for id in shared.blocks.all() {
        shared.network.block(id);
    }
    for address in nodes::typed(&rows)? {
        if shared.network.want_address(&address).is_ok() {
            lock(&shared.presence).dialling.insert(address, None);
        }
    }
    Ok(())
}
