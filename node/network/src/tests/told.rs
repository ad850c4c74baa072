//! B39: what peers tell about others, and the dials that they ask for. None of it leads into this machine or its network, and
//! nothing of others is kept.

use std::net::TcpListener;
use std::time::Duration;

use futures::StreamExt as _;
use libp2p::connection_limits::ConnectionLimits;
use libp2p::identity::Keypair;
use libp2p::swarm::{self, NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, connection_limits, identify, kad, relay};

use super::raw::{Raw, field, framed, node};
use super::*;
use crate::{address, transport};

const MOMENT: Duration = Duration::from_millis(600);

/// Where nobody should call.
fn planted() -> (TcpListener, Multiaddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let place = format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap();
    (listener, place)
}

/// A peer that says where others are.
#[derive(NetworkBehaviour)]
#[behaviour(prelude = "libp2p::swarm::derive_prelude")]
struct Liar {
    identify: identify::Behaviour,
    lookups: kad::Behaviour<kad::store::MemoryStore>,
    through: relay::client::Behaviour,
    limits: connection_limits::Behaviour,
}

/// Linked with a node that searches; it knows the wanted one at these places. Ends when it has been asked.
async fn lies(alice: &mut Node, wanted: PeerId, places: Vec<Multiaddr>) -> Swarm<Liar> {
    let key = Keypair::ed25519_from_bytes([77; 32]).unwrap();
    let id = key.public().to_peer_id();
    let (client, through) = relay::client::new(id);
    let kad = kad::Config::new(StreamProtocol::new("/chater/kad/1"));
    let mut lookups = kad::Behaviour::with_config(id, kad::store::MemoryStore::new(id), kad);
    lookups.set_mode(Some(kad::Mode::Server));
    let about = identify::Config::new("/chater/id/1".to_owned(), key.public());
    let identify = identify::Behaviour::new(about);
    let settings = swarm::Config::with_tokio_executor().with_idle_connection_timeout(PATIENCE * 4);
    let transport = transport::build(&key, client).unwrap();
    let mut liar = Swarm::new(
        transport,
        Liar {
            identify,
            lookups,
            through,
            limits: connection_limits::Behaviour::new(ConnectionLimits::default()),
        },
        id,
        settings,
    );
    // By this it gets into the table of those who are asked.
    liar.add_external_address("/ip4/203.0.113.77/tcp/5001".parse().unwrap());
    liar.dial(alice.address().parse::<Multiaddr>().unwrap())
        .unwrap();
    let told = async {
        alice.sees_connected(address::node_id(&id).unwrap()).await;
        alice.network.admit(address::node_id(&id).unwrap());
        let said = |event| matches!(event, NetworkEvent::Addresses { .. }).then_some(());
        alice.sees(said).await;
    };
    tokio::select! {
        () = told => {}
        () = async { loop { liar.select_next_some().await; } } => {}
    }
    // It calls nobody itself: whoever comes to those places has been led there.
    let none = ConnectionLimits::default().with_max_pending_outgoing(Some(0));
    *liar.behaviour_mut().limits.limits_mut() = none;
    for place in places {
        let lookups = &mut liar.behaviour_mut().lookups;
        lookups.add_address(&wanted, place);
    }
    liar
}

