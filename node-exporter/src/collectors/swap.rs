//! `swap`: size, use and priority of each swap area, from `/proc/swaps`.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Value};
use agent_core::read::{KeptFile, Scratch, fields, lines, parse_u64, text};

use crate::host::{Host, read};
use crate::table::{Column, write_rows};

#[rustfmt::skip]
const COLUMNS: &[Column<Numbers>] = &[
    Column::gauge("node_swap_size_bytes", "Size of a swap area.", |area| kibibytes(area.size)),
    Column::gauge("node_swap_used_bytes", "Bytes of a swap area that are in use.", |area| kibibytes(area.used)),
    Column::gauge("node_swap_priority", "Priority of a swap area; the highest is filled first.", |area| Some(area.priority?.into())),
];

fn kibibytes(number: Option<u64>) -> Option<Value> {
    number?.checked_mul(1024).map(Value::from)
}

/// The collector.
#[derive(Debug)]
pub(super) struct Swap {
    file: KeptFile,
    scratch: Scratch,
}

impl Swap {
    pub(super) fn new(host: &Host) -> Self {
        Self { file: host.procfs("swaps"), scratch: Scratch::default() }
    }
}

impl Collector for Swap {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let areas: Vec<_> = parse(read(&mut self.file, &mut self.scratch)?).collect();
        write_rows(out, COLUMNS, || {
            areas.iter().map(|area| ([("device", area.device), ("swap_type", area.kind)], &area.numbers))
        });
        Ok(())
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Area<'a> {
    device: &'a str,
    kind: &'a str,
    numbers: Numbers,
}

#[derive(Debug, PartialEq, Eq)]
struct Numbers {
    size: Option<u64>,
    used: Option<u64>,
    priority: Option<i64>,
}

/// The lines `device type size used priority` below the heading; sizes are in KiB.
fn parse(content: &[u8]) -> impl Iterator<Item = Area<'_>> {
    lines(content).skip(1).filter_map(|line| {
        // Blanks in a file's name are written as \040, so a line always has five fields.
        let mut fields = fields(line);
        Some(Area {
            device: text(fields.next()?)?,
            kind: text(fields.next()?)?,
            numbers: Numbers {
                size: fields.next().and_then(parse_u64),
                used: fields.next().and_then(parse_u64),
                priority: fields.next().and_then(|field| text(field)?.parse().ok()),
            },
        })
    })
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    #[test]
    fn each_area_has_its_series() {
        let root = FakeRoot::new();
        root.file(
            "proc/swaps",
            "Filename\t\tType\tSize\tUsed\tPriority\n/dev/zram0   partition\t8388604\t76\t100\n/swap  file 8 odd -2\n",
        );
        let (text, error) = collect(Swap::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in [
            "size_bytes{device=\"/dev/zram0\",swap_type=\"partition\"} 8589930496",
            "used_bytes{device=\"/dev/zram0\",swap_type=\"partition\"} 77824",
            "size_bytes{device=\"/swap\",swap_type=\"file\"} 8192",
            "priority{device=\"/swap\",swap_type=\"file\"} -2",
        ] {
            assert!(text.contains(&format!("\nnode_swap_{line}\n")), "{text}");
        }
        assert_eq!(text.matches("node_swap_used_bytes{").count(), 1);
    }

    #[test]
    fn no_swap_is_no_fault() {
        let root = FakeRoot::new();
        root.file("proc/swaps", "Filename Type Size Used Priority\n");
        let (text, error) = collect(Swap::new(&fake::host(&root)));
        assert!(text.is_empty() && error.is_none());
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "[a-z0-9 \n-]{0,200}") {
            parse(&content).count();
            parse(odd.as_bytes()).count();
        }
    }
}
