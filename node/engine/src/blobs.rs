//! Files in the folder `blobs`, each under the hash of what was hashed: `blobs/ab/ab12...`. A file is
//! whole or not there: it is written under another name, synced and renamed before any row names it.

use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use chater_protocol::id::Hash;

/// The hash of a file's bytes.
pub(crate) fn hash_of(bytes: &[u8]) -> Hash {
    Hash(*blake3::hash(bytes).as_bytes())
}

/// The name of a picture in the size it is shown in, made from the name of the file that came.
pub(crate) fn shown(hash: Hash, side: u32) -> Hash {
    let material = [&hash.0[..], &side.to_be_bytes()].concat();
    Hash(blake3::derive_key("chater picture shown v1", &material))
}

fn place(data_dir: &Path, hash: Hash) -> PathBuf {
    let name = hash.to_string();
    let shelf = name.get(..2).unwrap_or_default().to_owned();
    data_dir.join("blobs").join(shelf).join(name)
}

/// Writes a file, if it is not there already.
pub(crate) fn write(data_dir: &Path, hash: Hash, bytes: &[u8]) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let path = place(data_dir, hash);
    if path
        .metadata()
        .is_ok_and(|file| file.len() == bytes.len() as u64)
    {
        return Ok(());
    }
    let Some(shelf) = path.parent() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(shelf)?;
    // Two at once may write the same: each under a name of its own, and the last to be renamed stays.
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let new = shelf.join(format!("{}-{count}.new", std::process::id()));
    let written = (|| {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, &path)?;
        std::fs::File::open(shelf)?.sync_all()
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written
}

/// Reads a file whole; none = it is not here.
pub(crate) fn read(data_dir: &Path, hash: Hash) -> Option<Vec<u8>> {
    std::fs::read(place(data_dir, hash)).ok()
}

/// Takes away every file that `keep` does not name: left by a crash between file and row.
pub(crate) fn sweep(data_dir: &Path, keep: impl Fn(Hash) -> bool) -> io::Result<usize> {
    let mut gone = 0;
    let shelves = match std::fs::read_dir(data_dir.join("blobs")) {
        Ok(shelves) => shelves,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    for shelf in shelves {
        let shelf = shelf?.path();
        let two = shelf.file_name().is_some_and(|name| name.len() == 2);
        if !two || !shelf.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&shelf)? {
            let path = file?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let ours = name.parse::<Hash>().ok();
            if ours.map_or(name.ends_with(".new"), |hash| !keep(hash)) {
                std::fs::remove_file(&path)?;
                gone += 1;
            }
        }
    }
    Ok(gone)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn files_are_whole_and_strays_go() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let (one, other) = (hash_of(b"one"), hash_of(b"other"));
        write(dir, one, b"one").unwrap();
        write(dir, one, b"one").unwrap();
        write(dir, other, b"other").unwrap();
        assert_eq!(read(dir, one).as_deref(), Some(&b"one"[..]));
        assert_eq!(read(dir, hash_of(b"never")), None);
        let shelf = place(dir, one).parent().unwrap().to_owned();
        std::fs::write(shelf.join("1-1.new"), b"half").unwrap();
        std::fs::write(dir.join("blobs/notes.txt"), b"of somebody else").unwrap();
        assert_eq!(sweep(dir, |hash| hash == one).unwrap(), 2);
        assert_eq!(read(dir, one).as_deref(), Some(&b"one"[..]));
        assert_eq!(read(dir, other), None);
        assert!(dir.join("blobs/notes.txt").exists());
        assert_eq!(sweep(dir, |_| false).unwrap(), 1);
        assert_eq!(read(dir, one), None);
        assert_eq!(sweep(&dir.join("nowhere"), |_| true).unwrap(), 0);
    }
}
