//! `flowfold run` and `flowfold proxy`: build, wait, drain.

use flowfold_flow::Reporters;
use tokio::runtime::{Builder, Runtime};

use crate::cli::{ProxyArgs, RunArgs};
use crate::compose::{Agent, Edge, RelayOptions};
use crate::config::{Config, Environment, LogOptions, Telemetry, defaults};
use crate::error::AgentError;
use crate::shutdown::Stop;
use crate::{limits, logging};

/// `flowfold run`
pub fn steer(arguments: &RunArgs) -> Result<(), AgentError> {
    let config = Config::load(arguments.steering.config.as_deref(), &arguments.steering.overrides())?;
    logging::start(&config.log);
    tracing::debug!(?config, "read");
    let config = limits::fit(config)?;
    until_stopped(|| Agent::steer(&config))
}

/// `flowfold proxy`
pub fn relay(arguments: &ProxyArgs) -> Result<(), AgentError> {
    logging::start(&LogOptions {
        format: arguments.log.log_format.unwrap_or_default(),
        filter: defaults::LOG_FILTER.to_owned(),
    });
    limits::enough_open_files(arguments.workers)?;
    let edge = Edge {
        listen: arguments.listen,
        upstream: arguments.upstream,
        reporters: Reporters::SERVER,
        source: None,
        destination: None,
    };
    let options = RelayOptions {
        edges: vec![edge],
        metrics: arguments.metrics,
        workers: arguments.workers,
        drain_timeout: arguments.drain_timeout.unwrap_or(defaults::DRAIN_TIMEOUT),
        telemetry: Telemetry::of_environment(&Environment::of_process())?,
    };
    until_stopped(|| Agent::relay(options))
}

/// The runtime of the thread that starts the others and watches over them.
pub(crate) fn runtime() -> Result<Runtime, AgentError> {
    Builder::new_current_thread().enable_all().build().map_err(AgentError::system("cannot start a runtime"))
}

fn until_stopped(build: impl FnOnce() -> Result<Agent, AgentError>) -> Result<(), AgentError> {
    runtime()?.block_on(async {
        let mut stop = Stop::listen(None)?;
        let mut agent = build()?;
        agent.begin().await?;
        let watched = agent.watch(stop.asked()).await;
        let finished = agent.finish(stop.signalled()).await;
        watched.and(finished)
    })
}
