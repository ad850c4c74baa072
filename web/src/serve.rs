//! The accept loop. `axum::serve` sets no header timer, so a half-sent request would be held for
//! ever; here every way of holding a connection has an end.

mod connection;
mod doors;
mod slots;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use connection::Times;
pub use doors::Doors;
use doors::Floor;
pub use slots::Caps;
use slots::{Slot, Slots};

/// How long open connections may go on once the node stops.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// Rest after a failed accept: without descriptors (EMFILE) the next one fails at once, too.
const REST: Duration = Duration::from_millis(100);

/// Bound listeners, not yet served.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<(TcpListener, SocketAddr)>,
    caps: Caps,
    times: Times,
    doors: Doors,
}

/// Tells long-lived handlers that the node stops; in the extensions of every request.
#[derive(Debug, Clone)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Returns once the node stops.
    pub async fn wait(&mut self) {
        // The sender is dropped only after the stop.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}

impl Server {
    /// Binds every address; port 0 gives a free one.
    ///
    /// # Errors
    /// The first address that cannot be bound, and why.
    pub async fn bind(addresses: &[SocketAddr]) -> Result<Self, (SocketAddr, io::Error)> {
        let mut listeners = Vec::with_capacity(addresses.len());
        for address in addresses {
            let named = |error: io::Error| (*address, error);
            let listener = TcpListener::bind(address).await.map_err(named)?;
            let real = listener.local_addr().map_err(named)?;
            listeners.push((listener, real));
        }
        Ok(Self {
            listeners,
            caps: Caps::default(),
            times: Times::default(),
            doors: Doors::default(),
        })
    }

    /// Opens and closes further addresses while this server runs.
    #[must_use]
    pub fn doors(&self) -> Doors {
        self.doors.clone()
    }

    /// The addresses really bound.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|(_, address)| *address).collect()
    }

    /// Other limits than the usual ones, for tests and benchmarks.
    #[must_use]
    pub fn with_caps(mut self, caps: Caps) -> Self {
        self.caps = caps;
        self
    }

    /// Serves until `shutdown` is done; then requests under way and sockets have 3 s to end.
    pub async fn serve(self, router: Router, shutdown: impl Future<Output = ()>) {
        let (stop, stopping) = watch::channel(false);
        let slots = Slots::new(self.caps);
        let mut listeners = JoinSet::new();
        for (listener, address) in self.listeners {
            let slots = Arc::clone(&slots);
            let start = starter(router.clone(), Stopping(stopping.clone()), self.times);
            listeners.spawn(accept(listener, address, slots, start));
        }
        self.doors.serve(Floor {
            router: router.clone(),
            slots: Arc::clone(&slots),
            times: self.times,
        });
        shutdown.await;
        self.doors.close();
        listeners.shutdown().await;
        drop(stopping);
        let _ = stop.send(true);
        // Each connection holds a receiver as long as it lives, a socket after its upgrade as well.
        if tokio::time::timeout(STOP_WITHIN, stop.closed())
            .await
            .is_err()
        {
            tracing::debug!("web connections were cut off at the stop");
        }
    }
}

/// Serves each connection by a task of its own.
fn starter(
    router: Router,
    stopping: Stopping,
    times: Times,
) -> impl Fn(TcpStream, SocketAddr, Slot) + Send + 'static {
    move |stream, peer, slot| {
        // Small frames must not wait for the acknowledgement of earlier ones.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let (router, stopping) = (router.clone(), stopping.clone());
        tokio::spawn(connection::serve(
            stream, peer, slot, router, stopping, times,
        ));
    }
}

/// Accepts for ever; ended from outside.
async fn accept(
    listener: TcpListener,
    address: SocketAddr,
    slots: Arc<Slots>,
    start: impl Fn(TcpStream, SocketAddr, Slot),
) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                tracing::warn!(%address, %error, "cannot accept web connections now");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        // Over the cap: closed without a word, which costs least.
        let Some(slot) = slots.take(peer.ip()) else {
            continue;
        };
        start(stream, peer, slot);
    }
}

