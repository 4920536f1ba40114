//! The series that there can be: those of the code, Prometheus' own, and those that rules record.

use std::collections::{BTreeMap, BTreeSet};

use flowfold_fold::names::{self, Kind, Metric};

/// What is put on every series: by the scrape, and where the Prometheus of several clusters are asked as one (Thanos,
/// Mimir), by the one that scraped.
const OF_SCRAPES: [&str; 3] = ["cluster", "instance", "job"];

/// What Prometheus tells of scrapes: whether the agent could be reached, and what that took.
const ABOUT_SCRAPES: [&str; 4] = ["up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_series_added"];

/// What Prometheus tells of alerts, with the labels that their expressions have.
const ABOUT_ALERTS: [&str; 2] = ["ALERTS", "ALERTS_FOR_STATE"];

/// Label names, as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Labels {
    /// Any label may be there.
    Any,
    /// These may be there, and no others.
    These(BTreeSet<String>),
}

impl Labels {
    /// No label at all.
    pub const fn none() -> Self {
        Self::These(BTreeSet::new())
    }

    /// These.
    pub fn these<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        Self::These(names.into_iter().map(|name| name.as_ref().to_owned()).collect())
    }

    /// Whether there may be a label of this name.
    pub fn may_have(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(names) => names.contains(name),
        }
    }

    /// With these labels as well.
    #[must_use]
    pub fn with<S: AsRef<str>>(self, more: impl IntoIterator<Item = S>) -> Self {
        match self {
            Self::Any => Self::Any,
            Self::These(mut names) => {
                names.extend(more.into_iter().map(|name| name.as_ref().to_owned()));
                Self::These(names)
            }
        }
    }

    /// Without these labels.
    #[must_use]
    pub fn without<S: AsRef<str>>(self, less: impl IntoIterator<Item = S>) -> Self {
        match self {
            Self::Any => Self::Any,
            Self::These(mut names) => {
                for name in less {
                    names.remove(name.as_ref());
                }
                Self::These(names)
            }
        }
    }

    /// The labels of either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::These(names), Self::These(others)) => Self::These(names.into_iter().chain(others).collect()),
            _ => Self::Any,
        }
    }
}

/// A name that there are series of.
#[derive(Clone, Debug)]
struct Series {
    labels: Labels,
    /// Its numbers fall as well as they rise.
    is_gauge: bool,
    /// The families of the code that it is made of.
    families: BTreeSet<&'static str>,
}

/// Every name that there are series of, with their labels.
#[derive(Clone, Debug)]
pub struct Catalogue {
    series: BTreeMap<String, Series>,
}

impl Catalogue {
    /// The names that the code exports, as Prometheus' text formats have them, and those that Prometheus adds.
    pub fn of_the_code() -> Self {
        let mut series = BTreeMap::new();
        for metric in names::ALL.into_iter().chain(names::CHOSEN) {
            for (name, labels) in samples(metric) {
                let is_gauge = matches!(metric.kind, Kind::Gauge | Kind::Info);
                series.insert(name, Series { labels, is_gauge, families: BTreeSet::from([metric.name]) });
            }
        }
        let about_scrapes = ABOUT_SCRAPES.map(|name| (name, Labels::these(OF_SCRAPES)));
        for (name, labels) in about_scrapes.into_iter().chain(ABOUT_ALERTS.map(|name| (name, Labels::Any))) {
            series.insert(name.to_owned(), Series { labels, is_gauge: true, families: BTreeSet::new() });
        }
        Self { series }
    }

    /// Adds a name that a rule records of these families.
    pub fn record(&mut self, name: &str, labels: Labels, families: BTreeSet<&'static str>) {
        self.series.insert(name.to_owned(), Series { labels, is_gauge: false, families });
    }

    /// The labels of a name, or nothing where there is no such name.
    pub fn labels(&self, name: &str) -> Option<&Labels> {
        self.series.get(name).map(|series| &series.labels)
    }

    /// Whether it makes no sense to ask how fast the numbers of this name rise.
    pub fn is_gauge(&self, name: &str) -> bool {
        self.series.get(name).is_some_and(|series| series.is_gauge)
    }

    /// The families of the code that this name is made of, directly or by rules.
    pub fn families(&self, name: &str) -> BTreeSet<&'static str> {
        self.series.get(name).map(|series| series.families.clone()).unwrap_or_default()
    }

    /// Every name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.series.keys().map(String::as_str)
    }
}

/// The samples of a family in the text formats, with their labels.
fn samples(metric: &Metric) -> Vec<(String, Labels)> {
    // the attributes of the resource are the operator's
    let labels = match metric.kind {
        Kind::Info if metric.labels.is_empty() => Labels::Any,
        _ => Labels::these(metric.labels).with(OF_SCRAPES),
    };
    let suffixed = |suffix| format!("{}{suffix}", metric.name);
    match metric.kind {
        Kind::Histogram(_) => vec![
            (suffixed("_bucket"), labels.clone().with(["le"])),
            (suffixed("_count"), labels.clone()),
            (suffixed("_sum"), labels),
        ],
        _ => vec![(suffixed(""), labels)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_have_suffixes_and_nothing_else_has() {
        let catalogue = Catalogue::of_the_code();
        let bucket = catalogue.labels("http_server_request_duration_seconds_bucket").expect("a name of the code");
        assert!(bucket.may_have("le") && bucket.may_have("http_route") && bucket.may_have("job"));
        assert!(!catalogue.labels("http_server_request_duration_seconds_count").expect("the same").may_have("le"));
        assert_eq!(catalogue.labels("http_server_request_duration_seconds"), None);
        assert_eq!(catalogue.labels("kafka_requests_total_count"), None);
        assert!(catalogue.labels("kafka_requests_total").is_some_and(|labels| !labels.may_have("le")));
    }

    #[test]
    fn attributes_of_the_resource_may_have_any_name() {
        let catalogue = Catalogue::of_the_code();
        assert_eq!(catalogue.labels("target_info"), Some(&Labels::Any));
        assert!(catalogue.labels("flowfold_build_info").is_some_and(|labels| !labels.may_have("deployment")));
    }
}
