//! `TestNode`: one real process with a data folder of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::http::{Answer, Api};
use crate::person::{PASSWORD, Person};
use crate::wait::{PATIENCE, until, within};

/// The program under test: `CHATER_BIN`, else built beside this test (debug or release as the test is).
///
/// # Panics
/// It cannot be built.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("CHATER_BIN") {
            return path.into();
        }
        // .../target/debug/deps/conversation-1234 or .../target/release/bench
        let test = std::env::current_exe().expect("the path of this test");
        let mut folder = test.parent().expect("a folder");
        if folder.ends_with("deps") {
            folder = folder.parent().expect("a folder above deps");
        }
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build
            .args(["build", "--quiet", "--package", "chater", "--target-dir"])
            .arg(folder.parent().expect("the target folder"));
        build.current_dir(env!("CARGO_MANIFEST_DIR"));
        if folder.ends_with("release") {
            build.arg("--release");
        }
        assert!(
            build.status().is_ok_and(|status| status.success()),
            "chater is not built"
        );
        folder.join("chater")
    })
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub out: String,
    /// What it printed to stderr.
    pub err: String,
    /// How long it ran.
    pub took: Duration,
}

/// One node. Ended with the test, by its process id.
pub struct TestNode {
    /// Its name.
    pub name: String,
    /// The name is given on the command line.
    called: bool,
    folder: PathBuf,
    _base: tempfile::TempDir,
    extra: Vec<String>,
    netns: Option<String>,
    clock: Option<Clock>,
    /// Where the pages of a node inside a namespace are reached from here.
    door: Option<SocketAddr>,
    child: Option<Child>,
    running: Value,
}

