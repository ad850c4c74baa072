//! The control socket: how commands speak to a running node. One JSON line asks, one JSON line answers.
//!
//! Whoever can open it owns the data folder anyway, so there is no password; the file mode and the user id of the other
//! end are the check.

use std::future::Future;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::folder;
use crate::text::Problem;

/// A request is a few words; without a bound a broken program could fill the memory.
const LONGEST_REQUEST: u64 = 64 * 1024;
/// A status of 10,000 peers fits; the asking side is bounded too.
const LONGEST_ANSWER: u64 = 16 * 1024 * 1024;
/// Commands are typed by people: more at once is an accident.
const AT_ONCE: usize = 16;
/// Who connects says what it wants; half-open ones do not stay.
const REQUEST_WAIT: Duration = Duration::from_secs(10);
/// A backup of a large store takes its time.
const ANSWER_WAIT: Duration = Duration::from_secs(600);
/// The kernel's limit for socket paths is 108 bytes on Linux and 104 on macOS (Q13).
const LONGEST_PATH: usize = 100;

/// What a command asks of the running node.
#[derive(Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// How it is.
    Status,
    /// What it found out about itself, in words.
    Checks {
        /// `ru` or `en`.
        language: String,
    },
    /// Open the pages to the home network or close them; without `on` only tell.
    Home {
        /// Which.
        on: Option<bool>,
    },
    /// Link to an address.
    AddPeer {
        /// Multiaddr.
        address: String,
    },
    /// A code for one registration.
    InviteUser,
    /// Who lives here.
    Users,
    /// A new password for somebody.
    SetPassword {
        /// Who.
        nick: String,
        /// The new one.
        password: String,
    },
    /// How much somebody may fill.
    SetQuota {
        /// Who.
        nick: String,
        /// MiB.
        mib: u64,
    },
    /// Close an account, or open it again.
    SetClosed {
        /// Whose.
        nick: String,
        /// Close it.
        closed: bool,
    },
    /// Mailboxes, both ways; with `act`, something about them is changed first.
    Mail {
        /// What.
        act: Option<MailAct>,
    },
    /// Let others be reached through this node, or not; without `on` only tell.
    Relay {
        /// Which.
        on: Option<bool>,
    },
    /// What happened lately, in words.
    Log {
        /// `ru` or `en`.
        language: String,
    },
    /// A consistent copy of the store, in the folder `backups`.
    CopyStore,
    /// Everything one user can read, in the folder `backups`.
    Export {
        /// Who.
        nick: String,
        /// The account's password: owning the machine is not enough to read.
        password: String,
    },
    /// The communities, who waits, who is blocked.
    Circle,
    /// Found a community.
    Found {
        /// Its name.
        name: String,
    },
    /// Leave a community.
    Leave {
        /// Its name, or its id.
        community: String,
    },
    /// Take part in the community `open`, or not.
    Open {
        /// Which.
        on: bool,
    },
    /// A link into a community.
    InviteNode {
        /// Its name, or its id.
        community: String,
        /// For so many nodes.
        uses: u32,
        /// For so many days.
        days: u32,
    },
    /// Come into a community by a link.
    Enter {
        /// `chater:community/...`
        link: String,
    },
    /// The list of nodes to be linked; with `only`, whether it alone counts is set first.
    Allowed {
        /// Which.
        only: Option<bool>,
    },
    /// Link a node that waits or was cut off, cut one off, block or unblock it, list it or not.
    Decide {
        /// Its name, its id, a link that leads to it, or the first digits of its fingerprint.
        node: String,
        /// What to do.
        what: Decision,
    },
}

/// What the owner changes about mailboxes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailAct {
    /// Whether mail is kept for others, in how much room, for how long; none = as it is.
    Rules {
        /// It is kept.
        offers: Option<bool>,
        /// MiB for all of them.
        room_mib: Option<u64>,
        /// Days.
        days: Option<u16>,
    },
    /// A node shall keep this one's mail.
    Choose(String),
    /// It shall no longer.
    Leave(String),
    /// The mail of a node is thrown away, and none kept for it.
    Evict(String),
    /// It is kept again.
    Readmit(String),
}

