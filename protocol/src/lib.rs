//! What every Chater node must agree on: identities, the signed log, keys, order and wire forms.
//!
//! No I/O, no clock, no tokio: time and randomness are arguments. Start with [`event`], then
//! [`chat`]. Rule numbers in comments (E3, K5, ...) are those of the specification, `README.md`.

pub mod blob;
pub mod chat;
pub mod codec;
pub mod community;
pub mod event;
pub mod gossip;
pub mod heads;
pub mod id;
pub mod identity;
pub mod invite;
pub mod key;
pub mod limits;
pub mod mail;
pub mod name;
pub mod payload;
pub mod seal;
pub mod secret;
pub mod text;
pub mod ticket;
pub mod time;
pub mod wire;
