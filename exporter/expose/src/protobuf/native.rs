//! The native part of a histogram.

use flowfold_fold::Exponential;

use super::fields::{double, nested, packed_sint, sint, varint};
use super::tag;

/// The widest value that counts as zero: the one that Prometheus' own libraries have. (Only zero does, here.)
const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;

/// A gap of so many empty buckets costs as much as beginning a new span.
const WIDEST_GAP: usize = 2;

/// Writes a histogram's exponential buckets as native ones. The scale is the schema; the bucket that OTLP gives an index
/// has the next one here.
pub(super) fn write(out: &mut Vec<u8>, exponential: Exponential<'_>) {
    sint(out, tag::histogram::SCHEMA, i64::from(exponential.scale));
    double(out, tag::histogram::ZERO_THRESHOLD, ZERO_THRESHOLD);
    varint(out, tag::histogram::ZERO_COUNT, exponential.zero_count);
    let mut end = 0;
    let mut is_empty = true;
    for span in Spans::new(exponential) {
        // The offset of the first is its index, of the others their distance to the one before.
        span_message(out, i64::from(span.index) - end, span.counts.len());
        end = i64::from(span.index) + span.counts.iter().map(|_| 1).sum::<i64>();
        is_empty = false;
    }
    if is_empty {
        // Without a span it could not be told from a classic histogram.
        span_message(out, 0, 0);
    }
    let mut last = 0;
    let deltas = Spans::new(exponential).flat_map(|span| span.counts).map(|count| {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        count - std::mem::replace(&mut last, count)
    });
    packed_sint(out, tag::histogram::POSITIVE_DELTA, deltas);
}

fn span_message(out: &mut Vec<u8>, offset: i64, length: usize) {
    nested(out, tag::histogram::POSITIVE_SPAN, |out| {
        sint(out, tag::span::OFFSET, offset);
        varint(out, tag::span::LENGTH, length as u64);
    });
}

/// Buckets next to each other.
#[derive(Debug, PartialEq, Eq)]
struct Span<'a> {
    /// The index of the first, as Prometheus counts.
    index: i32,
    counts: &'a [u64],
}

/// The spans of a histogram.
#[derive(Debug)]
struct Spans<'a> {
    index: i32,
    rest: &'a [u64],
}

impl<'a> Spans<'a> {
    fn new(exponential: Exponential<'a>) -> Self {
        Self { index: exponential.offset.saturating_add(1), rest: exponential.counts }
    }
}

impl<'a> Iterator for Spans<'a> {
    type Item = Span<'a>;

    fn next(&mut self) -> Option<Span<'a>> {
        let gap = self.rest.iter().position(|count| *count > 0)?;
        let from = self.rest.get(gap..)?;
        let mut length = 0;
        for (at, count) in from.iter().enumerate() {
            if *count > 0 {
                length = at + 1;
            } else if at - length >= WIDEST_GAP {
                break;
            }
        }
        let (counts, rest) = from.split_at(length);
        let index = self.index + i32::try_from(gap).ok()?;
        self.rest = rest;
        self.index = index + i32::try_from(length).ok()?;
        Some(Span { index, counts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(offset: i32, counts: &[u64]) -> Vec<(i32, Vec<u64>)> {
        let exponential = Exponential { scale: 3, zero_count: 0, offset, counts };
        Spans::new(exponential).map(|span| (span.index, span.counts.to_vec())).collect()
    }

    #[test]
    fn small_gaps_are_filled_and_large_ones_are_left_out() {
        assert_eq!(spans(-3, &[1, 0, 0, 2]), [(-2, vec![1, 0, 0, 2])]);
        assert_eq!(spans(-3, &[1, 0, 0, 0, 2, 3]), [(-2, vec![1]), (2, vec![2, 3])]);
        assert_eq!(spans(0, &[0, 0, 0, 0, 5, 0, 0, 0, 0]), [(5, vec![5])]);
        assert_eq!(spans(7, &[]), []);
        assert_eq!(spans(7, &[0, 0]), []);
    }
}
