//! `powersupplyclass`: batteries and other supplies of power, from `/sys/class/power_supply`.

mod attributes;

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::{Exposition, Kind};
use regex_lite::Regex;

use self::attributes::ATTRIBUTES;
use super::Build;
use crate::flags::{Flag, Given};
use crate::host::Host;
use crate::sysfs::{Device, Folder, Sysfs, write_attributes};

const IGNORED: Flag =
    Flag::regex("collector.powersupply.ignored-supplies", "^$", "Supplies to leave out of powersupplyclass");

pub(super) const FLAGS: &[Flag] = &[IGNORED];

const INFO: [&str; 11] = [
    "capacity_level",
    "charge_type",
    "health",
    "manufacturer",
    "model_name",
    "scope",
    "serial_number",
    "status",
    "technology",
    "type",
    "usb_type",
];

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let ignored = given.regex(&IGNORED)?;
    Ok(Build::new(move |host| PowerSupplyClass::new(host, ignored.clone())))
}

#[derive(Debug)]
struct PowerSupplyClass {
    folder: Folder,
    ignored: Option<Regex>,
    sysfs: Sysfs,
}

impl PowerSupplyClass {
    fn new(host: &Host, ignored: Option<Regex>) -> Self {
        Self {
            folder: Folder::new(host.roots.sysfs.join("class/power_supply")),
            ignored,
            sysfs: Sysfs::keeping(),
        }
    }
}

impl Collector for PowerSupplyClass {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let mut names = self.folder.list()?;
        names.retain(|name| !self.ignored.as_ref().is_some_and(|ignored| ignored.is_match(name)));
        let mut supplies = Vec::new();
        let mut infos = Vec::new();
        for name in &names {
            let folder = self.folder.path().join(name);
            let labels = [("power_supply", name.as_str())];
            supplies.push(Device::read(&mut self.sysfs, &folder, ATTRIBUTES, &labels));
            infos.push(INFO.map(|file| self.sysfs.label(&folder, file)));
        }
        self.sysfs.forget_unused();
        write_attributes(out, ATTRIBUTES, &supplies);
        let mut family = out.family("node_power_supply_info", "What a supply of power is.", Kind::Gauge);
        for (name, values) in names.iter().zip(&infos) {
            let mut labels = vec![("power_supply", name.as_str())];
            let values = INFO.into_iter().zip(values.iter().map(String::as_str));
            labels.extend(values.filter(|(_, value)| !value.is_empty()));
            family.sample(&labels, 1_u64);
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
    fn units_and_labels() {
        let root = FakeRoot::new();
        let folder = "sys/class/power_supply";
        for (file, content) in [
            ("AC/online", "1"),
            ("BAT0/capacity", "81"),
            ("BAT0/current_now", "-1500000"),
            ("BAT0/temp", "291"),
            ("BAT0/status", "Discharging"),
            ("BAT0/model_name", ""),
            ("hid-1/capacity", "5"),
        ] {
            root.file(format!("{folder}/{file}"), format!("{content}\n"));
        }
        let (text, error) = collect(PowerSupplyClass::new(&fake::host(&root), Regex::new("^hid").ok()));
        assert!(error.is_none(), "{error:?}");
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "node_power_supply_capacity{power_supply=\"BAT0\"} 81",
                "node_power_supply_current_ampere{power_supply=\"BAT0\"} -1.5",
                "node_power_supply_online{power_supply=\"AC\"} 1",
                "node_power_supply_temp_celsius{power_supply=\"BAT0\"} 29.1",
                "node_power_supply_info{power_supply=\"AC\"} 1",
                "node_power_supply_info{power_supply=\"BAT0\",status=\"Discharging\"} 1",
            ]
        );
    }

    #[test]
    fn a_machine_without_it_is_no_fault() {
        let (_, error) = collect(PowerSupplyClass::new(&fake::host(&FakeRoot::new()), None));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
