//! What log-router costs; `tests/bench/log-router.sh` builds and runs this, `make bench` that.
//!
//! On an engine of its own: numbered containers that sleep, and lines of 85 bytes that this program writes into their
//! output, so that the engine logs them as their own. Prints tables; exits 1 where a limit is passed.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on ends, and its output is the report"
)]

mod measure;
mod peers;
mod search;

use std::cell::{RefCell, RefMut};
use std::fs;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use e2e::agent::free_port;
use e2e::engine::Engine;
use e2e::wait::{ensure, until};

use self::measure::{
    Counter, LINE_BYTES, Limits, Outputs, PATIENCE, cpu_micros, log_of, logged, memory_mb, number,
    print_steadily, read_all, setting, syslog_router,
};
use self::peers::{copier, copy, curl, curl_lines, rsyslog};

type Part = fn(&Bench, &mut Limits);

/// What is measured, by the names that `PARTS` chooses from.
const PARTS: [(&str, Part); 6] = [
    ("files", files),
    ("levels", levels),
    ("api", api),
    ("search", search::measure),
    ("idle", idle),
    ("down", sink_down),
];

/// What all parts share.
struct Bench {
    engine: Engine,
    /// In each row.
    lines: usize,
    /// In the largest set.
    containers: usize,
    /// That set, made by the first part that needs it: starting so many takes minutes.
    many: RefCell<Option<Many>>,
}

struct Many {
    outputs: Outputs,
    /// Printed in each.
    lines: usize,
}

impl Bench {
    /// The largest set, and how many lines each of it has printed: at least so many.
    fn many(&self, lines: usize) -> RefMut<'_, Many> {
        let mut many = RefMut::map(self.many.borrow_mut(), |many| {
            many.get_or_insert_with(|| Many {
                outputs: Outputs::of(&self.engine, "many", self.containers, &[]),
                lines: 0,
            })
        });
        let missing = lines.saturating_sub(many.lines);
        if missing > 0 {
            many.outputs.print(missing);
            many.lines += missing;
        }
        for number in 0..self.containers {
            logged(&log_of(&self.engine, &format!("many-{number}")), many.lines);
        }
        many
    }
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().collect();
    if let [_, command, log, port] = arguments.as_slice()
        && command == "copy"
    {
        return copy(log, port);
    }
    let chosen = std::env::var("PARTS").unwrap_or_else(|_| PARTS.map(|(name, _)| name).join(" "));
    for name in chosen.split_whitespace() {
        assert!(PARTS.iter().any(|(known, _)| *known == name), "PARTS: {name}");
    }
    let bench = Bench {
        engine: Engine::start("bench", 28),
        lines: number("LINES", 1_000_000),
        containers: number("CONTAINERS", 200),
        many: RefCell::new(None),
    };
    let mut limits = Limits(false);
    println!("log-router: lines of {LINE_BYTES} bytes");
    for (name, part) in PARTS {
        if chosen.split_whitespace().any(|chosen| chosen == name) {
            part(&bench, &mut limits);
        }
    }
    let size = fs::metadata(e2e::agent::binary("log-router")).expect("the binary").len() as f64 / 1e6;
    println!();
    limits.check("binary", size, "MB", setting("MAX_BINARY_MB", 8.0));
    ExitCode::from(u8::from(limits.0))
}

fn heading(what: &str) {
    println!("\n  {what:46} {:>10} {:>12} {:>10}", "CPU µs/line", "lines/s", "peak MB");
}

/// From json-file logs to a TCP sink.
fn files(bench: &Bench, limits: &mut Limits) {
    let Bench { engine, lines, .. } = bench;
    for (prefix, count) in [("one", 1), ("some", 20)] {
        Outputs::of(engine, prefix, count, &[]).print(lines / count);
        for number in 0..count {
            logged(&log_of(engine, &format!("{prefix}-{number}")), lines / count);
        }
    }
    drop(bench.many(lines / bench.containers));
    heading(&format!("json-file to a TCP sink, {lines} lines"));
    let mut costs = Vec::new();
    for (prefix, count) in [("one", 1), ("some", 20), ("many", bench.containers)] {
        let cost = read_all(engine, prefix, lines / count * count, &[]);
        cost.print(&format!("log-router, {count} containers"));
        costs.push(cost);
    }
    let log = log_of(engine, "one-0");
    rsyslog(&log, *lines).print("rsyslog's imfile, 1 container, JSON not parsed");
    let least = copier(&log, *lines);
    println!("  {:46} {least:>10.2}", "the same bytes read and written, no more");
    limits.check("CPU a line, 1 container", costs[0].cpu, "µs", setting("MAX_CPU_US", 1.0));
    println!("  {:56} {:>9.2} x", "beside reading and writing alone", costs[0].cpu / least.max(0.001));
    remove(engine, "one");
    remove(engine, "some");
}

