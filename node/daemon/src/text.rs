//! Every sentence that the terminal shows, in Russian and in English (Q19). Log lines are not here: they are English.

use std::fmt;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A language of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// Russian, the default.
    #[default]
    Ru,
    /// English.
    En,
}

impl Language {
    /// The code used by the engine and the pages.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Ru => "ru",
            Self::En => "en",
        }
    }

    /// The one of two texts that is in this language.
    #[must_use]
    pub fn of<'a>(self, ru: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Ru => ru,
            Self::En => en,
        }
    }
}

/// One line to the terminal. A closed or full stdout is no reason to stop a node.
pub fn print(line: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", line.as_ref());
    let _ = out.flush();
}

/// One line to stderr.
pub fn print_problem(line: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", line.as_ref());
}

/// What a running node says of itself.
#[derive(Debug)]
pub enum Say {
    /// The address to open in a browser.
    Open(String),
    /// Where the data is.
    Data(PathBuf),
    /// The code the first user has to type.
    SetUpCode(String),
    /// The usual port was taken, another one is used.
    OtherPort {
        /// The usual one.
        wanted: u16,
        /// The ones used.
        used: Vec<u16>,
    },
    /// The pages are open to the home network, at these addresses.
    Home(Vec<String>),
    /// Pages beyond this computer without TLS.
    NoTls,
    /// A signal came; the node finishes.
    Stopping,
}

impl Say {
    /// The sentence.
    #[must_use]
    pub fn sentence(&self, language: Language) -> String {
        let ru = language == Language::Ru;
        match self {
            Self::Open(url) if ru => format!("Откройте {url}"),
            Self::Open(url) => format!("Open {url}"),
            Self::Data(path) if ru => format!("Данные: {}", path.display()),
            Self::Data(path) => format!("Data: {}", path.display()),
            Self::SetUpCode(code) if ru => format!("Код для первой регистрации (владелец узла): {code}"),
            Self::SetUpCode(code) => format!("Code for the first registration (the node's owner): {code}"),
            Self::OtherPort { wanted, used } if ru => {
                format!("Порт {wanted} занят, для связи с узлами взят {}", list(used))
            }
            Self::OtherPort { wanted, used } => {
                format!("Port {wanted} is taken, linking to nodes uses {}", list(used))
            }
            Self::Home(urls) if urls.is_empty() => language
                .of(
                    "Домашняя сеть: страницы откроются, когда у этого компьютера будет адрес в ней.",
                    "Home network: the pages open as soon as this computer has an address there.",
                )
                .into(),
            Self::Home(urls) => format!(
                "{} {}",
                language.of("В домашней сети:", "In the home network:"),
                urls.join(" ")
            ),
            Self::NoTls => language
                .of(
                    "Внимание: страницы видны в сети без шифрования (HTTP), пароли можно подслушать. Поставьте прокси с HTTPS и задайте --public-url.",
                    "Warning: the pages are on the network without encryption (HTTP), passwords can be overheard. Use a proxy with HTTPS and set --public-url.",
                )
                .into(),
            Self::Stopping => language.of("Останавливаюсь…", "Stopping…").into(),
        }
    }
}

