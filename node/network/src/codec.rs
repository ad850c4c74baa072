//! Raw bytes up to the end of the writing side, cut at the protocol's limit (Q46).

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use libp2p::request_response::Codec;
use tokio::sync::oneshot;

/// The other side wrote more than the protocol allows.
#[derive(Debug, thiserror::Error)]
#[error("more than {0} bytes")]
pub(crate) struct TooLarge(usize);

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
    async fn read<T: AsyncRead + Unpin + Send>(&self, io: &mut T) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        // One byte more than allowed tells "exactly the limit" from "too much".
        let limit = u64::try_from(self.limit)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        io.take(limit).read_to_end(&mut body).await?;
        if body.len() > self.limit {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                TooLarge(self.limit),
            ));
        }
        Ok(body)
    }
}

impl Codec for Bytes {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Answer;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        self.read(io).await
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
        body: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&body).await
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
            Ok(body) => io.write_all(&body).await,
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
        let exact = codec.read(&mut Cursor::new(vec![7; 10])).await;
        assert_eq!(exact.ok(), Some(vec![7; 10]));
        let error = codec.read(&mut Cursor::new(vec![7; 11])).await.err();
        assert!(error.is_some_and(|e| e.get_ref().is_some_and(|e| e.is::<TooLarge>())));
        assert_eq!(
            codec.read(&mut Cursor::new(Vec::new())).await.ok(),
            Some(Vec::new())
        );
    }
}
