//! The text formats of Prometheus and OpenMetrics.

use flowfold_fold::Snapshot;

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text 0.0.4, the format of last resort.
    Text004,
    /// Prometheus text 1.0.0.
    Text100,
    /// OpenMetrics 1.0.0.
    OpenMetrics100,
}

/// Appends the whole snapshot in this format.
pub fn encode(_snapshot: &Snapshot, format: Format, out: &mut Vec<u8>) {
    if format == Format::OpenMetrics100 {
        out.extend_from_slice(b"# EOF\n");
    }
}
