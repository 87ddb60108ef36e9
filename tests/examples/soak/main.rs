//! Containers come and go for an hour while all three agents are watched; `tests/soak.sh` builds and runs this, `make soak`
//! that.
//!
//! On an engine of its own. Steady containers print numbered lines at ten times the normal rate, others are started and
//! removed as fast as the engine can, a network device comes and goes, the receiver of the lines breaks its connections
//! every minute. Prints a report and writes it into `docs/soak.md`; exits 1 where something leaked, a gone container was
//! still told of, or a line was lost.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a soak that cannot go on ends, and its output is the report"
)]

mod churn;
mod ghosts;
mod report;
mod watch;

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use e2e::agent::Agent;
use e2e::engine::Engine;
use e2e::ledger::Ledger;
use e2e::printers::Printers;
use e2e::wait::{ensure, until};

use self::churn::Churn;
use self::ghosts::{Ghosts, Veth};
use self::report::Report;
use self::watch::{Watched, containers_told};

/// For what ends by itself, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(600);

/// Containers that stay.
const STEADY: usize = 20;

/// A variable as a number.
fn setting(name: &str, default: f64) -> f64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name}: {value}")))
}

fn main() -> ExitCode {
    let duration = Duration::from_secs_f64(setting("MINUTES", 60.0) * 60.0);
    let every = Duration::from_secs_f64(setting("SCRAPE_SECONDS", 1.5));
    let reset_every = Duration::from_secs_f64(setting("RESET_SECONDS", 60.0));
    let engine = Engine::start("soak", 29);
    let receiver = Ledger::start();
    let mut agents = start_agents(&engine, receiver.port());
    let rotated = ["--log-opt", "max-size=5m", "--log-opt", "max-file=3"];
    let steady = Printers::start(&engine, "steady", STEADY, &rotated);
    // What is opened with the first line and the first broken connection stays open.
    let (steady, first) = steady.print(100.0, Duration::from_secs(2)).join().expect("the writer");
    receiver.wait_for_all(&first.lines, PATIENCE / 10);
    receiver.reset();
    let (steady, first) = steady.print(100.0, Duration::from_secs(5)).join().expect("the writer");
    receiver.wait_for_all(&first.lines, PATIENCE / 10);
    let idle = settle(&mut agents, every);

    let (begun, mut reset, mut ghosts) = (Instant::now(), Instant::now(), Ghosts::default());
    let churn = Churn::start(&engine, setting("WORKERS", 8.0));
    let steady = steady.print(setting("LINES_PER_SECOND", 2000.0), duration);
    while begun.elapsed() < duration {
        let next = Instant::now() + every;
        let veth = Veth::new();
        for watched in &mut agents {
            let answer = watched.scrape(begun.elapsed());
            ghosts.look(watched, &answer, &churn);
        }
        drop(veth);
        if reset.elapsed() >= reset_every {
            receiver.reset();
            reset = Instant::now();
        }
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let took = begun.elapsed();
    let churned = churn.end();
    let (_containers, printed) = steady.join().expect("the writer");
    let all =
        printed.lines.iter().cloned().chain(churned.names.iter().map(|name| (name.clone(), churn::LINES)));
    let lines = receiver.wait_for_all(&all.collect::<Vec<_>>(), PATIENCE / 10);
    let after = settle(&mut agents, every);
    let resets = receiver.resets();
    let report = Report { took, every, churned, printed, lines, ghosts, idle, after, resets };
    let failed = report.tell(&agents);
    ExitCode::from(u8::from(failed))
}

/// The three agents as their stack runs them, log-router with a fresh state.
fn start_agents(engine: &Engine, port: u16) -> [Watched; 3] {
    let docker = format!("--docker={}", engine.host());
    let state = engine.data().with_file_name("state");
    let state_path = format!("--state.path={}", state.display());
    let route = format!("syslog+tcp://127.0.0.1:{port}");
    let name = [("NODE_NAME", "soak")];
    let router = [docker.as_str(), &state_path, "--log.level=warn", &route];
    [
        Watched::new("node-exporter", Agent::start("node-exporter", &["--log.level=warn"], &name)),
        Watched::new(
            "container-exporter",
            Agent::start("container-exporter", &[&docker, "--log.level=warn"], &name),
        ),
        Watched::new(
            "log-router",
            Agent::start("log-router", &router, &[("SYSLOG_FORMAT", "rfc3164"), name[0]]),
        ),
    ]
}

/// Waits until exactly the steady containers are told and nothing is under way any more; descriptors, threads and series
/// of each agent then.
fn settle(agents: &mut [Watched; 3], every: Duration) -> [watch::Idle; 3] {
    until(PATIENCE, "only the steady containers are told", || {
        let told = containers_told(&agents[1].ask());
        ensure(told == STEADY, format!("{told} of {STEADY}"))
    });
    until(PATIENCE, "log-router reads only the steady containers", || {
        let answer = agents[2].ask();
        let read = answer.lines().filter(|line| line.starts_with("log_router_containers{"));
        let read: usize = read.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum();
        ensure(read == STEADY, format!("{read} of {STEADY}"))
    });
    agents.each_mut().map(|watched| watched.idle(every))
}
