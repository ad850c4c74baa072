//! Fills the folder of a stopped node, for tests of how pages open: chats with people nobody knows, or messages of a
//! real chat. A start of the node and its own rules are what they always are.
//!
//! `seed FOLDER chats USER N`, `seed FOLDER messages NICK PASSWORD CHAT N`, `seed FOLDER damage CHAT` (its row is
//! there no more, as after a fault of the disk); ids are hex.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a tool of tests stops at the first surprise"
)]

use std::path::Path;

use chater_engine::id::{ChatId, UserId};
use chater_engine::{Config, Draft, Engine, Limits, Login, NodeKey, Registration, SessionKind};
use chater_protocol::id::EventId;
use chater_protocol::time::Timestamp;
use chater_store::chats::{self, ChatRow, InboxRow};
use chater_store::tables::Table;
use chater_store::{Durability, Store, StoreError};
use futures::StreamExt;

/// Sends that wait for their commit at once.
const AT_ONCE: usize = 512;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [folder, "chats", user, n] => {
            fill(Path::new(folder), user.parse().unwrap(), n.parse().unwrap());
        }
        [folder, "messages", nick, password, chat, n] => {
            tokio::runtime::Runtime::new().unwrap().block_on(talk(
                folder,
                nick,
                password,
                chat.parse().unwrap(),
                n.parse().unwrap(),
            ))
        }
        [folder, "damage", chat] => damage(Path::new(folder), chat.parse().unwrap()),
        _ => println!("seed FOLDER chats USER N | messages NICK PASSWORD CHAT N | damage CHAT"),
    }
}

/// Chats as if their first messages had been read long ago.
fn fill(folder: &Path, viewer: UserId, n: u32) {
    let store = Store::open(&folder.join("chater.redb")).unwrap();
    store
        .write::<_, StoreError>(Durability::Commit, |tx| {
            for no in 0..n {
                let mut id = [9; 32];
                id[..4].copy_from_slice(&no.to_be_bytes());
                let row = ChatRow {
                    v: 1,
                    id: ChatId(id),
                    users: Some((viewer, UserId(id))),
                    active_ms: 1_700_000_000_000 + u64::from(no) * 60_000,
                    newest: None,
                    count: 1,
                    heads: vec![(EventId(id), Timestamp(1))],
                };
                chats::put(tx, 1_000_000 + no, &row)?;
                let inbox = InboxRow {
                    read_n: 1,
                    ..InboxRow::default()
                };
                chats::put_inbox(tx, viewer, 1_000_000 + no, &inbox)?;
            }
            Ok(())
        })
        .unwrap();
}

fn damage(folder: &Path, chat: ChatId) {
    let store = Store::open(&folder.join("chater.redb")).unwrap();
    let no = chats::number(&store.read().unwrap(), chat)
        .unwrap()
        .unwrap();
    store
        .write::<_, StoreError>(Durability::Commit, |tx| {
            tx.remove(Table::Chats, &no.to_be_bytes())
        })
        .unwrap();
}

/// Messages of one author, sent as everybody sends, without limits.
async fn talk(folder: &str, nick: &str, password: &str, chat: ChatId, n: usize) {
    let key = std::fs::read(Path::new(folder).join("node.key")).unwrap();
    let engine = Engine::start(Config {
        data_dir: folder.into(),
        node_key: NodeKey::new(key[..].try_into().unwrap()),
        name: "seed".to_owned(),
        name_fixed: false,
        p2p_listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()],
        p2p_listen_explicit: true,
        peers: Vec::new(),
        mdns: false,
        registration: Registration::Closed,
        registration_fixed: true,
        setup_code: None,
        limits: Limits {
            messages_per_s: 0,
            messages_burst: 0,
            searches_per_s: 0,
            registrations_per_h: 0,
        },
        language: "en".to_owned(),
    })
    .await
    .unwrap();
    let login = Login {
        nick: nick.to_owned(),
        password: password.to_owned(),
        device: String::new(),
        from: [127, 0, 0, 1].into(),
        kind: SessionKind::Token,
        time_zone: None,
    };
    let user = engine.log_in(login).await.unwrap().user;
    let sends = futures::stream::iter(1..=n).map(|at| {
        let draft = Draft {
            text: format!("line {at}"),
            ..Draft::default()
        };
        user.send(chat, draft)
    });
    let mut sent = sends.buffered(AT_ONCE);
    while let Some(done) = sent.next().await {
        done.unwrap();
    }
    drop(sent);
    engine.stop().await;
}
