//! Keeping mail for other nodes (S11), when the owner has volunteered. Everything is refused before
//! anything is written; a letter is on disk before its depositor is answered. What lies here is sealed:
//! this node knows who left it, for which node, when, and its padded size.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chater_network::Protocol;
use chater_protocol::codec;
use chater_protocol::id::{Bytes, NodeId};
use chater_protocol::limits;
use chater_protocol::mail::{Bundle, Deposit, Kept, Letters, MailAnswer, MailRequest, No, Terms};
use chater_protocol::wire::Message as _;
use chater_store::StoreError;
use chater_store::mail::{self, ClientRow, Depositor, LetterRow, RulesRow};
use serde_bytes::ByteBuf;

use crate::actor::From;
use crate::error::{Error, Reason};
use crate::owner::owner_only;
use crate::shared::{Shared, lock};
use crate::turn::{Fail, Turn};
use crate::user::UserHandle;
use crate::view::Happening;

/// Nodes whose mail is kept at most.
const CLIENTS: usize = 64;
/// Nodes that leave mail for one of them.
const DEPOSITORS: usize = 256;
/// Of all the room one recipient gets this part, and of that one depositor this part (S11).
const RECIPIENT_PART: u64 = 4;
const DEPOSITOR_PART: u64 = 8;
/// A node that asked for nothing for so long is forgotten.
const FORGOTTEN_MS: u64 = 60 * 24 * 60 * 60 * 1000;
/// Letters that come within this time are one notice.
const TOGETHER: Duration = Duration::from_millis(30);
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The room when nothing else was said, its least and greatest.
const BYTES: u64 = 200 * 1024 * 1024;
const BYTES_LEAST: u64 = 10 * 1024 * 1024;
const BYTES_MOST: u64 = 1024 * 1024 * 1024 * 1024;
/// Days when nothing else was said, and at most.
const DAYS: u16 = 14;
pub(crate) const DAYS_MOST: u16 = 90;

/// What counts now: set from outside, else saved by the owner, else the usual (Q11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailRules {
    /// Mail is kept for others.
    pub offers: bool,
    /// Bytes for all of them.
    pub bytes: u64,
    /// Days that a letter is kept.
    pub days: u16,
}

impl MailRules {
    /// Whether room and days are within what a mailbox may be: 10 MiB to 1 TiB, 1 to 90 days.
    #[must_use]
    pub fn fits(&self) -> bool {
        (BYTES_LEAST..=BYTES_MOST).contains(&self.bytes) && (1..=DAYS_MOST).contains(&self.days)
    }
}

impl Default for MailRules {
    fn default() -> Self {
        Self {
            offers: false,
            bytes: BYTES,
            days: DAYS,
        }
    }
}

/// What the mailbox holds in memory.
pub(crate) struct Mailbox {
    rules: Mutex<MailRules>,
    noticing: Mutex<BTreeSet<NodeId>>,
}

impl Mailbox {
    pub(crate) fn new(saved: Option<RulesRow>, outside: Option<MailRules>) -> Self {
        let saved = saved.map(|row| MailRules {
            offers: row.offers,
            bytes: row.bytes,
            days: row.days,
        });
        Self {
            rules: Mutex::new(outside.or(saved).unwrap_or_default()),
            noticing: Mutex::default(),
        }
    }

    pub(crate) fn rules(&self) -> MailRules {
        *lock(&self.rules)
    }
}

fn no(why: No) -> MailAnswer {
    MailAnswer::Refused(why as u8)
}

/// Answers one request of `/chater/mail/1`.
pub(crate) async fn serve(shared: &Arc<Shared>, peer: NodeId, request: MailRequest) -> MailAnswer {
    let answer = match request {
        MailRequest::Register(on) => register(shared, peer, on != 0).await,
        MailRequest::Deposit(deposit) => self::deposit(shared, peer, deposit).await,
        MailRequest::Collect(after) => collect(shared, peer, after).await,
        MailRequest::Ack(numbers) => ack(shared, peer, numbers).await,
        MailRequest::Notice(_) => {
            crate::mail::noticed(shared, peer);
            Ok(MailAnswer::Done(0))
        }
        MailRequest::Cards(asked) => cards(shared, &asked).map_err(Error::from),
    };
    answer.unwrap_or_else(|error| {
        tracing::debug!(%error, peer = %peer.short(), "a mail request is not carried out");
        no(No::Later)
    })
}

