//! Renders a snapshot of the fold and serves it to scrapers.
