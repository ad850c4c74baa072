//! `Node`: the assembled process. Also usable as a library, several in one process.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use chater_engine::{
    Engine, Error, Login, NodeKey, Reason, Registration, SessionKind, StartError, view,
};
use chater_web::{House, Server, WebConfig};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::VERSION;
use crate::circle;
use crate::config::{Config, P2P_PORT};
use crate::control::{Control, refuse};
use crate::folder::{Folder, Running};
use crate::household;
use crate::invitation::ip_of;
use crate::shapes::{Answer, CheckLine, HomeStatus, MailStatus, PeerStatus, Request, Status};
use crate::text::{Problem, Say};

/// How long the start waits for the first address of this node to be known.
const ADDRESS_WAIT: Duration = Duration::from_secs(2);
/// A clean stop takes at most 5 s: 4 for the engine, the rest for connections that are still being answered.
const ENGINE_STOP: Duration = Duration::from_secs(4);
const WEB_STOP: Duration = Duration::from_millis(500);

/// A running node.
pub struct Node {
    engine: Engine,
    folder: Folder,
    running: Running,
    set_up_code: Option<String>,
    notices: Vec<Say>,
    stop_web: oneshot::Sender<()>,
    web: JoinHandle<()>,
    following: JoinHandle<()>,
    control: JoinHandle<()>,
}

impl Node {
    /// Starts everything; when this returns the node answers.
    ///
    /// What can refuse a start comes first, and nothing is written before it: a running node on the same folder, a
    /// taken port, a folder that cannot be written.
    ///
    /// # Errors
    /// One clear sentence.
    pub async fn start(config: Config) -> Result<Self, Problem> {
        let held = Folder::take_existing(&config.data_dir)?;
        let server = Server::bind(&config.web_addr)
            .await
            .map_err(|(address, error)| web_problem(address, &error))?;
        if config.p2p_explicit {
            for address in &config.p2p_addr {
                try_port(address).map_err(|error| Problem::Listen {
                    address: address.clone(),
                    why: error.to_string(),
                })?;
            }
        }
        // Held until the folder is taken again below: `flock` counts by open file, so it is let go first.
        drop(held);
        let folder = Folder::take(&config.data_dir)?;
        let key = folder.key()?;

        let name = config.name.clone().unwrap_or_else(|| name_from_key(&key));
        // Q15: the first user owns the node, and from another machine proves to have seen this terminal.
        let open_to_all = config.registration_fixed && config.registration == Registration::Open;
        let set_up_code = if open_to_all {
            None
        } else {
            Some(set_up_code()?)
        };
        let engine = Engine::start(engine_config(&config, &key, name, set_up_code.clone()))
            .await
            .map_err(|error| start_problem(&config.data_dir, error))?;

        let web_addresses = server.addresses();
        let house = House::new(engine.clone(), &server);
        let router = chater_web::router(
            engine.clone(),
            WebConfig {
                public_url: config.public_url.clone(),
                trusted_proxies: config.trusted_proxies.clone(),
                listen: web_addresses.clone(),
                host_name: config.host.clone(),
                default_language: config.page_language.clone(),
            },
            house.clone(),
        );
        let (stop_web, stopped) = oneshot::channel::<()>();
        let web = tokio::spawn(server.serve(router, async move {
            let _ = stopped.await;
        }));
        let home = house.settle().await;
        let following = tokio::spawn(house.clone().run());

        let addresses = first_addresses(&engine).await;
        let mut running = Running {
            pid: std::process::id(),
            version: VERSION.into(),
            node_id: engine.node().node_id.to_peer_id(),
            name: engine.name(),
            web: web_addresses.iter().map(|address| url(*address)).collect(),
            p2p: addresses,
            control: None,
            set_up_code: set_up_code.clone().filter(|_| engine.is_new()),
        };
        let (control, elsewhere) = Control::open(folder.path())?;
        running.control = elsewhere;
        let desk = Arc::new(Desk {
            engine: engine.clone(),
            running: running.clone(),
            folder: folder.path().to_owned(),
            house,
            public_url: config.public_url.clone(),
        });
        let control = tokio::spawn(control.serve(move |request| {
            let desk = desk.clone();
            async move { desk.answer(request).await }
        }));
        folder.announce(&running)?;

        let mut notices = Vec::new();
        if let Some(say) = other_port(&config, &running.p2p) {
            notices.push(say);
        }
        if home.on && !config.beyond_loopback() {
            notices.push(Say::Home(home.urls));
        }
        if (config.beyond_loopback() && config.public_url.is_none()) || home.on {
            notices.push(Say::NoTls);
        }
        // Nobody needs it as long as only this computer sees the pages.
        let needed = config.ask_set_up_code || home.on;
        let set_up_code = set_up_code.filter(|_| needed && engine.is_new());
        Ok(Self {
            engine,
            folder,
            running,
            set_up_code,
            notices,
            stop_web,
            web,
            following,
            control,
        })
    }

