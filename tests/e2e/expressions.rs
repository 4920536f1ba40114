//! Every expression of every dashboard and rule, evaluated by a Prometheus: each returns data.
//!
//! Twice: under the demo, which has what a newcomer sees first, and under exchanges of every kind, which have the rest. What
//! has no data is on a list with its reason. An alert has nothing to say while all is well, so that it is evaluated
//! without its conditions.

mod everything;
mod excuses;
mod traffic;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use flowfold_e2e::agent::METRICS;
use flowfold_e2e::binary::{self, repository};
use flowfold_e2e::dashboards::{Board, Choices, Question};
use flowfold_e2e::eventually::within;
use flowfold_e2e::peers::prometheus::Prometheus;
use flowfold_e2e::promql::{Catalogue, claims, inspect, parse, unconditional};
use flowfold_e2e::rules::Rules;
use flowfold_e2e::world::World;
use rustix::process::Signal;

use self::everything::Everything;
use self::excuses::Excuses;
use crate::{Test, anywhere, with_go};

pub(crate) const TESTS: &[Test] = &[
    anywhere("expressions::an_excuse_holds_for_what_it_names", excuses::an_excuse_holds_for_what_it_names),
    with_go("expressions::return_data_under_the_demo", return_data_under_the_demo),
    with_go("expressions::return_data_under_everything", return_data_under_everything),
];

/// So many scrapes make rates, and what rules record of them.
const SCRAPES: f64 = 4.0;

/// How long they may take where the machine has much else to do.
const SCRAPING: Duration = Duration::from_mins(1);

/// How long expressions without data are asked again. What is slow here is to show everything once.
const PATIENCE: Duration = Duration::from_secs(40);

/// How long the demo may take to end.
const END: Duration = Duration::from_secs(30);

/// Further rules under everything.
const OWN_THRESHOLDS: &str = "tests/e2e/expressions/own_thresholds.yml";

/// How much is asked of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    /// It returns data.
    Whole,
    /// So does each of its alternatives.
    Claims,
}

/// Expressions that have to return data, each with the panels and rules that it is of.
type Expressions = BTreeMap<String, BTreeSet<String>>;

/// What the repository asks Prometheus.
struct Subject {
    boards: Vec<Board>,
    rules: Rules,
    catalogue: Catalogue,
}

impl Subject {
    fn of_repository() -> Self {
        let rules = Rules::of(&repository().join("alerts"));
        let boards = Board::all(&repository().join("dashboards"));
        assert!(!boards.is_empty() && !rules.all.is_empty(), "there are dashboards and rules");
        let mut catalogue = Catalogue::of_the_code();
        rules.add_to(&mut catalogue);
        Self { boards, rules, catalogue }
    }

    /// Every expression, with variables as Grafana fills them in.
    fn expressions(&self, prometheus: &Prometheus<'_>, depth: Depth) -> Expressions {
        let mut all = BTreeMap::new();
        for board in &self.boards {
            let name = board.file.trim_end_matches(".json");
            for choices in board.choices(|question, choices| values(prometheus, question, choices)) {
                for query in &board.queries {
                    let text = query.with(&choices).unwrap_or_else(|error| panic!("{name}: {}: {error}", query.panel));
                    let label = format!("{name}: {} {}", query.panel, query.reference).trim_end().to_owned();
                    Self::add(&mut all, &label, &text, depth);
                    all.entry(text).or_default().insert(label);
                }
            }
        }
        for rule in &self.rules.all {
            Self::add(&mut all, &rule.name, &rule.text, depth);
        }
        all
    }

    /// Adds what an expression claims.
    fn add(all: &mut Expressions, label: &str, text: &str, depth: Depth) {
        let expr = parse(text).unwrap_or_else(|error| panic!("{label}: {error}"));
        let texts = match depth {
            Depth::Whole => {
                // What guards a division goes with the conditions, and the demo may open no connection within the time of
                // a rate: that there are series to divide is asked then.
                let bare = unconditional(&expr);
                BTreeSet::from([if bare == expr.to_string() { bare } else { format!("count({bare})") }])
            }
            Depth::Claims => claims(&expr),
        };
        for text in texts {
            all.entry(text).or_default().insert(label.to_owned());
        }
    }

