//! `watchdog`: timers that restart a machine which hangs, from `/sys/class/watchdog`.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};

use crate::host::Host;
use crate::sysfs::{Attribute, Device, Folder, Sysfs, write_attributes};

#[rustfmt::skip]
const ATTRIBUTES: &[Attribute] = &[
    Attribute::gauge("access_cs0", "node_watchdog_access_cs0", "Whether the next boot is from the other chip."),
    Attribute::gauge("bootstatus", "node_watchdog_bootstatus", "Why the last boot happened, as the driver's bits."),
    Attribute::gauge("fw_version", "node_watchdog_fw_version", "Version of the timer's firmware."),
    Attribute::gauge("nowayout", "node_watchdog_nowayout", "Whether the timer cannot be stopped once it runs."),
    Attribute::gauge("pretimeout", "node_watchdog_pretimeout_seconds", "Seconds before the end at which a warning is given."),
    Attribute::gauge("timeleft", "node_watchdog_timeleft_seconds", "Seconds until the timer ends."),
    Attribute::gauge("timeout", "node_watchdog_timeout_seconds", "Seconds that the timer runs."),
];

const INFO: [&str; 5] = ["options", "identity", "state", "status", "pretimeout_governor"];

/// The collector.
#[derive(Debug)]
pub(super) struct Watchdog {
    folder: Folder,
    sysfs: Sysfs,
}

impl Watchdog {
    pub(super) fn new(host: &Host) -> Self {
        Self { folder: Folder::new(host.roots.sysfs.join("class/watchdog")), sysfs: Sysfs::opening() }
    }
}

impl Collector for Watchdog {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let names = self.folder.list()?;
        let devices: Vec<_> = names
            .iter()
            .map(|name| {
                Device::read(&mut self.sysfs, &self.folder.path().join(name), ATTRIBUTES, &[("name", name)])
            })
            .collect();
        write_attributes(out, ATTRIBUTES, &devices);
        let mut family = out.family("node_watchdog_info", "What a watchdog timer is.", Kind::Gauge);
        for name in &names {
            let folder = self.folder.path().join(name);
            let values = INFO.map(|file| self.sysfs.label(&folder, file));
            let mut labels = vec![("name", name.as_str())];
            labels.extend(INFO.into_iter().zip(values.iter().map(String::as_str)));
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
    fn what_a_timer_lacks_is_absent() {
        let root = FakeRoot::new();
        root.file("sys/class/watchdog/watchdog0/timeout", "60\n");
        root.file("sys/class/watchdog/watchdog0/identity", "iTCO_wdt\n");
        let (text, error) = collect(Watchdog::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "node_watchdog_timeout_seconds{name=\"watchdog0\"} 60",
                "node_watchdog_info{name=\"watchdog0\",options=\"\",identity=\"iTCO_wdt\",state=\"\",status=\"\",\
                 pretimeout_governor=\"\"} 1",
            ]
        );
    }

    #[test]
    fn a_machine_without_one_is_no_fault() {
        let (_, error) = collect(Watchdog::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
