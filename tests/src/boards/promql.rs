//! Rules of queries, by the syntax tree that a parser of their language makes of them.

use std::time::Duration;

use promql_parser::parser::token::{T_BOTTOMK, T_COUNT, T_DIV, T_LOR, T_MUL, T_SUM, T_TOPK};
use promql_parser::parser::{
    AggregateExpr, AtModifier, BinaryExpr, Call, Expr, MatrixSelector, SubqueryExpr, VectorSelector, parse,
};

use super::fill::{Range, Values, fill};

/// Lengths by which the rules know Grafana's intervals again: nobody writes these.
const RATE_INTERVAL: u64 = 671;
const RANGE: u64 = 2222;
const INTERVAL: u64 = 33;

/// What is wrong with a query: the rule's name and the problem.
pub type Problem = (&'static str, String);

/// All rules.
pub const RULES: [&str; 5] =
    ["target-promql", "target-rate-interval", "target-counter-agg", "target-rank-once", "target-or-vector"];

/// Checks a query in which variables are not yet replaced. `values` has anything for the board's own variables.
pub fn check(text: &str, instant: bool, values: &Values) -> Vec<Problem> {
    let mut values = values.clone();
    for (name, seconds) in [("__rate_interval", RATE_INTERVAL), ("__range", RANGE), ("__interval", INTERVAL)]
    {
        values.insert(name.to_owned(), format!("{seconds}s"));
    }
    let any = Range { start: 0.0, end: 3600.0, scrape: 15.0 };
    let expression = match fill(text, &values, &any) {
        Err(unknown) => return vec![("target-promql", unknown)],
        Ok(filled) => match parse(&filled) {
            Err(error) => return vec![("target-promql", error)],
            Ok(expression) => expression,
        },
    };
    let mut problems = Vec::new();
    visit(&expression, None, &mut |expression, parent| {
        problems.extend(rate_interval(expression));
        problems.extend(counter(expression, parent));
        problems.extend(or_vector(expression));
        if !instant {
            problems.extend(rank(expression));
        }
    });
    problems
}

/// The names of metrics that a query asks for.
pub fn metrics(text: &str, values: &Values) -> Vec<String> {
    let any = Range { start: 0.0, end: 3600.0, scrape: 15.0 };
    let Some(expression) = fill(text, values, &any).ok().and_then(|filled| parse(&filled).ok()) else {
        return Vec::new();
    };
    let mut names = Vec::new();
    visit(&expression, None, &mut |expression, _| {
        if let Expr::VectorSelector(VectorSelector { name: Some(name), .. })
        | Expr::MatrixSelector(MatrixSelector { vs: VectorSelector { name: Some(name), .. }, .. }) =
            expression
        {
            names.push(name.clone());
        }
    });
    names
}

fn children(expression: &Expr) -> Vec<&Expr> {
    match expression {
        Expr::Aggregate(AggregateExpr { expr, .. }) | Expr::Subquery(SubqueryExpr { expr, .. }) => vec![expr],
        Expr::Unary(unary) => vec![&unary.expr],
        Expr::Paren(paren) => vec![&paren.expr],
        Expr::Binary(BinaryExpr { lhs, rhs, .. }) => vec![lhs, rhs],
        Expr::Call(Call { args, .. }) => args.args.iter().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    }
}

fn visit<'e>(
    expression: &'e Expr,
    parent: Option<&'e Expr>,
    see: &mut impl FnMut(&'e Expr, Option<&'e Expr>),
) {
    see(expression, parent);
    for child in children(expression) {
        visit(child, Some(expression), see);
    }
}

const RATES: [&str; 3] = ["rate", "irate", "increase"];

fn rate_interval(expression: &Expr) -> Option<Problem> {
    let Expr::Call(Call { func, args }) = expression else { return None };
    let Some(Expr::MatrixSelector(MatrixSelector { range, .. })) = args.args.first().map(AsRef::as_ref)
    else {
        return None;
    };
    let known = [RATE_INTERVAL, RANGE].map(Duration::from_secs);
    (RATES.contains(&func.name) && !known.contains(range)).then(|| {
        let problem =
            format!("{}(…[{range:?}]): want $__rate_interval, or $__range for all of it", func.name);
        ("target-rate-interval", problem)
    })
}