/// A search for a node is answered with places of this machine, of the local network, and with names: nobody is dialled.
#[tokio::test]
async fn a_search_is_led_nowhere_near() {
    let mut alice = Node::start(1).await;
    let (trap, place) = planted();
    let wanted = node(600);
    let wanted_id = address::peer_id(wanted).unwrap();
    let port = place.to_string().split('/').nth(4).unwrap().to_owned();
    let relayed = format!("{}/p2p-circuit", alice.address());
    let places = [
        place.to_string(),
        format!("/ip6/::ffff:127.0.0.1/tcp/{port}"),
        format!("/dns4/localhost/tcp/{port}"),
        "/ip4/192.168.1.1/tcp/80".to_owned(),
        relayed,
    ];
    let places = places.iter().map(|place| place.parse().unwrap()).collect();
    let mut liar = lies(&mut alice, wanted_id, places).await;
    alice
        .network
        .want(wanted, vec!["/ip4/127.0.0.1/tcp/1".to_owned()]);
    let asked = async {
        loop {
            let event = liar.select_next_some().await;
            if let SwarmEvent::Behaviour(LiarEvent::Lookups(kad::Event::InboundRequest {
                request: kad::InboundRequest::FindNode { num_closer_peers },
            })) = event
                && num_closer_peers > 0
            {
                return;
            }
        }
    };
    timeout(PATIENCE, asked).await.expect("asked where it is");
    let _ = timeout(MOMENT, async {
        loop {
            liar.select_next_some().await;
        }
    })
    .await;
    assert!(trap.accept().is_err(), "somebody called");
}

/// 10,000 providers that a peer tells of are taken by nobody: asked for by another, there are none.
#[tokio::test]
async fn records_of_others_are_not_kept() {
    let mut alice = Node::start(1).await;
    let teller = Raw::at(&mut alice, 7, None).await;
    let asker = Raw::at(&mut alice, 8, None).await;
    for raw in [&teller, &asker] {
        alice.network.admit(raw.id);
    }
    let own = address::peer_id(teller.id).unwrap().to_bytes();
    let place: Multiaddr = "/ip4/203.0.113.7/tcp/5001".parse().unwrap();
    let peer = [field(1, &own), field(2, &place.to_vec())].concat();
    let key = |n: u32| [&[7; 28][..], &n.to_be_bytes()].concat();
    // Many on each stream: ADD_PROVIDER wants no answer.
    for batch in 0..20 {
        let adds = (0..500).flat_map(|n| {
            let add = [vec![8, 2], field(2, &key(batch * 500 + n)), field(9, &peer)];
            framed(&add.concat())
        });
        let stream = batch * 2 + 1;
        teller.opens(stream, "/chater/kad/1").await;
        for part in adds.collect::<Vec<u8>>().chunks(16_384) {
            teller.data(stream, part).await;
        }
    }
    teller.settles().await;
    // GET_PROVIDERS of the first and the last.
    for (stream, n) in [(1, 0), (3, 9_999)] {
        asker.opens(stream, "/chater/kad/1").await;
        // Both names, by which the other side agrees.
        let agreed = asker.has_read_on(stream, 34).await;
        let ask = [vec![8, 3], field(2, &key(n))].concat();
        asker.data(stream, &framed(&ask)).await;
        let answer = asker.has_read_on(stream, agreed).await - agreed;
        // With one it would hold its id and address besides.
        assert!((1..40).contains(&answer), "{answer} bytes");
    }
}

/// AutoNAT: a linked peer asks to be dialled back at a place of this machine.
#[tokio::test]
async fn nobody_is_dialled_back_near() {
    let mut alice = Node::start(1).await;
    let (trap, place) = planted();
    let raw = Raw::at(&mut alice, 7, None).await;
    alice.network.admit(raw.id);
    raw.opens(1, "/libp2p/autonat/2/dial-request").await;
    // Both names, by which the other side agrees.
    let agreed = raw.has_read_on(1, 50).await;
    let nonce = [vec![2 << 3 | 1], vec![9; 8]].concat();
    let request = [field(1, &place.to_vec()), nonce].concat();
    raw.data(1, &framed(&field(1, &request))).await;
    // It is asked for bytes first, so that no dial costs less than its question.
    let asked = raw.has_read_on(1, agreed).await;
    // As many as may be asked for, and a few.
    let bytes = framed(&field(4, &field(1, &[7; 4_000])));
    for _ in 0..26 {
        raw.data(1, &bytes).await;
    }
    raw.has_read_on(1, asked).await;
    assert!(trap.accept().is_err(), "somebody called");
}