/// Why the program ends with 1. Nothing was changed, unless the sentence says so.
#[derive(Debug)]
pub enum Problem {
    /// No home folder, so no default data folder.
    NoHome,
    /// The data folder cannot be made or written.
    Unwritable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// The path is there but is no folder.
    NotAFolder(PathBuf),
    /// Another process uses the folder.
    InUse {
        /// Which.
        path: PathBuf,
        /// Where the other one answers.
        address: Option<String>,
        /// Its process id.
        pid: Option<u32>,
    },
    /// Others may read the node's key.
    KeyReadable {
        /// The key file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The key has not 32 bytes.
    KeyDamaged(PathBuf),
    /// There is data but no key to open it.
    KeyGone(PathBuf),
    /// The system gives no random bytes.
    NoRandom(String),
    /// A web address is in use.
    PortTaken(SocketAddr),
    /// A web address cannot be used for another reason.
    Bind {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        why: String,
    },
    /// An address for other nodes cannot be used.
    Listen {
        /// The multiaddr.
        address: String,
        /// What the system says.
        why: String,
    },
    /// A newer program wrote the data.
    NewerData(PathBuf),
    /// The data file cannot be opened.
    Store {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// `chater.toml` cannot be read.
    ConfigUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// `chater.toml` has a key nobody knows.
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// A setting has a value that does not fit.
    BadValue {
        /// The setting.
        key: String,
        /// Its value.
        value: String,
        /// What is wrong.
        why: String,
    },
    /// No node runs on this folder.
    NotRunning(PathBuf),
    /// The control socket belongs to somebody else.
    ForeignSocket(PathBuf),
    /// Talking to the running node failed.
    Control(String),
    /// The running node refused.
    Refused {
        /// The engine's word: `not_found`, `invalid`, ...
        code: String,
        /// Details in English.
        why: String,
    },
    /// The folder to restore into holds something.
    NotEmpty(PathBuf),
    /// The file to write exists already.
    Exists(PathBuf),
    /// A file cannot be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The file is no backup of a node.
    NotABackup {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The text is no invitation.
    BadLink(String),
    /// Anything else.
    Other(String),
}

impl Problem {
    /// The one sentence (with what to do, where something can be done).
    #[must_use]
    pub fn sentence(&self, language: Language) -> String {
        match language {
            Language::Ru => self.ru(),
            Language::En => self.en(),
        }
    }

    fn ru(&self) -> String {
        match self {
            Self::NoHome => {
                "Не найдена домашняя папка: укажите папку данных ключом --data-dir.".into()
            }
            Self::Unwritable { path, why } => {
                format!(
                    "В папку данных {} нельзя писать ({why}): исправьте права или выберите другую ключом --data-dir.",
                    path.display()
                )
            }
            Self::NotAFolder(path) => format!(
                "{} не папка: выберите другую ключом --data-dir.",
                path.display()
            ),
            Self::InUse { path, address, pid } => {
                let whom = pid.map_or_else(String::new, |pid| format!(" (процесс {pid})"));
                match address {
                    Some(address) => format!(
                        "Узел с папкой {} уже работает{whom}: откройте {address}",
                        path.display()
                    ),
                    None => format!(
                        "Папка {} занята другим процессом chater{whom}.",
                        path.display()
                    ),
                }
            }
            Self::KeyReadable { path, mode } => format!(
                "Ключ узла {0} доступен другим пользователям (права {mode:04o}): выполните chmod 600 '{0}'.",
                path.display()
            ),
            Self::KeyDamaged(path) => format!(
                "Ключ узла {} повреждён: восстановите его из резервной копии.",
                path.display()
            ),
            Self::KeyGone(path) => format!(
                "Есть данные узла, но нет ключа {}: восстановите его из резервной копии.",
                path.display()
            ),
            Self::NoRandom(why) => format!("Система не даёт случайных чисел: {why}."),
            Self::PortTaken(address) => format!(
                "Порт {} занят (адрес {address}): остановите занявшую его программу или выберите другой порт ключом --web-addr.",
                address.port()
            ),
            Self::Bind { address, why } => format!(
                "Нельзя открыть адрес {address} ({why}): выберите другой ключом --web-addr."
            ),
            Self::Listen { address, why } => format!(
                "Нельзя открыть адрес {address} ({why}): выберите другой ключом --p2p-addr."
            ),
            Self::NewerData(path) => format!(
                "Данные в {} записаны более новой версией Chater: обновите программу. Ничего не изменено.",
                path.display()
            ),
            Self::Store { path, why } => {
                format!("Файл данных {path} не открывается: {why}. Ничего не изменено.")
            }
            Self::ConfigUnreadable { path, why } => {
                format!("Файл настроек {} не читается: {why}", path.display())
            }
            Self::UnknownKey { path, key } => format!(
                "Неизвестный ключ «{key}» в файле настроек {}.",
                path.display()
            ),
            Self::BadValue { key, value, why } => {
                format!("Настройка {key}: значение «{value}» не подходит ({why}).")
            }
            Self::NotRunning(path) => format!(
                "Узел с папкой {} не работает: запустите его командой chater.",
                path.display()
            ),
            Self::ForeignSocket(path) => format!(
                "Управляющий сокет {} принадлежит другому пользователю.",
                path.display()
            ),
            Self::Control(why) => format!("Узел не ответил: {why}."),
            Self::Refused { code, why } => format!("Узел отказал: {}.", refusal(code, why).0),
            Self::NotEmpty(path) => format!(
                "В папке {} уже есть данные узла: укажите пустую ключом --data-dir.",
                path.display()
            ),
            Self::Exists(path) => format!("Файл {} уже есть: выберите другое имя.", path.display()),
            Self::File { path, why } => format!("Файл {}: {why}.", path.display()),
            Self::NotABackup { path, why } => {
                format!("{} не резервная копия узла ({why}).", path.display())
            }
            Self::BadLink(link) => format!(
                "«{link}» не приглашение: оно начинается с chater: и выдаётся командой chater invite."
            ),
            Self::Other(why) => format!("Не получилось: {why}"),
        }
    }

    fn en(&self) -> String {
        match self {
            Self::NoHome => {
                "No home folder was found: name the data folder with --data-dir.".into()
            }
            Self::Unwritable { path, why } => format!(
                "The data folder {} cannot be written ({why}): mend its permissions or choose another with --data-dir.",
                path.display()
            ),
            Self::NotAFolder(path) => format!(
                "{} is not a folder: choose another with --data-dir.",
                path.display()
            ),
            Self::InUse { path, address, pid } => {
                let whom = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
                match address {
                    Some(address) => format!(
                        "A node with the folder {} is already running{whom}: open {address}",
                        path.display()
                    ),
                    None => format!(
                        "The folder {} is in use by another chater process{whom}.",
                        path.display()
                    ),
                }
            }
            Self::KeyReadable { path, mode } => format!(
                "The node's key {0} can be read by other users (mode {mode:04o}): run chmod 600 '{0}'.",
                path.display()
            ),
            Self::KeyDamaged(path) => format!(
                "The node's key {} is damaged: restore it from a backup.",
                path.display()
            ),
            Self::KeyGone(path) => format!(
                "There is data of a node but no key {}: restore it from a backup.",
                path.display()
            ),
            Self::NoRandom(why) => format!("The system gives no random numbers: {why}."),
            Self::PortTaken(address) => format!(
                "Port {} is taken (address {address}): stop the program that uses it or choose another port with --web-addr.",
                address.port()
            ),
            Self::Bind { address, why } => format!(
                "The address {address} cannot be used ({why}): choose another with --web-addr."
            ),
            Self::Listen { address, why } => format!(
                "The address {address} cannot be used ({why}): choose another with --p2p-addr."
            ),
            Self::NewerData(path) => format!(
                "The data in {} was written by a newer Chater: update the program. Nothing was changed.",
                path.display()
            ),
            Self::Store { path, why } => {
                format!("The data file {path} cannot be opened: {why}. Nothing was changed.")
            }
            Self::ConfigUnreadable { path, why } => {
                format!("The settings file {} cannot be read: {why}", path.display())
            }
            Self::UnknownKey { path, key } => format!(
                "Unknown key \"{key}\" in the settings file {}.",
                path.display()
            ),
            Self::BadValue { key, value, why } => {
                format!("Setting {key}: the value \"{value}\" does not fit ({why}).")
            }
            Self::NotRunning(path) => format!(
                "No node runs with the folder {}: start it with chater.",
                path.display()
            ),
            Self::ForeignSocket(path) => format!(
                "The control socket {} belongs to another user.",
                path.display()
            ),
            Self::Control(why) => format!("The node did not answer: {why}."),
            Self::Refused { code, why } => format!("The node refused: {}.", refusal(code, why).1),
            Self::NotEmpty(path) => format!(
                "The folder {} already holds a node: name an empty one with --data-dir.",
                path.display()
            ),
            Self::Exists(path) => format!(
                "The file {} exists already: choose another name.",
                path.display()
            ),
            Self::File { path, why } => format!("File {}: {why}.", path.display()),
            Self::NotABackup { path, why } => {
                format!("{} is not a backup of a node ({why}).", path.display())
            }
            Self::BadLink(link) => format!(
                "\"{link}\" is not an invitation: those begin with chater: and are made by chater invite."
            ),
            Self::Other(why) => format!("It did not work: {why}"),
        }
    }
}

/// What a running node's refusal means, in both languages.
fn refusal(code: &str, why: &str) -> (String, String) {
    let (ru, en) = match code {
        "not_found" => ("не найдено", "not found"),
        "taken" => ("занято", "taken"),
        "registration_closed" => ("регистрация закрыта", "registration is closed"),
        "busy" => (
            "узел занят, повторите позже",
            "the node is busy, try again later",
        ),
        "stopping" => ("узел останавливается", "the node is stopping"),
        "storage_full" => ("на диске нет места", "the disk is full"),
        "storage_failed" => ("диск не работает", "the disk does not work"),
        "link_expired" => ("срок ссылки истёк", "the link has expired"),
        "link_used" => (
            "по этой ссылке уже вошли все, на кого она рассчитана",
            "the link has been used up",
        ),
        "link_revoked" => ("ссылку отозвали", "the link was taken back"),
        "link_wrong" => (
            "такой ссылки узел не выдавал",
            "the node has made no such link",
        ),
        "own_link" => (
            "эту ссылку выдал этот же узел",
            "this very node has made the link",
        ),
        "unreachable" => (
            "узел, выдавший ссылку, не отвечает",
            "the node that made the link does not answer",
        ),
        "another_node" => (
            "по этому адресу отвечает другой узел",
            "another node answers at that address",
        ),
        "blocked" => ("узел заблокирован", "the node is blocked"),
        "too_many" => (
            "слишком много попыток, повторите через минуту",
            "too many tries, try again in a minute",
        ),
        "ambiguous" => {
            return (
                format!("подходит несколько, назовите точнее ({why})"),
                format!("several fit, be more exact ({why})"),
            );
        }
        "invalid" => {
            return (
                format!("неверное значение ({why})"),
                format!("wrong value ({why})"),
            );
        }
        _ => return (why.to_owned(), why.to_owned()),
    };
    (ru.to_owned(), en.to_owned())
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en())
    }
}

impl std::error::Error for Problem {}

fn list(ports: &[u16]) -> String {
    ports
        .iter()
        .map(u16::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_problem() -> Vec<Problem> {
        let path = PathBuf::from("/d");
        let why = String::from("because");
        vec![
            Problem::NoHome,
            Problem::Unwritable {
                path: path.clone(),
                why: why.clone(),
            },
            Problem::NotAFolder(path.clone()),
            Problem::InUse {
                path: path.clone(),
                address: Some("http://localhost:5000".into()),
                pid: Some(7),
            },
            Problem::InUse {
                path: path.clone(),
                address: None,
                pid: None,
            },
            Problem::KeyReadable {
                path: path.clone(),
                mode: 0o644,
            },
            Problem::KeyDamaged(path.clone()),
            Problem::KeyGone(path.clone()),
            Problem::NoRandom(why.clone()),
            Problem::PortTaken(SocketAddr::from(([127, 0, 0, 1], 5000))),
            Problem::Bind {
                address: SocketAddr::from(([127, 0, 0, 1], 80)),
                why: why.clone(),
            },
            Problem::Listen {
                address: "/ip4/0.0.0.0/tcp/1".into(),
                why: why.clone(),
            },
            Problem::NewerData(path.clone()),
            Problem::Store {
                path: "/d/chater.redb".into(),
                why: why.clone(),
            },
            Problem::ConfigUnreadable {
                path: path.clone(),
                why: why.clone(),
            },
            Problem::UnknownKey {
                path: path.clone(),
                key: "colour".into(),
            },
            Problem::BadValue {
                key: "language".into(),
                value: "fr".into(),
                why: why.clone(),
            },
            Problem::NotRunning(path.clone()),
            Problem::ForeignSocket(path.clone()),
            Problem::Control(why.clone()),
            Problem::Refused {
                code: "not_found".into(),
                why: why.clone(),
            },
            Problem::NotEmpty(path.clone()),
            Problem::Exists(path.clone()),
            Problem::File {
                path: path.clone(),
                why: why.clone(),
            },
            Problem::NotABackup {
                path,
                why: why.clone(),
            },
            Problem::BadLink("x".into()),
            Problem::Other(why),
        ]
    }

    #[test]
    fn every_sentence_is_one_line_in_its_own_language() {
        for problem in every_problem() {
            let (ru, en) = (
                problem.sentence(Language::Ru),
                problem.sentence(Language::En),
            );
            assert!(!ru.contains('\n') && !en.contains('\n'), "{ru}\n{en}");
            assert!(ru.chars().any(|c| ('а'..='я').contains(&c)), "{ru}");
            assert!(!en.chars().any(|c| ('а'..='я').contains(&c)), "{en}");
        }
    }

    #[test]
    fn a_taken_port_names_port_and_option() {
        let sentence =
            Problem::PortTaken(SocketAddr::from(([127, 0, 0, 1], 5000))).sentence(Language::Ru);
        assert!(
            sentence.contains("5000") && sentence.contains("--web-addr"),
            "{sentence}"
        );
    }

    #[test]
    fn the_first_line_says_what_to_open() {
        let open = Say::Open("http://localhost:5000".into());
        assert_eq!(
            open.sentence(Language::Ru),
            "Откройте http://localhost:5000"
        );
        assert_eq!(open.sentence(Language::En), "Open http://localhost:5000");
    }
}
