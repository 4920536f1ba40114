//! What Flowfold counts of Kafka is what its clients count themselves: requests, records, bytes, errors and lags.

mod clusters;
mod failover;
mod logins;
mod shares;
mod transactions;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use flowfold_e2e::agent::Agent;
use flowfold_e2e::peers::kafka::{self, Broker, Told, Version};
use flowfold_e2e::scrape::Scrape;
use flowfold_e2e::world::{Family, World};

use crate::{Test, with_kafka};

pub(crate) const TESTS: &[Test] = &[
    with_kafka("kafka_counts::of_all_clients_at_one_broker", || of_all_clients_at_one_broker(Version::Usual)),
    with_kafka("kafka_counts::of_all_clients_of_the_newest_version", || of_all_clients_at_one_broker(Version::Newest)),
    with_kafka("kafka_counts::of_a_share_group", shares::of_a_share_group),
    with_kafka("kafka_counts::of_two_brokers_of_which_one_dies", failover::of_two_brokers_of_which_one_dies),
    with_kafka("kafka_counts::of_clients_that_log_in", logins::of_clients_that_log_in),
    with_kafka("kafka_counts::of_two_clusters_in_one_namespace", clusters::of_two_clusters_in_one_namespace),
];

const PORT: u16 = 9092;
const REQUESTS: &str = "kafka_requests_total";
const RECORDS: &str = "kafka_records_total";
const BYTES: &str = "kafka_bytes_total";
const LAG: &str = "kafka_consumer_lag";

/// Of kcat: the codec and the acknowledgements that it asks for. The topic is called after the codec.
const KCAT: [(&str, &str, &str); 5] = [
    ("kcat-none", "none", "0"),
    ("kcat-gzip", "gzip", "1"),
    ("kcat-snappy", "snappy", "all"),
    ("kcat-lz4", "lz4", "1"),
    ("kcat-zstd", "zstd", "all"),
];
const KCAT_RECORDS: u64 = 200;
/// The topic of clients on the broker's own host, whose both sides are reported.
const NEAR: &str = "near";
const OLD: &str = "old";
const OLD_RECORDS: u64 = 40;

/// A broker takes seconds to start, so that one has to do for all.
fn of_all_clients_at_one_broker(version: Version) {
    let world = World::new();
    let config = format!(
        "visibility: ['<Ingress/{PORT}/TCP/KAFKA>', '<Egress/{PORT}/TCP/KAFKA>']\n\
         workloads: [{{name: broker, match: {{port: [{PORT}]}}}}]\n\
         max_kafka_client_ids: 100\n"
    );
    let agent = Agent::configured(&world, &config);
    let address = world.host_address(Family::V4, PORT);
    let broker = Broker::start(&world, version, address);

    let topics: Vec<&str> =
        KCAT.iter().map(|(topic, ..)| *topic).chain([NEAR, OLD]).chain(transactions::OLD_COPIES).collect();
    let mut told = kafka::java_clients(&world, &broker, &topics);
    let old = |python: PathBuf| world.remote(python);
    told.extend(kafka::old_client(old, address, (OLD, OLD_RECORDS), transactions::ORIGINALS));
    let lines =
        (0..KCAT_RECORDS).map(|number| format!("a line of kcat, number {number}")).collect::<Vec<_>>().join("\n")
            + "\n";
    let file = world.directory().join("lines");
    fs::write(&file, &lines).expect("a file of ours");
    for (topic, codec, acks) in KCAT {
        kafka::kcat_produce(world.remote("kcat"), address, topic, codec, acks, &file);
        assert_eq!(kafka::kcat_consume(world.remote("kcat"), address, topic), lines, "{topic}");
    }
    kafka::kcat_produce(world.steered("kcat"), address, NEAR, "none", "all", &file);
    assert_eq!(kafka::kcat_consume(world.steered("kcat"), address, NEAR), lines);

    let scrape = agent.scrape_until("all connections to be over", |scrape| {
        scrape.count("flowfold_open_connections", &[]) == 0 && scrape.count(REQUESTS, &[("topic", NEAR)]) > 0
    });
    for told in &told {
        agrees(&scrape, told);
    }
    for (topic, ..) in KCAT {
        carried(&scrape, topic, KCAT_RECORDS, KCAT_RECORDS);
        assert_eq!(bytes(&scrape, topic, "produce"), bytes(&scrape, topic, "fetch"), "{topic}");
    }
    errors_are_told(&scrape, &told);
    groups_are_followed(&scrape, &told);
    transactions::are_followed(&scrape, &told);
    lags_are_those_of_the_broker(&scrape, &broker.lags(&world));
    all_is_read(&scrape);
    both_sides_are_told(&scrape);
    // nobody of this group is left, and nobody else reads its topic
    kafka::kcat_produce(world.remote("kcat"), address, "gzip", "gzip", "all", &file);
    agent.scrape_until("the lag of a group that has stopped to grow", |scrape| {
        scrape.count(LAG, &[("group", "group-gzip"), ("topic", "gzip")]) == KCAT_RECORDS
    });
    broker.kill();
    agent.stop();
}

