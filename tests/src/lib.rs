//! Black-box tests: real `chater` processes, driven only as people and programs can drive them.
//!
//! A story reads like this:
//! `let alice = dom.registers("alice").await; let chat = alice.opens(&bob).await; alice.sends(&chat, "hi").await;
//! bob.sees("hi").await;`. It waits for conditions with a deadline, never for a time. Start with [`TestNode`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test stops at the first surprise and says which"
)]

mod clock;
mod http;
mod netns;
mod node;
mod person;
mod socket;
mod village;
mod wait;

pub use http::{Answer, Api};
pub use netns::{World, door, door_to};
pub use node::{Ended, TestNode, binary, linked};
pub use person::{PASSWORD, Person};
pub use socket::{Frame, Socket};
pub use village::{founds, members, texts, village};
pub use wait::{PATIENCE, until, within};

/// Runs one story on a small runtime, with a bound on its time: a test that hangs is a test that fails.
pub fn story<F: Future<Output = ()>>(seconds: u64, story: F) {
    // It may have to be built first, and that is not the story's time.
    binary();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let limit = std::time::Duration::from_secs(seconds);
        assert!(
            tokio::time::timeout(limit, story).await.is_ok(),
            "the story took longer than {seconds} s"
        );
    });
    runtime.shutdown_background();
}
