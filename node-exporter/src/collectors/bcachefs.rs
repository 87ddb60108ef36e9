//! `bcachefs`: counters, errors and devices of bcachefs file systems, from `/sys/fs/bcachefs`.

mod parse;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};

use self::parse::{parse_counter, parse_errors, parse_io_done, parse_io_errors, parse_pairs, size};
use crate::host::Host;
use crate::named::metric_word;
use crate::sysfs::{Attribute, Device, Sysfs, list, list_numbered, write_attributes};

const SYSTEM: &[Attribute] = &[Attribute::gauge(
    "btree_cache_size",
    "node_bcachefs_btree_cache_size_bytes",
    "Memory that a file system's index takes.",
)
.parsed(size)];

const DEVICE: &[Attribute] = &[
    Attribute::gauge("bucket_size", "node_bcachefs_device_bucket_size_bytes", "Size of a device's buckets.")
        .parsed(size),
    Attribute::gauge("nbuckets", "node_bcachefs_device_buckets", "Buckets that a device has."),
    Attribute::gauge(
        "durability",
        "node_bcachefs_device_durability",
        "How many copies what is on a device counts for.",
    ),
];

/// Families of pairs of numbers by a word: the file, the label, and a name and HELP sentence for each number.
type Pairs = (&'static str, &'static str, [(&'static str, &'static str, Kind); 2]);

const PAIRS: [Pairs; 2] = [
    (
        "btree_write_stats",
        "type",
        [
            ("node_bcachefs_btree_writes_total", "Writes of nodes of the index.", Kind::Counter),
            (
                "node_bcachefs_btree_write_average_size_bytes",
                "Size of a write of a node of the index on average.",
                Kind::Gauge,
            ),
        ],
    ),
    (
        "compression_stats",
        "algorithm",
        [
            ("node_bcachefs_compression_compressed_bytes", "Bytes that compressed data takes.", Kind::Gauge),
            (
                "node_bcachefs_compression_uncompressed_bytes",
                "Bytes that compressed data would take otherwise.",
                Kind::Gauge,
            ),
        ],
    ),
];

/// The collector.
#[derive(Debug)]
pub(super) struct Bcachefs {
    folder: PathBuf,
    sysfs: Sysfs,
}

