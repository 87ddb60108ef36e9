//! Names of block devices by number, from the links in `/sys/dev/block`.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

/// Numbers kept at most; then everything is looked up anew (devices come and go).
const MOST: usize = 1024;

/// Looks names up once.
#[derive(Debug)]
pub struct BlockDevices {
    links: PathBuf,
    names: HashMap<(u64, u64), String>,
}

impl BlockDevices {
    /// `sysfs` is where the host's `/sys` is.
    pub fn new(sysfs: &std::path::Path) -> Self {
        Self { links: sysfs.join("dev/block"), names: HashMap::new() }
    }

    /// cAdvisor's `device` label: `/dev/NAME`, or the numbers where the kernel has no such device.
    pub fn label(&mut self, major: u64, minor: u64) -> &str {
        if self.names.len() >= MOST {
            self.names.clear();
        }
        let links = &self.links;
        self.names.entry((major, minor)).or_insert_with(|| {
            let number = format!("{major}:{minor}");
            fs::read_link(links.join(&number))
                .ok()
                .and_then(|target| Some(format!("/dev/{}", target.file_name()?.to_str()?)))
                .unwrap_or(number)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;

    #[test]
    fn names_come_from_links() {
        let sys = FakeRoot::new();
        sys.file("dev/block/README", "");
        std::os::unix::fs::symlink(
            "../../devices/pci0000:00/virtio1/block/vda",
            sys.path().join("dev/block/254:0"),
        )
        .unwrap();
        let mut devices = BlockDevices::new(sys.path());
        assert_eq!(devices.label(254, 0), "/dev/vda");
        assert_eq!(devices.label(8, 0), "8:0");
    }
}
