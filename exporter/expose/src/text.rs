//! The text formats of Prometheus and OpenMetrics, written straight from a snapshot.

mod escape;
mod head;
mod series;

pub(crate) use series::TextWriter;
