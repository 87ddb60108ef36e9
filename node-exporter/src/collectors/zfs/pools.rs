//! The folders of pools: `io` (modules before 2.1), `objset-*` of each mounted dataset, `state`.

use std::fs;
use std::path::{Path, PathBuf};

use agent_core::collector::CollectError;
use agent_core::exposition::{Exposition, Kind, Value};
use agent_core::read::{Scratch, fields, lines, parse_u64, text};

use super::parse;
use crate::named::Names;

const STATES: [&str; 7] = ["online", "degraded", "faulted", "offline", "removed", "unavail", "suspended"];

/// What is kept between scrapes: names, not descriptors, as datasets can be thousands.
#[derive(Debug)]
pub(super) struct Pools {
    folder: PathBuf,
    io_names: Names,
    dataset_names: Names,
}

/// A row of numbers under one or two labels, by the index of the family.
#[derive(Debug)]
struct Row<L> {
    labels: L,
    values: Vec<Option<Value>>,
}

/// Rows whose columns have the kernel's names, so that each family can be written in one piece.
#[derive(Debug)]
struct Rows<L> {
    words: Vec<Vec<u8>>,
    rows: Vec<Row<L>>,
}

impl Pools {
    pub(super) fn new(folder: PathBuf) -> Self {
        let help = "Number of a pool that its kstat io gives as";
        let io_names = Names::new("node_zfs_zpool_", "", help, None);
        let help = "Number of a dataset that its kstat objset gives as";
        let dataset_names = Names::new("node_zfs_zpool_dataset_", "", help, None);
        Self { folder, io_names, dataset_names }
    }

    /// The pools that are imported.
    pub(super) fn list(&self) -> Result<Vec<String>, CollectError> {
        let entries = fs::read_dir(&self.folder).map_err(|error| CollectError::io(&self.folder, error))?;
        let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let mut pools: Vec<_> = folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        pools.sort();
        Ok(pools)
    }

    /// A pool that is exported meanwhile loses only its own series.
    pub(super) fn collect(&mut self, pools: &[String], out: &mut Exposition<'_>, scratch: &mut Scratch) {
        let mut io = Rows::new();
        let mut datasets = Rows::new();
        let mut states = Vec::new();
        for pool in pools {
            let folder = self.folder.join(pool);
            if let Ok(content) = scratch.read(&folder.join("io")) {
                io.push([("zpool", pool.clone())], parse_io(content));
            }
            for path in list_objects(&folder) {
                let Ok(content) = scratch.read(&path) else { continue };
                if let Some(dataset) = parse_dataset(content) {
                    datasets.push([("dataset", dataset.to_owned()), ("zpool", pool.clone())], parse(content));
                }
            }
            if let Ok(content) = scratch.read(&folder.join("state")) {
                states.push((pool, content.trim_ascii().to_ascii_lowercase()));
            }
        }
        io.write(out, &mut self.io_names);
        datasets.write(out, &mut self.dataset_names);
        let mut family = out.family("node_zfs_zpool_state", "Which state a pool is in.", Kind::Gauge);
        for (pool, current) in states {
            for state in STATES {
                family.sample(&[("state", state), ("zpool", pool)], state.as_bytes() == current);
            }
        }
    }
}

impl<const N: usize> Rows<[(&'static str, String); N]> {
    fn new() -> Self {
        Self { words: Vec::new(), rows: Vec::new() }
    }

    fn push<'a>(
        &mut self,
        labels: [(&'static str, String); N],
        numbers: impl Iterator<Item = (&'a [u8], Value)>,
    ) {
        let mut values = vec![None; self.words.len()];
        // All files of a kind have the same words in the same order, so the guess is mostly right.
        for (guess, (word, value)) in numbers.enumerate() {
            let index = if self.words.get(guess).is_some_and(|known| known == word) {
                guess
            } else {
                self.words.iter().position(|known| known == word).unwrap_or_else(|| {
                    self.words.push(word.to_vec());
                    self.words.len() - 1
                })
            };
            values.resize(values.len().max(index + 1), None);
            if let Some(place) = values.get_mut(index) {
                *place = Some(value);
            }
        }
        self.rows.push(Row { labels, values });
    }

    fn write(&self, out: &mut Exposition<'_>, names: &mut Names) {
        for (index, word) in self.words.iter().enumerate() {
            let Some(own) = names.get(word) else { continue };
            let mut family = out.family(&own.name, &own.help, Kind::Untyped);
            for row in &self.rows {
                if let Some(value) = row.values.get(index).copied().flatten() {
                    family.sample(&row.labels.each_ref().map(|(name, text)| (*name, text.as_str())), value);
                }
            }
        }
    }
}

fn list_objects(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        entry.file_name().to_str()?.starts_with("objset-").then(|| entry.path())
    });
    let mut paths: Vec<_> = paths.collect();
    paths.sort();
    paths
}

/// `io`: a line of names that begins with `nread`, then a line of numbers.
fn parse_io(content: &[u8]) -> impl Iterator<Item = (&[u8], Value)> {
    let mut lines = lines(content).skip_while(|line| fields(line).next() != Some(b"nread"));
    let (names, numbers) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    fields(names).zip(fields(numbers)).filter_map(|(name, number)| Some((name, parse_u64(number)?.into())))
}

/// The dataset that an `objset-*` file is of: all that stands behind `dataset_name 7`, which may hold blanks.
fn parse_dataset(content: &[u8]) -> Option<&str> {
    let rest = lines(content).find_map(|line| line.strip_prefix(b"dataset_name"))?;
    text(rest)?.trim_start().split_once(char::is_whitespace).map(|(_, name)| name.trim_start())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_may_hold_blanks() {
        assert_eq!(parse_dataset(b"x\ndataset_name                    7    p/a  b\n"), Some("p/a  b"));
        assert_eq!(parse_dataset(b"dataset_name\n"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "(nread |dataset_name|[a-z0-9 \n]){0,60}") {
            parse_io(&content).count();
            parse_io(odd.as_bytes()).count();
            parse_dataset(&content);
            parse_dataset(odd.as_bytes());
        }
    }
}
