//! The HTTP methods that are reported by their name.

/// The HTTP methods that are reported by their name; any other is reported as `_OTHER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Methods {
    names: Vec<String>,
}

impl Default for Methods {
    fn default() -> Self {
        Self { names: Vec::new() }
    }
}

impl Methods {
    /// Exactly these methods, in place of the list of the conventions.
    pub fn only<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        Self { names: names.into_iter().map(|name| name.as_ref().to_owned()).collect() }
    }
}
