//! What scrapers and receivers get, read by others' eyes.

mod client_model;
mod formats;
mod http;
mod oracle;
mod promtool;
mod protobuf;
mod push;
mod pushed;
mod rates;
mod receiver;
mod spans;
mod store;
mod text;
mod tls;
