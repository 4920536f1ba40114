//! Reads the file's text into [`RawConfig`], and puts the parser's errors into terms of keys and fixes.

use serde_saphyr::Error as YamlError;

use super::problem::{ConfigError, Problem};
use super::raw::RawConfig;

/// The raw configuration that `text` holds. `source` names it in errors. An empty text is an empty configuration.
pub(super) fn read(source: &str, text: &str) -> Result<RawConfig, ConfigError> {
    let mut at_key = None;
    let parsed =
        serde_saphyr::with_deserializer_from_str(text, |deserializer| {
            match serde_path_to_error::deserialize::<_, Option<RawConfig>>(deserializer) {
                Ok(raw) => Ok(raw.unwrap_or_default()),
                Err(error) => {
                    let path = key_path(&error.path().to_string());
                    let problem = explain(source, path, error.inner());
                    let inner = error.into_inner();
                    at_key = Some(problem);
                    Err(inner)
                }
            }
        });
    parsed.map_err(|error| ConfigError::one(at_key.unwrap_or_else(|| explain(source, String::new(), &error))))
}

/// Takes off what the reader's own machinery adds to a path: values inside their wrappers, and unnamed steps.
fn key_path(path: &str) -> String {
    let path = path.replace("].value", "]");
    let path = path.strip_suffix(".value").unwrap_or(&path);
    path.trim_end_matches('?').trim_matches('.').to_owned()
}

fn explain(source: &str, path: String, error: &YamlError) -> Problem {
    let (path, what, fix) = match error.without_snippet() {
        YamlError::SerdeUnknownField { field, expected, .. } => unknown_key(path, field, expected),
        YamlError::DuplicateMappingKey { key, .. } => {
            let path = match key {
                Some(key) if path.is_empty() => key.clone(),
                Some(key) => format!("{path}.{key}"),
                None => path,
            };
            (path, "the key stands here twice".to_owned(), "keep one of the two".to_owned())
        }
        YamlError::Unexpected { expected: "sequence start", .. } => {
            (path, "must be a list".to_owned(), "write one value per line, each behind `- `".to_owned())
        }
        YamlError::Unexpected { expected: "mapping start", .. } => {
            (path, "must be a map".to_owned(), "write `key: value` lines".to_owned())
        }
        YamlError::Unexpected { expected: "string scalar", .. } | YamlError::NullIntoString { .. } => {
            (path, "must be one value".to_owned(), "write a text or a number, not a list, a map or nothing".to_owned())
        }
        YamlError::SerdeInvalidType { unexpected, expected, .. } => {
            (path, format!("{unexpected} cannot be read here"), format!("write {expected}"))
        }
        YamlError::MultipleDocuments { .. } => {
            (path, "the file holds a second document".to_owned(), "keep one, and no `---` after it".to_owned())
        }
        other => (
            path,
            format!("this is not YAML that can be read: {}", without_place(&other.to_string())),
            "see `flowfold check --print-example` for a file that is".to_owned(),
        ),
    };
    Problem { source: source.to_owned(), line: error.location().map(|location| location.line()), path, what, fix }
}

fn unknown_key(path: String, field: &str, expected: &[&str]) -> (String, String, String) {
    let nearest = expected
        .iter()
        .map(|known| (strsim::damerau_levenshtein(field, known), *known))
        .filter(|(distance, known)| *distance <= known.len().div_ceil(3))
        .min();
    let known = expected.join(", ");
    let fix = match nearest {
        Some((_, near)) => format!("did you mean `{near}`? Known here: {known}"),
        None => format!("known here: {known}"),
    };
    (path, "there is no such key".to_owned(), fix)
}

/// The parser's message without the line and column that it puts at the end: they are told in front.
fn without_place(message: &str) -> &str {
    message.rfind(" at line ").and_then(|end| message.get(..end)).unwrap_or(message)
}
