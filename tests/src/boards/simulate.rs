//! Fifty nodes, made of one: every series that boards ask for is copied from a real Prometheus for each node, with values
//! whose order changes with time. What ranks anew at each step shows more than it says, here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use super::ask::Labels;
use super::board::Board;
use super::fill::Values;
use super::promql;
use crate::command::run;
use crate::prometheus::Prometheus;

/// How many.
pub const NODES: u32 = 50;
/// Seconds between samples.
pub const SCRAPE: u32 = 300;
/// Samples of each series.
const SAMPLES: u32 = 13;
/// Series of one metric that are copied for each node: more say nothing new.
const SERIES: usize = 5;

/// What tells one node, service or container from another, so that copies differ.
const NAMES: [&str; 13] = [
    "instance",
    "node_id",
    "node_name",
    "id",
    "name",
    "service",
    "service_name",
    "container",
    "container_label_com_docker_stack_namespace",
    "container_label_com_docker_swarm_node_id",
    "container_label_com_docker_swarm_service_name",
    "container_label_com_docker_swarm_task_name",
    "address",
];

/// A Prometheus with the history of fifty nodes up to `end`.
pub fn nodes(real: &Prometheus, boards: &[Board], end: u32) -> Prometheus {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.txt");
    fs::write(&file, history(&copied(real, boards), end)).expect("a history");
    let (file, data) = (file.display().to_string(), folder.path().join("data").display().to_string());
    run("promtool", &["tsdb", "create-blocks-from", "openmetrics", &file, &data]);
    Prometheus::with_data(folder)
}

/// A metric, and the labels and values of some of its series.
type Copied = BTreeMap<String, Vec<(Labels, f64)>>;

fn copied(real: &Prometheus, boards: &[Board]) -> Copied {
    let mut names = BTreeSet::new();
    for board in boards {
        let any: Values =
            board.own_variables().into_iter().map(|n| (n.to_owned(), ".*".to_owned())).collect();
        let queries = board.panels().into_iter().flat_map(|panel| panel.targets());
        names.extend(queries.flat_map(|target| promql::metrics(target.expression(), &any)));
    }
    // What variables are made of.
    names.insert("container_last_seen".to_owned());
    names.into_iter().map(|name| (name.clone(), some_of(real, &name))).collect()
}

fn some_of(real: &Prometheus, name: &str) -> Vec<(Labels, f64)> {
    let mut series: Vec<_> = real
        .query(name)
        .iter()
        .map(|series| {
            let labels = series["metric"].as_object().into_iter().flatten();
            let labels = labels
                // Long, and nothing is asked by them.
                .filter(|(label, _)| {
                    !["__name__", "image", "container_label_com_docker_swarm_task"].contains(&label.as_str())
                })
                .map(|(label, value)| (label.clone(), value.as_str().unwrap_or_default().to_owned()))
                .collect();
            let value = series["value"][1].as_str().and_then(|value| value.parse().ok()).unwrap_or(0.0);
            (labels, value)
        })
        .collect();
    // Those of services that also have names, spread over what there is.
    series.sort_by_key(|(labels, _): &(Labels, f64)| {
        (!labels.contains_key("container_label_com_docker_swarm_service_name"), labels.clone())
    });
    let step = series.len().div_ceil(SERIES).max(1);
    let by_container = name.starts_with("container_");
    if by_container {
        series.into_iter().take(SERIES).collect()
    } else {
        series.into_iter().step_by(step).collect()
    }
}

/// In the OpenMetrics format, with times.
fn history(copied: &Copied, end: u32) -> String {
    let mut text = String::new();
    for (name, series) in copied {
        for (number, (labels, value)) in (0_u32..).zip(series) {
            for node in 0..NODES {
                let labels = of_node(labels, node);
                let mut total = 0.0;
                for sample in 0..SAMPLES {
                    // Another node is on top at each sample.
                    let rank = f64::from((node * 7 + sample * 11 + number) % NODES + 1) / f64::from(NODES);
                    total += rank * f64::from(SCRAPE);
                    let value = match kind(name, labels.contains("le=")) {
                        Kind::Info => *value,
                        Kind::Counter => total,
                        Kind::Gauge => value.max(1.0) * rank,
                    };
                    let time = end - (SAMPLES - 1 - sample) * SCRAPE;
                    writeln!(text, "{name}{{{labels}}} {value} {time}").expect("a string takes all");
                }
            }
        }
    }
    text.push_str("# EOF\n");
    text
}

enum Kind {
    Info,
    Counter,
    Gauge,
}

fn kind(name: &str, bucket: bool) -> Kind {
    // States of their own, or what others are joined with and multiplied by.
    let fixed = [
        "node_meta",
        "ALERTS",
        "up",
        "node_filesystem_readonly",
        "container_state",
        "container_health_state",
    ];
    if name.ends_with("_info") || fixed.contains(&name) {
        Kind::Info
    } else if bucket
        || name.ends_with("_total")
        || name.starts_with("node_netstat_")
        || name.starts_with("node_vmstat_")
    {
        Kind::Counter
    } else {
        Kind::Gauge
    }
}

fn of_node(labels: &Labels, node: u32) -> String {
    let label = |(name, value): (&String, &String)| {
        let copy = if NAMES.contains(&name.as_str()) { format!("-{node}") } else { String::new() };
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("{name}=\"{value}{copy}\"")
    };
    labels.iter().map(label).collect::<Vec<_>>().join(",")
}
