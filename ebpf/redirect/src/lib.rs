//! Loads and attaches the eBPF programs, and looks up what they recorded.
