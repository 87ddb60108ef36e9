//! `pressure`: time that tasks waited for CPU, memory, I/O and interrupts (PSI).

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;
use agent_core::read::{KeptFile, Scratch, fields, lines, parse_u64};

use crate::host::Host;

/// What is exported: file, first word of the line, name, HELP.
#[rustfmt::skip]
const FAMILIES: [(&str, &[Line]); 4] = [
    ("cpu", &[Line { kind: b"some", name: "node_pressure_cpu_waiting_seconds_total", help: "Seconds in which some task waited for a CPU." }]),
    ("io", &[
        Line { kind: b"some", name: "node_pressure_io_waiting_seconds_total", help: "Seconds in which some task waited for I/O." },
        Line { kind: b"full", name: "node_pressure_io_stalled_seconds_total", help: "Seconds in which no task could go on for lack of I/O." },
    ]),
    ("memory", &[
        Line { kind: b"some", name: "node_pressure_memory_waiting_seconds_total", help: "Seconds in which some task waited for memory." },
        Line { kind: b"full", name: "node_pressure_memory_stalled_seconds_total", help: "Seconds in which no task could go on for lack of memory." },
    ]),
    ("irq", &[Line { kind: b"full", name: "node_pressure_irq_stalled_seconds_total", help: "Seconds in which no task could go on because of interrupts." }]),
];

#[derive(Debug)]
struct Line {
    kind: &'static [u8],
    name: &'static str,
    help: &'static str,
}

const THOUSAND: f64 = 1e3;

/// The collector.
#[derive(Debug)]
pub(super) struct Pressure {
    files: Vec<(KeptFile, &'static [Line])>,
    scratch: Scratch,
}

impl Pressure {
    pub(super) fn new(host: &Host) -> Self {
        let files = FAMILIES.iter().map(|(file, wanted)| (host.procfs(format!("pressure/{file}")), *wanted));
        Self { files: files.collect(), scratch: Scratch::default() }
    }
}

impl Collector for Pressure {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let mut found = false;
        for (file, wanted) in &mut self.files {
            // A kernel started with psi=0 has the files but refuses to read them; older ones lack `irq`.
            let Ok(content) = file.read(&mut self.scratch) else { continue };
            for line in *wanted {
                // Microseconds, divided in two steps for node_exporter's last digit.
                if let Some(total) = parse_total(content, line.kind) {
                    found = true;
                    out.counter(line.name, line.help, total as f64 / THOUSAND / THOUSAND);
                }
            }
        }
        if found { Ok(()) } else { Err(CollectError::NoData("pressure stall information".to_owned())) }
    }
}

/// Microseconds from a line `some avg10=0.00 avg60=0.36 avg300=0.65 total=10040507`.
pub(super) fn parse_total(content: &[u8], kind: &[u8]) -> Option<u64> {
    let line = lines(content).find(|line| fields(line).next() == Some(kind))?;
    fields(line).find_map(|field| parse_u64(field.strip_prefix(b"total=")?))
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    #[test]
    fn kernels_without_full_or_irq_give_the_rest() {
        let root = FakeRoot::new();
        root.file("proc/pressure/cpu", "some avg10=0.00 avg60=0.36 avg300=0.65 total=10040507\n");
        root.file(
            "proc/pressure/io",
            "some avg10=0 avg60=0 avg300=0 total=5\nfull avg10=0 avg60=0 avg300=0 total=2000000\n",
        );
        let (text, error) = collect(Pressure::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        assert!(text.contains("\nnode_pressure_cpu_waiting_seconds_total 10.040507\n"), "{text}");
        assert!(text.contains("\nnode_pressure_io_stalled_seconds_total 2\n"), "{text}");
        assert!(!text.contains("irq") && !text.contains("memory"), "{text}");
    }

    #[test]
    fn a_kernel_without_it_is_no_fault() {
        let (_, error) = collect(Pressure::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>) {
            parse_total(&content, b"some");
        }
    }
}
