//! `node-exporter`: the host's metrics for Prometheus.

use std::process::ExitCode;

use dlmalloc::GlobalDlmalloc;

/// One heap for all threads: what one of them gives back, the next takes, so that memory stays small and flat.
#[global_allocator]
static ALLOCATOR: GlobalDlmalloc = GlobalDlmalloc;

fn main() -> ExitCode {
    agent_core::entry::run::<node_exporter::NodeExporter>()
}
