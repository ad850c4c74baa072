//! Copies of a node and of one account: backup, restore, export.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, BufWriter, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use chater_engine::archive::{self, ReadError};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::control::{ask, read};
use crate::folder::Folder;
use crate::node::start_problem;
use crate::shapes::Request;
use crate::text::{Language, Problem, print, print_problem};

/// One line of standard input; a terminal does not show it.
pub(crate) fn read_password(question: &str) -> Result<Zeroizing<String>, Problem> {
    let input = std::io::stdin();
    let mut hidden = None;
    if input.is_terminal() {
        print_problem(question);
        if let Ok(shown) = tcgetattr(input.as_fd()) {
            let mut quiet = shown.clone();
            quiet.local_modes.remove(LocalModes::ECHO);
            let _ = tcsetattr(input.as_fd(), OptionalActions::Now, &quiet);
            hidden = Some(shown);
        }
    }
    let mut line = Zeroizing::new(String::new());
    let got = input.lock().read_line(&mut line);
    if let Some(shown) = hidden {
        let _ = tcsetattr(input.as_fd(), OptionalActions::Now, &shown);
    }
    got.map_err(|error| Problem::Other(error.to_string()))?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Ok(line)
}

pub(crate) fn backup(folder: &Path, file: &Path, language: Language) -> Result<(), Problem> {
    // With a running node the node makes the copy; without one it is made here, for a crash may have
    // left messages in the journal.
    let (store, _held) = match ask(folder, &Request::CopyStore) {
        Ok(value) => (read::<PathBuf>(value)?, None),
        Err(Problem::NotRunning(_)) => {
            let held =
                Folder::take_existing(folder)?.ok_or_else(|| Problem::NotRunning(folder.into()))?;
            let copies = folder.join("backups");
            let copy = copies.join("copy-offline.redb");
            std::fs::create_dir_all(&copies).map_err(|error| file_problem(&copies, &error))?;
            // Of a backup that was cut short; nobody else writes here while the folder is held.
            let _ = std::fs::remove_file(&copy);
            chater_engine::copy_store(folder, &copy)
                .map_err(|error| start_problem(folder, error))?;
            (copy, Some(held))
        }
        Err(problem) => return Err(problem),
    };
    let result = write_backup(folder, file, &store);
    let _ = std::fs::remove_file(&store);
    let bytes = result?;
    print(format!(
        "{} {} ({} {})",
        language.of("Резервная копия:", "Backup:"),
        file.display(),
        bytes.div_ceil(1024),
        language.of("КиБ", "KiB")
    ));
    print(language.of(
        "В ней ключ узла: храните её так, чтобы никто другой не прочёл.",
        "It holds the node's key: keep it where nobody else can read it.",
    ));
    Ok(())
}

/// One account's export: the node writes it, this takes it to where it was asked for.
pub(crate) fn export(
    folder: &Path,
    nick: String,
    file: &Path,
    language: Language,
) -> Result<(), Problem> {
    let password = read_password(language.of("Пароль этого человека:", "Their password:"))?;
    let request = Request::Export {
        nick,
        password: password.to_string(),
    };
    let made = read::<PathBuf>(ask(folder, &request)?)?;
    let open = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    let copied = open.and_then(|mut out| {
        let mut from = File::open(&made)?;
        let bytes = std::io::copy(&mut from, &mut out);
        bytes.and_then(|bytes| out.sync_all().map(|()| bytes))
    });
    let _ = std::fs::remove_file(&made);
    let bytes = copied.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Problem::Exists(file.into()),
        _ => {
            let _ = std::fs::remove_file(file);
            file_problem(file, &error)
        }
    })?;
    print(format!(
        "{} {} ({} {})",
        language.of("Данные:", "Exported:"),
        file.display(),
        bytes.div_ceil(1024),
        language.of("КиБ", "KiB")
    ));
    print(language.of(
        "Файл не зашифрован: храните его там, где его не прочтут другие.",
        "It is not encrypted: keep it where others cannot read it.",
    ));
    Ok(())
}

fn write_backup(folder: &Path, file: &Path, store: &Path) -> Result<u64, Problem> {
    let open = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    let out = open.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Problem::Exists(file.into()),
        _ => file_problem(file, &error),
    })?;
    let write = || -> std::io::Result<u64> {
        let files = archive::files_of(folder, store.to_owned())?;
        let mut out = BufWriter::new(&out);
        let bytes = archive::write(&mut out, &files)?;
        out.flush()?;
        drop(out);
        Ok(bytes)
    };
    let written = write().and_then(|bytes| out.sync_all().map(|()| bytes));
    written.map_err(|error| {
        let _ = std::fs::remove_file(file);
        file_problem(file, &error)
    })
}

