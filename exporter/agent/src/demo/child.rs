//! A process of the demo: seen from within, and from the process that started it.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use rustix::process::{Pid, Signal};

use super::{cgroup, load, service};
use crate::capabilities::{self, Role as Privilege};
use crate::error::AgentError;
use crate::run;

/// How long a process may take to end by itself before it is killed.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a process of the demo is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Role {
    /// The page, which calls details and reviews.
    Productpage,
    /// Details of a product; fails at times.
    Details,
    /// Reviews of a product; calls ratings.
    Reviews,
    /// Stars of a product, over gRPC; slow at times, and fails at times.
    Ratings,
    /// Who visits the page.
    Client,
    /// Removes the cgroup when everyone else is gone.
    Janitor,
}

/// How the demo starts its processes.
#[derive(Clone, Debug, Args)]
pub struct ServiceArgs {
    /// What to be
    pub role: Role,
    /// The process that started this one
    #[arg(long)]
    pub parent: i32,
    /// The cgroup to move to (the janitor: to remove)
    #[arg(long)]
    pub cgroup: Option<PathBuf>,
}

impl Role {
    /// The name of the workload.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Productpage => "productpage",
            Self::Details => "details",
            Self::Reviews => "reviews",
            Self::Ratings => "ratings",
            Self::Client => "client",
            Self::Janitor => "janitor",
        }
    }

    /// The services that it calls.
    pub(super) const fn calls(self) -> &'static [Self] {
        match self {
            Self::Client => &[Self::Productpage],
            Self::Productpage => &[Self::Details, Self::Reviews],
            Self::Reviews => &[Self::Ratings],
            Self::Details | Self::Ratings | Self::Janitor => &[],
        }
    }
}

/// Is a process of the demo, until the process that started it lets go of its standard input.
pub fn serve(arguments: &ServiceArgs) -> Result<(), AgentError> {
    if arguments.role == Role::Janitor {
        wait_for_the_end();
        return arguments.cgroup.as_deref().map_or(Ok(()), cgroup::remove);
    }
    die_with(arguments.parent)?;
    if let Some(cgroup) = &arguments.cgroup {
        fs::write(cgroup.join("cgroup.procs"), "0").map_err(AgentError::system("cannot move to the demo's cgroup"))?;
    }
    capabilities::gain_no_more()?;
    capabilities::keep_only_what(Privilege::Admin)?;
    run::runtime()?.block_on(async {
        match arguments.role {
            Role::Client => load::visit(called(arguments.role)?).await,
            role => {
                let listener = service::listen().await?;
                service::serve(role, listener, || called(role)).await
            }
        }
    })
}

/// Ends with the process that started this one, however that ends.
fn die_with(parent: i32) -> Result<(), AgentError> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|errno| AgentError::system("cannot ask to end with the demo")(errno.into()))?;
    // It may have ended before that was asked for.
    if rustix::process::getppid().map(Pid::as_raw_nonzero).map(i32::from) == Some(parent) {
        Ok(())
    } else {
        Err(AgentError::Died("the demo"))
    }
}

/// Waits for the line that tells where the services are that this one calls, and from then on watches in the
/// background for the end.
fn called(role: Role) -> Result<Vec<SocketAddr>, AgentError> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(AgentError::system("cannot read from the demo"))?;
    if line.is_empty() {
        // The demo let go before it came to that, and has told why.
        std::process::exit(0);
    }
    let addresses: Vec<SocketAddr> = line.split_ascii_whitespace().filter_map(|text| text.parse().ok()).collect();
    if addresses.len() != role.calls().len() {
        return Err(AgentError::Died("the demo"));
    }
    let watch = thread::Builder::new().spawn(|| {
        wait_for_the_end();
        std::process::exit(0);
    });
    watch.map(|_| addresses).map_err(AgentError::system("cannot start a thread"))
}

/// Returns when the other end of standard input is closed.
fn wait_for_the_end() {
    let mut ignored = [0; 64];
    while io::stdin().lock().read(&mut ignored).is_ok_and(|count| count > 0) {}
}

/// A process of the demo, seen from the one that started it. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Child {
    role: Role,
    process: Process,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Child {
    /// Starts this very binary in a role.
    pub(super) fn start(role: Role, cgroup: Option<&Path>) -> Result<Self, AgentError> {
        let binary = std::env::current_exe().map_err(AgentError::system("cannot find this program's file"))?;
        let mut command = Command::new(binary);
        command.arg("demo-service").arg(role.name()).arg("--parent").arg(std::process::id().to_string());
        if let Some(cgroup) = cgroup {
            command.arg("--cgroup").arg(cgroup);
        }
        // A group of its own: Ctrl-C is for the demo, which ends its processes in order.
        let started = command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = started.map_err(AgentError::system(format!("cannot start {}", role.name())))?;
        match (process.stdin.take(), process.stdout.take()) {
            (input @ Some(_), Some(output)) => Ok(Self { role, process, input, output: BufReader::new(output) }),
            _ => Err(AgentError::Died(role.name())),
        }
    }

    /// Waits until it says at which port it serves.
    pub(super) fn port(&mut self) -> Result<u16, AgentError> {
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(AgentError::system(format!("cannot hear {}", self.role.name())))?;
        if line.is_empty() {
            return Err(self.lost());
        }
        line.trim().parse().map_err(|_| AgentError::Died(self.role.name()))
    }

    /// Tells it where the services are that it calls.
    pub(super) fn tell(&mut self, calls: &[SocketAddr]) -> Result<(), AgentError> {
        let Some(input) = &mut self.input else { return Err(AgentError::Died(self.role.name())) };
        let line: Vec<_> = calls.iter().map(ToString::to_string).collect();
        match writeln!(input, "{}", line.join(" ")) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(self.lost()),
            told => told.map_err(AgentError::system(format!("cannot speak to {}", self.role.name()))),
        }
    }

    /// Tells how it ended, which it has once its end of a pipe is closed, or is about to.
    fn lost(&mut self) -> AgentError {
        let (name, pid) = (self.role.name(), self.process.id());
        match self.process.wait() {
            Ok(status) => AgentError::Left { name, pid, status },
            Err(source) => AgentError::System { what: format!("cannot wait for {name}"), source },
        }
    }

    /// Tells how it ended, if it has although it was not asked to.
    pub(super) fn left(&mut self) -> Option<AgentError> {
        let status = self.process.try_wait().ok().flatten()?;
        Some(AgentError::Left { name: self.role.name(), pid: self.process.id(), status })
    }

    /// Ends it, and waits until it is gone.
    pub(super) fn end(&mut self) {
        self.input = None;
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            match self.process.try_wait() {
                Ok(None) => thread::sleep(Duration::from_millis(5)),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        // An error means that it has ended after all.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}
