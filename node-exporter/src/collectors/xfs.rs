//! `xfs`: what the XFS file systems have done (`/sys/fs/xfs/*/stats/stats`).

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{Scratch, fields, lines, parse_u64};

use crate::host::Host;
use crate::sysfs::Folder;

/// A counter: the word its line begins with, its place after the word, name and HELP.
type Counter = (&'static [u8], usize, &'static str, &'static str);

#[rustfmt::skip]
const COUNTERS: [Counter; 39] = [
    (b"extent_alloc", 0, "node_xfs_extent_allocation_extents_allocated_total", "Extents allocated."),
    (b"extent_alloc", 1, "node_xfs_extent_allocation_blocks_allocated_total", "Blocks allocated."),
    (b"extent_alloc", 2, "node_xfs_extent_allocation_extents_freed_total", "Extents freed."),
    (b"extent_alloc", 3, "node_xfs_extent_allocation_blocks_freed_total", "Blocks freed."),
    (b"abt", 0, "node_xfs_allocation_btree_lookups_total", "Lookups in the trees of free space."),
    (b"abt", 1, "node_xfs_allocation_btree_compares_total", "Comparisons in the trees of free space."),
    (b"abt", 2, "node_xfs_allocation_btree_records_inserted_total", "Records put into the trees of free space."),
    (b"abt", 3, "node_xfs_allocation_btree_records_deleted_total", "Records taken out of the trees of free space."),
    (b"blk_map", 0, "node_xfs_block_mapping_reads_total", "Maps from files to blocks made for reading."),
    (b"blk_map", 1, "node_xfs_block_mapping_writes_total", "Maps from files to blocks made for writing."),
    (b"blk_map", 2, "node_xfs_block_mapping_unmaps_total", "Maps from files to blocks undone."),
    (b"blk_map", 3, "node_xfs_block_mapping_extent_list_insertions_total", "Extents put into the lists of files."),
    (b"blk_map", 4, "node_xfs_block_mapping_extent_list_deletions_total", "Extents taken out of the lists of files."),
    (b"blk_map", 5, "node_xfs_block_mapping_extent_list_lookups_total", "Lookups in the lists of extents of files."),
    (b"blk_map", 6, "node_xfs_block_mapping_extent_list_compares_total", "Comparisons in the lists of extents of files."),
    (b"bmbt", 0, "node_xfs_block_map_btree_lookups_total", "Lookups in the trees of files' extents."),
    (b"bmbt", 1, "node_xfs_block_map_btree_compares_total", "Comparisons in the trees of files' extents."),
    (b"bmbt", 2, "node_xfs_block_map_btree_records_inserted_total", "Records put into the trees of files' extents."),
    (b"bmbt", 3, "node_xfs_block_map_btree_records_deleted_total", "Records taken out of the trees of files' extents."),
    (b"dir", 0, "node_xfs_directory_operation_lookup_total", "Lookups of names that had to read a directory."),
    (b"dir", 1, "node_xfs_directory_operation_create_total", "Entries made in directories."),
    (b"dir", 2, "node_xfs_directory_operation_remove_total", "Entries removed from directories."),
    (b"dir", 3, "node_xfs_directory_operation_getdents_total", "Listings of directories."),
    (b"ig", 0, "node_xfs_inode_operation_attempts_total", "Lookups in the cache of inodes."),
    (b"ig", 1, "node_xfs_inode_operation_found_total", "Inodes found in the cache."),
    (b"ig", 2, "node_xfs_inode_operation_recycled_total", "Inodes found in the cache while being thrown out of it."),
    (b"ig", 3, "node_xfs_inode_operation_missed_total", "Inodes not found in the cache."),
    (b"ig", 4, "node_xfs_inode_operation_duplicates_total", "Inodes that another process had put into the cache meanwhile."),
    (b"ig", 5, "node_xfs_inode_operation_reclaims_total", "Inodes thrown out of the cache for memory."),
    (b"ig", 6, "node_xfs_inode_operation_attribute_changes_total", "Changes of inodes' attributes."),
    (b"rw", 0, "node_xfs_write_calls_total", "Calls of write."),
    (b"rw", 1, "node_xfs_read_calls_total", "Calls of read."),
    (b"vnodes", 0, "node_xfs_vnode_active_total", "Nodes of the kernel's file layer in use."),
    (b"vnodes", 1, "node_xfs_vnode_allocate_total", "Nodes of the kernel's file layer allocated."),
    (b"vnodes", 2, "node_xfs_vnode_get_total", "References taken by lookups of nodes of the kernel's file layer."),
    (b"vnodes", 3, "node_xfs_vnode_hold_total", "References taken to nodes of the kernel's file layer."),
    (b"vnodes", 4, "node_xfs_vnode_release_total", "References to nodes of the kernel's file layer given back."),
    (b"vnodes", 5, "node_xfs_vnode_reclaim_total", "Nodes of the kernel's file layer that could be used anew."),
    (b"vnodes", 6, "node_xfs_vnode_remove_total", "Nodes of the kernel's file layer whose last reference went."),
];

/// The counters of a file system in the order of [`COUNTERS`].
type Numbers = [Option<u64>; COUNTERS.len()];

/// The collector. File systems come and go and are few, so no descriptor is kept.
#[derive(Debug)]
pub(super) struct Xfs {
    folder: Folder,
    scratch: Scratch,
}

impl Xfs {
    pub(super) fn new(host: &Host) -> Self {
        Self { folder: Folder::new(host.roots.sysfs.join("fs/xfs")), scratch: Scratch::default() }
    }

    fn read_all(&mut self) -> Result<Vec<(String, Numbers)>, CollectError> {
        let all = self
            .folder
            // The sums over all file systems.
            .list_where(|name| name != "stats")?
            .into_iter()
            .filter_map(|name| {
                let content = self.scratch.read(&self.folder.path().join(&name).join("stats/stats")).ok()?;
                Some((name, parse(content)))
            })
            .collect();
        Ok(all)
    }
}

impl Collector for Xfs {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let all = self.read_all()?;
        for (index, (_, _, name, help)) in COUNTERS.iter().enumerate() {
            let mut family = out.family(name, help, Kind::Counter);
            for (device, numbers) in &all {
                if let Some(number) = numbers.get(index).copied().flatten() {
                    family.sample(&[("device", device)], number);
                }
            }
        }
        Ok(())
    }
}

