//! `memory.numa_stat`: on which nodes of the machine's memory pages are.

use agent_core::read::{fields, lines, parse_u64, text};

use crate::sample::NumaPages;

/// Version 1, in pages: `file=6 N0=6`, and `hierarchical_file=6 N0=6` with inner cgroups.
pub fn parse_v1(bytes: &[u8]) -> Vec<NumaPages> {
    parse(bytes, |head| {
        let name = head.get(..head.iter().position(|byte| *byte == b'=')?)?;
        Some(match name.strip_prefix(b"hierarchical_") {
            Some(name) => (kind(name)?, "hierarchy", 1),
            None => (kind(name)?, "container", 1),
        })
    })
}

/// Version 2, in bytes: `file N0=24576`.
pub fn parse_v2(bytes: &[u8]) -> Vec<NumaPages> {
    let page = rustix::param::page_size() as u64;
    parse(bytes, |head| Some((kind(head)?, "container", page)))
}

fn kind(name: &[u8]) -> Option<&'static str> {
    match name {
        b"file" => Some("file"),
        b"anon" => Some("anon"),
        b"unevictable" => Some("unevictable"),
        _ => None,
    }
}

type Head = (&'static str, &'static str, u64);

fn parse(bytes: &[u8], head: impl Fn(&[u8]) -> Option<Head>) -> Vec<NumaPages> {
    let mut pages = Vec::new();
    for line in lines(bytes) {
        let mut parts = fields(line);
        let Some((kind, scope, unit)) = parts.next().and_then(&head) else { continue };
        pages.extend(parts.filter_map(|part| {
            let (node, value) = text(part)?.strip_prefix('N')?.split_once('=')?;
            let pages = parse_u64(value.as_bytes())? / unit;
            Some(NumaPages { kind, scope, node: node.to_owned(), pages })
        }));
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_versions() {
        let one = parse_v1(b"total=9 N0=9\nfile=6 N0=4 N1=2\nhierarchical_anon=3 N0=3\n");
        let pages = |kind, scope, node: &str, pages| NumaPages { kind, scope, node: node.to_owned(), pages };
        let expected = [
            pages("file", "container", "0", 4),
            pages("file", "container", "1", 2),
            pages("anon", "hierarchy", "0", 3),
        ];
        assert_eq!(one, expected);
        let two = format!("anon N0={}\nkernel_stack N0=16384\n", 5 * rustix::param::page_size());
        assert_eq!(parse_v2(two.as_bytes()), [pages("anon", "container", "0", 5)]);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            parse_v1(&bytes);
            parse_v2(&bytes);
        }
    }
}
