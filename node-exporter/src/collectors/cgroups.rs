//! `cgroups`: how many control groups each controller has, from `/proc/cgroups`.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;
use agent_core::read::{KeptFile, Scratch, fields, lines, parse_u64, text};

use crate::host::{Host, read};
use crate::table::{Column, write_rows};

#[rustfmt::skip]
const COLUMNS: &[Column<Numbers>] = &[
    Column::gauge("node_cgroups_cgroups", "Control groups that a controller has.", |c| Some(c.groups.into())),
    Column::gauge("node_cgroups_enabled", "Whether a controller is enabled.", |c| Some(c.enabled.into())),
];

/// The collector.
#[derive(Debug)]
pub(super) struct Cgroups {
    file: KeptFile,
    scratch: Scratch,
}

impl Cgroups {
    pub(super) fn new(host: &Host) -> Self {
        Self { file: host.procfs("cgroups"), scratch: Scratch::default() }
    }
}

impl Collector for Cgroups {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let controllers: Vec<_> = parse(read(&mut self.file, &mut self.scratch)?).collect();
        write_rows(out, COLUMNS, || {
            controllers.iter().map(|(name, numbers)| ([("subsys_name", *name)], numbers))
        });
        Ok(())
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Numbers {
    groups: u64,
    enabled: u64,
}

/// The lines `name hierarchy groups enabled`; the heading has no numbers.
fn parse(content: &[u8]) -> impl Iterator<Item = (&str, Numbers)> {
    lines(content).filter_map(|line| {
        let mut fields = fields(line);
        let name = text(fields.next()?)?;
        let mut numbers = fields.map(parse_u64);
        let (_hierarchy, groups, enabled) = (numbers.next()??, numbers.next()??, numbers.next()??);
        Some((name, Numbers { groups, enabled }))
    })
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    #[test]
    fn each_controller_has_its_series() {
        let root = FakeRoot::new();
        root.file(
            "proc/cgroups",
            "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t5\t47\t1\nodd 1\nrdma\t4\t1\t0",
        );
        let (text, error) = collect(Cgroups::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        assert!(text.contains("\nnode_cgroups_cgroups{subsys_name=\"cpuset\"} 47\n"), "{text}");
        assert!(text.contains("\nnode_cgroups_enabled{subsys_name=\"rdma\"} 0\n"), "{text}");
        assert_eq!(text.matches("subsys_name=").count(), 4);
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "[a-z0-9 \n]{0,200}") {
            parse(&content).count();
            parse(odd.as_bytes()).count();
        }
    }
}
