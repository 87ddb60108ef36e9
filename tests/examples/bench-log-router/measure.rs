//! What the parts of the benchmark share: containers that print, a receiver that counts, CPU and memory of a process.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use e2e::agent::Agent;
use e2e::engine::Engine;
use e2e::wait::{ensure, until};

pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// With its newline.
pub(crate) const LINE_BYTES: usize = 85;

/// A variable as a number.
pub(crate) fn setting(name: &str, default: f64) -> f64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name}: {value}")))
}

/// A variable as a whole number.
pub(crate) fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name}: {value}")))
}

pub(crate) fn newlines(text: &[u8]) -> usize {
    text.split(|byte| *byte == b'\n').count() - 1
}

/// A receiver that counts.
pub(crate) struct Counter {
    pub(crate) port: u16,
    pub(crate) lines: Arc<AtomicU64>,
}

impl Counter {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let lines = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lines);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let counted = Arc::clone(&counted);
                thread::spawn(move || {
                    let mut buffer = vec![0; 1 << 20];
                    while let Ok(length @ 1..) = stream.read(&mut buffer) {
                        let lines = newlines(&buffer[..length]);
                        counted.fetch_add(lines as u64, Ordering::SeqCst);
                    }
                });
            }
        });
        Self { port, lines }
    }

    pub(crate) fn wait(&self, lines: usize, what: &str) {
        until(PATIENCE, what, || {
            let there = self.lines.load(Ordering::SeqCst);
            ensure(there >= lines as u64, format!("{there} of {lines}"))
        });
    }
}

/// User and system time of a process in microseconds; the kernel counts in hundredths of a second.
pub(crate) fn cpu_micros(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let fields: Vec<_> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("ticks");
    (ticks(11) + ticks(12)) * 10_000.0
}

pub(crate) fn memory_mb(pid: u32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a field");
    line.split_whitespace().next().expect("a number").parse::<f64>().expect("a number") / 1024.0
}

/// The outputs of some containers.
pub(crate) struct Outputs(Vec<File>);

impl Outputs {
    pub(crate) fn of(engine: &Engine, prefix: &str, count: usize, options: &[&str]) -> Self {
        let files = (0..count).map(|number| {
            let name = format!("{prefix}-{number}");
            let options = [&["--name", name.as_str(), "--network", "none"], options].concat();
            let id = engine.busybox(&options, &["sleep", "100000"]);
            let pid = engine.docker(&["inspect", "-f", "{{.State.Pid}}", &id]);
            File::options().write(true).open(format!("/proc/{pid}/fd/1")).expect("a container's output")
        });
        Self(files.collect())
    }

    /// Prints so many lines in each.
    pub(crate) fn print(&mut self, lines: usize) {
        self.print_like(lines, &["a line of a service that says something"]);
    }

    /// Prints lines that begin like these, in turn.
    pub(crate) fn print_like(&mut self, lines: usize, beginnings: &[&str]) {
        let line = |number: usize| {
            format!("{:.<width$}\n", beginnings[number % beginnings.len()], width = LINE_BYTES - 1)
        };
        let many: String = (0..lines.min(500)).map(line).collect();
        for file in &mut self.0 {
            let mut left = lines;
            while left > 0 {
                let now = left.min(500);
                file.write_all(&many.as_bytes()[..now * LINE_BYTES])
                    .expect("a container that takes its output");
                left -= now;
            }
        }
    }
}

/// A router of a fresh state on some containers; `route` goes before the filter.
pub(crate) fn router(engine: &Engine, prefix: &str, route: &str, flags: &[&str]) -> Agent {
    let state = engine.data().with_file_name(format!("state-{}", e2e::agent::free_port()));
    let (docker, state) =
        (format!("--docker={}", engine.host()), format!("--state.path={}", state.display()));
    let route = format!("{route}{}filter.name={prefix}-*", if route.contains('?') { '&' } else { '?' });
    let arguments = [&[docker.as_str(), &state, "--log.level=warn"], flags, &[route.as_str()]].concat();
    Agent::start("log-router", &arguments, &[("SYSLOG_FORMAT", "rfc3164")])
}

/// The same with a TCP sink.
pub(crate) fn syslog_router(engine: &Engine, prefix: &str, port: u16, flags: &[&str]) -> Agent {
    router(engine, prefix, &format!("syslog+tcp://127.0.0.1:{port}"), flags)
}

/// One line of a table.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    /// Microseconds of CPU a line.
    pub(crate) cpu: f64,
    pub(crate) lines_per_second: f64,
    pub(crate) memory: f64,
}

impl Cost {
    pub(crate) fn print(&self, what: &str) {
        println!("  {what:46} {:>10.2} {:>12.0} {:>10.1}", self.cpu, self.lines_per_second, self.memory);
    }
}

/// Reads everything that is there.
pub(crate) fn read_all(engine: &Engine, prefix: &str, lines: usize, flags: &[&str]) -> Cost {
    let counter = Counter::start();
    let begun = Instant::now();
    let router = syslog_router(engine, prefix, counter.port, flags);
    counter.wait(lines, prefix);
    let seconds = begun.elapsed().as_secs_f64();
    Cost {
        cpu: cpu_micros(router.pid()) / lines as f64,
        lines_per_second: lines as f64 / seconds,
        memory: memory_mb(router.pid(), "VmHWM:"),
    }
}

pub(crate) fn log_of(engine: &Engine, name: &str) -> PathBuf {
    PathBuf::from(engine.docker(&["inspect", "-f", "{{.LogPath}}", name]))
}

/// Waits until the engine has written so many lines.
pub(crate) fn logged(log: &Path, lines: usize) {
    // No record is shorter than its text and some sixty bytes around it.
    until(PATIENCE, "the engine's log", || {
        let bytes = fs::metadata(log).map_or(0, |metadata| metadata.len());
        ensure(bytes >= (lines * (LINE_BYTES + 60)) as u64, format!("{bytes} bytes"))
    });
}

pub(crate) struct Limits(pub(crate) bool);

impl Limits {
    pub(crate) fn check(&mut self, what: &str, value: f64, unit: &str, limit: f64) {
        let verdict = if value <= limit { "ok" } else { "TOO MUCH" };
        self.0 |= value > limit;
        println!("  {what:56} {value:>9.3} {unit:4} (limit {limit}) {verdict}");
    }
}

/// Prints at a pace into all outputs until the end; returns when it is over.
pub(crate) fn print_steadily(outputs: &mut Outputs, lines_per_second: usize, duration: Duration) {
    let begun = Instant::now();
    let each = lines_per_second / outputs.0.len();
    let mut seconds = 0;
    while begun.elapsed() < duration {
        outputs.print(each);
        seconds += 1;
        let next = begun + Duration::from_secs(seconds);
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}
