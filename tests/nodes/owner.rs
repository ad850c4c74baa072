//! What the owner of a node does on its pages and by its API: the home network, the disk, people, the log. The stories of the
//! home network need network namespaces (root, `ip`, `nft`); without them they are listed as skipped, and
//! `CHATER_REQUIRE_NETNS=1` makes that a failure.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use chater_tests::{Answer, Api, PASSWORD, Person, TestNode, World, door_to, linked, story, until};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Where the node of the house is, for the phone.
const PLACE: &str = "192.168.7.1:5000";

/// Two hosts of one house: the computer of the node, and a phone.
struct House {
    _world: World,
    computer: String,
    phone: Api,
}

impl House {
    fn new(story: &str) -> Option<Self> {
        let mut world = World::or_skip(story)?;
        let lan = world.segment("lan");
        let (computer, phone) = (world.host("pc"), world.host("phone"));
        world.plug(&computer, &lan, "192.168.7.1/24");
        world.plug(&phone, &lan, "192.168.7.2/24");
        let place: SocketAddr = PLACE.parse().unwrap();
        Some(Self {
            computer,
            phone: Api::new(door_to(&phone, place)),
            _world: world,
        })
    }

    /// Asks from the phone, under a name of the node.
    async fn asks(&self, path: &str, host: &str) -> std::io::Result<Answer> {
        self.phone
            .request("GET", path, &[("Host", host)], b"")
            .await
    }

    /// Somebody tries to register at the phone.
    async fn registers(&self, nick: &str, code: Option<&str>) -> Answer {
        let body = json!({"nick": nick, "password": PASSWORD, "invite": code}).to_string();
        let headers = [("Host", PLACE), ("Content-Type", "application/json")];
        self.phone
            .request("POST", "/api/v1/users", &headers, body.as_bytes())
            .await
            .unwrap()
    }

    async fn is_open(&self) -> bool {
        self.asks("/healthz", PLACE).await.is_ok()
    }
}

async fn home(person: &Person) -> Value {
    person.api.get("/node/home").await.expect(200).json()
}

async fn switches(person: &Person, on: bool) -> Answer {
    let body = json!({"on": on});
    person.api.call("PUT", "/node/home", Some(&body)).await
}

