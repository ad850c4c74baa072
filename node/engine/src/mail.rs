//! Mail that others keep for this node (S11): its mailboxes, collecting from them, and what the cards of
//! other nodes tell of theirs. A mailbox may say anything: a letter counts by the signature inside, every
//! event in it goes through the one door for events, and nothing is lost if a mailbox keeps or loses it,
//! since the sender pushes directly when it meets this node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chater_network::Protocol;
use chater_protocol::event::{Feed, Kind, VerifiedEvent, WireEvent};
use chater_protocol::id::{HomeId, NodeId, UserId};
use chater_protocol::identity::{NodeCard, Signed};
use chater_protocol::limits;
use chater_protocol::mail::{
    BadLetter, Bundle, Kept, Letter, Letters, MailAnswer, MailRequest, No, Part, Receipt,
};
use chater_protocol::seal::KemSecret;
use chater_protocol::wire::{Ack, Message as _};
use chater_store::mail::{self, MailboxRow};
use chater_store::{Rows, StoreError, chats, events, homes, nodes, outbox, users};
use tokio::sync::Notify;

use crate::actor::From;
use crate::error::{Error, Reason};
use crate::fetch::{keep_identities, only, take_in};
use crate::owner::owner_only;
use crate::person::node_label;
use crate::remote::{self, Acked};
use crate::shared::{Shared, lock};
use crate::turn::{Fail, Turn, secret_aad};
use crate::user::UserHandle;
use crate::view::{
    Happening, KeptFor, Mail as MailView, MailOffer, Mailbox as MailboxView, MailboxState,
};

/// Mailboxes are asked this often, should a notice have been lost.
const EVERY: Duration = Duration::from_secs(600);
/// Answers taken from a mailbox in one visit: more than a share of the greatest room holds.
const PAGES: usize = 4_096;
/// Letters that wait for others are looked at again so often in one visit.
const ROUNDS: usize = 3;
/// People looked at of a node that has told of nobody itself.
const SAID: usize = 64;
/// Messages shown as delivered by one receipt.
const DELIVERED: usize = 4_096;

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

/// The sealing keys of everybody who lives here, those of replaced homes with them; that which opened last is tried first.
struct Keys(Vec<(HomeId, KemSecret)>);

impl Keys {
    fn load(shared: &Shared) -> Result<Self, StoreError> {
        let rows = shared.store.read()?;
        let mut keys = Vec::new();
        for user in users::all(&rows)? {
            let Some(row) = users::user(&rows, user)? else {
                continue;
            };
            let mut homes = vec![(row.home, row.kems)];
            for home in users::old_homes(&rows, user)? {
                let old = users::old_kems(&rows, user, home)?;
                homes.extend(old.map(|old| (home, old.kems)));
            }
            for (home, kems) in homes {
                for (_, sealed, _) in &kems {
                    let plain = shared.kek.open(&secret_aad(b"kem", user, 1), sealed);
                    if let Ok(plain) = plain
                        && let Ok(bytes) = plain.as_slice().try_into()
                    {
                        keys.push((home, KemSecret::new(bytes)));
                    }
                }
            }
        }
        Ok(Self(keys))
    }

    fn open(&mut self, node: NodeId, bundle: &Bundle) -> Result<Letter, BadLetter> {
        for at in 0..self.0.len() {
            let Some((home, kem)) = self.0.get(at) else {
                break;
            };
            match Letter::open(bundle, node, *home, kem) {
                Err(BadLetter::Sealed) => {}
                other => {
                    self.0.swap(0, at);
                    return other;
                }
            }
        }
        Err(BadLetter::Sealed)
    }
}

/// Takes what waits at a mailbox; gives how many letters were taken in.
async fn collect(shared: &Arc<Shared>, mailbox: NodeId) -> Result<u64, String> {
    let mut keys = Keys::load(shared).map_err(|error| error.to_string())?;
    let (mut taken, mut after) = (0, 0);
    // Letters whose events wait for what another one may bring: control events of a group (M1).
    let mut waiting: Vec<(u64, Letter)> = Vec::new();
    for _ in 0..PAGES {
        let answer = ask(shared, mailbox, &MailRequest::Collect(after)).await?;
        let MailAnswer::Letters(Letters { letters, more }) = answer else {
            return Err("the mailbox refused".to_owned());
        };
        let Some(last) = letters.last().map(|kept| kept.n) else {
            break;
        };
        let opened;
        (opened, keys) = open_all(shared, letters, keys).await?;
        let mut done = Vec::new();
        for (n, letter) in opened {
            match letter {
                // Nothing that anybody could use: it would only come again.
                None => done.push(n),
                Some(letter) if take(shared, mailbox, &letter).await => {
                    taken += 1;
                    done.push(n);
                }
                Some(letter) => {
                    if waiting.len() < limits::LETTERS {
                        waiting.push((n, letter));
                    }
                }
            }
        }
        acknowledge(shared, mailbox, done).await?;
        // A mailbox that counts backwards gives nothing new.
        if !more || last <= after {
            break;
        }
        after = last;
    }
    for _ in 0..ROUNDS {
        let (mut done, mut left) = (Vec::new(), Vec::new());
        for (n, letter) in std::mem::take(&mut waiting) {
            if take(shared, mailbox, &letter).await {
                done.push(n);
            } else {
                left.push((n, letter));
            }
        }
        taken += done.len() as u64;
        let progress = !done.is_empty();
        acknowledge(shared, mailbox, done).await?;
        waiting = left;
        if !progress || waiting.is_empty() {
            break;
        }
    }
    Ok(taken)
}

