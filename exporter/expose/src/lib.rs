//! Renders snapshots of the fold, serves them to scrapers and pushes them to collectors.
//!
//! [`Encoder`] writes the formats, [`serve`](serve()) answers to HTTP on a thread of its own: `/metrics`, `/healthz`,
//! `/readyz`, `/routes` and a landing page; [`otlp`] pushes. Nothing here can hold up the data path: a scrape reads a snapshot.
#![forbid(unsafe_code)]

mod encoder;
mod endpoints;
mod format;
mod hex;
mod learned_routes;
mod limits;
mod negotiate;
pub mod otlp;
mod process;
mod protobuf;
mod readiness;
mod scrape;
mod serve;
mod source;
mod spans;
mod text;
mod time;

pub use encoder::{Encoder, encode};
pub use endpoints::Endpoints;
pub use format::{Escaping, Format};
pub use learned_routes::{LearnedRoute, LearnedRoutes};
pub use readiness::{Readiness, ReadinessToken};
pub use serve::serve;
pub use source::Source;
pub use spans::{SpanOptions, SpanSink, Spans};
