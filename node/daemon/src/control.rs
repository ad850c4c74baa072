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
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::folder;
use crate::shapes::{Answer, Request};
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
