//! `cgroup_pressure`: time that the tasks of the topmost control groups waited (PSI of cgroup v2). Not in
//! `node_exporter`.

use std::fs;
use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::Scratch;

use super::pressure::parse_total;
use crate::host::Host;

/// File, first word of the line, name, HELP.
type Family = (&'static str, &'static [u8], &'static str, &'static str);

#[rustfmt::skip]
const FAMILIES: [Family; 7] = [
    ("cpu", b"some", "node_cgroup_pressure_cpu_waiting_seconds_total", "Seconds in which some task of a control group waited for a CPU."),
    ("cpu", b"full", "node_cgroup_pressure_cpu_stalled_seconds_total", "Seconds in which no task of a control group got a CPU."),
    ("io", b"some", "node_cgroup_pressure_io_waiting_seconds_total", "Seconds in which some task of a control group waited for I/O."),
    ("io", b"full", "node_cgroup_pressure_io_stalled_seconds_total", "Seconds in which all tasks of a control group waited for I/O."),
    ("memory", b"some", "node_cgroup_pressure_memory_waiting_seconds_total", "Seconds in which some task of a control group waited for memory."),
    ("memory", b"full", "node_cgroup_pressure_memory_stalled_seconds_total", "Seconds in which all tasks of a control group waited for memory."),
    ("irq", b"full", "node_cgroup_pressure_irq_stalled_seconds_total", "Seconds in which interrupts kept all tasks of a control group from going on."),
];

const MICROSECONDS: f64 = 1e6;

/// The collector.
#[derive(Debug)]
pub(super) struct CgroupPressure {
    /// Where the tree of cgroup v2 may be: alone, or beside the trees of v1.
    trees: [PathBuf; 2],
    scratch: Scratch,
}

impl CgroupPressure {
    pub(super) fn new(host: &Host) -> Self {
        let tree = host.roots.sysfs.join("fs/cgroup");
        Self { trees: [tree.join("unified"), tree], scratch: Scratch::default() }
    }

    /// The topmost groups by name; they come and go, so nothing is kept.
    fn groups(&self) -> Vec<(String, PathBuf)> {
        let tree = self.trees.iter().find(|tree| tree.join("cgroup.controllers").exists());
        let entries = tree.and_then(|tree| fs::read_dir(tree).ok()).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let mut groups: Vec<_> =
            folders.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())).collect();
        groups.sort_unstable();
        groups
    }

    /// The totals of a group in the order of [`FAMILIES`]; absent where the kernel or the group has PSI off.
    fn read_totals(&mut self, group: &std::path::Path) -> [Option<u64>; FAMILIES.len()] {
        FAMILIES.map(|(file, kind, ..)| {
            let content = self.scratch.read(&group.join(format!("{file}.pressure"))).ok()?;
            parse_total(content, kind)
        })
    }
}

impl Collector for CgroupPressure {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let groups = self.groups();
        let totals: Vec<_> = groups.iter().map(|(_, folder)| self.read_totals(folder)).collect();
        if totals.iter().flatten().all(Option::is_none) {
            return Err(CollectError::NoData("pressure of cgroup v2".to_owned()));
        }
        for (index, (_, _, name, help)) in FAMILIES.iter().enumerate() {
            let mut family = out.family(name, help, Kind::Counter);
            for ((group, _), totals) in groups.iter().zip(&totals) {
                if let Some(total) = totals.get(index).copied().flatten() {
                    family.sample(&[("cgroup", group)], total as f64 / MICROSECONDS);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    const CPU: &str =
        "some avg10=0.00 avg60=0.36 avg300=0.65 total=10040507\nfull avg10=0 avg60=0 avg300=0 total=7\n";

    #[test]
    fn topmost_groups_only() {
        let root = FakeRoot::new();
        root.file("sys/fs/cgroup/cgroup.controllers", "cpu io memory\n");
        root.file("sys/fs/cgroup/cpu.pressure", CPU);
        root.file("sys/fs/cgroup/system.slice/cpu.pressure", CPU);
        root.file("sys/fs/cgroup/system.slice/ssh.service/cpu.pressure", CPU);
        root.file(
            "sys/fs/cgroup/user.slice/memory.pressure",
            "some avg10=0 avg60=0 avg300=0 total=2000000\n",
        );
        let (text, error) = collect(CgroupPressure::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in [
            "node_cgroup_pressure_cpu_waiting_seconds_total{cgroup=\"system.slice\"} 10.040507",
            "node_cgroup_pressure_memory_waiting_seconds_total{cgroup=\"user.slice\"} 2",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{text}");
        }
        assert_eq!(text.matches("{cgroup=").count(), 3, "{text}");
    }

    #[test]
    fn a_host_without_it_is_no_fault() {
        let root = FakeRoot::new();
        root.file("sys/fs/cgroup/cpu/docker/tasks", "");
        let (_, error) = collect(CgroupPressure::new(&fake::host(&root)));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
