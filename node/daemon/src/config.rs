//! Settings: command line, environment, `chater.toml`, default, in this order (Q11).

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use chater_engine::{Limits, MailRules, Registration};

use crate::layer::{Layer, MailTable, bad};
use crate::text::{Language, Problem};

/// What the machine says: the environment and the names of things. Tests make it by hand.
pub struct Surroundings<'a> {
    /// Looks up one environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The host's name.
    pub host: String,
}

impl Surroundings<'_> {
    /// The real ones.
    #[must_use]
    pub fn real() -> Self {
        Self {
            env: &|name| std::env::var(name).ok(),
            host: hostname::get()
                .ok()
                .and_then(|name| name.into_string().ok())
                .unwrap_or_default(),
        }
    }
}

/// The default port of the pages.
pub const WEB_PORT: u16 = 5000;
/// The default port for other nodes.
pub const P2P_PORT: u16 = 5001;

/// Everything settled: what a node is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data folder; may not exist yet.
    pub data_dir: PathBuf,
    /// The name, checked and folded; none = made from the key (Q5).
    pub name: Option<String>,
    /// The name is set from outside: what the owner saves on a page does not count (Q11).
    pub name_fixed: bool,
    /// The host's name, for the Host list (Q17).
    pub host: String,
    /// Where the pages are.
    pub web_addr: Vec<SocketAddr>,
    /// Where other nodes come in.
    pub p2p_addr: Vec<String>,
    /// Whether those were asked for: then a taken port is an error (Q14).
    pub p2p_explicit: bool,
    /// Nodes to link to.
    pub peers: Vec<String>,
    /// Look for nodes on the local network.
    pub mdns: bool,
    /// Let others be reached through this node.
    pub relay: bool,
    /// That is set from outside (Q11).
    pub relay_fixed: bool,
    /// Open the pages to the home network.
    pub home_network: bool,
    /// That is set from outside (Q11).
    pub home_network_fixed: bool,
    /// Ask the router for an open port.
    pub upnp: bool,
    /// Addresses of the Internet that are ours.
    pub external: Vec<String>,
    /// `ru`, `en` or `auto`, for the pages.
    pub page_language: String,
    /// The language of the terminal.
    pub language: Language,
    /// Who may register, `auto` decided.
    pub registration: Registration,
    /// Who may register is set from outside (Q11).
    pub registration_fixed: bool,
    /// Whether the first user must type the set-up code (Q15) also at this computer; from another one always.
    pub ask_set_up_code: bool,
    /// The address people use.
    pub public_url: Option<String>,
    /// What to log.
    pub log: Option<String>,
    /// Proxies to believe.
    pub trusted_proxies: Vec<IpAddr>,
    /// Rates.
    pub limits: Limits,
    /// Keeping mail for other nodes, when the file says so.
    pub mail: Option<MailRules>,
}

impl Config {
    /// Settles every setting from the command line, the surroundings and the file.
    ///
    /// # Errors
    /// One setting that does not fit, named.
    pub fn settle(arguments: Layer, around: &Surroundings<'_>) -> Result<Self, Problem> {
        let outside = arguments.over(Layer::from_env(around.env)?);
        let layer = with_file(outside, around)?;
        let data_dir = data_dir(&layer, around)?;
        let (page_language, language) = languages(layer.language.as_deref(), around)?;

        let web_addr = if layer.web_addr.is_empty() {
            vec![SocketAddr::from(([127, 0, 0, 1], WEB_PORT))]
        } else {
            layer
                .web_addr
                .iter()
                .map(|text| web_address(text))
                .collect::<Result<_, _>>()?
        };
        let p2p_explicit = !layer.p2p_addr.is_empty();
        let p2p_addr = if p2p_explicit {
            layer.p2p_addr
        } else {
            usual_p2p_addresses()
        };
        for address in p2p_addr.iter().chain(&layer.peer).chain(&layer.external) {
            if !address.starts_with('/') {
                return Err(bad(
                    "p2p_addr, peer, external",
                    address,
                    "/ip4/192.168.1.5/tcp/5001",
                ));
            }
        }
        let public_url = layer.public_url.as_deref().map(public_url).transpose()?;
        let trusted_proxies = layer
            .trusted_proxies
            .iter()
            .map(|text| {
                text.parse()
                    .map_err(|_| bad("trusted_proxies", text, "192.168.1.5"))
            })
            .collect::<Result<_, _>>()?;

        let only_here =
            public_url.is_none() && web_addr.iter().all(|address| address.ip().is_loopback());
        let (registration, ask_set_up_code) =
            registration(layer.registration.as_deref(), only_here)?;
        let usual = Limits::default();
        let mail = mail_rules(layer.mail)?;
        Ok(Self {
            data_dir,
            name_fixed: layer.name.is_some(),
            registration_fixed: layer
                .registration
                .as_deref()
                .is_some_and(|policy| policy != "auto"),
            name: match layer.name {
                Some(name) => Some(check_name(&name)?),
                None => name_from_host(&around.host),
            },
            host: around.host.clone(),
            web_addr,
            p2p_addr,
            p2p_explicit,
            peers: layer.peer,
            mdns: !layer.no_mdns.unwrap_or(false),
            relay: layer.relay.unwrap_or(false),
            relay_fixed: layer.relay.is_some(),
            home_network: layer.home_network.unwrap_or(false),
            home_network_fixed: layer.home_network.is_some(),
            upnp: !layer.no_upnp.unwrap_or(false),
            external: layer.external,
            page_language,
            language,
            registration,
            ask_set_up_code,
            public_url,
            log: layer.log,
            trusted_proxies,
            limits: Limits {
                messages_per_s: layer.limits.messages_per_s.unwrap_or(usual.messages_per_s),
                messages_burst: layer.limits.messages_burst.unwrap_or(usual.messages_burst),
                searches_per_s: layer.limits.searches_per_s.unwrap_or(usual.searches_per_s),
                registrations_per_h: layer
                    .limits
                    .registrations_per_h
                    .unwrap_or(usual.registrations_per_h),
            },
            mail,
        })
    }

