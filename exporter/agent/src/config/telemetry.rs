//! What the agent sends of its own accord.

use flowfold_expose::SpanOptions;
use flowfold_expose::otlp::{MetricsOptions, Resource};

use super::build::telemetry_of_environment;
use super::environment::Environment;
use super::problem::ConfigError;

/// What the agent sends of its own accord, and as whom.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    /// How metrics are pushed; absent: they are not.
    pub metrics: Option<MetricsOptions>,
    /// Which exchanges become spans, and how those are sent; absent: none does.
    pub spans: Option<SpanOptions>,
    /// What the agent says that it is.
    pub resource: Resource,
}

impl Telemetry {
    /// What the environment alone asks for.
    pub fn of_environment(environment: &Environment) -> Result<Self, ConfigError> {
        telemetry_of_environment(environment)
    }
}
