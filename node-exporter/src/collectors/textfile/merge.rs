//! Families of all files together: one HELP, one TYPE, no series twice.

use std::borrow::Cow;
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
            match family.kind {
                Type::Counter => write_plain(out, family, &help, Kind::Counter),
                Type::Gauge => write_plain(out, family, &help, Kind::Gauge),
                Type::Untyped => write_plain(out, family, &help, Kind::Untyped),
                Type::Summary => write_parts(out, family, &help, ("summary", "quantile")),
                Type::Histogram => write_parts(out, family, &help, ("histogram", "le")),
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

fn write_plain(out: &mut Exposition<'_>, family: &Family, help: &str, kind: Kind) {
    let names = family.label_names();
    let mut written = out.family(&family.name, help, kind);
    for sample in &family.samples {
        written.sample(&complete(sample, &names), sample.value);
    }
}

/// The labels of a sample; those that only others of its family have are empty, so that all are alike.
fn complete<'a>(sample: &'a Sample, names: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    let mut labels: Vec<_> = sample.labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let missing = names.iter().filter(|name| !sample.labels.iter().any(|(known, _)| known == *name));
    labels.extend(missing.map(|name| (*name, "")));
    labels
}

/// A histogram or a summary: its word, and the label that tells its samples of one name apart.
fn write_parts(out: &mut Exposition<'_>, family: &Family, help: &str, (word, limit): (&str, &str)) {
    let by_labels = out.parts_by_labels();
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for sample in &family.samples {
        let labels = sample.labels.iter().filter(|(key, _)| by_labels && key != limit);
        groups.entry(labels.collect::<BTreeSet<_>>()).or_default().push(sample);
    }
    let mut first = true;
    for samples in groups.values() {
        let names: BTreeSet<_> = samples.iter().map(|sample| &sample.name).collect();
        for name in names {
            let suffix = name.strip_prefix(family.name.as_str()).unwrap_or_default();
            let part = Exposition::part_name(word, &family.name, suffix, first);
            first = false;
            let mut written = out.family(&part, help, Kind::Untyped);
            for sample in samples.iter().filter(|sample| sample.name == *name) {
                let values = sample.labels.iter().map(|(key, value)| {
                    let fraction = by_labels && key == limit;
                    (key.as_str(), if fraction { as_fraction(value) } else { Cow::from(value) })
                });
                let values: Vec<_> = values.collect();
                let labels: Vec<_> = values.iter().map(|(key, value)| (*key, &**value)).collect();
                written.sample(&labels, sample.value);
            }
        }
    }
}

/// A whole number with a decimal point, anything else as it is.
fn as_fraction(number: &str) -> Cow<'_, str> {
    let whole = number.parse::<i64>().is_ok();
    if whole { Cow::Owned(format!("{number}.0")) } else { Cow::Borrowed(number) }
}
