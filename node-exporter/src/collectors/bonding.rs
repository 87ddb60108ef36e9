//! `bonding`: network devices that bundle others, from `/sys/class/net/<master>/bonding`.

use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{fields, text};

use crate::host::Host;
use crate::sysfs::Sysfs;

/// The collector.
#[derive(Debug)]
pub(super) struct Bonding {
    folder: PathBuf,
    sysfs: Sysfs,
}

#[derive(Debug)]
struct Bond {
    master: String,
    slaves: u64,
    active: u64,
}

impl Bonding {
    pub(super) fn new(host: &Host) -> Self {
        Self { folder: host.roots.sysfs.join("class/net"), sysfs: Sysfs::opening() }
    }

    fn read_words(&mut self, folder: &str, file: &str) -> std::io::Result<Vec<String>> {
        let content = self.sysfs.read(&self.folder.join(folder), file)?;
        Ok(fields(content).filter_map(text).map(str::to_owned).collect())
    }

    /// `None` where the device went away.
    fn read_bond(&mut self, master: String) -> Option<Bond> {
        let slaves = self.read_words(&master, "bonding/slaves").ok()?;
        let folder = self.folder.join(&master);
        let is_up = |slave: &&String| {
            // Kernels before 3.9 named the links otherwise.
            ["lower_", "slave_"].iter().any(|prefix| {
                let state = self.sysfs.read(&folder, &format!("{prefix}{slave}/bonding_slave/mii_status"));
                state.is_ok_and(|state| state == b"up")
            })
        };
        let active = slaves.iter().filter(is_up).count() as u64;
        Some(Bond { master, slaves: slaves.len() as u64, active })
    }
}

impl Collector for Bonding {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let masters = self
            .read_words("", "bonding_masters")
            .map_err(|error| CollectError::io(self.folder.join("bonding_masters"), error))?;
        let bonds: Vec<_> = masters.into_iter().filter_map(|master| self.read_bond(master)).collect();
        let help = "Devices in a bond whose link is up.";
        let mut family = out.family("node_bonding_active", help, Kind::Gauge);
        for bond in &bonds {
            family.sample(&[("master", &bond.master)], bond.active);
        }
        let mut family = out.family("node_bonding_slaves", "Devices in a bond.", Kind::Gauge);
        for bond in &bonds {
            family.sample(&[("master", &bond.master)], bond.slaves);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn links_that_are_up_are_counted() {
        let root = FakeRoot::new();
        root.file("sys/class/net/bonding_masters", "bond0 gone dmz\n");
        root.file("sys/class/net/bond0/bonding/slaves", "eth0 eth1 eth2\n");
        root.file("sys/class/net/bond0/lower_eth0/bonding_slave/mii_status", "up\n");
        root.file("sys/class/net/bond0/slave_eth1/bonding_slave/mii_status", "up\n");
        root.file("sys/class/net/bond0/lower_eth2/bonding_slave/mii_status", "down\n");
        root.file("sys/class/net/dmz/bonding/slaves", "\n");
        let (text, error) = collect(Bonding::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in [
            "node_bonding_active{master=\"bond0\"} 2",
            "node_bonding_slaves{master=\"bond0\"} 3",
            "node_bonding_slaves{master=\"dmz\"} 0",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{text}");
        }
        assert!(!text.contains("gone"), "{text}");
    }

    #[test]
    fn a_kernel_without_it_is_no_fault() {
        let (_, error) = collect(Bonding::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
