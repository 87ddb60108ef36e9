//! `edac`: errors that memory controllers corrected or could not correct, from `/sys/devices/system/edac/mc`.

use std::path::{Path, PathBuf};

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};

use crate::host::Host;
use crate::sysfs::{Attribute, Device, Sysfs, is_number, list, list_numbered, write_attributes};

const CSROW_CORRECTABLE: (&str, &str) =
    ("node_edac_csrow_correctable_errors_total", "Errors of a row that were corrected.");
const CSROW_UNCORRECTABLE: (&str, &str) =
    ("node_edac_csrow_uncorrectable_errors_total", "Errors of a row that could not be corrected.");

const CONTROLLER: &[Attribute] = &[
    Attribute::counter("ce_count", "node_edac_correctable_errors_total", "Errors that were corrected."),
    Attribute::counter(
        "ue_count",
        "node_edac_uncorrectable_errors_total",
        "Errors that could not be corrected.",
    ),
];
const CSROW: &[Attribute] = &[
    Attribute::counter("ce_count", CSROW_CORRECTABLE.0, CSROW_CORRECTABLE.1),
    Attribute::counter("ue_count", CSROW_UNCORRECTABLE.0, CSROW_UNCORRECTABLE.1),
];
/// Errors of a controller that no row is known for; they are the row `unknown`.
const NO_ROW: &[Attribute] = &[
    Attribute::counter("ce_noinfo_count", CSROW_CORRECTABLE.0, CSROW_CORRECTABLE.1),
    Attribute::counter("ue_noinfo_count", CSROW_UNCORRECTABLE.0, CSROW_UNCORRECTABLE.1),
];
/// The files have the channel's number before these names: `ch0_ce_count`.
const CHANNEL: [(&str, &str, &str); 2] = [
    (
        "ce_count",
        "node_edac_channel_correctable_errors_total",
        "Errors of a channel of a row that were corrected.",
    ),
    (
        "ue_count",
        "node_edac_channel_uncorrectable_errors_total",
        "Errors of a channel of a row that could not be corrected.",
    ),
];

/// The collector.
#[derive(Debug)]
pub(super) struct Edac {
    folder: PathBuf,
    sysfs: Sysfs,
}

#[derive(Debug)]
struct Channel {
    controller: String,
    csrow: String,
    number: String,
    dimm: String,
    errors: [Option<u64>; 2],
}

impl Edac {
    pub(super) fn new(host: &Host) -> Self {
        Self { folder: host.roots.sysfs.join("devices/system/edac/mc"), sysfs: Sysfs::opening() }
    }

    fn read_channels(&mut self, folder: &Path, controller: &str, csrow: &str, channels: &mut Vec<Channel>) {
        for file in list(folder).unwrap_or_default() {
            let number = file.strip_prefix("ch").and_then(|rest| rest.strip_suffix("_ce_count"));
            let Some(number) = number.filter(|number| is_number(number)) else { continue };
            let dimm = dimm_label(&self.sysfs.label(folder, &format!("ch{number}_dimm_label")));
            let errors = CHANNEL.map(|(file, _, _)| self.sysfs.number(folder, &format!("ch{number}_{file}")));
            let (controller, csrow) = (controller.to_owned(), csrow.to_owned());
            channels.push(Channel { controller, csrow, number: number.to_owned(), dimm, errors });
        }
    }
}

/// The label of a module in node_exporter's spelling: `CPU#0_csrow1channel2` is `CPU0__csrow1_channel2`.
fn dimm_label(text: &str) -> String {
    text.replace('#', "").replace("csrow", "_csrow").replace("channel", "_channel")
}

impl Collector for Edac {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let mut controllers = Vec::new();
        let mut rows = Vec::new();
        let mut channels = Vec::new();
        for (name, controller) in list_numbered(&self.folder, "mc")? {
            let folder = self.folder.join(name);
            let labels = [("controller", controller.as_str())];
            controllers.push(Device::read(&mut self.sysfs, &folder, CONTROLLER, &labels));
            for (name, csrow) in list_numbered(&folder, "csrow").unwrap_or_default() {
                let folder = folder.join(name);
                let labels = [("controller", controller.as_str()), ("csrow", &csrow)];
                rows.push(Device::read(&mut self.sysfs, &folder, CSROW, &labels));
                self.read_channels(&folder, &controller, &csrow, &mut channels);
            }
            let labels = [("controller", controller.as_str()), ("csrow", "unknown")];
            rows.push(Device::read(&mut self.sysfs, &folder, NO_ROW, &labels));
        }
        for (index, (_, name, help)) in CHANNEL.into_iter().enumerate() {
            let mut family = out.family(name, help, Kind::Counter);
            for channel in &channels {
                let Some(errors) = channel.errors.get(index).copied().flatten() else { continue };
                let Channel { controller, csrow, number, dimm, .. } = channel;
                let labels =
                    [("controller", controller), ("csrow", csrow), ("channel", number), ("dimm_label", dimm)];
                family.sample(&labels.map(|(label, value)| (label, value.as_str())), errors);
            }
        }
        write_attributes(out, CONTROLLER, &controllers);
        write_attributes(out, CSROW, &rows);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn controllers_rows_and_channels() {
        let root = FakeRoot::new();
        let folder = "sys/devices/system/edac/mc/mc0";
        for (file, content) in [
            ("ce_count", "1"),
            ("ue_count", "5"),
            ("ce_noinfo_count", "2"),
            ("csrow0/ce_count", "3"),
            ("csrow0/ch0_ce_count", "3"),
            ("csrow0/ch0_dimm_label", "CPU_SrcID#0_Ha#0_csrow0channel1"),
            ("csrow0/ch1_ce_count", "none"),
        ] {
            root.file(format!("{folder}/{file}"), format!("{content}\n"));
        }
        let (text, error) = collect(Edac::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "node_edac_channel_correctable_errors_total{controller=\"0\",csrow=\"0\",channel=\"0\",\
                 dimm_label=\"CPU_SrcID0_Ha0__csrow0_channel1\"} 3",
                "node_edac_correctable_errors_total{controller=\"0\"} 1",
                "node_edac_uncorrectable_errors_total{controller=\"0\"} 5",
                "node_edac_csrow_correctable_errors_total{controller=\"0\",csrow=\"0\"} 3",
                "node_edac_csrow_correctable_errors_total{controller=\"0\",csrow=\"unknown\"} 2",
            ]
        );
    }

    #[test]
    fn a_machine_without_it_is_no_fault() {
        let (_, error) = collect(Edac::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
