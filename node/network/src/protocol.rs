//! The request protocols, their bounds, and what may come instead of an answer.

use std::time::Duration;

/// The request-response protocols; each has its own bounds (bytes, seconds, in flight per peer).
///
/// A body is never empty: an empty answer means "refused".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// `/chater/hello/1`: 8 KiB, 10 s. Passes before admission.
    Hello,
    /// `/chater/log/1`: 1 MiB + 64 KiB, 30 s, 8 in flight per peer.
    Log,
    /// `/chater/people/1`: 64 KiB, 10 s.
    People,
    /// `/chater/blob/1`: 256 KiB + 1 KiB, 30 s, 4 in flight per peer.
    Blob,
    /// `/chater/mail/1`: 1 MiB + 64 KiB, 30 s, 4 in flight per peer.
    Mail,
    /// `/chater/community/1`: 1 KiB, 10 s, 2 in flight per peer. Passes before admission: by it strangers come in.
    Community,
}

impl Protocol {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [
        Self::Hello,
        Self::Log,
        Self::People,
        Self::Blob,
        Self::Mail,
        Self::Community,
    ];

    /// The most bytes of a request and of an answer.
    #[must_use]
    pub const fn limit(self) -> usize {
        match self {
            Self::Hello => 8 * 1_024,
            Self::Log | Self::Mail => (1_024 + 64) * 1_024,
            Self::People => 64 * 1_024,
            Self::Blob => (256 + 1) * 1_024,
            Self::Community => 1_024,
        }
    }

    /// Whether it passes before a peer is admitted.
    pub(crate) const fn is_for_strangers(self) -> bool {
        matches!(self, Self::Hello | Self::Community)
    }

    /// How long a request may take, answer included.
    #[must_use]
    pub const fn timeout(self) -> Duration {
        match self {
            Self::Hello | Self::People | Self::Community => Duration::from_secs(10),
            Self::Log | Self::Blob | Self::Mail => Duration::from_secs(30),
        }
    }

    /// How many of our requests one peer gets at once; more wait here.
    pub(crate) const fn in_flight(self) -> usize {
        match self {
            Self::Hello | Self::Community => 2,
            Self::Blob | Self::Mail => 4,
            Self::Log | Self::People => 8,
        }
    }

    /// Its row among the counted bytes.
    pub(crate) const fn meter(self, out: bool) -> &'static str {
        match (self, out) {
            (Self::Hello, false) => "protocol=\"hello\",direction=\"in\"",
            (Self::Hello, true) => "protocol=\"hello\",direction=\"out\"",
            (Self::Log, false) => "protocol=\"log\",direction=\"in\"",
            (Self::Log, true) => "protocol=\"log\",direction=\"out\"",
            (Self::People, false) => "protocol=\"people\",direction=\"in\"",
            (Self::People, true) => "protocol=\"people\",direction=\"out\"",
            (Self::Blob, false) => "protocol=\"blob\",direction=\"in\"",
            (Self::Blob, true) => "protocol=\"blob\",direction=\"out\"",
            (Self::Mail, false) => "protocol=\"mail\",direction=\"in\"",
            (Self::Mail, true) => "protocol=\"mail\",direction=\"out\"",
            (Self::Community, false) => "protocol=\"community\",direction=\"in\"",
            (Self::Community, true) => "protocol=\"community\",direction=\"out\"",
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hello => "/chater/hello/1",
            Self::Log => "/chater/log/1",
            Self::People => "/chater/people/1",
            Self::Blob => "/chater/blob/1",
            Self::Mail => "/chater/mail/1",
            Self::Community => "/chater/community/1",
        }
    }
}

/// Why a request has no answer. After all but `NotConnected`, `Busy` and `TooLarge` it may have been executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No connection, or it closed before the answer.
    #[error("not connected")]
    NotConnected,
    /// No answer in time.
    #[error("timeout")]
    Timeout,
    /// Too many requests to this peer are waiting.
    #[error("busy")]
    Busy,
    /// The request or the answer is over the protocol's limit.
    #[error("too large")]
    TooLarge,
    /// Refused by the peer, or not admitted yet.
    #[error("refused: {0}")]
    Failed(String),
}
