//! Reads one route template.

use super::RouteError;
use crate::methods::is_token_byte;

/// The most segments that a template takes. The search goes one call deeper with each.
pub(super) const MAX_SEGMENTS: usize = 64;

/// A template, as it is written.
#[derive(Debug)]
pub(super) struct Template<'a> {
    /// The method it is for; any where absent.
    pub(super) method: Option<&'a str>,
    /// The path, which is its label value.
    pub(super) path: &'a str,
    /// The parts of the path after its first slash.
    pub(super) segments: Vec<Segment<'a>>,
}

/// A part of a path, between two slashes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Segment<'a> {
    /// These bytes.
    Literal(&'a str),
    /// Any bytes, but at least one.
    One,
    /// Any bytes, and any further segments.
    Rest,
}

impl<'a> Template<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, RouteError> {
        let template = || text.to_owned();
        let (method, path) = match text.split_once(' ') {
            Some((method, path)) => (Some(method), path),
            None => (None, text),
        };
        if let Some(method) = method
            && (method.is_empty() || !method.bytes().all(is_token_byte))
        {
            return Err(RouteError::Method { template: template(), method: method.to_owned() });
        }
        let Some(segments) = path.strip_prefix('/') else {
            return Err(RouteError::NoSlash { template: template() });
        };
        let impossible = |found: &char| matches!(found, '?' | '#' | ' ') || found.is_control();
        if let Some(found) = path.chars().find(impossible) {
            return Err(RouteError::NotInAPath { template: template(), found });
        }
        let segments = segments.split('/').map(|segment| read(segment, text)).collect::<Result<Vec<_>, _>>()?;
        if segments.len() > MAX_SEGMENTS {
            return Err(RouteError::TooDeep { template: template() });
        }
        if let Some(early) = segments.iter().rev().skip(1).rev().position(|segment| *segment == Segment::Rest) {
            let segment = path.split('/').nth(early + 1).unwrap_or_default().to_owned();
            return Err(RouteError::RestBeforeEnd { template: template(), segment });
        }
        Ok(Self { method, path, segments })
    }
}

fn read<'a>(segment: &'a str, template: &str) -> Result<Segment<'a>, RouteError> {
    if !segment.contains(['{', '}']) {
        return Ok(Segment::Literal(segment));
    }
    let inner = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    let (name, kind) = match inner.strip_suffix("...") {
        Some(name) => (name, Segment::Rest),
        None => (inner, Segment::One),
    };
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
        return Err(RouteError::Braces { template: template.to_owned(), segment: segment.to_owned() });
    }
    Ok(kind)
}
