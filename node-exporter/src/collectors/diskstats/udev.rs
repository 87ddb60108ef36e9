//! What udev and `/sys/block` know of a block device: the families `node_disk_*info` and `node_disk_ata_*`.

use std::collections::HashMap;
use std::path::PathBuf;

use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch, lines, parse_f64, text};

use super::Disk;
use crate::host::Host;

/// Families whose value udev gives as a number.
const ATA: [(&str, &str, &str); 3] = [
    ("ID_ATA_WRITE_CACHE", "node_disk_ata_write_cache", "Whether a disk has a write cache."),
    (
        "ID_ATA_WRITE_CACHE_ENABLED",
        "node_disk_ata_write_cache_enabled",
        "Whether a disk's write cache is on.",
    ),
    (
        "ID_ATA_ROTATION_RATE_RPM",
        "node_disk_ata_rotation_rate_rpm",
        "Rotations per minute of a disk, 0 without.",
    ),
];

/// Where properties of devices are looked up.
#[derive(Debug)]
pub(super) struct Devices {
    udev_data: PathBuf,
    block: PathBuf,
    /// Kept for whole disks; what is not in the last scrape is dropped.
    rotational: HashMap<String, KeptFile>,
    scratch: Scratch,
}

/// One device and all that udev has on it.
struct Device<'a> {
    disk: &'a Disk<'a>,
    rotational: &'static str,
    record: Vec<u8>,
}

impl Devices {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            udev_data: host.roots.udev_data.clone(),
            block: host.roots.sysfs.join("block"),
            rotational: HashMap::new(),
            scratch: Scratch::default(),
        }
    }

    /// Writes what is known of the disks of this scrape.
    pub(super) fn collect(&mut self, out: &mut Exposition<'_>, disks: &[Disk<'_>]) {
        self.rotational.retain(|name, _| disks.iter().any(|disk| disk.name == name));
        let udev = self.udev_data.is_dir();
        let devices: Vec<_> = disks
            .iter()
            .map(|disk| Device {
                disk,
                rotational: self.rotational(disk.name),
                record: if udev { self.read_record(disk) } else { Vec::new() },
            })
            .collect();
        write(out, &devices);
    }

    fn rotational(&mut self, name: &str) -> &'static str {
        if !self.rotational.contains_key(name) {
            let path = self.block.join(name).join("queue/rotational");
            self.rotational.insert(name.to_owned(), KeptFile::new(path));
        }
        let file = self.rotational.get_mut(name);
        match file.and_then(|file| file.read(&mut self.scratch).ok()) {
            Some(b"1\n") => "1",
            _ => "0",
        }
    }

    /// The record is a small file that udev replaces when something changes.
    fn read_record(&mut self, disk: &Disk<'_>) -> Vec<u8> {
        let path = self.udev_data.join(format!("b{}:{}", disk.major, disk.minor));
        self.scratch.read(&path).map(<[u8]>::to_vec).unwrap_or_default()
    }
}

fn write(out: &mut Exposition<'_>, devices: &[Device<'_>]) {
    let mut family = out.family("node_disk_info", "What a block device is.", Kind::Gauge);
    for device in devices {
        let get = |key| property(&device.record, key).unwrap_or_default();
        // The one that is printed on the disk, if there is one.
        let serial = ["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"];
        let labels = [
            ("device", device.disk.name),
            ("major", device.disk.major),
            ("minor", device.disk.minor),
            ("model", get("ID_MODEL")),
            ("path", get("ID_PATH")),
            ("revision", get("ID_REVISION")),
            ("rotational", device.rotational),
            ("serial", serial.into_iter().map(get).find(|serial| !serial.is_empty()).unwrap_or_default()),
            ("wwn", get("ID_WWN")),
        ];
        family.sample(&labels, 1_u64);
    }
    let help = "The file system that a block device holds.";
    let labels = [
        ("type", "ID_FS_TYPE"),
        ("usage", "ID_FS_USAGE"),
        ("uuid", "ID_FS_UUID"),
        ("version", "ID_FS_VERSION"),
    ];
    write_info(out, ("node_disk_filesystem_info", help), devices, labels);
    let help = "What a device of the device mapper is.";
    let labels = [
        ("name", "DM_NAME"),
        ("uuid", "DM_UUID"),
        ("vg_name", "DM_VG_NAME"),
        ("lv_name", "DM_LV_NAME"),
        ("lv_layer", "DM_LV_LAYER"),
    ];
    write_info(out, ("node_disk_device_mapper_info", help), devices, labels);
    for (key, name, help) in ATA {
        let mut family = out.family(name, help, Kind::Gauge);
        for device in devices.iter().filter(|device| property(&device.record, "ID_ATA").is_some()) {
            if let Some(value) = property(&device.record, key).and_then(|value| parse_f64(value.as_bytes())) {
                family.sample(&[("device", device.disk.name)], value);
            }
        }
    }
}

