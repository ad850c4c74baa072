//! TCP with Noise and Yamux, QUIC, names looked up before dialling, and connections through relays.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use futures::future::Either;
use hickory_resolver::system_conf::read_system_conf;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::transport::timeout::TransportTimeout;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::{Multiaddr, PeerId, Transport, dns, noise, quic, relay, tcp, yamux};

use crate::address;
use crate::limits;

type Muxed = Boxed<(PeerId, StreamMuxerBox)>;

/// The whole transport. Without a readable resolver configuration names do not work, everything else does.
pub(crate) fn build(
    key: &Keypair,
    through: relay::client::Transport,
) -> Result<Muxed, noise::Error> {
    // What a relay passes on is encrypted between the two ends: it sees sizes and times.
    let relayed = through
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(key)?)
        .multiplex(streams())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let named = match read_system_conf() {
        Ok((servers, mut how)) => {
            (how.timeout, how.attempts) = limits::NAME_SERVER;
            let named = dns::tokio::Transport::custom(direct(key)?, servers, how);
            named.map_err(without_name).boxed()
        }
        Err(error) => {
            tracing::warn!(%error, "no name resolution: /dns addresses will not work");
            direct(key)?
        }
    };
    let all = relayed.or_transport(named).map(|either, _| match either {
        Either::Left(done) | Either::Right(done) => done,
    });
    Ok(TransportTimeout::new(all, limits::HANDSHAKE).boxed())
}

/// No name server knows the name, or none answers.
#[derive(Debug, thiserror::Error)]
#[error("the name is not found: {0}")]
struct NoName(dns::ResolveError);

/// Tells a name that is not found from a host that does not answer: by the innermost words alone both are a timeout.
fn without_name(error: dns::Error<io::Error>) -> io::Error {
    match error {
        dns::Error::ResolveError(error) => io::Error::other(NoName(error)),
        // Of several tries the last one: the first are names, the last where they led.
        dns::Error::Dial(mut errors) => match errors.pop() {
            Some(last) => without_name(last),
            None => io::Error::other("no address"),
        },
        dns::Error::Transport(error) => error,
        other => io::Error::other(other),
    }
}

fn streams() -> yamux::Config {
    let mut streams = yamux::Config::default();
    streams.set_max_num_streams(limits::STREAMS_PER_CONNECTION);
    streams
}

fn direct(key: &Keypair) -> Result<Muxed, noise::Error> {
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(key)?)
        .multiplex(streams())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let quic = quic::tokio::Transport::new(quic::Config::new(key))
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    Ok(quic
        .or_transport(tcp)
        .map(|either, _| match either {
            Either::Left(done) | Either::Right(done) => done,
        })
        .boxed())
}

/// Whether another socket has this port.
///
/// The TCP transport sets SO_REUSEPORT on its listeners, so two nodes of one user would share a port without any error,
/// each getting half of the connections. A plain bind tells.
pub(crate) fn taken(address: &Multiaddr) -> bool {
    let Some((socket, udp)) = address::socket(address) else {
        return false;
    };
    if socket.port() == 0 {
        return false;
    }
    // The transports listen on IPv6 only, std would claim IPv4 too and so meet our own listener there.
    let socket = if socket.ip() == Ipv6Addr::UNSPECIFIED {
        SocketAddr::new(Ipv6Addr::LOCALHOST.into(), socket.port())
    } else {
        socket
    };
    let bound = if udp {
        UdpSocket::bind(socket).map(drop)
    } else {
        TcpListener::bind(socket).map(drop)
    };
    bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}
