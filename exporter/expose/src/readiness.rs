//! Whether the agent does what it was started for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The conditions of readiness. All of them must hold for `/readyz` to answer 200. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    conditions: Arc<Mutex<BTreeMap<&'static str, bool>>>,
}

/// One condition of readiness, held by the task that can tell whether it is met.
#[derive(Debug)]
pub struct ReadinessToken {
    name: &'static str,
    readiness: Readiness,
}

impl Readiness {
    /// Adds a condition, which is not met until the token says so. Its name is what `/readyz` shows as missing, such
    /// as `steering`.
    pub fn require(&self, name: &'static str) -> ReadinessToken {
        self.set(name, false);
        ReadinessToken { name, readiness: self.clone() }
    }

    /// The conditions that are not met, in alphabetical order.
    pub fn missing(&self) -> Vec<&'static str> {
        let conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        conditions.iter().filter(|(_, met)| !**met).map(|(name, _)| *name).collect()
    }

    fn set(&self, name: &'static str, met: bool) {
        self.conditions.lock().unwrap_or_else(PoisonError::into_inner).insert(name, met);
    }
}

impl ReadinessToken {
    /// The condition is met.
    pub fn ready(&self) {
        self.readiness.set(self.name, true);
    }

    /// The condition is not, or no longer, met.
    pub fn not_ready(&self) {
        self.readiness.set(self.name, false);
    }
}
