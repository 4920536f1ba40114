//! How far consumers are behind what brokers have.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::positions::{Positions, Whose};
use super::{KafkaNames, NO_NAME};
use crate::labels::Labels;
use crate::names::label;
use crate::snapshot::Scalar;

/// The gauges that are made of positions.
#[derive(Debug)]
pub(crate) struct Lags {
    /// Of groups, by what they have committed.
    pub(crate) of_groups: Vec<Scalar>,
    /// Of workloads, by what they have been given.
    pub(crate) of_fetchers: Vec<Scalar>,
}

impl Positions {
    /// The lags at this moment, summed over the partitions of a topic. What has no high watermark yet has none.
    pub(crate) fn lags(&self, names: &KafkaNames) -> Lags {
        self.settle();
        let all = self.all();
        let partition = |position: &super::positions::Position| (position.topic, position.partition);
        let watermarks: HashMap<_, _> = all
            .iter()
            .filter(|position| position.whose == Whose::Brokers)
            .map(|position| ((partition(position), position.cluster()), position.offset()))
            .collect();
        let mut lags = BTreeMap::new();
        for position in &all {
            let cluster = position.cluster();
            let Some(watermark) = watermarks.get(&(partition(position), cluster)) else { continue };
            let group = match position.whose {
                Whose::Brokers => continue,
                Whose::Group(group) => group,
                Whose::Fetcher => NO_NAME,
            };
            let client = position.client.as_ref().map(|client| (&*client.name, &*client.namespace));
            // The two come over different connections: an offset may be newer than the watermark.
            let lag = u64::try_from(watermark.saturating_sub(position.offset())).unwrap_or(0);
            let id = position.cluster.id();
            let (sum, _) = lags.entry((position.topic, cluster, group, client)).or_insert((0_u64, id));
            // A broker can say any offsets.
            *sum = sum.saturating_add(lag);
        }
        let mut sorted = Lags { of_groups: Vec::new(), of_fetchers: Vec::new() };
        for ((topic, (brokers, _), group, client), (lag, id)) in lags {
            let (name, namespace) = client.unwrap_or_default();
            let labels = [
                (label::GROUP, names.groups.label(group, str::to_owned)),
                (label::TOPIC, names.topics.label(topic, str::to_owned)),
                (label::SOURCE_WORKLOAD, name.to_owned()),
                (label::SOURCE_NAMESPACE, namespace.to_owned()),
                (label::DESTINATION_NAMESPACE, brokers.to_owned()),
                (label::KAFKA_CLUSTER_ID, id.to_owned()),
            ];
            let labels = Labels::new(labels);
            let list = if client.is_some() { &mut sorted.of_fetchers } else { &mut sorted.of_groups };
            list.push(Scalar::new(labels, lag));
        }
        sorted
    }
}
