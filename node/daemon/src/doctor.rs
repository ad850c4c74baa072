//! `chater doctor`: what may stand in the way, one line each, with what to do about it.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::config::Config;
use crate::control::ask;
use crate::folder;
use crate::node::try_port;
use crate::shapes::{CheckLine, Request, Status};
use crate::text::Language;

/// Below this the node may soon refuse messages.
const LITTLE_SPACE: u64 = 256 << 20;
/// The program cannot be older than itself: 2025-01-01.
const EARLIEST: u64 = 1_735_689_600;

/// How one thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Fine.
    Good,
    /// Works, but.
    Warning,
    /// Will not work.
    Bad,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it stands.
    pub verdict: Verdict,
    /// What was found and, if need be, what to do.
    pub text: String,
}

impl Finding {
    /// As it is printed.
    #[must_use]
    pub fn line(&self) -> String {
        let mark = match self.verdict {
            Verdict::Good => "✓",
            Verdict::Warning => "!",
            Verdict::Bad => "✗",
        };
        format!("{mark} {}", self.text)
    }
}

/// Collects findings in one language.
struct Notes {
    language: Language,
    found: Vec<Finding>,
}

impl Notes {
    fn note(&mut self, verdict: Verdict, ru: &str, en: &str) {
        self.found.push(Finding {
            verdict,
            text: self.language.of(ru, en).to_owned(),
        });
    }
}

/// Looks at everything and changes nothing.
#[must_use]
pub fn examine(config: &Config) -> Vec<Finding> {
    let mut notes = Notes {
        language: config.language,
        found: Vec::new(),
    };
    data_folder(&config.data_dir, &mut notes);
    key(&config.data_dir, &mut notes);
    let status = node(&config.data_dir, &mut notes);
    // A running node knows more: the same lines as on its page «Почему никого не видно».
    if status.is_some() && running(config, &mut notes) {
        return notes.found;
    }
    ports(config, &mut notes);
    space(&config.data_dir, &mut notes);
    clock(&config.data_dir, &mut notes);
    lan(config, &mut notes);
    notes.found
}

/// What the running node found out about itself; false when it does not answer that.
fn running(config: &Config, notes: &mut Notes) -> bool {
    let request = Request::Checks {
        language: config.language.code().into(),
    };
    let lines = ask(&config.data_dir, &request)
        .ok()
        .and_then(|value| serde_json::from_value::<Vec<CheckLine>>(value).ok());
    let Some(lines) = lines else { return false };
    notes.found.extend(lines.into_iter().map(|line| Finding {
        verdict: match line.verdict {
            0 => Verdict::Good,
            1 => Verdict::Warning,
            _ => Verdict::Bad,
        },
        text: line.text,
    }));
    true
}

fn data_folder(path: &Path, notes: &mut Notes) {
    let shown = path.display();
    let Ok(found) = std::fs::metadata(path) else {
        let parent = path
            .ancestors()
            .find(|above| above.exists())
            .unwrap_or(Path::new("/"));
        if rustix::fs::access(parent, rustix::fs::Access::WRITE_OK).is_ok() {
            notes.note(
                Verdict::Good,
                &format!("Папки данных {shown} ещё нет, первый запуск её создаст"),
                &format!("The data folder {shown} is not there yet, the first start makes it"),
            );
        } else {
            notes.note(Verdict::Bad, &format!("Папку данных {shown} нельзя создать: дайте право писать в {} или укажите другую ключом --data-dir", parent.display()), &format!("The data folder {shown} cannot be made: allow writing to {} or name another with --data-dir", parent.display()));
        }
        return;
    };
    if !found.is_dir() {
        notes.note(
            Verdict::Bad,
            &format!("{shown} не папка: укажите другую ключом --data-dir"),
            &format!("{shown} is not a folder: name another with --data-dir"),
        );
        return;
    }
    let access =
        rustix::fs::Access::WRITE_OK | rustix::fs::Access::READ_OK | rustix::fs::Access::EXEC_OK;
    if rustix::fs::access(path, access).is_err() {
        notes.note(
            Verdict::Bad,
            &format!(
                "В папку данных {shown} нельзя писать: выполните chown -R \"$USER\" '{shown}'"
            ),
            &format!("The data folder {shown} cannot be written: run chown -R \"$USER\" '{shown}'"),
        );
    } else if found.mode() & 0o077 != 0 {
        notes.note(
            Verdict::Warning,
            &format!(
                "Папка данных {shown} открыта другим пользователям: выполните chmod 700 '{shown}'"
            ),
            &format!("The data folder {shown} is open to other users: run chmod 700 '{shown}'"),
        );
    } else {
        notes.note(
            Verdict::Good,
            &format!("Папка данных {shown}"),
            &format!("Data folder {shown}"),
        );
    }
}

