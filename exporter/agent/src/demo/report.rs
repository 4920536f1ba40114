//! Who calls whom, how often, with which errors and latency: from the numbers that a scrape would see.

use std::collections::BTreeMap;
use std::time::Duration;

use flowfold_fold::names::{self, Kind, label};
use flowfold_fold::{HistogramPoint, Points, Snapshot};

/// A caller and whom it calls, and what it speaks to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: String,
    to: String,
    protocol: &'static str,
}

/// The requests between each caller and called, up to a moment or within a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// The upper bounds of the buckets but the last, in nanoseconds.
    bounds: &'static [u64],
    edges: BTreeMap<Edge, Counts>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counts {
    /// Requests that took as long as each bucket says.
    buckets: Vec<u64>,
    /// Requests that failed by the rules for servers: they have an `error_type`.
    errors: u64,
    /// gRPC calls that ended with another status than OK.
    statuses: BTreeMap<String, u64>,
}

impl Report {
    /// Everything up to the snapshot, as it is reported for the servers.
    pub(super) fn read(snapshot: &Snapshot) -> Self {
        let mut report = Self::default();
        for family in &snapshot.families {
            let (Points::Histograms(points), Kind::Histogram(buckets)) = (&family.points, &family.metric.kind) else {
                continue;
            };
            let protocol = match family.metric.name {
                name if name == names::HTTP_SERVER_REQUEST_DURATION.name => "HTTP",
                name if name == names::RPC_SERVER_CALL_DURATION.name => "gRPC",
                _ => continue,
            };
            report.bounds = buckets.nanos;
            points.iter().for_each(|point| report.add(protocol, &point));
        }
        report
    }

    fn add(&mut self, protocol: &'static str, point: &HistogramPoint<'_>) {
        let mut edge = Edge { protocol, ..Edge::default() };
        let mut failed = false;
        let mut status = None;
        point.labels.visit(|name, value| match name {
            label::SOURCE_WORKLOAD => value.clone_into(&mut edge.from),
            label::DESTINATION_WORKLOAD => value.clone_into(&mut edge.to),
            label::ERROR_TYPE => failed = true,
            label::RPC_RESPONSE_STATUS_CODE if value != "OK" => status = Some(value.to_owned()),
            _ => {}
        });
        let counts = self.edges.entry(edge).or_default();
        counts.buckets.resize(point.counts.len(), 0);
        counts.buckets.iter_mut().zip(point.counts).for_each(|(sum, count)| *sum += count);
        counts.errors += if failed { point.count() } else { 0 };
        if let Some(status) = status {
            *counts.statuses.entry(status).or_default() += point.count();
        }
    }

