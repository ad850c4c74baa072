//! Backups that the owner makes on a page: in the folder `backups`, the newest three.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::Engine;
use crate::actor::now_ms;
use crate::archive;
use crate::error::Error;
use crate::sessions::prove;
use crate::user::UserHandle;
use crate::view::{Backup, Happening};

/// Backups kept; of more the oldest goes.
const KEPT: usize = 3;
/// What their names begin and end with: other files of the folder are not ours to count or take away.
const HEAD: &str = "chater-";
const TAIL: &str = ".tar";
/// Bytes left on the disk beside a backup.
const SPARE: u64 = 64 * 1024 * 1024;

/// `chater-20261127-213005.tar`, in UTC: names stand in the order of their times.
fn name_at(ms: u64) -> String {
    let (days, of_day) = (ms / 86_400_000, ms / 1000 % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{HEAD}{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}{TAIL}")
}

/// Year, month and day of so many days after 1970-01-01 (the usual calculation, in years that begin in March).
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    (year, month, of_year - (153 * march + 2) / 5 + 1)
}

fn is_ours(name: &str) -> bool {
    let stem = name
        .strip_prefix(HEAD)
        .and_then(|rest| rest.strip_suffix(TAIL));
    stem.is_some_and(|stem| {
        stem.len() == 15 && stem.bytes().all(|b| b.is_ascii_digit() || b == b'-')
    })
}

/// The backups of a data folder, newest first.
pub(crate) fn list(data_dir: &Path) -> io::Result<Vec<Backup>> {
    let entries = match std::fs::read_dir(data_dir.join("backups")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !is_ours(&name) {
            continue;
        }
        let file = entry.metadata()?;
        let made = file.modified().ok().and_then(|at| {
            let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
            i64::try_from(since.as_millis()).ok()
        });
        found.push(Backup {
            name,
            size: file.len(),
            made_ms: made.unwrap_or_default(),
        });
    }
    found.sort_by(|a, b| b.name.cmp(&a.name));
    Ok(found)
}

/// Packs the data folder with a copy of the store; whole under its name, or not there.
fn pack(data_dir: &Path, store: &Path, name: &str) -> io::Result<()> {
    let folder = data_dir.join("backups");
    let fresh = folder.join(format!("{name}.new"));
    let written = (|| {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)?;
        let files = archive::files_of(data_dir, store.to_owned())?;
        let mut out = BufWriter::new(&file);
        archive::write(&mut out, &files)?;
        out.flush()?;
        drop(out);
        file.sync_all()?;
        std::fs::rename(&fresh, folder.join(name))?;
        std::fs::File::open(&folder)?.sync_all()
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&fresh);
    }
    written
}

