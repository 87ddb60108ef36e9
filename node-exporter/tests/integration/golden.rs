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
const LEFT_OUT: [&str; 8] = [
    "node_exporter_confined",
    "node_filesystem_readonly",
    "node_timex_",
    "node_uname_info",
    "process_max_fds",
    "process_start_time",
    "process_virtual_memory",
    "node_exporter_build_info",
];

/// Collectors that have no recorded files: ethtool gives nothing, the others ask a bus (their tests have recorded answers).
const NOT_RECORDED: [&str; 3] = ["ethtool", "logind", "systemd"];

/// Flags that make collectors write more, or from recorded files only.
const MORE: [&str; 8] = [
    "--collector.cpu.info",
    "--collector.cpu.info.flags-include=^avx",
    "--collector.qdisc.fixtures=tests/fixtures/qdisc",
    "--collector.stat.softirq",
    "--collector.sysctl.include=fs.file-nr:total,current,max",
    "--collector.sysctl.include=kernel.pid_max",
    "--collector.sysctl.include-info=kernel.seccomp.actions_avail",
    "--collector.wifi.fixtures=tests/fixtures/wifi",
];

/// Every collector that has recorded files, also those that are off by default.
pub(crate) fn exporter() -> Exporter {
    let switches: Vec<_> = recorded().map(|name| format!("--collector.{name}")).collect();
    let switches: Vec<_> = switches.iter().map(String::as_str).collect();
    Exporter::start(&[&FIXTURES[..], &MORE, &switches].concat())
}

fn recorded() -> impl Iterator<Item = &'static str> {
    COLLECTORS.iter().map(|spec| spec.name).filter(|name| !NOT_RECORDED.contains(name))
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
    for name in recorded() {
        let line = format!("node_scrape_collector_success{{collector=\"{name}\"}} 1\n");
        assert!(answer.contains(&line), "{name} has no recorded files or fails on them");
    }
}
