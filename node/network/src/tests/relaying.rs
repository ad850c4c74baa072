//! What a relay gives at most, and what may be asked of one in vain (B40). Its bounds are lowered here, the real ones take
//! hundreds of nodes and hours; the numbers themselves are read where the relay is made.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use libp2p::identity::Keypair;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{self, SwarmEvent};
use libp2p::{Multiaddr, Swarm, relay};

use super::*;
use crate::limits::{Bounds, Relaying};
use crate::transport;

const MOMENT: Duration = Duration::from_millis(600);

fn lowered() -> Relaying {
    Relaying {
        reservations: 3,
        circuits: 3,
        circuits_per_peer: 2,
        ..Relaying::default()
    }
}

async fn middle(relaying: Relaying) -> Node {
    let mut config = config(99, "/ip4/127.0.0.1/tcp/0");
    config.relay = true;
    let bounds = Bounds {
        relaying,
        ..Bounds::default()
    };
    let (network, events) = Network::start_with(config, bounds).await.unwrap();
    Node { network, events }
}

impl Node {
    /// Linked with the relay, which it asks for a place.
    async fn asks_for_a_place(seed: u8, middle: &mut Self) -> Self {
        let mut node = Self::start(seed).await;
        link(&mut node, middle).await;
        node.network.offers_relay(middle.id(), true);
        node
    }

