//! One connection: its timers, its place among the others, its end.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tower::ServiceExt;

use super::Stopping;
use super::slots::Slot;

/// How long a connection may take for what; tests are less patient.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// For all headers of a request; hyper also counts the pause before the next request.
    pub(super) header: Duration,
    /// For the whole body, at most 64 KiB.
    pub(super) body: Duration,
    /// For the first byte: hyper's header timer may not run before it (hyper issue 3756).
    pub(super) first_byte: Duration,
    /// Without a byte in either direction, longer than any handler takes.
    pub(super) silence: Duration,
    /// How often the last two are looked at.
    pub(super) look_every: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(15),
            body: Duration::from_secs(30),
            first_byte: Duration::from_secs(30),
            silence: Duration::from_secs(60),
            look_every: Duration::from_secs(5),
        }
    }
}

/// For the request line and all headers; cookies of other programs on this host count, too.
const HEADER_BYTES: usize = 16 * 1024;
/// Read buffer of a connection; above the largest body, so a body needs few reads.
const BUFFER_BYTES: usize = 80 * 1024;

/// Serves one connection to its end, or up to its upgrade to a socket.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    slot: Slot,
    router: Router,
    mut stopping: Stopping,
    times: Times,
) {
    let pulse = Arc::new(Pulse::default());
    let io = Watched {
        stream,
        pulse: Arc::clone(&pulse),
        _slot: slot,
        _alive: stopping.clone(),
    };
    let for_requests = stopping.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(|body| timed(body, times.body));
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(for_requests.clone());
        router.clone().oneshot(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(times.header)
        .max_header_size(HEADER_BYTES)
        .max_buf_size(BUFFER_BYTES)
        .half_close(false);
    let connection = http
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let begun = Instant::now();
    let mut look = tokio::time::interval(times.look_every);
    let (mut seen, mut moved_at) = (0, begun);
    let mut asked_to_stop = false;
    loop {
        tokio::select! {
            outcome = connection.as_mut() => {
                if let Err(error) = outcome {
                    tracing::debug!(%peer, %error, "a web connection ended");
                }
                return;
            }
            () = stopping.wait(), if !asked_to_stop => {
                if !pulse.has_spoken() {
                    return;
                }
                asked_to_stop = true;
                connection.as_mut().graceful_shutdown();
            }
            now = look.tick() => {
                let beats = pulse.beats();
                if beats != seen {
                    (seen, moved_at) = (beats, now);
                }
                let mute = !pulse.has_spoken() && now - begun >= times.first_byte;
                if mute || now - moved_at >= times.silence {
                    return;
                }
            }
        }
    }
}

/// Whether a connection moves.
#[derive(Debug, Default)]
struct Pulse {
    spoken: AtomicBool,
    beats: AtomicU32,
}

impl Pulse {
    fn has_spoken(&self) -> bool {
        self.spoken.load(Ordering::Relaxed)
    }
    fn beats(&self) -> u32 {
        self.beats.load(Ordering::Relaxed)
    }
    fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }
}

/// A stream that keeps its slot as long as it lives: an upgrade takes it out of [`serve`].
struct Watched {
    stream: TcpStream,
    pulse: Arc<Pulse>,
    _slot: Slot,
    _alive: Stopping,
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            this.pulse.spoken.store(true, Ordering::Relaxed);
            this.pulse.beat();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, buf));
        this.pulse.beat();
        Poll::Ready(written)
    }
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write_vectored(cx, bufs));
        this.pulse.beat();
        Poll::Ready(written)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// A body that must be here in time.
struct Timed {
    body: Incoming,
    until: Pin<Box<Sleep>>,
}

fn timed(body: Incoming, time: Duration) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    Body::new(Timed {
        body,
        until: Box::pin(tokio::time::sleep(time)),
    })
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(this.until.as_mut().poll(cx));
        Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())))
    }
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
