//! What processes and the machine need.

use std::fs;
use std::path::Path;

/// User and system time in seconds; the kernel counts in hundredths.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let fields: Vec<_> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("ticks");
    (ticks(11) + ticks(12)) / 100.0
}

/// A field of a process's status, in MB.
pub(crate) fn memory_mb(pid: u32, name: &str) -> f64 {
    kilobytes(&format!("/proc/{pid}/status"), name) * 1024.0 / 1e6
}

/// What the machine could give, in MB.
pub(crate) fn available_mb() -> f64 {
    kilobytes("/proc/meminfo", "MemAvailable:") * 1024.0 / 1e6
}

fn kilobytes(path: &str, name: &str) -> f64 {
    let text = fs::read_to_string(path).expect("a file of the kernel");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a field");
    line.split_whitespace().next().expect("a number").parse().expect("a number")
}

/// Seconds that the machine's CPUs were idle, all together.
pub(crate) fn idle_seconds() -> f64 {
    let text = fs::read_to_string("/proc/stat").expect("a file of the kernel");
    let fields: Vec<f64> = text
        .lines()
        .next()
        .expect("a line")
        .split_whitespace()
        .filter_map(|field| field.parse().ok())
        .collect();
    (fields[3] + fields[4]) / 100.0
}

/// Bytes below a folder, in MB.
pub(crate) fn folder_mb(folder: &Path) -> f64 {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => folder_mb(&entry.path()),
        Ok(metadata) => metadata.len() as f64 / 1e6,
        // Prometheus removes files while this looks.
        Err(_) => 0.0,
    });
    sizes.sum()
}
