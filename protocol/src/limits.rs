//! Every number that a stranger could abuse, and what happens without it.

/// Header of an event, bytes (E6). Without it a header could carry megabytes that must be kept for ever.
pub const HEADER: usize = 2 * 1024;
/// Payload of a message, bytes (E6). Without it one message fills memory and disk of every member.
pub const PAYLOAD: usize = 64 * 1024;
/// Payload of a `key` event, bytes (E6): boxes for about 1,000 homes.
pub const KEY_PAYLOAD: usize = 256 * 1024;
/// One wire event with all its parts.
pub const EVENT: usize = HEADER + KEY_PAYLOAD + 128;
/// Entries of `ctl` and of `deps` (E6). Without it one event costs thousands of look-ups.
pub const LINKS: usize = 8;
/// Control events of one home that wait for their past (M1). Without it a member's links to nothing fill the memory.
pub const WAITING_HOME: usize = 1_000;
/// Control events of one group that wait for their past (M1).
pub const WAITING_GROUP: usize = 10_000;
/// Bytes of control events that wait in one group. Without it 10,000 long cuts would be 600 MiB.
pub const WAITING_BYTES: usize = 16 * 1024 * 1024;
/// Rows of a cut that a node writes (M7): what fits a payload.
pub const CUT_ROWS: usize = 1_000;
/// Branches at one place of a feed that take a place there although nothing names them (L7). Without it a forked feed grows
/// without end.
pub const BRANCHES: usize = 256;
/// Above so many only those of the two lowest ids do: without room for these, nodes that met the branches in different
/// orders would show different ones.
pub const BRANCHES_ANY: usize = 240;
/// Records of homes kept of one user. Without it one root key fills every disk with homes (I2).
pub const HOME_RECORDS: usize = 512;
/// How far ahead of the own clock a time stamp may be, ms (L4, L6).
pub const AHEAD_MS: u64 = 5 * 60 * 1000;
/// After this much delay a message is shown as "received late", ms (L6).
pub const LATE_MS: u64 = 60 * 60 * 1000;
/// Characters of a message text (Q30).
pub const TEXT_CHARS: usize = 8_000;
/// Bytes of a message text (Q30).
pub const TEXT_BYTES: usize = 32_000;
/// Bytes of one reaction: the longest emoji sequences have about 35.
pub const EMOJI_BYTES: usize = 40;
/// Characters of a display name or title (Q30).
pub const NAME_CHARS: usize = 64;
/// Characters of "about" (Q30).
pub const ABOUT_CHARS: usize = 500;
/// A home record, KEM card or profile card with its signature, bytes.
pub const CARD: usize = 4 * 1024;
/// Live homes of one user that are sealed to and served (I2).
pub const HOMES: usize = 8;
/// Days after which a key is worn, as ms (K8).
pub const KEY_AGE_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// Messages after which a key is worn (K8).
pub const KEY_MESSAGES: u64 = 5_000;
/// One message of `/chater/hello/1`, bytes.
pub const HELLO: usize = 8 * 1024;
/// One message of `/chater/log/1`, bytes: 1 MiB of events and the envelope.
pub const LOG: usize = 1024 * 1024 + 64 * 1024;
/// One message of `/chater/people/1`, bytes.
pub const PEOPLE: usize = 64 * 1024;
/// One gossip frame, bytes.
pub const FRAME: usize = 64 * 1024;
/// A frame of a group's gossip (S2).
pub const GROUP_FRAME: usize = 48 * 1024;
/// Events in one `Push` (S6).
pub const PUSH_EVENTS: usize = 64;
/// Events in one `Range` answer (S6).
pub const RANGE_EVENTS: usize = 256;
/// Bytes of events in one answer (S6).
pub const RANGE_BYTES: usize = 1024 * 1024;
/// Ids in one `Get`, `Identity` or `KeyRequest` (S6).
pub const IDS: usize = 64;
/// Notes in one `Eph` (L9).
pub const NOTES: usize = 16;
/// Rows of one `Summary` (S6).
pub const SUMMARY_ROWS: usize = 256;
/// Rows of one people answer.
pub const PEOPLE_ROWS: usize = 20;
/// Feeds told in one `Heads` answer: three of each home of each member. They fit one message of the log.
pub const HEAD_ROWS: usize = 8_192;
/// Members of a group. Without it one `key` event after the other would be needed for each message.
pub const MEMBERS: usize = 1_000;
/// Addresses in a node card.
pub const CARD_ADDRESSES: usize = 8;
/// Bytes of one address.
pub const ADDRESS: usize = 256;
/// Letters that a people query needs at least.
pub const QUERY_CHARS: usize = 2;
/// Letters that a people query has at most.
pub const QUERY_MAX_CHARS: usize = 64;
/// Unaccepted sender: events held (K10).
pub const STRANGER_EVENTS: u64 = 20;
/// Unaccepted sender: bytes held (K10).
pub const STRANGER_BYTES: u64 = 64 * 1024;
/// Unaccepted senders per user (K10).
pub const STRANGERS: u64 = 200;
/// A piece of a file (`/chater/blob/1`), bytes.
pub const BLOB_PIECE: usize = 256 * 1024;
/// A message of `/chater/blob/1`: a piece and what stands around it.
pub const BLOB: usize = BLOB_PIECE + 1024;
/// The picture that a profile card names, bytes. Without it a card could make every node fetch gigabytes.
pub const AVATAR: usize = 512 * 1024;
/// A letter in a mailbox with its padding, bytes (S11): a `key` event of the greatest size fits.
pub const LETTER: usize = 512 * 1024;
/// The least size of one: shorter ones look alike.
pub const LETTER_LEAST: usize = 1024;
/// Parts of one letter.
pub const LETTER_PARTS: usize = 16;
/// Letters given out or acknowledged at once.
pub const LETTERS: usize = 256;
/// Cards of nodes asked for at once, and what one asks a mailbox for.
pub const MAIL_CARDS: usize = 16;
/// Mailboxes that a node may name. Without it one message is left at any number of places.
pub const MAILBOXES: usize = 4;
/// One message of `/chater/mail/1`: what the log carries, too.
pub const MAIL: usize = LOG;
/// Communities of one node. Each costs a proof in every hello and three topics; without it hellos grow without end.
pub const COMMUNITIES: usize = 16;
/// Proofs in one hello. Without it each hello could cost thousands of hashes.
pub const PROOFS: usize = 64;
/// Node cards in one frame of a community's `nodes` topic: each costs a signature check.
pub const NODE_CARDS: usize = 12;
/// Nodes in a block list of a community: it fits a signed record.
pub const BLOCK_LIST: usize = 100;
/// One message of `/chater/community/1`, bytes.
pub const COMMUNITY: usize = 1024;
