//! The command line: reads it, starts a node or asks a running one, and turns every problem into one sentence and exit 1.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, BufWriter, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde::de::DeserializeOwned;
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use crate::config::{Config, Layer, Surroundings, likely_language};
use crate::control::{
    Allowed, Circle, Decision, HomeStatus, MailAct, MailBook, MailStatus, Request, Status,
    UserLine, ask,
};
use crate::doctor::{self, Verdict};
use crate::folder::Folder;
use crate::invitation::{Invitation, Reach};
use crate::logging;
use crate::node::{Node, start_problem};
use crate::text::{Language, Problem, Say, print, print_problem};
use chater_engine::archive::{self, ReadError};

/// Threads for passwords (two at once) and files; more would only cost memory.
const BLOCKING_THREADS: usize = 8;

const MIB: u64 = 1024 * 1024;

#[derive(Parser)]
#[command(
    name = "chater",
    version,
    about = "Your own chat server, linked with those of others",
    after_help = "Every option is also a key of chater.toml (data_dir, web_addr, ...)."
)]
struct Line {
    #[command(flatten)]
    settings: Layer,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Start the node (also without any command)
    Run,
    /// How the running node is
    Status,
    /// Linked nodes
    Peers {
        #[command(subcommand)]
        action: Option<PeersAction>,
    },
    /// A link that brings another node here: without options one with addresses only
    Invite {
        /// Instead, a one-time code for somebody to register on this node
        #[arg(long)]
        user: bool,
        /// Into this community: the other node gets its secret
        #[arg(long, conflicts_with = "user")]
        community: Option<String>,
        /// For so many nodes, 1-1000
        #[arg(long, default_value_t = 1, requires = "community")]
        uses: u32,
        /// For so many days, 1-365
        #[arg(long, default_value_t = 7, requires = "community")]
        days: u32,
    },
    /// Come into a community by its link, or link to the node that an invitation names
    Join {
        /// chater:...
        link: String,
    },
    /// Communities of this node
    Community {
        #[command(subcommand)]
        action: Option<CommunityAction>,
    },
    /// Pages for phones and laptops of the home network: without a word tells how it stands
    Home {
        /// on, off
        #[arg(value_parser = ["on", "off"])]
        switch: Option<String>,
    },
    /// Silence a node: nothing is taken from it, sent to it or answered
    Block {
        /// Name, id, or the first digits of the fingerprint
        node: String,
    },
    /// Take a block back
    Unblock {
        /// Name, id, or the first digits of the fingerprint
        node: String,
    },
    /// Put a node on the list of those to be linked: without a word tells who is on it
    Allow {
        /// Name, id, address with /p2p/, link, or the first digits of the fingerprint
        node: Option<String>,
        /// Link listed nodes only: on, off
        #[arg(long, value_parser = ["on", "off"])]
        only: Option<String>,
    },
    /// Take a node off that list
    Disallow {
        /// Name, id, or the first digits of the fingerprint
        node: String,
    },
    /// Mailboxes: without a word tells who keeps this node's mail, and whose it keeps
    Mail {
        #[command(subcommand)]
        action: Option<MailAction>,
    },
    /// Let nodes behind routers be reached through this one: without a word tells how it stands
    Relay {
        /// on, off
        #[arg(value_parser = ["on", "off"])]
        switch: Option<String>,
    },
    /// What happened to the node lately, the newest first
    Log,
    /// People of this node
    User {
        #[command(subcommand)]
        action: UserAction,
    },
    /// Copy key, messages and settings to one file
    Backup {
        /// Must not exist
        file: PathBuf,
    },
    /// Unpack a backup into an empty data folder
    Restore {
        /// Made by backup
        file: PathBuf,
    },
    /// What may stand in the way, and what to do about it
    Doctor,
}

