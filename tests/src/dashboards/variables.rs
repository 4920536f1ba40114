//! The variables of a dashboard, and what Grafana puts in their place.

use std::collections::BTreeMap;

use serde_json::Value;

/// What stands for each variable.
pub type Choices = BTreeMap<String, Choice>;

/// What Grafana puts in place of its own variables, with the scrape interval that most have.
const OF_GRAFANA: [(&str, &str); 6] = [
    ("__interval", "15s"),
    ("__interval_ms", "15000"),
    ("__range", "5m"),
    ("__range_ms", "300000"),
    ("__range_s", "300"),
    ("__rate_interval", "1m"),
];

/// A variable.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What Prometheus is asked for its values; nothing where the dashboard lists them.
    pub question: Option<Question>,
    /// The values that the dashboard lists.
    listed: Vec<String>,
    /// Whether several values can be chosen.
    is_multiple: bool,
    /// Whether all values are chosen at first.
    begins_with_all: bool,
    /// What is put in their place where it is not their list.
    all_as: Option<String>,
    current: Option<String>,
}

/// What a variable asks Prometheus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// `label_values(of, label)`
    LabelValues {
        /// The series that have the label; all where there are none.
        of: Option<String>,
        /// The label.
        label: String,
    },
    /// `query_result(expression)`
    QueryResult(String),
}

/// What stands for a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// This text, as it is.
    Raw(String),
    /// One value of a variable that may have several, or all of them.
    Values(Vec<String>),
}

impl Choice {
    /// The first value alone.
    #[must_use]
    pub fn first(&self) -> Self {
        match self {
            Self::Raw(text) => Self::Raw(text.clone()),
            Self::Values(values) => Self::Values(values.first().cloned().into_iter().collect()),
        }
    }

    /// The text in an expression, in a format such as the one of `${name:regex}`.
    fn text(&self, format: Option<&str>) -> Result<String, String> {
        let values = match self {
            Self::Raw(text) => return Ok(text.clone()),
            Self::Values(values) => values,
        };
        match (format, &values[..]) {
            (_, []) => Ok(String::new()),
            (Some("pipe"), values) => Ok(values.join("|")),
            (Some("raw" | "text" | "csv"), values) => Ok(values.join(",")),
            // the backslash of a pattern stands in a string of PromQL
            (None, [one]) => Ok(escaped(one).replace('\\', "\\\\")),
            (None, values) => Ok(format!("({})", joined(values).replace('\\', "\\\\"))),
            (Some("regex"), [one]) => Ok(escaped(one)),
            (Some("regex"), values) => Ok(format!("({})", joined(values))),
            (Some(other), _) => Err(format!("the format {other} of a variable is not known here")),
        }
    }
}

fn joined(values: &[String]) -> String {
    values.iter().map(|value| escaped(value)).collect::<Vec<_>>().join("|")
}

/// A value as a pattern that it alone matches.
fn escaped(value: &str) -> String {
    let mut pattern = String::new();
    for letter in value.chars() {
        if "\\^$*+?.()|[]{}/".contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

impl Variable {
    /// Reads one of a dashboard's list.
    pub(super) fn parse(variable: &Value) -> Result<Self, String> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let name = text(&variable["name"]).ok_or("a variable has a name")?;
        let query = text(&variable["query"]).or_else(|| text(&variable["query"]["query"])).unwrap_or_default();
        let is_true = |key: &str| variable[key].as_bool().unwrap_or(false);
        if variable["regex"].as_str().is_some_and(|regex| !regex.is_empty()) {
            return Err(format!("the variable {name} picks values by a regex, which is not followed here"));
        }
        let kind = variable["type"].as_str().unwrap_or_default();
        let (question, listed) = match kind {
            "query" => (Some(Question::parse(&query)?), Vec::new()),
            "custom" | "interval" => (None, listed(&query)),
            "constant" | "textbox" => (None, vec![query]),
            // these are not put into expressions
            "datasource" | "adhoc" | "groupby" => (None, Vec::new()),
            other => return Err(format!("the variable {name} is of the kind {other:?}, which is not known here")),
        };
        let begins_with_all = is_true("includeAll");
        let is_multiple = begins_with_all || is_true("multi");
        let all_as = text(&variable["allValue"]).filter(|value| !value.is_empty());
        let current = text(&variable["current"]["value"]).filter(|value| value != "$__all");
        Ok(Self { name, question, listed, is_multiple, begins_with_all, all_as, current })
    }

    /// What is chosen when the dashboard opens, out of these values or its own, and the further values of its own.
    pub(super) fn choose(&self, asked: Option<&[String]>) -> (Choice, Vec<Choice>) {
        let one = |value: &String| {
            if self.is_multiple { Choice::Values(vec![value.clone()]) } else { Choice::Raw(value.clone()) }
        };
        let values = asked.unwrap_or(&self.listed);
        let current = values.iter().find(|value| Some(*value) == self.current.as_ref()).or(values.first());
        let usual = match (&self.all_as, current) {
            (Some(all), _) if self.begins_with_all => Choice::Raw(all.clone()),
            _ if self.begins_with_all => Choice::Values(values.to_vec()),
            (_, Some(current)) => one(current),
            (_, None) => Choice::Raw(String::new()),
        };
        let others = self.listed.iter().map(one).filter(|choice| *choice != usual).collect();
        (usual, others)
    }
}

impl Question {
    fn parse(text: &str) -> Result<Self, String> {
        let unknown = || format!("a variable asks {text:?}, which is not known here");
        let (function, inside) = text.trim().split_once('(').ok_or_else(unknown)?;
        let inside = inside.strip_suffix(')').ok_or_else(unknown)?.trim();
        match function {
            "label_values" => {
                // a comma can stand between matchers as well, but not behind the last brace
                let (of, label) = match inside.rsplit_once(',') {
                    Some((of, label)) => (Some(of.trim().to_owned()), label),
                    None => (None, inside),
                };
                Ok(Self::LabelValues { of, label: label.trim().to_owned() })
            }
            "query_result" => Ok(Self::QueryResult(inside.to_owned())),
            _ => Err(unknown()),
        }
    }
}

/// The values of a list such as `half : 0.5, 0.99`.
fn listed(query: &str) -> Vec<String> {
    let values = query.split(',').map(|entry| entry.rsplit_once(" : ").map_or(entry, |(_, value)| value).trim());
    values.filter(|value| !value.is_empty()).map(str::to_owned).collect()
}

/// Puts something in place of each variable: `$name`, `${name}`, `${name:format}` and `[[name]]`.
pub fn substitute(text: &str, choices: &Choices) -> Result<String, String> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', '[']) {
        whole.push_str(&rest[..at]);
        let Some((name, format, after)) = variable(&rest[at..]) else {
            whole.push_str(&rest[at..=at]);
            rest = &rest[at + 1..];
            continue;
        };
        whole.push_str(&value(name, format, choices)?);
        rest = after;
    }
    whole.push_str(rest);
    Ok(whole)
}

