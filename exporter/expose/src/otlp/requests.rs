//! Cuts a snapshot into requests of a bounded size, resource by resource.

use std::time::SystemTime;

use bytes::Bytes;
use flowfold_fold::names::Kind;
use flowfold_fold::names::otel::{self, OtelMetric};
use flowfold_fold::{BucketExemplar, Family, Labels, Points, Snapshot};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, Gauge, Histogram, Metric, ResourceMetrics, ScopeMetrics, Sum,
};
use prost::Message;

use super::delta::{Baselines, SeriesKey};
use super::point::{self, Span};
use super::reading::Reading;
use super::resource::Owners;
use super::{MetricsOptions, Temporality, WorkloadResources};

/// What a point takes beside itself: its key and its length.
const POINT_FRAME: usize = 8;

/// A request, encoded, and what to remember of it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) body: Bytes,
    /// How many data points it has.
    pub(super) points: u64,
    /// Its series of which the receiver gets differences, with where they stand in the snapshot.
    pub(super) differences: Vec<(SeriesKey, Place)>,
}

/// Where a series stands in a snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    owner: u32,
    family: u32,
    point: u32,
}

/// A series of a snapshot.
struct Series<'a> {
    family: &'a Family,
    labels: &'a Labels,
    /// When it began.
    since: SystemTime,
    /// What it holds.
    reading: Reading,
    exemplars: &'a [BucketExemplar],
}

/// Series that go into one metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Group {
    owner: u32,
    family: u32,
    is_exponential: bool,
}

/// The requests that a snapshot becomes.
#[derive(Debug)]
pub(super) struct Requests<'a> {
    snapshot: &'a Snapshot,
    resources: &'a WorkloadResources,
    temporality: Temporality,
    max_bytes: usize,
    owners: Owners,
    /// The series, by owner and then by family.
    places: Vec<Place>,
    next: usize,
}

/// The message that is being filled.
#[derive(Debug, Default)]
struct Draft {
    message: ExportMetricsServiceRequest,
    /// What the last metric is of.
    last: Option<Group>,
    bytes: usize,
    points: u64,
    differences: Vec<(SeriesKey, Place)>,
}

