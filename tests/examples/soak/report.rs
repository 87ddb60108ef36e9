//! What a soak found, as text and as tables of `docs/soak.md`.

use std::fmt::Write as _;
use std::time::Duration;

use e2e::ledger::Lines;
use e2e::printers::Printed;

use crate::churn::Churned;
use crate::ghosts::Ghosts;
use crate::watch::{Idle, Sample, Watched};
use crate::{STEADY, setting};

/// Everything that was found.
pub(crate) struct Report {
    pub(crate) took: Duration,
    pub(crate) every: Duration,
    pub(crate) churned: Churned,
    pub(crate) printed: Printed,
    pub(crate) lines: Lines,
    pub(crate) ghosts: Ghosts,
    /// Of each agent, before and after.
    pub(crate) idle: [Idle; 3],
    pub(crate) after: [Idle; 3],
    pub(crate) resets: u64,
}

/// How the memory of an agent went, after the first fifth (at most ten minutes).
struct Memory {
    /// Medians of the first and the last tenth, KiB.
    first: u64,
    last: u64,
    /// By least squares, KiB an hour.
    slope: f64,
    highest: u64,
}

impl Memory {
    fn of(samples: &[Sample], took: Duration) -> Self {
        let warm = (took / 5).min(Duration::from_secs(600));
        let samples: Vec<_> = samples.iter().filter(|sample| sample.at >= warm).collect();
        let points: Vec<_> =
            samples.iter().map(|s| (s.at.as_secs_f64() / 3600.0, s.anonymous as f64)).collect();
        let count = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|p| p.0), mean(|p| p.1));
        let (mut up, mut down) = (0.0, 0.0);
        for (at, value) in &points {
            up += (at - x) * (value - y);
            down += (at - x) * (at - x);
        }
        let tenth = (samples.len() / 10).max(1);
        let median = |part: &[&Sample]| {
            let mut values: Vec<_> = part.iter().map(|sample| sample.anonymous).collect();
            values.sort_unstable();
            values[values.len() / 2]
        };
        Self {
            first: median(&samples[..tenth]),
            last: median(&samples[samples.len() - tenth..]),
            slope: up / down,
            highest: samples.iter().map(|sample| sample.resident).max().unwrap_or(0),
        }
    }
}

impl Report {
    /// Prints, writes and judges; true where something is wrong.
    pub(crate) fn tell(&self, agents: &[Watched; 3]) -> bool {
        let limit = setting("MAX_GROWTH_KB", 1024.0);
        let mut wrong: Vec<String> = Vec::new();
        let mut text = self.load();
        text.push_str("\n| agent | heap after the warm-up, at the end | slope | resident at most | descriptors before, at most, after | threads before, after | series before, after | CPU of a core | scrape, median and longest | warnings |\n|---|---|---|---|---|---|---|---|---|---|\n");
        for (index, watched) in agents.iter().enumerate() {
            let (memory, idle, after) =
                (Memory::of(&watched.samples, self.took), &self.idle[index], &self.after[index]);
            self.row(&mut text, watched, &memory, idle, after);
            let growth = memory.last as f64 - memory.first as f64;
            if growth > limit {
                wrong.push(format!("{}: the heap grew by {growth} KiB (limit {limit})", watched.name));
            }
            let more = after.beyond(idle);
            if !more.is_empty() {
                let (was, is) = (idle.descriptors, after.descriptors);
                wrong.push(format!("{}: {was} descriptors became {is}: {more}", watched.name));
            }
            // Devices of the machine come and go by others' doing.
            if watched.name != "node-exporter" && after.series > idle.series + SERIES_THAT_STAY {
                wrong.push(format!("{}: {} series became {}", watched.name, idle.series, after.series));
            }
        }
        for (agent, name) in self.ghosts.0.iter().take(10) {
            wrong.push(format!("{agent}: told of {name}, which was gone"));
        }
        let (told, silent): (Vec<_>, Vec<_>) =
            self.lines.missing.iter().partition(|(name, ..)| agents[2].says_unread(name));
        for (name, count, first) in silent.iter().take(10) {
            wrong.push(format!("{name}: {count} lines are missing, the first is {first}"));
        }
        if self.lines.strange > 0 {
            wrong.push(format!("{} lines that nobody printed", self.lines.strange));
        }
        text.push_str(&over_time(agents, self.took));
        let sum = |missing: &[&(String, u64, u64)]| missing.iter().map(|(_, count, _)| count).sum::<u64>();
        let (told_lines, lost) = (sum(&told), sum(&silent));
        let _never_fails = write!(
            text,
            "\n| what | found |\n|---|---|\n| lines printed | {} |\n| lines missing, and nobody says so | {lost} |\n\
             | lines of {} containers that were gone before their logs could be read, as log-router says | {told_lines} |\n| lines twice, after {} broken connections | {} |\n\
             | series of gone containers and devices | {} |\n| verdict | {} |\n",
            self.lines.written,
            told.len(),
            self.resets,
            self.lines.twice,
            self.ghosts.0.len(),
            if wrong.is_empty() { "nothing leaked, nothing lost".to_owned() } else { wrong.join("; ") }
        );
        println!("{text}");
        for watched in agents {
            let (count, first) = watched.warnings();
            if count > 0 {
                println!("{}: {count} warnings, the first: {first}", watched.name);
            }
        }
        for problem in &wrong {
            println!("WRONG: {problem}");
        }
        e2e::document::replace("docs/soak.md", "soak", &text);
        !wrong.is_empty()
    }

