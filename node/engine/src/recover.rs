//! Ways into an account by its 24 words (Q21): on its own node a new password, on any other a new home (I7). There it takes
//! two steps: the words say who it is, and then whoever typed them says under which nick they live here. What the
//! first step opened waits in memory: a page must not give the words back.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chater_protocol::id::{Hash, UserId};
use chater_protocol::identity::ProfileCard;
use chater_protocol::key::SigningKey;
use chater_protocol::wire::{LogAnswer, LogRequest};
use chater_store::accounts::{self, MovedRow};
use chater_store::{chats, homes, users};
use futures::future::join_all;
use zeroize::Zeroizing;

use crate::Engine;
use crate::account::{
    self, NewSession, Newcomer, Nick, SessionKind, blank_card, check_password, device, new_secret,
    secret_hash, zone,
};
use crate::actor::{From, now_ms};
use crate::config::Registration;
use crate::error::Error;
use crate::fetch;
use crate::greet::meet_anew;
use crate::moved;
use crate::remote::{Verified, takes_part};
use crate::root::{self, Sealed, new_home, number_above, put_session, read_words};
use crate::sessions::end_others;
use crate::shared::{Shared, lock};
use crate::turn::{Fail, Turn};

/// Linked nodes that are asked who somebody is, and for how long.
const ASKED: usize = 32;
const ASK: Duration = Duration::from_secs(3);
/// Whoever has typed their words has so long for the rest, and so many may be at it at once: each holds a root in memory.
const ARRIVAL_MS: u64 = 10 * 60 * 1000;
const ARRIVALS: usize = 64;

/// The words of a recovery form.
#[derive(Debug, Clone)]
pub struct Recovery {
    /// 24 English words of BIP39, in order; anything between them separates.
    pub words: String,
    /// The new password: 10 characters to 1,024 bytes.
    pub password: String,
    /// What the browser says it is.
    pub device: String,
    /// Where the request comes from.
    pub from: IpAddr,
}

/// What the words led to.
pub enum Recovered {
    /// An account of this node.
    Back(NewSession),
    /// Nobody of this node: the ticket leads on to a new home here.
    Stranger(String),
}

/// Who has typed the words of nobody here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arriving {
    /// The nick by which other nodes know them; none = no linked node knows these words.
    pub nick: Option<String>,
}

/// How somebody comes to live here who has typed their words.
#[derive(Debug, Clone)]
pub struct MoveIn {
    /// Of [`Recovered::Stranger`].
    pub ticket: String,
    /// The nick on this node (I9).
    pub nick: String,
    /// The invite code, or the set-up code of the first user.
    pub invite: Option<String>,
    /// The node they lived on is gone: homes elsewhere end. Else both go on.
    pub gone: bool,
    /// What the browser says it is.
    pub device: String,
    /// Where the request comes from.
    pub from: IpAddr,
    /// Whether that surely is this computer.
    pub here: bool,
    /// The browser's zone.
    pub time_zone: Option<String>,
}

/// What the first step opened.
#[derive(Clone)]
struct Arrival {
    root: SigningKey,
    sealed: Sealed,
    /// What linked nodes know of the user.
    known: Verified,
    until_ms: u64,
}

/// Tickets, by their hash.
#[derive(Default)]
pub(crate) struct Arrivals(HashMap<Hash, Arrival>);

impl Arrivals {
    fn keep(&mut self, ticket: Hash, arrival: Arrival, now_ms: u64) {
        self.0.retain(|_, arrival| arrival.until_ms > now_ms);
        if self.0.len() >= ARRIVALS {
            let first = self.0.iter().min_by_key(|(_, arrival)| arrival.until_ms);
            if let Some(first) = first.map(|(ticket, _)| *ticket) {
                self.0.remove(&first);
            }
        }
        self.0.insert(ticket, arrival);
    }

    fn get(&self, ticket: &str, now_ms: u64) -> Option<Arrival> {
        let arrival = self.0.get(&secret_hash(ticket))?;
        (arrival.until_ms > now_ms).then(|| arrival.clone())
    }
}

/// 24 words and a new password give an account back on its node (Q21): the root is sealed under the
/// new password, all logins end, and a home that was stopped is replaced.
pub(crate) async fn recover(engine: &Engine, form: Recovery) -> Result<Recovered, Error> {
    let shared = engine.shared();
    let now = now_ms();
    let wait = lock(&shared.rates)
        .logins_by_address
        .wait_s(&form.from, now);
    if wait > 0 {
        return Err(Error::TooMany {
            retry_after_s: wait,
        });
    }
    let words = Zeroizing::new(form.words);
    let root = read_words(&words)?;
    let password = Zeroizing::new(form.password);
    check_password(&password)?;
    let user = UserId(root.public().0);
    let lives_here = {
        let rows = shared.store.read()?;
        if accounts::is_closed(&rows, user)? {
            return Err(Error::Closed);
        }
        users::lives_here(&rows, user)?
    };
    if !lives_here {
        lock(&shared.rates)
            .logins_by_address
            .charge(&form.from, now);
        if !engine.is_new() && shared.registration() == Registration::Closed {
            return Err(Error::RegistrationClosed);
        }
    }
    let sealed = root::seal(shared, user, Some(&root), password).await?;
    if !lives_here {
        let known = known_elsewhere(shared, user).await;
        let ticket = new_secret(SessionKind::Browser);
        let arrival = Arrival {
            root,
            sealed,
            known,
            until_ms: now.saturating_add(ARRIVAL_MS),
        };
        lock(&shared.arrivals).keep(secret_hash(&ticket), arrival, now);
        return Ok(Recovered::Stranger(ticket));
    }
    let secret = new_secret(SessionKind::Browser);
    let session = secret_hash(&secret);
    let device = device(&form.device);
    let (ended, moved) = shared
        .inputs
        .run(From::Local, move |turn| {
            let mut row = users::user(turn.tx, user)?.ok_or(Error::NotFound)?;
            let stopped = row.stopped;
            turn.durable();
            sealed.put(&mut row);
            users::put_user(turn.tx, user, &row)?;
            if stopped {
                new_home(turn, user, &root)?;
            }
            let left = moved::end_homes_left(turn, user, &root)?;
            let ended = end_others(turn, user, None)?;
            accounts::forget_resets(turn.tx, user)?;
            put_session(turn, session, user, device)?;
            Ok((ended, stopped || left))
        })
        .await?;
    for old in ended {
        shared.hub.end_session(user, old);
    }
    if moved {
        meet_anew(shared);
    }
    Ok(Recovered::Back(NewSession {
        secret,
        user: engine.handle(user, Some(session)),
    }))
}

