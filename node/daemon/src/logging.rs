//! Log lines: to stderr, in English, never with the text of a message.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::text::Problem;

/// Our own crates tell what they do, the others only what worries them.
const DEFAULT: &str = "warn,libp2p_kad=error,chater=info,chater_engine=info,chater_network=info,chater_store=info,chater_web=info";

/// Reads the filter of `--log`, or the default.
///
/// # Errors
/// The text is not a filter.
pub fn filter(text: Option<&str>) -> Result<EnvFilter, Problem> {
    let text = text.unwrap_or(DEFAULT);
    EnvFilter::try_new(text).map_err(|error| Problem::BadValue {
        key: "log".into(),
        value: text.into(),
        why: error.to_string(),
    })
}

/// Starts logging. A second call in one process changes nothing.
pub fn start(filter: EnvFilter) {
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // Otherwise a closed stderr would make every log line panic.
        .log_internal_errors(false)
        .try_init();
    // A panic is a log line like any other: with time and place, and harmless when stderr is closed.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, ToString::to_string);
        let payload = panic.payload();
        let what = payload.downcast_ref::<&str>().copied();
        let what = what
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("unknown");
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("?");
        tracing::error!(thread, place, "panic: {what}");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_none_is_named() {
        assert!(filter(None).is_ok());
        assert!(filter(Some("chater=debug")).is_ok());
        assert!(
            matches!(filter(Some("chater=loud")), Err(Problem::BadValue { key, .. }) if key == "log")
        );
    }
}
