//! `rapl`: energy that parts of the processor used, from `/sys/class/powercap`. Only root may read it.

use std::collections::HashMap;
use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};

use super::Build;
use crate::flags::{Flag, Given, Takes};
use crate::host::Host;
use crate::named::metric_word;
use crate::sysfs::{Sysfs, is_number, list};

const ZONE_LABEL: Flag = Flag {
    name: "collector.rapl.enable-zone-label",
    takes: Takes::Switch { default: false },
    help: "Export one family node_rapl_joules_total with the zone as a label",
    old_names: &[],
};

pub(super) const FLAGS: &[Flag] = &[ZONE_LABEL];

pub(super) fn build(given: Given<'_>) -> Build {
    let zone_label = given.is_on(&ZONE_LABEL);
    Build::new(move |host| Rapl::new(host, zone_label))
}

#[derive(Debug)]
struct Rapl {
    folder: PathBuf,
    zone_label: bool,
    sysfs: Sysfs,
}

#[derive(Debug)]
struct Zone {
    name: String,
    index: u64,
    path: String,
    joules: f64,
}

impl Rapl {
    fn new(host: &Host, zone_label: bool) -> Self {
        Self { folder: host.roots.sysfs.join("class/powercap"), zone_label, sysfs: Sysfs::keeping() }
    }

    /// The zones that can be read, and how many cannot.
    fn read_zones(&mut self) -> Result<(Vec<Zone>, usize), CollectError> {
        let mut zones = Vec::new();
        let mut unreadable = 0;
        let mut next_index = HashMap::new();
        for entry in list(&self.folder)? {
            let folder = self.folder.join(&entry);
            let Some(text) = self.sysfs.text(&folder, "name") else { continue };
            let (name, index) = split_name(&text);
            let index = index.unwrap_or_else(|| next_index.get(name).copied().unwrap_or(0));
            next_index.insert(name.to_owned(), index.saturating_add(1));
            match self.sysfs.number(&folder, "energy_uj") {
                Some(microjoules) => zones.push(Zone {
                    name: name.to_owned(),
                    index,
                    path: folder.display().to_string(),
                    joules: microjoules as f64 / 1e6,
                }),
                None => unreadable += 1,
            }
        }
        self.sysfs.forget_unused();
        zones.sort_by(|a, b| a.name.cmp(&b.name));
        Ok((zones, unreadable))
    }
}

/// `package-0` is the first `package`; names without such a number are counted.
fn split_name(text: &str) -> (&str, Option<u64>) {
    match text.split_once('-') {
        Some((name, index)) if is_number(index) => (name, index.parse().ok()),
        _ => (text, None),
    }
}

impl Collector for Rapl {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let (zones, unreadable) = self.read_zones()?;
        if zones.is_empty() && unreadable > 0 {
            let folder = self.folder.display();
            return Err(CollectError::NoData(format!("{folder}/*/energy_uj can be read by root only")));
        }
        if self.zone_label {
            let help = "Energy that a part of the processor used, in joules.";
            let mut family = out.family("node_rapl_joules_total", help, Kind::Counter);
            for Zone { name, index, path, joules } in &zones {
                let labels =
                    [("index", index.to_string()), ("path", path.clone()), ("rapl_zone", name.clone())];
                family.sample(&labels.each_ref().map(|(label, value)| (*label, value.as_str())), *joules);
            }
            return Ok(());
        }
        for zones in zones.chunk_by(|a, b| a.name == b.name) {
            let Some(Zone { name, .. }) = zones.first() else { continue };
            let help = format!("Energy that the processor's part {name} used, in joules.");
            let name = format!("node_rapl_{}_joules_total", metric_word(name));
            let mut family = out.family(&name, &help, Kind::Counter);
            for Zone { index, path, joules, .. } in zones {
                family.sample(&[("index", &index.to_string()), ("path", path)], *joules);
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

    fn root() -> FakeRoot {
        let root = FakeRoot::new();
        for (zone, name) in [
            ("intel-rapl:0", "package-0"),
            ("intel-rapl:0:0", "core"),
            ("intel-rapl:1", "package-1"),
            ("intel-rapl:1:0", "core"),
        ] {
            root.file(format!("sys/class/powercap/{zone}/name"), format!("{name}\n"));
            root.file(format!("sys/class/powercap/{zone}/energy_uj"), "240422366267\n");
        }
        root.file("sys/class/powercap/intel-rapl/enabled", "1\n");
        root
    }

    #[test]
    fn zones_of_a_name_are_one_family() {
        let root = root();
        let (text, error) = collect(Rapl::new(&fake::host(&root), false));
        assert!(error.is_none(), "{error:?}");
        let folder = root.path().join("sys/class/powercap");
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [("core", 0, "0:0"), ("core", 1, "1:0"), ("package", 0, "0"), ("package", 1, "1")];
        let expected = expected.map(|(name, index, zone)| {
            let path = folder.join(format!("intel-rapl:{zone}"));
            format!(
                "node_rapl_{name}_joules_total{{index=\"{index}\",path=\"{}\"}} 240422.366267",
                path.display()
            )
        });
        assert_eq!(samples, expected);
    }

    #[test]
    fn the_zone_can_be_a_label() {
        let root = root();
        let (text, _) = collect(Rapl::new(&fake::host(&root), true));
        assert_eq!(text.matches("node_rapl_joules_total{").count(), 4);
        assert!(text.contains(",rapl_zone=\"core\"} 240422.366267\n"), "{text}");
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let root = FakeRoot::new();
        root.file("sys/class/powercap/intel-rapl:0/name", "package-0\n");
        let (_, error) = collect(Rapl::new(&fake::host(&root), false));
        assert!(error.unwrap().to_string().contains("root only"));
    }
}
