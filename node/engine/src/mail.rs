//! Mail that others keep for this node (S11): its mailboxes, collecting from them, and what the cards of
//! other nodes tell of theirs. A mailbox may say anything: a letter counts by the signature inside, every
//! event in it goes through the one door for events, and nothing is lost if a mailbox keeps or loses it,
//! since the sender pushes directly when it meets this node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chater_network::Protocol;
use chater_protocol::id::{HomeId, NodeId, UserId};
use chater_protocol::identity::{NodeCard, Signed};
use chater_protocol::limits;
use chater_protocol::mail::{MailAnswer, MailRequest, No};
use chater_protocol::wire::Message as _;
use chater_store::mail::{self, MailboxRow};
use chater_store::{Rows, StoreError, chats, homes, nodes};
use tokio::sync::Notify;

use crate::actor::From;
use crate::collect::collect;
use crate::error::{Error, Reason};
use crate::owner::owner_only;
use crate::person::node_label;
use crate::shared::{Shared, lock};
use crate::user::UserHandle;
use crate::view::{
    Happening, KeptFor, Mail as MailView, MailOffer, Mailbox as MailboxView, MailboxState,
};

/// Mailboxes are asked this often, should a notice have been lost.
const EVERY: Duration = Duration::from_secs(600);
/// People looked at of a node that has told of nobody itself.
const SAID: usize = 64;
/// Messages shown as delivered by one receipt.
pub(crate) const DELIVERED: usize = 4_096;

/// What is held in memory of it.
#[derive(Default)]
pub(crate) struct Mail {
    /// Nodes that keep mail for this one: they stand in its card.
    own: Mutex<Vec<NodeId>>,
    /// To be visited; true = the connection is new, or the owner has just chosen it.
    due: Mutex<BTreeMap<NodeId, bool>>,
    visiting: Mutex<BTreeSet<NodeId>>,
    wake: Notify,
}

impl Mail {
    pub(crate) fn load(rows: &impl Rows) -> Result<Self, StoreError> {
        let mail = Self::default();
        *lock(&mail.own) = confirmed(rows)?;
        Ok(mail)
    }

    /// Nodes that keep mail for this one.
    pub(crate) fn own(&self) -> Vec<NodeId> {
        lock(&self.own).clone()
    }

    fn visit(&self, node: NodeId, anew: bool) {
        *lock(&self.due).entry(node).or_default() |= anew;
        self.wake.notify_one();
    }
}

fn confirmed(rows: &impl Rows) -> Result<Vec<NodeId>, StoreError> {
    let mut own: Vec<NodeId> = mail::mailboxes(rows)?
        .into_iter()
        .filter(|(_, row)| row.state == 1)
        .map(|(node, _)| node)
        .collect();
    own.truncate(limits::MAILBOXES);
    Ok(own)
}

/// A mailbox says that something waits.
pub(crate) fn noticed(shared: &Shared, peer: NodeId) {
    shared.mail.visit(peer, false);
}

/// Whether a node is to keep mail for this one, or mail for others is left there.
pub(crate) fn is_needed(shared: &Shared, node: NodeId) -> bool {
    let chosen = |rows| mail::mailbox(&rows, node);
    let row = shared.store.read().and_then(chosen);
    !matches!(row, Ok(None)) || shared.post.leaves_at(node)
}

/// Visits mailboxes until the node stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        if tokio::time::timeout(EVERY, shared.mail.wake.notified())
            .await
            .is_err()
        {
            let mut due = lock(&shared.mail.due);
            for node in shared.mail.own() {
                due.entry(node).or_default();
            }
        }
        let due: Vec<(NodeId, bool)> = {
            let (mut due, mut visiting) = (lock(&shared.mail.due), lock(&shared.mail.visiting));
            let ready: Vec<_> = due
                .iter()
                .filter(|(node, _)| !visiting.contains(*node))
                .map(|(node, anew)| (*node, *anew))
                .collect();
            for (node, _) in &ready {
                due.remove(node);
                visiting.insert(*node);
            }
            ready
        };
        for (node, anew) in due {
            let shared = shared.clone();
            tokio::spawn(async move {
                if let Err(error) = visit(&shared, node, anew).await {
                    tracing::debug!(%error, mailbox = %node.short(), "mail was not collected");
                }
                lock(&shared.mail.visiting).remove(&node);
                // What was noticed meanwhile.
                shared.mail.wake.notify_one();
            });
        }
    }
}

