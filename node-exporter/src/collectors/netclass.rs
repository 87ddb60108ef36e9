//! `netclass`: what the host's network devices are and whether they are up (`/sys/class/net`).
//!
//! The host's devices are in its sysfs whatever network namespace we run in.

mod attributes;
mod device;

use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::{Exposition, Kind, Value};
use rustix::process::{Resource, getrlimit};

use self::attributes::Number;
use self::device::Device;
use super::Build;
use crate::filter::Filter;
use crate::flags::{Flag, Given};
use crate::host::Host;
use crate::network::{ClassNet, Devices};
use crate::table::{Column, write_devices};

const IGNORED: Flag = Flag::regex("collector.netclass.ignored-devices", "^$", "Devices to leave out");
const IGNORE_INVALID_SPEED: Flag = Flag::switch(
    "collector.netclass.ignore-invalid-speed",
    false,
    "Leave out the speed of devices that do not know theirs",
);
const NETLINK: Flag =
    Flag::switch("collector.netclass.netlink", false, "Accepted; sysfs is read either way, which has more");

const WITH_STATS: Flag =
    Flag::switch("collector.netclass_rtnl.with-stats", false, "Accepted; netdev has the counters");

pub(super) const FLAGS: &[Flag] = &[IGNORED, IGNORE_INVALID_SPEED, NETLINK, WITH_STATS];

/// Descriptors kept over all devices: reading an attribute then costs a sixth of opening it. Each binds a page of the
/// kernel's memory, so there is a bound; devices beyond it are read by opening.
const MOST_DESCRIPTORS: u64 = 8192;

#[rustfmt::skip]
const COLUMNS: &[Column<Device>] = &[
    Column::gauge("node_network_up", "Whether a device is up and works.", |d| Some(d.is_up().into())),
    Column::gauge("node_network_address_assign_type", "Where a device's address comes from: 0 permanent, 1 random, 2 taken over, 3 set.", |d| number(d, Number::AddressAssignType)),
    Column::gauge("node_network_carrier", "Whether a device has a link.", |d| number(d, Number::Carrier)),
    Column::counter("node_network_carrier_changes_total", "Times that a link came or went.", |d| number(d, Number::CarrierChanges)),
    Column::counter("node_network_carrier_up_changes_total", "Times that a link came.", |d| number(d, Number::CarrierUp)),
    Column::counter("node_network_carrier_down_changes_total", "Times that a link went.", |d| number(d, Number::CarrierDown)),
    Column::gauge("node_network_device_id", "Tells devices on the same hardware apart.", |d| number(d, Number::DeviceId)),
    Column::gauge("node_network_dormant", "Whether a device waits for something outside, such as a login.", |d| number(d, Number::Dormant)),
    Column::gauge("node_network_flags", "The kernel's bits about a device.", |d| number(d, Number::Flags)),
    Column::gauge("node_network_iface_id", "Number of a device.", |d| number(d, Number::Index)),
    Column::gauge("node_network_iface_link", "Number of the device that a device sends through.", |d| number(d, Number::Link)),
    Column::gauge("node_network_iface_link_mode", "Whether a link that came is used at once (0) or only when allowed (1).", |d| number(d, Number::LinkMode)),
    Column::gauge("node_network_mtu_bytes", "Bytes that a packet of a device can have.", |d| number(d, Number::Mtu)),
    Column::gauge("node_network_name_assign_type", "Where a device's name comes from: 1 kernel by order, 2 kernel, 3 user, 4 renamed.", |d| number(d, Number::NameAssignType)),
    Column::gauge("node_network_net_dev_group", "The group that a device was put into.", |d| number(d, Number::Group)),
    Column::gauge("node_network_transmit_queue_length", "Packets that may wait to be sent.", |d| number(d, Number::QueueLength)),
    Column::gauge("node_network_protocol_type", "The kernel's number for the kind of hardware.", |d| number(d, Number::Type)),
];

fn number(device: &Device, number: Number) -> Option<Value> {
    device.number(number).map(Value::from)
}

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let ignored = given.regex(&IGNORED).map(|exclude| Filter { exclude, include: None });
    let devices = Devices::new(given, ignored.map_err(ConfigErrors::from))?;
    let valid_speed_only = given.is_on(&IGNORE_INVALID_SPEED);
    Ok(Build::new(move |host| Netclass::new(host, devices.clone(), valid_speed_only)))
}

#[derive(Debug)]
struct Netclass {
    folder: PathBuf,
    class: ClassNet,
    wanted: Devices,
    valid_speed_only: bool,
    devices: Vec<Device>,
    /// Descriptors that may be kept.
    most: u64,
}

impl Netclass {
    fn new(host: &Host, wanted: Devices, valid_speed_only: bool) -> Self {
        let allowed = getrlimit(Resource::Nofile).current.map_or(u64::MAX, |limit| limit / 2);
        Self {
            folder: host.roots.sysfs.join("class/net"),
            class: host.devices.clone(),
            wanted,
            valid_speed_only,
            devices: Vec::new(),
            most: MOST_DESCRIPTORS.min(allowed),
        }
    }

    /// Forgets devices that are gone and takes in new ones, in the order of their names.
    fn list(&mut self) -> Result<(), CollectError> {
        let listed = self.class.list().map_err(|error| CollectError::io(&self.folder, error))?;
        self.devices.retain(|device| listed.binary_search(device.listed()).is_ok());
        for new in listed.iter() {
            if let Err(place) = self.devices.binary_search_by(|device| device.listed().cmp(new))
                && self.wanted.wants(&new.name)
            {
                self.devices.insert(place, Device::new(new.clone()));
            }
        }
        Ok(())
    }
}

