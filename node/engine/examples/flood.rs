//! Hostile nodes, for the benchmark: they greet as they should, then send as much as they can, and nothing of it is right.
//!
//! `flood PEERS SECONDS ADDRESS`: so many nodes against the one at that multiaddr. Prints how many requests were answered
//! and how many were not.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a tool of tests stops at the first surprise"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chater_network::{Listen, Network, NetworkEvent, Protocol, Topic};
use chater_protocol::community::{Channel, Community};
use chater_protocol::id::{Bytes, ChatId, NodeId, UserId};
use chater_protocol::identity::NodeCard;
use chater_protocol::key::SigningKey;
use chater_protocol::wire::{
    ChatRef, Hello, LogRequest, Message as _, PeopleQuery, PeopleRequest, Push,
};
use rand_core::UnwrapErr;
use serde_bytes::ByteBuf;
use tokio::time::Instant;

/// Requests of one kind that one peer has under way.
const AT_ONCE: usize = 4;
/// Pause after a refusal that came at once: no work for the other side, none for this one.
const PAUSE: Duration = Duration::from_millis(1);

#[derive(Default)]
struct Counts {
    answered: AtomicU64,
    unanswered: AtomicU64,
    gossiped: AtomicU64,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [peers, seconds, address] = &words[..] else {
        println!("flood PEERS SECONDS ADDRESS");
        std::process::exit(1);
    };
    let seconds = Duration::from_secs(seconds.parse().unwrap());
    let counts = Arc::new(Counts::default());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        for _ in 0..peers.parse().unwrap() {
            tokio::spawn(peer(address.clone(), counts.clone()));
        }
        tokio::time::sleep_until(Instant::now() + seconds).await;
    });
    runtime.shutdown_background();
    println!(
        "answered {}, not answered {}, gossiped {}",
        counts.answered.load(Ordering::Relaxed),
        counts.unanswered.load(Ordering::Relaxed),
        counts.gossiped.load(Ordering::Relaxed),
    );
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

/// One node that means no good.
async fn peer(address: String, counts: Arc<Counts>) {
    let seed = random();
    let key = SigningKey::from_seed(&seed);
    let node = NodeId(key.public().0);
    let listen = vec![Listen {
        address: "/ip4/127.0.0.1/tcp/0".into(),
        fallback: false,
    }];
    let config = chater_network::Config {
        seed,
        listen,
        mdns: false,
        agent: "flood".into(),
        relay: false,
        upnp: false,
        external: Vec::new(),
    };
    let (network, mut events) = Network::start(config).await.unwrap();
    network.want_address(&address).unwrap();
    while let Some(event) = events.recv().await {
        // What it is asked, it does not answer.
        if let NetworkEvent::Connected { peer, .. } = event {
            let card = NodeCard {
                v: 1,
                node,
                name: "flood".into(),
                addrs: network.addresses(),
                mailboxes: Vec::new(),
                caps: 0,
                ts: 1,
            };
            let hello = Hello {
                versions: vec![1],
                card: card.sign(&key),
                proofs: vec![Bytes(Community::open().proof(node, peer))],
            };
            let (network, counts) = (network.clone(), counts.clone());
            let card = card.sign(&key);
            tokio::spawn(async move {
                if network
                    .request(peer, Protocol::Hello, hello.encode())
                    .await
                    .is_err()
                {
                    return;
                }
                network.admit(peer);
                for kind in 0..KINDS {
                    for _ in 0..AT_ONCE {
                        tokio::spawn(ask(network.clone(), peer, kind, counts.clone()));
                    }
                }
                gossip(&network, &card, &counts).await;
            });
        }
    }
}

/// Kinds of requests.
const KINDS: usize = 7;

/// Something of each kind; none is of use to anybody.
fn request(kind: usize) -> (Protocol, Vec<u8>) {
    let users = || (0..64).map(|_| UserId(random())).collect();
    match kind {
        0 => (Protocol::Log, random::<65_536>().to_vec()),
        1 => {
            let chat = ChatRef {
                chat: ChatId(random()),
                users: None,
            };
            let events = (0..64).map(|_| ByteBuf::from(random::<900>())).collect();
            (
                Protocol::Log,
                LogRequest::Push(Push { chat, events }).encode(),
            )
        }
        2 => (Protocol::Log, LogRequest::Identity(users()).encode()),
        3 => {
            let chat = ChatRef {
                chat: ChatId(random()),
                users: None,
            };
            (Protocol::Log, LogRequest::Heads(chat).encode())
        }
        4 => (
            Protocol::People,
            PeopleRequest::Find("somebody".into()).encode(),
        ),
        5 => (Protocol::Blob, random::<40>().to_vec()),
        _ => (Protocol::Hello, random::<8_000>().to_vec()),
    }
}

async fn ask(network: Network, peer: NodeId, kind: usize, counts: Arc<Counts>) {
    loop {
        let (protocol, body) = request(kind);
        let counter = if network.request(peer, protocol, body).await.is_ok() {
            &counts.answered
        } else {
            tokio::time::sleep(PAUSE).await;
            &counts.unanswered
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Queries that are well made, and frames that nobody can open.
async fn gossip(network: &Network, card: &chater_protocol::identity::Signed, counts: &Counts) {
    let open = Community::open();
    let topic = Topic(open.topic(Channel::People));
    network.subscribe(topic);
    loop {
        let query = PeopleQuery {
            id: Bytes(random()),
            text: "so".into(),
            asker: card.clone(),
            ts: u64::try_from(
                std::time::SystemTime::UNIX_EPOCH
                    .elapsed()
                    .unwrap()
                    .as_millis(),
            )
            .unwrap(),
        };
        let mut rng = UnwrapErr(getrandom::SysRng);
        let frame = open.seal(Channel::People, &query.encode(), &mut rng);
        network.publish(topic, frame);
        network.publish(topic, random::<2_000>().to_vec());
        counts.gossiped.fetch_add(2, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
}
