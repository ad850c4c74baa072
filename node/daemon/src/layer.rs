//! One source of settings: command line, environment and file have the same shape, so an option cannot exist in one of
//! them and be forgotten in another.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

use crate::text::Problem;

/// What one source says about the settings. Nothing given = ask the next source.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Folder with the node's data [env: CHATER_DATA_DIR]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Settings file [default: chater.toml in the data folder] [env: CHATER_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Name of this node, as in nick@name [default: the host's name] [env: CHATER_NAME]
    #[arg(long, global = true)]
    pub name: Option<String>,
    /// Address of the web pages, repeatable [default: 127.0.0.1:5000] [env: CHATER_WEB_ADDR]
    #[arg(long, global = true, value_name = "IP:PORT")]
    #[serde(default, deserialize_with = "one_or_many")]
    pub web_addr: Vec<String>,
    /// Address for other nodes, repeatable [default: port 5001, TCP and QUIC, IPv4 and IPv6] [env: CHATER_P2P_ADDR]
    #[arg(long, global = true, value_name = "MULTIADDR")]
    #[serde(default, deserialize_with = "one_or_many")]
    pub p2p_addr: Vec<String>,
    /// A node to link to, repeatable [env: CHATER_PEER]
    #[arg(long, global = true, value_name = "MULTIADDR")]
    #[serde(default, deserialize_with = "one_or_many")]
    pub peer: Vec<String>,
    /// Do not look for nodes on the local network [env: CHATER_NO_MDNS]
    #[arg(long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub no_mdns: Option<bool>,
    /// Let nodes that cannot be reached be reached through this one [default: no, or as the owner chose] [env: CHATER_RELAY]
    #[arg(long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub relay: Option<bool>,
    /// Open the pages to phones and laptops of the home network, too [default: no, or as the owner chose] [env: CHATER_HOME_NETWORK]
    #[arg(long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub home_network: Option<bool>,
    /// Do not ask the router for an open port (UPnP) [env: CHATER_NO_UPNP]
    #[arg(long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub no_upnp: Option<bool>,
    /// Address of the Internet at which others reach this node, repeatable [env: CHATER_EXTERNAL]
    #[arg(long, global = true, value_name = "MULTIADDR")]
    #[serde(default, deserialize_with = "one_or_many")]
    pub external: Vec<String>,
    /// Language of this node: ru, en, auto [default: ru] [env: CHATER_LANGUAGE]
    #[arg(long, global = true)]
    pub language: Option<String>,
    /// Who may register: auto, open, invite, closed [default: auto] [env: CHATER_REGISTRATION]
    #[arg(long, global = true)]
    pub registration: Option<String>,
    /// The address people use when a proxy stands in front [env: CHATER_PUBLIC_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub public_url: Option<String>,
    /// What to log, for example chater=debug [env: CHATER_LOG]
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
    /// Proxies whose X-Forwarded-For counts [env: CHATER_TRUSTED_PROXIES]
    #[arg(skip)]
    #[serde(default, deserialize_with = "one_or_many")]
    pub trusted_proxies: Vec<String>,
    /// Rates (Q22); only in the file.
    #[arg(skip)]
    #[serde(default)]
    pub limits: Rates,
    /// Keeping mail for other nodes; only in the file.
    #[arg(skip)]
    #[serde(default)]
    pub mail: MailTable,
}

/// The table `[mail]`: with `offer` in it, the switch on the page does not count (Q11).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailTable {
    /// Keep mail for other nodes while they are away.
    pub offer: Option<bool>,
    /// Room for all of them, MiB.
    pub quota_mib: Option<u64>,
    /// Days that a letter is kept.
    pub days: Option<u16>,
}

/// The table `[limits]`; 0 = off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// Messages of one user a second, for long.
    pub messages_per_s: Option<u32>,
    /// Messages of one user at once.
    pub messages_burst: Option<u32>,
    /// Searches of one user a second.
    pub searches_per_s: Option<u32>,
    /// Registrations from one address an hour.
    pub registrations_per_h: Option<u32>,
}

/// The keys of the file, to name the wrong one.
const KEYS: [&str; 17] = [
    "data_dir",
    "name",
    "web_addr",
    "p2p_addr",
    "peer",
    "no_mdns",
    "relay",
    "home_network",
    "no_upnp",
    "external",
    "language",
    "registration",
    "public_url",
    "log",
    "trusted_proxies",
    "limits",
    "mail",
];
const MAIL: [&str; 3] = ["offer", "quota_mib", "days"];
const RATES: [&str; 4] = [
    "messages_per_s",
    "messages_burst",
    "searches_per_s",
    "registrations_per_h",
];

/// A key may be one text or a list of them.
fn one_or_many<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(d)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

