//! Fills the folder of a stopped node, for tests of how pages open and for the benchmark: chats with people nobody
//! knows, messages of a real chat, people of nodes that do not exist, many groups. A start of the node and its own
//! rules are what they always are.
//!
//! `seed FOLDER chats USER N`, `seed FOLDER messages NICK PASSWORD CHAT N`, `seed FOLDER damage CHAT` (its row is
//! there no more, as after a fault of the disk), `seed FOLDER people N NODES` (prints their ids),
//! `seed FOLDER groups NICK PASSWORD GROUPS MESSAGES MEMBER...` (prints the ids of the groups),
//! `seed FOLDER acts NICK PASSWORD GROUP MEMBER...` (prints how many milliseconds it takes the engine to add one of these,
//! to remove one, and to send a message after that: medians); ids are hex.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a tool of tests stops at the first surprise"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use chater_engine::id::{ChatId, UserId};
use chater_engine::{Config, Draft, Engine, Login, NodeKey, SessionKind, UserHandle};
use chater_protocol::id::{Bytes, EventId, NodeId};
use chater_protocol::identity::{HomeRecord, KemCard, ProfileCard};
use chater_protocol::key::SigningKey;
use chater_protocol::time::Timestamp;
use chater_store::chats::{self, ChatRow, InboxRow};
use chater_store::tables::Table;
use chater_store::{Durability, Store, StoreError, Write, homes, nodes};
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
        [folder, "damage", chat] => damage(Path::new(folder), chat.parse().unwrap()),
        [folder, "people", n, nodes] => {
            people(
                Path::new(folder),
                n.parse().unwrap(),
                nodes.parse().unwrap(),
            );
        }
        _ => tokio::runtime::Runtime::new()
            .unwrap()
            .block_on(as_user(&words)),
    }
}

/// What is done by the engine itself, as a user of the node.
async fn as_user(words: &[&str]) {
    match *words {
        [folder, "messages", nick, password, chat, n] => {
            let (engine, user) = start(folder, nick, password).await;
            talk(&user, chat.parse().unwrap(), n.parse().unwrap(), 0).await;
            engine.stop().await;
        }
        [
            folder,
            "groups",
            nick,
            password,
            n,
            messages,
            ref members @ ..,
        ] => {
            let (engine, user) = start(folder, nick, password).await;
            let members: BTreeSet<UserId> = members.iter().map(|id| id.parse().unwrap()).collect();
            let mut groups = Vec::new();
            for at in 0..n.parse().unwrap() {
                let made = user.create_group(format!("Group {at}"), members.clone());
                groups.push(made.await.unwrap().id);
            }
            // One group after the other: turns that touch hundreds of chats are many times slower.
            let each = messages.parse::<usize>().unwrap() / groups.len();
            for group in &groups {
                talk(&user, *group, each, LONG).await;
            }
            engine.stop().await;
            for group in groups {
                println!("{group}");
            }
        }
        [folder, "acts", nick, password, group, ref members @ ..] => {
            let (engine, user) = start(folder, nick, password).await;
            let members: Vec<UserId> = members.iter().map(|id| id.parse().unwrap()).collect();
            acts(&user, group.parse().unwrap(), &members).await;
            engine.stop().await;
        }
        _ => println!(
            "seed FOLDER chats USER N | messages NICK PASSWORD CHAT N | damage CHAT | people N NODES | \
             groups NICK PASSWORD GROUPS MESSAGES MEMBER... | acts NICK PASSWORD GROUP MEMBER..."
        ),
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

/// People of nodes that were never met: homes, cards and keys as those nodes would have given them, so that a group
/// of thousands can be made without thousands of registrations.
fn people(folder: &Path, n: u32, on: u32) {
    let store = Store::open(&folder.join("chater.redb")).unwrap();
    let now_ms = 1_700_000_000_000;
    let key = |what: u8, no: u32| {
        let mut seed = [what; 32];
        seed[..4].copy_from_slice(&no.to_be_bytes());
        SigningKey::from_seed(&seed)
    };
    let one = |tx: &Write<'_>, no: u32| -> Result<UserId, StoreError> {
        let (root, home) = (key(1, no), key(2, no));
        let user = UserId(root.public().0);
        let node_id = NodeId(key(3, no % on).public().0);
        nodes::ensure(tx, node_id, 2, now_ms)?;
        let record = HomeRecord {
            v: 1,
            user,
            sign_pk: home.public(),
            node_id,
            state: 0,
            ts: now_ms,
        };
        homes::put_home(tx, &record, &record.sign(&root))?;
        homes::confirm(tx, &record)?;
        let kem = KemCard {
            v: 1,
            user,
            home: record.id(),
            n: 0,
            suite: 1,
            // Nobody will open what is sealed to it: any point of the curve does.
            kem_pk: Bytes(home.public().0),
            ts: now_ms,
        };
        homes::put_kem(tx, &kem, &kem.sign(&home))?;
        let card = ProfileCard {
            v: 1,
            user,
            home: record.id(),
            n: 0,
            nick: format!("member{no}"),
            display_name: String::new(),
            about: String::new(),
            avatar: None,
            discoverable: 2,
            ts: now_ms,
        };
        homes::put_card(tx, &card, &card.sign(&home), now_ms)?;
        Ok(user)
    };
    let made = store.write::<_, StoreError>(Durability::Commit, |tx| {
        (0..n).map(|no| one(tx, no)).collect::<Result<Vec<_>, _>>()
    });
    for user in made.unwrap() {
        println!("{user}");
    }
}

/// The node of a folder in this process, without limits, and one of its users.
async fn start(folder: &str, nick: &str, password: &str) -> (Engine, UserHandle) {
    let key = std::fs::read(Path::new(folder).join("node.key")).unwrap();
    let key = NodeKey::new(key[..].try_into().unwrap());
    let engine = Engine::start(Config::alone(folder.into(), key, "seed"))
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
    (engine, user)
}

/// Characters of a message in the benchmark.
const LONG: usize = 100;

fn line(at: usize, width: usize) -> Draft {
    Draft {
        text: format!("{:.<width$}", format!("line {at}")),
        ..Draft::default()
    }
}

/// Messages of one author, sent as everybody sends.
async fn talk(user: &UserHandle, chat: ChatId, n: usize, width: usize) {
    let sends = futures::stream::iter(1..=n).map(|at| user.send(chat, line(at, width)));
    let mut sent = sends.buffered(AT_ONCE);
    while let Some(done) = sent.next().await {
        done.unwrap();
    }
}

/// How long the engine takes, each with its durable commit: from the call to the answer.
async fn acts(user: &UserHandle, group: ChatId, members: &[UserId]) {
    let mut took: [Vec<Duration>; 3] = Default::default();
    // Finds nothing in the engine's memory and does not count.
    user.send(group, line(0, LONG)).await.unwrap();
    for member in members {
        let started = Instant::now();
        user.add_members(group, [*member].into()).await.unwrap();
        took[0].push(started.elapsed());
    }
    for member in members {
        let started = Instant::now();
        user.remove_member(group, *member).await.unwrap();
        let removed = Instant::now();
        user.send(group, line(1, LONG)).await.unwrap();
        took[1].push(removed - started);
        took[2].push(removed.elapsed());
    }
    for mut times in took {
        times.sort();
        println!("{}", times[times.len() / 2].as_secs_f64() * 1_000.0);
    }
}
