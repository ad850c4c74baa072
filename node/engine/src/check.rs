//! Why nobody is seen: what this node can find out about itself, for the page and for `chater doctor`.
//!
//! Each check is a code with numbers and names; the words stand with the pages, in both languages.

use std::os::unix::fs::MetadataExt as _;

use chater_store::StoreError;

use crate::nodes;
use crate::person::node_label;
use crate::shared::{Shared, lock};
use crate::view::{Check, LinkState, Reachable, Router, Verdict};

/// A clock that differs by more makes messages stand in strange places (L4, L6).
const SKEW_MS: i64 = 2 * 60 * 1000;
/// Beyond this messages of this node are held back by others (L6).
const WRONG_MS: i64 = 5 * 60 * 1000;
/// Below this the node may soon refuse messages.
const LITTLE_SPACE: u64 = 256 << 20;

fn check(verdict: Verdict, code: &'static str) -> Check {
    Check {
        verdict,
        code,
        values: Vec::new(),
    }
}

fn with(verdict: Verdict, code: &'static str, name: &'static str, value: impl ToString) -> Check {
    Check {
        verdict,
        code,
        values: vec![(name, value.to_string())],
    }
}

/// Looks at everything; the multicast test takes a third of a second.
pub(crate) async fn all(shared: &Shared) -> Result<Vec<Check>, StoreError> {
    // Only where it is wanted: on a machine alone nothing is sent.
    let returned = if shared.config.mdns {
        Some(chater_network::multicast_returns().await)
    } else {
        None
    };
    let node = nodes::node(shared)?;
    let mut found = Vec::new();
    ports(&node.addresses, &mut found);
    found.push(match (returned, node.standing.mdns) {
        (None, _) => check(Verdict::Warning, "lan-off"),
        (Some(_), false) => check(Verdict::Bad, "lan-socket"),
        (Some(false), true) => check(Verdict::Warning, "lan-silent"),
        (Some(true), true) => with(Verdict::Good, "lan-well", "n", node.standing.found_lan),
    });
    let connected = |peer: &&crate::view::Peer| peer.state == LinkState::Connected;
    let linked = node.peers.iter().filter(connected).count();
    found.push(if linked == 0 {
        with(Verdict::Warning, "nobody", "n", node.peers.len())
    } else {
        with(Verdict::Good, "linked", "n", linked)
    });
    for dial in &node.dialling {
        let Some(error) = &dial.error else { continue };
        let mut line = with(Verdict::Warning, why(error), "address", &dial.address);
        line.values.push(("error", error.clone()));
        found.push(line);
    }
    reach(shared, &node.standing, &mut found)?;
    clock(shared, &mut found);
    disk(shared, &mut found);
    Ok(found)
}

fn ports(addresses: &[String], found: &mut Vec<Check>) {
    let direct = addresses.iter().filter(|a| !chater_network::is_relayed(a));
    let places: Vec<(&str, &str)> = direct
        .filter_map(|address| {
            let mut parts = address.split('/').skip(2);
            Some((parts.next()?, parts.nth(1)?))
        })
        .collect();
    let mut ports: Vec<&str> = places.iter().map(|(_, port)| *port).collect();
    ports.sort_unstable();
    ports.dedup();
    if ports.is_empty() {
        found.push(check(Verdict::Bad, "no-port"));
        return;
    }
    found.push(with(Verdict::Good, "ports", "ports", ports.join(", ")));
    let here = |host: &str| {
        host.parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
    };
    let mut hosts: Vec<&str> = places
        .iter()
        .map(|(host, _)| *host)
        .filter(|host| !here(host))
        .collect();
    hosts.sort_unstable();
    hosts.dedup();
    found.push(if hosts.is_empty() {
        // On purpose, or on the train: no fault of the node.
        check(Verdict::Warning, "only-here")
    } else {
        with(Verdict::Good, "interfaces", "addresses", hosts.join(", "))
    });
}

/// The last error of a dial in words that say what to do.
fn why(error: &str) -> &'static str {
    let error = error.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| error.contains(word));
    if has(&["the name is not found"]) {
        "dial-name"
    } else if has(&["refused"]) {
        "dial-refused"
    } else if has(&["timeout", "timed out"]) {
        "dial-timeout"
    } else if has(&["unreachable", "no route"]) {
        "dial-unreachable"
    } else if has(&["another node"]) {
        "dial-another"
    } else if has(&["this node itself"]) {
        "dial-own"
    } else if has(&["blocked", "not let in"]) {
        "dial-blocked"
    } else {
        "dial-other"
    }
}

