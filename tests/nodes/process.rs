//! The process: how it starts, refuses to start, stops, and what it leaves on the disk.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use chater_tests::{Ended, PASSWORD, TestNode, story, within};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};

/// Every file below a folder, with what is in it.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(contents(&entry.path()));
        } else if entry.file_type().unwrap().is_file() {
            found.insert(entry.path(), std::fs::read(entry.path()).unwrap());
        }
    }
    found
}

/// One clear sentence on stderr, exit 1, and nothing on stdout.
fn refused(ended: &Ended, word: &str) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let lines: Vec<&str> = ended
        .err
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    assert_eq!(lines.len(), 1, "one sentence: {ended:?}");
    assert!(lines[0].contains(word), "{word:?} in {:?}", lines[0]);
    assert_eq!(ended.out, "", "{ended:?}");
    assert!(ended.took < Duration::from_secs(10), "{ended:?}");
}

#[test]
fn the_start_says_what_to_open_and_run_json_how_to_find_it() {
    story(60, async {
        let mut node = TestNode::start("dom").await;
        let log = node.log();
        assert!(
            log.contains(&format!("Open http://localhost:{}", node.web().port())),
            "{log}"
        );
        assert!(
            log.contains(&format!("Data: {}", node.folder().display())),
            "{log}"
        );
        let run: serde_json::Value =
            serde_json::from_slice(&std::fs::read(node.folder().join("run.json")).unwrap())
                .unwrap();
        assert_eq!(run["pid"], node.pid());
        assert_eq!(run["name"], "dom");
        for key in ["version", "node_id"] {
            assert!(run[key].is_string(), "{run}");
        }
        assert!(node.node_id().starts_with("12D3KooW"));
        assert!(node.p2p().ends_with(&node.node_id()), "{}", node.p2p());
        assert_eq!(
            node.api()
                .request("GET", "/healthz", &[], b"")
                .await
                .unwrap()
                .status,
            200
        );

        let ended = node.down().await;
        assert_eq!(ended.code, Some(0));
        assert!(ended.took < Duration::from_secs(5), "{ended:?}");
        assert!(!node.folder().join("run.json").exists());
        assert!(!node.folder().join("control.sock").exists());
    });
}

#[test]
fn a_second_start_names_the_first_and_changes_nothing() {
    story(60, async {
        let mut node = TestNode::start("dom").await;
        let before = std::fs::read(node.folder().join("node.key")).unwrap();
        refused(
            &node.run_command(node.command()).await,
            &format!("localhost:{}", node.web().port()),
        );
        assert_eq!(
            std::fs::read(node.folder().join("node.key")).unwrap(),
            before
        );
        assert!(node.is_up());
        node.registers("alice").await;
    });
}

#[test]
fn a_taken_port_is_named_and_nothing_is_made() {
    story(60, async {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let node = TestNode::named("dom").with(&["--web-addr", &format!("127.0.0.1:{port}")]);
        let ended = node.run_command(node.command()).await;
        refused(&ended, &port.to_string());
        assert!(ended.err.contains("--web-addr"), "{ended:?}");
        assert!(!node.folder().exists());

        let node =
            TestNode::named("dom").with(&["--p2p-addr", &format!("/ip4/127.0.0.1/tcp/{port}")]);
        let ended = node.run_command(node.command()).await;
        refused(&ended, &port.to_string());
        assert!(!node.folder().exists());
    });
}

#[test]
fn a_folder_that_cannot_be_is_named() {
    story(60, async {
        let base = tempfile::tempdir().unwrap();
        std::fs::write(base.path().join("file"), "mine").unwrap();
        let node = TestNode::named("dom");
        // Root may write everywhere but here.
        for folder in [
            base.path().join("file"),
            base.path().join("file/below"),
            PathBuf::from("/proc/chater"),
        ] {
            let mut command = Command::new(chater_tests::binary());
            command
                .args([
                    "--language",
                    "en",
                    "--no-mdns",
                    "--web-addr",
                    "127.0.0.1:0",
                    "--data-dir",
                ])
                .arg(&folder);
            refused(&node.run_command(command).await, "--data-dir");
        }
        assert_eq!(std::fs::read(base.path().join("file")).unwrap(), b"mine");
    });
}

