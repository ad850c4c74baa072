//! What is done once a day, in small turns: keys of homes are renewed (I5), what has run out is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chater_protocol::id::{Hash, NodeId, UserId};
use chater_protocol::identity::{KemCard, SUITE_X25519};
use chater_protocol::seal::KemSecret;
use chater_store::nodes::NodeRow;
use chater_store::tables::Table;
use chater_store::users::{InviteRow, OldKemsRow, SessionRow};
use chater_store::{Rows as _, StoreError, communities, homes, mail, nodes, users};

use crate::account::SESSION_MS;
use crate::actor::{From, now_ms};
use crate::links;
use crate::shared::{Shared, lock};
use crate::turn::{Fail, Turn, secret_aad};

/// The first time after a start, then every day.
const FIRST: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// A KEM key is sealed to for so long; its secret is kept for so long after that (I5).
const KEM_MS: u64 = 30 * DAY_MS;
const KEM_KEPT_MS: u64 = 60 * DAY_MS;
/// Client ids are remembered for so long (Q27).
const CLIENT_ID_MS: u64 = 30 * DAY_MS;
/// A node that was never linked for its own sake is remembered for so long. Without it whoever makes keys fills the disk with rows.
const NODE_MS: u64 = 30 * DAY_MS;
/// Rows looked at in one snapshot, and removed in one turn.
const PIECE: usize = 512;

/// Runs until the node stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    tokio::time::sleep(FIRST).await;
    loop {
        once(&shared).await;
        tokio::time::sleep(DAY).await;
    }
}

/// Everything that is due now.
pub(crate) async fn once(shared: &Arc<Shared>) {
    renew(shared).await;
    let now = now_ms();
    sweep(shared, Table::ClientIds, move |row| {
        let at = row.last_chunk::<8>().map(|at| u64::from_be_bytes(*at));
        at.is_none_or(|at| now.saturating_sub(at) > CLIENT_ID_MS)
    })
    .await;
    sweep(shared, Table::Sessions, move |row| {
        chater_protocol::codec::decode::<SessionRow>(row, usize::MAX)
            .is_ok_and(|row| now.saturating_sub(row.seen_ms) > SESSION_MS)
    })
    .await;
    sweep(shared, Table::Invites, move |row| {
        chater_protocol::codec::decode::<InviteRow>(row, usize::MAX)
            .is_ok_and(|row| row.expires_ms < now)
    })
    .await;
    sweep(shared, Table::OldKems, move |row| {
        chater_protocol::codec::decode::<OldKemsRow>(row, usize::MAX)
            .is_ok_and(|row| row.until_ms < now)
    })
    .await;
    crate::avatars::sweep(shared).await;
    crate::mailbox::sweep(shared).await;
    forget_nodes(shared).await;
    let linked: Vec<NodeId> = lock(&shared.presence).links.keys().copied().collect();
    for node in linked {
        crate::fetch::refresh(shared, node).await;
    }
}

/// Forgets nodes that were only heard of, or let in to answer or to leave mail, and that nothing here names.
async fn forget_nodes(shared: &Arc<Shared>) {
    let found = {
        let shared = shared.clone();
        // It may walk all acks: not on the threads that serve everybody.
        tokio::task::spawn_blocking(move || strangers(&shared)).await
    };
    let found = match found {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::warn!(%error, "nodes that nothing names were not looked for");
            return;
        }
        Err(_) => return,
    };
    for part in found.chunks(PIECE) {
        let part = part.to_vec();
        let forgotten = shared
            .inputs
            .run(From::Others, move |turn| {
                let mut forgotten = Vec::new();
                for node in part {
                    // Somebody may have come meanwhile.
                    let row = nodes::node(turn.tx, node)?;
                    let still = row.is_some_and(|row| is_old(&row, turn.now_ms));
                    if still && homes::users_on(turn.tx, node)?.is_empty() {
                        nodes::remove(turn.tx, node)?;
                        mail::remove_card(turn.tx, node)?;
                        forgotten.push(node);
                    }
                }
                Ok(forgotten)
            })
            .await;
        let Ok(forgotten) = forgotten else { return };
        for node in forgotten {
            shared.post.forgotten(node);
            shared.network.unwant(node);
        }
    }
}

/// Whether nothing in its row speaks for keeping a node.
fn is_old(row: &NodeRow, now_ms: u64) -> bool {
    let last = row.since_ms.max(row.seen_ms);
    !links::is_known(row) && !row.blocked && now_ms.saturating_sub(last) > NODE_MS
}

