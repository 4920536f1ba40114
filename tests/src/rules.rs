//! Prometheus' rule files: what is recorded, and what is alerted on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::mem;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::promql::{Catalogue, Labels, inspect};

/// How many rules may stand on one another.
const DEPTH: usize = 5;

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The name of its file.
    pub file: String,
    /// The name that it records, or the one of the alert.
    pub name: String,
    /// Whether it records.
    pub records: bool,
    /// Its expression.
    pub text: String,
    /// The labels that it puts on its series.
    pub labels: Vec<String>,
    /// The labels that its texts for people show.
    pub shown: Vec<String>,
}

/// The rules of a repository, and the files that they are in.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Every rule.
    pub all: Vec<Rule>,
    files: Vec<(String, Value)>,
}

impl Rules {
    /// Reads every rule file of a directory.
    pub fn of(directory: &Path) -> Self {
        let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a directory can be read").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml"));
        paths.sort();
        let read = |path: &PathBuf| {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"));
            (file, text)
        };
        Self::parse(paths.iter().map(read)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Reads rule files: their names and what is in them.
    pub fn parse(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        let mut rules = Self { all: Vec::new(), files: Vec::new() };
        for (file, text) in files {
            let read: Value = serde_saphyr::from_str(&text).map_err(|error| format!("{file}: {error}"))?;
            let groups = read["groups"].as_array().ok_or_else(|| format!("{file} has no groups of rules"))?;
            for rule in groups.iter().filter_map(|group| group["rules"].as_array()).flatten() {
                rules.all.push(Rule::parse(&file, rule).ok_or_else(|| format!("{file}: no rule: {rule}"))?);
            }
            rules.files.push((file, read));
        }
        Ok(rules)
    }

    /// Adds what they record to the names that there are. Of what is recorded of no series, as in `vector(1)`, an operator
    /// can record more with labels of his own: it may have any.
    pub fn add_to(&self, catalogue: &mut Catalogue) {
        let recorded = || self.all.iter().filter(|rule| rule.records);
        for rule in recorded() {
            catalogue.record(&rule.name, Labels::Any, BTreeSet::new());
        }
        for _ in 0..DEPTH {
            let mut found: BTreeMap<&str, (Labels, BTreeSet<&'static str>)> = BTreeMap::new();
            for rule in recorded() {
                let inspection = inspect(&rule.text, catalogue);
                let is_setting = inspection.names.is_empty();
                let labels = if is_setting { Labels::Any } else { inspection.labels.with(&rule.labels) };
                let (known, families) = found.entry(&rule.name).or_insert((Labels::none(), BTreeSet::new()));
                *known = mem::replace(known, Labels::Any).or(labels);
                families.extend(inspection.names.iter().flat_map(|name| catalogue.families(name)));
            }
            for (name, (labels, families)) in found {
                catalogue.record(name, labels, families);
            }
        }
    }

    /// Writes them where a Prometheus can read them, to be evaluated as often as it says itself. Returns the pattern of
    /// the files' names.
    pub fn write_hurried(&self, directory: &Path) -> PathBuf {
        fs::create_dir_all(directory).expect("a directory for rules");
        for (file, read) in &self.files {
            let mut read = read.clone();
            for group in read["groups"].as_array_mut().into_iter().flatten() {
                group.as_object_mut().map(|group| group.remove("interval"));
            }
            // JSON is YAML
            fs::write(directory.join(file), read.to_string()).expect("rules can be written");
        }
        directory.join("*.y*ml")
    }
}

impl Rule {
    fn parse(file: &str, rule: &Value) -> Option<Self> {
        let text = |key: &str| rule[key].as_str().map(str::to_owned);
        let record = text("record");
        let texts = |key: &str| rule[key].as_object().into_iter().flatten();
        let shown = texts("annotations").chain(texts("labels")).filter_map(|(_, text)| text.as_str());
        Some(Self {
            file: file.to_owned(),
            records: record.is_some(),
            name: record.or_else(|| text("alert"))?,
            text: text("expr")?,
            labels: texts("labels").map(|(name, _)| name.clone()).collect(),
            shown: shown.flat_map(shown_labels).collect(),
        })
    }
}

/// The labels that a template of Go's shows, as `$labels.name`.
fn shown_labels(text: &str) -> Vec<String> {
    let names = text.split("$labels.").skip(1);
    let end = |name: &str| name.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    names.map(|name| end(name).map_or(name, |end| &name[..end]).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r"
groups:
  - name: sample
    interval: 1m
    rules:
      - record: job:errors:rate5m
        expr: job:b:rate5m / 2
        labels: {kind: x}
      - record: job:b:rate5m
        expr: sum by (job) (rate(kafka_requests_total[5m]))
      - record: job:b:rate5m
        expr: sum by (topic) (rate(kafka_records_total[5m]))
      - record: setting
        expr: vector(1)
      - alert: Bad
        expr: job:errors:rate5m > 1
        annotations: {summary: '{{ $labels.job }} of {{$labels.kind}} is bad'}
";

    fn rules() -> Rules {
        Rules::parse([("sample.yml".to_owned(), FILE.to_owned())]).expect("rules")
    }

    #[test]
    fn what_is_recorded_has_labels_and_families() {
        let mut catalogue = Catalogue::of_the_code();
        rules().add_to(&mut catalogue);
        assert_eq!(catalogue.labels("job:b:rate5m"), Some(&Labels::these(["job", "topic"])));
        assert_eq!(catalogue.labels("job:errors:rate5m"), Some(&Labels::these(["job", "kind", "topic"])));
        let families = catalogue.families("job:errors:rate5m");
        assert_eq!(families, BTreeSet::from(["kafka_records_total", "kafka_requests_total"]));
        assert_eq!(catalogue.labels("setting"), Some(&Labels::Any));
    }

    #[test]
    fn what_people_are_shown_is_known() {
        assert_eq!(rules().all[4].shown, ["job", "kind"]);
    }

    #[test]
    fn groups_are_hurried() {
        let directory = tempfile::tempdir().expect("a directory");
        rules().write_hurried(directory.path());
        let written = fs::read_to_string(directory.path().join("sample.yml")).expect("rules were written");
        assert!(!written.contains("interval") && written.contains("job:b:rate5m"), "{written}");
    }

    #[test]
    fn other_files_are_refused() {
        assert!(Rules::parse([("x.yml".to_owned(), "tests: []".to_owned())]).is_err());
        assert!(Rules::parse([("x.yml".to_owned(), "groups: [{rules: [{expr: a}]}]".to_owned())]).is_err());
    }
}
