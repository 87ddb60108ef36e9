//! Huge pages: one set of files for each size, named after it.

use std::fs;
use std::path::Path;

use agent_core::read::Scratch;

use super::text::{keyed, parse_number};
use crate::sample::HugePages;

/// Version 1: `hugetlb.2MB.usage_in_bytes` and its like.
pub fn read_v1(folder: &Path, scratch: &mut Scratch) -> Vec<HugePages> {
    sizes(folder, ".usage_in_bytes")
        .into_iter()
        .map(|page_size| {
            let mut number = |file: &str| {
                let path = folder.join(format!("hugetlb.{page_size}.{file}"));
                scratch.read(&path).ok().and_then(parse_number)
            };
            HugePages {
                usage: number("usage_in_bytes"),
                max_usage: number("max_usage_in_bytes"),
                failcnt: number("failcnt"),
                page_size,
            }
        })
        .collect()
}

/// Version 2: `hugetlb.2MB.current` and `hugetlb.2MB.events`.
pub fn read_v2(folder: &Path, scratch: &mut Scratch) -> Vec<HugePages> {
    sizes(folder, ".current")
        .into_iter()
        .map(|page_size| {
            let path = |file: &str| folder.join(format!("hugetlb.{page_size}.{file}"));
            let usage = scratch.read(&path("current")).ok().and_then(parse_number);
            let events = scratch.read(&path("events")).ok();
            let failcnt = events.and_then(|b| keyed(b).find(|(k, _)| *k == b"max").map(|(_, value)| value));
            HugePages { page_size, usage, max_usage: None, failcnt }
        })
        .collect()
}

fn sizes(folder: &Path, file: &str) -> Vec<String> {
    let size = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let size = name.strip_prefix("hugetlb.")?.strip_suffix(file)?;
        // `hugetlb.2MB.rsvd.current` is about reservations.
        (!size.contains('.')).then(|| size.to_owned())
    };
    let mut sizes: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().filter_map(size).collect();
    sizes.sort_unstable();
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;

    #[test]
    fn both_versions() {
        let root = FakeRoot::new();
        root.file("one/hugetlb.2MB.usage_in_bytes", "4194304\n");
        root.file("one/hugetlb.2MB.max_usage_in_bytes", "6291456\n");
        root.file("one/hugetlb.2MB.failcnt", "3\n");
        root.file("one/hugetlb.2MB.rsvd.usage_in_bytes", "1\n");
        root.file("two/hugetlb.1GB.current", "0\n");
        root.file("two/hugetlb.1GB.rsvd.current", "0\n");
        root.file("two/hugetlb.1GB.events", "max 5\n");
        let pages = |size: &str, usage, max_usage, failcnt| HugePages {
            page_size: size.to_owned(),
            usage: Some(usage),
            max_usage,
            failcnt: Some(failcnt),
        };
        let mut scratch = Scratch::default();
        let one = read_v1(&root.path().join("one"), &mut scratch);
        assert_eq!(one, [pages("2MB", 4_194_304, Some(6_291_456), 3)]);
        assert_eq!(read_v2(&root.path().join("two"), &mut scratch), [pages("1GB", 0, None, 5)]);
        assert_eq!(read_v2(&root.path().join("absent"), &mut scratch), []);
    }
}
