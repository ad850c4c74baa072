//! What the engine answers when it does not do what was asked. Variants name what the caller can do.

use chater_store::StoreError;

/// Why a call was not carried out. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Unknown, or somebody else's: the two look the same.
    #[error("not found")]
    NotFound,
    /// Known, but this user may not.
    #[error("forbidden")]
    Forbidden,
    /// A value breaks a rule.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field of the request: `nick`, `password`, `text`, `with`, `address`, ...
        field: &'static str,
        /// What is wrong.
        reason: Reason,
    },
    /// The nick, or one that looks like it, is taken.
    #[error("taken")]
    Taken,
    /// A bare node name fits several nodes; the addresses that may be meant (Q6).
    #[error("ambiguous")]
    Ambiguous(Vec<String>),
    /// No node of that name is known here (Q7).
    #[error("unknown node {0}")]
    UnknownNode(String),
    /// The node of an address is known, but is away or does not answer: whether somebody lives there under that nick is not
    /// known either (Q7).
    #[error("node {0} does not answer")]
    NodeSilent(String),
    /// A chat with oneself (Q9).
    #[error("a chat with oneself")]
    OneselfChat,
    /// The data here is older than what was sent: this home writes no more until its owner types the
    /// password or the recovery words (I7).
    #[error("the home was rolled back; log in again to write")]
    HomeStopped,
    /// The password is right, but the root is sealed under an older one (Q21): the words are needed.
    #[error("the root key is sealed under an older password")]
    RootLocked,
    /// The owner of the node has closed this account.
    #[error("the account is closed")]
    Closed,
    /// Nick and password do not fit.
    #[error("wrong nick or password")]
    BadLogin,
    /// Registration needs an invite code or the set-up code.
    #[error("an invite code is needed")]
    InviteNeeded,
    /// Nobody may register here.
    #[error("registration is closed")]
    RegistrationClosed,
    /// Too often.
    #[error("too many requests")]
    TooMany {
        /// When to come again, seconds, at least 1.
        retry_after_s: u32,
    },
    /// A direct chat has no members to change.
    #[error("not a group")]
    NotAGroup,
    /// The engine's queue is full (503).
    #[error("busy")]
    Busy,
    /// This user has filled what the owner grants.
    #[error("quota reached")]
    Quota,
    /// No room on the disk (503).
    #[error("storage full")]
    StorageFull,
    /// The disk does not read or write (503); the node tries again by itself.
    #[error("storage failed")]
    StorageFailed,
    /// The node is stopping (503).
    #[error("stopping")]
    Stopping,
    /// Something broke; the cause is in the log.
    #[error("internal error")]
    Internal,
}

/// What is wrong with a value. `as_str` is part of the text key `error-<field>-<reason>` or `error-<reason>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Nothing, or only white space.
    #[error("empty")]
    Empty,
    /// Under the least length.
    #[error("short")]
    Short,
    /// Over the greatest length.
    #[error("long")]
    Long,
    /// Control or direction characters.
    #[error("control")]
    Control,
    /// Characters that a nick or name may not have.
    #[error("characters")]
    Characters,
    /// Letters of more than one script.
    #[error("mixed")]
    Mixed,
    /// A name kept for the program.
    #[error("reserved")]
    Reserved,
    /// Not of the form asked for.
    #[error("malformed")]
    Malformed,
    /// Not the right one: a password, recovery words.
    #[error("wrong")]
    Wrong,
    /// What it names cannot be reached now.
    #[error("unreachable")]
    Unreachable,
    /// A picture that moves.
    #[error("animated")]
    Animated,
    /// Right, and not now: too many came at once.
    #[error("later")]
    Later,
    /// More than there may be.
    #[error("many")]
    Many,
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// As many have used it as may.
    #[error("used")]
    Used,
    /// It was taken back.
    #[error("revoked")]
    Revoked,
    /// Of somebody else than it says.
    #[error("other")]
    Other,
    /// Of this very node.
    #[error("own")]
    Own,
    /// Of a blocked node.
    #[error("blocked")]
    Blocked,
    /// Names no node, while nodes on the list alone are linked.
    #[error("unlisted")]
    Unlisted,
}

impl Reason {
    /// The word used in text keys.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Short => "short",
            Self::Long => "long",
            Self::Control => "control",
            Self::Characters => "characters",
            Self::Mixed => "mixed",
            Self::Reserved => "reserved",
            Self::Malformed => "malformed",
            Self::Wrong => "wrong",
            Self::Unreachable => "unreachable",
            Self::Animated => "animated",
            Self::Later => "later",
            Self::Many => "many",
            Self::Expired => "expired",
            Self::Used => "used",
            Self::Revoked => "revoked",
            Self::Other => "other",
            Self::Own => "own",
            Self::Blocked => "blocked",
            Self::Unlisted => "unlisted",
        }
    }
}

impl Error {
    /// Shorthand for a value that breaks a rule.
    #[must_use]
    pub fn invalid(field: &'static str, reason: Reason) -> Self {
        Self::Invalid { field, reason }
    }
}

impl From<&StoreError> for Error {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Full => Self::StorageFull,
            StoreError::Io(_) => Self::StorageFailed,
            _ => Self::Internal,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store cannot be read");
        Self::from(&error)
    }
}
