//! Asks a real Prometheus everything that boards ask, and counts what they would draw.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::board::{Board, Finding, Panel, Target, list, text};
use super::fill::{Range, Values, fill};
use super::lint::label_values;
use crate::http::{encode, get};
use crate::prometheus::Prometheus;

/// Lines, bars, numbers and bands of a panel.
const PLOTS: usize = 6;
/// Rows of a table.
const ROWS: usize = 10;

/// The rules of this file; `empty` is that a query has no data.
pub const RULES: [&str; 4] = ["answer", "empty", "plots", "variable"];

/// A Prometheus and the time that boards show.
#[derive(Debug)]
pub struct Question<'p> {
    /// Who is asked.
    pub prometheus: &'p Prometheus,
    /// What time.
    pub range: Range,
}

/// The values that Grafana would choose when the board is opened, and what is wrong with variables.
pub fn values(board: &Board, question: &Question<'_>) -> (Values, Vec<Finding>) {
    let (mut values, mut found) = (Values::new(), Vec::new());
    for variable in board.variables().iter().filter(|variable| text(variable, "/type") != "datasource") {
        let name = text(variable, "/name");
        match options(variable, &values, question) {
            Ok(options) => {
                values.insert(name.to_owned(), choose(variable, &options));
            }
            Err(problem) => {
                found.push(board.finding("variable", format!("variable {name}"), problem));
                // So that its queries are asked all the same.
                values.insert(name.to_owned(), ".*".to_owned());
            }
        }
    }
    (values, found)
}

fn options(variable: &Value, values: &Values, question: &Question<'_>) -> Result<BTreeSet<String>, String> {
    if text(variable, "/type") != "query" {
        let current = text(variable, "/current/value");
        return if current.is_empty() {
            Err("it has no value".to_owned())
        } else {
            Ok([current.to_owned()].into())
        };
    }
    let query = fill(text(variable, "/query/query"), values, &question.range)?;
    let (selector, label) = label_values(&query)?;
    let mut path = format!("label/{label}/values?start={}&end={}", question.range.start, question.range.end);
    if !selector.is_empty() {
        path = format!("{path}&match[]={}", encode(selector));
    }
    let data = question.ask(&path)?;
    let options: BTreeSet<_> = list(&data, "").iter().filter_map(|v| v.as_str().map(str::to_owned)).collect();
    if options.is_empty() { Err(format!("{query} has no values")) } else { Ok(options) }
}

fn choose(variable: &Value, options: &BTreeSet<String>) -> String {
    if variable["includeAll"] == true {
        let all = text(variable, "/allValue");
        return if all.is_empty() {
            options.iter().cloned().collect::<Vec<_>>().join("|")
        } else {
            all.to_owned()
        };
    }
    let current = text(variable, "/current/value");
    if options.contains(current) { current.to_owned() } else { options.first().cloned().unwrap_or_default() }
}

/// All that a board asks: each query is answered, has data, and is not drawn as more plots than fit.
pub fn check(board: &Board, question: &Question<'_>) -> Vec<Finding> {
    let (values, mut found) = values(board, question);
    for panel in board.panels().into_iter().filter(Panel::is_of_prometheus) {
        found.extend(of_panel(panel, &values, question));
    }
    for annotation in board.annotations().iter().filter(|a| !text(a, "/expr").is_empty()) {
        let asked = fill(text(annotation, "/expr"), &values, &question.range)
            .and_then(|query| question.over_range(&query, 60.0));
        if let Err(problem) = asked {
            let field = format!("annotation {}", text(annotation, "/name"));
            found.push(board.finding("answer", field, problem));
        }
    }
    found
}

fn of_panel(panel: Panel<'_>, values: &Values, question: &Question<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut answers = Vec::new();
    for target in panel.targets() {
        match question.target(target, values) {
            Err(problem) => found.push(panel.finding("answer", target.field("expr"), problem)),
            Ok(series) => {
                if series.is_empty() {
                    let problem = format!("no data for {}", target.expression());
                    found.push(panel.finding("empty", target.field("expr"), problem));
                }
                answers.push(series);
            }
        }
    }
    let (plots, most, what) = if panel.kind() == "table" {
        (rows(&answers), ROWS, "rows")
    } else {
        (answers.iter().map(Vec::len).sum(), PLOTS, "plots")
    };
    if plots > most {
        found.push(panel.finding("plots", "targets", format!("{plots} {what}: want at most {most}")));
    }
    found
}

/// A table has one row for each set of labels of any query.
fn rows(answers: &[Vec<Labels>]) -> usize {
    answers.iter().flatten().collect::<BTreeSet<_>>().len()
}

/// The labels of a series.
pub type Labels = BTreeMap<String, String>;

impl Question<'_> {
    /// The series that a query of a panel returns.
    fn target(&self, target: Target<'_>, values: &Values) -> Result<Vec<Labels>, String> {
        let query = fill(target.expression(), values, &self.range)?;
        if target.is_instant() { self.at_end(&query) } else { self.over_range(&query, self.range.step()) }
    }

    /// The series of a query at the end of the range.
    pub fn at_end(&self, query: &str) -> Result<Vec<Labels>, String> {
        let path = format!("query?time={}&query={}", self.range.end, encode(query));
        Ok(series(&self.ask(&path)?))
    }

    /// The series of a query over the whole range.
    pub fn over_range(&self, query: &str, step: f64) -> Result<Vec<Labels>, String> {
        // Grafana asks at multiples of the step.
        let aligned = |time: f64| (time / step).floor() * step;
        let (start, end) = (aligned(self.range.start), aligned(self.range.end));
        let path = format!("query_range?start={start}&end={end}&step={step}&query={}", encode(query));
        Ok(series(&self.ask(&path)?))
    }

    fn ask(&self, path: &str) -> Result<Value, String> {
        let answer = get(&format!("{}/api/v1/{path}", self.prometheus.url()))?;
        let json = answer.json();
        if json["status"] == "success" {
            Ok(json["data"].clone())
        } else {
            Err(text(&json, "/error").to_owned())
        }
    }
}

fn series(data: &Value) -> Vec<Labels> {
    let labels = |series: &Value| {
        let labels = series["metric"].as_object().into_iter().flatten();
        labels.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
    };
    list(data, "/result").iter().map(labels).collect()
}
