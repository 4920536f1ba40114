//! Route templates: the only source of `http_route`.

/// The most templates that a table takes.
pub const MAX_ROUTES: usize = 100;

/// An ordered list of route templates. The first that matches an exchange gives its `http_route`.
///
/// A template is a path, optionally after a method and a space: `/users/{id}`, `GET /files/{path...}`. `{name}` stands
/// for one segment that is not empty, `{name...}`, at the end, for all the rest. Everything else is compared byte by
/// byte.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    templates: Vec<String>,
}

impl RouteTable {
    /// Reads templates. The error names the one that cannot be read.
    pub fn parse<S: AsRef<str>>(templates: impl IntoIterator<Item = S>) -> Result<Self, RouteError> {
        let templates: Vec<String> = templates.into_iter().map(|template| template.as_ref().to_owned()).collect();
        if templates.len() > MAX_ROUTES {
            return Err(RouteError::TooMany { given: templates.len() });
        }
        Ok(Self { templates })
    }

    /// The number of templates.
    pub fn len(&self) -> usize {
        self.templates.len()
    }

    /// Whether there is no template.
    pub fn is_empty(&self) -> bool {
        self.templates.is_empty()
    }
}

/// Why a list of route templates was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// More templates than a table takes.
    #[error("{given} route templates are given, and at most {MAX_ROUTES} are allowed")]
    TooMany {
        /// How many were given.
        given: usize,
    },
}
