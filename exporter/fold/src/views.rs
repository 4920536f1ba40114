//! The naming schemes under which the store is shown.
//!
//! The store keeps each exchange once, with every label that a view has. A view is a list of [`Row`]s, each a metric
//! that is made of the store's series when a snapshot is taken. Series that are equal by the labels of the row become
//! one: so a view costs the data path nothing.

mod go_grpc_prometheus;
mod groups;
mod hubble;
mod hubble_dns;
mod opentelemetry;
mod own;
mod projection;
mod residues;
mod service_graph;

use std::sync::Arc;

use flowfold_flow::Side;

pub(crate) use projection::Projection;
pub(crate) use residues::Residues;

use crate::hubble::HubbleMetric;
use crate::label_choices::LabelChoices;
use crate::labels::{Answers, Column, ExchangeFamily, Field, Registered, Uses};
use crate::names::{Kind, Metric, label};

/// A naming scheme under which exchanges are shown. What the agent tells under names of its own is always shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    /// The semantic conventions of OpenTelemetry.
    OpenTelemetry,
    /// The families of go-grpc-prometheus.
    GoGrpcPrometheus,
    /// The families of Hubble that [`FoldOptions::hubble`](crate::FoldOptions::hubble) names.
    Hubble,
    /// The families of service graphs.
    ServiceGraph,
}

impl View {
    /// Every view, in the order in which they are exported.
    pub const ALL: [Self; 4] = [Self::OpenTelemetry, Self::GoGrpcPrometheus, Self::Hubble, Self::ServiceGraph];

    /// The name by which a configuration chooses it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenTelemetry => "opentelemetry",
            Self::GoGrpcPrometheus => "go-grpc-prometheus",
            Self::Hubble => "hubble",
            Self::ServiceGraph => "service-graph",
        }
    }

    /// The view of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.name() == name)
    }
}

/// A metric, and what of the store it is made of.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) metric: &'static Metric,
    pub(crate) parts: Vec<Part>,
    /// No two label sets of the store can become one series of this metric, so that none has to be looked for.
    pub(crate) is_exact: bool,
}

/// What a series of one family of the store gives to a row.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) family: ExchangeFamily,
    pub(crate) columns: Arc<[Column]>,
    pub(crate) value: Value,
    /// Which of the family's series give it.
    pub(crate) filter: Filter,
    /// Whether that is only some of them.
    is_filtered: bool,
}

impl Part {
    /// Whether this label set gives it.
    pub(crate) fn takes(&self, registered: &Registered) -> bool {
        (self.filter)(registered)
    }
}

/// Says whether a label set gives something to a row.
pub(crate) type Filter = fn(&Registered) -> bool;

/// The rows of the chosen views.
#[derive(Debug)]
pub(crate) struct Rows {
    /// In the order in which they are exported.
    pub(crate) list: Vec<Row>,
    /// For each family of the store, the rows that it feeds, each with the position of the part.
    pub(crate) feeds: [Vec<(usize, usize)>; ExchangeFamily::ALL.len()],
}

impl Rows {
    pub(crate) fn new(views: &[View], hubble: &[HubbleMetric], choices: &LabelChoices) -> Self {
        let mut list = rows(views, hubble);
        for row in &mut list {
            row.show_chosen(choices);
        }
        let mut feeds = ExchangeFamily::ALL.map(|_| Vec::new());
        for (row, parts) in list.iter().map(|row| &row.parts).enumerate() {
            for (position, part) in parts.iter().enumerate() {
                feeds[part.family as usize].push((row, position));
            }
        }
        Self { list, feeds }
    }

    /// Whether any of them is made of this family.
    pub(crate) fn shows(&self, family: ExchangeFamily) -> bool {
        !self.feeds[family as usize].is_empty()
    }

    /// What these rows need of the label sets of each family.
    pub(crate) fn uses(&self) -> [Uses; ExchangeFamily::ALL.len()] {
        // Without any field, a key still says what it is the key of.
        let mut uses = [Uses::default(); ExchangeFamily::ALL.len()];
        for family in ExchangeFamily::ALL {
            uses[family as usize].add(family, Field::Constant(""));
        }
        for part in self.list.iter().flat_map(|row| &row.parts) {
            let of_family = &mut uses[part.family as usize];
            part.columns.iter().for_each(|column| of_family.add(part.family, column.field));
            if part.is_filtered {
                for field in [Field::HttpStatus, Field::ErrorType, Field::KafkaApi] {
                    of_family.add(part.family, field);
                }
            }
            if let Value::Answers(which) = part.value {
                of_family.add(part.family, Field::DnsAnswers(which));
            }
        }
        uses
    }
}

/// A number of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Its histogram.
    Histogram,
    /// How many exchanges it counts.
    Count,
    /// The messages of one side.
    Messages(Side),
    /// The bytes of these messages.
    MessageBytes(Side),
    /// Records, whichever way they went.
    Records,
    /// The bytes of these records.
    RecordBytes,
    /// Records of DNS answers.
    Answers(Answers),
}

impl Row {
    fn new(metric: &'static Metric) -> Self {
        Self { metric, parts: Vec::new(), is_exact: false }
    }

    /// Adds what a family gives, with a field for each label of the metric.
    fn with(self, family: ExchangeFamily, value: Value, fields: &[Field]) -> Self {
        let mut row = self.with_those(|_| true, family, value, fields);
        row.parts.iter_mut().next_back().into_iter().for_each(|part| part.is_filtered = false);
        row
    }

    /// Leaves out the columns that are not to be shown.
    fn show_chosen(&mut self, choices: &LabelChoices) {
        for part in &mut self.parts {
            let shown = |column: &&Column| choices.shows(self.metric, column.name);
            let columns: Vec<_> = part.columns.iter().filter(shown).cloned().collect();
            if columns.len() < part.columns.len() {
                part.columns = columns.into();
                self.is_exact = false;
            }
        }
    }

