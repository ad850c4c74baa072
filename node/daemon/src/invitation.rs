//! The link that brings two nodes together: `chater:<node id>?addr=...&addr=...`, for people to send each other.
//!
//! It carries addresses only, no secret: who has it can link, as anyone who knows the address can.

use chater_protocol::id::NodeId;

/// At most so many addresses: a link has to fit into a message and a QR code.
const ADDRESSES: usize = 3;
/// Longer texts are no links.
const LONGEST: usize = 2_048;

/// A node and where it can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Which node.
    pub node: NodeId,
    /// Multiaddrs without the node's id.
    pub addresses: Vec<String>,
}

impl Invitation {
    /// The best few of a node's addresses; loopback ones only when there is nothing else.
    #[must_use]
    pub fn new(node: NodeId, addresses: &[String]) -> Self {
        let id = format!("/p2p/{}", node.to_peer_id());
        let bare = |address: &String| address.strip_suffix(&id).unwrap_or(address).to_owned();
        let (near, far): (Vec<_>, Vec<_>) = addresses
            .iter()
            .map(bare)
            .partition(|address| is_loopback(address));
        let chosen = if far.is_empty() { near } else { far };
        Self {
            node,
            addresses: chosen.into_iter().take(ADDRESSES).collect(),
        }
    }

    /// The text to send.
    #[must_use]
    pub fn link(&self) -> String {
        let addresses: Vec<String> = self
            .addresses
            .iter()
            .map(|address| format!("addr={}", escape(address)))
            .collect();
        format!("chater:{}?{}", self.node.to_peer_id(), addresses.join("&"))
    }

    /// Reads a link.
    #[must_use]
    pub fn read(link: &str) -> Option<Self> {
        let link = link.trim();
        if link.len() > LONGEST {
            return None;
        }
        let (node, query) = link.strip_prefix("chater:")?.split_once('?')?;
        let node = NodeId::from_peer_id(node.trim_start_matches('/')).ok()?;
        let mut addresses = Vec::new();
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            // Unknown keys are of a later version and change nothing here.
            if key == "addr" && addresses.len() < ADDRESSES {
                let address = unescape(value)?;
                if !address.starts_with('/') || address.contains("/p2p/") {
                    return None;
                }
                addresses.push(address);
            }
        }
        (!addresses.is_empty()).then_some(Self { node, addresses })
    }

    /// The addresses with the node's id: whoever answers there must prove to be that node.
    #[must_use]
    pub fn full_addresses(&self) -> Vec<String> {
        let id = self.node.to_peer_id();
        self.addresses
            .iter()
            .map(|address| format!("{address}/p2p/{id}"))
            .collect()
    }

    /// How far the link works: `None` = anywhere.
    #[must_use]
    pub fn reach(&self) -> Option<Reach> {
        if self.addresses.iter().all(|address| is_loopback(address)) {
            Some(Reach::ThisComputer)
        } else if self
            .addresses
            .iter()
            .all(|address| is_loopback(address) || is_private(address))
        {
            Some(Reach::LocalNetwork)
        } else {
            None
        }
    }
}

/// Where a link works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// On this machine.
    ThisComputer,
    /// On the same network.
    LocalNetwork,
}

/// The IP address at the front of a multiaddr, if it has one.
#[must_use]
pub fn ip_of(address: &str) -> Option<std::net::IpAddr> {
    let mut parts = address.split('/').skip(1);
    match parts.next()? {
        "ip4" => parts.next()?.parse().ok().map(std::net::IpAddr::V4),
        "ip6" => parts.next()?.parse().ok().map(std::net::IpAddr::V6),
        _ => None,
    }
}

fn is_loopback(address: &str) -> bool {
    ip_of(address).is_some_and(|ip| ip.is_loopback())
}

fn is_private(address: &str) -> bool {
    match ip_of(address) {
        Some(std::net::IpAddr::V4(ip)) => ip.is_private() || ip.is_link_local(),
        Some(std::net::IpAddr::V6(ip)) => ip.is_unique_local() || ip.is_unicast_link_local(),
        None => false,
    }
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/.:-_~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn unescape(text: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let pair = [bytes.next()?, bytes.next()?];
            out.push(u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out)
        .ok()
        .filter(|text| text.chars().all(|c| c.is_ascii_graphic()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    fn node() -> NodeId {
        NodeId([7; 32])
    }

    fn with(addresses: &[&str]) -> Invitation {
        let id = node().to_peer_id();
        let full: Vec<String> = addresses
            .iter()
            .map(|address| format!("{address}/p2p/{id}"))
            .collect();
        Invitation::new(node(), &full)
    }

    #[test]
    fn a_link_goes_there_and_back() {
        let sent = with(&[
            "/ip4/192.168.1.5/tcp/5001",
            "/ip6/2001:db8::1/udp/5001/quic-v1",
            "/dns4/ex.org/tcp/1",
        ]);
        let link = sent.link();
        assert!(
            link.starts_with("chater:12D3KooW") && !link.contains(' '),
            "{link}"
        );
        let read = Invitation::read(&format!(" {link}\n")).unwrap();
        assert_eq!(read, sent);
        assert!(
            read.full_addresses()
                .iter()
                .all(|address| address.ends_with(&node().to_peer_id()))
        );
    }

    #[test]
    fn at_most_three_addresses_and_loopback_last() {
        let sent = with(&[
            "/ip4/127.0.0.1/tcp/1",
            "/ip4/10.0.0.1/tcp/1",
            "/ip4/10.0.0.2/tcp/1",
            "/ip4/10.0.0.3/tcp/1",
            "/ip4/10.0.0.4/tcp/1",
        ]);
        assert_eq!(
            sent.addresses,
            [
                "/ip4/10.0.0.1/tcp/1",
                "/ip4/10.0.0.2/tcp/1",
                "/ip4/10.0.0.3/tcp/1"
            ]
        );
        assert_eq!(sent.reach(), Some(Reach::LocalNetwork));
        assert_eq!(
            with(&["/ip4/127.0.0.1/tcp/1"]).reach(),
            Some(Reach::ThisComputer)
        );
        assert_eq!(
            with(&["/ip4/10.0.0.1/tcp/1", "/ip4/8.8.8.8/tcp/1"]).reach(),
            None
        );
    }

    #[test]
    fn other_texts_are_no_links() {
        let id = node().to_peer_id();
        for text in [
            "",
            "chater:",
            "http://example.org",
            &format!("chater:{id}"),
            &format!("chater:{id}?addr="),
            &format!("chater:{id}?addr=%zz"),
            &format!("chater:{id}?addr=%E2"),
            &format!("chater:{id}?addr=/ip4/1.2.3.4/tcp/1/p2p/{id}"),
            "chater:12D3KooWx?addr=/ip4/1.2.3.4/tcp/1",
            &format!("chater:{id}?addr=/{}", "a".repeat(3_000)),
        ] {
            assert_eq!(Invitation::read(text), None, "{text}");
        }
        assert!(
            Invitation::read(&format!("chater:{id}?later=1&addr=/ip4/1.2.3.4/tcp/1")).is_some()
        );
    }
}
