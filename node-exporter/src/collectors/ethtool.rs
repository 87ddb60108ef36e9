//! `ethtool`: what network devices can do and offer to the other end, by the netlink family ethtool, and their drivers.
//!
//! What drivers count (`node_ethtool_received_…`) and the versions of driver and firmware are told by an ioctl only. That
//! is not safe to call, and the one library that wraps it (below-ethtool 0.9) has the kernel write behind its buffers.
//! The kernel answers for the asker's network namespace, so in a namespace of its own the collector has no data.

mod modes;

use std::path::{Path, PathBuf};

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::{Exposition, Kind};

use self::modes::{Device, Mode, parse_device};
use super::Build;
use crate::filter::Filter;
use crate::flags::{Flag, Given};
use crate::host::{Host, needs_own_network};
use crate::netlink::generic::Generic;
use crate::netlink::numbers::ethtool as numbers;

const INCLUDE: Flag = Flag::regex(
    "collector.ethtool.device-include",
    "",
    "Devices to export; not together with device-exclude",
);
const EXCLUDE: Flag = Flag::regex(
    "collector.ethtool.device-exclude",
    "",
    "Devices to leave out; not together with device-include",
);
const METRICS: Flag =
    Flag::regex("collector.ethtool.metrics-include", ".*", "Accepted; what drivers count is not exported");

pub(super) const FLAGS: &[Flag] = &[INCLUDE, EXCLUDE, METRICS];

/// Ports, among the modes that a device supports.
const PORTS: [&str; 6] = ["TP", "AUI", "MII", "FIBRE", "BNC", "Backplane"];

/// Family and HELP of a mode that is there or not, whether it is about what is offered, and the mode.
type Ability = (&'static str, &'static str, bool, &'static str);

#[rustfmt::skip]
const ABILITIES: [Ability; 6] = [
    ("node_network_autonegotiate_supported", "Whether a device can negotiate the speed.", false, "Autoneg"),
    ("node_network_autonegotiate_advertised", "Whether a device offers to negotiate the speed.", true, "Autoneg"),
    ("node_network_pause_supported", "Whether a device can ask for pauses.", false, "Pause"),
    ("node_network_pause_advertised", "Whether a device offers to take pauses.", true, "Pause"),
    ("node_network_asymmetricpause_supported", "Whether a device can have pauses in one direction.", false, "Asym_Pause"),
    ("node_network_asymmetricpause_advertised", "Whether a device offers pauses in one direction.", true, "Asym_Pause"),
];

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let devices = given.filter(&EXCLUDE, &INCLUDE)?;
    Ok(Build::new(move |host| Ethtool::new(host, devices.clone())))
}

#[derive(Debug)]
struct Ethtool {
    devices: Filter,
    folder: PathBuf,
    foreign_network: bool,
}

impl Ethtool {
    fn new(host: &Host, devices: Filter) -> Self {
        let folder = host.roots.sysfs.join("class/net");
        Self { devices, folder, foreign_network: host.foreign_network }
    }

    fn read(&self) -> Result<Vec<Device>, CollectError> {
        needs_own_network(self.foreign_network)?;
        let failed = |error| CollectError::Other(format!("ethtool: {error}"));
        let Some(mut ethtool) = Generic::open("ethtool").map_err(failed)? else {
            return Err(CollectError::NoData(
                "this kernel answers ethtool by ioctl only (before 5.6)".to_owned(),
            ));
        };
        let mut devices = Vec::new();
        ethtool
            .dump(numbers::GET_LINK_MODES, &modes::question(), |body| devices.extend(parse_device(body)))
            .map_err(failed)?;
        devices.retain(|device| self.devices.wants(&device.name));
        Ok(devices)
    }
}

impl Collector for Ethtool {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let devices = self.read()?;
        write(out, &devices);
        let help = "The driver of a network device, and the device's address on its bus.";
        let mut family = out.family("node_ethtool_info", help, Kind::Gauge);
        for Device { name, .. } in &devices {
            let device = self.folder.join(name).join("device");
            if let (Some(bus), Some(driver)) = (bus_address(&device), target(&device.join("driver"))) {
                family.sample(&[("bus_info", &bus), ("device", name), ("driver", &driver)], 1_u64);
            }
        }
        Ok(())
    }
}

/// Where a device is on its bus. A virtio device is told by the device that it is made of, as drivers do.
fn bus_address(device: &Path) -> Option<String> {
    let real = std::fs::canonicalize(device).ok()?;
    let virtio = target(&real.join("subsystem")).is_some_and(|bus| bus == "virtio");
    let real = if virtio { real.parent()? } else { real.as_path() };
    Some(real.file_name()?.to_string_lossy().into_owned())
}

/// The last part of what a link points to.
fn target(link: &Path) -> Option<String> {
    Some(std::fs::read_link(link).ok()?.file_name()?.to_string_lossy().into_owned())
}

