//! Two nodes on one network find each other with no settings at all (mDNS). Needs network namespaces (root and
//! `ip netns`); without them it is listed as skipped, and `CHATER_REQUIRE_NETNS=1` makes a skip a failure.

use std::process::Command;
use std::time::{Duration, Instant};

use chater_tests::{TestNode, story, within};

/// Two namespaces joined by a cable, taken away at the end.
struct Lan {
    names: [String; 2],
}

fn ip(words: &str) -> Result<(), String> {
    let output = Command::new("ip")
        .args(words.split(' '))
        .output()
        .map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "ip {words}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

impl Lan {
    fn new() -> Result<Self, String> {
        let tag = std::process::id() % 100_000;
        let lan = Self {
            names: [format!("chater-a{tag}"), format!("chater-b{tag}")],
        };
        let [a, b] = &lan.names;
        let (from, to) = (format!("ca{tag}"), format!("cb{tag}"));
        ip(&format!("netns add {a}"))?;
        ip(&format!("netns add {b}"))?;
        ip(&format!(
            "link add {from} netns {a} type veth peer name {to} netns {b}"
        ))?;
        for (name, cable, address) in [(a, &from, "10.77.0.1/24"), (b, &to, "10.77.0.2/24")] {
            ip(&format!("-n {name} addr add {address} dev {cable}"))?;
            ip(&format!("-n {name} link set {cable} up"))?;
            ip(&format!("-n {name} link set lo up"))?;
            ip(&format!("-n {name} route add default dev {cable}"))?;
        }
        Ok(lan)
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = ip(&format!("netns del {name}"));
        }
    }
}

#[test]
fn two_nodes_on_one_network_find_each_other() {
    let lan = match Lan::new() {
        Ok(lan) => lan,
        Err(why) => {
            assert!(
                std::env::var_os("CHATER_REQUIRE_NETNS").is_none(),
                "no network namespaces: {why}"
            );
            println!("SKIPPED two_nodes_on_one_network_find_each_other: {why}");
            return;
        }
    };
    story(90, async {
        // No options about the network: what a person at home has.
        let mut a = TestNode::named("dom").inside(&lan.names[0]);
        let mut b = TestNode::named("dacha").inside(&lan.names[1]);
        a.up().await;
        b.up().await;
        let started = Instant::now();
        // The pages answer inside the namespaces only; the control socket is a file.
        for (node, other) in [(&a, &b), (&b, &a)] {
            within(
                Duration::from_secs(30),
                &format!("{} finds {}", node.name, other.name),
                || async {
                    let peers = node.asks(&["peers"]).await;
                    peers
                        .out
                        .lines()
                        .any(|line| line.contains(&other.name) && line.contains("connected"))
                        .then_some(())
                },
            )
            .await;
        }
        println!("found over the local network after {:?}", started.elapsed());
        assert_eq!(a.down().await.code, Some(0));
        assert_eq!(b.down().await.code, Some(0));
    });
}
