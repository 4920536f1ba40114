//! The groups that a broker says it has removed.

/// How many of an exchange are told. Tools remove a few at a time; one that clears away all that has stopped, some thousands.
const MAX_GROUPS: usize = 16_384;

/// The groups that an exchange has removed.
#[derive(Debug, Default)]
pub(super) struct DeletedGroups {
    /// Their names, one behind the other, and where each ends.
    names: String,
    ends: Vec<usize>,
}

impl DeletedGroups {
    /// Begins another exchange, without the memory of the last one: few remove any.
    pub(super) fn clear(&mut self) {
        if !self.ends.is_empty() {
            *self = Self::default();
        }
    }

    /// How many things are held.
    pub(super) fn held(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn add(&mut self, name: &str, may_grow: bool) {
        if may_grow && self.ends.len() < MAX_GROUPS {
            self.names.push_str(name);
            self.ends.push(self.names.len());
        }
    }

    /// Their names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).filter_map(|(from, to)| self.names.get(from..*to))
    }
}
