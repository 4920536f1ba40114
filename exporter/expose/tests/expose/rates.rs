//! Hours of scrapes, on a clock of their own, and what the `rate()` of a real Prometheus makes of them: whatever expires,
//! overflows, returns or starts anew, no query shows traffic that there was not.
//!
//! Each history is given to `promtool test rules` as series, beside `sent_total`: what was really sent. Prometheus marks
//! a series that a scrape has no more as stale, and so does the history.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowfold_expose::{Encoder, Format, encode};
use flowfold_flow::{ConnectionInfo, FlowSink, Reporters};
use flowfold_fold::{Fold, FoldOptions, Shard, View};

use crate::promtool::promtool;
use crate::store::{answered, connection};

/// The time between two scrapes.
const STEP: Duration = Duration::from_secs(15);

/// Scrapes in an hour.
const HOUR: usize = 240;

/// Each exchange takes so long: whatever happens, the mean says so.
const DURATION: Duration = Duration::from_millis(16);

const COUNT: &str = "http_server_request_duration_seconds_count";
const SUM: &str = "http_server_request_duration_seconds_sum";
const EDGES: &str = "traces_service_graph_request_total";
const EXPIRED: &str = "flowfold_series_expired_exchanges_total{family=\"http_server_request_duration_seconds\"}";
const OVERFLOW: &str = "http_server_request_duration_seconds_count{otel_metric_overflow=\"true\"}";

/// An agent under traffic; its connections stay open as long as it lives.
struct Agent {
    fold: Arc<Fold>,
    shard: Shard,
    open: BTreeMap<&'static str, (Arc<ConnectionInfo>, <Shard as FlowSink>::Connection)>,
}

impl Agent {
    fn start(max_series: usize) -> Self {
        let views = vec![View::OpenTelemetry, View::ServiceGraph];
        let fold = Fold::new(FoldOptions { views, max_series, ..FoldOptions::default() });
        let shard = fold.shard();
        Self { fold, shard, open: BTreeMap::new() }
    }

    fn send(&mut self, server: &'static str, status: u16, times: u32) {
        let (info, open) = self.open.entry(server).or_insert_with(|| {
            let info = connection(Reporters::SERVER, server);
            let open = self.shard.opened(&info);
            (info, open)
        });
        (0..times).for_each(|_| self.shard.exchange(open, &answered(info, status, DURATION)));
    }

    /// The start of a server's first series, as `OpenMetrics` tells it.
    fn created(&self, server: &str) -> String {
        let mut out = Vec::new();
        let snapshot = self.fold.snapshot();
        Encoder::new(&snapshot, Format::OpenMetrics100).with_created_lines(true).write(&mut out, usize::MAX);
        let text = String::from_utf8(out).unwrap();
        let is_it =
            |line: &&str| line.starts_with("http_server_request_duration_seconds_created") && line.contains(server);
        text.lines().find(is_it).unwrap().rsplit(' ').next().unwrap().to_owned()
    }
}

/// Scrapes one after the other.
#[derive(Clone, Debug, Default)]
struct History {
    scrapes: usize,
    /// The values of each series; none where a scrape has none.
    series: BTreeMap<String, Vec<Option<f64>>>,
    sent: BTreeMap<&'static str, f64>,
}

impl History {
    /// So many scrapes of an agent, before each of which there are the exchanges that `traffic` names: to whom, answered
    /// with which status, how many.
    fn run<T>(&mut self, agent: &mut Agent, start: Instant, scrapes: usize, mut traffic: T)
    where
        T: FnMut(usize) -> Vec<(&'static str, u16, u32)>,
    {
        for _ in 0..scrapes {
            for (server, status, times) in traffic(self.scrapes) {
                agent.send(server, status, times);
                *self.sent.entry(server).or_default() += f64::from(times);
            }
            agent.fold.expire(start + STEP * u32::try_from(self.scrapes).unwrap());
            let mut text = Vec::new();
            encode(&agent.fold.snapshot(), Format::Text004, &mut text);
            self.add(&String::from_utf8(text).unwrap());
        }
    }

    fn add(&mut self, text: &str) {
        for line in text.lines().filter(|line| [COUNT, SUM, EDGES, EXPIRED].iter().any(|name| line.starts_with(name))) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            self.set(series.to_owned(), value.parse().unwrap());
        }
        for (server, sent) in self.sent.clone() {
            self.set(format!("sent_total{{destination_workload=\"{server}\"}}"), sent);
        }
        self.scrapes += 1;
    }

    fn set(&mut self, series: String, value: f64) {
        let values = self.series.entry(series).or_default();
        values.resize(self.scrapes, None);
        values.push(Some(value));
    }

    /// The values as promtool reads them.
    fn values(&self, values: &[Option<f64>]) -> String {
        let mut before = None;
        let value = |at: usize| {
            let now = values.get(at).copied().flatten();
            let text = match (now, before) {
                (Some(value), _) => value.to_string(),
                (None, Some(_)) => "stale".to_owned(),
                (None, None) => "_".to_owned(),
            };
            before = now;
            text
        };
        (0..self.scrapes).map(value).collect::<Vec<_>>().join(" ")
    }

