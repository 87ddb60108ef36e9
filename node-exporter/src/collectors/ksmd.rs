//! `ksmd`: kernel same-page merging, from `/sys/kernel/mm/ksm`.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind, Value};
use agent_core::read::{KeptFile, Scratch, text};

use crate::host::Host;

/// File, family, HELP, type.
#[rustfmt::skip]
const FAMILIES: [(&str, &str, &str, Kind); 10] = [
    ("full_scans", "node_ksmd_full_scans_total", "How often all mergeable memory was scanned.", Kind::Counter),
    ("general_profit", "node_ksmd_general_profit_bytes", "Bytes that merging saves, less what it costs itself.", Kind::Gauge),
    ("merge_across_nodes", "node_ksmd_merge_across_nodes", "Whether pages of different NUMA nodes are merged.", Kind::Gauge),
    ("pages_shared", "node_ksmd_pages_shared", "Shared pages in use.", Kind::Gauge),
    ("pages_sharing", "node_ksmd_pages_sharing", "Further places that use the shared pages.", Kind::Gauge),
    ("pages_to_scan", "node_ksmd_pages_to_scan", "Pages to scan before the next sleep.", Kind::Gauge),
    ("pages_unshared", "node_ksmd_pages_unshared", "Unique pages that are checked for merging again and again.", Kind::Gauge),
    ("pages_volatile", "node_ksmd_pages_volatile", "Pages that change too fast to be merged.", Kind::Gauge),
    ("run", "node_ksmd_run", "State of the scanner: 0 stopped, 1 running, 2 stopped with all pages unmerged.", Kind::Gauge),
    ("sleep_millisecs", "node_ksmd_sleep_seconds", "How long the scanner sleeps between two scans.", Kind::Gauge),
];

const MILLISECONDS: &str = "sleep_millisecs";

/// The collector.
#[derive(Debug)]
pub(super) struct Ksmd {
    files: Vec<KeptFile>,
    scratch: Scratch,
}

impl Ksmd {
    pub(super) fn new(host: &Host) -> Self {
        let file = |name: &str| host.sysfs(format!("kernel/mm/ksm/{name}"));
        Self { files: FAMILIES.iter().map(|(name, ..)| file(name)).collect(), scratch: Scratch::default() }
    }
}

impl Collector for Ksmd {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let mut found = false;
        for (file, (name, family, help, kind)) in self.files.iter_mut().zip(FAMILIES) {
            // Which of them there are depends on the kernel's version.
            let Ok(content) = file.read(&mut self.scratch) else { continue };
            if let Some(value) = parse(content, name == MILLISECONDS) {
                found = true;
                out.family(family, help, kind).sample(&[], value);
            }
        }
        if found { Ok(()) } else { Err(CollectError::NoData("kernel/mm/ksm".to_owned())) }
    }
}

/// One number, which may be negative.
fn parse(content: &[u8], milliseconds: bool) -> Option<Value> {
    let number: i64 = text(content.trim_ascii())?.parse().ok()?;
    Some(if milliseconds { (number as f64 / 1000.0).into() } else { number.into() })
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    #[test]
    fn files_that_are_missing_lose_only_themselves() {
        let root = FakeRoot::new();
        root.file("sys/kernel/mm/ksm/sleep_millisecs", "20\n");
        root.file("sys/kernel/mm/ksm/general_profit", "-4096\n");
        root.file("sys/kernel/mm/ksm/full_scans", "323\n");
        root.file("sys/kernel/mm/ksm/run", "odd\n");
        let (text, error) = collect(Ksmd::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in ["sleep_seconds 0.02", "general_profit_bytes -4096", "full_scans_total 323"] {
            assert!(text.contains(&format!("\nnode_ksmd_{line}\n")), "{text}");
        }
        assert_eq!(text.matches("# TYPE").count(), 3);
    }

    #[test]
    fn a_kernel_without_it_is_no_fault() {
        let (_, error) = collect(Ksmd::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, milliseconds: bool) {
            parse(&content, milliseconds);
        }

        #[test]
        fn numbers_round_trip(number: i64) {
            prop_assert_eq!(parse(format!("{number}\n").as_bytes(), false), Some(number.into()));
        }
    }
}
