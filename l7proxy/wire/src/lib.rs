//! Bytes to messages, without IO.
//!
//! Everything here takes slices and returns values: no socket, no clock, no task. [`sniff`] tells from the first bytes
//! of a connection what it speaks; [`http1`], [`http2`] and [`kafka`] read along with one direction of a connection;
//! [`dns`] reads messages, alone or on a stream; [`trace`] reads the trace context of a request. Nothing panics on any
//! input, and what is kept between two calls is capped by
//! [`limits`].
#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used,
        reason = "a failed test may panic"
    )
)]

pub mod dns;
mod grpc;
pub mod http1;
pub mod http2;
pub mod kafka;
pub mod limits;
pub mod sniff;
mod step;
pub mod trace;
