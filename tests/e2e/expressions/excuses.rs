//! The short list of what has no data, with reasons.

use std::collections::BTreeSet;
use std::fs;

use flowfold_e2e::binary::repository;
use serde_json::Value;

/// Beside this file.
const LIST: &str = "tests/e2e/expressions/without_data.yml";

/// A reason why something has no data.
#[derive(Debug)]
struct Excuse {
    /// A pattern of names with one `*`, or a place.
    of: String,
    is_used: bool,
}

/// What has no data in one place. An entry that is of no use is found.
#[derive(Debug)]
pub(super) struct Excuses {
    place: String,
    /// Of every expression that reads a family.
    families: Vec<Excuse>,
    /// Of one expression, called `board: panel reference` or by the name of its rule.
    expressions: Vec<Excuse>,
}

impl Excuses {
    /// Those for this place of the repository's list.
    pub(super) fn read(place: &str) -> Self {
        let text = fs::read_to_string(repository().join(LIST)).expect("the list is there");
        Self::parse(place, &text).unwrap_or_else(|error| panic!("{LIST}: {error}"))
    }

    fn parse(place: &str, text: &str) -> Result<Self, String> {
        let list: Value = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let entries = |kind: &str| -> Result<Vec<Excuse>, String> {
            let entries = list[place][kind].as_object().into_iter().flatten();
            let entry = |(of, reason): (&String, &Value)| match reason.as_str() {
                Some(reason) if !reason.is_empty() => Ok(Excuse { of: of.clone(), is_used: false }),
                _ => Err(format!("{of} has no reason")),
            };
            entries.map(entry).collect()
        };
        Ok(Self { place: place.to_owned(), families: entries("families")?, expressions: entries("expressions")? })
    }

    /// Everything is asked again: what has data by now needs no excuse any more.
    pub(super) fn begin_round(&mut self) {
        self.families.iter_mut().chain(&mut self.expressions).for_each(|excuse| excuse.is_used = false);
    }

    /// Whether an expression that has no data need not have any. Where its families are excused, an excuse of its own is of
    /// no use.
    pub(super) fn hold(&mut self, label: &str, families: &BTreeSet<&'static str>) -> bool {
        let of_families = |excuse: &Excuse| families.iter().any(|family| fits(&excuse.of, family));
        use_those(&mut self.families, of_families) || use_those(&mut self.expressions, |excuse| excuse.of == label)
    }

    /// Patterns, in the words of `PromQL`, of the names that must not be there.
    pub(super) fn patterns(&self) -> impl Iterator<Item = String> {
        self.families.iter().map(|excuse| format!("{}(_bucket)?", excuse.of.replace('*', ".*")))
    }

    /// The entries that excused nothing.
    pub(super) fn stale(&self) -> Vec<String> {
        let unused = self.families.iter().chain(&self.expressions).filter(|excuse| !excuse.is_used);
        unused
            .map(|excuse| format!("{LIST} excuses {} in {}, which has data or is gone", excuse.of, self.place))
            .collect()
    }
}

/// Marks the excuses that apply as used, and tells whether there are any.
fn use_those(excuses: &mut [Excuse], apply: impl Fn(&Excuse) -> bool) -> bool {
    let mut holds = false;
    for excuse in excuses.iter_mut().filter(|excuse| apply(excuse)) {
        (excuse.is_used, holds) = (true, true);
    }
    holds
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => name.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
        None => pattern == name,
    }
}

/// The list itself can fail.
pub(super) fn an_excuse_holds_for_what_it_names() {
    let text = "demo: {families: {kafka_*: no broker}, expressions: {'http: Errors B': none}}";
    let mut excuses = Excuses::parse("demo", text).expect("a list");
    let of_kafka = BTreeSet::from(["kafka_requests_total"]);
    assert!(excuses.hold("kafka: Requests A", &of_kafka));
    assert!(!excuses.hold("http: Requests A", &BTreeSet::from(["flowfold_kafka_positions"])));
    assert!(!excuses.hold("http: Errors A", &BTreeSet::new()), "the panel has others");
    assert_eq!(excuses.stale().len(), 1, "{excuses:?}");
    assert!(excuses.hold("http: Errors B", &BTreeSet::new()));
    assert_eq!(excuses.stale(), Vec::<String>::new());
    excuses.begin_round();
    assert_eq!(excuses.stale().len(), 2, "what was of use before is not by now");
    assert!(excuses.hold("http: Errors B", &of_kafka));
    assert_eq!(excuses.stale().len(), 1, "its family is excused");
    assert!(Excuses::parse("demo", "demo: {families: {kafka_*: ''}}").is_err());
    assert!(Excuses::parse("elsewhere", text).is_ok_and(|excuses| excuses.families.is_empty()));
}