/// Nodes that may be forgotten: no user lives there, no chat, ack, card of a community or mailbox has to do with them, and the owner
/// has not said anything about them.
fn strangers(shared: &Shared) -> Result<Vec<NodeId>, StoreError> {
    let rows = shared.store.read()?;
    let now = shared.now_ms();
    let off = communities::off(&rows)?;
    let mut found = BTreeMap::new();
    for (node, row) in nodes::all(&rows)? {
        if is_old(&row, now)
            && !shared.is_linked(node)
            && !shared.blocks.has(node)
            && !shared.allow.lists(node)
            && !shared.neighbours.has(node)
            && !off.contains(&node)
            && homes::users_on(&rows, node)?.is_empty()
            && mail::mailbox(&rows, node)?.is_none()
            && mail::client(&rows, node)?.is_none()
        {
            found.insert(node, row.no);
        }
    }
    if found.is_empty() {
        return Ok(Vec::new());
    }
    // The mailboxes of those who stay.
    let mut boxes = BTreeSet::new();
    for card in mail::cards(&rows)? {
        if !found.contains_key(&card.node) {
            boxes.extend(card.mailboxes);
        }
    }
    let named = nodes::named(&rows, &found.values().copied().collect())?;
    found.retain(|node, no| !boxes.contains(node) && !named.contains(no));
    Ok(found.into_keys().collect())
}

/// Renews KEM keys that are old enough and erases those that ran out; one user a turn.
async fn renew(shared: &Arc<Shared>) {
    let all = shared.store.read().and_then(|rows| users::all(&rows));
    for user in all.unwrap_or_default() {
        let renewed = shared
            .inputs
            .run(From::Others, move |turn| renew_kem(turn, user))
            .await;
        if let Err(error) = renewed {
            tracing::warn!(%error, user = %user.short(), "the sealing key was not renewed");
        }
    }
}

fn renew_kem(turn: &mut Turn<'_, '_>, user: UserId) -> Result<(), Fail> {
    let Some(mut row) = users::user(turn.tx, user)?.filter(|row| !row.stopped) else {
        return Ok(());
    };
    let now = turn.now_ms;
    let before = row.kems.len();
    // Each is sealed to until the next one was made.
    let made: Vec<u64> = row.kems.iter().map(|(.., made)| *made).collect();
    let mut replaced = std::iter::once(None).chain(made.iter().map(Some));
    row.kems.retain(|_| {
        replaced
            .next()
            .flatten()
            .is_none_or(|at| now.saturating_sub(*at) <= KEM_KEPT_MS)
    });
    let old = made
        .first()
        .is_none_or(|at| now.saturating_sub(*at) > KEM_MS);
    if !old {
        if row.kems.len() != before {
            turn.durable();
            users::put_user(turn.tx, user, &row)?;
        }
        return Ok(());
    }
    let writer = turn.writer(user)?;
    turn.durable();
    let (secret, kem_pk) = KemSecret::generate(turn.rng);
    let newest = row.kems.iter().map(|(n, ..)| *n).max();
    let card = KemCard {
        v: 1,
        user,
        home: writer.home,
        n: newest.map_or(0, |n| n.saturating_add(1)),
        suite: SUITE_X25519,
        kem_pk,
        ts: now,
    };
    let sealed = turn
        .shared
        .kek
        .seal(&secret_aad(b"kem", user, 1), secret.bytes(), turn.rng);
    row.kems
        .insert(0, (card.n, serde_bytes::ByteBuf::from(sealed), now));
    homes::put_kem(turn.tx, &card, &card.sign(&writer.key))?;
    users::put_user(turn.tx, user, &row)?;
    turn.identities_changed();
    Ok(())
}

/// Removes the rows of a table that ran out: looked for in snapshots, removed in small turns.
async fn sweep(
    shared: &Arc<Shared>,
    table: Table,
    over: impl Fn(&[u8]) -> bool + Copy + Send + Sync + 'static,
) {
    let mut from = Vec::new();
    loop {
        let piece = piece(shared, table, &from, over);
        let Ok((found, next)) = piece else { return };
        if !found.is_empty() {
            let removed = shared
                .inputs
                .run(From::Others, move |turn| {
                    for key in &found {
                        // Used again meanwhile? Then it stays.
                        if turn.tx.get(table, key)?.is_some_and(|row| over(&row)) {
                            if table == Table::Sessions
                                && let Ok(hash) = Hash::try_from(&key[..])
                            {
                                users::end_session(turn.tx, hash)?;
                            } else {
                                turn.tx.remove(table, key)?;
                            }
                        }
                    }
                    Ok(())
                })
                .await;
            if removed.is_err() {
                return;
            }
        }
        match next {
            Some(next) => from = next,
            None => return,
        }
        tokio::task::yield_now().await;
    }
}

type Piece = (Vec<Vec<u8>>, Option<Vec<u8>>);

fn piece(
    shared: &Shared,
    table: Table,
    from: &[u8],
    over: impl Fn(&[u8]) -> bool,
) -> Result<Piece, StoreError> {
    let (mut found, mut looked, mut last) = (Vec::new(), 0, None);
    shared
        .store
        .read()?
        .scan(table, from, None, false, &mut |key, row| {
            looked += 1;
            if over(row) {
                found.push(key.to_vec());
            }
            last = (looked >= PIECE).then(|| [key, &[0]].concat());
            looked < PIECE
        })?;
    Ok((found, last))
}
