//! What every agent says of itself: who and where it is, and `process_*`.

use std::{fs, io};

use procfs::FromRead;
use procfs::process::Stat;
use rustix::process::{Resource, getrlimit};

use crate::exposition::{Exposition, Kind};
use crate::identity::Identity;

/// Writes `swarmscope_agent_info`, and where `node_meta` is true the two families that dashboards join on:
/// `node_meta` (swarmprom and its heirs) and `host` (dashboard 609).
pub fn write_identity(
    out: &mut Exposition<'_>,
    agent: &str,
    version: &str,
    identity: &Identity,
    node_meta: bool,
) {
    let id = identity.node_id.as_deref();
    let name = identity.node_name.as_deref();
    let labels =
        present(&[("agent", Some(agent)), ("node_id", id), ("node_name", name), ("version", Some(version))]);
    out.family("swarmscope_agent_info", "The agent and the node it runs on.", Kind::Gauge)
        .sample(&labels, 1_u64);
    if !node_meta || name.is_none() {
        return;
    }
    let labels =
        present(&[("node_id", id), ("container_label_com_docker_swarm_node_id", id), ("node_name", name)]);
    out.family("node_meta", "Name of the node by its Swarm ID, for joins.", Kind::Gauge)
        .sample(&labels, 1_u64);
    let labels = present(&[("host", name), ("node", id)]);
    out.family("host", "Name of the host, for dashboard variables.", Kind::Gauge).sample(&labels, 1_u64);
}

fn present<'a>(labels: &[(&'a str, Option<&'a str>)]) -> Vec<(&'a str, &'a str)> {
    labels.iter().filter_map(|(key, value)| Some((*key, (*value)?))).collect()
}

/// Writes the usual `process_*` families.
pub fn write_process(out: &mut Exposition<'_>) {
    let ticks = procfs::ticks_per_second() as f64;
    if let Ok(stat) = Stat::from_file("/proc/self/stat") {
        let cpu = (stat.utime + stat.stime) as f64 / ticks;
        out.counter("process_cpu_seconds_total", "CPU time of this process, user and system.", cpu);
        let resident = stat.rss * procfs::page_size();
        out.gauge("process_resident_memory_bytes", "Memory of this process that is in RAM.", resident);
        out.gauge("process_virtual_memory_bytes", "Address space of this process.", stat.vsize);
        if let Ok(boot) = procfs::boot_time_secs() {
            let start = boot as f64 + stat.starttime as f64 / ticks;
            out.gauge("process_start_time_seconds", "Unix time at which this process began.", start);
        }
    }
    if let Ok(count) = count_open_files() {
        out.gauge("process_open_fds", "Descriptors that this process has open.", count);
    }
    // An absent limit is unlimited.
    if let Some(limit) = getrlimit(Resource::Nofile).current {
        out.gauge("process_max_fds", "Descriptors that this process may have open.", limit);
    }
    if let Some(limit) = getrlimit(Resource::As).current {
        out.gauge("process_virtual_memory_max_bytes", "Address space that this process may have.", limit);
    }
}

/// Since Linux 6.2 the folder's size is the count; before, its entries must be counted.
fn count_open_files() -> io::Result<u64> {
    let folder = "/proc/self/fd";
    match fs::metadata(folder)?.len() {
        0 => Ok(fs::read_dir(folder)?.count() as u64),
        count => Ok(count),
    }
}
