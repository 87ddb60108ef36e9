//! Families of all files together: one HELP, one TYPE, no series twice.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use agent_core::exposition::{Exposition, Kind};

use super::parse::{Family, Sample, Series, Type};

/// What has been read so far, by family.
#[derive(Debug, Default)]
pub(super) struct Merged {
    entries: BTreeMap<String, Entry>,
    seen: HashSet<Series>,
}

#[derive(Debug)]
struct Entry {
    family: Family,
    files: Vec<String>,
}

impl Merged {
    /// Adds a file's families, all or none: one that contradicts an earlier file makes the whole file wrong.
    pub(super) fn add(&mut self, families: Vec<Family>, file: &str) -> Result<(), String> {
        for family in &families {
            if let Some(known) = self.entries.get(&family.name) {
                known.check(family)?;
            }
        }
        let series: Vec<_> = families.iter().flat_map(|family| &family.samples).map(Sample::series).collect();
        if let Some((name, _)) = series.iter().find(|series| self.seen.contains(*series)) {
            return Err(format!("{name} with the same labels is in another file too"));
        }
        self.seen.extend(series);
        for family in families {
            if let Some(known) = self.entries.get_mut(&family.name) {
                known.family.help = known.family.help.take().or(family.help);
                known.family.samples.extend(family.samples);
                known.files.push(file.to_owned());
            } else {
                self.entries.insert(family.name.clone(), Entry { family, files: vec![file.to_owned()] });
            }
        }
        Ok(())
    }

    /// Whether a file has a family of this name.
    pub(super) fn has(&self, family: &str) -> bool {
        self.entries.contains_key(family)
    }

    pub(super) fn write(&self, out: &mut Exposition<'_>) {
        for Entry { family, files } in self.entries.values() {
            let origin = || format!("Metric read from {}", files.join(", "));
            let help = family.help.clone().unwrap_or_else(origin);
            let (kind, whole) = match family.kind {
                Type::Counter => (Kind::Counter, None),
                Type::Gauge => (Kind::Gauge, None),
                Type::Untyped => (Kind::Untyped, None),
                Type::Summary => (Kind::Untyped, Some("summary")),
                Type::Histogram => (Kind::Untyped, Some("histogram")),
            };
            let labels: Vec<_> = family.label_names();
            // The parts of a histogram or a summary (`_bucket`, `_sum`, `_count`) each stay in one piece.
            let names: BTreeSet<_> = family.samples.iter().map(|sample| &sample.name).collect();
            for (index, name) in names.into_iter().enumerate() {
                let part = whole.map(|word| {
                    let suffix = name.strip_prefix(family.name.as_str()).unwrap_or_default();
                    out.part_name(word, &family.name, suffix, index == 0)
                });
                let mut written = out.family(part.as_ref().unwrap_or(name), &help, kind);
                for sample in family.samples.iter().filter(|sample| sample.name == *name) {
                    written.sample(&complete(sample, &labels, family.kind), sample.value);
                }
            }
        }
    }
}

impl Entry {
    fn check(&self, other: &Family) -> Result<(), String> {
        let Family { name, kind, help, .. } = &self.family;
        if *kind != other.kind {
            return Err(format!("{name} has another TYPE in {}", self.files.join(", ")));
        }
        if help.as_ref().zip(other.help.as_ref()).is_some_and(|(ours, theirs)| ours != theirs) {
            return Err(format!("{name} has another HELP in {}", self.files.join(", ")));
        }
        Ok(())
    }
}

/// The labels of a sample; those that only others of its family have are empty, so that all are alike.
fn complete<'a>(sample: &'a Sample, names: &[&'a str], kind: Type) -> Vec<(&'a str, &'a str)> {
    let mut labels: Vec<_> = sample.labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    if matches!(kind, Type::Counter | Type::Gauge | Type::Untyped) {
        labels.extend(
            names.iter().filter(|name| !sample.labels.iter().any(|(k, _)| k == *name)).map(|n| (*n, "")),
        );
    }
    labels
}