    /// What came after an earlier report.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let mut rest = self.clone();
        for (edge, counts) in &mut rest.edges {
            if let Some(before) = earlier.edges.get(edge) {
                counts.errors = counts.errors.saturating_sub(before.errors);
                let buckets = counts.buckets.iter_mut().zip(&before.buckets);
                buckets.for_each(|(count, before)| *count = count.saturating_sub(*before));
                for (status, count) in &mut counts.statuses {
                    *count = count.saturating_sub(before.statuses.get(status).copied().unwrap_or_default());
                }
                counts.statuses.retain(|_, count| *count > 0);
            }
        }
        rest
    }

    /// The requests of all edges.
    pub(super) fn requests(&self) -> u64 {
        self.edges.values().map(Counts::total).sum()
    }

    /// A table for people, of what came within `time`. Below it, how the gRPC calls ended that were not OK.
    pub(super) fn table(&self, time: Duration) -> String {
        let names = |pick: fn(&Edge) -> &String, least: usize| {
            self.edges.keys().map(|edge| pick(edge).chars().count()).max().unwrap_or(0).max(least)
        };
        let (from, to) = (names(|edge| &edge.from, 4), names(|edge| &edge.to, 2));
        let heading = format!(
            "{:<from$}  {:<to$}  {:<8}  {:>10}  {:>7}  {:>8}  {:>8}\n",
            "from", "to", "protocol", "requests/s", "errors", "p50", "p99"
        );
        let row = |(edge, counts): (&Edge, &Counts)| {
            let total = counts.total();
            let errors = if total == 0 { 0.0 } else { 100.0 * counts.errors as f64 / total as f64 };
            let rate = total as f64 / time.as_secs_f64().max(f64::MIN_POSITIVE);
            let quantile = |share: f64| show(counts.quantile(share, self.bounds), self.bounds);
            let (p50, p99) = (quantile(0.5), quantile(0.99));
            let Edge { from: source, to: destination, protocol } = edge;
            format!(
                "{source:<from$}  {destination:<to$}  {protocol:<8}  {rate:>10.1}  {errors:>6.1}%  {p50:>8}  {p99:>8}\n"
            )
        };
        let ends = |(edge, counts): (&Edge, &Counts)| {
            let statuses = counts.statuses.iter().map(|(status, count)| format!("{count} {status}"));
            let statuses = statuses.collect::<Vec<_>>().join(", ");
            (!statuses.is_empty()).then(|| format!("{} to {}: {statuses}\n", edge.from, edge.to))
        };
        let rows = self.edges.iter().map(row);
        [heading].into_iter().chain(rows).chain(self.edges.iter().filter_map(ends)).collect()
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

    fn report(edges: &[(&str, &str, &'static str, [u64; 4], u64)]) -> Report {
        let edge = |(from, to, protocol, buckets, errors): &(&str, &str, &'static str, [u64; 4], u64)| {
            let edge = Edge { from: (*from).to_owned(), to: (*to).to_owned(), protocol };
            (edge, Counts { buckets: buckets.to_vec(), errors: *errors, statuses: BTreeMap::new() })
        };
        Report { bounds: BOUNDS, edges: edges.iter().map(edge).collect() }
    }

    fn with_status(mut report: Report, status: &str, count: u64) -> Report {
        for (_, counts) in report.edges.iter_mut().filter(|(edge, _)| edge.protocol == "gRPC") {
            counts.statuses.insert(status.to_owned(), count);
        }
        report
    }

    #[test]
    fn the_table_tells_rates_errors_and_quantiles() {
        let report = report(&[
            ("client", "productpage", "HTTP", [50, 50, 0, 0], 2),
            ("reviews", "ratings", "gRPC", [0, 0, 0, 4], 1),
            ("a", "b", "HTTP", [0, 0, 0, 0], 0),
        ]);
        let report = with_status(with_status(report, "NOT_FOUND", 2), "UNAVAILABLE", 1);
        assert_eq!(
            report.table(Duration::from_secs(10)),
            "from     to           protocol  requests/s   errors       p50       p99\n\
             a        b            HTTP             0.0     0.0%         -         -\n\
             client   productpage  HTTP            10.0     2.0%    5.0 ms    9.9 ms\n\
             reviews  ratings      gRPC             0.4    25.0%      >1 s      >1 s\n\
             reviews to ratings: 2 NOT_FOUND, 1 UNAVAILABLE\n"
        );
        assert_eq!(report.requests(), 104);
    }

    #[test]
    fn a_quantile_lies_within_its_bucket() {
        let counts = Counts { buckets: vec![0, 10, 10, 0], errors: 0, statuses: BTreeMap::new() };
        assert_eq!(counts.quantile(0.5, BOUNDS), Some(10_000_000.0));
        assert_eq!(counts.quantile(0.25, BOUNDS), Some(7_500_000.0));
        assert_eq!(show(counts.quantile(1.0, BOUNDS), BOUNDS), "1.00 s");
    }

    #[test]
    fn the_difference_of_two_reports_is_what_came_between() {
        let before = with_status(report(&[("a", "b", "gRPC", [1, 2, 0, 0], 1)]), "ABORTED", 1);
        let after = report(&[("a", "b", "gRPC", [4, 2, 1, 0], 1), ("a", "c", "HTTP", [1, 0, 0, 0], 0)]);
        let came = report(&[("a", "b", "gRPC", [3, 0, 1, 0], 0), ("a", "c", "HTTP", [1, 0, 0, 0], 0)]);
        assert_eq!(with_status(after.clone(), "ABORTED", 3).since(&before), with_status(came.clone(), "ABORTED", 2));
        assert_eq!(with_status(after, "ABORTED", 1).since(&before), came);
    }

    #[test]
    fn nothing_seen_is_a_heading() {
        let empty = Report::default().table(Duration::from_secs(1));
        assert_eq!(empty.lines().count(), 1);
    }
}