/// A node has greeted, perhaps not for the first time: its card is kept, and whatever waits for it to
/// come goes on.
pub(crate) async fn met(shared: &Arc<Shared>, peer: NodeId, card: NodeCard, signed: Signed) {
    let boxes = card.mailboxes.clone();
    let offers = card.caps & NodeCard::MAILBOX != 0;
    learn(shared, peer, vec![(card, signed)]).await;
    shared.mail.visit(peer, true);
    shared.post.met(shared, peer);
    // The mailboxes of a node are asked for while it is here: later nobody could say where they are.
    let unknown: Vec<NodeId> = boxes
        .into_iter()
        .filter(|node| *node != shared.node_id && !is_known(shared, *node))
        .collect();
    ask_cards(shared, peer, unknown).await;
    if offers {
        let strangers = shared.post.without_boxes(shared).unwrap_or_default();
        for part in strangers.chunks(limits::MAIL_CARDS) {
            ask_cards(shared, peer, part.to_vec()).await;
        }
    }
}

fn is_known(shared: &Shared, node: NodeId) -> bool {
    let look = |rows| nodes::node(&rows, node);
    let row = shared.store.read().and_then(look);
    matches!(row, Ok(Some(row)) if !row.addresses.is_empty())
}

/// Asks a node for the cards of others that it may know of.
pub(crate) async fn ask_cards(shared: &Arc<Shared>, peer: NodeId, asked: Vec<NodeId>) {
    if asked.is_empty() {
        return;
    }
    let request = MailRequest::Cards(asked);
    let Ok(MailAnswer::Cards(given)) = ask(shared, peer, &request).await else {
        return;
    };
    let MailRequest::Cards(asked) = request else {
        return;
    };
    let mut cards = Vec::new();
    for signed in given {
        match NodeCard::open(&signed) {
            Ok(card) if asked.contains(&card.node) && card.node != shared.node_id => {
                cards.push((card, signed));
            }
            _ => tracing::debug!(peer = %peer.short(), "a node card refused"),
        }
    }
    learn(shared, peer, cards).await;
}

/// Keeps verified cards that a peer gave; nodes that may keep mail for somebody are remembered with their addresses, as far
/// as these are believed from where the peer is.
async fn learn(shared: &Arc<Shared>, peer: NodeId, cards: Vec<(NodeCard, Signed)>) {
    if cards.is_empty() {
        return;
    }
    let place = {
        let presence = lock(&shared.presence);
        let link = presence.links.get(&peer);
        link.map(|link| link.address.clone()).unwrap_or_default()
    };
    let told: Vec<NodeCard> = cards.iter().map(|(card, _)| card.clone()).collect();
    let kept = shared
        .inputs
        .run(From::Others, move |turn| {
            let mut wanted = Vec::new();
            for (card, signed) in &cards {
                mail::put_card(turn.tx, card, signed)?;
                let mut row = nodes::ensure(turn.tx, card.node, 2, turn.now_ms)?;
                for address in chater_network::believed(&card.addrs, card.node, &place) {
                    row.learn(&address);
                }
                nodes::put(turn.tx, card.node, &row)?;
                if !turn.shared.refuses(card.node) {
                    wanted.push((card.node, row.texts()));
                }
            }
            turn.durable();
            turn.effects.wanted.extend(wanted);
            Ok(())
        })
        .await;
    if kept.is_ok() {
        for card in &told {
            shared.post.learned(card);
        }
    }
}

pub(crate) async fn ask(
    shared: &Shared,
    node: NodeId,
    request: &MailRequest,
) -> Result<MailAnswer, String> {
    let answer = shared
        .network
        .request(node, Protocol::Mail, request.encode())
        .await
        .map_err(|error| error.to_string())?;
    MailAnswer::decode(&answer).map_err(|error| error.to_string())
}