/// The agent's numbers are those of the client.
fn agrees(scrape: &Scrape, told: &Told) {
    let of_topic =
        |direction: &'static str| [("reporter", "server"), ("topic", told.topic.as_str()), ("direction", direction)];
    // a batch that the broker has put off counts each time that it is sent, and once here
    let retried = told.number("record-retry-total");
    let sent = told.number("record-send-total").saturating_sub(retried + told.number("record-error-total"));
    if told.number("record-send-total") > 0 {
        scrape.expect(RECORDS, &of_topic("produce"), sent);
    }
    if told.number("byte-total") > 0 && told.number("record-error-total") == 0 && retried == 0 {
        scrape.expect(BYTES, &of_topic("produce"), told.number("byte-total"));
    }
    // a client of the tests that produces tells its requests when it has made its last
    if told.number("request-total") > 0 && told.number("records-consumed-total") == 0 {
        scrape.expect(REQUESTS, &[("client_id", &told.client)], told.number("request-total"));
    }
}

fn carried(scrape: &Scrape, topic: &str, produced: u64, fetched: u64) {
    for (direction, records) in [("produce", produced), ("fetch", fetched)] {
        scrape.expect(RECORDS, &[("reporter", "server"), ("topic", topic), ("direction", direction)], records);
    }
}

fn bytes(scrape: &Scrape, topic: &str, direction: &str) -> u64 {
    scrape.count(BYTES, &[("reporter", "server"), ("topic", topic), ("direction", direction)])
}

fn step<'a>(told: &'a [Told], step: &str) -> &'a Told {
    told.iter().find(|told| told.step == step).unwrap_or_else(|| panic!("no client told of {step}"))
}

fn errors_are_told(scrape: &Scrape, told: &[Told]) {
    let too_large = ("error_code", "MESSAGE_TOO_LARGE");
    let refused = step(told, "small").number("record-error-total");
    assert_eq!(refused, 1);
    scrape.expect(REQUESTS, &[("api", "Produce"), ("topic", "small"), too_large], refused);
    scrape.expect(REQUESTS, &[too_large], refused);
    let unknown = [("api", "Metadata"), ("error_code", "UNKNOWN_TOPIC_OR_PARTITION"), ("client_id", "java-unknown")];
    assert!(scrape.count(REQUESTS, &unknown) > 0, "{scrape}");
    scrape.expect(REQUESTS, &[("topic", "no-such-topic")], 0);
    // without an answer there is no error code, and with one there is
    let without = scrape.by_label(REQUESTS, "error_code", &[("api", "Produce"), ("topic", "acks-0")]);
    assert_eq!(without.keys().collect::<Vec<_>>(), [""]);
    let with = scrape.by_label(REQUESTS, "error_code", &[("api", "Produce"), ("topic", "acks-all")]);
    assert_eq!(with.keys().collect::<Vec<_>>(), ["NONE"]);
    let throttled = scrape.sum("kafka_throttle_seconds_sum", &[("client_id", "java-throttled")]);
    let most = step(told, "throttled").number("produce-throttle-time-max") as f64 / 1e3;
    assert!(most > 0.0 && throttled >= most, "throttled for {throttled} s, and the client says {most} s at least");
}

