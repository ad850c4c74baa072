//! The names this node answers to (Q17). A rebound name sends its own Host and an equal Origin, so
//! "Origin equals Host" alone proves nothing: the Host is looked up in a list first.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::http::Uri;
use axum::http::uri::Authority;
use tokio::sync::watch;

/// A host and a port, normalised: lower case, no brackets, no trailing dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    host: String,
    port: Option<u16>,
}

/// Scheme, host and port of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    https: bool,
    place: Place,
}

/// The names this node answers to.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    names: Vec<String>,
    /// This computer's name in its network: ours while the pages are open there.
    near: Vec<String>,
    home: Option<watch::Receiver<bool>>,
    public: Option<Origin>,
}

impl Place {
    /// Reads a Host header or the authority of an absolute URI. User names are refused.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        if authority.as_str().contains('@') {
            return None;
        }
        let port = match authority.port() {
            Some(port) => Some(port.as_u16()),
            None if authority.as_str().ends_with(':') => return None,
            None => None,
        };
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        (!host.is_empty()).then_some(Self { host, port })
    }

    fn address(&self) -> Option<IpAddr> {
        let v4 = self.host.parse::<Ipv4Addr>().map(IpAddr::V4);
        v4.or_else(|_| self.host.parse::<Ipv6Addr>().map(IpAddr::V6))
            .ok()
    }

    /// Whether only this machine can mean it.
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self
                .address()
                .is_some_and(|ip| ip.to_canonical().is_loopback())
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.trim_end_matches('/').parse().ok()?;
        let https = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return None;
        }
        Some(Self {
            https,
            place: Place::parse(uri.authority()?.as_str())?,
        })
    }

    fn port(&self) -> u16 {
        self.place.port.unwrap_or(if self.https { 443 } else { 80 })
    }

    fn equals(&self, other: &Self) -> bool {
        self.https == other.https
            && self.place.host == other.place.host
            && self.port() == other.port()
    }
}

impl Hosts {
    /// The list of Q17 from the settings.
    pub(crate) fn new(public_url: Option<&str>, listen: &[SocketAddr], host_name: &str) -> Self {
        let public = public_url.and_then(|url| {
            let uri: Uri = url.parse().ok()?;
            Origin::parse(&format!("{}://{}", uri.scheme_str()?, uri.authority()?))
        });
        let mut near = Vec::new();
        let name = host_name.trim_end_matches('.').to_ascii_lowercase();
        if !name.is_empty() {
            near.push(format!("{name}.local"));
            near.push(name);
        }
        let mut names = Vec::new();
        if listen
            .iter()
            .any(|address| !address.ip().to_canonical().is_loopback())
        {
            names.extend(near.iter().cloned());
        }
        names.extend(public.iter().map(|origin| origin.place.host.clone()));
        Self {
            names,
            near,
            home: None,
            public,
        }
    }

    /// The same, where this computer's name counts as long as the pages are open to the home network.
    pub(crate) fn following(mut self, home: watch::Receiver<bool>) -> Self {
        self.home = Some(home);
        self
    }

    fn is_near(&self, host: &str) -> bool {
        self.near.iter().any(|name| name == host)
            && self.home.as_ref().is_some_and(|home| *home.borrow())
    }

    /// Whether the public address is an https one.
    pub(crate) fn public_is_https(&self) -> bool {
        self.public.as_ref().is_some_and(|origin| origin.https)
    }

    /// Whether requests to that host are answered. Any literal address is: rebinding needs a name.
    pub(crate) fn allows(&self, place: &Place) -> bool {
        place.host == "localhost"
            || place.address().is_some()
            || self.names.contains(&place.host)
            || self.is_near(&place.host)
    }

    /// Whether that host is the public one, which a proxy on this machine may stand for.
    pub(crate) fn is_public(&self, place: &Place) -> bool {
        self.public
            .as_ref()
            .is_some_and(|origin| origin.place.host == place.host)
    }

    /// Whether a page of that origin is ours, for a request to an allowed host: the public address,
    /// or the very host and port that was called. Any other literal address would be a way in: the
    /// page of a stranger may well stand on a literal address and on our port.
    pub(crate) fn same_origin(&self, called: &Place, origin: &str) -> bool {
        let Some(origin) = Origin::parse(origin) else {
            return false;
        };
        if self
            .public
            .as_ref()
            .is_some_and(|public| public.equals(&origin))
        {
            return true;
        }
        if origin.https || !self.allows(&origin.place) {
            return false;
        }
        let same_host = origin.place.host == called.host
            || (origin.place.is_loopback() && called.is_loopback());
        same_host && origin.port() == called.port.unwrap_or(80)
    }

