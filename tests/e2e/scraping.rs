//! What others make of a scrape: promtool, Prometheus, and the reference parser.

use std::fs;
use std::io::Write;
use std::net::TcpStream;

use flowfold_e2e::agent::{Agent, METRICS};
use flowfold_e2e::eventually::until;
use flowfold_e2e::http;
use flowfold_e2e::peers::nginx::Nginx;
use flowfold_e2e::peers::prometheus::Prometheus;
use flowfold_e2e::peers::{KINDS, curl, without_content};
use flowfold_e2e::process::Launch;
use flowfold_e2e::python;
use flowfold_e2e::scrape::Scrape;
use flowfold_e2e::world::{Family, World};

use crate::{Test, privileged};

pub(crate) const TESTS: &[Test] = &[
    privileged("scraping::promtool_and_the_reference_parser_accept_it", promtool_and_the_reference_parser_accept_it),
    privileged("scraping::prometheus_answers_queries", prometheus_answers_queries),
    privileged("scraping::formats_are_negotiated", formats_are_negotiated),
    privileged("scraping::readers_that_do_not_read_hold_nothing_up", readers_that_do_not_read_hold_nothing_up),
];

const OPENMETRICS: &str = "Accept: application/openmetrics-text; version=1.0.0";

/// Prints the number of families of an exposition on standard input, or fails.
const PARSE: &str = "import sys\n\
                     kind, path = sys.argv[1:]\n\
                     if kind == 'openmetrics':\n\
                     \x20   from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\n\
                     else:\n\
                     \x20   from prometheus_client.parser import text_string_to_metric_families as parse\n\
                     families = {family.name: family for family in parse(open(path, encoding='utf-8').read())}\n\
                     duration = families['http_server_request_duration_seconds']\n\
                     assert duration.type == 'histogram', duration.type\n\
                     print(int(sum(s.value for s in duration.samples if s.name.endswith('_count'))))\n";

fn promtool_and_the_reference_parser_accept_it() {
    let world = World::new();
    let _nginx = Nginx::start(&world, &[9080]);
    // a workload whose name needs escaping in labels
    let config = "visibility: ['<Ingress/9080/TCP/HTTP>']\n\
                  workloads: [{name: 'a \"quoted\" \\\\ name', match: {port: [9080]}}]\n";
    let agent = Agent::configured(&world, config);
    for kind in without_content() {
        curl::load(world.remote("curl"), world.host_address(Family::V4, 9080), kind, 2);
    }
    agent.scrape_until("all to be counted", |scrape| scrape.count("flowfold_exchanges_total", &[]) == 20);
    let classic = world.directory().join("classic.txt");
    let open = world.directory().join("openmetrics.txt");
    fs::write(&classic, agent.get("/metrics", &[]).body).expect("a file");
    fs::write(&open, agent.get("/metrics", &[OPENMETRICS]).body).expect("a file");

    let promtool = Launch::new("sh").args(["-c", "promtool check metrics < \"$0\""]).arg(&classic).output();
    let said = String::from_utf8_lossy(&promtool.stdout).into_owned() + &String::from_utf8_lossy(&promtool.stderr);
    assert!(promtool.status.success() && said.trim().is_empty(), "promtool: {}: {said}", promtool.status);
    for (kind, path) in [("classic", &classic), ("openmetrics", &open)] {
        let parsed = Launch::new(python::interpreter()).args(["-c", PARSE, kind]).arg(path).stdout();
        assert_eq!(parsed.trim(), "20", "{kind}");
    }
    agent.stop();
}

fn prometheus_answers_queries() {
    let world = World::new();
    let _nginx = Nginx::start(&world, &[9080]);
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>");
    let prometheus = Prometheus::start(&world);
    let server = world.host_address(Family::V4, 9080);
    let rate = "sum(rate(http_server_request_duration_seconds_count{http_response_status_code=\"200\"}[1m]))";
    let quantile = "histogram_quantile(0.5, sum by (le) (rate(http_server_request_duration_seconds_bucket[1m])))";
    until("a rate and a median", || {
        // requests go on between the scrapes: a rate is of what changed
        curl::load(world.remote("curl"), server, KINDS[0], 20);
        let answers = [prometheus.query(rate), prometheus.query(quantile)];
        answers.iter().all(|values| matches!(values.as_slice(), [value] if *value > 0.0 && value.is_finite()))
    });
    assert_eq!(prometheus.query("up"), [1.0]);
    let counted = prometheus.query("sum(flowfold_exchanges_total)");
    assert!(counted[0] > 0.0, "{counted:?}");
    agent.stop();
}

fn formats_are_negotiated() {
    let world = World::new();
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>");
    let classic = agent.get("/metrics", &[]);
    let head = classic.head.to_ascii_lowercase();
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    let open = agent.get("/metrics", &[OPENMETRICS]);
    let head = open.head.to_ascii_lowercase();
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(open.text().ends_with("# EOF\n"), "OpenMetrics says where it ends");
    let packed = agent.get("/metrics", &["Accept-Encoding: gzip"]);
    assert!(packed.head.to_ascii_lowercase().contains("content-encoding: gzip"), "{}", packed.head);
    assert!(packed.body.starts_with(b"\x1f\x8b"), "which it is");
    let unpacked =
        world.beside("curl").args(["--silent", "--compressed", &format!("http://{METRICS}/metrics")]).stdout();
    let programs = Scrape::parse(&unpacked).matching("flowfold_programs_attached", &[("program", "")]).len();
    assert_eq!(programs, 0, "every program has a name");
    let attached = Scrape::parse(&unpacked).sum("flowfold_programs_attached", &[]);
    assert!(attached >= 4.0, "{attached} programs are attached");
    assert_eq!(agent.get("/healthz", &[]).status, 200);
    let landing = agent.get("/", &[]);
    assert!(landing.status == 200 && landing.text().contains("/metrics"), "{}", landing.text());
    assert_eq!(agent.get("/nothing", &[]).status, 404);
    agent.stop();
}

fn readers_that_do_not_read_hold_nothing_up() {
    let world = World::new();
    let _nginx = Nginx::start(&world, &[9080]);
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>");
    let metrics: std::net::SocketAddr = METRICS.parse().expect("a socket address");
    let silent: Vec<TcpStream> = world.host.run(|| {
        let ask = |number: usize| {
            let mut stream = TcpStream::connect(metrics).expect("the agent listens");
            let text = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(if number.is_multiple_of(2) { 1 } else { 50 });
            // the agent may have had enough of this one
            drop(stream.write_all(text.as_bytes()));
            stream
        };
        (0..100).map(ask).collect()
    });
    for _ in 0..50 {
        world.client.run(|| http::get(world.host_address(Family::V4, 9080), "/200")).expect("traffic goes on");
    }
    drop(silent);
    agent.scrape_until("all to be counted", |scrape| scrape.count("flowfold_exchanges_total", &[]) == 50);
    agent.stop();
}