async fn register(shared: &Arc<Shared>, peer: NodeId, on: bool) -> Result<MailAnswer, Error> {
    // Let in to leave mail and for nothing else: strangers would take all places with keys made for it.
    if on && shared.links.brings_mail_alone(shared, peer) {
        return Ok(no(No::Unwanted));
    }
    let rules = shared.mailbox.rules();
    let (kept, new) = shared
        .inputs
        .run(From::Others, move |turn| {
            let old = mail::client(turn.tx, peer)?;
            if !on {
                // Whom the owner evicted stays known as such, or it would only have to ask again.
                if old.is_some_and(|row| !row.evicted) {
                    turn.durable();
                    mail::remove_client(turn.tx, peer)?;
                }
                return Ok((false, false));
            }
            match old {
                _ if !rules.offers => return Ok((false, false)),
                Some(row) => return Ok((!row.evicted, false)),
                None => {}
            }
            // Whom the owner evicted takes nobody's place.
            let all = mail::clients(turn.tx)?;
            if all.iter().filter(|(_, row)| !row.evicted).count() >= CLIENTS {
                return Ok((false, false));
            }
            turn.durable();
            let row = ClientRow {
                v: 1,
                since_ms: turn.now_ms,
                evicted: false,
                next: 1,
                collected_ms: 0,
                depositors: Vec::new(),
            };
            mail::put_client(turn.tx, peer, &row)?;
            Ok((true, true))
        })
        .await?;
    if new {
        shared.note_of(peer, |node| Happening::MailAdmitted { node });
    }
    Ok(match (on, kept) {
        (true, true) => MailAnswer::Registered(Terms {
            bytes: rules.bytes / RECIPIENT_PART,
            days: rules.days,
        }),
        (true, false) => no(No::Unwanted),
        (false, _) => MailAnswer::Done(0),
    })
}

async fn deposit(
    shared: &Arc<Shared>,
    peer: NodeId,
    deposit: Deposit,
) -> Result<MailAnswer, Error> {
    let rules = shared.mailbox.rules();
    if !rules.offers {
        return Ok(no(No::Unwanted));
    }
    if lock(&shared.rates)
        .letters
        .take(&peer, shared.now_ms())
        .is_err()
    {
        return Ok(no(No::Later));
    }
    let to = deposit.to;
    let kept = shared
        .inputs
        .run(From::Others, move |turn| keep(turn, peer, &deposit, rules))
        .await?;
    let counted = usize::from(kept.is_err());
    if let Some(counter) = shared.counters.letters.get(counted) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
    Ok(match kept {
        Ok(until) => {
            notice(shared, to);
            MailAnswer::Kept(until)
        }
        Err(why) => no(why),
    })
}

fn keep(
    turn: &mut Turn<'_, '_>,
    peer: NodeId,
    deposit: &Deposit,
    rules: MailRules,
) -> Result<Result<u64, No>, Fail> {
    let known = mail::client(turn.tx, deposit.to)?.filter(|row| !row.evicted);
    let Some(mut client) = known else {
        return Ok(Err(No::Unwanted));
    };
    let (id, size) = (deposit.bundle.id(), deposit.bundle.size() as u64);
    let before = client.depositors.iter().find(|d| d.node == peer);
    if let Some(before) = before
        && before.last == id
    {
        return Ok(Ok(before.until_ms));
    }
    let share = rules.bytes / RECIPIENT_PART;
    let own = before.map_or(0, |d| d.bytes);
    let mut all = 0u64;
    for (_, row) in mail::clients(turn.tx)? {
        all = all.saturating_add(row.bytes());
    }
    if own + size > share / DEPOSITOR_PART
        || client.bytes() + size > share
        || all.saturating_add(size) > rules.bytes
    {
        return Ok(Err(No::Full));
    }
    if before.is_none() {
        client.depositors.retain(|d| d.letters > 0);
        if client.depositors.len() >= DEPOSITORS {
            return Ok(Err(No::Full));
        }
        client.depositors.push(Depositor {
            node: peer,
            bytes: 0,
            letters: 0,
            last: Bytes([0; 16]),
            until_ms: 0,
        });
    }
    turn.durable();
    let until_ms = turn.now_ms + u64::from(rules.days) * DAY_MS;
    let row = LetterRow {
        v: 1,
        from: peer,
        at_ms: turn.now_ms,
        until_ms,
        size,
        bundle: ByteBuf::from(codec::encode(&deposit.bundle)),
    };
    mail::put_letter(turn.tx, deposit.to, client.next, &row)?;
    client.next += 1;
    if let Some(depositor) = client.depositors.iter_mut().find(|d| d.node == peer) {
        depositor.bytes += size;
        depositor.letters += 1;
        depositor.last = id;
        depositor.until_ms = until_ms;
    }
    mail::put_client(turn.tx, deposit.to, &client)?;
    Ok(Ok(until_ms))
}

