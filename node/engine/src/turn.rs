//! What one turn of the writer works with: the transaction, the time, and what must follow the commit.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chater_protocol::chat::group::Group;
use chater_protocol::chat::keys::{Holder, KnownKey};
use chater_protocol::event::{Header, Lane};
use chater_protocol::id::{ChatId, EventId, HomeId, KeyId, NodeId, UserId};
use chater_protocol::key::SigningKey;
use chater_protocol::seal::EpochSecret;
use chater_protocol::wire::ChatRef;
use chater_store::chats::{self, ChatRow, KeyRow};
use chater_store::tables::Table;
use chater_store::{Durability, StoreError, Write, events, groups, homes, nodes, users};
use rand_core::CryptoRng;

use crate::deliver::Fresh;
use crate::error::Error;
use crate::shared::Shared;
use crate::update::News;

/// Why an input was not carried out.
pub(crate) enum Fail {
    /// Refused before anything was written.
    Refused(Error),
    /// The store failed; the whole turn is dropped.
    Store(StoreError),
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for Fail {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What follows the commit.
pub(crate) struct Effects {
    pub(crate) durability: Durability,
    /// For browsers, in order.
    pub(crate) news: Vec<(UserId, News)>,
    /// Chat cards that changed.
    pub(crate) cards: BTreeSet<(UserId, u32)>,
    /// Fresh events for connected nodes, in order.
    pub(crate) due: Vec<(NodeId, Fresh)>,
    /// Connected nodes that lack more than fresh events: the store is looked through for them.
    pub(crate) lacking: BTreeSet<NodeId>,
    /// Connected nodes that may have what lacks here all of a sudden: what has changed is compared with them now.
    pub(crate) asked: BTreeSet<NodeId>,
    /// Groups whose members changed, or what somebody here says to being in one.
    pub(crate) groups: BTreeSet<u32>,
    /// Nodes to keep a connection to.
    pub(crate) wanted: Vec<(NodeId, Vec<String>)>,
    /// Cards, homes or names changed: what is remembered of people is stale.
    pub(crate) people_changed: bool,
}

/// A user of this node who can write: the home and its key.
pub(crate) struct Writer {
    pub(crate) home: HomeId,
    pub(crate) key: SigningKey,
}

/// Of each feed of keys: up to where it was read, and the events in it that made a key (K3, K6).
pub(crate) type Made = HashMap<u32, (u64, Vec<(KeyId, Arc<Header>)>)>;

/// A chat as the writer needs it, worked out once and kept until identities or keys change.
pub(crate) struct ChatContext {
    pub(crate) chat: ChatRef,
    /// Both users of a direct chat, the present members of a group.
    pub(crate) members: Vec<UserId>,
    /// Those who live here.
    pub(crate) local: Vec<UserId>,
    /// The control events of a group and what they say; none = a direct chat.
    pub(crate) group: Option<Group>,
    /// Of each member, whether it lives here, and its live homes; read once and kept while it is in.
    pub(crate) known: HashMap<UserId, (bool, Vec<(HomeId, NodeId)>)>,
    /// The events that made a key.
    pub(crate) made: Made,
    /// Live homes of all members.
    pub(crate) live: BTreeSet<Holder>,
    /// Other nodes with a live home of a member: node and its number here.
    pub(crate) routes: Vec<(NodeId, u32)>,
    /// Epoch secrets known.
    pub(crate) keys: Vec<KnownKey>,
    /// The secrets themselves.
    pub(crate) secrets: HashMap<KeyId, EpochSecret>,
    /// In a group: whether a key was made by somebody who had seen everybody out who is out here (K3).
    pub(crate) fresh: HashMap<KeyId, bool>,
    /// When this home first sealed with a key: the seq of its feed then.
    pub(crate) since: HashMap<(KeyId, HomeId), u64>,
}

/// What the writer remembers between turns. Dropped whole when a turn fails.
#[derive(Default)]
pub(crate) struct Cache {
    numbers: HashMap<ChatId, u32>,
    writers: HashMap<UserId, Arc<Writer>>,
    contexts: HashMap<u32, ChatContext>,
}

/// Chats and writers remembered at most.
const REMEMBERED: usize = 4_096;

/// One turn.
pub(crate) struct Turn<'a, 'txn> {
    pub(crate) shared: &'a Shared,
    pub(crate) tx: &'a Write<'txn>,
    pub(crate) now_ms: u64,
    pub(crate) rng: &'a mut dyn CryptoRng,
    pub(crate) effects: Effects,
    cache: &'a mut Cache,
    /// Chat rows changed in this turn; written once at its end.
    rows: HashMap<u32, ChatRow>,
    /// Those rows as the present input found them; none = not in `rows` yet.
    before: HashMap<u32, Option<ChatRow>>,
    /// How many news, fresh events and wanted nodes there were before the present input.
    told: (usize, usize, usize),
    /// Events that did not count and do now: what follows from them is still to be done.
    pub(crate) revived: Vec<(u32, EventId)>,
    /// Events that take messages back and may count no more, or count now: the payloads are still to be seen to.
    pub(crate) deletes: Vec<(u32, EventId)>,
    /// The node whose events of a group are taken in; none = somebody here acts.
    pub(crate) from: Option<NodeId>,
}

impl ChatContext {
    /// Something here is sealed with a key that is not.
    pub(crate) fn lacks_keys(&self) -> bool {
        self.keys.len() > self.secrets.len()
    }

    /// The members who live here.
    pub(crate) fn locals(&self) -> impl Iterator<Item = UserId> + '_ {
        self.local.iter().copied()
    }

    /// The links to the control graph that an event of this home carries (L2).
    pub(crate) fn ctl(&self, user: UserId, home: HomeId) -> Vec<EventId> {
        let group = self.group.as_ref();
        group.map_or_else(Vec::new, |group| group.seat(&user, home).ctl())
    }
}

impl<'a, 'txn> Turn<'a, 'txn> {
    pub(crate) fn new(
        shared: &'a Shared,
        tx: &'a Write<'txn>,
        cache: &'a mut Cache,
        now_ms: u64,
        rng: &'a mut dyn CryptoRng,
    ) -> Self {
        let effects = Effects {
            durability: Durability::Lazy,
            news: Vec::new(),
            cards: BTreeSet::new(),
            due: Vec::new(),
            lacking: BTreeSet::new(),
            asked: BTreeSet::new(),
            groups: BTreeSet::new(),
            wanted: Vec::new(),
            people_changed: false,
        };
        Self {
            shared,
            tx,
            now_ms,
            rng,
            effects,
            cache,
            rows: HashMap::new(),
            before: HashMap::new(),
            told: (0, 0, 0),
            revived: Vec::new(),
            deletes: Vec::new(),
            from: None,
        }
    }

