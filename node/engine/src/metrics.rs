//! `/metrics`: what this node does, as Prometheus text. Numbers and fixed words only: no person, chat, peer or address.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chater_network::Meter;
use chater_store::mail;

use crate::nodes;
use crate::shared::{Shared, lock};
use crate::view::LinkState;

/// Upper bounds of the buckets, microseconds, with the bound as Prometheus writes it (seconds).
const BOUNDS: [(u64, &str); 10] = [
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (50_000, "0.05"),
    (250_000, "0.25"),
    (1_000_000, "1"),
    (10_000_000, "10"),
];

/// How long something took, counted by buckets.
#[derive(Debug, Default)]
pub(crate) struct Times {
    /// One per bound; what took longer is in `count` alone.
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Times {
    pub(crate) fn took(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        let bounds = BOUNDS.iter().zip(&self.buckets);
        if let Some((_, bucket)) = bounds.into_iter().find(|((bound, _), _)| micros <= *bound) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn write(&self, out: &mut String, name: &str, help: &str) {
        head(out, name, "histogram", help);
        let mut sum = 0;
        for ((_, bound), bucket) in BOUNDS.iter().zip(&self.buckets) {
            sum += bucket.load(Ordering::Relaxed);
            let _ = writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {sum}");
        }
        let count = self.count.load(Ordering::Relaxed);
        let micros = self.micros.load(Ordering::Relaxed);
        let _ = writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(
            out,
            "{name}_sum {}.{:06}",
            micros / 1_000_000,
            micros % 1_000_000
        );
        let _ = writeln!(out, "{name}_count {count}");
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn one(out: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    head(out, name, kind, help);
    let _ = writeln!(out, "{name} {value}");
}

/// What the network counts: name, kind, help.
const NETWORK: [(&str, &str, &str); 14] = [
    (
        "chater_bytes_total",
        "counter",
        "Bytes of bodies by protocol and direction; what lies below is not in it.",
    ),
    (
        "chater_connections",
        "gauge",
        "Connections to nodes by transport and direction.",
    ),
    (
        "chater_dial_backs_total",
        "counter",
        "Addresses of linked nodes tried for them (AutoNAT).",
    ),
    (
        "chater_dial_failures_total",
        "counter",
        "Dials that failed, by reason.",
    ),
    ("chater_dials_total", "counter", "Dials begun."),
    (
        "chater_gossip_frames_total",
        "counter",
        "Gossip frames by verdict.",
    ),
    (
        "chater_hole_punches_total",
        "counter",
        "Attempts to open a direct connection in place of a relayed one.",
    ),
    (
        "chater_lan_found_total",
        "counter",
        "Nodes found on the LAN.",
    ),
    (
        "chater_lookups_total",
        "counter",
        "Nodes searched for through others (Kademlia).",
    ),
    (
        "chater_refused_total",
        "counter",
        "Inputs of nodes refused before the engine, by reason.",
    ),
    (
        "chater_relay_circuits",
        "gauge",
        "Connections of others passed on now.",
    ),
    (
        "chater_relay_circuits_total",
        "counter",
        "Connections of others passed on.",
    ),
    (
        "chater_relay_reservations",
        "gauge",
        "Nodes that can be reached through this one.",
    ),
    (
        "chater_streams_total",
        "counter",
        "Streams for pushes opened, by direction.",
    ),
];

fn network(out: &mut String, meters: &[Meter]) {
    for (name, kind, help) in NETWORK {
        let rows: Vec<&Meter> = meters.iter().filter(|meter| meter.name == name).collect();
        if rows.is_empty() && kind == "counter" {
            continue;
        }
        head(out, name, kind, help);
        if rows.is_empty() {
            let _ = writeln!(out, "{name} 0");
        }
        for row in rows {
            let _ = match row.labels {
                "" => writeln!(out, "{name} {}", row.value),
                labels => writeln!(out, "{name}{{{labels}}} {}", row.value),
            };
        }
    }
}

/// Prometheus text.
pub(crate) fn text(shared: &Shared) -> String {
    let c = &shared.counters;
    let mut out = String::new();
    for (name, help, value) in [
        (
            "chater_messages_sent_total",
            "Messages of this node's users committed.",
            &c.sent,
        ),
        (
            "chater_events_received_total",
            "Events of other nodes committed.",
            &c.received,
        ),
        (
            "chater_messages_delivered_total",
            "Messages acknowledged by other nodes.",
            &c.delivered,
        ),
        (
            "chater_events_rejected_total",
            "Events of other nodes refused.",
            &c.rejected,
        ),
        (
            "chater_gossip_rejected_total",
            "Frames of groups for which whoever brought them was blamed.",
            &c.blamed,
        ),
        (
            "chater_searches_total",
            "People searches of this node's users.",
            &c.searches,
        ),
        (
            "chater_queries_answered_total",
            "People queries of other nodes answered.",
            &c.queries_answered,
        ),
        (
            "chater_logins_failed_total",
            "Wrong passwords.",
            &c.logins_failed,
        ),
    ] {
        one(
            &mut out,
            name,
            "counter",
            help,
            value.load(Ordering::Relaxed),
        );
    }
    c.commits.write(
        &mut out,
        "chater_commit_seconds",
        "Durable turns of the writer: their work and their commit.",
    );
    let (links, relayed, dialling) = {
        let presence = lock(&shared.presence);
        let relayed = presence.links.keys();
        let relayed = relayed.filter(|peer| presence.relayed.contains_key(peer));
        (
            presence.links.len(),
            relayed.count(),
            presence.dialling.len(),
        )
    };
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    head(
        &mut out,
        "chater_links",
        "gauge",
        "Connected nodes by path.",
    );
    for (path, count) in [("direct", links - relayed), ("relay", relayed)] {
        let _ = writeln!(out, "chater_links{{path=\"{path}\"}} {count}");
    }
    one(
        &mut out,
        "chater_dialling",
        "gauge",
        "Typed addresses that have not answered.",
        number(dialling),
    );
    one(
        &mut out,
        "chater_sockets",
        "gauge",
        "People with a live page or socket.",
        number(shared.hub.listening().len()),
    );
    let file = std::fs::metadata(shared.config.data_dir.join("chater.redb"));
    one(
        &mut out,
        "chater_store_bytes",
        "gauge",
        "Size of the file with everything.",
        file.map_or(0, |file| file.len()),
    );
    if let Ok(node) = nodes::node(shared) {
        one(
            &mut out,
            "chater_events_waiting",
            "gauge",
            "Events of this node's people that other nodes have not acknowledged.",
            node.peers.iter().map(|peer| peer.waiting).sum(),
        );
        let away = node
            .peers
            .iter()
            .filter(|p| p.state != LinkState::Connected);
        one(
            &mut out,
            "chater_nodes_away",
            "gauge",
            "Known nodes that are not connected.",
            number(away.count()),
        );
    }
    letters(&mut out, shared);
    let [faults, closed] = shared.faults.counted();
    for (name, help, count) in [
        (
            "chater_node_faults_total",
            "Requests, events and frames of other nodes that were malformed or forged.",
            faults,
        ),
        (
            "chater_nodes_misbehaved_total",
            "Times that a node was closed for them.",
            closed,
        ),
    ] {
        one(&mut out, name, "counter", help, count);
    }
    for (name, help, count) in [
        (
            "chater_communities",
            "Communities this node is in.",
            shared.communities.all().len(),
        ),
        (
            "chater_nodes_blocked",
            "Nodes blocked by the owner or a list.",
            shared.blocks.all().len(),
        ),
        (
            "chater_only_listed_nodes",
            "1 while nodes on the owner's list alone are linked.",
            usize::from(shared.allow.only()),
        ),
        (
            "chater_nodes_asking",
            "Nodes that wait for the owner to link them.",
            shared.links.asking(),
        ),
    ] {
        one(&mut out, name, "gauge", help, number(count));
    }
    network(&mut out, &shared.network.meters());
    out
}

/// Mail kept for other nodes (S11).
fn letters(out: &mut String, shared: &Shared) {
    head(
        out,
        "chater_letters_total",
        "counter",
        "Letters for other nodes that were left here, by what became of them.",
    );
    for (what, counter) in ["kept", "refused", "collected"]
        .iter()
        .zip(&shared.counters.letters)
    {
        let value = counter.load(Ordering::Relaxed);
        let _ = writeln!(out, "chater_letters_total{{what=\"{what}\"}} {value}");
    }
    let clients = shared.store.read().and_then(|rows| mail::clients(&rows));
    let Ok(clients) = clients else { return };
    let served = clients.iter().filter(|(_, client)| !client.evicted).count();
    for (name, help, value) in [
        (
            "chater_mailboxes",
            "Nodes whose mail is kept here.",
            u64::try_from(served).unwrap_or(u64::MAX),
        ),
        (
            "chater_letters",
            "Letters that lie here.",
            clients.iter().map(|(_, client)| client.letters()).sum(),
        ),
        (
            "chater_letter_bytes",
            "Bytes of letters that lie here.",
            clients.iter().map(|(_, client)| client.bytes()).sum(),
        ),
    ] {
        one(out, name, "gauge", help, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_up_to_their_bound() {
        let times = Times::default();
        for micros in [100, 250, 251, 900_000, 60_000_000] {
            times.took(Duration::from_micros(micros));
        }
        let mut out = String::new();
        times.write(&mut out, "t", "help");
        for line in [
            "t_bucket{le=\"0.00025\"} 2",
            "t_bucket{le=\"0.0005\"} 3",
            "t_bucket{le=\"1\"} 4",
            "t_bucket{le=\"10\"} 4",
            "t_bucket{le=\"+Inf\"} 5",
            "t_sum 60.900601",
            "t_count 5",
        ] {
            assert!(out.lines().any(|l| l == line), "{line} in\n{out}");
        }
    }
}
