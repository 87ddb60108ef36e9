//! `buddyinfo`: free blocks of memory by size, from `/proc/buddyinfo`.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch, fields, lines, parse_u64, text};

use crate::host::{Host, read};

/// Orders of block sizes as labels; the kernel has eleven, some builds more.
const ORDERS: [&str; 24] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18",
    "19", "20", "21", "22", "23",
];

/// The collector.
#[derive(Debug)]
pub(super) struct Buddyinfo {
    file: KeptFile,
    scratch: Scratch,
}

impl Buddyinfo {
    pub(super) fn new(host: &Host) -> Self {
        Self { file: host.procfs("buddyinfo"), scratch: Scratch::default() }
    }
}

impl Collector for Buddyinfo {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let content = read(&mut self.file, &mut self.scratch)?;
        let help = "Free blocks of memory by the power of two of their size in pages.";
        let mut family = out.family("node_buddyinfo_blocks", help, Kind::Gauge);
        for (node, zone, blocks) in parse(content) {
            for (size, count) in ORDERS.iter().zip(blocks) {
                if let Some(count) = count {
                    family.sample(&[("node", node), ("size", size), ("zone", zone)], count);
                }
            }
        }
        Ok(())
    }
}

/// The lines `Node 0, zone DMA32 759 572 …`: node, zone, free blocks by order.
fn parse(content: &[u8]) -> impl Iterator<Item = (&str, &str, impl Iterator<Item = Option<u64>>)> {
    lines(content).filter_map(|line| {
        let mut fields = fields(line);
        let mut word = || text(fields.next()?);
        let (first, node, third, zone) = (word()?, word()?, word()?, word()?);
        let known = first == "Node" && third == "zone";
        known.then_some(())?;
        Some((node.strip_suffix(',').unwrap_or(node), zone, fields.map(parse_u64)))
    })
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    #[test]
    fn blocks_by_node_zone_and_order() {
        let root = FakeRoot::new();
        root.file(
            "proc/buddyinfo",
            "Node 0, zone      DMA      1      0 \nNode 1, zone   Normal   4381 odd 7\nodd\n",
        );
        let (text, error) = collect(Buddyinfo::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in [
            "{node=\"0\",size=\"1\",zone=\"DMA\"} 0",
            "{node=\"1\",size=\"0\",zone=\"Normal\"} 4381",
            "{node=\"1\",size=\"2\",zone=\"Normal\"} 7",
        ] {
            assert!(text.contains(&format!("\nnode_buddyinfo_blocks{line}\n")), "{text}");
        }
        assert_eq!(text.matches("size=").count(), 4);
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, tail in "[a-z0-9 \n]{0,200}") {
            parse(&content).map(|(_, _, blocks)| blocks.count()).max();
            parse(format!("Node 0, zone {tail}").as_bytes()).map(|(_, _, blocks)| blocks.count()).max();
        }
    }
}
