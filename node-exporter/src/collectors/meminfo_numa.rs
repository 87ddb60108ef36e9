//! `meminfo_numa`: memory and allocations by NUMA node, from `meminfo` and `numastat` in
//! `/sys/devices/system/node/node*`.

use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch, fields, lines, parse_u64};

use crate::host::Host;
use crate::named::Names;

/// The collector.
#[derive(Debug)]
pub(super) struct MeminfoNuma {
    folder: PathBuf,
    nodes: Vec<Node>,
    memory: Names,
    allocations: Names,
}

/// A NUMA node, its files and what they held last.
#[derive(Debug)]
struct Node {
    number: String,
    meminfo: (KeptFile, Scratch),
    numastat: (KeptFile, Scratch),
}

impl MeminfoNuma {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            folder: host.roots.sysfs.join("devices/system/node"),
            nodes: Vec::new(),
            memory: Names::new("node_memory_numa_", "", "Memory of a NUMA node, field", None),
            allocations: Names::new(
                "node_memory_numa_",
                "_total",
                "Pages allocated on a NUMA node, field",
                None,
            ),
        }
    }

    /// Finds nodes that were added, forgets those that were removed.
    fn find_nodes(&mut self) -> Result<(), CollectError> {
        let folder = std::fs::read_dir(&self.folder).map_err(|e| CollectError::io(&self.folder, e))?;
        let mut numbers: Vec<u32> = folder
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.strip_prefix("node")?.parse().ok())
            .collect();
        numbers.sort_unstable();
        let known = self.nodes.iter().map(|node| &node.number);
        if !known.eq(numbers.iter().map(ToString::to_string).collect::<Vec<_>>().iter()) {
            self.nodes = numbers.into_iter().map(|number| Node::new(&self.folder, number)).collect();
        }
        Ok(())
    }
}

impl Node {
    fn new(folder: &std::path::Path, number: u32) -> Self {
        let folder = folder.join(format!("node{number}"));
        let file = |name| (KeptFile::new(folder.join(name)), Scratch::default());
        Self { number: number.to_string(), meminfo: file("meminfo"), numastat: file("numastat") }
    }
}

impl Collector for MeminfoNuma {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        self.find_nodes()?;
        let Self { nodes, memory, allocations, .. } = self;
        for Node { meminfo, numastat, .. } in nodes.iter_mut() {
            for (file, scratch) in [meminfo, numastat] {
                // A node that vanishes loses its own series only.
                if file.read(scratch).is_err() {
                    *scratch = Scratch::default();
                }
            }
        }
        write(out, memory, Kind::Gauge, nodes, |node| parse_meminfo(node.meminfo.1.content()));
        write(out, allocations, Kind::Counter, nodes, |node| parse_numastat(node.numastat.1.content()));
        Ok(())
    }
}

/// A word of the kernel's and its number.
type Number<'n> = (&'n [u8], u64);

/// Writes the numbers of all nodes, sorted by word so that each family stays in one piece.
fn write<'n>(
    out: &mut Exposition<'_>,
    names: &mut Names,
    kind: Kind,
    nodes: &'n [Node],
    numbers: fn(&'n Node) -> Vec<Number<'n>>,
) {
    let samples = nodes
        .iter()
        .flat_map(|node| numbers(node).into_iter().map(|(word, value)| (word, &node.number, value)));
    let mut samples: Vec<_> = samples.collect();
    samples.sort_by_key(|(word, ..)| *word);
    for samples in samples.chunk_by(|(first, ..), (second, ..)| first == second) {
        let Some(known) = samples.first().and_then(|(word, ..)| names.get(word)) else { continue };
        let mut family = out.family(&known.name, &known.help, kind);
        for (_, node, value) in samples {
            family.sample(&[("node", node)], *value);
        }
    }
}

/// The lines `Node 0 MemTotal: 134182340 kB`; those without a unit are plain numbers.
fn parse_meminfo(content: &[u8]) -> Vec<Number<'_>> {
    let line = |line| {
        let mut fields = fields(line).skip(2);
        let word = fields.next()?.strip_suffix(b":")?;
        let number = parse_u64(fields.next()?)?;
        let number = if fields.next().is_some() { number.checked_mul(1024)? } else { number };
        Some((word, number))
    };
    lines(content).filter_map(line).collect()
}

/// The lines `numa_hit 193460335812`.
fn parse_numastat(content: &[u8]) -> Vec<Number<'_>> {
    let line = |line| {
        let mut fields = fields(line);
        Some((fields.next()?, parse_u64(fields.next()?)?))
    };
    lines(content).filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    #[test]
    fn families_stay_in_one_piece() {
        let root = FakeRoot::new();
        for node in [0, 2, 10] {
            let folder = format!("sys/devices/system/node/node{node}");
            let meminfo = format!(
                "\nNode {node} MemFree:  {node} kB\nNode {node} Active(anon): 1 kB\nNode {node} HugePages_Free: 7\n"
            );
            root.file(format!("{folder}/meminfo"), meminfo);
            root.file(format!("{folder}/numastat"), "numa_hit 5\nodd x\n");
        }
        root.file("sys/devices/system/node/online", "0,2,10\n");
        let (text, error) = collect(MeminfoNuma::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for lines in [
            "MemFree{node=\"0\"} 0\nnode_memory_numa_MemFree{node=\"2\"} 2048\nnode_memory_numa_MemFree{node=\"10\"} 10240",
            "Active_anon{node=\"2\"} 1024",
            "HugePages_Free{node=\"10\"} 7",
            "numa_hit_total{node=\"2\"} 5",
        ] {
            assert!(text.contains(&format!("\nnode_memory_numa_{lines}\n")), "{text}");
        }
        assert_eq!(text.matches("# TYPE").count(), 4);
    }

    #[test]
    fn a_kernel_without_it_is_no_fault() {
        let (_, error) = collect(MeminfoNuma::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "[a-zA-Z0-9:() \n]{0,200}") {
            for content in [content.as_slice(), odd.as_bytes()] {
                parse_meminfo(content);
                parse_numastat(content);
            }
        }
    }
}