/// The variable that a text begins with: its name, its format, and what follows.
fn variable(text: &str) -> Option<(&str, Option<&str>, &str)> {
    let bracketed = |open: &str, close: &str| {
        let (inside, after) = text.strip_prefix(open)?.split_once(close)?;
        let (name, format) = inside.split_once(':').map_or((inside, None), |(name, format)| (name, Some(format)));
        is_name(name).then_some((name, format, after))
    };
    bracketed("${", "}").or_else(|| bracketed("[[", "]]")).or_else(|| {
        let after = text.strip_prefix('$')?;
        let end = after.find(|letter: char| !is_word(letter)).unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        is_name(name).then_some((name, None, after))
    })
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// `$1` is what a pattern has found, and no variable.
fn is_name(name: &str) -> bool {
    name.chars().all(is_word) && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

fn value(name: &str, format: Option<&str>, choices: &Choices) -> Result<String, String> {
    if let Some((_, value)) = OF_GRAFANA.iter().find(|(known, _)| *known == name) {
        return Ok((*value).to_owned());
    }
    choices.get(name).ok_or_else(|| format!("there is no variable {name}"))?.text(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_to_write_a_variable_are_known() {
        let values = |values: &[&str]| Choice::Values(values.iter().map(|value| (*value).to_owned()).collect());
        let choices = Choices::from([
            ("one".to_owned(), values(&["a.b"])),
            ("two".to_owned(), values(&["a/b", "c"])),
            ("all".to_owned(), Choice::Raw(".+".to_owned())),
        ]);
        for (text, wanted) in [
            ("a[$__rate_interval] @ $__range_s", "a[1m] @ 300"),
            ("x=~\"$one\"", "x=~\"a\\\\.b\""),
            ("x=~\"$two\", y=~\"${two:regex}\"", "x=~\"(a\\\\/b|c)\", y=~\"(a\\/b|c)\""),
            ("[[all]] ${all} $all_is", ".+ .+ "),
            ("${two:pipe}", "a/b|c"),
            ("label_replace(a, \"b\", \"$1\", \"c\", \"(.*)$\")", "label_replace(a, \"b\", \"$1\", \"c\", \"(.*)$\")"),
            ("a[5m]", "a[5m]"),
        ] {
            let mut choices = choices.clone();
            choices.insert("all_is".to_owned(), Choice::Raw(String::new()));
            assert_eq!(substitute(text, &choices).as_deref(), Ok(wanted));
        }
        assert_eq!(substitute("$three", &choices), Err("there is no variable three".to_owned()));
        assert!(substitute("${two:html}", &choices).is_err());
    }

    #[test]
    fn questions_are_read() {
        let of = |of: Option<&str>, label: &str| {
            Ok(Question::LabelValues { of: of.map(str::to_owned), label: label.to_owned() })
        };
        assert_eq!(Question::parse("label_values(up{a=\"b\",c=\"d\"}, job)"), of(Some("up{a=\"b\",c=\"d\"}"), "job"));
        assert_eq!(Question::parse("label_values(job)"), of(None, "job"));
        assert_eq!(Question::parse("query_result(sum(up))"), Ok(Question::QueryResult("sum(up)".to_owned())));
        assert!(Question::parse("tag_values(x)").is_err());
    }
}
