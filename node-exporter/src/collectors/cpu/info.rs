//! What CPUs there are: `/proc/cpuinfo`.

use agent_core::collector::CollectError;
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch, lines, parse_f64, text};
use regex::Regex;

use crate::host::{Host, read};

/// Labels of a CPU and the keys they are filled from; the first three are those of its frequency as well.
const LABELS: [(&str, &str); 10] = [
    ("core", "core id"),
    ("cpu", "processor"),
    ("package", "physical id"),
    ("cachesize", "cache size"),
    ("family", "cpu family"),
    ("microcode", "microcode"),
    ("model", "model"),
    ("model_name", "model name"),
    ("stepping", "stepping"),
    ("vendor", "vendor_id"),
];
/// How many of them tell a CPU from others.
const PLACE: usize = 3;

const HERTZ_PER_MEGAHERTZ: f64 = 1e6;

/// Which flags and bugs are exported; without a pattern none are.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    pub(super) flags: Option<Regex>,
    pub(super) bugs: Option<Regex>,
}

/// The file and what of it is wanted.
#[derive(Debug)]
pub(super) struct Info {
    file: KeptFile,
    /// Whether the frequencies are in sysfs: then `cpufreq` has them, and a family has one place.
    frequencies_elsewhere: bool,
    wanted: Wanted,
    scratch: Scratch,
}

impl Info {
    pub(super) fn new(host: &Host, wanted: Wanted) -> Self {
        let frequency = host.roots.sysfs.join("devices/system/cpu/cpu0/cpufreq/cpuinfo_cur_freq");
        Self {
            file: host.procfs("cpuinfo"),
            frequencies_elsewhere: frequency.exists(),
            wanted,
            scratch: Scratch::default(),
        }
    }

    pub(super) fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let cpus = parse(read(&mut self.file, &mut self.scratch)?);
        let help = "What the kernel says of a CPU; always 1.";
        let mut family = out.family("node_cpu_info", help, Kind::Gauge);
        for cpu in &cpus {
            family.sample(&LABELS.map(|(label, key)| (label, cpu.get(key))), 1_u64);
        }
        let help = "The frequency that the kernel says a CPU has.";
        let mut family = out.family("node_cpu_frequency_hertz", help, Kind::Gauge);
        for cpu in cpus.iter().filter(|_| !self.frequencies_elsewhere) {
            if let Some(megahertz) = parse_f64(cpu.get("cpu MHz").as_bytes()) {
                let labels = LABELS.map(|(label, key)| (label, cpu.get(key)));
                family.sample(labels.get(..PLACE).unwrap_or_default(), megahertz * HERTZ_PER_MEGAHERTZ);
            }
        }
        // All CPUs have the same; ARM calls them features.
        let Some(first) = cpus.first() else { return Ok(()) };
        let flags = [first.get("flags"), first.get("Features")];
        write_words(
            out,
            ("node_cpu_flag_info", "What the CPUs can do; always 1.", "flag"),
            self.wanted.flags.as_ref(),
            &flags,
        );
        let bugs = [first.get("bugs")];
        write_words(
            out,
            ("node_cpu_bug_info", "Bugs of the CPUs; always 1.", "bug"),
            self.wanted.bugs.as_ref(),
            &bugs,
        );
        Ok(())
    }
}

/// Writes one sample for each wanted word; `family` is name, HELP and label.
fn write_words(out: &mut Exposition<'_>, family: (&str, &str, &str), wanted: Option<&Regex>, texts: &[&str]) {
    let Some(wanted) = wanted else { return };
    let (name, help, label) = family;
    let mut family = out.family(name, help, Kind::Gauge);
    for word in
        texts.iter().flat_map(|words| words.split_ascii_whitespace()).filter(|word| wanted.is_match(word))
    {
        family.sample(&[(label, word)], 1_u64);
    }
}

/// A CPU's lines `key : value`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Cpu<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Cpu<'a> {
    fn get(&self, key: &str) -> &'a str {
        self.0.iter().find(|(known, _)| *known == key).map_or("", |(_, value)| value)
    }
}

/// The CPUs; each begins with the line `processor`.
fn parse(content: &[u8]) -> Vec<Cpu<'_>> {
    let mut cpus: Vec<Cpu<'_>> = Vec::new();
    for line in lines(content) {
        let Some((key, value)) = text(line).and_then(|line| line.split_once(':')) else { continue };
        let (key, value) = (key.trim(), value.trim());
        if key == "processor" {
            cpus.push(Cpu::default());
        }
        if let Some(cpu) = cpus.last_mut() {
            cpu.0.push((key, value));
        }
    }
    cpus
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_processor_begins_a_cpu() {
        let cpus = parse(
            b"processor\t: 0\nmodel name\t: A: B\ncpu MHz\t\t: 800.5\n\nprocessor: 3\nflags: a b\nodd\n",
        );
        assert_eq!(cpus.len(), 2);
        assert_eq!((cpus[0].get("model name"), cpus[0].get("cpu MHz")), ("A: B", "800.5"));
        assert_eq!((cpus[1].get("processor"), cpus[1].get("model name")), ("3", ""));
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "(processor|[a-z: \n]){0,40}") {
            parse(&content);
            parse(odd.as_bytes());
        }
    }
}
