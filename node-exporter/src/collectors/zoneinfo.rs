//! `zoneinfo`: memory by NUMA node and zone, from `/proc/zoneinfo`.
//!
//! What the kernel counts per node stands under the first zone of each node only, and so it is exported.

mod parse;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch};

use self::parse::parse;
use crate::host::{Host, read};

/// A word of the kernel's and the family that it becomes.
#[derive(Debug)]
struct Field {
    word: &'static str,
    name: &'static str,
    help: &'static str,
    kind: Kind,
}

const fn gauge(word: &'static str, name: &'static str, help: &'static str) -> Field {
    Field { word, name, help, kind: Kind::Gauge }
}

const fn counter(word: &'static str, name: &'static str, help: &'static str) -> Field {
    Field { word, name, help, kind: Kind::Counter }
}

#[rustfmt::skip]
const FIELDS: &[Field] = &[
    gauge("nr_free_pages", "node_zoneinfo_nr_free_pages", "Pages that are free."),
    gauge("min", "node_zoneinfo_min_pages", "Watermark of free pages below which allocations reclaim memory themselves."),
    gauge("low", "node_zoneinfo_low_pages", "Watermark of free pages below which the kernel begins to reclaim."),
    gauge("high", "node_zoneinfo_high_pages", "Watermark of free pages above which the kernel ends reclaiming."),
    gauge("scanned", "node_zoneinfo_scanned_pages", "Pages looked at since the last reclaim."),
    gauge("spanned", "node_zoneinfo_spanned_pages", "Pages from the zone's begin to its end, holes included."),
    gauge("present", "node_zoneinfo_present_pages", "Pages that physically exist."),
    gauge("managed", "node_zoneinfo_managed_pages", "Pages that the kernel's allocator manages."),
    gauge("nr_active_anon", "node_zoneinfo_nr_active_anon_pages", "Anonymous pages used lately."),
    gauge("nr_inactive_anon", "node_zoneinfo_nr_inactive_anon_pages", "Anonymous pages not used lately."),
    gauge("nr_isolated_anon", "node_zoneinfo_nr_isolated_anon_pages", "Anonymous pages taken off the lists for a moment."),
    gauge("nr_anon_pages", "node_zoneinfo_nr_anon_pages", "Anonymous pages that are mapped."),
    gauge("nr_anon_transparent_hugepages", "node_zoneinfo_nr_anon_transparent_hugepages", "Anonymous transparent huge pages."),
    gauge("nr_active_file", "node_zoneinfo_nr_active_file_pages", "Pages of files used lately."),
    gauge("nr_inactive_file", "node_zoneinfo_nr_inactive_file_pages", "Pages of files not used lately."),
    gauge("nr_isolated_file", "node_zoneinfo_nr_isolated_file_pages", "Pages of files taken off the lists for a moment."),
    gauge("nr_file_pages", "node_zoneinfo_nr_file_pages", "Pages of files."),
    gauge("nr_slab_reclaimable", "node_zoneinfo_nr_slab_reclaimable_pages", "Pages of slabs that can be reclaimed."),
    gauge("nr_slab_unreclaimable", "node_zoneinfo_nr_slab_unreclaimable_pages", "Pages of slabs that cannot be reclaimed."),
    gauge("nr_mlock_stack", "node_zoneinfo_nr_mlock_stack_pages", "Pages locked by mlock and moved off the lists."),
    gauge("nr_kernel_stack", "node_zoneinfo_nr_kernel_stacks", "Memory of kernel stacks as the kernel counts it."),
    gauge("nr_mapped", "node_zoneinfo_nr_mapped_pages", "Pages of files that are mapped."),
    gauge("nr_dirty", "node_zoneinfo_nr_dirty_pages", "Pages that wait to be written."),
    gauge("nr_writeback", "node_zoneinfo_nr_writeback_pages", "Pages being written."),
    gauge("nr_unevictable", "node_zoneinfo_nr_unevictable_pages", "Pages that cannot be evicted."),
    gauge("nr_shmem", "node_zoneinfo_nr_shmem_pages", "Pages of shared memory and tmpfs."),
    counter("nr_dirtied", "node_zoneinfo_nr_dirtied_total", "Pages made dirty since the system was started."),
    counter("nr_written", "node_zoneinfo_nr_written_total", "Pages written since the system was started."),
    counter("numa_hit", "node_zoneinfo_numa_hit_total", "Allocations served by the node that was meant."),
    counter("numa_miss", "node_zoneinfo_numa_miss_total", "Allocations served here though another node was meant."),
    counter("numa_foreign", "node_zoneinfo_numa_foreign_total", "Allocations meant for this node but served by another."),
    counter("numa_interleave", "node_zoneinfo_numa_interleave_total", "Interleaved allocations served here as meant."),
    counter("numa_local", "node_zoneinfo_numa_local_total", "Allocations by CPUs of the same node."),
    counter("numa_other", "node_zoneinfo_numa_other_total", "Allocations by CPUs of other nodes."),
];

/// Names by position in the line `protection: (0, 2039, …)`, which has one number per kind of zone.
const PROTECTION: [&str; 6] = [
    "node_zoneinfo_protection_0",
    "node_zoneinfo_protection_1",
    "node_zoneinfo_protection_2",
    "node_zoneinfo_protection_3",
    "node_zoneinfo_protection_4",
    "node_zoneinfo_protection_5",
];

/// The collector.
#[derive(Debug)]
pub(super) struct Zoneinfo {
    file: KeptFile,
    scratch: Scratch,
}

impl Zoneinfo {
    pub(super) fn new(host: &Host) -> Self {
        Self { file: host.procfs("zoneinfo").long_records(), scratch: Scratch::default() }
    }
}

impl Collector for Zoneinfo {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let zones = parse(read(&mut self.file, &mut self.scratch)?);
        for (index, field) in FIELDS.iter().enumerate() {
            let mut family = out.family(field.name, field.help, field.kind);
            for zone in &zones {
                if let Some(value) = zone.values.get(index).copied().flatten() {
                    family.sample(&zone.labels(), value);
                }
            }
        }
        for (index, name) in PROTECTION.iter().enumerate() {
            let help = "Pages kept from allocations that could also use a higher zone, by kind of zone.";
            let mut family = out.family(name, help, Kind::Gauge);
            for zone in &zones {
                if let Some(value) = zone.protection.get(index).copied().flatten() {
                    family.sample(&zone.labels(), value);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn zones_have_what_the_kernel_gives_them() {
        let root = FakeRoot::new();
        root.file(
            "proc/zoneinfo",
            "Node 0, zone      DMA\n  per-node stats\n      nr_mapped    423143\n      nr_new 1\n  pages free     2949\n        \
             min      8\n        protection: (0, 2039)\n      numa_hit     1\n  pagesets\n    cpu: 0\n              high: 5\n\
             Node 0, zone   Normal\n  pages free     7\n        min      odd\n        high     14\n",
        );
        let (text, error) = collect(Zoneinfo::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        let expected = [
            "min_pages{node=\"0\",zone=\"DMA\"} 8",
            "high_pages{node=\"0\",zone=\"Normal\"} 14",
            "nr_mapped_pages{node=\"0\",zone=\"DMA\"} 423143",
            "numa_hit_total{node=\"0\",zone=\"DMA\"} 1",
            "protection_0{node=\"0\",zone=\"DMA\"} 0",
            "protection_1{node=\"0\",zone=\"DMA\"} 2039",
        ];
        for line in expected {
            assert!(text.contains(&format!("\nnode_zoneinfo_{line}\n")), "{text}");
        }
        assert_eq!(text.matches("zone=").count(), expected.len());
    }
}
