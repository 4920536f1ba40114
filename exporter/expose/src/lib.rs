//! Renders a snapshot of the fold and serves it to scrapers.
#![forbid(unsafe_code)]

pub mod text;

mod readiness;
mod serve;

pub use readiness::{Readiness, ReadinessToken};
pub use serve::{Endpoints, serve};
