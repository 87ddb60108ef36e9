//! `btrfs`: space and commits of Btrfs file systems, from `/sys/fs/btrfs`.
//!
//! What only an ioctl tells (unused bytes and errors of each device) is left out: it needs rights that this agent is
//! not meant to have.

use std::path::Path;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind, Value};
use agent_core::read::{fields, lines, parse_u64};

use crate::host::Host;
use crate::sysfs::{Attribute, Device, Folder, Sysfs, list, write_attributes};

/// The kernel's sectors, in bytes.
const SECTOR: u64 = 512;

const SYSTEM: &[Attribute] = &[Attribute::gauge(
    "allocation/global_rsv_size",
    "node_btrfs_global_rsv_size_bytes",
    "Size of the reserve for the file system's own work.",
)];
const TYPE: &[Attribute] = &[Attribute::gauge(
    "bytes_reserved",
    "node_btrfs_reserved_bytes",
    "Bytes that are set aside for writes under way.",
)];
const MODE: &[Attribute] = &[
    Attribute::gauge("total_bytes", "node_btrfs_size_bytes", "Bytes that are allocated."),
    Attribute::gauge("used_bytes", "node_btrfs_used_bytes", "Bytes that hold data."),
];
const DEVICE: &[Attribute] = &[Attribute::gauge(
    "size",
    "node_btrfs_device_size_bytes",
    "Size of a device that is a part of a file system.",
)
.parsed(sectors)];

/// Commits: the kernel's word, the name, the HELP sentence, the type, and what makes the unit.
const COMMITS: [(&[u8], &str, &str, Kind, f64); 4] = [
    (b"commits", "node_btrfs_commits_total", "Commits.", Kind::Counter, 1.0),
    (
        b"last_commit_ms",
        "node_btrfs_last_commit_seconds",
        "Seconds that the last commit took.",
        Kind::Gauge,
        1e3,
    ),
    (
        b"max_commit_ms",
        "node_btrfs_max_commit_seconds",
        "Seconds that the longest commit took.",
        Kind::Gauge,
        1e3,
    ),
    (
        b"total_commit_ms",
        "node_btrfs_commit_seconds_total",
        "Seconds that all commits took.",
        Kind::Counter,
        1e3,
    ),
];

const TYPES: [&str; 3] = ["data", "metadata", "system"];

fn sectors(text: &[u8]) -> Option<Value> {
    parse_u64(text)?.checked_mul(SECTOR).map(Value::Unsigned)
}

/// How many bytes of devices a byte takes in a mode; `None` for what is no mode.
fn ratio(mode: &str, devices: usize) -> Option<f64> {
    let parity = |parts: usize| {
        let data = devices.checked_sub(parts).filter(|data| *data > 0)?;
        Some(devices as f64 / data as f64)
    };
    match mode {
        "single" | "raid0" => Some(1.0),
        "dup" | "raid1" | "raid10" => Some(2.0),
        "raid1c3" => Some(3.0),
        "raid1c4" => Some(4.0),
        "raid5" => parity(1),
        "raid6" => parity(2),
        _ => None,
    }
}

/// The collector.
#[derive(Debug)]
pub(super) struct Btrfs {
    folder: Folder,
    sysfs: Sysfs,
}

/// All file systems, family by family.
#[derive(Debug, Default)]
struct Found {
    infos: Vec<(String, String)>,
    systems: Vec<Device>,
    commits: Vec<[u64; COMMITS.len()]>,
    types: Vec<Device>,
    modes: Vec<Device>,
    ratios: Vec<([String; 3], f64)>,
    devices: Vec<Device>,
}

impl Btrfs {
    pub(super) fn new(host: &Host) -> Self {
        Self { folder: Folder::new(host.roots.sysfs.join("fs/btrfs")), sysfs: Sysfs::opening() }
    }

    fn read_system(&mut self, uuid: &str, found: &mut Found) {
        let folder = self.folder.path().join(uuid);
        found.infos.push((uuid.to_owned(), self.sysfs.label(&folder, "label")));
        found.systems.push(Device::read(&mut self.sysfs, &folder, SYSTEM, &[("uuid", uuid)]));
        // Kernels before 5.19 do not count commits; node_exporter says 0 then.
        found.commits.push(self.sysfs.read(&folder, "commit_stats").map(parse_commits).unwrap_or_default());
        let devices = list(&folder.join("devices")).unwrap_or_default();
        for device in &devices {
            let labels = [("device", device.as_str()), ("uuid", uuid)];
            let folder = folder.join("devices").join(device);
            found.devices.push(Device::read(&mut self.sysfs, &folder, DEVICE, &labels));
        }
        for kind in TYPES {
            let folder = folder.join("allocation").join(kind);
            let labels = [("block_group_type", kind), ("uuid", uuid)];
            found.types.push(Device::read(&mut self.sysfs, &folder, TYPE, &labels));
            self.read_modes(&folder, [kind, uuid], devices.len(), found);
        }
    }

    fn read_modes(&mut self, folder: &Path, [kind, uuid]: [&str; 2], devices: usize, found: &mut Found) {
        for mode in list(folder).unwrap_or_default() {
            let Some(ratio) = ratio(&mode, devices) else { continue };
            let labels = [("block_group_type", kind), ("mode", mode.as_str()), ("uuid", uuid)];
            found.modes.push(Device::read(&mut self.sysfs, &folder.join(&mode), MODE, &labels));
            found.ratios.push(([kind.to_owned(), mode, uuid.to_owned()], ratio));
        }
    }
}

/// Lines of a word and a number.
fn parse_commits(text: &[u8]) -> [u64; COMMITS.len()] {
    COMMITS.map(|(word, ..)| {
        let mut numbers = lines(text).filter_map(|line| {
            let mut fields = fields(line);
            (fields.next()? == word).then(|| fields.next().and_then(parse_u64))?
        });
        numbers.next().unwrap_or_default()
    })
}

impl Collector for Btrfs {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let mut found = Found::default();
        // Beside file systems there are `features` and `debug`.
        for uuid in self.folder.list()?.iter().filter(|name| name.contains('-')) {
            self.read_system(uuid, &mut found);
        }
        if found.infos.is_empty() {
            return Err(CollectError::NoData("no Btrfs file system is mounted".to_owned()));
        }
        found.write(out);
        Ok(())
    }
}

impl Found {
    fn write(&self, out: &mut Exposition<'_>) {
        let help = "How many bytes of devices a byte takes.";
        let mut family = out.family("node_btrfs_allocation_ratio", help, Kind::Gauge);
        for ([kind, mode, uuid], ratio) in &self.ratios {
            family.sample(&[("block_group_type", kind), ("mode", mode), ("uuid", uuid)], *ratio);
        }
        for (index, (_, name, help, kind, unit)) in COMMITS.into_iter().enumerate() {
            let mut family = out.family(name, help, kind);
            for ((uuid, _), commits) in self.infos.iter().zip(&self.commits) {
                let value = commits.get(index).copied().unwrap_or_default() as f64 / unit;
                family.sample(&[("uuid", uuid)], value);
            }
        }
        write_attributes(out, DEVICE, &self.devices);
        write_attributes(out, SYSTEM, &self.systems);
        let mut family = out.family("node_btrfs_info", "What a file system is called.", Kind::Gauge);
        for (uuid, label) in &self.infos {
            family.sample(&[("label", label), ("uuid", uuid)], 1_u64);
        }
        write_attributes(out, TYPE, &self.types);
        write_attributes(out, MODE, &self.modes);
    }
}

#[cfg(test)]
mod tests;
