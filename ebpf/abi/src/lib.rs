//! Keys and values of the maps that the eBPF programs and their loader share.
