//! Prometheus' own check of an answer.

use std::io::Write;
use std::process::{Command, Stdio};

/// Complaints about names that are node_exporter's and stay as they are.
const KNOWN: [(&str, &str); 7] = [
    ("node_memory_", "should be written in 'snake_case' not 'camelCase'"),
    ("node_netstat_", "should be written in 'snake_case' not 'camelCase'"),
    ("node_entropy_", "use base unit \"bytes\" instead of \"bits\""),
    ("node_disk_discarded_sectors_total", "use base unit"),
    ("node_md_", "use base unit"),
    ("node_sockstat_", "use base unit"),
    ("node_wifi_station_", "use base unit \"bytes\" instead of \"bits\""),
];

/// Panics where promtool rejects the answer or complains about a name that is ours.
pub(crate) fn check(answer: &str) {
    let child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap_or_else(|error| {
        panic!("promtool cannot be run ({error}); it comes with Prometheus (Debian: apt install prometheus)")
    });
    let mut input = child.stdin.take().expect("its input");
    input.write_all(answer.as_bytes()).expect("promtool reads");
    drop(input);
    let output = child.wait_with_output().expect("promtool ends");
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // 3 is its code for complaints about names.
    assert!(matches!(output.status.code(), Some(0 | 3)), "promtool rejects the answer: {text}");
    let known = |line: &&str| {
        KNOWN.iter().any(|(name, complaint)| line.starts_with(name) && line.contains(complaint))
    };
    let unknown: Vec<_> = text.lines().filter(|line| !line.is_empty() && !known(line)).collect();
    assert!(unknown.is_empty(), "promtool complains: {unknown:#?}");
}