/// The answer to `Mail`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailBook {
    /// Mail is kept for others.
    pub offers: bool,
    /// MiB for all of them.
    pub room_mib: u64,
    /// Days that a letter is kept.
    pub days: u16,
    /// That is set from outside.
    pub fixed: bool,
    /// Nodes that keep this one's mail: name; `asked`, `refused`, `keeps`, `away`.
    pub mailboxes: Vec<(String, String)>,
    /// Nodes that could.
    pub could: Vec<String>,
    /// Whose mail is kept here: name, letters, bytes, thrown out.
    pub kept: Vec<(String, u64, u64, bool)>,
}

/// What the owner says to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Link it.
    Link,
    /// Cut it off.
    Off,
    /// Silence.
    Block,
    /// Silence no more.
    Unblock,
    /// Onto the list of nodes to be linked.
    Allow,
    /// Off that list.
    Disallow,
}

/// The answer to `Circle`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circle {
    /// Takes part in `open`.
    pub open: bool,
    /// Communities with a secret.
    pub communities: Vec<CommunityLine>,
    /// Nodes that wait for the owner: name, id, fingerprint, where they called from.
    pub waiting: Vec<(String, String, String, String)>,
    /// Blocked nodes: name, id, names of the lists that block them.
    pub blocked: Vec<(String, String, Vec<String>)>,
}

/// The answer to `Allowed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// The list alone counts.
    pub only: bool,
    /// Its nodes: name, id, connected now.
    pub nodes: Vec<(String, String, bool)>,
    /// Nodes that keep this one's mail and are not on it while it alone counts.
    pub mailboxes: Vec<String>,
}

/// One community, in `Circle`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommunityLine {
    /// 64 hex digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Founded by this node.
    pub founder: bool,
    /// Its nodes that are linked now.
    pub linked: u32,
}

/// What the node answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Done; what was asked for.
    Ok(serde_json::Value),
    /// Not done.
    Error {
        /// A word that does not change.
        code: String,
        /// Details in English.
        message: String,
    },
}

/// The answer to `Status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Process id.
    pub pid: u32,
    /// Program version.
    pub version: String,
    /// Its name.
    pub name: String,
    /// Its id.
    pub node_id: String,
    /// For people to compare.
    pub fingerprint: String,
    /// Whether it can store messages now.
    pub healthy: bool,
    /// Addresses of the pages.
    pub web: Vec<String>,
    /// Addresses for other nodes.
    pub addresses: Vec<String>,
    /// People here.
    pub users: u32,
    /// Other nodes.
    pub peers: Vec<PeerStatus>,
    /// Addresses typed that have not answered, with the last error.
    pub dialling: Vec<(String, Option<String>)>,
    /// Mailboxes, both ways; none = the store cannot be read.
    #[serde(default)]
    pub mail: Option<MailStatus>,
}

/// The answer to `Home`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeStatus {
    /// The pages are open to it.
    pub on: bool,
    /// Set at the start: the switch did nothing.
    pub fixed: bool,
    /// Where to open them.
    pub urls: Vec<String>,
    /// Addresses that could not be opened, and why.
    pub faults: Vec<(String, String)>,
    /// What the first user types there; none = there is an owner already.
    pub set_up_code: Option<String>,
}

/// Mailboxes, in `Status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailStatus {
    /// Mail is kept for others.
    pub keeps: bool,
    /// For how many nodes.
    pub kept_for: usize,
    /// Bytes of it.
    pub kept_bytes: u64,
    /// Nodes that keep mail for this one.
    pub mailboxes: Vec<String>,
}

/// One line of the answer to `Checks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckLine {
    /// 0 fine, 1 works but, 2 does not work.
    pub verdict: u8,
    /// What was found and what to do.
    pub text: String,
}

/// Another node, in `Status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Its name.
    pub name: String,
    /// Its id.
    pub node_id: String,
    /// `connected`, `connecting`, `waiting`, `away`.
    pub state: String,
    /// Where it is.
    pub addresses: Vec<String>,
    /// People of it known here.
    pub people: u32,
    /// Events that wait for it.
    pub waiting: u64,
    /// Last ping.
    pub rtt_ms: Option<u32>,
    /// The node it is reached through; none = directly, or not connected.
    #[serde(default)]
    pub relay: Option<String>,
}

