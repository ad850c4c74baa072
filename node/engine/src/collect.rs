//! Collecting own mail: every mailbox of this node is asked for its letters; those are opened, taken in like
//! pushes, and cleared away there.

use std::collections::BTreeSet;
use std::sync::Arc;

use chater_protocol::event::{Feed, Kind, VerifiedEvent, WireEvent};
use chater_protocol::id::{HomeId, NodeId};
use chater_protocol::limits;
use chater_protocol::mail::{
    BadLetter, Bundle, Kept, Letter, Letters, MailAnswer, MailRequest, Part, Receipt,
};
use chater_protocol::seal::KemSecret;
use chater_protocol::wire::Ack;
use chater_store::{StoreError, events, nodes, outbox, users};

use crate::actor::From;
use crate::fetch::{keep_identities, only, take_in};
use crate::mail::{DELIVERED, ask};
use crate::remote::{self, Acked};
use crate::shared::Shared;
use crate::turn::{Fail, Turn, secret_aad};

/// Answers taken from a mailbox in one visit: more than a share of the greatest room holds.
const PAGES: usize = 4_096;
/// Letters that wait for others are looked at again so often in one visit.
const ROUNDS: usize = 3;

/// The sealing keys of everybody who lives here, those of replaced homes with them; that which opened last is tried first.
pub(crate) struct Keys(Vec<(HomeId, KemSecret)>);

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
pub(crate) async fn collect(shared: &Arc<Shared>, mailbox: NodeId) -> Result<u64, String> {
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
