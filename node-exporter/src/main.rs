//! `node-exporter`: the host's metrics for Prometheus.

use std::process::ExitCode;

fn main() -> ExitCode {
    agent_core::entry::run::<node_exporter::NodeExporter>()
}
