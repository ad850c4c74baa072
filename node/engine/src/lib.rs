//! Engine: decides. The only writer to the store, the only speaker to the network, and the one door
//! through which pages and the API see a user's chats.
//!
//! Knows nothing of HTTP, HTML or the command line. Start with [`UserHandle`] for what can be asked,
//! `actor.rs` for how it is carried out (one thread, one transaction a turn), then follow a message:
//! `local.rs` (written), `deliver.rs` (offered), `serve.rs` and `remote.rs` (taken in elsewhere).

mod account;
mod actor;
mod allow;
pub mod archive;
mod around;
mod arrange;
mod avatars;
mod backlog;
mod backups;
mod blobs;
mod blocks;
mod boxes;
mod branches;
mod check;
mod collect;
mod community;
mod complete;
mod config;
mod daily;
mod deliver;
mod diary;
mod emblem;
mod error;
mod faults;
mod fetch;
mod fills;
mod find;
mod gossip;
mod greet;
mod group;
mod here;
mod hide;
mod home;
mod homes;
mod hub;
mod invites;
mod late;
mod letters;
mod links;
mod list;
mod local;
mod mail;
mod mailbox;
mod marks;
mod membership;
mod mention;
mod metrics;
mod moved;
mod needs;
mod neighbours;
mod nodes;
mod notes;
mod own;
mod owner;
mod password;
mod people;
mod person;
mod picture;
mod post;
mod preferences;
mod pump;
mod quota;
mod rate;
mod reach;
mod read;
mod recover;
mod remembered;
mod remote;
mod root;
mod safety;
mod serve;
mod sessions;
mod shared;
mod ticket;
mod turn;
mod update;
mod user;
pub mod view;
mod waiting;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chater_network::{Listen, Network};
use chater_protocol::id::NodeId;
use chater_protocol::key::SigningKey;
use chater_protocol::secret::SecretKey;
use chater_store::tables::Table;
use chater_store::{Durability, Rows, Store, StoreError, users};

pub use account::{Login, NewSession, NewUser, OpenSession, SessionKind};
pub use allow::named;
pub use arrange::{Arrange, Silence};
pub use chater_protocol::id;
pub use config::{COMPARE_EVERY, Config, Limits, NodeKey, Registration, StartError};
pub use error::{Error, Reason};
pub use hub::Subscription;
pub use invites::{invited_by, is_invite};
pub use mailbox::MailRules;
pub use recover::{Arriving, MoveIn, Recovered, Recovery};
pub use ticket::told_by;
pub use update::{Ended, News, Update};
pub use user::{Draft, Filter, RequestAnswer, UserHandle};

use actor::{From, Inputs};
use hub::Hub;
use password::Hasher;
use rate::Buckets;
use shared::{Counters, Presence, Rates, Shared, Stop, lock};

/// New chats that people of one other node may begin here in a day (K10).
const STRANGERS: f64 = 30.0;
/// People that one node brings by links a minute, and at once: each costs a fold of the group.
const JOINS: f64 = 10.0;
/// See [`JOINS`].
pub(crate) const JOINS_AT_ONCE: f64 = 60.0;
/// Events of one author that other nodes may push, a second and at once (S4, Q48). Beyond it they wait with
/// their sender. The burst is what somebody writes while this node is away for a while.
const AUTHOR_PER_S: f64 = 20.0;
const AUTHOR_BURST: f64 = 5_000.0;
/// Letters that one node may leave here, a second and at once: each is a commit.
const LETTERS_PER_S: f64 = 20.0;
const LETTERS_BURST: f64 = 1_000.0;
/// The longest that a stop waits for what is under way.
const STOP: Duration = Duration::from_secs(3);

/// The node's core. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    tasks: Arc<Mutex<Tasks>>,
}

#[derive(Default)]
struct Tasks {
    pump: Option<tokio::task::JoinHandle<()>>,
    writer: Option<std::thread::JoinHandle<()>>,
}

