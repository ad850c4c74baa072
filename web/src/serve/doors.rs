//! Further addresses of a server that runs: opened and closed while it does.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::connection::Times;
use super::slots::Slots;
use super::{Stopping, accept, starter};

/// Connections that may wait to be accepted.
const WAITING: u32 = 1024;

/// Opens and closes further addresses of a [`super::Server`]. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Doors(Arc<Mutex<Hall>>);

#[derive(Debug, Default)]
struct Hall {
    /// What connections need; none = the server does not run.
    floor: Option<Floor>,
    /// Asked for before it did.
    wanted: BTreeSet<SocketAddr>,
    open: BTreeMap<SocketAddr, Door>,
}

/// What every connection of a server needs.
#[derive(Debug, Clone)]
pub(super) struct Floor {
    pub(super) router: Router,
    pub(super) slots: Arc<Slots>,
    pub(super) times: Times,
}

/// One open address. Dropped, it is closed, and who came in by it is shown out.
#[derive(Debug)]
struct Door {
    accepting: AbortHandle,
    _stop: watch::Sender<bool>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Doors {
    fn lock(&self) -> MutexGuard<'_, Hall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server runs from now on.
    pub(super) fn serve(&self, floor: Floor) {
        let wanted = {
            let mut hall = self.lock();
            hall.floor = Some(floor);
            std::mem::take(&mut hall.wanted)
        };
        self.set(&wanted);
    }

    /// The server ends.
    pub(super) fn close(&self) {
        let mut hall = self.lock();
        hall.floor = None;
        hall.open.clear();
    }

    /// Has exactly these addresses open beside those of the server: opens what lacks, closes the others together with
    /// their connections. Gives those that could not be opened, and why. Needs a tokio runtime.
    pub fn set(&self, wanted: &BTreeSet<SocketAddr>) -> Vec<(SocketAddr, io::Error)> {
        let mut hall = self.lock();
        hall.open.retain(|address, _| wanted.contains(address));
        let Some(floor) = hall.floor.clone() else {
            hall.wanted.clone_from(wanted);
            return Vec::new();
        };
        let mut faults = Vec::new();
        for address in wanted {
            if hall.open.contains_key(address) {
                continue;
            }
            match listen(*address) {
                Ok(listener) => {
                    let door = open(listener, *address, &floor);
                    hall.open.insert(*address, door);
                }
                Err(error) => faults.push((*address, error)),
            }
        }
        faults
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // Closed and opened again: what is left of old connections is no hindrance.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

fn open(listener: TcpListener, address: SocketAddr, floor: &Floor) -> Door {
    let (stop, stopping) = watch::channel(false);
    let start = starter(floor.router.clone(), Stopping(stopping), floor.times);
    let accepting = tokio::spawn(accept(listener, address, floor.slots.clone(), start));
    Door {
        accepting: accepting.abort_handle(),
        _stop: stop,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::serve::Server;

    /// Asks until it is so.
    async fn until_open(address: SocketAddr, open: bool) {
        let mut tries = 0;
        while TcpStream::connect(address).await.is_ok() != open {
            tries += 1;
            assert!(tries < 1_000, "{address} is not what it should be: {open}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_door_closes_together_with_who_came_in_by_it() {
        let any = "127.0.0.1:0".parse().expect("an address");
        let server = Server::bind(&[any]).await.expect("a free port");
        let own = *server.addresses().first().expect("one address");
        let doors = server.doors();
        let other = SocketAddr::from(([127, 0, 0, 2], own.port()));
        // Asked for before the server runs: opened with it.
        assert!(doors.set(&BTreeSet::from([other])).is_empty());
        until_open(other, false).await;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let router = Router::new().route("/", get(|| async { "ok" }));
        let task = tokio::spawn(server.serve(router, async {
            let _ = stopped.await;
        }));
        until_open(other, true).await;
        let mut kept = TcpStream::connect(other).await.expect("connected");
        let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        kept.write_all(request).await.expect("sent");
        let mut answer = [0; 12];
        kept.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 200");

        let faults = doors.set(&BTreeSet::from([other, own]));
        let kinds: Vec<_> = faults.iter().map(|(at, why)| (*at, why.kind())).collect();
        assert_eq!(kinds, [(own, io::ErrorKind::AddrInUse)]);

        assert!(doors.set(&BTreeSet::new()).is_empty());
        let mut rest = Vec::new();
        let ends = kept.read_to_end(&mut rest);
        let ended = tokio::time::timeout(Duration::from_secs(5), ends).await;
        assert!(ended.is_ok(), "an open connection ends");
        until_open(other, false).await;
        until_open(own, true).await;
        stop.send(()).expect("running");
        task.await.expect("ended");
    }
}
