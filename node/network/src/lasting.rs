//! Both ends of a stream that stays open: one frame there, one answer back, and so on. Frames are those of
//! [`crate::codec`], within the limit of [`Protocol::Log`].

use std::sync::Arc;
use std::time::Duration;

use chater_protocol::id::NodeId;
use futures::AsyncWriteExt;
use libp2p::swarm::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::codec::{Bytes, framed, is_too_large};
use crate::meters::{BYTES, Meters};
use crate::{Protocol, RequestError, limits};

const CODEC: Bytes = Bytes {
    limit: Protocol::Log.limit(),
};

const IN: &str = "protocol=\"push\",direction=\"in\"";
const OUT: &str = "protocol=\"push\",direction=\"out\"";

/// Our end of a stream for pushes. Dropping it closes the stream.
pub struct PushStream {
    pub(crate) stream: Stream,
    pub(crate) meters: Meters,
}

impl PushStream {
    /// Sends one frame and waits for its answer.
    ///
    /// # Errors
    /// After any the stream is of no use: the frame may have been carried out, or not.
    pub async fn request(&mut self, body: &[u8]) -> Result<Vec<u8>, RequestError> {
        if body.len() > CODEC.limit {
            return Err(RequestError::TooLarge);
        }
        let exchange = async {
            write(&mut self.stream, body).await?;
            CODEC.read(&mut self.stream).await
        };
        match tokio::time::timeout(Protocol::Log.timeout(), exchange).await {
            Ok(Ok(answer)) if answer.is_empty() => {
                Err(RequestError::Failed("by the peer".to_owned()))
            }
            Ok(Ok(answer)) => {
                self.meters.add(BYTES, OUT, body.len());
                self.meters.add(BYTES, IN, answer.len());
                Ok(answer)
            }
            // However it broke: there is no stream any more.
            Ok(Err(error)) => {
                tracing::debug!(%error, "a stream for pushes broke");
                Err(RequestError::NotConnected)
            }
            Err(_) => Err(RequestError::Timeout),
        }
    }
}

impl std::fmt::Debug for PushStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PushStream")
    }
}

/// The end of a stream that a peer opened to push. Dropping it closes the stream.
pub struct Pushes {
    pub(crate) peer: NodeId,
    pub(crate) stream: Stream,
    /// Bytes of all such streams that are being carried out: a peer beyond it waits.
    pub(crate) room: Arc<Semaphore>,
    pub(crate) meters: Meters,
    /// See [`Pushes::was_too_large`].
    pub(crate) excess: bool,
}

/// One frame of a peer. Its place is given back when it is dropped.
pub struct Pushed {
    /// What was sent.
    pub body: Vec<u8>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Pushes {
    /// Who pushes, proven by Noise or TLS.
    #[must_use]
    pub fn peer(&self) -> NodeId {
        self.peer
    }

    /// The next frame; none when the stream has ended or the peer kept no rule. The answer to the one before must be given.
    pub async fn next(&mut self) -> Option<Pushed> {
        // An idle stream may rest for ever; a frame that has begun must come to its end.
        let length = match CODEC.length(&mut self.stream).await {
            Ok(Some(length)) => length,
            Ok(None) => return None,
            Err(error) => {
                self.excess = is_too_large(&error);
                return self.broke(&error);
            }
        };
        let places = u32::try_from(length / 1_024 + 1).unwrap_or(u32::MAX);
        let room = self.room.clone().acquire_many_owned(places).await.ok();
        let body = CODEC.body(&mut self.stream, length);
        match tokio::time::timeout(Protocol::Log.timeout(), body).await {
            Ok(Ok(body)) => {
                self.meters.add(BYTES, IN, body.len());
                Some(Pushed { body, _room: room })
            }
            Ok(Err(error)) => self.broke(&error),
            Err(_) => {
                tracing::debug!(peer = self.peer.short(), "half a frame and no more");
                None
            }
        }
    }

    /// Whether the stream ended with a frame longer than any may be.
    #[must_use]
    pub fn was_too_large(&self) -> bool {
        self.excess
    }

    /// Answers the last frame; false when nobody takes the answer, or it is over the limit.
    pub async fn answer(&mut self, body: &[u8]) -> bool {
        if body.len() > CODEC.limit {
            return false;
        }
        self.meters.add(BYTES, OUT, body.len());
        let written = tokio::time::timeout(PATIENCE, write(&mut self.stream, body)).await;
        matches!(written, Ok(Ok(())))
    }

    fn broke<T>(&self, error: &std::io::Error) -> Option<T> {
        tracing::debug!(peer = self.peer.short(), %error, "a stream of pushes ended");
        None
    }
}

impl std::fmt::Debug for Pushes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pushes({})", self.peer.short())
    }
}

/// How long a peer may leave an answer unread.
const PATIENCE: Duration = Protocol::Log.timeout();

/// Places for the frames of all peers together, one per KiB.
pub(crate) fn room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(limits::INBOUND_BYTES / 1_024))
}

async fn write(stream: &mut Stream, body: &[u8]) -> std::io::Result<()> {
    stream.write_all(&framed(body)?).await?;
    stream.flush().await
}
