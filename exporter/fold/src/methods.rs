//! The HTTP methods that are reported by their name.

use flowfold_flow::KnownMethod;

/// The most methods that a list takes: more would not be a bounded label any longer.
pub const MAX_METHODS: usize = 64;

/// The value of `http_request_method` for a method that is not in the list.
const OTHER: &str = "_OTHER";

/// The position that stands for [`OTHER`].
const OTHER_INDEX: u8 = u8::MAX;

/// The HTTP methods that are reported by their name; any other is reported as `_OTHER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Methods {
    names: Vec<Box<str>>,
    /// Where each known method stands in `names`, or [`OTHER_INDEX`].
    known: [u8; KnownMethod::ALL.len()],
    /// Whether `names` has a method that is not a [`KnownMethod`], so that the bytes have to be looked at.
    has_more: bool,
}

impl Default for Methods {
    /// The methods that the OpenTelemetry conventions list.
    fn default() -> Self {
        Self::index(KnownMethod::ALL.into_iter().map(|known| known.as_label().into()).collect())
    }
}

impl Methods {
    /// Exactly these methods, in place of the list of the conventions (which ask that it can be overridden). They are
    /// case-sensitive (RFC 9110 section 9.1). What the list names twice counts once.
    pub fn only<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self, MethodsError> {
        let mut kept: Vec<Box<str>> = Vec::new();
        for name in names {
            let name = name.as_ref();
            if name.is_empty() || !name.bytes().all(is_token_byte) {
                return Err(MethodsError::NotAToken { name: name.to_owned() });
            }
            if !kept.iter().any(|earlier| **earlier == *name) {
                kept.push(name.into());
            }
        }
        if kept.len() > MAX_METHODS {
            return Err(MethodsError::TooMany { given: kept.len() });
        }
        Ok(Self::index(kept))
    }

    /// How many methods are reported by their name.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether no method is.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    fn index(names: Vec<Box<str>>) -> Self {
        let place = |method: KnownMethod| {
            let found = names.iter().position(|name| **name == *method.as_label());
            found.and_then(|place| u8::try_from(place).ok()).unwrap_or(OTHER_INDEX)
        };
        let known = KnownMethod::ALL.map(place);
        let has_more = names.iter().any(|name| KnownMethod::from_wire(name.as_bytes()).is_none());
        Self { names, known, has_more }
    }

    /// The small integer that stands for a method in a label set's key.
    #[inline]
    pub(crate) fn place(&self, known: Option<KnownMethod>, wire: &[u8]) -> u8 {
        match known {
            Some(method) => self.known.get(method as usize).copied().unwrap_or(OTHER_INDEX),
            None if self.has_more => {
                let found = self.names.iter().position(|name| name.as_bytes() == wire);
                found.and_then(|place| u8::try_from(place).ok()).unwrap_or(OTHER_INDEX)
            }
            None => OTHER_INDEX,
        }
    }

    /// The name under which a method is shown.
    pub fn shown(&self, known: Option<KnownMethod>, wire: &[u8]) -> &str {
        self.label(self.place(known, wire))
    }

    /// The label value of a [`place`](Self::place).
    pub(crate) fn label(&self, place: u8) -> &str {
        self.names.get(usize::from(place)).map_or(OTHER, |name| name)
    }
}

/// A byte that a method may have (RFC 9110 section 5.6.2).
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Why a list of methods was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MethodsError {
    /// More methods than a list takes.
    #[error("{given} HTTP methods are given, and at most {MAX_METHODS} are allowed")]
    TooMany {
        /// How many were given.
        given: usize,
    },
    /// A name that no HTTP method can have.
    #[error("{name:?} cannot be an HTTP method: it must be one word without separators")]
    NotAToken {
        /// The name.
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(methods: &Methods, wire: &str) -> String {
        methods.label(methods.place(KnownMethod::from_wire(wire.as_bytes()), wire.as_bytes())).to_owned()
    }

    #[test]
    fn known_methods_keep_their_name_and_others_share_one() {
        let methods = Methods::default();
        assert_eq!(label(&methods, "GET"), "GET");
        assert_eq!(label(&methods, "TRACE"), "TRACE");
        assert_eq!(label(&methods, "get"), "_OTHER");
        assert_eq!(label(&methods, "PURGE"), "_OTHER");
    }

    #[test]
    fn a_list_of_ones_own_takes_the_place_of_the_known_one() {
        let methods = Methods::only(["PURGE", "GET", "PURGE"]).unwrap();
        assert_eq!(label(&methods, "PURGE"), "PURGE");
        assert_eq!(label(&methods, "GET"), "GET");
        assert_eq!(label(&methods, "POST"), "_OTHER");
        assert_eq!(label(&methods, "BAN"), "_OTHER");
    }

    #[test]
    fn a_list_that_cannot_be_is_refused() {
        assert!(matches!(Methods::only(["A B"]), Err(MethodsError::NotAToken { name }) if name == "A B"));
        assert!(matches!(Methods::only([""]), Err(MethodsError::NotAToken { .. })));
        let many = (0..=MAX_METHODS).map(|number| format!("M{number}"));
        assert_eq!(Methods::only(many), Err(MethodsError::TooMany { given: MAX_METHODS + 1 }));
    }
}
