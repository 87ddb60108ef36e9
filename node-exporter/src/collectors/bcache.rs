//! `bcache`: disks cached on faster ones, from `/sys/fs/bcache`.

mod parse;

use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;

use self::parse::{human, metadata_percent, nanoseconds, not_zero, rate, unused_percent};
use super::Build;
use crate::flags::{Flag, Given, Takes};
use crate::host::Host;
use crate::sysfs::{Attribute, Device, Sysfs, list, write_attributes};

const PRIORITY: Flag = Flag {
    name: "collector.bcache.priorityStats",
    takes: Takes::Switch { default: false },
    help: "Export node_bcache_priority_stats_*, for which the kernel sorts the whole cache",
    old_names: &[],
};

pub(super) const FLAGS: &[Flag] = &[PRIORITY];

#[rustfmt::skip]
const SET: &[Attribute] = &[
    Attribute::gauge("internal/active_journal_entries", "node_bcache_active_journal_entries", "Entries of the journal that are newer than the index.").parsed(human),
    Attribute::gauge("average_key_size", "node_bcache_average_key_size_sectors", "Data per key of the index, in sectors.").parsed(human),
    Attribute::gauge("btree_cache_size", "node_bcache_btree_cache_size_bytes", "Memory that the index takes.").parsed(human),
    Attribute::gauge("internal/btree_nodes", "node_bcache_btree_nodes", "Nodes of the index.").parsed(human),
    // The file is in microseconds; node_exporter takes it for nanoseconds, and its number is kept.
    Attribute::gauge("internal/btree_read_average_duration_us", "node_bcache_btree_read_average_duration_seconds", "Time that reading from the index takes, a thousandth of the kernel's number.").parsed(nanoseconds),
    Attribute::gauge("cache_available_percent", "node_bcache_cache_available_percent", "Share of a cache that holds nothing unwritten, in percent.").parsed(human),
    Attribute::counter("internal/cache_read_races", "node_bcache_cache_read_races_total", "Reads from a cache whose data was replaced meanwhile.").parsed(human),
    Attribute::gauge("congested", "node_bcache_congested", "How congested a cache is.").parsed(human),
    Attribute::gauge("root_usage_percent", "node_bcache_root_usage_percent", "Share of the root of the index that is in use, in percent.").parsed(human),
    Attribute::gauge("tree_depth", "node_bcache_tree_depth", "Depth of the index.").parsed(human),
];

#[rustfmt::skip]
const BACKING: &[Attribute] = &[
    Attribute::counter("stats_total/bypassed", "node_bcache_bypassed_bytes_total", "Bytes that went past the cache.").parsed(human),
    Attribute::counter("stats_total/cache_bypass_hits", "node_bcache_cache_bypass_hits_total", "Hits of requests that were to go past the cache.").parsed(human),
    Attribute::counter("stats_total/cache_bypass_misses", "node_bcache_cache_bypass_misses_total", "Misses of requests that were to go past the cache.").parsed(human),
    Attribute::counter("stats_total/cache_hits", "node_bcache_cache_hits_total", "Requests that the cache could serve.").parsed(human),
    Attribute::counter("stats_total/cache_miss_collisions", "node_bcache_cache_miss_collisions_total", "Misses whose data was in the cache when it was to be put there.").parsed(human),
    Attribute::counter("stats_total/cache_misses", "node_bcache_cache_misses_total", "Requests that the cache could not serve.").parsed(human),
    Attribute::counter("stats_total/cache_readaheads", "node_bcache_cache_readaheads_total", "Reads ahead of what was asked for.").parsed(not_zero),
    Attribute::gauge("dirty_data", "node_bcache_dirty_data_bytes", "Bytes in the cache that the disk lacks.").parsed(human),
    Attribute::gauge("writeback_rate_debug", "node_bcache_dirty_target_bytes", "Bytes that the cache aims to hold unwritten.").parsed(|text| rate(text, b"target")),
    Attribute::gauge("writeback_rate_debug", "node_bcache_writeback_change", "Last change of the rate of writing back.").parsed(|text| rate(text, b"change")),
    Attribute::gauge("writeback_rate_debug", "node_bcache_writeback_rate", "Rate of writing back, in bytes per second.").parsed(|text| rate(text, b"rate")),
    Attribute::gauge("writeback_rate_debug", "node_bcache_writeback_rate_integral_term", "Part of the rate of writing back that past misses of the aim make.").parsed(|text| rate(text, b"integral")),
    Attribute::gauge("writeback_rate_debug", "node_bcache_writeback_rate_proportional_term", "Part of the rate of writing back that the miss of the aim makes.").parsed(|text| rate(text, b"proportional")),
];

#[rustfmt::skip]
const CACHE: &[Attribute] = &[
    Attribute::gauge("io_errors", "node_bcache_io_errors", "Errors of a cache, old ones counting less.").parsed(human),
    Attribute::counter("metadata_written", "node_bcache_metadata_written_bytes_total", "Bytes written to a cache that are no data.").parsed(human),
    Attribute::counter("written", "node_bcache_written_bytes_total", "Bytes of data written to a cache.").parsed(human),
];

