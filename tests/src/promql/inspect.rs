//! Which names and labels an expression uses, and which labels its result has.

use std::collections::BTreeSet;

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::token::{
    T_BOTTOMK, T_COUNT_VALUES, T_LAND, T_LIMIT_RATIO, T_LIMITK, T_LOR, T_LUNLESS, T_TOPK,
};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorMatchCardinality, VectorSelector,
};

use super::catalogue::{Catalogue, Labels};
use super::parse;

const NAME: &str = "__name__";

/// These ask how fast something rises.
const RATES: [&str; 4] = ["increase", "irate", "rate", "resets"];

/// These ask for the buckets of a histogram, as their last argument.
const OF_BUCKETS: [&str; 2] = ["histogram_fraction", "histogram_quantile"];

/// What an expression uses and what is wrong with that.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The names that it spells out. A pattern of names names none.
    pub names: BTreeSet<String>,
    /// The labels that its result may have.
    pub labels: Labels,
    /// Names that nobody has, labels that they do not have, and what cannot be asked of them.
    pub problems: Vec<String>,
}

/// Looks through an expression.
pub fn inspect(text: &str, catalogue: &Catalogue) -> Inspection {
    let expr = match parse(text) {
        Ok(expr) => expr,
        Err(error) => return Inspection { names: BTreeSet::new(), labels: Labels::Any, problems: vec![error] },
    };
    let mut inspector = Inspector { catalogue, names: BTreeSet::new(), problems: Vec::new() };
    let labels = inspector.expr(&expr);
    Inspection { names: inspector.names, labels, problems: inspector.problems }
}

struct Inspector<'a> {
    catalogue: &'a Catalogue,
    names: BTreeSet<String>,
    problems: Vec<String>,
}

