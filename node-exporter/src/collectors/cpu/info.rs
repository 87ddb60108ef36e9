//! What `/proc/cpuinfo` says of each CPU, and the flags and bugs of the first one.

use agent_core::collector::CollectError;
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch, lines, parse_f64, text};
use regex_lite::Regex;

use crate::host::{Host, read};

/// What of it is wanted.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Whether frequencies are: not where nobody asked for `cpufreq`.
    pub(super) frequency: bool,
    /// Flags in which this is found; none without it.
    pub(super) flags: Option<Regex>,
    /// Bugs in which this is found; none without it.
    pub(super) bugs: Option<Regex>,
}

/// `/proc/cpuinfo`.
#[derive(Debug)]
pub(super) struct Info {
    file: KeptFile,
    wanted: Wanted,
    scratch: Scratch,
}

/// Labels and the file's names for them.
const LABELS: [(&str, &[u8]); 10] = [
    ("package", b"physical id"),
    ("core", b"core id"),
    ("cpu", b"processor"),
    ("vendor", b"vendor_id"),
    ("family", b"cpu family"),
    ("model", b"model"),
    ("model_name", b"model name"),
    ("microcode", b"microcode"),
    ("stepping", b"stepping"),
    ("cachesize", b"cache size"),
];
/// How many of them the frequency has.
const PLACE: usize = 3;

/// A CPU.
#[derive(Debug, Default)]
struct Cpu<'a> {
    /// In the order of [`LABELS`]; empty where the file lacks one.
    labels: [&'a str; LABELS.len()],
    megahertz: Option<f64>,
    flags: &'a str,
    bugs: &'a str,
}

impl Info {
    pub(super) fn new(host: &Host, wanted: Wanted) -> Self {
        Self { file: host.procfs("cpuinfo").long_records(), wanted, scratch: Scratch::default() }
    }

    pub(super) fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let cpus = parse(read(&mut self.file, &mut self.scratch)?);
        let mut family = out.family("node_cpu_info", "What a CPU is.", Kind::Gauge);
        for cpu in &cpus {
            family.sample(&cpu.pairs(), 1_u64);
        }
        if self.wanted.frequency {
            let mut family = out.family("node_cpu_frequency_hertz", "Frequency of a CPU now.", Kind::Gauge);
            for cpu in &cpus {
                if let Some(megahertz) = cpu.megahertz {
                    family.sample(cpu.pairs().get(..PLACE).unwrap_or_default(), (megahertz * 1e6).round());
                }
            }
        }
        let Some(first) = cpus.first() else { return Ok(()) };
        let help = "A flag of the first CPU.";
        write_words(out, ("node_cpu_flag_info", help, "flag"), first.flags, self.wanted.flags.as_ref());
        let help = "A bug of the first CPU that the kernel knows of.";
        write_words(out, ("node_cpu_bug_info", help, "bug"), first.bugs, self.wanted.bugs.as_ref());
        Ok(())
    }
}

fn write_words(
    out: &mut Exposition<'_>,
    (name, help, label): (&str, &str, &str),
    words: &str,
    wanted: Option<&Regex>,
) {
    let Some(wanted) = wanted else { return };
    let mut family = out.family(name, help, Kind::Gauge);
    for word in words.split_ascii_whitespace().filter(|word| wanted.is_match(word)) {
        family.sample(&[(label, word)], 1_u64);
    }
}

impl<'a> Cpu<'a> {
    fn pairs(&self) -> [(&'static str, &'a str); LABELS.len()] {
        let mut values = self.labels.iter();
        LABELS.map(|(label, _)| (label, values.next().copied().unwrap_or_default()))
    }

    fn set(&mut self, key: &[u8], value: &'a str) {
        match key {
            b"cpu MHz" => self.megahertz = parse_f64(value.as_bytes()),
            b"flags" | b"Features" => self.flags = value,
            b"bugs" => self.bugs = value,
            _ => {
                let place = LABELS.iter().position(|(_, name)| *name == key);
                if let Some(label) = place.and_then(|place| self.labels.get_mut(place)) {
                    *label = value;
                }
            }
        }
    }
}

/// Blocks of lines `key : value`; each begins with `processor`.
fn parse(content: &[u8]) -> Vec<Cpu<'_>> {
    let mut cpus: Vec<Cpu<'_>> = Vec::new();
    for line in lines(content) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let key = parts.next().unwrap_or_default().trim_ascii();
        let Some(value) = parts.next().and_then(|value| text(value.trim_ascii())) else { continue };
        if key == b"processor" {
            cpus.push(Cpu::default());
        }
        if let Some(cpu) = cpus.last_mut() {
            cpu.set(key, value);
        }
    }
    cpus
}

#[cfg(test)]
mod tests {
    use agent_core::collector::Collector;
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    impl Collector for Info {
        fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
            Self::collect(self, out)
        }
    }

    const TEXT: &str = "\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R) @ 2.50GHz
stepping\t: 4
microcode\t: 0x1
cpu MHz\t\t: 2499.998
cache size\t: 33792 KB
physical id\t: 0
core id\t\t: 1
flags\t\t: fpu aes avx avx2
bugs\t\t: spectre_v1 mds

processor\t: 1
cpu MHz\t\t: unknown
";

    #[test]
    fn what_a_cpu_is() {
        let root = FakeRoot::new();
        root.file("proc/cpuinfo", TEXT);
        let wanted = Wanted { frequency: true, flags: Regex::new("^avx").ok(), bugs: None };
        let (text, error) = collect(Info::new(&fake::host(&root), wanted));
        assert!(error.is_none(), "{error:?}");
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "node_cpu_info{package=\"0\",core=\"1\",cpu=\"0\",vendor=\"GenuineIntel\",family=\"6\",model=\"85\",\
                 model_name=\"Intel(R) Xeon(R) @ 2.50GHz\",microcode=\"0x1\",stepping=\"4\",\
                 cachesize=\"33792 KB\"} 1",
                "node_cpu_info{package=\"\",core=\"\",cpu=\"1\",vendor=\"\",family=\"\",model=\"\",model_name=\"\",\
                 microcode=\"\",stepping=\"\",cachesize=\"\"} 1",
                "node_cpu_frequency_hertz{package=\"0\",core=\"1\",cpu=\"0\"} 2499998000",
                "node_cpu_flag_info{flag=\"avx\"} 1",
                "node_cpu_flag_info{flag=\"avx2\"} 1",
            ]
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "(processor|cpu MHz|flags)?[:\t a-z0-9\n]{0,60}") {
            parse(&content);
            parse(odd.as_bytes());
        }
    }
}
