//! `ethtool`: not collected.
//!
//! What drivers count is told by an ioctl only, which no safe library offers; netlink has no answer for it. The flags
//! are accepted, so that command lines keep working, and the collector says that it has no data.

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::Exposition;

use super::Build;
use crate::flags::{Flag, Given};

const INCLUDE: Flag =
    Flag::regex("collector.ethtool.device-include", "", "Accepted for node_exporter's sake, without effect");
const EXCLUDE: Flag =
    Flag::regex("collector.ethtool.device-exclude", "", "Accepted for node_exporter's sake, without effect");
const METRICS: Flag = Flag::regex(
    "collector.ethtool.metrics-include",
    ".*",
    "Accepted for node_exporter's sake, without effect",
);

pub(super) const FLAGS: &[Flag] = &[INCLUDE, EXCLUDE, METRICS];

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    given.filter(&EXCLUDE, &INCLUDE)?;
    Ok(Build::new(|_| Ethtool))
}

#[derive(Debug)]
struct Ethtool;

impl Collector for Ethtool {
    fn collect(&mut self, _: &mut Exposition<'_>) -> Result<(), CollectError> {
        let reason = "statistics of network drivers need an ioctl that this program does not make";
        Err(CollectError::NoData(reason.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::collect;

    use super::*;

    #[test]
    fn it_is_no_fault() {
        let (text, error) = collect(Ethtool);
        assert!(text.is_empty() && matches!(error, Some(CollectError::NoData(_))));
    }
}
