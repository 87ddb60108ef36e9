//! `pcidevice`: PCI devices, their links and power states, from `/sys/bus/pci/devices`.

mod ids;

use std::fs;
use std::path::{Path, PathBuf};

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind, LabelBlock, Value};
use agent_core::read::{fields, parse_f64};

use self::ids::{Ids, Names};
use super::Build;
use crate::flags::{Flag, Given, Takes};
use crate::host::Host;
use crate::sysfs::{Sysfs, list, whole};

const IDS_FILE: Flag = Flag {
    name: "collector.pcidevice.idsfile",
    takes: Takes::Value { what: "FILE", default: "" },
    help: "The list of names, pci.ids, where it is not in its usual place",
    old_names: &[],
};
const NAMES: Flag = Flag {
    name: "collector.pcidevice.names",
    takes: Takes::Switch { default: false },
    help: "Put names from pci.ids into node_pcidevice_info",
    old_names: &[],
};

pub(super) const FLAGS: &[Flag] = &[IDS_FILE, NAMES];

/// A family: the file, the name, the HELP sentence, the value in the file, and the value without it.
struct Column {
    file: &'static str,
    name: &'static str,
    help: &'static str,
    parse: fn(&[u8]) -> Option<Value>,
    absent: Option<i64>,
}

const fn column(file: &'static str, name: &'static str, help: &'static str, absent: Option<i64>) -> Column {
    Column { file, name, help, parse: whole, absent }
}

#[rustfmt::skip]
const COLUMNS: [Column; 10] = [
    Column { parse: transfers, ..column("current_link_speed", "node_pcidevice_current_link_transfers_per_second", "Transfers per second of a device's link now, -1 where it has none.", Some(-1)) },
    column("current_link_width", "node_pcidevice_current_link_width", "Lanes of a device's link now, -1 where it has none.", Some(-1)),
    column("d3cold_allowed", "node_pcidevice_d3cold_allowed", "Whether a device may be switched off wholly.", Some(0)),
    Column { parse: transfers, ..column("max_link_speed", "node_pcidevice_max_link_transfers_per_second", "Transfers per second that a device's link can do, -1 where it has none.", Some(-1)) },
    column("max_link_width", "node_pcidevice_max_link_width", "Lanes that a device's link can have, -1 where it has none.", Some(-1)),
    Column { parse: node, ..column("numa_node", "node_pcidevice_numa_node", "Memory node that a device is near to.", None) },
    column("sriov_drivers_autoprobe", "node_pcidevice_sriov_drivers_autoprobe", "Whether a device's virtual functions get drivers by themselves.", Some(0)),
    column("sriov_numvfs", "node_pcidevice_sriov_numvfs", "Virtual functions that a device has now.", Some(0)),
    column("sriov_totalvfs", "node_pcidevice_sriov_totalvfs", "Virtual functions that a device can have.", Some(0)),
    column("sriov_vf_total_msix", "node_pcidevice_sriov_vf_total_msix", "Interrupts that a device's virtual functions share.", Some(0)),
];

const STATES: [&str; 7] = ["D0", "D1", "D2", "D3hot", "D3cold", "unknown", "error"];

/// `8.0 GT/s PCIe`
fn transfers(text: &[u8]) -> Option<Value> {
    Some(Value::Float(parse_f64(fields(text).next()?)? * 1e9))
}

/// A node; -1 is none.
fn node(text: &[u8]) -> Option<Value> {
    whole(text).filter(|value| matches!(value, Value::Unsigned(_)))
}

pub(super) fn build(given: Given<'_>) -> Build {
    let names = given.is_on(&NAMES).then(|| PathBuf::from(given.value(&IDS_FILE)));
    Build::new(move |host| Pcidevice::new(host, names.as_deref()))
}

#[derive(Debug)]
struct Pcidevice {
    folder: PathBuf,
    names: Option<Names>,
    sysfs: Sysfs,
}

#[derive(Debug)]
struct Device {
    place: LabelBlock,
    parent: [String; 4],
    ids: Ids,
    revision: String,
    values: [Option<Value>; COLUMNS.len()],
    state: Option<String>,
}

impl Pcidevice {
    /// `names` is the list of names where they are wanted; an empty path is the usual one.
    fn new(host: &Host, names: Option<&Path>) -> Self {
        Self {
            folder: host.roots.sysfs.join("bus/pci/devices"),
            names: names.map(|file| Names::new(host, file)),
            sysfs: Sysfs::opening(),
        }
    }

    /// `None` for what is no PCI device.
    fn read_device(&mut self, name: &str) -> Option<Device> {
        let folder = self.folder.join(name);
        let [segment, bus, device, function] = parse_place(name)?;
        let target = fs::read_link(&folder).ok();
        let parent = target.as_deref().and_then(Path::parent).and_then(Path::file_name);
        // Devices of the root have a bus above them, which is no device.
        let parent =
            parent.and_then(|name| parse_place(name.to_str()?)).unwrap_or(["*"; 4]).map(str::to_owned);
        let mut label = |file| self.sysfs.label(&folder, file);
        let ids = Ids {
            class: label("class"),
            vendor: label("vendor"),
            device: label("device"),
            subsystem_vendor: label("subsystem_vendor"),
            subsystem_device: label("subsystem_device"),
        };
        let revision = label("revision");
        let values = COLUMNS.map(|column| {
            let value = self.sysfs.read(&folder, column.file).ok().and_then(column.parse);
            value.or(column.absent.map(Value::Signed))
        });
        let labels = [("segment", segment), ("bus", bus), ("device", device), ("function", function)];
        let state = self.sysfs.text(&folder, "power_state");
        Some(Device { place: LabelBlock::new(&labels), parent, ids, revision, values, state })
    }
}

/// `0000:45:00.1`: segment, bus, device and function.
fn parse_place(name: &str) -> Option<[&str; 4]> {
    let (segment, rest) = name.split_once(':')?;
    let (bus, rest) = rest.split_once(':')?;
    let (device, function) = rest.split_once('.')?;
    let place = [segment, bus, device, function];
    let is_hexadecimal = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    place.iter().all(is_hexadecimal).then_some(place)
}

impl Collector for Pcidevice {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let names = list(&self.folder)?;
        let devices: Vec<_> = names.iter().filter_map(|name| self.read_device(name)).collect();
        let mut family = out.family("node_pcidevice_info", "What a PCI device is.", Kind::Gauge);
        for Device { place, parent: [segment, bus, device, function], ids, revision, .. } in &devices {
            let mut labels = vec![
                ("parent_segment", segment.as_str()),
                ("parent_bus", bus),
                ("parent_device", device),
                ("parent_function", function),
                ("class_id", &ids.class),
                ("vendor_id", &ids.vendor),
                ("device_id", &ids.device),
                ("subsystem_vendor_id", &ids.subsystem_vendor),
                ("subsystem_device_id", &ids.subsystem_device),
                ("revision", revision),
            ];
            if let Some(names) = &mut self.names {
                labels.extend(names.get(ids).pairs());
            }
            family.sample_in(place, &labels, 1_u64);
        }
        for (index, column) in COLUMNS.iter().enumerate() {
            let mut family = out.family(column.name, column.help, Kind::Gauge);
            for device in &devices {
                if let Some(value) = device.values.get(index).copied().flatten() {
                    family.sample_in(&device.place, &[], value);
                }
            }
        }
        let help = "Which power state a device is in.";
        let mut family = out.family("node_pcidevice_power_state", help, Kind::Gauge);
        for device in &devices {
            let Some(current) = &device.state else { continue };
            for state in STATES {
                family.sample_in(&device.place, &[("state", state)], state == current);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
