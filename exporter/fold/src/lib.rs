//! Folds exchanges into labelled counters and histograms.
