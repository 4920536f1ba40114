//! The flow ring and its readers (filled by a later release).
