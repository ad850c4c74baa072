//! The client of the measurements. It looks into frames only as far as it must: on two cores the client's own work is
//! taken from the nodes.

use std::net::SocketAddr;
use std::time::Duration;

use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

type Stream = WebSocketStream<TcpStream>;

/// A frame that takes longer means that something hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// The half that sends.
pub(crate) struct Mouth {
    sink: SplitSink<Stream, Message>,
    chat: String,
}

/// The half that hears.
pub(crate) struct Ear(SplitStream<Stream>);

/// Opens a socket.
pub(crate) async fn open(address: SocketAddr, token: &str, chat: &str) -> (Mouth, Ear) {
    let mut request = format!("ws://localhost:{}/api/v1/socket", address.port())
        .into_client_request()
        .expect("a request");
    request.headers_mut().insert(
        "authorization",
        format!("Bearer {token}").parse().expect("a header"),
    );
    let stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    let (stream, _) = tokio_tungstenite::client_async(request, stream)
        .await
        .expect("a socket");
    let (sink, stream) = stream.split();
    (
        Mouth {
            sink,
            chat: chat.into(),
        },
        Ear(stream),
    )
}

/// A text of exactly 100 bytes that no other message of this run has.
pub(crate) fn text(tag: &str, n: usize) -> String {
    let head = format!("{tag}:{n:08} ");
    format!("{head}{}", "x".repeat(100usize.saturating_sub(head.len())))
}

impl Mouth {
    /// Puts a message into the buffer.
    pub(crate) async fn feed(&mut self, tag: &str, n: usize) {
        let frame = format!(
            r#"{{"type":"send","id":"{tag}-{n:08}","chat_id":"{}","text":"{}","client_id":"{tag}-{n:08}"}}"#,
            self.chat,
            text(tag, n)
        );
        self.sink
            .feed(Message::text(frame))
            .await
            .expect("an open socket");
    }

    /// Sends one frame.
    pub(crate) async fn say(&mut self, frame: &str) {
        self.sink
            .send(Message::text(frame))
            .await
            .expect("an open socket");
    }

    /// Sends what was buffered.
    pub(crate) async fn flush(&mut self) {
        self.sink.flush().await.expect("an open socket");
    }

    /// Sends one message.
    pub(crate) async fn send(&mut self, tag: &str, n: usize) {
        self.feed(tag, n).await;
        self.flush().await;
    }
}

impl Ear {
    /// The next frame.
    pub(crate) async fn next(&mut self) -> String {
        loop {
            let message = tokio::time::timeout(LIMIT, self.0.next())
                .await
                .expect("a frame in time");
            match message.expect("an open socket").expect("an open socket") {
                Message::Text(text) => return text.as_str().to_owned(),
                Message::Close(frame) => panic!("the node closed the socket: {frame:?}"),
                _ => {}
            }
        }
    }

    /// Reads on, for ever; nothing may be refused.
    pub(crate) async fn drain(&mut self) {
        loop {
            refuse_errors(&self.next().await);
        }
    }

    /// Waits for a frame of a type that holds these words.
    pub(crate) async fn hears(&mut self, kind: &str, words: &str) {
        loop {
            let frame = self.next().await;
            refuse_errors(&frame);
            if is(&frame, kind) && frame.contains(words) {
                return;
            }
        }
    }

    /// Waits for so many different frames of a type with these words.
    pub(crate) async fn hears_many(&mut self, kind: &str, words: &str, count: usize) {
        let mut heard = 0;
        while heard < count {
            let frame = self.next().await;
            refuse_errors(&frame);
            heard += usize::from(is(&frame, kind) && frame.contains(words));
        }
    }
}

/// Whether a frame is of a type; the type comes first or soon after.
fn is(frame: &str, kind: &str) -> bool {
    let head = frame.get(..64).unwrap_or(frame);
    head.contains(&format!(r#""type":"{kind}""#))
        || !head.contains(r#""type":"#) && frame.contains(&format!(r#""type":"{kind}""#))
}

fn refuse_errors(frame: &str) {
    assert!(!is(frame, "error"), "refused: {frame}");
    assert!(
        !is(frame, "reload"),
        "the node gave up on this socket: too slow a client"
    );
}

/// Sends many messages, at most so many unanswered, and hears every reply.
pub(crate) async fn flood(
    mouth: &mut Mouth,
    ear: &mut Ear,
    tag: &str,
    count: usize,
    window: usize,
) {
    let (mut sent, mut done) = (0, 0);
    while done < count {
        while sent < count && sent < done + window {
            mouth.feed(tag, sent).await;
            sent += 1;
        }
        mouth.flush().await;
        // Everything that has come, before sending again.
        ear.hears("reply", tag).await;
        done += 1;
    }
}

/// CPU time of a process so far, in seconds.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    // The name may hold spaces; fields are counted after it.
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u32 = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u32>().ok())
        .sum();
    f64::from(ticks)
        / f64::from(u32::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100))
}

/// Resident memory of a process, in MiB.
pub(crate) fn memory_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap_or("0");
    let kib: u32 = line
        .split_whitespace()
        .next()
        .and_then(|kib| kib.parse().ok())
        .unwrap_or(0);
    f64::from(kib) / 1024.0
}
