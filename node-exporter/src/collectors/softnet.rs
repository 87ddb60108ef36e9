//! `softnet`: packets on their way from the devices into the kernel's network code (`net/softnet_stat`).

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch, fields, lines, text};

use crate::host::{Host, read};

/// Families by the column of the file.
#[rustfmt::skip]
const FAMILIES: [(usize, &str, &str, Kind); 7] = [
    (0, "node_softnet_processed_total", "Packets that a CPU took in.", Kind::Counter),
    (1, "node_softnet_dropped_total", "Packets that a CPU dropped because its queue was full.", Kind::Counter),
    (2, "node_softnet_times_squeezed_total", "Times that a CPU had packets left when its budget was used up.", Kind::Counter),
    (8, "node_softnet_cpu_collision_total", "Times that a CPU found a device locked while sending.", Kind::Counter),
    (9, "node_softnet_received_rps_total", "Times that a CPU was woken by another to take in packets.", Kind::Counter),
    (10, "node_softnet_flow_limit_count_total", "Times that a flow reached its limit.", Kind::Counter),
    (11, "node_softnet_backlog_len", "Packets that wait in a CPU's queue.", Kind::Gauge),
];

/// The columns that have a meaning to us; the last is the CPU's number.
const COLUMNS: usize = 13;

/// The collector.
#[derive(Debug)]
pub(super) struct Softnet {
    file: KeptFile,
    scratch: Scratch,
}

impl Softnet {
    pub(super) fn new(host: &Host) -> Self {
        Self { file: host.net("softnet_stat"), scratch: Scratch::default() }
    }
}

impl Collector for Softnet {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let cpus: Vec<_> = parse(read(&mut self.file, &mut self.scratch)?).collect();
        for (column, name, help, kind) in FAMILIES {
            let mut family = out.family(name, help, kind);
            for (cpu, numbers) in &cpus {
                if let Some(number) = numbers.get(column) {
                    family.sample(&[("cpu", cpu)], *number);
                }
            }
        }
        Ok(())
    }
}

/// A line of hexadecimal numbers for each CPU that is online, and the CPU's number.
///
/// Kernels before 5.14 lack the last columns: what they do not count is 0, and the lines are in the CPUs' order.
fn parse(content: &[u8]) -> impl Iterator<Item = (String, [u32; COLUMNS])> {
    lines(content).zip(0_u32..).filter_map(|(line, place)| {
        let mut numbers = [0; COLUMNS];
        let mut columns = 0;
        for (number, field) in numbers.iter_mut().zip(fields(line)) {
            *number = u32::from_str_radix(text(field)?, 16).ok()?;
            columns += 1;
        }
        let cpu = numbers.last().filter(|_| columns == COLUMNS).map_or(place, |cpu| *cpu);
        (columns > 0).then(|| (cpu.to_string(), numbers))
    })
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    fn collected(content: &str) -> String {
        let root = FakeRoot::new();
        root.file("proc/net/softnet_stat", content);
        let (text, error) = collect(Softnet::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        text
    }

    #[test]
    fn the_file_tells_the_cpu() {
        let text = collected(
            "0000a1b2 00000001 0000000f 0 0 0 0 0 00000000 00000002 00000003 00000004 00000000 00000000 00000000\n\
             00000010 00000000 00000000 0 0 0 0 0 00000000 00000000 00000000 00000000 00000002 00000000 00000000\n",
        );
        for line in [
            "processed_total{cpu=\"0\"} 41394",
            "processed_total{cpu=\"2\"} 16",
            "times_squeezed_total{cpu=\"0\"} 15",
            "received_rps_total{cpu=\"0\"} 2",
            "flow_limit_count_total{cpu=\"0\"} 3",
            "backlog_len{cpu=\"0\"} 4",
        ] {
            assert!(text.contains(&format!("\nnode_softnet_{line}\n")), "{text}");
        }
    }

    #[test]
    fn older_kernels_are_read_by_line() {
        let text = collected("01 00 00 00 00 00 00 00 00 00\n02 00 00 00 00 00 00 00 00 00\n");
        assert!(text.contains("node_softnet_processed_total{cpu=\"1\"} 2\n"), "{text}");
        assert!(text.contains("node_softnet_backlog_len{cpu=\"1\"} 0\n"), "{text}");
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "[0-9a-f \n]{0,300}") {
            parse(&content).count();
            parse(odd.as_bytes()).count();
        }
    }
}
