//! People whose words made a home here (I7). Nobody elsewhere knows of it, and nothing is known here of their chats: so each
//! node that is linked is told who lives here now. Whoever has a chat with them asks for their identity, and names the chat.

use std::sync::Arc;
use std::time::Duration;

use chater_protocol::id::{NodeId, UserId};
use chater_protocol::identity::HomeRecord;
use chater_protocol::key::SigningKey;
use chater_protocol::limits;
use chater_protocol::wire::{LogAnswer, LogRequest};
use chater_store::accounts::{self, MovedRow};
use chater_store::users::{self, UserRow};
use chater_store::{Rows, StoreError, chats, homes};
use zeroize::Zeroizing;

use crate::actor::{From, now_ms};
use crate::error::Error;
use crate::fetch::{ask, identities};
use crate::greet::meet_anew;
use crate::root;
use crate::shared::{Shared, lock};
use crate::turn::Turn;

/// A node that does not hear it is told again after so long; then when it is linked anew.
const AGAIN: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(500),
    Duration::from_secs(5),
];

/// Tells a node that is linked who lives here now, and asks what it knows of their homes elsewhere.
pub(crate) async fn tell(shared: &Arc<Shared>, node: NodeId) {
    let all = shared
        .store
        .read()
        .and_then(|rows| accounts::all_moved(&rows));
    for part in all.unwrap_or_default().chunks(limits::IDS) {
        let request = LogRequest::Lives(part.to_vec());
        for pause in AGAIN {
            tokio::time::sleep(pause).await;
            if let Ok(LogAnswer::Done(_)) = ask(shared, node, &request).await {
                break;
            }
        }
        identities(shared, node, part.to_vec(), false).await;
    }
}

/// Tells all linked nodes.
pub(crate) fn tell_all(shared: &Arc<Shared>) {
    let linked: Vec<NodeId> = lock(&shared.presence).links.keys().copied().collect();
    for node in linked {
        let shared = shared.clone();
        tokio::spawn(async move { tell(&shared, node).await });
    }
}

/// A node says who lives there now. Asked for are those who have a chat with somebody here, or live here as well:
/// strangers are nobody's business. Their chats are then compared with that node, which has never heard of them.
pub(crate) async fn told(shared: &Arc<Shared>, peer: NodeId, people: Vec<UserId>) {
    let new = || {
        let rows = shared.store.read()?;
        let mut new = Vec::new();
        for user in &people {
            if is_known(&rows, *user)? && !homes::lives_on(&rows, *user, peer)? {
                new.push(*user);
            }
        }
        Ok::<_, StoreError>(new)
    };
    let Ok(asked) = new() else { return };
    if asked.is_empty() || lock(&shared.rates).finds.take(&peer, now_ms()).is_err() {
        return;
    }
    let count = asked.len();
    identities(shared, peer, asked, false).await;
    if new().is_ok_and(|left| left.len() < count)
        && let Some(link) = lock(&shared.presence).links.get(&peer)
    {
        lock(&link.hot).compare_anew();
        link.delivery.notify_one();
    }
}

fn is_known(rows: &impl Rows, user: UserId) -> Result<bool, StoreError> {
    Ok(users::lives_here(rows, user)? || !chats::of_user(rows, user)?.is_empty())
}

/// Homes of a moved user that were opened before and are left: their nodes are gone by what the user said, or they were
/// on this node, which has lost them.
fn left(rows: &impl Rows, user: UserId, here: NodeId) -> Result<Vec<HomeRecord>, StoreError> {
    let (Some(MovedRow { since_ms, gone, .. }), Some(row)) =
        (accounts::moved(rows, user)?, users::user(rows, user)?)
    else {
        return Ok(Vec::new());
    };
    let mut found = homes::live(rows, user)?;
    found.retain(|(home, record)| {
        *home != row.home && record.ts <= since_ms && (gone || record.node_id == here)
    });
    Ok(found.into_iter().map(|(_, record)| record).collect())
}

/// Ends them, with the root at hand. Whether there were any.
pub(crate) fn end_homes_left(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    root: &SigningKey,
) -> Result<bool, StoreError> {
    let mut any = false;
    // Eight at a time count as live (I2): behind them may be more.
    loop {
        let left = left(turn.tx, user, turn.shared.node_id)?;
        if left.is_empty() {
            return Ok(any);
        }
        for home in left {
            root::retire(turn, &home, root)?;
        }
        any = true;
        turn.durable();
        turn.identities_changed();
    }
}

/// The password was just proven: homes that came to be known after the move end now. Quietly does nothing when the root
/// does not open under it.
pub(crate) async fn end_left(
    shared: &Shared,
    user: UserId,
    row: &UserRow,
    password: Zeroizing<String>,
) -> Result<(), Error> {
    if left(&shared.store.read()?, user, shared.node_id)?.is_empty() {
        return Ok(());
    }
    let Some(root) = root::open(shared, user, row, password).await? else {
        return Ok(());
    };
    let ended = shared
        .inputs
        .run(From::Local, move |turn| {
            Ok(end_homes_left(turn, user, &root)?)
        })
        .await?;
    if ended {
        meet_anew(shared);
    }
    Ok(())
}