    /// What `run.json` says.
    #[must_use]
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// The node's core.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The lines to print once it runs: what to open comes first.
    #[must_use]
    pub fn greeting(&self, config: &Config) -> Vec<Say> {
        let open = config
            .public_url
            .clone()
            .or_else(|| self.running.web.first().cloned())
            .unwrap_or_default();
        let mut says = vec![Say::Open(open), Say::Data(self.folder.path().to_owned())];
        says.extend(self.set_up_code.clone().map(Say::SetUpCode));
        says.extend(self.notices.iter().map(|say| match say {
            Say::OtherPort { wanted, used } => Say::OtherPort {
                wanted: *wanted,
                used: used.clone(),
            },
            Say::Home(urls) => Say::Home(urls.clone()),
            _ => Say::NoTls,
        }));
        says
    }

    /// Finishes what waits, commits, closes. At most 5 s; what was acknowledged is on the disk in any case.
    pub async fn stop(self) {
        self.following.abort();
        let _ = self.stop_web.send(());
        self.control.abort();
        if tokio::time::timeout(ENGINE_STOP, self.engine.stop())
            .await
            .is_err()
        {
            tracing::warn!("the engine did not finish in time; what was acknowledged is stored");
        }
        let mut web = self.web;
        if tokio::time::timeout(WEB_STOP, &mut web).await.is_err() {
            web.abort();
        }
        let _ = self.control.await;
        self.folder.withdraw();
    }
}

/// Answers the control socket.
struct Desk {
    engine: Engine,
    running: Running,
    folder: std::path::PathBuf,
    house: Arc<House>,
    public_url: Option<String>,
}

impl Desk {
    async fn answer(&self, request: Request) -> Answer {
        let engine = &self.engine;
        match request {
            Request::Status => ok(&self.status().await),
            Request::Checks { language } => done(engine.checks().await.map(|checks| {
                let line = |check: &view::Check| CheckLine {
                    verdict: match check.verdict {
                        view::Verdict::Good => 0,
                        view::Verdict::Warning => 1,
                        view::Verdict::Bad => 2,
                    },
                    text: chater_web::check_words(&language, check),
                };
                checks.iter().map(line).collect::<Vec<_>>()
            })),
            Request::Home { on } => self.home(on).await,
            Request::AddPeer { address } => done(engine.add_peer(&address).await),
            Request::InviteUser => done(engine.invite_user().await),
            Request::Users => done(household::users(engine)),
            Request::SetQuota { nick, mib } => done(household::set_quota(engine, &nick, mib).await),
            Request::SetClosed { nick, closed } => {
                done(household::set_closed(engine, &nick, closed).await)
            }
            Request::Mail { act } => {
                if let Some(act) = act
                    && let Err(error) = household::change_mail(engine, act).await
                {
                    return done::<()>(Err(error));
                }
                done(household::mail(engine))
            }
            Request::Relay { on } => done(self.relay(on).await),
            Request::Settings { name, registration } => {
                done(household::settings(engine, name, registration).await)
            }
            Request::Pictures { days } => done(household::pictures(engine, days).await),
            Request::Backups { make } => done(household::backups(engine, make).await),
            Request::PasswordLink { nick } => {
                let code = household::password_code(engine, &nick).await;
                done(code.map(|code| format!("{}/reset/{code}", self.origin())))
            }
            Request::Log { language } => done(engine.as_owner().and_then(|owner| {
                let events = owner.diary()?;
                let line = |event: &view::LogEntry| chater_web::log_line(&language, event);
                Ok(events.iter().map(line).collect::<Vec<_>>())
            })),
            Request::SetPassword { nick, password } => {
                done(engine.set_password(&nick, password).await)
            }
            Request::CopyStore => self.copy_store().await,
            Request::Export { nick, password } => self.export(nick, password).await,
            Request::Circle => done(circle::circle(engine)),
            Request::Found { name } => {
                done(engine.found_community(&name).await.map(|id| id.to_string()))
            }
            Request::Leave { community } => match circle::community(engine, &community) {
                Ok(id) => done(engine.leave_community(id).await),
                Err(error) => done::<()>(Err(error)),
            },
            Request::Open { on } => done(engine.set_open(on).await),
            Request::InviteNode {
                community,
                uses,
                days,
            } => match circle::community(engine, &community) {
                Ok(id) => done(engine.invite_node(id, uses, days).await),
                Err(error) => done::<()>(Err(error)),
            },
            Request::Enter { link } => {
                done(engine.enter_community(&link).await.map(|id| id.to_string()))
            }
            Request::Allowed { only } => {
                if let Some(on) = only
                    && let Err(error) = engine.allow_only(on).await
                {
                    return done::<()>(Err(error));
                }
                done(circle::allowed(engine))
            }
            Request::Decide { node, what } => done(circle::decide(engine, &node, what).await),
        }
    }

