//! Two clusters whose brokers are of one namespace, with topics and groups of the same names.

use std::fs;

use flowfold_e2e::agent::Agent;
use flowfold_e2e::peers::kafka::{self, Broker};
use flowfold_e2e::scrape::Scrape;
use flowfold_e2e::world::{Family, World};

use super::{LAG, RECORDS};

/// What the brokers call them, and where they listen.
const CLUSTERS: [(&str, u16); 2] = [("flowfold-tests-0000blue", 9092), ("flowfold-tests-000green", 9093)];
const TOPIC: &str = "orders";
const GROUP: &str = "readers";

pub(super) fn of_two_clusters_in_one_namespace() {
    let world = World::new();
    let visibility = CLUSTERS.map(|(_, port)| format!("'<Ingress/{port}/TCP/KAFKA>'")).join(", ");
    let agent = Agent::configured(&world, &format!("visibility: [{visibility}]\n"));
    let brokers = CLUSTERS.map(|(id, port)| {
        let address = world.host_address(Family::V4, port);
        let [broker] = Broker::cluster(&world, id, [address]);
        broker.create_topic(&world, TOPIC);
        (address, broker)
    });
    let [(blue, _), (green, _)] = brokers;
    let produce = |cluster, records: u64| {
        let file = world.directory().join("lines");
        let lines: Vec<_> = (0..records).map(|number| format!("line {number}")).collect();
        fs::write(&file, lines.join("\n")).expect("a file of ours");
        kafka::kcat_produce(world.remote("kcat"), cluster, TOPIC, "none", "all", &file);
    };
    // in one all is read before more comes, and in the other almost all is left
    produce(blue, 200);
    produce(green, 60);
    kafka::kcat_group(world.remote("kcat"), blue, (GROUP, TOPIC), 200);
    kafka::kcat_group(world.remote("kcat"), green, (GROUP, TOPIC), 10);
    produce(blue, 7);

    let scrape = agent.scrape_until("the lag of both clusters", |scrape| {
        scrape.count("flowfold_open_connections", &[]) == 0 && CLUSTERS.iter().all(|(id, _)| lag(scrape, id) > 0)
    });
    for ((id, _), (address, broker)) in CLUSTERS.into_iter().zip(&brokers) {
        let told = broker.lags(&world);
        assert_eq!(
            told.get(&(GROUP.to_owned(), TOPIC.to_owned())),
            Some(&lag(&scrape, id)),
            "{id} at {address}\n{scrape}"
        );
    }
    scrape.expect(LAG, &[], 57);
    scrape.expect(RECORDS, &[("topic", TOPIC), ("direction", "produce")], 267);

    // the group goes in one of them alone
    let [(_, of_blue), (_, of_green)] = brokers;
    of_green.delete_group(&world, GROUP);
    let scrape = agent.scrape_until("the group to be gone in one", |scrape| lag(scrape, CLUSTERS[1].0) == 0);
    scrape.expect(LAG, &[], 7);
    of_blue.kill();
    of_green.kill();
    agent.stop();
}

/// How far the group is behind in this cluster.
fn lag(scrape: &Scrape, id: &str) -> u64 {
    scrape.count(LAG, &[("group", GROUP), ("topic", TOPIC), ("kafka_cluster_id", id)])
}
