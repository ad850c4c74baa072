//! The command line: reads it, starts a node or asks a running one, and turns every problem into one sentence and exit 1.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Config, Surroundings, likely_language};
use crate::control::{ask, read};
use crate::doctor::{self, Verdict};
use crate::invitation::Invitation;
use crate::line::{Command, CommunityAction, Line, MailAction, PeersAction, UserAction};
use crate::node::Node;
use crate::shapes::{Decision, HomeStatus, MailAct, OwnSettings, Request, Status, UserLine};
use crate::text::{Language, Problem, Say, print, print_problem};
use crate::{copies, logging, print};

/// Threads for passwords (two at once) and files; more would only cost memory.
const BLOCKING_THREADS: usize = 8;

const MIB: u64 = 1024 * 1024;

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
                print::set_at_start("relay", language);
            }
        }
        Some(Command::Name { name }) => {
            let asked = name.is_some();
            let settings = settle(
                folder,
                Request::Settings {
                    name,
                    registration: None,
                },
            )?;
            print(&settings.name);
            if asked && settings.name_fixed {
                print::set_at_start("name", language);
            }
        }
        Some(Command::Registration { policy }) => {
            let asked = policy.is_some();
            let settings = settle(
                folder,
                Request::Settings {
                    name: None,
                    registration: policy,
                },
            )?;
            print::registration(&settings.registration, language);
            if asked && settings.registration_fixed {
                print::set_at_start("registration", language);
            }
        }
        Some(Command::Pictures { days }) => {
            print::pictures(read(ask(folder, &Request::Pictures { days })?)?, language);
        }
        Some(Command::Backups { make }) => {
            let make = make.is_some();
            print::backups(&read(ask(folder, &Request::Backups { make })?)?, language);
        }
        Some(Command::Log) => {
            let language = language.code().to_owned();
            let lines: Vec<String> = read(ask(folder, &Request::Log { language })?)?;
            for line in lines {
                print(line);
            }
        }
        Some(Command::User {
            action: UserAction::Link { nick },
        }) => {
            let link: String = read(ask(folder, &Request::PasswordLink { nick })?)?;
            print(language.of(
                "Ссылка для нового пароля, действует сутки и только один раз:",
                "Link for a new password, counts for a day and only once:",
            ));
            print(link);
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

fn settle(folder: &Path, request: Request) -> Result<OwnSettings, Problem> {
    read(ask(folder, &request)?)
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
