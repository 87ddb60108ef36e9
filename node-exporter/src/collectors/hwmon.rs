//! `hwmon`: sensors of hardware monitors (temperatures, fans, voltages, …), from `/sys/class/hwmon`.
//!
//! Folders are listed at each scrape; what follows from the names of their files is worked out anew only when those
//! change, so that a scrape reads numbers and nothing else.

mod chip;
mod names;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::{Exposition, Kind, LabelBlock};
use agent_core::read::parse_f64;

use self::chip::{Chip, Files, scan, told_apart};
use self::names::{Metric, clean, metric};
use super::Build;
use crate::filter::Filter;
use crate::flags::{Flag, Given};
use crate::host::Host;
use crate::sysfs::Sysfs;

const CHIP_EXCLUDE: Flag =
    Flag::regex("collector.hwmon.chip-exclude", "", "Chips to leave out; not together with chip-include");
const CHIP_INCLUDE: Flag =
    Flag::regex("collector.hwmon.chip-include", "", "Chips to export; not together with chip-exclude");
const SENSOR_EXCLUDE: Flag = Flag::regex(
    "collector.hwmon.sensor-exclude",
    "",
    "Sensors to leave out, as chip;sensor; not together with sensor-include",
);
const SENSOR_INCLUDE: Flag = Flag::regex(
    "collector.hwmon.sensor-include",
    "",
    "Sensors to export, as chip;sensor; not together with sensor-exclude",
);

pub(super) const FLAGS: &[Flag] = &[CHIP_EXCLUDE, CHIP_INCLUDE, SENSOR_EXCLUDE, SENSOR_INCLUDE];

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let mut errors = ConfigErrors::new();
    let mut filter = |exclude, include| {
        given.filter(exclude, include).map_err(|error| errors.extend(error)).unwrap_or_default()
    };
    let chips = filter(&CHIP_EXCLUDE, &CHIP_INCLUDE);
    let sensors = filter(&SENSOR_EXCLUDE, &SENSOR_INCLUDE);
    let (chips, sensors) = errors.finish(Some((chips, sensors)))?;
    Ok(Build::new(move |host| Hwmon::new(host, chips.clone(), sensors.clone())))
}

#[derive(Debug)]
struct Hwmon {
    folder: PathBuf,
    chips: Filter,
    sensors: Filter,
    /// The files for which the plan holds.
    known: Vec<Files>,
    plan: Plan,
    sysfs: Sysfs,
}

/// What a scrape writes.
#[derive(Debug, Default)]
struct Plan {
    chip_names: Vec<LabelBlock>,
    sensor_labels: Vec<LabelBlock>,
    /// Sorted by metric.
    items: Vec<Item>,
}

/// A series and where its value is.
#[derive(Debug)]
struct Item {
    metric: Metric,
    labels: LabelBlock,
    folder: Arc<Path>,
    file: String,
    value: Option<f64>,
}

impl Hwmon {
    fn new(host: &Host, chips: Filter, sensors: Filter) -> Self {
        let folder = host.roots.sysfs.join("class/hwmon");
        Self { folder, chips, sensors, known: Vec::new(), plan: Plan::default(), sysfs: Sysfs::keeping() }
    }

    fn make_plan(&mut self, files: &[Files]) -> Plan {
        let mut plan = Plan::default();
        let mut taken = HashSet::new();
        let found = files.iter().filter_map(|files| {
            let chip = Chip::find(&self.folder.join(&files.chip), files, &mut self.sysfs)?;
            Some((files.chip.as_str(), chip))
        });
        for chip in told_apart(found.collect()) {
            if self.chips.wants(&chip.name) {
                self.plan_chip(&chip, &mut plan, &mut taken);
            }
        }
        plan.items.sort_by(|a, b| a.metric.name.cmp(&b.metric.name));
        plan
    }

    fn plan_chip(&mut self, chip: &Chip, plan: &mut Plan, taken: &mut HashSet<(String, String, String)>) {
        if let Some(name) = &chip.readable {
            plan.chip_names.push(LabelBlock::new(&[("chip", &chip.name), ("chip_name", name)]));
        }
        for sensor in &chip.sensors {
            if !self.sensors.wants(&format!("{};{}", chip.name, sensor.name)) {
                continue;
            }
            if let Some(label) = &sensor.label {
                let pairs = [("chip", &chip.name), ("label", label), ("sensor", &sensor.name)];
                plan.sensor_labels.push(LabelBlock::new(&pairs));
            }
            let has_plain = sensor.elements.iter().any(|element| element.name.is_empty());
            for element in &sensor.elements {
                let Some(metric) = metric(&sensor.kind, &element.name, has_plain) else { continue };
                let mut name = sensor.name.clone();
                if metric.by_label {
                    let Some(label) = &sensor.label else { continue };
                    name = clean(label);
                }
                // Two sensors may have the same label; a series must not be there twice.
                if taken.insert((metric.name.clone(), chip.name.clone(), name.clone())) {
                    plan.items.push(Item {
                        labels: LabelBlock::new(&[("chip", &chip.name), ("sensor", &name)]),
                        folder: Arc::clone(&element.folder),
                        file: element.file.clone(),
                        value: None,
                        metric,
                    });
                }
            }
        }
    }
}

impl Collector for Hwmon {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let files = scan(&self.folder)?;
        if files != self.known {
            self.plan = self.make_plan(&files);
            self.known = files;
        }
        for item in &mut self.plan.items {
            let number = self.sysfs.read(&item.folder, &item.file).ok().and_then(parse_f64);
            item.value = number.map(|number| item.metric.scale.apply(number));
        }
        self.sysfs.forget_unused();
        self.plan.write(out);
        Ok(())
    }
}

impl Plan {
    fn write(&self, out: &mut Exposition<'_>) {
        let help = "What a chip calls itself.";
        let mut family = out.family("node_hwmon_chip_names", help, Kind::Gauge);
        for labels in &self.chip_names {
            family.sample_in(labels, &[], 1_u64);
        }
        let help = "What a chip's maker calls a sensor.";
        let mut family = out.family("node_hwmon_sensor_label", help, Kind::Gauge);
        for labels in &self.sensor_labels {
            family.sample_in(labels, &[], 1_u64);
        }
        for items in self.items.chunk_by(|a, b| a.metric.name == b.metric.name) {
            let Some(Item { metric, .. }) = items.first() else { continue };
            let mut family = out.family(&metric.name, &metric.help, metric.kind);
            for item in items {
                if let Some(value) = item.value {
                    family.sample_in(&item.labels, &[], value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
