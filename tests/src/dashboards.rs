//! Grafana's dashboards as they are provisioned: what each panel, variable and annotation asks Prometheus.

mod variables;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

pub use variables::{Choice, Choices, Question, Variable, substitute};

/// What Grafana calls its kind of data source.
const PROMETHEUS: &str = "prometheus";

/// A dashboard.
#[derive(Clone, Debug)]
pub struct Board {
    /// The name of its file.
    pub file: String,
    /// Its variables, in their order: a variable may use those before it.
    pub variables: Vec<Variable>,
    /// What its panels and annotations ask.
    pub queries: Vec<Query>,
}

/// An expression of a panel or an annotation.
#[derive(Clone, Debug)]
pub struct Query {
    /// The title of the panel, or the name of the annotation.
    pub panel: String,
    /// The word or letter that tells it from the others of its panel; empty for an annotation.
    pub reference: String,
    /// The expression, with variables in it.
    pub text: String,
    /// How a series is called in the legend, with its labels as `{{label}}`.
    pub legend: String,
    /// The variable that the panel is repeated for, once for each of its values.
    pub repeated_for: Option<String>,
}

impl Board {
    /// Reads every dashboard of a directory.
    pub fn all(directory: &Path) -> Vec<Self> {
        let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("a directory can be read").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &Path) -> Self {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"));
        Self::parse(&file, &text).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// Reads a dashboard.
    pub fn parse(file: &str, text: &str) -> Result<Self, String> {
        let board: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let panels = board["panels"].as_array().ok_or("a dashboard has panels")?;
        let variables = list(&board["templating"]["list"]);
        let variables = variables.iter().map(Variable::parse).collect::<Result<Vec<_>, _>>()?;
        let mut queries = Vec::new();
        add_panels(panels, None, &mut queries);
        for annotation in list(&board["annotations"]["list"]) {
            let text = annotation["expr"].as_str().or_else(|| annotation["target"]["expr"].as_str());
            let Some(text) = text.filter(|_| is_of_prometheus(&annotation["datasource"])) else { continue };
            let panel = annotation["name"].as_str().unwrap_or_default().to_owned();
            let legend =
                ["titleFormat", "textFormat"].map(|key| annotation[key].as_str().unwrap_or_default()).join(" ");
            queries.push(Query { panel, reference: String::new(), text: text.to_owned(), legend, repeated_for: None });
        }
        Ok(Self { file: file.to_owned(), variables, queries })
    }

    /// What stands for its variables in every set of choices that is worth a look: the usual one, and one for each further
    /// value that the board itself lists. `ask` tells the values of a variable that Prometheus is asked for.
    pub fn choices(&self, mut ask: impl FnMut(&Question, &Choices) -> Vec<String>) -> Vec<Choices> {
        let mut usual: Choices = BTreeMap::new();
        let mut others = Vec::new();
        for variable in &self.variables {
            let asked = variable.question.as_ref().map(|question| ask(question, &usual));
            let (chosen, more) = variable.choose(asked.as_deref());
            others.extend(more.into_iter().map(|choice| (variable.name.clone(), choice)));
            usual.insert(variable.name.clone(), chosen);
        }
        let with = |(name, choice)| {
            let mut choices = usual.clone();
            choices.insert(name, choice);
            choices
        };
        let others: Vec<Choices> = others.into_iter().map(with).collect();
        [usual].into_iter().chain(others).collect()
    }
}

impl Query {
    /// The expression as Grafana sends it with these choices.
    pub fn with(&self, choices: &Choices) -> Result<String, String> {
        let Some(choice) = self.repeated_for.as_ref().and_then(|name| choices.get(name)) else {
            return substitute(&self.text, choices);
        };
        let mut choices = choices.clone();
        let repeated = self.repeated_for.clone().unwrap_or_default();
        choices.insert(repeated, choice.first());
        substitute(&self.text, &choices)
    }