/// What finding the severity costs, for lines that state it in different ways and for lines that do not.
fn levels(bench: &Bench, _limits: &mut Limits) {
    let Bench { engine, lines, .. } = bench;
    let sets: [(&str, &str, &[&str]); 2] = [
        ("plain", "no level in any line", &["a line of a service that says something"]),
        (
            "stated",
            "a level in each line, six forms",
            &[
                r#"{"ts":1700000000,"level":"info","msg":"request done","path":"/"}"#,
                "time=2026-11-24T10:00:00Z level=warning msg=\"slow answer\" ms=1200",
                "ERROR: cannot connect",
                "I1124 10:00:00.000000       1 controller.go:17] synced",
                "2026-11-24 10:00:00,000 WARN  [main] org.example.App - text",
                "2026/11/24 10:00:00 [error] 7#7: *1 open() failed",
            ],
        ),
    ];
    for (prefix, _, beginnings) in sets {
        Outputs::of(engine, prefix, 1, &[]).print_like(*lines, beginnings);
        logged(&log_of(engine, &format!("{prefix}-0")), *lines);
    }
    heading(&format!("severity, {lines} lines"));
    for (prefix, what, _) in sets {
        let with = read_all(engine, prefix, *lines, &[]);
        let without = read_all(engine, prefix, *lines, &["--no-level-detection"]);
        with.print(what);
        without.print("the same with --no-level-detection");
        println!("  {:46} {:>10.2}", "detection", with.cpu - without.cpu);
        remove(engine, prefix);
    }
}

/// The engine's API, for logs that are no files: the same stream for both.
fn api(bench: &Bench, limits: &mut Limits) {
    let (engine, lines) = (&bench.engine, bench.lines / 4);
    let mut outputs = Outputs::of(engine, "api", 1, &["--log-driver", "local", "--log-opt", "max-size=1g"]);
    outputs.print(lines);
    until(PATIENCE, "the local log", || {
        let there = curl_lines(engine, "api-0");
        ensure(there >= lines, format!("{there}"))
    });
    heading(&format!("through the API (driver local), {lines} lines"));
    let theirs = curl(engine, "api-0", lines);
    let ours = read_all(engine, "api", lines, &[]);
    ours.print("log-router");
    println!("  {:46} {theirs:>10.2}", "curl");
    limits.check("CPU beside curl", ours.cpu / theirs.max(0.001), "x", setting("MAX_CURL_RATIO", 1.5));
    remove(engine, "api");
}

/// Nothing is printed.
fn idle(bench: &Bench, limits: &mut Limits) {
    let containers = bench.containers;
    let lines = bench.many(10).lines * containers;
    let counter = Counter::start();
    let idle = syslog_router(&bench.engine, "many", counter.port, &[]);
    counter.wait(lines, "all lines");
    thread::sleep(Duration::from_secs(3));
    let seconds = setting("IDLE_SECONDS", 60.0);
    let before = cpu_micros(idle.pid());
    thread::sleep(Duration::from_secs_f64(seconds));
    let share = (cpu_micros(idle.pid()) - before) / seconds / 10_000.0;
    println!("\n  {containers} containers that print nothing, {seconds} s");
    limits.check("idle, of a core", share, "%", setting("MAX_IDLE_PERCENT", 0.3));
}

/// The sink is down while everything writes.
fn sink_down(bench: &Bench, limits: &mut Limits) {
    let mut many = bench.many(10);
    let minutes = setting("MINUTES", 0.5);
    let down = syslog_router(&bench.engine, "many", free_port(), &[]);
    print_steadily(&mut many.outputs, 10_000, Duration::from_secs_f64(minutes * 60.0));
    println!("\n  {} containers, the sink is down", bench.containers);
    let what = format!("resident, 10,000 lines/s for {minutes} min");
    limits.check(&what, memory_mb(down.pid(), "VmRSS:"), "MB", setting("MAX_RSS_MB", 32.0));
    println!("  {:56} {:>9.3} MB", "of it not shared with files", memory_mb(down.pid(), "RssAnon:"));
}

/// Removes the containers of a part.
fn remove(engine: &Engine, prefix: &str) {
    let ids = engine.docker(&["ps", "-aq", "--filter", &format!("name=^{prefix}-")]);
    let ids: Vec<_> = ids.split_whitespace().collect();
    engine.docker(&[&["rm", "-f"], ids.as_slice()].concat());
}
