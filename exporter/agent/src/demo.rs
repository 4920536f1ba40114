//! `flowfold demo`: a small shop of HTTP and gRPC services in child processes, and the real agent around them.

mod cgroup;
mod child;
mod load;
mod ratings;
mod report;
mod screen;
mod service;
mod shop;
mod trace;

use std::io::{self, IsTerminal, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

use crate::cli::DemoArgs;
use crate::compose::{Agent, RelayOptions, can_steer};
use crate::config::{Config, ConfigError, Environment, LogOptions, Overrides, defaults};
use crate::error::{AgentError, Exit, whole};
use crate::shutdown::Stop;
use crate::stdout::Reader;
use crate::{limits, logging, run};

use self::cgroup::ShopCgroup;
use self::screen::Screen;
use self::shop::Shop;

pub use self::child::{ServiceArgs, serve};

/// What the demo logs, so that its table stays readable.
const LOG_FILTER: &str = "warn";

/// The variables of which each says where spans go.
const TAKERS_OF_SPANS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

/// The shop, and the agent that observes it. The shop goes first.
struct Stage {
    shop: Shop,
    agent: Agent,
    /// How the agent gets in between, for people.
    how: String,
}

/// Shows the demo until it is stopped.
pub fn show(arguments: &DemoArgs) -> Result<(), AgentError> {
    let log_format = arguments.log.log_format.unwrap_or_default();
    logging::start(&LogOptions { format: log_format, filter: LOG_FILTER.to_owned() });
    limits::enough_open_files(None)?;
    run::runtime()?.block_on(async {
        let mut stop = Stop::listen(arguments.duration)?;
        let (metrics, taken) = metrics_address(arguments.metrics);
        let Stage { mut shop, mut agent, how } = set_up(metrics)?;
        let live = io::stdout().is_terminal();
        let mut screen = Screen::new(live, std::sync::Arc::clone(agent.fold()));
        let taken = taken.map(|usual| format!(" ({usual} is in use)")).unwrap_or_default();
        let told = screen::say(&format!("metrics: http://{}/metrics{taken}\n{how}\n", agent.metrics()))?;
        if told == Reader::Gone {
            // Nobody would see the table.
            return Ok(());
        }
        agent.begin().await?;
        shop.open_doors()?;
        let opened = Instant::now();
        let over = async {
            tokio::select! {
                reason = stop.asked() => reason,
                reason = screen.keep_drawing() => reason,
            }
        };
        let watched = tokio::select! {
            watched = agent.watch(over) => watched,
            left = shop.one_left() => Err(left),
        };
        shop.close_doors();
        let drawn = screen.draw_all_since(opened);
        let finished = agent.finish(stop.signalled()).await;
        shop.end();
        watched.and(drawn).and(finished)
    })
}

/// Where to serve `/metrics`, and the usual address if that is in use.
fn metrics_address(asked: Option<SocketAddr>) -> (SocketAddr, Option<SocketAddr>) {
    let usual = defaults::METRICS_LISTEN;
    match asked {
        Some(asked) => (asked, None),
        None if TcpListener::bind(usual).is_ok() => (usual, None),
        None => (SocketAddr::new(usual.ip(), 0), Some(usual)),
    }
}

fn set_up(metrics: SocketAddr) -> Result<Stage, AgentError> {
    let why_not = match steered(metrics) {
        Err(error) if error.exit() == Exit::Missing => error,
        done => return done,
    };
    let text = format!("{}\nShowing the same through explicit proxies, without eBPF.\n", whole(&why_not));
    io::stderr().write_all(text.as_bytes()).map_err(AgentError::system("cannot write"))?;
    relayed(metrics)
}

/// What `flowfold run` would be told for the shop. Where to metrics and spans go, if anywhere, is for the environment to say.
fn configuration(shop: &Shop) -> Result<Config, ConfigError> {
    let environment = Environment::of_process();
    let spans = TAKERS_OF_SPANS.iter().any(|variable| environment.get(variable).is_some());
    let text = shop.configuration() + if spans { "spans: {}\n" } else { "" };
    Config::from_text("the demo", &text, &Overrides { environment, ..Overrides::default() })
}

/// The agent as `flowfold run` has it, for the shop's own cgroup and ports.
fn steered(metrics: SocketAddr) -> Result<Stage, AgentError> {
    let mount = flowfold_redirect::cgroup2_mount()?;
    // Where no cgroup can be made, more is missing most often, and all of it is told then.
    let cgroup = ShopCgroup::create(&mount).or_else(|error| can_steer(Some(&mount)).and(Err(error)))?;
    let directory = cgroup.directory().to_owned();
    let mut shop = Shop::open(Some(cgroup))?;
    let config = Config { metrics, cgroup: Some(directory.clone()), ..configuration(&shop)? };
    let agent = Agent::steer(&limits::fit(config)?)?;
    shop.connect(&shop.addresses())?;
    let how = format!("steered by eBPF, in the cgroup {}: {}", directory.display(), shop.tour());
    Ok(Stage { shop, agent, how })
}

/// The same with a proxy between each caller and called.
fn relayed(metrics: SocketAddr) -> Result<Stage, AgentError> {
    let mut shop = Shop::open(None)?;
    let agent = Agent::relay(RelayOptions {
        telemetry: configuration(&shop)?.telemetry,
        edges: shop.edges(),
        metrics,
        workers: None,
        drain_timeout: defaults::DRAIN_TIMEOUT,
    })?;
    let listening: Vec<_> = agent.edges().iter().map(|edge| edge.listen).collect();
    shop.connect(&listening)?;
    let how = format!("through explicit proxies: {}", shop.tour());
    Ok(Stage { shop, agent, how })
}