    /// The next input begins: from here on [`Turn::undo`] can take it back.
    pub(crate) fn begin(&mut self) {
        self.tx.begin();
        self.before.clear();
        self.revived.clear();
        self.deletes.clear();
        self.from = None;
        let effects = &self.effects;
        self.told = (effects.news.len(), effects.due.len(), effects.wanted.len());
    }

    /// Takes the present input back and nothing else: the others of the turn are kept.
    pub(crate) fn undo(&mut self) -> Result<(), StoreError> {
        self.tx.undo();
        for (no, row) in self.before.drain() {
            match row {
                Some(row) => self.rows.insert(no, row),
                None => self.rows.remove(&no),
            };
        }
        self.effects.news.truncate(self.told.0);
        self.effects.due.truncate(self.told.1);
        self.effects.wanted.truncate(self.told.2);
        // What was worked out on the way may rest on what is gone now.
        *self.cache = Cache::default();
        Ok(())
    }

    /// Writes what was gathered; gives what follows the commit.
    pub(crate) fn finish(self) -> Result<(Effects, Durability), StoreError> {
        for (no, row) in &self.rows {
            chats::put(self.tx, *no, row)?;
        }
        let durability = self.effects.durability;
        Ok((self.effects, durability))
    }

    /// Writes chat rows now and forgets them: something is about to change them in the store.
    pub(crate) fn flush(&mut self) -> Result<(), StoreError> {
        for (no, row) in self.rows.drain() {
            chats::put(self.tx, no, &row)?;
            self.before.entry(no).or_insert(Some(row));
        }
        Ok(())
    }

    /// This turn must be on disk before anybody is answered.
    pub(crate) fn durable(&mut self) {
        self.effects.durability = Durability::Commit;
    }

    /// Identities changed: what was worked out from them is stale.
    pub(crate) fn identities_changed(&mut self) {
        self.cache.contexts.clear();
        self.cache.writers.clear();
        self.effects.people_changed = true;
    }

    /// The local number of a chat.
    pub(crate) fn number(&mut self, chat: ChatId) -> Result<Option<u32>, StoreError> {
        if let Some(no) = self.cache.numbers.get(&chat) {
            return Ok(Some(*no));
        }
        let no = chats::number(self.tx, chat)?;
        if let Some(no) = no {
            if self.cache.numbers.len() >= REMEMBERED {
                self.cache.numbers.clear();
            }
            self.cache.numbers.insert(chat, no);
        }
        Ok(no)
    }

