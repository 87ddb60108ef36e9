//! `arp`: neighbours that the host has looked up, by device.
//!
//! The host's `net/arp` holds the same entries as the kernel's netlink answer, and is the host's in a container too;
//! so the flag that chooses between the two is accepted and changes nothing.

use std::collections::BTreeMap;

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch, fields, lines, text};

use super::Build;
use crate::filter::Filter;
use crate::flags::{Flag, Given};
use crate::host::{Host, read};

const EXCLUDE: Flag =
    Flag::regex("collector.arp.device-exclude", "", "Devices to leave out; not together with device-include");
const INCLUDE: Flag =
    Flag::regex("collector.arp.device-include", "", "Devices to export; not together with device-exclude");
const NETLINK: Flag =
    Flag::switch("collector.arp.netlink", true, "Accepted; what is read is the same either way");

pub(super) const FLAGS: &[Flag] = &[EXCLUDE, INCLUDE, NETLINK];

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let devices = given.filter(&EXCLUDE, &INCLUDE)?;
    Ok(Build::new(move |host| Arp::new(host, devices.clone())))
}

#[derive(Debug)]
struct Arp {
    file: KeptFile,
    devices: Filter,
    scratch: Scratch,
}

impl Arp {
    fn new(host: &Host, devices: Filter) -> Self {
        Self { file: host.net("arp"), devices, scratch: Scratch::default() }
    }
}

impl Collector for Arp {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let entries = parse(read(&mut self.file, &mut self.scratch)?);
        let help = "Entries that a device has in the table of neighbours.";
        let mut family = out.family("node_arp_entries", help, Kind::Gauge);
        for (device, count) in entries {
            if self.devices.wants(device) {
                family.sample(&[("device", device)], count);
            }
        }
        Ok(())
    }
}

/// Entries by device, which is the last of six columns below one line of headings.
fn parse(content: &[u8]) -> BTreeMap<&str, u64> {
    let mut entries = BTreeMap::new();
    for device in lines(content).skip(1).filter_map(|line| text(fields(line).nth(5)?)) {
        *entries.entry(device).or_default() += 1;
    }
    entries
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;
    use regex_lite::Regex;

    use super::*;
    use crate::host::fake;

    const TEXT: &str = "\
IP address       HW type     Flags       HW address            Mask     Device
172.17.0.2       0x1         0x2         02:42:ac:11:00:02     *        docker0
10.1.1.1         0x1         0x2         52:54:00:12:35:02     *        eth0
10.1.1.9         0x1         0x0         00:00:00:00:00:00     *        eth0
";

    #[test]
    fn entries_are_counted_by_device() {
        let root = FakeRoot::new();
        root.file("proc/1/net/dev", "");
        root.file("proc/1/net/arp", TEXT);
        let host = fake::host(&root);
        let (text, error) = collect(Arp::new(&host, Filter::default()));
        assert!(error.is_none(), "{error:?}");
        assert!(
            text.contains("\nnode_arp_entries{device=\"docker0\"} 1\nnode_arp_entries{device=\"eth0\"} 2\n")
        );
        let (text, _) =
            collect(Arp::new(&host, Filter { exclude: Regex::new("^docker").ok(), include: None }));
        assert!(!text.contains("docker0") && text.contains("eth0"), "{text}");
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "[a-z0-9 \n]{0,200}") {
            parse(&content);
            parse(odd.as_bytes());
        }
    }
}
