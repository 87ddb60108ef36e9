//! The whole output over recorded hosts of both cgroup versions.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::recording::Recording;
use agent_core::exposition::Format;

fn scrape(version: &str, format: Format) -> String {
    let recording = Recording::new(version);
    recording.exporter(recording.cgroup()).scrape(format)
}

#[test]
fn version_1_in_text() {
    insta::assert_snapshot!(scrape("v1", Format::Text));
}

#[test]
fn version_2_in_text() {
    insta::assert_snapshot!(scrape("v2", Format::Text));
}

#[test]
fn version_2_in_open_metrics() {
    insta::assert_snapshot!(scrape("v2", Format::OpenMetrics));
}

/// The text of the samples of one container and of one family prefix.
fn samples<'a>(text: &'a str, family: &str, name: &str) -> Vec<&'a str> {
    let label = format!("name=\"{name}\"");
    text.lines().filter(|line| line.starts_with(family) && line.contains(&label)).collect()
}

#[test]
fn a_network_is_reported_once() {
    for (version, own, borrowed) in
        [("v1", "plain", ["host", "sidecar"]), ("v2", "limited", ["hostnet", "sidecar"])]
    {
        let text = scrape(version, Format::Text);
        assert_eq!(samples(&text, "container_network_", own).len(), 8, "{version}");
        for name in borrowed {
            assert_eq!(samples(&text, "container_network_", name), [""; 0], "{version}");
            assert_eq!(samples(&text, "container_memory_rss", name).len(), 1, "{version}");
        }
    }
}

#[test]
fn dead_containers_have_no_series_and_idle_ones_few() {
    let text = scrape("v2", Format::Text);
    assert_eq!(samples(&text, "container_", "exit3"), [""; 0]);
    assert!(samples(&text, "container_", "limited").len() <= 64);
    let text = scrape("v1", Format::Text);
    assert!(samples(&text, "container_", "plain").len() <= 64);
    assert_eq!(samples(&text, "container_fs_", "limited"), [""; 0]);
    assert!(text.contains("\ncontainer_exporter_blkio_unaccounted 1\n"), "24 MB were written all the same");
}

/// Complaints that only parity with cAdvisor earns us.
const PARITY: [&str; 2] = [
    "cadvisor_version_info label names should be written in 'snake_case' not 'camelCase'",
    "container_memory_failcnt counter metrics should have \"_total\" suffix",
];

#[test]
fn promtool_takes_it() {
    for version in ["v1", "v2"] {
        let mut promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool, from the package prometheus");
        promtool.stdin.take().unwrap().write_all(scrape(version, Format::Text).as_bytes()).unwrap();
        let output = promtool.wait_with_output().unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        let complaints: BTreeSet<_> = complaints.lines().collect();
        assert_eq!(complaints, BTreeSet::from(PARITY));
        assert_eq!(output.status.code(), Some(3));
    }
}
