//! What `/sys/devices/system/cpu` says: CPUs online and isolated, and how often cores and packages were throttled.

use std::fs;
use std::path::{Path, PathBuf};

use agent_core::collector::CollectError;
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch, parse_u64};

use crate::host::{Host, optional, read, read_number};

/// The folder of all CPUs. What belongs to the CPUs that are online is looked up again when that set changes.
#[derive(Debug)]
pub(super) struct Topology {
    folder: PathBuf,
    online: KeptFile,
    present: KeptFile,
    isolated: KeptFile,
    /// The list of online CPUs for which the fields below hold.
    known: Vec<u8>,
    /// Whether CPUs can be taken offline here at all; `node_cpu_online` is only exported then.
    hotplug: bool,
    throttles: Vec<Throttle>,
    scratch: Scratch,
}

/// A counter of a core or, without one, of a package.
#[derive(Debug)]
struct Throttle {
    package: String,
    core: Option<String>,
    count: KeptFile,
    value: Option<u64>,
}

impl Topology {
    pub(super) fn new(host: &Host) -> Self {
        let folder = PathBuf::from("devices/system/cpu");
        Self {
            online: host.sysfs(folder.join("online")),
            present: host.sysfs(folder.join("present")),
            isolated: host.sysfs(folder.join("isolated")),
            folder: host.roots.sysfs.join(folder),
            known: Vec::new(),
            hotplug: false,
            throttles: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    pub(super) fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Some(online) = optional(read(&mut self.online, &mut self.scratch))? else { return Ok(()) };
        if online != self.known {
            online.clone_into(&mut self.known);
            self.look_up();
        }
        self.write_isolated(out)?;
        self.write_online(out)?;
        self.write_throttles(out);
        Ok(())
    }

    fn write_isolated(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Some(isolated) = optional(read(&mut self.isolated, &mut self.scratch))? else { return Ok(()) };
        let help = "Whether a CPU is kept out of scheduling and load balancing.";
        let mut family = out.family("node_cpu_isolated", help, Kind::Gauge);
        for cpu in parse_cpu_list(isolated) {
            family.sample(&[("cpu", &cpu.to_string())], 1_u64);
        }
        Ok(())
    }

    fn write_online(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        if !self.hotplug {
            return Ok(());
        }
        let Some(present) = optional(read(&mut self.present, &mut self.scratch))? else { return Ok(()) };
        let mut family = out.family("node_cpu_online", "Whether a CPU is online.", Kind::Gauge);
        for cpu in parse_cpu_list(present) {
            let online = parse_cpu_list(&self.known).any(|other| other == cpu);
            family.sample(&[("cpu", &cpu.to_string())], online);
        }
        Ok(())
    }

    fn write_throttles(&mut self, out: &mut Exposition<'_>) {
        for throttle in &mut self.throttles {
            // A CPU that goes offline in between loses its own series only.
            throttle.value = read_number(&mut throttle.count, &mut self.scratch).ok();
        }
        let help = "How often a core was slowed down because it was too hot.";
        let mut family = out.family("node_cpu_core_throttles_total", help, Kind::Counter);
        for throttle in &self.throttles {
            if let (Some(core), Some(value)) = (&throttle.core, throttle.value) {
                family.sample(&[("core", core), ("package", &throttle.package)], value);
            }
        }
        let help = "How often a package was slowed down because it was too hot.";
        let mut family = out.family("node_cpu_package_throttles_total", help, Kind::Counter);
        for throttle in self.throttles.iter().filter(|throttle| throttle.core.is_none()) {
            if let Some(value) = throttle.value {
                family.sample(&[("package", &throttle.package)], value);
            }
        }
    }

    /// Finds one counter for each core and each package; CPUs that share one report the same.
    fn look_up(&mut self) {
        self.hotplug = self.folder.join("cpu0/online").exists();
        self.throttles.clear();
        for cpu in parse_cpu_list(&self.known) {
            let cpu = self.folder.join(format!("cpu{cpu}"));
            let Some(package) = read_label(&cpu.join("topology/physical_package_id")) else { continue };
            let Some(core) = read_label(&cpu.join("topology/core_id")) else { continue };
            for (core, file) in [(Some(core), "core_throttle_count"), (None, "package_throttle_count")] {
                let path = cpu.join("thermal_throttle").join(file);
                let known = self.throttles.iter().any(|t| t.package == package && t.core == core);
                if !known && path.exists() {
                    let package = package.clone();
                    self.throttles.push(Throttle { package, core, count: KeptFile::new(path), value: None });
                }
            }
        }
    }
}

fn read_label(path: &Path) -> Option<String> {
    let number = parse_u64(fs::read(path).ok()?.trim_ascii())?;
    Some(number.to_string())
}

/// A list such as `0-3,8,10-11`; parts that are no such thing are left out.
fn parse_cpu_list(text: &[u8]) -> impl Iterator<Item = u16> + '_ {
    let number = |text: &[u8]| u16::try_from(parse_u64(text)?).ok();
    text.trim_ascii().split(|byte| *byte == b',').flat_map(move |part| {
        let mut ends = part.splitn(2, |byte| *byte == b'-');
        let first = ends.next().and_then(number);
        let last = ends.next().map_or(first, number);
        first.zip(last).map(|(first, last)| first..=last).into_iter().flatten()
    })
}

#[cfg(test)]
mod tests {
    use agent_core::collector::Collector;
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    impl Collector for Topology {
        fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
            Self::collect(self, out)
        }
    }

    #[test]
    fn cores_and_packages_are_counted_once() {
        let root = FakeRoot::new();
        let folder = "sys/devices/system/cpu";
        root.file(format!("{folder}/online"), "0,2-3\n");
        root.file(format!("{folder}/present"), "0-3\n");
        root.file(format!("{folder}/isolated"), "3\n");
        root.file(format!("{folder}/cpu0/online"), "1\n");
        for (cpu, core, throttles) in [(0, 0, 5), (2, 1, 7), (3, 1, 7)] {
            root.file(format!("{folder}/cpu{cpu}/topology/physical_package_id"), "0\n");
            root.file(format!("{folder}/cpu{cpu}/topology/core_id"), format!("{core}\n"));
            root.file(
                format!("{folder}/cpu{cpu}/thermal_throttle/core_throttle_count"),
                format!("{throttles}\n"),
            );
            root.file(format!("{folder}/cpu{cpu}/thermal_throttle/package_throttle_count"), "30\n");
        }
        let (text, error) = collect(Topology::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "node_cpu_isolated{cpu=\"3\"} 1",
                "node_cpu_online{cpu=\"0\"} 1",
                "node_cpu_online{cpu=\"1\"} 0",
                "node_cpu_online{cpu=\"2\"} 1",
                "node_cpu_online{cpu=\"3\"} 1",
                "node_cpu_core_throttles_total{core=\"0\",package=\"0\"} 5",
                "node_cpu_core_throttles_total{core=\"1\",package=\"0\"} 7",
                "node_cpu_package_throttles_total{package=\"0\"} 30",
            ]
        );
    }

    #[test]
    fn lists() {
        assert_eq!(parse_cpu_list(b"0-2,7\n").collect::<Vec<_>>(), [0, 1, 2, 7]);
        assert_eq!(parse_cpu_list(b"\n").count(), 0);
        assert_eq!(parse_cpu_list(b"3-1,x,5-").count(), 0);
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>, list in "[0-9,-]{0,40}") {
            parse_cpu_list(&text).count();
            parse_cpu_list(list.as_bytes()).count();
        }
    }
}