    async fn status(&self) -> Status {
        let node = self.engine.node();
        let peers = node.peers.into_iter().map(|peer| PeerStatus {
            name: peer.name,
            node_id: peer.node_id.to_peer_id(),
            state: match peer.state {
                view::LinkState::Connected => "connected",
                view::LinkState::Connecting => "connecting",
                view::LinkState::Waiting => "waiting",
                view::LinkState::Away => "away",
            }
            .into(),
            addresses: peer.addresses,
            people: peer.people,
            waiting: peer.waiting,
            rtt_ms: peer.rtt_ms,
            relay: match peer.path {
                Some(view::Way::Relay { name, .. }) => Some(name),
                _ => None,
            },
        });
        let mail = self.engine.mail().ok().map(|mail| MailStatus {
            keeps: mail.rules.offers,
            kept_for: mail.kept.iter().filter(|kept| !kept.evicted).count(),
            kept_bytes: mail.kept.iter().map(|kept| kept.bytes).sum(),
            mailboxes: mail.mine.into_iter().map(|own| own.name).collect(),
        });
        Status {
            mail,
            pid: self.running.pid,
            version: VERSION.into(),
            name: node.name,
            node_id: node.node_id.to_peer_id(),
            fingerprint: node.node_id.fingerprint(),
            healthy: self.engine.healthy().await,
            web: self.running.web.clone(),
            addresses: node.addresses,
            users: node.users,
            peers: peers.collect(),
            dialling: node
                .dialling
                .into_iter()
                .map(|dialling| (dialling.address, dialling.error))
                .collect(),
        }
    }

    /// The owner's switch of the relay; none = only tells. Whether it is on, and whether that is set at the start.
    async fn relay(&self, on: Option<bool>) -> Result<(bool, bool), Error> {
        let owner = self.engine.as_owner()?;
        let (was, fixed) = owner.relay()?;
        let Some(on) = on.filter(|_| !fixed) else {
            return Ok((was, fixed));
        };
        owner.set_relay(on).await?;
        Ok((on, fixed))
    }

    /// Where people open the pages: the public address, else one in the home network, else this computer's.
    fn origin(&self) -> String {
        let home = || self.house.now().urls.into_iter().next();
        let found = self.public_url.clone().or_else(home);
        let found = found.or_else(|| self.running.web.first().cloned());
        found.unwrap_or_default().trim_end_matches('/').to_owned()
    }

    /// The switch of the home network; none = only tells.
    async fn home(&self, on: Option<bool>) -> Answer {
        if let Some(on) = on
            && let Err(error) = self.engine.set_home_network(on).await
        {
            return done::<()>(Err(error));
        }
        let home = self.house.settle().await;
        let code = self.running.set_up_code.clone();
        ok(&HomeStatus {
            on: home.on,
            fixed: home.fixed,
            urls: home.urls,
            faults: home
                .faults
                .into_iter()
                .map(|fault| (fault.address.to_string(), fault.why))
                .collect(),
            set_up_code: code.filter(|_| self.engine.is_new()),
        })
    }

