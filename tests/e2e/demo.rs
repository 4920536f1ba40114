//! `flowfold demo`: the first thing that a person sees.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::time::Duration;

use flowfold_e2e::binary;
use flowfold_e2e::cgroup;
use flowfold_e2e::eventually::{PATIENCE, eventually, until};
use flowfold_e2e::http;
use flowfold_e2e::leftovers::Inventory;
use flowfold_e2e::netns::Netns;
use flowfold_e2e::peers::jaeger::{HTTP, Jaeger};
use flowfold_e2e::process::Launch;
use flowfold_e2e::scrape::Scrape;
use flowfold_e2e::world::World;
use rustix::process::Signal;

use crate::{Test, nothing_is_left_since, privileged, with_go};

pub(crate) const TESTS: &[Test] = &[
    privileged("demo::prints_a_table_and_leaves_nothing", prints_a_table_and_leaves_nothing),
    privileged("demo::ends_clean_when_interrupted", ends_clean_when_interrupted),
    privileged("demo::works_without_privilege", works_without_privilege),
    privileged("demo::leads_to_traces_across_the_shop", leads_to_traces_across_the_shop),
    with_go("demo::sends_spans_that_hang_together", sends_spans_that_hang_together),
    privileged("demo::removes_what_a_killed_demo_left", removes_what_a_killed_demo_left),
];

const METRICS: &str = "127.0.0.1:9464";
const SERVICES: [&str; 3] = ["details", "reviews", "ratings"];

fn prints_a_table_and_leaves_nothing() {
    let netns = Netns::new();
    let before = Inventory::take();
    let output =
        Launch::new(binary::flowfold()).args(["demo", "--for", "6s", "--metrics", METRICS]).inside(&netns).output();
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}:\n{said}\n{told}", output.status);
    shows_all_services(&said);
    assert!(said.contains("UNAVAILABLE"), "some calls of ratings fail:\n{said}");
    nothing_is_left_since(&before);
}

fn ends_clean_when_interrupted() {
    let netns = Netns::new();
    let directory = tempfile::tempdir().expect("a scratch directory");
    let before = Inventory::take();
    let demo = Launch::new(binary::flowfold()).args(["demo", "--metrics", METRICS]).inside(&netns);
    let mut demo = demo.start(directory.path(), "demo");
    let metrics = METRICS.parse().expect("a socket address");
    until("all services to be seen", || {
        assert!(demo.ended().is_none(), "the demo ended:\n{}", demo.stderr());
        let Ok(answer) = netns.run(|| http::get(metrics, "/metrics")) else { return false };
        let scrape = Scrape::parse(&answer.text());
        let seen = |service: &&str| {
            let labels = [("destination_workload", *service)];
            let count = match *service {
                "ratings" => "rpc_server_call_duration_seconds_count",
                _ => "http_server_request_duration_seconds_count",
            };
            scrape.count(count, &labels) > 0
        };
        SERVICES.iter().all(seen)
    });
    demo.signal(Signal::INT);
    let status = demo.wait(PATIENCE + Duration::from_secs(10));
    assert!(status.success(), "{status}:\n{}", demo.stderr());
    shows_all_services(&demo.stdout());
    nothing_is_left_since(&before);
}

fn works_without_privilege() {
    let netns = Netns::new();
    let directory = tempfile::tempdir().expect("a scratch directory");
    let binary = directory.path().join("flowfold");
    fs::copy(binary::flowfold(), &binary).expect("the binary can be copied");
    open_to_all(directory.path());
    let before = Inventory::take();
    let demo = Launch::new(&binary).args(["demo", "--for", "6s", "--metrics", METRICS]).inside(&netns).unprivileged();
    let output = demo.output();
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}:\n{said}\n{told}", output.status);
    shows_all_services(&said);
    assert!(told.contains("CAP_BPF") || said.contains("CAP_BPF"), "it says what it lacks:\n{told}");
    nothing_is_left_since(&before);
}

fn leads_to_traces_across_the_shop() {
    let netns = Netns::new();
    let directory = tempfile::tempdir().expect("a scratch directory");
    let demo = Launch::new(binary::flowfold()).args(["demo", "--metrics", METRICS]).inside(&netns);
    let mut demo = demo.start(directory.path(), "demo");
    // A bucket shows its latest exemplar alone: what is met in one scrape may be gone in the next.
    let mut services_of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    until("a trace to be seen at all services", || {
        assert!(demo.ended().is_none(), "the demo ended:\n{}", demo.stderr());
        for (trace, service) in netns.run(exemplars) {
            services_of.entry(trace).or_default().insert(service);
        }
        let all: BTreeSet<_> = ["productpage"].into_iter().chain(SERVICES).map(str::to_owned).collect();
        services_of.values().any(|services| *services == all)
    });
    demo.signal(Signal::INT);
    let status = demo.wait(PATIENCE + Duration::from_secs(10));
    assert!(status.success(), "{status}:\n{}", demo.stderr());
}