impl Engine {
    /// Opens the store, starts the network, the writer thread and the timers.
    ///
    /// # Errors
    /// One clear sentence each; see [`StartError`].
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let path = store_in(&config.data_dir);
        let store = Store::open(&path).map_err(|error| start_error(&path, error))?;
        let boot = count_start(&store).map_err(|error| start_error(&path, error))?;
        // P1: identity and sealing key of the node are both derived from the one secret of node.key.
        let seed = SecretKey::derive("chater node identity v1", config.node_key.bytes());
        let node_key = SigningKey::from_seed(seed.bytes());
        let node_id = NodeId(node_key.public().0);
        let listen = config
            .p2p_listen
            .iter()
            .map(|address| Listen {
                address: address.clone(),
                fallback: !config.p2p_listen_explicit,
            })
            .collect();
        let (saved, relay, home) = store
            .read()
            .and_then(|rows| {
                let saved = chater_store::accounts::saved_settings(&rows)?;
                let relay = chater_store::nodes::relay_switch(&rows)?;
                Ok((saved, relay, chater_store::nodes::home_switch(&rows)?))
            })
            .map_err(|e| StartError::Store(path.display().to_string(), e.to_string()))?;
        let relay = relay
            .filter(|_| !config.relay_fixed)
            .unwrap_or(config.relay);
        let home = home.filter(|_| !config.home_fixed).unwrap_or(config.home);
        let (network, events) = Network::start(chater_network::Config {
            seed: *seed.bytes(),
            listen,
            mdns: config.mdns,
            agent: concat!("chater/", env!("CARGO_PKG_VERSION")).to_owned(),
            relay,
            upnp: config.upnp,
            external: config.external.clone(),
        })
        .await
        .map_err(|error| match error {
            chater_network::StartError::Listen(address, why) => StartError::Listen(address, why),
            chater_network::StartError::Address(text) => StartError::Address(text),
            other => StartError::Other(other.to_string()),
        })?;
        let limits = config.limits;
        let (mailbox, mail, post) = store
            .read()
            .and_then(|rows| {
                let rules = chater_store::mail::rules(&rows)?;
                Ok((
                    mailbox::Mailbox::new(rules, config.mail),
                    mail::Mail::load(&rows)?,
                    post::Post::load(&rows)?,
                ))
            })
            .map_err(|e| StartError::Store(path.display().to_string(), e.to_string()))?;
        let kek = SecretKey::derive("chater node kek v1", config.node_key.bytes());
        let (communities, blocks, allow, links, diary) = store
            .read()
            .and_then(|rows| {
                Ok((
                    community::Communities::load(&rows, &kek)?,
                    blocks::Blocks::load(&rows)?,
                    allow::Allow::load(&rows)?,
                    links::Links::load(&rows)?,
                    diary::Diary::load(&rows)?,
                ))
            })
            .map_err(|e| StartError::Store(path.display().to_string(), e.to_string()))?;
        let shared = Arc::new(Shared {
            kek,
            store: Arc::new(store),
            network,
            node_id,
            node_key,
            communities,
            blocks,
            allow,
            faults: faults::Faults::default(),
            links,
            neighbours: neighbours::Neighbours::default(),
            entering: Mutex::default(),
            answering: Mutex::default(),
            tell_nodes: tokio::sync::Notify::new(),
            choose_nodes: tokio::sync::Notify::new(),
            network_changed: tokio::sync::Notify::new(),
            inputs: Inputs::new(),
            hub: Hub::new(boot),
            hasher: Hasher::new(),
            searches: people::Searches::default(),
            seen: Mutex::default(),
            counters: Counters::default(),
            presence: Mutex::new(Presence::default()),
            mentions: Mutex::default(),
            here: Mutex::default(),
            rates: Mutex::new(Rates {
                messages: Buckets::new(
                    f64::from(limits.messages_per_s) * 60.0,
                    f64::from(limits.messages_burst),
                ),
                searches: Buckets::new(
                    f64::from(limits.searches_per_s) * 60.0,
                    f64::from(limits.searches_per_s) * 2.0,
                ),
                registrations: Buckets::new(
                    f64::from(limits.registrations_per_h) / 60.0,
                    f64::from(limits.registrations_per_h),
                ),
                logins_by_nick: Buckets::new(5.0, 5.0),
                logins_by_address: Buckets::new(20.0, 20.0),
                typing: Buckets::new(60.0, 5.0),
                queries: Buckets::new(5.0 * 60.0, 25.0),
                finds: Buckets::new(5.0 * 60.0, 25.0),
                // Off together with the other limits (Q22).
                strangers: Buckets::new(
                    if limits.messages_per_s == 0 {
                        0.0
                    } else {
                        STRANGERS / (24.0 * 60.0)
                    },
                    STRANGERS,
                ),
                joins: Buckets::new(JOINS, JOINS_AT_ONCE),
                keys: Buckets::new(10.0 / 60.0, 10.0),
                // Off together with the other limits (Q22).
                authors: Buckets::new(
                    if limits.messages_per_s == 0 {
                        0.0
                    } else {
                        AUTHOR_PER_S * 60.0
                    },
                    AUTHOR_BURST,
                ),
                pieces: Buckets::new(10.0 * 60.0, 100.0),
                letters: Buckets::new(LETTERS_PER_S * 60.0, LETTERS_BURST),
                enters: Buckets::new(6.0, 10.0),
                cards: Buckets::new(5.0 * 60.0, 100.0),
            }),
            people: Mutex::default(),
            homes: Mutex::default(),
            saved: Mutex::new(saved),
            home: tokio::sync::watch::channel(home).0,
            diary,
            packing: tokio::sync::Mutex::default(),
            avatars: avatars::Avatars::default(),
            greet: tokio::sync::Notify::new(),
            topics: gossip::Topics::default(),
            changed_cards: Mutex::default(),
            card_changed: tokio::sync::Notify::new(),
            link_changed: tokio::sync::Notify::new(),
            stopping: Stop::new(),
            mailbox,
            mail,
            post,
            syncs: Mutex::default(),
            fills: fills::Fills::default(),
            arrivals: Mutex::default(),
            #[cfg(test)]
            skew_ms: std::sync::atomic::AtomicI64::new(0),
            #[cfg(test)]
            far: std::sync::atomic::AtomicBool::new(false),
            config,
        });
        let writer = std::thread::Builder::new()
            .name("chater-writer".to_owned())
            .spawn({
                let shared = shared.clone();
                move || {
                    let work = std::panic::AssertUnwindSafe(|| actor::work(&shared));
                    if std::panic::catch_unwind(work).is_err() {
                        // Without its writer the node can keep no promise: better gone than half there.
                        tracing::error!("the writer thread failed; the node ends");
                        std::process::exit(70);
                    }
                }
            })
            .map_err(|e| StartError::Other(e.to_string()))?;
        pump::want_known(&shared)
            .map_err(|e| StartError::Store(path.display().to_string(), e.to_string()))?;
        for address in &shared.config.peers {
            shared
                .network
                .want_address(address)
                .map_err(|e| StartError::Other(format!("{address}: {e}")))?;
            lock(&shared.presence)
                .dialling
                .insert(address.clone(), None);
        }
        for topic in shared.communities.all().iter().flat_map(|k| k.topics()) {
            shared.network.subscribe(topic);
        }
        if let Err(error) = gossip::follow_all(&shared) {
            tracing::error!(%error, "groups cannot be followed");
        }
        shared.note(view::Happening::Started {
            version: env!("CARGO_PKG_VERSION").to_owned(),
        });
        let pump = tokio::spawn(pump::run(shared.clone(), events));
        let tasks = Tasks {
            pump: Some(pump),
            writer: Some(writer),
        };
        Ok(Self {
            shared,
            tasks: Arc::new(Mutex::new(tasks)),
        })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Finishes what waits, commits, closes the network.
    pub async fn stop(&self) {
        self.shared.stopping.set();
        self.shared.hub.stop();
        let tasks = std::mem::take(&mut *lock(&self.tasks));
        if let Some(pump) = tasks.pump {
            let _ = tokio::time::timeout(STOP, pump).await;
        }
        for link in lock(&self.shared.presence).links.values() {
            link.end();
        }
        let _ = tokio::time::timeout(STOP, self.shared.network.stop()).await;
        let _ = tokio::time::timeout(STOP, diary::keep(&self.shared)).await;
        self.shared.inputs.stop();
        if let Some(writer) = tasks.writer {
            let joined = tokio::task::spawn_blocking(move || writer.join());
            let _ = tokio::time::timeout(STOP, joined).await;
        }
    }

