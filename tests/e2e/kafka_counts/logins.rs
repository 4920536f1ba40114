//! A broker at which clients have to log in: what they say for that is nobody's business, and all else is counted as ever.

use std::fs;

use flowfold_e2e::agent::Agent;
use flowfold_e2e::peers::kafka::{self, Broker, Login, PASSWORD};
use flowfold_e2e::world::{Family, World};

use super::{PORT, RECORDS, REQUESTS, all_is_read, carried};

const COUNT: u64 = 30;

/// Of kcat, and the reader of its topic.
const KCAT: &str = "plain";

/// Clients in Python by their topics: how they log in, and in how many steps that are requests.
const PYTHON: [(&str, Login, u64); 4] = [
    ("tokens", Login { version: "0.11", has_proof: false }, 0),
    ("tokens-proof", Login { version: "0.11", has_proof: true }, 0),
    ("requests", Login { version: "2.5", has_proof: false }, 1),
    ("requests-proof", Login { version: "2.5", has_proof: true }, 2),
];

pub(super) fn of_clients_that_log_in() {
    let world = World::new();
    let config = format!("visibility: ['<Ingress/{PORT}/TCP/KAFKA>']\nmax_kafka_client_ids: 100\n");
    let agent = Agent::configured(&world, &config);
    let address = world.host_address(Family::V4, PORT);
    let broker = Broker::guarded(&world, address);
    let file = world.directory().join("lines");
    let lines = (0..COUNT).map(|number| format!("line {number}\n")).collect::<Vec<_>>().concat();
    fs::write(&file, &lines).expect("a file of ours");
    let kcat = |password| kafka::log_in(world.remote("kcat"), password);
    broker.create_topic(&world, KCAT);
    kafka::kcat_produce(kcat(PASSWORD), address, KCAT, "none", "all", &file);
    assert_eq!(kafka::kcat_consume(kcat(PASSWORD), address, KCAT), lines);
    for (topic, login, _) in PYTHON {
        broker.create_topic(&world, topic);
        login.there_and_back(|python| world.remote(python), address, topic, COUNT);
    }
    // who tries no second time before it gives up
    let stranger = kcat("open-says-me").args(["-L", "-m", "5", "-X", "client.id=stranger"]);
    let stranger = stranger.args(["-X", "reconnect.backoff.ms=9000", "-X", "reconnect.backoff.max.ms=9000"]);
    assert!(!stranger.args(["-b", &address.to_string()]).output().status.success(), "a stranger is let in");

    let scrape = agent.scrape_until("all connections to be over", |scrape| {
        scrape.count("flowfold_open_connections", &[]) == 0
            && scrape.count(REQUESTS, &[("client_id", "stranger")]) > 0
            && PYTHON.iter().all(|(topic, ..)| scrape.count(RECORDS, &[("topic", topic)]) > 0)
    });
    let asked = |api, client: &str, error| {
        scrape.count(REQUESTS, &[("api", api), ("client_id", client), ("error_code", error)])
    };
    for (tool, topic, steps) in
        [("kcat", KCAT, 1)].into_iter().chain(PYTHON.map(|(topic, _, steps)| ("python", topic, steps)))
    {
        carried(&scrape, topic, COUNT, COUNT);
        for client in [format!("{tool}-{topic}"), format!("{tool}-read-{topic}")] {
            let handshakes = asked("SaslHandshake", &client, "NONE");
            assert!(handshakes > 0, "{client}\n{scrape}");
            assert_eq!(asked("SaslAuthenticate", &client, "NONE"), steps * handshakes, "{client}\n{scrape}");
        }
    }
    assert_eq!(asked("SaslHandshake", "stranger", "NONE"), 1, "{scrape}");
    assert_eq!(asked("SaslAuthenticate", "stranger", "SASL_AUTHENTICATION_FAILED"), 1, "{scrape}");
    all_is_read(&scrape);
    assert!(!scrape.text().contains(PASSWORD), "{scrape}");
    broker.kill();
    agent.stop();
}
