//! One scrape, to be asked by name and some of the labels.

use std::collections::BTreeMap;
use std::fmt;

/// One line of an exposition: a name, its labels and a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The name, with its suffix.
    pub name: String,
    /// Label values by label name.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

impl Sample {
    /// Whether the sample has at least these labels with these values.
    pub fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.labels.get(*name).is_some_and(|held| held == value))
    }
}

/// All samples of one answer, and its text for whoever has to find out why a number is wrong.
#[derive(Clone, Debug)]
pub struct Scrape {
    samples: Vec<Sample>,
    text: String,
}

impl Scrape {
    /// Reads an exposition in the text format 0.0.4 or in `OpenMetrics`. Panics on a line that is neither.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let samples = lines.map(|line| sample(line).unwrap_or_else(|| panic!("not a sample: {line}"))).collect();
        Self { samples, text: text.to_owned() }
    }

    /// The answer as it came.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every sample of this name that has at least these labels.
    pub fn matching(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Sample> {
        self.samples.iter().filter(|sample| sample.name == name && sample.has(labels)).collect()
    }

    /// The sum of every sample of this name that has at least these labels; zero where there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).iter().map(|sample| sample.value).sum()
    }

    /// The sum as a whole number. Counters count things.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked right here")]
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let sum = self.sum(name, labels);
        assert!(sum >= 0.0 && sum.fract() == 0.0, "{name}{labels:?} is {sum}, no count\n{self}");
        sum as u64
    }

    /// Panics, and shows the family, unless the sum is what it has to be.
    pub fn expect(&self, name: &str, labels: &[(&str, &str)], wanted: u64) {
        let found = self.count(name, labels);
        assert_eq!(found, wanted, "{name}{labels:?}\n{}", self.family(name));
    }

    /// The values of one label over all samples of a name, summed up for each.
    pub fn by_label(&self, name: &str, label: &str, labels: &[(&str, &str)]) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for sample in self.matching(name, labels) {
            *sums.entry(sample.labels.get(label).cloned().unwrap_or_default()).or_insert(0.0) += sample.value;
        }
        sums
    }

    /// The lines of one name, or everything where there are none.
    fn family(&self, name: &str) -> String {
        let lines: Vec<&str> = self.text.lines().filter(|line| line.starts_with(name)).collect();
        if lines.is_empty() { self.text.clone() } else { lines.join("\n") }
    }
}

impl fmt::Display for Scrape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn sample(line: &str) -> Option<Sample> {
    let name_ends = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(name_ends);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => labels(inside)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.split_whitespace().next()?;
    Some(Sample { name: name.to_owned(), labels, value: value.parse().ok()? })
}

/// Reads `a="b",c="d"}` and returns what follows the brace.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut found = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(after) = rest.strip_prefix('}') {
            return Some((found, after));
        }
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = quoted(after)?;
        found.insert(name.to_owned(), value);
        rest = after;
    }
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            plain => value.push(plain),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Scrape;

    const TEXT: &str = "# HELP a things\n# TYPE a counter\na_total{x=\"1\",y=\"q\\\"uo\\\\te\\n\"} 3\n\
                        a_total{x=\"2\",y=\"\"} 4 1700000000\nb 0.5\n# EOF\n";

    #[test]
    fn sums_over_a_superset_of_labels() {
        let scrape = Scrape::parse(TEXT);
        assert_eq!(scrape.count("a_total", &[]), 7);
        assert_eq!(scrape.count("a_total", &[("x", "1")]), 3);
        assert_eq!(scrape.count("a_total", &[("x", "3")]), 0);
        assert_eq!(scrape.count("a_total", &[("y", "q\"uo\\te\n")]), 3);
        assert_eq!(
            scrape.by_label("a_total", "x", &[]).into_iter().collect::<Vec<_>>(),
            [("1".into(), 3.0), ("2".into(), 4.0)]
        );
    }
}