    /// Whether the pages can be reached from other machines without a proxy in front.
    #[must_use]
    pub fn beyond_loopback(&self) -> bool {
        self.web_addr
            .iter()
            .any(|address| !address.ip().is_loopback())
    }
}

/// The language of the terminal before the settings are known to be right: for the sentence that says they are not.
#[must_use]
pub fn likely_language(arguments: &Layer, around: &Surroundings<'_>) -> Language {
    let asked = arguments
        .language
        .clone()
        .or_else(|| (around.env)("CHATER_LANGUAGE"));
    let asked = asked.or_else(|| {
        let outside = arguments.clone().over(Layer::from_env(around.env).ok()?);
        with_file(outside, around).ok()?.language
    });
    languages(asked.as_deref(), around).map_or(Language::Ru, |(_, language)| language)
}

/// The rules of a mailbox that the file gives; none = the owner's page decides.
fn mail_rules(table: MailTable) -> Result<Option<MailRules>, Problem> {
    let usual = MailRules::default();
    let Some(offers) = table.offer else {
        return Ok(None);
    };
    let rules = MailRules {
        offers,
        bytes: table
            .quota_mib
            .map_or(usual.bytes, |mib| mib.saturating_mul(1024 * 1024)),
        days: table.days.unwrap_or(usual.days),
    };
    if rules.fits() {
        Ok(Some(rules))
    } else {
        let text = format!("quota_mib {}, days {}", rules.bytes >> 20, rules.days);
        Err(bad("mail", &text, "quota_mib = 200, days = 14"))
    }
}

/// Puts the settings file below what came from outside.
fn with_file(outside: Layer, around: &Surroundings<'_>) -> Result<Layer, Problem> {
    let (path, asked) = match &outside.config {
        Some(path) => (path.clone(), true),
        None => (data_dir(&outside, around)?.join("chater.toml"), false),
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        // No file, or no folder to hold one: what is wrong with the folder is said when it is taken.
        Err(error)
            if !asked
                && matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) =>
        {
            return Ok(outside);
        }
        Err(error) => {
            return Err(Problem::ConfigUnreadable {
                path,
                why: error.to_string(),
            });
        }
    };
    let file = Layer::from_toml(&path, &text)?;
    if file.data_dir.is_some() && !asked {
        // The file was found by the data folder, so it cannot move that folder elsewhere.
        return Err(bad("data_dir", &path.display().to_string(), "--config"));
    }
    Ok(outside.over(file))
}

