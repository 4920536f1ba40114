//! The metrics of Hubble that a configuration asks for, in the words of its own `hubble.metrics.enabled`.

use crate::labels::{Context, Contexts};

/// A metric of Hubble with its options, as Hubble's configuration writes it:
/// `httpV2:sourceContext=workload|ip;labelsContext=source_namespace,traffic_direction`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubbleMetric {
    pub(crate) kind: HubbleKind,
    pub(crate) contexts: HubbleContexts,
    pub(crate) dns: HubbleDns,
}

/// The options that DNS alone has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HubbleDns {
    /// The name that is looked up is a label.
    pub(crate) query: bool,
    /// Lookups of IPv6 addresses are left out.
    pub(crate) ignore_aaaa: bool,
}

/// Which metric it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HubbleKind {
    /// Requests and answers apart, with the source of an answer being the server.
    Http,
    /// Exchanges when they are answered, with the source being the client.
    HttpV2,
    /// Requests and answers as flows.
    Flow,
    /// The flags of TCP segments, as far as the way a connection went tells them.
    Tcp,
    /// Requests to Kafka.
    Kafka,
    /// DNS questions and answers.
    Dns,
}

/// What is told of the two sides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HubbleContexts {
    /// What `source` says: the first that is known. Without any, there is no such label.
    pub(crate) source: Contexts,
    /// What `destination` says.
    pub(crate) destination: Contexts,
    /// Further labels, in the order in which Hubble writes them.
    pub(crate) labels: Vec<&'static str>,
}

/// The values of `labelsContext`, in the order in which Hubble writes them. Some need Kubernetes: they are always empty here.
const LABELS: [&str; 13] = [
    "source_ip",
    "source_pod",
    "source_namespace",
    "source_workload",
    "source_workload_kind",
    "source_app",
    "destination_ip",
    "destination_pod",
    "destination_namespace",
    "destination_workload",
    "destination_workload_kind",
    "destination_app",
    "traffic_direction",
];

/// The words for a context, and what is known of it here. Where that is nothing, Hubble takes the next.
const CONTEXTS: [(&str, Option<Context>); 11] = [
    ("identity", None),
    ("namespace", Some(Context::Namespace)),
    ("pod", None),
    ("pod-name", None),
    ("pod-short", None),
    ("dns", Some(Context::Dns)),
    ("ip", Some(Context::Ip)),
    ("reserved-identity", None),
    ("workload", Some(Context::NamespaceAndWorkload)),
    ("workload-name", Some(Context::Workload)),
    ("app", None),
];

impl HubbleMetric {
    /// The names of the metrics that can be asked for.
    pub const NAMES: [&'static str; 6] = ["http", "httpV2", "flow", "tcp", "kafka", "dns"];

    /// What is shown where the configuration names no metrics: `httpV2`, `flow`, `kafka` and `dns`, by workload.
    pub fn usual() -> Vec<Self> {
        let labels = vec![
            "source_namespace",
            "source_workload",
            "destination_namespace",
            "destination_workload",
            "traffic_direction",
        ];
        let contexts = HubbleContexts { labels, ..HubbleContexts::default() };
        [HubbleKind::HttpV2, HubbleKind::Flow, HubbleKind::Kafka, HubbleKind::Dns]
            .map(|kind| Self { kind, contexts: contexts.clone(), dns: HubbleDns::default() })
            .into()
    }

    /// Reads a metric with its options.
    pub fn parse(text: &str) -> Result<Self, HubbleError> {
        let (name, options) = text.split_once(':').unwrap_or((text, ""));
        let kind = match name {
            "http" => HubbleKind::Http,
            "httpV2" => HubbleKind::HttpV2,
            "flow" => HubbleKind::Flow,
            "tcp" => HubbleKind::Tcp,
            "kafka" => HubbleKind::Kafka,
            "dns" => HubbleKind::Dns,
            _ => return Err(HubbleError::Metric { name: name.to_owned() }),
        };
        let mut contexts = HubbleContexts::default();
        let mut dns = HubbleDns::default();
        for option in options.split(';').filter(|option| !option.is_empty()) {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            match key.to_ascii_lowercase().as_str() {
                "sourcecontext" => contexts.source = read_contexts(value)?,
                "destinationcontext" => contexts.destination = read_contexts(value)?,
                "labelscontext" => contexts.labels = read_labels(value)?,
                // Exemplars are there in every format that has them.
                "exemplars" => {}
                "query" if kind == HubbleKind::Dns => dns.query = true,
                "ignoreaaaa" if kind == HubbleKind::Dns => dns.ignore_aaaa = true,
                _ => return Err(HubbleError::Option { name: name.to_owned(), option: key.to_owned() }),
            }
        }
        Ok(Self { kind, contexts, dns })
    }

    /// Reads a list of metrics, each of which may stand there once, and only one of the two for HTTP.
    pub fn parse_all<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Vec<Self>, HubbleError> {
        let metrics = texts.into_iter().map(|text| Self::parse(text.as_ref())).collect::<Result<Vec<_>, _>>()?;
        let families = |metric: &Self| if metric.kind == HubbleKind::HttpV2 { HubbleKind::Http } else { metric.kind };
        let is_twice =
            |(at, metric): (usize, &Self)| metrics.iter().take(at).any(|it| families(it) == families(metric));
        if metrics.iter().enumerate().any(is_twice) {
            return Err(HubbleError::Twice);
        }
        Ok(metrics)
    }
}

fn read_contexts(value: &str) -> Result<Contexts, HubbleError> {
    let known = |word: &str| CONTEXTS.iter().find(|(name, _)| *name == word).map(|(_, context)| *context);
    let read = |word: &str| known(word).ok_or_else(|| HubbleError::Context { word: word.to_owned() });
    let contexts = value.split('|').map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(contexts.into_iter().flatten().collect())
}

fn read_labels(value: &str) -> Result<Vec<&'static str>, HubbleError> {
    let asked: Vec<&str> = value.split(',').collect();
    if let Some(wrong) = asked.iter().find(|label| !LABELS.contains(label)) {
        return Err(HubbleError::Label { label: (*wrong).to_owned() });
    }
    Ok(LABELS.into_iter().filter(|label| asked.contains(label)).collect())
}

