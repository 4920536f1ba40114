//! The log on stderr.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogOptions};

/// The environment variable that wins over the configured filter.
const FILTER_VARIABLE: &str = "FLOWFOLD_LOG";

/// Sends the log of this process to stderr. A second call changes nothing.
pub fn start(options: &LogOptions) {
    let (filter, refused) = filter(options);
    let builder = tracing_subscriber::fmt().with_writer(stderr).with_env_filter(filter);
    // An error means that a subscriber is set already, and then that one stays.
    let started = match options.format {
        LogFormat::Human => builder.with_ansi(stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if let (Ok(()), Some(refused)) = (started, refused) {
        tracing::warn!("{FILTER_VARIABLE}={refused} is not a log filter; using {}", options.filter);
    }
}

/// The filter to use, and the value of the environment variable where it can't be.
fn filter(options: &LogOptions) -> (EnvFilter, Option<String>) {
    match std::env::var(FILTER_VARIABLE) {
        Ok(text) if !text.is_empty() => match EnvFilter::try_new(&text) {
            Ok(filter) => (filter, None),
            Err(_) => (EnvFilter::new(&options.filter), Some(text)),
        },
        _ => (EnvFilter::new(&options.filter), None),
    }
}
