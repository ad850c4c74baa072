//! Asking a peer for what lacks here: identities, parts of feeds, keys (S6, K7). Everything fetched
//! goes in by the same door as what is pushed.

use std::collections::BTreeSet;
use std::sync::Arc;

use chater_network::{Protocol, RequestError};
use chater_protocol::event::{VerifiedEvent, WireEvent};
use chater_protocol::heads::{HeadRow, lacking};
use chater_protocol::id::{HomeId, NodeId, UserId};
use chater_protocol::identity::{HomeRecord, KemCard, ProfileCard};
use chater_protocol::limits;
use chater_protocol::wire::{Ack, ChatRef, Identities, LogAnswer, LogRequest, Message, Range};
use chater_store::{events, homes};

use crate::actor::From;
use crate::remote::{self, Taken, Verified};
use crate::shared::{Shared, lock};

/// Homes remembered at most.
const HOMES: usize = 8_192;
/// Fewer events than this are verified on the spot; more go to the blocking threads.
const FEW: usize = 4;

async fn ask(
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
        return Some(record.clone());
    }
    let rows = shared.store.read().ok()?;
    let record = Arc::new(homes::home(&rows, user, home).ok().flatten()?);
    let mut homes = lock(&shared.homes);
    if homes.len() >= HOMES {
        homes.clear();
    }
    homes.insert(home, record.clone());
    Some(record)
}

/// Asks a peer for all it knows of some users and keeps what verifies.
pub(crate) async fn identities(shared: &Arc<Shared>, node: NodeId, users: Vec<UserId>) -> bool {
    let request = LogRequest::Identity(users);
    let Ok(LogAnswer::Identities(given)) = ask(shared, node, &request).await else {
        return false;
    };
    keep_identities(shared, given).await.is_some()
}

/// Verifies off the async threads and keeps; gives what verified.
pub(crate) async fn keep_identities(shared: &Arc<Shared>, given: Identities) -> Option<Verified> {
    let verified = {
        let shared = shared.clone();
        tokio::task::spawn_blocking(move || verify_identities(&shared, &given))
            .await
            .ok()?
    };
    let out = verified.clone();
    shared
        .inputs
        .run(From::Others, move |turn| {
            if remote::learn(turn, &verified)? {
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

fn check(shared: &Shared, wire: &[u8]) -> Checked {
    let event = match WireEvent::decode(wire) {
        Ok(event) => event,
        Err(reason) => {
            tracing::debug!(%reason, "event refused");
            return Checked::Bad;
        }
    };
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

async fn check_all(shared: &Arc<Shared>, wires: Arc<Vec<serde_bytes::ByteBuf>>) -> Vec<Checked> {
    if wires.len() <= FEW {
        return wires.iter().map(|wire| check(shared, wire)).collect();
    }
    let shared = shared.clone();
    tokio::task::spawn_blocking(move || wires.iter().map(|wire| check(&shared, wire)).collect())
        .await
        .unwrap_or_default()
}

/// Takes events of a chat in, whatever way they came: decodes, verifies, asks for identities that lack,
/// commits. The answer has one ack per event, in order.
pub(crate) async fn take_in(
    shared: &Arc<Shared>,
    node: NodeId,
    chat: ChatRef,
    wires: Vec<serde_bytes::ByteBuf>,
) -> Taken {
    let count = wires.len();
    let wires = Arc::new(wires);
    let mut checked = check_all(shared, wires.clone()).await;
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
    if !unknown.is_empty() {
        // I3: the sender is asked; the event waits with the sender, who pushes it again.
        let users: Vec<UserId> = unknown.into_iter().take(limits::IDS).collect();
        identities(shared, node, users).await;
        checked = check_all(shared, wires).await;
        for (wait, c) in waits.iter_mut().zip(&checked) {
            *wait = matches!(c, Checked::Unknown(_));
        }
    }
    let batch: Vec<Option<VerifiedEvent>> = checked
        .into_iter()
        .map(|c| {
            if let Checked::Good(event) = c {
                Some(*event)
            } else {
                None
            }
        })
        .collect();
    let named = chat.clone();
    let taken = shared
        .inputs
        .run(From::Others, move |turn| {
            remote::accept(turn, &named, &batch)
        })
        .await;
    let mut taken = taken.unwrap_or(Taken {
        acks: vec![Ack::Later; count],
        gap: false,
    });
    for (ack, wait) in taken.acks.iter_mut().zip(waits) {
        if wait {
            *ack = Ack::Waits;
        }
    }
    if taken.gap {
        let (shared, chat) = (shared.clone(), chat);
        tokio::spawn(async move {
            let _ = sync_chat(&shared, node, &chat).await;
        });
    }
    taken
}

/// Compares the heads of one chat with a peer and fetches what lacks here; gives the peer's heads.
pub(crate) async fn sync_chat(
    shared: &Arc<Shared>,
    node: NodeId,
    chat: &ChatRef,
) -> Result<Vec<HeadRow>, ()> {
    let Ok(LogAnswer::Heads(mut heads)) = ask(shared, node, &LogRequest::Heads(chat.clone())).await
    else {
        return Err(());
    };
    heads.truncate(limits::HEAD_ROWS);
    // Control, keys, messages (S7).
    heads.sort_by_key(|head| head.lane);
    for head in &heads {
        while let Some((from, to)) = what_lacks(shared, chat, head) {
            let request = LogRequest::Range(Range {
                chat: chat.clone(),
                author: head.author,
                home: head.home,
                lane: head.lane,
                from,
                to,
            });
            let Ok(LogAnswer::Events(wires)) = ask(shared, node, &request).await else {
                return Err(());
            };
            if wires.is_empty() {
                break;
            }
            Box::pin(take_in_once(shared, node, chat, wires)).await;
            // A server that gives nothing new is not asked for ever.
            if what_lacks(shared, chat, head).is_some_and(|(next, _)| next == from) {
                break;
            }
        }
    }
    Ok(heads)
}

/// As [`take_in`], without looking for gaps again: the caller is closing them.
async fn take_in_once(
    shared: &Arc<Shared>,
    node: NodeId,
    chat: &ChatRef,
    wires: Vec<serde_bytes::ByteBuf>,
) {
    let wires: Vec<_> = wires.into_iter().take(limits::RANGE_EVENTS).collect();
    let checked = check_all(shared, Arc::new(wires.clone())).await;
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
    let checked = if unknown.is_empty() {
        checked
    } else {
        identities(
            shared,
            node,
            unknown.into_iter().take(limits::IDS).collect(),
        )
        .await;
        check_all(shared, Arc::new(wires)).await
    };
    let batch: Vec<Option<VerifiedEvent>> = checked
        .into_iter()
        .map(|c| {
            if let Checked::Good(event) = c {
                Some(*event)
            } else {
                None
            }
        })
        .collect();
    let chat = chat.clone();
    let _ = shared
        .inputs
        .run(From::Others, move |turn| {
            remote::accept(turn, &chat, &batch)
        })
        .await;
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
