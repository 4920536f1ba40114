//! What of an expression has to return data, whatever the whole returns.
//!
//! An alert returns nothing while all is well, and `or vector(0)` returns something whatever stands before it. So what an
//! expression reads is proven by what is left of it without its conditions.

use std::collections::BTreeSet;
use std::mem;
use std::time::Duration;

use promql_parser::parser::token::{T_ADD, T_LOR, T_LUNLESS, TokenType};
use promql_parser::parser::{Expr, NumberLiteral, ParenExpr};

/// What of a subquery is looked at. It may see days, by steps that a test does not live to see.
const LATELY: Duration = Duration::from_mins(5);

/// These return something where their argument returns nothing.
const OF_NOTHING: [&str; 2] = ["absent", "absent_over_time"];

/// The expression without its conditions: comparisons that filter become sums, so that what is compared still has to match;
/// of `unless` its left side is left, of `absent` what it looks for; what was an hour ago is now, and a subquery looks at the
/// last minutes, as often as rules are evaluated.
pub fn unconditional(expr: &Expr) -> String {
    opened(expr.clone()).to_string()
}

/// The expressions that have to return data if this one is to be of use: itself without its conditions, and each side of
/// an `or` and an `unless` within it. What reads no series is left out.
pub fn claims(expr: &Expr) -> BTreeSet<String> {
    let mut claims = BTreeSet::new();
    add_claims(expr, true, &mut claims);
    claims
}

fn add_claims(expr: &Expr, is_whole: bool, claims: &mut BTreeSet<String>) {
    let has_sides = matches!(expr, Expr::Binary(binary) if [T_LOR, T_LUNLESS].contains(&binary.op.id()));
    // what has sides returns data where they do
    if is_whole && !has_sides && reads(expr) {
        claims.insert(unconditional(expr));
    }
    for child in children(&mut expr.clone()) {
        add_claims(child, has_sides, claims);
    }
}

fn opened(mut expr: Expr) -> Expr {
    for child in children(&mut expr) {
        *child = opened(take(child));
    }
    match expr {
        Expr::Binary(binary) if binary.op.id() == T_LUNLESS => grouped(*binary.lhs),
        Expr::Binary(mut binary) if binary.op.is_comparison_operator() && !binary.return_bool() => {
            binary.op = TokenType::new(T_ADD);
            for side in [&mut binary.lhs, &mut binary.rhs] {
                **side = grouped(take(side));
            }
            Expr::Binary(binary)
        }
        Expr::Call(mut call) if OF_NOTHING.contains(&call.func.name) && !call.args.is_empty() => {
            match *call.args.args.remove(0) {
                Expr::MatrixSelector(selector) => Expr::VectorSelector(selector.vs),
                argument => grouped(argument),
            }
        }
        Expr::VectorSelector(mut selector) => {
            selector.offset = None;
            Expr::VectorSelector(selector)
        }
        Expr::MatrixSelector(mut selector) => {
            selector.vs.offset = None;
            Expr::MatrixSelector(selector)
        }
        Expr::Subquery(mut subquery) => {
            (subquery.offset, subquery.step) = (None, None);
            subquery.range = subquery.range.min(LATELY);
            Expr::Subquery(subquery)
        }
        plain => plain,
    }
}

/// What an expression is made of.
fn children(expr: &mut Expr) -> Vec<&mut Expr> {
    match expr {
        Expr::Paren(inner) => vec![&mut inner.expr],
        Expr::Unary(inner) => vec![&mut inner.expr],
        Expr::Subquery(inner) => vec![&mut inner.expr],
        Expr::Aggregate(inner) => {
            let parameter = inner.param.iter_mut().map(|parameter| &mut **parameter);
            [&mut *inner.expr].into_iter().chain(parameter).collect()
        }
        Expr::Binary(binary) => vec![&mut binary.lhs, &mut binary.rhs],
        Expr::Call(call) => call.args.args.iter_mut().map(|argument| &mut **argument).collect(),
        _ => Vec::new(),
    }
}

fn take(expr: &mut Expr) -> Expr {
    mem::replace(expr, Expr::NumberLiteral(NumberLiteral::new(0.0)))
}

/// What held together by where it stood has parentheses where it stands now.
fn grouped(expr: Expr) -> Expr {
    match expr {
        Expr::Binary(_) => Expr::Paren(ParenExpr { expr: Box::new(expr) }),
        plain => plain,
    }
}

/// Whether an expression reads any series.
fn reads(expr: &Expr) -> bool {
    match expr {
        Expr::VectorSelector(_) | Expr::MatrixSelector(_) => true,
        other => children(&mut other.clone()).into_iter().any(|child| reads(child)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::parse;

    fn of(text: &str) -> Vec<String> {
        let found = claims(&parse(text).expect("PromQL"));
        for claim in &found {
            parse(claim).expect("PromQL as before");
        }
        found.into_iter().collect()
    }

    #[test]
    fn what_has_no_condition_is_claimed_as_it_is() {
        for text in ["sum by (job) (rate(a[5m]))", "a / on (job) group_left () b", "max_over_time(a[1h])", "-a"] {
            assert_eq!(of(text), [parse(text).expect("PromQL").to_string()]);
        }
        assert_eq!(of("a > bool 1"), ["a > bool 1"]);
    }

    #[test]
    fn conditions_are_taken_away_and_joins_are_kept() {
        assert_eq!(of("sum(rate(a[5m])) / sum(rate(b[5m])) > 0.1"), ["(sum(rate(a[5m])) / sum(rate(b[5m]))) + 0.1"]);
        assert_eq!(of("a > on (job) group_left () b"), ["a + on (job) group_left () b"]);
        assert_eq!(of("(a > 1) and (b > 2)"), ["(a + 1) and (b + 2)"]);
        assert_eq!(of("count(a == 0) > 0"), ["count(a + 0) + 0"]);
        assert_eq!(of("rate(a[5m] offset 1h)"), ["rate(a[5m])"]);
        assert_eq!(of("sum_over_time(a[3d:30m] offset 1h)"), ["sum_over_time(a[5m:])"]);
        assert_eq!(of("sum_over_time(a[1m:10s])"), ["sum_over_time(a[1m:])"]);
    }

    #[test]
    fn alternatives_are_claimed_one_by_one() {
        assert_eq!(of("sum(a) or vector(0)"), ["sum(a)"]);
        assert_eq!(of("a unless b > 1"), ["a", "b + 1"]);
        assert_eq!(of("(sum(a) or vector(0)) / sum(b)"), ["(sum(a) or vector(0)) / sum(b)", "sum(a)"]);
        assert_eq!(of("absent(a{job=\"x\"}) or a == 0"), ["a + 0", "a{job=\"x\"}"]);
        assert_eq!(of("absent_over_time(a[5m])"), ["a"]);
    }

    #[test]
    fn the_whole_keeps_its_alternatives() {
        let whole = |text: &str| unconditional(&parse(text).expect("PromQL"));
        assert_eq!(whole("(a unless b) > 1 or c == 2"), "(a) + 1 or c + 2");
        assert_eq!(whole("absent(a)"), "a");
    }
}