#[rustfmt::skip]
const CACHE_PRIORITY: &[Attribute] = &[
    Attribute::gauge("priority_stats", "node_bcache_priority_stats_metadata_percent", "Share of a cache that is no data, in percent.").parsed(metadata_percent),
    Attribute::gauge("priority_stats", "node_bcache_priority_stats_unused_percent", "Share of a cache that is empty, in percent.").parsed(unused_percent),
];

pub(super) fn build(given: Given<'_>) -> Build {
    let priority = given.is_on(&PRIORITY);
    Build::new(move |host| Bcache::new(host, priority))
}

#[derive(Debug)]
struct Bcache {
    folder: PathBuf,
    priority: bool,
    sysfs: Sysfs,
}

impl Bcache {
    fn new(host: &Host, priority: bool) -> Self {
        Self { folder: host.roots.sysfs.join("fs/bcache"), priority, sysfs: Sysfs::opening() }
    }
}

impl Collector for Bcache {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let (mut sets, mut backing, mut caches, mut priority) = (vec![], vec![], vec![], vec![]);
        // Beside sets there are files to register devices with.
        for uuid in list(&self.folder)?.iter().filter(|name| name.contains('-')) {
            let folder = self.folder.join(uuid);
            sets.push(Device::read(&mut self.sysfs, &folder, SET, &[("uuid", uuid)]));
            for name in list(&folder).unwrap_or_default() {
                let folder = folder.join(&name);
                if name.starts_with("bdev") {
                    let labels = [("backing_device", name.as_str()), ("uuid", uuid)];
                    backing.push(Device::read(&mut self.sysfs, &folder, BACKING, &labels));
                } else if name.strip_prefix("cache").is_some_and(crate::sysfs::is_number) {
                    let labels = [("cache_device", name.as_str()), ("uuid", uuid)];
                    caches.push(Device::read(&mut self.sysfs, &folder, CACHE, &labels));
                    if self.priority {
                        priority.push(Device::read(&mut self.sysfs, &folder, CACHE_PRIORITY, &labels));
                    }
                }
            }
        }
        if sets.is_empty() {
            return Err(CollectError::NoData("no cache is registered".to_owned()));
        }
        write_attributes(out, SET, &sets);
        write_attributes(out, BACKING, &backing);
        write_attributes(out, CACHE, &caches);
        write_attributes(out, CACHE_PRIORITY, &priority);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    fn collected(priority: bool) -> String {
        let root = FakeRoot::new();
        for (file, content) in [
            ("dead-74/cache_available_percent", "100"),
            ("dead-74/internal/btree_read_average_duration_us", "1305"),
            ("dead-74/bdev0/dirty_data", "1.1M"),
            ("dead-74/bdev0/stats_total/cache_hits", "546"),
            ("dead-74/bdev0/stats_total/cache_readaheads", "0"),
            ("dead-74/bdev0/writeback_rate_debug", "rate:\t\t1.1M/sec\nproportional:\t-427.5k\n"),
            ("dead-74/cache0/written", "2.0G"),
            ("dead-74/cache0/priority_stats", "Unused:\t\t99%\nMetadata:\t0%\n"),
            ("dead-74/cache_replacement", "1"),
            ("register", ""),
        ] {
            root.file(format!("sys/fs/bcache/{file}"), format!("{content}\n"));
        }
        let (text, error) = collect(Bcache::new(&fake::host(&root), priority));
        assert!(error.is_none(), "{error:?}");
        text
    }

    #[test]
    fn sets_disks_and_caches() {
        let text = collected(false);
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let backing = "backing_device=\"bdev0\",uuid=\"dead-74\"";
        assert_eq!(
            samples,
            [
                "node_bcache_btree_read_average_duration_seconds{uuid=\"dead-74\"} 0.000001305",
                "node_bcache_cache_available_percent{uuid=\"dead-74\"} 100",
                &format!("node_bcache_cache_hits_total{{{backing}}} 546"),
                &format!("node_bcache_dirty_data_bytes{{{backing}}} 1150976"),
                &format!("node_bcache_writeback_rate{{{backing}}} 1150976"),
                &format!("node_bcache_writeback_rate_proportional_term{{{backing}}} -437748"),
                "node_bcache_written_bytes_total{cache_device=\"cache0\",uuid=\"dead-74\"} 2147483648",
            ]
        );
    }

    #[test]
    fn dear_statistics_are_for_who_asks() {
        assert!(collected(true).contains(
            "node_bcache_priority_stats_unused_percent{cache_device=\"cache0\",uuid=\"dead-74\"} 99\n"
        ));
    }

    #[test]
    fn a_machine_without_it_is_no_fault() {
        let (_, error) = collect(Bcache::new(&fake::host(&FakeRoot::new()), false));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
