//! `conntrack`: the kernel's connection tracking.
//!
//! The sysctl `nf_conntrack_count` tells of the reader's network namespace, so in a container it is not the host's;
//! the first column of the host's `net/stat/nf_conntrack` is.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;
use agent_core::read::{KeptFile, Scratch, fields, lines};

use crate::host::{Host, optional, read, read_number};

/// Counters by the kernel's column, in the order of the output.
const STATISTICS: [(&str, &str, &str); 8] = [
    ("found", "node_nf_conntrack_stat_found", "Lookups that found an entry."),
    ("invalid", "node_nf_conntrack_stat_invalid", "Packets that could not be tracked."),
    ("ignore", "node_nf_conntrack_stat_ignore", "Packets that are tracked already or are not to be."),
    ("insert", "node_nf_conntrack_stat_insert", "Entries that were put into the table."),
    ("insert_failed", "node_nf_conntrack_stat_insert_failed", "Entries that the table had already."),
    ("drop", "node_nf_conntrack_stat_drop", "Packets dropped because tracking failed."),
    ("early_drop", "node_nf_conntrack_stat_early_drop", "Entries dropped to make room for new ones."),
    ("search_restart", "node_nf_conntrack_stat_search_restart", "Lookups begun anew because the table grew."),
];

/// The collector.
#[derive(Debug)]
pub(super) struct Conntrack {
    count: KeptFile,
    limit: KeptFile,
    statistics: KeptFile,
    foreign_network: bool,
    scratch: Scratch,
}

impl Conntrack {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            count: host.procfs("sys/net/netfilter/nf_conntrack_count"),
            limit: host.procfs("sys/net/netfilter/nf_conntrack_max"),
            statistics: host.net("stat/nf_conntrack"),
            foreign_network: host.foreign_network,
            scratch: Scratch::default(),
        }
    }
}

impl Collector for Conntrack {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let limit = read_number(&mut self.limit, &mut self.scratch)?;
        let statistics = optional(read(&mut self.statistics, &mut self.scratch))?.map(parse);
        let entries = if self.foreign_network {
            statistics.as_ref().and_then(|statistics| statistics.entries)
        } else {
            optional(read_number(&mut self.count, &mut self.scratch))?
        };
        if let Some(entries) = entries {
            out.gauge("node_nf_conntrack_entries", "Connections that are tracked now.", entries);
        }
        out.gauge("node_nf_conntrack_entries_limit", "Connections that may be tracked at once.", limit);
        for ((_, name, help), sum) in STATISTICS.iter().zip(statistics.map(|s| s.sums).unwrap_or_default()) {
            if let Some(sum) = sum {
                out.gauge(name, help, sum);
            }
        }
        Ok(())
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Statistics {
    /// The size of the table, the same in each line.
    entries: Option<u64>,
    /// Sums over all CPUs, in the order of [`STATISTICS`].
    sums: [Option<u64>; STATISTICS.len()],
}

/// `net/stat/nf_conntrack`: a line of column names, then a line of hexadecimal numbers for each CPU.
fn parse(text: &[u8]) -> Statistics {
    let mut statistics = Statistics::default();
    let mut lines = lines(text);
    let columns: Vec<_> = fields(lines.next().unwrap_or_default()).map(Column::named).collect();
    for line in lines {
        for (column, field) in columns.iter().zip(fields(line)) {
            match *column {
                Column::Other => {}
                Column::Entries => statistics.entries = parse_hex(field).or(statistics.entries),
                Column::Statistic(index) => {
                    if let Some((sum, value)) = statistics.sums.get_mut(index).zip(parse_hex(field)) {
                        *sum = Some(sum.unwrap_or(0).wrapping_add(value));
                    }
                }
            }
        }
    }
    statistics
}

/// What a column is.
enum Column {
    Entries,
    /// By its place in [`STATISTICS`].
    Statistic(usize),
    Other,
}

impl Column {
    fn named(name: &[u8]) -> Self {
        if name == b"entries" {
            return Self::Entries;
        }
        STATISTICS
            .iter()
            .position(|(column, ..)| column.as_bytes() == name)
            .map_or(Self::Other, Self::Statistic)
    }
}

fn parse_hex(field: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(field).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    const TEXT: &str = "\
entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
0000007a  00000000 00000001 00000000 00000003 00000589 00000000 00000000 00000002 00000000 00000000 00000000 00000000  00000000 00000000 00000000 0000000a
0000007a  00000000 00000010 00000000 00000002 000000ff 00000000 00000000 00000001 00000000 00000000 00000000 00000000  00000000 00000000 00000000 00000001
";

    #[test]
    fn cpus_are_summed_by_column_name() {
        let root = FakeRoot::new();
        root.file("proc/sys/net/netfilter/nf_conntrack_count", "12\n");
        root.file("proc/sys/net/netfilter/nf_conntrack_max", "262144\n");
        root.file("proc/net/stat/nf_conntrack", TEXT);
        let (text, error) = collect(Conntrack::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in [
            "entries 12",
            "entries_limit 262144",
            "stat_found 17",
            "stat_ignore 1672",
            "stat_search_restart 11",
        ] {
            assert!(text.contains(&format!("\nnode_nf_conntrack_{line}\n")), "{text}");
        }
    }

    #[test]
    fn in_a_container_the_hosts_table_counts() {
        let root = FakeRoot::new();
        root.file("proc/sys/net/netfilter/nf_conntrack_count", "0\n");
        root.file("proc/sys/net/netfilter/nf_conntrack_max", "262144\n");
        root.file("proc/1/net/dev", "");
        root.file("proc/1/net/stat/nf_conntrack", TEXT);
        let (text, _) = collect(Conntrack::new(&fake::host(&root)));
        assert!(text.contains("\nnode_nf_conntrack_entries 122\n"), "{text}");
    }

    #[test]
    fn a_kernel_without_it_is_no_fault() {
        let (text, error) = collect(Conntrack::new(&fake::host(&FakeRoot::new())));
        assert!(text.is_empty() && matches!(error, Some(CollectError::NoData(_))));
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>, tail in "[ 0-9a-f\n]{0,200}") {
            parse(&text);
            parse(format!("entries found drop\n{tail}").as_bytes());
        }
    }
}
