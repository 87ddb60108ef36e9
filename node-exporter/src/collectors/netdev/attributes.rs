//! What `/proc/net/dev` does not tell of a device and `/sys/class/net` does.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use agent_core::read::parse_u64;

/// Descriptors that are kept; devices beyond are read by opening.
const MOST_DESCRIPTORS: usize = 2048;
/// More than a number or an alias has.
const LONGEST: usize = 512;

/// Counters of packets that nobody wanted, with their descriptors.
#[derive(Debug)]
pub(super) struct Attributes {
    folder: PathBuf,
    counters: Vec<Counter>,
    /// Where the next device is expected: the kernel lists them in the same order each time.
    next: usize,
}

#[derive(Debug)]
struct Counter {
    device: String,
    file: Option<File>,
    seen: bool,
}

impl Attributes {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, counters: Vec::new(), next: 0 }
    }

    /// Forgets devices that were not asked for since the last call.
    pub(super) fn forget_unseen(&mut self) {
        self.counters.retain_mut(|counter| std::mem::take(&mut counter.seen));
        self.next = 0;
    }

    /// Packets that a device received and nobody wanted; `None` where it is gone or the kernel is older than 4.6.
    pub(super) fn read_nohandler(&mut self, device: &str) -> Option<u64> {
        let place = match self.counters.get(self.next) {
            Some(counter) if counter.device == device => self.next,
            _ => self.counters.iter().position(|counter| counter.device == device).unwrap_or_else(|| {
                self.counters.push(Counter { device: device.to_owned(), file: None, seen: false });
                self.counters.len() - 1
            }),
        };
        self.next = place + 1;
        let counter = self.counters.get_mut(place)?;
        counter.seen = true;
        // The descriptor of a device that is gone fails; another may have its name now.
        if let Some(value) = counter.file.as_ref().and_then(read) {
            return Some(value);
        }
        let path = self.folder.join(device).join("statistics/rx_nohandler");
        counter.file = None;
        let file = File::open(path).ok()?;
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
    let mut buffer = [0; LONGEST];
    let count = file.read_at(&mut buffer, 0).ok()?;
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
        let mut attributes = Attributes::new(root.path().to_owned());
        for _ in 0..2 {
            assert_eq!(attributes.read_nohandler("eth0"), Some(7));
            assert_eq!(attributes.read_nohandler("eth1"), Some(8));
            assert_eq!(attributes.read_nohandler("eth2"), None);
            attributes.forget_unseen();
        }
        root.file("eth1/statistics/rx_nohandler", "9\n");
        assert_eq!(attributes.read_nohandler("eth1"), Some(9));
        attributes.forget_unseen();
        assert_eq!(attributes.counters.len(), 1);
        assert_eq!(
            (attributes.read_alias("eth0"), attributes.read_alias("eth1")),
            ("uplink".to_owned(), String::new())
        );
    }
}
