//! Communities over real nodes: five brought together by links, who finds whom, links that count no more, blocked
//! nodes, and an unknown node from a public address.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use chater_tests::{Answer, Frame, Person, TestNode, linked, story, texts, until, within};
use serde_json::json;

/// Nodes that take no part in `open`, each with its owner.
async fn closed(names: &[&str]) -> (Vec<TestNode>, Vec<Person>) {
    let (mut nodes, mut owners) = (Vec::new(), Vec::new());
    for name in names {
        let mut node = TestNode::named(name).without_limits();
        node.up().await;
        let owner = node.registers(&format!("human-{name}")).await;
        owner
            .api
            .call("PATCH", "/communities", Some(&json!({"open": false})))
            .await
            .expect(204);
        nodes.push(node);
        owners.push(owner);
    }
    (nodes, owners)
}

async fn founds(owner: &Person, name: &str) -> String {
    let made = owner.api.post("/communities", &json!({"name": name})).await;
    made.expect(201).json()["id"].as_str().unwrap().to_owned()
}

async fn invites(owner: &Person, community: &str, uses: u32) -> String {
    let path = format!("/communities/{community}/invites");
    let made = owner
        .api
        .post(&path, &json!({"uses": uses, "days": 7}))
        .await;
    made.expect(201).json()["link"].as_str().unwrap().to_owned()
}

async fn joins(owner: &Person, link: &str) -> Answer {
    owner
        .api
        .post("/communities/join", &json!({"link": link}))
        .await
}

