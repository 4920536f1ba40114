//! What this host has of what steering needs.

use std::fmt;
use std::path::Path;

/// One thing that steering needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// What it is, a few words.
    pub name: &'static str,
    /// Is it there, or what is wrong and how it is put right.
    pub answer: Answer,
}

/// What the probe found out about one requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is there; the text says which.
    Present(String),
    /// Not needed, told for information.
    Note(String),
    /// The process lacks a privilege.
    MissingPrivilege {
        /// What was tried and what it said.
        found: String,
        /// What to do.
        fix: String,
    },
    /// The kernel or the system lacks something.
    MissingFeature {
        /// What was tried and what it said.
        found: String,
        /// What to do.
        fix: String,
    },
}

/// The answers. `Display` prints one line per requirement, with its fix below when it is missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Probe {
    /// In the order they were asked.
    pub requirements: Vec<Requirement>,
}

impl Probe {
    /// Nothing is missing.
    pub fn is_ready(&self) -> bool {
        self.missing().next().is_none()
    }

    /// What is missing, in order.
    pub fn missing(&self) -> impl Iterator<Item = &Requirement> {
        self.requirements
            .iter()
            .filter(|r| matches!(r.answer, Answer::MissingPrivilege { .. } | Answer::MissingFeature { .. }))
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Requirement { name, answer }) in self.requirements.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            match answer {
                Answer::Present(found) => write!(f, "ok       {name}: {found}")?,
                Answer::Note(found) => write!(f, "note     {name}: {found}")?,
                Answer::MissingPrivilege { found, fix } | Answer::MissingFeature { found, fix } => {
                    write!(f, "missing  {name}: {found}\n         fix: {fix}")?;
                }
            }
        }
        Ok(())
    }
}

/// Looks for everything steering needs, attaching nothing. `cgroup` is the one that shall be steered; None asks for
/// the mount alone.
pub fn probe(_cgroup: Option<&Path>) -> Probe {
    Probe::default()
}
