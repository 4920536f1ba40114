//! A share group: its members are given records out of batches that are carried as a whole, some of them again.

use flowfold_e2e::agent::Agent;
use flowfold_e2e::peers::kafka::{self, Broker, Version};
use flowfold_e2e::world::{Family, World};

use super::{PORT, RECORDS, REQUESTS, agrees, all_is_read, step};

const TOPIC: &str = "shared";
const GROUP: &str = "sharers";

pub(super) fn of_a_share_group() {
    let world = World::new();
    let config = format!("visibility: ['<Ingress/{PORT}/TCP/KAFKA>']\nmax_kafka_client_ids: 100\n");
    let agent = Agent::configured(&world, &config);
    let broker = Broker::start(&world, Version::Newest, world.host_address(Family::V4, PORT));
    let told = kafka::java_shares(&world, &broker);

    let scrape =
        agent.scrape_until("all connections to be over", |scrape| scrape.count("flowfold_open_connections", &[]) == 0);
    agrees(&scrape, step(&told, TOPIC));
    let [first, second] = ["first", "second"].map(|name| step(&told, name).number("records-consumed-total"));
    assert!(first >= 300 && second > 0, "{first} and {second}");
    scrape.expect(RECORDS, &[("topic", TOPIC), ("direction", "fetch")], first + second);
    for api in ["ShareFetch", "ShareAcknowledge", "ShareGroupHeartbeat"] {
        let answered = [("api", api), ("group", GROUP), ("error_code", "NONE")];
        assert!(scrape.count(REQUESTS, &answered) > 0, "{api}\n{scrape}");
    }
    all_is_read(&scrape);
    broker.kill();
    agent.stop();
}
