//! What every handler can reach.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRef;
use chater_engine::Engine;
use tokio::sync::Mutex;

use crate::hosts::Hosts;
use crate::house::House;

/// Settings of the web side, checked by the daemon.
#[derive(Debug, Clone)]
pub struct WebConfig {
    /// The address people type when a proxy stands in front, as `https://chat.example.org` (Q16).
    pub public_url: Option<String>,
    /// Whose `X-Forwarded-For` is believed (Q16); nobody's by default.
    pub trusted_proxies: Vec<IpAddr>,
    /// Where the node listens; beyond loopback its host name becomes an allowed Host (Q17).
    pub listen: Vec<SocketAddr>,
    /// The machine's name, for that list.
    pub host_name: String,
    /// `ru`, `en` or `auto` (Q19).
    pub default_language: String,
}

/// What every handler can reach. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The node's core.
    pub engine: Engine,
    /// The settings.
    pub config: Arc<WebConfig>,
    /// The home network.
    pub(crate) house: Arc<House>,
    /// The names this node answers to.
    pub(crate) hosts: Arc<Hosts>,
    /// Name of the session cookie (Q18).
    pub(crate) session_cookie: Arc<str>,
    /// The last answer of `/healthz`: each check is a durable commit, and anybody may ask.
    pub(crate) health: Arc<Mutex<Option<(Instant, bool)>>>,
}

impl App {
    /// Puts the parts together.
    pub fn new(engine: Engine, config: WebConfig, house: Arc<House>) -> Self {
        let hosts = Hosts::new(
            config.public_url.as_deref(),
            &config.listen,
            &config.host_name,
        )
        .following(engine.home_network());
        let session_cookie = cookie_name("chater", &engine.cookie_suffix());
        Self {
            engine,
            house,
            hosts: Arc::new(hosts),
            config: Arc::new(config),
            session_cookie: session_cookie.into(),
            health: Arc::new(Mutex::new(None)),
        }
    }

    /// Whether browsers reach this node by TLS, so that cookies are marked `Secure`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.hosts.public_is_https()
    }

    /// The full name of a cookie of this node, as `chater_theme_1a2b3c4d`: cookies ignore ports, and
    /// several nodes on one machine must not log each other out (Q18).
    #[must_use]
    pub fn cookie_name(&self, noun: &str) -> String {
        cookie_name(&format!("chater_{noun}"), &self.engine.cookie_suffix())
    }
}

fn cookie_name(stem: &str, suffix: &str) -> String {
    format!("{stem}_{suffix}")
}

impl FromRef<App> for Engine {
    fn from_ref(app: &App) -> Self {
        app.engine.clone()
    }
}