    /// Until it can be reached there; where.
    async fn is_placed(&self) -> String {
        let placed = timeout(PATIENCE * 2, async {
            loop {
                let addresses = self.network.addresses();
                let found = addresses.into_iter().find(|place| crate::is_relayed(place));
                if let Some(place) = found
                    && !self.network.standing().relays.is_empty()
                {
                    return place;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        placed.await.expect("a place at the relay")
    }

    fn refused(&self) -> u64 {
        let meters = &self.network.meters;
        meters.get("chater_refused_total", "reason=\"relay\"")
    }

    async fn reaches(&self, node: &Self, place: &str) -> bool {
        let places = vec![place.to_owned()];
        self.network.reach(node.id(), places).await
    }
}

/// As many nodes have a place as there are places, one more gets none, and has it when another goes.
#[tokio::test]
async fn places_are_bounded() {
    let mut middle = middle(lowered()).await;
    let mut placed = Vec::new();
    for seed in 1..=3 {
        let node = Node::asks_for_a_place(seed, &mut middle).await;
        node.is_placed().await;
        placed.push(node);
    }
    assert_eq!(middle.refused(), 0);
    let more = Node::asks_for_a_place(4, &mut middle).await;
    tokio::time::sleep(MOMENT).await;
    assert!(more.network.standing().relays.is_empty());
    assert!(middle.refused() > 0);
    assert_eq!(middle.network.standing().reservations, 3);
    for node in &placed {
        assert!(!node.network.standing().relays.is_empty());
    }
    let gone = placed.pop().unwrap();
    gone.network.stop().await;
    more.is_placed().await;
}

/// So many connections of one node are passed on, so many in all, and no more; none that is there ends for one that asks.
#[tokio::test]
async fn circuits_are_bounded_for_each_and_in_all() {
    let mut middle = middle(lowered()).await;
    let mut targets = Vec::new();
    for seed in 1..=3 {
        let node = Node::asks_for_a_place(seed, &mut middle).await;
        let place = node.is_placed().await;
        targets.push((node, place));
    }
    let mut askers = Vec::new();
    for seed in 11..=13 {
        let mut node = Node::start(seed).await;
        link(&mut node, &mut middle).await;
        askers.push(node);
    }
    let [one, two, three] = askers.try_into().map_err(|_| "three").unwrap();
    let (mut passed, mut refused) = (Vec::new(), 0);
    for (asker, target, passes) in [
        (&one, 0, true),
        (&one, 1, true),
        (&one, 2, false),
        (&two, 0, true),
        (&three, 1, false),
    ] {
        let (node, place) = targets.get_mut(target).unwrap();
        assert_eq!(
            asker.reaches(node, place).await,
            passes,
            "{:?} {target}",
            asker.network
        );
        if passes {
            // Both admit, so that it lasts.
            node.sees_connected(asker.id()).await;
            asker.network.admit(node.id());
            node.network.admit(asker.id());
            passed.push((asker, node.id()));
        } else {
            refused += 1;
        }
    }
    // By the relay, and not for another reason.
    assert_eq!(
        (middle.refused(), middle.network.standing().circuits),
        (refused, 3)
    );
    for (asker, target) in passed {
        assert!(asker.network.reach(target, Vec::new()).await, "still there");
    }
}

/// Two nodes that talk through a relay.
async fn through(relaying: Relaying) -> (Node, Network, NodeId, Node) {
    let mut middle = middle(relaying).await;
    let mut bob = Node::asks_for_a_place(2, &mut middle).await;
    let place = bob.is_placed().await;
    let mut alice = Node::start(1).await;
    link(&mut alice, &mut middle).await;
    alice.network.want(bob.id(), vec![place]);
    alice.sees_connected(bob.id()).await;
    bob.sees_connected(alice.id()).await;
    alice.network.admit(bob.id());
    bob.network.admit(alice.id());
    let id = bob.id();
    (alice, bob.echoes_for_ever(), id, middle)
}

/// A connection that is passed on carries so many bytes and ends with the next.
#[tokio::test]
async fn a_circuit_carries_so_many_bytes() {
    let circuit_bytes = 256 * 1_024;
    let (mut alice, _bob, bob, middle) = through(Relaying {
        circuit_bytes,
        ..Relaying::default()
    })
    .await;
    let body = vec![7; 100_000];
    let answer = alice.network.request(bob, Protocol::Log, body.clone());
    assert_eq!(answer.await, Ok(body));
    let body = vec![7; usize::try_from(circuit_bytes).unwrap()];
    let answer = alice.network.request(bob, Protocol::Log, body).await;
    assert!(answer.is_err(), "{answer:?}");
    alice.sees_disconnected(bob).await;
    drop(middle);
}

/// It lasts so long and no longer.
#[tokio::test]
async fn a_circuit_lasts_so_long() {
    let circuit_time = Duration::from_secs(2);
    let began = Instant::now();
    let (mut alice, _bob, bob, _middle) = through(Relaying {
        circuit_time,
        ..Relaying::default()
    })
    .await;
    let met = Instant::now();
    alice.sees_disconnected(bob).await;
    assert!(began.elapsed() >= circuit_time);
    let late = circuit_time + Duration::from_secs(2);
    assert!(met.elapsed() < late, "{:?}", met.elapsed());
}

/// A place is given for a time and renewed before its end.
#[tokio::test]
async fn a_place_is_renewed_before_it_ends() {
    let reservation = Duration::from_secs(4);
    let mut middle = middle(Relaying {
        reservation,
        ..Relaying::default()
    })
    .await;
    let node = Node::asks_for_a_place(1, &mut middle).await;
    node.is_placed().await;
    let end = Instant::now() + reservation + MOMENT * 2;
    while Instant::now() < end {
        assert!(!node.network.standing().relays.is_empty());
        assert_eq!(middle.network.standing().reservations, 1);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A peer that uses the crates as they are.
fn stranger() -> Swarm<relay::client::Behaviour> {
    let key = Keypair::ed25519_from_bytes([55; 32]).unwrap();
    let id = key.public().to_peer_id();
    let (through, client) = relay::client::new(id);
    let transport = transport::build(&key, through).unwrap();
    let settings = swarm::Config::with_tokio_executor().with_idle_connection_timeout(PATIENCE);
    Swarm::new(transport, client, id, settings)
}

/// Asks for a place; whether it was given.
async fn is_given(stranger: &mut Swarm<relay::client::Behaviour>, circuit: &Multiaddr) -> bool {
    let listener = stranger.listen_on(circuit.clone()).unwrap();
    loop {
        match stranger.select_next_some().await {
            SwarmEvent::Behaviour(relay::client::Event::ReservationReqAccepted { .. }) => {
                return true;
            }
            SwarmEvent::ListenerClosed { listener_id, .. } if listener_id == listener => {
                return false;
            }
            _ => {}
        }
    }
}

/// Dials an address; whether it came to nothing.
async fn dials_in_vain(stranger: &mut Swarm<relay::client::Behaviour>, address: Multiaddr) -> bool {
    let opts = DialOpts::unknown_peer_id().address(address).build();
    let id = opts.connection_id();
    if stranger.dial(opts).is_err() {
        return true;
    }
    loop {
        match stranger.select_next_some().await {
            SwarmEvent::OutgoingConnectionError { connection_id, .. } if connection_id == id => {
                return true;
            }
            SwarmEvent::ConnectionEstablished { connection_id, .. } if connection_id == id => {
                return false;
            }
            _ => {}
        }
    }
}

/// B40: nobody is passed on to itself, to the relay, to who has no place there, or through two relays; nothing of it is held.
#[tokio::test]
async fn circuits_that_lead_nowhere_are_refused() {
    let mut middle = middle(Relaying::default()).await;
    let placed = Node::asks_for_a_place(1, &mut middle).await;
    placed.is_placed().await;
    let guest = Node::start(2).await;
    let mut stranger = stranger();
    let circuit = format!("{}/p2p-circuit", middle.address());
    // It can be reached there itself.
    assert!(is_given(&mut stranger, &circuit.parse().unwrap()).await);
    let own = *stranger.local_peer_id();
    let to = |node: &Node| node.id().to_peer_id();
    for address in [
        format!("{circuit}/p2p/{own}"),
        format!("{circuit}/p2p/{}", to(&middle)),
        format!("{circuit}/p2p/{}", to(&guest)),
        format!("{circuit}/p2p/{}/p2p-circuit/p2p/{own}", to(&placed)),
    ] {
        let place = address.parse().unwrap();
        let ended = timeout(PATIENCE * 3, dials_in_vain(&mut stranger, place));
        assert_eq!(ended.await, Ok(true), "{address}");
    }
    drop(stranger);
    let nothing_held = async {
        while middle.network.standing().circuits > 0 || middle.network.standing().reservations > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(PATIENCE, nothing_held).await.is_ok());
    assert!(!placed.network.standing().relays.is_empty());
}

/// B40: a peer that asks for a place again and again is given some answers and then refused; others get theirs.
#[tokio::test]
async fn a_flood_for_places_is_refused_and_others_are_served() {
    let mut middle = middle(lowered()).await;
    let mut stranger = stranger();
    let circuit: Multiaddr = format!("{}/p2p-circuit", middle.address()).parse().unwrap();
    let mut given = 0;
    for _ in 0..60 {
        let asked = timeout(PATIENCE, is_given(&mut stranger, &circuit));
        given += u32::from(asked.await.unwrap());
    }
    assert!((1..=20).contains(&given), "{given} of 60");
    assert!(middle.network.standing().reservations <= 1);
    for seed in 1..=2 {
        let node = Node::asks_for_a_place(seed, &mut middle).await;
        node.is_placed().await;
    }
}
