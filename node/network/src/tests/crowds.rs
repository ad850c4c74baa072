//! Bounds of all connections together: those that are open, and those that are not yet.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::raw::Raw;
use super::*;

const MOMENT: Duration = Duration::from_millis(300);
const DENIED: (&str, &str) = ("chater_dial_failures_total", "reason=\"denied\"");

impl Node {
    fn denied(&self) -> u64 {
        self.network.meters.get(DENIED.0, DENIED.1)
    }
}

/// Strangers from outside take their part of the places and no more; the rest is for nodes that this one dials itself.
#[tokio::test]
async fn connections_in_all_and_from_outside_are_bounded() {
    let mut alice = Node::start(1).await;
    let mut raws = Vec::new();
    for n in 0..limits::CONNECTIONS_INCOMING {
        let raw = Raw::at(&mut alice, u16::try_from(n).unwrap(), None).await;
        // Kept, however long all of them take.
        alice.network.admit(raw.id);
        raws.push(raw);
    }
    let more = Raw::again(&alice, 9_000, None).await;
    more.is_ended("one more from outside").await;

    let mut own = Vec::new();
    for seed in 2..=limits::CONNECTIONS - limits::CONNECTIONS_INCOMING + 1 {
        let mut node = Node::start(u8::try_from(seed).unwrap()).await;
        link(&mut alice, &mut node).await;
        own.push(node);
    }
    assert_eq!(alice.denied(), 0);
    let extra = Node::start(200).await;
    let reached = async |alice: &Node| {
        let network = &alice.network;
        network.reach(extra.id(), extra.network.addresses()).await
    };
    assert!(!reached(&alice).await, "one more in all");
    assert_eq!(alice.denied(), 1);
    assert!(raws.iter().all(|raw| !raw.has_ended()), "nobody has to go");

    // A place that is given up is there for the next.
    let gone = own.pop().unwrap();
    alice.network.unwant(gone.id());
    gone.network.stop().await;
    alice.sees_disconnected(gone.id()).await;
    assert!(reached(&alice).await);
    let gone = raws.pop().unwrap();
    gone.leaves().await;
    alice.sees_disconnected(gone.id).await;
    // Also for one from outside, once there is room in all.
    let gone = own.pop().unwrap();
    alice.network.unwant(gone.id());
    gone.network.stop().await;
    alice.sees_disconnected(gone.id()).await;
    Raw::at(&mut alice, 9_001, None).await;
}

/// Whether the other side closes it soon.
async fn is_closed(stream: TcpStream) -> bool {
    let read = tokio::task::spawn_blocking(move || {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        matches!((&stream).read(&mut [0; 1]), Ok(0))
    });
    read.await.unwrap()
}

/// Sockets that say nothing hold as many places as there are for handshakes, for ten seconds.
#[tokio::test]
async fn handshakes_at_once_are_bounded_and_end() {
    let mut alice = Node::start(1).await;
    let address = alice.address();
    let port = address.split('/').nth(4).unwrap().parse().unwrap();
    let connect = || TcpStream::connect(("127.0.0.1", port)).unwrap();
    let began = Instant::now();
    let mut silent: Vec<TcpStream> = (1..limits::CONNECTIONS_PENDING)
        .map(|_| connect())
        .collect();
    // One place is left, and who takes it greets.
    Raw::at(&mut alice, 7, None).await;
    silent.push(connect());
    assert!(is_closed(connect()).await, "one more");
    let first = silent.remove(0);
    let ended = tokio::task::spawn_blocking(move || {
        first.set_read_timeout(Some(limits::HANDSHAKE * 2)).unwrap();
        let read = (&first).read(&mut [0; 256]);
        (began.elapsed(), read)
    });
    let (after, read) = ended.await.unwrap();
    assert!(matches!(read, Ok(0)) || read.is_err(), "{read:?}");
    let late = limits::HANDSHAKE + Duration::from_secs(4);
    assert!((limits::HANDSHAKE..late).contains(&after), "{after:?}");
    tokio::time::sleep(MOMENT * 4).await;
    Raw::at(&mut alice, 8, None).await;
}

/// Hosts that take a connection and say nothing: single dials have their bound, and all dials together have one.
#[tokio::test]
async fn dials_at_once_are_bounded() {
    let alice = Node::start(1).await;
    // Never accepted: the kernel answers, and nobody else.
    let silent = [(); 3].map(|()| TcpListener::bind("0.0.0.0:0").unwrap());
    let at = |listener: usize, host: usize| {
        let port = silent.get(listener).unwrap().local_addr().unwrap().port();
        format!("/ip4/127.0.0.{host}/tcp/{port}")
    };
    let node = |n: usize| super::raw::node(u16::try_from(n).unwrap());
    let reach = |n: usize| {
        let (network, place) = (alice.network.clone(), at(0, 1));
        tokio::spawn(async move { network.try_reach(node(n), vec![place]).await })
    };
    let reaches: Vec<_> = (0..limits::REACHES).map(reach).collect();
    tokio::time::sleep(MOMENT).await;
    assert!(reaches.iter().all(|reach| !reach.is_finished()));
    let began = Instant::now();
    assert!(reach(500).await.unwrap().is_err(), "one more");
    assert!(began.elapsed() < MOMENT);

    let pending = usize::try_from(limits::CONNECTIONS_PENDING).unwrap();
    for n in limits::REACHES..pending {
        alice.network.want_address(&at(1, n)).unwrap();
    }
    tokio::time::sleep(MOMENT).await;
    assert_eq!(alice.denied(), 0);
    assert!(reaches.iter().all(|reach| !reach.is_finished()));
    alice.network.want(node(600), vec![at(2, 1)]);
    tokio::time::sleep(MOMENT).await;
    assert_eq!(alice.denied(), 1);
}
