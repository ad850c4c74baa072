//! The data folder (Q12): its lock, the node's key, `run.json`, and who may read them.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::text::Problem;

/// What a data folder may hold. A folder with nothing else in it is taken to be ours alone.
const OURS: [&str; 13] = [
    "node.key",
    "node.key.new",
    "chater.redb",
    "chater.journal",
    "blobs",
    "backups",
    "chater.toml",
    "run.json",
    "run.json.new",
    "control.sock",
    "lock",
    "lost+found",
    "restore.new",
];

/// `run.json`: how scripts and a second start find the running node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Process id.
    pub pid: u32,
    /// Program version.
    pub version: String,
    /// The node's id, as multiaddrs carry it (Q2).
    pub node_id: String,
    /// The node's name.
    pub name: String,
    /// Addresses of the pages, to open.
    pub web: Vec<String>,
    /// Multiaddrs of this node.
    pub p2p: Vec<String>,
    /// The control socket, when it is not `control.sock` (Q13).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<PathBuf>,
    /// What the first user types who comes from another machine (Q15); none = there is an owner already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_up_code: Option<String>,
}

/// The folder, held by this process until dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes the lock of a folder that exists, without making anything. None when there is no folder or lock yet.
    ///
    /// # Errors
    /// Somebody else holds it.
    pub fn take_existing(path: &Path) -> Result<Option<Self>, Problem> {
        match std::fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unwritable(path, &error)),
            Ok(found) if !found.is_dir() => return Err(Problem::NotAFolder(path.into())),
            Ok(_) => {}
        }
        match OpenOptions::new()
            .read(true)
            .write(true)
            .open(path.join("lock"))
        {
            Ok(lock) => Self::hold(path, lock).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unwritable(path, &error)),
        }
    }

    /// Makes the folder if need be (0700) and takes its lock.
    ///
    /// # Errors
    /// It cannot be written, or somebody else holds it.
    pub fn take(path: &Path) -> Result<Self, Problem> {
        if let Some(folder) = Self::take_existing(path)? {
            folder.close_to_others()?;
            return Ok(folder);
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| unwritable(path, &error))?;
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join("lock"));
        let folder = Self::hold(path, lock.map_err(|error| unwritable(path, &error))?)?;
        folder.close_to_others()?;
        Ok(folder)
    }

    fn hold(path: &Path, lock: File) -> Result<Self, Problem> {
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self {
                path: path.into(),
                _lock: lock,
            }),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let running = running(path);
                Err(Problem::InUse {
                    path: path.into(),
                    pid: running.as_ref().map(|running| running.pid),
                    address: running.and_then(|running| running.web.into_iter().next()),
                })
            }
            Err(error) => Err(unwritable(path, &error.into())),
        }
    }

    /// 0700, unless the folder is shared with files of others: then only our files are closed.
    fn close_to_others(&self) -> Result<(), Problem> {
        let cannot = |error: std::io::Error| unwritable(&self.path, &error);
        let wanted = rustix::fs::Access::READ_OK
            | rustix::fs::Access::WRITE_OK
            | rustix::fs::Access::EXEC_OK;
        rustix::fs::access(&self.path, wanted).map_err(|error| cannot(error.into()))?;
        let found = std::fs::metadata(&self.path).map_err(cannot)?;
        if found.mode() & 0o077 == 0 {
            return Ok(());
        }
        let entries = std::fs::read_dir(&self.path).map_err(cannot)?;
        let foreign = entries
            .flatten()
            .any(|entry| !OURS.iter().any(|name| entry.file_name() == *name));
        if foreign && !self.path.join("node.key").exists() {
            tracing::warn!(folder = %self.path.display(), "the data folder holds other files and stays readable by others");
            return Ok(());
        }
        std::fs::set_permissions(&self.path, Permissions::from_mode(0o700)).map_err(cannot)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The node's key (P1); made when the folder is new.
    ///
    /// # Errors
    /// Others can read it, it is damaged, or it is gone while the data is there.
    pub fn key(&self) -> Result<Zeroizing<[u8; 32]>, Problem> {
        let path = self.path.join("node.key");
        match File::open(&path) {
            Ok(file) => read_key(&path, file),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if self.path.join("chater.redb").exists() {
                    return Err(Problem::KeyGone(path));
                }
                let mut key = Zeroizing::new([0; 32]);
                getrandom::fill(key.as_mut())
                    .map_err(|error| Problem::NoRandom(error.to_string()))?;
                self.write("node.key", key.as_ref())?;
                Ok(key)
            }
            Err(error) => Err(Problem::File {
                path,
                why: error.to_string(),
            }),
        }
    }

    /// Writes a file of ours so that it is there whole or not at all: 0600, synced, renamed, the folder synced.
    ///
    /// # Errors
    /// The disk is full or not writable.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Problem> {
        let path = self.path.join(name);
        let fresh = self.path.join(format!("{name}.new"));
        let write = || -> std::io::Result<()> {
            // What a start cut short left behind; ours alone, for we hold the lock.
            if let Err(error) = std::fs::remove_file(&fresh)
                && error.kind() != ErrorKind::NotFound
            {
                return Err(error);
            }
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&fresh)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&fresh, &path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|error| unwritable(&self.path, &error))
    }

    /// Tells scripts and a second start how to find this node.
    ///
    /// # Errors
    /// The disk is full or not writable.
    pub fn announce(&self, running: &Running) -> Result<(), Problem> {
        let text = serde_json::to_vec_pretty(running)
            .map_err(|error| Problem::Other(error.to_string()))?;
        self.write("run.json", &text)
    }

    /// Takes `run.json` away: the node has stopped.
    pub fn withdraw(&self) {
        let _ = std::fs::remove_file(self.path.join("run.json"));
    }
}