impl<'a> Requests<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, resources: &'a WorkloadResources, options: &MetricsOptions) -> Self {
        let mut owners = Owners::default();
        let mut places = Vec::new();
        for (family, content) in (0..).zip(&snapshot.families) {
            let Some(otel) = otel::of_metric(content.metric) else { continue };
            let mut push = |point, labels| {
                places.push(Place { owner: owners.of(otel.reporter, labels), family, point });
            };
            match &content.points {
                Points::Scalars(points) => (0..).zip(points).for_each(|(at, point)| push(at, &point.labels)),
                Points::Histograms(points) => (0..).zip(points.iter()).for_each(|(at, point)| push(at, point.labels)),
            }
        }
        places.sort_by_key(|place| (place.owner, place.family));
        Self {
            snapshot,
            resources,
            temporality: options.temporality,
            max_bytes: options.max_request_bytes,
            owners,
            places,
            next: 0,
        }
    }

    /// The series at a place.
    fn series(&self, place: Place) -> Option<Series<'a>> {
        let family = self.snapshot.families.get(place.family as usize)?;
        let at = place.point as usize;
        match &family.points {
            Points::Scalars(points) => {
                let point = points.get(at)?;
                let since = point.since.unwrap_or(self.snapshot.started);
                Some(Series { family, labels: &point.labels, since, reading: point.value.into(), exemplars: &[] })
            }
            Points::Histograms(points) => {
                let point = points.get(at)?;
                let (since, exemplars) = (point.since, point.exemplars());
                Some(Series { family, labels: point.labels, since, reading: Reading::from(&point), exemplars })
            }
        }
    }

    /// The receiver took the request.
    pub(super) fn taken(&self, request: &Request, baselines: &mut Baselines) {
        for (key, place) in &request.differences {
            if let Some(series) = self.series(*place) {
                baselines.taken(*key, series.since, series.reading, self.snapshot.taken);
            }
        }
    }

    /// The next request; none after the last.
    pub(super) fn next(&mut self, baselines: &mut Baselines) -> Option<Request> {
        let mut draft = Draft::default();
        while let Some(place) = self.places.get(self.next).copied() {
            if draft.bytes >= self.max_bytes {
                break;
            }
            self.next += 1;
            self.add(&mut draft, place, baselines);
        }
        (draft.points > 0).then(|| Request {
            body: draft.message.encode_to_vec().into(),
            points: draft.points,
            differences: draft.differences,
        })
    }

    fn add(&self, draft: &mut Draft, place: Place, baselines: &mut Baselines) -> Option<()> {
        let Series { family, labels, mut since, mut reading, exemplars } = self.series(place)?;
        let otel = otel::of_metric(family.metric)?;
        if self.is_delta(family.metric.kind) {
            let key = baselines.key(family.metric, labels);
            (since, reading) = baselines.difference(key, since, &reading)?;
            draft.differences.push((key, place));
        }
        let counts = matches!(family.metric.kind, Kind::Counter | Kind::Histogram(_));
        let span = Span { since: counts.then_some(since), at: self.snapshot.taken };
        let is_exponential = matches!(reading, Reading::Exponential { .. });
        let group = Group { owner: place.owner, family: place.family, is_exponential };
        match reading {
            Reading::Number(number) => {
                let made = point::number(labels, number, span);
                draft.bytes += made.encoded_len() + POINT_FRAME;
                match self.data(draft, group, family, otel)? {
                    Data::Gauge(gauge) => gauge.data_points.push(made),
                    Data::Sum(sum) => sum.data_points.push(made),
                    _ => return None,
                }
            }
            Reading::Histogram { counts, sum_nanos } => {
                let Kind::Histogram(buckets) = family.metric.kind else { return None };
                let bounds: Vec<f64> = buckets.le.iter().filter_map(|bound| bound.parse().ok()).collect();
                let mut made = point::histogram(labels, &counts, sum_nanos, &bounds, span);
                made.exemplars = point::exemplars(exemplars, span);
                draft.bytes += made.encoded_len() + POINT_FRAME;
                let Data::Histogram(histogram) = self.data(draft, group, family, otel)? else { return None };
                histogram.data_points.push(made);
            }
            Reading::Exponential { buckets, sum_nanos } => {
                let mut made = point::exponential(labels, buckets, sum_nanos, span);
                made.exemplars = point::exemplars(exemplars, span);
                draft.bytes += made.encoded_len() + POINT_FRAME;
                let Data::ExponentialHistogram(histogram) = self.data(draft, group, family, otel)? else {
                    return None;
                };
                histogram.data_points.push(made);
            }
        }
        draft.points += 1;
        Some(())
    }

    /// Whether metrics of this kind tell what they have more than was taken.
    fn is_delta(&self, kind: Kind) -> bool {
        match (self.temporality, kind) {
            (Temporality::Delta, Kind::Counter | Kind::Histogram(_)) | (Temporality::LowMemory, Kind::Histogram(_)) => {
                true
            }
            // Counters are read off the store, as asynchronous instruments are: to spare memory is to leave them be.
            _ => false,
        }
    }

    /// Where the points of this family and owner go.
    fn data<'d>(&self, draft: &'d mut Draft, group: Group, family: &Family, otel: OtelMetric) -> Option<&'d mut Data> {
        if draft.last.map(|last| last.owner) != Some(group.owner) {
            let made = self.resource_metrics(group.owner);
            draft.bytes += made.encoded_len() + POINT_FRAME;
            draft.message.resource_metrics.push(made);
        }
        let metrics = &mut draft.message.resource_metrics.last_mut()?.scope_metrics.last_mut()?.metrics;
        if draft.last != Some(group) {
            let made = self.metric(family, otel, group.is_exponential);
            draft.bytes += made.encoded_len() + POINT_FRAME;
            metrics.push(made);
            draft.last = Some(group);
        }
        metrics.last_mut()?.data.as_mut()
    }

    fn resource_metrics(&self, owner: u32) -> ResourceMetrics {
        let workload = self.owners.workload(owner);
        let resource = workload
            .map_or_else(|| self.resources.agent(), |(namespace, name)| self.resources.workload(namespace, name));
        ResourceMetrics {
            resource: Some(resource),
            scope_metrics: vec![ScopeMetrics { scope: Some(self.resources.scope()), ..ScopeMetrics::default() }],
            ..ResourceMetrics::default()
        }
    }

    /// A metric without points.
    fn metric(&self, family: &Family, otel: OtelMetric, is_exponential: bool) -> Metric {
        let aggregation_temporality = if self.is_delta(family.metric.kind) {
            AggregationTemporality::Delta
        } else {
            AggregationTemporality::Cumulative
        } as i32;
        let data = match family.metric.kind {
            Kind::Counter => Data::Sum(Sum { aggregation_temporality, is_monotonic: true, ..Sum::default() }),
            Kind::Gauge | Kind::Info => Data::Gauge(Gauge::default()),
            Kind::Histogram(_) if is_exponential => {
                Data::ExponentialHistogram(ExponentialHistogram { aggregation_temporality, data_points: Vec::new() })
            }
            Kind::Histogram(_) => Data::Histogram(Histogram { aggregation_temporality, ..Histogram::default() }),
        };
        Metric {
            name: otel.name.to_owned(),
            description: family.metric.help.to_owned(),
            unit: otel.unit.to_owned(),
            data: Some(data),
            ..Metric::default()
        }
    }
}