#[test]
fn newer_data_is_left_as_it_is() {
    story(60, async {
        const META: TableDefinition<&[u8], &[u8]> = TableDefinition::new("meta_v1");
        let mut node = TestNode::start("dom").await;
        node.registers("alice").await;
        node.down().await;
        let file = node.folder().join("chater.redb");
        {
            let database = Database::open(&file).unwrap();
            let transaction = database.begin_write().unwrap();
            {
                let mut table = transaction.open_table(META).unwrap();
                let schema = table
                    .get(&b"schema"[..])
                    .unwrap()
                    .expect("the store has a schema")
                    .value()
                    .to_vec();
                let newer = vec![0x7f; schema.len()];
                table.insert(&b"schema"[..], newer.as_slice()).unwrap();
            }
            transaction.commit().unwrap();
            let check = database.begin_read().unwrap();
            assert!(check.open_table(META).is_ok());
        }
        let before = contents(node.folder());
        let ended = node.run_command(node.command()).await;
        refused(&ended, "newer");
        assert!(contents(node.folder()) == before, "a file was touched");
    });
}

#[test]
fn sigterm_under_load_keeps_what_was_acknowledged() {
    story(90, async {
        let mut node = TestNode::named("dom").without_limits();
        node.up().await;
        let (alice, bob) = (node.registers("alice").await, node.registers("bob").await);
        let chat = alice.opens(&bob).await;
        let mut socket = alice.listens().await;
        let to = chat.clone();
        let work = tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for round in 0.. {
                for n in 0..50 {
                    let text = format!("{round}-{n}");
                    if socket
                        .speaker
                        .feed_message(&to, &text, &text)
                        .await
                        .is_err()
                    {
                        return (acknowledged, 1006);
                    }
                }
                if socket.speaker.flush().await.is_err() {
                    return (acknowledged, 1006);
                }
                for _ in 0..50 {
                    match socket.listener.next().await {
                        chater_tests::Frame::Reply { id, .. } => {
                            acknowledged.push(id.as_str().unwrap().to_owned())
                        }
                        chater_tests::Frame::Closed(code) => return (acknowledged, code),
                        _ => {}
                    }
                }
            }
            unreachable!()
        });
        within(Duration::from_secs(20), "a flood", || async {
            (alice.newest(&chat).await.len() == 200).then_some(())
        })
        .await;
        let ended = node.down().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.took < Duration::from_secs(5), "{ended:?}");
        let (acknowledged, code) = work.await.unwrap();
        assert!([1001, 1006].contains(&code), "{code}");
        node.up().await;
        let history = bob.history(&chat).await;
        let texts: std::collections::BTreeSet<&str> = history
            .iter()
            .filter_map(|message| message["text"].as_str())
            .collect();
        assert!(acknowledged.len() >= 200);
        for text in &acknowledged {
            assert!(
                texts.contains(text.as_str()),
                "{text} of {}",
                acknowledged.len()
            );
        }
    });
}

#[test]
fn a_stale_run_json_hinders_nobody() {
    story(60, async {
        let mut node = TestNode::start("dom").await;
        node.kill9().await;
        assert!(node.folder().join("run.json").exists());
        let ended = node.asks(&["status"]).await;
        refused(&ended, "No node runs");
        node.up().await;
        std::fs::write(node.folder().join("run.json"), "nonsense").unwrap();
        node.kill9().await;
        node.up().await;
        assert_eq!(node.asks(&["status"]).await.code, Some(0));
    });
}

