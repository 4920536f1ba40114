//! Dashboards, rules and pages name metrics and labels that the code has, and dashboards show every family of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use flowfold_e2e::binary::repository;
use flowfold_e2e::dashboards::{Board, Choices, Question, substitute};
use flowfold_e2e::promql::{Catalogue, Inspection, Labels, inspect};
use flowfold_e2e::rules::Rules;
use flowfold_fold::names;

use crate::{Test, anywhere};

pub(crate) const TESTS: &[Test] = &[
    anywhere("names_in_dashboards::dashboards_ask_for_what_is_there", dashboards_ask_for_what_is_there),
    anywhere("names_in_dashboards::rules_ask_for_what_is_there", rules_ask_for_what_is_there),
    anywhere("names_in_dashboards::every_family_is_shown", every_family_is_shown),
    anywhere("names_in_dashboards::pages_name_what_is_there", pages_name_what_is_there),
    anywhere("names_in_dashboards::what_is_wrong_is_found", what_is_wrong_is_found),
];

/// What stands for a value that only Prometheus knows: a word that can be a label's value.
const SOME_VALUE: &str = "some";

fn rules() -> Rules {
    Rules::of(&repository().join("alerts"))
}

fn boards() -> Vec<Board> {
    let boards = Board::all(&repository().join("dashboards"));
    assert!(!boards.is_empty(), "there are dashboards");
    boards
}

fn catalogue(rules: &Rules) -> Catalogue {
    let mut catalogue = Catalogue::of_the_code();
    rules.add_to(&mut catalogue);
    catalogue
}

