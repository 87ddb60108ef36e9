//! One number of nodes after the other, until one does not hold.

use std::thread;
use std::time::{Duration, Instant};

use e2e::wait::{ensure, until};

use crate::process::{available_mb, cpu_seconds, folder_mb, idle_seconds, memory_mb};
use crate::server::Servers;
use crate::setting;

/// Each node's three agents are scraped every 15 s.
pub(crate) const INTERVAL: f64 = 15.0;
/// Until all targets were scraped once; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a step found.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) nodes: u32,
    pub(crate) series: f64,
    pub(crate) samples_per_second: f64,
    /// Of a core, Prometheus and the program that answers for the nodes.
    pub(crate) cpu: f64,
    pub(crate) nodes_cpu: f64,
    pub(crate) memory_mb: f64,
    /// Into the write-ahead log.
    pub(crate) wal_mb_per_second: f64,
    /// Of all scrapes, seconds.
    pub(crate) longest: f64,
    pub(crate) usual: f64,
    /// Targets that were not scraped as often as they should, or not at all.
    pub(crate) missed: f64,
    pub(crate) down: f64,
    /// All groups together, of one evaluation, seconds.
    pub(crate) rules: f64,
    /// Of a core, that nobody used.
    pub(crate) idle: f64,
    /// Why it does not hold.
    pub(crate) problem: Option<String>,
}

/// All steps up to the first that does not hold or was not tried for want of memory.
pub(crate) fn climb(servers: &Servers) -> (Vec<Step>, String) {
    let numbers =
        std::env::var("NODES").unwrap_or_else(|_| "50 100 200 400 600 800 1000 1500 2000".to_owned());
    let most = setting("MAX_MEMORY_MB", available_mb() / 2.0);
    let mut steps: Vec<Step> = Vec::new();
    for number in numbers.split_whitespace() {
        let nodes: u32 = number.parse().unwrap_or_else(|_| panic!("NODES: {number}"));
        if let Some(last) = steps.last() {
            // While targets are new, twice as much is needed for a moment.
            let expected = last.memory_mb * f64::from(nodes) / f64::from(last.nodes);
            if expected > most {
                let reason = format!(
                    "{nodes} were not tried: they would need about {expected:.0} MB, and {most:.0} MB is the limit set (MAX_MEMORY_MB)"
                );
                return (steps, reason);
            }
        }
        let step = take(servers, nodes, most);
        println!("{step:?}");
        let problem = step.problem.clone();
        steps.push(step);
        if let Some(problem) = problem {
            return (steps, format!("{nodes} did not hold: {problem}"));
        }
    }
    (steps, "no more were tried (NODES)".to_owned())
}

fn take(servers: &Servers, nodes: u32, most_mb: f64) -> Step {
    servers.set_nodes(nodes);
    let targets = "count(up{job=~\"node|cadvisor|log-router\"})";
    until(PATIENCE, "all targets", || {
        let there = servers.value(targets);
        ensure(there >= f64::from(nodes) * 3.0, format!("{there} of {}", nodes * 3))
    });
    // The first scrapes of a target cost more: its series are new.
    thread::sleep(Duration::from_secs_f64(3.0 * INTERVAL));
    let window = setting("WINDOW", 90.0);
    let (prometheus, simulator) = (servers.prometheus.id(), servers.nodes.id());
    let before =
        (cpu_seconds(prometheus), cpu_seconds(simulator), idle_seconds(), wal(servers), Instant::now());
    thread::sleep(Duration::from_secs_f64(window));
    let seconds = before.4.elapsed().as_secs_f64();
    let share = |after: f64, before: f64| (after - before) / seconds;
    let jobs = "{job=~\"node|cadvisor|log-router\"}";
    let wanted = (window / INTERVAL).floor() - 1.0;
    let mut step = Step {
        nodes,
        series: servers.value("prometheus_tsdb_head_series"),
        samples_per_second: servers
            .value(&format!("rate(prometheus_tsdb_head_samples_appended_total[{window}s])")),
        cpu: share(cpu_seconds(prometheus), before.0),
        nodes_cpu: share(cpu_seconds(simulator), before.1),
        memory_mb: memory_mb(prometheus, "VmRSS:"),
        wal_mb_per_second: share(wal(servers), before.3),
        longest: servers.value(&format!("max(max_over_time(scrape_duration_seconds{jobs}[{window}s]))")),
        usual: servers.value(&format!("quantile(0.5, scrape_duration_seconds{jobs})")),
        missed: servers.value(&format!("count(count_over_time(up{jobs}[{window}s]) < {wanted})")),
        down: servers.value(&format!("count(min_over_time(up{jobs}[{window}s]) == 0)")),
        rules: servers.value("sum(prometheus_rule_group_last_duration_seconds)"),
        idle: share(idle_seconds(), before.2),
        problem: None,
    };
    step.problem = problem(&step, most_mb);
    step
}

fn wal(servers: &Servers) -> f64 {
    folder_mb(&servers.data().join("wal"))
}

fn problem(step: &Step, most_mb: f64) -> Option<String> {
    if step.down > 0.0 {
        return Some(format!("{} targets did not answer in time", step.down));
    }
    if step.missed > 0.0 {
        return Some(format!("{} targets missed scrapes", step.missed));
    }
    if step.longest >= INTERVAL {
        return Some(format!("a scrape took {:.1} s", step.longest));
    }
    if step.memory_mb > most_mb {
        return Some(format!(
            "{:.0} MB, and {most_mb:.0} MB is the limit set (MAX_MEMORY_MB)",
            step.memory_mb
        ));
    }
    None
}
