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

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use e2e::agent::{Agent, free_port};
use e2e::engine::Engine;
use e2e::wait::{ensure, until};

const PATIENCE: Duration = Duration::from_secs(300);
/// With its newline.
const LINE_BYTES: usize = 85;

/// A variable as a number.
fn setting(name: &str, default: f64) -> f64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name}: {value}")))
}

/// A variable as a whole number.
fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name}: {value}")))
}

fn newlines(text: &[u8]) -> usize {
    text.split(|byte| *byte == b'\n').count() - 1
}

/// A receiver that counts.
struct Counter {
    port: u16,
    lines: Arc<AtomicU64>,
}

impl Counter {
    fn start() -> Self {
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

    fn wait(&self, lines: usize, what: &str) {
        until(PATIENCE, what, || {
            let there = self.lines.load(Ordering::SeqCst);
            ensure(there >= lines as u64, format!("{there} of {lines}"))
        });
    }
}

/// User and system time of a process in microseconds; the kernel counts in hundredths of a second.
fn cpu_micros(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let fields: Vec<_> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("ticks");
    (ticks(11) + ticks(12)) * 10_000.0
}

fn memory_mb(pid: u32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a field");
    line.split_whitespace().next().expect("a number").parse::<f64>().expect("a number") / 1024.0
}

/// The outputs of some containers.
struct Outputs(Vec<File>);

impl Outputs {
    fn of(engine: &Engine, prefix: &str, count: usize, options: &[&str]) -> Self {
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
    fn print(&mut self, lines: usize) {
        let line =
            format!("{:.<width$}\n", "a line of a service that says something", width = LINE_BYTES - 1);
        let many = line.repeat(lines.min(500));
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

/// A router of a fresh state on some containers.
fn router(engine: &Engine, prefix: &str, port: u16) -> Agent {
    let state = engine.data().with_file_name(format!("state-{prefix}-{port}"));
    let arguments = [
        format!("--docker={}", engine.host()),
        format!("--state.path={}", state.display()),
        "--log.level=warn".to_owned(),
        format!("syslog+tcp://127.0.0.1:{port}?filter.name={prefix}-*"),
    ];
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    Agent::start("log-router", &arguments, &[("SYSLOG_FORMAT", "rfc3164")])
}

/// One line of a table.
#[derive(Clone, Copy)]
struct Cost {
    /// Microseconds of CPU a line.
    cpu: f64,
    lines_per_second: f64,
    memory: f64,
}

impl Cost {
    fn print(&self, what: &str) {
        println!("  {what:46} {:>10.2} {:>12.0} {:>10.1}", self.cpu, self.lines_per_second, self.memory);
    }
}

/// Reads everything that is there.
fn read_all(engine: &Engine, prefix: &str, lines: usize) -> Cost {
    let counter = Counter::start();
    let begun = Instant::now();
    let router = router(engine, prefix, counter.port);
    counter.wait(lines, prefix);
    let seconds = begun.elapsed().as_secs_f64();
    Cost {
        cpu: cpu_micros(router.pid()) / lines as f64,
        lines_per_second: lines as f64 / seconds,
        memory: memory_mb(router.pid(), "VmHWM:"),
    }
}

fn rsyslog(log: &Path, lines: usize) -> Cost {
    let counter = Counter::start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let config = format!(
        "global(workDirectory=\"{}\") module(load=\"imfile\")\n\
         input(type=\"imfile\" File=\"{}\" Tag=\"bench:\" ruleset=\"out\")\n\
         ruleset(name=\"out\") {{ action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{}\" protocol=\"tcp\") }}\n",
        folder.path().display(),
        log.display(),
        counter.port
    );
    fs::write(path("conf"), config).expect("a configuration");
    let begun = Instant::now();
    let mut child = Command::new("rsyslogd")
        .args(["-n", "-f", &path("conf"), "-i", &path("pid")])
        .stderr(Stdio::null())
        .spawn()
        .expect("rsyslogd (tests/prepare.sh installs it)");
    counter.wait(lines, "rsyslog");
    let seconds = begun.elapsed().as_secs_f64();
    let cost = Cost {
        cpu: cpu_micros(child.id()) / lines as f64,
        lines_per_second: lines as f64 / seconds,
        memory: memory_mb(child.id(), "VmHWM:"),
    };
    child.kill().expect("rsyslogd runs");
    child.wait().expect("it ends");
    cost
}

/// This program as the least that anything can do: reads a file, writes the same bytes to TCP.
fn copy(log: &str, port: &str) -> ExitCode {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).expect("a receiver");
    let mut file = File::open(log).expect("a log");
    let mut buffer = vec![0; 256 * 1024];
    while let length @ 1.. = file.read(&mut buffer).expect("bytes") {
        stream.write_all(&buffer[..length]).expect("a receiver");
    }
    println!("{}", cpu_micros(std::process::id()));
    ExitCode::SUCCESS
}

fn copier(log: &Path, lines: usize) -> f64 {
    let counter = Counter::start();
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["copy", &log.display().to_string(), &counter.port.to_string()])
        .output()
        .expect("this program");
    counter.wait(lines, "the copy");
    String::from_utf8_lossy(&output.stdout).trim().parse::<f64>().expect("microseconds") / lines as f64
}

/// The engine's API as curl reads it, in microseconds a line.
fn curl(engine: &Engine, name: &str, lines: usize) -> f64 {
    let url = format!("http://x/containers/{name}/logs?stdout=1&stderr=1&timestamps=1");
    let script = format!(
        "TIMEFORMAT='%U %S'; time curl -sf --unix-socket {} '{url}' -o /dev/null",
        engine.socket().display()
    );
    let output = Command::new("bash").args(["-c", &script]).output().expect("bash and curl");
    assert!(output.status.success(), "curl: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let seconds: f64 = text.split_whitespace().filter_map(|part| part.parse::<f64>().ok()).sum();
    seconds * 1e6 / lines as f64
}

fn log_of(engine: &Engine, name: &str) -> PathBuf {
    PathBuf::from(engine.docker(&["inspect", "-f", "{{.LogPath}}", name]))
}

/// Waits until the engine has written so many lines.
fn logged(log: &Path, lines: usize) {
    // No record is shorter than its text and some sixty bytes around it.
    until(PATIENCE, "the engine's log", || {
        let bytes = fs::metadata(log).map_or(0, |metadata| metadata.len());
        ensure(bytes >= (lines * (LINE_BYTES + 60)) as u64, format!("{bytes} bytes"))
    });
}

struct Limits(bool);

impl Limits {
    fn check(&mut self, what: &str, value: f64, unit: &str, limit: f64) {
        let verdict = if value <= limit { "ok" } else { "TOO MUCH" };
        self.0 |= value > limit;
        println!("  {what:56} {value:>9.3} {unit:4} (limit {limit}) {verdict}");
    }
}

/// Prints at a pace into all outputs until the end; returns when it is over.
fn print_steadily(outputs: &mut Outputs, lines_per_second: usize, duration: Duration) {
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

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().collect();
    if let [_, command, log, port] = arguments.as_slice()
        && command == "copy"
    {
        return copy(log, port);
    }
    let lines = number("LINES", 1_000_000);
    let many = number("CONTAINERS", 200);
    let mut limits = Limits(false);
    let engine = Engine::start("bench", 28);
    println!("log-router: lines of {LINE_BYTES} bytes, json-file to a TCP sink, {lines} lines in each row");
    let mut sets = Vec::new();
    for (prefix, count) in [("one", 1), ("some", 20), ("many", many)] {
        let mut outputs = Outputs::of(&engine, prefix, count, &[]);
        outputs.print(lines / count);
        for number in 0..count {
            logged(&log_of(&engine, &format!("{prefix}-{number}")), lines / count);
        }
        sets.push((prefix, count, outputs));
    }

    println!("  {:46} {:>10} {:>12} {:>10}", "", "CPU µs", "lines/s", "peak MB");
    let mut costs = Vec::new();
    for (prefix, count, _) in &sets {
        let cost = read_all(&engine, prefix, lines / count * count);
        cost.print(&format!("log-router, {count} containers"));
        costs.push(cost);
    }
    let log = log_of(&engine, "one-0");
    rsyslog(&log, lines).print("rsyslog's imfile, 1 container, JSON not parsed");
    let least = copier(&log, lines);
    println!("  {:46} {least:>10.2}", "the same bytes read and written, no more");
    limits.check("CPU a line, 1 container", costs[0].cpu, "µs", setting("MAX_CPU_US", 1.0));
    println!("  {:56} {:>9.2} x", "beside reading and writing alone", costs[0].cpu / least.max(0.001));

    // The engine's API: the same stream for both. A file that follows the stream is what the API has to read.
    let api_lines = lines / 4;
    let mut api = Outputs::of(&engine, "api", 1, &["--log-driver", "local", "--log-opt", "max-size=1g"]);
    api.print(api_lines);
    let reach = until(PATIENCE, "the local log", || {
        let there = curl_lines(&engine, "api-0");
        ensure(there >= api_lines, format!("{there}")).map(|()| there)
    });
    let theirs = curl(&engine, "api-0", reach);
    let ours = read_all(&engine, "api", api_lines);
    println!("\nThrough the API (driver local), {api_lines} lines");
    ours.print("log-router");
    println!("  {:46} {theirs:>10.2}", "curl");
    limits.check("CPU beside curl", ours.cpu / theirs.max(0.001), "x", setting("MAX_CURL_RATIO", 1.5));

    // Idle.
    let (_, _, mut outputs) = sets.pop().expect("the last set");
    let counter = Counter::start();
    let idle = router(&engine, "many", counter.port);
    counter.wait(lines / many * many, "the last set again");
    thread::sleep(Duration::from_secs(3));
    let seconds = setting("IDLE_SECONDS", 30.0);
    let before = cpu_micros(idle.pid());
    thread::sleep(Duration::from_secs_f64(seconds));
    let share = (cpu_micros(idle.pid()) - before) / seconds / 10_000.0;
    println!("\n{many} containers");
    limits.check("idle, of a core", share, "%", setting("MAX_IDLE_PERCENT", 0.3));
    drop(idle);

    // The sink down while everything writes.
    let minutes = setting("MINUTES", 0.5);
    let nobody = free_port();
    let down = router(&engine, "many", nobody);
    print_steadily(&mut outputs, 10_000, Duration::from_secs_f64(minutes * 60.0));
    let what = format!("resident, sink down, 10,000 lines/s for {minutes} min");
    limits.check(&what, memory_mb(down.pid(), "VmRSS:"), "MB", setting("MAX_RSS_MB", 32.0));
    println!("  {:56} {:>9.3} MB", "of it not shared with files", memory_mb(down.pid(), "RssAnon:"));
    let size = fs::metadata(e2e::agent::binary("log-router")).expect("the binary").len() as f64 / 1e6;
    limits.check("binary", size, "MB", setting("MAX_BINARY_MB", 8.0));
    ExitCode::from(u8::from(limits.0))
}

fn curl_lines(engine: &Engine, name: &str) -> usize {
    let text = Command::new("curl")
        .args(["-sf", "--unix-socket", &engine.socket().display().to_string()])
        .arg(format!("http://x/containers/{name}/logs?stdout=1"))
        .output()
        .expect("curl");
    newlines(&text.stdout)
}
