//! Writes a snapshot in any format, piece by piece.

use std::borrow::Borrow;

use flowfold_fold::{Family, HistogramPoint, Points, Scalar, Snapshot};

use crate::Format;
use crate::protobuf::ProtobufWriter;
use crate::text::TextWriter;

/// Appends the whole snapshot in this format.
pub fn encode(snapshot: &Snapshot, format: Format, out: &mut Vec<u8>) {
    Encoder::new(snapshot, format).write(out, usize::MAX);
}

/// Writes a snapshot piece by piece, so that no more than a piece of the whole has to be in memory.
#[derive(Debug)]
pub struct Encoder<S> {
    snapshot: S,
    format: Format,
    shows_created: bool,
    /// The family that comes next, and where in it.
    family: usize,
    point: usize,
    /// The open family's writer; absent between two families.
    writer: Option<Writer>,
    finished: bool,
}

impl<S: Borrow<Snapshot>> Encoder<S> {
    /// An encoder at the start of this snapshot.
    pub fn new(snapshot: S, format: Format) -> Self {
        Self { snapshot, format, shows_created: false, family: 0, point: 0, writer: None, finished: false }
    }

    /// Whether OpenMetrics gets the starts of counters and histograms, in lines of their own that end in `_created`.
    /// To most readers each of them is one more series. In protobuf the starts are fields, and always there.
    #[must_use]
    pub fn with_created_lines(self, shows_created: bool) -> Self {
        Self { shows_created, ..self }
    }

    /// Appends to `out` until it has at least `enough` bytes or the snapshot is at its end. Returns whether there is
    /// more. A piece may go beyond `enough` by one series.
    pub fn write(&mut self, out: &mut Vec<u8>, enough: usize) -> bool {
        let snapshot = self.snapshot.borrow();
        while out.len() < enough {
            let Some(family) = snapshot.families.get(self.family) else {
                if !self.finished && self.format == Format::OpenMetrics100 {
                    out.extend_from_slice(b"# EOF\n");
                }
                self.finished = true;
                return false;
            };
            if family.points.is_empty() {
                self.family += 1;
                continue;
            }
            let (format, shows_created) = (self.format, self.shows_created);
            let writer = self.writer.get_or_insert_with(|| Writer::begin(format, shows_created, snapshot, family, out));
            let written = match &family.points {
                Points::Scalars(points) => points.get(self.point).map(|point| writer.scalar(point, out)),
                Points::Histograms(points) => points.get(self.point).map(|point| writer.histogram(&point, out)),
            };
            if written.is_some() {
                self.point += 1;
            } else {
                self.family += 1;
                self.point = 0;
                self.writer = None;
            }
        }
        !self.finished
    }
}

/// Writes the series of one family.
#[derive(Debug)]
enum Writer {
    Text(TextWriter),
    Protobuf(ProtobufWriter),
}

impl Writer {
    /// Writes what comes before the series.
    fn begin(format: Format, shows_created: bool, snapshot: &Snapshot, family: &Family, out: &mut Vec<u8>) -> Self {
        if format == Format::Protobuf {
            Self::Protobuf(ProtobufWriter::begin(family, snapshot, out))
        } else {
            Self::Text(TextWriter::begin(family.metric, format, shows_created.then_some(snapshot.started), out))
        }
    }

    fn scalar(&mut self, point: &Scalar, out: &mut Vec<u8>) {
        match self {
            Self::Text(writer) => writer.scalar(point, out),
            Self::Protobuf(writer) => writer.scalar(point, out),
        }
    }

    fn histogram(&mut self, point: &HistogramPoint<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Text(writer) => writer.histogram(point, out),
            Self::Protobuf(writer) => writer.histogram(point, out),
        }
    }
}
