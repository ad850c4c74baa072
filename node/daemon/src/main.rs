//! The one binary. Everything it does is in the library, so that tests can use it too.

use std::process::ExitCode;

fn main() -> ExitCode {
    chater::cli::main(std::env::args_os())
}
