//! `slabinfo`: the kernel's own object caches, from `/proc/slabinfo`, which only root may read.

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::{Exposition, Value};
use agent_core::read::{KeptFile, Scratch, fields, lines, parse_u64, text};

use super::Build;
use crate::filter::Filter;
use crate::flags::{Flag, Given};
use crate::host::{Host, read};
use crate::table::{Column, write_rows};

const INCLUDE: Flag = Flag::regex("collector.slabinfo.slabs-include", ".*", "Slabs to export");
const EXCLUDE: Flag = Flag::regex("collector.slabinfo.slabs-exclude", "", "Slabs to leave out");

pub(super) const FLAGS: &[Flag] = &[INCLUDE, EXCLUDE];

/// The first five numbers of a line.
type Numbers = [Option<u64>; 5];

#[rustfmt::skip]
const COLUMNS: &[Column<Numbers>] = &[
    Column::gauge("node_slabinfo_active_objects", "Objects of a slab that are in use.", |n| number(n, 0)),
    Column::gauge("node_slabinfo_objects", "Objects of a slab, in use or not.", |n| number(n, 1)),
    Column::gauge("node_slabinfo_object_size_bytes", "Size of one object of a slab.", |n| number(n, 2)),
    Column::gauge("node_slabinfo_objects_per_slab", "Objects that fit into one slab.", |n| number(n, 3)),
    Column::gauge("node_slabinfo_pages_per_slab", "Pages of memory that one slab takes.", |n| number(n, 4)),
];

fn number(numbers: &Numbers, index: usize) -> Option<Value> {
    numbers.get(index).copied().flatten().map(Value::from)
}

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let mut errors = ConfigErrors::new();
    // Unlike elsewhere the two may be given together.
    let slabs = Filter {
        exclude: errors.take(given.regex(&EXCLUDE)).flatten(),
        include: errors.take(given.regex(&INCLUDE)).flatten(),
    };
    let slabs = errors.finish(Some(slabs))?;
    Ok(Build::new(move |host| Slabinfo::new(host, slabs.clone())))
}

#[derive(Debug)]
struct Slabinfo {
    file: KeptFile,
    slabs: Filter,
    scratch: Scratch,
}

impl Slabinfo {
    fn new(host: &Host, slabs: Filter) -> Self {
        Self { file: host.procfs("slabinfo"), slabs, scratch: Scratch::default() }
    }
}

impl Collector for Slabinfo {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let content = read(&mut self.file, &mut self.scratch)?;
        let rows: Vec<_> = parse(content).filter(|(name, _)| self.slabs.wants(name)).collect();
        write_rows(out, COLUMNS, || rows.iter().map(|(name, numbers)| ([("slab", *name)], numbers)));
        Ok(())
    }
}

/// The lines `name active all size per-slab pages : …`, below two lines of headings.
fn parse(content: &[u8]) -> impl Iterator<Item = (&str, Numbers)> {
    lines(content).filter(|line| !line.starts_with(b"#") && !line.starts_with(b"slabinfo - ")).filter_map(
        |line| {
            let mut fields = fields(line);
            let name = text(fields.next()?)?;
            let mut numbers = Numbers::default();
            for (number, field) in numbers.iter_mut().zip(fields) {
                *number = parse_u64(field);
            }
            Some((name, numbers))
        },
    )
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;
    use regex_lite::Regex;

    use super::*;
    use crate::host::fake;

    #[test]
    fn slabs_are_filtered() {
        let root = FakeRoot::new();
        root.file(
            "proc/slabinfo",
            "slabinfo - version: 2.1\n# name <active_objs> <num_objs>\n\
             tw_sock_TCP 704 864 256 32 2 : tunables 0 0 0 : slabdata 27 27 0\nkmem_cache 320 odd\nother 1 2 3 4 5\n",
        );
        let slabs = Filter { exclude: Regex::new("^oth").ok(), include: Regex::new(".*").ok() };
        let (text, error) = collect(Slabinfo::new(&fake::host(&root), slabs));
        assert!(error.is_none(), "{error:?}");
        assert!(text.contains("\nnode_slabinfo_objects{slab=\"tw_sock_TCP\"} 864\n"), "{text}");
        assert!(text.contains("\nnode_slabinfo_pages_per_slab{slab=\"tw_sock_TCP\"} 2\n"), "{text}");
        assert!(text.contains("\nnode_slabinfo_active_objects{slab=\"kmem_cache\"} 320\n"), "{text}");
        assert!(!text.contains("other") && text.matches("kmem_cache").count() == 1, "{text}");
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "[a-z0-9: \n]{0,200}") {
            parse(&content).count();
            parse(odd.as_bytes()).count();
        }
    }
}