fn groups_are_followed(scrape: &Scrape, told: &[Told]) {
    for codec in ["gzip", "snappy", "lz4", "zstd"] {
        let read = step(told, &format!("read-{codec}")).number("records-consumed-total");
        carried(scrape, codec, read, read);
        assert_eq!(bytes(scrape, codec, "produce"), bytes(scrape, codec, "fetch"), "{codec}");
        scrape.expect(LAG, &[("group", &format!("group-{codec}")), ("topic", codec)], 0);
    }
    // both members of the first group and the one of the second have read all of it
    let read: u64 =
        told.iter().filter(|told| told.step == "read-grouped").map(|told| told.number("records-consumed-total")).sum();
    assert_eq!(read, 2 * 350);
    carried(scrape, "grouped", 350, read);
    scrape.expect(LAG, &[("group", "group-rebalanced"), ("topic", "grouped")], 50);
    scrape.expect(LAG, &[("group", "group-newer"), ("topic", "grouped")], 0);
    scrape.expect(LAG, &[("group", "group-old"), ("topic", OLD)], OLD_RECORDS / 2);
    let rebalanced = [("group", "group-rebalanced"), ("error_code", "REBALANCE_IN_PROGRESS")];
    assert!(scrape.count(REQUESTS, &rebalanced) > 0, "the first member is told to join again\n{scrape}");
    assert!(scrape.count(REQUESTS, &[("group", "group-newer"), ("api", "ConsumerGroupHeartbeat")]) > 0, "{scrape}");
    // what was aborted is given to readers of what is committed, too, who leave it out themselves
    carried(scrape, "transactions", 30, 30);
    scrape.expect(REQUESTS, &[("api", "EndTxn"), ("error_code", "NONE"), ("client_id", "java-transactions")], 2);
}

/// Every group that has committed is as far behind as the broker says, and no other one is told of.
fn lags_are_those_of_the_broker(scrape: &Scrape, lags: &BTreeMap<(String, String), u64>) {
    for ((group, topic), lag) in lags {
        scrape.expect(LAG, &[("group", group), ("topic", topic)], *lag);
    }
    assert_eq!(scrape.matching(LAG, &[]).len(), lags.len(), "{lags:?}\n{scrape}");
}

/// Nothing of Kafka has gone by unread.
fn all_is_read(scrape: &Scrape) {
    for class in ["opaque", "unparsed"] {
        scrape.expect("flowfold_bytes_total", &[("class", class)], 0);
    }
    for outcome in ["failed", "unfinished"] {
        scrape.expect("flowfold_exchanges_total", &[("outcome", outcome)], 0);
    }
    scrape.expect(RECORDS, &[("topic", "unknown")], 0);
    scrape.expect(RECORDS, &[("topic", "_OTHER")], 0);
    let protocols = scrape.by_label("flowfold_connections_total", "protocol", &[]);
    let spoken: Vec<_> = protocols.iter().filter(|(_, count)| **count > 0.0).map(|(name, _)| name.as_str()).collect();
    assert_eq!(spoken, ["kafka"]);
}

/// A client on the broker's host is reported by both sides, and by the conventions as a client of messaging.
fn both_sides_are_told(scrape: &Scrape) {
    for reporter in ["server", "client"] {
        for direction in ["produce", "fetch"] {
            let labels = [("reporter", reporter), ("topic", NEAR), ("direction", direction)];
            scrape.expect(RECORDS, &labels, KCAT_RECORDS);
        }
    }
    let of_topic = ("messaging_destination_name", NEAR);
    scrape.expect("messaging_client_sent_messages_total", &[of_topic], KCAT_RECORDS);
    scrape.expect("messaging_client_consumed_messages_total", &[of_topic], KCAT_RECORDS);
    let sent = [of_topic, ("messaging_operation_name", "send"), ("messaging_operation_type", "send")];
    assert!(scrape.count("messaging_client_operation_duration_seconds_count", &sent) > 0, "{scrape}");
}