/// One user, in the answer to `Users`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserLine {
    /// Nick.
    pub nick: String,
    /// Display name.
    pub display_name: String,
    /// Whether they own the node.
    pub owner: bool,
    /// The account is closed.
    #[serde(default)]
    pub closed: bool,
    /// Bytes that they fill.
    #[serde(default)]
    pub used: u64,
    /// MiB that they may fill.
    #[serde(default)]
    pub quota_mib: u64,
}

/// The listening socket; its file goes with it.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    place: Place,
}

/// The file of the socket, taken away at the end.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    private: Option<PathBuf>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        if let Some(folder) = &self.private {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

impl Control {
    /// Opens the socket in a data folder that this process has locked. The second value is its path when it had to go
    /// elsewhere (Q13).
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn open(folder: &Path) -> Result<(Self, Option<PathBuf>), Problem> {
        let mut path = folder.join("control.sock");
        let mut private = None;
        if path.as_os_str().len() > LONGEST_PATH {
            let folder = private_folder()?;
            path = folder.join("control.sock");
            private = Some(folder);
        }
        // Left by a node that was killed: the lock says that nobody listens there.
        let _ = std::fs::remove_file(&path);
        let elsewhere = private.is_some().then(|| path.clone());
        let listener = UnixListener::bind(&path).map_err(|error| file(&path, &error))?;
        let place = Place { path, private };
        std::fs::set_permissions(&place.path, std::fs::Permissions::from_mode(0o600))
            .map_err(|error| file(&place.path, &error))?;
        Ok((Self { listener, place }, elsewhere))
    }

    /// Answers until dropped.
    pub async fn serve<H, F>(self, handle: H)
    where
        H: Fn(Request) -> F + Clone + Send + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        let Self {
            listener,
            place: _place,
        } = self;
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let Ok(slot) = slots.clone().acquire_owned().await else {
                return;
            };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "the control socket does not accept");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
            };
            let me = rustix::process::geteuid().as_raw();
            if !stream
                .peer_cred()
                .is_ok_and(|other| other.uid() == me || other.uid() == 0)
            {
                continue;
            }
            let handle = handle.clone();
            tokio::spawn(async move {
                let _slot = slot;
                if let Err(error) = answer(stream, handle).await {
                    tracing::debug!(%error, "a control connection ended early");
                }
            });
        }
    }
}

async fn answer<H, F>(stream: UnixStream, handle: H) -> std::io::Result<()>
where
    H: Fn(Request) -> F,
    F: Future<Output = Answer>,
{
    let (reader, mut writer) = stream.into_split();
    let mut reader = tokio::io::BufReader::new(reader.take(LONGEST_REQUEST));
    // It may hold a password.
    let mut line = Zeroizing::new(Vec::new());
    tokio::time::timeout(REQUEST_WAIT, reader.read_until(b'\n', &mut line)).await??;
    let answer = if line.ends_with(b"\n") {
        match serde_json::from_slice(&line) {
            Ok(request) => handle(request).await,
            Err(_) => refuse("bad_request", "not a request"),
        }
    } else {
        refuse("bad_request", "longer than 64 KiB, or cut short")
    };
    let mut text = serde_json::to_vec(&answer)?;
    text.push(b'\n');
    tokio::time::timeout(REQUEST_WAIT, writer.write_all(&text)).await?
}

/// An answer that says no.
#[must_use]
pub fn refuse(code: &str, message: &str) -> Answer {
    Answer::Error {
        code: code.into(),
        message: message.into(),
    }
}