/// Takes the oldest away until as many are left as are kept, and what a crash left of one that was being made.
fn thin(data_dir: &Path) -> io::Result<()> {
    let folder = data_dir.join("backups");
    for old in list(data_dir)?.into_iter().skip(KEPT) {
        std::fs::remove_file(folder.join(old.name))?;
    }
    for entry in std::fs::read_dir(&folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let half = [".new", ".redb"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        if half.is_some_and(is_ours) {
            std::fs::remove_file(folder.join(&name))?;
        }
    }
    Ok(())
}

/// Whether the disk has room for a copy of the store and the backup itself: others must go on writing meanwhile.
fn has_room(data_dir: &Path) -> bool {
    let size = |name: &str| std::fs::metadata(data_dir.join(name)).map_or(0, |file| file.len());
    let store = size("chater.redb") + size("chater.journal");
    let pictures: u64 = archive::files_of(data_dir, data_dir.join("chater.redb"))
        .unwrap_or_default()
        .iter()
        .filter(|(name, _)| name.starts_with("blobs/"))
        .filter_map(|(_, path)| Some(path.metadata().ok()?.len()))
        .sum();
    let wanted = (2 * store).saturating_add(pictures).saturating_add(SPARE);
    chater_store::free_space(data_dir).is_none_or(|free| free >= wanted)
}

fn failed(error: &io::Error) -> Error {
    tracing::error!(%error, "a backup was not made");
    match error.kind() {
        io::ErrorKind::StorageFull => Error::StorageFull,
        _ => Error::StorageFailed,
    }
}

impl UserHandle {
    /// Owner only: the backups made on the page, newest first, and the folder they are in.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::StorageFailed`].
    pub fn backups(&self) -> Result<(PathBuf, Vec<Backup>), Error> {
        self.owner()?.backups()
    }

    /// Owner only, who types the password: packs everything of this node, its key too, into one file of the folder
    /// `backups`. Of more than three the oldest goes.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Invalid`] with `password`, [`Error::TooMany`]; [`Error::Busy`] while another is
    /// made; no room.
    pub async fn make_backup(&self, password: String) -> Result<Backup, Error> {
        let engine = self.owner()?.clone();
        let password = Zeroizing::new(password);
        prove(engine.shared(), self.id(), password, "password").await?;
        engine.make_backup().await
    }
}

impl Engine {
    /// Backups in the data folder, newest first, and the folder they are in, for the control socket.
    ///
    /// # Errors
    /// [`Error::StorageFailed`].
    pub fn backups(&self) -> Result<(PathBuf, Vec<Backup>), Error> {
        let data_dir = &self.shared().config.data_dir;
        let found = list(data_dir).map_err(|error| failed(&error))?;
        Ok((data_dir.join("backups"), found))
    }

    /// The same as [`UserHandle::make_backup`] for the control socket: whoever can open it can read the folder anyway.
    ///
    /// # Errors
    /// [`Error::Busy`] while another is made; no room.
    pub async fn make_backup(&self) -> Result<Backup, Error> {
        let shared = self.shared();
        let _alone = shared.packing.try_lock().map_err(|_| Error::Busy)?;
        let data_dir = shared.config.data_dir.clone();
        if !has_room(&data_dir) {
            return Err(Error::StorageFull);
        }
        let folder = data_dir.join("backups");
        let name = name_at(now_ms());
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|error| failed(&error))?;
        let copy = folder.join(format!("{name}.redb"));
        let copied = self.copy_store(copy.clone()).await;
        let packed = match copied {
            Ok(_) => {
                let (data_dir, copy, name) = (data_dir.clone(), copy.clone(), name.clone());
                let packing = tokio::task::spawn_blocking(move || {
                    pack(&data_dir, &copy, &name)?;
                    thin(&data_dir)?;
                    list(&data_dir)
                });
                match packing.await {
                    Ok(packed) => packed.map_err(|error| failed(&error)),
                    Err(_) => Err(Error::Internal),
                }
            }
            Err(error) => Err(error),
        };
        let _ = tokio::fs::remove_file(&copy).await;
        let made = packed?.into_iter().find(|backup| backup.name == name);
        shared.note(Happening::BackupMade { file: name });
        made.ok_or(Error::Internal)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn names_are_dates() {
        for (seconds, name) in [
            (0, "chater-19700101-000000.tar"),
            (951_782_399, "chater-20000228-235959.tar"),
            (951_782_400, "chater-20000229-000000.tar"),
            (1_795_815_005, "chater-20261127-213005.tar"),
            (4_107_542_400, "chater-21000301-000000.tar"),
        ] {
            assert_eq!(name_at(seconds * 1000), name);
            assert!(is_ours(name));
        }
        for other in [
            "copy-abc.redb",
            "chater-.tar",
            "chater-20261127-213005.tar.new",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }

    #[test]
    fn the_newest_three_stay_and_other_files_are_left() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("backups");
        assert_eq!(list(base.path()).unwrap(), []);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("notes.txt"), "x").unwrap();
        std::fs::write(folder.join(format!("{}.new", name_at(0))), "x").unwrap();
        for day in 1..=5 {
            std::fs::write(folder.join(name_at(day * 86_400_000)), "x").unwrap();
        }
        thin(base.path()).unwrap();
        let left: Vec<String> = list(base.path())
            .unwrap()
            .into_iter()
            .map(|b| b.name)
            .collect();
        assert_eq!(
            left,
            [
                name_at(5 * 86_400_000),
                name_at(4 * 86_400_000),
                name_at(3 * 86_400_000)
            ]
        );
        assert_eq!(
            std::fs::read_dir(&folder).unwrap().count(),
            4,
            "half a backup is gone"
        );
        assert!(folder.join("notes.txt").exists());
    }
}