    /// The node itself.
    #[must_use]
    pub fn node(&self) -> view::Node {
        nodes::node(&self.shared).unwrap_or_else(|error| {
            tracing::error!(%error, "the network page cannot be read");
            view::Node {
                name: self.name(),
                node_id: self.shared.node_id,
                addresses: self.shared.network.addresses(),
                standing: self.shared.network.standing().into(),
                peers: Vec::new(),
                dialling: Vec::new(),
                version: env!("CARGO_PKG_VERSION"),
                users: 0,
            }
        })
    }

    /// How many nodes are connected, and whether any is being dialled: the pill of every page.
    #[must_use]
    pub fn links(&self) -> (usize, bool) {
        lock(&self.shared.presence).links()
    }

    /// First 8 hex digits of the node's key: suffix of cookie names (Q18).
    #[must_use]
    pub fn cookie_suffix(&self) -> String {
        self.shared.node_id.short()
    }

    /// Name of this node.
    #[must_use]
    pub fn name(&self) -> String {
        self.shared.name()
    }

    /// No user exists yet: the first one becomes the owner.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.shared
            .store
            .read()
            .and_then(|rows| users::owner(&rows))
            .is_ok_and(|owner| owner.is_none())
    }

    /// The registration policy in force.
    #[must_use]
    pub fn registration(&self) -> Registration {
        self.shared.registration()
    }

    /// Whether a registration form needs a code now; `here` = whoever asks surely sits at this computer.
    #[must_use]
    pub fn needs_code(&self, here: bool) -> bool {
        if self.is_new() {
            self.shared.set_up_code(here).is_some()
        } else {
            self.shared.registration() == Registration::Invite
        }
    }

    /// The name of who invites by a registration code; none = it is not valid.
    ///
    /// # Errors
    /// Storage errors.
    pub fn registration_invited_by(&self, code: &str) -> Result<Option<String>, Error> {
        account::invited_by(&self.shared, code)
    }

    /// Makes an account and a session.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn register(&self, new: NewUser, kind: SessionKind) -> Result<NewSession, Error> {
        account::register(self, new, kind).await
    }

    /// Checks a password (off the async threads, two at once) and opens a session.
    ///
    /// # Errors
    /// [`Error::BadLogin`] for unknown nicks and wrong passwords alike, [`Error::TooMany`].
    pub async fn log_in(&self, login: Login) -> Result<NewSession, Error> {
        account::log_in(self, login).await
    }

    /// The session behind a secret; none = ended or unknown. A cheap read.
    ///
    /// # Errors
    /// Storage errors: nobody is signed out because a disk does not answer.
    pub fn session(&self, secret: &str) -> Result<Option<OpenSession>, Error> {
        account::session(self, secret)
    }

    /// Ends a session; its sockets end with it.
    pub async fn log_out(&self, secret: &str) {
        account::log_out(self, secret).await;
    }

    /// Whether the disk has no room for anything new; reading goes on.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.shared.store.is_full()
    }

    /// Whether the store can commit: a durable commit is made.
    pub async fn healthy(&self) -> bool {
        let committed = self.shared.inputs.run(From::Local, |turn| {
            turn.durable();
            Ok(())
        });
        committed.await.is_ok()
    }

    /// Why nobody is seen: looks at ports, interfaces, the LAN, links, reachability, clock, disk and rights.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn checks(&self) -> Result<Vec<view::Check>, Error> {
        Ok(check::all(&self.shared).await?)
    }

    /// Counters as Prometheus text.
    #[must_use]
    pub fn metrics(&self) -> String {
        metrics::text(&self.shared)
    }

    /// Links to an address: dialled until it answers or is forgotten. For the owner's page and the
    /// control socket; who can reach that owns the machine.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn add_peer(&self, address: &str) -> Result<(), Error> {
        let address = user::typed_address(address)?;
        if self.shared.allow.only() {
            // Whoever answers there is let in only if it is on the list: an address without a node would never be linked.
            let node = named(&address).ok_or(Error::invalid("address", Reason::Unlisted))?;
            let add = move |turn: &mut turn::Turn<'_, '_>| {
                turn.durable();
                Ok(allow::let_in(turn, node)?)
            };
            self.shared.inputs.run(From::Local, add).await?;
            allow::follow(&self.shared)?;
        }
        self.shared
            .network
            .want_address(&address)
            .map_err(|_| Error::invalid("address", Reason::Malformed))?;
        lock(&self.shared.presence)
            .dialling
            .insert(address.clone(), None);
        self.shared
            .inputs
            .run(From::Local, move |turn| {
                turn.durable();
                Ok(chater_store::nodes::put_typed(
                    turn.tx,
                    &address,
                    turn.now_ms,
                )?)
            })
            .await
    }

    /// Forgets an address that was typed.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn forget_address(&self, address: &str) -> Result<(), Error> {
        self.shared.network.forget_address(address);
        lock(&self.shared.presence).dialling.remove(address);
        let address = address.to_owned();
        self.shared
            .inputs
            .run(From::Local, move |turn| {
                turn.durable();
                Ok(chater_store::nodes::remove_typed(turn.tx, &address)?)
            })
            .await
    }

    /// Users: nick, display name, whether owner.
    #[must_use]
    pub fn users(&self) -> Vec<(String, String, bool)> {
        let found = self.shared.store.read().and_then(|rows| {
            let owner = users::owner(&rows)?;
            let mut found = Vec::new();
            for user in users::all(&rows)? {
                let person = person::person(&self.shared, &rows, user)?;
                found.push((
                    person.nick.clone(),
                    person.display_name.clone(),
                    owner == Some(user),
                ));
            }
            Ok(found)
        });
        found.unwrap_or_default()
    }

    /// A new password for a user (Q21).
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub async fn set_password(&self, nick: &str, password: String) -> Result<(), Error> {
        account::set_password(&self.shared, nick, password).await
    }

    /// Gives an account back by its 24 words, with a new password, and opens a session (Q21). Words of nobody here may make
    /// a new home of their user on this node: [`Engine::move_in`].
    ///
    /// # Errors
    /// [`Error::Invalid`] with `words` or `password`, [`Error::TooMany`], [`Error::Closed`];
    /// [`Error::RegistrationClosed`] for words of nobody here, where nobody may come in.
    pub async fn recover(&self, form: Recovery) -> Result<Recovered, Error> {
        recover::recover(self, form).await
    }

    /// Who has typed the words of nobody here, for the form that asks for the rest; none = they must be typed again.
    #[must_use]
    pub fn arriving(&self, ticket: &str) -> Option<Arriving> {
        recover::arriving(&self.shared, ticket)
    }

    /// Makes a new home here for who has typed their words (I7), and opens a session.
    ///
    /// # Errors
    /// As [`Engine::register`]; [`Error::NotFound`] for a ticket that does not count any more.
    pub async fn move_in(&self, form: MoveIn) -> Result<NewSession, Error> {
        recover::move_in(self, form).await
    }

    /// Whose password a link sets; none = it does not count any more.
    #[must_use]
    pub fn reset_nick(&self, code: &str) -> Option<String> {
        owner::reset_nick(&self.shared, code)
    }

    /// Sets a new password by a link and opens a session.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a link that does not count, [`Error::Invalid`], [`Error::Closed`].
    pub async fn reset_password(
        &self,
        code: &str,
        password: String,
        device: &str,
    ) -> Result<NewSession, Error> {
        owner::reset_password(self, code, password, device).await
    }

    /// A one-time code for one registration, valid 7 days.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn invite_user(&self) -> Result<String, Error> {
        account::invite_user(&self.shared).await
    }

    /// Writes a consistent copy of the store to a new file, for the command `chater backup`; gives the number of rows.
    ///
    /// # Errors
    /// The file exists, no room, storage errors.
    pub async fn backup(&self, to: PathBuf) -> Result<u64, Error> {
        let rows = self.copy_store(to).await?;
        self.shared.note(view::Happening::BackupMade {
            file: "(chater backup)".to_owned(),
        });
        Ok(rows)
    }

    /// The same without a word in the owner's log.
    pub(crate) async fn copy_store(&self, to: PathBuf) -> Result<u64, Error> {
        let store = self.shared.store.clone();
        let copied = tokio::task::spawn_blocking(move || store.copy_to(&to)).await;
        Ok(copied.map_err(|_| Error::Internal)??)
    }
}