    /// The families that an expression reads, directly or by what is recorded of them.
    fn families(&self, text: &str) -> BTreeSet<&'static str> {
        let names = inspect(text, &self.catalogue).names;
        names.iter().flat_map(|name| self.catalogue.families(name)).collect()
    }
}

/// The values of a variable, in Grafana's order.
fn values(prometheus: &Prometheus<'_>, question: &Question, choices: &Choices) -> Vec<String> {
    let with =
        |text: &str| flowfold_e2e::dashboards::substitute(text, choices).unwrap_or_else(|error| panic!("{error}"));
    match question {
        Question::LabelValues { of, label } => {
            let of = of.as_ref().map_or_else(|| format!("{{{label}!=\"\"}}"), |of| with(of));
            // as Grafana, which asks for series of a time, not of a moment
            let series = prometheus.series(&format!("group by ({label}) (last_over_time({of}[5m]))"));
            let mut values: Vec<String> =
                series.into_iter().filter_map(|(mut labels, _)| labels.remove(label)).collect();
            values.sort();
            values
        }
        Question::QueryResult(text) => {
            prometheus.series(&with(text)).into_iter().map(|(labels, value)| format!("{labels:?} {value}")).collect()
        }
    }
}

fn return_data_under_the_demo() {
    let world = World::new();
    let command = world.beside(binary::flowfold()).args(["demo", "--metrics", METRICS]);
    let mut demo = command.start(world.directory(), "demo");
    all_return_data(&world, "demo", Depth::Whole);
    demo.signal(Signal::INT);
    let status = demo.wait(END);
    assert!(status.success(), "{status}:\n{}", demo.stderr());
}

fn return_data_under_everything() {
    let world = World::new();
    let rules = rules(&world);
    fs::create_dir_all(&rules).expect("a directory for rules");
    fs::copy(repository().join(OWN_THRESHOLDS), rules.join("own.yml")).expect("thresholds are there");
    let _everything = Everything::serve(&world.host, METRICS.parse().expect("a socket address"));
    all_return_data(&world, "everything", Depth::Claims);
}

fn rules(world: &World) -> PathBuf {
    world.directory().join("rules")
}

fn all_return_data(world: &World, place: &str, depth: Depth) {
    let subject = Subject::of_repository();
    let rules = subject.rules.write_hurried(&rules(world));
    let prometheus = Prometheus::start_with_rules(world, &rules);
    within(SCRAPING, "enough scrapes", || {
        prometheus.query("sum_over_time(up[5m])").first().is_some_and(|count| *count >= SCRAPES).then_some(())
    });
    let mut excuses = Excuses::read(place);
    let expressions = subject.expressions(&prometheus, depth);
    let mut wrong = without_data(&prometheus, &subject, &expressions, &mut excuses);
    for pattern in excuses.patterns() {
        let found = prometheus.series(&format!("group by (__name__) ({{__name__=~\"{pattern}\"}})"));
        wrong.extend(found.into_iter().map(|(labels, _)| format!("{labels:?} is excused in {place}, and has data")));
    }
    wrong.extend(excuses.stale());
    assert!(wrong.is_empty(), "of {} expressions:\n{}", expressions.len(), wrong.join("\n"));
}

/// Evaluates expressions until each has returned data or need not. Returns what is wrong with the others.
fn without_data(
    prometheus: &Prometheus<'_>,
    subject: &Subject,
    expressions: &Expressions,
    excuses: &mut Excuses,
) -> Vec<String> {
    let start = Instant::now();
    let mut pending: Vec<(&String, String)> = expressions.keys().map(|text| (text, String::new())).collect();
    loop {
        for (text, why) in &mut pending {
            *why = match prometheus.try_query(text) {
                Err(error) => error,
                Ok(values) if values.iter().any(|value| value.is_finite()) => String::new(),
                Ok(values) => format!("returns {values:?}"),
            };
        }
        pending.retain(|(_, why)| !why.is_empty());
        let mut wrong = Vec::new();
        excuses.begin_round();
        for (text, why) in &pending {
            let (labels, families) = (&expressions[*text], subject.families(text));
            // all that lack it have to be excused
            let held: Vec<bool> = labels.iter().map(|label| excuses.hold(label, &families)).collect();
            if held.contains(&false) {
                wrong.push(format!("{labels:?} {why}: {text}"));
            }
        }
        if wrong.is_empty() || start.elapsed() > PATIENCE {
            return wrong;
        }
        thread::sleep(Duration::from_secs(1));
    }
}