fn sends_spans_that_hang_together() {
    let world = World::new();
    let jaeger = Jaeger::start(&world);
    let to = format!("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://{HTTP}/v1/traces");
    let command = world.beside("env").arg(to).arg(binary::flowfold()).args(["demo", "--metrics", METRICS]);
    let mut demo = command.start(world.directory(), "demo");
    let trace = eventually("a call of ratings that is traced", || {
        assert!(demo.ended().is_none(), "the demo ended:\n{}", demo.stderr());
        world.host.run(exemplars).into_iter().find_map(|(trace, service)| (service == "ratings").then_some(trace))
    });
    let spans = eventually("the trace to be whole", || {
        // Each of the four calls is told by both of its sides.
        Some(jaeger.trace(&trace)).filter(|spans| spans.len() == 8)
    });
    let mut services: Vec<_> = spans.iter().map(|span| span.service.as_str()).collect();
    services.sort_unstable();
    let page = ["productpage"; 3];
    assert_eq!(services, [&["client", "details"][..], &page, &["ratings", "reviews", "reviews"]].concat(), "{spans:?}");
    // What a client sent goes on as it is, so that its callers' spans are beside each other, each above that of its server.
    let (clients, servers): (Vec<_>, Vec<_>) =
        spans.iter().partition(|span| span.tag("span.kind").as_deref() == Some("client"));
    let sent: BTreeSet<_> = clients.iter().map(|span| &span.parent).collect();
    assert_eq!((clients.len(), sent.len()), (4, 1), "{spans:?}");
    let above: BTreeSet<_> = servers.iter().filter_map(|span| span.parent.as_ref()).collect();
    assert_eq!(above, clients.iter().map(|span| &span.id).collect(), "{spans:?}");
    demo.signal(Signal::INT);
    let status = demo.wait(PATIENCE + Duration::from_secs(10));
    assert!(status.success(), "{status}:\n{}", demo.stderr());
}

/// The traces of the exemplars that the demo shows by now, each with the service that was asked.
fn exemplars() -> Vec<(String, String)> {
    let metrics = METRICS.parse().expect("a socket address");
    let accept = ["Accept: application/openmetrics-text; version=1.0.0"];
    let Ok(answer) = http::request(metrics, "/metrics", &accept, PATIENCE) else { return Vec::new() };
    let quoted = |text: &str| text.split('"').next().unwrap_or_default().to_owned();
    let text = answer.text();
    let traced = text.lines().filter_map(|line| line.split_once(" # {trace_id=\""));
    let told = |(series, exemplar): (&str, &str)| {
        let (_, service) = series.split_once("destination_workload=\"")?;
        Some((quoted(exemplar), quoted(service)))
    };
    traced.filter_map(told).collect()
}

fn removes_what_a_killed_demo_left() {
    let netns = Netns::new();
    let mut gone = Command::new("true").spawn().expect("true is installed");
    gone.wait().expect("it is a child");
    let stale = cgroup::mount().join(format!("flowfold-demo-{}", gone.id()));
    let alive = cgroup::mount().join(format!("flowfold-demo-{}", std::process::id()));
    fs::create_dir_all(stale.join("client")).expect("a cgroup can be made");
    fs::create_dir(&alive).expect("a cgroup can be made");
    let demo = Launch::new(binary::flowfold()).args(["demo", "--for", "1s", "--metrics", METRICS]).inside(&netns);
    let output = demo.output();
    let left = (stale.exists(), alive.exists());
    for directory in [stale.join("client"), stale, alive] {
        // The demo has removed those that it should have.
        drop(fs::remove_dir(directory));
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(left, (false, true), "the one of a process that is gone, and that alone, is removed");
}

fn shows_all_services(table: &str) {
    for word in SERVICES.into_iter().chain(["p50", "p99"]) {
        assert!(table.contains(word), "{word} is missing in:\n{table}");
    }
    let ratings = table.lines().find(|line| line.starts_with("reviews ") && line.contains(" ratings "));
    assert!(ratings.is_some_and(|line| line.contains(" gRPC ")), "ratings speaks gRPC:\n{table}");
    assert!(!table.contains('\u{1b}'), "no terminal, no escape sequences:\n{table:?}");
}

fn open_to_all(directory: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).expect("our own directory");
}