async fn collect(shared: &Arc<Shared>, peer: NodeId, after: u64) -> Result<MailAnswer, Error> {
    let now = shared.now_ms();
    let found = {
        let rows = shared.store.read()?;
        if mail::client(&rows, peer)?.is_none() {
            return Ok(no(No::Unwanted));
        }
        let (mut letters, mut bytes, mut more) = (Vec::new(), 0, false);
        mail::letters(&rows, peer, after, &mut |n, row| {
            if row.until_ms < now {
                return true;
            }
            let Ok(bundle) = codec::decode::<Bundle>(&row.bundle, limits::MAIL) else {
                return true;
            };
            bytes += row.bundle.len();
            if letters.len() >= limits::LETTERS
                || (bytes > limits::RANGE_BYTES && !letters.is_empty())
            {
                more = true;
                return false;
            }
            letters.push(Kept {
                n,
                from: row.from,
                at: row.at_ms,
                bundle,
            });
            true
        })?;
        Letters { letters, more }
    };
    if after == 0 {
        // Lazy: when it last came is for people to see.
        shared
            .inputs
            .run(From::Others, move |turn| {
                if let Some(mut row) = mail::client(turn.tx, peer)? {
                    row.collected_ms = turn.now_ms;
                    mail::put_client(turn.tx, peer, &row)?;
                }
                Ok(())
            })
            .await?;
    }
    Ok(MailAnswer::Letters(found))
}

async fn ack(shared: &Arc<Shared>, peer: NodeId, numbers: Vec<u64>) -> Result<MailAnswer, Error> {
    let gone = shared
        .inputs
        .run(From::Others, move |turn| {
            turn.durable();
            forget(turn, peer, &numbers)
        })
        .await?;
    shared.counters.letters[2].fetch_add(gone, Ordering::Relaxed);
    Ok(MailAnswer::Done(0))
}

/// Removes letters and counts them off; how many there were.
fn forget(turn: &mut Turn<'_, '_>, node: NodeId, numbers: &[u64]) -> Result<u64, Fail> {
    let Some(mut client) = mail::client(turn.tx, node)? else {
        return Ok(0);
    };
    let mut gone = 0;
    for n in numbers {
        let Some(row) = mail::take_letter(turn.tx, node, *n)? else {
            continue;
        };
        gone += 1;
        if let Some(depositor) = client.depositors.iter_mut().find(|d| d.node == row.from) {
            depositor.bytes = depositor.bytes.saturating_sub(row.size);
            depositor.letters = depositor.letters.saturating_sub(1);
        }
    }
    mail::put_client(turn.tx, node, &client)?;
    Ok(gone)
}

/// The cards of nodes whose mail is kept here, and of those that keep ours: how to leave mail for a node
/// that one has never met.
fn cards(shared: &Shared, asked: &[NodeId]) -> Result<MailAnswer, StoreError> {
    let rows = shared.store.read()?;
    let mut found = Vec::new();
    for node in asked.iter().take(limits::MAIL_CARDS) {
        let client = mail::client(&rows, *node)?.is_some_and(|row| !row.evicted);
        if (client || mail::mailbox(&rows, *node)?.is_some())
            && let Some((_, signed)) = mail::card(&rows, *node)?
        {
            found.push(signed);
        }
    }
    Ok(MailAnswer::Cards(found))
}

