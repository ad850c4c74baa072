#![allow(clippy::print_stdout, reason = "a test tells what it measured")]
//! A peer made of bytes, below the crates: multistream and Noise as they should be, then whatever frames it likes.
//! What it does to gossip (B29) and Yamux (B30), and how long it may read slowly (N08), costs itself alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::io::{ReadHalf, WriteHalf};
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::core::Endpoint;
use libp2p::core::transport::{DialOpts, PortUse, Transport as _};
use libp2p::core::upgrade::OutboundConnectionUpgrade as _;
use libp2p::identity::Keypair;
use libp2p::{Multiaddr, noise, tcp};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::*;
use crate::{RequestError, Topic, address};

const TOPIC: Topic = Topic([9; 16]);
/// Others are served within this, whatever the raw peer does.
const SOON: Duration = Duration::from_secs(2);

const DATA: u8 = 0;
const WINDOW: u8 = 1;
const GO_AWAY: u8 = 3;
const SYN: u16 = 1;
const ACK: u16 = 2;
/// What a side may send on a stream before it is told more.
const CREDIT: usize = 256 * 1_024;

type Line = noise::Output<tcp::tokio::TcpStream>;

pub(super) struct Raw {
    pub(super) id: NodeId,
    writer: Writer,
    /// Bytes that came on each stream.
    read: Reads,
    /// The other side has closed it, or has said that it must end.
    ended: Arc<AtomicBool>,
}

/// A name as multistream writes it.
fn name(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len() + 1).unwrap();
    [&[length], text.as_bytes(), b"\n"].concat()
}

async fn agree<S: AsyncRead + AsyncWrite + Unpin>(line: &mut S, protocol: &str) {
    let names = ["/multistream/1.0.0", protocol].map(name);
    line.write_all(&names.concat()).await.unwrap();
    line.flush().await.unwrap();
    for wanted in names {
        let mut answer = vec![0; wanted.len()];
        line.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, wanted, "{protocol}");
    }
}

fn key(seed: u16) -> Keypair {
    let [high, low] = seed.to_be_bytes();
    // Of no node: those have one byte again and again.
    Keypair::ed25519_from_bytes([[high, low, 0xee, 0xef]; 8].concat()).unwrap()
}

/// The node of a seed.
pub(super) fn node(seed: u16) -> NodeId {
    address::node_id(&key(seed).public().to_peer_id()).unwrap()
}

/// With its length before it.
pub(super) fn framed(body: &[u8]) -> Vec<u8> {
    [varint(body.len() as u64), body.to_vec()].concat()
}

/// What identify carries: a key, where its node is, and a name of its program.
fn identity(key: &Keypair, places: &[&str]) -> Vec<u8> {
    let place = |text: &&str| field(2, &text.parse::<Multiaddr>().unwrap().to_vec());
    let mut body = field(1, &key.public().encode_protobuf());
    body.extend(places.iter().flat_map(place));
    body.extend(field(5, b"/chater/id/1"));
    body.extend(field(6, b"raw"));
    body
}

type Writer = Arc<Mutex<WriteHalf<Line>>>;
type Reads = Arc<std::sync::Mutex<BTreeMap<u32, u64>>>;

/// Reads and forgets, one byte at a time.
async fn dawdle(mut reader: ReadHalf<Line>, pause: Duration) -> std::io::Result<()> {
    loop {
        reader.read_exact(&mut [0; 1]).await?;
        tokio::time::sleep(pause).await;
    }
}

/// The names with which a stream begins, without what follows them.
fn names_of(frame: &[u8]) -> &[u8] {
    let line = |at: usize| at + 1 + usize::from(frame.get(at).copied().unwrap_or(0));
    frame.get(..line(line(0))).unwrap_or(frame)
}

