//! Node ids and peer ids, multiaddrs as text, and which addresses are worth keeping. Types of libp2p stop here.

use std::net::{IpAddr, SocketAddr};

use chater_protocol::id::NodeId;
use libp2p::core::ConnectedPoint;
use libp2p::multiaddr::Protocol as Part;
use libp2p::{Multiaddr, PeerId};

use crate::{AddressError, limits};

/// The bytes before the key in the digest of a peer id: a protobuf Ed25519 key.
const KEY_PREFIX: [u8; 4] = [0x08, 0x01, 0x12, 0x20];
/// The bytes before the digest: the identity multihash of 36 bytes.
const HASH_PREFIX: [u8; 2] = [0x00, 0x24];

/// The peer id of a node.
pub(crate) fn peer_id(node: NodeId) -> Option<PeerId> {
    let bytes = [&HASH_PREFIX[..], &KEY_PREFIX[..], node.as_bytes()].concat();
    PeerId::from_bytes(&bytes).ok()
}

/// The node of a peer id; nothing for keys other than Ed25519.
pub(crate) fn node_id(peer: &PeerId) -> Option<NodeId> {
    let hash: &libp2p::multihash::Multihash<64> = peer.as_ref();
    NodeId::try_from(hash.digest().strip_prefix(&KEY_PREFIX)?).ok()
}

/// The first hex digits of a node, for logs.
pub(crate) fn short(peer: &PeerId) -> String {
    node_id(peer).map_or_else(|| "?".to_owned(), |node| node.short())
}

/// How far an address reaches. The order is the one in which own addresses are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    Lan,
    Public,
    Name,
    Loopback,
    Link,
    Nowhere,
}

fn reach_of(ip: IpAddr) -> Reach {
    match ip {
        IpAddr::V4(ip) if ip.is_loopback() => Reach::Loopback,
        IpAddr::V4(ip) if ip.is_link_local() => Reach::Link,
        IpAddr::V4(ip) if ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() => {
            Reach::Nowhere
        }
        // 100.64/10 is shared by a provider's customers and by some overlay networks.
        IpAddr::V4(ip) if ip.is_private() || matches!(ip.octets(), [100, 64..=127, ..]) => {
            Reach::Lan
        }
        IpAddr::V4(_) => Reach::Public,
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => reach_of(IpAddr::V4(ip)),
            None if ip.is_loopback() => Reach::Loopback,
            None if ip.is_unicast_link_local() => Reach::Link,
            None if ip.is_unspecified() || ip.is_multicast() => Reach::Nowhere,
            None if ip.is_unique_local() => Reach::Lan,
            None => Reach::Public,
        },
    }
}

/// How far this address reaches.
pub(crate) fn reach(address: &Multiaddr) -> Reach {
    match address.iter().next() {
        Some(Part::Ip4(ip)) => reach_of(ip.into()),
        Some(Part::Ip6(ip)) => reach_of(ip.into()),
        Some(Part::Dns(_) | Part::Dns4(_) | Part::Dns6(_)) => Reach::Name,
        _ => Reach::Nowhere,
    }
}

/// Whether it is an address of the QUIC transport.
pub(crate) fn is_quic(address: &Multiaddr) -> bool {
    address.iter().any(|part| matches!(part, Part::QuicV1))
}

/// Whether it has a form that our transports dial: host, port, nothing else; or a relay, which is dialled so.
fn is_dialable(address: &Multiaddr) -> bool {
    match circuit(address) {
        // No relays of relays: the part before the circuit must be direct.
        Some((relay, key)) => node_id(&key).is_some() && is_direct(&relay),
        None => is_direct(address),
    }
}

/// Splits `<relay>/p2p/<its id>/p2p-circuit`.
fn circuit(address: &Multiaddr) -> Option<(Multiaddr, PeerId)> {
    let mut before = address.clone();
    if !matches!(before.pop(), Some(Part::P2pCircuit)) {
        return None;
    }
    let (relay, key) = split(before);
    Some((relay, key?))
}

/// Whether nodes of the Internet could dial it: a public number and no name, which could lead anywhere.
pub(crate) fn is_outside(address: &Multiaddr) -> bool {
    is_dialable(address) && reach(address) == Reach::Public
}

