//! Pieces of files, asked for by the hash of the whole (`/chater/blob/1`). Whoever asks checks the hash at
//! the end, so anybody may serve.

use serde_bytes::ByteBuf;

use crate::id::Hash;
use crate::limits;
use crate::wire::Message;
use crate::{array_struct, tagged_enum};

array_struct! {
    /// A piece of a file.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Piece {
        /// BLAKE3 of the whole file.
        pub hash: Hash,
        /// The first byte wanted.
        pub from: u64,
    }
}

array_struct! {
    /// What the answerer has of it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct PieceAnswer {
        /// Bytes of the whole file.
        pub size: u64,
        /// From the byte that was asked for, [`limits::BLOB_PIECE`] at most.
        pub bytes: ByteBuf,
    }
}

tagged_enum! {
    /// A request of `/chater/blob/1`.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum BlobRequest {
        /// A piece of a file.
        1 => Piece(Piece),
    }
}

tagged_enum! {
    /// The answer to a [`BlobRequest`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum BlobAnswer {
        /// A piece.
        1 => Piece(PieceAnswer),
        /// Not here, or not now.
        9 => Refused(u8),
    }
}

impl Message for BlobRequest {
    const LIMIT: usize = limits::HELLO;
}

impl Message for BlobAnswer {
    const LIMIT: usize = limits::BLOB;

    fn fits(&self) -> bool {
        match self {
            Self::Piece(piece) => piece.bytes.len() <= limits::BLOB_PIECE,
            Self::Refused(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_bounded() {
        let answer = |bytes: usize| {
            BlobAnswer::Piece(PieceAnswer {
                size: 1 << 40,
                bytes: ByteBuf::from(vec![7; bytes]),
            })
        };
        let most = answer(limits::BLOB_PIECE);
        assert_eq!(BlobAnswer::decode(&most.encode()), Ok(most));
        assert!(BlobAnswer::decode(&answer(limits::BLOB_PIECE + 1).encode()).is_err());
        let asked = BlobRequest::Piece(Piece {
            hash: Hash([3; 32]),
            from: u64::MAX,
        });
        assert_eq!(BlobRequest::decode(&asked.encode()), Ok(asked.clone()));
        let mut longer = asked.encode();
        longer.push(0);
        assert!(BlobRequest::decode(&longer).is_err());
        assert!(BlobRequest::decode(&[]).is_err());
    }
}
