//! From a Kafka exchange to its series.

use std::time::Duration;

use flowfold_flow::{
    ConnectionInfo, Exchange, KafkaApi, KafkaCluster, KafkaError, KafkaExchange, KafkaPartition, KafkaRecords,
    KafkaSubject, KafkaTopic, KafkaTransaction, Outcome,
};

use super::index::Index;
use super::{Connection, Shard, trace_of};
use crate::kafka::{Held, KnownPositions, NO_NAME, Named, OTHER_NAME, Sought, Told, Whose, is_name, tells_its_topics};
use crate::labels::{ExchangeFamily, KafkaKey, Key};
use crate::series::Record;

impl Shard {
    pub(super) fn kafka(&self, connection: &mut Connection, exchange: &Exchange<'_>, kafka: &KafkaExchange<'_>) {
        // Without a first byte there was no response to it.
        let is_answered = exchange.outcome == Outcome::Answered && exchange.time_to_first_byte.is_some();
        let names = &self.vocabulary.kafka;
        let (group, client) = {
            let places = &mut self.index.borrow_mut().kafka_places;
            let is_success = is_answered && !kafka.error.is_error();
            // These are answered without an error whatever group they name.
            let is_of_any = matches!(
                kafka.api,
                KafkaApi::FIND_COORDINATOR
                    | KafkaApi::OFFSET_FETCH
                    | KafkaApi::DESCRIBE_GROUPS
                    | KafkaApi::ADD_OFFSETS_TO_TXN
                    | KafkaApi::CONSUMER_GROUP_DESCRIBE
                    | KafkaApi::SHARE_GROUP_DESCRIBE
                    | KafkaApi::SHARE_FETCH
                    | KafkaApi::STREAMS_GROUP_DESCRIBE
                    // the states of share groups, between brokers
                    | KafkaApi(83..=87)
            );
            let shows_its_group = is_success && !is_of_any;
            (places.group(names, kafka.group, shows_its_group), places.client(names, kafka.client_id, is_success))
        };
        let key = KafkaKey {
            api: kafka.api,
            error: is_answered.then_some(kafka.error),
            outcome: exchange.outcome,
            topic: NO_NAME,
            group,
            client,
        };
        self.partitions(connection, kafka, key);
        match kafka.subject.zip(kafka.cluster) {
            Some((KafkaSubject::DeletedGroups(deleted), cluster)) => self.groups_are_gone(connection, cluster, deleted),
            Some((KafkaSubject::Transaction(transaction), cluster)) if is_answered && !kafka.error.is_error() => {
                self.transaction(connection, (kafka.api, cluster), transaction);
            }
            _ => {}
        }
        // What else names a topic and no partition of it is answered without a word of it.
        let is_said = matches!(kafka.api, KafkaApi::METADATA | KafkaApi::CREATE_TOPICS) && !kafka.error.is_error();
        let topic = kafka.topic.map_or(NO_NAME, |topic| self.topic_place(connection, topic, &key, is_said));
        let key = KafkaKey { topic, ..key };
        let record = Record::of(exchange.duration).with_trace(trace_of(exchange));
        self.record_kafka(connection, ExchangeFamily::KafkaRequest, &key, &record);
        if let Some((waited, most)) = exchange.time_to_first_byte.zip(kafka.max_wait) {
            let beyond = Record::of(waited.saturating_sub(most));
            self.record_kafka(connection, ExchangeFamily::KafkaFetch, &key, &beyond);
        }
        if let Some(throttle) = kafka.throttle.filter(|throttle| *throttle > Duration::ZERO) {
            self.record_kafka(connection, ExchangeFamily::KafkaThrottle, &key, &Record::of(throttle));
        }
    }

    /// Adds to a series of one of Kafka's families.
    fn record_kafka(&self, connection: &mut Connection, family: ExchangeFamily, key: &KafkaKey, record: &Record<'_>) {
        let bits = self.vocabulary.uses[family as usize].key;
        let key = Key::kafka(family, key).masked(bits);
        let place = connection.held(key).unwrap_or_else(|| self.hold(connection, key, |_| family));
        connection.series[place].record(record, self.fold.registry().budget());
    }

    /// The place of a topic, which may become known where the error of the key is said of it.
    fn topic_place(&self, connection: &mut Connection, topic: KafkaTopic<'_>, key: &KafkaKey, is_said: bool) -> u16 {
        let said = key.error.filter(|_| is_said && tells_its_topics(key.api));
        let last = connection.last_name;
        let place = self.index.borrow_mut().kafka_places.topic(&self.vocabulary.kafka, topic, said, last);
        connection.last_name = place;
        place
    }

    /// Tells what each partition adds. Those of a topic with the same error, which stand together, add up at once.
    fn partitions(&self, connection: &mut Connection, kafka: &KafkaExchange<'_>, key: KafkaKey) {
        // Of what only the request named, a response with an error for the whole says nothing. One to a ShareFetch may be about
        // what was acknowledged with it; and it names topics by ids alone, which only a broker can tell.
        let mut errors = kafka.partitions.iter().map(|told| told.error).chain([kafka.more_error]);
        let is_of_whole = kafka.error.is_error() && kafka.api != KafkaApi::SHARE_FETCH;
        let is_refused = is_of_whole && !errors.any(KafkaError::is_error);
        for run in kafka.partitions.chunk_by(|one, next| told(one) == told(next)) {
            let Some((topic, error)) = run.first().map(told) else { continue };
            let key = KafkaKey { error: key.error.map(|_| error), ..key };
            let topic = self.topic_place(connection, topic, &key, !is_refused);
            let key = KafkaKey { topic, ..key };
            let mut records = KafkaRecords::default();
            for partition in run {
                records += partition.records;
            }
            if !kafka.is_replica {
                self.records(connection, &key, records);
            }
            if key.error == Some(KafkaError::NONE)
                && !is_refused
                && is_name(topic)
                && let Some(cluster) = kafka.cluster
            {
                self.positions(connection, (kafka, cluster), &key, run);
            }
        }
        if !kafka.is_replica {
            let error = if is_refused { kafka.error } else { kafka.more_error };
            let key = KafkaKey { topic: OTHER_NAME, error: key.error.map(|_| error), ..key };
            self.records(connection, &key, kafka.more);
        }
    }