/// A family of labels from udev, for devices that have the first of them.
fn write_info<const N: usize>(
    out: &mut Exposition<'_>,
    (name, help): (&str, &str),
    devices: &[Device<'_>],
    labels: [(&'static str, &'static str); N],
) {
    let mut family = out.family(name, help, Kind::Gauge);
    for device in devices {
        let pairs = labels.map(|(label, key)| (label, property(&device.record, key).unwrap_or_default()));
        if pairs.first().is_some_and(|(_, value)| !value.is_empty()) {
            let mut all = vec![("device", device.disk.name)];
            all.extend(pairs);
            family.sample(&all, 1_u64);
        }
    }
}

/// A property from the lines `E:KEY=value` of a record.
fn property<'a>(record: &'a [u8], key: &str) -> Option<&'a str> {
    let value = lines(record)
        .find_map(|line| line.strip_prefix(b"E:")?.strip_prefix(key.as_bytes())?.strip_prefix(b"="))?;
    text(value)
}

#[cfg(test)]
mod tests {
    use agent_core::collector::{CollectError, Collector};
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    const RECORD: &str = "\
S:disk/by-id/ata-X
E:ID_ATA=1
E:ID_ATA_WRITE_CACHE=1
E:ID_ATA_ROTATION_RATE_RPM=7200
E:ID_MODEL=HGST_HDN
E:ID_SERIAL=HGST_HDN_K1
E:ID_SERIAL_SHORT=K1
E:ID_FS_TYPE=ext4
E:ID_FS_UUID=5f5e
";

    struct Two(Devices);

    impl Collector for Two {
        fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
            let disk = |name, minor| Disk { major: "8", minor, name, numbers: [None; 17] };
            self.0.collect(out, &[disk("sda", "0"), disk("sdb", "16")]);
            Ok(())
        }
    }

    #[test]
    fn records_become_labels() {
        let root = FakeRoot::new();
        root.file("udev/b8:0", RECORD);
        root.file("sys/block/sda/queue/rotational", "1\n");
        let (text, _) = collect(Two(Devices::new(&fake::host(&root))));
        for line in [
            "node_disk_info{device=\"sda\",major=\"8\",minor=\"0\",model=\"HGST_HDN\",path=\"\",revision=\"\",\
             rotational=\"1\",serial=\"K1\",wwn=\"\"} 1",
            "node_disk_info{device=\"sdb\",major=\"8\",minor=\"16\",model=\"\",path=\"\",revision=\"\",\
             rotational=\"0\",serial=\"\",wwn=\"\"} 1",
            "node_disk_filesystem_info{device=\"sda\",type=\"ext4\",usage=\"\",uuid=\"5f5e\",version=\"\"} 1",
            "node_disk_ata_rotation_rate_rpm{device=\"sda\"} 7200",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{text}");
        }
        assert!(!text.contains("device_mapper") && !text.contains("cache_enabled"), "{text}");
    }

    proptest! {
        #[test]
        fn nothing_panics(record: Vec<u8>, odd in "[E:ID_=\n]{0,100}") {
            property(&record, "ID");
            property(odd.as_bytes(), "ID");
        }
    }
}