fn key(folder: &Path, notes: &mut Notes) {
    let path = folder.join("node.key");
    let shown = path.display();
    match std::fs::metadata(&path) {
        Ok(found) if found.mode() & 0o077 != 0 => notes.note(
            Verdict::Bad,
            &format!("Ключ узла доступен другим: выполните chmod 600 '{shown}'"),
            &format!("The node's key can be read by others: run chmod 600 '{shown}'"),
        ),
        Ok(found) if found.len() != 32 => notes.note(
            Verdict::Bad,
            &format!("Ключ узла {shown} повреждён: восстановите его из резервной копии"),
            &format!("The node's key {shown} is damaged: restore it from a backup"),
        ),
        Ok(_) => notes.note(
            Verdict::Good,
            "Ключ узла на месте, доступен только вам",
            "The node's key is there, only you can read it",
        ),
        Err(_) if folder.join("chater.redb").exists() => notes.note(
            Verdict::Bad,
            &format!("Есть данные, но нет ключа {shown}: восстановите его из резервной копии"),
            &format!("There is data but no key {shown}: restore it from a backup"),
        ),
        Err(_) => notes.note(
            Verdict::Good,
            "Ключа ещё нет, первый запуск его создаст",
            "There is no key yet, the first start makes it",
        ),
    }
}

fn node(folder: &Path, notes: &mut Notes) -> Option<Status> {
    let status = ask(folder, &Request::Status)
        .ok()
        .and_then(|value| serde_json::from_value::<Status>(value).ok());
    match &status {
        Some(status) if status.healthy => notes.note(
            Verdict::Good,
            &format!(
                "Узел {} работает (процесс {}): {}",
                status.name,
                status.pid,
                status.web.join(", ")
            ),
            &format!(
                "Node {} is running (process {}): {}",
                status.name,
                status.pid,
                status.web.join(", ")
            ),
        ),
        Some(status) => notes.note(
            Verdict::Bad,
            &format!(
                "Узел {} работает, но не может записывать: проверьте место на диске и журнал",
                status.name
            ),
            &format!(
                "Node {} is running but cannot store anything: check disk space and the log",
                status.name
            ),
        ),
        None => match folder::Folder::take_existing(folder) {
            Err(_) if folder.exists() => notes.note(
                Verdict::Bad,
                "Процесс chater держит папку, но не отвечает: остановите его и запустите снова",
                "A chater process holds the folder but does not answer: stop it and start it again",
            ),
            _ if folder::running(folder).is_some() => notes.note(
                Verdict::Warning,
                "Узел не работает; прошлый раз он остановился не по команде (это не опасно)",
                "The node is not running; last time it did not stop by itself (this is harmless)",
            ),
            _ => notes.note(
                Verdict::Good,
                "Узел сейчас не работает",
                "The node is not running now",
            ),
        },
    }
    status
}

fn ports(config: &Config, notes: &mut Notes) {
    for address in &config.web_addr {
        match TcpListener::bind(address) {
            Ok(_) => notes.note(Verdict::Good, &format!("Адрес страниц {address} свободен"), &format!("The address of the pages {address} is free")),
            Err(error) => notes.note(Verdict::Bad, &format!("Адрес страниц {address} не открыть ({error}): остановите занявшую его программу или задайте --web-addr"), &format!("The address of the pages {address} cannot be used ({error}): stop the program that uses it or set --web-addr")),
        }
    }
    for address in &config.p2p_addr {
        match try_port(address) {
            Ok(()) => notes.note(Verdict::Good, &format!("Адрес для узлов {address} свободен"), &format!("The address for nodes {address} is free")),
            Err(error) if config.p2p_explicit => notes.note(Verdict::Bad, &format!("Адрес для узлов {address} не открыть ({error}): задайте другой --p2p-addr"), &format!("The address for nodes {address} cannot be used ({error}): set another --p2p-addr")),
            Err(error) => notes.note(Verdict::Warning, &format!("Адрес для узлов {address} не открыть ({error}): узел возьмёт другой порт"), &format!("The address for nodes {address} cannot be used ({error}): the node will take another port")),
        }
    }
}

