//! Which trace an exchange belongs to, by its own headers.

/// The trace context that a request carries: W3C `traceparent`, or the B3 headers of Zipkin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace. Never all zeros.
    pub trace_id: [u8; 16],
    /// The span that sent the request. Never all zeros.
    pub parent_span_id: [u8; 8],
    /// Whether the sender records the trace.
    pub sampled: bool,
}