    /// Lets Prometheus look for each of these lies at every scrape from `from` on. Returns what it found; nothing where
    /// promtool is not installed.
    fn lies(&self, from: usize, lies: &[&str]) -> Option<String> {
        let series: Vec<_> = self
            .series
            .iter()
            .map(|(series, values)| serde_json::json!({ "series": series, "values": self.values(values) }))
            .collect();
        let seconds = |scrapes: usize| format!("{}s", scrapes as u64 * STEP.as_secs());
        // Half an hour in each query: promtool takes no more samples in one.
        let starts = (from..self.scrapes - 1).step_by(HOUR / 2);
        let part = |start: usize| (start, (start + HOUR / 2).min(self.scrapes - 1));
        let test = |((start, end), lie): ((usize, usize), &&str)| {
            let expr = format!("count_over_time(({lie})[{}:15s])", seconds(end - start));
            serde_json::json!({ "expr": expr, "eval_time": seconds(end), "exp_samples": [] })
        };
        let parts = lies.iter().flat_map(|lie| starts.clone().map(move |start| (part(start), lie)));
        let tests: Vec<_> = parts.map(test).collect();
        let all = serde_json::json!({
            "rule_files": [],
            "evaluation_interval": "15s",
            "tests": [{ "interval": "15s", "input_series": series, "promql_expr_test": tests }],
        });
        // JSON is YAML.
        let (is_content, said) = promtool(&["test", "rules", "/dev/stdin"], all.to_string().as_bytes())?;
        assert_eq!(is_content, !said.contains("FAILED"), "{said}");
        Some(if is_content { String::new() } else { said })
    }

    /// Panics where Prometheus would be told of one of these lies.
    #[track_caller]
    fn expect_none(&self, from: usize, lies: &[&str]) {
        let found = self.lies(from, lies).unwrap_or_default();
        assert!(found.is_empty(), "{found}");
    }
}

/// Whether this lie is among those that were found.
fn tells(found: &str, lie: &str) -> bool {
    found.contains(&lie.replace('"', "\\\""))
}

/// What is shown and what has expired is not what was sent.
const BOOKS: &str = "sum(http_server_request_duration_seconds_count) \
                     + sum(flowfold_series_expired_exchanges_total) - sum(sent_total) != 0";

/// Somebody is shown with more than was sent to him.
const MORE_OF_ONE: &str = "sum by (destination_workload) (rate(http_server_request_duration_seconds_count[5m])) \
                           - sum by (destination_workload) (rate(sent_total[5m])) > 1e-6";

/// All together are shown with more than was sent.
const MORE_OF_ALL: &str =
    "sum(rate(http_server_request_duration_seconds_count[5m])) - sum(rate(sent_total[5m])) > 1e-6";

/// The same over an hour, beyond what Prometheus adds by itself where a series begins or ends within it: half the time
/// between two scrapes, at the mean rate.
const MORE_IN_AN_HOUR: &str = "sum(increase(http_server_request_duration_seconds_count[1h])) \
                               > 1.02 * sum(increase(sent_total[1h]))";

/// The mean is not what it is.
const OTHER_MEAN: &str = "abs(sum(rate(http_server_request_duration_seconds_sum[5m])) \
                          / sum(rate(http_server_request_duration_seconds_count[5m])) - 0.016) > 1e-6";

/// A count fell.
const FALLEN: &str = "sum(resets(http_server_request_duration_seconds_count[5m])) > 0 \
                      or sum(resets(traces_service_graph_request_total[5m])) > 0 \
                      or sum(resets(flowfold_series_expired_exchanges_total[5m])) > 0";

/// Who is always sent two a second is shown with something else.
const UNSTEADY: &str =
    "abs(rate(http_server_request_duration_seconds_count{destination_workload=\"steady\"}[5m]) - 2) > 1e-6";

/// An edge that is made of several label sets is not shown with what was sent.
const WRONG_EDGE: &str = "abs(rate(traces_service_graph_request_total{server=\"mixed\"}[5m]) \
                          - on() rate(sent_total{destination_workload=\"mixed\"}[5m])) > 1e-6";

/// When the first five minutes are over.
const WARM: usize = 21;

/// A server under steady traffic, one that comes and goes, and one whose errors come and go.
fn coming_and_going(scrape: usize) -> Vec<(&'static str, u16, u32)> {
    let minute = scrape / 4;
    let mut traffic = vec![("steady", 200, 30), ("mixed", 200, 3)];
    // For ten minutes in each hour; it expires in between, and returns with little and with much.
    if minute % 60 < 10 {
        traffic.push(("guest", 200, if minute < 60 { 300 } else { 1 }));
    }
    if (3..20).contains(&minute) || (100..110).contains(&minute) {
        traffic.push(("mixed", 503, 40));
    }
    traffic
}

fn comings_and_goings() -> History {
    let (mut agent, mut history) = (Agent::start(20_000), History::default());
    history.sent = ["steady", "mixed", "guest"].map(|server| (server, 0.0)).into();
    history.run(&mut agent, Instant::now(), 3 * HOUR, coming_and_going);
    history
}