/// The data folder, by default the platform's (Q12).
fn data_dir(layer: &Layer, around: &Surroundings<'_>) -> Result<PathBuf, Problem> {
    if let Some(path) = &layer.data_dir {
        return std::path::absolute(path)
            .map_err(|error| bad("data_dir", &path.display().to_string(), &error.to_string()));
    }
    let folder = |name: &str| {
        (around.env)(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let home = || folder("HOME");
    let base = if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        folder("XDG_DATA_HOME").or_else(|| home().map(|home| home.join(".local/share")))
    };
    base.map(|base| base.join("chater")).ok_or(Problem::NoHome)
}

/// The language of the pages and that of the terminal.
fn languages(
    asked: Option<&str>,
    around: &Surroundings<'_>,
) -> Result<(String, Language), Problem> {
    let terminal = match asked.unwrap_or("ru") {
        "ru" => Language::Ru,
        "en" => Language::En,
        "auto" => {
            let spoken = ["LC_ALL", "LC_MESSAGES", "LANG"]
                .iter()
                .find_map(|name| (around.env)(name).filter(|v| !v.is_empty()));
            if spoken.is_some_and(|locale| locale.starts_with("en")) {
                Language::En
            } else {
                Language::Ru
            }
        }
        other => return Err(bad("language", other, "ru, en, auto")),
    };
    Ok((asked.unwrap_or("ru").to_owned(), terminal))
}

/// `127.0.0.1:5000`, `[::1]:5000`, `localhost:5000`.
fn web_address(text: &str) -> Result<SocketAddr, Problem> {
    let literal = text
        .strip_prefix("localhost:")
        .map(|port| format!("127.0.0.1:{port}"));
    literal
        .as_deref()
        .unwrap_or(text)
        .parse()
        .map_err(|_| bad("web_addr", text, "127.0.0.1:5000"))
}

/// Port 5001 on TCP and QUIC, IPv4 and IPv6 (Q14).
fn usual_p2p_addresses() -> Vec<String> {
    ["/ip4/0.0.0.0", "/ip6/::"]
        .iter()
        .flat_map(|ip| {
            [
                format!("{ip}/tcp/{P2P_PORT}"),
                format!("{ip}/udp/{P2P_PORT}/quic-v1"),
            ]
        })
        .collect()
}

/// Scheme and host, nothing behind them: it is compared with Host and Origin.
fn public_url(text: &str) -> Result<String, Problem> {
    let wrong = || bad("public_url", text, "https://chat.example.org");
    let url = text.strip_suffix('/').unwrap_or(text);
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .ok_or_else(wrong)?;
    let fits = !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c));
    if fits {
        Ok(url.to_owned())
    } else {
        Err(wrong())
    }
}

/// The policy in force, and whether the first user needs the set-up code (Q15).
fn registration(asked: Option<&str>, only_here: bool) -> Result<(Registration, bool), Problem> {
    Ok(match asked.unwrap_or("auto") {
        "auto" if only_here => (Registration::Open, false),
        "auto" => (Registration::Invite, true),
        "open" => (Registration::Open, false),
        "invite" => (Registration::Invite, !only_here),
        "closed" => (Registration::Closed, !only_here),
        other => return Err(bad("registration", other, "auto, open, invite, closed")),
    })
}

/// The rules of a node's name (Q5): those by which peers judge it.
fn check_name(text: &str) -> Result<String, Problem> {
    chater_protocol::name::check_node_name(text)
        .map_err(|_| bad("name", text, "1-32: a-z 0-9 . _ -"))
}

/// The host's name made fit: other characters become `-`. None when nothing telling is left.
fn name_from_host(host: &str) -> Option<String> {
    let host = host.to_lowercase();
    let name: String = host
        .chars()
        .take(32)
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    let name = name.trim_matches(['.', '_', '-']);
    (!name.is_empty() && name != "localhost").then(|| name.to_owned())
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]
mod tests {
    use super::*;

    fn settle(arguments: Layer, env: &[(&str, &str)]) -> Result<Config, Problem> {
        let look_up = |name: &str| {
            env.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Config::settle(
            arguments,
            &Surroundings {
                env: &look_up,
                host: "Dom.Local".into(),
            },
        )
    }

    fn named(name: &str) -> Layer {
        Layer {
            name: Some(name.into()),
            ..Layer::default()
        }
    }

    #[test]
    fn command_line_beats_environment_beats_file_beats_default() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        std::fs::write(
            folder.path().join("chater.toml"),
            "name = \"file\"\nlanguage = \"en\"\nno_mdns = true\n",
        )
        .unwrap();
        let base = [("CHATER_DATA_DIR", home)];
        let both = [("CHATER_DATA_DIR", home), ("CHATER_NAME", "env")];

        assert_eq!(
            settle(named("arg"), &both).unwrap().name.as_deref(),
            Some("arg")
        );
        assert_eq!(
            settle(Layer::default(), &both).unwrap().name.as_deref(),
            Some("env")
        );
        let config = settle(Layer::default(), &base).unwrap();
        assert_eq!(config.name.as_deref(), Some("file"));
        assert_eq!(config.language, Language::En);
        assert!(!config.mdns);
        let explicit = Layer {
            no_mdns: Some(false),
            ..Layer::default()
        };
        assert!(settle(explicit, &base).unwrap().mdns);
    }