/// What linked nodes know of a user: older homes, and the card by which people know them.
async fn known_elsewhere(shared: &Arc<Shared>, user: UserId) -> Verified {
    let linked: Vec<_> = {
        let presence = lock(&shared.presence);
        presence.links.keys().copied().take(ASKED).collect()
    };
    let request = LogRequest::Identity(vec![user]);
    let asked = linked.into_iter().map(|node| {
        let request = &request;
        async move {
            let answer = tokio::time::timeout(ASK, fetch::ask(shared, node, request)).await;
            let Ok(Ok(LogAnswer::Identities(mut given))) = answer else {
                return None;
            };
            fetch::only(&mut given, &BTreeSet::from([user]));
            let shared = shared.clone();
            let verify = move || fetch::verify_identities(&shared, &given);
            tokio::task::spawn_blocking(verify).await.ok()
        }
    });
    let mut known = Verified::default();
    for given in join_all(asked).await.into_iter().flatten() {
        known.homes.extend(given.homes);
        known.profiles.extend(given.profiles);
    }
    known
}

/// The newest card of a user: of those that linked nodes gave and the one that is here.
fn newest_card(known: &Verified, here: Option<ProfileCard>) -> Option<ProfileCard> {
    let given = known.profiles.iter().map(|(card, _)| card.clone());
    given
        .chain(here)
        .reduce(|best, card| if card.replaces(&best) { card } else { best })
}

/// See [`Engine::arriving`].
pub(crate) fn arriving(shared: &Shared, ticket: &str) -> Option<Arriving> {
    let arrival = lock(&shared.arrivals).get(ticket, now_ms())?;
    let user = UserId(arrival.root.public().0);
    let rows = shared.store.read().ok()?;
    let here = homes::card(&rows, user).ok()?.map(|(card, _)| card);
    let card = newest_card(&arrival.known, here);
    Some(Arriving {
        nick: card.map(|card| card.nick),
    })
}

/// The second step: the account is made, and whoever has a chat with the user learns where they live now.
pub(crate) async fn move_in(engine: &Engine, form: MoveIn) -> Result<NewSession, Error> {
    let shared = engine.shared();
    let now = now_ms();
    let arrival = lock(&shared.arrivals).get(&form.ticket, now);
    let arrival = arrival.ok_or(Error::NotFound)?;
    let nick = Nick::read(&form.nick)?;
    lock(&shared.rates)
        .registrations
        .take(&form.from, now)
        .map_err(|retry_after_s| Error::TooMany { retry_after_s })?;
    let user = UserId(arrival.root.public().0);
    let secret = new_secret(SessionKind::Browser);
    let session = secret_hash(&secret);
    let typed = nick.typed.clone();
    let (invite, here, gone) = (form.invite, form.here, form.gone);
    let (device, time_zone) = (device(&form.device), zone(form.time_zone));
    let way = shared
        .inputs
        .run(From::Local, move |turn| {
            if users::lives_here(turn.tx, user)? {
                return Err(Error::NotFound.into());
            }
            let Arrival {
                root,
                sealed,
                known,
                ..
            } = arrival;
            let newcomer = Newcomer {
                nick,
                sealed,
                language: None,
                time_zone,
            };
            let here_already = homes::card(turn.tx, user)?.map(|(card, _)| card);
            let card = newest_card(&known, here_already).unwrap_or_else(|| blank_card(user));
            let card = ProfileCard {
                n: number_above(&card, turn.now_ms),
                ..card
            };
            let way = account::move_in(turn, &root, newcomer, card, (invite.as_deref(), here))?;
            for (record, signed) in &known.homes {
                homes::put_home(turn.tx, record, signed)?;
            }
            let row = MovedRow {
                v: 1,
                since_ms: turn.now_ms,
                gone,
            };
            accounts::put_moved(turn.tx, user, &row)?;
            moved::end_homes_left(turn, user, &root)?;
            open_chats(turn, user)?;
            put_session(turn, session, user, device)?;
            Ok(way)
        })
        .await?;
    lock(&shared.arrivals).0.remove(&secret_hash(&form.ticket));
    shared.note(way.told(typed));
    moved::tell_all(shared);
    Ok(NewSession {
        secret,
        user: engine.handle(user, Some(session)),
    })
}

/// Chats of theirs that are here already, since somebody of this node is in them.
fn open_chats(turn: &mut Turn<'_, '_>, user: UserId) -> Result<(), Fail> {
    for no in chats::of_user(turn.tx, user)? {
        let empty = turn.row(no)?.count == 0;
        if !empty && chats::is_member(turn.tx, user, no)? {
            takes_part(turn, user, no)?;
        }
    }
    Ok(())
}
