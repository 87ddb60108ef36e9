//! `spec`: the limits that containers were given; 0 bytes is no limit, as in cAdvisor.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;

use super::metric::{Description, Metric, describe, number, write};
use super::{Row, Shared};
use crate::container::Limits;

type M = Metric<Limits>;

const METRICS: &[M] = &[
    M::gauge("container_spec_cpu_period", "Length of a period of the CPU quota in microseconds.", |l| {
        number(Some(l.cpu_period))
    })
    .from("inspect HostConfig.CpuPeriod", "inspect HostConfig.CpuPeriod"),
    M::gauge("container_spec_cpu_quota", "CPU quota in microseconds a period; absent without one.", |l| {
        number(l.cpu_quota)
    })
    .from("inspect HostConfig.NanoCpus, CpuQuota", "inspect HostConfig.NanoCpus, CpuQuota"),
    M::gauge("container_spec_cpu_shares", "Weight of the container when CPUs are short.", |l| {
        number(Some(l.cpu_shares))
    })
    .from("inspect HostConfig.CpuShares", "inspect HostConfig.CpuShares"),
    M::gauge("container_spec_memory_limit_bytes", "Memory limit; 0 is no limit.", |l| number(Some(l.memory)))
        .from("inspect HostConfig.Memory", "inspect HostConfig.Memory"),
    M::gauge(
        "container_spec_memory_swap_limit_bytes",
        "Limit of memory and swap together (cgroup v1) or of swap (v2); 0 is no limit.",
        |l| number(Some(l.memory_and_swap)),
    )
    .from("inspect HostConfig.MemorySwap", "inspect HostConfig.MemorySwap"),
    M::gauge(
        "container_spec_memory_reservation_limit_bytes",
        "Memory that the kernel tries to leave to the container; 0 is none.",
        |l| number(Some(l.memory_reservation)),
    )
    .from("inspect HostConfig.MemoryReservation", "inspect HostConfig.MemoryReservation"),
];

/// What it writes.
pub fn families() -> Vec<Description> {
    describe(METRICS)
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    Box::new(SpecCollector { shared: shared.clone(), rows: Vec::new() })
}

struct SpecCollector {
    shared: Shared,
    rows: Vec<Row<Limits>>,
}

impl Collector for SpecCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared, rows } = self;
        rows.clear();
        let v2 = shared.store.engine().cgroup_v2;
        rows.extend(shared.present().iter().map(|container| {
            let mut limits = container.limits;
            if v2 {
                // cAdvisor reads the kernel's limit, which on version 2 is for swap alone.
                limits.memory_and_swap = limits.memory_and_swap.saturating_sub(limits.memory);
            }
            Row::of(container, limits)
        }));
        write(out, shared.detail(), METRICS, rows);
        Ok(())
    }
}