/// Reads, counts and forgets; only the names at the beginning of each stream that the other side opens are sent back, by
/// which it agrees to any protocol. A ping is answered, and whoever asks who it is hears what it `says`, if anything.
async fn hear(
    mut reader: ReadHalf<Line>,
    writer: Writer,
    read: Reads,
    says: Vec<u8>,
) -> std::io::Result<()> {
    let (asks_who, pings) = (name("/ipfs/id/1.0.0"), name("/ipfs/ping/1.0.0"));
    let (mut met, mut pinged) = (BTreeSet::new(), BTreeSet::new());
    loop {
        let mut head = [0; 12];
        reader.read_exact(&mut head).await?;
        let [_, kind, _, _, a, b, c, d, e, f, g, h] = head;
        let stream = u32::from_be_bytes([a, b, c, d]);
        let length = u32::from_be_bytes([e, f, g, h]);
        if kind == GO_AWAY {
            return Ok(());
        }
        if kind != DATA {
            continue;
        }
        let mut body = vec![0; usize::try_from(length).unwrap()];
        reader.read_exact(&mut body).await?;
        *read.lock().unwrap().entry(stream).or_default() += u64::from(length);
        if pinged.contains(&stream) {
            say(&writer, DATA, 0, stream, length, &body).await?;
        } else if stream % 2 == 0 && length > 0 && met.insert(stream) {
            let names = names_of(&body);
            let mut answer = names.to_vec();
            if names.ends_with(&pings) {
                pinged.insert(stream);
                answer.clone_from(&body);
            } else if !says.is_empty() && names.ends_with(&asks_who) {
                answer.extend_from_slice(&says);
            }
            let length = u32::try_from(answer.len()).unwrap();
            say(&writer, DATA, ACK, stream, length, &answer).await?;
        }
    }
}