/// Asks the node that runs on a data folder.
///
/// # Errors
/// No node runs there, it does not answer, or it says no.
pub fn ask(folder: &Path, request: &Request) -> Result<serde_json::Value, Problem> {
    let path = folder::running(folder)
        .and_then(|running| running.control)
        .unwrap_or_else(|| folder.join("control.sock"));
    let not_running = || Problem::NotRunning(folder.into());
    // The socket of a long path is in a folder for temporary files: after a crash anyone could put one there.
    let owner = std::fs::metadata(folder).map_err(|_| not_running())?.uid();
    if std::fs::symlink_metadata(&path)
        .map_err(|_| not_running())?
        .uid()
        != owner
    {
        return Err(Problem::ForeignSocket(path));
    }
    let mut stream = std::os::unix::net::UnixStream::connect(&path).map_err(|_| not_running())?;
    let broken = |error: std::io::Error| Problem::Control(error.to_string());
    stream.set_read_timeout(Some(ANSWER_WAIT)).map_err(broken)?;
    let mut line = Zeroizing::new(
        serde_json::to_vec(request).map_err(|error| Problem::Control(error.to_string()))?,
    );
    line.push(b'\n');
    stream.write_all(&line).map_err(broken)?;
    let mut text = String::new();
    BufReader::new(stream.take(LONGEST_ANSWER))
        .read_line(&mut text)
        .map_err(broken)?;
    match serde_json::from_str(&text).map_err(|error| Problem::Control(error.to_string()))? {
        Answer::Ok(value) => Ok(value),
        Answer::Error { code, message } => Err(Problem::Refused { code, why: message }),
    }
}

/// A folder that only this user can open, with a name nobody can have taken before.
fn private_folder() -> Result<PathBuf, Problem> {
    let mut name = [0; 8];
    getrandom::fill(&mut name).map_err(|error| Problem::NoRandom(error.to_string()))?;
    let path = std::env::temp_dir().join(format!("chater-{}", chater_protocol::id::hex(&name)));
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&path)
        .map_err(|error| file(&path, &error))?;
    Ok(path)
}

fn file(path: &Path, error: &std::io::Error) -> Problem {
    Problem::File {
        path: path.into(),
        why: error.to_string(),
    }
}

/// What a running node answered.
///
/// # Errors
/// It is of another shape: the node is of another version.
pub(crate) fn read<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    serde_json::from_value(value).map_err(|error| Problem::Control(error.to_string()))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]
mod tests {
    use super::*;

    async fn echo(request: Request) -> Answer {
        match request {
            Request::AddPeer { address } => Answer::Ok(address.into()),
            Request::SetPassword { .. } => refuse("not_found", "no such nick"),
            _ => Answer::Ok(serde_json::Value::Null),
        }
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    }

    #[test]
    fn one_line_asks_and_one_line_answers() {
        let base = tempfile::tempdir().unwrap();
        assert!(matches!(
            ask(base.path(), &Request::Status),
            Err(Problem::NotRunning(_))
        ));
        let runtime = runtime();
        let _inside = runtime.enter();
        let (control, elsewhere) = Control::open(base.path()).unwrap();
        assert_eq!(elsewhere, None);
        let path = base.path().join("control.sock");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let task = runtime.spawn(control.serve(echo));
        let request = Request::AddPeer {
            address: "/ip4/1.2.3.4/tcp/1".into(),
        };
        assert_eq!(ask(base.path(), &request).unwrap(), "/ip4/1.2.3.4/tcp/1");
        let password = Request::SetPassword {
            nick: "a".into(),
            password: "b".into(),
        };
        assert!(
            matches!(ask(base.path(), &password), Err(Problem::Refused { code, .. }) if code == "not_found")
        );

        for bad in [
            &b"{}\n"[..],
            b"\xff\xfe\n",
            b"{\"do\":\"fly\"}\n",
            &[b'x'; 70_000],
        ] {
            let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
            let _ = stream.write_all(bad);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let mut text = String::new();
            // The unread rest of a line that is too long resets the connection: no answer is an answer too.
            let _ = stream.read_to_string(&mut text);
            assert!(text.is_empty() || text.contains("bad_request"), "{text}");
        }
        assert!(ask(base.path(), &Request::Status).is_ok());
        task.abort();
        while path.exists() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_long_path_moves_the_socket_to_a_private_folder() {
        let base = tempfile::tempdir().unwrap();
        let deep = base.path().join("x".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let runtime = runtime();
        let _inside = runtime.enter();
        let (control, elsewhere) = Control::open(&deep).unwrap();
        let path = elsewhere.unwrap();
        let folder = path.parent().unwrap().to_owned();
        assert_eq!(std::fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert!(path.as_os_str().len() <= LONGEST_PATH);
        drop(control);
        assert!(!path.exists() && !folder.exists());
    }
}
