//! What another node lacks: how far each feed of the chats with it has come there, and what it left out.

use std::collections::{BTreeMap, BTreeSet};

use chater_protocol::chat::direct;
use chater_protocol::id::{NodeId, UserId};
use chater_protocol::wire::ChatRef;
use chater_store::{Rows, StoreError, chats, events, groups, homes, users, void};

/// An own feed that may have to be pushed.
pub(crate) struct Need {
    pub(crate) chat: ChatRef,
    pub(crate) feed_no: u32,
    pub(crate) author: UserId,
    pub(crate) lane: u8,
    /// Everything below is here.
    pub(crate) whole: u64,
}

/// Own feeds of chats with people on that node.
pub(crate) fn needs(rows: &impl Rows, node: NodeId) -> Result<Vec<Need>, StoreError> {
    let mut needs = Vec::new();
    for (no, chat) in chats_with(rows, node)? {
        for (feed_no, feed) in events::feeds(rows, no)? {
            // What was written before its author blocked the other stays here.
            let blocked = || {
                let inbox = chats::inbox(rows, feed.author, no)?;
                Ok::<_, StoreError>(inbox.is_some_and(|inbox| inbox.state == 3))
            };
            if users::lives_here(rows, feed.author)? && !blocked()? {
                let (author, lane) = (feed.author, feed.lane);
                // What does not count is refused, and would hold up the rest of the chat.
                let whole = void::live_end(rows, feed_no, &feed, feed.whole)?;
                needs.push(Need {
                    chat: chat.clone(),
                    feed_no,
                    author,
                    lane,
                    whole,
                });
            }
        }
    }
    // S9: whoever was removed from a group is told so, and nothing that came after.
    for (no, last, chat) in left_by(rows, node)? {
        for (feed_no, feed) in events::feeds(rows, no)? {
            if feed.lane == 0 && users::lives_here(rows, feed.author)? {
                needs.push(Need {
                    chat: chat.clone(),
                    feed_no,
                    author: feed.author,
                    lane: 0,
                    whole: whole_until(rows, feed_no, feed.whole, last)?,
                });
            }
        }
    }
    // Keys before the messages sealed with them (S7).
    needs.sort_by_key(|need| (need.chat.chat, need.lane));
    Ok(needs)
}

/// Chats of somebody here with somebody on that node: direct ones, and groups that both are in.
pub(crate) fn chats_with(
    rows: &impl Rows,
    node: NodeId,
) -> Result<Vec<(u32, ChatRef)>, StoreError> {
    let mut found: Vec<(u32, ChatRef)> = Vec::new();
    let mut known = BTreeSet::new();
    for user in homes::living_on(rows, node)? {
        for no in chats::of_user(rows, user)? {
            let Some(chat) = chats::chat(rows, no)?.filter(|_| !known.contains(&no)) else {
                continue;
            };
            let reference = match chat.users {
                Some((a, b)) => {
                    let here = users::lives_here(rows, a)? || users::lives_here(rows, b)?;
                    here.then(|| direct::chat_ref(a, b))
                }
                None => (!groups::is_former(rows, user, no)?).then_some(ChatRef {
                    chat: chat.id,
                    users: None,
                }),
            };
            if let Some(reference) = reference {
                known.insert(no);
                found.push((no, reference));
            }
        }
    }
    Ok(found)
}

/// Groups in which that node has former members only, and the arrival number of the last event that is theirs.
pub(crate) fn left_by(
    rows: &impl Rows,
    node: NodeId,
) -> Result<Vec<(u32, u64, ChatRef)>, StoreError> {
    let mut found: BTreeMap<u32, Option<(u64, ChatRef)>> = BTreeMap::new();
    for user in homes::living_on(rows, node)? {
        for no in chats::of_user(rows, user)? {
            if let Some(chat) = chats::chat(rows, no)?.filter(|chat| chat.users.is_none()) {
                let reference = ChatRef {
                    chat: chat.id,
                    users: None,
                };
                let slot = found.entry(no).or_insert(Some((0, reference)));
                if !groups::is_former(rows, user, no)? {
                    *slot = None;
                } else if let Some((last, _)) = slot {
                    *last = groups::left(rows, user, no)?
                        .unwrap_or(chat.count)
                        .max(*last);
                }
            }
        }
    }
    let left = found.into_iter();
    let left = left.filter_map(|(no, left)| left.map(|(last, chat)| (no, last, chat)));
    Ok(left.collect())
}

/// Where an own feed ends for somebody who may have what came up to that arrival number.
fn whole_until(rows: &impl Rows, feed_no: u32, whole: u64, last: u64) -> Result<u64, StoreError> {
    let mut whole = whole;
    while let Some(seq) = whole.checked_sub(1) {
        let event = events::event(rows, feed_no, seq, 0)?;
        let stored = event
            .map(|event| events::find(rows, event.id()))
            .transpose()?;
        if stored.flatten().is_none_or(|stored| stored.n <= last) {
            break;
        }
        whole = seq;
    }
    Ok(whole)
}
