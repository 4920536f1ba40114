//! A cluster of two brokers: clients learn of the topics from one and have their records at the other, and go on when one dies.

use flowfold_e2e::agent::Agent;
use flowfold_e2e::peers::kafka::{self, Broker};
use flowfold_e2e::world::{Family, World};

use super::{LAG, RECORDS, REQUESTS, carried, lags_are_those_of_the_broker, step};

const PORTS: [u16; 2] = [9092, 9093];
const TOPIC: &str = "spread";

pub(super) fn of_two_brokers_of_which_one_dies() {
    let world = World::new();
    let [one, two] = PORTS;
    // the group's offsets and the ends of its partitions come from servers of different names
    let config = format!(
        "visibility: ['<Ingress/{one}/TCP/KAFKA>', '<Ingress/{two}/TCP/KAFKA>']\n\
         workloads: [{{name: kafka-0, match: {{port: [{one}]}}}}, {{name: kafka-1, match: {{port: [{two}]}}}}]\n"
    );
    let agent = Agent::configured(&world, &config);
    let addresses = PORTS.map(|port| world.host_address(Family::V4, port));
    let [first, second] = Broker::cluster(&world, "flowfold-tests-00000002", addresses);
    let told = kafka::java_failover(&world, addresses, &second);

    let scrape =
        agent.scrape_until("all connections to be over", |scrape| scrape.count("flowfold_open_connections", &[]) == 0);
    // a batch that a broker has put off counts each time that it is sent
    let spread = step(&told, "spread");
    let sent = spread.number("record-send-total") - spread.number("record-retry-total");
    let [read, stopped] = ["read", "stopped"].map(|name| step(&told, name).number("records-consumed-total"));
    assert_eq!((sent, read, stopped), (180, 180, 100));
    carried(&scrape, TOPIC, sent, read + stopped);
    // half of the first hundred, which two groups have read
    let of_second = |direction: &'static str| [("destination_workload", "kafka-1"), ("direction", direction)];
    scrape.expect(RECORDS, &of_second("produce"), 50);
    scrape.expect(RECORDS, &of_second("fetch"), 100);
    scrape.expect(RECORDS, &[("topic", "unknown")], 0);
    scrape.expect("flowfold_bytes_total", &[("class", "opaque")], 0);
    scrape.expect("flowfold_bytes_total", &[("class", "unparsed")], 0);
    for workload in ["kafka-0", "kafka-1"] {
        let committed =
            [("api", "OffsetCommit"), ("group", "readers"), ("error_code", "NONE"), ("destination_workload", workload)];
        assert!(scrape.count(REQUESTS, &committed) > 0, "{workload} coordinates the group\n{scrape}");
    }
    scrape.expect(LAG, &[("group", "readers"), ("topic", TOPIC)], 20);
    scrape.expect(LAG, &[("group", "stopped"), ("topic", TOPIC)], 80);
    lags_are_those_of_the_broker(&scrape, &first.lags(&world));
    first.kill();
    second.kill();
    agent.stop();
}