    /// The same, of some of the family's series alone.
    fn with_those(self, filter: Filter, family: ExchangeFamily, value: Value, fields: &[Field]) -> Self {
        let names = self.metric.labels.iter().filter(|name| **name != label::OTEL_METRIC_OVERFLOW);
        let columns = names.zip(fields).map(|(name, field)| Column { name, field: *field }).collect();
        self.with_columns(filter, family, value, columns)
    }

    /// The same, with these columns of the metric's labels.
    fn with_columns(mut self, filter: Filter, family: ExchangeFamily, value: Value, columns: Arc<[Column]>) -> Self {
        self.parts.push(Part { family, columns, value, filter, is_filtered: true });
        self
    }
}

/// The rows of these views and of what is always shown, in the order in which they are exported.
fn rows(views: &[View], hubble: &[HubbleMetric]) -> Vec<Row> {
    let mut rows = Vec::new();
    if views.contains(&View::OpenTelemetry) {
        rows.extend(opentelemetry::rows(!tells_both_sides(views)));
    }
    rows.extend(own::rows());
    if views.contains(&View::GoGrpcPrometheus) {
        rows.extend(go_grpc_prometheus::rows());
    }
    if views.contains(&View::Hubble) {
        rows.extend(hubble::rows(hubble));
    }
    if views.contains(&View::ServiceGraph) {
        rows.extend(service_graph::rows());
    }
    rows
}

/// Whether label sets of the client's side have to say that the server's side is reported, too.
pub(crate) fn tells_both_sides(views: &[View]) -> bool {
    views.contains(&View::ServiceGraph)
}

/// For each bucket of the store's histograms, the bucket of a metric that takes it: the metric's bounds are some of the
/// store's.
pub(crate) fn bucket_map(metric: &Metric) -> Vec<usize> {
    let Kind::Histogram(buckets) = metric.kind else { return Vec::new() };
    let within = crate::buckets::HTTP_NANOS.iter().map(|bound| buckets.nanos.partition_point(|wider| wider < bound));
    within.chain([buckets.nanos.len()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names;

    fn everything_of_hubble() -> Vec<HubbleMetric> {
        HubbleMetric::parse_all(["httpV2:labelsContext=source_workload", "flow", "tcp", "kafka", "dns"]).unwrap()
    }

    #[test]
    fn every_row_has_a_field_for_each_label() {
        for row in rows(&View::ALL, &everything_of_hubble()) {
            let name = row.metric.name;
            let mut expected = row.metric.labels.to_vec();
            assert_eq!(expected.pop(), Some(label::OTEL_METRIC_OVERFLOW), "{name}");
            assert!(!row.parts.is_empty());
            for part in &row.parts {
                let columns: Vec<_> = part.columns.iter().map(|column| column.name).collect();
                if name.starts_with("hubble_") {
                    // There the configuration chooses some of them.
                    assert!(columns.iter().all(|column| expected.contains(column)), "{name}: {columns:?}");
                } else {
                    assert_eq!(columns, expected, "{name}");
                }
                assert_eq!(matches!(row.metric.kind, Kind::Histogram(_)), part.value == Value::Histogram);
            }
        }
    }

    #[test]
    fn rows_stand_in_the_order_of_their_names() {
        let hubble = everything_of_hubble();
        let shown: Vec<_> = rows(&View::ALL, &hubble).iter().map(|row| row.metric.name).collect();
        let fed = |metric: &&&Metric| shown.contains(&metric.name);
        let named: Vec<_> = names::ALL.iter().chain(&names::CHOSEN).filter(fed).map(|metric| metric.name).collect();
        assert_eq!(shown, named);
        assert_eq!(rows(&[], &hubble).len(), shown.len() - 8 - names::CHOSEN.len());
    }

    #[test]
    fn what_nobody_shows_is_not_kept() {
        let everything = Rows::new(&View::ALL, &HubbleMetric::usual(), &LabelChoices::default()).uses();
        let http = everything[ExchangeFamily::HttpServer as usize];
        assert!(http.port && http.source && http.destination);
        let graph = Rows::new(&[View::ServiceGraph], &[], &LabelChoices::default()).uses();
        let http = graph[ExchangeFamily::HttpServer as usize];
        assert!(!http.port && http.source && http.destination);
        let first_byte = graph[ExchangeFamily::FirstByte as usize];
        assert!(first_byte.port && !first_byte.source && first_byte.destination);
        assert_eq!(http.key & 0xff, 0, "no method");
        let mut choices = LabelChoices::default();
        choices.exclude("http_server_request_duration_seconds", &["server_port", "http_route"]).unwrap();
        let rows = Rows::new(&[View::OpenTelemetry], &[], &choices);
        assert!(!rows.list[0].is_exact && rows.list[1].is_exact);
        assert!(!rows.uses()[0].port && rows.uses()[1].port);
        assert!(!rows.shows(ExchangeFamily::Connection) && rows.shows(ExchangeFamily::FirstByte));
    }

    #[test]
    fn coarser_buckets_take_whole_finer_ones() {
        assert_eq!(bucket_map(&names::GRPC_SERVER_HANDLING), [0, 1, 2, 3, 4, 4, 5, 6, 7, 7, 8, 9, 10, 10, 11]);
        let same: Vec<_> = (0..=14).collect();
        assert_eq!(bucket_map(&names::RPC_SERVER_CALL_DURATION), same);
    }

    #[test]
    fn a_view_is_found_under_its_name() {
        assert!(View::ALL.into_iter().all(|view| View::from_name(view.name()) == Some(view)));
        assert_eq!(View::from_name("prometheus"), None);
    }
}
