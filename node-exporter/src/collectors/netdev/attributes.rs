//! What `/proc/net/dev` does not tell of a device and `/sys/class/net` does.

use std::fs::File;
use std::path::PathBuf;

use agent_core::read::parse_u64;
use rustix::io::pread;

use crate::network::{ClassNet, Listed};

/// Descriptors that are kept; devices beyond are read by opening.
const MOST_DESCRIPTORS: usize = 2048;
/// More than a number or an alias has.
const LONGEST: usize = 512;

/// Counters of packets that nobody wanted, with their descriptors.
#[derive(Debug)]
pub(super) struct Attributes {
    class: ClassNet,
    folder: PathBuf,
    counters: Vec<Counter>,
}

#[derive(Debug)]
struct Counter {
    device: Listed,
    file: Option<File>,
}

impl Attributes {
    pub(super) fn new(class: ClassNet, folder: PathBuf) -> Self {
        Self { class, folder, counters: Vec::new() }
    }

    /// A scrape begins.
    pub(super) fn expire(&self) {
        self.class.expire();
    }

    /// Forgets devices that are gone and takes in new ones.
    pub(super) fn list(&mut self) {
        let listed = self.class.list().unwrap_or_default();
        self.counters.retain(|counter| listed.binary_search(&counter.device).is_ok());
        for device in listed.iter() {
            if let Err(place) = self.counters.binary_search_by(|counter| counter.device.cmp(device)) {
                self.counters.insert(place, Counter { device: device.clone(), file: None });
            }
        }
    }

    /// Packets that a device received and nobody wanted; `None` where it is gone or the kernel is older than 4.6.
    pub(super) fn read_nohandler(&mut self, device: &str) -> Option<u64> {
        let place =
            self.counters.binary_search_by(|counter| counter.device.name.as_str().cmp(device)).ok()?;
        let counter = self.counters.get_mut(place)?;
        if let Some(file) = &counter.file {
            return read(file);
        }
        let file = File::open(self.folder.join(device).join("statistics/rx_nohandler")).ok()?;
        let value = read(&file);
        counter.file = (place < MOST_DESCRIPTORS).then_some(file);
        value
    }

    /// The alias that somebody gave a device; empty where there is none.
    pub(super) fn read_alias(&self, device: &str) -> String {
        let content = std::fs::read(self.folder.join(device).join("ifalias")).unwrap_or_default();
        String::from_utf8_lossy(content.trim_ascii()).into_owned()
    }
}

fn read(file: &File) -> Option<u64> {
    let mut buffer = [0_u8; LONGEST];
    let count = pread(file, &mut buffer, 0).ok()?;
    parse_u64(buffer.get(..count)?.trim_ascii())
}

#[cfg(test)]
mod tests {
    use agent_core::testing::FakeRoot;

    use super::*;

    #[test]
    fn devices_come_and_go() {
        let root = FakeRoot::new();
        root.file("eth0/statistics/rx_nohandler", "7\n");
        root.file("eth1/statistics/rx_nohandler", "8\n");
        root.file("eth0/ifalias", "uplink\n");
        let class = ClassNet::new(root.path().to_owned());
        let mut attributes = Attributes::new(class, root.path().to_owned());
        for _ in 0..2 {
            attributes.expire();
            attributes.list();
            assert_eq!(attributes.read_nohandler("eth0"), Some(7));
            assert_eq!(attributes.read_nohandler("eth1"), Some(8));
            assert_eq!(attributes.read_nohandler("eth2"), None);
        }
        std::fs::rename(root.path().join("eth1"), root.path().join("eth2")).unwrap();
        root.file("eth1/statistics/rx_nohandler", "9\n");
        attributes.expire();
        attributes.list();
        assert_eq!(attributes.read_nohandler("eth1"), Some(9));
        assert_eq!(attributes.read_nohandler("eth2"), Some(8));
        assert_eq!(
            (attributes.read_alias("eth0"), attributes.read_alias("eth1")),
            ("uplink".to_owned(), String::new())
        );
    }
}