fn space(folder: &Path, notes: &mut Notes) {
    let Some(place) = folder.ancestors().find(|above| above.exists()) else {
        return;
    };
    let Ok(found) = rustix::fs::statvfs(place) else {
        return;
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let mib = free >> 20;
    if free < LITTLE_SPACE {
        notes.note(Verdict::Bad, &format!("На диске свободно {mib} МиБ: освободите место, иначе узел перестанет принимать сообщения"), &format!("{mib} MiB free on the disk: make room, else the node will stop accepting messages"));
    } else {
        notes.note(
            Verdict::Good,
            &format!("На диске свободно {mib} МиБ"),
            &format!("{mib} MiB free on the disk"),
        );
    }
}

fn clock(folder: &Path, notes: &mut Notes) {
    let now = SystemTime::now();
    let seconds = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let written = std::fs::metadata(folder.join("chater.redb"))
        .and_then(|found| found.modified())
        .ok();
    if seconds < EARLIEST {
        notes.note(
            Verdict::Bad,
            "Часы стоят в прошлом: включите синхронизацию (timedatectl set-ntp true)",
            "The clock is in the past: switch on synchronisation (timedatectl set-ntp true)",
        );
    } else if written.is_some_and(|written| written > now + Duration::from_secs(60)) {
        notes.note(Verdict::Bad, "Часы отстают: данные записаны позже, чем сейчас; включите синхронизацию (timedatectl set-ntp true)", "The clock is late: the data was written after now; switch on synchronisation (timedatectl set-ntp true)");
    } else {
        notes.note(
            Verdict::Good,
            "Часы правдоподобны; сверьте их, если сообщения стоят не по порядку",
            "The clock is plausible; compare it if messages are out of order",
        );
    }
}

fn lan(config: &Config, notes: &mut Notes) {
    if !config.mdns {
        notes.note(
            Verdict::Warning,
            "Поиск узлов в локальной сети выключен (no_mdns)",
            "Looking for nodes on the local network is off (no_mdns)",
        );
    } else if !multicast_works() {
        notes.note(Verdict::Warning, "Локальной сети нет или она не пропускает групповую рассылку: узлы рядом сами не найдутся, связывайте их командой chater join", "There is no local network, or it blocks multicast: nearby nodes will not be found, link them with chater join");
    } else {
        notes.note(
            Verdict::Good,
            "Локальная сеть есть, групповая рассылка (mDNS, UDP 5353) отправляется",
            "There is a local network and multicast (mDNS, UDP 5353) goes out",
        );
    }
}

/// An mDNS question to the group: a network without multicast refuses to send it.
fn multicast_works() -> bool {
    // "Who offers _p2p._udp.local?", as the network asks.
    let mut question = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in ["_p2p", "_udp", "local"] {
        question.push(u8::try_from(label.len()).unwrap_or(0));
        question.extend_from_slice(label.as_bytes());
    }
    question.extend_from_slice(&[0, 0, 12, 0, 1]);
    let group = Ipv4Addr::new(224, 0, 0, 251);
    let Ok(socket) = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)) else {
        return false;
    };
    socket
        .join_multicast_v4(&group, &Ipv4Addr::UNSPECIFIED)
        .is_ok()
        && socket.send_to(&question, (group, 5353)).is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::config::Surroundings;
    use crate::layer::Layer;

    fn examined(folder: &Path, web: &str) -> Vec<Finding> {
        let layer = Layer {
            data_dir: Some(folder.into()),
            web_addr: vec![web.into()],
            p2p_addr: vec!["/ip4/127.0.0.1/tcp/0".into()],
            language: Some("en".into()),
            ..Layer::default()
        };
        examine(
            &Config::settle(
                layer,
                &Surroundings {
                    env: &|_| None,
                    host: "h".into(),
                },
            )
            .unwrap(),
        )
    }

    fn bad(found: &[Finding]) -> Vec<&str> {
        found
            .iter()
            .filter(|finding| finding.verdict == Verdict::Bad)
            .map(|finding| finding.text.as_str())
            .collect()
    }

    #[test]
    fn a_fresh_machine_has_nothing_wrong_and_nothing_is_made() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("none");
        let found = examined(&folder, "127.0.0.1:0");
        assert_eq!(bad(&found), Vec::<&str>::new());
        assert!(!folder.exists());
    }

    #[test]
    fn each_fault_is_named_with_what_to_do() {
        let base = tempfile::tempdir().unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        std::fs::write(base.path().join("node.key"), [1; 32]).unwrap();
        std::fs::set_permissions(
            base.path().join("node.key"),
            std::fs::Permissions::from_mode(0o644),
        )
        .unwrap();
        let found = examined(base.path(), &taken.local_addr().unwrap().to_string());
        let bad = bad(&found);
        assert!(bad.iter().any(|text| text.contains("chmod 600")), "{bad:?}");
        assert!(
            bad.iter().any(|text| text.contains("--web-addr")),
            "{bad:?}"
        );
    }
}
