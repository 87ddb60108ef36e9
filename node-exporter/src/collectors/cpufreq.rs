//! `cpufreq`: frequencies of CPUs, from `/sys/devices/system/cpu/cpu*/cpufreq`.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind, Value};

use super::{Build, cpu};
use crate::flags::Given;
use crate::host::Host;
use crate::sysfs::{Attribute, Device, Folder, Sysfs, numbered, whole, write_attributes};

/// The family that `cpu` writes from `/proc/cpuinfo`, with other labels, where it is told to.
const CURRENT: &[Attribute] =
    &[Attribute::gauge("cpuinfo_cur_freq", "node_cpu_frequency_hertz", "Frequency of a CPU as measured.")
        .parsed(kilohertz)];

#[rustfmt::skip]
const ATTRIBUTES: &[Attribute] = &[
    Attribute::gauge("cpuinfo_avg_freq", "node_cpu_frequency_avg_hertz", "Frequency of a CPU on average over the last moments.").parsed(kilohertz),
    Attribute::gauge("cpuinfo_max_freq", "node_cpu_frequency_max_hertz", "Highest frequency that a CPU can have.").parsed(kilohertz),
    Attribute::gauge("cpuinfo_min_freq", "node_cpu_frequency_min_hertz", "Lowest frequency that a CPU can have.").parsed(kilohertz),
    Attribute::gauge("scaling_cur_freq", "node_cpu_scaling_frequency_hertz", "Frequency that the kernel last asked for or saw.").parsed(kilohertz),
    Attribute::gauge("scaling_max_freq", "node_cpu_scaling_frequency_max_hertz", "Highest frequency that the kernel may ask for.").parsed(kilohertz),
    Attribute::gauge("scaling_min_freq", "node_cpu_scaling_frequency_min_hertz", "Lowest frequency that the kernel may ask for.").parsed(kilohertz),
];

fn kilohertz(text: &[u8]) -> Option<Value> {
    match whole(text)? {
        Value::Unsigned(kilohertz) => Some(Value::Unsigned(kilohertz.checked_mul(1000)?)),
        Value::Signed(_) | Value::Float(_) => None,
    }
}

pub(super) fn build(given: Given<'_>) -> Build {
    let current = !cpu::wants_info(given);
    Build::new(move |host| Cpufreq::new(host, current))
}

#[derive(Debug)]
struct Cpufreq {
    folder: Folder,
    current: bool,
    sysfs: Sysfs,
}

#[derive(Debug)]
struct Governor {
    cpu: String,
    name: String,
    /// All that the driver offers, separated by blanks.
    offered: String,
}

impl Cpufreq {
    fn new(host: &Host, current: bool) -> Self {
        Self {
            folder: Folder::new(host.roots.sysfs.join("devices/system/cpu")),
            current,
            sysfs: Sysfs::keeping(),
        }
    }
}

impl Collector for Cpufreq {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let mut current = Vec::new();
        let mut devices = Vec::new();
        let mut governors = Vec::new();
        for (name, cpu) in numbered(&self.folder.list_where(|name| name.starts_with("cpu"))?, "cpu") {
            let folder = self.folder.path().join(name).join("cpufreq");
            if !folder.exists() {
                continue;
            }
            let labels = [("cpu", cpu)];
            if self.current {
                current.push(Device::read(&mut self.sysfs, &folder, CURRENT, &labels));
            }
            devices.push(Device::read(&mut self.sysfs, &folder, ATTRIBUTES, &labels));
            if let Some(name) = self.sysfs.text(&folder, "scaling_governor") {
                let offered = self.sysfs.label(&folder, "scaling_available_governors");
                governors.push(Governor { cpu: cpu.to_owned(), name, offered });
            }
        }
        self.sysfs.forget_unused();
        if devices.is_empty() {
            return Err(CollectError::NoData("no CPU whose frequency the kernel sets".to_owned()));
        }
        write_attributes(out, CURRENT, &current);
        write_attributes(out, ATTRIBUTES, &devices);
        let help = "Which of its governors sets a CPU's frequency.";
        let mut family = out.family("node_cpu_scaling_governor", help, Kind::Gauge);
        for governor in &governors {
            for offered in governor.offered.split_ascii_whitespace() {
                family.sample(&[("cpu", &governor.cpu), ("governor", offered)], offered == governor.name);
            }
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
    fn frequencies_are_hertz() {
        let root = FakeRoot::new();
        let folder = "sys/devices/system/cpu";
        for (file, content) in [
            ("cpu0/cpufreq/cpuinfo_cur_freq", "1200195"),
            ("cpu0/cpufreq/scaling_max_freq", "3700000"),
            ("cpu0/cpufreq/scaling_cur_freq", "<unknown>"),
            ("cpu0/cpufreq/scaling_governor", "powersave"),
            ("cpu0/cpufreq/scaling_available_governors", "performance powersave "),
            ("cpu1/online", "0"),
        ] {
            root.file(format!("{folder}/{file}"), format!("{content}\n"));
        }
        let (text, error) = collect(Cpufreq::new(&fake::host(&root), true));
        assert!(error.is_none(), "{error:?}");
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "node_cpu_frequency_hertz{cpu=\"0\"} 1200195000",
                "node_cpu_scaling_frequency_max_hertz{cpu=\"0\"} 3700000000",
                "node_cpu_scaling_governor{cpu=\"0\",governor=\"performance\"} 0",
                "node_cpu_scaling_governor{cpu=\"0\",governor=\"powersave\"} 1",
            ]
        );
        let (text, _) = collect(Cpufreq::new(&fake::host(&root), false));
        assert!(!text.contains("node_cpu_frequency_hertz"), "{text}");
    }

    #[test]
    fn a_virtual_machine_without_it_is_no_fault() {
        let root = FakeRoot::new();
        root.file("sys/devices/system/cpu/cpu0/online", "1\n");
        let (_, error) = collect(Cpufreq::new(&fake::host(&root), true));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
