use agent_core::testing::{FakeRoot, collect};
use proptest::prelude::*;

use super::*;
use crate::host::fake;

#[test]
fn space_and_commits() {
    let root = FakeRoot::new();
    for (file, content) in [
        ("label", "pool"),
        ("commit_stats", "commits 258051\nlast_commit_ms 1000\nmax_commit_ms 51462\n"),
        ("allocation/global_rsv_size", "16777216"),
        ("allocation/data/bytes_reserved", "4096"),
        ("allocation/data/raid5/total_bytes", "644087808"),
        ("allocation/data/raid5/used_bytes", "1"),
        ("allocation/data/strange/used_bytes", "1"),
        ("devices/sda/size", "20971520"),
        ("devices/sdb/size", "big"),
        ("devices/sdc/size", "20971520"),
    ] {
        root.file(format!("sys/fs/btrfs/0abb-9d/{file}"), format!("{content}\n"));
    }
    root.file("sys/fs/btrfs/features/skinny_metadata", "0\n");
    let (text, error) = collect(Btrfs::new(&fake::host(&root)));
    assert!(error.is_none(), "{error:?}");
    let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let mode = "block_group_type=\"data\",mode=\"raid5\",uuid=\"0abb-9d\"";
    assert_eq!(
        samples,
        [
            &format!("node_btrfs_allocation_ratio{{{mode}}} 1.5"),
            "node_btrfs_commits_total{uuid=\"0abb-9d\"} 258051",
            "node_btrfs_last_commit_seconds{uuid=\"0abb-9d\"} 1",
            "node_btrfs_max_commit_seconds{uuid=\"0abb-9d\"} 51.462",
            "node_btrfs_commit_seconds_total{uuid=\"0abb-9d\"} 0",
            "node_btrfs_device_size_bytes{device=\"sda\",uuid=\"0abb-9d\"} 10737418240",
            "node_btrfs_device_size_bytes{device=\"sdc\",uuid=\"0abb-9d\"} 10737418240",
            "node_btrfs_global_rsv_size_bytes{uuid=\"0abb-9d\"} 16777216",
            "node_btrfs_info{label=\"pool\",uuid=\"0abb-9d\"} 1",
            "node_btrfs_reserved_bytes{block_group_type=\"data\",uuid=\"0abb-9d\"} 4096",
            &format!("node_btrfs_size_bytes{{{mode}}} 644087808"),
            &format!("node_btrfs_used_bytes{{{mode}}} 1"),
        ]
    );
}

#[test]
fn modes_take_more_than_they_hold() {
    assert_eq!((ratio("raid6", 4), ratio("raid6", 2)), (Some(2.0), None));
    assert_eq!((ratio("raid1c3", 3), ratio("flags", 3)), (Some(3.0), None));
}

#[test]
fn a_machine_without_it_is_no_fault() {
    let root = FakeRoot::new();
    root.file("sys/fs/btrfs/features/skinny_metadata", "0\n");
    let (_, error) = collect(Btrfs::new(&fake::host(&root)));
    assert!(matches!(error, Some(CollectError::NoData(_))));
}

proptest! {
    #[test]
    fn nothing_panics(text: Vec<u8>, odd in "(commits|last_commit_ms)?[ 0-9\n]{0,40}", mode: String, devices: usize) {
        parse_commits(&text);
        parse_commits(odd.as_bytes());
        sectors(&text);
        ratio(&mode, devices);
    }
}
