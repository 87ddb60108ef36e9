//! One answer of `GET /containers/ID/stats`, brought to the terms of [`crate::sample`]. The differences between
//! cgroup versions end here.

use std::collections::HashMap;

use agent_core::docker::bollard::models::{
    ContainerBlkioStatEntry, ContainerBlkioStats, ContainerCpuStats, ContainerMemoryStats,
    ContainerNetworkStats, ContainerPidsStats, ContainerStatsResponse,
};

use crate::container::parse_time;
use crate::net_dev::is_reported;
use crate::sample::{BlockIo, Cpu, Interface, Memory, Processes, Throttling, Traffic};

/// Everything one answer says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatsSample {
    /// `cpu_stats`.
    pub cpu: Option<Cpu>,
    /// `percpu_usage`, cgroup version 1 only.
    pub percpu: Vec<u64>,
    /// `memory_stats`.
    pub memory: Option<Memory>,
    /// `networks`, in the order of their names.
    pub interfaces: Vec<Interface>,
    /// `blkio_stats`.
    pub block_io: Vec<BlockIo>,
    /// `pids_stats`.
    pub processes: Option<Processes>,
}

/// `None` for what the engine sends of stopped containers: all zeros, read in the year 1.
pub fn parse_stats(stats: &ContainerStatsResponse) -> Option<StatsSample> {
    stats.read.as_deref().and_then(parse_time)?;
    Some(StatsSample {
        cpu: stats.cpu_stats.as_ref().and_then(parse_cpu),
        percpu: stats
            .cpu_stats
            .as_ref()
            .and_then(|cpu| cpu.cpu_usage.as_ref()?.percpu_usage.clone())
            .unwrap_or_default(),
        memory: stats.memory_stats.as_ref().and_then(parse_memory),
        interfaces: stats.networks.as_ref().map(parse_networks).unwrap_or_default(),
        block_io: stats.blkio_stats.as_ref().map(parse_blkio).unwrap_or_default(),
        processes: stats.pids_stats.as_ref().and_then(parse_pids),
    })
}

fn parse_cpu(stats: &ContainerCpuStats) -> Option<Cpu> {
    let usage = stats.cpu_usage.as_ref()?;
    let throttling = stats.throttling_data.as_ref().and_then(|data| {
        Some(Throttling {
            periods: data.periods?,
            throttled_periods: data.throttled_periods?,
            throttled_nanos: data.throttled_time?,
            burst_periods: None,
            burst_nanos: None,
        })
    });
    Some(Cpu {
        usage_nanos: usage.total_usage,
        user_nanos: usage.usage_in_usermode,
        system_nanos: usage.usage_in_kernelmode,
        throttling,
    })
}

/// The engine leaves out numbers that are 0; on cgroup version 2 it leaves out what it does not have, too.
fn parse_memory(memory: &ContainerMemoryStats) -> Option<Memory> {
    let stats = memory.stats.as_ref()?;
    let get = |name: &str| stats.get(name).copied();
    let v1 = stats.contains_key("total_rss");
    let either = |v1_name, v2_name| get(if v1 { v1_name } else { v2_name });
    let sample = Memory {
        usage: Some(memory.usage.unwrap_or_default()),
        rss: either("total_rss", "anon"),
        cache: either("total_cache", "file"),
        mapped_file: either("total_mapped_file", "file_mapped"),
        max_usage: memory.max_usage.filter(|_| v1),
        active_file: either("total_active_file", "active_file"),
        inactive_file: either("total_inactive_file", "inactive_file"),
        file_dirty: either("total_dirty", "file_dirty"),
        file_writeback: either("total_writeback", "file_writeback"),
        pgscan: get("pgscan").filter(|_| !v1),
        pgsteal: get("pgsteal").filter(|_| !v1),
        total_pgfault: either("total_pgfault", "pgfault"),
        total_pgmajfault: either("total_pgmajfault", "pgmajfault"),
        failcnt: v1.then(|| memory.failcnt.unwrap_or_default()),
        pgfault: get("pgfault"),
        pgmajfault: get("pgmajfault"),
        ..Memory::default()
    };
    Some(sample.with_working_set())
}

fn parse_networks(networks: &HashMap<String, ContainerNetworkStats>) -> Vec<Interface> {
    let mut interfaces: Vec<_> = networks
        .iter()
        .filter(|(name, _)| is_reported(name))
        .filter_map(|(name, stats)| {
            // The error counts are always 0: the engine never fills them in.
            Some(Interface {
                name: name.clone(),
                receive: traffic(stats.rx_bytes, stats.rx_packets, stats.rx_dropped)?,
                transmit: traffic(stats.tx_bytes, stats.tx_packets, stats.tx_dropped)?,
            })
        })
        .collect();
    interfaces.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    interfaces
}

fn traffic(bytes: Option<u64>, packets: Option<u64>, dropped: Option<u64>) -> Option<Traffic> {
    Some(Traffic { bytes: bytes?, packets: packets?, errors: None, dropped: dropped? })
}

/// Operations are written `Read` on cgroup version 1 and `read` on 2.
fn parse_blkio(stats: &ContainerBlkioStats) -> Vec<BlockIo> {
    let mut devices = Vec::new();
    for entry in stats.io_service_bytes_recursive.iter().flatten() {
        enter(&mut devices, entry, |device| (&mut device.read_bytes, &mut device.write_bytes));
    }
    for entry in stats.io_serviced_recursive.iter().flatten() {
        enter(&mut devices, entry, |device| (&mut device.reads, &mut device.writes));
    }
    devices
}

fn enter(
    devices: &mut Vec<BlockIo>,
    entry: &ContainerBlkioStatEntry,
    places: impl Fn(&mut BlockIo) -> (&mut Option<u64>, &mut Option<u64>),
) {
    let (Some(major), Some(minor), Some(operation)) = (entry.major, entry.minor, &entry.op) else { return };
    let (read, write) = places(BlockIo::of(devices, major, minor));
    if operation.eq_ignore_ascii_case("read") {
        *read = entry.value;
    } else if operation.eq_ignore_ascii_case("write") {
        *write = entry.value;
    }
}

/// Without a limit the engine leaves it out; to cAdvisor that is 0.
fn parse_pids(stats: &ContainerPidsStats) -> Option<Processes> {
    let threads = Some(stats.current?);
    Some(Processes { processes: None, threads, threads_max: Some(stats.limit.unwrap_or_default()) })
}
