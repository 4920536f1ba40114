//! What the metrics show, and how much of it is kept.

use std::collections::BTreeMap;
use std::time::Duration;

use flowfold_fold::{
    DEFAULT_MAX_RPC_METHODS, DestinationNameLimits, DnsLimits, HubbleMetric, KafkaLimits, LabelChoices,
    MAX_MAX_DESTINATION_ADDRESSES, MAX_MAX_DESTINATION_NAMES, MAX_MAX_DNS_NAMES, MAX_MAX_KAFKA_CLIENT_IDS,
    MAX_MAX_KAFKA_GROUPS, MAX_MAX_KAFKA_PARTITIONS, MAX_MAX_KAFKA_TOPICS, MAX_MAX_RPC_METHODS, Methods, RpcMethods,
    View,
};

use super::{is_token, line_of, number, value};
use crate::config::problem::Collector;
use crate::config::raw::{RawLabels, Text};
use crate::config::{Direction, L7, Rule, defaults};

/// The HTTP methods that are shown by name.
pub(super) fn known_methods(problems: &mut Collector, raw: Option<&[Text]>) -> Methods {
    let Some(raw) = raw else { return Methods::default() };
    let mut names = Vec::with_capacity(raw.len());
    for (index, text) in raw.iter().enumerate() {
        let at = format!("known_methods[{index}]");
        let read = |text: &str| is_token(text).then(|| text.to_owned());
        names.extend(value(problems, &at, Some(text), "is not a method", "write a method's name, as in GET", read));
    }
    Methods::only(&names).unwrap_or_else(|error| {
        problems.report(None, "known_methods", error.to_string(), "keep those that matter most");
        Methods::default()
    })
}

/// The gRPC methods that are shown by name: a list, or how many are learned.
pub(super) fn rpc_methods(problems: &mut Collector, list: Option<&[Text]>, max: Option<&Text>) -> RpcMethods {
    let learned = number(problems, "max_rpc_methods", max, MAX_MAX_RPC_METHODS);
    let Some(list) = list else {
        return RpcMethods::learned(learned.map_or(DEFAULT_MAX_RPC_METHODS, usize::from));
    };
    if let Some(max) = max {
        let what = "has no meaning beside known_rpc_methods, which names the methods";
        problems.report(Some(line_of(max)), "max_rpc_methods", what, "keep one of the two");
    }
    let mut names = Vec::with_capacity(list.len());
    for (index, text) in list.iter().enumerate() {
        let at = format!("known_rpc_methods[{index}]");
        let read = |text: &str| RpcMethods::only([text]).is_ok().then(|| text.to_owned());
        let fix = "write package.Service/Method, as in shop.Cart/Add";
        names.extend(value(problems, &at, Some(text), "is not a gRPC method", fix, read));
    }
    RpcMethods::only(&names).unwrap_or_else(|error| {
        problems.report(None, "known_rpc_methods", error.to_string(), "keep those that matter most");
        RpcMethods::default()
    })
}

/// The naming schemes under which exchanges are shown.
pub(super) fn views(problems: &mut Collector, raw: Option<&[Text]>) -> Vec<View> {
    let Some(raw) = raw else { return vec![View::OpenTelemetry] };
    let known = View::ALL.map(View::name).join(", ");
    let mut views = Vec::with_capacity(raw.len());
    for (index, text) in raw.iter().enumerate() {
        let at = format!("metrics.views[{index}]");
        let fix = format!("write one of {known}");
        let view = value(problems, &at, Some(text), "is not a view", &fix, View::from_name);
        views.extend(view.filter(|view| !views.contains(view)));
    }
    views
}

/// What the view of Hubble shows, in the words of Hubble's own configuration.
pub(super) fn hubble(problems: &mut Collector, raw: Option<&[Text]>) -> Vec<HubbleMetric> {
    let Some(raw) = raw else { return HubbleMetric::usual() };
    let mut texts = Vec::with_capacity(raw.len());
    for (index, text) in raw.iter().enumerate() {
        match HubbleMetric::parse(text.value.trim()) {
            Ok(_) => texts.push(text.value.trim()),
            Err(error) => {
                let fix = "write a metric as Hubble's configuration does, as in \
                           httpV2:labelsContext=source_workload,destination_workload";
                problems.report(Some(line_of(text)), format!("metrics.hubble[{index}]"), error.to_string(), fix);
            }
        }
    }
    HubbleMetric::parse_all(texts).unwrap_or_else(|error| {
        let line = raw.first().map(line_of);
        problems.report(line, "metrics.hubble", error.to_string(), "keep one of the two");
        HubbleMetric::usual()
    })
}

/// Which labels the metrics show.
pub(super) fn labels(problems: &mut Collector, raw: Option<&BTreeMap<String, RawLabels>>) -> LabelChoices {
    let mut choices = LabelChoices::default();
    for (metric, of_metric) in raw.into_iter().flatten() {
        for (key, list) in [("include", &of_metric.include), ("exclude", &of_metric.exclude)] {
            let Some(list) = list else { continue };
            let names: Vec<_> = list.iter().map(|text| text.value.trim()).collect();
            let chosen = match key {
                "include" => choices.include(metric, &names),
                _ => choices.exclude(metric, &names),
            };
            if let Err(error) = chosen {
                let path = format!("metrics.labels.{metric}.{key}");
                problems.report(list.first().map(line_of), path, error.to_string(), "write one of those");
            }
        }
    }
    choices
}

