//! Two users with two homes each, and a chat of theirs in a store in memory.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use chater_protocol::chat::direct;
use chater_protocol::event::{Feed, Header, Kind, Position, VerifiedEvent};
use chater_protocol::id::{ChatId, EventId, HomeId, NodeId, UserId};
use chater_protocol::identity::HomeRecord;
use chater_protocol::key::SigningKey;
use chater_protocol::time::Timestamp;
use chater_store::chats::{self, ChatRow};
use chater_store::events::{self, Appended};
use chater_store::{Durability, Rows, Store, StoreError, Write};

/// One home of a user.
pub struct Home {
    pub root: SigningKey,
    pub key: SigningKey,
    pub record: HomeRecord,
}

impl Home {
    pub fn new(user: u8, home: u8) -> Self {
        let root = SigningKey::from_seed(&[user; 32]);
        let key = SigningKey::from_seed(&[100 + user * 10 + home; 32]);
        let record = HomeRecord {
            v: 1,
            user: UserId(root.public().0),
            sign_pk: key.public(),
            node_id: NodeId([home; 32]),
            state: 0,
            ts: 1,
        };
        Self { root, key, record }
    }

    pub fn user(&self) -> UserId {
        self.record.user
    }

    pub fn id(&self) -> HomeId {
        self.record.id()
    }
}

/// Two homes of each of two users: 0 and 1 are of the first, 2 and 3 of the second.
pub fn homes() -> [Home; 4] {
    [
        Home::new(1, 1),
        Home::new(1, 2),
        Home::new(2, 3),
        Home::new(2, 4),
    ]
}

pub fn chat_of(homes: &[Home; 4]) -> ChatId {
    direct::chat_id(homes[0].user(), homes[2].user())
}

/// Signs an event of `home`.
#[allow(clippy::too_many_arguments, reason = "what an event is made of")]
pub fn event(
    home: &Home,
    group: ChatId,
    (kind, lane): (Kind, u8),
    (seq, prev): (u64, EventId),
    deps: Vec<EventId>,
    ts: Timestamp,
    payload: &[u8],
) -> VerifiedEvent {
    let feed = Feed {
        group,
        author: home.user(),
        home: home.id(),
        lane,
    };
    let at = Position {
        feed,
        seq,
        prev,
        ctl: Vec::new(),
        deps,
        ts,
    };
    VerifiedEvent::sign(at, kind, payload.to_vec(), &home.key)
}

/// A store with one direct chat.
pub struct Log {
    pub store: Store,
    pub no: u32,
}

impl Log {
    pub fn new(homes: &[Home; 4]) -> Self {
        let store = Store::in_memory().unwrap();
        let no = Self::chat(&store, homes[0].user(), homes[2].user());
        Self { store, no }
    }

    pub fn chat(store: &Store, a: UserId, b: UserId) -> u32 {
        store
            .write::<_, StoreError>(Durability::Lazy, |tx| {
                Ok(chats::ensure_direct(tx, direct::chat_id(a, b), a, b, 1)?.0)
            })
            .unwrap()
    }

    /// Appends in the order given, in one transaction.
    pub fn take<'a>(
        &self,
        list: impl IntoIterator<Item = &'a VerifiedEvent>,
        now_ms: u64,
    ) -> Vec<Appended> {
        self.write(|tx, chat| {
            list.into_iter()
                .map(|e| events::append(tx, self.no, chat, e, None, now_ms).unwrap())
                .collect()
        })
    }

    pub fn write<T>(&self, f: impl FnOnce(&Write<'_>, &mut ChatRow) -> T) -> T {
        self.store
            .write::<_, StoreError>(Durability::Lazy, |tx| {
                let mut chat = chats::chat(tx, self.no)?.unwrap();
                let out = f(tx, &mut chat);
                chats::put(tx, self.no, &chat)?;
                Ok(out)
            })
            .unwrap()
    }

    pub fn chat_row(&self) -> ChatRow {
        chats::chat(&self.store.read().unwrap(), self.no)
            .unwrap()
            .unwrap()
    }

    /// Ids of the timeline, from the top down.
    pub fn timeline(&self) -> Vec<EventId> {
        let read = self.store.read().unwrap();
        let mut rows = Vec::new();
        events::timeline(&read, self.no, None, false, &mut |row| {
            rows.push(row);
            true
        })
        .unwrap();
        rows.iter()
            .map(|row| {
                let event = events::event(&read, row.feed_no, row.place.seq, row.branch)
                    .unwrap()
                    .unwrap();
                let stored = events::find(&read, event.id()).unwrap().unwrap();
                assert_eq!(
                    stored.eff, row.place.eff,
                    "the id's row and the timeline agree"
                );
                assert_eq!(stored.n, row.n);
                event.id()
            })
            .collect()
    }
}

/// Id and header, as the reference order takes them.
pub fn pair(event: &VerifiedEvent) -> (EventId, Header) {
    (event.id(), event.header().clone())
}

/// Every row of every table.
pub fn dump(rows: &impl Rows) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    for table in chater_store::tables::Table::ALL {
        rows.each(*table, &[], &mut |k, v| {
            // Changes with every start.
            if k != b"journal" {
                all.push((format!("{table:?}"), k.to_vec(), v.to_vec()));
            }
            true
        })
        .unwrap();
    }
    all
}