/// Lines of a word and numbers.
fn parse(content: &[u8]) -> Numbers {
    let mut numbers = [None; COUNTERS.len()];
    for line in lines(content) {
        let mut fields = fields(line);
        let Some(word) = fields.next() else { continue };
        for (place, field) in fields.enumerate() {
            let known = COUNTERS.iter().position(|counter| counter.0 == word && counter.1 == place);
            if let Some(number) = known.and_then(|index| numbers.get_mut(index)) {
                *number = parse_u64(field);
            }
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    #[test]
    fn each_file_system_has_its_own_counters() {
        let root = FakeRoot::new();
        root.file("sys/fs/xfs/stats/stats", "rw 9 9\n");
        root.file(
            "sys/fs/xfs/sdb1/stats/stats",
            "extent_alloc 1 872 0 x\nrw 28 3\nnew_line 1 2\nxpc 1 2 3\n",
        );
        root.file("sys/fs/xfs/dm-0/stats/stats", "rw 1\n");
        let (text, error) = collect(Xfs::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in [
            "node_xfs_extent_allocation_blocks_allocated_total{device=\"sdb1\"} 872",
            "node_xfs_write_calls_total{device=\"dm-0\"} 1",
            "node_xfs_write_calls_total{device=\"sdb1\"} 28",
            "node_xfs_read_calls_total{device=\"sdb1\"} 3",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{text}");
        }
        assert!(!text.contains("blocks_freed") && !text.contains("device=\"stats\""), "{text}");
    }

    #[test]
    fn a_host_without_it_is_no_fault() {
        let (_, error) = collect(Xfs::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "(rw |ig |[0-9 \n]){0,60}") {
            parse(&content);
            parse(odd.as_bytes());
        }
    }
}
