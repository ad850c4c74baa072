//! Rules of a chat as pure functions: who may write, which key, which order.

pub mod direct;
pub mod group;
pub mod keys;
pub mod order;
