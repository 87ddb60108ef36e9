//! `lnstat`: counters of the network's caches by CPU, from the files in the host's `net/stat`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch, fields, lines, text};

use crate::host::Host;
use crate::named::Names;
use crate::ordinals::Ordinals;
use crate::sysfs::list;

/// The collector.
#[derive(Debug)]
pub(super) struct Lnstat {
    folder: PathBuf,
    /// By subsystem.
    files: BTreeMap<String, Subsystem>,
    names: Names,
    cpus: Ordinals,
}

#[derive(Debug)]
struct Subsystem {
    file: KeptFile,
    scratch: Scratch,
    seen: bool,
}

impl Lnstat {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            folder: host.net("stat").path().to_owned(),
            files: BTreeMap::new(),
            names: Names::new("node_lnstat_", "_total", "Network cache counter", None),
            cpus: Ordinals::default(),
        }
    }

    /// Reads all files; they come and go with kernel modules.
    fn read_files(&mut self) -> Result<(), CollectError> {
        let names = list(&self.folder)?;
        for file in self.files.values_mut() {
            file.seen = false;
        }
        for name in names {
            let path = self.folder.join(&name);
            let file = self.files.entry(name).or_insert_with(|| Subsystem::new(path));
            file.seen = file.file.read(&mut file.scratch).is_ok();
        }
        self.files.retain(|_, file| file.seen);
        Ok(())
    }
}

impl Subsystem {
    fn new(path: PathBuf) -> Self {
        Self { file: KeptFile::new(path), scratch: Scratch::default(), seen: false }
    }
}

impl Collector for Lnstat {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        self.read_files()?;
        let Self { files, names, cpus, .. } = self;
        let mut samples: Vec<_> = files
            .iter()
            .flat_map(|(subsystem, file)| {
                parse(file.scratch.content()).map(move |sample| (subsystem.as_str(), sample))
            })
            .collect();
        samples.sort_by_key(|(_, sample)| sample.counter);
        for samples in samples.chunk_by(|(_, first), (_, second)| first.counter == second.counter) {
            let Some(named) = samples.first().and_then(|(_, sample)| names.get(sample.counter)) else {
                continue;
            };
            let mut family = out.family(&named.name, &named.help, Kind::Counter);
            for (subsystem, sample) in samples {
                family.sample(&[("cpu", cpus.get(sample.cpu)), ("subsystem", subsystem)], sample.value);
            }
        }
        Ok(())
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Sample<'a> {
    counter: &'a [u8],
    /// The line: the kernel has one for each possible CPU, in order.
    cpu: usize,
    value: u64,
}

/// A line of names, then a line of hexadecimal numbers for each CPU.
fn parse(content: &[u8]) -> impl Iterator<Item = Sample<'_>> {
    let mut lines = lines(content);
    let heading = lines.next().unwrap_or_default();
    lines.enumerate().flat_map(move |(cpu, line)| {
        fields(heading).zip(fields(line)).filter_map(move |(counter, value)| {
            Some(Sample { counter, cpu, value: u64::from_str_radix(text(value)?, 16).ok()? })
        })
    })
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    #[test]
    fn families_of_several_files_stay_in_one_piece() {
        let root = FakeRoot::new();
        root.file("proc/1/net/dev", "");
        root.file("proc/1/net/stat/arp_cache", "entries  allocs\n00000014  0000000a\n00000014  zz\n");
        root.file("proc/1/net/stat/ndisc_cache", "entries\n00000001\n");
        let (text, error) = collect(Lnstat::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        let expected = "# TYPE node_lnstat_entries_total counter\n\
                        node_lnstat_entries_total{cpu=\"0\",subsystem=\"arp_cache\"} 20\n\
                        node_lnstat_entries_total{cpu=\"1\",subsystem=\"arp_cache\"} 20\n\
                        node_lnstat_entries_total{cpu=\"0\",subsystem=\"ndisc_cache\"} 1\n";
        assert!(text.ends_with(expected), "{text}");
        assert!(
            text.contains("\nnode_lnstat_allocs_total{cpu=\"0\",subsystem=\"arp_cache\"} 10\n"),
            "{text}"
        );
        assert_eq!(text.matches("node_lnstat_allocs_total{").count(), 1);
    }

    #[test]
    fn a_kernel_without_it_is_no_fault() {
        let (_, error) = collect(Lnstat::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, tail in "[0-9a-f \n]{0,200}") {
            parse(&content).count();
            parse(format!("entries allocs\n{tail}").as_bytes()).count();
        }
    }
}
