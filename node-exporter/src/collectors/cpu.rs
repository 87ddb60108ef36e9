//! `cpu`: what each CPU spent its time on, throttling, and which CPUs are online or isolated.

mod info;
mod topology;

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch, fields, lines, parse_u64, text};

use self::info::{Info, Wanted};
use self::topology::Topology;
use super::Build;
use crate::flags::{Flag, Given, Takes};
use crate::host::{Host, read};

const GUEST: Flag = Flag {
    name: "collector.cpu.guest",
    takes: Takes::Switch { default: true },
    help: "Export node_cpu_guest_seconds_total",
    old_names: &[],
};

const INFO: Flag =
    Flag::switch("collector.cpu.info", false, "Export node_cpu_info and node_cpu_frequency_hertz");

const FLAGS_INCLUDE: Flag = Flag::regex(
    "collector.cpu.info.flags-include",
    "",
    "Flags of the first CPU to export as node_cpu_flag_info; switches collector.cpu.info on",
);

const BUGS_INCLUDE: Flag = Flag::regex(
    "collector.cpu.info.bugs-include",
    "",
    "Bugs of the first CPU to export as node_cpu_bug_info; switches collector.cpu.info on",
);

pub(super) const FLAGS: &[Flag] = &[GUEST, INFO, FLAGS_INCLUDE, BUGS_INCLUDE];

/// The kernel counts CPU time in hundredths of a second, whatever its own clock rate is.
const TICKS_PER_SECOND: f64 = 100.0;
/// An idle time that falls by this much (in ticks) means that the CPU was taken out and put back.
const HOTPLUG_TICKS: u64 = 300;

/// Modes in the order of the columns of `/proc/stat`; the last two are counted in `user` and `nice` as well.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const IDLE: usize = 3;
const GUEST_MODES: [&str; 2] = ["user", "nice"];
const COLUMNS: usize = MODES.len() + GUEST_MODES.len();

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let guest = given.is_on(&GUEST);
    let mut errors = ConfigErrors::new();
    let wanted = Wanted {
        frequency: given.runs("cpufreq"),
        flags: errors.take(given.regex(&FLAGS_INCLUDE)).flatten(),
        bugs: errors.take(given.regex(&BUGS_INCLUDE)).flatten(),
    };
    let wanted = errors.finish(Some(wanted))?;
    let info = wants_info(given).then_some(wanted);
    Ok(Build::new(move |host| Cpu::new(host, guest, info.clone())))
}

/// Whether `/proc/cpuinfo` is exported.
pub(super) fn wants_info(given: Given<'_>) -> bool {
    let implied = [FLAGS_INCLUDE, BUGS_INCLUDE].iter().any(|flag| !given.value(flag).is_empty());
    given.runs("cpu") && (given.is_on(&INFO) || implied)
}

#[derive(Debug)]
struct Cpu {
    stat: KeptFile,
    topology: Topology,
    info: Option<Info>,
    guest: bool,
    cpus: Vec<Times>,
    scratch: Scratch,
}

/// The times of one CPU, kept because the kernel's idle and iowait counters may fall by a little.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Times {
    /// The CPU's number as text, for the label.
    cpu: String,
    ticks: [u64; COLUMNS],
    /// Columns that this kernel has.
    columns: usize,
    seen: bool,
}