pub(crate) fn restore(folder: &Path, file: &Path, language: Language) -> Result<(), Problem> {
    let input = File::open(file).map_err(|error| file_problem(file, &error))?;
    let held = Folder::take(folder)?;
    if ["node.key", "chater.redb", "chater.journal", "blobs"]
        .iter()
        .any(|name| folder.join(name).exists())
    {
        return Err(Problem::NotEmpty(folder.into()));
    }
    let fresh = folder.join("restore.new");
    let _ = std::fs::remove_dir_all(&fresh);
    std::fs::create_dir(&fresh).map_err(|error| file_problem(&fresh, &error))?;
    let result = archive::read(&mut BufReader::new(input), &fresh)
        .map_err(|error| match error {
            ReadError::Io(error) => file_problem(file, &error),
            ReadError::Damaged(why) => Problem::NotABackup {
                path: file.into(),
                why: why.into(),
            },
        })
        .and_then(|names| settle_in(folder, &fresh, &names));
    let _ = std::fs::remove_dir_all(&fresh);
    result?;
    drop(held);
    print(language.of(
        "Восстановлено. Запустите: chater. Прежний узел с этими данными больше не запускайте.",
        "Restored. Start it with: chater. Do not start the old node with this data again.",
    ));
    Ok(())
}

/// Moves what was checked into place; the key last, for with it the folder is a node's.
fn settle_in(folder: &Path, fresh: &Path, names: &[String]) -> Result<(), Problem> {
    let mut tops: Vec<&str> = names
        .iter()
        .filter_map(|name| name.split('/').next())
        .collect();
    tops.sort_unstable();
    tops.dedup();
    if !tops.contains(&"node.key") || !tops.contains(&"chater.redb") {
        return Err(Problem::NotABackup {
            path: folder.into(),
            why: "no key or no store".into(),
        });
    }
    // Settings that are there already were written for this folder.
    tops.retain(|top| *top != "chater.toml" || !folder.join(top).exists());
    tops.sort_by_key(|top| *top == "node.key");
    for top in tops {
        std::fs::rename(fresh.join(top), folder.join(top))
            .map_err(|error| file_problem(&folder.join(top), &error))?;
    }
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| file_problem(folder, &error))
}

fn file_problem(path: &Path, error: &std::io::Error) -> Problem {
    Problem::File {
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
    use chater_store::tables::Table;
    use chater_store::{Durability, Rows as _, Store, StoreError};

    use super::*;

    fn filled(folder: &Path) {
        let held = Folder::take(folder).unwrap();
        held.key().unwrap();
        // Not settled by a clean stop: the row is in the journal only.
        let store = Store::open(&folder.join("chater.redb")).unwrap();
        let put = store.write::<_, StoreError>(Durability::Commit, |tx| {
            tx.put(Table::Events, b"key", &[9; 5_000])
        });
        put.unwrap();
    }

    fn row_in(folder: &Path) -> Option<Vec<u8>> {
        let store = Store::open(&folder.join("chater.redb")).unwrap();
        store.read().unwrap().get(Table::Events, b"key").unwrap()
    }

    #[test]
    fn a_backup_of_a_stopped_node_can_be_restored_once() {
        let base = tempfile::tempdir().unwrap();
        let (from, to, file) = (
            base.path().join("from"),
            base.path().join("to"),
            base.path().join("copy"),
        );
        filled(&from);
        backup(&from, &file, Language::En).unwrap();
        assert!(matches!(
            backup(&from, &file, Language::En),
            Err(Problem::Exists(_))
        ));
        restore(&to, &file, Language::En).unwrap();
        let key = |folder: &Path| std::fs::read(folder.join("node.key")).unwrap();
        assert_eq!(key(&from), key(&to));
        assert_eq!(row_in(&to), Some(vec![9; 5_000]));
        assert!(!to.join("restore.new").exists());
        assert!(Folder::take(&to).unwrap().key().is_ok());
        assert!(matches!(
            restore(&to, &file, Language::En),
            Err(Problem::NotEmpty(_))
        ));
    }

    #[test]
    fn a_damaged_backup_leaves_the_folder_empty() {
        let base = tempfile::tempdir().unwrap();
        let (from, to, file) = (
            base.path().join("from"),
            base.path().join("to"),
            base.path().join("copy"),
        );
        filled(&from);
        backup(&from, &file, Language::En).unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.truncate(bytes.len() - 3_000);
        std::fs::write(&file, bytes).unwrap();
        assert!(matches!(
            restore(&to, &file, Language::En),
            Err(Problem::NotABackup { .. })
        ));
        let left: Vec<_> = std::fs::read_dir(&to)
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        assert_eq!(left, ["lock"]);
    }

    #[test]
    fn a_running_node_is_never_restored_over() {
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("copy");
        std::fs::write(&file, "x").unwrap();
        let _held = Folder::take(base.path()).unwrap();
        assert!(matches!(
            restore(base.path(), &file, Language::En),
            Err(Problem::InUse { .. })
        ));
    }
}