/// A value with labels made from text.
type Sample = (Vec<(&'static str, String)>, u64);

/// All file systems, family by family.
#[derive(Debug, Default)]
struct Found {
    systems: Vec<Device>,
    devices: Vec<Device>,
    device_infos: Vec<Sample>,
    io_done: Vec<Sample>,
    io_errors: Vec<Sample>,
    errors: Vec<Sample>,
    pairs: [[Vec<Sample>; 2]; 2],
    /// Counters by their name in the kernel.
    counters: BTreeMap<String, Vec<Sample>>,
}

impl Bcachefs {
    pub(super) fn new(host: &Host) -> Self {
        Self { folder: host.roots.sysfs.join("fs/bcachefs"), sysfs: Sysfs::opening() }
    }

    fn read_system(&mut self, uuid: &str, found: &mut Found) {
        let folder = self.folder.join(uuid);
        found.systems.push(Device::read(&mut self.sysfs, &folder, SYSTEM, &[("uuid", uuid)]));
        let labels = |label, value: &str| vec![(label, value.to_owned()), ("uuid", uuid.to_owned())];
        if let Ok(text) = self.sysfs.read(&folder, "errors") {
            found.errors.extend(parse_errors(text).map(|(name, count)| (labels("error_type", name), count)));
        }
        for ((file, label, _), [first, second]) in PAIRS.into_iter().zip(&mut found.pairs) {
            let Ok(text) = self.sysfs.read(&folder, file) else { continue };
            for (word, numbers) in parse_pairs(text) {
                first.push((labels(label, word), numbers.0));
                second.push((labels(label, word), numbers.1));
            }
        }
        let counters = folder.join("counters");
        for name in list(&counters).unwrap_or_default() {
            if let Some(count) = self.sysfs.read(&counters, &name).ok().and_then(parse_counter) {
                let sample = (vec![("uuid", uuid.to_owned())], count);
                found.counters.entry(name).or_default().push(sample);
            }
        }
        for (name, number) in list_numbered(&folder, "dev-").unwrap_or_default() {
            self.read_device(&folder.join(name), &number, uuid, found);
        }
    }

    fn read_device(&mut self, folder: &Path, device: &str, uuid: &str, found: &mut Found) {
        let labels = [("device", device), ("uuid", uuid)];
        found.devices.push(Device::read(&mut self.sysfs, folder, DEVICE, &labels));
        let labels = |more: &[(&'static str, &str)]| {
            let own = labels.into_iter().chain(more.iter().copied());
            own.map(|(label, value)| (label, value.to_owned())).collect::<Vec<_>>()
        };
        let [label, state] = ["label", "state"].map(|file| self.sysfs.label(folder, file));
        found.device_infos.push((labels(&[("label", &label), ("state", &state)]), 1));
        if let Ok(text) = self.sysfs.read(folder, "io_done") {
            found.io_done.extend(parse_io_done(text).map(|(operation, kind, bytes)| {
                (labels(&[("data_type", kind), ("operation", operation)]), bytes)
            }));
        }
        if let Ok(text) = self.sysfs.read(folder, "io_errors") {
            let errors = parse_io_errors(text).map(|(kind, count)| (labels(&[("type", kind)]), count));
            found.io_errors.extend(errors);
        }
    }
}

impl Collector for Bcachefs {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let uuids = list(&self.folder)?;
        if uuids.is_empty() {
            return Err(CollectError::NoData("no bcachefs file system is mounted".to_owned()));
        }
        let mut found = Found::default();
        for uuid in &uuids {
            self.read_system(uuid, &mut found);
        }
        let mut family = out.family("node_bcachefs_info", "File systems that are mounted.", Kind::Gauge);
        for uuid in &uuids {
            family.sample(&[("uuid", uuid)], 1_u64);
        }
        found.write(out);
        Ok(())
    }
}

impl Found {
    fn write(&self, out: &mut Exposition<'_>) {
        write_attributes(out, SYSTEM, &self.systems);
        for ((_, _, families), samples) in PAIRS.into_iter().zip(&self.pairs) {
            for ((name, help, kind), samples) in families.into_iter().zip(samples) {
                write_samples(out, (name, help, kind), samples);
            }
        }
        for (name, samples) in &self.counters {
            let help = format!("The kernel's counter {name}, since the file system was made.");
            let name = format!("node_bcachefs_{}_total", metric_word(name));
            write_samples(out, (&name, &help, Kind::Counter), samples);
        }
        let help = "Errors that were found in a file system.";
        write_samples(out, ("node_bcachefs_errors_total", help, Kind::Counter), &self.errors);
        write_attributes(out, DEVICE, &self.devices);
        let help = "What a device is called and used for.";
        write_samples(out, ("node_bcachefs_device_info", help, Kind::Gauge), &self.device_infos);
        let help = "Bytes that were read from or written to a device.";
        let name = "node_bcachefs_device_io_done_bytes_total";
        write_samples(out, (name, help, Kind::Counter), &self.io_done);
        let help = "Errors of a device, since the file system was made.";
        write_samples(out, ("node_bcachefs_device_io_errors_total", help, Kind::Counter), &self.io_errors);
    }
}

fn write_samples(out: &mut Exposition<'_>, (name, help, kind): (&str, &str, Kind), samples: &[Sample]) {
    let mut family = out.family(name, help, kind);
    for (labels, value) in samples {
        let labels: Vec<_> = labels.iter().map(|(label, value)| (*label, value.as_str())).collect();
        family.sample(&labels, *value);
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn counters_and_devices() {
        let root = FakeRoot::new();
        for (file, content) in [
            ("btree_cache_size", "2.05G"),
            ("errors", "bset_bad_csum      2       1767112063"),
            (
                "compression_stats",
                "type   compressed  uncompressed   average extent size\nlz4  48.9G  71.2G  62.5k",
            ),
            ("counters/data_read", "since mount:      475G\nsince filesystem creation:     44.5T"),
            ("counters/strange", "?"),
            ("dev-10/label", "disk-10"),
            ("dev-10/state", "[rw] ro evacuating spare "),
            ("dev-10/io_done", "read:\nsb          :       86016\nwrite:\nsb    : 1"),
            (
                "dev-10/io_errors",
                "IO errors since filesystem creation\n  read:  3\nIO errors since 8 y ago\n  read: 1",
            ),
        ] {
            root.file(format!("sys/fs/bcachefs/dead/{file}"), format!("{content}\n"));
        }
        let (text, error) = collect(Bcachefs::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let device = "device=\"10\",uuid=\"dead\"";
        assert_eq!(
            samples,
            [
                "node_bcachefs_info{uuid=\"dead\"} 1",
                "node_bcachefs_btree_cache_size_bytes{uuid=\"dead\"} 2201170739",
                "node_bcachefs_compression_compressed_bytes{algorithm=\"lz4\",uuid=\"dead\"} 52505975193",
                "node_bcachefs_compression_uncompressed_bytes{algorithm=\"lz4\",uuid=\"dead\"} 76450417868",
                "node_bcachefs_data_read_total{uuid=\"dead\"} 48928267436032",
                "node_bcachefs_errors_total{error_type=\"bset_bad_csum\",uuid=\"dead\"} 2",
                &format!(
                    "node_bcachefs_device_info{{{device},label=\"disk-10\",state=\"[rw] ro evacuating spare\"}} 1"
                ),
                &format!(
                    "node_bcachefs_device_io_done_bytes_total{{{device},data_type=\"sb\",operation=\"read\"}} 86016"
                ),
                &format!(
                    "node_bcachefs_device_io_done_bytes_total{{{device},data_type=\"sb\",operation=\"write\"}} 1"
                ),
                &format!("node_bcachefs_device_io_errors_total{{{device},type=\"read\"}} 3"),
            ]
        );
    }

    #[test]
    fn a_machine_without_it_is_no_fault() {
        let (_, error) = collect(Bcachefs::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
