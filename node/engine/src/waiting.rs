//! Whose invitation to a group still waits: as far as it can be told from what was acknowledged, and no further.

use chater_protocol::id::UserId;
use chater_store::chats::ChatRow;
use chater_store::events::{self, FeedRow};
use chater_store::{Rows, StoreError, chats, homes, nodes, outbox, users};

use crate::read::Reader;
use crate::view::Waiting;

/// What this node has written in a group, and who has shown to be in it.
pub(crate) struct Signs {
    feeds: Vec<(u32, FeedRow)>,
    /// Own feeds that a node takes only once somebody there has accepted (M9).
    own: Vec<u32>,
    /// Own control feeds, which any member's node takes.
    control: Vec<u32>,
}

impl<R: Rows> Reader<'_, R> {
    /// What is looked at for each member.
    pub(crate) fn signs(&self, no: u32) -> Result<Signs, StoreError> {
        let feeds = events::feeds(self.rows(), no)?;
        let (mut own, mut control) = (Vec::new(), Vec::new());
        for (feed_no, feed) in &feeds {
            if feed.whole > 0 && users::lives_here(self.rows(), feed.author)? {
                let list = if feed.lane == 0 {
                    &mut control
                } else {
                    &mut own
                };
                list.push(*feed_no);
            }
        }
        Ok(Signs {
            feeds,
            own,
            control,
        })
    }

    /// What the invitation of a member waits for; none = it was accepted, or nothing here tells.
    pub(crate) fn waiting(
        &self,
        no: u32,
        chat: &ChatRow,
        signs: &Signs,
        user: UserId,
    ) -> Result<Option<Waiting>, StoreError> {
        if chat.users.is_some() {
            return Ok(None);
        }
        if users::lives_here(self.rows(), user)? {
            // A no looks like no answer: it is nobody's business.
            let inbox = chats::inbox(self.rows(), user, no)?;
            let asked = inbox.is_some_and(|inbox| matches!(inbox.state, 1..=3));
            return Ok(asked.then_some(Waiting::Answer));
        }
        let wrote = |feed: &FeedRow| feed.author == user && feed.whole > 0;
        if signs.feeds.iter().any(|(_, feed)| wrote(feed))
            || chats::mark(self.rows(), no, user)?.is_some()
            || signs.own.is_empty()
        {
            return Ok(None);
        }
        let (mut knows, mut any) = (false, false);
        for (_, home) in homes::live(self.rows(), user)? {
            any = true;
            // Without a word of ours that it could take, being there is all that can be told.
            knows |= signs.control.is_empty() && self.shared().is_linked(home.node_id);
            let Some(node) = nodes::node(self.rows(), home.node_id)? else {
                continue;
            };
            for feed in &signs.own {
                if outbox::acked(self.rows(), *feed, node.no)?.is_some() {
                    return Ok(None);
                }
            }
            for feed in &signs.control {
                knows |= outbox::acked(self.rows(), *feed, node.no)?.is_some();
            }
        }
        Ok(match (any, knows) {
            (true, true) => Some(Waiting::Answer),
            (true, false) => Some(Waiting::Node),
            (false, _) => None,
        })
    }
}
