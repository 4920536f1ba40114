//! What is wrong with a configuration, told so that it can be put right without a manual.

use std::fmt;

/// One thing that is wrong: where, what, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, or the flag, that the value came from.
    pub source: String,
    /// The line in the file, where it is known.
    pub line: Option<u64>,
    /// The path of the key, such as `visibility[1].port`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.source)?;
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
        }
        if !self.path.is_empty() {
            write!(out, ": {}", self.path)?;
        }
        write!(out, ": {}; {}", self.what, self.fix)
    }
}

/// Everything that is wrong with a configuration. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// In the order of the file's lines, then what belongs to no line, then flags.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{problem}")?;
        }
        Ok(())
    }
}

impl ConfigError {
    pub(super) fn one(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

/// Collects problems while a configuration is read, so that all of them are told in one go.
#[derive(Debug)]
pub(super) struct Collector {
    source: String,
    problems: Vec<Problem>,
}

impl Collector {
    pub(super) fn new(source: impl Into<String>) -> Self {
        Self { source: source.into(), problems: Vec::new() }
    }

    /// Notes a problem of the value at `path`.
    pub(super) fn report(
        &mut self,
        line: Option<u64>,
        path: impl Into<String>,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.problems.push(Problem {
            source: self.source.clone(),
            line,
            path: path.into(),
            what: what.into(),
            fix: fix.into(),
        });
    }

    /// Takes over what was found in another source.
    pub(super) fn absorb(&mut self, other: Self) {
        self.problems.extend(other.problems);
    }

    /// The problems so far in the order of their lines, or nothing.
    pub(super) fn finish(mut self) -> Result<(), ConfigError> {
        self.problems.sort_by_key(|problem| problem.line.unwrap_or(u64::MAX));
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError { problems: self.problems }) }
    }
}