/// Why a metric of Hubble was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HubbleError {
    /// There is no such metric, or it has nothing to be made of here.
    #[error("{name:?} is no metric of Hubble that can be shown; known are {}", HubbleMetric::NAMES.join(", "))]
    Metric {
        /// Its name.
        name: String,
    },
    /// The metric has no such option.
    #[error(
        "{name} has no option {option:?}; known are sourceContext, destinationContext, labelsContext and exemplars, and \
         of dns query and ignoreAAAA"
    )]
    Option {
        /// The metric.
        name: String,
        /// The option.
        option: String,
    },
    /// There is no such context.
    #[error("{word:?} is no context; known are {}", CONTEXTS.map(|(name, _)| name).join(", "))]
    Context {
        /// The word.
        word: String,
    },
    /// There is no such context label.
    #[error("{label:?} is no label of labelsContext; known are {}", LABELS.join(", "))]
    Label {
        /// The label.
        label: String,
    },
    /// Two that give the same families.
    #[error("a metric stands there twice; http and httpV2 are two forms of one")]
    Twice,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_read_as_hubble_writes_it() {
        let metric = HubbleMetric::parse(
            "httpV2:exemplars=true;sourceContext=pod|workload|ip;labelsContext=traffic_direction,source_namespace",
        )
        .unwrap();
        assert_eq!(metric.kind, HubbleKind::HttpV2);
        assert_eq!(metric.contexts.source, [Context::NamespaceAndWorkload, Context::Ip].into_iter().collect());
        assert!(metric.contexts.destination.is_empty());
        assert_eq!(metric.contexts.labels, ["source_namespace", "traffic_direction"]);
        assert_eq!(HubbleMetric::parse("flow").unwrap().contexts, HubbleContexts::default());
        let dns = HubbleMetric::parse("dns:query;ignoreAAAA;sourceContext=workload|ip").unwrap();
        assert_eq!((dns.kind, dns.dns), (HubbleKind::Dns, HubbleDns { query: true, ignore_aaaa: true }));
        assert_eq!(HubbleMetric::parse("http:LABELSCONTEXT=source_ip").unwrap().contexts.labels, ["source_ip"]);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_what_can() {
        let told = |text: &str| HubbleMetric::parse(text).unwrap_err().to_string();
        assert_eq!(
            told("drop"),
            "\"drop\" is no metric of Hubble that can be shown; known are http, httpV2, flow, tcp, kafka, dns"
        );
        assert!(told("http:query").starts_with("http has no option \"query\"; known are sourceContext"));
        assert!(told("http:sourceContext=host").starts_with("\"host\" is no context; known are identity, namespace"));
        assert!(told("flow:labelsContext=verdict").starts_with("\"verdict\" is no label of labelsContext"));
        assert_eq!(HubbleMetric::parse_all(["http", "flow", "httpV2"]), Err(HubbleError::Twice));
        assert_eq!(HubbleMetric::parse_all(["tcp", "flow", "tcp:sourceContext=ip"]), Err(HubbleError::Twice));
        assert_eq!(HubbleMetric::parse_all(["httpV2", "flow", "tcp"]).unwrap().len(), 3);
        assert_eq!(HubbleMetric::parse_all(["kafka", "kafka"]), Err(HubbleError::Twice));
        assert_eq!(HubbleMetric::parse_all(["httpV2", "flow", "kafka"]).unwrap().len(), 3);
    }
}