fn is_direct(address: &Multiaddr) -> bool {
    let mut parts = address.iter();
    let host = matches!(
        parts.next(),
        Some(Part::Ip4(_) | Part::Ip6(_) | Part::Dns(_) | Part::Dns4(_) | Part::Dns6(_))
    );
    let port = match parts.next() {
        Some(Part::Tcp(port)) => port != 0,
        Some(Part::Udp(port)) => port != 0 && matches!(parts.next(), Some(Part::QuicV1)),
        _ => false,
    };
    host && port && parts.next().is_none() && reach(address) != Reach::Nowhere
}

/// Whether it leads through a relay.
pub(crate) fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| matches!(part, Part::P2pCircuit))
}

/// The relay in an address that leads through one.
pub(crate) fn relay_in(address: &Multiaddr) -> Option<PeerId> {
    let mut before = None;
    for part in address.iter() {
        match part {
            Part::P2p(peer) => before = Some(peer),
            Part::P2pCircuit => return before,
            _ => {}
        }
    }
    None
}

/// The node through which a connection goes; none = directly.
pub(crate) fn relay(endpoint: &ConnectedPoint) -> Option<NodeId> {
    let place = match endpoint {
        ConnectedPoint::Dialer { address, .. } => address,
        // The other side has no address of its own there.
        ConnectedPoint::Listener { local_addr, .. } => local_addr,
    };
    node_id(&relay_in(place)?)
}

/// The socket of a listen address, and whether it is UDP.
pub(crate) fn socket(address: &Multiaddr) -> Option<(SocketAddr, bool)> {
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next()? {
        Part::Ip4(ip) => ip.into(),
        Part::Ip6(ip) => ip.into(),
        _ => return None,
    };
    match parts.next()? {
        Part::Tcp(port) => Some((SocketAddr::new(ip, port), false)),
        Part::Udp(port) => Some((SocketAddr::new(ip, port), true)),
        _ => None,
    }
}

/// The same address with port 0.
pub(crate) fn any_port(address: &Multiaddr) -> Multiaddr {
    address
        .iter()
        .map(|part| match part {
            Part::Tcp(_) => Part::Tcp(0),
            Part::Udp(_) => Part::Udp(0),
            other => other,
        })
        .collect()
}

/// Takes the peer id off the end.
pub(crate) fn split(mut address: Multiaddr) -> (Multiaddr, Option<PeerId>) {
    match address.iter().last() {
        Some(Part::P2p(peer)) => {
            address.pop();
            (address, Some(peer))
        }
        _ => (address, None),
    }
}

/// The address with the peer id at its end.
pub(crate) fn with_peer(address: &Multiaddr, peer: PeerId) -> String {
    let (address, _) = split(address.clone());
    address.with(Part::P2p(peer)).to_string()
}

/// Reads an address typed by a person: without its peer id, and that.
pub(crate) fn parse(text: &str) -> Result<(Multiaddr, Option<PeerId>), AddressError> {
    let text = text.trim();
    if text.is_empty() || text.len() > limits::ADDRESS_TEXT {
        return Err(AddressError::Malformed);
    }
    let address: Multiaddr = text.parse().map_err(|_| AddressError::Malformed)?;
    let (address, peer) = split(address);
    let known_key = peer.as_ref().is_none_or(|peer| node_id(peer).is_some());
    // Nobody knows who is meant behind a relay.
    let named = peer.is_some() || !is_relayed(&address);
    if !known_key || !named || !is_dialable(&address) {
        return Err(AddressError::Unsupported);
    }
    Ok((address, peer))
}

/// Reads addresses of one peer; what cannot be dialled or names another peer is left out.
pub(crate) fn parse_all(texts: &[String], peer: PeerId) -> Vec<Multiaddr> {
    let parsed = texts.iter().filter_map(|text| parse(text).ok());
    unique(
        parsed
            .filter(|(_, named)| named.is_none_or(|named| named == peer))
            .map(|(address, _)| address),
    )
}

/// The first of each, at most as many as are kept of one peer.
pub(crate) fn unique(addresses: impl IntoIterator<Item = Multiaddr>) -> Vec<Multiaddr> {
    let mut kept = Vec::new();
    for address in addresses {
        if kept.len() == limits::ADDRESSES {
            break;
        }
        if !kept.contains(&address) {
            kept.push(address);
        }
    }
    kept
}