/// Registers where that is due, and collects what waits.
async fn visit(shared: &Arc<Shared>, node: NodeId, anew: bool) -> Result<(), String> {
    let text = |error: StoreError| error.to_string();
    let row = {
        let rows = shared.store.read().map_err(text)?;
        mail::mailbox(&rows, node).map_err(text)?
    };
    let Some(row) = row.filter(|_| shared.is_linked(node)) else {
        return Ok(());
    };
    if anew || row.state != 1 {
        let terms = match ask(shared, node, &MailRequest::Register(1)).await? {
            MailAnswer::Registered(terms) => Some((1, terms.bytes, terms.days)),
            MailAnswer::Refused(why) if No::from(why) == No::Unwanted => Some((2, 0, 0)),
            _ => None,
        };
        if let Some((state, bytes, days)) = terms {
            note(shared, node, move |row| {
                (row.state, row.bytes, row.days) = (state, bytes, days);
            })
            .await?;
        }
    }
    let letters = collect(shared, node).await?;
    let now = shared.now_ms();
    note(shared, node, move |row| {
        row.collected_ms = now;
        row.letters = row.letters.saturating_add(letters);
    })
    .await
}

/// Changes the row of a mailbox of ours; the card follows.
async fn note(
    shared: &Arc<Shared>,
    node: NodeId,
    change: impl FnOnce(&mut MailboxRow) + Send + 'static,
) -> Result<(), String> {
    let own = shared
        .inputs
        .run(From::Others, move |turn| {
            if let Some(mut row) = mail::mailbox(turn.tx, node)? {
                let old = row.clone();
                change(&mut row);
                if (old.state, old.letters) != (row.state, row.letters) {
                    turn.durable();
                }
                mail::put_mailbox(turn.tx, node, &row)?;
            }
            Ok(confirmed(turn.tx)?)
        })
        .await
        .map_err(|error| error.to_string())?;
    set_own(shared, own);
    Ok(())
}

fn set_own(shared: &Shared, own: Vec<NodeId>) {
    let mut now = lock(&shared.mail.own);
    if *now != own {
        *now = own;
        // Whoever knows this node learns where to leave mail.
        shared.greet.notify_one();
    }
}

impl UserHandle {
    /// Who keeps mail for this node, who could, and whose mail is kept here.
    ///
    /// # Errors
    /// Storage errors.
    pub fn mail(&self) -> Result<MailView, Error> {
        Ok(view(self.shared())?)
    }

    /// Owner only: a linked node that offers it shall keep this node's mail.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`] when it does not offer it or was never met;
    /// [`Error::Invalid`] with `mailbox` when there are four.
    pub async fn choose_mailbox(&self, node: NodeId) -> Result<(), Error> {
        let (shared, user) = (self.shared().clone(), self.id());
        self.run(move |turn| {
            owner_only(turn, user)?;
            if mail::mailbox(turn.tx, node)?.is_some() {
                return Ok(());
            }
            let card = mail::card(turn.tx, node)?.ok_or(Error::NotFound)?.0;
            if card.caps & NodeCard::MAILBOX == 0 {
                return Err(Error::NotFound.into());
            }
            if mail::mailboxes(turn.tx)?.len() >= limits::MAILBOXES {
                return Err(Error::invalid("mailbox", Reason::Long).into());
            }
            turn.durable();
            let row = MailboxRow {
                v: 1,
                state: 0,
                since_ms: turn.now_ms,
                bytes: 0,
                days: 0,
                collected_ms: 0,
                letters: 0,
            };
            Ok(mail::put_mailbox(turn.tx, node, &row)?)
        })
        .await?;
        shared.note_of(node, |node| Happening::MailChosen { node });
        shared.mail.visit(node, true);
        Ok(())
    }

    /// Owner only: a node keeps this node's mail no more. What lies there is collected first, if it is
    /// connected.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`].
    pub async fn leave_mailbox(&self, node: NodeId) -> Result<(), Error> {
        let (shared, user) = (self.shared().clone(), self.id());
        self.owner()?;
        if shared.is_linked(node) {
            let _ = collect(&shared, node).await;
        }
        let own = self
            .run(move |turn| {
                owner_only(turn, user)?;
                if !mail::remove_mailbox(turn.tx, node)? {
                    return Err(Error::NotFound.into());
                }
                turn.durable();
                Ok(confirmed(turn.tx)?)
            })
            .await?;
        set_own(&shared, own);
        // One that is away forgets it by itself: nobody collects there any more.
        let _ = ask(&shared, node, &MailRequest::Register(0)).await;
        Ok(())
    }
}

impl crate::Engine {
    /// Who keeps mail for this node and whose mail is kept here, for the control socket.
    ///
    /// # Errors
    /// Storage errors.
    pub fn mail(&self) -> Result<MailView, Error> {
        Ok(view(self.shared())?)
    }
}

