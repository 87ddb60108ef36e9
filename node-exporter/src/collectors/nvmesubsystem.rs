//! `nvmesubsystem`: paths to NVMe subsystems, from `/sys/class/nvme-subsystem`.

use std::path::{Path, PathBuf};

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};

use crate::host::Host;
use crate::sysfs::{Sysfs, is_number, list, list_numbered};

/// States of a path as they are exported, by those of the kernel.
const STATES: [(&str, &[&str]); 7] = [
    ("connecting", &["connecting"]),
    ("dead", &["dead"]),
    ("deleting", &["deleting", "deleting (no IO)"]),
    ("live", &["live"]),
    ("new", &["new"]),
    ("resetting", &["resetting"]),
    (UNKNOWN, &[]),
];
const UNKNOWN: &str = "unknown";

/// The collector.
#[derive(Debug)]
pub(super) struct NvmeSubsystem {
    folder: PathBuf,
    sysfs: Sysfs,
}

#[derive(Debug)]
struct Subsystem {
    name: String,
    /// IO policy, model, NQN, serial number.
    info: [String; 4],
    namespaces: Vec<String>,
    paths: Vec<ControllerPath>,
}

#[derive(Debug)]
struct ControllerPath {
    controller: String,
    transport: String,
    state: &'static str,
}

impl NvmeSubsystem {
    pub(super) fn new(host: &Host) -> Self {
        Self { folder: host.roots.sysfs.join("class/nvme-subsystem"), sysfs: Sysfs::opening() }
    }

    fn read_subsystem(&mut self, name: String) -> Subsystem {
        let folder = self.folder.join(&name);
        let info = ["iopolicy", "model", "subsysnqn", "serial"].map(|file| self.sysfs.label(&folder, file));
        let mut subsystem = Subsystem { name, info, namespaces: Vec::new(), paths: Vec::new() };
        for entry in list(&folder).unwrap_or_default() {
            let Some(rest) = entry.strip_prefix("nvme") else { continue };
            if is_number(rest) {
                let path = self.read_path(&folder.join(&entry), entry);
                subsystem.paths.push(path);
            } else if rest.split_once('n').is_some_and(|(a, b)| is_number(a) && is_number(b)) {
                subsystem.namespaces.push(entry);
            }
        }
        subsystem
    }

    fn read_path(&mut self, folder: &Path, controller: String) -> ControllerPath {
        let state = self.sysfs.label(folder, "state");
        let known = STATES.iter().find(|(_, names)| names.contains(&state.as_str()));
        let state = known.map_or(UNKNOWN, |(state, _)| *state);
        ControllerPath { controller, transport: self.sysfs.label(folder, "transport"), state }
    }
}

impl Collector for NvmeSubsystem {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let names = list_numbered(&self.folder, "nvme-subsys")?;
        let subsystems: Vec<_> = names.into_iter().map(|(name, _)| self.read_subsystem(name)).collect();
        let mut family = out.family("node_nvmesubsystem_info", "What an NVMe subsystem is.", Kind::Gauge);
        for Subsystem { name, info: [policy, model, nqn, serial], .. } in &subsystems {
            let labels = [
                ("iopolicy", policy),
                ("model", model),
                ("nqn", nqn),
                ("serial", serial),
                ("subsystem", name),
            ];
            family.sample(&labels.map(|(label, value)| (label, value.as_str())), 1_u64);
        }
        let help = "Which NVMe subsystem a namespace belongs to.";
        let mut family = out.family("node_nvmesubsystem_namespace_info", help, Kind::Gauge);
        for Subsystem { name, namespaces, .. } in &subsystems {
            for device in namespaces {
                family.sample(&[("device", device), ("subsystem", name)], 1_u64);
            }
        }
        let help = "Which state a path to an NVMe subsystem is in.";
        let mut family = out.family("node_nvmesubsystem_path_state", help, Kind::Gauge);
        for Subsystem { name, paths, .. } in &subsystems {
            for ControllerPath { controller, transport, state: current } in paths {
                for (state, _) in STATES {
                    let labels = [
                        ("controller", controller.as_str()),
                        ("state", state),
                        ("subsystem", name),
                        ("transport", transport),
                    ];
                    family.sample(&labels, state == *current);
                }
            }
        }
        let mut family = out.family("node_nvmesubsystem_paths", "Paths to an NVMe subsystem.", Kind::Gauge);
        for Subsystem { name, paths, .. } in &subsystems {
            family.sample(&[("subsystem", name)], paths.len() as u64);
        }
        let help = "Paths to an NVMe subsystem that are live.";
        let mut family = out.family("node_nvmesubsystem_paths_live", help, Kind::Gauge);
        for Subsystem { name, paths, .. } in &subsystems {
            let live = paths.iter().filter(|path| path.state == "live").count();
            family.sample(&[("subsystem", name)], live as u64);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn paths_and_their_states() {
        let root = FakeRoot::new();
        let folder = "sys/class/nvme-subsystem/nvme-subsys0";
        for (file, content) in [
            ("subsysnqn", "nqn.2014-08.org:x"),
            ("iopolicy", "round-robin"),
            ("nvme0/state", "live"),
            ("nvme0/transport", "tcp"),
            ("nvme1/state", "deleting (no IO)"),
            ("nvme2/state", "new in this kernel"),
            ("nvme0n1/size", "1"),
            ("nvme0c1n1/size", "1"),
        ] {
            root.file(format!("{folder}/{file}"), format!("{content}\n"));
        }
        let (text, error) = collect(NvmeSubsystem::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in [
            "node_nvmesubsystem_info{iopolicy=\"round-robin\",model=\"\",nqn=\"nqn.2014-08.org:x\",serial=\"\",\
             subsystem=\"nvme-subsys0\"} 1",
            "node_nvmesubsystem_path_state{controller=\"nvme0\",state=\"live\",subsystem=\"nvme-subsys0\",\
             transport=\"tcp\"} 1",
            "node_nvmesubsystem_path_state{controller=\"nvme1\",state=\"deleting\",subsystem=\"nvme-subsys0\",\
             transport=\"\"} 1",
            "node_nvmesubsystem_path_state{controller=\"nvme2\",state=\"unknown\",subsystem=\"nvme-subsys0\",\
             transport=\"\"} 1",
            "node_nvmesubsystem_paths{subsystem=\"nvme-subsys0\"} 3",
            "node_nvmesubsystem_paths_live{subsystem=\"nvme-subsys0\"} 1",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{text}");
        }
        assert_eq!(text.matches("node_nvmesubsystem_namespace_info{").count(), 1);
        assert_eq!(text.matches("node_nvmesubsystem_path_state{").count(), 21);
    }

    #[test]
    fn a_machine_without_it_is_no_fault() {
        let (_, error) = collect(NvmeSubsystem::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
