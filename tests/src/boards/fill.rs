//! What Grafana puts in the place of variables, in the words of its data source for Prometheus.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// The time that a board shows, and how finely.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// Unix time at which it begins.
    pub start: f64,
    /// Unix time at which it ends.
    pub end: f64,
    /// How often Prometheus scrapes, in seconds: the data source's `timeInterval`.
    pub scrape: f64,
}

/// How many points a panel of a usual width asks for.
const POINTS: f64 = 600.0;

impl Range {
    /// The step of graphs.
    pub fn step(&self) -> f64 {
        self.scrape.max(((self.end - self.start) / POINTS).ceil())
    }

    fn rate_interval(&self) -> f64 {
        (self.step() + self.scrape).max(4.0 * self.scrape)
    }

    fn builtin(&self, name: &str) -> Option<String> {
        let seconds = |seconds: f64| format!("{seconds:.0}s");
        Some(match name {
            "__interval" => seconds(self.step()),
            "__interval_ms" => format!("{:.0}", self.step() * 1000.0),
            "__rate_interval" => seconds(self.rate_interval()),
            "__range" => seconds(self.end - self.start),
            "__range_s" => format!("{:.0}", self.end - self.start),
            "__range_ms" => format!("{:.0}", (self.end - self.start) * 1000.0),
            _ => return None,
        })
    }
}

/// Values of a board's own variables, as they go into a query.
pub type Values = BTreeMap<String, String>;

/// Every use of a variable: `$name`, `${name}`, `${name:format}`, `[[name]]`. (`$1` is a group of a regular expression.)
static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\$([A-Za-z_]\w*)|\$\{(\w+)(?::\w+)?\}|\[\[(\w+)(?::\w+)?\]\]").expect("a pattern")
});

fn name<'t>(found: &Captures<'t>) -> &'t str {
    found.iter().skip(1).flatten().next().map_or("", |name| name.as_str())
}

/// The names of the variables that a text uses.
pub fn used(text: &str) -> Vec<&str> {
    PATTERN.captures_iter(text).map(|found| name(&found)).collect()
}

/// The text with all variables replaced; the name of one that is not known.
pub fn fill(text: &str, values: &Values, range: &Range) -> Result<String, String> {
    let value = |name: &str| values.get(name).cloned().or_else(|| range.builtin(name));
    if let Some(unknown) = used(text).into_iter().find(|name| value(name).is_none()) {
        return Err(format!("${unknown} is no variable of the board"));
    }
    Ok(PATTERN.replace_all(text, |found: &Captures<'_>| value(name(found)).unwrap_or_default()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Range = Range { start: 0.0, end: 3600.0, scrape: 15.0 };

    #[test]
    fn as_grafana_does() {
        let values = Values::from([("node".to_owned(), "a|b".to_owned())]);
        let filled = fill(
            "rate(x{n=~\"$node\"}[$__rate_interval]) @ ${__range_s} [[node]] ${node:regex}",
            &values,
            &HOUR,
        );
        assert_eq!(filled.unwrap(), "rate(x{n=~\"a|b\"}[60s]) @ 3600 a|b a|b");
        assert_eq!(fill("$__interval_ms", &values, &HOUR).unwrap(), "15000");
    }

    #[test]
    fn an_unknown_variable_is_named() {
        assert_eq!(
            fill("x{n=\"$nod\"}", &Values::new(), &HOUR).unwrap_err(),
            "$nod is no variable of the board"
        );
    }
}