    /// `connect-src` sources for the sockets of a page: older browsers do not count `ws:` as `'self'`. Of an IPv6 address
    /// there is none: the grammar of policies does not know them, and `'self'` has to do.
    pub(crate) fn socket_source(&self, called: &Place) -> String {
        match &self.public {
            Some(public) if public.place.host == called.host && public.https => {
                format!("wss://{}", public.place)
            }
            _ if called.host.contains(':') => String::new(),
            _ => format!("ws://{called}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(listen: &str, public_url: Option<&str>) -> Hosts {
        Hosts::new(public_url, &[listen.parse().expect("an address")], "Kite")
    }

    #[test]
    fn hosts_are_looked_up_in_the_list() {
        let table = [
            ("localhost", true, true),
            ("LOCALHOST:5000", true, true),
            ("localhost.:5000", true, true),
            ("127.0.0.1:5000", true, true),
            ("192.168.1.7:5000", true, true),
            ("[::1]:5000", true, true),
            ("[fe80::1]", true, true),
            ("kite:5000", false, true),
            ("kite.local:5000", false, true),
            ("evil.example", false, false),
            ("localhost.evil.example", false, false),
            ("127.0.0.1.evil.example", false, false),
            ("0x7f.1", false, false),
            ("user@localhost", false, false),
            ("localhost:", false, false),
            ("local host", false, false),
            ("", false, false),
        ];
        let (near, wide) = (hosts("127.0.0.1:5000", None), hosts("0.0.0.0:5000", None));
        for (host, at_loopback, beyond) in table {
            let place = Place::parse(host);
            let allowed = |hosts: &Hosts| place.as_ref().is_some_and(|place| hosts.allows(place));
            assert_eq!(allowed(&near), at_loopback, "{host} on loopback");
            assert_eq!(allowed(&wide), beyond, "{host} beyond");
        }
        let (switch, home) = watch::channel(false);
        let near = near.following(home);
        let kite = Place::parse("kite.local:5000").expect("a host");
        let evil = Place::parse("evil.example").expect("a host");
        for open in [false, true, false] {
            switch.send_replace(open);
            assert_eq!(near.allows(&kite), open, "the home network: {open}");
            assert!(!near.allows(&evil));
        }
        let public = hosts("127.0.0.1:5000", Some("https://chat.example.org/"));
        assert!(public.allows(&Place::parse("chat.example.org").expect("a host")));
        assert!(!public.allows(&Place::parse("kite").expect("a host")));
    }

    #[test]
    fn origins_are_ours_or_refused() {
        let table = [
            ("localhost:5000", "http://localhost:5000", true),
            ("localhost:5000", "http://127.0.0.1:5000", true),
            ("localhost:5000", "http://[::1]:5000", true),
            ("localhost:5000", "http://localhost:5001", false),
            ("localhost:5000", "https://localhost:5000", false),
            ("localhost:5000", "http://203.0.113.5:5000", false),
            ("localhost:5000", "http://evil.example:5000", false),
            ("localhost:5000", "null", false),
            ("localhost:5000", "", false),
            ("localhost:5000", "http://localhost:5000/path", false),
            ("localhost:5000", "file://", false),
            ("localhost", "http://localhost", true),
            ("localhost", "http://localhost:80", true),
            ("192.168.1.7:5000", "http://192.168.1.7:5000", true),
            ("192.168.1.7:5000", "http://192.168.1.8:5000", false),
            ("evil.example:5000", "http://evil.example:5000", false),
            ("localhost:5000", "https://chat.example.org", true),
            ("localhost:5000", "https://chat.example.org:443", true),
            ("chat.example.org", "https://chat.example.org", true),
            ("chat.example.org", "https://chat.example.org:8443", false),
        ];
        let hosts = hosts("127.0.0.1:5000", Some("https://chat.example.org"));
        for (host, origin, expected) in table {
            let called = Place::parse(host).expect("a host");
            assert_eq!(
                hosts.same_origin(&called, origin),
                expected,
                "{origin} at {host}"
            );
        }
    }

    #[test]
    fn a_socket_is_allowed_to_the_host_that_was_called() {
        let hosts = hosts("127.0.0.1:5000", Some("https://chat.example.org"));
        let source = |host| hosts.socket_source(&Place::parse(host).expect("a host"));
        assert_eq!(source("localhost:5000"), "ws://localhost:5000");
        assert_eq!(source("[::1]:5000"), "");
        assert_eq!(source("chat.example.org"), "wss://chat.example.org");
    }
}