#[derive(Subcommand)]
enum PeersAction {
    /// Link to an address
    Add {
        /// /ip4/192.168.1.5/tcp/5001
        address: String,
    },
    /// Link a node that waits or was cut off
    Link {
        /// Name, id, or the first digits of the fingerprint
        node: String,
    },
    /// Cut a node off: closed, and it waits until it is linked again
    Off {
        /// Name, id, or the first digits of the fingerprint
        node: String,
    },
}

#[derive(Subcommand)]
enum CommunityAction {
    /// Found one
    New {
        /// 1-64 characters
        name: String,
    },
    /// Leave one
    Leave {
        /// Name or id
        name: String,
    },
    /// Take part in the open one, which every linked node is in
    Open {
        /// on, off
        #[arg(value_parser = ["on", "off"])]
        switch: String,
    },
}

#[derive(Subcommand)]
enum MailAction {
    /// Keep mail for other nodes
    On {
        /// Room for all of them, MiB: 10 at least
        #[arg(long)]
        room: Option<u64>,
        /// Days that a letter is kept, 1-90
        #[arg(long)]
        days: Option<u16>,
    },
    /// Keep none
    Off,
    /// Let a node that offers it keep this node's mail
    Choose {
        /// Name, id, or the first digits of the fingerprint
        node: String,
    },
    /// Give a mailbox up
    Leave {
        /// Name, id, or the first digits of the fingerprint
        node: String,
    },
    /// Throw the mail of a node away and keep none for it
    Evict {
        /// Name, id, or the first digits of the fingerprint
        node: String,
    },
    /// Keep mail for it again
    Readmit {
        /// Name, id, or the first digits of the fingerprint
        node: String,
    },
}

#[derive(Subcommand)]
enum UserAction {
    /// Who lives here
    List,
    /// Write everything a user can read to one JSON file (asks for their password)
    Export {
        /// Whose
        nick: String,
        /// Must not exist
        file: PathBuf,
    },
    /// How much somebody may fill of the disk
    Quota {
        /// Whose
        nick: String,
        /// MiB, 1-1048576
        #[arg(value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
        mib: u64,
    },
    /// Close an account: nobody can log in to it, its chats stay
    Close {
        /// Whose
        nick: String,
    },
    /// Open it again
    Open {
        /// Whose
        nick: String,
    },
    /// Set a new password (asked for, or one line on standard input)
    Password {
        /// Whose
        nick: String,
    },
}

/// The whole program.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let line = match Line::try_parse_from(arguments) {
        Ok(line) => line,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    // Whatever this process makes is closed to others, also the files that libraries make.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let around = Surroundings::real();
    let language = likely_language(&line.settings, &around);
    let done =
        Config::settle(line.settings, &around).and_then(|config| carry_out(line.command, config));
    match done {
        Ok(code) => code,
        Err(problem) => {
            print_problem(problem.sentence(language));
            ExitCode::FAILURE
        }
    }
}

