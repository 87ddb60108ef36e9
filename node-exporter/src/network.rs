//! Which network devices there are, and which are wanted: one pair of flags for all collectors of devices, beside
//! their own ones.

use std::io;

use agent_core::error::ConfigErrors;
use rustix::fs::FileType;

use crate::filter::Filter;
use crate::flags::{Flag, Given};
use crate::sysfs::Folder;

/// Leaves devices out of `netdev` and `netclass` alike.
pub const EXCLUDE: Flag = Flag::regex(
    "collector.network.device-exclude",
    "",
    "Devices to leave out of netdev and netclass, for example ^(veth.*|br-.*)$; not together with device-include",
);
/// Exports only these devices in `netdev` and `netclass` alike.
pub const INCLUDE: Flag = Flag::regex(
    "collector.network.device-include",
    "",
    "Devices to export in netdev and netclass; not together with device-exclude",
);

/// A collector's own filter and the one that it shares with the others.
#[derive(Debug, Clone, Default)]
pub struct Devices {
    /// The collector's own.
    pub own: Filter,
    /// The shared one.
    pub shared: Filter,
}

impl Devices {
    /// Reads the shared pair of flags and adds a collector's own filter.
    pub fn new(given: Given<'_>, own: Result<Filter, ConfigErrors>) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let own = own.map_err(|e| errors.extend(e)).ok();
        let shared = given.filter(&EXCLUDE, &INCLUDE).map_err(|e| errors.extend(e)).ok();
        errors.finish(own.zip(shared).map(|(own, shared)| Self { own, shared }))
    }

    /// Whether both let a device pass.
    pub fn wants(&self, device: &str) -> bool {
        self.own.wants(device) && self.shared.wants(device)
    }
}

/// A device in `/sys/class/net`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// The number of its entry, which stays with it when it is renamed: a descriptor that was opened under this name
    /// is of this device only while the number is the same.
    pub inode: u64,
}

/// The devices in `/sys/class/net`, in the order of their names.
pub fn list_devices(folder: &mut Folder) -> io::Result<Vec<Listed>> {
    let mut devices = Vec::new();
    folder.visit(|name, entry| {
        // Beside the devices there may be a file, `bonding_masters`.
        if entry.file_type() != FileType::RegularFile {
            devices.push(Listed { name: name.to_owned(), inode: entry.ino() });
        }
    })?;
    devices.sort_unstable();
    Ok(devices)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use agent_core::testing::FakeRoot;
    use regex_lite::Regex;

    use super::*;

    #[test]
    fn both_filters_must_let_a_device_pass() {
        let filter = |exclude| Filter { exclude: Regex::new(exclude).ok(), include: None };
        let devices = Devices { own: filter("^lo$"), shared: filter("^veth") };
        assert!(devices.wants("eth0") && !devices.wants("lo") && !devices.wants("veth1"));
    }

    #[test]
    fn a_renamed_device_keeps_its_number() {
        let root = FakeRoot::new();
        root.file("eth1/mtu", "");
        root.file("eth0/mtu", "");
        root.file("bonding_masters", "");
        let mut folder = Folder::new(root.path().to_owned());
        let before = list_devices(&mut folder).unwrap();
        let names: Vec<_> = before.iter().map(|device| device.name.as_str()).collect();
        assert_eq!(names, ["eth0", "eth1"]);
        for (from, to) in [("eth0", "swap"), ("eth1", "eth0"), ("swap", "eth1")] {
            fs::rename(root.path().join(from), root.path().join(to)).unwrap();
        }
        let after = list_devices(&mut folder).unwrap();
        assert_eq!((before[0].inode, before[1].inode), (after[1].inode, after[0].inode));
    }
}