/// The own addresses that one is told who is met at that place: loopback only there, private ones only near; without a
/// place those that may travel far. What the Internet can dial comes first, relays before what is private.
pub(crate) fn told(own: &[Multiaddr], place: Option<&Multiaddr>) -> Vec<Multiaddr> {
    let only_here = own.iter().all(|address| reach(address) == Reach::Loopback);
    let met = place.map(|place| match reach(place) {
        Reach::Lan | Reach::Link if is_relayed(place) => Reach::Public,
        reach => reach,
    });
    let fits = |address: &&Multiaddr| match reach(address) {
        Reach::Public | Reach::Name => true,
        Reach::Lan | Reach::Link => {
            !is_relayed(address)
                && met.is_none_or(|met| matches!(met, Reach::Lan | Reach::Link | Reach::Loopback))
        }
        Reach::Loopback => only_here || met == Some(Reach::Loopback),
        Reach::Nowhere => false,
    };
    let mut told: Vec<Multiaddr> = own.iter().filter(fits).cloned().collect();
    told.sort_by_key(|address| match reach(address) {
        Reach::Public | Reach::Name => u8::from(is_relayed(address)),
        Reach::Lan | Reach::Link => 2,
        Reach::Loopback | Reach::Nowhere => 3,
    });
    // Of many interfaces some place is kept for the relays.
    let relays = told.iter().filter(|address| is_relayed(address)).count();
    let relays = relays.min(limits::RELAYS);
    let mut room = limits::ADDRESSES - relays;
    let mut circuits = relays;
    told.retain(|address| {
        let left = if is_relayed(address) {
            &mut circuits
        } else {
            &mut room
        };
        let keep = *left > 0;
        *left = left.saturating_sub(1);
        keep
    });
    told
}

/// What a peer says about itself, cleaned: loopback only from loopback, private only from near, and so many names.
///
/// Anyone may claim anything here, so no claim may aim our dials at hosts the peer itself could not have.
pub(crate) fn believed(
    claimed: Vec<Multiaddr>,
    peer: PeerId,
    remote: &Multiaddr,
    mut names: usize,
) -> Vec<Multiaddr> {
    let remote = match reach(remote) {
        // A relay may be near; who comes through it need not be.
        Reach::Lan | Reach::Link if is_relayed(remote) => Reach::Public,
        reach => reach,
    };
    let near = matches!(remote, Reach::Lan | Reach::Loopback | Reach::Link);
    unique(claimed.into_iter().filter_map(|address| {
        let (address, named) = split(address);
        let fits = match reach(&address) {
            Reach::Public => true,
            Reach::Lan => near,
            Reach::Loopback => remote == Reach::Loopback,
            Reach::Link => remote == Reach::Link && is_v4(&address),
            Reach::Name => {
                let room = names > 0;
                names = names.saturating_sub(1);
                room
            }
            Reach::Nowhere => false,
        };
        let own = named.is_none_or(|named| named == peer);
        (fits && own && is_dialable(&address)).then_some(address)
    }))
}

/// Whether an address is on this machine or in a private network; a way through a relay is not.
pub(crate) fn is_near(address: &Multiaddr) -> bool {
    !is_relayed(address) && matches!(reach(address), Reach::Lan | Reach::Loopback | Reach::Link)
}

fn is_v4(address: &Multiaddr) -> bool {
    matches!(address.iter().next(), Some(Part::Ip4(_)))
}

/// Whether others may dial this listen address: a link-local IPv6 address lacks its scope.
pub(crate) fn is_shown(address: &Multiaddr) -> bool {
    is_dialable(address) && (reach(address) != Reach::Link || is_v4(address))
}

