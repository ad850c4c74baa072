//! A long part of a feed that a peer lacks. The peer may be fetching it meanwhile, from here or from others: its heads
//! say how far it is, and what they cover is not pushed.

use chater_protocol::event::{Kind, Lane, VerifiedEvent};
use chater_protocol::id::{EventId, NodeId};
use chater_protocol::limits;
use chater_protocol::wire::{LogAnswer, LogRequest};
use chater_store::{StoreError, events};

use crate::fetch;
use crate::needs::Need;
use crate::remote::Acked;
use crate::shared::Shared;

/// What is shorter is pushed at once.
pub(crate) const LONG: u64 = 4 * limits::PUSH_EVENTS as u64;
/// Messages whose authors see at once that they arrived; older ones show it when they are read again.
const SHOWN: u64 = 1_024;

const MESSAGES: u8 = Lane::Messages as u8;

/// Asks how far the peer is with a feed: an ack of all up to there, if it has more than `next` says.
pub(crate) async fn taken(shared: &Shared, node: NodeId, need: &Need, next: u64) -> Option<Acked> {
    let request = LogRequest::Heads(need.chat.clone());
    let Ok(LogAnswer::Heads(heads)) = fetch::ask(shared, node, &request).await else {
        return None;
    };
    let look = || {
        let rows = shared.store.read()?;
        for head in &heads {
            // By its id: of a fork the peer may have another branch.
            let Some(stored) = events::find(&rows, head.id)? else {
                continue;
            };
            if (stored.feed_no, stored.branch) != (need.feed_no, 0) || stored.seq < next {
                continue;
            }
            let mut messages: Vec<EventId> = Vec::new();
            let shown_from = next.max(stored.seq.saturating_sub(SHOWN));
            let most = usize::MAX;
            for wire in events::range(&rows, need.feed_no, shown_from, stored.seq, most, most)? {
                let event = VerifiedEvent::from_store(&wire).ok();
                let event = event.filter(|event| event.header().kind == Kind::MSG);
                messages.extend(event.map(|event| event.id()));
            }
            return Ok(Some(Acked {
                chat: need.chat.clone(),
                feed_no: need.feed_no,
                up_to: stored.seq,
                author: need.author,
                before: match need.lane {
                    MESSAGES => shown_from.saturating_sub(next),
                    _ => 0,
                },
                messages,
            }));
        }
        Ok::<_, StoreError>(None)
    };
    look().unwrap_or_default()
}
