//! `machine`: the machine below the containers, and what software it runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, LabelBlock};

use super::metric::{Description, Detail, Metric, describe, number, write};
use super::{Row, Shared};
use crate::host::Host;

/// Figures of the machine.
#[derive(Debug, Clone, Copy, Default)]
struct Machine {
    cores: Option<u64>,
    memory: Option<u64>,
    swap: Option<u64>,
    topology: Topology,
}

/// Read once: CPUs stay where they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Topology {
    physical_cores: Option<u64>,
    sockets: Option<u64>,
}

type M = Metric<Machine>;

const METRICS: &[M] = &[
    M::gauge("machine_cpu_cores", "CPUs that are online.", |m| number(m.cores))
        .from("/proc/stat cpu*", "/proc/stat cpu*"),
    M::gauge("machine_cpu_physical_cores", "Cores of all processors, however many threads each runs.", |m| {
        number(m.topology.physical_cores)
    })
    .from("/sys/devices/system/cpu/cpu*/topology", "/sys/devices/system/cpu/cpu*/topology"),
    M::gauge("machine_cpu_sockets", "Processors.", |m| number(m.topology.sockets))
        .from("/sys/devices/system/cpu/cpu*/topology", "/sys/devices/system/cpu/cpu*/topology"),
    M::gauge("machine_memory_bytes", "RAM of the machine.", |m| number(m.memory))
        .from("/proc/meminfo MemTotal", "/proc/meminfo MemTotal"),
    M::gauge("machine_swap_bytes", "Swap space of the machine.", |m| number(m.swap))
        .from("/proc/meminfo SwapTotal", "/proc/meminfo SwapTotal"),
];

const VERSIONS: &[Metric<()>] = &[Metric::<()>::gauge(
    "cadvisor_version_info",
    "Versions of kernel, system, engine and this exporter, under the name that dashboards ask for; always 1.",
    |()| number(Some(1)),
)
.from("/info, /proc/sys/kernel/osrelease", "/info, /proc/sys/kernel/osrelease")];

const SCRAPE_ERROR: &[Metric<bool>] = &[Metric::<bool>::gauge(
    "machine_scrape_error",
    "1 if figures of the machine could not be read in this scrape.",
    |failed| number(Some(u64::from(*failed))),
)
.from("the exporter", "the exporter")];

/// What it writes.
pub fn families() -> Vec<Description> {
    [describe(METRICS), describe(SCRAPE_ERROR), describe(VERSIONS)].concat()
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    let paths = &shared.paths;
    let read =
        |path: PathBuf| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    // Only those that can be read: to Prometheus an empty label is none.
    let mut labels = vec![
        ("machine_id", read(paths.rootfs.join("etc/machine-id"))),
        ("system_uuid", read(paths.sysfs.join("class/dmi/id/product_uuid"))),
        ("boot_id", read(paths.procfs.join("sys/kernel/random/boot_id"))),
    ];
    labels.retain(|(_, value)| !value.is_empty());
    Box::new(MachineCollector {
        labels: Arc::new(LabelBlock::new(&labels)),
        kernel: read(paths.procfs.join("sys/kernel/osrelease")),
        host: Host::new(&paths.procfs),
        topology: read_topology(&paths.sysfs.join("devices/system/cpu")),
        shared: shared.clone(),
    })
}

struct MachineCollector {
    shared: Shared,
    host: Host,
    labels: Arc<LabelBlock>,
    kernel: String,
    topology: Topology,
}

impl Collector for MachineCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let procfs = &self.shared.paths.procfs;
        let stat = self.host.read_stat().map_err(|error| CollectError::io(procfs.join("stat"), error));
        let info = self.host.read_meminfo().map_err(|error| CollectError::io(procfs.join("meminfo"), error));
        let sample = Machine {
            cores: stat.as_ref().ok().map(|stat| stat.cores).filter(|cores| *cores > 0),
            memory: info.as_ref().ok().and_then(|info| info.total),
            swap: info.as_ref().ok().and_then(|info| info.swap_total),
            topology: self.topology,
        };
        write(
            out,
            Detail::Full,
            METRICS,
            &[Row { block: Arc::clone(&self.labels), labels: Vec::new(), sample }],
        );
        let nothing = Arc::new(LabelBlock::new::<&str, &str>(&[]));
        let failed = stat.is_err() || info.is_err();
        write(
            out,
            Detail::Full,
            SCRAPE_ERROR,
            &[Row { block: Arc::clone(&nothing), labels: Vec::new(), sample: failed }],
        );
        write(out, Detail::Full, VERSIONS, &[self.versions(nothing)]);
        stat.and(info).map(|_| ())
    }
}

impl MachineCollector {
    fn versions(&self, block: Arc<LabelBlock>) -> Row<()> {
        let engine = self.shared.store.engine();
        let kernel = if engine.kernel.is_empty() { &self.kernel } else { &engine.kernel };
        Row { block, labels: Vec::new(), sample: () }
            .with("kernelVersion", kernel)
            .with("osVersion", &engine.os)
            .with("dockerVersion", &engine.version)
            .with("cadvisorVersion", env!("CARGO_PKG_VERSION"))
            .with("cadvisorRevision", "swarmscope")
    }
}

fn read_topology(folder: &Path) -> Topology {
    let (mut sockets, mut cores) = (BTreeSet::new(), BTreeSet::new());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let number = |file: &str| {
            let text = fs::read_to_string(entry.path().join("topology").join(file)).ok()?;
            text.trim().parse::<i64>().ok()
        };
        if let (Some(socket), Some(core)) = (number("physical_package_id"), number("core_id")) {
            sockets.insert(socket);
            cores.insert((socket, core));
        }
    }
    let count = |count: usize| (count > 0).then_some(count as u64);
    Topology { physical_cores: count(cores.len()), sockets: count(sockets.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;

    #[test]
    fn threads_share_a_core() {
        let root = FakeRoot::new();
        for (cpu, core) in [(0, 0), (1, 0), (2, 1), (3, 1)] {
            root.file(format!("cpu{cpu}/topology/physical_package_id"), "0\n");
            root.file(format!("cpu{cpu}/topology/core_id"), format!("{core}\n"));
        }
        assert_eq!(read_topology(root.path()), Topology { physical_cores: Some(2), sockets: Some(1) });
        assert_eq!(read_topology(&root.path().join("absent")), Topology::default());
    }
}
