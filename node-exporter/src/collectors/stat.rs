//! `stat`: interrupts, context switches, forks, boot time, processes.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch, fields, lines, parse_u64};

use super::Build;
use crate::flags::{Flag, Given, Takes};
use crate::host::{Host, read};

const SOFTIRQ: Flag = Flag {
    name: "collector.stat.softirq",
    takes: Takes::Switch { default: false },
    help: "Export node_softirqs_total by vector",
    old_names: &[],
};

pub(super) const FLAGS: &[Flag] = &[SOFTIRQ];

/// Families by the first word of a line of `/proc/stat`.
#[rustfmt::skip]
const FAMILIES: [(&str, &str, &str, Kind); 6] = [
    ("intr", "node_intr_total", "Interrupts served.", Kind::Counter),
    ("ctxt", "node_context_switches_total", "Context switches.", Kind::Counter),
    ("processes", "node_forks_total", "Processes and threads started.", Kind::Counter),
    ("btime", "node_boot_time_seconds", "Unix time at which the system was started.", Kind::Gauge),
    ("procs_running", "node_procs_running", "Tasks that run or could run.", Kind::Gauge),
    ("procs_blocked", "node_procs_blocked", "Tasks that wait for I/O.", Kind::Gauge),
];

/// Software interrupts in the order of the line `softirq`.
const VECTORS: [&str; 10] =
    ["hi", "timer", "net_tx", "net_rx", "block", "block_iopoll", "tasklet", "sched", "hrtimer", "rcu"];

pub(super) fn build(given: Given<'_>) -> Build {
    let softirq = given.is_on(&SOFTIRQ);
    Build::new(move |host| Stat::new(host, softirq))
}

#[derive(Debug)]
struct Stat {
    file: KeptFile,
    softirq: bool,
    scratch: Scratch,
}

impl Stat {
    fn new(host: &Host, softirq: bool) -> Self {
        Self { file: host.procfs("stat"), softirq, scratch: Scratch::default() }
    }
}

impl Collector for Stat {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let content = read(&mut self.file, &mut self.scratch)?;
        for (word, mut numbers) in parse(content) {
            if let Some((_, name, help, kind)) = FAMILIES.iter().find(|(first, ..)| first.as_bytes() == word)
            {
                // Of `intr` this is the sum, the rest of its long line is not looked at.
                if let Some(value) = numbers.next().flatten() {
                    out.family(name, help, *kind).sample(&[], value);
                }
            } else if word == b"softirq" && self.softirq {
                let mut family =
                    out.family("node_softirqs_total", "Software interrupts served.", Kind::Counter);
                for (vector, value) in VECTORS.iter().zip(numbers.skip(1)) {
                    if let Some(value) = value {
                        family.sample(&[("vector", vector)], value);
                    }
                }
            }
        }
        Ok(())
    }
}

/// The lines of `/proc/stat`: a word and numbers.
fn parse(content: &[u8]) -> impl Iterator<Item = (&[u8], impl Iterator<Item = Option<u64>>)> {
    lines(content).filter_map(|line| {
        let mut fields = fields(line);
        Some((fields.next()?, fields.map(parse_u64)))
    })
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    const TEXT: &str = "\
cpu  1 2 3 4
intr 266400 0 1 2
ctxt 446026
btime 1795527642
processes 8207
procs_running 1
softirq 192508 1 21469 5 25743 71357 0 1221 37882 0 34831
";

    fn collected(softirq: bool) -> String {
        let root = FakeRoot::new();
        root.file("proc/stat", TEXT);
        let (text, error) = collect(Stat::new(&fake::host(&root), softirq));
        assert!(error.is_none(), "{error:?}");
        text
    }

    #[test]
    fn what_is_not_there_is_absent() {
        let text = collected(false);
        for line in ["node_intr_total 266400", "node_forks_total 8207", "node_boot_time_seconds 1795527642"] {
            assert!(text.contains(&format!("\n{line}\n")), "{text}");
        }
        assert!(!text.contains("procs_blocked") && !text.contains("softirqs"), "{text}");
    }

    #[test]
    fn software_interrupts_on_request() {
        let text = collected(true);
        assert!(text.contains("node_softirqs_total{vector=\"hi\"} 1\n"), "{text}");
        assert!(text.contains("node_softirqs_total{vector=\"rcu\"} 34831\n"), "{text}");
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>) {
            for (_, numbers) in parse(&content) {
                numbers.count();
            }
        }
    }
}
