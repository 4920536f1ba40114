//! `flowfold check`: whether `run` with the same flags would start.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use flowfold_fold::{FamilyPreview, FoldOptions};
use flowfold_redirect::{Answer, Owner, Requirement};

use crate::cli::CheckArgs;
use crate::config::{Config, Direction, EXAMPLE, FIX_OF_CGROUP, defaults, flaw_of_cgroup};
use crate::error::{AgentError, Exit};
use crate::{netns, socket_table, stdout};

/// The column that the fix of a requirement begins in: below its name.
const INDENT: &str = "         ";

/// Checks, prints a line per requirement, and returns the exit code that `run` would end with if it didn't start.
pub fn check(arguments: &CheckArgs, out: &mut impl Write) -> Result<Exit, AgentError> {
    let (lines, written) = if arguments.print_example {
        (Vec::new(), out.write_all(EXAMPLE.as_bytes()))
    } else {
        let lines = look(arguments)?;
        let written = print(&lines, out);
        (lines, written)
    };
    // The verdict is the same for a reader that has seen enough of the lines.
    stdout::reader(written.and_then(|()| out.flush())).map_err(AgentError::system("cannot write the answer"))?;
    Ok(verdict(&lines))
}

fn look(arguments: &CheckArgs) -> Result<Vec<Line>, AgentError> {
    let steering = &arguments.steering;
    let config = match (&steering.config, &steering.visibility) {
        // Nothing was asked about the configuration: only about the host.
        (None, None) => {
            steering.cgroup.as_deref().map_or(Ok(()), usable)?;
            None
        }
        (file, _) => Some(Config::load(file.as_deref(), &steering.overrides())?),
    };
    let of_config = |read: fn(&Config) -> Option<&Path>| config.as_ref().and_then(read);
    let cgroup = of_config(|config| config.cgroup.as_deref()).or(steering.cgroup.as_deref());
    let namespace = of_config(|config| config.netns.as_deref()).or(steering.netns.as_deref());
    let metrics = config.as_ref().map(|config| config.metrics).or(steering.metrics);

    let mut lines = Vec::new();
    lines.extend(config.as_ref().map(|config| Line::new(State::Ok, "configuration", summary(config))));
    lines.extend(config.as_ref().map_or_else(Vec::new, |config| series_lines(&config.fold)));
    lines.extend(flowfold_redirect::probe(cgroup).requirements.into_iter().map(Line::from));
    let named = config.as_ref().map_or_else(Ingress::default, Ingress::of);
    let (sockets, taken) = netns::within(namespace, || Ok((sockets_line(list_sockets(&named)), taken_port(&named))))?;
    lines.push(sockets);
    lines.extend(taken);
    lines.push(metrics_line(metrics.unwrap_or(defaults::METRICS_LISTEN)));
    Ok(lines)
}

/// A cgroup that is none is a slip of whoever named it, and nothing that the host lacks.
fn usable(cgroup: &Path) -> Result<(), AgentError> {
    let refusal =
        |flaw| AgentError::Flag { flag: "cgroup", what: format!("{} {flaw}", cgroup.display()), fix: FIX_OF_CGROUP };
    flaw_of_cgroup(cgroup).map(refusal).map_or(Ok(()), Err)
}

/// One thing that was looked at.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    state: State,
    name: String,
    found: String,
    fix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is as `run` needs it.
    Ok,
    /// It doesn't matter to `run`, but to what it can see.
    Note,
    /// A privilege or a feature is missing.
    Missing,
    /// Somebody else has it.
    Taken,
}

impl Line {
    fn new(state: State, name: &str, found: String) -> Self {
        Self { state, name: name.to_owned(), found, fix: None }
    }

    fn with_fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }
}

