//! `dmi`: what the firmware says of the machine, from `/sys/class/dmi/id`. Serial numbers are for root only.

use std::fs;
use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind, LabelBlock};

use crate::host::Host;
use crate::sysfs::Sysfs;

/// Labels in their order; each is the name of a file as well, but for the last.
const LABELS: [&str; 20] = [
    "bios_date",
    "bios_release",
    "bios_vendor",
    "bios_version",
    "board_asset_tag",
    "board_name",
    "board_serial",
    "board_vendor",
    "board_version",
    "chassis_asset_tag",
    "chassis_serial",
    "chassis_vendor",
    "chassis_version",
    "product_family",
    "product_name",
    "product_serial",
    "product_sku",
    "product_uuid",
    "product_version",
    SYSTEM_VENDOR,
];
const SYSTEM_VENDOR: &str = "system_vendor";

/// The collector.
#[derive(Debug)]
pub(super) struct Dmi {
    folder: PathBuf,
    /// None of it changes before the next boot.
    labels: Option<LabelBlock>,
}

impl Dmi {
    pub(super) fn new(host: &Host) -> Self {
        Self { folder: host.roots.sysfs.join("class/dmi/id"), labels: None }
    }

    fn read_labels(&self) -> Result<LabelBlock, CollectError> {
        // Without firmware that tells anything there would be twenty files to miss in each scrape.
        fs::metadata(&self.folder).map_err(|error| CollectError::io(&self.folder, error))?;
        let mut sysfs = Sysfs::opening();
        let labels = LABELS.iter().filter_map(|label| {
            let file = if *label == SYSTEM_VENDOR { "sys_vendor" } else { label };
            Some((*label, sysfs.text(&self.folder, file)?))
        });
        let labels: Vec<_> = labels.collect();
        if labels.is_empty() {
            return Err(CollectError::NoData(self.folder.display().to_string()));
        }
        Ok(LabelBlock::new(&labels))
    }
}

impl Collector for Dmi {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let labels = match self.labels.take() {
            Some(labels) => labels,
            None => self.read_labels()?,
        };
        let help = "What the firmware says of the machine, its board, its case and itself.";
        let mut family = out.family("node_dmi_info", help, Kind::Gauge);
        family.sample_in(self.labels.insert(labels), &[], 1_u64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn files_that_are_there_are_labels() {
        let root = FakeRoot::new();
        root.file("sys/class/dmi/id/bios_vendor", "Dell Inc.\n");
        root.file("sys/class/dmi/id/chassis_asset_tag", "\n");
        root.file("sys/class/dmi/id/sys_vendor", "A \"B\"\n");
        root.file("sys/class/dmi/id/product_name", b"Box \xff\n");
        let (text, error) = collect(Dmi::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        let expected = "node_dmi_info{bios_vendor=\"Dell Inc.\",chassis_asset_tag=\"\",product_name=\"Box \u{fffd}\",\
                        system_vendor=\"A \\\"B\\\"\"} 1\n";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn a_machine_without_it_is_no_fault() {
        let (_, error) = collect(Dmi::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
