//! Whether the agent does what it was started for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The conditions of readiness. All of them must hold for `/readyz` to answer 200. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    conditions: Arc<Mutex<Vec<Condition>>>,
}

#[derive(Debug)]
struct Condition {
    name: &'static str,
    is_met: bool,
}

/// One condition of readiness, held by the task that can tell whether it is met. Where the task goes away without a
/// word, the condition stays as it was last told: a task that failed does not make the agent ready.
#[derive(Debug)]
pub struct ReadinessToken {
    readiness: Readiness,
    position: usize,
}

impl Readiness {
    /// Adds a condition, which is not met until its token says so. The name is what `/readyz` shows as missing, such
    /// as `steering`. Conditions of the same name are shown once, and have to be met all.
    pub fn require(&self, name: &'static str) -> ReadinessToken {
        let mut conditions = self.lock();
        conditions.push(Condition { name, is_met: false });
        ReadinessToken { readiness: self.clone(), position: conditions.len() - 1 }
    }

    /// The names of the conditions that are not met, in alphabetical order.
    pub fn missing(&self) -> Vec<&'static str> {
        let missing = |condition: &Condition| (!condition.is_met).then_some(condition.name);
        let mut missing: Vec<_> = self.lock().iter().filter_map(missing).collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Condition>> {
        self.conditions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadinessToken {
    /// The condition is met.
    pub fn ready(&self) {
        self.set(true);
    }

    /// The condition is not, or no longer, met.
    pub fn not_ready(&self) {
        self.set(false);
    }

    fn set(&self, is_met: bool) {
        if let Some(condition) = self.readiness.lock().get_mut(self.position) {
            condition.is_met = is_met;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_of_one_name_have_to_be_met_all() {
        let readiness = Readiness::default();
        assert!(readiness.missing().is_empty());
        let [first, second] = [(); 2].map(|()| readiness.require("listeners"));
        let steering = readiness.require("steering");
        assert_eq!(readiness.missing(), ["listeners", "steering"]);
        first.ready();
        steering.ready();
        assert_eq!(readiness.missing(), ["listeners"]);
        second.ready();
        assert!(readiness.missing().is_empty());
        drop(second);
        first.not_ready();
        drop(first);
        assert_eq!(readiness.missing(), ["listeners"]);
    }
}
