//! Route templates, of all servers or of one workload.

use flowfold_fold::RouteTable;
use serde_saphyr::Spanned;

use super::is_token;
use crate::config::problem::Collector;
use crate::config::raw::{RawRoute, Text};

/// The templates of the list `key`.
pub(super) fn read(problems: &mut Collector, key: &str, raw: Vec<Spanned<RawRoute>>) -> RouteTable {
    let mut templates = Vec::with_capacity(raw.len());
    for (index, raw) in raw.into_iter().enumerate() {
        let at = format!("{key}[{index}]");
        let line = Some(raw.referenced.line());
        let (method, template, at_template) = match raw.value {
            RawRoute::Template(template) => (None, Some(template), at.clone()),
            RawRoute::Map(map) => {
                let text = |text: Text| text.value.trim().to_owned();
                (map.method.map(text), map.template.map(text), format!("{at}.template"))
            }
        };
        if let Some(method) = method.as_deref().filter(|method| !is_token(method)) {
            let fix = "write a method's name, as in GET, or take the key out for any";
            problems.report(line, format!("{at}.method"), format!("`{method}` is not a method"), fix);
            continue;
        }
        let Some(template) = template else {
            problems.report(line, at_template, "is missing", "write a template, as in /products/{id}");
            continue;
        };
        let template = method.map_or(template.clone(), |method| format!("{method} {template}"));
        match RouteTable::parse([&template]) {
            Ok(_) => templates.push(template),
            Err(error) => {
                let fix = "write {name} for one segment or, at the end, {name...} for the rest, as in /products/{id}";
                problems.report(line, at_template, error.to_string(), fix);
            }
        }
    }
    RouteTable::parse(&templates).unwrap_or_else(|error| {
        problems.report(None, key, error.to_string(), "keep the templates that matter most");
        RouteTable::default()
    })
}
