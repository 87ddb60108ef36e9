//! Which network devices are wanted: one pair of flags for all collectors of devices, beside their own ones.

use agent_core::error::ConfigErrors;

use crate::filter::Filter;
use crate::flags::{Flag, Given};

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

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn both_filters_must_let_a_device_pass() {
        let filter = |exclude| Filter { exclude: Regex::new(exclude).ok(), include: None };
        let devices = Devices { own: filter("^lo$"), shared: filter("^veth") };
        assert!(devices.wants("eth0") && !devices.wants("lo") && !devices.wants("veth1"));
    }
}
