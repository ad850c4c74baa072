//! The command line: reads it, starts a node or asks a running one, and turns every problem into one sentence and exit 1.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Config, Surroundings, likely_language};
use crate::control::{Decision, HomeStatus, MailAct, Request, Status, UserLine, ask, read};
use crate::doctor::{self, Verdict};
use crate::invitation::Invitation;
use crate::layer::Layer;
use crate::node::Node;
use crate::text::{Language, Problem, Say, print, print_problem};
use crate::{copies, logging, print};

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
        Some(Command::Status) => print::status(&read(ask(folder, &Request::Status)?)?, language),
        Some(Command::Peers { action: None }) => {
            print::peers(&read(ask(folder, &Request::Status)?)?, language);
            print::decisions(&read(ask(folder, &Request::Circle)?)?, language);
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
            print::allowed(&read(ask(folder, &Request::Allowed { only })?)?, language);
        }
        Some(Command::Disallow { node }) => decide(folder, node, Decision::Disallow, language)?,
        Some(Command::Home { switch }) => {
            let on = switch.map(|word| word == "on");
            let home: HomeStatus = read(ask(folder, &Request::Home { on })?)?;
            print::home(&home, on, language);
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
            print::communities(&read(ask(folder, &Request::Circle)?)?, language);
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
            print::reach(&status, language);
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
            print::invitation(&read(ask(folder, &Request::Status)?)?, language)?
        }
        Some(Command::Join { link }) if chater_engine::is_invite(&link) => {
            ask(folder, &Request::Enter { link })?;
            print::communities(&read(ask(folder, &Request::Circle)?)?, language);
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
            print::mail(&read(ask(folder, &Request::Mail { act })?)?, language);
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
            let password = copies::read_password(language.of(
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
        }) => copies::export(folder, nick, &file, language)?,
        Some(Command::Backup { file }) => copies::backup(folder, &file, language)?,
        Some(Command::Restore { file }) => copies::restore(folder, &file, language)?,
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

fn decide(folder: &Path, node: String, what: Decision, language: Language) -> Result<(), Problem> {
    ask(folder, &Request::Decide { node, what })?;
    print(language.of("Готово.", "Done."));
    Ok(())
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]
mod tests {
    use clap::CommandFactory as _;

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
}
