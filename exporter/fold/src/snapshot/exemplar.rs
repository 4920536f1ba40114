//! Exchanges that stand for the others of their bucket.

use std::time::SystemTime;

/// One exchange of a bucket, by the trace that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exemplar {
    /// The trace that the request said it belongs to.
    pub trace_id: [u8; 16],
    /// The span that sent the request.
    pub span_id: [u8; 8],
    /// Its value in nanoseconds.
    pub value_nanos: u64,
    /// When the exchange was over.
    pub at: SystemTime,
}

impl Exemplar {
    /// Its value in seconds.
    pub fn value_seconds(&self) -> f64 {
        self.value_nanos as f64 / 1e9
    }
}

/// The exemplar of one classic bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketExemplar {
    /// The position of the bucket; the last is `+Inf`.
    pub bucket: usize,
    /// The last traced exchange in it.
    pub exemplar: Exemplar,
}
