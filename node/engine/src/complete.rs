//! Whether a chat is all here (S10): asked of the nodes of its members when somebody wants to know, and never
//! claimed beyond what they answer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chater_network::Protocol;
use chater_protocol::heads::{digest, digest_from};
use chater_protocol::id::{ChatId, NodeId};
use chater_protocol::wire::{LogAnswer, LogRequest, Message as _, SummaryRow, chat_topic};
use chater_store::{events, homes};

use crate::error::Error;
use crate::read::Reader;
use crate::shared::Shared;
use crate::user::UserHandle;
use crate::view::Completeness;

/// Nodes asked at once.
const ASKED: usize = 16;
/// How long a node may take: the page of the details waits for it.
const WAIT: Duration = Duration::from_millis(700);
/// Authors named of what lacks.
const NAMED: usize = 3;
/// S10: so many equal answers are enough, if there are so many nodes.
const ENOUGH: usize = 3;

/// What is known here, and whom to ask.
struct Here {
    missing: u32,
    of: Vec<String>,
    row: SummaryRow,
    others: usize,
    linked: Vec<NodeId>,
}

fn here(shared: &Shared, handle: &UserHandle, chat: ChatId) -> Result<Here, Error> {
    let rows = shared.store.read()?;
    let reader = Reader::new(shared, &rows, handle.id());
    let (no, row, _) = reader.own_chat(chat)?;
    let mut nodes = BTreeSet::new();
    for member in reader.others(no, &row)? {
        for (_, home) in homes::live(&rows, member)? {
            nodes.insert(home.node_id);
        }
    }
    nodes.remove(&shared.node_id);
    if reader.is_out(no)? {
        nodes.clear();
    }
    let missing = events::missing(&rows, no)?;
    let mut of = Vec::new();
    for (_, feed) in events::feeds(&rows, no)? {
        // Of a feed that forks something dead may stand above its end: no gap if nothing lacks.
        let gap = feed.top >= feed.whole && (missing > 0 || feed.forked_at.is_none());
        if gap && of.len() < NAMED {
            let name = reader.person(feed.author)?.display_name.clone();
            if !of.contains(&name) {
                of.push(name);
            }
        }
    }
    Ok(Here {
        missing,
        of,
        row: SummaryRow {
            topic: chat_topic(chat),
            digest: digest_from(digest(&events::heads(&rows, no)?), shared.node_id),
        },
        others: nodes.len(),
        linked: nodes
            .into_iter()
            .filter(|node| shared.is_linked(*node))
            .take(ASKED)
            .collect(),
    })
}

/// Whether that node has the same of the chat; none = it did not say.
async fn is_equal(shared: Arc<Shared>, node: NodeId, row: SummaryRow) -> Option<bool> {
    let topic = row.topic;
    let request = LogRequest::Summary(vec![row]).encode();
    let asked = shared.network.request(node, Protocol::Log, request);
    let answer = tokio::time::timeout(WAIT, asked).await.ok()?.ok()?;
    match LogAnswer::decode(&answer) {
        Ok(LogAnswer::Differ(topics)) => Some(!topics.contains(&topic)),
        _ => None,
    }
}

impl UserHandle {
    /// Compares a chat with the nodes of its members that are connected, now.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a chat of others.
    pub async fn completeness(&self, chat: ChatId) -> Result<Completeness, Error> {
        let shared = self.shared().clone();
        let here = here(&shared, self, chat)?;
        let asked = here.linked.iter().map(|node| {
            let (shared, node, row) = (shared.clone(), *node, here.row.clone());
            is_equal(shared, node, row)
        });
        let answers = futures::future::join_all(asked).await;
        let equal = answers.iter().filter(|equal| **equal == Some(true)).count();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Ok(Completeness {
            missing: here.missing,
            of: here.of,
            nodes: count(here.others),
            asked: count(answers.len()),
            equal: count(equal),
            complete: here.missing == 0 && here.others > 0 && equal >= ENOUGH.min(here.others),
        })
    }
}
