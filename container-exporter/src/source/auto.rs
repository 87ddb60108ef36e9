//! `--source=auto`: cgroup files where they can be read, else the stats streams.

use std::sync::Arc;

use tracing::info;

use super::Source;
use super::cgroup::CgroupSource;
use super::stats::StatsSource;
use crate::container::Container;
use crate::sample::{BlockIo, Cpu, HugePages, Interface, Memory, NumaPages, Pressure, Processes};
use crate::store::Running;

/// Decides when the first containers are there, and looks again whenever they change while the files cannot be read
/// (a container that is just ending must not decide for all time).
#[derive(Debug)]
pub struct AutoSource {
    cgroup: CgroupSource,
    stats: StatsSource,
    chosen: Option<Chosen>,
    seen: Option<Running>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chosen {
    Cgroup,
    Stats,
}

impl AutoSource {
    /// Has both at hand; streams are opened only once they are chosen.
    pub fn new(cgroup: CgroupSource, stats: StatsSource) -> Self {
        Self { cgroup, stats, chosen: None, seen: None }
    }

    fn choose(&mut self, running: &Running) {
        let seen = self.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, running));
        let mut containers = running.iter().filter(|c| c.is_container()).peekable();
        if self.chosen == Some(Chosen::Cgroup) || seen || containers.peek().is_none() {
            return;
        }
        self.seen = Some(Arc::clone(running));
        let readable = containers.any(|container| self.cgroup.can_read(container));
        let choice = if readable { Chosen::Cgroup } else { Chosen::Stats };
        if self.chosen != Some(choice) {
            self.chosen = Some(choice);
            match choice {
                Chosen::Cgroup => info!(source = "cgroup", "containers are read from their cgroup files"),
                Chosen::Stats => info!(
                    source = "stats",
                    "containers are read from Docker's stats streams: no cgroup files of theirs are under \
                     --path.sysfs (bind the host's /proc and /sys and name them with --path.procfs and --path.sysfs \
                     for a cheaper source with more metrics)"
                ),
            }
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self.chosen {
            Some(Chosen::Stats) => &mut self.stats,
            Some(Chosen::Cgroup) | None => &mut self.cgroup,
        }
    }
}

impl Source for AutoSource {
    fn name(&self) -> &'static str {
        match self.chosen {
            Some(Chosen::Cgroup) => self.cgroup.name(),
            Some(Chosen::Stats) => self.stats.name(),
            None => "undecided",
        }
    }

    fn prepare(&mut self, running: &Running) {
        self.choose(running);
        self.source().prepare(running);
    }

    fn cpu(&mut self, container: &Container) -> Option<Cpu> {
        self.source().cpu(container)
    }

    fn memory(&mut self, container: &Container) -> Option<Memory> {
        self.source().memory(container)
    }

    fn interfaces(&mut self, container: &Container) -> Vec<Interface> {
        self.source().interfaces(container)
    }

    fn block_io(&mut self, container: &Container) -> Vec<BlockIo> {
        self.source().block_io(container)
    }

    fn processes(&mut self, container: &Container) -> Option<Processes> {
        self.source().processes(container)
    }

    fn percpu(&mut self, container: &Container) -> Vec<u64> {
        self.source().percpu(container)
    }

    fn pressure(&mut self, container: &Container) -> Option<Pressure> {
        self.source().pressure(container)
    }

    fn oom_kills(&mut self, container: &Container) -> Option<u64> {
        self.source().oom_kills(container)
    }

    fn huge_pages(&mut self, container: &Container) -> Vec<HugePages> {
        self.source().huge_pages(container)
    }

    fn numa(&mut self, container: &Container) -> Vec<NumaPages> {
        self.source().numa(container)
    }

    fn pids(&mut self, container: &Container) -> Vec<u32> {
        self.source().pids(container)
    }

    fn first_pid(&mut self, container: &Container) -> Option<u32> {
        self.source().first_pid(container)
    }
}