/// The peer went away between its connect and our accept.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::extract::rejection::BytesRejection;
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    type Handle = (
        SocketAddr,
        tokio::sync::oneshot::Sender<()>,
        tokio::task::JoinHandle<()>,
    );

    async fn served(router: Router, caps: Caps) -> Handle {
        let any = "127.0.0.1:0".parse().expect("an address");
        let mut server = Server::bind(&[any])
            .await
            .expect("a free port")
            .with_caps(caps);
        let short = Duration::from_millis(200);
        server.times = Times {
            header: short * 3,
            body: short,
            first_byte: short,
            silence: short * 5,
            look_every: short / 4,
        };
        let address = *server.addresses().first().expect("one address");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let task = tokio::spawn(server.serve(router, async {
            let _ = stopped.await;
        }));
        (address, stop, task)
    }

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let any = "127.0.0.1:0".parse().expect("an address");
        let first = Server::bind(&[any]).await.expect("a free port");
        let taken = *first.addresses().first().expect("one address");
        let error = Server::bind(&[taken]).await.expect_err("taken");
        assert_eq!(error.1.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(error.0, taken);
    }

    #[tokio::test]
    async fn requests_are_answered_and_a_stop_is_quick() {
        let router =
            Router::new().route(
                "/",
                get(|info: axum::extract::ConnectInfo<SocketAddr>| async move {
                    info.0.ip().to_string()
                }),
            );
        let (address, stop, task) = served(router, Caps::default()).await;
        let answer = ask(
            address,
            "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        )
        .await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"),
            "{answer}"
        );
        // One connection that sent nothing, one that is kept alive: neither delays the stop.
        let _silent = TcpStream::connect(address).await.expect("connected");
        let mut kept = TcpStream::connect(address).await.expect("connected");
        kept.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .expect("sent");
        let mut byte = [0];
        kept.read_exact(&mut byte).await.expect("an answer");
        let begun = std::time::Instant::now();
        stop.send(()).expect("running");
        task.await.expect("ended");
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
    }

    #[tokio::test]
    async fn connections_over_the_cap_are_closed() {
        let caps = Caps {
            total: 10,
            per_address: 1,
            per_loopback: 2,
        };
        let (address, _stop, _task) =
            served(Router::new().route("/", get(|| async { "ok" })), caps).await;
        let first = TcpStream::connect(address).await.expect("connected");
        let _second = TcpStream::connect(address).await.expect("connected");
        tokio::time::sleep(Duration::from_millis(50)).await;
        let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        assert_eq!(ask(address, request).await, "");
        drop(first);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(ask(address, request).await.ends_with("ok"));
    }

    #[tokio::test]
    async fn huge_headers_are_refused() {
        let (address, _stop, _task) = served(Router::new(), Caps::default()).await;
        let request = format!(
            "GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
            "a".repeat(20_000)
        );
        let answer = ask(address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }

    #[tokio::test]
    async fn slow_bodies_end() {
        let router = Router::new().route(
            "/",
            post(
                |body: Result<axum::body::Bytes, BytesRejection>| async move {
                    body.map_or_else(|error| error.status().to_string(), |_| "whole".into())
                },
            ),
        );
        let (address, _stop, _task) = served(router, Caps::default()).await;
        let request =
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nconnection: close\r\n\r\nab";
        let answer = ask(address, request).await;
        assert!(answer.contains("400"), "{answer}");
    }

    #[tokio::test]
    async fn half_a_request_and_silence_end() {
        let (address, _stop, _task) = served(Router::new(), Caps::default()).await;
        let begun = std::time::Instant::now();
        ask(address, "GET / HTTP/1.1\r\nhost:").await;
        ask(address, "").await;
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
    }
}