    /// The row of a chat, to be changed; it is written at the end of the turn.
    pub(crate) fn row(&mut self, no: u32) -> Result<&mut ChatRow, StoreError> {
        let seen = self.before.contains_key(&no);
        match self.rows.entry(no) {
            Entry::Vacant(slot) => {
                slot.insert(events::present(chats::chat(self.tx, no)?, Table::Chats)?);
                self.before.entry(no).or_insert(None);
            }
            Entry::Occupied(slot) if !seen => {
                self.before.insert(no, Some(slot.get().clone()));
            }
            Entry::Occupied(_) => {}
        }
        self.rows
            .get_mut(&no)
            .ok_or_else(|| StoreError::Damaged("a chat".to_owned()))
    }

    /// Places anew what stood where it did because of events that count no more, or again (M6).
    pub(crate) fn weigh(&mut self, no: u32, turned: &[(EventId, bool)]) -> Result<(), StoreError> {
        let (tx, now_ms) = (self.tx, self.now_ms);
        let row = self.row(no)?;
        events::weigh(tx, no, row, turned, now_ms)
    }

    /// Appends to a chat through its row of this turn.
    pub(crate) fn append(
        &mut self,
        no: u32,
        event: &chater_protocol::event::VerifiedEvent,
        client_id: Option<&str>,
    ) -> Result<events::Appended, StoreError> {
        let (tx, now_ms) = (self.tx, self.now_ms);
        let row = self.row(no)?;
        events::append(tx, no, row, event, client_id, now_ms)
    }

    /// A direct chat, made when it is new.
    pub(crate) fn ensure_direct(
        &mut self,
        chat: ChatId,
        a: UserId,
        b: UserId,
    ) -> Result<u32, StoreError> {
        if let Some(no) = self.number(chat)? {
            return Ok(no);
        }
        let (no, row) = chats::ensure_direct(self.tx, chat, a, b, self.now_ms)?;
        self.before.entry(no).or_insert(None);
        self.rows.insert(no, row);
        Ok(no)
    }

    /// The home and key with which a user of this node writes.
    pub(crate) fn writer(&mut self, user: UserId) -> Result<Arc<Writer>, Fail> {
        if let Some(writer) = self.cache.writers.get(&user) {
            return Ok(writer.clone());
        }
        let row = users::user(self.tx, user)?.ok_or(Error::NotFound)?;
        if row.stopped {
            // I7: an event of this home exists that is not here; writing on would fork its feed.
            return Err(Error::HomeStopped.into());
        }
        let seed = self
            .shared
            .kek
            .open(&secret_aad(b"home", user, 1), &row.home_sealed)
            .map_err(|_| StoreError::Damaged("a home key".to_owned()))?;
        let seed: &[u8; 32] = seed
            .as_slice()
            .try_into()
            .map_err(|_| StoreError::Damaged("a home key".to_owned()))?;
        let writer = Arc::new(Writer {
            home: row.home,
            key: SigningKey::from_seed(seed),
        });
        if self.cache.writers.len() >= REMEMBERED {
            self.cache.writers.clear();
        }
        self.cache.writers.insert(user, writer.clone());
        Ok(writer)
    }

    /// Lets `f` use and change what is known of a chat. Not for use inside another `f` of the same chat.
    pub(crate) fn context<T>(
        &mut self,
        no: u32,
        f: impl FnOnce(&mut Self, &mut ChatContext) -> Result<T, Fail>,
    ) -> Result<T, Fail> {
        let mut context = match self.cache.contexts.remove(&no) {
            Some(context) => context,
            None => self.load_context(no)?,
        };
        let out = f(self, &mut context);
        if self.cache.contexts.len() >= REMEMBERED {
            self.cache.contexts.clear();
        }
        self.cache.contexts.insert(no, context);
        out
    }

    /// A group, made when it is new.
    pub(crate) fn ensure_group(&mut self, chat: ChatId) -> Result<u32, StoreError> {
        if let Some(no) = self.number(chat)? {
            return Ok(no);
        }
        let (no, row) = groups::ensure(self.tx, chat, self.now_ms)?;
        self.before.entry(no).or_insert(None);
        self.rows.insert(no, row);
        Ok(no)
    }

    /// The control events of a group as they are stored.
    pub(crate) fn load_group(&self, no: u32, id: ChatId) -> Result<Group, StoreError> {
        let mut group = Group::new(id);
        for event in groups::lane(self.tx, no, Lane::Control as u8)? {
            group.insert_named(&event);
        }
        Ok(group)
    }

