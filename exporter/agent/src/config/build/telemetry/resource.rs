//! What the agent says that it is.

use flowfold_expose::otlp::Resource;

use super::wrong_variable;
use crate::config::build::line_of;
use crate::config::defaults;
use crate::config::environment::Environment;
use crate::config::problem::Collector;
use crate::config::raw::Resource as RawResource;

/// The attributes of the file, with those of the variables laid over them.
pub(super) fn read(problems: &mut Collector, environment: &Environment, raw: Option<&RawResource>) -> Resource {
    let mut attributes: Vec<(String, String)> = Vec::new();
    let mut set = |name: &str, value: &str| match attributes.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => value.clone_into(known),
        None => attributes.push((name.to_owned(), value.to_owned())),
    };
    for (name, text) in raw.into_iter().flatten() {
        let value = text.value.trim();
        if is_attribute(name, value) {
            set(name, value);
        } else {
            let fix = format!("write a name and a value of at most {} bytes each", defaults::MAX_ATTRIBUTE_BYTES);
            problems.report(Some(line_of(text)), format!("resource.{name}"), "is not an attribute", fix);
        }
    }
    let variable = "OTEL_RESOURCE_ATTRIBUTES";
    if let Some(text) = environment.get(variable) {
        let list = pairs(text).filter(|pairs| pairs.iter().all(|(name, value)| is_attribute(name, value)));
        if list.is_none() {
            let what = format!("`{text}` is not a list of attributes");
            wrong_variable(problems, variable, what, "write name=value,name=value, with values percent-encoded");
        }
        list.iter().flatten().for_each(|(name, value)| set(name, value));
    }
    if let Some(name) = environment.get("OTEL_SERVICE_NAME") {
        set("service.name", name);
    }
    let instance = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Resource { attributes, instance }
}

fn is_attribute(name: &str, value: &str) -> bool {
    let is_short = |text: &str| text.len() <= defaults::MAX_ATTRIBUTE_BYTES;
    !name.is_empty() && !value.is_empty() && is_short(name) && is_short(value)
}

/// The names and values of a list as `a=1,b=2`, percent-decoded (the W3C Baggage format, without properties).
pub(super) fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let decode = |text: &str| {
        let decoded = percent_encoding::percent_decode_str(text.trim()).decode_utf8().ok()?;
        Some(decoded.into_owned())
    };
    let elements = text.split(',').map(str::trim).filter(|element| !element.is_empty());
    let pair = |element: &str| {
        let (name, value) = element.split_once('=')?;
        Some((decode(name)?, decode(value)?))
    };
    elements.map(pair).collect()
}