fn reach(
    shared: &Shared,
    standing: &crate::view::Standing,
    found: &mut Vec<Check>,
) -> Result<(), StoreError> {
    let rows = shared.store.read()?;
    let mut relays = Vec::new();
    for relay in &standing.relays {
        relays.push(node_label(shared, &rows, *relay)?);
    }
    found.push(match (standing.reachable, relays.is_empty()) {
        (Reachable::Yes, _) => with(
            Verdict::Good,
            "reachable",
            "addresses",
            standing.external.join(", "),
        ),
        (_, false) => with(Verdict::Good, "reachable-relay", "nodes", relays.join(", ")),
        (Reachable::No, true) => check(Verdict::Warning, "not-reachable"),
        (Reachable::Unknown, true) => check(Verdict::Warning, "reach-unknown"),
    });
    found.push(match standing.router {
        Router::Opened => check(Verdict::Good, "router-opened"),
        Router::Off => check(Verdict::Good, "router-off"),
        Router::Asked => check(Verdict::Good, "router-asked"),
        Router::Silent => check(Verdict::Warning, "router-silent"),
        Router::Inside => check(Verdict::Warning, "router-inside"),
    });
    if standing.relaying {
        let mut line = with(Verdict::Good, "relaying", "n", standing.reservations);
        line.values
            .push(("circuits", standing.circuits.to_string()));
        found.push(line);
    }
    Ok(())
}

/// The clock against those of linked nodes: the middle one of the differences, since one of them may be wrong itself.
fn clock(shared: &Shared, found: &mut Vec<Check>) {
    let mut skews: Vec<i64> = lock(&shared.presence)
        .links
        .values()
        .map(|link| link.skew_ms)
        .collect();
    skews.sort_unstable();
    let Some(middle) = skews.get(skews.len() / 2) else {
        return;
    };
    let verdict = match middle.abs() {
        0..SKEW_MS => Verdict::Good,
        SKEW_MS..WRONG_MS => Verdict::Warning,
        _ => Verdict::Bad,
    };
    let code = match (verdict, *middle > 0) {
        (Verdict::Good, _) => "clock-well",
        (_, true) => "clock-late",
        (_, false) => "clock-early",
    };
    found.push(with(verdict, code, "minutes", middle.abs() / 60_000));
}

fn disk(shared: &Shared, found: &mut Vec<Check>) {
    let folder = &shared.config.data_dir;
    if let Some(free) = chater_store::free_space(folder) {
        let mib = free >> 20;
        found.push(if free < LITTLE_SPACE {
            with(Verdict::Bad, "disk-little", "mib", mib)
        } else {
            with(Verdict::Good, "disk", "mib", mib)
        });
    }
    let open = |path: &std::path::Path| {
        std::fs::metadata(path).is_ok_and(|found| found.mode() & 0o077 != 0)
    };
    found.push(if open(folder) || open(&folder.join("node.key")) {
        check(Verdict::Bad, "rights-open")
    } else {
        check(Verdict::Good, "rights")
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_dials_are_told_apart() {
        for (error, code) in [
            ("Connection refused (os error 111)", "dial-refused"),
            ("Timeout has been reached", "dial-timeout"),
            ("Network is unreachable (os error 101)", "dial-unreachable"),
            ("No route to host (os error 113)", "dial-unreachable"),
            ("another node answers there: 12D3", "dial-another"),
            ("this node itself", "dial-own"),
            ("the name is not found: request timed out", "dial-name"),
            (
                "the name is not found: no records found for Query",
                "dial-name",
            ),
            ("not let in here, or too many connections", "dial-blocked"),
            ("something else", "dial-other"),
        ] {
            assert_eq!(why(error), code, "{error}");
        }
    }

    #[test]
    fn a_node_for_this_machine_alone_is_told_so() {
        let codes = |addresses: &[&str]| {
            let mut found = Vec::new();
            let addresses: Vec<String> = addresses.iter().map(|a| (*a).to_owned()).collect();
            ports(&addresses, &mut found);
            found.iter().map(|check| check.code).collect::<Vec<_>>()
        };
        assert_eq!(codes(&[]), ["no-port"]);
        assert_eq!(
            codes(&["/ip4/127.0.0.1/tcp/5001/p2p/x"]),
            ["ports", "only-here"]
        );
        assert_eq!(
            codes(&[
                "/ip4/192.168.1.5/tcp/5001/p2p/x",
                "/ip4/127.0.0.1/tcp/5001/p2p/x"
            ]),
            ["ports", "interfaces"]
        );
    }
}