impl From<Requirement> for Line {
    fn from(requirement: Requirement) -> Self {
        let name = requirement.name;
        match requirement.answer {
            Answer::Present(found) => Self::new(State::Ok, name, found),
            Answer::Note(found) => Self::new(State::Note, name, found),
            Answer::MissingPrivilege { found, fix } | Answer::MissingFeature { found, fix } => {
                Self::new(State::Missing, name, found).with_fix(fix)
            }
        }
    }
}

fn summary(config: &Config) -> String {
    let rules: Vec<_> = config.rules.iter().map(ToString::to_string).collect();
    format!("{}; {} workloads, {} routes", rules.join(","), config.workloads.len(), config.fold.routes.len())
}

/// How many series the configuration can make.
fn series_lines(options: &FoldOptions) -> Vec<Line> {
    let ttl = options
        .series_ttl
        .map_or("are kept for ever".to_owned(), |ttl| format!("go after {}", humantime::format_duration(ttl)));
    let (series, bytes) = (options.max_series, options.max_bytes / (1024 * 1024));
    let ceiling = format!("at most {series} label sets in {bytes} MiB, overflow beyond; idle ones {ttl}");
    let of_family = |preview: FamilyPreview| {
        let made_of: Vec<_> = preview.made_of.iter().map(|(what, count)| format!("{count} {what}")).collect();
        let made_of = if made_of.is_empty() { "nothing else is kept".to_owned() } else { made_of.join(" x ") };
        let found = format!("{}: up to {} per client, server and port ({made_of})", preview.family, preview.most);
        Line::new(State::Note, "series", found)
    };
    let families = options.preview().into_iter().map(of_family);
    [Line::new(State::Ok, "series", ceiling)].into_iter().chain(families).collect()
}

/// The ports of ingress rules.
#[derive(Debug, Default)]
struct Ingress {
    tcp: Vec<u16>,
    udp: Vec<u16>,
}

impl Ingress {
    fn of(config: &Config) -> Self {
        Self { tcp: config.ports(Direction::Ingress), udp: config.udp_ports(Direction::Ingress) }
    }
}

/// Tells if another agent has an ingress port of the rules in the calling thread's network namespace. (Egress ports may
/// be shared where the cgroups are apart.) Where the owners cannot be listed, the privilege to do so is missing, and that
/// is told already.
fn taken_port(named: &Ingress) -> Option<Line> {
    let owners = flowfold_redirect::owners().ok()?;
    let here = std::fs::metadata("/proc/thread-self/ns/net").ok()?.ino();
    owners.iter().filter(|owner| owner.netns == here).find_map(|owner| conflict(owner, named))
}

fn conflict(owner: &Owner, named: &Ingress) -> Option<Line> {
    let common = |own: &[u16], others: &[u16]| own.iter().find(|port| others.contains(port)).copied();
    let tcp = common(&named.tcp, &owner.ingress).map(|port| format!("port {port} is steered"));
    let what = tcp.or_else(|| common(&named.udp, &owner.ingress_udp).map(|port| format!("UDP port {port} is read")))?;
    let found = format!("ingress {what} by process {} ({})", owner.pid, owner.description);
    Some(Line::new(State::Taken, "ports", found).with_fix("stop it first, or name other ports"))
}

/// Lists sockets as `run` does to find local servers.
fn list_sockets(named: &Ingress) -> io::Result<()> {
    socket_table::listening()?;
    if !named.udp.is_empty() {
        socket_table::unconnected_datagrams()?;
    }
    Ok(())
}

/// Whether local servers can be told by their names: a kernel may come without what lists sockets.
fn sockets_line(listed: io::Result<()>) -> Line {
    match listed {
        Ok(()) => Line::new(State::Ok, "sockets", "can be listed".to_owned()),
        Err(error) => {
            let found =
                format!("cannot be listed ({error}): local servers go by their addresses, older connections uncounted");
            Line::new(State::Note, "sockets", found)
                .with_fix("load the kernel's modules tcp_diag and udp_diag, or take a kernel that has them")
        }
    }
}

