//! What the home board asks.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use regex::Regex;
use serde_json::Value;

use e2e::http::encode;

use crate::server::Servers;
use crate::steps::INTERVAL;
use crate::{setting, tell};

/// Times each query is asked; the median counts.
const ROUNDS: usize = 3;

/// Asks every query of every panel.
pub(crate) fn measure(servers: &Servers, nodes: u32) {
    let board = concat!(env!("CARGO_MANIFEST_DIR"), "/../dashboards/home.json");
    let board: Value = serde_json::from_str(&std::fs::read_to_string(board).expect("a board")).expect("JSON");
    // As far back as there are samples of all nodes.
    let range = setting("HOLD", 10.0) * 60.0;
    let mut text = format!(
        "{nodes} nodes, the last {:.0} minutes, a point every {INTERVAL:.0} s; the median of {ROUNDS}. For 1,000 nodes and an hour \
         **extrapolated, not measured**: by nodes, and by what a longer range costs.\n\n\
         | panel | queries | series that come back | samples read | time | 1,000 nodes, an hour |\n|---|---|---|---|---|---|\n",
        range / 60.0
    );
    for panel in all_panels(&board) {
        let title = panel["title"].as_str().unwrap_or("?");
        let targets: Vec<_> = panel["targets"].as_array().into_iter().flatten().collect();
        let queries: Vec<_> = targets.iter().filter_map(|target| query(target, &board, range)).collect();
        if queries.is_empty() {
            continue;
        }
        let (mut took, mut samples, mut series, mut beyond) = (Duration::ZERO, 0.0, 0, 0.0);
        for (expression, instant) in &queries {
            let (time, read, count) = ask(servers, expression, *instant, range);
            let mut longer = time.as_secs_f64();
            if !instant {
                // What a point more costs, by a quarter of the range.
                let (part, ..) = ask(servers, expression, false, range / 4.0);
                longer += (longer - part.as_secs_f64()).max(0.0) / (range * 0.75) * (3600.0 - range).max(0.0);
            }
            beyond += longer * 1000.0 / f64::from(nodes);
            (took, samples, series) = (took + time, samples + read, series + count);
        }
        let _never_fails = writeln!(
            text,
            "| {title} | {} | {series} | {samples:.0} | {:.0} ms | {beyond:.1} s |",
            queries.len(),
            took.as_secs_f64() * 1000.0,
        );
    }
    tell("panels", &text);
}

/// Also those in rows that are folded.
fn all_panels(board: &Value) -> Vec<&Value> {
    let panels = board["panels"].as_array().into_iter().flatten();
    panels
        .flat_map(|panel| std::iter::once(panel).chain(panel["panels"].as_array().into_iter().flatten()))
        .collect()
}

/// An expression as Grafana would send it, and whether for one moment only.
fn query(target: &Value, board: &Value, range: f64) -> Option<(String, bool)> {
    let mut expression = target["expr"].as_str()?.to_owned();
    let range = format!("{range:.0}s");
    let rate_interval = format!("{:.0}s", 4.0 * INTERVAL);
    let interval = format!("{INTERVAL:.0}s");
    let mut values = vec![
        ("__rate_interval".to_owned(), rate_interval),
        ("__interval".to_owned(), interval),
        ("__range".to_owned(), range),
    ];
    for variable in board["templating"]["list"].as_array().into_iter().flatten() {
        let name = variable["name"].as_str()?.to_owned();
        values.push((name, value_of(variable)));
    }
    for (name, value) in values {
        let form =
            Regex::new(&format!(r"\$\{{{name}(:\w+)?\}}|\${name}\b|\[\[{name}\]\]")).expect("a pattern");
        expression = form.replace_all(&expression, regex::NoExpand(&value)).into_owned();
    }
    Some((expression, target["instant"] == true && target["range"] != true))
}

/// All, where that can be chosen.
fn value_of(variable: &Value) -> String {
    if variable["includeAll"] == true {
        return variable["allValue"].as_str().filter(|value| !value.is_empty()).unwrap_or(".*").to_owned();
    }
    let current = variable["current"]["value"].as_str().or_else(|| variable["query"].as_str());
    current.unwrap_or_default().to_owned()
}

fn ask(servers: &Servers, expression: &str, instant: bool, range: f64) -> (Duration, f64, usize) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let query = encode(expression);
    let path = if instant {
        format!("query?query={query}&time={now}")
    } else {
        format!("query_range?query={query}&start={}&end={now}&step={INTERVAL}", now - range)
    };
    let mut answers: Vec<_> = (0..ROUNDS).map(|_| servers.ask(&path)).collect();
    answers.sort_by_key(|answer| answer.took);
    let answer = &answers[ROUNDS / 2];
    (answer.took, answer.samples, answer.result.len())
}