    #[test]
    fn defaults_are_those_of_the_decisions() {
        let config = settle(Layer::default(), &[("HOME", "/home/anna")]).unwrap();
        assert_eq!(
            config.data_dir,
            if cfg!(target_os = "macos") {
                PathBuf::from("/home/anna/Library/Application Support/chater")
            } else {
                PathBuf::from("/home/anna/.local/share/chater")
            }
        );
        assert_eq!(config.name.as_deref(), Some("dom.local"));
        assert_eq!(config.web_addr, vec!["127.0.0.1:5000".parse().unwrap()]);
        assert_eq!(config.p2p_addr.len(), 4);
        assert!(!config.p2p_explicit && config.mdns && config.public_url.is_none());
        assert_eq!(config.registration, Registration::Open);
        assert_eq!(
            (config.limits.messages_per_s, config.limits.messages_burst),
            (30, 300)
        );
        assert_eq!(
            (
                config.limits.searches_per_s,
                config.limits.registrations_per_h
            ),
            (5, 60)
        );
    }

    #[test]
    fn without_a_home_a_data_folder_must_be_named() {
        assert!(matches!(
            settle(Layer::default(), &[]),
            Err(Problem::NoHome)
        ));
        assert!(matches!(
            settle(Layer::default(), &[("HOME", "")]),
            Err(Problem::NoHome)
        ));
    }

    #[test]
    fn beyond_loopback_people_come_by_invitation_and_the_first_by_code() {
        let home = [("HOME", "/h")];
        let open = |web: &str, registration: Option<&str>| {
            let layer = Layer {
                web_addr: vec![web.into()],
                registration: registration.map(str::to_owned),
                ..Layer::default()
            };
            let config = settle(layer, &home).unwrap();
            (config.registration, config.ask_set_up_code)
        };
        assert_eq!(open("127.0.0.1:0", None), (Registration::Open, false));
        assert_eq!(open("0.0.0.0:0", None), (Registration::Invite, true));
        assert_eq!(open("0.0.0.0:0", Some("open")), (Registration::Open, false));
        assert_eq!(
            open("0.0.0.0:0", Some("closed")),
            (Registration::Closed, true)
        );
        assert_eq!(
            open("[::1]:0", Some("invite")),
            (Registration::Invite, false)
        );
        let proxy = Layer {
            public_url: Some("https://chat.example.org/".into()),
            ..Layer::default()
        };
        let config = settle(proxy, &home).unwrap();
        assert_eq!(
            (config.registration, config.ask_set_up_code),
            (Registration::Invite, true)
        );
        assert_eq!(
            config.public_url.as_deref(),
            Some("https://chat.example.org")
        );
    }

    #[test]
    fn values_that_do_not_fit_are_named() {
        let home = [("HOME", "/h")];
        let wrong = |layer: Layer| match settle(layer, &home) {
            Err(Problem::BadValue { key, .. }) => key,
            other => format!("{other:?}"),
        };
        assert_eq!(
            wrong(Layer {
                web_addr: vec!["5000".into()],
                ..Layer::default()
            }),
            "web_addr"
        );
        assert_eq!(
            wrong(Layer {
                web_addr: vec!["127.0.0.1:70000".into()],
                ..Layer::default()
            }),
            "web_addr"
        );
        assert_eq!(
            wrong(Layer {
                language: Some("fr".into()),
                ..Layer::default()
            }),
            "language"
        );
        assert_eq!(
            wrong(Layer {
                registration: Some("all".into()),
                ..Layer::default()
            }),
            "registration"
        );
        assert_eq!(
            wrong(Layer {
                public_url: Some("chat.example.org".into()),
                ..Layer::default()
            }),
            "public_url"
        );
        assert_eq!(
            wrong(Layer {
                public_url: Some("https://a.b/path".into()),
                ..Layer::default()
            }),
            "public_url"
        );
        assert_eq!(wrong(named("a b")), "name");
        assert_eq!(wrong(named("-a")), "name");
        assert_eq!(wrong(named(&"a".repeat(33))), "name");
    }

    #[test]
    fn a_host_name_becomes_a_node_name() {
        assert_eq!(
            name_from_host("Anna's Laptop").as_deref(),
            Some("anna-s-laptop")
        );
        assert_eq!(name_from_host("localhost"), None);
        assert_eq!(name_from_host("---"), None);
        assert_eq!(name_from_host(""), None);
        assert_eq!(name_from_host(&"x".repeat(64)).unwrap().len(), 32);
    }

    #[test]
    fn the_terminal_follows_the_locale_only_when_told_to() {
        let auto = || Layer {
            language: Some("auto".into()),
            ..Layer::default()
        };
        let home = ("HOME", "/h");
        assert_eq!(
            settle(Layer::default(), &[home, ("LANG", "en_US.UTF-8")])
                .unwrap()
                .language,
            Language::Ru
        );
        assert_eq!(
            settle(auto(), &[home, ("LANG", "en_US.UTF-8")])
                .unwrap()
                .language,
            Language::En
        );
        assert_eq!(
            settle(auto(), &[home, ("LANG", "C")]).unwrap().language,
            Language::Ru
        );
    }
}
