//! `time`: the system's time and its clock sources.

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch, fields, text};

use crate::host::Host;

/// The collector.
#[derive(Debug)]
pub(super) struct Time {
    now: fn() -> SystemTime,
    sources: Vec<ClockSource>,
    scratch: Scratch,
}

/// A device that tells the time, and the files that say from what it may and does.
#[derive(Debug)]
struct ClockSource {
    device: String,
    available: KeptFile,
    current: KeptFile,
}

impl Time {
    /// The devices are looked up once: they are made while the kernel starts.
    pub(super) fn new(host: &Host, now: fn() -> SystemTime) -> Self {
        let sources = clock_source_folders(&host.roots.sysfs.join("devices/system/clocksource"));
        Self { now, sources, scratch: Scratch::default() }
    }

    fn write_sources(
        &mut self,
        out: &mut Exposition<'_>,
        (name, help): (&str, &str),
        file: fn(&mut ClockSource) -> &mut KeptFile,
    ) {
        let mut family = out.family(name, help, Kind::Gauge);
        for source in &mut self.sources {
            let Ok(content) = file(source).read(&mut self.scratch) else { continue };
            for clock in fields(content).filter_map(text) {
                family.sample(&[("clocksource", clock), ("device", &source.device)], 1_u64);
            }
        }
    }
}

fn clock_source_folders(folder: &std::path::Path) -> Vec<ClockSource> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let sources = paths.into_iter().filter_map(|path| {
        let device = path.file_name()?.to_str()?.strip_prefix("clocksource")?.to_owned();
        let [available, current] =
            ["available", "current"].map(|file| path.join(format!("{file}_clocksource")));
        Some(ClockSource { device, available: KeptFile::new(available), current: KeptFile::new(current) })
    });
    sources.collect()
}

impl Collector for Time {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let since_epoch = (self.now)().duration_since(UNIX_EPOCH);
        let seconds = since_epoch.map_or_else(|early| -early.duration().as_secs_f64(), |d| d.as_secs_f64());
        out.gauge("node_time_seconds", "The system's time as Unix time.", seconds);
        // The images have no time zones, so this process runs in UTC wherever it is.
        out.family("node_time_zone_offset_seconds", "Offset of this process's time zone.", Kind::Gauge)
            .sample(&[("time_zone", "UTC")], 0_u64);
        let available = ("node_time_clocksource_available_info", "Clock sources that the kernel could use.");
        self.write_sources(out, available, |source| &mut source.available);
        let current = ("node_time_clocksource_current_info", "The clock source that the kernel uses.");
        self.write_sources(out, current, |source| &mut source.current);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn clock_and_sources() {
        let root = FakeRoot::new();
        let folder = "sys/devices/system/clocksource/clocksource0";
        root.file(format!("{folder}/available_clocksource"), "tsc hpet acpi_pm \n");
        root.file(format!("{folder}/current_clocksource"), "tsc\n");
        let now = || UNIX_EPOCH + Duration::from_millis(1_795_527_642_250);
        let (text, error) = collect(Time::new(&fake::host(&root), now));
        assert!(error.is_none(), "{error:?}");
        for line in [
            "node_time_seconds 1795527642.25",
            "node_time_zone_offset_seconds{time_zone=\"UTC\"} 0",
            "node_time_clocksource_available_info{clocksource=\"acpi_pm\",device=\"0\"} 1",
            "node_time_clocksource_current_info{clocksource=\"tsc\",device=\"0\"} 1",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{text}");
        }
    }
}