impl Inspector<'_> {
    /// Looks through an expression and tells which labels its result may have.
    fn expr(&mut self, expr: &Expr) -> Labels {
        match expr {
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Labels::none(),
            Expr::Paren(inner) => self.expr(&inner.expr),
            Expr::Unary(inner) => self.expr(&inner.expr),
            Expr::Subquery(inner) => self.expr(&inner.expr),
            Expr::VectorSelector(selector) => self.selector(selector),
            Expr::MatrixSelector(selector) => self.selector(&selector.vs),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Call(call) => self.call(call),
            Expr::Extension(_) => unreachable!("the parser makes none"),
        }
    }

    fn selector(&mut self, selector: &VectorSelector) -> Labels {
        let mut labels: Option<Labels> = None;
        for name in self.named(selector) {
            let more = self.catalogue.labels(&name).cloned().unwrap_or(Labels::Any);
            labels = Some(match labels {
                Some(labels) => labels.or(more),
                None => more,
            });
        }
        let labels = labels.unwrap_or(Labels::Any);
        for matcher in matchers(selector).filter(|matcher| matcher.name != NAME) {
            self.require(&labels, &matcher.name, &selector.to_string());
        }
        labels
    }

    /// The names that a selector stands for.
    fn named(&mut self, selector: &VectorSelector) -> Vec<String> {
        let exact = matchers(selector).filter(|matcher| matcher.name == NAME && matcher.op == MatchOp::Equal);
        let exact = selector.name.clone().or_else(|| exact.map(|matcher| matcher.value.clone()).next());
        if let Some(name) = exact {
            if self.catalogue.labels(&name).is_none() {
                self.problems.push(format!("nothing is called {name}"));
            }
            self.names.insert(name.clone());
            return vec![name];
        }
        let patterns: Vec<&Matcher> = matchers(selector).filter(|matcher| matcher.name == NAME).collect();
        let fits = |name: &&str| patterns.iter().all(|pattern| pattern.is_match(name));
        let names: Vec<String> = self.catalogue.names().filter(fits).map(str::to_owned).collect();
        if names.is_empty() {
            self.problems.push(format!("nothing is called like {selector}"));
        }
        names
    }

    fn require(&mut self, labels: &Labels, name: &str, of: &str) {
        if !labels.may_have(name) {
            self.problems.push(format!("there is no label {name} in {of}"));
        }
    }

    fn aggregate(&mut self, aggregate: &AggregateExpr) -> Labels {
        if let Some(parameter) = &aggregate.param {
            self.expr(parameter);
        }
        let inner = self.expr(&aggregate.expr);
        let of = aggregate.expr.to_string();
        for label in aggregate.modifier.iter().flat_map(|modifier| &modifier.labels().labels) {
            self.require(&inner, label, &of);
        }
        if [T_TOPK, T_BOTTOMK, T_LIMITK, T_LIMIT_RATIO].contains(&aggregate.op.id()) {
            return inner;
        }
        let grouped = match &aggregate.modifier {
            None => Labels::none(),
            Some(LabelModifier::Include(labels)) => Labels::these(&labels.labels),
            Some(LabelModifier::Exclude(labels)) => inner.without(&labels.labels),
        };
        match aggregate.param.as_deref() {
            Some(Expr::StringLiteral(label)) if aggregate.op.id() == T_COUNT_VALUES => grouped.with([&label.val]),
            _ => grouped,
        }
    }

    fn binary(&mut self, binary: &BinaryExpr) -> Labels {
        let (left, right) = (self.expr(&binary.lhs), self.expr(&binary.rhs));
        if binary.lhs.value_type() == ValueType::Scalar {
            return right;
        }
        if binary.rhs.value_type() == ValueType::Scalar {
            return left;
        }
        let modifier = binary.modifier.as_ref();
        let matching = modifier.and_then(|modifier| modifier.matching.as_ref());
        for label in matching.iter().flat_map(|matching| &matching.labels().labels) {
            let is_on = matching.is_some_and(LabelModifier::is_include);
            if is_on {
                self.require(&left, label, &binary.lhs.to_string());
                self.require(&right, label, &binary.rhs.to_string());
            } else {
                self.require(&left.clone().or(right.clone()), label, &binary.to_string());
            }
        }
        match (binary.op.id(), modifier.map(|modifier| &modifier.card)) {
            (T_LOR, _) => left.or(right),
            (T_LAND | T_LUNLESS, _) => left,
            (_, Some(VectorMatchCardinality::ManyToOne(more))) => {
                self.all_of(&right, &more.labels, &binary.rhs);
                left.with(&more.labels)
            }
            (_, Some(VectorMatchCardinality::OneToMany(more))) => {
                self.all_of(&left, &more.labels, &binary.lhs);
                right.with(&more.labels)
            }
            _ => match matching {
                Some(LabelModifier::Include(labels)) => Labels::these(&labels.labels),
                Some(LabelModifier::Exclude(labels)) => left.without(&labels.labels),
                None => left,
            },
        }
    }

    fn all_of(&mut self, labels: &Labels, names: &[String], of: &Expr) {
        for name in names {
            self.require(labels, name, &of.to_string());
        }
    }

    fn call(&mut self, call: &Call) -> Labels {
        let arguments = &call.args.args;
        let name = call.func.name;
        let mut labels = Labels::none();
        for argument in arguments {
            labels = labels.or(self.expr(argument));
        }
        let text = |at: usize| match arguments.get(at).map(|argument| &**argument) {
            Some(Expr::StringLiteral(text)) => text.val.clone(),
            _ => String::new(),
        };
        if RATES.contains(&name) {
            self.must_rise(call);
        }
        if OF_BUCKETS.contains(&name) {
            self.require(&labels, "le", &call.to_string());
            return labels.without(["le"]);
        }
        let of = call.to_string();
        match name {
            // label_replace(v, destination, replacement, source, regex)
            "label_replace" => {
                let source = text(3);
                if !source.is_empty() {
                    self.require(&labels, &source, &of);
                }
                labels.with([text(1)])
            }
            // label_join(v, destination, separator, source, ...)
            "label_join" => {
                for source in (3..arguments.len()).map(text) {
                    self.require(&labels, &source, &of);
                }
                labels.with([text(1)])
            }
            "vector" | "scalar" | "time" => Labels::none(),
            _ => labels,
        }
    }

    /// A gauge has no rate.
    fn must_rise(&mut self, call: &Call) {
        for argument in &call.args.args {
            let Expr::MatrixSelector(selector) = &**argument else { continue };
            if let Some(name) = selector.vs.name.as_deref().filter(|name| self.catalogue.is_gauge(name)) {
                self.problems.push(format!("{name} is a gauge, and has no {}", call.func.name));
            }
        }
    }
}

