//! `container-exporter`: metrics of Docker containers with cAdvisor's names.

use std::process::ExitCode;

use agent_core::entry;
use container_exporter::agent::ContainerExporter;

fn main() -> ExitCode {
    entry::run::<ContainerExporter>()
}
