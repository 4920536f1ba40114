//! Route templates: the only source of `http_route`.
//!
//! The table is a tree of segments, so that a path is compared with the templates that share its beginning and not
//! with all of them. A path meets a node of the tree at most once, so the work is bounded by the tree.

mod template;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use template::{Segment, Template};

/// The most templates that a table takes.
pub const MAX_ROUTES: usize = 100;

/// An ordered list of route templates. The first that matches an exchange gives its `http_route`.
///
/// A template is a path, optionally after a method and a space: `/users/{id}`, `GET /files/{path...}`. `{name}` stands
/// for one segment that is not empty; `{name...}`, at the end, for all the rest, be it empty. Everything else is
/// compared byte by byte, with no decoding of percent signs.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    /// The paths of the templates, each once: what `http_route` says.
    paths: Vec<Box<str>>,
    /// The tree; the first node is its root.
    nodes: Vec<Node>,
    templates: usize,
}

/// What may follow a common beginning.
#[derive(Clone, Debug, Default)]
struct Node {
    /// The plain segments that may follow and their nodes, in the order of [`order`].
    literals: Vec<(Box<[u8]>, usize)>,
    one: Option<usize>,
    rest: Vec<Route>,
    end: Vec<Route>,
}

/// A template, at the node where it ends.
#[derive(Clone, Debug)]
struct Route {
    /// The method it is for; any where absent.
    method: Option<Box<[u8]>>,
    /// Its position in the list: the least wins.
    rank: usize,
    /// The position of its path in `paths`, plus one.
    label: u8,
}

impl RouteTable {
    /// Reads templates. The error names the one that cannot be read.
    pub fn parse<S: AsRef<str>>(templates: impl IntoIterator<Item = S>) -> Result<Self, RouteError> {
        let mut table = Self { paths: Vec::new(), nodes: vec![Node::default()], templates: 0 };
        let mut seen: Vec<String> = Vec::new();
        for text in templates {
            let text = text.as_ref();
            let template = Template::parse(text)?;
            if seen.iter().any(|earlier| earlier == text) {
                return Err(RouteError::Twice { template: text.to_owned() });
            }
            seen.push(text.to_owned());
            if seen.len() <= MAX_ROUTES {
                table.insert(&template);
            }
        }
        if seen.len() > MAX_ROUTES {
            return Err(RouteError::TooMany { given: seen.len() });
        }
        Ok(table)
    }

    /// The number of templates.
    pub fn len(&self) -> usize {
        self.templates
    }

