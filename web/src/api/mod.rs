//! The JSON API, for bots and tests. Each file is one noun; a handler reads,
//! calls the engine, answers. The OpenAPI document is made from the same route list.

#![allow(
    clippy::unused_async,
    reason = "handlers are async for axum, also those that only read"
)]

pub(crate) mod body;
mod chats;
mod communities;
mod home;
mod links;
mod mail;
pub(crate) mod members;
mod messages;
mod node;
mod openapi;
mod owner;
mod people;
mod pictures;
pub(crate) mod shapes;
mod users;

pub(crate) use node::{healthz, metrics};
pub(crate) use openapi::{document_answer, routes};