#[test]
fn the_data_folder_is_closed_to_others() {
    story(60, async {
        let mut node = TestNode::start("dom").await;
        let alice = node.registers("alice").await;
        let bob = node.registers("bob").await;
        alice.sends(&alice.opens(&bob).await, "hi").await;
        let mode = |path: &Path| std::fs::symlink_metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(node.folder()), 0o700);
        for entry in std::fs::read_dir(node.folder()).unwrap().flatten() {
            let wanted = if entry.path().is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(&entry.path()), wanted, "{}", entry.path().display());
        }
        node.down().await;
        let key = node.folder().join("node.key");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
        refused(&node.run_command(node.command()).await, "chmod 600");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let good = std::fs::read(&key).unwrap();
        std::fs::write(&key, &good[..31]).unwrap();
        refused(&node.run_command(node.command()).await, "node.key");
        std::fs::remove_file(&key).unwrap();
        refused(&node.run_command(node.command()).await, "node.key");
        assert!(
            !key.exists(),
            "a key that is gone is not replaced while there is data"
        );
        std::fs::write(&key, &good).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        node.up().await;
        bob.sees("hi").await;
    });
}

#[test]
fn no_word_and_no_password_stands_in_the_files() {
    story(90, async {
        let mut dom = TestNode::start("dom").await;
        let mut dacha = TestNode::start_linked("dacha", &dom).await;
        let (alice, bob) = (dom.registers("alice").await, dacha.registers("bob").await);
        let chat = alice.opens(&bob).await;
        alice.sends(&chat, "xylophone-mitgift-куропатка").await;
        bob.sees("xylophone-mitgift-куропатка").await;
        let words = [
            "xylophone-mitgift",
            "куропатка",
            PASSWORD,
            alice.token(),
            bob.token(),
        ]
        .map(str::to_owned);
        for node in [&mut dom, &mut dacha] {
            node.down().await;
            let key = std::fs::read(node.folder().join("node.key")).unwrap();
            for (path, bytes) in contents(node.folder()) {
                for word in &words {
                    let found = bytes
                        .windows(word.len())
                        .any(|window| window == word.as_bytes());
                    assert!(!found, "{word:?} stands in {}", path.display());
                }
                let copied = !path.ends_with("node.key")
                    && bytes.windows(key.len()).any(|window| window == key);
                assert!(!copied, "the key stands in {}", path.display());
            }
            for word in &words {
                assert!(
                    !node.log().contains(word.as_str()),
                    "{word:?} stands in the log"
                );
            }
        }
    });
}

#[test]
fn wrong_settings_are_named() {
    story(60, async {
        for (settings, word) in [
            ("colour = \"red\"\n", "colour"),
            ("[limits]\nmessages = 1\n", "limits.messages"),
            ("language = \"fr\"\n", "language"),
            ("web_addr = \"127.0.0.1:99999\"\n", "web_addr"),
            ("name = \n", "chater.toml"),
        ] {
            let node = TestNode::named("dom").with_settings(settings);
            let mut command = Command::new(chater_tests::binary());
            command
                .env_clear()
                .arg("--data-dir")
                .arg(node.folder())
                .args(["--no-mdns", "--p2p-addr", "/ip4/127.0.0.1/tcp/0"]);
            let ended = node.run_command(command).await;
            refused(&ended, word);
            let left: Vec<_> = std::fs::read_dir(node.folder())
                .unwrap()
                .flatten()
                .map(|entry| entry.file_name())
                .collect();
            assert_eq!(left, ["chater.toml"], "nothing is touched");
        }
    });
}

