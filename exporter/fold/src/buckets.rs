//! Bucket bounds. Durations are compared as whole nanoseconds, so that no float rounds a value over a bound.

use std::time::Duration;

/// The inclusive upper bounds of a histogram's buckets. One more bucket, `+Inf`, takes what is beyond the last.
#[derive(Debug, PartialEq, Eq)]
pub struct Buckets {
    /// The bounds in nanoseconds, ascending.
    pub nanos: &'static [u64],
    /// The same bounds in seconds, as the `le` label says them.
    pub le: &'static [&'static str],
}

/// How many bounds [`HTTP`] has.
pub(crate) const HTTP_BOUNDS: usize = 14;

/// The bounds of [`HTTP`] in nanoseconds.
pub(crate) static HTTP_NANOS: [u64; HTTP_BOUNDS] = [
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    75_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    750_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    7_500_000_000,
    10_000_000_000,
];

/// The buckets that the OpenTelemetry conventions advise for the duration of HTTP requests.
pub(crate) static HTTP: Buckets = Buckets {
    nanos: &HTTP_NANOS,
    le: &["0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75", "1", "2.5", "5", "7.5", "10"],
};

/// The default buckets of Prometheus' library for Go. Each of its bounds is one of [`HTTP`], too.
pub(crate) static GO_DEFAULT: Buckets = Buckets {
    nanos: &[
        5_000_000,
        10_000_000,
        25_000_000,
        50_000_000,
        100_000_000,
        250_000_000,
        500_000_000,
        1_000_000_000,
        2_500_000_000,
        5_000_000_000,
        10_000_000_000,
    ],
    le: &["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10"],
};

/// How many bounds [`ADDED_LATENCY`] has.
pub(crate) const ADDED_LATENCY_BOUNDS: usize = 16;

/// The bounds of [`ADDED_LATENCY`] in nanoseconds.
pub(crate) static ADDED_LATENCY_NANOS: [u64; ADDED_LATENCY_BOUNDS] = [
    5_000,
    10_000,
    25_000,
    50_000,
    75_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
];

/// The buckets of the latency that the relay adds: fine where a healthy relay is, in microseconds, and coarse where
/// only back pressure from a peer takes it. The smallest are written as Go writes them, which is how a Prometheus
/// names the buckets that it reads from protobuf.
pub(crate) static ADDED_LATENCY: Buckets = Buckets {
    nanos: &ADDED_LATENCY_NANOS,
    le: &[
        "5e-06", "1e-05", "2.5e-05", "5e-05", "7.5e-05", "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005",
        "0.01", "0.025", "0.1", "1", "10",
    ],
};

/// The bucket of a value: the number of bounds that are below it.
#[inline]
pub(crate) fn index<const N: usize>(bounds: &[u64; N], nanos: u64) -> usize {
    // Counting them all, with no branch that depends on the value, beats a search at this size.
    bounds.iter().map(|bound| usize::from(*bound < nanos)).sum()
}

/// A duration in whole nanoseconds. What does not fit (584 years) becomes the most that does.
#[inline]
pub(crate) fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(duration.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_nanoseconds_of_a_bound_agree() {
        for buckets in [&HTTP, &GO_DEFAULT, &ADDED_LATENCY] {
            assert_eq!(buckets.nanos.len(), buckets.le.len());
            assert!(buckets.nanos.is_sorted());
            for (nanos, le) in buckets.nanos.iter().zip(buckets.le) {
                let seconds: f64 = le.parse().unwrap();
                assert!((seconds * 1e9 - *nanos as f64).abs() < 1e-3, "{le} is not {nanos} ns");
            }
        }
    }

    #[test]
    fn coarser_buckets_are_made_of_whole_finer_ones() {
        assert!(GO_DEFAULT.nanos.iter().all(|bound| HTTP_NANOS.contains(bound)));
    }

    #[test]
    fn a_bound_belongs_to_its_own_bucket() {
        for (position, bound) in HTTP_NANOS.into_iter().enumerate() {
            assert_eq!(index(&HTTP_NANOS, bound - 1), position);
            assert_eq!(index(&HTTP_NANOS, bound), position);
            assert_eq!(index(&HTTP_NANOS, bound + 1), position + 1);
        }
        assert_eq!(index(&HTTP_NANOS, 0), 0);
        assert_eq!(index(&HTTP_NANOS, u64::MAX), HTTP_BOUNDS);
    }

    #[test]
    fn a_duration_beyond_all_measure_is_the_longest() {
        assert_eq!(nanos(Duration::from_nanos(1_500_000_001)), 1_500_000_001);
        assert_eq!(nanos(Duration::MAX), u64::MAX);
    }
}