async fn acknowledge(shared: &Shared, mailbox: NodeId, done: Vec<u64>) -> Result<(), String> {
    for part in done.chunks(limits::LETTERS) {
        ask(shared, mailbox, &MailRequest::Ack(part.to_vec())).await?;
    }
    Ok(())
}

type Opened = (Vec<(u64, Option<Letter>)>, Keys);

/// Opens letters off the async threads.
async fn open_all(
    shared: &Arc<Shared>,
    letters: Vec<Kept>,
    mut keys: Keys,
) -> Result<Opened, String> {
    let (shared, node) = (shared.clone(), shared.node_id);
    tokio::task::spawn_blocking(move || {
        let mut opened = Vec::with_capacity(letters.len());
        let mut anew = false;
        for kept in letters {
            let mut letter = keys.open(node, &kept.bundle);
            // Sealed to a key that was made since the visit began? What nobody can open now nobody ever will.
            if matches!(letter, Err(BadLetter::Sealed))
                && !anew
                && let Ok(now) = Keys::load(&shared)
            {
                (keys, anew) = (now, true);
                letter = keys.open(node, &kept.bundle);
            }
            if let Err(reason) = &letter {
                tracing::debug!(%reason, "a letter refused");
            }
            opened.push((kept.n, letter.ok()));
        }
        (opened, keys)
    })
    .await
    .map_err(|error| error.to_string())
}

/// Takes a letter in; whether it is settled. What waits, or is over a bound, stays in the mailbox.
async fn take(shared: &Arc<Shared>, mailbox: NodeId, letter: &Letter) -> bool {
    let from = letter.from;
    if from == shared.node_id || shared.refuses(from) {
        return true;
    }
    tracing::debug!(from = %from.short(), mailbox = %mailbox.short(), "a letter");
    keep_authors(shared, letter).await;
    let mut settled = true;
    for part in &letter.parts {
        match part {
            Part::Events(push) => {
                let (chat, events) = (push.chat.clone(), push.events.clone());
                let taken = take_in(shared, from, chat.clone(), events).await;
                if taken.acks.contains(&Ack::Committed) {
                    shared.post.receipt(from, chat);
                }
                // What a stranger may not write, or somebody blocked, would only be fetched again at each visit. Its node hears
                // nothing of it, so it comes directly when the two meet.
                let put_off = taken.put_off;
                let over = |ack: &Ack| match ack {
                    Ack::Committed | Ack::Refused => true,
                    Ack::Later => put_off,
                    Ack::Waits => false,
                };
                settled &= taken.acks.iter().all(over);
            }
            Part::Receipt(receipt) => {
                let receipt = receipt.clone();
                let _ = shared
                    .inputs
                    .run(From::Others, move |turn| came(turn, from, &receipt))
                    .await;
            }
        }
    }
    settled
}

/// I3: records that came with a letter, of those who wrote in it alone. The node that signed the letter
/// gives them, as good as over a connection of its own (I12).
async fn keep_authors(shared: &Arc<Shared>, letter: &Letter) {
    if letter.identities.homes.is_empty() {
        return;
    }
    let mut authors = BTreeSet::new();
    let mut group = false;
    for part in &letter.parts {
        if let Part::Events(push) = part {
            group |= push.chat.users.is_none();
            let wires = push.events.iter();
            let found = wires.filter_map(|wire| WireEvent::decode(wire).ok());
            authors.extend(found.map(|event| event.header().author));
        }
    }
    let mut given = letter.identities.clone();
    only(&mut given, &authors);
    keep_identities(shared, letter.from, given, group).await;
}

/// S3: another node has committed what is ours: as good as its ack.
fn came(turn: &mut Turn<'_, '_>, from: NodeId, receipt: &Receipt) -> Result<(), Fail> {
    let Some(no) = turn.number(receipt.chat.chat)? else {
        return Ok(());
    };
    let theirs = turn.context(no, |_, context| {
        Ok(context.routes.iter().any(|(node, _)| *node == from))
    })?;
    let Some(node) = nodes::node(turn.tx, from)?.filter(|_| theirs) else {
        return Ok(());
    };
    let mut acked = Vec::new();
    for row in &receipt.rows {
        let feed = Feed {
            group: receipt.chat.chat,
            author: row.author,
            home: row.home,
            lane: row.lane,
        };
        let Some(feed_no) = events::feed_no(turn.tx, no, &feed)? else {
            continue;
        };
        let whole = events::feed(turn.tx, feed_no)?.map_or(0, |feed| feed.whole);
        let (Some(last), true) = (whole.checked_sub(1), turn.is_local(row.author)?) else {
            continue;
        };
        let up_to = row.up_to.min(last);
        let before = outbox::acked(turn.tx, feed_no, node.no)?;
        if before.is_some_and(|before| before >= up_to) {
            continue;
        }
        let first = before.map_or(0, |before| before + 1);
        let mut messages = Vec::new();
        for wire in events::range(turn.tx, feed_no, first, up_to, DELIVERED, usize::MAX)? {
            if let Ok(event) = VerifiedEvent::from_store(&wire)
                && event.header().kind == Kind::MSG
            {
                messages.push(event.id());
            }
        }
        acked.push(Acked {
            chat: receipt.chat.clone(),
            feed_no,
            up_to,
            author: row.author,
            messages,
            before: 0,
        });
    }
    if !acked.is_empty() {
        // Nobody brings it again.
        turn.durable();
        remote::acked(turn, from, &acked)?;
    }
    Ok(())
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
