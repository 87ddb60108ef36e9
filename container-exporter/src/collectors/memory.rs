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
    M::gauge("container_memory_kernel_usage", "The kernel's own memory for it in bytes.", |m| {
        number(m.kernel)
    })
    .from("v1 memory.kmem.usage_in_bytes; v2 memory.stat kernel (Linux 5.18)", "-"),
    M::gauge("container_memory_total_active_file_bytes", "Page cache that was used lately.", |m| {
        number(m.active_file)
    })
    .from("memory.stat (v1 total_active_file; v2 active_file)", "memory_stats.stats, the same names"),
    M::gauge("container_memory_total_inactive_file_bytes", "Page cache that was not used lately.", |m| {
        number(m.inactive_file)
    })
    .from("memory.stat (v1 total_inactive_file; v2 inactive_file)", "memory_stats.stats, the same names"),
    M::gauge("container_memory_file_dirty_bytes", "Page cache that is not on a device yet.", |m| {
        number(m.file_dirty)
    })
    .from("memory.stat (v1 total_dirty; v2 file_dirty)", "memory_stats.stats, the same names"),
    M::gauge("container_memory_file_writeback_bytes", "Page cache on its way to a device.", |m| {
        number(m.file_writeback)
    })
    .from("memory.stat (v1 total_writeback; v2 file_writeback)", "memory_stats.stats, the same names"),
    M::counter("container_memory_events_high_total", "How often the soft limit was passed.", |m| {
        number(m.events_high)
    })
    .from("v2 memory.events high", "-"),
    M::counter("container_memory_events_max_total", "How often the limit was about to be passed.", |m| {
        number(m.events_max)
    })
    .from("v2 memory.events max", "-"),
    M::counter("container_memory_pgscan_total", "Pages that reclaim looked at.", |m| number(m.pgscan))
        .from("v2 memory.stat pgscan", "v2 memory_stats.stats.pgscan"),
    M::counter("container_memory_pgsteal_total", "Pages that reclaim took.", |m| number(m.pgsteal))
        .from("v2 memory.stat pgsteal", "v2 memory_stats.stats.pgsteal"),
    M::counter(
        "container_memory_workingset_refault_file_total",
        "File pages that were read again soon after they had been dropped.",
        |m| number(m.refault_file),
    )
    .from("memory.stat (v1 total_workingset_refault_file; v2 workingset_refault_file)", "-"),
    M::counter(
        "container_memory_workingset_refault_anon_total",
        "Pages that were swapped in soon after they had been swapped out.",
        |m| number(m.refault_anon),
    )
    .from("memory.stat (v1 total_workingset_refault_anon; v2 workingset_refault_anon)", "-"),
    M::counter("container_memory_failures_total", "Page faults by type.", |m| number(m.pgfault))
        .labels(&[("failure_type", "pgfault"), ("scope", "container")])
        .from("memory.stat pgfault, pgmajfault", "memory_stats.stats.pgfault, pgmajfault"),
    M::counter("container_memory_failures_total", "Page faults by type.", |m| number(m.pgmajfault))
        .labels(&[("failure_type", "pgmajfault"), ("scope", "container")]),
    M::counter("container_memory_failures_total", "Page faults by type.", |m| number(m.total_pgfault))
        .labels(&[("failure_type", "pgfault"), ("scope", "hierarchy")]),
    M::counter("container_memory_failures_total", "Page faults by type.", |m| number(m.total_pgmajfault))
        .labels(&[("failure_type", "pgmajfault"), ("scope", "hierarchy")]),
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
        let machine = host.read_meminfo().map(|info| rows.extend(shared.root_row(info.memory)));
        let mut sum = Memory::default();
        shared.each_running(|source, container| {
            if let Some(memory) = source.memory(container) {
                if container.is_container() {
                    add_memory(&mut sum, &memory);
                }
                rows.push(Row::of(container, memory));
            }
        });
        if shared.store.is_listed() {
            rows.push(shared.docker_row(sum));
        }
        write(out, shared.detail(), METRICS, rows);
        machine.map_err(|error| CollectError::io(shared.paths.procfs.join("meminfo"), error))
    }
}