fn carry_out(command: Option<Command>, config: Config) -> Result<ExitCode, Problem> {
    let folder = config.data_dir.as_path();
    let language = config.language;
    match command {
        None | Some(Command::Run) => return run(config),
        Some(Command::Status) => print_status(&read(ask(folder, &Request::Status)?)?, language),
        Some(Command::Peers { action: None }) => {
            print_peers(&read(ask(folder, &Request::Status)?)?, language);
            print_decisions(&read(ask(folder, &Request::Circle)?)?, language);
        }
        Some(Command::Peers {
            action: Some(PeersAction::Link { node }),
        }) => decide(folder, node, Decision::Link, language)?,
        Some(Command::Peers {
            action: Some(PeersAction::Off { node }),
        }) => decide(folder, node, Decision::Off, language)?,
        Some(Command::Block { node }) => decide(folder, node, Decision::Block, language)?,
        Some(Command::Unblock { node }) => decide(folder, node, Decision::Unblock, language)?,
        Some(Command::Allow { node, only }) => {
            if let Some(node) = node {
                let what = Decision::Allow;
                ask(folder, &Request::Decide { node, what })?;
            }
            let only = only.map(|word| word == "on");
            print_allowed(&read(ask(folder, &Request::Allowed { only })?)?, language);
        }
        Some(Command::Disallow { node }) => decide(folder, node, Decision::Disallow, language)?,
        Some(Command::Home { switch }) => {
            let on = switch.map(|word| word == "on");
            let home: HomeStatus = read(ask(folder, &Request::Home { on })?)?;
            print_home(&home, on, language);
        }
        Some(Command::Community { action }) => {
            match action {
                Some(CommunityAction::New { name }) => {
                    ask(folder, &Request::Found { name })?;
                }
                Some(CommunityAction::Leave { name }) => {
                    ask(folder, &Request::Leave { community: name })?;
                }
                Some(CommunityAction::Open { switch }) => {
                    ask(folder, &Request::Open { on: switch == "on" })?;
                }
                None => {}
            }
            print_communities(&read(ask(folder, &Request::Circle)?)?, language);
        }
        Some(Command::Peers {
            action: Some(PeersAction::Add { address }),
        }) => {
            ask(folder, &Request::AddPeer { address })?;
            print(language.of(
                "Связываюсь. Проверить: chater peers",
                "Linking. To check: chater peers",
            ));
        }
        Some(Command::Invite {
            community: Some(community),
            uses,
            days,
            ..
        }) => {
            let request = Request::InviteNode {
                community,
                uses,
                days,
            };
            print(read::<String>(ask(folder, &request)?)?);
            let status: Status = read(ask(folder, &Request::Status)?)?;
            print_reach(&status, language);
        }
        Some(Command::Invite { user: true, .. }) => {
            let code: String = read(ask(folder, &Request::InviteUser)?)?;
            print(language.of(
                "Код для одной регистрации, действует 7 дней:",
                "Code for one registration, valid for 7 days:",
            ));
            print(code);
        }
        Some(Command::Invite { user: false, .. }) => {
            print_invitation(&read(ask(folder, &Request::Status)?)?, language)?
        }
        Some(Command::Join { link }) if chater_engine::is_invite(&link) => {
            ask(folder, &Request::Enter { link })?;
            print_communities(&read(ask(folder, &Request::Circle)?)?, language);
        }
        Some(Command::Join { link }) => {
            let invitation = Invitation::read(&link).ok_or(Problem::BadLink(link))?;
            for address in invitation.full_addresses() {
                ask(folder, &Request::AddPeer { address })?;
            }
            print(language.of(
                "Связываюсь. Проверить: chater peers",
                "Linking. To check: chater peers",
            ));
        }
        Some(Command::User {
            action: UserAction::List,
        }) => {
            let users: Vec<UserLine> = read(ask(folder, &Request::Users)?)?;
            for user in users {
                let owner = if user.owner {
                    language.of("  (владелец)", "  (owner)")
                } else {
                    ""
                };
                let closed = if user.closed {
                    language.of("  (закрыт)", "  (closed)")
                } else {
                    ""
                };
                let (used, unit) = (user.used.div_ceil(MIB), language.of("МиБ", "MiB"));
                print(format!(
                    "{}  {}{owner}{closed}  {used} / {} {unit}",
                    user.nick, user.display_name, user.quota_mib
                ));
            }
        }
        Some(Command::User {
            action: UserAction::Quota { nick, mib },
        }) => {
            ask(folder, &Request::SetQuota { nick, mib })?;
            print(language.of("Готово.", "Done."));
        }
        Some(Command::User {
            action: UserAction::Close { nick },
        }) => set_closed(folder, nick, true, language)?,
        Some(Command::User {
            action: UserAction::Open { nick },
        }) => set_closed(folder, nick, false, language)?,
        Some(Command::Mail { action }) => {
            let act = action.map(mail_act);
            print_mail(&read(ask(folder, &Request::Mail { act })?)?, language);
        }
        Some(Command::Relay { switch }) => {
            let on = switch.map(|word| word == "on");
            let (is_on, fixed): (bool, bool) = read(ask(folder, &Request::Relay { on })?)?;
            print(if is_on {
                language.of("Ретранслятор: включён", "Relay: on")
            } else {
                language.of("Ретранслятор: выключен", "Relay: off")
            });
            if fixed && on.is_some_and(|on| on != is_on) {
                print_problem(language.of(
                    "Это задано при запуске узла (relay): измените там и запустите снова.",
                    "That is set at the start (relay): change it there and start again.",
                ));
            }
        }
        Some(Command::Log) => {
            let language = language.code().to_owned();
            let lines: Vec<String> = read(ask(folder, &Request::Log { language })?)?;
            for line in lines {
                print(line);
            }
        }
        Some(Command::User {
            action: UserAction::Password { nick },
        }) => {
            let password = read_password(language.of(
                "Новый пароль (не короче 10 знаков):",
                "New password (at least 10 characters):",
            ))?;
            ask(
                folder,
                &Request::SetPassword {
                    nick,
                    password: password.to_string(),
                },
            )?;
            print(language.of("Пароль изменён.", "The password is changed."));
        }
        Some(Command::User {
            action: UserAction::Export { nick, file },
        }) => export(folder, nick, &file, language)?,
        Some(Command::Backup { file }) => backup(folder, &file, language)?,
        Some(Command::Restore { file }) => restore(folder, &file, language)?,
        Some(Command::Doctor) => {
            let found = doctor::examine(&config);
            for finding in &found {
                print(finding.line());
            }
            if found.iter().any(|finding| finding.verdict == Verdict::Bad) {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the node until a signal ends it.
fn run(config: Config) -> Result<ExitCode, Problem> {
    logging::start(logging::filter(config.log.as_deref())?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("chater")
        .enable_all()
        .build()
        .map_err(|error| Problem::Other(error.to_string()))?;
    let result = runtime.block_on(live(config));
    runtime.shutdown_timeout(Duration::from_millis(300));
    result.map(|()| ExitCode::SUCCESS)
}

async fn live(config: Config) -> Result<(), Problem> {
    let language = config.language;
    let listen = |kind| signal(kind).map_err(|error| Problem::Other(error.to_string()));
    let (mut terminate, mut interrupt) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    let node = tokio::select! {
        node = Node::start(config.clone()) => node?,
        // Nobody was answered yet, so there is nothing to finish.
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    for say in node.greeting(&config) {
        print(say.sentence(language));
    }
    tracing::info!(node = %node.running().node_id, name = %node.running().name, web = ?node.running().web, p2p = ?node.running().p2p, "ready");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => print(Say::Stopping.sentence(language)),
    }
    tokio::select! {
        () = node.stop() => tracing::info!("stopped"),
        // A second Ctrl+C: at once. What was acknowledged is stored.
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn read<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    serde_json::from_value(value).map_err(|error| Problem::Control(error.to_string()))
}

fn print_status(status: &Status, language: Language) {
    let row =
        |ru: &str, en: &str, value: &str| print(format!("{:<12}{value}", language.of(ru, en)));
    row(
        "Узел",
        "Node",
        &format!(
            "{} ({} {})",
            status.name,
            language.of("версия", "version"),
            status.version
        ),
    );
    row("Номер", "Id", &status.node_id);
    row("Отпечаток", "Fingerprint", &status.fingerprint);
    let health = if status.healthy {
        language.of("работает", "running")
    } else {
        language.of(
            "работает, но не может записывать (chater doctor)",
            "running, but cannot store (chater doctor)",
        )
    };
    row(
        "Состояние",
        "State",
        &format!(
            "{health}, {} {}",
            language.of("процесс", "process"),
            status.pid
        ),
    );
    row("Страницы", "Pages", &status.web.join(" "));
    for address in &status.addresses {
        row("Адрес", "Address", address);
    }
    row("Людей", "People", &status.users.to_string());
    let linked = status
        .peers
        .iter()
        .filter(|peer| peer.state == "connected")
        .count();
    row(
        "Узлы",
        "Nodes",
        &format!("{linked} / {}", status.peers.len()),
    );
    if let Some(mail) = &status.mail {
        row("Почта", "Mail", &mail_text(mail, language));
    }
}

/// Who keeps this node's mail, and whose it keeps, on one line.
fn mail_text(mail: &MailStatus, language: Language) -> String {
    let kept = if mail.mailboxes.is_empty() {
        language.of("ящиков нет", "no mailboxes").to_owned()
    } else {
        let names = mail.mailboxes.join(", ");
        format!("{} {names}", language.of("хранят", "kept by"))
    };
    let keeps = if mail.keeps {
        format!(
            "{} {} ({} KiB)",
            language.of("храню узлов:", "nodes I keep for:"),
            mail.kept_for,
            mail.kept_bytes.div_ceil(1024)
        )
    } else {
        language.of("чужую не храню", "keeps none").to_owned()
    };
    format!("{kept}; {keeps}")
}

fn print_peers(status: &Status, language: Language) {
    if status.peers.is_empty() && status.dialling.is_empty() {
        print(language.of(
            "Других узлов пока нет. Позвать: chater invite",
            "No other nodes yet. To invite one: chater invite",
        ));
    }
    for peer in &status.peers {
        let state = match peer.state.as_str() {
            "connected" => language.of("на связи", "connected"),
            "connecting" => language.of("соединяется", "connecting"),
            "waiting" => language.of("ждёт согласия владельца", "waits for its owner"),
            _ => language.of("не в сети", "away"),
        };
        let time = peer.rtt_ms.map_or_else(String::new, |ms| {
            format!("  {ms} {}", language.of("мс", "ms"))
        });
        let waiting = match peer.waiting {
            0 => String::new(),
            many => format!("  {}: {many}", language.of("ждут отправки", "waiting")),
        };
        let place = peer.addresses.first().map_or("", String::as_str);
        let way = peer.relay.as_ref().map_or_else(String::new, |relay| {
            format!("  {} {relay}", language.of("через узел", "through"))
        });
        print(format!(
            "{}  {state}{way}{time}{waiting}  {place}",
            peer.name
        ));
    }
    for (address, error) in &status.dialling {
        print(format!("{address}  {}", error.as_deref().unwrap_or("…")));
    }
}

fn print_invitation(status: &Status, language: Language) -> Result<(), Problem> {
    let node = chater_protocol::id::NodeId::from_peer_id(&status.node_id)
        .map_err(|_| Problem::Control(status.node_id.clone()))?;
    let invitation = Invitation::new(node, &status.addresses);
    if invitation.addresses.is_empty() {
        return Err(Problem::Other(
            language
                .of(
                    "у узла нет адресов, проверьте сеть",
                    "the node has no addresses, check the network",
                )
                .into(),
        ));
    }
    print(invitation.link());
    print_reach(status, language);
    Ok(())
}

/// Says how far the addresses of this node lead.
fn print_reach(status: &Status, language: Language) {
    let Ok(node) = chater_protocol::id::NodeId::from_peer_id(&status.node_id) else {
        return;
    };
    match Invitation::new(node, &status.addresses).reach() {
        Some(Reach::ThisComputer) => print_problem(language.of(
            "Работает только на этом компьютере.",
            "Works on this computer only.",
        )),
        Some(Reach::LocalNetwork) => print_problem(language.of(
            "Работает только в вашей сети.",
            "Works in your network only.",
        )),
        None => {}
    }
}

/// Nodes that wait for the owner, and those that are blocked.
fn print_decisions(circle: &Circle, language: Language) {
    for (name, _, fingerprint, place) in &circle.waiting {
        print(format!(
            "{name}  {}  {fingerprint}  {place}",
            language.of(
                "просит связать (chater peers link)",
                "asks to be linked (chater peers link)"
            )
        ));
    }
    for (name, id, lists) in &circle.blocked {
        let name = if name.is_empty() { id } else { name };
        let by = if lists.is_empty() {
            String::new()
        } else {
            format!(
                "  ({}: {})",
                language.of("список", "list"),
                lists.join(", ")
            )
        };
        print(format!(
            "{name}  {}{by}",
            language.of("заблокирован", "blocked")
        ));
    }
}

fn print_allowed(list: &Allowed, language: Language) {
    print(if list.only {
        language.of("Только узлы из списка: включено", "Only listed nodes: on")
    } else {
        language.of("Только узлы из списка: выключено", "Only listed nodes: off")
    });
    for (name, id, linked) in &list.nodes {
        let state = match linked {
            true => language.of("на связи", "connected"),
            false => language.of("не в сети", "away"),
        };
        print(format!("{name}  {state}  {id}"));
    }
    for name in &list.mailboxes {
        print_problem(format!(
            "{} {name}",
            language.of(
                "Ваш ящик не в списке, почта оттуда не приходит:",
                "Your mailbox is not listed, no mail comes from there:"
            )
        ));
    }
}

fn print_home(home: &HomeStatus, wanted: Option<bool>, language: Language) {
    print(if home.on {
        language.of("Домашняя сеть: включена", "Home network: on")
    } else {
        language.of("Домашняя сеть: выключена", "Home network: off")
    });
    if home.fixed && wanted.is_some_and(|on| on != home.on) {
        print_problem(language.of(
            "Это задано при запуске узла (home_network или web_addr): измените там и запустите снова.",
            "That is set at the start (home_network or web_addr): change it there and start again.",
        ));
    }
    for url in &home.urls {
        print(url);
    }
    for (address, why) in &home.faults {
        print_problem(format!("{address}: {why}"));
    }
    if home.on && home.urls.is_empty() && home.faults.is_empty() {
        print(language.of(
            "У этого компьютера сейчас нет адреса в домашней сети.",
            "This computer has no address in a home network now.",
        ));
    }
    if home.on {
        print(language.of(
            "Без шифрования (HTTP): кто подключён к этой сети, может подслушать.",
            "Without encryption (HTTP): whoever is on that network can overhear.",
        ));
    }
    if let Some(code) = home.set_up_code.as_ref().filter(|_| home.on) {
        print(Say::SetUpCode(code.clone()).sentence(language));
    }
}

fn set_closed(
    folder: &Path,
    nick: String,
    closed: bool,
    language: Language,
) -> Result<(), Problem> {
    ask(folder, &Request::SetClosed { nick, closed })?;
    print(language.of("Готово.", "Done."));
    Ok(())
}

fn mail_act(action: MailAction) -> MailAct {
    match action {
        MailAction::On { room, days } => MailAct::Rules {
            offers: Some(true),
            room_mib: room,
            days,
        },
        MailAction::Off => MailAct::Rules {
            offers: Some(false),
            room_mib: None,
            days: None,
        },
        MailAction::Choose { node } => MailAct::Choose(node),
        MailAction::Leave { node } => MailAct::Leave(node),
        MailAction::Evict { node } => MailAct::Evict(node),
        MailAction::Readmit { node } => MailAct::Readmit(node),
    }
}

fn print_mail(mail: &MailBook, language: Language) {
    let switch = if mail.offers {
        language.of("включено", "on")
    } else {
        language.of("выключено", "off")
    };
    let fixed = if mail.fixed {
        language.of("  (задано при запуске)", "  (set at the start)")
    } else {
        ""
    };
    print(format!(
        "{} {switch}, {} {}, {} {}{fixed}",
        language.of("Хранить почту других узлов:", "Keep mail of other nodes:"),
        mail.room_mib,
        language.of("МиБ", "MiB"),
        mail.days,
        language.of("дн.", "days"),
    ));
    for (name, state) in &mail.mailboxes {
        let state = match state.as_str() {
            "asked" => language.of("ждём согласия", "asked"),
            "refused" => language.of("отказал", "refused"),
            "away" => language.of("хранит, сейчас не в сети", "keeps it, away now"),
            _ => language.of("хранит", "keeps it"),
        };
        let mine = language.of("Мой ящик:", "My mailbox:");
        print(format!("{mine} {name}  {state}"));
    }
    for name in &mail.could {
        let could = language.of("Может хранить:", "Could keep it:");
        print(format!("{could} {name}  (chater mail choose {name})"));
    }
    for (name, letters, bytes, evicted) in &mail.kept {
        let for_it = language.of("Храню для узла:", "Kept for:");
        if *evicted {
            let out = language.of("выставлен", "thrown out");
            print(format!("{for_it} {name}  {out}"));
        } else {
            let (unit, count) = (language.of("КиБ", "KiB"), language.of("писем", "letters"));
            let kib = bytes.div_ceil(1024);
            print(format!("{for_it} {name}  {count}: {letters}, {kib} {unit}"));
        }
    }
}

fn print_communities(circle: &Circle, language: Language) {
    let open = if circle.open {
        language.of("участвует", "takes part")
    } else {
        language.of("не участвует", "does not take part")
    };
    print(format!("open  {open}"));
    for own in &circle.communities {
        let founder = if own.founder {
            language.of("  (основан здесь)", "  (founded here)")
        } else {
            ""
        };
        let linked = language.of("на связи", "connected");
        print(format!(
            "{}  {linked}: {}{founder}  {}",
            own.name, own.linked, own.id
        ));
    }
}

fn decide(folder: &Path, node: String, what: Decision, language: Language) -> Result<(), Problem> {
    ask(folder, &Request::Decide { node, what })?;
    print(language.of("Готово.", "Done."));
    Ok(())
}

/// One line of standard input; a terminal does not show it.
fn read_password(question: &str) -> Result<Zeroizing<String>, Problem> {
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

fn backup(folder: &Path, file: &Path, language: Language) -> Result<(), Problem> {
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
fn export(folder: &Path, nick: String, file: &Path, language: Language) -> Result<(), Problem> {
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

fn restore(folder: &Path, file: &Path, language: Language) -> Result<(), Problem> {
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
    use clap::CommandFactory as _;

    use chater_store::tables::Table;
    use chater_store::{Durability, Rows as _, Store, StoreError};

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Line::command().debug_assert();
    }

    #[test]
    fn options_work_with_and_without_a_command() {
        for words in [
            &[
                "chater",
                "--web-addr",
                "127.0.0.1:0",
                "--web-addr",
                "[::1]:0",
                "--no-mdns",
            ][..],
            &[
                "chater",
                "run",
                "--web-addr",
                "127.0.0.1:0",
                "--web-addr",
                "[::1]:0",
                "--no-mdns",
            ],
        ] {
            let line = Line::try_parse_from(words).unwrap();
            assert_eq!(line.settings.web_addr, ["127.0.0.1:0", "[::1]:0"]);
            assert_eq!(line.settings.no_mdns, Some(true));
        }
        let line = Line::try_parse_from(["chater", "--no-mdns", "status"]).unwrap();
        assert!(matches!(line.command, Some(Command::Status)));
        assert!(Line::try_parse_from(["chater", "--colour", "red"]).is_err());
        assert!(
            Line::try_parse_from([
                "chater",
                "peers",
                "add",
                "/ip4/1.2.3.4/tcp/1",
                "--data-dir",
                "/d"
            ])
            .is_ok()
        );
    }

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
