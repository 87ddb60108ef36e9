//! Nodes by simulation.

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use e2e::document::{machine, today};

use crate::process::memory_mb;
use crate::server::Servers;
use crate::steps::{INTERVAL, Step, climb};
use crate::{panels, setting, tell};

/// For which numbers of nodes everything is computed, where they were not measured.
const BEYOND: [u32; 4] = [60, 250, 1000, 4000];

/// Steps, the largest number for a while, its disk, the home board's queries.
pub(crate) fn measure() -> bool {
    let servers = Servers::start();
    let begun = Instant::now();
    let (steps, end) = climb(&servers);
    let Some(largest) = steps.iter().rfind(|step| step.problem.is_none()).cloned() else {
        println!("WRONG: not even the first step holds: {end}");
        return false;
    };
    servers.set_nodes(largest.nodes);
    thread::sleep(Duration::from_secs_f64(setting("HOLD", 10.0) * 60.0));
    let held = Held::measure(&servers, begun.elapsed());
    let mut text = format!("{}, {}. Prometheus {}.\n\n", today(), machine(), version(&servers));
    table(&mut text, &steps, &end);
    each(&mut text, &largest, &held);
    extrapolate(&mut text, &steps, &held);
    tell("nodes", &text);
    panels::measure(&servers, largest.nodes);
    true
}

/// What stays of the largest number after a while.
struct Held {
    minutes: f64,
    memory_mb: f64,
    series: f64,
    /// Of a block of what was there: a sample without the index, and the index for one series, in bytes.
    sample_bytes: f64,
    index_bytes: f64,
}

impl Held {
    fn measure(servers: &Servers, since: Duration) -> Self {
        let memory_mb = memory_mb(servers.prometheus.id(), "VmRSS:");
        let block = servers.snapshot();
        let meta = std::fs::read_to_string(block.join("meta.json")).expect("a block");
        let meta: serde_json::Value = serde_json::from_str(&meta).expect("JSON");
        let count = |what: &str| meta["stats"][what].as_f64().expect("a number");
        let chunks = crate::process::folder_mb(&block.join("chunks"));
        Self {
            minutes: since.as_secs_f64() / 60.0,
            memory_mb,
            series: count("numSeries"),
            sample_bytes: chunks * 1e6 / count("numSamples"),
            index_bytes: Servers::file_mb(&block.join("index")) * 1e6 / count("numSeries"),
        }
    }

    /// In MB a day, for one node: samples, and the index of each block of two hours (compaction makes it less).
    fn disk_mb_per_day(&self, series_per_node: f64) -> f64 {
        let samples = 86_400.0 / INTERVAL;
        series_per_node * (samples * self.sample_bytes + 12.0 * self.index_bytes) / 1e6
    }
}

fn version(servers: &Servers) -> String {
    let answer = servers.ask("query?query=prometheus_build_info");
    answer.result.first().and_then(|first| first["metric"]["version"].as_str()).unwrap_or("?").to_owned()
}

fn table(text: &mut String, steps: &[Step], end: &str) {
    text.push_str(
        "| nodes | series | samples/s | CPU, cores | resident MB | write-ahead log MB/min | a scrape, median and longest | targets missed or down | all rules once | simulated nodes' CPU | CPU that nobody used |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for step in steps {
        let _never_fails = writeln!(
            text,
            "| {} | {:.0} | {:.0} | {:.2} | {:.0} | {:.1} | {:.0}, {:.0} ms | {:.0} | {:.2} s | {:.2} | {:.2} |",
            step.nodes,
            step.series,
            step.samples_per_second,
            step.cpu,
            step.memory_mb,
            step.wal_mb_per_second * 60.0,
            step.usual * 1000.0,
            step.longest * 1000.0,
            step.missed + step.down,
            step.rules,
            step.nodes_cpu,
            step.idle,
        );
    }
    let _never_fails = writeln!(text, "\nWhere it ended: {end}.\n");
}

fn each(text: &mut String, largest: &Step, held: &Held) {
    let nodes = f64::from(largest.nodes);
    let series = held.series / nodes;
    let _never_fails = writeln!(
        text,
        "| one node with 20 containers, at {} nodes | |\n|---|---|\n| series | {series:.0} |\n| samples a second | {:.0} |\n\
         | Prometheus' CPU | {:.4} of a core |\n| Prometheus' memory, {:.0} minutes after the start | {:.2} MB |\n\
         | disk, a sample without the index | {:.2} bytes |\n| disk, the index of a block for one series | {:.0} bytes |\n\
         | disk (computed) | {:.1} MB a day, {:.2} GB in 15 days |\n",
        largest.nodes,
        largest.samples_per_second / nodes,
        largest.cpu / nodes,
        held.minutes,
        held.memory_mb / nodes,
        held.sample_bytes,
        held.index_bytes,
        held.disk_mb_per_day(series),
        held.disk_mb_per_day(series) * 15.0 / 1000.0,
    );
}

/// Straight lines through what was measured.
fn extrapolate(text: &mut String, steps: &[Step], held: &Held) {
    let good: Vec<_> = steps.iter().filter(|step| step.problem.is_none()).collect();
    let largest = good.last().expect("a step");
    let nodes = f64::from(largest.nodes);
    let line = |of: fn(&Step) -> f64| {
        let first = good[0];
        if good.len() < 2 {
            return (0.0, of(largest) / nodes);
        }
        let slope = (of(largest) - of(first)) / (nodes - f64::from(first.nodes));
        (of(first) - slope * f64::from(first.nodes), slope)
    };
    let (cpu, memory) = (line(|step| step.cpu), line(|step| step.memory_mb));
    let grown = held.memory_mb / largest.memory_mb;
    text.push_str(
        "| nodes | | series | CPU, cores | resident GB | disk GB a day |\n|---|---|---|---|---|---|\n",
    );
    for number in BEYOND {
        let mark = if number <= largest.nodes { "between steps" } else { "**extrapolated, not measured**" };
        let number_of = f64::from(number);
        let series = held.series / nodes;
        let _never_fails = writeln!(
            text,
            "| {number} | {mark} | {:.0} | {:.2} | {:.2} | {:.1} |",
            series * number_of,
            (cpu.0 + cpu.1 * number_of).max(0.0),
            (memory.0 + memory.1 * number_of).max(0.0) * grown / 1000.0,
            held.disk_mb_per_day(series) * number_of / 1000.0,
        );
    }
}