fn store_in(folder: &Path) -> PathBuf {
    folder.join("chater.redb")
}

fn start_error(path: &Path, error: StoreError) -> StartError {
    match error {
        StoreError::Newer { .. } => StartError::NewerData(path.display().to_string()),
        other => StartError::Store(path.display().to_string(), other.to_string()),
    }
}

/// Writes a consistent copy of the store of a node that does not run; gives the number of rows.
///
/// # Errors
/// The data is damaged, newer or in use; the file exists; no room.
pub fn copy_store(folder: &Path, to: &Path) -> Result<u64, StartError> {
    let path = store_in(folder);
    let copied = Store::open(&path).and_then(|store| store.copy_to(to));
    copied.map_err(|error| start_error(&path, error))
}

/// Counts the starts of this store: numbers of updates of an earlier run are never used again (Q35).
fn count_start(store: &Store) -> Result<u64, StoreError> {
    store.write(Durability::Commit, |tx| {
        let old = tx
            .get(Table::Meta, b"boot")?
            .and_then(|b| b.try_into().ok())
            .map_or(0, u64::from_be_bytes);
        let boot = old + 1;
        tx.put(Table::Meta, b"boot", &boot.to_be_bytes())?;
        Ok(boot)
    })
}

#[cfg(test)]
mod tests;
