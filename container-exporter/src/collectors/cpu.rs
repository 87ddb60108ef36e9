//! `cpu`: processor time, and what quotas did to it.

use std::sync::Arc;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;

use super::metric::{Description, Metric, describe, number, seconds, write};
use super::{Row, Shared};
use crate::docker_sum::CpuSum;
use crate::host::Host;
use crate::sample::Cpu;

type M = Metric<Cpu>;

/// One row for each container, or for each CPU of it.
const USAGE: &[Metric<u64>] = &[Metric::<u64>::counter(
    "container_cpu_usage_seconds_total",
    "Processor time used, in user and kernel mode.",
    |nanos| seconds(Some(*nanos)),
)
.from(
    "v1 cpuacct.usage, with percpu cpuacct.usage_percpu; v2 cpu.stat usage_usec",
    "cpu_stats.cpu_usage.total_usage, with percpu v1 percpu_usage",
)];

const METRICS: &[M] = &[
    M::counter("container_cpu_user_seconds_total", "Processor time used in user mode.", |cpu| {
        seconds(cpu.user_nanos)
    })
    .from("v1 cpuacct.stat user; v2 cpu.stat user_usec", "cpu_stats.cpu_usage.usage_in_usermode"),
    M::counter("container_cpu_system_seconds_total", "Processor time used in kernel mode.", |cpu| {
        seconds(cpu.system_nanos)
    })
    .from("v1 cpuacct.stat system; v2 cpu.stat system_usec", "cpu_stats.cpu_usage.usage_in_kernelmode"),
    M::counter(
        "container_cpu_cfs_periods_total",
        "Periods of the CPU quota in which something wanted to run; with a quota only.",
        |cpu| number(cpu.throttling.map(|t| t.periods)),
    )
    .from("cpu.stat nr_periods", "cpu_stats.throttling_data.periods"),
    M::counter(
        "container_cpu_cfs_throttled_periods_total",
        "Periods in which the CPU quota was used up; with a quota only.",
        |cpu| number(cpu.throttling.map(|t| t.throttled_periods)),
    )
    .from("cpu.stat nr_throttled", "cpu_stats.throttling_data.throttled_periods"),
    M::counter(
        "container_cpu_cfs_throttled_seconds_total",
        "Time that tasks waited because the CPU quota was used up; with a quota only.",
        |cpu| seconds(cpu.throttling.map(|t| t.throttled_nanos)),
    )
    .from(
        "v1 cpu.stat throttled_time; v2 cpu.stat throttled_usec",
        "cpu_stats.throttling_data.throttled_time",
    ),
    M::counter(
        "container_cpu_cfs_burst_periods_total",
        "Periods in which more than the CPU quota was used, from what was saved up; with a quota only.",
        |cpu| number(cpu.throttling.and_then(|t| t.burst_periods)),
    )
    .from("cpu.stat nr_bursts", "-"),
    M::counter(
        "container_cpu_cfs_burst_seconds_total",
        "Processor time used beyond the CPU quota, from what was saved up; with a quota only.",
        |cpu| seconds(cpu.throttling.and_then(|t| t.burst_nanos)),
    )
    .from("v1 cpu.stat burst_time; v2 cpu.stat burst_usec", "-"),
];

/// What it writes.
pub fn families() -> Vec<Description> {
    [describe(USAGE), describe(METRICS)].concat()
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    let host = Host::new(&shared.paths.procfs);
    Box::new(CpuCollector {
        sum: CpuSum::new(shared.begun_nanos),
        shared: shared.clone(),
        host,
        rows: Vec::new(),
        usage: Vec::new(),
    })
}

struct CpuCollector {
    shared: Shared,
    host: Host,
    sum: CpuSum,
    rows: Vec<Row<Cpu>>,
    usage: Vec<Row<u64>>,
}

impl Collector for CpuCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared, host, sum, rows, usage } = self;
        rows.clear();
        usage.clear();
        let machine = host.read_stat().map(|stat| rows.extend(shared.root_row(stat.cpu)));
        usage.extend(rows.iter().filter_map(total));
        let running = shared.each_running(|source, container| {
            let Some(cpu) = source.cpu(container) else { return };
            let row = Row::of(container, cpu);
            let percpu = if shared.options.percpu { source.percpu(container) } else { Vec::new() };
            if percpu.is_empty() {
                usage.extend(total(&row));
            }
            for (number, nanos) in percpu.into_iter().enumerate() {
                usage.push(Row::of(container, nanos).with("cpu", format!("cpu{number:02}")));
            }
            rows.push(row);
            if container.is_container() {
                sum.add(container, cpu);
                shared.store.services().add_cpu(container, shared.begun_nanos, cpu.usage_nanos);
            }
        });
        shared.store.services().forget(&running);
        if shared.store.is_listed() {
            let row = shared.docker_row(sum.finish(&running));
            usage.extend(total(&row));
            rows.push(row);
        }
        write(out, shared.detail(), USAGE, usage);
        write(out, shared.detail(), METRICS, rows);
        machine.map_err(|error| CollectError::io(shared.paths.procfs.join("stat"), error))
    }
}

fn total(row: &Row<Cpu>) -> Option<Row<u64>> {
    let sample = row.sample.usage_nanos?;
    let row = Row { block: Arc::clone(&row.block), labels: Vec::new(), sample };
    Some(row.with("cpu", "total"))
}
