//! Chips, their names and their sensors' files.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use agent_core::collector::CollectError;

use super::names::{clean, parse_name};
use crate::sysfs::{Sysfs, list};

/// The files of a chip; two equal ones are the same chip with the same sensors.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Files {
    /// `hwmon0`
    pub(super) chip: String,
    /// No two folders of the kernel's have the same, not even one after the other.
    inode: u64,
    /// Files of sensors in the chip's folder, and in that of its device, where old drivers have them.
    own: Vec<String>,
    device: Vec<String>,
}

/// The chips that are there now.
pub(super) fn scan(folder: &Path) -> Result<Vec<Files>, CollectError> {
    let chips = list(folder)?.into_iter().filter_map(|chip| {
        let folder = folder.join(&chip);
        let inode = fs::metadata(&folder).ok().filter(fs::Metadata::is_dir)?.ino();
        let sensors = |folder: &Path| {
            let mut names = list(folder).unwrap_or_default();
            names.retain(|name| parse_name(name).is_some());
            names
        };
        Some(Files { chip, inode, own: sensors(&folder), device: sensors(&folder.join("device")) })
    });
    Ok(chips.collect())
}

/// A chip.
#[derive(Debug)]
pub(super) struct Chip {
    /// Made from its device, which stays the same when drivers are loaded in another order.
    pub(super) name: String,
    /// What it calls itself.
    pub(super) readable: Option<String>,
    pub(super) sensors: Vec<Sensor>,
}

/// A sensor.
#[derive(Debug)]
pub(super) struct Sensor {
    pub(super) kind: String,
    /// Kind and number: `temp1`.
    pub(super) name: String,
    pub(super) label: Option<String>,
    pub(super) elements: Vec<Element>,
}

/// A value of a sensor.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) folder: Arc<Path>,
    pub(super) file: String,
}

impl Chip {
    /// `None` where it went away.
    pub(super) fn find(folder: &Path, files: &Files, sysfs: &mut Sysfs) -> Option<Self> {
        let readable = sysfs.text(folder, "name").map(|name| clean(&name)).filter(|name| !name.is_empty());
        let name = device_name(&folder.join("device")).or_else(|| readable.clone()).or_else(|| {
            let name = clean(fs::canonicalize(folder).ok()?.file_name()?.to_str()?);
            (!name.is_empty()).then_some(name)
        })?;
        Some(Self { name, readable, sensors: sensors(folder, files, sysfs) })
    }
}

/// Gives chips that share a device, and with it their name, names of their own: what they call themselves is added,
/// or the kernel's name for them where even that is the same.
pub(super) fn told_apart(mut chips: Vec<(&str, Chip)>) -> Vec<Chip> {
    let with_own = |chip: &Chip| Some(format!("{}_{}", chip.name, chip.readable.as_ref()?));
    let names: Vec<_> = chips.iter().map(|(_, chip)| (chip.name.clone(), with_own(chip))).collect();
    for (entry, chip) in &mut chips {
        if names.iter().filter(|(name, _)| *name == chip.name).count() < 2 {
            continue;
        }
        let own = with_own(chip).filter(|own| {
            let same = names.iter().filter(|(name, other)| name == own || other.as_ref() == Some(own));
            same.count() == 1
        });
        chip.name = own.unwrap_or_else(|| format!("{}_{}", chip.name, clean(entry)));
    }
    chips.into_iter().map(|(_, chip)| chip).collect()
}

/// Bus and device: `platform_coretemp_0`.
fn device_name(device: &Path) -> Option<String> {
    let device = fs::canonicalize(device).ok()?;
    let part = |path: &Path| Some(clean(path.file_name()?.to_str()?));
    let name = part(&device).filter(|name| !name.is_empty())?;
    match device.parent().and_then(part).filter(|bus| !bus.is_empty()) {
        Some(bus) => Some(format!("{bus}_{name}")),
        None => Some(name),
    }
}

fn sensors(folder: &Path, files: &Files, sysfs: &mut Sysfs) -> Vec<Sensor> {
    let mut sensors: BTreeMap<(&str, u32), BTreeMap<&str, Element>> = BTreeMap::new();
    let own: Arc<Path> = folder.into();
    let device: Arc<Path> = folder.join("device").into();
    // A file of the device stands for one of the chip with the same name.
    for (folder, names) in [(own, &files.own), (device, &files.device)] {
        for file in names {
            let Some(parsed) = parse_name(file) else { continue };
            let (name, folder, file) = (parsed.element.to_owned(), Arc::clone(&folder), file.clone());
            let sensor = sensors.entry((parsed.kind, parsed.number)).or_default();
            sensor.insert(parsed.element, Element { name, folder, file });
        }
    }
    let sensors = sensors.into_iter().map(|((kind, number), mut elements)| {
        let label = elements.remove("label");
        Sensor {
            kind: kind.to_owned(),
            name: format!("{kind}{number}"),
            label: label.and_then(|element| sysfs.text(&element.folder, &element.file)),
            elements: elements.into_values().collect(),
        }
    });
    sensors.collect()
}
