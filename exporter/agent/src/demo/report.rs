//! Who calls whom, how often, with which errors and latency: from the numbers that a scrape would see.

use std::collections::BTreeMap;
use std::time::Duration;

use flowfold_fold::names::{self, Kind, label};
use flowfold_fold::{HistogramPoint, Points, Snapshot};

/// A caller and whom it calls.
type Pair = (String, String);

/// The requests between each caller and called, up to a moment or within a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// The upper bounds of the buckets but the last, in nanoseconds.
    bounds: &'static [u64],
    edges: BTreeMap<Pair, Counts>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counts {
    /// Requests that took as long as each bucket says.
    buckets: Vec<u64>,
    /// Requests that were answered with a 5xx, or not at all.
    errors: u64,
}

impl Report {
    /// Everything up to the snapshot, as the clients' side saw it.
    pub(super) fn read(snapshot: &Snapshot) -> Self {
        let mut report = Self::default();
        for family in &snapshot.families {
            let (Points::Histograms(points), Kind::Histogram(buckets)) = (&family.points, &family.metric.kind) else {
                continue;
            };
            if family.metric.name == names::HTTP_CLIENT_REQUEST_DURATION.name {
                report.bounds = buckets.nanos;
                points.iter().for_each(|point| report.add(&point));
            }
        }
        report
    }

    fn add(&mut self, point: &HistogramPoint<'_>) {
        let mut pair = Pair::default();
        let mut failed = true;
        point.labels.visit(|name, value| match name {
            label::SOURCE_WORKLOAD => value.clone_into(&mut pair.0),
            label::DESTINATION_WORKLOAD => value.clone_into(&mut pair.1),
            label::HTTP_RESPONSE_STATUS_CODE => failed = value.starts_with('5'),
            _ => {}
        });
        let counts = self.edges.entry(pair).or_default();
        counts.buckets.resize(point.counts.len(), 0);
        counts.buckets.iter_mut().zip(point.counts).for_each(|(sum, count)| *sum += count);
        counts.errors += if failed { point.count() } else { 0 };
    }

    /// What came after an earlier report.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let mut rest = self.clone();
        for (pair, counts) in &mut rest.edges {
            if let Some(before) = earlier.edges.get(pair) {
                counts.errors = counts.errors.saturating_sub(before.errors);
                let buckets = counts.buckets.iter_mut().zip(&before.buckets);
                buckets.for_each(|(count, before)| *count = count.saturating_sub(*before));
            }
        }
        rest
    }

    /// The requests of all edges.
    pub(super) fn requests(&self) -> u64 {
        self.edges.values().map(Counts::total).sum()
    }

    /// A table for people, of what came within `time`.
    pub(super) fn table(&self, time: Duration) -> String {
        let names = |pick: fn(&Pair) -> &String, least: usize| {
            self.edges.keys().map(|pair| pick(pair).chars().count()).max().unwrap_or(0).max(least)
        };
        let (from, to) = (names(|pair| &pair.0, 4), names(|pair| &pair.1, 2));
        let heading = format!(
            "{:<from$}  {:<to$}  {:>10}  {:>7}  {:>8}  {:>8}\n",
            "from", "to", "requests/s", "errors", "p50", "p99"
        );
        let row = |((source, destination), counts): (&Pair, &Counts)| {
            let total = counts.total();
            let errors = if total == 0 { 0.0 } else { 100.0 * counts.errors as f64 / total as f64 };
            let rate = total as f64 / time.as_secs_f64().max(f64::MIN_POSITIVE);
            let quantile = |share: f64| show(counts.quantile(share, self.bounds), self.bounds);
            let (p50, p99) = (quantile(0.5), quantile(0.99));
            format!("{source:<from$}  {destination:<to$}  {rate:>10.1}  {errors:>6.1}%  {p50:>8}  {p99:>8}\n")
        };
        [heading].into_iter().chain(self.edges.iter().map(row)).collect()
    }
}

impl Counts {
    fn total(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The duration in nanoseconds that this share of the requests stayed below, as far as the buckets tell: within a
    /// bucket, requests are taken as spread evenly. `None` without requests; infinite beyond the last bound.
    fn quantile(&self, share: f64, bounds: &[u64]) -> Option<f64> {
        let total = self.total();
        let rank = share * total as f64;
        let mut below = 0.0;
        let mut lower = 0.0;
        for (index, count) in self.buckets.iter().map(|count| *count as f64).enumerate() {
            let upper = bounds.get(index).map_or(f64::INFINITY, |bound| *bound as f64);
            if count > 0.0 && below + count >= rank {
                let within = if upper.is_finite() { (upper - lower) * ((rank - below) / count) } else { upper };
                return Some(lower + within);
            }
            below += count;
            lower = upper;
        }
        None
    }
}

/// A duration for people.
fn show(nanos: Option<f64>, bounds: &[u64]) -> String {
    match nanos {
        None => "-".to_owned(),
        Some(nanos) if nanos.is_infinite() => {
            format!(">{:.0} s", bounds.last().map_or(0.0, |last| *last as f64) / 1e9)
        }
        Some(nanos) if nanos >= 1e9 => format!("{:.2} s", nanos / 1e9),
        Some(nanos) => format!("{:.1} ms", nanos / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: &[u64] = &[5_000_000, 10_000_000, 1_000_000_000];

    fn report(edges: &[(&str, &str, [u64; 4], u64)]) -> Report {
        let edge = |(from, to, buckets, errors): &(&str, &str, [u64; 4], u64)| {
            (((*from).to_owned(), (*to).to_owned()), Counts { buckets: buckets.to_vec(), errors: *errors })
        };
        Report { bounds: BOUNDS, edges: edges.iter().map(edge).collect() }
    }

    #[test]
    fn the_table_tells_rates_errors_and_quantiles() {
        let report = report(&[
            ("client", "productpage", [50, 50, 0, 0], 2),
            ("reviews", "ratings", [0, 0, 0, 4], 4),
            ("a", "b", [0, 0, 0, 0], 0),
        ]);
        assert_eq!(
            report.table(Duration::from_secs(10)),
            "from     to           requests/s   errors       p50       p99\n\
             a        b                   0.0     0.0%         -         -\n\
             client   productpage        10.0     2.0%    5.0 ms    9.9 ms\n\
             reviews  ratings             0.4   100.0%      >1 s      >1 s\n"
        );
        assert_eq!(report.requests(), 104);
    }

    #[test]
    fn a_quantile_lies_within_its_bucket() {
        let counts = Counts { buckets: vec![0, 10, 10, 0], errors: 0 };
        assert_eq!(counts.quantile(0.5, BOUNDS), Some(10_000_000.0));
        assert_eq!(counts.quantile(0.25, BOUNDS), Some(7_500_000.0));
        assert_eq!(show(counts.quantile(1.0, BOUNDS), BOUNDS), "1.00 s");
    }

    #[test]
    fn the_difference_of_two_reports_is_what_came_between() {
        let before = report(&[("a", "b", [1, 2, 0, 0], 1)]);
        let after = report(&[("a", "b", [4, 2, 1, 0], 1), ("a", "c", [1, 0, 0, 0], 0)]);
        assert_eq!(after.since(&before), report(&[("a", "b", [3, 0, 1, 0], 0), ("a", "c", [1, 0, 0, 0], 0)]));
    }

    #[test]
    fn nothing_seen_is_a_heading() {
        let empty = Report::default().table(Duration::from_secs(1));
        assert_eq!(empty.lines().count(), 1);
    }
}