#[test]
fn the_home_network_is_open_only_while_the_owner_wants_it() {
    let Some(house) = House::new("the_home_network_is_open_only_while_the_owner_wants_it") else {
        return;
    };
    story(120, async {
        let mut node = TestNode::named("dom").inside(&house.computer);
        node.up().await;
        assert!(!house.is_open().await, "closed unless somebody wants it");
        let owner = node.registers("ann").await;
        let guest = node.registers("bob").await;
        assert_eq!(home(&owner).await["on"], false);
        guest.api.get("/node/home").await.expect(403);
        switches(&guest, true).await.expect(403);
        assert!(!house.is_open().await);

        let opened = switches(&owner, true).await.expect(200).json();
        assert_eq!(opened["urls"], json!([format!("http://{PLACE}")]));
        assert_eq!(opened["faults"], json!([]));
        assert_eq!(house.asks("/login", PLACE).await.unwrap().status, 200);
        let status = node.asks(&["home"]).await;
        assert!(
            status.out.contains("Home network: on") && status.out.contains(PLACE),
            "{status:?}"
        );

        // Q17: names that are not ours get no page, this computer's own do.
        for stranger in [
            "evil.example",
            "evil.example:5000",
            "192.168.7.1.evil.example",
        ] {
            let answer = house.asks("/login", stranger).await.unwrap();
            assert_eq!(answer.status, 403, "{stranger}");
            assert!(!answer.text().contains("<form"), "{stranger}");
        }
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let own = format!("{}.local:5000", name.trim().to_lowercase());
        assert_eq!(
            house.asks("/login", &own).await.unwrap().status,
            200,
            "{own}"
        );

        // Q15: from now on people come by invitation, from the phone as well as here.
        assert_eq!(house.registers("cat", None).await.code(), "invite_needed");
        assert_eq!(
            node.tries_to_register("cat", PASSWORD).await.code(),
            "invite_needed"
        );
        let code = node.asks(&["invite", "--user"]).await;
        let code = code.out.lines().last().unwrap().trim().to_owned();
        house.registers("cat", Some(&code)).await.expect(201);

        // It outlives a restart.
        node.restart().await;
        until("open again", || async {
            house.is_open().await.then_some(())
        })
        .await;
        let owner = logs_in(&node, "ann").await;

        // Who is there when it is closed has to go.
        let mut kept = TcpStream::connect(house.phone.address).await.unwrap();
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {PLACE}\r\n\r\n");
        kept.write_all(request.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        kept.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        let closed = switches(&owner, false).await.expect(200).json();
        assert_eq!(
            (&closed["on"], &closed["urls"]),
            (&json!(false), &json!([]))
        );
        let mut rest = Vec::new();
        tokio::time::timeout(Duration::from_secs(10), kept.read_to_end(&mut rest))
            .await
            .expect("an open connection ends")
            .ok();
        assert!(!house.is_open().await);
        assert_eq!(home(&owner).await["on"], false, "the pages here stay");

        // By the command, too.
        let opened = node.asks(&["home", "on"]).await;
        assert_eq!(opened.code, Some(0), "{opened:?}");
        assert!(opened.out.contains(PLACE), "{opened:?}");
        assert!(house.is_open().await);
        node.asks(&["home", "off"]).await;
        assert!(!house.is_open().await);
    });
}

async fn logs_in(node: &TestNode, nick: &str) -> Person {
    let body = json!({"nick": nick, "password": PASSWORD});
    let answer = node.api().post("/sessions", &body).await.expect(201);
    Person::new(node, nick, &answer.json())
}

#[test]
fn the_first_from_another_machine_needs_the_code_of_the_terminal() {
    let Some(house) = House::new("the_first_from_another_machine_needs_the_code_of_the_terminal")
    else {
        return;
    };
    story(120, async {
        let mut node = TestNode::named("dom")
            .inside(&house.computer)
            .with(&["--home-network"]);
        node.up().await;
        until("open", || async { house.is_open().await.then_some(()) }).await;
        let run: Value =
            serde_json::from_slice(&std::fs::read(node.folder().join("run.json")).unwrap())
                .unwrap();
        let code = run["set_up_code"].as_str().expect("a code").to_owned();
        assert!(node.log().contains(&code), "{}", node.log());
        assert!(node.log().contains(PLACE), "{}", node.log());
        for wrong in [None, Some("abcd-efgh-ijkl")] {
            let answer = house.registers("ann", wrong).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "invite_needed")
            );
        }
        let page = house.asks("/setup", PLACE).await.unwrap().text();
        assert!(page.contains("name=\"code\""), "the form asks for it");
        let here = node.api().request("GET", "/setup", &[], b"").await.unwrap();
        assert!(
            !here.text().contains("name=\"code\""),
            "at this computer it does not"
        );
        let answer = house.registers("ann", Some(&code)).await.expect(201);
        assert_eq!(answer.json()["user"]["owner"], true, "{}", answer.text());
        assert_eq!(
            house.registers("eve", Some(&code)).await.status,
            403,
            "once"
        );

        // Set at the start: the page and the command do not change it.
        let mut owner = Person::new(&node, "ann", &answer.json());
        owner.api.address = node.web();
        let told = switches(&owner, false).await.expect(200).json();
        assert_eq!((&told["on"], &told["fixed"]), (&json!(true), &json!(true)));
        assert!(house.is_open().await);

        // Another node, and the first one sits at its computer: no code.
        node.down().await;
        let mut other = TestNode::named("dacha")
            .inside(&house.computer)
            .with(&["--home-network"]);
        other.up().await;
        other.registers("boris").await;
        assert!(!other.log().contains("correct horse"));
    });
}

/// The owner's log as codes.
async fn codes(owner: &Person) -> Vec<String> {
    let log = owner.api.get("/node/log").await.expect(200).json();
    let events = log["events"].as_array().unwrap().clone();
    let code = |event: &Value| event["code"].as_str().unwrap().to_owned();
    events.iter().map(code).collect()
}

