//! What scrapers get, read by others' eyes.

mod http;
mod oracle;
mod promtool;
mod store;
mod text;