impl Collector for Netclass {
    fn prepare(&mut self) {
        self.class.expire();
    }

    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        self.list()?;
        let Self { folder, devices, most, valid_speed_only, .. } = self;
        let mut free = *most;
        // A device that went since the listing costs only its own series.
        devices.retain_mut(|device| device.read(folder, &mut free));
        let rows = || devices.iter().map(|device| (device.name(), device));
        write_devices(out, COLUMNS, rows);
        let help = "Bytes that a link can carry in a second.";
        let mut family = out.family("node_network_speed_bytes", help, Kind::Gauge);
        for (name, device) in rows() {
            // Where it is not known some drivers say -1.
            let speed = device.number(Number::Speed).filter(|speed| *speed >= 0 || !*valid_speed_only);
            if let Some(megabits) = speed {
                family.sample(&[("device", name)], megabits.saturating_mul(1_000_000) / 8);
            }
        }
        let help = "What a device says of itself in words; always 1.";
        let mut family = out.family("node_network_info", help, Kind::Gauge);
        for (_, device) in rows() {
            family.sample_in(device.info(), &[], 1_u64);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::{Arc, Mutex};

    use agent_core::testing::{FakeRoot, collect};
    use regex_lite::Regex;

    use super::*;
    use crate::host::fake;

    fn add(root: &FakeRoot, device: &str, mtu: u32) {
        for (file, content) in [
            ("addr_assign_type", "3"),
            ("address", "02:42:ac:11:00:02"),
            ("broadcast", "ff:ff:ff:ff:ff:ff"),
            ("carrier_changes", "3"),
            ("carrier_up_count", "2"),
            ("carrier_down_count", "1"),
            ("carrier", "1"),
            ("dev_id", "0x20"),
            ("flags", "0x1003"),
            ("ifalias", "to \"the\" world"),
            ("operstate", "up"),
            ("speed", "-1"),
        ] {
            root.file(format!("sys/class/net/{device}/{file}"), format!("{content}\n"));
        }
        root.file(format!("sys/class/net/{device}/mtu"), format!("{mtu}\n"));
    }

    /// Keeps the collector between two scrapes.
    #[derive(Clone)]
    struct Shared(Arc<Mutex<Netclass>>);

    impl Collector for Shared {
        fn prepare(&mut self) {
            self.0.lock().unwrap().prepare();
        }

        fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
            self.0.lock().unwrap().collect(out)
        }
    }

    #[test]
    fn attributes_become_series() {
        let root = FakeRoot::new();
        add(&root, "eth0", 1500);
        root.file("sys/class/net/bonding_masters", "");
        let (text, error) = collect(Netclass::new(&fake::host(&root), Devices::default(), false));
        assert!(error.is_none(), "{error:?}");
        for line in [
            "up{device=\"eth0\"} 1",
            "device_id{device=\"eth0\"} 32",
            "carrier_up_changes_total{device=\"eth0\"} 2",
            "speed_bytes{device=\"eth0\"} -125000",
            "info{address=\"02:42:ac:11:00:02\",adminstate=\"up\",broadcast=\"ff:ff:ff:ff:ff:ff\",device=\"eth0\",\
             duplex=\"\",ifalias=\"to \\\"the\\\" world\",operstate=\"up\"} 1",
        ] {
            assert!(text.contains(&format!("\nnode_network_{line}\n")), "{text}");
        }
        assert!(!text.contains("dormant") && !text.contains("bonding_masters"), "{text}");
        let (text, _) = collect(Netclass::new(&fake::host(&root), Devices::default(), true));
        assert!(!text.contains("speed"), "{text}");
    }

    #[test]
    fn devices_come_and_go_and_nothing_old_is_told() {
        for most in [0, 20, MOST_DESCRIPTORS] {
            let root = FakeRoot::new();
            add(&root, "veth1", 1500);
            add(&root, "veth2", 1500);
            let mut netclass = Netclass::new(&fake::host(&root), Devices::default(), false);
            netclass.most = most;
            let shared = Shared(Arc::new(Mutex::new(netclass)));
            assert!(collect(shared.clone()).0.contains("mtu_bytes{device=\"veth2\"} 1500\n"));
            fs::remove_dir_all(root.path().join("sys/class/net/veth1")).unwrap();
            add(&root, "veth3", 9000);
            root.file("sys/class/net/veth2/mtu", "1400\n");
            root.file("sys/class/net/veth2/carrier_changes", "4\n");
            root.file("sys/class/net/veth2/carrier", "0\n");
            add(&root, "veth4", 4000);
            add(&root, "veth5", 5000);
            assert!(collect(shared.clone()).0.contains("mtu_bytes{device=\"veth4\"} 4000\n"));
            for (from, to) in [("veth4", "swap"), ("veth5", "veth4"), ("swap", "veth5")] {
                let folder = root.path().join("sys/class/net");
                fs::rename(folder.join(from), folder.join(to)).unwrap();
            }
            let (text, _) = collect(shared);
            assert!(text.contains("mtu_bytes{device=\"veth4\"} 5000\n"), "{text}");
            assert!(!text.contains("veth1"), "{text}");
            assert!(text.contains("mtu_bytes{device=\"veth2\"} 1400\n"), "{text}");
            assert!(text.contains("carrier{device=\"veth2\"} 0\n"), "{text}");
            assert!(text.contains("mtu_bytes{device=\"veth3\"} 9000\n"), "{text}");
        }
    }

    #[test]
    fn the_shared_filter_holds_too() {
        let root = FakeRoot::new();
        add(&root, "veth1", 1500);
        let exclude = Regex::new("^veth").ok();
        let wanted = Devices { own: Filter::default(), shared: Filter { exclude, include: None } };
        let (text, error) = collect(Netclass::new(&fake::host(&root), wanted, false));
        assert!(text.is_empty() && error.is_none(), "{text}");
    }
}
