//! Real nodes told as stories. One program for all of them: it is linked once, and two stories wait side by side.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a story stops at the first surprise and says which"
)]

mod account;
mod api;
mod blocks;
mod clock;
mod commands;
mod communities;
mod conversation;
mod crash;
mod demo;
mod disk;
mod export;
mod foreign;
mod groups;
mod lan;
mod list;
mod mail;
mod moves;
mod netns;
mod owner;
mod partition;
mod process;
mod restore;
mod sleep;
mod twins;
mod web_safety;
