#![allow(clippy::print_stdout, reason = "a run tells its seed")]
//! Many engines in one process, driven at random from a seed: groups are made and changed and talked in while nodes
//! lose each other, connections break, nodes hang, crash with what they had not kept, and have clocks hours apart.
//! Then all is healed, and `check.rs` looks whether everybody ends alike and nothing that was promised is lost.
//!
//! What is real: engines, stores, writers, libp2p on loopback. What the seed decides: who does what and when in the
//! order of acts. Threads, sockets and keys are the machine's, so a seed gives the same acts and not the same run.
//! Loss and repetition come from connections that break in the middle and from events brought again by others,
//! since TCP itself loses nothing; a crash leaves the files as they are at that moment.
//!
//! `CHATER_SEED` begins with that seed, `CHATER_HOURS` goes on with new ones for so long (`scripts/simulate --engines`).

mod acts;
mod check;

use std::collections::BTreeSet;

use chater_protocol::id::UserId;
use chater_store::{chats, events};

use super::outsiders::group_ref;
use super::*;
use crate::actor::From;
use crate::rate::Buckets;
use crate::shared::lock;

/// Nodes and people of one run.
const NODES: usize = 4;
const PEOPLE: usize = 7;
const GROUPS: usize = 2;
/// Acts of one run.
const ACTS: usize = 160;
/// Clocks are wrong by so much at most, and in the end all stand this far ahead: that time has passed.
const SKEW_MS: u64 = 6 * 3_600_000;
/// One run, healing included.
const RUN: Duration = Duration::from_secs(150);

/// Splitmix: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.roll() % n as u64).unwrap()
    }

    fn two(&mut self, n: usize) -> (usize, usize) {
        let a = self.below(n);
        (a, (a + 1 + self.below(n - 1)) % n)
    }
}

struct Node {
    dir: Folder,
    name: String,
    /// None while it is down.
    engine: Option<Engine>,
    skew_ms: i64,
}

impl Node {
    fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }
}

struct Person {
    id: UserId,
    nick: String,
    node: usize,
}

/// Something somebody wrote, or tried to.
struct Said {
    group: usize,
    author: usize,
    text: String,
    /// The node answered that it has it.
    kept: bool,
    /// Who was in as the author's node saw it, just before or just after.
    audience: BTreeSet<UserId>,
    act: usize,
}

/// A change of a group that a node carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    In,
    Out,
    Demoted,
}

struct Changed {
    group: usize,
    by: usize,
    who: usize,
    what: Change,
    act: usize,
}

struct World {
    dice: Dice,
    nodes: Vec<Node>,
    people: Vec<Person>,
    groups: Vec<ChatId>,
    said: Vec<Said>,
    changed: Vec<Changed>,
    apart: BTreeSet<(usize, usize)>,
    act: usize,
    told: Vec<String>,
}

/// What the seed may not wait hours for: keys are asked for ten times an hour.
fn hurry(engine: &Engine) {
    lock(&engine.shared().rates).keys = Buckets::new(60_000.0, 1_000.0);
}

fn set_skew(engine: &Engine, skew_ms: i64) {
    engine.shared().skew_ms.store(skew_ms, Ordering::Relaxed);
}

impl World {
    async fn made(seed: u64) -> Self {
        let mut nodes: Vec<Node> = Vec::new();
        let mut people: Vec<Person> = Vec::new();
        for n in 0..NODES {
            let (dir, name) = (Folder::new(), format!("node{n}"));
            let engine = start(&dir, &name).await;
            hurry(&engine);
            for other in &nodes {
                link(&engine, other.engine()).await;
            }
            nodes.push(Node {
                dir,
                name,
                engine: Some(engine),
                skew_ms: 0,
            });
        }
        for n in 0..PEOPLE {
            let (nick, node) = (format!("p{n}"), n % NODES);
            let id = user(nodes[node].engine(), &nick).await.id();
            people.push(Person { id, nick, node });
        }
        let mut world = Self {
            dice: Dice(seed),
            nodes,
            people,
            groups: Vec::new(),
            said: Vec::new(),
            changed: Vec::new(),
            apart: BTreeSet::new(),
            act: 0,
            told: Vec::new(),
        };
        for who in 0..PEOPLE {
            for other in &world.people {
                let address = format!("{}@{}", other.nick, world.nodes[other.node].name);
                world.handle(who).find(&address).await.unwrap();
            }
        }
        for group in 0..GROUPS {
            // Its owner never changes; two people are left out at first.
            let members: BTreeSet<UserId> = (0..PEOPLE)
                .filter(|who| (who + group) % 3 != 2)
                .map(|who| world.people[who].id)
                .collect();
            let handle = world.handle(group);
            let made = handle.create_group(format!("g{group}"), members);
            let id = made.await.unwrap().id;
            world.groups.push(id);
        }
        world
    }

    fn handle(&self, who: usize) -> UserHandle {
        let person = &self.people[who];
        self.nodes[person.node].engine().handle(person.id, None)
    }

    fn members_seen_by(&self, who: usize, group: usize) -> BTreeSet<UserId> {
        let members = self.handle(who).members(self.groups[group]);
        let members = members.unwrap_or_default().into_iter();
        members.map(|member| member.person.user_id).collect()
    }

    fn tell(&mut self, what: String) {
        self.told.push(format!("{}: {what}", self.act));
    }

    /// Every clock is right again, hours later, and every pair of nodes meets anew.
    async fn heals(&mut self) {
        let ahead = i64::try_from(2 * SKEW_MS).unwrap();
        for node in &self.nodes {
            set_skew(node.engine(), ahead);
        }
        for a in 0..NODES {
            for b in a + 1..NODES {
                let (one, other) = (self.nodes[a].engine(), self.nodes[b].engine());
                cut(one, other).await;
                heal(one, other).await;
            }
        }
        self.time_passes().await;
    }

    /// L6: what came from the future stands at its own time once that has come.
    async fn time_passes(&self) {
        for node in &self.nodes {
            let release = |turn: &mut crate::turn::Turn<'_, '_>| {
                turn.flush()?;
                events::release_ahead(turn.tx, turn.now_ms)?;
                Ok(())
            };
            for _ in 0..4 {
                let done = node.engine().shared().inputs.run(From::Others, release);
                done.await.unwrap();
            }
        }
    }

    async fn ends(self) {
        for node in self.nodes {
            stop(node.engine.unwrap()).await;
        }
    }
}

async fn run(seed: u64) {
    println!("seed {seed}");
    let mut world = World::made(seed).await;
    let life = async {
        world.lives().await;
        world.heals().await;
        world.is_alike().await
    };
    let ended = tokio::time::timeout(RUN, life).await;
    let why = match ended {
        Ok(Ok(())) => {
            let kept = world.said.iter().filter(|said| said.kept).count();
            println!(
                "{kept} messages kept, {} changes, all alike",
                world.changed.len()
            );
            return world.ends().await;
        }
        Ok(Err(why)) => why,
        Err(_) => format!("not within {RUN:?}"),
    };
    for line in &world.told {
        println!("{line}");
    }
    panic!("seed {seed}: {why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn engines_at_random_end_alike() {
    let began = Instant::now();
    let asked = |name: &str| std::env::var(name).ok();
    let seed = asked("CHATER_SEED").map(|seed| seed.parse().expect("a number"));
    let hours: f64 = asked("CHATER_HOURS").map_or(0.0, |hours| hours.parse().expect("hours"));
    let mut seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    loop {
        run(seed).await;
        seed += 1;
        if began.elapsed().as_secs_f64() >= hours * 3_600.0 {
            break;
        }
    }
}
