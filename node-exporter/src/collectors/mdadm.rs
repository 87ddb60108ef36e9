//! `mdadm`: software RAID arrays.

mod mdstat;

use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind, Value};
use agent_core::read::{KeptFile, Scratch, fields, parse_u64};

use self::mdstat::{Array, State, parse};
use crate::host::{Host, read};
use crate::sysfs::list;
use crate::table::{Column, write_devices};

const COLUMNS: &[Column<Numbers>] = &[
    Column::gauge("node_md_blocks", "Blocks of 1 KiB that an array has.", |array| number(array.blocks)),
    Column::gauge("node_md_blocks_synced", "Blocks of 1 KiB that are in sync.", |array| number(array.synced)),
    Column::gauge("node_md_disks_required", "Disks that an array needs.", |array| number(array.required)),
];

/// Families of whole arrays from `/sys/block/md*/md`.
const SYSFS: &[Column<Attributes>] = &[
    Column::gauge("node_md_degraded", "Disks that an array lacks.", |array| number(array.degraded)),
    Column::gauge("node_md_raid_disks", "Disks that an array is made of.", |array| number(array.raid_disks)),
];

type Numbers = mdstat::Numbers;

/// What sysfs knows of an array.
#[derive(Debug, Default)]
struct Attributes {
    degraded: Option<u64>,
    raid_disks: Option<u64>,
}

fn number(value: Option<u64>) -> Option<Value> {
    value.map(Value::from)
}

/// The collector.
#[derive(Debug)]
pub(super) struct Mdadm {
    file: KeptFile,
    block: PathBuf,
    scratch: Scratch,
}

impl Mdadm {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            file: host.procfs("mdstat").long_records(),
            block: host.roots.sysfs.join("block"),
            scratch: Scratch::default(),
        }
    }

    /// Arrays below `/sys/block`; few machines have any and none has many, so nothing is kept.
    fn read_attributes(&mut self) -> Vec<(String, Attributes)> {
        let Ok(names) = list(&self.block) else { return Vec::new() };
        let arrays = names.into_iter().filter(|name| name.starts_with("md")).map(|name| {
            let folder = self.block.join(&name).join("md");
            let mut read = |file| {
                // During a reshape the old number follows in brackets.
                parse_u64(fields(self.scratch.read(&folder.join(file)).ok()?).next()?)
            };
            let raid_disks = read("raid_disks");
            // Arrays without redundancy lack the file, and never run without a disk.
            let degraded = read("degraded").or(raid_disks.map(|_| 0));
            (name, Attributes { degraded, raid_disks })
        });
        arrays.collect()
    }
}

impl Collector for Mdadm {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let arrays = parse(read(&mut self.file, &mut self.scratch)?);
        write_devices(out, COLUMNS, || arrays.iter().map(|array| (array.name, &array.numbers)));
        write_states(out, &arrays);
        let attributes = self.read_attributes();
        write_devices(out, SYSFS, || attributes.iter().map(|(name, attributes)| (name.as_str(), attributes)));
        Ok(())
    }
}

fn write_states(out: &mut Exposition<'_>, arrays: &[Array<'_>]) {
    let mut family = out.family("node_md_disks", "Disks of an array by what they do.", Kind::Gauge);
    for Array { name, numbers, .. } in arrays {
        let by_state =
            [("active", numbers.active), ("failed", Some(numbers.failed)), ("spare", Some(numbers.spare))];
        for (state, disks) in by_state {
            if let Some(disks) = disks {
                family.sample(&[("device", name), ("state", state)], disks);
            }
        }
    }
    let mut family = out.family("node_md_state", "Which state an array is in.", Kind::Gauge);
    for array in arrays {
        for (state, name) in State::ALL {
            family.sample(&[("device", array.name), ("state", name)], array.state == state);
        }
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn arrays_from_both_places() {
        let root = FakeRoot::new();
        root.file("proc/mdstat", mdstat::TEXT);
        root.file("sys/block/md6/md/degraded", "1\n");
        root.file("sys/block/md6/md/raid_disks", "4 (3)\n");
        root.file("sys/block/sda/size", "1\n");
        let (text, error) = collect(Mdadm::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in [
            "node_md_blocks{device=\"md6\"} 195310144",
            "node_md_blocks_synced{device=\"md6\"} 16775552",
            "node_md_disks{device=\"md6\",state=\"failed\"} 1",
            "node_md_state{device=\"md6\",state=\"recovering\"} 1",
            "node_md_state{device=\"md6\",state=\"active\"} 0",
            "node_md_degraded{device=\"md6\"} 1",
            "node_md_raid_disks{device=\"md6\"} 4",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{text}");
        }
    }

    #[test]
    fn a_kernel_without_it_is_no_fault() {
        let (_, error) = collect(Mdadm::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
