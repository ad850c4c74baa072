//! Links that let nodes into a community (C2): made, taken back, answered, followed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chater_network::{Protocol, Unreached};
use chater_protocol::community::Community;
use chater_protocol::id::{Bytes, Hash, NodeId};
use chater_protocol::invite::{
    self, CommunityAnswer, CommunityRequest, Enter, Invite, No, Welcome, token_hash,
};
use chater_protocol::wire::Message as _;
use chater_store::communities::{self, InviteRow};
use chater_store::{Rows, StoreError};

use crate::Engine;
use crate::actor::{From, now_ms};
use crate::allow;
use crate::community::{keep, reload};
use crate::error::{Error, Reason};
use crate::greet::{self, Way};
use crate::people::wait_linked;
use crate::shared::{Shared, lock};
use crate::turn::{Fail, Turn};
use crate::user::UserHandle;
use crate::view::{self, Happening};

/// Links of one community that count.
const LINKS: usize = 20;
/// Of those that count no more, kept so that late guests hear why.
const PAST: usize = 60;
/// Nodes that may come by one link.
const USES: u32 = 1_000;
/// Days a link may count.
const DAYS: u32 = 365;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// How often the inviting node is asked when the connection fails.
const TRIES: u32 = 3;
/// From one of these to the next: a connection that ends is gone by then.
const AGAIN: Duration = Duration::from_millis(250);
/// A dial that failed sooner met a connection that ended, or a closed port: asking again costs nobody a wait.
const AT_ONCE: Duration = Duration::from_secs(1);
/// A link that counts no more is forgotten so long after its time.
const FORGET_MS: u64 = 30 * DAY_MS;

/// Whether somebody new may come by a link.
fn counts(row: &InviteRow, now_ms: u64) -> bool {
    !row.revoked && row.left > 0 && row.expires_ms >= now_ms
}

/// Makes a link: its secret leaves this function and is kept nowhere.
fn make(
    turn: &mut Turn<'_, '_>,
    id: Hash,
    uses: u32,
    days: u32,
) -> Result<(Bytes<16>, String, u64), Fail> {
    if !(1..=USES).contains(&uses) {
        return Err(Error::invalid("uses", Reason::Malformed).into());
    }
    if !(1..=DAYS).contains(&days) {
        return Err(Error::invalid("days", Reason::Malformed).into());
    }
    let row = communities::community(turn.tx, id)?
        .filter(|_| id != Community::open().id())
        .ok_or(Error::NotFound)?;
    let now = turn.now_ms;
    let (live, mut past): (Vec<_>, Vec<_>) = communities::invites(turn.tx, id)?
        .into_iter()
        .partition(|(_, row)| counts(row, now));
    if live.len() >= LINKS {
        return Err(Error::invalid("uses", Reason::Long).into());
    }
    past.sort_by_key(|(_, row)| std::cmp::Reverse(row.made_ms));
    for (at, (hash, row)) in past.iter().enumerate() {
        if at >= PAST || row.expires_ms.saturating_add(FORGET_MS) < now {
            communities::remove_invite(turn.tx, id, *hash)?;
        }
    }
    let mut token = Bytes([0; 16]);
    turn.rng.fill_bytes(&mut token.0);
    let expires_ms = now + u64::from(days) * DAY_MS;
    let made = InviteRow {
        v: 1,
        left: uses,
        came: Vec::new(),
        made_ms: now,
        expires_ms,
        revoked: false,
    };
    turn.durable();
    communities::put_invite(turn.tx, id, token_hash(&token), &made)?;
    Ok((token, row.name, expires_ms))
}

/// The links of a community that count, the newest first.
pub(crate) fn shown(rows: &impl Rows, id: Hash) -> Result<Vec<view::CommunityInvite>, StoreError> {
    let now = now_ms();
    let ms = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let mut found = communities::invites(rows, id)?;
    found.retain(|(_, row)| counts(row, now));
    found.sort_by_key(|(_, row)| std::cmp::Reverse(row.made_ms));
    let shown = found.into_iter().map(|(id, row)| view::CommunityInvite {
        id,
        left: row.left,
        came: u32::try_from(row.came.len()).unwrap_or(u32::MAX),
        expires_at_ms: ms(row.expires_ms),
    });
    Ok(shown.collect())
}

