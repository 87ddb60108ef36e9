//! Which network devices there are, and which are wanted: one pair of flags for all collectors of devices, beside
//! their own ones.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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

/// The devices in `/sys/class/net`, listed once in each scrape for all collectors of devices.
#[derive(Debug, Clone)]
pub struct ClassNet(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Whether the devices are those of this scrape. Apart from the lock, which a collector that hangs may hold.
    fresh: AtomicBool,
    listing: Mutex<Listing>,
}

#[derive(Debug)]
struct Listing {
    folder: Folder,
    devices: Arc<[Listed]>,
}

impl ClassNet {
    /// Nothing is read before the first list.
    pub fn new(folder: PathBuf) -> Self {
        let listing = Listing { folder: Folder::new(folder), devices: Arc::from([]) };
        Self(Arc::new(Shared { fresh: AtomicBool::new(false), listing: Mutex::new(listing) }))
    }

    /// Has them listed anew when they are wanted next: collectors that want them call this as each scrape begins.
    pub fn expire(&self) {
        self.0.fresh.store(false, Ordering::Release);
    }

    /// The devices in the order of their names.
    pub fn list(&self) -> io::Result<Arc<[Listed]>> {
        let Shared { fresh, listing } = &*self.0;
        let mut listing = listing.lock().unwrap_or_else(PoisonError::into_inner);
        if !fresh.swap(true, Ordering::AcqRel) {
            let listed = list_devices(&mut listing.folder).inspect_err(|_| self.expire())?;
            listing.devices = listed.into();
        }
        Ok(Arc::clone(&listing.devices))
    }
}

fn list_devices(folder: &mut Folder) -> io::Result<Vec<Listed>> {
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
    fn devices_are_listed_once_in_a_scrape() {
        let root = FakeRoot::new();
        let class = ClassNet::new(root.path().join("net"));
        assert!(class.list().is_err());
        root.file("net/eth0/mtu", "");
        assert_eq!(class.list().unwrap().len(), 1);
        root.file("net/eth1/mtu", "");
        assert_eq!(class.list().unwrap().len(), 1);
        class.clone().expire();
        assert_eq!(class.list().unwrap().len(), 2);
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
