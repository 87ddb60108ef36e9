//! `nvme`: NVMe controllers and their namespaces, from `/sys/class/nvme`.
//!
//! The kernel gives sizes in sectors of 512 bytes; node_exporter multiplies them by the namespace's block size, which
//! is right only where that is 512. Its numbers are kept.

use std::path::{Path, PathBuf};

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};

use crate::host::Host;
use crate::sysfs::{Sysfs, is_number, list};

const INFO: [(&str, &str); 5] = [
    ("cntlid", "cntlid"),
    ("firmware_revision", "firmware_rev"),
    ("model", "model"),
    ("serial", "serial"),
    ("state", "state"),
];

/// Families of namespaces and how their values come about.
type Size = (&'static str, &'static str, fn(&Namespace) -> Option<u64>);

const SIZES: [Size; 4] = [
    ("node_nvme_namespace_capacity_bytes", "Size of a namespace in its blocks, in bytes.", |n| {
        n.size?.checked_mul(n.block?)
    }),
    ("node_nvme_namespace_logical_block_size_bytes", "Size of a namespace's blocks.", |n| n.block),
    ("node_nvme_namespace_size_bytes", "Size of a namespace in its blocks, in bytes.", |n| {
        n.size?.checked_mul(n.block?)
    }),
    ("node_nvme_namespace_used_bytes", "Blocks of a namespace that hold data, in bytes.", |n| {
        n.used?.checked_mul(n.block?)
    }),
];

/// The collector.
#[derive(Debug)]
pub(super) struct Nvme {
    folder: PathBuf,
    sysfs: Sysfs,
}

#[derive(Debug)]
struct Namespace {
    device: String,
    id: String,
    ana_state: String,
    size: Option<u64>,
    used: Option<u64>,
    block: Option<u64>,
}

impl Nvme {
    pub(super) fn new(host: &Host) -> Self {
        Self { folder: host.roots.sysfs.join("class/nvme"), sysfs: Sysfs::keeping() }
    }

    fn read_namespaces(&mut self, device: &str, folder: &Path, namespaces: &mut Vec<Namespace>) {
        for name in list(folder).unwrap_or_default() {
            let Some(id) = namespace_id(&name) else { continue };
            let folder = folder.join(&name);
            // With several paths to a namespace, what a path leads to has the numbers.
            namespaces.push(Namespace {
                device: device.to_owned(),
                id: id.to_owned(),
                ana_state: self.sysfs.text(&folder, "ana_state").unwrap_or_else(|| "unknown".to_owned()),
                size: self.sysfs.number(&folder, "size"),
                used: self.sysfs.number(&folder, "nuse"),
                block: self.sysfs.number(&folder, "queue/logical_block_size"),
            });
        }
    }
}

/// The number of a namespace in `nvme0n1` or, for one path to it, `nvme0c1n1`.
fn namespace_id(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("nvme")?;
    let (controller, id) = rest.rsplit_once('n')?;
    let plain = controller.split_once('c').map_or(is_number(controller), |(subsystem, controller)| {
        is_number(subsystem) && is_number(controller)
    });
    (plain && is_number(id)).then_some(id)
}

impl Collector for Nvme {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let devices = list(&self.folder)?;
        let mut namespaces = Vec::new();
        let mut family = out.family("node_nvme_info", "What an NVMe controller is.", Kind::Gauge);
        for device in &devices {
            let folder = self.folder.join(device);
            let values = INFO.map(|(_, file)| self.sysfs.label(&folder, file));
            let mut labels = vec![("device", device.as_str())];
            labels.extend(INFO.into_iter().zip(&values).map(|((label, _), value)| (label, value.as_str())));
            family.sample(&labels, 1_u64);
            self.read_namespaces(device, &folder, &mut namespaces);
        }
        self.sysfs.forget_unused();
        let help = "How a path reaches an NVMe namespace.";
        let mut family = out.family("node_nvme_namespace_info", help, Kind::Gauge);
        for Namespace { device, id, ana_state, .. } in &namespaces {
            family.sample(&[("ana_state", ana_state), ("device", device), ("nsid", id)], 1_u64);
        }
        for (name, help, value) in SIZES {
            let mut family = out.family(name, help, Kind::Gauge);
            for namespace in &namespaces {
                if let Some(value) = value(namespace) {
                    family.sample(&[("device", &namespace.device), ("nsid", &namespace.id)], value);
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

    #[test]
    fn controllers_and_namespaces() {
        let root = FakeRoot::new();
        let folder = "sys/class/nvme/nvme0";
        for (file, content) in [
            ("model", "Samsung SSD 970 PRO 512GB               "),
            ("state", "live"),
            ("nvme0n1/size", "1000"),
            ("nvme0n1/queue/logical_block_size", "512"),
            ("nvme0c0n2/ana_state", "optimized"),
            ("nvme0c0n2/nuse", "many"),
            ("hwmon1/name", "nvme"),
        ] {
            root.file(format!("{folder}/{file}"), format!("{content}\n"));
        }
        let (text, error) = collect(Nvme::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "node_nvme_info{device=\"nvme0\",cntlid=\"\",firmware_revision=\"\",\
                 model=\"Samsung SSD 970 PRO 512GB\",serial=\"\",state=\"live\"} 1",
                "node_nvme_namespace_info{ana_state=\"optimized\",device=\"nvme0\",nsid=\"2\"} 1",
                "node_nvme_namespace_info{ana_state=\"unknown\",device=\"nvme0\",nsid=\"1\"} 1",
                "node_nvme_namespace_capacity_bytes{device=\"nvme0\",nsid=\"1\"} 512000",
                "node_nvme_namespace_logical_block_size_bytes{device=\"nvme0\",nsid=\"1\"} 512",
                "node_nvme_namespace_size_bytes{device=\"nvme0\",nsid=\"1\"} 512000",
            ]
        );
    }

    #[test]
    fn names_of_namespaces() {
        assert_eq!(namespace_id("nvme10n12"), Some("12"));
        assert_eq!(namespace_id("nvme0c1n1"), Some("1"));
        for other in ["nvme0", "nvme0n1p1", "nvmen1", "ng0n1", "nvme0cn1"] {
            assert_eq!(namespace_id(other), None, "{other}");
        }
    }

    #[test]
    fn a_machine_without_it_is_no_fault() {
        let (_, error) = collect(Nvme::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
