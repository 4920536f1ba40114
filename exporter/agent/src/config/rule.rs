//! Visibility rules: which traffic is steered, and what it is expected to speak.
//!
//! The compact spelling is that of Cilium's `proxy-visibility` annotation, read more generously: any case, spaces allowed.

use std::fmt;
use std::num::NonZeroU16;

/// Which way the traffic that a rule names is going, seen from the steered processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// To a local server that listens on the rule's port.
    Ingress,
    /// From a local client to any server on the rule's port.
    Egress,
}

/// What a rule's traffic is expected to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum L7 {
    /// Whatever the first bytes tell.
    Auto,
    /// HTTP/1 or HTTP/2; anything else on the port is relayed and reported as what it is.
    Http,
    /// gRPC, which is HTTP/2 to those who read it: the same as [`L7::Http`].
    Grpc,
    /// Kafka: whatever can be a request to a broker is taken for one, with no more evidence than that.
    Kafka,
    /// DNS.
    Dns,
}

/// What carries a rule's traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum L4 {
    /// Connections.
    #[default]
    Tcp,
    /// Datagrams, which only [`L7::Dns`] has.
    Udp,
}

/// One rule: the traffic of this direction, port and transport is steered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// The direction of its traffic.
    pub direction: Direction,
    /// The server's port.
    pub port: NonZeroU16,
    /// What carries it.
    pub l4: L4,
    /// What it is expected to speak.
    pub l7: L7,
}

/// A part of a rule that cannot be used: which part, what is wrong with it, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PartError {
    /// The key that the part has in the map spelling; empty for the rule as a whole.
    pub(super) key: &'static str,
    pub(super) what: String,
    pub(super) fix: String,
}

impl PartError {
    fn new(key: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { key, what: what.into(), fix: fix.into() }
    }
}

/// The parts of a rule as they are written; absent parts have a default or are an error.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RuleParts<'a> {
    pub(super) direction: Option<&'a str>,
    pub(super) port: Option<&'a str>,
    pub(super) l4: Option<&'a str>,
    pub(super) l7: Option<&'a str>,
}

impl<'a> RuleParts<'a> {
    /// Splits `<Ingress/9080/TCP/HTTP>` into its parts.
    pub(super) fn from_compact(text: &'a str) -> Result<Self, PartError> {
        let malformed = || {
            PartError::new(
                "",
                format!("`{text}` is not a rule"),
                "write <direction/port/L4/L7>, as in <Ingress/9080/TCP/HTTP>, with the angle brackets",
            )
        };
        let inner = text.trim().strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).ok_or_else(malformed)?;
        let mut parts = inner.split('/').map(str::trim);
        let (Some(direction), Some(port), Some(l4), Some(l7), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed());
        };
        Ok(Self { direction: Some(direction), port: Some(port), l4: Some(l4), l7: Some(l7) })
    }

    /// The rule that the parts make, or everything that is wrong with them.
    pub(super) fn read(self) -> Result<Rule, Vec<PartError>> {
        let mut errors = Vec::new();
        let mut keep = |error| errors.push(error);
        let direction = read_direction(self.direction).map_err(&mut keep).ok();
        let port = self
            .port
            .ok_or_else(|| PartError::new("port", "is missing", "give the server's port, from 1 to 65535"))
            .and_then(|text| read_port("port", text))
            .map_err(&mut keep)
            .ok();
        let upper = read_upper(self.l7, self.l4).map_err(&mut keep).ok();
        match (direction, port, upper) {
            (Some(direction), Some(port), Some((l4, l7))) => Ok(Rule { direction, port, l4, l7 }),
            _ => Err(errors),
        }
    }
}

/// Splits a list of compact rules at the commas between them.
pub(super) fn split_compact_list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

pub(super) fn read_port(key: &'static str, text: &str) -> Result<NonZeroU16, PartError> {
    text.trim().parse().map_err(|_| {
        let what = match text.trim() {
            "0" => "port 0 is no port that a server listens on".to_owned(),
            other => format!("`{other}` is not a port"),
        };
        PartError::new(key, what, "give a number from 1 to 65535")
    })
}

fn read_direction(text: Option<&str>) -> Result<Direction, PartError> {
    let fix = "write Ingress (to local servers) or Egress (from local clients)";
    match text.map(str::to_ascii_lowercase).as_deref() {
        Some("ingress") => Ok(Direction::Ingress),
        Some("egress") => Ok(Direction::Egress),
        Some(_) => Err(PartError::new("direction", format!("`{}` is not a direction", text.unwrap_or("")), fix)),
        None => Err(PartError::new("direction", "is missing", fix)),
    }
}

/// What the two upper parts name together. L4 is TCP where it is not given, L7 is AUTO.
fn read_upper(l7: Option<&str>, l4: Option<&str>) -> Result<(L4, L7), PartError> {
    let protocol = match l7.map(str::to_ascii_uppercase).as_deref() {
        None | Some("AUTO") => Ok(L7::Auto),
        Some("HTTP") => Ok(L7::Http),
        Some("GRPC") => Ok(L7::Grpc),
        Some("KAFKA") => Ok(L7::Kafka),
        Some("DNS") => Ok(L7::Dns),
        Some(_) => Err(PartError::new(
            "l7",
            format!("`{}` is not a protocol that can be named", l7.unwrap_or("")),
            "write HTTP, GRPC, KAFKA, DNS or AUTO",
        )),
    };
    match (l4.map(str::to_ascii_uppercase).as_deref(), &protocol) {
        (None | Some("TCP"), _) => protocol.map(|protocol| (L4::Tcp, protocol)),
        (Some("UDP"), Ok(L7::Dns)) => Ok((L4::Udp, L7::Dns)),
        (Some("ANY"), Ok(L7::Dns)) => {
            Err(PartError::new("l4", "ANY is two transports in one rule", "write one rule with UDP and one with TCP"))
        }
        (Some("UDP"), Ok(_)) => {
            Err(PartError::new("l4", "of UDP only DNS is read", "write TCP, or DNS for the protocol"))
        }
        (Some(other @ ("UDP" | "SCTP" | "ANY")), _) => {
            Err(PartError::new("l4", format!("{other} is not steered by this release"), "write TCP"))
        }
        (Some(_), _) => {
            let fix = "write TCP, or UDP for DNS";
            Err(PartError::new("l4", format!("`{}` is not a transport protocol", l4.unwrap_or("")), fix))
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Ingress => "Ingress",
            Self::Egress => "Egress",
        })
    }
}

impl fmt::Display for L4 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

impl fmt::Display for L7 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Auto => "AUTO",
            Self::Http => "HTTP",
            Self::Grpc => "GRPC",
            Self::Kafka => "KAFKA",
            Self::Dns => "DNS",
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "<{}/{}/{}/{}>", self.direction, self.port, self.l4, self.l7)
    }
}
