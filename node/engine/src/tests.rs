#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::items_after_statements,
    reason = "a test may fail"
)]
//! Whole engines in one process, on loopback.

mod accounts;
mod allow;
mod amplify;
mod arrange;
mod branches;
mod circle;
mod eclipse;
mod excess;
mod faults;
mod flood;
mod forged;
mod full;
mod groups;
mod guests;
mod hide;
mod history;
mod homes;
mod hostile;
mod keys;
mod late;
mod liars;
mod mail;
mod named;
mod nodes;
mod outsiders;
mod owner;
mod pictures;
mod searches;
mod simulate;
mod strangers;
mod tickets;
mod trouble;
mod void;
mod waiting;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chater_protocol::id::{ChatId, EventId};

use crate::view::{Anchor, Message};
use crate::{Config, Draft, Engine, NewUser, NodeKey, Registration, SessionKind, UserHandle};

const PATIENCE: Duration = Duration::from_secs(10);
const PASSWORD: &str = "correct horse battery";

/// A folder that is gone with its test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("chater-engine-{}-{next}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The store and its journal.
    const FILES: [&str; 2] = ["chater.redb", "chater.journal"];

    fn keep(&self, as_name: &str) {
        std::fs::create_dir(self.0.join(as_name)).unwrap();
        for file in Self::FILES {
            std::fs::copy(self.0.join(file), self.0.join(as_name).join(file)).unwrap();
        }
    }

    fn restore(&self, name: &str) {
        for file in Self::FILES {
            std::fs::copy(self.0.join(name).join(file), self.0.join(file)).unwrap();
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn config(dir: &Path, name: &str) -> Config {
    let mut seed = [7; 32];
    for (to, from) in seed.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    Config::alone(dir.to_owned(), NodeKey::new(seed), name)
}

/// Starts a node; after a stop in the same process the file is free a moment later.
async fn start(dir: &Folder, name: &str) -> Engine {
    let began = Instant::now();
    loop {
        match Engine::start(config(&dir.0, name)).await {
            Ok(engine) => return engine,
            Err(error) if began.elapsed() > PATIENCE => panic!("{name}: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn stop(engine: Engine) {
    engine.stop().await;
}

async fn user(engine: &Engine, nick: &str) -> UserHandle {
    let new = NewUser {
        nick: nick.to_owned(),
        password: PASSWORD.to_owned(),
        invite: None,
        device: String::new(),
        from: [127, 0, 0, 1].into(),
        here: true,
        language: None,
        time_zone: None,
    };
    engine.register(new, SessionKind::Token).await.unwrap().user
}

async fn link(a: &Engine, b: &Engine) {
    let address = b.node().addresses.first().unwrap().clone();
    let _ = a.add_peer(&address).await;
    let (left, right) = (a.shared().node_id, b.shared().node_id);
    until("linked", || {
        a.shared().is_linked(right) && b.shared().is_linked(left)
    })
    .await;
}

/// Two nodes lose each other, and stay apart until [`heal`].
async fn cut(a: &Engine, b: &Engine) {
    let (left, right) = (a.shared().node_id, b.shared().node_id);
    a.shared().network.block(right);
    b.shared().network.block(left);
    until("apart", || {
        !a.shared().is_linked(right) && !b.shared().is_linked(left)
    })
    .await;
}

async fn heal(a: &Engine, b: &Engine) {
    a.shared().network.unblock(b.shared().node_id);
    b.shared().network.unblock(a.shared().node_id);
    link(a, b).await;
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// All that a search shows, by address: whoever is remembered comes again with the answer of their node.
async fn found(who: &UserHandle, text: &str) -> Vec<String> {
    let mut answers = who.search(text).await.unwrap();
    let mut names = Vec::new();
    while let Some(answer) = answers.recv().await {
        names.extend(answer.rows.into_iter().map(|p| p.address));
    }
    names.sort();
    names.dedup();
    names
}

async fn say(from: &UserHandle, chat: ChatId, text: &str) -> Arc<Message> {
    let draft = Draft {
        text: text.to_owned(),
        ..Draft::default()
    };
    from.send(chat, draft).await.unwrap().0
}

fn all(of: &UserHandle, chat: ChatId) -> Vec<Message> {
    of.messages(chat, Anchor::Newest, 200)
        .map(|page| page.messages)
        .unwrap_or_default()
}

fn texts(of: &UserHandle, chat: ChatId) -> Vec<String> {
    all(of, chat).into_iter().filter_map(|m| m.text).collect()
}

async fn sees(of: &UserHandle, chat: ChatId, text: &str) {
    until(text, || texts(of, chat).iter().any(|t| t == text)).await;
}

fn one(of: &UserHandle, chat: ChatId, id: EventId) -> Message {
    of.message(chat, id).unwrap()
}
