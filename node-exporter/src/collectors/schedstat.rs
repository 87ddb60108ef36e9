//! `schedstat`: how long tasks ran on each CPU and waited for it.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind, Value};
use agent_core::read::{KeptFile, Scratch, fields, lines, parse_u64, text};

use crate::host::{Host, read};

/// Name, HELP and value of a family.
type Family = (&'static str, &'static str, fn(u64) -> Value);

/// Families in the order of the last three columns of a `cpu` line.
#[rustfmt::skip]
const FAMILIES: [Family; 3] = [
    ("node_schedstat_running_seconds_total", "Seconds that tasks ran on a CPU.", seconds),
    ("node_schedstat_waiting_seconds_total", "Seconds that tasks which could run waited for a CPU.", seconds),
    ("node_schedstat_timeslices_total", "Slices of time that a CPU gave to tasks.", Value::Unsigned),
];

const NANOSECONDS: f64 = 1e9;

fn seconds(nanoseconds: u64) -> Value {
    Value::Float(nanoseconds as f64 / NANOSECONDS)
}

/// The collector.
#[derive(Debug)]
pub(super) struct Schedstat {
    file: KeptFile,
    scratch: Scratch,
}

impl Schedstat {
    pub(super) fn new(host: &Host) -> Self {
        Self { file: host.procfs("schedstat").long_records(), scratch: Scratch::default() }
    }
}

impl Collector for Schedstat {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let cpus: Vec<_> = parse(read(&mut self.file, &mut self.scratch)?).collect();
        for (index, (name, help, value)) in FAMILIES.iter().enumerate() {
            let mut family = out.family(name, help, Kind::Counter);
            for (cpu, numbers) in &cpus {
                if let Some(number) = numbers.get(index) {
                    family.sample(&[("cpu", cpu)], value(*number));
                }
            }
        }
        Ok(())
    }
}

/// The lines `cpuN` and nine numbers, the same in all versions of the file since 2.6; the last three count.
fn parse(content: &[u8]) -> impl Iterator<Item = (&str, [u64; 3])> {
    lines(content).filter_map(|line| {
        let mut fields = fields(line.strip_prefix(b"cpu")?);
        let cpu = text(fields.next()?)?;
        let mut number = || parse_u64(fields.next()?);
        for _ in 0..6 {
            number()?;
        }
        Some((cpu, [number()?, number()?, number()?]))
    })
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    #[test]
    fn the_last_three_columns_of_each_cpu() {
        let root = FakeRoot::new();
        root.file(
            "proc/schedstat",
            "version 17\ntimestamp 4295\ncpu0 0 0 0 0 0 0 2500000000 1000000 42\ndomain0 MC 3 1 2\n\
             cpu2 1 2 3 4 5 6 7 8 9\ncpu3 1 2\n",
        );
        let (text, error) = collect(Schedstat::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in ["running_seconds_total{cpu=\"0\"} 2.5", "timeslices_total{cpu=\"2\"} 9"] {
            assert!(text.contains(&format!("\nnode_schedstat_{line}\n")), "{text}");
        }
        assert!(!text.contains("cpu=\"3\""), "{text}");
    }

    #[test]
    fn a_kernel_without_it_is_no_fault() {
        let (_, error) = collect(Schedstat::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "(cpu|[0-9 \n]){0,100}") {
            parse(&content).count();
            parse(odd.as_bytes()).count();
        }
    }
}
