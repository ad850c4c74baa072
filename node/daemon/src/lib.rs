//! The assembled node: settings, data folder, commands, and the wiring of engine and web.
//!
//! Knows nothing about chats, events or pages. Start with [`node::Node::start`], then [`cli`].
//!
//! What is absent on purpose: no decision about a message, no access to the store but through the engine, no
//! HTTP route.

pub(crate) mod circle;
pub mod cli;
pub mod config;
pub mod control;
mod copies;
pub mod doctor;
pub mod folder;
mod household;
pub mod invitation;
pub mod layer;
mod line;
pub mod logging;
pub mod node;
mod print;
pub mod shapes;
pub mod text;

/// The version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