    /// Who is in a chat now, where they live, and which homes they have.
    pub(crate) fn gather(&mut self, context: &mut ChatContext) -> Result<(), Fail> {
        if let Some(group) = &context.group {
            context.members = group.members().map(|(user, _)| user).collect();
        }
        context.fresh.clear();
        context.local.clear();
        context.routes.clear();
        let mut all: BTreeMap<UserId, Vec<HomeId>> = BTreeMap::new();
        // In a group of a thousand, whoever comes or goes alone is read anew.
        let mut before = std::mem::take(&mut context.known);
        for user in context.members.iter().copied() {
            let (local, homes) = match before.remove(&user) {
                Some(known) => known,
                None => {
                    let homes = homes::live(self.tx, user)?;
                    let homes = homes
                        .into_iter()
                        .map(|(home, record)| (home, record.node_id));
                    (self.is_local(user)?, homes.collect())
                }
            };
            if local {
                context.local.push(user);
            }
            for (home, node_id) in &homes {
                all.entry(user).or_default().push(*home);
                if *node_id != self.shared.node_id
                    && !context.routes.iter().any(|(n, _)| n == node_id)
                {
                    let node = nodes::ensure(self.tx, *node_id, 2, self.now_ms)?;
                    context.routes.push((*node_id, node.no));
                }
            }
            context.known.insert(user, (local, homes));
        }
        context.live = match &context.group {
            Some(group) => group.holders(&all),
            None => all
                .into_iter()
                .flat_map(|(user, homes)| homes.into_iter().map(move |home| (user, home)))
                .collect(),
        };
        Ok(())
    }

    fn load_context(&mut self, no: u32) -> Result<ChatContext, Fail> {
        let row = self.row(no)?;
        let (id, users) = (row.id, row.users);
        let group = match users {
            Some(_) => None,
            None => Some(self.load_group(no, id)?),
        };
        let mut context = ChatContext {
            chat: ChatRef { chat: id, users },
            members: users.map_or_else(Vec::new, |(a, b)| vec![a, b]),
            local: Vec::new(),
            group,
            known: HashMap::new(),
            made: HashMap::new(),
            live: BTreeSet::new(),
            routes: Vec::new(),
            keys: Vec::new(),
            secrets: HashMap::new(),
            fresh: HashMap::new(),
            since: HashMap::new(),
        };
        self.gather(&mut context)?;
        for (key_id, row) in chats::keys(self.tx, no)? {
            for (home, seq) in &row.since {
                context.since.insert((key_id, *home), *seq);
            }
            if let Some(sealed) = &row.sealed {
                let secret = open_secret(self.shared, id, key_id, sealed)?;
                context.secrets.insert(key_id, secret);
            }
            context.keys.push(known_key(key_id, &row));
        }
        Ok(context)
    }

    /// Whether a user lives here.
    pub(crate) fn is_local(&self, user: UserId) -> Result<bool, StoreError> {
        users::lives_here(self.tx, user)
    }

    /// News for one user, after the commit.
    pub(crate) fn tell(&mut self, user: UserId, news: News) {
        self.effects.news.push((user, news));
    }

    /// The chat's card changed for that user.
    pub(crate) fn card_changed(&mut self, user: UserId, no: u32) {
        self.effects.cards.insert((user, no));
    }

    /// An event exists: its id in the log of a chat.
    pub(crate) fn in_chat(
        &mut self,
        no: u32,
        id: EventId,
    ) -> Result<Option<events::Stored>, StoreError> {
        let Some(stored) = events::find(self.tx, id)? else {
            return Ok(None);
        };
        let (chat_no, _) = events::whose(self.tx, stored.feed_no)?;
        Ok((chat_no == no).then_some(stored))
    }
}

/// A key as the choice of K4 sees it. One that no `key` event shared (K3) is good for reading only.
pub(crate) fn known_key(id: KeyId, row: &KeyRow) -> KnownKey {
    KnownKey {
        id,
        holders: row.holders.iter().copied().collect(),
        first_ms: row.first_ms,
        sealed: 0,
        // Its first key event lowers the time (`remote.rs`); whoever asked for it is a holder without one.
        usable: row.sealed.is_some() && row.first_ms != u64::MAX,
    }
}

/// P2: what a sealed secret is bound to.
pub(crate) fn secret_aad(what: &[u8], user: UserId, version: u8) -> Vec<u8> {
    [what, &[0], &user.0, &[version]].concat()
}

/// P2: what a sealed epoch secret is bound to.
pub(crate) fn key_aad(chat: ChatId, key: KeyId) -> Vec<u8> {
    [&b"epoch\0"[..], &chat.0, &key.0, &[1]].concat()
}

/// Opens an epoch secret of the store.
pub(crate) fn open_secret(
    shared: &Shared,
    chat: ChatId,
    key: KeyId,
    sealed: &[u8],
) -> Result<EpochSecret, StoreError> {
    let damaged = || StoreError::Damaged("an epoch secret".to_owned());
    let plain = shared
        .kek
        .open(&key_aad(chat, key), sealed)
        .map_err(|_| damaged())?;
    Ok(EpochSecret::new(
        plain.as_slice().try_into().map_err(|_| damaged())?,
    ))
}