/// How many patterns of paths are learned for each service.
pub(super) fn max_url_templates(problems: &mut Collector, raw: Option<&Text>) -> Option<usize> {
    none_to(problems, "max_url_templates", raw, "learn none", defaults::MAX_MAX_URL_TEMPLATES)
}

/// How much of Kafka is told by its name.
pub(super) fn kafka(problems: &mut Collector, raw: [Option<&Text>; 4]) -> KafkaLimits {
    let [topics, groups, client_ids, partitions] = raw;
    let usual = KafkaLimits::default();
    let mut read = |key: &str, raw: Option<&Text>, zero: &str, limit: usize, usual: usize| {
        none_to(problems, key, raw, zero, limit).unwrap_or(usual)
    };
    KafkaLimits {
        max_topics: read("max_kafka_topics", topics, "name none", MAX_MAX_KAFKA_TOPICS, usual.max_topics),
        max_groups: read("max_kafka_groups", groups, "name none", MAX_MAX_KAFKA_GROUPS, usual.max_groups),
        max_client_ids: read(
            "max_kafka_client_ids",
            client_ids,
            "no such label",
            MAX_MAX_KAFKA_CLIENT_IDS,
            usual.max_client_ids,
        ),
        max_partitions: read(
            "max_kafka_partitions",
            partitions,
            "tell no lag",
            MAX_MAX_KAFKA_PARTITIONS,
            usual.max_partitions,
        ),
    }
}

/// How much of the names that are looked up is told.
pub(super) fn dns(problems: &mut Collector, labels: Option<&Text>, names: Option<&Text>) -> DnsLimits {
    let usual = DnsLimits::default();
    let labels = none_to(problems, "dns_question_labels", labels, "tell none", MAX_NAME_LABELS);
    let names = none_to(problems, "max_dns_names", names, "name none", MAX_MAX_DNS_NAMES);
    DnsLimits { question_labels: labels.unwrap_or(usual.question_labels), max_names: names.unwrap_or(usual.max_names) }
}

/// How much is learned of the names of servers.
pub(super) fn destination_names(
    problems: &mut Collector,
    raw: [Option<&Text>; 3],
    rules: &[Rule],
) -> DestinationNameLimits {
    let [names, addresses, grace] = raw;
    let usual = DestinationNameLimits::default();
    let max_names = none_to(problems, "max_destination_names", names, "learn none", MAX_MAX_DESTINATION_NAMES);
    if let Some(max_names) = names
        && max_names.value.trim() != "0"
        && !rules.is_empty()
        && !rules.iter().copied().any(tells_names)
    {
        let what = "has no effect, as no rule steers the DNS lookups of local clients";
        let fix = "add <Egress/53/UDP/DNS> to visibility, or write 0";
        problems.report(Some(line_of(max_names)), "max_destination_names", what, fix);
    }
    let max_addresses = number(problems, "max_destination_addresses", addresses, MAX_MAX_DESTINATION_ADDRESSES);
    let limit = defaults::MAX_DESTINATION_NAME_GRACE;
    let read = |text: &str| humantime::parse_duration(text).ok().filter(|time| *time <= limit);
    let fix = "write a number and a unit, as in 5m, 30s or 0s, up to 24h";
    let grace = value(problems, "destination_name_grace", grace, "is not a time that can be used here", fix, read);
    DestinationNameLimits {
        max_names: max_names.unwrap_or(usual.max_names),
        max_addresses: max_addresses.map_or(usual.max_addresses, usize::from),
        grace: grace.unwrap_or(usual.grace),
    }
}

/// Whether names can be learned by this rule.
fn tells_names(rule: Rule) -> bool {
    rule.direction == Direction::Egress && matches!(rule.l7, L7::Dns | L7::Auto)
}

/// The most labels that a name can have (RFC 1035 section 2.3.4).
const MAX_NAME_LABELS: usize = 127;

/// A number of things that there may be at most, where none is a choice, too.
fn none_to(problems: &mut Collector, key: &str, raw: Option<&Text>, zero: &str, limit: usize) -> Option<usize> {
    let read = |text: &str| text.parse().ok().filter(|number| *number <= limit);
    let fix = format!("write a whole number from 0 ({zero}) to {limit}");
    value(problems, key, raw, "is not a number that can be used here", &fix, read)
}

/// The ceiling of memory.
pub(super) fn max_bytes(problems: &mut Collector, raw: Option<&Text>) -> Option<usize> {
    let fix = "write a size of at least 1MiB, as in 128MiB or 1GiB";
    let read = |text: &str| read_bytes(text).filter(|bytes| *bytes >= defaults::MIN_MAX_BYTES);
    value(problems, "max_bytes", raw, "is not a size that can be used here", fix, read)
}

/// A number of bytes, alone or with a unit.
fn read_bytes(text: &str) -> Option<usize> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("", 0)];
    let (digits, power) = units.into_iter().find_map(|(unit, power)| Some((text.strip_suffix(unit)?, power)))?;
    digits.trim_end().parse::<usize>().ok()?.checked_mul(1 << power)
}

/// How long a series is kept without an exchange; 0 stands for ever.
#[expect(clippy::option_option, reason = "nothing said and for ever are two things")]
pub(super) fn series_ttl(problems: &mut Collector, raw: Option<&Text>) -> Option<Option<Duration>> {
    let read = |text: &str| match text {
        "0" => Some(None),
        _ => humantime::parse_duration(text).ok().filter(|time| *time >= defaults::MIN_SERIES_TTL).map(Some),
    };
    let fix = "write a number and a unit of at least 1m, as in 15m or 2h, or 0 to keep series for ever";
    value(problems, "series_ttl", raw, "is not a time that can be used here", fix, read)
}