/// Addresses that a search shows, once it shows as many as wanted or time is over.
async fn found(who: &Person, text: &str) -> BTreeSet<String> {
    let answer = who
        .api
        .get(&format!("/people?q={text}&wait_ms=1500"))
        .await
        .expect(200)
        .json();
    let rows = |group: &str| answer[group].as_array().cloned().unwrap_or_default();
    let all = rows("here").into_iter().chain(rows("elsewhere"));
    all.map(|row| row["address"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn addresses(of: &[Person]) -> BTreeSet<String> {
    of.iter().map(|person| person.address.clone()).collect()
}

/// Five nodes come together by links, made by the founder and by a member; a search sees all of them. Nobody else is
/// seen, and sees nothing. The founder's node may be gone.
#[test]
fn five_nodes_by_links_find_each_other_and_nobody_else_does() {
    story(120, async {
        let names = ["dom", "port", "lab", "sad", "les"];
        let (mut nodes, owners) = closed(&names).await;
        let (outside, stranger) = closed(&["ulitka"]).await;
        let yard = founds(&owners[0], "Двор").await;
        let link = invites(&owners[0], &yard, 2).await;
        for owner in &owners[1..3] {
            assert_eq!(
                joins(owner, &link).await.expect(200).json()["id"],
                yard.as_str()
            );
        }
        // Whoever is in may invite, and by commands it goes as well.
        let invited = nodes[1]
            .asks(&["invite", "--community", "Двор", "--uses", "2"])
            .await;
        assert_eq!(invited.code, Some(0), "{}", invited.err);
        let link = invited.out.trim();
        assert!(link.starts_with("chater:community/"), "{link}");
        for node in &nodes[3..5] {
            let joined = node.asks(&["join", link]).await;
            assert_eq!(joined.code, Some(0), "{}", joined.err);
            assert!(joined.out.contains("Двор"), "{}", joined.out);
        }
        // The outsider is linked to one of them, and in no community.
        let added = outside[0].asks(&["peers", "add", &nodes[0].p2p()]).await;
        assert_eq!(added.code, Some(0), "{}", added.err);
        linked(&owners[0], &stranger[0]).await;

        for owner in &owners {
            let others: BTreeSet<String> = addresses(&owners)
                .into_iter()
                .filter(|address| *address != owner.address)
                .collect();
            until(&format!("{} finds all", owner.nick), || async {
                (found(owner, "human").await == others).then_some(())
            })
            .await;
        }
        assert!(found(&stranger[0], "human").await.is_empty());
        // Linked among each other, not only through the one that invited.
        until("everybody knows a second node of the community", || async {
            for owner in &owners {
                let node = owner.api.get("/node").await.expect(200).json();
                let peers = node["peers"].as_array()?;
                let fellows = peers
                    .iter()
                    .filter(|peer| peer["communities"] == json!(["Двор"]));
                if fellows.count() < 2 {
                    return None;
                }
            }
            Some(())
        })
        .await;
        // The founder is gone: a person registered since is found all the same.
        nodes[0].kill9().await;
        let late = nodes[4].registers("late").await;
        until("found without the founder", || async {
            found(&owners[1], "late")
                .await
                .contains(&late.address)
                .then_some(())
        })
        .await;
    });
}

/// A link that was used up, taken back, or never made says so, to the page, the API and the command.
#[test]
fn links_that_count_no_more_say_why() {
    story(90, async {
        let (nodes, owners) = closed(&["dom", "port", "lab"]).await;
        let yard = founds(&owners[0], "Двор").await;
        let once = invites(&owners[0], &yard, 1).await;
        joins(&owners[1], &once).await.expect(200);
        // The same node again uses nothing up; another one comes too late.
        joins(&owners[1], &once).await.expect(200);
        let late = joins(&owners[2], &once).await.expect(422);
        assert_eq!(late.field(), "link");
        assert!(late.text().contains("used up"), "{}", late.text());
        let command = nodes[2].asks(&["join", &once]).await;
        assert_eq!(command.code, Some(1));
        assert!(command.err.contains("used up"), "{}", command.err);

        let taken_back = invites(&owners[0], &yard, 5).await;
        let all = owners[0].api.get("/communities").await.expect(200).json();
        let kept = &all["communities"][0]["invites"];
        assert_eq!(kept.as_array().map(Vec::len), Some(1));
        let path = format!(
            "/communities/{yard}/invites/{}",
            kept[0]["id"].as_str().unwrap()
        );
        owners[0].api.call("DELETE", &path, None).await.expect(204);
        let late = joins(&owners[2], &taken_back).await.expect(422);
        assert!(late.text().contains("taken back"), "{}", late.text());
        // Whoever does not own the node may nothing of this.
        let guest = nodes[0].registers("guest").await;
        for (method, path, body) in [
            ("GET", "/communities".to_owned(), None),
            (
                "POST",
                "/communities".to_owned(),
                Some(json!({"name": "x"})),
            ),
            (
                "PATCH",
                "/communities".to_owned(),
                Some(json!({"open": true})),
            ),
            ("DELETE", format!("/communities/{yard}"), None),
            (
                "POST",
                "/communities/join".to_owned(),
                Some(json!({"link": once})),
            ),
            (
                "POST",
                format!("/communities/{yard}/invites"),
                Some(json!({"uses": 1, "days": 1})),
            ),
            (
                "PUT",
                format!("/communities/{yard}/list"),
                Some(json!({"follow": true})),
            ),
            ("POST", format!("/communities/{yard}/list"), None),
            ("GET", "/peers".to_owned(), None),
            (
                "POST",
                format!("/peers/{}", owners[1].node_id),
                Some(json!({"action": "block"})),
            ),
        ] {
            let answer = guest.api.call(method, &path, body.as_ref()).await;
            assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text());
        }
        // Left, it is gone; the other two stay.
        owners[1]
            .api
            .call("DELETE", &format!("/communities/{yard}"), None)
            .await
            .expect(204);
        let left = owners[1].api.get("/communities").await.expect(200).json();
        assert_eq!(left["communities"], json!([]));
    });
}

/// A blocked node sees and reaches nothing new, by whatever way; taken back, what waited comes.
#[test]
fn a_blocked_node_sees_and_reaches_nothing_new() {
    story(120, async {
        let mut dom = TestNode::start("dom").await;
        let ann = dom.registers("ann").await;
        let port = TestNode::start_linked("port", &dom).await;
        let bob = port.registers("bob").await;
        linked(&ann, &bob).await;
        let chat = ann.opens(&bob).await;
        ann.sends(&chat, "before").await;
        until("it came", || async {
            texts(&bob, &chat)
                .await
                .contains(&"before".to_owned())
                .then_some(())
        })
        .await;
        let blocked = dom.asks(&["block", "port"]).await;
        assert_eq!(blocked.code, Some(0), "{}", blocked.err);
        until("the connection is closed", || async {
            let node = bob.api.get("/node").await.expect(200).json();
            let peers = node["peers"].as_array()?;
            peers
                .iter()
                .all(|peer| peer["state"] != "connected")
                .then_some(())
        })
        .await;
        // Somebody who comes now is not found there, and nothing passes, also after a restart.
        dom.registers("newcomer").await;
        ann.sends(&chat, "from ann").await;
        bob.sends(&chat, "from bob").await;
        dom.restart().await;
        assert!(found(&bob, "newcomer").await.is_empty());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(!texts(&bob, &chat).await.contains(&"from ann".to_owned()));
        assert!(!texts(&ann, &chat).await.contains(&"from bob".to_owned()));
        let decided = ann.api.get("/peers").await.expect(200).json();
        assert_eq!(decided["blocked"][0]["name"], "port");
        assert_eq!(decided["blocked"][0]["by_owner"], true);
        let undone = dom.asks(&["unblock", "port"]).await;
        assert_eq!(undone.code, Some(0), "{}", undone.err);
        within(Duration::from_secs(60), "what waited comes", || async {
            let there = texts(&bob, &chat).await.contains(&"from ann".to_owned());
            let here = texts(&ann, &chat).await.contains(&"from bob".to_owned());
            (there && here).then_some(())
        })
        .await;
    });
}

/// While the list of nodes alone counts, nobody else is linked; by command and API, over a restart, and back.
#[test]
fn only_listed_nodes_are_linked() {
    story(120, async {
        let mut dom = TestNode::start("dom").await;
        let ann = dom.registers("ann").await;
        let port = TestNode::start_linked("port", &dom).await;
        let lab = TestNode::start_linked("lab", &dom).await;
        let (bob, cid) = (port.registers("bob").await, lab.registers("cid").await);
        linked(&ann, &bob).await;
        linked(&ann, &cid).await;
        let chat = ann.opens(&bob).await;
        let states = || async {
            let node = ann.api.get("/node").await.expect(200).json();
            let peers = node["peers"].as_array().unwrap().clone();
            let connected = peers.iter().filter(|peer| peer["state"] == "connected");
            let names = connected.map(|peer| peer["name"].as_str().unwrap_or_default().to_owned());
            names.collect::<BTreeSet<_>>()
        };
        let path = format!("/peers/{}", lab.node_id());
        let allow = json!({"action": "allow"});
        ann.api.post(&path, &allow).await.expect(204);
        let only = dom.asks(&["allow", "--only", "on"]).await;
        assert_eq!(only.code, Some(0), "{}", only.err);
        assert!(only.out.contains("Only listed nodes: on") && only.out.contains("lab"));
        let alone = BTreeSet::from(["lab".to_owned()]);
        until("port is closed", || async {
            (states().await == alone).then_some(())
        })
        .await;
        ann.sends(&chat, "meanwhile").await;
        dom.restart().await;
        until("the guest is back", || async {
            (states().await == alone).then_some(())
        })
        .await;
        assert!(found(&ann, "bob").await.is_empty());
        assert!(!texts(&bob, &chat).await.contains(&"meanwhile".to_owned()));
        let decided = ann.api.get("/peers").await.expect(200).json();
        assert_eq!(decided["only_listed"], true);
        assert_eq!(decided["allowed"][0]["node_id"], lab.node_id().as_str());
        // The other one by its address, then everybody again: the list stays.
        let added = dom.asks(&["allow", &port.p2p()]).await;
        assert_eq!(added.code, Some(0), "{}", added.err);
        within(Duration::from_secs(60), "what waited comes", || async {
            let there = texts(&bob, &chat).await.contains(&"meanwhile".to_owned());
            there.then_some(())
        })
        .await;
        let off = json!({"only_listed": false});
        let answer = ann.api.call("PATCH", "/peers", Some(&off)).await;
        answer.expect(204);
        let gone = dom.asks(&["disallow", "lab"]).await;
        assert_eq!(gone.code, Some(0), "{}", gone.err);
        let list = dom.asks(&["allow"]).await;
        assert!(list.out.contains("off") && list.out.contains("port") && !list.out.contains("lab"));
    });
}

/// Two namespaces joined by a cable, with addresses that are nobody's private ones.
struct Internet([String; 2]);

fn ip(words: &str) -> Result<(), String> {
    let output = Command::new("ip")
        .args(words.split(' '))
        .output()
        .map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("ip {words}: {why}"))
}

impl Internet {
    fn new() -> Result<Self, String> {
        let tag = std::process::id() % 100_000;
        let net = Self([format!("chater-p{tag}"), format!("chater-q{tag}")]);
        let [a, b] = &net.0;
        ip(&format!("netns add {a}"))?;
        ip(&format!("netns add {b}"))?;
        ip(&format!(
            "link add cp{tag} netns {a} type veth peer name cq{tag} netns {b}"
        ))?;
        for (name, cable, address) in [
            (a, format!("cp{tag}"), "203.0.113.1/24"),
            (b, format!("cq{tag}"), "203.0.113.2/24"),
        ] {
            ip(&format!("-n {name} addr add {address} dev {cable}"))?;
            ip(&format!("-n {name} link set {cable} up"))?;
            ip(&format!("-n {name} link set lo up"))?;
        }
        Ok(net)
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        for name in &self.0 {
            let _ = ip(&format!("netns del {name}"));
        }
    }
}

async fn says(node: &TestNode, words: &[&str], what: &str) {
    within(Duration::from_secs(40), what, || async {
        let said = node.asks(words).await;
        said.out.contains(what).then_some(())
    })
    .await;
}

/// An unknown node from a public address waits until the owner says yes; the other side sees that it waits.
#[test]
fn an_unknown_node_from_a_public_address_waits_for_the_owner() {
    let net = match Internet::new() {
        Ok(net) => net,
        Err(why) => {
            assert!(
                std::env::var_os("CHATER_REQUIRE_NETNS").is_none(),
                "network namespaces are required: {why}"
            );
            println!("SKIPPED an_unknown_node_from_a_public_address: {why}");
            return;
        }
    };
    story(120, async {
        let [a, b] = &net.0;
        let mut dom = TestNode::named("dom").with(&["--no-mdns"]).inside(a);
        let mut port = TestNode::named("port").with(&["--no-mdns"]).inside(b);
        dom.up().await;
        port.up().await;
        let added = port
            .asks(&["peers", "add", "/ip4/203.0.113.1/tcp/5001"])
            .await;
        assert_eq!(added.code, Some(0), "{}", added.err);
        says(&dom, &["peers"], "asks to be linked").await;
        says(&port, &["peers"], "waits for its owner").await;
        let status = dom.asks(&["status"]).await;
        assert!(status.out.contains("0 / 0"), "{}", status.out);
        let linked = dom.asks(&["peers", "link", "port"]).await;
        assert_eq!(linked.code, Some(0), "{}", linked.err);
        says(&dom, &["peers"], "connected").await;
        says(&port, &["peers"], "connected").await;
        // Cut off, it waits again.
        let off = dom.asks(&["peers", "off", "port"]).await;
        assert_eq!(off.code, Some(0), "{}", off.err);
        says(&dom, &["peers"], "asks to be linked").await;
        // A link into a community is a yes, too.
        let made = dom.asks(&["community", "new", "yard"]).await;
        assert_eq!(made.code, Some(0), "{}", made.err);
        let invited = dom.asks(&["invite", "--community", "yard"]).await;
        dom.asks(&["peers", "link", "port"]).await;
        let joined = port.asks(&["join", invited.out.trim()]).await;
        assert_eq!(joined.code, Some(0), "{}", joined.err);
        says(&port, &["community"], "yard  connected: 1").await;
    });
}

/// The frames of the socket tell pages of the network that something changed.
#[test]
fn the_socket_tells_that_the_network_changed() {
    story(60, async {
        let dom = TestNode::start("dom").await;
        let ann = dom.registers("ann").await;
        let mut socket = ann.listens().await;
        let _port = TestNode::start_linked("port", &dom).await;
        while !matches!(socket.listener.next().await, Frame::Network) {}
    });
}
