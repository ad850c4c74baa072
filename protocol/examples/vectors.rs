//! Makes the test vectors: `cargo run -p chater-protocol --example vectors > protocol/vectors/v1.json`.

#![allow(clippy::print_stdout, reason = "its output is the file")]

#[path = "../tests/common/mod.rs"]
mod common;

fn main() {
    println!(
        "{}",
        serde_json::to_string_pretty(&common::vectors()).unwrap_or_default()
    );
}