    fn load(&self) -> String {
        let seconds = self.churned.seconds;
        let containers = self.churned.names.len();
        format!(
            "{}, {:.0} minutes, {}.\n\n| load | |\n|---|---|\n\
             | containers that came and went | {containers}, {:.2} a second; {} that the engine could not start |\n\
             | containers that stayed | {} |\n| lines of those that stayed | {:.0} a second |\n| a scrape of each agent | every {} s |\n",
            e2e::document::today(),
            self.took.as_secs_f64() / 60.0,
            e2e::document::machine(),
            containers as f64 / seconds,
            self.churned.failed.len(),
            STEADY,
            self.printed.lines_per_second,
            self.every.as_secs_f64(),
        )
    }

    fn row(&self, text: &mut String, watched: &Watched, memory: &Memory, idle: &Idle, after: &Idle) {
        let mut took: Vec<_> = watched.samples.iter().map(|sample| sample.took).collect();
        took.sort_unstable();
        let most = watched.samples.iter().map(|sample| sample.descriptors).max().unwrap_or(0);
        let cpu =
            watched.samples.last().map_or(0.0, |last| last.cpu_seconds) - watched.samples[0].cpu_seconds;
        let _never_fails = writeln!(
            text,
            "| {} | {}, {} KiB | {:+.0} KiB/h | {:.1} MB | {}, {most}, {} | {}, {} | {}, {} | {:.2} % | {:.1}, {:.0} ms | {} |",
            watched.name,
            memory.first,
            memory.last,
            memory.slope,
            memory.highest as f64 * 1024.0 / 1e6,
            idle.descriptors,
            after.descriptors,
            idle.threads,
            after.threads,
            idle.series,
            after.series,
            cpu / self.took.as_secs_f64() * 100.0,
            took[took.len() / 2].as_secs_f64() * 1000.0,
            took[took.len() - 1].as_secs_f64() * 1000.0,
            watched.warnings().0,
        );
    }
}

/// The heap's median in each tenth of the time: what a slope alone does not show.
fn over_time(agents: &[Watched; 3], took: Duration) -> String {
    let mut text = "\n| heap in each tenth of the time, KiB | | | | | | | | | | |\n|---|---|---|---|---|---|---|---|---|---|---|\n".to_owned();
    for watched in agents {
        let _never_fails = write!(text, "| {} |", watched.name);
        for tenth in 0..10 {
            let part = |at: Duration| at >= took * tenth / 10 && at < took * (tenth + 1) / 10;
            let mut values: Vec<_> = watched
                .samples
                .iter()
                .filter(|sample| part(sample.at))
                .map(|sample| sample.anonymous)
                .collect();
            values.sort_unstable();
            let _never_fails = write!(text, " {} |", values.get(values.len() / 2).copied().unwrap_or(0));
        }
        text.push('\n');
    }
    text
}

/// Series that begin with the first event of their kind (a counter by reason, a histogram) and rightly stay.
const SERIES_THAT_STAY: usize = 40;