/// Lets a node in by a link, in one turn: two who come at once by the last use are one too many.
fn redeem(
    turn: &mut Turn<'_, '_>,
    node: NodeId,
    enter: &Enter,
) -> Result<Result<Welcome, No>, Fail> {
    let id = enter.community;
    let known = turn.shared.communities.all();
    let Some(known) = known.iter().find(|known| known.id == id && !known.open) else {
        return Ok(Err(No::Unknown));
    };
    let hash = token_hash(&enter.token);
    let Some(mut row) = communities::invite(turn.tx, id, hash)? else {
        return Ok(Err(No::Unknown));
    };
    if row.revoked {
        return Ok(Err(No::Revoked));
    }
    if row.expires_ms < turn.now_ms {
        return Ok(Err(No::Expired));
    }
    // Whoever asks again, because the answer was lost, uses nothing up.
    if !row.came.contains(&node) {
        if row.left == 0 {
            return Ok(Err(No::UsedUp));
        }
        row.left -= 1;
        row.came.push(node);
        turn.durable();
        communities::put_invite(turn.tx, id, hash, &row)?;
    }
    Ok(Ok(Welcome {
        name: known.name.clone(),
        secret: Bytes(*known.community.secret()),
        founder: known.founder,
    }))
}

/// Answers `/chater/community/1`. It passes before a node is admitted: by it strangers come in.
pub(crate) async fn serve(
    shared: &Arc<Shared>,
    peer: NodeId,
    request: CommunityRequest,
) -> CommunityAnswer {
    let no = |no: No| CommunityAnswer::Refused(no as u8);
    let CommunityRequest::Enter(enter) = request;
    if shared.refuses(peer) {
        return no(No::Unknown);
    }
    if lock(&shared.rates).enters.take(&peer, now_ms()).is_err() {
        return no(No::Often);
    }
    let done = shared
        .inputs
        .run(From::Others, move |turn| redeem(turn, peer, &enter))
        .await;
    match done {
        Ok(Ok(welcome)) => {
            let name = welcome.name.clone();
            shared.note_of(peer, |node| Happening::NodeCame { name, node });
            CommunityAnswer::Welcome(welcome)
        }
        Ok(Err(why)) => no(why),
        Err(_) => no(No::Unknown),
    }
}

/// A node is being entered through, until this is dropped: it is linked whatever its address is.
struct Entering<'a>(&'a Shared, NodeId);

impl<'a> Entering<'a> {
    fn through(shared: &'a Shared, node: NodeId) -> Self {
        lock(&shared.entering).insert(node);
        allow::tell(shared);
        Self(shared, node)
    }
}

impl Drop for Entering<'_> {
    fn drop(&mut self) {
        lock(&self.0.entering).remove(&self.1);
        allow::tell(self.0);
    }
}

fn bad(reason: Reason) -> Error {
    Error::invalid("link", reason)
}

