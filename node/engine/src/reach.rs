//! How far an own message of a group has come while not all nodes have it, or not all members have read it.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chater_protocol::id::{ChatId, EventId, NodeId, UserId};
use chater_protocol::time::Timestamp;
use chater_store::chats::ChatRow;
use chater_store::{Rows, StoreError, chats, events, nodes, outbox};

use crate::read::{Reader, ms, rules};
use crate::update::News;
use crate::view::{MessageState, Reach, Reading};

/// In larger groups nobody counts.
const COUNTED: usize = 200;

/// Up to where members have read, and when they said so.
type Marks = Arc<Vec<(UserId, Timestamp, EventId, Timestamp)>>;

/// What one reader has looked up of it.
#[derive(Default)]
pub(crate) struct Reached {
    nodes: RefCell<HashMap<u32, Arc<BTreeSet<NodeId>>>>,
    acks: RefCell<HashMap<(u32, NodeId), Option<u64>>>,
    marks: RefCell<HashMap<u32, Marks>>,
}

impl<R: Rows> Reader<'_, R> {
    /// The other nodes with members of a group.
    fn nodes_of(&self, no: u32, others: &[UserId]) -> Result<Arc<BTreeSet<NodeId>>, StoreError> {
        if let Some(known) = self.reached().nodes.borrow().get(&no) {
            return Ok(known.clone());
        }
        let mut found = BTreeSet::new();
        for other in others {
            let person = self.person(*other)?;
            if !person.here {
                found.insert(person.node_id);
            }
        }
        let found = Arc::new(found);
        self.reached().nodes.borrow_mut().insert(no, found.clone());
        Ok(found)
    }

    /// Up to which seq a node has a feed.
    fn has(&self, feed_no: u32, node: NodeId) -> Result<Option<u64>, StoreError> {
        let key = (feed_no, node);
        if let Some(known) = self.reached().acks.borrow().get(&key) {
            return Ok(*known);
        }
        let up_to = match nodes::node(self.rows(), node)? {
            Some(row) => outbox::acked(self.rows(), feed_no, row.no)?,
            None => None,
        };
        self.reached().acks.borrow_mut().insert(key, up_to);
        Ok(up_to)
    }

    /// Whether the viewer is shown who reads.
    pub(crate) fn sees_readers(&self, no: u32, chat: &ChatRow) -> Result<bool, StoreError> {
        Ok(self.preferences()?.read_marks
            && (chat.users.is_some() || rules(self.group(no)?.policy.as_ref()).read_marks))
    }

    /// The read marks of the others, where they are shown.
    fn marks_of(&self, no: u32, chat: &ChatRow, others: &[UserId]) -> Result<Marks, StoreError> {
        if let Some(known) = self.reached().marks.borrow().get(&no) {
            return Ok(known.clone());
        }
        let mut found = Vec::new();
        let shown = self.sees_readers(no, chat)?;
        for other in others.iter().filter(|_| shown) {
            if let Some((counter, id, eff)) = chats::mark(self.rows(), no, *other)? {
                found.push((*other, counter, id, eff));
            }
        }
        let found = Arc::new(found);
        self.reached().marks.borrow_mut().insert(no, found.clone());
        Ok(found)
    }

    /// How far a message has come; none in a chat of two, in a very large group, and where it is everywhere.
    pub(crate) fn reach(
        &self,
        no: u32,
        chat: &ChatRow,
        state: MessageState,
        (feed_no, seq, eff): (u32, u64, Timestamp),
    ) -> Result<Option<Reach>, StoreError> {
        if chat.users.is_some() || !matches!(state, MessageState::Stored | MessageState::Delivered)
        {
            return Ok(None);
        }
        let others = self.others(no, chat)?;
        if others.is_empty() || others.len() > COUNTED {
            return Ok(None);
        }
        let (mut have, mut readers) = (0, 0);
        let nodes = self.nodes_of(no, &others)?;
        for node in nodes.iter() {
            have += u32::from(self.has(feed_no, *node)?.is_some_and(|up_to| up_to >= seq));
        }
        for (.., read) in self.marks_of(no, chat, &others)?.iter() {
            readers += u32::from(*read >= eff);
        }
        let number = |many: usize| u32::try_from(many).unwrap_or(u32::MAX);
        Ok(Some(Reach {
            nodes: have,
            of_nodes: number(nodes.len()),
            readers,
            people: number(others.len()),
        }))
    }

    /// Who has read an own message, and when where that is known: a mark tells it of its own message alone.
    pub(crate) fn readers(
        &self,
        no: u32,
        chat: &ChatRow,
        id: EventId,
        eff: Timestamp,
    ) -> Result<Vec<Reading>, StoreError> {
        let others = self.others(no, chat)?;
        let marks = self.marks_of(no, chat, &others)?;
        let mut readers = Vec::new();
        for (user, counter, marked, read) in marks.iter() {
            if *read >= eff {
                readers.push(Reading {
                    name: self.person(*user)?.display_name.clone(),
                    at_ms: (*marked == id).then(|| ms(counter.ms())),
                });
            }
        }
        Ok(readers)
    }

    /// News of how far the newest of these own messages has come, for those that are not everywhere yet.
    pub(crate) fn told_reach(
        &self,
        chat: ChatId,
        ids: &[EventId],
    ) -> Result<Option<News>, StoreError> {
        let Some(no) = chats::number(self.rows(), chat)? else {
            return Ok(None);
        };
        let mut newest = None;
        for id in ids {
            if let Some((stored, event)) = events::by_id(self.rows(), *id)? {
                newest = newest.max(Some((stored.eff, *id, stored.feed_no, event.header().seq)));
            }
        }
        let Some((eff, id, feed_no, seq)) = newest else {
            return Ok(None);
        };
        let Some(row) = chats::chat(self.rows(), no)? else {
            return Ok(None);
        };
        // Whether all have it is told by its state.
        let reach = self.reach(no, &row, MessageState::Stored, (feed_no, seq, eff))?;
        Ok(reach.map(|reach| News::Reach {
            chat_id: chat,
            id,
            reach,
        }))
    }
}