    /// The paths of the templates, each once, in the order of their places.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(|path| &**path)
    }

    /// Whether there is no template.
    pub fn is_empty(&self) -> bool {
        self.templates == 0
    }

    /// The template that a path matches.
    pub fn matching(&self, method: &[u8], path: &[u8]) -> Option<&str> {
        self.label(self.place(method, path))
    }

    /// The small integer that stands for the matching template in a label set's key; 0 where none matches.
    #[inline]
    pub(crate) fn place(&self, method: &[u8], path: &[u8]) -> u16 {
        if self.templates == 0 {
            return 0;
        }
        let Some(path) = path.strip_prefix(b"/") else { return 0 };
        let mut best = None;
        self.search(0, Some(path), method, &mut best);
        best.map_or(0, |route| route.label.into())
    }

    /// The label value of a [`place`](Self::place).
    pub(crate) fn label(&self, place: u16) -> Option<&str> {
        let position = usize::from(place).checked_sub(1)?;
        self.paths.get(position).map(|path| &**path)
    }

    /// Follows every branch that `remaining` fits: an earlier template may be on the one that looks less exact.
    fn search<'a>(&'a self, node: usize, remaining: Option<&[u8]>, method: &[u8], best: &mut Option<&'a Route>) {
        let Some(node) = self.nodes.get(node) else { return };
        let Some(remaining) = remaining else {
            prefer(best, &node.end, method);
            return;
        };
        prefer(best, &node.rest, method);
        let (segment, after) = match remaining.iter().position(|byte| *byte == b'/') {
            Some(slash) => (&remaining[..slash], Some(&remaining[slash + 1..])),
            None => (remaining, None),
        };
        if let Ok(found) = node.literals.binary_search_by(|(literal, _)| order(literal, segment)) {
            self.search(node.literals[found].1, after, method, best);
        }
        if let (Some(next), false) = (node.one, segment.is_empty()) {
            self.search(next, after, method, best);
        }
    }

    fn insert(&mut self, template: &Template<'_>) {
        let position = self.paths.iter().position(|path| **path == *template.path).unwrap_or_else(|| {
            self.paths.push(template.path.into());
            self.paths.len() - 1
        });
        // At most `MAX_ROUTES` paths are kept, so the position fits.
        let label = u8::try_from(position + 1).unwrap_or(0);
        let route =
            Route { method: template.method.map(|method| method.as_bytes().into()), rank: self.templates, label };
        self.templates += 1;
        let mut at = 0;
        for segment in &template.segments {
            at = match segment {
                Segment::Literal(literal) => self.literal_child(at, literal.as_bytes()),
                Segment::One => self.one_child(at),
                Segment::Rest => {
                    self.nodes[at].rest.push(route);
                    return;
                }
            };
        }
        self.nodes[at].end.push(route);
    }

    fn literal_child(&mut self, at: usize, literal: &[u8]) -> usize {
        match self.nodes[at].literals.binary_search_by(|(known, _)| order(known, literal)) {
            Ok(found) => self.nodes[at].literals[found].1,
            Err(free) => {
                let next = self.new_node();
                self.nodes[at].literals.insert(free, (literal.into(), next));
                next
            }
        }
    }

    fn one_child(&mut self, at: usize) -> usize {
        if let Some(next) = self.nodes[at].one {
            return next;
        }
        let next = self.new_node();
        self.nodes[at].one = Some(next);
        next
    }

    fn new_node(&mut self) -> usize {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }
}

/// Segments by length and then by bytes: most comparisons end before the bytes are looked at.
fn order(one: &[u8], other: &[u8]) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// Takes the first of `routes` that is for this method, where it comes before the best so far.
fn prefer<'a>(best: &mut Option<&'a Route>, routes: &'a [Route], method: &[u8]) {
    let fits = |route: &&Route| route.method.as_deref().is_none_or(|wanted| wanted == method);
    if let Some(route) = routes.iter().find(fits)
        && best.is_none_or(|best| route.rank < best.rank)
    {
        *best = Some(route);
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
    /// The same template, a second time.
    #[error("route template {template:?} is given twice")]
    Twice {
        /// The template.
        template: String,
    },
    /// What stands before the path is not a method.
    #[error("route template {template:?}: {method:?} cannot be an HTTP method")]
    Method {
        /// The template.
        template: String,
        /// What stands where the method should.
        method: String,
    },
    /// The path does not begin with a slash.
    #[error("route template {template:?}: the path must begin with '/'")]
    NoSlash {
        /// The template.
        template: String,
    },
    /// The template has what a path cannot have.
    #[error("route template {template:?}: a path has no {found:?}, so this would never match")]
    NotInAPath {
        /// The template.
        template: String,
        /// The character.
        found: char,
    },
    /// A brace that does not belong to a whole segment of the form `{name}` or `{name...}`.
    #[error("route template {template:?}: segment {segment:?} must be plain text, {{name}} or {{name...}}")]
    Braces {
        /// The template.
        template: String,
        /// The segment.
        segment: String,
    },
    /// `{name...}` before the end.
    #[error("route template {template:?}: {segment:?} takes all the rest, so it must be the last segment")]
    RestBeforeEnd {
        /// The template.
        template: String,
        /// The segment.
        segment: String,
    },
    /// More segments than a template takes.
    #[error("route template {template:?} has more than {} segments", template::MAX_SEGMENTS)]
    TooDeep {
        /// The template.
        template: String,
    },
}
