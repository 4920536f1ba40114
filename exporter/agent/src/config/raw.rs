//! The shape of the configuration file: which keys exist and how they nest. Values are kept as the text that stands in
//! the file, with its line, so that every wrong value can be reported at once by [`super::build`].

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_saphyr::Spanned;

/// One value as it is written, and where.
pub(super) type Text = Spanned<String>;

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    pub(super) visibility: Option<Vec<Spanned<RawRule>>>,
    pub(super) cgroup: Option<Text>,
    pub(super) netns: Option<Text>,
    pub(super) metrics: Option<RawMetrics>,
    pub(super) workers: Option<Text>,
    pub(super) max_connections: Option<Text>,
    pub(super) drain_timeout: Option<Text>,
    pub(super) workloads: Option<Vec<Spanned<RawWorkload>>>,
    pub(super) routes: Option<Vec<Spanned<RawRoute>>>,
    pub(super) identity: Option<RawIdentity>,
    pub(super) known_methods: Option<Vec<Text>>,
    pub(super) known_rpc_methods: Option<Vec<Text>>,
    pub(super) max_rpc_methods: Option<Text>,
    pub(super) max_series: Option<Text>,
    pub(super) max_bytes: Option<Text>,
    pub(super) series_ttl: Option<Text>,
    pub(super) max_url_templates: Option<Text>,
    pub(super) max_kafka_topics: Option<Text>,
    pub(super) max_kafka_groups: Option<Text>,
    pub(super) max_kafka_client_ids: Option<Text>,
    pub(super) max_kafka_partitions: Option<Text>,
    pub(super) dns_question_labels: Option<Text>,
    pub(super) max_dns_names: Option<Text>,
    pub(super) max_destination_names: Option<Text>,
    pub(super) max_destination_addresses: Option<Text>,
    pub(super) destination_name_grace: Option<Text>,
    pub(super) log: Option<RawLog>,
    pub(super) otlp: Option<RawOtlp>,
    pub(super) spans: Option<RawSpans>,
    pub(super) resource: Option<Resource>,
}

/// The attributes of a resource.
pub(super) type Resource = BTreeMap<String, Text>;

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMetrics {
    pub(super) listen: Option<Text>,
    pub(super) views: Option<Vec<Text>>,
    pub(super) created_lines: Option<Text>,
    pub(super) hubble: Option<Vec<Text>>,
    pub(super) labels: Option<BTreeMap<String, RawLabels>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLabels {
    pub(super) include: Option<Vec<Text>>,
    pub(super) exclude: Option<Vec<Text>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOtlp {
    pub(super) endpoint: Option<Text>,
    pub(super) protocol: Option<Text>,
    pub(super) headers: Option<BTreeMap<String, Text>>,
    pub(super) compression: Option<Text>,
    pub(super) timeout: Option<Text>,
    pub(super) insecure: Option<Text>,
    pub(super) certificate: Option<Text>,
    pub(super) client_certificate: Option<Text>,
    pub(super) client_key: Option<Text>,
    pub(super) metrics: Option<Text>,
    pub(super) interval: Option<Text>,
    pub(super) temporality: Option<Text>,
    pub(super) histograms: Option<Text>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSpans {
    pub(super) ratio: Option<Text>,
    pub(super) errors: Option<Text>,
    pub(super) slower_than: Option<Text>,
    pub(super) max_queued: Option<Text>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIdentity {
    pub(super) show_ips: Option<Text>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    pub(super) format: Option<Text>,
    pub(super) filter: Option<Text>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWorkload {
    pub(super) name: Option<Text>,
    pub(super) namespace: Option<Text>,
    pub(super) labels: Option<BTreeMap<String, Text>>,
    pub(super) routes: Option<Vec<Spanned<RawRoute>>>,
    #[serde(rename = "match")]
    pub(super) criteria: Option<RawCriteria>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCriteria {
    pub(super) ip: Option<Vec<Text>>,
    pub(super) port: Option<Vec<Text>>,
    pub(super) cgroup: Option<Vec<Text>>,
}

/// A rule, in either of its spellings.
#[derive(Debug)]
pub(super) enum RawRule {
    /// `<Ingress/9080/TCP/HTTP>`
    Compact(String),
    /// `{direction: ingress, port: 9080, l7: HTTP}`
    Map(Box<RawRuleMap>),
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRuleMap {
    pub(super) direction: Option<Text>,
    pub(super) port: Option<Text>,
    pub(super) l4: Option<Text>,
    pub(super) l7: Option<Text>,
}

/// A route, in either of its spellings.
#[derive(Debug)]
pub(super) enum RawRoute {
    /// `/products/{id}`
    Template(String),
    /// `{method: GET, template: "/products/{id}"}`
    Map(Box<RawRouteMap>),
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRouteMap {
    pub(super) method: Option<Text>,
    pub(super) template: Option<Text>,
}

impl<'de> Deserialize<'de> for RawRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrMap {
            expecting: "a rule such as <Ingress/9080/TCP/HTTP> or {direction: ingress, port: 9080}",
            text: Self::Compact,
            map: |map| Self::Map(Box::new(map)),
        })
    }
}

impl<'de> Deserialize<'de> for RawRoute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrMap {
            expecting: "a route such as /products/{id} or {method: GET, template: \"/products/{id}\"}",
            text: Self::Template,
            map: |map| Self::Map(Box::new(map)),
        })
    }
}

/// Reads a value that may be written as one text or as a map, keeping the map's own errors and their paths (which serde's
/// untagged enums lose).
struct TextOrMap<Raw, T> {
    expecting: &'static str,
    text: fn(String) -> T,
    map: fn(Raw) -> T,
}

impl<'de, Raw: Deserialize<'de>, T> Visitor<'de> for TextOrMap<Raw, T> {
    type Value = T;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.expecting)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        Ok((self.text)(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        Raw::deserialize(MapAccessDeserializer::new(map)).map(self.map)
    }
}
