//! `process`: processes and threads of containers.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;

use super::metric::{Description, Metric, describe, number, write};
use super::{Row, Shared};
use crate::sample::Processes;

type M = Metric<Processes>;

const METRICS: &[M] = &[
    M::gauge("container_processes", "Processes.", |p| number(p.processes))
        .from("cgroup.procs (v1: of the pids controller)", "-"),
    M::gauge("container_threads", "Threads of all processes.", |p| number(p.threads))
        .from("pids.current", "pids_stats.current"),
    M::gauge("container_threads_max", "The most threads allowed; 0 is no limit.", |p| number(p.threads_max))
        .from("pids.max", "pids_stats.limit"),
];

/// What it writes.
pub fn families() -> Vec<Description> {
    describe(METRICS)
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    Box::new(ProcessCollector { shared: shared.clone(), rows: Vec::new() })
}

struct ProcessCollector {
    shared: Shared,
    rows: Vec<Row<Processes>>,
}

impl Collector for ProcessCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared, rows } = self;
        rows.clear();
        shared.each_running(|source, container| {
            rows.extend(source.processes(container).map(|processes| Row::of(container, processes)));
        });
        write(out, METRICS, rows);
        Ok(())
    }
}
