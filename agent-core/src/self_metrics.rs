//! What every agent says of itself: who and where it is, and `process_*`.

use std::{fs, io};

use procfs::FromRead;
use procfs::process::Stat;
use rustix::process::{Resource, getrlimit};

use crate::exposition::{Exposition, Kind};
use crate::identity::SharedIdentity;

/// Writes `swarmscope_agent_info`, and where `node_meta` is true the two families that dashboards join on:
/// `node_meta` (swarmprom and its heirs) and `host` (dashboard 609).
///
/// What a text file says already is left out.
pub fn write_identity(
    out: &mut Exposition<'_>,
    agent: &str,
    version: &str,
    shared: &SharedIdentity,
    node_meta: bool,
) {
    let identity = shared.get();
    let id = identity.node_id.as_deref();
    let name = identity.node_name.as_deref();
    let mut write = |family: &str, help: &str, labels: &[(&str, Option<&str>)]| {
        if !shared.leaves_out(family) {
            out.family(family, help, Kind::Gauge).sample(&present(labels), 1_u64);
        }
    };
    let labels = [("agent", Some(agent)), ("node_id", id), ("node_name", name), ("version", Some(version))];
    write("swarmscope_agent_info", "The agent and the node it runs on.", &labels);
    if !node_meta || name.is_none() {
        return;
    }
    let labels = [("node_id", id), ("container_label_com_docker_swarm_node_id", id), ("node_name", name)];
    write("node_meta", "Name of the node by its Swarm ID, for joins.", &labels);
    write("host", "Name of the host, for dashboard variables.", &[("host", name), ("node", id)]);
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
    // The kernel's number for "unlimited" is the largest there is, and so it is exported everywhere.
    let limit = |resource| getrlimit(resource).current.unwrap_or(u64::MAX);
    out.gauge("process_max_fds", "Descriptors that this process may have open.", limit(Resource::Nofile));
    let limit = limit(Resource::As);
    out.gauge("process_virtual_memory_max_bytes", "Address space that this process may have.", limit);
}

/// Since Linux 6.2 the folder's size is the count; before, its entries must be counted.
fn count_open_files() -> io::Result<u64> {
    let folder = "/proc/self/fd";
    match fs::metadata(folder)?.len() {
        0 => Ok(fs::read_dir(folder)?.count() as u64),
        count => Ok(count),
    }
}
