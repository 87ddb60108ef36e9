//! `procs`: the processes that use most, added up by command or by container.
//!
//! At most twice `--collector.procs.top` groups are exported, whatever runs on the host. Not in `node_exporter`.

mod groups;
mod parse;

use std::fs;
use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::error::{ConfigError, ConfigErrors};
use agent_core::exposition::{Exposition, Kind, Value};
use agent_core::read::Scratch;

use self::groups::{Groups, Usage};
use self::parse::{parse_container, parse_stat};
use super::Build;
use crate::flags::{Flag, Given, Takes};
use crate::host::Host;

const TOP: Flag = Flag {
    name: "collector.procs.top",
    takes: Takes::Value { what: "N", default: "10" },
    help: "How many groups to export by CPU time, and how many by memory",
    old_names: &[],
};
const GROUP_BY: Flag = Flag {
    name: "collector.procs.group-by",
    takes: Takes::Value { what: "WHAT", default: "command" },
    help: "What to add processes up by: command, or container (a task of a Swarm is one)",
    old_names: &[],
};

pub(super) const FLAGS: &[Flag] = &[TOP, GROUP_BY];

/// More would be no choice of the top any more.
const MAX_TOP: usize = 1000;

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let mut errors = ConfigErrors::new();
    let top = errors.take(parse_top(given.value(&TOP)));
    let by = errors.take(By::parse(given.value(&GROUP_BY)));
    let (top, by) = errors.finish(top.zip(by))?;
    Ok(Build::new(move |host| Procs::new(host, top, by)))
}

fn parse_top(text: &str) -> Result<usize, ConfigError> {
    text.parse().ok().filter(|top| (1..=MAX_TOP).contains(top)).ok_or_else(|| {
        let expected = format!("give a whole number from 1 to {MAX_TOP}");
        ConfigError::new(format!("--{}", TOP.name), text, "is not a number of groups", expected)
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Command,
    Container,
}

impl By {
    fn parse(text: &str) -> Result<Self, ConfigError> {
        match text {
            "command" => Ok(Self::Command),
            "container" => Ok(Self::Container),
            _ => Err(ConfigError::new(
                format!("--{}", GROUP_BY.name),
                text,
                "is nothing to group by",
                "give command or container",
            )),
        }
    }

    /// The label that tells groups apart; processes of the host have no container.
    const fn label(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Container => "container_id",
        }
    }
}

#[derive(Debug)]
struct Procs {
    procfs: PathBuf,
    top: usize,
    by: By,
    groups: Groups,
    ticks_per_second: f64,
    page_size: u64,
    scratch: Scratch,
}

impl Procs {
    fn new(host: &Host, top: usize, by: By) -> Self {
        Self {
            procfs: host.roots.procfs.clone(),
            top,
            by,
            groups: Groups::default(),
            ticks_per_second: procfs::ticks_per_second() as f64,
            page_size: procfs::page_size(),
            scratch: Scratch::default(),
        }
    }

    fn read_processes(&mut self) -> Result<(), CollectError> {
        let entries = fs::read_dir(&self.procfs).map_err(|error| CollectError::io(&self.procfs, error))?;
        self.groups.begin();
        for entry in entries.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // A process that ended since the folder was read is no error.
            let Ok(content) = self.scratch.read(&self.procfs.join(format!("{pid}/stat"))) else { continue };
            let Some(stat) = parse_stat(content) else { continue };
            let group = || match self.by {
                By::Command => String::from_utf8_lossy(stat.command).into_owned(),
                By::Container => {
                    let cgroup = fs::read(self.procfs.join(format!("{pid}/cgroup"))).unwrap_or_default();
                    parse_container(&cgroup).unwrap_or_default().to_owned()
                }
            };
            self.groups.add((pid, stat.started), stat.ticks, stat.pages, group);
        }
        self.groups.end();
        Ok(())
    }
}

impl Collector for Procs {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        self.read_processes()?;
        let top = self.groups.top(self.top);
        let mut write = |name: &str, help: &str, kind, value: &dyn Fn(&Usage) -> Value| {
            let mut family = out.family(name, help, kind);
            for (group, usage) in &top {
                family.sample(&[(self.by.label(), group)], value(usage));
            }
        };
        let help = "CPU time of a group of processes among those that use most, user and system.";
        write("node_procs_cpu_seconds_total", help, Kind::Counter, &|usage| {
            (usage.ticks as f64 / self.ticks_per_second).into()
        });
        let help = "Memory in RAM of such a group; pages that several share count for each.";
        write("node_procs_resident_memory_bytes", help, Kind::Gauge, &|usage| {
            usage.pages.saturating_mul(self.page_size).into()
        });
        write("node_procs_processes", "Processes of such a group.", Kind::Gauge, &|usage| {
            usage.processes.into()
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    fn process(root: &FakeRoot, pid: u32, command: &str, ticks: u64, pages: u64, cgroup: &str) {
        let stat = format!("{pid} ({command}) S 0 0 0 0 0 0 0 0 0 0 {ticks} 0 0 0 0 0 0 0 7 0 {pages} 0\n");
        root.file(format!("proc/{pid}/stat"), stat);
        root.file(format!("proc/{pid}/cgroup"), cgroup);
    }

    fn collected(by: By) -> String {
        let root = FakeRoot::new();
        let container = format!("0::/docker/{}\n", "a".repeat(64));
        process(&root, 1, "systemd", 500, 10, "0::/init.scope\n");
        process(&root, 20, "nginx", 100, 20, &container);
        process(&root, 21, "nginx", 150, 22, &container);
        process(&root, 30, "idle", 0, 0, "0::/system.slice/idle.service\n");
        root.file("proc/stat", "cpu 1\n");
        let mut procs = Procs::new(&fake::host(&root), 1, by);
        (procs.ticks_per_second, procs.page_size) = (100.0, 4096);
        let (text, error) = collect(procs);
        assert!(error.is_none(), "{error:?}");
        text
    }

    #[test]
    fn the_busiest_and_the_largest_command() {
        let text = collected(By::Command);
        for line in [
            "node_procs_cpu_seconds_total{command=\"nginx\"} 2.5",
            "node_procs_cpu_seconds_total{command=\"systemd\"} 5",
            "node_procs_resident_memory_bytes{command=\"nginx\"} 172032",
            "node_procs_processes{command=\"nginx\"} 2",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{text}");
        }
        assert!(!text.contains("idle"), "{text}");
    }

    #[test]
    fn containers_by_their_id_and_the_rest_without() {
        let text = collected(By::Container);
        let id = "a".repeat(64);
        assert!(text.contains(&format!("\nnode_procs_processes{{container_id=\"{id}\"}} 2\n")), "{text}");
        assert!(text.contains("\nnode_procs_cpu_seconds_total{container_id=\"\"} 5\n"), "{text}");
    }

    #[test]
    fn wrong_settings_are_named() {
        assert!(parse_top("0").unwrap_err().to_string().contains("from 1 to 1000"));
        assert!(By::parse("colour").unwrap_err().to_string().contains("give command or container"));
    }
}