fn metrics_line(address: SocketAddr) -> Line {
    match TcpListener::bind(address) {
        Ok(_) => Line::new(State::Ok, "/metrics", format!("{address} is free")),
        Err(error) => Line::new(State::Taken, "/metrics", format!("{address}: {error}"))
            .with_fix("stop what listens there, or choose another address with --metrics"),
    }
}

fn print(lines: &[Line], out: &mut impl Write) -> io::Result<()> {
    let width = lines.iter().map(|line| line.name.chars().count()).max().unwrap_or(0);
    for line in lines {
        let state = match line.state {
            State::Ok => "ok",
            State::Note => "note",
            State::Missing => "missing",
            State::Taken => "taken",
        };
        writeln!(out, "{state:<7}  {:<width$}  {}", line.name, line.found)?;
        if let Some(fix) = &line.fix {
            writeln!(out, "{INDENT}{:<width$}  fix: {fix}", "")?;
        }
    }
    Ok(())
}

fn verdict(lines: &[Line]) -> Exit {
    let any = |state| lines.iter().any(|line| line.state == state);
    if any(State::Missing) {
        Exit::Missing
    } else if any(State::Taken) {
        Exit::Failed
    } else {
        Exit::Done
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn lines_are_aligned_and_tell_the_fix_below() {
        let lines = [
            Line::new(State::Ok, "kernel", "6.1".to_owned()),
            Line::new(State::Missing, "privilege", "CAP_BPF".to_owned()).with_fix("run as root"),
        ];
        let mut out = Vec::new();
        print(&lines, &mut out).unwrap();
        let wanted = "ok       kernel     6.1\nmissing  privilege  CAP_BPF\n                    fix: run as root\n";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
        assert_eq!(verdict(&lines), Exit::Missing);
        assert_eq!(verdict(&lines[..1]), Exit::Done);
    }

    #[test]
    fn a_configuration_is_told_how_many_series_it_can_make() {
        let lines = series_lines(&FoldOptions::default());
        assert_eq!(lines[0].found, "at most 20000 label sets in 128 MiB, overflow beyond; idle ones go after 15m");
        let first_byte = lines.iter().find(|line| line.found.starts_with("flowfold_http_time")).unwrap();
        let expected = "flowfold_http_time_to_first_byte_seconds: up to 2 per client, server and port (2 reporters)";
        assert_eq!(first_byte.found, expected);
        assert_eq!(lines.len(), 12);
        assert_eq!(verdict(&lines), Exit::Done);
    }

    #[test]
    fn without_a_list_of_sockets_it_is_said_what_that_costs() {
        assert_eq!(sockets_line(Ok(())).state, State::Ok);
        let line = sockets_line(Err(io::ErrorKind::NotFound.into()));
        assert!(line.found.contains("by their addresses") && line.fix.is_some(), "{line:?}");
        assert_eq!(verdict(&[line]), Exit::Done);
    }

    #[test]
    fn a_port_of_another_agent_is_told_with_its_owner() {
        let owner = Owner {
            pid: 4711,
            netns: 1,
            ingress: vec![80, 81],
            egress: vec![90],
            egress_udp: vec![91],
            ingress_udp: vec![92],
            since: SystemTime::UNIX_EPOCH,
            description: "flowfold 0.1.0".to_owned(),
        };
        let named = |tcp: &[u16], udp: &[u16]| Ingress { tcp: tcp.into(), udp: udp.into() };
        let found = conflict(&owner, &named(&[79, 81], &[])).unwrap();
        assert_eq!(found.found, "ingress port 81 is steered by process 4711 (flowfold 0.1.0)");
        assert_eq!(verdict(&[found]), Exit::Failed);
        let found = conflict(&owner, &named(&[92], &[80, 92])).unwrap();
        assert_eq!(found.found, "ingress UDP port 92 is read by process 4711 (flowfold 0.1.0)");
        assert!(conflict(&owner, &named(&[90], &[91])).is_none(), "the directions are apart");
    }
}