    fn records(&self, connection: &mut Connection, key: &KafkaKey, records: KafkaRecords) {
        if let Some(transfer) = key.api.transfer().filter(|_| records != KafkaRecords::default()) {
            let record = Record::of(Duration::ZERO).with_records(transfer, records);
            self.record_kafka(connection, ExchangeFamily::KafkaRecords, key, &record);
        }
    }

    /// Ends what is told of groups that were deleted.
    fn groups_are_gone(&self, connection: &Connection, cluster: &KafkaCluster, deleted: &[&str]) {
        for name in deleted {
            let group = self.index.borrow_mut().kafka_places.group(&self.vocabulary.kafka, Some(name), false);
            if is_name(group) {
                self.fold.positions().end_group(group, &connection.info.destination, cluster);
            }
        }
    }

    /// Where a transaction begins or ends: writes down what a group has committed in the one that is over.
    fn transaction(
        &self,
        connection: &Connection,
        (api, cluster): (KafkaApi, &KafkaCluster),
        transaction: &KafkaTransaction<'_>,
    ) {
        if !matches!(api, KafkaApi::INIT_PRODUCER_ID | KafkaApi::END_TXN) {
            return;
        }
        let info = &*connection.info;
        let Index { kafka_positions: known, kafka_held: offsets, .. } = &mut *self.index.borrow_mut();
        self.fold.transactions().turn(&named(info, cluster, transaction), transaction.timeout, offsets);
        for held in offsets.drain().filter(|_| transaction.commits) {
            self.tell_held(known, (info, cluster), held);
        }
    }

    fn tell_held(&self, known: &mut KnownPositions, (info, cluster): (&ConnectionInfo, &KafkaCluster), held: Held) {
        let sought = Sought {
            whose: Whose::Group(held.group),
            topic: held.topic,
            partition: held.partition,
            broker: &info.destination,
            cluster,
            client: &info.source,
        };
        known.tell(self.fold.positions(), &sought, Told::At(held.offset));
    }

    /// Writes down how far brokers and consumers are in these partitions of a topic. A broker that copies them is no
    /// consumer.
    fn positions(
        &self,
        connection: &Connection,
        (kafka, cluster): (&KafkaExchange<'_>, &KafkaCluster),
        key: &KafkaKey,
        partitions: &[KafkaPartition<'_>],
    ) {
        let info = &*connection.info;
        let of_client = match key.api {
            KafkaApi::FETCH => (!kafka.is_replica).then_some(Whose::Fetcher),
            KafkaApi::OFFSET_COMMIT
            | KafkaApi::TXN_OFFSET_COMMIT
            | KafkaApi::OFFSET_FETCH
            | KafkaApi::OFFSET_DELETE => is_name(key.group).then_some(Whose::Group(key.group)),
            _ => None,
        };
        let known: &mut KnownPositions = &mut self.index.borrow_mut().kafka_positions;
        if let (KafkaApi::TXN_OFFSET_COMMIT, Some(KafkaSubject::Transaction(transaction)), Some(Whose::Group(group))) =
            (key.api, kafka.subject, of_client)
        {
            let held = partitions.iter().filter_map(|told| {
                let offset = told.offset.filter(|offset| *offset >= 0)?;
                Some(Held { group, topic: key.topic, partition: told.partition, offset })
            });
            let tell = |held| self.tell_held(known, (info, cluster), held);
            self.fold.transactions().hold(&named(info, cluster, transaction), held, tell);
            return;
        }
        let sought = |whose, partition: &KafkaPartition<'_>| Sought {
            whose,
            topic: key.topic,
            partition: partition.partition,
            broker: &info.destination,
            cluster,
            client: &info.source,
        };
        if let Some(whose) = of_client {
            let ended = partitions.iter().filter(|partition| partition.has_no_offset);
            self.fold.positions().end(ended.map(|partition| sought(whose, partition)));
        }
        for partition in partitions.iter().filter(|partition| !partition.has_no_offset) {
            let brokers = partition.high_watermark.map(Told::At).or(partition.log_end.map(Told::Beyond));
            let offsets = [(Some(Whose::Brokers), brokers), (of_client, partition.offset.map(Told::At))];
            for (whose, told) in offsets {
                // A negative one stands for none.
                let Some((whose, told)) = whose.zip(told.filter(|told| told.offset() >= 0)) else { continue };
                known.tell(self.fold.positions(), &sought(whose, partition), told);
            }
        }
    }
}

/// The transaction that a request names.
fn named<'a>(info: &'a ConnectionInfo, cluster: &'a KafkaCluster, transaction: &KafkaTransaction<'a>) -> Named<'a> {
    let KafkaTransaction { transactional_id, producer, .. } = *transaction;
    Named { namespace: &info.destination.namespace, cluster, transactional_id, producer }
}

/// Of which topic a partition is, and what the broker said of it.
fn told<'a>(partition: &KafkaPartition<'a>) -> (KafkaTopic<'a>, KafkaError) {
    (partition.topic, partition.error)
}
