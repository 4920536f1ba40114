//! What a label set is made of, and how it becomes names and values.

mod key;

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::SystemTime;

use flowfold_flow::Workload;

pub(crate) use key::{HttpKey, Vocabulary};

use crate::names::{self, Metric, label};

/// A histogram family that exchanges feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ExchangeFamily {
    /// Durations, reported for the server.
    Server,
    /// Durations, reported for the client.
    Client,
    /// Times to first byte, reported for either.
    FirstByte,
}

impl ExchangeFamily {
    pub(crate) const ALL: [Self; 3] = [Self::Server, Self::Client, Self::FirstByte];

    pub(crate) const fn metric(self) -> &'static Metric {
        match self {
            Self::Server => &names::HTTP_SERVER_REQUEST_DURATION,
            Self::Client => &names::HTTP_CLIENT_REQUEST_DURATION,
            Self::FirstByte => &names::HTTP_TIME_TO_FIRST_BYTE,
        }
    }
}

/// For which side an exchange is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reporter {
    Server,
    Client,
}

impl Reporter {
    const fn as_label(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// The labels of a series that exchanges feed. Two of them with equal parts have equal names and values, and the other
/// way round, so a series is found without writing its labels out.
#[derive(Clone, Debug)]
pub(crate) enum ExchangeLabels {
    /// Of a duration.
    Http { reporter: Reporter, key: HttpKey, port: u16, source: Arc<Workload>, destination: Arc<Workload> },
    /// Of a time to first byte.
    FirstByte { reporter: Reporter, port: u16, destination: Arc<Workload> },
    /// Of the series that takes what the ceiling turned away.
    Overflow(ExchangeFamily),
}

impl ExchangeLabels {
    pub(crate) const fn family(&self) -> ExchangeFamily {
        match self {
            Self::Http { reporter: Reporter::Server, .. } => ExchangeFamily::Server,
            Self::Http { reporter: Reporter::Client, .. } => ExchangeFamily::Client,
            Self::FirstByte { .. } => ExchangeFamily::FirstByte,
            Self::Overflow(family) => *family,
        }
    }
}

/// Only the name and the namespace of a workload are labels: the rest of it must not make a second series.
fn same_labels(one: &Workload, other: &Workload) -> bool {
    one.name == other.name && one.namespace == other.namespace
}

impl PartialEq for ExchangeLabels {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Http { reporter, key, port, source, destination },
                Self::Http { reporter: reporter2, key: key2, port: port2, source: source2, destination: destination2 },
            ) => {
                (reporter, key, port) == (reporter2, key2, port2)
                    && same_labels(source, source2)
                    && same_labels(destination, destination2)
            }
            (
                Self::FirstByte { reporter, port, destination },
                Self::FirstByte { reporter: reporter2, port: port2, destination: destination2 },
            ) => (reporter, port) == (reporter2, port2) && same_labels(destination, destination2),
            (Self::Overflow(family), Self::Overflow(family2)) => family == family2,
            _ => false,
        }
    }
}

impl Eq for ExchangeLabels {}

impl Hash for ExchangeLabels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Http { reporter, key, port, source, destination } => {
                (reporter, key, port).hash(state);
                (&source.name, &source.namespace, &destination.name, &destination.namespace).hash(state);
            }
            Self::FirstByte { reporter, port, destination } => {
                (reporter, port, &destination.name, &destination.namespace).hash(state);
            }
            Self::Overflow(family) => family.hash(state),
        }
    }
}

/// A label set that the whole store knows by a small number.
#[derive(Debug)]
pub(crate) struct Registered {
    /// Its number. Numbers are given from 0 on, so that a snapshot can sum shards by index.
    pub(crate) id: usize,
    /// The hash of its labels, kept so that a table that grows need not hash strings.
    pub(crate) hash: u64,
    pub(crate) labels: ExchangeLabels,
    /// When it was first seen: the start of its counts.
    pub(crate) since: SystemTime,
    pub(crate) vocabulary: Arc<Vocabulary>,
}

/// The labels of a series, to be visited as names and values.
#[derive(Clone, Debug)]
pub struct Labels(pub(crate) Inner);

#[derive(Clone, Debug)]
pub(crate) enum Inner {
    Fixed(Box<[(&'static str, Cow<'static, str>)]>),
    Exchange(Arc<Registered>),
}

impl Labels {
    /// No label.
    pub fn none() -> Self {
        Self(Inner::Fixed(Box::default()))
    }

    /// These names and values. Labels with an empty value are left out, which is the same to Prometheus.
    pub fn new<V: Into<Cow<'static, str>>>(pairs: impl IntoIterator<Item = (&'static str, V)>) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name, value.into()));
        Self(Inner::Fixed(pairs.filter(|(_, value)| !value.is_empty()).collect()))
    }

    /// Calls `visit` with each name and value, always in the same order. Values are as they are, not escaped, and
    /// never empty.
    pub fn visit(&self, mut visit: impl FnMut(&'static str, &str)) {
        match &self.0 {
            Inner::Fixed(pairs) => pairs.iter().for_each(|(name, value)| visit(name, value)),
            Inner::Exchange(registered) => {
                visit_exchange(&registered.labels, &registered.vocabulary, &mut |name, value| {
                    if !value.is_empty() {
                        visit(name, value);
                    }
                });
            }
        }
    }
}

fn visit_exchange(labels: &ExchangeLabels, vocabulary: &Vocabulary, visit: &mut impl FnMut(&'static str, &str)) {
    match labels {
        ExchangeLabels::Http { reporter, key, port, source, destination } => {
            key.visit(*reporter, vocabulary, visit);
            visit(label::SERVER_PORT, itoa::Buffer::new().format(*port));
            visit(label::SOURCE_WORKLOAD, &source.name);
            visit(label::SOURCE_NAMESPACE, &source.namespace);
            visit(label::DESTINATION_WORKLOAD, &destination.name);
            visit(label::DESTINATION_NAMESPACE, &destination.namespace);
        }
        ExchangeLabels::FirstByte { reporter, port, destination } => {
            visit(label::REPORTER, reporter.as_label());
            visit(label::SERVER_PORT, itoa::Buffer::new().format(*port));
            visit(label::DESTINATION_WORKLOAD, &destination.name);
            visit(label::DESTINATION_NAMESPACE, &destination.namespace);
        }
        ExchangeLabels::Overflow(_) => visit(label::OTEL_METRIC_OVERFLOW, "true"),
    }
}