/// Tells a node that is connected that mail waits for it.
fn notice(shared: &Arc<Shared>, node: NodeId) {
    if !shared.is_linked(node) || !lock(&shared.mailbox.noticing).insert(node) {
        return;
    }
    let shared = shared.clone();
    tokio::spawn(async move {
        tokio::time::sleep(TOGETHER).await;
        lock(&shared.mailbox.noticing).remove(&node);
        let request = MailRequest::Notice(1).encode();
        let _ = shared.network.request(node, Protocol::Mail, request).await;
    });
}

/// Letters that ran out, and nodes that have not come for long, are forgotten.
pub(crate) async fn sweep(shared: &Arc<Shared>) {
    let clients = shared.store.read().and_then(|rows| mail::clients(&rows));
    for (node, _) in clients.unwrap_or_default() {
        let swept = shared
            .inputs
            .run(From::Others, move |turn| {
                let now = turn.now_ms;
                let Some(row) = mail::client(turn.tx, node)? else {
                    return Ok(());
                };
                let last = row.collected_ms.max(row.since_ms);
                // Evicted ones, too: who comes back after so long may ask again.
                if now.saturating_sub(last) > FORGOTTEN_MS {
                    turn.durable();
                    return Ok(mail::remove_client(turn.tx, node)?);
                }
                let mut over = Vec::new();
                mail::letters(turn.tx, node, 0, &mut |n, row| {
                    if row.until_ms < now {
                        over.push(n);
                    }
                    over.len() < limits::LETTERS
                })?;
                if !over.is_empty() {
                    forget(turn, node, &over)?;
                }
                Ok(())
            })
            .await;
        if let Err(error) = swept {
            tracing::warn!(%error, "old mail was not removed");
        }
    }
}

impl UserHandle {
    /// Owner only: whether and how this node keeps mail for others. What is set from outside stays.
    ///
    /// # Errors
    /// [`Error::Forbidden`], also when it is set from outside; [`Error::Invalid`] with `quota` or `keep_days`.
    pub async fn set_mail_rules(&self, rules: MailRules) -> Result<(), Error> {
        let (shared, user) = (self.shared().clone(), self.id());
        self.owner()?;
        if shared.config.mail.is_some() {
            return Err(Error::Forbidden);
        }
        if !(BYTES_LEAST..=BYTES_MOST).contains(&rules.bytes) {
            return Err(Error::invalid("quota", Reason::Malformed));
        }
        if !rules.fits() {
            return Err(Error::invalid("keep_days", Reason::Malformed));
        }
        self.run(move |turn| {
            owner_only(turn, user)?;
            turn.durable();
            let row = RulesRow {
                v: 1,
                offers: rules.offers,
                bytes: rules.bytes,
                days: rules.days,
            };
            Ok(mail::put_rules(turn.tx, &row)?)
        })
        .await?;
        *lock(&shared.mailbox.rules) = rules;
        // The node card says so.
        shared.greet.notify_one();
        Ok(())
    }

    /// Owner only: throws away the mail of a node and keeps none for it, or keeps it again.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`].
    pub async fn evict_mail(&self, node: NodeId, evict: bool) -> Result<(), Error> {
        let user = self.id();
        self.run(move |turn| {
            owner_only(turn, user)?;
            let mut row = mail::client(turn.tx, node)?.ok_or(Error::NotFound)?;
            turn.durable();
            if evict {
                mail::drop_letters(turn.tx, node)?;
                row.depositors.clear();
                row.evicted = true;
                // It is remembered from now on, however long its mail was kept.
                row.since_ms = turn.now_ms;
                mail::put_client(turn.tx, node, &row)?;
            } else {
                // As if it had never been: it registers when it comes.
                mail::remove_client(turn.tx, node)?;
            }
            Ok(())
        })
        .await?;
        if evict {
            self.shared()
                .note_of(node, |node| Happening::MailEvicted { node });
        }
        Ok(())
    }
}
