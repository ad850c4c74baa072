//! Invitation links of groups (M9). Whoever may add people makes one; their node adds whoever brings its secret, and by
//! that nobody is trusted more than if they had been added by hand.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chater_protocol::id::{Bytes, ChatId, Hash, NodeId, UserId};
use chater_protocol::payload::Role;
use chater_protocol::ticket::{Join, Ticket};
use chater_protocol::wire::{LogAnswer, LogRequest};
use chater_store::tickets::{self, TicketRow};
use chater_store::{StoreError, homes};

use crate::actor::{From, now_ms};
use crate::error::{Error, Reason};
use crate::group;
use crate::people::wait_linked;
use crate::shared::{Shared, lock};
use crate::turn::{Fail, Turn};
use crate::user::{RequestAnswer, UserHandle};
use crate::view::{Chat, ChatState, GroupLink};
use crate::{fetch, serve};

/// Links of one chat.
const LINKS: usize = 20;
/// Uses of one link.
const USES: u32 = 1_000;
/// Days a link may count.
const DAYS: u32 = 365;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// How long the group may take to come once its node has said yes.
const COMES: Duration = Duration::from_secs(10);

fn hash_of(token: &Bytes<16>) -> Hash {
    Hash(*blake3::hash(&token.0).as_bytes())
}

/// Makes a link: the secret leaves this function and is kept nowhere.
fn make(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    uses: u32,
    days: u32,
) -> Result<Bytes<16>, Fail> {
    if !(1..=USES).contains(&uses) {
        return Err(Error::invalid("uses", Reason::Malformed).into());
    }
    if !(1..=DAYS).contains(&days) {
        return Err(Error::invalid("days", Reason::Malformed).into());
    }
    let no = may_invite(turn, user, chat)?;
    let now = turn.now_ms;
    for (hash, row) in tickets::of_chat(turn.tx, no)? {
        if row.expires_ms < now || row.left == 0 {
            tickets::remove(turn.tx, no, hash)?;
        }
    }
    if tickets::of_chat(turn.tx, no)?.len() >= LINKS {
        return Err(Error::invalid("uses", Reason::Long).into());
    }
    let mut token = Bytes([0; 16]);
    turn.rng.fill_bytes(&mut token.0);
    let row = TicketRow {
        v: 1,
        user,
        left: uses,
        came: 0,
        made_ms: now,
        expires_ms: now + u64::from(days) * DAY_MS,
    };
    turn.durable();
    tickets::put(turn.tx, no, hash_of(&token), &row)?;
    Ok(token)
}

/// The group's number, if that user may bring people in now.
fn may_invite(turn: &mut Turn<'_, '_>, user: UserId, chat: ChatId) -> Result<u32, Fail> {
    group::act(turn, user, chat, |_, no, context, writer| {
        let group = context.group.as_ref().ok_or(Error::Internal)?;
        // Somebody who is in no group stands for whoever will come.
        let seat = group.seat(&user, writer.home);
        if seat.may_add(&UserId::default(), Role::Member) {
            Ok(no)
        } else {
            Err(Error::Forbidden.into())
        }
    })
}

/// Lets somebody in by a link; whoever is in already uses nothing up.
fn redeem(turn: &mut Turn<'_, '_>, join: &Join) -> Result<(), Fail> {
    let refused = || Fail::from(Error::invalid("code", Reason::Wrong));
    let no = turn.number(join.group)?.ok_or_else(refused)?;
    let hash = hash_of(&join.token);
    let row = tickets::ticket(turn.tx, no, hash)?.ok_or_else(refused)?;
    if row.left == 0 || row.expires_ms < turn.now_ms {
        return Err(refused());
    }
    let (is_in, was_removed) = turn.context(no, |_, context| {
        let group = context.group.as_ref();
        let removed = group.is_some_and(|group| group.was_removed(&join.user));
        Ok((context.members.contains(&join.user), removed))
    })?;
    if is_in {
        return Ok(());
    }
    // A link in old hands would undo every removal.
    if was_removed {
        return Err(refused());
    }
    let comes = BTreeSet::from([join.user]);
    match group::add(turn, row.user, join.group, &comes, true) {
        Ok(()) => {}
        // Whoever made the link may not add people any more.
        Err(Fail::Refused(Error::Forbidden | Error::NotFound)) => return Err(refused()),
        Err(other) => return Err(other),
    }
    let used = TicketRow {
        left: row.left - 1,
        came: row.came.saturating_add(1),
        ..row
    };
    turn.durable();
    tickets::put(turn.tx, no, hash, &used)?;
    Ok(())
}

fn lives_on(shared: &Shared, user: UserId, node: NodeId) -> Result<bool, StoreError> {
    let rows = shared.store.read()?;
    let live = homes::live(&rows, user)?;
    Ok(live.iter().any(|(_, home)| home.node_id == node))
}

