//! Plain structs made for a page or an API answer. Times are Unix milliseconds, UTC.

mod account;
mod chats;
mod happening;
mod mail;
mod messages;
mod network;
mod owner;

pub use account::*;
pub use chats::*;
pub use happening::*;
pub use mail::*;
pub use messages::*;
pub use network::*;
pub use owner::*;
