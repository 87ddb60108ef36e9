//! `thermal_zone`: temperatures and cooling, from `/sys/class/thermal`.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;

use crate::host::Host;
use crate::sysfs::{Attribute, Device, Folder, Sysfs, milli, numbered, write_attributes};

const ZONES: &[Attribute] =
    &[Attribute::gauge("temp", "node_thermal_zone_temp", "Temperature of a zone in degrees Celsius.")
        .parsed(milli)];

const COOLING: &[Attribute] = &[
    Attribute::gauge("cur_state", "node_cooling_device_cur_state", "How far a cooling device is turned up."),
    Attribute::gauge(
        "max_state",
        "node_cooling_device_max_state",
        "How far a cooling device can be turned up.",
    ),
];

/// The collector.
#[derive(Debug)]
pub(super) struct ThermalZone {
    folder: Folder,
    sysfs: Sysfs,
}

impl ThermalZone {
    pub(super) fn new(host: &Host) -> Self {
        Self { folder: Folder::new(host.roots.sysfs.join("class/thermal")), sysfs: Sysfs::keeping() }
    }

    /// The devices of one kind, labelled by number and type.
    fn read(&mut self, names: &[String], prefix: &str, label: &str, attributes: &[Attribute]) -> Vec<Device> {
        let devices = numbered(names, prefix).map(|(name, number)| {
            let folder = self.folder.path().join(name);
            let kind = self.sysfs.label(&folder, "type");
            Device::read(&mut self.sysfs, &folder, attributes, &[(label, number), ("type", &kind)])
        });
        devices.collect()
    }
}

impl Collector for ThermalZone {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let names = self.folder.list()?;
        let zones = self.read(&names, "thermal_zone", "zone", ZONES);
        let cooling = self.read(&names, "cooling_device", "name", COOLING);
        self.sysfs.forget_unused();
        write_attributes(out, COOLING, &cooling);
        write_attributes(out, ZONES, &zones);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn zones_and_cooling() {
        let root = FakeRoot::new();
        let folder = "sys/class/thermal";
        root.file(format!("{folder}/thermal_zone0/type"), "bcm2835_thermal\n");
        root.file(format!("{folder}/thermal_zone0/temp"), "-49925\n");
        root.file(format!("{folder}/thermal_zone12/type"), "no sensor\n");
        root.file(format!("{folder}/cooling_device3/type"), "Processor\n");
        root.file(format!("{folder}/cooling_device3/max_state"), "50\n");
        let (text, error) = collect(ThermalZone::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "node_cooling_device_max_state{name=\"3\",type=\"Processor\"} 50",
                "node_thermal_zone_temp{zone=\"0\",type=\"bcm2835_thermal\"} -49.925",
            ]
        );
    }

    #[test]
    fn a_machine_without_it_is_no_fault() {
        let (_, error) = collect(ThermalZone::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
