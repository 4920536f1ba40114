//! The resources that report: the workloads that the agent reports for, and the agent itself.

use std::collections::HashMap;

use flowfold_fold::names::label;
use flowfold_fold::names::otel::OtelReporter;
use flowfold_fold::{BuildInfo, Labels};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource as Message;

use super::Resource;

const SERVICE_NAME: &str = "service.name";
const SERVICE_NAMESPACE: &str = "service.namespace";
const SERVICE_INSTANCE_ID: &str = "service.instance.id";
const SERVICE_VERSION: &str = "service.version";

/// Makes the resources out of the agent's own.
#[derive(Clone, Debug)]
pub(crate) struct WorkloadResources {
    agent: Vec<KeyValue>,
    /// What the agent's workloads have of its attributes: where it runs, not what it is.
    shared: Vec<KeyValue>,
    version: String,
}

impl WorkloadResources {
    pub(crate) fn new(resource: &Resource, build: &BuildInfo) -> Self {
        let given = |name: &str| resource.attributes.iter().any(|(known, value)| known == name && !value.is_empty());
        let mut agent: Vec<_> = resource.attributes.iter().map(|(name, value)| text(name, value)).collect();
        for (name, value) in
            [(SERVICE_NAME, "flowfold"), (SERVICE_VERSION, &build.version), (SERVICE_INSTANCE_ID, &resource.instance)]
        {
            if !given(name) && !value.is_empty() {
                agent.push(text(name, value));
            }
        }
        // Two agents may report for one workload: without the instance, the series of one would be those of the other.
        let is_shared =
            |attribute: &&KeyValue| !attribute.key.starts_with("service.") || attribute.key == SERVICE_INSTANCE_ID;
        let shared = agent.iter().filter(is_shared).cloned().collect();
        Self { agent, shared, version: build.version.clone() }
    }

    /// The resource of the agent.
    pub(crate) fn agent(&self) -> Message {
        Message { attributes: self.agent.clone(), ..Message::default() }
    }

    /// The resource of a workload.
    pub(crate) fn workload(&self, namespace: &str, name: &str) -> Message {
        let mut attributes = vec![text(SERVICE_NAME, name)];
        if !namespace.is_empty() {
            attributes.push(text(SERVICE_NAMESPACE, namespace));
        }
        attributes.extend(self.shared.iter().cloned());
        Message { attributes, ..Message::default() }
    }

    /// Who measured.
    pub(crate) fn scope(&self) -> InstrumentationScope {
        InstrumentationScope {
            name: "flowfold".to_owned(),
            version: self.version.clone(),
            ..InstrumentationScope::default()
        }
    }
}

/// An attribute that is a text.
pub(crate) fn text(name: &str, value: &str) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) }),
        ..KeyValue::default()
    }
}

/// Numbers the owners of the series of a snapshot.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// Namespace and name of each workload. The agent is the owner before the first of them.
    workloads: Vec<(String, String)>,
    /// Their numbers, by namespace and name with a zero byte between.
    numbers: HashMap<String, u32>,
    key: String,
}

/// The number of the agent.
pub(super) const AGENT: u32 = 0;

impl Owners {
    /// The number of the owner of a series.
    pub(super) fn of(&mut self, reporter: OtelReporter, labels: &Labels) -> u32 {
        let (mut name, mut namespace, mut is_server) = (String::new(), String::new(), false);
        let (name_label, namespace_label) = match reporter {
            OtelReporter::Agent => return AGENT,
            OtelReporter::Source => (label::SOURCE_WORKLOAD, label::SOURCE_NAMESPACE),
            OtelReporter::Destination | OtelReporter::ByLabel => {
                (label::DESTINATION_WORKLOAD, label::DESTINATION_NAMESPACE)
            }
        };
        labels.visit(|label, value| {
            if label == name_label {
                value.clone_into(&mut name);
            } else if label == namespace_label {
                value.clone_into(&mut namespace);
            } else if label == label::REPORTER {
                is_server = value == "server";
            }
        });
        // The overflow series is nobody's but the agent's.
        if name.is_empty() || reporter == OtelReporter::ByLabel && !is_server {
            return AGENT;
        }
        self.key.clear();
        for part in [&namespace, "\0", &name] {
            self.key.push_str(part);
        }
        if let Some(number) = self.numbers.get(&self.key) {
            return *number;
        }
        self.workloads.push((namespace, name));
        let number = u32::try_from(self.workloads.len()).unwrap_or(AGENT);
        self.numbers.insert(self.key.clone(), number);
        number
    }

    /// Namespace and name of the workload of a number; none of the agent's.
    pub(super) fn workload(&self, number: u32) -> Option<(&str, &str)> {
        let (namespace, name) = self.workloads.get((number as usize).checked_sub(1)?)?;
        Some((namespace, name))
    }
}