/// What the last node of this folder said of itself; perhaps it was killed since.
#[must_use]
pub fn running(path: &Path) -> Option<Running> {
    let mut text = String::new();
    // A running node writes under 4 KiB; anything longer is not ours to read into memory.
    File::open(path.join("run.json"))
        .ok()?
        .take(64 * 1024)
        .read_to_string(&mut text)
        .ok()?;
    serde_json::from_str(&text).ok()
}

fn read_key(path: &Path, mut file: File) -> Result<Zeroizing<[u8; 32]>, Problem> {
    let cannot = |error: std::io::Error| Problem::File {
        path: path.into(),
        why: error.to_string(),
    };
    let found = file.metadata().map_err(cannot)?;
    if found.mode() & 0o077 != 0 {
        return Err(Problem::KeyReadable {
            path: path.into(),
            mode: found.mode() & 0o7777,
        });
    }
    if !found.is_file() || found.len() != 32 {
        return Err(Problem::KeyDamaged(path.into()));
    }
    let mut key = Zeroizing::new([0; 32]);
    file.read_exact(key.as_mut()).map_err(cannot)?;
    if key.iter().all(|byte| *byte == 0) {
        // What a disk gives back for a block that was never written.
        return Err(Problem::KeyDamaged(path.into()));
    }
    Ok(key)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Problem {
    if error.kind() == ErrorKind::NotADirectory {
        return Problem::NotAFolder(path.into());
    }
    Problem::Unwritable {
        path: path.into(),
        why: error.to_string(),
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_new_folder_and_its_key_are_closed_to_others() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("a b/данные");
        let folder = Folder::take(&path).unwrap();
        let key = folder.key().unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("node.key")), 0o600);
        assert_eq!(mode(&path.join("lock")), 0o600);
        assert_eq!(*folder.key().unwrap(), *key);
        assert!(!path.join("node.key.new").exists());
    }

    #[test]
    fn an_open_folder_of_ours_is_closed_and_one_with_other_files_is_left() {
        let base = tempfile::tempdir().unwrap();
        for (name, file, closed) in [
            ("ours", "chater.toml", true),
            ("shared", "photo.jpg", false),
        ] {
            let path = base.path().join(name);
            std::fs::create_dir(&path).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
            std::fs::write(path.join(file), "").unwrap();
            drop(Folder::take(&path).unwrap());
            assert_eq!(mode(&path) == 0o700, closed, "{name}");
        }
    }

    #[test]
    fn the_second_one_is_told_where_the_first_answers() {
        let base = tempfile::tempdir().unwrap();
        let first = Folder::take(base.path()).unwrap();
        let running = Running {
            pid: 7,
            version: "0".into(),
            node_id: "12D3KooW".into(),
            name: "dom".into(),
            web: vec!["http://localhost:5000".into()],
            p2p: vec![],
            control: None,
            set_up_code: None,
        };
        first.announce(&running).unwrap();
        assert_eq!(super::running(base.path()), Some(running));
        match Folder::take(base.path()) {
            Err(Problem::InUse { address, pid, .. }) => {
                assert_eq!(address.as_deref(), Some("http://localhost:5000"));
                assert_eq!(pid, Some(7));
            }
            other => panic!("{other:?}"),
        }
        first.withdraw();
        assert_eq!(super::running(base.path()), None);
        drop(first);
        assert!(Folder::take(base.path()).is_ok());
    }

    #[test]
    fn looking_at_a_folder_makes_nothing() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("none");
        assert!(Folder::take_existing(&path).unwrap().is_none());
        assert!(!path.exists());
        assert!(Folder::take_existing(base.path()).unwrap().is_none());
        assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0);
    }

    #[test]
    fn bad_keys_are_refused_and_left_as_they_are() {
        let base = tempfile::tempdir().unwrap();
        let folder = Folder::take(base.path()).unwrap();
        let path = base.path().join("node.key");
        let put = |bytes: &[u8], mode: u32| {
            std::fs::write(&path, bytes).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        };
        put(&[1; 32], 0o640);
        assert!(matches!(
            folder.key(),
            Err(Problem::KeyReadable { mode: 0o640, .. })
        ));
        put(&[1; 31], 0o600);
        assert!(matches!(folder.key(), Err(Problem::KeyDamaged(_))));
        put(&[0; 32], 0o600);
        assert!(matches!(folder.key(), Err(Problem::KeyDamaged(_))));
        put(&[], 0o600);
        assert!(matches!(folder.key(), Err(Problem::KeyDamaged(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        std::fs::remove_file(&path).unwrap();
        std::fs::write(base.path().join("chater.redb"), "x").unwrap();
        assert!(matches!(folder.key(), Err(Problem::KeyGone(_))));
        assert!(!path.exists());
    }

    #[test]
    fn a_file_where_the_folder_should_be_is_named() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("file");
        std::fs::write(&path, "").unwrap();
        assert!(matches!(Folder::take(&path), Err(Problem::NotAFolder(_))));
        assert!(matches!(
            Folder::take(&path.join("below")),
            Err(Problem::NotAFolder(_))
        ));
    }
}
