//! The home network: keeps the pages open at the addresses of this computer there, as long as the owner wants it. Those
//! change while the node runs: a laptop moves, a router gives out others.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chater_engine::{Engine, Error, UserHandle};

use crate::serve::{Doors, Server};

/// Addresses are looked at this often.
const LOOK: Duration = Duration::from_secs(10);

/// How the home network stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Home {
    /// The pages are open to it.
    pub on: bool,
    /// Set at the start: the switch does nothing (Q11).
    pub fixed: bool,
    /// Where to open them, the best address first.
    pub urls: Vec<String>,
    /// Addresses that could not be opened, and why.
    pub faults: Vec<Fault>,
}

/// An address that could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which.
    pub address: SocketAddr,
    /// Another program has its port.
    pub taken: bool,
    /// What the system says.
    pub why: String,
}

/// Follows the owner's switch.
pub struct House {
    engine: Engine,
    doors: Doors,
    /// Where they are by the settings; in the home network they have the first port, too.
    listen: Vec<SocketAddr>,
    /// One at a time: the switch and the clock.
    turn: tokio::sync::Mutex<()>,
    now: Mutex<Home>,
}

impl House {
    /// Follows it for a server that is about to run.
    #[must_use]
    pub fn new(engine: Engine, server: &Server) -> Arc<Self> {
        Arc::new(Self {
            engine,
            doors: server.doors(),
            listen: server.addresses(),
            turn: tokio::sync::Mutex::new(()),
            now: Mutex::new(Home::default()),
        })
    }

    /// Runs until it is dropped.
    pub async fn run(self: Arc<Self>) {
        let mut switch = self.engine.home_network();
        loop {
            self.settle().await;
            let changed = tokio::time::timeout(LOOK, switch.changed()).await;
            if let Ok(Err(_)) = changed {
                return;
            }
        }
    }

    /// How it stands.
    #[must_use]
    pub fn now(&self) -> Home {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.clone()
    }

    /// Opens and closes what the switch and the network say now; gives how it stands then.
    pub async fn settle(&self) -> Home {
        let _alone = self.turn.lock().await;
        let on = *self.engine.home_network().borrow();
        let engine = self.engine.clone();
        let looked = tokio::task::spawn_blocking(move || engine.home_addresses()).await;
        let port = self.listen.first().map_or(0, SocketAddr::port);
        let mut addresses = looked.unwrap_or_default();
        let wide = self.is_wide();
        if wide {
            addresses.retain(|ip| self.has(*ip));
        } else if !on {
            addresses.clear();
        }
        let addresses: Vec<SocketAddr> = addresses
            .into_iter()
            .map(|ip| SocketAddr::new(ip, port))
            .collect();
        // Open by the settings: nothing is to be added.
        let wanted: BTreeSet<SocketAddr> = addresses.iter().filter(|_| !wide).copied().collect();
        let faults: Vec<Fault> = self.doors.set(&wanted).into_iter().map(fault).collect();
        let open = addresses
            .into_iter()
            .filter(|address| !faults.iter().any(|fault| fault.address == *address));
        let home = Home {
            on: on || wide,
            fixed: wide || self.engine.home_network_fixed(),
            urls: open.map(|address| format!("http://{address}")).collect(),
            faults,
        };
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if *now != home {
            tracing::info!(on = home.on, urls = ?home.urls, "home network");
            *now = home.clone();
        }
        home
    }

    /// Open beyond this computer by the settings in any case.
    fn is_wide(&self) -> bool {
        self.listen
            .iter()
            .any(|address| !address.ip().to_canonical().is_loopback())
    }

    /// Open at that address by the settings.
    fn has(&self, ip: IpAddr) -> bool {
        self.listen.iter().any(|address| {
            let all = address.ip().is_unspecified() && (address.is_ipv6() || ip.is_ipv4());
            all || address.ip() == ip
        })
    }

    /// Owner only: opens the pages to the home network, or closes them, at once.
    ///
    /// # Errors
    /// [`Error::Forbidden`], storage errors.
    pub(crate) async fn switch(&self, user: &UserHandle, on: bool) -> Result<Home, Error> {
        user.set_home_network(on).await?;
        Ok(self.settle().await)
    }
}

fn fault((address, error): (SocketAddr, io::Error)) -> Fault {
    Fault {
        address,
        taken: error.kind() == io::ErrorKind::AddrInUse,
        why: error.to_string(),
    }
}
