//! What log-router is compared with.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use e2e::engine::Engine;

use crate::measure::{Cost, Counter, cpu_micros, memory_mb, newlines};

pub(crate) fn rsyslog(log: &Path, lines: usize) -> Cost {
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
pub(crate) fn copy(log: &str, port: &str) -> ExitCode {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).expect("a receiver");
    let mut file = File::open(log).expect("a log");
    let mut buffer = vec![0; 256 * 1024];
    while let length @ 1.. = file.read(&mut buffer).expect("bytes") {
        stream.write_all(&buffer[..length]).expect("a receiver");
    }
    println!("{}", cpu_micros(std::process::id()));
    ExitCode::SUCCESS
}

pub(crate) fn copier(log: &Path, lines: usize) -> f64 {
    let counter = Counter::start();
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["copy", &log.display().to_string(), &counter.port.to_string()])
        .output()
        .expect("this program");
    counter.wait(lines, "the copy");
    String::from_utf8_lossy(&output.stdout).trim().parse::<f64>().expect("microseconds") / lines as f64
}

/// The engine's API as curl reads it, in microseconds a line.
pub(crate) fn curl(engine: &Engine, name: &str, lines: usize) -> f64 {
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

pub(crate) fn curl_lines(engine: &Engine, name: &str) -> usize {
    let text = Command::new("curl")
        .args(["-sf", "--unix-socket", &engine.socket().display().to_string()])
        .arg(format!("http://x/containers/{name}/logs?stdout=1"))
        .output()
        .expect("curl");
    newlines(&text.stdout)
}