    /// Writes what a user can read beside the backups; whoever asked takes the file from there.
    async fn export(&self, nick: String, password: String) -> Answer {
        let login = Login {
            nick,
            password,
            device: "chater user export".to_owned(),
            from: [127, 0, 0, 1].into(),
            kind: SessionKind::Token,
            time_zone: None,
        };
        let session = match self.engine.log_in(login).await {
            Ok(session) => session,
            Err(error) => return done::<()>(Err(error)),
        };
        let folder = self.folder.join("backups");
        let name = match random_word(8) {
            Ok(name) => name,
            Err(problem) => return refuse("internal", &problem.to_string()),
        };
        let path = folder.join(format!("export-{name}.json"));
        let (user, to) = (session.user, path.clone());
        let written = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(&folder)?;
            let open = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&to)?;
            let mut out = BufWriter::new(open);
            chater_web::export(&user, &mut out)?;
            out.flush()?;
            Ok::<_, chater_web::ExportError>(())
        });
        let written = written.await;
        self.engine.log_out(&session.secret).await;
        match written {
            Ok(Ok(())) => ok(&path),
            Ok(Err(chater_web::ExportError::Node(error))) => {
                let _ = tokio::fs::remove_file(&path).await;
                done::<()>(Err(error))
            }
            other => {
                let _ = tokio::fs::remove_file(&path).await;
                let why = match other {
                    Ok(Err(error)) => error.to_string(),
                    _ => "the export stopped".to_owned(),
                };
                refuse("internal", &why)
            }
        }
    }

    async fn copy_store(&self) -> Answer {
        let folder = self.folder.join("backups");
        let name = match random_word(8) {
            Ok(name) => name,
            Err(problem) => return refuse("internal", &problem.to_string()),
        };
        let path = folder.join(format!("copy-{name}.redb"));
        if let Err(error) = tokio::fs::create_dir_all(&folder).await {
            return refuse("internal", &error.to_string());
        }
        match self.engine.backup(path.clone()).await {
            Ok(_) => ok(&path),
            Err(error) => {
                let _ = tokio::fs::remove_file(&path).await;
                done::<()>(Err(error))
            }
        }
    }
}

fn ok<T: serde::Serialize>(value: &T) -> Answer {
    match serde_json::to_value(value) {
        Ok(value) => Answer::Ok(value),
        Err(error) => refuse("internal", &error.to_string()),
    }
}

fn done<T: serde::Serialize>(result: Result<T, Error>) -> Answer {
    let error = match result {
        Ok(value) => return ok(&value),
        Err(error) => error,
    };
    let code = match &error {
        Error::Invalid {
            field: "link",
            reason,
        } => match reason {
            Reason::Expired => "link_expired",
            Reason::Used => "link_used",
            Reason::Revoked => "link_revoked",
            Reason::Unreachable => "unreachable",
            Reason::Other => "another_node",
            Reason::Own => "own_link",
            Reason::Blocked => "blocked",
            _ => "link_wrong",
        },
        Error::Forbidden => "blocked",
        Error::Ambiguous(_) => "ambiguous",
        Error::TooMany { .. } => "too_many",
        Error::NotFound | Error::UnknownNode(_) | Error::NodeSilent(_) => "not_found",
        Error::Invalid { .. } | Error::OneselfChat => "invalid",
        Error::Taken => "taken",
        Error::RegistrationClosed => "registration_closed",
        Error::Busy => "busy",
        Error::StorageFull => "storage_full",
        Error::StorageFailed => "storage_failed",
        Error::Stopping => "stopping",
        _ => "internal",
    };
    refuse(code, &error.to_string())
}

fn engine_config(
    config: &Config,
    key: &[u8; 32],
    name: String,
    set_up_code: Option<String>,
) -> chater_engine::Config {
    chater_engine::Config {
        data_dir: config.data_dir.clone(),
        node_key: NodeKey::new(*key),
        name,
        name_fixed: config.name_fixed,
        p2p_listen: config.p2p_addr.clone(),
        p2p_listen_explicit: config.p2p_explicit,
        peers: config.peers.clone(),
        mdns: config.mdns,
        relay: config.relay,
        relay_fixed: config.relay_fixed,
        upnp: config.upnp,
        external: config.external.clone(),
        registration: config.registration,
        registration_fixed: config.registration_fixed,
        setup_code: set_up_code,
        setup_code_here: config.ask_set_up_code,
        home: config.home_network,
        home_fixed: config.home_network_fixed,
        limits: config.limits,
        compare_every: chater_engine::COMPARE_EVERY,
        mail: config.mail,
        language: config.language.code().into(),
    }
}

fn web_problem(address: SocketAddr, error: &std::io::Error) -> Problem {
    if error.kind() == std::io::ErrorKind::AddrInUse {
        return Problem::PortTaken(address);
    }
    Problem::Bind {
        address,
        why: error.to_string(),
    }
}

/// What people read when the engine does not start.
pub(crate) fn start_problem(folder: &std::path::Path, error: StartError) -> Problem {
    match error {
        StartError::NewerData(_) => Problem::NewerData(folder.to_path_buf()),
        StartError::Store(path, why) => Problem::Store { path, why },
        StartError::Listen(address, why) => Problem::Listen { address, why },
        StartError::Address(text) => Problem::Listen {
            address: text,
            why: "not a multiaddr".into(),
        },
        StartError::Other(why) => Problem::Other(why),
    }
}