impl Cpu {
    fn new(host: &Host, guest: bool, info: Option<Wanted>) -> Self {
        Self {
            stat: host.procfs("stat"),
            topology: Topology::new(host),
            info: info.map(|wanted| Info::new(host, wanted)),
            guest,
            cpus: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    fn update(cpus: &mut Vec<Times>, stat: &[u8]) {
        for cpu in cpus.iter_mut() {
            cpu.seen = false;
        }
        let mut next = 0;
        for (cpu, ticks, columns) in parse_cpus(stat) {
            // The kernel lists them in the same order each time; a search is only needed after a hot-plug.
            let place = match cpus.get(next) {
                Some(known) if known.cpu == cpu => next,
                _ => cpus.iter().position(|known| known.cpu == cpu).unwrap_or_else(|| {
                    cpus.push(Times { cpu: cpu.to_owned(), ticks, columns, seen: true });
                    cpus.len() - 1
                }),
            };
            next = place + 1;
            if let Some(known) = cpus.get_mut(place) {
                known.advance(&ticks);
            }
        }
        cpus.retain(|cpu| cpu.seen);
    }

    fn write_times(&self, out: &mut Exposition<'_>) {
        let mut family =
            out.family("node_cpu_seconds_total", "Seconds that a CPU spent in a mode.", Kind::Counter);
        for cpu in &self.cpus {
            for (mode, ticks) in MODES.iter().zip(&cpu.ticks).take(cpu.columns) {
                family.sample(&[("cpu", &cpu.cpu), ("mode", mode)], seconds(*ticks));
            }
        }
        if !self.guest {
            return;
        }
        let help = "Seconds that a CPU ran virtual machines, which are also in its user and nice modes.";
        let mut family = out.family("node_cpu_guest_seconds_total", help, Kind::Counter);
        for cpu in &self.cpus {
            for (mode, ticks) in GUEST_MODES.iter().zip(cpu.ticks.iter().take(cpu.columns).skip(MODES.len()))
            {
                family.sample(&[("cpu", &cpu.cpu), ("mode", mode)], seconds(*ticks));
            }
        }
    }
}

impl Collector for Cpu {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        Self::update(&mut self.cpus, read(&mut self.stat, &mut self.scratch)?);
        self.write_times(out);
        self.topology.collect(out)?;
        self.info.as_mut().map_or(Ok(()), |info| info.collect(out))
    }
}

impl Times {
    fn advance(&mut self, ticks: &[u64; COLUMNS]) {
        let fell = |old: u64, new: u64| old.saturating_sub(new);
        if matches!((self.ticks.get(IDLE), ticks.get(IDLE)), (Some(old), Some(new)) if fell(*old, *new) >= HOTPLUG_TICKS)
        {
            self.ticks = *ticks;
        }
        for (old, new) in self.ticks.iter_mut().zip(ticks) {
            *old = (*old).max(*new);
        }
        self.seen = true;
    }
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / TICKS_PER_SECOND
}

/// The lines `cpuN …` of `/proc/stat`: the number, the columns, and how many of them there are.
fn parse_cpus(stat: &[u8]) -> impl Iterator<Item = (&str, [u64; COLUMNS], usize)> {
    lines(stat).map_while(|line| line.strip_prefix(b"cpu")).filter_map(|line| {
        // The first line is the sum over all and begins with a blank.
        let line = line.first().filter(|byte| byte.is_ascii_digit()).map(|_| line)?;
        let mut fields = fields(line);
        let cpu = text(fields.next()?)?;
        let mut ticks = [0; COLUMNS];
        let mut columns = 0;
        for (column, field) in ticks.iter_mut().zip(fields) {
            *column = parse_u64(field)?;
            columns += 1;
        }
        Some((cpu, ticks, columns))
    })
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    #[test]
    fn offline_cpus_do_not_shift_numbers() {
        let root = FakeRoot::new();
        root.file(
            "proc/stat",
            "cpu  3 3 3 3\ncpu0 301 2 3 4 5 6 7 8 9 10\ncpu3 1 2 3 400 5 6 7 8 0 0\nintr 1\ncpu9 1\n",
        );
        let (text, error) = collect(Cpu::new(&fake::host(&root), true, None));
        assert!(error.is_none(), "{error:?}");
        assert!(text.contains("node_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 3.01\n"), "{text}");
        assert!(text.contains("node_cpu_seconds_total{cpu=\"3\",mode=\"idle\"} 4\n"), "{text}");
        assert!(text.contains("node_cpu_guest_seconds_total{cpu=\"0\",mode=\"nice\"} 0.1\n"), "{text}");
        assert!(!text.contains("cpu=\"1\"") && !text.contains("cpu=\"9\""), "{text}");
    }

    #[test]
    fn columns_that_an_old_kernel_lacks_are_absent() {
        let root = FakeRoot::new();
        root.file("proc/stat", "cpu0 1 2 3 4\n");
        let (text, _) = collect(Cpu::new(&fake::host(&root), true, None));
        assert_eq!(text.matches("node_cpu_seconds_total{").count(), 4);
        assert!(!text.contains("guest"), "{text}");
    }

    #[test]
    fn counters_do_not_fall_but_after_a_hotplug() {
        let mut cpus = Vec::new();
        let ticks = |cpus: &[Times]| cpus[0].ticks;
        Cpu::update(&mut cpus, b"cpu0 100 0 0 1000 50 0 0 0 0 0\ncpu1 1 1 1 1 1 1 1 1 1 1\n");
        Cpu::update(&mut cpus, b"cpu0 110 0 0 990 49 0 0 0 0 0\n");
        assert_eq!(cpus.len(), 1);
        assert_eq!(ticks(&cpus)[..5], [110, 0, 0, 1000, 50]);
        Cpu::update(&mut cpus, b"cpu0 1 0 0 2 3 0 0 0 0 0\n");
        assert_eq!(ticks(&cpus)[..5], [1, 0, 0, 2, 3]);
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>, tail in "[ 0-9cpu\n]{0,200}") {
            let mut cpus = Vec::new();
            Cpu::update(&mut cpus, &text);
            Cpu::update(&mut cpus, format!("cpu0 {tail}").as_bytes());
            Cpu::update(&mut cpus, format!("cpu1{tail}").as_bytes());
        }
    }
}
