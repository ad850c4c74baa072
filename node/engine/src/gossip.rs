//! Gossip of groups (S1-S4). Whoever can reach a member's node pushes to it and waits for its ack; gossip is for
//! those that cannot be reached from here: a node that is linked to both passes the news on. It is never delivery (S3):
//! their acks come when the two meet.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use chater_network::{Topic, Verdict};
use chater_protocol::event::WireEvent;
use chater_protocol::gossip::{self, GroupFrame};
use chater_protocol::id::{ChatId, EventId, NodeId};
use chater_protocol::limits;
use chater_protocol::wire::{Ack, ChatRef, Message as _, chat_topic};
use chater_store::{StoreError, chats, events, groups, homes, users};
use serde_bytes::ByteBuf;

use crate::deliver::Fresh;
use crate::fetch;
use crate::shared::{Shared, SystemRandom, lock};

/// Groups followed at once: the network bounds topics, and some are not ours.
const FOLLOWED: usize = 900;

/// The groups whose gossip this node follows, by topic.
#[derive(Default)]
pub(crate) struct Topics(Mutex<HashMap<[u8; 16], ChatId>>);

impl Topics {
    /// The group of a topic; none = a topic of communities.
    pub(crate) fn group(&self, topic: Topic) -> Option<ChatId> {
        lock(&self.0).get(&topic.0).copied()
    }
}

/// Whether a group has news for this node by gossip: somebody here is in it and has said yes, and others are elsewhere.
fn is_followed(shared: &Shared, no: u32) -> Result<Option<(ChatId, bool)>, StoreError> {
    let rows = shared.store.read()?;
    let Some(chat) = chats::chat(&rows, no)?.filter(|chat| chat.users.is_none()) else {
        return Ok(None);
    };
    let (mut here, mut there) = (false, false);
    for (user, _) in groups::group(&rows, no)?.unwrap_or_default().members {
        if here && there {
            // Two members tell it; a group may have thousands, and the writer waits.
            break;
        }
        if users::lives_here(&rows, user)? {
            here |= chats::inbox(&rows, user, no)?.is_some_and(|inbox| inbox.state == 0);
        } else {
            there = there || !homes::live(&rows, user)?.is_empty();
        }
    }
    Ok(Some((chat.id, here && there)))
}

/// Follows a group from now on, or no longer, as its members say.
pub(crate) fn follow(shared: &Shared, no: u32) {
    let (chat, on) = match is_followed(shared, no) {
        Ok(Some(found)) => found,
        Ok(None) => return,
        Err(error) => return tracing::error!(%error, "a group cannot be followed"),
    };
    let topic = chat_topic(chat).0;
    let mut followed = lock(&shared.topics.0);
    if on && followed.len() < FOLLOWED && followed.insert(topic, chat).is_none() {
        shared.network.subscribe(Topic(topic));
    } else if !on && followed.remove(&topic).is_some() {
        shared.network.unsubscribe(Topic(topic));
    }
}

/// Follows the groups of this node, those that were active last first.
pub(crate) fn follow_all(shared: &Shared) -> Result<(), StoreError> {
    let rows = shared.store.read()?;
    let mut found = BTreeSet::new();
    for user in users::all(&rows)? {
        found.extend(chats::of_user(&rows, user)?);
    }
    let mut numbers = Vec::new();
    for no in found {
        if let Some(chat) = chats::chat(&rows, no)?.filter(|chat| chat.users.is_none()) {
            numbers.push((std::cmp::Reverse(chat.active_ms), no));
        }
    }
    numbers.sort_unstable();
    for (_, no) in numbers.into_iter().take(FOLLOWED) {
        follow(shared, no);
    }
    Ok(())
}

/// Tells the group of own events that some member's node cannot be pushed just now.
pub(crate) fn tell(shared: &Shared, fresh: &Fresh) {
    let chat = fresh.chat.chat;
    let topic = chat_topic(chat).0;
    if fresh.chat.users.is_some() || !lock(&shared.topics.0).contains_key(&topic) {
        return;
    }
    let frame = GroupFrame::Event(ByteBuf::from(fresh.wire.to_vec()));
    // What is larger waits for the nodes to meet.
    if fresh.wire.len() + 64 <= limits::GROUP_FRAME {
        let sealed = gossip::seal(chat, &frame, &mut SystemRandom);
        shared.network.publish(Topic(topic), sealed);
    }
}

/// How long an event that is here may still come by gossip: it may have been pushed before.
const TRAVELS_MS: u64 = 60_000;

/// Whether an event has been here for longer than it travels.
fn is_old(shared: &Shared, id: EventId) -> bool {
    let look = || {
        let rows = shared.store.read()?;
        let Some(stored) = events::find(&rows, id)? else {
            return Ok(None);
        };
        match events::feed(&rows, stored.feed_no)? {
            Some(feed) => events::arrived_ms(&rows, feed.chat_no, stored.n),
            None => Ok(None),
        }
    };
    let came: Result<_, StoreError> = look();
    came.is_ok_and(|came| came.is_some_and(|ms| shared.now_ms().saturating_sub(ms) > TRAVELS_MS))
}

/// Takes a frame in, like a push of the neighbour who brought it, and lets it travel on once its event is here. Blamed
/// for it is only who brings what cannot be of this group (S4).
pub(crate) async fn heard(
    shared: Arc<Shared>,
    peer: NodeId,
    chat: ChatId,
    frame: Vec<u8>,
    verdict: Verdict,
) {
    let event = gossip::open(chat, &frame)
        .ok()
        .and_then(|plain| GroupFrame::decode(&plain).ok());
    let blame = |verdict: Verdict| {
        shared.counters.blamed.fetch_add(1, Ordering::Relaxed);
        verdict.reject();
    };
    let Some(GroupFrame::Event(wire)) = event else {
        return blame(verdict);
    };
    let event = WireEvent::decode(&wire).ok();
    let Some(event) = event.filter(|event| event.header().group == chat) else {
        return blame(verdict);
    };
    // Sealed anew an old event is a new frame to gossip: it does not travel again (B15).
    if is_old(&shared, event.id()) {
        return verdict.ignore();
    }
    let chat = ChatRef { chat, users: None };
    let taken = fetch::take_in(&shared, peer, chat, vec![wire]).await;
    match taken.acks.first() {
        // Its neighbours could have checked it as well as this node.
        _ if taken.forged => blame(verdict),
        Some(Ack::Committed) => verdict.accept(),
        _ => verdict.ignore(),
    }
}