#[test]
fn what_expires_and_returns_is_no_traffic() {
    let history = comings_and_goings();
    let gone = history.series.iter().filter(|(_, values)| values.contains(&None)).count();
    assert!(gone >= 4, "the guest and the errors of `mixed` expire, each with a count and a sum: {gone}");
    history.expect_none(0, &[BOOKS, MORE_OF_ONE, MORE_OF_ALL, MORE_IN_AN_HOUR, OTHER_MEAN, FALLEN]);
    history.expect_none(WARM, &[UNSTEADY, WRONG_EDGE]);
}

#[test]
fn a_history_that_lies_is_found_out() {
    // Counts of what expired show up in the overflow series, which a rate() takes for traffic.
    let mut lying = comings_and_goings();
    let mut folded = vec![0.0; lying.scrapes];
    for (series, values) in &mut lying.series {
        values.resize(lying.scrapes, None);
        if !series.starts_with(COUNT) {
            continue;
        }
        for at in 1..lying.scrapes {
            if let (Some(last), None) = (values[at - 1], values[at]) {
                folded[at..].iter_mut().for_each(|sum| *sum += last);
            }
        }
    }
    lying.series.insert(OVERFLOW.to_owned(), folded.into_iter().map(Some).collect());
    let Some(found) = lying.lies(0, &[MORE_OF_ALL, MORE_IN_AN_HOUR]) else { return };
    assert!(tells(&found, MORE_OF_ALL) && tells(&found, MORE_IN_AN_HOUR), "{found}");

    // A label set that leaves a sum takes its count with it.
    let mut falling = comings_and_goings();
    let edge = falling.series.iter_mut().find(|(series, _)| series.contains("server=\"mixed\"")).unwrap().1;
    edge.iter_mut().skip(HOUR).flatten().for_each(|value| *value -= 1000.0);
    let found = falling.lies(WARM, &[FALLEN, WRONG_EDGE, UNSTEADY]).unwrap();
    assert!(tells(&found, FALLEN) && tells(&found, WRONG_EDGE) && !tells(&found, UNSTEADY), "{found}");
}

#[test]
fn an_overflow_that_begins_is_no_traffic_of_others() {
    let names = ["steady", "mixed", "a", "b", "c", "d", "e", "f"];
    // Room for the label sets of four servers: the answers' and those of the time to first byte.
    let (mut agent, mut history) = (Agent::start(9), History::default());
    history.sent = names.map(|server| (server, 0.0)).into();
    history.run(&mut agent, Instant::now(), 2 * HOUR, |scrape| {
        let minute = scrape / 4;
        let mut traffic = vec![("steady", 200, 30), ("mixed", 200, 3)];
        // One more each five minutes; all stop after an hour, so that there is room again, and some return.
        let others = names.iter().skip(2).enumerate().filter(|(number, _)| match minute {
            0..60 => minute >= 5 * (number + 1),
            60..90 => false,
            _ => *number > 3,
        });
        traffic.extend(others.map(|(_, server)| (*server, 200, 10)));
        traffic
    });
    let overflow = &history.series[OVERFLOW];
    assert!(overflow.last().unwrap().unwrap() > 1000.0, "there is an overflow: {overflow:?}");
    let late =
        history.series.iter().filter(|(series, _)| series.starts_with(COUNT) && series.contains("\"f\"")).count();
    assert_eq!(late, 1, "who overflowed has a series of its own once there is room");
    history.expect_none(0, &[BOOKS, MORE_OF_ONE, MORE_OF_ALL, MORE_IN_AN_HOUR, OTHER_MEAN, FALLEN]);
    history.expect_none(WARM, &[UNSTEADY]);
}

#[test]
fn a_restart_is_a_reset_of_counts() {
    let (mut agent, mut history) = (Agent::start(20_000), History::default());
    history.sent = ["steady", "mixed", "guest"].map(|server| (server, 0.0)).into();
    let start = Instant::now();
    // Between the guest's visits, and while it is there.
    history.run(&mut agent, start, HOUR + 20, coming_and_going);
    let created = agent.created("guest");
    let sent_before = history.sent.values().sum::<f64>();
    let mut agent = Agent::start(20_000);
    history.run(&mut agent, start, HOUR, coming_and_going);
    assert!(agent.created("steady") > created, "the new agent's counts began later");
    // What the new one shows began with it.
    history.sent.insert("before", 0.0);
    history.expect_none(0, &[MORE_OF_ONE, MORE_OF_ALL, MORE_IN_AN_HOUR, OTHER_MEAN]);
    history.expect_none(WARM, &[UNSTEADY, WRONG_EDGE]);
    let books = format!("({BOOKS}) != -{sent_before}");
    history.expect_none(HOUR + 20, &[&books]);
    let resets = "sum(resets(http_server_request_duration_seconds_count{destination_workload=\"steady\"}[1h])) != 1";
    history.expect_none(2 * HOUR + 10, &[resets]);
}
