//! Where a request comes from: an address to count tries against, and a name for the list of
//! sessions.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{FORWARDED, HeaderName, USER_AGENT};
use axum::http::{HeaderMap, request};

use crate::app::App;
use crate::guard;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Longest name of a device; the rest of a user agent says little.
const DEVICE_CHARS: usize = 120;

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The address, behind trusted proxies the one they name.
    pub(crate) ip: IpAddr,
    /// The user agent, shortened, without control characters.
    pub(crate) device: String,
    /// Whether the caller surely is on this machine.
    pub(crate) is_local: bool,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Infallible;

    fn from_request_parts(
        parts: &mut request::Parts,
        app: &App,
    ) -> impl Future<Output = Result<Self, Infallible>> + Send {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0.ip());
        let ip = client_ip(peer, &parts.headers, &app.config.trusted_proxies);
        // A proxy on this machine makes every stranger look local: one that names another caller, or
        // that passes the public name on, gives itself away.
        let forwarded = [FORWARDED, X_FORWARDED_FOR]
            .iter()
            .any(|name| parts.headers.contains_key(name));
        let called = guard::called(parts.uri.authority().map(|a| a.as_str()), &parts.headers);
        let called_here =
            called.is_some_and(|place| place.is_loopback() && !app.hosts.is_public(&place));
        let caller = Self {
            ip,
            device: device(&parts.headers),
            is_local: ip.is_loopback() && called_here && !forwarded,
        };
        std::future::ready(Ok(caller))
    }
}

/// The caller's address. `X-Forwarded-For` counts only as far as trusted proxies wrote it (Q16): the
/// right-most address that is not one of them.
pub(crate) fn client_ip(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ip| ip.to_canonical());
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|proxy| proxy.to_canonical() == *ip);
    if !is_trusted(&peer) {
        return peer;
    }
    let lines: Vec<&str> = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    let mut nearest = peer;
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Ok(ip) = hop.trim().parse::<IpAddr>() else {
            break;
        };
        nearest = ip.to_canonical();
        if !is_trusted(&nearest) {
            break;
        }
    }
    nearest
}

fn device(headers: &HeaderMap) -> String {
    let agent = headers
        .get(USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
        .unwrap_or_default();
    agent
        .chars()
        .filter(|c| !c.is_control())
        .take(DEVICE_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let table = [
            ("203.0.113.9", "1.2.3.4", "203.0.113.9"),
            ("127.0.0.1", "1.2.3.4", "1.2.3.4"),
            ("::ffff:127.0.0.1", "1.2.3.4", "1.2.3.4"),
            ("127.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
            ("127.0.0.1", "1.2.3.4, 10.0.0.1", "1.2.3.4"),
            ("127.0.0.1", "10.0.0.1", "10.0.0.1"),
            ("127.0.0.1", "nonsense", "127.0.0.1"),
            ("127.0.0.1", "1.2.3.4, nonsense", "127.0.0.1"),
        ];
        let trusted = [
            "127.0.0.1".parse().expect("ip"),
            "10.0.0.1".parse().expect("ip"),
        ];
        for (peer, line, expected) in table {
            let headers = HeaderMap::from_iter([(
                X_FORWARDED_FOR,
                HeaderValue::from_str(line).expect("a header"),
            )]);
            let ip = client_ip(peer.parse().ok(), &headers, &trusted);
            assert_eq!(ip.to_string(), expected, "{peer} {line}");
        }
    }
}
