use std::time::Duration;

use flowfold_fold::{DnsLimits, HubbleMetric, KafkaLimits, View};

use super::*;

mod names;
mod telemetry;

fn read(text: &str) -> Result<Config, ConfigError> {
    Config::from_text("flowfold.yaml", text, &Overrides::default())
}

/// The lines that `text` is refused with.
fn refusal(text: &str) -> String {
    match read(text) {
        Ok(config) => panic!("{text:?} was read as {config:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_example_is_read_and_says_what_it_says() {
    let config = read(EXAMPLE).unwrap();
    let rules: Vec<_> = config.rules.iter().map(ToString::to_string).collect();
    assert_eq!(rules, ["<Ingress/9080/TCP/HTTP>", "<Egress/80/TCP/HTTP>"]);
    assert_eq!(config.ports(Direction::Ingress), [9080]);
    assert_eq!(config.ports(Direction::Egress), [80]);
    assert_eq!(config.metrics, defaults::METRICS_LISTEN);
    assert_eq!(config.drain_timeout, defaults::DRAIN_TIMEOUT);
    assert_eq!(config.fold.max_series, flowfold_fold::DEFAULT_MAX_SERIES);
    assert_eq!(config.log, LogOptions { format: LogFormat::Human, filter: "info".to_owned() });
    assert_eq!(config.fold.views, [View::OpenTelemetry]);
    assert_eq!(config.fold.max_bytes, flowfold_fold::DEFAULT_MAX_BYTES);
    assert_eq!(config.fold.series_ttl, Some(flowfold_fold::DEFAULT_SERIES_TTL));
    assert_eq!(config.fold.hubble, HubbleMetric::usual());
    let of_reviews = &config.fold.workload_routes[0];
    assert_eq!((&*of_reviews.namespace, &*of_reviews.workload, of_reviews.routes.len()), ("shop", "reviews", 1));
    assert_eq!(config.fold.rpc_methods.max(), flowfold_fold::DEFAULT_MAX_RPC_METHODS);
    assert_eq!(config.fold.routes.len(), 2);
    assert!(config.show_ips);
    let names: Vec<_> = config.workloads.iter().map(|entry| format!("{:?}", entry.workload)).collect();
    assert_eq!(names, ["shop/reviews", "office", "cron"]);
    let tier = &config.workloads[0].workload.labels[0];
    assert_eq!((&*tier.0, &*tier.1), ("tier", "backend"));
}

#[test]
fn the_example_names_every_key() {
    for (within, indent) in [("nothing: 1", ""), ("metrics: {nothing: 1}", "  ")] {
        let refused = refusal(within);
        let known = refused.rsplit("known here: ").next().unwrap();
        for key in known.split(", ") {
            let has_key = |line: &str| line.replacen('#', "", 1).starts_with(&format!("{indent}{key}:"));
            assert!(EXAMPLE.lines().any(has_key), "{key} is missing from the example");
        }
    }
}

#[test]
fn each_wrong_value_of_what_is_shown_is_told_with_its_place_and_fix() {
    let cases = [
        (
            "metrics: {views: [opentelemetry, grafana]}",
            "metrics.views[1]: `grafana` is not a view; \
             write one of opentelemetry, go-grpc-prometheus, hubble, service-graph",
        ),
        (
            "known_rpc_methods: [shop.Cart/Add, Add]",
            "known_rpc_methods[1]: `Add` is not a gRPC method; write package.Service/Method, as in shop.Cart/Add",
        ),
        (
            "max_rpc_methods: 7\nknown_rpc_methods: [a.B/c]",
            "max_rpc_methods: has no meaning beside known_rpc_methods, which names the methods; keep one of the two",
        ),
        (
            "metrics: {hubble: [flow, drop]}",
            "metrics.hubble[1]: \"drop\" is no metric of Hubble that can be shown; known are http, httpV2, flow, tcp, kafka, dns; \
             write a metric as Hubble's configuration does, as in \
             httpV2:labelsContext=source_workload,destination_workload",
        ),
        (
            "metrics: {hubble: [http, httpV2]}",
            "metrics.hubble: a metric stands there twice; http and httpV2 are two forms of one; keep one of the two",
        ),
        (
            "metrics: {labels: {rpc_server_call_duration_seconds: {exclude: [method]}}}",
            "metrics.labels.rpc_server_call_duration_seconds.exclude: \
             rpc_server_call_duration_seconds has no label \"method\"; it has rpc_system_name, rpc_method, \
             rpc_response_status_code, error_type, server_port, source_workload, source_namespace, \
             destination_workload, destination_namespace; write one of those",
        ),
        (
            "max_bytes: 1000",
            "max_bytes: `1000` is not a size that can be used here; write a size of at least 1MiB, as in 128MiB or 1GiB",
        ),
        (
            "series_ttl: 5s",
            "series_ttl: `5s` is not a time that can be used here; \
             write a number and a unit of at least 1m, as in 15m or 2h, or 0 to keep series for ever",
        ),
        (
            "max_url_templates: 501",
            "max_url_templates: `501` is not a number that can be used here; \
             write a whole number from 0 (learn none) to 500",
        ),
        (
            "max_kafka_topics: many",
            "max_kafka_topics: `many` is not a number that can be used here; \
             write a whole number from 0 (name none) to 10000",
        ),
        (
            "max_dns_names: 1001",
            "max_dns_names: `1001` is not a number that can be used here; \
             write a whole number from 0 (name none) to 1000",
        ),
        (
            "max_kafka_client_ids: 251",
            "max_kafka_client_ids: `251` is not a number that can be used here; \
             write a whole number from 0 (no such label) to 250",
        ),
        (
            "workloads: [{name: a, match: {port: [80]}, routes: [/b, c]}]",
            "workloads[0].routes[1]: route template \"c\": the path must begin with '/'; \
             write {name} for one segment or, at the end, {name...} for the rest, as in /products/{id}",
        ),
        (
            "max_rpc_methods: 0",
            "max_rpc_methods: `0` is not a number that can be used here; \
             write a whole number from 1 to 10000, or take the key out for the default",
        ),
    ];
    for (text, told) in cases {
        let with_rule = format!("visibility: [<Ingress/80/TCP/HTTP>]\n{text}");
        assert_eq!(refusal(&with_rule), format!("flowfold.yaml:2: {told}"), "for {text:?}");
    }
}

#[test]
fn ceilings_are_read_with_their_units() {
    let fold = |text: &str| read(&format!("visibility: [<Ingress/80/TCP/HTTP>]\n{text}")).unwrap().fold;
    assert_eq!(fold("max_bytes: 1 GiB").max_bytes, 1 << 30);
    assert_eq!(fold("max_bytes: 2048KiB").max_bytes, 2 << 20);
    assert_eq!(fold("max_bytes: 1048576").max_bytes, 1 << 20);
    assert_eq!(fold("series_ttl: 0").series_ttl, None);
    assert_eq!(fold("series_ttl: 2h").series_ttl, Some(Duration::from_hours(2)));
    assert_eq!(fold("max_url_templates: 20").max_url_templates, 20);
    assert_eq!(fold("max_kafka_groups: 4000").kafka, KafkaLimits { max_groups: 4000, ..KafkaLimits::default() });
    assert_eq!(fold("dns_question_labels: 2").dns, DnsLimits { question_labels: 2, ..DnsLimits::default() });
    assert_eq!(fold("max_kafka_partitions: 0").kafka.max_partitions, 0);
}

#[test]
fn views_are_chosen_by_name_and_each_once() {
    let views = |text: &str| read(&format!("visibility: [<Ingress/80/TCP/HTTP>]\n{text}")).unwrap().fold.views;
    assert_eq!(views(""), [View::OpenTelemetry]);
    assert_eq!(views("metrics: {views: [go-grpc-prometheus, go-grpc-prometheus]}"), [View::GoGrpcPrometheus]);
    assert_eq!(views("metrics: {views: []}"), []);
}

#[test]
fn each_wrong_value_is_told_with_its_place_and_fix() {
    let cases = [
        (
            "visibility:\n- <Ingress/80/TCP/HTTP>\n- {direction: egress, prot: 80}",
            "flowfold.yaml:3: visibility[1].prot: there is no such key; did you mean `port`? \
             Known here: direction, port, l4, l7",
        ),
        (
            "visibility:\n- <Ingress/80/TCP/HTTP>\n- {direction: egress, port: 99999}",
            "flowfold.yaml:3: visibility[1].port: `99999` is not a port; give a number from 1 to 65535",
        ),
        (
            "visibility:\n- <Ingress/0/TCP/HTTP>",
            "flowfold.yaml:2: visibility[0].port: port 0 is no port that a server listens on; \
             give a number from 1 to 65535",
        ),
        (
            "visibility:\n- <In/80/TCP/HTTP>",
            "flowfold.yaml:2: visibility[0].direction: `In` is not a direction; \
             write Ingress (to local servers) or Egress (from local clients)",
        ),
        (
            "visibility:\n- <Ingress/80/TCP/SPDY>",
            "flowfold.yaml:2: visibility[0].l7: `SPDY` is not a protocol that can be named; \
             write HTTP, GRPC, KAFKA, DNS or AUTO",
        ),
        (
            "visibility:\n- <Egress/53/ANY/DNS>",
            "flowfold.yaml:2: visibility[0].l4: ANY is two transports in one rule; \
             write one rule with UDP and one with TCP",
        ),
        (
            "visibility:\n- <Egress/53/UDP/HTTP>",
            "flowfold.yaml:2: visibility[0].l4: of UDP only DNS is read; write TCP, or DNS for the protocol",
        ),
        (
            "visibility:\n- <Egress/80/ANY/HTTP>",
            "flowfold.yaml:2: visibility[0].l4: ANY is not steered by this release; write TCP",
        ),
        (
            "visibility:\n- Ingress/80",
            "flowfold.yaml:2: visibility[0]: `Ingress/80` is not a rule; \
             write <direction/port/L4/L7>, as in <Ingress/9080/TCP/HTTP>, with the angle brackets",
        ),
        (
            "visibility:\n- <Ingress/80/TCP/HTTP>\n- {direction: INGRESS, port: 80}",
            "flowfold.yaml:3: visibility[1]: <Ingress/80/TCP/AUTO> names the traffic that visibility[0] \
             (<Ingress/80/TCP/HTTP>) already names; keep one of the two",
        ),
        (
            "visibility: [<Ingress/9464/TCP/HTTP>]",
            "flowfold.yaml:1: visibility[0]: <Ingress/9464/TCP/HTTP> is the port of the agent's own /metrics; \
             take the rule out, or serve /metrics on another port",
        ),
        ("visibility: 80", "flowfold.yaml:1: visibility: must be a list; write one value per line, each behind `- `"),
        (
            "visibility: [80]",
            "flowfold.yaml:1: visibility[0]: integer `80` cannot be read here; \
             write a rule such as <Ingress/9080/TCP/HTTP> or {direction: ingress, port: 9080}",
        ),
        (
            "",
            "flowfold.yaml: visibility: no rule names any traffic; give at least one rule, as in \
             <Ingress/9080/TCP/HTTP>, in the file's `visibility` list or with --visibility",
        ),
    ];
    for (text, told) in cases {
        assert_eq!(refusal(text), told, "for {text:?}");
    }
}

#[test]
fn each_wrong_value_beside_the_rules_is_told_with_its_place_and_fix() {
    let cases = [
        (
            "metrics: {listen: localhost}",
            "metrics.listen: `localhost` is not an address; \
          write IP:PORT, as in 127.0.0.1:9464",
        ),
        ("metrics: 9464", "metrics: must be a map; write `key: value` lines"),
        (
            "workers: 0",
            "workers: `0` is not a number that can be used here; \
          write a whole number from 1 to 256, or take the key out for the default",
        ),
        ("workers: [1]", "workers: must be one value; write a text or a number, not a list, a map or nothing"),
        (
            "max_connections: -1",
            "max_connections: `-1` is not a number that can be used here; \
          write a whole number of at least 1, or take the key out for the default",
        ),
        (
            "drain_timeout: 2h",
            "drain_timeout: `2h` is not a time up to 1h; write a number and a unit, as in 10s, 500ms or 2m",
        ),
        (
            "cgroup: /nowhere",
            "cgroup: /nowhere is not a directory; \
          give a directory of the cgroup2 tree, or leave it out for all processes",
        ),
        (
            "cgroup: /proc",
            "cgroup: /proc is not in a cgroup2 file system; \
          give a directory of the cgroup2 tree, or leave it out for all processes",
        ),
        ("netns: /nowhere", "netns: /nowhere does not exist; give a path such as /run/netns/NAME or /proc/PID/ns/net"),
        ("identity: {show_ips: maybe}", "identity.show_ips: `maybe` is not a yes or no; write true or false"),
        ("known_methods: [GET, 'A B']", "known_methods[1]: `A B` is not a method; write a method's name, as in GET"),
        ("routes: [{method: GET}]", "routes[0].template: is missing; write a template, as in /products/{id}"),
        (
            "routes: [{method: 'G T', template: /}]",
            "routes[0].method: `G T` is not a method; \
          write a method's name, as in GET, or take the key out for any",
        ),
        (
            "max_series: many",
            "max_series: `many` is not a number that can be used here; \
          write a whole number from 1 to 1000000, or take the key out for the default",
        ),
        ("log: {format: xml}", "log.format: `xml` is not a log format; write human or json"),
        (
            "log: {filter: '=='}",
            "log.filter: `==` is not a log filter; \
          write a level (error, warn, info, debug, trace), or directives such as info,flowfold_proxy=debug",
        ),
        ("log: {filter: info, filter: warn}", "log.filter: the key stands here twice; keep one of the two"),
        ("workloads: [{match: {port: [80]}}]", "workloads[0].name: is missing; give the workload a name"),
        (
            "workloads: [{name: a}]",
            "workloads[0].match: tells nothing; \
          give at least one of ip, port and cgroup, as in {ip: [10.1.0.0/16]}",
        ),
        (
            "workloads: [{name: a, match: {ip: [10.0.0.0/33]}}]",
            "workloads[0].match.ip[0]: \
          `10.0.0.0/33` is neither an address nor a network; write an IP or a CIDR, as in 10.1.2.3 or 10.1.0.0/16",
        ),
        (
            "workloads: [{name: a, match: {port: [http]}}]",
            "workloads[0].match.port[0]: `http` is not a port; \
          write the server's port, a number from 1 to 65535",
        ),
        (
            "workloads: [{name: a, match: {cgroup: [x]}}]",
            "workloads[0].match.cgroup[0]: `x` is not a cgroup's path; \
          write it from the root of the cgroup2 tree, as /proc/PID/cgroup shows it behind 0::, \
          as in /system.slice/x.service",
        ),
        (
            "workloads: [{name: a, labels: {9: x}, match: {port: [80]}}]",
            "workloads[0].labels.9: \
          is not a label's name; begin with a letter, and use letters, digits and _ alone",
        ),
        (
            "identity: {",
            "identity: this is not YAML that can be read: unclosed bracket '{'; \
          see `flowfold check --print-example` for a file that is",
        ),
    ];
    for (text, told) in cases {
        let with_rule = format!("visibility: [<Ingress/80/TCP/HTTP>]\n{text}");
        assert_eq!(refusal(&with_rule), format!("flowfold.yaml:2: {told}"), "for {text:?}");
    }
}

#[test]
fn all_wrong_values_are_told_at_once_in_the_order_of_the_file() {
    let told = refusal("workers: 0\nvisibility:\n- <Ingress/0/TCP/FTP>\nmetrics:\n  listen: here\ncgroup: /nowhere");
    let places: Vec<_> = told.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(places, ["workers", "visibility[0].port", "visibility[0].l7", "metrics.listen", "cgroup"]);
}

#[test]
fn a_flag_wins_over_the_file_and_is_named_in_its_errors() {
    let file = "visibility: [<Ingress/80/TCP/HTTP>]\nworkers: 3\nlog: {format: json}";
    let flags = Overrides {
        visibility: Some(" <ingress/81/tcp/auto> , <Egress/ 82 /TCP/Http>".to_owned()),
        workers: NonZeroUsize::new(2),
        ..Overrides::default()
    };
    let config = Config::from_text("flowfold.yaml", file, &flags).unwrap();
    assert_eq!((config.ports(Direction::Ingress), config.ports(Direction::Egress)), (vec![81], vec![82]));
    assert_eq!(config.workers, NonZeroUsize::new(2));
    assert_eq!(config.log.format, LogFormat::Json);

    let wrong = Overrides {
        visibility: Some("<Ingress/80/TCP/HTTP>,<Egress/99999/TCP/HTTP>".to_owned()),
        cgroup: Some(PathBuf::from("/nowhere")),
        ..Overrides::default()
    };
    let told = Config::from_text("flags", "", &wrong).unwrap_err().to_string();
    assert_eq!(
        told,
        "--visibility: rule 2.port: `99999` is not a port; give a number from 1 to 65535\n\
         --cgroup: /nowhere is not a directory; give a directory of the cgroup2 tree, or leave it out for all processes"
    );
}

#[test]
fn the_metrics_port_can_be_steered_in_another_namespace_and_as_egress() {
    let elsewhere = "visibility: [<Ingress/9464/TCP/HTTP>]\nnetns: /proc/self/ns/net";
    assert_eq!(read(elsewhere).unwrap().ports(Direction::Ingress), [9464]);
    assert_eq!(read("visibility: [<Egress/9464/TCP/HTTP>]").unwrap().ports(Direction::Egress), [9464]);
}

#[test]
fn the_transports_of_a_port_and_its_directions_are_four_rules() {
    let rules = ["<Ingress/53/UDP/DNS>", "<Egress/53/UDP/DNS>", "<Ingress/53/TCP/DNS>", "<Egress/53/TCP/DNS>"];
    let config = read(&format!("visibility: [{}, <Ingress/5300/UDP/DNS>]", rules.join(", "))).unwrap();
    for (direction, udp) in [(Direction::Ingress, &[53, 5300][..]), (Direction::Egress, &[53])] {
        assert_eq!((&config.udp_ports(direction)[..], &config.ports(direction)[..]), (udp, &[53][..]));
    }
}

#[test]
fn no_more_ports_than_the_programs_hold() {
    let rules =
        |count: usize| (0..count).map(|n| format!("<Egress/{}/TCP/HTTP>", n + 1000)).collect::<Vec<_>>().join(", ");
    assert!(read(&format!("visibility: [{}]", rules(defaults::MAX_PORTS))).is_ok());
    let told = refusal(&format!("visibility: [{}]", rules(defaults::MAX_PORTS + 1)));
    assert_eq!(told, "flowfold.yaml: visibility: 1025 Egress rules; keep at most 1024 of one direction");
}

#[test]
fn a_file_that_cannot_be_read_is_told_by_its_name() {
    let told = Config::load(Some(Path::new("/nowhere/flowfold.yaml")), &Overrides::default()).unwrap_err().to_string();
    assert_eq!(
        told,
        "/nowhere/flowfold.yaml: cannot be read: No such file or directory (os error 2); \
         give --config a file that exists and that this user may read"
    );
}

#[test]
fn every_value_of_a_list_and_of_labels_is_checked() {
    let told = refusal(
        "visibility: [<Ingress/80/TCP/HTTP>]\nworkloads:\n- name: \"a\\nb\"\n  match: {ip: [1.2.3.4, x, 2001:db8::/32, y]}",
    );
    let places: Vec<_> = told.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(places, ["workloads[0].name", "workloads[0].match.ip[1]", "workloads[0].match.ip[3]"]);
}

const RULE: &str = "visibility: [<Ingress/80/TCP/HTTP>]\n";
