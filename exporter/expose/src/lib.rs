//! Renders a snapshot of the fold and serves it to scrapers.
//!
//! [`text`] writes the formats, [`serve`](serve()) answers to HTTP on a thread of its own: `/metrics`, `/healthz`,
//! `/readyz` and a landing page. Nothing here can hold up the data path: a scrape reads a snapshot.
#![forbid(unsafe_code)]

pub mod text;

mod endpoints;
mod limits;
mod negotiate;
mod process;
mod readiness;
mod scrape;
mod serve;

pub use endpoints::Endpoints;
pub use readiness::{Readiness, ReadinessToken};
pub use serve::serve;