fn write(out: &mut Exposition<'_>, devices: &[Device]) {
    for (name, help, offered) in [
        ("node_network_supported_speed_bytes", "Speeds that a device can have, in bytes per second.", false),
        ("node_network_advertised_speed_bytes", "Speeds that a device offers, in bytes per second.", true),
    ] {
        let mut family = out.family(name, help, Kind::Gauge);
        for device in devices {
            for mode in device.modes.iter().filter(|mode| mode.offered || !offered) {
                if let Some((speed, duplex, medium)) = mode.speed() {
                    let labels = [("device", device.name.as_str()), ("duplex", duplex), ("mode", medium)];
                    family.sample(&labels, speed);
                }
            }
        }
    }
    let help = "Kinds of ports that a device supports.";
    let mut family = out.family("node_network_supported_port_info", help, Kind::Gauge);
    for device in devices {
        for Mode { name, .. } in device.modes.iter().filter(|mode| PORTS.contains(&mode.name.as_str())) {
            family.sample(&[("device", &device.name), ("type", name)], 1_u64);
        }
    }
    for (name, help, offered, wanted) in ABILITIES {
        let mut family = out.family(name, help, Kind::Gauge);
        for device in devices {
            let has = device.modes.iter().any(|mode| mode.name == wanted && (mode.offered || !offered));
            family.sample(&[("device", &device.name)], has);
        }
    }
    let mut family =
        out.family("node_network_autonegotiate", "Whether a device negotiates its speed.", Kind::Gauge);
    for device in devices {
        if let Some(negotiates) = device.negotiates {
            family.sample(&[("device", &device.name)], negotiates);
        }
    }
}

/// For fuzzing.
#[cfg(fuzzing)]
pub(super) fn read_message(body: &[u8]) {
    for mode in parse_device(body).into_iter().flat_map(|device| device.modes) {
        mode.speed();
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    struct Given(Vec<Device>);

    impl Collector for Given {
        fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
            write(out, &self.0);
            Ok(())
        }
    }

    #[test]
    fn abilities_of_a_device() {
        let mode = |name: &str, offered| Mode { name: name.to_owned(), offered };
        let modes = vec![
            mode("100baseT/Half", false),
            mode("1000baseT/Full", true),
            mode("Autoneg", true),
            mode("TP", true),
            mode("Pause", false),
        ];
        let device = Device { name: "eth0".to_owned(), negotiates: Some(true), modes };
        let (text, _) = collect(Given(vec![device]));
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = r#"node_network_supported_speed_bytes{device="eth0",duplex="half",mode="100baseT"} 12500000
node_network_supported_speed_bytes{device="eth0",duplex="full",mode="1000baseT"} 125000000
node_network_advertised_speed_bytes{device="eth0",duplex="full",mode="1000baseT"} 125000000
node_network_supported_port_info{device="eth0",type="TP"} 1
node_network_autonegotiate_supported{device="eth0"} 1
node_network_autonegotiate_advertised{device="eth0"} 1
node_network_pause_supported{device="eth0"} 1
node_network_pause_advertised{device="eth0"} 0
node_network_asymmetricpause_supported{device="eth0"} 0
node_network_asymmetricpause_advertised{device="eth0"} 0
node_network_autonegotiate{device="eth0"} 1"#;
        assert_eq!(samples.join("\n"), expected);
    }

    #[test]
    fn devices_have_an_address_and_a_driver() {
        let root = FakeRoot::new();
        for folder in ["0000:00:03.0/virtio2", "0000:00:1f.6"] {
            root.file(format!("{folder}/uevent"), "");
        }
        for (link, to) in [
            ("0000:00:03.0/virtio2/subsystem", "../../bus/virtio"),
            ("0000:00:1f.6/subsystem", "../bus/pci"),
            ("0000:00:1f.6/driver", "../bus/pci/drivers/e1000e"),
        ] {
            std::os::unix::fs::symlink(to, root.path().join(link)).unwrap();
        }
        assert_eq!(bus_address(&root.path().join("0000:00:03.0/virtio2")).as_deref(), Some("0000:00:03.0"));
        assert_eq!(bus_address(&root.path().join("0000:00:1f.6")).as_deref(), Some("0000:00:1f.6"));
        assert_eq!(target(&root.path().join("0000:00:1f.6/driver")).as_deref(), Some("e1000e"));
        assert_eq!(bus_address(&root.path().join("veth0/device")), None);
    }

    #[test]
    fn the_kernel_is_asked_in_its_own_namespace_only() {
        let mut host = fake::host(&FakeRoot::new());
        let (_, error) = collect(Ethtool::new(&host, Filter::default()));
        assert!(error.is_none() || matches!(error, Some(CollectError::NoData(_))), "{error:?}");
        host.foreign_network = true;
        let (text, error) = collect(Ethtool::new(&host, Filter::default()));
        assert!(text.is_empty() && matches!(error, Some(CollectError::NoData(_))), "{error:?}");
    }
}
