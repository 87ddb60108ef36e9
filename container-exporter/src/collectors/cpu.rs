//! `cpu`: processor time, and what quotas did to it.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;

use super::metric::{Description, Metric, describe, number, seconds, write};
use super::{Row, Shared};
use crate::docker_sum::CpuSum;
use crate::host::Host;
use crate::sample::Cpu;

type M = Metric<Cpu>;

const METRICS: &[M] = &[
    M::counter("container_cpu_usage_seconds_total", "Processor time used, in user and kernel mode.", |cpu| {
        seconds(cpu.usage_nanos)
    })
    .labels(&[("cpu", "total")])
    .from("v1 cpuacct.usage; v2 cpu.stat usage_usec", "cpu_stats.cpu_usage.total_usage"),
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
];

/// What it writes.
pub fn families() -> Vec<Description> {
    describe(METRICS)
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    let host = Host::new(&shared.paths.procfs);
    Box::new(CpuCollector {
        sum: CpuSum::new(shared.begun_nanos),
        shared: shared.clone(),
        host,
        rows: Vec::new(),
    })
}

struct CpuCollector {
    shared: Shared,
    host: Host,
    sum: CpuSum,
    rows: Vec<Row<Cpu>>,
}

impl Collector for CpuCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared, host, sum, rows } = self;
        rows.clear();
        let machine = host.read_stat().map(|stat| rows.push(shared.root_row(stat.cpu)));
        let running = shared.each_running(|source, container| {
            if let Some(cpu) = source.cpu(container) {
                sum.add(container, cpu);
                rows.push(Row::of(container, cpu));
            }
        });
        if shared.store.is_listed() {
            rows.push(shared.docker_row(sum.finish(&running)));
        }
        write(out, METRICS, rows);
        machine.map_err(|error| CollectError::io(shared.paths.procfs.join("stat"), error))
    }
}