    /// The labels that its legend shows.
    pub fn labels_of_legend(&self) -> Vec<String> {
        labels_in_braces(&self.legend)
    }
}

/// The words in pairs of braces, as in `{{route}}`.
fn labels_in_braces(text: &str) -> Vec<String> {
    let inside = text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}"));
    inside.map(|(label, _)| label.trim().to_owned()).collect()
}

/// Adds the queries of these panels and of those within them.
fn add_panels(panels: &[Value], repeated_for: Option<&str>, queries: &mut Vec<Query>) {
    for panel in panels {
        let repeated_for = panel["repeat"].as_str().filter(|name| !name.is_empty()).or(repeated_for);
        for target in list(&panel["targets"]) {
            let source = if target["datasource"].is_null() { &panel["datasource"] } else { &target["datasource"] };
            let Some(text) = target["expr"].as_str().filter(|_| is_of_prometheus(source)) else { continue };
            queries.push(Query {
                panel: panel["title"].as_str().unwrap_or_default().to_owned(),
                reference: target["refId"].as_str().unwrap_or_default().to_owned(),
                text: text.to_owned(),
                legend: target["legendFormat"]
                    .as_str()
                    .filter(|legend| *legend != "__auto")
                    .unwrap_or_default()
                    .to_owned(),
                repeated_for: repeated_for.map(str::to_owned),
            });
        }
        add_panels(list(&panel["panels"]), repeated_for, queries);
    }
}

/// Whether a source of data is a Prometheus: one whose kind is not told is.
fn is_of_prometheus(source: &Value) -> bool {
    source["type"].as_str().is_none_or(|kind| kind == PROMETHEUS)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOARD: &str = r#"{
        "annotations": {"list": [
            {"name": "built in", "datasource": {"type": "grafana", "uid": "-- Grafana --"}},
            {"name": "starts", "datasource": {"type": "prometheus"}, "expr": "a", "titleFormat": "{{version}}"}
        ]},
        "templating": {"list": [
            {"name": "source", "type": "datasource", "query": "prometheus"},
            {"name": "job", "type": "query", "query": {"query": "label_values(up, job)"}, "includeAll": true},
            {"name": "quantile", "type": "custom", "query": "half : 0.5, 0.99"}
        ]},
        "panels": [
            {"title": "one", "datasource": {"type": "prometheus"}, "targets": [{"expr": "b{job=~\"$job\"}"}]},
            {"title": "row", "type": "row", "repeat": "job", "panels": [
                {"title": "two", "targets": [
                    {"expr": "quantile($quantile, c{job=\"$job\"})", "legendFormat": "{{route}} of {{ server }}"},
                    {"datasource": {"type": "tempo"}, "query": "{}"}
                ]}
            ]}
        ]
    }"#;

    fn board() -> Board {
        Board::parse("sample.json", BOARD).expect("a dashboard")
    }

    #[test]
    fn all_that_asks_prometheus_is_found() {
        let queries = board().queries;
        let asked: Vec<_> = queries.iter().map(|query| (query.panel.as_str(), query.text.as_str())).collect();
        assert_eq!(
            asked,
            [("one", "b{job=~\"$job\"}"), ("two", "quantile($quantile, c{job=\"$job\"})"), ("starts", "a")]
        );
        assert_eq!(queries[1].labels_of_legend(), ["route", "server"]);
        assert_eq!(queries[2].labels_of_legend(), ["version"]);
    }

    #[test]
    fn every_listed_value_is_chosen_once() {
        let board = board();
        let choices = board.choices(|question, _| {
            assert_eq!(*question, Question::LabelValues { of: Some("up".into()), label: "job".into() });
            vec!["x.1".into(), "y".into()]
        });
        let sent = |at: usize, choice: usize| board.queries[at].with(&choices[choice]).expect("variables are known");
        assert_eq!(choices.len(), 2);
        assert_eq!(sent(0, 0), "b{job=~\"(x\\\\.1|y)\"}");
        assert_eq!(sent(1, 0), "quantile(0.5, c{job=\"x\\\\.1\"})", "a repeated panel is for one value");
        assert_eq!(sent(1, 1), "quantile(0.99, c{job=\"x\\\\.1\"})");
    }
}