/// One frame of Yamux.
async fn say(
    writer: &Writer,
    kind: u8,
    flags: u16,
    stream: u32,
    length: u32,
    body: &[u8],
) -> std::io::Result<()> {
    let mut bytes = vec![0, kind];
    bytes.extend(flags.to_be_bytes());
    bytes.extend(stream.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend(body);
    let mut writer = writer.lock().await;
    writer.write_all(&bytes).await?;
    writer.flush().await
}

impl Raw {
    /// Connects to a node, which hears of it; with a pause it reads one byte each time.
    pub(super) async fn at(node: &mut Node, seed: u16, pause: Option<Duration>) -> Self {
        let raw = Self::again(node, seed, pause).await;
        node.sees_connected(raw.id).await;
        raw
    }

    /// Connects, also while it has a connection.
    pub(super) async fn again(node: &Node, seed: u16, pause: Option<Duration>) -> Self {
        Self::open(node, &key(seed), pause, Vec::new()).await
    }

    /// Connects and says, when asked, that it is at these addresses.
    pub(super) async fn placed(node: &mut Node, seed: u16, places: &[&str]) -> Self {
        let key = key(seed);
        let says = framed(&identity(&key, places));
        let raw = Self::open(node, &key, None, says).await;
        node.sees_connected(raw.id).await;
        raw
    }

    async fn open(node: &Node, key: &Keypair, pause: Option<Duration>, says: Vec<u8>) -> Self {
        let place: Multiaddr = node.address().parse().unwrap();
        let (place, _) = address::split(place);
        let how = DialOpts {
            role: Endpoint::Dialer,
            port_use: PortUse::New,
        };
        let mut transport = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
        let mut socket = transport.dial(place, how).unwrap().await.unwrap();
        agree(&mut socket, "/noise").await;
        let noise = noise::Config::new(key).unwrap();
        let (_, mut line) = noise.upgrade_outbound(socket, "/noise").await.unwrap();
        agree(&mut line, "/yamux/1.0.0").await;
        let (reader, writer) = line.split();
        let writer = Arc::new(Mutex::new(writer));
        let read: Reads = Arc::default();
        let ended: Arc<AtomicBool> = Arc::default();
        tokio::spawn({
            let (writer, read, ended) = (writer.clone(), read.clone(), ended.clone());
            async move {
                let _ = match pause {
                    Some(pause) => dawdle(reader, pause).await,
                    None => hear(reader, writer, read, says).await,
                };
                ended.store(true, Ordering::Release);
            }
        });
        Self {
            id: address::node_id(&key.public().to_peer_id()).unwrap(),
            writer,
            read,
            ended,
        }
    }

    /// Bytes that have come on streams.
    pub(super) fn has_read(&self) -> u64 {
        self.read.lock().unwrap().values().sum()
    }

    /// Bytes that have come on one stream, once there are more than so many.
    pub(super) async fn has_read_on(&self, stream: u32, more_than: u64) -> u64 {
        let read = || self.read.lock().unwrap().get(&stream).copied().unwrap_or(0);
        let came = async {
            while read() <= more_than {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(timeout(PATIENCE, came).await.is_ok(), "nothing on {stream}");
        read()
    }

    /// Waits until nothing has come for a while.
    pub(super) async fn settles(&self) {
        let mut before = u64::MAX;
        while before != self.has_read() {
            before = self.has_read();
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
    }

    /// Closes its connection.
    pub(super) async fn leaves(&self) {
        // The other side may have closed it: as good.
        let _ = self.writer.lock().await.close().await;
    }

    /// Tells unasked where it is, on a stream of its own.
    pub(super) async fn pushes_places(&self, stream: u32, seed: u16, places: &[&str]) {
        self.opens(stream, "/ipfs/id/push/1.0.0").await;
        let body = framed(&identity(&key(seed), places));
        self.data(stream, &body).await;
    }

    /// One frame; false when the other side has closed, which is an answer, too.
    async fn frame(&self, kind: u8, flags: u16, stream: u32, length: u32, body: &[u8]) -> bool {
        say(&self.writer, kind, flags, stream, length, body)
            .await
            .is_ok()
    }

    pub(super) async fn data(&self, stream: u32, body: &[u8]) -> bool {
        let length = u32::try_from(body.len()).unwrap();
        self.frame(DATA, 0, stream, length, body).await
    }

    /// Opens a stream and says what it is for, waiting for no answer.
    pub(super) async fn opens(&self, stream: u32, protocol: &str) -> bool {
        let names = ["/multistream/1.0.0", protocol].map(name).concat();
        let length = u32::try_from(names.len()).unwrap();
        self.frame(DATA, SYN, stream, length, &names).await
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(super) async fn is_ended(&self, what: &str) {
        let ended = async {
            while !self.has_ended() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(timeout(PATIENCE, ended).await.is_ok(), "still open: {what}");
    }
}

/// A node that everybody talks to, and somebody honest who is linked with it.
async fn honest() -> (Node, Node) {
    let (mut alice, mut bob) = (Node::start(1).await, Node::start(2).await);
    alice.network.subscribe(TOPIC);
    bob.network.subscribe(TOPIC);
    link(&mut alice, &mut bob).await;
    for node in [&mut alice, &mut bob] {
        node.sees(|event| matches!(event, NetworkEvent::Subscribed { .. }).then_some(()))
            .await;
    }
    (alice, bob)
}

/// The next frame of gossip, in time.
async fn hears(node: &mut Node, frame: &[u8]) {
    let heard = node.sees(|event| match event {
        NetworkEvent::Gossip {
            frame: came,
            verdict,
            ..
        } => {
            verdict.accept();
            (came == frame).then_some(())
        }
        _ => None,
    });
    let what = String::from_utf8_lossy(frame).into_owned();
    assert!(timeout(SOON, heard).await.is_ok(), "{what} came too late");
}

/// The two honest ones talk as if there were nobody else.
async fn undisturbed(alice: &mut Node, bob: &mut Node, after: &str) {
    let (there, back) = (format!("{after}, there"), format!("{after}, back"));
    bob.network.publish(TOPIC, there.clone().into_bytes());
    hears(alice, there.as_bytes()).await;
    alice.network.publish(TOPIC, back.clone().into_bytes());
    hears(bob, back.as_bytes()).await;
    let asked = bob
        .network
        .request(alice.id(), Protocol::People, vec![7; 1_000]);
    let both = async { tokio::join!(asked, alice.echoes(Protocol::People)).0 };
    let answer = timeout(SOON, both).await;
    assert_eq!(answer.ok(), Some(Ok(vec![7; 1_000])), "after {after}");
}

pub(super) fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 128 {
        bytes.push(u8::try_from(number & 127).unwrap() | 128);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

/// A field of protobuf that holds bytes.
pub(super) fn field(number: u8, body: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2][..], &varint(body.len() as u64), body].concat()
}

pub(super) fn subscribes(topic: &str) -> Vec<u8> {
    field(1, &[&[8, 1][..], &field(2, topic.as_bytes())].concat())
}

fn prune(topic: &str, backoff: u64) -> Vec<u8> {
    let body = [field(1, topic.as_bytes()), vec![3 << 3], varint(backoff)];
    field(3, &field(4, &body.concat()))
}

fn grafts(topics: std::ops::Range<u32>) -> Vec<u8> {
    let graft = |n: u32| field(3, &field(1, format!("{n:06}").as_bytes()));
    field(3, &topics.flat_map(graft).collect::<Vec<u8>>())
}

fn has(topic: &str, ids: std::ops::Range<u32>) -> Vec<u8> {
    let id = |n: u32| field(2, &n.to_be_bytes());
    let ids: Vec<u8> = ids.flat_map(id).collect();
    field(3, &field(1, &[field(1, topic.as_bytes()), ids].concat()))
}

pub(super) fn wants(id: &[u8], times: usize) -> Vec<u8> {
    field(3, &field(2, &field(1, id).repeat(times)))
}

/// B29: prunes for ever and of foreign topics, 50,000 grafts, a million ids that nobody has, one message asked for
/// without end, a frame longer than any may be. Gossip between others goes on, and a message is given a few times at most.
#[tokio::test]
async fn what_a_peer_says_about_gossip_costs_itself_alone() {
    let (mut alice, mut bob) = honest().await;
    let raw = Raw::at(&mut alice, 3, None).await;
    alice.network.admit(raw.id);
    assert!(raw.opens(1, "/meshsub/1.1.0").await);
    let topic = TOPIC.to_string();
    let mut sent = 0;
    let mut rpcs = vec![("subscribing", vec![subscribes(&topic)])];
    let backoffs = [u64::MAX, u64::MAX / 2, 0];
    let foreign = (0..1_000).map(|n| prune(&format!("foreign {n}"), u64::MAX));
    let pruned = backoffs.iter().map(|backoff| prune(&topic, *backoff));
    rpcs.push(("prunes", pruned.chain(foreign).collect()));
    let grafted = (0..50_000).step_by(5_000);
    rpcs.push(("grafts", grafted.map(|n| grafts(n..n + 5_000)).collect()));
    let ids = (0..1_000_000).step_by(10_000);
    let had = ids.map(|n| has(&topic, n..n + 10_000));
    rpcs.push(("a million ids", had.collect()));
    for (what, list) in rpcs {
        let began = Instant::now();
        for rpc in list {
            let framed = [varint(rpc.len() as u64), rpc].concat();
            for part in framed.chunks(16_384) {
                sent += part.len();
                // It reads nothing of what it is granted, but it does not send faster than a window in a while.
                if sent > CREDIT / 2 {
                    sent = 0;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                raw.data(1, part).await;
            }
        }
        undisturbed(&mut alice, &mut bob, what).await;
        println!("{what}: {:?}", began.elapsed());
    }

    // The same message again and again.
    let raw = Raw::at(&mut alice, 4, None).await;
    alice.network.admit(raw.id);
    assert!(raw.opens(1, "/meshsub/1.1.0").await);
    let hello = [subscribes(&topic), wants(&[1; 32], 1)].concat();
    raw.data(1, &[varint(hello.len() as u64), hello].concat())
        .await;
    let long = vec![b'm'; 50_000];
    bob.network.publish(TOPIC, long.clone());
    hears(&mut alice, &long).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = raw.has_read();
    let author = crate::address::peer_id(bob.id()).unwrap().to_bytes();
    let id = Sha256::digest([author, long.clone()].concat());
    for _ in 0..10 {
        let rpc = wants(&id, 300);
        raw.data(1, &[varint(rpc.len() as u64), rpc].concat()).await;
    }
    undisturbed(&mut alice, &mut bob, "asking again").await;
    let given = raw.has_read() - before;
    println!("asked 3,000 times for 50,000 bytes: {given} bytes came");
    // It is given again, so it was heard, and a few times only.
    assert!((50_000..6 * 50_000).contains(&given), "{given}");

    // Announced and never sent: closed, or left to wait.
    raw.data(1, &varint(40_000_000)).await;
    // Heartbeats pass over all of it.
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    undisturbed(&mut alice, &mut bob, "heartbeats").await;
}

/// B30: more than the window, a first frame of more than a window, a stream id used twice, one of the other side's, an end
/// at once, frames of no kind. The connection is closed or told to end (a stranger's is closed in any case when it does not
/// greet), and no other; what is over a window is not kept.
#[tokio::test]
async fn frames_that_no_multiplexer_may_send_end_that_connection_alone() {
    let (mut alice, mut bob) = honest().await;
    let hello = "/chater/hello/1";
    for (seed, what) in (10..).zip([
        "more than the window",
        "a first frame over the window",
        "an id twice",
        "an id of the other side",
        "an end at once",
        "a frame of no kind",
        "a frame of another version",
        "a frame of 4 GiB",
    ]) {
        let raw = Raw::at(&mut alice, seed, None).await;
        let part = vec![0; 64 * 1_024];
        match what {
            "more than the window" => {
                // Of a stranger this stream is kept and not read.
                raw.opens(1, "/chater/push/1").await;
                for _ in 0..64 {
                    raw.data(1, &part).await;
                }
            }
            "a first frame over the window" => {
                let body = vec![0; CREDIT + 1];
                let length = u32::try_from(body.len()).unwrap();
                raw.frame(DATA, SYN, 1, length, &body).await;
            }
            "an id twice" => {
                raw.opens(1, hello).await;
                raw.opens(1, hello).await;
            }
            "an id of the other side" => {
                raw.opens(2, hello).await;
            }
            "an end at once" => {
                raw.frame(GO_AWAY, 0, 0, 0, &[]).await;
            }
            "a frame of no kind" => {
                raw.frame(9, 0, 1, 0, &[]).await;
            }
            "a frame of another version" => {
                let mut writer = raw.writer.lock().await;
                let _ = writer.write_all(&[7; 12]).await;
                let _ = writer.flush().await;
            }
            _ => {
                raw.opens(1, hello).await;
                raw.frame(DATA, 0, 1, u32::MAX, &part).await;
            }
        }
        undisturbed(&mut alice, &mut bob, what).await;
        raw.is_ended(what).await;
    }
    // Windows of all sizes given away cost nothing.
    let raw = Raw::at(&mut alice, 9, None).await;
    raw.opens(1, hello).await;
    for _ in 0..1_000 {
        raw.frame(WINDOW, 0, 1, u32::MAX, &[]).await;
    }
    undisturbed(&mut alice, &mut bob, "windows without end").await;
}

/// N08: a linked peer reads one byte a second. What is asked of it ends in its time, others wait for nothing.
#[tokio::test]
async fn a_peer_that_reads_a_byte_a_second_holds_up_nobody() {
    let (mut alice, mut bob) = honest().await;
    let raw = Raw::at(&mut alice, 5, Some(Duration::from_secs(1))).await;
    alice.network.admit(raw.id);
    let began = Instant::now();
    let asked: Vec<_> = (0..8)
        .map(|_| {
            let (network, to) = (alice.network.clone(), raw.id);
            let body = vec![1; Protocol::People.limit()];
            tokio::spawn(async move { network.request(to, Protocol::People, body).await })
        })
        .collect();
    let mut rounds = 0;
    while asked.iter().any(|asked| !asked.is_finished()) {
        undisturbed(&mut alice, &mut bob, &format!("slow {rounds}")).await;
        rounds += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for asked in asked {
        let ended = asked.await.unwrap();
        assert!(
            !matches!(ended, Ok(_) | Err(RequestError::TooLarge)),
            "{ended:?}"
        );
    }
    println!("{rounds} rounds of others in {:?}", began.elapsed());
    assert!(began.elapsed() < Protocol::People.timeout() + SOON * 2);
    assert!(rounds > 10, "{rounds}");
}
