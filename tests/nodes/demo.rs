//! `scripts/demo`, as a person runs it: three addresses answer, and Ctrl+C leaves neither a process nor a file.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chater_tests::{Api, binary, story, within};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

/// Ends the script and all it started, also when the test fails.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

/// The process ids of the nodes below a folder.
fn nodes(base: &Path) -> Vec<u64> {
    let mut pids = Vec::new();
    for demo in std::fs::read_dir(base).unwrap().flatten() {
        for name in ["dom", "dacha", "port"] {
            let text = std::fs::read(demo.path().join(name).join("run.json")).unwrap();
            let running: Value = serde_json::from_slice(&text).unwrap();
            pids.push(running["pid"].as_u64().unwrap());
        }
    }
    pids
}

#[test]
fn three_nodes_answer_and_ctrl_c_ends_them_all() {
    if Command::new("curl").arg("--version").output().is_err() {
        println!("SKIPPED three_nodes_answer_and_ctrl_c_ends_them_all: no curl");
        return;
    }
    story(120, async {
        let base = tempfile::tempdir().unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/demo");
        // A shell cannot catch what was ignored when it began, as it is where tests run in the background.
        let child = Command::new("env")
            .args(["--default-signal=INT", script])
            .env("CHATER_BIN", binary())
            .env("TMPDIR", base.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, as a terminal gives it: Ctrl+C goes to all of it.
            .process_group(0)
            .spawn()
            .expect("the script");
        let mut demo = Demo(child);
        let out = BufReader::new(demo.0.stdout.take().unwrap());
        let said = tokio::task::spawn_blocking(move || {
            let mut said = Vec::new();
            for line in out.lines() {
                let line = line.unwrap();
                let last = line.starts_with("Ctrl+C");
                said.push(line);
                if last {
                    break;
                }
            }
            said
        });
        let said = said.await.unwrap();
        let webs: Vec<SocketAddr> = said
            .iter()
            .filter_map(|line| line.trim().strip_prefix("http://localhost:"))
            .map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap())
            .map(|port| SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap())))
            .collect();
        assert_eq!(webs.len(), 3, "{said:?}");
        for web in &webs {
            let page = Api::new(*web).request("GET", "/login", &[], b"").await;
            assert_eq!(page.unwrap().status, 200);
        }
        let pids = nodes(base.path());
        assert_eq!(pids.len(), 3);

        kill_process_group(Pid::from_child(&demo.0), Signal::INT).unwrap();
        let code = within(Duration::from_secs(15), "the end of the script", || {
            std::future::ready(demo.0.try_wait().unwrap())
        })
        .await;
        assert_eq!(code.code(), Some(0));
        for pid in pids {
            assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid} lives");
        }
        assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0);
    });
}