#[test]
fn commands_speak_to_the_running_node() {
    story(90, async {
        let dom = TestNode::start("dom").await;
        let dacha = TestNode::start("dacha").await;
        let (alice, bob) = (dom.registers("alice").await, dacha.registers("bob").await);
        let status = dom.asks(&["status"]).await;
        assert_eq!(status.code, Some(0), "{status:?}");
        assert!(
            status.out.contains(&dom.node_id()) && status.out.contains("running"),
            "{status:?}"
        );
        let users = dom.asks(&["user", "list"]).await;
        assert!(
            users.out.contains("alice") && users.out.contains("owner"),
            "{users:?}"
        );

        let link = dom.asks(&["invite"]).await;
        assert!(link.out.starts_with("chater:12D3KooW"), "{link:?}");
        let joined = dacha.asks(&["join", link.out.trim()]).await;
        assert_eq!(joined.code, Some(0), "{joined:?}");
        chater_tests::linked(&alice, &bob).await;
        let peers = dacha.asks(&["peers"]).await;
        assert!(
            peers.out.contains("dom") && peers.out.contains("connected"),
            "{peers:?}"
        );
        refused(
            &dacha.asks(&["join", "http://example.org"]).await,
            "invitation",
        );
        refused(&dacha.asks(&["peers", "add", "nonsense"]).await, "refused");
        let doctor = dom.asks(&["doctor"]).await;
        assert!(doctor.out.contains('✓'), "{doctor:?}");
    });
}

#[test]
fn a_lost_password_is_set_anew() {
    story(90, async {
        use std::io::Write as _;
        let node = TestNode::start("dom").await;
        let alice = node.registers("alice").await;
        let mut command = Command::new(chater_tests::binary());
        command
            .args(["user", "password", "alice", "--data-dir"])
            .arg(node.folder())
            .stdin(std::process::Stdio::piped());
        let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(b"a new long password\n")
            .unwrap();
        assert!(
            tokio::task::spawn_blocking(move || child.wait())
                .await
                .unwrap()
                .unwrap()
                .success()
        );
        let login = |password: &str| serde_json::json!({"nick": "alice", "password": password});
        assert_eq!(
            node.api().post("/sessions", &login(PASSWORD)).await.status,
            401
        );
        assert_eq!(
            node.api()
                .post("/sessions", &login("a new long password"))
                .await
                .status,
            201
        );
        drop(alice);
    });
}

#[test]
fn a_backup_of_a_running_node_lives_elsewhere() {
    story(90, async {
        let mut node = TestNode::start("dom").await;
        let (alice, bob) = (node.registers("alice").await, node.registers("bob").await);
        let chat = alice.opens(&bob).await;
        alice.sends(&chat, "keep this").await;
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("copy");
        let words = file.to_str().unwrap().to_owned();
        let backup = node.asks(&["backup", &words]).await;
        assert_eq!(backup.code, Some(0), "{backup:?}");
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        refused(&node.asks(&["backup", &words]).await, "exists");
        refused(&node.asks(&["restore", &words]).await, "running");
        node.down().await;

        let mut other = TestNode::named("dom");
        let restored = other.asks(&["restore", &words]).await;
        assert_eq!(restored.code, Some(0), "{restored:?}");
        other.up().await;
        assert_eq!(other.node_id(), node.node_id());
        let login = serde_json::json!({"nick": "bob", "password": PASSWORD});
        let answer = other.api().post("/sessions", &login).await.expect(201);
        chater_tests::Person::new(&other, "bob", &answer.json())
            .sees("keep this")
            .await;
    });
}

#[test]
fn strange_and_long_folders_work() {
    story(90, async {
        for name in ["with spaces and ёжик".to_owned(), "x".repeat(130)] {
            let mut node = TestNode::named("dom").in_folder(&name);
            node.up().await;
            assert_eq!(node.asks(&["status"]).await.code, Some(0), "{name}");
            assert_eq!(node.down().await.code, Some(0));
        }
    });
}

#[test]
fn an_invite_code_opens_a_closed_door_once() {
    story(90, async {
        let mut node = TestNode::named("dom").with(&["--registration", "invite"]);
        node.up().await;
        node.registers("owner").await;
        assert_eq!(node.tries_to_register("alice", PASSWORD).await.status, 403);
        let code = node.asks(&["invite", "--user"]).await;
        let code = code.out.lines().last().unwrap().trim().to_owned();
        let with =
            |nick: &str| serde_json::json!({"nick": nick, "password": PASSWORD, "invite": code});
        assert_eq!(node.api().post("/users", &with("alice")).await.status, 201);
        assert_ne!(node.api().post("/users", &with("boris")).await.status, 201);
    });
}