fn view(shared: &Shared) -> Result<MailView, StoreError> {
    let rows = shared.store.read()?;
    let ms = |value: u64| (value > 0).then(|| i64::try_from(value).unwrap_or(i64::MAX));
    let mine: Vec<MailboxView> = mail::mailboxes(&rows)?
        .into_iter()
        .map(|(node, row)| {
            Ok(MailboxView {
                node_id: node,
                name: node_label(shared, &rows, node)?,
                linked: shared.is_linked(node),
                state: match row.state {
                    0 => MailboxState::Asked,
                    1 => MailboxState::Keeps,
                    _ => MailboxState::Refused,
                },
                bytes: row.bytes,
                days: row.days,
                collected_ms: ms(row.collected_ms),
                letters: row.letters,
            })
        })
        .collect::<Result<_, StoreError>>()?;
    let mut offers = Vec::new();
    for card in mail::cards(&rows)? {
        if card.caps & NodeCard::MAILBOX != 0
            && card.node != shared.node_id
            && !mine.iter().any(|own| own.node_id == card.node)
            && !shared.refuses(card.node)
            && nodes::node(&rows, card.node)?.is_some()
        {
            offers.push(MailOffer {
                node_id: card.node,
                name: node_label(shared, &rows, card.node)?,
                linked: shared.is_linked(card.node),
            });
        }
    }
    offers.sort_by_key(|offer| (!offer.linked, offer.name.clone()));
    let mut kept = Vec::new();
    for (node, row) in mail::clients(&rows)? {
        let mut oldest_ms = None;
        mail::letters(&rows, node, 0, &mut |_, letter| {
            oldest_ms = ms(letter.at_ms);
            false
        })?;
        kept.push(KeptFor {
            node_id: node,
            name: node_label(shared, &rows, node)?,
            linked: shared.is_linked(node),
            bytes: row.bytes(),
            letters: row.letters(),
            oldest_ms,
            collected_ms: ms(row.collected_ms),
            since_ms: i64::try_from(row.since_ms).unwrap_or(i64::MAX),
            evicted: row.evicted,
        });
    }
    Ok(MailView {
        rules: shared.mailbox.rules(),
        fixed: shared.config.mail.is_some(),
        mine,
        offers,
        kept,
    })
}

/// A home to which letters for its node are sealed.
pub(crate) struct Address {
    pub(crate) home: HomeId,
    pub(crate) kem: chater_protocol::id::Bytes<32>,
    /// Nothing but the direct chats of this person may be sealed to it; none = all that is for the node.
    pub(crate) only: Option<UserId>,
}

/// The homes on a node to which letters for it are sealed. Anybody may name any node as a home (I12), so it is one of somebody
/// of whom the node has told itself. Of a node that has told of nobody yet, people's own records say where they live: such a home
/// gets what is written to that very person, and nothing of others who are said to live there.
pub(crate) fn addresses(rows: &impl Rows, node: NodeId) -> Result<Vec<Address>, StoreError> {
    let mut unconfirmed = Vec::new();
    for user in homes::users_on(rows, node)? {
        for (home, record) in homes::live(rows, user)? {
            if record.node_id != node {
                continue;
            }
            let Some((card, _)) = homes::kem(rows, user, home)? else {
                continue;
            };
            let kem = card.kem_pk;
            if homes::is_confirmed(rows, node, user, home)? {
                return Ok(vec![Address {
                    home,
                    kem,
                    only: None,
                }]);
            }
            if unconfirmed.len() < SAID && !chats::of_user(rows, user)?.is_empty() {
                unconfirmed.push(Address {
                    home,
                    kem,
                    only: Some(user),
                });
            }
        }
    }
    Ok(unconfirmed)
}

/// Mailboxes in which an event of ours lies for a node that has not acknowledged it: name and time.
pub(crate) fn lies_in(
    shared: &Shared,
    rows: &impl Rows,
    feed_no: u32,
    seq: u64,
    node_no: u32,
) -> Result<Vec<(String, u64)>, StoreError> {
    let now = shared.now_ms();
    let mut found = Vec::new();
    for (no, row) in mail::deposits(rows, feed_no, node_no)? {
        if row.up_to >= seq
            && row.until_ms > now
            && let Some(mailbox) = nodes::by_no(rows, no)?
        {
            found.push((node_label(shared, rows, mailbox)?, row.at_ms));
        }
    }
    Ok(found)
}
