//! Names of PCI devices from the list `pci.ids`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use agent_core::read::lines;

use crate::host::Host;

/// What a device says it is: hexadecimal numbers as the kernel writes them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Ids {
    pub(super) class: String,
    pub(super) vendor: String,
    pub(super) device: String,
    pub(super) subsystem_vendor: String,
    pub(super) subsystem_device: String,
}

/// The names for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    vendor: String,
    device: String,
    subsystem_vendor: String,
    subsystem_device: String,
    class: String,
}

impl Named {
    pub(super) fn pairs(&self) -> [(&'static str, &str); 5] {
        [
            ("vendor_name", &self.vendor),
            ("device_name", &self.device),
            ("subsystem_vendor_name", &self.subsystem_vendor),
            ("subsystem_device_name", &self.subsystem_device),
            ("class_name", &self.class),
        ]
    }
}

/// Names of the devices that were seen. The list is long, so it is read when a new device shows up and not kept.
#[derive(Debug)]
pub(super) struct Names {
    files: Vec<PathBuf>,
    known: HashMap<Ids, Named>,
}

/// Where distributions have the list.
const USUAL: [&str; 2] = ["usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids"];

impl Names {
    pub(super) fn new(host: &Host, file: &Path) -> Self {
        let files = if file.as_os_str().is_empty() {
            USUAL.iter().map(|file| host.roots.rootfs.join(file)).collect()
        } else {
            vec![file.to_owned()]
        };
        Self { files, known: HashMap::new() }
    }

    pub(super) fn get(&mut self, ids: &Ids) -> &Named {
        let files = &self.files;
        self.known.entry(ids.clone()).or_insert_with(|| {
            let content = files.iter().find_map(|file| fs::read(file).ok()).unwrap_or_default();
            find(&content, ids)
        })
    }
}

/// Looks all names of a device up; what has none keeps its number.
fn find(content: &[u8], ids: &Ids) -> Named {
    let number = |text: &str| text.strip_prefix("0x").unwrap_or(text).to_ascii_lowercase();
    let (vendor, device) = (number(&ids.vendor), number(&ids.device));
    let (subsystem_vendor, subsystem_device) = (number(&ids.subsystem_vendor), number(&ids.subsystem_device));
    let subsystem = format!("{subsystem_vendor} {subsystem_device}");
    let class = number(&ids.class);
    let [base, sub, interface] =
        [0..2, 2..4, 4..6].map(|range| class.get(range).unwrap_or_default().to_owned());
    let classes = path(content, &format!("C {base}"), &sub, &interface);
    let name = |found: Option<String>, number: String| found.unwrap_or(number);
    let devices = path(content, &vendor, &device, &subsystem);
    Named {
        vendor: name(devices.first, vendor),
        device: name(devices.second, device),
        subsystem_vendor: name(path(content, &subsystem_vendor, "", "").first, subsystem_vendor),
        subsystem_device: name(devices.third, subsystem_device),
        class: classes
            .third
            .or(classes.second)
            .or(classes.first)
            .unwrap_or_else(|| format!("Unknown class ({class})")),
    }
}

/// Names on the way down three levels; each level is a tab deeper.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    first: Option<String>,
    second: Option<String>,
    third: Option<String>,
}

fn path(content: &[u8], first: &str, second: &str, third: &str) -> Found {
    let mut found = Found::default();
    let mut below_second = false;
    for line in lines(content).filter(|line| !line.starts_with(b"#")) {
        if let Some(line) = line.strip_prefix(b"\t\t") {
            if below_second && found.third.is_none() {
                found.third = named(line, third);
            }
        } else if let Some(line) = line.strip_prefix(b"\t") {
            if found.first.is_some() {
                let name = named(line, second);
                below_second = name.is_some();
                found.second = found.second.or(name);
            }
        } else if found.first.is_some() {
            break;
        } else {
            found.first = named(line, first);
        }
    }
    found
}

/// The name in a line of a number, two blanks and a name, where the number is the one looked for.
fn named(line: &[u8], number: &str) -> Option<String> {
    let rest =
        line.get(number.len()..).filter(|_| !number.is_empty() && line.starts_with(number.as_bytes()))?;
    Some(String::from_utf8_lossy(rest.strip_prefix(b"  ")?.trim_ascii()).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIST: &[u8] = b"# a comment
10de  NVIDIA Corporation
\t1eb8  TU104GL [Tesla T4]
\t\t10de 12a2  Tesla T4
8086  Intel Corporation
\t1eb8  Other
\t1521  I350 Gigabit Network Connection
\t\t1028 1f60  Intel GbE 4P I350crNDC
\t\t8086 00a3  Ethernet Network Adapter I350-T4 for OCP NIC 3.0
C 01  Mass storage controller
\t08  Non-Volatile memory controller
\t\t02  NVM Express
C 02  Network controller
\t00  Ethernet controller
";

    fn ids(class: &str, device: &str, subsystem: &str) -> Ids {
        Ids {
            class: class.to_owned(),
            vendor: "0x8086".to_owned(),
            device: device.to_owned(),
            subsystem_vendor: "0x8086".to_owned(),
            subsystem_device: subsystem.to_owned(),
        }
    }

    #[test]
    fn names_on_all_levels() {
        let named = find(LIST, &ids("0x020000", "0x1521", "0x00A3"));
        assert_eq!(
            named.pairs().map(|(_, name)| name),
            [
                "Intel Corporation",
                "I350 Gigabit Network Connection",
                "Intel Corporation",
                "Ethernet Network Adapter I350-T4 for OCP NIC 3.0",
                "Ethernet controller",
            ]
        );
    }

    #[test]
    fn what_has_no_name_keeps_its_number() {
        let named = find(LIST, &ids("0x010802", "0x9999", "0x1f60"));
        assert_eq!((named.device.as_str(), named.subsystem_device.as_str()), ("9999", "1f60"));
        assert_eq!(named.class, "NVM Express");
        assert_eq!(find(LIST, &ids("0x030000", "", "")).class, "Unknown class (030000)");
        assert_eq!(find(b"", &ids("0x01", "0x1", "0x2")).vendor, "8086");
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "(8086  |C 01  |\t|1521  |\n){0,20}", class: String) {
            for content in [content.as_slice(), odd.as_bytes()] {
                find(content, &ids(&class, "0x1521", "0x1"));
            }
        }
    }
}