fn dashboards_ask_for_what_is_there() {
    let catalogue = catalogue(&rules());
    let wrong: Vec<String> = boards().iter().flat_map(|board| wrong_in_board(board, &catalogue)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn rules_ask_for_what_is_there() {
    let rules = rules();
    assert!(!rules.all.is_empty(), "there are rules");
    let wrong = wrong_in_rules(&rules, &catalogue(&rules));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whatever is wrong with what a dashboard asks.
fn wrong_in_board(board: &Board, catalogue: &Catalogue) -> BTreeSet<String> {
    let mut wrong = BTreeSet::new();
    let mut say = |of: &str, problems: Vec<String>| {
        wrong.extend(problems.into_iter().map(|problem| format!("{}: {of}: {problem}", board.file)));
    };
    let sets = board.choices(|question, choices| {
        say("a variable", wrong_in_question(question, choices, catalogue));
        vec![SOME_VALUE.to_owned()]
    });
    for choices in &sets {
        for query in &board.queries {
            let Inspection { labels, mut problems, .. } = match query.with(choices) {
                Ok(text) => inspect(&text, catalogue),
                Err(error) => {
                    say(&query.panel, vec![error]);
                    continue;
                }
            };
            let shown = query.labels_of_legend();
            let unknown = shown.iter().filter(|label| *label != "__name__" && !labels.may_have(label));
            problems.extend(unknown.map(|label| format!("the legend shows {label}, which {} lacks", query.text)));
            say(&query.panel, problems);
        }
    }
    wrong
}

fn wrong_in_question(question: &Question, choices: &Choices, catalogue: &Catalogue) -> Vec<String> {
    let with = |text: &str| substitute(text, choices).map(|text| inspect(&text, catalogue));
    match question {
        Question::LabelValues { of: None, .. } => Vec::new(),
        Question::LabelValues { of: Some(of), label } => match with(of) {
            Ok(Inspection { labels, problems, .. }) if problems.is_empty() && !labels.may_have(label) => {
                vec![format!("there is no label {label} in {of}")]
            }
            Ok(inspection) => inspection.problems,
            Err(error) => vec![error],
        },
        Question::QueryResult(text) => with(text).map_or_else(|error| vec![error], |inspection| inspection.problems),
    }
}

/// Whatever is wrong with what rules ask and show.
fn wrong_in_rules(rules: &Rules, catalogue: &Catalogue) -> Vec<String> {
    let mut wrong = Vec::new();
    for rule in &rules.all {
        let Inspection { labels, mut problems, .. } = inspect(&rule.text, catalogue);
        let labels: Labels = labels.with(&rule.labels);
        let unknown = rule.shown.iter().filter(|label| !labels.may_have(label));
        problems.extend(unknown.map(|label| format!("it shows the label {label}, which it does not have")));
        wrong.extend(problems.into_iter().map(|problem| format!("{}: {}: {problem}", rule.file, rule.name)));
    }
    wrong
}

fn every_family_is_shown() {
    let catalogue = catalogue(&rules());
    let shown: BTreeSet<&str> = boards().iter().flat_map(|board| families_of(board, &catalogue)).collect();
    let all = names::ALL.into_iter().chain(names::CHOSEN).map(|metric| metric.name);
    let hidden: Vec<&str> = all.filter(|name| !shown.contains(name)).collect();
    assert!(hidden.is_empty(), "no dashboard shows {}", hidden.join(", "));
}

/// The families that panels of a dashboard show, directly or by what rules record.
fn families_of(board: &Board, catalogue: &Catalogue) -> BTreeSet<&'static str> {
    let sets = board.choices(|_, _| vec![SOME_VALUE.to_owned()]);
    let texts = sets.iter().flat_map(|choices| board.queries.iter().filter_map(|query| query.with(choices).ok()));
    let names: BTreeSet<String> = texts.flat_map(|text| inspect(&text, catalogue).names).collect();
    names.iter().flat_map(|name| catalogue.families(name)).collect()
}

fn pages_name_what_is_there() {
    let (catalogue, others) = (catalogue(&rules()), names_of_other_things());
    let mut wrong = Vec::new();
    for path in pages() {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let found = wrong_in_page(&text, &catalogue, &others);
        wrong.extend(found.into_iter().map(|problem| format!("{}: {problem}", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The pages for users: the README, and those beside dashboards, rules and what deploys them.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![repository().join("README.md")];
    for directory in ["alerts", "alerts/runbooks", "dashboards", "deploy"] {
        let Ok(entries) = fs::read_dir(repository().join(directory)) else { continue };
        let paths = entries.map(|entry| entry.expect("a directory can be read").path());
        pages.extend(paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    pages
}

/// The words of these files are names of other things: of crates, keys of the configuration, thresholds and programs.
const OF_OTHER_THINGS: [&str; 5] = [
    "Cargo.toml",
    "alerts/recording.yml",
    "alerts/thresholds.yml",
    "ebpf/redirect/src/object.rs",
    "exporter/agent/src/config/example.rs",
];

fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    text.split(move |letter: char| !is_word(letter)).map(|word| word.trim_matches(':'))
}

fn names_of_other_things() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in OF_OTHER_THINGS {
        let text = fs::read_to_string(repository().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        // crates are called with an underscore where their log is asked for
        names.extend(words(&text.replace("flowfold-", "flowfold_")).map(str::to_owned));
    }
    names
}

/// Whatever is wrong with the names that a page spells out, and with the `PromQL` in its code blocks that say so.
fn wrong_in_page(text: &str, catalogue: &Catalogue, others: &BTreeSet<String>) -> BTreeSet<String> {
    let all = || names::ALL.into_iter().chain(names::CHOSEN);
    let known: BTreeSet<&str> = all().flat_map(|metric| [&[metric.name], metric.labels].concat()).collect();
    let with_first_words = all().filter(|metric| **metric != names::TARGET_INFO);
    let first_words: BTreeSet<&str> =
        with_first_words.filter_map(|metric| Some(metric.name.split_once('_')?.0)).collect();
    let mut wrong = BTreeSet::new();
    for word in words(text) {
        let first = word.split_once('_').map(|(first, _)| first);
        // `rpc_` is what names begin with
        if !first.is_some_and(|first| first_words.contains(first)) || word.ends_with('_') {
            continue;
        }
        if !known.contains(word) && catalogue.labels(word).is_none() && !others.contains(word) {
            wrong.insert(format!("nothing is called {word}"));
        }
    }
    for block in text.split("```promql\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        wrong.extend(inspect(block, catalogue).problems);
    }
    wrong
}

fn what_is_wrong_is_found() {
    let catalogue = Catalogue::of_the_code();
    let board = |query: &str| {
        let text = r#"{"templating": {"list": [
            {"name": "job", "type": "query", "query": "label_values(VARIABLE)", "includeAll": true},
            {"name": "by", "type": "custom", "query": "api,topic"}
        ]}, "panels": [{"title": "a", "targets": [{"expr": "EXPR", "legendFormat": "{{LEGEND}}"}]}]}"#;
        let mut parts = query.split(" | ");
        let mut text = text.to_owned();
        for part in ["VARIABLE", "EXPR", "LEGEND"] {
            text = text.replace(part, parts.next().unwrap_or("job"));
        }
        let board = Board::parse("a.json", &text).expect("a dashboard");
        (wrong_in_board(&board, &catalogue).len(), families_of(&board, &catalogue))
    };
    let right = "up, job | sum by ($by) (rate(kafka_requests_total{job=~'$job'}[$__rate_interval])) | api";
    // the legend fits one of the two values that are listed
    assert_eq!(board(right), (1, BTreeSet::from(["kafka_requests_total"])));
    for wrong in [
        "gone, job | up | job",
        "up, pod | up | job",
        "up, job | sum(rate(kafka_request_total[5m])) | __name__",
        "up, job | kafka_consumer_lag{workload='a'} | job",
        "up, job | up{job='$workload'} | job",
        "up, job | sum by (job) (up) | instance",
        "up, job | kafka_records_total{topic=~'[[by]]', reporter='$__rate_interval'} | group",
    ] {
        assert_eq!(board(wrong).0, 1, "{wrong}");
    }
    let rule = |rule: &str| {
        let text = format!("groups: [{{name: a, rules: [{rule}]}}]");
        wrong_in_rules(&Rules::parse([("a.yml".to_owned(), text)]).expect("rules"), &catalogue).len()
    };
    assert_eq!(rule("{alert: A, expr: up == 0, annotations: {summary: '{{ $labels.job }}'}}"), 0);
    assert_eq!(rule("{alert: A, expr: up == 0, annotations: {summary: '{{ $labels.pod }}'}}"), 1);
    assert_eq!(rule("{record: a, expr: sum(flowfold_gone)}"), 1);
    let others = BTreeSet::from(["kafka_lag".to_owned()]);
    let page = |text: &str| wrong_in_page(text, &catalogue, &others).len();
    assert_eq!(
        page("`kafka_requests_total` by `http_route`, all of `rpc_`, `kafka_throttle_seconds_bucket`, kafka_lag"),
        0
    );
    assert_eq!(page("`kafka_requests`, `http_server_request_duration`"), 2);
    assert_eq!(page("```promql\nsum by (pod) (up)\n```\n"), 1);
}
