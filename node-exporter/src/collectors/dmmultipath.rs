//! `dmmultipath`: disks that are reached over several paths, from `/sys/block/dm-*`.

use std::path::Path;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};

use crate::host::Host;
use crate::sysfs::{Folder, Sysfs, list, numbered};

/// The kernel's sectors, in bytes.
const SECTOR: u64 = 512;

type Number = (&'static str, &'static str, fn(&Disk) -> Option<u64>);

const NUMBERS: [Number; 5] = [
    ("node_dmmultipath_device_active", "Whether a disk is in use and not suspended.", |disk| disk.active),
    ("node_dmmultipath_device_paths", "Paths to a disk.", |disk| Some(disk.paths.len() as u64)),
    ("node_dmmultipath_device_paths_active", "Paths to a disk that work.", |disk| Some(disk.working())),
    ("node_dmmultipath_device_paths_failed", "Paths to a disk that do not work.", |disk| {
        (disk.paths.len() as u64).checked_sub(disk.working())
    }),
    ("node_dmmultipath_device_size_bytes", "Size of a disk.", |disk| disk.size),
];

/// The collector.
#[derive(Debug)]
pub(super) struct Dmmultipath {
    folder: Folder,
    sysfs: Sysfs,
}

#[derive(Debug)]
struct Disk {
    /// The device mapper's name, `mpatha`.
    name: String,
    /// The kernel's name, `dm-3`.
    sysfs_name: String,
    uuid: String,
    active: Option<u64>,
    size: Option<u64>,
    /// The devices below and their states.
    paths: Vec<(String, String)>,
}

impl Disk {
    /// Paths in the state in which SCSI or NVMe devices work.
    fn working(&self) -> u64 {
        self.paths.iter().filter(|(_, state)| matches!(state.as_str(), "running" | "live")).count() as u64
    }
}

impl Dmmultipath {
    pub(super) fn new(host: &Host) -> Self {
        Self { folder: Folder::new(host.roots.sysfs.join("block")), sysfs: Sysfs::opening() }
    }

    /// `None` for other devices of the device mapper.
    fn read_disk(&mut self, sysfs_name: String) -> Option<Disk> {
        let folder = self.folder.path().join(&sysfs_name);
        let uuid = self.sysfs.text(&folder, "dm/uuid").filter(|uuid| uuid.starts_with("mpath-"))?;
        let suspended = self.sysfs.number(&folder, "dm/suspended");
        Some(Disk {
            name: self.sysfs.text(&folder, "dm/name")?,
            uuid,
            active: suspended.map(|suspended| u64::from(suspended == 0)),
            size: self.sysfs.number(&folder, "size").and_then(|sectors| sectors.checked_mul(SECTOR)),
            paths: self.read_paths(&folder),
            sysfs_name,
        })
    }

    fn read_paths(&mut self, disk: &Path) -> Vec<(String, String)> {
        let devices = list(&disk.join("slaves")).unwrap_or_default().into_iter();
        let states = devices.map(|device| {
            let state = self.sysfs.text(&self.folder.path().join(&device), "device/state");
            (device, state.unwrap_or_else(|| "unknown".to_owned()))
        });
        states.collect()
    }
}

impl Collector for Dmmultipath {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let names = self.folder.list_where(|name| name.starts_with("dm-"))?;
        let disks = numbered(&names, "dm-").filter_map(|(name, _)| self.read_disk(name.to_owned()));
        let disks: Vec<_> = disks.collect();
        let help = "What a disk with several paths is.";
        let mut family = out.family("node_dmmultipath_device_info", help, Kind::Gauge);
        for Disk { name, sysfs_name, uuid, .. } in &disks {
            family.sample(&[("device", name), ("sysfs_name", sysfs_name), ("uuid", uuid)], 1_u64);
        }
        for (name, help, value) in NUMBERS {
            let mut family = out.family(name, help, Kind::Gauge);
            for disk in &disks {
                if let Some(value) = value(disk) {
                    family.sample(&[("device", &disk.name), ("sysfs_name", &disk.sysfs_name)], value);
                }
            }
        }
        let help = "Which state a path to a disk is in.";
        let mut family = out.family("node_dmmultipath_path_state", help, Kind::Gauge);
        for Disk { name, paths, .. } in &disks {
            for (path, state) in paths {
                family.sample(&[("device", name), ("path", path), ("state", state)], 1_u64);
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
    fn paths_that_do_not_work_are_failed() {
        let root = FakeRoot::new();
        for (file, content) in [
            ("dm-5/dm/uuid", "mpath-36005"),
            ("dm-5/dm/name", "mpathA"),
            ("dm-5/dm/suspended", "0"),
            ("dm-5/size", "2048"),
            ("dm-5/slaves/sdi/dev", "8:1"),
            ("dm-5/slaves/sdj/dev", "8:2"),
            ("sdi/device/state", "running"),
            ("sdj/device/state", "offline"),
            ("dm-6/dm/uuid", "LVM-abc"),
            ("dm-6/dm/name", "root"),
        ] {
            root.file(format!("sys/block/{file}"), format!("{content}\n"));
        }
        let (text, error) = collect(Dmmultipath::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        let labels = "device=\"mpathA\",sysfs_name=\"dm-5\"";
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                &format!("node_dmmultipath_device_info{{{labels},uuid=\"mpath-36005\"}} 1"),
                &format!("node_dmmultipath_device_active{{{labels}}} 1"),
                &format!("node_dmmultipath_device_paths{{{labels}}} 2"),
                &format!("node_dmmultipath_device_paths_active{{{labels}}} 1"),
                &format!("node_dmmultipath_device_paths_failed{{{labels}}} 1"),
                &format!("node_dmmultipath_device_size_bytes{{{labels}}} 1048576"),
                "node_dmmultipath_path_state{device=\"mpathA\",path=\"sdi\",state=\"running\"} 1",
                "node_dmmultipath_path_state{device=\"mpathA\",path=\"sdj\",state=\"offline\"} 1",
            ]
        );
    }

    #[test]
    fn a_machine_without_block_devices_is_no_fault() {
        let (_, error) = collect(Dmmultipath::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