fn counter(expression: &Expr, parent: Option<&Expr>) -> Option<Problem> {
    let (Expr::VectorSelector(selector) | Expr::MatrixSelector(MatrixSelector { vs: selector, .. })) =
        expression
    else {
        return None;
    };
    let name = selector.name.as_deref().filter(|name| name.ends_with("_total"))?;
    let fine = match parent {
        Some(Expr::Call(call)) => RATES.contains(&call.func.name),
        // How many there are says nothing of their values.
        Some(Expr::Aggregate(aggregate)) => aggregate.op.id() == T_COUNT,
        _ => false,
    };
    (!fine).then(|| {
        let problem = format!("{name} is a counter: want it directly inside rate, irate or increase");
        ("target-counter-agg", problem)
    })
}

/// Whether it is the same at each step of a graph.
fn is_fixed(expression: &Expr) -> bool {
    let at_end = |at: &Option<AtModifier>| at.is_some();
    match expression {
        Expr::VectorSelector(selector) => at_end(&selector.at),
        Expr::MatrixSelector(selector) => at_end(&selector.vs.at),
        Expr::Subquery(subquery) if at_end(&subquery.at) => true,
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => true,
        other => {
            let below = children(other);
            !below.is_empty() && below.into_iter().all(is_fixed)
        }
    }
}

fn rank(expression: &Expr) -> Option<Problem> {
    let Expr::Aggregate(AggregateExpr { op, expr, .. }) = expression else { return None };
    let ranks = [T_TOPK, T_BOTTOMK].contains(&op.id()) && !is_fixed(expr);
    ranks.then(|| {
        let problem = format!(
            "{op} ranks anew at each step, so that more series appear than it says: want its argument @ end()"
        );
        ("target-rank-once", problem)
    })
}

fn or_vector(expression: &Expr) -> Option<Problem> {
    let Expr::Binary(BinaryExpr { op, lhs, rhs, .. }) = expression else { return None };
    let zero = matches!(rhs.as_ref(), Expr::Call(call) if call.func.name == "vector");
    (op.id() == T_LOR && zero && !is_count(lhs)).then(|| {
        let problem =
            "vector(0) makes up a value: want it only after a count or sum without labels".to_owned();
        ("target-or-vector", problem)
    })
}

/// A count or sum over everything, perhaps times a number.
fn is_count(expression: &Expr) -> bool {
    match expression {
        Expr::Paren(paren) => is_count(&paren.expr),
        Expr::Aggregate(aggregate) => {
            aggregate.modifier.is_none() && [T_COUNT, T_SUM].contains(&aggregate.op.id())
        }
        Expr::Binary(BinaryExpr { op, lhs, rhs, .. }) if [T_MUL, T_DIV].contains(&op.id()) => {
            let number = |side: &Expr| matches!(side, Expr::NumberLiteral(_));
            (number(lhs) && is_count(rhs)) || (is_count(lhs) && number(rhs))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str, instant: bool) -> Vec<&'static str> {
        let values = Values::from([("node".to_owned(), "a".to_owned())]);
        check(text, instant, &values).into_iter().map(|(rule, _)| rule).collect()
    }

    #[test]
    fn faults_are_found() {
        for (text, rule) in [
            ("sum(rate(a_total[$__rate_interval])", "target-promql"),
            ("up{node=\"$nod\"}", "target-promql"),
            ("rate(a_total[5m])", "target-rate-interval"),
            ("sum(a_total)", "target-counter-agg"),
            ("topk(6, up)", "target-rank-once"),
            ("up and topk(6, avg_over_time(up[$__range]))", "target-rank-once"),
            ("sum by (a) (up) or vector(0)", "target-or-vector"),
            ("max(up) or vector(0)", "target-or-vector"),
        ] {
            assert_eq!(rules(text, false), [rule], "{text}");
        }
    }

    #[test]
    fn what_is_right_passes() {
        for text in [
            "60 * sum(rate(a_total{n=~\"$node\"}[$__rate_interval])) or vector(0)",
            "count(up == 0) or vector(0)",
            "(up) and on (n) topk(6, avg_over_time((up)[$__range:$__interval] @ end()))",
            "increase(a_total[$__range])",
            "count by (n) (a_total)",
        ] {
            assert_eq!(rules(text, false), [""; 0], "{text}");
        }
        assert_eq!(rules("topk(6, up)", true), [""; 0], "ranked once, as it is asked once");
    }

    #[test]
    fn metrics_are_named() {
        assert_eq!(metrics("rate(a_total[$__interval]) / on (x) b", &Values::new()), ["a_total", "b"]);
    }
}
