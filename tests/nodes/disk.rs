//! A disk without room, under a real node: a small file system in a mount namespace of the test's own. Nothing that
//! was acknowledged is lost, the refusals say why, and the node goes on by itself when there is room again (D05, D06).

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chater_tests::{PASSWORD, Person, TestNode, binary, linked, story, until};
use serde_json::{Value, json};

/// Says to the inner test where its small disk is.
const DISK: &str = "SMALL_DISK";
/// Messages of the flood.
const MANY: usize = 800;

/// Runs one of the ignored tests below on a disk of so many MiB, if this machine allows it.
fn on_small_disk(test: &str, mib: u32) {
    let program = binary().to_owned();
    let folder = tempfile::tempdir().expect("a folder");
    let may = Command::new("unshare")
        .args(["--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(folder.path())
        .output()
        .is_ok_and(|done| done.status.success());
    if !may {
        assert!(
            std::env::var_os("CHATER_REQUIRE_NETNS").is_none(),
            "{test}: no mount namespace"
        );
        println!("SKIPPED {test}: no rights for a mount namespace");
        return;
    }
    // Private: the mount ends with the last process that sees it.
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-ec"])
        .arg(r#"mount -t tmpfs -o size="$1" tmpfs "$2"; shift 2; exec "$@""#)
        .arg("sh")
        .arg(format!("{mib}m"))
        .arg(folder.path())
        .arg(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            &format!(
                "{}::{test}",
                module_path!().split_once("::").map_or("", |(_, here)| here)
            ),
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DISK, folder.path())
        .env("CHATER_BIN", program)
        .status();
    assert!(status.is_ok_and(|status| status.success()), "{test}");
}

fn disk() -> PathBuf {
    std::env::var_os(DISK)
        .expect("started by the test of the same name")
        .into()
}

/// A node whose data is on the small disk.
fn on(disk: &Path, name: &str) -> TestNode {
    let folder = disk.join("data");
    TestNode::named(name)
        .in_folder(folder.to_str().expect("a plain path"))
        .without_limits()
}

async fn health(node: &TestNode) -> u16 {
    let api = node.api();
    let answer = api.request("GET", "/healthz", &[], b"").await;
    answer.expect("an answer").status
}

fn words(messages: &[Value]) -> Vec<String> {
    let text = |message: &Value| message["text"].as_str().unwrap_or_default().to_owned();
    messages.iter().map(text).collect()
}

async fn texts(person: &Person, chat: &str) -> Vec<String> {
    words(&person.newest(chat).await)
}

/// Fills the disk but for so many bytes.
fn fill(disk: &Path, leave: u64) -> PathBuf {
    let path = disk.join("filler");
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .unwrap();
    // To the last byte, then back: whole pages count.
    let piece = vec![1u8; 64 * 1024];
    let mut size = piece.len();
    while size >= 4_096 {
        if file.write_all(&piece[..size]).is_err() {
            size /= 2;
        }
    }
    let len = file.metadata().unwrap().len();
    file.set_len(len.saturating_sub(leave)).unwrap();
    path
}

/// Logs ann in as a browser does; gives the cookie.
async fn browses(node: &TestNode) -> String {
    let body = format!("nick=ann&password={}", PASSWORD.replace(' ', "+"));
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Sec-Fetch-Site", "same-origin"),
    ];
    let answer = node
        .api()
        .request("POST", "/login", &headers, body.as_bytes())
        .await;
    let answer = answer.expect("an answer");
    let line = answer.header("set-cookie").expect("a session");
    line.split(';').next().unwrap_or_default().to_owned()
}

/// The list of chats as that browser gets it.
async fn page(node: &TestNode, cookie: &str) -> String {
    let headers = [("Cookie", cookie)];
    let answer = node.api().request("GET", "/", &headers, b"").await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 200);
    answer.text().to_string()
}

#[test]
fn a_full_disk_refuses_and_goes_on() {
    on_small_disk("a_full_disk_refuses_and_goes_on_inside", 24);
}

#[test]
#[ignore = "needs a small disk: run by the test of the same name"]
fn a_full_disk_refuses_and_goes_on_inside() {
    let disk = disk();
    story(120, async move {
        let mut dom = on(&disk, "dom");
        dom.up().await;
        let far = TestNode::start_linked("far", &dom).await;
        let (ann, bob) = (dom.registers("ann").await, far.registers("bob").await);
        linked(&ann, &bob).await;
        let chat = ann.opens(&bob).await;
        ann.sends(&chat, "before").await;
        bob.sees("before").await;

        let cookie = browses(&dom).await;
        let hidden = "data-full hidden";
        assert!(page(&dom, &cookie).await.contains(hidden));
        let filler = fill(&disk, 512 * 1024);
        // Every page of the owner says so, and leads to what takes the room.
        let shown = page(&dom, &cookie).await;
        assert!(shown.contains("href=\"/settings/node\"") && !shown.contains(hidden));
        for n in 0..8 {
            let body = json!({"text": format!("refused {n}"), "client_id": format!("r{n}")});
            let answer = ann.tries_to_send(&chat, &body).await.expect(503);
            assert_eq!(answer.code(), "storage_full");
            assert!(answer.header("retry-after").is_some());
            assert!(answer.text().contains("disk"), "{}", answer.text());
        }
        until("/healthz says so", || async {
            (health(&dom).await == 503).then_some(())
        })
        .await;
        // What is there is read as ever.
        assert_eq!(texts(&ann, &chat).await, ["before"]);
        // The other node's message waits over there.
        let theirs = bob.sends(&chat, "from afar").await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let waiting = bob.newest(&chat).await;
        assert_eq!(waiting.last().unwrap()["state"], "stored");

        // A start while it is full: reading works, writing says why.
        dom.kill9().await;
        dom.up().await;
        assert_eq!(texts(&ann, &chat).await, ["before"]);
        ann.tries_to_send(&chat, &json!({"text": "no"}))
            .await
            .expect(503);

        std::fs::remove_file(filler).unwrap();
        until("the node writes again", || async {
            let body = json!({"text": "after", "client_id": "after"});
            (ann.tries_to_send(&chat, &body).await.status < 300).then_some(())
        })
        .await;
        bob.sees("after").await;
        ann.sees("from afar").await;
        bob.sees_state(&chat, &theirs, "delivered").await;
        for person in [&ann, &bob] {
            let mut texts = texts(person, &chat).await;
            texts.sort();
            assert_eq!(texts, ["after", "before", "from afar"]);
        }
        assert_eq!(health(&dom).await, 200);
        assert_eq!(dom.down().await.code, Some(0));
    });
}

#[test]
fn a_disk_that_fills_and_empties_loses_nothing_acknowledged() {
    on_small_disk(
        "a_disk_that_fills_and_empties_loses_nothing_acknowledged_inside",
        32,
    );
}

#[test]
#[ignore = "needs a small disk: run by the test of the same name"]
fn a_disk_that_fills_and_empties_loses_nothing_acknowledged_inside() {
    let disk = disk();
    story(180, async move {
        let mut dom = on(&disk, "dom");
        dom.up().await;
        let (ann, eve) = (dom.registers("ann").await, dom.registers("eve").await);
        let chat = ann.opens(&eve).await;
        // The filler takes all there is while the node writes: commits fail in the middle.
        let stop = Arc::new(AtomicBool::new(false));
        let filling = std::thread::spawn({
            let (stop, disk) = (stop.clone(), disk.clone());
            move || {
                let mut rounds = 0;
                while !stop.load(Ordering::Relaxed) {
                    let path = fill(&disk, 0);
                    std::thread::sleep(Duration::from_millis(30));
                    std::fs::remove_file(path).unwrap();
                    std::thread::sleep(Duration::from_millis(300));
                    rounds += 1;
                }
                rounds
            }
        });
        let (mut kept, mut refused) = (Vec::new(), 0);
        let pad = "x".repeat(2_000);
        for n in 0..MANY {
            let text = format!("{n} {pad}");
            let answer = ann.tries_to_send(&chat, &json!({"text": text})).await;
            match answer.status {
                201 => kept.push(text),
                503 => {
                    let code = answer.code();
                    assert!(
                        code == "storage_full" || code == "storage_failed",
                        "{}",
                        answer.text()
                    );
                    refused += 1;
                }
                other => panic!("{other}: {}", answer.text()),
            }
        }
        stop.store(true, Ordering::Relaxed);
        let rounds = filling.join().unwrap();
        let broken = dom.log().matches("the store does not work").count();
        println!(
            "full {rounds} times: {} kept, {refused} refused, {broken} failures of the store",
            kept.len()
        );
        assert!(refused > 0 && kept.len() > MANY / 4);
        until("the node writes again", || async {
            let body = json!({"text": "the end", "client_id": "end"});
            (ann.tries_to_send(&chat, &body).await.status < 300).then_some(())
        })
        .await;
        for round in 0..2 {
            let texts: Vec<String> = words(&eve.history(&chat).await);
            for text in &kept {
                let times = texts.iter().filter(|found| *found == text).count();
                assert_eq!(times, 1, "round {round}: {}", &text[..8]);
            }
            assert_eq!(texts.last().map(String::as_str), Some("the end"));
            if round == 0 {
                // And on the disk.
                dom.kill9().await;
                dom.up().await;
            }
        }
    });
}

/// D06: the n-th write or sync of the running node fails, by `strace`, again and again.
#[test]
fn failed_writes_and_syncs_lose_nothing_acknowledged() {
    let strace = Command::new("strace").arg("-V").output();
    if !strace.is_ok_and(|done| done.status.success()) {
        println!("SKIPPED failed_writes_and_syncs_lose_nothing_acknowledged: no strace");
        return;
    }
    story(240, async {
        let mut dom = TestNode::named("dom").without_limits();
        dom.up().await;
        let (ann, eve) = (dom.registers("ann").await, dom.registers("eve").await);
        let chat = ann.opens(&eve).await;
        let faults = [
            "pwrite64:error=ENOSPC:when=3+297",
            "fdatasync:error=EIO:when=2+31",
            "pwrite64:error=EIO:when=11+411",
        ];
        let (mut kept, mut refused) = (Vec::new(), 0);
        for (round, fault) in faults.iter().enumerate() {
            let mut tracer = Command::new("strace")
                .args([
                    "-f",
                    "-qq",
                    "-o",
                    "/dev/null",
                    "-e",
                    "trace=pwrite64,fdatasync",
                    "-e",
                ])
                .arg(format!("inject={fault}"))
                .arg("-p")
                .arg(dom.pid().to_string())
                .spawn()
                .expect("strace");
            let traced = format!("/proc/{}/status", dom.pid());
            let attached = until("strace is attached", || {
                let ended = tracer.try_wait().expect("a process").is_some();
                let status = std::fs::read_to_string(&traced).unwrap_or_default();
                let tracing = status
                    .lines()
                    .any(|line| line.starts_with("TracerPid") && !line.trim_end().ends_with("\t0"));
                std::future::ready((ended || tracing).then_some(tracing))
            })
            .await;
            if !attached {
                println!(
                    "SKIPPED failed_writes_and_syncs_lose_nothing_acknowledged: no rights to trace"
                );
                return;
            }
            for n in 0..60 {
                let text = format!("{round}-{n}");
                let answer = ann.tries_to_send(&chat, &json!({"text": text})).await;
                match (answer.status, answer.code().as_str()) {
                    (201, _) => kept.push(text),
                    (503, "storage_full" | "storage_failed") => {
                        refused += 1;
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    _ => panic!("{}: {}", answer.status, answer.text()),
                }
            }
            // Detached by its end; the node goes on.
            tracer.kill().expect("a signal");
            tracer.wait().expect("a process");
            until("the node writes again", || async {
                let body =
                    json!({"text": format!("whole {round}"), "client_id": format!("w{round}")});
                (ann.tries_to_send(&chat, &body).await.status < 300).then_some(())
            })
            .await;
        }
        println!("{} kept, {refused} refused", kept.len());
        assert!(refused >= 3 && kept.len() > 60);
        for round in 0..2 {
            let texts = words(&eve.history(&chat).await);
            for text in &kept {
                let times = texts.iter().filter(|found| *found == text).count();
                assert_eq!(times, 1, "round {round}: {text}");
            }
            if round == 0 {
                dom.kill9().await;
                dom.up().await;
            }
        }
    });
}
