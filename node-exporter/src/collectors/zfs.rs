//! `zfs`: OpenZFS's own statistics and the state of its pools (`spl/kstat/zfs`).
//!
//! The names of the counters are the module's; what a newer module adds passes through.

mod pools;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind, Value};
use agent_core::read::{KeptFile, Scratch, fields, lines, parse_u64, text};

use self::pools::Pools;
use crate::host::Host;
use crate::named::Names;

/// The files with numbers of the whole module, and what their families begin with.
const FILES: [(&str, &str, &str); 11] = [
    ("abdstats", "node_zfs_abd_", "Number that kstat abdstats gives as"),
    ("arcstats", "node_zfs_arc_", "Number that kstat arcstats gives as"),
    ("dbufstats", "node_zfs_dbuf_", "Number that kstat dbufstats gives as"),
    ("dmu_tx", "node_zfs_dmu_tx_", "Number that kstat dmu_tx gives as"),
    ("dnodestats", "node_zfs_dnode_", "Number that kstat dnodestats gives as"),
    ("fm", "node_zfs_fm_", "Number that kstat fm gives as"),
    ("vdev_cache_stats", "node_zfs_vdev_cache_", "Number that kstat vdev_cache_stats gives as"),
    ("vdev_mirror_stats", "node_zfs_vdev_mirror_", "Number that kstat vdev_mirror_stats gives as"),
    ("xuio_stats", "node_zfs_xuio_", "Number that kstat xuio_stats gives as"),
    ("zfetchstats", "node_zfs_zfetch_", "Number that kstat zfetchstats gives as"),
    ("zil", "node_zfs_zil_", "Number that kstat zil gives as"),
];

/// The collector.
#[derive(Debug)]
pub(super) struct Zfs {
    files: Vec<(KeptFile, Names)>,
    pools: Pools,
    scratch: Scratch,
}

impl Zfs {
    pub(super) fn new(host: &Host) -> Self {
        let folder = host.roots.procfs.join("spl/kstat/zfs");
        let files = FILES.map(|(file, prefix, help)| {
            (KeptFile::new(folder.join(file)), Names::new(prefix, "", help, None))
        });
        Self { files: files.into(), pools: Pools::new(folder), scratch: Scratch::default() }
    }
}

impl Collector for Zfs {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        // Where the module is not loaded there is no folder, and no file is looked for.
        let pools = self.pools.list()?;
        for (file, names) in &mut self.files {
            // Each version of the module has some of them.
            let Ok(content) = file.read(&mut self.scratch) else { continue };
            for (word, value) in parse(content) {
                if let Some(named) = names.get(word) {
                    out.family(&named.name, &named.help, Kind::Untyped).sample(&[], value);
                }
            }
        }
        self.pools.collect(&pools, out, &mut self.scratch);
        Ok(())
    }
}

/// The lines `name type data` below the headings; types 3 and 4 are whole numbers with and without sign.
fn parse(content: &[u8]) -> impl Iterator<Item = (&[u8], Value)> {
    let headings = |line: &&[u8]| !fields(line).eq([&b"name"[..], b"type", b"data"]);
    lines(content).skip_while(headings).skip(1).filter_map(|line| {
        let mut fields = fields(line);
        let (name, kind, data) = (fields.next()?, fields.next()?, fields.next()?);
        let value = match kind {
            b"3" => text(data)?.parse::<i64>().ok().map(Value::from),
            b"4" => parse_u64(data).map(Value::from),
            _ => None,
        };
        Some((name, value?))
    })
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    const HEAD: &str = "7 1 0x01 21 5712 731 309\nname                            type data\n";

    #[test]
    fn whole_numbers_pass_through() {
        let root = FakeRoot::new();
        let file = |name, lines| root.file(format!("proc/spl/kstat/zfs/{name}"), format!("{HEAD}{lines}"));
        file(
            "arcstats",
            "hits  4  8772612\nmemory_available_bytes  3  -922\nl2_name  7  text\nnew-word 4 1\n",
        );
        file("pool1/objset-0x36", "dataset_name 7 pool1/a  b\nwrites 4 4\nnread 4 28\n");
        file("pool1/objset-0x37", "dataset_name 7 pool1/c\nnread 4 29\n");
        root.file(
            "proc/spl/kstat/zfs/pool1/io",
            "12 3 0x00 1 80 7 3\nnread nwritten reads\n1884160 3206144 22\n",
        );
        root.file("proc/spl/kstat/zfs/pool2/state", "SUSPENDED\n");
        let (text, error) = collect(Zfs::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in [
            "arc_hits 8772612",
            "arc_memory_available_bytes -922",
            "arc_new_word 1",
            "zpool_nwritten{zpool=\"pool1\"} 3206144",
            "zpool_dataset_nread{dataset=\"pool1/a  b\",zpool=\"pool1\"} 28",
            "zpool_dataset_nread{dataset=\"pool1/c\",zpool=\"pool1\"} 29",
            "zpool_state{state=\"suspended\",zpool=\"pool2\"} 1",
            "zpool_state{state=\"online\",zpool=\"pool2\"} 0",
        ] {
            assert!(text.contains(&format!("\nnode_zfs_{line}\n")), "{text}");
        }
        assert_eq!(text.matches("# TYPE node_zfs_zpool_dataset_nread").count(), 1);
        assert!(!text.contains("l2_name"), "{text}");
    }

    #[test]
    fn a_host_without_it_is_no_fault() {
        let (_, error) = collect(Zfs::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "(name type data\n|[a-z0-9 \n-]){0,60}") {
            parse(&content).count();
            parse(odd.as_bytes()).count();
        }
    }
}