/// Whether a port of a multiaddr is free now. Addresses without an IP are left to the network.
///
/// # Errors
/// It is taken, or not ours to use.
pub fn try_port(address: &str) -> std::io::Result<()> {
    let parts: Vec<&str> = address.split('/').collect();
    let (Some(ip), Some(kind), Some(port)) = (
        ip_of(address),
        parts.get(3),
        parts.get(4).and_then(|port| port.parse().ok()),
    ) else {
        return Ok(());
    };
    let socket = SocketAddr::new(ip, port);
    match *kind {
        "tcp" => TcpListener::bind(socket).map(drop),
        "udp" => UdpSocket::bind(socket).map(drop),
        _ => Ok(()),
    }
}

/// The network tells its addresses a moment after it started; `run.json` should have them.
async fn first_addresses(engine: &Engine) -> Vec<String> {
    let end = tokio::time::Instant::now() + ADDRESS_WAIT;
    loop {
        let addresses = engine.node().addresses;
        if !addresses.is_empty() || tokio::time::Instant::now() >= end {
            return addresses;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Says when the usual port was taken and another one is used (Q14).
fn other_port(config: &Config, addresses: &[String]) -> Option<Say> {
    if config.p2p_explicit {
        return None;
    }
    let mut used: Vec<u16> = addresses
        .iter()
        .filter_map(|address| address.split('/').nth(4)?.parse().ok())
        .collect();
    used.sort_unstable();
    used.dedup();
    used.retain(|port| *port != P2P_PORT);
    (!used.is_empty()).then_some(Say::OtherPort {
        wanted: P2P_PORT,
        used,
    })
}

/// The address to open in a browser on this machine.
#[must_use]
pub fn url(address: SocketAddr) -> String {
    let port = address.port();
    match address.ip() {
        std::net::IpAddr::V4(ip) if ip.is_loopback() || ip.is_unspecified() => {
            format!("http://localhost:{port}")
        }
        std::net::IpAddr::V6(ip) if ip.is_unspecified() => format!("http://localhost:{port}"),
        _ => format!("http://{address}"),
    }
}

/// For hosts without a telling name (Q5): the same name at every start.
fn name_from_key(key: &[u8; 32]) -> String {
    let bytes = blake3::derive_key("chater node default name v1", key);
    format!(
        "node-{}",
        chater_protocol::id::hex(bytes.get(..2).unwrap_or_default())
    )
}

/// Typed by a person from a terminal: three groups of four, no letters that look alike.
fn set_up_code() -> Result<String, Problem> {
    let word = random_word(12)?;
    let groups: Vec<&str> = [word.get(..4), word.get(4..8), word.get(8..)]
        .into_iter()
        .flatten()
        .collect();
    Ok(groups.join("-"))
}

/// Random letters and digits, 5 bits each.
fn random_word(length: usize) -> Result<String, Problem> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).map_err(|error| Problem::NoRandom(error.to_string()))?;
    Ok(bytes
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(byte & 31)))
        .map(|letter| char::from(*letter))
        .collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_seen_and_a_free_one_is_left_free() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = try_port(&format!("/ip4/127.0.0.1/tcp/{port}")).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
        drop(taken);
        assert!(try_port(&format!("/ip4/127.0.0.1/tcp/{port}")).is_ok());
        assert!(try_port(&format!("/ip4/127.0.0.1/tcp/{port}")).is_ok());
        assert!(try_port("/ip4/127.0.0.1/udp/0/quic-v1").is_ok());
        assert!(try_port("/dns4/localhost/tcp/1").is_ok());
        assert!(try_port("nonsense").is_ok());
    }

    #[test]
    fn addresses_are_told_as_people_open_them() {
        let url = |text: &str| super::url(text.parse().unwrap());
        assert_eq!(url("127.0.0.1:5000"), "http://localhost:5000");
        assert_eq!(url("0.0.0.0:5000"), "http://localhost:5000");
        assert_eq!(url("192.168.1.5:80"), "http://192.168.1.5:80");
        assert_eq!(url("[::1]:5000"), "http://[::1]:5000");
    }

    #[test]
    fn the_set_up_code_is_three_groups_and_new_each_time() {
        let (one, two) = (set_up_code().unwrap(), set_up_code().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.split('-').map(str::len).collect::<Vec<_>>(), [4, 4, 4]);
    }

    #[test]
    fn the_name_from_the_key_is_always_the_same() {
        assert_eq!(name_from_key(&[1; 32]), name_from_key(&[1; 32]));
        assert_ne!(name_from_key(&[1; 32]), name_from_key(&[2; 32]));
        assert_eq!(name_from_key(&[1; 32]).len(), "node-".len() + 4);
    }
}