fn matchers(selector: &VectorSelector) -> impl Iterator<Item = &Matcher> {
    selector.matchers.matchers.iter().chain(selector.matchers.or_matchers.iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        inspect(text, &Catalogue::of_the_code()).problems
    }

    fn labels(text: &str) -> Labels {
        let inspection = inspect(text, &Catalogue::of_the_code());
        assert_eq!(inspection.problems, Vec::<String>::new(), "{text}");
        inspection.labels
    }

    #[test]
    fn what_is_right_is_passed() {
        for text in [
            "sum by (http_route) (rate(http_server_request_duration_seconds_count{job=\"a\"}[5m]))",
            "histogram_quantile(0.99, sum by (le, server) (rate(traces_service_graph_request_server_seconds_bucket[5m])))",
            "flowfold_series / on (instance) group_left () flowfold_series_limit",
            "up == 0 or absent(up)",
            "sum(rate({__name__=~\"(rpc|http)_server_.+_duration_seconds_count\"}[5m]))",
            "1 - (process_open_fds / process_max_fds)",
            "max_over_time(rate(kafka_requests_total[5m])[1h:1m])",
        ] {
            assert_eq!(problems(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn an_unknown_name_is_found() {
        for (text, name) in [
            ("sum(rate(http_requests_total[5m]))", "http_requests_total"),
            ("http_server_request_duration_seconds", "http_server_request_duration_seconds"),
            ("{__name__=\"flowfold_nothing\"}", "flowfold_nothing"),
            ("up and on () (vector(1) unless kafka_lag)", "kafka_lag"),
            ("topk(scalar(sum(gone)), up)", "gone"),
        ] {
            assert_eq!(problems(text), [format!("nothing is called {name}")], "{text}");
        }
        assert_eq!(problems("{__name__=~\"istio_.*\"}").len(), 1);
    }

    #[test]
    fn an_unknown_label_is_found() {
        for (text, label) in [
            ("flowfold_series{workload=\"a\"}", "workload"),
            ("sum by (route) (flowfold_series)", "route"),
            ("sum without (le) (flowfold_series)", "le"),
            ("sum by (family) (sum by (job) (flowfold_series))", "family"),
            ("flowfold_series / on (family) flowfold_series_limit", "family"),
            ("flowfold_series * on (instance) group_left (version) flowfold_series_limit", "version"),
            ("flowfold_series / ignoring (pod) flowfold_series_limit", "pod"),
            ("histogram_quantile(0.9, sum(rate(dns_lookup_duration_seconds_bucket[5m])))", "le"),
            ("label_replace(up, \"a\", \"$1\", \"pod\", \"(.*)\")", "pod"),
        ] {
            let found = problems(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].starts_with(&format!("there is no label {label} in ")), "{text}: {found:?}");
        }
    }

    #[test]
    fn a_gauge_has_no_rate() {
        assert_eq!(problems("rate(flowfold_series[5m])"), ["flowfold_series is a gauge, and has no rate"]);
    }

    #[test]
    fn the_labels_of_the_result_are_told() {
        assert_eq!(labels("sum(up)"), Labels::none());
        assert_eq!(labels("sum by (job) (up)"), Labels::these(["job"]));
        assert_eq!(labels("topk(3, up)"), Labels::these(["cluster", "instance", "job"]));
        let joined = labels("up * on (job) group_left (a) label_replace(up, \"a\", \"b\", \"\", \"\")");
        assert_eq!(joined, Labels::these(["a", "cluster", "instance", "job"]));
        assert_eq!(labels("count_values by (job) (\"version\", up)"), Labels::these(["job", "version"]));
        assert_eq!(labels("2 * sum by (job) (up)"), Labels::these(["job"]));
        assert_eq!(labels("target_info"), Labels::Any);
    }

    #[test]
    fn what_is_no_promql_is_found() {
        assert_eq!(problems("sum(rate(up[5m])").len(), 1);
        assert_eq!(problems("rate(up)").len(), 1);
    }
}
