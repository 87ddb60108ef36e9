//! `softirqs`: software interrupts by CPU and kind, from `/proc/softirqs`.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch, fields, parse_u64};

use crate::host::{Host, read};
use crate::per_cpu::{parse_heading, parse_rows};

/// The collector.
#[derive(Debug)]
pub(super) struct Softirqs {
    file: KeptFile,
    scratch: Scratch,
}

impl Softirqs {
    pub(super) fn new(host: &Host) -> Self {
        Self { file: host.procfs("softirqs").long_records(), scratch: Scratch::default() }
    }
}

impl Collector for Softirqs {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let content = read(&mut self.file, &mut self.scratch)?;
        let cpus = parse_heading(content);
        let help = "Software interrupts that a CPU served, by kind.";
        let mut family = out.family("node_softirqs_functions_total", help, Kind::Counter);
        for (kind, numbers) in parse_rows(content) {
            for (cpu, count) in cpus.iter().zip(fields(numbers).map(parse_u64)) {
                if let Some(count) = count {
                    family.sample(&[("cpu", cpu), ("type", kind)], count);
                }
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
    fn new_kinds_and_offline_cpus() {
        let root = FakeRoot::new();
        root.file("proc/softirqs", "       CPU0       CPU3\n   HI:   7    1\n  NEW:   5\n");
        let (text, error) = collect(Softirqs::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        let expected = "# TYPE node_softirqs_functions_total counter\n\
                        node_softirqs_functions_total{cpu=\"0\",type=\"HI\"} 7\n\
                        node_softirqs_functions_total{cpu=\"3\",type=\"HI\"} 1\n\
                        node_softirqs_functions_total{cpu=\"0\",type=\"NEW\"} 5\n";
        assert!(text.ends_with(expected), "{text}");
    }
}
