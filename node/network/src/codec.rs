//! Length (u32, big-endian), then so many raw bytes, within the protocol's limit (Q46). The reader goes
//! on as soon as the body is there, and need not wait until the writer's end of the stream comes too.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use libp2p::request_response::Codec;
use tokio::sync::oneshot;

/// Room made for a body before any of it has come, bytes.
const FIRST: usize = 16 * 1024;

/// The other side wrote more than the protocol allows.
#[derive(Debug, thiserror::Error)]
#[error("more than {0} bytes")]
pub(crate) struct TooLarge(usize);

/// Whether reading failed for that.
pub(crate) fn is_too_large(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<TooLarge>())
}

/// The codec of one protocol.
#[derive(Debug, Clone)]
pub(crate) struct Bytes {
    pub(crate) limit: usize,
}

/// An answer: read from a peer, or still to come from our engine.
///
/// A pending one waits in the connection's own task, so answering needs no way through the actor.
#[derive(Debug)]
pub(crate) enum Answer {
    Here(Vec<u8>),
    Later(oneshot::Receiver<Vec<u8>>),
}

impl Bytes {
    /// Reads one frame; an empty one when the stream ends before it.
    pub(crate) async fn read<T: AsyncRead + Unpin + Send>(
        &self,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        match self.length(io).await? {
            Some(length) => self.body(io, length).await,
            // Nothing at all: the other side has no answer.
            None => Ok(Vec::new()),
        }
    }

    /// The length of the next frame, within the limit; none when the stream ends before it.
    pub(crate) async fn length<T: AsyncRead + Unpin + Send>(
        &self,
        io: &mut T,
    ) -> io::Result<Option<usize>> {
        let mut length = [0; 4];
        match io.read_exact(&mut length).await {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > self.limit {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                TooLarge(self.limit),
            ));
        }
        Ok(Some(length))
    }

    /// The body behind a length.
    pub(crate) async fn body<T: AsyncRead + Unpin + Send>(
        &self,
        io: &mut T,
        length: usize,
    ) -> io::Result<Vec<u8>> {
        // Grows with what comes: a length alone must not take memory.
        let mut body = Vec::with_capacity(length.min(FIRST));
        let most = u64::try_from(length).unwrap_or(u64::MAX);
        io.take(most).read_to_end(&mut body).await?;
        if body.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(body)
    }
}

/// Length and body in one piece: one frame on the wire.
pub(crate) fn framed(body: &[u8]) -> io::Result<Vec<u8>> {
    let length = u32::try_from(body.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut frame = Vec::with_capacity(4 + body.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(body);
    Ok(frame)
}

impl Codec for Bytes {
    type Protocol = StreamProtocol;
    /// The body, or that it is none: of a request that could not be read the library says nothing at all.
    type Request = Result<Vec<u8>, TooLarge>;
    type Response = Answer;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Self::Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        match self.read(io).await {
            Err(error) if is_too_large(&error) => Ok(Err(TooLarge(self.limit))),
            read => read.map(Ok),
        }
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Answer>
    where
        T: AsyncRead + Unpin + Send,
    {
        self.read(io).await.map(Answer::Here)
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        body: Result<Vec<u8>, TooLarge>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let body = body.map_err(io::Error::other)?;
        io.write_all(&framed(&body)?).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        answer: Answer,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let body = match answer {
            Answer::Here(body) => Ok(body),
            Answer::Later(body) => body.await,
        };
        match body {
            Ok(body) => io.write_all(&framed(&body)?).await,
            // A dropped `Reply`: nothing is written, which the other side reads as a refusal.
            Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::io::Cursor;

    use super::*;

    #[tokio::test]
    async fn exactly_the_limit_passes_and_one_more_does_not() {
        let codec = Bytes { limit: 10 };
        let read = async |frame: Vec<u8>| codec.read(&mut Cursor::new(frame)).await;
        let whole = |len: usize| framed(&vec![7; len]).expect("short");
        assert_eq!(read(whole(10)).await.ok(), Some(vec![7; 10]));
        let error = read(whole(11)).await.err();
        assert!(error.is_some_and(|e| e.get_ref().is_some_and(|e| e.is::<TooLarge>())));
        // No answer; a body cut short; a length and nothing behind it.
        assert_eq!(read(Vec::new()).await.ok(), Some(Vec::new()));
        let mut cut = whole(10);
        cut.pop();
        assert!(read(cut).await.is_err());
        assert!(read(vec![0, 0, 0, 5]).await.is_err());
        assert!(read(vec![255; 4]).await.is_err());
    }
}
