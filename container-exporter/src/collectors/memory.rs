//! `memory`: what containers hold, and how often they hit their limits.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;

use super::metric::{Description, Metric, describe, number, write};
use super::{Row, Shared};
use crate::docker_sum::add_memory;
use crate::host::Host;
use crate::sample::Memory;

type M = Metric<Memory>;

const METRICS: &[M] = &[
    M::gauge("container_memory_usage_bytes", "Memory charged, page cache too.", |m| number(m.usage))
        .from("v1 memory.usage_in_bytes; v2 memory.current", "memory_stats.usage"),
    M::gauge(
        "container_memory_working_set_bytes",
        "Memory charged, without page cache that was not used lately.",
        |m| number(m.working_set),
    )
    .from(
        "usage less memory.stat (v1 total_inactive_file; v2 inactive_file)",
        "memory_stats.usage less stats.(v1 total_inactive_file; v2 inactive_file)",
    ),
    M::gauge("container_memory_rss", "Anonymous memory in bytes.", |m| number(m.rss))
        .from("memory.stat (v1 total_rss; v2 anon)", "memory_stats.stats.(v1 total_rss; v2 anon)"),
    M::gauge("container_memory_cache", "Page cache in bytes.", |m| number(m.cache))
        .from("memory.stat (v1 total_cache; v2 file)", "memory_stats.stats.(v1 total_cache; v2 file)"),
    M::gauge("container_memory_swap", "Swap space used in bytes.", |m| number(m.swap))
        .from("v1 memory.stat total_swap; v2 memory.swap.current", "-"),
    M::gauge("container_memory_mapped_file", "Mapped file memory in bytes.", |m| number(m.mapped_file)).from(
        "memory.stat (v1 total_mapped_file; v2 file_mapped)",
        "memory_stats.stats.(v1 total_mapped_file; v2 file_mapped)",
    ),
    M::gauge("container_memory_max_usage_bytes", "The most memory that was ever charged.", |m| {
        number(m.max_usage)
    })
    .from("v1 memory.max_usage_in_bytes; v2 memory.peak (Linux 5.19)", "v1 memory_stats.max_usage"),
    M::counter("container_memory_failcnt", "How often the memory limit was hit.", |m| number(m.failcnt))
        .from("v1 memory.failcnt; v2 memory.events max", "v1 memory_stats.failcnt"),
    M::counter("container_memory_failures_total", "Page faults by type.", |m| number(m.pgfault))
        .labels(&[("failure_type", "pgfault"), ("scope", "container")])
        .from("memory.stat pgfault, pgmajfault", "memory_stats.stats.pgfault, pgmajfault"),
    M::counter("container_memory_failures_total", "Page faults by type.", |m| number(m.pgmajfault))
        .labels(&[("failure_type", "pgmajfault"), ("scope", "container")]),
];

/// What it writes.
pub fn families() -> Vec<Description> {
    describe(METRICS)
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    let host = Host::new(&shared.paths.procfs);
    Box::new(MemoryCollector { shared: shared.clone(), host, rows: Vec::new() })
}

struct MemoryCollector {
    shared: Shared,
    host: Host,
    rows: Vec<Row<Memory>>,
}

impl Collector for MemoryCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared, host, rows } = self;
        rows.clear();
        let machine = host.read_meminfo().map(|info| rows.push(shared.root_row(info.memory)));
        let mut sum = Memory::default();
        shared.each_running(|source, container| {
            if let Some(memory) = source.memory(container) {
                add_memory(&mut sum, &memory);
                rows.push(Row::of(container, memory));
            }
        });
        if shared.store.is_listed() {
            rows.push(shared.docker_row(sum));
        }
        write(out, METRICS, rows);
        machine.map_err(|error| CollectError::io(shared.paths.procfs.join("meminfo"), error))
    }
}
