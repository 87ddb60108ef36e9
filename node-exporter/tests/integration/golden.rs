//! Everything the exporter says of the recorded host, in both formats.

use node_exporter::collectors::COLLECTORS;

use crate::exporter::{Exporter, FIXTURES, assert_golden, package};
use crate::promtool;

/// Families whose values are of this machine and this moment; their samples are compared by name and labels.
const LIVE: [&str; 11] = [
    "node_filesystem_avail_bytes",
    "node_filesystem_files",
    "node_filesystem_files_free",
    "node_filesystem_free_bytes",
    "node_filesystem_size_bytes",
    "node_scrape_collector_duration_seconds",
    "node_textfile_mtime_seconds",
    "node_time_seconds",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_resident_memory_bytes",
];
/// Families that depend on the machine in their labels or presence.
const LEFT_OUT: [&str; 7] = [
    "node_exporter_confined",
    "node_filesystem_readonly",
    "node_uname_info",
    "process_max_fds",
    "process_start_time",
    "process_virtual_memory",
    "node_exporter_build_info",
];

/// The exporter of the recorded host, with all it can tell.
pub(crate) fn exporter() -> Exporter {
    let more = ["--collector.cgroup_pressure", "--collector.procs", "--collector.stat.softirq"];
    Exporter::start(&[&FIXTURES[..], &more].concat())
}

/// The answer without what differs from machine to machine.
fn stable(answer: &str) -> String {
    let mut text = String::new();
    for line in answer.lines() {
        let sample = line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ");
        if LEFT_OUT.iter().any(|name| sample.starts_with(name)) {
            continue;
        }
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        match line.rsplit_once(' ') {
            Some((series, _)) if LIVE.contains(&name) => text.extend([series, " <live>"]),
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn the_text_format_is_as_recorded() {
    let answer = exporter().metrics();
    promtool::check(&answer);
    assert_golden(&package().join("tests/golden/metrics.txt"), &stable(&answer));
}

#[test]
fn open_metrics_is_as_recorded() {
    let (_, answer) = exporter().get("/metrics", "application/openmetrics-text;version=1.0.0");
    assert!(answer.ends_with("# EOF\n"), "{answer}");
    assert_golden(&package().join("tests/golden/metrics.openmetrics.txt"), &stable(&answer));
}

#[test]
fn every_collector_has_its_part() {
    let answer = exporter().metrics();
    for spec in COLLECTORS {
        let line = format!("node_scrape_collector_success{{collector=\"{}\"}} 1\n", spec.name);
        assert!(answer.contains(&line), "{} has no recorded files or fails on them", spec.name);
    }
}