async fn enter(shared: &Arc<Shared>, link: &str) -> Result<Hash, Error> {
    let invite = Invite::parse(link).ok_or_else(|| bad(Reason::Malformed))?;
    let (id, node) = (invite.community, invite.node);
    if shared.communities.all().iter().any(|known| known.id == id) {
        return Ok(id);
    }
    if node == shared.node_id {
        // Made here, and the community was left since.
        return Err(bad(Reason::Own));
    }
    if shared.blocks.has(node) {
        return Err(bad(Reason::Blocked));
    }
    let _entering = Entering::through(shared, node);
    let request = CommunityRequest::Enter(Enter {
        community: id,
        token: invite.token,
    });
    // A connection that was there before may be about to end: then once more. Asking twice uses nothing up.
    let mut answer = None;
    for left in (0..TRIES).rev() {
        if !shared.is_linked(node) {
            let began = Instant::now();
            match shared.network.try_reach(node, invite.addrs.clone()).await {
                Ok(()) => {}
                Err(Unreached::Other) => return Err(bad(Reason::Other)),
                Err(Unreached::Nobody) if left > 0 && began.elapsed() < AT_ONCE => {
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
                Err(Unreached::Nobody) => return Err(bad(Reason::Unreachable)),
            }
        }
        let asked = shared
            .network
            .request(node, Protocol::Community, request.encode());
        if let Ok(body) = asked.await {
            answer = CommunityAnswer::decode(&body).ok();
            break;
        }
        tokio::time::sleep(AGAIN).await;
    }
    let welcome = match answer {
        Some(CommunityAnswer::Welcome(welcome)) => welcome,
        Some(CommunityAnswer::Refused(no)) => {
            return Err(match No::from(no) {
                No::Unknown => bad(Reason::Wrong),
                No::Expired => bad(Reason::Expired),
                No::UsedUp => bad(Reason::Used),
                No::Revoked => bad(Reason::Revoked),
                No::Often => Error::TooMany { retry_after_s: 60 },
            });
        }
        None => return Err(bad(Reason::Unreachable)),
    };
    // C1: with another founder it would be another community.
    let community = Community::founded(welcome.secret.0, welcome.founder);
    if community.id() != id {
        return Err(bad(Reason::Other));
    }
    let name = welcome.name.clone();
    let joined = name.clone();
    shared
        .inputs
        .run(From::Local, move |turn| {
            // The owner has chosen this node: it is known from now on, wherever it is.
            let mut row = chater_store::nodes::ensure(turn.tx, node, 1, turn.now_ms)?;
            keep(turn, name, &community, welcome.founder)?;
            turn.durable();
            row.found = row.found.min(1);
            for address in &invite.addrs {
                row.learn(address);
            }
            communities::set_off(turn.tx, node, false, turn.now_ms)?;
            allow::let_in(turn, node)?;
            Ok(chater_store::nodes::put(turn.tx, node, &row)?)
        })
        .await?;
    shared.links.forget_off(node);
    allow::follow(shared)?;
    shared.note(Happening::Joined { name: joined });
    reload(shared)?;
    // It has proven nothing to that node yet: now it can.
    greet::again(shared, node, Way::asked(invite_place(shared, node))).await;
    wait_linked(shared, node).await;
    Ok(id)
}

/// Where a node is connected, for its row.
fn invite_place(shared: &Shared, node: NodeId) -> String {
    let presence = lock(&shared.presence);
    presence.places.get(&node).cloned().unwrap_or_default()
}

/// What a link says before anybody is asked: the community's name, the node it leads to, until when.
#[must_use]
pub fn invited_by(link: &str) -> Option<(String, NodeId, i64)> {
    let invite = Invite::parse(link)?;
    let expires = i64::try_from(invite.expires).unwrap_or(i64::MAX);
    Some((invite.name, invite.node, expires))
}

/// Whether a text is meant as a link into a community, well made or not.
#[must_use]
pub fn is_invite(link: &str) -> bool {
    Invite::is_meant(link)
}

impl Engine {
    /// Makes a link into a community for `uses` nodes (1-1,000) and `days` days (1-365). It is shown this once.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub async fn invite_node(&self, id: Hash, uses: u32, days: u32) -> Result<String, Error> {
        let shared = self.shared();
        let (token, name, expires) = shared
            .inputs
            .run(From::Local, move |turn| make(turn, id, uses, days))
            .await?;
        // Loopback leads nowhere from another machine: only when there is nothing else. The node is named apart.
        let own = shared.network.addresses();
        let bare = |address: &String| {
            let end = address.find("/p2p/").unwrap_or(address.len());
            let circuit = address.contains("/p2p-circuit");
            let kept = if circuit { address.len() } else { end };
            address.get(..kept).unwrap_or_default().to_owned()
        };
        let (here, far): (Vec<String>, Vec<String>) = own.iter().map(bare).partition(|address| {
            address.starts_with("/ip4/127.") || address.starts_with("/ip6/::1/")
        });
        let addrs = if far.is_empty() { here } else { far };
        let invite = Invite {
            v: 1,
            community: id,
            name,
            node: shared.node_id,
            addrs: addrs.into_iter().take(invite::ADDRESSES).collect(),
            token,
            expires,
        };
        shared.note(Happening::NodeInvited {
            name: invite.name.clone(),
        });
        Ok(invite.to_text())
    }

    /// Takes a link back; who came by it stays.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke_invite(&self, id: Hash, invite: Hash) -> Result<(), Error> {
        let shared = self.shared();
        shared
            .inputs
            .run(From::Local, move |turn| {
                let row = communities::invite(turn.tx, id, invite)?;
                let mut row = row.ok_or(Error::NotFound)?;
                turn.durable();
                row.revoked = true;
                Ok(communities::put_invite(turn.tx, id, invite, &row)?)
            })
            .await?;
        shared.network_changed.notify_one();
        Ok(())
    }

    /// Comes into a community by a link: dials the node that made it, which hands over the secret.
    ///
    /// # Errors
    /// [`Error::Invalid`] with `link`: no link, expired, used up, taken back, nobody or another node there;
    /// [`Error::TooMany`].
    pub async fn enter_community(&self, link: &str) -> Result<Hash, Error> {
        enter(self.shared(), link).await
    }
}

impl UserHandle {
    /// Owner only: see [`Engine::invite_node`].
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::Invalid`].
    pub async fn invite_node(&self, id: Hash, uses: u32, days: u32) -> Result<String, Error> {
        self.owner()?.invite_node(id, uses, days).await
    }

    /// Owner only: see [`Engine::revoke_invite`].
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`].
    pub async fn revoke_invite(&self, id: Hash, invite: Hash) -> Result<(), Error> {
        self.owner()?.revoke_invite(id, invite).await
    }

    /// Owner only: see [`Engine::enter_community`].
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Invalid`], [`Error::TooMany`].
    pub async fn enter_community(&self, link: &str) -> Result<Hash, Error> {
        self.owner()?.enter_community(link).await
    }
}