/// Answers a node whose user brings a link. The node must be theirs: nobody is brought in by others.
pub(crate) async fn joined(shared: &Arc<Shared>, peer: NodeId, join: Join) -> LogAnswer {
    if lock(&shared.rates).joins.take(&peer, now_ms()).is_err() {
        return serve::NOT_NOW;
    }
    let known = |shared: &Shared| lives_on(shared, join.user, peer).unwrap_or(false);
    if !known(shared) {
        fetch::identities(shared, peer, vec![join.user], true).await;
    }
    if !known(shared) {
        return serve::REFUSED;
    }
    let done = shared
        .inputs
        .run(From::Others, move |turn| redeem(turn, &join))
        .await;
    match done {
        Ok(()) => LogAnswer::Done(0),
        // What this node cannot do just now says nothing about the link.
        Err(Error::Invalid { .. } | Error::NotFound | Error::Forbidden | Error::NotAGroup) => {
            serve::REFUSED
        }
        Err(_) => serve::NOT_NOW,
    }
}

impl UserHandle {
    /// Makes an invitation link for `uses` people (1-1,000) and `days` days (1-365). It is shown this once.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotAGroup`], [`Error::Forbidden`] for who may not add people,
    /// [`Error::Invalid`].
    pub async fn make_link(&self, chat: ChatId, uses: u32, days: u32) -> Result<String, Error> {
        self.charge_message()?;
        let user = self.id();
        let title = self.chat(chat)?.title;
        let token = self
            .run(move |turn| make(turn, user, chat, uses, days))
            .await?;
        let shared = self.shared();
        // A peer id at the end would be said twice.
        let addrs = shared.network.addresses().into_iter().map(|address| {
            let end = address.find("/p2p/").unwrap_or(address.len());
            address.get(..end).unwrap_or_default().to_owned()
        });
        let ticket = Ticket {
            v: 1,
            group: chat,
            title,
            node: shared.node_id,
            addrs: addrs.take(8).collect(),
            token,
        };
        Ok(ticket.to_text())
    }

    /// The links of a group that still count; for those who may add people.
    ///
    /// # Errors
    /// As [`UserHandle::make_link`].
    pub async fn links(&self, chat: ChatId) -> Result<Vec<GroupLink>, Error> {
        let user = self.id();
        self.run(move |turn| {
            let no = may_invite(turn, user, chat)?;
            let now = turn.now_ms;
            let all = tickets::of_chat(turn.tx, no)?.into_iter();
            let counts = all.filter(|(_, row)| row.left > 0 && row.expires_ms >= now);
            let ms = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
            Ok(counts
                .map(|(id, row)| GroupLink {
                    id,
                    left: row.left,
                    came: row.came,
                    expires_at_ms: ms(row.expires_ms),
                })
                .collect())
        })
        .await
    }

    /// Takes a link back.
    ///
    /// # Errors
    /// As [`UserHandle::make_link`]; [`Error::NotFound`] for an unknown link.
    pub async fn end_link(&self, chat: ChatId, id: Hash) -> Result<(), Error> {
        let user = self.id();
        self.run(move |turn| {
            let no = may_invite(turn, user, chat)?;
            turn.durable();
            if tickets::remove(turn.tx, no, id)? {
                Ok(())
            } else {
                Err(Error::NotFound.into())
            }
        })
        .await
    }

    /// Comes into a group by a link, wherever the node that made it is.
    ///
    /// # Errors
    /// [`Error::Invalid`] with `code`: no link, one that does not count any more, a node that cannot be reached.
    pub async fn join(&self, link: &str) -> Result<Chat, Error> {
        self.charge_message()?;
        let ticket =
            Ticket::parse(link).ok_or_else(|| Error::invalid("code", Reason::Malformed))?;
        let shared = self.shared().clone();
        let (group, node) = (ticket.group, ticket.node);
        let join = Join {
            group,
            token: ticket.token,
            user: self.id(),
        };
        if node == shared.node_id {
            self.run(move |turn| redeem(turn, &join)).await?;
        } else {
            let away = || Error::invalid("code", Reason::Unreachable);
            let linked = shared.is_linked(node)
                || (shared.network.reach(node, ticket.addrs).await
                    && wait_linked(&shared, node).await);
            if !linked {
                return Err(away());
            }
            match fetch::ask(&shared, node, &LogRequest::Join(join)).await {
                Ok(LogAnswer::Done(_)) => {}
                Ok(LogAnswer::Refused(1)) => return Err(Error::invalid("code", Reason::Later)),
                Ok(_) => return Err(Error::invalid("code", Reason::Wrong)),
                Err(_) => return Err(away()),
            }
        }
        let began = std::time::Instant::now();
        loop {
            if let Ok(chat) = self.chat(group)
                && chat.state != ChatState::Left
            {
                if chat.state != ChatState::Open {
                    // Who brings a link has said yes.
                    self.answer_request(group, RequestAnswer::Accept).await?;
                }
                return self.chat(group);
            }
            if began.elapsed() > COMES {
                return Err(Error::invalid("code", Reason::Unreachable));
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
}

/// What a link says before anybody is asked: the title it had, and the node it leads to.
#[must_use]
pub fn told_by(link: &str) -> Option<(String, NodeId)> {
    let ticket = Ticket::parse(link)?;
    Some((ticket.title, ticket.node))
}
