//! The visibility rules, from a file or from `--visibility`.

use std::net::SocketAddr;

use serde_saphyr::Spanned;

use crate::config::problem::Collector;
use crate::config::raw::{RawRule, RawRuleMap, Text};
use crate::config::rule::{PartError, RuleParts, split_compact_list};
use crate::config::{Direction, Rule, defaults};

/// What the rules must agree with.
pub(super) struct Context {
    pub(super) metrics: SocketAddr,
    pub(super) metrics_line: Option<u64>,
    /// The steered namespace is the one that `/metrics` is served in.
    pub(super) own_namespace: bool,
}

/// The rules of `--visibility`.
pub(super) fn from_flag(problems: &mut Collector, text: &str, context: &Context) -> Vec<Rule> {
    let mut own = Collector::new("--visibility");
    let mut read = Vec::new();
    let mut failed = false;
    for (index, part) in split_compact_list(text).enumerate() {
        let at = format!("rule {}", index + 1);
        match RuleParts::from_compact(part).map_err(|error| vec![error]).and_then(RuleParts::read) {
            Ok(rule) => read.push((None, at, rule)),
            Err(errors) => {
                failed = true;
                report(&mut own, None, &at, errors);
            }
        }
    }
    let rules = checked(&mut own, "", read, failed, context);
    problems.absorb(own);
    rules
}

/// The rules of the file's `visibility` list.
pub(super) fn from_file(problems: &mut Collector, raw: Vec<Spanned<RawRule>>, context: &Context) -> Vec<Rule> {
    let mut read = Vec::new();
    let mut failed = false;
    for (index, raw) in raw.into_iter().enumerate() {
        let at = format!("visibility[{index}]");
        let line = Some(raw.referenced.line());
        let rule = match &raw.value {
            RawRule::Compact(text) => {
                RuleParts::from_compact(text).map_err(|error| vec![error]).and_then(RuleParts::read)
            }
            RawRule::Map(map) => parts_of(map).read(),
        };
        match rule {
            Ok(rule) => read.push((line, at, rule)),
            Err(errors) => {
                failed = true;
                report(problems, line, &at, errors);
            }
        }
    }
    checked(problems, "visibility", read, failed, context)
}

fn parts_of(map: &RawRuleMap) -> RuleParts<'_> {
    fn text(text: Option<&Text>) -> Option<&str> {
        text.map(|text| text.value.trim())
    }
    RuleParts {
        direction: text(map.direction.as_ref()),
        port: text(map.port.as_ref()),
        l4: text(map.l4.as_ref()),
        l7: text(map.l7.as_ref()),
    }
}

fn report(problems: &mut Collector, line: Option<u64>, at: &str, errors: Vec<PartError>) {
    for error in errors {
        let path = if error.key.is_empty() { at.to_owned() } else { format!("{at}.{}", error.key) };
        problems.report(line, path, error.what, error.fix);
    }
}

/// Refuses what no rule may say beside the others.
fn checked(
    problems: &mut Collector,
    key: &str,
    read: Vec<(Option<u64>, String, Rule)>,
    failed: bool,
    context: &Context,
) -> Vec<Rule> {
    let mut rules: Vec<(String, Rule)> = Vec::with_capacity(read.len());
    if read.is_empty() && !failed {
        let fix = "give at least one rule, as in <Ingress/9080/TCP/HTTP>, in the file's `visibility` list or \
                   with --visibility";
        problems.report(None, key, "no rule names any traffic", fix);
    }
    for (line, at, rule) in read {
        let traffic = |rule: &Rule| (rule.direction, rule.port, rule.l4);
        let same = |(_, other): &&(String, Rule)| traffic(other) == traffic(&rule);
        if let Some((first, other)) = rules.iter().find(same) {
            let what = format!("{rule} names the traffic that {first} ({other}) already names");
            problems.report(line, at, what, "keep one of the two");
            continue;
        }
        let serves_metrics = context.metrics.port() == rule.port.get();
        if rule.direction == Direction::Ingress && serves_metrics && context.own_namespace {
            let shown = context.metrics_line.map_or(String::new(), |line| format!(" (line {line})"));
            let what = format!("{rule} is the port of the agent's own /metrics{shown}");
            problems.report(line, at.clone(), what, "take the rule out, or serve /metrics on another port");
        }
        rules.push((at, rule));
    }
    for direction in [Direction::Ingress, Direction::Egress] {
        let count = rules.iter().filter(|(_, rule)| rule.direction == direction).count();
        let limit = defaults::MAX_PORTS;
        if count > limit {
            let what = format!("{count} {direction} rules");
            problems.report(None, key, what, format!("keep at most {limit} of one direction"));
        }
    }
    rules.into_iter().map(|(_, rule)| rule).collect()
}
