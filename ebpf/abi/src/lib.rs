//! Keys and values of the maps that the eBPF programs and their loader share.
#![no_std]

/// Bytes kept of an agent's description of itself.
pub const DESCRIPTION_BYTES: usize = 96;
