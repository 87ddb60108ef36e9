//! What every agent says of itself: who and where it is, and `process_*`.

use std::fs::{self, File};
use std::io;

use procfs::FromRead;
use procfs::process::Stat;
use rustix::process::{Resource, getrlimit};

use crate::exposition::{Exposition, Kind};
use crate::identity::SharedIdentity;
use crate::read::{KeptFile, Scratch};

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

/// The usual `process_*` families, and the descriptors that they are read through.
#[derive(Debug)]
pub struct Process {
    stat: KeptFile,
    /// `/proc/self/fd`, once it could be opened.
    descriptors: Option<File>,
    scratch: Scratch,
}

impl Default for Process {
    fn default() -> Self {
        let stat = KeptFile::new("/proc/self/stat");
        Self { stat, descriptors: None, scratch: Scratch::default() }
    }
}

impl Process {
    /// Writes them.
    pub fn write(&mut self, out: &mut Exposition<'_>) {
        let ticks = procfs::ticks_per_second() as f64;
        if let Some(stat) = self.read_stat() {
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
        if let Ok(count) = self.count_open_files() {
            out.gauge("process_open_fds", "Descriptors that this process has open.", count);
        }
        // The kernel's number for "unlimited" is the largest there is, and so it is exported everywhere.
        let limit = |resource| getrlimit(resource).current.unwrap_or(u64::MAX);
        out.gauge("process_max_fds", "Descriptors that this process may have open.", limit(Resource::Nofile));
        let limit = limit(Resource::As);
        out.gauge("process_virtual_memory_max_bytes", "Address space that this process may have.", limit);
    }

    fn read_stat(&mut self) -> Option<Stat> {
        Stat::from_read(self.stat.read(&mut self.scratch).ok()?).ok()
    }

    /// Since Linux 6.2 the folder's size is the count; before, its entries must be counted.
    fn count_open_files(&mut self) -> io::Result<u64> {
        const FOLDER: &str = "/proc/self/fd";
        let folder = match &mut self.descriptors {
            Some(folder) => folder,
            none => none.insert(File::open(FOLDER)?),
        };
        match folder.metadata()?.len() {
            0 => Ok(fs::read_dir(FOLDER)?.count() as u64),
            count => Ok(count),
        }
    }
}