impl TestNode {
    /// A node that is not started yet.
    ///
    /// # Panics
    /// No temporary folder.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let base = tempfile::tempdir().expect("a temporary folder");
        Self {
            name: name.into(),
            called: true,
            folder: base.path().join("data"),
            _base: base,
            extra: Vec::new(),
            netns: None,
            clock: None,
            door: None,
            child: None,
            running: Value::Null,
        }
    }

    /// A started node, linked to nobody.
    pub async fn start(name: &str) -> Self {
        let mut node = Self::named(name);
        node.up().await;
        node
    }

    /// A started node, linked to another.
    pub async fn start_linked(name: &str, peer: &Self) -> Self {
        let mut node = Self::named(name).with(&["--peer", &peer.p2p()]);
        node.up().await;
        node
    }

    /// More options.
    #[must_use]
    pub fn with(mut self, options: &[&str]) -> Self {
        self.extra
            .extend(options.iter().map(|option| (*option).to_owned()));
        self
    }

    /// No name on the command line: its owner may change it.
    #[must_use]
    pub fn uncalled(mut self) -> Self {
        self.called = false;
        self
    }

    /// The rates of Q22 off, for floods.
    #[must_use]
    pub fn without_limits(self) -> Self {
        self.with_settings("[limits]\nmessages_per_s = 0\nmessages_burst = 0\nsearches_per_s = 0\nregistrations_per_h = 0\n")
    }

    /// Puts `chater.toml` into the data folder.
    ///
    /// # Panics
    /// The disk.
    #[must_use]
    pub fn with_settings(self, text: &str) -> Self {
        std::fs::create_dir_all(&self.folder).expect("a folder");
        std::fs::write(self.folder.join("chater.toml"), text).expect("a file");
        self
    }

    /// Runs inside a network namespace, finding others by mDNS.
    #[must_use]
    pub fn inside(mut self, netns: &str) -> Self {
        self.netns = Some(netns.into());
        self
    }

    /// Gives it a clock of its own, which is right at first; none = it cannot be had here, and why is printed.
    #[must_use]
    pub fn with_clock(mut self, story: &str) -> Option<Self> {
        match Clock::made(self._base.path()) {
            Ok(clock) => self.clock = Some(clock),
            Err(why) => {
                println!("SKIPPED {story}: {why}");
                return None;
            }
        }
        Some(self)
    }

    /// Its clock is off by so many seconds from now on, also while it runs.
    ///
    /// # Panics
    /// It has none of its own.
    pub fn sets_clock(&self, seconds: i64) {
        let clock = self.clock.as_ref().expect("a clock of its own");
        clock.is_off_by(seconds);
    }

    /// The command that starts it: the same ports again after the first start.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = match &self.netns {
            Some(netns) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", netns]).arg(binary());
                command
            }
            None => Command::new(binary()),
        };
        // Nothing of the surroundings gets in.
        for (key, _) in
            std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("CHATER_"))
        {
            command.env_remove(key);
        }
        command
            .arg("--data-dir")
            .arg(&self.folder)
            .args(["--language", "en"]);
        if self.called {
            command.args(["--name", &self.name]);
        }
        if self.netns.is_none() {
            let web = self
                .web_port()
                .map_or_else(|| "127.0.0.1:0".into(), |port| format!("127.0.0.1:{port}"));
            let p2p = self.p2p_port().unwrap_or(0);
            command.args([
                "--no-mdns",
                "--web-addr",
                &web,
                "--p2p-addr",
                &format!("/ip4/127.0.0.1/tcp/{p2p}"),
            ]);
        }
        if let Some(clock) = &self.clock {
            clock.in_front_of(&mut command);
        }
        command.args(&self.extra).stdin(Stdio::null());
        command
    }

    /// Starts it and waits until it answers.
    ///
    /// # Panics
    /// It does not start.
    pub async fn up(&mut self) -> Duration {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let started = Instant::now();
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("a log");
        let mut command = self.command();
        command.stdout(log.try_clone().expect("a log")).stderr(log);
        let mut child = command.spawn().expect("a process");
        let pid = child.id();
        let file = self.folder.join("run.json");
        let tail = self.log_path();
        let running = within(
            Duration::from_secs(30),
            "run.json of the new process",
            || {
                let ended = child.try_wait().expect("a process");
                assert!(
                    ended.is_none(),
                    "it ended: {ended:?}\n{}",
                    std::fs::read_to_string(&tail).unwrap_or_default()
                );
                let found: Option<Value> = std::fs::read(&file)
                    .ok()
                    .and_then(|text| serde_json::from_slice(&text).ok());
                std::future::ready(found.filter(|found| found["pid"] == pid))
            },
        )
        .await;
        self.running = running;
        self.child = Some(child);
        if let (Some(netns), None) = (&self.netns, self.door) {
            // Found once: the same port again after a restart.
            self.door = self.web_port().map(|port| crate::netns::door(netns, port));
        }
        started.elapsed()
    }

    /// SIGTERM; waits for the end.
    ///
    /// # Panics
    /// It is not running, or stays.
    pub async fn down(&mut self) -> Ended {
        let started = Instant::now();
        self.signal(Signal::TERM);
        let code = self.ended(Duration::from_secs(10)).await;
        Ended {
            code,
            out: self.log(),
            err: String::new(),
            took: started.elapsed(),
        }
    }

    /// SIGSTOP: it stands still, its sockets stay open, as in a laptop that is shut.
    ///
    /// # Panics
    /// It is not running.
    pub fn freezes(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT: it goes on where it stood.
    ///
    /// # Panics
    /// It is not running.
    pub fn thaws(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("a running node");
        kill_process(Pid::from_child(child), signal).expect("a signal");
    }

    /// SIGKILL: no chance to finish anything.
    ///
    /// # Panics
    /// It is not running.
    pub async fn kill9(&mut self) {
        self.child
            .as_mut()
            .expect("a running node")
            .kill()
            .expect("a signal");
        self.ended(PATIENCE).await;
    }

    /// Down and up again.
    ///
    /// # Panics
    /// The end was not clean.
    pub async fn restart(&mut self) {
        assert_eq!(self.down().await.code, Some(0));
        self.up().await;
    }

    async fn ended(&mut self, limit: Duration) -> Option<i32> {
        let child = self.child.as_mut().expect("a running node");
        let status = within(limit, "the end of the process", || {
            std::future::ready(child.try_wait().expect("a process"))
        })
        .await;
        self.child = None;
        status.code()
    }

    /// Runs the program with more arguments until it ends.
    ///
    /// # Panics
    /// It does not end.
    pub async fn run_command(&self, command: Command) -> Ended {
        run(command).await
    }

    /// A command like `chater status`, for this node.
    pub async fn asks(&self, words: &[&str]) -> Ended {
        let mut command = Command::new(binary());
        command
            .args(words)
            .arg("--data-dir")
            .arg(&self.folder)
            .args(["--language", "en"]);
        run(command).await
    }

    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Moves the data folder of a node that is not started: for long and strange paths.
    #[must_use]
    pub fn in_folder(mut self, name: &str) -> Self {
        self.folder = self._base.path().join(name);
        self
    }

    /// What it printed and logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self._base.path().join("log")
    }

    /// Process id.
    ///
    /// # Panics
    /// It is not running.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running["pid"]
            .as_u64()
            .and_then(|pid| u32::try_from(pid).ok())
            .expect("a running node")
    }

    /// Whether the process is there.
    pub fn is_up(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| child.try_wait().is_ok_and(|ended| ended.is_none()))
    }

    fn web_port(&self) -> Option<u16> {
        self.running["web"][0]
            .as_str()?
            .trim_end_matches('/')
            .rsplit(':')
            .next()?
            .parse()
            .ok()
    }

    fn p2p_port(&self) -> Option<u16> {
        self.p2p_addresses()
            .iter()
            .find(|address| address.contains("/tcp/"))?
            .split('/')
            .nth(4)?
            .parse()
            .ok()
    }

    /// Where the pages are.
    ///
    /// # Panics
    /// It was never started.
    #[must_use]
    pub fn web(&self) -> SocketAddr {
        self.door.unwrap_or_else(|| {
            SocketAddr::from(([127, 0, 0, 1], self.web_port().expect("a started node")))
        })
    }

    /// Its multiaddrs.
    #[must_use]
    pub fn p2p_addresses(&self) -> Vec<String> {
        let list = self.running["p2p"].as_array().cloned().unwrap_or_default();
        list.iter()
            .filter_map(|address| address.as_str().map(str::to_owned))
            .collect()
    }

    /// The multiaddr others dial.
    ///
    /// # Panics
    /// It has none.
    #[must_use]
    pub fn p2p(&self) -> String {
        self.p2p_addresses()
            .into_iter()
            .find(|address| address.contains("/tcp/"))
            .expect("an address for nodes")
    }

    /// Its peer id.
    #[must_use]
    pub fn node_id(&self) -> String {
        self.running["node_id"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The API as nobody.
    #[must_use]
    pub fn api(&self) -> Api {
        Api::new(self.web())
    }

    /// Somebody makes an account.
    pub async fn registers(&self, nick: &str) -> Person {
        let answer = self.tries_to_register(nick, PASSWORD).await.expect(201);
        Person::new(self, nick, &answer.json())
    }

    /// Somebody tries to.
    pub async fn tries_to_register(&self, nick: &str, password: &str) -> Answer {
        self.api()
            .post("/users", &json!({"nick": nick, "password": password}))
            .await
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(8_000);
            eprintln!(
                "--- the end of the log of {}\n{}",
                self.name,
                log.get(from..).unwrap_or(&log)
            );
        }
    }
}

/// Runs a command to its end, output and all.
async fn run(mut command: Command) -> Ended {
    let started = Instant::now();
    let work = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output());
    let output = tokio::time::timeout(Duration::from_secs(30), work)
        .await
        .expect("the command ends")
        .expect("no panic");
    let output = output.expect("the program runs");
    Ended {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
        took: started.elapsed(),
    }
}

/// Waits until both nodes know that they are connected.
pub async fn linked(one: &Person, other: &Person) {
    for (from, to) in [(one, other), (other, one)] {
        let id = to.node_id.clone();
        until(
            &format!("{} connected to {}", from.nick, to.nick),
            || async {
                let node = from.api.get("/node").await.expect(200).json();
                let peers = node["peers"].as_array()?;
                peers
                    .iter()
                    .any(|peer| peer["node_id"] == id.as_str() && peer["state"] == "connected")
                    .then_some(())
            },
        )
        .await;
    }
}