impl Layer {
    /// What the environment says; `get` looks up one variable.
    ///
    /// # Errors
    /// A switch is neither true nor false.
    pub fn from_env(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        let one = |name: &str| get(name).filter(|value| !value.is_empty());
        let many = |name: &str| -> Vec<String> {
            let value = one(name).unwrap_or_default();
            value
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let switch = |name: &str| match one(name).as_deref() {
            None => Ok(None),
            Some("1" | "true" | "yes" | "on") => Ok(Some(true)),
            Some("0" | "false" | "no" | "off") => Ok(Some(false)),
            Some(other) => Err(bad(name, other, "true, false")),
        };
        Ok(Self {
            data_dir: one("CHATER_DATA_DIR").map(PathBuf::from),
            config: one("CHATER_CONFIG").map(PathBuf::from),
            name: one("CHATER_NAME"),
            web_addr: many("CHATER_WEB_ADDR"),
            p2p_addr: many("CHATER_P2P_ADDR"),
            peer: many("CHATER_PEER"),
            no_mdns: switch("CHATER_NO_MDNS")?,
            relay: switch("CHATER_RELAY")?,
            home_network: switch("CHATER_HOME_NETWORK")?,
            no_upnp: switch("CHATER_NO_UPNP")?,
            external: many("CHATER_EXTERNAL"),
            language: one("CHATER_LANGUAGE"),
            registration: one("CHATER_REGISTRATION"),
            public_url: one("CHATER_PUBLIC_URL"),
            log: one("CHATER_LOG"),
            trusted_proxies: many("CHATER_TRUSTED_PROXIES"),
            limits: Rates::default(),
            mail: MailTable::default(),
        })
    }

    /// What a settings file says.
    ///
    /// # Errors
    /// It is no TOML, or has a key that nobody knows: a misspelt setting must not be silently nothing.
    pub fn from_toml(path: &Path, text: &str) -> Result<Self, Problem> {
        let unreadable = |error: &toml::de::Error| {
            let line = error.span().map_or(1, |span| {
                text.bytes()
                    .take(span.start)
                    .filter(|b| *b == b'\n')
                    .count()
                    + 1
            });
            let what = error.message().replace('\n', " ");
            Problem::ConfigUnreadable {
                path: path.into(),
                why: format!("line {line}: {what}"),
            }
        };
        let table: toml::Table = toml::from_str(text).map_err(|error| unreadable(&error))?;
        let unknown = |key: &str| Problem::UnknownKey {
            path: path.into(),
            key: key.into(),
        };
        if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(unknown(key));
        }
        for (name, keys) in [("limits", &RATES[..]), ("mail", &MAIL[..])] {
            if let Some(toml::Value::Table(inner)) = table.get(name)
                && let Some(key) = inner.keys().find(|key| !keys.contains(&key.as_str()))
            {
                return Err(unknown(&format!("{name}.{key}")));
            }
        }
        toml::from_str(text).map_err(|error| unreadable(&error))
    }

    /// This layer where it says something, else the one below.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        let many =
            |above: Vec<String>, below: Vec<String>| if above.is_empty() { below } else { above };
        Self {
            data_dir: self.data_dir.or(below.data_dir),
            config: self.config.or(below.config),
            name: self.name.or(below.name),
            web_addr: many(self.web_addr, below.web_addr),
            p2p_addr: many(self.p2p_addr, below.p2p_addr),
            peer: many(self.peer, below.peer),
            no_mdns: self.no_mdns.or(below.no_mdns),
            relay: self.relay.or(below.relay),
            home_network: self.home_network.or(below.home_network),
            no_upnp: self.no_upnp.or(below.no_upnp),
            external: many(self.external, below.external),
            language: self.language.or(below.language),
            registration: self.registration.or(below.registration),
            public_url: self.public_url.or(below.public_url),
            log: self.log.or(below.log),
            trusted_proxies: many(self.trusted_proxies, below.trusted_proxies),
            limits: Rates {
                messages_per_s: self.limits.messages_per_s.or(below.limits.messages_per_s),
                messages_burst: self.limits.messages_burst.or(below.limits.messages_burst),
                searches_per_s: self.limits.searches_per_s.or(below.limits.searches_per_s),
                registrations_per_h: self
                    .limits
                    .registrations_per_h
                    .or(below.limits.registrations_per_h),
            },
            mail: MailTable {
                offer: self.mail.offer.or(below.mail.offer),
                quota_mib: self.mail.quota_mib.or(below.mail.quota_mib),
                days: self.mail.days.or(below.mail.days),
            },
        }
    }
}

/// A setting that does not fit, by its key, and what would.
pub(crate) fn bad(key: &str, value: &str, why: &str) -> Problem {
    Problem::BadValue {
        key: key.into(),
        value: value.into(),
        why: why.into(),
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_named() {
        let path = Path::new("/d/chater.toml");
        assert!(
            matches!(Layer::from_toml(path, "colour = 1"), Err(Problem::UnknownKey { key, .. }) if key == "colour")
        );
        let limits = Layer::from_toml(path, "[limits]\nmessages = 1");
        assert!(matches!(limits, Err(Problem::UnknownKey { key, .. }) if key == "limits.messages"));
        let line = Layer::from_toml(path, "name = \"a\"\nlanguage = ");
        assert!(
            matches!(line, Err(Problem::ConfigUnreadable { why, .. }) if why.contains("line 2"))
        );
    }

    #[test]
    fn one_value_or_a_list_and_limits_off() {
        let layer = Layer::from_toml(
            Path::new("f"),
            "web_addr = \"[::1]:0\"\npeer = [\"/a\", \"/b\"]\n[limits]\nmessages_per_s = 0\n",
        )
        .unwrap();
        assert_eq!(layer.web_addr, vec!["[::1]:0"]);
        assert_eq!(layer.peer, vec!["/a", "/b"]);
        assert_eq!(layer.limits.messages_per_s, Some(0));
    }

    #[test]
    fn every_key_of_the_list_is_a_key_of_the_file() {
        for key in KEYS {
            let value = match key {
                "no_mdns" | "no_upnp" | "relay" | "home_network" => "true",
                "limits" | "mail" => "{}",
                _ => "\"x\"",
            };
            assert!(
                Layer::from_toml(Path::new("f"), &format!("{key} = {value}")).is_ok(),
                "{key}"
            );
        }
    }
}