#[test]
fn the_log_tells_what_happened_and_nothing_that_was_said() {
    story(120, async {
        let node = TestNode::start("dom").await;
        let owner = node.registers("ann").await;
        let guest = node.registers("bob").await;
        guest.api.get("/node/log").await.expect(403);
        let mut far = TestNode::start_linked("dacha", &node).await;
        let cat = far.registers("cat").await;
        linked(&owner, &cat).await;
        let chat = owner.opens(&cat).await;
        owner.sends(&chat, "the treasure lies under the oak").await;
        cat.sees("the treasure lies under the oak").await;
        owner.api.get("/people?q=zanzibar").await.expect(200);
        for _ in 0..8 {
            let body = json!({"nick": "hunter2", "password": "not the right one"});
            node.api().post("/sessions", &body).await;
        }
        let body = json!({"name": "Shore"});
        owner.api.post("/communities", &body).await.expect(201);
        far.kill9().await;
        until("the loss is told", || async {
            codes(&owner)
                .await
                .contains(&"lost".to_owned())
                .then_some(())
        })
        .await;
        let told = codes(&owner).await;
        for code in [
            "started",
            "owned",
            "registered",
            "linked",
            "lost",
            "logins-stopped",
            "founded",
        ] {
            assert!(told.contains(&code.to_owned()), "{code} in {told:?}");
        }
        assert_eq!(told.last().unwrap(), "started", "newest first: {told:?}");
        let text = owner.api.get("/node/log").await.expect(200).text();
        for secret in ["treasure", "zanzibar", "hunter2", PASSWORD, "cat"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(text.contains("dacha") && text.contains("Shore"), "{text}");
        let times = |log: &Value| {
            let events = log["events"].as_array().unwrap().clone();
            let of = events.into_iter().find(|it| it["code"] == "logins-stopped");
            of.unwrap()["times"].as_u64().unwrap()
        };
        let log = owner.api.get("/node/log").await.expect(200).json();
        assert!(times(&log) >= 3, "one line for many: {log}");
    });
}

#[test]
fn a_backup_made_on_the_page_is_a_whole_node() {
    story(120, async {
        let node = TestNode::start("dom").await;
        let owner = node.registers("ann").await;
        let guest = node.registers("bob").await;
        let chat = owner.opens(&guest).await;
        owner.sends(&chat, "kept").await;
        let tries = async |person: &Person, password: &str| {
            let body = json!({"password": password});
            person.api.post("/node/backups", &body).await
        };
        tries(&guest, PASSWORD).await.expect(403);
        guest.api.get("/node/backups").await.expect(403);
        let wrong = tries(&owner, "another password").await.expect(422);
        assert_eq!(wrong.field(), "password");
        tries(&owner, "").await.expect(422);
        let made = tries(&owner, PASSWORD).await.expect(201).json();
        let list = owner.api.get("/node/backups").await.expect(200).json();
        assert_eq!(list["backups"], json!([made]));
        let file = node
            .folder()
            .join("backups")
            .join(made["name"].as_str().unwrap());
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let storage = owner.api.get("/node/storage").await.expect(200).json();
        assert_eq!(storage["backups"], made["size"]);
        for kind in ["messages", "journal", "free"] {
            assert!(storage[kind].as_u64().unwrap() > 0, "{storage}");
        }
        guest.api.get("/node/storage").await.expect(403);

        // Three stay, however many are made.
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(1_100)).await;
            tries(&owner, PASSWORD).await.expect(201);
        }
        let list = owner.api.get("/node/backups").await.expect(200).json();
        assert_eq!(list["backups"].as_array().unwrap().len(), 3);
        let newest = list["backups"][0]["name"].as_str().unwrap().to_owned();
        let copy = node.folder().join("backups").join(&newest);

        let mut again = TestNode::named("dom");
        let restored = again.asks(&["restore", copy.to_str().unwrap()]).await;
        assert_eq!(restored.code, Some(0), "{restored:?}");
        again.up().await;
        let back = logs_in(&again, "ann").await;
        assert_eq!(back.newest(&chat).await[0]["text"], "kept");
    });
}

#[test]
fn whoever_has_used_up_their_room_reads_and_deletes() {
    story(120, async {
        let node = TestNode::start("dom").await;
        let owner = node.registers("ann").await;
        let guest = node.registers("bob").await;
        let path = format!("/node/people/{}", guest.user_id);
        let grants = async |person: &Person, mib: u64| {
            let body = json!({"quota_mib": mib});
            person.api.call("PATCH", &path, Some(&body)).await
        };
        grants(&guest, 10).await.expect(403);
        let refused = grants(&owner, 0).await.expect(422);
        assert_eq!(refused.field(), "room");
        let row = grants(&owner, 1).await.expect(200).json();
        assert_eq!(row["quota"], 1024 * 1024);
        let chat = guest.opens(&owner).await;
        let long = "я".repeat(8_000);
        let mut sent = Vec::new();
        let answer = loop {
            let answer = guest.tries_to_send(&chat, &json!({"text": long})).await;
            if answer.status == 429 {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
            if answer.status != 201 {
                break answer;
            }
            sent.push(answer.json()["message"]["id"].as_str().unwrap().to_owned());
            assert!(sent.len() < 100, "no bound");
        };
        assert_eq!((answer.status, answer.code().as_str()), (403, "quota"));
        assert!((60..=66).contains(&sent.len()), "{}", sent.len());
        owner.sends(&chat, "others write on").await;
        guest.sees("others write on").await;
        let people = owner.api.get("/node/people").await.expect(200).json();
        let row = &people["people"][1];
        assert_eq!(row["nick"], "bob");
        let used = row["used"].as_u64().unwrap();
        assert!((900_000..=1024 * 1024).contains(&used), "{used}");
        guest.api.get("/node/people").await.expect(403);

        let gone = format!("/chats/{chat}/messages/{}", sent[0]);
        let deleted = guest.api.call("DELETE", &gone, None).await;
        assert!((200..300).contains(&deleted.status), "{}", deleted.text());
        guest.sends(&chat, "there is room again").await;
        grants(&owner, 2).await.expect(200);
        guest
            .tries_to_send(&chat, &json!({"text": long}))
            .await
            .expect(201);
    });
}