/// Own addresses in the order shown: LAN before loopback, TCP before QUIC, IPv4 before IPv6.
pub(crate) fn sort(addresses: &mut [Multiaddr]) {
    addresses.sort_by_key(|address| {
        (
            is_relayed(address),
            reach(address),
            is_quic(address),
            !is_v4(address),
            address.to_string(),
        )
    });
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    fn peer(byte: u8) -> PeerId {
        peer_id(NodeId([byte; 32])).unwrap()
    }

    fn all(texts: &[&str]) -> Vec<Multiaddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn ids_go_both_ways() {
        let node = NodeId([7; 32]);
        let peer = peer_id(node).unwrap();
        assert_eq!(peer.to_string(), node.to_peer_id());
        assert_eq!(node_id(&peer), Some(node));
        assert_eq!(NodeId::from_peer_id(&peer.to_string()), Ok(node));
    }

    #[test]
    fn typed_addresses() {
        let id = peer(7);
        let (address, named) = parse(&format!("  /ip4/192.0.2.1/tcp/5001/p2p/{id} ")).unwrap();
        assert_eq!(address.to_string(), "/ip4/192.0.2.1/tcp/5001");
        assert_eq!(named, Some(id));
        for good in [
            "/ip6/::1/udp/5001/quic-v1",
            "/dns/node.example/tcp/5001",
            "/dns4/a.b/tcp/1",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "192.0.2.1:5001",
            "/ip4/1.2.3/tcp/1",
            "/ip4/1.2.3.4/tcp/70000",
            "hello",
        ] {
            assert_eq!(parse(bad), Err(AddressError::Malformed), "{bad}");
        }
        for bad in [
            "/ip4/192.0.2.1",
            "/ip4/192.0.2.1/tcp/0",
            "/ip4/0.0.0.0/tcp/5001",
            "/ip4/192.0.2.1/udp/5001",
            "/ip4/192.0.2.1/tcp/80/ws",
            "/memory/5",
            // The peer id of an RSA key.
            "/ip4/192.0.2.1/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
        ] {
            assert_eq!(parse(bad), Err(AddressError::Unsupported), "{bad}");
        }
        assert!(parse(&"/ip4/1.2.3.4".repeat(100)).is_err());
    }

    #[test]
    fn claims_of_a_peer_are_cleaned() {
        let id = peer(7);
        let claimed = all(&[
            "/ip4/127.0.0.1/tcp/5001",
            "/ip4/192.168.1.5/tcp/5001",
            "/ip4/203.0.113.9/tcp/5001",
            "/ip6/fe80::1/tcp/5001",
            "/dns/victim.example/tcp/22",
            "/ip4/203.0.113.9/udp/5001/quic-v1",
        ]);
        let believe = |remote: &str| {
            let remote = remote.parse().unwrap();
            believed(claimed.clone(), id, &remote, 0)
                .iter()
                .map(reach)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            believe("/ip4/198.51.100.1/tcp/9"),
            [Reach::Public, Reach::Public]
        );
        assert_eq!(
            believe("/ip4/192.168.1.7/tcp/9"),
            [Reach::Lan, Reach::Public, Reach::Public]
        );
        assert_eq!(
            believe("/ip4/127.0.0.1/tcp/9"),
            [Reach::Loopback, Reach::Lan, Reach::Public, Reach::Public]
        );
        let many: Vec<Multiaddr> = (1..100)
            .map(|n| format!("/ip4/203.0.113.{n}/tcp/1").parse().unwrap())
            .collect();
        assert_eq!(
            believed(many, id, &"/ip4/1.1.1.1/tcp/1".parse().unwrap(), 0).len(),
            limits::ADDRESSES
        );
        let other = all(&[&format!("/ip4/203.0.113.9/tcp/1/p2p/{}", peer(8))]);
        assert!(believed(other, id, &"/ip4/1.1.1.1/tcp/1".parse().unwrap(), 0).is_empty());
    }

    #[test]
    fn relays_are_believed_once_and_names_are_few() {
        let (id, relay) = (peer(7), peer(8));
        let far: Multiaddr = "/ip4/198.51.100.1/tcp/9".parse().unwrap();
        let claimed = all(&[
            &format!("/ip4/203.0.113.9/tcp/1/p2p/{relay}/p2p-circuit/p2p/{id}"),
            // A relay inside, a relay of a relay, a relay without a name.
            &format!("/ip4/192.168.1.9/tcp/1/p2p/{relay}/p2p-circuit"),
            &format!("/ip4/203.0.113.9/tcp/1/p2p/{relay}/p2p-circuit/p2p/{relay}/p2p-circuit"),
            "/ip4/203.0.113.9/tcp/1/p2p-circuit",
            "/dns/home.example/tcp/5001",
            "/dns/other.example/tcp/5001",
        ]);
        let kept = believed(claimed.clone(), id, &far, 0);
        assert_eq!(
            kept.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [format!("/ip4/203.0.113.9/tcp/1/p2p/{relay}/p2p-circuit")]
        );
        assert_eq!(believed(claimed.clone(), id, &far, 1).len(), 2);
        // Through a relay of the LAN somebody far away may speak.
        let through: Multiaddr = format!("/ip4/192.168.1.9/tcp/1/p2p/{relay}/p2p-circuit")
            .parse()
            .unwrap();
        let near = all(&["/ip4/192.168.1.7/tcp/5001"]);
        assert!(believed(near, id, &through, 0).is_empty());
    }

    #[test]
    fn own_addresses_are_told_to_whom_they_serve() {
        let relay = peer(8);
        let circuit = format!("/ip4/203.0.113.9/tcp/1/p2p/{relay}/p2p-circuit");
        let mut own = all(&[
            "/ip4/127.0.0.1/tcp/1",
            "/ip4/192.168.1.5/tcp/1",
            "/ip4/203.0.113.5/tcp/1",
            &circuit,
        ]);
        let told_at = |own: &[Multiaddr], text: &str| {
            let place = text.parse().unwrap();
            told(own, Some(&place))
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            told_at(&own, "/ip4/198.51.100.1/tcp/9"),
            ["/ip4/203.0.113.5/tcp/1", circuit.as_str()]
        );
        assert_eq!(
            told_at(&own, "/ip4/192.168.1.7/tcp/9"),
            [
                "/ip4/203.0.113.5/tcp/1",
                circuit.as_str(),
                "/ip4/192.168.1.5/tcp/1"
            ]
        );
        assert_eq!(told_at(&own, "/ip4/127.0.0.1/tcp/9").len(), 4);
        assert_eq!(told(&own, None).len(), 3);
        // Many interfaces do not push the relays out.
        own.extend(all(&(1..20)
            .map(|n| format!("/ip4/203.0.113.{n}/tcp/7"))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()));
        let many = told_at(&own, "/ip4/198.51.100.1/tcp/9");
        assert_eq!(many.len(), limits::ADDRESSES);
        assert!(many.contains(&circuit));
        // A node that listens on this machine alone has nothing else to tell.
        let here = all(&["/ip4/127.0.0.1/tcp/1"]);
        assert_eq!(told(&here, None).len(), 1);
    }

    #[test]
    fn near_is_what_a_private_network_holds() {
        for (text, near) in [
            ("/ip4/127.0.0.1/tcp/1", true),
            ("/ip4/192.168.1.7/udp/9/quic-v1", true),
            ("/ip6/fd00::1/tcp/1", true),
            ("/ip6/fe80::1/tcp/1", true),
            ("/ip4/203.0.113.9/tcp/1", false),
            ("/ip6/2001:db8::1/tcp/1", false),
            ("/dns/node.example/tcp/1", false),
            ("/ip4/192.168.1.7/tcp/1/p2p-circuit", false),
        ] {
            assert_eq!(is_near(&text.parse().unwrap()), near, "{text}");
        }
    }

    #[test]
    fn own_addresses_are_sorted() {
        let mut own = all(&[
            "/ip4/127.0.0.1/udp/1/quic-v1",
            "/ip4/127.0.0.1/tcp/1",
            "/ip6/::1/tcp/1",
            "/ip4/192.168.1.5/udp/1/quic-v1",
            "/ip4/192.168.1.5/tcp/1",
        ]);
        sort(&mut own);
        let shown: Vec<String> = own.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "/ip4/192.168.1.5/tcp/1",
                "/ip4/192.168.1.5/udp/1/quic-v1",
                "/ip4/127.0.0.1/tcp/1",
                "/ip6/::1/tcp/1",
                "/ip4/127.0.0.1/udp/1/quic-v1",
            ]
        );
        assert!(!is_shown(&"/ip6/fe80::1/tcp/1".parse().unwrap()));
    }
}
