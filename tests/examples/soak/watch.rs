//! What an agent needs: memory, descriptors, threads, CPU.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use e2e::agent::Agent;
use e2e::wait::{ensure, until};

use crate::PATIENCE;

/// What log-router says of a container that the engine had removed before it could open its log.
const UNREAD: &str = "a container was gone before its log could be read";

/// An agent that is scraped.
pub(crate) struct Watched {
    pub(crate) name: &'static str,
    agent: Agent,
    pub(crate) samples: Vec<Sample>,
}

/// What it needs at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) at: Duration,
    /// Resident, KiB.
    pub(crate) resident: u64,
    /// Of it the heap and stacks.
    pub(crate) anonymous: u64,
    pub(crate) descriptors: usize,
    /// From request to answer.
    pub(crate) took: Duration,
    pub(crate) cpu_seconds: f64,
}

/// The same while nothing happens.
#[derive(Debug, Clone)]
pub(crate) struct Idle {
    pub(crate) descriptors: usize,
    /// What they are, without the numbers of sockets.
    pub(crate) kinds: BTreeMap<String, usize>,
    pub(crate) threads: usize,
    pub(crate) series: usize,
}

/// An answer to a scrape.
pub(crate) struct Answer {
    pub(crate) asked: Instant,
    pub(crate) text: String,
}

impl Watched {
    pub(crate) fn new(name: &'static str, agent: Agent) -> Self {
        Self { name, agent, samples: Vec::new() }
    }

    pub(crate) fn ask(&self) -> String {
        self.agent.metrics()
    }

    /// Scrapes and measures.
    pub(crate) fn scrape(&mut self, at: Duration) -> Answer {
        let asked = Instant::now();
        let text = self.ask();
        let took = asked.elapsed();
        let pid = self.agent.pid();
        self.samples.push(Sample {
            at,
            resident: status(pid, "VmRSS:"),
            anonymous: status(pid, "RssAnon:"),
            descriptors: descriptors(pid),
            took,
            cpu_seconds: cpu_seconds(pid),
        });
        Answer { asked, text }
    }

    /// Once the number of descriptors and series stays the same for some scrapes.
    pub(crate) fn idle(&mut self, every: Duration) -> Idle {
        let pid = self.agent.pid();
        let now = |watched: &Self| {
            let series = watched.ask().lines().filter(|line| !line.starts_with('#')).count();
            (descriptors(pid), series)
        };
        let (mut before, mut same) = (now(self), 0);
        until(PATIENCE, "an agent that does nothing", || {
            thread::sleep(every);
            let there = now(self);
            same = if there == before { same + 1 } else { 0 };
            before = there;
            ensure(same >= 3, format!("{there:?}"))
        });
        let threads = usize::try_from(status(pid, "Threads:")).expect("few");
        Idle { descriptors: before.0, kinds: kinds(pid), threads, series: before.1 }
    }

    /// Its warnings and errors: how many, and the first.
    pub(crate) fn warnings(&self) -> (usize, String) {
        let log = self.agent.log();
        (log.lines().count(), log.lines().next().unwrap_or_default().to_owned())
    }

    /// Whether the log tells that nothing of a container was read.
    pub(crate) fn says_unread(&self, container: &str) -> bool {
        let name = format!("container.name={container} ");
        self.agent.log().lines().any(|line| line.contains(UNREAD) && line.contains(&name))
    }
}

/// Containers that container-exporter tells of.
pub(crate) fn containers_told(answer: &str) -> usize {
    answer
        .lines()
        .filter(|line| line.starts_with("container_last_seen{") && !line.contains("name=\"\""))
        .count()
}

fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("a process").count()
}

fn kinds(pid: u32) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).expect("a process").filter_map(Result::ok) {
        let target =
            fs::read_link(entry.path()).map_or_else(|_| "?".to_owned(), |path| path.display().to_string());
        let kind = if target.starts_with('/') {
            // The kernel may drop its own names of files of /proc that are still open.
            let name = target.strip_suffix(" (deleted)").filter(|name| name.starts_with("/proc/"));
            name.map_or_else(|| target.clone(), str::to_owned)
        } else {
            target.split(":[").next().unwrap_or_default().to_owned()
        };
        *kinds.entry(kind).or_default() += 1;
    }
    kinds
}

impl Idle {
    /// Descriptors that were not there before, and how many more of each kind. One of each file of a device that the
    /// machine has now is no leak: devices come by others' doing.
    pub(crate) fn beyond(&self, before: &Self) -> String {
        let more = self.kinds.iter().filter_map(|(kind, count)| {
            let device = kind.starts_with("/sys/") && Path::new(kind).exists();
            let expected = before.kinds.get(kind).copied().unwrap_or(0).max(usize::from(device));
            let more = count.saturating_sub(expected);
            (more > 0).then(|| format!("{more} {kind}"))
        });
        more.collect::<Vec<_>>().join(", ")
    }
}

fn status(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a field");
    line.split_whitespace().next().expect("a number").parse().expect("a number")
}

/// User and system time; the kernel counts in hundredths of a second.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let fields: Vec<_> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("ticks");
    (ticks(11) + ticks(12)) / 100.0
}
